/*
 * Goal: what an operator reads. UCARP's words are there, exactly, where scripts search for them
 * (its log lines, as version 1.5.2 writes them); the reason stands beside them in plain words;
 * nothing floods.
 */
#include "io/live/report.h"

#include <stdio.h>
#include <string.h>

#include "io/live/log_test.h"
#include "tools/testkit/testkit.h"

/* --- the bench ------------------------------------------------------------------------------- */

static char name_web[] = "web", interface_eth0[] = "eth0";

static const struct config_group group = {
    .name = name_web, .interface = interface_eth0, .carp = {.vhid = 7, .advbase = 1}};

static carp_instant at_s(uint64_t s)
{
    return (carp_instant){(1000 + s) * UINT64_C(1000000000)};
}

/* 192.0.2.12, or fe80::12, with vhid 9. */
static struct carp_packet packet_from(uint8_t family)
{
    struct carp_packet packet = {.family = family, .ttl = 255, .advert = {.vhid = 9, .version = 2}};
    static const uint8_t ipv4[4] = {192, 0, 2, 12};
    static const uint8_t ipv6[16] = {0xfe, 0x80, [15] = 0x12};
    memcpy(packet.source, family == 4 ? ipv4 : ipv6, family == 4 ? sizeof ipv4 : sizeof ipv6);
    return packet;
}

static struct carp_outcome outcome(enum carp_rule rule, enum carp_state from, enum carp_state to)
{
    return (struct carp_outcome){
        .rule = rule, .from = from, .to = to, .ours = {0, 1, 100}, .theirs = {0, 1, 50}};
}

/* An outcome that announces the addresses again. */
static struct carp_outcome announcing(struct carp_outcome out)
{
    out.count = 1;
    out.at[0].type = CARP_ANNOUNCE;
    return out;
}

/* What is written about one step; an advert when there is a packet. */
static const char *told(const struct carp_packet *packet, const struct carp_outcome *out)
{
    struct report_limits limits = {0};
    struct carp_event event = {.type = CARP_EVENT_TIMEOUT};
    if (packet != NULL) {
        event.type = CARP_EVENT_ADVERT;
        event.packet = packet;
    }
    log_capture();
    report_step(&group, &limits, at_s(1), &event, out, false);
    return log_captured();
}

/* --- changes of state ------------------------------------------------------------------------ */

#define PREFERRED "[WARNING] Preferred master advertised: going back to BACKUP state\n"
#define TO_BACKUP "[WARNING] Switching to state: BACKUP - web (eth0, vhid 7): "
#define TO_MASTER "[WARNING] Switching to state: MASTER - web (eth0, vhid 7): "
#define PEER      "; it is 192.0.2.12 with 1/50, we have 1/100\n"

TEST_CASE(report, tells_each_change_of_state_in_ucarps_words_with_its_reason)
{
    static const struct {
        const char *why;
        enum carp_rule rule;
        enum carp_state from, to;
        bool advert;
        const char *want;
    } rows[] = {
        {"a better master", CARP_RULE_BETTER_MASTER, CARP_MASTER, CARP_BACKUP, true,
         PREFERRED TO_BACKUP "another master is better" PEER},
        {"a tie lost by address", CARP_RULE_TIE_ADDRESS, CARP_MASTER, CARP_BACKUP, true,
         PREFERRED TO_BACKUP "equal master; decided by numeric address order" PEER},
        {"a tie lost to UCARP", CARP_RULE_TIE_UCARP, CARP_MASTER, CARP_BACKUP, true,
         PREFERRED TO_BACKUP "equal UCARP master; decided by its address order" PEER},
        {"a tie left to a kernel", CARP_RULE_TIE_BSD, CARP_MASTER, CARP_BACKUP, true,
         PREFERRED TO_BACKUP "equal BSD master; both yield, so we do" PEER},
        {"preemption", CARP_RULE_PREEMPT, CARP_BACKUP, CARP_MASTER, true,
         "[WARNING] Putting MASTER down - preemption\n" TO_MASTER
         "the master is slower than we are, and we preempt" PEER},
        {"a master that is too slow", CARP_RULE_WILL_TIME_OUT, CARP_BACKUP, CARP_MASTER, true,
         "[WARNING] Putting MASTER DOWN (going to time out)\n" TO_MASTER
         "the master's interval is longer than our patience" PEER},
        {"a farewell", CARP_RULE_FAREWELL, CARP_BACKUP, CARP_MASTER, true,
         "[WARNING] Putting MASTER DOWN (going to time out)\n" TO_MASTER
         "the master says it is leaving" PEER},
        {"a demoted master", CARP_RULE_PEER_DEMOTED, CARP_BACKUP, CARP_MASTER, true,
         TO_MASTER "the master is demoted more than we are" PEER},
        {"silence", CARP_RULE_SILENCE, CARP_BACKUP, CARP_MASTER, false,
         TO_MASTER "no valid advert for the master-down time of 3.391 s\n"},
        {"sleep", CARP_RULE_OVERSLEPT, CARP_MASTER, CARP_BACKUP, false,
         TO_BACKUP "we did not run for too long; listening first; 3.391 s past the deadline\n"},
        {"link up", CARP_RULE_LINK_UP, CARP_INIT, CARP_BACKUP, false,
         TO_BACKUP "the link is up; listening\n"},
        {"the operator", CARP_RULE_OPERATOR, CARP_MASTER, CARP_BACKUP, false,
         TO_BACKUP "told to step down\n"},
        {"stop", CARP_RULE_STOPPED, CARP_MASTER, CARP_INIT, false,
         "[WARNING] Switching to state: INIT - web (eth0, vhid 7): told to stop\n"},
    };
    struct carp_packet packet = packet_from(4);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct carp_outcome out = outcome(rows[i].rule, rows[i].from, rows[i].to);
        out.waited = (carp_duration){UINT64_C(3390625000)};
        tk_row(rows[i].why);
        EXPECT_STR(rows[i].want, told(rows[i].advert ? &packet : NULL, &out));
    }
}

TEST_CASE(report, tells_of_a_worse_master_when_it_announces_again_and_only_then)
{
    struct carp_packet packet = packet_from(6);
    struct carp_outcome out = outcome(CARP_RULE_WORSE_MASTER, CARP_MASTER, CARP_MASTER);
    struct carp_outcome loud = announcing(out);
    EXPECT_STR("[WARNING] Non-preferred master advertising: reasserting control of VIP with "
               "another gratuitous arp - web (eth0, vhid 7): another master is worse; we stay; "
               "it is fe80::12 with 1/50, we have 1/100\n",
               told(&packet, &loud));
    EXPECT_STR("", told(&packet, &out)); /* it did so a moment ago */
    out.rule = CARP_RULE_TIE_OTHER_FAMILY;
    EXPECT_STR("", told(&packet, &out));
    out = outcome(CARP_RULE_MASTER_ALIVE, CARP_BACKUP, CARP_BACKUP);
    EXPECT_STR("", told(&packet, &out));
    out = outcome(CARP_RULE_ADVERT_DUE, CARP_MASTER, CARP_MASTER);
    EXPECT_STR("", told(NULL, &out));
}

TEST_CASE(report, answers_sigusr1_in_ucarps_words)
{
    struct host_book book = {
        .transitions = 2,
        .last = {.at = at_s(10), .rule = CARP_RULE_SILENCE},
    };
    struct host_group state = {.carp = {.state = CARP_MASTER}, .book = &book};
    log_capture();
    report_state(&group, &state, at_s(22));
    state.carp.state = CARP_BACKUP;
    book.last.rule = CARP_RULE_BETTER_MASTER;
    report_state(&group, &state, at_s(10));
    EXPECT_STR("[INFO] MASTER on eth0 id 7 - web (eth0, vhid 7): for 12.000 s, because: no valid "
               "advert for the master-down time\n"
               "[INFO] BACKUP on eth0 id 7 - web (eth0, vhid 7): for 0.000 s, because: another "
               "master is better\n",
               log_captured());
}

/* Not "for 81234.567 s", the age of the machine, and no reason that is none. */
TEST_CASE(report, does_not_invent_a_time_for_a_group_that_never_changed_its_state)
{
    struct host_book book = {0};
    struct host_group state = {.book = &book};
    log_capture();
    report_state(&group, &state, at_s(22));
    EXPECT_STR("[INFO] INIT on eth0 id 7 - web (eth0, vhid 7): since the start\n", log_captured());
}

/* What was refused is in no line of the log once a flood is limited, but it is counted. */
TEST_CASE(report, answers_sigusr1_with_what_became_of_all_frames)
{
    struct host_book book = {
        .verdicts = {[CARP_ACCEPTED] = 12, [CARP_BAD_DIGEST] = UINT64_C(5000000000)}};
    struct host_group state = {.book = &book};
    uint64_t strangers[CARP_VERDICT_COUNT] = {[CARP_TRUNCATED] = 1, [CARP_OTHER_VHID] = 20};
    log_capture();
    report_state(&group, &state, at_s(22));
    report_interface("eth0", strangers, 7);
    EXPECT_STR("[INFO] INIT on eth0 id 7 - web (eth0, vhid 7): since the start\n"
               "[INFO] web (eth0, vhid 7): adverts since the start: 12 accepted, 5000000000 "
               "bad-digest\n"
               "[INFO] eth0: frames for no group since the start: 1 truncated, 20 other-vhid\n"
               "[INFO] eth0: 7 frames were lost since it is up: they came faster than they could "
               "be looked at\n",
               log_captured());
    log_capture();
    report_interface("eth0", (uint64_t[CARP_VERDICT_COUNT]){0}, 0);
    EXPECT_STR("", log_captured());
    for (int i = 0; i < CARP_VERDICT_COUNT; i++) { /* the longest line there can be */
        strangers[i] = UINT64_MAX;
    }
    log_capture();
    report_interface("eth0", strangers, 0);
    EXPECT_TRUE(strstr(log_captured(), "18446744073709551615 replayed\n") != NULL);
}

TEST_CASE(report, writes_the_story_of_every_step_for_debugging)
{
    struct report_limits limits = {0};
    struct carp_event event = {.type = CARP_EVENT_TIMEOUT};
    struct carp_outcome out = outcome(CARP_RULE_ADVERT_DUE, CARP_MASTER, CARP_MASTER);
    out.count = 1;
    out.at[0].type = CARP_SEND;
    log_open(false, 0, true);
    log_capture();
    report_step(&group, &limits, (carp_instant){UINT64_C(4781250000)}, &event, &out, true);
    log_open(false, 0, false);
    EXPECT_STR("[DEBUG] web: 4.781250000 MASTER (advert-due): send\n", log_captured());
}

/* --- what goes wrong ------------------------------------------------------------------------- */

TEST_CASE(report, gives_facts_beside_the_rule_in_plain_words)
{
    static const struct {
        unsigned notice;
        const char *want;
    } rows[] = {
        {CARP_NOTICE_EQUAL_TIMERS,
         "[WARNING] web (eth0, vhid 7): 192.0.2.12 has the very same advbase and advskew; who wins "
         "is then decided by address, and differently by each kind of peer. Set different "
         "advskews.\n"},
        {CARP_NOTICE_DEAF_IPV4,
         "[WARNING] web (eth0, vhid 7): half deaf: adverts of 192.0.2.12 arrive over IPv6 only. "
         "Multicast filtered, or IGMP or MLD snooping without a querier?\n"},
        {CARP_NOTICE_DEAF_IPV6,
         "[WARNING] web (eth0, vhid 7): half deaf: adverts of 192.0.2.12 arrive over IPv4 only. "
         "Multicast filtered, or IGMP or MLD snooping without a querier?\n"},
        {CARP_NOTICE_HEARING_BOTH, "[NOTICE] web (eth0, vhid 7): hearing IPv4 and IPv6 again\n"},
        {CARP_NOTICE_SENDING_FAILS,
         "[ERROR] web (eth0, vhid 7): three adverts in a row could not be sent; demoted\n"},
        {CARP_NOTICE_SENDING_WORKS,
         "[NOTICE] web (eth0, vhid 7): adverts leave again; demotion lifted\n"},
        {CARP_NOTICE_EQUAL_TIMERS << 8, ""},
    };
    struct carp_packet packet = packet_from(4);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct carp_outcome out = outcome(CARP_RULE_MASTER_ALIVE, CARP_BACKUP, CARP_BACKUP);
        out.notices = rows[i].notice;
        EXPECT_STR(rows[i].want, told(&packet, &out));
    }
    struct carp_outcome out = outcome(CARP_RULE_SEND_FAILED, CARP_MASTER, CARP_MASTER);
    EXPECT_STR("[ERROR] web (eth0, vhid 7): an advert could not be sent\n", told(NULL, &out));
    out = outcome(CARP_RULE_DEMOTED, CARP_BACKUP, CARP_BACKUP);
    EXPECT_STR("[NOTICE] web (eth0, vhid 7): our demotion changed; advertising 1/100\n",
               told(NULL, &out));
}

TEST_CASE(report, says_why_an_advert_is_not_obeyed)
{
    static const struct {
        enum carp_verdict verdict;
        const char *want;
    } rows[] = {
        {CARP_BAD_DIGEST, "[WARNING] Bad digest - web (eth0, vhid 7): advert from 192.0.2.12 - "
                          "Check vhid, password and virtual IP address\n"},
        {CARP_REPLAYED, "[WARNING] web (eth0, vhid 7): advert from 192.0.2.12 not obeyed: counter "
                        "is not newer: an old advert was repeated\n"},
        {CARP_LOOPED, "[WARNING] web (eth0, vhid 7): advert from 192.0.2.12 not obeyed: our own "
                      "advert came back: the network reflects frames\n"},
        {CARP_NOT_LISTENING, ""},
    };
    struct carp_packet packet = packet_from(4);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct carp_outcome out = outcome(CARP_RULE_NONE, CARP_MASTER, CARP_MASTER);
        out.verdict = rows[i].verdict;
        EXPECT_STR(rows[i].want, told(&packet, &out));
    }
}

/* A thousand bad adverts in a second, then one 10 s later; a rival's lines are not lost by it. */
TEST_CASE(report, limits_each_cause_by_itself)
{
    struct report_limits limits = {0};
    struct carp_packet packet = packet_from(4);
    struct carp_event event = {.type = CARP_EVENT_ADVERT, .packet = &packet};
    struct carp_outcome bad = outcome(CARP_RULE_NONE, CARP_MASTER, CARP_MASTER);
    struct carp_outcome rival =
        announcing(outcome(CARP_RULE_WORSE_MASTER, CARP_MASTER, CARP_MASTER));
    bad.verdict = CARP_BAD_DIGEST;
    log_capture();
    for (int i = 0; i < 1000; i++) {
        report_step(&group, &limits, at_s(0), &event, &bad, false);
    }
    report_step(&group, &limits, at_s(0), &event, &rival, false);
    report_step(&group, &limits, at_s(10), &event, &bad, false);
#define BAD                                                                                        \
    "[WARNING] Bad digest - web (eth0, vhid 7): advert from 192.0.2.12 - Check vhid, password "    \
    "and virtual IP address\n"
    EXPECT_STR(BAD BAD BAD "[WARNING] Non-preferred master advertising: reasserting control of VIP "
                           "with another gratuitous arp - web (eth0, vhid 7): another master is "
                           "worse; we stay" PEER
                           "[NOTICE] 997 more lines like the next one were left out\n" BAD,
               log_captured());
}

/* A link may flap a thousand times a second, in a driver's fault: twenty changes are told of, then
 * it is said how many more there were. */
TEST_CASE(report, holds_back_a_change_of_state_only_after_twenty)
{
    struct report_limits limits = {0};
    struct carp_event event = {.type = CARP_EVENT_TIMEOUT};
    struct carp_outcome out = outcome(CARP_RULE_LINK_UP, CARP_INIT, CARP_BACKUP);
    size_t size = strlen(TO_BACKUP "the link is up; listening\n");
    log_capture();
    for (int i = 0; i < 1000; i++) {
        report_step(&group, &limits, at_s(0), &event, &out, false);
    }
    report_step(&group, &limits, at_s(10), &event, &out, false);
    const char *lines = log_captured();
    ASSERT_TRUE(strlen(lines) > 20 * size);
    EXPECT_STR("[NOTICE] 980 more lines like the next one were left out\n" TO_BACKUP
               "the link is up; listening\n",
               lines + 20 * size);
}

static unsigned count_lines(const char *text)
{
    unsigned count = 0;
    for (; *text != '\0'; text++) {
        count += *text == '\n';
    }
    return count;
}

/* Whoever hears a flood of one kind still reads of the others. */
TEST_CASE(report, limits_each_verdict_by_itself)
{
    static const enum carp_verdict verdicts[] = {CARP_OTHER_GROUP, CARP_LOOPED, CARP_BAD_DIGEST,
                                                 CARP_OWN_ADDRESS, CARP_REPLAYED};
    struct report_limits limits = {0};
    struct carp_packet packet = packet_from(4);
    struct carp_event event = {.type = CARP_EVENT_ADVERT, .packet = &packet};
    struct carp_outcome out = outcome(CARP_RULE_NONE, CARP_MASTER, CARP_MASTER);
    log_capture();
    for (size_t i = 0; i < sizeof verdicts / sizeof *verdicts; i++) {
        for (int n = 0; n < 100; n++) {
            out.verdict = verdicts[i];
            report_step(&group, &limits, at_s(0), &event, &out, false);
        }
    }
    EXPECT_INT(3 * 5, count_lines(log_captured()));
}

/* A debug line of each advert would be a flood of its own. One that comes while we do not listen is
 * told of in such a line alone, or not at all. */
TEST_CASE(report, limits_the_stories_of_refused_adverts)
{
    static const struct {
        enum carp_verdict verdict;
        bool debug;
        unsigned want;
    } rows[] = {{CARP_BAD_DIGEST, false, 3},
                {CARP_BAD_DIGEST, true, 6},
                {CARP_NOT_LISTENING, false, 0},
                {CARP_NOT_LISTENING, true, 3}};
    struct carp_packet packet = packet_from(4);
    struct carp_event event = {.type = CARP_EVENT_ADVERT, .packet = &packet};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct report_limits limits = {0};
        struct carp_outcome out = outcome(CARP_RULE_NONE, CARP_MASTER, CARP_MASTER);
        out.verdict = rows[i].verdict;
        log_open(false, 0, rows[i].debug);
        log_capture();
        for (int n = 0; n < 100; n++) {
            report_step(&group, &limits, at_s(0), &event, &out, rows[i].debug);
        }
        log_open(false, 0, false);
        EXPECT_INT(rows[i].want, count_lines(log_captured()));
    }
}

/* What a machine or a peer in trouble can repeat at will, with the change of state left out. */
TEST_CASE(report, limits_what_else_may_come_again_and_again)
{
    static const struct {
        const char *why;
        enum carp_rule rule;
        unsigned notices;
    } rows[] = {
        {"a demotion that changes", CARP_RULE_DEMOTED, 0},
        {"a process that is not run", CARP_RULE_OVERSLEPT, 0},
        {"equal timers", CARP_RULE_MASTER_ALIVE, CARP_NOTICE_EQUAL_TIMERS},
        {"one family", CARP_RULE_MASTER_ALIVE, CARP_NOTICE_DEAF_IPV4},
        {"the other", CARP_RULE_MASTER_ALIVE, CARP_NOTICE_DEAF_IPV6},
        {"both again", CARP_RULE_MASTER_ALIVE, CARP_NOTICE_HEARING_BOTH},
        {"adverts that do not leave", CARP_RULE_NONE, CARP_NOTICE_SENDING_FAILS},
        {"adverts that leave again", CARP_RULE_NONE, CARP_NOTICE_SENDING_WORKS},
    };
    struct carp_packet packet = packet_from(4);
    struct carp_event event = {.type = CARP_EVENT_ADVERT, .packet = &packet};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct report_limits limits = {0};
        struct carp_outcome out = outcome(rows[i].rule, CARP_BACKUP, CARP_BACKUP);
        out.notices = rows[i].notices;
        tk_row(rows[i].why);
        log_capture();
        for (int n = 0; n < 100; n++) {
            report_step(&group, &limits, at_s(0), &event, &out, false);
        }
        EXPECT_INT(3, count_lines(log_captured()));
    }
    struct report_limits limits = {0};
    struct auth_explanation explanation = {.difference = AUTH_OTHER_VHID};
    tk_row("neighbours that claim our addresses");
    log_capture();
    for (int n = 0; n < 100; n++) {
        report_explanation(&group, &limits, at_s(0), &packet, &explanation);
    }
    EXPECT_INT(3, count_lines(log_captured()));
}

/* Set-ups that look like a wrong password, and one that is. */
TEST_CASE(report, explains_a_wrong_digest_in_plain_words)
{
    static const struct {
        enum auth_difference difference;
        const char *want;
    } rows[] = {
        {AUTH_UNEXPLAINED,
         "uses another password, or quite another address list. Until that is mended both of you "
         "will become master.\n"},
        {AUTH_ADDRESS_MISSING,
         "has the right password but a different address list: it lacks 2001:db8::99\n"},
        {AUTH_ADDRESS_EXTRA,
         "has the right password but a different address list: it has 2001:db8::99 too\n"},
        {AUTH_OTHER_KEY, "signs with the key of another group of this host\n"},
        {AUTH_OTHER_VHID, "claims our addresses under vhid 9\n"},
    };
    struct carp_packet packet = packet_from(4);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char want[256];
        struct auth_explanation explanation = {.difference = rows[i].difference};
        if (rows[i].difference == AUTH_ADDRESS_MISSING ||
            rows[i].difference == AUTH_ADDRESS_EXTRA) {
            static const uint8_t address[16] = {0x20, 1, 0x0d, 0xb8, [15] = 0x99};
            explanation.family = 6;
            memcpy(explanation.address, address, sizeof address);
        }
        snprintf(want, sizeof want, "[WARNING] web (eth0, vhid 7): 192.0.2.12 %s", rows[i].want);
        log_capture();
        report_explanation(&group, &(struct report_limits){0}, at_s(1), &packet, &explanation);
        EXPECT_STR(want, log_captured());
    }
}

/* --- frames of nobody we know ---------------------------------------------------------------- */

TEST_CASE(report, tells_of_strangers_that_matter_and_of_no_others)
{
    static const struct {
        const char *why;
        enum carp_verdict verdict;
        bool vhid_is_ours;
        const char *want;
    } rows[] = {
        {"VRRP with our number", CARP_VRRP2, true,
         "[WARNING] eth0: a VRRP router (192.0.2.12) uses number 9 as we do. Harmless unless "
         "virtual MACs are used; better choose another vhid.\n"},
        {"VRRPv3 too", CARP_VRRP3, true,
         "[WARNING] eth0: a VRRP router (192.0.2.12) uses number 9 as we do. Harmless unless "
         "virtual MACs are used; better choose another vhid.\n"},
        {"VRRP with another", CARP_VRRP2, false, ""},
        {"VRRPv3 with another", CARP_VRRP3, false, ""},
        {"a router between", CARP_BAD_TTL, false,
         "[WARNING] Bad TTL: [255] - eth0: from 192.0.2.12: TTL is not 255: it came through a "
         "router\n"},
        {"another version", CARP_BAD_VERSION, false,
         "[WARNING] Bad version: [2] - eth0: from 192.0.2.12\n"},
        {"damage", CARP_BAD_CHECKSUM, false,
         "[WARNING] eth0: frame not obeyed: CARP checksum is wrong\n"},
        {"a stump", CARP_TRUNCATED, false,
         "[WARNING] eth0: frame not obeyed: shorter than its own headers say\n"},
        {"other groups", CARP_OTHER_VHID, false, ""},
        {"other destinations", CARP_OTHER_GROUP, false, ""},
        {"no advert", CARP_NOT_CARP, false, ""},
    };
    struct carp_packet packet = packet_from(4);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct log_limit limit = {0};
        tk_row(rows[i].why);
        log_capture();
        for (int n = 0; n < 4; n++) { /* the fourth is one too many */
            report_stranger("eth0", &limit, at_s(0), rows[i].verdict, &packet,
                            rows[i].vhid_is_ours);
        }
        const char *lines = log_captured();
        size_t size = strlen(rows[i].want);
        EXPECT_U64(3 * size, strlen(lines));
        for (int n = 0; n < 3 && strlen(lines) == 3 * size; n++) {
            EXPECT_BYTES(rows[i].want, lines + n * (int)size, size);
        }
    }
}
