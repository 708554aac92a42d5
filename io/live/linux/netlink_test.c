/*
 * Goal: what rtnetlink says is read right, whatever the bytes.
 *
 * The bytes are the kernel's own: link messages from testdata/rtnetlink.txt (which says how they
 * were made), address messages below, recorded in the same run with
 *
 *   ip addr add 10.0.0.1/24 dev d0
 *   ip addr add 10.0.0.100/24 dev d0 valid_lft 7 preferred_lft 7
 *   ip addr del 10.0.0.100/24 dev d0
 *   ip addr add 192.0.2.1 peer 192.0.2.2/32 dev d0
 *   ip addr add 2001:db8::1/64 dev d1 nodad
 *   ip addr add 2001:db8::1/64 dev d0            (the duplicate of the last one: tentative, failed)
 *   ip addr add 2001:db8::2/64 dev d0 nodad noprefixroute valid_lft 9 preferred_lft 0
 */
#include "io/live/linux/netlink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/live/kernel_test.h"
#include "tools/testkit/testkit.h"

/* --- bytes ----------------------------------------------------------------------------------- */

enum { MESSAGE_MAX = 2048 };

struct recorded {
    _Alignas(4) uint8_t bytes[MESSAGE_MAX];
    size_t size;
};

/* A message of testdata/rtnetlink.txt. */
static struct recorded from_file(const char *name)
{
    static char line[2 * MESSAGE_MAX + 64];
    struct recorded found = {.size = 0};
    size_t length = strlen(name);
    FILE *file = fopen(tk_path("io/live/linux/testdata/rtnetlink.txt"), "r");
    while (file != NULL && found.size == 0 && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, length) == 0 && line[length] == ' ') {
            line[strcspn(line, "\n")] = '\0';
            found.size = tk_unhex(line + length + 1, found.bytes, sizeof found.bytes);
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    if (found.size == 0) {
        tk_fail(__FILE__, __LINE__, "no message %s", name);
    }
    return found;
}

static struct recorded from_hex(const char *hex)
{
    struct recorded r;
    r.size = tk_unhex(hex, r.bytes, sizeof r.bytes);
    return r;
}

/* A number of two bytes or of four, which was little-endian, becomes one of this machine. */
static void make_native(struct recorded *r, size_t at, size_t size)
{
    const uint8_t *b = r->bytes + at;
    uint16_t low = (uint16_t)(b[0] | b[1] << 8);
    if (size == sizeof low) {
        memcpy(r->bytes + at, &low, size);
    } else {
        uint32_t all = (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | low;
        memcpy(r->bytes + at, &all, size);
    }
}

/* Kernels speak in their machine's byte order, and these were recorded on a little-endian one. Here
 * are the numbers that are read: headers, those of attributes, and IFA_FLAGS. */
static struct recorded native(const struct recorded *recorded)
{
    static const struct {
        size_t at, size;
    } head[] = {{0, 4}, {4, 2}, {6, 2}, {8, 4}, {12, 4}, {20, 4}}, link[] = {{18, 2}, {24, 4}};
    struct recorded r = *recorded;
    bool is_address = r.bytes[4] == 20 || r.bytes[4] == 21; /* RTM_NEWADDR, RTM_DELADDR */
    for (size_t i = 0; i < sizeof head / sizeof *head; i++) {
        make_native(&r, head[i].at, head[i].size);
    }
    for (size_t i = 0; i < sizeof link / sizeof *link && !is_address; i++) {
        make_native(&r, link[i].at, link[i].size);
    }
    for (size_t at = is_address ? 24 : 32, size; at + 4 <= r.size; at += (size + 3) & ~(size_t)3) {
        size = (size_t)(r.bytes[at] | r.bytes[at + 1] << 8);
        if (is_address && r.bytes[at + 2] == 8 && size == 8 && at + size <= r.size) {
            make_native(&r, at + 4, 4);
        }
        make_native(&r, at, 2);
        make_native(&r, at + 2, 2);
        size = size < 4 ? 4 : size;
    }
    return r;
}

static const char *parsed(const struct recorded *recorded)
{
    struct recorded r = native(recorded);
    struct kernel_event event;
    return netlink_parse(r.bytes, r.size, &event) ? kernel_event_text(&event) : "refused";
}

/* The hardware addresses are those within the link-local addresses that the kernel made of them in
 * the same run: fe80::dc5e:74ff:fe3d:51f6 on d1, fe80::c827:4fff:fe6e:e303 on d0. */
TEST_CASE(netlink, reads_links_as_the_kernel_describes_them)
{
    static const struct {
        const char *name, *want;
    } rows[] = {
        {"link-created", "link 2 d1 de:5e:74:3d:51:f6"},
        {"link-without-carrier", "link 3 d0 ca:27:4f:6e:e3:03 up"},
        {"link-running", "link 2 d1 de:5e:74:3d:51:f6 up running"},
        {"loopback-up", "link 1 lo no-ethernet up running"},
        {"link-down", "link 3 d0 ca:27:4f:6e:e3:03"},
        {"link-gone", "link-gone 3 d0 ca:27:4f:6e:e3:03"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tk_row(rows[i].name);
        struct recorded r = from_file(rows[i].name);
        EXPECT_STR(rows[i].want, parsed(&r));
    }
}

/* The kernel says "RTM_DELLINK", family AF_BRIDGE, when an interface leaves a bridge. It is still
 * there. */
TEST_CASE(netlink, does_not_take_a_port_that_left_its_bridge_for_a_link_that_is_gone)
{
    struct recorded r = from_file("bridge-port-left");
    EXPECT_INT(17, r.bytes[4]); /* RTM_DELLINK */
    EXPECT_STR("refused", parsed(&r));
}

static const struct {
    const char *why, *hex, *want;
} address_rows[] = {
    {"own IPv4",
     "4c0000001400000021fa046b273f00000218800003000000080001000a000001080002000a000001070003006430"
     "0000080008008000000014000600fffffffffffffffff7e90900f7e90900",
     "address 3 ipv4 0a00..0001..00/24 permanent"},
    {"IPv4 with a lifetime",
     "4c0000001400000021fa046b293f00000218010003000000080001000a000064080002000a000064070003006430"
     "0000080008000100000014000600070000000700000002ea090002ea0900",
     "address 3 ipv4 0a00..0064..00/24 secondary"},
    {"removed IPv4",
     "4c0000001500000021fa046b2b3f00000218010003000000080001000a000064080002000a000064070003006430"
     "0000080008000100000014000600070000000700000002ea090002ea0900",
     "address-gone 3 ipv4 0a00..0064..00/24 secondary"},
    {"the near end of a point-to-point pair",
     "4c0000001400000021fa046b2d3f0000022080000300000008000100c000020208000200c0000201070003006430"
     "0000080008008000000014000600ffffffffffffffff16ea090016ea0900",
     "address 3 ipv4 c000..0201..00/32 permanent"},
    {"IPv6 without duplicate detection",
     "480000001400000000000000000000000a408200020000001400010020010db80000000000000000000000011400"
     "0600ffffffffffffffff21ea090021ea09000800080082000000",
     "address 2 ipv6 2001..0db8..01/64 permanent"},
    {"IPv6 while duplicates are looked for",
     "480000001400000000000000000000000a40c000030000001400010020010db80000000000000000000000011400"
     "0600ffffffffffffffff2bea09002bea090008000800c0000000",
     "address 3 ipv6 2001..0db8..01/64 tentative permanent"},
    {"IPv6 when one was found",
     "480000001400000000000000000000000a40c800030000001400010020010db80000000000000000000000011400"
     "0600ffffffffffffffff2bea09002bea090008000800c8000000",
     "address 3 ipv6 2001..0db8..01/64 tentative dadfailed permanent"},
    {"removed IPv6",
     "480000001500000000000000000000000a40c800030000001400010020010db80000000000000000000000011400"
     "0600ffffffffffffffff2bea09002bea090008000800c8000000",
     "address-gone 3 ipv6 2001..0db8..01/64 tentative dadfailed permanent"},
    {"deprecated IPv6",
     "480000001400000000000000000000000a402200030000001400010020010db80000000000000000000000021400"
     "0600000000000900000030eb090030eb09000800080022020000",
     "address 3 ipv6 2001..0db8..02/64 deprecated"},
};

enum { ADDRESS_ROWS = sizeof address_rows / sizeof address_rows[0] };

TEST_CASE(netlink, reads_addresses_as_the_kernel_describes_them)
{
    for (size_t i = 0; i < ADDRESS_ROWS; i++) {
        tk_row(address_rows[i].why);
        struct recorded r = from_hex(address_rows[i].hex);
        EXPECT_STR(address_rows[i].want, parsed(&r));
    }
}

/* The nearest refusals to a good message: one field changed each. */
TEST_CASE(netlink, refuses_what_is_no_link_or_address)
{
    static const struct {
        const char *why;
        size_t at;
        uint8_t value;
    } rows[] = {
        {"a route", 4, 24},
        {"another family", 16, 17},
        {"no interface", 20, 0},
        {"a prefix longer than the address", 17, 33},
        {"a local address of another size", 32, 7},
        {"a message longer than its bytes", 0, 0x50},
        {"a message shorter than its header", 0, 15},
    };
    struct recorded good = from_hex(address_rows[0].hex);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tk_row(rows[i].why);
        struct recorded bad = good;
        bad.bytes[rows[i].at] = rows[i].value;
        if (i == 4) {
            bad.bytes[24] = 7; /* IFA_ADDRESS and IFA_LOCAL alike, or the other would do */
        }
        EXPECT_STR("refused", parsed(&bad));
    }
}

/* libmnl takes attributes to end where the message does, rounded up to a multiple of four, as all
 * of the kernel's do: one that ends earlier would be read up to three bytes past its end. Found by
 * fuzz_netlink. */
TEST_CASE(netlink, refuses_a_message_that_ends_within_its_last_attribute)
{
    struct recorded good = from_hex(address_rows[0].hex);
    for (uint8_t less = 1; less < 4; less++) {
        struct recorded bad = good;
        bad.size -= less;
        bad.bytes[0] = (uint8_t)bad.size;
        EXPECT_STR("refused", parsed(&bad));
    }
}

/* A link whose name has no end, or is longer than a name can be, and one without index. */
TEST_CASE(netlink, refuses_links_with_names_that_cannot_be)
{
    struct recorded good = from_file("link-running");
    /* The first attribute is IFLA_IFNAME: size 7, type 3, "d1" and zero. */
    static const uint8_t name[] = {7, 0, 3, 0, 'd', '1', 0};
    EXPECT_BYTES(name, good.bytes + 32, sizeof name);

    struct recorded endless = good;
    endless.bytes[38] = 'x';
    EXPECT_STR("refused", parsed(&endless));

    struct recorded longer = good;
    longer.bytes[32] = 4 + 17;
    EXPECT_STR("refused", parsed(&longer));

    struct recorded nowhere = good;
    memset(nowhere.bytes + 20, 0, 4);
    EXPECT_STR("refused", parsed(&nowhere));
}

/* Hostile bytes: every truncation and every single changed byte of every recorded message ends in
 * an event within bounds or a refusal; run under ASan and Valgrind this also shows that nothing
 * past the end is read, since the copy is exactly as long as the message. */
static void batter(const struct recorded *r)
{
    static const uint8_t values[] = {0, 1, 4, 0x7f, 0x80, 0xff};
    for (size_t size = 0; size <= r->size; size++) {
        uint8_t *copy = (uint8_t *)malloc(size + 1);
        ASSERT_TRUE(copy != NULL);
        memcpy(copy, r->bytes, size);
        struct kernel_event event;
        bool accepted = netlink_parse(copy, size, &event);
        EXPECT_TRUE(accepted ? size == r->size : true);
        free(copy);
    }
    uint8_t *copy = (uint8_t *)malloc(r->size);
    ASSERT_TRUE(copy != NULL);
    memcpy(copy, r->bytes, r->size);
    for (size_t at = 0; at < r->size; at++) {
        for (size_t v = 0; v < sizeof values; v++) {
            struct kernel_event event;
            copy[at] = values[v];
            if (netlink_parse(copy, r->size, &event) &&
                (event.type == KERNEL_ADDRESS || event.type == KERNEL_ADDRESS_GONE)) {
                EXPECT_TRUE(event.address.prefix <= (event.address.family == 4 ? 32 : 128));
                EXPECT_TRUE(event.address.ifindex != 0);
            }
        }
        copy[at] = r->bytes[at];
    }
    free(copy);
}

TEST_CASE(netlink, survives_any_bytes)
{
    for (size_t i = 0; i < ADDRESS_ROWS; i++) {
        struct recorded r = from_hex(address_rows[i].hex);
        batter(&r);
    }
    struct recorded link = from_file("link-running");
    batter(&link);
    struct recorded gone = from_file("link-gone");
    batter(&gone);
}
