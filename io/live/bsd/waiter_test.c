/* Goal: waiter.h's promises over kqueue(2). Where there is none, on_linux/ stands for it: what is
 * tested there is what waiter.c makes of it. */
#include "io/live/waiter.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/live/clock.h"
#include "tools/testkit/testkit.h"

/* Both signals blocked, as the guardian has them. */
struct bench {
    sigset_t signals, before;
    struct waiter *waiter;
    int queue; /* what number it has */
    int ends[2];
};

static void begin(struct bench *b)
{
    sigemptyset(&b->signals);
    sigaddset(&b->signals, SIGUSR1);
    sigaddset(&b->signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &b->signals, &b->before);
    EXPECT_INT(0, pipe(b->ends));
    b->queue = dup(b->ends[0]); /* which is free again, and so what comes next */
    close(b->queue);
    EXPECT_INT(0, waiter_open(&b->waiter, &b->signals));
}

static void end(struct bench *b)
{
    waiter_close(b->waiter);
    waiter_close(NULL);
    close(b->ends[0]);
    close(b->ends[1]);
    sigprocmask(SIG_SETMASK, &b->before, NULL);
}

/* What it tells by now: one number, 0 for none, or -1 for more than one. */
static int told(struct bench *b)
{
    struct waiter_signal signal = {0}, more;
    if (waiter_signal(b->waiter, &signal) != 1) {
        return 0;
    }
    EXPECT_TRUE(!signal.from_terminal);
    return waiter_signal(b->waiter, &more) == 0 ? signal.number : -1;
}

TEST_CASE(waiter, tells_of_each_signal_once)
{
    struct bench b;
    begin(&b);
    EXPECT_INT(0, told(&b));
    kill(getpid(), SIGUSR1); /* before it waits */
    waiter_wait(b.waiter, -1, CARP_NEVER);
    EXPECT_INT(SIGUSR1, told(&b));
    EXPECT_INT(0, told(&b));

    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGCHLD);
    struct waiter_signal first, second;
    waiter_wait(b.waiter, -1, CARP_NEVER);
    EXPECT_INT(1, waiter_signal(b.waiter, &first));
    waiter_wait(b.waiter, -1, CARP_NEVER); /* there is one left */
    EXPECT_INT(1, waiter_signal(b.waiter, &second));
    EXPECT_INT(SIGUSR1 + SIGCHLD, first.number + second.number);
    EXPECT_INT(0, told(&b));
    end(&b);
}

TEST_CASE(waiter, a_child_that_ends_wakes_it)
{
    struct bench b;
    begin(&b);
    pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    waiter_wait(b.waiter, b.ends[0], CARP_NEVER);
    EXPECT_INT(SIGCHLD, told(&b));
    EXPECT_INT(child, waitpid(child, NULL, 0));
    end(&b);
}

TEST_CASE(waiter, what_is_readable_or_closed_wakes_it)
{
    struct bench b;
    char byte;
    begin(&b);
    for (int i = 0; i < 2; i++) { /* once more: it is waited for anew each time */
        EXPECT_INT(1, write(b.ends[1], "", 1));
        waiter_wait(b.waiter, b.ends[0], CARP_NEVER);
        EXPECT_INT(0, told(&b));
        EXPECT_INT(1, read(b.ends[0], &byte, 1));
    }
    close(b.ends[1]);
    waiter_wait(b.waiter, b.ends[0], CARP_NEVER);
    EXPECT_INT(0, read(b.ends[0], &byte, 1));
    b.ends[1] = dup(b.ends[0]);
    end(&b);
}

TEST_CASE(waiter, the_instant_ends_it)
{
    struct bench b;
    begin(&b);
    carp_instant at = instant_add(clock_now(), CARP_MILLISECONDS(2));
    while (instant_before(clock_now(), at)) {
        waiter_wait(b.waiter, b.ends[0], at);
    }
    waiter_wait(b.waiter, b.ends[0], at); /* over already */
    waiter_wait(b.waiter, -1, (carp_instant){0});
    EXPECT_INT(0, told(&b));
    end(&b);
}

/* It may return earlier, but not again and again for what is not waited for any more. */
TEST_CASE(waiter, sleeps_while_what_it_no_longer_waits_for_is_readable)
{
    struct bench b;
    unsigned returns = 0;
    begin(&b);
    EXPECT_INT(1, write(b.ends[1], "", 1));
    waiter_wait(b.waiter, b.ends[0], CARP_NEVER);
    carp_instant at = instant_add(clock_now(), CARP_MILLISECONDS(20));
    while (instant_before(clock_now(), at)) {
        waiter_wait(b.waiter, -1, at);
        returns += 1;
    }
    EXPECT_TRUE(returns < 20);
    end(&b);
}

/* The queue is not inherited, so that its number may be another file's by then. */
TEST_CASE(waiter, a_child_that_closes_it_closes_nothing_else)
{
    struct bench b;
    int status = 0;
    begin(&b);
    pid_t child = fork();
    if (child == 0) {
        bool there = dup2(b.ends[0], b.queue) == b.queue;
        waiter_close(b.waiter);
        _exit(there && fcntl(b.queue, F_GETFD) >= 0 ? 0 : 1);
    }
    EXPECT_INT(child, waitpid(child, &status, 0));
    EXPECT_INT(0, status);
    end(&b);
    EXPECT_INT(-1, fcntl(b.queue, F_GETFD));
}
