/*
 * How the clocks of several captures go together, by the frames they share.
 *
 * Of each file a bounded number of frames is remembered: all of them, or those whose hash happens
 * to begin with enough zeros, so that two files that had to choose have chosen the same ones.
 */
#ifndef CARP_IO_PCAP_ALIGN_H
#define CARP_IO_PCAP_ALIGN_H

#include "io/pcap/merge.h"

enum { ALIGN_SIGHTS_MAX = 1 << 15 };

struct align_sight {
    uint64_t hash;
    carp_instant at;
    bool again; /* it was seen more than once: it tells nothing */
};

struct align_file {
    struct align_sight *sights; /* room for 2 * ALIGN_SIGHTS_MAX */
    size_t count;
    unsigned zeros; /* with which a hash must begin to be remembered */
    carp_instant begin;
    struct merge_clock clock;
};

/* False: no memory. */
bool align_begin(struct align_file *f);
void align_note(struct align_file *f, uint64_t hash, carp_instant at);
void align_end(struct align_file *f);

/* All are complete: find their clocks. False: no memory. */
bool align_clocks(struct align_file *files, unsigned count);

/* A time of this file on the first file's clock: `clock` is its own, `begin` its first frame. Never
 * earlier than that of an earlier time. */
carp_instant align_time(const struct merge_clock *clock, carp_instant begin, carp_instant at);

void align_free(struct align_file *f);

#endif
