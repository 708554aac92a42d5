#include "io/live/guardian_message.h"

#include <stddef.h>
#include <string.h>

static const size_t head_size = offsetof(struct guardian_message, ifindex);
static const size_t hold_size = offsetof(struct guardian_message, addresses);

size_t guardian_message_size(const struct guardian_message *message)
{
    if (message->type != GUARDIAN_HOLD) {
        return head_size;
    }
    return hold_size + message->address_count * sizeof message->addresses[0];
}

static bool address_ok(const struct kernel_virtual *address)
{
    bool known = address->family == 4 || address->family == 6;
    uint8_t flag; /* which need not be one that a bool can be */
    memcpy(&flag, &address->own_subnet, sizeof flag);
    return known && address->ifindex > 0 && address->prefix <= (address->family == 4 ? 32 : 128) &&
           flag <= 1;
}

static bool hold_ok(const struct guardian_message *message, size_t size, bool has_command)
{
    if (size < hold_size || message->ifindex == 0 ||
        message->address_count > GUARDIAN_ADDRESSES_MAX || size != guardian_message_size(message) ||
        (has_command && message->address_count > 0) || message->farewell_size[0] > FRAME_MAX ||
        message->farewell_size[1] > FRAME_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < message->address_count; i++) {
        if (!address_ok(&message->addresses[i])) {
            return false;
        }
    }
    return true;
}

bool guardian_message_ok(const struct guardian_message *message, size_t size,
                         const struct guardian_group *groups, unsigned group_count)
{
    if (size < head_size || message->group >= group_count) {
        return false;
    }
    switch (message->type) {
    case GUARDIAN_HOLD:
        return hold_ok(message, size, groups[message->group].down != NULL);
    case GUARDIAN_DROP:
        return size == head_size;
    default: /* what only the guardian says, and everything else */
        return false;
    }
}
