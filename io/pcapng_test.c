/*
 * The bytes, laid by hand from the specification, and what others read in them: libpcap, tshark and
 * capinfos, of which the last two count as skipped where they are not installed.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "engine/frame.h"
#include "io/pcapng.h"
#include "tools/testkit/testkit.h"

enum {
    ROOM = 1 << 18,
    PEN = 32473, /* RFC 5612: for documentation */
    NEVER = -1,
};

/* --- a sink in memory that fails when told */

struct memory {
    size_t size;
    int calls;
    int fail_at; /* this call, counted from 0, and every later one */
    size_t last; /* size of the last call */
    uint8_t bytes[ROOM];
};

static int to_memory(void *self, const uint8_t *bytes, size_t size)
{
    struct memory *memory = self;
    int call = memory->calls++;
    memory->last = size;
    EXPECT_TRUE(size > 0 && size <= PCAPNG_PIECE);
    if (memory->fail_at != NEVER && call >= memory->fail_at) {
        return -ENOSPC;
    }
    assert(size <= ROOM - memory->size);
    memcpy(memory->bytes + memory->size, bytes, size);
    memory->size += size;
    return 0;
}

static struct pcapng_sink memory_sink(struct memory *memory)
{
    memory->size = memory->last = 0;
    memory->calls = 0;
    memory->fail_at = NEVER;
    return (struct pcapng_sink){memory, to_memory};
}

/* A writer past its section header and one interface; the memory is empty again. */
static void begin_with_interface(struct pcapng_writer *w, struct memory *memory)
{
    unsigned id = 9;
    EXPECT_INT(0, pcapng_begin(w, memory_sink(memory), NULL, "carpio"));
    EXPECT_INT(0, pcapng_interface(w, "eth0", NULL, &id));
    EXPECT_U64(0, id);
    memory_sink(memory);
}

static uint32_t little_endian(const uint8_t *bytes, size_t size)
{
    uint32_t value = 0;
    while (size-- > 0) {
        value = value << 8 | bytes[size];
    }
    return value;
}

/* --- bytes */

static const char *const whole_file[] = {
    /* Section Header Block: type, total length 52, byte-order magic, version 1.0, length -1 */
    "0a0d0d0a 34000000 4d3c2b1a 0100 0000 ffffffffffffffff",
    "0200 0300 6c616200",         /* shb_hardware, 3: lab */
    "0400 0600 63617270696f0000", /* shb_userappl, 6: carpio */
    "0000 0000 34000000",         /* opt_endofopt, total length */

    /* Interface Description Block: type, 48, LINKTYPE_ETHERNET, reserved, no limit */
    "01000000 30000000 0100 0000 00000000",
    "0200 0400 65746830", /* if_name, 4: eth0 */
    "0300 0400 6c656674", /* if_description, 4: left */
    "0900 0100 09000000", /* if_tsresol, 1: 10^-9 s */
    "0000 0000 30000000",

    /* another, 40, without a description: lan */
    "01000000 28000000 0100 0000 00000000",
    "0200 0300 6c616e00 0900 0100 09000000 0000 0000 28000000",

    /* Enhanced Packet Block: type, 68, interface 1, time 0x123456789, its upper half first; 5 bytes
     * of 60 */
    "06000000 44000000 01000000 01000000 89674523 05000000 3c000000",
    "0102030405 000000",  /* packet data, padding */
    "0200 0400 02000000", /* epb_flags, 4: outbound */
    "0100 0200 75700000", /* opt_comment, 2: up */
    "0100 0300 77687900", /* opt_comment, 3: why */
    "0000 0000 44000000",

    /* another, 36, interface 0, time 0xfedcba9876543210, 4 bytes of 4, no options at all */
    "06000000 24000000 00000000 98badcfe 10325476 04000000 04000000 deadbeef 24000000",

    /* another, 52, inbound, a comment of no bytes */
    "06000000 34000000 00000000 00000000 00000000 04000000 04000000 deadbeef",
    "0200 0400 01000000 0100 0000 0000 0000 34000000",

    /* Custom Block that may be copied: type, 20, private enterprise number 32473, abc */
    "ad0b0000 14000000 d97e0000 61626300 14000000",

    /* Custom Block that may not: type, 16, number, nothing */
    "ad0b0040 10000000 d97e0000 10000000",
};

/* Put together lines of hexadecimal with spaces; returns the size. */
static size_t lay(const char *const *lines, size_t count, uint8_t *bytes, size_t room)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        char digits[256];
        size_t used = 0;
        for (const char *c = lines[i]; *c != '\0'; c++) {
            assert(used + 1 < sizeof digits);
            if (*c != ' ') {
                digits[used++] = *c;
            }
        }
        digits[used] = '\0';
        size += tk_unhex(digits, bytes + size, room - size);
    }
    return size;
}

/* Everything there is, once. Returns the last status; the first that is not 0 goes to `first`. */
static int write_everything(struct pcapng_writer *w, struct pcapng_sink sink, int *first)
{
    static const char *const comments[] = {"up", "why"}, *const empty[] = {""};
    static const uint8_t five[] = {1, 2, 3, 4, 5}, four[] = {0xde, 0xad, 0xbe, 0xef};
    unsigned eth0 = 0, lan = 1;
    int statuses[] = {
        pcapng_begin(w, sink, "lab", "carpio"),
        pcapng_interface(w, "eth0", "left", &eth0),
        pcapng_interface(w, "lan", NULL, &lan),
        pcapng_packet(w, &(struct pcapng_packet){.interface = lan,
                                                 .time_ns = UINT64_C(0x123456789),
                                                 .bytes = five,
                                                 .size = 5,
                                                 .original_size = 60,
                                                 .direction = PCAPNG_OUTBOUND,
                                                 .comments = comments,
                                                 .comment_count = 2}),
        pcapng_packet(w, &(struct pcapng_packet){.interface = eth0,
                                                 .time_ns = UINT64_C(0xfedcba9876543210),
                                                 .bytes = four,
                                                 .size = 4,
                                                 .original_size = 4}),
        pcapng_packet(w, &(struct pcapng_packet){.interface = eth0,
                                                 .bytes = four,
                                                 .size = 4,
                                                 .original_size = 4,
                                                 .direction = PCAPNG_INBOUND,
                                                 .comments = empty,
                                                 .comment_count = 1}),
        pcapng_custom(w, PEN, (const uint8_t *)"abc", 3, true),
        pcapng_custom(w, PEN, NULL, 0, false),
    };
    size_t count = sizeof statuses / sizeof *statuses;
    *first = 0;
    for (size_t i = 0; i < count; i++) {
        if (*first != 0) {
            EXPECT_INT(*first, statuses[i]);
        }
        *first = *first == 0 ? statuses[i] : *first;
    }
    return statuses[count - 1];
}

TEST_CASE(pcapng, is_byte_for_byte_as_specified)
{
    static struct memory memory;
    uint8_t want[512];
    size_t size = lay(whole_file, sizeof whole_file / sizeof *whole_file, want, sizeof want);
    struct pcapng_writer w;
    int first;
    EXPECT_INT(0, write_everything(&w, memory_sink(&memory), &first));
    EXPECT_U64(size, memory.size);
    EXPECT_BYTES(want, memory.bytes, size);
    EXPECT_INT(8, memory.calls); /* one a block */
}

/* Lengths say what there is, zeros fill what is missing: "Alignment". */
TEST_CASE(pcapng, pads_every_length_to_four)
{
    static const struct {
        const char *text, *padded;
    } rows[] = {
        {"", ""},
        {"a", "61000000"},
        {"ab", "61620000"},
        {"abc", "61626300"},
        {"abcd", "61626364"},
        {"abcde", "6162636465000000"},
    };
    static struct memory memory;
    struct pcapng_writer w;
    begin_with_interface(&w, &memory);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *text = rows[i].text;
        const uint8_t *bytes = (const uint8_t *)text, *got = memory.bytes;
        uint8_t padded[8];
        uint32_t size = (uint32_t)strlen(text);
        uint32_t room = (uint32_t)tk_unhex(rows[i].padded, padded, sizeof padded);
        tk_row(text);

        memory_sink(&memory);
        EXPECT_INT(0, pcapng_custom(&w, PEN, bytes, size, true));
        EXPECT_U64(16 + room, memory.size);
        EXPECT_U64(16 + room, little_endian(got + 4, 4));
        EXPECT_BYTES(padded, got + 12, room);
        EXPECT_U64(16 + room, little_endian(got + 12 + room, 4));

        memory_sink(&memory);
        struct pcapng_packet packet = {.bytes = bytes,
                                       .size = size,
                                       .original_size = size,
                                       .comments = &text,
                                       .comment_count = 1};
        EXPECT_INT(0, pcapng_packet(&w, &packet));
        EXPECT_U64(40 + 2 * room, memory.size);
        EXPECT_U64(40 + 2 * room, little_endian(got + 4, 4));
        EXPECT_U64(size, little_endian(got + 20, 4));
        EXPECT_BYTES(padded, got + 28, room);
        EXPECT_U64(1, little_endian(got + 28 + room, 2));
        EXPECT_U64(size, little_endian(got + 30 + room, 2));
        EXPECT_BYTES(padded, got + 32 + room, room);
        EXPECT_U64(0, little_endian(got + 32 + 2 * room, 4));
        EXPECT_U64(40 + 2 * room, little_endian(got + 36 + 2 * room, 4));

        memory_sink(&memory);
        unsigned id;
        EXPECT_INT(0, pcapng_interface(&w, text, text, &id));
        EXPECT_U64(i + 1, id);
        EXPECT_U64(40 + 2 * room, memory.size);
        EXPECT_U64(size, little_endian(got + 18, 2));
        EXPECT_BYTES(padded, got + 20, room);
        EXPECT_U64(size, little_endian(got + 22 + room, 2));
        EXPECT_BYTES(padded, got + 24 + room, room);
    }
}

/* A comment's length has 16 bits. What is cut is cut between characters: é is c3 a9, € is e2 82 ac,
 * U+1F600 is f0 9f 98 80. */
TEST_CASE(pcapng, cuts_long_comments_between_characters)
{
    static const struct {
        const char *why, *tail;
        size_t ascii;
        uint32_t want;
    } rows[] = {
        {"as long as there can be", "", 65532, 65532},
        {"one more", "", 65533, 65532},
        {"many more", "", 70000, 65532},
        {"two bytes fit", "\xc3\xa9!", 65530, 65532},
        {"two bytes do not", "\xc3\xa9!", 65531, 65531},
        {"three bytes fit", "\xe2\x82\xac!", 65529, 65532},
        {"three bytes do not, by two", "\xe2\x82\xac!", 65531, 65531},
        {"four bytes do not, by one", "\xf0\x9f\x98\x80!", 65529, 65529},
        {"four bytes do not, by three", "\xf0\x9f\x98\x80!", 65531, 65531},
        {"not UTF-8, but no reason to look far back", "\x80\x80\x80\x80\x80\x80", 65530, 65529},
    };
    static struct memory memory;
    static char text[70008];
    struct pcapng_writer w;
    const char *comments[] = {text, "and another"};
    begin_with_interface(&w, &memory);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tk_row(rows[i].why);
        memory_sink(&memory);
        memset(text, 'x', rows[i].ascii);
        memcpy(text + rows[i].ascii, rows[i].tail, strlen(rows[i].tail) + 1);
        struct pcapng_packet packet = {.comments = comments, .comment_count = 2};
        EXPECT_INT(0, pcapng_packet(&w, &packet));

        uint32_t room = (rows[i].want + 3) / 4 * 4;
        const uint8_t *option = memory.bytes + 28;
        EXPECT_U64(28 + 4 + room + 4 + 12 + 4 + 4, memory.size);
        EXPECT_U64(memory.size, little_endian(memory.bytes + 4, 4));
        EXPECT_U64(memory.size, little_endian(memory.bytes + memory.size - 4, 4));
        EXPECT_U64(rows[i].want, little_endian(option + 2, 2));
        EXPECT_BYTES(text, option + 4, rows[i].want);
        EXPECT_BYTES("\1\0\13\0and another", option + 4 + room, 15);
    }
}

/* So that a file whose writer dies ends between blocks, and every journal block costs one call. */
TEST_CASE(pcapng, gives_a_block_to_the_sink_at_once_if_it_fits)
{
    static const uint8_t data[3 * PCAPNG_PIECE];
    static const struct {
        size_t block;
        int calls;
        size_t last;
    } rows[] = {
        {16, 1, 16},
        {PCAPNG_PIECE, 1, PCAPNG_PIECE},
        {PCAPNG_PIECE + 4, 2, 4},
        {2 * PCAPNG_PIECE, 2, PCAPNG_PIECE},
        {2 * PCAPNG_PIECE + 8, 3, 8},
    };
    static struct memory memory;
    struct pcapng_writer w;
    begin_with_interface(&w, &memory);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        memory_sink(&memory);
        EXPECT_INT(0, pcapng_custom(&w, PEN, data, rows[i].block - 16, false));
        EXPECT_U64(rows[i].block, memory.size);
        EXPECT_INT(rows[i].calls, memory.calls);
        EXPECT_U64(rows[i].last, memory.last);
    }
}

/* --- errors */

TEST_CASE(pcapng, remembers_the_sinks_error_until_it_begins_anew)
{
    static struct memory memory;
    struct pcapng_writer w;
    int first;
    for (int fail_at = 0; fail_at < 8; fail_at++) {
        struct pcapng_sink sink = memory_sink(&memory);
        memory.fail_at = fail_at;
        EXPECT_INT(-ENOSPC, write_everything(&w, sink, &first));
        EXPECT_INT(-ENOSPC, first);
        EXPECT_INT(fail_at + 1, memory.calls);
        memory.fail_at = NEVER; /* too late: what was to come is missing */
        EXPECT_INT(-ENOSPC, pcapng_custom(&w, PEN, NULL, 0, true));
        EXPECT_INT(fail_at + 1, memory.calls);
    }
    EXPECT_INT(0, write_everything(&w, memory_sink(&memory), &first));
}

TEST_CASE(pcapng, stops_within_a_long_block_when_the_sink_fails)
{
    static const uint8_t data[8 * PCAPNG_PIECE];
    static struct memory memory;
    struct pcapng_writer w;
    begin_with_interface(&w, &memory);
    memory.fail_at = 2;
    EXPECT_INT(-ENOSPC, pcapng_custom(&w, PEN, data, sizeof data, true));
    EXPECT_INT(3, memory.calls);
    EXPECT_U64(2 * PCAPNG_PIECE, memory.size);

    unsigned id = 77;
    EXPECT_INT(-ENOSPC, pcapng_interface(&w, "eth1", NULL, &id));
    EXPECT_U64(77, id);
    EXPECT_INT(-ENOSPC, pcapng_packet(&w, &(struct pcapng_packet){.interface = 1}));
    EXPECT_INT(-ENOSPC, pcapng_custom(&w, PEN, data, SIZE_MAX, true));
    EXPECT_INT(3, memory.calls);
}

/* libpcap reads no further than such a block, nor Wireshark than such a packet. */
TEST_CASE(pcapng, refuses_what_libpcap_would_stop_at_and_goes_on)
{
    static uint8_t data[PCAPNG_PACKET_MAX + 1];
    static char text[PCAPNG_TEXT_MAX + 1];
    static const char *comments[300];
    static struct memory memory;
    struct pcapng_writer w;
    begin_with_interface(&w, &memory);
    memset(text, 'x', sizeof text - 1);
    for (size_t i = 0; i < sizeof comments / sizeof *comments; i++) {
        comments[i] = text;
    }
    struct pcapng_packet large = {.bytes = data, .size = sizeof data, .original_size = sizeof data};
    struct pcapng_packet talkative = {.comments = comments, .comment_count = 300};
    EXPECT_INT(-EMSGSIZE, pcapng_packet(&w, &large));
    EXPECT_INT(-EMSGSIZE, pcapng_packet(&w, &talkative));
    EXPECT_INT(-EMSGSIZE, pcapng_custom(&w, PEN, data, PCAPNG_BLOCK_MAX - 15, true));
    EXPECT_INT(-EMSGSIZE, pcapng_custom(&w, PEN, data, SIZE_MAX, true));
    EXPECT_INT(0, memory.calls);

    talkative.comment_count = 1;
    EXPECT_INT(0, pcapng_packet(&w, &talkative));
    EXPECT_U64(28 + 4 + PCAPNG_TEXT_MAX + 8, memory.size);
}

/* --- judged by others */

/* A file that is needed for a moment, in TMPDIR or /tmp. A test that cannot have one is no test:
 * asserted. */
struct scratch {
    char path[128];
    FILE *file;
};

static void scratch_make(struct scratch *scratch)
{
    const char *directory = getenv("TMPDIR");
    int used = snprintf(scratch->path, sizeof scratch->path, "%s/carpio-test-XXXXXX",
                        directory == NULL ? "/tmp" : directory);
    assert(used > 0 && (size_t)used < sizeof scratch->path);
    int fd = mkstemp(scratch->path);
    assert(fd >= 0);
    scratch->file = fdopen(fd, "w+b");
    assert(scratch->file != NULL);
}

static void scratch_remove(struct scratch *scratch)
{
    fclose(scratch->file);
    unlink(scratch->path);
}

static int to_file(void *self, const uint8_t *bytes, size_t size)
{
    return fwrite(bytes, 1, size, self) == size ? 0 : -EIO;
}

/* The first advert of a recording of UCARP; returns its size. */
static uint32_t read_advert(uint8_t bytes[128])
{
    char error[PCAP_ERRBUF_SIZE];
    pcap_t *pcap = pcap_open_offline(tk_path("engine/testdata/captures/ucarp-1.5.2.pcap"), error);
    struct pcap_pkthdr *header;
    const u_char *data;
    struct carp_packet packet;
    assert(pcap != NULL);
    do {
        int status = pcap_next_ex(pcap, &header, &data);
        assert(status == 1);
    } while (frame_parse(data, header->caplen, &packet) != CARP_ACCEPTED);
    uint32_t size = header->caplen;
    assert(size < 128);
    memcpy(bytes, data, size);
    pcap_close(pcap);
    return size;
}

/* What is written and what must be read: times as both see them, the rest as tshark prints it. */
static const struct {
    unsigned interface;
    uint64_t time_ns;
    uint32_t missing; /* bytes that were on the wire, but not recorded */
    enum pcapng_direction direction;
    const char *comments[3];
    const char *fields; /* time, interface, comments, direction, size on the wire */
} judged[] = {
    {0,
     UINT64_C(1790000000123456789),
     0,
     PCAPNG_INBOUND,
     {"3.390625000 backup -> master: claim; send; announce", "caf\xc3\xa9 \xe2\x82\xac"},
     "1790000000.123456789\teth0\t3.390625000 backup -> master: claim; send; announce,"
     "caf\xc3\xa9 \xe2\x82\xac\t0x00000001\t70"},
    {1, UINT64_C(4294967297), 0, PCAPNG_OUTBOUND, {0}, "4.294967297\tlan\t\t0x00000002\t70"},
    {0, 1, 1430, PCAPNG_UNKNOWN, {"cut"}, "0.000000001\teth0\tcut\t\t1500"},
    {1, 0, 0, PCAPNG_UNKNOWN, {0}, "0.000000000\tlan\t\t\t70"},
    {1,
     UINT64_C(9223372036854775807),
     0,
     PCAPNG_INBOUND,
     {"late"},
     "9223372036.854775807\tlan\tlate\t0x00000001\t70"},
};
enum { JUDGED = sizeof judged / sizeof *judged };

static void write_judged(FILE *file)
{
    struct pcapng_writer w;
    unsigned id[2];
    uint8_t advert[128];
    uint32_t size = read_advert(advert);
    EXPECT_INT(0, pcapng_begin(&w, (struct pcapng_sink){file, to_file}, "a model", "carpio test"));
    EXPECT_INT(0, pcapng_custom(&w, PEN, (const uint8_t *)"before all", 10, false));
    EXPECT_INT(0, pcapng_interface(&w, "eth0", "the first", &id[0]));
    EXPECT_INT(0, pcapng_interface(&w, "lan", NULL, &id[1]));
    for (size_t i = 0; i < JUDGED; i++) {
        struct pcapng_packet packet = {.interface = id[judged[i].interface],
                                       .time_ns = judged[i].time_ns,
                                       .bytes = advert,
                                       .size = size,
                                       .original_size = size + judged[i].missing,
                                       .direction = judged[i].direction,
                                       .comments = judged[i].comments};
        while (judged[i].comments[packet.comment_count] != NULL) {
            packet.comment_count++;
        }
        EXPECT_INT(0, pcapng_packet(&w, &packet));
        EXPECT_INT(0, pcapng_custom(&w, PEN, (const uint8_t *)"between", i, i % 2 == 0));
    }
    EXPECT_INT(0, fflush(file));
}

TEST_CASE(pcapng, is_read_by_libpcap)
{
    char error[PCAP_ERRBUF_SIZE] = "";
    uint8_t advert[128];
    uint32_t size = read_advert(advert);
    struct scratch scratch;
    scratch_make(&scratch);
    write_judged(scratch.file);
    pcap_t *pcap =
        pcap_open_offline_with_tstamp_precision(scratch.path, PCAP_TSTAMP_PRECISION_NANO, error);
    scratch_remove(&scratch);
    EXPECT_STR("", error);
    ASSERT_TRUE(pcap != NULL);

    struct pcap_pkthdr *header;
    const u_char *data;
    EXPECT_INT(DLT_EN10MB, pcap_datalink(pcap));
    for (size_t i = 0; i < JUDGED; i++) {
        tk_row(judged[i].fields);
        ASSERT_TRUE(pcap_next_ex(pcap, &header, &data) == 1);
        /* In a time_t, of which a system with 32 bits keeps the lower ones. */
        EXPECT_U64((uint64_t)(time_t)(judged[i].time_ns / 1000000000), (uint64_t)header->ts.tv_sec);
        EXPECT_U64(judged[i].time_ns % 1000000000, (uint64_t)header->ts.tv_usec);
        EXPECT_U64(size, header->caplen);
        EXPECT_U64(size + judged[i].missing, header->len);
        EXPECT_BYTES(advert, data, size);
    }
    EXPECT_INT(PCAP_ERROR_BREAK, pcap_next_ex(pcap, &header, &data)); /* the end, not an error */
    pcap_close(pcap);
}

static bool is_installed(const char *program)
{
    char command[64];
    snprintf(command, sizeof command, "command -v %s >/dev/null", program);
    if (system(command) != 0) {
        snprintf(command, sizeof command, "%s is not installed", program);
        tk_skip(command);
        return false;
    }
    return true;
}

/* What a program of Wireshark's prints of a file, with nobody's preferences, until the next call.
 * It succeeds and does not complain, but for being run by root. */
static const char *output_of(const char *program, const char *arguments, const char *path)
{
    static char got[1 << 17];
    struct scratch complaints;
    char command[512], line[256];
    scratch_make(&complaints);
    int used = snprintf(command, sizeof command,
                        "LC_ALL=C.UTF-8 HOME=/nonexistent WIRESHARK_CONFIG_DIR=/nonexistent "
                        "%s %s -r '%s' 2>'%s'",
                        program, arguments, path, complaints.path);
    assert(used > 0 && (size_t)used < sizeof command);
    FILE *pipe = popen(command, "r");
    assert(pipe != NULL);
    got[fread(got, 1, sizeof got - 1, pipe)] = '\0';
    EXPECT_INT(0, pclose(pipe));
    while (fgets(line, sizeof line, complaints.file) != NULL) {
        if (strncmp(line, "Running as user \"root\"", 22) != 0) {
            tk_fail(__FILE__, __LINE__, "%s complains: %s", program, line);
        }
    }
    scratch_remove(&complaints);
    return got;
}

TEST_CASE(pcapng, is_read_by_tshark)
{
    static char want[4096];
    struct scratch scratch;
    if (!is_installed("tshark")) {
        return;
    }
    size_t used = 0;
    for (size_t i = 0; i < JUDGED; i++) {
        used += (size_t)snprintf(want + used, sizeof want - used, "%s\n", judged[i].fields);
        assert(used < sizeof want);
    }
    scratch_make(&scratch);
    write_judged(scratch.file);
    EXPECT_STR(want, output_of("tshark",
                               "-n -Y eth -T fields -e frame.time_epoch -e frame.interface_name "
                               "-e frame.comment -e frame.packet_flags_direction -e frame.len",
                               scratch.path));
    scratch_remove(&scratch);
}

/* Since 4.0 it lists custom blocks between the packets, with the zeros that fill them up. */
TEST_CASE(pcapng, has_its_custom_blocks_listed_by_tshark)
{
    struct scratch scratch;
    if (!is_installed("tshark")) {
        return;
    }
    if (system("tshark -G fields 2>/dev/null | grep -q frame.cb_copy") != 0) {
        tk_skip("this tshark lists no custom blocks");
        return;
    }
    scratch_make(&scratch);
    write_judged(scratch.file);
    EXPECT_STR("32473\t\n"
               "32473\t62650000\n"
               "32473\t62657477\n",
               output_of("tshark",
                         "-n -Y 'frame.cb_copy == 1' -T fields -e frame.cb_pen -e data.data",
                         scratch.path));
    EXPECT_STR("32473\t6265666f726520616c6c0000\n"
               "32473\t62000000\n"
               "32473\t62657400\n",
               output_of("tshark",
                         "-n -Y 'frame.cb_copy == 0' -T fields -e frame.cb_pen -e data.data",
                         scratch.path));
    scratch_remove(&scratch);
}

/* The longest comment there can be, and what follows it is still found. */
TEST_CASE(pcapng, has_its_longest_comment_read_by_tshark)
{
    static char text[PCAPNG_TEXT_MAX + 8], want[PCAPNG_TEXT_MAX + 64];
    const char *comments[] = {text, "next"};
    struct pcapng_packet packet = {.comments = comments, .comment_count = 2};
    struct pcapng_writer w;
    struct scratch scratch;
    unsigned id;
    if (!is_installed("tshark")) {
        return;
    }
    memset(text, 'x', PCAPNG_TEXT_MAX - 2);
    memcpy(text + PCAPNG_TEXT_MAX - 2, "\xc3\xa9zzz", 6);
    scratch_make(&scratch);
    EXPECT_INT(0, pcapng_begin(&w, (struct pcapng_sink){scratch.file, to_file}, NULL, "carpio"));
    EXPECT_INT(0, pcapng_interface(&w, "eth0", NULL, &id));
    EXPECT_INT(0, pcapng_packet(&w, &packet));
    packet.comments = &comments[1];
    packet.comment_count = 1;
    EXPECT_INT(0, pcapng_packet(&w, &packet));
    EXPECT_INT(0, fflush(scratch.file));
    snprintf(want, sizeof want, "%.*s,next\nnext\n", PCAPNG_TEXT_MAX, text);
    EXPECT_STR(want, output_of("tshark", "-n -T fields -e frame.comment", scratch.path));
    scratch_remove(&scratch);
}

TEST_CASE(pcapng, is_read_by_capinfos)
{
    struct scratch scratch;
    char want[256];
    if (!is_installed("capinfos")) {
        return;
    }
    scratch_make(&scratch);
    write_judged(scratch.file);
    snprintf(want, sizeof want, "%s\tether\t%d\n", scratch.path, JUDGED);
    EXPECT_STR(want, output_of("capinfos", "-T -E -c", scratch.path));
    scratch_remove(&scratch);
}
