#include "sim/packets.h"

#include <string.h>

enum {
    ETHER_IPV4 = 0x0800,
    ETHER_ARP = 0x0806,
    ETHER_IPV6 = 0x86dd,
    PROTOCOL_IGMP = 2,
    PROTOCOL_UDP = 17,
    PROTOCOL_ICMPV6 = 58,
    HOP_BY_HOP = 0,
    ICMPV6_QUERY = 130,
    ICMPV6_REPORT = 131,
    ICMPV6_SOLICITATION = 135,
    ICMPV6_ADVERTISEMENT = 136,
    IGMP_QUERY = 0x11,
    IGMP_REPORT = 0x16,
    IPV4_HEADER = 20,
    IPV6_HEADER = 40,
    ETHER_HEADER = 14,
    UDP_SIZE = 16, /* header and eight bytes */
    PORT_ECHO = 7,
    PORT_CLIENT = 49152,
};

bool address_equal(const struct sim_address *a, const struct sim_address *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* --- what a frame is ------------------------------------------------------------------------- */

static enum frame_class class_icmpv6(uint8_t type)
{
    switch (type) {
    case ICMPV6_SOLICITATION:
    case ICMPV6_ADVERTISEMENT:
        return FRAME_NEIGHBOUR;
    case ICMPV6_REPORT:
        return FRAME_REPORT;
    case ICMPV6_QUERY:
        return FRAME_QUERY;
    default:
        return FRAME_OTHER;
    }
}

static enum frame_class class_ipv4(const uint8_t *ip, size_t size)
{
    if (size < IPV4_HEADER) {
        return FRAME_OTHER;
    }
    size_t header = (size_t)(ip[0] & 15) * 4;
    switch (ip[9]) {
    case FRAME_PROTOCOL:
        return FRAME_ADVERT;
    case PROTOCOL_UDP:
        return FRAME_PROBE;
    case PROTOCOL_IGMP:
        return size <= header ? FRAME_OTHER : ip[header] == IGMP_QUERY ? FRAME_QUERY : FRAME_REPORT;
    default:
        return FRAME_OTHER;
    }
}

static enum frame_class class_ipv6(const uint8_t *ip, size_t size)
{
    if (size < IPV6_HEADER) {
        return FRAME_OTHER;
    }
    uint8_t next = ip[6];
    size_t at = IPV6_HEADER;
    if (next == HOP_BY_HOP && size > at + 8) {
        next = ip[at];
        at += 8;
    }
    switch (next) {
    case FRAME_PROTOCOL:
        return FRAME_ADVERT;
    case PROTOCOL_UDP:
        return FRAME_PROBE;
    case PROTOCOL_ICMPV6:
        return size > at ? class_icmpv6(ip[at]) : FRAME_OTHER;
    default:
        return FRAME_OTHER;
    }
}

enum frame_class packet_class(const uint8_t *bytes, size_t size)
{
    if (size < ETHER_HEADER) {
        return FRAME_OTHER;
    }
    unsigned type = (unsigned)bytes[12] << 8 | bytes[13];
    /* A priority tag hides nothing from a kernel that takes such frames. */
    size_t header = ETHER_HEADER;
    if (type == 0x8100 && size >= ETHER_HEADER + 4) {
        type = (unsigned)bytes[16] << 8 | bytes[17];
        header += 4;
    }
    switch (type) {
    case ETHER_ARP:
        return FRAME_ARP;
    case ETHER_IPV4:
        return class_ipv4(bytes + header, size - header);
    case ETHER_IPV6:
        return class_ipv6(bytes + header, size - header);
    default:
        return FRAME_OTHER;
    }
}

/* --- envelopes ------------------------------------------------------------------------------- */

static void write_ethernet(struct writer *w, const uint8_t *to, const uint8_t *from, uint16_t type)
{
    write_bytes(w, to, 6);
    write_bytes(w, from, 6);
    write_u16(w, type);
}

struct ip_header {
    uint8_t family, protocol, hops;
    const uint8_t *source, *destination;
};

static void write_ipv4(struct writer *w, const struct ip_header *ip, size_t payload)
{
    uint8_t *at = w->at;
    write_u8(w, 0x45);
    write_u8(w, 0);
    write_u16(w, (uint16_t)(IPV4_HEADER + payload));
    write_u16(w, 0);
    write_u16(w, 0x4000);
    write_u8(w, ip->hops);
    write_u8(w, ip->protocol);
    write_u16(w, 0);
    write_bytes(w, ip->source, 4);
    write_bytes(w, ip->destination, 4);
    uint16_t sum = wire_checksum(wire_sum(0, at, IPV4_HEADER));
    at[10] = (uint8_t)(sum >> 8);
    at[11] = (uint8_t)sum;
}

static void write_ipv6(struct writer *w, const struct ip_header *ip, size_t payload)
{
    write_u8(w, 0x60);
    write_bytes(w, "\0\0\0", 3);
    write_u16(w, (uint16_t)payload);
    write_u8(w, ip->protocol);
    write_u8(w, ip->hops);
    write_bytes(w, ip->source, 16);
    write_bytes(w, ip->destination, 16);
}

static void write_ip(struct writer *w, const struct ip_header *ip, size_t payload)
{
    (ip->family == 4 ? write_ipv4 : write_ipv6)(w, ip, payload);
}

/* The sum of the pseudo-header that UDP and ICMPv6 checksums begin with. */
static uint32_t pseudo_sum(const struct ip_header *ip, uint8_t protocol, size_t payload)
{
    size_t size = ip->family == 4 ? 4 : 16;
    uint32_t sum = wire_sum(wire_sum(0, ip->source, size), ip->destination, size);
    return sum + protocol + (uint32_t)payload;
}

static void put_checksum(uint8_t *payload, size_t size, size_t field, uint32_t sum)
{
    uint16_t value = wire_checksum(wire_sum(sum, payload, size));
    payload[field] = (uint8_t)(value >> 8);
    payload[field + 1] = (uint8_t)value;
}

void packet_multicast_mac(uint8_t family, const uint8_t *group, uint8_t mac[6])
{
    if (family == 4) {
        const uint8_t made[6] = {0x01, 0x00, 0x5e, group[1] & 0x7f, group[2], group[3]};
        memcpy(mac, made, 6);
    } else {
        const uint8_t made[6] = {0x33, 0x33, group[12], group[13], group[14], group[15]};
        memcpy(mac, made, 6);
    }
}

/* --- who has it ------------------------------------------------------------------------------- */

static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

size_t packet_ask(const uint8_t mac[6], const struct sim_address *from,
                  const struct sim_address *target, uint8_t *bytes)
{
    if (target->family == 4) {
        struct frame_arp arp = {.operation = 1};
        memcpy(arp.destination_mac, broadcast, 6);
        memcpy(arp.source_mac, mac, 6);
        memcpy(arp.sender_mac, mac, 6);
        memcpy(arp.sender, from->bytes, 4);
        memcpy(arp.target, target->bytes, 4);
        return frame_write_arp(&arp, bytes);
    }
    uint8_t to[16] = {0xff, 0x02, [11] = 1, [12] = 0xff};
    uint8_t to_mac[6];
    memcpy(to + 13, target->bytes + 13, 3);
    packet_multicast_mac(6, to, to_mac);
    struct writer w = {bytes};
    struct ip_header ip = {6, PROTOCOL_ICMPV6, 255, from->bytes, to};
    write_ethernet(&w, to_mac, mac, ETHER_IPV6);
    write_ip(&w, &ip, 32);
    uint8_t *payload = w.at;
    write_bytes(&w, (const uint8_t[8]){ICMPV6_SOLICITATION}, 8);
    write_bytes(&w, target->bytes, 16);
    write_bytes(&w, (const uint8_t[2]){1, 1}, 2);
    write_bytes(&w, mac, 6);
    put_checksum(payload, 32, 2, pseudo_sum(&ip, PROTOCOL_ICMPV6, 32));
    return (size_t)(w.at - bytes);
}

size_t packet_answer(const uint8_t mac[6], const struct sim_address *target,
                     const uint8_t to_mac[6], const struct sim_address *to, uint8_t *bytes)
{
    if (target->family == 4) {
        struct frame_arp arp = {.operation = 2};
        memcpy(arp.destination_mac, to_mac, 6);
        memcpy(arp.source_mac, mac, 6);
        memcpy(arp.sender_mac, mac, 6);
        memcpy(arp.sender, target->bytes, 4);
        memcpy(arp.target_mac, to_mac, 6);
        memcpy(arp.target, to->bytes, 4);
        return frame_write_arp(&arp, bytes);
    }
    struct frame_na na = {.solicited = true, .override = true};
    memcpy(na.destination_mac, to_mac, 6);
    memcpy(na.source_mac, mac, 6);
    memcpy(na.source, target->bytes, 16);
    memcpy(na.destination, to->bytes, 16);
    memcpy(na.target, target->bytes, 16);
    memcpy(na.target_mac, mac, 6);
    return frame_write_na(&na, bytes);
}

static bool read_arp(const uint8_t *bytes, size_t size, struct packet_neighbour *n)
{
    struct frame_arp arp;
    if (!frame_read_arp(bytes, size, &arp)) {
        return false;
    }
    bool gratuitous = memcmp(arp.sender, arp.target, 4) == 0;
    n->asks = arp.operation == 1 && !gratuitous;
    n->override = true;
    n->from.family = 4;
    memcpy(n->from.bytes, arp.sender, 4);
    n->target.family = 4;
    memcpy(n->target.bytes, n->asks ? arp.target : arp.sender, 4);
    memcpy(n->mac, arp.sender_mac, 6);
    return true;
}

bool packet_read_neighbour(const uint8_t *bytes, size_t size, struct packet_neighbour *n)
{
    memset(n, 0, sizeof *n);
    if (read_arp(bytes, size, n)) {
        return true;
    }
    struct frame_na na;
    if (frame_read_na(bytes, size, &na)) {
        n->override = na.override;
        n->target.family = n->from.family = 6;
        memcpy(n->target.bytes, na.target, 16);
        memcpy(n->from.bytes, na.source, 16);
        memcpy(n->mac, na.target_mac, 6);
        return true;
    }
    const uint8_t *icmp = bytes + ETHER_HEADER + IPV6_HEADER;
    if (size < ETHER_HEADER + IPV6_HEADER + 32 || packet_class(bytes, size) != FRAME_NEIGHBOUR ||
        icmp[0] != ICMPV6_SOLICITATION || icmp[24] != 1) {
        return false;
    }
    n->asks = true;
    n->target.family = n->from.family = 6;
    memcpy(n->target.bytes, icmp + 8, 16);
    memcpy(n->from.bytes, bytes + ETHER_HEADER + 8, 16);
    memcpy(n->mac, icmp + 26, 6);
    return true;
}

/* --- probes ------------------------------------------------------------------------------------
 */

size_t packet_write_probe(const struct packet_probe *probe, uint8_t *bytes)
{
    struct writer w = {bytes};
    struct ip_header ip = {probe->source.family, PROTOCOL_UDP, 64, probe->source.bytes,
                           probe->destination.bytes};
    write_ethernet(&w, probe->destination_mac, probe->source_mac,
                   ip.family == 4 ? ETHER_IPV4 : ETHER_IPV6);
    write_ip(&w, &ip, UDP_SIZE);
    uint8_t *payload = w.at;
    write_u16(&w, probe->answer ? PORT_ECHO : PORT_CLIENT);
    write_u16(&w, probe->answer ? PORT_CLIENT : PORT_ECHO);
    write_u16(&w, UDP_SIZE);
    write_u16(&w, 0);
    write_u64(&w, probe->number);
    put_checksum(payload, UDP_SIZE, 6, pseudo_sum(&ip, PROTOCOL_UDP, UDP_SIZE));
    return (size_t)(w.at - bytes);
}

bool packet_read_probe(const uint8_t *bytes, size_t size, struct packet_probe *probe)
{
    if (packet_class(bytes, size) != FRAME_PROBE) {
        return false;
    }
    bool v4 = bytes[12] == 0x08;
    size_t header = ETHER_HEADER + (v4 ? IPV4_HEADER : IPV6_HEADER);
    if (size < header + UDP_SIZE) {
        return false;
    }
    const uint8_t *ip = bytes + ETHER_HEADER;
    struct reader r = {bytes + header, UDP_SIZE, false};
    memset(probe, 0, sizeof *probe);
    memcpy(probe->destination_mac, bytes, 6);
    memcpy(probe->source_mac, bytes + 6, 6);
    probe->source.family = probe->destination.family = v4 ? 4 : 6;
    memcpy(probe->source.bytes, ip + (v4 ? 12 : 8), v4 ? 4 : 16);
    memcpy(probe->destination.bytes, ip + (v4 ? 16 : 24), v4 ? 4 : 16);
    probe->answer = read_u16(&r) == PORT_ECHO;
    read_bytes(&r, 6);
    probe->number = (uint32_t)read_u64(&r);
    return true;
}

/* --- membership --------------------------------------------------------------------------------
 */

static size_t write_igmp(const uint8_t *mac, const uint8_t *from, uint8_t type,
                         const uint8_t *destination, const uint8_t *group, uint8_t *bytes)
{
    struct writer w = {bytes};
    uint8_t to_mac[6];
    struct ip_header ip = {4, PROTOCOL_IGMP, 1, from, destination};
    packet_multicast_mac(4, destination, to_mac);
    write_ethernet(&w, to_mac, mac, ETHER_IPV4);
    write_ip(&w, &ip, 8);
    uint8_t *payload = w.at;
    write_u8(&w, type);
    write_u8(&w, type == IGMP_QUERY ? 100 : 0); /* answer within 10 s */
    write_u16(&w, 0);
    write_bytes(&w, group, 4);
    put_checksum(payload, 8, 2, 0);
    return (size_t)(w.at - bytes);
}

static size_t write_mld(const uint8_t *mac, const uint8_t *from, uint8_t type,
                        const uint8_t *destination, const uint8_t *group, uint8_t *bytes)
{
    struct writer w = {bytes};
    uint8_t to_mac[6];
    struct ip_header ip = {6, HOP_BY_HOP, 1, from, destination};
    packet_multicast_mac(6, destination, to_mac);
    write_ethernet(&w, to_mac, mac, ETHER_IPV6);
    write_ip(&w, &ip, 8 + 24);
    /* Hop-by-hop options: router alert for MLD (RFC 2711), two bytes of padding. */
    write_bytes(&w, (const uint8_t[8]){PROTOCOL_ICMPV6, 0, 5, 2, 0, 0, 1, 0}, 8);
    uint8_t *payload = w.at;
    write_u8(&w, type);
    write_bytes(&w, (const uint8_t[3]){0}, 3);
    write_u16(&w, type == ICMPV6_QUERY ? 10000 : 0);
    write_u16(&w, 0);
    write_bytes(&w, group, 16);
    put_checksum(payload, 24, 2, pseudo_sum(&ip, PROTOCOL_ICMPV6, 24));
    return (size_t)(w.at - bytes);
}

size_t packet_report(uint8_t family, const uint8_t mac[6], const struct sim_address *from,
                     const uint8_t *group, uint8_t *bytes)
{
    return family == 4 ? write_igmp(mac, from->bytes, IGMP_REPORT, group, group, bytes)
                       : write_mld(mac, from->bytes, ICMPV6_REPORT, group, group, bytes);
}

size_t packet_query(uint8_t family, const uint8_t mac[6], uint8_t *bytes)
{
    static const uint8_t all_v4[4] = {224, 0, 0, 1};
    static const uint8_t all_v6[16] = {0xff, 0x02, [15] = 1};
    static const uint8_t none[16] = {0};
    static const uint8_t querier[16] = {0xfe, 0x80, [15] = 1};
    return family == 4 ? write_igmp(mac, none, IGMP_QUERY, all_v4, none, bytes)
                       : write_mld(mac, querier, ICMPV6_QUERY, all_v6, none, bytes);
}

bool packet_read_report(const uint8_t *bytes, size_t size, uint8_t group_mac[6])
{
    if (packet_class(bytes, size) != FRAME_REPORT) {
        return false;
    }
    bool v4 = bytes[12] == 0x08;
    size_t group = ETHER_HEADER + (v4 ? IPV4_HEADER + 4 : IPV6_HEADER + 8 + 8);
    if (size < group + (v4 ? 4 : 16)) {
        return false;
    }
    packet_multicast_mac(v4 ? 4 : 6, bytes + group, group_mac);
    return true;
}
