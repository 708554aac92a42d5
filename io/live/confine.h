/*
 * What each process of carpd may do once it runs: as whom, with which capabilities, by which system
 * calls, and where it may write. docs/SECURITY.md has the table and the reasons.
 *
 * Where there are no capabilities the worker has no rights at all, and asks a process of its own
 * for each change of an address (kernel.h, kernel_delegate()); the guardian, which removes
 * addresses itself, stays root. Filters of system calls are what the system has for that, if
 * anything.
 *
 * Functions return 0, or -1 with one sentence in error; after a failure the process must not go on.
 */
#ifndef CARP_IO_LIVE_CONFINE_H
#define CARP_IO_LIVE_CONFINE_H

#include <stdbool.h>
#include <sys/types.h>

#include "io/config.h"

enum { CONFINE_GROUPS_MAX = 64 };

/* An account: of it the commands' processes have all groups, the others only the first. */
struct confine_user {
    char name[33];
    uid_t uid;
    gid_t gid;
    uint16_t group_count;
    gid_t groups[CONFINE_GROUPS_MAX];
};

/* Who runs as whom. */
struct confine_users {
    struct confine_user worker;  /* and the guardian, unless it has commands to run as root */
    struct confine_user command; /* the up and down commands */
};

/*
 * The accounts of `user` and `command-user`. By default the worker is "carpio" where there is such
 * an account, else "nobody", and commands run as whoever started carpd. Who is not root stays who
 * he is.
 */
int confine_find_users(const struct config *config, struct confine_users *users,
                       char error[CONFIG_ERROR_MAX]);

/* May this process set addresses, and send and receive raw frames? */
int confine_check_rights(char error[CONFIG_ERROR_MAX]);

/* Run `act` with the effective rights of an account over files, and have our own back. */
int confine_try_as(const struct confine_user *user, int (*act)(void *self, char *error), void *self,
                   char error[CONFIG_ERROR_MAX]);

/* Become an account for good, with all that belongs to it and, unless it is root's, no capability.
 * Calls nothing that may not be called between fork() and exec(). 0 or -errno. */
int confine_become(const struct confine_user *user);

/*
 * The worker: `user`, CAP_NET_ADMIN and CAP_NET_RAW, no new privileges, no core dumps, nothing of
 * its memory for others to read. With config->confine also: no system call that it does not need
 * (the process is killed by the first one), and no file written but those beside the journal.
 */
int confine_worker(const struct config *config, const struct confine_user *user,
                   char error[CONFIG_ERROR_MAX]);

/*
 * The guardian of this worker: `user` and CAP_NET_ADMIN, and the rest as above, its signals for the
 * worker alone. When there are commands it must be able to run them: as root it stays what it
 * is; for another account it keeps what becoming that account needs, and has no filter, for that
 * would be the commands' too.
 */
int confine_guardian(const struct config *config, const struct confine_users *users, pid_t worker,
                     char error[CONFIG_ERROR_MAX]);

/* Whoever runs the commands for the worker: their account, for good. */
int confine_runner(const struct confine_user *user, char error[CONFIG_ERROR_MAX]);

#endif
