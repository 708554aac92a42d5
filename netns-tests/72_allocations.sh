#!/usr/bin/env bash
# Each allocation of carpd's processes fails in turn, while it starts and becomes master beside a healthy
# peer: it ends with a sentence and status 2, and holds nothing; or goes on as always.
#
# The first process and those it forks are counted apart (fail_alloc.c). In a short run each 29th is
# tried; with FAULTS=all each, each tenth together with all that follow, and each tenth with commands
# instead of addresses. One again:
#   72_allocations.sh own child 17
FAULTS=${FAULTS:-short}
[ "$FAULTS" = short ] || TEST_SECONDS_MAX=${TEST_SECONDS_MAX:-3000}
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lanes.sh"
[ -e "$bin/fail_alloc.so" ] || fail "$bin/fail_alloc.so is not built"

# starves FLAVOUR PROCESS N: one trial. With N of 0 nothing fails, and $work/counted has how many there
# were when it was master; from then on there are some for each digest, as long as it runs.
starves()
{
    local flavour=$1 process=$2 nth=$3 early='' lines result fault
    # libseccomp 2.5.4 frees twice, and loses rules without a word, when an allocation of its own fails.
    fault=(FAIL_ALLOC_NOT=libseccomp FAIL_ALLOC="$nth" FAIL_ALLOC_IN="$process")
    [ "$nth" != 0 ] || fault=(FAIL_ALLOC_COUNT="$work/count")
    trial_start "$*" "$flavour" env LD_PRELOAD="$bin/fail_alloc.so" "${fault[@]}"
    trial_settle
    [ "$nth" != 0 ] || cp "$work/count" "$work/counted"
    pause 0.1
    look
    if ended; then
        early=1
    else
        within 8000 one_holder || problem "not one holder, a: '$holds_a', b: '$holds_b'"
        ended && early=1
    fi
    kill -TERM "$carpd" 2>/dev/null
    trial_end 1000
    lines=$(grep -cE '\[ERROR\]|^carpd: ' "$work/a$lane.out")
    case $early.$exit_status.$lines in
    1.2.[1-3]) result=refused ;;
    1.2.0)
        # libpcap's reader of filters says so itself, and ends the process.
        grep -q 'out of dynamic memory' "$work/a$lane.out" || problem "it does not tell why"
        result=refused
        ;;
    .0.* | .1.[1-9]*) result=lived ;;
    1.1.[1-9])
        # abort() of libuv, when it cannot make its threads, and of a digest that cannot be made, for a
        # master has to speak; and libpcap's reader follows a null pointer. The guardian tells.
        grep -qE 'the worker was killed by signal (6|11) ' "$work/a$lane.out" ||
            problem "it does not tell why"
        result=aborted
        ;;
    1.127.* | 1.134.* | 1.139.*)
        # glibc: getpwnam() asserts, or crashes, and the loader aborts for want of thread-local data.
        grep -q 'the worker runs' "$work/a$lane.out" && problem "status $exit_status with a worker"
        result=libc
        ;;
    *)
        problem "status $exit_status${early:+, early}, $lines lines of errors"
        result=wrong
        ;;
    esac
    echo "$result $*" >>"$work/results.$lane"
}

# The allocations there are, as lines of trials, each STEP-th: plan FLAVOUR STEP SUFFIX
plan()
{
    od -A n -t u8 -w8 -v "$work/counted" | awk -v flavour="$1" -v step="$2" -v suffix="$3" '
        { for (n = 1; n <= $1; n += step) print flavour, NR == 1 ? "first" : "child", n suffix }'
}

lanes_begin
for flavour in own command; do
    head -c 16 /dev/zero >"$work/count"
    lane_alone starves "$flavour" first 0
    case $FAULTS.$flavour in
    all.own)
        plan own 1 "" >>"$work/plan"
        plan own 10 + >>"$work/plan"
        ;;
    all.command) plan command 10 "" >>"$work/plan" ;;
    short.own) plan own 29 "" >>"$work/plan" ;;
    esac
done
[ $# = 0 ] || echo "$*" >"$work/plan"
lanes_run starves
for result in lived refused aborted libc; do
    figure "allocations_$result" "$(grep -c "^$result " "$work/results" || true)" trials
done
lanes_check
test_end
