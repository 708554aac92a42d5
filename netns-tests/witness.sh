# The witnesses of a test: who held an address when, what crossed the switch, what a client got. None
# of them knows our code. Sourced by lib.sh.
#
# shellcheck shell=bash

# --- who holds an address -------------------------------------------------------------------------

# The hosts that have it now: "h1" or "h1 h2".
holders()
{
    local host found=()
    for host in "${!ipv4_of[@]}"; do
        [ "$host" != client ] || continue
        if ip -n "$(namespace_of "$host")" -o addr show to "$1" | grep -q .; then
            found+=("$host")
        fi
    done
    [ ${#found[@]} -eq 0 ] || printf '%s\n' "${found[@]}" | sort | paste -s -d ' '
}

are_holders()
{
    [ "$(holders "$1")" = "$2" ]
}

# wait_holders SECONDS ADDRESS HOSTS
wait_holders()
{
    wait_for "$1" "$2 is on '$3'" are_holders "$2" "$3"
}

# The address never was on the host: check_never_held HOST ADDRESS
check_never_held()
{
    check_equal "when $1 got $2" "" "$(held_at "$1" got "$2")"
}

check_holders()
{
    check_equal "who holds $1" "$2" "$(holders "$1")"
}

# For how long in a row, at most, and within FROM and TO (default: now), the number of holders was as
# COMPARE says, in ms: holding_ms ADDRESS ">1" FROM [TO]
holding_ms()
{
    sort -n "$work"/*.watch | awk -v address="$1" -v from="$3" -v to="${4:-$(now)}" '
        function fits(n) { return n '"$2"' }
        function ends(end,    begin) {
            begin = since > from ? since : from
            end = end < to ? end : to
            if (end - begin > longest) longest = end - begin
        }
        $4 == address {
            before = count
            count += $3 == "got" ? 1 : -1
            if (fits(before) && !fits(count)) ends($1)
            if (!fits(before) && fits(count)) since = $1
        }
        END {
            if (fits(count)) ends(to)
            printf "%.3f", longest * 1000
        }'
}

# Two hosts at once; nobody.
overlap_ms()
{
    holding_ms "$1" ">1" "$2" "${3:-$(now)}"
}

vacant_ms()
{
    holding_ms "$1" "==0" "$2" "${3:-$(now)}"
}

# When a host last got or lost an address: held_at HOST got|lost ADDRESS
held_at()
{
    awk -v host="$1" -v what="$2" -v address="$3" \
        '$2 == host && $3 == what && $4 == address { at = $1 } END { print at }' "$work/$1.watch"
}

# --- witnesses ----------------------------------------------------------------------------------

# witness_start FILE HOST COMMAND...
witness_start()
{
    local file=$work/$1 host=$2
    shift 2
    : >"$file.err" # the shell opens it later, maybe after someone looked
    ip netns exec "$(namespace_of "$host")" "$@" >"$file" 2>"$file.err" </dev/null &
    witnesses+=($!)
}

# All adverts and address announcements that cross the switch. In immediate mode each frame takes a
# slot of the snapshot length, and a burst of fifty must fit.
capture_start()
{
    witness_start capture switch tcpdump -Z root -n -U -s 256 -B 8192 --immediate-mode -i br0 \
        --time-stamp-precision=nano -w "$work/capture.pcap" 'proto 112 or arp or (icmp6 and ip6[40] = 136)'
    wait_for 5 "tcpdump listens" grep -q "listening on" "$work/capture.err"
}

capture_text()
{
    tcpdump -n -tt --time-stamp-precision=nano -T carp -r "$work/capture.pcap" "$@" 2>/dev/null
}

# One line an advert: TIME SOURCE VHID ADVBASE ADVSKEW COUNTER (of a VRRP router's, only the first
# three mean anything).
adverts()
{
    capture_text 'proto 112' | awk '{
        split("- - - -", v, " ")
        for (i = 5; i <= NF; i++) {
            n = split($i, pair, "=")
            if (pair[1] == "vhid") v[1] = pair[2]
            if (pair[1] == "advbase") v[2] = pair[2]
            if (pair[1] == "advskew") v[3] = pair[2]
            if (pair[1] == "counter") v[4] = pair[2]
        }
        print $1, $3, v[1], v[2], v[3], v[4]
    }'
}

# The same of one host, and one vhid (default: all): adverts_of HOST [VHID]
adverts_of()
{
    adverts | awk -v ipv4="${ipv4_of[$1]}" -v ipv6="${ipv6_of[$1]}" -v vhid="${2:-}" \
        '($2 == ipv4 || $2 == ipv6) && (vhid == "" || $3 == vhid)'
}

# When: first_advert HOST AFTER [VHID]; last_advert HOST BEFORE [VHID]; nothing when there is none.
first_advert()
{
    adverts_of "$1" "${3:-}" | awk -v after="$2" '$1 >= after && !at { at = $1 } END { print at }'
}

last_advert()
{
    adverts_of "$1" "${3:-}" | awk -v before="$2" '$1 <= before { at = $1 } END { print at }'
}

# How many: count_adverts HOST FROM [TO] [VHID]
count_adverts()
{
    adverts_of "$1" "${4:-}" |
        awk -v from="$2" -v to="${3:-$(now)}" '$1 >= from && $1 <= to { n++ } END { print n + 0 }'
}

has_advertised()
{
    [ -n "$(first_advert "$1" "$2" "${3:-}")" ]
}

# wait_advert SECONDS HOST AFTER [VHID]: one that left after this time.
wait_advert()
{
    wait_for "$1" "an advert of $2 ${4:+(vhid $4)}" has_advertised "$2" "$3" "${4:-}"
}

# Returns within milliseconds of a host's next advert: await_next_advert HOST [VHID]
await_next_advert()
{
    on switch timeout 10 tcpdump -Z root -n -l -c 1 --immediate-mode -i br0 \
        "proto 112 and src host ${ipv4_of[$1]} ${2:+and ip[21] = $2}" >/dev/null 2>&1 ||
        fail "$1 should advertise within 10 s ${2:+(vhid $2)}"
}

# Farewells (255/255) of a host: count_farewells HOST FROM [VHID]
count_farewells()
{
    adverts_of "$1" "${3:-}" |
        awk -v from="$2" '$1 >= from && $4 == 255 && $5 == 255 { n++ } END { print n + 0 }'
}

# Adverts of a host whose counter is not above that of the one before: count_stale HOST VHID
# Counters have up to twenty digits, so they are compared as text.
count_stale()
{
    adverts_of "$1" "$2" | awk '
        NR > 1 && !(length($6) > length(last) || (length($6) == length(last) && $6 "" > last)) { n++ }
        { last = $6 "" }
        END { print n + 0 }'
}

# How late OLD's place was taken by NEW, past the protocol's limit: late_ms OLD NEW SINCE DOWN_MS [VHID]
# The limit counts from OLD's last advert before SINCE.
late_ms()
{
    local last first
    last=$(last_advert "$1" "$3" "${5:-}")
    first=$(first_advert "$2" "$3" "${5:-}")
    [ -z "$last" ] || [ -z "$first" ] || calc "($first - $last) * 1000 - $4"
}

mac_of()
{
    on "$1" cat /sys/class/net/eth0/address
}

# Gratuitous ARP, or unsolicited neighbour advertisements, that a host sent for an address:
# count_announcements HOST ADDRESS FROM
count_announcements()
{
    local mac filter
    mac=$(mac_of "$1")
    case $2 in
    *:*) filter='icmp6' ;;
    *) filter='arp and arp[14:4] = arp[24:4]' ;;
    esac
    capture_text "ether src $mac and $filter" | awk -v address="$2" -v from="$3" '
        $1 >= from && (index($0, " " address ",") || index($0, " " address " ")) { n++ }
        END { print n + 0 }'
}

announced()
{
    [ "$(count_announcements "$1" "$2" "$3")" -gt 0 ]
}

# The payload, in hexadecimal digits, of the last advert in a dump by tcpdump -x for this vhid.
advert_bytes()
{
    awk -v vhid="$(printf %02x "$1")" '
        function packet_ends(    at, payload) {
            at = substr(hex, 1, 1) == "6" ? 81 : substr(hex, 2, 1) * 8 + 1
            payload = substr(hex, at, 72)
            if (length(payload) == 72 && substr(payload, 3, 2) == vhid) last = payload
            hex = ""
        }
        /^\t0x/ { for (i = 2; i <= NF; i++) hex = hex $i; next }
        { packet_ends() }
        END { packet_ends(); print last }'
}

# The newest advert of a host proved by tools that know nothing of our code: checksums by tcpdump,
# the digest by openssl. check_advert_sound ip|ip6 HOST VHID ADDRESSES_IN_HEXADECIMAL
check_advert_sound()
{
    local family=$1 host=$2 vhid=$3 addresses=$4 source hex message want
    check_equal "adverts with a bad checksum" "" \
        "$(capture_text -v 'proto 112' | grep -E 'bad (carp )?cksum' || true)"
    [ "$family" = ip ] && source=${ipv4_of[$host]} || source=${ipv6_of[$host]}
    hex=$(capture_text -x "$family proto 112 and src host $source" | advert_bytes "$vhid")
    [ -n "$hex" ] || fail "$host should have sent $family adverts for vhid $vhid"
    # What is signed: 2, 1, vhid, the addresses, the counter; docs/PROTOCOL.md, "digest".
    message=$(printf '0201%02x%s%s' "$vhid" "$addresses" "${hex:16:16}")
    want=$(printf '%b' "$(sed 's/../\\x&/g' <<<"$message")" |
        openssl dgst -sha1 -mac HMAC -macopt "key:secret" | sed 's/.*= *//')
    check_equal "the digest of $host's last $family advert for vhid $vhid" "$want" "${hex:32:40}"
}

# --- the client ---------------------------------------------------------------------------------

# A client asks an address once a millisecond; what it saw is there after client_stop.
# client_start NAME ADDRESS [INTERVAL_MS]
client_start()
{
    local family=-4
    [[ $2 != *:* ]] || family=-6
    ip netns exec "$(namespace_of client)" "$bin/probe" client "$family" "$2" \
        --interval-ms "${3:-1}" --seconds "$TEST_SECONDS_MAX" >"$work/$1.probe" 2>&1 </dev/null &
    pid_of[$1]=$!
}

client_stop()
{
    send TERM "$1"
    wait_end "$1" 5
}

# One fact of a stopped client: client_fact NAME FACT
client_fact()
{
    awk -v fact="$2" '$1 == fact { print $2; exit }' "$work/$1.probe"
}
