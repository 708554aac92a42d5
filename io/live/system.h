/*
 * Small things that each system does in its own way: functions of linux/system.c and bsd/system.c,
 * and what must be known to the compiler. What is large has a header of its own: kernel.h,
 * confine.h, raw.h, waiter.h, deadline.h.
 *
 * Functions return 0 or -errno, unless they say otherwise.
 */
#ifndef CARP_IO_LIVE_SYSTEM_H
#define CARP_IO_LIVE_SYSTEM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "io/config.h"

#ifdef __APPLE__
/* A pair of such sockets tells of its other end's end by ECONNRESET. */
#define SYSTEM_SOCK_MESSAGES SOCK_DGRAM
#define SYSTEM_SOCK_CLOEXEC  0 /* what executes a program closes all it has */
#else
#define SYSTEM_SOCK_MESSAGES SOCK_SEQPACKET
#define SYSTEM_SOCK_CLOEXEC  SOCK_CLOEXEC
#endif

/* What a frame takes of libpcap's buffer, at least, and how many such buffers can be full: Linux'
 * ring has slots; BPF packs frames behind a header of 18 bytes or more, and fills one buffer while
 * the other waits to be read. */
#ifdef __linux__
enum { SYSTEM_FRAME_MIN = 144 + 64, SYSTEM_FRAME_BUFFERS = 1 };
#else
enum { SYSTEM_FRAME_MIN = 34 + 18, SYSTEM_FRAME_BUFFERS = 2 };
#endif

enum { SYSTEM_LACKS_MAX = 8 };

/*
 * What this system cannot do of what this configuration asks for, and what that means: complete
 * sentences for the log and for --check. Returns how many.
 */
size_t system_lacks(const struct config *config, const char *lines[SYSTEM_LACKS_MAX]);

/* Close this descriptor and all above it. */
void system_close_from(int fd);

/* What `ps` shows instead of the program's name. */
void system_name_process(const char *name);

/* Bytes that nobody can guess. */
int system_random(void *bytes, size_t size);

/* All groups of an account, of which there is room for *count; then *count is how many there are,
 * and -1 returned when that is more. */
int system_groups_of(const char *account, gid_t first, gid_t *groups, int *count);

/* Belong to an IPv4 group on this interface, with this socket. */
int system_join_ipv4(int socket, unsigned ifindex, const uint8_t group[4]);

/* What is sent through libpcap's descriptor is sent as it is, its source included. */
int system_send_as_is(int fd);

/* Room on the disk for a file that is to grow to this size. -EOPNOTSUPP: that cannot be had. */
int system_reserve(int fd, uint64_t size);

/* What was written to a file survives a loss of power. */
int system_sync(int fd);

/* What malloc() keeps for later is the system's again, where that can be asked for. */
void system_trim_memory(void);

#endif
