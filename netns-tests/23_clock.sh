#!/usr/bin/env bash
# The wall clock is stepped by a minute under single daemons, as a time server or an operator would.
# UCARP's master with its clock set back stopped advertising and kept the address. Nothing at all may
# change here: timers are monotonic, and the counter of adverts is anchored once.
#   1 the master's clock goes forward   2 the master's goes back
#   3 the backup's goes forward         4 the backup's goes back
. "$(dirname "$0")/lib.sh"
library=$(find /usr/lib /usr/local/lib -name libfaketime.so.1 2>/dev/null | head -n 1)
[ -n "$library" ] || skip "libfaketime is not installed (tools/setup installs it)"

segment 2
# The offset in the file is read at each look at the clock; the monotonic clocks are left alone.
stepped_carpd_on()
{
    echo "+0" >"$work/offset$1"
    carpd_under=(env LD_PRELOAD="$library" FAKETIME_TIMESTAMP_FILE="$work/offset$1"
        FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1)
    carpd_on "${@:2}"
    carpd_under=()
}
for vhid in 1 2 3 4; do
    address=10.0.0.10$vhid
    if [ "$vhid" -le 2 ]; then
        stepped_carpd_on "$vhid" "h1.g$vhid" -v "$vhid" -a "$address" -k 0
        carpd_on "h2.g$vhid" -v "$vhid" -a "$address" -k 50
    else
        carpd_on "h1.g$vhid" -v "$vhid" -a "$address" -k 0
        stepped_carpd_on "$vhid" "h2.g$vhid" -v "$vhid" -a "$address" -k 50
    fi
done
for vhid in 1 2 3 4; do
    wait_holders 7 "10.0.0.10$vhid" h1
done
sleep 0.5

stepped=$(now)
for vhid in 1 2 3 4; do
    [ $((vhid % 2)) = 1 ] && echo "+60" >"$work/offset$vhid" || echo "-60" >"$work/offset$vhid"
done
sleep 0.2
send USR1 h1.g1 h1.g2 h2.g3 h2.g4
sleep 6.8

# shift_seen LABEL: how far the stamp of the newest line is from when SIGUSR1 was sent, in seconds.
shift_seen()
{
    local stamp
    stamp=$(awk '/(MASTER|BACKUP) on eth0 id/ { stamp = $1 } END { print stamp }' "$work/$1.log")
    calc "$(date -u -d "${stamp%:}Z" +%s.%N) - $stepped"
}
check_within "the master's own idea of the time, set forward" 59 62 "$(shift_seen h1.g1)"
check_within "the master's own idea of the time, set back" -61 -58 "$(shift_seen h1.g2)"
check_within "the backup's own idea of the time, set forward" 59 62 "$(shift_seen h2.g3)"
check_within "the backup's own idea of the time, set back" -61 -58 "$(shift_seen h2.g4)"
for vhid in 1 2 3 4; do
    check_holders "10.0.0.10$vhid" h1
    check_never_held h2 "10.0.0.10$vhid"
    check_equal "adverts of the backup, group $vhid" 0 "$(count_adverts h2 0 "" "$vhid")"
    check_within "adverts of the master in 7 s, group $vhid" 6 8 \
        "$(count_adverts h1 "$stepped" "$(calc "$stepped + 7")" "$vhid")"
    check_equal "adverts whose counter did not grow, group $vhid" 0 "$(count_stale h1 "$vhid")"
done
figure clock_steps_survived 4 groups
test_end
