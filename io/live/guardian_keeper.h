/* The guardian's own side of guardian.h: what runs in the parent process. */
#ifndef CARP_IO_LIVE_GUARDIAN_KEEPER_H
#define CARP_IO_LIVE_GUARDIAN_KEEPER_H

#include <stdatomic.h>
#include <sys/types.h>

#include "io/live/guardian.h"

/* In memory that both processes share. */
struct guardian_pulse {
    _Atomic uint64_t beat_ns; /* CLOCK_BOOTTIME, when the worker last woke up */
};

/* Made before the fork, so that what fails is told to whoever started us. */
struct guardian_tools {
    struct netlink netlink;
    int packets; /* AF_PACKET, to send only */
    int signals; /* signalfd */
    int timer;   /* timerfd of CLOCK_BOOTTIME */
    int worker;  /* our end of the socket pair */
};

/* Guard this worker until it has ended and all is released; returns the exit status. */
int guardian_keep(const struct guardian_setup *setup, struct guardian_tools *tools,
                  const struct guardian_pulse *pulse, pid_t worker);

#endif
