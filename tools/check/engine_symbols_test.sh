#!/bin/sh
# A check that cannot fail proves nothing: an archive that reads a clock, and one with a global.
set -eu
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
check()
{
    printf '%s\n' "$2" >"$work/$1.c"
    cc -c "$work/$1.c" -o "$work/$1.o"
    ar rc "$work/$1.a" "$work/$1.o"
    if "$here/engine_symbols.sh" "$work/$1.a" >"$work/said"; then
        echo "engine_symbols.sh should have refused: $2"
        exit 1
    fi
    grep -q "$3" "$work/said"
}
check clock '#include <time.h>
long now(void) { return (long)time(0); }' 'must not need time'
check global 'int counter; int count(void) { return ++counter; }' 'writable variable counter'
