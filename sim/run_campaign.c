/*
 * A campaign: chaos (faults at random, safety alone is asked for), freeze (a core of nodes that
 * hear each other is left in peace, everything else stays broken for good: the core must live),
 * heal (everything is mended), calm (nothing happens, and nothing may change). And all of it again,
 * as many rounds as are wanted; a round is put into the queue when the one before it is calm, so
 * that ten years take no more memory than an hour.
 */
#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "sim/run_internal.h"
#include "sim/trace_text.h"

enum phase { PHASE_CHAOS, PHASE_FREEZE, PHASE_HEAL, PHASE_CALM };

/* Faults of a campaign are no statements; they are told apart by causes above those of lines. */
enum { CAUSE_FIRST = 1 << 24, DECISIONS_A_FAULT = 16 };

static uint64_t draw(struct run *r, uint32_t fault, unsigned which, uint64_t choices)
{
    return decide(&r->decisions, DECIDE_FAULT, fault, which, choices);
}

static bool is_swarm_on(struct run *r, uint32_t round, enum swarm_kind kind)
{
    /* Which kinds there are at all differs from round to round: a fault that is never mixed with
     * another finds what both together hide. In a campaign with one kind it is always on. */
    unsigned given = 0;
    for (unsigned i = 0; i < SWARM_COUNT; i++) {
        given += r->scenario->swarm[i];
    }
    return r->scenario->swarm[kind] &&
           (given == 1 || decide(&r->decisions, DECIDE_SWARM, (uint32_t)kind, round, 3) != 0);
}

static uint32_t pick_machine(struct run *r, uint32_t fault, unsigned which)
{
    const struct scenario *s = r->scenario;
    uint32_t machines[64];
    unsigned count = 0;
    for (uint32_t i = 0; i < s->node_count && count < 64; i++) {
        if (s->nodes[i].profile <= PROFILE_OPENBSD) {
            machines[count++] = i;
        }
    }
    assert(count > 0); /* check_campaign() sees to that */
    return machines[draw(r, fault, which, count)];
}

/* What one fault is; every choice is keyed by the fault's number. */
static struct statement make_fault(struct run *r, uint32_t fault, enum swarm_kind kind)
{
    struct statement st = {.node = pick_machine(r, fault, 1), .nic = UINT_MAX, .kind = DO_FAULT};
    uint32_t other = pick_machine(r, fault, 2);
    /* From 10 ms to 10 s, as often short as long. */
    uint64_t scale = UINT64_C(10000000) << draw(r, fault, 3, 10);
    st.lasts.ns = scale + draw(r, fault, 4, scale);
    st.fault.origin = NONE;
    st.pair = (struct pair){st.node, other == st.node ? NONE : other, false, false, false};
    uint32_t ppm = (uint32_t)(10000 * (1 + draw(r, fault, 5, 100)));
    switch (kind) {
    case SWARM_LOSS:
        st.fault.loss_ppm = ppm;
        break;
    case SWARM_BURST:
        st.fault.burst_begin_ppm = ppm / 4;
        st.fault.burst_end_ppm = 300000;
        break;
    case SWARM_DUP:
        st.fault.duplicate_ppm = ppm;
        st.fault.jitter = CARP_MILLISECONDS(20);
        break;
    case SWARM_REORDER:
        st.fault.reorder_ppm = ppm;
        st.fault.jitter = CARP_MILLISECONDS(1500);
        break;
    case SWARM_CORRUPT:
        st.fault.corrupt_ppm = ppm;
        st.fault.unseen = draw(r, fault, 6, 2) == 1;
        break;
    case SWARM_DELAY:
        st.fault.delay.ns = 1000000 * draw(r, fault, 6, 200);
        st.fault.jitter.ns = 1000000 * draw(r, fault, 7, 100);
        break;
    case SWARM_BLOCK:
        st.fault.blocks = true;
        break;
    case SWARM_SPLIT:
        st.kind = DO_SPLIT;
        break;
    case SWARM_CRASH:
        st.kind = DO_CRASH;
        break;
    case SWARM_KILL:
        st.kind = r->scenario->nodes[st.node].profile == PROFILE_ENGINE ? DO_KILL : DO_CRASH;
        break;
    case SWARM_FREEZE: /* a kernel cannot be: all of its machine is */
        st.kind = r->scenario->nodes[st.node].profile <= PROFILE_UCARP ? DO_FREEZE : DO_PAUSE;
        break;
    case SWARM_PAUSE:
        st.kind = DO_PAUSE;
        st.clock = (enum pause_clock)draw(r, fault, 6, 3);
        st.flag = draw(r, fault, 7, 2) == 1;
        break;
    case SWARM_FLAP:
        st.kind = DO_LINK;
        break;
    case SWARM_CLOCKSTEP:
        st.kind = DO_CLOCK;
        st.number = (int64_t)draw(r, fault, 6, UINT64_C(120000000000)) - INT64_C(60000000000);
        break;
    case SWARM_DRIFT:
        st.kind = DO_DRIFT;
        st.number = (int64_t)draw(r, fault, 6, 400001) - 200000;
        break;
    case SWARM_SENDERR:
        st.kind = DO_SEND_ERROR;
        st.number = -105; /* ENOBUFS, the same number everywhere */
        break;
    case SWARM_COUNT:
        break;
    }
    return st;
}

/* A split puts each node on one of two sides. */
static void apply_split(struct run *r, uint32_t fault)
{
    uint8_t sides[SCENARIO_NODES_MAX];
    struct statement st = {.kind = DO_SPLIT, .sides = sides, .side_count = r->scenario->node_count};
    for (size_t i = 0; i < r->scenario->node_count; i++) {
        sides[i] = (uint8_t)(1 + draw(r, fault, DECISIONS_A_FAULT + (unsigned)i, 2));
    }
    run_apply(r, &st, CAUSE_FIRST + fault);
}

static bool kind_of(struct run *r, uint32_t fault, enum swarm_kind *kind)
{
    enum swarm_kind on[SWARM_COUNT];
    unsigned count = 0;
    for (unsigned i = 0; i < SWARM_COUNT; i++) {
        if (is_swarm_on(r, fault / r->scenario->campaign.faults, (enum swarm_kind)i)) {
            on[count++] = (enum swarm_kind)i;
        }
    }
    if (count > 0) {
        *kind = on[draw(r, fault, 0, count)];
    }
    return count > 0;
}

static carp_instant round_begin(const struct campaign *c, uint32_t round)
{
    return (carp_instant){(c->chaos.ns + c->freeze.ns + c->heal.ns + c->calm.ns) * round};
}

static carp_instant phase_end(const struct campaign *c, uint32_t round, enum phase phase)
{
    const carp_duration lengths[] = {c->chaos, c->freeze, c->heal, c->calm};
    carp_instant end = round_begin(c, round);
    for (unsigned i = 0; i <= phase; i++) {
        end = instant_add(end, lengths[i]);
    }
    return end;
}

/* The faults of all rounds are numbered throughout. */
static void schedule_round(struct run *r, uint32_t round)
{
    const struct campaign *c = &r->scenario->campaign;
    carp_instant begin = round_begin(c, round);
    for (uint32_t i = c->faults * round; i < c->faults * (round + 1); i++) {
        carp_instant at = instant_add(begin, (carp_duration){draw(r, i, 15, c->chaos.ns + 1)});
        world_at(&r->world, at, QUEUE_SCRIPT, RUN_CAMPAIGN_FAULT, i, 0);
    }
    world_at(&r->world, begin, QUEUE_SCRIPT, RUN_CAMPAIGN, PHASE_CHAOS, round);
    for (unsigned i = PHASE_CHAOS; i < PHASE_CALM; i++) {
        world_at(&r->world, phase_end(c, round, (enum phase)i), QUEUE_SCRIPT, RUN_CAMPAIGN, i + 1,
                 round);
    }
}

void run_schedule_campaign(struct run *r)
{
    if (r->scenario->campaign.given) {
        schedule_round(r, 0);
    }
}

/* Everybody runs, as far as it was meant to, and nothing stands between them. */
static void mend_machine(struct run *r, uint32_t index)
{
    struct world *w = &r->world;
    struct node *node = &w->nodes[index];
    node_resume(w, node, (carp_duration){0}, PAUSE_CONTINUES);
    node_boot(w, node);
    node_start(w, node);
    node_thaw(w, node);
    if (node->kind == NODE_DAEMON) {
        daemon_of(node)->machine.send_error = 0;
    } else if (node->kind == NODE_PEER) {
        peer_of(node)->send_error = 0;
    }
}

/* The core: at least one machine, and every client. Who is not in it is gone for good. */
static void freeze(struct run *r, uint32_t round)
{
    const struct scenario *s = r->scenario;
    uint32_t about = s->campaign.faults * s->campaign.rounds + round; /* a number of no fault */
    uint32_t chosen = pick_machine(r, about, 1);
    run_heal(r);
    for (uint32_t i = 0; i < s->node_count; i++) {
        bool machine = s->nodes[i].profile <= PROFILE_OPENBSD;
        bool in_core = !machine || i == chosen || draw(r, about, DECISIONS_A_FAULT + i, 2) == 1;
        if (in_core) {
            mend_machine(r, i);
        } else {
            node_crash(&r->world, &r->world.nodes[i]);
        }
    }
}

static void tell(struct run *r, bool ends, const char *text)
{
    if (r->watcher.statement != NULL) {
        r->watcher.statement(r->watcher.self, r->world.now, 0, ends, text);
    }
}

static void tell_fault(struct run *r, enum swarm_kind kind, const struct statement *st, bool ends)
{
    const struct scenario *s = r->scenario;
    char text[128], lasts[32];
    bool way = st->kind == DO_FAULT;
    snprintf(text, sizeof text, "%s %s%s%s for %s", swarm_word(kind),
             st->kind == DO_SPLIT ? "" : s->nodes[st->node].name, way ? "->" : "",
             !way                  ? ""
             : st->pair.to == NONE ? "*"
                                   : s->nodes[st->pair.to].name,
             trace_duration(st->lasts, lasts));
    tell(r, ends, text);
}

static void begin_phase(struct run *r, uint32_t round, enum phase phase)
{
    static const char *const words[] = {"chaos", "freeze", "heal", "calm"};
    struct oracle *o = r->world.oracle;
    trace_note(&r->world.trace, r->world.now, TRACE_STATEMENT, 0, phase, 0, 0);
    tell(r, false, words[phase]);
    switch (phase) {
    case PHASE_CHAOS:
        o->liveness = false;
        break;
    case PHASE_FREEZE:
        freeze(r, round);
        o->liveness = true;
        break;
    case PHASE_HEAL:
        run_heal(r);
        for (uint32_t i = 0; i < r->scenario->node_count; i++) {
            mend_machine(r, i);
        }
        break;
    case PHASE_CALM:
        if (round + 1 < r->scenario->campaign.rounds) {
            schedule_round(r, round + 1);
        }
        break;
    }
    /* The calm is no disturbance: what was promised for it counts from the mending. */
    if (phase != PHASE_CALM) {
        oracle_disturbed(&r->world);
    }
    if (phase != PHASE_CHAOS) {
        run_note_bounds(r);
    }
}

void run_campaign_event(struct run *r, const struct queue_event *event)
{
    enum swarm_kind kind;
    if (event->what == RUN_CAMPAIGN) {
        begin_phase(r, (uint32_t)event->which, (enum phase)event->who);
        return;
    }
    /* What is left of the chaos when the freeze begins was mended there. */
    const struct campaign *c = &r->scenario->campaign;
    if (!instant_before(r->world.now, phase_end(c, event->who / c->faults, PHASE_CHAOS)) ||
        !kind_of(r, event->who, &kind)) {
        return;
    }
    struct statement st = make_fault(r, event->who, kind);
    uint32_t cause = CAUSE_FIRST + event->who;
    trace_note(&r->world.trace, r->world.now, TRACE_STATEMENT, 0, 16 + (uint64_t)kind, event->who,
               event->what == RUN_CAMPAIGN_MEND);
    tell_fault(r, kind, &st, event->what == RUN_CAMPAIGN_MEND);
    oracle_disturbed(&r->world);
    if (event->what == RUN_CAMPAIGN_MEND) {
        run_lift(r, &st, cause);
        return;
    }
    if (st.kind == DO_SPLIT) {
        apply_split(r, event->who);
    } else {
        run_apply(r, &st, cause);
    }
    world_at(&r->world, instant_add(r->world.now, st.lasts), QUEUE_SCRIPT, RUN_CAMPAIGN_MEND,
             event->who, 0);
}
