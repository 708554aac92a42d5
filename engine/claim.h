/*
 * Who outranks whom: the part of an advert that states how good a master its sender is, and the
 * times that follow from it.
 */
#ifndef CARP_ENGINE_CLAIM_H
#define CARP_ENGINE_CLAIM_H

#include "engine/instant.h"

/* Smaller is better. `demote` counts only between nodes that speak OpenBSD's dialect; otherwise it
 * is zero on both sides and demotion shows as a raised advskew. */
struct claim {
    uint8_t demote;
    uint8_t advbase; /* s */
    uint8_t advskew; /* 1/256 s */
};

/* A farewell: "I am leaving, do not wait for me." Source: OpenBSD carp_send_ad(), bow_out. */
static inline bool claim_is_farewell(struct claim c)
{
    return c.advbase == 255 && c.advskew == 255;
}

/*
 * Negative when a outranks b, positive when b outranks a, zero on a tie: first the lower demotion,
 * then the shorter advert interval.
 * Source: OpenBSD carp_proto_input_c(), the timercmp() and sc_demote tests.
 */
static inline int claim_compare(struct claim a, struct claim b)
{
    int left = a.demote << 16 | a.advbase << 8 | a.advskew;
    int right = b.demote << 16 | b.advbase << 8 | b.advskew;
    return (left > right) - (left < right);
}

/*
 * The time between two adverts of a master. 1/256 s is exactly 3 906 250 ns, so every CARP interval
 * is a whole number of nanoseconds and nothing is ever rounded. 0/0 counts as 1/256 s.
 * Source: OpenBSD carp_setrun(), case MASTER.
 */
static inline carp_duration claim_interval(struct claim c)
{
    unsigned skew = c.advbase == 0 && c.advskew == 0 ? 1 : c.advskew;
    return (carp_duration){c.advbase * UINT64_C(1000000000) + skew * UINT64_C(3906250)};
}

/*
 * How long a backup waits for a silent master: dead_ratio * advbase + advskew/256 s, so that among
 * equals in advbase the lower advskew takes over first. With advbase 0 the ratio applies to
 * advskew, because otherwise one late advert would be a death. Source: all implementations with
 * dead_ratio 3; OpenBSD carp_setrun() up to revision 1.366 for advbase 0.
 */
static inline carp_duration claim_master_down(struct claim c, uint8_t dead_ratio)
{
    if (c.advbase == 0) {
        return (carp_duration){claim_interval(c).ns * dead_ratio};
    }
    return (carp_duration){c.advbase * UINT64_C(1000000000) * dead_ratio +
                           c.advskew * UINT64_C(3906250)};
}

#endif
