#!/usr/bin/env bash
# More changes than the kernel keeps news of, while the worker stands still: it reads all there is
# instead, and hears of what changes afterwards, as before.
. "$(dirname "$0")/lib.sh"

segment 1
carpd_on h1 -v 7 -a 10.0.0.100 -k 0
wait_holders 6 10.0.0.100 h1

send_worker STOP h1
on h1 ip link add many type veth peer name other
for i in {0..9999}; do
    echo "addr add 10.$((100 + i / 250)).0.$((i % 250))/32 dev many"
done >"$work/batch"
on h1 ip -batch "$work/batch"
on h1 ip link del many
# The column Drops counts what a socket has lost.
dropped=$(on h1 cat /proc/net/netlink | awk 'NR > 1 && $9 > 0 { n++ } END { print n + 0 }')
check_not_equal "sockets that lost news" 0 "$dropped"
send_worker CONT h1
wait_holders 8 10.0.0.100 h1
sleep 0.3

on h1 ip addr del 10.0.0.100/24 dev eth0
wait_holders 2 10.0.0.100 h1
check_log h1 "something removed 10.0.0.100 from eth0; put back"
test_end
