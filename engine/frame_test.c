/*
 * frame_parse(): every verdict by the smallest change to a genuine frame, with its nearest accepted
 * neighbours; VRRP told from CARP; no byte read past the end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/lab.h"
#include "tools/testkit/testkit.h"

/* captures/ucarp-1.5.2.pcap, frame 2: UCARP 10.99.0.1, vhid 42, 1/0. */
#define GENUINE                                                                                    \
    "01005e00001200005e00002a0800"                                                                 \
    "45100038b6ae4000ff70da200a630001e0000012"                                                     \
    "212a000700017bcb08391c0cd61c214dd91d18843383b8c0d85c77190972c786ae3c9ac1"

enum { ETHERNET = 14, IPV4 = 14, PAYLOAD = 34, SIZE = 70, ROOM = 256 };

static void fix_ip(uint8_t *frame)
{
    lab_fix_checksum(frame + IPV4, (size_t)(frame[IPV4] & 15) * 4, frame + IPV4 + 10);
}

static void fix_carp(uint8_t *frame)
{
    lab_fix_checksum(frame + PAYLOAD, WIRE_ADVERT_SIZE, frame + PAYLOAD + 6);
}

static size_t genuine(uint8_t frame[ROOM])
{
    return tk_unhex(GENUINE, frame, ROOM);
}

/* Put `size` bytes in at `at`. */
static void insert(uint8_t *frame, size_t total, size_t at, const char *hex)
{
    uint8_t bytes[64];
    size_t size = tk_unhex(hex, bytes, sizeof bytes);
    memmove(frame + at + size, frame + at, total - at);
    memcpy(frame + at, bytes, size);
}

/* Parse a heap copy of exactly this size, so that Valgrind and ASan see a read past its end. */
static enum carp_verdict parse(const uint8_t *frame, size_t size, struct carp_packet *packet)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    memcpy(copy, frame, size);
    enum carp_verdict verdict = frame_parse(copy, size, packet);
    free(copy);
    return verdict;
}

/* One byte changed, checksums put right or not. */
static const struct {
    const char *why;
    int at, value;
    bool fix;
    enum carp_verdict want;
} bytes[] = {
    {"as it is", IPV4 + 1, 0x10, false, CARP_ACCEPTED},
    {"destination MAC broadcast's first byte", 0, 0xff, false, CARP_ACCEPTED},
    {"source MAC of BSD's kind", 10, 0x01, false, CARP_ACCEPTED},
    {"EtherType 0801", 13, 0x01, false, CARP_NOT_CARP},
    {"IP version 5", IPV4, 0x55, true, CARP_NOT_CARP},
    {"IP header of 16 bytes", IPV4, 0x44, true, CARP_TRUNCATED},
    {"TOS 0", IPV4 + 1, 0, true, CARP_ACCEPTED},
    {"TOS 0, IP checksum left", IPV4 + 1, 0, false, CARP_BAD_IP_CHECKSUM},
    {"IP length one more than there is", IPV4 + 3, 57, true, CARP_TRUNCATED},
    {"IP length one less: 35 bytes of payload", IPV4 + 3, 55, true, CARP_BAD_LENGTH},
    {"IP length less than its header", IPV4 + 3, 19, true, CARP_TRUNCATED},
    {"DF clear", IPV4 + 6, 0, true, CARP_ACCEPTED},
    {"MF set", IPV4 + 6, 0x20, true, CARP_FRAGMENT},
    {"fragment offset 8", IPV4 + 7, 1, true, CARP_FRAGMENT},
    {"TTL 254", IPV4 + 8, 254, true, CARP_BAD_TTL},
    {"TTL 1", IPV4 + 8, 1, true, CARP_BAD_TTL},
    {"protocol 111", IPV4 + 9, 111, true, CARP_NOT_CARP},
    {"IP checksum off by one", IPV4 + 11, 0x21, false, CARP_BAD_IP_CHECKSUM},
    {"source 0.99.0.1", IPV4 + 12, 0, true, CARP_ACCEPTED},
    {"version 1", PAYLOAD, 0x11, true, CARP_BAD_VERSION},
    {"version 4", PAYLOAD, 0x41, true, CARP_BAD_VERSION},
    {"version 3, as VRRPv3 with seven addresses has it", PAYLOAD, 0x31, true, CARP_VRRP3},
    {"type 2", PAYLOAD, 0x22, true, CARP_ACCEPTED},
    {"vhid 43", PAYLOAD + 1, 43, true, CARP_ACCEPTED},
    {"vhid 43, CARP checksum left", PAYLOAD + 1, 43, false, CARP_BAD_CHECKSUM},
    {"authlen 0", PAYLOAD + 3, 0, true, CARP_ACCEPTED},
    {"demote 200", PAYLOAD + 4, 200, true, CARP_ACCEPTED},
    {"CARP checksum off by one", PAYLOAD + 7, 0xcc, false, CARP_BAD_CHECKSUM},
    {"digest's last bit", SIZE - 1, 0xc0, false, CARP_BAD_CHECKSUM},
    {"digest's last bit, checksum right", SIZE - 1, 0xc0, true, CARP_ACCEPTED},
};

TEST_CASE(frame, is_refused_by_the_smallest_change_and_under_its_name)
{
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        uint8_t frame[ROOM];
        struct carp_packet packet;
        tk_row(bytes[i].why);
        size_t size = genuine(frame);
        frame[bytes[i].at] = (uint8_t)bytes[i].value;
        if (bytes[i].fix) {
            fix_carp(frame);
            fix_ip(frame);
        }
        EXPECT_INT(bytes[i].want, parse(frame, size, &packet));
    }
}

TEST_CASE(frame, reads_every_field_of_a_genuine_advert)
{
    static const uint8_t source[16] = {10, 99, 0, 1}, destination[16] = {224, 0, 0, 18};
    uint8_t frame[ROOM];
    struct carp_packet packet;
    size_t size = genuine(frame);
    EXPECT_INT(CARP_ACCEPTED, parse(frame, size, &packet));
    EXPECT_INT(4, packet.family);
    EXPECT_INT(0x10, packet.traffic_class);
    EXPECT_INT(255, packet.ttl);
    EXPECT_TRUE(packet.dont_fragment);
    EXPECT_INT(0xb6ae, packet.id);
    EXPECT_BYTES(frame, packet.destination_mac, 6);
    EXPECT_BYTES(frame + 6, packet.source_mac, 6);
    EXPECT_BYTES(source, packet.source, 16);
    EXPECT_BYTES(destination, packet.destination, 16);
    EXPECT_INT(42, packet.advert.vhid);
    EXPECT_U64(UINT64_C(0x08391c0cd61c214d), packet.advert.counter);
}

/* Source: bsd-reactions, rows "VLAN tag 0", "IP options", "trailing bytes": FreeBSD takes the tag,
 * all take options, and bytes after the IP length or after the 36. */
TEST_CASE(frame, accepts_a_priority_tag_ip_options_and_trailing_bytes)
{
    uint8_t frame[ROOM];
    struct carp_packet packet;
    size_t size = genuine(frame);
    insert(frame, size, 12, "8100e000");
    EXPECT_INT(CARP_ACCEPTED, parse(frame, size + 4, &packet));
    frame[15] = 1;
    tk_row("VLAN 1");
    EXPECT_INT(CARP_NOT_CARP, parse(frame, size + 4, &packet));

    tk_row("four NOPs");
    size = genuine(frame);
    insert(frame, size, PAYLOAD, "01010101");
    frame[IPV4] = 0x46;
    frame[IPV4 + 3] = 60;
    fix_ip(frame);
    EXPECT_INT(CARP_ACCEPTED, parse(frame, size + 4, &packet));
    EXPECT_INT(42, packet.advert.vhid);

    tk_row("12 bytes after the IP length");
    size = genuine(frame);
    memset(frame + size, 0xaa, 12);
    EXPECT_INT(CARP_ACCEPTED, parse(frame, size + 12, &packet));

    tk_row("8 bytes within the IP length");
    frame[IPV4 + 3] = 64;
    fix_ip(frame);
    EXPECT_INT(CARP_ACCEPTED, parse(frame, size + 12, &packet));

    tk_row("IP length 100, the frame as it was");
    frame[IPV4 + 3] = 100;
    fix_ip(frame);
    EXPECT_INT(CARP_TRUNCATED, parse(frame, size, &packet));
}

static size_t first_of(const char *capture, uint8_t frame[ROOM])
{
    static uint8_t file[16384];
    char path[128];
    size_t at = 0, size = 0;
    struct carp_packet packet;
    snprintf(path, sizeof path, "engine/testdata/captures/%s.pcap", capture);
    size_t file_size = lab_read_file(path, file, sizeof file);
    const uint8_t *found;
    do {
        found = lab_pcap_next(file, file_size, &at, &size);
    } while (found != NULL && frame_parse(found, size, &packet) != CARP_ACCEPTED);
    memset(frame, 0, ROOM);
    if (found == NULL) {
        tk_fail(__FILE__, __LINE__, "%s holds no advert", capture);
        return 0;
    }
    memcpy(frame, found, size);
    return size;
}

TEST_CASE(frame, is_refused_over_ipv6_by_the_same_names)
{
    static const struct {
        const char *why;
        int at, value;
        enum carp_verdict want;
    } rows[] = {
        {"as it is", 14, 0x6e, CARP_ACCEPTED},
        {"IP version 7", 14, 0x7e, CARP_NOT_CARP},
        {"an extension header first", 20, 0, CARP_NOT_CARP},
        {"payload length one more than there is", 19, 37, CARP_TRUNCATED},
        {"payload length one less", 19, 35, CARP_BAD_LENGTH},
        {"hop limit 254", 21, 254, CARP_BAD_TTL},
        {"version 1", 54, 0x11, CARP_BAD_VERSION},
        {"another vhid, checksum left", 55, 8, CARP_BAD_CHECKSUM},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t frame[ROOM];
        struct carp_packet packet;
        tk_row(rows[i].why);
        EXPECT_U64(90, first_of("freebsd-13.0-v6-one", frame));
        frame[rows[i].at] = (uint8_t)rows[i].value;
        EXPECT_INT(rows[i].want, parse(frame, 90, &packet));
    }
}

/* NetBSD sums the pseudo-header into the checksum too: vector netbsd-v6-pseudo has that sum, and is
 * accepted; the same bytes from another source address are not. */
TEST_CASE(frame, accepts_netbsds_checksum_over_ipv6)
{
    uint8_t frame[ROOM];
    struct carp_packet packet;
    size_t size = tk_unhex("33330000001200005e00010186dd"
                           "60000000002470fffe80000000000000000000000000000"
                           "2ff02000000000000000000000000001221010007000119980123456789abcdef"
                           "35a25fc36ca73f8926c739ab8c9ba4a5adf2a7d0",
                           frame, sizeof frame);
    EXPECT_U64(90, size);
    EXPECT_INT(CARP_ACCEPTED, parse(frame, size, &packet));
    EXPECT_TRUE(packet.pseudo_checksum);
    frame[37] = 3;
    EXPECT_INT(CARP_BAD_CHECKSUM, parse(frame, size, &packet));
}

/* --- VRRP ------------------------------------------------------------------------------------ */

/* A frame with this payload in place of the advert. */
static size_t carrying(const uint8_t *payload, size_t size, uint8_t frame[ROOM])
{
    genuine(frame);
    memcpy(frame + PAYLOAD, payload, size);
    frame[IPV4 + 3] = (uint8_t)(20 + size);
    fix_ip(frame);
    return PAYLOAD + size;
}

/* RFC 3768 section 5.1: 21 vrid priority count, authentication 0, interval 1, checksum, the
 * addresses, 8 bytes of authentication data. With 5 addresses it is as long as an advert, with 7
 * byte 3 is CARP's authlen. */
TEST_CASE(frame, tells_vrrp_version_2_with_any_number_of_addresses)
{
    for (uint8_t count = 0; count <= 20; count++) {
        uint8_t packet_bytes[8 + 20 * 4 + 8] = {0x21, 51, 100, count, 0, 1}, frame[ROOM];
        struct carp_packet packet;
        size_t size = 16 + count * 4u;
        for (uint8_t i = 0; i < count; i++) {
            memcpy(packet_bytes + 8 + i * 4, (const uint8_t[]){10, 0, 0, i}, 4);
        }
        lab_fix_checksum(packet_bytes, size, packet_bytes + 6);
        size_t frame_size = carrying(packet_bytes, size, frame);
        EXPECT_INT(CARP_VRRP2, parse(frame, frame_size, &packet));
        EXPECT_INT(51, packet.advert.vhid);
        EXPECT_INT(10, packet.source[0]);
        frame[PAYLOAD + 2] ^= 1; /* its checksum does not fit any more: no VRRP, and no advert */
        EXPECT_TRUE(parse(frame, frame_size, &packet) == CARP_BAD_LENGTH ||
                    parse(frame, frame_size, &packet) == CARP_BAD_CHECKSUM);
    }
}

/* RFC 9568 section 5.1: 31 vrid priority count, interval in centiseconds, a checksum over a
 * pseudo-header, the addresses. The two frames were laid out by hand; tshark 4.0 calls both VRRP
 * version 3 with a correct checksum, and those above version 2. */
TEST_CASE(frame, tells_vrrp_version_3_over_both_families)
{
    uint8_t ipv4[12] = {0x31, 51, 100, 1, 0, 100, 0, 0, 10, 0, 0, 100}, frame[ROOM];
    struct carp_packet packet;
    uint8_t sum[24] = {10, 99, 0, 1, 224, 0, 0, 18, 0, 112, 0, 12};
    memcpy(sum + 12, ipv4, 12);
    lab_fix_checksum(sum, sizeof sum, sum + 18);
    memcpy(ipv4 + 6, sum + 18, 2);
    size_t size = carrying(ipv4, sizeof ipv4, frame);
    EXPECT_INT(CARP_VRRP3, parse(frame, size, &packet));
    EXPECT_INT(51, packet.advert.vhid);
    frame[PAYLOAD + 11] = 101;
    EXPECT_INT(CARP_BAD_LENGTH, parse(frame, size, &packet));

    size =
        tk_unhex("33330000001200005e00023386dd"
                 "60000000001870fffe800000000000000000000000000011ff020000000000000000000000000012"
                 "3133640100640000fe800000000000000000000000000100",
                 frame, sizeof frame);
    uint8_t sum6[64];
    memcpy(sum6, frame + 22, 32);
    memcpy(sum6 + 32, (const uint8_t[]){0, 0, 0, 24, 0, 0, 0, 112}, 8);
    memcpy(sum6 + 40, frame + 54, 24);
    lab_fix_checksum(sum6, sizeof sum6, sum6 + 46);
    memcpy(frame + 60, sum6 + 46, 2);
    EXPECT_INT(CARP_VRRP3, parse(frame, size, &packet));
    EXPECT_INT(51, packet.advert.vhid);
    EXPECT_INT(6, packet.family);
}

/* --- hostile bytes -----------------------------------------------------------------------------
 */

TEST_CASE(frame, is_refused_at_every_shorter_length)
{
    uint8_t frame[ROOM];
    struct carp_packet packet;
    size_t size = genuine(frame);
    for (size_t cut = 0; cut < size; cut++) {
        enum carp_verdict verdict = parse(frame, cut, &packet);
        EXPECT_INT(cut < IPV4 + 20 ? CARP_NOT_CARP : CARP_TRUNCATED, verdict);
    }
    size = first_of("freebsd-13.0-v6-one", frame);
    for (size_t cut = 0; cut < size; cut++) {
        enum carp_verdict verdict = parse(frame, cut, &packet);
        EXPECT_INT(cut < 14 + 40 ? CARP_NOT_CARP : CARP_TRUNCATED, verdict);
    }
}

/* Everything behind the Ethernet header is under one checksum or the other. */
TEST_CASE(frame, is_refused_with_any_single_bit_flipped)
{
    for (size_t bit = 8 * ETHERNET; bit < 8 * SIZE; bit++) {
        uint8_t frame[ROOM];
        struct carp_packet packet;
        size_t size = genuine(frame);
        frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
        EXPECT_TRUE(parse(frame, size, &packet) != CARP_ACCEPTED);
    }
}

/* --- announcements ------------------------------------------------------------------------------
 */

/* As captures/ucarp-1.5.2.pcap, frame 1, but for the target MAC, which is zero as in the kernels'
 * (captures/netbsd-7.99.34-v4-one.pcap) and in RFC 5227. */
TEST_CASE(announcement, of_an_ipv4_address_is_a_gratuitous_arp_request)
{
    static const uint8_t mac[6] = {0x02, 0, 0, 0, 0, 0x01}, address[4] = {10, 99, 0, 100};
    uint8_t want[42], frame[FRAME_MAX];
    tk_unhex("ffffffffffff0200000000010806"
             "0001080006040001"
             "0200000000010a630064"
             "0000000000000a630064",
             want, sizeof want);
    EXPECT_U64(42, frame_announce_ipv4(mac, address, frame));
    EXPECT_BYTES(want, frame, sizeof want);
}

/* captures/freebsd-13.0-v6-failover-na.pcap: node A's advertisement of 2001:db8:7::7. FreeBSD sends
 * it from fe80::11 and its virtual MAC with traffic class 0; with the virtual address as the source
 * the pseudo-header changes the checksum, and nothing else. */
TEST_CASE(announcement, of_an_ipv6_address_is_an_unsolicited_neighbour_advertisement)
{
    static const uint8_t mac[6] = {0x00, 0x00, 0x5e, 0x00, 0x01, 0x07};
    static const uint8_t address[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 7, [15] = 7};
    static uint8_t file[16384];
    size_t file_size = lab_read_file("engine/testdata/captures/freebsd-13.0-v6-failover-na.pcap",
                                     file, sizeof file);
    size_t at = 0, size = 0;
    struct frame_na na;
    const uint8_t *genuine_na;
    do {
        genuine_na = lab_pcap_next(file, file_size, &at, &size);
        ASSERT_TRUE(genuine_na != NULL);
    } while (!frame_read_na(genuine_na, size, &na) ||
             memcmp(na.target, address, sizeof address) != 0);
    uint8_t frame[FRAME_MAX];
    EXPECT_U64(size, frame_announce_ipv6(mac, address, frame));
    EXPECT_BYTES(genuine_na, frame, 22);
    EXPECT_BYTES(address, frame + 22, 16);
    EXPECT_BYTES(genuine_na + 38, frame + 38, 18);
    EXPECT_BYTES(genuine_na + 58, frame + 58, size - 58);
    struct frame_na read;
    EXPECT_TRUE(frame_read_na(frame, size, &read)); /* its checksum is right */
    frame[size - 1] ^= 1;
    EXPECT_TRUE(!frame_read_na(frame, size, &read));
}
