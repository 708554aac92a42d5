#!/bin/sh
# The simulator depends on nothing but its input: its archives may need no clock, no randomness, no
# environment, no locale and no threads. sim_symbols.sh ARCHIVE...
set -eu
forbidden='^(time|times|clock.*|gettimeofday|localtime.*|gmtime.*|nanosleep|sleep|usleep|rand.*|s?random.*|srand.*|[dln]rand48.*|getrandom|getentropy|arc4random.*|getenv|secure_getenv|environ|setenv|putenv|setlocale|localeconv|nl_langinfo|__ctype_.*|toupper|tolower|is(alnum|alpha|digit|space|upper|lower|print)|pthread_.*|thrd_.*|fork|open(64)?|fopen(64)?|read|write|socket|getpid|uname|sysconf)$'
status=0
for archive in "$@"; do
    nm --undefined-only "$archive" | awk 'NF == 2 { print $2 }' | sort -u | grep -E "$forbidden" >/dev/null && {
        nm -A --undefined-only "$archive" | awk -v bad="$forbidden" '$NF ~ bad { print "the simulator must not need " $NF " (" $1 ")" }'
        status=1
    }
    # Writable data would carry something from one run to the next. Tables of pointers are written
    # by the loader alone (.data.rel.ro).
    writable=$(nm -f sysv --defined-only "$archive" |
        awk -F'|' '$7 ~ /^\.(data|bss)$/ { gsub(/ /, "", $1); print $1 }')
    for symbol in $writable; do
        echo "the simulator must not have the writable variable $symbol"
        status=1
    done
    [ -n "$(nm --defined-only "$archive")" ] || {
        echo "$archive defines nothing"
        status=1
    }
done
exit $status
