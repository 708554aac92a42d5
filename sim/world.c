#include "sim/world.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/memory.h"
#include "sim/oracle.h"

const char *drop_word(enum drop_reason reason)
{
    static const char *const words[] = {
#define X(name, word, phrase) word,
        DROP_REASONS(X)
#undef X
    };
    return words[reason];
}

const char *drop_phrase(enum drop_reason reason)
{
    static const char *const phrases[] = {
#define X(name, word, phrase) phrase,
        DROP_REASONS(X)
#undef X
    };
    return phrases[reason];
}

void world_init(struct world *w, struct decisions *decisions)
{
    *w = (struct world){.decisions = decisions};
}

void world_free(struct world *w)
{
    for (size_t i = 0; i < w->node_count; i++) {
        struct node *node = &w->nodes[i];
        if (node->ops->free != NULL) {
            node->ops->free(node);
        }
        free(node->nics);
        free(node->queue);
        free(node->name);
    }
    for (size_t i = 0; i < w->switch_count; i++) {
        free(w->switches[i].ports);
        free(w->switches[i].table);
        free(w->switches[i].members);
    }
    for (size_t i = 0; i < w->fault_count; i++) {
        free(w->faults[i].held);
    }
    for (size_t i = 0; i < w->batch_count; i++) {
        free(w->batches[i].at);
    }
    for (size_t i = 0; i < w->fan_count; i++) {
        free(w->fans[i].at);
        free(w->fans[i].refused);
    }
    free(w->fans);
    free(w->nodes);
    free(w->switches);
    free(w->ends);
    free(w->faults);
    free(w->batches);
    oracle_free(w->oracle);
    queue_free(&w->queue);
    frames_free(&w->frames);
}

/* --- building ----------------------------------------------------------------------------------
 */

uint32_t world_add_switch(struct world *w, const char *name)
{
    if (w->switch_count == w->switch_room) {
        w->switches = memory_grow(w->switches, &w->switch_room, 2, sizeof *w->switches);
    }
    w->switches[w->switch_count] = (struct sim_switch){
        .name = name,
        .ageing = CARP_SECONDS(300),
    };
    return (uint32_t)w->switch_count++;
}

uint32_t world_add_node(struct world *w, const char *name, enum node_kind kind,
                        const struct node_ops *ops, void *self)
{
    if (w->node_count == w->node_room) {
        w->nodes = memory_grow(w->nodes, &w->node_room, 4, sizeof *w->nodes);
    }
    struct node *node = &w->nodes[w->node_count];
    size_t size = strlen(name) + 1;
    *node = (struct node){
        .ops = ops,
        .self = self,
        .index = (uint32_t)w->node_count,
        .kind = kind,
        .wake_local = CARP_NEVER,
        .armed = CARP_NEVER,
        .run_at = CARP_NEVER,
        .kernel_at = CARP_NEVER,
        .queue_max = 512,
        .name = memory_make(size, 1),
    };
    memcpy(node->name, name, size);
    w->node_count += 1;
    return node->index;
}

unsigned world_add_nic(struct world *w, uint32_t node, const struct carp_self *self)
{
    struct node *n = &w->nodes[node];
    assert(n->nic_count < UINT8_MAX);
    struct nic *grown = memory_make(n->nic_count + 1u, sizeof *grown);
    if (n->nic_count > 0) {
        memcpy(grown, n->nics, n->nic_count * sizeof *grown);
    }
    free(n->nics);
    n->nics = grown;
    n->nics[n->nic_count] = (struct nic){.end = NONE, .self = *self};
    return n->nic_count++;
}

static uint32_t add_end(struct world *w, uint32_t owner, bool is_switch, unsigned nic,
                        carp_duration delay)
{
    if (w->end_count == w->end_room) {
        w->ends = memory_grow(w->ends, &w->end_room, 8, sizeof *w->ends);
    }
    w->ends[w->end_count] = (struct end){
        .peer = NONE,
        .owner = owner,
        .nic = (uint16_t)nic,
        .is_switch = is_switch,
        .up = is_switch,
        .delay = delay,
    };
    return (uint32_t)w->end_count++;
}

static uint32_t add_port(struct world *w, uint32_t switch_index, carp_duration delay)
{
    struct sim_switch *s = &w->switches[switch_index];
    uint32_t end = add_end(w, switch_index, true, 0, delay);
    if (s->port_count == s->port_room) {
        s->ports = memory_grow(s->ports, &s->port_room, 8, sizeof *s->ports);
    }
    s->ports[s->port_count++] = end;
    return end;
}

static void plug(struct world *w, uint32_t a, uint32_t b)
{
    w->ends[a].peer = b;
    w->ends[b].peer = a;
    w->changes += 1;
}

static uint32_t add_nic_end(struct world *w, uint32_t node, unsigned nic, carp_duration delay)
{
    uint32_t end = add_end(w, node, false, nic, delay);
    w->nodes[node].nics[nic].end = end;
    return end;
}

void world_connect_nic(struct world *w, uint32_t node, unsigned nic, uint32_t to_switch,
                       carp_duration delay)
{
    uint32_t end = add_nic_end(w, node, nic, delay);
    plug(w, end, add_port(w, to_switch, delay));
}

void world_connect_switches(struct world *w, uint32_t a, uint32_t b, carp_duration delay)
{
    uint32_t port = add_port(w, a, delay);
    plug(w, port, add_port(w, b, delay));
}

void world_connect_nics(struct world *w, uint32_t a, unsigned nic_a, uint32_t b, unsigned nic_b,
                        carp_duration delay)
{
    uint32_t end = add_nic_end(w, a, nic_a, delay);
    plug(w, end, add_nic_end(w, b, nic_b, delay));
}

void world_at(struct world *w, carp_instant at, enum queue_class class, uint32_t what, uint32_t who,
              uint64_t which)
{
    queue_put(&w->queue, class,
              (struct queue_event){.at = at, .what = what, .who = who, .which = which});
}

/* --- running ------------------------------------------------------------------------------------
 */

static void dispatch(struct world *w, const struct queue_event *event)
{
    switch (event->what) {
    case EVENT_BATCH:
        fabric_arrive(w, event->who);
        break;
    case EVENT_TIMER:
        node_timer(w, &w->nodes[event->who], event->at);
        break;
    case EVENT_RUN:
        node_run_event(w, &w->nodes[event->who], event->at);
        break;
    case EVENT_KERNEL:
        node_kernel_event(w, &w->nodes[event->who], event->at);
        break;
    case EVENT_QUERY:
        fabric_query(w, event->who);
        break;
    case EVENT_PORT: /* it begins to forward: others hear each other from now on */
        w->changes += 1;
        oracle_disturbed(w);
        break;
    case EVENT_ORACLE:
        oracle_check(w);
        break;
    default:
        w->script(w->script_self, event);
        break;
    }
}

bool world_step(struct world *w, carp_instant until)
{
    struct queue_event event;
    if (instant_before(until, queue_next(&w->queue)) || !queue_take(&w->queue, &event)) {
        return false;
    }
    assert(!instant_before(event.at, w->now));
    w->now = event.at;
    w->open_count = 0;
    dispatch(w, &event);
    return true;
}

void world_run(struct world *w, carp_instant until)
{
    while (world_step(w, until)) {
    }
    w->open_count = 0;
    w->now = until;
}
