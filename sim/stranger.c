#include "sim/stranger.h"

#include <stdlib.h>
#include <string.h>

#include "sim/memory.h"

uint32_t stranger_add(struct world *w, const char *name)
{
    struct stranger *s = memory_make(1, sizeof *s);
    s->node = world_add_node(w, name, NODE_STRANGER, &stranger_ops, s);
    return s->node;
}

/* --- what it says -------------------------------------------------------------------------------
 */

static size_t forge(const struct deed *deed, const uint8_t *bytes, size_t size, uint8_t *forged)
{
    struct carp_packet packet;
    if (frame_parse(bytes, size, &packet) != CARP_ACCEPTED) {
        return 0;
    }
    packet.advert.advbase = deed->advbase;
    packet.advert.advskew = deed->advskew;
    packet.advert.demote = deed->demote;
    return frame_write(&packet, forged);
}

/* Something that is an advert in form: every byte of it drawn, but for the envelope. */
static size_t flood(struct world *w, const struct node *node, const struct deed *deed,
                    uint8_t *bytes)
{
    const struct carp_self *self = &node->nics[0].self;
    struct carp_packet packet = {
        .family = 4,
        .ttl = FRAME_TTL,
        .destination = {224, 0, 0, 18},
        .destination_mac = {0x01, 0, 0x5e, 0, 0, 0x12},
        .advert = {.version = WIRE_VERSION, .type = WIRE_TYPE_ADVERT, .authlen = WIRE_AUTHLEN},
    };
    uint64_t drawn = decide(w->decisions, DECIDE_STRANGER, node->index, deed->done, 0);
    memcpy(packet.source, self->ipv4, 4);
    memcpy(packet.source_mac, self->mac, 6);
    packet.advert.vhid = deed->vhid != 0 ? deed->vhid : (uint8_t)(1 + drawn % 255);
    packet.advert.advbase = (uint8_t)(drawn >> 8);
    packet.advert.advskew = (uint8_t)(drawn >> 16);
    packet.advert.counter = decide_mix(drawn, 1);
    for (unsigned i = 0; i < WIRE_DIGEST_SIZE; i++) {
        packet.advert.digest[i] = (uint8_t)(decide_mix(drawn, 2 + i));
    }
    return frame_write(&packet, bytes);
}

/* One virtual router's advertisement. Source: RFC 3768 5.1 (version 2), RFC 9568 5.1 (version 3).
 */
static size_t vrrp(const struct node *node, const struct deed *deed, uint8_t *bytes)
{
    const struct carp_self *self = &node->nics[0].self;
    const uint8_t payload[20] = {(uint8_t)(deed->version << 4 | 1),
                                 deed->vhid,
                                 100,
                                 1,
                                 0,
                                 deed->version == 2 ? 1 : 100,
                                 0,
                                 0,
                                 10,
                                 0,
                                 0,
                                 253};
    size_t size = deed->version == 2 ? 20 : 12;
    struct writer w = {bytes};
    write_bytes(&w, (const uint8_t[6]){0x01, 0, 0x5e, 0, 0, 0x12}, 6);
    write_bytes(&w, (const uint8_t[6]){0, 0, 0x5e, 0, 1, deed->vhid}, 6);
    write_u16(&w, 0x0800);
    uint8_t *ip = w.at;
    write_bytes(&w, (const uint8_t[4]){0x45, 0, 0, (uint8_t)(20 + size)}, 4);
    write_bytes(&w, (const uint8_t[8]){0, 0, 0, 0, FRAME_TTL, FRAME_PROTOCOL, 0, 0}, 8);
    write_bytes(&w, self->ipv4, 4);
    write_bytes(&w, (const uint8_t[4]){224, 0, 0, 18}, 4);
    uint16_t sum = wire_checksum(wire_sum(0, ip, 20));
    ip[10] = (uint8_t)(sum >> 8);
    ip[11] = (uint8_t)sum;
    uint8_t *at = w.at;
    write_bytes(&w, payload, size);
    uint32_t pseudo = deed->version == 2
                          ? 0
                          : wire_sum(wire_sum(0, ip + 12, 8), (uint8_t[2]){0, FRAME_PROTOCOL}, 2) +
                                (uint32_t)size;
    sum = wire_checksum(wire_sum(pseudo, at, size));
    at[6] = (uint8_t)(sum >> 8);
    at[7] = (uint8_t)sum;
    return (size_t)(w.at - bytes);
}

static size_t spoof(const struct node *node, const struct deed *deed, uint8_t *bytes)
{
    const uint8_t *mac = node->nics[0].self.mac;
    return deed->address.family == 4 ? frame_announce_ipv4(mac, deed->address.bytes, bytes)
                                     : frame_announce_ipv6(mac, deed->address.bytes, bytes);
}

static size_t noise(const struct node *node, const struct deed *deed, uint8_t *bytes)
{
    static const uint8_t all_hosts[4] = {224, 0, 0, 22};
    struct sim_address from = {.family = 4};
    memcpy(from.bytes, node->nics[0].self.ipv4, 4);
    return packet_report(4, (const uint8_t[6]){0, 0, 0x5e, 0, 1, deed->vhid}, &from, all_hosts,
                         bytes);
}

/* --- when ---------------------------------------------------------------------------------------
 */

static void act(struct world *w, struct node *node, struct deed *deed)
{
    uint8_t bytes[FRAME_ROOM];
    size_t size = 0;
    switch (deed->kind) {
    case DEED_REPLAY:
        size = deed->size;
        memcpy(bytes, deed->bytes, size);
        break;
    case DEED_FLOOD:
        size = flood(w, node, deed, bytes);
        break;
    case DEED_VRRP:
        size = vrrp(node, deed, bytes);
        break;
    case DEED_SPOOF:
        size = spoof(node, deed, bytes);
        break;
    case DEED_NOISE:
        size = noise(node, deed, bytes);
        break;
    case DEED_FORGE:
    case DEED_REFLECT:
        break; /* when something is heard */
    }
    deed->done += 1;
    if (size > 0) {
        fabric_send(w, node, 0, bytes, size);
    }
}

static void run(struct world *w, struct node *node)
{
    struct stranger *s = stranger_of(node);
    carp_instant now = node_now(w, node);
    for (size_t i = 0; i < node->queued; i++) {
        frames_drop(&w->frames, node->queue[i].frame);
    }
    node->queued = 0;
    node->wake_local = CARP_NEVER;
    for (size_t i = 0; i < s->count; i++) {
        struct deed *deed = &s->deeds[i];
        while (!instant_before(now, deed->next) && instant_before(deed->next, deed->ends)) {
            act(w, node, deed);
            deed->next = instant_add(deed->next, deed->period);
        }
        if (instant_before(deed->next, deed->ends)) {
            node->wake_local = instant_min(node->wake_local, deed->next);
        }
    }
}

/* Frames that it sent itself come back only where the network reflects them. */
static void hear(struct world *w, struct node *node, unsigned nic, struct sim_frame *frame)
{
    struct stranger *s = stranger_of(node);
    carp_instant now = node_now(w, node);
    if (frame->origin == node->index || frame->origin == NONE || frame->class_ != FRAME_ADVERT) {
        return;
    }
    if (frame->origin < s->heard_room) {
        memcpy(s->heard[frame->origin].bytes, frame->bytes, frame->size);
        s->heard[frame->origin].size = frame->size;
        s->heard_last = frame->origin;
    }
    for (size_t i = 0; i < s->count; i++) {
        struct deed *deed = &s->deeds[i];
        if ((deed->of != NONE && deed->of != frame->origin) || !instant_before(now, deed->ends)) {
            continue;
        }
        uint8_t bytes[FRAME_ROOM];
        if (deed->kind == DEED_REFLECT) {
            fabric_send(w, node, nic, frame->bytes, frame->size);
        } else if (deed->kind == DEED_FORGE) {
            size_t size = forge(deed, frame->bytes, frame->size, bytes);
            if (size > 0) {
                fabric_send(w, node, nic, bytes, size);
            }
        }
    }
}

void stranger_begin(struct world *w, struct node *node, const struct deed *deed)
{
    struct stranger *s = stranger_of(node);
    if (s->count == s->room) {
        s->deeds = memory_grow(s->deeds, &s->room, 4, sizeof *s->deeds);
    }
    struct deed *d = &s->deeds[s->count++];
    *d = *deed;
    d->next = deed->period.ns == 0 ? CARP_NEVER : node_now(w, node);
    uint32_t of = d->of == NONE ? s->heard_last : d->of;
    if (d->kind == DEED_REPLAY && of < s->heard_room) {
        memcpy(d->bytes, s->heard[of].bytes, sizeof d->bytes);
        d->size = s->heard[of].size;
    }
    node_run(w, node);
}

static void start(struct world *w, struct node *node)
{
    struct stranger *s = stranger_of(node);
    if (s->heard == NULL) {
        s->heard = memory_make(w->node_count, sizeof *s->heard);
        s->heard_room = w->node_count;
        s->heard_last = NONE;
    }
}

static void free_stranger(struct node *node)
{
    struct stranger *s = stranger_of(node);
    free(s->deeds);
    free(s->heard);
    free(s);
}

const struct node_ops stranger_ops = {
    .hear = hear,
    .run = run,
    .start = start,
    .free = free_stranger,
    .promiscuous = true,
};
