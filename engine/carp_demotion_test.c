/*
 * Demotion in both dialects, its clamps, and the demotion by send errors. Sources in
 * docs/PROTOCOL.md, "demotion" and "send errors".
 */
#include "engine/lab.h"
#include "tools/testkit/testkit.h"

/* clang-format off */
static const struct {
    const char *why;
    uint8_t advskew;
    uint16_t demotion;
    uint8_t want_advskew;
} advskew_rows[] = {
    {"none",                                     100, 0,     100},
    {"it is added",                              100, 1,     101},
    {"FreeBSD: 1/0 + 50 sends 50",               0,   50,    50},
    {"FreeBSD: 1/100 + 50 sends 150",            100, 50,    150},
    {"FreeBSD: 1/200 + 50 sends 240",            200, 50,    240},
    {"FreeBSD: + 290 sends 240 everywhere",      0,   290,   240},
    {"up to the clamp",                          100, 140,   240},
    {"and no further",                           100, 141,   240},
    {"from just under the clamp",                239, 1,     240},
    {"configured as the clamp",                  240, 1,     240},
    {"configured above it, nothing is lost",     241, 0,     241},
    {"and nothing gained by demotion",           241, 200,   241},
    {"likewise 254",                             254, 1,     254},
    {"likewise UCARP's 255",                     255, 65535, 255},
    {"more than a byte does not wrap",           0,   256,   240},
    {"nor do two",                               16,  65535, 240},
};
/* clang-format on */

/* One number for the wire, for comparison and for the interval. FreeBSD rows: bsd-reactions, seen.
 */
TEST_CASE(demotion, raises_advskew_up_to_240)
{
    for (size_t i = 0; i < sizeof advskew_rows / sizeof *advskew_rows; i++) {
        struct lab lab;
        tk_row(advskew_rows[i].why);
        lab_init(&lab, (struct carp_config){.advbase = 1, .advskew = advskew_rows[i].advskew});
        lab_demote(&lab, advskew_rows[i].demotion);
        lab_link(&lab, true);
        lab_run(&lab, carp_deadline(&lab.carp));
        struct claim claim = carp_claim(&lab.config, &lab.carp);
        EXPECT_INT(advskew_rows[i].want_advskew, claim.advskew);
        EXPECT_INT(0, claim.demote);
        EXPECT_INT(1, claim.advbase);
        const uint8_t *frame = lab_sent(&lab, 1);
        EXPECT_INT(advskew_rows[i].want_advskew, frame[36]);
        EXPECT_INT(0, frame[38]);
        EXPECT_U64(UINT64_C(1000000000) + advskew_rows[i].want_advskew * UINT64_C(3906250),
                   instant_since(carp_deadline(&lab.carp), lab.now).ns);
    }
}

TEST_CASE(demotion, travels_in_byte_4_in_openbsds_dialect)
{
    static const struct {
        const char *why;
        uint16_t demotion;
        uint8_t want;
    } byte_rows[] = {
        {"none", 0, 0},    {"one", 1, 1},        {"240", 240, 240},
        {"255", 255, 255}, {"capped", 256, 255}, {"far above", 65535, 255},
    };
    for (size_t i = 0; i < sizeof byte_rows / sizeof *byte_rows; i++) {
        struct lab lab;
        tk_row(byte_rows[i].why);
        lab_init(&lab, (struct carp_config){
                           .advbase = 1, .advskew = 100, .dialect = CARP_DIALECT_OPENBSD});
        lab_demote(&lab, byte_rows[i].demotion);
        lab_link(&lab, true);
        lab_run(&lab, AT_NS(3390625000));
        const uint8_t *frame = lab_sent(&lab, 1);
        EXPECT_INT(100, frame[36]);
        EXPECT_INT(byte_rows[i].want, frame[38]);
        EXPECT_INT(byte_rows[i].want, carp_claim(&lab.config, &lab.carp).demote);
        EXPECT_U64(4781250000, carp_deadline(&lab.carp).ns);
    }
}

/* Told at once, and the next advert follows an interval of the new claim later; lifted with the
 * next advert, as NetBSD was seen to do. */
TEST_CASE(demotion, is_told_at_once_and_lifted_with_the_next_advert)
{
    struct lab lab;
    lab_init(&lab, (struct carp_config){.advbase = 1});
    lab_link(&lab, true);
    lab_run(&lab, AT_S(3));
    lab_forget(&lab);
    lab.now = AT_MS(3200);
    lab_demote(&lab, 128);
    const uint8_t *frame = lab_sent(&lab, 0);
    EXPECT_INT(128, frame[36]);
    lab_run(&lab, AT_MS(4700));
    lab_demote(&lab, 0);
    EXPECT_U64(6200000000, carp_deadline(&lab.carp).ns);
    lab_run(&lab, AT_MS(6200));
    frame = lab_sent(&lab, 0);
    EXPECT_INT(0, frame[36]);
    lab_run(&lab, AT_MS(7200));
    EXPECT_STR("3.200000000 MASTER (demoted): send\n"
               "4.700000000 MASTER (advert-due): send\n"
               "4.700000000 MASTER (demoted)\n"
               "6.200000000 MASTER (advert-due): send, announce\n"
               "7.200000000 MASTER (advert-due): send\n",
               lab.story);
}

/* A change that the clamp swallows is noted and not sent. */
TEST_CASE(demotion, is_not_sent_when_the_claim_stays_the_same)
{
    struct lab lab;
    lab_init(&lab, (struct carp_config){.advbase = 1, .advskew = 241});
    lab_link(&lab, true);
    lab_run(&lab, carp_deadline(&lab.carp));
    carp_instant before = carp_deadline(&lab.carp);
    lab_forget(&lab);
    lab_demote(&lab, 100);
    EXPECT_STR("3.941406250 MASTER (demoted)\n", lab.story);
    EXPECT_U64(before.ns, carp_deadline(&lab.carp).ns);
}

/* It outlives every change of state; only the caller knows its causes. */
TEST_CASE(demotion, is_kept_over_stop_and_start)
{
    struct lab lab;
    lab_init(&lab, (struct carp_config){.advbase = 1});
    lab_demote(&lab, 128);
    lab_link(&lab, true);
    EXPECT_U64(3500000000, carp_deadline(&lab.carp).ns);
    lab_run(&lab, AT_MS(3500));
    lab_event(&lab, CARP_EVENT_STOP);
    lab_link(&lab, true);
    EXPECT_INT(128, carp_claim(&lab.config, &lab.carp).advskew);
}

/* --- send errors
 * ----------------------------------------------------------------------------------- */

/* Run to the next deadline; the advert sent there fails when asked to. */
static void next_advert(struct lab *lab, bool fails)
{
    lab_run(lab, carp_deadline(&lab->carp));
    if (fails) {
        lab_event(lab, CARP_EVENT_SEND_FAILED);
    }
}

/* Three in a row demote by 240; three in a row that left lift it. */
TEST_CASE(send_errors, demote_after_three_and_are_forgiven_after_three_that_left)
{
    struct lab lab;
    lab_init(&lab, (struct carp_config){.advbase = 1});
    lab_link(&lab, true);
    for (int i = 0; i < 3; i++) {
        next_advert(&lab, true);
    }
    EXPECT_INT(240, carp_claim(&lab.config, &lab.carp).advskew);
    for (int i = 0; i < 5; i++) {
        next_advert(&lab, false);
    }
    EXPECT_INT(0, carp_claim(&lab.config, &lab.carp).advskew);
    EXPECT_STR("0.000000000 INIT -> BACKUP (link-up)\n"
               "3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
               "3.000000000 MASTER (send-failed)\n"
               "4.000000000 MASTER (advert-due): send\n"
               "4.000000000 MASTER (send-failed)\n"
               "5.000000000 MASTER (advert-due): send, announce\n"
               "5.000000000 MASTER (send-failed) [sending fails]\n"
               "6.000000000 MASTER (advert-due): send\n"
               "7.937500000 MASTER (advert-due): send\n"
               "9.875000000 MASTER (advert-due): send\n"
               "11.812500000 MASTER (advert-due): send [sending works]\n"
               "12.812500000 MASTER (advert-due): send\n",
               lab.story);
}

TEST_CASE(send_errors, are_counted_in_a_row)
{
    static const struct {
        const char *why;
        const char *adverts; /* x: fails, o: leaves */
        bool demoted;
    } runs[] = {
        {"two fail", "xxo", false},
        {"three fail", "xxxo", true},
        {"never three in a row", "xxoxxoxxo", false},
        {"four fail", "xxxxo", true},
        {"two that left are not enough", "xxxoo", true},
        {"the third that left is known to have when the fourth goes", "xxxooo", true},
        {"three that left are", "xxxoooo", false},
        {"a failure in between begins the count anew", "xxxooxooo", true},
        {"and ends as well", "xxxooxoooo", false},
        {"a new failure must come three times again", "xxxooooxxo", false},
        {"and then demotes again", "xxxooooxxx", true},
    };
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        struct lab lab;
        tk_row(runs[i].why);
        lab_init(&lab, (struct carp_config){.advbase = 1});
        lab_link(&lab, true);
        for (const char *advert = runs[i].adverts; *advert != '\0'; advert++) {
            next_advert(&lab, *advert == 'x');
        }
        EXPECT_INT(runs[i].demoted ? 240 : 0, carp_claim(&lab.config, &lab.carp).advskew);
    }
}

/* The advert says 240 from the first one after the third failure, and nothing else happens. */
TEST_CASE(send_errors, show_in_the_adverts_that_do_leave)
{
    struct lab lab;
    lab_init(&lab, (struct carp_config){.advbase = 1, .dialect = CARP_DIALECT_OPENBSD});
    lab_link(&lab, true);
    for (int i = 0; i < 3; i++) {
        next_advert(&lab, true);
    }
    next_advert(&lab, false);
    const uint8_t *frame = lab_sent(&lab, 0);
    EXPECT_INT(0, frame[36]);
    EXPECT_INT(240, frame[38]);
}

/* UCARP and FreeBSD keep the demotion for ever here, because a backup sends nothing (field-guide
 * L8, C10). Ours ends with mastership, and preemption pauses for ten master-down times instead, so
 * that a node that hears and cannot send does not take over again and again. 3.9375 s is the
 * demoted time. */
TEST_CASE(send_errors, end_with_mastership_and_pause_preemption)
{
    struct lab lab;
    lab_init(&lab, (struct carp_config){.advbase = 1, .preempt = true});
    lab_link(&lab, true);
    for (int i = 0; i < 3; i++) {
        next_advert(&lab, true);
    }
    lab_forget(&lab);
    lab_hear(&lab, AT_MS(5500), (struct lab_advert){.host = 10, .advbase = 1, .advskew = 50});
    EXPECT_STR("5.500000000 MASTER hears 192.0.2.10 1/50 -> BACKUP (better-master)"
               ": release, send\n",
               lab.story);
    const uint8_t *frame = lab_sent(&lab, 1);
    EXPECT_INT(240, frame[36]);
    EXPECT_INT(0, carp_claim(&lab.config, &lab.carp).advskew);
    lab_event(&lab, CARP_EVENT_SEND_FAILED); /* the last advert: nobody counts it */
    lab_forget(&lab);
    for (uint64_t ms = 6000; ms <= 44000; ms += 2000) {
        lab_hear(&lab, AT_MS(ms), (struct lab_advert){.host = 10, .advbase = 1, .advskew = 50});
        EXPECT_INT(CARP_RULE_PREEMPT_WAITS, lab.out.rule);
    }
    lab_hear(&lab, AT_NS(44874999999),
             (struct lab_advert){.host = 10, .advbase = 1, .advskew = 50});
    EXPECT_INT(CARP_RULE_PREEMPT_WAITS, lab.out.rule);
    lab_hear(&lab, AT_NS(44875000000),
             (struct lab_advert){.host = 10, .advbase = 1, .advskew = 50});
    EXPECT_INT(CARP_RULE_PREEMPT, lab.out.rule);
}

/* A demoted OpenBSD master would yield to a farewell that is demoted less, and nobody were master.
 * Found by fuzz_engine. */
TEST_CASE(send_errors, stay_in_the_farewell_in_openbsds_dialect)
{
    for (int by_operator = 0; by_operator < 2; by_operator++) {
        struct lab lab;
        lab_init(&lab, (struct carp_config){.advbase = 1, .dialect = CARP_DIALECT_OPENBSD});
        lab_link(&lab, true);
        for (int i = 0; i < 3; i++) {
            next_advert(&lab, true);
        }
        if (by_operator) {
            lab_yield(&lab, CARP_YIELD_OPERATOR, CARP_SECONDS(1));
        } else {
            lab_event(&lab, CARP_EVENT_STOP);
        }
        const uint8_t *frame = lab_sent(&lab, 1);
        ASSERT_TRUE(frame != NULL);
        EXPECT_INT(240, frame[38]);
        EXPECT_INT(255, frame[39]);
    }
}

/* A longer wait that holds already is not cut short by the pause, nor the pause by a shorter one.
 */
TEST_CASE(send_errors, never_shorten_a_longer_wait)
{
    struct lab lab;
    lab_init(&lab, (struct carp_config){
                       .advbase = 1, .preempt = true, .preempt_delay = CARP_SECONDS(100)});
    lab_link(&lab, true);
    for (int i = 0; i < 3; i++) {
        next_advert(&lab, true);
    }
    lab_hear(&lab, AT_MS(5500), (struct lab_advert){.host = 10, .advbase = 1, .advskew = 50});
    EXPECT_U64(100000000000, lab.carp.preempt_from.ns);

    tk_row("stepping down in the pause");
    lab_init(&lab, (struct carp_config){.advbase = 1, .preempt = true});
    lab_link(&lab, true);
    for (int i = 0; i < 3; i++) {
        next_advert(&lab, true);
    }
    lab_yield(&lab, CARP_YIELD_OPERATOR, CARP_SECONDS(1));
    EXPECT_U64(5000000000 + 39375000000, lab.carp.preempt_from.ns);
}

/* Every way out of MASTER forgets the errors. */
TEST_CASE(send_errors, are_forgotten_by_every_way_out_of_mastership)
{
    static const enum carp_event_type ways[] = {CARP_EVENT_LINK_DOWN, CARP_EVENT_OVERSLEPT,
                                                CARP_EVENT_STOP};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct lab lab;
        lab_init(&lab, (struct carp_config){.advbase = 1});
        lab_link(&lab, true);
        for (int j = 0; j < 3; j++) {
            next_advert(&lab, true);
        }
        lab_event(&lab, ways[i]);
        lab_link(&lab, true);
        EXPECT_INT(0, carp_claim(&lab.config, &lab.carp).advskew);
        for (int j = 0; j < 2; j++) { /* two more are two, not five */
            next_advert(&lab, true);
        }
        next_advert(&lab, false);
        EXPECT_INT(CARP_MASTER, carp_state(&lab.carp));
        EXPECT_INT(0, carp_claim(&lab.config, &lab.carp).advskew);
    }
}
