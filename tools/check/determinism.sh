#!/usr/bin/env bash
# The simulator is a function of scenario and seed: its trace hashes are those written down in
# sim/scenarios/HASHES, whatever compiles it, however, for how many bits, wherever it runs.
#
#   determinism.sh CARPLAB            compare
#   determinism.sh CARPLAB --write    write the hashes down anew; look at the difference before committing
set -euo pipefail
cd "$(dirname "$0")/../.."
carplab=$(realpath "$1")
golden=sim/scenarios/HASHES
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0

scenarios=()
for scenario in sim/scenarios/*.scn; do
    scenarios+=("$scenario")
done

# build NAME CRYPTO COMPILER FLAGS...: a fingerprint program; `plain` crypto needs no library.
build()
{
    local name=$1 crypto=$2 out=$work/$1
    shift 2
    local sources=(engine/*.c io/host.c io/pcapng.c io/utf8.c io/journal/{format,journal}.c io/sim/*.c sim/*.c tools/fingerprint/fingerprint.c) kept=() libs=()
    for source in "${sources[@]}"; do
        case $source in
        *_test.c | *_lab.c | */lab.c) ;;
        *) kept+=("$source") ;;
        esac
    done
    if [ "$crypto" = plain ]; then
        kept+=(tools/fingerprint/crypto_plain.c)
    else
        kept+=(io/crypto_openssl.c)
        libs=(-lcrypto)
    fi
    mkdir "$out"
    printf '%s\n' "${kept[@]}" | xargs -P 2 -I{} sh -c '
        object=$1/$(printf %s "$2" | tr / _).o; shift
        source=$1; shift
        "$@" -std=c11 -D_DEFAULT_SOURCE -Wall -Wextra -Werror -I. -c "$source" -o "$object"' \
        sh "$out" {} "$@"
    "$@" "$out"/*.o -o "$out/fingerprint" "${libs[@]}"
}

# Say where two programs part in the first scenario whose hashes differ.
part()
{
    local scenario
    scenario=$(diff "$1" "$2" | sed -nE 's/^[<>] [0-9a-f]{32}  //p' | head -n 1)
    echo "the hashes of $3 and $4 differ, first in $scenario:"
    "$3" --trace "$scenario" >"$work/left" || true
    "$4" --trace "$scenario" >"$work/right" || true
    diff "$work/left" "$work/right" | sed -n '2p;/^>/{p;q}' || true
}

# compare NAME: its fingerprints are those of the first build.
compare()
{
    "$work/$1/fingerprint" "${scenarios[@]}" >"$work/$1.hashes"
    if cmp -s "$work/first.hashes" "$work/$1.hashes"; then
        echo "$1: ${#scenarios[@]} scenarios, the same hashes"
    else
        part "$work/first.hashes" "$work/$1.hashes" "$work/first/fingerprint" "$work/$1/fingerprint"
        status=1
    fi
}

build first openssl gcc -O2
"$work/first/fingerprint" "${scenarios[@]}" >"$work/first.hashes"
if [ "${2:-}" = --write ]; then
    cp "$work/first.hashes" "$golden"
    exit 0
fi
if ! diff "$golden" "$work/first.hashes"; then
    echo "$golden: other hashes than written down; if that is meant: $0 CARPLAB --write"
    status=1
fi

# Again, in another environment, with memory that holds rubbish, and without the fast paths.
env -i PATH="$PATH" PADDING="$(printf '%04000d' 0)" MALLOC_PERTURB_=165 \
    "$work/first/fingerprint" "${scenarios[@]}" >"$work/again.hashes"
cmp "$work/first.hashes" "$work/again.hashes" || status=1
"$carplab" test --hashes sim/scenarios >"$work/fast.hashes" || true
"$carplab" test --hashes --plain sim/scenarios >"$work/plain.hashes" || true
cmp "$work/fast.hashes" "$work/plain.hashes" || status=1

build gcc-O0 openssl gcc -O0
build gcc-O3 openssl gcc -O3 -march=native
build clang-O2 openssl clang -O2
compare gcc-O0
compare gcc-O3
compare clang-O2
if command -v i686-linux-gnu-gcc >/dev/null; then
    build i686 plain i686-linux-gnu-gcc -static -O2
    compare i686
else
    echo "no 32-bit compiler (gcc-i686-linux-gnu): not compared"
    status=1
fi
exit $status
