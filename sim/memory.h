/*
 * Growing arrays. A simulation whose memory runs out cannot go on and has nothing to save, so it
 * ends here with one sentence and status 2.
 */
#ifndef CARP_SIM_MEMORY_H
#define CARP_SIM_MEMORY_H

#include <stddef.h>

/* An array with room for twice as many elements, at least `first`; *room is updated, what is new is
 * zeroed. */
void *memory_grow(void *array, size_t *room, size_t first, size_t size);

/* `count` zeroed elements. */
void *memory_make(size_t count, size_t size);

#endif
