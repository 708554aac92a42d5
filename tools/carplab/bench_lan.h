/*
 * The worlds that carplab bench runs: daemons on one learning switch, and what a stretch of their
 * heartbeat costs.
 */
#ifndef CARP_TOOLS_CARPLAB_BENCH_LAN_H
#define CARP_TOOLS_CARPLAB_BENCH_LAN_H

#include "sim/daemon.h"
#include "sim/signer.h"

/* What a world is made of, and what is left out of it or done twice, so that two runs differ by one
 * layer's cost. */
struct lan_shape {
    unsigned nodes;   /* 2 .. 65535 */
    unsigned groups;  /* vhids 1 .. groups, each on every node */
    bool equal;       /* nobody is preferred: the cold start */
    bool plain;       /* none of the simulator's fast paths */
    bool unsigned_;   /* digests come from a function that costs next to nothing */
    bool noted_twice; /* every event of the trace goes into a second trace, too */
    bool kept;        /* hosts keep books and machines know who holds what, */
    bool watched;     /* and the oracle looks on */
};

struct lan {
    struct lan_shape shape;
    struct world world;
    struct decisions decisions;
    struct trace second;
    /* All owned. A vhid's element of plans and configs is followed by that of its backups. */
    struct carp_config *configs;
    struct host_plan *plans;
    struct carp_crypto *crypto;
    struct signer *signers;
    struct host_group *groups; /* those of one vhid side by side */
    struct host_book *books;
    struct machine_group *machine_groups;
};

/* Nothing is booted yet. The lan must not move afterwards. */
void lan_make(struct lan *lan, const struct lan_shape *shape);
void lan_free(struct lan *lan);

/* All boot, so that the beats of the groups are spread evenly over the second (equal: all at one
 * instant), and then run until every master is settled and what a start needs is over. */
void lan_start(struct lan *lan);
#define LAN_STARTED ((carp_instant){UINT64_C(10000000000)})

/* The node that is to be master of a group. */
static inline unsigned lan_master(const struct lan *lan, unsigned group)
{
    return group * 7919 % lan->shape.nodes;
}

/* Is each group's preferred node its only master, and are all others backups? */
bool lan_is_calm(const struct lan *lan);

/* --- what it costs ------------------------------------------------------------------------------
 */

struct lan_figures {
    char wrong[160]; /* what was not as it must be; empty: all was */
    unsigned seconds, rounds;
    uint64_t deliveries, events; /* of a round; events of the queue */
    double start_s, round_s;     /* CPU; of the fastest round */
    uint64_t peak_bytes;         /* of resident memory, the program included */
    uint64_t empty_bytes;        /* before the world was built */
    uint64_t hash[2];
};

double cpu_seconds(void);
uint64_t resident_peak(void);

/* Do something in a child process, whose memory then is its own peak; what it leaves in `out` is
 * brought back. False: the child did not end well. */
bool in_child(void (*work)(const void *in, void *out), const void *in, void *out, size_t size);

/* Build, start and run a world of this shape in a child, rounds of about so many deliveries, and
 * check each: exactly as many deliveries as there are adverts and backups, no transition. */
struct lan_figures lan_measure(const struct lan_shape *shape, uint64_t deliveries, unsigned rounds);

#endif
