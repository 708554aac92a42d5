/*
 * frame_parse() and frame_write() bit by bit: which check a flipped bit of a genuine frame meets,
 * which check comes first when several fail, and that whatever is accepted is written back.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/lab.h"
#include "tools/testkit/testkit.h"

/* captures/ucarp-1.5.2.pcap, frame 2: UCARP 10.99.0.1, vhid 42, 1/0. */
#define GENUINE                                                                                    \
    "01005e00001200005e00002a0800"                                                                 \
    "45100038b6ae4000ff70da200a630001e0000012"                                                     \
    "212a000700017bcb08391c0cd61c214dd91d18843383b8c0d85c77190972c786ae3c9ac1"

enum { IPV4 = 14, PAYLOAD = 34, SIZE = 70 };

static void fix_both(uint8_t frame[SIZE])
{
    lab_fix_checksum(frame + PAYLOAD, WIRE_ADVERT_SIZE, frame + PAYLOAD + 6);
    lab_fix_checksum(frame + IPV4, 20, frame + IPV4 + 10);
}

static enum carp_verdict parse(const uint8_t *frame, size_t size, struct carp_packet *packet)
{
    uint8_t *copy = malloc(size); /* exactly as large: Valgrind and ASan see a read past its end */
    memcpy(copy, frame, size);
    enum carp_verdict verdict = frame_parse(copy, size, packet);
    free(copy);
    return verdict;
}

/* The first row that has the bit says which check it meets, with the checksums left as they are.
 * Offsets: Ethernet, RFC 791 section 3.1, and the 36 bytes as in wire.h. A checksum that covers a
 * field speaks before the field does, but for those that say whether there is one to look at. */
static const struct {
    const char *why;
    int from, to;
    uint8_t mask;
    enum carp_verdict want;
} meanings[] = {
    {"Ethernet addresses are not judged", 0, 11, 0xff, CARP_ACCEPTED},
    {"EtherType", 12, 13, 0xff, CARP_NOT_CARP},
    {"IP version", 14, 14, 0xf0, CARP_NOT_CARP},
    {"header of 16 or 4 bytes", 14, 14, 0x05, CARP_TRUNCATED},
    {"header of 28 or 52 bytes: the checksum of another header", 14, 14, 0x0a,
     CARP_BAD_IP_CHECKSUM},
    {"TOS", 15, 15, 0xff, CARP_BAD_IP_CHECKSUM},
    {"length of 256 and more, where there are 56", 16, 16, 0xff, CARP_TRUNCATED},
    {"length of more than 56", 17, 17, 0xc7, CARP_TRUNCATED},
    {"length of 24, 40 or 48", 17, 17, 0x38, CARP_BAD_IP_CHECKSUM},
    {"identification", 18, 19, 0xff, CARP_BAD_IP_CHECKSUM},
    {"reserved flag and DF", 20, 20, 0xc0, CARP_BAD_IP_CHECKSUM},
    {"MF and the fragment offset", 20, 21, 0xff, CARP_FRAGMENT},
    {"TTL", 22, 22, 0xff, CARP_BAD_IP_CHECKSUM},
    {"protocol", 23, 23, 0xff, CARP_NOT_CARP},
    {"IP checksum and addresses", 24, 33, 0xff, CARP_BAD_IP_CHECKSUM},
    {"CARP version", 34, 34, 0xf0, CARP_BAD_VERSION},
    {"everything else of the advert", 34, 69, 0xff, CARP_BAD_CHECKSUM},
};

static size_t meaning_of(size_t byte, uint8_t mask)
{
    size_t row = 0;
    while (byte < (size_t)meanings[row].from || byte > (size_t)meanings[row].to ||
           (meanings[row].mask & mask) == 0) {
        row++;
    }
    return row;
}

TEST_CASE(frame_bits, meet_the_check_of_their_field)
{
    for (size_t bit = 0; bit < 8 * SIZE; bit++) {
        uint8_t frame[SIZE], mask = (uint8_t)(1 << bit % 8);
        struct carp_packet packet;
        tk_unhex(GENUINE, frame, sizeof frame);
        frame[bit / 8] ^= mask;
        size_t row = meaning_of(bit / 8, mask);
        tk_row(meanings[row].why);
        EXPECT_INT(meanings[row].want, parse(frame, sizeof frame, &packet));
    }
}

/* Goal: nothing that frame_parse() accepts is lost. Left out: what is computed (checksums,
 * lengths), what is not kept (the reserved flag), what decides whether it is an advert at all.
 * authlen 5 is left out because 36 bytes with 5 there and a right checksum are a VRRPv2 packet of
 * five addresses (RFC 3768 section 5.1). */
TEST_CASE(frame_bits, are_written_back_wherever_they_are_accepted)
{
    static const struct {
        int from, to;
        uint8_t mask;
    } kept[] = {
        {0, 11, 0xff},  /* Ethernet addresses */
        {15, 15, 0xff}, /* TOS */
        {18, 19, 0xff}, /* identification */
        {20, 20, 0x40}, /* DF */
        {26, 33, 0xff}, /* addresses */
        {34, 34, 0x0f}, /* type */
        {35, 36, 0xff}, /* vhid, advskew */
        {37, 37, 0xfd}, /* authlen: 7 with its middle bit flipped is 5 */
        {38, 39, 0xff}, /* demote, advbase */
        {42, 69, 0xff}, /* counter, digest */
    };
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        for (int bit = 8 * kept[i].from; bit < 8 * (kept[i].to + 1); bit++) {
            uint8_t frame[SIZE], again[FRAME_MAX], mask = (uint8_t)(1 << bit % 8);
            struct carp_packet packet;
            if ((kept[i].mask & mask) == 0) {
                continue;
            }
            tk_unhex(GENUINE, frame, sizeof frame);
            frame[bit / 8] ^= mask;
            fix_both(frame);
            EXPECT_INT(CARP_ACCEPTED, parse(frame, sizeof frame, &packet));
            EXPECT_U64(SIZE, frame_write(&packet, again));
            EXPECT_BYTES(frame, again, SIZE);
        }
    }
}

/* One frame with everything wrong; mended one fault at a time it meets the checks in the order of
 * verdict.h. */
TEST_CASE(frame_bits, are_judged_in_the_order_of_the_verdicts)
{
    uint8_t frame[SIZE];
    struct carp_packet packet;
    tk_unhex(GENUINE, frame, sizeof frame);
    frame[23] = 111;         /* protocol */
    frame[17] = 57;          /* IP length, one too long */
    frame[20] = 0x20;        /* MF */
    frame[25] ^= 1;          /* IP checksum */
    frame[22] = 254;         /* TTL */
    frame[PAYLOAD] = 0x11;   /* version */
    frame[PAYLOAD + 7] ^= 1; /* CARP checksum */
    EXPECT_INT(CARP_NOT_CARP, parse(frame, sizeof frame, &packet));
    frame[23] = 112;
    EXPECT_INT(CARP_TRUNCATED, parse(frame, sizeof frame, &packet));
    frame[17] = 55; /* leaves 35 bytes for the advert */
    EXPECT_INT(CARP_FRAGMENT, parse(frame, sizeof frame, &packet));
    frame[20] = 0x40;
    EXPECT_INT(CARP_BAD_IP_CHECKSUM, parse(frame, sizeof frame, &packet));
    lab_fix_checksum(frame + IPV4, 20, frame + IPV4 + 10);
    EXPECT_INT(CARP_BAD_TTL, parse(frame, sizeof frame, &packet));
    frame[22] = 255;
    lab_fix_checksum(frame + IPV4, 20, frame + IPV4 + 10);
    EXPECT_INT(CARP_BAD_LENGTH, parse(frame, sizeof frame, &packet));
    frame[17] = 56;
    lab_fix_checksum(frame + IPV4, 20, frame + IPV4 + 10);
    EXPECT_INT(CARP_BAD_VERSION, parse(frame, sizeof frame, &packet));
    frame[PAYLOAD] = 0x21;
    EXPECT_INT(CARP_BAD_CHECKSUM, parse(frame, sizeof frame, &packet));
    frame[PAYLOAD + 7] ^= 1;
    EXPECT_INT(CARP_ACCEPTED, parse(frame, sizeof frame, &packet));
}

/* The packet is the caller's and may hold anything before: every field is set for either family.
 * Vector v6-single, FreeBSD's form: traffic class 0xe0, no pseudo-header in its checksum. */
TEST_CASE(frame_bits, of_what_was_in_the_packet_before_do_not_show_through)
{
    static const uint8_t zeros[12];
    uint8_t frame[FRAME_MAX];
    struct carp_packet packet;
    memset(&packet, 0xa5, sizeof packet);
    size_t size = tk_unhex(GENUINE, frame, sizeof frame);
    EXPECT_INT(CARP_ACCEPTED, parse(frame, size, &packet));
    EXPECT_BYTES(zeros, packet.source + 4, 12);
    EXPECT_BYTES(zeros, packet.destination + 4, 12);
    EXPECT_TRUE(!packet.pseudo_checksum);

    packet.id = 0xa5a5;
    packet.dont_fragment = packet.pseudo_checksum = true;
    size = tk_unhex("33330000001200005e00010186dd6e000000002470fffe80000000000000000000000000000"
                    "2ff02000000000000000000000000001221010007000117c40123456789abcdef"
                    "35a25fc36ca73f8926c739ab8c9ba4a5adf2a7d0",
                    frame, sizeof frame);
    EXPECT_U64(90, size);
    EXPECT_INT(CARP_ACCEPTED, parse(frame, size, &packet));
    EXPECT_INT(6, packet.family);
    EXPECT_INT(0xe0, packet.traffic_class);
    EXPECT_INT(0, packet.id);
    EXPECT_TRUE(!packet.dont_fragment);
    EXPECT_TRUE(!packet.pseudo_checksum);
}

/* Nobody sums a pseudo-header over IPv4, so no such sum is right there. Its words: 10.99.0.1,
 * 224.0.0.18, protocol 112, length 36. */
TEST_CASE(frame_bits, of_a_pseudo_header_do_not_count_over_ipv4)
{
    uint8_t frame[SIZE],
        summed[12 + WIRE_ADVERT_SIZE] = {10, 99, 0, 1, 224, 0, 0, 18, 0, 112, 0, WIRE_ADVERT_SIZE};
    struct carp_packet packet;
    tk_unhex(GENUINE, frame, sizeof frame);
    memcpy(summed + 12, frame + PAYLOAD, WIRE_ADVERT_SIZE);
    lab_fix_checksum(summed, sizeof summed, summed + 12 + 6);
    memcpy(frame + PAYLOAD, summed + 12, WIRE_ADVERT_SIZE);
    EXPECT_INT(CARP_BAD_CHECKSUM, parse(frame, sizeof frame, &packet));
}

/* A priority tag takes four bytes more; each shorter length is still refused. */
TEST_CASE(frame_bits, behind_a_priority_tag_are_never_read_past_the_end)
{
    uint8_t frame[SIZE], tagged[SIZE + 4];
    struct carp_packet packet;
    tk_unhex(GENUINE, frame, sizeof frame);
    memcpy(tagged, frame, 12);
    memcpy(tagged + 12, (const uint8_t[]){0x81, 0x00, 0xe0, 0x00}, 4);
    memcpy(tagged + 16, frame + 12, SIZE - 12);
    for (size_t size = 1; size < sizeof tagged; size++) {
        enum carp_verdict want = size < 18 + 20 ? CARP_NOT_CARP : CARP_TRUNCATED;
        EXPECT_INT(want, parse(tagged, size, &packet));
    }
    EXPECT_INT(CARP_ACCEPTED, parse(tagged, sizeof tagged, &packet));
}
