/*
 * The files of a journal: FILE, which is being written, FILE.1, the one before, up to FILE.3; each
 * takes no more than a quarter of what all may. Nothing that was written is ever cut away: a file
 * is renamed along, and the oldest one removed.
 *
 * All but ring_check() are for a thread that may wait for the disk. They return 0 or -errno; after
 * an error the file is closed, with all whole blocks of pcapng in it that were written, and another
 * is to be begun.
 */
#ifndef CARP_IO_LIVE_RING_H
#define CARP_IO_LIVE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/config.h"

enum { RING_FILES = 4 };

/* The caller's, who sets path (borrowed), file_max and fd -1; the rest is ring.c's. */
struct ring {
    const char *path;
    uint64_t file_max; /* what is reserved on the disk for each file */
    int fd;            /* -1: none is open */
    uint64_t size;     /* of the whole blocks in it */
};

/*
 * Can there be a journal of this name, made by who calls this? Returns 0, or 2 with one line in
 * error. Nothing is written.
 */
int ring_check(const char *path, char error[CONFIG_ERROR_MAX]);

/*
 * A new file, readable by its owner alone; the others are renamed along. -ENOSPC, -EDQUOT: there is
 * no room for file_max bytes; then no name changes a second time when this is tried again.
 */
int ring_begin(struct ring *ring);

/* Whole blocks. What comes first in a file is kept whole or, with the file, not at all. */
int ring_write(struct ring *ring, const uint8_t *bytes, size_t size);

/* What was written survives a loss of power from now on. */
int ring_sync(struct ring *ring);

void ring_close(struct ring *ring);

#endif
