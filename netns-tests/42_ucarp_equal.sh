#!/usr/bin/env bash
# Debian's ucarp and carpd with equal timers, started in the same moment, and with different passwords.
#   1  carpd has the lower address   2  ucarp has the lower address: one master each, and it stays
#   3  another password: two masters are all that can be, but carpd says why
. "$(dirname "$0")/lib.sh"
need ucarp

segment 2
carpd_on h1.g1 -v 1 -a 10.0.0.101 -k 0
ucarp_on h2.g1 -v 1 -a 10.0.0.101 -k 0 -z
ucarp_on h1.g2 -v 2 -a 10.0.0.102 -k 0 -z
carpd_on h2.g2 -v 2 -a 10.0.0.102 -k 0
carpd_on h1.g3 -v 3 -a 10.0.0.103 -k 0
daemon_start h2.g3 ucarp -i eth0 -s 10.0.0.2 -p another -f none -v 3 -a 10.0.0.103 -k 50 \
    -u "$work/up" -d "$work/down" -z
begun=$(now)
sleep 7

# Whoever was first is master; what happened in the first seconds is printed, and must be over.
for vhid in 1 2; do
    holder=$(holders "10.0.0.10$vhid")
    check_equal "how many hold the address of group $vhid" 1 "$(wc -w <<<"$holder")"
    figure "ucarp_equal_${vhid}_takeovers" \
        "$(cat "$work"/h?.watch | awk -v a="10.0.0.10$vhid" '$3 == "got" && $4 == a { n++ } END { print n }')" times
    figure "ucarp_equal_${vhid}_overlap" "$(overlap_ms "10.0.0.10$vhid" "$begun")" ms
done
settled=$(now)
before="$(holders 10.0.0.101) $(holders 10.0.0.102)"
sleep 4
check_equal "who holds the addresses 4 s later" "$before" "$(holders 10.0.0.101) $(holders 10.0.0.102)"
for vhid in 1 2; do
    check_equal "ms with two holders, group $vhid" 0.000 "$(overlap_ms "10.0.0.10$vhid" "$settled")"
    check_equal "ms with no holder, group $vhid" 0.000 "$(vacant_ms "10.0.0.10$vhid" "$settled")"
done

check_holders 10.0.0.103 "h1 h2"
check_log h1.g3 "Bad digest.*10\.0\.0\.2"
check_log h1.g3 "10\.0\.0\.2 uses another password"
check_within "lines about it" 1 12 "$(grep -cE 'Bad digest|another password' "$work/h1.g3.log")"
check_alive h1.g1 h2.g2 h1.g3
test_end
