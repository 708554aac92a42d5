#include "sim/queue.h"

#include <stdlib.h>

#include "sim/memory.h"

enum { CLASS_SHIFT = 60, ARITY = 4 };

/* Without a branch: which of two events is earlier no processor guesses. */
static inline bool before(const struct queue_event *a, const struct queue_event *b)
{
    return (a->at.ns < b->at.ns) | ((a->at.ns == b->at.ns) & (a->order < b->order));
}

static inline const struct queue_event *earlier(const struct queue_event *a,
                                                const struct queue_event *b)
{
    return before(b, a) ? b : a;
}

void queue_put(struct queue *q, enum queue_class class, struct queue_event event)
{
    uint64_t rank =
        class == QUEUE_WAKE ? (uint64_t)event.who * QUEUE_WHAT_MAX + event.what : q->next_rank++;
    event.order = (uint64_t) class << CLASS_SHIFT | rank;
    if (q->count == q->room) {
        q->heap = memory_grow(q->heap, &q->room, 64, sizeof *q->heap);
    }
    size_t hole = q->count++;
    while (hole > 0) {
        size_t parent = (hole - 1) / ARITY;
        if (!before(&event, &q->heap[parent])) {
            break;
        }
        q->heap[hole] = q->heap[parent];
        hole = parent;
    }
    q->heap[hole] = event;
}

/* The earliest of a hole's children; q->count when it has none. */
static size_t first_child(const struct queue *q, size_t hole)
{
    size_t child = hole * ARITY + 1;
    if (child >= q->count) {
        return q->count;
    }
    const struct queue_event *at = &q->heap[child], *first = at;
    if (child + ARITY <= q->count) {
        first = earlier(earlier(at, at + 1), earlier(at + 2, at + 3));
    } else {
        for (size_t i = 1; child + i < q->count; i++) {
            first = earlier(first, at + i);
        }
    }
    return (size_t)(first - q->heap);
}

bool queue_take(struct queue *q, struct queue_event *event)
{
    if (q->count == 0) {
        return false;
    }
    *event = q->heap[0];
    struct queue_event last = q->heap[--q->count];
    size_t hole = 0;
    for (size_t child; (child = first_child(q, hole)) < q->count; hole = child) {
        if (!before(&q->heap[child], &last)) {
            break;
        }
        q->heap[hole] = q->heap[child];
    }
    if (q->count > 0) {
        q->heap[hole] = last;
    }
    return true;
}

void queue_free(struct queue *q)
{
    free(q->heap);
    *q = (struct queue){0};
}
