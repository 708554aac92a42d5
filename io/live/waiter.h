/*
 * What the guardian sleeps on: signals, one descriptor, and a clock that goes on while the machine
 * sleeps (clock.h), where there is one.
 */
#ifndef CARP_IO_LIVE_WAITER_H
#define CARP_IO_LIVE_WAITER_H

#include <signal.h>
#include <stdbool.h>

#include "engine/instant.h"

struct waiter;

/* For these signals, which the caller blocks before it waits. 0 or -errno. waiter_close() is fine
 * on NULL, and in a forked child, which has no other use for it. */
int waiter_open(struct waiter **opened, const sigset_t *signals);
void waiter_close(struct waiter *waiter);

/* Until a signal has come, `fd` is readable or closed (negative: not waited for), or the instant is
 * there (CARP_NEVER: no). It may return earlier. */
void waiter_wait(struct waiter *waiter, int fd, carp_instant until);

struct waiter_signal {
    int number;
    bool
        from_terminal; /* so whoever else runs there has it too; false also where nobody can tell */
};

/* The next signal that has come: 1; 0: none (more); -errno: they cannot be read. */
int waiter_signal(struct waiter *waiter, struct waiter_signal *signal);

#endif
