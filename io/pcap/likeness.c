#include "io/pcap/likeness.h"

#include <string.h>

enum {
    MACS_SIZE = 12,
    TYPE_SIZE = 2,
    TYPE_LENGTH_MAX = 1500, /* up to this, it is a length. IEEE 802.3 clause 3.2.6 */
    TYPE_IPV4 = 0x0800,
    TYPE_ARP = 0x0806,
    TYPE_IPV6 = 0x86dd,
    ARP_SIZE = 28,
    IPV4_SIZE = 20,
    IPV6_SIZE = 40,
    PROTOCOL_CARP = 112,
    PROTOCOL_ICMPV6 = 58,
};

static unsigned u16_at(const uint8_t *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

/* How long the packet says it is; SIZE_MAX: it does not say. */
static size_t stated_size(unsigned type, const uint8_t *packet, size_t size)
{
    if (type <= TYPE_LENGTH_MAX) {
        return type;
    }
    switch (type) {
    case TYPE_IPV4:
        return size >= IPV4_SIZE ? u16_at(packet + 2) : SIZE_MAX;
    case TYPE_IPV6: /* a length of 0 is a jumbogram's, RFC 2675 */
        return size >= IPV6_SIZE && u16_at(packet + 4) != 0 ? IPV6_SIZE + (size_t)u16_at(packet + 4)
                                                            : SIZE_MAX;
    case TYPE_ARP:
        return ARP_SIZE;
    default:
        return SIZE_MAX;
    }
}

struct likeness likeness_of(const uint8_t *bytes, size_t size)
{
    if (size <= MACS_SIZE + TYPE_SIZE) {
        return (struct likeness){bytes, 0};
    }
    const uint8_t *type = bytes + MACS_SIZE;
    size_t left = size - MACS_SIZE - TYPE_SIZE;
    size_t stated = stated_size(u16_at(type), type + TYPE_SIZE, left);
    return (struct likeness){type, TYPE_SIZE + (stated < left ? stated : left)};
}

/* FNV-1a, eight bytes at a time, its high bits mixed into the low ones: it chooses what is
 * remembered and saves comparisons; what is equal is decided by the bytes. */
uint64_t likeness_hash(struct likeness l)
{
    const uint64_t prime = UINT64_C(0x100000001b3), mix = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ l.size;
    size_t at = 0;
    for (; at + 8 <= l.size; at += 8) {
        uint64_t word;
        memcpy(&word, l.bytes + at, sizeof word);
        hash = (hash ^ word) * mix;
        hash ^= hash >> 29;
    }
    for (; at < l.size; at++) {
        hash = (hash ^ l.bytes[at]) * prime;
    }
    hash = (hash ^ hash >> 32) * mix;
    return hash ^ hash >> 32;
}

bool likeness_equal(struct likeness a, struct likeness b)
{
    return a.size > 0 && a.size == b.size && memcmp(a.bytes, b.bytes, a.size) == 0;
}

bool likeness_tells_time(struct likeness l)
{
    if (l.size <= TYPE_SIZE) {
        return false;
    }
    const uint8_t *packet = l.bytes + TYPE_SIZE;
    size_t size = l.size - TYPE_SIZE;
    switch (u16_at(l.bytes)) {
    case TYPE_IPV4:
        return size >= IPV4_SIZE && packet[9] == PROTOCOL_CARP;
    case TYPE_IPV6:
        return size >= IPV6_SIZE && (packet[6] == PROTOCOL_CARP || packet[6] == PROTOCOL_ICMPV6);
    case TYPE_ARP:
        return true;
    default:
        return false;
    }
}
