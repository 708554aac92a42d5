/*
 * The virtual addresses of the groups on this machine's interfaces: set when a group is master,
 * removed when it is not, and in between given their lifetime anew, again and again, so that the
 * kernel itself drops them when nobody is left to do so.
 */
#ifndef CARP_IO_LIVE_ADDRESSES_H
#define CARP_IO_LIVE_ADDRESSES_H

#include "io/config.h"
#include "io/live/kernel.h"
#include "io/live/log.h"

/* One group's addresses. Zeroed: nothing held. */
struct addresses {
    bool held;
    size_t count;               /* what is held, or was last */
    struct kernel_virtual *at;  /* owned; as many as the group has */
    unsigned restored;          /* times someone removed one and we put it back, */
    carp_instant restored_from; /* counted from here */
    struct log_limit failures;
};

/* Everything the functions need to know of the machine; borrowed. */
struct addresses_on {
    struct kernel *kernel;
    const struct kernel_addresses *table;
    const struct kernel_virtuals *virtuals;
};

/* Make room for a group; -ENOMEM. addresses_free() is fine on a zeroed one. */
int addresses_make(struct addresses *addresses, const struct config_group *group);
void addresses_free(struct addresses *addresses);

/* Work out what will be held: the group's addresses on this interface, with their prefix lengths
 * and a lifetime a little over the group's patience. */
void addresses_resolve(struct addresses *addresses, const struct config_group *group,
                       const struct addresses_on *on, unsigned ifindex, carp_duration patience);

/* Set them. All of them, or none: -errno, and a line in the log. One that is there already is taken
 * over. */
int addresses_hold(struct addresses *addresses, const struct config_group *group,
                   struct kernel *kernel);

/* Remove them; fine when they are not held, or gone. */
int addresses_drop(struct addresses *addresses, struct kernel *kernel);

/* Remove what is there at start although nobody of us holds it: left behind, or set by hand. */
void addresses_clean(const struct config_group *group, const struct addresses_on *on,
                     unsigned ifindex);

/* Renew the lifetimes of all that is held, in few system calls. */
int addresses_renew(struct addresses *all, size_t group_count, struct kernel *kernel);

/* How soon that must happen again so that no lifetime gets near its end. */
carp_duration addresses_renewal(const struct addresses *all, size_t group_count);

/*
 * An address went away. True when it was ours to hold; it was put back then, unless that happens
 * again and again: *lost is set, and the group should not be master.
 */
bool addresses_gone(struct addresses *addresses, const struct config_group *group,
                    struct kernel *kernel, carp_instant now, const struct kernel_address *gone,
                    bool *lost);

#endif
