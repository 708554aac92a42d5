#!/bin/sh
# Includes never point up: engine <- io <- io/live, io/sim <- sim, tools. Tests may use the testkit.
set -eu
cd "$(dirname "$0")/../.."
status=0
# forbid FOLDER PATTERN: no file of FOLDER (below, but for other layers within) includes PATTERN.
forbid()
{
    found=$(find "$1" -maxdepth "$2" -name '*.[ch]' ! -name '*_test.c' ! -name 'lab.[ch]' -exec grep -nE "#include \"($3)" {} + || true)
    if [ -n "$found" ]; then
        echo "includes that point up:"
        echo "$found"
        status=1
    fi
}
forbid engine 9 'io/|sim/|tools/|fuzz/'
forbid io 1 'io/(live|sim|pcap)/|sim/|tools/|fuzz/'
forbid io/live 9 'io/sim/|sim/|tools/|fuzz/'
exit $status
