#include "io/pcap/blocks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    SECTION = 0x0a0d0d0a,
    BYTE_ORDER_MAGIC = 0x1a2b3c4d,
    INTERFACE = 1,
    OLD_PACKET = 2,
    SIMPLE_PACKET = 3,
    PACKET = 6,
    CUSTOM = 0xbad,
    CUSTOM_DO_NOT_COPY = 0x40000bad,
    IF_TSRESOL = 9,
    IF_TSOFFSET = 14,
    EPB_FLAGS = 2,
    PACKET_FIXED = 20,
    HEADER = 8, /* type and length */
    TRAILER = 4,
    FIRST_ROOM = 1 << 16,
    BLOCK_MAX = 1 << 24, /* what libpcap and Wireshark take, too */
    INTERFACES_MAX = 1024,
};

struct interface {
    uint16_t link;
    uint32_t snaplen; /* 0: none */
    uint8_t resolution;
    int64_t offset; /* s */
};

struct blocks {
    FILE *stream;
    uint64_t at; /* in the file: where the block begins that is being read */
    bool big;
    unsigned interface_count;
    struct interface interfaces[INTERFACES_MAX];
    size_t room;
    uint8_t *block;
};

/* One block: what is between its header and its trailer. */
struct body {
    uint32_t type;
    const uint8_t *bytes;
    uint32_t size;
};

static uint16_t u16_at(const struct blocks *b, const uint8_t *bytes)
{
    return (uint16_t)(b->big ? bytes[0] << 8 | bytes[1] : bytes[1] << 8 | bytes[0]);
}

static uint32_t u32_at(const struct blocks *b, const uint8_t *bytes)
{
    uint32_t first = u16_at(b, bytes), second = u16_at(b, bytes + 2);
    return b->big ? first << 16 | second : second << 16 | first;
}

struct blocks *blocks_make(FILE *stream)
{
    struct blocks *b = calloc(1, sizeof *b);
    uint8_t *block = malloc(FIRST_ROOM);
    if (b == NULL || block == NULL) {
        free(b);
        free(block);
        return NULL;
    }
    b->stream = stream;
    b->block = block;
    b->room = FIRST_ROOM;
    return b;
}

void blocks_free(struct blocks *b)
{
    if (b != NULL) {
        free(b->block);
        free(b);
    }
}

/* --- blocks -------------------------------------------------------------------------------------
 */

static enum capture_status damaged(char error[CAPTURE_ERROR_MAX], const char *why)
{
    snprintf(error, CAPTURE_ERROR_MAX, "%s", why);
    return CAPTURE_DAMAGED;
}

/* So many bytes to block + from; what a short file is called. */
static enum capture_status fill(struct blocks *b, size_t from, size_t size,
                                char error[CAPTURE_ERROR_MAX])
{
    size_t got = fread(b->block + from, 1, size, b->stream);
    if (got == size) {
        return CAPTURE_FRAME;
    }
    if (ferror(b->stream)) {
        return damaged(error, strerror(errno));
    }
    if (from + got == 0) {
        return CAPTURE_END;
    }
    snprintf(error, CAPTURE_ERROR_MAX, "the file ends %zu bytes into a block", from + got);
    return CAPTURE_DAMAGED;
}

/* Room for a block of this size; false when there is none. */
static bool make_room(struct blocks *b, uint32_t size)
{
    if (size <= b->room) {
        return true;
    }
    uint8_t *block = realloc(b->block, size);
    if (block == NULL) {
        return false;
    }
    b->block = block;
    b->room = size;
    return true;
}

/* A section says itself in which order its bytes are, and its interfaces are its own. */
static enum capture_status begin_section(struct blocks *b, char error[CAPTURE_ERROR_MAX])
{
    static const uint8_t big[4] = {0x1a, 0x2b, 0x3c, 0x4d}, little[4] = {0x4d, 0x3c, 0x2b, 0x1a};
    enum capture_status status = fill(b, HEADER, 4, error);
    if (status != CAPTURE_FRAME) {
        return status;
    }
    b->big = memcmp(b->block + HEADER, big, 4) == 0;
    b->interface_count = 0;
    return b->big || memcmp(b->block + HEADER, little, 4) == 0
               ? CAPTURE_FRAME
               : damaged(error, "a section without its byte-order magic");
}

static enum capture_status read_block(struct blocks *b, struct body *body,
                                      char error[CAPTURE_ERROR_MAX])
{
    size_t have = HEADER;
    enum capture_status status = fill(b, 0, HEADER, error);
    if (status != CAPTURE_FRAME) {
        return status;
    }
    body->type = u32_at(b, b->block);
    if (body->type == SECTION) {
        status = begin_section(b, error);
        if (status != CAPTURE_FRAME) {
            return status;
        }
        have += 4;
    }
    uint32_t size = u32_at(b, b->block + 4);
    if (size < have + TRAILER || size % 4 != 0 || size > BLOCK_MAX) {
        snprintf(error, CAPTURE_ERROR_MAX,
                 "a block of %lu bytes; a multiple of 4 up to %d is right", (unsigned long)size,
                 BLOCK_MAX);
        return CAPTURE_DAMAGED;
    }
    if (!make_room(b, size)) {
        return damaged(error, strerror(ENOMEM));
    }
    status = fill(b, have, size - have, error);
    if (status == CAPTURE_FRAME && u32_at(b, b->block + size - TRAILER) != size) {
        status = damaged(error, "a block has one length at its beginning and another at its end");
    }
    *body = (struct body){body->type, b->block + HEADER, size - HEADER - TRAILER};
    return status;
}

/* --- interfaces and times -----------------------------------------------------------------------
 */

static void read_options(struct blocks *b, const struct body *body, struct interface *interface)
{
    size_t at = 8;
    while (at + 4 <= body->size) {
        const uint8_t *option = body->bytes + at;
        uint16_t code = u16_at(b, option), size = u16_at(b, option + 2);
        if (code == 0 || size > body->size - at - 4) {
            return;
        }
        if (code == IF_TSRESOL && size >= 1) {
            interface->resolution = option[4];
        } else if (code == IF_TSOFFSET && size >= 8) {
            uint64_t first = u32_at(b, option + 4), second = u32_at(b, option + 8);
            interface->offset = (int64_t)(b->big ? first << 32 | second : second << 32 | first);
        }
        at += 4 + ((size_t)size + 3) / 4 * 4;
    }
}

static enum capture_status add_interface(struct blocks *b, const struct body *body,
                                         char error[CAPTURE_ERROR_MAX])
{
    if (body->size < 8) {
        return damaged(error, "a description of an interface that is too short");
    }
    if (b->interface_count == INTERFACES_MAX) {
        return damaged(error, "more than 1024 interfaces");
    }
    struct interface *interface = &b->interfaces[b->interface_count++];
    *interface = (struct interface){
        .link = u16_at(b, body->bytes), .snaplen = u32_at(b, body->bytes + 4), .resolution = 6};
    read_options(b, body, interface);
    return CAPTURE_FRAME;
}

/* Units of 10^-r or, with the highest bit, 2^-r seconds, as seconds and nanoseconds. */
static void split_time(uint64_t units, uint8_t resolution, uint64_t *seconds, uint64_t *ns)
{
    unsigned r = resolution & 0x7f;
    if (resolution & 0x80) {
        r = r < 63 ? r : 63;
        uint64_t fraction = units & ((UINT64_C(1) << r) - 1);
        *seconds = units >> r;
        if (r > 32) {
            fraction >>= r - 32;
            r = 32;
        }
        *ns = (fraction * 1000000000) >> r;
        return;
    }
    uint64_t second = 1, scale = 1;
    for (unsigned i = 0; i < r && i < 19; i++) { /* 10^19 is the last that fits */
        second *= 10;
    }
    for (unsigned i = r < 9 ? r : 9; i < 9; i++) {
        scale *= 10;
    }
    *seconds = units / second;
    *ns = r <= 9 ? units % second * scale : units % second / (second / 1000000000);
}

/* What an instant cannot hold becomes its nearest. */
static carp_instant instant_of(uint64_t units, const struct interface *interface)
{
    const uint64_t limit = UINT64_MAX / 1000000000 - 1;
    uint64_t seconds, ns;
    split_time(units, interface->resolution, &seconds, &ns);
    uint64_t shift =
        interface->offset < 0 ? 0 - (uint64_t)interface->offset : (uint64_t)interface->offset;
    seconds = seconds < limit ? seconds : limit;
    shift = shift < limit ? shift : limit;
    if (interface->offset < 0) {
        seconds = seconds > shift ? seconds - shift : 0;
    } else {
        seconds = seconds + shift < limit ? seconds + shift : limit;
    }
    return (carp_instant){seconds * 1000000000 + ns};
}

/* --- packets ------------------------------------------------------------------------------------
 */

static enum capture_status finish_packet(struct blocks *b, const struct body *body, uint32_t number,
                                         size_t from, uint64_t units, struct block_packet *packet,
                                         char error[CAPTURE_ERROR_MAX])
{
    if (number >= b->interface_count) {
        return damaged(error, "a packet of an interface that is not described");
    }
    const struct interface *interface = &b->interfaces[number];
    if (packet->size > body->size - from) {
        return damaged(error, "a packet that is longer than its block");
    }
    packet->bytes = body->bytes + from;
    packet->interface = number;
    packet->link = interface->link;
    packet->decimals = interface->resolution > 6 ? 9 : 6;
    packet->at = instant_of(units, interface);
    return CAPTURE_FRAME;
}

/* An enhanced packet, or its predecessor, which has a count of drops where it has its interface. */
static enum capture_status read_packet(struct blocks *b, const struct body *body,
                                       struct block_packet *packet, char error[CAPTURE_ERROR_MAX])
{
    const uint8_t *at = body->bytes;
    if (body->size < PACKET_FIXED) {
        return damaged(error, "a packet whose block is too short");
    }
    uint32_t number = body->type == PACKET ? u32_at(b, at) : u16_at(b, at);
    packet->size = u32_at(b, at + 12);
    packet->original_size = u32_at(b, at + 16);
    return finish_packet(b, body, number, PACKET_FIXED,
                         (uint64_t)u32_at(b, at + 4) << 32 | u32_at(b, at + 8), packet, error);
}

/* A simple packet: of the first interface, without a time, as long as its snapshot length lets it.
 */
static enum capture_status read_simple(struct blocks *b, const struct body *body,
                                       struct block_packet *packet, char error[CAPTURE_ERROR_MAX])
{
    if (body->size < 4 || b->interface_count == 0) {
        return damaged(error, "a simple packet without an interface, or too short");
    }
    const struct interface first = {.resolution = 6};
    uint32_t snaplen = b->interfaces[0].snaplen;
    packet->size = packet->original_size = u32_at(b, body->bytes);
    if (snaplen != 0 && packet->size > snaplen) {
        packet->size = snaplen;
    }
    enum capture_status status = finish_packet(b, body, 0, 4, 0, packet, error);
    packet->at = instant_of(0, &first);
    return status;
}

/* What lies behind the packet, by its flags; libpcap and Wireshark write none for most. */
static enum block_direction read_direction(const struct blocks *b, const struct body *body,
                                           const struct block_packet *packet)
{
    size_t at = PACKET_FIXED + ((size_t)packet->size + 3) / 4 * 4;
    while (body->type == PACKET && at + 4 <= body->size) {
        const uint8_t *option = body->bytes + at;
        uint16_t code = u16_at(b, option), size = u16_at(b, option + 2);
        if (code == 0 || size > body->size - at - 4) {
            break;
        }
        if (code == EPB_FLAGS && size >= 4) {
            uint32_t direction = u32_at(b, option + 4) & 3;
            return direction <= BLOCK_OUTBOUND ? (enum block_direction)direction : BLOCK_UNKNOWN;
        }
        at += 4 + ((size_t)size + 3) / 4 * 4;
    }
    return BLOCK_UNKNOWN;
}

/* Read on to a block that matters: of interfaces and packets, and what else is wanted. */
static enum capture_status next_body(struct blocks *b, struct body *body, bool packets_only,
                                     uint64_t *damage, char error[CAPTURE_ERROR_MAX])
{
    enum capture_status status = CAPTURE_FRAME;
    while (status == CAPTURE_FRAME) { /* each turn reads a block: the file's size bounds it */
        *damage = b->at;
        status = read_block(b, body, error);
        if (status != CAPTURE_FRAME) {
            break;
        }
        b->at += HEADER + body->size + TRAILER;
        switch (body->type) {
        case INTERFACE:
            status = add_interface(b, body, error);
            break;
        case PACKET:
        case OLD_PACKET:
        case SIMPLE_PACKET:
            return CAPTURE_FRAME;
        case SECTION:
        case CUSTOM:
        case CUSTOM_DO_NOT_COPY:
            if (!packets_only) {
                return CAPTURE_FRAME;
            }
            break;
        }
    }
    return status;
}

static enum capture_status read_any_packet(struct blocks *b, const struct body *body,
                                           struct block_packet *packet,
                                           char error[CAPTURE_ERROR_MAX])
{
    return body->type == SIMPLE_PACKET ? read_simple(b, body, packet, error)
                                       : read_packet(b, body, packet, error);
}

enum capture_status blocks_next(struct blocks *b, struct block_packet *packet, uint64_t *damage,
                                char error[CAPTURE_ERROR_MAX])
{
    struct body body;
    enum capture_status status = next_body(b, &body, true, damage, error);
    return status == CAPTURE_FRAME ? read_any_packet(b, &body, packet, error) : status;
}

enum capture_status blocks_read(struct blocks *b, struct block *block, uint64_t *damage,
                                char error[CAPTURE_ERROR_MAX])
{
    struct body body;
    enum capture_status status = next_body(b, &body, false, damage, error);
    if (status != CAPTURE_FRAME) {
        return status;
    }
    *block = (struct block){.kind = BLOCK_SECTION, .offset = *damage};
    if (body.type == CUSTOM || body.type == CUSTOM_DO_NOT_COPY) {
        if (body.size < 4) {
            return damaged(error, "a custom block that does not say whose it is");
        }
        block->kind = BLOCK_CUSTOM;
        block->custom.pen = u32_at(b, body.bytes);
        block->custom.bytes = body.bytes + 4;
        block->custom.size = body.size - 4;
    } else if (body.type != SECTION) {
        block->kind = BLOCK_PACKET;
        status = read_any_packet(b, &body, &block->packet, error);
        block->direction = read_direction(b, &body, &block->packet);
    }
    return status;
}
