/*
 * Is a frame of one capture the same as one of another? What capture points change does not count:
 * MAC addresses (a cooked capture has none), padding, and the FCS some of them keep.
 */
#ifndef CARP_IO_PCAP_LIKENESS_H
#define CARP_IO_PCAP_LIKENESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What counts of an untagged Ethernet frame, within its bytes: the type and what follows it. */
struct likeness {
    const uint8_t *bytes;
    size_t size; /* 0: too short to be like any other */
};

struct likeness likeness_of(const uint8_t *bytes, size_t size);
uint64_t likeness_hash(struct likeness l);
bool likeness_equal(struct likeness a, struct likeness b);

/* Is it of the protocols by which clocks are aligned: CARP and VRRP, ARP, ICMPv6? */
bool likeness_tells_time(struct likeness l);

#endif
