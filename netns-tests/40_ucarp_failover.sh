#!/usr/bin/env bash
# Debian's ucarp and carpd share addresses, and the cable of the first host is cut and mended.
#   1  ucarp is master, carpd takes over
#   2  carpd is master, ucarp takes over; at the end carpd is stopped, and its farewell wakes ucarp
#   3  both are carpd, as a yardstick
# UCARP reads frames up to a second late, and looks at its timer once an interval only: its bounds
# here allow for both.
. "$(dirname "$0")/lib.sh"
need ucarp

segment 2
# One host after the other: ucarp may look at its timer a hair before the 3 s are over, and then takes 4.
ucarp_on h1.g1 -v 1 -a 10.0.0.101 -k 0 -z
carpd_on h1.g2 -v 2 -a 10.0.0.102 -k 0
carpd_on h1.g3 -v 3 -a 10.0.0.103 -k 0
for vhid in 1 2 3; do
    wait_holders 8 "10.0.0.10$vhid" h1
done
carpd_on h2.g1 -v 1 -a 10.0.0.101 -k 50
ucarp_on h2.g2 -v 2 -a 10.0.0.102 -k 50 -z
carpd_on h2.g3 -v 3 -a 10.0.0.103 -k 50
sleep 2.2
for vhid in 1 2 3; do
    check_holders "10.0.0.10$vhid" h1
    wait_for 3 "an advert for vhid $vhid" has_advertised h1 0 "$vhid"
done
check_no_log h2.g1 "Switching to state: MASTER"

await_next_advert h1 1
silent=$(now)
cut_cable h1
for vhid in 1 2 3; do
    wait_holders 8 "10.0.0.10$vhid" "h1 h2"
    wait_advert 2 h2 "$silent" "$vhid"
    late=$(late_ms h1 h2 "$silent" "$(down_ms 1 50)" "$vhid")
    check_within "ms from the limit to the first advert, group $vhid" -1 \
        $((vhid == 2 ? 2500 : 500)) "$late"
    figure "ucarp_pair_${vhid}_late" "$late" ms
done

healed=$(now)
mend
for vhid in 1 2 3; do
    wait_holders 6 "10.0.0.10$vhid" h1
    figure "ucarp_pair_${vhid}_overlap_after_healing" \
        "$(ms_from_to "$healed" "$(held_at h2 lost "10.0.0.10$vhid")")" ms
done
wait_for 3 "ucarp has read our last advert" log_has h1.g1 "Non-preferred master advertising"
check_log h2.g1 "Preferred master advertised: going back to BACKUP state"

stopped=$(now)
send TERM h1.g1 h1.g2 h1.g3
for vhid in 1 2 3; do
    wait_holders 6 "10.0.0.10$vhid" h2
    wait_advert 2 h2 "$stopped" "$vhid"
    takeover=$(ms_from_to "$stopped" "$(first_advert h2 "$stopped" "$vhid")")
    # ucarp itself says no farewell: its peer has to wait; it heeds ours when it reads it.
    case $vhid in
    1) check_within "ms from ucarp's stop to our first advert" 0 4000 "$takeover" ;;
    2) check_within "ms from our stop to ucarp's first advert" 0 2000 "$takeover" ;;
    3) check_within "ms from our stop to our first advert" 0 500 "$takeover" ;;
    esac
    figure "ucarp_pair_${vhid}_stop_takeover" "$takeover" ms
done
test_end
