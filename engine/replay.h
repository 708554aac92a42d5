/*
 * Is a valid advert a sign of life, or an old one repeated?
 *
 * Anyone on the segment can record an advert and send it again; its digest stays right. Counters
 * tell, but each implementation counts differently: OpenBSD's is constant, UCARP's, FreeBSD's and
 * NetBSD's random until they have heard a peer and then that peer's plus one, ours always grows.
 * So, per sender, we learn which it is:
 *
 *   counts up  a step back, or the same value twice more, is a replay; but a step to just above the
 *              last counter on the link continues someone else's count (after a partition), and a
 *              step to somewhere unrelated is a restart
 *   random     the same value twice more is a replay; it takes three unrelated values to be sure,
 *              because an OpenBSD that starts anew has another constant
 *   constant   nothing can be told
 *
 * The source address is not signed, so the last value of a known sender from an unknown one counts
 * as that sender's repeat. What that leaves open, and what `enforce` closes, is in
 * docs/PROTOCOL.md, "replay".
 */
#ifndef CARP_ENGINE_REPLAY_H
#define CARP_ENGINE_REPLAY_H

#include "engine/config.h"
#include "engine/frame.h"

enum { REPLAY_SENDERS_MAX = 4 };

enum replay_counting {
    REPLAY_UNKNOWN,  /* one value heard so far */
    REPLAY_CHANGED,  /* another since, unrelated: random, or constant and started anew */
    REPLAY_CONSTANT, /* the same value again and again: OpenBSD's cookie */
    REPLAY_RANDOM,   /* unrelated values */
    REPLAY_COUNTS_UP /* each a little more than the one before */
};

/* What is known of the last few senders of a group, most recently heard first. All zero: nothing.
 */
struct replay_senders {
    uint64_t link_counter;                /* of the last valid advert on the link, ours included */
    uint64_t counter[REPLAY_SENDERS_MAX]; /* last value heard */
    uint32_t id[REPLAY_SENDERS_MAX];      /* hash of the source address; 0 = free */
    uint8_t counting[REPLAY_SENDERS_MAX]; /* enum replay_counting */
    uint8_t repeats[REPLAY_SENDERS_MAX];  /* times the last value came again */
};

/* The judgement on one advert, and what it teaches. */
struct replay_hearing {
    bool fresh;
    enum replay_counting counting;
    uint8_t repeats;
    unsigned slot; /* REPLAY_SENDERS_MAX: a sender not known before */
    uint32_t id;
};

/* A counter is newer than another when it is ahead of it by less than 2^52, wrapping; farther apart
 * two values are unrelated. Ours move by 2^20 a second of wall time, so that is over a century. */
bool replay_follows(uint64_t counter, uint64_t earlier);

/* A year of wall time at 2^20 a second, rounded up to a power of two: as far ahead a counter may be
 * that is taken for a count at first sight. A random one is so near once in 2^19. */
#define REPLAY_NEAR (UINT64_C(1) << 45)

/* Judge an advert; changes nothing. */
struct replay_hearing replay_hear(const struct replay_senders *senders, enum carp_replay policy,
                                  const struct carp_packet *packet);

/* Keep what an accepted advert taught; the sender heard longest ago makes room. */
void replay_remember(struct replay_senders *senders, const struct replay_hearing *hearing,
                     uint64_t counter);

/* We sent an advert: peers may continue from its counter. */
void replay_sent(struct replay_senders *senders, uint64_t counter);

#endif
