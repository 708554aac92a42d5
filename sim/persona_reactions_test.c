/*
 * What one advert does: each row that genuine FreeBSD 13.0, NetBSD 7.99.34 and UCARP 1.5.2 were
 * confronted with (bsd-reactions.md section 1), in each state, with preempt off and on.
 *
 * The cells are the laboratory's, with its times in ms after the row's packet left:
 *
 *   S+       stays; its next advert comes when it was due, with the heard counter + 1
 *   S- word  as if nothing had come, but for that counter
 *   SG n     stays; gratuitous ARP after n, another one with the second advert that follows
 *   Y n      BACKUP at once, in silence; MASTER again after n with the heard counter + 1
 *   YF m n   after m one more advert, BACKUP; MASTER again after n
 *   R n      BACKUP waits anew; MASTER after n, with the heard counter + 1
 *   T n      takes over after n, with the heard counter + 1
 *   D n word dropped; MASTER after n, with the last counter heard before + 1
 *   P        with preempt on, instead: T
 *
 * Kernels hear the row's packet with a tick of their clock, as by its times NetBSD did, to 2 ms.
 * FreeBSD did in most rows; some are 10 ms shorter, and the port it polled every 2 ms adds up to 3.
 * UCARP reads a packet some time after it came: the row tells how long that was, and here it is as
 * long.
 */
#include <stdio.h>
#include <string.h>

#include "sim/persona_lab.h"
#include "tools/testkit/testkit.h"

enum { IP = 14, CARP = 34, ADVERT = 36, TOTAL = 56, FRAME = 70, ROOM = 128 };
enum { COUNTER = 5000000, OTHER_VHID = 99 };

/* --- makers of frames ------------------------------------------------------------------------- */

#define MAKE(name, statement)                                                                      \
    static void name(struct persona_draft *d, const struct carp_self *self)                        \
    {                                                                                              \
        (void)self;                                                                                \
        statement;                                                                                 \
    }
#define SET(field, ...) memcpy((field), (const uint8_t[]){__VA_ARGS__}, sizeof(field))

MAKE(lower, SET(d->source, 192, 0, 2, 5))
MAKE(higher, SET(d->source, 192, 0, 2, 250))
MAKE(higher_last, SET(d->source, 10, 0, 0, 250))
MAKE(own_source, memcpy(d->source, self->ipv4, 4))
MAKE(no_source, SET(d->source, 0, 0, 0, 0))
MAKE(off_subnet, SET(d->source, 10, 9, 9, 9))
MAKE(demoted, d->demote = 200)
MAKE(type_2, d->version_and_type = 0x22)
MAKE(version_3, d->version_and_type = 0x31)
MAKE(authlen_0, d->authlen = 0)
MAKE(ttl_254, d->ttl = 254)
MAKE(ttl_1, d->ttl = 1)
MAKE(wrong_vhid, d->vhid = OTHER_VHID)
MAKE(repeated, d->counter = COUNTER)
MAKE(all_ones, d->counter = UINT64_MAX)
MAKE(zero, d->counter = 0)
MAKE(to_broadcast, SET(d->destination_mac, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff))
MAKE(to_port, memcpy(d->destination_mac, self->mac, 6))
MAKE(to_foreign, SET(d->destination_mac, 0x02, 0, 0, 0, 0, 0x77))
MAKE(to_host, to_port(d, self); memcpy(d->destination, self->ipv4, 4))
MAKE(to_other_group, SET(d->destination, 224, 0, 0, 99);
     SET(d->destination_mac, 0x01, 0, 0x5e, 0, 0, 0x63))
MAKE(plain_ip, d->tos = 0; d->id = 0xb6ae; d->fragment = 0)
MAKE(from_port, memcpy(d->source_mac, self->mac, 6))
MAKE(from_ucarp, d->source_mac[4] = 0)
MAKE(fragment, d->fragment = 0x2000)

static void put_16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void set_total(uint8_t *frame, unsigned total)
{
    put_16(frame + IP + 2, total);
    persona_fix_checksum(frame + IP, (frame[IP] & 15u) * 4, frame + IP + 10);
}

/* Those that bend a finished frame; each returns its new size. */
#define BEND(name, statement)                                                                      \
    static size_t name(uint8_t *frame)                                                             \
    {                                                                                              \
        size_t size = FRAME;                                                                       \
        statement;                                                                                 \
        return size;                                                                               \
    }

BEND(bad_digest, frame[CARP + 35] ^= 1; persona_fix_checksum(frame + CARP, ADVERT, frame + 40))
BEND(bad_checksum, frame[CARP + 7] ^= 1)
BEND(trailing, memset(frame + FRAME, 0, 12); size += 12)
BEND(inside, memset(frame + FRAME, 0xaa, 8); size += 8; set_total(frame, TOTAL + 8))
BEND(options, memmove(frame + CARP + 4, frame + CARP, ADVERT); memset(frame + CARP, 1, 4);
     frame[IP] = 0x46; set_total(frame, TOTAL + 4); size += 4)
BEND(cut, set_total(frame, TOTAL - 1); size -= 1)
BEND(said_100, set_total(frame, 100))
BEND(tagged, memmove(frame + 16, frame + 12, FRAME - 12); put_16(frame + 12, 0x8100);
     put_16(frame + 14, 0); size += 4)

/* --- the table -------------------------------------------------------------------------------- */

struct row {
    const char *why;
    uint8_t own[2], heard[2]; /* advbase, advskew */
    void (*make)(struct persona_draft *draft, const struct carp_self *self);
    size_t (*bend)(uint8_t *frame);
    const char *cells[3][2]; /* FreeBSD, NetBSD, UCARP: as MASTER, as BACKUP */
    bool reflected;
};

#define FREEBSD(master, backup)                                                                    \
    {                                                                                              \
        master, backup                                                                             \
    }
#define NETBSD(master, backup)                                                                     \
    {                                                                                              \
        master, backup                                                                             \
    }
#define UCARP(master, backup)                                                                      \
    {                                                                                              \
        master, backup                                                                             \
    }
#define F                                                                                          \
    {1, 100},                                                                                      \
    {                                                                                              \
        1, 50                                                                                      \
    } /* "faster" */

/* clang-format off */
static const struct row rows[] = {
    {"slower by skew", {1, 100}, {1, 150}, NULL, NULL,
     {FREEBSD("S+", "R 3422 P 1.3"), NETBSD("S+", "R 3410 P 0.9"),
      UCARP("SG 211", "R 4911 P 728")}, 0},
    {"slower by base, lower skew", {1, 100}, {2, 0}, NULL, NULL,
     {FREEBSD("S+", "R 3421 P 0.7"), NETBSD("S+", "R 3410 P 1.0"),
      UCARP("SG 200", "R 4907 P 694")}, 0},
    {"equal, source lower", {1, 100}, {1, 100}, lower, NULL,
     {FREEBSD("Y 3418", "R 3421"), NETBSD("Y 3410", "R 3410"), UCARP("YF 213 4389", "R 4914")}, 0},
    {"equal, source higher", {1, 100}, {1, 100}, higher, NULL,
     {FREEBSD("Y 3418", "R 3423"), NETBSD("Y 3410", "R 3410"), UCARP("SG 215", "R 4891")}, 0},
    {"equal, higher last octet but lower first", {1, 100}, {1, 100}, higher_last, NULL,
     {FREEBSD("Y 3420", "R 3422"), NETBSD("Y 3410", "R 3410"), UCARP("SG 204", "R 4890")}, 0},
    {"faster by skew", F, NULL, NULL,
     {FREEBSD("Y 3418", "R 3421"), NETBSD("Y 3410", "R 3410"), UCARP("YF 214 4391", "R 4889")}, 0},
    {"slower by 1 skew", {1, 100}, {1, 101}, NULL, NULL,
     {FREEBSD("S+", "R 3422 P 1.0"), NETBSD("S+", "R 3410 P 0.7"),
      UCARP("SG 212", "R 4900 P 694")}, 0},
    {"faster by base, higher skew", {2, 100}, {1, 254}, NULL, NULL,
     {FREEBSD("Y 6421", "R 6422"), NETBSD("Y 6410", "R 6410"), UCARP("YF 775 7955", "R 7898")}, 0},
    {"255/255", {1, 100}, {255, 255}, NULL, NULL,
     {FREEBSD("S+", "T 0.7"), NETBSD("S+", "T 0.6"), UCARP("SG 216", "T 727")}, 0},
    {"255/255 to own 1/0", {1, 0}, {255, 255}, NULL, NULL,
     {FREEBSD("S+", "T 0.7"), NETBSD("S+", "T 0.8"), UCARP("SG 736", "T 703")}, 0},
    {"1/254 to own 1/0", {1, 0}, {1, 254}, NULL, NULL,
     {FREEBSD("S+", "R 3022 P 0.5"), NETBSD("S+", "R 3010 P 0.5"),
      UCARP("SG 717", "R 3674 P 685")}, 0},
    {"0/0", {1, 100}, {0, 0}, NULL, NULL,
     {FREEBSD("Y 3419", "R 3421"), NETBSD("Y 3409", "R 3410"), UCARP("YF 222 4398", "R 4832")}, 0},
    {"0/0 to own 1/0", {1, 0}, {0, 0}, NULL, NULL,
     {FREEBSD("Y 3020", "R 3021"), NETBSD("Y 3010", "R 3009"), UCARP("YF 730 3735", "R 3650")}, 0},
    {"3/99, just under 3 times own", {1, 100}, {3, 99}, NULL, NULL,
     {FREEBSD("S+", "R 3421 P 0.4"), NETBSD("S+", "R 3410 P 0.6"),
      UCARP("SG 222", "R 4814 P 720")}, 0},
    {"3/101, just over 3 times own", {1, 100}, {3, 101}, NULL, NULL,
     {FREEBSD("S+", "T 0.8"), NETBSD("S+", "T 0.8"), UCARP("SG 608", "T 651")}, 0},
    {"3/255 to own 1/0", {1, 0}, {3, 255}, NULL, NULL,
     {FREEBSD("S+", "T 0.6"), NETBSD("S+", "T 0.3"), UCARP("SG 735", "T 661")}, 0},
    {"1/240 to own 1/254", {1, 254}, {1, 240}, NULL, NULL,
     {FREEBSD("Y 4020", "R 4021"), NETBSD("Y 4010", "R 4010"), UCARP("YF 774 6759", "R 6617")}, 0},
    {"demote byte 200, faster", F, demoted, NULL,
     {FREEBSD("Y 3419", "R 3421"), NETBSD("Y 3409", "R 3410"), UCARP("YF 572 4749", "R 4810")}, 0},
    {"demote byte 200, slower", {1, 100}, {1, 150}, demoted, NULL,
     {FREEBSD("S+", "R 3422 P 0.8"), NETBSD("S+", "R 3410 P 0.7"),
      UCARP("SG 596", "R 4812 P 706")}, 0},
    {"type 2, faster", F, type_2, NULL,
     {FREEBSD("Y 3420", "R 3421"), NETBSD("Y 3409", "R 3410"), UCARP("YF 570 4746", "R 4818")}, 0},
    {"version 3, faster", F, version_3, NULL,
     {FREEBSD("S- badver", "D 2421 badver"), NETBSD("S- badver", "D 2410 badver"),
      UCARP("S- badver", "D 3353 badver")}, 0},
    {"authlen 0, faster", F, authlen_0, NULL,
     {FREEBSD("Y 3420", "R 3412"), NETBSD("Y 3409", "R 3410"), UCARP("YF 608 4786", "R 4791")}, 0},
    {"bad digest, faster", F, NULL, bad_digest,
     {FREEBSD("S- badauth", "D 2422 badauth"), NETBSD("S- badauth", "D 2411 badauth"),
      UCARP("S- badauth", "D 3405 badauth")}, 0},
    {"bad CARP checksum, faster", F, NULL, bad_checksum,
     {FREEBSD("S- badsum", "D 2423 badsum"), NETBSD("S- badsum", "D 2410 badsum"),
      UCARP("S- badsum", "D 3382 badsum")}, 0},
    {"TTL 254, faster", F, ttl_254, NULL,
     {FREEBSD("S- badttl", "D 2421 badttl"), NETBSD("S- badttl", "D 2410 badttl"),
      UCARP("S- badttl", "D 3388 badttl")}, 0},
    {"TTL 1, faster", F, ttl_1, NULL,
     {FREEBSD("S- badttl", "D 2412 badttl"), NETBSD("S- badttl", "D 2410 badttl"),
      UCARP("S- badttl", "D 3455 badttl")}, 0},
    {"wrong vhid, faster", F, wrong_vhid, NULL,
     {FREEBSD("S- badvhid", "D 2421 badvhid"), NETBSD("S- badvhid", "D 2410 badvhid"),
      UCARP("S- badvhid", "D 3430 badvhid")}, 0},
    {"repeated counter, faster", F, repeated, NULL,
     {FREEBSD("Y 3422", "R 3422"), NETBSD("Y 3409", "R 3410"), UCARP("YF 608 4785", "R 4840")}, 0},
    {"counter all ones, faster", F, all_ones, NULL,
     {FREEBSD("Y 3420", "R 3422"), NETBSD("Y 3409", "R 3410"), UCARP("YF 616 4794", "R 4798")}, 0},
    {"counter 0, faster", F, zero, NULL,
     {FREEBSD("Y 3420", "R 3411"), NETBSD("Y 3410", "R 3410"), UCARP("YF 581 4759", "R 4807")}, 0},
    {"to broadcast MAC, faster", F, to_broadcast, NULL,
     {FREEBSD("Y 3419", "R 3411"), NETBSD("Y 3410", "R 3410"), UCARP("YF 598 4776", "R 4823")}, 0},
    {"to own port MAC, faster", F, to_port, NULL,
     {FREEBSD("Y 3420", "R 3412"), NETBSD("S- not-ours", "D 2410 not-ours"),
      UCARP("YF 603 4780", "R 4833")}, 0},
    {"to a foreign unicast MAC, faster", F, to_foreign, NULL,
     {FREEBSD("S- not-ours", "D 2422 not-ours"), NETBSD("S- not-ours", "D 2410 not-ours"),
      UCARP("YF 595 4772", "R 4822")}, 0},
    {"own port MAC and own IP as destination, faster", F, to_host, NULL,
     {FREEBSD("Y 3419", "R 3411"), NETBSD("S- badif", "D 2410 badif"),
      UCARP("S- not-ours", "D 3442 not-ours")}, 0},
    {"other group 224.0.0.99, faster", F, to_other_group, NULL,
     {FREEBSD("Y 3419", "R 3412"), NETBSD("S- not-ours", "D 2410 not-ours"),
      UCARP("S- not-ours", "D 3442 not-ours")}, 0},
    {"12 trailing bytes after the IP length, faster", F, NULL, trailing,
     {FREEBSD("Y 3420", "R 3412"), NETBSD("Y 3410", "R 3410"), UCARP("YF 601 4777", "R 4840")}, 0},
    {"8 trailing bytes inside the IP length, faster", F, NULL, inside,
     {FREEBSD("Y 3419", "R 3423"), NETBSD("Y 3410", "R 3410"), UCARP("YF 612 4790", "R 4858")}, 0},
    {"IP options, faster", F, NULL, options,
     {FREEBSD("Y 3420", "R 3421"), NETBSD("Y 3409", "R 3410"), UCARP("YF 601 4777", "R 4869")}, 0},
    {"payload cut to 35 bytes, faster", F, NULL, cut,
     {FREEBSD("S- badlen", "D 2411 badlen"), NETBSD("S- badlen", "D 2410 badlen"),
      UCARP("S- badlen", "D 3453 badlen")}, 0},
    {"IP length 100, frame whole, faster", F, NULL, said_100,
     {FREEBSD("S- malformed", "D 2412 malformed"), NETBSD("S- malformed", "D 2410 malformed"),
      UCARP("YF 596 4774", "R 4846")}, 0},
    {"fragment, faster", F, fragment, NULL,
     {FREEBSD("S- malformed", "D 2422 malformed"), NETBSD("S- malformed", "D 2410 malformed"),
      UCARP("YF 594 4771", "R 4874")}, 0},
    {"VLAN tag 0, faster", F, NULL, tagged,
     {FREEBSD("Y 3420", "R 3422"), NETBSD("S- not-carp", "D 2410 not-carp"),
      UCARP("S- not-carp", "D 3478 not-carp")}, 0},
    {"TOS 0 and ID random, DF clear, faster", F, plain_ip, NULL,
     {FREEBSD("Y 3420", "R 3422"), NETBSD("Y 3409", "R 3410"), UCARP("YF 584 4766", "R 4883")}, 0},
    {"source = own address, faster", F, own_source, NULL,
     {FREEBSD("Y 3421", "R 3411"), NETBSD("Y 3409", "R 3410"),
      UCARP("S- not-ours", "D 3859 not-ours")}, 0},
    {"own last advert reflected unchanged", F, NULL, NULL,
     {FREEBSD("Y 3420", "-"), NETBSD("Y 3409", "-"), UCARP("S- not-ours", "-")}, 1},
    {"source 0.0.0.0, faster", F, no_source, NULL,
     {FREEBSD("Y 3419", "R 3421"), NETBSD("Y 3409", "R 3410"), UCARP("YF 604 4782", "R 4879")}, 0},
    {"source off-subnet 10.9.9.9, faster", F, off_subnet, NULL,
     {FREEBSD("Y 3421", "R 3421"), NETBSD("Y 3409", "R 3410"), UCARP("YF 606 4782", "R 4881")}, 0},
    {"Ethernet source = own port MAC, faster", F, from_port, NULL,
     {FREEBSD("Y 3421", "R 3421"), NETBSD("Y 3409", "R 3410"), UCARP("YF 609 4787", "R 4872")}, 0},
    {"Ethernet source UCARP style, faster", F, from_ucarp, NULL,
     {FREEBSD("Y 3422", "R 3412"), NETBSD("Y 3409", "R 3410"), UCARP("YF 609 4784", "R 4868")}, 0},
};
/* clang-format on */

/* --- one cell --------------------------------------------------------------------------------- */

struct cell {
    char code[8], word[16]; /* S+, S-, SG, Y, YF, R, T, D; the counter */
    double first_ms, back_ms;
};

static struct cell read_cell(const char *text, bool preempt)
{
    struct cell cell = {.code = "", .word = ""};
    const char *preempting = strstr(text, "P ");
    if (preempt && preempting != NULL) {
        EXPECT_INT(1, sscanf(preempting, "P %lf", &cell.first_ms));
        strcpy(cell.code, "T");
        return cell;
    }
    int read = sscanf(text, "%7s %lf %lf", cell.code, &cell.first_ms, &cell.back_ms);
    if (read == 1) {
        sscanf(text, "%*s %15s", cell.word);
    } else if (read == 2) {
        sscanf(text, "%*s %*f %15s", cell.word);
    }
    return cell;
}

struct trial {
    const struct row *row;
    enum persona_kind kind;
    bool master, preempt;
    struct cell cell;
    uint64_t at_ns;    /* when the row's packet comes */
    uint64_t delay_ns; /* how long UCARP takes to read it */
    uint64_t due_ns;   /* when the master's next advert is due */
    uint64_t heard;    /* counter of the row's packet */
    uint64_t tolerance_ns;
};

static struct persona_lab lab;

/* A backup waits whole polls: the first that ends after its master-down time. */
static double polls_ms(const struct row *row)
{
    int poll_ms = row->own[0] * 1000 + row->own[1] * 1000 / 256;
    double down_ms = 3000.0 * row->own[0] + row->own[1] * 1000 / 256.0;
    int polls = (int)(down_ms / poll_ms) + (down_ms > (int)(down_ms / poll_ms) * poll_ms);
    return polls * poll_ms * 1.001;
}

/* How long this cell's packet was in the buffer; those that were dropped do not tell, but their
 * neighbours do: 570 to 710 ms. */
static uint64_t delay_of(const struct trial *t)
{
    double ms = 640;
    if (t->kind == PERSONA_UCARP && strcmp(t->cell.code, "R") == 0) {
        ms = t->cell.first_ms - polls_ms(t->row);
        EXPECT_TRUE(ms > 180 && ms < 1000);
    } else if (strchr("SYT", t->cell.code[0]) != NULL && t->cell.first_ms > 0) {
        ms = t->cell.first_ms;
    }
    return (uint64_t)(ms * 1e6);
}

static void begin(struct trial *t, uint64_t read_phase_ns)
{
    persona_lab_begin(&lab);
    uint8_t host = t->kind == PERSONA_UCARP ? 13 : 11;
    persona_lab_add(&lab, t->kind, host, t->row->own[0], t->row->own[1]);
    lab.nodes[0].carp.preempt = t->preempt;
    lab.nodes[0].config.read_phase.ns = read_phase_ns;
    persona_lab_start(&lab, 0);
}

/* A master that has sent four adverts and heard nobody; 100 ms after the last. */
static void become_master(struct trial *t)
{
    begin(t, 0);
    uint64_t advert_ns = 0;
    uint64_t last_ns = 0;
    for (int i = 0; i < 4; i++) {
        persona_lab_run(&lab, persona_deadline(&lab.nodes[0].persona).ns);
        while (persona_lab_count(&lab, 0, NOTE_ADVERT, advert_ns + 1, UINT64_MAX) == 0) {
            persona_lab_run(&lab, persona_deadline(&lab.nodes[0].persona).ns);
        }
        last_ns = advert_ns;
        advert_ns = persona_lab_next(&lab, 0, NOTE_ADVERT, advert_ns + 1)->ns;
    }
    t->at_ns = advert_ns + 100 * LAB_MS;
    t->due_ns = advert_ns + (advert_ns - last_ns);
    persona_lab_end(&lab);
    begin(t, (t->at_ns + t->delay_ns) % LAB_S);
    persona_lab_run(&lab, t->at_ns);
}

/* A backup that has heard 1/0 every second, the last one a second ago. */
static void become_backup(struct trial *t)
{
    t->at_ns = 10 * LAB_S;
    begin(t, (t->at_ns + t->delay_ns) % LAB_S);
    for (int i = 4; i > 0; i--) {
        persona_lab_run(&lab, t->at_ns - (unsigned)i * LAB_S);
        persona_lab_advert(&lab, 0, 1, 0, (uint64_t)(COUNTER + 1 - i));
    }
    persona_lab_run(&lab, t->at_ns);
}

static void hear_row(struct trial *t)
{
    uint8_t frame[ROOM];
    size_t size;
    if (t->row->reflected) {
        const struct persona_note *own = NULL;
        for (unsigned i = 0; i < lab.note_count; i++) {
            own = lab.notes[i].type == NOTE_ADVERT ? &lab.notes[i] : own;
        }
        ASSERT_TRUE(own != NULL);
        memcpy(frame, own->frame, own->size);
        size = own->size;
        t->heard = own->packet.advert.counter;
    } else {
        struct persona_draft draft =
            persona_draft(1, t->row->heard[0], t->row->heard[1], COUNTER + 0x100);
        if (t->row->make != NULL) {
            t->row->make(&draft, &lab.nodes[0].self);
        }
        size = persona_draft_write(&draft, &lab.nodes[0].carp, frame);
        size = t->row->bend != NULL ? t->row->bend(frame) : size;
        t->heard = draft.counter;
    }
    persona_lab_hear(&lab, 0, frame, size);
}

/* --- what is expected ------------------------------------------------------------------------- */

static void expect_near(const char *what, uint64_t want_ns, uint64_t got_ns, uint64_t tolerance_ns)
{
    int64_t off_ns = (int64_t)(got_ns - want_ns);
    if (off_ns > (int64_t)tolerance_ns || -off_ns > (int64_t)tolerance_ns) {
        tk_fail(__FILE__, __LINE__, "%s: %.3f ms off", what, (double)off_ns / 1e6);
    }
}

static uint64_t after_ms(const struct trial *t, double ms)
{
    return t->at_ns + (uint64_t)(ms * 1e6);
}

/* The advert of a new master at that time: counter, and gratuitous ARP on the right side of it. */
static void expect_takeover(const struct trial *t, double ms, uint64_t counter)
{
    const struct persona_note *advert = persona_lab_next(&lab, 0, NOTE_ADVERT, t->at_ns);
    if (strcmp(t->cell.code, "YF") == 0) {
        advert = persona_lab_next(&lab, 0, NOTE_ADVERT, advert->ns + 1);
    }
    double late_ms = t->kind == PERSONA_FREEBSD && t->cell.code[0] != 'T' ? 3 : 0;
    expect_near("takeover", after_ms(t, ms + late_ms), advert->ns, t->tolerance_ns);
    EXPECT_U64(counter, advert->packet.advert.counter);
    EXPECT_INT(t->row->own[1] > 240 && t->kind == PERSONA_FREEBSD ? 240 : t->row->own[1],
               advert->packet.advert.advskew);
    const struct persona_note *arp = persona_lab_next(&lab, 0, NOTE_ARP, advert->ns);
    EXPECT_U64(advert->ns, arp->ns);
    EXPECT_TRUE(t->kind == PERSONA_UCARP ? arp < advert : arp > advert);
    const struct persona_note *state = persona_lab_next(&lab, 0, NOTE_STATE, advert->ns);
    EXPECT_U64(advert->ns, state->ns);
    EXPECT_INT(CARP_MASTER, state->to);
}

static void expect_dropped(const struct trial *t)
{
    bool found = false;
    for (int fate = 0; fate < PERSONA_FATE_COUNT; fate++) {
        if (strcmp(persona_fate_word((enum persona_fate)fate), t->cell.word) == 0) {
            EXPECT_U64(1, lab.nodes[0].persona.fates[fate]);
            found = true;
        }
    }
    EXPECT_TRUE(found);
    EXPECT_U64(t->master ? 0 : 4, lab.nodes[0].persona.fates[PERSONA_ACCEPTED]);
}

static void expect_stays(const struct trial *t)
{
    bool gratuitous = strcmp(t->cell.code, "SG") == 0;
    bool adopted = strcmp(t->cell.code, "S-") != 0;
    persona_lab_run(&lab, t->at_ns + 6 * LAB_S);
    const struct persona_note *advert = persona_lab_next(&lab, 0, NOTE_ADVERT, t->at_ns);
    expect_near("next advert", t->due_ns, advert->ns, 2 * LAB_MS);
    EXPECT_INT(adopted, advert->packet.advert.counter == t->heard + 1);
    EXPECT_U64(0, persona_lab_count(&lab, 0, NOTE_STATE, t->at_ns, UINT64_MAX));
    EXPECT_U64(gratuitous ? 2 : 0, persona_lab_count(&lab, 0, NOTE_ARP, t->at_ns, UINT64_MAX));
    if (gratuitous) {
        const struct persona_note *arp = persona_lab_next(&lab, 0, NOTE_ARP, t->at_ns);
        expect_near("gratuitous ARP", after_ms(t, t->cell.first_ms), arp->ns, t->tolerance_ns);
        const struct persona_note *second = persona_lab_next(&lab, 0, NOTE_ADVERT, advert->ns + 1);
        EXPECT_U64(second->ns, persona_lab_next(&lab, 0, NOTE_ARP, arp->ns + 1)->ns);
    } else if (!adopted) {
        expect_dropped(t);
    }
}

static void expect_yields(const struct trial *t)
{
    bool farewell = strcmp(t->cell.code, "YF") == 0;
    persona_lab_run(&lab, t->at_ns + 10 * LAB_S);
    uint64_t yielded_ns = farewell ? after_ms(t, t->cell.first_ms) : t->at_ns;
    const struct persona_note *state = persona_lab_next(&lab, 0, NOTE_STATE, t->at_ns);
    EXPECT_INT(CARP_BACKUP, state->to);
    expect_near("yielding", yielded_ns, state->ns, 3 * LAB_MS);
    EXPECT_INT(farewell, persona_lab_count(&lab, 0, NOTE_ADVERT, t->at_ns, state->ns + 1));
    if (farewell) {
        const struct persona_note *last = persona_lab_next(&lab, 0, NOTE_ADVERT, t->at_ns);
        EXPECT_U64(t->heard + 1, last->packet.advert.counter);
        EXPECT_INT(t->row->own[1], last->packet.advert.advskew);
        EXPECT_TRUE(last < state);
    }
    expect_takeover(t, farewell ? t->cell.back_ms : t->cell.first_ms, t->heard + 1 + farewell);
}

static void check(const struct row *row, enum persona_kind kind, bool master, bool preempt,
                  const char *text)
{
    char name[160];
    snprintf(name, sizeof name, "%s: %s %s%s, %s", row->why, persona_word(kind),
             master ? "MASTER" : "BACKUP", preempt ? ", preempt" : "", text);
    tk_row(name);
    struct trial t = {row, kind, master, preempt, .cell = read_cell(text, preempt)};
    bool dropped = strcmp(t.cell.code, "D") == 0;
    t.delay_ns = delay_of(&t);
    t.tolerance_ns = kind == PERSONA_NETBSD    ? 2 * LAB_MS
                     : kind == PERSONA_FREEBSD ? 13 * LAB_MS / 2
                     : dropped                 ? 110 * LAB_MS
                                               : 8 * LAB_MS;
    if (master) {
        become_master(&t);
    } else {
        become_backup(&t);
    }
    hear_row(&t);
    if (t.cell.code[0] == 'S') {
        expect_stays(&t);
    } else if (t.cell.code[0] == 'Y') {
        expect_yields(&t);
    } else {
        persona_lab_run(&lab, t.at_ns + 10 * LAB_S);
        expect_takeover(&t, t.cell.first_ms, dropped ? COUNTER + 1 : t.heard + 1);
    }
    if (dropped) {
        expect_dropped(&t);
    }
    persona_lab_end(&lab);
    tk_row(NULL);
}

static void check_all(enum persona_kind kind, unsigned column)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int variant = 0; variant < 4; variant++) {
            const char *text = rows[i].cells[column][variant / 2];
            if (strcmp(text, "-") != 0) {
                check(&rows[i], kind, variant / 2 == 0, variant % 2 != 0, text);
            }
        }
    }
}

TEST_CASE(persona_reactions, of_freebsd_are_those_of_genuine_freebsd)
{
    check_all(PERSONA_FREEBSD, 0);
}

TEST_CASE(persona_reactions, of_netbsd_are_those_of_genuine_netbsd)
{
    check_all(PERSONA_NETBSD, 1);
}

TEST_CASE(persona_reactions, of_ucarp_are_those_of_genuine_ucarp)
{
    check_all(PERSONA_UCARP, 2);
}
