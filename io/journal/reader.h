/*
 * A journal, read item by item. Everything that can be wrong with a file is found here: whoever
 * gets an item may rely on its numbers, and on the order of items:
 *
 *   START, then CONFIG and STATE of each group, in order; again wherever a section begins
 *   a STEP whose event is an advert comes just after that frame, an inbound one
 *   just after a STEP come the frames it sent, outbound, as many as it says
 *   the groups' clock does not go back, and steps are numbered one by one, from a START on
 */
#ifndef CARP_IO_JOURNAL_READER_H
#define CARP_IO_JOURNAL_READER_H

#include "io/journal/format.h"
#include "io/pcap/capture.h"

struct journal_item {
    uint64_t number; /* of the block in the file, as Wireshark counts: packets and custom blocks */
    uint64_t offset; /* in the file */
    const struct format_block *block; /* NULL: it is a frame, and the rest says which */
    unsigned interface;
    bool outbound;
    carp_instant wall; /* since 1970 */
    const uint8_t *bytes;
    size_t size;
};

struct journal_reader;

/* As capture_open(); a file that is no journal is refused. Items are valid until the next call. */
enum capture_status journal_reader_open(const char *path, struct journal_reader **reader,
                                        uint64_t *damage, char error[CAPTURE_ERROR_MAX]);

/* CAPTURE_FRAME: here is an item. CAPTURE_REFUSED: it was written by a build whose state or format
 * is another; error says so. Otherwise as capture_next(). */
enum capture_status journal_reader_next(struct journal_reader *r, struct journal_item *item,
                                        uint64_t *damage, char error[CAPTURE_ERROR_MAX]);

void journal_reader_close(struct journal_reader *r);

/* Does the file begin as a journal does? False also when it cannot be read. */
bool journal_is(const char *path);

#endif
