#define _GNU_SOURCE
#include "io/live/confine.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cap-ng.h>

#include "io/live/command.h"
#include "io/live/linux/filter.h"
#include "io/live/log.h"

/* --- who ----------------------------------------------------------------------------------------
 */

/* As we are, without a name. */
static void find_myself(struct confine_user *user)
{
    *user = (struct confine_user){.uid = geteuid(), .gid = getegid()};
}

static bool look_up(const char *name, struct confine_user *user)
{
    const struct passwd *account = getpwnam(name);
    if (account == NULL) {
        return false;
    }
    *user = (struct confine_user){
        .uid = account->pw_uid, .gid = account->pw_gid, .group_count = CONFINE_GROUPS_MAX};
    snprintf(user->name, sizeof user->name, "%s", name);
    if (getgrouplist(name, user->gid, user->groups, &user->group_count) < 0) {
        user->group_count = CONFINE_GROUPS_MAX; /* more than fit: those that do */
    }
    return true;
}

/* In a process of its own: what libc loads to look for an account (nsswitch.conf) is not to stay
 * with ours for years. 0, -ENOENT, or another -errno: nobody knows. */
static int find_account(const char *name, struct confine_user *user)
{
    int ends[2], status = 0;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return -errno;
    }
    pid_t child = fork();
    if (child == 0) {
        struct confine_user found;
        _exit(!look_up(name, &found)                                          ? ENOENT
              : write(ends[1], &found, sizeof found) == (ssize_t)sizeof found ? 0
                                                                              : EIO);
    }
    int error = child < 0 ? -errno : 0;
    close(ends[1]);
    bool got = error == 0 && read(ends[0], user, sizeof *user) == (ssize_t)sizeof *user;
    close(ends[0]);
    if (error == 0 && (waitpid(child, &status, 0) != child || !WIFEXITED(status))) {
        error = -EIO;
    }
    if (error == 0) {
        error = got ? 0 : -WEXITSTATUS(status);
    }
    return error;
}

static int cannot_look(const char *name, int why, char *error)
{
    return config_refuse(error, "cannot look for the account %.64s: %s", name, strerror(-why));
}

static int find_named(const char *setting, const char *name, struct confine_user *user, char *error)
{
    int failed = find_account(name, user);
    if (failed == -ENOENT) {
        return config_refuse(
            error, "%s %.64s: there is no such account here; useradd --system %.64s makes one",
            setting, name, name);
    }
    return failed == 0 ? 0 : cannot_look(name, failed, error);
}

static int find_default(struct confine_user *user, char *error)
{
    static const char *const names[] = {"carpio", "nobody"};
    if (geteuid() != 0) {
        find_myself(user);
        return 0;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int failed = find_account(names[i], user);
        if (failed != -ENOENT) {
            return failed == 0 ? 0 : cannot_look(names[i], failed, error);
        }
    }
    return config_refuse(error, "there is neither an account carpio nor nobody to run as; useradd "
                                "--system carpio makes one");
}

int confine_find_users(const struct config *config, struct confine_users *users,
                       char error[CONFIG_ERROR_MAX])
{
    find_myself(&users->command);
    if (config->command_user != NULL &&
        find_named("command-user", config->command_user, &users->command, error) != 0) {
        return -1;
    }
    return config->user == NULL ? find_default(&users->worker, error)
                                : find_named("user", config->user, &users->worker, error);
}

int confine_try_as(const struct confine_user *user, int (*act)(void *self, char *error), void *self,
                   char error[CONFIG_ERROR_MAX])
{
    gid_t groups[CONFINE_GROUPS_MAX], gid = getegid();
    uid_t uid = geteuid();
    int count = getgroups(CONFINE_GROUPS_MAX, groups);
    if (uid != 0 || user->uid == 0) {
        return act(self, error);
    }
    if (count < 0 || setgroups(0, NULL) != 0 || setegid(user->gid) != 0 ||
        seteuid(user->uid) != 0) {
        return config_refuse(error, "cannot become user %s: %s", user->name, strerror(errno));
    }
    int status = act(self, error);
    bool back = seteuid(uid) == 0 && setegid(gid) == 0 && setgroups((size_t)count, groups) == 0;
    assert(back);
    return status;
}

int confine_become(const struct confine_user *user)
{
    if (user->uid == geteuid()) {
        return 0;
    }
    if (setgroups((size_t)user->group_count, user->groups) != 0 ||
        setresgid(user->gid, user->gid, user->gid) != 0 ||
        setresuid(user->uid, user->uid, user->uid) != 0) {
        return -errno;
    }
    return 0;
}

/* --- with which rights --------------------------------------------------------------------------
 */

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
    const char *filter = !config->confine ? "no filter, as configured"
                         : writes         ? "system calls and writes are filtered"
                                  : "system calls are filtered; this kernel has no Landlock to "
                                    "filter writes";
    log_line(LOG_LEVEL_INFO, "the worker runs as %s%suid %u, CAP_NET_ADMIN and CAP_NET_RAW; %s",
             user->name, user->name[0] == '\0' ? "" : ", ", (unsigned)user->uid, filter);
}

int confine_worker(const struct config *config, const struct confine_user *user,
                   char error[CONFIG_ERROR_MAX])
{
    bool writes = filter_writes_is_here();
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
