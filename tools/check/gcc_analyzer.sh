#!/bin/bash
# gcc's -fanalyzer has nothing to say of the C sources in these folders, but for what is in the list of
# exceptions, and each exception is still needed: gcc_analyzer.sh BUILD EXCEPTIONS FOLDER...
#
# Files are compiled as BUILD/compile_commands.json says, which gcc was configured for.
set -euo pipefail
build=$1 exceptions=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

# FILE COMMAND, each file once.
awk '
    function value() { sub(/^[^:]*: "/, ""); sub(/",?$/, ""); return $0 }
    /^ *"command": / { command = value(); gsub(/\\"/, "\"", command); gsub(/\\\\/, "\\", command) }
    /^ *"file": / { file = value(); if (file ~ /\.c$/ && !seen[file]++) print file, command }
' "$build/compile_commands.json" >"$work/all"
folders=()
for folder in "$@"; do
    folder=$(realpath "$folder")
    folders+=("$folder")
    awk -v folder="$folder/" 'index($1, folder) == 1' "$work/all" >"$work/files"
    [ -s "$work/files" ] || {
        echo "$build compiles nothing in $folder"
        exit 1
    }
    cat "$work/files" >>"$work/chosen"
done

# Each command with its messages in a file. In a test, memory that is not there ends the program all the same.
awk -v work="$work" '{
    file = $1
    log_file = work "/" NR ".log"
    analyse = " -Wno-error -fanalyzer -fdiagnostics-plain-output -o /dev/null"
    if (file ~ /_test\.c$/) analyse = analyse " -Wno-analyzer-possible-null-argument"
    sub(/^[^ ]+ /, "")
    printf "%s%s >%s 2>&1 || { cat %s; echo %s: not compiled; exit 1; }%c", $0, analyse, log_file, log_file, file, 0
}' "$work/chosen" >"$work/jobs"
(cd "$build" && xargs -0 -P 2 -I{} sh -c '{}' <"$work/jobs") || status=1

# FILE CHECK, found and excepted.
root=$(cd "$(dirname "$0")/../.." && pwd)
cat "$work"/*.log >"$work/said"
sed -nE 's/^([^: ]+):[0-9]+:[0-9]+: warning: .*\[(-Wanalyzer-[a-z-]+)\]$/\1 \2/p' "$work/said" | sort -u >"$work/found"
awk -v root="$root/" '!/^(#|$)/ { print (/^\// ? "" : root) $1, $2 }' "$exceptions" | sort -u >"$work/excepted"
while read -r file check; do
    grep -F "$file:" "$work/said" | grep -F "[$check]"
    status=1
done < <(comm -23 "$work/found" "$work/excepted")
while read -r file check; do
    for folder in "${folders[@]}"; do
        if [[ $file == "$folder"/* ]]; then
            echo "${exceptions##*/}: nothing needs the exception $file $check any more"
            status=1
        fi
    done
done < <(comm -13 "$work/found" "$work/excepted")
exit $status
