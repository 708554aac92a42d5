#!/usr/bin/env bash
# Each allocation of a program fails in turn, while it reads what it was given: it ends with one
# sentence and status 2, or does what it always does.
#
#   allocations_test.sh FAIL_ALLOC_LIBRARY CARPLAB CAPTURES SCENARIOS [CARPD]
#
# Of a simulation the first 160 are tried, which are more than its loading needs: once it runs, each
# digest makes some, in OpenSSL, and one that cannot be made is an assertion.
set -uo pipefail
export LC_ALL=C
library=$(realpath "$1") carplab=$(realpath "$2") captures=$(realpath "$3") scenarios=$(realpath "$4")
carpd=${5:+$(realpath "$5")}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0 tried=0 refused=0 libc=0
printf secret >key
chmod 600 key
cat >two.yaml <<'YAML'
groups:
  web: {interface: eth0, vhid: 7, key-file: key, source: 10.0.0.1, addresses: [10.0.0.100/24, 2001:db8::100/64]}
  db: {interface: eth0, vhid: 8, key: [secret, older], addresses: [10.0.0.101], up: /bin/true, down: /bin/true,
    argument: x, command-timeout: 5, advskew: 100}
YAML

# What a program says, but for how long it took.
said()
{
    sed -E 's/, [0-9.]+ s\)/)/' out
}

# How many allocations a run makes, in `count`; its output is what is always done.
count_of()
{
    head -c 16 /dev/zero >count
    env LD_PRELOAD="$library" FAIL_ALLOC_COUNT="$work/count" "$@" >out 2>/dev/null || {
        echo "FAILED: without a fault, status $?: $*"
        failed=1
    }
    said >want
    count=$(od -A n -t u8 -N 8 count | tr -d ' ')
    [ "$count" -gt 2 ] || {
        echo "FAILED: no allocations were seen: $*"
        failed=1
    }
}

# each STATUS COMMAND...: STATUS is what it may end with, too, when it says that memory was the reason.
each()
{
    local also=$1 k status count
    shift
    count_of "$@"
    for ((k = 1; k <= count && k <= 160; k++)); do
        status=0
        timeout 20 env LD_PRELOAD="$library" FAIL_ALLOC="$k" "$@" >out 2>err || status=$?
        tried=$((tried + 1))
        if [ "$status" = 0 ] && said | cmp -s - want; then
            continue
        fi
        refused=$((refused + 1))
        if { [ "$status" = 2 ] || { [ "$status" = "$also" ] && grep -q memory err; }; } &&
            [ "$(wc -l <err)" = 1 ] && ! grep -q secret err; then
            continue
        fi
        # getpwnam() of glibc asserts, or follows a null pointer, for two of its own.
        if [ "${1##*/}" = carpd ] && [ $((libc += 1)) -le 4 ] &&
            { grep -q nss_database err || { [ "$status" = 139 ] && [ ! -s err ]; }; }; then
            continue
        fi
        echo "FAILED: allocation $k of $count, status $status: $*"
        sed 's/^/    /' err
        failed=1
    done
}

each 2 "$carplab" sim "$scenarios/pair.scn"
each 2 "$carplab" sim "$scenarios/office.scn"
each 2 "$carplab" test "$scenarios/pair.scn"
# A file whose rest cannot be read is a file with damage, and status 1.
each 1 "$carplab" decode "$captures/freebsd-13.0-v6-failover-na.pcap"
each 1 "$carplab" replay "$captures/freebsd-13.0-v6-failover-na.pcap"
if [ -n "$carpd" ]; then
    each 2 "$carpd" --check -c two.yaml
    each 2 "$carpd" --check -i eth0 -s 10.0.0.1 -v 7 -p secret -a 10.0.0.100 -u /bin/true -d /bin/true -x more
fi
echo "$tried allocations failed, $refused ended the program"
exit "$failed"
