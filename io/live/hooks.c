#include "io/live/hooks.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/live/clock.h"
#include "io/live/command.h"
#include "io/live/log.h"

/* After the time limit the command is asked to end, and so much later it is killed. One that cannot
 * be started, as when memory or processes are short, is tried again so often, so much later. */
enum { KILL_AFTER_MS = 2000, AGAIN_AFTER_MS = 1000, TRIES_MAX = 5 };

/* So short a time ago the guardian may have run a down command before the up command was through.
 */
#define JUST_NOW CARP_SECONDS(1)

enum wish { WISH_NONE, WISH_DOWN, WISH_UP };

/* A command that runs; freed when both handles are closed. */
struct running {
    uv_process_t process;
    uv_timer_t timer;
    struct hook *hook;
    carp_instant since;
    bool asked_to_end;
    int handles;
};

/* A command that is to be tried again; freed when the handle is closed. */
struct again {
    uv_timer_t timer;
    struct hook *hook;
};

struct hook {
    const struct config_group *group;
    struct hooks *hooks;
    struct running *running; /* NULL: nothing */
    struct again *again;     /* NULL: nothing is to be tried again */
    unsigned tries;          /* of the command that could not be started */
    enum wish current;       /* what runs, or ran last */
    enum wish next;          /* what to run afterwards */
    carp_instant ended;      /* what ran last */
    struct log_limit begins, ends;
};

struct hooks {
    uv_loop_t *loop;
    size_t count;
    struct hook at[];
};

static void begin(struct hook *hook, enum wish wish);

static const char *word(enum wish wish)
{
    return wish == WISH_UP ? "up" : "down";
}

static void on_closed(uv_handle_t *handle)
{
    struct running *running = handle->data;
    running->handles -= 1;
    if (running->handles == 0) {
        free(running);
    }
}

static void free_again(uv_handle_t *handle)
{
    free(handle->data);
}

static void stop_trying(struct hook *hook)
{
    if (hook->again != NULL) {
        uv_close((uv_handle_t *)&hook->again->timer, free_again);
        hook->again = NULL;
    }
}

static void on_again(uv_timer_t *timer)
{
    struct again *again = timer->data;
    struct hook *hook = again->hook;
    stop_trying(hook);
    begin(hook, hook->current);
}

/* It could not be started; for the moment, it is hoped. */
static void try_again(struct hook *hook)
{
    struct again *again = hook->tries < TRIES_MAX ? calloc(1, sizeof *again) : NULL;
    if (again == NULL) {
        return;
    }
    *again = (struct again){.hook = hook};
    uv_timer_init(hook->hooks->loop, &again->timer);
    again->timer.data = again;
    uv_timer_start(&again->timer, on_again, AGAIN_AFTER_MS, 0);
    hook->again = again;
}

static void tell_end(const struct hook *hook, const struct running *running, int64_t status,
                     int signal)
{
    double seconds = (double)instant_since(clock_now(), running->since).ns / 1e9;
    if (signal != 0) {
        log_line(LOG_LEVEL_ERROR, "%s: the %s command ended after %.1f s by signal %d (%s)%s",
                 hook->group->name, word(hook->current), seconds, signal, strsignal(signal),
                 running->asked_to_end ? ": its time was over" : "");
    } else {
        log_line(status == 0 ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
                 "%s: the %s command ended after %.1f s with status %d", hook->group->name,
                 word(hook->current), seconds, (int)status);
    }
}

static void on_exit_status(uv_process_t *process, int64_t status, int signal)
{
    struct running *running = process->data;
    struct hook *hook = running->hook;
    if (log_allow_change(&hook->ends, clock_now())) {
        tell_end(hook, running, status, signal);
    }
    hook->running = NULL;
    hook->ended = clock_now();
    uv_close((uv_handle_t *)&running->timer, on_closed);
    uv_close((uv_handle_t *)process, on_closed);

    enum wish next = hook->next;
    hook->next = WISH_NONE;
    if (next != WISH_NONE && next != hook->current) {
        begin(hook, next);
    }
}

static void on_time_over(uv_timer_t *timer)
{
    struct running *running = timer->data;
    kill(-running->process.pid, running->asked_to_end ? SIGKILL : SIGTERM);
    running->asked_to_end = true;
    uv_timer_start(timer, on_time_over, KILL_AFTER_MS, 0);
}

/* As its own process group, so that a time limit ends what it started too. */
static int spawn(struct hook *hook, struct running *running, const struct command *command)
{
    uv_stdio_container_t stdio[3] = {
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = STDOUT_FILENO},
        {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO},
    };
    uv_process_options_t options = {
        .file = command->arguments[0],
        .args = (char **)(uintptr_t)command->arguments,
        .env = (char **)(uintptr_t)command->environment,
        .flags = UV_PROCESS_DETACHED,
        .exit_cb = on_exit_status,
        .stdio = stdio,
        .stdio_count = 3,
    };
    return uv_spawn(hook->hooks->loop, &running->process, &options);
}

static void tell_failure(struct hook *hook, const struct command *command, const char *why)
{
    if (!log_allow_change(&hook->ends, clock_now())) {
        return;
    }
    log_line(LOG_LEVEL_ERROR, "Unable to exec %s %s %s: %s", command->arguments[0],
             command->arguments[1], command->arguments[2], why);
}

static void start(struct hook *hook, struct running *running, const struct command *command)
{
    *running = (struct running){.hook = hook, .since = clock_now(), .handles = 2};
    running->process.data = running->timer.data = running;
    int error = spawn(hook, running, command);
    uv_timer_init(hook->hooks->loop, &running->timer);
    if (error == 0) {
        hook->running = running;
        hook->tries = 0;
        uv_timer_start(&running->timer, on_time_over, hook->group->command_timeout.ns / 1000000, 0);
    } else {
        tell_failure(hook, command, uv_strerror(error));
        uv_close((uv_handle_t *)&running->timer, on_closed);
        uv_close((uv_handle_t *)&running->process, on_closed);
        try_again(hook);
    }
}

/* What was fine at the start is looked at again: it may have been changed. */
static void begin(struct hook *hook, enum wish wish)
{
    char error[CONFIG_ERROR_MAX];
    struct command *command = command_make(hook->group, wish == WISH_UP);
    struct running *running = calloc(1, sizeof *running);
    hook->current = wish;
    hook->tries += 1;
    if (command == NULL || running == NULL) {
        if (log_allow_change(&hook->begins, clock_now())) {
            log_line(LOG_LEVEL_ERROR, "%s: no memory to run the %s command", hook->group->name,
                     word(wish));
        }
        free(running);
        try_again(hook);
    } else if (command->arguments[0] == NULL) {
        free(running); /* this one is not configured */
    } else {
        if (log_allow_change(&hook->begins, clock_now())) {
            log_line(LOG_LEVEL_WARNING, "Spawning [%s %s %s%s%s]", command->arguments[0],
                     command->arguments[1], command->arguments[2],
                     command->arguments[3] == NULL ? "" : " ",
                     command->arguments[3] == NULL ? "" : command->arguments[3]);
        }
        if (command_check(command->arguments[0], geteuid(), error) == 0) {
            start(hook, running, command);
        } else {
            tell_failure(hook, command, error);
            free(running);
            try_again(hook);
        }
    }
    free(command);
}

int hooks_open(struct hooks **hooks, uv_loop_t *loop, const struct config_group *groups,
               size_t group_count)
{
    struct hooks *made = calloc(1, sizeof *made + group_count * sizeof made->at[0]);
    if (made == NULL) {
        return UV_ENOMEM;
    }
    made->loop = loop;
    made->count = group_count;
    for (size_t i = 0; i < group_count; i++) {
        made->at[i] = (struct hook){.group = &groups[i], .hooks = made};
    }
    *hooks = made;
    return 0;
}

void hooks_want(struct hooks *hooks, unsigned group, bool up)
{
    struct hook *hook = &hooks->at[group];
    enum wish wish = up ? WISH_UP : WISH_DOWN;
    if (hook->running != NULL) {
        hook->next = wish;
    } else {
        stop_trying(hook);
        hook->tries = 0;
        begin(hook, wish);
    }
}

void hooks_abandon(struct hooks *hooks)
{
    for (size_t i = 0; i < hooks->count; i++) {
        struct hook *hook = &hooks->at[i];
        bool just_ended = instant_since(clock_now(), hook->ended).ns < JUST_NOW.ns;
        bool maybe_up = hook->current == WISH_UP && (hook->again != NULL || just_ended);
        if (hook->running != NULL || maybe_up) {
            hooks_want(hooks, (unsigned)i, false);
        }
    }
}

void hooks_free(struct hooks *hooks)
{
    for (size_t i = 0; i < hooks->count; i++) {
        stop_trying(&hooks->at[i]);
    }
    free(hooks);
}
