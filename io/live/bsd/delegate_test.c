/* Goal: the process that changes addresses does what the configuration names, and nothing else,
 * whatever it is asked; and whoever asks is not misled by late answers, nor left alone. */
#include "io/live/bsd/delegate.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/live/bsd/netmask.h"
#include "io/live/wire.h"
#include "tools/testkit/testkit.h"

static struct config_address web_addresses[] = {
    {.family = 4, .prefix = 4, .bytes = {10, 0, 0, 1}},
    {.family = 6,
     .prefix = CONFIG_PREFIX_OF_INTERFACE,
     .bytes = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}},
};
static struct config_address mail_addresses[] = {
    {.family = 4, .prefix = 24, .bytes = {10, 0, 0, 2}}};
static struct config_address other_addresses[] = {
    {.family = 4, .prefix = 24, .bytes = {10, 0, 0, 3}}};
static struct config_group groups[] = {
    {.interface = "eth0", .address_count = 2, .addresses = web_addresses},
    {.interface = "eth1", .address_count = 1, .addresses = mail_addresses},
    {.interface = "eth0", .address_count = 1, .addresses = other_addresses, .up = "/bin/true"},
    {.interface = "gone", .address_count = 1, .addresses = other_addresses},
};
static const struct config config = {.groups = groups, .group_count = 4};

static unsigned index_of(void *self, const char *interface)
{
    (void)self;
    return strcmp(interface, "eth0") == 0 ? 3 : strcmp(interface, "eth1") == 0 ? 4 : 0;
}

/* What was done, as one line. */
static int make(void *self, const char *interface, enum change change,
                const struct kernel_virtual *address)
{
    snprintf(self, 64, "%s %s ipv%u .%u/%u for %u", change == CHANGE_SET ? "set" : "remove",
             interface, address->family, address->bytes[address->family == 4 ? 3 : 15],
             address->prefix, (unsigned)address->lifetime_s);
    return -ENOSPC;
}

static struct delegate_request good_request(void)
{
    struct delegate_request request;
    memset(&request, 0, sizeof request);
    request.serial = 7;
    request.change = CHANGE_SET;
    request.address = (struct kernel_virtual){
        .ifindex = 4, .lifetime_s = 4, .family = 4, .prefix = 24, .bytes = {10, 0, 0, 2}};
    return request;
}

/* --- what it does ---------------------------------------------------------------------------- */

TEST_CASE(delegate, does_what_the_configuration_names_and_nothing_else)
{
    static const char nothing[] = "";
    static const struct {
        const char *why;
        struct delegate_request request;
        const char *done;
    } rows[] = {
        {"as configured",
         {1, CHANGE_SET, {4, 4, 4, 24, {10, 0, 0, 2}, false}},
         "set eth1 ipv4 .2/24 for 4"},
        {"a removal",
         {1, CHANGE_REMOVE, {4, 4, 4, 24, {10, 0, 0, 2}, false}},
         "remove eth1 ipv4 .2/24 for 4"},
        {"the prefix of the interface's subnet",
         {1, CHANGE_SET, {3, 4, 6, 64, {0x20, 1, 0xd, 0xb8, [15] = 1}, true}},
         "set eth0 ipv6 .1/64 for 4"},
        {"a short prefix that is configured",
         {1, CHANGE_SET, {3, 4, 4, 4, {10, 0, 0, 1}, false}},
         "set eth0 ipv4 .1/4 for 4"},
        {"the shortest otherwise",
         {1, CHANGE_SET, {4, 4, 4, 8, {10, 0, 0, 2}, false}},
         "set eth1 ipv4 .2/8 for 4"},
        {"a shorter one", {1, CHANGE_SET, {4, 4, 4, 7, {10, 0, 0, 2}, false}}, nothing},
        {"the whole internet", {1, CHANGE_SET, {4, 4, 4, 0, {10, 0, 0, 2}, false}}, nothing},
        {"the same, of IPv6",
         {1, CHANGE_SET, {3, 4, 6, 31, {0x20, 1, 0xd, 0xb8, [15] = 1}, false}},
         nothing},
        {"a removal with whatever prefix was found",
         {1, CHANGE_REMOVE, {4, 4, 4, 0, {10, 0, 0, 2}, false}},
         "remove eth1 ipv4 .2/0 for 4"},
        {"a prefix too long", {1, CHANGE_SET, {4, 4, 4, 33, {10, 0, 0, 2}, false}}, nothing},
        {"a removal with one", {1, CHANGE_REMOVE, {4, 4, 4, 33, {10, 0, 0, 2}, false}}, nothing},
        {"one too long for IPv6",
         {1, CHANGE_SET, {3, 4, 6, 129, {0x20, 1, 0xd, 0xb8, [15] = 1}, false}},
         nothing},
        {"another address", {1, CHANGE_SET, {4, 4, 4, 24, {10, 0, 0, 9}, false}}, nothing},
        {"another address, of which four bytes are right",
         {1, CHANGE_SET, {4, 4, 4, 24, {10, 0, 0, 2, 1}, false}},
         nothing},
        {"the bytes of an IPv4 address as IPv6",
         {1, CHANGE_SET, {4, 4, 6, 64, {10, 0, 0, 2}, false}},
         nothing},
        {"no family", {1, CHANGE_SET, {4, 4, 5, 24, {10, 0, 0, 2}, false}}, nothing},
        {"the interface of another group",
         {1, CHANGE_SET, {3, 4, 4, 24, {10, 0, 0, 2}, false}},
         nothing},
        {"a removal there", {1, CHANGE_REMOVE, {3, 4, 4, 24, {10, 0, 0, 2}, false}}, nothing},
        {"an interface of nobody", {1, CHANGE_SET, {9, 4, 4, 24, {10, 0, 0, 2}, false}}, nothing},
        {"no interface, which a group's is now",
         {1, CHANGE_SET, {0, 4, 4, 24, {10, 0, 0, 3}, false}},
         nothing},
        {"the address of a group that has commands",
         {1, CHANGE_SET, {3, 4, 4, 24, {10, 0, 0, 3}, false}},
         nothing},
        {"no lifetime", {1, CHANGE_SET, {4, 0, 4, 24, {10, 0, 0, 2}, false}}, nothing},
        {"the longest lifetime",
         {1, CHANGE_SET, {4, 86460, 4, 24, {10, 0, 0, 2}, false}},
         "set eth1 ipv4 .2/24 for 86460"},
        {"a longer one", {1, CHANGE_SET, {4, 86461, 4, 24, {10, 0, 0, 2}, false}}, nothing},
        {"for ever", {1, CHANGE_SET, {4, KERNEL_FOREVER, 4, 24, {10, 0, 0, 2}, false}}, nothing},
        {"another kind of change", {1, 2, {4, 4, 4, 24, {10, 0, 0, 2}, false}}, nothing},
        {"a kind that is one in its first byte",
         {1, 0x100, {4, 4, 4, 24, {10, 0, 0, 2}, false}},
         nothing},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char done[64] = "";
        const struct delegate_system system = {done, index_of, make};
        struct delegate_answer answer = {0, 0};
        tk_row(rows[i].why);
        EXPECT_TRUE(
            delegate_act(&config, &system, &rows[i].request, sizeof rows[i].request, &answer));
        EXPECT_STR(rows[i].done, done);
        EXPECT_INT(rows[i].done == nothing ? -EPERM : -ENOSPC, answer.error);
        EXPECT_U64(1, answer.serial);
    }
    tk_row(NULL);
}

TEST_CASE(delegate, has_no_answer_to_what_is_no_request)
{
    uint8_t bytes[sizeof(struct delegate_request) + 1] = {0};
    char done[64] = "";
    const struct delegate_system system = {done, index_of, make};
    struct delegate_request request = good_request();
    struct delegate_answer answer = {5, 5};
    memcpy(bytes, &request, sizeof request);
    EXPECT_TRUE(!delegate_act(&config, &system, bytes, 0, &answer));
    EXPECT_TRUE(!delegate_act(&config, &system, bytes, sizeof request - 1, &answer));
    EXPECT_TRUE(!delegate_act(&config, &system, bytes, sizeof request + 1, &answer));
    EXPECT_STR("", done);
    EXPECT_U64(5, answer.serial);
    EXPECT_INT(5, answer.error);
}

/* A worker that was broken into need not write a bool there. */
TEST_CASE(delegate, takes_any_byte_for_a_bool)
{
    char done[64] = "";
    const struct delegate_system system = {done, index_of, make};
    struct delegate_request request = good_request();
    struct delegate_answer answer;
    memset(&request.address.own_subnet, 0xff, 1);
    EXPECT_TRUE(delegate_act(&config, &system, &request, sizeof request, &answer));
    EXPECT_STR("set eth1 ipv4 .2/24 for 4", done);
}

/* --- between the processes ------------------------------------------------------------------- */

/* Run `child` at the other end of a wire; ours is returned. */
static int fork_at(void (*child)(int wire), pid_t *pid)
{
    int ends[2];
    if (wire_open(ends) != 0 || (*pid = fork()) < 0) {
        return -1;
    }
    if (*pid == 0) {
        close(ends[0]);
        child(ends[1]);
        _exit(0);
    }
    close(ends[1]);
    return ends[0];
}

static int end_of(pid_t pid)
{
    int status = 0;
    EXPECT_INT(pid, waitpid(pid, &status, 0));
    return status;
}

static void serve(int wire)
{
    char done[64] = "";
    const struct delegate_system system = {done, index_of, make};
    close(STDERR_FILENO); /* "nonsense" is not this test's to show */
    delegate_serve(wire, &config, &system);
}

TEST_CASE(delegate, serves_until_the_other_end_is_closed)
{
    static const uint8_t nonsense[sizeof(struct delegate_request) + 1];
    pid_t child;
    struct delegate_request request = good_request();
    int wire = fork_at(serve, &child);
    ASSERT_TRUE(wire >= 0);
    EXPECT_INT(-ENOSPC, delegate_ask(wire, &request));
    request.address.ifindex = 3;
    EXPECT_INT(-EPERM, delegate_ask(wire, &request));
    EXPECT_INT(0, wire_tell(wire, nonsense, sizeof nonsense));
    EXPECT_INT(0, wire_tell(wire, nonsense, 3));
    EXPECT_INT(-EPERM, delegate_ask(wire, &request));
    EXPECT_U64(10, request.serial);
    close(wire);
    EXPECT_INT(0, end_of(child));
}

static int hear_serial(int wire, uint32_t *serial)
{
    struct delegate_request request;
    ssize_t size;
    while ((size = wire_hear(wire, &request, sizeof request)) == -EAGAIN) {
        usleep(1000);
    }
    *serial = request.serial;
    return size == sizeof request ? 0 : -1;
}

/* Too late for the first question, with the second one's answer behind it. */
static void answer_late(int wire)
{
    uint32_t first, second;
    if (hear_serial(wire, &first) == 0 && hear_serial(wire, &second) == 0) {
        wire_tell(wire, &(struct delegate_answer){first, -EIO}, sizeof(struct delegate_answer));
        wire_tell(wire, &(struct delegate_answer){second, 0}, 4);
        wire_tell(wire, &(struct delegate_answer){second, -EBUSY}, sizeof(struct delegate_answer));
    }
    hear_serial(wire, &first);
}

TEST_CASE(delegate, a_late_answer_is_not_taken_for_another)
{
    pid_t child;
    struct delegate_request request = good_request();
    int wire = fork_at(answer_late, &child);
    ASSERT_TRUE(wire >= 0);
    EXPECT_INT(-ETIMEDOUT, delegate_ask(wire, &request));
    EXPECT_INT(-EBUSY, delegate_ask(wire, &request));
    close(wire);
    EXPECT_INT(0, end_of(child));
}

static void end_at_once(int wire)
{
    (void)wire;
}

static void end_when_asked(int wire)
{
    uint32_t serial;
    hear_serial(wire, &serial);
}

/* kernel.h, kernel_delegate(): a process that can change no address any more makes way for one that
 * can. */
TEST_CASE(delegate, whoever_asks_one_that_is_gone_aborts)
{
    static void (*const ends[])(int) = {end_at_once, end_when_asked};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        pid_t asks = fork();
        if (asks == 0) {
            pid_t child;
            struct delegate_request request = good_request();
            const struct rlimit none = {0, 0};
            setrlimit(RLIMIT_CORE, &none);
            close(STDERR_FILENO);
            int wire = fork_at(ends[i], &child);
            if (ends[i] == end_at_once) {
                waitpid(child, NULL, 0);
            }
            delegate_ask(wire, &request);
            _exit(0);
        }
        int status = end_of(asks);
        EXPECT_TRUE(WIFSIGNALED(status));
        EXPECT_INT(SIGABRT, WTERMSIG(status));
    }
}

/* How a process ends that watches over one which ends when `wire` is closed: by SIGABRT, or with 0.
 */
static int end_of_watcher(bool ends_before, bool lets_go)
{
    pid_t watches = fork();
    if (watches == 0) {
        siginfo_t info; /* of its end, which is not taken from who watches */
        pid_t child;
        const struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        int wire = fork_at(end_when_asked, &child);
        pid_t other = fork(); /* of which it does not mind the end */
        if (other == 0) {
            _exit(0);
        }
        if (ends_before) {
            close(wire);
            waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
        }
        delegate_watch(child);
        waitpid(other, NULL, 0);
        if (lets_go) {
            delegate_watch(0);
        }
        close(wire);
        while (waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
        }
        _exit(0);
    }
    int status = end_of(watches);
    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

TEST_CASE(delegate, whoever_watches_one_that_ends_aborts)
{
    EXPECT_INT(SIGABRT, end_of_watcher(false, false));
    EXPECT_INT(SIGABRT, end_of_watcher(true, false));
    EXPECT_INT(0, end_of_watcher(false, true));
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

/* What it keeps is what it was given, below and above others. */
TEST_CASE(delegate, keeps_no_descriptor_of_the_workers)
{
    pid_t child = fork();
    if (child == 0) {
        bool fine = dup2(0, 20) == 20 && dup2(0, 21) == 21 && dup2(0, 22) == 22 &&
                    dup2(0, 23) == 23 && dup2(0, 200) == 200;
        const int mine[] = {22, -1, 20};
        delegate_close_others(mine, 3);
        fine = fine && is_open(STDERR_FILENO) && is_open(20) && !is_open(21) && is_open(22) &&
               !is_open(23) && !is_open(200);
        for (int fd = STDERR_FILENO + 1; fd < 20; fd++) {
            fine = fine && !is_open(fd);
        }
        _exit(fine ? 0 : 1);
    }
    EXPECT_INT(0, end_of(child));
}

/* --- masks ----------------------------------------------------------------------------------- */

TEST_CASE(netmask, has_as_many_ones_as_the_prefix)
{
    for (unsigned prefix = 0; prefix <= 128; prefix++) {
        uint8_t mask[16];
        memset(mask, 0x55, sizeof mask);
        netmask_make(mask, prefix);
        for (unsigned bit = 0; bit < 128; bit++) {
            if (((mask[bit / 8] >> (7 - bit % 8) & 1) != 0) != (bit < prefix)) {
                tk_fail(__FILE__, __LINE__, "/%u: bit %u is wrong", prefix, bit);
                return;
            }
        }
    }
}
