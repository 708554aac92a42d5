#!/usr/bin/env bash
# What is left to each process of carpd, by the kernel's word: accounts, capabilities, filters; keys in
# the memory of the worker alone, and in no core dump; commands as another account, with a clean
# environment and nothing open. And who runs the commands may die: no address stays behind.
. "$(dirname "$0")/lib.sh"
need python3 setpriv

segment 2
user=$(worker_user)
uid=$(id -u "$user")

# One fact of /proc/PID/status: status_of PID NAME
status_of()
{
    awk -v name="$2:" '$1 == name { $1 = ""; sub(/^ */, ""); print }' "/proc/$1/status"
}

# check_rights WHAT PID UID CAPABILITIES SECCOMP NO_NEW_PRIVILEGES
check_rights()
{
    check_equal "accounts of $1" "$3 $3 $3 $3" "$(status_of "$2" Uid)"
    check_equal "capabilities of $1" "$4" "$(status_of "$2" CapEff)"
    check_equal "capabilities that $1 could have" "$4" "$(status_of "$2" CapPrm)"
    check_equal "filter of $1" "$5" "$(status_of "$2" Seccomp)"
    check_equal "no new privileges for $1" "$6" "$(status_of "$2" NoNewPrivs)"
    check_equal "who may read the memory of $1" 0 "$(stat -c %u "/proc/$2/mem")"
}

# How often a text is in the memory of a process that it can write.
count_in_memory()
{
    python3 - "$1" "$2" <<'PYTHON'
import re, sys
needle, found = sys.argv[2].encode(), 0
with open(f"/proc/{sys.argv[1]}/maps") as maps, open(f"/proc/{sys.argv[1]}/mem", "rb") as memory:
    for line in maps:
        start, end, rights = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+)", line).groups()
        if rights.startswith("rw"):
            memory.seek(int(start, 16))
            found += memory.read(int(end, 16) - int(start, 16)).count(needle)
print(found)
PYTHON
}

# The process that runs the commands of a worker.
runner_of()
{
    pgrep -P "$1" -x carpd-commands || fail "nobody runs commands for process $1"
}

# --- addresses of our own ------------------------------------------------------------------------

carpd_on h1 -v 1 -a 10.0.0.101 -k 0
wait_holders 6 10.0.0.101 h1
worker=$(worker_of h1)
check_rights "the guardian" "${pid_of[h1]}" "$uid" 0000000000001000 2 1
check_rights "the worker" "$worker" "$uid" 0000000000003000 2 1
check_log h1 "the worker runs as $user, uid $uid, CAP_NET_ADMIN and CAP_NET_RAW; system calls and writes are filtered"
check_equal "processes" "$worker" "$(pgrep -P "${pid_of[h1]}")"

# --- keys ----------------------------------------------------------------------------------------

in_file=Zk9vQm2pLr7xWn4tBs1 in_yaml=Hq5cYd8gFj3hMu6eRo0
printf '%s\n' "$in_file" >"$work/key.file"
chmod 600 "$work/key.file"
carpd_yaml_on h1.keys <<YAML
groups:
  file: {interface: eth0, vhid: 2, key-file: $work/key.file, addresses: [10.0.0.102]}
  yaml: {interface: eth0, vhid: 3, key: $in_yaml, addresses: [10.0.0.103], up: $work/up, down: $work/down}
YAML
wait_holders 6 10.0.0.102 h1
wait_holders 6 10.0.0.103 h1
worker=$(worker_of h1.keys)
for key in "$in_file" "$in_yaml"; do
    check_not_equal "times the worker has the key $key" 0 "$(count_in_memory "$worker" "$key")"
    check_equal "times the guardian has it" 0 "$(count_in_memory "${pid_of[h1.keys]}" "$key")"
    check_equal "times who runs commands has it" 0 "$(count_in_memory "$(runner_of "$worker")" "$key")"
    check_no_log h1.keys "$key"
    check_equal "times the journal has it" 0 "$(cat "$journals"/h1.keys.* | grep -c "$key" || true)"
done

# A core dump where one could be written, of a process that may.
dumps()
{
    find "$journals" -name 'core*' | wc -l
}
if grep -q '^[^/|]*$' /proc/sys/kernel/core_pattern; then
    ulimit -c unlimited
    (cd "$journals" && setpriv --reuid "$uid" --clear-groups sh -c 'kill -SEGV $$') || true
    check_equal "core dumps of another program" 1 "$(dumps)"
    cd "$journals"
    carpd_on h1.core -v 4 -a 10.0.0.104
    cd - >/dev/null
    wait_for 6 "h1.core runs" log_has h1.core "Switching to state: BACKUP"
    send_worker SEGV h1.core
    wait_end h1.core 3
    check_log h1.core "the worker was killed by signal 11"
    check_equal "core dumps besides" 1 "$(dumps)"
    ulimit -c 0
fi

# --- commands of another account -----------------------------------------------------------------

install -d -m 700 -o daemon "$work/facts"
cat >"$work/facts.sh" <<SH
#!/bin/sh
{
    id -un
    id -Gn
    tr '\\0' '\\n' </proc/\$\$/environ | sort
    ls /proc/self/fd
} >"$work/facts/\$CARPIO_STATE.new" 2>&1
mv "$work/facts/\$CARPIO_STATE.new" "$work/facts/\$CARPIO_STATE"
SH
chmod 755 "$work/facts.sh"
exec 9<"$work/key"
export CARP_TEST_OF_NO_INTEREST=1
carpd_on h1.daemon -v 5 -a 10.0.0.105 -k 0 -u "$work/facts.sh" -d "$work/facts.sh" --run-commands-as daemon
exec 9<&-
wait_for 6 "the up command has run" test -e "$work/facts/MASTER"
worker=$(worker_of h1.daemon)
check_equal "what carpd has of what was open before" "" "$(find "/proc/$worker/fd" "/proc/${pid_of[h1.daemon]}/fd" -lname "$work/key")"
check_rights "the guardian of another account's commands" "${pid_of[h1.daemon]}" "$uid" 00000000000010e0 0 0
check_rights "the worker beside commands" "$worker" "$uid" 0000000000003000 2 1
check_rights "who runs the commands" "$(runner_of "$worker")" "$(id -u daemon)" 0000000000000000 0 0
check_equal "what the up command saw" "daemon
daemon
CARPIO_ADDRESSES=10.0.0.105
CARPIO_GROUP=vhid-5
CARPIO_STATE=MASTER
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
0
1
2
3" "$(cat "$work/facts/MASTER")"
rm -f "$work/facts/BACKUP" # of the start
send_worker KILL h1.daemon
wait_end h1.daemon 3
check_equal "what the guardian's down command saw" "$(sed s/MASTER/BACKUP/ "$work/facts/MASTER")" \
    "$(cat "$work/facts/BACKUP")"

# --- who runs the commands is killed -------------------------------------------------------------

carpd_on h1.runner -v 6 -a 10.0.0.106 -k 0 -u "$work/up" -d "$work/down"
carpd_on h2.runner -v 6 -a 10.0.0.106 -k 100 -u "$work/up" -d "$work/down"
wait_holders 6 10.0.0.106 h1
killed=$(now)
kill -KILL "$(runner_of "$(worker_of h1.runner)")"
wait_end h1.runner 3
check_equal "exit status without commands" 1 "$exit_status"
check_log h1.runner "the process that runs commands does not: it has ended; leaving"
wait_holders 3 10.0.0.106 h2
check_within "ms with two holders" 0 500 "$(overlap_ms 10.0.0.106 "$killed")"

# --- the worker is killed while an up command runs ------------------------------------------------

printf '#!/bin/sh\nsleep 1\nexec "%s" "$@"\n' "$work/up" >"$work/late"
chmod 700 "$work/late"
carpd_on h1.late -v 8 -a 10.0.0.108 -k 0 -u "$work/late" -d "$work/down"
wait_for 6 "the up command has begun" log_has h1.late "Spawning .*/late"
send_worker KILL h1.late
wait_end h1.late 5
wait_for 4 "the up command has ended" log_has h1.late "the up command ended"
wait_holders 3 10.0.0.108 ""
check_not_equal "when the address came, too late" "" "$(held_at h1 got 10.0.0.108)"
test_end
