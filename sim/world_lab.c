#include "sim/world_lab.h"

#include <stdio.h>
#include <string.h>

#include "io/crypto_openssl.h"
#include "sim/oracle.h"
#include "tools/testkit/testkit.h"

#define CABLE ((carp_duration){10000})

static void tell(void *self, carp_instant at, const struct node *node, unsigned group,
                 const char *line)
{
    struct world_lab *lab = self;
    size_t used = strlen(lab->story);
    (void)at, (void)group;
    snprintf(lab->story + used, sizeof lab->story - used, "%s %s\n", node->name, line);
}

void world_lab_init(struct world_lab *lab, uint64_t seed)
{
    memset(lab, 0, sizeof *lab);
    decide_by_seed(&lab->decisions, seed);
    world_init(&lab->world, &lab->decisions);
    lab->world.tap.self = lab;
    lab->world.tap.story = tell;
    world_add_switch(&lab->world, "s1");
}

void world_lab_free(struct world_lab *lab)
{
    world_free(&lab->world);
    crypto_openssl_free(&lab->crypto);
}

static struct carp_self self_of(uint32_t index)
{
    return (struct carp_self){
        .mac = {2, 0, 0, 0, 0, (uint8_t)(index + 1)},
        .has_ipv4 = true,
        .ipv4 = {10, 0, 0, (uint8_t)(index + 1)},
    };
}

static uint32_t plug_in(struct world_lab *lab, uint32_t node)
{
    struct carp_self self = self_of(node);
    unsigned nic = world_add_nic(&lab->world, node, &self);
    world_connect_nic(&lab->world, node, nic, 0, CABLE);
    return node;
}

uint32_t world_lab_daemon(struct world_lab *lab, const char *name, uint8_t advskew)
{
    size_t i = lab->world.node_count;
    lab->configs[i] = (struct carp_config){
        .vhid = 1,
        .advbase = 1,
        .advskew = advskew,
        .dead_ratio = 3,
        .preempt = true,
        .ipv4_group = {224, 0, 0, 18},
        .key_count = 1,
        .keys = {"secret"},
        .ipv4_count = 1,
        .ipv4 = {{10, 0, 0, 254}},
    };
    if (lab->crypto.digest == NULL) {
        EXPECT_INT(0, crypto_openssl_make(&lab->configs[i], &lab->crypto));
        signer_make(&lab->signer, &lab->crypto, false);
    }
    lab->plans[i] = (struct host_plan){&lab->configs[i], lab->signer.crypto, 0};
    lab->groups[i].plan = &lab->plans[i];
    lab->groups[i].book = &lab->books[i];
    return plug_in(lab,
                   daemon_add(&lab->world, name, &lab->groups[i], 1, 1, &lab->machine_groups[i]));
}

uint32_t world_lab_client(struct world_lab *lab, const char *name)
{
    struct sim_address own = {4, {10, 0, 0, (uint8_t)(lab->world.node_count + 1)}};
    struct sim_address target = {4, {10, 0, 0, 254}};
    return plug_in(lab, client_add(&lab->world, name, &own, &target));
}

uint32_t world_lab_stranger(struct world_lab *lab, const char *name)
{
    return plug_in(lab, stranger_add(&lab->world, name));
}

void world_lab_boot(struct world_lab *lab)
{
    oracle_make(&lab->world);
    for (size_t i = 0; i < lab->world.node_count; i++) {
        node_boot(&lab->world, &lab->world.nodes[i]);
    }
}

void world_lab_run(struct world_lab *lab, uint64_t until_ms)
{
    world_run(&lab->world, (carp_instant){until_ms * 1000000});
}
