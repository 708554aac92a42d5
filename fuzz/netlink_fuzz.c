/*
 * What Linux tells of links and addresses: a row of rtnetlink messages, as one datagram holds them.
 * Whatever the bytes are, what kernel_events.h says holds.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "fuzz/kernel_events.h"
#include "io/live/linux/netlink.h"

enum { HEADER_SIZE = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct kernel_addresses table = {0};
    uint32_t message_size = HEADER_SIZE;
    while (size >= HEADER_SIZE && message_size >= HEADER_SIZE) {
        struct kernel_event event;
        memcpy(&message_size, bytes, sizeof message_size);
        size_t taken = message_size < HEADER_SIZE || message_size > size ? size : message_size;
        void *message = malloc(taken); /* not a byte more, and aligned */
        assert(message != NULL);
        memcpy(message, bytes, taken);
        if (netlink_parse(message, taken, &event)) {
            assert(taken == message_size);
            kernel_events_follow(&table, &event);
        }
        free(message);
        taken = (taken + 3) & ~(size_t)3;
        bytes += taken < size ? taken : size;
        size -= taken < size ? taken : size;
    }
    kernel_addresses_free(&table);
    return 0;
}
