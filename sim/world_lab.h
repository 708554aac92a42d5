/*
 * A small world for tests: one switch, and nodes on it that share vhid 1, key `secret` and
 * 10.0.0.254.
 */
#ifndef CARP_SIM_WORLD_LAB_H
#define CARP_SIM_WORLD_LAB_H

#include "sim/client.h"
#include "sim/daemon.h"
#include "sim/signer.h"
#include "sim/stranger.h"

enum { WORLD_LAB_NODES = 8 };

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
    char story[16384]; /* a line for each step that matters: "name time ..." */
};

/* The switch; no nodes yet. The seed decides everything. */
void world_lab_init(struct world_lab *lab, uint64_t seed);
void world_lab_free(struct world_lab *lab);

/* A daemon 10.0.0.(index + 1), not booted; its configuration may still be changed. */
uint32_t world_lab_daemon(struct world_lab *lab, const char *name, uint8_t advskew);

/* A client of 10.0.0.254, and a stranger. */
uint32_t world_lab_client(struct world_lab *lab, const char *name);
uint32_t world_lab_stranger(struct world_lab *lab, const char *name);

/* Begin to watch and boot all, in order. */
void world_lab_boot(struct world_lab *lab);
void world_lab_run(struct world_lab *lab, uint64_t until_ms);

#endif
