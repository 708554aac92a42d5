/* Which struct route_layout this system has. What it says is compared with the system's headers. */
#include <stddef.h>
#include <sys/types.h>

#include <sys/socket.h>

#include <net/if.h>
#include <net/if_dl.h>
#include <net/if_types.h>
#include <net/route.h>
#include <netinet/in.h>
#if __has_include(<netinet6/in6_var.h>) /* zig has a part of macOS' headers only */
#include <netinet/in_var.h>

#include <netinet6/in6_var.h>
#endif

#include "io/live/bsd/route.h"
#include "io/live/bsd/route_layout.h"

#if defined(__FreeBSD__)
#define NATIVE ROUTE_FREEBSD
#define LAYOUT (sizeof(long) == 8 ? &route_freebsd : &route_freebsd_32)
#elif defined(__NetBSD__)
#define NATIVE ROUTE_NETBSD
#define LAYOUT &route_netbsd
#elif defined(__OpenBSD__)
#define NATIVE ROUTE_OPENBSD
#define LAYOUT (sizeof(long) == 8 ? &route_openbsd : &route_openbsd_32)
#else /* macOS; on any other system what follows does not hold */
#define NATIVE ROUTE_MACOS
#define LAYOUT &route_macos
#endif

const struct route_layout *const route_native = LAYOUT;

#define CONSTANT(name, value) NATIVE_##name = (value),
enum { NATIVE(CONSTANT) };

#define SAME(ours, theirs)                                                                         \
    _Static_assert((unsigned long)(ours) == (unsigned long)(theirs), #theirs " is as we think")
#define AT(ours, type, member)    SAME(ours, offsetof(struct type, member))
#define WIDTH(size, type, member) SAME(size, sizeof(((struct type *)0)->member))

SAME(NATIVE_version, RTM_VERSION);
SAME(NATIVE_newaddr, RTM_NEWADDR);
SAME(NATIVE_deladdr, RTM_DELADDR);
SAME(NATIVE_ifinfo, RTM_IFINFO);
AT(ROUTE_RTM_MSGLEN, rt_msghdr, rtm_msglen);
AT(ROUTE_RTM_VERSION, rt_msghdr, rtm_version);
AT(ROUTE_RTM_TYPE, rt_msghdr, rtm_type);
WIDTH(2, rt_msghdr, rtm_msglen);
WIDTH(1, rt_msghdr, rtm_version);
WIDTH(1, rt_msghdr, rtm_type);

AT(NATIVE_ifam_addrs, ifa_msghdr, ifam_addrs);
AT(NATIVE_ifam_index, ifa_msghdr, ifam_index);
WIDTH(4, ifa_msghdr, ifam_addrs);
WIDTH(2, ifa_msghdr, ifam_index);
AT(NATIVE_ifm_addrs, if_msghdr, ifm_addrs);
AT(NATIVE_ifm_flags, if_msghdr, ifm_flags);
AT(NATIVE_ifm_index, if_msghdr, ifm_index);
WIDTH(4, if_msghdr, ifm_addrs);
WIDTH(4, if_msghdr, ifm_flags);
WIDTH(2, if_msghdr, ifm_index);

#ifdef __OpenBSD__
SAME(NATIVE_chgaddr, RTM_CHGADDRATTR);
SAME(NATIVE_desync, RTM_DESYNC);
SAME(NATIVE_ifam_size, sizeof(struct ifa_msghdr));
/* As long as the newest one, which has more than we read. */
_Static_assert(sizeof(struct if_msghdr) >= NATIVE_ifm_size, "a link's fields fit");
/* RTM_CHGADDRATTR. */
_Static_assert(sizeof(struct rt_msghdr) >= NATIVE_ifam_size, "an address' fields fit");
AT(NATIVE_hdrlen, rt_msghdr, rtm_hdrlen);
AT(NATIVE_hdrlen, ifa_msghdr, ifam_hdrlen);
AT(NATIVE_hdrlen, if_msghdr, ifm_hdrlen);
WIDTH(2, rt_msghdr, rtm_hdrlen);
#else
SAME(NATIVE_hdrlen, 0);
SAME(NATIVE_desync, 0);
SAME(NATIVE_ifam_size, sizeof(struct ifa_msghdr));
SAME(NATIVE_ifm_size, sizeof(struct if_msghdr));
#endif

#if !defined(__NetBSD__) && !defined(__OpenBSD__)
SAME(NATIVE_chgaddr, 0);
#endif
#ifdef __NetBSD__
SAME(8, RT_ROUNDUP(1)); /* the alignment of route_netbsd */
SAME(NATIVE_chgaddr, RTM_CHGADDR);
AT(NATIVE_ifam_addrflags, ifa_msghdr, ifam_addrflags);
WIDTH(4, ifa_msghdr, ifam_addrflags);
SAME(ROUTE_IN_TENTATIVE, IN_IFF_TENTATIVE);
SAME(ROUTE_IN_DUPLICATED, IN_IFF_DUPLICATED);
SAME(ROUTE_IN_DETACHED, IN_IFF_DETACHED);
SAME(ROUTE_IN_TRYTENTATIVE, IN_IFF_TRYTENTATIVE);
#else
SAME(NATIVE_ifam_addrflags, 0);
#endif
#ifdef IN6_IFF_TENTATIVE
SAME(ROUTE_IN6_TENTATIVE, IN6_IFF_TENTATIVE);
SAME(ROUTE_IN6_DUPLICATED, IN6_IFF_DUPLICATED);
SAME(ROUTE_IN6_DETACHED, IN6_IFF_DETACHED);
SAME(ROUTE_IN6_DEPRECATED, IN6_IFF_DEPRECATED);
SAME(ROUTE_IN6_TEMPORARY, IN6_IFF_TEMPORARY);
#endif

#ifdef __APPLE__
SAME(NATIVE_ifannounce, 0);
SAME(NATIVE_ifan_size, 0);
SAME(NATIVE_link_state_down, 0);
SAME(NATIVE_ifi_link_state_size, 0);
#else
AT(NATIVE_ifi_link_state, if_msghdr, ifm_data.ifi_link_state);
WIDTH(NATIVE_ifi_link_state_size, if_msghdr, ifm_data.ifi_link_state);
SAME(0, LINK_STATE_UNKNOWN);
/* The first above those of a link that is down. */
SAME(NATIVE_link_state_down + 1, LINK_STATE_UP);
SAME(NATIVE_ifannounce, RTM_IFANNOUNCE);
SAME(NATIVE_ifan_size, sizeof(struct if_announcemsghdr));
AT(NATIVE_ifan_index, if_announcemsghdr, ifan_index);
AT(NATIVE_ifan_name, if_announcemsghdr, ifan_name);
AT(NATIVE_ifan_what, if_announcemsghdr, ifan_what);
WIDTH(2, if_announcemsghdr, ifan_index);
WIDTH(KERNEL_NAME_SIZE, if_announcemsghdr, ifan_name);
WIDTH(2, if_announcemsghdr, ifan_what);
SAME(ROUTE_IFAN_ARRIVAL, IFAN_ARRIVAL);
SAME(ROUTE_IFAN_DEPARTURE, IFAN_DEPARTURE);
#endif

SAME(ROUTE_IFF_UP, IFF_UP);
SAME(ROUTE_IFF_RUNNING, IFF_RUNNING);
SAME(ROUTE_IFT_ETHER, IFT_ETHER);
SAME(ROUTE_IFT_L2VLAN, IFT_L2VLAN);
SAME(ROUTE_IFT_BRIDGE, IFT_BRIDGE);
SAME(NATIVE_ieee8023adlag, IFT_IEEE8023ADLAG);
SAME(KERNEL_NAME_SIZE, IFNAMSIZ);

SAME(ROUTE_RTAX_NETMASK, RTAX_NETMASK);
SAME(ROUTE_RTAX_IFP, RTAX_IFP);
SAME(ROUTE_RTAX_IFA, RTAX_IFA);
SAME(ROUTE_AF_INET, AF_INET);
SAME(ROUTE_AF_LINK, AF_LINK);
SAME(NATIVE_inet6, AF_INET6);
AT(ROUTE_SA_LEN, sockaddr, sa_len);
AT(ROUTE_SA_FAMILY, sockaddr, sa_family);
WIDTH(1, sockaddr, sa_len);
WIDTH(1, sockaddr, sa_family);
AT(ROUTE_SIN_ADDR, sockaddr_in, sin_addr);
AT(ROUTE_SIN6_ADDR, sockaddr_in6, sin6_addr);
AT(ROUTE_SDL_TYPE, sockaddr_dl, sdl_type);
AT(ROUTE_SDL_NLEN, sockaddr_dl, sdl_nlen);
AT(ROUTE_SDL_ALEN, sockaddr_dl, sdl_alen);
AT(ROUTE_SDL_DATA, sockaddr_dl, sdl_data);
