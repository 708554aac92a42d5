/*
 * IPv4 and IPv6 together: one decision per group. Kernels run two timers and flap when one family
 * is lost (bsd-reactions, "Dual-stack FreeBSD vhid"); field-guide C29 is the incident.
 */
#include <string.h>

#include "engine/lab.h"
#include "tools/testkit/testkit.h"

static struct carp_config dual(void)
{
    return (struct carp_config){.advbase = 1,
                                .advskew = 100,
                                .ipv4_count = 1,
                                .ipv4 = {{192, 0, 2, 7}},
                                .ipv6_count = 1,
                                .ipv6 = {{0x20, 0x01, 0x0d, 0xb8, [15] = 7}}};
}

static void hear(struct lab *lab, uint64_t ms, bool ipv6)
{
    lab_hear(lab, AT_MS(ms), (struct lab_advert){.host = 10, .ipv6 = ipv6, .advbase = 1});
}

TEST_CASE(dual, advertises_over_both_families_with_a_counter_each)
{
    struct lab lab;
    lab_init(&lab, dual());
    lab_link(&lab, true);
    lab_run(&lab, AT_NS(3390625000));
    EXPECT_STR("0.000000000 INIT -> BACKUP (link-up)\n"
               "3.390625000 BACKUP -> MASTER (silence): claim, send, send, announce\n",
               lab.story);
    EXPECT_INT(70, lab.out.at[1].size);
    EXPECT_INT(90, lab.out.at[2].size);
    EXPECT_INT(0x41, lab_sent(&lab, 1)[34 + 15]); /* 1000001 = 0xf4241 */
    EXPECT_INT(0x42, lab_sent(&lab, 2)[54 + 15]);
    lab_event(&lab, CARP_EVENT_STOP);
    EXPECT_INT(3, lab.out.count);
    EXPECT_INT(0x43, lab_sent(&lab, 1)[34 + 15]);
    EXPECT_INT(0x44, lab_sent(&lab, 2)[54 + 15]);
}

/* Only what we have an address for. */
TEST_CASE(dual, advertises_over_the_family_it_has_an_address_of)
{
    static const struct {
        const char *why;
        bool ipv4, ipv6;
        int adverts, size;
    } selves[] = {
        {"both", true, true, 2, 70},
        {"IPv4 alone", true, false, 1, 70},
        {"IPv6 alone", false, true, 1, 90},
    };
    for (size_t i = 0; i < sizeof selves / sizeof *selves; i++) {
        struct lab lab;
        tk_row(selves[i].why);
        lab_init(&lab, dual());
        lab.self.has_ipv4 = selves[i].ipv4;
        lab.self.has_ipv6 = selves[i].ipv6;
        lab_link(&lab, true);
        lab_run(&lab, AT_S(4));
        EXPECT_INT(2 + selves[i].adverts, lab.out.count);
        EXPECT_INT(selves[i].size, lab.out.at[1].size);
        uint8_t frame[FRAME_MAX];
        EXPECT_U64(selves[i].ipv4 ? 70 : 0,
                   carp_farewell(&lab.config, &lab.crypto, &lab.carp, 4, 1, frame));
        EXPECT_U64(selves[i].ipv6 ? 90 : 0,
                   carp_farewell(&lab.config, &lab.crypto, &lab.carp, 6, 2, frame));
    }
    struct lab lab;
    lab_init(&lab, dual());
    lab.self.has_ipv4 = lab.self.has_ipv6 = false;
    lab_link(&lab, true);
    EXPECT_STR("", lab.story);
    EXPECT_INT(CARP_INIT, carp_state(&lab.carp));
}

/* FreeBSD became master every four seconds in this very situation. */
TEST_CASE(dual, stays_backup_while_either_family_is_heard)
{
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        struct lab lab;
        lab_init(&lab, dual());
        lab_link(&lab, true);
        for (uint64_t second = 1; second <= 30; second++) {
            hear(&lab, 1000 * second, ipv6 == 1);
        }
        EXPECT_INT(CARP_BACKUP, carp_state(&lab.carp));
        lab_run(&lab, AT_NS(33390625000));
        EXPECT_INT(CARP_MASTER, carp_state(&lab.carp));
    }
}

/* 3.390625 s without the other family make it deaf, said once; its next advert ends it. */
TEST_CASE(dual, tells_once_when_one_family_falls_silent_and_when_it_is_back)
{
    struct lab lab;
    lab_init(&lab, dual());
    lab_link(&lab, true);
    hear(&lab, 1000, false);
    hear(&lab, 1001, true);
    hear(&lab, 2001, false);
    hear(&lab, 3001, false);
    hear(&lab, 4001, false);
    hear(&lab, 4390, false); /* not yet */
    hear(&lab, 4392, false); /* more than 3.390625 s after 1.001 s */
    hear(&lab, 5392, false);
    hear(&lab, 5393, true);
    hear(&lab, 6393, true);
    hear(&lab, 8782, true); /* exactly 3.39 s after 5.392 s: not yet */
    hear(&lab, 8784, true); /* 3.392 s: deaf over IPv4 */
    hear(&lab, 8785, false);
    EXPECT_STR("0.000000000 INIT -> BACKUP (link-up)\n"
               "1.000000000 BACKUP hears 192.0.2.10 1/0 (master-alive)\n"
               "1.001000000 BACKUP hears fe80::a 1/0 (master-alive)\n"
               "2.001000000 BACKUP hears 192.0.2.10 1/0 (master-alive)\n"
               "3.001000000 BACKUP hears 192.0.2.10 1/0 (master-alive)\n"
               "4.001000000 BACKUP hears 192.0.2.10 1/0 (master-alive)\n"
               "4.390000000 BACKUP hears 192.0.2.10 1/0 (master-alive)\n"
               "4.392000000 BACKUP hears 192.0.2.10 1/0 (master-alive) [deaf over IPv6]\n"
               "5.392000000 BACKUP hears 192.0.2.10 1/0 (master-alive)\n"
               "5.393000000 BACKUP hears fe80::a 1/0 (master-alive) [hearing both]\n"
               "6.393000000 BACKUP hears fe80::a 1/0 (master-alive)\n"
               "8.782000000 BACKUP hears fe80::a 1/0 (master-alive)\n"
               "8.784000000 BACKUP hears fe80::a 1/0 (master-alive) [deaf over IPv4]\n"
               "8.785000000 BACKUP hears 192.0.2.10 1/0 (master-alive) [hearing both]\n",
               lab.story);
}

/* A family that never was heard is told too, a master-down time after the first advert of the
 * other. */
TEST_CASE(dual, tells_when_one_family_never_is_heard)
{
    struct lab lab;
    lab_init(&lab, dual());
    lab_link(&lab, true);
    for (uint64_t second = 1; second <= 4; second++) {
        hear(&lab, 1000 * second, true);
    }
    EXPECT_U64(0, lab.out.notices);
    hear(&lab, 4391, true);
    EXPECT_U64(CARP_NOTICE_DEAF_IPV4, lab.out.notices);
}

/* Long quiet of both is the master's death, not deafness. */
TEST_CASE(dual, begins_to_watch_anew_after_a_long_quiet)
{
    struct lab lab;
    lab_init(&lab, dual());
    lab_link(&lab, true);
    hear(&lab, 1000, false);
    hear(&lab, 1001, true);
    hear(&lab, 60000, false);
    EXPECT_U64(0, lab.out.notices);
    hear(&lab, 60001, true);
    EXPECT_U64(0, lab.out.notices);
}

/* Nothing is missed where only one family is in use here. */
TEST_CASE(dual, tells_nothing_when_it_uses_one_family_itself)
{
    struct lab lab;
    lab_init(&lab, dual());
    lab.self.has_ipv6 = false;
    lab_link(&lab, true);
    for (uint64_t second = 1; second <= 10; second++) {
        hear(&lab, 1000 * second, false);
        EXPECT_U64(0, lab.out.notices);
    }
}

/* --- ties
 * ----------------------------------------------------------------------------------------- */

static enum carp_rule tie(struct lab *lab, uint64_t ms, uint8_t host, bool ipv6)
{
    lab_hear(lab, AT_MS(ms),
             (struct lab_advert){
                 .host = host, .ipv6 = ipv6, .kind = LAB_OURS, .advbase = 1, .advskew = 100});
    return lab->out.rule;
}

/* Two nodes whose IPv4 and IPv6 addresses are in opposite order must not decide twice: IPv4 decides
 * while it is heard, then IPv6. The peer here is lower over IPv6 and higher over IPv4. */
TEST_CASE(dual, leaves_a_tie_to_ipv4_while_that_is_heard)
{
    struct lab lab;
    lab_init(&lab, dual());
    lab_link(&lab, true);
    lab_run(&lab, AT_MS(3400));
    EXPECT_INT(CARP_RULE_TIE_ADDRESS, tie(&lab, 3500, 12, false));
    EXPECT_INT(CARP_MASTER, carp_state(&lab.carp));
    EXPECT_INT(CARP_RULE_TIE_OTHER_FAMILY, tie(&lab, 3501, 10, true));
    EXPECT_INT(CARP_MASTER, carp_state(&lab.carp));
    EXPECT_INT(0, lab.out.count);
    EXPECT_INT(CARP_RULE_TIE_OTHER_FAMILY, tie(&lab, 6890, 10, true));
    EXPECT_INT(CARP_RULE_TIE_ADDRESS, tie(&lab, 6891, 10, true)); /* 3.391 s after IPv4's last */
    EXPECT_INT(CARP_BACKUP, carp_state(&lab.carp));
}

TEST_CASE(dual, decides_a_tie_over_ipv6_by_numeric_order_when_it_has_no_ipv4)
{
    for (uint8_t host = 0x10; host <= 0x12; host += 2) {
        struct lab lab;
        lab_init(&lab, dual());
        lab.self.has_ipv4 = false;
        lab_link(&lab, true);
        lab_run(&lab, AT_MS(3400));
        EXPECT_INT(CARP_RULE_TIE_ADDRESS, tie(&lab, 3500, host, true));
        EXPECT_INT(host < 0x11 ? CARP_BACKUP : CARP_MASTER, carp_state(&lab.carp));
    }
}

/* Both adverts of one equal kernel arrive, one after the other: the first one decides, and as
 * backup the second is a sign of life. */
TEST_CASE(dual, yields_once_to_both_adverts_of_an_equal_kernel)
{
    struct lab lab;
    lab_init(&lab, dual());
    lab_link(&lab, true);
    lab_run(&lab, AT_MS(3400));
    lab_forget(&lab);
    struct lab_advert advert = {.host = 12, .advbase = 1, .advskew = 100};
    lab_hear(&lab, AT_MS(3500), advert);
    advert.ipv6 = true;
    lab_hear(&lab, AT_MS(3500), advert);
    EXPECT_STR("3.500000000 MASTER hears 192.0.2.12 1/100 -> BACKUP (tie-bsd): release"
               " [equal timers]\n"
               "3.500000000 BACKUP hears fe80::c 1/100 (master-alive) [equal timers]\n",
               lab.story);
}
