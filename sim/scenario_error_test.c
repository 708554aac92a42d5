/*
 * What is wrong with a scenario: for each mistake the one sentence that names the place, what is
 * there and what would be right. A row's text follows the lines of `above`; its error counts lines
 * from there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/memory.h"
#include "sim/scenario.h"
#include "tools/testkit/testkit.h"

#define A_TIME "a time such as 20ms, 1.5s or 10m is right (units: ns us ms s m h d y; at most 100y)"
#define AN_ORACLE                                                                                  \
    "one of these is right: dual-master, no-master, wrong-winner, flap, address-left, "            \
    "address-missing, data-path, wrong-answer, counter, spoke, malformed, late"
#define A_STATEMENT                                                                                \
    "; seed, horizon, runs, unit, group, switch, link, node, nodes, client, stranger, at, swarm, " \
    "campaign, expect, never and sometimes are right"
#define A_NAME "; a name of letters, digits, - and _ is right, a letter first, at most 31"
#define ABOVE  "; nodes are declared above the line that uses them"
#define TAKEN                                                                                      \
    " is taken; every node and switch has a name of its own, which does not begin with vhid"

static const char above[] = "horizon 1m\n"
                            "switch s1\n"
                            "switch s2\n"
                            "link s1 s2\n"
                            "node a @s1 vhid 1\n"
                            "node b @s1 @s2 vhid 1 skew 100\n"
                            "node u @s1 profile=ucarp vhid 1\n"
                            "node f @s1 profile=freebsd vhid 1\n"
                            "client c @s1 probe 10.0.0.254\n"
                            "stranger x @s1\n";

struct row {
    const char *text;
    const char *error; /* LINE:COLUMN: ... */
};

static void expect_error(const char *before, const struct row *row)
{
    char error[SCENARIO_ERROR_MAX], want[SCENARIO_ERROR_MAX + 32], text[4096];
    struct scenario s;
    unsigned line = (unsigned)strtoul(row->error, NULL, 10);
    for (const char *at = before; *at != '\0'; at++) {
        line += *at == '\n';
    }
    tk_row(row->text);
    snprintf(text, sizeof text, "%s%s", before, row->text);
    snprintf(want, sizeof want, "t.scn:%u%s", line, strchr(row->error, ':'));
    bool read = scenario_read(&s, "t.scn", text, NULL, error);
    EXPECT_TRUE(!read);
    if (read) {
        scenario_free(&s);
    } else {
        EXPECT_STR(want, error);
    }
    tk_row(NULL);
}

#define EXPECT_ERRORS(before, rows)                                                                \
    do {                                                                                           \
        for (size_t i_ = 0; i_ < sizeof(rows) / sizeof *(rows); i_++) {                            \
            expect_error(before, &(rows)[i_]);                                                     \
        }                                                                                          \
    } while (0)

/* Words, numbers and settings. */
static const struct row words[] = {
    {"nonsense", "1:1: unknown statement nonsense" A_STATEMENT},
    {"seed",
     "1:5: seed: the end of the line; a whole number from 0 to 4611686018427387903 is right"},
    {"seed x", "1:6: seed: x; a whole number from 0 to 4611686018427387903 is right"},
    {"seed -1", "1:6: seed: -1; a whole number from 0 to 4611686018427387903 is right"},
    {"seed 1.5", "1:6: seed: 1.5; a whole number from 0 to 4611686018427387903 is right"},
    {"seed 1e9", "1:6: seed: 1e9; a whole number from 0 to 4611686018427387903 is right"},
    {"seed 99999999999999999999",
     "1:6: seed: 99999999999999999999; a whole number from 0 to 4611686018427387903 is right"},
    {"seed 18446744073709551617",
     "1:6: seed: 18446744073709551617; a whole number from 0 to 4611686018427387903 is right"},
    {"seed 4611686018427387904",
     "1:6: seed: 4611686018427387904; a whole number from 0 to 4611686018427387903 is right"},
    {"runs 0", "1:6: runs: 0; a whole number from 1 to 1000000 is right"},
    {"runs 1000001", "1:6: runs: 1000001; a whole number from 1 to 1000000 is right"},
    {"runs", "1:5: runs: the end of the line; a whole number from 1 to 1000000 is right"},
    {"unit min", "1:6: unit: min; one of these is right: ns, us, ms, s"},
    {"unit", "1:5: unit: the end of the line; one of these is right: ns, us, ms, s"},
    {"horizon 0", "1:9: horizon: 0; a time from 1ns to 100y is right"},
    {"horizon 60", "1:9: horizon: 60; " A_TIME},
    {"horizon 101y", "1:9: horizon: 101y; " A_TIME},
    {"horizon 99999999999999999999s", "1:9: horizon: 99999999999999999999s; " A_TIME},
    {"horizon -1s", "1:9: horizon: -1s; " A_TIME},
    {"horizon 1e9s", "1:9: horizon: 1e9s; " A_TIME},
    {"horizon 0.0000000001s", "1:9: horizon: 0.0000000001s; " A_TIME},
    {"seed 1 horizon", "1:15: horizon: the end of the line; " A_TIME},
    {"seed 1 colour 2", "1:8: unknown setting colour; seed, horizon, runs and unit are right"},
    {"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
     "1:1: a word of 128 characters; at most 127 fit"},
    {"\001", "1:1: a character that is not printable ASCII (0x01)"},
    {"split", "1:1: unknown statement split" A_STATEMENT},
};

TEST_CASE(scenario_error, says_which_word_or_number_is_wrong)
{
    EXPECT_ERRORS(above, words);
}

/* Switches, links, groups, names and campaigns. */
static const struct row network[] = {
    {"group 1 key "
     "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
     "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
     "yyyyyyyyyyyyyy",
     "1:13: a word of 200 characters; at most 127 fit"},
    {"switch a", "1:8: a switch: a" TAKEN},
    {"switch", "1:7: a switch: the end of the line" A_NAME},
    {"switch t age", "1:13: age: the end of the line; " A_TIME},
    {"switch t age 5", "1:14: age: 5; " A_TIME},
    {"switch t capacity 0", "1:19: capacity: 0; a whole number from 1 to 1000000 is right"},
    {"switch t igmp maybe", "1:15: igmp: maybe; one of these is right: off, flood, snoop, drop"},
    {"switch t querier yes", "1:18: querier: yes; one of these is right: off, on"},
    {"switch t reflect", "1:17: reflect: the end of the line; one of these is right: off, on"},
    {"switch t stp 5", "1:14: stp: 5; " A_TIME},
    {"switch t colour red", "1:10: unknown option colour of a switch; age, capacity, igmp, "
                            "querier, reflect and stp are right"},
    {"link s1", "1:8: unknown switch (none); switches are declared above the line that uses them"},
    {"link s1 s9", "1:9: unknown switch s9; switches are declared above the line that uses them"},
    {"link a s1", "1:6: unknown switch a; switches are declared above the line that uses them"},
    {"link s1 s2",
     "1:11: s1 and s2 are joined already; a ring of switches would carry every broadcast for ever"},
    {"link s1 s1",
     "1:11: s1 and s1 are joined already; a ring of switches would carry every broadcast for ever"},
    {"switch s3\nlink s2 s3\nlink s1 s3",
     "3:11: s1 and s3 are joined already; a ring of switches would carry every broadcast for ever"},
    {"switch s3\nlink s1 s3 delay", "2:17: delay: the end of the line; " A_TIME},
    {"switch s3\nlink s1 s3 delay 2h", "2:18: delay: 2h; a time from 0ns to 1h is right"},
    {"switch s3\nlink s1 s3 5ms", "2:12: 5ms is more than this statement takes"},
    {"group", "1:6: vhid: the end of the line; a whole number from 1 to 255 is right"},
    {"group 0", "1:7: vhid: 0; a whole number from 1 to 255 is right"},
    {"group 256", "1:7: vhid: 256; a whole number from 1 to 255 is right"},
    {"group 1 base 256", "1:14: base: 256; a whole number from 0 to 255 is right"},
    {"group 1 base -1", "1:14: base: -1; a whole number from 0 to 255 is right"},
    {"group 1 ratio 0", "1:15: ratio: 0; a whole number from 1 to 255 is right"},
    {"group 1 key kkkkkkkkkkkkkkkkkkkkk", "1:13: key: 21 characters; 1 to 20 are right"},
    {"group 1 key", "1:12: key: 0 characters; 1 to 20 are right"},
    {"group 1 vip",
     "1:12: vip: nothing; an address such as 10.0.0.254 is right, several are separated by commas"},
    {"group 1 vip 10.0.0",
     "1:13: vip: 10.0.0; an address such as 10.0.0.254 is right, several are separated by commas"},
    {"group 1 vip 10.0.0.1,",
     "1:13: vip: nothing; an address such as 10.0.0.254 is right, several are separated by commas"},
    {"group 1 vip "
     "10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4,10.0.0.5,10.0.0.6,10.0.0.7,10.0.0.8,10.0.0.9,10.0.0.10,"
     "10.0.0.11,10.0.0.12,10.0.0.13,10.0.0.14,10.0.0.15,10.0.0.16,10.0.0.17",
     "1:13: a word of 160 characters; at most 127 fit"},
    {"group 1 dialect bsd", "1:17: dialect: bsd; one of these is right: advskew, openbsd"},
    {"group 1 replay on", "1:16: replay: on; one of these is right: auto, enforce, off"},
    {"group 1 source-mac real",
     "1:20: source-mac: real; one of these is right: interface, virtual"},
    {"group 1 hold-down 5", "1:19: hold-down: 5; " A_TIME},
    {"group 1 hold-down 3601s", "1:19: hold-down: 3601s; a time from 0ns to 1h is right"},
    {"group 1 preempt-delay 2h", "1:23: preempt-delay: 2h; a time from 0ns to 1h is right"},
    {"group 1 preempt maybe", "1:17: unknown option maybe of a group; docs/SIMULATOR.md has them"},
    {"group 1 colour red", "1:9: unknown option colour of a group; docs/SIMULATOR.md has them"},
    {"swarm", "1:6: swarm: no kind of fault; loss, crash or another is missing"},
    {"swarm rain", "1:7: unknown kind of fault rain; docs/SIMULATOR.md has them"},
    {"campaign peace 5s",
     "1:10: unknown phase peace; chaos, freeze, heal, calm, faults and rounds are right"},
    {"campaign chaos 5s faults 0", "1:26: faults: 0; a whole number from 1 to 10000 is right"},
};

TEST_CASE(scenario_error, says_what_is_wrong_with_a_network)
{
    EXPECT_ERRORS(above, network);
}

/* A node of which something is wrong. */
static const struct row nodes[] = {
    {"node caf\303\251 @s1 vhid 1", "1:6: a character that is not printable ASCII (0xc3)"},
    {"node a @s1 vhid 1", "1:6: a node: a" TAKEN},
    {"node s1 @s1 vhid 1", "1:6: a node: s1" TAKEN},
    {"node vhid9 @s1 vhid 1", "1:6: a node: vhid9" TAKEN},
    {"node 9a @s1 vhid 1", "1:6: a node: 9a" A_NAME},
    {"node nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn @s1 vhid 1",
     "1:6: a node: nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn" A_NAME},
    {"node a.b @s1 vhid 1", "1:6: a node: a.b" A_NAME},
    {"client", "1:7: a node: the end of the line" A_NAME},
    {"client a @s1 probe 10.0.0.254", "1:8: a node: a" TAKEN},
    {"stranger", "1:9: a node: the end of the line" A_NAME},
    {"node n", "1:7: node n is on no switch; @NAME of one is missing"},
    {"node n @s9 vhid 1",
     "1:8: unknown switch s9; switches are declared above the line that uses them"},
    {"node n @ vhid 1",
     "1:8: unknown switch (none); switches are declared above the line that uses them"},
    {"node n vhid 1", "1:14: node n is on no switch; @NAME of one is missing"},
    {"node n @s1", "1:11: node n has no group; vhid N is missing"},
    {"node n @s1 skew 5", "1:12: unknown option skew of a node (what belongs to a group follows "
                          "vhid N); docs/SIMULATOR.md has them"},
    {"node n @s1 vhid 0", "1:17: vhid: 0; a whole number from 1 to 255 is right"},
    {"node n @s1 vhid 1 vhid 1", "1:25: vhid 1 twice on one interface of n"},
    {"node n @s1 @s1 @s1 @s1 @s1 vhid 1", "1:24: more than 4 interfaces"},
    {"node n @s1 vhid 1 10.0.0.9",
     "1:27: an address without an interface; @SWITCH is missing after it"},
    {"node n 10.0.0.256 @s1 vhid 1", "1:8: unknown option 10.0.0.256 of a node (what belongs to a "
                                     "group follows vhid N); docs/SIMULATOR.md has them"},
    {"node n @s1 vhid 1 on s2",
     "1:22: on: s2; a switch to which this node has an interface is right"},
    {"node n @s1 vhid 1 base 0", "1:25: base 0 with skew 0; with base 0 the skew is at least 1"},
    {"node n @s1 vhid 1 skew 255", "1:27: skew 255; 0 to 254 is right (255 is UCARP's alone)"},
    {"node n @s1 profile=freebsd vhid 1 base 0 skew 1", "1:48: base 0; FreeBSD has no less than 1"},
    {"node n @s1 profile=netbsd vhid 1 ratio 4", "1:41: ratio 4; the kernels' is 3"},
    {"node n @s1 profile=ucarp vhid 1 vip 10.0.0.1,10.0.0.2",
     "1:54: vip: UCARP has exactly one IPv4 address"},
    {"node n @s1 profile=linux vhid 1",
     "1:20: profile: linux; one of these is right: engine, ucarp, freebsd, netbsd, openbsd"},
    {"node n @s1 tick 5ms profile=ucarp vhid 1",
     "1:29: profile: it goes before the options of the program"},
    {"node n @s1 tick 0s vhid 1", "1:17: tick: 0s; a time from 1us to 1s is right"},
    {"node n @s1 tick 2s vhid 1", "1:17: tick: 2s; a time from 1us to 1s is right"},
    {"node n @s1 latency 5ms~1ms vhid 1",
     "1:20: latency: 5ms~1ms; a time such as 1ms or a range such as 1ms~20ms is right"},
    {"node n @s1 latency 2h vhid 1", "1:20: latency: 2h; at most 1h is right"},
    {"node n @s1 latency +1ms vhid 1",
     "1:20: latency: +1ms; a time such as 1ms or a range such as 1ms~20ms is right"},
    {"node n @s1 drift 5 vhid 1", "1:18: drift: 5; -1000ppm to 1000ppm is right"},
    {"node n @s1 drift 1001ppm vhid 1", "1:18: drift: 1001ppm; -1000ppm to 1000ppm is right"},
    {"node n @s1 drift 99999999999999999999ppm vhid 1",
     "1:18: drift: 99999999999999999999ppm; -1000ppm to 1000ppm is right"},
    {"node n @s1 queue 0 vhid 1", "1:18: queue: 0; a whole number from 1 to 1000000 is right"},
    {"node n delay 5ms @s1 vhid 1", "1:18: delay: it is of the cable named before it (@switch)"},
    {"node n @s1 start vhid 1", "1:18: start: vhid; " A_TIME},
    {"node n @s1 profile=freebsd up 5ms vhid 1", "1:28: up: freebsd has no such option"},
    {"node n @s1 read 5ms vhid 1", "1:12: read: the engine has no such option"},
    {"node n @s1 profile=ucarp extra-ticks 3 vhid 1",
     "1:26: extra-ticks: ucarp has no such option"},
    {"node n @s1 profile=netbsd extra-ticks 101 vhid 1",
     "1:39: extra-ticks: 101; a whole number from 0 to 100 is right"},
    {"node n @s1 seed-of nobody vhid 1", "1:20: unknown node nobody" ABOVE},
    {"nodes n",
     "1:8: how many nodes: the end of the line; a whole number from 1 to 10000 is right"},
    {"nodes n 0 @s1 vhid 1", "1:9: how many nodes: 0; a whole number from 1 to 10000 is right"},
    {"nodes n 10001 @s1 vhid 1",
     "1:9: how many nodes: 10001; a whole number from 1 to 10000 is right"},
    {"nodes n 9999 @s1 vhid 1", "1:24: more than 10000 nodes"},
    {"nodes nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn 2 @s1 vhid 1",
     "1:51: nodes: nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn1 is taken, or too long"},
    {"node n2 @s1 vhid 1\nnodes n 2 @s1 vhid 1", "2:21: nodes: n2 is taken, or too long"},
    {"nodes n 9000 @s1 vhid 1 vhid 2 vhid 3 vhid 4 vhid 5 vhid 6 vhid 7 vhid 8 vhid 9 vhid 10 vhid "
     "11 vhid 12",
     "1:104: more than 100000 groups in all, which would not fit in memory"},
    {"node n @s1 config=",
     "1:19: config: the end of the line; a file in the scenario's own folder is right"},
    {"node n @s1 config=/etc/carpd.yaml vhid 1",
     "1:19: config: /etc/carpd.yaml; a file in the scenario's own folder is right"},
    {"node n @s1 config=../x.yaml",
     "1:19: config: ../x.yaml; a file in the scenario's own folder is right"},
    {"node n @s1 config=a/../../x",
     "1:19: config: a/../../x; a file in the scenario's own folder is right"},
    {"node n @s1 config=x.yaml", "1:19: config: this program was built without YAML"},
    {"client d @s1", "1:13: client d asks nothing; probe ADDRESS is missing"},
    {"client d probe 10.0.0.254", "1:26: d is on 0 switches; one @NAME is right"},
    {"client d @s1 @s2 probe 10.0.0.254", "1:34: d is on 2 switches; one @NAME is right"},
    {"client d @s1 probe",
     "1:19: probe: the end of the line; an address such as 10.0.0.254 or 2001:db8::1 is right"},
    {"client d @s1 probe a",
     "1:20: probe: a; an address such as 10.0.0.254 or 2001:db8::1 is right"},
    {"client d @s1 probe 10.0.0.254 every 0s", "1:37: every: 0s; a time from 1ms to 100y is right"},
    {"client d @s1 probe 10.0.0.254 every 999us",
     "1:37: every: 999us; a time from 1ms to 100y is right"},
    {"client d @s1 probe 10.0.0.254 announcements heeded",
     "1:45: announcements: heeded; one of these is right: ignored"},
    {"client d @s1 probe 10.0.0.254 vhid 1",
     "1:31: unknown option vhid; docs/SIMULATOR.md has them"},
    {"stranger y @s1 probe 10.0.0.254", "1:16: unknown option probe; docs/SIMULATOR.md has them"},
    {"stranger y", "1:11: y is on 0 switches; one @NAME is right"},
};

TEST_CASE(scenario_error, says_what_is_wrong_with_a_node)
{
    EXPECT_ERRORS(above, nodes);
}

/* An expectation of which something is wrong. */
static const struct row expectations[] = {
    {"expect",
     "1:7: unknown expectation (none); master, backup, masters, violation or NAME.METRIC is right"},
    {"expect joy",
     "1:8: unknown expectation joy; master, backup, masters, violation or NAME.METRIC is right"},
    {"expect 5 master a", "1:8: when: 5; an instant such as 60s, +5s or 60s~70s is right"},
    {"expect 5x master a", "1:8: when: 5x; an instant such as 60s, +5s or 60s~70s is right"},
    {"expect +5s master a", "1:8: when: +5s; an expectation's instant is absolute"},
    {"expect 61s master a", "1:1: it would be looked at after the horizon"},
    {"expect 50s~61s master a", "1:1: it would be looked at after the horizon"},
    {"expect 50s master a within 11s", "1:1: it would be looked at after the horizon"},
    {"expect master", "1:14: unknown node (none)" ABOVE},
    {"expect master nobody", "1:15: unknown node nobody" ABOVE},
    {"expect master c", "1:15: c has no vhid"},
    {"expect master a vhid 2", "1:17: a has no vhid 2"},
    {"expect master a within 5s",
     "1:24: within: it needs one instant to count from, as in expect 60s master b within bound"},
    {"expect 5s~9s master a within 5s",
     "1:30: within: it needs one instant to count from, as in expect 60s master b within bound"},
    {"expect always master a within 5s",
     "1:31: within: it needs one instant to count from, as in expect 60s master b within bound"},
    {"expect 5s master a within",
     "1:26: limit (or bound, bound+TIME): the end of the line; " A_TIME},
    {"expect 5s master a within bound+",
     "1:27: limit (or bound, bound+TIME): the end of the line; " A_TIME},
    {"expect 5s master a within boundless",
     "1:27: limit (or bound, bound+TIME): boundless; " A_TIME},
    {"expect masters",
     "1:15: a comparison: the end of the line; one of these is right: <, <=, ==, !=, >=, >"},
    {"expect masters 1", "1:16: a comparison: 1; one of these is right: <, <=, ==, !=, >=, >"},
    {"expect masters = 1", "1:18: a comparison: 1; one of these is right: <, <=, ==, !=, >=, >"},
    {"expect masters == 1s",
     "1:19: count: 1s; a whole number from 0 to 4611686018427387903 is right"},
    {"expect masters == 1 vhid 9", "1:1: no node has this vhid"},
    {"expect 5s~9s a.sent > 1",
     "1:24: a range of time is for master, backup and masters; give one instant"},
    {"expect a.joy == 1", "1:8: a has no joy; docs/SIMULATOR.md lists what can be counted"},
    {"expect nobody.sent == 1",
     "1:8: unknown nobody; a node, a switch or vhidN is right before the dot"},
    {"expect s1.sent == 1", "1:8: s1 has no sent; docs/SIMULATOR.md lists what can be counted"},
    {"expect c.transitions == 1",
     "1:8: c has no transitions; docs/SIMULATOR.md lists what can be counted"},
    {"expect x.transitions == 1",
     "1:8: x has no transitions; docs/SIMULATOR.md lists what can be counted"},
    {"expect x.accepted == 1",
     "1:8: x has no accepted; docs/SIMULATOR.md lists what can be counted"},
    {"expect c.badauth == 1", "1:8: c has no badauth; docs/SIMULATOR.md lists what can be counted"},
    {"expect f.preempt == 1", "1:8: f has no preempt; docs/SIMULATOR.md lists what can be counted"},
    {"expect a.badauth == 1", "1:8: a has no badauth; docs/SIMULATOR.md lists what can be counted"},
    {"expect f.commands == 1",
     "1:8: f has no commands; docs/SIMULATOR.md lists what can be counted"},
    {"expect vhid0.dual < 1s", "1:8: vhid0: vhid1 to vhid255 is right before the dot"},
    {"expect vhid257.dual < 1s", "1:8: vhid257: vhid1 to vhid255 is right before the dot"},
    {"expect vhid1x.dual < 1s", "1:8: vhid1x: vhid1 to vhid255 is right before the dot"},
    {"expect vhid9.dual < 1s", "1:1: no node has this vhid"},
    {"expect vhid1.joy < 1s", "1:8: vhid1 has no joy; docs/SIMULATOR.md lists what can be counted"},
    {"expect vhid1.dual < 1", "1:21: limit (or bound, bound+TIME): 1; " A_TIME},
    {"expect vhid1.dual",
     "1:18: a comparison: the end of the line; one of these is right: <, <=, ==, !=, >=, >"},
    {"expect a.master-time < bound",
     "1:24: bound: none is derived for this; a time such as 2s is right"},
    {"expect c.by < a", "1:15: by: == or != is right before a node's name"},
    {"expect c.by == nobody", "1:16: unknown node nobody" ABOVE},
    {"expect a.sent == -1",
     "1:18: count: -1; a whole number from 0 to 4611686018427387903 is right"},
    {"expect violation", "1:17: an oracle: the end of the line; " AN_ORACLE},
    {"expect violation joy", "1:18: an oracle: joy; " AN_ORACLE},
    {"expect downtime a < 1s", "1:17: downtime: a is no client"},
    {"expect downtime c",
     "1:18: a comparison: the end of the line; one of these is right: <, <=, ==, !=, >=, >"},
    {"expect downtime c < 5", "1:21: limit (or bound, bound+TIME): 5; " A_TIME},
    {"never",
     "1:6: never masters > 1 or never masters < 1 is right, with vhid N and for > LIMIT after it"},
    {"never masters > 2",
     "1:17: never masters > 1 or never masters < 1 is right, with vhid N and for > LIMIT after it"},
    {"never masters > 1 for 5s", "1:23: for > LIMIT is right"},
    {"never masters > 1 for > 5", "1:25: limit (or bound, bound+TIME): 5; " A_TIME},
    {"never masters > 1 vhid 300", "1:24: vhid: 300; a whole number from 1 to 255 is right"},
    {"never masters > 1 vhid 9", "1:1: no node has this vhid"},
    {"sometimes", "1:10: unknown property (none); state, rule, verdict, drop, dual-healed and "
                  "demote-crossed are right"},
    {"sometimes state a",
     "1:18: a state: the end of the line; one of these is right: INIT, BACKUP, MASTER"},
    {"sometimes state a KING", "1:19: a state: KING; one of these is right: INIT, BACKUP, MASTER"},
    {"sometimes state c MASTER", "1:17: c has no vhid"},
    {"sometimes rule joy", "1:16: unknown rule joy; docs/SIMULATOR.md has them"},
    {"sometimes verdict joy", "1:19: unknown verdict joy; docs/SIMULATOR.md has them"},
    {"sometimes drop joy", "1:16: unknown reason joy; docs/SIMULATOR.md has them"},
    {"sometimes joy", "1:11: unknown property joy; state, rule, verdict, drop, dual-healed and "
                      "demote-crossed are right"},
    {"sometimes dual-healed twice", "1:23: twice is more than this statement takes"},
};

TEST_CASE(scenario_error, says_what_is_wrong_with_an_expectation)
{
    EXPECT_ERRORS(above, expectations);
}

/* A statement of which something is wrong. */
static const struct row statements[] = {
    {"at", "1:3: when: the end of the line; an instant such as 60s, +5s or 60s~70s is right"},
    {"at 5s", "1:6: unknown action (none); docs/SIMULATOR.md has them"},
    {"at noon crash a", "1:4: when: noon; an instant such as 60s, +5s or 60s~70s is right"},
    {"at 5 crash a", "1:4: when: 5; an instant such as 60s, +5s or 60s~70s is right"},
    {"at 5s~ crash a", "1:4: when: 5s~; a range such as 60s~70s is right"},
    {"at 5s~1s crash a", "1:4: when: 5s~1s ends before it begins; the earlier instant goes first"},
    {"at ~5s crash a", "1:4: when: ~5s; an instant such as 60s, +5s or 60s~70s is right"},
    {"at 5s dance a", "1:7: unknown action dance; docs/SIMULATOR.md has them"},
    {"at 5s crash", "1:12: unknown node (none)" ABOVE},
    {"at 5s crash nobody", "1:13: unknown node nobody" ABOVE},
    {"at 5s crash s1", "1:13: unknown node s1" ABOVE},
    {"at 5s crash a\nat 4s boot a",
     "2:4: when: 4s is before the statement above; time does not go back"},
    {"at 61s crash a", "1:1: it would happen after the horizon"},
    {"at 50s~61s crash a", "1:1: it would happen after the horizon"},
    {"at 50s crash a\nat +11s boot a", "2:1: it would happen after the horizon"},
    {"at 100y crash a\nat +1ns boot a", "2:4: when: +1ns is more than 100 years after the start"},
    {"at 5s crash a for", "1:18: for: the end of the line; " A_TIME},
    {"at 5s crash a for 0s", "1:19: for: 0s; a time from 1ns to 100y is right"},
    {"at 5s crash a b", "1:15: unknown action b; docs/SIMULATOR.md has them"},
    {"at 5s reboot a after 0s", "1:22: after: 0s; a time from 1ns to 100y is right"},
    {"at 5s kill f", "1:12: kill: f runs no daemon that could be; crash is right"},
    {"at 5s kill c", "1:12: kill: c runs no daemon that could be; crash is right"},
    {"at 5s freeze f", "1:14: freeze: f runs no daemon that could be; pause is right"},
    {"at 5s freeze c", "1:14: c is no node with a vhid"},
    {"at 5s pause a", "1:14: pause: for TIME is missing"},
    {"at 5s pause a for 1s clock runs",
     "1:28: clock: runs; one of these is right: continues, stops, jumps"},
    {"at 5s pause a for 1s queue",
     "1:27: queue: the end of the line; one of these is right: kept, lost"},
    {"at 5s pause a for 1s wildly",
     "1:22: unknown option wildly of a pause; clock and queue are right"},
    {"at 5s drift a", "1:14: drift: the end of the line; -1000ppm to 1000ppm is right"},
    {"at 5s drift a 5", "1:15: drift: 5; -1000ppm to 1000ppm is right"},
    {"at 5s clock a", "1:14: clock: the end of the line; " A_TIME ", with + or - before it"},
    {"at 5s clock a 5", "1:15: clock: 5; " A_TIME ", with + or - before it"},
    {"at 5s clock a -1e3s", "1:15: clock: -1e3s; " A_TIME ", with + or - before it"},
    {"at 5s clock a 60y clock a -60y", "1:25: all clock and jump together: at most 100y is right"},
    {"at 5s jump a -5s", "1:12: jump: a monotonic clock does not go back"},
    {"at 5s jump a 60y clock b 60y", "1:24: all clock and jump together: at most 100y is right"},
    {"at 5s down a@s2", "1:12: a has no interface to s2"},
    {"at 5s down nobody", "1:12: unknown node nobody; nodes are declared above"},
    {"at 5s up", "1:9: unknown node (none); nodes are declared above"},
    {"at 5s senderr a",
     "1:16: an error: the end of the line; one of these is right: off, enobufs, enetdown, eperm"},
    {"at 5s senderr a eio",
     "1:17: an error: eio; one of these is right: off, enobufs, enetdown, eperm"},
    {"at 5s senderr c off", "1:15: c is no node with a vhid"},
    {"at 5s claimerr u", "1:16: u does not run the engine"},
    {"at 5s demote a",
     "1:15: demotion: the end of the line; a whole number from 0 to 255 is right"},
    {"at 5s demote a 256", "1:16: demotion: 256; a whole number from 0 to 255 is right"},
    {"at 5s demote a -1", "1:16: demotion: -1; a whole number from 0 to 255 is right"},
    {"at 5s demote f 100001", "1:16: demotion: 100001; a whole number from 0 to 100000 is right"},
    {"at 5s demote f 1 vhid 1",
     "1:18: demote: f counts for all of its virtual hosts; without vhid is right"},
    {"at 5s demote a 1 vhid 2", "1:18: a has no vhid 2"},
    {"at 5s yield c", "1:13: c is no node with a vhid"},
    {"at 5s yield a vhid 7", "1:15: a has no vhid 7"},
    {"at 5s remove u", "1:14: u does not run the engine"},
    {"at 5s reload a vhid 2 skew 1", "1:16: a has no vhid 2"},
    {"at 5s reload a colour red", "1:16: unknown option colour of a group"},
    {"at 5s reload u vip 10.0.0.1,10.0.0.2", "1:37: vip: UCARP has exactly one IPv4 address"},
    {"at 5s reload a skew 255", "1:24: skew 255; 0 to 254 is right (255 is UCARP's alone)"},
    {"at 5s split", "1:12: split: 0 sides; {a b} {c} is right"},
    {"at 5s split {a}", "1:16: split: 1 sides; {a b} {c} is right"},
    {"at 5s split {a b} {b c}", "1:20: b is on two sides"},
    {"at 5s split {a} {b", "1:19: split: {a b} {c} is right"},
    {"at 5s split {a {b}", "1:16: split: {a b} {c} is right"},
    {"at 5s split {a} {}", "1:18: split: {a b} {c} is right"},
    {"at 5s split {a} {nobody}", "1:18: unknown node nobody; nodes are declared above"},
    {"at 5s split {a} {s1}", "1:18: unknown node s1; nodes are declared above"},
    {"at 5s split a b", "1:13: split: 0 sides; {a b} {c} is right"},
    {"at 5s split {a} b", "1:17: split: 1 sides; {a b} {c} is right"},
    {"at 5s block", "1:12: from where to where: nothing; a->b, a<->b, a->* or *->b is right"},
    {"at 5s block a", "1:13: from where to where: a; a->b, a<->b, a->* or *->b is right"},
    {"at 5s block a->", "1:13: from where to where: a->; a->b, a<->b, a->* or *->b is right"},
    {"at 5s block ->a", "1:13: from where to where: ->a; a->b, a<->b, a->* or *->b is right"},
    {"at 5s block a->nobody", "1:13: unknown nobody; a node, a switch or * is right at either end"},
    {"at 5s block *->*", "1:13: *->* is everything; name one end"},
    {"at 5s block a->a", "1:13: both ends are the same"},
    {"at 5s block a->s2", "1:13: no cable joins the two"},
    {"at 5s block a<->b->c", "1:13: unknown b->c; a node, a switch or * is right at either end"},
    {"at 5s oneway a<->b", "1:14: oneway: a<->b; a->b with the names of two nodes is right"},
    {"at 5s oneway a->*", "1:14: oneway: a->*; a->b with the names of two nodes is right"},
    {"at 5s oneway s1->a", "1:14: oneway: s1->a; a->b with the names of two nodes is right"},
    {"at 5s loss a->b",
     "1:16: loss: the end of the line; a share from 0% to 100% is right, such as 0.5%"},
    {"at 5s loss a->b 30", "1:17: loss: 30; a share from 0% to 100% is right, such as 0.5%"},
    {"at 5s loss a->b 101%", "1:17: loss: 101%; a share from 0% to 100% is right, such as 0.5%"},
    {"at 5s loss a->b -1%", "1:17: loss: -1%; a share from 0% to 100% is right, such as 0.5%"},
    {"at 5s loss a->b 0.00001%",
     "1:17: loss: 0.00001%; a share from 0% to 100% is right, such as 0.5%"},
    {"at 5s burst a->b 1%",
     "1:20: a burst ends: the end of the line; a share from 0% to 100% is right, such as 0.5%"},
    {"at 5s lose a->b",
     "1:16: which: the end of the line; numbers from 1 to 64 such as 1,3 are right"},
    {"at 5s lose a->b 0", "1:17: which: 0; numbers from 1 to 64 such as 1,3 are right"},
    {"at 5s lose a->b 65", "1:17: which: 65; numbers from 1 to 64 such as 1,3 are right"},
    {"at 5s lose a->b 1,", "1:17: which: 1,; numbers from 1 to 64 such as 1,3 are right"},
    {"at 5s lose a->b 1;2", "1:17: which: 1;2; numbers from 1 to 64 such as 1,3 are right"},
    {"at 5s dup a->b",
     "1:15: dup: the end of the line; a share from 0% to 100% is right, such as 0.5%"},
    {"at 5s dup a->b 1% lag", "1:22: lag: the end of the line; " A_TIME},
    {"at 5s delay a->b", "1:17: delay: the end of the line; " A_TIME},
    {"at 5s delay a->b 5ms jitter 2h", "1:29: jitter: 2h; a time from 0ns to 1h is right"},
    {"at 5s rate a->b 0", "1:17: rate in kbit/s: 0; a whole number from 1 to 1000000 is right"},
    {"at 5s rate a->b 100 queue -1",
     "1:27: queue in bytes: -1; a whole number from 0 to 1073741824 is right"},
    {"at 5s heal all", "1:12: unknown action all; docs/SIMULATOR.md has them"},
    {"at 5s oracle", "1:13: oracle: the end of the line; " AN_ORACLE},
    {"at 5s oracle delphi off", "1:14: oracle: delphi; " AN_ORACLE},
    {"at 5s oracle flap", "1:18: on or off: the end of the line; one of these is right: off, on"},
    {"at 5s replay a", "1:14: a is no stranger"},
    {"at 5s replay x", "1:15: replay: of NODE is missing"},
    {"at 5s replay x of nobody", "1:19: unknown node nobody" ABOVE},
    {"at 5s replay x of a every 1us", "1:27: every: 1us; a time from 10us to 100y is right"},
    {"at 5s forge x every 1s", "1:15: unknown option every; docs/SIMULATOR.md has them"},
    {"at 5s vrrp x", "1:13: vrrp: id N is missing"},
    {"at 5s vrrp x id 1 version 4", "1:27: version: 4; a whole number from 2 to 3 is right"},
    {"at 5s spoof x", "1:14: spoof: an address is missing"},
    {"at 5s noise x", "1:14: noise: vhid N is missing"},
    {"at 5s forge x of a demote 256", "1:27: demote: 256; a whole number from 0 to 255 is right"},
    {"node n @s1 profile=ucarp wraps-after 5 vhid 1",
     "1:26: wraps-after: ucarp has no such option"},
    {"node n @s1 wraps-after 0 vhid 1",
     "1:24: wraps-after: 0; a whole number from 1 to 4294967295 is right"},
    {"expect vhid1.assigned < a", "1:25: assigned: == or != is right before a node's name"},
    {"at 5s flood x of a", "1:15: unknown option of; docs/SIMULATOR.md has them"},
    {"at 5s spoof x vhid 1", "1:15: unknown option vhid; docs/SIMULATOR.md has them"},
    {"at 5s demote u 5", "1:14: demote: u is a UCARP, which cannot be"},
};

TEST_CASE(scenario_error, says_what_is_wrong_with_a_statement)
{
    EXPECT_ERRORS(above, statements);
}

/* Of the whole; these rows are texts of their own. */
static const struct row wholes[] = {
    {"", "1:1: the scenario ends without a node; node NAME @SWITCH vhid N is missing"},
    {"# nothing\n\r\n",
     "2:1: the scenario ends without a node; node NAME @SWITCH vhid N is missing"},
    {"horizon 1m\n", "1:1: the scenario ends without a node; node NAME @SWITCH vhid N is missing"},
    {"switch s1\nnode a @s1 vhid 1\n",
     "2:1: the scenario ends without a horizon; horizon TIME is missing"},
    {"switch s1\nnode a @s1 vhid 1\ncampaign chaos 5s",
     "3:1: campaign: no kinds of faults for its chaos; swarm KIND... is missing"},
    {"switch s1\nclient c @s1 probe 10.0.0.254\nswarm loss\ncampaign chaos 5s",
     "4:1: campaign: nobody that faults could strike; a node is missing"},
    {"switch s1\nnode a @s1 vhid 1\nswarm loss\ncampaign chaos 5s\ncampaign calm 5s",
     "5:10: a second campaign; one is right"},
    {"switch s1\nnode a @s1 vhid 1\nswarm loss\ncampaign",
     "4:9: campaign: phases that take no time in all; more than nothing and at most 100y is right"},
    {"switch s1\nnode a @s1 vhid 1\nswarm loss\ncampaign calm 1y rounds 101",
     "4:28: campaign: phases that take more than 100y in all; more than nothing and at most 100y "
     "is right"},
    {"switch s1\nnode a @s1 vhid 1\nswarm loss\ncampaign chaos 1s faults 10000 rounds 1001",
     "4:43: campaign: 10010000 faults in all its rounds; at most 10000000 is right"},
    {"switch s1\nnode a @s1 vhid 1\nswarm loss\ncampaign chaos 100y calm 100y",
     "4:30: campaign: phases that take more than 100y in all; more than nothing and at most 100y "
     "is right"},
};

TEST_CASE(scenario_error, says_what_is_missing_in_the_whole)
{
    EXPECT_ERRORS("", wholes);
}

/* --- limits -------------------------------------------------------------------------------------
 */

struct writing {
    char *text;
    size_t size;
};

static void repeat(struct writing *w, const char *line, unsigned count)
{
    size_t size = strlen(line);
    for (unsigned i = 0; i < count; i++) {
        memcpy(w->text + w->size, line, size + 1);
        w->size += size;
    }
}

static void expect_limit(const char *line, unsigned most, const char *error)
{
    struct writing w = {memory_make(SCENARIO_TEXT_MAX, 1), 0};
    char got[SCENARIO_ERROR_MAX] = "";
    struct scenario s;
    tk_row(line);
    repeat(&w, above, 1);
    repeat(&w, line, most);
    bool read = scenario_read(&s, "t.scn", w.text, NULL, got);
    EXPECT_STR("", got);
    if (read) {
        scenario_free(&s);
    }
    repeat(&w, line, 1);
    read = scenario_read(&s, "t.scn", w.text, NULL, got);
    EXPECT_TRUE(!read);
    EXPECT_TRUE(strstr(got, error) != NULL);
    if (read) {
        scenario_free(&s);
    }
    free(w.text);
    tk_row(NULL);
}

TEST_CASE(scenario_error, there_is_a_most_of_everything)
{
    expect_limit("at 1s heal\n", SCENARIO_STATEMENTS_MAX, ": more than 10000 statements");
    expect_limit("expect a.sent > 0\n", SCENARIO_STATEMENTS_MAX, ": more than 10000 expectations");
    struct writing w = {memory_make(SCENARIO_TEXT_MAX, 1), 0};
    char error[SCENARIO_ERROR_MAX] = "";
    struct scenario s;
    for (unsigned i = 0; i <= SCENARIO_SWITCHES_MAX; i++) {
        char line[32];
        snprintf(line, sizeof line, "switch s%u\n", i);
        repeat(&w, line, 1);
    }
    EXPECT_TRUE(!scenario_read(&s, "t.scn", w.text, NULL, error));
    EXPECT_STR("t.scn:65:8: more than 64 switches", error);
    free(w.text);
}

TEST_CASE(scenario_error, a_node_has_at_most_255_groups)
{
    struct writing w = {memory_make(SCENARIO_TEXT_MAX, 1), 0};
    char error[SCENARIO_ERROR_MAX] = "";
    struct scenario s;
    repeat(&w, above, 1);
    repeat(&w, "node n @s1 @s2", 1);
    for (unsigned i = 1; i <= 255; i++) {
        char word[32];
        snprintf(word, sizeof word, " vhid %u", i);
        repeat(&w, word, 1);
    }
    bool read = scenario_read(&s, "t.scn", w.text, NULL, error);
    EXPECT_STR("", error);
    if (read) {
        EXPECT_U64(255, s.nodes[s.node_count - 1].group_count);
        scenario_free(&s);
    }
    repeat(&w, " vhid 1 on s2", 1);
    EXPECT_TRUE(!scenario_read(&s, "t.scn", w.text, NULL, error));
    EXPECT_TRUE(strstr(error, "node n has more than 255 groups") != NULL);
    free(w.text);
}

static int load_nothing(void *self, const char *path, struct scenario_node *node, char *error)
{
    (void)self, (void)node, (void)error;
    tk_fail(__FILE__, __LINE__, "it was looked for: %.40s...", path);
    return -1;
}

TEST_CASE(scenario_error, a_config_file_is_not_looked_for_through_a_path_that_was_cut)
{
    char name[1200], error[SCENARIO_ERROR_MAX] = "";
    struct scenario s;
    const struct scenario_loader loader = {NULL, load_nothing};
    memset(name, 'd', sizeof name);
    memcpy(name + sizeof name - 7, "/t.scn", 7);
    EXPECT_TRUE(!scenario_read(&s, name, "switch s1\nnode a @s1 config=x.yaml", &loader, error));
}
