/*
 * The guardian's down commands: run beside its loop, a few at a time, each with a time limit.
 */
#ifndef CARP_IO_LIVE_GUARDIAN_DOWN_H
#define CARP_IO_LIVE_GUARDIAN_DOWN_H

#include <sys/types.h>

#include "io/live/guardian.h"
#include "io/live/log.h"

enum guardian_down_stage {
    DOWN_IDLE,
    DOWN_WAITS,      /* until one that runs has ended */
    DOWN_RUNS,       /* until `next`, its time limit */
    DOWN_TERMINATES, /* SIGTERM was sent; until `next` */
    DOWN_KILLED,     /* SIGKILL was sent */
};

struct guardian_down {
    enum guardian_down_stage stage;
    pid_t pid;
    carp_instant started;
    carp_instant next;
    struct log_limit failures, ends; /* of what is logged, throughout */
};

/* How many run at once: enough that hundreds do not wait for long, few enough not to choke a host
 * that is in trouble already. */
enum { GUARDIAN_DOWN_MAX = 16 };

/* Run the command of a group as this user (NULL: as we are), as its own process group, with stdin
 * from /dev/null. Returns 0, and the stage is RUNS; or -errno, it is IDLE, and the log says why.
 * What was zeroed once may be used again and again. */
int guardian_down_start(struct guardian_down *down, const struct guardian_group *group,
                        const struct confine_user *run_as, carp_instant now);

/* Act on `next` when it has come; returns the next one, CARP_NEVER when there is none. */
carp_instant guardian_down_due(struct guardian_down *down, const struct guardian_group *group,
                               carp_instant now);

/* It has ended with this wait status: say how. The stage is IDLE. */
void guardian_down_ended(struct guardian_down *down, const struct guardian_group *group, int status,
                         carp_instant now);

#endif
