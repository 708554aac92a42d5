#include "io/live/bsd/lacks.h"

#include <string.h>

#include "io/live/command.h"

/* Do we set addresses of this family? */
static bool sets(const struct config *config, uint8_t family)
{
    for (size_t g = 0; g < config->group_count; g++) {
        const struct config_group *group = &config->groups[g];
        for (size_t i = 0; i < group->address_count && !command_is_used(group); i++) {
            if (group->addresses[i].family == family) {
                return true;
            }
        }
    }
    return false;
}

size_t lacks_list(const struct lacks_of *system, const struct config *config,
                  const char *lines[SYSTEM_LACKS_MAX])
{
    bool ipv4 = sets(config, 4), ipv6 = sets(config, 6);
    bool stays_root = config->user != NULL && strcmp(config->user, "root") == 0;
    const struct {
        bool applies;
        const char *line;
    } all[] = {
        {ipv4, "this system has no lifetimes for IPv4 addresses: when all processes of carpd are "
               "killed at once, such an address stays until carpd starts again"},
        {ipv4 && system->ipv4_detection,
         "this system looks for duplicates of an IPv4 address before it uses it, so that a "
         "takeover "
         "takes some seconds more; sysctl -w net.inet.ip.dad_count=0 leaves that out"},
        {ipv6 && system->ipv6_detection,
         "this system looks for duplicates of an IPv6 address before it uses it, so that a "
         "takeover "
         "takes about a second more; sysctl net.inet6.ip6.dad_count=0 leaves that out"},
        {!stays_root, "this system opens interfaces for root alone: one that is made anew, or is "
                      "down when carpd starts, may need a restart of carpd"},
        {system->clock_may_stop, "this system's clock may stand still while the machine sleeps: a "
                                 "master that wakes up holds its addresses until it hears another"},
        {system->silent_losses, "this system may lose news of interfaces and addresses without a "
                                "word, when very many come at once"},
        {config->confine && system->no_filter,
         "this system has no filter of system calls for the worker, which may do what its account "
         "may"},
        {config->journal != NULL && system->no_reservations,
         "this system cannot reserve room for the journal: a full disk shows in the middle of it"},
    };
    _Static_assert(sizeof all / sizeof all[0] <= SYSTEM_LACKS_MAX, "there is room for all");
    size_t count = 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i].applies) {
            lines[count++] = all[i].line;
        }
    }
    return count;
}
