#!/bin/sh
# C sources are as .clang-tidy wants them: clang_tidy.sh [--paths] BUILD FOLDER...
#
# Without --paths all checks but those of clang's static analyzer, which follows every path through a function
# and takes ten times as long; with it, those alone, and not of tests, where a helper that gives up leaves its
# caller with nothing: the test has failed by then. Of the folders, what BUILD/compile_commands.json names is read.
set -eu
checks="-clang-analyzer-*"
but=// # in no name
if [ "$1" = --paths ]; then
    checks="-bugprone-*,-cert-*,-concurrency-*,-misc-*,-performance-*,-portability-*,-readability-*"
    but='_test\.c$'
    shift
fi
build=$1
shift
command -v clang-tidy >/dev/null || {
    echo "clang-tidy is not installed (tools/setup installs it)"
    exit 1
}
config=$(dirname "$0")/../../.clang-tidy
# Tests run ip and tshark by the shell, and the bounds of their loops are constants.
in_tests=$checks,-cert-env33-c,-bugprone-too-small-loop-variable
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for folder in "$@"; do
    sed -nE 's|^ *"file": "('"$(realpath "$folder")"'/.*\.c)",?$|\1|p' "$build/compile_commands.json" >"$work/files"
    [ -s "$work/files" ] || {
        echo "$build compiles nothing in $folder"
        exit 1
    }
    sort -u "$work/files" | grep -v "$but" >>"$work/all" || true
done
# What it found, and nothing else, is shown.
# shellcheck disable=SC2016 # the inner shell's
xargs -P 2 -I{} sh -c '
    case $1 in *_test.c | *lab.c) checks=$5 ;; *) checks=$4 ;; esac
    said=$(clang-tidy --quiet --config-file="$2" -p "$3" --checks="$checks" "$1" 2>&1) || {
        printf "%s\n" "$said"
        exit 1
    }' sh {} "$config" "$build" "$checks" "$in_tests" <"$work/all"
