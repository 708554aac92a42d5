/*
 * What the worker, who reads the network and may have been taken over, can say to the guardian. A
 * message that it may act on is within bounds to its last value, and what decides that lies within
 * the bytes that came: what the buffer held before does not matter.
 */
#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "io/live/guardian_message.h"

static const char *const down[] = {"/bin/true", NULL};
static const struct guardian_group groups[2] = {{.name = "web"}, {.name = "mail", .down = down}};

static void check_hold(const struct guardian_message *m)
{
    assert(m->ifindex > 0 && m->address_count <= GUARDIAN_ADDRESSES_MAX);
    assert(m->farewell_size[0] <= FRAME_MAX && m->farewell_size[1] <= FRAME_MAX);
    assert(groups[m->group].down == NULL || m->address_count == 0);
    for (uint32_t i = 0; i < m->address_count; i++) {
        const struct kernel_virtual *a = &m->addresses[i];
        uint8_t flag;
        memcpy(&flag, &a->own_subnet, sizeof flag);
        assert(a->ifindex > 0 && (a->family == 4 || a->family == 6));
        assert(a->prefix <= (a->family == 4 ? 32 : 128) && flag <= 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct guardian_message first, second;
    if (size > sizeof first) { /* the guardian does not ask about those */
        return 0;
    }
    memset(&first, 0, sizeof first);
    memset(&second, 0xff, sizeof second);
    memcpy(&first, bytes, size);
    memcpy(&second, bytes, size);
    bool ok = guardian_message_ok(&first, size, groups, 2);
    assert(guardian_message_ok(&second, size, groups, 2) == ok);
    if (ok) {
        assert(first.type == GUARDIAN_HOLD || first.type == GUARDIAN_DROP);
        assert(first.group < 2 && size == guardian_message_size(&first));
        if (first.type == GUARDIAN_HOLD) {
            check_hold(&first);
        }
    }
    return 0;
}
