/*
 * waiter.h over kqueue. It records each signal that is sent to us, although they are blocked and
 * SIGCHLD would be ignored by default; of the sender it tells nothing. Source: kqueue(2),
 * EVFILT_SIGNAL.
 */
#include "io/live/waiter.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/types.h>

#include <sys/event.h>
#include <sys/time.h>
#include <unistd.h>

#include "io/live/clock.h"

/* A day at a time, so that no system finds it too long. */
#define WAIT_MAX CARP_SECONDS(86400)

struct waiter {
    int queue;
    pid_t owner; /* a child does not inherit the queue, and may have another file of its number */
    sigset_t pending; /* those that have come and were not told yet */
};

int waiter_open(struct waiter **opened, const sigset_t *signals)
{
    struct waiter *waiter = malloc(sizeof *waiter);
    if (waiter == NULL) {
        return -ENOMEM;
    }
    waiter->owner = getpid();
    sigemptyset(&waiter->pending);
    waiter->queue = kqueue();
    int error = waiter->queue < 0 || fcntl(waiter->queue, F_SETFD, FD_CLOEXEC) != 0 ? -errno : 0;
    for (int number = 1; error == 0 && number < NSIG; number++) {
        struct kevent change;
        EV_SET(&change, (unsigned)number, EVFILT_SIGNAL, EV_ADD, 0, 0, 0);
        if (sigismember(signals, number) == 1 &&
            kevent(waiter->queue, &change, 1, NULL, 0, NULL) != 0) {
            error = -errno;
        }
    }
    if (error != 0) {
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
    if (waiter->queue >= 0 && waiter->owner == getpid()) {
        close(waiter->queue);
    }
    free(waiter);
}

static bool has_signal(const struct waiter *waiter)
{
    for (int number = 1; number < NSIG; number++) {
        if (sigismember(&waiter->pending, number) == 1) {
            return true;
        }
    }
    return false;
}

static struct timespec time_left(carp_instant until)
{
    uint64_t ns = instant_since(until, clock_now()).ns;
    ns = ns < WAIT_MAX.ns ? ns : WAIT_MAX.ns;
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000),
                             .tv_nsec = (long)(ns % 1000000000)};
}

void waiter_wait(struct waiter *waiter, int fd, carp_instant until)
{
    struct kevent change, events[NSIG + 1];
    struct timespec limit = time_left(until);
    if (has_signal(waiter)) {
        return;
    }
    if (fd >= 0) {
        /* For this time only. */
        EV_SET(&change, (unsigned)fd, EVFILT_READ, EV_ADD | EV_ONESHOT, 0, 0, 0);
    }
    int count = kevent(waiter->queue, &change, fd >= 0, events, NSIG + 1, &limit);
    for (int i = 0; i < count; i++) {
        if (events[i].filter == EVFILT_SIGNAL) {
            sigaddset(&waiter->pending, (int)events[i].ident);
        }
    }
}

int waiter_signal(struct waiter *waiter, struct waiter_signal *signal)
{
    for (int number = 1; number < NSIG; number++) {
        if (sigismember(&waiter->pending, number) == 1) {
            sigdelset(&waiter->pending, number);
            *signal = (struct waiter_signal){.number = number};
            return 1;
        }
    }
    return 0;
}
