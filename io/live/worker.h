/*
 * The worker: the process that runs the protocol. It ties the shared loop of io/host.h to libuv,
 * libpcap, rtnetlink, commands and the guardian.
 */
#ifndef CARP_IO_LIVE_WORKER_H
#define CARP_IO_LIVE_WORKER_H

#include "io/live/confine.h"
#include "io/live/guardian.h"

/*
 * Give up all rights that are not needed and run until told to stop; returns the exit status: 0
 * after an orderly stop, 1 when the guardian or the process that runs commands is gone, 2 with a
 * line in the log when it could not start.
 *
 * config    borrowed, as is guardian.
 * ready_fd  one byte 0 is written here and it is closed, once everything runs (-1: nobody waits).
 */
int worker_run(struct config *config, const struct confine_users *users, struct guardian *guardian,
               int ready_fd);

#endif
