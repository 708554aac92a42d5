#define _GNU_SOURCE
#include "io/live/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/story.h"

bool command_is_used(const struct config_group *group)
{
    return group->up != NULL || group->down != NULL;
}

struct command *command_make(const struct config_group *group, bool up)
{
    static const char name[] = "CARPIO_GROUP=", state[] = "CARPIO_STATE=";
    static const char addresses[] = "CARPIO_ADDRESSES=";
    const char *run = up ? group->up : group->down;
    size_t room = sizeof name + sizeof state + sizeof addresses + strlen(group->name) +
                  sizeof "MASTER" + group->address_count * (STORY_ADDRESS_MAX + sizeof " /128");
    struct command *command = calloc(1, sizeof *command + room);
    if (command == NULL || run == NULL) {
        return command;
    }
    command->arguments[0] = run;
    command->arguments[1] = group->interface;
    command->arguments[2] = group->address_text;
    command->arguments[3] = group->argument;

    char *at = (char *)(command + 1);
    char *end = at + room;
    command->environment[0] = at;
    at += snprintf(at, (size_t)(end - at), "%s%s", name, group->name) + 1;
    command->environment[1] = at;
    at += snprintf(at, (size_t)(end - at), "%s%s", state, up ? "MASTER" : "BACKUP") + 1;
    command->environment[2] = at;
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

static size_t count_of(const char *const *list)
{
    size_t count = 0;
    while (list != NULL && list[count] != NULL) {
        count++;
    }
    return count;
}

static bool has_name_of(const char *const *variables, size_t count, const char *variable)
{
    for (size_t i = 0; i < count; i++) {
        if (strncmp(variables[i], variable, strcspn(variables[i], "=") + 1) == 0) {
            return true;
        }
    }
    return false;
}

char **command_environment(const char *const *variables)
{
    size_t own = count_of(variables), used = 0;
    char **all = calloc(count_of((const char *const *)environ) + own + 1, sizeof *all);
    if (all == NULL) {
        return NULL;
    }
    for (char **at = environ; *at != NULL; at++) {
        if (!has_name_of(variables, own, *at)) {
            all[used++] = *at;
        }
    }
    for (size_t i = 0; i < own; i++) {
        all[used++] = (char *)(uintptr_t)variables[i];
    }
    return all;
}
