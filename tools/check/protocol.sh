#!/bin/sh
# docs/PROTOCOL.md and the tree agree: every test it names exists, and it names every verdict, rule
# and notice of the engine.
set -eu
cd "$(dirname "$0")/../.."
page=docs/PROTOCOL.md
status=0
complain()
{
    echo "$page: $1"
    status=1
}
tests=$(grep -rhoE '^TEST_CASE\([a-z0-9_]+, [a-z0-9_]+\)' engine io | sed -E 's/TEST_CASE\((.*), (.*)\)/\1.\2/')
scripts=$(basename -a -s .sh netns-tests/[0-9]*.sh | sed 's/^/netns./')
all=$(printf '%s\n%s\n' "$tests" "$scripts")
suites=$(printf '%s\n' "$all" | cut -d. -f1 | sort -u | paste -sd'|')
# Whatever looks like suite.name or suite.* in code quotes, but for files.
for name in $(grep -oE '`[a-z_]+\.[a-z0-9_*]+`' "$page" | tr -d '`' | grep -vE '\.(c|h|sh|md|yaml|pcap)$' | sort -u); do
    case $name in
    *.\*) printf '%s\n' "$all" | grep -q "^${name%\*}" || complain "there is no test $name" ;;
    *) printf '%s\n' "$all" | grep -Fxq "$name" || complain "there is no test $name" ;;
    esac
done
words()
{
    sed -nE 's/^ *X\([A-Z0-9_]+, *"([^"]+)".*/\1/p' "$1"
}
for word in $(words engine/verdict.h) $(words engine/carp.h); do
    grep -Fq "\`$word\`" "$page" || complain "it does not tell of $word"
done
sed -nE '/\*const words\[\] = \{"equal/,/;/p' engine/story.c | grep -oE '"[^"]+"' | tr -d '"' |
    while read -r notice; do
        grep -Fq "\`$notice\`" "$page" || echo "$notice"
    done | grep . && complain "it does not tell of these notices"
[ -n "$suites" ] && exit $status
