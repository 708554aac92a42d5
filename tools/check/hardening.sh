#!/bin/sh
# What compiler and linker were asked for is in the programs: position independence, relocations that are bound at
# start and read-only then, no executable stack, stack protectors, checked libc calls, and on x86-64 landing pads
# for indirect branches. hardening.sh PROGRAM...
set -eu
status=0
# need PROGRAM TEXT PATTERN OTHERWISE
need()
{
    printf '%s\n' "$2" | grep -Eq -- "$3" || {
        echo "$1: $4"
        status=1
    }
}
for program in "$@"; do
    elf=$(readelf --wide --file-header --segments --dynamic "$program")
    needed=$(nm --dynamic "$program")
    need "$program" "$elf" 'Type: +DYN' "not position independent"
    need "$program" "$elf" GNU_RELRO "relocations stay writable"
    need "$program" "$elf" 'BIND_NOW|Flags:.* NOW' "symbols are bound late"
    need "$program" "$elf" 'GNU_STACK .* RW +0x' "its stack is executable"
    need "$program" "$needed" __stack_chk_fail "no stack protector"
    need "$program" "$needed" '_chk(@|$)' "libc calls are not checked"
    if [ "$(uname -m)" = x86_64 ]; then
        need "$program" "$(objdump --disassemble=main "$program")" endbr64 "no landing pads for indirect branches"
    fi
done
exit $status
