#include "sim/client.h"

#include <stdlib.h>
#include <string.h>

#include "sim/memory.h"
#include "sim/oracle.h"

#define ASK_AGAIN CARP_SECONDS(1) /* RFC 1122 2.3.2.1: no faster */

enum client_event { CLIENT_LEARNED, CLIENT_ANSWERED, CLIENT_LOST };

static void note(struct world *w, const struct client *c, enum client_event what, uint64_t a,
                 uint64_t b)
{
    trace_note(&w->trace, w->now, TRACE_CLIENT, c->node, what, a, b);
}

/* --- the neighbour cache ------------------------------------------------------------------------
 */

static void send_probe(struct world *w, struct node *node, struct client *c)
{
    struct packet_probe p = {
        .number = c->next - 1,
        .source = c->own,
        .destination = c->target,
    };
    uint8_t bytes[FRAME_ROOM];
    memcpy(p.destination_mac, c->mac, 6);
    memcpy(p.source_mac, node->nics[0].self.mac, 6);
    c->waits = false;
    fabric_send(w, node, 0, bytes, packet_write_probe(&p, bytes));
}

static void learn(struct world *w, struct node *node, struct client *c,
                  const struct packet_neighbour *n, bool answer)
{
    bool same = c->known && memcmp(c->mac, n->mac, 6) == 0;
    if (!answer && c->ignores_announcements) {
        return;
    }
    if (c->known && !same && !n->override) {
        return;
    }
    if (!same) {
        c->moves += c->known;
        c->conflicts += c->known && answer && instant_since(w->now, c->learned).ns < 100000000;
        memcpy(c->mac, n->mac, 6);
        note(w, c, CLIENT_LEARNED, (uint64_t)n->mac[0] << 40 | (uint64_t)n->mac[4] << 8 | n->mac[5],
             answer);
    }
    c->known = true;
    c->learned = w->now;
    if (c->waits) {
        send_probe(w, node, c);
    }
}

static void ask(struct world *w, struct node *node, struct client *c)
{
    uint8_t bytes[FRAME_ROOM];
    if (c->has_asked && instant_since(w->now, c->asked).ns < ASK_AGAIN.ns) {
        return;
    }
    c->has_asked = true;
    c->asked = w->now;
    c->asks += 1;
    size_t size = packet_ask(node->nics[0].self.mac, &c->own, &c->target, bytes);
    fabric_send(w, node, 0, bytes, size);
}

/* --- accounts -----------------------------------------------------------------------------------
 */

static struct client_probe *open_probe(struct client *c, uint32_t number)
{
    return &c->open[number % c->open_room];
}

static void settle(struct world *w, struct client *c, const struct client_probe *probe)
{
    if (probe->answers > 0) {
        if (c->out) {
            carp_duration lasted = instant_since(probe->sent, c->out_since);
            c->outage_max = duration_max(c->outage_max, lasted);
            c->outage_sum.ns += lasted.ns;
            c->out = false;
        }
        return;
    }
    c->lost += 1;
    note(w, c, CLIENT_LOST, probe->number, 0);
    if (w->oracle != NULL) {
        oracle_unanswered(w, &w->nodes[c->node], probe->sent);
    }
    if (!c->out) {
        c->out = true;
        c->outages += 1;
        c->out_since = probe->sent;
    }
}

/* Probes are settled in order, each when its time is over. */
static void settle_old(struct world *w, struct client *c)
{
    while (c->oldest != c->next) {
        const struct client_probe *probe = open_probe(c, c->oldest);
        if (instant_since(w->now, probe->sent).ns < CLIENT_PATIENCE.ns) {
            break;
        }
        settle(w, c, probe);
        c->oldest += 1;
    }
}

carp_duration client_outage_max(const struct client *c, carp_instant now)
{
    carp_duration going_on = {c->out ? instant_since(now, c->out_since).ns : 0};
    return duration_max(c->outage_max, going_on);
}

/* --- at work ------------------------------------------------------------------------------------
 */

static void probe(struct world *w, struct node *node, struct client *c)
{
    struct client_probe *open = open_probe(c, c->next);
    *open = (struct client_probe){.number = c->next, .sent = w->now};
    c->next += 1;
    c->sent += 1;
    /* An old entry is asked about while it is still in use, three times; then it is given up. */
    carp_duration age = instant_since(w->now, c->learned);
    if (c->known && age.ns >= c->lifetime.ns) {
        c->known = age.ns < c->lifetime.ns + 3 * ASK_AGAIN.ns;
        ask(w, node, c);
    }
    if (c->known) {
        send_probe(w, node, c);
    } else {
        c->waits = true;
        ask(w, node, c);
    }
}

static void run(struct world *w, struct node *node)
{
    struct client *c = client_of(node);
    for (size_t i = 0; i < node->queued; i++) {
        frames_drop(&w->frames, node->queue[i].frame);
    }
    node->queued = 0;
    settle_old(w, c);
    if (!instant_before(node_now(w, node), node->wake_local)) {
        probe(w, node, c);
        node->wake_local = instant_add(node->wake_local, c->period);
    }
}

static void hear_answer(struct world *w, struct client *c, const struct sim_frame *frame)
{
    struct packet_probe p;
    if (!packet_read_probe(frame->bytes, frame->size, &p) || !p.answer ||
        !address_equal(&p.source, &c->target) || p.number >= c->next) {
        return;
    }
    settle_old(w, c);
    if (p.number < c->oldest) {
        c->late += 1;
        return;
    }
    struct client_probe *open = open_probe(c, p.number);
    open->answers += 1;
    c->answered += open->answers == 1;
    c->duplicates += open->answers == 2;
    c->answered_by = frame->origin;
    note(w, c, CLIENT_ANSWERED, p.number, frame->origin);
    if (w->oracle != NULL) {
        oracle_answered(w, &w->nodes[c->node], frame->origin, frame->sent);
    }
}

static void hear(struct world *w, struct node *node, unsigned nic, struct sim_frame *frame)
{
    struct client *c = client_of(node);
    struct packet_neighbour n;
    bool to_us = memcmp(frame->bytes, node->nics[nic].self.mac, 6) == 0;
    if (!to_us && (frame->bytes[0] & 1) == 0) {
        return;
    }
    if (frame->class_ == FRAME_PROBE) {
        hear_answer(w, c, frame);
    } else if ((frame->class_ == FRAME_ARP || frame->class_ == FRAME_NEIGHBOUR) &&
               packet_read_neighbour(frame->bytes, frame->size, &n) && !n.asks &&
               address_equal(&n.target, &c->target)) {
        learn(w, node, c, &n, to_us);
    }
}

static void start(struct world *w, struct node *node)
{
    struct client *c = client_of(node);
    size_t room = (size_t)(CLIENT_PATIENCE.ns / c->period.ns) + 2;
    if (c->open_room < room) {
        free(c->open);
        c->open = memory_make(room, sizeof *c->open);
        c->open_room = room;
        c->oldest = c->next;
    }
    c->known = c->has_asked = c->waits = false;
    node->wake_local = instant_add(node_now(w, node), c->period);
}

static void free_client(struct node *node)
{
    struct client *c = client_of(node);
    free(c->open);
    free(c);
}

const struct node_ops client_ops = {
    .hear = hear,
    .run = run,
    .start = start,
    .free = free_client,
    .promiscuous = true,
};

uint32_t client_add(struct world *w, const char *name, const struct sim_address *own,
                    const struct sim_address *target)
{
    struct client *c = memory_make(1, sizeof *c);
    *c = (struct client){
        .own = *own,
        .target = *target,
        .period = CARP_MILLISECONDS(100),
        .lifetime = CARP_SECONDS(300),
        .answered_by = NONE,
    };
    c->node = world_add_node(w, name, NODE_CLIENT, &client_ops, c);
    return c->node;
}
