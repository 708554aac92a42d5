/*
 * One address of one interface, by ioctl(). Functions return 0 or -errno.
 */
#ifndef CARP_IO_LIVE_BSD_CHANGE_H
#define CARP_IO_LIVE_BSD_CHANGE_H

#include "io/live/kernel.h"

enum change {
    CHANGE_SET, /* install, or give its lifetime anew: the kernels make no difference */
    CHANGE_REMOVE,
};

/* For IPv4 and IPv6. -1 stands for a family that this kernel does not have. */
struct change_sockets {
    int of[2];
};

int change_open(struct change_sockets *sockets);
void change_close(struct change_sockets *sockets);

/* Which is root's to do. An IPv4 address with another prefix length is the same address, and has
 * ours from then on. One that is not there counts as removed. */
int change_make(const struct change_sockets *sockets, const char *interface, enum change change,
                const struct kernel_virtual *address);

/* What the routing socket does not tell of an IPv6 address, and nobody needs rights to ask: its
 * flags, and whether it has a lifetime. -EADDRNOTAVAIL: it is not there. */
int change_look(const char *interface, struct kernel_address *address);

#endif
