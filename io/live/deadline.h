/*
 * The worker's alarm clock, on its loop: by clock.h's clock, so that a machine that slept past a
 * deadline finds it due at once, where the system has such a timer.
 */
#ifndef CARP_IO_LIVE_DEADLINE_H
#define CARP_IO_LIVE_DEADLINE_H

#include <uv.h>

#include "engine/instant.h"

struct deadline;

/*
 * `due` is called once for each deadline, never before it, and what else became readable meanwhile
 * is looked at in the same turn of the loop, before its uv_check_t handles run. 0, or a negative
 * error of libuv. What is opened lives as long as the loop.
 */
int deadline_open(struct deadline **opened, uv_loop_t *loop, void (*due)(void *self), void *self);

/* The next deadline instead of the last one; CARP_NEVER: none. */
void deadline_set(struct deadline *deadline, carp_instant at);

/* No more calls: so a loop without other work can end. */
void deadline_stop(struct deadline *deadline);

#endif
