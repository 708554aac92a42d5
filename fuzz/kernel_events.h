/*
 * What must hold of the events that a parser of the kernel's messages gives, whatever the bytes
 * were: each is within bounds, and the table of addresses that is kept from them, and the answers
 * it gives, are what the events say.
 */
#ifndef CARP_FUZZ_KERNEL_EVENTS_H
#define CARP_FUZZ_KERNEL_EVENTS_H

#include "io/live/kernel.h"

/* Note an event, and look at everything. FORGET and SYNCED are no message's. */
void kernel_events_follow(struct kernel_addresses *table, const struct kernel_event *event);

#endif
