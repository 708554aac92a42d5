#include "sim/peer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/memory.h"
#include "sim/oracle.h"

static struct node *node_of(const struct peer *p)
{
    return &p->world->nodes[p->node];
}

/* --- the port -----------------------------------------------------------------------------------
 */

static int port_send(void *self, const uint8_t *frame, size_t size)
{
    const struct peer_group *g = self;
    struct peer *p = g->peer;
    if (p->send_error != 0) {
        return p->send_error;
    }
    fabric_send(p->world, node_of(p), g->nic, frame, size);
    return 0;
}

static void port_hold(void *self, bool holds, const uint8_t mac[FRAME_MAC_SIZE])
{
    struct peer_group *g = self;
    struct world *w = g->peer->world;
    memcpy(g->mac, mac, sizeof g->mac);
    if (g->holds != holds) {
        g->holds = holds;
        trace_note(&w->trace, w->now, TRACE_HOLDS, g->peer->node, g->index, holds, 0);
        if (w->oracle != NULL) {
            oracle_holds(w, node_of(g->peer), g->index, holds);
        }
    }
}

static void port_changed(void *self, carp_instant now, enum carp_state from, enum carp_state to,
                         const char *why)
{
    struct peer_group *g = self;
    struct world *w = g->peer->world;
    const struct node *node = node_of(g->peer);
    (void)now;
    g->transitions += 1;
    trace_note(&w->trace, w->now, TRACE_PERSONA, node->index, g->index,
               (uint64_t)from << 8 | (uint64_t)to, 0);
    if (w->oracle != NULL) {
        oracle_role(w, node, g->index, from, to);
    }
    if (w->tap.story != NULL) {
        char line[160];
        snprintf(line, sizeof line, "%" PRIu64 ".%09" PRIu64 " %s -> %s (%s)",
                 w->now.ns / 1000000000, w->now.ns % 1000000000, carp_state_word(from),
                 carp_state_word(to), why);
        w->tap.story(w->tap.self, w->now, node, g->index, line);
    }
}

/* --- at work ------------------------------------------------------------------------------------
 */

/* What each virtual host adds (by its link, by sends that fail) counts for all of the machine. */
static void share_demotion(struct peer *p, carp_instant now)
{
    int total = p->demotion;
    for (unsigned g = 0; g < p->group_count; g++) {
        total += persona_adds(&p->groups[g].persona);
    }
    if (total == p->shared) {
        return;
    }
    p->shared = total;
    for (unsigned g = 0; g < p->group_count; g++) {
        persona_demote(&p->groups[g].persona, now, total);
    }
}

/* The end of whatever happened to it. */
static void settle(struct node *node, struct peer *p, carp_instant now)
{
    share_demotion(p, now);
    node->wake_local = CARP_NEVER;
    for (unsigned g = 0; g < p->group_count; g++) {
        node->wake_local = instant_min(node->wake_local, persona_deadline(&p->groups[g].persona));
    }
}

static void hear_all(struct peer *p, carp_instant now, unsigned nic, const struct sim_frame *frame)
{
    for (unsigned g = 0; g < p->group_count; g++) {
        if (p->groups[g].nic == nic) {
            persona_frame(&p->groups[g].persona, now, frame->bytes, frame->size);
        }
    }
}

static void hear(struct world *w, struct node *node, unsigned nic, struct sim_frame *frame)
{
    struct peer *p = peer_of(node);
    carp_instant now = node_now(w, node);
    hear_all(p, now, nic, frame);
    settle(node, p, now);
}

static void run(struct world *w, struct node *node)
{
    struct peer *p = peer_of(node);
    carp_instant now = node_now(w, node);
    for (size_t i = 0; i < node->queued; i++) {
        struct received got = node->queue[i];
        hear_all(p, now, got.nic, frame_at(&w->frames, got.frame));
        frames_drop(&w->frames, got.frame);
    }
    node->queued = 0;
    for (unsigned g = 0; g < p->group_count; g++) {
        persona_due(&p->groups[g].persona, now);
    }
    settle(node, p, now);
}

static void set_link(struct world *w, struct node *node, unsigned nic, bool up)
{
    struct peer *p = peer_of(node);
    carp_instant now = node_now(w, node);
    for (unsigned g = 0; g < p->group_count; g++) {
        if (p->groups[g].nic == nic) {
            persona_link(&p->groups[g].persona, now, up ? &node->nics[nic].self : NULL);
        }
    }
    settle(node, p, now);
}

static void start(struct world *w, struct node *node)
{
    struct peer *p = peer_of(node);
    p->shared = 0;
    for (unsigned g = 0; g < p->group_count; g++) {
        struct peer_group *group = &p->groups[g];
        const struct persona_port port = {group, port_send, port_hold, port_changed};
        group->config.seed =
            decide(w->decisions, DECIDE_SEED, node->index, node->boots << 8 | g, 0);
        persona_init(&group->persona, &group->config, &port);
        group->persona.holds = group->holds; /* a UCARP may have left them behind */
        persona_clock_step(&group->persona, node_now(w, node), node->wall_offset);
    }
    for (unsigned nic = 0; nic < node->nic_count; nic++) {
        set_link(w, node, nic, w->ends[node->nics[nic].end].up);
    }
}

static void stop(struct world *w, struct node *node)
{
    struct peer *p = peer_of(node);
    for (unsigned g = 0; g < p->group_count; g++) {
        persona_stop(&p->groups[g].persona, node_now(w, node));
    }
}

/* A crash takes the addresses with the machine. A killed UCARP leaves them behind. */
static void vanish(struct world *w, struct node *node, bool crashed)
{
    struct peer *p = peer_of(node);
    for (unsigned g = 0; g < p->group_count; g++) {
        struct peer_group *group = &p->groups[g];
        if (persona_state(&group->persona) != CARP_INIT && w->oracle != NULL) {
            oracle_role(w, node, g, persona_state(&group->persona), CARP_INIT);
        }
        if (crashed) {
            port_hold(group, false, group->mac);
        }
    }
}

static void clock_stepped(struct world *w, struct node *node, int64_t ns)
{
    struct peer *p = peer_of(node);
    for (unsigned g = 0; g < p->group_count; g++) {
        persona_clock_step(&p->groups[g].persona, node_now(w, node), ns);
    }
    settle(node, p, node_now(w, node));
}

static bool answers(struct world *w, struct node *node, unsigned nic,
                    const struct sim_address *address, uint8_t mac[6])
{
    const struct peer *p = peer_of(node);
    (void)w;
    for (unsigned g = 0; g < p->group_count; g++) {
        const struct peer_group *group = &p->groups[g];
        const struct carp_config *config = group->config.carp;
        bool v4 = address->family == 4;
        unsigned count = v4 ? config->ipv4_count : config->ipv6_count;
        for (unsigned i = 0; group->holds && group->nic == nic && i < count; i++) {
            const uint8_t *own = v4 ? config->ipv4[i] : config->ipv6[i];
            if (memcmp(own, address->bytes, v4 ? 4 : 16) == 0) {
                memcpy(mac, group->mac, 6);
                return true;
            }
        }
    }
    return false;
}

static void free_peer(struct node *node)
{
    struct peer *p = peer_of(node);
    free(p->groups);
    free(p);
}

const struct node_ops peer_ops = {
    .hear = hear,
    .run = run,
    .start = start,
    .stop = stop,
    .vanish = vanish,
    .link = set_link,
    .clock_stepped = clock_stepped,
    .answers = answers,
    .free = free_peer,
};

uint32_t peer_add(struct world *w, const char *name, unsigned group_count)
{
    struct peer *p = memory_make(1, sizeof *p);
    p->world = w;
    p->group_count = group_count;
    p->groups = memory_make(group_count, sizeof *p->groups);
    p->node = world_add_node(w, name, NODE_PEER, &peer_ops, p);
    return p->node;
}

void peer_configure(struct world *w, uint32_t node, unsigned group, unsigned nic,
                    const struct persona_config *config)
{
    struct peer *p = peer_of(&w->nodes[node]);
    p->groups[group].peer = p;
    p->groups[group].index = group;
    p->groups[group].nic = nic;
    p->groups[group].config = *config;
}

/* --- commands -----------------------------------------------------------------------------------
 */

void peer_demote(struct world *w, struct node *node, int total)
{
    struct peer *p = peer_of(node);
    p->demotion = total;
    settle(node, p, node_now(w, node));
    node_arm(w, node);
}

void peer_yield(struct world *w, struct node *node, unsigned group)
{
    struct peer *p = peer_of(node);
    persona_yield(&p->groups[group].persona, node_now(w, node));
    settle(node, p, node_now(w, node));
    node_arm(w, node);
}

void peer_readdress(struct world *w, struct node *node, unsigned group,
                    const struct carp_config *config, const struct carp_crypto *crypto)
{
    struct peer *p = peer_of(node);
    p->groups[group].config.carp = config;
    p->groups[group].config.crypto = crypto;
    persona_readdress(&p->groups[group].persona, node_now(w, node), config, crypto);
    settle(node, p, node_now(w, node));
    node_arm(w, node);
}

static carp_duration plus(carp_duration a, carp_duration b)
{
    return (carp_duration){a.ns + b.ns};
}

/* Source: docs/PERSONAS.md. UCARP looks at its timers when poll() ends, once an interval, and reads
 * frames when its capture buffer is handed over; a kernel's timers end ticks late. */
struct peer_timing peer_timing(const struct persona_config *config)
{
    struct claim claim = {0, config->carp->advbase, config->carp->advskew};
    struct peer_timing t;
    if (config->kind == PERSONA_UCARP) {
        carp_duration down = claim_master_down(claim, config->carp->dead_ratio);
        t.interval = claim_interval(claim);
        uint64_t polls = (down.ns + t.interval.ns - 1) / t.interval.ns;
        t.down = (carp_duration){polls * t.interval.ns};
        t.slack = plus(config->read_period, plus(config->up_script, t.interval));
    } else {
        carp_duration ticks = {config->tick.ns * (config->tick_extra + 2)};
        t.interval = plus(claim_interval(claim), ticks);
        /* OpenBSD triples the skew, too: carp_setrun() 1.370. */
        t.down = config->kind == PERSONA_OPENBSD
                     ? plus((carp_duration){3 * claim_interval(claim).ns}, ticks)
                     : plus(claim_master_down(claim, 3), ticks);
        t.slack = ticks;
    }
    return t;
}
