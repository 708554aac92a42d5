/*
 * The bytes of the routing socket, of each system that has one. Nothing here makes a system call or
 * includes a header of a system, so that all of them are tested on any.
 */
#ifndef CARP_IO_LIVE_BSD_ROUTE_H
#define CARP_IO_LIVE_BSD_ROUTE_H

#include "io/live/kernel.h"

/*
 * Where a system has what in its messages, under the names of its headers. Offsets count from the
 * beginning of the message; 0: there is no such field, or no message of this type.
 */
struct route_layout {
    uint8_t version; /* RTM_VERSION */
    /* Types of messages, RTM_*. chgaddr is RTM_CHGADDR or RTM_CHGADDRATTR. */
    uint8_t newaddr, deladdr, chgaddr, ifinfo, ifannounce, desync;
    uint8_t hdrlen; /* where the header tells its own length */
    /* struct ifa_msghdr, if_msghdr and if_announcemsghdr. After a header of that size come the
     * socket addresses; with hdrlen it is the least that a header has. */
    uint8_t ifam_size, ifam_addrs, ifam_index, ifam_addrflags;
    uint8_t ifm_size, ifm_addrs, ifm_flags, ifm_index;
    uint8_t ifi_link_state, ifi_link_state_size;
    uint8_t ifan_size, ifan_index, ifan_name, ifan_what;
    uint8_t link_state_down; /* LINK_STATE_*: from 1, which 0 is not, to this the link is down */
    uint8_t inet6;           /* AF_INET6 */
    uint8_t ieee8023adlag;   /* IFT_IEEE8023ADLAG */
    uint8_t align;           /* a socket address begins at a multiple of this */
};

/* FreeBSD and OpenBSD align to sizeof(long). The others are the same everywhere. */
extern const struct route_layout route_freebsd, route_freebsd_32, route_netbsd, route_openbsd,
    route_openbsd_32, route_macos;

/* That of the system this is compiled for, compared with its headers (route_native.c). */
extern const struct route_layout *const route_native;

/*
 * The size of the first of the messages that stand one behind the other in what read() or sysctl()
 * gave; 0: here is no whole message any more.
 */
size_t route_message_size(const uint8_t *bytes, size_t size);

enum route_news {
    ROUTE_NOTHING, /* other types, other families, malformed bytes */
    ROUTE_EVENT,
    /* Messages were lost, or an interface is new or has a new name and its addresses are not told
     * again: time for kernel_dump(). */
    ROUTE_STALE,
};

/*
 * Read one message: a link or an address that is new, changed or gone. No alignment is asked for;
 * nothing past size is read. The event is written for ROUTE_EVENT only.
 *
 * What a message does not tell is the caller's to fill in, before it passes the event on:
 *
 * - KERNEL_LINK: an empty name. On the socket FreeBSD, NetBSD and macOS tell neither name nor
 *   hardware address (ethernet is false); if_indextoname() has the name, and when it has none the
 *   link is gone, of which macOS has no message. What sysctl(NET_RT_IFLIST) gives has both. Who
 *   compares names would take an empty one for another name of this interface.
 * - KERNEL_LINK, macOS: running says only that the driver runs; SIOCGIFMEDIA knows of the cable.
 * - KERNEL_ADDRESS: tentative, dadfailed, deprecated and secondary, where the layout has no
 *   ifam_addrflags; SIOCGIFAFLAG_IN6 has them, for route_address_flags(). That duplicate detection
 *   is over, NetBSD and OpenBSD tell, FreeBSD does not (nd6_dad_timer() in sys/netinet6/nd6_nbr.c).
 * - KERNEL_ADDRESS: permanent, always false here.
 *
 * Source: rtsock.c in sys/net of FreeBSD, NetBSD (rtsock_shared.c) and OpenBSD, and in bsd/net of
 * XNU: rt_ifmsg(), rtm_ifchg(), rt_newaddrmsg(), rtm_addr(), rt_ifannouncemsg(), sysctl_iflist().
 */
enum route_news route_parse(const struct route_layout *layout, const uint8_t *message, size_t size,
                            struct kernel_event *event);

/* Set an address' flags from IN6_IFF_*, or NetBSD's IN_IFF_*, according to its family. */
void route_address_flags(struct kernel_address *address, uint32_t flags);

#endif
