/*
 * A capture file as a source of Ethernet frames with their times: pcap, by libpcap, and pcapng, in
 * memory that does not grow with the file.
 *
 * Whatever was captured, the frame handed out is an untagged Ethernet frame, as frame_parse() wants
 * it: VLAN tags are taken out and reported, Linux cooked headers and raw IP get an Ethernet header
 * in place of what they had.
 */
#ifndef CARP_IO_PCAP_CAPTURE_H
#define CARP_IO_PCAP_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/instant.h"

enum {
    CAPTURE_ERROR_MAX = 384,
    CAPTURE_TAGS_MAX = 4,      /* a frame with more keeps the rest */
    CAPTURE_FRAME_MAX = 65620, /* bytes beyond the largest IP packet are not handed out */
};

/* What stands before IP in a packet. */
enum capture_link {
    CAPTURE_ETHERNET,
    CAPTURE_COOKED,  /* Linux cooked, version 1: captured on "any" */
    CAPTURE_COOKED2, /* and version 2 */
    CAPTURE_RAW,     /* IP itself */
    CAPTURE_UNKNOWN, /* in a pcapng file beside others; there is no frame then: no bytes */
};

struct capture_frame {
    carp_instant at;      /* since 1970; zero where the file gives no time */
    uint8_t decimals;     /* of a second, in the file: 6 or 9 */
    bool unknown_link;    /* CAPTURE_UNKNOWN */
    uint32_t interface;   /* pcapng: its number in the file, from 0 */
    const uint8_t *bytes; /* untagged Ethernet; valid until the next call */
    size_t size;
    uint32_t missing;                /* bytes that were on the wire and not captured */
    bool has_source_mac;             /* cooked headers may have none, raw IP has none */
    bool has_destination;            /* only Ethernet says to which MAC */
    uint8_t tag_count;               /* VLAN tags that were taken out, the outermost first: */
    uint16_t vlan[CAPTURE_TAGS_MAX]; /* their VLAN's number, 0 for a mere priority */
};

/* How a capture ended, or how it could not begin. */
enum capture_status {
    CAPTURE_FRAME,   /* here is one more */
    CAPTURE_END,     /* the file ends where a file may end */
    CAPTURE_DAMAGED, /* it does not: `error` and `damage` say how and where */
    CAPTURE_REFUSED, /* no capture, not readable, or not of a link type we know: `error` */
};

struct capture;

/*
 * Open a file, "-" being standard input. CAPTURE_FRAME: *capture is to be closed. CAPTURE_DAMAGED:
 * it begins as a capture does, and is broken before its first packet. Otherwise CAPTURE_REFUSED.
 * error is one line without the file's name; damage the offset in the file.
 */
enum capture_status capture_open(const char *path, struct capture **capture, uint64_t *damage,
                                 char error[CAPTURE_ERROR_MAX]);

/* The next frame, in file order; after anything but CAPTURE_FRAME there is none. On damage, all
 * before it has been handed out, and `damage` is where the first record that is not whole begins.
 */
enum capture_status capture_next(struct capture *capture, struct capture_frame *frame,
                                 uint64_t *damage, char error[CAPTURE_ERROR_MAX]);

/* Does it come through a pipe or the like, so that the next packet may be long in coming? */
bool capture_is_stream(const struct capture *capture);

void capture_close(struct capture *capture);

/*
 * Turn a packet into an untagged Ethernet frame: bytes, size, has_*, and tags of `frame` are set.
 * room  CAPTURE_FRAME_MAX bytes, borrowed as long as the frame: where it is put together if it is
 *       not already there as it should be.
 * False when there is not even a whole link header; the frame then has the packet's bytes.
 */
bool capture_unwrap(enum capture_link link, const uint8_t *bytes, size_t size, uint8_t *room,
                    struct capture_frame *frame);

#endif
