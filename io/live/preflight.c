#include "io/live/preflight.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/live/command.h"
#include "io/live/kernel.h"
#include "io/live/ring.h"

enum { CANNOT_RUN = 2 };

/* --- files --------------------------------------------------------------------------------------
 */

/* Both commands of each group, before there is anything to be undone. */
static int check_commands(const struct config *config, uid_t user, char error[CONFIG_ERROR_MAX])
{
    char why[CONFIG_ERROR_MAX];
    for (size_t i = 0; i < 2 * config->group_count; i++) {
        const struct config_group *group = &config->groups[i / 2];
        struct command *command = command_make(group, i % 2 == 0);
        bool fine = command != NULL && (command->arguments[0] == NULL ||
                                        command_check(command->arguments[0], user, why) == 0);
        if (!fine) {
            snprintf(error, CONFIG_ERROR_MAX, "%.64s: the %s command must not be run: %.400s",
                     group->name, i % 2 == 0 ? "up" : "down", command == NULL ? "no memory" : why);
        }
        free(command);
        if (!fine) {
            return CANNOT_RUN;
        }
    }
    return 0;
}

static int check_journal(void *self, char *error)
{
    const struct config *config = self;
    return ring_check(config->journal, error);
}

int preflight_files(const struct config *config, struct confine_users *users,
                    char error[CONFIG_ERROR_MAX])
{
    if (confine_find_users(config, users, error) != 0) {
        return CANNOT_RUN;
    }
    if (check_commands(config, users->command.uid, error) != 0) {
        return CANNOT_RUN;
    }
    if (config->journal != NULL &&
        confine_try_as(&users->worker, check_journal, (void *)(uintptr_t)config, error) != 0) {
        size_t used = strlen(error);
        snprintf(error + used, CONFIG_ERROR_MAX - used, "%s%s",
                 users->worker.name[0] == '\0' ? "" : "; the worker is ", users->worker.name);
        return CANNOT_RUN;
    }
    return 0;
}

/* --- this machine --------------------------------------------------------------------------------
 */

/* The interfaces of this machine, for a message: "eth0, lo". */
static void list_interfaces(char *text, size_t size)
{
    struct if_nameindex *all = if_nameindex();
    text[0] = '\0';
    for (const struct if_nameindex *i = all; i != NULL && i->if_name != NULL; i++) {
        size_t used = strlen(text);
        snprintf(text + used, size - used, "%s%s", used == 0 ? "" : ", ", i->if_name);
    }
    if_freenameindex(all);
}

static int check_interface(struct kernel *kernel, const struct config_group *group,
                           char error[CONFIG_ERROR_MAX])
{
    struct kernel_link link;
    int failed = kernel_link_by_name(kernel, group->interface, &link);
    if (failed == -ENODEV) {
        char there[CONFIG_ERROR_MAX / 2];
        list_interfaces(there, sizeof there);
        snprintf(error, CONFIG_ERROR_MAX, "%s: there is no interface %s here; there are %s",
                 group->name, group->interface, there);
    } else if (failed != 0) {
        snprintf(error, CONFIG_ERROR_MAX, "%s: cannot look at %s: %s", group->name,
                 group->interface, strerror(-failed));
    } else if (!link.ethernet) {
        snprintf(error, CONFIG_ERROR_MAX, "%s: %s is no Ethernet interface; CARP needs one",
                 group->name, group->interface);
    } else {
        return 0;
    }
    return CANNOT_RUN;
}

static int check_rights(const struct config *config, const struct confine_users *users,
                        char error[CONFIG_ERROR_MAX])
{
    uid_t us = geteuid();
    if (confine_check_rights(error) != 0) {
        return CANNOT_RUN;
    }
    if (us != 0 && (users->worker.uid != us || users->command.uid != us)) {
        bool command = users->worker.uid == us;
        snprintf(error, CONFIG_ERROR_MAX,
                 "%s %s: only root can become another user; run this as root, or leave %s out",
                 command ? "command-user" : "user", command ? config->command_user : config->user,
                 command ? "command-user" : "user");
    } else {
        return 0;
    }
    return CANNOT_RUN;
}

int preflight(const struct config *config, struct confine_users *users,
              char error[CONFIG_ERROR_MAX])
{
    int status = preflight_files(config, users, error);
    if (status == 0) {
        status = check_rights(config, users, error);
    }
    if (status != 0) {
        return status;
    }
    struct kernel *kernel = NULL;
    int failed = kernel_open(&kernel);
    if (failed != 0) {
        snprintf(error, CONFIG_ERROR_MAX, "cannot ask the kernel for its interfaces: %s",
                 strerror(-failed));
        return CANNOT_RUN;
    }
    for (size_t g = 0; status == 0 && g < config->group_count; g++) {
        status = check_interface(kernel, &config->groups[g], error);
    }
    kernel_close(kernel);
    return status;
}
