#!/usr/bin/env bash
# The interface is set down and up again under the master, and removed and made anew. UCARP exits
# (with 0); carpd stays, gives way, and is a full member again afterwards.
. "$(dirname "$0")/lib.sh"

segment 2
carpd_on h1 -v 7 -a 10.0.0.100 -k 0
carpd_on h2 -v 7 -a 10.0.0.100 -k 50
wait_holders 6 10.0.0.100 h1
sleep 0.3

# Set down by hand, and up again.
down=$(now)
on h1 ip link set eth0 down
wait_holders 6 10.0.0.100 h2
check_within "ms from the limit to the new master's first advert" -1 500 \
    "$(late_ms h1 h2 "$down" "$(down_ms 1 50)" 7)"
check_alive h1
on h1 ip link set eth0 up
sleep 1.5
check_holders 10.0.0.100 h2

# Removed under the master, and made anew, with another index.
removed=$(now)
on h2 ip link del eth0
wait_holders 6 10.0.0.100 h1
check_within "ms from the limit to the new master's first advert" -1 500 \
    "$(late_ms h2 h1 "$removed" "$(down_ms 1 0)" 7)"
check_alive h2
port_make h2 2
sleep 2
check_alive h2
check_holders 10.0.0.100 h1

# The host with the new interface hears and speaks: a farewell makes it master at once.
stopped=$(now)
send TERM h1
wait_holders 2 10.0.0.100 h2
wait_advert 2 h2 "$stopped" 7
figure interface_anew_takeover "$(ms_from_to "$stopped" "$(first_advert h2 "$stopped" 7)")" ms
send TERM h2
wait_end h2 3
check_equal "exit status" 0 "$exit_status"
test_end
