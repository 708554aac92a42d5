#include "engine/frame.h"

#include <assert.h>

enum {
    ETHERNET_SIZE = 14,
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_ARP = 0x0806,
    ETHERTYPE_VLAN = 0x8100,
    ETHERTYPE_IPV6 = 0x86dd,
    VLAN_ID_MASK = 0x0fff,
    IPV4_SIZE = 20,
    IPV4_DF = 0x4000,
    IPV4_MF_OR_OFFSET = 0x3fff,
    IPV6_SIZE = 40,
    ARP_SIZE = 28,
    ARP_ETHERNET = 1,
    ICMPV6 = 58,
    NA_TYPE = 136,
    NA_SIZE = 32,
    NA_ROUTER = 0x80,
    NA_SOLICITED = 0x40,
    NA_OVERRIDE = 0x20,
    NA_OPTION_TARGET_MAC = 2,
    VRRP2_FIXED_SIZE = 16, /* header and authentication data */
    VRRP3_FIXED_SIZE = 8,
};

/* What lies behind the Ethernet header and, if there is one, a priority tag. */
static struct reader open_ethernet(const uint8_t *bytes, size_t size, uint16_t *type)
{
    struct reader r = {.at = bytes, .left = size};
    read_bytes(&r, 2 * FRAME_MAC_SIZE);
    *type = read_u16(&r);
    if (*type == ETHERTYPE_VLAN && (read_u16(&r) & VLAN_ID_MASK) == 0) {
        *type = read_u16(&r);
    }
    return r;
}

/* The sum of an IP pseudo-header: RFC 8200 section 8.1, and the like for IPv4. */
static uint32_t pseudo_header(uint8_t family, const uint8_t *source, const uint8_t *destination,
                              uint8_t protocol, size_t size)
{
    size_t length = family == 4 ? 4 : 16;
    uint32_t sum = wire_sum(0, source, length);
    return wire_sum(sum, destination, length) + protocol + (uint32_t)size;
}

struct payload {
    const uint8_t *bytes;
    size_t size;
};

static enum carp_verdict open_ipv4(struct reader r, struct carp_packet *packet,
                                   struct payload *payload)
{
    const uint8_t *ip = r.at;
    if (r.left < IPV4_SIZE || ip[0] >> 4 != 4 || ip[9] != FRAME_PROTOCOL) {
        return CARP_NOT_CARP;
    }
    size_t header = (size_t)(ip[0] & 0x0f) * 4;
    size_t total = wire_u16(ip + 2);
    if (header < IPV4_SIZE || total < header || total > r.left) {
        return CARP_TRUNCATED;
    }
    if (wire_u16(ip + 6) & IPV4_MF_OR_OFFSET) {
        return CARP_FRAGMENT;
    }
    if (wire_checksum(wire_sum(0, ip, header)) != 0) {
        return CARP_BAD_IP_CHECKSUM;
    }
    packet->family = 4;
    packet->traffic_class = ip[1];
    packet->id = wire_u16(ip + 4);
    packet->dont_fragment = (wire_u16(ip + 6) & IPV4_DF) != 0;
    packet->ttl = ip[8];
    memset(packet->source + 4, 0, sizeof packet->source - 4);
    memset(packet->destination + 4, 0, sizeof packet->destination - 4);
    memcpy(packet->source, ip + 12, 4);
    memcpy(packet->destination, ip + 16, 4);
    *payload = (struct payload){ip + header, total - header};
    return CARP_ACCEPTED;
}

/* No extension headers: nobody sends an advert behind any. */
static enum carp_verdict open_ipv6(struct reader r, struct carp_packet *packet,
                                   struct payload *payload)
{
    const uint8_t *ip = r.at;
    if (r.left < IPV6_SIZE || ip[0] >> 4 != 6 || ip[6] != FRAME_PROTOCOL) {
        return CARP_NOT_CARP;
    }
    size_t size = wire_u16(ip + 4);
    if (size > r.left - IPV6_SIZE) {
        return CARP_TRUNCATED;
    }
    packet->family = 6;
    packet->traffic_class = (uint8_t)(ip[0] << 4 | ip[1] >> 4);
    packet->id = 0;
    packet->dont_fragment = false;
    packet->ttl = ip[7];
    memcpy(packet->source, ip + 8, 16);
    memcpy(packet->destination, ip + 24, 16);
    *payload = (struct payload){ip + IPV6_SIZE, size};
    return CARP_ACCEPTED;
}

/*
 * Is this VRRP? Its packets are told by their size, which follows from the count of addresses in
 * byte 3, and by a checksum over all of it; a count of 7 makes VRRPv2 look most like CARP.
 * Source: RFC 3768 section 5.1, RFC 9568 section 5.1 (some routers leave the pseudo-header out over
 * IPv4).
 */
static enum carp_verdict recognise_vrrp(const struct carp_packet *packet,
                                        const struct payload *payload)
{
    const uint8_t *bytes = payload->bytes;
    if (payload->size < VRRP3_FIXED_SIZE) {
        return CARP_ACCEPTED;
    }
    size_t address = packet->family == 4 ? 4 : 16;
    if (bytes[0] == 0x21 && packet->family == 4 &&
        payload->size == VRRP2_FIXED_SIZE + bytes[3] * address) {
        uint32_t sum = wire_sum(0, bytes, payload->size);
        return wire_checksum(sum) == 0 ? CARP_VRRP2 : CARP_ACCEPTED;
    }
    if (bytes[0] == 0x31 && payload->size == VRRP3_FIXED_SIZE + bytes[3] * address) {
        uint32_t pseudo = pseudo_header(packet->family, packet->source, packet->destination,
                                        FRAME_PROTOCOL, payload->size);
        bool right = wire_checksum(wire_sum(pseudo, bytes, payload->size)) == 0 ||
                     (packet->family == 4 && wire_checksum(wire_sum(0, bytes, payload->size)) == 0);
        return right ? CARP_VRRP3 : CARP_ACCEPTED;
    }
    return CARP_ACCEPTED;
}

static bool carp_checksum_is_right(struct carp_packet *packet, const uint8_t *bytes)
{
    packet->pseudo_checksum = false;
    uint32_t sum = wire_sum(0, bytes, WIRE_ADVERT_SIZE);
    if (wire_checksum(sum) == 0) {
        return true;
    }
    packet->pseudo_checksum = packet->family == 6;
    sum += pseudo_header(packet->family, packet->source, packet->destination, FRAME_PROTOCOL,
                         WIRE_ADVERT_SIZE);
    return packet->pseudo_checksum && wire_checksum(sum) == 0;
}

enum carp_verdict frame_parse(const uint8_t *bytes, size_t size, struct carp_packet *packet)
{
    uint16_t type;
    struct payload payload;
    struct reader r = open_ethernet(bytes, size, &type);
    enum carp_verdict verdict = CARP_NOT_CARP;
    if (!r.ran_out && type == ETHERTYPE_IPV4) {
        verdict = open_ipv4(r, packet, &payload);
    } else if (!r.ran_out && type == ETHERTYPE_IPV6) {
        verdict = open_ipv6(r, packet, &payload);
    }
    if (verdict != CARP_ACCEPTED) {
        return verdict;
    }
    memcpy(packet->destination_mac, bytes, FRAME_MAC_SIZE);
    memcpy(packet->source_mac, bytes + FRAME_MAC_SIZE, FRAME_MAC_SIZE);
    if (packet->ttl != FRAME_TTL) {
        return CARP_BAD_TTL;
    }
    verdict = recognise_vrrp(packet, &payload);
    if (verdict != CARP_ACCEPTED) {
        packet->advert.vhid = payload.bytes[1];
        return verdict;
    }
    if (payload.size < WIRE_ADVERT_SIZE) {
        return CARP_BAD_LENGTH;
    }
    wire_read_advert(payload.bytes, &packet->advert);
    if (packet->advert.version != WIRE_VERSION) {
        return CARP_BAD_VERSION;
    }
    return carp_checksum_is_right(packet, payload.bytes) ? CARP_ACCEPTED : CARP_BAD_CHECKSUM;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void write_ethernet(struct writer *w, const uint8_t *destination, const uint8_t *source,
                           uint16_t type)
{
    write_bytes(w, destination, FRAME_MAC_SIZE);
    write_bytes(w, source, FRAME_MAC_SIZE);
    write_u16(w, type);
}

static void write_ipv6(struct writer *w, uint8_t traffic_class, size_t size, uint8_t next,
                       uint8_t hop_limit, const uint8_t *source, const uint8_t *destination)
{
    write_u8(w, (uint8_t)(0x60 | traffic_class >> 4));
    write_u8(w, (uint8_t)(traffic_class << 4));
    write_u16(w, 0);
    write_u16(w, (uint16_t)size);
    write_u8(w, next);
    write_u8(w, hop_limit);
    write_bytes(w, source, 16);
    write_bytes(w, destination, 16);
}

static void write_ipv4(struct writer *w, const struct carp_packet *packet)
{
    uint8_t *ip = w->at;
    write_u8(w, 0x45);
    write_u8(w, packet->traffic_class);
    write_u16(w, IPV4_SIZE + WIRE_ADVERT_SIZE);
    write_u16(w, packet->id);
    write_u16(w, packet->dont_fragment ? IPV4_DF : 0);
    write_u8(w, packet->ttl);
    write_u8(w, FRAME_PROTOCOL);
    write_u16(w, 0);
    write_bytes(w, packet->source, 4);
    write_bytes(w, packet->destination, 4);
    struct writer checksum = {ip + 10};
    write_u16(&checksum, wire_checksum(wire_sum(0, ip, IPV4_SIZE)));
}

size_t frame_write(const struct carp_packet *packet, uint8_t *bytes)
{
    struct writer w = {bytes};
    uint32_t pseudo = 0;
    if (packet->family == 4) {
        write_ethernet(&w, packet->destination_mac, packet->source_mac, ETHERTYPE_IPV4);
        write_ipv4(&w, packet);
    } else {
        write_ethernet(&w, packet->destination_mac, packet->source_mac, ETHERTYPE_IPV6);
        write_ipv6(&w, packet->traffic_class, WIRE_ADVERT_SIZE, FRAME_PROTOCOL, packet->ttl,
                   packet->source, packet->destination);
        if (packet->pseudo_checksum) {
            pseudo = pseudo_header(6, packet->source, packet->destination, FRAME_PROTOCOL,
                                   WIRE_ADVERT_SIZE);
        }
    }
    wire_write_advert(&packet->advert, pseudo, w.at);
    return (size_t)(w.at - bytes) + WIRE_ADVERT_SIZE;
}

/* --- announcements ------------------------------------------------------------------------------
 */

bool frame_read_arp(const uint8_t *bytes, size_t size, struct frame_arp *arp)
{
    uint16_t type;
    struct reader r = open_ethernet(bytes, size, &type);
    uint16_t hardware = read_u16(&r);
    uint16_t protocol = read_u16(&r);
    uint16_t sizes = read_u16(&r);
    struct frame_arp read = {.operation = read_u16(&r)};
    memcpy(read.sender_mac, read_bytes(&r, FRAME_MAC_SIZE), FRAME_MAC_SIZE);
    memcpy(read.sender, read_bytes(&r, 4), 4);
    memcpy(read.target_mac, read_bytes(&r, FRAME_MAC_SIZE), FRAME_MAC_SIZE);
    memcpy(read.target, read_bytes(&r, 4), 4);
    if (r.ran_out || type != ETHERTYPE_ARP || hardware != ARP_ETHERNET ||
        protocol != ETHERTYPE_IPV4 || sizes != (FRAME_MAC_SIZE << 8 | 4)) {
        return false;
    }
    memcpy(read.destination_mac, bytes, FRAME_MAC_SIZE);
    memcpy(read.source_mac, bytes + FRAME_MAC_SIZE, FRAME_MAC_SIZE);
    *arp = read;
    return true;
}

size_t frame_write_arp(const struct frame_arp *arp, uint8_t *bytes)
{
    struct writer w = {bytes};
    write_ethernet(&w, arp->destination_mac, arp->source_mac, ETHERTYPE_ARP);
    write_u16(&w, ARP_ETHERNET);
    write_u16(&w, ETHERTYPE_IPV4);
    write_u8(&w, FRAME_MAC_SIZE);
    write_u8(&w, 4);
    write_u16(&w, arp->operation);
    write_bytes(&w, arp->sender_mac, FRAME_MAC_SIZE);
    write_bytes(&w, arp->sender, 4);
    write_bytes(&w, arp->target_mac, FRAME_MAC_SIZE);
    write_bytes(&w, arp->target, 4);
    return (size_t)(w.at - bytes);
}

bool frame_read_na(const uint8_t *bytes, size_t size, struct frame_na *na)
{
    uint16_t type;
    struct reader r = open_ethernet(bytes, size, &type);
    const uint8_t *ip = r.at;
    if (r.ran_out || type != ETHERTYPE_IPV6 || r.left < IPV6_SIZE + NA_SIZE || ip[0] >> 4 != 6 ||
        ip[6] != ICMPV6 || ip[7] != FRAME_TTL || wire_u16(ip + 4) != NA_SIZE) {
        return false;
    }
    const uint8_t *icmp = ip + IPV6_SIZE;
    uint32_t pseudo = pseudo_header(6, ip + 8, ip + 24, ICMPV6, NA_SIZE);
    if (icmp[0] != NA_TYPE || icmp[1] != 0 || icmp[24] != NA_OPTION_TARGET_MAC || icmp[25] != 1 ||
        wire_checksum(wire_sum(pseudo, icmp, NA_SIZE)) != 0) {
        return false;
    }
    na->router = (icmp[4] & NA_ROUTER) != 0;
    na->solicited = (icmp[4] & NA_SOLICITED) != 0;
    na->override = (icmp[4] & NA_OVERRIDE) != 0;
    na->traffic_class = (uint8_t)(ip[0] << 4 | ip[1] >> 4);
    memcpy(na->destination_mac, bytes, FRAME_MAC_SIZE);
    memcpy(na->source_mac, bytes + FRAME_MAC_SIZE, FRAME_MAC_SIZE);
    memcpy(na->source, ip + 8, 16);
    memcpy(na->destination, ip + 24, 16);
    memcpy(na->target, icmp + 8, 16);
    memcpy(na->target_mac, icmp + 26, FRAME_MAC_SIZE);
    return true;
}

size_t frame_write_na(const struct frame_na *na, uint8_t *bytes)
{
    struct writer w = {bytes};
    write_ethernet(&w, na->destination_mac, na->source_mac, ETHERTYPE_IPV6);
    write_ipv6(&w, na->traffic_class, NA_SIZE, ICMPV6, FRAME_TTL, na->source, na->destination);
    uint8_t *icmp = w.at;
    write_u8(&w, NA_TYPE);
    write_u8(&w, 0);
    write_u16(&w, 0);
    write_u8(&w, (uint8_t)((na->router ? NA_ROUTER : 0) | (na->solicited ? NA_SOLICITED : 0) |
                           (na->override ? NA_OVERRIDE : 0)));
    write_u8(&w, 0);
    write_u16(&w, 0);
    write_bytes(&w, na->target, 16);
    write_u8(&w, NA_OPTION_TARGET_MAC);
    write_u8(&w, 1);
    write_bytes(&w, na->target_mac, FRAME_MAC_SIZE);
    assert(w.at == icmp + NA_SIZE);
    uint32_t pseudo = pseudo_header(6, na->source, na->destination, ICMPV6, NA_SIZE);
    struct writer checksum = {icmp + 2};
    write_u16(&checksum, wire_checksum(wire_sum(pseudo, icmp, NA_SIZE)));
    return (size_t)(w.at - bytes);
}

size_t frame_announce_ipv4(const uint8_t mac[FRAME_MAC_SIZE], const uint8_t address[4],
                           uint8_t *bytes)
{
    struct frame_arp arp = {.operation = 1};
    memset(arp.destination_mac, 0xff, FRAME_MAC_SIZE);
    memcpy(arp.source_mac, mac, FRAME_MAC_SIZE);
    memcpy(arp.sender_mac, mac, FRAME_MAC_SIZE);
    memcpy(arp.sender, address, 4);
    memcpy(arp.target, address, 4);
    return frame_write_arp(&arp, bytes);
}

size_t frame_announce_ipv6(const uint8_t mac[FRAME_MAC_SIZE], const uint8_t address[16],
                           uint8_t *bytes)
{
    struct frame_na na = {
        .override = true,
        .destination_mac = {0x33, 0x33, 0, 0, 0, 1},
        .destination = {0xff, 0x02, [15] = 1},
    };
    memcpy(na.source_mac, mac, FRAME_MAC_SIZE);
    memcpy(na.source, address, 16);
    memcpy(na.target, address, 16);
    memcpy(na.target_mac, mac, FRAME_MAC_SIZE);
    return frame_write_na(&na, bytes);
}
