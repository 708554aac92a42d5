/*
 * Signs of life and old adverts repeated: what is learned of each sender, what genuine captures
 * look like, and that a recorded advert does not keep the address dark.
 */
#include <stdio.h>
#include <string.h>

#include "engine/lab.h"
#include "tools/testkit/testkit.h"

/* --- sequences of one sender -------------------------------------------------------------------
 */

static struct carp_packet advert(uint8_t host, uint64_t counter)
{
    return (struct carp_packet){
        .family = 4, .source = {192, 0, 2, host}, .advert = {.counter = counter}};
}

static bool hear(struct replay_senders *senders, enum carp_replay policy, uint8_t host,
                 uint64_t counter)
{
    struct carp_packet packet = advert(host, counter);
    struct replay_hearing hearing = replay_hear(senders, policy, &packet);
    if (hearing.fresh) { /* as carp.c does: a refused advert teaches nothing */
        replay_remember(senders, &hearing, counter);
    }
    return hearing.fresh;
}

enum { STEPS = 8 };

/* Far from each other, as random counters are. */
#define RANDOM_A UINT64_C(0x08391c0cd61c214d)
#define RANDOM_B UINT64_C(0xdb03d3774e8835eb)
#define RANDOM_C UINT64_C(0x5be1c0de5be1c0de)

static const struct {
    const char *why;
    enum carp_replay policy;
    uint64_t counters[STEPS];
    const char *fresh; /* y or n for each */
} sequences[] = {
    {"counting up", CARP_REPLAY_AUTO, {10, 11, 12, 13, 14}, "yyyyy"},
    {"counting up over the end of 64 bits",
     CARP_REPLAY_AUTO,
     {UINT64_MAX - 1, UINT64_MAX, 0, 1},
     "yyyy"},
    {"one repeat is genuine: NetBSD with two carp interfaces",
     CARP_REPLAY_AUTO,
     {50, 51, 51, 52, 53},
     "yyyyy"},
    {"a second repeat is not", CARP_REPLAY_AUTO, {50, 51, 51, 51, 51, 52}, "yyynny"},
    {"a step back is not", CARP_REPLAY_AUTO, {50, 51, 52, 40, 41, 53}, "yyynny"},
    {"a restart somewhere unrelated is",
     CARP_REPLAY_AUTO,
     {50, 51, RANDOM_B, RANDOM_B + 1},
     "yyyy"},
    {"random until it has heard someone",
     CARP_REPLAY_AUTO,
     {RANDOM_A, RANDOM_B, RANDOM_C, RANDOM_A + 5, 7, 8, 9},
     "yyyyyyy"},
    {"random, and the last one again and again",
     CARP_REPLAY_AUTO,
     {RANDOM_C, RANDOM_B, RANDOM_A, RANDOM_A, RANDOM_A, RANDOM_A},
     "yyyynn"},
    {"constant from the start: OpenBSD", CARP_REPLAY_AUTO, {9, 9, 9, 9, 9, 9, 9, 9}, "yyyyyyyy"},
    {"constant, then another constant: OpenBSD restarted",
     CARP_REPLAY_AUTO,
     {RANDOM_C, RANDOM_C, RANDOM_C, RANDOM_A, RANDOM_A, RANDOM_A},
     "yyyyyy"},
    {"enforced: up", CARP_REPLAY_ENFORCE, {10, 11, 13, 20}, "yyyy"},
    {"enforced: not even one repeat", CARP_REPLAY_ENFORCE, {10, 11, 11, 12}, "yyny"},
    {"enforced: nothing unrelated", CARP_REPLAY_ENFORCE, {RANDOM_B, RANDOM_B + 1, RANDOM_A}, "yyn"},
    {"off: anything", CARP_REPLAY_OFF, {50, 51, 51, 51, 40}, "yyyyy"},
};

TEST_CASE(replay, is_told_from_a_sign_of_life_by_the_senders_way_of_counting)
{
    for (size_t i = 0; i < sizeof sequences / sizeof *sequences; i++) {
        struct replay_senders senders = {0};
        char fresh[STEPS + 1] = "";
        tk_row(sequences[i].why);
        for (size_t k = 0; k < strlen(sequences[i].fresh); k++) {
            bool is = hear(&senders, sequences[i].policy, 10, sequences[i].counters[k]);
            fresh[k] = is ? 'y' : 'n';
        }
        EXPECT_STR(sequences[i].fresh, fresh);
    }
}

/* After a partition a host that counted up to 900 by itself hears its peer's 104, and goes on from
 * there, as UCARP and the kernels do; an old 60 of it stays a replay. */
TEST_CASE(replay, is_not_a_host_that_goes_on_from_its_peers_count)
{
    struct replay_senders senders = {0};
    for (uint64_t counter = 897; counter <= 900; counter++) {
        EXPECT_TRUE(hear(&senders, CARP_REPLAY_AUTO, 10, counter));
    }
    EXPECT_TRUE(hear(&senders, CARP_REPLAY_AUTO, 20, 103));
    EXPECT_TRUE(hear(&senders, CARP_REPLAY_AUTO, 20, 104));
    EXPECT_TRUE(!hear(&senders, CARP_REPLAY_AUTO, 10, 60));
    EXPECT_TRUE(hear(&senders, CARP_REPLAY_AUTO, 10, 105));
    EXPECT_TRUE(hear(&senders, CARP_REPLAY_AUTO, 10, 106));
}

TEST_CASE(replay, is_not_a_host_that_goes_on_from_our_count)
{
    struct replay_senders senders = {0};
    for (uint64_t counter = 897; counter <= 900; counter++) {
        EXPECT_TRUE(hear(&senders, CARP_REPLAY_AUTO, 10, counter));
    }
    replay_sent(&senders, 500);
    EXPECT_TRUE(!hear(&senders, CARP_REPLAY_AUTO, 10, 510)); /* too far above to be that */
    EXPECT_TRUE(hear(&senders, CARP_REPLAY_AUTO, 10, 501));
}

TEST_CASE(replay, forgets_the_sender_heard_longest_ago)
{
    struct replay_senders senders = {0};
    for (uint8_t host = 10; host < 10 + REPLAY_SENDERS_MAX; host++) {
        hear(&senders, CARP_REPLAY_AUTO, host, host * 1000u);
        hear(&senders, CARP_REPLAY_AUTO, host, host * 1000u + 1);
    }
    hear(&senders, CARP_REPLAY_AUTO, 10, 10002); /* heard again: 11 is now the oldest */
    hear(&senders, CARP_REPLAY_AUTO, 99, RANDOM_A);
    EXPECT_TRUE(!hear(&senders, CARP_REPLAY_AUTO, 10, 9000));
    EXPECT_TRUE(!hear(&senders, CARP_REPLAY_AUTO, 12, 9000));
    EXPECT_TRUE(hear(&senders, CARP_REPLAY_AUTO, 11, 9000)); /* as if never heard */
}

/* A sender that is not known under `enforce` must be ahead of everyone who is. */
TEST_CASE(replay, is_what_a_new_sender_says_below_the_others_where_growth_is_enforced)
{
    struct replay_senders senders = {0};
    EXPECT_TRUE(hear(&senders, CARP_REPLAY_ENFORCE, 10, 500));
    EXPECT_TRUE(!hear(&senders, CARP_REPLAY_ENFORCE, 11, 499));
    EXPECT_TRUE(!hear(&senders, CARP_REPLAY_ENFORCE, 11, 500));
    EXPECT_TRUE(hear(&senders, CARP_REPLAY_ENFORCE, 11, 501));
}

/* --- genuine captures ----------------------------------------------------------------------------
 */

/* All of them, as a listener on the segment hears them, by vhid; adverts counted with tcpdump. */
TEST_CASE(replay_captures, hold_no_replay)
{
    static const char *const files[] = {
        "ucarp-1.5.2",
        "netbsd-7.99.34-v4-one",
        "netbsd-7.99.34-v4-three",
        "netbsd-7.99.34-v4-failover-bowout",
        "netbsd-7.99.34-v4-advbase0",
        "netbsd-7.99.34-v4-nokey",
        "netbsd-7.99.34-v4-badkey",
        "netbsd-7.99.34-v4-two-carp-counter",
        "netbsd-7.99.34-v4-suppress",
        "freebsd-13.0-v4-one",
        "freebsd-13.0-v6-one",
        "freebsd-13.0-v6-four-linklocal",
        "freebsd-13.0-mixed",
        "freebsd-13.0-mixed-failover-demotion",
        "freebsd-13.0-v6-failover-na",
        "freebsd-13.0-v4-demotion-negative",
        "freebsd-13.0-mixed-half-heard",
        "netbsd-freebsd-v4-failover",
        "freebsd-freebsd-v4-equal-livelock",
        "ucarp-freebsd-v4-equal-partition",
        "ucarp-freebsd-v4-preempt",
        "ucarp-netbsd-v4-equal-livelock",
    };
    static uint8_t bytes[16384];
    int adverts = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        static struct replay_senders senders[256];
        char path[128];
        const uint8_t *frame;
        size_t at = 0, size;
        int number = 0;
        memset(senders, 0, sizeof senders);
        snprintf(path, sizeof path, "engine/testdata/captures/%s.pcap", files[i]);
        size_t file_size = lab_read_file(path, bytes, sizeof bytes);
        while ((frame = lab_pcap_next(bytes, file_size, &at, &size)) != NULL) {
            struct carp_packet packet;
            number++;
            if (frame_parse(frame, size, &packet) != CARP_ACCEPTED) {
                continue;
            }
            char row[160];
            snprintf(row, sizeof row, "%s frame %d", files[i], number);
            tk_row(row);
            struct replay_senders *of = &senders[packet.advert.vhid];
            struct replay_hearing hearing = replay_hear(of, CARP_REPLAY_AUTO, &packet);
            EXPECT_TRUE(hearing.fresh);
            replay_remember(of, &hearing, packet.advert.counter);
            adverts++;
        }
    }
    tk_row(NULL);
    EXPECT_INT(360, adverts);
}

/* --- the attack ---------------------------------------------------------------------------------
 */

/* A backup of a master that advertises 1/0 with these counters until 5 s and is then dead, while
 * someone repeats its last advert every second. */
static void replay_attack(struct lab *lab, const uint64_t counters[5])
{
    lab_init(lab, (struct carp_config){.advbase = 1, .advskew = 100});
    lab_link(lab, true);
    struct carp_packet last = {0};
    for (uint64_t s = 1; s <= 5; s++) {
        last = lab_packet(
            lab, (struct lab_advert){.host = 10, .advbase = 1, .counter = counters[s - 1]});
        lab_hear_packet(lab, AT_S(s), &last);
    }
    lab_forget(lab);
    for (uint64_t s = 6; s <= 12; s++) {
        lab_hear_packet(lab, AT_S(s), &last);
    }
}

/* One repeat may be genuine, so the wait begins anew once: 6 s + 3.390625 s. UCARP's backup waited
 * for as long as the replay went on. */
#define TAKES_OVER                                                                                 \
    "6.000000000 BACKUP hears 192.0.2.10 1/0 (master-alive)\n"                                     \
    "7.000000000 BACKUP refuses 192.0.2.10 1/0 (replayed)\n"                                       \
    "8.000000000 BACKUP refuses 192.0.2.10 1/0 (replayed)\n"                                       \
    "9.000000000 BACKUP refuses 192.0.2.10 1/0 (replayed)\n"                                       \
    "9.390625000 BACKUP -> MASTER (silence): claim, send, announce\n"                              \
    "10.000000000 MASTER refuses 192.0.2.10 1/0 (replayed)\n"                                      \
    "10.781250000 MASTER (advert-due): send\n"                                                     \
    "11.000000000 MASTER refuses 192.0.2.10 1/0 (replayed)\n"                                      \
    "12.000000000 MASTER refuses 192.0.2.10 1/0 (replayed)\n"

TEST_CASE(replay, of_an_advert_does_not_keep_the_address_dark)
{
    static const uint64_t up[5] = {100, 101, 102, 103, 104};
    static const uint64_t random[5] = {RANDOM_C, RANDOM_B, RANDOM_A, 7, RANDOM_B - 9};
    struct lab lab;
    tk_row("a master that counts up");
    replay_attack(&lab, up);
    EXPECT_STR(TAKES_OVER, lab.story);
    tk_row("a master that has heard nobody: random counters");
    replay_attack(&lab, random);
    EXPECT_STR(TAKES_OVER, lab.story);
}

/* What `auto` cannot tell; docs/PROTOCOL.md says so. */
TEST_CASE(replay, of_openbsds_constant_counter_cannot_be_told)
{
    static const uint64_t constant[5] = {9, 9, 9, 9, 9};
    struct lab lab;
    replay_attack(&lab, constant);
    EXPECT_INT(CARP_BACKUP, carp_state(&lab.carp));
    EXPECT_U64(0, lab.out.verdict);
}
