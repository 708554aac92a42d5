#include "io/live/waiter.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "io/live/clock.h"

struct waiter {
    int signals; /* signalfd */
    int timer;   /* timerfd */
};

int waiter_open(struct waiter **opened, const sigset_t *signals)
{
    struct waiter *waiter = (struct waiter *)malloc(sizeof *waiter);
    if (waiter == NULL) {
        return -ENOMEM;
    }
    waiter->timer = -1;
    waiter->signals = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (waiter->signals >= 0) {
        waiter->timer = timerfd_create(CLOCK_LIVE, TFD_CLOEXEC | TFD_NONBLOCK);
    }
    if (waiter->timer < 0) {
        int error = -errno;
        waiter_close(waiter);
        return error;
    }
    *opened = waiter;
    return 0;
}

void waiter_close(struct waiter *waiter)
{
    if (waiter == NULL) {
        return;
    }
    if (waiter->timer >= 0) {
        close(waiter->timer);
    }
    if (waiter->signals >= 0) {
        close(waiter->signals);
    }
    free(waiter);
}

void waiter_wait(struct waiter *waiter, int fd, carp_instant until)
{
    struct itimerspec when = {{0}, {0}};
    if (until.ns != CARP_NEVER.ns) {
        when.it_value.tv_sec = (time_t)(until.ns / UINT64_C(1000000000));
        when.it_value.tv_nsec = (long)(until.ns % UINT64_C(1000000000));
    }
    int failed = timerfd_settime(waiter->timer, TFD_TIMER_ABSTIME, &when, NULL);
    assert(failed == 0);
    struct pollfd on[] = {
        {.fd = waiter->signals, .events = POLLIN},
        {.fd = waiter->timer, .events = POLLIN},
        {.fd = fd, .events = POLLIN}, /* negative: not waited for */
    };
    (void)poll(on, sizeof on / sizeof on[0], -1);
}

int waiter_signal(struct waiter *waiter, struct waiter_signal *signal)
{
    struct signalfd_siginfo got;
    ssize_t size = read(waiter->signals, &got, sizeof got);
    if (size != (ssize_t)sizeof got) {
        return size < 0 && errno != EAGAIN && errno != EINTR ? -errno : 0;
    }
    signal->number = (int)got.ssi_signo;
    signal->from_terminal =
        got.ssi_code == SI_KERNEL && (signal->number == SIGINT || signal->number == SIGQUIT);
    return 1;
}
