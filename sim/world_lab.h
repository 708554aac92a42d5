/*
 * A small world for tests: a switch, and nodes on it that share vhid 1, key `secret` and
 * 10.0.0.254. Cables take 10 us, so two nodes of one switch are 20 us apart.
 *
 * For the network alone there are listeners: they write down each frame they hear, and send frames
 * that carry a letter.
 */
#ifndef CARP_SIM_WORLD_LAB_H
#define CARP_SIM_WORLD_LAB_H

#include "sim/client.h"
#include "sim/daemon.h"
#include "sim/signer.h"
#include "sim/stranger.h"

enum { WORLD_LAB_NODES = 16, WORLD_LAB_FRAME = 101 };

struct world_lab {
    struct world world;
    struct decisions decisions;
    struct carp_config configs[WORLD_LAB_NODES];
    struct host_plan plans[WORLD_LAB_NODES];
    struct host_book books[WORLD_LAB_NODES];
    struct host_group groups[WORLD_LAB_NODES];
    struct machine_group machine_groups[WORLD_LAB_NODES];
    struct carp_crypto crypto;
    struct signer signer;
    struct carp_crypto own[WORLD_LAB_NODES]; /* of daemons with another key */
    uint32_t on;                             /* the switch that new nodes are connected to: 0 */
    carp_duration cable;                     /* of new nodes; 10 us */
    bool dual_stack;                         /* new nodes have fe80::n, daemons hold fd00::fe too */
    char story[16384]; /* a line for each step that matters: "name time ..." */
};

/* The switch; no nodes yet. The seed decides everything. */
void world_lab_init(struct world_lab *lab, uint64_t seed);
void world_lab_free(struct world_lab *lab);

/* A daemon 10.0.0.(index + 1), not booted; its configuration may still be changed. */
uint32_t world_lab_daemon(struct world_lab *lab, const char *name, uint8_t advskew);

/* The same with a key of its own, so that no other accepts what it says. */
uint32_t world_lab_daemon_with_key(struct world_lab *lab, const char *name, uint8_t advskew,
                                   const char *key);

/* A client of 10.0.0.254 (of fd00::fe when there is IPv6), and a stranger. */
uint32_t world_lab_client(struct world_lab *lab, const char *name);
uint32_t world_lab_stranger(struct world_lab *lab, const char *name);

/* A machine that hears all and tells of each frame: "name time letter". Its frames are
 * WORLD_LAB_FRAME bytes long, of the class the kind says, and go to all, or to another node. */
enum world_lab_kind { LAB_OTHER, LAB_ADVERT, LAB_IPV6, LAB_ARP, LAB_PROBE };
uint32_t world_lab_listener(struct world_lab *lab, const char *name);
void world_lab_say(struct world_lab *lab, uint32_t from, enum world_lab_kind kind, char letter);
void world_lab_say_to(struct world_lab *lab, uint32_t from, uint32_t to, char letter);
void world_lab_say_as(struct world_lab *lab, uint32_t from, const uint8_t source_mac[6],
                      char letter);

static inline struct node *world_lab_node(struct world_lab *lab, uint32_t node)
{
    return &lab->world.nodes[node];
}

static inline uint32_t world_lab_end(struct world_lab *lab, uint32_t node)
{
    return lab->world.nodes[node].nics[0].end;
}

/* A fault on the way from the node to its switch, or from there to it. */
uint32_t world_lab_fault_out(struct world_lab *lab, uint32_t node, struct fault fault);
uint32_t world_lab_fault_in(struct world_lab *lab, uint32_t node, struct fault fault);

/* Receivers' shares of frames that are on a cable or held by a fault. */
uint64_t world_lab_in_flight(const struct world_lab *lab);

/* What no frame may do is get lost without a reason: sent + copied must be delivered + dropped +
 * flooded + in flight, and the references to frames those in flight and those that wait in a
 * machine's receive queue. Both differences, 0 each when all is accounted for. */
int64_t world_lab_unaccounted(const struct world_lab *lab);
int64_t world_lab_leaked(const struct world_lab *lab);

/* The state of a daemon's first group, and does its machine hold the address? */
enum carp_state world_lab_state(const struct world_lab *lab, uint32_t node);
bool world_lab_holds(const struct world_lab *lab, uint32_t node);

/* Begin to watch and boot all, in order. */
void world_lab_boot(struct world_lab *lab);
void world_lab_run(struct world_lab *lab, uint64_t until_ms);

#endif
