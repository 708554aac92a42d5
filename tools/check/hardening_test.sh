#!/bin/sh
# A check that cannot fail proves nothing: a program without each of what is asked for, and one with all.
set -eu
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/main.c" <<'C'
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv)
{
    char text[16];
    snprintf(text, sizeof text, "%s", argv[argc - 1]);
    strncpy(text, argv[0], (size_t)argc);
    return puts(text) < 0;
}
C
build()
{
    cc -O2 -w -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fcf-protection -pie -Wl,-z,relro,-z,now "$@" \
        "$work/main.c" -o "$work/program"
}
# without WORDS FLAG...
without()
{
    words=$1
    shift
    build "$@"
    if "$here/hardening.sh" "$work/program" >"$work/said"; then
        echo "hardening.sh should have refused a program built with $*"
        exit 1
    fi
    grep -q "$words" "$work/said"
}
build
"$here/hardening.sh" "$work/program"
without "not position independent" -fno-pie -no-pie
without "relocations stay writable" -Wl,-z,norelro
without "symbols are bound late" -Wl,-z,lazy
without "its stack is executable" -Wl,-z,execstack
without "no stack protector" -fno-stack-protector
without "libc calls are not checked" -U_FORTIFY_SOURCE
[ "$(uname -m)" != x86_64 ] || without "no landing pads" -fcf-protection=none
