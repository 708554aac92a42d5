/*
 * A node that decides as another implementation does: personas (sim/persona.h) on a machine.
 */
#ifndef CARP_SIM_PEER_H
#define CARP_SIM_PEER_H

#include "sim/persona.h"
#include "sim/world.h"

struct peer_group {
    struct persona persona;
    struct peer *peer;
    unsigned index;
    unsigned nic;
    bool holds;
    uint8_t mac[6];
    uint64_t transitions;
    struct persona_config config; /* as it starts with */
};

struct peer {
    struct world *world;
    uint32_t node;
    struct peer_group *groups; /* owned */
    unsigned group_count;
    int demotion;   /* of the whole machine, as told */
    int shared;     /* the total that its virtual hosts know */
    int send_error; /* a fault: -errno of every send */
};

extern const struct node_ops peer_ops;

/* A machine with so many virtual hosts, each to be configured by peer_configure() before it
 * boots. */
uint32_t peer_add(struct world *w, const char *name, unsigned group_count);
void peer_configure(struct world *w, uint32_t node, unsigned group, unsigned nic,
                    const struct persona_config *config);

static inline struct peer *peer_of(const struct node *node)
{
    return node->self;
}

void peer_demote(struct world *w, struct node *node, int total);
void peer_yield(struct world *w, struct node *node, unsigned group);
void peer_readdress(struct world *w, struct node *node, unsigned group,
                    const struct carp_config *config, const struct carp_crypto *crypto);

/* How this implementation keeps time: the interval of its adverts and its patience as they really
 * are, and how long after that it may still act, or after an advert came. */
struct peer_timing {
    carp_duration interval, down, slack;
};
struct peer_timing peer_timing(const struct persona_config *config);

#endif
