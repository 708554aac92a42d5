/*
 * The values of each struct route_layout but its alignment, as lists, so that route.c can make a
 * table of them and route_native.c constants, which _Static_assert needs.
 */
#ifndef CARP_IO_LIVE_BSD_ROUTE_LAYOUT_H
#define CARP_IO_LIVE_BSD_ROUTE_LAYOUT_H

/* FreeBSD 13 and later. */
#define ROUTE_FREEBSD(X)                                                                           \
    X(version, 5)                                                                                  \
    X(newaddr, 0x0c)                                                                               \
    X(deladdr, 0x0d)                                                                               \
    X(chgaddr, 0)                                                                                  \
    X(ifinfo, 0x0e)                                                                                \
    X(ifannounce, 0x11)                                                                            \
    X(desync, 0)                                                                                   \
    X(hdrlen, 0)                                                                                   \
    X(ifam_size, 20)                                                                               \
    X(ifam_addrs, 4)                                                                               \
    X(ifam_index, 12)                                                                              \
    X(ifam_addrflags, 0)                                                                           \
    X(ifm_size, 168)                                                                               \
    X(ifm_addrs, 4)                                                                                \
    X(ifm_flags, 8)                                                                                \
    X(ifm_index, 12)                                                                               \
    X(ifi_link_state, 20)                                                                          \
    X(ifi_link_state_size, 1)                                                                      \
    X(ifan_size, 24)                                                                               \
    X(ifan_index, 4)                                                                               \
    X(ifan_name, 6)                                                                                \
    X(ifan_what, 22)                                                                               \
    X(link_state_down, 1)                                                                          \
    X(inet6, 28)                                                                                   \
    X(ieee8023adlag, 0xa1)

/* NetBSD 8 and later. */
#define ROUTE_NETBSD(X)                                                                            \
    X(version, 4)                                                                                  \
    X(newaddr, 0x16)                                                                               \
    X(deladdr, 0x17)                                                                               \
    X(chgaddr, 0x18)                                                                               \
    X(ifinfo, 0x14)                                                                                \
    X(ifannounce, 0x10)                                                                            \
    X(desync, 0)                                                                                   \
    X(hdrlen, 0)                                                                                   \
    X(ifam_size, 32)                                                                               \
    X(ifam_addrs, 12)                                                                              \
    X(ifam_index, 4)                                                                               \
    X(ifam_addrflags, 20)                                                                          \
    X(ifm_size, 152)                                                                               \
    X(ifm_addrs, 4)                                                                                \
    X(ifm_flags, 8)                                                                                \
    X(ifm_index, 12)                                                                               \
    X(ifi_link_state, 20)                                                                          \
    X(ifi_link_state_size, 4)                                                                      \
    X(ifan_size, 24)                                                                               \
    X(ifan_index, 4)                                                                               \
    X(ifan_name, 6)                                                                                \
    X(ifan_what, 22)                                                                               \
    X(link_state_down, 1)                                                                          \
    X(inet6, 24)                                                                                   \
    X(ieee8023adlag, 0xa1)

/* RTM_CHGADDRATTR has the fields of an address in a header as long as a route's. */
#define ROUTE_OPENBSD(X)                                                                           \
    X(version, 5)                                                                                  \
    X(newaddr, 0x0c)                                                                               \
    X(deladdr, 0x0d)                                                                               \
    X(chgaddr, 0x14)                                                                               \
    X(ifinfo, 0x0e)                                                                                \
    X(ifannounce, 0x0f)                                                                            \
    X(desync, 0x10)                                                                                \
    X(hdrlen, 4)                                                                                   \
    X(ifam_size, 24)                                                                               \
    X(ifam_addrs, 12)                                                                              \
    X(ifam_index, 6)                                                                               \
    X(ifam_addrflags, 0)                                                                           \
    X(ifm_size, 28)                                                                                \
    X(ifm_addrs, 12)                                                                               \
    X(ifm_flags, 16)                                                                               \
    X(ifm_index, 6)                                                                                \
    X(ifi_link_state, 27)                                                                          \
    X(ifi_link_state_size, 1)                                                                      \
    X(ifan_size, 26)                                                                               \
    X(ifan_index, 6)                                                                               \
    X(ifan_name, 10)                                                                               \
    X(ifan_what, 8)                                                                                \
    X(link_state_down, 3)                                                                          \
    X(inet6, 24)                                                                                   \
    X(ieee8023adlag, 0xa1)

#define ROUTE_MACOS(X)                                                                             \
    X(version, 5)                                                                                  \
    X(newaddr, 0x0c)                                                                               \
    X(deladdr, 0x0d)                                                                               \
    X(chgaddr, 0)                                                                                  \
    X(ifinfo, 0x0e)                                                                                \
    X(ifannounce, 0)                                                                               \
    X(desync, 0)                                                                                   \
    X(hdrlen, 0)                                                                                   \
    X(ifam_size, 20)                                                                               \
    X(ifam_addrs, 4)                                                                               \
    X(ifam_index, 12)                                                                              \
    X(ifam_addrflags, 0)                                                                           \
    X(ifm_size, 112)                                                                               \
    X(ifm_addrs, 4)                                                                                \
    X(ifm_flags, 8)                                                                                \
    X(ifm_index, 12)                                                                               \
    X(ifi_link_state, 0)                                                                           \
    X(ifi_link_state_size, 0)                                                                      \
    X(ifan_size, 0)                                                                                \
    X(ifan_index, 0)                                                                               \
    X(ifan_name, 0)                                                                                \
    X(ifan_what, 0)                                                                                \
    X(link_state_down, 0)                                                                          \
    X(inet6, 30)                                                                                   \
    X(ieee8023adlag, 0x88)

/* What is the same on all of them, under the names of their headers. */
enum {
    ROUTE_AF_INET = 2,
    ROUTE_AF_LINK = 18,
    ROUTE_IFF_UP = 0x1,
    ROUTE_IFF_RUNNING = 0x40,
    ROUTE_IFT_ETHER = 0x06,
    ROUTE_IFT_L2VLAN = 0x87,
    ROUTE_IFT_BRIDGE = 0xd1,
    ROUTE_IFAN_ARRIVAL = 0,
    ROUTE_IFAN_DEPARTURE = 1,
    ROUTE_RTAX_NETMASK = 2,
    ROUTE_RTAX_IFP = 4,
    ROUTE_RTAX_IFA = 5,
    /* Offsets: struct rt_msghdr and those that begin as it does; sockaddr; sockaddr_in;
     * sockaddr_in6; sockaddr_dl. */
    ROUTE_RTM_MSGLEN = 0,
    ROUTE_RTM_VERSION = 2,
    ROUTE_RTM_TYPE = 3,
    ROUTE_SA_LEN = 0,
    ROUTE_SA_FAMILY = 1,
    ROUTE_SIN_ADDR = 4,
    ROUTE_SIN6_ADDR = 8,
    ROUTE_SDL_TYPE = 4,
    ROUTE_SDL_NLEN = 5,
    ROUTE_SDL_ALEN = 6,
    ROUTE_SDL_DATA = 8,
    /* IN6_IFF_* */
    ROUTE_IN6_TENTATIVE = 0x02,
    ROUTE_IN6_DUPLICATED = 0x04,
    ROUTE_IN6_DETACHED = 0x08,
    ROUTE_IN6_DEPRECATED = 0x10,
    ROUTE_IN6_TEMPORARY = 0x80,
    /* IN_IFF_*, NetBSD */
    ROUTE_IN_TENTATIVE = 0x01,
    ROUTE_IN_DUPLICATED = 0x02,
    ROUTE_IN_DETACHED = 0x04,
    ROUTE_IN_TRYTENTATIVE = 0x08,
};

#endif
