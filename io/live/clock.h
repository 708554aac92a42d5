/*
 * The only clock of the live backend: monotonic, and it goes on while the machine sleeps, so that a
 * suspended host knows how long it was away. Wall time appears in log lines alone.
 */
#ifndef CARP_IO_LIVE_CLOCK_H
#define CARP_IO_LIVE_CLOCK_H

#include <time.h>

#include "engine/instant.h"

#ifdef CLOCK_BOOTTIME
#define CLOCK_LIVE CLOCK_BOOTTIME
#else
#define CLOCK_LIVE CLOCK_MONOTONIC
#endif

static inline carp_instant clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_LIVE, &t);
    return (carp_instant){(uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec};
}

#endif
