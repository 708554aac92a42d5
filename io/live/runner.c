#include "io/live/runner.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <uv.h>

#include "io/live/helper.h"
#include "io/live/hooks.h"
#include "io/live/log.h"
#include "io/live/system.h"
#include "io/live/wire.h"

enum { EXIT_CANNOT_RUN = 2, ERRORS_MAX = 10 };

/* On a socket that keeps messages apart. */
struct wish {
    uint32_t group;
    uint32_t up;
};

struct runner {
    const struct runner_setup *setup;
    struct hooks *hooks;
    uv_loop_t loop;
    uv_poll_t poll;
    int wire;
    unsigned errors; /* in a row, of reading the wire */
};

/* --- the new process -----------------------------------------------------------------------------
 */

static void on_wish(uv_poll_t *handle, int status, int events)
{
    struct runner *r = handle->data;
    struct wish wish;
    (void)status, (void)events;
    for (;;) {
        ssize_t size = wire_hear(r->wire, &wish, sizeof wish);
        if (size < 0 && (size == -EAGAIN || ++r->errors < ERRORS_MAX)) {
            return; /* what could not be read for now is still there */
        }
        /* Deaf, with a wish unread: the one that does no harm. */
        for (size_t g = 0; size < 0 && g < r->setup->config->group_count; g++) {
            hooks_want(r->hooks, (unsigned)g, false);
        }
        if (size <= 0) {
            hooks_abandon(r->hooks);
            uv_poll_stop(&r->poll); /* so the loop ends with the last command */
            return;
        }
        r->errors = 0;
        if (size == sizeof wish && wish.group < r->setup->config->group_count && wish.up <= 1) {
            hooks_want(r->hooks, wish.group, wish.up == 1);
        }
    }
}

static _Noreturn void fail(const char *why)
{
    log_line(LOG_LEVEL_ERROR, "cannot run commands: %s", why);
    _exit(EXIT_CANNOT_RUN);
}

/* Not exit(): what the program registered for its end is the worker's to do. */
static _Noreturn void run(const struct runner_setup *setup, int wire)
{
    char error[CONFIG_ERROR_MAX];
    struct runner r = {.setup = setup, .wire = wire};
    helper_begin("carpd-commands", setup->config);
    if (confine_runner(setup->run_as, error) != 0) {
        fail(error);
    }
    int failed = uv_loop_init(&r.loop);
    if (failed == 0) {
        failed = hooks_open(&r.hooks, &r.loop, setup->config->groups, setup->config->group_count);
    }
    if (failed == 0) {
        failed = uv_poll_init(&r.loop, &r.poll, wire);
    }
    if (failed != 0) {
        fail(uv_strerror(failed));
    }
    r.poll.data = &r;
    uv_poll_start(&r.poll, UV_READABLE, on_wish);
    uv_run(&r.loop, UV_RUN_DEFAULT);
    _exit(0);
}

int runner_fork(const struct runner_setup *setup)
{
    int ends[2];
    int error = wire_open(ends);
    if (error != 0) {
        return error;
    }
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        for (size_t i = 0; i < setup->not_mine_count; i++) {
            if (setup->not_mine[i] >= 0) {
                close(setup->not_mine[i]);
            }
        }
        run(setup, ends[1]);
    }
    error = -errno;
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return error;
    }
    return ends[0];
}

/* --- the worker's side ---------------------------------------------------------------------------
 */

int runner_want(int wire, unsigned group, bool up)
{
    const struct wish wish = {group, up ? 1 : 0};
    return wire_tell(wire, &wish, sizeof wish);
}

void runner_finish(int wire)
{
    char nothing;
    if (wire < 0) {
        return;
    }
    shutdown(wire, SHUT_WR);
    /* It says nothing, and then it ends. Whoever watched the wire has made it non-blocking. */
    while (recv(wire, &nothing, sizeof nothing, 0) < 0 && (errno == EINTR || errno == EAGAIN)) {
        struct pollfd until_end = {.fd = wire, .events = POLLIN};
        (void)poll(&until_end, 1, -1);
    }
    close(wire);
}
