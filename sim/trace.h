/*
 * What happened in a simulation, event by event: a rolling 128-bit hash over all of it, the last
 * few events for whoever explains a violation, and a sink for those that are to be written down.
 *
 * Two runs of the same scenario and seed have the same hash, whatever the compiler, the machine's
 * word size or the fast paths in use. When they do not, their traces as text differ from one line
 * on, and that line is the event to look at.
 */
#ifndef CARP_SIM_TRACE_H
#define CARP_SIM_TRACE_H

#include <stddef.h>

#include "engine/instant.h"

/* What happened; behind it, what `who`, `detail`, `a` and `b` of the event are. */
enum trace_kind {
    TRACE_SENT,      /* node, nic; frame's hash, its size */
    TRACE_DROPPED,   /* node or NONE, reason; frame's hash, end */
    TRACE_STEP,      /* node, group; rule, verdict, states and event, deadline */
    TRACE_PERSONA,   /* node, group; states */
    TRACE_HOLDS,     /* node, group; 1 or 0 */
    TRACE_CLIENT,    /* node, what; probe or MAC, who answered */
    TRACE_STATEMENT, /* line of the scenario, does it end; its number */
    TRACE_NODE,      /* node, enum node_change; its numbers */
    TRACE_LEARNED,   /* switch, MAC; port, the one before */
    TRACE_VIOLATION, /* oracle, domain; since */
    TRACE_KIND_COUNT
};

struct trace_event {
    carp_instant at;
    uint32_t kind; /* enum trace_kind */
    uint32_t who;
    uint64_t detail; /* second subject: a group, a reason */
    uint64_t a, b;
};

enum { TRACE_RING = 64 }; /* a power of two */

struct trace {
    uint64_t hash[2];
    uint64_t count;
    struct trace_event last[TRACE_RING]; /* number n is at n % TRACE_RING */

    /* Called for each event after it was hashed; NULL: nobody listens. */
    void (*sink)(void *self, const struct trace_event *event);
    void *sink_self;
};

static inline uint64_t trace_rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

/* Multiply-and-rotate in two lanes: not cryptographic, but every bit of every event counts. */
static inline void trace_note(struct trace *t, carp_instant at, enum trace_kind kind, uint32_t who,
                              uint64_t detail, uint64_t a, uint64_t b)
{
    uint64_t left = (at.ns ^ trace_rotate(a, 23)) * UINT64_C(0x9e3779b97f4a7c15) +
                    (((uint64_t)kind << 56 ^ (uint64_t)who << 24) ^ detail);
    uint64_t right = (b ^ trace_rotate(detail, 41)) * UINT64_C(0xc2b2ae3d27d4eb4f) +
                     (a ^ trace_rotate(at.ns, 17) ^ who);
    t->hash[0] = trace_rotate(t->hash[0] ^ left, 29) * UINT64_C(0x165667b19e3779f9);
    t->hash[1] = trace_rotate(t->hash[1] + right, 31) * UINT64_C(0x27d4eb2f165667c5) ^ left;
    struct trace_event *event = &t->last[t->count++ % TRACE_RING];
    *event = (struct trace_event){at, (uint32_t)kind, who, detail, a, b};
    if (t->sink != NULL) {
        t->sink(t->sink_self, event);
    }
}

#endif
