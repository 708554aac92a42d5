/*
 * What follows an advert: each row that FreeBSD 13.0, NetBSD 7.99.34 and UCARP 1.5.2 were
 * confronted with (docs/PROTOCOL.md, "seen"; the same order), to the nanosecond and to the next
 * counter on the wire. reactions_test.c has the line each row makes in a log; here are the frames
 * byte by byte, without our encoder, and the time after.
 *
 * A master hears the row at 9.5 s, having sent adverts since its master-down time; a backup at 6 s,
 * having heard 1/0 with five counters that grow, at 1 s to 5 s. Nothing is heard afterwards.
 *
 * In all rows we differ from the peers in this: a master keeps its own counter, where they adopt
 * the heard one, until the sender is known to count up; and we react at once, where UCARP reads up
 * to 1 s late and kernels fire 10 to 30 ms late. Like UCARP and unlike kernels a master that stays
 * announces its addresses again, and one that yields says a last advert. Other differences stand
 * beside their rows.
 */
#include <string.h>

#include "engine/lab.h"
#include "tools/testkit/testkit.h"

enum { ROOM = 128, IP = 14, CARP = 34, ADVERT = 36, TOTAL = 56, FRAME = 70 };
#define LAST_HEARD  (LAB_HEARD_COUNTER + 5)
#define ROW_COUNTER (LAB_HEARD_COUNTER + 6)

/* What a frame is made from; the maker of a row changes it before it is signed. */
struct draft {
    uint8_t destination_mac[6], source_mac[6];
    uint8_t tos, ttl, version_and_type, vhid, authlen, demote;
    uint16_t id, fragment;
    uint8_t source[4], destination[4];
    uint64_t counter;
};

/* --- times -------------------------------------------------------------------------------------
 */

/* Nanoseconds, worked out by hand from T(down) = 3 x advbase + advskew/256 and T(interval). */
struct times {
    uint8_t advbase, advskew;
    uint64_t next_advert; /* of the master after 9.5 s: down + n x interval */
    uint64_t yielded;     /* 9.5 s + down */
    uint64_t dropped;     /* 5 s + down */
    uint64_t rearmed;     /* 6 s + down */
    uint64_t taken;       /* 6 s + interval: the next advert */
};

enum own { OWN_1_100, OWN_2_100, OWN_1_0, OWN_1_254 };

/* clang-format off */
static const struct times times[] = {
    [OWN_1_100] = {1, 100, 10343750000, 12890625000,  8390625000,  9390625000, 7390625000},
    [OWN_2_100] = {2, 100, 11171875000, 15890625000, 11390625000, 12390625000, 8390625000},
    [OWN_1_0]   = {1,   0, 10000000000, 12500000000,  8000000000,  9000000000, 7000000000},
    [OWN_1_254] = {1, 254,  9968750000, 13492187500,  8992187500,  9992187500, 7992187500},
};
/* clang-format on */

/* After a tie a master waits less, by a draw below half an interval: splitmix64 of seed 1 modulo
 * 695312500, worked out in Python. */
#define TIE_LESS UINT64_C(310197465)

/* --- makers ------------------------------------------------------------------------------------
 */

#define MAKE(name, statement)                                                                      \
    static void name(struct draft *d)                                                              \
    {                                                                                              \
        statement;                                                                                 \
    }
#define SET(field, ...) memcpy((field), (const uint8_t[]){__VA_ARGS__}, sizeof(field))

MAKE(lower, SET(d->source, 192, 0, 2, 5))
MAKE(higher, SET(d->source, 192, 0, 2, 250))
MAKE(higher_last, SET(d->source, 10, 0, 0, 250))
MAKE(own_source, SET(d->source, 192, 0, 2, 11))
MAKE(no_source, SET(d->source, 0, 0, 0, 0))
MAKE(off_subnet, SET(d->source, 10, 9, 9, 9))
MAKE(demoted, d->demote = 200)
MAKE(type_2, d->version_and_type = 0x22)
MAKE(version_3, d->version_and_type = 0x31)
MAKE(authlen_0, d->authlen = 0)
MAKE(ttl_254, d->ttl = 254)
MAKE(ttl_1, d->ttl = 1)
MAKE(wrong_vhid, d->vhid = 99)
MAKE(repeated, d->counter = LAST_HEARD)
MAKE(all_ones, d->counter = UINT64_MAX)
MAKE(zero, d->counter = 0)
MAKE(to_broadcast, SET(d->destination_mac, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff))
MAKE(to_port, SET(d->destination_mac, 0x02, 0, 0, 0, 0, 0x11))
MAKE(to_foreign, SET(d->destination_mac, 0x02, 0, 0, 0, 0, 0x77))
MAKE(to_host, to_port(d); SET(d->destination, 192, 0, 2, 11))
MAKE(to_other_group, SET(d->destination, 224, 0, 0, 99);
     SET(d->destination_mac, 0x01, 0, 0x5e, 0, 0, 0x63))
MAKE(plain_ip, d->tos = 0; d->id = 0xb6ae; d->fragment = 0)
MAKE(from_port, SET(d->source_mac, 0x02, 0, 0, 0, 0, 0x10))
MAKE(from_ucarp, d->source_mac[4] = 0)
MAKE(fragment, d->fragment = 0x2000)

/* Those that bend a finished frame; each returns its new size. */
static void put_16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static unsigned checksum(const uint8_t *bytes, size_t size)
{
    unsigned sum = 0;
    for (size_t i = 0; i < size; i += 2) {
        sum += (unsigned)bytes[i] << 8 | bytes[i + 1];
    }
    sum = (sum & 0xffff) + (sum >> 16);
    return ~(sum + (sum >> 16)) & 0xffff;
}

static void set_total(uint8_t *frame, unsigned total)
{
    put_16(frame + IP + 2, total);
    put_16(frame + IP + 10, 0);
    put_16(frame + IP + 10, checksum(frame + IP, (frame[IP] & 15u) * 4));
}

#define BEND(name, statement)                                                                      \
    static size_t name(uint8_t *frame)                                                             \
    {                                                                                              \
        size_t size = FRAME;                                                                       \
        statement;                                                                                 \
        return size;                                                                               \
    }

BEND(bad_digest, frame[CARP + 35] ^= 1; put_16(frame + CARP + 6, 0);
     put_16(frame + CARP + 6, checksum(frame + CARP, ADVERT)))
BEND(bad_checksum, frame[CARP + 7] ^= 1)
BEND(trailing, memset(frame + FRAME, 0, 12); size += 12)
BEND(inside, memset(frame + FRAME, 0xaa, 8); size += 8; set_total(frame, TOTAL + 8))
BEND(options, memmove(frame + CARP + 4, frame + CARP, ADVERT); memset(frame + CARP, 1, 4);
     frame[IP] = 0x46; set_total(frame, TOTAL + 4); size += 4)
BEND(cut, set_total(frame, TOTAL - 1); size -= 1)
BEND(said_100, set_total(frame, 100))
BEND(tagged, memmove(frame + 16, frame + 12, FRAME - 12); put_16(frame + 12, 0x8100);
     put_16(frame + 14, 0); size += 4)

/* --- rows --------------------------------------------------------------------------------------
 */

enum becomes {
    STAYS,   /* MASTER: its own rhythm goes on; announces again */
    YIELDS,  /* MASTER: releases, and sends one last advert with its own claim */
    SILENT,  /* MASTER: releases without a word, and waits longer */
    REARMS,  /* BACKUP: the wait begins anew; its first advert will carry heard + 1 */
    UNMOVED, /* so too, but its counter does not follow: it is not a newer one */
    TAKES,   /* BACKUP: claims, sends, announces */
    DROPPED, /* nothing of it stays */
};

struct reaction {
    enum becomes becomes;
    enum carp_rule rule; /* of an accepted advert */
};

struct row {
    const char *why;
    enum own own;
    uint8_t advbase, advskew;
    void (*make)(struct draft *draft);
    size_t (*bend)(uint8_t *frame);
    enum carp_verdict master_verdict, backup_verdict;
    struct reaction master, backup, preempting;
};

#define OK CARP_ACCEPTED, CARP_ACCEPTED
#define STAY                                                                                       \
    {                                                                                              \
        STAYS, CARP_RULE_WORSE_MASTER                                                              \
    }
#define YIELD                                                                                      \
    {                                                                                              \
        YIELDS, CARP_RULE_BETTER_MASTER                                                            \
    }
#define TIE                                                                                        \
    {                                                                                              \
        SILENT, CARP_RULE_TIE_BSD                                                                  \
    }
#define ALIVE                                                                                      \
    {                                                                                              \
        REARMS, CARP_RULE_MASTER_ALIVE                                                             \
    }
#define ALIVE_UNMOVED                                                                              \
    {                                                                                              \
        UNMOVED, CARP_RULE_MASTER_ALIVE                                                            \
    }
#define SLOW                                                                                       \
    {                                                                                              \
        REARMS, CARP_RULE_SLOWER_TOLERATED                                                         \
    }
#define PREEMPT                                                                                    \
    {                                                                                              \
        TAKES, CARP_RULE_PREEMPT                                                                   \
    }
#define BYE                                                                                        \
    {                                                                                              \
        TAKES, CARP_RULE_FAREWELL                                                                  \
    }
#define LATE                                                                                       \
    {                                                                                              \
        TAKES, CARP_RULE_WILL_TIME_OUT                                                             \
    }
#define DROP                                                                                       \
    {                                                                                              \
        DROPPED, CARP_RULE_NONE                                                                    \
    }
#define OBEYED         OK, YIELD, ALIVE, ALIVE
#define OBEYED_UNMOVED OK, YIELD, ALIVE_UNMOVED, ALIVE_UNMOVED
#define WORSE          OK, STAY, SLOW, PREEMPT
#define REFUSED(name)  CARP_##name, CARP_##name, DROP, DROP, DROP

/* clang-format off */
static const struct row rows[] = {
    {"slower by skew", OWN_1_100, 1, 150, 0, 0, WORSE},
    {"slower by base, lower skew", OWN_1_100, 2, 0, 0, 0, WORSE},
    /* Ties with a kernel's MAC: as kernels, not as UCARP (which goes by the address), because a
     * kernel will yield to us as well; and a longer wait, which no peer has. */
    {"equal, source lower", OWN_1_100, 1, 100, lower, 0, OK, TIE, ALIVE, ALIVE},
    {"equal, source higher", OWN_1_100, 1, 100, higher, 0, OK, TIE, ALIVE, ALIVE},
    {"equal, higher last octet but lower first", OWN_1_100, 1, 100, higher_last, 0,
        OK, TIE, ALIVE, ALIVE},
    {"faster by skew", OWN_1_100, 1, 50, 0, 0, OBEYED},
    {"slower by 1 skew", OWN_1_100, 1, 101, 0, 0, WORSE},
    {"faster by base, higher skew (own 2/100)", OWN_2_100, 1, 200, 0, 0, OBEYED},
    /* A farewell by name, for every advbase; the peers know only "will time out". */
    {"255/255", OWN_1_100, 255, 255, 0, 0, OK, STAY, BYE, BYE},
    {"255/255 to own 1/0", OWN_1_0, 255, 255, 0, 0, OK, STAY, BYE, BYE},
    {"1/254 to own 1/0", OWN_1_0, 1, 254, 0, 0, WORSE},
    {"0/0", OWN_1_100, 0, 0, 0, 0, OBEYED},
    {"0/0 to own 1/0", OWN_1_0, 0, 0, 0, 0, OBEYED},
    {"3/99 (just under 3*own)", OWN_1_100, 3, 99, 0, 0, WORSE},
    {"3/101 (just over 3*own)", OWN_1_100, 3, 101, 0, 0, OK, STAY, LATE, PREEMPT},
    {"3/255 to own 1/0", OWN_1_0, 3, 255, 0, 0, OK, STAY, LATE, PREEMPT},
    {"1/240 to own 1/254", OWN_1_254, 1, 240, 0, 0, OBEYED},
    {"demote byte 200, faster", OWN_1_100, 1, 50, demoted, 0, OBEYED},
    {"demote byte 200, slower", OWN_1_100, 1, 150, demoted, 0, WORSE},
    {"type 2, faster", OWN_1_100, 1, 50, type_2, 0, OBEYED},
    /* Named more closely than "badver": 36 bytes, 7 in byte 3 and a right sum are VRRPv3. */
    {"version 3, faster", OWN_1_100, 1, 50, version_3, 0, REFUSED(VRRP3)},
    {"authlen 0, faster", OWN_1_100, 1, 50, authlen_0, 0, OBEYED},
    {"bad digest, faster", OWN_1_100, 1, 50, 0, bad_digest, REFUSED(BAD_DIGEST)},
    {"bad CARP checksum, faster", OWN_1_100, 1, 50, 0, bad_checksum, REFUSED(BAD_CHECKSUM)},
    {"TTL 254, faster", OWN_1_100, 1, 50, ttl_254, 0, REFUSED(BAD_TTL)},
    {"TTL 1, faster", OWN_1_100, 1, 50, ttl_1, 0, REFUSED(BAD_TTL)},
    {"wrong vhid, faster", OWN_1_100, 1, 50, wrong_vhid, 0, REFUSED(OTHER_VHID)},
    /* As the peers, once; they obey it for ever. */
    {"repeated counter, faster", OWN_1_100, 1, 50, repeated, 0, OBEYED_UNMOVED},
    /* The peers look at no counter. To us both are steps back of a sender that counts up, all ones
     * being a little behind 0; a master has not heard it before and cannot tell. */
    {"counter all ones, faster", OWN_1_100, 1, 50, all_ones, 0,
        CARP_ACCEPTED, CARP_REPLAYED, YIELD, DROP, DROP},
    {"counter 0, faster", OWN_1_100, 1, 50, zero, 0,
        CARP_ACCEPTED, CARP_REPLAYED, YIELD, DROP, DROP},
    {"to broadcast MAC, faster", OWN_1_100, 1, 50, to_broadcast, 0, OBEYED},
    /* NetBSD drops it; as FreeBSD and UCARP we do not look at the destination MAC. */
    {"to own port MAC, faster", OWN_1_100, 1, 50, to_port, 0, OBEYED},
    /* The kernels' port drops it; as UCARP, should it be handed to us, we take it. */
    {"to a foreign unicast MAC, faster", OWN_1_100, 1, 50, to_foreign, 0, OBEYED},
    /* FreeBSD takes both; as NetBSD and UCARP we want the group. */
    {"own port MAC and own IP as destination", OWN_1_100, 1, 50, to_host, 0, REFUSED(OTHER_GROUP)},
    {"other group 224.0.0.99", OWN_1_100, 1, 50, to_other_group, 0, REFUSED(OTHER_GROUP)},
    {"12 trailing bytes after the IP length", OWN_1_100, 1, 50, 0, trailing, OBEYED},
    {"8 trailing non-zero bytes inside the IP length", OWN_1_100, 1, 50, 0, inside, OBEYED},
    {"IP options (4 x NOP)", OWN_1_100, 1, 50, 0, options, OBEYED},
    {"payload cut to 35 bytes", OWN_1_100, 1, 50, 0, cut, REFUSED(BAD_LENGTH)},
    /* UCARP obeys both; as kernels' IP layers we drop them. */
    {"IP length 100, frame whole", OWN_1_100, 1, 50, 0, said_100, REFUSED(TRUNCATED)},
    {"fragment (MF set, offset 0)", OWN_1_100, 1, 50, fragment, 0, REFUSED(FRAGMENT)},
    /* Only FreeBSD takes it: a priority tag is no other network. */
    {"VLAN tag 0", OWN_1_100, 1, 50, 0, tagged, OBEYED},
    {"TOS 0 and ID random, DF clear", OWN_1_100, 1, 50, plain_ip, 0, OBEYED},
    /* Kernels obey it, UCARP does not see it; we say that another host has our address. */
    {"source = own address, faster", OWN_1_100, 1, 50, own_source, 0, REFUSED(OWN_ADDRESS)},
    {"source 0.0.0.0", OWN_1_100, 1, 50, no_source, 0, OBEYED},
    {"source off-subnet 10.9.9.9", OWN_1_100, 1, 50, off_subnet, 0, OBEYED},
    {"Ethernet source = own port MAC", OWN_1_100, 1, 50, from_port, 0, OBEYED},
    {"Ethernet source UCARP style", OWN_1_100, 1, 50, from_ucarp, 0, OBEYED},
};
/* clang-format on */

/* --- frames ------------------------------------------------------------------------------------
 */

static struct draft start_draft(void)
{
    return (struct draft){
        .destination_mac = {0x01, 0, 0x5e, 0, 0, 0x12},
        .source_mac = {0, 0, 0x5e, 0, 1, 7},
        .tos = 0x10,
        .ttl = 255,
        .version_and_type = 0x21,
        .vhid = 7,
        .authlen = 7,
        .fragment = 0x4000,
        .source = {192, 0, 2, 10},
        .destination = {224, 0, 0, 18},
        .counter = ROW_COUNTER,
    };
}

static uint64_t get_counter(const uint8_t *frame)
{
    uint64_t counter = 0;
    for (int i = 0; i < 8; i++) {
        counter = counter << 8 | frame[CARP + 8 + i];
    }
    return counter;
}

/* Signed under the vhid that it carries. */
static void lay_frame(const struct lab *lab, const struct row *row, const struct draft *d,
                      uint8_t frame[ROOM])
{
    struct carp_config signer = lab->config;
    struct carp_advert advert = {.counter = d->counter};
    signer.vhid = d->vhid;
    lab_sign(&signer, &advert);

    memset(frame, 0, ROOM);
    memcpy(frame, d->destination_mac, 6);
    memcpy(frame + 6, d->source_mac, 6);
    put_16(frame + 12, 0x0800);
    frame[IP] = 0x45;
    frame[IP + 1] = d->tos;
    put_16(frame + IP + 4, d->id);
    put_16(frame + IP + 6, d->fragment);
    frame[IP + 8] = d->ttl;
    frame[IP + 9] = 112;
    memcpy(frame + IP + 12, d->source, 4);
    memcpy(frame + IP + 16, d->destination, 4);
    set_total(frame, TOTAL);

    uint8_t *carp = frame + CARP;
    const uint8_t fixed[] = {d->version_and_type, d->vhid,   row->advskew,
                             d->authlen,          d->demote, row->advbase};
    memcpy(carp, fixed, sizeof fixed);
    for (int i = 0; i < 8; i++) {
        carp[8 + i] = (uint8_t)(d->counter >> (56 - 8 * i));
    }
    memcpy(carp + 16, advert.digest, sizeof advert.digest);
    put_16(carp + 6, checksum(carp, ADVERT));
}

/* Hand a row's frame to the node now, as io/host.c does. */
static enum carp_verdict confront(struct lab *lab, const uint8_t *frame, size_t size)
{
    struct carp_packet packet;
    enum carp_verdict verdict = frame_parse(frame, size, &packet);
    if (verdict != CARP_ACCEPTED) {
        return verdict;
    }
    struct carp_event event = {.type = CARP_EVENT_ADVERT, .packet = &packet};
    return lab_step(lab, &event);
}

static enum carp_verdict confront_with(struct lab *lab, const struct row *row)
{
    struct draft draft = start_draft();
    uint8_t frame[ROOM];
    if (row->make != NULL) {
        row->make(&draft);
    }
    lay_frame(lab, row, &draft, frame);
    return confront(lab, frame, row->bend != NULL ? row->bend(frame) : FRAME);
}

/* --- checks ------------------------------------------------------------------------------------
 */

static void expect_actions(const struct lab *lab, enum becomes becomes)
{
    static const struct {
        uint8_t count, types[3];
    } wants[] = {
        [STAYS] = {1, {CARP_ANNOUNCE}}, [YIELDS] = {2, {CARP_RELEASE, CARP_SEND}},
        [SILENT] = {1, {CARP_RELEASE}}, [REARMS] = {0, {0}},
        [UNMOVED] = {0, {0}},           [TAKES] = {3, {CARP_CLAIM, CARP_SEND, CARP_ANNOUNCE}},
    };
    EXPECT_INT(wants[becomes].count, lab->out.count);
    for (int i = 0; i < wants[becomes].count && i < lab->out.count; i++) {
        EXPECT_INT(wants[becomes].types[i], lab->out.at[i].type);
    }
}

/* The action of this number is an advert with our own claim and this counter. */
static void expect_sent(const struct lab *lab, unsigned index, uint64_t counter)
{
    const uint8_t *frame = lab_sent(lab, index);
    EXPECT_INT(lab->config.advskew, frame[CARP + 2]);
    EXPECT_INT(lab->config.advbase, frame[CARP + 5]);
    EXPECT_U64(counter, get_counter(frame));
}

/* Quiet until the deadline, and then what a state does at it, with this counter. */
static void expect_at(struct lab *lab, uint64_t deadline_ns, uint64_t counter)
{
    EXPECT_U64(deadline_ns, carp_deadline(&lab->carp).ns);
    enum carp_state before = carp_state(&lab->carp);
    lab_run(lab, (carp_instant){deadline_ns - 1});
    EXPECT_INT(before, carp_state(&lab->carp));
    lab_run(lab, (carp_instant){deadline_ns});
    EXPECT_INT(CARP_MASTER, carp_state(&lab->carp));
    expect_sent(lab, before == CARP_BACKUP ? 1 : 0, counter);
}

static void expect_reaction(struct lab *lab, const struct row *row, enum carp_verdict verdict,
                            struct reaction want)
{
    const struct times *t = &times[row->own];
    bool was_master = carp_state(&lab->carp) == CARP_MASTER;
    struct carp before = lab->carp;
    EXPECT_INT(verdict, confront_with(lab, row));
    if (want.becomes == DROPPED) {
        EXPECT_BYTES(&before, &lab->carp, sizeof before);
        expect_at(lab, was_master ? t->next_advert : t->dropped, before.counter + 1);
        return;
    }
    EXPECT_INT(want.rule, lab->out.rule);
    expect_actions(lab, want.becomes);
    switch (want.becomes) {
    case STAYS:
        expect_at(lab, t->next_advert, before.counter + 1);
        break;
    case YIELDS:
        expect_sent(lab, 1, before.counter + 1);
        expect_at(lab, t->yielded, before.counter + 2);
        break;
    case SILENT:
        expect_at(lab, t->yielded - TIE_LESS, before.counter + 1);
        break;
    case REARMS:
        expect_at(lab, t->rearmed, ROW_COUNTER + 1);
        break;
    case UNMOVED:
        expect_at(lab, t->rearmed, LAST_HEARD + 1);
        break;
    case TAKES:
        expect_sent(lab, 1, ROW_COUNTER + 1);
        expect_at(lab, t->taken, ROW_COUNTER + 2);
        break;
    case DROPPED:
        break;
    }
}

/* Only the row's frame after this, whatever the state before it. */
static void reach(struct lab *lab, const struct row *row, enum carp_state state, bool preempt)
{
    const struct times *t = &times[row->own];
    lab_init(lab, (struct carp_config){
                      .advbase = t->advbase, .advskew = t->advskew, .preempt = preempt});
    lab_link(lab, true);
    if (state == CARP_MASTER) {
        lab_run(lab, AT_MS(9500));
    } else {
        for (uint64_t s = 1; s <= 5; s++) {
            lab_hear(lab, AT_S(s), (struct lab_advert){.host = 10, .advbase = 1});
        }
        lab_run(lab, AT_S(6));
        EXPECT_U64(LAST_HEARD, lab->carp.counter);
        EXPECT_U64(t->dropped, carp_deadline(&lab->carp).ns);
    }
    EXPECT_INT(state, carp_state(&lab->carp));
}

TEST_CASE(carp_reactions, of_a_master_to_each_row_and_what_comes_after_it)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int preempt = 0; preempt < 2; preempt++) {
            struct lab lab;
            tk_row(rows[i].why);
            reach(&lab, &rows[i], CARP_MASTER, preempt == 1);
            expect_reaction(&lab, &rows[i], rows[i].master_verdict, rows[i].master);
        }
    }
}

TEST_CASE(carp_reactions, of_a_backup_to_each_row_and_what_comes_after_it)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int preempt = 0; preempt < 2; preempt++) {
            struct lab lab;
            tk_row(rows[i].why);
            reach(&lab, &rows[i], CARP_BACKUP, preempt == 1);
            expect_reaction(&lab, &rows[i], rows[i].backup_verdict,
                            preempt == 1 ? rows[i].preempting : rows[i].backup);
        }
    }
}

/* The row that has no maker: kernels yield to it, UCARP's filter and our counter do not. As often
 * as it is reflected, from an old one to the newest, as master and as backup afterwards. */
TEST_CASE(carp_reactions, of_a_master_to_its_own_last_advert_reflected_unchanged)
{
    struct lab lab;
    uint8_t frames[3][ROOM];
    lab_init(&lab, (struct carp_config){.advbase = 1, .advskew = 100});
    lab_link(&lab, true);
    static const uint64_t sent_at[3] = {3390625000, 4781250000, 6171875000};
    for (unsigned i = 0; i < 3; i++) {
        lab_run(&lab, (carp_instant){sent_at[i]});
        const uint8_t *frame = lab_sent(&lab, i == 0 ? 1 : 0);
        memcpy(frames[i], frame, FRAME);
    }
    struct carp before = lab.carp;
    for (unsigned i = 0; i < 3; i++) {
        EXPECT_INT(CARP_LOOPED, confront(&lab, frames[i], FRAME));
        EXPECT_INT(0, lab.out.count);
        EXPECT_BYTES(&before, &lab.carp, sizeof before);
    }
    expect_at(&lab, 7562500000, before.counter + 1);
    lab_yield(&lab, CARP_YIELD_OPERATOR, CARP_SECONDS(0));
    before = lab.carp;
    EXPECT_INT(CARP_LOOPED, confront(&lab, frames[2], FRAME));
    EXPECT_BYTES(&before, &lab.carp, sizeof before);
}
