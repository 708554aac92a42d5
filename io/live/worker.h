/*
 * The worker: the process that runs the protocol. It ties the shared loop of io/host.h to libuv,
 * libpcap, rtnetlink, commands and the guardian.
 */
#ifndef CARP_IO_LIVE_WORKER_H
#define CARP_IO_LIVE_WORKER_H

#include "io/config.h"
#include "io/live/guardian.h"

/*
 * Could it run here? Asks for the interfaces, the right to send raw frames and to set addresses.
 * Returns 0, or 2 with one line in error that names the remedy. Changes nothing.
 */
int worker_check(const struct config *config, char error[CONFIG_ERROR_MAX]);

/*
 * Run until told to stop; returns the exit status: 0 after an orderly stop, 1 when the guardian is
 * gone, 2 with a line in the log when it could not start.
 *
 * guardian  borrowed. ready_fd: one byte 0 is written here and it is closed, once everything runs
 *           (-1: nobody waits).
 */
int worker_run(const struct config *config, struct guardian *guardian, int ready_fd);

#endif
