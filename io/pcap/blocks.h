/*
 * Packets of a pcapng file, read block by block. libpcap would do for files of one interface; it
 * refuses those whose interfaces differ in link type or snapshot length, which mergecap, and a
 * capture on several interfaces, make every day.
 *
 * Source: draft-ietf-opsawg-pcapng, by the names of its sections.
 */
#ifndef CARP_IO_PCAP_BLOCKS_H
#define CARP_IO_PCAP_BLOCKS_H

#include <stdio.h>

#include "io/pcap/capture.h"

struct block_packet {
    uint32_t link; /* LINKTYPE of its interface */
    unsigned decimals;
    carp_instant at;
    const uint8_t *bytes; /* valid until the next call */
    uint32_t size, original_size;
};

struct blocks;

/* The stream is borrowed, and at the beginning of a section. NULL: no memory. */
struct blocks *blocks_make(FILE *stream);

/* As capture_next(); never CAPTURE_REFUSED. */
enum capture_status blocks_next(struct blocks *b, struct block_packet *packet, uint64_t *damage,
                                char error[CAPTURE_ERROR_MAX]);

void blocks_free(struct blocks *b);

#endif
