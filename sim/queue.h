/*
 * What is to happen, in a total order that is written down: by time; at one instant by class (the
 * script's faults, then arrivals, then wake-ups, then observations); within a class by rank. The
 * rank of a wake-up is its node's index, then `what`, of everything else the order in which it was
 * put here. Wake-ups that are equal in all of this may come in any order.
 *
 * A 4-ary heap of 32-byte events. The number of pending events is small whatever the world's size:
 * a frame is one event for all its receivers, a node has one wake-up.
 */
#ifndef CARP_SIM_QUEUE_H
#define CARP_SIM_QUEUE_H

#include <stddef.h>

#include "engine/instant.h"

enum { QUEUE_WHAT_MAX = 256 };
enum queue_class { QUEUE_SCRIPT, QUEUE_ARRIVAL, QUEUE_WAKE, QUEUE_OBSERVE };

struct queue_event {
    carp_instant at;
    uint64_t order; /* class, then rank */
    uint32_t what;  /* the caller's */
    uint32_t who;
    uint64_t which;
};

/* Zeroed: empty. */
struct queue {
    struct queue_event *heap; /* owned: queue_free() */
    size_t count, room;
    uint64_t next_rank;
};

/* Put an event in; its order is filled in here. QUEUE_WAKE is ranked by `who` and `what` (below
 * QUEUE_WHAT_MAX). Memory that runs out
 * ends the process: a simulation cannot go on without one of its events. */
void queue_put(struct queue *q, enum queue_class class, struct queue_event event);

/* The first event; false: there is none. */
bool queue_take(struct queue *q, struct queue_event *event);

/* When the first event is; CARP_NEVER: there is none. */
static inline carp_instant queue_next(const struct queue *q)
{
    return q->count == 0 ? CARP_NEVER : q->heap[0].at;
}

void queue_free(struct queue *q);

#endif
