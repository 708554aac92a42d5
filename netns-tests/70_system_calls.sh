#!/usr/bin/env bash
# Each system call of carpd's processes fails in turn, once and for ever, while it starts, runs and is
# stopped, beside a healthy peer. It starts and behaves, or ends with a sentence and status 2 (1 later
# on); it never hangs; one host holds the address while it runs, and the peer alone when it has ended.
#
# What calls there are is taken from a run without faults. In a short run the first of each is tried;
# with FAULTS=all the first twelve of each, and with commands instead of addresses, too. One trial again:
#   70_system_calls.sh own --from-term --fail worker:sendto:1
FAULTS=${FAULTS:-short}
[ "$FAULTS" = short ] || TEST_SECONDS_MAX=${TEST_SECONDS_MAX:-3000}
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lanes.sh"

case $FAULTS in
all) nths=12 flavours='own command' ;;
*) nths=1 flavours=own ;;
esac

# Whether anything was said that is more than the course of things.
has_sentence()
{
    grep -qE '\[ERROR\]|^carpd: |^carpd:.*: error while loading|Assertion' "$work/a$lane.out"
}

# Where no command can be started any more, as the fault stays, addresses are as they were; and it is told.
excused()
{
    [[ $trial == command*+ ]] && grep -qE 'Unable to exec|command ended after .* by signal' "$work/a$lane.out"
}

# fails FLAVOUR FAULT...: one trial
fails()
{
    local flavour=$1 early='' sentence='' result
    shift
    trial_inject "$flavour $*" "$flavour" "$@"
    trial_settle
    pause 0.4
    look
    if ended; then
        early=1
    else
        within 8000 one_holder || excused ||
            problem "not one holder, a: '$holds_a', b: '$holds_b'"
        ended && early=1
    fi
    kill -TERM "$carpd" 2>/dev/null
    trial_end 1000
    has_sentence && sentence=1
    case $early.$exit_status.$sentence in
    1.1.1 | 1.2.1) result=refused ;;
    .0. | .0.1 | .1.1) result=lived ;;
    1.134.1 | .134.1)
        # 128 + SIGABRT: an assertion, which is how a mistake of our own ends; and so it must say.
        grep -q 'Assertion' "$work/a$lane.out" || problem "it aborts without an assertion"
        result=asserted
        ;;
    *)
        problem "status $exit_status${early:+, early}${sentence:+, with a sentence}"
        result=wrong
        ;;
    esac
    [ -s "$calls" ] || result=not_reached
    echo "$result $flavour $*" >>"$work/results.$lane"
}

# Of the healthy run: each call of each role, from the start, and once more from SIGTERM on. Not those that
# libuv makes to wait, and to hear of signals and of a command's start, where it runs commands: its answer
# to an error of them is abort().
plan()
{
    awk -v flavour="$1" -v nths="$nths" '
        function both(arguments) {
            print flavour, arguments
            print flavour, arguments "+"
        }
        $6 == 0 || ($3 ~ /runner|command/ && $5 ~ /^epoll_|^read$|^write$|^pipe2$/) { next }
        ++count[$3, $5] <= nths { both("--fail " $3 ":" $5 ":" count[$3, $5]) }
        $1 == "term" && ++late[$3, $5] <= nths { both("--from-term --fail " $3 ":" $5 ":" late[$3, $5]) }
    ' "$work/a1.calls"
}

lanes_begin
for flavour in $flavours; do
    lane_alone fails "$flavour"
    plan "$flavour" >>"$work/plan"
done
[ $# = 0 ] || echo "$*" >"$work/plan"
lanes_run fails
for result in lived refused asserted not_reached; do
    figure "system_calls_$result" "$(grep -c "^$result " "$work/results" || true)" trials
done
lanes_check
test_end
