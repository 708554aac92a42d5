/*
 * What a system of this family cannot do: which sentences system_lacks() gives.
 */
#ifndef CARP_IO_LIVE_BSD_LACKS_H
#define CARP_IO_LIVE_BSD_LACKS_H

#include "io/live/system.h"

/* What differs between them, on the machine at hand. Of lifetimes of IPv4 addresses, and of opening
 * an interface without root's rights, none is capable. */
struct lacks_of {
    bool ipv4_detection;  /* looks for duplicates of an address before it uses it, */
    bool ipv6_detection;  /* which we cannot leave out */
    bool clock_may_stop;  /* while the machine sleeps */
    bool silent_losses;   /* of news about interfaces and addresses */
    bool no_filter;       /* of what a process may do */
    bool no_reservations; /* of room on a disk */
};

size_t lacks_list(const struct lacks_of *system, const struct config *config,
                  const char *lines[SYSTEM_LACKS_MAX]);

#endif
