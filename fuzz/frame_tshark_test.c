/*
 * Our decoder and Wireshark's, two programs that have nothing in common, on the frames of the
 * corpus: each as it is, and with its checksums put right, as the fuzzer itself takes them.
 *
 * An advert that we accept is one to tshark, with the same value in every field that both know.
 * What we refuse, it shows to be wrong by the field that our verdict names. It cannot be asked
 * more: it judges no hop limit and no version, knows nothing of a checksum over IPv6's
 * pseudo-header, and takes what follows the 36 bytes for part of what the checksum covers.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/frame.h"
#include "engine/story.h"
#include "fuzz/fuzz.h"
#include "sim/tshark_lab.h"
#include "tools/testkit/testkit.h"

enum { FRAMES_MAX = 512, FRAME_ROOM = 2048, LINE_MAX_SIZE = 512 };

struct sample {
    size_t size;
    uint8_t bytes[FRAME_ROOM];
};

static struct sample samples[FRAMES_MAX];
static size_t sample_count;

static int is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Twice each: as it is, then mended. */
static void read_corpus(const char *in_tree)
{
    struct dirent **entries;
    int count = scandir(tk_path(in_tree), &entries, is_shown, alphasort);
    for (int i = 0; i < count; i++) {
        char path[512];
        struct sample *as_it_is = &samples[sample_count], *mended = as_it_is + 1;
        snprintf(path, sizeof path, "%s/%s", in_tree, entries[i]->d_name);
        ASSERT_TRUE(sample_count + 2 <= FRAMES_MAX);
        FILE *file = fopen(tk_path(path), "rb");
        ASSERT_TRUE(file != NULL);
        as_it_is->size = fread(as_it_is->bytes, 1, FRAME_ROOM, file);
        fclose(file);
        EXPECT_TRUE(as_it_is->size < FRAME_ROOM);
        *mended = *as_it_is;
        fuzz_mend(mended->bytes, mended->size);
        sample_count += 2;
        free(entries[i]);
    }
    free(entries);
}

/* Classic pcap, Ethernet. */
static void write_capture(FILE *file)
{
    const struct {
        uint32_t magic;
        uint16_t major, minor;
        uint32_t reserved[2], snaplen, linktype;
    } head = {0xa1b2c3d4, 2, 4, {0}, 65535, 1};
    fwrite(&head, sizeof head, 1, file);
    for (size_t i = 0; i < sample_count; i++) {
        const uint32_t size = (uint32_t)samples[i].size, record[4] = {(uint32_t)i, 0, size, size};
        fwrite(record, sizeof record, 1, file);
        fwrite(samples[i].bytes, 1, size, file);
    }
}

/* What tshark is asked for; of what stands twice, the first. */
static const char fields[] =
    "-T fields -E occurrence=f -e ip.checksum.status -e carp.checksum.status -e ip.ttl "
    "-e carp.version -e eth.dst -e eth.src -e ip.dsfield -e ip.id -e ip.flags.df -e ip.src -e "
    "ip.dst "
    "-e ipv6.hlim -e ipv6.tclass -e ipv6.src -e ipv6.dst -e carp.type -e carp.vhid -e carp.advskew "
    "-e carp.authlen -e carp.demotion -e carp.adver_int -e carp.counter -e carp.hmac";
enum { IP_STATUS, CARP_STATUS, IP_TTL, CARP_VERSION, COMPARED_FROM, FIELDS_MAX = 23 };

/* Cuts a line into its fields; returns the next line. */
static char *cut(char *line, char *values[FIELDS_MAX])
{
    char *rest = strsep(&line, "\n"), *next = line;
    for (unsigned i = 0; i < FIELDS_MAX; i++) {
        values[i] = rest == NULL ? "" : strsep(&rest, "\t");
    }
    return next;
}

static const char *mac_text(const uint8_t *mac)
{
    static char texts[2][18];
    static unsigned turn;
    char *text = texts[turn++ % 2];
    snprintf(text, sizeof texts[0], "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
             mac[4], mac[5]);
    return text;
}

/* The fields from COMPARED_FROM on, as tshark writes them. */
static void describe(const struct carp_packet *p, char text[LINE_MAX_SIZE])
{
    char source[STORY_ADDRESS_MAX], destination[STORY_ADDRESS_MAX], hmac[2 * WIRE_DIGEST_SIZE + 1];
    const struct carp_advert *a = &p->advert;
    story_address(p->family, p->source, source);
    story_address(p->family, p->destination, destination);
    for (unsigned i = 0; i < WIRE_DIGEST_SIZE; i++) {
        snprintf(hmac + 2 * i, 3, "%02x", a->digest[i]);
    }
    int used = snprintf(text, LINE_MAX_SIZE, "%s %s ", mac_text(p->destination_mac),
                        mac_text(p->source_mac));
    if (p->family == 4) {
        used += snprintf(text + used, LINE_MAX_SIZE - (size_t)used, "0x%02x 0x%04x %u %s %s     ",
                         p->traffic_class, p->id, p->dont_fragment, source, destination);
    } else {
        used += snprintf(text + used, LINE_MAX_SIZE - (size_t)used, "     %u 0x%08x %s %s ", p->ttl,
                         p->traffic_class, source, destination);
    }
    snprintf(text + used, LINE_MAX_SIZE - (size_t)used, "%u %u %u %u %u %u %llu %s", a->type,
             a->vhid, a->advskew, a->authlen, a->demote, a->advbase, (unsigned long long)a->counter,
             hmac);
}

static void join(char *values[FIELDS_MAX], char text[LINE_MAX_SIZE])
{
    size_t used = 0;
    for (unsigned i = COMPARED_FROM; i < FIELDS_MAX && used < LINE_MAX_SIZE; i++) {
        used += (size_t)snprintf(text + used, LINE_MAX_SIZE - used, "%s%s",
                                 i == COMPARED_FROM ? "" : " ", values[i]);
    }
}

/* Ours is 36 bytes of payload, wherever they end, and in IPv6 NetBSD's checksum too. */
static bool covers_more(const struct sample *s, const struct carp_packet *p)
{
    size_t at = wire_u16(s->bytes + 12) == 0x8100 ? 18 : 14;
    const uint8_t *ip = s->bytes + at;
    size_t payload = p->family == 4 ? wire_u16(ip + 2) - (ip[0] & 0x0fu) * 4 : wire_u16(ip + 4);
    return p->pseudo_checksum || payload != WIRE_ADVERT_SIZE;
}

static unsigned compared[CARP_VERDICT_COUNT];

static void compare(const struct sample *s, char *values[FIELDS_MAX])
{
    struct carp_packet packet;
    char want[LINE_MAX_SIZE], got[LINE_MAX_SIZE];
    enum carp_verdict verdict = frame_parse(s->bytes, s->size, &packet);
    if (verdict == CARP_ACCEPTED && packet.advert.authlen != WIRE_AUTHLEN) {
        EXPECT_STR("", values[CARP_VERSION]);
        return;
    }
    compared[verdict] += 1;
    switch (verdict) {
    case CARP_ACCEPTED:
        describe(&packet, want);
        join(values, got);
        EXPECT_STR(want, got);
        EXPECT_STR("2", values[CARP_VERSION]);
        EXPECT_STR(packet.family == 4 ? "1" : "", values[IP_STATUS]);
        EXPECT_STR(packet.family == 4 ? "255" : "", values[IP_TTL]);
        if (!covers_more(s, &packet)) {
            EXPECT_STR("1", values[CARP_STATUS]);
        }
        break;
    case CARP_BAD_IP_CHECKSUM:
        EXPECT_STR("0", values[IP_STATUS]);
        break;
    case CARP_BAD_TTL:
        EXPECT_TRUE(strcmp(values[IP_TTL], "255") != 0);
        break;
    case CARP_BAD_VERSION:
        EXPECT_TRUE(strcmp(values[CARP_VERSION], "2") != 0);
        break;
    case CARP_BAD_CHECKSUM:
        EXPECT_TRUE(strcmp(values[CARP_STATUS], "1") != 0);
        break;
    default:
        compared[verdict] -= 1;
        break;
    }
}

TEST_CASE(tshark, reads_of_the_corpus_of_frames_what_we_read)
{
    struct tshark_lab shark;
    if (!tshark_lab_make(&shark)) {
        return;
    }
    read_corpus("fuzz/corpus/frame");
    write_capture(shark.file);
    char *line = strdup(tshark_lab_read(&shark, TSHARK_CARP, fields)), *all = line;
    for (size_t i = 0; i < sample_count && line != NULL; i++) {
        char *values[FIELDS_MAX], why[64];
        snprintf(why, sizeof why, "frame %zu of the corpus%s", i / 2, i % 2 ? ", mended" : "");
        tk_row(why);
        line = cut(line, values);
        compare(&samples[i], values);
    }
    tk_row(NULL);
    EXPECT_STR("", line); /* a line for each frame */
    for (int verdict = 0; verdict < CARP_VERDICT_COUNT; verdict++) {
        if (compared[verdict] > 0) {
            printf("%u frames compared: %s\n", compared[verdict],
                   verdict_word((enum carp_verdict)verdict));
        }
    }
    EXPECT_TRUE(compared[CARP_ACCEPTED] >= 10);
    free(all);
    tshark_lab_remove(&shark);
}
