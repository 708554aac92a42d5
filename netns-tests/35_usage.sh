#!/usr/bin/env bash
# Bad usage: exit status 2 and one line that names the value and what would be right; nothing
# half-applied. Good usage beside it: --check, detaching, and a password that nobody sees.
. "$(dirname "$0")/lib.sh"
need setpriv

segment 1

# run COMMAND...: its exit status in exit_status, what it wrote in $work/out and $work/err.log.
run()
{
    exit_status=0
    on h1 timeout 10 "$@" >"$work/out" 2>"$work/err.log" </dev/null || exit_status=$?
}

# refuses PATTERN ARGUMENTS...
refuses()
{
    local pattern=$1
    shift
    run "$bin/carpd" "$@"
    check_equal "exit status of carpd $*" 2 "$exit_status"
    check_equal "lines on stderr of carpd $*" 1 "$(wc -l <"$work/err.log")"
    check_log err "$pattern"
    check_equal "addresses set" "" "$(on h1 ip -o addr show to 10.0.0.100)"
}

good=(-i eth0 -s 10.0.0.1 -v 7 -o "$work/key" -a 10.0.0.100)
refuses '300.*1.*255' -i eth0 -s 10.0.0.1 -v 300 -o "$work/key" -a 10.0.0.100
refuses '0.*1.*255' -i eth0 -s 10.0.0.1 -v 0 -o "$work/key" -a 10.0.0.100
refuses '300.*0.*255' "${good[@]}" -k 300
refuses '256.*0.*255' "${good[@]}" -b 256
refuses '1x' "${good[@]}" -b 1x
refuses 'virtual host id|vhid' -i eth0 -s 10.0.0.1 -o "$work/key" -a 10.0.0.100
refuses 'password|key' -i eth0 -s 10.0.0.1 -v 7 -a 10.0.0.100
refuses 'interface' -s 10.0.0.1 -v 7 -o "$work/key" -a 10.0.0.100
refuses 'address' -i eth0 -s 10.0.0.1 -v 7 -o "$work/key"
refuses '10.0.0.999' -i eth0 -s 10.0.0.1 -v 7 -o "$work/key" -a 10.0.0.999
refuses 'extra' "${good[@]}" extra
refuses 'nonsense' "${good[@]}" --nonsense
refuses "$work/none" -c "$work/none"
refuses '20' -i eth0 -s 10.0.0.1 -v 7 -p 123456789012345678901 -a 10.0.0.100
refuses 'empty' -i eth0 -s 10.0.0.1 -v 7 -p '' -a 10.0.0.100
refuses 'eth7' -i eth7 -s 10.0.0.1 -v 7 -o "$work/key" -a 10.0.0.100
refuses "journal $work/none/j: .*$work/none" "${good[@]}" --journal "$work/none/j"
refuses "journal $work is a directory" "${good[@]}" --journal "$work"
refuses 'journal /dev/null is no plain file' "${good[@]}" --journal /dev/null
refuses 'must begin with /' "${good[@]}" --journal here -B
refuses '0.*1.*65536' "${good[@]}" --journal "$journals/j" --journal-size 0
refuses 'journal /dev/null is no plain file' "${good[@]}" --journal /dev/null --check
mkdir -m 755 "$work/of_root"
refuses "journal $work/of_root/j: cannot make files in $work/of_root: Permission denied; the worker is $(worker_user)" \
    "${good[@]}" --journal "$work/of_root/j"
refuses 'user nobody-here: there is no such account' "${good[@]}" --run-as nobody-here
refuses 'command-user nobody-here: there is no such account' "${good[@]}" --run-commands-as nobody-here
printf '#!/bin/sh\n' >"$work/open"
chmod 777 "$work/open"
refuses "vhid-7: the down command must not be run: $work/open can be written by others; chmod go-w it" \
    "${good[@]}" -d "$work/open"
chmod 755 "$work/open"
chown nobody "$work/open"
refuses "the up command must not be run: $work/open belongs to user .*; chown it to root" \
    "${good[@]}" -u "$work/open" --check
refuses "the up command must not be run: .*/bin/no-such-command: No such file or directory" \
    "${good[@]}" -u no-such-command
refuses 'lo is no Ethernet' -i lo -s 10.0.0.1 -v 7 -o "$work/key" -a 10.0.0.100

# A file with one good group and one bad: the place is named, and the good one is not begun.
cat >"$work/bad.yaml" <<'YAML'
groups:
  good: {interface: eth0, vhid: 7, key: secret, addresses: [10.0.0.100/24]}
  bad:
    interface: eth0
    vhid: 300
    key: secret
    addresses: [10.0.0.101/24]
YAML
refuses "$work/bad.yaml:5:[0-9]+: .*300.*1.*255" -c "$work/bad.yaml"
grep -q secret "$work/err.log" && fail "a key is in an error message"

# Without privilege: the remedy is named.
cp "$work/key" "$work/key.nobody"
chmod 644 "$work/key.nobody"
chmod 711 "$work"
run setpriv --reuid 65534 --regid 65534 --clear-groups "$bin/carpd" -i eth0 -s 10.0.0.1 -v 7 \
    -o "$work/key.nobody" -a 10.0.0.100
check_equal "exit status without privilege" 2 "$exit_status"
check_log err "root|CAP_NET_(RAW|ADMIN)"

run "$bin/carpd" --help
check_equal "exit status of --help" 0 "$exit_status"
run "$bin/carpd" --check "${good[@]}"
check_equal "exit status of --check" 0 "$exit_status"
run "$bin/carpd" --check "${good[@]}" --journal "$journals/checked"
check_equal "exit status of --check with a journal" 0 "$exit_status"
check_equal "files of a journal that was only checked" "" "$(ls "$journals" | grep checked || true)"
check_holders 10.0.0.100 ""

# -B returns when everything was checked, and what runs then can be stopped.
run "$bin/carpd" "${good[@]}" -B -f none
check_equal "exit status of -B" 0 "$exit_status"
wait_holders 6 10.0.0.100 h1
detached=
for pid in $(ip netns pids "$(namespace_of h1)" || true); do
    [ -n "$detached" ] || ! grep -q carpd "/proc/$pid/comm" || detached=$pid
done
check_not_equal "a detached process" "" "$detached"
for fd in 0 1; do
    [ "/proc/$detached/fd/$fd" -ef /dev/null ] || fail "descriptor $fd of a detached process is open"
    checks=$((checks + 1))
done
kill -TERM "$detached"
wait_holders 3 10.0.0.100 ""
run "$bin/carpd" -i eth7 -s 10.0.0.1 -v 7 -o "$work/key" -a 10.0.0.100 -B
check_equal "exit status of -B with a missing interface" 2 "$exit_status"

# A password given as an argument is gone from the process list at once.
daemon_start h1 "$bin/carpd" -i eth0 -s 10.0.0.1 -v 7 -p opensesame -a 10.0.0.100
wait_for 3 "carpd runs" log_has h1 "Switching to state: BACKUP"
for pid in "${pid_of[h1]}" $(worker_of h1); do
    check_equal "the password in the arguments of process $pid" 0 \
        "$(tr '\0' '\n' <"/proc/$pid/cmdline" | grep -c opensesame || true)"
done
test_end
