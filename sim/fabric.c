#include <assert.h>
#include <stdlib.h>

#include "sim/memory.h"
#include "sim/oracle.h"
#include "sim/switch.h"
#include "sim/world.h"

#define QUERY_PERIOD CARP_SECONDS(125)

enum { ETHERNET_OVERHEAD = 24 }; /* preamble, FCS and gap of each frame on the wire */

/* --- arrivals --------------------------------------------------------------------------------- */

static uint32_t make_batch(struct world *w)
{
    if (w->batch_free == 0) {
        if (w->batch_count == w->batch_room) {
            w->batches = memory_grow(w->batches, &w->batch_room, 16, sizeof *w->batches);
        }
        return (uint32_t)w->batch_count++;
    }
    uint32_t index = w->batch_free - 1;
    w->batch_free = w->batches[index].next_free;
    return index;
}

static uint32_t open_batch(struct world *w, carp_instant at)
{
    for (unsigned i = 0; i < w->open_count; i++) {
        if (w->open[i].at.ns == at.ns) {
            return w->open[i].batch;
        }
    }
    uint32_t batch = make_batch(w);
    w->batches[batch].count = 0;
    queue_put(&w->queue, QUEUE_ARRIVAL,
              (struct queue_event){.at = at, .what = EVENT_BATCH, .who = batch});
    if (!w->plain && w->open_count < OPEN_BATCHES_MAX) {
        w->open[w->open_count].at = at;
        w->open[w->open_count].batch = batch;
        w->open_count += 1;
    }
    return batch;
}

/* One more arrival; the frame's reference is the batch's from now on. All that leave for the same
 * instant during one event share a batch, in order. */
static void put(struct world *w, carp_instant at, const struct arrival *arrival)
{
    uint32_t index = open_batch(w, at); /* which may move the array */
    struct batch *b = &w->batches[index];
    if (b->count == b->room) {
        b->at = memory_grow(b->at, &b->room, 4, sizeof *b->at);
    }
    b->at[b->count++] = *arrival;
}

static void put_arrival(struct world *w, carp_instant at, uint32_t end, uint32_t frame)
{
    const struct arrival arrival = {.end = end, .frame = frame};
    put(w, at, &arrival);
}

void fabric_drop(struct world *w, uint32_t end, const struct sim_frame *frame,
                 enum drop_reason reason)
{
    const struct end *at = &w->ends[end];
    w->dropped[reason] += 1;
    if (!at->is_switch) {
        w->nodes[at->owner].dropped[reason] += 1;
    }
    if (reason == DROP_FILTERED || reason == DROP_NO_PORT) {
        return; /* as it should be: no event of its own */
    }
    trace_note(&w->trace, w->now, TRACE_DROPPED, at->is_switch ? NONE : at->owner, reason,
               frame->hash, end);
    if (w->oracle != NULL) {
        oracle_lost(w, end, frame, reason);
    }
    if (w->tap.frame != NULL) {
        w->tap.frame(w->tap.self, w->now, end, frame, (int)reason, drop_phrase(reason));
    }
}

/* --- one way of a link -------------------------------------------------------------------------
 */

static bool matches(const struct fault *fault, const struct sim_frame *frame)
{
    if (fault->origin != NONE && fault->origin != frame->origin) {
        return false;
    }
    unsigned type = (unsigned)frame->bytes[12] << 8 | frame->bytes[13];
    switch (fault->match) {
    case MATCH_ALL:
        return true;
    case MATCH_ADVERTS:
        return frame->class_ == FRAME_ADVERT;
    case MATCH_IPV4:
        return type == 0x0800;
    case MATCH_IPV6:
        return type == 0x86dd;
    case MATCH_NEIGHBOUR:
        return frame->class_ == FRAME_ARP || frame->class_ == FRAME_NEIGHBOUR;
    case MATCH_PROBES:
        return frame->class_ == FRAME_PROBE;
    }
    return false;
}

/* A frame on its way through the faults of one direction. */
struct passage {
    uint32_t end; /* it leaves from here */
    uint32_t frame;
    carp_duration delay;
    unsigned copies;
    carp_duration lag; /* of the second copy */
};

static void drop_passage(struct world *w, const struct passage *p, enum drop_reason reason)
{
    fabric_drop(w, w->ends[p->end].peer, frame_at(&w->frames, p->frame), reason);
    frames_drop(&w->frames, p->frame);
}

static bool is_lost(struct world *w, struct fault *f, const struct passage *p, uint64_t id,
                    enum drop_reason *reason)
{
    f->seen += 1;
    if (f->blocks) {
        *reason = DROP_BLOCKED;
        return true;
    }
    if (f->seen <= 64 && (f->ordinals >> (f->seen - 1) & 1) != 0) {
        *reason = DROP_ORDINAL;
        return true;
    }
    if (f->burst_begin_ppm != 0) {
        uint32_t ppm = f->in_burst ? f->burst_end_ppm : f->burst_begin_ppm;
        f->in_burst ^= decide_ppm(w->decisions, DECIDE_BURST, p->end, id, ppm);
        *reason = DROP_BURST;
        if (f->in_burst) {
            return true;
        }
    }
    *reason = DROP_LOSS;
    return decide_ppm(w->decisions, DECIDE_LOSS, p->end, id, f->loss_ppm);
}

/* Rate and queue: how long this frame waits and takes; false: there was no room for it. */
static bool take_turn(struct world *w, struct fault *f, struct passage *p, size_t size)
{
    if (f->rate == 0) {
        return true;
    }
    uint64_t waiting_ns = instant_since(f->busy_until, w->now).ns;
    if (waiting_ns / 8 * f->rate / 1000000000 > f->queue) {
        return false;
    }
    uint64_t bits = (size + ETHERNET_OVERHEAD) * 8;
    uint64_t takes_ns = bits * 1000000000 / f->rate;
    f->busy_until = (carp_instant){w->now.ns + waiting_ns + takes_ns};
    p->delay.ns += waiting_ns + takes_ns;
    return true;
}

static void say(struct world *w, const struct passage *p, const char *what)
{
    if (w->tap.frame != NULL) {
        w->tap.frame(w->tap.self, w->now, w->ends[p->end].peer, frame_at(&w->frames, p->frame),
                     DROP_REASON_COUNT, what);
    }
}

static void disturb(struct world *w, struct fault *f, struct passage *p, uint64_t id)
{
    p->delay.ns += f->delay.ns;
    if (f->reorder_ppm == 0 && f->duplicate_ppm == 0 && f->jitter.ns > 0) {
        p->delay.ns += decide(w->decisions, DECIDE_DELAY, p->end, id, f->jitter.ns + 1);
    }
    if (decide_ppm(w->decisions, DECIDE_REORDER, p->end, id, f->reorder_ppm)) {
        p->delay.ns += decide(w->decisions, DECIDE_LAG, p->end, id, f->jitter.ns + 1);
        say(w, p, "delayed behind later frames");
    }
    if (decide_ppm(w->decisions, DECIDE_DUPLICATE, p->end, id, f->duplicate_ppm)) {
        p->copies = 2;
        p->lag.ns = decide(w->decisions, DECIDE_LAG, p->end, id, f->jitter.ns + 1);
        say(w, p, "duplicated");
    }
}

/* Corrupt it, or let the frame check sequence find that out; true: it is gone. */
static bool corrupt(struct world *w, struct fault *f, struct passage *p, uint64_t id)
{
    if (!decide_ppm(w->decisions, DECIDE_CORRUPT, p->end, id, f->corrupt_ppm)) {
        return false;
    }
    if (!f->unseen) {
        drop_passage(w, p, DROP_FCS);
        return true;
    }
    unsigned bits = frame_at(&w->frames, p->frame)->size * 8u;
    unsigned bit = (unsigned)decide(w->decisions, DECIDE_BIT, p->end, id, bits);
    uint32_t copy = frames_corrupt(&w->frames, p->frame, bit);
    frames_drop(&w->frames, p->frame);
    p->frame = copy;
    say(w, p, "one bit turned");
    return false;
}

static void hold(struct fault *f, const struct passage *p)
{
    if (f->held_count == f->held_room) {
        f->held = memory_grow(f->held, &f->held_room, 4, sizeof *f->held);
    }
    f->held[f->held_count++] = p->frame;
}

/* The frame through one fault; false: it goes no further. */
static bool pass_fault(struct world *w, uint32_t index, struct passage *p)
{
    struct fault *f = &w->faults[index];
    const struct sim_frame *frame = frame_at(&w->frames, p->frame);
    uint64_t id = frame->id;
    enum drop_reason reason;
    if (!matches(f, frame)) {
        return true;
    }
    if (is_lost(w, f, p, id, &reason)) {
        drop_passage(w, p, reason);
        return false;
    }
    if (f->holds) {
        say(w, p, "held back");
        hold(f, p);
        if (w->oracle != NULL) {
            oracle_disturbed(w);
        }
        return false;
    }
    if (!take_turn(w, f, p, frame->size)) {
        drop_passage(w, p, DROP_QUEUE);
        return false;
    }
    disturb(w, f, p, id);
    return !corrupt(w, f, p, id);
}

static bool passes_split(const struct world *w, uint32_t end, const struct sim_frame *frame)
{
    const struct end *to = &w->ends[w->ends[end].peer];
    uint8_t from_side = w->nodes[frame->origin].side;
    uint8_t to_side = to->is_switch ? 0 : w->nodes[to->owner].side;
    if (from_side == 0 || to_side == 0 || from_side == to_side) {
        return true;
    }
    for (uint32_t f = w->ends[end].fault; f != 0; f = w->faults[f - 1].next) {
        if (w->faults[f - 1].passes && matches(&w->faults[f - 1], frame)) {
            return true;
        }
    }
    return false;
}

/* Nothing can befall a frame that leaves through this end, which has a cable. */
static inline bool is_clear(const struct world *w, const struct end *from)
{
    return from->fault == 0 && !w->split && from->up && w->ends[from->peer].up;
}

/* A frame leaves through this end. One reference is ours, and passed on. */
static void transmit(struct world *w, uint32_t end, uint32_t frame)
{
    struct end *from = &w->ends[end];
    if (from->peer == NONE) {
        fabric_drop(w, end, frame_at(&w->frames, frame), DROP_NO_LINK);
        frames_drop(&w->frames, frame);
        return;
    }
    if (is_clear(w, from)) {
        put_arrival(w, instant_add(w->now, from->delay), from->peer, frame);
        return;
    }
    struct passage p = {end, frame, from->delay, 1, {0}};
    if (!from->up || !w->ends[from->peer].up) {
        drop_passage(w, &p, DROP_NO_LINK);
        return;
    }
    if (w->split && !passes_split(w, end, frame_at(&w->frames, frame))) {
        drop_passage(w, &p, DROP_SPLIT);
        return;
    }
    for (uint32_t f = from->fault; f != 0; f = w->faults[f - 1].next) {
        if (!pass_fault(w, f - 1, &p)) {
            return;
        }
    }
    carp_instant at = instant_add(w->now, p.delay);
    if (p.copies == 2) {
        frames_hold(&w->frames, p.frame);
        w->copied += 1;
        put_arrival(w, instant_add(at, p.lag), from->peer, p.frame);
    }
    put_arrival(w, at, from->peer, p.frame);
}

/* --- fans ---------------------------------------------------------------------------------------
 */

static void release_fan(struct world *w, uint32_t index)
{
    struct fan *fan = &w->fans[index];
    fan->references -= 1;
    if (fan->references == 0) {
        fan->next_free = w->fan_free;
        w->fan_free = index + 1;
    }
}

static uint32_t take_fan(struct world *w)
{
    if (w->fan_free == 0) {
        if (w->fan_count == w->fan_room) {
            w->fans = memory_grow(w->fans, &w->fan_room, 4, sizeof *w->fans);
        }
        return (uint32_t)w->fan_count++;
    }
    assert(w->fans != NULL);
    uint32_t index = w->fan_free - 1;
    w->fan_free = w->fans[index].next_free;
    return index;
}

static void refuse(struct fan *fan, uint32_t port)
{
    if (fan->refused_count == fan->refused_room) {
        fan->refused = memory_grow(fan->refused, &fan->refused_room, 8, sizeof *fan->refused);
    }
    fan->refused[fan->refused_count++] = port;
}

static void add_receiver(const struct world *w, struct fan *fan, uint32_t end)
{
    const struct end *to = &w->ends[end];
    if (fan->count == fan->room) {
        fan->at = memory_grow(fan->at, &fan->room, 8, sizeof *fan->at);
    }
    fan->at[fan->count++] = (struct receiver){end, to->owner, to->nic, to->is_switch};
}

static void fill_fan(const struct world *w, const struct sim_switch *s, struct fan *fan)
{
    fan->count = fan->refused_count = 0;
    fan->until = CARP_NEVER;
    fan->changes = w->changes;
    fan->usable = true;
    for (size_t i = 0; i < s->port_count && fan->usable; i++) {
        const struct end *port = &w->ends[s->ports[i]];
        bool waits = instant_before(w->now, port->opens);
        if (port->peer == NONE || !port->up || waits || !w->ends[port->peer].up) {
            fan->until = waits ? instant_min(fan->until, port->opens) : fan->until;
            refuse(fan, s->ports[i]);
        } else {
            fan->usable = port->fault == 0 && (fan->count == 0 || port->delay.ns == fan->delay.ns);
            fan->delay = port->delay;
            add_receiver(w, fan, port->peer);
        }
    }
}

/* The fan of a switch, as the topology is now; NULL: each port must be looked at. */
static struct fan *fan_of(struct world *w, struct sim_switch *s)
{
    struct fan *fan = s->fan == 0 ? NULL : &w->fans[s->fan - 1];
    if (fan == NULL || fan->changes != w->changes || !instant_before(w->now, fan->until)) {
        if (fan == NULL || fan->references > 1) {
            uint32_t index = take_fan(w); /* which may move the array */
            assert(w->fans != NULL);
            if (fan != NULL) {
                release_fan(w, s->fan - 1);
            }
            s->fan = index + 1;
            fan = &w->fans[index];
            fan->references = 1;
        }
        fill_fan(w, s, fan);
    }
    return fan->usable ? fan : NULL;
}

/* --- flooding -----------------------------------------------------------------------------------
 */

static void flood_through(struct world *w, const struct sim_switch *s, uint32_t port,
                          uint32_t frame, bool snooped)
{
    const struct sim_frame *f = frame_at(&w->frames, frame);
    const struct end *end = &w->ends[port];
    if (!end->up) {
        return;
    }
    w->copied += 1;
    if (instant_before(w->now, end->opens)) {
        fabric_drop(w, end->peer, f, DROP_PORT_WAIT);
    } else if (snooped && !switch_wants(w, s, port, switch_mac_key(f->bytes))) {
        fabric_drop(w, end->peer, f, DROP_SNOOPED);
    } else {
        frames_hold(&w->frames, frame);
        transmit(w, port, frame);
    }
}

static void flood_fan(struct world *w, const struct sim_switch *s, struct fan *fan, uint32_t from,
                      uint32_t frame)
{
    const struct end *in = &w->ends[from];
    for (size_t i = 0; i < fan->refused_count; i++) {
        if (fan->refused[i] != from) {
            flood_through(w, s, fan->refused[i], frame, false);
        }
    }
    size_t count = fan->count - (in->up && w->ends[in->peer].up);
    if (count > 0) {
        const struct arrival arrival = {.end = in->peer, .frame = frame, .fan = s->fan};
        fan->references += 1;
        frames_hold(&w->frames, frame);
        w->copied += count;
        put(w, instant_add(w->now, fan->delay), &arrival);
    }
}

static void flood(struct world *w, struct sim_switch *s, uint32_t from, uint32_t frame)
{
    bool snooped = switch_snoops(s, frame_at(&w->frames, frame));
    struct fan *fan = snooped || w->plain || w->split || s->reflects ? NULL : fan_of(w, s);
    w->flooded += 1;
    if (fan != NULL) {
        flood_fan(w, s, fan, from, frame);
        return;
    }
    /* Two switches that reflect to each other would never come to rest. */
    bool reflects = s->reflects && !w->ends[w->ends[from].peer].is_switch;
    for (size_t i = 0; i < s->port_count; i++) {
        if (s->ports[i] != from || reflects) {
            flood_through(w, s, s->ports[i], frame, snooped);
        }
    }
}

static void forward(struct world *w, uint32_t port, uint32_t frame)
{
    struct end *in = &w->ends[port];
    struct sim_switch *s = &w->switches[in->owner];
    const struct sim_frame *f = frame_at(&w->frames, frame);
    if (instant_before(w->now, in->opens)) {
        fabric_drop(w, port, f, DROP_PORT_WAIT);
        return;
    }
    switch_learn(w, in->owner, port, f->bytes + 6);
    switch_snoop(w, s, port, f);
    uint32_t out = (f->bytes[0] & 1) != 0 ? NONE : switch_look_up(w, s, f->bytes);
    if (out == NONE) {
        flood(w, s, port, frame);
    } else if (out == port) {
        fabric_drop(w, port, f, DROP_NO_PORT);
    } else if (instant_before(w->now, w->ends[out].opens)) {
        fabric_drop(w, w->ends[out].peer, f, DROP_PORT_WAIT);
    } else {
        frames_hold(&w->frames, frame);
        transmit(w, out, frame);
    }
}

void fabric_query(struct world *w, uint32_t switch_index)
{
    struct sim_switch *s = &w->switches[switch_index];
    const uint8_t mac[6] = {0x02, 0xff, 0, 0, (uint8_t)(switch_index >> 8), (uint8_t)switch_index};
    for (uint8_t family = 4; family <= 6; family += 2) {
        uint8_t bytes[FRAME_ROOM];
        size_t size = packet_query(family, mac, bytes);
        uint32_t frame = frames_make(&w->frames, w->now, NONE, 0, bytes, size);
        for (size_t i = 0; i < s->port_count; i++) {
            struct end *end = &w->ends[s->ports[i]];
            if (end->up && !instant_before(w->now, end->opens) && end->peer != NONE &&
                w->ends[end->peer].up && !w->ends[end->peer].is_switch) {
                frames_hold(&w->frames, frame);
                w->copied += 1;
                put_arrival(w, instant_add(w->now, end->delay), end->peer, frame);
            }
        }
        frames_drop(&w->frames, frame);
    }
    world_at(w, instant_add(w->now, QUERY_PERIOD), QUEUE_SCRIPT, EVENT_QUERY, switch_index, 0);
}

/* --- in and out ---------------------------------------------------------------------------------
 */

/* How many receivers ahead what they need is brought into the cache: with very many nodes that
 * takes longer than all the work on a frame. Few nodes are there anyway. */
enum { EXPECT_NODE = 12, EXPECT_PROGRAM = 9, EXPECT_GROUP = 6, EXPECT_STATE = 3, EXPECT_MIN = 256 };

static inline void expect(const struct world *w, const struct receiver *to,
                          const struct sim_frame *frame, unsigned step)
{
    const struct node *node = &w->nodes[to->owner];
    if (!to->is_switch && node->ops->expect != NULL) {
        node->ops->expect(node, to->nic, frame, step);
    }
}

static void look_ahead(const struct world *w, const struct receiver *to,
                       const struct sim_frame *frame)
{
    if (!to[EXPECT_NODE].is_switch) {
        const struct node *node = &w->nodes[to[EXPECT_NODE].owner];
        memory_expect(node);
        memory_expect((const char *)node + MEMORY_LINE);
    }
    if (frame->is_read && frame->verdict == CARP_ACCEPTED) {
        expect(w, to + EXPECT_PROGRAM, frame, 0);
        expect(w, to + EXPECT_GROUP, frame, 1);
        expect(w, to + EXPECT_STATE, frame, 2);
    }
}

static inline void arrive_at(struct world *w, const struct receiver *to, uint32_t frame)
{
    if (to->is_switch) {
        forward(w, to->end, frame);
    } else {
        node_receive(w, &w->nodes[to->owner], to->nic, frame);
    }
}

static void arrive(struct world *w, uint32_t index, uint32_t frame)
{
    const struct end *end = &w->ends[index];
    if (!end->up) {
        fabric_drop(w, index, frame_at(&w->frames, frame), DROP_NO_LINK);
    } else {
        const struct receiver to = {index, end->owner, end->nic, end->is_switch};
        arrive_at(w, &to, frame);
    }
}

static void arrive_at_fan(struct world *w, uint32_t index, uint32_t but, uint32_t frame)
{
    const struct receiver *to = w->fans[index].at; /* they stay where they are; the fan may move */
    size_t count = w->fans[index].count;
    uint32_t changes = w->fans[index].changes;
    const struct sim_frame *f = frame_at(&w->frames, frame);
    bool ahead = count >= EXPECT_MIN && f->class_ == FRAME_ADVERT;
    for (size_t i = 0; i < count; i++) {
        if (ahead && i + EXPECT_NODE < count) {
            look_ahead(w, &to[i], f);
        }
        if (to[i].end == but) {
            continue;
        }
        if (changes == w->changes) { /* all links are up, as they were when it was sent */
            arrive_at(w, &to[i], frame);
        } else {
            arrive(w, to[i].end, frame);
        }
    }
    release_fan(w, index);
}

void fabric_arrive(struct world *w, uint32_t batch)
{
    size_t count = w->batches[batch].count;
    for (size_t i = 0; i < count; i++) {
        struct arrival a = w->batches[batch].at[i]; /* the array may move: others join batches */
        if (a.fan != 0) {
            arrive_at_fan(w, a.fan - 1, a.end, a.frame);
        } else {
            arrive(w, a.end, a.frame);
        }
        frames_drop(&w->frames, a.frame);
    }
    w->batches[batch].next_free = w->batch_free;
    w->batch_free = batch + 1;
}

void fabric_send(struct world *w, struct node *node, unsigned nic, const uint8_t *bytes,
                 size_t size)
{
    uint32_t end = node->nics[nic].end;
    uint64_t id = decide_mix((uint64_t)node->index << 32 | nic, node->sent++);
    uint32_t frame = frames_make(&w->frames, w->now, node->index, id, bytes, size);
    const struct sim_frame *f = frame_at(&w->frames, frame);
    w->sent += 1;
    trace_note(&w->trace, w->now, TRACE_SENT, node->index, nic, f->hash, size);
    if (w->tap.frame != NULL) {
        w->tap.frame(w->tap.self, w->now, end, f, -1, NULL);
    }
    if (w->oracle != NULL) {
        oracle_sent(w, node, f);
    }
    transmit(w, end, frame);
}

void fabric_set_up(struct world *w, uint32_t index, bool up)
{
    struct end *end = &w->ends[index];
    if (end->up == up) {
        return;
    }
    end->up = up;
    w->changes += 1;
    uint32_t both[2] = {index, end->peer};
    for (int i = 0; i < 2; i++) {
        if (both[i] == NONE || !w->ends[both[i]].is_switch) {
            continue;
        }
        struct end *port = &w->ends[both[i]];
        struct sim_switch *s = &w->switches[port->owner];
        switch_forget_port(s, both[i]);
        port->opens = up ? instant_add(w->now, s->port_delay) : port->opens;
        if (up && s->port_delay.ns > 0 && w->oracle != NULL) {
            world_at(w, port->opens, QUEUE_SCRIPT, EVENT_PORT, both[i], 0);
        }
    }
}

uint32_t fabric_add_fault(struct world *w, const struct fault *fault)
{
    uint32_t index;
    if (w->fault_free != 0) {
        index = w->fault_free - 1;
        w->fault_free = w->faults[index].next;
    } else {
        if (w->fault_count == w->fault_room) {
            w->faults = memory_grow(w->faults, &w->fault_room, 8, sizeof *w->faults);
        }
        index = (uint32_t)w->fault_count++;
    }
    w->faults[index] = *fault;
    uint32_t *last = &w->ends[fault->end].fault;
    while (*last != 0) {
        last = &w->faults[*last - 1].next;
    }
    *last = index + 1;
    w->faults[index].next = 0;
    w->changes += 1;
    return index;
}

void fabric_release(struct world *w, uint32_t index)
{
    struct fault *f = &w->faults[index];
    const struct end *end = &w->ends[f->end];
    for (size_t i = 0; i < f->held_count; i++) {
        put_arrival(w, instant_add(w->now, end->delay), end->peer, f->held[i]);
    }
    f->held_count = 0;
    if (w->oracle != NULL) {
        oracle_disturbed(w);
    }
}

void fabric_remove_fault(struct world *w, uint32_t index)
{
    struct fault *f = &w->faults[index];
    fabric_release(w, index);
    if (w->oracle != NULL) {
        /* What it delayed is still on its way, and other faults of this way delayed it more. */
        carp_duration late = {0};
        for (uint32_t i = w->ends[f->end].fault; i != 0; i = w->faults[i - 1].next) {
            late.ns += w->faults[i - 1].delay.ns + w->faults[i - 1].jitter.ns;
        }
        oracle_disturbed_until(w, instant_add(w->now, late));
    }
    uint32_t *at = &w->ends[f->end].fault;
    while (*at != index + 1) {
        at = &w->faults[*at - 1].next;
    }
    *at = f->next;
    free(f->held);
    *f = (struct fault){.next = w->fault_free, .end = NONE};
    w->fault_free = index + 1;
    w->changes += 1;
}
