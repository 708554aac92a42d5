#!/usr/bin/env bash
# Kinds of groups side by side, and a takeover of them all:
#   1 IPv4 only   2 IPv6 only   3 both   4 three addresses   5 hosts without any IPv4 address
# Each family's adverts come from and go to the right addresses and carry a digest that openssl
# agrees with; every address is announced by its new holder.
. "$(dirname "$0")/lib.sh"
need openssl

segment 4 10.0.0.1 10.0.0.2 - -
groups()
{
    cat <<YAML
groups:
  four:  {interface: eth0, vhid: 1, key: secret, advskew: $1, addresses: [10.0.0.101/24]}
  six:   {interface: eth0, vhid: 2, key: secret, advskew: $1, addresses: ["fd00::102/64"]}
  both:  {interface: eth0, vhid: 3, key: secret, advskew: $1, addresses: [10.0.0.103, "fd00::103"]}
  three: {interface: eth0, vhid: 4, key: secret, advskew: $1,
          addresses: ["fd00::104/64", 10.0.0.105/24, 10.0.0.104/24]}
YAML
}
groups 0 | carpd_yaml_on h1
groups 100 | carpd_yaml_on h2
carpd_on h3 -v 5 -a fd00::106 -k 0
carpd_on h4 -v 5 -a fd00::106 -k 100
addresses=(10.0.0.101 fd00::102 10.0.0.103 fd00::103 fd00::104 10.0.0.105 10.0.0.104)
for address in "${addresses[@]}"; do
    wait_holders 6 "$address" h1
done
wait_holders 6 fd00::106 h3

# check_families HOST VHID IPV4_EXPECTED IPV6_EXPECTED
check_families()
{
    local ipv4 ipv6
    ipv4=$(capture_text "ip proto 112 and src host ${ipv4_of[$1]:-0.0.0.0} and dst host 224.0.0.18" |
        grep -c "vhid=$2 " || true)
    ipv6=$(capture_text "ip6 proto 112 and src host ${ipv6_of[$1]} and dst host ff02::12" |
        grep -c "vhid=$2 " || true)
    check_equal "$1 advertises vhid $2 over IPv4" "$3" "$([ "$ipv4" -gt 0 ] && echo yes || echo no)"
    check_equal "$1 advertises vhid $2 over IPv6" "$4" "$([ "$ipv6" -gt 0 ] && echo yes || echo no)"
}

# The address fd00::1NN in hexadecimal digits: fd00 NN
fd00()
{
    printf "fd%027d1%s" 0 "$1"
}

check_groups_sound()
{
    check_advert_sound ip "$1" 1 0a000065
    check_advert_sound ip6 "$1" 2 "$(fd00 02)"
    check_advert_sound ip "$1" 3 "0a000067$(fd00 03)"
    check_advert_sound ip6 "$1" 3 "0a000067$(fd00 03)"
    check_advert_sound ip "$1" 4 "0a0000680a000069$(fd00 04)"
    check_advert_sound ip6 "$1" 4 "0a0000680a000069$(fd00 04)"
}

wait_advert 3 h1 "$(now)" 4
check_groups_sound h1
check_advert_sound ip6 h3 5 "$(fd00 06)"
check_families h1 1 yes no
check_families h1 2 no yes
check_families h1 3 yes yes
check_families h1 4 yes yes
check_families h3 5 no yes
check_equal "the IPv4 prefix, taken from the interface's own subnet" 1 \
    "$(on h1 ip -o -4 addr show to 10.0.0.103 | grep -c '10.0.0.103/24')"
check_equal "the IPv6 prefix, taken from the interface's own subnet" 1 \
    "$(on h1 ip -o -6 addr show to fd00::103 | grep -c 'fd00::103/64')"
check_equal "addresses that duplicate detection holds back" "" \
    "$(on h1 ip -o -6 addr show tentative; on h1 ip -o -6 addr show dadfailed)"

client_start client4 10.0.0.103 5
client_start client6 fd00::103 5
sleep 0.3
silent=$(now)
cut_cable h1 h3
for address in "${addresses[@]}"; do
    wait_holders 6 "$address" "h1 h2"
    wait_for 1 "h2 announces $address" announced h2 "$address" "$silent"
done
wait_holders 6 fd00::106 "h3 h4"
sleep 0.1
for vhid in 1 2 3 4; do
    late=$(late_ms h1 h2 "$silent" "$(down_ms 1 100)" "$vhid")
    check_within "ms from the limit to the new master's first advert, vhid $vhid" -1 500 "$late"
    figure "families_late_$vhid" "$late" ms
done
check_within "ms from the limit to the new master's first advert, vhid 5" -1 500 \
    "$(late_ms h3 h4 "$silent" "$(down_ms 1 100)" 5)"
check_groups_sound h2
check_advert_sound ip6 h4 5 "$(fd00 06)"

# Dual stack is one decision: one transition each way, not one a family.
mend
for address in "${addresses[@]}"; do
    wait_holders 4 "$address" h1
done
wait_holders 4 fd00::106 h3
sleep 0.3
client_stop client4
client_stop client6
check_equal "takeovers of the dual-stack group by the backup" 1 \
    "$(grep -c "Switching to state: MASTER.*vhid 3)" "$work/h2.log")"
for family in 4 6; do
    check_equal "who answers the IPv$family client in the end" h1 "$(client_fact client$family last_host)"
    figure "families_client_gap_ipv$family" "$(client_fact client$family gap_ms_max)" ms
done
test_end
