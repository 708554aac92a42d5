/*
 * Up and down commands, beside the protocol: one at a time per group, the newest wish wins, each
 * with a time limit. A wish that is overtaken while another command runs is never run. A command
 * that cannot be started is tried again for some seconds.
 */
#ifndef CARP_IO_LIVE_HOOKS_H
#define CARP_IO_LIVE_HOOKS_H

#include <uv.h>

#include "io/config.h"

struct hooks;

/* For all groups (borrowed), run by this loop. 0, or a negative error of libuv. */
int hooks_open(struct hooks **hooks, uv_loop_t *loop, const struct config_group *groups,
               size_t group_count);

/* The group is, or is not, to be up from now on. */
void hooks_want(struct hooks *hooks, unsigned group, bool up);

/* Whoever wished is gone: a group whose up command runs, or would run next, or ended just now, is
 * to be down. */
void hooks_abandon(struct hooks *hooks);

void hooks_free(struct hooks *hooks);

#endif
