#!/usr/bin/env bash
# Planned stops. A master told to stop lets go of its address, says farewell and exits with 0; its
# backup need not wait. A backup told to stop just goes.
. "$(dirname "$0")/lib.sh"

segment 2
carpd_on h1 -v 7 -a 10.0.0.100 -k 0
carpd_on h2 -v 7 -a 10.0.0.100 -k 100
wait_holders 6 10.0.0.100 h1
client_start client 10.0.0.100
sleep 0.5

stopped=$(now)
send TERM h1
wait_holders 2 10.0.0.100 h2
wait_end h1 3
check_equal "exit status of a master that was told to stop" 0 "$exit_status"
wait_advert 1 h2 "$stopped" 7
takeover=$(ms_from_to "$stopped" "$(first_advert h2 "$stopped" 7)")
check_within "ms from SIGTERM to the backup's first advert" 0 500 "$takeover"
check_equal "farewells" 1 "$(count_farewells h1 "$stopped" 7)"
check_within "ms with two holders" 0 100 "$(overlap_ms 10.0.0.100 "$stopped")"
sleep 0.5
client_stop client
check_within "ms without an answer" 0 500 "$(client_fact client gap_ms_max)"
check_equal "who answers the client" h2 "$(client_fact client last_host)"
figure stop_takeover "$takeover" ms
figure stop_client_gap "$(client_fact client gap_ms_max)" ms

# Back again without preemption it is a backup, and leaves without a word.
carpd_on h1 -v 7 -a 10.0.0.100 -k 0
wait_for 3 "h1 listens" log_has h1 "Switching to state: BACKUP"
wait_advert 3 h2 "$(now)" 7
stopped=$(now)
send INT h1
wait_end h1 3
check_equal "exit status of a backup that was told to stop" 0 "$exit_status"
check_equal "adverts of a backup that was told to stop" 0 "$(count_adverts h1 "$stopped")"
check_holders 10.0.0.100 h2

# Nobody is left to take over: the address goes all the same.
send TERM h2
wait_end h2 3
check_equal "exit status of the last master" 0 "$exit_status"
check_holders 10.0.0.100 ""

# While the last down command runs, and removes the address, nothing starts anew: at this pace a host
# that listened again would be master long before the command has ended.
printf '#!/bin/sh\nip addr del "$2/24" dev "$1"\nsleep 1\n' >"$work/slow-down"
chmod 700 "$work/slow-down"
carpd_on h1.slow -v 8 -a 10.0.0.108 -b 0 -k 10 -n -u "$work/up" -d "$work/slow-down"
wait_holders 3 10.0.0.108 h1
sleep 0.3
stopped=$(now)
send TERM h1.slow
wait_end h1.slow 4
check_equal "exit status after a slow down command" 0 "$exit_status"
check_log h1.slow "the down command ended after 1.* with status 0"
check_equal "the last state" "Switching to state: INIT" \
    "$(grep -o 'Switching to state: [A-Z]*' "$work/h1.slow.log" | tail -n 1)"
check_equal "farewells before a slow down command" 1 "$(count_farewells h1 "$stopped" 8)"
check_holders 10.0.0.108 ""
test_end
