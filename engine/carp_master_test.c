/*
 * A master: its adverts, what it does about other masters, and how it leaves. Sources of the rules
 * are in docs/PROTOCOL.md, "states", "tie", "re-assertion", "farewell".
 */
#include <string.h>

#include "engine/lab.h"
#include "tools/testkit/testkit.h"

/* A node that became master at 3 s + advskew/256, with its story forgotten. */
static void make_master(struct lab *lab, struct carp_config config)
{
    lab_init(lab, config);
    lab_link(lab, true);
    lab_run(lab, carp_deadline(&lab->carp));
    EXPECT_INT(CARP_MASTER, carp_state(&lab->carp));
    lab_forget(lab);
}

/* --- another master --------------------------------------------------------------------------- */

/* clang-format off */
static const struct {
    const char *why;
    uint8_t advskew;
    bool preempt;
    struct lab_advert heard;
    const char *story;
} rows[] = {
    {"faster by one", 100, false, {.host = 12, .advbase = 1, .advskew = 99},
     "4.000000000 MASTER hears 192.0.2.12 1/99 -> BACKUP (better-master): release, send\n"},
    {"faster by one, preempting changes nothing", 100, true,
     {.host = 12, .advbase = 1, .advskew = 99},
     "4.000000000 MASTER hears 192.0.2.12 1/99 -> BACKUP (better-master): release, send\n"},
    {"faster by base", 100, false, {.host = 12, .advbase = 0, .advskew = 255},
     "4.000000000 MASTER hears 192.0.2.12 0/255 -> BACKUP (better-master): release, send\n"},
    {"slower by one", 100, true, {.host = 10, .advbase = 1, .advskew = 101},
     "4.000000000 MASTER hears 192.0.2.10 1/101 (worse-master): announce\n"},
    {"slower by base", 100, false, {.host = 10, .advbase = 2, .advskew = 0},
     "4.000000000 MASTER hears 192.0.2.10 2/0 (worse-master): announce\n"},
    {"one that leaves", 100, false, {.host = 10, .advbase = 255, .advskew = 255},
     "4.000000000 MASTER hears 192.0.2.10 255/255 (worse-master): announce\n"},
    {"equal kernel, lower address", 100, false, {.host = 10, .advbase = 1, .advskew = 100},
     "4.000000000 MASTER hears 192.0.2.10 1/100 -> BACKUP (tie-bsd): release"
     " [equal timers]\n"},
    {"equal kernel, higher address", 100, false, {.host = 12, .advbase = 1, .advskew = 100},
     "4.000000000 MASTER hears 192.0.2.12 1/100 -> BACKUP (tie-bsd): release"
     " [equal timers]\n"},
    {"equal of our kind, lower address", 100, false,
     {.host = 10, .kind = LAB_OURS, .advbase = 1, .advskew = 100},
     "4.000000000 MASTER hears 192.0.2.10 1/100 -> BACKUP (tie-address): release, send"
     " [equal timers]\n"},
    {"equal of our kind, higher address", 100, false,
     {.host = 12, .kind = LAB_OURS, .advbase = 1, .advskew = 100},
     "4.000000000 MASTER hears 192.0.2.12 1/100 (tie-address): announce [equal timers]\n"},
    {"equal UCARP, lower last octet", 100, false,
     {.host = 10, .kind = LAB_UCARP, .advbase = 1, .advskew = 100},
     "4.000000000 MASTER hears 192.0.2.10 1/100 -> BACKUP (tie-ucarp): release, send"
     " [equal timers]\n"},
    {"equal UCARP, higher last octet", 100, false,
     {.host = 12, .kind = LAB_UCARP, .advbase = 1, .advskew = 100},
     "4.000000000 MASTER hears 192.0.2.12 1/100 (tie-ucarp): announce [equal timers]\n"},
};
/* clang-format on */

TEST_CASE(master, decides_on_one_advert_of_another_master)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lab lab;
        tk_row(rows[i].why);
        make_master(&lab, (struct carp_config){.advbase = 1,
                                               .advskew = rows[i].advskew,
                                               .preempt = rows[i].preempt});
        lab_hear(&lab, AT_S(4), rows[i].heard);
        EXPECT_STR(rows[i].story, lab.story);
    }
}

/* A master that stays keeps its own rhythm: the deadline is the one it had. */
TEST_CASE(master, keeps_its_rhythm_when_it_stays)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lab lab;
        tk_row(rows[i].why);
        make_master(&lab, (struct carp_config){.advbase = 1, .advskew = rows[i].advskew});
        carp_instant before = carp_deadline(&lab.carp);
        lab_hear(&lab, AT_S(4), rows[i].heard);
        if (lab.out.to == CARP_MASTER) {
            EXPECT_U64(before.ns, carp_deadline(&lab.carp).ns);
        }
    }
}

/* The rows by which UCARP's order was found: own 10.99.0.1; the last octet counts most.
 * Source: carp-protocol.md 4.4 and field-guide L1, seen running. */
TEST_CASE(master, ties_with_ucarp_by_its_byte_reversed_order_and_with_ours_numerically)
{
    static const struct {
        const char *why;
        uint8_t own[4], theirs[4];
        bool ucarp_first, ours_first; /* does the peer come first in that order? */
    } ties[] = {
        {"200.1.1.0", {10, 99, 0, 1}, {200, 1, 1, 0}, true, false},
        {"10.99.0.0", {10, 99, 0, 1}, {10, 99, 0, 0}, true, true},
        {"10.99.0.2", {10, 99, 0, 1}, {10, 99, 0, 2}, false, false},
        {"10.1.1.9", {10, 99, 0, 1}, {10, 1, 1, 9}, false, true},
        {"9.255.255.255", {10, 99, 0, 1}, {9, 255, 255, 255}, false, true},
        {"10.0.1.1 beat 10.0.0.2", {10, 0, 0, 2}, {10, 0, 1, 1}, true, false},
        {"third octet", {10, 0, 2, 1}, {10, 9, 1, 1}, true, false},
        {"second octet", {10, 2, 1, 1}, {99, 1, 1, 1}, true, false},
        {"first octet", {10, 1, 1, 1}, {9, 1, 1, 1}, true, true},
    };
    for (size_t i = 0; i < sizeof ties / sizeof *ties; i++) {
        for (int kind = LAB_UCARP; kind <= LAB_OURS; kind++) {
            struct lab lab;
            tk_row(ties[i].why);
            lab_init(&lab, (struct carp_config){.advbase = 1});
            memcpy(lab.self.ipv4, ties[i].own, 4);
            lab_link(&lab, true);
            lab_run(&lab, AT_S(3));
            struct carp_packet packet =
                lab_packet(&lab, (struct lab_advert){.kind = (enum lab_kind)kind, .advbase = 1});
            memcpy(packet.source, ties[i].theirs, 4);
            lab_hear_packet(&lab, AT_MS(3500), &packet);
            bool first = kind == LAB_UCARP ? ties[i].ucarp_first : ties[i].ours_first;
            EXPECT_INT(first ? CARP_BACKUP : CARP_MASTER, carp_state(&lab.carp));
            EXPECT_INT(kind == LAB_UCARP ? CARP_RULE_TIE_UCARP : CARP_RULE_TIE_ADDRESS,
                       lab.out.rule);
        }
    }
}

/* The last advert carries our own claim, one counter on, so that the winner announces itself again;
 * byte offsets in the frame: 14 + 20 + {2 advskew, 5 advbase, 8 counter}. */
TEST_CASE(master, sends_one_last_advert_with_its_own_claim_when_it_yields)
{
    struct lab lab;
    make_master(&lab, (struct carp_config){.advbase = 1, .advskew = 100});
    EXPECT_U64(LAB_COUNTER + 1, lab.carp.counter);
    lab_hear(&lab, AT_S(4), (struct lab_advert){.host = 10, .advbase = 1});
    const uint8_t *frame = lab_sent(&lab, 1);
    EXPECT_INT(100, frame[36]);
    EXPECT_INT(1, frame[39]);
    static const uint8_t counter[8] = {0, 0, 0, 0, 0, 0x0f, 0x42, 0x42}; /* 1000002 */
    EXPECT_BYTES(counter, frame + 42, sizeof counter);
}

TEST_CASE(master, sends_the_demoted_claim_in_its_last_advert)
{
    struct lab lab;
    make_master(&lab, (struct carp_config){.advbase = 1});
    lab_demote(&lab, 50);
    lab_hear(&lab, AT_S(4), (struct lab_advert){.host = 10, .advbase = 1, .advskew = 49});
    const uint8_t *frame = lab_sent(&lab, 1);
    EXPECT_INT(50, frame[36]);
}

/* After a better master: exactly the master-down time. After a tie: up to half an interval less, so
 * that equals which yielded to each other do not come back together. */
TEST_CASE(master, waits_a_little_less_after_a_tie)
{
    struct lab lab;
    uint64_t distinct = 0, last = 0;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        lab_init(&lab, (struct carp_config){.advbase = 1, .advskew = 100});
        carp_init(&lab.carp, seed, LAB_COUNTER);
        lab_link(&lab, true);
        lab_hear(&lab, AT_S(4), (struct lab_advert){.host = 10, .advbase = 1, .advskew = 100});
        EXPECT_INT(CARP_RULE_TIE_BSD, lab.out.rule);
        uint64_t less = UINT64_C(7390625000) - carp_deadline(&lab.carp).ns;
        EXPECT_TRUE(less < UINT64_C(695312500));
        distinct += less != last;
        last = less;

        carp_init(&lab.carp, seed, LAB_COUNTER);
        lab.now = AT_S(0);
        lab_link(&lab, true);
        lab_hear(&lab, AT_S(4), (struct lab_advert){.host = 10, .advbase = 1, .advskew = 99});
        EXPECT_INT(CARP_RULE_BETTER_MASTER, lab.out.rule);
        EXPECT_U64(7390625000, carp_deadline(&lab.carp).ns);
    }
    EXPECT_U64(50, distinct);
}

/* The host that lost a tie hears the third of three equals a moment later, and goes on waiting as
 * it drew; for four master-down times, and for equals only. */
TEST_CASE(master, remembers_what_it_drew_in_a_tie_over_further_equal_adverts)
{
    struct lab lab;
    lab_init(&lab, (struct carp_config){.advbase = 1, .advskew = 100});
    lab_link(&lab, true);
    lab_hear(&lab, AT_S(4), (struct lab_advert){.host = 10, .advbase = 1, .advskew = 100});
    EXPECT_INT(CARP_RULE_TIE_BSD, lab.out.rule);
    uint64_t drawn = carp_deadline(&lab.carp).ns - AT_S(4).ns;
    EXPECT_TRUE(drawn != UINT64_C(3390625000));
    for (uint64_t s = 5; s <= 17; s++) { /* 4 s and four times 3.390625 s are 17.5625 s */
        lab_hear(&lab, AT_S(s), (struct lab_advert){.host = 12, .advbase = 1, .advskew = 100});
        EXPECT_U64(drawn, carp_deadline(&lab.carp).ns - AT_S(s).ns);
    }
    lab_hear(&lab, AT_MS(17100), (struct lab_advert){.host = 12, .advbase = 1, .advskew = 99});
    EXPECT_U64(UINT64_C(3390625000), carp_deadline(&lab.carp).ns - AT_MS(17100).ns);
    lab_hear(&lab, AT_S(18), (struct lab_advert){.host = 12, .advbase = 1, .advskew = 100});
    EXPECT_U64(UINT64_C(3390625000), carp_deadline(&lab.carp).ns - AT_S(18).ns);
}

/* With a dead ratio of 1 the master-down time is one interval: less would make one late advert a
 * death. */
TEST_CASE(master, waits_longer_after_a_tie_where_it_has_no_patience_to_spare)
{
    struct lab lab;
    lab_init(&lab, (struct carp_config){.advbase = 1, .advskew = 100, .dead_ratio = 1});
    lab_link(&lab, true);
    lab_hear(&lab, AT_S(4), (struct lab_advert){.host = 10, .advbase = 1, .advskew = 100});
    EXPECT_INT(CARP_RULE_TIE_BSD, lab.out.rule);
    uint64_t wait = carp_deadline(&lab.carp).ns - AT_S(4).ns;
    EXPECT_TRUE(wait >= UINT64_C(1390625000) && wait < UINT64_C(2085937500));
}

TEST_CASE(master, yields_to_a_lower_demotion_in_openbsds_dialect_only)
{
    struct lab lab;
    make_master(&lab, (struct carp_config){.advbase = 1, .dialect = CARP_DIALECT_OPENBSD});
    lab_demote(&lab, 2);
    lab_hear(&lab, AT_MS(3500), (struct lab_advert){.host = 10, .advbase = 2, .demote = 3});
    lab_hear(&lab, AT_MS(3600), (struct lab_advert){.host = 10, .advbase = 2, .demote = 2});
    lab_hear(&lab, AT_MS(3700), (struct lab_advert){.host = 10, .advbase = 2, .demote = 1});
    EXPECT_STR("3.000000000 MASTER (demoted): send\n"
               "3.500000000 MASTER hears 192.0.2.10 2/0 demoted 3 (worse-master): announce\n"
               "3.600000000 MASTER hears 192.0.2.10 2/0 demoted 2 (worse-master)\n"
               "3.700000000 MASTER hears 192.0.2.10 2/0 demoted 1 -> BACKUP (better-master)"
               ": release, send\n",
               lab.story);

    make_master(&lab, (struct carp_config){.advbase = 1});
    lab_hear(&lab, AT_MS(3500),
             (struct lab_advert){.host = 10, .advbase = 1, .demote = 200, .advskew = 1});
    EXPECT_STR("3.500000000 MASTER hears 192.0.2.10 1/1 (worse-master): announce\n", lab.story);
}

/* Who leaves says so with its own demotion (OpenBSD carp_send_ad()), which may be lower than ours:
 * to yield to that would leave nobody. */
TEST_CASE(master, never_yields_to_a_farewell_of_a_host_that_is_demoted_less)
{
    struct lab lab;
    make_master(&lab, (struct carp_config){.advbase = 1, .dialect = CARP_DIALECT_OPENBSD});
    lab_demote(&lab, 2);
    lab_hear(&lab, AT_MS(3500),
             (struct lab_advert){.host = 10, .advbase = 255, .advskew = 255, .demote = 1});
    EXPECT_STR("3.000000000 MASTER (demoted): send\n"
               "3.500000000 MASTER hears 192.0.2.10 255/255 demoted 1 (worse-master): announce\n",
               lab.story);
}

/* --- re-assertion ------------------------------------------------------------------------------
 */

/* Once between two adverts however many come, and once more two adverts after the last of them. */
TEST_CASE(master, announces_again_at_most_once_between_two_adverts)
{
    struct lab lab;
    make_master(&lab, (struct carp_config){.advbase = 1});
    lab_run(&lab, AT_S(6));
    lab_forget(&lab);
    for (uint64_t i = 0; i < 15; i++) {
        lab_hear(&lab, AT_MS(6100 + 100 * i),
                 (struct lab_advert){.host = 10, .advbase = 1, .advskew = 200});
    }
    lab_run(&lab, AT_S(11));
    EXPECT_STR("6.100000000 MASTER hears 192.0.2.10 1/200 (worse-master): announce\n"
               "6.200000000 MASTER hears 192.0.2.10 1/200 (worse-master)\n"
               "6.300000000 MASTER hears 192.0.2.10 1/200 (worse-master)\n"
               "6.400000000 MASTER hears 192.0.2.10 1/200 (worse-master)\n"
               "6.500000000 MASTER hears 192.0.2.10 1/200 (worse-master)\n"
               "6.600000000 MASTER hears 192.0.2.10 1/200 (worse-master)\n"
               "6.700000000 MASTER hears 192.0.2.10 1/200 (worse-master)\n"
               "6.800000000 MASTER hears 192.0.2.10 1/200 (worse-master)\n"
               "6.900000000 MASTER hears 192.0.2.10 1/200 (worse-master)\n"
               "7.000000000 MASTER hears 192.0.2.10 1/200 (worse-master)\n"
               "7.000000000 MASTER (advert-due): send\n"
               "7.100000000 MASTER hears 192.0.2.10 1/200 (worse-master): announce\n"
               "7.200000000 MASTER hears 192.0.2.10 1/200 (worse-master)\n"
               "7.300000000 MASTER hears 192.0.2.10 1/200 (worse-master)\n"
               "7.400000000 MASTER hears 192.0.2.10 1/200 (worse-master)\n"
               "7.500000000 MASTER hears 192.0.2.10 1/200 (worse-master)\n"
               "8.000000000 MASTER (advert-due): send\n"
               "9.000000000 MASTER (advert-due): send, announce\n"
               "10.000000000 MASTER (advert-due): send\n"
               "11.000000000 MASTER (advert-due): send\n",
               lab.story);
}

/* --- leaving -----------------------------------------------------------------------------------
 */

/* Addresses first, then the farewell: who hears it may take them at once. */
TEST_CASE(master, stops_with_a_release_and_then_a_farewell)
{
    struct lab lab;
    make_master(&lab, (struct carp_config){.advbase = 1, .advskew = 100});
    lab.now = AT_S(4);
    lab_event(&lab, CARP_EVENT_STOP);
    lab_run(&lab, AT_S(60));
    EXPECT_STR("4.000000000 MASTER -> INIT (stopped): release, send\n", lab.story);
    EXPECT_U64(UINT64_MAX, carp_deadline(&lab.carp).ns);
    lab_link(&lab, true);
    lab_run(&lab, AT_S(64));
    EXPECT_STR("4.000000000 MASTER -> INIT (stopped): release, send\n"
               "60.000000000 INIT -> BACKUP (link-up)\n"
               "63.390625000 BACKUP -> MASTER (silence): claim, send, announce\n",
               lab.story);
}

/* Back after the hold and a master-down time of silence; no preemption before that. */
TEST_CASE(master, steps_down_for_the_operator_and_stays_down_for_the_hold)
{
    struct lab lab;
    make_master(&lab, (struct carp_config){.advbase = 1, .preempt = true});
    lab.now = AT_MS(3500);
    lab_yield(&lab, CARP_YIELD_OPERATOR, CARP_SECONDS(5));
    lab_run(&lab, AT_S(12));
    EXPECT_STR("3.500000000 MASTER -> BACKUP (operator): release, send\n"
               "11.500000000 BACKUP -> MASTER (silence): claim, send, announce\n",
               lab.story);

    make_master(&lab, (struct carp_config){.advbase = 1, .preempt = true});
    lab.now = AT_MS(3500);
    lab_yield(&lab, CARP_YIELD_CLAIM_FAILED, CARP_SECONDS(5));
    lab_hear(&lab, AT_MS(3501), (struct lab_advert){.host = 10, .advbase = 1, .advskew = 9});
    for (uint64_t second = 5; second <= 11; second += 2) {
        lab_hear(&lab, AT_S(second), (struct lab_advert){.host = 10, .advbase = 1, .advskew = 9});
    }
    lab_hear(&lab, AT_MS(11500), (struct lab_advert){.host = 10, .advbase = 1, .advskew = 9});
    EXPECT_STR("3.500000000 MASTER -> BACKUP (claim-failed): release, send\n"
               "3.501000000 BACKUP hears 192.0.2.10 1/9 (preempt-waits)\n"
               "5.000000000 BACKUP hears 192.0.2.10 1/9 (preempt-waits)\n"
               "7.000000000 BACKUP hears 192.0.2.10 1/9 (preempt-waits)\n"
               "9.000000000 BACKUP hears 192.0.2.10 1/9 (preempt-waits)\n"
               "11.000000000 BACKUP hears 192.0.2.10 1/9 (preempt-waits)\n"
               "11.500000000 BACKUP hears 192.0.2.10 1/9 -> MASTER (preempt)"
               ": claim, send, announce\n",
               lab.story);
}

/* A hold is not cut short by a link that flaps meanwhile, as far as preemption goes. */
TEST_CASE(master, keeps_its_hold_over_a_link_flap)
{
    struct lab lab;
    make_master(&lab, (struct carp_config){.advbase = 1, .preempt = true});
    lab_yield(&lab, CARP_YIELD_OPERATOR, CARP_SECONDS(60));
    lab.now = AT_S(4);
    lab_link(&lab, false);
    lab_link(&lab, true);
    lab_hear(&lab, AT_S(5), (struct lab_advert){.host = 10, .advbase = 1, .advskew = 9});
    EXPECT_STR("3.000000000 MASTER -> BACKUP (operator): release, send\n"
               "4.000000000 BACKUP -> INIT (link-down)\n"
               "4.000000000 INIT -> BACKUP (link-up)\n"
               "5.000000000 BACKUP hears 192.0.2.10 1/9 (preempt-waits)\n",
               lab.story);
}

/* Nothing can be said on a link that is gone. */
TEST_CASE(master, releases_without_a_word_when_the_link_goes)
{
    struct lab lab;
    make_master(&lab, (struct carp_config){.advbase = 1});
    lab.now = AT_MS(3500);
    lab_link(&lab, false);
    lab_run(&lab, AT_S(20));
    lab_link(&lab, true);
    lab_run(&lab, AT_S(23));
    EXPECT_STR("3.500000000 MASTER -> INIT (link-down): release\n"
               "20.000000000 INIT -> BACKUP (link-up)\n"
               "23.000000000 BACKUP -> MASTER (silence): claim, send, announce\n",
               lab.story);
}

/* --- identity -----------------------------------------------------------------------------------
 */

TEST_CASE(master, announces_again_when_its_own_address_changes)
{
    struct lab lab;
    make_master(&lab, (struct carp_config){.advbase = 1});
    lab_link(&lab, true); /* the same again: nothing */
    lab.self.mac[5] = 0x33;
    lab.self.ipv4[3] = 33;
    lab_link(&lab, true);
    lab_run(&lab, AT_S(4));
    EXPECT_STR("3.000000000 MASTER (identity): announce\n"
               "4.000000000 MASTER (advert-due): send\n",
               lab.story);
    const uint8_t *frame = lab_sent(&lab, 0);
    EXPECT_INT(0x33, frame[11]); /* Ethernet source */
    EXPECT_INT(33, frame[29]);   /* IPv4 source */
}

TEST_CASE(master, treats_a_link_without_a_usable_address_as_down)
{
    struct lab lab;
    make_master(&lab, (struct carp_config){.advbase = 1});
    lab.self.has_ipv4 = false;
    lab_link(&lab, true);
    lab_link(&lab, true);
    lab.self.has_ipv6 = true; /* no IPv6 virtual address, so this does not help */
    lab_link(&lab, true);
    EXPECT_STR("3.000000000 MASTER -> INIT (link-down): release\n", lab.story);
    lab.self.has_ipv4 = true;
    lab_link(&lab, true);
    EXPECT_INT(CARP_BACKUP, carp_state(&lab.carp));
}
