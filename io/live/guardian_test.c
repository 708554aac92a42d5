/* Goal: the guardian acts on no message that is not wholly within bounds, whoever wrote it. What it
 * does on a real machine is in guardian_live_test.c. */
#include <stddef.h>
#include <string.h>

#include "io/live/guardian_message.h"
#include "tools/testkit/testkit.h"

static const char *const down[] = {"/bin/true", NULL};
static const struct guardian_group groups[2] = {{.name = "web"}, {.name = "mail", .down = down}};

/* What a worker sends for two addresses, IPv4 and IPv6. */
static struct guardian_message good_hold(void)
{
    struct guardian_message m;
    memset(&m, 0, sizeof m);
    m.type = GUARDIAN_HOLD;
    m.serial = 1;
    m.ifindex = 3;
    m.patience_ns = 3000000000;
    m.address_count = 2;
    m.farewell_size[0] = 70;
    m.farewell_size[1] = FRAME_MAX;
    m.addresses[0] = (struct kernel_virtual){.ifindex = 3, .family = 4, .prefix = 32};
    m.addresses[1] = (struct kernel_virtual){.ifindex = 3, .family = 6, .prefix = 128};
    return m;
}

static bool ok(const struct guardian_message *m, size_t size)
{
    return guardian_message_ok(m, size, groups, 2);
}

TEST_CASE(guardian, accepts_a_message_of_exactly_its_contents)
{
    struct guardian_message m = good_hold();
    size_t size = offsetof(struct guardian_message, addresses) + 2 * sizeof m.addresses[0];
    EXPECT_U64(size, guardian_message_size(&m));
    EXPECT_TRUE(ok(&m, size));
    EXPECT_TRUE(!ok(&m, size - 1));
    EXPECT_TRUE(!ok(&m, size + 1));
    EXPECT_TRUE(!ok(&m, 0));
    m.type = GUARDIAN_DROP;
    EXPECT_U64(12, guardian_message_size(&m));
    EXPECT_TRUE(ok(&m, 12));
    EXPECT_TRUE(!ok(&m, 11));
    EXPECT_TRUE(!ok(&m, 13));
    EXPECT_TRUE(!ok(&m, size));
}

TEST_CASE(guardian, accepts_as_many_addresses_as_it_has_room_for)
{
    struct guardian_message m = good_hold();
    for (uint32_t i = 0; i < GUARDIAN_ADDRESSES_MAX; i++) {
        m.addresses[i] = m.addresses[i % 2];
    }
    m.address_count = GUARDIAN_ADDRESSES_MAX;
    EXPECT_TRUE(guardian_message_size(&m) <= sizeof m);
    EXPECT_TRUE(ok(&m, guardian_message_size(&m)));
    m.address_count = 0;
    EXPECT_TRUE(ok(&m, offsetof(struct guardian_message, addresses)));
}

enum field {
    TYPE,
    GROUP,
    IFINDEX,
    COUNT,
    FAREWELL_4,
    FAREWELL_6,
    FAMILY,
    PREFIX_4,
    PREFIX_6,
    ADDRESS_IFINDEX,
};

/* One field changed in a good message; everything else, its size included, as it was. */
static struct guardian_message changed(enum field field, uint32_t value)
{
    struct guardian_message m = good_hold();
    switch (field) {
    case TYPE:
        m.type = value;
        break;
    case GROUP:
        m.group = value;
        break;
    case IFINDEX:
        m.ifindex = value;
        break;
    case COUNT:
        m.address_count = value;
        break;
    case FAREWELL_4:
        m.farewell_size[0] = (uint8_t)value;
        break;
    case FAREWELL_6:
        m.farewell_size[1] = (uint8_t)value;
        break;
    case FAMILY:
        m.addresses[0].family = (uint8_t)value;
        break;
    case PREFIX_4:
        m.addresses[0].prefix = (uint8_t)value;
        break;
    case PREFIX_6:
        m.addresses[1].prefix = (uint8_t)value;
        break;
    case ADDRESS_IFINDEX:
        m.addresses[1].ifindex = value;
        break;
    }
    return m;
}

TEST_CASE(guardian, refuses_a_message_with_anything_out_of_bounds)
{
    static const struct {
        const char *why;
        enum field field;
        uint32_t value;
    } rows[] = {
        {"no type", TYPE, 0},
        {"what only the guardian says", TYPE, GUARDIAN_RELEASED},
        {"an unknown type", TYPE, GUARDIAN_RELEASED + 1},
        {"the first group there is not", GROUP, 2},
        {"a far group", GROUP, UINT32_MAX},
        {"addresses for a group with a command", GROUP, 1},
        {"no interface", IFINDEX, 0},
        {"more addresses than are there", COUNT, 3},
        {"fewer", COUNT, 1},
        {"more than it has room for", COUNT, GUARDIAN_ADDRESSES_MAX + 1},
        {"so many that the size wraps", COUNT, UINT32_MAX},
        {"a farewell longer than its room", FAREWELL_4, FRAME_MAX + 1},
        {"likewise", FAREWELL_6, 255},
        {"family 0", FAMILY, 0},
        {"family 5", FAMILY, 5},
        {"an IPv4 prefix of 33", PREFIX_4, 33},
        {"an IPv6 prefix of 129", PREFIX_6, 129},
        {"an address nowhere", ADDRESS_IFINDEX, 0},
    };
    struct guardian_message good = good_hold();
    size_t size = guardian_message_size(&good);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tk_row(rows[i].why);
        struct guardian_message bad = changed(rows[i].field, rows[i].value);
        EXPECT_TRUE(!ok(&bad, size));
    }
}

/* A bool that is neither is undefined behaviour for whoever reads it. Found by fuzz_guardian. */
TEST_CASE(guardian, refuses_a_flag_that_is_neither_true_nor_false)
{
    struct guardian_message m = good_hold();
    m.addresses[1].own_subnet = true;
    EXPECT_TRUE(ok(&m, guardian_message_size(&m)));
    memset(&m.addresses[1].own_subnet, 2, 1);
    EXPECT_TRUE(!ok(&m, guardian_message_size(&m)));
}

TEST_CASE(guardian, accepts_a_command_group_without_addresses)
{
    struct guardian_message m = good_hold();
    m.group = 1;
    m.address_count = 0;
    EXPECT_TRUE(ok(&m, guardian_message_size(&m)));
}
