#include "io/live/worker.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <uv.h>

#include "engine/story.h"
#include "io/crypto_openssl.h"
#include "io/host.h"
#include "io/live/addresses.h"
#include "io/live/clock.h"
#include "io/live/command.h"
#include "io/live/confine.h"
#include "io/live/deadline.h"
#include "io/live/log.h"
#include "io/live/packet.h"
#include "io/live/recorder.h"
#include "io/live/report.h"
#include "io/live/ring.h"
#include "io/live/runner.h"
#include "io/live/system.h"

/* UCARP's SIGUSR2: step down, and stay so at least this long. */
#define YIELD_PAUSE CARP_SECONDS(3)

/* After an interface could not be opened, and after a dump of the kernel's tables failed. */
#define RETRY_PAUSE CARP_SECONDS(1)

/* How long an end waits for a disk. */
enum { SIGNALS_MAX = 8, JOURNAL_END_MS = 1000 };

/* One interface that groups live on: found by name, lost and found again. */
struct interface {
    const char *name;        /* of the configuration */
    struct kernel_link link; /* ifindex 0: it is not there */
    struct packet packet;
    bool open;
    carp_instant retry_from; /* opening failed: not before this */
    uv_poll_t poll;
    struct log_limit strangers[CARP_VERDICT_COUNT];
    struct log_limit failures, joins, losses;
    uint64_t dropped; /* of packet_dropped(), as it was last */
    struct worker *worker;
};

struct worker {
    const struct config *config;
    struct guardian *guardian;
    struct host host;
    struct recorder *recorder; /* NULL: nothing is recorded */

    size_t group_count;
    struct host_group *groups;
    struct host_plan *plans;
    struct host_book *books;
    struct addresses *addresses;
    struct report_limits *limits;

    size_t interface_count;
    struct interface *interfaces;
    struct host_interface *host_interfaces;

    struct kernel *kernel;
    struct kernel_addresses table;
    struct kernel_virtuals virtuals;
    bool links_changed;     /* something about links or addresses is to be told to the groups */
    carp_instant dump_from; /* the kernel's tables are to be read anew; CARP_NEVER: no */

    uv_loop_t loop;
    bool has_loop;
    uv_poll_t kernel_poll, guardian_poll, runner_poll;
    uv_check_t after_poll;
    uv_signal_t signals[SIGNALS_MAX];
    struct deadline *deadline;
    int runner;               /* the wire to it; -1: there are no commands */
    carp_instant armed;       /* what the deadline is set to */
    carp_instant host_due_at; /* what the host asked for */
    carp_instant renew_at;    /* lifetimes */
    struct log_limit renewals, releases, untold;
    bool woken;
    bool kernel_waits, guardian_waits; /* there is something to read */
    int status;                        /* exit status; -1 while running */
};

/* --- the port: what the groups ask of the machine ----------------------------------------------
 */

static struct interface *interface_of(struct worker *w, unsigned group)
{
    return &w->interfaces[w->plans[group].interface];
}

static int port_send(void *self, unsigned group, const uint8_t *frame, size_t size)
{
    struct worker *w = self;
    struct interface *on = interface_of(w, group);
    int error = on->open ? packet_send(&on->packet, frame, size) : -ENETDOWN;
    recorder_sent(w->recorder, group, frame, size, error);
    return error;
}

static struct addresses_on addresses_on(struct worker *w)
{
    return (struct addresses_on){w->kernel, &w->table, &w->virtuals};
}

static int tell_guardian(struct worker *w, unsigned group, const struct port_guard *guard)
{
    const struct addresses *addresses = &w->addresses[group];
    int error = guardian_hold(w->guardian, group, interface_of(w, group)->link.ifindex, guard,
                              addresses->at, addresses->count);
    if (error != 0 && log_allow(&w->untold, clock_now())) {
        log_line(LOG_LEVEL_ERROR, "%s: the guardian does not take note: %s",
                 w->config->groups[group].name, strerror(-error));
    }
    return error;
}

/* Whoever can run no commands has no business here. What they hold stays held for the guardian,
 * which can. */
static void lose_runner(struct worker *w, const char *why)
{
    if (w->status < 0) {
        log_line(LOG_LEVEL_ERROR, "the process that runs commands does not: %s; leaving", why);
        w->status = 1;
    }
}

static int want_command(struct worker *w, unsigned group, bool up)
{
    int error = runner_want(w->runner, group, up);
    if (error != 0) {
        lose_runner(w, strerror(-error));
    }
    return error;
}

/* The guardian is told first, so that there is no moment in which an address could outlive us. */
static int port_claim(void *self, unsigned group, const struct port_guard *guard)
{
    struct worker *w = self;
    const struct config_group *config = &w->config->groups[group];
    struct addresses *addresses = &w->addresses[group];
    struct addresses_on on = addresses_on(w);
    bool own = !command_is_used(config);
    if (own && !addresses->held) {
        addresses_resolve(addresses, config, &on, interface_of(w, group)->link.ifindex,
                          guard->patience);
    }
    int error = tell_guardian(w, group, guard);
    if (error != 0) {
        return error;
    }
    if (!own) {
        error = want_command(w, group, true);
    } else if (!addresses->held) {
        error = addresses_hold(addresses, config, w->kernel);
        carp_duration renewal = addresses_renewal(w->addresses, w->group_count);
        w->renew_at = instant_min(w->renew_at, instant_add(clock_now(), renewal));
    }
    return error;
}

/* What could not be released the guardian goes on to hold, and releases when we end. */
static int port_release(void *self, unsigned group)
{
    struct worker *w = self;
    int error = 0;
    if (command_is_used(&w->config->groups[group])) {
        error = want_command(w, group, false);
    } else {
        error = addresses_drop(&w->addresses[group], w->kernel);
        if (error != 0 && log_allow(&w->releases, clock_now())) {
            log_line(LOG_LEVEL_ERROR, "%s: cannot remove an address: %s",
                     w->config->groups[group].name, strerror(-error));
        }
    }
    if (error == 0) {
        guardian_drop(w->guardian, group);
    }
    return error;
}

static void port_wake_at(void *self, carp_instant deadline)
{
    struct worker *w = self;
    w->host_due_at = deadline;
}

static void port_stepped(void *self, unsigned group, carp_instant now,
                         const struct carp_event *event, const struct carp_outcome *out)
{
    struct worker *w = self;
    recorder_stepped(w->recorder, group, now, event, out);
    report_step(&w->config->groups[group], &w->limits[group], now, event, out, w->config->debug);
}

static void port_stranger(void *self, unsigned interface, enum carp_verdict verdict,
                          const struct carp_packet *packet)
{
    struct worker *w = self;
    struct interface *on = &w->interfaces[interface];
    bool ours = (verdict == CARP_VRRP2 || verdict == CARP_VRRP3) &&
                w->host_interfaces[interface].group_of_vhid[packet->advert.vhid] != 0;
    report_stranger(on->name, &on->strangers[verdict], clock_now(), verdict, packet, ours);
}

static void port_explained(void *self, unsigned group, const struct carp_packet *packet,
                           const struct auth_explanation *explanation)
{
    struct worker *w = self;
    report_explanation(&w->config->groups[group], &w->limits[group], clock_now(), packet,
                       explanation);
}

/* --- links and addresses ------------------------------------------------------------------------
 */

static bool is_virtual(const void *self, uint8_t family, const uint8_t *bytes)
{
    const struct worker *w = self;
    for (size_t g = 0; g < w->config->group_count; g++) {
        const struct config_group *group = &w->config->groups[g];
        for (size_t i = 0; i < group->address_count; i++) {
            const struct config_address *address = &group->addresses[i];
            if (address->family == family && memcmp(address->bytes, bytes, 16) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* Who this host is on an interface, for one group; false: it cannot take part there now. */
static bool self_of(const struct worker *w, const struct interface *on,
                    const struct config_group *group, struct carp_self *self)
{
    uint8_t source[16];
    *self = (struct carp_self){0};
    if (!on->open || !on->link.up || !(on->link.running || group->ignore_link_state)) {
        return false;
    }
    memcpy(self->mac, on->link.mac, sizeof self->mac);
    if (group->has_source) {
        self->has_ipv4 = true;
        memcpy(self->ipv4, group->source, sizeof self->ipv4);
    } else if (kernel_source(&w->table, on->link.ifindex, &w->virtuals, 4, source)) {
        self->has_ipv4 = true;
        memcpy(self->ipv4, source, sizeof self->ipv4);
    }
    self->has_ipv6 = kernel_source(&w->table, on->link.ifindex, &w->virtuals, 6, self->ipv6);
    return true;
}

static void on_readable(uv_poll_t *handle, int status, int events);

static void interface_close(struct interface *on)
{
    if (on->open) {
        uv_poll_stop(&on->poll);
        packet_close(&on->packet);
        on->open = false;
    }
}

static void interface_watch(struct interface *on)
{
    int failed = uv_poll_init(&on->worker->loop, &on->poll, packet_fd(&on->packet));
    assert(failed == 0);
    on->poll.data = on->worker;
    uv_poll_start(&on->poll, UV_READABLE, on_readable);
}

static void interface_open(struct interface *on, carp_instant now)
{
    char error[PACKET_ERROR_MAX];
    struct worker *w = on->worker;
    on->retry_from = instant_add(now, RETRY_PAUSE);
    if (packet_open(&on->packet, on->name, error) != 0) {
        if (log_allow(&on->failures, now)) {
            log_line(LOG_LEVEL_ERROR, "%s: %s", on->name, error);
        }
        return;
    }
    for (size_t g = 0; g < w->group_count; g++) {
        const struct config_group *group = &w->config->groups[g];
        if (interface_of(w, (unsigned)g) != on) {
            continue;
        }
        int failed = packet_join(&on->packet, group->carp.ipv4_group);
        if (failed != 0 && log_allow(&on->joins, now)) {
            log_line(LOG_LEVEL_ERROR,
                     "%s: %s: cannot join the multicast group, so a switch with IGMP or MLD "
                     "snooping may keep adverts from us: %s",
                     group->name, on->name, strerror(-failed));
        }
    }
    if (w->has_loop) {
        interface_watch(on);
    }
    on->open = true;
    on->dropped = 0;
}

/* Bring what is open in line with the kernel's tables. What is only down stays open: where root
 * alone opens interfaces we could not have it back. */
static void open_interfaces(struct worker *w, carp_instant now)
{
    for (size_t i = 0; i < w->interface_count; i++) {
        struct interface *on = &w->interfaces[i];
        if (on->link.ifindex == 0) {
            interface_close(on);
        } else if (!on->open && on->link.up && !instant_before(now, on->retry_from)) {
            interface_open(on, now);
        }
    }
}

/* And what the groups know of themselves. */
static void follow_links(struct worker *w, carp_instant now)
{
    w->links_changed = false;
    open_interfaces(w, now);
    for (size_t g = 0; g < w->group_count; g++) {
        struct carp_self self;
        const struct interface *on = interface_of(w, (unsigned)g);
        bool usable = self_of(w, on, &w->config->groups[g], &self);
        host_group_link(&w->host, now, (unsigned)g, usable ? &self : NULL);
    }
}

static void note_link(struct worker *w, const struct kernel_link *link, bool gone)
{
    for (size_t i = 0; i < w->interface_count; i++) {
        struct interface *on = &w->interfaces[i];
        bool named = strcmp(on->name, link->name) == 0;
        if (on->link.ifindex == link->ifindex && (gone || !named)) {
            on->link.ifindex = 0; /* removed, or renamed */
            interface_close(on);
        } else if (named && !gone) {
            if (on->link.ifindex != link->ifindex) {
                interface_close(on); /* another one of the same name */
                on->retry_from = (carp_instant){0};
            }
            on->link = *link;
        }
    }
}

/* Someone took an address away that a group holds. */
static void note_gone(struct worker *w, const struct kernel_address *gone)
{
    carp_instant now = clock_now();
    for (size_t g = 0; g < w->group_count; g++) {
        bool lost;
        if (!addresses_gone(&w->addresses[g], &w->config->groups[g], w->kernel, now, gone, &lost)) {
            continue;
        }
        if (!lost) {
            host_restored(&w->host, now, (unsigned)g);
        } else {
            host_yield(&w->host, now, (unsigned)g, CARP_YIELD_CLAIM_FAILED, CARP_SECONDS(60));
        }
    }
}

static void on_kernel_event(void *self, const struct kernel_event *event)
{
    struct worker *w = self;
    if (kernel_addresses_note(&w->table, event) != 0) {
        w->links_changed = true;
    }
    switch (event->type) {
    case KERNEL_LINK:
    case KERNEL_LINK_GONE:
        note_link(w, &event->link, event->type == KERNEL_LINK_GONE);
        w->links_changed = true;
        break;
    case KERNEL_ADDRESS_GONE:
        note_gone(w, &event->address);
        break;
    case KERNEL_ADDRESS:
    case KERNEL_FORGET:
    case KERNEL_SYNCED:
        break;
    }
}

static void read_kernel(struct worker *w, carp_instant now)
{
    int error = 0;
    if (!instant_before(now, w->dump_from)) {
        error = kernel_dump(w->kernel, on_kernel_event, w);
    } else if (w->kernel_waits) {
        error = kernel_read(w->kernel, on_kernel_event, w);
    } else {
        return;
    }
    w->kernel_waits = false;
    w->dump_from = error == 0 ? CARP_NEVER : instant_add(now, RETRY_PAUSE);
}

/* --- one wake-up --------------------------------------------------------------------------------
 */

static void on_frame(void *self, const uint8_t *frame, size_t size)
{
    struct interface *on = self;
    struct worker *w = on->worker;
    unsigned interface = (unsigned)(on - w->interfaces);
    carp_instant now = clock_now();
    recorder_hears(w->recorder, now, interface, frame, size);
    host_frame(&w->host, now, interface, frame, size);
    recorder_heard(w->recorder);
}

/* The groups know then that a silence proves nothing. */
static void note_losses(struct worker *w, struct interface *on)
{
    carp_instant now = clock_now();
    uint64_t dropped = packet_dropped(&on->packet);
    if (dropped == on->dropped) {
        return;
    }
    on->dropped = dropped;
    host_missed(&w->host, now, (unsigned)(on - w->interfaces));
    if (log_allow(&on->losses, now)) {
        log_line(LOG_LEVEL_WARNING,
                 "%s: frames come faster than they can be looked at; %" PRIu64
                 " were lost by now, maybe adverts of a master",
                 on->name, dropped);
    }
}

static void read_frames(struct worker *w, carp_instant now)
{
    for (size_t i = 0; i < w->interface_count; i++) {
        struct interface *on = &w->interfaces[i];
        if (!on->open) {
            continue;
        }
        int error = packet_drain(&on->packet, on_frame, on);
        if (on->packet.was_full) {
            note_losses(w, on);
        }
        if (error < 0) {
            interface_close(on); /* it went down, or away; the kernel says when it is back */
            on->retry_from = instant_add(now, RETRY_PAUSE);
            w->links_changed = true;
        }
    }
}

/* What the guardian took away because we did not run, before anything of ours puts it back. */
static void read_guardian(struct worker *w, carp_instant now)
{
    unsigned group;
    int got = 0;
    while (w->guardian_waits && (got = guardian_read(w->guardian, &group)) > 0) {
        if (group < w->group_count) {
            w->addresses[group].held = false;
            host_disowned(&w->host, now, group);
        }
    }
    w->guardian_waits = false;
    if (got < 0 && w->status < 0) {
        log_line(LOG_LEVEL_ERROR, "the guardian process is gone; leaving in good order");
        w->status = 1;
    }
}

static void renew_lifetimes(struct worker *w, carp_instant now)
{
    if (instant_before(now, w->renew_at)) {
        return;
    }
    int error = addresses_renew(w->addresses, w->group_count, w->kernel);
    if (error != 0 && log_allow(&w->renewals, now)) {
        log_line(LOG_LEVEL_ERROR, "cannot renew the lifetime of addresses: %s", strerror(-error));
    }
    w->renew_at = instant_add(now, addresses_renewal(w->addresses, w->group_count));
}

static void set_deadline(struct worker *w)
{
    carp_instant next = instant_min(w->host_due_at, instant_min(w->renew_at, w->dump_from));
    for (size_t i = 0; i < w->interface_count; i++) {
        const struct interface *on = &w->interfaces[i];
        if (!on->open && on->link.ifindex != 0 && on->link.up) {
            next = instant_min(next, on->retry_from);
        }
    }
    if (next.ns == w->armed.ns) {
        return;
    }
    w->armed = next;
    deadline_set(w->deadline, next);
}

/* Everything that can have happened, in the order that matters: were we away too long, what was
 * taken from us, what has come in, and only then what is due. */
static void wake(struct worker *w)
{
    carp_instant now = clock_now();
    w->woken = false;
    guardian_beat(w->guardian, now);
    recorder_woke(w->recorder, now);
    read_guardian(w, now);
    host_woke(&w->host, now);
    read_kernel(w, now);
    read_frames(w, now);
    now = clock_now();
    bool retry = false;
    for (size_t i = 0; i < w->interface_count; i++) {
        const struct interface *on = &w->interfaces[i];
        retry |= !on->open && on->link.ifindex != 0 && on->link.up &&
                 !instant_before(now, on->retry_from);
    }
    if (w->links_changed || retry) {
        follow_links(w, now);
    }
    renew_lifetimes(w, now);
    host_due(&w->host, now);
    set_deadline(w);
    recorder_rests(w->recorder);
}

/* libuv no longer watches a descriptor that has an error to tell, such as news that were lost or a
 * link that is down; whoever reads it takes the error, and there is more to come. */
static void on_readable(uv_poll_t *handle, int status, int events)
{
    struct worker *w = handle->data;
    (void)events;
    if (status < 0) {
        uv_poll_start(handle, UV_READABLE, on_readable);
    }
    w->woken = true;
    w->kernel_waits |= handle == &w->kernel_poll;
    w->guardian_waits |= handle == &w->guardian_poll;
}

static void on_deadline(void *self)
{
    struct worker *w = self;
    w->armed = CARP_NEVER;
    w->woken = true;
}

/* It has nothing to say: it is gone. */
static void on_runner_end(uv_poll_t *handle, int status, int events)
{
    struct worker *w = handle->data;
    (void)status, (void)events;
    uv_poll_stop(handle);
    lose_runner(w, "it has ended");
    w->woken = true;
}

/* One wake-up for all that became readable at once. */
static void on_after_poll(uv_check_t *handle)
{
    struct worker *w = handle->data;
    if (w->woken) {
        wake(w);
    }
    if (w->status >= 0) {
        uv_stop(&w->loop);
    }
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct worker *w = handle->data;
    carp_instant now = clock_now();
    if (number == SIGUSR1) {
        for (size_t g = 0; g < w->group_count; g++) {
            report_state(&w->config->groups[g], &w->groups[g], now);
        }
        for (size_t i = 0; i < w->interface_count; i++) {
            const struct interface *on = &w->interfaces[i];
            report_interface(on->name, w->host_interfaces[i].verdicts,
                             on->open ? packet_dropped(&on->packet) : 0);
        }
    } else if (number == SIGUSR2) {
        log_line(LOG_LEVEL_WARNING, "Caught signal (USR2) considering going down");
        for (size_t g = 0; g < w->group_count; g++) {
            host_yield(&w->host, now, (unsigned)g, CARP_YIELD_OPERATOR, YIELD_PAUSE);
        }
    } else {
        log_line(LOG_LEVEL_NOTICE, "stopping (%s)", strsignal(number));
        w->status = 0;
    }
    w->woken = true;
}

/* --- beginning and end ---------------------------------------------------------------------------
 */

static size_t interface_index(struct worker *w, const char *name)
{
    size_t i = 0;
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): those that count have a name */
    while (i < w->interface_count && strcmp(w->interfaces[i].name, name) != 0) {
        i++;
    }
    if (i == w->interface_count) {
        w->interfaces[i] = (struct interface){.name = name, .worker = w};
        w->interface_count++;
    }
    return i;
}

static int allocate(struct worker *w)
{
    size_t count = w->config->group_count;
    assert(count > 0);
    w->groups = calloc(count, sizeof *w->groups);
    w->plans = calloc(count, sizeof *w->plans);
    w->books = calloc(count, sizeof *w->books);
    w->addresses = calloc(count, sizeof *w->addresses);
    w->limits = calloc(count, sizeof *w->limits);
    w->interfaces = calloc(count, sizeof *w->interfaces);
    w->host_interfaces = calloc(count, sizeof *w->host_interfaces);
    if (w->groups == NULL || w->plans == NULL || w->books == NULL || w->addresses == NULL ||
        w->limits == NULL || w->interfaces == NULL || w->host_interfaces == NULL) {
        return -ENOMEM;
    }
    for (size_t g = 0; g < count; g++) {
        const struct config_group *group = &w->config->groups[g];
        w->groups[g].plan = &w->plans[g];
        w->groups[g].book = &w->books[g];
        w->plans[g].config = &group->carp;
        w->plans[g].interface = (unsigned)interface_index(w, group->interface);
        int error = addresses_make(&w->addresses[g], group);
        if (error == 0) {
            error = crypto_openssl_make(&group->carp, &w->plans[g].crypto);
        }
        if (error != 0) {
            return error;
        }
        w->group_count += 1;
    }
    return 0;
}

static int watch(struct worker *w, uv_poll_t *poll, int fd, uv_poll_cb callback)
{
    int error = uv_poll_init(&w->loop, poll, fd);
    poll->data = w;
    return error != 0 ? error : uv_poll_start(poll, UV_READABLE, callback);
}

static int watch_all(struct worker *w)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2};
    int error = uv_loop_init(&w->loop);
    if (error != 0) {
        return error;
    }
    w->has_loop = true;
    for (size_t i = 0; i < w->interface_count; i++) {
        if (w->interfaces[i].open) {
            interface_watch(&w->interfaces[i]);
        }
    }
    error = deadline_open(&w->deadline, &w->loop, on_deadline, w);
    if (error == 0) {
        error = watch(w, &w->kernel_poll, kernel_watch_fd(w->kernel), on_readable);
    }
    if (error == 0) {
        error = watch(w, &w->guardian_poll, guardian_fd(w->guardian), on_readable);
    }
    if (error == 0 && w->runner >= 0) {
        error = watch(w, &w->runner_poll, w->runner, on_runner_end);
    }
    for (size_t i = 0; error == 0 && i < sizeof signals / sizeof *signals; i++) {
        error = uv_signal_init(&w->loop, &w->signals[i]);
        w->signals[i].data = w;
        if (error == 0) {
            error = uv_signal_start(&w->signals[i], on_signal, signals[i]);
        }
    }
    uv_check_init(&w->loop, &w->after_poll);
    w->after_poll.data = w;
    uv_check_start(&w->after_poll, on_after_poll);
    return error;
}

/* No group is master yet, so nothing may hold its addresses: not a crashed predecessor's rest, nor
 * an operator's own setting. With commands, the down command sees to that, unless told not to. */
static void begin_released(struct worker *w)
{
    for (size_t g = 0; g < w->group_count; g++) {
        const struct config_group *group = &w->config->groups[g];
        const struct interface *on = interface_of(w, (unsigned)g);
        if (!command_is_used(group)) {
            struct addresses_on where = addresses_on(w);
            addresses_clean(group, &where, on->link.ifindex);
        } else if (!group->neutral) {
            want_command(w, (unsigned)g, false);
        }
    }
}

/* The journal's names live as long as the process. */
static int begin_journal(struct worker *w, char why[CONFIG_ERROR_MAX])
{
    const struct config *config = w->config;
    if (config->journal == NULL) {
        return 0;
    }
    const char **names = calloc(w->interface_count + w->group_count, sizeof *names);
    if (names == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < w->interface_count; i++) {
        names[i] = w->interfaces[i].name;
    }
    for (size_t g = 0; g < w->group_count; g++) {
        names[w->interface_count + g] = config->groups[g].name;
    }
    const struct recorder_setup setup = {
        .path = config->journal,
        .mib = config->journal_mib,
        .host = &w->host,
        .interfaces = names,
        .groups = names + w->interface_count,
        .application = "carpd " CARP_VERSION,
    };
    return recorder_open(&w->recorder, &w->loop, &setup, why);
}

/* Processes with rights of their own, while there is nothing in this one that they should not have.
 */
static int fork_helpers(struct worker *w, struct config *config, const struct confine_users *users,
                        int ready_fd)
{
    const int not_mine[] = {ready_fd, guardian_fd(w->guardian)};
    const struct runner_setup setup = {config, &users->command, not_mine,
                                       sizeof not_mine / sizeof not_mine[0]};
    if (command_is_used_anywhere(config) && (w->runner = runner_fork(&setup)) < 0) {
        return w->runner;
    }
    int error = kernel_open(&w->kernel);
    return error != 0 ? error : kernel_delegate(w->kernel, config);
}

static int make_host(struct worker *w)
{
    static const struct port functions = {
        .send = port_send,
        .claim = port_claim,
        .release = port_release,
        .wake_at = port_wake_at,
        .stepped = port_stepped,
        .stranger = port_stranger,
        .explained = port_explained,
    };
    struct port port = functions;
    port.self = w;
    uint64_t seed;
    struct timespec wall;
    int error = system_random(&seed, sizeof seed);
    if (error != 0 || clock_gettime(CLOCK_REALTIME, &wall) != 0) {
        return error != 0 ? error : -errno;
    }
    host_init(&w->host, &port, w->groups, (unsigned)w->group_count, 1, w->host_interfaces,
              (unsigned)w->interface_count, seed,
              carp_counter_anchor((uint64_t)wall.tv_sec * 1000000000 + (uint64_t)wall.tv_nsec));
    return 0;
}

/* What may need rights that are given up then, for ever: interfaces are opened, though on Linux
 * they could be later too, and what is still loaded, as OpenSSL's configuration and whatever that
 * names, is loaded. Why not: in words, or as -errno alone.
 *
 * The loop is made afterwards, of what a filter of system calls lets it have: an io_uring of
 * libuv's that is there before would be used behind the filter's back, for which the filter kills.
 */
static int begin_privileged(struct worker *w, struct config *config,
                            const struct confine_users *users, int ready_fd,
                            char why[CONFIG_ERROR_MAX])
{
    int error;
    if ((error = fork_helpers(w, config, users, ready_fd)) != 0 || (error = allocate(w)) != 0 ||
        (error = make_host(w)) != 0 || (error = kernel_watch(w->kernel)) != 0) {
        return error;
    }
    w->dump_from = (carp_instant){0};
    read_kernel(w, clock_now());
    open_interfaces(w, clock_now());
    return confine_worker(config, &users->worker, why) == 0 ? 0 : -EPERM;
}

/* Why not: in words, or as -errno alone. */
static int begin(struct worker *w, char why[CONFIG_ERROR_MAX])
{
    /* The journal last: its thread uses what an error sets free. */
    int error = watch_all(w);
    if (error == 0) {
        error = begin_journal(w, why);
    }
    if (error == 0) {
        begin_released(w);
        wake(w);
    }
    return error;
}

/* Release and say farewell everywhere; the commands that does not wait for are waited for here,
 * deaf to all else: news of a link, or of an address that a command removed, would start groups
 * again. */
static void end(struct worker *w)
{
    host_stop(&w->host, clock_now());
    recorder_rests(w->recorder);
    uv_check_stop(&w->after_poll);
    deadline_stop(w->deadline);
    uv_poll_stop(&w->kernel_poll);
    uv_poll_stop(&w->guardian_poll);
    if (w->runner >= 0) {
        uv_poll_stop(&w->runner_poll);
    }
    for (size_t i = 0; i < w->interface_count; i++) {
        interface_close(&w->interfaces[i]);
    }
    runner_finish(w->runner);
    kernel_close(w->kernel);
    if (!recorder_finish(w->recorder, JOURNAL_END_MS)) {
        _exit(w->status); /* exit() would wait for libuv's threads */
    }
    guardian_close(w->guardian);
}

int worker_run(struct config *config, const struct confine_users *users, struct guardian *guardian,
               int ready_fd)
{
    static struct worker w; /* one a process; its handles live as long */
    w.config = config;
    w.guardian = guardian;
    w.virtuals = (struct kernel_virtuals){is_virtual, &w};
    w.host_due_at = w.renew_at = w.dump_from = w.armed = CARP_NEVER;
    w.status = w.runner = -1;

    char why[CONFIG_ERROR_MAX] = "";
    int error = begin_privileged(&w, config, users, ready_fd, why);
    if (error == 0) {
        error = begin(&w, why);
    }
    if (error != 0) {
        log_line(LOG_LEVEL_ERROR, "cannot start: %s", why[0] != '\0' ? why : strerror(-error));
        return 2;
    }
    if (ready_fd >= 0) {
        if (write(ready_fd, "", 1) != 1) {
            log_line(LOG_LEVEL_WARNING, "nobody waited for the start to be over");
        }
        close(ready_fd);
    }
    uv_run(&w.loop, UV_RUN_DEFAULT);
    end(&w);
    return w.status;
}
