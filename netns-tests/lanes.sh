# Many small trials side by side: a lane is a pair of hosts on one cable, aN and bN. On b a carpd runs
# all the time; on a each trial starts another one, under a fault (inject.c), which is the better one
# and preempts. Whoever holds the address is known from `probe watch`. Sourced after lib.sh.
#
# shellcheck shell=bash

need awk
[ -x "$bin/inject" ] || {
    echo "FAILED: $bin/inject is not built (CARP_BIN names the directory)"
    exit 1
}

lanes=${LANES:-16}
mkdir "$work/empty"
journal_mib= # what a fault does to a journal of carpd on a is nobody's loss, and b's is as long as the test
vip=10.0.0.100

# Of carpd on a, for a lane: with addresses of its own and a journal, or with commands. a speaks each
# 156 ms, b, when a does not, each 234 ms; they wait for 469 and 703 ms. Fast enough for many trials,
# slow enough for two processors with many lanes. configure_a LANE FLAVOUR
configure_a()
{
    local journal="journal: $journals/a$1.ring" commands=
    [ "$2" = own ] || {
        journal=
        commands="up: $work/up, down: $work/down, command-timeout: 3, "
    }
    printf '%s\ngroups:\n  pair: {%s%s}\n' "$journal" "$commands" \
        "interface: eth0, vhid: 7, key-file: $work/key, source: 10.0.0.1, addresses: [$vip], advbase: 0,
    advskew: 40, preempt: true" >"$work/a$1.$2.yaml"
}

lane_make()
{
    local host number=0
    configure_a "$1" own
    configure_a "$1" command
    namespace_make "a$1"
    namespace_make "b$1"
    ip -n "$(namespace_of "a$1")" link add eth0 type veth peer name eth0 netns "$(namespace_of "b$1")"
    for host in "a$1" "b$1"; do
        number=$((number + 1))
        ipv4_of[$host]=10.0.0.$number
        ip -n "$(namespace_of "$host")" addr add "10.0.0.$number/24" dev eth0
        ip -n "$(namespace_of "$host")" link set eth0 up
        : >"$work/$host.watch" # a lane may look before the witness does
        witness_start "$host.watch" "$host" "$bin/probe" watch "$host" --seconds "$TEST_SECONDS_MAX"
    done
    carpd_on "b$1" -v 7 -a "$vip" -b 0 -k 60 -P
}

# --- in a lane, which is a process of its own ----------------------------------------------------

lane=       # its number
trial=      # what is being tried, for messages
watch_a='' watch_b=''
declare -A part=()
holds_a='' holds_b='' # not empty: holds the address
lost_a='' got_b=''    # when that was last
carpd=            # inject's process
calls=            # the file that it writes

lane_enter()
{
    trap - EXIT ERR INT TERM PIPE
    set +e # what must not be is a problem(), and told
    lane=$1 calls=$work/a$1.calls
    exec {watch_a}<"$work/a$lane.watch" {watch_b}<"$work/b$lane.watch" {never}<> <(:)
}

# Read what a witness has told since; the line that it is about to write may be there in part only, and
# is kept. look_at FILE_DESCRIPTOR HOST
look_at()
{
    local line at what address
    while IFS= read -r -u "$1" line || {
        part[$2]+=$line
        false
    }; do
        read -r at _ what address <<<"${part[$2]-}$line"
        part[$2]=
        [ "$address" != "$vip" ] || case $2.$what in
        a.got) holds_a=1 ;;
        a.lost) holds_a='' lost_a=$at ;;
        b.got) holds_b=1 got_b=$at ;;
        b.lost) holds_b='' ;;
        esac
    done
}

look()
{
    look_at "$watch_a" a
    look_at "$watch_b" b
}

# No process is started for a short sleep: nothing ever comes from there.
pause()
{
    read -r -t "$1" -u "$never" || true
}

# within MS COMMAND...: it succeeds in time.
within()
{
    local end=$((${EPOCHREALTIME/./} + $1 * 1000))
    shift
    while look && ! "$@"; do
        [ "${EPOCHREALTIME/./}" -lt "$end" ] || return 1
        pause 0.02
    done
}

a_alone()
{
    [ -n "$holds_a" ] && [ -z "$holds_b" ]
}

a_holds_nothing()
{
    [ -z "$holds_a" ]
}

b_alone()
{
    [ -z "$holds_a" ] && [ -n "$holds_b" ]
}

one_holder()
{
    [ "$holds_a$holds_b" = 1 ]
}

ended()
{
    ! kill -0 "$carpd" 2>/dev/null
}

a_alone_or_ended()
{
    a_alone || ended
}

speaks_or_ended()
{
    ended || grep -qE 'Switching to state|the worker runs|ERROR' "$work/a$lane.out"
}

# For a test to say otherwise: this trial need not end with one holder.
excused()
{
    false
}

# Something that must not be: it is told in the end, and the lane goes on.
problem()
{
    {
        echo "PROBLEM $trial: $*"
        sed 's/^/    /' "$work/a$lane.out"
    } >>"$work/problems.$lane"
}

# trial_start WHAT FLAVOUR RUNNER...: carpd is run by RUNNER, as by inject (below), in a directory where
# nothing should come to be.
trial_start()
{
    local flavour=$2
    trial=$1
    shift 2
    within 5000 b_alone || problem "b is not the only holder before it begins"
    cd "$work/empty" || return
    ip netns exec "$(namespace_of "a$lane")" "$@" "$bin/carpd" -c "$work/a$lane.$flavour.yaml" \
        >"$work/a$lane.out" 2>&1 </dev/null &
    carpd=$!
}

# The same under a fault: trial_inject WHAT FLAVOUR FAULT..., as inject.c takes it.
trial_inject()
{
    local what=$1 flavour=$2
    shift 2
    trial_start "$what" "$flavour" "$bin/inject" --seconds 25 --calls "$calls" "$@" --
}

# Until a has taken over or has ended; or, when neither comes, until it runs, so that it knows SIGTERM.
trial_settle()
{
    within 2500 a_alone_or_ended || within 8000 speaks_or_ended || problem "it neither runs nor ends"
}

# Its status is in exit_status, and when it was seen to have ended in ended_at. Within MS from then on nobody but b holds the address: trial_end MS
trial_end()
{
    within 15000 ended || {
        problem "it does not end"
        kill -KILL "$carpd" 2>/dev/null
    }
    ended_at=$(now)
    exit_status=0
    wait "$carpd" 2>/dev/null || exit_status=$?
    within "$1" a_holds_nothing || excused || problem "$1 ms after its end the address is still on a"
    within 5000 b_alone || {
        excused || problem "b is not the only holder after it, a: '$holds_a', b: '$holds_b'"
        on "a$lane" ip addr flush to "$vip" # the next trial is not to suffer for it
    }
    kill -0 "${pid_of[b$lane]}" 2>/dev/null || problem "carpd on b has ended"
}

# --- all of them -----------------------------------------------------------------------------------

lanes_begin()
{
    local n
    for ((n = 1; n <= lanes; n++)); do
        lane_make "$n"
    done
    : >"$work/plan"
}

# The trial without a fault, from which the others follow: lane_alone FUNCTION ARGUMENTS...
lane_alone()
{
    (
        lane_enter 1
        "$@"
    )
    rm -f "$work"/results.*
    [ ! -s "$work/problems.1" ] || fail "without a fault: $(cat "$work/problems.1")"
}

# lanes_run FUNCTION: for each line of $work/plan, in the lane whose turn it is. Each trial adds a line
# to $work/results.LANE; together they are $work/results then.
lanes_run()
{
    local function=$1 n processes=() line failed='' began
    began=$(now)
    for ((n = 1; n <= lanes; n++)); do
        (
            lane_enter "$n"
            turn=0
            while read -r -a line; do
                turn=$((turn + 1))
                [ $((turn % lanes)) != $((n % lanes)) ] || "$function" "${line[@]}"
            done <"$work/plan"
        ) &
        processes+=($!) witnesses+=($!) # so that it ends with the test
    done
    for n in "${processes[@]}"; do
        wait "$n" || failed=1
    done
    [ -z "$failed" ] || fail "a lane has ended early"
    cat "$work"/results.* >"$work/results"
    check_equal "trials" "$(wc -l <"$work/plan")" "$(wc -l <"$work/results")"
    figure "${function}_time" "$(ms_from_to "$began" "$(now)")" ms
}

# Tell of all that must not have been. Not by fail(), which would show the logs of all lanes.
lanes_check()
{
    cat "$work"/problems.* >"$work/problems" 2>/dev/null || true
    if [ -s "$work/problems" ]; then
        cat "$work/problems"
        echo "FAILED: $(grep -c ^PROBLEM "$work/problems") problems"
        exit 1
    fi
    check_equal "files with names that nobody gave" "" "$(ls "$work/empty")"
}
