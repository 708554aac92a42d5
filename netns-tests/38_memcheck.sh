#!/usr/bin/env bash
# All processes of carpd under Valgrind, from their start to their end: takeovers, signals, a
# demotion, link loss, farewells, a worker that is killed. One pair has addresses, one commands; the
# backup with addresses is configured by a file. No error, no block that nothing points to any more.
. "$(dirname "$0")/lib.sh"
need valgrind

# Seconds for anything: how long it takes is measured in other tests.
slow=40

# Both processes write into the daemon's log, each line of Valgrind's with their number. Commands are
# not carpd, and are not followed.
carpd_under=(valgrind --tool=memcheck --vgdb=no --leak-check=full --errors-for-leak-kinds=definite
    --error-exitcode=99 --trace-children=no --child-silent-after-fork=no)
carpd_also=(--confine=no) # the filter would kill Valgrind

# both HOSTS: have each of the two addresses.
both()
{
    wait_holders "$slow" 10.0.0.107 "$1"
    wait_holders "$slow" 10.0.0.108 "$1"
}

# is_backup LABEL: so it says of itself.
is_backup()
{
    [ "$(grep -o 'Switching to state: [A-Z]*' "$work/$1.log" | tail -n 1)" = "Switching to state: BACKUP" ]
}

both_back_up()
{
    wait_for "$slow" "h2.own is a backup" is_backup h2.own
    wait_for "$slow" "h2.command is a backup" is_backup h2.command
}

segment 2
carpd_on h1.own -v 7 -a 10.0.0.107 -k 0
carpd_on h1.command -v 8 -a 10.0.0.108 -k 0 -u "$work/up" -d "$work/down"
both h1
carpd_yaml_on h2.own <<YAML
groups:
  own: {interface: eth0, vhid: 7, key: secret, advskew: 100, addresses: [10.0.0.107]}
YAML
carpd_on h2.command -v 8 -a 10.0.0.108 -k 100 -u "$work/up" -d "$work/down"
both_back_up
daemons=(h1.own h2.own h1.command h2.command)
declare -A worker=() runner=()
for label in "${daemons[@]}"; do
    worker[$label]=$(worker_of "$label")
    runner[$label]=$(pgrep -P "${worker[$label]}" -x carpd-commands) || true
done

echo "takeover of a silent master, and the end of two masters"
cut_cable h1
both "h1 h2"
mend
both h1

echo "signals"
send USR1 "${daemons[@]}"
for label in "${daemons[@]}"; do
    wait_for "$slow" "$label tells of itself" log_has "$label" "on eth0 id [78] - "
done
send USR2 h1.own h1.command
both h2

echo "link loss"
carrier_off h2
both h1
carrier_on h2
both_back_up

echo "farewells, and a killed worker with a command"
send TERM h1.own
send_worker KILL h1.command
both h2
wait_end h1.own "$slow"
check_equal "exit status of a master" 0 "$exit_status"
wait_end h1.command "$slow"
check_equal "exit status of a guardian whose worker was killed" 1 "$exit_status"
send TERM h2.own h2.command
both ""
for label in h2.own h2.command; do
    wait_end "$label" "$slow"
    check_equal "exit status of $label" 0 "$exit_status"
done

# summary LABEL PID: what Valgrind says of a process in the end.
summary()
{
    sed -nE "s/^==$2== ERROR SUMMARY: ([0-9]+ errors from [0-9]+ contexts).*/\1/p" "$work/$1.log"
}

for label in "${daemons[@]}"; do
    check_equal "errors in the guardian of $label" "0 errors from 0 contexts" \
        "$(summary "$label" "${pid_of[$label]}")"
    [ -z "${runner[$label]}" ] ||
        check_equal "errors in who runs the commands of $label" "0 errors from 0 contexts" \
            "$(summary "$label" "${runner[$label]}")"
    [ "$label" != h1.command ] || continue # its worker was killed, and Valgrind with it
    check_equal "errors in the worker of $label" "0 errors from 0 contexts" \
        "$(summary "$label" "${worker[$label]}")"
done
test_end
