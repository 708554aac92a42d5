/*
 * Our reaction to each advert that FreeBSD 13.0, NetBSD 7.99.34 and UCARP 1.5.2 were confronted
 * with in the laboratory (docs/PROTOCOL.md, "seen"), row by row, as master and as backup: own
 * timers 1/100 unless said, `faster` is 1/50, the sender 192.0.2.10 with a kernel's MAC. A backup
 * had heard 1/0 every second, last one second ago. Where we differ from all three, the row says so.
 *
 * Whole frames go through frame_parse() and carp_step(), as in io/host.c.
 */
#include <stdio.h>
#include <string.h>

#include "engine/lab.h"
#include "tools/testkit/testkit.h"

enum { ROOM = 256, IP = 14, PAYLOAD = 34 };

struct row {
    const char *why;
    struct claim own, heard;
    void (*edit)(struct lab *lab, struct carp_packet *packet); /* before it is signed */
    size_t (*bend)(uint8_t *frame, size_t size);               /* afterwards */
    const char *master, *backup, *preempting;                  /* NULL: as the one before */
};

/* --- the packets -------------------------------------------------------------------------------
 */

static void fix_ip(uint8_t *frame)
{
    lab_fix_checksum(frame + IP, (size_t)(frame[IP] & 15) * 4, frame + IP + 10);
}

static void from(struct carp_packet *packet, uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
    const uint8_t source[4] = {a, b, c, d};
    memcpy(packet->source, source, sizeof source);
}

#define EDIT(name, statement)                                                                      \
    static void name(struct lab *lab, struct carp_packet *packet)                                  \
    {                                                                                              \
        (void)lab;                                                                                 \
        statement;                                                                                 \
    }
#define BEND(name, statement)                                                                      \
    static size_t name(uint8_t *frame, size_t size)                                                \
    {                                                                                              \
        statement;                                                                                 \
        return size;                                                                               \
    }

EDIT(source_lower, from(packet, 192, 0, 2, 5))
EDIT(source_higher, from(packet, 192, 0, 2, 200))
EDIT(source_higher_last, from(packet, 10, 0, 0, 250))
EDIT(source_own, from(packet, 192, 0, 2, 11))
EDIT(source_none, from(packet, 0, 0, 0, 0))
EDIT(source_elsewhere, from(packet, 10, 9, 9, 9))
EDIT(demote_200, packet->advert.demote = 200)
EDIT(type_2, packet->advert.type = 2)
EDIT(version_3, packet->advert.version = 3)
EDIT(authlen_0, packet->advert.authlen = 0)
EDIT(ttl_254, packet->ttl = 254)
EDIT(ttl_1, packet->ttl = 1)
EDIT(other_vhid, packet->advert.vhid = 99)
EDIT(counter_repeated, packet->advert.counter = lab->heard_counter - 1)
EDIT(counter_all_ones, packet->advert.counter = UINT64_MAX)
EDIT(counter_zero, packet->advert.counter = 0)
EDIT(to_broadcast, memset(packet->destination_mac, 0xff, 6))
EDIT(to_own_mac, memcpy(packet->destination_mac, lab->self.mac, 6))
EDIT(to_foreign_mac, memcpy(packet->destination_mac, "\x02\x00\x00\x00\x00\x77", 6))
EDIT(to_own_address, to_own_mac(lab, packet); memcpy(packet->destination, lab->self.ipv4, 4))
EDIT(to_other_group, memcpy(packet->destination, "\xe0\x00\x00\x63", 4);
     packet->destination_mac[5] = 0x63)
EDIT(no_tos, packet->traffic_class = 0; packet->id = 0xb6ae; packet->dont_fragment = false)
EDIT(from_port_mac, memcpy(packet->source_mac, "\x02\x00\x00\x00\x00\x10", 6))
EDIT(from_ucarp_mac, packet->source_mac[4] = 0)

/* The last two words of the digest swapped: the sum stays right. */
BEND(bad_digest, uint8_t word[2]; memcpy(word, frame + PAYLOAD + 32, 2);
     memcpy(frame + PAYLOAD + 32, frame + PAYLOAD + 34, 2); memcpy(frame + PAYLOAD + 34, word, 2))
BEND(bad_checksum, frame[PAYLOAD + 7] ^= 1)
BEND(trailing, memset(frame + size, 0, 12); size += 12)
BEND(inside, memset(frame + size, 0xaa, 8); size += 8; frame[IP + 3] = 64; fix_ip(frame))
BEND(options, memmove(frame + PAYLOAD + 4, frame + PAYLOAD, 36); memset(frame + PAYLOAD, 1, 4);
     frame[IP] = 0x46; frame[IP + 3] = 60; fix_ip(frame); size += 4)
BEND(cut, size -= 1; frame[IP + 3] = 55; fix_ip(frame))
BEND(longer_said, frame[IP + 3] = 100; fix_ip(frame))
BEND(fragment, frame[IP + 6] = 0x20; fix_ip(frame))
BEND(tagged, memmove(frame + 16, frame + 12, size - 12); memcpy(frame + 12, "\x81\x00\x00\x00", 4);
     size += 4)

/* --- the rows ------------------------------------------------------------------------------------
 */

#define OWN                                                                                        \
    {                                                                                              \
        0, 1, 100                                                                                  \
    }
#define FASTER                                                                                     \
    {                                                                                              \
        0, 1, 50                                                                                   \
    }

#define YIELDS(claim)      "hears 192.0.2.10 " claim " -> BACKUP (better-master): release, send"
#define STAYS(claim)       "hears 192.0.2.10 " claim " (worse-master): announce"
#define ALIVE(claim)       "hears 192.0.2.10 " claim " (master-alive)"
#define SLOWER(claim)      "hears 192.0.2.10 " claim " (slower-tolerated)"
#define TAKES(claim, rule) "hears 192.0.2.10 " claim " -> MASTER (" rule "): claim, send, announce"
#define REFUSED(verdict)   "refuses 192.0.2.10 1/50 (" verdict ")"
#define UNREAD(verdict)    "unread: " verdict

/* clang-format off */
static const struct row rows[] = {
    {"slower by skew", OWN, {0, 1, 150}, NULL, NULL,
        STAYS("1/150"), SLOWER("1/150"), TAKES("1/150", "preempt")},
    {"slower by base, lower skew", OWN, {0, 2, 0}, NULL, NULL,
        STAYS("2/0"), SLOWER("2/0"), TAKES("2/0", "preempt")},
    /* Equal, from a kernel's MAC: we yield in silence, as kernels do, whatever the address. */
    {"equal, source lower", OWN, OWN, source_lower, NULL,
        "hears 192.0.2.5 1/100 -> BACKUP (tie-bsd): release [equal timers]",
        "hears 192.0.2.5 1/100 (master-alive) [equal timers]", NULL},
    {"equal, source higher", OWN, OWN, source_higher, NULL,
        "hears 192.0.2.200 1/100 -> BACKUP (tie-bsd): release [equal timers]",
        "hears 192.0.2.200 1/100 (master-alive) [equal timers]", NULL},
    {"equal, higher last octet but lower first", OWN, OWN, source_higher_last, NULL,
        "hears 10.0.0.250 1/100 -> BACKUP (tie-bsd): release [equal timers]",
        "hears 10.0.0.250 1/100 (master-alive) [equal timers]", NULL},
    {"faster by skew", OWN, FASTER, NULL, NULL, YIELDS("1/50"), ALIVE("1/50"), NULL},
    {"slower by 1 skew", OWN, {0, 1, 101}, NULL, NULL,
        STAYS("1/101"), SLOWER("1/101"), TAKES("1/101", "preempt")},
    {"faster by base, higher skew (own 2/100)", {0, 2, 100}, {0, 1, 200}, NULL, NULL,
        YIELDS("1/200"), ALIVE("1/200"), NULL},
    /* The farewell has a rule of its own here, not only "will time out". */
    {"255/255", OWN, {0, 255, 255}, NULL, NULL,
        STAYS("255/255"), TAKES("255/255", "farewell"), NULL},
    {"255/255 to own 1/0", {0, 1, 0}, {0, 255, 255}, NULL, NULL,
        STAYS("255/255"), TAKES("255/255", "farewell"), NULL},
    {"1/254 to own 1/0", {0, 1, 0}, {0, 1, 254}, NULL, NULL,
        STAYS("1/254"), SLOWER("1/254"), TAKES("1/254", "preempt")},
    {"0/0", OWN, {0, 0, 0}, NULL, NULL, YIELDS("0/0"), ALIVE("0/0"), NULL},
    {"0/0 to own 1/0", {0, 1, 0}, {0, 0, 0}, NULL, NULL, YIELDS("0/0"), ALIVE("0/0"), NULL},
    {"3/99 (just under 3*own)", OWN, {0, 3, 99}, NULL, NULL,
        STAYS("3/99"), SLOWER("3/99"), TAKES("3/99", "preempt")},
    {"3/101 (just over 3*own)", OWN, {0, 3, 101}, NULL, NULL,
        STAYS("3/101"), TAKES("3/101", "will-time-out"), TAKES("3/101", "preempt")},
    {"3/255 to own 1/0", {0, 1, 0}, {0, 3, 255}, NULL, NULL,
        STAYS("3/255"), TAKES("3/255", "will-time-out"), TAKES("3/255", "preempt")},
    {"1/240 to own 1/254", {0, 1, 254}, {0, 1, 240}, NULL, NULL,
        YIELDS("1/240"), ALIVE("1/240"), NULL},
    {"demote byte 200, faster", OWN, FASTER, demote_200, NULL, YIELDS("1/50"), ALIVE("1/50"), NULL},
    {"demote byte 200, slower", OWN, {0, 1, 150}, demote_200, NULL,
        STAYS("1/150"), SLOWER("1/150"), TAKES("1/150", "preempt")},
    {"type 2, faster", OWN, FASTER, type_2, NULL, YIELDS("1/50"), ALIVE("1/50"), NULL},
    /* 36 bytes of version 3 with 7 in byte 3 are a VRRPv3 packet with seven addresses. */
    {"version 3, faster", OWN, FASTER, version_3, NULL, UNREAD("vrrp3"), NULL, NULL},
    {"authlen 0, faster", OWN, FASTER, authlen_0, NULL, YIELDS("1/50"), ALIVE("1/50"), NULL},
    {"bad digest, faster", OWN, FASTER, NULL, bad_digest, REFUSED("bad-digest"), NULL, NULL},
    {"bad CARP checksum, faster", OWN, FASTER, NULL, bad_checksum,
        UNREAD("bad-checksum"), NULL, NULL},
    {"TTL 254, faster", OWN, FASTER, ttl_254, NULL, UNREAD("bad-ttl"), NULL, NULL},
    {"TTL 1, faster", OWN, FASTER, ttl_1, NULL, UNREAD("bad-ttl"), NULL, NULL},
    {"wrong vhid, faster", OWN, FASTER, other_vhid, NULL, REFUSED("other-vhid"), NULL, NULL},
    /* Once is genuine: a backup hears 192.0.2.10's last counter again. */
    {"repeated counter, faster", OWN, FASTER, counter_repeated, NULL,
        YIELDS("1/50"), ALIVE("1/50"), NULL},
    /* To a backup both are steps back of a sender that counts up, 5000005 being a little ahead of
     * all ones: the others look at no counter. */
    {"counter all ones, faster", OWN, FASTER, counter_all_ones, NULL,
        YIELDS("1/50"), REFUSED("replayed"), NULL},
    {"counter 0, faster", OWN, FASTER, counter_zero, NULL,
        YIELDS("1/50"), REFUSED("replayed"), NULL},
    {"to broadcast MAC, faster", OWN, FASTER, to_broadcast, NULL,
        YIELDS("1/50"), ALIVE("1/50"), NULL},
    {"to own port MAC, faster", OWN, FASTER, to_own_mac, NULL, YIELDS("1/50"), ALIVE("1/50"), NULL},
    /* Frames for others do not reach a daemon on a switch; like UCARP we would take it. */
    {"to a foreign unicast MAC, faster", OWN, FASTER, to_foreign_mac, NULL,
        YIELDS("1/50"), ALIVE("1/50"), NULL},
    {"own port MAC and own IP as destination, faster", OWN, FASTER, to_own_address, NULL,
        REFUSED("other-group"), NULL, NULL},
    {"other group 224.0.0.99, faster", OWN, FASTER, to_other_group, NULL,
        REFUSED("other-group"), NULL, NULL},
    {"12 trailing bytes after the IP length, faster", OWN, FASTER, NULL, trailing,
        YIELDS("1/50"), ALIVE("1/50"), NULL},
    {"8 trailing bytes inside the IP length, faster", OWN, FASTER, NULL, inside,
        YIELDS("1/50"), ALIVE("1/50"), NULL},
    {"IP options (4 x NOP), faster", OWN, FASTER, NULL, options,
        YIELDS("1/50"), ALIVE("1/50"), NULL},
    {"payload cut to 35 bytes, faster", OWN, FASTER, NULL, cut, UNREAD("bad-length"), NULL, NULL},
    {"IP length 100, frame whole, faster", OWN, FASTER, NULL, longer_said,
        UNREAD("truncated"), NULL, NULL},
    {"fragment (MF set, offset 0), faster", OWN, FASTER, NULL, fragment,
        UNREAD("fragment"), NULL, NULL},
    {"VLAN tag 0, faster", OWN, FASTER, NULL, tagged, YIELDS("1/50"), ALIVE("1/50"), NULL},
    {"TOS 0 and ID random, DF clear, faster", OWN, FASTER, no_tos, NULL,
        YIELDS("1/50"), ALIVE("1/50"), NULL},
    /* As UCARP, by address; but valid and not ours, so it has a name of its own. */
    {"source = own address, faster", OWN, FASTER, source_own, NULL,
        "refuses 192.0.2.11 1/50 (own-address)", NULL, NULL},
    {"source 0.0.0.0, faster", OWN, FASTER, source_none, NULL,
        "hears 0.0.0.0 1/50 -> BACKUP (better-master): release, send",
        "hears 0.0.0.0 1/50 (master-alive)", NULL},
    {"source off-subnet 10.9.9.9, faster", OWN, FASTER, source_elsewhere, NULL,
        "hears 10.9.9.9 1/50 -> BACKUP (better-master): release, send",
        "hears 10.9.9.9 1/50 (master-alive)", NULL},
    {"Ethernet source = port MAC, faster", OWN, FASTER, from_port_mac, NULL,
        YIELDS("1/50"), ALIVE("1/50"), NULL},
    {"Ethernet source UCARP style, faster", OWN, FASTER, from_ucarp_mac, NULL,
        YIELDS("1/50"), ALIVE("1/50"), NULL},
};
/* clang-format on */

/* The row's frame; returns its size. */
static size_t make_frame(struct lab *lab, const struct row *row, uint8_t frame[ROOM])
{
    struct carp_packet packet = lab_packet(lab, (struct lab_advert){.host = 10,
                                                                    .kind = LAB_BSD,
                                                                    .advbase = row->heard.advbase,
                                                                    .advskew = row->heard.advskew});
    if (row->edit != NULL) {
        row->edit(lab, &packet);
        lab_sign(&lab->config, &packet.advert);
    }
    size_t size = frame_write(&packet, frame);
    return row->bend == NULL ? size : row->bend(frame, size);
}

/* What became of a frame at this moment: the step's line from the state on, or why it was not read.
 */
static void confront(struct lab *lab, const uint8_t *frame, size_t size, char *said, size_t room)
{
    struct carp_packet packet;
    enum carp_verdict verdict = frame_parse(frame, size, &packet);
    if (verdict != CARP_ACCEPTED) {
        snprintf(said, room, "unread: %s", verdict_word(verdict));
        return;
    }
    char line[STORY_LINE_MAX];
    struct carp_event event = {.type = CARP_EVENT_ADVERT, .packet = &packet};
    carp_step(&lab->config, &lab->crypto, &lab->carp, lab->now, &event, &lab->out);
    story_line(line, sizeof line, lab->now, &event, &lab->out);
    const char *after_time = strchr(line, ' ') + 1;
    snprintf(said, room, "%s", strchr(after_time, ' ') + 1);
}

/* A refused frame leaves no trace; an obeyed one arms what its rule says. */
static void check_after(const struct lab *lab, const struct carp *before, const char *said)
{
    uint64_t wait_ns = carp_deadline(&lab->carp).ns - lab->now.ns;
    uint64_t down_ns = carp_master_down(&lab->config, &lab->carp).ns;
    uint64_t interval_ns = carp_interval(&lab->config, &lab->carp).ns;
    if (strncmp(said, "hears", 5) != 0) {
        EXPECT_BYTES(before, &lab->carp, sizeof *before);
    } else if (strstr(said, "tie-bsd") != NULL) {
        EXPECT_TRUE(wait_ns >= down_ns && wait_ns < down_ns + interval_ns / 2);
    } else if (carp_state(&lab->carp) == CARP_BACKUP) {
        EXPECT_U64(down_ns, wait_ns);
    } else if (before->state == CARP_BACKUP) {
        EXPECT_U64(interval_ns, wait_ns);
    } else {
        EXPECT_U64(before->deadline.ns, carp_deadline(&lab->carp).ns); /* its own cadence */
    }
}

static void check_row(struct lab *lab, const struct row *row, const char *want)
{
    uint8_t frame[ROOM];
    char said[STORY_LINE_MAX];
    size_t size = make_frame(lab, row, frame);
    struct carp before = lab->carp;
    confront(lab, frame, size, said, sizeof said);
    EXPECT_STR(want, said);
    check_after(lab, &before, said);
}

static void init(struct lab *lab, const struct row *row, bool preempt)
{
    lab_init(lab, (struct carp_config){.advbase = row->own.advbase,
                                       .advskew = row->own.advskew,
                                       .preempt = preempt});
    lab_link(lab, true);
}

TEST_CASE(reactions, of_a_master_to_each_row_with_preemption_and_without)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int preempt = 0; preempt < 2; preempt++) {
            struct lab lab;
            tk_row(rows[i].why);
            init(&lab, &rows[i], preempt == 1);
            lab_run(&lab, AT_MS(15500)); /* master, and between two adverts */
            EXPECT_INT(CARP_MASTER, carp_state(&lab.carp));
            check_row(&lab, &rows[i], rows[i].master);
        }
    }
}

TEST_CASE(reactions, of_a_backup_to_each_row_with_preemption_and_without)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *backup = rows[i].backup != NULL ? rows[i].backup : rows[i].master;
        for (int preempt = 0; preempt < 2; preempt++) {
            struct lab lab;
            tk_row(rows[i].why);
            init(&lab, &rows[i], preempt == 1);
            for (uint64_t s = 1; s <= 5; s++) {
                lab_hear(&lab, AT_S(s), (struct lab_advert){.host = 10, .advbase = 1});
            }
            lab.now = AT_S(6);
            EXPECT_INT(CARP_BACKUP, carp_state(&lab.carp));
            bool differs = preempt == 1 && rows[i].preempting != NULL;
            check_row(&lab, &rows[i], differs ? rows[i].preempting : backup);
        }
    }
}

/* Row "own last advert reflected unchanged": kernels fall for it, UCARP and we do not. */
TEST_CASE(reactions, of_a_master_to_its_own_last_advert)
{
    struct lab lab;
    char said[STORY_LINE_MAX];
    uint8_t frame[ROOM];
    lab_init(&lab, (struct carp_config){.advbase = 1, .advskew = 100});
    lab_link(&lab, true);
    lab_run(&lab, AT_NS(3390625000));
    memcpy(frame, lab_sent(&lab, 1), 70);
    struct carp before = lab.carp;
    confront(&lab, frame, 70, said, sizeof said);
    EXPECT_STR("refuses 192.0.2.11 1/100 (looped)", said);
    EXPECT_BYTES(&before, &lab.carp, sizeof before);
}
