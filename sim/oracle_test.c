/*
 * Who watches the oracle: each property is violated on purpose and must be named, with its bound
 * and the nodes concerned; and a world in which nobody does wrong must be silent.
 *
 * a (advskew 0) is master from 3 s on and speaks at each full second; b (advskew 100) is its
 * backup. Two nodes are 20 us apart: bounds take two cables of 10 us for the way of a frame.
 */
#include "sim/oracle.h"

#include <string.h>

#include "sim/world_lab.h"
#include "tools/testkit/testkit.h"

enum { A, B, C };

static void init(struct world_lab *lab, uint64_t until_ms)
{
    world_lab_init(lab, 1);
    world_lab_daemon(lab, "a", 0);
    world_lab_daemon(lab, "b", 100);
    world_lab_client(lab, "c");
    world_lab_boot(lab);
    world_lab_run(lab, until_ms);
    EXPECT_U64(0, lab->world.oracle->total);
}

/* Just one violation, of this kind, that says this before it says what happened last. */
static void expect_violation(const struct world_lab *lab, enum oracle_kind kind, const char *want)
{
    const struct oracle *o = lab->world.oracle;
    char text[ORACLE_TEXT_MAX];
    EXPECT_U64(1, o->total);
    EXPECT_U64(1, o->counts[kind]);
    EXPECT_U64(1, o->violation_count);
    memcpy(text, o->violations[0].text, sizeof text);
    char *last = strstr(text, "\n  what happened last:");
    EXPECT_TRUE(last != NULL);
    if (last != NULL) {
        *last = '\0';
    }
    EXPECT_STR(want, text);
}

static void expect_silence(const struct world_lab *lab)
{
    EXPECT_U64(0, lab->world.oracle->total);
    EXPECT_STR("", lab->world.oracle->violations[0].text);
}

/* An advert in the name of this node, signed, with a counter so far ahead of its own. */
static size_t forge(const struct world_lab *lab, uint32_t node, uint64_t ahead, bool farewell,
                    uint8_t *bytes)
{
    struct carp_packet packet;
    size_t size = carp_farewell(&lab->configs[node], &lab->plans[node].crypto,
                                &lab->groups[node].carp, 4, ahead, bytes);
    EXPECT_INT(CARP_ACCEPTED, frame_parse(bytes, size, &packet));
    if (!farewell) {
        packet.advert.advbase = 1;
        packet.advert.advskew = 200;
    }
    return frame_write(&packet, bytes);
}

/* --- each one fires --------------------------------------------------------------------------- */

/* Keys that differ make two masters; the oracle is told that they accept each other. */
TEST_CASE(oracle, names_two_masters_that_hear_each_other)
{
    static struct world_lab lab;
    world_lab_init(&lab, 1);
    uint32_t a = world_lab_daemon(&lab, "a", 0);
    uint32_t x = world_lab_daemon_with_key(&lab, "x", 100, "other");
    world_lab_boot(&lab);
    EXPECT_U64(2, lab.world.oracle->domain_count);
    oracle_member(&lab.world, x, 0)->domain = oracle_member(&lab.world, a, 0)->domain;
    world_run(&lab.world, (carp_instant){UINT64_C(4390645000)});
    expect_silence(&lab);
    world_lab_run(&lab, 60000);
    expect_violation(&lab, ORACLE_DUAL,
                     "dual-master at 4.390645001, vhid 1: two masters that hear each other, since "
                     "3.390625000\n"
                     "  bound: interval of a 1 s + delay 20 us + processing 0 ns = 1.00002 s, "
                     "counted from 3.390625000\n"
                     "    a: MASTER since 3.000000000, holds the addresses\n"
                     "    x: MASTER since 3.390625000, holds the addresses");
    world_lab_free(&lab);
}

/* b's deadline is moved out of the way when a crashes. */
TEST_CASE(oracle, names_backups_of_whom_none_takes_over)
{
    static struct world_lab lab;
    init(&lab, 10500);
    lab.groups[B].carp.deadline.ns += UINT64_C(1000000000000);
    lab.world.nodes[C].alive = false; /* no probes: they make no difference, but a long story */
    node_crash(&lab.world, world_lab_node(&lab, A));
    world_run(&lab.world, (carp_instant){UINT64_C(13890645000)});
    expect_silence(&lab);
    world_lab_run(&lab, 60000);
    expect_violation(&lab, ORACLE_DARK,
                     "no-master at 13.890645001, vhid 1: no master although backups hear each "
                     "other, since 10.500000000\n"
                     "  bound: master-down time of b 3.390625 s + delay 20 us + processing 0 ns = "
                     "3.390645 s, counted from 10.500000000\n"
                     "    a: INIT since 10.500000000, not running\n"
                     "    b: BACKUP since 0.000000000");
    world_lab_free(&lab);
}

/* a (100) is master; b (0) starts at 5 s and does not preempt, but the oracle is told it would. */
TEST_CASE(oracle, names_a_better_node_that_stays_backup)
{
    static struct world_lab lab;
    static struct carp_config preempts;
    for (unsigned told = 0; told < 2; told++) {
        world_lab_init(&lab, 1);
        world_lab_daemon(&lab, "a", 100);
        world_lab_daemon(&lab, "b", 0);
        lab.configs[B].preempt = false;
        oracle_make(&lab.world);
        preempts = lab.configs[B];
        preempts.preempt = true;
        if (told) {
            oracle_member(&lab.world, B, 0)->config = &preempts;
        }
        node_boot(&lab.world, world_lab_node(&lab, A));
        world_lab_run(&lab, 5000);
        node_boot(&lab.world, world_lab_node(&lab, B));
        world_lab_run(&lab, 60000);
        if (told) {
            expect_violation(&lab, ORACLE_WINNER,
                             "wrong-winner at 7.781270001, vhid 1: a better node that preempts "
                             "hears the master and stays backup, since 5.000000000\n"
                             "  bound: two intervals of 1.390625 s + delay 20 us + processing 0 "
                             "ns = 2.78127 s, counted from 5.000000000\n"
                             "    a: MASTER since 3.390625000, holds the addresses\n"
                             "    b: BACKUP since 5.000000000");
        } else {
            expect_silence(&lab);
        }
        world_lab_free(&lab);
    }
}

/* Four rounds of 3.390625 + 1.390625 s are 19.125 s: then all must be quiet. */
TEST_CASE(oracle, names_a_change_of_role_in_a_quiet_time)
{
    static struct world_lab lab;
    init(&lab, 19125);
    oracle_role(&lab.world, world_lab_node(&lab, A), 0, CARP_MASTER, CARP_BACKUP);
    expect_silence(&lab);
    world_lab_free(&lab);
    init(&lab, 19126);
    oracle_role(&lab.world, world_lab_node(&lab, A), 0, CARP_MASTER, CARP_BACKUP);
    expect_violation(&lab, ORACLE_FLAP,
                     "flap at 19.126000000, vhid 1: a change of role in a quiet time, since "
                     "0.000000000\n"
                     "  bound: 4 rounds of 4.78125 s + waits 0 ns = 19.125 s, counted from "
                     "0.000000000\n"
                     "    a: BACKUP since 19.126000000, holds the addresses\n"
                     "    b: BACKUP since 0.000000000");
    world_lab_free(&lab);
}

/* And again when it happens again. */
TEST_CASE(oracle, names_an_address_that_a_backup_holds)
{
    static struct world_lab lab;
    init(&lab, 10500);
    oracle_holds(&lab.world, world_lab_node(&lab, B), 0, true);
    world_run(&lab.world, (carp_instant){UINT64_C(10501000000)});
    expect_silence(&lab);
    world_lab_run(&lab, 20000);
    expect_violation(&lab, ORACLE_LEFT,
                     "address-left at 10.501000001, vhid 1: an address is held by a node that is "
                     "not master, since 10.500000000\n"
                     "  bound: commands 0 ns + guardian 0 ns + 1 ms and the latency of a wake-up = "
                     "1 ms, counted from 10.500000000\n"
                     "    a: MASTER since 3.000000000, holds the addresses\n"
                     "    b: BACKUP since 0.000000000, holds the addresses");
    oracle_holds(&lab.world, world_lab_node(&lab, B), 0, false);
    world_lab_run(&lab, 21000);
    oracle_holds(&lab.world, world_lab_node(&lab, B), 0, true);
    world_lab_run(&lab, 22000);
    EXPECT_U64(2, lab.world.oracle->counts[ORACLE_LEFT]);
    world_lab_free(&lab);
}

TEST_CASE(oracle, names_a_master_without_its_address)
{
    static struct world_lab lab;
    init(&lab, 10500);
    oracle_holds(&lab.world, world_lab_node(&lab, A), 0, false);
    world_lab_run(&lab, 20000);
    expect_violation(&lab, ORACLE_MISSING,
                     "address-missing at 10.501000001, vhid 1: a master does not hold its address, "
                     "since 10.500000000\n"
                     "  bound: commands 0 ns + guardian 0 ns + 1 ms and the latency of a wake-up = "
                     "1 ms, counted from 10.500000000\n"
                     "    a: MASTER since 3.000000000\n"
                     "    b: BACKUP since 0.000000000");
    world_lab_free(&lab);
}

/* The machine of a forgets the address, and tells nobody: the probe of 10.1 s is lost at 11.1 s. */
TEST_CASE(oracle, names_a_data_path_that_leads_nowhere)
{
    static struct world_lab lab;
    init(&lab, 10050);
    lab.machine_groups[A].held = false;
    world_lab_run(&lab, 20000);
    expect_violation(&lab, ORACLE_DATA,
                     "data-path at 11.100000000, vhid 1: a client that reaches the master gets no "
                     "answer, since 10.100000000\n"
                     "  bound: two intervals, and a second to ask anew = 3.1 s, counted from "
                     "10.100000000\n"
                     "    a: MASTER since 3.000000000, holds the addresses\n"
                     "    b: BACKUP since 0.000000000");
    lab.machine_groups[A].held = true;
    world_lab_run(&lab, 30000);
    lab.machine_groups[A].held = false;
    world_lab_run(&lab, 40000);
    EXPECT_U64(2, lab.world.oracle->counts[ORACLE_DATA]);
    world_lab_free(&lab);
}

/* The machine of b answers for the address, and b says so to the neighbours. */
TEST_CASE(oracle, names_an_answer_of_a_node_that_is_not_master)
{
    static struct world_lab lab;
    uint8_t bytes[FRAME_MAX];
    init(&lab, 10050);
    lab.machine_groups[B].held = true;
    struct node *b = world_lab_node(&lab, B);
    size_t size = frame_announce_ipv4(b->nics[0].self.mac, lab.configs[B].ipv4[0], bytes);
    fabric_send(&lab.world, b, 0, bytes, size);
    world_lab_run(&lab, 20000);
    expect_violation(&lab, ORACLE_ANSWER,
                     "wrong-answer at 10.100040000, vhid 1: a client was answered by a node that "
                     "is not the only master, since 10.100040000\n"
                     "  bound: the only master for an interval, counted from 10.100040000\n"
                     "    a: MASTER since 3.000000000, holds the addresses\n"
                     "    b: BACKUP since 0.000000000");
    world_lab_free(&lab);
}

TEST_CASE(oracle, names_a_counter_that_does_not_grow)
{
    static struct world_lab lab;
    uint8_t bytes[FRAME_MAX];
    init(&lab, 10500);
    fabric_send(&lab.world, world_lab_node(&lab, A), 0, bytes, forge(&lab, A, 0, true, bytes));
    world_lab_run(&lab, 20000);
    expect_violation(&lab, ORACLE_COUNTER,
                     "counter at 10.500000000, vhid 1: a node's advert does not have a newer "
                     "counter than its last, since 10.500000000\n"
                     "  bound: each counter above the last, counted from 10.500000000\n"
                     "    a: MASTER since 3.000000000, holds the addresses\n"
                     "    b: BACKUP since 0.000000000");
    world_lab_free(&lab);
}

TEST_CASE(oracle, names_a_backup_that_advertises)
{
    static struct world_lab lab;
    uint8_t bytes[FRAME_MAX];
    init(&lab, 10500);
    fabric_send(&lab.world, world_lab_node(&lab, B), 0, bytes, forge(&lab, B, 1, false, bytes));
    world_lab_run(&lab, 20000);
    expect_violation(&lab, ORACLE_SPOKE,
                     "spoke at 10.500000000, vhid 1: an advert from a node that is not master, "
                     "since 10.500000000\n"
                     "  bound: adverts from masters only, counted from 10.500000000\n"
                     "    a: MASTER since 3.000000000, holds the addresses\n"
                     "    b: BACKUP since 0.000000000");
    world_lab_free(&lab);
}

/* A backup may say farewell: its guardian does so for it. */
TEST_CASE(oracle, a_farewell_is_no_advert_of_a_master)
{
    static struct world_lab lab;
    uint8_t bytes[FRAME_MAX];
    init(&lab, 10500);
    fabric_send(&lab.world, world_lab_node(&lab, B), 0, bytes, forge(&lab, B, 1, true, bytes));
    world_lab_run(&lab, 20000);
    expect_silence(&lab);
    world_lab_free(&lab);
}

TEST_CASE(oracle, names_a_frame_that_its_own_parser_refuses)
{
    static struct world_lab lab;
    uint8_t bytes[FRAME_MAX];
    init(&lab, 10500);
    size_t size = forge(&lab, A, 1, false, bytes);
    bytes[size - 1] ^= 1;
    fabric_send(&lab.world, world_lab_node(&lab, A), 0, bytes, size);
    world_lab_run(&lab, 20000);
    expect_violation(&lab, ORACLE_MALFORMED,
                     "malformed at 10.500000000, vhid 1: a node sent what its own parser refuses, "
                     "since 10.500000000\n"
                     "  bound: CARP checksum is wrong, counted from 10.500000000\n"
                     "    a: MASTER since 3.000000000, holds the addresses\n"
                     "    b: BACKUP since 0.000000000");
    world_lab_free(&lab);
}

/* The advert of 11 s is put off by half a second. */
TEST_CASE(oracle, names_an_advert_that_comes_late)
{
    static struct world_lab lab;
    init(&lab, 10500);
    lab.groups[A].carp.deadline.ns += 500000000;
    world_lab_run(&lab, 20000);
    expect_violation(&lab, ORACLE_LATE,
                     "late at 11.500000000, vhid 1: an advert later than the interval allows, "
                     "since 10.000000000\n"
                     "  bound: interval of a 1 s, counted from 10.000000000\n"
                     "    a: MASTER since 3.000000000, holds the addresses\n"
                     "    b: BACKUP since 0.000000000");
    world_lab_free(&lab);
}

TEST_CASE(oracle, a_kind_that_is_switched_off_is_silent)
{
    static struct world_lab lab;
    init(&lab, 10500);
    lab.world.oracle->enabled[ORACLE_MISSING] = false;
    oracle_holds(&lab.world, world_lab_node(&lab, A), 0, false);
    world_lab_run(&lab, 20000);
    expect_silence(&lab);
    world_lab_free(&lab);
}

/* The twelve last events, each on a line, the violation at their end. */
TEST_CASE(oracle, tells_what_happened_last)
{
    static struct world_lab lab;
    init(&lab, 10050);
    lab.machine_groups[A].held = false;
    world_lab_run(&lab, 20000);
    const char *text = strstr(lab.world.oracle->violations[0].text, "what happened last:");
    unsigned lines = 0;
    ASSERT_TRUE(text != NULL);
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++) {
        lines += 1;
    }
    EXPECT_U64(12, lines);
    EXPECT_TRUE(strstr(text, "\n    11.000000000  a[0]: MASTER -> MASTER, rule advert-due") !=
                NULL);
    EXPECT_TRUE(strstr(text, "\n    11.100000000  c: probe 100 is lost\n") != NULL);
    EXPECT_STR("\n    11.100000000  violated: data-path", strrchr(text, '\n'));
    world_lab_free(&lab);
}

/* --- bounds ----------------------------------------------------------------------------------- */

/* Latency, of hearing and of speaking, and granularity are processing; a slow clock stretches: 1 s
 * is 1.001001 s of a clock that loses a thousandth, and the bound may not be less. */
TEST_CASE(oracle, bounds_follow_from_the_parameters_of_the_nodes)
{
    static struct world_lab lab;
    init(&lab, 10500);
    world_lab_node(&lab, B)->latency_max = CARP_MILLISECONDS(3);
    world_lab_node(&lab, B)->granularity = CARP_MILLISECONDS(10);
    struct bound dual = oracle_dual_bound(&lab.world, 1);
    struct bound dark = oracle_dark_bound(&lab.world, 1);
    EXPECT_STR("interval of a 1 s + delay 20 us + processing 16 ms = 1.01602 s", dual.text);
    EXPECT_U64(1016020000, dual.value.ns);
    /* a would be there first, if it were not master itself. */
    EXPECT_STR("master-down time of a 3 s + delay 20 us + processing 0 ns = 3.00002 s", dark.text);
    world_lab_fault_in(&lab, B,
                       (struct fault){.origin = NONE,
                                      .delay = CARP_MILLISECONDS(5),
                                      .jitter = CARP_MILLISECONDS(1)});
    dual = oracle_dual_bound(&lab.world, 1);
    EXPECT_STR("interval of a 1 s + delay 12.02 ms + processing 16 ms = 1.02802 s", dual.text);
    world_lab_node(&lab, A)->drift_ppb = -1000000;
    uint64_t with_drift = oracle_dual_bound(&lab.world, 1).value.ns;
    EXPECT_TRUE(with_drift >= dual.value.ns + 1001001 && with_drift < dual.value.ns + 1010000);
    node_crash(&lab.world, world_lab_node(&lab, A));
    node_crash(&lab.world, world_lab_node(&lab, B));
    EXPECT_STR("nobody who could take over", oracle_dark_bound(&lab.world, 1).text);
    EXPECT_U64(UINT64_MAX, oracle_dark_bound(&lab.world, 1).value.ns);
    world_lab_free(&lab);
}

/* --- no false alarm --------------------------------------------------------------------------- */

/* More than a neighbour cache's life: quiet, with a client, slow wake-ups, ticks and drifts. */
TEST_CASE(oracle, is_silent_about_a_healthy_world)
{
    static struct world_lab lab;
    static const int32_t drifts[] = {0, 1000000, -1000000};
    for (unsigned row = 0; row < 6; row++) {
        world_lab_init(&lab, 1 + row);
        world_lab_daemon(&lab, "a", 10);
        world_lab_daemon(&lab, "b", 100);
        world_lab_client(&lab, "c");
        for (uint32_t i = 0; i < 2; i++) {
            struct node *node = world_lab_node(&lab, i);
            node->drift_ppb = i == 0 ? drifts[row % 3] : -drifts[row % 3];
            node->latency_max = row < 3 ? (carp_duration){0} : CARP_MILLISECONDS(2);
            node->granularity = row < 3 ? (carp_duration){0} : CARP_MILLISECONDS(10);
        }
        world_lab_boot(&lab);
        world_lab_run(&lab, 700000);
        expect_silence(&lab);
        EXPECT_U64(2, oracle_member(&lab.world, A, 0)->transitions);
        EXPECT_U64(1, oracle_member(&lab.world, B, 0)->transitions);
        world_lab_free(&lab);
    }
}

TEST_CASE(oracle, is_silent_about_whom_no_protocol_could_do_right_by)
{
    static struct world_lab lab;
    static const struct {
        const char *why;
        struct fault fault;
    } rows[] = {
        {"b does not hear a", {.origin = NONE, .blocks = true}},
        {"b does not hear a's adverts", {.origin = A, .blocks = true, .match = MATCH_ADVERTS}},
        {"b hears no IPv4", {.origin = NONE, .blocks = true, .match = MATCH_IPV4}},
        {"b hears a by chance", {.origin = NONE, .loss_ppm = 600000}},
        {"b hears a in bursts",
         {.origin = NONE, .burst_begin_ppm = 200000, .burst_end_ppm = 200000}},
        {"b hears a much later", {.origin = NONE, .holds = true}},
        {"what b hears is corrupted", {.origin = NONE, .corrupt_ppm = 600000, .unseen = true}},
        {"b's link is slow", {.origin = NONE, .rate = 300, .queue = 50}},
    };
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        tk_row(rows[row].why);
        init(&lab, 30000);
        uint32_t fault = world_lab_fault_in(&lab, B, rows[row].fault);
        world_lab_run(&lab, 300000);
        EXPECT_TRUE(oracle_member(&lab.world, B, 0)->transitions > 1);
        fabric_remove_fault(&lab.world, fault);
        world_lab_run(&lab, 400000);
        EXPECT_INT(CARP_BACKUP, world_lab_state(&lab, B));
        expect_silence(&lab);
        world_lab_free(&lab);
    }
}

/* a's adverts are late by as much as two faults on its way delay them: the last one too, that
 * leaves before both are over and a dies, and b waits from then on. */
TEST_CASE(oracle, is_silent_about_adverts_that_several_faults_delay)
{
    static struct world_lab lab;
    const struct fault slow = {
        .origin = NONE, .match = MATCH_ADVERTS, .delay = CARP_MILLISECONDS(1400)};
    init(&lab, 9500);
    uint32_t first = world_lab_fault_out(&lab, A, slow);
    uint32_t second = world_lab_fault_out(&lab, A, slow);
    world_lab_run(&lab, 20050);
    fabric_remove_fault(&lab.world, first);
    fabric_remove_fault(&lab.world, second);
    node_crash(&lab.world, world_lab_node(&lab, A));
    world_lab_run(&lab, 60000);
    EXPECT_U64(26190645000, oracle_member(&lab.world, B, 0)->state_since.ns);
    expect_silence(&lab);
    world_lab_free(&lab);
}

/* Each side has a master, which is right; after it heals a's next advert ends that. */
TEST_CASE(oracle, is_silent_about_a_split_and_its_end)
{
    static struct world_lab lab;
    init(&lab, 30500);
    world_lab_node(&lab, A)->side = 1;
    world_lab_node(&lab, B)->side = 2;
    lab.world.split = true;
    lab.world.changes += 1;
    world_lab_run(&lab, 60500);
    EXPECT_INT(CARP_MASTER, world_lab_state(&lab, B));
    lab.world.split = false;
    lab.world.changes += 1;
    oracle_disturbed(&lab.world);
    world_lab_run(&lab, 120000);
    EXPECT_INT(CARP_BACKUP, world_lab_state(&lab, B));
    EXPECT_TRUE(lab.world.oracle->dual_healed || lab.world.oracle->tallies[1].many_times == 1);
    expect_silence(&lab);
    world_lab_free(&lab);
}

/* c and b are cut off together just after they heard a: b takes over when its own patience is over,
 * not when a's would be; and two masters among them may last as long as their intervals. */
TEST_CASE(oracle, bounds_each_side_of_a_split_by_who_is_there)
{
    static struct world_lab lab;
    for (uint64_t cut_ms = 30000; cut_ms <= 31000; cut_ms += 100) {
        world_lab_init(&lab, 1);
        world_lab_daemon(&lab, "a", 0);
        world_lab_daemon(&lab, "b", 200);
        world_lab_daemon(&lab, "c", 240);
        world_lab_boot(&lab);
        world_lab_run(&lab, cut_ms + 1);
        world_lab_node(&lab, A)->side = 1;
        world_lab_node(&lab, B)->side = world_lab_node(&lab, C)->side = 2;
        lab.world.split = true;
        lab.world.changes += 1;
        oracle_disturbed(&lab.world);
        world_lab_run(&lab, 60000);
        EXPECT_INT(CARP_MASTER, world_lab_state(&lab, B));
        expect_silence(&lab);
        world_lab_free(&lab);
    }
}

/* a and d both hear b, but not each other: both are masters, and b can do nothing about it. */
TEST_CASE(oracle, is_silent_about_a_chain_of_nodes_that_is_no_clique)
{
    static struct world_lab lab;
    world_lab_init(&lab, 1);
    uint32_t a = world_lab_daemon(&lab, "a", 0);
    world_lab_daemon(&lab, "b", 100);
    uint32_t d = world_lab_daemon(&lab, "d", 50);
    world_lab_fault_in(&lab, d, (struct fault){.origin = a, .blocks = true});
    world_lab_fault_in(&lab, a, (struct fault){.origin = d, .blocks = true});
    world_lab_boot(&lab);
    world_lab_run(&lab, 60000);
    EXPECT_INT(CARP_MASTER, world_lab_state(&lab, a));
    EXPECT_INT(CARP_MASTER, world_lab_state(&lab, d));
    expect_silence(&lab);
    world_lab_free(&lab);
}

/* The client's way is cut, in either direction or for its probes alone: not the master's fault. */
TEST_CASE(oracle, is_silent_about_a_client_that_is_cut_off)
{
    static struct world_lab lab;
    static const struct fault rows[] = {
        {.origin = NONE, .blocks = true},
        {.origin = NONE, .blocks = true, .match = MATCH_PROBES},
        {.origin = NONE, .loss_ppm = 500000, .match = MATCH_PROBES},
        {.origin = NONE, .blocks = true, .match = MATCH_NEIGHBOUR},
    };
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        for (unsigned in = 0; in < 2; in++) {
            init(&lab, 10050);
            if (rows[row].match == MATCH_NEIGHBOUR) {
                client_of(world_lab_node(&lab, C))->lifetime = CARP_SECONDS(5);
            }
            in ? world_lab_fault_in(&lab, C, rows[row]) : world_lab_fault_out(&lab, C, rows[row]);
            world_lab_run(&lab, 60000);
            EXPECT_TRUE(client_of(world_lab_node(&lab, C))->lost > 100);
            expect_silence(&lab);
            world_lab_free(&lab);
        }
    }
}

/* --- accounts --------------------------------------------------------------------------------- */

/* Nobody from 0 to 3 s and from a's crash at 10.5 s until b's silence ends at 13.390645 s. */
TEST_CASE(oracle, accounts_for_how_long_there_was_no_master_or_two)
{
    static struct world_lab lab;
    init(&lab, 10500);
    node_crash(&lab.world, world_lab_node(&lab, A));
    world_lab_run(&lab, 20000);
    oracle_finish(&lab.world);
    const struct tally *t = &lab.world.oracle->tallies[1];
    EXPECT_U64(UINT64_C(5890645000), t->none.ns);
    EXPECT_U64(UINT64_C(3000000000), t->none_longest.ns);
    EXPECT_U64(0, t->many.ns);
    EXPECT_U64(1, t->masters_max);
    EXPECT_U64(UINT64_C(7500000000), oracle_member(&lab.world, A, 0)->as_master.ns);
    EXPECT_U64(UINT64_C(6609355000), oracle_member(&lab.world, B, 0)->as_master.ns);
    EXPECT_U64(1, oracle_member(&lab.world, B, 0)->became_master);
    EXPECT_TRUE(lab.world.oracle->takeover);
    EXPECT_TRUE(lab.world.oracle->rules[CARP_RULE_SILENCE]);
    EXPECT_TRUE(!lab.world.oracle->rules[CARP_RULE_PREEMPT]);
    world_lab_free(&lab);
}
