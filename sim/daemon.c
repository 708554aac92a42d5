#include "sim/daemon.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/story.h"
#include "sim/memory.h"
#include "sim/oracle.h"

/* When the guardian hears of a death, and how short a silence it takes for one.
 * Source: io/live/guardian_keeper.c; docs/PERFORMANCE.md has the 2 ms. */
#define GUARDIAN_HEARS CARP_MILLISECONDS(2)
#define PATIENCE_MIN   CARP_MILLISECONDS(250)
#define FAREWELL_LATE  CARP_SECONDS(1)

#define WALL_CLOCKS_APART CARP_MILLISECONDS(100)

/* An address that is removed is put back so often in so long. Source: io/live/addresses.c. */
enum { RESTORES_MAX = 3 };
#define RESTORES_WITHIN CARP_SECONDS(60)

static struct node *node_of(const struct daemon *d)
{
    return &d->world->nodes[d->node];
}

static struct host_group *group_of(const struct daemon *d, unsigned group)
{
    return &d->groups[group * d->stride];
}

/* --- the port -----------------------------------------------------------------------------------
 */

static int transmit(void *self, unsigned group, const uint8_t *frame, size_t size)
{
    struct daemon *d = self;
    struct node *node = node_of(d);
    fabric_send(d->world, node, group_of(d, group)->plan->interface, frame, size);
    return 0;
}

static void held(void *self, unsigned group, bool holds)
{
    struct daemon *d = self;
    trace_note(&d->world->trace, d->world->now, TRACE_HOLDS, d->node, group, holds, 0);
    if (d->world->oracle != NULL) {
        oracle_holds(d->world, node_of(d), group, holds);
    }
}

static int port_send(void *self, unsigned group, const uint8_t *frame, size_t size)
{
    struct daemon *d = self;
    int error = machine_send(&d->machine, group, frame, size);
    if (d->journal != NULL) {
        journal_sent(d->journal, group, frame, size, error);
    }
    return error;
}

static int port_claim(void *self, unsigned group, const struct port_guard *guard)
{
    struct daemon *d = self;
    return machine_claim(&d->machine, group, guard);
}

static int port_release(void *self, unsigned group)
{
    struct daemon *d = self;
    return machine_release(&d->machine, group);
}

static void port_wake_at(void *self, carp_instant deadline)
{
    struct daemon *d = self;
    node_of(d)->wake_local =
        d->machine.groups == NULL ? deadline : instant_min(deadline, d->machine.renew_at);
}

static void tell(struct daemon *d, unsigned group, const struct carp_event *event,
                 const struct carp_outcome *out)
{
    struct world *w = d->world;
    char line[STORY_LINE_MAX];
    bool matters = out->from != out->to || out->notices != 0 || out->verdict != CARP_ACCEPTED ||
                   (out->rule != CARP_RULE_MASTER_ALIVE && out->rule != CARP_RULE_ADVERT_DUE &&
                    out->rule != CARP_RULE_SLOWER_TOLERATED && out->rule != CARP_RULE_NONE);
    if (matters) {
        story_line(line, sizeof line, w->now, event, out);
        w->tap.story(w->tap.self, w->now, node_of(d), group, line);
    }
}

static void port_stepped(void *self, unsigned group, carp_instant now,
                         const struct carp_event *event, const struct carp_outcome *out)
{
    struct daemon *d = self;
    struct world *w = d->world;
    const struct carp *c = &group_of(d, group)->carp;
    uint64_t what = (uint64_t)out->rule | (uint64_t)out->verdict << 8 | (uint64_t)out->from << 16 |
                    (uint64_t)out->to << 20 | (uint64_t)event->type << 24;
    trace_note(&w->trace, w->now, TRACE_STEP, d->node, group, what, carp_deadline(c).ns);
    if (d->journal != NULL) {
        journal_stepped(d->journal, group, now, event, out);
    }
    if (w->oracle != NULL) {
        d->rules[out->rule] += 1;
        for (unsigned bit = 0; out->notices >> bit != 0; bit++) {
            d->notices[bit] += out->notices >> bit & 1;
        }
        oracle_stepped(w, node_of(d), group, event, out);
    }
    if (w->tap.story != NULL) {
        tell(d, group, event, out);
    }
    if (w->tap.stepped != NULL) {
        w->tap.stepped(w->tap.self, w->now, node_of(d), group, event, out);
    }
}

static void port_stranger(void *self, unsigned interface, enum carp_verdict verdict,
                          const struct carp_packet *packet)
{
    struct daemon *d = self;
    (void)packet;
    d->strangers += 1;
    trace_note(&d->world->trace, d->world->now, TRACE_STEP, d->node, NONE - (uint64_t)interface,
               (uint64_t)verdict << 8, 0);
}

static void port_explained(void *self, unsigned group, const struct carp_packet *packet,
                           const struct auth_explanation *explanation)
{
    struct daemon *d = self;
    struct world *w = d->world;
    d->explained += 1;
    if (w->tap.story != NULL) {
        char line[STORY_LINE_MAX];
        int used = snprintf(line, sizeof line, "%" PRIu64 ".%09" PRIu64 " ", w->now.ns / 1000000000,
                            w->now.ns % 1000000000);
        story_explanation(line + used, sizeof line - (size_t)used, packet, explanation);
        w->tap.story(w->tap.self, w->now, node_of(d), group, line);
    }
}

/* --- the loop -----------------------------------------------------------------------------------
 */

static void watch_machine(struct daemon *d)
{
    carp_instant due = machine_due(&d->machine);
    if (due.ns != CARP_NEVER.ns) {
        node_kernel_at(d->world, node_of(d), due);
    }
}

static inline void hear_one(struct daemon *d, carp_instant now, unsigned nic,
                            struct sim_frame *frame)
{
    enum carp_verdict verdict = frames_read(&d->world->frames, frame);
    if (d->journal != NULL) {
        journal_hears(d->journal, now, nic, frame->bytes, frame->size);
    }
    host_packet(&d->host, now, nic, verdict, &frame->packet);
    if (d->journal != NULL) {
        journal_heard(d->journal);
    }
}

static inline void end_wake_up(struct daemon *d, carp_instant now)
{
    if (d->machine.groups != NULL) {
        machine_renew(&d->machine);
    }
    host_due(&d->host, now);
    if (d->machine.groups != NULL) {
        watch_machine(d);
    }
}

static uint64_t wall_ns(const struct daemon *d)
{
    int64_t passed = (int64_t)d->world->now.ns + node_of(d)->wall_offset + (int64_t)d->wall_apart;
    return (uint64_t)((int64_t)(WORLD_EPOCH_S * 1000000000) + passed);
}

/* As io/live/worker.c: were we away too long, what was taken from us, what has come in, and only
 * then what is due. */
static inline void begin_wake_up(struct daemon *d, carp_instant now)
{
    d->machine.now = now;
    d->all_frozen = false;
    if (d->journal != NULL) {
        journal_clock(d->journal, now, wall_ns(d));
    }
    for (unsigned g = 0; d->some_disowned && g < d->group_count; g++) {
        if (d->disowned[g]) {
            d->disowned[g] = false;
            host_disowned(&d->host, now, g);
        }
    }
    d->some_disowned = false;
    host_woke(&d->host, now);
}

static void run(struct world *w, struct node *node)
{
    struct daemon *d = daemon_of(node);
    carp_instant now = node_now(w, node);
    begin_wake_up(d, now);
    for (size_t i = 0; i < node->queued; i++) {
        struct received got = node->queue[i];
        hear_one(d, now, got.nic, frame_at(&w->frames, got.frame));
        frames_drop(&w->frames, got.frame);
    }
    node->queued = 0;
    end_wake_up(d, now);
}

static void hear(struct world *w, struct node *node, unsigned nic, struct sim_frame *frame)
{
    struct daemon *d = daemon_of(node);
    carp_instant now = node_now(w, node);
    begin_wake_up(d, now);
    hear_one(d, now, nic, frame);
    end_wake_up(d, now);
}

/* The daemon, then the line that says which group it is, then that group: each leads to the next.
 */
static void expect(const struct node *node, unsigned nic, const struct sim_frame *frame,
                   unsigned step)
{
    const struct daemon *d = daemon_of(node);
    if (step == 0) {
        for (size_t at = 0; at < offsetof(struct daemon, explained); at += MEMORY_LINE) {
            memory_expect((const char *)d + at);
        }
        return;
    }
    if (d->interfaces == NULL) {
        return;
    }
    const uint16_t *group = &d->interfaces[nic].group_of_vhid[frame->packet.advert.vhid];
    if (step == 1) {
        memory_expect(group);
    } else if (*group != 0) {
        const char *state = (const char *)group_of(d, *group - 1u);
        for (size_t at = 0; at < sizeof(struct host_group); at += MEMORY_LINE) {
            memory_expect(state + at);
        }
    }
}

/* --- life ---------------------------------------------------------------------------------------
 */

static void set_link(struct world *w, struct node *node, unsigned nic, bool up)
{
    struct daemon *d = daemon_of(node);
    carp_instant now = node_now(w, node);
    begin_wake_up(d, now);
    host_link(&d->host, now, nic, up ? &node->nics[nic].self : NULL);
    end_wake_up(d, now);
}

/* Each start begins anew: the groups are. Who reads the file is told what could not be written. */
static void begin_journal(struct daemon *d)
{
    struct journal *j = d->journal;
    if (j != NULL) {
        journal_init(j, &d->host, j->interfaces, j->groups, j->application);
        journal_begin(j, d->journal_sink, node_now(d->world, node_of(d)), wall_ns(d));
    }
}

/* The guardian releases a group whose worker is gone, and says the farewell it was given. */
static void release_for(struct daemon *d, unsigned group, bool with_farewell)
{
    struct machine_group *g = &d->machine.groups[group];
    struct world *w = d->world;
    if (!g->wanted) {
        return; /* it was released in good order; a down command may still run */
    }
    machine_take(&d->machine, group);
    trace_note(&w->trace, w->now, TRACE_NODE, d->node, NODE_DISOWNED, group, with_farewell);
    for (unsigned i = 0; i < 2 && with_farewell; i++) {
        if (g->guard.farewell_size[i] > 0) {
            machine_send(&d->machine, group, g->guard.farewell[i], g->guard.farewell_size[i]);
        }
    }
    d->disowned[group] = d->some_disowned = true;
}

/* Whoever starts carpd anew waits for the one before, and that is the guardian: if the worker died
 * a moment ago, the guardian has let go when the new one begins. What addresses are there without
 * it, carpd removes when it starts. Source: io/live/carpd.c, addresses.c. */
static void clear_away(struct daemon *d)
{
    for (unsigned g = 0; d->machine.groups != NULL && g < d->group_count; g++) {
        if (!d->machine.unguarded && !d->all_frozen) {
            release_for(d, g, true);
        }
        machine_take(&d->machine, g);
    }
}

static void start(struct world *w, struct node *node)
{
    struct daemon *d = daemon_of(node);
    const struct port port = {
        .self = d,
        .send = port_send,
        .claim = port_claim,
        .release = port_release,
        .wake_at = port_wake_at,
        .stepped = port_stepped,
        .stranger = port_stranger,
        .explained = port_explained,
    };
    /* No two wall clocks are alike; these are apart by less than a tenth of a second. */
    d->wall_apart = decide(w->decisions, DECIDE_SEED, d->seed_about, 0, WALL_CLOCKS_APART.ns);
    uint64_t seed = decide(w->decisions, DECIDE_SEED, d->seed_about, node->boots, 0);
    uint64_t counter = d->wraps_after > 0 && node->boots == 1 ? 0 - d->wraps_after
                                                              : carp_counter_anchor(wall_ns(d));
    if (d->interfaces == NULL) {
        d->interfaces = memory_make(node->nic_count, sizeof *d->interfaces);
    }
    d->machine.now = node_now(w, node);
    clear_away(d);
    machine_init(&d->machine);
    d->some_disowned = d->all_frozen = false;
    memset(d->disowned, 0, sizeof d->disowned);
    memset(d->restored, 0, sizeof d->restored);
    host_init(&d->host, &port, d->groups, d->group_count, d->stride, d->interfaces, node->nic_count,
              seed, counter);
    begin_journal(d);
    for (unsigned nic = 0; nic < node->nic_count; nic++) {
        set_link(w, node, nic, w->ends[node->nics[nic].end].up);
    }
}

static void guardian_hears_of_end(struct daemon *d)
{
    struct node *node = node_of(d);
    node->last_run = node_now(d->world, node);
    node_kernel_at(d->world, node, instant_add(node->last_run, GUARDIAN_HEARS));
}

static void stop(struct world *w, struct node *node)
{
    struct daemon *d = daemon_of(node);
    carp_instant now = node_now(w, node);
    begin_wake_up(d, now);
    host_stop(&d->host, now);
    watch_machine(d);         /* a down command runs to its end */
    guardian_hears_of_end(d); /* and releases what could not be */
}

static carp_instant guardian_gives_up(const struct daemon *d, unsigned group)
{
    const struct node *node = node_of(d);
    const struct machine_group *g = &d->machine.groups[group];
    if (!g->wanted) {
        return CARP_NEVER;
    }
    return instant_add(node->last_run, duration_max(g->guard.patience, PATIENCE_MIN));
}

/* Commands that end, lifetimes that do, and a worker that gives no sign of life. */
static void kernel(struct world *w, struct node *node)
{
    struct daemon *d = daemon_of(node);
    carp_instant now = node_now(w, node);
    if (d->machine.groups == NULL) {
        return;
    }
    d->machine.now = now;
    bool silent = (node->frozen || !node->alive) && !d->all_frozen && !d->machine.unguarded;
    for (unsigned g = 0; silent && g < d->group_count; g++) {
        carp_instant end =
            node->alive ? guardian_gives_up(d, g) : instant_add(node->last_run, GUARDIAN_HEARS);
        if (!instant_before(now, end)) {
            release_for(d, g, instant_before(now, instant_add(end, FAREWELL_LATE)));
        } else {
            node_kernel_at(w, node, end);
        }
    }
    machine_run(&d->machine);
    watch_machine(d);
}

static void vanish(struct world *w, struct node *node, bool crashed)
{
    struct daemon *d = daemon_of(node);
    if (d->machine.groups == NULL) {
        return;
    }
    d->machine.now = node_now(w, node);
    if (crashed) {
        for (unsigned g = 0; g < d->group_count; g++) {
            machine_take(&d->machine, g);
        }
    } else {
        guardian_hears_of_end(d);
    }
}

static bool answers(struct world *w, struct node *node, unsigned nic,
                    const struct sim_address *address, uint8_t mac[6])
{
    const struct daemon *d = daemon_of(node);
    (void)w;
    for (unsigned g = 0; d->machine.groups != NULL && g < d->group_count; g++) {
        const struct host_plan *plan = group_of(d, g)->plan;
        const struct carp_config *config = plan->config;
        if (!d->machine.groups[g].held || plan->interface != nic) {
            continue;
        }
        bool v4 = address->family == 4;
        unsigned count = v4 ? config->ipv4_count : config->ipv6_count;
        for (unsigned i = 0; i < count; i++) {
            const uint8_t *own = v4 ? config->ipv4[i] : config->ipv6[i];
            if (memcmp(own, address->bytes, v4 ? 4 : 16) == 0) {
                memcpy(mac, node->nics[nic].self.mac, 6);
                return true;
            }
        }
    }
    return false;
}

static void free_daemon(struct node *node)
{
    free(daemon_of(node)->interfaces);
    free(daemon_of(node));
}

const struct node_ops daemon_ops = {
    .hear = hear,
    .expect = expect,
    .run = run,
    .start = start,
    .stop = stop,
    .vanish = vanish,
    .link = set_link,
    .kernel = kernel,
    .answers = answers,
    .free = free_daemon,
};

uint32_t daemon_add(struct world *w, const char *name, struct host_group *groups, size_t stride,
                    unsigned group_count, struct machine_group *machine_groups)
{
    struct daemon *d = memory_make(1, sizeof *d);
    *d = (struct daemon){
        .world = w,
        .groups = groups,
        .stride = stride,
        .group_count = group_count,
        .machine =
            {
                .self = d,
                .transmit = transmit,
                .held = held,
                .groups = machine_groups,
                .group_count = group_count,
            },
    };
    d->node = world_add_node(w, name, NODE_DAEMON, &daemon_ops, d);
    d->seed_about = d->node;
    return d->node;
}

/* --- commands -----------------------------------------------------------------------------------
 */

void daemon_demote(struct world *w, struct node *node, unsigned group, uint8_t weight,
                   carp_duration lasts)
{
    struct daemon *d = daemon_of(node);
    carp_instant now = node_now(w, node);
    carp_instant until = lasts.ns == 0 ? CARP_NEVER : instant_add(now, lasts);
    begin_wake_up(d, now);
    host_demote(&d->host, now, group, HOST_CAUSE_OPERATOR, weight, until);
    end_wake_up(d, now);
    node_arm(w, node);
}

void daemon_yield(struct world *w, struct node *node, unsigned group)
{
    struct daemon *d = daemon_of(node);
    carp_instant now = node_now(w, node);
    begin_wake_up(d, now);
    host_yield(&d->host, now, group, CARP_YIELD_OPERATOR, (carp_duration){0});
    end_wake_up(d, now);
    node_arm(w, node);
}

void daemon_lose_address(struct world *w, struct node *node, unsigned group)
{
    struct daemon *d = daemon_of(node);
    carp_instant now = node_now(w, node);
    struct machine_group *g = &d->machine.groups[group];
    if (!g->held) {
        return;
    }
    begin_wake_up(d, now);
    g->held = false;
    held(d, group, false);
    if (instant_since(now, d->restored_from).ns > RESTORES_WITHIN.ns) {
        d->restored_from = now;
        memset(d->restored, 0, sizeof d->restored);
    }
    if (d->restored[group] < RESTORES_MAX) {
        d->restored[group] += 1;
        g->held = true;
        held(d, group, true);
        host_restored(&d->host, now, group);
    } else {
        host_yield(&d->host, now, group, CARP_YIELD_CLAIM_FAILED, CARP_SECONDS(60));
    }
    end_wake_up(d, now);
    node_arm(w, node);
}

void daemon_freeze_all(struct world *w, struct node *node)
{
    daemon_of(node)->all_frozen = true;
    node_freeze(w, node);
}
