/*
 * Prefix lengths as the masks that ioctl() wants.
 */
#ifndef CARP_IO_LIVE_BSD_NETMASK_H
#define CARP_IO_LIVE_BSD_NETMASK_H

#include <stdint.h>
#include <string.h>

/* So many ones, then zeros; IPv4's is in the first four bytes. */
static inline void netmask_make(uint8_t mask[16], unsigned prefix)
{
    memset(mask, 0, 16);
    memset(mask, 0xff, prefix / 8);
    if (prefix % 8 != 0) {
        mask[prefix / 8] = (uint8_t)(0xff00 >> prefix % 8);
    }
}

#endif
