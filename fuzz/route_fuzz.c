/*
 * What the BSDs and macOS tell of links and addresses: a byte that says which of them, and a row of
 * messages of the routing socket, as sysctl() gives them. Whatever the bytes are, what
 * kernel_events.h says holds, an event is written for news alone, and what is no whole message is
 * none.
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

/* No interface's index is left in a link-local address. */
static void check_scope(const struct kernel_event *event)
{
    const uint8_t *bytes = event->address.bytes;
    bool is_address = event->type == KERNEL_ADDRESS || event->type == KERNEL_ADDRESS_GONE;
    if (is_address && event->address.family == 6 && bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80) {
        assert(bytes[2] == 0 && bytes[3] == 0);
    }
}

/* A message, or what is left behind the last one, in memory of just its size. */
static void read_message(const struct route_layout *layout, const uint8_t *bytes, size_t size,
                         bool whole, struct kernel_addresses *table)
{
    uint8_t *message = (uint8_t *)malloc(size + (size == 0));
    struct kernel_event event;
    assert(message != NULL);
    memcpy(message, bytes, size);
    memset(&event, UNTOUCHED, sizeof event);
    enum route_news news = route_parse(layout, message, size, &event);
    assert(whole || news == ROUTE_NOTHING);
    if (news == ROUTE_EVENT) {
        check_scope(&event);
        kernel_events_follow(table, &event);
    } else {
        assert(is_untouched(&event));
    }
    free(message);
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
        read_message(layout, bytes + at, taken, true, &table);
        at += taken;
    }
    read_message(layout, bytes + at, size - at, false, &table);
    kernel_addresses_free(&table);
    return 0;
}
