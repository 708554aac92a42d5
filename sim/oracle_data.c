#include "sim/oracle_internal.h"

#include <string.h>

#include "sim/client.h"
#include "sim/trace_text.h"

/* A client that has to ask who has the address, or was told by the second announcement. */
#define DATA_SLACK CARP_MILLISECONDS(1100)

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
        if (member_lives(w, m) && (!o->domains[m->domain].clear || o->domains[m->domain].stale)) {
            return NULL;
        }
        if (member_is_master(w, m)) {
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
    return instant_since(at, instant_later(d->disturbed, d->changed)).ns > slack.ns;
}

static bool held_any(const struct world *w, uint32_t node, carp_instant at)
{
    for (unsigned g = 0; g < node_group_count(&w->nodes[node]); g++) {
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
        !stable_for(w, master, w->now, member_timing(w, master).interval)) {
        return;
    }
    oracle_violate(w, ORACLE_ANSWER, master->domain, w->now, "the only master for an interval");
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
    carp_duration slack = {2 * member_timing(w, master).interval.ns + DATA_SLACK.ns};
    if (!master->holds || instant_since(asked, master->holds_since).ns <= slack.ns) {
        return;
    }
    uint32_t end = client->nics[0].end;
    if (stable_for(w, master, asked, slack) &&
        fabric_reaches_probe(w, end, master->end, &certain) &&
        fabric_reaches_probe(w, master->end, end, &back_certain) && certain && back_certain) {
        char a[32];
        struct bound b = {.value = slack};
        bound_say(&b, "two intervals, and a second to ask anew = %s", trace_duration(slack, a));
        oracle_violate(w, ORACLE_DATA, master->domain, asked, b.text);
    }
}
