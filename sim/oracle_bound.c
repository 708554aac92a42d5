#include "sim/oracle_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/trace_text.h"

/* In a mix of implementations with equal timers an election may take rounds (docs/PROTOCOL.md,
 * "tie"); among ourselves it takes one. */
enum { ROUNDS_MIXED = 10, ROUNDS_OURS = 4 };

/* At these sizes and drifts (1000 ppm) the product fits; a little more, for the square of the
 * drift, is harmless. */
static carp_duration stretched(carp_duration d, int32_t ppb)
{
    uint64_t extra = ppb == 0 ? 0 : d.ns / 1000 * (uint64_t)abs(ppb) / 1000000;
    return (carp_duration){d.ns + extra + extra / 500 + (uint64_t)(ppb != 0)};
}

struct timing member_timing(const struct world *w, const struct member *m)
{
    const struct node *node = &w->nodes[m->node];
    struct timing t;
    if (m->engine) {
        const struct host_group *g = host_group(&daemon_of(node)->host, m->group);
        t.interval = carp_interval(m->config, &g->carp);
        t.down = duration_max(carp_master_down(m->config, &g->carp), m->config->hold_down);
        t.slack = (carp_duration){node->latency_max.ns + node->granularity.ns};
        t.demote = carp_claim(m->config, &g->carp).demote;
    } else {
        struct peer_timing p = peer_timing(&peer_of(node)->groups[m->group].config);
        t = (struct timing){.interval = p.interval, .down = p.down};
        t.slack = (carp_duration){p.slack.ns + node->latency_max.ns};
    }
    t.reading = node->latency_max;
    t.interval = stretched(t.interval, node->drift_ppb);
    t.down = stretched(t.down, node->drift_ppb);
    return t;
}

/* The longest way of a frame: every hop at its slowest. */
carp_duration bound_delay_max(const struct world *w)
{
    carp_duration hop = {0}, added = {0};
    for (size_t i = 0; i < w->end_count; i++) {
        hop = duration_max(hop, w->ends[i].delay);
    }
    for (size_t i = 0; i < w->fault_count; i++) {
        const struct fault *f = &w->faults[i];
        if (f->end != NONE) {
            added = duration_max(added, (carp_duration){f->delay.ns + f->jitter.ns});
        }
    }
    return (carp_duration){(hop.ns + added.ns) * (w->switch_count + 1)};
}

void bound_say(struct bound *b, const char *format, ...)
{
    size_t used = strlen(b->text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(b->text + used, sizeof b->text - used, format, arguments);
    va_end(arguments);
}

static bool in_scope(const struct world *w, const struct member *m, uint32_t clique, uint8_t vhid)
{
    return (clique == NONE ? m->config->vhid == vhid : m->clique == clique) && member_lives(w, m);
}

/* The slowest master's next advert, and the one after that where a better one was heard in between
 * (docs/PROTOCOL.md, "outranked"). */
struct bound bound_winner(const struct world *w, uint32_t domain)
{
    const struct oracle *o = w->oracle;
    struct bound b = {.value = {0}};
    carp_duration interval = {0}, slack = {0}, delay = bound_delay_max(w);
    char x[32], y[32], z[32], sum[32];
    for (size_t i = 0; i < o->member_count; i++) {
        const struct member *m = &o->members[i];
        if (m->domain == domain && member_lives(w, m)) {
            struct timing t = member_timing(w, m);
            interval = duration_max(interval, t.interval);
            slack = duration_max(slack, t.slack);
        }
    }
    b.value = (carp_duration){2 * interval.ns + delay.ns + slack.ns};
    bound_say(&b, "two intervals of %s + delay %s + processing %s = %s",
              trace_duration(interval, x), trace_duration(delay, y), trace_duration(slack, z),
              trace_duration(b.value, sum));
    return b;
}

/* Scope: the living members of a clique; of all domains of a vhid when it is NONE. */
struct bound bound_dual(const struct world *w, uint32_t clique, uint8_t vhid)
{
    struct bound b = {.value = {0}};
    const struct oracle *o = w->oracle;
    const struct member *best = NULL;
    carp_duration interval = {0}, slack = {0}, delay = bound_delay_max(w);
    unsigned demote = 0;
    char a[32], c[32], d[32], sum[32];
    for (size_t i = 0; i < o->member_count; i++) {
        const struct member *m = &o->members[i];
        if (!in_scope(w, m, clique, vhid)) {
            continue;
        }
        struct timing t = member_timing(w, m);
        slack = duration_max(slack, (carp_duration){t.slack.ns + t.reading.ns});
        bool better = best == NULL || t.demote < demote ||
                      (t.demote == demote && t.interval.ns < interval.ns);
        if (m->state == CARP_MASTER && better) {
            best = m;
            interval = t.interval;
            demote = t.demote;
        }
    }
    if (best == NULL) { /* nobody yet: the slowest that may become one */
        for (size_t i = 0; i < o->member_count; i++) {
            if (in_scope(w, &o->members[i], clique, vhid)) {
                interval = duration_max(interval, member_timing(w, &o->members[i]).interval);
            }
        }
    }
    b.value = (carp_duration){interval.ns + delay.ns + slack.ns};
    bound_say(&b, "interval of %s %s + delay %s + processing %s = %s",
              best == NULL ? "the slowest" : w->nodes[best->node].name, trace_duration(interval, a),
              trace_duration(delay, c), trace_duration(slack, d), trace_duration(b.value, sum));
    return b;
}

struct bound bound_dark(const struct world *w, uint32_t clique, uint8_t vhid)
{
    struct bound b = {.value = {UINT64_MAX}};
    const struct oracle *o = w->oracle;
    const struct member *first = NULL;
    carp_duration delay = bound_delay_max(w), slack = {0}, down = {0};
    char a[32], c[32], d[32], sum[32];
    for (size_t i = 0; i < o->member_count; i++) {
        const struct member *m = &o->members[i];
        if (!in_scope(w, m, clique, vhid) || instant_before(w->now, m->excused)) {
            continue;
        }
        struct timing t = member_timing(w, m);
        t.slack.ns += t.reading.ns;
        if (first == NULL || t.down.ns + t.slack.ns < down.ns + slack.ns) {
            first = m;
            down = t.down;
            slack = t.slack;
        }
    }
    if (first == NULL) {
        bound_say(&b, "nobody who could take over");
        return b;
    }
    b.value = (carp_duration){down.ns + delay.ns + slack.ns};
    bound_say(&b, "master-down time of %s %s + delay %s + processing %s = %s",
              w->nodes[first->node].name, trace_duration(down, a), trace_duration(delay, c),
              trace_duration(slack, d), trace_duration(b.value, sum));
    return b;
}

struct bound bound_settle(const struct world *w, uint32_t domain)
{
    const struct oracle *o = w->oracle;
    struct bound b = {.value = {0}};
    carp_duration down = {0}, waits = {0};
    char a[32], c[32], sum[32];
    unsigned rounds = o->domains[domain].mixed ? ROUNDS_MIXED : ROUNDS_OURS;
    for (size_t i = 0; i < o->member_count; i++) {
        const struct member *m = &o->members[i];
        if (m->domain == domain && member_lives(w, m)) {
            struct timing t = member_timing(w, m);
            down = duration_max(down, (carp_duration){t.down.ns + t.interval.ns + t.slack.ns});
            waits = duration_max(waits, (carp_duration){instant_since(m->excused, w->now).ns});
        }
    }
    b.value = (carp_duration){down.ns * rounds + waits.ns};
    bound_say(&b, "%u rounds of %s + waits %s = %s", rounds, trace_duration(down, a),
              trace_duration(waits, c), trace_duration(b.value, sum));
    return b;
}

/* How long a node may hold addresses without being master, and be master without them: as long as
 * its commands take; when it was killed or frozen, until its guardian has noticed; and when it
 * could not release them, until the kernel ends their lifetime. */
struct bound bound_hold(const struct world *w, const struct member *m, bool left)
{
    const struct node *node = &w->nodes[m->node];
    struct bound b = {.value = {0}};
    carp_duration commands = {0}, guardian = {0};
    char x[32], y[32], sum[32];
    if (m->engine) {
        const struct machine *machine = &daemon_of(node)->machine;
        commands.ns = machine->commands ? 2 * (machine->up_time.ns + machine->down_time.ns) : 0;
        if (left && (node->frozen || !node->alive)) {
            /* It hears of a death; of a freeze its patience tells. Without a guardian the kernel's
             * lifetime, in whole seconds, is what is left. */
            carp_duration patience =
                duration_max(machine->groups[m->group].guard.patience, CARP_MILLISECONDS(250));
            bool all_frozen = daemon_of(node)->all_frozen;
            guardian.ns = node->frozen || all_frozen ? patience.ns : 0;
            guardian.ns += all_frozen ? 2000000000 : 10000000;
        } else if (left && !machine->commands && machine->groups[m->group].wanted) {
            guardian.ns = machine->groups[m->group].guard.patience.ns + 2000000000; /* likewise */
        }
    } else {
        const struct persona_config *config = &peer_of(node)->groups[m->group].config;
        commands.ns = config->up_script.ns + config->down_script.ns;
    }
    b.value = (carp_duration){commands.ns + guardian.ns + node->latency_max.ns + 1000000};
    bound_say(&b, "commands %s + guardian %s + 1 ms and the latency of a wake-up = %s",
              trace_duration(commands, x), trace_duration(guardian, y),
              trace_duration(b.value, sum));
    return b;
}

struct bound oracle_dual_bound(const struct world *w, uint8_t vhid)
{
    return bound_dual(w, NONE, vhid);
}

struct bound oracle_dark_bound(const struct world *w, uint8_t vhid)
{
    return bound_dark(w, NONE, vhid);
}
