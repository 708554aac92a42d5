/*
 * How the processes begin that the worker forks to have work done with other rights than its own.
 */
#ifndef CARP_IO_LIVE_HELPER_H
#define CARP_IO_LIVE_HELPER_H

#include "io/config.h"

/* In the new process: its name, no keys, and no signal that ends it. What does is the end of the
 * worker; signals for the whole group of processes do not. */
void helper_begin(const char *name, struct config *config);

#endif
