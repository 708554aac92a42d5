/*
 * Goal: what a process of carpd may not do, it cannot do. Each row is tried in a process of its own
 * that was confined as carpd confines it: by the kernel's word, not by our list. Needs root, to
 * give something up.
 */
#define _GNU_SOURCE
#include "io/live/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/live/linux/filter.h"
#include "io/live/log_test.h"
#include "tools/testkit/testkit.h"

/* --- a confined process ------------------------------------------------------------------------
 */

enum role { WORKER, WORKER_WITH_JOURNAL, UNFILTERED_WORKER, GUARDIAN, COMMANDS_GUARDIAN, RUNNER };

struct bench {
    struct config config;
    struct config_group group;
    struct confine_users users;
    char folder[64], journal[96];
    pid_t other; /* some process; the guardian's worker */
};

static char command[] = "/bin/true";

static void set_bench(struct bench *b)
{
    char error[CONFIG_ERROR_MAX] = "";
    memset(b, 0, sizeof *b);
    b->config.confine = true;
    EXPECT_INT(0, confine_find_users(&b->config, &b->users, error));
    EXPECT_STR("", error);
    snprintf(b->folder, sizeof b->folder, "/tmp/confine_test.XXXXXX");
    ASSERT_TRUE(mkdtemp(b->folder) != NULL);
    ASSERT_TRUE(chown(b->folder, b->users.worker.uid, b->users.worker.gid) == 0);
    snprintf(b->journal, sizeof b->journal, "%s/journal", b->folder);
    b->other = fork();
    if (b->other == 0) {
        ASSERT_TRUE(setresuid(b->users.worker.uid, b->users.worker.uid, b->users.worker.uid) == 0);
        pause();
        _exit(0);
    }
    log_capture();
}

static void clear_bench(const struct bench *b)
{
    log_captured();
    kill(b->other, SIGKILL);
    waitpid(b->other, NULL, 0);
    unlink(b->journal);
    rmdir(b->folder);
}

static int confine(struct bench *b, enum role role)
{
    char error[CONFIG_ERROR_MAX];
    switch (role) {
    case UNFILTERED_WORKER:
        b->config.confine = false;
        return confine_worker(&b->config, &b->users.worker, error);
    case WORKER_WITH_JOURNAL:
        b->config.journal = b->journal;
        return confine_worker(&b->config, &b->users.worker, error);
    case WORKER:
        return confine_worker(&b->config, &b->users.worker, error);
    case COMMANDS_GUARDIAN:
        b->group.down = command;
        b->config.groups = &b->group;
        b->config.group_count = 1;
        return confine_guardian(&b->config, &b->users, b->other, error);
    case GUARDIAN:
        return confine_guardian(&b->config, &b->users, b->other, error);
    case RUNNER:
        return confine_runner(&b->users.command, error);
    }
    return -1;
}

/* What became of a call: 0 or -errno, or else: */
enum {
    KILLED = 1000, /* the kernel has killed who made it */
    OTHERWISE,     /* by another signal, or it was not confined */
    ANY,           /* what this kernel makes of it is not our matter */
    EXIT_NOT_CONFINED = 255,
};

static int try_as(struct bench *b, enum role role, int (*call)(struct bench *b))
{
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int code = confine(b, role) != 0 ? EXIT_NOT_CONFINED : -call(b);
        /* Not _exit(), before which ASan looks at its stacks by a call that is not allowed. */
        syscall(SYS_exit_group, code);
    }
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) {
        return WTERMSIG(status) == SIGSYS ? KILLED : OTHERWISE;
    }
    return WEXITSTATUS(status) == EXIT_NOT_CONFINED ? OTHERWISE : -WEXITSTATUS(status);
}

static int result(long got)
{
    return got < 0 ? -errno : 0;
}

/* --- calls -------------------------------------------------------------------------------------
 */

static int run_program(struct bench *b)
{
    (void)b;
    static char *const nothing[] = {command, NULL};
    return result(execve(command, nothing, nothing + 1));
}

static int make_process(struct bench *b)
{
    (void)b;
    pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    return result(child);
}

static void *return_it(void *it)
{
    return it;
}

static int make_thread(struct bench *b)
{
    pthread_t thread;
    return -pthread_create(&thread, NULL, return_it, b) - pthread_join(thread, NULL);
}

static int end_other(struct bench *b)
{
    return result(kill(b->other, 0));
}

static int end_parent(struct bench *b)
{
    (void)b;
    return result(kill(getppid(), 0));
}

static int look_into_other(struct bench *b)
{
    return result(ptrace(PTRACE_SEIZE, b->other, NULL, NULL));
}

static int become_root(struct bench *b)
{
    (void)b;
    return result(setuid(0));
}

static int mount_something(struct bench *b)
{
    return result(mount("none", b->folder, "tmpfs", 0, NULL));
}

static int leave_namespace(struct bench *b)
{
    (void)b;
    return result(unshare(CLONE_NEWUSER));
}

static int load_module(struct bench *b)
{
    (void)b;
    return result(syscall(SYS_init_module, NULL, 0, ""));
}

static int program_kernel(struct bench *b)
{
    (void)b;
    return result(syscall(SYS_bpf, 0, NULL, 0));
}

static int go_around_by_io_uring(struct bench *b)
{
    (void)b;
    return result(syscall(SYS_io_uring_setup, 1, NULL));
}

static int type_into_terminal(struct bench *b)
{
    (void)b;
    return result(ioctl(STDIN_FILENO, TIOCSTI, "x"));
}

static int run_data(struct bench *b)
{
    (void)b;
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return result(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static int map_code(struct bench *b)
{
    (void)b;
    void *page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? -errno : 0;
}

static int open_socket(int family, int type, int protocol)
{
    return result(socket(family, type | SOCK_CLOEXEC, protocol));
}

static int open_tcp(struct bench *b)
{
    (void)b;
    return open_socket(AF_INET, SOCK_STREAM, 0);
}

static int open_raw_ip(struct bench *b)
{
    (void)b;
    return open_socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
}

static int open_udp(struct bench *b)
{
    (void)b;
    return open_socket(AF_INET, SOCK_DGRAM, 0);
}

static int open_packets(struct bench *b)
{
    (void)b;
    return open_socket(AF_PACKET, SOCK_RAW, 0);
}

static int open_routes(struct bench *b)
{
    (void)b;
    return open_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
}

static int open_audit(struct bench *b)
{
    (void)b;
    return open_socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT);
}

static int read_file(struct bench *b)
{
    (void)b;
    return result(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
}

static int read_secret(struct bench *b)
{
    (void)b;
    return result(open("/etc/shadow", O_RDONLY | O_CLOEXEC));
}

static int write_journal(struct bench *b)
{
    char older[128];
    snprintf(older, sizeof older, "%s.1", b->journal);
    int fd = open(b->journal, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, "x", 1) != 1 || fdatasync(fd) != 0 || ftruncate(fd, 0) != 0 ||
        rename(b->journal, older) != 0 || unlink(older) != 0) {
        return -errno;
    }
    return 0;
}

/* All may write there. */
static int write_elsewhere(struct bench *b)
{
    char path[128];
    snprintf(path, sizeof path, "/tmp/%s.elsewhere", strrchr(b->folder, '/') + 1);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        unlink(path);
    }
    return result(fd);
}

static int make_folder(struct bench *b)
{
    char path[128];
    snprintf(path, sizeof path, "%s/folder", b->folder);
    return result(mkdir(path, 0700));
}

static int change_mode(struct bench *b)
{
    return result(chmod(b->folder, 0777));
}

TEST_CASE(filter_live, keeps_each_process_from_what_it_has_no_use_for)
{
    static const struct {
        const char *what;
        int (*call)(struct bench *b);
        int of[6]; /* by role */
    } rows[] = {
        {"run a program", run_program, {KILLED, KILLED, 0, KILLED, 0, 0}},
        {"make a process", make_process, {KILLED, KILLED, 0, KILLED, 0, 0}},
        {"make a thread", make_thread, {0, 0, 0, KILLED, 0, 0}},
        {"signal its parent", end_parent, {KILLED, KILLED, -EPERM, KILLED, 0, 0}},
        {"signal the worker", end_other, {KILLED, KILLED, 0, 0, 0, 0}},
        {"look into another process", look_into_other, {KILLED, KILLED, -EPERM, KILLED, 0, 0}},
        {"become root", become_root, {KILLED, KILLED, -EPERM, KILLED, 0, 0}},
        {"mount", mount_something, {KILLED, KILLED, -EPERM, KILLED, 0, 0}},
        {"leave its namespace", leave_namespace, {KILLED, KILLED, ANY, KILLED, ANY, ANY}},
        {"load a module", load_module, {KILLED, KILLED, ANY, KILLED, ANY, ANY}},
        {"program the kernel", program_kernel, {KILLED, KILLED, ANY, KILLED, ANY, ANY}},
        {"io_uring", go_around_by_io_uring, {-ENOSYS, -ENOSYS, ANY, -ENOSYS, ANY, ANY}},
        {"type into a terminal", type_into_terminal, {KILLED, KILLED, ANY, KILLED, ANY, ANY}},
        {"run what it wrote", run_data, {KILLED, KILLED, 0, KILLED, 0, 0}},
        {"map more code", map_code, {KILLED, KILLED, 0, KILLED, 0, 0}},
        {"connect by TCP", open_tcp, {KILLED, KILLED, 0, KILLED, 0, 0}},
        {"send raw IP", open_raw_ip, {KILLED, KILLED, 0, KILLED, 0, 0}},
        {"join a multicast group", open_udp, {0, 0, 0, KILLED, 0, 0}},
        {"open an interface", open_packets, {0, 0, 0, KILLED, 0, 0}},
        {"follow addresses", open_routes, {0, 0, 0, KILLED, 0, 0}},
        {"write the audit log", open_audit, {KILLED, KILLED, 0, KILLED, 0, 0}},
        {"read what all may", read_file, {0, 0, 0, 0, 0, 0}},
        {"read what root may", read_secret, {-EACCES, -EACCES, -EACCES, -EACCES, 0, 0}},
        {"write a journal", write_journal, {KILLED, 0, 0, KILLED, 0, 0}},
        {"write elsewhere", write_elsewhere, {KILLED, -EACCES, 0, KILLED, 0, 0}},
        {"make a folder", make_folder, {KILLED, KILLED, 0, KILLED, 0, 0}},
        {"change a mode", change_mode, {KILLED, KILLED, 0, KILLED, 0, 0}},
    };
    static const char *const roles[] = {"worker",   "worker with a journal",  "worker, no filter",
                                        "guardian", "guardian with commands", "runner"};
    struct bench b;
    if (geteuid() != 0) {
        tk_skip("only root has something to give up");
        return;
    }
    int terminal = dup(STDIN_FILENO), null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    dup2(null, STDIN_FILENO);
    set_bench(&b);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int role = WORKER; role <= RUNNER; role++) {
            char row[96];
            struct bench tried = b;
            char path[128];
            snprintf(row, sizeof row, "%s: %s", roles[role], rows[i].what);
            tk_row(row);
            int want = rows[i].of[role];
            bool by_filter = want == KILLED || want == -ENOSYS;
            if (want == ANY || (by_filter && !filter_calls_is_here())) {
                continue;
            }
            EXPECT_INT(want, try_as(&tried, (enum role)role, rows[i].call));
            snprintf(path, sizeof path, "%s/folder", b.folder);
            rmdir(path);
            umount(b.folder);
        }
    }
    clear_bench(&b);
    dup2(terminal, STDIN_FILENO);
    close(terminal);
    close(null);
}

/* --- who it is ---------------------------------------------------------------------------------
 */

/* Some lines of /proc/PID/status of a confined process, and whose its memory is to others. */
static const char *facts_of(struct bench *b, enum role role)
{
    static char text[512];
    static const char *const names[] = {
        "Uid:", "Gid:", "Groups:", "CapInh:", "CapPrm:", "CapEff:", "NoNewPrivs:", "Seccomp:"};
    char path[64], line[256], byte = 0;
    size_t used = 0;
    int ready[2], done[2];
    text[0] = '\0';
    if (pipe(ready) != 0 || pipe(done) != 0) {
        return "no pipe";
    }
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        close(done[1]);
        bool confined = confine(b, role) == 0 && write(ready[1], &byte, 1) == 1;
        _exit(!confined || read(done[0], &byte, 1) != 0);
    }
    close(ready[1]);
    bool confined = read(ready[0], &byte, 1) == 1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)child);
    FILE *file = fopen(path, "r");
    while (confined && file != NULL && fgets(line, sizeof line, file) != NULL) {
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            if (strncmp(line, names[i], strlen(names[i])) == 0) {
                used += (size_t)snprintf(text + used, sizeof text - used, "%s", line);
            }
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    struct stat memory;
    snprintf(path, sizeof path, "/proc/%d/mem", (int)child);
    EXPECT_INT(0, stat(path, &memory));
    EXPECT_INT(0, memory.st_uid); /* not its own user's: it cannot be dumped */
    close(done[0]);
    close(done[1]);
    close(ready[0]);
    waitpid(child, NULL, 0);
    return text;
}

TEST_CASE(filter_live, leaves_each_process_the_rights_it_needs)
{
    struct bench b;
    char worker[512], guardian[512], unfiltered[512], both[512];
    if (geteuid() != 0) {
        tk_skip("only root has something to give up");
        return;
    }
    set_bench(&b);
    unsigned uid = b.users.worker.uid, gid = b.users.worker.gid;
    int filter = filter_calls_is_here() ? 2 : 0;
    /* Capabilities are bits, see linux/capability.h: 5 KILL, 6 SETGID, 7 SETUID, 12 NET_ADMIN, 13
     * NET_RAW. Seccomp 2 is a filter. */
    static const char form[] = "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nGroups:\t \n"
                               "CapInh:\t0000000000000000\nCapPrm:\t%016x\nCapEff:\t%016x\n"
                               "NoNewPrivs:\t%d\nSeccomp:\t%d\n";
    snprintf(worker, sizeof worker, form, uid, uid, uid, uid, gid, gid, gid, gid, 0x3000, 0x3000, 1,
             filter);
    snprintf(guardian, sizeof guardian, form, uid, uid, uid, uid, gid, gid, gid, gid, 0x1000,
             0x1000, 1, filter);
    snprintf(unfiltered, sizeof unfiltered, form, uid, uid, uid, uid, gid, gid, gid, gid, 0x3000,
             0x3000, 1, 0);
    snprintf(both, sizeof both, form, uid, uid, uid, uid, gid, gid, gid, gid, 0x10e0, 0x10e0, 0, 0);
    struct bench tried = b;
    EXPECT_STR(worker, facts_of(&tried, WORKER));
    EXPECT_STR(worker, facts_of(&tried, WORKER_WITH_JOURNAL));
    EXPECT_STR(guardian, facts_of(&tried, GUARDIAN));
    EXPECT_STR(unfiltered, facts_of(&tried, UNFILTERED_WORKER));

    tried = b;
    tried.users.command = b.users.worker; /* commands of another account than root's */
    EXPECT_STR(both, facts_of(&tried, COMMANDS_GUARDIAN));
    EXPECT_TRUE(strstr(facts_of(&tried, RUNNER), "CapEff:\t0000000000000000\n") != NULL);
    tried = b;
    EXPECT_TRUE(strncmp(facts_of(&tried, COMMANDS_GUARDIAN), "Uid:\t0\t0\t0\t0\n", 13) == 0);
    clear_bench(&b);
}

/* With what is left to a guardian of another account's commands it runs and ends them. */
static int run_and_end_as_command_user(struct bench *b)
{
    uid_t uid = 0;
    int ready[2], status = 0;
    if (pipe(ready) != 0) {
        return -errno;
    }
    pid_t child = fork();
    if (child == 0) {
        uid = confine_become(&b->users.command) == 0 ? geteuid() : 0;
        _exit(write(ready[1], &uid, sizeof uid) != sizeof uid || pause() != 0);
    }
    bool became = read(ready[0], &uid, sizeof uid) == sizeof uid && uid == b->users.command.uid;
    if (kill(child, SIGKILL) != 0 || waitpid(child, &status, 0) != child) {
        return -errno;
    }
    return became && WIFSIGNALED(status) ? 0 : -ECANCELED;
}

TEST_CASE(confine_live, lets_the_guardian_run_commands_of_another_account)
{
    char error[CONFIG_ERROR_MAX], name[] = "daemon";
    struct bench b;
    if (geteuid() != 0) {
        tk_skip("only root has something to give up");
        return;
    }
    set_bench(&b);
    b.config.command_user = name;
    EXPECT_INT(0, confine_find_users(&b.config, &b.users, error));
    EXPECT_INT(0, try_as(&b, COMMANDS_GUARDIAN, run_and_end_as_command_user));
    clear_bench(&b);
}

/* --- accounts ----------------------------------------------------------------------------------
 */

TEST_CASE(confine_live, knows_accounts_by_name)
{
    char error[CONFIG_ERROR_MAX] = "", root[] = "root", daemon[] = "daemon", none[] = "nobody-here";
    struct confine_users users;
    struct config config = {.user = root, .command_user = daemon};
    EXPECT_INT(0, confine_find_users(&config, &users, error));
    EXPECT_U64(0, users.worker.uid);
    EXPECT_STR("daemon", users.command.name);
    const struct passwd *account = getpwnam("daemon");
    ASSERT_TRUE(account != NULL);
    EXPECT_U64(account->pw_uid, users.command.uid);
    EXPECT_U64(account->pw_gid, users.command.gid);

    config.user = none;
    EXPECT_INT(-1, confine_find_users(&config, &users, error));
    EXPECT_STR("user nobody-here: there is no such account here; make one, as by useradd, or name "
               "another",
               error);
    config = (struct config){.command_user = none};
    EXPECT_INT(-1, confine_find_users(&config, &users, error));
    EXPECT_STR("command-user nobody-here: there is no such account here; make one, as by useradd, "
               "or name another",
               error);

    config = (struct config){0};
    EXPECT_INT(0, confine_find_users(&config, &users, error));
    EXPECT_U64(geteuid(), users.command.uid);
    if (geteuid() == 0) {
        EXPECT_STR(getpwnam("carpio") != NULL ? "carpio" : "nobody", users.worker.name);
    } else {
        EXPECT_U64(geteuid(), users.worker.uid);
    }
}

/* Whether a file can be made there is asked as the one who will make it. */
static int make_file(void *path, char *error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    snprintf(error, CONFIG_ERROR_MAX, "uid %u", (unsigned)geteuid());
    if (fd < 0) {
        return -1;
    }
    close(fd);
    return 0;
}

TEST_CASE(confine_live, tries_something_as_another_and_comes_back)
{
    char error[CONFIG_ERROR_MAX], want[32], of_root[] = "/tmp/confine_root.XXXXXX", path[64];
    struct bench b;
    if (geteuid() != 0) {
        tk_skip("only root becomes another");
        return;
    }
    set_bench(&b);
    snprintf(want, sizeof want, "uid %u", (unsigned)b.users.worker.uid);
    EXPECT_INT(0, confine_try_as(&b.users.worker, make_file, b.journal, error));
    EXPECT_STR(want, error);
    EXPECT_U64(0, geteuid());
    ASSERT_TRUE(mkdtemp(of_root) != NULL);
    snprintf(path, sizeof path, "%s/file", of_root);
    EXPECT_INT(-1, confine_try_as(&b.users.worker, make_file, path, error));
    EXPECT_STR(want, error);
    EXPECT_INT(0, make_file(path, error));
    unlink(path);
    rmdir(of_root);
    clear_bench(&b);
}
