#!/usr/bin/env bash
# The worker, the guardian, or both are killed when a process is about to make a system call, for each
# call in turn while carpd starts and becomes master, and from SIGTERM to its end. The peer must be the
# only holder soon: the survivor, or the kernel when there is none, sees to that.
#
# What calls there are is taken from a run without faults. In a short run each fifteenth of the former
# and each fifth of the latter is tried; with FAULTS=all each, and with commands, too. One again:
#   71_killed_at_each_call.sh own worker becoming guardian 140
FAULTS=${FAULTS:-short}
[ "$FAULTS" = short ] || TEST_SECONDS_MAX=${TEST_SECONDS_MAX:-3000}
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lanes.sh"

# When it was struck, in the file of calls; nothing when it was not.
struck_at()
{
    awk '$1 == "struck" { print $2 }' "$calls"
}

# killed FLAVOUR WHO PHASE ROLE N: one trial. Nothing is killed when WHO is `nobody`.
killed()
{
    local flavour=$1 who=$2 phase=$3 fault=(--kill "$2:$4:$5") left_ms=1000 at ms
    [ "$phase" = becoming ] || fault=(--from-term "${fault[@]}")
    [ "$who" != nobody ] || fault=()
    [ "$who" != both ] || left_ms=4000 # a lifetime of two seconds
    trial_inject "$*" "$flavour" "${fault[@]}"
    trial_settle
    pause 0.2
    kill -TERM "$carpd" 2>/dev/null
    trial_end "$left_ms"
    at=$(struck_at)
    if [ -z "$at" ]; then
        echo "not_reached $* 0" >>"$work/results.$lane"
        return
    fi
    awk -v at="$at" -v ended="$ended_at" 'BEGIN { exit !(ended - at < 4) }' ||
        problem "who was left ended at $ended_at, after a kill at $at"
    ms=$(awk -v at="$at" -v lost="${lost_a:-0}" -v got="${got_b:-0}" '
        BEGIN { end = lost > got ? lost : got; printf "%.3f", (end > at ? (end - at) * 1000 : 0) }')
    echo "killed $* $ms" >>"$work/results.$lane"
}

# Lines "FLAVOUR WHO PHASE ROLE N": all calls of the two from the worker's first until a little after
# the address was there, and from SIGTERM on.
plan()
{
    awk -v flavour="$1" -v step="$2" -v got="$(held_at a1 got "$vip")" '
        function all(phase, role, n,    i) {
            for (i = 1; i <= whos; i++) print flavour, who[i], phase, role, n
        }
        BEGIN { whos = split(flavour == "own" ? "worker guardian both" : "worker guardian", who) }
        $3 == "worker" { forked = 1 }
        $3 != "worker" && $3 != "guardian" { next }
        { n = ++count[$3] }
        $1 == "start" && forked && $2 < got + 0.05 && n % step == 0 { all("becoming", $3, n) }
        $1 == "term" && ++late[$3] % (step == 1 ? 1 : 5) == 0 { all("leaving", $3, late[$3]) }
    ' "$work/a1.calls"
}

case $FAULTS in
all) step=1 flavours='own command' ;;
*) step=15 flavours=own ;;
esac
lanes_begin
for flavour in $flavours; do
    lane_alone killed "$flavour" nobody becoming worker 0
    plan "$flavour" "$step" >>"$work/plan"
done
[ $# = 0 ] || echo "$*" >"$work/plan"
lanes_run killed
figure killed_not_reached "$(grep -c ^not_reached "$work/results" || true)" trials
lanes_check
# When both are gone, the lifetime of two seconds has to pass.
for who in worker guardian both; do
    for phase in becoming leaving; do
        awk -v who="$who" -v phase="$phase" '$1 == "killed" && $3 == who && $4 == phase { print $NF }' \
            "$work/results" | sort -n >"$work/times"
        count=$(wc -l <"$work/times")
        [ "$count" -gt 0 ] || continue
        longest=$(tail -n 1 "$work/times")
        figure "killed_${who}_${phase}" "$count" trials
        figure "killed_${who}_${phase}_median" "$(sed -n "$(((count + 1) / 2))p" "$work/times")" ms
        figure "killed_${who}_${phase}_longest" "$longest" ms
        [ "$who" = both ] && limit=5000 || limit=3000
        check_within "ms from a kill of $who, $phase, to one holder" 0 "$limit" "$longest"
    done
done
test_end
