#include "io/live/system.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <sys/time.h>
#include <unistd.h>

#include <net/bpf.h>
#include <net/route.h>
#include <netinet/in.h>

#include "io/live/bsd/lacks.h"

/* --- what is lacking ------------------------------------------------------------------------- */

#ifdef __OpenBSD__
static bool detects_ipv6(void) /* where sysctl() knows numbers only */
{
    int what[] = {CTL_NET, PF_INET6, IPPROTO_IPV6, IPV6CTL_DAD_COUNT}, count = 0;
    size_t size = sizeof count;
    return sysctl(what, sizeof what / sizeof what[0], &count, &size, NULL, 0) != 0 || count > 0;
}
#elif !defined(__FreeBSD__)
static bool detects(const char *name)
{
    int count = 0;
    size_t size = sizeof count;
    return sysctlbyname(name, &count, &size, NULL, 0) != 0 || count > 0;
}
#endif

size_t system_lacks(const struct config *config, const char *lines[SYSTEM_LACKS_MAX])
{
    const struct lacks_of system = {
    /* FreeBSD: change.c leaves it out. */
#if defined(__NetBSD__)
        .ipv4_detection = detects("net.inet.ip.dad_count"),
        .ipv6_detection = detects("net.inet6.ip6.dad_count"),
#elif defined(__OpenBSD__)
        .ipv6_detection = detects_ipv6(),
#elif defined(__APPLE__)
        .ipv6_detection = detects("net.inet6.ip6.dad_count"),
#endif
    /* clock_gettime(2): OpenBSD's CLOCK_BOOTTIME and macOS' CLOCK_MONOTONIC go on. FreeBSD's
     * CLOCK_BOOTTIME is a name for CLOCK_UPTIME. */
#if defined(__FreeBSD__) || defined(__NetBSD__)
        .clock_may_stop = true,
#endif
#if !defined(SO_RERROR) && !defined(RTM_DESYNC)
        .silent_losses = true,
#endif
#ifndef __OpenBSD__
        .no_filter = true,
#endif
#ifndef F_PREALLOCATE
        .no_reservations = true,
#endif
    };
    return lacks_list(&system, config, lines);
}

/* --- processes and files --------------------------------------------------------------------- */

void system_close_from(int fd)
{
#ifdef __APPLE__
    int limit = getdtablesize(),
        last = limit < OPEN_MAX ? limit : OPEN_MAX; /* or no limit is set */
    for (; fd < last; fd++) {
        close(fd);
    }
#else
    closefrom(fd);
#endif
}

void system_name_process(const char *name)
{
#ifdef __APPLE__
    (void)name; /* it has no call for that */
#else
    setproctitle("-%s", name); /* and not the program's name before it */
#endif
}

int system_random(void *bytes, size_t size)
{
    arc4random_buf(bytes, size);
    return 0;
}

int system_groups_of(const char *account, gid_t first, gid_t *groups, int *count)
{
#ifdef __APPLE__
    return getgrouplist(account, (int)first, (int *)groups, count) < 0 ? -1 : 0;
#else
    return getgrouplist(account, first, groups, count) < 0 ? -1 : 0;
#endif
}

/* posix_fallocate(), where there is one, would make the file longer than what is written. */
int system_reserve(int fd, uint64_t size)
{
#ifdef F_PREALLOCATE
    struct fstore room = {
        .fst_flags = F_ALLOCATEALL, .fst_posmode = F_PEOFPOSMODE, .fst_length = (off_t)size};
    return fcntl(fd, F_PREALLOCATE, &room) == 0 ? 0 : errno == ENOTSUP ? -EOPNOTSUPP : -errno;
#else
    (void)fd, (void)size;
    return -EOPNOTSUPP;
#endif
}

int system_sync(int fd)
{
#ifdef F_FULLFSYNC
    /* fsync() leaves it in the drive's memory; not every file system has the other. */
    return fcntl(fd, F_FULLFSYNC) == 0 || fsync(fd) == 0 ? 0 : -errno;
#else
    return fdatasync(fd) == 0 ? 0 : -errno;
#endif
}

void system_trim_memory(void)
{
}

/* --- networks -------------------------------------------------------------------------------- */

int system_join_ipv4(int socket, unsigned ifindex, const uint8_t group[4])
{
#ifdef __NetBSD__
    /* An address 0.x.x.x is the index of an interface (ip(4), RFC 1724, 3.3). */
    struct ip_mreq request = {.imr_interface.s_addr = htonl(ifindex & 0xffffff)};
#else
    struct ip_mreqn request = {.imr_ifindex = (int)ifindex};
#endif
    memcpy(&request.imr_multiaddr, group, 4);
    return setsockopt(socket, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request) == 0
               ? 0
               : -errno;
}

/* BPF writes the interface's own address over it unless told not to (bpf(4), BIOCSHDRCMPLT), and
 * OpenBSD's libpcap does not tell it. */
int system_send_as_is(int fd)
{
    unsigned on = 1;
    return ioctl(fd, BIOCSHDRCMPLT, &on) == 0 ? 0 : -errno;
}
