#!/usr/bin/env bash
# Fifty groups on one interface, in one process a host: all are taken over at once, all are given
# back, all say farewell. Memory and CPU time are printed.
. "$(dirname "$0")/lib.sh"

count=50
segment 2
groups()
{
    local i
    echo "groups:"
    for ((i = 1; i <= count; i++)); do
        echo "  g$i: {interface: eth0, vhid: $i, key: secret, advskew: $1, addresses: [10.0.0.$((100 + i))/24]}"
    done
}
# How many of the fifty a host has now.
held_by()
{
    on "$1" ip -o -4 addr show dev eth0 | awk '{ split($4, a, /[.\/]/); if (a[4] > 100 && a[4] <= 150) n++ }
        END { print n + 0 }'
}
holds()
{
    [ "$(held_by "$1")" = "$2" ]
}
said_farewell()
{
    [ "$(count_farewells h1 "$stopped")" = "$1" ]
}
# Both processes of a daemon: proportional memory in KiB; time on the CPU in ms.
memory_kib()
{
    cat "/proc/${pid_of[$1]}/smaps_rollup" "/proc/$(worker_of "$1")/smaps_rollup" |
        awk '$1 == "Pss:" { kib += $2 } END { print kib }'
}
cpu_ms()
{
    cat "/proc/${pid_of[$1]}/schedstat" "/proc/$(worker_of "$1")/schedstat" |
        awk '{ ns += $1 } END { printf "%.3f", ns / 1e6 }'
}

carpd_yaml_on h1 < <(groups 0)
carpd_yaml_on h2 < <(groups 100)
wait_for 8 "h1 holds all $count addresses" holds h1 "$count"
check_equal "addresses on the backup" 0 "$(held_by h2)"

before=$(now)
master=$(cpu_ms h1)
backup=$(cpu_ms h2)
sleep 4
seconds=$(calc "$(now) - $before")
figure groups_master_cpu "$(calc "($(cpu_ms h1) - $master) / $seconds / 10")" "% of a core"
figure groups_backup_cpu "$(calc "($(cpu_ms h2) - $backup) / $seconds / 10")" "% of a core"
figure groups_master_memory "$(memory_kib h1)" KiB
figure groups_backup_memory "$(memory_kib h2)" KiB
check_within "adverts in 4 s" $((count * 3)) $((count * 5)) \
    "$(count_adverts h1 "$before" "$(calc "$before + 4")")"

cut_cable h1
silent=$(now) # after the cut: fifty adverts leave at once, maybe just before it
wait_for 7 "h2 holds all $count addresses" holds h2 "$count"
sleep 0.1
adverts >"$work/adverts"
latest=0
for ((vhid = 1; vhid <= count; vhid++)); do
    late=$(awk -v vhid="$vhid" -v silent="$silent" -v down="$(down_ms 1 100)" '
        $3 != vhid { next }
        $1 <= silent && $2 == "10.0.0.1" { last = $1 }
        $1 > silent && $2 == "10.0.0.2" && !first { first = $1 }
        END { if (last && first) printf "%.3f", (first - last) * 1000 - down }' "$work/adverts")
    check_within "ms from the limit to the new master's first advert, vhid $vhid" -1 1000 "$late"
    latest=$(awk -v a="$latest" -v b="$late" 'BEGIN { print (b > a ? b : a) }')
done
figure groups_latest_takeover "$latest" ms

mend
wait_for 4 "h2 gave all addresses back" holds h2 0
check_equal "addresses on the preferred host" "$count" "$(held_by h1)"

stopped=$(now)
send TERM h1
wait_for 3 "h2 holds all $count addresses" holds h2 "$count"
wait_end h1 3
check_equal "exit status" 0 "$exit_status"
check_equal "addresses left on a host that stopped" 0 "$(held_by h1)"
wait_for 2 "a farewell for each group" said_farewell "$count"
figure groups_stop_takeover \
    "$(ms_from_to "$stopped" "$(sort -n "$work/h2.watch" | awk '$3 == "got" { at = $1 } END { print at }')")" ms
test_end
