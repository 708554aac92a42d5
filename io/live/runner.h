/*
 * The process that runs up and down commands for the worker, which may run nothing: a child of the
 * worker's, made before it gives up its rights, with hooks.h on a loop of its own. It can be asked
 * for commands of the configuration, and for nothing else.
 *
 * When the worker is gone, what runs is brought to its end, and after an up command comes the down
 * command; the guardian has run that too, but maybe too early.
 */
#ifndef CARP_IO_LIVE_RUNNER_H
#define CARP_IO_LIVE_RUNNER_H

#include "io/live/confine.h"

struct runner_setup {
    struct config *config; /* the new process wipes its keys; borrowed for ever */
    const struct confine_user *run_as;
    const int *not_mine; /* descriptors of the worker's that the new process closes */
    size_t not_mine_count;
};

/* Fork; the worker's end of the wire, or -errno. Before there are threads. The log is open. */
int runner_fork(const struct runner_setup *setup);

/* The group is, or is not, to be up from now on. 0 or -errno: it is gone, or does not keep up. */
int runner_want(int wire, unsigned group, bool up);

/* Wait until every group's last wish is fulfilled or its time limit is over; the wire is closed. */
void runner_finish(int wire);

#endif
