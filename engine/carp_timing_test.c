/*
 * Deadlines to the nanosecond, early and late timeouts, and sleeping too long. 1/256 s is
 * 3 906 250 ns; every expected number here was worked out by hand from that.
 */
#include "engine/lab.h"
#include "tools/testkit/testkit.h"

/* clang-format off */
static const struct {
    const char *why;
    uint8_t advbase, advskew, dead_ratio;
    uint64_t master_down_ns, interval_ns, patience_ns;
} rows[] = {
    {"0/1 is the fastest",          0, 1, 3,        11718750,      3906250,      11718750},
    {"0/254",                       0, 254, 3,    2976562500,    992187500,    2976562500},
    {"1/0 is the default",          1, 0, 3,      3000000000,   1000000000,    3000000000},
    {"1/100",                       1, 100, 3,    3390625000,   1390625000,    3390625000},
    {"1/254",                       1, 254, 3,    3992187500,   1992187500,    3992187500},
    {"1/255 of UCARP's option",     1, 255, 3,    3996093750,   1996093750,    3996093750},
    {"255/254 is the slowest",    255, 254, 3,  765992187500, 255992187500,  765992187500},
    {"ratio 1",                     1, 0, 1,      1000000000,   1000000000,    2000000000},
    {"ratio 1 with skew",           1, 100, 1,    1390625000,   1390625000,    2781250000},
    {"ratio 2",                     1, 100, 2,    2390625000,   1390625000,    2781250000},
    {"ratio 5",                     1, 0, 5,      5000000000,   1000000000,    5000000000},
    {"ratio 255",                   1, 1, 255,  255003906250,   1003906250,  255003906250},
    {"ratio 255 of the slowest",  255, 254, 255, 65025992187500, 255992187500, 65025992187500},
    {"0/1, ratio 1",                0, 1, 1,         3906250,      3906250,       7812500},
    {"0/1, ratio 2",                0, 1, 2,         7812500,      3906250,       7812500},
    {"0/128, ratio 255",            0, 128, 255, 127500000000,   500000000,  127500000000},
};
/* clang-format on */

TEST_CASE(timing, keeps_every_deadline_to_the_nanosecond)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lab lab;
        tk_row(rows[i].why);
        lab_init(&lab, (struct carp_config){.advbase = rows[i].advbase,
                                            .advskew = rows[i].advskew,
                                            .dead_ratio = rows[i].dead_ratio});
        EXPECT_U64(UINT64_MAX, carp_deadline(&lab.carp).ns);
        lab_link(&lab, true);
        uint64_t at = rows[i].master_down_ns;
        EXPECT_U64(at, carp_deadline(&lab.carp).ns);
        EXPECT_U64(at, carp_master_down(&lab.config, &lab.carp).ns);
        EXPECT_U64(rows[i].interval_ns, carp_interval(&lab.config, &lab.carp).ns);
        for (int adverts = 0; adverts < 3; adverts++) {
            lab_run(&lab, (carp_instant){at});
            EXPECT_INT(CARP_MASTER, carp_state(&lab.carp));
            at += rows[i].interval_ns;
            EXPECT_U64(at, carp_deadline(&lab.carp).ns);
        }
    }
}

/* The origin of time is the caller's choice: close to the end of the clock all is as at its start.
 */
TEST_CASE(timing, does_not_depend_on_where_time_begins)
{
    uint64_t origin = UINT64_MAX - UINT64_C(10000000000);
    struct lab lab;
    lab_init(&lab, (struct carp_config){.advbase = 1});
    lab.now.ns = origin;
    lab_link(&lab, true);
    EXPECT_U64(origin + 3000000000, carp_deadline(&lab.carp).ns);
    lab_run(&lab, (carp_instant){origin + 4500000000});
    EXPECT_INT(CARP_MASTER, carp_state(&lab.carp));
    EXPECT_U64(origin + 5000000000, carp_deadline(&lab.carp).ns);
}

/* --- early and late timeouts ---------------------------------------------------------------------
 */

TEST_CASE(timing, ignores_a_timeout_a_nanosecond_early)
{
    struct lab lab;
    lab_init(&lab, (struct carp_config){.advbase = 1});
    lab_link(&lab, true);
    lab.now = AT_NS(2999999999);
    struct carp before = lab.carp;
    lab_event(&lab, CARP_EVENT_TIMEOUT);
    EXPECT_BYTES(&before, &lab.carp, sizeof before);
    lab.now = AT_S(3);
    lab_event(&lab, CARP_EVENT_TIMEOUT);
    EXPECT_INT(CARP_MASTER, carp_state(&lab.carp));
}

/* Lateness does not add up: each advert is due an interval after the one before was due. Only after
 * more than an interval does the rhythm start anew, and never with two adverts at once. */
TEST_CASE(timing, keeps_the_rhythm_of_its_adverts_when_a_timer_is_late)
{
    static const struct {
        const char *why;
        uint64_t late_ns, next_ns;
    } late[] = {
        {"on time", 0, 5000000000},
        {"a little late", 1, 5000000000},
        {"just under an interval late", 999999999, 5000000000},
        {"an interval late", 1000000000, 6000000000},
        {"more than that", 1500000000, 6500000000},
    };
    for (size_t i = 0; i < sizeof late / sizeof *late; i++) {
        struct lab lab;
        tk_row(late[i].why);
        lab_init(&lab, (struct carp_config){.advbase = 1});
        lab_link(&lab, true);
        lab_run(&lab, AT_S(3));
        lab.now.ns = UINT64_C(4000000000) + late[i].late_ns;
        lab_event(&lab, CARP_EVENT_TIMEOUT);
        EXPECT_INT(1, lab.out.count);
        EXPECT_U64(late[i].next_ns, carp_deadline(&lab.carp).ns);
    }
}

/* --- overslept -----------------------------------------------------------------------------------
 */

/* Patience is the master-down time and at least two intervals, counted from the last advert sent or
 * heard. A master's deadline lies one interval after that, so an advert overdue by the rest of the
 * patience, and not a nanosecond less, is too late; a backup is measured by the same lateness. */
TEST_CASE(timing, has_overslept_when_its_patience_is_spent)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lab lab;
        tk_row(rows[i].why);
        lab_init(&lab, (struct carp_config){.advbase = rows[i].advbase,
                                            .advskew = rows[i].advskew,
                                            .dead_ratio = rows[i].dead_ratio});
        EXPECT_TRUE(!carp_overslept(&lab.config, &lab.carp, (carp_instant){UINT64_MAX}));
        lab_link(&lab, true);
        uint64_t slack = rows[i].patience_ns - rows[i].interval_ns;
        EXPECT_U64(rows[i].patience_ns, carp_patience(&lab.config, &lab.carp).ns);
        for (int state = CARP_BACKUP; state <= CARP_MASTER; state++) {
            uint64_t deadline = carp_deadline(&lab.carp).ns;
            EXPECT_INT(state, carp_state(&lab.carp));
            EXPECT_TRUE(!carp_overslept(&lab.config, &lab.carp, (carp_instant){0}));
            EXPECT_TRUE(!carp_overslept(&lab.config, &lab.carp, (carp_instant){deadline + slack}));
            EXPECT_TRUE(
                carp_overslept(&lab.config, &lab.carp, (carp_instant){deadline + slack + 1}));
            lab_run(&lab, (carp_instant){deadline});
        }
    }
}

/* A master that overslept says nothing, not even farewell: others may hold the addresses. It
 * listens for a whole master-down time, and finds the new master. */
TEST_CASE(timing, listens_before_it_speaks_after_oversleeping_as_master)
{
    struct lab lab;
    lab_init(&lab, (struct carp_config){.advbase = 1});
    lab_link(&lab, true);
    lab_run(&lab, AT_S(5));
    lab_forget(&lab);
    lab.now = AT_MS(14000);
    EXPECT_TRUE(carp_overslept(&lab.config, &lab.carp, lab.now));
    lab_event(&lab, CARP_EVENT_OVERSLEPT);
    EXPECT_U64(8000000000, lab.out.waited.ns);
    lab_hear(&lab, AT_MS(14000), (struct lab_advert){.host = 10, .advbase = 1, .advskew = 100});
    lab_hear(&lab, AT_MS(14300), (struct lab_advert){.host = 10, .advbase = 1, .advskew = 100});
    lab_run(&lab, AT_MS(17300));
    EXPECT_STR("14.000000000 MASTER -> BACKUP (overslept): release\n"
               "14.000000000 BACKUP hears 192.0.2.10 1/100 (slower-tolerated)\n"
               "14.300000000 BACKUP hears 192.0.2.10 1/100 (slower-tolerated)\n"
               "17.300000000 BACKUP -> MASTER (silence): claim, send, announce\n",
               lab.story);
}

TEST_CASE(timing, takes_nothing_over_at_once_after_oversleeping_as_backup)
{
    struct lab lab;
    lab_init(&lab, (struct carp_config){.advbase = 1});
    lab_link(&lab, true);
    lab_hear(&lab, AT_S(1), (struct lab_advert){.host = 10, .advbase = 1, .advskew = 1});
    lab_forget(&lab);
    lab.now = AT_MS(6001);
    EXPECT_TRUE(carp_overslept(&lab.config, &lab.carp, lab.now));
    lab_event(&lab, CARP_EVENT_OVERSLEPT);
    EXPECT_U64(2001000000, lab.out.waited.ns);
    lab_run(&lab, AT_MS(9001));
    EXPECT_STR("6.001000000 BACKUP (overslept)\n"
               "9.001000000 BACKUP -> MASTER (silence): claim, send, announce\n",
               lab.story);
    EXPECT_U64(3000000000, lab.out.waited.ns);
}
