/*
 * carpd: reads and checks everything, detaches when asked to, and becomes two processes: the
 * guardian (this one) and the worker.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/config.h"
#include "io/live/command.h"
#include "io/live/confine.h"
#include "io/live/guardian.h"
#include "io/live/log.h"
#include "io/live/preflight.h"
#include "io/live/system.h"
#include "io/live/worker.h"

enum { EXIT_CANNOT_RUN = 2 };

static int complain(const char *error)
{
    fprintf(stderr, "carpd: %s\n", error);
    return EXIT_CANNOT_RUN;
}

/* What was found in the configuration, and what this system cannot do of it. */
static void show_warnings(const struct config *config, const struct config_warnings *warnings)
{
    const char *lacks[SYSTEM_LACKS_MAX];
    size_t count = system_lacks(config, lacks);
    for (size_t i = 0; i < warnings->count; i++) {
        log_line(LOG_LEVEL_WARNING, "%s", warnings->lines[i]);
    }
    for (size_t i = 0; i < count; i++) {
        log_line(LOG_LEVEL_WARNING, "%s", lacks[i]);
    }
}

/* The last word to the terminal comes from the process that runs: the first one waits for it.
 * Returns in the daemon; *ready_fd is where it says that all is well. */
static int detach(int *ready_fd)
{
    int ends[2];
    if (pipe(ends) != 0) {
        return -errno;
    }
    pid_t child = fork();
    if (child < 0) {
        return -errno;
    }
    if (child > 0) {
        unsigned char status = 1;
        close(ends[1]);
        ssize_t got = read(ends[0], &status, 1);
        _exit(got == 1 ? status : EXIT_CANNOT_RUN);
    }
    close(ends[0]);
    *ready_fd = ends[1];
    if (fcntl(*ready_fd, F_SETFD, FD_CLOEXEC) != 0 || setsid() < 0 || chdir("/") != 0) {
        return -errno;
    }
    return 0;
}

/* A daemon keeps no terminal: nothing to read, and nowhere to write but, without syslog, its log.
 */
static int let_go_of_terminal(bool logs_to_stderr)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
        (!logs_to_stderr && dup2(null, STDERR_FILENO) < 0)) {
        return -errno;
    }
    close(null);
    return 0;
}

/* What the guardian may run and name: fixed before there is a worker. Lives as long as the process,
 * and so does what keeps hold of it. */
static int tell_guardian(const struct config *config, const struct confine_users *users,
                         struct guardian_setup *setup)
{
    struct guardian_group *groups = calloc(config->group_count, sizeof *groups);
    if (groups == NULL) {
        return -ENOMEM;
    }
    *setup = (struct guardian_setup){groups, (unsigned)config->group_count, &users->command};
    for (size_t g = 0; g < config->group_count; g++) {
        const struct config_group *group = &config->groups[g];
        groups[g].name = strdup(group->name);
        groups[g].interface = strdup(group->interface);
        if (groups[g].name == NULL || groups[g].interface == NULL) {
            return -ENOMEM;
        }
        if (command_is_used(group)) {
            groups[g].time_limit = group->command_timeout;
            struct command *down = command_make(group, false);
            if (down == NULL) {
                return -ENOMEM;
            }
            groups[g].down = down->arguments[0] == NULL ? NULL : down->arguments;
            groups[g].environment = down->environment;
        }
    }
    return 0;
}

/* The rest of this process, with as little as it needs for that: no key, and nothing of the
 * configuration but what was told. */
static _Noreturn void guard(struct config *config, const struct confine_users *users,
                            struct guardian *guardian, pid_t worker)
{
    char error[CONFIG_ERROR_MAX];
    if (confine_guardian(config, users, worker, error) != 0) {
        log_line(LOG_LEVEL_ERROR, "guardian: %s", error);
        kill(worker, SIGKILL);
        _exit(EXIT_CANNOT_RUN);
    }
    config_free(config);
    system_trim_memory();
    guardian_stay(guardian);
}

static int run(struct config *config, const struct config_warnings *warnings)
{
    static struct confine_users users;
    static struct guardian_setup setup;
    char error[CONFIG_ERROR_MAX];
    int ready_fd = -1;
    /* Whatever whoever started us has left open is for nobody here. */
    system_close_from(STDERR_FILENO + 1);
    if (preflight(config, &users, error) != 0) {
        return complain(error);
    }
    bool to_syslog = config->log == CONFIG_LOG_SYSLOG;
    if (config->daemonize && (detach(&ready_fd) != 0 || let_go_of_terminal(!to_syslog) != 0)) {
        snprintf(error, sizeof error, "cannot detach: %s", strerror(errno));
        return complain(error);
    }
    log_open(to_syslog, config->facility, config->debug);
    show_warnings(config, warnings);

    system_trim_memory(); /* what reading the configuration took is not to be kept by two processes
                           */
    struct guardian *guardian = NULL;
    int status = tell_guardian(config, &users, &setup);
    pid_t worker = status == 0 ? guardian_fork(&setup, &guardian) : (pid_t)status;
    if (worker < 0) {
        log_line(LOG_LEVEL_ERROR, "cannot start the worker: %s", strerror(-worker));
        return EXIT_CANNOT_RUN;
    }
    if (worker > 0) {
        if (ready_fd >= 0) {
            close(ready_fd);
        }
        guard(config, &users, guardian, worker);
    }
    return worker_run(config, &users, guardian, ready_fd);
}

int main(int argc, char **argv)
{
    struct config config = {0};
    struct config_warnings warnings = {0};
    struct confine_users users;
    enum config_action action = CONFIG_RUN;
    char error[CONFIG_ERROR_MAX];
    int status = config_from_arguments(argc, argv, &config, &action, &warnings, error);
    if (status != 0) {
        complain(error);
    } else if (action == CONFIG_HELP) {
        fputs(config_usage(), stdout);
    } else if (action == CONFIG_VERSION) {
        puts("carpd " CARP_VERSION);
    } else if (action == CONFIG_CHECK && preflight_files(&config, &users, error) != 0) {
        status = complain(error);
    } else if (action == CONFIG_CHECK) {
        log_open(false, 0, false);
        show_warnings(&config, &warnings);
        printf("configuration is fine: %zu group%s\n", config.group_count,
               config.group_count == 1 ? "" : "s");
    } else {
        status = run(&config, &warnings);
    }
    config_free(&config);
    config_warnings_free(&warnings);
    return status;
}
