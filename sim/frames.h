/*
 * Frames in flight: real Ethernet bytes, written once, shared by all receivers and counted. Who
 * would change one (corruption) makes a copy.
 *
 * What any receiver would find out about the bytes by itself (is it an advert, is the checksum
 * right, for whom is it) is found out once and kept with them: it is a function of the bytes alone.
 * With `plain` set it is worked out anew each time, to prove that nothing depends on it.
 */
#ifndef CARP_SIM_FRAMES_H
#define CARP_SIM_FRAMES_H

#include "engine/frame.h"
#include "engine/instant.h"

enum { FRAME_ROOM = 256, FRAMES_CHUNK = 32 };
#define FRAME_NONE UINT32_MAX

/* What a frame is to a switch and to a host's kernel. */
enum frame_class {
    FRAME_ADVERT, /* IP protocol 112, whatever is in it: for the daemon */
    FRAME_ARP,
    FRAME_NEIGHBOUR, /* ICMPv6 135, 136 */
    FRAME_REPORT,    /* IGMP or MLD membership report: for the switch */
    FRAME_QUERY,     /* IGMP or MLD query: for hosts */
    FRAME_PROBE,     /* the client's question, and its answer */
    FRAME_OTHER
};

struct sim_frame {
    uint32_t references;
    uint32_t next_free;
    uint32_t origin; /* node index */
    uint16_t size;
    uint8_t class_; /* enum frame_class */
    bool is_read;   /* verdict and packet are valid */
    carp_instant sent;
    uint64_t id;               /* the same in every run with this sender and ordinal */
    uint64_t hash;             /* of the bytes */
    enum carp_verdict verdict; /* of frame_parse() */
    struct carp_packet packet;
    uint8_t bytes[FRAME_ROOM];
};

/* Zeroed: empty. */
struct frames {
    struct sim_frame **chunks; /* owned: frames_free() */
    size_t chunk_count, chunk_room;
    uint32_t first_free; /* index + 1; 0: none */
    uint32_t used;       /* frames with references, for leak checks */
    bool plain;
};

static inline struct sim_frame *frame_at(const struct frames *f, uint32_t index)
{
    return &f->chunks[index / FRAMES_CHUNK][index % FRAMES_CHUNK];
}

/* A new frame with one reference, holding these bytes (at most FRAME_ROOM). */
uint32_t frames_make(struct frames *f, carp_instant now, uint32_t origin, uint64_t id,
                     const uint8_t *bytes, size_t size);

/* A private copy, one reference, with one bit turned. */
uint32_t frames_corrupt(struct frames *f, uint32_t index, unsigned bit);

static inline void frames_hold(struct frames *f, uint32_t index)
{
    frame_at(f, index)->references += 1;
}

void frames_drop(struct frames *f, uint32_t index);

/* The frame read as an advert: its verdict, with the packet in frame->packet. */
enum carp_verdict frames_read_anew(struct sim_frame *frame);
static inline enum carp_verdict frames_read(const struct frames *f, struct sim_frame *frame)
{
    return frame->is_read && !f->plain ? frame->verdict : frames_read_anew(frame);
}

void frames_free(struct frames *f);

#endif
