#include "io/live/guardian_down.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/live/command.h"
#include "io/live/log.h"

/* Between SIGTERM and SIGKILL. */
#define GRACE CARP_SECONDS(2)

static int spawn(const struct guardian_group *group, char **environment, pid_t *pid)
{
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t files;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int error = posix_spawnattr_init(&attributes);
    if (error != 0) {
        return -error;
    }
    error = posix_spawn_file_actions_init(&files);
    if (error == 0) {
        short flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
        posix_spawnattr_setflags(&attributes, flags);
        posix_spawnattr_setpgroup(&attributes, 0);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &all);
        error = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (error == 0) {
            char *const *argv = (char *const *)(uintptr_t)group->down;
            error = posix_spawnp(pid, argv[0], &files, &attributes, argv, environment);
        }
        posix_spawn_file_actions_destroy(&files);
    }
    posix_spawnattr_destroy(&attributes);
    return -error;
}

int guardian_down_start(struct guardian_down *down, const struct guardian_group *group,
                        carp_instant now)
{
    *down = (struct guardian_down){.stage = DOWN_IDLE, .next = CARP_NEVER};
    char **environment = command_environment(group->environment);
    int error = environment == NULL ? -ENOMEM : spawn(group, environment, &down->pid);
    free(environment);
    if (error != 0) {
        log_line(LOG_LEVEL_ERROR, "%s: guardian: cannot run %s: %s", group->name, group->down[0],
                 strerror(-error));
        return error;
    }
    down->stage = DOWN_RUNS;
    down->started = now;
    down->next = instant_add(now, group->time_limit);
    return 0;
}

carp_instant guardian_down_due(struct guardian_down *down, const struct guardian_group *group,
                               carp_instant now)
{
    if ((down->stage != DOWN_RUNS && down->stage != DOWN_TERMINATES) ||
        instant_before(now, down->next)) {
        return down->next;
    }
    if (down->stage == DOWN_RUNS) {
        log_line(LOG_LEVEL_ERROR, "%s: guardian: %s took longer than its time limit", group->name,
                 group->down[0]);
        kill(-down->pid, SIGTERM);
        down->stage = DOWN_TERMINATES;
        down->next = instant_add(now, GRACE);
    } else {
        kill(-down->pid, SIGKILL);
        down->stage = DOWN_KILLED;
        down->next = CARP_NEVER;
    }
    return down->next;
}

void guardian_down_ended(struct guardian_down *down, const struct guardian_group *group, int status,
                         carp_instant now)
{
    uint64_t ms = instant_since(now, down->started).ns / 1000000;
    if (WIFEXITED(status)) {
        int code = WEXITSTATUS(status);
        log_line(code == 0 ? LOG_LEVEL_NOTICE : LOG_LEVEL_ERROR,
                 "%s: guardian: %s exited with %d after %" PRIu64 " ms", group->name,
                 group->down[0], code, ms);
    } else {
        log_line(LOG_LEVEL_ERROR, "%s: guardian: %s was killed by signal %d after %" PRIu64 " ms",
                 group->name, group->down[0], WTERMSIG(status), ms);
    }
    *down = (struct guardian_down){.stage = DOWN_IDLE, .next = CARP_NEVER};
}
