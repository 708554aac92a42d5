/*
 * What a frame is. Whether it is an advert is the engine's judgement (frame_parse()); what else can
 * be read of one that is refused, and what other frames are, is read here, and with less rigour:
 * people look at captures because something is wrong.
 */
#include <string.h>

#include "tools/carplab/decode.h"

enum {
    ETHERNET_SIZE = 14,
    IPV4_SIZE = 20,
    IPV6_SIZE = 40,
    TYPE_IPV4 = 0x0800,
    TYPE_ARP = 0x0806,
    TYPE_IPV6 = 0x86dd,
    TYPE_MIN = 0x0600, /* below, it is a length: IEEE 802.3 */
    ICMPV6 = 58,
    FRAGMENT_OFFSET = 0x1fff,
};

/* What IP carries, as far as it was captured. */
struct carried {
    uint8_t protocol;
    const uint8_t *bytes;
    size_t size;     /* what is there */
    size_t declared; /* what there should be, by IP's length */
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool open_ipv4(const uint8_t *ip, size_t size, struct decoded *d, struct carried *carried)
{
    if (size < IPV4_SIZE || ip[0] >> 4 != 4) {
        return false;
    }
    size_t header = (size_t)(ip[0] & 0x0f) * 4, total = wire_u16(ip + 2);
    d->family = 4;
    memcpy(d->source, ip + 12, 4);
    memcpy(d->destination, ip + 16, 4);
    carried->protocol = ip[9];
    carried->bytes = ip;
    carried->size = carried->declared = 0;
    bool first = (wire_u16(ip + 6) & FRAGMENT_OFFSET) == 0;
    if (first && header >= IPV4_SIZE && header <= size && total >= header) {
        carried->bytes = ip + header;
        carried->declared = total - header;
        carried->size = smaller(carried->declared, size - header);
    }
    return true;
}

static bool open_ipv6(const uint8_t *ip, size_t size, struct decoded *d, struct carried *carried)
{
    if (size < IPV6_SIZE || ip[0] >> 4 != 6) {
        return false;
    }
    d->family = 6;
    memcpy(d->source, ip + 8, 16);
    memcpy(d->destination, ip + 24, 16);
    carried->protocol = ip[6];
    carried->bytes = ip + IPV6_SIZE;
    carried->declared = wire_u16(ip + 4);
    carried->size = smaller(carried->declared, size - IPV6_SIZE);
    return true;
}

static bool open_ip(const struct capture_frame *frame, struct decoded *d, struct carried *carried)
{
    if (frame->size < ETHERNET_SIZE) {
        return false;
    }
    uint16_t type = wire_u16(frame->bytes + 12);
    const uint8_t *ip = frame->bytes + ETHERNET_SIZE;
    size_t size = frame->size - ETHERNET_SIZE;
    return type == TYPE_IPV4   ? open_ipv4(ip, size, d, carried)
           : type == TYPE_IPV6 ? open_ipv6(ip, size, d, carried)
                               : false;
}

/* --- protocol 112 -------------------------------------------------------------------------------
 */

static enum decode_checksum judge_checksum(const struct decoded *d, const uint8_t *bytes)
{
    uint32_t sum = wire_sum(0, bytes, WIRE_ADVERT_SIZE);
    if (wire_checksum(sum) == 0) {
        return CHECKSUM_OK;
    }
    if (d->family == 6) { /* RFC 8200 section 8.1 */
        sum = wire_sum(sum, d->source, 16);
        sum = wire_sum(sum, d->destination, 16) + FRAME_PROTOCOL + WIRE_ADVERT_SIZE;
    }
    return wire_checksum(sum) == 0 ? CHECKSUM_OK_PSEUDO : CHECKSUM_BAD;
}

static void set_vrrp(struct decoded *d, enum decode_kind kind, const uint8_t *bytes, size_t size)
{
    d->kind = kind;
    d->vrrp_size = size;
    d->vrid = size > 1 ? bytes[1] : 0;
    d->priority = size > 2 ? bytes[2] : 0;
}

/* Of a packet that the engine refuses, is it rather VRRP? By the version, or by a size that VRRP 2
 * has for its count of addresses and CARP never. Source: RFC 3768 section 5.1. */
static bool looks_like_vrrp2(const struct decoded *d, const struct carried *c)
{
    return d->family == 4 && c->size >= 4 && c->bytes[0] == 0x21 &&
           c->declared != WIRE_ADVERT_SIZE && c->declared == 16 + 4 * (size_t)c->bytes[3];
}

/* What can be read of a packet that frame_parse() refused. */
static void read_refused(const struct capture_frame *frame, struct decoded *d)
{
    struct carried c;
    uint8_t bytes[WIRE_ADVERT_SIZE] = {0};
    if (!open_ip(frame, d, &c)) {
        return;
    }
    if (d->verdict == CARP_VRRP2 || (d->verdict != CARP_BAD_CHECKSUM && looks_like_vrrp2(d, &c))) {
        set_vrrp(d, DECODE_VRRP2, c.bytes, c.size);
        return;
    }
    if (d->verdict == CARP_VRRP3 || (c.size > 0 && c.bytes[0] >> 4 == 3)) {
        set_vrrp(d, DECODE_VRRP3, c.bytes, c.size);
        return;
    }
    d->advert_size = smaller(c.size, WIRE_ADVERT_SIZE);
    memcpy(bytes, c.bytes, d->advert_size);
    wire_read_advert(bytes, &d->advert);
    if (d->advert_size == WIRE_ADVERT_SIZE) {
        d->checksum = judge_checksum(d, bytes);
    }
}

static void set_accepted(struct decoded *d, const struct carp_packet *packet)
{
    d->family = packet->family;
    memcpy(d->source, packet->source, sizeof d->source);
    memcpy(d->destination, packet->destination, sizeof d->destination);
    d->advert = packet->advert;
    d->advert_size = WIRE_ADVERT_SIZE;
    d->checksum = packet->pseudo_checksum ? CHECKSUM_OK_PSEUDO : CHECKSUM_OK;
}

/* --- announcements ------------------------------------------------------------------------------
 */

static void set_arp(struct decoded *d, const struct frame_arp *arp)
{
    static const uint8_t nobody[4];
    bool gratuitous =
        memcmp(arp->sender, arp->target, 4) == 0 && memcmp(arp->sender, nobody, 4) != 0;
    d->kind = gratuitous ? DECODE_GARP : DECODE_OTHER;
    d->what = arp->operation == 1   ? "ARP request"
              : arp->operation == 2 ? "ARP reply"
                                    : "ARP of another kind";
    d->family = 4;
    memcpy(d->source, arp->sender, 4);
    memcpy(d->destination, arp->target, 4);
    memcpy(d->announced, arp->sender, 4);
    memcpy(d->announced_mac, arp->sender_mac, FRAME_MAC_SIZE);
}

static void set_na(struct decoded *d, const struct frame_na *na)
{
    d->kind = DECODE_NA;
    d->what = na->solicited ? "solicited" : "unsolicited";
    d->family = 6;
    memcpy(d->source, na->source, 16);
    memcpy(d->destination, na->destination, 16);
    memcpy(d->announced, na->target, 16);
    memcpy(d->announced_mac, na->target_mac, FRAME_MAC_SIZE);
}

/* --- everything else ----------------------------------------------------------------------------
 */

static const char *icmpv6_word(const struct carried *c)
{
    switch (c->size > 0 ? c->bytes[0] : 0) {
    case 128:
        return "ICMPv6 echo request";
    case 129:
        return "ICMPv6 echo reply";
    case 130:
    case 131:
    case 132:
    case 143:
        return "ICMPv6 multicast listener";
    case 133:
        return "ICMPv6 router solicitation";
    case 134:
        return "ICMPv6 router advertisement";
    case 135:
        return "ICMPv6 neighbour solicitation";
    case 136: /* one that names no MAC, or a broken one: frame_read_na() would have taken it */
        return "ICMPv6 neighbour advertisement without address, or broken";
    }
    return "ICMPv6";
}

static void describe_ip(struct decoded *d, const struct carried *c)
{
    switch (c->protocol) {
    case 1:
        d->what = "ICMP";
        return;
    case 2:
        d->what = "IGMP";
        return;
    case 6:
        d->what = "TCP";
        return;
    case 17:
        d->what = "UDP";
        return;
    case 240:
        d->what = "pfsync";
        return;
    case ICMPV6:
        d->what = icmpv6_word(c);
        return;
    }
    d->what = d->family == 4 ? "IPv4 protocol" : "IPv6 next header";
    d->number = c->protocol;
}

static void describe(const struct capture_frame *frame, struct decoded *d)
{
    struct carried c;
    if (frame->size < ETHERNET_SIZE) {
        d->what = frame->unknown_link ? "of a link type that is not read"
                                      : "cut off within its link header";
        return;
    }
    if (open_ip(frame, d, &c)) {
        describe_ip(d, &c);
        return;
    }
    uint16_t type = wire_u16(frame->bytes + 12);
    if (type == TYPE_IPV4 || type == TYPE_IPV6) {
        d->what = "cut off or broken within its IP header";
    } else if (type == TYPE_ARP) {
        d->what = "ARP, cut off or not for IPv4 on Ethernet";
    } else if (type < TYPE_MIN) {
        d->what = "IEEE 802.3 frame";
    } else {
        d->what = "Ethernet type";
        d->number = type;
        d->number_is_hex = true;
    }
}

void decode_packet(const struct capture_frame *frame, struct decoded *d)
{
    struct carp_packet packet;
    struct frame_arp arp;
    struct frame_na na;
    *d = (struct decoded){.kind = DECODE_OTHER, .number = -1};
    if (frame->has_source_mac && frame->size >= ETHERNET_SIZE) {
        d->source_mac = frame->bytes + FRAME_MAC_SIZE;
    }
    d->verdict = frame_parse(frame->bytes, frame->size, &packet);
    if (d->verdict == CARP_ACCEPTED) {
        d->kind = DECODE_CARP;
        set_accepted(d, &packet);
    } else if (d->verdict != CARP_NOT_CARP) {
        d->kind = DECODE_CARP;
        read_refused(frame, d);
    } else if (frame_read_arp(frame->bytes, frame->size, &arp)) {
        set_arp(d, &arp);
    } else if (frame_read_na(frame->bytes, frame->size, &na)) {
        set_na(d, &na);
    } else {
        describe(frame, d);
    }
}
