#!/usr/bin/env bash
# Hosts whose processes are not run for a while (stolen CPU, a snapshot) and wake up with expired
# timers and a full input queue. Three groups:
#   1  the backup is paused for 6 s: it must not take over from a master that was there all along
#   2  the master is paused for 8 s, without preemption: it must not speak before it listened
#   3  the same with preemption: it takes the address back in an orderly way
. "$(dirname "$0")/lib.sh"

segment 2
for vhid in 1 2 3; do
    preempt=()
    [ "$vhid" != 3 ] || preempt=(-P)
    carpd_on "h1.g$vhid" -v "$vhid" -a "10.0.0.10$vhid" -k 0 "${preempt[@]}"
    carpd_on "h2.g$vhid" -v "$vhid" -a "10.0.0.10$vhid" -k 100 "${preempt[@]}"
done
for vhid in 1 2 3; do
    wait_holders 6 "10.0.0.10$vhid" h1
done
client_start client2 10.0.0.102 5
client_start client3 10.0.0.103 5
sleep 0.3

paused=$(now)
send_both STOP h2.g1
send_both STOP h1.g2
send_both STOP h1.g3
sleep "$(calc "6 - ($(now) - $paused)")"
send_both CONT h2.g1
sleep "$(calc "8 - ($(now) - $paused)")"

resumed=$(now)
send_both CONT h1.g2
send_both CONT h1.g3
wait_holders 4 10.0.0.103 h1
sleep "$(calc "3 - ($(now) - $resumed)")"

check_never_held h2 10.0.0.101
check_no_log h2.g1 "Switching to state: MASTER"
check_equal "adverts of the backup that was paused" 0 "$(count_adverts h2 "$paused" "" 1)"

check_holders 10.0.0.102 h2
check_equal "adverts of the master that was paused" 0 "$(count_adverts h1 "$resumed" "" 2)"
for vhid in 2 3; do
    overlap=$(overlap_ms "10.0.0.10$vhid" "$paused" "$resumed")
    check_within "ms with two holders while the master was paused, group $vhid" 0 2500 "$overlap"
    figure "paused_master_overlap_$vhid" "$overlap" ms
    check_within "ms from the limit to the backup's first advert, group $vhid" -1 500 \
        "$(late_ms h1 h2 "$paused" "$(down_ms 1 100)" "$vhid")"
done
check_equal "ms with two holders after the pause, group 2" 0.000 "$(overlap_ms 10.0.0.102 "$resumed")"
overlap=$(overlap_ms 10.0.0.103 "$resumed")
check_within "ms with two holders at the return with preemption" 0 500 "$overlap"
figure paused_master_return_overlap "$overlap" ms
client_stop client2
client_stop client3
check_equal "who answers group 2 in the end" h2 "$(client_fact client2 last_host)"
check_equal "who answers group 3 in the end" h1 "$(client_fact client3 last_host)"
check_alive h1.g1 h2.g1 h1.g2 h2.g2 h1.g3 h2.g3
test_end
