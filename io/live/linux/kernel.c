/*
 * kernel.h over rtnetlink (libmnl). Two sockets: one for requests, which the kernel answers before
 * sendmsg() returns, and one that hears of changes.
 */
#define _GNU_SOURCE
#include "io/live/kernel.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "io/live/linux/netlink.h"

enum {
    /* The largest message of a dump (Linux net/netlink/af_netlink.c, netlink_dump()). */
    RECEIVE_SIZE = 32768,
    /* Room for a burst of changes, such as all routes and addresses of a link that goes down, while
     * we are not run. A limit, not memory in use. */
    RECEIVE_QUEUE = 1 << 20,
    BATCH_MAX = 256,
    /* Header 16, ifaddrmsg 8, local and peer address 20 each, lifetimes 20, flags 8. */
    CHANGE_SIZE = 92,
    READS_MAX = 1024,
    DISCARDS_MAX = 1 << 16,
    DUMP_TRIES = 5,
};

/* Aligned for nlmsghdr. */
union buffer {
    struct nlmsghdr header;
    uint8_t bytes[RECEIVE_SIZE];
};

struct kernel {
    struct mnl_socket *requests;
    struct mnl_socket *monitor; /* NULL without kernel_watch() */
    uint32_t sequence;
};

/* --- sockets --------------------------------------------------------------------------------- */

static int open_socket(int flags, struct mnl_socket **opened)
{
    struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | flags);
    if (s == NULL) {
        return -errno;
    }
    int fd = mnl_socket_get_fd(s);
    int size = RECEIVE_QUEUE;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0) {
        /* Without CAP_NET_ADMIN as much as the system grants. */
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    }
    *opened = s;
    return 0;
}

int kernel_open(struct kernel **opened)
{
    struct kernel *kernel = (struct kernel *)calloc(1, sizeof *kernel);
    if (kernel == NULL) {
        return -ENOMEM;
    }
    int error = open_socket(0, &kernel->requests);
    if (error != 0) {
        free(kernel);
        return error;
    }
    /* Answers are there when sendmsg() returns; should one ever not be, we do not hang. */
    struct timeval patience = {.tv_sec = 1};
    int on = 1;
    if (setsockopt(mnl_socket_get_fd(kernel->requests), SOL_SOCKET, SO_RCVTIMEO, &patience,
                   sizeof patience) != 0 ||
        mnl_socket_setsockopt(kernel->requests, NETLINK_CAP_ACK, &on, sizeof on) != 0 ||
        mnl_socket_bind(kernel->requests, 0, MNL_SOCKET_AUTOPID) != 0) {
        error = -errno;
        kernel_close(kernel);
        return error;
    }
    *opened = kernel;
    return 0;
}

void kernel_close(struct kernel *kernel)
{
    if (kernel == NULL) {
        return;
    }
    mnl_socket_close(kernel->requests);
    if (kernel->monitor != NULL) {
        mnl_socket_close(kernel->monitor);
    }
    free(kernel);
}

/* CAP_NET_ADMIN, which the worker keeps, is enough. */
int kernel_delegate(struct kernel *kernel, struct config *config)
{
    (void)kernel, (void)config;
    return 0;
}

/* Keep the news of our own renewals away from the socket, so that they do not even wake us. IPv4
 * tells who asked; IPv6 does not, so what only we install (no duplicate detection, and yet not
 * permanent) is told by its flags. */
static int mute_renewals(int fd, uint32_t port)
{
    enum {
        TYPE_AT = offsetof(struct nlmsghdr, nlmsg_type),
        PORT_AT = offsetof(struct nlmsghdr, nlmsg_pid),
        FAMILY_AT = NLMSG_HDRLEN + offsetof(struct ifaddrmsg, ifa_family),
        FLAGS_AT = NLMSG_HDRLEN + offsetof(struct ifaddrmsg, ifa_flags),
    };
    /* Loads convert from network order, which netlink does not use. */
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, TYPE_AT),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_NEWADDR), 0, 8),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, PORT_AT),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(port), 5, 0),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FAMILY_AT),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 0, 4),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FLAGS_AT),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, IFA_F_NODAD | IFA_F_PERMANENT),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IFA_F_NODAD, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    struct sock_fprog program = {.len = sizeof steps / sizeof steps[0], .filter = steps};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0 ? 0 : -errno;
}

/* Not heard are new IPv4 addresses that this very socket asked for, and new IPv6 addresses without
 * duplicate detection that are not permanent, whoever asked. */
int kernel_watch(struct kernel *kernel)
{
    static const int groups[] = {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR};
    assert(kernel->requests != NULL && kernel->monitor == NULL);
    struct mnl_socket *monitor;
    int error = open_socket(SOCK_NONBLOCK, &monitor);
    if (error != 0) {
        return error;
    }
    /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): errno is not 0 after a failure */
    error = mute_renewals(mnl_socket_get_fd(monitor), mnl_socket_get_portid(kernel->requests));
    if (error == 0 && mnl_socket_bind(monitor, 0, MNL_SOCKET_AUTOPID) != 0) {
        error = -errno;
    }
    for (size_t i = 0; error == 0 && i < sizeof groups / sizeof groups[0]; i++) {
        int group = groups[i];
        if (mnl_socket_setsockopt(monitor, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
            error = -errno;
        }
    }
    if (error != 0) {
        mnl_socket_close(monitor);
        return error;
    }
    kernel->monitor = monitor;
    return 0;
}

int kernel_watch_fd(const struct kernel *kernel)
{
    return mnl_socket_get_fd(kernel->monitor);
}

/* --- reading --------------------------------------------------------------------------------- */

/* Returns the size read, or -errno. */
static ssize_t receive(struct mnl_socket *from, union buffer *buffer)
{
    ssize_t size;
    do {
        size = mnl_socket_recvfrom(from, buffer, sizeof *buffer);
    } while (size < 0 && errno == EINTR);
    return size < 0 ? -errno : size;
}

/* A request of one message to which the kernel answers with a link, a list, or an error. */
static int ask(struct kernel *kernel, const struct nlmsghdr *request)
{
    return mnl_socket_sendto(kernel->requests, request, request->nlmsg_len) < 0 ? -errno : 0;
}

enum progress { GOES_ON, FINISHED, INTERRUPTED };

/* The events of one datagram of a dump; other answers than those to this sequence are old. */
static enum progress read_dump(const union buffer *buffer, size_t size, uint32_t sequence,
                               kernel_callback *callback, void *self, int *error)
{
    int left = (int)size;
    for (const struct nlmsghdr *m = &buffer->header; mnl_nlmsg_ok(m, left);
         m = mnl_nlmsg_next(m, &left)) {
        struct kernel_event event;
        if (m->nlmsg_seq != sequence) {
            continue;
        }
        if ((m->nlmsg_flags & NLM_F_DUMP_INTR) != 0) {
            return INTERRUPTED;
        }
        if (m->nlmsg_type == NLMSG_DONE) {
            return FINISHED;
        }
        if (m->nlmsg_type == NLMSG_ERROR) {
            const struct nlmsgerr *report = (const struct nlmsgerr *)mnl_nlmsg_get_payload(m);
            bool whole = mnl_nlmsg_get_payload_len(m) >= sizeof *report;
            *error = whole && report->error < 0 ? report->error : -EPROTO;
            return FINISHED;
        }
        if (netlink_parse(m, m->nlmsg_len, &event)) {
            callback(self, &event);
        }
    }
    return GOES_ON;
}

/* -EAGAIN: it changed underneath; what was told may not fit together. */
static int dump_one(struct kernel *kernel, uint16_t type, kernel_callback *callback, void *self)
{
    union buffer buffer;
    struct nlmsghdr *request = mnl_nlmsg_put_header(&buffer);
    request->nlmsg_type = type;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request->nlmsg_seq = ++kernel->sequence;
    if (type == RTM_GETLINK) {
        mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
        mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    } else {
        mnl_nlmsg_put_extra_header(request, sizeof(struct ifaddrmsg));
    }
    int error = ask(kernel, request);
    enum progress progress = GOES_ON;
    bool interrupted = false;
    while (error == 0 && progress != FINISHED) {
        ssize_t size = receive(kernel->requests, &buffer);
        if (size < 0) {
            return (int)size == -EAGAIN ? -ETIMEDOUT : (int)size;
        }
        progress = read_dump(&buffer, (size_t)size, kernel->sequence, callback, self, &error);
        interrupted |= progress == INTERRUPTED;
    }
    return error == 0 && interrupted ? -EAGAIN : error;
}

int kernel_dump(struct kernel *kernel, kernel_callback *callback, void *self)
{
    int error = -EAGAIN;
    for (int tries = 0; error == -EAGAIN && tries < DUMP_TRIES; tries++) {
        callback(self, &(struct kernel_event){.type = KERNEL_FORGET});
        error = dump_one(kernel, RTM_GETLINK, callback, self);
        if (error == 0) {
            error = dump_one(kernel, RTM_GETADDR, callback, self);
        }
    }
    if (error == 0) {
        callback(self, &(struct kernel_event){.type = KERNEL_SYNCED});
    }
    return error;
}

/* Throw away what waits: it is older than the dump that follows, and has gaps. */
static void discard(struct mnl_socket *monitor)
{
    uint8_t byte;
    for (int i = 0; i < DISCARDS_MAX; i++) {
        ssize_t size = recv(mnl_socket_get_fd(monitor), &byte, sizeof byte, MSG_DONTWAIT);
        if (size < 0 && errno != ENOBUFS && errno != EINTR) {
            return;
        }
    }
}

int kernel_read(struct kernel *kernel, kernel_callback *callback, void *self)
{
    union buffer buffer;
    for (int i = 0; i < READS_MAX; i++) {
        ssize_t size = receive(kernel->monitor, &buffer);
        if (size == -EAGAIN) {
            return 0;
        }
        if (size == -ENOBUFS || size == -ENOSPC) { /* the latter: larger than the buffer */
            discard(kernel->monitor);
            return kernel_dump(kernel, callback, self);
        }
        if (size < 0) {
            return (int)size;
        }
        int left = (int)size;
        for (const struct nlmsghdr *m = &buffer.header; mnl_nlmsg_ok(m, left);
             m = mnl_nlmsg_next(m, &left)) {
            struct kernel_event event;
            if (netlink_parse(m, m->nlmsg_len, &event)) {
                callback(self, &event);
            }
        }
    }
    return 0; /* the rest waits for the next call, so that a flood cannot hold up the loop */
}

static void keep_link(void *self, const struct kernel_event *event)
{
    if (event->type == KERNEL_LINK) {
        *(struct kernel_link *)self = event->link;
    }
}

int kernel_link_by_name(struct kernel *kernel, const char *name, struct kernel_link *link)
{
    enum { REQUEST_SIZE = 128 };
    union buffer buffer;
    if (name[0] == '\0' || strlen(name) >= KERNEL_NAME_SIZE) {
        return -ENODEV;
    }
    memset(&buffer, 0, REQUEST_SIZE); /* libmnl leaves padding as it is */
    struct nlmsghdr *request = mnl_nlmsg_put_header(&buffer);
    request->nlmsg_type = RTM_GETLINK;
    request->nlmsg_flags = NLM_F_REQUEST;
    request->nlmsg_seq = ++kernel->sequence;
    mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
    mnl_attr_put_strz(request, IFLA_IFNAME, name);
    mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    int error = ask(kernel, request);
    struct kernel_link found = {0};
    while (error == 0 && found.ifindex == 0) {
        ssize_t size = receive(kernel->requests, &buffer);
        if (size < 0) {
            return (int)size == -EAGAIN ? -ETIMEDOUT : (int)size;
        }
        (void)read_dump(&buffer, (size_t)size, kernel->sequence, keep_link, &found, &error);
    }
    if (error == 0) {
        *link = found;
    }
    return error;
}

/* --- changes --------------------------------------------------------------------------------- */

static void put_change(struct nlmsghdr *message, uint16_t type, uint16_t flags, uint32_t sequence,
                       const struct kernel_virtual *v)
{
    size_t size = v->family == 4 ? 4 : 16;
    message->nlmsg_type = type;
    message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    message->nlmsg_seq = sequence;
    struct ifaddrmsg *header =
        (struct ifaddrmsg *)mnl_nlmsg_put_extra_header(message, sizeof *header);
    header->ifa_family = v->family == 4 ? AF_INET : AF_INET6;
    header->ifa_prefixlen = v->prefix;
    header->ifa_scope = RT_SCOPE_UNIVERSE;
    header->ifa_index = v->ifindex;
    mnl_attr_put(message, IFA_LOCAL, size, v->bytes);
    /* With it a removal minds the prefix. */
    mnl_attr_put(message, IFA_ADDRESS, size, v->bytes);
    if (type == RTM_DELADDR) {
        return;
    }
    struct ifa_cacheinfo lifetime = {.ifa_valid = v->lifetime_s, .ifa_prefered = v->lifetime_s};
    mnl_attr_put(message, IFA_CACHEINFO, sizeof lifetime, &lifetime);
    if (v->family == 6) {
        uint32_t bits = IFA_F_NODAD | (v->own_subnet ? (uint32_t)IFA_F_NOPREFIXROUTE : 0);
        mnl_attr_put_u32(message, IFA_FLAGS, bits);
    }
}

static void count_failure(struct kernel_failures *failures, size_t index, int error)
{
    if (failures->count == 0) {
        failures->first = index;
        failures->error = error;
    }
    failures->count += 1;
}

/* Was a removal refused because there was nothing to remove? */
static bool was_missing(uint16_t type, int error)
{
    return type == RTM_DELADDR && (error == -EADDRNOTAVAIL || error == -ENODEV);
}

/* Read the errors of the batch whose first message had this sequence, up to the acknowledgement
 * that its last message asked for. */
static int read_errors(struct kernel *kernel, uint16_t type, uint32_t first, size_t count,
                       size_t offset, struct kernel_failures *failures)
{
    union buffer buffer;
    for (;;) {
        ssize_t size = receive(kernel->requests, &buffer);
        if (size < 0) {
            return (int)size == -EAGAIN ? -ETIMEDOUT : (int)size;
        }
        int left = (int)size;
        for (const struct nlmsghdr *m = &buffer.header; mnl_nlmsg_ok(m, left);
             m = mnl_nlmsg_next(m, &left)) {
            const struct nlmsgerr *report = (const struct nlmsgerr *)mnl_nlmsg_get_payload(m);
            uint32_t index = m->nlmsg_seq - first;
            if (m->nlmsg_type != NLMSG_ERROR || index >= count ||
                mnl_nlmsg_get_payload_len(m) < sizeof *report) {
                continue;
            }
            if (report->error != 0 && !was_missing(type, report->error)) {
                count_failure(failures, offset + index, report->error);
            }
            if (index == count - 1) {
                return 0;
            }
        }
    }
}

/* One system call's worth of changes, acknowledged once, at the end. */
static int change_batch(struct kernel *kernel, uint16_t type, uint16_t flags,
                        const struct kernel_virtual *at, size_t count, size_t offset,
                        struct kernel_failures *failures)
{
    union {
        struct nlmsghdr header;
        uint8_t bytes[BATCH_MAX * CHANGE_SIZE];
    } buffer;
    assert(count > 0 && count <= BATCH_MAX);
    uint32_t first = kernel->sequence + 1;
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        struct nlmsghdr *message = mnl_nlmsg_put_header(buffer.bytes + used);
        uint16_t ack = i == count - 1 ? NLM_F_ACK : 0;
        put_change(message, type, flags | ack, ++kernel->sequence, &at[i]);
        assert(message->nlmsg_len <= CHANGE_SIZE);
        used += message->nlmsg_len;
    }
    if (mnl_socket_sendto(kernel->requests, buffer.bytes, used) < 0) {
        return -errno;
    }
    return read_errors(kernel, type, first, count, offset, failures);
}

static int change(struct kernel *kernel, uint16_t type, uint16_t flags,
                  const struct kernel_virtual *at, size_t count, struct kernel_failures *failures)
{
    struct kernel_failures found = {0};
    for (size_t done = 0; done < count;) {
        size_t now = count - done < BATCH_MAX ? count - done : BATCH_MAX;
        int error = change_batch(kernel, type, flags, at + done, now, done, &found);
        if (error != 0) {
            count_failure(&found, done, error); /* at least; nobody can say of how many */
        }
        done += now;
    }
    if (failures != NULL) {
        *failures = found;
    }
    return found.error;
}

int kernel_add(struct kernel *kernel, const struct kernel_virtual *address)
{
    return change(kernel, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, address, 1, NULL);
}

int kernel_renew(struct kernel *kernel, const struct kernel_virtual *at, size_t count,
                 struct kernel_failures *failures)
{
    return change(kernel, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, at, count, failures);
}

int kernel_remove(struct kernel *kernel, const struct kernel_virtual *at, size_t count,
                  struct kernel_failures *failures)
{
    return change(kernel, RTM_DELADDR, 0, at, count, failures);
}
