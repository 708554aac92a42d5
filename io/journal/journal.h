/*
 * The flight recorder: every input of a host's groups and every decision, written as pcapng, so
 * that Wireshark shows what happened and `carplab replay` runs it again, bit for bit.
 *
 * Frames in and out are packets, with the decision as a comment; the rest are custom blocks, whose
 * layout is in io/journal/format.h. A file begins with the configuration of every group, without
 * keys, and the whole state of its engine, so each file of a ring replays by itself.
 *
 * Pure: it only turns calls into bytes for a sink, which must not block. Nothing is allocated.
 */
#ifndef CARP_IO_JOURNAL_JOURNAL_H
#define CARP_IO_JOURNAL_JOURNAL_H

#include "io/host.h"
#include "io/pcapng.h"

enum {
    JOURNAL_SENT_MAX = 2 * CARP_ADDRESSES_MAX + 2, /* announcements, and an advert a family */
    JOURNAL_REFUSED_MAX = 1000, /* refused frames that are written in one second */
};

/* A frame that a step sent. */
struct journal_sent {
    uint8_t size;
    int error;
    uint8_t frame[FRAME_MAX];
};

/* Owned by the caller; its fields are journal.c's. */
struct journal {
    const struct host *host;
    const char *const *interfaces, *const *groups;
    const char *application;
    struct pcapng_writer pcapng;
    bool open;        /* begun, and no write failed since */
    bool begun;       /* once, at least */
    uint64_t number;  /* of the next step */
    uint64_t wall_ns; /* less the groups' clock, modulo 2^64 */

    const uint8_t *heard; /* the frame that is being heard; NULL: none, or it is written */
    size_t heard_size;
    unsigned heard_on;
    carp_instant heard_at;

    carp_instant refused_from; /* a second begins */
    unsigned refused;          /* frames in it that were written */
    uint64_t left_out;         /* and not, */
    carp_instant left_out_at;  /* the last one at */

    unsigned sent_count;
    struct journal_sent sent[JOURNAL_SENT_MAX];
};

/* host, its interfaces' names and its groups' names are borrowed and outlive the journal. */
void journal_init(struct journal *j, const struct host *host, const char *const *interfaces,
                  const char *const *groups, const char *application);

/*
 * Begin a file: everything a replay needs to start here. Between two wake-ups, not within a step.
 * now is the groups' clock, wall_ns the time since 1970 at the same moment.
 *
 * Returns as pcapng.h. When the sink fails, then or later, nothing more is written until a file is
 * begun again, and its reader is told how many steps are missing.
 */
int journal_begin(struct journal *j, struct pcapng_sink sink, carp_instant now, uint64_t wall_ns);

/* The two clocks, once a wake-up; a step of the wall clock is written down. */
void journal_clock(struct journal *j, carp_instant now, uint64_t wall_ns);

/* Around host_frame(): what it is given. Borrowed until journal_heard(). */
void journal_hears(struct journal *j, carp_instant now, unsigned interface, const uint8_t *frame,
                   size_t size);
void journal_heard(struct journal *j);

/* In the port's send(), after it was tried: error 0 or -errno. */
void journal_sent(struct journal *j, unsigned group, const uint8_t *frame, size_t size, int error);

/* In the port's stepped(). */
void journal_stepped(struct journal *j, unsigned group, carp_instant now,
                     const struct carp_event *event, const struct carp_outcome *outcome);

#endif
