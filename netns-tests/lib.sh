# What every test here is built from: a segment (switch, hosts, a client) in network namespaces of
# its own, daemons on the hosts, faults, and checks that say what they saw; witness.sh has the
# witnesses. Sourced.
#
# Everything is named after this process, so tests can run beside each other, and everything is gone
# when the test ends, however it ends. README.md explains the words.
#
# shellcheck shell=bash

set -eEuo pipefail
export LC_ALL=C TZ=UTC PATH=$PATH:/usr/sbin:/sbin
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=${CARP_BIN:-$here/../build/dev/bin}

# No test takes longer, whatever goes wrong in it (tools/bench/live, which repeats faults, allows more).
TEST_SECONDS_MAX=${TEST_SECONDS_MAX:-100}

# --- the end -----------------------------------------------------------------------------------

work=                  # directory of logs and captures
journals=              # directory of journals, within it
declare -A pid_of=()   # label -> process started by us
declare -A ipv4_of=()  # host -> its own address
declare -A ipv6_of=()  # host -> its link-local address
namespaces=()
witnesses=()
watchdog=
checks=0
exit_status=

# Stop what runs in a namespace of ours, known or not (a daemon's own children, say).
namespace_empty()
{
    local pid
    for pid in $(ip netns pids "$1" 2>/dev/null); do
        kill -KILL "$pid" 2>/dev/null || true
    done
}

clean_up()
{
    local status=$? namespace pid
    trap - EXIT ERR INT TERM PIPE
    set +e
    exec 2>/dev/null # the shell would tell of each process that it killed
    [ -n "$watchdog" ] && kill "$watchdog" 2>/dev/null
    for pid in "${witnesses[@]}"; do
        kill -TERM "$pid" 2>/dev/null
    done
    for namespace in "${namespaces[@]}"; do
        namespace_empty "$namespace"
        ip netns del "$namespace" 2>/dev/null
    done
    wait 2>/dev/null
    [ -n "$work" ] && rm -rf "$work"
    exit "$status"
}

skip()
{
    echo "skipped: $*"
    exit 77
}

# Tools the test needs beyond those that every test does.
need()
{
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || skip "$tool is not installed (tools/setup installs it)"
    done
}

watchdog_run()
{
    local sleeper
    trap - EXIT ERR INT
    sleep "$TEST_SECONDS_MAX" >/dev/null 2>&1 &
    sleeper=$!
    trap 'kill "$sleeper"; exit 0' TERM
    wait "$sleeper"
    kill -TERM $$
}

test_begin()
{
    [ "$(id -u)" = 0 ] || skip "network namespaces need root"
    need ip nft tcpdump awk
    local program
    for program in probe carpd; do
        [ -x "$bin/$program" ] || {
            echo "FAILED: $bin/$program is not built (CARP_BIN names the directory)"
            exit 1
        }
    done
    work=$(mktemp -d "${TMPDIR:-/tmp}/carp-netns.XXXXXX")
    chmod 711 "$work" # carpd gives up root, and goes through here to its journals
    journals=$work/journals
    install -d -m 700 -o "$(worker_user)" "$journals"
    trap clean_up EXIT
    trap 'fail "stopped from outside, or not done after $TEST_SECONDS_MAX s"' INT TERM
    trap 'exit 1' PIPE
    trap 'unexpected $? $LINENO' ERR
    watchdog_run &
    watchdog=$!
    printf secret >"$work/key"
    chmod 600 "$work/key"
    printf '#!/bin/sh\nexec ip addr add "$2/24" dev "$1"\n' >"$work/up"
    printf '#!/bin/sh\nexec ip addr del "$2/24" dev "$1"\n' >"$work/down"
    chmod 700 "$work/up" "$work/down"
}

test_end()
{
    daemons_end
    journals_replay
    echo "ok $checks checks"
}

# --- numbers -----------------------------------------------------------------------------------

# Now, as seconds since 1970 with six decimals: the clock of all witnesses.
now()
{
    echo "$EPOCHREALTIME"
}

# The value of an arithmetic expression, with three decimals.
calc()
{
    awk "BEGIN { printf \"%.3f\", ($*) }"
}

# Nothing when one of the two is not there.
ms_from_to()
{
    [ -z "$1" ] || [ -z "$2" ] || awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", (b - a) * 1000 }'
}

# CARP's own limit: how long a backup of this advbase and advskew waits, in ms.
down_ms()
{
    calc "$1 * ${3:-3} * 1000 + $2 * 1000 / 256"
}

# --- what a failure shows -----------------------------------------------------------------------

show_all()
{
    local log
    [ -n "$work" ] || return 0
    for log in "$work"/*.log; do
        [ -s "$log" ] || continue
        echo "--- ${log##*/} (last 60 lines)"
        tail -n 60 "$log"
    done
    echo "--- addresses, as they came and went"
    cat "$work"/*.watch 2>/dev/null | sort -n | tail -n 80
    echo "--- capture (last 120 frames)"
    capture_text 2>/dev/null | tail -n 120
}

fail()
{
    trap - ERR
    if [ -n "$work" ] && [ ! -e "$work/failed" ]; then
        : >"$work/failed"
        {
            echo "FAILED: $*"
            show_all
        } >&2
    fi
    exit 1
}

unexpected()
{
    [ "$BASH_SUBSHELL" = 0 ] || exit 1
    fail "a command of the test itself failed with status $1 at line $2 of $(caller 0)"
}

check_equal()
{
    [ "$2" = "$3" ] || fail "$1: expected '$2', saw '$3'"
    checks=$((checks + 1))
}

check_not_equal()
{
    [ "$2" != "$3" ] || fail "$1: expected anything but '$2', saw it"
    checks=$((checks + 1))
}

# check_within WHAT LOW HIGH VALUE
check_within()
{
    awk -v low="$2" -v high="$3" -v value="${4:--}" \
        'BEGIN { exit !(value ~ /^-?[0-9.]+$/ && value + 0 >= low + 0 && value + 0 <= high + 0) }' ||
        fail "$1: expected $2 to $3, saw '${4:-nothing}'"
    checks=$((checks + 1))
}

log_has()
{
    grep -qE -- "$2" "$work/$1.log"
}

check_log()
{
    log_has "$1" "$2" || fail "the log of $1 should have a line like '$2'"
    checks=$((checks + 1))
}

check_no_log()
{
    ! log_has "$1" "$2" || fail "the log of $1 should have no line like '$2'"
    checks=$((checks + 1))
}

# A measured value, for people and for the summary: figure NAME VALUE UNIT
figure()
{
    echo "figure $1 ${2:-none} $3"
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for()
{
    local limit=$1 what=$2 end
    shift 2
    end=$(calc "$(now) + $limit")
    until "$@"; do
        awk -v a="$(now)" -v b="$end" 'BEGIN { exit !(a < b) }' ||
            fail "not within $limit s: $what"
        sleep 0.02
    done
    checks=$((checks + 1))
}

# --- the segment --------------------------------------------------------------------------------

# Of a host, or of a label.
namespace_of()
{
    echo "carp-$$-${1%%.*}"
}

# Run a command to its end on a host. What runs beside the test is started by ip netns exec itself,
# whose process becomes the command: a function in the background would be a shell in between, and
# the signals would be the shell's.
on()
{
    local host=$1
    shift
    ip netns exec "$(namespace_of "$host")" "$@"
}

namespace_make()
{
    local name
    name=$(namespace_of "$1")
    ip netns add "$name"
    namespaces+=("$name")
    # Duplicate detection would hold back IPv6 for a second or two on each new interface.
    ip netns exec "$name" sh -c 'echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
        echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad
        ip link set lo up'
}

# A cable from a host's eth0 to the switch's port of the host's name. port_make HOST NUMBER
port_make()
{
    local host=$1 number=$2 mac
    mac=$(printf '02:00:00:00:00:%02x' "$number")
    ip -n "$(namespace_of switch)" link add "$host" type veth peer name eth0 netns "$(namespace_of "$host")"
    ip -n "$(namespace_of "$host")" link set eth0 address "$mac"
    [ -z "${ipv4_of[$host]-}" ] ||
        ip -n "$(namespace_of "$host")" addr add "${ipv4_of[$host]}/$segment_prefix" dev eth0
    ip -n "$(namespace_of "$host")" addr add "fd00::$number/64" dev eth0 nodad
    ip -n "$(namespace_of switch)" link set "$host" master br0 up
    ip -n "$(namespace_of "$host")" link set eth0 up
    ipv6_of[$host]=$(printf 'fe80::ff:fe00:%x' "$number")
}

segment_prefix=24

# segment COUNT [IPV4...]: a switch, hosts h1..hCOUNT with these IPv4 addresses (10.0.0.1 and so on;
# "-" for none) and fd00::1 and so on, a client with .200; witnesses running.
segment()
{
    local count=$1 i host
    shift
    namespace_make switch
    ip -n "$(namespace_of switch)" link add br0 type bridge forward_delay 0 mcast_snooping 0
    ip -n "$(namespace_of switch)" link set br0 up
    on switch nft -f - <<'NFT'
table bridge faults {
    set cut { type ifname; }
    chain in { type filter hook prerouting priority -300; iifname @cut drop; }
    chain out { type filter hook postrouting priority 300; oifname @cut drop; }
    chain loss { type filter hook postrouting priority 200; }
}
NFT
    for ((i = 1; i <= count; i++)); do
        host=h$i
        ipv4_of[$host]=${1:-10.0.0.$i}
        [ "${ipv4_of[$host]}" != - ] || ipv4_of[$host]=
        [ $# -eq 0 ] || shift
        namespace_make "$host"
        port_make "$host" "$i"
        witness_start "$host.watch" "$host" "$bin/probe" watch "$host" --seconds "$TEST_SECONDS_MAX"
        witness_start "$host.server" "$host" "$bin/probe" server "$host" --seconds "$TEST_SECONDS_MAX"
    done
    namespace_make client
    ipv4_of[client]=10.0.0.200
    port_make client 200
    capture_start
}

# Both ways, without the host's noticing: cut_cable HOST...
cut_cable()
{
    local hosts="$*"
    on switch nft add element bridge faults cut "{ ${hosts// /, } }"
}

mend()
{
    on switch nft flush set bridge faults cut
}

# Adverts are lost with this probability, drawn anew for each host that should hear them.
lose_adverts()
{
    on switch nft -f - <<NFT
flush chain bridge faults loss
add rule bridge faults loss ether type ip ip protocol 112 numgen random mod 100 < $1 drop
add rule bridge faults loss ether type ip6 ip6 nexthdr 112 numgen random mod 100 < $1 drop
NFT
}

# The host's own end loses its carrier when the other end of the cable goes down.
carrier_off()
{
    ip -n "$(namespace_of switch)" link set dev "$1" down
}

carrier_on()
{
    ip -n "$(namespace_of switch)" link set dev "$1" up
}

# --- daemons ------------------------------------------------------------------------------------

# The account that carpd runs as when it is told nothing.
worker_user()
{
    getent passwd carpio >/dev/null && echo carpio || echo nobody
}

# Every carpd keeps a journal, $journals/LABEL.journal, with the older ones of its label behind it; none
# when this is empty.
journal_mib=4

# Options that every carpd is given besides; a build that needs one has it in the environment.
carpd_also=(${CARPD_ALSO:+"$CARPD_ALSO"})

# A label is a host, or a host and a word of ours when it runs several: h1.web
# daemon_start LABEL COMMAND...
daemon_start()
{
    local label=$1 word command=()
    shift
    for word in "$@"; do
        command+=("$word")
        [ "$word" != "$bin/carpd" ] || command+=("${carpd_also[@]}")
        [ "$word" != "$bin/carpd" ] || [ -z "$journal_mib" ] ||
            command+=(--journal "$journals/$label.journal" --journal-size "$journal_mib")
    done
    : >>"$work/$label.log" # the shell opens it later, maybe after someone looked
    ip netns exec "$(namespace_of "$label")" "${command[@]}" >>"$work/$label.log" 2>&1 </dev/null &
    pid_of[$label]=$!
}

# What to put before carpd in the command line, such as env with a preloaded library.
carpd_under=()

# carpd for one group, with UCARP's options; the interface, source and key are given here.
carpd_on()
{
    local label=$1 host=${1%%.*}
    shift
    local own=(-i eth0 -o "$work/key")
    [ -z "${ipv4_of[$host]}" ] || own+=(-s "${ipv4_of[$host]}")
    daemon_start "$label" "${carpd_under[@]}" "$bin/carpd" "${own[@]}" "$@"
}

# carpd with a configuration file, read from standard input.
carpd_yaml_on()
{
    local label=$1
    cat >"$work/$label.yaml"
    daemon_start "$label" "${carpd_under[@]}" "$bin/carpd" -c "$work/$label.yaml"
}

ucarp_on()
{
    local label=$1 host=${1%%.*}
    shift
    daemon_start "$label" ucarp -i eth0 -s "${ipv4_of[$host]}" -p secret -f none \
        -u "$work/up" -d "$work/down" "$@"
}

# keepalived as a VRRP router: keepalived_on LABEL VRID PRIORITY ADDRESS [ADVERT_SECONDS]
keepalived_on()
{
    local label=$1 vrid=$2 priority=$3 address=$4 interval=${5:-1}
    cat >"$work/$label.conf" <<CONF
vrrp_instance v$vrid {
    state BACKUP
    interface eth0
    virtual_router_id $vrid
    priority $priority
    advert_int $interval
    virtual_ipaddress {
        $address/24 dev eth0
    }
}
CONF
    daemon_start "$label" keepalived -n -l -P -f "$work/$label.conf" -p "$work/$label.pid" \
        -r "$work/$label.vrrp.pid"
}

# The process that does the work below the one that was started, or nothing.
worker_of()
{
    local children=
    read -r children _ 2>/dev/null <"/proc/${pid_of[$1]}/task/${pid_of[$1]}/children" || true
    echo "$children"
}

# send SIGNAL LABEL...: to the started process.
send()
{
    local signal=$1 label
    shift
    for label in "$@"; do
        kill "-$signal" "${pid_of[$label]}"
    done
}

send_worker()
{
    local signal=$1 worker
    worker=$(worker_of "$2")
    [ -n "$worker" ] || fail "$2 has no worker process"
    kill "-$signal" "$worker"
}

# Guardian first, so that it cannot act on what happens to its worker; and the worker stands still by
# then, so that it cannot act on its guardian's death.
send_both()
{
    local signal=$1 worker
    worker=$(worker_of "$2")
    [ -n "$worker" ] || fail "$2 has no worker process"
    kill -STOP "$worker"
    kill "-$signal" "${pid_of[$2]}" "$worker"
}

is_gone()
{
    ! kill -0 "${pid_of[$1]}" 2>/dev/null
}

# wait_end LABEL SECONDS: until it has exited; its status is then in exit_status.
wait_end()
{
    wait_for "$2" "$1 exits" is_gone "$1"
    exit_status=0
    wait "${pid_of[$1]}" || exit_status=$?
}

check_alive()
{
    local label
    for label in "$@"; do
        ! is_gone "$label" || fail "$label should be running, but has exited"
        checks=$((checks + 1))
    done
}

# Those that keep a journal end, so that it is whole: in good order, unless that takes too long. What a
# killed one had handed to the kernel is there all the same.
daemons_end()
{
    local label running=() end
    for label in "${!pid_of[@]}"; do
        if [ -e "$journals/$label.journal" ] && ! is_gone "$label"; then
            running+=("$label")
            kill -TERM "${pid_of[$label]}" 2>/dev/null || true
            # shellcheck disable=SC2046 # no word when there is none
            kill -CONT "${pid_of[$label]}" $(worker_of "$label") 2>/dev/null || true
        fi
    done
    end=$((SECONDS + 4))
    for label in "${running[@]}"; do
        until is_gone "$label" || [ "$SECONDS" -gt "$end" ]; do
            sleep 0.02
        done
        # shellcheck disable=SC2046
        is_gone "$label" || kill -KILL "${pid_of[$label]}" $(worker_of "$label") 2>/dev/null || true
    done
}

# The files of a journal, the oldest first.
journal_files()
{
    local suffix
    for suffix in .3 .2 .1 ''; do
        [ ! -e "$1$suffix" ] || echo "$1$suffix"
    done
}

# What a daemon did, another engine does again: check_journal FILE..., the oldest first
check_journal()
{
    "$bin/carplab" replay "$@" >"$work/replay" 2>&1 ||
        fail "carplab replay ${*##*/}: status $?: $(tail -n 20 "$work/replay")"
    checks=$((checks + 1))
}

journals_replay()
{
    local journal files
    for journal in "$journals"/*.journal; do
        mapfile -t files < <(journal_files "$journal")
        [ ${#files[@]} -eq 0 ] || check_journal "${files[@]}"
    done
}

. "$here/witness.sh"
test_begin
