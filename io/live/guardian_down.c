#include "io/live/guardian_down.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/live/clock.h"
#include "io/live/command.h"
#include "io/live/log.h"

/* Between SIGTERM and SIGKILL. */
#define GRACE CARP_SECONDS(2)

/* As a shell's status of a command that it found and could not run. */
enum { EXIT_CANNOT_RUN = 126 };

/* Nothing that another process, of whatever user, can give a command: its signals are as at the
 * start of a program, its standard input is empty, its output is our log. */
static _Noreturn void become(const struct guardian_group *group, const struct confine_user *run_as)
{
    static const char *const nothing[] = {NULL};
    const char *const *environment = group->environment == NULL ? nothing : group->environment;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    sigset_t none;
    sigemptyset(&none);
    for (int number = 1; number < NSIG; number++) {
        signal(number, SIG_DFL);
    }
    sigprocmask(SIG_SETMASK, &none, NULL);
    int error = setpgid(0, 0) != 0 || null < 0 || dup2(null, STDIN_FILENO) < 0 ? -errno : 0;
    if (error == 0 && run_as != NULL) {
        error = confine_become(run_as);
    }
    if (error == 0) {
        execve(group->down[0], (char **)(uintptr_t)group->down, (char **)(uintptr_t)environment);
        error = -errno;
    }
    log_line(LOG_LEVEL_ERROR, "%s: guardian: cannot run %s: %s", group->name, group->down[0],
             strerror(-error));
    _exit(EXIT_CANNOT_RUN);
}

static void tell_failure(struct guardian_down *down, const struct guardian_group *group,
                         const char *why)
{
    if (log_allow_change(&down->failures, clock_now())) {
        log_line(LOG_LEVEL_ERROR, "%s: guardian: cannot run %s: %s", group->name, group->down[0],
                 why);
    }
}

int guardian_down_start(struct guardian_down *down, const struct guardian_group *group,
                        const struct confine_user *run_as, carp_instant now)
{
    char why[CONFIG_ERROR_MAX];
    uid_t user = run_as == NULL ? geteuid() : run_as->uid;
    down->stage = DOWN_IDLE;
    down->next = CARP_NEVER;
    if (command_check(group->down[0], user, why) != 0) {
        tell_failure(down, group, why);
        return -EACCES;
    }
    down->pid = fork();
    if (down->pid == 0) {
        become(group, run_as);
    }
    if (down->pid < 0) {
        int error = -errno;
        tell_failure(down, group, strerror(-error));
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
        if (log_allow_change(&down->ends, now)) {
            log_line(LOG_LEVEL_ERROR, "%s: guardian: %s took longer than its time limit",
                     group->name, group->down[0]);
        }
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
    down->stage = DOWN_IDLE;
    down->next = CARP_NEVER;
    if (!log_allow_change(&down->ends, now)) {
        return;
    }
    if (WIFEXITED(status)) {
        int code = WEXITSTATUS(status);
        log_line(code == 0 ? LOG_LEVEL_NOTICE : LOG_LEVEL_ERROR,
                 "%s: guardian: %s exited with %d after %" PRIu64 " ms", group->name,
                 group->down[0], code, ms);
    } else {
        log_line(LOG_LEVEL_ERROR, "%s: guardian: %s was killed by signal %d after %" PRIu64 " ms",
                 group->name, group->down[0], WTERMSIG(status), ms);
    }
}
