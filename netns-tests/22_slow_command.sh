#!/usr/bin/env bash
# Three hosts, commands instead of addresses, and an up command that takes 8 s. With UCARP the second
# backup became master too, because the first sent no adverts while its command ran. Commands run
# beside the protocol: adverts leave at once and in time, and the third host stays where it is.
. "$(dirname "$0")/lib.sh"

segment 3
cat >"$work/slow" <<SLOW
#!/bin/sh
echo "\$0 \$*" >>"$work/calls"
sleep 8
exec "$work/up" "\$@"
SLOW
chmod 700 "$work/slow"
carpd_on h1 -v 7 -a 10.0.0.100 -k 0 -u "$work/up" -d "$work/down"
carpd_on h2 -v 7 -a 10.0.0.100 -k 50 -u "$work/slow" -d "$work/down" -x extra
carpd_on h3 -v 7 -a 10.0.0.100 -k 100 -u "$work/up" -d "$work/down"
wait_holders 6 10.0.0.100 h1

silent=$(now)
cut_cable h1
wait_advert 5 h2 "$silent" 7
late=$(late_ms h1 h2 "$silent" "$(down_ms 1 50)" 7)
check_within "ms from the limit to the first advert, the command still running" -1 500 "$late"
figure slow_command_late "$late" ms
wait_holders 11 10.0.0.100 "h1 h2"
ready=$(held_at h2 got 10.0.0.100)
taken=$(first_advert h2 "$silent" 7)
check_within "ms from the first advert to the address" 8000 9500 "$(ms_from_to "$taken" "$ready")"
check_within "adverts while the command ran" 6 8 "$(count_adverts h2 "$taken" "$ready")"
check_equal "adverts of the third host" 0 "$(count_adverts h3 0)"
check_no_log h3 "Switching to state: MASTER"
check_equal "how the command was called" "$work/slow eth0 10.0.0.100 extra" "$(cat "$work/calls")"

# A stop runs the down command to its end.
send TERM h2
wait_end h2 5
check_equal "exit status" 0 "$exit_status"
wait_holders 3 10.0.0.100 "h1 h3"
test_end
