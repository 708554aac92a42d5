#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "sim/run_internal.h"

/* --- faults on the ways of links -----------------------------------------------------------------
 */

static void add_fault(struct run *r, const struct fault *like, uint32_t end, uint32_t origin,
                      uint32_t cause)
{
    struct fault fault = *like;
    if (end == NONE) {
        return;
    }
    fault.end = end;
    fault.origin = origin;
    fault.statement = cause;
    fabric_add_fault(&r->world, &fault);
}

/* The ways that a pair names, in one direction: out of every interface of `from`, or into every
 * interface of `to` for frames that `from` sent. */
static void fault_nodes(struct run *r, const struct statement *st, uint32_t from, uint32_t to,
                        uint32_t cause)
{
    const struct world *w = &r->world;
    const struct node *node = &w->nodes[to != NONE ? to : from];
    for (unsigned i = 0; i < node->nic_count; i++) {
        uint32_t end = node->nics[i].end;
        add_fault(r, &st->fault, to != NONE ? w->ends[end].peer : end, to != NONE ? from : NONE,
                  cause);
    }
}

/* Between a switch and a node, another switch, or all: every way from the one to the other. */
static void fault_switches(struct run *r, const struct statement *st, const struct pair *pair,
                           uint32_t cause)
{
    const struct world *w = &r->world;
    for (uint32_t i = 0; i < w->end_count; i++) {
        const struct end *from = &w->ends[i];
        if (from->peer == NONE) {
            continue;
        }
        const struct end *to = &w->ends[from->peer];
        bool from_fits = pair->from == NONE ||
                         (from->is_switch == pair->from_switch && from->owner == pair->from);
        bool to_fits =
            pair->to == NONE || (to->is_switch == pair->to_switch && to->owner == pair->to);
        if (from_fits && to_fits) {
            add_fault(r, &st->fault, i, NONE, cause);
        }
    }
}

static void add_faults(struct run *r, const struct statement *st, uint32_t cause)
{
    for (unsigned way = 0; way < (st->pair.both ? 2 : 1); way++) {
        struct pair pair = st->pair;
        if (way == 1) {
            pair = (struct pair){st->pair.to, st->pair.from, st->pair.to_switch,
                                 st->pair.from_switch, true};
        }
        if (pair.from_switch || pair.to_switch) {
            fault_switches(r, st, &pair, cause);
        } else {
            fault_nodes(r, st, pair.from, pair.to, cause);
        }
    }
    if (st->flag) { /* oneway: the other direction goes through any split */
        struct statement passes = *st;
        passes.fault = (struct fault){.passes = true};
        fault_nodes(r, &passes, st->pair.to, st->pair.from, cause);
    }
}

static void remove_faults(struct run *r, uint32_t cause)
{
    for (uint32_t i = 0; i < r->world.fault_count; i++) {
        const struct fault *f = &r->world.faults[i];
        if (f->end != NONE && (cause == NONE || f->statement == cause)) {
            fabric_remove_fault(&r->world, i);
        }
    }
}

static void release_all(struct run *r)
{
    for (uint32_t i = 0; i < r->world.fault_count; i++) {
        if (r->world.faults[i].end != NONE && r->world.faults[i].holds) {
            fabric_remove_fault(&r->world, i);
        }
    }
}

static void join_all(struct run *r)
{
    r->split_by = NONE;
    for (size_t i = 0; i < r->world.node_count; i++) {
        r->world.nodes[i].side = 0;
    }
    r->world.split = false;
    r->world.changes += 1;
}

static void split(struct run *r, const struct statement *st, uint32_t cause)
{
    for (size_t i = 0; i < r->world.node_count; i++) {
        r->world.nodes[i].side = i < st->side_count ? st->sides[i] : 0;
    }
    r->split_by = cause;
    r->world.split = true;
    r->world.changes += 1;
}

void run_heal(struct run *r)
{
    struct world *w = &r->world;
    remove_faults(r, NONE);
    join_all(r);
    for (size_t i = 0; i < w->node_count; i++) {
        for (unsigned nic = 0; nic < w->nodes[i].nic_count; nic++) {
            node_set_link(w, &w->nodes[i], nic, true);
        }
    }
}

/* --- machines -----------------------------------------------------------------------------------
 */

static void set_links(struct run *r, const struct statement *st, bool up)
{
    struct node *node = &r->world.nodes[st->node];
    for (unsigned nic = 0; nic < node->nic_count; nic++) {
        if (st->nic == UINT_MAX || st->nic == nic) {
            node_set_link(&r->world, node, nic, up);
        }
    }
}

static void set_send_error(struct run *r, const struct statement *st, int error)
{
    struct node *node = &r->world.nodes[st->node];
    if (node->kind == NODE_DAEMON) {
        daemon_of(node)->machine.send_error = error;
    } else {
        peer_of(node)->send_error = error;
    }
}

/* For each group of the node that the statement is about. Who does not run can be told nothing. */
static void each_group(struct run *r, const struct statement *st,
                       void (*act)(struct run *r, const struct statement *st, struct node *node,
                                   unsigned group))
{
    const struct scenario_node *n = &r->scenario->nodes[st->node];
    struct node *node = &r->world.nodes[st->node];
    bool runs = node->alive && !node->frozen && !node->paused;
    for (unsigned g = 0; runs && g < n->group_count; g++) {
        if (st->vhid == 0 || n->groups[g].config.vhid == st->vhid) {
            act(r, st, node, g);
        }
    }
}

static void demote(struct run *r, const struct statement *st, struct node *node, unsigned group)
{
    if (node->kind == NODE_DAEMON) {
        daemon_demote(&r->world, node, group, (uint8_t)st->number, st->lasts);
    } else if (group == 0) {
        peer_demote(&r->world, node, (int)st->number);
    }
}

static void yield(struct run *r, const struct statement *st, struct node *node, unsigned group)
{
    (void)st;
    if (node->kind == NODE_DAEMON) {
        daemon_yield(&r->world, node, group);
    } else {
        peer_yield(&r->world, node, group);
    }
}

static void lose(struct run *r, const struct statement *st, struct node *node, unsigned group)
{
    (void)st;
    daemon_lose_address(&r->world, node, group);
}

/* Our daemon and UCARP are started again with what is new; the kernels take it as they run. */
static void reload(struct run *r, const struct statement *st)
{
    struct node *node = &r->world.nodes[st->node];
    const struct scenario_node *n = &r->scenario->nodes[st->node];
    unsigned g = 0;
    while (n->groups[g].config.vhid != st->vhid) {
        g++;
    }
    const struct host_plan *plan = run_plan(r, st->config, n->groups[g].nic);
    bool restart = n->profile == PROFILE_ENGINE || n->profile == PROFILE_UCARP;
    bool was_alive = node->alive;
    if (plan == NULL) {
        run_fail(r, st->line, "the crypto library refuses this configuration");
        return;
    }
    if (node->paused) {
        run_fail(r, st->line, "reload: %s is paused and can be told nothing", n->name);
        return;
    }
    if (restart) {
        node_stop(&r->world, node);
    }
    if (n->profile == PROFILE_ENGINE) {
        r->hosts[st->node].groups[g].plan = plan;
    } else if (restart) {
        peer_of(node)->groups[g].config.carp = plan->config;
        peer_of(node)->groups[g].config.crypto = &plan->crypto;
    } else {
        peer_readdress(&r->world, node, g, plan->config, &plan->crypto);
    }
    if (restart && was_alive) {
        node_start(&r->world, node);
    }
    oracle_regroup(&r->world);
}

static void begin_deed(struct run *r, const struct statement *st)
{
    struct node *node = &r->world.nodes[st->node];
    struct deed deed = st->deed;
    deed.ends = st->lasts.ns == 0 ? CARP_NEVER : instant_add(node_now(&r->world, node), st->lasts);
    stranger_begin(&r->world, node, &deed);
}

/* --- statements ---------------------------------------------------------------------------------
 */

static void apply_to_node(struct run *r, const struct statement *st)
{
    struct world *w = &r->world;
    struct node *node = &w->nodes[st->node];
    switch (st->kind) {
    case DO_CRASH:
    case DO_REBOOT:
        node_crash(w, node);
        break;
    case DO_BOOT:
        node_boot(w, node);
        break;
    case DO_STOP:
        node_stop(w, node);
        break;
    case DO_START:
        node_start(w, node);
        break;
    case DO_KILL:
        node_kill(w, node);
        break;
    case DO_FREEZE:
        if (st->flag && node->kind == NODE_DAEMON) {
            daemon_freeze_all(w, node);
        } else {
            node_freeze(w, node);
        }
        break;
    case DO_THAW:
        node_thaw(w, node);
        break;
    case DO_PAUSE:
        node_pause(w, node, st->flag);
        break;
    case DO_DRIFT:
        node_set_drift(w, node, (int32_t)st->number);
        break;
    case DO_CLOCK:
        node_step_clock(w, node, st->number);
        break;
    case DO_JUMP:
        node_jump_clock(w, node, st->number);
        break;
    case DO_LINK:
        set_links(r, st, st->number != 0);
        break;
    case DO_SEND_ERROR:
        set_send_error(r, st, (int)st->number);
        break;
    case DO_CLAIM_ERROR:
        daemon_of(node)->machine.claim_error = (int)st->number;
        break;
    case DO_DEMOTE:
        each_group(r, st, demote);
        break;
    case DO_YIELD:
        each_group(r, st, yield);
        break;
    case DO_LOSE:
        each_group(r, st, lose);
        break;
    case DO_RELOAD:
        reload(r, st);
        break;
    case DO_DEED:
        begin_deed(r, st);
        break;
    case DO_SPLIT:
    case DO_JOIN:
    case DO_FAULT:
    case DO_RELEASE:
    case DO_HEAL:
    case DO_ORACLE:
        break;
    }
}

void run_apply(struct run *r, const struct statement *st, uint32_t cause)
{
    switch (st->kind) {
    case DO_SPLIT:
        split(r, st, cause);
        break;
    case DO_JOIN:
        join_all(r);
        break;
    case DO_FAULT:
        add_faults(r, st, cause);
        break;
    case DO_RELEASE:
        release_all(r);
        break;
    case DO_HEAL:
        run_heal(r);
        break;
    case DO_ORACLE:
        r->world.oracle->enabled[st->number] = st->flag;
        break;
    default:
        apply_to_node(r, st);
        break;
    }
}

/* The end of what lasts a while. */
void run_lift(struct run *r, const struct statement *st, uint32_t cause)
{
    struct world *w = &r->world;
    struct node *node = st->node == NONE ? NULL : &w->nodes[st->node];
    switch (st->kind) {
    case DO_CRASH:
    case DO_REBOOT:
        node_boot(w, node);
        break;
    case DO_BOOT:
        node_crash(w, node);
        break;
    case DO_STOP:
    case DO_KILL:
        node_start(w, node);
        break;
    case DO_START:
        node_stop(w, node);
        break;
    case DO_FREEZE:
        node_thaw(w, node);
        break;
    case DO_PAUSE:
        node_resume(w, node, st->lasts, st->clock);
        break;
    case DO_LINK:
        set_links(r, st, st->number == 0);
        break;
    case DO_SEND_ERROR:
        set_send_error(r, st, 0);
        break;
    case DO_CLAIM_ERROR:
        assert(node != NULL);
        daemon_of(node)->machine.claim_error = 0;
        break;
    case DO_DEMOTE:
        assert(node != NULL);
        if (node->kind == NODE_PEER && node->alive) {
            peer_demote(w, node, 0);
        }
        break;
    case DO_SPLIT:
        if (r->split_by == cause) { /* a later split is not its to end */
            join_all(r);
        }
        break;
    case DO_FAULT:
        remove_faults(r, cause);
        break;
    case DO_THAW:
    case DO_DRIFT:
    case DO_CLOCK:
    case DO_JUMP:
    case DO_YIELD:
    case DO_LOSE:
    case DO_RELOAD:
    case DO_JOIN:
    case DO_RELEASE:
    case DO_HEAL:
    case DO_DEED:
    case DO_ORACLE:
        break;
    }
}

/* The largest bounds there are at any time after a statement, for expectations about the whole. */
void run_note_bounds(struct run *r)
{
    const struct oracle *o = r->world.oracle;
    for (unsigned vhid = 1; vhid < 256; vhid++) {
        if (o->tallies[vhid].vhid == 0) {
            continue;
        }
        struct bound dark = oracle_dark_bound(&r->world, (uint8_t)vhid);
        struct bound dual = oracle_dual_bound(&r->world, (uint8_t)vhid);
        if (dark.value.ns != UINT64_MAX) {
            r->dark_max[vhid] = duration_max(r->dark_max[vhid], dark.value);
        }
        r->dual_max[vhid] = duration_max(r->dual_max[vhid], dual.value);
    }
}

static void note(struct run *r, uint32_t index, uint64_t end)
{
    const struct statement *st = &r->scenario->statements[index];
    trace_note(&r->world.trace, r->world.now, TRACE_STATEMENT, st->line, end, index, 0);
    oracle_disturbed(&r->world);
    if (r->watcher.statement != NULL) {
        r->watcher.statement(r->watcher.self, r->world.now, st->line, end != 0, NULL);
    }
}

void run_do(struct run *r, uint32_t index)
{
    const struct statement *st = &r->scenario->statements[index];
    note(r, index, 0);
    run_apply(r, st, index);
    run_note_bounds(r);
    if (st->lasts.ns > 0) {
        world_at(&r->world, instant_add(r->world.now, st->lasts), QUEUE_SCRIPT, RUN_STATEMENT_END,
                 index, 0);
    }
}

void run_end(struct run *r, uint32_t index)
{
    note(r, index, 1);
    run_lift(r, &r->scenario->statements[index], index);
    run_note_bounds(r);
}
