/*
 * Linux' filters of one's own process: seccomp for system calls, Landlock for files. Each is for
 * ever and for all threads that come; there must be one thread so far, without new privileges.
 *
 * Functions return 0, or -1 with one sentence in error.
 */
#ifndef CARP_IO_LIVE_LINUX_FILTER_H
#define CARP_IO_LIVE_LINUX_FILTER_H

#include <stdbool.h>
#include <sys/types.h>

#include "io/config.h"

/*
 * Are the lists of system calls right for this processor? They are of what 64-bit ones have in
 * common. 32-bit ones have other calls for time, files and memory, of which libc picks; on i386 and
 * s390x sockets, and on s390x memory, come to the kernel by way of calls that tell a filter too
 * little, and clone() has its arguments in another order. Elsewhere the next two do nothing.
 */
bool filter_calls_is_here(void);

/* The first system call that carpd's worker has no use for kills the process by SIGSYS. journal: it
 * writes files. */
int filter_worker(bool journal, char error[CONFIG_ERROR_MAX]);

/* The same for the guardian of this worker without commands. */
int filter_guardian(pid_t worker, char error[CONFIG_ERROR_MAX]);

/* No file is made, written, removed or run, but for those in the folder of this journal (NULL:
 * none). Where the kernel has no Landlock nothing happens. */
int filter_writes(const char *journal, char error[CONFIG_ERROR_MAX]);
bool filter_writes_is_here(void);

#endif
