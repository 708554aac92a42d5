#!/usr/bin/env bash
# The preferred host comes back. With preemption it takes the address at the first advert of the
# slower master; without, it leaves it there.
. "$(dirname "$0")/lib.sh"

segment 2
carpd_on h2.g1 -v 1 -a 10.0.0.101 -k 100
carpd_on h2.g2 -v 2 -a 10.0.0.102 -k 100
wait_holders 6 10.0.0.101 h2
wait_holders 6 10.0.0.102 h2
client_start client 10.0.0.101
sleep 0.3

back=$(now)
carpd_on h1.g1 -v 1 -a 10.0.0.101 -k 0 -P
carpd_on h1.g2 -v 2 -a 10.0.0.102 -k 0
wait_holders 3 10.0.0.101 h1
first=$(first_advert h1 "$back" 1)
delay=$(ms_from_to "$(last_advert h2 "$first" 1)" "$first")
check_within "ms from the slower master's advert to ours" 0 500 "$delay"
check_log h1.g1 "Putting MASTER down - preemption"
overlap=$(overlap_ms 10.0.0.101 "$back")
check_within "ms with two holders" 0 500 "$overlap"
figure preempt_delay "$delay" ms
figure preempt_overlap "$overlap" ms

sleep 4
check_holders 10.0.0.102 h2
check_never_held h1 10.0.0.102
check_equal "adverts of the preferred host without preemption" 0 "$(count_adverts h1 0 "" 2)"
client_stop client
check_within "ms without an answer" 0 500 "$(client_fact client gap_ms_max)"
check_equal "who answers the client" h1 "$(client_fact client last_host)"
figure preempt_client_gap "$(client_fact client gap_ms_max)" ms
test_end
