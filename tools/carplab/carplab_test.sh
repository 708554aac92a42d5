#!/usr/bin/env bash
# carplab as who types it sees it: what it says, where, and with which status.
#
#   carplab_test.sh CARPLAB
set -euo pipefail
carplab=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0

fail()
{
    echo "FAILED: $1"
    failed=1
}

# Some command, its status in `status`, what it says in out and err.
try()
{
    status=0
    "$@" >out 2>err </dev/null || status=$?
}

# expect STATUS WHAT COMMAND...
expect()
{
    local want=$1 what=$2
    shift 2
    try "$@"
    if [ "$status" -ne "$want" ]; then
        fail "$what: status $status, not $want"
        sed 's/^/    /' out err
    fi
}

# One line on stderr, nothing on stdout, status 2.
expect_refusal()
{
    local line=$1
    shift
    expect 2 "$line" "$@"
    if [ "$(cat err)" != "$line" ] || [ -s out ]; then
        fail "stderr is not the one line: $line"
        sed 's/^/    /' out err
    fi
}

expect_same()
{
    cmp -s "$2" "$3" || {
        fail "$1"
        diff "$2" "$3" | sed 's/^/    /' | head -n 10 || true
    }
}

# How long things took is left out.
without_times()
{
    sed -E 's/, [0-9]+\.[0-9]+ s\)/)/'
}

mkdir -p folder good empty
pair='horizon 20s
switch s1
node a @s1 vhid 1
node b @s1 vhid 1 skew 100
at 5s~9s crash a'
for i in 1 2 3 4 5 6; do
    printf '%s\nseed %d\nexpect master b\n' "$pair" "$i" >"good/good$i.scn"
done
printf '%s\nexpect 15s master a\nexpect a.sent < 2\n' "$pair" >bad.scn
printf '%s\nat 10s crush a\n' "$pair" >malformed.scn
printf '%s\nruns 3\nsometimes rule farewell\n' "$pair" >never.scn
cp good/good1.scn bad.scn folder

# --- 0, 1, 2

expect 0 "what was expected holds" "$carplab" test good/good1.scn
expect 0 "a folder of scenarios" "$carplab" test good
expect 1 "what was expected does not hold" "$carplab" test bad.scn
grep -qx 'bad.scn:6: at 15.000000000 master of vhid 1: b; expected: only a (it is INIT, not running) (seed 1)' out ||
    fail "a failure has its file, line and seed"
grep -q 'a.sent is [0-9]*; expected: < 2 (seed 1)' out || fail "all failures are told"
grep -qx '0 passed, 1 failed' out || fail "how many"
expect 1 "one of two does not hold" "$carplab" test folder
grep -qx '1 passed, 1 failed' out || fail "how many of two"
expect 1 "something was never seen" "$carplab" test never.scn
grep -qx 'never.scn:7: never seen in any run: farewell' out || fail "what was never seen"
expect 0 "sim of a good one" "$carplab" sim good/good1.scn
expect 1 "sim of a bad one" "$carplab" sim bad.scn

expect_refusal 'malformed.scn:6:8: unknown action crush; docs/SIMULATOR.md has them' "$carplab" test malformed.scn
expect_refusal 'malformed.scn:6:8: unknown action crush; docs/SIMULATOR.md has them' "$carplab" sim malformed.scn
expect_refusal 'malformed.scn:6:8: unknown action crush; docs/SIMULATOR.md has them' \
    "$carplab" test good/good1.scn malformed.scn good/good2.scn
expect_refusal 'carplab: missing.scn: No such file or directory' "$carplab" test missing.scn
expect_refusal 'missing.scn: No such file or directory' "$carplab" sim missing.scn
expect_refusal 'carplab: empty: no *.scn in this folder' "$carplab" test empty
expect_refusal 'carplab: test: no scenario; carplab test FILE.scn or FOLDER is right' "$carplab" test
expect_refusal 'carplab: no command; carplab --help lists them' "$carplab"
expect_refusal 'carplab: unknown command tset; carplab --help lists them' "$carplab" tset
for number in x -1 +1 ' 1' 1x 99999999999999999999 4611686018427387904; do
    expect_refusal "carplab: --seed $number: a whole number from 0 to 4611686018427387903 is right" \
        "$carplab" test --seed "$number" good/good1.scn
done
expect_refusal 'carplab: --seed (nothing): a whole number from 0 to 4611686018427387903 is right' "$carplab" test --seed
expect_refusal 'carplab: --jobs 0: a whole number from 1 to 256 is right' "$carplab" test --jobs 0 good/good1.scn
expect_refusal 'carplab: --jobs 257: a whole number from 1 to 256 is right' "$carplab" test --jobs 257 good/good1.scn
expect_refusal 'carplab: --junit: a file is right' "$carplab" test good/good1.scn --junit
expect 2 "an unknown option" "$carplab" test --fast good/good1.scn
expect 2 "a report that cannot be written" "$carplab" test good/good1.scn --junit no/such/folder.xml
expect 0 "help" "$carplab" --help

# --- texts that are none

printf 'horizon 1s\0\n' >zero.scn
expect_refusal 'zero.scn: holds a zero byte; a text is right' "$carplab" test zero.scn
head -c 1048577 /dev/zero | tr '\0' '#' >large.scn
expect_refusal 'large.scn: larger than 1 MiB; that is no scenario' "$carplab" test large.scn
head -c 1048576 /dev/zero | tr '\0' 'x' >garbage.scn
expect_refusal 'garbage.scn:1:1: a word of 1048576 characters; at most 127 fit' "$carplab" test garbage.scn
: >nothing.scn
expect_refusal 'nothing.scn:1:1: the scenario ends without a node; node NAME @SWITCH vhid N is missing' \
    "$carplab" test nothing.scn
expect_refusal 'empty: cannot be read' "$carplab" sim empty

# --- configurations stay in the scenario's folder

mkdir -p nest/inner twin
cat >nest/inner/in.yaml <<'YAML'
groups:
  web:
    interface: eth0
    vhid: 1
    key: secret
    addresses: [10.0.0.254/24]
YAML
cp nest/inner/in.yaml nest/in.yaml
cp nest/inner/in.yaml outside.yaml
cp nest/inner/in.yaml twin/in.yaml
ln -s in.yaml nest/here.yaml
ln -s ../outside.yaml nest/link.yaml
ln -s ../twin/in.yaml nest/twin.yaml
ln -s .. nest/up
mkfifo nest/pipe.yaml
config()
{
    printf 'horizon 5s\nswitch s1\nnode a @s1 config=%s\nexpect master a\n' "$1" >nest/config.scn
}
config in.yaml
try "$carplab" test nest/config.scn
if ! grep -q 'built without YAML' err; then
    expect 0 "a configuration beside the scenario" "$carplab" test nest/config.scn
    (cd nest && "$carplab" test config.scn >/dev/null) || fail "the same, from its folder"
    for good in inner/in.yaml here.yaml; do
        config $good
        expect 0 "a configuration at $good" "$carplab" test nest/config.scn
    done
    for bad in link.yaml twin.yaml up/outside.yaml; do
        config $bad
        expect_refusal "nest/config.scn:3:19: config: nest/$bad: it leads out of the scenario's folder" \
            "$carplab" test nest/config.scn
    done
    config pipe.yaml
    expect_refusal 'nest/config.scn:3:19: config: nest/pipe.yaml: no plain file' timeout 10 "$carplab" test nest/config.scn
    config missing.yaml
    expect_refusal 'nest/config.scn:3:19: config: nest/missing.yaml: No such file or directory' \
        "$carplab" test nest/config.scn
fi

# --- the same, however it is run

try "$carplab" test --jobs 1 good folder never.scn
without_times <out >one
try "$carplab" test --jobs 4 good folder never.scn
without_times <out >four
expect_same "four jobs say what one says" one four
for i in 1 2 3; do
    try "$carplab" test --hashes --jobs "$i" good
    cp out "hashes$i"
done
expect_same "hashes are the same each time" hashes1 hashes2
expect_same "hashes do not depend on jobs" hashes1 hashes3
[ "$(wc -l <hashes1)" -eq 6 ] || fail "a hash for each scenario, and nothing else"
[ "$(cut -d' ' -f1 hashes1 | sort -u | wc -l)" -eq 6 ] || fail "six seeds, six hashes"
try "$carplab" test --hashes --plain good
expect_same "no fast path changes a hash" hashes1 out
try "$carplab" test --hashes --seed 9 good
[ "$(cut -d' ' -f1 out | sort -u | wc -l)" -eq 1 ] || fail "--seed is the seed of all"
picked()
{
    try "$carplab" sim --seed "$1" --trace good/good1.scn
    awk '/ a crashes$/ {print $1}' out
}
[ -n "$(picked 1)" ] || fail "a crash is in the trace"
[ "$(picked 1)" = "$(picked 1)" ] || fail "a seed picks the same again"
[ "$(picked 1)" != "$(picked 2)" ] || fail "another seed picks another instant"
try "$carplab" sim --hash good/good1.scn
cp out hash
try "$carplab" sim --hash --plain good/good1.scn
expect_same "sim --hash, fast or plain" hash out
grep -Eq '[0-9a-f]{32}' hash || fail "sim --hash says a hash"

# --- for machines

printf '%s\nexpect 15s master a\n' "$pair" >'a<&"b.scn'
expect 1 "a report of failures" "$carplab" test --junit report.xml good 'a<&"b.scn' never.scn
if command -v python3 >/dev/null; then
    python3 - <<'PYTHON' || fail "the report is not what was run"
import xml.etree.ElementTree as xml
suite = xml.parse("report.xml").getroot()
cases = list(suite.iter("testcase"))
assert len(cases) == 8, len(cases)
assert suite.get("tests") == "8" and suite.get("failures") == "2", suite.attrib
failed = {case.get("name"): case.find("failure").get("message") for case in cases if len(case) > 0}
assert set(failed) == {'a<&"b.scn', "never.scn"}, failed
assert "expected: only a" in failed['a<&"b.scn'] and "never seen" in failed["never.scn"], failed
PYTHON
else
    grep -q 'tests="8" failures="2"' report.xml || fail "the report counts"
fi

[ $failed -eq 0 ] && echo "carplab says what it should"
exit $failed
