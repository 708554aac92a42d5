/*
 * Who else may be on the segment, without the key: a recorder that replays, a forger of what the
 * digest does not cover, a flooder, a reflector, a VRRP router, a claimant of the address. Each
 * deed is begun by a scenario and goes on until its end.
 */
#ifndef CARP_SIM_STRANGER_H
#define CARP_SIM_STRANGER_H

#include "sim/world.h"

enum deed_kind {
    DEED_REPLAY,  /* the last advert heard of `of`, again and again */
    DEED_FORGE,   /* each advert of `of` once more, with other times and a right checksum */
    DEED_REFLECT, /* each frame of `of` once more, as it is */
    DEED_FLOOD,   /* bytes that look like adverts, of any vhid */
    DEED_VRRP,    /* a VRRP router with identifier `vhid` */
    DEED_SPOOF,   /* gratuitous announcements of `address` for our own MAC */
    DEED_NOISE,   /* frames from the virtual MAC of `vhid`, as a badly built backup sends them */
};

struct deed {
    enum deed_kind kind;
    uint32_t of;             /* node; NONE: anyone */
    carp_duration period;    /* of the periodic ones */
    carp_instant next, ends; /* local; CARP_NEVER */
    uint8_t vhid, advbase, advskew, demote;
    uint8_t version; /* VRRP: 2 or 3 */
    struct sim_address address;
    uint8_t bytes[FRAME_ROOM]; /* REPLAY: what it recorded */
    size_t size;
    uint64_t done;
};

struct stranger {
    uint32_t node;
    struct deed *deeds; /* owned */
    size_t count, room;
    struct {
        uint8_t bytes[FRAME_ROOM];
        size_t size;
    } * heard; /* owned: the last advert of each node, by index */
    size_t heard_room;
    uint32_t heard_last; /* whose the last one was; NONE */
};

extern const struct node_ops stranger_ops;

uint32_t stranger_add(struct world *w, const char *name);

static inline struct stranger *stranger_of(const struct node *node)
{
    return node->self;
}

/* Begin a deed now. */
void stranger_begin(struct world *w, struct node *node, const struct deed *deed);

#endif
