#include "sim/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *or_end(void *made)
{
    if (made == NULL) {
        fputs("carplab: out of memory; use fewer nodes or a shorter horizon\n", stderr);
        exit(2);
    }
    return made;
}

void *memory_grow(void *array, size_t *room, size_t first, size_t size)
{
    size_t grown = *room == 0 ? first : *room * 2;
    array = or_end(grown > SIZE_MAX / size ? NULL : realloc(array, grown * size));
    memset((char *)array + *room * size, 0, (grown - *room) * size);
    *room = grown;
    return array;
}

void *memory_make(size_t count, size_t size)
{
    return or_end(calloc(count == 0 ? 1 : count, size));
}
