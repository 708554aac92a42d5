/*
 * A node that runs our engine, the way carpd does: io/host.c on a machine in memory.
 */
#ifndef CARP_SIM_DAEMON_H
#define CARP_SIM_DAEMON_H

#include "io/host.h"
#include "io/journal/journal.h"
#include "io/sim/machine.h"
#include "sim/world.h"

/* What every frame needs comes first; what only faults and accounts need, last. */
struct daemon {
    struct world *world;
    uint32_t node;
    unsigned group_count;
    struct host_group *groups; /* element g * stride of it */
    size_t stride;
    struct host_interface *interfaces; /* owned, one a nic; NULL until it is started */
    struct host host;
    struct machine machine;
    bool some_disowned;
    bool all_frozen;         /* the guardian is, too: only the kernel's lifetimes act */
    struct journal *journal; /* borrowed; NULL: none is kept */

    uint64_t explained;   /* bad digests that were explained */
    uint32_t seed_about;  /* whom seeds are decided about: the node, unless two should be alike */
    uint64_t wraps_after; /* the first start's counter is so far below 2^64; 0: by the wall clock */
    struct pcapng_sink journal_sink;
    uint64_t wall_apart; /* ns that this machine's wall clock is ahead of the others' */
    uint64_t looped, strangers;
    bool disowned[256];    /* the guardian took this group while we did not run */
    uint8_t restored[256]; /* times that an address was put back since: */
    carp_instant restored_from;
    uint64_t notices[8];             /* seen, by bit of enum carp_notice */
    uint64_t rules[CARP_RULE_COUNT]; /* steps, by rule */
};

extern const struct node_ops daemon_ops;

/*
 * A daemon with these groups. The arrays are the caller's; plan, and book or NULL, of each group
 * are set. machine_groups: as many, or NULL for worlds in which nobody asks who holds what.
 * A node with all its interfaces follows by world_add_nic(); node_boot() starts it.
 */
uint32_t daemon_add(struct world *w, const char *name, struct host_group *groups, size_t stride,
                    unsigned group_count, struct machine_group *machine_groups);

static inline struct daemon *daemon_of(const struct node *node)
{
    return node->self;
}

void daemon_demote(struct world *w, struct node *node, unsigned group, uint8_t weight,
                   carp_duration lasts); /* zero: until lifted */
void daemon_yield(struct world *w, struct node *node, unsigned group);

/* Someone removes the virtual address from the interface. */
void daemon_lose_address(struct world *w, struct node *node, unsigned group);

/* As node_freeze(), and the guardian with it. */
void daemon_freeze_all(struct world *w, struct node *node);

#endif
