/*
 * What was secret is overwritten, also where nobody reads it again: a plain memset() there may be
 * left out by the compiler, and explicit_bzero() is not everywhere.
 */
#ifndef CARP_IO_WIPE_H
#define CARP_IO_WIPE_H

#include <stddef.h>

static inline void wipe(void *bytes, size_t size)
{
    volatile unsigned char *at = bytes;
    for (size_t i = 0; i < size; i++) {
        at[i] = 0;
    }
}

#endif
