#include "sim/oracle_internal.h"

#include <stdlib.h>
#include <string.h>

#include "sim/memory.h"
#include "sim/trace_text.h"

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

/* --- who is concerned ------------------------------------------------------------------------- */

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

unsigned node_group_count(const struct node *node)
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
        count += node_group_count(&w->nodes[i]);
    }
    o->members = memory_make(count, sizeof *o->members);
    o->first_member = memory_make(w->node_count, sizeof *o->first_member);
    for (size_t i = 0; i < w->node_count; i++) {
        const struct node *node = &w->nodes[i];
        o->first_member[i] = (uint32_t)o->member_count;
        for (unsigned g = 0; g < node_group_count(node); g++) {
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
        free(o);
    }
}

struct member *oracle_member(const struct world *w, uint32_t node, unsigned group)
{
    return &w->oracle->members[w->oracle->first_member[node] + group];
}

/* Takes part: its machine and its program run. */
bool member_lives(const struct world *w, const struct member *m)
{
    const struct node *node = &w->nodes[m->node];
    return node->on && node->alive && !node->frozen && !node->paused && m->state != CARP_INIT;
}

bool member_is_master(const struct world *w, const struct member *m)
{
    return m->state == CARP_MASTER && member_lives(w, m);
}

/* --- what happens ----------------------------------------------------------------------------- */

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
        d->disturbed = instant_later(d->disturbed, until);
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
    for (unsigned g = 0; node != NONE && g < node_group_count(&w->nodes[node]); g++) {
        const struct member *m = oracle_member(w, node, g);
        if (m->domain == domain && m->state == CARP_BACKUP &&
            instant_since(w->now, m->state_since).ns <= bound_delay_max(w).ns) {
            return true;
        }
    }
    return false;
}

/* An announcement was lost: clients may go on with what they knew. */
static void note_untold(struct world *w, uint32_t node)
{
    for (unsigned g = 0; node != NONE && g < node_group_count(&w->nodes[node]); g++) {
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
            d->disturbed = instant_later(d->disturbed, w->now);
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
    bool master = member_is_master(w, m);
    if (m->counted == master) {
        return;
    }
    struct domain *d = &o->domains[m->domain];
    m->counted = master;
    note_tally(w, m->config->vhid, master ? 1 : -1);
    d->stale = !master &&
               (d->stale || (m->state != CARP_BACKUP && o->tallies[m->config->vhid].masters > 0));
}

void oracle_node_changed(struct world *w, const struct node *node)
{
    oracle_disturbed(w);
    for (unsigned g = 0; g < node_group_count(node); g++) {
        struct member *m = oracle_member(w, node->index, g);
        if (!node->alive && node->kind == NODE_DAEMON && m->state != CARP_INIT) {
            oracle_role(w, node, g, m->state, CARP_INIT);
        }
        count_master(w, m);
    }
}

/* From when on all is quiet: nothing was disturbed, and nobody had to wait with preempting. */
static carp_instant quiet_since(const struct world *w, uint32_t domain)
{
    const struct oracle *o = w->oracle;
    carp_instant since = o->domains[domain].disturbed;
    for (size_t i = 0; i < o->member_count; i++) {
        const struct member *m = &o->members[i];
        if (m->domain != domain || !m->engine || !member_lives(w, m)) {
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
    struct bound b = bound_settle(w, m->domain);
    carp_instant since = quiet_since(w, m->domain);
    if (instant_since(w->now, since).ns > b.value.ns) {
        d->reported[ORACLE_FLAP] = false;
        oracle_violate(w, ORACLE_FLAP, m->domain, since, b.text);
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
    limit = instant_add(limit, member_timing(w, m).slack);
    if (m->last_advert.ns > 0 && instant_before(limit, w->now) &&
        instant_before(d->disturbed, m->last_advert) && !node->frozen) {
        char a[32];
        struct bound b = {.value = m->promised};
        bound_say(&b, "interval of %s %s", node->name, trace_duration(m->promised, a));
        oracle_violate(w, ORACLE_LATE, m->domain, m->last_advert, b.text);
    }
}

static void disturb(struct world *w, const struct member *m)
{
    struct domain *d = &w->oracle->domains[m->domain];
    d->disturbed = instant_later(d->disturbed, w->now);
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
        m->promised = member_timing(w, m).interval;
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
    for (unsigned g = 0; g < node_group_count(node); g++) {
        struct member *m = oracle_member(w, node->index, g);
        if (verdict != CARP_ACCEPTED) {
            oracle_violate(w, ORACLE_MALFORMED, m->domain, w->now, verdict_phrase(verdict));
            return;
        }
        if (m->config->vhid != copy.packet.advert.vhid) {
            continue;
        }
        uint64_t counter = copy.packet.advert.counter;
        bool newer = counter - m->last_counter - 1 < UINT64_C(1) << 63; /* around 2^64, too */
        if (m->has_counter && !newer && !o->clock_stepped) {
            oracle_violate(w, ORACLE_COUNTER, m->domain, w->now, "each counter above the last");
        }
        m->last_counter = counter;
        m->has_counter = true;
        struct claim said = {0, copy.packet.advert.advbase, copy.packet.advert.advskew};
        m->spoke = !claim_is_farewell(said);
        look_now(w);
        o->domains[m->domain].reported[ORACLE_COUNTER] = false;
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
