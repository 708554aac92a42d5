#!/usr/bin/env bash
# Journals of simulated daemons: seen by tshark and tcpdump, replayed bit for bit, tampered with. A
# world with journals runs as it does without.
#
#   journal_test.sh CARPLAB SCENARIOS
set -euo pipefail
carplab=$(realpath "$1")
scenarios=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0

fail()
{
    echo "FAILED: $1"
    sed 's/^/    /' out err 2>/dev/null | head -n 12
    failed=1
}

# replay STATUS WHAT ARGUMENTS...: what it says is in out and err.
replay()
{
    local want=$1 what=$2 status=0
    shift 2
    "$carplab" replay "$@" >out 2>err </dev/null || status=$?
    [ "$status" -eq "$want" ] || fail "$what: status $status, not $want"
}

expect()
{
    grep -qE -- "$2" out || fail "$1: nothing like $2"
}

# --- every scenario, with and without
count=0
for scenario in "$scenarios"/*.scn; do
    name=$(basename "$scenario" .scn)
    mkdir "$name"
    "$carplab" sim "$scenario" --hash >without || true
    "$carplab" sim "$scenario" --hash --journal "$name" >with || true
    cmp -s without with || fail "$name: another hash with journals"
    for journal in "$name"/*.pcapng; do
        [ -e "$journal" ] || continue
        replay 0 "$journal" "$journal"
        expect "$journal" "every decision is the same"
        count=$((count + 1))
    done
done
[ "$count" -gt 300 ] || fail "only $count journals"

# --- what a failover looks like, to others and to us
cat >failover.scn <<'SCENARIO'
switch lan
node a @lan vhid 1 skew 0 preempt
node b @lan vhid 1 skew 100
horizon 20s
at 10.5s crash a
SCENARIO
mkdir plain
"$carplab" sim failover.scn --journal plain >out 2>err || fail "failover.scn"
tshark -r plain/b.pcapng -Y 'ip.proto == 112' -T fields -e frame.number -e frame.packet_flags_direction \
    -e frame.interface_name -e frame.comment -E separator='|' >out 2>err || fail "tshark"
# b hears a each second from 3 s to 10 s, then takes over at 13.390625 s and speaks six times.
[ "$(grep -c '|0x00000001|b|vhid 1: BACKUP (master-alive)' out)" -eq 8 ] || fail "tshark: heard"
[ "$(grep -c '|0x00000002|b|vhid 1: BACKUP -> MASTER (silence)' out)" -eq 1 ] ||
    fail "tshark: the takeover"
[ "$(grep -c '|0x00000002|b|vhid 1: MASTER (advert-due)' out)" -eq 4 ] || fail "tshark: sent"
takeover=$(sed -n 's/|.*(silence)$//p' out)
tcpdump -nr plain/b.pcapng ip proto 112 2>err | tee out | wc -l >lines
[ "$(cat lines)" -eq 13 ] || fail "tcpdump: $(cat lines) adverts, not 13"

replay 0 "failover" plain/b.pcapng
expect "the takeover" '^2026-01-01 00:00:13\.[0-9]{9}  vhid 1  BACKUP -> MASTER \(silence\): claim, send, announce$'
replay 0 "json" --json plain/b.pcapng
for kind in journal step end; do
    expect "json" "^\{\"kind\":\"$kind\""
done
expect "json: the packet tshark shows follows its step" "\"frame\":$((takeover - 1)),.*\"to\":\"MASTER\""
python3 -c 'import json, sys
for line in open("out"): json.loads(line)' || fail "json: not JSON"

# With the key digests are computed, and so those of another are wrong; a configuration has it by group.
replay 0 "the right key" --key secret plain/b.pcapng
replay 1 "another key" --key Secret plain/b.pcapng
expect "another key" "b.pcapng: started"
expect "another key" "differs"
printf 'groups: {"vhid 1": {interface: eth0, vhid: 1, key: Secret, addresses: [10.0.0.254]}}\n' >other.yaml
sed 's/Secret/secret/' other.yaml >right.yaml
if "$carplab" replay --config right.yaml plain/b.pcapng >out 2>err || ! grep -q 'cannot read it' err; then
    replay 0 "the right configuration" --config right.yaml plain/b.pcapng
    replay 1 "another configuration" --config other.yaml plain/b.pcapng
fi
replay 2 "no configuration" --config nowhere.yaml plain/b.pcapng
# What needs its frames alone takes it for the capture that it is too.
replay 0 "as a capture" --html page.html plain/b.pcapng
expect "as a capture" 'MASTER  silence'

# --- what is wrong is named
size=$(stat -c %s plain/b.pcapng)
head -c $((size - 5)) plain/b.pcapng >cut.pcapng
replay 1 "cut" cut.pcapng
grep -q "cut.pcapng: damaged at byte [0-9]*, after [0-9]* steps: the file ends" err || fail "cut: not named"
expect "cut: what is before it" "every decision is the same"
python3 - plain/b.pcapng tampered.pcapng <<'PYTHON'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
at = data.rindex(b"CARJ\x04\x00")
data[at + 8 + 8 + 8 + 2 + 1 + 1] = 5  # the last step's rule
open(sys.argv[2], "wb").write(data)
PYTHON
replay 1 "a rule" tampered.pcapng
expect "a rule" "frame [0-9]+ differs"
expect "a rule" "rule           recorded silence, this build advert-due"
expect "a rule" "1 decision differs"
replay 2 "no journal" failover.scn
replay 2 "no file" nowhere.pcapng
exit $failed
