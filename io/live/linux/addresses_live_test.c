/*
 * Goal: a group's addresses on a real interface: as the operator would have set them, all or none,
 * and defended, but not for ever. Each test has a network namespace of its own with a cable, d0 -
 * d1; without root they are skipped.
 *
 * d0 has 10.0.0.1/24 and 2001:db8::1/64 of its own.
 */
#define _GNU_SOURCE
#include "io/live/addresses.h"

#include <arpa/inet.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/live/log_test.h"
#include "tools/testkit/testkit.h"

/* --- the bench ------------------------------------------------------------------------------- */

enum { ADDRESSES_MAX = 8, OF_INTERFACE = CONFIG_PREFIX_OF_INTERFACE };

struct bench {
    struct kernel *kernel;
    struct kernel_link d0;
    struct kernel_addresses table;
    struct kernel_virtuals virtuals;
    struct addresses_on on;
    struct config_group group;
    struct config_address configured[ADDRESSES_MAX];
    struct addresses addresses;
};

static bool shell(const char *command)
{
    int status = system(command);
    if (status != 0) {
        tk_fail(__FILE__, __LINE__, "status %d: %s", status, command);
    }
    return status == 0;
}

static struct config_address configured(const char *text, uint8_t prefix)
{
    struct config_address address = {.family = strchr(text, ':') == NULL ? 4 : 6, .prefix = prefix};
    int family = address.family == 4 ? AF_INET : AF_INET6;
    EXPECT_INT(1, inet_pton(family, text, address.bytes));
    return address;
}

static bool is_virtual(const void *self, uint8_t family, const uint8_t *bytes)
{
    const struct config_group *group = (const struct config_group *)self;
    for (size_t i = 0; i < group->address_count; i++) {
        if (group->addresses[i].family == family &&
            memcmp(group->addresses[i].bytes, bytes, sizeof group->addresses[i].bytes) == 0) {
            return true;
        }
    }
    return false;
}

static void note(void *self, const struct kernel_event *event)
{
    EXPECT_TRUE(kernel_addresses_note((struct kernel_addresses *)self, event) >= 0);
}

/* Bring the table up to date with the kernel. */
static void refresh(struct bench *b)
{
    EXPECT_INT(0, kernel_dump(b->kernel, note, &b->table));
}

/* A namespace, and a group of these addresses: "10.0.0.100", or with a prefix. NULL ends them. */
static bool set_bench(struct bench *b, const char *const *addresses)
{
    static char name[] = "web", interface[] = "d0";
    memset(b, 0, sizeof *b);
    if (unshare(CLONE_NEWNET) != 0) {
        tk_skip("network namespaces need root");
        return false;
    }
    b->group =
        (struct config_group){.name = name, .interface = interface, .addresses = b->configured};
    for (; addresses[b->group.address_count] != NULL; b->group.address_count++) {
        char text[64];
        snprintf(text, sizeof text, "%s", addresses[b->group.address_count]);
        char *slash = strchr(text, '/');
        uint8_t prefix = slash == NULL ? OF_INTERFACE : (uint8_t)atoi(slash + 1);
        if (slash != NULL) {
            *slash = '\0';
        }
        b->configured[b->group.address_count] = configured(text, prefix);
    }
    b->virtuals = (struct kernel_virtuals){is_virtual, &b->group};
    bool ok = shell("ip link add d0 type veth peer name d1 &&"
                    "for i in d0 d1; do"
                    "  echo 0 >/proc/sys/net/ipv6/conf/$i/accept_dad && ip link set $i up ||"
                    "  exit 1; done &&"
                    "ip address add 10.0.0.1/24 dev d0 &&"
                    "ip address add 2001:db8::1/64 dev d0 nodad") &&
              kernel_open(&b->kernel) == 0 && kernel_link_by_name(b->kernel, "d0", &b->d0) == 0 &&
              addresses_make(&b->addresses, &b->group) == 0;
    EXPECT_TRUE(ok);
    if (ok) {
        b->on = (struct addresses_on){b->kernel, &b->table, &b->virtuals};
        refresh(b);
    }
    return ok;
}

static void clear_bench(struct bench *b)
{
    addresses_free(&b->addresses);
    kernel_addresses_free(&b->table);
    kernel_close(b->kernel);
}

/* As on the way to MASTER, with 30 s of patience. */
static int hold(struct bench *b)
{
    refresh(b);
    addresses_resolve(&b->addresses, &b->group, &b->on, b->d0.ifindex, CARP_SECONDS(30));
    return addresses_hold(&b->addresses, &b->group, b->kernel);
}

/* All global addresses of d0 but its own two, as `ip` tells them: "10.0.0.100/24 dynamic\n"... */
static const char *there(void)
{
    static char text[4096];
    FILE *ip = popen("ip -o address show dev d0 scope global |"
                     "sed -nE 's/.* inet6? ([^ ]*) scope global (.*)\\\\.*/\\1 \\2/p' |"
                     "sed -E '/^(10.0.0.1.24|2001:db8::1.64) /d;"
                     "  s/ .*dynamic.*/ dynamic/; s/ (nodad|secondary|d0).*/ for ever/'",
                     "r");
    size_t size = ip == NULL ? 0 : fread(text, 1, sizeof text - 1, ip);
    text[size] = '\0';
    if (ip != NULL) {
        pclose(ip);
    }
    return text;
}

/* Its own two are as they were. */
static void expect_own_there(void)
{
    EXPECT_TRUE(shell("ip -o address show dev d0 | grep -q 'inet 10.0.0.1/24 scope global d0' &&"
                      "ip -o address show dev d0 | grep -q 'inet6 2001:db8::1/64 scope global'"));
}

/* --- which prefix ---------------------------------------------------------------------------- */

/* 10.0.1.9 and 10.0.1.10 have only each other: a virtual address is no subnet of our own. */
TEST_CASE(addresses_live, have_the_prefix_of_the_interfaces_own_subnet_or_of_a_host)
{
    static const char *const texts[] = {"10.0.0.100", "10.0.0.101/25", "10.0.1.9/24", "10.0.1.10",
                                        "172.16.0.1", "2001:db8::100", "2001:db9::1", NULL};
    static const char want[] = "10.0.1.9/24 dynamic\n"
                               "172.16.0.1/32 dynamic\n"
                               "10.0.1.10/32 dynamic\n"
                               "10.0.0.101/25 dynamic\n"
                               "10.0.0.100/24 dynamic\n"
                               "2001:db9::1/128 dynamic\n"
                               "2001:db8::100/64 dynamic\n";
    struct bench b;
    if (!set_bench(&b, texts)) {
        return;
    }
    for (int again = 0; again < 2; again++) {
        tk_row(again ? "the second time" : "the first time");
        EXPECT_INT(0, hold(&b));
        EXPECT_TRUE(b.addresses.held);
        EXPECT_INT(true, b.addresses.at[5].own_subnet); /* its route is not ours to end */
        EXPECT_INT(false, b.addresses.at[6].own_subnet);
        const char *got = there();
        EXPECT_U64(strlen(want), strlen(got));
        for (const char *line = want; *line != '\0'; line += strcspn(line, "\n") + 1) {
            char one[64];
            snprintf(one, sizeof one, "%.*s", (int)strcspn(line, "\n"), line);
            if (strstr(got, one) == NULL) { /* the kernel's order is its own */
                tk_fail(__FILE__, __LINE__, "%s is not among\n%s", one, got);
            }
        }
    }
    tk_row(NULL);
    EXPECT_INT(0, addresses_drop(&b.addresses, b.kernel));
    EXPECT_TRUE(!b.addresses.held);
    EXPECT_STR("", there());
    expect_own_there();
    EXPECT_INT(0, addresses_drop(&b.addresses, b.kernel)); /* fine when they are gone */
    clear_bench(&b);
}

/* --- all or none ----------------------------------------------------------------------------- */

TEST_CASE(addresses_live, are_all_set_or_none)
{
    static const char *const texts[] = {"10.0.0.100", "10.0.0.101", "2001:db8:1::100", NULL};
    struct bench b;
    if (!set_bench(&b, texts)) {
        return;
    }
    EXPECT_TRUE(shell("echo 1 >/proc/sys/net/ipv6/conf/d0/disable_ipv6"));
    log_capture();
    int error = hold(&b);
    const char *log = log_captured();
    EXPECT_TRUE(error < 0);
    EXPECT_TRUE(!b.addresses.held);
    EXPECT_STR("", there());
    char want[160];
    snprintf(want, sizeof want, "[ERROR] web: cannot set 2001:db8:1::100/128 on d0: %s\n",
             strerror(-error));
    EXPECT_STR(want, log);
    clear_bench(&b);
}

/* Whatever prefix it had: IPv6 knows an address once, and goes on with the old prefix; for IPv4 the
 * other one is another address, not ours. */
/* An interface that takes none: each attempt fails, and three of them are told of. */
TEST_CASE(addresses_live, are_not_complained_of_without_end)
{
    static const char *const wanted[] = {"10.0.0.100", NULL};
    struct bench b;
    if (!set_bench(&b, wanted)) {
        return;
    }
    EXPECT_TRUE(shell("ip link del d0"));
    log_capture();
    for (int i = 0; i < 10; i++) {
        addresses_resolve(&b.addresses, &b.group, &b.on, b.d0.ifindex, CARP_SECONDS(30));
        EXPECT_TRUE(addresses_hold(&b.addresses, &b.group, b.kernel) < 0);
    }
    unsigned lines = 0;
    for (const char *at = log_captured(); (at = strstr(at, "cannot set")) != NULL; at++) {
        lines++;
    }
    EXPECT_INT(3, lines);
    clear_bench(&b);
}

TEST_CASE(addresses_live, are_taken_over_when_they_are_there_already)
{
    static const struct {
        const char *why, *made_by, *held, *dropped;
    } rows[] = {
        {"by the operator", "10.0.0.100/24 dev d0", "10.0.0.100/24 dynamic\n", ""},
        {"left behind", "10.0.0.100/24 dev d0 valid_lft 900 preferred_lft 900",
         "10.0.0.100/24 dynamic\n", ""},
        {"IPv6", "2001:db8::100/64 dev d0 nodad", "2001:db8::100/64 dynamic\n", ""},
        {"IPv6, another prefix", "2001:db8::100/128 dev d0 nodad", "2001:db8::100/128 dynamic\n",
         ""},
        {"IPv4, another prefix", "10.0.0.100/32 dev d0",
         "10.0.0.100/32 for ever\n10.0.0.100/24 dynamic\n", "10.0.0.100/32 for ever\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *const texts[] = {
            strncmp(rows[i].why, "IPv6", 4) == 0 ? "2001:db8::100" : "10.0.0.100", NULL};
        char command[128];
        struct bench b;
        tk_row(rows[i].why);
        if (!set_bench(&b, texts)) {
            return;
        }
        snprintf(command, sizeof command, "ip address add %s", rows[i].made_by);
        EXPECT_TRUE(shell(command));
        EXPECT_INT(0, hold(&b));
        EXPECT_STR(rows[i].held, there());
        EXPECT_INT(0, addresses_drop(&b.addresses, b.kernel));
        EXPECT_STR(rows[i].dropped, there());
        clear_bench(&b);
    }
}

/* --- at start -------------------------------------------------------------------------------- */

TEST_CASE(addresses_live, are_removed_at_start_whatever_their_prefix)
{
    static const char *const texts[] = {"10.0.0.100", "10.0.0.101", "2001:db8::100", NULL};
    struct bench b;
    if (!set_bench(&b, texts)) {
        return;
    }
    EXPECT_TRUE(shell("ip address add 10.0.0.100/16 dev d0 &&"
                      "ip address add 10.0.0.100/32 dev d0 &&"
                      "ip address add 10.0.0.102/24 dev d0 &&"
                      "ip address add 10.0.0.101/24 dev d1 &&" /* not our interface */
                      "ip address add 2001:db8::100/64 dev d0 nodad valid_lft 9 preferred_lft 9"));
    refresh(&b);
    log_capture();
    addresses_clean(&b.group, &b.on, b.d0.ifindex);
    EXPECT_STR("[WARNING] web: 10.0.0.100/16 was already on d0, though nobody here is master: "
               "removed\n"
               "[WARNING] web: 10.0.0.100/32 was already on d0, though nobody here is master: "
               "removed\n"
               "[WARNING] web: 2001:db8::100/64 was already on d0, though nobody here is master: "
               "removed\n",
               log_captured());
    EXPECT_STR("10.0.0.102/24 for ever\n", there());
    expect_own_there();
    EXPECT_TRUE(shell("ip -o address show dev d1 | grep -q 10.0.0.101/24"));
    refresh(&b);
    log_capture();
    addresses_clean(&b.group, &b.on, b.d0.ifindex);
    EXPECT_STR("", log_captured());
    clear_bench(&b);
}

/* --- removed by someone ---------------------------------------------------------------------- */

static carp_instant at_s(uint64_t s)
{
    return (carp_instant){(86400 + s) * UINT64_C(1000000000)};
}

/* What the kernel says when this address is deleted. */
static struct kernel_address news_of(const struct bench *b, size_t index)
{
    const struct kernel_virtual *v = &b->addresses.at[index];
    struct kernel_address gone = {.ifindex = v->ifindex, .family = v->family, .prefix = v->prefix};
    memcpy(gone.bytes, v->bytes, sizeof gone.bytes);
    return gone;
}

/* Three times in a minute, and no more; then the group should not be master. A minute later it is
 * worth a try again. */
TEST_CASE(addresses_live, are_put_back_when_removed_but_not_again_and_again)
{
    static const char *const texts[] = {"10.0.0.100", "2001:db8::100", NULL};
    static const struct {
        uint64_t s;
        size_t index;
        bool lost;
    } rows[] = {{0, 0, false},  {1, 1, false},  {2, 0, false},   {3, 1, true},  {60, 0, true},
                {61, 0, false}, {61, 1, false}, {121, 0, false}, {121, 0, true}};
    struct bench b;
    if (!set_bench(&b, texts)) {
        return;
    }
    EXPECT_INT(0, hold(&b));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char row[32];
        bool lost = !rows[i].lost;
        struct kernel_address gone = news_of(&b, rows[i].index);
        bool is6 = rows[i].index == 1;
        snprintf(row, sizeof row, "number %zu", i + 1);
        tk_row(row);
        EXPECT_INT(0, kernel_remove(b.kernel, &b.addresses.at[rows[i].index], 1, NULL));
        log_capture();
        EXPECT_TRUE(
            addresses_gone(&b.addresses, &b.group, b.kernel, at_s(rows[i].s), &gone, &lost));
        const char *log = log_captured();
        EXPECT_INT(rows[i].lost, lost);
        char want[160];
        snprintf(want, sizeof want, "[WARNING] web: something removed %s from d0; %s\n",
                 texts[rows[i].index],
                 lost ? "giving it up, for it happens again and again" : "put back");
        EXPECT_STR(want, log);
        EXPECT_INT(!lost, strstr(there(), is6 ? "2001:db8::100/64 dynamic"
                                              : "10.0.0.100/24 dynamic") != NULL);
    }
    clear_bench(&b);
}

TEST_CASE(addresses_live, are_put_back_only_when_they_are_held_and_ours)
{
    static const char *const texts[] = {"10.0.0.100", NULL};
    struct bench b;
    bool lost = true;
    if (!set_bench(&b, texts)) {
        return;
    }
    EXPECT_INT(0, hold(&b));
    struct kernel_address ours = news_of(&b, 0), other;
    log_capture();
    other = ours;
    other.ifindex += 1;
    EXPECT_TRUE(!addresses_gone(&b.addresses, &b.group, b.kernel, at_s(0), &other, &lost));
    EXPECT_TRUE(!lost);
    other = ours;
    other.bytes[3] += 1;
    EXPECT_TRUE(!addresses_gone(&b.addresses, &b.group, b.kernel, at_s(0), &other, &lost));
    other = ours;
    other.family = 6;
    EXPECT_TRUE(!addresses_gone(&b.addresses, &b.group, b.kernel, at_s(0), &other, &lost));
    other = ours;
    other.prefix = 32; /* IPv4: another address, of someone else's; ours is still there */
    EXPECT_TRUE(!addresses_gone(&b.addresses, &b.group, b.kernel, at_s(0), &other, &lost));
    EXPECT_INT(0, addresses_drop(&b.addresses, b.kernel));
    EXPECT_TRUE(!addresses_gone(&b.addresses, &b.group, b.kernel, at_s(0), &ours, &lost));
    EXPECT_STR("", log_captured());
    EXPECT_STR("", there());
    clear_bench(&b);
}

/* --- lifetimes ------------------------------------------------------------------------------- */

/* Whole seconds, rounded up, and one to spare. */
TEST_CASE(addresses_live, live_a_little_longer_than_the_groups_patience)
{
    static const struct {
        uint64_t patience_ns;
        uint32_t want;
    } rows[] = {{1, 2},
                {UINT64_C(3000000000), 4},
                {UINT64_C(3000000001), 5},
                {UINT64_C(765000000000), 766}};
    static const char *const texts[] = {"10.0.0.100", NULL};
    struct bench b;
    if (!set_bench(&b, texts)) {
        return;
    }
    EXPECT_U64(UINT64_MAX, addresses_renewal(&b.addresses, 1).ns);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        addresses_resolve(&b.addresses, &b.group, &b.on, b.d0.ifindex,
                          (carp_duration){rows[i].patience_ns});
        EXPECT_U64(rows[i].want, b.addresses.at[0].lifetime_s);
        EXPECT_INT(0, addresses_hold(&b.addresses, &b.group, b.kernel));
        EXPECT_U64(CARP_SECONDS(rows[i].want).ns / 4, addresses_renewal(&b.addresses, 1).ns);
    }
    EXPECT_INT(0, addresses_drop(&b.addresses, b.kernel));
    EXPECT_U64(UINT64_MAX, addresses_renewal(&b.addresses, 1).ns);
    clear_bench(&b);
}

/* More than one system call's worth: 60 groups of 5. An address that was shortened has its full
 * lifetime again; those of a group that is not held are left alone. */
TEST_CASE(addresses_live, have_their_lifetime_renewed_while_they_are_held)
{
    enum { COUNT = 60, EACH = 5 };
    static const char *const texts[] = {NULL};
    struct config_group groups[COUNT];
    struct config_address all[COUNT][EACH];
    struct addresses held[COUNT];
    struct bench b;
    if (!set_bench(&b, texts)) {
        return;
    }
    for (int g = 0; g < COUNT; g++) {
        groups[g] = b.group;
        groups[g].addresses = all[g];
        groups[g].address_count = EACH;
        for (int i = 0; i < EACH; i++) {
            all[g][i] = (struct config_address){4, 32, {10, 1, (uint8_t)g, (uint8_t)i}};
        }
        EXPECT_INT(0, addresses_make(&held[g], &groups[g]));
        addresses_resolve(&held[g], &groups[g], &b.on, b.d0.ifindex, CARP_SECONDS(899));
        EXPECT_INT(0, addresses_hold(&held[g], &groups[g], b.kernel));
    }
    EXPECT_TRUE(shell("for i in 10.1.0.0 10.1.30.2 10.1.59.4; do ip address change $i/32 dev d0"
                      "  valid_lft 60 preferred_lft 60 || exit 1; done"));
    EXPECT_INT(0, addresses_drop(&held[1], b.kernel));
    EXPECT_INT(0, addresses_renew(held, COUNT, b.kernel));
    EXPECT_TRUE(shell("test $(ip -o address show dev d0 | grep 'inet 10[.]1[.]' |"
                      "  grep -cE 'valid_lft (900|8[0-9]{2})sec') = 295"));
    EXPECT_TRUE(shell("! ip -o address show dev d0 | grep -q 'inet 10[.]1[.]1[.]'"));
    EXPECT_U64(CARP_SECONDS(225).ns, addresses_renewal(held, COUNT).ns);
    EXPECT_TRUE(shell("ip link set d0 name gone && ip link del gone"));
    EXPECT_TRUE(addresses_renew(held, COUNT, b.kernel) < 0);
    for (int g = 0; g < COUNT; g++) {
        addresses_free(&held[g]);
    }
    clear_bench(&b);
}
