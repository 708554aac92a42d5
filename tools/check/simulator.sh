#!/bin/sh
# docs/SIMULATOR.md names every word of the language, every metric and every oracle there is.
set -eu
cd "$(dirname "$0")/../.."
status=0
doc=docs/SIMULATOR.md
# need WHAT WORDS: each is in the document as a word of its own.
need()
{
    count=0
    for word in $2; do
        count=$((count + 1))
        grep -qE "(^|[^A-Za-z0-9-])$word([^A-Za-z0-9-]|\$)" "$doc" || {
            echo "$doc does not name the $1 $word"
            status=1
        }
    done
    [ "$count" -gt 3 ] || {
        echo "only $count words found: $1"
        status=1
    }
}
need action "$(sed -n '/struct action [a-z]*_actions\[\] = {/,/^};/p' sim/scenario_*.c | grep -oE '\{"[a-z0-9-]+"' | tr -d '{"')"
need option "$(cat sim/scenario*.c | grep -oE 'lexer_take\(l?(&p->lexer)?, "[a-z-]+"' | grep -oE '"[a-z-]+"' | tr -d '"' | sort -u)"
need metric "$(sed -n '/metrics\[METRIC_COUNT\]/,/^};/p' sim/scenario_expect.c | grep -oE '\{"[a-z-]+"' | tr -d '{"')"
need oracle "$(sed -n '/define ORACLES/,/clang-format on/p' sim/oracle.h | grep -oE 'X\([A-Z]+, *"[a-z-]+"' | grep -oE '"[a-z-]+"' | tr -d '"')"
need 'kind of fault' "$(sed -n '/^const char \*swarm_word/,/^}/p' sim/scenario.c | grep -oE '"[a-z]+"' | tr -d '"')"
exit $status
