/*
 * Two ends that carry whole messages between carpd's processes, and end with either.
 *
 * Nothing here waits.
 */
#ifndef CARP_IO_LIVE_WIRE_H
#define CARP_IO_LIVE_WIRE_H

#include <stddef.h>
#include <sys/types.h>

/* Both ends are closed when a program is executed. 0 or -errno. */
int wire_open(int ends[2]);

/* 0; -EAGAIN: there is no room for more; -EPIPE: the other end is closed; another -errno. */
int wire_tell(int wire, const void *message, size_t size);

/* The size of the next message; 0: the other end is closed; -EAGAIN: there is none; -EMSGSIZE: it
 * was larger than `room`, and is lost; another -errno. */
ssize_t wire_hear(int wire, void *message, size_t room);

#endif
