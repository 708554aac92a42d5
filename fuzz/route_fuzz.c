/*
 * What the BSDs and macOS tell of links and addresses: a byte that says which of them, and a row of
 * messages of the routing socket, as sysctl() gives them. Whatever the bytes are, what
 * kernel_events.h says holds, and an event is written for news alone.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "fuzz/kernel_events.h"
#include "io/live/bsd/route.h"

enum { UNTOUCHED = 0xa5 };

static bool is_untouched(const struct kernel_event *event)
{
    const uint8_t *bytes = (const uint8_t *)event;
    size_t i = 0;
    while (i < sizeof *event && bytes[i] == UNTOUCHED) {
        i++;
    }
    return i == sizeof *event;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const struct route_layout *const layouts[] = {&route_freebsd,    &route_freebsd_32,
                                                         &route_netbsd,     &route_openbsd,
                                                         &route_openbsd_32, &route_macos};
    if (size == 0) {
        return 0;
    }
    const struct route_layout *layout = layouts[bytes[0] % (sizeof layouts / sizeof layouts[0])];
    struct kernel_addresses table = {0};
    size_t at = 1, taken;
    while ((taken = route_message_size(bytes + at, size - at)) > 0) {
        assert(taken <= size - at);
        uint8_t *message = (uint8_t *)malloc(taken); /* not a byte more */
        assert(message != NULL);
        memcpy(message, bytes + at, taken);
        struct kernel_event event;
        memset(&event, UNTOUCHED, sizeof event);
        if (route_parse(layout, message, taken, &event) == ROUTE_EVENT) {
            kernel_events_follow(&table, &event);
        } else {
            assert(is_untouched(&event));
        }
        free(message);
        at += taken;
    }
    kernel_addresses_free(&table);
    return 0;
}
