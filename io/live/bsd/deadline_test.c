/* Goal: deadline.h's promises, over a timer of libuv. Nothing here asks how long anything takes. */
#include "io/live/deadline.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/live/clock.h"
#include "tools/testkit/testkit.h"

/* A loop with a deadline, a pipe, and what happened in order: d due, r readable, c a check handle
 * after either. */
struct bench {
    uv_loop_t loop;
    struct deadline *deadline;
    uv_poll_t poll;
    uv_check_t check;
    uv_timer_t guard;
    unsigned again; /* so often the check handle sets the deadline anew */
    int ends[2];
    char story[32];
    bool woken;
    carp_instant due_at;
};

static void note(struct bench *b, char what)
{
    size_t size = strlen(b->story);
    if (size + 1 < sizeof b->story) {
        b->story[size] = what;
    }
    b->woken = true;
}

static void on_due(void *self)
{
    struct bench *b = self;
    b->due_at = clock_now();
    note(b, 'd');
}

static void on_readable(uv_poll_t *handle, int status, int events)
{
    char byte;
    struct bench *b = handle->data;
    (void)status, (void)events;
    EXPECT_INT(1, read(b->ends[0], &byte, 1));
    note(b, 'r');
}

static void on_check(uv_check_t *handle)
{
    struct bench *b = handle->data;
    if (b->woken) {
        note(b, 'c');
        b->woken = false;
        if (b->again > 0) {
            b->again -= 1;
            deadline_set(b->deadline, clock_now());
        } else {
            uv_stop(&b->loop);
        }
    }
}

/* So that a test that fails does so soon. */
static void on_guard(uv_timer_t *handle)
{
    struct bench *b = handle->data;
    note(b, '!');
    b->woken = false;
    uv_stop(handle->loop);
}

static struct bench *begin(void)
{
    struct bench *b = calloc(1, sizeof *b);
    EXPECT_INT(0, uv_loop_init(&b->loop));
    EXPECT_INT(0, deadline_open(&b->deadline, &b->loop, on_due, b));
    EXPECT_INT(0, pipe(b->ends));
    uv_poll_init(&b->loop, &b->poll, b->ends[0]);
    uv_check_init(&b->loop, &b->check);
    uv_timer_init(&b->loop, &b->guard);
    b->poll.data = b->check.data = b->guard.data = b;
    uv_poll_start(&b->poll, UV_READABLE, on_readable);
    uv_check_start(&b->check, on_check);
    return b;
}

/* Once: until something happened, and the check handle had its say; or for so long. */
static void run(struct bench *b, unsigned guard_ms)
{
    uv_update_time(&b->loop);
    uv_timer_start(&b->guard, on_guard, guard_ms, 0);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    uv_timer_stop(&b->guard);
}

static void close_one(uv_handle_t *handle, void *self)
{
    (void)self;
    uv_close(handle, NULL);
}

static void end(struct bench *b)
{
    uv_walk(&b->loop, close_one, NULL);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    EXPECT_INT(0, uv_loop_close(&b->loop));
    close(b->ends[0]);
    close(b->ends[1]);
    free(b->deadline);
    free(b);
}

static carp_instant in_us(unsigned us)
{
    return instant_add(clock_now(), (carp_duration){us * UINT64_C(1000)});
}

/* The check handle runs after it although nothing became readable: the loop does not wait. */
TEST_CASE(deadline, is_due_once_never_early_and_the_check_handles_run)
{
    static const unsigned after_us[] = {0, 1, 300, 999, 1000, 1001, 2500};
    for (size_t i = 0; i < sizeof after_us / sizeof after_us[0]; i++) {
        struct bench *b = begin();
        carp_instant at = in_us(after_us[i]);
        deadline_set(b->deadline, at);
        run(b, 5000);
        EXPECT_STR("dc", b->story);
        EXPECT_TRUE(!instant_before(b->due_at, at));
        EXPECT_TRUE(uv_backend_timeout(&b->loop) != 0); /* from now on it sleeps */
        run(b, 5);                                      /* and not again */
        EXPECT_STR("dc!", b->story);
        end(b);
    }
}

static void on_idle(uv_idle_t *handle)
{
    (void)handle;
}

/* The loop's own time is in whole milliseconds; one that never sleeps sees each of them begin. */
TEST_CASE(deadline, is_not_early_in_a_busy_loop)
{
    struct bench *b = begin();
    uv_idle_t busy;
    uv_idle_init(&b->loop, &busy);
    uv_idle_start(&busy, on_idle);
    for (unsigned i = 0; i < 100; i++) {
        carp_instant at = in_us(100 + 17 * i);
        memset(b->story, 0, sizeof b->story);
        deadline_set(b->deadline, at);
        run(b, 5000);
        EXPECT_STR("dc", b->story);
        EXPECT_TRUE(!instant_before(b->due_at, at));
    }
    end(b);
}

TEST_CASE(deadline, what_is_readable_is_looked_at_in_the_same_turn)
{
    struct bench *b = begin();
    EXPECT_INT(1, write(b->ends[1], "", 1));
    deadline_set(b->deadline, clock_now());
    uv_sleep(2);
    run(b, 5000);
    /* Either first, but both before the check handle. */
    EXPECT_TRUE(strcmp(b->story, "drc") == 0 || strcmp(b->story, "rdc") == 0);
    end(b);
}

TEST_CASE(deadline, the_next_one_takes_the_place_of_the_last)
{
    struct bench *b = begin();
    deadline_set(b->deadline, in_us(1000));
    deadline_set(b->deadline, CARP_NEVER);
    run(b, 20);
    EXPECT_STR("!", b->story);
    deadline_set(b->deadline, in_us(1000));
    deadline_set(b->deadline, instant_add(clock_now(), CARP_SECONDS(366 * 86400)));
    run(b, 20);
    EXPECT_STR("!!", b->story);
    deadline_set(b->deadline, in_us(1000));
    run(b, 5000);
    EXPECT_STR("!!dc", b->story);
    end(b);
}

/* As a worker does whose work is not done yet. */
TEST_CASE(deadline, may_be_set_again_by_a_check_handle)
{
    struct bench *b = begin();
    b->again = 3;
    deadline_set(b->deadline, clock_now());
    run(b, 5000);
    EXPECT_STR("dcdcdcdc", b->story);
    end(b);
}

/* Left are the handles of the bench; without those, none. */
TEST_CASE(deadline, a_loop_without_other_work_ends_when_it_is_stopped)
{
    struct bench *b = begin();
    uv_poll_stop(&b->poll);
    uv_check_stop(&b->check);
    deadline_set(b->deadline, clock_now());
    uv_sleep(2);
    uv_run(&b->loop, UV_RUN_NOWAIT);
    EXPECT_STR("d", b->story);
    deadline_set(b->deadline, in_us(60000000));
    EXPECT_TRUE(uv_loop_alive(&b->loop) != 0);
    deadline_stop(b->deadline);
    EXPECT_TRUE(uv_loop_alive(&b->loop) == 0);
    end(b);
}
