#!/usr/bin/env bash
# carplab replay --to-scenario: each genuine capture as a scenario, the scenario's own capture told again,
# and both accounts side by side: the same reigns, for the same reasons, at the same times.
#
#   to_scenario_test.sh CARPLAB CAPTURES
set -euo pipefail
carplab=$(realpath "$1")
captures=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0

fail()
{
    echo "FAILED: $1"
    failed=1
}

# reigns CAPTURE ORIGIN: a line each, "vhid node from why to why", in seconds since the origin. Who was master
# before the capture is one of the first masters of the simulation.
reigns()
{
    "$carplab" replay --json "$1" | sed -nE 's/^\{"kind":"reign","vhid":([0-9]+),"node":"([^"]*)","from":([0-9.]+),"last":[0-9.]+,"to":([0-9.]+),"began":"([^"]*)","ended":"([^"]*)".*/\1 \2 \3 \5 \4 \6/p' |
        awk -v origin="$2" '{ sub("before", "first", $4); printf "%s %s %.3f %s %.3f %s\n", $1, $2, $3 - origin, $4, $5 - origin, $6 }' |
        sort -s -k 1,1n
}

# beside TOLERANCE: want and got; what was before the capture and what is after it has no time.
beside()
{
    paste -d ' ' want got | awk -v most="$1" '
        function apart(a, b) { return a - b > most || b - a > most }
        {
            bad = NF != 12 || $1 != $7 || $2 != $8 || $4 != $10 || $6 != $12
            if (bad || ($6 != "after" && apart($5, $11)) || ($4 != "first" && apart($3, $9))) { print "    " $0; failing = 1 }
        }
        END { exit failing || NR == 0 }'
}

# comes_back NAME TOLERANCE: everything is reproduced.
comes_back()
{
    local lead begin
    if ! "$carplab" replay --to-scenario out.scn "$captures/$1.pcap" >told; then
        fail "$1: $(grep '^out.scn' told)"
        return
    fi
    "$carplab" test out.scn >told || fail "$1: the scenario fails: $(cat told)"
    lead=$(sed -nE 's/^# Its first frame, .* is at ([0-9]+)s here\.$/\1/p' out.scn)
    begin=$("$carplab" decode --json "$captures/$1.pcap" | sed -nE '1s/^\{"time":([0-9.]+),.*/\1/p')
    reigns "$captures/$1.pcap" "$(awk -v b="$begin" -v l="$lead" 'BEGIN { printf "%.6f", b - l }')" >want
    "$carplab" sim --pcap sim.pcapng out.scn >/dev/null
    reigns sim.pcapng 1767225600 >got # the simulator begins with the year 2026
    beside "$2" || fail "$1: the scenario's own account is another"
}

# Kernels, which end within two ticks; a whole second where UCARP's reads and polls have a phase of their own.
for name in freebsd-13.0-mixed freebsd-13.0-mixed-failover-demotion freebsd-13.0-v4-one freebsd-13.0-v6-failover-na \
    freebsd-13.0-v6-four-linklocal freebsd-13.0-v6-one netbsd-7.99.34-v4-advbase0 netbsd-7.99.34-v4-failover-bowout \
    netbsd-7.99.34-v4-badkey netbsd-7.99.34-v4-nokey netbsd-7.99.34-v4-one netbsd-7.99.34-v4-three \
    netbsd-freebsd-v4-failover freebsd-freebsd-v4-equal-livelock freebsd-13.0-v4-demotion-negative; do
    comes_back "$name" 0.1
done
for name in ucarp-1.5.2 ucarp-freebsd-v4-preempt; do
    comes_back "$name" 1.3
done

# The simulator comes to something else: it is said in which lines, and the status is 1. Adverts of the laboratory
# there are from no host that keeps the rules.
status=0
"$carplab" replay --to-scenario out.scn "$captures/netbsd-7.99.34-v4-two-carp-counter.pcap" >told || status=$?
[ "$status" = 1 ] || fail "a scenario that comes to something else: status $status"
grep -q '^out.scn:[0-9]*: from .* expected: ' told || fail "no line of the scenario is named"
[ -s out.scn ] || fail "the scenario is not there"

# Nothing to tell, nowhere to write.
head -c 24 "$captures/ucarp-1.5.2.pcap" >empty.pcap
rm -f out.scn
status=0
"$carplab" replay --to-scenario out.scn empty.pcap >told 2>error || status=$?
[ "$status" = 2 ] || fail "a capture without adverts: status $status"
grep -q 'nobody was master' error || fail "a capture without adverts: $(cat error)"
[ ! -e out.scn ] || fail "a scenario of nothing"
editcap -t 864000 "$captures/netbsd-7.99.34-v4-one.pcap" later.pcap
status=0
"$carplab" replay --to-scenario out.scn "$captures/ucarp-1.5.2.pcap" later.pcap >told 2>error || status=$?
[ "$status" = 2 ] || fail "captures ten days apart: status $status"
grep -q 'more than 7 days; cut out the incident' error || fail "captures ten days apart: $(cat error)"
status=0
"$carplab" replay --to-scenario none/out.scn "$captures/ucarp-1.5.2.pcap" >told 2>error || status=$?
[ "$status" = 2 ] || fail "a folder that is not there: status $status"
grep -q 'none/out.scn: No such file' error || fail "a folder that is not there: $(cat error)"

[ "$failed" = 0 ] && echo ok
exit "$failed"
