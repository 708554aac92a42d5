/*
 * kernel.h over the routing socket, sysctl() and ioctl(). What sysctl() gives are the same messages
 * as on the socket, so that one parser reads both (route.h).
 */
#include "io/live/kernel.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include <net/if.h>
#include <net/if_media.h>
#include <net/route.h>

#include "io/live/bsd/change.h"
#include "io/live/bsd/delegate.h"
#include "io/live/bsd/route.h"
#include "io/live/helper.h"
#include "io/live/log.h"
#include "io/live/system.h"
#include "io/live/wire.h"

enum {
    /* The longest message is a link's: a header of less than 256 bytes and its addresses. */
    RECEIVE_SIZE = 4096,
    /* Room for a burst of changes while we are not run, where the system grants it; NetBSD's limit
     * is 256 KiB unless kern.sbmax was raised. A limit, not memory in use. */
    RECEIVE_QUEUE = 1 << 20,
    RECEIVE_QUEUE_MIN = 1 << 15,
    READS_MAX = 1024,
    DISCARDS_MAX = 1 << 16,
    SNAPSHOT_TRIES = 10,
};

struct kernel {
    struct change_sockets sockets;
    int monitor;                     /* -1 without kernel_watch() */
    int delegate;                    /* the wire to it; -1: we change addresses ourselves */
    struct delegate_request request; /* the last one; its serial counts on */
};

/* --- opening --------------------------------------------------------------------------------- */

int kernel_open(struct kernel **opened)
{
    struct kernel *kernel = calloc(1, sizeof *kernel);
    if (kernel == NULL) {
        return -ENOMEM;
    }
    kernel->monitor = kernel->delegate = -1;
    int error = change_open(&kernel->sockets);
    if (error != 0) {
        free(kernel);
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
    change_close(&kernel->sockets);
    if (kernel->monitor >= 0) {
        close(kernel->monitor);
    }
    if (kernel->delegate >= 0) {
        delegate_watch(0);
        close(kernel->delegate); /* and it ends */
    }
    free(kernel);
}

/* --- the delegate ---------------------------------------------------------------------------- */

/* By ioctl() where there is one for it: in capability mode FreeBSD's if_nametoindex() cannot, for
 * the table that it reads with sysctl() is none of those that may be read then (CTLFLAG_CAPRD). */
static unsigned index_of(void *self, const char *interface)
{
#ifdef SIOCGIFINDEX
    const struct change_sockets *sockets = self;
    struct ifreq request;
    memset(&request, 0, sizeof request);
    memcpy(request.ifr_name, interface, strnlen(interface, sizeof request.ifr_name - 1));
    int s = sockets->of[sockets->of[0] < 0];
    return ioctl(s, SIOCGIFINDEX, &request) == 0 ? (unsigned)request.ifr_index : 0;
#else
    (void)self;
    return if_nametoindex(interface);
#endif
}

static int make(void *self, const char *interface, enum change change,
                const struct kernel_virtual *address)
{
    return change_make(self, interface, change, address);
}

static _Noreturn void be_delegate(struct kernel *kernel, struct config *config, int wire)
{
    const struct delegate_system system = {&kernel->sockets, index_of, make};
    const int mine[] = {wire, kernel->sockets.of[0], kernel->sockets.of[1]};
    char error[CONFIG_ERROR_MAX];
    helper_begin("carpd-addresses", config);
    if (config->confine && delegate_confine(wire, &kernel->sockets, error) != 0) {
        log_line(LOG_LEVEL_ERROR, "cannot change addresses: %s", error);
        _exit(2);
    }
    delegate_close_others(mine, sizeof mine / sizeof mine[0]);
    delegate_serve(wire, config, &system);
    _exit(0);
}

int kernel_delegate(struct kernel *kernel, struct config *config)
{
    int ends[2];
    assert(kernel->monitor < 0 && kernel->delegate < 0);
    int error = wire_open(ends);
    if (error != 0) {
        return error;
    }
    pid_t child = fork();
    if (child == 0) {
        be_delegate(kernel, config, ends[1]);
    }
    error = child < 0 ? -errno : 0;
    close(ends[1]);
    if (error != 0) {
        close(ends[0]);
        return error;
    }
    /* On OpenBSD what root has opened may change addresses for whoever has it. */
    change_close(&kernel->sockets);
    kernel->delegate = ends[0];
    delegate_watch(child);
    return 0;
}

/* --- all that is there ----------------------------------------------------------------------- */

struct snapshot {
    uint8_t *bytes; /* owned */
    size_t size;
};

static int take(struct snapshot *snapshot)
{
    int what[] = {CTL_NET, PF_ROUTE, 0, 0, NET_RT_IFLIST, 0};
    enum { WORDS = sizeof what / sizeof what[0] };
    for (int tries = 0; tries < SNAPSHOT_TRIES; tries++) {
        size_t size;
        if (sysctl(what, WORDS, NULL, &size, NULL, 0) != 0) {
            return -errno;
        }
        size += size / 8 + 4096; /* it may grow until we ask again */
        uint8_t *bytes = malloc(size);
        if (bytes == NULL) {
            return -ENOMEM;
        }
        if (sysctl(what, WORDS, bytes, &size, NULL, 0) == 0) {
            *snapshot = (struct snapshot){bytes, size};
            return 0;
        }
        int error = -errno;
        free(bytes);
        if (error != -ENOMEM) {
            return error;
        }
    }
    return -ENOBUFS;
}

/* The next event of this type, from *at on; false: there is none. */
static bool next_event(const struct snapshot *snapshot, size_t *at, enum kernel_event_type type,
                       struct kernel_event *event)
{
    while (*at < snapshot->size) {
        const uint8_t *message = snapshot->bytes + *at;
        size_t size = route_message_size(message, snapshot->size - *at);
        if (size == 0) {
            return false;
        }
        *at += size;
        if (route_parse(route_native, message, size, event) == ROUTE_EVENT && event->type == type) {
            return true;
        }
    }
    return false;
}

/* macOS has no word for a cable in its messages (route.h). */
static void look_at_cable(struct kernel_link *link)
{
#ifndef LINK_STATE_UP
    struct ifmediareq request;
    memset(&request, 0, sizeof request);
    memcpy(request.ifm_name, link->name, sizeof request.ifm_name);
    int s = socket(AF_INET, SOCK_DGRAM | SYSTEM_SOCK_CLOEXEC, 0);
    if (s >= 0 && ioctl(s, SIOCGIFMEDIA, &request) == 0 &&
        (request.ifm_status & (IFM_AVALID | IFM_ACTIVE)) == IFM_AVALID) {
        link->running = false;
    }
    if (s >= 0) {
        close(s);
    }
#else
    (void)link;
#endif
}

static bool find_link(const struct snapshot *snapshot, unsigned ifindex, const char *name,
                      struct kernel_link *link)
{
    struct kernel_event event;
    for (size_t at = 0; next_event(snapshot, &at, KERNEL_LINK, &event);) {
        if (event.link.ifindex == ifindex ||
            (name != NULL && strncmp(event.link.name, name, sizeof event.link.name) == 0)) {
            look_at_cable(&event.link);
            *link = event.link;
            return true;
        }
    }
    return false;
}

/* An address with all that can be known; false: it is gone by now. */
static bool complete_address(struct kernel_address *address)
{
    char name[IF_NAMESIZE];
    if (address->family == 4) {
        address->permanent = true; /* there is nothing else */
        return true;
    }
    return if_indextoname(address->ifindex, name) != NULL && change_look(name, address) == 0;
}

/* FreeBSD does not tell that duplicate detection is over (route.h), and XNU has no message for it.
 * While the link is down it does not even begin. */
static bool needs_another_look(const struct snapshot *snapshot, const struct kernel_address *a)
{
    struct kernel_link link;
    return route_native->chgaddr == 0 && a->tentative &&
           find_link(snapshot, a->ifindex, NULL, &link) && link.up && link.running;
}

int kernel_dump(struct kernel *kernel, kernel_callback *callback, void *self)
{
    struct snapshot snapshot;
    struct kernel_event event;
    bool again = false;
    (void)kernel;
    int error = take(&snapshot);
    if (error != 0) {
        return error;
    }
    callback(self, &(struct kernel_event){.type = KERNEL_FORGET});
    for (size_t at = 0; next_event(&snapshot, &at, KERNEL_LINK, &event);) {
        look_at_cable(&event.link);
        callback(self, &event);
    }
    for (size_t at = 0; next_event(&snapshot, &at, KERNEL_ADDRESS, &event);) {
        if (complete_address(&event.address)) {
            again |= needs_another_look(&snapshot, &event.address);
            callback(self, &event);
        }
    }
    callback(self, &(struct kernel_event){.type = KERNEL_SYNCED});
    free(snapshot.bytes);
    return again ? -EAGAIN : 0;
}

int kernel_link_by_name(struct kernel *kernel, const char *name, struct kernel_link *link)
{
    struct snapshot snapshot;
    (void)kernel;
    if (name[0] == '\0' || strlen(name) >= KERNEL_NAME_SIZE) {
        return -ENODEV;
    }
    int error = take(&snapshot);
    if (error == 0) {
        error = find_link(&snapshot, 0, name, link) ? 0 : -ENODEV;
        free(snapshot.bytes);
    }
    return error;
}

/* --- news ------------------------------------------------------------------------------------ */

/* Nothing but what we read; elsewhere every change of a route wakes us. */
static void filter_messages(int monitor)
{
#if defined(ROUTE_MSGFILTER) /* OpenBSD, route(4); RTM_DESYNC always comes */
    unsigned filter = ROUTE_FILTER(RTM_NEWADDR) | ROUTE_FILTER(RTM_DELADDR) |
                      ROUTE_FILTER(RTM_CHGADDRATTR) | ROUTE_FILTER(RTM_IFINFO) |
                      ROUTE_FILTER(RTM_IFANNOUNCE);
    (void)setsockopt(monitor, AF_ROUTE, ROUTE_MSGFILTER, &filter, sizeof filter);
#elif defined(RO_MSGFILTER) /* NetBSD, route(4) */
    const unsigned char types[] = {RTM_NEWADDR, RTM_DELADDR, RTM_CHGADDR, RTM_IFINFO,
                                   RTM_IFANNOUNCE};
    (void)setsockopt(monitor, PF_ROUTE, RO_MSGFILTER, types, sizeof types);
#else
    (void)monitor;
#endif
}

static void make_room(int monitor)
{
    for (int size = RECEIVE_QUEUE; size >= RECEIVE_QUEUE_MIN; size /= 2) {
        if (setsockopt(monitor, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) == 0) {
            break;
        }
    }
#ifdef SO_RERROR /* FreeBSD 14, NetBSD 10: without it news that are lost are not told of */
    int on = 1;
    (void)setsockopt(monitor, SOL_SOCKET, SO_RERROR, &on, sizeof on);
#endif
}

int kernel_watch(struct kernel *kernel)
{
    assert(kernel->monitor < 0);
    int monitor = socket(PF_ROUTE, SOCK_RAW | SYSTEM_SOCK_CLOEXEC, AF_UNSPEC);
    if (monitor < 0) {
        return -errno;
    }
    int flags = fcntl(monitor, F_GETFL);
    if (flags < 0 || fcntl(monitor, F_SETFL, flags | O_NONBLOCK) != 0) {
        int error = -errno;
        close(monitor);
        return error;
    }
    make_room(monitor);
    filter_messages(monitor);
    kernel->monitor = monitor;
    return 0;
}

int kernel_watch_fd(const struct kernel *kernel)
{
    return kernel->monitor;
}

/* What a message tells, made complete. 1: an event; 0: none; -errno. Most systems do not tell the
 * name of a link of which there is news, so that it is looked at anew. */
static int complete(struct kernel_event *event)
{
    struct snapshot now;
    if (event->type == KERNEL_ADDRESS) {
        return complete_address(&event->address);
    }
    if (event->type != KERNEL_LINK) {
        return 1;
    }
    int error = take(&now);
    if (error != 0) {
        return error;
    }
    bool there = find_link(&now, event->link.ifindex, NULL, &event->link);
    event->type = there ? KERNEL_LINK : KERNEL_LINK_GONE;
    free(now.bytes);
    return 1;
}

/* Throw away what waits: it is older than the dump that follows, and has gaps. */
static void discard(int monitor)
{
    uint8_t byte;
    for (int i = 0; i < DISCARDS_MAX; i++) {
        ssize_t size = recv(monitor, &byte, sizeof byte, MSG_DONTWAIT);
        if (size < 0 && errno != ENOBUFS && errno != EINTR) {
            return;
        }
    }
}

int kernel_read(struct kernel *kernel, kernel_callback *callback, void *self)
{
    uint8_t message[RECEIVE_SIZE];
    bool again = false;
    for (int i = 0; i < READS_MAX; i++) {
        struct kernel_event event;
        ssize_t size = recv(kernel->monitor, message, sizeof message, MSG_DONTWAIT);
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size < 0 && errno == EAGAIN) {
            break;
        }
        if (size < 0 && errno != ENOBUFS) {
            return -errno;
        }
        enum route_news news =
            size < 0 ? ROUTE_STALE : route_parse(route_native, message, (size_t)size, &event);
        if (news == ROUTE_STALE) {
            discard(kernel->monitor);
            return kernel_dump(kernel, callback, self);
        }
        int told = news == ROUTE_EVENT ? complete(&event) : 0;
        if (told < 0) {
            return told;
        }
        if (told > 0) {
            again |= event.type == KERNEL_ADDRESS && event.address.tentative &&
                     route_native->chgaddr == 0;
            callback(self, &event);
        }
    }
    /* What is left waits for the next call, so that a flood cannot hold up the loop. */
    return again ? -EAGAIN : 0;
}

/* --- changes --------------------------------------------------------------------------------- */

static int change_one(struct kernel *kernel, const struct snapshot *there, enum change change,
                      const struct kernel_virtual *address)
{
    struct kernel_link link;
    if (!find_link(there, address->ifindex, NULL, &link)) {
        return change == CHANGE_REMOVE ? 0 : -ENODEV;
    }
    if (kernel->delegate < 0) {
        return change_make(&kernel->sockets, link.name, change, address);
    }
    kernel->request.change = change;
    kernel->request.address = *address;
    return delegate_ask(kernel->delegate, &kernel->request);
}

/* This address on its interface, with whatever prefix; false: it is not there. */
static bool find_address(const struct snapshot *there, const struct kernel_virtual *v,
                         struct kernel_address *found)
{
    struct kernel_event event;
    for (size_t at = 0; next_event(there, &at, KERNEL_ADDRESS, &event);) {
        if (event.address.ifindex == v->ifindex && event.address.family == v->family &&
            memcmp(event.address.bytes, v->bytes, v->family == 4 ? 4 : 16) == 0) {
            *found = event.address;
            return true;
        }
    }
    return false;
}

/* IPv4 has no lifetime to renew, and FreeBSD takes an address away for a moment when it is set
 * again (sys/netinet/in.c, in_aifaddr_ioctl()). One that NetBSD took for a duplicate, while the
 * last master still had it, gets another chance; IPv6's do when they are set again. */
static int renew_one(struct kernel *kernel, const struct snapshot *there,
                     const struct kernel_virtual *address)
{
    struct kernel_address found;
    if (address->family == 4 && find_address(there, address, &found)) {
        if (!found.dadfailed && found.prefix == address->prefix) {
            return 0;
        }
        if (found.dadfailed) {
            (void)change_one(kernel, there, CHANGE_REMOVE, address);
        }
    }
    return change_one(kernel, there, CHANGE_SET, address);
}

static int remove_one(struct kernel *kernel, const struct snapshot *there,
                      const struct kernel_virtual *address)
{
    return change_one(kernel, there, CHANGE_REMOVE, address);
}

/* The kernels set an address that is there once more without a word. */
static int add_one(struct kernel *kernel, const struct snapshot *there,
                   const struct kernel_virtual *address)
{
    struct kernel_address found;
    return find_address(there, address, &found) ? -EEXIST
                                                : change_one(kernel, there, CHANGE_SET, address);
}

typedef int change_function(struct kernel *kernel, const struct snapshot *there,
                            const struct kernel_virtual *address);

static int change_all(struct kernel *kernel, change_function *act, const struct kernel_virtual *at,
                      size_t count, struct kernel_failures *failures)
{
    struct kernel_failures found = {0};
    struct snapshot there;
    int error = count == 0 ? 0 : take(&there);
    bool gives_up = error != 0;
    for (size_t i = 0; i < count; i++) {
        if (!gives_up) {
            error = act(kernel, &there, &at[i]);
            gives_up = error == -ETIMEDOUT; /* a second each would be too long for us to be away */
            if (gives_up || i == count - 1) {
                free(there.bytes);
            }
        }
        if (error != 0) {
            found.first = found.count == 0 ? i : found.first;
            found.error = found.count == 0 ? error : found.error;
            found.count += 1;
        }
    }
    if (failures != NULL) {
        *failures = found;
    }
    return found.error;
}

int kernel_add(struct kernel *kernel, const struct kernel_virtual *address)
{
    return change_all(kernel, add_one, address, 1, NULL);
}

int kernel_renew(struct kernel *kernel, const struct kernel_virtual *at, size_t count,
                 struct kernel_failures *failures)
{
    return change_all(kernel, renew_one, at, count, failures);
}

int kernel_remove(struct kernel *kernel, const struct kernel_virtual *at, size_t count,
                  struct kernel_failures *failures)
{
    return change_all(kernel, remove_one, at, count, failures);
}
