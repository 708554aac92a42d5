/*
 * No address without a living daemon, second layer: a small parent process, the guardian, that has
 * no protocol code. It knows what the worker (its child) holds, and when the worker dies or no
 * longer runs it removes the addresses and then sends the farewells that were prepared for this.
 *
 * The first layer is the worker's own orderly release; the third is the kernel lifetime of each
 * address (kernel.h), which ends them when guardian and worker are both gone.
 *
 * A worker that was stopped and wakes late must not bring back what was released for it. So, on
 * each wake-up, in this order: guardian_beat(); guardian_read() until it returns 0, giving up each
 * group it names; then everything else, the renewal of lifetimes included. What is left is a stop
 * exactly between guardian_read() and a renewal: the address is back until the next wake-up reads
 * the message, which is at once, or until its lifetime ends, whichever is first.
 *
 * The worker's side may be used by one thread only.
 */
#ifndef CARP_IO_LIVE_GUARDIAN_H
#define CARP_IO_LIVE_GUARDIAN_H

#include "io/live/confine.h"
#include "io/live/kernel.h"
#include "io/port.h"

enum { GUARDIAN_ADDRESSES_MAX = 128 };

/* What the guardian knows of a group from the start. Commands are among it so that no worker,
 * however it was broken into, can make the guardian run anything else. */
struct guardian_group {
    const char *name; /* for the log */
    const char *interface;
    const char *const *down;        /* arguments, NULL-terminated; NULL: addresses of our own */
    const char *const *environment; /* NAME=value, NULL-terminated: all it has; NULL: nothing */
    carp_duration time_limit;       /* for commands: then SIGTERM, 2 s later SIGKILL; 0: none run */
};

struct guardian_setup {
    const struct guardian_group *groups; /* as indexed by the host; borrowed for ever */
    unsigned group_count;
    const struct confine_user *run_as; /* who runs the commands; borrowed; NULL: whoever we are */
};

struct guardian;

/*
 * Fork: the child goes on as the worker, the caller's process is the guardian from now on.
 *
 * Before there are threads, sockets or anything else that only the worker should keep; the log is
 * open. Returns 0 in the worker; in the guardian the worker's process id; -errno with nothing
 * forked. The guardian gives up what it does not need, and then has nothing to do but:
 */
pid_t guardian_fork(const struct guardian_setup *setup, struct guardian **guardian);

/*
 * Guard the worker to its end. The process ends with the worker's exit status, or with 1 and a line
 * in the log when the worker was killed, after everything that was held is released and down
 * commands have ended.
 *
 * TERM, INT, HUP, QUIT, USR1 and USR2 are passed on to the worker (but for INT and QUIT from the
 * terminal, which it gets itself). After TERM or INT it has 5 s, and the longest time limit of a
 * command, to end; then it is killed.
 */
_Noreturn void guardian_stay(struct guardian *guardian);

/*
 * The worker is about to hold the group's addresses: called before they are installed, and again
 * whenever what is told here changes. For a group with a down command there are no addresses.
 *
 * The guardian releases it when the worker dies, and when there was no beat for guard->patience
 * (at least 250 ms: it looks no more often than that).
 * -EINVAL: more addresses than GUARDIAN_ADDRESSES_MAX. -EAGAIN: the guardian does not keep up.
 * -EPIPE: it is gone.
 */
int guardian_hold(struct guardian *guardian, unsigned group, unsigned ifindex,
                  const struct port_guard *guard, const struct kernel_virtual *addresses,
                  size_t count);

/* The group's addresses are removed, its down command is being run by the worker, or will be. */
int guardian_drop(struct guardian *guardian, unsigned group);

/* A sign of life: one store. On every wake-up, with the time of clock.h. */
void guardian_beat(struct guardian *guardian, carp_instant now);

/* Readable when guardian_read() has something to say. */
int guardian_fd(const struct guardian *guardian);

/*
 * 1: the guardian released this group, because we did not run; it is not held any more.
 * 0: nothing (more). -EPIPE: the guardian is gone; release everything, in an orderly way, and exit.
 */
int guardian_read(struct guardian *guardian, unsigned *group);

/* At the very end of the worker: for the guardian this is as good as its death. */
void guardian_close(struct guardian *guardian);

#endif
