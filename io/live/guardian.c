#include "io/live/guardian.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io/live/clock.h"
#include "io/live/guardian_keeper.h"
#include "io/live/guardian_message.h"
#include "io/live/wire.h"

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "the pulse is shared between processes");

/* Both sides. */
struct guardian {
    struct guardian_pulse *pulse;

    /* The guardian's. */
    const struct guardian_setup *setup;
    struct guardian_tools tools;
    pid_t worker;

    /* The worker's. */
    int wire;
    unsigned group_count;
    struct {
        uint32_t serial; /* of guardian_message.h */
        bool held;
    } groups[];
};

/* --- the fork -------------------------------------------------------------------------------- */

static void close_tools(struct guardian_tools *tools)
{
    waiter_close(tools->waiter);
    raw_close(tools->raw);
    kernel_close(tools->kernel);
    if (tools->worker >= 0) {
        close(tools->worker);
    }
}

/* What the guardian waits for. SIGPIPE is only kept from ending it: its log may be a pipe. */
static sigset_t guarded_signals(void)
{
    static const int numbers[] = {SIGTERM, SIGINT,  SIGHUP,  SIGQUIT,
                                  SIGUSR1, SIGUSR2, SIGCHLD, SIGPIPE};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        sigaddset(&set, numbers[i]);
    }
    return set;
}

static int open_raw(struct raw **raw, const struct guardian_setup *setup)
{
    int error = raw_open(raw);
    for (unsigned g = 0; error == 0 && g < setup->group_count; g++) {
        error = raw_expect(*raw, setup->groups[g].interface);
    }
    return error;
}

static int open_tools(struct guardian_tools *tools, const struct guardian_setup *setup,
                      int *worker_end)
{
    int ends[2];
    sigset_t signals = guarded_signals();
    sigdelset(&signals, SIGPIPE);
    *tools = (struct guardian_tools){.worker = -1};
    int error = kernel_open(&tools->kernel);
    if (error == 0) {
        error = open_raw(&tools->raw, setup);
    }
    if (error == 0) {
        error = waiter_open(&tools->waiter, &signals);
    }
    if (error == 0) {
        error = wire_open(ends);
    }
    if (error != 0) {
        close_tools(tools);
        return error;
    }
    tools->worker = ends[0];
    *worker_end = ends[1];
    return 0;
}

static int make_guardian(const struct guardian_setup *setup, struct guardian **made)
{
    struct guardian *g = NULL;
    size_t size = sizeof *g + setup->group_count * sizeof g->groups[0];
    g = (struct guardian *)calloc(1, size);
    if (g == NULL) {
        return -ENOMEM;
    }
    void *shared =
        mmap(NULL, sizeof *g->pulse, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        free(g);
        return -ENOMEM;
    }
    g->wire = -1;
    g->pulse = (struct guardian_pulse *)shared;
    g->setup = setup;
    g->group_count = setup->group_count;
    guardian_beat(g, clock_now());
    *made = g;
    return 0;
}

void guardian_stay(struct guardian *guardian)
{
    int status =
        guardian_keep(guardian->setup, &guardian->tools, guardian->pulse, guardian->worker);
    /* Not exit(): what the program registered for its end is the worker's to do. */
    _exit(status);
}

/* A dying process lets go of its highest descriptors first on Linux, and each packet socket takes
 * it some 20 ms: what tells the guardian of the death goes before them. */
static int raise_wire(int wire)
{
    enum { ABOVE_ALL_OTHERS = 200 };
    int raised = fcntl(wire, F_DUPFD_CLOEXEC, ABOVE_ALL_OTHERS);
    if (raised < 0) {
        return wire; /* later, but told */
    }
    close(wire);
    return raised;
}

pid_t guardian_fork(const struct guardian_setup *setup, struct guardian **guardian)
{
    struct guardian *g;
    int error = make_guardian(setup, &g);
    if (error != 0) {
        return error;
    }
    error = open_tools(&g->tools, setup, &g->wire);
    if (error != 0) {
        guardian_close(g);
        return error;
    }
    /* Blocked before the fork, so that not even a worker that dies at once dies unseen; and set
     * before it, because setting takes back a signal that is pending. A worker that is merely
     * stopped is no news; its pulse tells. */
    struct sigaction quiet = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP};
    sigset_t guarded = guarded_signals();
    sigset_t before;
    sigaction(SIGCHLD, &quiet, NULL);
    sigprocmask(SIG_BLOCK, &guarded, &before);
    g->worker = fork();
    if (g->worker > 0) {
        close(g->wire);
        g->wire = -1;
        *guardian = g;
        return g->worker;
    }
    error = g->worker < 0 ? -errno : 0;
    sigprocmask(SIG_SETMASK, &before, NULL);
    close_tools(&g->tools);
    if (error != 0) {
        guardian_close(g);
        return error;
    }
    g->wire = raise_wire(g->wire);
    *guardian = g;
    return 0;
}

/* --- the worker's side ------------------------------------------------------------------------ */

int guardian_hold(struct guardian *guardian, unsigned group, unsigned ifindex,
                  const struct port_guard *guard, const struct kernel_virtual *addresses,
                  size_t count)
{
    if (group >= guardian->group_count || count > GUARDIAN_ADDRESSES_MAX) {
        return -EINVAL;
    }
    bool held = guardian->groups[group].held;
    struct guardian_message message = {
        .type = GUARDIAN_HOLD,
        .group = group,
        .serial = guardian->groups[group].serial + (held ? 0 : 1),
        .ifindex = ifindex,
        .patience_ns = guard->patience.ns,
        .address_count = (uint32_t)count,
    };
    for (int i = 0; i < 2; i++) {
        if (guard->farewell_size[i] > FRAME_MAX) {
            return -EINVAL;
        }
        message.farewell_size[i] = (uint8_t)guard->farewell_size[i];
        memcpy(message.farewell[i], guard->farewell[i], guard->farewell_size[i]);
    }
    if (count > 0) {
        memcpy(message.addresses, addresses, count * sizeof *addresses);
    }
    int error = wire_tell(guardian->wire, &message, guardian_message_size(&message));
    if (error == 0) {
        guardian->groups[group].held = true;
        guardian->groups[group].serial = message.serial;
    }
    return error;
}

int guardian_drop(struct guardian *guardian, unsigned group)
{
    if (group >= guardian->group_count) {
        return -EINVAL;
    }
    if (!guardian->groups[group].held) {
        return 0;
    }
    struct guardian_message message = {
        .type = GUARDIAN_DROP,
        .group = group,
        .serial = guardian->groups[group].serial,
    };
    guardian->groups[group].held = false;
    return wire_tell(guardian->wire, &message, guardian_message_size(&message));
}

void guardian_beat(struct guardian *guardian, carp_instant now)
{
    atomic_store_explicit(&guardian->pulse->beat_ns, now.ns, memory_order_relaxed);
}

int guardian_fd(const struct guardian *guardian)
{
    return guardian->wire;
}

int guardian_read(struct guardian *guardian, unsigned *group)
{
    for (;;) {
        struct guardian_message message;
        ssize_t size = wire_hear(guardian->wire, &message, sizeof message);
        if (size == -EAGAIN) {
            return 0;
        }
        if (size <= 0) {
            return -EPIPE;
        }
        if (message.type != GUARDIAN_RELEASED || message.group >= guardian->group_count ||
            !guardian->groups[message.group].held ||
            guardian->groups[message.group].serial != message.serial) {
            continue; /* of an earlier time: we dropped it ourselves meanwhile */
        }
        guardian->groups[message.group].held = false;
        *group = message.group;
        return 1;
    }
}

void guardian_close(struct guardian *guardian)
{
    if (guardian->wire >= 0) {
        close(guardian->wire);
    }
    munmap(guardian->pulse, sizeof *guardian->pulse);
    free(guardian);
}
