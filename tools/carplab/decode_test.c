/*
 * Frames with bytes changed at random, through all of decode but the file: nothing breaks (under
 * the sanitizers and Valgrind), and every packet is one line that fits.
 */
#include <string.h>
#include <unistd.h>

#include "tools/carplab/decode.h"
#include "tools/testkit/testkit.h"

enum { FRAME_ROOM = 128, ROUNDS = 4000 };

/* xorshift64* */
static uint64_t draw(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

/* An advert, an ARP request or a neighbour advertisement. */
static size_t make_frame(uint64_t which, uint8_t bytes[FRAME_ROOM])
{
    static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1}, ipv4[4] = {192, 0, 2, 7},
                         ipv6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 7};
    struct carp_packet packet = {
        .advert = {.version = 2, .type = 1, .vhid = 7, .authlen = 7, .advbase = 1},
        .family = which % 4 == 0 ? 4 : 6,
        .ttl = FRAME_TTL,
        .pseudo_checksum = which % 8 == 1,
    };
    return which % 4 == 2   ? frame_announce_ipv4(mac, ipv4, bytes)
           : which % 4 == 3 ? frame_announce_ipv6(mac, ipv6, bytes)
                            : frame_write(&packet, bytes);
}

/* Changed here and there, cut at times, in a packet of any link type. */
static void draw_packet(uint64_t *state, enum capture_link *link, uint8_t bytes[FRAME_ROOM],
                        size_t *size)
{
    *link = (enum capture_link)(draw(state) % 16 < 13 ? 0 : draw(state) % 5);
    *size = make_frame(draw(state), bytes);
    for (uint64_t changes = draw(state) % 5; changes > 0; changes--) {
        bytes[draw(state) % *size] = (uint8_t)draw(state);
    }
    if (draw(state) % 4 == 0) {
        *size = (size_t)draw(state) % (*size + 1);
    }
}

/* Decode and write one. */
static void decode_one(struct digests *digests, struct decode_writer *w, uint64_t *state)
{
    static uint8_t room[CAPTURE_FRAME_MAX];
    uint8_t bytes[FRAME_ROOM];
    enum capture_link link;
    struct capture_frame frame = {.at = {draw(state)}, .missing = (uint32_t)draw(state)};
    struct decoded packet;
    size_t size;
    draw_packet(state, &link, bytes, &size);
    capture_unwrap(link, bytes, size, room, &frame);
    decode_packet(&frame, &packet);
    EXPECT_TRUE(digests_check(digests, &packet));
    w->size = 0;
    w->json = draw(state) % 2 == 0;
    frame.decimals = draw(state) % 2 == 0 ? 6 : 9;
    decode_write(w, &frame, &packet);
    EXPECT_TRUE(w->size > 0 && w->size <= DECODE_LINE_MAX);
    const char *newline = memchr(w->buffer, '\n', w->size);
    EXPECT_TRUE(newline == w->buffer + w->size - 1);
}

TEST_CASE(decode, survives_frames_with_bytes_changed_at_random)
{
    static struct digests digests;
    static struct decode_writer writer = {.fd = STDOUT_FILENO, .has_time = true};
    static const uint8_t address[16] = {192, 0, 2, 7}, local[16] = {0xfe, 0x80, [15] = 7};
    uint64_t state = 1;
    EXPECT_TRUE(digests_add_key(&digests, (const uint8_t *)"secret", 6, true));
    EXPECT_TRUE(digests_add_key(&digests, (const uint8_t *)"Secret", 6, true));
    EXPECT_TRUE(digests_add_address(&digests, 4, address));
    EXPECT_TRUE(digests_add_address(&digests, 6, local));
    digests_ready(&digests);
    for (int round = 0; round < ROUNDS; round++) {
        decode_one(&digests, &writer, &state);
    }
    digests_free(&digests);
}

/* RFC 5952 sections 4 and 5, and a zero group alone, which stays. */
TEST_CASE(decode, writes_ipv6_addresses_as_everybody_does)
{
    static const struct {
        const char *hex, *want;
    } rows[] = {
        {"00000000000000000000000000000000", "::"},
        {"00000000000000000000000000000001", "::1"},
        {"20010db8000000000001000000000001", "2001:db8::1:0:0:1"},
        {"20010db8000100010001000000010001", "2001:db8:1:1:1:0:1:1"},
        {"fe800000000000000000000000000000", "fe80::"},
        {"20010db8000000010000000000000001", "2001:db8:0:1::1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        static struct decode_writer writer = {.fd = STDOUT_FILENO};
        const struct capture_frame frame = {.size = 0};
        struct decoded packet = {.kind = DECODE_OTHER, .family = 6, .what = "", .number = -1};
        char line[128] = "";
        tk_row(rows[i].want);
        tk_unhex(rows[i].hex, packet.source, sizeof packet.source);
        writer.size = 0;
        decode_write(&writer, &frame, &packet);
        memcpy(line, writer.buffer, writer.size < 127 ? writer.size : 127);
        char *from = line + 6, *end = strchr(from, ' ');
        ASSERT_TRUE(end != NULL);
        *end = '\0';
        EXPECT_STR(rows[i].want, from);
    }
}
