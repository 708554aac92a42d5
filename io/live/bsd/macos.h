/*
 * What <netinet6/in6_var.h> of macOS has of addresses, where that header is missing: a compiler for
 * other systems may bring a part of Apple's headers only.
 *
 * Source: XNU, bsd/netinet6/in6_var.h. The statistics are there for their size, which is a part of
 * each request's number.
 */
#ifndef CARP_IO_LIVE_BSD_MACOS_H
#define CARP_IO_LIVE_BSD_MACOS_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/ioctl.h>

struct in6_addrlifetime {
    time_t ia6t_expire;
    time_t ia6t_preferred;
    uint32_t ia6t_vltime;
    uint32_t ia6t_pltime;
};

struct in6_ifreq {
    char ifr_name[16];
    union {
        struct sockaddr_in6 ifru_addr;
        int ifru_flags6;
        struct in6_addrlifetime ifru_lifetime;
        uint64_t icmp6_ifstat[34]; /* the largest */
    } ifr_ifru;
};

struct in6_aliasreq {
    char ifra_name[16];
    struct sockaddr_in6 ifra_addr;
    struct sockaddr_in6 ifra_dstaddr;
    struct sockaddr_in6 ifra_prefixmask;
    int ifra_flags;
    struct in6_addrlifetime ifra_lifetime;
};

#define SIOCDIFADDR_IN6      _IOW('i', 25, struct in6_ifreq)
#define SIOCAIFADDR_IN6      _IOW('i', 26, struct in6_aliasreq)
#define SIOCGIFAFLAG_IN6     _IOWR('i', 73, struct in6_ifreq)
#define SIOCGIFALIFETIME_IN6 _IOWR('i', 81, struct in6_ifreq)

#endif
