/*
 * The one source of every choice the simulator makes: which frame is lost, how long a delay is,
 * when a fault strikes, what seed a host starts with.
 *
 * A choice is asked for by a key (what is decided, about whom, which one), and answered by a back
 * end: a keyed random function of the run's seed, or a recorded tape. Because the answer depends on
 * the key alone and not on what was asked before, taking one event out of a scenario leaves every
 * other draw as it was. Answer 0 is always the plain outcome (no loss, the shortest delay), so a
 * back end that knows nothing better answers 0.
 */
#ifndef CARP_SIM_DECIDE_H
#define CARP_SIM_DECIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is decided; the number is part of tapes, so new ones go to the end. */
enum decision {
    DECIDE_SEED,      /* about a node: seed of its boot number `which` */
    DECIDE_MOMENT,    /* about a statement: the instant within its range, in ns */
    DECIDE_LOSS,      /* about a direction of a link and a frame: parts per million */
    DECIDE_BURST,     /* likewise: does a burst of loss begin or end */
    DECIDE_DELAY,     /* likewise: jitter in ns */
    DECIDE_DUPLICATE, /* likewise: parts per million */
    DECIDE_LAG,       /* likewise: how much later the duplicate is, in ns */
    DECIDE_REORDER,   /* likewise: parts per million */
    DECIDE_CORRUPT,   /* likewise: parts per million, then which bit */
    DECIDE_BIT,
    DECIDE_WAKE,  /* about a node and its wake-up: latency in ns */
    DECIDE_SWARM, /* about a kind of fault: is it on in this run */
    DECIDE_FAULT, /* about a campaign: what strikes, whom, when, for how long */
    DECIDE_STRANGER,
    DECISION_COUNT
};

struct decision_key {
    enum decision what;
    uint32_t who;
    uint64_t which;
};

/* One choice made, as a tape holds it. */
struct decision_made {
    struct decision_key key;
    uint64_t choices; /* how many there were; 0: 2^64 */
    uint64_t value;   /* below that */
};

/* Choices in the order in which they were asked for. Zeroed: empty. */
struct tape {
    struct decision_made *made; /* owned: tape_free() */
    size_t count, room;
};

struct decisions {
    void *self; /* the back end's */
    uint64_t (*choose)(void *self, const struct decision_key *key, uint64_t choices);
    uint64_t seed;       /* of the keyed back end */
    struct tape *record; /* NULL, or where every choice is appended */
};

/* Keyed (counter-based) randomness: a pure function of the seed and the key. */
void decide_by_seed(struct decisions *d, uint64_t seed);

/* What the tape says about this key, 0 where it says nothing. The tape is borrowed, and sorted. */
void decide_by_tape(struct decisions *d, struct tape *tape);

/* One of `choices` (0: of 2^64), 0 .. choices - 1. */
uint64_t decide(struct decisions *d, enum decision what, uint32_t who, uint64_t which,
                uint64_t choices);

/* True with this many parts in a million. */
static inline bool decide_ppm(struct decisions *d, enum decision what, uint32_t who, uint64_t which,
                              uint32_t ppm)
{
    return ppm != 0 && decide(d, what, who, which, 1000000) >= 1000000 - (uint64_t)ppm;
}

/* The same mixing for other purposes: identities of frames, hashes of content. */
uint64_t decide_mix(uint64_t a, uint64_t b);

/* Text, a line a choice: "what who which choices value". Reading returns the number of the first
 * line that is wrong, 0 when all are right; -1 cast to size_t when memory ran out. */
char *tape_write(const struct tape *tape); /* owned by the caller; NULL without memory */
size_t tape_read(struct tape *tape, const char *text);
void tape_free(struct tape *tape);

#endif
