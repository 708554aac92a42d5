/*
 * Captures laid by hand, byte by byte, from the formats' specifications, genuine ones, and both
 * with bytes changed at random.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/frame.h"
#include "io/pcap/capture.h"
#include "io/pcapng.h"
#include "tools/testkit/testkit.h"

enum { ROOM = 1 << 16, ETHERNET = 1, RAW = 101, COOKED = 113, COOKED2 = 276 };

/* A file in the making. */
struct image {
    size_t size;
    uint8_t bytes[ROOM];
};

static void add(struct image *image, const void *bytes, size_t size)
{
    memcpy(image->bytes + image->size, bytes, size);
    image->size += size;
}

static void add_u32(struct image *image, uint32_t value)
{
    const uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                              (uint8_t)(value >> 24)};
    add(image, bytes, sizeof bytes);
}

/* pcap's file header, and a record's. Source: draft-ietf-opsawg-pcap sections 4 and 5. */
static void begin(struct image *image, uint32_t magic, uint32_t link)
{
    image->size = 0;
    add_u32(image, magic);
    add_u32(image, 4 << 16 | 2);
    add_u32(image, 0);
    add_u32(image, 0);
    add_u32(image, 65535);
    add_u32(image, link);
}

static void add_record(struct image *image, uint32_t seconds, uint32_t fraction,
                       const uint8_t *bytes, uint32_t size, uint32_t original)
{
    add_u32(image, seconds);
    add_u32(image, fraction);
    add_u32(image, size);
    add_u32(image, original);
    add(image, bytes, size);
}

/* What a file was read as. */
struct seen {
    enum capture_status status;
    unsigned frames, adverts, decimals;
    size_t bytes;
    uint64_t damage;
    struct capture_frame last;
    uint8_t last_bytes[256];
    char error[CAPTURE_ERROR_MAX];
};

static void read_path(const char *path, struct seen *seen)
{
    struct capture *capture = NULL;
    struct capture_frame frame;
    struct carp_packet packet;
    *seen = (struct seen){0};
    seen->status = capture_open(path, &capture, &seen->damage, seen->error);
    if (seen->status != CAPTURE_FRAME) {
        return;
    }
    while ((seen->status = capture_next(capture, &frame, &seen->damage, seen->error)) ==
           CAPTURE_FRAME) {
        seen->frames += 1;
        seen->decimals = frame.decimals;
        seen->bytes += frame.size;
        seen->adverts += frame_parse(frame.bytes, frame.size, &packet) == CARP_ACCEPTED;
        seen->last = frame;
        memcpy(seen->last_bytes, frame.bytes, frame.size < 256 ? frame.size : 256);
    }
    capture_close(capture);
}

static void read_image(const struct image *image, struct seen *seen)
{
    char path[] = "/tmp/capture_test.XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "wb");
    ASSERT_TRUE(file != NULL);
    EXPECT_U64(image->size, fwrite(image->bytes, 1, image->size, file));
    fclose(file);
    read_path(path, seen);
    unlink(path);
}

/* An advert with its envelope; what is in it does not matter here. */
static uint32_t make_frame(uint8_t bytes[FRAME_MAX])
{
    const struct carp_packet packet = {
        .advert = {.version = 2, .type = 1, .vhid = 7, .authlen = 7, .advbase = 1, .counter = 5},
        .family = 4,
        .ttl = FRAME_TTL,
        .destination_mac = {0x01, 0x00, 0x5e, 0x00, 0x00, 0x12},
        .source_mac = {0x00, 0x00, 0x5e, 0x00, 0x01, 0x07},
        .source = {192, 0, 2, 11},
        .destination = {224, 0, 0, 18},
    };
    return (uint32_t)frame_write(&packet, bytes);
}

TEST_CASE(capture, hands_out_every_frame_of_a_genuine_file)
{
    struct seen seen;
    read_path(tk_path("engine/testdata/captures/freebsd-13.0-mixed.pcap"), &seen);
    EXPECT_INT(CAPTURE_END, seen.status);
    EXPECT_INT(19, seen.frames); /* by tcpdump */
    EXPECT_INT(12, seen.adverts);
    EXPECT_INT(6, seen.decimals);
}

TEST_CASE(capture, gives_times_as_precise_as_the_file_has_them)
{
    static struct image image;
    struct seen seen;
    uint8_t frame[FRAME_MAX];
    uint32_t size = make_frame(frame);
    begin(&image, 0xa1b23c4d, ETHERNET);
    add_record(&image, 1700000000, 123456789, frame, size, size);
    read_image(&image, &seen);
    EXPECT_INT(9, seen.decimals);
    EXPECT_U64(UINT64_C(1700000000123456789), seen.last.at.ns);
    begin(&image, 0xa1b2c3d4, ETHERNET);
    add_record(&image, 1700000000, 123456, frame, size, size);
    read_image(&image, &seen);
    EXPECT_INT(6, seen.decimals);
    EXPECT_U64(UINT64_C(1700000000123456000), seen.last.at.ns);
}

TEST_CASE(capture, survives_times_that_cannot_be)
{
    static struct image image;
    struct seen seen;
    uint8_t frame[FRAME_MAX];
    uint32_t size = make_frame(frame);
    begin(&image, 0xa1b2c3d4, ETHERNET);
    add_record(&image, 0xffffffff, 0x7fffffff, frame, size, size);
    add_record(&image, 1, 0xffffffff, frame, size, size);
    read_image(&image, &seen);
    EXPECT_INT(CAPTURE_END, seen.status);
    EXPECT_INT(2, seen.frames);
}

/* IEEE 802.1Q and 802.1ad: type, then priority and number, then the type that was there before. */
TEST_CASE(capture, takes_vlan_tags_out_and_reports_them)
{
    static const struct {
        const char *why, *tags;
        unsigned count, outer, inner;
    } rows[] = {
        {"one", "81000064", 1, 100, 100},
        {"only a priority", "8100e000", 1, 0, 0},
        {"one within another", "88a8a00581000064", 2, 5, 100},
        {"four", "88a8000188a800028100000381000004", 4, 1, 4},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        static struct image image;
        struct seen seen;
        uint8_t plain[FRAME_MAX], tagged[FRAME_MAX + 16];
        uint32_t size = make_frame(plain);
        tk_row(rows[i].why);
        memcpy(tagged, plain, 12);
        uint32_t more = (uint32_t)tk_unhex(rows[i].tags, tagged + 12, 16);
        memcpy(tagged + 12 + more, plain + 12, size - 12);
        begin(&image, 0xa1b2c3d4, ETHERNET);
        add_record(&image, 0, 0, tagged, size + more, size + more);
        read_image(&image, &seen);
        EXPECT_INT(1, seen.adverts);
        EXPECT_U64(size, seen.last.size);
        EXPECT_BYTES(plain, seen.last_bytes, size);
        EXPECT_INT(rows[i].count, seen.last.tag_count);
        EXPECT_INT(rows[i].outer, seen.last.vlan[0]);
        EXPECT_INT(rows[i].inner, seen.last.vlan[seen.last.tag_count - 1]);
    }
}

/* Headers as pcap/sll.h has them, before IP. */
TEST_CASE(capture, gives_an_ethernet_header_to_what_had_another)
{
    static const struct {
        const char *why;
        uint32_t link;
        const char *header;
        bool has_mac;
        unsigned tags;
    } rows[] = {
        {"cooked", COOKED, "00020001000600005e00010700000800", true, 0},
        {"cooked, tagged", COOKED,
         "00020001000600005e000107000081000064"
         "0800",
         true, 1},
        {"cooked, without an address", COOKED, "00020001000000000000000000000800", false, 0},
        {"cooked, version 2", COOKED2,
         "0800000000000003000102060000"
         "5e0001070000",
         true, 0},
        {"raw IP", RAW, "", false, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        static struct image image;
        struct seen seen;
        uint8_t plain[FRAME_MAX], packet[FRAME_MAX + 32];
        uint32_t size = make_frame(plain);
        tk_row(rows[i].why);
        uint32_t header = (uint32_t)tk_unhex(rows[i].header, packet, 32);
        memcpy(packet + header, plain + 14, size - 14);
        begin(&image, 0xa1b2c3d4, rows[i].link);
        add_record(&image, 0, 0, packet, header + size - 14, header + size - 14);
        read_image(&image, &seen);
        EXPECT_INT(CAPTURE_END, seen.status);
        EXPECT_INT(1, seen.adverts);
        EXPECT_INT(rows[i].has_mac, seen.last.has_source_mac);
        EXPECT_INT(rows[i].tags, seen.last.tag_count);
        if (rows[i].has_mac) {
            EXPECT_BYTES(plain + 6, seen.last_bytes + 6, 6);
        }
    }
}

TEST_CASE(capture, says_how_much_of_a_packet_was_not_captured)
{
    static struct image image;
    struct seen seen;
    uint8_t frame[FRAME_MAX];
    uint32_t size = make_frame(frame);
    begin(&image, 0xa1b2c3d4, ETHERNET);
    add_record(&image, 0, 0, frame, 10, size); /* within the link header */
    add_record(&image, 0, 0, frame, 40, size);
    read_image(&image, &seen);
    EXPECT_INT(CAPTURE_END, seen.status);
    EXPECT_INT(2, seen.frames);
    EXPECT_U64(40, seen.last.size);
    EXPECT_U64(size - 40, seen.last.missing);
}

/* Two whole records, then one that is not: the damage is where it begins. */
TEST_CASE(capture, names_the_offset_of_damage_and_hands_out_what_is_before)
{
    static const struct {
        const char *why;
        uint32_t keep, claim; /* of the third record: bytes that are there, size it has */
    } rows[] = {
        {"cut in the record's header", 9, 70},        {"cut in the packet", 40, 70},
        {"longer than the file", 16 + 70, 5000},      {"absurdly long", 16 + 70, 0xffffffff},
        {"longer than any packet", 16 + 70, 1 << 20},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        static struct image image;
        struct seen seen;
        uint8_t frame[FRAME_MAX];
        uint32_t size = make_frame(frame);
        tk_row(rows[i].why);
        begin(&image, 0xa1b2c3d4, ETHERNET);
        add_record(&image, 0, 0, frame, size, size);
        add_record(&image, 1, 0, frame, size, size);
        size_t third = image.size;
        add_record(&image, 2, 0, frame, size, size);
        const uint8_t claim[4] = {(uint8_t)rows[i].claim, (uint8_t)(rows[i].claim >> 8),
                                  (uint8_t)(rows[i].claim >> 16), (uint8_t)(rows[i].claim >> 24)};
        memcpy(image.bytes + third + 8, claim, sizeof claim);
        image.size = third + rows[i].keep;
        read_image(&image, &seen);
        EXPECT_INT(CAPTURE_DAMAGED, seen.status);
        EXPECT_INT(2, seen.frames);
        EXPECT_U64(third, seen.damage);
        EXPECT_TRUE(seen.error[0] != '\0');
    }
}

TEST_CASE(capture, tells_what_is_broken_from_what_is_no_capture)
{
    static struct image image;
    struct seen seen;
    begin(&image, 0xa1b2c3d4, ETHERNET);
    image.size = 10;
    read_image(&image, &seen);
    EXPECT_INT(CAPTURE_DAMAGED, seen.status);
    EXPECT_U64(10, seen.damage);
    begin(&image, 0xa1b2c3d4, 105); /* IEEE 802.11 */
    read_image(&image, &seen);
    EXPECT_INT(CAPTURE_REFUSED, seen.status);
    image.size = 0;
    add(&image, "not a capture\n", 14);
    read_image(&image, &seen);
    EXPECT_INT(CAPTURE_REFUSED, seen.status);
    read_path("/dev/null", &seen);
    EXPECT_INT(CAPTURE_REFUSED, seen.status);
    read_path("/tmp", &seen);
    EXPECT_INT(CAPTURE_REFUSED, seen.status);
    EXPECT_STR("Is a directory", seen.error);
    read_path("/nonexistent/file", &seen);
    EXPECT_INT(CAPTURE_REFUSED, seen.status);
}

/* --- pcapng -------------------------------------------------------------------------------------
 */

static int to_image(void *self, const uint8_t *bytes, size_t size)
{
    struct image *image = self;
    if (size > ROOM - image->size) {
        return -1;
    }
    add(image, bytes, size);
    return 0;
}

/* As our own writer makes them, whose files libpcap, tshark and capinfos read (pcapng_test.c). */
static void make_pcapng(struct image *image)
{
    struct pcapng_writer w;
    uint8_t frame[FRAME_MAX];
    const char *const comments[] = {"a comment"};
    unsigned id;
    image->size = 0;
    pcapng_begin(&w, (struct pcapng_sink){image, to_image}, NULL, "capture_test");
    pcapng_interface(&w, "eth0", NULL, &id);
    uint32_t size = make_frame(frame);
    for (unsigned i = 0; i < 5; i++) {
        const struct pcapng_packet packet = {.interface = id,
                                             .time_ns = UINT64_C(1700000000000000001) + i,
                                             .bytes = frame,
                                             .size = size,
                                             .original_size = size,
                                             .comments = comments,
                                             .comment_count = 1};
        EXPECT_INT(0, pcapng_packet(&w, &packet));
        EXPECT_INT(0, pcapng_custom(&w, 32473, frame, 20, true));
    }
}

TEST_CASE(capture, reads_pcapng_with_nanoseconds)
{
    static struct image image;
    struct seen seen;
    make_pcapng(&image);
    read_image(&image, &seen);
    EXPECT_INT(CAPTURE_END, seen.status);
    EXPECT_INT(5, seen.adverts);
    EXPECT_INT(9, seen.decimals);
    EXPECT_U64(UINT64_C(1700000000000000005), seen.last.at.ns);
}

/* Big endian, two interfaces that differ in all they can, and each kind of packet block.
 * Laid by hand: 1/1024 s are 976,562 ns and a half. */
TEST_CASE(capture, reads_pcapng_of_interfaces_that_differ)
{
    static const char section[] = "0a0d0d0a0000001c1a2b3c4d00010000ffffffffffffffff0000001c";
    static const struct {
        const char *why, *blocks;
        unsigned decimals;
        uint64_t ns;
        size_t size, missing;
    } rows[] = {
        {"an enhanced packet, 10^-6 s",
         "000000060000003000000000"
         "00000000000f4241"
         "0000000e0000000f"
         "0102030405060708090a0b0c88cc000000000030",
         6, 1000001000, 14, 1},
        {"of the second interface, cooked, 2^-10 s and an offset of 5 s",
         "000000060000003000000001"
         "0000000000000401"
         "0000001000000010"
         "0002000100060000"
         "5e0001070000"
         "88cc"
         "00000030",
         9, 6000976562, 14, 0},
        {"a packet of the older kind",
         "000000020000003000000000"
         "0000000000000001"
         "0000000e0000000e"
         "0102030405060708090a0b0c88cc000000000030",
         6, 1000, 14, 0},
        {"a simple packet, cut by the snapshot length",
         "0000000300000020"
         "00000064"
         "0102030405060708090a0b0c88cc0000"
         "00000020",
         6, 0, 16, 84},
    };
    static const char interfaces[] = "00000001000000140001000000000010"
                                     "00000014"
                                     "00000001000000280071000000000000"
                                     "000900018a000000"
                                     "000e00080000000000000005"
                                     "00000028";
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        static struct image image;
        struct seen seen;
        tk_row(rows[i].why);
        image.size = tk_unhex(section, image.bytes, ROOM);
        image.size += tk_unhex(interfaces, image.bytes + image.size, ROOM - image.size);
        image.size += tk_unhex(rows[i].blocks, image.bytes + image.size, ROOM - image.size);
        read_image(&image, &seen);
        EXPECT_STR("", seen.error);
        EXPECT_INT(CAPTURE_END, seen.status);
        EXPECT_INT(1, seen.frames);
        EXPECT_INT(rows[i].decimals, seen.decimals);
        EXPECT_U64(rows[i].ns, seen.last.at.ns);
        EXPECT_U64(rows[i].size, seen.last.size);
        EXPECT_U64(rows[i].missing, seen.last.missing);
    }
}

/* The damage is where the block begins that is not as it should be. */
TEST_CASE(capture, names_the_block_of_a_pcapng_that_is_damaged)
{
    static struct image image;
    struct seen seen;
    make_pcapng(&image);
    size_t whole = image.size;
    size_t last = whole - 36; /* 12 of framing, 4 of PEN, 20 of data: the last custom block */
    const size_t cuts[] = {last + 3, last + 20, whole - 1};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        image.size = cuts[i];
        read_image(&image, &seen);
        EXPECT_INT(CAPTURE_DAMAGED, seen.status);
        EXPECT_INT(5, seen.frames);
        EXPECT_U64(last, seen.damage);
    }
    image.size = whole;
    image.bytes[last + 6] = 0xff; /* of its length */
    read_image(&image, &seen);
    EXPECT_INT(CAPTURE_DAMAGED, seen.status);
    EXPECT_U64(last, seen.damage);
}

/* --- bytes at random ----------------------------------------------------------------------------
 */

/* xorshift64*, a run of its own for every seed. */
static uint64_t draw(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

static void mutate(struct image *image, uint64_t *state)
{
    static const uint8_t likely[] = {0, 1, 0x7f, 0x80, 0xff};
    unsigned changes = 1 + (unsigned)(draw(state) % 8);
    for (unsigned i = 0; i < changes; i++) {
        uint64_t what = draw(state);
        size_t at = (size_t)(what >> 8) % image->size;
        if (what % 4 == 0) { /* half of them near the beginning, where the headers are */
            at %= 64;
        }
        image->bytes[at] =
            what % 2 == 0 ? likely[draw(state) % sizeof likely] : (uint8_t)draw(state);
    }
    if (draw(state) % 4 == 0) {
        image->size = 1 + (size_t)draw(state) % image->size;
    }
}

static void expect_survives(const struct image *original, uint64_t seed)
{
    static struct image image;
    struct seen seen;
    uint64_t state = seed;
    image = *original;
    mutate(&image, &state);
    read_image(&image, &seen);
    EXPECT_TRUE(seen.status != CAPTURE_FRAME);
    EXPECT_TRUE(seen.frames <= image.size); /* it ends, and invents nothing */
    EXPECT_TRUE(seen.status == CAPTURE_END || seen.error[0] != '\0');
    EXPECT_TRUE(seen.damage <= image.size);
}

TEST_CASE(capture, survives_files_with_bytes_changed_at_random)
{
    static struct image pcap, cooked, pcapng;
    uint8_t frame[FRAME_MAX + 4];
    uint32_t size = make_frame(frame);
    begin(&pcap, 0xa1b2c3d4, ETHERNET);
    begin(&cooked, 0xa1b23c4d, COOKED);
    for (uint32_t i = 0; i < 8; i++) {
        add_record(&pcap, i, 0, frame, size, size);
        add_record(&cooked, i, 0, frame, size, size);
    }
    make_pcapng(&pcapng);
    for (uint64_t seed = 1; seed <= 500; seed++) {
        expect_survives(&pcap, 3 * seed);
        expect_survives(&cooked, 3 * seed + 1);
        expect_survives(&pcapng, 3 * seed + 2);
    }
}
