#!/usr/bin/env bash
# Two masters with equal timers after a partition: who stays? Among ourselves the lower address;
# Debian's ucarp compares addresses from the last octet on, so that 10.0.1.1 beats 10.0.0.2, and with
# it so do we.
#   1  carpd 10.0.0.2, ucarp 10.0.1.1    2  ucarp 10.0.0.2, carpd 10.0.1.1    3  carpd on both
. "$(dirname "$0")/lib.sh"
need ucarp

segment_prefix=16
segment 2 10.0.0.2 10.0.1.1
carpd_on h1.g1 -v 1 -a 10.0.0.101 -k 0
ucarp_on h1.g2 -v 2 -a 10.0.0.102 -k 0 -z
carpd_on h1.g3 -v 3 -a 10.0.0.103 -k 0
cut_cable h1
ucarp_on h2.g1 -v 1 -a 10.0.0.101 -k 0 -z
carpd_on h2.g2 -v 2 -a 10.0.0.102 -k 0
carpd_on h2.g3 -v 3 -a 10.0.0.103 -k 0
for vhid in 1 2 3; do
    wait_holders 8 "10.0.0.10$vhid" "h1 h2"
done

healed=$(now)
mend
wait_holders 6 10.0.0.101 h2
wait_holders 6 10.0.0.102 h2
wait_holders 6 10.0.0.103 h1
settled=$(now)
sleep 4
check_holders 10.0.0.101 h2
check_holders 10.0.0.102 h2
check_holders 10.0.0.103 h1
for vhid in 1 2 3; do
    check_equal "ms with two holders once it is settled, group $vhid" 0.000 \
        "$(overlap_ms "10.0.0.10$vhid" "$settled")"
    overlap=$(overlap_ms "10.0.0.10$vhid" "$healed")
    check_within "ms with two holders after the cable was mended, group $vhid" 0 \
        $((vhid == 3 ? 2000 : 3500)) "$overlap"
    figure "tie_${vhid}_overlap" "$overlap" ms
done
check_log h1.g1 "equal UCARP master"
check_log h2.g3 "numeric address order"
test_end
