/*
 * What worker and guardian say to each other, one datagram a message, in the memory layout of the
 * one program that both are. The guardian trusts nothing in it: the worker reads the network.
 */
#ifndef CARP_IO_LIVE_GUARDIAN_MESSAGE_H
#define CARP_IO_LIVE_GUARDIAN_MESSAGE_H

#include "io/live/guardian.h"

enum guardian_message_type {
    GUARDIAN_HOLD = 1, /* worker: guard this */
    GUARDIAN_DROP,     /* worker: no more */
    GUARDIAN_RELEASED, /* guardian: you did not run, so I released it */
};

struct guardian_message {
    uint32_t type;
    uint32_t group;
    /* Which time the group is held: grows with each HOLD that follows a DROP or RELEASED. A HOLD or
     * RELEASED that crosses the other on its way is so told from a new one. */
    uint32_t serial;

    /* HOLD only. */
    uint32_t ifindex;
    uint64_t patience_ns;
    uint32_t address_count;
    uint8_t farewell_size[2];
    uint8_t farewell[2][FRAME_MAX];
    struct kernel_virtual addresses[GUARDIAN_ADDRESSES_MAX]; /* as many as there are */
};

/* The bytes of a message that are sent. */
size_t guardian_message_size(const struct guardian_message *message);

/* May the guardian act on these bytes? Every value is within bounds, and the size is exactly that
 * of its contents. */
bool guardian_message_ok(const struct guardian_message *message, size_t size,
                         const struct guardian_group *groups, unsigned group_count);

#endif
