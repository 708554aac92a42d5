/*
 * The simulator, with the bytes as the source of its every choice: which scenario, which faults,
 * whom they strike, when and for how long, which frame is lost or late. The scenarios are
 * campaigns, in which no choices whatever may lead to what an oracle forbids.
 *
 * The first byte is the scenario. Then come choices of two bytes: CHOICES_A_FAULT in a row for each
 * fault in turn, so that what belongs to one fault lies together, and behind them those that all
 * others share, found by a hash of what is asked. What is missing is the plain outcome.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "sim/oracle.h"
#include "sim/run.h"

enum { FAULTS = 6, CHOICES_A_FAULT = 20, EVENTS_MAX = 20000 };

/* A short chaos, and so much time after it that all that is promised can come true: for a pair that
 * preempts; for equals and one too slow on two switches; over two families in OpenBSD's dialect;
 * and for clocks that are set, where nobody looks for replay (sim/scenarios/campaign_clock.scn). In
 * each, at some instant, one is told to step down, one is demoted, and an address is removed. */
#define EVERY_FAULT                                                                                \
    "swarm loss burst dup reorder corrupt delay block split crash kill freeze pause flap drift "   \
    "senderr\n"
#define DEEDS                                                                                      \
    "at 2s~15s yield a\n"                                                                          \
    "at 2s~15s demote b 20\n"                                                                      \
    "at 2s~15s remove a\n"                                                                         \
    "campaign chaos 15s freeze 15s heal 20s calm 25s faults 6\n"
static const char *const texts[] = {
    "seed 1 runs 1\n"
    "group 1 vip 10.0.0.254 preempt\n"
    "switch s1\n"
    "node a 10.0.0.1 @s1 vhid 1 skew 0 up 5ms down 5ms\n"
    "node b 10.0.0.2 @s1 vhid 1 skew 100 latency 0ms~2ms queue 16\n" EVERY_FAULT DEEDS
    "expect 70s~75s masters == 1\n"
    "expect 70s~75s master a\n",

    "seed 1 runs 1\n"
    "group 1 vip 10.0.0.254\n"
    "switch s1\n"
    "switch s2\n"
    "link s1 s2 delay 50us\n"
    "node a 10.0.0.1 @s1 vhid 1 skew 10\n"
    "node b 10.0.0.2 @s1 vhid 1 skew 10 latency 0ms~2ms\n"
    "node d 10.0.0.3 @s2 vhid 1 base 5\n" EVERY_FAULT DEEDS "expect 70s~75s masters == 1\n",

    "seed 1 runs 1\n"
    "group 1 vip 10.0.0.254,2001:db8::254 preempt dialect openbsd\n"
    "switch s1\n"
    "node a 10.0.0.1 @s1 vhid 1 skew 0\n"
    "node b 10.0.0.2 @s1 vhid 1 skew 0\n"
    "node d 10.0.0.3 @s1 vhid 1 skew 50\n" EVERY_FAULT DEEDS "expect 70s~75s masters == 1\n",

    "seed 1 runs 1\n"
    "group 1 vip 10.0.0.254 preempt replay=off\n"
    "switch s1\n"
    "node a 10.0.0.1 @s1 vhid 1 skew 0\n"
    "node b 10.0.0.2 @s1 vhid 1 skew 100\n"
    "swarm loss delay crash kill freeze pause flap clockstep drift\n" DEEDS
    "expect 70s~75s masters == 1\n"
    "expect 70s~75s master a\n",
};
enum { SCENARIOS = sizeof texts / sizeof texts[0] };

static int refuse_to_load(void *self, const char *path, struct scenario_node *node,
                          char error[SCENARIO_ERROR_MAX])
{
    (void)self, (void)path, (void)node, (void)error;
    return -1;
}

/* Read once: it is the same for every input. */
static const struct scenario *scenario_of(unsigned index)
{
    static struct scenario scenarios[SCENARIOS];
    static bool is_read[SCENARIOS];
    const struct scenario_loader loader = {.load = refuse_to_load};
    char error[SCENARIO_ERROR_MAX];
    if (!is_read[index]) {
        is_read[index] = scenario_read(&scenarios[index], "fuzz.scn", texts[index], &loader, error);
        assert(is_read[index]);
        assert(scenarios[index].campaign.faults == FAULTS);
    }
    return &scenarios[index];
}

/* --- choices ------------------------------------------------------------------------------------
 */

struct choices {
    const uint8_t *bytes;
    size_t count;
};

static uint64_t choose_by_bytes(void *self, const struct decision_key *key, uint64_t choices)
{
    const struct choices *c = self;
    size_t at = (size_t)key->who * CHOICES_A_FAULT + (size_t)key->which;
    size_t faults = (FAULTS + 1) * CHOICES_A_FAULT; /* the last is who survives the freeze */
    if (key->what != DECIDE_FAULT) {
        if (c->count <= faults) {
            return 0;
        }
        uint64_t hash = decide_mix((uint64_t)key->what << 32 | key->who, key->which);
        at = faults + (size_t)(hash % (c->count - faults));
    }
    if (at >= c->count) {
        return 0;
    }
    uint64_t drawn = wire_u16(c->bytes + 2 * at);
    /* Of few choices or of many, each in turn; of all numbers one that is far from the next. */
    return choices == 0 ? decide_mix(drawn, 0) : drawn * choices >> 16;
}

/* --- what the protocol did ----------------------------------------------------------------------
 */

/* Where the world is, for libFuzzer: the role of each node, whether it lives, whose timer is next,
 * and the last decision. */
static void on_step(void *self, carp_instant at, const struct node *node, unsigned group,
                    const struct carp_event *event, const struct carp_outcome *out)
{
    const struct world *w = self;
    uint64_t hash = (uint64_t)out->rule << 8 | out->verdict, masters = 0;
    (void)at, (void)group, (void)event;
    hash = decide_mix(hash, node->index);
    for (size_t i = 0; i < w->node_count; i++) {
        const struct node *n = &w->nodes[i];
        enum carp_state state = oracle_member(w, n->index, 0)->state;
        uint64_t earlier = 0;
        for (size_t k = 0; k < w->node_count; k++) {
            earlier += instant_before(w->nodes[k].armed, n->armed);
        }
        bool runs = n->alive && !n->frozen && !n->paused;
        hash = decide_mix(hash, earlier << 8 | (uint64_t)state << 1 | runs);
        masters += state == CARP_MASTER && runs;
    }
    fuzz_feature(decide_mix(hash, masters > 1));
    fuzz_verdict(out->verdict);
}

/* --- what must not be ---------------------------------------------------------------------------
 */

/* Says what is wrong, and with what `carplab sim fuzz.scn --tape fuzz.tape` shows it. */
static void give_up(const struct run *r, unsigned index, const char *what)
{
    char *tape = tape_write(r->decisions.record);
    fprintf(stderr, "%s\n--- fuzz.scn\n%s--- fuzz.tape\n%s---\n", what, texts[index], tape);
    abort();
}

struct watched {
    struct run run;
    unsigned scenario;
};

static void on_violation(void *self, const struct violation *violation)
{
    const struct watched *w = self;
    give_up(&w->run, w->scenario, violation->text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct watched w;
    struct tape tape = {0};
    if (size == 0) {
        return 0;
    }
    struct choices choices = {.bytes = bytes + 1, .count = (size - 1) / 2};
    const struct decisions decisions = {.self = &choices, .choose = choose_by_bytes};
    const struct run_options options = {
        .decisions = &decisions, .record = &tape, .watcher = {&w, NULL, on_violation}};
    w.scenario = bytes[0] % SCENARIOS;
    int made = run_make(&w.run, scenario_of(w.scenario), &options);
    assert(made == 0);
    w.run.world.tap = (struct world_tap){.self = &w.run.world, .stepped = on_step};
    w.run.events_max = EVENTS_MAX;
    if (!run_go(&w.run) && !w.run.out_of_events) {
        give_up(&w.run, w.scenario, w.run.failures[0].text);
    }
    run_free(&w.run);
    tape_free(&tape);
    return 0;
}
