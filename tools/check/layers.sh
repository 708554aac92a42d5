#!/bin/sh
# Includes never point up: engine <- io <- io/live, io/sim <- sim, tools. Tests may use the testkit.
# Folders of the picture that are still to come are held to it from their first file.
set -eu
cd "$(dirname "$0")/../.."
status=0
# forbid FOLDER DEPTH PATTERN [BUT]: no file of FOLDER (so deep, other layers within are not meant)
# includes PATTERN, but for BUT.
forbid()
{
    [ -d "$1" ] || return 0
    found=$(find "$1" -maxdepth "$2" -name '*.[ch]' ! -name '*_test.c' ! -name '*lab.[ch]' -exec grep -nE "#include \"($3)" {} + |
        grep -vE "#include \"(${4:-none})\"" || true)
    if [ -n "$found" ]; then
        echo "includes that point up:"
        echo "$found"
        status=1
    fi
}
forbid engine 9 'io/|sim/|tools/|fuzz/'
forbid io 1 'io/(live|sim|pcap|journal)/|sim/|tools/|fuzz/'
forbid io/live 9 'io/sim/|sim/|tools/|fuzz/'
forbid io/sim 9 'io/live/|sim/|tools/|fuzz/'
forbid io/journal 9 'io/(live|sim)/|sim/|tools/|fuzz/'
forbid io/pcap 9 'io/(live|sim|journal)/|sim/|tools/|fuzz/'
forbid sim 9 'io/live/|tools/|fuzz/'
# Of the machine it calls what makes no system call and reads what others send: the kernel's messages,
# and the worker's to the guardian.
forbid fuzz 9 'io/live/|tools/' 'io/live/(linux/netlink|bsd/route|kernel|guardian_message)\.h'
exit $status
