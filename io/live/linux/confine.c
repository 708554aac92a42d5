#include "io/live/confine.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cap-ng.h>

#include "io/live/command.h"
#include "io/live/linux/filter.h"
#include "io/live/log.h"

int confine_check_rights(char error[CONFIG_ERROR_MAX])
{
    return capng_get_caps_process() == 0 && capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_RAW) &&
                   capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN)
               ? 0
               : config_refuse(error, "raw frames and addresses need the capabilities CAP_NET_RAW "
                                      "and CAP_NET_ADMIN: run this as root");
}

/* This account with no capability but these: bits of 1 << CAP_...; none is to be had again. */
static int keep_only(const struct confine_user *user, uint64_t capabilities, char *error)
{
    capng_clear(CAPNG_SELECT_BOTH);
    for (unsigned i = 0; i < 64; i++) {
        if ((capabilities >> i & 1) != 0) {
            capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, i);
        }
    }
    int failed = geteuid() == 0
                     ? capng_change_id((int)user->uid, (int)user->gid, CAPNG_DROP_SUPP_GRP)
                     : capng_apply(CAPNG_SELECT_CAPS);
    return failed == 0 ? 0
                       : config_refuse(error, "cannot become user %s with fewer rights: %s",
                                       user->name, strerror(errno));
}

/* Keys are in this memory: it is for nobody else, and for no core dump. */
static int close_memory(char *error)
{
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0
               ? 0
               : config_refuse(error, "cannot keep memory private: %s", strerror(errno));
}

static int forgo_new_privileges(char *error)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
               ? 0
               : config_refuse(error, "cannot forgo new privileges: %s", strerror(errno));
}

#define ONE(capability) (UINT64_C(1) << (capability))

static void tell(const struct config *config, const struct confine_user *user, bool writes)
{
    static const char *const filters[2][2] = {
        {"nothing is filtered", "writes are filtered"},
        {"system calls are filtered", "system calls and writes are filtered"},
    };
    log_line(LOG_LEVEL_INFO, "the worker runs as %s%suid %u, CAP_NET_ADMIN and CAP_NET_RAW; %s",
             user->name, user->name[0] == '\0' ? "" : ", ", (unsigned)user->uid,
             config->confine ? filters[filter_calls_is_here()][writes]
                             : "no filter, as configured");
}

int confine_worker(const struct config *config, const struct confine_user *user,
                   char error[CONFIG_ERROR_MAX])
{
    bool writes = filter_writes_is_here(); /* which a filter forbids to ask */
    if (keep_only(user, ONE(CAP_NET_ADMIN) | ONE(CAP_NET_RAW), error) != 0 ||
        close_memory(error) != 0 || forgo_new_privileges(error) != 0) {
        return -1;
    }
    if (config->confine && (filter_writes(config->journal, error) != 0 ||
                            filter_worker(config->journal != NULL, error) != 0)) {
        return -1;
    }
    tell(config, user, writes);
    return 0;
}

int confine_guardian(const struct config *config, const struct confine_users *users, pid_t worker,
                     char error[CONFIG_ERROR_MAX])
{
    if (close_memory(error) != 0) {
        return -1;
    }
    if (command_is_used_anywhere(config)) {
        uint64_t needed = ONE(CAP_NET_ADMIN) | ONE(CAP_SETUID) | ONE(CAP_SETGID) | ONE(CAP_KILL);
        return users->command.uid == geteuid() ? 0 : keep_only(&users->worker, needed, error);
    }
    if (keep_only(&users->worker, ONE(CAP_NET_ADMIN), error) != 0 ||
        forgo_new_privileges(error) != 0) {
        return -1;
    }
    if (!config->confine) {
        return 0;
    }
    return filter_writes(NULL, error) != 0 ? -1 : filter_guardian(worker, error);
}

int confine_runner(const struct confine_user *user, char error[CONFIG_ERROR_MAX])
{
    int failed = confine_become(user);
    return failed == 0
               ? close_memory(error)
               : config_refuse(error, "cannot become user %s: %s", user->name, strerror(-failed));
}
