/*
 * Growing arrays. A simulation whose memory runs out cannot go on and has nothing to save, so it
 * ends here with one sentence and status 2.
 */
#ifndef CARP_SIM_MEMORY_H
#define CARP_SIM_MEMORY_H

#include <stddef.h>

/* An array with room for twice as many elements, at least `first`; *room is updated, what is new is
 * zeroed. */
void *memory_grow(void *array, size_t *room, size_t first, size_t size)
    __attribute__((returns_nonnull));

enum { MEMORY_LINE = 64 }; /* bytes that come into a processor's cache at once; a guess is enough */

/* What lies there is soon to be read and written: a hint, without any effect but on time. */
static inline void memory_expect(const void *at)
{
    __builtin_prefetch(at, 1);
}

/* `count` zeroed elements. */
void *memory_make(size_t count, size_t size) __attribute__((returns_nonnull));

#endif
