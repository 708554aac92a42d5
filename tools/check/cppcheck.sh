#!/bin/sh
# cppcheck has nothing to say of these C sources, but for what cppcheck_exceptions names: cppcheck.sh FILE_OR_FOLDER...
set -eu
command -v cppcheck >/dev/null || {
    echo "cppcheck is not installed (tools/setup installs it)"
    exit 1
}
here=$(dirname "$0")
find "$@" -name '*.c' |
    cppcheck --quiet -j 2 --std=c11 -D_DEFAULT_SOURCE -D__linux__ -D__GLIBC__ -I "$here/../.." --file-list=- \
        --enable=warning,style,performance,portability --inline-suppr --error-exitcode=1 --template=gcc \
        --suppressions-list="$here/cppcheck_exceptions"
