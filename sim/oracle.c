#include "sim/oracle.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/client.h"
#include "sim/daemon.h"
#include "sim/memory.h"
#include "sim/peer.h"
#include "sim/trace_text.h"

/* In a mix of implementations with equal timers an election may take rounds (docs/PROTOCOL.md,
 * "tie"); among ourselves it takes one. */
enum { ROUNDS_MIXED = 10, ROUNDS_OURS = 4, EVENTS_SHOWN = 12 };

/* A client that has to ask who has the address, or was told by the second announcement. */
#define DATA_SLACK CARP_MILLISECONDS(1100)

const char *oracle_word(enum oracle_kind kind)
{
    static const char *const words[] = {
#define X(name, word, phrase) word,
        ORACLES(X)
#undef X
    };
    return words[kind];
}

const char *oracle_phrase(enum oracle_kind kind)
{
    static const char *const phrases[] = {
#define X(name, word, phrase) phrase,
        ORACLES(X)
#undef X
    };
    return phrases[kind];
}

static carp_instant later(carp_instant a, carp_instant b)
{
    return a.ns > b.ns ? a : b;
}

/* --- who is concerned ---------------------------------------------------------------------------
 */

static bool accept_each_other(const struct carp_config *a, const struct carp_config *b)
{
    return a->vhid == b->vhid && a->ipv4_count == b->ipv4_count && a->ipv6_count == b->ipv6_count &&
           memcmp(a->keys[0], b->keys[0], CARP_KEY_SIZE) == 0 &&
           memcmp(a->ipv4, b->ipv4, a->ipv4_count * sizeof a->ipv4[0]) == 0 &&
           memcmp(a->ipv6, b->ipv6, a->ipv6_count * sizeof a->ipv6[0]) == 0;
}

static const struct carp_config *config_of(const struct world *w, const struct member *m)
{
    const struct node *node = &w->nodes[m->node];
    return node->kind == NODE_DAEMON ? host_group(&daemon_of(node)->host, m->group)->plan->config
                                     : peer_of(node)->groups[m->group].config.carp;
}

static void assign_domain(struct oracle *o, struct member *m)
{
    uint32_t found = NONE;
    for (size_t i = 0; i < o->member_count && found == NONE; i++) {
        const struct member *other = &o->members[i];
        if (other != m && other->domain != NONE && accept_each_other(other->config, m->config)) {
            found = other->domain;
        }
    }
    if (found == NONE) {
        if (o->domain_count == o->domain_room) {
            o->domains = memory_grow(o->domains, &o->domain_room, 4, sizeof *o->domains);
        }
        found = (uint32_t)o->domain_count++;
        o->domains[found] = (struct domain){
            .vhid = m->config->vhid,
            .dual_since = CARP_NEVER,
            .dark_since = CARP_NEVER,
            .worse_since = CARP_NEVER,
        };
    }
    m->domain = found;
    o->domains[found].mixed |= !m->engine;
}

void oracle_regroup(struct world *w)
{
    struct oracle *o = w->oracle;
    for (size_t i = 0; i < o->member_count; i++) {
        o->members[i].domain = NONE;
        o->members[i].sight = 0;
    }
    for (size_t i = 0; i < o->member_count; i++) {
        o->members[i].config = config_of(w, &o->members[i]);
        assign_domain(o, &o->members[i]);
    }
    oracle_disturbed(w);
}

static unsigned groups_of(const struct node *node)
{
    return node->kind == NODE_DAEMON ? daemon_of(node)->group_count
           : node->kind == NODE_PEER ? peer_of(node)->group_count
                                     : 0;
}

void oracle_make(struct world *w)
{
    struct oracle *o = memory_make(1, sizeof *o);
    size_t count = 0;
    for (size_t i = 0; i < w->node_count; i++) {
        count += groups_of(&w->nodes[i]);
    }
    o->members = memory_make(count, sizeof *o->members);
    o->first_member = memory_make(w->node_count, sizeof *o->first_member);
    for (size_t i = 0; i < w->node_count; i++) {
        const struct node *node = &w->nodes[i];
        o->first_member[i] = (uint32_t)o->member_count;
        for (unsigned g = 0; g < groups_of(node); g++) {
            struct member *m = &o->members[o->member_count++];
            bool engine = node->kind == NODE_DAEMON;
            const struct host_plan *plan =
                engine ? daemon_of(node)->groups[g * daemon_of(node)->stride].plan : NULL;
            unsigned nic = engine ? plan->interface : peer_of(node)->groups[g].nic;
            *m = (struct member){
                .node = (uint32_t)i,
                .group = g,
                .domain = NONE,
                .end = node->nics[nic].end,
                .engine = engine,
                .config = engine ? plan->config : peer_of(node)->groups[g].config.carp,
                .clique = NONE,
            };
            assign_domain(o, m);
            o->tallies[m->config->vhid].vhid = m->config->vhid;
        }
    }
    for (unsigned k = 0; k < ORACLE_COUNT; k++) {
        o->enabled[k] = true;
    }
    o->liveness = true;
    o->look_at = CARP_NEVER;
    o->changes_seen = w->changes - 1;
    w->oracle = o;
}

void oracle_free(struct oracle *o)
{
    if (o != NULL) {
        free(o->members);
        free(o->first_member);
        free(o->domains);
        free(o->annals);
        free(o);
    }
}

struct member *oracle_member(const struct world *w, uint32_t node, unsigned group)
{
    return &w->oracle->members[w->oracle->first_member[node] + group];
}

/* Takes part: its machine and its program run. */
static bool lives(const struct world *w, const struct member *m)
{
    const struct node *node = &w->nodes[m->node];
    return node->on && node->alive && !node->frozen && !node->paused && m->state != CARP_INIT;
}

static bool is_master(const struct world *w, const struct member *m)
{
    return m->state == CARP_MASTER && lives(w, m);
}

/* --- bounds -------------------------------------------------------------------------------------
 */

/* How this member really keeps time, on the world's clock. Where OpenBSD's dialect is spoken, the
 * lower demotion wins, whatever the interval. */
struct timing {
    carp_duration interval, down;
    carp_duration slack;   /* its timers may be so late, */
    carp_duration reading; /* and its look at a frame that came */
    unsigned demote;
};

/* At these sizes and drifts (1000 ppm) the product fits; a little more, for the square of the
 * drift, is harmless. */
static carp_duration stretched(carp_duration d, int32_t ppb)
{
    uint64_t extra = ppb == 0 ? 0 : d.ns / 1000 * (uint64_t)abs(ppb) / 1000000;
    return (carp_duration){d.ns + extra + extra / 500 + (uint64_t)(ppb != 0)};
}

static struct timing timing_of(const struct world *w, const struct member *m)
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
static carp_duration delay_max(const struct world *w)
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

static void say(struct bound *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct bound *b, const char *format, ...)
{
    size_t used = strlen(b->text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(b->text + used, sizeof b->text - used, format, arguments);
    va_end(arguments);
}

static bool in_scope(const struct world *w, const struct member *m, uint32_t clique, uint8_t vhid)
{
    return (clique == NONE ? m->config->vhid == vhid : m->clique == clique) && lives(w, m);
}

/* The slowest master's next advert, and the one after that where a better one was heard in between
 * (docs/PROTOCOL.md, "outranked"). */
static struct bound winner_bound(const struct world *w, uint32_t domain)
{
    const struct oracle *o = w->oracle;
    struct bound b = {.value = {0}};
    carp_duration interval = {0}, slack = {0}, delay = delay_max(w);
    char x[32], y[32], z[32], sum[32];
    for (size_t i = 0; i < o->member_count; i++) {
        const struct member *m = &o->members[i];
        if (m->domain == domain && lives(w, m)) {
            struct timing t = timing_of(w, m);
            interval = duration_max(interval, t.interval);
            slack = duration_max(slack, t.slack);
        }
    }
    b.value = (carp_duration){2 * interval.ns + delay.ns + slack.ns};
    say(&b, "two intervals of %s + delay %s + processing %s = %s", trace_duration(interval, x),
        trace_duration(delay, y), trace_duration(slack, z), trace_duration(b.value, sum));
    return b;
}

/* Scope: the living members of a clique; of all domains of a vhid when it is NONE. */
static struct bound dual_bound(const struct world *w, uint32_t clique, uint8_t vhid)
{
    struct bound b = {.value = {0}};
    const struct oracle *o = w->oracle;
    const struct member *best = NULL;
    carp_duration interval = {0}, slack = {0}, delay = delay_max(w);
    unsigned demote = 0;
    char a[32], c[32], d[32], sum[32];
    for (size_t i = 0; i < o->member_count; i++) {
        const struct member *m = &o->members[i];
        if (!in_scope(w, m, clique, vhid)) {
            continue;
        }
        struct timing t = timing_of(w, m);
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
                interval = duration_max(interval, timing_of(w, &o->members[i]).interval);
            }
        }
    }
    b.value = (carp_duration){interval.ns + delay.ns + slack.ns};
    say(&b, "interval of %s %s + delay %s + processing %s = %s",
        best == NULL ? "the slowest" : w->nodes[best->node].name, trace_duration(interval, a),
        trace_duration(delay, c), trace_duration(slack, d), trace_duration(b.value, sum));
    return b;
}

static struct bound dark_bound(const struct world *w, uint32_t clique, uint8_t vhid)
{
    struct bound b = {.value = {UINT64_MAX}};
    const struct oracle *o = w->oracle;
    const struct member *first = NULL;
    carp_duration delay = delay_max(w), slack = {0}, down = {0};
    char a[32], c[32], d[32], sum[32];
    for (size_t i = 0; i < o->member_count; i++) {
        const struct member *m = &o->members[i];
        if (!in_scope(w, m, clique, vhid) || instant_before(w->now, m->excused)) {
            continue;
        }
        struct timing t = timing_of(w, m);
        t.slack.ns += t.reading.ns;
        if (first == NULL || t.down.ns + t.slack.ns < down.ns + slack.ns) {
            first = m;
            down = t.down;
            slack = t.slack;
        }
    }
    if (first == NULL) {
        say(&b, "nobody who could take over");
        return b;
    }
    b.value = (carp_duration){down.ns + delay.ns + slack.ns};
    say(&b, "master-down time of %s %s + delay %s + processing %s = %s", w->nodes[first->node].name,
        trace_duration(down, a), trace_duration(delay, c), trace_duration(slack, d),
        trace_duration(b.value, sum));
    return b;
}

struct bound oracle_dual_bound(const struct world *w, uint8_t vhid)
{
    return dual_bound(w, NONE, vhid);
}

struct bound oracle_dark_bound(const struct world *w, uint8_t vhid)
{
    return dark_bound(w, NONE, vhid);
}

/* --- violations ---------------------------------------------------------------------------------
 */

struct text {
    char *at;
    size_t room;
};

static void add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct text *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(t->at, t->room, format, arguments);
    va_end(arguments);
    size_t used = (size_t)size < t->room ? (size_t)size : t->room - (t->room > 0);
    t->at += used;
    t->room -= used;
}

static void add_culprits(const struct world *w, struct text *t, uint32_t domain)
{
    const struct oracle *o = w->oracle;
    unsigned shown = 0;
    for (size_t i = 0; i < o->member_count && shown < 8; i++) {
        const struct member *m = &o->members[i];
        char since[32];
        if (m->domain == domain) {
            add(t, "\n    %s: %s since %s%s%s", w->nodes[m->node].name, carp_state_word(m->state),
                trace_time(m->state_since, since), m->holds ? ", holds the addresses" : "",
                lives(w, m) ? "" : ", not running");
            shown += 1;
        }
    }
}

static void add_last_events(const struct world *w, struct text *t)
{
    uint64_t count = w->trace.count < EVENTS_SHOWN ? w->trace.count : EVENTS_SHOWN;
    add(t, "\n  what happened last:");
    for (uint64_t n = w->trace.count - count; n < w->trace.count; n++) {
        char line[TRACE_LINE_MAX];
        trace_text(w, &w->trace.last[n % TRACE_RING], line, sizeof line);
        add(t, "\n    %s", line);
    }
}

static void violate(struct world *w, enum oracle_kind kind, uint32_t domain, carp_instant since,
                    const char *derivation)
{
    struct oracle *o = w->oracle;
    struct domain *d = &o->domains[domain];
    char at[32], began[32];
    if (!o->enabled[kind] || d->reported[kind]) {
        return;
    }
    d->reported[kind] = true; /* until what is wrong has ended */
    o->total += 1;
    o->counts[kind] += 1;
    trace_note(&w->trace, w->now, TRACE_VIOLATION, kind, domain, since.ns, 0);
    if (o->violation_count == VIOLATIONS_MAX) {
        return;
    }
    struct violation *v = &o->violations[o->violation_count++];
    *v = (struct violation){.kind = kind, .domain = domain, .at = w->now};
    struct text t = {v->text, sizeof v->text};
    add(&t, "%s at %s, vhid %u: %s, since %s", oracle_word(kind), trace_time(w->now, at), d->vhid,
        oracle_phrase(kind), trace_time(since, began));
    add(&t, "\n  bound: %s, counted from %s", derivation, trace_time(since, began));
    add_culprits(w, &t, domain);
    add_last_events(w, &t);
}

/* --- what happens -------------------------------------------------------------------------------
 */

static void look_now(struct world *w)
{
    if (!w->oracle->pending) {
        w->oracle->pending = true;
        world_at(w, w->now, QUEUE_OBSERVE, EVENT_ORACLE, 0, 0);
    }
}

void oracle_look_again(struct world *w, carp_instant at)
{
    struct oracle *o = w->oracle;
    if (instant_before(at, o->look_at)) {
        o->look_at = at;
        world_at(w, at, QUEUE_OBSERVE, EVENT_ORACLE, 0, 0);
    }
}

void oracle_disturbed_until(struct world *w, carp_instant until)
{
    for (size_t i = 0; i < w->oracle->domain_count; i++) {
        struct domain *d = &w->oracle->domains[i];
        d->disturbed = later(d->disturbed, until);
    }
    look_now(w);
}

void oracle_disturbed(struct world *w)
{
    oracle_disturbed_until(w, w->now);
}

/* Counters are anchored in wall time at start; who heard a group whose clock was ahead starts anew
 * behind it. */
void oracle_clock_stepped(struct world *w)
{
    w->oracle->clock_stepped = true;
}

/* The last advert of who yields tells the winner to announce its addresses again. */
static bool just_yielded(const struct world *w, uint32_t node, uint32_t domain)
{
    for (unsigned g = 0; node != NONE && g < groups_of(&w->nodes[node]); g++) {
        const struct member *m = oracle_member(w, node, g);
        if (m->domain == domain && m->state == CARP_BACKUP &&
            instant_since(w->now, m->state_since).ns <= delay_max(w).ns) {
            return true;
        }
    }
    return false;
}

/* An announcement was lost: clients may go on with what they knew. */
static void note_untold(struct world *w, uint32_t node)
{
    for (unsigned g = 0; node != NONE && g < groups_of(&w->nodes[node]); g++) {
        w->oracle->domains[oracle_member(w, node, g)->domain].stale = true;
    }
}

void oracle_lost(struct world *w, uint32_t end, const struct sim_frame *frame,
                 enum drop_reason reason)
{
    bool by_chance = reason == DROP_LOSS || reason == DROP_BURST || reason == DROP_ORDINAL ||
                     reason == DROP_QUEUE || reason == DROP_FCS || reason == DROP_OVERFLOW ||
                     reason == DROP_SNOOPED;
    struct sim_frame copy;
    (void)end;
    if (by_chance && (frame->class_ == FRAME_ARP || frame->class_ == FRAME_NEIGHBOUR)) {
        note_untold(w, frame->origin);
    }
    if (!by_chance || frame->class_ != FRAME_ADVERT) {
        return;
    }
    copy = *frame;
    if (frames_read(&w->frames, &copy) != CARP_ACCEPTED) {
        return;
    }
    for (size_t i = 0; i < w->oracle->domain_count; i++) {
        if (w->oracle->domains[i].vhid == copy.packet.advert.vhid) {
            struct domain *d = &w->oracle->domains[i];
            d->disturbed = later(d->disturbed, w->now);
            d->stale |= just_yielded(w, frame->origin, (uint32_t)i);
        }
    }
}

static void note_tally(struct world *w, uint8_t vhid, int change)
{
    struct tally *t = &w->oracle->tallies[vhid];
    carp_duration passed = instant_since(w->now, t->since);
    if (t->masters == 0) {
        t->none.ns += passed.ns;
        t->none_longest = duration_max(t->none_longest, passed);
    } else if (t->masters > 1) {
        t->many.ns += passed.ns;
        t->many_longest = duration_max(t->many_longest, passed);
    }
    /* A stretch of several masters is one, however many there are. */
    if (change != 0) {
        t->masters = (unsigned)((int)t->masters + change);
        t->many_times += change > 0 && t->masters == 2;
        t->masters_max = t->masters > t->masters_max ? t->masters : t->masters_max;
    }
    t->since = w->now;
}

/* Only who runs is a master to anyone. */
static void count_master(struct world *w, struct member *m)
{
    struct oracle *o = w->oracle;
    bool master = is_master(w, m);
    if (m->counted == master) {
        return;
    }
    struct domain *d = &o->domains[m->domain];
    m->counted = master;
    note_tally(w, m->config->vhid, master ? 1 : -1);
    d->stale = !master &&
               (d->stale || (m->state != CARP_BACKUP && o->tallies[m->config->vhid].masters > 0));
    if (o->keeps_annals) {
        if (o->annal_count == o->annal_room) {
            o->annals = memory_grow(o->annals, &o->annal_room, 64, sizeof *o->annals);
        }
        o->annals[o->annal_count++] = (struct annal){w->now, (uint32_t)(m - o->members), master};
    }
}

void oracle_node_changed(struct world *w, const struct node *node)
{
    oracle_disturbed(w);
    for (unsigned g = 0; g < groups_of(node); g++) {
        struct member *m = oracle_member(w, node->index, g);
        if (!node->alive && node->kind == NODE_DAEMON && m->state != CARP_INIT) {
            oracle_role(w, node, g, m->state, CARP_INIT);
        }
        count_master(w, m);
    }
}

static struct bound settle_bound(const struct world *w, uint32_t domain)
{
    const struct oracle *o = w->oracle;
    struct bound b = {.value = {0}};
    carp_duration down = {0}, waits = {0};
    char a[32], c[32], sum[32];
    unsigned rounds = o->domains[domain].mixed ? ROUNDS_MIXED : ROUNDS_OURS;
    for (size_t i = 0; i < o->member_count; i++) {
        const struct member *m = &o->members[i];
        if (m->domain == domain && lives(w, m)) {
            struct timing t = timing_of(w, m);
            down = duration_max(down, (carp_duration){t.down.ns + t.interval.ns + t.slack.ns});
            waits = duration_max(waits, (carp_duration){instant_since(m->excused, w->now).ns});
        }
    }
    b.value = (carp_duration){down.ns * rounds + waits.ns};
    say(&b, "%u rounds of %s + waits %s = %s", rounds, trace_duration(down, a),
        trace_duration(waits, c), trace_duration(b.value, sum));
    return b;
}

/* From when on all is quiet: nothing was disturbed, and nobody had to wait with preempting. */
static carp_instant quiet_since(const struct world *w, uint32_t domain)
{
    const struct oracle *o = w->oracle;
    carp_instant since = o->domains[domain].disturbed;
    for (size_t i = 0; i < o->member_count; i++) {
        const struct member *m = &o->members[i];
        if (m->domain != domain || !m->engine || !lives(w, m)) {
            continue;
        }
        const struct node *node = &w->nodes[m->node];
        const struct carp *c = &host_group(&daemon_of(node)->host, m->group)->carp;
        carp_instant local = node_now(w, node);
        carp_duration ago = instant_since(local, c->preempt_from);
        bool is_free = !instant_before(local, c->preempt_from);
        if (is_free && ago.ns < instant_since(w->now, since).ns) {
            since = (carp_instant){w->now.ns - ago.ns};
        }
    }
    return since;
}

static void check_flap(struct world *w, struct member *m)
{
    struct domain *d = &w->oracle->domains[m->domain];
    if (!w->oracle->liveness || !d->clear) {
        return;
    }
    struct bound b = settle_bound(w, m->domain);
    carp_instant since = quiet_since(w, m->domain);
    if (instant_since(w->now, since).ns > b.value.ns) {
        d->reported[ORACLE_FLAP] = false;
        violate(w, ORACLE_FLAP, m->domain, since, b.text);
    }
}

void oracle_role(struct world *w, const struct node *node, unsigned group, enum carp_state from,
                 enum carp_state to)
{
    struct oracle *o = w->oracle;
    struct member *m = oracle_member(w, node->index, group);
    (void)from;
    if (m->state == to) {
        return;
    }
    m->transitions += 1;
    if (m->state == CARP_MASTER) {
        m->as_master.ns += instant_since(w->now, m->state_since).ns;
    } else if (to == CARP_MASTER) {
        m->became_master += 1;
    }
    m->state = to;
    m->state_since = w->now;
    count_master(w, m);
    if (m->state == CARP_MASTER || from == CARP_MASTER) {
        check_flap(w, m);
    }
    o->domains[m->domain].changed = w->now;
    look_now(w);
}

static void check_lateness(struct world *w, const struct node *node, struct member *m)
{
    const struct domain *d = &w->oracle->domains[m->domain];
    carp_instant limit = instant_add(m->last_advert, m->promised);
    limit = instant_add(limit, timing_of(w, m).slack);
    if (m->last_advert.ns > 0 && instant_before(limit, w->now) &&
        instant_before(d->disturbed, m->last_advert) && !node->frozen) {
        char a[32];
        struct bound b = {.value = m->promised};
        say(&b, "interval of %s %s", node->name, trace_duration(m->promised, a));
        violate(w, ORACLE_LATE, m->domain, m->last_advert, b.text);
    }
}

static void disturb(struct world *w, const struct member *m)
{
    struct domain *d = &w->oracle->domains[m->domain];
    d->disturbed = later(d->disturbed, w->now);
}

void oracle_stepped(struct world *w, const struct node *node, unsigned group,
                    const struct carp_event *event, const struct carp_outcome *out)
{
    struct oracle *o = w->oracle;
    struct member *m = oracle_member(w, node->index, group);
    o->rules[out->rule] = true;
    if (event->type == CARP_EVENT_ADVERT) {
        o->verdicts[out->verdict] = true;
    }
    if (out->rule == CARP_RULE_ADVERT_DUE) {
        check_lateness(w, node, m);
    }
    if (out->to == CARP_MASTER && (out->from != CARP_MASTER || out->rule == CARP_RULE_ADVERT_DUE)) {
        m->last_advert = w->now;
        m->promised = timing_of(w, m).interval;
    }
    if (out->rule == CARP_RULE_OPERATOR || out->rule == CARP_RULE_CLAIM_FAILED) {
        carp_duration hold = {
            carp_master_down(m->config, &host_group(&daemon_of(node)->host, group)->carp).ns +
            event->yield.hold.ns};
        m->excused = instant_add(w->now, hold);
        disturb(w, m);
    }
    if (out->rule == CARP_RULE_DEMOTED || out->rule == CARP_RULE_IDENTITY ||
        out->rule == CARP_RULE_STOPPED) {
        disturb(w, m);
    }
    if (out->from != out->to) {
        bool demoted = out->ours.advskew != m->config->advskew || out->ours.demote != 0;
        o->demote_crossed |= demoted && event->type == CARP_EVENT_ADVERT;
        o->takeover |= out->rule == CARP_RULE_SILENCE;
        oracle_role(w, node, group, out->from, out->to);
    }
}

void oracle_holds(struct world *w, const struct node *node, unsigned group, bool holds)
{
    struct member *m = oracle_member(w, node->index, group);
    m->holds = holds;
    m->holds_since = w->now;
    m->took = holds ? w->now : m->took;
    look_now(w);
}

void oracle_sent(struct world *w, const struct node *node, const struct sim_frame *frame)
{
    struct oracle *o = w->oracle;
    struct sim_frame copy;
    if (node->kind != NODE_DAEMON || frame->class_ != FRAME_ADVERT) {
        return;
    }
    copy = *frame;
    enum carp_verdict verdict = frames_read(&w->frames, &copy);
    for (unsigned g = 0; g < groups_of(node); g++) {
        struct member *m = oracle_member(w, node->index, g);
        if (verdict != CARP_ACCEPTED) {
            violate(w, ORACLE_MALFORMED, m->domain, w->now, verdict_phrase(verdict));
            return;
        }
        if (m->config->vhid != copy.packet.advert.vhid) {
            continue;
        }
        uint64_t counter = copy.packet.advert.counter;
        bool newer = counter - m->last_counter - 1 < UINT64_C(1) << 63; /* around 2^64, too */
        if (m->has_counter && !newer && !o->clock_stepped) {
            violate(w, ORACLE_COUNTER, m->domain, w->now, "each counter above the last");
        }
        m->last_counter = counter;
        m->has_counter = true;
        struct claim said = {0, copy.packet.advert.advbase, copy.packet.advert.advskew};
        m->spoke = !claim_is_farewell(said);
        look_now(w);
        o->domains[m->domain].reported[ORACLE_COUNTER] = false;
    }
}

/* --- checks -------------------------------------------------------------------------------------
 */

static bool can_send(const struct world *w, const struct member *m)
{
    const struct node *node = &w->nodes[m->node];
    return (m->engine ? daemon_of(node)->machine.send_error : peer_of(node)->send_error) == 0;
}

/* Number the cliques of living members; a domain is clear when they are one and nobody hears by
 * chance or in one direction only. */
static void find_cliques(struct world *w)
{
    struct oracle *o = w->oracle;
    uint32_t next = 0;
    for (size_t i = 0; i < o->domain_count; i++) {
        o->domains[i].clear = true;
        o->domains[i].half = false;
    }
    for (size_t i = 0; i < o->member_count; i++) {
        o->members[i].clique = NONE;
    }
    if (o->member_count > CLIQUE_MEMBERS_MAX && (w->split || w->fault_count > 0)) {
        for (size_t i = 0; i < o->domain_count; i++) {
            o->domains[i].clear = false; /* too many to ask of each pair */
        }
        return;
    }
    bool pairs = o->member_count <= CLIQUE_MEMBERS_MAX;
    for (size_t i = 0; i < o->member_count; i++) {
        struct member *m = &o->members[i];
        if (!lives(w, m)) {
            continue;
        }
        m->clique = next;
        bool hears[CLIQUE_MEMBERS_MAX] = {false};
        for (size_t k = 0; k < i; k++) {
            const struct member *other = &o->members[k];
            if (other->domain != m->domain || other->clique == NONE) {
                continue;
            }
            if (!pairs) {
                m->clique = other->clique;
                break;
            }
            bool to_certain = true, from_certain = true;
            bool to = can_send(w, m) && fabric_reaches(w, m->end, other->end, &to_certain);
            bool from = can_send(w, other) && fabric_reaches(w, other->end, m->end, &from_certain);
            bool mutual = to && from && to_certain && from_certain;
            hears[k] = mutual;
            if (mutual) {
                m->clique = other->clique;
            } else {
                o->domains[m->domain].clear = false;
                /* Apart for certain is as clear as together; half is neither. */
                if (to || from) {
                    o->domains[m->domain].half = true;
                }
            }
        }
        for (size_t k = 0; pairs && k < i; k++) {
            const struct member *other = &o->members[k];
            bool together = other->clique == m->clique;
            if (other->domain == m->domain && other->clique != NONE && together != hears[k]) {
                o->domains[m->domain].half = true; /* who hears whom is no clique */
            }
        }
        next += m->clique == next;
    }
}

/* What the cliques follow from beside the topology: is it there, and can it speak? */
static uint8_t sight_of(const struct world *w, const struct member *m)
{
    return (uint8_t)(1 | lives(w, m) << 1 | can_send(w, m) << 2);
}

/* Until the first port that waits now begins to forward. */
static carp_instant topology_until(const struct world *w)
{
    carp_instant until = CARP_NEVER;
    for (size_t i = 0; i < w->end_count; i++) {
        if (instant_before(w->now, w->ends[i].opens)) {
            until = instant_min(until, w->ends[i].opens);
        }
    }
    return until;
}

/* Asking all who hears whom is most of what watching costs, and mostly the answer is known. */
static bool cliques_are_known(const struct world *w)
{
    const struct oracle *o = w->oracle;
    bool known = o->changes_seen == w->changes && instant_before(w->now, o->cliques_until);
    for (size_t i = 0; known && i < o->member_count; i++) {
        known = o->members[i].sight == sight_of(w, &o->members[i]);
    }
    return known;
}

static void refresh_cliques(struct world *w)
{
    struct oracle *o = w->oracle;
    if (cliques_are_known(w)) {
        return;
    }
    if (o->changes_seen != w->changes) {
        o->changes_seen = w->changes;
        for (size_t i = 0; i < o->domain_count; i++) {
            o->domains[i].disturbed = later(o->domains[i].disturbed, w->now);
        }
    }
    o->cliques_until = topology_until(w);
    for (size_t i = 0; i < o->member_count; i++) {
        o->members[i].sight = sight_of(w, &o->members[i]);
    }
    find_cliques(w);
}

struct census {
    unsigned living, masters_most, cliques_dark;
    const struct member *master;
    const struct member *better;
};

/* Of one clique: its masters, and who would do better. */
static struct census count_clique(const struct world *w, uint32_t clique)
{
    const struct oracle *o = w->oracle;
    struct census c = {0};
    for (size_t i = 0; i < o->member_count; i++) {
        const struct member *m = &o->members[i];
        if (m->clique == clique) {
            c.living += 1;
            if (is_master(w, m)) {
                c.masters_most += 1;
                c.master = m;
            }
        }
    }
    for (size_t i = 0; i < o->member_count && c.masters_most == 1 && c.master->engine; i++) {
        const struct member *m = &o->members[i];
        if (m->clique != clique || m == c.master || !m->engine || !m->config->preempt) {
            continue;
        }
        const struct carp *mine = &host_group(&daemon_of(&w->nodes[m->node])->host, m->group)->carp;
        const struct carp *its =
            &host_group(&daemon_of(&w->nodes[c.master->node])->host, c.master->group)->carp;
        struct claim own = carp_claim(m->config, mine);
        struct claim theirs = carp_claim(c.master->config, its);
        carp_instant local = node_now(w, &w->nodes[m->node]);
        if (claim_compare(own, theirs) < 0 && !instant_before(local, mine->preempt_from)) {
            c.better = m;
        }
    }
    return c;
}

/* One property with a bound: it does not hold since `since` (CARP_NEVER: it does). */
static void judge(struct world *w, enum oracle_kind kind, uint32_t domain, carp_instant since,
                  const struct bound *bound)
{
    struct domain *d = &w->oracle->domains[domain];
    if (since.ns == CARP_NEVER.ns) {
        d->reported[kind] = false;
        return;
    }
    carp_instant from = later(since, d->disturbed);
    carp_instant limit = instant_add(from, bound->value);
    if (instant_before(limit, w->now)) {
        violate(w, kind, domain, from, bound->text);
    } else if (limit.ns != CARP_NEVER.ns) {
        oracle_look_again(w, (carp_instant){limit.ns + 1});
    }
}

static void since_when(carp_instant *since, bool holds, carp_instant now)
{
    if (!holds) {
        *since = CARP_NEVER;
    } else if (since->ns == CARP_NEVER.ns) {
        *since = now;
    }
}

/* Several cliques may be without a master: the domain has as long as the slowest of them needs. */
static void longer(struct bound *b, struct bound other)
{
    if (b->value.ns <= other.value.ns) {
        *b = other;
    }
}

static void check_domain(struct world *w, uint32_t index)
{
    struct oracle *o = w->oracle;
    struct domain *d = &o->domains[index];
    bool dual = false, dark = false, worse = false;
    uint32_t last = NONE;
    struct bound duals = {.value = {0}}, darks = duals;
    for (size_t i = 0; i < o->member_count && !d->half; i++) {
        const struct member *m = &o->members[i];
        if (m->domain != index || m->clique == NONE || m->clique == last) {
            continue;
        }
        last = m->clique;
        struct census c = count_clique(w, m->clique);
        dual |= c.masters_most > 1;
        dark |= c.masters_most == 0;
        worse |= c.better != NULL;
        if (c.masters_most == 0) {
            longer(&darks, dark_bound(w, m->clique, d->vhid));
        } else if (c.masters_most > 1) {
            longer(&duals, dual_bound(w, m->clique, d->vhid));
        }
    }
    o->dual_healed |= d->dual_since.ns != CARP_NEVER.ns && !dual;
    since_when(&d->dual_since, dual, w->now);
    since_when(&d->dark_since, dark && o->liveness, w->now);
    since_when(&d->worse_since, worse && o->liveness, w->now);
    if (instant_min(d->dual_since, instant_min(d->dark_since, d->worse_since)).ns ==
        CARP_NEVER.ns) {
        d->dual_limit = (carp_duration){0};
        d->reported[ORACLE_DUAL] = d->reported[ORACLE_DARK] = d->reported[ORACLE_WINNER] = false;
        return;
    }
    /* Who is best may change on the way; the slowest of those who were counts. */
    d->dual_limit = dual ? duration_max(d->dual_limit, duals.value) : (carp_duration){0};
    if (d->dual_limit.ns > duals.value.ns) {
        char limit[32];
        duals.value = d->dual_limit;
        say(&duals, "; of who was best before: %s", trace_duration(duals.value, limit));
    }
    judge(w, ORACLE_DUAL, index, d->dual_since, &duals);
    judge(w, ORACLE_DARK, index, d->dark_since, &darks);
    struct bound winners = winner_bound(w, index);
    judge(w, ORACLE_WINNER, index, d->worse_since, &winners);
}

/* How long a node may hold addresses without being master, and be master without them: as long as
 * its commands take; and when it was killed or frozen, until its guardian has noticed. */
static struct bound hold_bound(const struct world *w, const struct member *m, bool left)
{
    const struct node *node = &w->nodes[m->node];
    struct bound b = {.value = {0}};
    carp_duration commands = {0}, guardian = {0};
    char x[32], y[32], sum[32];
    if (m->engine) {
        const struct machine *machine = &daemon_of(node)->machine;
        commands.ns = machine->commands ? 2 * (machine->up_time.ns + machine->down_time.ns) : 0;
        if (left && (node->frozen || !node->alive)) {
            guardian =
                duration_max(machine->groups[m->group].guard.patience, CARP_MILLISECONDS(250));
            /* Without a guardian the kernel's lifetime, in whole seconds, is what is left. */
            guardian.ns += daemon_of(node)->all_frozen ? 2000000000 : 10000000;
        }
    } else {
        const struct persona_config *config = &peer_of(node)->groups[m->group].config;
        commands.ns = config->up_script.ns + config->down_script.ns;
    }
    b.value = (carp_duration){commands.ns + guardian.ns + node->latency_max.ns + 1000000};
    say(&b, "commands %s + guardian %s + 1 ms and the latency of a wake-up = %s",
        trace_duration(commands, x), trace_duration(guardian, y), trace_duration(b.value, sum));
    return b;
}

static void check_member(struct world *w, struct member *m)
{
    struct oracle *o = w->oracle;
    const struct node *node = &w->nodes[m->node];
    bool knows = node->kind != NODE_DAEMON || daemon_of(node)->machine.groups != NULL;
    if (m->spoke && m->state != CARP_MASTER && m->state_since.ns != w->now.ns && node->alive) {
        violate(w, ORACLE_SPOKE, m->domain, w->now, "adverts from masters only");
    }
    m->spoke = false;
    if (!knows || !node->on || node->paused) {
        return;
    }
    bool master = is_master(w, m);
    bool left = m->holds && !master, missing = !m->holds && master;
    o->domains[m->domain].left |= left;
    o->domains[m->domain].missing |= missing;
    if (left || missing) {
        struct bound b = hold_bound(w, m, left);
        judge(w, left ? ORACLE_LEFT : ORACLE_MISSING, m->domain,
              later(m->state_since, m->holds_since), &b);
    }
}

void oracle_check(struct world *w)
{
    struct oracle *o = w->oracle;
    o->pending = false;
    if (!instant_before(w->now, o->look_at)) {
        o->look_at = CARP_NEVER;
    }
    refresh_cliques(w);
    for (uint32_t i = 0; i < o->domain_count; i++) {
        check_domain(w, i);
    }
    for (size_t i = 0; i < o->member_count; i++) {
        check_member(w, &o->members[i]);
    }
    for (size_t i = 0; i < o->domain_count; i++) {
        struct domain *d = &o->domains[i];
        d->reported[ORACLE_LEFT] &= d->left;
        d->reported[ORACLE_MISSING] &= d->missing;
        d->left = d->missing = false;
    }
}

/* --- the data path -------------------------------------------------------------------------------
 */

static bool has_address(const struct carp_config *config, const struct sim_address *address)
{
    bool v4 = address->family == 4;
    unsigned count = v4 ? config->ipv4_count : config->ipv6_count;
    for (unsigned i = 0; i < count; i++) {
        if (memcmp(v4 ? config->ipv4[i] : config->ipv6[i], address->bytes, v4 ? 4 : 16) == 0) {
            return true;
        }
    }
    return false;
}

/* The only master of an address, when there is just one and all is clear. */
static const struct member *only_master(const struct world *w, const struct sim_address *address)
{
    const struct oracle *o = w->oracle;
    const struct member *found = NULL;
    for (size_t i = 0; i < o->member_count; i++) {
        const struct member *m = &o->members[i];
        if (!has_address(m->config, address)) {
            continue;
        }
        if (lives(w, m) && (!o->domains[m->domain].clear || o->domains[m->domain].stale)) {
            return NULL;
        }
        if (is_master(w, m)) {
            if (found != NULL) {
                return NULL;
            }
            found = m;
        }
    }
    return found;
}

static bool stable_for(const struct world *w, const struct member *m, carp_instant at,
                       carp_duration slack)
{
    const struct domain *d = &w->oracle->domains[m->domain];
    return instant_since(at, later(d->disturbed, d->changed)).ns > slack.ns;
}

static bool held_any(const struct world *w, uint32_t node, carp_instant at)
{
    for (unsigned g = 0; g < groups_of(&w->nodes[node]); g++) {
        const struct member *m = oracle_member(w, node, g);
        if (m->holds || !instant_before(m->holds_since, at)) {
            return true;
        }
    }
    return false;
}

void oracle_answered(struct world *w, const struct node *client, uint32_t by, carp_instant sent)
{
    const struct member *master = only_master(w, &client_of(client)->target);
    if (master != NULL && master->node == by) {
        w->oracle->domains[master->domain].answered = w->now;
        w->oracle->domains[master->domain].reported[ORACLE_ANSWER] = false;
    }
    /* Who held the address when it answered may do so; how long it may hold it is ORACLE_LEFT's
     * concern. */
    if (master == NULL || master->node == by || held_any(w, by, sent) ||
        !stable_for(w, master, w->now, timing_of(w, master).interval)) {
        return;
    }
    violate(w, ORACLE_ANSWER, master->domain, w->now, "the only master for an interval");
}

void oracle_unanswered(struct world *w, const struct node *client, carp_instant asked)
{
    const struct member *master = only_master(w, &client_of(client)->target);
    bool certain, back_certain;
    if (master == NULL || !w->oracle->liveness) {
        return;
    }
    struct domain *d = &w->oracle->domains[master->domain];
    if (instant_before(d->unanswered, d->answered) && instant_before(d->answered, asked)) {
        d->reported[ORACLE_DATA] = false; /* what was wrong had ended */
    }
    d->unanswered = asked;
    /* Without its address it answers nobody: how long its commands may take is judged elsewhere. */
    carp_duration slack = {2 * timing_of(w, master).interval.ns + DATA_SLACK.ns};
    if (!master->holds || instant_since(asked, master->holds_since).ns <= slack.ns) {
        return;
    }
    uint32_t end = client->nics[0].end;
    if (stable_for(w, master, asked, slack) &&
        fabric_reaches_probe(w, end, master->end, &certain) &&
        fabric_reaches_probe(w, master->end, end, &back_certain) && certain && back_certain) {
        char a[32];
        struct bound b = {.value = slack};
        say(&b, "two intervals, and a second to ask anew = %s", trace_duration(slack, a));
        violate(w, ORACLE_DATA, master->domain, asked, b.text);
    }
}

void oracle_finish(struct world *w)
{
    struct oracle *o = w->oracle;
    for (unsigned vhid = 0; vhid < 256; vhid++) {
        if (o->tallies[vhid].vhid != 0) {
            note_tally(w, (uint8_t)vhid, 0);
        }
    }
    for (size_t i = 0; i < o->member_count; i++) {
        struct member *m = &o->members[i];
        if (m->state == CARP_MASTER) {
            m->as_master.ns += instant_since(w->now, m->state_since).ns;
            m->state_since = w->now;
        }
    }
}
