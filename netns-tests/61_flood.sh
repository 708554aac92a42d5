#!/usr/bin/env bash
# A hostile host floods a master and its backup with a million bad frames of every kind, in bursts. Their
# adverts stay on time, nobody changes its state, memory does not grow, the log stays short, and every
# frame is counted for what it was, or as one that the kernel had to drop.
. "$(dirname "$0")/lib.sh"
need keepalived

count=84000 # of each kind; twelve kinds
burst=2000 # at full speed, then a pause
captures=$here/../engine/testdata/captures

# Only what a host itself sends, at its port of the switch: a witness that has to take the flood, too,
# loses what it is there for.
capture_start()
{
    local host
    for host in h1 h2 h3; do
        witness_start "$host.port" switch tcpdump -Z root -n -U -s 144 -B 4096 --immediate-mode -i "$host" \
            --time-stamp-precision=nano -w "$work/$host.pcap" 'inbound and proto 112'
        wait_for 5 "tcpdump listens" grep -q "listening on" "$work/$host.port.err"
    done
}
capture_text()
{
    local host
    for host in h1 h2; do
        tcpdump -n -tt --time-stamp-precision=nano -T carp -r "$work/$host.pcap" "$@" 2>/dev/null || true
    done
}

segment 3
# A bridge that hands IP packets to the host's packet filter drops truncated ones itself.
# shellcheck disable=SC2016 # it is the other shell's
on switch sh -c 'for f in /proc/sys/net/bridge/bridge-nf-call-*; do [ ! -w "$f" ] || echo 0 >"$f"; done'

# The group of the captures, with an advert each 51 ms and a patience of 2 s, and a usual one. Two keepalived on the hostile
# host give genuine VRRP of both versions with our number; they do not hear us, or would wait for ever.
groups()
{
    cat <<YAML
groups:
  fast: {interface: eth0, vhid: 7, key: secret, preempt: true, advbase: 0, dead-ratio: 40, advskew: $1, addresses: [192.0.2.7/24]}
  usual: {interface: eth0, vhid: 8, key: secret, preempt: true, advskew: $2, addresses: [10.0.0.108/24]}
YAML
}
carpd_yaml_on h2 < <(groups 16 100) # with a journal, whose buffers are full only now and then
on switch nft add rule bridge faults loss oifname h3 ether type ip ip protocol 112 drop
for version in 2 3; do
    cat >"$work/h3.v$version.conf" <<CONF
global_defs {
    vrrp_version $version
}
vrrp_instance v {
    state BACKUP
    interface eth0
    virtual_router_id 7
    priority 200
    advert_int 1
    virtual_ipaddress {
        10.0.0.7$version/24 dev eth0
    }
}
CONF
    daemon_start "h3.v$version" keepalived -n -l -P -f "$work/h3.v$version.conf" \
        -p "$work/h3.v$version.pid" -r "$work/h3.v$version.vrrp.pid"
done
wait_holders 8 192.0.2.7 h2
wait_holders 8 10.0.0.108 h2
sleep 0.3
journal_mib='' carpd_yaml_on h1 < <(groups 13 0)
wait_holders 8 192.0.2.7 h1
wait_holders 8 10.0.0.108 h1

# --- what is measured ----------------------------------------------------------------------------

# Milliseconds between two adverts of h1 for this vhid, by their time: p50, p99, the longest, how many.
intervals()
{
    adverts_of h1 "$1" | awk -v from="$2" -v to="$3" '
        $1 >= from && $1 < to { if (last) printf "%.3f\n", ($1 - last) * 1000; last = $1 }' | sort -n |
        awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)], v[int(NR * 0.99 + 0.999)], v[NR], NR }'
}

# PSS of a host's worker and guardian, and of that what no file stands behind, in KiB.
memory()
{
    local pid
    for pid in "$(worker_of "$1")" "${pid_of[$1]}"; do
        awk '$1 == "Pss:" { pss = $2 } $1 == "Pss_Anon:" { anon = $2 } END { printf "%d %d ", pss, anon }' \
            "/proc/$pid/smaps_rollup"
    done
    echo
}

cpu_ms()
{
    awk '{ printf "%.3f", $1 / 1e6 }' "/proc/$(worker_of "$1")/schedstat"
}

# Frames by verdict, of both groups and of none, as SIGUSR1 tells: "bad-digest 12". "dropped" are
# those that the kernel had no room for.
counts()
{
    local before
    before=$(grep -c 'usual (eth0, vhid 8): for' "$work/$1.log" || true)
    send USR1 "$1"
    wait_for 5 "$1 answers" told_more_than "$1" "$before"
    sleep 0.1 # for the rest of it
    awk '/INFO\] [A-Z]+ on eth0 id 7 / { delete n }
        / since the start: / { sub(/.* since the start: /, ""); c = split($0, words, /,? /)
            for (i = 1; i < c; i += 2) n[words[i + 1]] += words[i] }
        / frames were lost since it is up/ { n["dropped"] = $4 }
        END { for (v in n) print v, n[v] }' "$work/$1.log"
}
told_more_than()
{
    [ "$(grep -c 'usual (eth0, vhid 8): for' "$work/$1.log")" -gt "$2" ]
}

# What was counted between two files of counts: counted BEFORE AFTER VERDICT...
counted()
{
    local before=$1 after=$2
    shift 2
    awk -v wanted=" $* " 'NR == FNR { before[$1] = $2; next }
        index(wanted, " " $1 " ") { sum += $2 - before[$1] }
        END { print sum + 0 }' "$before" "$after"
}

# --- the flood -----------------------------------------------------------------------------------

tcpdump -r "$captures/netbsd-7.99.34-v4-badkey.pcap" -w "$work/wrong_key.pcap" 'src host 192.0.2.12 and proto 112' 2>/dev/null
vrrp_is_there()
{
    tcpdump -n -r "$work/h3.pcap" -w "$work/vrrp2.pcap" -c 1 'ip[20] & 0xf0 = 0x20 and ether src 02:00:00:00:00:03' 2>/dev/null
    tcpdump -n -r "$work/h3.pcap" -w "$work/vrrp3.pcap" -c 1 'ip[20] & 0xf0 = 0x30 and ether src 02:00:00:00:00:03' 2>/dev/null
    [ "$(stat -c %s "$work/vrrp2.pcap")" -gt 24 ] && [ "$(stat -c %s "$work/vrrp3.pcap")" -gt 24 ]
}
wait_for 10 "VRRP of both versions" vrrp_is_there
send TERM h3.v2 h3.v3
wait_end h3.v2 5
wait_end h3.v3 5
for host in h1 h2; do
    tcpdump -n -r "$work/$host.pcap" -w "$work/of_$host.pcap" -c 4 'ip[21] = 7' 2>/dev/null
done

calm=$(now)
sleep 5
from=$(now)
figure calm_interval_of_usual "$(intervals 8 "$calm" "$from")" "ms (p50, p99, longest, of how many)"
read -r p50 p99 longest n < <(intervals 7 "$calm" "$from")
figure calm_interval "$p50 $p99 $longest $n" "ms (p50, p99, longest, of how many)"
switched=$(cat "$work"/h[12].log | grep -c "Switching to state")
lines=$(cat "$work"/h[12].log | grep -vc INFO)
for host in h1 h2; do
    memory "$host" >"$work/memory.$host"
    cp "$work/memory.$host" "$work/peak.$host"
    counts "$host" >"$work/counts.$host"
done

# A flood of one kind, and what becomes of it at each of the two ("nothing": it does not get there):
# kind NAME CAPTURE CHANGE VERDICTS_OF_H1 VERDICTS_OF_H2
kind()
{
    local name=$1 capture=$2 change=$3 host sent rate got dropped cpu1 cpu2
    shift 3
    cpu1=$(cpu_ms h1) cpu2=$(cpu_ms h2)
    on h3 "$bin/flood" eth0 "$work/$capture.pcap" "$change" "$count" --burst "$burst" --pause-ms 5 >"$work/flood.out"
    sent=$(awk '$1 == "sent" { print $2 }' "$work/flood.out")
    rate=$(awk '$1 == "rate_kpps" { print $2 }' "$work/flood.out")
    sleep 0.1
    check_equal "frames sent, of kind $name" "$count" "$sent"
    figure "flood_$name" "$sent" "frames, $rate a ms in a burst; CPU of h1 $(calc "($(cpu_ms h1) - $cpu1) * 1000 / $sent"), of h2 $(calc "($(cpu_ms h2) - $cpu2) * 1000 / $sent") us a frame"
    total=$((total + sent))
    for host in h1 h2; do
        counts "$host" >"$work/counts"
        got=$(counted "$work/counts.$host" "$work/counts" "$1")
        dropped=$(counted "$work/counts.$host" "$work/counts" dropped)
        mv "$work/counts" "$work/counts.$host"
        dropped_in_all=$((dropped_in_all + dropped))
        # Among those dropped may be a few genuine adverts.
        [ "$1" != nothing ] || sent=0
        check_within "frames of kind $name that $host counted as $1, and those dropped" \
            "$sent" $((sent + (dropped > 0 ? 100 : 0))) $((got + dropped))
        memory "$host" >"$work/now"
        paste -d ' ' "$work/peak.$host" "$work/now" |
            awk '{ for (i = 1; i <= 4; i++) printf "%d ", ($i > $(i + 4) ? $i : $(i + 4)); print "" }' >"$work/peak"
        mv "$work/peak" "$work/peak.$host"
        shift
    done
}
total=0 dropped_in_all=0
flooded=$(now)
kind random_vhid wrong_key vhid "other-vhid bad-digest" "other-vhid bad-digest"
kind random_digest wrong_key digest bad-digest bad-digest
kind wrong_key wrong_key same bad-digest bad-digest
kind truncated wrong_key truncated "truncated not-carp" "truncated not-carp"
kind wrong_checksum wrong_key checksum bad-checksum bad-checksum
kind vrrp2 vrrp2 same vrrp2 vrrp2
kind vrrp3 vrrp3 same vrrp3 vrrp3
kind wrong_ttl wrong_key ttl bad-ttl bad-ttl
kind own_looped of_h1 same looped replayed
kind former_replayed of_h2 same replayed own-address
kind unicast wrong_key unicast other-group nothing
kind other_multicast wrong_key group other-group other-group
over=$(now)
check_within "bad frames in all" 1000000 1100000 "$total"
figure flood_dropped "$dropped_in_all" "frames that the kernel had no room for, at both"

# --- what must have held -------------------------------------------------------------------------

read -r p50 p99 longest n < <(intervals 7 "$flooded" "$over")
figure flood_interval "$p50 $p99 $longest $n" "ms (p50, p99, longest, of how many)"
check_within "longest ms between two adverts that are due each 50.8 ms, under the flood" 50 1000 "$longest"
check_within "the median of them" 48 55 "$p50"
read -r p50 p99 longest n < <(intervals 8 "$flooded" "$over")
figure flood_interval_of_usual "$p50 $p99 $longest $n" "ms (p50, p99, longest, of how many)"
check_within "longest ms between two adverts that are due each second, under the flood" 990 1500 "$longest"
check_equal "changes of state under the flood" "$switched" "$(cat "$work"/h[12].log | grep -c "Switching to state")"
check_equal "adverts of the backup under the flood" 0 "$(count_adverts h2 "$calm")"
for address in 192.0.2.7 10.0.0.108; do
    check_holders "$address" h1
    check_equal "ms in which two had $address" 0.000 "$(overlap_ms "$address" "$calm")"
done
check_alive h1 h2

# A flood of one kind silences no other.
for word in "Bad digest - fast" "Bad TTL" "CARP checksum is wrong" "shorter than its own headers say" "a VRRP router" \
    "our own advert came back" "an old advert was repeated" "sent to another multicast group"; do
    check_log h1 "WARNING\] .*$word|WARNING\] $word"
done
logged=$(($(cat "$work"/h[12].log | grep -vc INFO) - lines))
figure flood_log_lines "$logged" "lines of two daemons"
# Three of a cause in ten seconds, and one that says how many more there were.
check_within "lines that a million bad frames are worth" 12 \
    "$(calc "2 * 13 * 4 * (1 + int(($over - $flooded) / 10))")" "$logged"

journal=0
for host in h1 h2; do
    read -r -a before <"$work/memory.$host"
    read -r -a peak <"$work/peak.$host"
    read -r -a after < <(memory "$host")
    figure "flood_memory_of_$host" "${before[0]} ${peak[0]} ${after[0]}, ${before[2]} ${peak[2]} ${after[2]}" \
        "KiB PSS (before, at most, after: worker, guardian)"
    check_within "KiB by which the worker of $host grew, without files" -64 $((64 + journal)) $((peak[1] - before[1]))
    check_within "KiB by which its guardian grew, without files" -64 64 $((peak[3] - before[3]))
    journal=512 # the two buffers of the backup's
done
# --- a silence that proves nothing ---------------------------------------------------------------

# The backup is not run while more comes than its buffer holds, and then its master is silent. It cannot
# know whether the master was silent all the time, and listens for a master-down time more.
send_worker STOP h2
on h3 "$bin/flood" eth0 "$work/wrong_key.pcap" same 6000 --burst 6000 --pause-ms 0 >"$work/flood.out"
cut_cable h1
send_worker CONT h2
deaf=$(now)
wait_holders 12 10.0.0.108 "h1 h2"
check_log h2 "eth0: frames come faster than they can be looked at; [0-9]+ were lost by now"
took=$(ms_from_to "$deaf" "$(held_at h2 got 10.0.0.108)")
figure flood_deaf_takeover "$took" "ms after the backup could hear again"
check_within "ms until a backup that lost frames takes over" "$(down_ms 1 100 5)" "$(down_ms 1 100 10)" "$took"
test_end
