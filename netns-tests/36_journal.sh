#!/usr/bin/env bash
# The journal: it stays within its bound, a killed worker leaves its last transition behind, a full
# disk disturbs nobody and is written again when there is room, and tools that know nothing of our code
# read the files.
. "$(dirname "$0")/lib.sh"
need tshark

segment 2

# Eight groups with an advert each 31 ms: the smallest ring, of 1 MiB, is full within half a minute.
# Meanwhile the rest.
groups()
{
    local vhid
    echo "groups:"
    for vhid in 11 12 13 14 15 16 17 18; do
        echo "  g$vhid: {interface: eth0, vhid: $vhid, key: secret, advbase: 0, advskew: 8, addresses: [10.0.0.$((100 + vhid))]}"
    done
    echo "journal-size: 1"
}
journal_mib='' carpd_yaml_on h1.fast < <(
    groups
    echo "journal: $journals/h1.fast.journal"
)

# --- a full disk ---------------------------------------------------------------------------------

# ip netns exec gives a process mounts of its own, so that this small disk is seen by carpd alone, and
# by us while we hold it open.
disk=$work/disk
mkdir "$disk"
cat >"$work/on_full_disk" <<'SH'
#!/bin/sh
mount -t tmpfs -o size=1536k,mode=700,uid="$2" small "$1" || exit 1
dd if=/dev/zero of="$1/filler" bs=1k 2>/dev/null
shift 2
exec "$@"
SH
chmod 700 "$work/on_full_disk"
carpd_under=("$work/on_full_disk" "$disk" "$(worker_user)")
carpd_on h1.full -v 3 -a 10.0.0.103 -b 0 -k 26 --journal "$disk/journal" --journal-size 1
carpd_under=()
wait_for 4 "h1.full is master" log_has h1.full "Switching to state: MASTER"
check_log h1.full "\[ERROR\] journal $disk/journal: No space left on device"
exec {small}<"/proc/${pid_of[h1.full]}/root$disk"
small=/proc/$$/fd/$small
full_from=$(now)

# --- a killed worker -----------------------------------------------------------------------------

# What the frames of a file say of themselves, by tshark: "web: BACKUP -> MASTER (silence)"
comments_in()
{
    tshark -r "$1" -T fields -e frame.comment 2>/dev/null
}

# Adverts of h1 in a file, by tcpdump.
count_in()
{
    tcpdump -n -r "$1" 'src host 10.0.0.1 and proto 112' 2>/dev/null | wc -l
}

carpd_on h1.killed -v 2 -a 10.0.0.102 -k 0
wait_for 6 "h1.killed is master" log_has h1.killed "Switching to state: MASTER"
send_worker KILL h1.killed
wait_end h1.killed 3
check_equal "exit status of a guardian whose worker was killed" 1 "$exit_status"
check_equal "the last transition in the journal of a killed worker" \
    "vhid-2: BACKUP -> MASTER (silence)" "$(comments_in "$journals/h1.killed.journal" | grep -e '->' | tail -n 1)"

# Started again under the same name: what was written is kept, whole.
before=$(sha1sum <"$journals/h1.killed.journal")
again=$(now)
carpd_on h1.killed -v 2 -a 10.0.0.102 -k 0
wait_for 6 "there is an older file" test -e "$journals/h1.killed.journal.1"
check_equal "the older file" "$before" "$(sha1sum <"$journals/h1.killed.journal.1")"
wait_advert 6 h1 "$again" 2
send TERM h1.killed
wait_end h1.killed 3
sleep 0.2
check_equal "adverts in the journal of an orderly run, as they crossed the switch" \
    "$(count_adverts h1 "$again" "" 2)" "$(count_in "$journals/h1.killed.journal")"
check_equal "its last words" "vhid-2: MASTER -> INIT (stopped)" \
    "$(comments_in "$journals/h1.killed.journal" | grep . | tail -n 1)"
check_equal "who may read it" 600 "$(stat -c %a "$journals/h1.killed.journal")"

# --- room again ----------------------------------------------------------------------------------

check_equal "files on the full disk" filler "$(ls "$small/")"
rm "$small/filler"
wait_for 12 "the disk works again" log_has h1.full "\[NOTICE\] journal $disk/journal: it works again"
sleep 1
check_equal "how often the full disk was told of" 1 "$(grep -c 'No space left' "$work/h1.full.log")"
longest=$(adverts_of h1 3 | awk -v from="$full_from" '
    $1 >= from { if (last && $1 - last > longest) longest = $1 - last; last = $1 }
    END { printf "%.3f", longest * 1000 }')
check_within "longest ms between two adverts, beside a full disk" 90 500 "$longest"
figure journal_full_disk_longest_interval "$longest" ms
send TERM h1.full
wait_end h1.full 3
check_equal "exit status beside a disk that was full" 0 "$exit_status"
check_journal "$small/journal"
check_within "adverts in it, by tcpdump" 5 200 "$(count_in "$small/journal")"

# --- the bound -----------------------------------------------------------------------------------

wait_for 40 "the smallest ring is full" test -e "$journals/h1.fast.journal.3"
sleep 3 # and goes round
send TERM h1.fast
wait_end h1.fast 3
mapfile -t files < <(journal_files "$journals/h1.fast.journal")
check_equal "files" 4 "${#files[@]}"
check_within "KiB of the ring, as they lie on the disk" 256 1024 \
    "$(du -k "${files[@]}" | awk '{ sum += $1 } END { print sum }')"
for file in "${files[@]}"; do
    check_within "KiB of ${file##*/}" 1 256 "$(($(stat -c %s "$file") / 1024))"
    check_journal "$file" # each by itself; test_end takes them together
done
# From the oldest advert in it to the farewells, all is as it crossed the switch.
for file in "${files[@]}"; do
    tcpdump -n -tt -T carp -r "$file" 'src host 10.0.0.1 and proto 112' 2>/dev/null
done | sed -E 's/.*vhid=([0-9]+) .*counter=([0-9]+).*/\1 \2/' >"$work/recorded"
check_within "adverts in the ring" 1000 20000 "$(wc -l <"$work/recorded")"
adverts_of h1 | awk '$3 > 10 { print $3, $6 }' | tail -n "$(wc -l <"$work/recorded")" >"$work/crossed"
check_equal "adverts in the ring and on the switch that differ" "" \
    "$(diff "$work/recorded" "$work/crossed" | head -n 5)"
test_end
