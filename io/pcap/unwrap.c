/*
 * From a packet as it was captured to an untagged Ethernet frame.
 */
#include <string.h>

#include "engine/wire.h"
#include "io/pcap/capture.h"

enum {
    MAC_SIZE = 6,
    ETHERNET_SIZE = 14,
    TYPE_AT = 12,
    TAG_SIZE = 4,
    TAG = 0x8100,
    TAG_OUTER = 0x88a8, /* IEEE 802.1ad */
    TYPE_IPV4 = 0x0800,
    TYPE_IPV6 = 0x86dd,
};

static bool is_tag(uint16_t type)
{
    return type == TAG || type == TAG_OUTER;
}

/* Take the tags out of a type and what follows it; `type` is then what they hid. Returns how many
 * bytes the tags have. */
static size_t take_tags(const uint8_t *after, size_t size, uint16_t *type,
                        struct capture_frame *frame)
{
    size_t at = 0;
    frame->tag_count = 0;
    while (is_tag(*type) && frame->tag_count < CAPTURE_TAGS_MAX && size - at >= TAG_SIZE) {
        frame->vlan[frame->tag_count++] = wire_u16(after + at) & 0x0fff;
        *type = wire_u16(after + at + 2);
        at += TAG_SIZE;
    }
    return at;
}

/* An Ethernet frame of these parts, in `room`. */
static void compose(uint8_t *room, const uint8_t *macs, uint16_t type, const uint8_t *payload,
                    size_t size, struct capture_frame *frame)
{
    if (size > CAPTURE_FRAME_MAX - ETHERNET_SIZE) {
        size = CAPTURE_FRAME_MAX - ETHERNET_SIZE;
    }
    struct writer w = {room};
    write_bytes(&w, macs, TYPE_AT);
    write_u16(&w, type);
    write_bytes(&w, payload, size);
    frame->bytes = room;
    frame->size = ETHERNET_SIZE + size;
}

static bool unwrap_ethernet(const uint8_t *bytes, size_t size, uint8_t *room,
                            struct capture_frame *frame)
{
    if (size < ETHERNET_SIZE) {
        return false;
    }
    uint16_t type = wire_u16(bytes + TYPE_AT);
    frame->has_source_mac = frame->has_destination = true;
    frame->bytes = bytes;
    frame->size = size < CAPTURE_FRAME_MAX ? size : CAPTURE_FRAME_MAX;
    if (is_tag(type)) {
        size_t from = ETHERNET_SIZE;
        from += take_tags(bytes + from, size - from, &type, frame);
        compose(room, bytes, type, bytes + from, size - from, frame);
    }
    return true;
}

/* Source: libpcap's pcap/sll.h, struct sll_header and sll2_header. */
static bool unwrap_cooked(bool second, const uint8_t *bytes, size_t size, uint8_t *room,
                          struct capture_frame *frame)
{
    size_t header = second ? 20 : 16;
    if (size < header) {
        return false;
    }
    uint8_t macs[2 * MAC_SIZE] = {0};
    uint16_t type = wire_u16(bytes + (second ? 0 : 14));
    unsigned address_size = second ? bytes[11] : wire_u16(bytes + 4);
    frame->has_source_mac = address_size == MAC_SIZE;
    if (frame->has_source_mac) {
        memcpy(macs + MAC_SIZE, bytes + (second ? 12 : 6), MAC_SIZE);
    }
    header += take_tags(bytes + header, size - header, &type, frame);
    compose(room, macs, type, bytes + header, size - header, frame);
    return true;
}

static bool unwrap_raw(const uint8_t *bytes, size_t size, uint8_t *room,
                       struct capture_frame *frame)
{
    static const uint8_t macs[2 * MAC_SIZE];
    if (size == 0) {
        return false;
    }
    compose(room, macs, bytes[0] >> 4 == 6 ? TYPE_IPV6 : TYPE_IPV4, bytes, size, frame);
    return true;
}

bool capture_unwrap(enum capture_link link, const uint8_t *bytes, size_t size, uint8_t *room,
                    struct capture_frame *frame)
{
    frame->bytes = bytes;
    frame->size = size < CAPTURE_FRAME_MAX ? size : CAPTURE_FRAME_MAX;
    frame->tag_count = 0;
    frame->unknown_link = false;
    frame->has_source_mac = frame->has_destination = false;
    switch (link) {
    case CAPTURE_ETHERNET:
        return unwrap_ethernet(bytes, size, room, frame);
    case CAPTURE_COOKED:
    case CAPTURE_COOKED2:
        return unwrap_cooked(link == CAPTURE_COOKED2, bytes, size, room, frame);
    case CAPTURE_RAW:
        return unwrap_raw(bytes, size, room, frame);
    case CAPTURE_UNKNOWN:
        frame->size = 0;
        frame->unknown_link = true;
        return false;
    }
    return false;
}
