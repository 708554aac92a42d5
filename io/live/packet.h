/*
 * Frames in and out of one interface, through libpcap: immediate mode, a filter in the kernel, no
 * promiscuous mode; and membership of the multicast groups, so that the network card, IGMP and MLD
 * snooping switches let adverts through to us.
 */
#ifndef CARP_IO_LIVE_PACKET_H
#define CARP_IO_LIVE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pcap.h> /* without its folder, which OpenBSD has not */

enum {
    PACKET_ERROR_MAX = 320,
    PACKET_SIZE_MAX = 144, /* of a longer frame only so much is received */
};

struct packet {
    pcap_t *pcap;
    unsigned ifindex;
    int member[2]; /* sockets that hold the memberships: IPv4, IPv6 */
    bool was_full; /* as the last packet_drain() found it: frames may have been dropped */
};

/* Begin to receive protocol 112 on this interface. 0, or -1 and one sentence in error. */
int packet_open(struct packet *packet, const char *interface, char error[PACKET_ERROR_MAX]);

/* Belong to this IPv4 group, and to ff02::12, until packet_close(). 0, or -errno of whichever could
 * not be had. Again is harmless. */
int packet_join(struct packet *packet, const uint8_t ipv4_group[4]);

/* Readable when packet_drain() has something. */
int packet_fd(const struct packet *packet);

typedef void packet_callback(void *self, const uint8_t *frame, size_t size);

/* Hand over all that has arrived, without waiting; what comes meanwhile may be left for the next
 * call, so that this one ends however fast frames come. Our own frames do not come back here. 0, or
 * -errno: the interface is gone, to be closed and opened again. One that is only down wakes us once
 * and is no error here (before libpcap 1.10 it is): packet_send() and the kernel's news of links
 * tell, and frames come again when it is up. */
int packet_drain(struct packet *packet, packet_callback *callback, void *self);

/* Frames that the kernel dropped since packet_open(), because they came faster than they were
 * drained and its buffer was full. */
uint64_t packet_dropped(const struct packet *packet);

/* 0, or -errno. */
int packet_send(struct packet *packet, const uint8_t *frame, size_t size);

void packet_close(struct packet *packet);

#endif
