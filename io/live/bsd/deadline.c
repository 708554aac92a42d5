/*
 * deadline.h over a timer of libuv, which counts milliseconds of a clock that may stand still while
 * the machine sleeps.
 */
#include "io/live/deadline.h"

#include <stdlib.h>

#include "io/live/clock.h"

/* Longer ones are looked at again meanwhile, should the machine have slept. */
#define LOOK_AGAIN CARP_SECONDS(10)

struct deadline {
    uv_timer_t timer;
    /* A deadline is due in one of two places, according to libuv's version: before it looks for
     * what is readable, or after (1.45 and later). While this handle is active it goes on to look
     * without waiting, and `seen` ends that. */
    uv_idle_t look;
    uv_check_t seen;
    carp_instant at;
    void (*due)(void *self);
    void *self;
};

static void on_timer(uv_timer_t *timer);

static void arm(struct deadline *deadline)
{
    uint64_t ns = instant_since(deadline->at, clock_now()).ns;
    ns = ns < LOOK_AGAIN.ns ? ns : LOOK_AGAIN.ns;
    uv_update_time(deadline->timer.loop); /* from which it counts */
    uv_timer_start(&deadline->timer, on_timer, (ns + 999999) / 1000000, 0);
}

static void on_look(uv_idle_t *handle)
{
    (void)handle;
}

static void on_seen(uv_check_t *handle)
{
    struct deadline *deadline = handle->data;
    uv_idle_stop(&deadline->look);
    uv_check_stop(handle);
}

static void on_timer(uv_timer_t *timer)
{
    struct deadline *deadline = timer->data;
    if (instant_before(clock_now(), deadline->at)) {
        arm(deadline);
        return;
    }
    uv_idle_start(&deadline->look, on_look);
    uv_check_start(&deadline->seen, on_seen);
    deadline->due(deadline->self);
}

int deadline_open(struct deadline **opened, uv_loop_t *loop, void (*due)(void *self), void *self)
{
    struct deadline *deadline = malloc(sizeof *deadline);
    if (deadline == NULL) {
        return UV_ENOMEM;
    }
    *deadline = (struct deadline){.at = CARP_NEVER, .due = due, .self = self};
    uv_timer_init(loop, &deadline->timer);
    uv_idle_init(loop, &deadline->look);
    uv_check_init(loop, &deadline->seen);
    deadline->timer.data = deadline->seen.data = deadline;
    *opened = deadline;
    return 0;
}

void deadline_set(struct deadline *deadline, carp_instant at)
{
    deadline->at = at;
    if (at.ns == CARP_NEVER.ns) {
        uv_timer_stop(&deadline->timer);
    } else {
        arm(deadline);
    }
}

void deadline_stop(struct deadline *deadline)
{
    uv_timer_stop(&deadline->timer);
    uv_idle_stop(&deadline->look);
    uv_check_stop(&deadline->seen);
}
