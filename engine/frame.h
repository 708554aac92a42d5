/*
 * Envelopes: Ethernet, IPv4 and IPv6 around an advert; gratuitous ARP and unsolicited neighbour
 * advertisements; and telling CARP from VRRP, which shares IP protocol 112.
 *
 * All functions are pure. Bytes are borrowed for the call. Nothing here knows a key or a group:
 * what depends on those is decided in carp.c.
 */
#ifndef CARP_ENGINE_FRAME_H
#define CARP_ENGINE_FRAME_H

#include "engine/verdict.h"
#include "engine/wire.h"

enum {
    FRAME_MAC_SIZE = 6,
    FRAME_MAX = 90, /* the largest frame we write: an IPv6 advert. Received ones may be longer */
    FRAME_PROTOCOL = 112,
    FRAME_TTL = 255,
};

/* An advert with its envelope: all that is needed to write the very same frame again. */
struct carp_packet {
    struct carp_advert advert;
    uint8_t family;        /* 4 or 6 */
    uint8_t traffic_class; /* IPv4 TOS, IPv6 traffic class */
    uint8_t ttl;           /* or hop limit */
    bool dont_fragment;    /* IPv4 DF */
    bool pseudo_checksum;  /* the CARP checksum covers the IPv6 pseudo-header (NetBSD) */
    uint16_t id;           /* IPv4 identification */
    uint8_t destination_mac[FRAME_MAC_SIZE];
    uint8_t source_mac[FRAME_MAC_SIZE];
    uint8_t source[16]; /* IPv4: four bytes, then zeros */
    uint8_t destination[16];
};

/*
 * Read an Ethernet frame as an advert.
 *
 * Returns CARP_ACCEPTED and the whole packet, or the first check that failed, in the order of
 * engine/verdict.h. On CARP_VRRP2 and CARP_VRRP3, and on every verdict after BAD_LENGTH, the
 * envelope and advert.vhid (VRRP: the virtual router's number) are valid too.
 *
 * A priority tag (VLAN 0) is skipped, as FreeBSD does; other tags are CARP_NOT_CARP. IPv4 options
 * are accepted, as all implementations do; bytes after the IP length are ignored; payload bytes
 * after the 36 are ignored unless they make the payload a valid VRRPv2 packet. The destination is
 * not judged here.
 */
enum carp_verdict frame_parse(const uint8_t *bytes, size_t size, struct carp_packet *packet);

/* Write a packet as an Ethernet frame of at most FRAME_MAX bytes; returns its size. Checksums are
 * computed; IPv4 options, tags and trailing bytes are not written. */
size_t frame_write(const struct carp_packet *packet, uint8_t *bytes);

/* A gratuitous ARP request or reply, or any other ARP packet for IPv4 on Ethernet. */
struct frame_arp {
    uint16_t operation; /* 1 request, 2 reply */
    uint8_t destination_mac[FRAME_MAC_SIZE];
    uint8_t source_mac[FRAME_MAC_SIZE];
    uint8_t sender_mac[FRAME_MAC_SIZE];
    uint8_t sender[4];
    uint8_t target_mac[FRAME_MAC_SIZE];
    uint8_t target[4];
};

bool frame_read_arp(const uint8_t *bytes, size_t size, struct frame_arp *arp);
size_t frame_write_arp(const struct frame_arp *arp, uint8_t *bytes); /* 42 bytes */

/* A neighbour advertisement (ICMPv6 136) with a target link-layer address option. */
struct frame_na {
    bool router;
    bool solicited;
    bool override;
    uint8_t traffic_class;
    uint8_t destination_mac[FRAME_MAC_SIZE];
    uint8_t source_mac[FRAME_MAC_SIZE];
    uint8_t source[16];
    uint8_t destination[16];
    uint8_t target[16];
    uint8_t target_mac[FRAME_MAC_SIZE];
};

/* False also when hop limit is not 255, the ICMPv6 checksum is wrong or the option is missing. */
bool frame_read_na(const uint8_t *bytes, size_t size, struct frame_na *na);
size_t frame_write_na(const struct frame_na *na, uint8_t *bytes); /* 86 bytes */

/*
 * The announcements of a virtual address by the host with this MAC: what makes neighbours and
 * switches send to us from now on. Real MAC throughout, because we have no virtual one.
 * Source: docs/PROTOCOL.md, "announcement"; RFC 5227 section 3, RFC 4861 section 7.2.6.
 */
size_t frame_announce_ipv4(const uint8_t mac[FRAME_MAC_SIZE], const uint8_t address[4],
                           uint8_t *bytes);
size_t frame_announce_ipv6(const uint8_t mac[FRAME_MAC_SIZE], const uint8_t address[16],
                           uint8_t *bytes);

#endif
