#include "io/live/deadline.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "io/live/clock.h"

struct deadline {
    uv_poll_t poll;
    int timer; /* timerfd */
    void (*due)(void *self);
    void *self;
};

static void on_timer(uv_poll_t *handle, int status, int events)
{
    struct deadline *deadline = handle->data;
    uint64_t expirations;
    (void)status, (void)events;
    if (read(deadline->timer, &expirations, sizeof expirations) > 0) {
        deadline->due(deadline->self);
    }
}

int deadline_open(struct deadline **opened, uv_loop_t *loop, void (*due)(void *self), void *self)
{
    struct deadline *deadline = malloc(sizeof *deadline);
    if (deadline == NULL) {
        return UV_ENOMEM;
    }
    *deadline = (struct deadline){
        .timer = timerfd_create(CLOCK_LIVE, TFD_NONBLOCK | TFD_CLOEXEC), .due = due, .self = self};
    int error = deadline->timer < 0 ? -errno : uv_poll_init(loop, &deadline->poll, deadline->timer);
    if (error != 0) {
        if (deadline->timer >= 0) {
            close(deadline->timer);
        }
        free(deadline);
        return error;
    }
    deadline->poll.data = deadline;
    *opened = deadline;
    return uv_poll_start(&deadline->poll, UV_READABLE, on_timer);
}

void deadline_set(struct deadline *deadline, carp_instant at)
{
    struct itimerspec when = {0}; /* all zero disarms */
    if (at.ns != CARP_NEVER.ns) {
        when.it_value.tv_sec = (time_t)(at.ns / 1000000000);
        when.it_value.tv_nsec = (long)(at.ns % 1000000000);
    }
    int failed = timerfd_settime(deadline->timer, TFD_TIMER_ABSTIME, &when, NULL);
    assert(failed == 0);
}

void deadline_stop(struct deadline *deadline)
{
    uv_poll_stop(&deadline->poll);
}
