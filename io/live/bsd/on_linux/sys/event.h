/*
 * So much of kqueue(2) as waiter.c uses, over epoll and a signalfd, for its test on Linux; one
 * queue a process. Unlike the real one it tells of blocked signals only, and a child inherits it.
 */
#ifndef CARP_IO_LIVE_BSD_ON_LINUX_SYS_EVENT_H
#define CARP_IO_LIVE_BSD_ON_LINUX_SYS_EVENT_H

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum { EVFILT_READ = -1, EVFILT_SIGNAL = -6, EV_ADD = 1, EV_ONESHOT = 0x10 };

struct kevent {
    uintptr_t ident;
    short filter;
    unsigned short flags;
};

#define EV_SET(event, ident_, filter_, flags_, fflags_, data_, udata_)                             \
    (*(event) = (struct kevent){.ident = (ident_), .filter = (filter_), .flags = (flags_)})

static int kqueue_signals = -1;
static sigset_t kqueue_set;

static inline int kqueue(void)
{
    sigemptyset(&kqueue_set);
    if (kqueue_signals >= 0) {
        close(kqueue_signals);
    }
    kqueue_signals = -1;
    return epoll_create1(0);
}

static inline int kevent_change(int queue, const struct kevent *change)
{
    int fd = (int)change->ident;
    uint32_t once = (change->flags & EV_ONESHOT) != 0 ? EPOLLONESHOT : 0;
    struct epoll_event event = {.events = EPOLLIN | once, .data.fd = fd};
    if (change->filter == EVFILT_SIGNAL) {
        int before = kqueue_signals;
        sigaddset(&kqueue_set, fd);
        kqueue_signals = signalfd(before, &kqueue_set, SFD_NONBLOCK);
        event = (struct epoll_event){.events = EPOLLIN, .data.fd = kqueue_signals};
        return before >= 0 ? 0 : epoll_ctl(queue, EPOLL_CTL_ADD, kqueue_signals, &event);
    }
    int failed = epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event);
    return failed != 0 && errno == EEXIST ? epoll_ctl(queue, EPOLL_CTL_MOD, fd, &event) : failed;
}

static inline int kevent(int queue, const struct kevent *changes, int change_count,
                         struct kevent *events, int event_count, const struct timespec *limit)
{
    struct pollfd ready = {.fd = queue, .events = POLLIN};
    struct epoll_event event;
    int count = 0;
    for (int i = 0; i < change_count; i++) {
        if (kevent_change(queue, &changes[i]) != 0) {
            return -1;
        }
    }
    if (event_count == 0) {
        return 0;
    }
    int limit_ms = (int)(limit->tv_sec * 1000 + (limit->tv_nsec + 999999) / 1000000);
    if (poll(&ready, 1, limit_ms) <= 0) {
        return 0;
    }
    while (count < event_count && epoll_wait(queue, &event, 1, 0) == 1) {
        struct signalfd_siginfo come;
        if (event.data.fd != kqueue_signals) {
            EV_SET(&events[count], (unsigned)event.data.fd, EVFILT_READ, 0, 0, 0, 0);
            count++;
        }
        while (count < event_count && event.data.fd == kqueue_signals &&
               read(kqueue_signals, &come, sizeof come) == (ssize_t)sizeof come) {
            EV_SET(&events[count], come.ssi_signo, EVFILT_SIGNAL, 0, 0, 0, 0);
            count++;
        }
    }
    return count;
}

#endif
