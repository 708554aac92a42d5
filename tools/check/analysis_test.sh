#!/bin/sh
# A check that cannot fail proves nothing: each kind of static analysis is given a file with a mistake it is there
# to find, and one without.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/source" "$work/build"
file=$work/source/file.c
cat >"$work/build/compile_commands.json" <<JSON
[
{
  "directory": "$work/build",
  "command": "gcc -std=c11 -O2 -DNAME=\\"x\\" -o file.o -c $file",
  "file": "$file"
}
]
JSON

# refused WORDS COMMAND...: it fails, and says so.
refused()
{
    words=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        echo "$* should have refused:"
        cat "$file"
        exit 1
    fi
    grep -q -- "$words" "$work/said" || {
        echo "$* should have said '$words', but said:"
        cat "$work/said"
        exit 1
    }
}

touch "$work/exceptions"
gcc_analyzer="$here/gcc_analyzer.sh $work/build $work/exceptions $work/source"

cat >"$file" <<'C'
int same(int x);
int same(int x)
{
    const char name[] = NAME;
    if (x > 0) {
        return 1;
    } else {
        return 1;
    }
    return name[0];
}
C
refused bugprone-branch-clone "$here/clang_tidy.sh" "$work/build" "$work/source"

cat >"$file" <<'C'
int first(const int *at);
int first(const int *at)
{
    if (at == 0) {
        return *at;
    }
    return at[1];
}
C
refused clang-analyzer-core.NullDereference "$here/clang_tidy.sh" --paths "$work/build" "$work/source"
refused nullPointer "$here/cppcheck.sh" "$file"

cat >"$file" <<'C'
#include <stdlib.h>
void twice(void *block);
void twice(void *block)
{
    free(block);
    free(block);
}
C
# shellcheck disable=SC2086 # words
{
    refused Wanalyzer-double-free $gcc_analyzer
    echo "$file -Wanalyzer-double-free for this test" >"$work/exceptions"
    $gcc_analyzer
}

cat >"$file" <<'C'
#include <stdlib.h>
void once(void *block);
void once(void *block)
{
    free(block);
}
C
# shellcheck disable=SC2086
{
    refused "nothing needs the exception" $gcc_analyzer
    : >"$work/exceptions"
    $gcc_analyzer
}
"$here/clang_tidy.sh" "$work/build" "$work/source"
"$here/clang_tidy.sh" --paths "$work/build" "$work/source"
"$here/cppcheck.sh" "$file"

echo 'int broken(' >"$file"
# shellcheck disable=SC2086
refused "not compiled" $gcc_analyzer
refused error "$here/clang_tidy.sh" "$work/build" "$work/source"
