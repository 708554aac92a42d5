/*
 * A scenario's text becomes exactly the structure that is meant. Each row is a line, in both its
 * spellings where there are two, and all of the structure that differs from nothing, as text.
 */
#include "sim/scenario.h"

#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim/trace_text.h"
#include "tools/testkit/testkit.h"

static const char above[] = "horizon 10m\n"
                            "switch s1\n"
                            "switch s2\n"
                            "link s1 s2\n"
                            "node a @s1 @s2 vhid 1 vhid 2 on s2\n"
                            "node b @s1 vhid 1 skew 100\n"
                            "node u @s1 profile=ucarp vhid 1\n"
                            "node f @s1 profile=freebsd vhid 1\n"
                            "client c @s1 probe 10.0.0.254\n"
                            "stranger x @s1\n";

/* --- structures as text -------------------------------------------------------------------------
 */

static char text[4096];

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
    size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, sizeof text - used, format, arguments);
    va_end(arguments);
}

static void say_number(const char *name, int64_t number)
{
    if (number != 0) {
        say(" %s=%" PRId64, name, number);
    }
}

static void say_flag(const char *name, bool flag)
{
    if (flag) {
        say(" %s", name);
    }
}

static void say_duration(const char *name, carp_duration d)
{
    char number[32];
    if (d.ns != 0) {
        say(" %s=%s", name, trace_duration(d, number));
    }
}

static void say_bytes(const char *name, const uint8_t *bytes, size_t size)
{
    say(" %s=", name);
    for (size_t i = 0; i < size; i++) {
        say(size == 4 ? "%s%u" : "%s%02x", i > 0 && size == 4 ? "." : "", bytes[i]);
    }
}

static void say_address(const char *name, const struct sim_address *address)
{
    if (address->family != 0) {
        say_bytes(name, address->bytes, address->family == 4 ? 4 : 16);
    }
}

static void say_moment(const struct moment *m, bool at_end)
{
    char from[32], to[32];
    if (at_end) {
        say("at the end");
    } else if (m->from.ns == m->to.ns) {
        say("%s", trace_time(m->from, from));
    } else {
        say("%s~%s", trace_time(m->from, from), trace_time(m->to, to));
    }
}

static void say_config(const struct carp_config *c)
{
    say(" vhid %u %u/%u ratio %u", c->vhid, c->advbase, c->advskew, c->dead_ratio);
    say(" key %.20s", (const char *)c->keys[0]);
    for (unsigned i = 0; i < c->ipv4_count; i++) {
        say_bytes("vip", c->ipv4[i], 4);
    }
    for (unsigned i = 0; i < c->ipv6_count; i++) {
        say_bytes("vip", c->ipv6[i], 16);
    }
    say_flag("preempt", c->preempt);
    say_flag("broadcast", c->broadcast);
    say_number("dialect", c->dialect);
    say_number("replay", c->replay);
    say_number("source-mac", c->source_mac);
    say_duration("hold-down", c->hold_down);
    say_duration("preempt-delay", c->preempt_delay);
}

static const char *end_name(const struct scenario *s, uint32_t index, bool is_switch)
{
    return index == NONE ? "*" : is_switch ? s->switches[index].name : s->nodes[index].name;
}

static void say_fault(const struct scenario *s, const struct statement *st)
{
    const struct pair *p = &st->pair;
    const struct fault *f = &st->fault;
    say(" %s%s%s", end_name(s, p->from, p->from_switch), p->both ? "<->" : "->",
        end_name(s, p->to, p->to_switch));
    EXPECT_U64(NONE, f->origin);
    say_number("match", f->match);
    say_flag("blocks", f->blocks);
    say_flag("holds", f->holds);
    say_flag("unseen", f->unseen);
    say_number("loss", f->loss_ppm);
    say_number("burst-begin", f->burst_begin_ppm);
    say_number("burst-end", f->burst_end_ppm);
    say_number("dup", f->duplicate_ppm);
    say_number("reorder", f->reorder_ppm);
    say_number("corrupt", f->corrupt_ppm);
    say_duration("delay", f->delay);
    say_duration("jitter", f->jitter);
    say_number("rate", (int64_t)f->rate);
    say_number("queue", (int64_t)f->queue);
    say_number("ordinals", (int64_t)f->ordinals);
}

static void say_deed(const struct scenario *s, const struct deed *d)
{
    static const char *const words[] = {"replay", "forge", "reflect", "flood",
                                        "vrrp",   "spoof", "noise"};
    say(" %s", words[d->kind]);
    if (d->of != NONE) {
        say(" of=%s", s->nodes[d->of].name);
    }
    say_duration("every", d->period);
    say_number("vhid", d->vhid);
    say_number("base", d->advbase);
    say_number("skew", d->advskew);
    say_number("demote", d->demote);
    say_number("version", d->version == 2 ? 0 : d->version);
    say_address("address", &d->address);
}

static const char *describe_statement(const struct scenario *s, const struct statement *st)
{
    static const char *const kinds[] = {
        "CRASH",       "BOOT",    "REBOOT", "STOP",  "START",  "KILL",  "FREEZE",
        "THAW",        "PAUSE",   "DRIFT",  "CLOCK", "JUMP",   "LINK",  "SEND_ERROR",
        "CLAIM_ERROR", "DEMOTE",  "YIELD",  "LOSE",  "RELOAD", "SPLIT", "JOIN",
        "FAULT",       "RELEASE", "HEAL",   "DEED",  "ORACLE",
    };
    text[0] = '\0';
    say_moment(&st->when, false);
    say_flag("relative", st->when.relative);
    say_flag("after", st->after);
    say(" %s", kinds[st->kind]);
    if (st->node != NONE) {
        say(" %s", s->nodes[st->node].name);
    }
    if (st->kind == DO_LINK && st->nic != UINT_MAX) {
        say(" nic=%u", st->nic);
    }
    say_number("vhid", st->vhid);
    say_number("number", st->number);
    say_number("clock", st->clock);
    say_flag("flag", st->flag);
    if (st->kind == DO_FAULT) {
        say_fault(s, st);
    }
    if (st->kind == DO_DEED) {
        say_deed(s, &st->deed);
    }
    for (size_t i = 0; i < st->side_count; i++) {
        say(" %s:%u", s->nodes[i].name, st->sides[i]);
    }
    if (st->config != NULL) {
        say_config(st->config);
    }
    say_duration("lasts", st->lasts);
    return text;
}

static const char *describe_node(const struct scenario_node *n)
{
    static const char *const profiles[] = {"engine",  "ucarp",  "freebsd", "netbsd",
                                           "openbsd", "client", "stranger"};
    text[0] = '\0';
    say("%s %s", n->name, profiles[n->profile]);
    for (unsigned i = 0; i < n->nic_count; i++) {
        say(" @%u", n->nics[i].to_switch);
        say_duration("cable", n->nics[i].delay);
        say_bytes("mac", n->nics[i].self.mac, 6);
        say_bytes("ipv4", n->nics[i].self.ipv4, 4);
        if (n->nics[i].self.has_ipv6) {
            say_bytes("ipv6", n->nics[i].self.ipv6, 16);
        }
    }
    if (n->starts.ns == CARP_NEVER.ns) {
        say(" off");
    } else {
        say_duration("start", (carp_duration){n->starts.ns});
    }
    say_number("drift", n->drift_ppb);
    say_duration("latency-min", n->latency_min);
    say_duration("latency-max", n->latency_max);
    say_duration("tick", n->granularity);
    say_duration("phase", n->phase);
    say_number("queue", n->queue_max == 512 ? 0 : (int64_t)n->queue_max);
    say_flag("commands", n->commands);
    say_duration("up", n->up_time);
    say_duration("down", n->down_time);
    say_number("seed-of", n->seed_about == NONE ? 0 : (int64_t)n->seed_about + 1);
    say_number("wraps-after", (int64_t)n->wraps_after);
    if (n->profile != PROFILE_ENGINE && n->profile <= PROFILE_OPENBSD) {
        const struct persona_config *p = &n->persona;
        say(" (");
        say("%s", persona_word(p->kind));
        say_duration("tick", p->tick);
        say_duration("tick-phase", p->tick_phase);
        say_number("extra", p->tick_extra);
        say_duration("read", p->read_period);
        say_duration("read-phase", p->read_phase);
        say_duration("up", p->up_script);
        say_duration("down", p->down_script);
        say_flag("shutdown", p->shutdown);
        say_flag("neutral", p->neutral);
        say(")");
    }
    say_address("probe", &n->target);
    if (n->profile == PROFILE_CLIENT) {
        say_duration("every", n->period);
        say_duration("cache", n->cache);
        say_flag("deaf", n->ignores_announcements);
    }
    for (size_t g = 0; g < n->group_count; g++) {
        say(" [%u", n->groups[g].nic);
        say_config(&n->groups[g].config);
        say("]");
    }
    return text;
}

static const char *describe_expectation(const struct scenario *s, const struct expectation *e)
{
    static const char *const kinds[] = {"master", "backup", "metric", "violation", "sometimes"};
    static const char *const comparisons[] = {"<", "<=", "==", "!=", ">=", ">"};
    static const char *const somes[] = {"state", "rule", "verdict", "drop", "healed", "crossed"};
    text[0] = '\0';
    say_moment(&e->when, e->at_end);
    say_flag("window", e->window);
    say(" %s", kinds[e->kind]);
    if (e->subject != NONE) {
        say(" of %s", end_name(s, e->subject, e->is_switch));
    }
    say_number("vhid", e->vhid == 1 ? 0 : e->vhid);
    if (e->kind == EXPECT_METRIC) {
        say(" %s", metric_word(e->metric));
        say_number("index", e->index);
        say(" %s", comparisons[e->comparison]);
        if (!e->duration) {
            say(" %" PRId64, e->value);
        }
    }
    if (e->duration || e->within) {
        char number[32];
        say("%s%s %s", e->within ? " within" : "", e->bound ? " bound +" : "",
            trace_duration((carp_duration){(uint64_t)e->value}, number));
    }
    if (e->kind == EXPECT_VIOLATION) {
        say(" %s", oracle_word(e->oracle));
    }
    if (e->kind == EXPECT_SOMETIMES) {
        say(" %s", somes[e->sometimes]);
        say_number("index", e->index);
        say_number("state", e->state);
    }
    return text;
}

/* --- reading ------------------------------------------------------------------------------------
 */

static bool read_after(struct scenario *s, const char *before, const char *line)
{
    char all[4096], error[SCENARIO_ERROR_MAX] = "";
    snprintf(all, sizeof all, "%s%s", before, line);
    bool read = scenario_read(s, "t.scn", all, NULL, error);
    EXPECT_STR("", error);
    return read;
}

struct row {
    const char *line;
    const char *want;
};

/* What the last statement of a scenario is; rows with a second spelling repeat what is wanted. */
static void expect_statement(const char *line, const char *want)
{
    struct scenario s;
    tk_row(line);
    if (read_after(&s, above, line)) {
        EXPECT_STR(want, s.statement_count == 0
                             ? "(none)"
                             : describe_statement(&s, &s.statements[s.statement_count - 1]));
        scenario_free(&s);
    }
    tk_row(NULL);
}

static const struct row statements[] = {
    {"at 60s crash a", "60.000000000 CRASH a"},
    {"at 60000ms crash a for 3s", "60.000000000 CRASH a lasts=3 s"},
    {"at 1m crash=a for=3s", "60.000000000 CRASH a lasts=3 s"},
    {"at 0.5s~1.5min crash a", "0.500000000~90.000000000 CRASH a"},
    {"at 5s boot b", "5.000000000 BOOT b"},
    {"at 5s reboot a", "5.000000000 REBOOT a lasts=1 s"},
    {"at 5s reboot a after 250ms", "5.000000000 REBOOT a lasts=250 ms"},
    {"at 5s stop a for 1s", "5.000000000 STOP a lasts=1 s"},
    {"at 5s start a", "5.000000000 START a"},
    {"at 5s kill u", "5.000000000 KILL u"},
    {"at 5s freeze a", "5.000000000 FREEZE a"},
    {"at 5s freeze a all for 2s", "5.000000000 FREEZE a flag lasts=2 s"},
    {"at 5s thaw a", "5.000000000 THAW a"},
    {"at 5s pause a for 2s", "5.000000000 PAUSE a lasts=2 s"},
    {"at 5s pause a for 2s clock stops", "5.000000000 PAUSE a clock=1 lasts=2 s"},
    {"at 5s pause a for 2s clock=jumps queue=lost", "5.000000000 PAUSE a clock=2 flag lasts=2 s"},
    {"at 5s pause a for 2s clock continues queue kept", "5.000000000 PAUSE a lasts=2 s"},
    {"at 5s drift a 50ppm", "5.000000000 DRIFT a number=50000"},
    {"at 5s drift a -3ppm", "5.000000000 DRIFT a number=-3000"},
    {"at 5s clock u +10s", "5.000000000 CLOCK u number=10000000000"},
    {"at 5s clock u -1h", "5.000000000 CLOCK u number=-3600000000000"},
    {"at 5s clock u 1ns", "5.000000000 CLOCK u number=1"},
    {"at 5s jump a 1.5s", "5.000000000 JUMP a number=1500000000"},
    {"at 5s down a", "5.000000000 LINK a"},
    {"at 5s down a@s2 for 1s", "5.000000000 LINK a nic=1 lasts=1 s"},
    {"at 5s up a@s1", "5.000000000 LINK a nic=0 number=1"},
    {"at 5s up x", "5.000000000 LINK x number=1"},
    {"at 5s senderr a enobufs for 1s", "5.000000000 SEND_ERROR a number=-105 lasts=1 s"},
    {"at 5s senderr f off", "5.000000000 SEND_ERROR f"},
    {"at 5s senderr u eperm", "5.000000000 SEND_ERROR u number=-1"},
    {"at 5s claimerr a for 2s", "5.000000000 CLAIM_ERROR a number=-1 lasts=2 s"},
    {"at 5s demote a 10", "5.000000000 DEMOTE a number=10"},
    {"at 5s demote a 255 vhid 2 for 1s", "5.000000000 DEMOTE a vhid=2 number=255 lasts=1 s"},
    {"at 5s demote f -240", "5.000000000 DEMOTE f number=-240"},
    {"at 5s yield f", "5.000000000 YIELD f"},
    {"at 5s yield a vhid=2", "5.000000000 YIELD a vhid=2"},
    {"at 5s remove a vhid 1", "5.000000000 LOSE a vhid=1"},
    {"at 5s reload a vhid 2 skew 5",
     "5.000000000 RELOAD a vhid=2 vhid 2 1/5 ratio 3 key secret vip=10.0.1.254"},
    {"at 5s reload a skew 5 preempt",
     "5.000000000 RELOAD a vhid=1 vhid 1 1/5 ratio 3 key secret vip=10.0.0.254 preempt"},
    {"at 5s reload b skew 5\nat 6s reload b base 2",
     "6.000000000 RELOAD b vhid=1 vhid 1 2/5 ratio 3 key secret vip=10.0.0.254"},
    {"at 5s split {a b} {u f} for 9s", "5.000000000 SPLIT a:1 b:1 u:2 f:2 c:0 x:0 lasts=9 s"},
    {"at 5s split {a,b}{u}", "5.000000000 SPLIT a:1 b:1 u:2 f:0 c:0 x:0"},
    {"at 5s split { a , b } { u } { f x }", "5.000000000 SPLIT a:1 b:1 u:2 f:3 c:0 x:3"},
    {"at 5s split {c} {x} join", "5.000000000 relative after JOIN"},
    {"at 5s join", "5.000000000 JOIN"},
    {"at 5s block a->b", "5.000000000 FAULT a->b blocks"},
    {"at 5s block a<->b adverts for 1s", "5.000000000 FAULT a<->b match=1 blocks lasts=1 s"},
    {"at 5s block *->s1", "5.000000000 FAULT *->s1 blocks"},
    {"at 5s block s1->s2 neighbour", "5.000000000 FAULT s1->s2 match=4 blocks"},
    {"at 5s oneway a->b for 1s", "5.000000000 FAULT flag b->a blocks lasts=1 s"},
    {"at 5s loss a->b 30%", "5.000000000 FAULT a->b loss=300000"},
    {"at 5s loss a->* 0.0001% ipv6", "5.000000000 FAULT a->* match=3 loss=1"},
    {"at 5s loss x->c 100% probes for 9s", "5.000000000 FAULT x->c match=5 loss=1000000 lasts=9 s"},
    {"at 5s burst a->b 1% 30%", "5.000000000 FAULT a->b burst-begin=10000 burst-end=300000"},
    {"at 5s lose a->b 1", "5.000000000 FAULT a->b ordinals=1"},
    {"at 5s lose a->b 1,3,64 adverts",
     "5.000000000 FAULT a->b match=1 ordinals=-9223372036854775803"},
    {"at 5s dup a->b 10%", "5.000000000 FAULT a->b dup=100000 jitter=1 ms"},
    {"at 5s dup a->b 10% lag 2ms", "5.000000000 FAULT a->b dup=100000 jitter=2 ms"},
    {"at 5s reorder a->b 10% lag=2ms", "5.000000000 FAULT a->b reorder=100000 jitter=2 ms"},
    {"at 5s corrupt a->b 10%", "5.000000000 FAULT a->b corrupt=100000"},
    {"at 5s corrupt a->b 10% unseen ipv4", "5.000000000 FAULT a->b match=2 unseen corrupt=100000"},
    {"at 5s delay a->b 5ms", "5.000000000 FAULT a->b delay=5 ms"},
    {"at 5s delay a->b 5ms jitter 2us", "5.000000000 FAULT a->b delay=5 ms jitter=2 us"},
    {"at 5s rate a->b 100", "5.000000000 FAULT a->b rate=100000 queue=65536"},
    {"at 5s rate a->b 100 queue 1500", "5.000000000 FAULT a->b rate=100000 queue=1500"},
    {"at 5s hold a->b", "5.000000000 FAULT a->b holds"},
    {"at 5s release", "5.000000000 RELEASE"},
    {"at 5s heal", "5.000000000 HEAL"},
    {"at 5s oracle flap off", "5.000000000 ORACLE number=3"},
    {"at 5s oracle dual-master on", "5.000000000 ORACLE flag"},
    {"at 5s replay x of a", "5.000000000 DEED x replay of=a every=1 s"},
    {"at 5s replay x of=a every 10us for 3s",
     "5.000000000 DEED x replay of=a every=10 us lasts=3 s"},
    {"at 5s forge x of b base 1 skew 2 demote 3",
     "5.000000000 DEED x forge of=b base=1 skew=2 demote=3"},
    {"at 5s forge x", "5.000000000 DEED x forge"},
    {"at 5s reflect x for 1s", "5.000000000 DEED x reflect lasts=1 s"},
    {"at 5s flood x", "5.000000000 DEED x flood every=1 s"},
    {"at 5s flood x vhid 9 every 1ms", "5.000000000 DEED x flood every=1 ms vhid=9"},
    {"at 5s vrrp x id 7", "5.000000000 DEED x vrrp every=1 s vhid=7"},
    {"at 5s vrrp x id 7 version 3", "5.000000000 DEED x vrrp every=1 s vhid=7 version=3"},
    {"at 5s spoof x 10.0.0.254", "5.000000000 DEED x spoof every=1 s address=10.0.0.254"},
    {"at 5s spoof x fe80::1 every 5s",
     "5.000000000 DEED x spoof every=5 s address=fe800000000000000000000000000001"},
    {"at 5s noise x vhid 1", "5.000000000 DEED x noise every=1 s vhid=1"},
    {"at +5s crash a", "5.000000000 relative CRASH a"},
    {"at 5s crash a\nat +1s boot a", "6.000000000 relative BOOT a"},
    {"at 5s~9s crash a\nat +1s~2s boot a", "6.000000000~11.000000000 relative BOOT a"},
    {"at 5s crash a boot b", "5.000000000 relative after BOOT b"},
    {"at 5s~9s crash a for 1s boot b for 2s",
     "5.000000000~9.000000000 relative after BOOT b lasts=2 s"},
    {"unit ms\nat 5 crash a for 1.5", "0.005000000 CRASH a lasts=1.5 ms"},
    {"unit s\nat 5~7 crash a for 10ms", "5.000000000~7.000000000 CRASH a lasts=10 ms"},
    {"at 5s crash a # boot b", "5.000000000 CRASH a"},
    {"at\t5s   crash \t a\r\n", "5.000000000 CRASH a"},
};

TEST_CASE(scenario, every_statement_is_what_was_meant)
{
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        expect_statement(statements[i].line, statements[i].want);
    }
}

static const struct row nodes[] = {
    {"node n @s1 vhid 7", "n engine @0 cable=10 us mac=020000000007 ipv4=10.128.0.7 [0 vhid 7 1/0 "
                          "ratio 3 key secret vip=10.0.6.254]"},
    {"node n @s2 10.0.0.9 @s1 vhid 7",
     "n engine @1 cable=10 us mac=020000000007 ipv4=10.128.0.7 @0 cable=10 us mac=020100000007 "
     "ipv4=10.0.0.9 [0 vhid 7 1/0 ratio 3 key secret vip=10.0.6.254]"},
    {"node n 10.0.0.9 fe80::9 @s1 delay=3us @s2 delay 0s vhid 7 on s2",
     "n engine @0 cable=3 us mac=020000000007 ipv4=10.0.0.9 ipv6=fe800000000000000000000000000009 "
     "@1 mac=020100000007 ipv4=10.129.0.7 [1 vhid 7 1/0 ratio 3 key secret vip=10.0.6.254]"},
    {"node n @s1 vhid 7 vip 10.0.0.9,10.0.0.8,fe80::5",
     "n engine @0 cable=10 us mac=020000000007 ipv4=10.128.0.7 "
     "ipv6=fe800000000000000000000000000007 [0 vhid 7 1/0 ratio 3 key secret vip=10.0.0.8 "
     "vip=10.0.0.9 vip=fe800000000000000000000000000005]"},
    {"node n @s1 drift -50ppm latency 1ms~3ms tick 4ms phase 1ms queue 9 start 2s vhid 7",
     "n engine @0 cable=10 us mac=020000000007 ipv4=10.128.0.7 start=2 s drift=-50000 "
     "latency-min=1 ms latency-max=3 ms tick=4 ms phase=1 ms queue=9 [0 vhid 7 1/0 ratio 3 key "
     "secret vip=10.0.6.254]"},
    {"node n @s1 latency=2ms off vhid 7",
     "n engine @0 cable=10 us mac=020000000007 ipv4=10.128.0.7 off latency-min=2 ms latency-max=2 "
     "ms [0 vhid 7 1/0 ratio 3 key secret vip=10.0.6.254]"},
    {"node n @s1 wraps-after 5 vhid 7",
     "n engine @0 cable=10 us mac=020000000007 ipv4=10.128.0.7 wraps-after=5 [0 vhid 7 1/0 ratio 3 "
     "key secret vip=10.0.6.254]"},
    {"node n @s1 up 5ms down 7ms seed-of a vhid 7",
     "n engine @0 cable=10 us mac=020000000007 ipv4=10.128.0.7 commands up=5 ms down=7 ms "
     "seed-of=1 [0 vhid 7 1/0 ratio 3 key secret vip=10.0.6.254]"},
    {"node n @s1 vhid 7 base 2 skew 254 ratio 4 preempt key hunter2 dialect openbsd replay enforce "
     "source-mac virtual hold-down 2s preempt-delay 1h broadcast",
     "n engine @0 cable=10 us mac=020000000007 ipv4=10.128.0.7 [0 vhid 7 2/254 ratio 4 key hunter2 "
     "vip=10.0.6.254 preempt broadcast dialect=1 replay=1 source-mac=1 hold-down=2 s "
     "preempt-delay=3600 s]"},
    {"node n @s1 vhid=7 base=0 skew=1 ratio=255 preempt=on replay=off dialect=advskew "
     "source-mac=interface",
     "n engine @0 cable=10 us mac=020000000007 ipv4=10.128.0.7 [0 vhid 7 0/1 ratio 255 key secret "
     "vip=10.0.6.254 preempt replay=2]"},
    {"node n @s1 vhid 7 preempt preempt off",
     "n engine @0 cable=10 us mac=020000000007 ipv4=10.128.0.7 [0 vhid 7 1/0 ratio 3 key secret "
     "vip=10.0.6.254]"},
    {"node n @s1 vhid 7 preempt off off",
     "n engine @0 cable=10 us mac=020000000007 ipv4=10.128.0.7 off [0 vhid 7 1/0 ratio 3 key "
     "secret vip=10.0.6.254]"},
    {"group 7 skew 9 key k preempt\nnode n @s1 vhid 7 skew 8",
     "n engine @0 cable=10 us mac=020000000007 ipv4=10.128.0.7 [0 vhid 7 1/8 ratio 3 key k "
     "vip=10.0.6.254 preempt]"},
    {"group 7 skew 9\ngroup 7 base 2\nnode n @s1 vhid 7",
     "n engine @0 cable=10 us mac=020000000007 ipv4=10.128.0.7 [0 vhid 7 2/9 ratio 3 key secret "
     "vip=10.0.6.254]"},
    {"node n @s1 profile=ucarp vhid 7 skew 255",
     "n ucarp @0 cable=10 us mac=020000000007 ipv4=10.128.0.7 (ucarp tick=10 ms extra=1 read=1 s) "
     "[0 vhid 7 1/255 ratio 3 key secret vip=10.0.6.254]"},
    {"node n @s1 profile ucarp read 500ms shutdown neutral up 1s down 2s phase 3ms vhid 7",
     "n ucarp @0 cable=10 us mac=020000000007 ipv4=10.128.0.7 phase=3 ms commands up=1 s down=2 s "
     "(ucarp tick=10 ms tick-phase=3 ms extra=1 read=500 ms read-phase=3 ms up=1 s down=2 s "
     "shutdown neutral) [0 vhid 7 1/0 ratio 3 key secret vip=10.0.6.254]"},
    {"node n @s1 profile=freebsd tick 1ms vhid 7",
     "n freebsd @0 cable=10 us mac=020000000007 ipv4=10.128.0.7 tick=1 ms (freebsd tick=1 ms "
     "extra=2 read=1 s) [0 vhid 7 1/0 ratio 3 key secret vip=10.0.6.254]"},
    {"node n @s1 profile=netbsd extra-ticks 0 vhid 7",
     "n netbsd @0 cable=10 us mac=020000000007 ipv4=10.128.0.7 (netbsd tick=10 ms read=1 s) [0 "
     "vhid 7 1/0 ratio 3 key secret vip=10.0.6.254]"},
    {"node n @s1 profile=openbsd vhid 7 base 0",
     "n openbsd @0 cable=10 us mac=020000000007 ipv4=10.128.0.7 (openbsd tick=10 ms extra=1 read=1 "
     "s) [0 vhid 7 0/0 ratio 3 key secret vip=10.0.6.254]"},
    {"nodes n 3 10.0.0.254 @s1 fe80::fe @s2 vhid 7",
     "n3 engine @0 cable=10 us mac=020000000009 ipv4=10.0.1.0 @1 cable=10 us mac=020100000009 "
     "ipv4=10.129.0.9 ipv6=fe800000000000000000000000000100 [0 vhid 7 1/0 ratio 3 key secret "
     "vip=10.0.6.254]"},
    {"nodes n 2 @s2 10.0.0.9 @s1 vhid 7",
     "n2 engine @1 cable=10 us mac=020000000008 ipv4=10.128.0.8 @0 cable=10 us mac=020100000008 "
     "ipv4=10.0.0.10 [0 vhid 7 1/0 ratio 3 key secret vip=10.0.6.254]"},
    {"client d @s1 probe 10.0.0.1", "d client @0 cable=10 us mac=020000000007 ipv4=10.128.0.7 "
                                    "probe=10.0.0.1 every=100 ms cache=300 s"},
    {"client d 10.0.0.7 @s1 probe=fe80::1 every=1ms cache=5s announcements=ignored",
     "d client @0 cable=10 us mac=020000000007 ipv4=10.0.0.7 ipv6=fe800000000000000000000000000007 "
     "probe=fe800000000000000000000000000001 every=1 ms cache=5 s deaf"},
    {"stranger y 10.0.0.7 @s2", "y stranger @1 cable=10 us mac=020000000007 ipv4=10.0.0.7"},
};

TEST_CASE(scenario, every_option_of_a_node_is_what_was_meant)
{
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        struct scenario s;
        tk_row(nodes[i].line);
        if (read_after(&s, above, nodes[i].line)) {
            EXPECT_STR(nodes[i].want, describe_node(&s.nodes[s.node_count - 1]));
            scenario_free(&s);
        }
        tk_row(NULL);
    }
}

static const struct row expectations[] = {
    {"expect master a", "at the end master of a"},
    {"expect 5s master a", "5.000000000 master of a"},
    {"expect=5s master=a", "5.000000000 master of a"},
    {"expect 5s~9s master a vhid 2", "5.000000000~9.000000000 window master of a vhid=2"},
    {"expect 5s master a within 2s", "5.000000000 master of a within 2 s"},
    {"expect 5s master a within bound", "5.000000000 master of a within bound + 0 ns"},
    {"expect 5s master a within bound+200ms", "5.000000000 master of a within bound + 200 ms"},
    {"expect 9s backup b", "9.000000000 backup of b"},
    {"expect 5s masters == 1", "5.000000000 metric masters == 1"},
    {"expect 5s~9s masters>=1 vhid 2", "5.000000000~9.000000000 window metric vhid=2 masters >= 1"},
    {"expect always masters <= 1", "0.000000000~600.000000000 window metric masters <= 1"},
    {"expect always backup b", "0.000000000~600.000000000 window backup of b"},
    {"expect always downtime c <= bound+200ms",
     "at the end metric of c downtime <= bound + 200 ms"},
    {"expect downtime c < 5s", "at the end metric of c downtime < 5 s"},
    {"expect c.downtime<5s", "at the end metric of c downtime < 5 s"},
    {"expect c.by == a", "at the end metric of c by == 0"},
    {"expect c.by!=u", "at the end metric of c by != 2"},
    {"expect c.lost == 0", "at the end metric of c lost == 0"},
    {"expect c.sent>1", "at the end metric of c sent > 1"},
    {"expect c.moves == 0", "at the end metric of c moves == 0"},
    {"expect s1.moves < 4", "at the end metric of s1 moves < 4"},
    {"expect a.transitions == 2", "at the end metric of a transitions == 2"},
    {"expect 9s a.master-time >= 3s", "9.000000000 metric of a master-time >= 3 s"},
    {"expect f.takeovers == 1", "at the end metric of f takeovers == 1"},
    {"expect a.replayed == 0", "at the end metric of a (verdict) index=17 == 0"},
    {"expect a.preempt == 1", "at the end metric of a (rule) index=7 == 1"},
    {"expect a.equal-timers == 1", "at the end metric of a (notice) == 1"},
    {"expect f.badauth == 0", "at the end metric of f (fate) index=10 == 0"},
    {"expect u.lost == 0", "at the end metric of u (fate) index=11 == 0"},
    {"expect a.overflow > 3", "at the end metric of a (drop) index=15 > 3"},
    {"expect x.filtered >= 0", "at the end metric of x (drop) index=11 >= 0"},
    {"expect vhid2.dark-longest <= 5s", "at the end metric vhid=2 dark-longest <= 5 s"},
    {"expect vhid1.dual <= bound", "at the end metric dual <= bound + 0 ns"},
    {"expect vhid1.masters-max == 1", "at the end metric masters-max == 1"},
    {"expect vhid1.dual-times == 0", "at the end metric dual-times == 0"},
    {"expect violation flap", "at the end violation flap"},
    {"never masters > 1", "at the end metric dual-longest <= 0 ns"},
    {"never masters > 1 for > bound", "at the end metric dual-longest <= bound + 0 ns"},
    {"never masters < 1 vhid 2 for > 5s", "at the end metric vhid=2 dark-longest <= 5 s"},
    {"never masters > 1 for > 5s vhid 2", "at the end metric vhid=2 dual-longest <= 5 s"},
    {"sometimes state a MASTER", "at the end sometimes of a state state=2"},
    {"sometimes rule silence", "at the end sometimes rule index=5"},
    {"sometimes verdict replayed", "at the end sometimes verdict index=17"},
    {"sometimes drop overflow", "at the end sometimes drop index=15"},
    {"sometimes dual-healed", "at the end sometimes healed"},
    {"sometimes demote-crossed", "at the end sometimes crossed"},
};

TEST_CASE(scenario, every_expectation_is_what_was_meant)
{
    for (size_t i = 0; i < sizeof expectations / sizeof *expectations; i++) {
        struct scenario s;
        tk_row(expectations[i].line);
        if (read_after(&s, above, expectations[i].line)) {
            EXPECT_STR(expectations[i].want,
                       s.expectation_count == 0
                           ? "(none)"
                           : describe_expectation(&s, &s.expectations[s.expectation_count - 1]));
            scenario_free(&s);
        }
        tk_row(NULL);
    }
}

/* --- lines, settings, networks ------------------------------------------------------------------
 */

static void expect_same(const char *one, const char *other)
{
    struct scenario s;
    char first[sizeof text];
    tk_row(other);
    if (read_after(&s, above, one)) {
        snprintf(first, sizeof first, "%s", describe_statement(&s, &s.statements[0]));
        scenario_free(&s);
        if (read_after(&s, above, other)) {
            EXPECT_U64(1, s.statement_count);
            EXPECT_STR(first, describe_statement(&s, &s.statements[0]));
            scenario_free(&s);
        }
    }
    tk_row(NULL);
}

TEST_CASE(scenario, space_comments_line_ends_and_equals_signs_do_not_matter)
{
    static const char plain[] = "at 5s loss a->b 30% adverts for 2s\n";
    static const char *const others[] = {
        "at 5s loss a->b 30% adverts for 2s",
        "at 5s loss a->b 30% adverts for 2s\r\n",
        "at 5s loss a->b 30% adverts for 2s\r",
        "\n\n\t\n# at 1s heal\nat 5s loss a->b 30% adverts for 2s # at 9s heal",
        "  at\t5s  loss   a->b\t30%  adverts  for 2s  \n   \n",
        "at=5s loss=a->b=30% adverts for=2s",
        "at = 5s loss = a->b = 30% adverts for = 2s",
        "at 5s loss a->b 30% adverts for 2s#",
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        expect_same(plain, others[i]);
    }
}

TEST_CASE(scenario, has_one_run_of_seed_1_unless_it_says_more)
{
    struct scenario s;
    if (read_after(&s, above, "")) {
        EXPECT_U64(1, s.seed);
        EXPECT_U64(1, s.runs);
        EXPECT_U64(UINT64_C(600000000000), s.horizon.ns);
        EXPECT_TRUE(!s.campaign.given);
        scenario_free(&s);
    }
    if (read_after(&s, above, "seed=4611686018427387903 runs=1000000 unit=us horizon=1500\n")) {
        EXPECT_U64(UINT64_C(4611686018427387903), s.seed);
        EXPECT_U64(1000000, s.runs);
        EXPECT_U64(1500000, s.horizon.ns);
        scenario_free(&s);
    }
}

TEST_CASE(scenario, every_unit_of_time_is_what_it_says)
{
    static const struct {
        const char *line;
        uint64_t ns;
    } rows[] = {
        {"horizon 7ns", 7},
        {"horizon 7us", 7000},
        {"horizon 7ms", 7000000},
        {"horizon 7s", UINT64_C(7000000000)},
        {"horizon 7m", UINT64_C(420000000000)},
        {"horizon 7min", UINT64_C(420000000000)},
        {"horizon 7h", UINT64_C(25200000000000)},
        {"horizon 7d", UINT64_C(604800000000000)},
        {"horizon 100y", UINT64_C(3155760000000000000)},
        {"horizon 1.000000001s", 1000000001},
        {"horizon 0.25ms", 250000},
        {"horizon 00001.50000000000000s", 1500000000},
        {"unit ns horizon 7", 7},
        {"unit us horizon 7", 7000},
        {"unit ms horizon 7", 7000000},
        {"unit s horizon 7", UINT64_C(7000000000)},
        {"unit ms horizon 7s", UINT64_C(7000000000)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scenario s;
        tk_row(rows[i].line);
        if (read_after(&s, above, rows[i].line)) {
            EXPECT_U64(rows[i].ns, s.horizon.ns);
            scenario_free(&s);
        }
    }
    tk_row(NULL);
}

TEST_CASE(scenario, a_switch_has_the_options_it_was_given)
{
    struct scenario s;
    ASSERT_TRUE(read_after(&s, above,
                           "switch t\n"
                           "switch v age 5s capacity=9 igmp snoop querier=on reflect on stp 30s\n"
                           "switch w igmp=drop querier off reflect off stp=off\n"
                           "link s2 t\nlink t v delay 5ms\n"));
    const struct scenario_switch *t = &s.switches[2], *v = &s.switches[3], *w = &s.switches[4];
    EXPECT_U64(5, s.switch_count);
    EXPECT_STR("t", t->name);
    EXPECT_U64(UINT64_C(300000000000), t->ageing.ns);
    EXPECT_TRUE(t->capacity == 0 && t->snooping == SNOOP_OFF && !t->querier && !t->reflects);
    EXPECT_U64(0, t->port_delay.ns);
    EXPECT_U64(UINT64_C(5000000000), v->ageing.ns);
    EXPECT_U64(9, v->capacity);
    EXPECT_TRUE(v->snooping == SNOOP_MEMBERS && v->querier && v->reflects);
    EXPECT_U64(UINT64_C(30000000000), v->port_delay.ns);
    EXPECT_TRUE(w->snooping == SNOOP_DROP && !w->querier && !w->reflects);
    EXPECT_U64(0, w->port_delay.ns);
    EXPECT_U64(3, s.link_count);
    EXPECT_TRUE(s.links[1].a == 1 && s.links[1].b == 2 && s.links[1].delay.ns == 10000);
    EXPECT_TRUE(s.links[2].a == 2 && s.links[2].b == 3 && s.links[2].delay.ns == 5000000);
    scenario_free(&s);
}

TEST_CASE(scenario, a_campaign_is_as_long_as_its_phases)
{
    struct scenario s;
    ASSERT_TRUE(read_after(&s, "switch s1\nnode a @s1 vhid 1\n",
                           "swarm loss pause\nswarm=senderr\n"
                           "campaign chaos 1m freeze=2m heal 3m calm=4m faults 7\n"));
    for (unsigned i = 0; i < SWARM_COUNT; i++) {
        EXPECT_INT(i == SWARM_LOSS || i == SWARM_PAUSE || i == SWARM_SENDERR, s.swarm[i]);
    }
    EXPECT_TRUE(s.campaign.given);
    EXPECT_U64(7, s.campaign.faults);
    EXPECT_U64(UINT64_C(60000000000), s.campaign.chaos.ns);
    EXPECT_U64(UINT64_C(120000000000), s.campaign.freeze.ns);
    EXPECT_U64(UINT64_C(180000000000), s.campaign.heal.ns);
    EXPECT_U64(UINT64_C(240000000000), s.campaign.calm.ns);
    EXPECT_U64(UINT64_C(600000000000), s.horizon.ns);
    scenario_free(&s);
}

/* Which groups, and on which interface, is the loader's to say; where the file is, the reader's. */
static int load_one(void *self, const char *path, struct scenario_node *node,
                    char error[SCENARIO_ERROR_MAX])
{
    snprintf(self, 64, "%s", path);
    snprintf(error, SCENARIO_ERROR_MAX, "%s: no node is called %s", path, node->name);
    return -1;
}

TEST_CASE(scenario, looks_for_configurations_beside_itself)
{
    static const struct {
        const char *name, *line, *path;
    } rows[] = {
        {"t.scn", "config=a.yaml", "a.yaml"},
        {"x/y/t.scn", "config=a.yaml", "x/y/a.yaml"},
        {"/x/t.scn", "config=d/a.yaml", "/x/d/a.yaml"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[64] = "", all[128], error[SCENARIO_ERROR_MAX], want[SCENARIO_ERROR_MAX];
        const struct scenario_loader loader = {path, load_one};
        struct scenario s;
        snprintf(all, sizeof all, "switch s1\nnode n @s1 %s", rows[i].line);
        snprintf(want, sizeof want, "%s:2:19: config: %s: no node is called n", rows[i].name,
                 rows[i].path);
        EXPECT_TRUE(!scenario_read(&s, rows[i].name, all, &loader, error));
        EXPECT_STR(rows[i].path, path);
        EXPECT_STR(want, error);
    }
}

/* The nodes below a split are on none of its sides: the array has no room for them. */
TEST_CASE(scenario, a_split_knows_the_nodes_above_it)
{
    struct scenario s;
    ASSERT_TRUE(read_after(&s, above, "at 5s split {a} {b}\nnode late @s1 vhid 1\n"));
    EXPECT_U64(6, s.statements[0].side_count);
    EXPECT_U64(7, s.node_count);
    scenario_free(&s);
}
