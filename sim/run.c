#include "sim/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/crypto_openssl.h"
#include "sim/memory.h"
#include "sim/run_internal.h"

/* A run that does not end by itself within so many events is ended: some minutes of this machine.
 */
#define EVENTS_MAX UINT64_C(4000000000)

/* --- plans --------------------------------------------------------------------------------------
 */

static bool signs_alike(const struct carp_config *a, const struct carp_config *b)
{
    return a->vhid == b->vhid && a->key_count == b->key_count && a->ipv4_count == b->ipv4_count &&
           a->ipv6_count == b->ipv6_count && memcmp(a->keys, b->keys, sizeof a->keys) == 0 &&
           memcmp(a->ipv4, b->ipv4, sizeof a->ipv4) == 0 &&
           memcmp(a->ipv6, b->ipv6, sizeof a->ipv6) == 0;
}

static const struct signer *signer_for(struct run *r, const struct carp_config *config)
{
    struct carp_crypto below;
    for (size_t i = 0; i < r->plan_count; i++) {
        if (signs_alike(&r->plans[i]->config, config)) {
            return r->plans[i]->plan.crypto.self;
        }
    }
    int error = crypto_openssl_make(config, &below);
    if (error != 0) {
        errno = -error; /* for whoever ends because of it */
        return NULL;
    }
    if (r->signer_count == r->signer_room) {
        r->signers = memory_grow(r->signers, &r->signer_room, 4, sizeof(struct signer *));
    }
    struct signer *made = memory_make(1, sizeof *made);
    signer_make(made, &below, r->plain);
    r->signers[r->signer_count++] = made;
    return made;
}

const struct host_plan *run_plan(struct run *r, const struct carp_config *config, unsigned nic)
{
    for (size_t i = 0; i < r->plan_count; i++) {
        struct run_plan *p = r->plans[i];
        if (p->plan.interface == nic && p->config.vhid == config->vhid &&
            p->config.advskew == config->advskew &&
            /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): a second copy does no harm */
            memcmp(&p->config, config, sizeof *config) == 0) {
            return &p->plan;
        }
    }
    const struct signer *signer = signer_for(r, config);
    if (signer == NULL) {
        return NULL;
    }
    if (r->plan_count == r->plan_room) {
        r->plans = memory_grow(r->plans, &r->plan_room, 4, sizeof(struct run_plan *));
    }
    struct run_plan *made = memory_make(1, sizeof *made);
    made->config = *config;
    made->plan = (struct host_plan){&made->config, signer->crypto, nic};
    r->plans[r->plan_count++] = made;
    return &made->plan;
}

/* --- the network --------------------------------------------------------------------------------
 */

static void build_network(struct run *r)
{
    const struct scenario *s = r->scenario;
    for (size_t i = 0; i < s->switch_count; i++) {
        const struct scenario_switch *from = &s->switches[i];
        uint32_t index = world_add_switch(&r->world, from->name);
        struct sim_switch *made = &r->world.switches[index];
        made->ageing = from->ageing;
        made->port_delay = from->port_delay;
        made->snooping = from->snooping;
        made->querier = from->querier;
        made->reflects = from->reflects;
        made->capacity = from->capacity;
        if (made->querier) {
            world_at(&r->world, (carp_instant){1000000}, QUEUE_SCRIPT, EVENT_QUERY, index, 0);
        }
    }
    for (size_t i = 0; i < s->link_count; i++) {
        world_connect_switches(&r->world, s->links[i].a, s->links[i].b, s->links[i].delay);
    }
}

static int build_daemon(struct run *r, const struct scenario_node *n, struct run_host *host)
{
    size_t count = n->group_count;
    host->groups = memory_make(count, sizeof *host->groups);
    host->books = memory_make(count, sizeof *host->books);
    host->machine_groups = memory_make(count, sizeof *host->machine_groups);
    for (size_t g = 0; g < count; g++) {
        host->groups[g].book = &host->books[g];
        host->groups[g].plan = run_plan(r, &n->groups[g].config, n->groups[g].nic);
        if (host->groups[g].plan == NULL) {
            return -errno;
        }
    }
    uint32_t index =
        daemon_add(&r->world, n->name, host->groups, 1, (unsigned)count, host->machine_groups);
    struct daemon *d = daemon_of(&r->world.nodes[index]);
    d->machine.commands = n->commands;
    d->machine.up_time = n->up_time;
    d->machine.down_time = n->down_time;
    d->seed_about = n->seed_about == NONE ? index : n->seed_about;
    d->wraps_after = n->wraps_after;
    return 0;
}

static int build_peer(struct run *r, const struct scenario_node *n)
{
    uint32_t index = peer_add(&r->world, n->name, (unsigned)n->group_count);
    for (size_t g = 0; g < n->group_count; g++) {
        const struct host_plan *plan = run_plan(r, &n->groups[g].config, n->groups[g].nic);
        if (plan == NULL) {
            return -errno;
        }
        struct persona_config config = n->persona;
        config.carp = plan->config;
        config.crypto = &plan->crypto;
        config.siblings = (unsigned)n->group_count;
        peer_configure(&r->world, index, (unsigned)g, n->groups[g].nic, &config);
    }
    return 0;
}

static void build_client(struct run *r, const struct scenario_node *n)
{
    struct sim_address own = {.family = n->target.family};
    memcpy(own.bytes, own.family == 4 ? n->nics[0].self.ipv4 : n->nics[0].self.ipv6,
           own.family == 4 ? 4 : 16);
    uint32_t index = client_add(&r->world, n->name, &own, &n->target);
    struct client *c = client_of(&r->world.nodes[index]);
    c->period = n->period;
    c->lifetime = n->cache;
    c->ignores_announcements = n->ignores_announcements;
}

static int build_node(struct run *r, size_t index)
{
    const struct scenario_node *n = &r->scenario->nodes[index];
    int error = 0;
    switch (n->profile) {
    case PROFILE_ENGINE:
        error = build_daemon(r, n, &r->hosts[index]);
        break;
    case PROFILE_UCARP:
    case PROFILE_FREEBSD:
    case PROFILE_NETBSD:
    case PROFILE_OPENBSD:
        error = build_peer(r, n);
        break;
    case PROFILE_CLIENT:
        build_client(r, n);
        break;
    case PROFILE_STRANGER:
        stranger_add(&r->world, n->name);
        break;
    }
    if (error != 0) {
        return error;
    }
    struct node *node = &r->world.nodes[index];
    node->drift_ppb = n->drift_ppb;
    node->latency_min = n->latency_min;
    node->latency_max = n->latency_max;
    node->queue_max = n->queue_max;
    if (n->profile == PROFILE_ENGINE) {
        node->granularity = n->granularity;
        node->phase = n->phase;
    }
    for (unsigned i = 0; i < n->nic_count; i++) {
        unsigned nic = world_add_nic(&r->world, (uint32_t)index, &n->nics[i].self);
        world_connect_nic(&r->world, (uint32_t)index, nic, n->nics[i].to_switch, n->nics[i].delay);
    }
    if (n->starts.ns != CARP_NEVER.ns) {
        world_at(&r->world, n->starts, QUEUE_SCRIPT, RUN_BOOT, (uint32_t)index, 0);
    }
    return 0;
}

/* --- what happens when ---------------------------------------------------------------------------
 */

/* The instants of all statements; what is a range is picked from here. */
static void pick_instants(struct run *r)
{
    const struct scenario *s = r->scenario;
    for (size_t i = 0; i < s->statement_count; i++) {
        const struct moment *when = &s->statements[i].when;
        const struct moment *before = i == 0 ? NULL : &s->statements[i - 1].when;
        bool follows = when->relative && before != NULL;
        uint64_t base = follows ? r->instants[i - 1].ns : 0;
        uint64_t from = when->from.ns - (follows ? before->from.ns : 0);
        uint64_t to = when->to.ns - (follows ? before->to.ns : 0);
        if (!s->statements[i].after && to > from) {
            from += decide(&r->decisions, DECIDE_MOMENT, s->statements[i].line, 0, to - from + 1);
        }
        r->instants[i] = (carp_instant){base + from};
        world_at(&r->world, r->instants[i], QUEUE_SCRIPT, RUN_STATEMENT, (uint32_t)i, 0);
    }
}

static void on_event(void *self, const struct queue_event *event)
{
    struct run *r = self;
    switch ((enum run_event)event->what) {
    case RUN_BOOT:
        node_boot(&r->world, &r->world.nodes[event->who]);
        run_note_bounds(r);
        break;
    case RUN_STATEMENT:
        run_do(r, event->who);
        break;
    case RUN_STATEMENT_END:
        run_end(r, event->who);
        break;
    case RUN_EXPECT:
    case RUN_EXPECT_LIMIT:
        run_expect_event(r, event);
        break;
    case RUN_CAMPAIGN:
    case RUN_CAMPAIGN_FAULT:
    case RUN_CAMPAIGN_MEND:
        run_campaign_event(r, event);
        break;
    }
}

int run_make(struct run *r, const struct scenario *s, const struct run_options *options)
{
    *r = (struct run){
        .scenario = s,
        .plain = options->plain,
        .watcher = options->watcher,
        .events_max = EVENTS_MAX,
        .hosts = memory_make(s->node_count, sizeof *r->hosts),
        .instants = memory_make(s->statement_count, sizeof *r->instants),
        .limits = memory_make(s->expectation_count, sizeof *r->limits),
        .windows = memory_make(s->expectation_count, sizeof *r->windows),
        .split_by = NONE,
        .sometimes = memory_make(s->expectation_count, sizeof *r->sometimes),
    };
    if (options->decisions != NULL) {
        r->decisions = *options->decisions;
    } else if (options->replay != NULL) {
        decide_by_tape(&r->decisions, options->replay);
    } else {
        decide_by_seed(&r->decisions, options->seed);
    }
    r->decisions.record = options->record;
    world_init(&r->world, &r->decisions);
    r->world.plain = r->world.frames.plain = options->plain;
    r->world.script_self = r;
    r->world.script = on_event;
    build_network(r);
    for (size_t i = 0; i < s->node_count; i++) {
        int error = build_node(r, i);
        if (error != 0) {
            run_free(r);
            return error;
        }
    }
    oracle_make(&r->world);
    pick_instants(r);
    run_schedule_campaign(r);
    run_schedule_expectations(r);
    return 0;
}

bool run_go(struct run *r)
{
    carp_instant end = {r->scenario->horizon.ns};
    bool more = true;
    while (more && r->events < r->events_max) {
        carp_instant next = instant_min(queue_next(&r->world.queue), end);
        if (r->window_count > 0 && instant_before(r->world.now, next)) {
            run_expect_between(r, next);
        }
        more = world_step(&r->world, end);
        r->events += more;
    }
    r->out_of_events = more;
    r->world.now = r->out_of_events ? r->world.now : end;
    if (r->out_of_events) {
        run_fail(r, 0, "stopped after %llu events, before the horizon",
                 (unsigned long long)r->events);
    }
    oracle_finish(&r->world);
    run_expect_end(r);
    return r->failure_count == 0;
}

void run_free(struct run *r)
{
    world_free(&r->world);
    for (size_t i = 0; i < r->plan_count; i++) {
        free(r->plans[i]);
    }
    for (size_t i = 0; i < r->signer_count; i++) {
        crypto_openssl_free(&r->signers[i]->below);
        free(r->signers[i]);
    }
    for (size_t i = 0; r->hosts != NULL && i < r->scenario->node_count; i++) {
        free(r->hosts[i].groups);
        free(r->hosts[i].books);
        free(r->hosts[i].machine_groups);
    }
    free(r->plans);
    free(r->signers);
    free(r->hosts);
    free(r->instants);
    free(r->limits);
    free(r->windows);
    free(r->sometimes);
}
