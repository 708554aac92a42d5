/* Goal: the table holds what the events say, and answers for interfaces and virtual addresses. */
#include "io/live/kernel.h"

#include <string.h>

#include "tools/testkit/testkit.h"

static struct kernel_event address(unsigned ifindex, uint8_t family, const char *hex,
                                   uint8_t prefix)
{
    struct kernel_event event = {.type = KERNEL_ADDRESS};
    event.address = (struct kernel_address){.ifindex = ifindex, .family = family, .prefix = prefix};
    tk_unhex(hex, event.address.bytes, sizeof event.address.bytes);
    return event;
}

/* 10.0.0.100 and 2001:db8::100 are virtual. */
static bool is_virtual(const void *self, uint8_t family, const uint8_t *bytes)
{
    (void)self;
    static const uint8_t ipv4[4] = {10, 0, 0, 100};
    static const uint8_t ipv6[16] = {0x20, 1, 0x0d, 0xb8, [14] = 1};
    return family == 4 ? memcmp(bytes, ipv4, 4) == 0 : memcmp(bytes, ipv6, 16) == 0;
}

static const struct kernel_virtuals virtuals = {is_virtual, NULL};

static void note(struct kernel_addresses *table, int want, struct kernel_event event)
{
    EXPECT_INT(want, kernel_addresses_note(table, &event));
}

TEST_CASE(kernel, keeps_a_table_of_addresses_from_events)
{
    struct kernel_addresses table = {0};
    struct kernel_event one = address(2, 4, "0a000001", 24);
    note(&table, 1, one);
    note(&table, 0, one); /* a renewal is no change */
    one.address.deprecated = true;
    note(&table, 1, one);
    EXPECT_U64(1, table.count);
    for (uint8_t i = 0; i < 40; i++) { /* more than it has room for at first */
        struct kernel_event many = address(3, 4, "0a000000", 32);
        many.address.bytes[3] = i;
        note(&table, 1, many);
    }
    EXPECT_U64(41, table.count);
    uint8_t bytes[4] = {10, 0, 0, 39};
    EXPECT_TRUE(kernel_find(&table, 3, 4, bytes) != NULL);
    EXPECT_TRUE(kernel_find(&table, 2, 4, bytes) == NULL);
    EXPECT_TRUE(kernel_find(&table, 3, 6, (const uint8_t[16]){10, 0, 0, 39}) == NULL);

    struct kernel_event gone = address(3, 4, "0a000027", 24);
    gone.type = KERNEL_ADDRESS_GONE;
    note(&table, 0, gone); /* another prefix: another address */
    gone.address.prefix = 32;
    note(&table, 1, gone);
    EXPECT_TRUE(kernel_find(&table, 3, 4, bytes) == NULL);
    note(&table, 1, (struct kernel_event){.type = KERNEL_LINK_GONE, .link = {.ifindex = 3}});
    EXPECT_U64(1, table.count);
    note(&table, 0, (struct kernel_event){.type = KERNEL_LINK, .link = {.ifindex = 2}});
    note(&table, 1, (struct kernel_event){.type = KERNEL_FORGET});
    note(&table, 0, (struct kernel_event){.type = KERNEL_FORGET});
    EXPECT_U64(0, table.count);
    kernel_addresses_free(&table);
}

TEST_CASE(kernel, finds_the_narrowest_own_subnet_around_an_address)
{
    struct kernel_addresses table = {0};
    note(&table, 1, address(2, 4, "0a000001", 8));
    note(&table, 1, address(2, 4, "0a000002", 25));
    note(&table, 1, address(2, 4, "0a000064", 28)); /* virtual: says nothing */
    note(&table, 1, address(3, 4, "0a000003", 26)); /* another interface */
    note(&table, 1, address(2, 6, "20010db8000000000000000000000001", 64));
    static const struct {
        const char *why, *hex;
        uint8_t family;
        int want;
    } rows[] = {
        {"in both", "0a000064", 4, 25},
        {"the last of the narrow one", "0a00007f", 4, 25},
        {"the first beyond it", "0a000080", 4, 8},
        {"in none", "0b000001", 4, -1},
        {"IPv6", "20010db8000000000000000000000100", 6, 64},
        {"the next subnet", "20010db8000000010000000000000100", 6, -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bytes[16] = {0};
        tk_row(rows[i].why);
        tk_unhex(rows[i].hex, bytes, sizeof bytes);
        EXPECT_INT(rows[i].want, kernel_subnet(&table, 2, &virtuals, rows[i].family, bytes));
    }
    kernel_addresses_free(&table);
}

TEST_CASE(kernel, sends_from_the_first_own_ipv4_address)
{
    uint8_t source[16] = {0};
    struct kernel_addresses table = {0};
    EXPECT_TRUE(!kernel_source(&table, 2, &virtuals, 4, source));
    note(&table, 1, address(2, 4, "0a000064", 24)); /* virtual */
    note(&table, 1, address(3, 4, "0a000009", 24)); /* of another interface */
    EXPECT_TRUE(!kernel_source(&table, 2, &virtuals, 4, source));
    struct kernel_event second = address(2, 4, "0a000007", 24);
    second.address.secondary = true;
    note(&table, 1, second);
    EXPECT_TRUE(kernel_source(&table, 2, &virtuals, 4, source));
    EXPECT_BYTES("\x0a\0\0\x07\0\0\0\0\0\0\0\0\0\0\0", source, 16);
    note(&table, 1, address(2, 4, "0a000005", 24));
    note(&table, 1, address(2, 4, "0a000003", 24));
    EXPECT_TRUE(kernel_source(&table, 2, &virtuals, 4, source));
    EXPECT_BYTES("\x0a\0\0\x05\0\0\0\0\0\0\0\0\0\0\0", source, 16);
    kernel_addresses_free(&table);
}

TEST_CASE(kernel, sends_from_a_usable_link_local_ipv6_address)
{
    uint8_t source[16] = {0};
    struct kernel_addresses table = {0};
    note(&table, 1, address(2, 6, "20010db8000000000000000000000100", 64)); /* virtual */
    struct kernel_event tentative = address(2, 6, "fe800000000000000000000000000001", 64);
    tentative.address.tentative = true;
    note(&table, 1, tentative);
    struct kernel_event duplicate = address(2, 6, "fe800000000000000000000000000002", 64);
    duplicate.address.dadfailed = true;
    note(&table, 1, duplicate);
    EXPECT_TRUE(!kernel_source(&table, 2, &virtuals, 6, source));
    note(&table, 1, address(2, 6, "20010db8000000000000000000000007", 64));
    EXPECT_TRUE(kernel_source(&table, 2, &virtuals, 6, source));
    EXPECT_INT(7, source[15]);
    note(&table, 1, address(2, 6, "fe800000000000000000000000000003", 64));
    EXPECT_TRUE(kernel_source(&table, 2, &virtuals, 6, source));
    EXPECT_INT(3, source[15]);
    tentative.address.tentative = false;
    note(&table, 1, tentative);
    EXPECT_TRUE(kernel_source(&table, 2, &virtuals, 6, source));
    EXPECT_INT(1, source[15]);
    kernel_addresses_free(&table);
}
