#!/usr/bin/env bash
# carplab replay with a configuration: nodes of a simulation are replayed from the capture it writes,
# each in its own place and with its own configuration, and decide what they decided, at the same
# nanosecond. And what is asked for wrongly.
#
#   whatif_test.sh CARPLAB CAPTURES yes|no      yes: it reads configurations
set -euo pipefail
carplab=$(realpath "$1")
captures=$(realpath "$2")
reads_configurations=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0

fail()
{
    echo "FAILED: $1"
    failed=1
}

# refused WORDS ARGUMENTS...: exit 2, one line on stderr that has these words, nothing on stdout but the account.
refused()
{
    local words=$1 status=0
    shift
    "$carplab" replay "$@" >out 2>err || status=$?
    [ $status = 2 ] || fail "$*: exit $status"
    [ "$(wc -l <err)" = 1 ] || fail "$*: not one line: $(cat err)"
    grep -Fq -- "$words" err || fail "$*: said $(cat err)"
}

ucarp=$captures/ucarp-1.5.2.pcap
group=(--key test-pass-1 --address 10.99.0.100)
refused "--advskew 255: 0..254 is right" "${group[@]}" --vhid 42 --advskew 255 "$ucarp"
refused "--as (nothing)" "${group[@]}" --vhid 42 "$ucarp" --as
refused "or --key with an --address for each and --vhid, is right" --as 10.99.0.2 "$ucarp"
refused "none of the groups is advertised" "${group[@]}" --vhid 41 "$ucarp"
status=0
"$carplab" replay "${group[@]}" --vhid 42 --as 10.99.0.2 - <"$ucarp" >out 2>err || status=$?
[ $status = 2 ] || fail "standard input cannot be read twice: exit $status"
grep -q "read twice; a file is right" err || fail "standard input: said $(cat err)"

# What comes out are objects, one a line, and a sum at the end.
"$carplab" replay "${group[@]}" --vhid 42 --as 10.99.0.2 --json "$ucarp" >out
[ "$(grep -c '"kind":"difference"' out)" = 3 ] || fail "three differences"
grep -q '"kind":"difference","vhid":42,"of":"became-master","how":"earlier"' out || fail "earlier"
grep -q '"kind":"decision","vhid":42,"from":"BACKUP","to":"MASTER","verdict":"accepted","rule":"silence","waited":3.390625000' out ||
    fail "the decision to take over"
tail -n 1 out | grep -q '"kind":"whatif".*"dark_recorded":9.628565000,"dark_engine":6.781250000' || fail "the sum"
[ "$(grep -cv '^{"time":.*}$' <(grep -E '"kind":"(decision|difference|whatif)"' out))" = 0 ] || fail "objects"

[ "$reads_configurations" = yes ] || exit $failed

refused "No such file" --config nowhere.yaml "$ucarp"
for node in a:0 b:100 c:200; do
    cat >"${node%:*}.yaml" <<YAML
groups:
  web: {interface: eth0, vhid: 7, key: secret, addresses: [10.0.0.254/24], advskew: ${node#*:}, preempt: true}
  far: {interface: eth0, vhid: 9, key: secret, addresses: [10.0.9.254/24], advskew: 50, dead-ratio: 5}
YAML
done
sed 's/vhid: 9/vhid: 7/; s/interface: eth0, vhid: 7, key: secret, addresses: \[10.0.9/interface: eth1, vhid: 7, key: secret, addresses: [10.0.9/' a.yaml >twice.yaml

# Cables without delay, so that a frame is heard when it is captured. The crash, the boot (which ends in preemption), the
# stop and the silences of all three are on the wire.
cat >lan.scn <<'SCENARIO'
seed 1 horizon 90s
switch s
node a 10.0.0.1 @s delay 0us config=a.yaml
node b 10.0.0.2 @s delay 0us config=b.yaml
node c 10.0.0.3 @s delay 0us config=c.yaml
at 20.3s crash a
at 31.1s boot a
at 50.4s crash a
at 60.7s crash b
SCENARIO
"$carplab" sim lan.scn --pcap lan.pcapng >said || fail "the simulation: $(cat said)"
refused "two groups have vhid 7" --config twice.yaml lan.pcapng

# transitions: of vhid 7, from and to MASTER, but for what befell a node.
transitions()
{
    sed -nE 's/^ *([0-9.]+) +vhid 7  (.*)$/\1 \2/p' | grep -E -- '-> MASTER|MASTER .*-> BACKUP'
}

count=0
for node in a:1 b:2 c:3; do
    name=${node%:*}
    grep -E "^ +[0-9.]+  $name  " said | sed "s/  $name  /  /" | transitions >want
    "$carplab" replay --config "$name.yaml" --as "10.0.0.${node#*:}" lan.pcapng >out
    sed -nE 's/^  vhid 7  ([0-9.]+) ([A-Z].*)$/\1 vhid 7  \2/p' out | transitions >got || true
    diff want got >difference || fail "$name decided otherwise: $(cat difference)"
    count=$((count + $(wc -l <want)))
    grep -E '^  vhid 7 .* (earlier|later|missing|extra) ' out && fail "$name: differences"
done
# a: 3 s, 31 s; b: takes over from a, yields to it, takes over again; c: from b.
[ $count = 6 ] || fail "$count transitions, 6 are in the scenario"
exit $failed
