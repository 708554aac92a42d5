#!/usr/bin/env bash
# carplab decode as who types it sees it: genuine captures, beside what tshark reads in them; files
# of other kinds; broken ones.
#
#   decode_test.sh CARPLAB CAPTURES
set -euo pipefail
carplab=$(realpath "$1")
captures=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0

fail()
{
    echo "FAILED: $1"
    sed 's/^/    /' out err | head -n 12
    failed=1
}

# expect STATUS WHAT ARGUMENTS...: what decode says is in out and err.
expect()
{
    local want=$1 what=$2 status=0
    shift 2
    "$carplab" decode "$@" >out 2>err </dev/null || status=$?
    [ "$status" -eq "$want" ] || fail "$what: status $status, not $want"
}

# expect_count COUNT WHAT PATTERN: so many lines of out match.
expect_count()
{
    local count
    count=$(grep -c -- "$3" out || true)
    [ "$count" -eq "$1" ] || fail "$2: $count times $3, not $1"
}

expect_refusal()
{
    local what=$1
    shift
    expect 2 "$what" "$@"
    if [ "$(wc -l <err)" -ne 1 ] || [ -s out ]; then
        fail "$what: one line on stderr is right"
    fi
}

# field KEY: its value on each line of out, which are objects; a dash where there is none.
field()
{
    sed -E "/\"$1\":/!s/.*/-/; s/.*\"$1\":\"?([^\",}]*).*/\1/" out
}

# bytes HEX...: as they are.
bytes()
{
    local hex
    hex=$(tr -d ' \n' <<<"$*")
    # shellcheck disable=SC2001,SC2059 # the format is made here, of digits
    printf "$(sed 's/../\\x&/g' <<<"$hex")"
}

# --- genuine captures: FILE KEY CARP GARP NA OTHER ADDRESS..., counted with tcpdump ----------------

genuine()
{
    local file=$captures/$1.pcap key=$2 carp=$3 arp=$4 na=$5 other=$6
    local arguments=(--key "$key") address
    shift 6
    for address; do
        arguments+=(--address "$address")
    done
    expect 0 "${file##*/}" --json "${arguments[@]}" "$file"
    expect_count "$carp" "${file##*/}" '"kind":"carp".*"checksum":"ok","digest":"ok","verdict":"accepted"'
    expect_count "$carp" "${file##*/}" '"kind":"carp"'
    expect_count "$na" "${file##*/}" '"kind":"na"'
    # ARP replies and requests to others are "other": what is announced is counted with them
    expect_count "$arp" "${file##*/}" '"text":"ARP re'
    expect_count $((carp + arp + na + other)) "${file##*/}" '^{"time":[0-9]*\.[0-9]\{6\},"kind":'
    expect 0 "${file##*/} as text" "${arguments[@]}" "$file"
    expect_count "$carp" "${file##*/} as text" ' carp .* digest ok accepted$'
    beside_tshark "$file"
}

# The same of every advert as tshark reads it: time, MAC, addresses, all fields, the checksum.
beside_tshark()
{
    command -v tshark >/dev/null || return 0
    local key
    expect 0 "$1 without a key" --json "$1"
    grep '"kind":"carp"' out >adverts && mv adverts out
    for key in time source_mac source vhid advskew advbase demote counter checksum; do
        field $key >"column.$key"
    done
    paste column.time column.source_mac column.source column.vhid column.advskew column.advbase \
        column.demote column.counter column.checksum >ours
    tshark -r "$1" -d ip.proto==112,carp -Y carp -T fields -E separator=/t \
        -e frame.time_epoch -e eth.src -e ip.src -e ipv6.src -e carp.vhid -e carp.advskew \
        -e carp.adver_int -e carp.demotion -e carp.counter -e carp.checksum.status 2>/dev/null |
        awk -F'\t' -v OFS='\t' '{
            sub(/000$/, "", $1)
            print $1, $2, $3 $4, $5, $6, $7, $8, $9, $10 == 1 ? "ok" : "bad"
        }' | counters_as_hex >theirs
    cmp -s ours theirs || {
        fail "$1: tshark reads it otherwise"
        diff ours theirs | head -n 6
    }
}

# tshark writes the counter as a signed or unsigned decimal number; awk's are too short for it.
counters_as_hex()
{
    local time mac source vhid skew base demote counter rest
    while IFS=$'\t' read -r time mac source vhid skew base demote counter rest; do
        printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%016x\t%s\n' "$time" "$mac" "$source" "$vhid" "$skew" \
            "$base" "$demote" "$counter" "$rest"
    done
}

genuine ucarp-1.5.2 test-pass-1 28 9 0 0 10.99.0.100
genuine netbsd-7.99.34-v4-one secret 5 2 0 1 192.0.2.7
genuine netbsd-7.99.34-v4-three secret 5 4 0 1 192.0.2.200 198.51.100.3 192.0.2.7
genuine netbsd-7.99.34-v4-failover-bowout secret 19 8 0 2 192.0.2.7 192.0.2.8
genuine netbsd-7.99.34-v4-advbase0 secret 9 2 0 1 192.0.2.7
genuine netbsd-7.99.34-v4-nokey '' 4 1 0 1 192.0.2.7
genuine netbsd-7.99.34-v4-two-carp-counter secret 17 2 0 0 10.77.1.1
genuine freebsd-13.0-v4-one secret 5 2 0 0 192.0.2.7
genuine freebsd-13.0-v6-one secret 6 1 0 2 2001:db8:7::7
genuine freebsd-13.0-v6-four-linklocal secret 6 1 0 5 \
    2001:db8:7::200 fe80::7 2001:db8:7::7 fd00:7::1
genuine freebsd-13.0-mixed secret 12 3 0 4 \
    2001:db8:7::200 192.0.2.200 fe80::7 192.0.2.7 2001:db8:7::7
genuine freebsd-13.0-mixed-failover-demotion secret 46 16 0 2 192.0.2.7 192.0.2.8 2001:db8:7::7
genuine freebsd-13.0-v6-failover-na secret 10 2 4 4 2001:db8:7::7 2001:db8:7::8
genuine freebsd-13.0-mixed-half-heard secret 32 4 0 0 10.77.1.7 2001:db8:7::7
genuine netbsd-freebsd-v4-failover secret 19 10 0 1 192.0.2.7 192.0.2.8
genuine freebsd-freebsd-v4-equal-livelock secret 16 32 0 0 10.77.1.1
genuine ucarp-freebsd-v4-equal-partition secret 12 3 0 0 10.77.1.21
genuine ucarp-freebsd-v4-preempt secret 9 5 0 0 10.77.1.31
genuine ucarp-netbsd-v4-equal-livelock secret 26 14 0 0 10.77.1.48

# Two groups with an address each, of which one at a time is given: FILE VHID OTHER ADVERTS OTHERS.
two_groups()
{
    expect 1 "$1" --json --key secret --address "10.77.1.$2" "$captures/$1.pcap"
    expect_count "$4" "$1, vhid $2" "\"vhid\":$2,.*\"digest\":\"ok\",\"verdict\":\"accepted\"}"
    expect_count "$5" "$1, vhid $3" "\"vhid\":$3,.*\"digest\":\"bad\",\"verdict\":\"bad-digest\",\"diff"
    expect_count $(($4 + $5)) "$1" '"kind":"carp"'
    beside_tshark "$captures/$1.pcap"
}

two_groups netbsd-7.99.34-v4-suppress 1 3 17 11
two_groups netbsd-7.99.34-v4-suppress 3 1 11 17
two_groups freebsd-13.0-v4-demotion-negative 1 2 23 14

# --- why a digest is bad ---------------------------------------------------------------------------

one=$captures/netbsd-7.99.34-v4-one.pcap
two=$captures/netbsd-7.99.34-v4-failover-bowout.pcap
badkey=$captures/netbsd-7.99.34-v4-badkey.pcap

expect 1 "another key of those given" --json --key secret --key Secret --address 192.0.2.7 "$badkey"
expect_count 5 "A's key" '192.0.2.11.*"digest":"ok"'
expect_count 4 "B's key" '192.0.2.12.*"digest":"bad","verdict":"bad-digest","difference":"signed with another key of those given: the second"'
expect 1 "a key nobody gave" --json --key secret --address 192.0.2.7 "$badkey"
expect_count 4 "a key nobody gave" '"digest":"bad".*"difference":"no[^"]*"'
expect 1 "an address that the peer lacks" --json --key secret --address 192.0.2.7 --address 192.0.2.9 "$one"
expect_count 5 "an address that the peer lacks" '"digest":"bad".*it lacks 192.0.2.9"'
expect 1 "an address that the peer has too" --json --key secret --address 192.0.2.7 "$two"
expect_count 19 "an address that the peer has too" '"digest":"bad".*it has 192.0.2.8 too"'
# of standard input, .8 is known from when it is announced, just after the first advert
"$carplab" decode --json --key secret --address 192.0.2.7 - <"$two" >out 2>err || true
expect_count 18 "a file as standard input" 'it has 192.0.2.8 too"'
"$carplab" decode --json --key secret --address 192.0.2.7 - < <(cat "$two") >out 2>err || true
expect_count 18 "a pipe" 'it has 192.0.2.8 too"'
expect 1 "no key" --json --key secret --address 192.0.2.7 "$captures/netbsd-7.99.34-v4-nokey.pcap"
expect_count 4 "no key" '"difference":"signed without a key (20 zero bytes)"'
expect 1 "a newline too many" --json --key-hex 7365637265740a --key secret --address 192.0.2.7 "$one"
expect_count 5 "a newline too many" 'those given: the second"'
expect 1 "a newline too many, in text" --json --key $'secret\n' --address 192.0.2.7 "$one"
expect_count 5 "a newline too many, in text" 'without the newline at its end"'
printf 'secret\nand more\n' >key
expect 0 "the first line of a file" --json --key-file key --address 192.0.2.7/24 "$one"
expect 0 "hexadecimal digits" --json --key-hex 736563726574 --address 192.0.2.7 "$one"
expect 0 "no key is given" --json "$one"
expect_count 5 "no key is given" '"digest":"no-key","verdict":"accepted"}'

# The Internet checksum of bytes in which it stands as zero.
checksum()
{
    local hex=$1 sum=0
    while [ -n "$hex" ]; do
        sum=$((sum + 0x${hex:0:4}))
        hex=${hex:4}
    done
    while [ $((sum >> 16)) -gt 0 ]; do
        sum=$(((sum & 0xffff) + (sum >> 16)))
    done
    printf '%04x' $((~sum & 0xffff))
}

# An advert with this digest, and with the counter that OpenBSD's own functions were given when they
# computed those below, for four addresses, one of them link-local (engine/capture_test.c).
openbsd()
{
    local head=210700070001 tail=0011223344556677$1
    echo "$head$(checksum "${head}0000$tail")$tail"
}
list=(--address 2001:db8:7::200 --address fe80::7 --address 2001:db8:7::7 --address fd00:7::1)
hex=$(openbsd b335ef4809e84aab1efbb5a0ef50978224872487)
expect 0 "OpenBSD's digest" --json --key secret "${list[@]}" --hex "$hex"
expect_count 1 "OpenBSD's digest" '"counter":"0011223344556677","checksum":"ok","digest":"ok-no-link-local","verdict":"accepted"'
hex=$(openbsd 2423a28d3968ed2376fcc911d86787fc4d29e568)
expect 0 "the other digest OpenBSD accepts" --json --key secret "${list[@]}" --hex "$hex"
expect_count 1 "the other digest OpenBSD accepts" '"digest":"ok","verdict":"accepted"}'
expect 1 "another vhid" --json --key secret "${list[@]}" --hex "${hex/2107/2108}"
expect_count 1 "another vhid" '"vhid":8,.*"checksum":"bad","digest":"bad","verdict":"bad-checksum","difference":"right key and addresses, but signed for vhid 7"'
# --- other files -----------------------------------------------------------------------------------

# One advert of ucarp's capture in a file of each kind: HEADER is the file's, then the record's
# time, then what stands before IP.
ip=$(tail -c +25 "$one" | od -An -v -tx1 | tr -d ' \n' | grep -o '4510003800004000ff70.\{92\}' | head -n 1)
[ ${#ip} -eq 112 ] || fail "an advert of NetBSD's is in $one"
advert='"kind":"carp","source":"192.0.2.11","destination":"224.0.0.18"'
fields='"vhid":7,"advbase":1,"advskew":0,"demote":0,"counter":"39d458789acd52c7","checksum":"ok","digest":"ok","verdict":"accepted"'
key=(--json --key secret --address 192.0.2.7)

u32()
{
    printf '%08x' "$1" | sed 's/\(..\)\(..\)\(..\)\(..\)/\4\3\2\1/'
}

# pcap MAGIC LINK TIME BEFORE [BYTES_MISSING]: a file of one packet, little endian.
pcap()
{
    local packet=$4$ip size
    size=$((${#packet} / 2))
    bytes "$1" 02000400 00000000 00000000 ffff0000 "$(u32 "$2")"
    bytes "$3" "$(u32 $((size - ${5:-0})))" "$(u32 $size)" "${packet:0:$((2 * (size - ${5:-0})))}"
}

macs=01005e000012020000000001
us=d4c3b2a1 ns=4d3cb2a1 time="$(u32 1700000000)$(u32 123456)"
pcap $us 1 "$time" ${macs}0800 >plain.pcap
expect 0 "plain" "${key[@]}" plain.pcap
[ "$(cat out)" = "{\"time\":1700000000.123456,$advert,\"source_mac\":\"02:00:00:00:00:01\",$fields}" ] ||
    fail "plain: the whole line"
pcap $ns 1 "$(u32 1700000000)$(u32 123456789)" ${macs}0800 >ns.pcap
expect 0 "nanoseconds" "${key[@]}" ns.pcap
expect_count 1 "nanoseconds" '"time":1700000000.123456789,'
pcap $us 1 "$time" ${macs}810000640800 >vlan.pcap
expect 0 "a VLAN" "${key[@]}" vlan.pcap
expect_count 1 "a VLAN" "$fields,\"vlan\":100}"
pcap $us 1 "$time" ${macs}88a80005810000640800 >stacked.pcap
expect 0 "stacked VLANs" "${key[@]}" stacked.pcap
expect_count 1 "stacked VLANs" "$fields,\"vlan\":5,\"inner_vlan\":100}"
pcap $us 113 "$time" 00020001000602000000000100000800 >cooked.pcap
expect 0 "cooked" "${key[@]}" cooked.pcap
expect_count 1 "cooked" "$advert,\"source_mac\":\"02:00:00:00:00:01\",$fields}"
pcap $us 276 "$time" 0800000000000003000102060200000000010000 >cooked2.pcap
expect 0 "cooked, version 2" "${key[@]}" cooked2.pcap
expect_count 1 "cooked, version 2" "$advert,\"source_mac\":\"02:00:00:00:00:01\",$fields}"
pcap $us 101 "$time" '' >raw.pcap
expect 0 "raw IP" "${key[@]}" raw.pcap
expect_count 1 "raw IP" "$advert,$fields}"
pcap $us 1 "$time" ${macs}0800 20 >snapped.pcap
expect 0 "not captured whole" "${key[@]}" snapped.pcap
expect_count 1 "not captured whole" "\"vhid\":7,.*\"counter\":\"39d458789acd52c7\",\"verdict\":\"truncated\",\"truncated\":true}"
expect 0 "not captured whole, as text" snapped.pcap
expect_count 1 "not captured whole, as text" 'truncated, 20 bytes missing$'
"$carplab" decode --json - <plain.pcap >out 2>err || fail "standard input"
expect_count 1 "standard input" "$advert"
if command -v editcap >/dev/null; then
    editcap -F pcapng "$captures/freebsd-13.0-mixed.pcap" us.pcapng
    expect 0 "pcapng" --json us.pcapng
    cp out ng
    expect 0 "pcap" --json "$captures/freebsd-13.0-mixed.pcap"
    cmp -s out ng || fail "pcapng says what pcap says"
    editcap -F nsecpcap "$captures/freebsd-13.0-mixed.pcap" mixed.ns.pcap
    editcap -F pcapng mixed.ns.pcap ns.pcapng
    expect 0 "pcapng, nanoseconds" --json ns.pcapng
    expect_count 19 "pcapng, nanoseconds" '^{"time":[0-9]*\.[0-9]\{9\},'
fi

if command -v mergecap >/dev/null; then
    mergecap -a -F pcapng -w merged.pcapng plain.pcap cooked.pcap ns.pcap "$one"
    expect 0 "interfaces that differ" "${key[@]}" merged.pcapng
    expect_count 8 "interfaces that differ" "$advert.*\"digest\":\"ok\""
fi

# vrrp PAYLOAD: a file with it, from 192.0.2.1. No protocol but CARP's relatives: RFC 3768, RFC 9568.
vrrp()
{
    local head=4500 tail=00000000ff70 addresses=c0000201e0000012
    head+=$(printf '%04x' $((20 + ${#1} / 2)))
    ip=$head$tail$(checksum "$head${tail}0000$addresses")$addresses$1
    pcap $us 1 "$time" ${macs}0800 >vrrp.pcap
}

head=21076401 tail=c0a8010a0000000000000000
vrrp ${head}0001"$(checksum ${head}00010000$tail)"$tail
expect 0 "VRRP 2" --json vrrp.pcap
expect_count 1 "VRRP 2" '"kind":"vrrp2","source":"192.0.2.1","destination":"224.0.0.18","source_mac":"02:00:00:00:00:01","vrid":7,"priority":100}'
head=31076401 tail=c0a8010a
vrrp ${head}0064"$(checksum ${head}00640000${tail}c0000201e00000120070000c)"$tail
expect 0 "VRRP 3" --json vrrp.pcap
expect_count 1 "VRRP 3" '"kind":"vrrp3",.*"vrid":7,"priority":100}'

# --- damage ----------------------------------------------------------------------------------------

size=$(stat -c %s "$one")
expect 0 "whole" "$one"
lines=$(wc -l <out)
# The last packet of the file begins where all others end.
last=$((size - 16 - 70))
for cut in $((last + 7)) $((last + 16 + 30)) $((size - 1)); do
    head -c "$cut" "$one" >cut.pcap
    expect 1 "cut at $cut" cut.pcap
    [ "$(wc -l <out)" -eq $((lines - 1)) ] || fail "cut at $cut: all before it is told"
    [ "$(wc -l <err)" -eq 1 ] || fail "cut at $cut: one line"
    grep -q "^carplab: cut.pcap: damaged at byte $last, after $((lines - 1)) packets: " err ||
        fail "cut at $cut: damaged at $last"
done
{
    head -c $((last + 8)) "$one"
    bytes ffffffff ffffffff
    tail -c 70 "$one"
} >absurd.pcap
expect 1 "an absurd size" absurd.pcap
grep -q "damaged at byte $last, " err || fail "an absurd size: the offset"
"$carplab" decode - <absurd.pcap >out 2>err && fail "an absurd size, through a pipe"
grep -q "^carplab: -: damaged at byte $last, " err || fail "an absurd size, through a pipe"
head -c 10 "$one" >head.pcap
expect 1 "cut in the file's header" head.pcap

# --- refusals --------------------------------------------------------------------------------------

expect_refusal "nothing in it" /dev/null
expect_refusal "a text" "$0"
expect_refusal "a folder" .
expect_refusal "no such file" nowhere.pcap
expect_refusal "no file"
expect_refusal "two files" plain.pcap ns.pcap
expect_refusal "an unknown option" --vhid 7 plain.pcap
expect_refusal "an option without its value" plain.pcap --key
expect_refusal "a key without addresses" --key secret plain.pcap
expect_refusal "a long key" --key 123456789012345678901 --address 10.0.0.1 plain.pcap
expect_refusal "no digits" --key-hex xyz --address 10.0.0.1 plain.pcap
printf 'sec\0ret\n' >nul
expect_refusal "a NUL in a key file" --key-file nul --address 10.0.0.1 plain.pcap
expect_refusal "no key file" --key-file nowhere --address 10.0.0.1 plain.pcap
expect_refusal "no address" --address 10.0.0.256 plain.pcap
expect_refusal "five keys" --key a --key b --key c --key d --key e --address 10.0.0.1 plain.pcap
expect_refusal "neither an advert nor a frame" --hex 2107
expect_refusal "no hexadecimal digits" --hex 21070
pcap $us 105 "$time" '' >wifi.pcap
expect_refusal "another link type" wifi.pcap
gzip -c plain.pcap >plain.pcap.gz
expect_refusal "compressed" plain.pcap.gz
if [ -e /dev/full ]; then
    status=0
    "$carplab" decode plain.pcap >/dev/full 2>err || status=$?
    [ "$status" -eq 2 ] || fail "no room for what is written"
fi

[ $failed -eq 0 ] && echo "carplab decode says what is there"
exit $failed
