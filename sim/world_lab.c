#include "sim/world_lab.h"

#include <stdio.h>
#include <string.h>

#include "io/crypto_openssl.h"
#include "sim/oracle.h"
#include "tools/testkit/testkit.h"

#define CABLE ((carp_duration){10000})

enum { LETTER_AT = WORLD_LAB_FRAME - 1 };

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
    lab->cable = CABLE;
    lab->world.tap.self = lab;
    lab->world.tap.story = tell;
    world_add_switch(&lab->world, "s1");
}

void world_lab_free(struct world_lab *lab)
{
    world_free(&lab->world);
    crypto_openssl_free(&lab->crypto);
    for (unsigned i = 0; i < WORLD_LAB_NODES; i++) {
        crypto_openssl_free(&lab->own[i]);
    }
}

static struct carp_self self_of(const struct world_lab *lab, uint32_t index)
{
    uint8_t number = (uint8_t)(index + 1);
    return (struct carp_self){
        .mac = {2, 0, 0, 0, 0, number},
        .has_ipv4 = true,
        .ipv4 = {10, 0, 0, number},
        .has_ipv6 = lab->dual_stack,
        .ipv6 = {0xfe, 0x80, [15] = number},
    };
}

static uint32_t plug_in(struct world_lab *lab, uint32_t node)
{
    struct carp_self self = self_of(lab, node);
    unsigned nic = world_add_nic(&lab->world, node, &self);
    world_connect_nic(&lab->world, node, nic, lab->on, lab->cable);
    return node;
}

static uint32_t add_daemon(struct world_lab *lab, const char *name, const struct carp_crypto *signs,
                           size_t i)
{
    lab->plans[i] = (struct host_plan){&lab->configs[i], *signs, 0};
    lab->groups[i].plan = &lab->plans[i];
    lab->groups[i].book = &lab->books[i];
    return plug_in(lab,
                   daemon_add(&lab->world, name, &lab->groups[i], 1, 1, &lab->machine_groups[i]));
}

static size_t configure(struct world_lab *lab, uint8_t advskew, const char *key)
{
    size_t i = lab->world.node_count;
    struct carp_config *config = &lab->configs[i];
    *config = (struct carp_config){
        .vhid = 1,
        .advbase = 1,
        .advskew = advskew,
        .dead_ratio = 3,
        .preempt = true,
        .ipv4_group = {224, 0, 0, 18},
        .key_count = 1,
        .ipv4_count = 1,
        .ipv4 = {{10, 0, 0, 254}},
        .ipv6_count = lab->dual_stack,
        .ipv6 = {{0xfd, [15] = 0xfe}},
    };
    strncpy((char *)config->keys[0], key, CARP_KEY_SIZE - 1);
    return i;
}

uint32_t world_lab_daemon(struct world_lab *lab, const char *name, uint8_t advskew)
{
    size_t i = configure(lab, advskew, "secret");
    if (lab->crypto.digest == NULL) {
        EXPECT_INT(0, crypto_openssl_make(&lab->configs[i], &lab->crypto));
        signer_make(&lab->signer, &lab->crypto, false);
    }
    return add_daemon(lab, name, &lab->signer.crypto, i);
}

uint32_t world_lab_daemon_with_key(struct world_lab *lab, const char *name, uint8_t advskew,
                                   const char *key)
{
    size_t i = configure(lab, advskew, key);
    EXPECT_INT(0, crypto_openssl_make(&lab->configs[i], &lab->own[i]));
    return add_daemon(lab, name, &lab->own[i], i);
}

uint32_t world_lab_client(struct world_lab *lab, const char *name)
{
    uint8_t number = (uint8_t)(lab->world.node_count + 1);
    struct sim_address own = {4, {10, 0, 0, number}}, target = {4, {10, 0, 0, 254}};
    if (lab->dual_stack) {
        own = (struct sim_address){6, {0xfe, 0x80, [15] = number}};
        target = (struct sim_address){6, {0xfd, [15] = 0xfe}};
    }
    return plug_in(lab, client_add(&lab->world, name, &own, &target));
}

uint32_t world_lab_stranger(struct world_lab *lab, const char *name)
{
    return plug_in(lab, stranger_add(&lab->world, name));
}

/* --- listeners ----------------------------------------------------------------------------------
 */

static void write_down(struct world *w, struct node *node, unsigned nic, struct sim_frame *frame)
{
    char line[32];
    (void)nic;
    if (frame->size == WORLD_LAB_FRAME) {
        snprintf(line, sizeof line, "%llu.%09llu %c", (unsigned long long)(w->now.ns / 1000000000),
                 (unsigned long long)(w->now.ns % 1000000000), frame->bytes[LETTER_AT]);
        tell(node->self, w->now, node, 0, line);
    }
}

static void listen(struct world *w, struct node *node)
{
    for (size_t i = 0; i < node->queued; i++) {
        struct received got = node->queue[i];
        write_down(w, node, got.nic, frame_at(&w->frames, got.frame));
        frames_drop(&w->frames, got.frame);
    }
    node->queued = 0;
}

static const struct node_ops listener_ops = {
    .hear = write_down,
    .run = listen,
    .promiscuous = true,
};

uint32_t world_lab_listener(struct world_lab *lab, const char *name)
{
    return plug_in(lab, world_add_node(&lab->world, name, NODE_STRANGER, &listener_ops, lab));
}

static void say(struct world_lab *lab, uint32_t from, const uint8_t *to_mac,
                const uint8_t *from_mac, enum world_lab_kind kind, char letter)
{
    static const uint8_t types[][2] = {{0x88, 0xb5}, {8, 0}, {0x86, 0xdd}, {8, 6}, {8, 0}};
    uint8_t bytes[WORLD_LAB_FRAME] = {0};
    memcpy(bytes, to_mac, 6);
    memcpy(bytes + 6, from_mac, 6);
    memcpy(bytes + 12, types[kind], 2);
    if (kind == LAB_ADVERT || kind == LAB_PROBE) {
        bytes[14] = 0x45;
        bytes[14 + 9] = kind == LAB_ADVERT ? 112 : 17;
    } else if (kind == LAB_IPV6) {
        bytes[14 + 6] = 59; /* nothing follows */
    }
    bytes[LETTER_AT] = (uint8_t)letter;
    fabric_send(&lab->world, world_lab_node(lab, from), 0, bytes, sizeof bytes);
}

void world_lab_say(struct world_lab *lab, uint32_t from, enum world_lab_kind kind, char letter)
{
    static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t group[6] = {0x01, 0x00, 0x5e, 0x00, 0x00, 0x12};
    const uint8_t *mac = world_lab_node(lab, from)->nics[0].self.mac;
    say(lab, from, kind == LAB_ADVERT ? group : all, mac, kind, letter);
}

void world_lab_say_to(struct world_lab *lab, uint32_t from, uint32_t to, char letter)
{
    say(lab, from, world_lab_node(lab, to)->nics[0].self.mac,
        world_lab_node(lab, from)->nics[0].self.mac, LAB_OTHER, letter);
}

void world_lab_say_as(struct world_lab *lab, uint32_t from, const uint8_t source_mac[6],
                      char letter)
{
    static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    say(lab, from, all, source_mac, LAB_OTHER, letter);
}

/* --- faults and accounts ------------------------------------------------------------------------
 */

uint32_t world_lab_fault_out(struct world_lab *lab, uint32_t node, struct fault fault)
{
    fault.end = world_lab_end(lab, node);
    return fabric_add_fault(&lab->world, &fault);
}

uint32_t world_lab_fault_in(struct world_lab *lab, uint32_t node, struct fault fault)
{
    fault.end = lab->world.ends[world_lab_end(lab, node)].peer;
    return fabric_add_fault(&lab->world, &fault);
}

/* How many will receive an arrival. */
static uint64_t receivers(const struct world *w, const struct arrival *arrival)
{
    uint64_t count = 0;
    if (arrival->fan == 0) {
        return 1;
    }
    const struct fan *fan = &w->fans[arrival->fan - 1];
    for (size_t i = 0; i < fan->count; i++) {
        count += fan->at[i].end != arrival->end;
    }
    return count;
}

/* Shares of receivers that are on their way, and the references to frames for these. */
static uint64_t in_flight(const struct world_lab *lab, uint64_t *references)
{
    const struct world *w = &lab->world;
    uint64_t shares = 0;
    *references = 0;
    for (size_t i = 0; i < w->queue.count; i++) {
        const struct queue_event *event = &w->queue.heap[i];
        for (size_t k = 0; event->what == EVENT_BATCH && k < w->batches[event->who].count; k++) {
            shares += receivers(w, &w->batches[event->who].at[k]);
            *references += 1;
        }
    }
    for (size_t i = 0; i < w->fault_count; i++) {
        shares += w->faults[i].held_count;
        *references += w->faults[i].held_count;
    }
    return shares;
}

uint64_t world_lab_in_flight(const struct world_lab *lab)
{
    uint64_t references;
    return in_flight(lab, &references);
}

int64_t world_lab_unaccounted(const struct world_lab *lab)
{
    const struct world *w = &lab->world;
    uint64_t ended = w->delivered + w->flooded + world_lab_in_flight(lab);
    for (unsigned reason = 0; reason < DROP_REASON_COUNT; reason++) {
        ended += w->dropped[reason];
    }
    return (int64_t)(w->sent + w->copied - ended);
}

int64_t world_lab_leaked(const struct world_lab *lab)
{
    const struct world *w = &lab->world;
    uint64_t wanted, found = 0;
    in_flight(lab, &wanted);
    for (size_t i = 0; i < w->node_count; i++) {
        wanted += w->nodes[i].queued;
    }
    for (uint32_t i = 0; i < w->frames.chunk_count * FRAMES_CHUNK; i++) {
        found += frame_at(&w->frames, i)->references;
    }
    return (int64_t)(found - wanted);
}

/* --- at work ------------------------------------------------------------------------------------
 */

enum carp_state world_lab_state(const struct world_lab *lab, uint32_t node)
{
    return carp_state(&lab->groups[node].carp);
}

bool world_lab_holds(const struct world_lab *lab, uint32_t node)
{
    return lab->machine_groups[node].held;
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
