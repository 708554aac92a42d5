/*
 * A group's up and down commands, for whoever runs them: `command interface address [argument]`, as
 * UCARP does, with an environment that holds nothing but a PATH and what carpd says; and whether
 * one may be run at all.
 */
#ifndef CARP_IO_LIVE_COMMAND_H
#define CARP_IO_LIVE_COMMAND_H

#include <sys/types.h>

#include "io/config.h"

enum { COMMAND_ARGUMENTS_MAX = 4, COMMAND_VARIABLES_MAX = 4 };

/* Where a name without a slash is looked for, and what a command has as PATH: whoever started carpd
 * has no say in it. */
#define COMMAND_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct command {
    const char *arguments[COMMAND_ARGUMENTS_MAX + 1];   /* NULL-terminated; [0] is an absolute path,
                                                           or NULL: none is set */
    const char *environment[COMMAND_VARIABLES_MAX + 1]; /* PATH, CARPIO_GROUP, _STATE, _ADDRESSES */
};

/* Does the group run commands, instead of carpd setting the addresses? */
bool command_is_used(const struct config_group *group);

/* Does any? */
bool command_is_used_anywhere(const struct config *config);

/* One allocation, to be freed with free(), that borrows nothing; NULL: no memory. */
struct command *command_make(const struct config_group *group, bool up);

/*
 * May this file be run by this user? Only when nobody else could have put it there: the file, and
 * every directory and symbolic link on the way to it, belongs to root or to that user, and nobody
 * else may write it (into a directory with the sticky bit others may put files of their own).
 *
 * file  absolute. Returns 0, or -1 with the reason, which names the place and the remedy.
 */
int command_check(const char *file, uid_t user, char error[CONFIG_ERROR_MAX]);

#endif
