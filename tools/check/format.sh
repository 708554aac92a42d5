#!/bin/sh
# Every C and C++ file is as clang-format leaves it.
set -eu
cd "$(dirname "$0")/../.."
command -v clang-format >/dev/null || {
    echo "clang-format is not installed (tools/setup installs it)"
    exit 1
}
find engine io sim fuzz netns-tests tools \( -name '*.[ch]' -o -name '*.cc' \) -print0 2>/dev/null |
    xargs -0 clang-format --dry-run -Werror
