#define _GNU_SOURCE
#include "io/live/system.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <netinet/in.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/live/linux/filter.h"

size_t system_lacks(const struct config *config, const char *lines[SYSTEM_LACKS_MAX])
{
    size_t count = 0;
    if (config->confine && !filter_calls_is_here()) {
        lines[count++] = "on this processor the worker's system calls are not filtered";
    }
    if (config->confine && !filter_writes_is_here()) {
        lines[count++] = "this kernel has no Landlock: files are kept from the worker by their "
                         "permissions alone";
    }
    return count;
}

void system_close_from(int fd)
{
    syscall(SYS_close_range, fd, ~0U, 0); /* musl has no name for it */
}

void system_name_process(const char *name)
{
    prctl(PR_SET_NAME, name, 0, 0, 0);
}

int system_random(void *bytes, size_t size)
{
    return getrandom(bytes, size, 0) == (ssize_t)size ? 0 : -errno;
}

int system_groups_of(const char *account, gid_t first, gid_t *groups, int *count)
{
    return getgrouplist(account, first, groups, count) < 0 ? -1 : 0;
}

int system_join_ipv4(int socket, unsigned ifindex, const uint8_t group[4])
{
    struct ip_mreqn request = {.imr_ifindex = (int)ifindex};
    memcpy(&request.imr_multiaddr, group, 4);
    return setsockopt(socket, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request) == 0
               ? 0
               : -errno;
}

int system_send_as_is(int fd)
{
    (void)fd; /* a packet socket does nothing else */
    return 0;
}

int system_reserve(int fd, uint64_t size)
{
    return fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size) == 0 ? 0 : -errno;
}

int system_sync(int fd)
{
    return fdatasync(fd) == 0 ? 0 : -errno;
}

void system_trim_memory(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}
