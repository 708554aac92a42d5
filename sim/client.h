/*
 * Who all this is for: a host that asks a virtual address again and again, through a neighbour
 * cache that can be as stale as a router's, and accounts for what it lost and who answered.
 */
#ifndef CARP_SIM_CLIENT_H
#define CARP_SIM_CLIENT_H

#include "sim/world.h"

enum { CLIENT_ANSWERERS_MAX = 8 };

struct client_probe {
    uint32_t number;
    uint32_t answers;
    carp_instant sent;
};

struct client {
    uint32_t node;
    struct sim_address target;
    struct sim_address own;
    carp_duration period;
    carp_duration lifetime;     /* of its neighbour cache's entry */
    bool ignores_announcements; /* a neighbour that learns from answers alone */

    bool known; /* the cache's entry */
    uint8_t mac[6];
    carp_instant learned;
    carp_instant asked;
    bool has_asked;

    struct client_probe *open; /* owned ring: probes not settled yet, by number */
    size_t open_room;
    uint32_t next, oldest;
    bool waits; /* the last probe waits for the address to be known (RFC 1122 2.3.2.2) */

    /* Accounts. A probe that is not answered within CLIENT_PATIENCE is lost, and its answer late.
     * An outage lasts from the first lost probe to the next that was answered. */
    uint64_t sent, answered, lost, late, duplicates, asks, conflicts, moves;
    bool out;
    carp_instant out_since;
    carp_duration outage_max, outage_sum;
    uint64_t outages;
    uint32_t answered_by; /* the node that answered last; NONE */
};

#define CLIENT_PATIENCE CARP_SECONDS(1)

extern const struct node_ops client_ops;

/* An interface with `self` follows by world_add_nic(). Defaults: a probe each 100 ms, a cache of
 * 300 s. */
uint32_t client_add(struct world *w, const char *name, const struct sim_address *own,
                    const struct sim_address *target);

static inline struct client *client_of(const struct node *node)
{
    return node->self;
}

/* An outage that has not ended counts until now. */
carp_duration client_outage_max(const struct client *c, carp_instant now);

#endif
