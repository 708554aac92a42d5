/*
 * The flight recorder of the daemon: what io/journal/ makes of its inputs and decisions, on its way
 * to the files of io/live/ring.h.
 *
 * Nothing here waits for a disk: blocks are collected in one of two buffers, and a thread of
 * libuv's writes the other. Handed over is a buffer that is full, or holds a change of state, or
 * blocks that are older than 100 ms; the disk is told to keep changes of state at once, and all
 * else every 5 s. When the disk does not keep up blocks are left out, and when it does again a new
 * section of the file begins. After an error another file is begun 10 s later.
 *
 * NULL for a recorder: nothing is recorded.
 */
#ifndef CARP_IO_LIVE_RECORDER_H
#define CARP_IO_LIVE_RECORDER_H

#include <uv.h>

#include "io/config.h"
#include "io/host.h"

struct recorder;

/* Everything is borrowed, and outlives the recorder. */
struct recorder_setup {
    const char *path;
    unsigned mib; /* for all files together */
    const struct host *host;
    const char *const *interfaces, *const *groups; /* names, as the host numbers them */
    const char *application;
};

/* After host_init() and before the first event. 0, or -errno with one line in error. */
int recorder_open(struct recorder **made, uv_loop_t *loop, const struct recorder_setup *setup,
                  char error[CONFIG_ERROR_MAX]);

/* Around each wake-up: in between, blocks are only collected. */
void recorder_woke(struct recorder *r, carp_instant now);
void recorder_rests(struct recorder *r);

/* As io/journal/journal.h has them. */
void recorder_hears(struct recorder *r, carp_instant now, unsigned interface, const uint8_t *frame,
                    size_t size);
void recorder_heard(struct recorder *r);
void recorder_sent(struct recorder *r, unsigned group, const uint8_t *frame, size_t size,
                   int error);
void recorder_stepped(struct recorder *r, unsigned group, carp_instant now,
                      const struct carp_event *event, const struct carp_outcome *outcome);

/*
 * Run the loop until everything is written, but no longer than this. False: the disk does not
 * answer, and its thread still waits for it, so that only _exit() ends the process, and nothing of
 * the recorder may be freed.
 */
bool recorder_finish(struct recorder *r, unsigned timeout_ms);

/* After recorder_finish() was true, and the loop has run once more. */
void recorder_free(struct recorder *r);

#endif
