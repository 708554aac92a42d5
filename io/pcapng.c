/* Blocks are measured, then written: their length stands before what they hold. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "io/pcapng.h"

enum {
    /* "Section Header Block" */
    SECTION = 0x0a0d0d0a,
    BYTE_ORDER_MAGIC = 0x1a2b3c4d,
    VERSION_MAJOR = 1,
    VERSION_MINOR = 0,
    SECTION_FIXED = 16,
    SHB_HARDWARE = 2,
    SHB_USERAPPL = 4,

    /* "Interface Description Block"; LINKTYPE_ETHERNET is draft-ietf-opsawg-pcaplinktype's */
    INTERFACE = 1,
    LINKTYPE_ETHERNET = 1,
    NO_SNAPLEN = 0,
    INTERFACE_FIXED = 8,
    IF_NAME = 2,
    IF_DESCRIPTION = 3,
    IF_TSRESOL = 9,
    NANOSECONDS = 9, /* 10^-9 s */

    /* "Enhanced Packet Block" and "Enhanced Packet Block Flags Word", bits 0 and 1 */
    PACKET = 6,
    PACKET_FIXED = 20,
    EPB_FLAGS = 2,
    EPB_FLAGS_SIZE = 4,

    /* "Custom Block"; "Controlling Copy Behavior" */
    CUSTOM = 0x00000bad,
    CUSTOM_DO_NOT_COPY = 0x40000bad,
    CUSTOM_FIXED = 4,

    /* "General Block Structure": type, length, and the length again */
    FRAMING = 12,

    /* "Options" */
    OPT_ENDOFOPT = 0,
    OPT_COMMENT = 1,
    OPTION_HEADER = 4,
};

_Static_assert(PCAPNG_INBOUND == 1 && PCAPNG_OUTBOUND == 2, "as the flags word has them");
_Static_assert(PCAPNG_TEXT_MAX % 4 == 0 && PCAPNG_TEXT_MAX + 4 > UINT16_MAX, "see the header");

/* --- bytes */

static void give(struct pcapng_writer *w)
{
    if (w->error == 0 && w->held > 0) {
        w->error = w->sink.write(w->sink.self, w->piece, w->held);
        assert(w->error <= 0);
    }
    w->held = 0;
}

static void put(struct pcapng_writer *w, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    assert(size <= w->block_left);
    w->block_left -= (uint32_t)size;
    while (size > 0) {
        if (w->held == sizeof w->piece) {
            give(w);
        }
        size_t room = sizeof w->piece - w->held, now = size < room ? size : room;
        memcpy(w->piece + w->held, at, now);
        w->held += now;
        at += now;
        size -= now;
    }
}

static void put_u16(struct pcapng_writer *w, uint16_t value)
{
    put(w, (uint8_t[]){(uint8_t)value, (uint8_t)(value >> 8)}, 2);
}

static void put_u32(struct pcapng_writer *w, uint32_t value)
{
    put(w,
        (uint8_t[]){(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                    (uint8_t)(value >> 24)},
        4);
}

/* "Alignment": to 32 bits, with zeros. */
static uint64_t padded(uint64_t size)
{
    return (size + 3) & ~UINT64_C(3);
}

static void put_padded(struct pcapng_writer *w, const void *bytes, size_t size)
{
    if (size > 0) {
        put(w, bytes, size);
    }
    put(w, (uint8_t[3]){0}, (size_t)padded(size) - size);
}

/* --- options */

static uint64_t option_size(size_t size)
{
    return OPTION_HEADER + padded(size);
}

static void put_option(struct pcapng_writer *w, uint16_t type, const void *value, size_t size)
{
    put_u16(w, type);
    put_u16(w, (uint16_t)size);
    put_padded(w, value, size);
}

static void put_end_of_options(struct pcapng_writer *w)
{
    put_option(w, OPT_ENDOFOPT, NULL, 0);
}

/* How much of a text is written: never a part of a character. */
static size_t text_size(const char *text)
{
    size_t size = strnlen(text, PCAPNG_TEXT_MAX + 1);
    if (size > PCAPNG_TEXT_MAX) {
        size = PCAPNG_TEXT_MAX;
        /* RFC 3629: a character is up to four bytes, of which all but the first are 10xxxxxx. */
        for (int i = 0; i < 3 && ((uint8_t)text[size] & 0xc0) == 0x80; i++) {
            size--;
        }
    }
    return size;
}

static uint64_t text_option_size(const char *text)
{
    return text == NULL ? 0 : option_size(text_size(text));
}

static void put_text_option(struct pcapng_writer *w, uint16_t type, const char *text)
{
    if (text != NULL) {
        put_option(w, type, text, text_size(text));
    }
}

/* --- blocks */

/* Begin a block of this type whose body has this size: exactly as much is put, then end_block().
 * Otherwise why not. */
static int begin_block(struct pcapng_writer *w, uint32_t type, uint64_t body_size)
{
    if (w->error != 0) {
        return w->error;
    }
    if (body_size > PCAPNG_BLOCK_MAX - FRAMING) {
        return -EMSGSIZE;
    }
    w->block_size = w->block_left = FRAMING + (uint32_t)body_size;
    put_u32(w, type);
    put_u32(w, w->block_size);
    return 0;
}

static int end_block(struct pcapng_writer *w)
{
    put_u32(w, w->block_size);
    assert(w->block_left == 0);
    give(w);
    return w->error;
}

int pcapng_begin(struct pcapng_writer *w, struct pcapng_sink sink, const char *hardware,
                 const char *application)
{
    w->sink = sink;
    w->error = 0;
    w->interface_count = 0;
    w->held = 0;
    int status = begin_block(w, SECTION,
                             SECTION_FIXED + text_option_size(hardware) +
                                 text_option_size(application) + option_size(0));
    if (status != 0) {
        return status;
    }
    put_u32(w, BYTE_ORDER_MAGIC);
    put_u16(w, VERSION_MAJOR);
    put_u16(w, VERSION_MINOR);
    put_u32(w, UINT32_MAX); /* section length -1: not known */
    put_u32(w, UINT32_MAX);
    put_text_option(w, SHB_HARDWARE, hardware);
    put_text_option(w, SHB_USERAPPL, application);
    put_end_of_options(w);
    return end_block(w);
}

int pcapng_interface(struct pcapng_writer *w, const char *name, const char *description,
                     unsigned *id)
{
    int status = begin_block(w, INTERFACE,
                             INTERFACE_FIXED + text_option_size(name) +
                                 text_option_size(description) + option_size(1) + option_size(0));
    if (status != 0) {
        return status;
    }
    put_u16(w, LINKTYPE_ETHERNET);
    put_u16(w, 0); /* reserved */
    put_u32(w, NO_SNAPLEN);
    put_text_option(w, IF_NAME, name);
    put_text_option(w, IF_DESCRIPTION, description);
    put_option(w, IF_TSRESOL, (uint8_t[]){NANOSECONDS}, 1);
    put_end_of_options(w);
    status = end_block(w);
    if (status == 0) {
        *id = w->interface_count++;
    }
    return status;
}

/* The list of options ends with one of its own, but there need be no list. */
static uint64_t packet_options_size(const struct pcapng_packet *packet)
{
    uint64_t size = packet->direction == PCAPNG_UNKNOWN ? 0 : option_size(EPB_FLAGS_SIZE);
    for (size_t i = 0; i < packet->comment_count; i++) {
        size += text_option_size(packet->comments[i]);
    }
    return size == 0 ? 0 : size + option_size(0);
}

static void put_packet_options(struct pcapng_writer *w, const struct pcapng_packet *packet)
{
    if (packet->direction != PCAPNG_UNKNOWN) {
        put_u16(w, EPB_FLAGS);
        put_u16(w, EPB_FLAGS_SIZE);
        put_u32(w, packet->direction);
    }
    for (size_t i = 0; i < packet->comment_count; i++) {
        put_text_option(w, OPT_COMMENT, packet->comments[i]);
    }
    if (packet->direction != PCAPNG_UNKNOWN || packet->comment_count > 0) {
        put_end_of_options(w);
    }
}

int pcapng_packet(struct pcapng_writer *w, const struct pcapng_packet *packet)
{
    assert(w->error != 0 || packet->interface < w->interface_count);
    assert(packet->size <= packet->original_size && packet->direction <= PCAPNG_OUTBOUND);
    if (w->error == 0 && packet->size > PCAPNG_PACKET_MAX) {
        return -EMSGSIZE;
    }
    int status =
        begin_block(w, PACKET, PACKET_FIXED + padded(packet->size) + packet_options_size(packet));
    if (status != 0) {
        return status;
    }
    put_u32(w, packet->interface);
    put_u32(w, (uint32_t)(packet->time_ns >> 32)); /* the upper half first, in either byte order */
    put_u32(w, (uint32_t)packet->time_ns);
    put_u32(w, packet->size);
    put_u32(w, packet->original_size);
    put_padded(w, packet->bytes, packet->size);
    put_packet_options(w, packet);
    return end_block(w);
}

int pcapng_custom(struct pcapng_writer *w, uint32_t pen, const uint8_t *bytes, size_t size,
                  bool copyable)
{
    if (w->error == 0 && size > PCAPNG_BLOCK_MAX) {
        return -EMSGSIZE; /* before padding could overflow */
    }
    int status =
        begin_block(w, copyable ? CUSTOM : CUSTOM_DO_NOT_COPY, CUSTOM_FIXED + padded(size));
    if (status != 0) {
        return status;
    }
    put_u32(w, pen);
    put_padded(w, bytes, size);
    return end_block(w);
}
