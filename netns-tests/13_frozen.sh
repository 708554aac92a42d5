#!/usr/bin/env bash
# No address without a running daemon: SIGSTOP instead of SIGKILL, and what happens on SIGCONT.
#   1  the worker stands still: its guardian takes the address away
#   2  worker and guardian stand still: the kernel drops the address when its lifetime is over
. "$(dirname "$0")/lib.sh"

segment 2
for vhid in 1 2; do
    carpd_on "h1.g$vhid" -v "$vhid" -a "10.0.0.10$vhid" -k 0
    carpd_on "h2.g$vhid" -v "$vhid" -a "10.0.0.10$vhid" -k 100
done
wait_holders 6 10.0.0.101 h1
wait_holders 6 10.0.0.102 h1
sleep 0.5

frozen=$(now)
send_worker STOP h1.g1
send_both STOP h1.g2
wait_holders 8 10.0.0.101 h2
wait_holders 8 10.0.0.102 h2
# The guardian gives up on its worker after the master's own master-down time, and says farewell, so
# that the backup need not wait for its own, which is longer.
check_equal "farewells by the guardian" 1 "$(count_farewells h1 "$frozen" 1)"
check_equal "farewells by a guardian that stands still" 0 "$(count_farewells h1 "$frozen" 2)"
for vhid in 1 2; do
    late=$(late_ms h1 h2 "$frozen" "$(down_ms 1 $((vhid == 1 ? 0 : 100)))" "$vhid")
    check_within "ms from the limit to the backup's first advert, group $vhid" -1 500 "$late"
    overlap=$(overlap_ms "10.0.0.10$vhid" "$frozen")
    check_within "ms with two holders, group $vhid" 0 $((vhid == 1 ? 1000 : 2500)) "$overlap"
    [ "$vhid" = 1 ] && name=frozen_worker || name=frozen_both
    figure "${name}_late" "$late" ms
    figure "${name}_overlap" "$overlap" ms
    figure "${name}_address_left_after" \
        "$(ms_from_to "$frozen" "$(held_at h1 lost "10.0.0.10$vhid")")" ms
done

resumed=$(now)
send_worker CONT h1.g1
send_both CONT h1.g2
sleep 3
check_alive h1.g1 h1.g2
for vhid in 1 2; do
    check_holders "10.0.0.10$vhid" h2
    check_equal "adverts of the host that stood still, group $vhid" 0 \
        "$(count_adverts h1 "$resumed" "" "$vhid")"
    check_equal "ms with two holders after SIGCONT, group $vhid" 0.000 \
        "$(overlap_ms "10.0.0.10$vhid" "$resumed")"
done

# They are backups again, not dead wood.
send TERM h2.g1 h2.g2
wait_holders 2 10.0.0.101 h1
wait_holders 2 10.0.0.102 h1
test_end
