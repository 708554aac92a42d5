#!/bin/sh
# Which system this is, only io/live knows, and there only the folder of each kind of system and
# io/live/system.h. netns-tests/ is for Linux altogether.
set -eu
cd "$(dirname "$0")/../.."
status=0
# forbid WHAT PATTERN: no source has it.
forbid()
{
    found=$(find engine io sim fuzz tools -name '*.[ch]' ! -path 'io/live/linux/*' ! -path 'io/live/bsd/*' \
        ! -path io/live/system.h -exec grep -nE "$2" {} + || true)
    if [ -n "$found" ]; then
        echo "$1 outside io/live/linux, io/live/bsd and io/live/system.h:"
        echo "$found"
        status=1
    fi
}
forbid 'a question which system this is' \
    '^ *# *(if|ifdef|ifndef|elif).*\b(_*linux_*|_*gnu_linux_*|_*APPLE_*|_*MACH_*|_*(Free|Net|Open)BSD_*|_*DragonFly_*|_*unix_*|BSD)\b'
forbid 'a header of one system' \
    '^ *# *include <(linux|asm|net/if_(dl|types|var)|net/(bpf|route)|netinet6|netpacket|libmnl|sys/(epoll|event|eventfd|prctl|signalfd|sockio|sysctl|timerfd|capsicum|inotify|ptrace))\b'
exit $status
