#include "engine/config.h"

#include <assert.h>
#include <string.h>

/* Sort `count` items of `size` bytes in place by memcmp() and drop duplicates; returns what is
 * left. Insertion, because the lists are short and read once. */
static uint8_t sort_unique(uint8_t *items, uint8_t count, size_t size)
{
    uint8_t kept = 0;
    for (uint8_t i = 0; i < count; i++) {
        uint8_t item[16];
        memcpy(item, items + i * size, size);
        uint8_t at = 0;
        while (at < kept && memcmp(items + at * size, item, size) < 0) {
            at++;
        }
        if (at < kept && memcmp(items + at * size, item, size) == 0) {
            continue;
        }
        memmove(items + (size_t)(at + 1) * size, items + at * size, (size_t)(kept - at) * size);
        memcpy(items + at * size, item, size);
        kept++;
    }
    return kept;
}

void config_sort_addresses(struct carp_config *config)
{
    assert(config->ipv4_count <= CARP_ADDRESSES_MAX && config->ipv6_count <= CARP_ADDRESSES_MAX);
    config->ipv4_count = sort_unique(config->ipv4[0], config->ipv4_count, 4);
    config->ipv6_count = sort_unique(config->ipv6[0], config->ipv6_count, 16);
}
