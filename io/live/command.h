/*
 * The command line and environment of a group's up and down commands, made once for whoever runs
 * them: `command interface address [argument]`, as UCARP does, and three variables beside it.
 */
#ifndef CARP_IO_LIVE_COMMAND_H
#define CARP_IO_LIVE_COMMAND_H

#include "io/config.h"

enum { COMMAND_ARGUMENTS_MAX = 4, COMMAND_VARIABLES_MAX = 3 };

struct command {
    const char *arguments[COMMAND_ARGUMENTS_MAX + 1];   /* NULL-terminated; [0] NULL: none is set */
    const char *environment[COMMAND_VARIABLES_MAX + 1]; /* CARPIO_GROUP, _STATE, _ADDRESSES */
};

/* Does the group run commands, instead of carpd setting the addresses? */
bool command_is_used(const struct config_group *group);

/* One allocation, to be freed with free(); NULL: no memory. Borrows from group. */
struct command *command_make(const struct config_group *group, bool up);

/* Our own environment with these variables (NULL-terminated, or NULL) in place of equal names, for
 * execve(). Borrows from both; to be freed with free(); NULL: no memory. */
char **command_environment(const char *const *variables);

#endif
