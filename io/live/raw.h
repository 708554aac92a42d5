/*
 * Frames out of interfaces, by a process that receives none: the guardian's way to say farewell.
 *
 * Functions return 0 or -errno.
 */
#ifndef CARP_IO_LIVE_RAW_H
#define CARP_IO_LIVE_RAW_H

#include <stddef.h>
#include <stdint.h>

struct raw;

/* raw_close() is fine on NULL. */
int raw_open(struct raw **opened);
void raw_close(struct raw *raw);

/* Before this process gives up its rights: frames are going to be sent out of this interface too.
 * Again is harmless. */
int raw_expect(struct raw *raw, const char *interface);

/* Without waiting. -ENXIO: it was not expected, or is another one by now. */
int raw_send(struct raw *raw, unsigned ifindex, const uint8_t *frame, size_t size);

#endif
