#!/usr/bin/env bash
# carplab replay as who types it sees it: the account of every genuine capture beside what truly
# happened in it (replay_expected.txt), and files that are broken or no captures.
#
#   replay_test.sh CARPLAB CAPTURES
set -euo pipefail
carplab=$(realpath "$1")
captures=$(realpath "$2")
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

# as_table NAME: the account in out as lines of replay_expected.txt, times since the first frame.
as_table()
{
    local begin
    begin=$(grep '"kind":"end"' out | field from)
    echo "file $1"
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

files=0
for name in $(awk '$1 == "file" { print $2 }' "$expected"); do
    files=$((files + 1))
    "$carplab" replay --json "$captures/$name.pcap" >out 2>err || fail "$name: status $?: $(cat err)"
    awk -v name="$name" '$1 == "file" { on = $2 == name } on && NF > 0 && $1 !~ /^#/' "$expected" |
        awk '$1 == "node" { print | "sort"; next } { close("sort"); print }' >want
    as_table "$name" >got
    compare || fail "$name"
done
[ "$files" -eq "$(find "$captures" -name '*.pcap' | wc -l)" ] || fail "not every capture has its account"
exit $failed
