#!/usr/bin/env bash
# Somebody (a network manager, an operator) deletes the virtual addresses under the master. They are
# put back; no role changes.
. "$(dirname "$0")/lib.sh"

segment 2
carpd_on h1 -v 7 -a 10.0.0.100 -a fd00::100 -k 0
carpd_on h2 -v 7 -a 10.0.0.100 -a fd00::100 -k 100
wait_holders 6 10.0.0.100 h1
wait_holders 2 fd00::100 h1
client_start client 10.0.0.100
sleep 0.3

for address in 10.0.0.100/24 fd00::100/64; do
    deleted=$(now)
    on h1 ip addr del "$address" dev eth0
    wait_holders 2 "${address%/*}" h1
    back=$(ms_from_to "$deleted" "$(held_at h1 got "${address%/*}")")
    check_within "ms until ${address%/*} is back" 0 1000 "$back"
    wait_for 2 "${address%/*} is announced again" announced h1 "${address%/*}" "$deleted"
    figure "deleted_${address%/*}_back_after" "$back" ms
done
sleep 0.5
client_stop client
check_within "ms without an answer" 0 1000 "$(client_fact client gap_ms_max)"
figure deleted_client_gap "$(client_fact client gap_ms_max)" ms
check_never_held h2 10.0.0.100
check_equal "adverts of the backup" 0 "$(count_adverts h2 0)"
check_holders 10.0.0.100 h1
check_holders fd00::100 h1
test_end
