/*
 * What one run writes down, each form for whoever wants it:
 *
 *   text   the time line: each step that matters, the statements of the scenario, what was violated
 *              0.000000000  a  vhid 1  INIT -> BACKUP (link-up)
 *             10.500000000  line 7: crash a
 *             13.390645000  b  vhid 1  BACKUP -> MASTER (silence): claim, send, announce
 *   trace  every event of the trace, a line each (sim/trace_text.h)
 *   json   the same as JSON Lines, with the frames; docs/SIMULATOR-JSON.md has every kind and key
 *   pcap   pcapng, an interface for each of a node's: every frame where it was sent (outbound), and
 *          once more, with a comment that says so, where it was lost, late, doubled or changed
 *   journal  what carpd's flight recorder would have written on each node that runs it
 *
 * A record only looks on: a world runs the same with it and without.
 *
 * In the capture an interface is named as its node, or node@switch when that has several. What
 * befell a frame on its way to a node is inbound on the interface it was meant for; on its way to a
 * switch, on the sender's, without a direction, so that outbound frames are exactly those sent.
 * Frames that end where they should (FILTERED, NO_PORT) are not repeated, and of those that reach a
 * machine that is off or has no daemon only adverts are. What switches say themselves (queries) is
 * on no node's interface, so it is not there. Times count from WORLD_EPOCH_S.
 */
#ifndef CARP_SIM_RECORD_H
#define CARP_SIM_RECORD_H

#include <stdio.h>

#include "io/pcapng.h"
#include "sim/oracle.h"
#include "sim/world.h"

/* Where to; NULL: not wanted. The files stay the caller's, and are open until record_end(). */
struct record_to {
    FILE *text, *trace, *json, *pcap;
    FILE *const *journals; /* by node; NULL for those that run no carpd */
};

struct record_journal;

/* Its fields are record*.c's. */
struct record {
    struct world *world; /* borrowed */
    struct record_to to;
    int error;                  /* -errno of the first write that failed; 0: none */
    int name_width, vhid_width; /* of the time line's columns */
    struct pcapng_writer pcap;
    unsigned *interfaces; /* owned: of each end that is a node's, its number in the capture */
    struct record_journal *journals; /* owned: by node */
};

/* Begin, when all nodes were added and connected and before any boots. The world's tap and its
 * trace's sink are the record's from now on; neither may move until record_end(). */
void record_begin(struct record *r, struct world *w, const struct record_to *to);

/* A statement of the scenario takes effect. line 0: it stands in none. */
void record_statement(struct record *r, carp_instant at, unsigned line, const char *text);

void record_violation(struct record *r, const struct violation *v);

/* Say how it ended, let go of the world and flush the files. Returns 0, or -errno of the first
 * write that failed: then what was written is incomplete. */
int record_end(struct record *r);

#endif
