/*
 * Frames and adverts: what is accepted is written and read again to the same, and where the format
 * leaves no freedom, what is written is what was there.
 *
 * Each input is taken as it is, and once more with its checksums put right, for no fuzzer finds
 * those by chance.
 */
#include <assert.h>
#include <string.h>

#include "engine/frame.h"
#include "fuzz/fuzz.h"

enum { ETHERNET_SIZE = 14, IPV4_SIZE = 20, IPV6_SIZE = 40, INPUT_MAX = 2048 };

/* --- where the format has freedom ---------------------------------------------------------------
 */

/* A sum of zero may be written as 0xffff too (RFC 1624); we do not. */
static bool is_usual(const uint8_t *checksum)
{
    return wire_u16(checksum) != 0xffff;
}

/* Is there nothing in an accepted frame that writing it may change? That is: no tag, no IPv4
 * option, not the bit that RFC 791 reserves, no IPv6 flow label (the 20 bits of RFC 8200), no bytes
 * behind `payload` in or after the packet. */
static bool is_plain(const uint8_t *bytes, size_t size, size_t payload)
{
    const uint8_t *ip = bytes + ETHERNET_SIZE;
    switch (wire_u16(bytes + 12)) {
    case 0x0800:
        return size == ETHERNET_SIZE + IPV4_SIZE + payload && ip[0] == 0x45 &&
               (ip[6] & 0x80) == 0 && is_usual(ip + 10);
    case 0x86dd:
        return size == ETHERNET_SIZE + IPV6_SIZE + payload && (ip[1] & 0x0f) == 0 &&
               wire_u16(ip + 2) == 0;
    default:
        return false;
    }
}

/* --- what must hold -----------------------------------------------------------------------------
 */

/* What every accepted frame is, by its bytes. RFC 791 section 3.1, RFC 8200 section 3; hop limit,
 * protocol and version by docs/PROTOCOL.md. */
static bool is_advert(const uint8_t *bytes, size_t size)
{
    size_t at = wire_u16(bytes + 12) == 0x8100 ? ETHERNET_SIZE + 4 : ETHERNET_SIZE;
    const uint8_t *ip = bytes + at;
    if (wire_u16(ip - 2) == 0x0800) {
        size_t header = (size_t)(ip[0] & 0x0f) * 4, total = wire_u16(ip + 2);
        return ip[0] >> 4 == 4 && header >= IPV4_SIZE && total >= header + WIRE_ADVERT_SIZE &&
               total <= size - at && (wire_u16(ip + 6) & 0x3fff) == 0 && ip[8] == 255 &&
               ip[9] == 112 && ip[header] >> 4 == 2;
    }
    size_t payload = wire_u16(ip + 4);
    return wire_u16(ip - 2) == 0x86dd && ip[0] >> 4 == 6 && payload >= WIRE_ADVERT_SIZE &&
           payload <= size - at - IPV6_SIZE && ip[6] == 112 && ip[7] == 255 &&
           ip[IPV6_SIZE] >> 4 == 2;
}

static void check_advert(const uint8_t *bytes, size_t size)
{
    struct carp_packet packet, again;
    uint8_t written[FRAME_MAX];
    memset(&packet, 0, sizeof packet); /* so that padding is the same, too */
    memset(&again, 0, sizeof again);
    enum carp_verdict verdict = frame_parse(bytes, size, &packet);
    assert(verdict < CARP_VERDICT_COUNT);
    fuzz_verdict(verdict);
    if (verdict != CARP_ACCEPTED) {
        return;
    }
    assert(is_advert(bytes, size));
    size_t written_size = frame_write(&packet, written);
    assert(written_size == (packet.family == 4 ? 70 : 90));
    verdict = frame_parse(written, written_size, &again);
    if (verdict == CARP_VRRP2) {
        /* Bytes behind the advert told it from VRRPv2 of five addresses, and are not written. */
        assert(packet.family == 4 && packet.advert.authlen == 5 && size > written_size);
        return;
    }
    assert(verdict == CARP_ACCEPTED);
    /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): both were zeroed, padding and all */
    assert(memcmp(&packet, &again, sizeof packet) == 0);
    if (is_plain(bytes, size, WIRE_ADVERT_SIZE) &&
        is_usual(bytes + size - WIRE_ADVERT_SIZE + WIRE_CHECKSUM_AT)) {
        assert(size == written_size && memcmp(bytes, written, size) == 0);
    }
}

static void check_arp(const uint8_t *bytes, size_t size)
{
    struct frame_arp arp, again;
    uint8_t written[FRAME_MAX];
    if (!frame_read_arp(bytes, size, &arp)) {
        return;
    }
    size_t written_size = frame_write_arp(&arp, written);
    assert(written_size == 42);
    bool read = frame_read_arp(written, written_size, &again);
    assert(read && memcmp(&arp, &again, sizeof arp) == 0); /* it has no padding */
    if (wire_u16(bytes + 12) == 0x0806) {
        assert(memcmp(bytes, written, written_size) == 0);
    }
}

static void check_na(const uint8_t *bytes, size_t size)
{
    struct frame_na na, again;
    uint8_t written[FRAME_MAX];
    memset(&na, 0, sizeof na);
    memset(&again, 0, sizeof again);
    if (!frame_read_na(bytes, size, &na)) {
        return;
    }
    size_t written_size = frame_write_na(&na, written);
    assert(written_size == 86);
    bool read = frame_read_na(written, written_size, &again);
    assert(read && memcmp(&na, &again, sizeof na) == 0);
    const uint8_t *icmp = bytes + ETHERNET_SIZE + IPV6_SIZE;
    bool no_reserved = (icmp[4] & 0x1f) == 0 && icmp[5] == 0 && wire_u16(icmp + 6) == 0;
    if (is_plain(bytes, size, 32) && no_reserved && is_usual(icmp + 2)) {
        assert(memcmp(bytes, written, written_size) == 0);
    }
}

/* All but the checksum is kept, and that is right. */
static void check_wire(const uint8_t *bytes, size_t size)
{
    struct carp_advert advert;
    uint8_t written[WIRE_ADVERT_SIZE];
    if (size < WIRE_ADVERT_SIZE) {
        return;
    }
    wire_read_advert(bytes, &advert);
    wire_write_advert(&advert, 0, written);
    assert(memcmp(bytes, written, WIRE_CHECKSUM_AT) == 0);
    assert(memcmp(bytes + 8, written + 8, WIRE_ADVERT_SIZE - 8) == 0);
    assert(wire_checksum(wire_sum(0, written, sizeof written)) == 0);
}

/* Our own announcements are read as what they are: the address is sender and target of the ARP
 * request (RFC 5227 section 3), target of an overriding, unsolicited NA (RFC 4861 section 7.2.6).
 */
static void check_announcement(const uint8_t *bytes, size_t size)
{
    struct frame_arp arp;
    struct frame_na na;
    uint8_t written[FRAME_MAX];
    if (size < FRAME_MAC_SIZE + 16) {
        return;
    }
    const uint8_t *mac = bytes, *address = bytes + FRAME_MAC_SIZE;
    bool read = frame_read_arp(written, frame_announce_ipv4(mac, address, written), &arp);
    assert(read && arp.operation == 1 && memcmp(arp.sender_mac, mac, FRAME_MAC_SIZE) == 0);
    assert(memcmp(arp.sender, address, 4) == 0 && memcmp(arp.target, address, 4) == 0);
    read = frame_read_na(written, frame_announce_ipv6(mac, address, written), &na);
    assert(read && na.override && !na.solicited);
    assert(memcmp(na.target, address, 16) == 0 && memcmp(na.target_mac, mac, FRAME_MAC_SIZE) == 0);
}

static void check(const uint8_t *bytes, size_t size)
{
    check_advert(bytes, size);
    check_arp(bytes, size);
    check_na(bytes, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static uint8_t mended[INPUT_MAX];
    check(bytes, size);
    check_wire(bytes, size);
    check_announcement(bytes, size);
    if (size <= INPUT_MAX) {
        uint8_t *at = mended + INPUT_MAX - size; /* a read beyond the end leaves the array */
        memcpy(at, bytes, size);
        fuzz_mend(at, size);
        check(at, size);
    }
    return 0;
}
