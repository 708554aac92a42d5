#define _GNU_SOURCE
#include "io/live/linux/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <seccomp.h>

/* --- system calls ------------------------------------------------------------------------------
 */

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

/* What both processes do all the time, and what libc does by itself: memory, time, locks, ends. */
static const int common_calls[] = {
    SCMP_SYS(brk),          SCMP_SYS(clock_gettime),
    SCMP_SYS(close),        SCMP_SYS(connect), /* syslog's socket */
    SCMP_SYS(exit),         SCMP_SYS(exit_group),
    SCMP_SYS(fcntl),        SCMP_SYS(fstat), /* the time zone's file, as the next four */
    SCMP_SYS(lseek),        SCMP_SYS(newfstatat),
    SCMP_SYS(read),         SCMP_SYS(statx),
    SCMP_SYS(futex),        SCMP_SYS(getpid),
    SCMP_SYS(getrandom),    SCMP_SYS(gettid),
    SCMP_SYS(madvise),      SCMP_SYS(mremap),
    SCMP_SYS(munmap),       SCMP_SYS(poll),
    SCMP_SYS(ppoll),        SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),      SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(sendmsg),
    SCMP_SYS(sendto),       SCMP_SYS(timerfd_settime),
    SCMP_SYS(write),        SCMP_SYS(writev), /* libc's last words */
};

static const int guardian_calls[] = {SCMP_SYS(wait4)};

/* libuv's loop and threads, libpcap's and libmnl's sockets. */
static const int worker_calls[] = {
    SCMP_SYS(bind),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(eventfd2),
    SCMP_SYS(getsockname),
    SCMP_SYS(getsockopt),
    SCMP_SYS(pipe2),
    SCMP_SYS(rseq),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_yield),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(setsockopt),
    SCMP_SYS(shutdown),
    SCMP_SYS(sigaltstack), /* threads under sanitizers */
    SCMP_SYS(timerfd_create),
    SCMP_SYS(uname),
};

/* Looking at interfaces, and a descriptor's own flags. */
static const unsigned long worker_ioctls[] = {
    FIOCLEX,      FIONBIO,       SIOCETHTOOL, SIOCGIFADDR, SIOCGIFFLAGS,
    SIOCGIFINDEX, SIOCGIFHWADDR, SIOCGIFMTU,  SIOCGIFNAME,
};

/* Routes and addresses; libpcap asks in Generic whether an interface is a wireless one. */
static const int worker_netlinks[] = {NETLINK_ROUTE, NETLINK_GENERIC};

/* What may write is narrowed by Landlock, and by whose files they are. */
static const int journal_calls[] = {
    SCMP_SYS(access),    SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(fallocate),
    SCMP_SYS(fdatasync), SCMP_SYS(fsync),     SCMP_SYS(ftruncate),  SCMP_SYS(rename),
    SCMP_SYS(renameat),  SCMP_SYS(renameat2), SCMP_SYS(unlink),     SCMP_SYS(unlinkat),
};

/* What libraries try first and do without: their older way can be looked at by a filter. */
static const int absent_calls[] = {SCMP_SYS(clone3), SCMP_SYS(io_uring_setup)};

static void allow(scmp_filter_ctx filter, int *error, const int *calls, size_t count)
{
    for (size_t i = 0; i < count && *error == 0; i++) {
        *error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    }
}

/* The same call when one argument, or two, are these in the bits of a mask. */
struct argument {
    unsigned index;
    uint64_t mask, value;
};

static void allow_when(scmp_filter_ctx filter, int *error, int call, struct argument a,
                       struct argument b)
{
    const struct scmp_arg_cmp when[] = {
        SCMP_CMP64(a.index, SCMP_CMP_MASKED_EQ, a.mask, a.value),
        SCMP_CMP64(b.index, SCMP_CMP_MASKED_EQ, b.mask, b.value),
    };
    if (*error == 0) {
        *error = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, b.mask == 0 ? 1 : 2, when);
    }
}

/* Their 32 bits: what the kernel makes of an int is undefined in the upper half. */
#define NOTHING_MORE    ((struct argument){0})
#define IS(index, what) ((struct argument){index, UINT32_MAX, (uint32_t)(what)})
#define SOCKET_TYPE     UINT64_C(0xf)

static void allow_common(scmp_filter_ctx filter, int *error)
{
    allow(filter, error, common_calls, COUNT(common_calls));
    for (size_t i = 0; i < COUNT(absent_calls) && *error == 0; i++) {
        *error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), absent_calls[i], 0);
    }
    /* Memory that can be run is not to be had. */
    allow_when(filter, error, SCMP_SYS(mmap), (struct argument){2, PROT_EXEC, 0}, NOTHING_MORE);
    allow_when(filter, error, SCMP_SYS(mprotect), (struct argument){2, PROT_EXEC, 0}, NOTHING_MORE);
    /* Reading only. */
    allow_when(filter, error, SCMP_SYS(openat),
               (struct argument){2, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY}, NOTHING_MORE);
    allow_when(filter, error, SCMP_SYS(socket), IS(0, AF_UNIX), NOTHING_MORE);
    /* abort() of our own. */
    allow_when(filter, error, SCMP_SYS(tgkill), IS(0, getpid()), IS(2, SIGABRT));
}

bool filter_calls_is_here(void)
{
    switch (seccomp_arch_native()) {
    case SCMP_ARCH_X86_64:
    case SCMP_ARCH_AARCH64:
    case SCMP_ARCH_RISCV64:
        return true;
    default:
        return false;
    }
}

static int load(scmp_filter_ctx filter, int error, char *why)
{
    if (error == 0) {
        error = seccomp_load(filter);
    }
    seccomp_release(filter);
    return error == 0 ? 0
                      : config_refuse(why,
                                      "cannot filter system calls: %s; \"confine: false\" goes "
                                      "without",
                                      strerror(-error));
}

int filter_worker(bool journal, char error[CONFIG_ERROR_MAX])
{
    int failed = 0;
    if (!filter_calls_is_here()) {
        return 0;
    }
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (filter == NULL) {
        return load(NULL, -ENOMEM, error);
    }
    allow_common(filter, &failed);
    allow(filter, &failed, worker_calls, COUNT(worker_calls));
    for (size_t i = 0; i < COUNT(worker_ioctls); i++) {
        allow_when(filter, &failed, SCMP_SYS(ioctl), IS(1, worker_ioctls[i]), NOTHING_MORE);
    }
    for (size_t i = 0; i < COUNT(worker_netlinks); i++) {
        allow_when(filter, &failed, SCMP_SYS(socket), IS(0, AF_NETLINK), IS(2, worker_netlinks[i]));
    }
    /* libuv 1.50 gives its threads names. */
    allow_when(filter, &failed, SCMP_SYS(prctl), IS(0, PR_SET_NAME), NOTHING_MORE);
    /* Its limits are to be read, not set. */
    allow_when(filter, &failed, SCMP_SYS(prlimit64), IS(2, 0), NOTHING_MORE);
    allow_when(filter, &failed, SCMP_SYS(socket), IS(0, AF_PACKET), NOTHING_MORE);
    /* For an interface's number and multicast groups: no stream, no raw IP. */
    for (int i = 0; i < 2; i++) {
        allow_when(filter, &failed, SCMP_SYS(socket), IS(0, i == 0 ? AF_INET : AF_INET6),
                   (struct argument){1, SOCKET_TYPE, SOCK_DGRAM});
    }
    allow_when(filter, &failed, SCMP_SYS(clone),
               (struct argument){0, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM},
               NOTHING_MORE);
    if (journal) {
        allow(filter, &failed, journal_calls, COUNT(journal_calls));
        allow_when(filter, &failed, SCMP_SYS(openat),
                   (struct argument){2, O_ACCMODE | O_TRUNC, O_WRONLY}, NOTHING_MORE);
    }
    return load(filter, failed, error);
}

int filter_guardian(pid_t worker, char error[CONFIG_ERROR_MAX])
{
    int failed = 0;
    if (!filter_calls_is_here()) {
        return 0;
    }
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (filter == NULL) {
        return load(NULL, -ENOMEM, error);
    }
    allow_common(filter, &failed);
    allow(filter, &failed, guardian_calls, COUNT(guardian_calls));
    allow_when(filter, &failed, SCMP_SYS(kill), IS(0, worker), NOTHING_MORE);
    return load(filter, failed, error);
}

/* --- files -------------------------------------------------------------------------------------
 */

/* Of version 3, which headers of Linux 6.1 do not have yet. */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

/* Reading is left to whose files they are. */
#define MAKE_AND_WRITE                                                                             \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE)
#define ALL_BUT_READING                                                                            \
    (MAKE_AND_WRITE | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                 \
     LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_SOCK |   \
     LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)

enum { VERSION_WITH_TRUNCATE = 3 };

static int landlock_version(void)
{
    return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

bool filter_writes_is_here(void)
{
    return landlock_version() > 0;
}

/* The folder of the journal is the one exception. */
static int allow_folder(int rules, uint64_t handled, const char *journal)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(journal, '/');
    snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - journal + 1),
             slash == NULL ? "." : journal);
    struct landlock_path_beneath_attr beneath = {
        .allowed_access = handled & (MAKE_AND_WRITE | LANDLOCK_ACCESS_FS_TRUNCATE),
        .parent_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC),
    };
    int error = beneath.parent_fd < 0 || syscall(SYS_landlock_add_rule, rules,
                                                 LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) != 0
                    ? -errno
                    : 0;
    if (beneath.parent_fd >= 0) {
        close(beneath.parent_fd);
    }
    return error;
}

int filter_writes(const char *journal, char error[CONFIG_ERROR_MAX])
{
    int version = landlock_version();
    if (version <= 0) {
        return 0;
    }
    struct landlock_ruleset_attr attributes = {.handled_access_fs = ALL_BUT_READING};
    if (version >= VERSION_WITH_TRUNCATE) {
        attributes.handled_access_fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
    }
    int rules = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    int failed = rules < 0 ? -errno : 0;
    if (failed == 0 && journal != NULL) {
        failed = allow_folder(rules, attributes.handled_access_fs, journal);
    }
    if (failed == 0 && syscall(SYS_landlock_restrict_self, rules, 0) != 0) {
        failed = -errno;
    }
    if (rules >= 0) {
        close(rules);
    }
    return failed == 0
               ? 0
               : config_refuse(error, "cannot filter writes: %s; \"confine: false\" goes without",
                               strerror(-failed));
}
