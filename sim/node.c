#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/memory.h"
#include "sim/oracle.h"
#include "sim/world.h"

/* --- clocks -------------------------------------------------------------------------------------
 */

/* duration * (1 + drift), in pieces that do not overflow. */
static uint64_t drifted(uint64_t ns, int32_t ppb)
{
    int64_t whole = (int64_t)(ns / 1000000000) * ppb;
    int64_t rest = (int64_t)(ns % 1000000000) * ppb / 1000000000;
    return ns + (uint64_t)(whole + rest);
}

carp_instant node_drifted_now(const struct world *w, const struct node *node)
{
    uint64_t passed = w->now.ns - node->clock_world.ns;
    return (carp_instant){node->clock_local.ns + drifted(passed, node->drift_ppb)};
}

/* Whole seconds exactly, the rest to a nanosecond or two; then to the first that is not early. */
static carp_instant drifted_world_time(const struct node *node, uint64_t left)
{
    uint64_t second = (uint64_t)(1000000000 + (int64_t)node->drift_ppb);
    uint64_t passed = left / second * 1000000000 + left % second * 1000000000 / second;
    while (passed > 0 && drifted(passed - 1, node->drift_ppb) >= left) {
        passed -= 1;
    }
    while (drifted(passed, node->drift_ppb) < left) {
        passed += 1;
    }
    return (carp_instant){node->clock_world.ns + passed};
}

static inline carp_instant world_time(const struct world *w, const struct node *node,
                                      carp_instant local)
{
    if (local.ns == CARP_NEVER.ns) {
        return CARP_NEVER;
    }
    if (!instant_before(node_now(w, node), local)) {
        return w->now;
    }
    uint64_t left = local.ns - node->clock_local.ns;
    return node->drift_ppb == 0 ? (carp_instant){node->clock_world.ns + left}
                                : drifted_world_time(node, left);
}

carp_instant node_world_time(const struct world *w, const struct node *node, carp_instant local)
{
    return world_time(w, node, local);
}

static void rebase_clock(const struct world *w, struct node *node)
{
    node->clock_local = node_now(w, node);
    node->clock_world = w->now;
}

/* What waits for instants of this clock waits anew. */
static void clock_changed(struct world *w, struct node *node)
{
    if (node->kernel_at.ns != CARP_NEVER.ns && node->on && !node->paused) {
        node->ops->kernel(w, node);
    }
    node_arm(w, node);
}

void node_set_drift(struct world *w, struct node *node, int32_t ppb)
{
    rebase_clock(w, node);
    node->drift_ppb = ppb;
    clock_changed(w, node);
}

void node_jump_clock(struct world *w, struct node *node, int64_t ns)
{
    rebase_clock(w, node);
    node->clock_local.ns += (uint64_t)ns;
    clock_changed(w, node);
}

void node_step_clock(struct world *w, struct node *node, int64_t ns)
{
    node->wall_offset += ns;
    if (w->oracle != NULL) {
        oracle_clock_stepped(w);
    }
    trace_note(&w->trace, w->now, TRACE_NODE, node->index, NODE_CLOCK_STEPPED, (uint64_t)ns, 0);
    if (node->ops->clock_stepped != NULL && node->alive) {
        node->ops->clock_stepped(w, node, ns);
        node_arm(w, node);
    }
}

/* --- waking up ----------------------------------------------------------------------------------
 */

static bool runs(const struct node *node)
{
    return node->on && node->alive && !node->frozen && !node->paused;
}

/* A timer of this machine set for `at` fires at the next multiple of its granularity. */
static carp_instant fires(const struct node *node, carp_instant at)
{
    uint64_t tick = node->granularity.ns;
    if (tick == 0 || at.ns == CARP_NEVER.ns) {
        return at;
    }
    uint64_t past = (at.ns + tick - node->phase.ns % tick) % tick;
    return past == 0 ? at : (carp_instant){at.ns + (tick - past)};
}

/* A timer that is armed for earlier than needed will find nothing due and be set again: cheaper
 * than taking it out, because most deadlines only ever move on. */
static bool is_armed_for(const struct world *w, const struct node *node, carp_instant at)
{
    return !w->plain && node->armed.ns != CARP_NEVER.ns && instant_before(w->now, node->armed) &&
           !instant_before(at, node->armed);
}

/* The same, as far as it is plain to see: asked after every frame. */
static inline bool is_armed_early(const struct world *w, const struct node *node)
{
    carp_instant at = {node->wake_local.ns - node->clock_local.ns + node->clock_world.ns};
    return node->drift_ppb == 0 && node->granularity.ns == 0 && runs(node) &&
           is_armed_for(w, node, at);
}

void node_arm(struct world *w, struct node *node)
{
    if (!runs(node)) {
        return;
    }
    carp_instant at = world_time(w, node, fires(node, node->wake_local));
    if (at.ns == CARP_NEVER.ns || is_armed_for(w, node, at)) {
        return;
    }
    if (node->armed.ns != at.ns) {
        node->armed = at;
        queue_put(&w->queue, QUEUE_WAKE,
                  (struct queue_event){.at = at, .what = EVENT_TIMER, .who = node->index});
    }
}

/* The program is woken; it runs after this machine's latency. */
static void wake(struct world *w, struct node *node)
{
    if (node->run_at.ns != CARP_NEVER.ns) {
        return;
    }
    carp_duration latency = node->latency_min;
    if (node->latency_max.ns > node->latency_min.ns) {
        uint64_t choices = node->latency_max.ns - node->latency_min.ns + 1;
        latency.ns += decide(w->decisions, DECIDE_WAKE, node->index, node->wakes, choices);
    }
    node->wakes += 1;
    if (latency.ns == 0) {
        node_run(w, node);
        return;
    }
    node->run_at = instant_add(w->now, latency);
    queue_put(&w->queue, QUEUE_WAKE,
              (struct queue_event){.at = node->run_at, .what = EVENT_RUN, .who = node->index});
}

void node_timer(struct world *w, struct node *node, carp_instant at)
{
    if (node->armed.ns != at.ns) {
        return; /* another one was set since */
    }
    node->armed = CARP_NEVER;
    if (!runs(node)) {
        return;
    }
    carp_instant due = world_time(w, node, fires(node, node->wake_local));
    if (instant_before(w->now, due)) {
        node_arm(w, node);
    } else {
        wake(w, node);
    }
}

void node_run_event(struct world *w, struct node *node, carp_instant at)
{
    if (node->run_at.ns != at.ns) {
        return;
    }
    node->run_at = CARP_NEVER;
    if (runs(node)) {
        node_run(w, node);
    }
}

void node_kernel_at(struct world *w, struct node *node, carp_instant local)
{
    carp_instant at = node_world_time(w, node, local);
    if (instant_before(at, node->kernel_at)) {
        node->kernel_at = at;
        queue_put(&w->queue, QUEUE_WAKE,
                  (struct queue_event){.at = at, .what = EVENT_KERNEL, .who = node->index});
    }
}

void node_kernel_event(struct world *w, struct node *node, carp_instant at)
{
    if (node->kernel_at.ns != at.ns) {
        return;
    }
    node->kernel_at = CARP_NEVER;
    if (node->on && !node->paused) {
        node->ops->kernel(w, node);
    }
}

static void empty_queue(struct world *w, struct node *node)
{
    for (size_t i = 0; i < node->queued; i++) {
        frames_drop(&w->frames, node->queue[i].frame);
    }
    node->queued = 0;
}

void node_run(struct world *w, struct node *node)
{
    node->ops->run(w, node);
    assert(node->queued == 0 || !runs(node));
    node->last_run = node_now(w, node);
    node_arm(w, node);
}

/* --- the kernel ---------------------------------------------------------------------------------
 */

static void answer_question(struct world *w, struct node *node, unsigned nic,
                            const struct sim_frame *frame)
{
    struct packet_neighbour n;
    uint8_t mac[6], bytes[FRAME_ROOM];
    if (!packet_read_neighbour(frame->bytes, frame->size, &n) || !n.asks ||
        node->ops->answers == NULL || !node->ops->answers(w, node, nic, &n.target, mac)) {
        return;
    }
    size_t size = packet_answer(mac, &n.target, n.mac, &n.from, bytes);
    fabric_send(w, node, nic, bytes, size);
}

static void answer_probe(struct world *w, struct node *node, unsigned nic,
                         const struct sim_frame *frame)
{
    struct packet_probe probe;
    uint8_t mac[6], bytes[FRAME_ROOM];
    if (!packet_read_probe(frame->bytes, frame->size, &probe) || probe.answer ||
        node->ops->answers == NULL || !node->ops->answers(w, node, nic, &probe.destination, mac)) {
        return;
    }
    struct packet_probe answer = probe;
    answer.answer = true;
    memcpy(answer.destination_mac, probe.source_mac, 6);
    memcpy(answer.source_mac, mac, 6);
    answer.source = probe.destination;
    answer.destination = probe.source;
    fabric_send(w, node, nic, bytes, packet_write_probe(&answer, bytes));
}

void node_report(struct world *w, struct node *node, unsigned nic)
{
    static const uint8_t v4[4] = {224, 0, 0, 18};
    static const uint8_t v6[16] = {0xff, 0x02, [15] = 0x12};
    const struct carp_self *self = &node->nics[nic].self;
    uint8_t bytes[FRAME_ROOM];
    struct sim_address from = {.family = 4};
    if (self->has_ipv4) {
        memcpy(from.bytes, self->ipv4, 4);
        fabric_send(w, node, nic, bytes, packet_report(4, self->mac, &from, v4, bytes));
    }
    if (self->has_ipv6) {
        from.family = 6;
        memcpy(from.bytes, self->ipv6, 16);
        fabric_send(w, node, nic, bytes, packet_report(6, self->mac, &from, v6, bytes));
    }
}

/* Is it for this interface: its own MAC, a group, or one that a held address answers under? */
static bool is_ours(struct world *w, struct node *node, unsigned nic, const struct sim_frame *frame)
{
    if ((frame->bytes[0] & 1) != 0 || memcmp(frame->bytes, node->nics[nic].self.mac, 6) == 0) {
        return true;
    }
    struct packet_probe probe;
    uint8_t mac[6];
    return frame->class_ == FRAME_PROBE && node->ops->answers != NULL &&
           packet_read_probe(frame->bytes, frame->size, &probe) &&
           node->ops->answers(w, node, nic, &probe.destination, mac) &&
           memcmp(mac, frame->bytes, 6) == 0;
}

static void kernel_receive(struct world *w, struct node *node, unsigned nic,
                           const struct sim_frame *frame)
{
    switch ((enum frame_class)frame->class_) {
    case FRAME_ARP:
    case FRAME_NEIGHBOUR:
        answer_question(w, node, nic, frame);
        break;
    case FRAME_PROBE:
        answer_probe(w, node, nic, frame);
        break;
    case FRAME_QUERY:
        if (node->alive) {
            node_report(w, node, nic);
        }
        break;
    case FRAME_ADVERT:
    case FRAME_REPORT:
    case FRAME_OTHER:
        break;
    }
}

/* --- frames -------------------------------------------------------------------------------------
 */

static void enqueue(struct world *w, struct node *node, unsigned nic, uint32_t frame)
{
    if (node->queued == node->queue_max) {
        fabric_drop(w, node->nics[nic].end, frame_at(&w->frames, frame), DROP_OVERFLOW);
        return;
    }
    if (node->queued == node->queue_room) {
        node->queue = memory_grow(node->queue, &node->queue_room, 4, sizeof *node->queue);
    }
    w->delivered += 1;
    node->heard += 1;
    frames_hold(&w->frames, frame);
    node->queue[node->queued++] = (struct received){frame, nic};
}

static bool is_for_kernel(const struct node *node, const struct sim_frame *frame)
{
    return !node->ops->promiscuous && frame->class_ != FRAME_ADVERT;
}

/* While the machine is paused its interface goes on receiving, as far as there is room. */
static void receive_paused(struct world *w, struct node *node, unsigned nic, uint32_t frame)
{
    if (node->queue_lost || !node->alive) {
        fabric_drop(w, node->nics[nic].end, frame_at(&w->frames, frame), DROP_PAUSED);
    } else {
        enqueue(w, node, nic, frame);
    }
}

/* After a pause the kernel takes what was for it; the program's frames stay where they are. */
static void take_for_kernel(struct world *w, struct node *node)
{
    size_t kept = 0;
    for (size_t i = 0; i < node->queued; i++) {
        struct received got = node->queue[i];
        const struct sim_frame *frame = frame_at(&w->frames, got.frame);
        if (is_for_kernel(node, frame)) {
            kernel_receive(w, node, got.nic, frame);
            frames_drop(&w->frames, got.frame);
        } else {
            node->queue[kept++] = got;
        }
    }
    node->queued = kept;
}

void node_receive(struct world *w, struct node *node, unsigned nic, uint32_t frame)
{
    struct sim_frame *f = frame_at(&w->frames, frame);
    if (!node->on) {
        fabric_drop(w, node->nics[nic].end, f, DROP_OFF);
        return;
    }
    bool for_kernel = is_for_kernel(node, f);
    if (for_kernel && !is_ours(w, node, nic, f)) {
        fabric_drop(w, node->nics[nic].end, f, DROP_FILTERED);
        return;
    }
    if (node->paused) {
        receive_paused(w, node, nic, frame);
        return;
    }
    if (for_kernel) {
        w->delivered += 1;
        kernel_receive(w, node, nic, f);
        return;
    }
    if (!node->alive) {
        fabric_drop(w, node->nics[nic].end, f, DROP_NO_DAEMON);
        return;
    }
    if (node->frozen || node->latency_max.ns > 0 || node->queued > 0 ||
        node->run_at.ns != CARP_NEVER.ns) {
        enqueue(w, node, nic, frame);
        if (!node->frozen) {
            wake(w, node);
        }
        return;
    }
    w->delivered += 1;
    node->heard += 1;
    node->wakes += 1;
    node->ops->hear(w, node, nic, f);
    node->last_run = node_now(w, node);
    if (!is_armed_early(w, node)) {
        node_arm(w, node);
    }
}

/* --- life ---------------------------------------------------------------------------------------
 */

static void note(struct world *w, const struct node *node, enum node_change change)
{
    trace_note(&w->trace, w->now, TRACE_NODE, node->index, change, 0, 0);
    w->changes += 1;
    if (w->oracle != NULL) {
        oracle_node_changed(w, node);
    }
}

void node_start(struct world *w, struct node *node)
{
    node->starts = node->on && node->paused && !node->alive;
    if (!node->on || node->alive || node->paused) {
        return;
    }
    node->alive = true;
    node->frozen = false;
    node->boots += 1;
    node->last_run = node_now(w, node);
    note(w, node, NODE_BOOTED);
    for (unsigned i = 0; i < node->nic_count && !node->ops->promiscuous; i++) {
        node_report(w, node, i);
    }
    if (node->ops->start != NULL) {
        node->ops->start(w, node);
    }
    node_arm(w, node);
}

void node_boot(struct world *w, struct node *node)
{
    if (node->on) {
        return;
    }
    node->on = true;
    node->paused = false;
    for (unsigned i = 0; i < node->nic_count; i++) {
        fabric_set_up(w, node->nics[i].end, true);
    }
    node_start(w, node);
}

static void end_program(struct world *w, struct node *node)
{
    node->alive = false;
    node->frozen = false;
    node->starts = false;
    for (unsigned i = 0; i < node->nic_count; i++) {
        node->nics[i].unseen = false; /* the next program sees them as they are */
    }
    node->armed = node->run_at = node->wake_local = CARP_NEVER;
    empty_queue(w, node);
}

void node_stop(struct world *w, struct node *node)
{
    if (!node->alive || node->paused) {
        return;
    }
    if (node->frozen) {
        node_thaw(w, node); /* the signal is pending until it runs */
    }
    if (node->ops->stop != NULL) {
        node->ops->stop(w, node);
    }
    end_program(w, node);
    note(w, node, NODE_STOPPED);
}

/* Nobody can do that to a machine that is paused: no signal arrives. */
void node_kill(struct world *w, struct node *node)
{
    if (!node->alive || node->paused) {
        return;
    }
    end_program(w, node);
    note(w, node, NODE_KILLED);
    if (node->ops->vanish != NULL) {
        node->ops->vanish(w, node, false);
    }
}

void node_crash(struct world *w, struct node *node)
{
    if (!node->on) {
        return;
    }
    end_program(w, node);
    node->on = false;
    node->paused = false;
    for (unsigned i = 0; i < node->nic_count; i++) {
        fabric_set_up(w, node->nics[i].end, false);
    }
    if (node->ops->vanish != NULL) {
        node->ops->vanish(w, node, true);
    }
    note(w, node, NODE_CRASHED);
}

/* It runs again, and is told what it missed: first frames, then links, as they are now. */
static void run_again(struct world *w, struct node *node)
{
    node_run(w, node);
    for (unsigned i = 0; i < node->nic_count && runs(node); i++) {
        if (node->nics[i].unseen && node->ops->link != NULL) {
            node->ops->link(w, node, i, w->ends[node->nics[i].end].up);
        }
        node->nics[i].unseen = false;
    }
    node_arm(w, node);
}

void node_freeze(struct world *w, struct node *node)
{
    if (node->alive && !node->frozen) {
        node->frozen = true;
        node->armed = node->run_at = CARP_NEVER;
        note(w, node, NODE_FROZEN);
        if (node->ops->kernel != NULL && !node->paused) {
            node->ops->kernel(w, node); /* who guards it begins to count */
        }
    }
}

void node_thaw(struct world *w, struct node *node)
{
    if (node->frozen) {
        node->frozen = false;
        note(w, node, NODE_THAWED);
        if (runs(node)) {
            run_again(w, node);
        }
    }
}

void node_pause(struct world *w, struct node *node, bool queue_lost)
{
    if (node->on && !node->paused) {
        node->paused = true;
        node->paused_at = w->now;
        node->paused_local = node_now(w, node);
        node->queue_lost = queue_lost;
        node->armed = node->run_at = CARP_NEVER;
        note(w, node, NODE_PAUSED);
    }
}

void node_resume(struct world *w, struct node *node, carp_duration paused, enum pause_clock clock)
{
    if (!node->paused) {
        return;
    }
    node->paused = false;
    /* Who ends it may have begun another pause, before this one. */
    if (instant_since(w->now, node->paused_at).ns < paused.ns) {
        paused = instant_since(w->now, node->paused_at);
    }
    uint64_t stood_ns = 0;
    if (clock != PAUSE_CONTINUES) {
        rebase_clock(w, node);
        /* Less than that has passed when it drifted otherwise meanwhile. */
        stood_ns = drifted(paused.ns, node->drift_ppb);
        uint64_t passed_ns = instant_since(node->clock_local, node->paused_local).ns;
        stood_ns = stood_ns < passed_ns ? stood_ns : passed_ns;
        node->clock_local.ns -= stood_ns;
    }
    note(w, node, NODE_RESUMED);
    if (node->ops->kernel != NULL) {
        node->ops->kernel(w, node);
    }
    take_for_kernel(w, node);
    if (node->starts) {
        node_start(w, node);
    } else if (runs(node)) {
        run_again(w, node);
    }
    if (clock == PAUSE_JUMPS) {
        node_jump_clock(w, node, (int64_t)stood_ns);
    }
}

void node_set_link(struct world *w, struct node *node, unsigned nic, bool up)
{
    if (!node->on || w->ends[node->nics[nic].end].up == up) {
        return;
    }
    fabric_set_up(w, node->nics[nic].end, up);
    note(w, node, up ? NODE_LINK_UP : NODE_LINK_DOWN);
    node->nics[nic].unseen = node->alive && !runs(node);
    if (node->ops->link != NULL && runs(node)) {
        node->ops->link(w, node, nic, up);
        node_arm(w, node);
    }
}
