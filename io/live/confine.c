/* Who runs as whom: the part of confine.h that is the same everywhere. */
#include "io/live/confine.h"

#include <assert.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/live/system.h"

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
    int count = CONFINE_GROUPS_MAX;
    *user = (struct confine_user){.uid = account->pw_uid, .gid = account->pw_gid};
    snprintf(user->name, sizeof user->name, "%s", name);
    if (system_groups_of(name, user->gid, user->groups, &count) < 0) {
        count = CONFINE_GROUPS_MAX; /* more than fit: those that do */
    }
    user->group_count = (uint16_t)count;
    return true;
}

/* In a process of its own: what libc loads to look for an account (nsswitch.conf) is not to stay
 * with ours for years. 0, -ENOENT, or another -errno: nobody knows. */
static int find_account(const char *name, struct confine_user *user)
{
    int ends[2], status = 0;
    if (pipe(ends) != 0) {
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
            error,
            "%s %.64s: there is no such account here; make one, as by useradd, or name another",
            setting, name);
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
    return config_refuse(error,
                         "there is neither an account carpio nor nobody to run as; make one, "
                         "as by useradd");
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
    bool back = seteuid(uid) == 0 && setegid(gid) == 0 && setgroups((uint16_t)count, groups) == 0;
    assert(back);
    return status;
}

int confine_become(const struct confine_user *user)
{
    if (user->uid == geteuid()) {
        return 0;
    }
    if (setgroups(user->group_count, user->groups) != 0 || setgid(user->gid) != 0 ||
        setuid(user->uid) != 0) {
        return -errno;
    }
    return 0;
}
