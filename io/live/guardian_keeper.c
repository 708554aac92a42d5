#include "io/live/guardian_keeper.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/live/clock.h"
#include "io/live/guardian_down.h"
#include "io/live/guardian_message.h"
#include "io/live/log.h"
#include "io/live/wire.h"

/* The pulse is felt no more often than this, however short the patience: four wake-ups a second. */
#define PATIENCE_MIN CARP_MILLISECONDS(250)
#define PATIENCE_MAX CARP_SECONDS(86400)

/* A farewell this long after the patience ended is none: others hold the address by now, and those
 * that listen to them would be roused for nothing. */
#define FAREWELL_LATE CARP_SECONDS(1)

/* How long a worker that was told to stop may take, commands aside; and to die once killed. */
#define STOP_LIMIT CARP_SECONDS(5)
#define KILL_LIMIT CARP_SECONDS(1)

/* When the worker does not read, what we have to tell it is tried again after this. */
#define TELL_AGAIN CARP_MILLISECONDS(250)

enum { EXIT_CANNOT_RUN = 2 };

struct kept {
    struct guardian_message *hold; /* owned, no longer than its contents; NULL: not held */
    uint32_t released;             /* the serial that we released last; 0: none */
    bool untold;                   /* and the worker does not know */
    struct guardian_down down;
    bool down_again;     /* the one that runs was started for an earlier release */
    bool farewell_waits; /* for the down command to end; `hold` is kept until then */
    carp_instant farewell_until;
};

enum worker_state {
    WORKER_RUNS,
    WORKER_STOPS,  /* told to; `limit` is when it is killed */
    WORKER_KILLED, /* `limit` is when we go on without its death */
    WORKER_GONE,
};

struct keeper {
    const struct guardian_setup *setup;
    struct guardian_tools *tools;
    const struct guardian_pulse *pulse;
    struct kept *groups;
    pid_t worker;
    enum worker_state state;
    carp_instant limit;
    int status; /* of the exit */
    bool complained;
    bool deaf; /* to signals, so it is no orderly end */
    struct log_limit farewells, removals, memory, silences;
    unsigned downs;    /* commands that run */
    unsigned released; /* groups, at the worker's end */
};

static const char *name_of(const struct keeper *k, const struct kept *g)
{
    return k->setup->groups[g - k->groups].name;
}

/* --- releasing ------------------------------------------------------------------------------- */

static void say_farewell(struct keeper *k, const struct kept *g)
{
    for (int i = 0; i < 2; i++) {
        size_t size = g->hold->farewell_size[i];
        int error =
            size == 0 ? 0 : raw_send(k->tools->raw, g->hold->ifindex, g->hold->farewell[i], size);
        if (error != 0 && log_allow(&k->farewells, clock_now())) {
            log_line(LOG_LEVEL_WARNING, "%s: guardian: cannot send the farewell: %s", name_of(k, g),
                     strerror(-error));
        }
    }
}

/* What is left to do once the addresses are gone. */
static void finish_release(struct keeper *k, struct kept *g, carp_instant now)
{
    if (instant_before(now, g->farewell_until)) {
        say_farewell(k, g);
    }
    free(g->hold);
    g->hold = NULL;
    g->farewell_waits = false;
}

static void start_down(struct keeper *k, struct kept *g, carp_instant now)
{
    if (k->downs >= GUARDIAN_DOWN_MAX) {
        g->down.stage = DOWN_WAITS;
        g->down.next = CARP_NEVER;
    } else if (guardian_down_start(&g->down, &k->setup->groups[g - k->groups], k->setup->run_as,
                                   now) == 0) {
        k->downs += 1;
    } else {
        finish_release(k, g, now);
    }
}

static void remove_addresses(struct keeper *k, struct kept *g)
{
    int error = 0;
    for (int tries = 0; tries < 2; tries++) {
        error = kernel_remove(k->tools->kernel, g->hold->addresses, g->hold->address_count, NULL);
        if (error == 0) {
            return;
        }
    }
    if (log_allow(&k->removals, clock_now())) {
        log_line(LOG_LEVEL_ERROR, "%s: guardian: cannot remove an address: %s; the kernel will",
                 name_of(k, g), strerror(-error));
    }
}

static carp_instant last_beat(const struct keeper *k, carp_instant now)
{
    carp_instant beat = {atomic_load_explicit(&k->pulse->beat_ns, memory_order_relaxed)};
    return instant_min(beat, now);
}

/* Addresses first, farewell second: whoever takes over on hearing it meets no duplicate. */
static void release(struct keeper *k, struct kept *g, carp_instant now)
{
    carp_duration patience = {g->hold->patience_ns + FAREWELL_LATE.ns};
    g->released = g->hold->serial;
    g->farewell_until = instant_add(last_beat(k, now), patience);
    if (k->setup->groups[g - k->groups].down == NULL) {
        remove_addresses(k, g);
        finish_release(k, g, now);
    } else {
        g->farewell_waits = true;
        g->down_again = g->down.stage != DOWN_IDLE;
        if (!g->down_again) {
            start_down(k, g, now);
        }
    }
}

static bool is_held(const struct kept *g)
{
    return g->hold != NULL && !g->farewell_waits;
}

/* Those with commands come last, for starting one takes longer than removing many addresses. */
static void release_all(struct keeper *k, carp_instant now)
{
    for (int commands = 0; commands < 2; commands++) {
        for (unsigned i = 0; i < k->setup->group_count; i++) {
            bool has_command = k->setup->groups[i].down != NULL;
            if (is_held(&k->groups[i]) && has_command == (commands == 1)) {
                release(k, &k->groups[i], now);
                k->released += 1;
            }
        }
    }
}

/* --- the worker's words ---------------------------------------------------------------------- */

static void tell_released(struct keeper *k, struct kept *g)
{
    struct guardian_message message = {
        .type = GUARDIAN_RELEASED,
        .group = (uint32_t)(g - k->groups),
        .serial = g->released,
    };
    int error = wire_tell(k->tools->worker, &message, guardian_message_size(&message));
    g->untold = error == -EAGAIN || error == -ENOBUFS || error == -ENOMEM;
}

static void on_hold(struct keeper *k, const struct guardian_message *message)
{
    struct kept *g = &k->groups[message->group];
    if (message->serial == g->released) {
        return; /* it crossed our RELEASED on its way */
    }
    size_t size = guardian_message_size(message);
    struct guardian_message *copy = (struct guardian_message *)malloc(size);
    if (copy == NULL) {
        if (log_allow(&k->memory, clock_now())) {
            log_line(LOG_LEVEL_ERROR, "%s: guardian: out of memory, so it must not be held",
                     name_of(k, g));
        }
        g->released = message->serial;
        tell_released(k, g);
        return;
    }
    memcpy(copy, message, size);
    if (copy->patience_ns < PATIENCE_MIN.ns) {
        copy->patience_ns = PATIENCE_MIN.ns;
    } else if (copy->patience_ns > PATIENCE_MAX.ns) {
        copy->patience_ns = PATIENCE_MAX.ns;
    }
    /* A down command may still run for an earlier time; the group is held again, so its farewell
     * would be a lie. */
    g->farewell_waits = false;
    if (g->down.stage == DOWN_WAITS) {
        g->down.stage = DOWN_IDLE;
    }
    free(g->hold);
    g->hold = copy;
}

static void on_drop(struct keeper *k, const struct guardian_message *message)
{
    struct kept *g = &k->groups[message->group];
    if (is_held(g)) {
        free(g->hold);
        g->hold = NULL;
    }
}

/* Everything it has said; nothing more is to come when it is dead. */
static void hear_worker(struct keeper *k)
{
    struct guardian_message message;
    while (k->tools->worker >= 0) {
        ssize_t size = wire_hear(k->tools->worker, &message, sizeof message);
        if (size == -EAGAIN) {
            return;
        }
        if (size <= 0 && size != -EMSGSIZE) {
            close(k->tools->worker);
            k->tools->worker = -1;
            return;
        }
        bool ok = size > 0 && guardian_message_ok(&message, (size_t)size, k->setup->groups,
                                                  k->setup->group_count);
        if (!ok && !k->complained) {
            log_line(LOG_LEVEL_ERROR, "guardian: the worker sent nonsense; ignored");
            k->complained = true;
        } else if (ok && message.type == GUARDIAN_HOLD) {
            on_hold(k, &message);
        } else if (ok) {
            on_drop(k, &message);
        }
    }
}

/* --- its pulse ------------------------------------------------------------------------------- */

/* Release what has been without a beat for too long; returns when to look again. */
static carp_instant feel_pulse(struct keeper *k, carp_instant now)
{
    carp_instant next = CARP_NEVER;
    carp_instant beat = last_beat(k, now);
    const struct kept *first = NULL;
    unsigned count = 0;
    for (unsigned i = 0; i < k->setup->group_count; i++) {
        struct kept *g = &k->groups[i];
        if (!is_held(g)) {
            continue;
        }
        carp_instant end = instant_add(beat, (carp_duration){g->hold->patience_ns});
        if (instant_before(now, end)) {
            next = instant_min(next, end);
            continue;
        }
        release(k, g, now);
        tell_released(k, g);
        first = first == NULL ? g : first;
        count += 1;
    }
    if (count > 0 && log_allow(&k->silences, now)) {
        log_line(
            LOG_LEVEL_ERROR,
            "guardian: the worker did not run for %" PRIu64 " ms; released %u group%s, first %s",
            instant_since(now, beat).ns / 1000000, count, count == 1 ? "" : "s", name_of(k, first));
    }
    return next;
}

static carp_instant tell_again(struct keeper *k, carp_instant now)
{
    carp_instant next = CARP_NEVER;
    for (unsigned i = 0; k->tools->worker >= 0 && i < k->setup->group_count; i++) {
        if (k->groups[i].untold) {
            tell_released(k, &k->groups[i]);
        }
        if (k->groups[i].untold) {
            next = instant_add(now, TELL_AGAIN);
        }
    }
    return next;
}

/* --- its end --------------------------------------------------------------------------------- */

static void on_worker_end(struct keeper *k, int status, carp_instant now)
{
    hear_worker(k);
    release_all(k, now);
    k->state = WORKER_GONE;
    if (WIFEXITED(status)) {
        k->status = k->deaf ? 1 : WEXITSTATUS(status);
        if (k->released > 0) {
            log_line(LOG_LEVEL_ERROR, "guardian: the worker exited with %d; released %u group%s",
                     k->status, k->released, k->released == 1 ? "" : "s");
        }
        return;
    }
    k->status = 1;
    log_line(
        LOG_LEVEL_ERROR, "guardian: the worker was killed by signal %d (%s); released %u group%s",
        WTERMSIG(status), strsignal(WTERMSIG(status)), k->released, k->released == 1 ? "" : "s");
}

static void on_down_end(struct keeper *k, pid_t pid, int status, carp_instant now)
{
    for (unsigned i = 0; i < k->setup->group_count; i++) {
        struct kept *g = &k->groups[i];
        if (g->down.stage < DOWN_RUNS || g->down.pid != pid) {
            continue;
        }
        guardian_down_ended(&g->down, &k->setup->groups[i], status, now);
        k->downs -= 1;
        if (g->farewell_waits && g->down_again) {
            g->down_again = false;
            start_down(k, g, now);
        } else if (g->farewell_waits) {
            finish_release(k, g, now);
        }
    }
}

static void reap(struct keeper *k, carp_instant now)
{
    int status;
    for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG)) {
        if (pid == k->worker) {
            on_worker_end(k, status, now);
        } else {
            on_down_end(k, pid, status, now);
        }
    }
}

static carp_duration longest_command(const struct guardian_setup *setup)
{
    carp_duration longest = {0};
    for (unsigned i = 0; i < setup->group_count; i++) {
        longest = duration_max(longest, setup->groups[i].time_limit);
    }
    return longest;
}

/* It was told to stop, or is. */
static void stop_worker(struct keeper *k, carp_instant now)
{
    k->state = WORKER_STOPS;
    k->limit = instant_add(instant_add(now, STOP_LIMIT), longest_command(k->setup));
}

static void pass_on(struct keeper *k, const struct waiter_signal *signal, carp_instant now)
{
    if (k->state == WORKER_GONE) {
        return;
    }
    if (!signal->from_terminal) {
        kill(k->worker, signal->number);
    }
    if ((signal->number == SIGTERM || signal->number == SIGINT) && k->state == WORKER_RUNS) {
        stop_worker(k, now);
    }
}

/* Nobody could stop us any more, and the worker's death would go unseen: so it is to end, and is
 * looked for on each wake-up. */
static void lose_signals(struct keeper *k, int error, carp_instant now)
{
    if (k->state == WORKER_RUNS) {
        log_line(LOG_LEVEL_ERROR, "guardian: cannot read signals: %s; ending the worker",
                 strerror(error));
        stop_worker(k, now);
        kill(k->worker, SIGTERM);
        k->deaf = true;
    }
    reap(k, now);
}

static void on_signals(struct keeper *k, carp_instant now)
{
    struct waiter_signal signal;
    int got;
    while ((got = waiter_signal(k->tools->waiter, &signal)) > 0) {
        if (signal.number == SIGCHLD) {
            reap(k, now);
        } else {
            pass_on(k, &signal, now);
        }
    }
    if (got < 0) {
        lose_signals(k, -got, now);
    }
}

/* Its socket is closed, so it is about to be gone; nothing is to be held for it until then. */
static void on_silence(struct keeper *k, carp_instant now)
{
    release_all(k, now);
    if (k->state == WORKER_RUNS) {
        k->state = WORKER_STOPS;
        k->limit = instant_add(now, STOP_LIMIT);
    }
}

/* A worker that does not end is ended; one that cannot even be killed is left to its fate. */
static carp_instant insist(struct keeper *k, carp_instant now)
{
    if (k->state != WORKER_STOPS && k->state != WORKER_KILLED) {
        return CARP_NEVER;
    }
    if (instant_before(now, k->limit)) {
        return k->limit;
    }
    if (k->state == WORKER_STOPS) {
        log_line(LOG_LEVEL_ERROR, "guardian: the worker does not stop; killing it");
        kill(k->worker, SIGKILL);
        k->state = WORKER_KILLED;
        k->limit = instant_add(now, KILL_LIMIT);
        return k->limit;
    }
    log_line(LOG_LEVEL_ERROR, "guardian: the worker does not even die; going on without it");
    release_all(k, now);
    k->state = WORKER_GONE;
    k->status = 1;
    return CARP_NEVER;
}

/* --- the loop -------------------------------------------------------------------------------- */

/* Start what waits, stop what takes too long; returns when to look again. */
static carp_instant tend_downs(struct keeper *k, carp_instant now)
{
    carp_instant next = CARP_NEVER;
    for (unsigned i = 0; i < k->setup->group_count; i++) {
        struct kept *g = &k->groups[i];
        if (g->down.stage == DOWN_WAITS && k->downs < GUARDIAN_DOWN_MAX) {
            start_down(k, g, now);
        }
        if (g->down.stage >= DOWN_RUNS) {
            next = instant_min(next, guardian_down_due(&g->down, &k->setup->groups[i], now));
        }
    }
    return next;
}

/* One wake-up; returns the next one at the latest. The order matters: what the worker said counts
 * before its pulse or its death is judged. */
static carp_instant turn(struct keeper *k)
{
    bool was_open = k->tools->worker >= 0;
    carp_instant now = clock_now();
    on_signals(k, now);
    hear_worker(k);
    if (was_open && k->tools->worker < 0 && k->state != WORKER_GONE) {
        on_silence(k, now);
    }
    carp_instant next = feel_pulse(k, now);
    next = instant_min(next, tell_again(k, now));
    next = instant_min(next, insist(k, now));
    return instant_min(next, tend_downs(k, now));
}

static bool downs_left(const struct keeper *k)
{
    for (unsigned i = 0; i < k->setup->group_count; i++) {
        if (k->groups[i].down.stage != DOWN_IDLE) {
            return true;
        }
    }
    return false;
}

int guardian_keep(const struct guardian_setup *setup, struct guardian_tools *tools,
                  const struct guardian_pulse *pulse, pid_t worker)
{
    struct keeper k = {
        .setup = setup,
        .tools = tools,
        .pulse = pulse,
        .worker = worker,
        .groups = (struct kept *)calloc(setup->group_count, sizeof(struct kept)),
    };
    if (k.groups == NULL) {
        log_line(LOG_LEVEL_ERROR, "guardian: out of memory");
        kill(worker, SIGKILL);
        return EXIT_CANNOT_RUN;
    }
    while (k.state != WORKER_GONE || downs_left(&k)) {
        carp_instant next = turn(&k);
        if (k.state != WORKER_GONE || downs_left(&k)) {
            waiter_wait(tools->waiter, tools->worker, next);
        }
    }
    for (unsigned i = 0; i < setup->group_count; i++) {
        free(k.groups[i].hold);
    }
    free(k.groups);
    return k.status;
}
