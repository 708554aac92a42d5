/*
 * Old adverts repeated, close up: what each counter teaches and where its limits lie, genuine
 * captures heard with losses and from the middle, and attacks of every rhythm on a whole backup.
 */
#include <stdio.h>
#include <string.h>

#include "engine/lab.h"
#include "tools/testkit/testkit.h"

#define SPAN  (UINT64_C(1) << 52) /* farther apart two counters are unrelated */
#define MAX   UINT64_MAX
#define ODD_A UINT64_C(0x08391c0cd61c214d) /* unrelated to each other and to small numbers */
#define ODD_B UINT64_C(0xdb03d3774e8835eb)
#define ODD_C UINT64_C(0x5aa5c3b1d2e4f607) /* unrelated to both */

static struct carp_packet advert(uint8_t host, uint64_t counter)
{
    return (struct carp_packet){
        .family = 4, .source = {192, 0, 2, host}, .advert = {.counter = counter}};
}

/* As carp.c does it: a refused advert teaches nothing. */
static struct replay_hearing hear(struct replay_senders *senders, enum carp_replay policy,
                                  uint8_t host, uint64_t counter)
{
    struct carp_packet packet = advert(host, counter);
    struct replay_hearing hearing = replay_hear(senders, policy, &packet);
    if (hearing.fresh) {
        replay_remember(senders, &hearing, counter);
    }
    return hearing;
}

static bool is_fresh(struct replay_senders *senders, uint8_t host, uint64_t counter)
{
    return hear(senders, CARP_REPLAY_AUTO, host, counter).fresh;
}

/* --- one sender --------------------------------------------------------------------------------
 */

enum { STEPS = 7 };

/* A letter for what is known after each: u(nknown), v (another value since), c(onstant), r(andom),
 * U(p); ! when refused. */
static const struct {
    const char *why;
    uint64_t counters[STEPS];
    const char *learned;
} lessons[] = {
    {"one value", {5}, "u"},
    {"a repeat may be chance, two are a constant", {5, 5, 5, 5, 5}, "uuccc"},
    {"one more", {5, 6}, "uU"},
    {"as far ahead as an unknown one counts", {5, 5 + REPLAY_NEAR - 1}, "uU"},
    {"one farther", {5, 5 + REPLAY_NEAR}, "uv"},
    {"a step back of an unknown sender", {5, 4}, "uv"},
    {"counting, as far ahead as still follows", {5, 6, 6 + SPAN - 1}, "uUU"},
    {"counting, one farther", {5, 6, 6 + SPAN}, "uUv"},
    {"over the end", {MAX, 0, 1}, "uUU"},
    {"over the end and back", {MAX - 1, MAX, 0, MAX, 1}, "uUUU!U"},
    {"a constant that moves on", {5, 5, 5, 6, 6, 6}, "uucUUU!"},
    {"a constant replaced by another", {5, 5, 5, ODD_A, ODD_A, ODD_A}, "uucuuc"},
    {"a constant replaced by a lower one", {5, 5, 5, 4, 4, 4}, "uucuuc"},
    {"a constant heard once, then another", {ODD_B, ODD_A, ODD_A, ODD_A, ODD_A}, "uvvcc"},
    {"a random value twice more", {ODD_B, ODD_A, ODD_C, ODD_C, ODD_C, ODD_C}, "uvrrr!r!"},
    {"a random one again after another", {ODD_B, ODD_A, ODD_A, ODD_B, ODD_B}, "uvvrr"},
    {"random, then a peer was heard", {ODD_B, ODD_A, 7, 8, 7}, "uvrUU!"},
    {"counting, one repeat", {5, 6, 6, 7, 7, 8}, "uUUUUU"},
    {"counting, two repeats", {5, 6, 6, 6, 6, 7}, "uUUU!U!U"},
    {"counting, a step back", {5, 6, 7, 6, 5, 7, 8}, "uUUU!U!UU"},
    {"counting, as far back as is still a step back", {5, 6, 7 - SPAN}, "uUU!"},
    {"counting, one farther: a restart", {5, 6, 6 - SPAN, 7 - SPAN}, "uUvU"},
    {"a restart, and the old values again", {5, 6, ODD_B, ODD_B + 1, 6}, "uUvUv"},
};

TEST_CASE(carp_replay, learns_a_senders_way_of_counting_step_by_step)
{
    static const char letters[] = {[REPLAY_UNKNOWN] = 'u',
                                   [REPLAY_CHANGED] = 'v',
                                   [REPLAY_CONSTANT] = 'c',
                                   [REPLAY_RANDOM] = 'r',
                                   [REPLAY_COUNTS_UP] = 'U'};
    for (size_t i = 0; i < sizeof lessons / sizeof *lessons; i++) {
        struct replay_senders senders = {0};
        char learned[2 * STEPS + 1] = "";
        size_t size = 0, want_size = strlen(lessons[i].learned);
        tk_row(lessons[i].why);
        for (size_t k = 0; size < want_size && k < STEPS; k++) {
            struct replay_hearing h = hear(&senders, CARP_REPLAY_AUTO, 10, lessons[i].counters[k]);
            learned[size++] = letters[h.counting];
            if (!h.fresh) {
                learned[size++] = '!';
            }
        }
        EXPECT_STR(lessons[i].learned, learned);
    }
}

/* The count of repeats stays at its end; a byte that wrapped to 0 or 1 would forget them. */
TEST_CASE(carp_replay, accepts_openbsds_constant_for_ever)
{
    struct replay_senders senders = {0};
    for (int i = 0; i < 1000; i++) {
        struct replay_hearing h = hear(&senders, CARP_REPLAY_AUTO, 10, ODD_A);
        EXPECT_TRUE(h.fresh);
        EXPECT_INT(i < 2 ? REPLAY_UNKNOWN : REPLAY_CONSTANT, h.counting);
        EXPECT_INT(i < 255 ? i : 255, h.repeats);
    }
}

TEST_CASE(carp_replay, follows_by_less_than_2_to_the_52_and_not_by_nothing)
{
    EXPECT_TRUE(!replay_follows(7, 7));
    EXPECT_TRUE(replay_follows(8, 7));
    EXPECT_TRUE(!replay_follows(7, 8));
    EXPECT_TRUE(replay_follows(7 + SPAN - 1, 7));
    EXPECT_TRUE(!replay_follows(7 + SPAN, 7));
    EXPECT_TRUE(replay_follows(0, MAX));
    EXPECT_TRUE(replay_follows(SPAN - 2, MAX));
    EXPECT_TRUE(!replay_follows(SPAN - 1, MAX));
}

/* --- several senders ---------------------------------------------------------------------------
 */

/* A sender that counted to 900 goes on from the last counter on the link: from a peer's, or from
 * ours. By four at most: two adverts of both families, one of them lost. */
TEST_CASE(carp_replay, lets_a_sender_continue_the_links_count_by_one_to_four)
{
    static const struct {
        const char *why;
        uint64_t link, counter;
        bool want;
    } rows[] = {
        {"the link's own value", 104, 104, false},
        {"1 above", 104, 105, true},
        {"4 above", 104, 108, true},
        {"5 above", 104, 109, false},
        {"1 below", 104, 103, false},
        {"over the end, 1 above", MAX, 0, true},
        {"over the end, 4 above", MAX, 3, true},
        {"over the end, 5 above", MAX, 4, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int by_us = 0; by_us < 2; by_us++) {
            struct replay_senders senders = {0};
            tk_row(rows[i].why);
            EXPECT_TRUE(is_fresh(&senders, 10, 899));
            EXPECT_TRUE(is_fresh(&senders, 10, 900));
            if (by_us) {
                replay_sent(&senders, rows[i].link);
            } else {
                EXPECT_TRUE(is_fresh(&senders, 20, rows[i].link));
            }
            struct replay_hearing h = hear(&senders, CARP_REPLAY_AUTO, 10, rows[i].counter);
            EXPECT_INT(rows[i].want, h.fresh);
            EXPECT_INT(REPLAY_COUNTS_UP, h.counting);
        }
    }
}

/* Sixteen bytes of an IPv6 address that begin with those of an IPv4 one are another sender; and all
 * sixteen count: link-local addresses begin alike. */
TEST_CASE(carp_replay, tells_senders_by_family_and_by_the_whole_address)
{
    struct replay_senders senders = {0};
    is_fresh(&senders, 10, 5);
    is_fresh(&senders, 10, 6);
    struct carp_packet packet = advert(10, 5);
    EXPECT_TRUE(!replay_hear(&senders, CARP_REPLAY_AUTO, &packet).fresh);
    packet.family = 6;
    struct replay_hearing h = replay_hear(&senders, CARP_REPLAY_AUTO, &packet);
    EXPECT_TRUE(h.fresh);
    EXPECT_INT(REPLAY_UNKNOWN, h.counting);
    EXPECT_INT(REPLAY_SENDERS_MAX, h.slot);

    replay_remember(&senders, &h, 5);
    EXPECT_INT(0, replay_hear(&senders, CARP_REPLAY_AUTO, &packet).slot);
    packet.source[15] = 1;
    packet.advert.counter = 9;
    EXPECT_INT(REPLAY_SENDERS_MAX, replay_hear(&senders, CARP_REPLAY_AUTO, &packet).slot);
}

/* The digest does not cover the source address: the last advert of a host that counts up, every
 * second under one new address, or under five in turn. It counts as that host's repeat, and so
 * delays the takeover once. */
TEST_CASE(carp_replay, under_forged_addresses_delays_a_takeover_once)
{
    for (unsigned addresses = 1; addresses <= 5; addresses += 4) {
        struct lab lab;
        lab_init(&lab, (struct carp_config){.advbase = 1, .advskew = 100});
        lab_link(&lab, true);
        struct carp_packet last = {0};
        for (uint64_t s = 1; s <= 5; s++) {
            last =
                lab_packet(&lab, (struct lab_advert){.host = 10, .kind = LAB_OURS, .advbase = 1});
            lab_hear_packet(&lab, AT_S(s), &last);
        }
        for (uint64_t s = 6; s <= 60; s++) {
            last.source[3] = (uint8_t)(100 + s % addresses);
            lab_hear_packet(&lab, AT_S(s), &last);
            EXPECT_INT(s == 6 ? CARP_ACCEPTED : CARP_REPLAYED, lab.out.verdict);
            EXPECT_INT(s < 10 ? CARP_BACKUP : CARP_MASTER, carp_state(&lab.carp));
        }
    }
}

/* Whoever is heard goes to the front with all that is known of it; only the last one is lost. */
TEST_CASE(carp_replay, remembers_the_four_senders_heard_last_with_all_it_knows)
{
    static const struct {
        uint8_t host;
        uint64_t counters[4];
        unsigned adverts;
        enum replay_counting counting;
        unsigned repeats;
    } peers[REPLAY_SENDERS_MAX] = {
        {10, {5, 5, 5}, 3, REPLAY_CONSTANT, 2},
        {11, {50, 51, 52}, 3, REPLAY_COUNTS_UP, 0},
        {12, {ODD_B, ODD_C, ODD_A, ODD_A}, 4, REPLAY_RANDOM, 1},
        {13, {70, 70}, 2, REPLAY_UNKNOWN, 1},
    };
    struct replay_senders senders = {0};
    for (int i = 0; i < REPLAY_SENDERS_MAX; i++) {
        for (unsigned k = 0; k < peers[i].adverts; k++) {
            EXPECT_TRUE(is_fresh(&senders, peers[i].host, peers[i].counters[k]));
        }
    }
    for (unsigned i = 0; i < REPLAY_SENDERS_MAX; i++) { /* the last one heard is in front */
        unsigned slot = REPLAY_SENDERS_MAX - 1 - i;
        EXPECT_INT(peers[i].counting, senders.counting[slot]);
        EXPECT_INT(peers[i].repeats, senders.repeats[slot]);
        EXPECT_U64(peers[i].counters[peers[i].adverts - 1], senders.counter[slot]);
    }
    EXPECT_U64(70, senders.link_counter);

    EXPECT_TRUE(is_fresh(&senders, 10, 5)); /* to the front: 11 is the last one now */
    EXPECT_INT(REPLAY_CONSTANT, senders.counting[0]);
    EXPECT_TRUE(!is_fresh(&senders, 11, 51));
    EXPECT_TRUE(!is_fresh(&senders, 12, ODD_A));
    EXPECT_TRUE(is_fresh(&senders, 99, 1)); /* a fifth: 11 makes room */
    EXPECT_TRUE(!is_fresh(&senders, 12, ODD_A));
    EXPECT_TRUE(is_fresh(&senders, 11, 51));
}

/* Under `enforce` nothing is learned from: only growth over what is known counts. */
TEST_CASE(carp_replay, enforces_growth_over_the_sender_or_over_all_of_them)
{
    static const struct {
        const char *why;
        uint8_t host;
        uint64_t counter;
        bool want;
    } rows[] = {
        {"the same again", 10, 500, false},
        {"a step back", 10, 499, false},
        {"one more", 10, 501, true},
        {"unrelated", 10, 500 + SPAN, false},
        {"one's own count goes on though another is ahead", 10, 600, true},
        {"a new one, ahead of one only", 12, 501, false},
        {"a new one, level with the highest", 12, 700, false},
        {"a new one, ahead of all", 12, 701, true},
        {"a new one, unrelated", 12, ODD_B, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct replay_senders senders = {0};
        tk_row(rows[i].why);
        EXPECT_TRUE(hear(&senders, CARP_REPLAY_ENFORCE, 10, 500).fresh);
        EXPECT_TRUE(hear(&senders, CARP_REPLAY_ENFORCE, 11, 700).fresh);
        EXPECT_INT(rows[i].want,
                   hear(&senders, CARP_REPLAY_ENFORCE, rows[i].host, rows[i].counter).fresh);
    }
}

/* --- genuine captures, heard badly --------------------------------------------------------------
 */

enum { ADVERTS_MAX = 64 };

struct heard {
    struct carp_packet adverts[ADVERTS_MAX]; /* of one group in one file */
    unsigned count;
};

static const char *const captures[] = {
    "freebsd-13.0-mixed",
    "freebsd-13.0-mixed-failover-demotion",
    "freebsd-13.0-mixed-half-heard",
    "freebsd-13.0-v4-demotion-negative",
    "freebsd-13.0-v4-one",
    "freebsd-13.0-v6-failover-na",
    "freebsd-13.0-v6-four-linklocal",
    "freebsd-13.0-v6-one",
    "freebsd-freebsd-v4-equal-livelock",
    "netbsd-7.99.34-v4-advbase0",
    "netbsd-7.99.34-v4-badkey",
    "netbsd-7.99.34-v4-failover-bowout",
    "netbsd-7.99.34-v4-nokey",
    "netbsd-7.99.34-v4-one",
    "netbsd-7.99.34-v4-suppress",
    "netbsd-7.99.34-v4-three",
    "netbsd-7.99.34-v4-two-carp-counter",
    "netbsd-freebsd-v4-failover",
    "ucarp-1.5.2",
    "ucarp-freebsd-v4-equal-partition",
    "ucarp-freebsd-v4-preempt",
    "ucarp-netbsd-v4-equal-livelock",
};

/* The adverts of the capture's n-th group, in their order; false when there is no such group. */
static bool read_group(const char *name, unsigned n, struct heard *to)
{
    static uint8_t bytes[16384];
    char path[128];
    snprintf(path, sizeof path, "engine/testdata/captures/%s.pcap", name);
    size_t file_size = lab_read_file(path, bytes, sizeof bytes), at = 0, size;
    uint8_t vhids[8];
    unsigned groups = 0;
    to->count = 0;
    const uint8_t *frame;
    while ((frame = lab_pcap_next(bytes, file_size, &at, &size)) != NULL) {
        struct carp_packet packet;
        if (frame_parse(frame, size, &packet) != CARP_ACCEPTED) {
            continue; /* ARP */
        }
        unsigned group = 0;
        while (group < groups && vhids[group] != packet.advert.vhid) {
            group++;
        }
        if (group == groups && groups < sizeof vhids) {
            vhids[groups++] = packet.advert.vhid;
        }
        if (group == n && to->count < ADVERTS_MAX) {
            to->adverts[to->count++] = packet;
        }
    }
    return to->count > 0;
}

/* How many of the adverts [from, count) but `lost` ones are taken for replays. */
static unsigned count_refused(const struct heard *heard, unsigned from, unsigned lost,
                              unsigned lost_count)
{
    struct replay_senders senders = {0};
    unsigned refused = 0;
    for (unsigned i = from; i < heard->count; i++) {
        if (i >= lost && i < lost + lost_count) {
            continue;
        }
        const struct carp_packet *packet = &heard->adverts[i];
        struct replay_hearing h = replay_hear(&senders, CARP_REPLAY_AUTO, packet);
        refused += !h.fresh;
        if (h.fresh) {
            replay_remember(&senders, &h, packet->advert.counter);
        }
    }
    return refused;
}

/* A listener that starts late, or misses a run of one to three adverts anywhere. */
TEST_CASE(carp_replay_captures, hold_no_replay_for_who_comes_late_or_misses_some)
{
    static struct heard heard;
    unsigned adverts = 0;
    for (size_t c = 0; c < sizeof captures / sizeof *captures; c++) {
        for (unsigned n = 0; read_group(captures[c], n, &heard); n++) {
            adverts += heard.count;
            for (unsigned k = 0; k < heard.count; k++) {
                char row[128];
                snprintf(row, sizeof row, "%s, group %u, advert %u", captures[c], n, k);
                tk_row(row);
                EXPECT_INT(0, count_refused(&heard, k, 0, 0));
                for (unsigned lost = 1; lost <= 3; lost++) {
                    EXPECT_INT(0, count_refused(&heard, 0, k, lost));
                }
            }
        }
    }
    tk_row(NULL);
    EXPECT_INT(360, adverts); /* counted with tcpdump */
}

/* --- the attack ---------------------------------------------------------------------------------
 */

/* A master at 192.0.2.10 that advertises 1/0 at 1, 2, .. 5 s with these counters and is then dead.
 * A backup of it, 1/100. */
struct recording {
    const char *why;
    enum lab_kind kind;
    uint64_t counters[5];
};

static const struct recording ours = {
    "ours", LAB_OURS, {1 << 20, (1 << 20) + 1, (1 << 20) + 2, (1 << 20) + 3, (1 << 20) + 4}};
static const struct recording ucarp_up = {
    "a UCARP that has heard a peer", LAB_UCARP, {1181, 1182, 1183, 1184, 1185}};
static const struct recording kernel_up = {
    "a kernel, over the end", LAB_BSD, {MAX - 2, MAX - 1, MAX, 0, 1}};
static const struct recording ucarp_random = {/* the first five of testdata/captures/ucarp-1.5.2 */
                                              "a UCARP alone",
                                              LAB_UCARP,
                                              {UINT64_C(0x08391c0cd61c214d),
                                               UINT64_C(0xcbbaa56da46f3956),
                                               UINT64_C(0x1d20096447b06218),
                                               UINT64_C(0xfd257d2cab9d8d74),
                                               UINT64_C(0xc73fb370cc92a407)}};
static const struct recording constant = {"OpenBSD", LAB_BSD, {ODD_A, ODD_A, ODD_A, ODD_A, ODD_A}};

static void record(struct lab *lab, const struct recording *r, enum carp_replay policy,
                   struct carp_packet recorded[5])
{
    lab_init(lab, (struct carp_config){.advbase = 1, .advskew = 100, .replay = policy});
    lab_link(lab, true);
    for (unsigned i = 0; i < 5; i++) {
        recorded[i] = lab_packet(
            lab, (struct lab_advert){
                     .host = 10, .kind = r->kind, .advbase = 1, .counter = r->counters[i]});
        recorded[i].advert.counter = r->counters[i]; /* a zero is meant */
        lab_sign(&lab->config, &recorded[i].advert);
        EXPECT_INT(CARP_ACCEPTED, lab_hear_packet(lab, AT_S(i + 1), &recorded[i]));
    }
    EXPECT_INT(CARP_BACKUP, carp_state(&lab->carp));
    lab_forget(lab);
}

/* One repeat may be genuine and re-arms; the next ones do not: 6 s + 3.390625 s. */
#define HELD_ONCE                                                                                  \
    "6.000000000 BACKUP hears 192.0.2.10 1/0 (master-alive)\n"                                     \
    "7.000000000 BACKUP refuses 192.0.2.10 1/0 (replayed)\n"                                       \
    "8.000000000 BACKUP refuses 192.0.2.10 1/0 (replayed)\n"                                       \
    "9.000000000 BACKUP refuses 192.0.2.10 1/0 (replayed)\n"                                       \
    "9.390625000 BACKUP -> MASTER (silence): claim, send, announce\n"                              \
    "10.000000000 MASTER refuses 192.0.2.10 1/0 (replayed)\n"                                      \
    "10.781250000 MASTER (advert-due): send\n"

TEST_CASE(carp_replay, of_the_last_advert_every_second_delays_a_takeover_once)
{
    const struct recording *const all[] = {&ours, &ucarp_up, &kernel_up, &ucarp_random};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct lab lab;
        struct carp_packet recorded[5];
        tk_row(all[i]->why);
        record(&lab, all[i], CARP_REPLAY_AUTO, recorded);
        for (uint64_t s = 6; s <= 10; s++) {
            lab_hear_packet(&lab, AT_S(s), &recorded[4]);
        }
        lab_run(&lab, AT_NS(10781250000));
        EXPECT_STR(HELD_ONCE, lab.story);
    }
}

/* Whatever the rhythm, the takeover comes a master-down time after the first repeat, and nothing
 * puts the new master down. */
TEST_CASE(carp_replay, of_the_last_advert_in_any_rhythm_delays_a_takeover_once)
{
    static const uint64_t every_ms[] = {1, 10, 100, 333, 999, 1000, 1391, 3000, 3390};
    const struct recording *const all[] = {&ours, &ucarp_up, &kernel_up, &ucarp_random};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        for (size_t k = 0; k < sizeof every_ms / sizeof *every_ms; k++) {
            struct lab lab;
            struct carp_packet recorded[5];
            tk_row(all[i]->why);
            record(&lab, all[i], CARP_REPLAY_AUTO, recorded);
            uint64_t takeover_ns = UINT64_C(8390625000) + every_ms[k] * 1000000;
            for (uint64_t ms = 5000 + every_ms[k]; ms < takeover_ns / 1000000 + 3000;
                 ms += every_ms[k]) {
                lab_forget(&lab); /* a thousand lines of refusals */
                lab_hear_packet(&lab, AT_MS(ms), &recorded[4]);
                EXPECT_INT(ms * 1000000 <= takeover_ns ? CARP_BACKUP : CARP_MASTER,
                           carp_state(&lab.carp));
            }
        }
    }
}

/* Two, or all, of what was recorded, in turn: each is a step back for who counts up. */
TEST_CASE(carp_replay, of_all_that_was_recorded_in_turn_delays_a_takeover_once)
{
    const struct recording *const all[] = {&ours, &ucarp_up, &kernel_up};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        for (uint64_t turns = 2; turns <= 5; turns++) {
            struct lab lab;
            struct carp_packet recorded[5];
            tk_row(all[i]->why);
            record(&lab, all[i], CARP_REPLAY_AUTO, recorded);
            for (uint64_t n = 0; n < 40; n++) { /* the newest one first, at 5.5 s */
                lab_forget(&lab);
                lab_hear_packet(&lab, AT_MS(5500 + 500 * n), &recorded[4 - n % turns]);
                EXPECT_INT(n == 0 ? CARP_ACCEPTED : CARP_REPLAYED, lab.out.verdict);
                EXPECT_INT(5500 + 500 * n < 8891 ? CARP_BACKUP : CARP_MASTER,
                           carp_state(&lab.carp));
            }
        }
    }
}

/* A farewell, once said, does not make a backup of a living master take over again. */
TEST_CASE(carp_replay, of_a_farewell_wakes_nobody)
{
    struct lab lab;
    struct carp_packet recorded[5];
    record(&lab, &ours, CARP_REPLAY_AUTO, recorded);
    struct carp_packet farewell = recorded[4];
    farewell.advert.advbase = farewell.advert.advskew = 255; /* counter and digest stay valid */
    lab_hear(
        &lab, AT_S(6),
        (struct lab_advert){.host = 10, .kind = LAB_OURS, .advbase = 1, .counter = (1 << 20) + 5});
    lab_hear_packet(&lab, AT_MS(6100), &farewell);
    lab_hear_packet(&lab, AT_MS(6200), &farewell);
    EXPECT_STR("6.000000000 BACKUP hears 192.0.2.10 1/0 (master-alive)\n"
               "6.100000000 BACKUP refuses 192.0.2.10 255/255 (replayed)\n"
               "6.200000000 BACKUP refuses 192.0.2.10 255/255 (replayed)\n",
               lab.story);
}

/* The last advert once more, at 5.5 s, with other times, which no digest covers. Worse ones would
 * make a takeover of it (own claim 1/100), whoever can hear the master could make that of its every
 * advert. Ones that are no worse, and those of a constant counter, cannot be told. Found by the
 * simulator (sim/scenarios/d_forged_farewell.scn). */
TEST_CASE(carp_replay, with_worse_times_is_no_word_of_its_sender)
{
    static const struct {
        const struct recording *r;
        uint8_t advbase, advskew;
        enum carp_verdict want;
    } rows[] = {
        {&ours, 255, 255, CARP_REPLAYED},         {&ours, 1, 101, CARP_REPLAYED},
        {&ours, 1, 100, CARP_ACCEPTED},           {&ours, 0, 1, CARP_ACCEPTED},
        {&ucarp_up, 255, 255, CARP_REPLAYED},     {&kernel_up, 3, 200, CARP_REPLAYED},
        {&ucarp_random, 255, 255, CARP_REPLAYED}, {&constant, 255, 255, CARP_ACCEPTED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lab lab;
        struct carp_packet recorded[5];
        tk_row(rows[i].r->why);
        record(&lab, rows[i].r, CARP_REPLAY_AUTO, recorded);
        struct carp_packet changed = recorded[4];
        changed.advert.advbase = rows[i].advbase;
        changed.advert.advskew = rows[i].advskew;
        lab_hear_packet(&lab, AT_MS(5500), &changed);
        EXPECT_INT(rows[i].want, lab.out.verdict);
    }
    tk_row(NULL);
}

/* `off` checks nothing: a kernel that was taken for random, because it booted twice, and is demoted
 * now, is believed. Found by fuzz_engine. */
TEST_CASE(carp_replay, is_not_looked_for_when_that_is_off)
{
    struct lab lab;
    struct carp_packet recorded[5];
    record(&lab, &ucarp_random, CARP_REPLAY_OFF, recorded);
    recorded[4].advert.advskew = 101;
    lab_hear_packet(&lab, AT_MS(5500), &recorded[4]);
    EXPECT_INT(CARP_ACCEPTED, lab.out.verdict);
    EXPECT_INT(CARP_RULE_SLOWER_TOLERATED, lab.out.rule);
}

/* What `auto` leaves open, held open for an hour; and that `enforce` closes it, for a group of ours
 * alone: takeover at 5 s + 3.390625 s, as if nothing were heard. */
TEST_CASE(carp_replay, of_a_constant_counter_or_of_two_random_ones_is_told_by_enforce_only)
{
    static const struct {
        const struct recording *r;
        unsigned turns;
    } open[] = {{&constant, 1}, {&ucarp_random, 2}};
    for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
        struct lab lab;
        struct carp_packet recorded[5];
        tk_row(open[i].r->why);
        record(&lab, open[i].r, CARP_REPLAY_AUTO, recorded);
        for (uint64_t s = 6; s <= 3600; s++) {
            lab_forget(&lab);
            lab_hear_packet(&lab, AT_S(s), &recorded[4 - s % open[i].turns]);
            EXPECT_INT(CARP_RULE_MASTER_ALIVE, lab.out.rule);
        }
        EXPECT_U64(3603390625000, carp_deadline(&lab.carp).ns);
    }
    struct lab lab;
    struct carp_packet recorded[5];
    tk_row("ours, enforced");
    record(&lab, &ours, CARP_REPLAY_ENFORCE, recorded);
    for (uint64_t s = 6; s <= 8; s++) {
        lab_hear_packet(&lab, AT_S(s), &recorded[s % 5]);
    }
    recorded[4].source[3] = 12; /* nor under another address, which no digest covers */
    lab_hear_packet(&lab, AT_MS(8300), &recorded[4]);
    lab_run(&lab, AT_S(9));
    EXPECT_STR("6.000000000 BACKUP refuses 192.0.2.10 1/0 (replayed)\n"
               "7.000000000 BACKUP refuses 192.0.2.10 1/0 (replayed)\n"
               "8.000000000 BACKUP refuses 192.0.2.10 1/0 (replayed)\n"
               "8.300000000 BACKUP refuses 192.0.2.12 1/0 (replayed)\n"
               "8.390625000 BACKUP -> MASTER (silence): claim, send, announce\n",
               lab.story);
}
