/*
 * Several captures of one incident as one source of frames: in order, on one clock, each frame
 * once.
 *
 * Clocks of capturing machines differ by milliseconds or hours. Frames that were seen by two of
 * them (the same bytes, and only once in each file, as every signed advert with its counter is) say
 * by how much; the first file's clock is the one that is shown. Memory does not grow with the files
 * beyond a fixed number of remembered frames.
 *
 * Times never go back. Within a file the file's order is kept: a frame that is there with an
 * earlier time than the one before it (a capture on several queues, unsorted) has that one's time,
 * and so has a frame without a time. Where a file goes back by a second or more its clock was set,
 * and all that follows is moved up to where it was before.
 *
 * Frames are the same when Ethernet's type and all above it is: not their MAC addresses, which
 * cooked captures do not have, their VLAN tags, their padding or their FCS. What one file has twice
 * is two frames (a loop), however many files have it.
 */
#ifndef CARP_IO_PCAP_MERGE_H
#define CARP_IO_PCAP_MERGE_H

#include "io/pcap/capture.h"

enum { MERGE_FILES_MAX = 16 };

struct merge_frame {
    struct capture_frame frame; /* its time is on the first file's clock */
    unsigned file;              /* the first that saw it */
    uint64_t number;            /* of the packet in that file, from 1 */
    uint32_t seen_by;           /* a bit for each file that has it */
};

/* How a file's clock was aligned. */
struct merge_clock {
    uint64_t shared;    /* frames shared with other files by which it was; 0 (of all but the first):
                           its clock is taken as it is */
    uint64_t astray;    /* further ones that do not fit: a clock that was set, or frames alike */
    int64_t offset_ns;  /* added to its times, */
    int64_t drift_ppb;  /* and so many nanoseconds for each second since its first frame */
    uint64_t spread_ns; /* most that a shared frame is off after that: delay and jitter */
    uint64_t set_back; /* how often its clock went back by a second or more, as far as it is read */
    uint64_t set_back_ns; /* in all */
};

struct merge;

/*
 * CAPTURE_FRAME: *merge is to be closed. CAPTURE_REFUSED: one of them cannot be opened or is no
 * capture; error begins with its name. A file that is broken before its first packet is told of by
 * merge_next(). One file is fine too, and only that may come through a pipe or be "-", for several
 * are read twice.
 */
enum capture_status merge_open(const char *const *paths, unsigned count, struct merge **merge,
                               char error[CAPTURE_ERROR_MAX]);

/* As capture_next(). A damaged file ends there; the others go on, and CAPTURE_DAMAGED comes when
 * all have ended: error begins with the name of the file that ended so first, damage is the offset
 * in it. CAPTURE_REFUSED: no memory. */
enum capture_status merge_next(struct merge *m, struct merge_frame *frame, uint64_t *damage,
                               char error[CAPTURE_ERROR_MAX]);

struct merge_clock merge_clock(const struct merge *m, unsigned file);

/* As capture_is_stream(): frames are then handed out as they come. */
bool merge_is_stream(const struct merge *m);

void merge_close(struct merge *m);

#endif
