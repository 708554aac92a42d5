#include "sim/oracle_internal.h"

#include <string.h>

#include "sim/trace_text.h"

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
        if (!member_lives(w, m)) {
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
    return (uint8_t)(1 | member_lives(w, m) << 1 | can_send(w, m) << 2);
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
            o->domains[i].disturbed = instant_later(o->domains[i].disturbed, w->now);
        }
    }
    o->cliques_until = topology_until(w);
    for (size_t i = 0; i < o->member_count; i++) {
        o->members[i].sight = sight_of(w, &o->members[i]);
    }
    find_cliques(w);
}

struct census {
    unsigned living, masters_most;
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
            if (member_is_master(w, m)) {
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
    carp_instant from = instant_later(since, d->disturbed);
    carp_instant limit = instant_add(from, bound->value);
    if (instant_before(limit, w->now)) {
        oracle_violate(w, kind, domain, from, bound->text);
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
            longer(&darks, bound_dark(w, m->clique, d->vhid));
        } else if (c.masters_most > 1) {
            longer(&duals, bound_dual(w, m->clique, d->vhid));
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
        bound_say(&duals, "; of who was best before: %s", trace_duration(duals.value, limit));
    }
    judge(w, ORACLE_DUAL, index, d->dual_since, &duals);
    judge(w, ORACLE_DARK, index, d->dark_since, &darks);
    struct bound winners = bound_winner(w, index);
    judge(w, ORACLE_WINNER, index, d->worse_since, &winners);
}

static void check_member(struct world *w, struct member *m)
{
    struct oracle *o = w->oracle;
    const struct node *node = &w->nodes[m->node];
    bool knows = node->kind != NODE_DAEMON || daemon_of(node)->machine.groups != NULL;
    if (m->spoke && m->state != CARP_MASTER && m->state_since.ns != w->now.ns && node->alive) {
        oracle_violate(w, ORACLE_SPOKE, m->domain, w->now, "adverts from masters only");
    }
    m->spoke = false;
    if (!knows || !node->on || node->paused) {
        return;
    }
    bool master = member_is_master(w, m);
    bool left = m->holds && !master, missing = !m->holds && master;
    o->domains[m->domain].left |= left;
    o->domains[m->domain].missing |= missing;
    if (left || missing) {
        struct bound b = bound_hold(w, m, left);
        judge(w, left ? ORACLE_LEFT : ORACLE_MISSING, m->domain,
              instant_later(m->state_since, m->holds_since), &b);
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
