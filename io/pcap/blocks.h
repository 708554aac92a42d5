/*
 * A pcapng file, read block by block. libpcap would do for packets of one interface; it refuses
 * files whose interfaces differ in link type or snapshot length, which mergecap, and a capture on
 * several interfaces, make every day; and it does not hand out custom blocks.
 *
 * Source: draft-ietf-opsawg-pcapng, by the names of its sections.
 */
#ifndef CARP_IO_PCAP_BLOCKS_H
#define CARP_IO_PCAP_BLOCKS_H

#include <stdio.h>

#include "io/pcap/capture.h"

enum block_direction { BLOCK_UNKNOWN, BLOCK_INBOUND, BLOCK_OUTBOUND };

struct block_packet {
    uint32_t interface; /* counted from 0 in its section */
    uint32_t link;      /* LINKTYPE of that */
    unsigned decimals;
    carp_instant at;
    const uint8_t *bytes; /* valid until the next call */
    uint32_t size, original_size;
};

enum block_kind { BLOCK_SECTION, BLOCK_PACKET, BLOCK_CUSTOM };

struct block {
    enum block_kind kind;
    uint64_t offset; /* in the file */
    union {
        struct block_packet packet;
        struct {
            uint32_t pen;
            const uint8_t *bytes; /* padded to 32 bits; valid until the next call */
            uint32_t size;
        } custom;
    };
    enum block_direction direction; /* of a packet */
};

struct blocks;

/* The stream is borrowed, and at the beginning of a section. NULL: no memory. */
struct blocks *blocks_make(FILE *stream);

/* As capture_next(); never CAPTURE_REFUSED. */
enum capture_status blocks_next(struct blocks *b, struct block_packet *packet, uint64_t *damage,
                                char error[CAPTURE_ERROR_MAX]);

/* The next block that is a section's beginning, a packet or a custom block; as blocks_next(). */
enum capture_status blocks_read(struct blocks *b, struct block *block, uint64_t *damage,
                                char error[CAPTURE_ERROR_MAX]);

void blocks_free(struct blocks *b);

#endif
