#!/usr/bin/env bash
# carplab replay as who types it sees it: the account of every genuine capture beside what truly
# happened in it (replay_expected.txt), and files that are broken or no captures.
#
#   replay_test.sh CARPLAB CAPTURES SCENARIOS
set -euo pipefail
carplab=$(realpath "$1")
captures=$(realpath "$2")
scenarios=$(realpath "$3")
expected=$(realpath "$(dirname "$0")")/replay_expected.txt
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0

fail()
{
    echo "FAILED: $1"
    failed=1
}

# field KEY: its value on each line of stdin, which are objects.
field()
{
    sed -E "s/.*\"$1\":\"?([^\",}]*).*/\1/"
}

# as_table: the account in out as lines of replay_expected.txt, times since the first frame.
as_table()
{
    local begin
    begin=$(grep '"kind":"end"' out | field from)
    sed -nE 's/^\{"kind":"node","name":"([^"]*)".*"implementation":"([^"]*)".*/node \1 \2/p' out | sort
    # shellcheck disable=SC2016 # awk's own variables
    sed -nE 's/^\{"kind":"reign","vhid":([0-9]+),"node":"([^"]*)","from":([0-9.]+),"last":[0-9.]+,"to":([0-9.]+),"began":"([^"]*)","ended":"([^"]*)".*/reign \1 \2 \3 \5 \4 \6/p' out |
        awk -v begin="$begin" '{ printf "%s %s %s %.3f %s %.3f %s\n", $1, $2, $3, $4 - begin, $5, $6 - begin, $7 }' |
        sort -s -n -k 2,2
    sed -nE 's/^\{"kind":"group","vhid":([0-9]+),.*"dark":([0-9.]+),.*/dark \1 \2/p' out | sort
    sed -nE 's/^\{"kind":"group","vhid":([0-9]+),.*"double":([0-9.]+).*/double \1 \2/p' out | sort
    local topics
    topics=$(sed -nE 's/^\{"kind":"finding".*"topic":"([^"]*)".*/\1/p' out | sort -u | tr '\n' ' ')
    echo "findings ${topics:--}"
}

# compare: two tables, word by word; numbers within 0.06, * is anything.
compare()
{
    paste -d '|' want got | awk -F '|' '
        {
            wants = split($1, want, " "); gots = split($2, got, " ")
            bad = wants != gots
            for (i = 1; i <= wants && !bad; i++) {
                number = want[i] ~ /^[0-9]+[.]?[0-9]*$/ && got[i] ~ /^[0-9]+[.]?[0-9]*$/
                off = want[i] - got[i]
                bad = want[i] != "*" && !(number ? off < 0.06 && off > -0.06 : want[i] == got[i])
            }
            if (bad) { print "    wanted: " $1; print "    found:  " $2; failing = 1 }
        }
        END { exit failing }'
}

# --- what happened --------------------------------------------------------------------------------

# tell KIND NAME: does its account hold?
tell()
{
    local file=$captures/$2.pcap
    if [ "$1" = scenario ]; then
        file=run.pcapng
        "$carplab" sim "$scenarios/$2.scn" --pcap "$file" >out 2>&1 || fail "$2: the simulator: $(cat out)"
    fi
    "$carplab" replay --json "$file" >out 2>err || fail "$2: status $?: $(cat err)"
    awk -v name="$2" '$1 == "file" || $1 == "scenario" { on = $2 == name; next }
        on && NF > 0 && $1 !~ /^#/' "$expected" |
        awk '$1 == "node" { print | "sort"; next } { close("sort"); print }' >want
    as_table >got
    compare || fail "$2"
}

files=0
while read -r kind name; do
    files=$((files + 1))
    tell "$kind" "$name" </dev/null
done < <(grep -E '^(file|scenario) ' "$expected")
[ "$files" -eq $(($(find "$captures" -name '*.pcap' | wc -l) + $(grep -c '^scenario ' "$expected"))) ] ||
    fail "not every capture has its account"

# --- files ----------------------------------------------------------------------------------------

# expect STATUS WHAT ARGUMENTS...: what replay says is in out and err.
expect()
{
    local want=$1 what=$2 status=0
    shift 2
    "$carplab" replay "$@" >out 2>err </dev/null || status=$?
    [ "$status" -eq "$want" ] || fail "$what: status $status, not $want: $(head -n 3 err)"
}

expect_refusal()
{
    local what=$1
    shift
    expect 2 "$what" "$@"
    if [ "$(wc -l <err)" -ne 1 ] || [ -s out ]; then
        fail "$what: one line on stderr is right"
    fi
}

# expect_line WHAT PATTERN
expect_line()
{
    grep -q -- "$2" out || fail "$1: no $2"
}

bowout=$captures/netbsd-7.99.34-v4-failover-bowout.pcap
badkey=$captures/netbsd-7.99.34-v4-badkey.pcap

# Twice the same file is once what happened in it. Six of its 29 frames are gratuitous ARP for the same
# two addresses and virtual MAC, so they are not there just once.
expect 0 "one file" --json "$bowout"
grep -E '"kind":"(reign|stretch|finding|end)"' out >one
expect 0 "two files" --json "$bowout" "$bowout"
grep -E '"kind":"(reign|stretch|finding|end)"' out | cmp -s one - || fail "two files: another account"
expect_line "two files" '"kind":"capture".*"shared":23,"astray":0,"offset":0.000000000'
"$carplab" replay --json - <"$bowout" | grep -E '"kind":"(reign|stretch|finding|end)"' | cmp -s one - ||
    fail "through a pipe: another account"

# Damage: all before it is told.
size=$(stat -c %s "$bowout")
head -c $((size - 1)) "$bowout" >cut.pcap
expect 1 "cut" --json cut.pcap
expect_line "cut" '"kind":"end".*"frames":28,"adverts":18}'
# The last packet is an advert: a record's head of 16 bytes, and 70 bytes.
grep -q "^carplab: cut.pcap: .*damaged at byte $((size - 86))" err || fail "cut: $(cat err)"
expect_refusal "a text" "$0"
expect_refusal "no such file" nowhere.pcap
expect_refusal "no file"
expect_refusal "an unknown option" --vhid "$bowout"
expect_refusal "an option without its value" "$bowout" --key
expect_refusal "a key without addresses" --key secret "$bowout"
expect_refusal "no address" --key secret --address 10.0.0.256 "$bowout"
head -c 24 "$bowout" >empty.pcap
expect 0 "no frames" empty.pcap
expect_line "no frames" '^no CARP adverts'
expect 0 "no frames, as JSON" --json empty.pcap
expect_line "no frames, as JSON" '"kind":"end","frames":0,"adverts":0}'

# --- keys -----------------------------------------------------------------------------------------

for file in "$bowout" "$badkey"; do
    expect 0 "without a key" --json "$file"
    if grep -q digest out; then
        fail "without a key: nothing is known of digests"
    fi
done
expect 0 "right keys" --json --key secret --address 192.0.2.7 --address 192.0.2.8 "$bowout"
grep -E '"kind":"(reign|stretch|finding|end)"' out | cmp -s one - || fail "right keys: another account"
expect 0 "an address is missing" --json --key secret --address 192.0.2.7 "$bowout"
expect_line "an address is missing" '"topic":"bad-digest","trap":1,.*192.0.2.12 do not hold: .*192.0.2.8'
expect 0 "another key" --json --key secret --key Secret --address 192.0.2.7 "$badkey"
expect_line "another key" '"topic":"bad-digest","trap":2,.*192.0.2.12 do not hold: .*another key'
expect_line "another key" '"topic":"split","trap":2'
if grep -q '"trap":[12],.*adverts of 192.0.2.11' out; then
    fail "another key: those of 192.0.2.11 hold"
fi

# --- for people -----------------------------------------------------------------------------------

escape=$(printf '\033')
expect 0 "text" "$bowout"
expect_line "text" '^  19:27:51.761191 *8.001  192.0.2.12  MASTER  farewell  *192.0.2.11 said farewell'
expect_line "text" '^vhid 7: 192.0.2.8, 192.0.2.7$'
expect_line "text" '(trap 13)'
if grep -q "$escape" out; then
    fail "text: colours, and no terminal"
fi
if command -v script >/dev/null; then
    script -qec "'$carplab' replay '$bowout'" /dev/null </dev/null >out
    grep -q "$escape" out || fail "a terminal: no colours"
    NO_COLOR=1 script -qec "'$carplab' replay '$bowout'" /dev/null </dev/null >out
    if grep -q "$escape" out; then
        fail "NO_COLOR: colours"
    fi
fi

# --- broken ones ----------------------------------------------------------------------------------

# mutate FILE SEED COUNT: so many bytes of it are others.
mutate()
{
    local size i at
    size=$(stat -c %s "$1")
    RANDOM=$2
    cp "$1" mutant.pcap
    chmod u+w mutant.pcap
    for ((i = 0; i < $3; i++)); do
        at=$(((RANDOM * 32768 + RANDOM) % size))
        # shellcheck disable=SC2059 # the format is made here, of digits
        printf "\\x$(printf %02x $((RANDOM % 256)))" |
            dd of=mutant.pcap bs=1 seek="$at" conv=notrunc status=none
    done
}

seed=0
for file in "$captures"/*.pcap; do
    for count in 1 4 40; do
        seed=$((seed + 1))
        mutate "$file" "$seed" "$count"
        status=0
        "$carplab" replay --key secret --address 192.0.2.7 mutant.pcap >out 2>err || status=$?
        [ "$status" -le 2 ] || fail "$(basename "$file"), $count bytes changed, seed $seed: status $status"
    done
done
exit $failed
