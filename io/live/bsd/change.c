#include "io/live/bsd/change.h"

#include <errno.h>
#include <string.h>
#include <sys/types.h>

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <net/if.h>
#include <netinet/in.h>
#if __has_include(<netinet6/in6_var.h>)
#include <netinet6/in6_var.h>
#else
#include "io/live/bsd/macos.h"
#endif

#include "io/live/bsd/netmask.h"
#include "io/live/bsd/route.h"
#include "io/live/system.h"

/* FreeBSD alone lets one address do without duplicate detection (ifconfig(8), no_dad). NetBSD has
 * the flag, and refuses it from outside (sys/netinet6/in6.c, "reject read-only flags"). */
#ifdef __FreeBSD__
enum { FLAGS = IN6_IFF_NODAD };
#else
enum { FLAGS = 0 };
#endif

/* There the route of a new subnet has its address' first lifetime, and no renewal of the address
 * renews it: once it is over, neighbours are no longer on the link (nd6_prelist_add() and
 * nd6_timer() in sys/netinet6 of FreeBSD, from where XNU has its own). */
#if defined(__FreeBSD__) || defined(__APPLE__)
enum { ROUTE_HAS_LIFETIME = true };
#else
enum { ROUTE_HAS_LIFETIME = false };
#endif

/* ND6_INFINITE_LIFETIME, which is in a header for kernels. */
_Static_assert(KERNEL_FOREVER == UINT32_MAX, "for ever is the same here and there");

/* --- sockets --------------------------------------------------------------------------------- */

int change_open(struct change_sockets *sockets)
{
    static const int families[] = {AF_INET, AF_INET6};
    int error = 0;
    for (int i = 0; i < 2; i++) {
        sockets->of[i] = socket(families[i], SOCK_DGRAM | SYSTEM_SOCK_CLOEXEC, 0);
        if (sockets->of[i] < 0 && errno != EAFNOSUPPORT && errno != EPROTONOSUPPORT) {
            error = -errno;
        }
    }
    if (error != 0) {
        change_close(sockets);
    }
    return error;
}

void change_close(struct change_sockets *sockets)
{
    for (int i = 0; i < 2; i++) {
        if (sockets->of[i] >= 0) {
            close(sockets->of[i]);
        }
        sockets->of[i] = -1;
    }
}

/* --- socket addresses ------------------------------------------------------------------------ */

static struct sockaddr_in ipv4_address(const uint8_t bytes[4])
{
    struct sockaddr_in address = {.sin_len = sizeof address, .sin_family = AF_INET};
    memcpy(&address.sin_addr, bytes, 4);
    return address;
}

/* The kernel itself puts the interface's index into a link-local address that has none
 * (in6_setscope(), OpenBSD in6_check_embed_scope()). */
static struct sockaddr_in6 ipv6_address(const uint8_t bytes[16])
{
    struct sockaddr_in6 address = {.sin6_len = sizeof address, .sin6_family = AF_INET6};
    memcpy(&address.sin6_addr, bytes, 16);
    return address;
}

/* Interfaces' names are no strings when they are as long as can be; ours end. */
static void put_name(char to[IFNAMSIZ], const char *interface)
{
    memcpy(to, interface, strnlen(interface, IFNAMSIZ - 1));
}

static void prepare(struct in6_ifreq *request, const char *interface, const uint8_t bytes[16])
{
    memset(request, 0, sizeof *request);
    put_name(request->ifr_name, interface);
    request->ifr_ifru.ifru_addr = ipv6_address(bytes);
}

/* --- changes --------------------------------------------------------------------------------- */

/* Without a broadcast address: FreeBSD works out the subnet's, the others leave it at none. */
static int set_ipv4(int socket, const char *interface, const struct kernel_virtual *v)
{
    uint8_t bytes[16];
    struct ifaliasreq request;
    memset(&request, 0, sizeof request);
    put_name(request.ifra_name, interface);
    netmask_make(bytes, v->prefix);
    struct sockaddr_in address = ipv4_address(v->bytes), mask = ipv4_address(bytes);
    memcpy(&request.ifra_addr, &address, sizeof address);
    memcpy(&request.ifra_mask, &mask, sizeof mask);
    return ioctl(socket, SIOCAIFADDR, &request) == 0 ? 0 : -errno;
}

static int remove_ipv4(int socket, const char *interface, const struct kernel_virtual *v)
{
    struct ifreq request;
    memset(&request, 0, sizeof request);
    put_name(request.ifr_name, interface);
    struct sockaddr_in address = ipv4_address(v->bytes);
    memcpy(&request.ifr_addr, &address, sizeof address);
    return ioctl(socket, SIOCDIFADDR, &request) == 0 ? 0 : -errno;
}

static int remove_ipv6(int socket, const char *interface, const struct kernel_virtual *v)
{
    struct in6_ifreq request;
    prepare(&request, interface, v->bytes);
    return ioctl(socket, SIOCDIFADDR_IN6, &request) == 0 ? 0 : -errno;
}

static int set_ipv6_for(int socket, const char *interface, const struct kernel_virtual *v,
                        uint32_t lifetime_s)
{
    uint8_t bytes[16];
    struct in6_aliasreq request;
    memset(&request, 0, sizeof request);
    put_name(request.ifra_name, interface);
    netmask_make(bytes, v->prefix);
    request.ifra_addr = ipv6_address(v->bytes);
    request.ifra_prefixmask = ipv6_address(bytes);
    request.ifra_flags = FLAGS;
    request.ifra_lifetime.ia6t_vltime = request.ifra_lifetime.ia6t_pltime = lifetime_s;
    return ioctl(socket, SIOCAIFADDR_IN6, &request) == 0 ? 0 : -errno;
}

/* A route that is for ever is so until its last address is removed. */
static int set_ipv6(int socket, const char *interface, const struct kernel_virtual *v)
{
    struct in6_ifreq there;
    prepare(&there, interface, v->bytes);
    bool twice = ROUTE_HAS_LIFETIME && ioctl(socket, SIOCGIFAFLAG_IN6, &there) != 0;
    int error = twice ? set_ipv6_for(socket, interface, v, KERNEL_FOREVER) : 0;
    if (error != 0) {
        return error;
    }
    error = set_ipv6_for(socket, interface, v, v->lifetime_s);
    if (error != 0 && twice) {
        (void)remove_ipv6(socket, interface, v);
    }
    return error;
}

int change_make(const struct change_sockets *sockets, const char *interface, enum change change,
                const struct kernel_virtual *address)
{
    static int (*const functions[2][2])(int, const char *, const struct kernel_virtual *) = {
        {set_ipv4, set_ipv6}, {remove_ipv4, remove_ipv6}};
    int ipv6 = address->family == 6;
    if (sockets->of[ipv6] < 0) {
        return -EAFNOSUPPORT;
    }
    int error = functions[change == CHANGE_REMOVE][ipv6](sockets->of[ipv6], interface, address);
    /* ENXIO: the interface is gone, and its addresses with it. */
    bool missing = error == -EADDRNOTAVAIL || error == -ENXIO;
    return change == CHANGE_REMOVE && missing ? 0 : error;
}

/* --- questions ------------------------------------------------------------------------------- */

/* By a socket that was opened just for it: one that root has opened would have root's rights on
 * OpenBSD (SS_PRIV), whoever uses it. */
int change_look(const char *interface, struct kernel_address *address)
{
    struct in6_ifreq flags, lifetime;
    int s = socket(AF_INET6, SOCK_DGRAM | SYSTEM_SOCK_CLOEXEC, 0);
    if (s < 0) {
        return -errno;
    }
    prepare(&flags, interface, address->bytes);
    prepare(&lifetime, interface, address->bytes);
    int error =
        ioctl(s, SIOCGIFAFLAG_IN6, &flags) == 0 && ioctl(s, SIOCGIFALIFETIME_IN6, &lifetime) == 0
            ? 0
            : -errno;
    close(s);
    if (error == 0) {
        route_address_flags(address, (uint32_t)flags.ifr_ifru.ifru_flags6);
        address->permanent = lifetime.ifr_ifru.ifru_lifetime.ia6t_vltime == KERNEL_FOREVER;
    }
    return error;
}
