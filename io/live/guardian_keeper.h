/* The guardian's own side of guardian.h: what runs in the parent process. */
#ifndef CARP_IO_LIVE_GUARDIAN_KEEPER_H
#define CARP_IO_LIVE_GUARDIAN_KEEPER_H

#include <stdatomic.h>
#include <sys/types.h>

#include "io/live/guardian.h"
#include "io/live/raw.h"
#include "io/live/waiter.h"

/* In memory that both processes share. */
struct guardian_pulse {
    _Atomic uint64_t beat_ns; /* of clock.h, when the worker last woke up */
};
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a lock would be each process's own");

/* Made before the fork, so that what fails is told to whoever started us. */
struct guardian_tools {
    struct kernel *kernel;
    struct raw *raw;
    struct waiter *waiter;
    int worker; /* our end of the wire; -1: closed */
};

/* Guard this worker until it has ended and all is released; returns the exit status. */
int guardian_keep(const struct guardian_setup *setup, struct guardian_tools *tools,
                  const struct guardian_pulse *pulse, pid_t worker);

#endif
