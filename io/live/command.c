#include "io/live/command.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/story.h"

/* How many symbolic links a way may have: as many as Linux follows. */
enum { LINKS_MAX = 40, SHOWN = 200 };

bool command_is_used(const struct config_group *group)
{
    return group->up != NULL || group->down != NULL;
}

bool command_is_used_anywhere(const struct config *config)
{
    for (size_t g = 0; g < config->group_count; g++) {
        if (command_is_used(&config->groups[g])) {
            return true;
        }
    }
    return false;
}

/* --- what is run --------------------------------------------------------------------------------
 */

/* The first file of this name in COMMAND_PATH; where there is none, what would be the last one, so
 * that running it says so. */
static void look_for(const char *name, char path[PATH_MAX])
{
    for (const char *at = COMMAND_PATH; *at != '\0'; at += *at == ':') {
        size_t size = strcspn(at, ":");
        snprintf(path, PATH_MAX, "%.*s/%s", (int)size, at, name);
        if (access(path, X_OK) == 0) {
            return;
        }
        at += size;
    }
}

/* Relative ones start where carpd runs. */
static void make_absolute(const char *name, char path[PATH_MAX])
{
    char here[PATH_MAX];
    if (strchr(name, '/') == NULL) {
        look_for(name, path);
    } else if (name[0] == '/' || getcwd(here, sizeof here) == NULL) {
        snprintf(path, PATH_MAX, "%s", name);
    } else {
        snprintf(path, PATH_MAX, "%.*s/%s", PATH_MAX / 2, here, name);
    }
}

/* A copy that is written at *at, which then is behind it. */
static const char *keep(char **at, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = memcpy(*at, text, size);
    *at += size;
    return copy;
}

struct command *command_make(const struct config_group *group, bool up)
{
    static const char path[] = "PATH=" COMMAND_PATH, name[] = "CARPIO_GROUP=";
    static const char state[] = "CARPIO_STATE=", addresses[] = "CARPIO_ADDRESSES=";
    char file[PATH_MAX] = "";
    const char *run = up ? group->up : group->down;
    if (run != NULL) {
        make_absolute(run, file);
    }
    size_t texts = strlen(file) + strlen(group->interface) + strlen(group->address_text) +
                   (group->argument == NULL ? 0 : strlen(group->argument)) + COMMAND_ARGUMENTS_MAX;
    size_t room = texts + sizeof name + sizeof state + sizeof addresses + strlen(group->name) +
                  sizeof "MASTER" + group->address_count * (STORY_ADDRESS_MAX + sizeof " /128");
    struct command *command = calloc(1, sizeof *command + room);
    if (command == NULL || run == NULL) {
        return command;
    }
    char *at = (char *)(command + 1);
    char *end = at + room;
    command->arguments[0] = keep(&at, file);
    command->arguments[1] = keep(&at, group->interface);
    command->arguments[2] = keep(&at, group->address_text);
    command->arguments[3] = group->argument == NULL ? NULL : keep(&at, group->argument);

    command->environment[0] = path;
    command->environment[1] = at;
    at += snprintf(at, (size_t)(end - at), "%s%s", name, group->name) + 1;
    command->environment[2] = at;
    at += snprintf(at, (size_t)(end - at), "%s%s", state, up ? "MASTER" : "BACKUP") + 1;
    command->environment[3] = at;
    at += snprintf(at, (size_t)(end - at), "%s", addresses);
    for (size_t i = 0; i < group->address_count; i++) {
        char text[STORY_ADDRESS_MAX];
        const struct config_address *address = &group->addresses[i];
        at += snprintf(at, (size_t)(end - at), "%s%s", i == 0 ? "" : " ",
                       story_address(address->family, address->bytes, text));
        if (address->prefix != CONFIG_PREFIX_OF_INTERFACE) {
            at += snprintf(at, (size_t)(end - at), "/%u", address->prefix);
        }
    }
    return command;
}

/* --- whether it may be run ----------------------------------------------------------------------
 */

struct way {
    uid_t user;
    unsigned links; /* followed so far */
    char *error;
};

/* Could someone else have changed it? What a link allows is said by its owner alone. */
static int check_one(const struct way *w, const char *path, const struct stat *status)
{
    bool sticky = S_ISDIR(status->st_mode) && (status->st_mode & S_ISVTX) != 0;
    if (status->st_uid != 0 && status->st_uid != w->user) {
        return config_refuse(w->error,
                             "%.*s belongs to user %u, who could change it; chown it to root",
                             SHOWN, path, (unsigned)status->st_uid);
    }
    if (!S_ISLNK(status->st_mode) && !sticky && (status->st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return config_refuse(w->error, "%.*s can be written by others; chmod go-w it", SHOWN, path);
    }
    return 0;
}

/* Where the path goes on when a link stands in the place of its first `size` bytes: *path is
 * written anew. */
static int follow(struct way *w, char path[PATH_MAX], size_t size)
{
    char target[PATH_MAX], whole[2 * PATH_MAX];
    char rest = path[size];
    path[size] = '\0';
    ssize_t got = readlink(path, target, sizeof target);
    if (got < 0 || w->links++ == LINKS_MAX) {
        return config_refuse(w->error, "%.*s: %s", SHOWN, path, strerror(got < 0 ? errno : ELOOP));
    }
    size_t folder = target[0] == '/' ? 0 : (size_t)(strrchr(path, '/') + 1 - path);
    path[size] = rest;
    int needed = snprintf(whole, sizeof whole, "%.*s%.*s%s", (int)folder, path, (int)got, target,
                          path + size);
    if (needed >= PATH_MAX) {
        return config_refuse(w->error, "%.*s: %s", SHOWN, path, strerror(ENAMETOOLONG));
    }
    memcpy(path, whole, (size_t)needed + 1);
    return 0;
}

/* One step after the other, as the kernel goes. After a link it starts anew: what lies before it is
 * looked at twice, and is the same. */
int command_check(const char *file, uid_t user, char error[CONFIG_ERROR_MAX])
{
    char path[PATH_MAX];
    struct way w = {.user = user, .error = error};
    struct stat status;
    snprintf(path, sizeof path, "%s", file);
    for (size_t size = 1;;) {
        char rest = path[size];
        path[size] = '\0';
        int failed = lstat(path, &status) != 0
                         ? config_refuse(error, "%.*s: %s", SHOWN, path, strerror(errno))
                         : check_one(&w, path, &status);
        path[size] = rest;
        if (failed != 0) {
            return -1;
        }
        if (S_ISLNK(status.st_mode)) {
            if (follow(&w, path, size) != 0) {
                return -1;
            }
            size = 1;
            continue;
        }
        if (rest == '\0') {
            break;
        }
        size += strspn(path + size, "/");
        size += strcspn(path + size, "/");
    }
    return S_ISREG(status.st_mode) ? 0 : config_refuse(error, "%.*s is no plain file", SHOWN, path);
}
