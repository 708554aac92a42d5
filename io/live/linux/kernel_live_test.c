/*
 * Goal: the kernel does with our requests what kernel.h promises. Each test has a network
 * namespace of its own, which ends with the next test or the program; without root they are
 * skipped.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "io/live/kernel.h"
#include "tools/testkit/testkit.h"

/* --- the bench ------------------------------------------------------------------------------- */

static bool shell(const char *command)
{
    int status = system(command);
    if (status != 0) {
        tk_fail(__FILE__, __LINE__, "status %d: %s", status, command);
    }
    return status == 0;
}

/* A fresh namespace with d0 and d1, both ends of a cable, up and without duplicate detection. On a
 * busy machine their link-local addresses come a moment later, and would be news to a test. */
static bool enter_namespace(struct kernel **kernel, struct kernel_link *d0)
{
    *kernel = NULL;
    if (unshare(CLONE_NEWNET) != 0) {
        tk_skip("network namespaces need root");
        return false;
    }
    bool ok =
        shell("ip link add d0 type veth peer name d1 &&"
              "for i in d0 d1; do"
              "  echo 0 >/proc/sys/net/ipv6/conf/$i/accept_dad && ip link set $i up || exit 1;"
              "done;"
              "for t in $(seq 1 250); do"
              "  [ \"$(ip -6 -o addr show scope link | wc -l)\" = 2 ] && exit 0;"
              "  sleep 0.02;"
              "done; exit 1") &&
        kernel_open(kernel) == 0 && kernel_link_by_name(*kernel, "d0", d0) == 0;
    EXPECT_TRUE(ok);
    return ok;
}

struct news {
    struct kernel_addresses table;
    unsigned links, links_gone, links_down, addresses, addresses_gone, forgets, syncs;
};

static void take_news(void *self, const struct kernel_event *event)
{
    struct news *news = (struct news *)self;
    EXPECT_TRUE(kernel_addresses_note(&news->table, event) >= 0);
    switch (event->type) {
    case KERNEL_LINK:
        news->links += 1;
        news->links_down += !event->link.up;
        break;
    case KERNEL_LINK_GONE:
        news->links_gone += 1;
        break;
    case KERNEL_ADDRESS:
        news->addresses += 1;
        break;
    case KERNEL_ADDRESS_GONE:
        news->addresses_gone += 1;
        break;
    case KERNEL_FORGET:
        news->forgets += 1;
        break;
    case KERNEL_SYNCED:
        news->syncs += 1;
        break;
    }
}

static void forget_news(struct news *news)
{
    kernel_addresses_free(&news->table);
    *news = (struct news){0};
}

/* Is the address there now, by a fresh dump? `found` may be NULL. */
static bool is_there(struct kernel *kernel, const struct kernel_virtual *v,
                     struct kernel_address *found)
{
    struct news news = {0};
    EXPECT_INT(0, kernel_dump(kernel, take_news, &news));
    const struct kernel_address *a = kernel_find(&news.table, v->ifindex, v->family, v->bytes);
    if (a != NULL && found != NULL) {
        *found = *a;
    }
    forget_news(&news);
    return a != NULL;
}

static struct kernel_virtual virtual4(const struct kernel_link *link, uint32_t lifetime_s)
{
    return (struct kernel_virtual){.ifindex = link->ifindex,
                                   .lifetime_s = lifetime_s,
                                   .family = 4,
                                   .prefix = 24,
                                   .bytes = {10, 0, 0, 100}};
}

static struct kernel_virtual virtual6(const struct kernel_link *link, uint32_t lifetime_s)
{
    return (struct kernel_virtual){.ifindex = link->ifindex,
                                   .lifetime_s = lifetime_s,
                                   .family = 6,
                                   .prefix = 64,
                                   .bytes = {0x20, 1, 0x0d, 0xb8, [14] = 1}};
}

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void nap(double seconds)
{
    struct timespec t = {.tv_sec = (time_t)seconds};
    t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
    nanosleep(&t, NULL);
}

/* --- addresses ------------------------------------------------------------------------------- */

TEST_CASE(kernel_live, installs_and_removes_an_address_of_either_family)
{
    struct kernel *n;
    struct kernel_link d0;
    if (!enter_namespace(&n, &d0)) {
        return;
    }
    struct kernel_virtual both[2] = {virtual4(&d0, 30), virtual6(&d0, 30)};
    for (int i = 0; i < 2; i++) {
        struct kernel_address got;
        tk_row(i == 0 ? "IPv4" : "IPv6");
        EXPECT_INT(0, kernel_add(n, &both[i]));
        EXPECT_TRUE(is_there(n, &both[i], &got));
        EXPECT_INT(both[i].prefix, got.prefix);
        EXPECT_TRUE(!got.permanent && !got.tentative && !got.deprecated);
        EXPECT_INT(-EEXIST, kernel_add(n, &both[i]));
        struct kernel_virtual elsewhere = both[i];
        elsewhere.prefix = 25;
        EXPECT_INT(0, kernel_remove(n, &elsewhere, 1, NULL)); /* there is no such address, */
        EXPECT_TRUE(is_there(n, &both[i], NULL));             /* and the other is not touched */
    }
    tk_row(NULL);
    /* As `ip` sees it: global scope, no broadcast address, no duplicate detection. */
    EXPECT_TRUE(shell("ip -4 address show dev d0 | grep -q 'inet 10.0.0.100/24 scope global "
                      "dynamic d0$'"));
    EXPECT_TRUE(shell("ip -6 address show dev d0 | grep -q 'inet6 2001:db8::100/64 scope global "
                      "nodad dynamic *$'"));
    EXPECT_INT(0, kernel_remove(n, both, 2, NULL));
    EXPECT_TRUE(!is_there(n, &both[0], NULL));
    EXPECT_TRUE(!is_there(n, &both[1], NULL));
    EXPECT_INT(0, kernel_remove(n, both, 2, NULL));
    EXPECT_TRUE(shell("ip link del d0"));
    EXPECT_INT(0, kernel_remove(n, both, 2, NULL));
    EXPECT_INT(-ENODEV, kernel_add(n, &both[0]));
    kernel_close(n);
}

/* A permanent address that the operator set is reported, not touched; taking it over makes it ours.
 */
TEST_CASE(kernel_live, reports_an_address_that_the_operator_set)
{
    struct kernel *n;
    struct kernel_link d0;
    if (!enter_namespace(&n, &d0)) {
        return;
    }
    EXPECT_TRUE(shell("ip address add 10.0.0.100/24 dev d0 &&"
                      "ip address add 2001:db8::100/64 dev d0 nodad"));
    struct kernel_virtual both[2] = {virtual4(&d0, 30), virtual6(&d0, 30)};
    for (int i = 0; i < 2; i++) {
        struct kernel_address got;
        tk_row(i == 0 ? "IPv4" : "IPv6");
        EXPECT_INT(-EEXIST, kernel_add(n, &both[i]));
        EXPECT_TRUE(is_there(n, &both[i], &got));
        EXPECT_TRUE(got.permanent);
        EXPECT_INT(0, kernel_renew(n, &both[i], 1, NULL));
        EXPECT_TRUE(is_there(n, &both[i], &got));
        EXPECT_TRUE(!got.permanent);
    }
    kernel_close(n);
}

/* The third layer of "no address without a living daemon": nobody renews, and it ends. 2 s of
 * lifetime; the renewed one outlives the other. How late the kernel is, is printed, not judged. */
TEST_CASE(kernel_live, lets_the_kernel_drop_what_nobody_renews)
{
    struct kernel *n;
    struct kernel_link d0;
    if (!enter_namespace(&n, &d0)) {
        return;
    }
    struct kernel_virtual dropped[2] = {virtual4(&d0, 2), virtual6(&d0, 2)};
    struct kernel_virtual kept[2] = {virtual4(&d0, 2), virtual6(&d0, 2)};
    kept[0].bytes[3] = 101;
    kept[1].bytes[15] = 1;
    /* Without an own first address of the subnet, the first virtual one would take the other along.
     */
    EXPECT_TRUE(shell("ip address add 10.0.0.1/24 dev d0"));
    EXPECT_INT(0, kernel_renew(n, dropped, 2, NULL));
    EXPECT_INT(0, kernel_renew(n, kept, 2, NULL));
    double start = seconds_now();
    double ended[2] = {0, 0};
    double renewed = start;
    while (seconds_now() < start + 8 && (ended[0] == 0 || ended[1] == 0)) {
        nap(0.02);
        if (seconds_now() > renewed + 0.5) {
            EXPECT_INT(0, kernel_renew(n, kept, 2, NULL));
            renewed = seconds_now();
        }
        for (int i = 0; i < 2; i++) {
            if (ended[i] == 0 && !is_there(n, &dropped[i], NULL)) {
                ended[i] = seconds_now() - start;
            }
        }
    }
    for (int i = 0; i < 2; i++) {
        tk_row(i == 0 ? "IPv4" : "IPv6");
        EXPECT_TRUE(ended[i] != 0);
        EXPECT_TRUE(is_there(n, &kept[i], NULL));
        printf("figure lifetime_of_2_s_ipv%d %.3f s\n", i == 0 ? 4 : 6, ended[i]);
    }
    kernel_close(n);
}

/* What an own, dynamic IPv6 address gave the machine stays its own. Linux 6.18 ties the route of
 * the subnet to the lifetime of the last address installed in it, unless told not to. */
TEST_CASE(kernel_live, leaves_the_route_of_the_interfaces_own_subnet_alone)
{
    struct kernel *n;
    struct kernel_link d0;
    if (!enter_namespace(&n, &d0)) {
        return;
    }
    EXPECT_TRUE(shell("ip address add 2001:db8::1/64 dev d0 nodad valid_lft 9000 "
                      "preferred_lft 9000"));
    struct kernel_virtual v = virtual6(&d0, 30);
    v.own_subnet = true;
    EXPECT_INT(0, kernel_add(n, &v));
    EXPECT_INT(0, kernel_renew(n, &v, 1, NULL));
    EXPECT_TRUE(shell("ip -6 route show 2001:db8::/64 | grep -Eq 'expires (9000|8[0-9]{3})sec'"));
    EXPECT_INT(0, kernel_remove(n, &v, 1, NULL));
    EXPECT_TRUE(shell("ip -6 route show 2001:db8::/64 | grep -Eq 'expires (9000|8[0-9]{3})sec'"));
    /* Where there is no own one, the kernel makes the route with the address; it ends with the
     * lifetime, not with the removal. */
    EXPECT_TRUE(
        shell("ip -6 route flush 2001:db8::/64 && ip -6 address del 2001:db8::1/64 dev d0"));
    EXPECT_TRUE(shell("test -z \"$(ip -6 route show 2001:db8::/64)\""));
    v.own_subnet = false;
    EXPECT_INT(0, kernel_add(n, &v));
    EXPECT_TRUE(shell("ip -6 route show 2001:db8::/64 | grep -Eq 'expires (30|2[0-9])sec'"));
    kernel_close(n);
}

/* What the kernel does with the other addresses of a subnet, as netlink.h warns. */
TEST_CASE(kernel_live, takes_the_rest_of_a_subnet_along_with_its_first_address)
{
    struct kernel *n;
    struct kernel_link d0;
    if (!enter_namespace(&n, &d0)) {
        return;
    }
    for (int promoted = 0; promoted < 2; promoted++) {
        struct kernel_virtual first = virtual4(&d0, 30);
        struct kernel_virtual second = virtual4(&d0, 30);
        second.bytes[3] = 101;
        tk_row(promoted ? "with promote_secondaries" : "without");
        EXPECT_INT(0, kernel_add(n, &first));
        EXPECT_INT(0, kernel_add(n, &second));
        EXPECT_INT(0, kernel_remove(n, &first, 1, NULL));
        EXPECT_INT(promoted, is_there(n, &second, NULL));
        EXPECT_TRUE(shell("echo 1 >/proc/sys/net/ipv4/conf/d0/promote_secondaries"));
    }
    kernel_close(n);
}

/* 300 addresses are more than one batch; two of them cannot be. */
TEST_CASE(kernel_live, renews_many_at_once_and_counts_what_fails)
{
    enum { COUNT = 300 };
    static struct kernel_virtual many[COUNT];
    struct kernel *n;
    struct kernel_link d0;
    if (!enter_namespace(&n, &d0)) {
        return;
    }
    for (unsigned i = 0; i < COUNT; i++) {
        many[i] = i % 2 == 0 ? virtual4(&d0, 30) : virtual6(&d0, 30);
        many[i].bytes[many[i].family == 4 ? 2 : 13] = (uint8_t)(i / 2);
    }
    struct kernel_failures failures = {9, 9, 9};
    EXPECT_INT(0, kernel_renew(n, many, COUNT, &failures));
    EXPECT_U64(0, failures.count);
    EXPECT_INT(0, failures.error);
    many[7].ifindex = 4711;
    many[299].ifindex = 4711;
    EXPECT_INT(-ENODEV, kernel_renew(n, many, COUNT, &failures));
    EXPECT_U64(2, failures.count);
    EXPECT_U64(7, failures.first);
    EXPECT_INT(-ENODEV, failures.error);
    EXPECT_TRUE(is_there(n, &many[298], NULL));
    EXPECT_INT(0, kernel_remove(n, many, COUNT, &failures));
    EXPECT_TRUE(!is_there(n, &many[0], NULL));
    EXPECT_TRUE(!is_there(n, &many[298], NULL));
    EXPECT_INT(0, kernel_renew(n, many, 0, &failures));
    kernel_close(n);
}

/* --- news ------------------------------------------------------------------------------------ */

/* A new cable is told of in several messages, on a busy machine some of them late. */
static void hear_until_quiet(struct kernel *n, struct news *news)
{
    struct pollfd monitor = {.fd = kernel_watch_fd(n), .events = POLLIN};
    for (int i = 0; i < 20 && poll(&monitor, 1, 100) > 0; i++) {
        EXPECT_INT(0, kernel_read(n, take_news, news));
    }
}

TEST_CASE(kernel_live, hears_of_changes_but_not_of_its_own_renewals)
{
    struct kernel *n;
    struct kernel_link d0;
    struct news news = {0};
    if (!enter_namespace(&n, &d0)) {
        return;
    }
    EXPECT_INT(0, kernel_watch(n));
    EXPECT_INT(0, kernel_dump(n, take_news, &news));
    EXPECT_INT(3, news.links); /* lo, d0, d1 */
    EXPECT_INT(1, news.forgets);
    EXPECT_INT(1, news.syncs);
    hear_until_quiet(n, &news);
    forget_news(&news);

    struct kernel_virtual both[2] = {virtual4(&d0, 30), virtual6(&d0, 30)};
    EXPECT_INT(0, kernel_add(n, &both[0]));
    EXPECT_INT(0, kernel_add(n, &both[1]));
    for (int i = 0; i < 10; i++) {
        EXPECT_INT(0, kernel_renew(n, both, 2, NULL));
    }
    uint8_t byte;
    EXPECT_INT(-1, recv(kernel_watch_fd(n), &byte, 1, MSG_DONTWAIT | MSG_PEEK));

    EXPECT_TRUE(shell("ip address del 10.0.0.100/24 dev d0 &&"
                      "ip address del 2001:db8::100/64 dev d0"));
    EXPECT_INT(0, kernel_read(n, take_news, &news));
    EXPECT_INT(2, news.addresses_gone);
    EXPECT_TRUE(shell("ip address add 10.0.0.1/24 dev d0 &&"
                      "ip address add 10.0.0.2/24 dev d0 valid_lft 99 preferred_lft 99 &&"
                      "ip address add 2001:db8::1/64 dev d0 nodad"));
    hear_until_quiet(n, &news); /* IPv6 tells of an address from a worker of its own */
    EXPECT_INT(3, news.addresses);
    EXPECT_INT(0, news.links_down);
    EXPECT_TRUE(shell("ip link set d0 down"));
    EXPECT_INT(0, kernel_read(n, take_news, &news));
    EXPECT_TRUE(news.links_down > 0);
    EXPECT_TRUE(shell("ip link del d0"));
    EXPECT_INT(0, kernel_read(n, take_news, &news));
    EXPECT_INT(2, news.links_gone);
    EXPECT_U64(0, news.table.count);
    forget_news(&news);
    kernel_close(n);
}

/* More news than the socket holds: the kernel drops some and says so once (ENOBUFS). What is known
 * afterwards is what is there, not what the queue still had. */
TEST_CASE(kernel_live, starts_over_when_news_were_lost)
{
    struct kernel *n;
    struct kernel_link d0;
    struct news news = {0};
    if (!enter_namespace(&n, &d0)) {
        return;
    }
    EXPECT_INT(0, kernel_watch(n));
    EXPECT_INT(0, kernel_dump(n, take_news, &news));
    size_t before = news.table.count;
    int small = 4096;
    EXPECT_INT(0, setsockopt(kernel_watch_fd(n), SOL_SOCKET, SO_RCVBUF, &small, sizeof small));
    EXPECT_TRUE(shell("for i in $(seq 1 60); do echo address add 10.1.0.$i/32 dev d0; done |"
                      "ip -batch - && "
                      "for i in $(seq 2 60); do echo address del 10.1.0.$i/32 dev d0; done |"
                      "ip -batch -"));
    EXPECT_INT(0, kernel_read(n, take_news, &news));
    EXPECT_INT(2, news.forgets);
    EXPECT_INT(2, news.syncs);
    EXPECT_U64(before + 1, news.table.count);
    uint8_t first[4] = {10, 1, 0, 1};
    EXPECT_TRUE(kernel_find(&news.table, d0.ifindex, 4, first) != NULL);
    forget_news(&news);
    kernel_close(n);
}

TEST_CASE(kernel_live, finds_an_interface_by_its_name_alone)
{
    struct kernel *n;
    struct kernel_link d0;
    struct kernel_link link = {.ifindex = 77};
    if (!enter_namespace(&n, &d0)) {
        return;
    }
    EXPECT_STR("d0", d0.name);
    EXPECT_TRUE(d0.ethernet && d0.up && d0.running);
    EXPECT_INT(-ENODEV, kernel_link_by_name(n, "d2", &link));
    EXPECT_INT(-ENODEV, kernel_link_by_name(n, "", &link));
    EXPECT_INT(-ENODEV, kernel_link_by_name(n, "sixteen-letters!", &link));
    EXPECT_INT(77, link.ifindex);
    EXPECT_TRUE(shell("ip link set d1 down"));
    EXPECT_INT(0, kernel_link_by_name(n, "d0", &link));
    EXPECT_TRUE(link.up && !link.running);
    EXPECT_INT(0, kernel_link_by_name(n, "lo", &link));
    EXPECT_TRUE(!link.ethernet && !link.up);
    kernel_close(n);
}
