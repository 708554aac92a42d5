#!/usr/bin/env bash
# No address without a living daemon: what is left when a process is killed. Four groups between the
# same two hosts, each with daemons of its own:
#   1  the worker is killed: its guardian removes the address and says farewell
#   2  the worker is killed, commands instead of addresses: the guardian runs the down command
#   3  the guardian is killed: the worker notices and goes in an orderly way
#   4  both are killed: the kernel drops the address when its lifetime is over
. "$(dirname "$0")/lib.sh"

segment 2
for vhid in 1 2 3 4; do
    commands=()
    [ "$vhid" != 2 ] || commands=(-u "$work/up" -d "$work/down")
    carpd_on "h1.g$vhid" -v "$vhid" -a "10.0.0.10$vhid" -k 0 "${commands[@]}"
    carpd_on "h2.g$vhid" -v "$vhid" -a "10.0.0.10$vhid" -k 100 "${commands[@]}"
done
for vhid in 1 2 3 4; do
    wait_holders 6 "10.0.0.10$vhid" h1
done
client_start client 10.0.0.101
sleep 0.3

# kill_and_measure VHID WHAT COMMAND...: the backup is there at once, and alone.
kill_and_measure()
{
    local vhid=$1 what=$2 address=10.0.0.10$1 killed
    shift 2
    killed=$(now)
    "$@"
    wait_holders 2 "$address" h2
    wait_advert 2 h2 "$killed" "$vhid"
    takeover=$(ms_from_to "$killed" "$(first_advert h2 "$killed" "$vhid")")
    check_within "ms from the end of $what to the backup's first advert" 0 500 "$takeover"
    check_equal "farewells for $what" 1 "$(count_farewells h1 "$killed" "$vhid")"
    check_within "ms with two holders after the end of $what" 0 200 "$(overlap_ms "$address" "$killed")"
    figure "killed_${what}_takeover" "$takeover" ms
}

kill_and_measure 1 worker send_worker KILL h1.g1
wait_end h1.g1 3
check_equal "exit status of a guardian whose worker was killed" 1 "$exit_status"
sleep 0.3
client_stop client
check_within "ms without an answer" 0 700 "$(client_fact client gap_ms_max)"
figure killed_worker_client_gap "$(client_fact client gap_ms_max)" ms

kill_and_measure 2 worker_with_commands send_worker KILL h1.g2
wait_end h1.g2 5

worker=$(worker_of h1.g3)
kill_and_measure 3 guardian send KILL h1.g3
wait_for 3 "the worker without its guardian exits" test ! -e "/proc/$worker"

killed=$(now)
send_both KILL h1.g4
wait_holders 8 10.0.0.104 h2
late=$(late_ms h1 h2 "$killed" "$(down_ms 1 100)" 4)
check_within "ms from the limit to the backup's first advert" -1 500 "$late"
overlap=$(overlap_ms 10.0.0.104 "$killed")
check_within "ms with two holders until the kernel drops the address" 0 2500 "$overlap"
figure killed_both_late "$late" ms
figure killed_both_address_left_after \
    "$(ms_from_to "$killed" "$(held_at h1 lost 10.0.0.104)")" ms
figure killed_both_overlap "$overlap" ms
test_end
