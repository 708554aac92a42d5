#!/bin/sh
# The engine is pure: its archive may need nothing but memory and formatting functions of libc, and
# has no writable data. engine_symbols.sh ARCHIVE
set -eu
archive=$1
allowed='^(mem(cpy|move|set|cmp|chr)|__mem(cpy|move|set)_chk|(__)?v?snprintf(_chk)?|strlen|__assert_fail|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_|__(asan|ubsan|sanitizer)_.*)$'
defined=$(nm --defined-only "$archive" | awk 'NF == 3 { print $3 }' | sort -u)
needed=$(nm --undefined-only "$archive" | awk 'NF == 2 { print $2 }' | sort -u)
status=0
for symbol in $needed; do
    if ! printf '%s\n' "$symbol" | grep -Eq "$allowed" &&
        ! printf '%s\n' "$defined" | grep -Fqx "$symbol"; then
        echo "the engine must not need $symbol"
        status=1
    fi
done
writable=$(nm --defined-only "$archive" | awk 'NF == 3 && $2 ~ /^[bBdDC]$/ { print $3 }' |
    grep -Ev '^(words|phrases)(\.[0-9]+)?$' || true)
for symbol in $writable; do
    echo "the engine must not have the writable variable $symbol"
    status=1
done
[ -n "$defined" ] || {
    echo "$archive defines nothing"
    status=1
}
exit $status
