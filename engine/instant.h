/*
 * Time is data: the caller reads a clock, the engine adds and compares.
 *
 * Two one-field structs cost nothing and keep instants, durations and counts apart. Everything
 * is integer nanoseconds; the origin of an instant is the caller's choice and never matters.
 */
#ifndef CARP_ENGINE_INSTANT_H
#define CARP_ENGINE_INSTANT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct carp_instant {
    uint64_t ns;
} carp_instant;

typedef struct carp_duration {
    uint64_t ns;
} carp_duration;

/* A deadline that does not come. */
#define CARP_NEVER ((carp_instant){UINT64_MAX})

#define CARP_SECONDS(n)      ((carp_duration){(uint64_t)(n)*UINT64_C(1000000000)})
#define CARP_MILLISECONDS(n) ((carp_duration){(uint64_t)(n)*UINT64_C(1000000)})

/* t + d; a sum that would pass the end of time is CARP_NEVER. */
static inline carp_instant instant_add(carp_instant t, carp_duration d)
{
    return t.ns > UINT64_MAX - d.ns ? CARP_NEVER : (carp_instant){t.ns + d.ns};
}

/* later - earlier; zero when they are the other way round. */
static inline carp_duration instant_since(carp_instant later, carp_instant earlier)
{
    return (carp_duration){later.ns > earlier.ns ? later.ns - earlier.ns : 0};
}

static inline bool instant_before(carp_instant a, carp_instant b)
{
    return a.ns < b.ns;
}

static inline carp_instant instant_min(carp_instant a, carp_instant b)
{
    return a.ns < b.ns ? a : b;
}

static inline carp_duration duration_max(carp_duration a, carp_duration b)
{
    return a.ns > b.ns ? a : b;
}

#endif
