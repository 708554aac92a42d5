#!/usr/bin/env bash
# A cable is pulled and put back after 2 s, first the master's, then a backup's; then the master's is
# pulled for longer. UCARP needed 13 s for the first; nobody needs more than CARP's own limit.
. "$(dirname "$0")/lib.sh"

segment 2
carpd_on h1 -v 7 -a 10.0.0.100 -k 0
carpd_on h2 -v 7 -a 10.0.0.100 -k 100
wait_holders 6 10.0.0.100 h1
client_start client 10.0.0.100
sleep 0.3

# The master flaps. Nobody has the address until the backup's patience is over; the old master hears
# the new one before its own is.
pulled=$(now)
carrier_off h1
wait_holders 2 10.0.0.100 ""
figure carrier_loss_address_left_after "$(ms_from_to "$pulled" "$(held_at h1 lost 10.0.0.100)")" ms
sleep "$(calc "2 - ($(now) - $pulled)")"
carrier_on h1
wait_holders 4 10.0.0.100 h2
late=$(late_ms h1 h2 "$pulled" "$(down_ms 1 100)" 7)
check_within "ms from the limit to the new master's first advert" -1 500 "$late"
sleep 1.5
client_stop client
check_within "ms without an answer" 1900 3900 "$(client_fact client gap_ms_max)"
check_equal "ms with two holders" 0.000 "$(overlap_ms 10.0.0.100 "$pulled")"
check_holders 10.0.0.100 h2
check_alive h1
figure flap_client_gap "$(client_fact client gap_ms_max)" ms

# A backup flaps: it loses nothing and takes nothing.
flapped=$(now)
carrier_off h1
sleep 2
carrier_on h1
sleep 1
check_holders 10.0.0.100 h2
check_equal "adverts of a backup whose cable was out" 0 "$(count_adverts h1 "$flapped")"

# The master's cable stays out: it gives the address up by itself, and comes back as a backup.
pulled=$(now)
carrier_off h2
wait_holders 2 10.0.0.100 ""
wait_holders 6 10.0.0.100 h1
check_within "ms from the limit to the new master's first advert" -1 500 \
    "$(late_ms h2 h1 "$pulled" "$(down_ms 1 0)" 7)"
carrier_on h2
sleep 1.5
check_holders 10.0.0.100 h1
check_alive h1 h2
test_end
