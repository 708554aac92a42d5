#include "io/config_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include <openssl/crypto.h>

#define DEFAULT_COMMAND_TIMEOUT CARP_SECONDS(60)

void config_set_defaults(struct config *config)
{
    config->facility = LOG_DAEMON;
    config->journal_mib = CONFIG_JOURNAL_MIB;
    config->confine = true;
}

int config_refuse(char error[CONFIG_ERROR_MAX], const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, CONFIG_ERROR_MAX, format, arguments);
    va_end(arguments);
    return -1;
}

/* Room for one more: twice as much whenever the count is a power of two. Not by realloc(), which
 * would leave the keys behind where the groups were. */
static int grow(struct config *config)
{
    size_t count = config->group_count;
    if ((count & (count - 1)) != 0) {
        return 0;
    }
    struct config_group *grown = calloc(count == 0 ? 1 : 2 * count, sizeof *grown);
    if (grown == NULL) {
        return -1;
    }
    if (count > 0) {
        memcpy(grown, config->groups, count * sizeof *grown);
        config_forget_keys(config);
        free(config->groups);
    }
    config->groups = grown;
    return 0;
}

struct config_group *config_add_group(struct config *config, const char *name)
{
    if (grow(config) != 0) {
        return NULL;
    }
    struct config_group *group = &config->groups[config->group_count];
    *group = (struct config_group){
        .carp = {.advbase = 1, .dead_ratio = 3, .ipv4_group = {224, 0, 0, 18}},
        .command_timeout = DEFAULT_COMMAND_TIMEOUT,
    };
    config->group_count += 1;
    group->name = strdup(name);
    return group->name == NULL ? NULL : group;
}

int config_check_group(struct config_group *group, char error[CONFIG_ERROR_MAX])
{
    struct carp_config *carp = &group->carp;
    if (group->interface == NULL) {
        return config_refuse(error,
                             "interface is missing; name the one the address lives on, like eth0");
    }
    if (carp->vhid == 0) {
        return config_refuse(
            error, "vhid is missing; it is a number from 1 to 255, the same on all hosts");
    }
    if (carp->key_count == 0) {
        return config_refuse(error, "no key; give key-file, key or key-hex, the same on all hosts");
    }
    if (group->address_count == 0) {
        return config_refuse(error, "no addresses; give at least one, the same set on all hosts");
    }
    if (carp->advbase == 0 && carp->advskew == 0) {
        return config_refuse(
            error, "advbase 0 needs an advskew of at least 1, or adverts would never end");
    }
    if (carp->advbase == 255 && carp->advskew == 255) {
        return config_refuse(error,
                             "advbase 255 with advskew 255 means farewell; choose a lower one");
    }
    for (unsigned i = 0; group->has_source && i < carp->ipv4_count; i++) {
        if (memcmp(carp->ipv4[i], group->source, 4) == 0) {
            return config_refuse(
                error,
                "source %u.%u.%u.%u is one of the virtual addresses; it must be the "
                "host's own",
                carp->ipv4[i][0], carp->ipv4[i][1], carp->ipv4[i][2], carp->ipv4[i][3]);
        }
    }
    config_sort_addresses(carp);
    return 0;
}

static bool same_address(const struct config_address *a, const struct config_address *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* The first address of a that b has too; NULL: there is none. */
static const struct config_address *shared_address(const struct config_group *a,
                                                   const struct config_group *b)
{
    for (size_t i = 0; i < a->address_count; i++) {
        for (size_t k = 0; k < b->address_count; k++) {
            if (same_address(&a->addresses[i], &b->addresses[k])) {
                return &a->addresses[i];
            }
        }
    }
    return NULL;
}

int config_check_groups(const struct config *config, size_t *culprit, char error[CONFIG_ERROR_MAX])
{
    for (size_t i = 0; i < config->group_count; i++) {
        const struct config_group *later = &config->groups[i];
        *culprit = i;
        for (size_t k = 0; k < i; k++) {
            const struct config_group *earlier = &config->groups[k];
            if (later->carp.vhid == earlier->carp.vhid &&
                strcmp(later->interface, earlier->interface) == 0) {
                return config_refuse(error, "vhid %u on %s is that of group %s already",
                                     later->carp.vhid, later->interface, earlier->name);
            }
            const struct config_address *shared = shared_address(later, earlier);
            if (shared != NULL) {
                char text[INET6_ADDRSTRLEN];
                inet_ntop(shared->family == 4 ? AF_INET : AF_INET6, shared->bytes, text,
                          sizeof text);
                return config_refuse(error, "the address %s is that of group %s already", text,
                                     earlier->name);
            }
        }
    }
    return 0;
}

int config_check_shared(const struct config *config, char error[CONFIG_ERROR_MAX])
{
    if (config->journal != NULL && config->daemonize && config->journal[0] != '/') {
        return config_refuse(error,
                             "journal \"%.64s\" must begin with / beside -B: daemons run in /",
                             config->journal);
    }
    return 0;
}

int config_facility(const char *name)
{
    static const struct {
        const char *name;
        int facility;
    } all[] = {
        {"auth", LOG_AUTH},     {"authpriv", LOG_AUTHPRIV}, {"cron", LOG_CRON},
        {"daemon", LOG_DAEMON}, {"ftp", LOG_FTP},           {"kern", LOG_KERN},
        {"lpr", LOG_LPR},       {"mail", LOG_MAIL},         {"news", LOG_NEWS},
        {"syslog", LOG_SYSLOG}, {"user", LOG_USER},         {"uucp", LOG_UUCP},
        {"local0", LOG_LOCAL0}, {"local1", LOG_LOCAL1},     {"local2", LOG_LOCAL2},
        {"local3", LOG_LOCAL3}, {"local4", LOG_LOCAL4},     {"local5", LOG_LOCAL5},
        {"local6", LOG_LOCAL6}, {"local7", LOG_LOCAL7},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (strcmp(all[i].name, name) == 0) {
            return all[i].facility;
        }
    }
    return -1;
}

void config_keep_to_one_line(char *message)
{
    for (; *message != '\0'; message++) {
        if ((unsigned char)*message < ' ' || *message == 0x7f) {
            *message = '?';
        }
    }
}

/* --- warnings ----------------------------------------------------------------------------------
 */

void config_warn(struct config_warnings *warnings, const char *format, ...)
{
    enum { MOST = sizeof warnings->lines / sizeof *warnings->lines };
    char text[CONFIG_ERROR_MAX];
    va_list arguments;
    if (warnings->count == MOST) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    config_keep_to_one_line(text);
    bool last = warnings->count == MOST - 1;
    char *line = strdup(last ? "and more warnings, left out here" : text);
    if (line != NULL) {
        warnings->lines[warnings->count++] = line;
    }
}

/* Without it the group would change its state, and nothing would happen. */
static void lint_command(const struct config_group *group, const char *which, const char *path,
                         struct config_warnings *warnings)
{
    if (path == NULL) {
        return;
    }
    if (path[0] != '/') {
        config_warn(warnings, "%s: the %s command %s is no absolute path, and daemons run in /",
                    group->name, which, path);
    } else if (access(path, X_OK) != 0) {
        config_warn(warnings, "%s: the %s command %s cannot be run: %s", group->name, which, path,
                    strerror(errno));
    }
}

void config_lint(const struct config_group *group, struct config_warnings *warnings)
{
    const struct carp_config *carp = &group->carp;
    lint_command(group, "up", group->up, warnings);
    lint_command(group, "down", group->down, warnings);
    if (carp->advskew > CARP_ADVSKEW_CLAMP) {
        config_warn(
            warnings,
            "%s: advskew %u: FreeBSD peers treat everything above 240 as 240, and 255 is no "
            "valid advskew for a BSD",
            group->name, carp->advskew);
    }
    if (carp->advbase > 85) {
        config_warn(warnings,
                    "%s: advbase %u: peers other than this one do not heed a farewell above 85",
                    group->name, carp->advbase);
    }
    if (carp->dead_ratio != 3) {
        config_warn(warnings, "%s: dead ratio %u: the BSD peers always use 3", group->name,
                    carp->dead_ratio);
    }
    if (carp->advbase == 0) {
        config_warn(
            warnings,
            "%s: advbase 0: UCARP and NetBSD wait only once, not %u times, their advskew; all "
            "hosts of the group should run this program",
            group->name, carp->dead_ratio);
    }
    for (unsigned i = 0; i < carp->key_count; i++) {
        if (carp->keys[i][CARP_KEY_SIZE - 1] != 0) {
            config_warn(warnings,
                        "%s: a key of 20 bytes: UCARP and ifconfig of the BSDs take only 19",
                        group->name);
        }
    }
    for (unsigned i = 0; i < carp->ipv6_count; i++) {
        if (carp->ipv6[i][0] == 0xfe && (carp->ipv6[i][1] & 0xc0) == 0x80) {
            config_warn(
                warnings,
                "%s: a link-local virtual address: FreeBSD and NetBSD peers will not accept our "
                "digests, OpenBSD's leave it out as we do",
                group->name);
        }
    }
}

void config_warnings_free(struct config_warnings *warnings)
{
    for (size_t i = 0; i < warnings->count; i++) {
        free(warnings->lines[i]);
    }
    *warnings = (struct config_warnings){0};
}

void config_forget_keys(struct config *config)
{
    for (size_t i = 0; i < config->group_count; i++) {
        OPENSSL_cleanse(config->groups[i].carp.keys, sizeof config->groups[i].carp.keys);
    }
}

void config_free(struct config *config)
{
    config_forget_keys(config);
    for (size_t i = 0; i < config->group_count; i++) {
        struct config_group *group = &config->groups[i];
        free(group->name);
        free(group->interface);
        free(group->addresses);
        free(group->up);
        free(group->down);
        free(group->argument);
        free(group->address_text);
    }
    free(config->groups);
    free(config->journal);
    free(config->user);
    free(config->command_user);
    *config = (struct config){0};
}
