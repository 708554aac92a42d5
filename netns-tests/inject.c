/*
 * Run a program with a fault: a system call of one of its processes fails, or processes are killed
 * when one of them is about to make a certain call.
 *
 *   inject [--seconds N] [--calls FILE] [--from-term] [FAULT] -- COMMAND...
 *
 *   --fail ROLE:CALL:N    the N-th such call fails with the errno of the table below, undone
 *   --fail ROLE:CALL:N+   it and all that follow
 *   --kill WHO:ROLE:N     SIGKILL before the N-th call of that role, to the guardian, worker or
 * both
 *
 * Roles: `guardian` is the process that was started, `worker` its first child, `runner` the
 * worker's first child, `thread` all threads that they start, `command` other children, until they
 * exec. SIGTERM is passed on to the guardian; with --from-term calls are counted only from then on.
 * Calls of the dynamic loader do not count.
 *
 * FILE has a line for each call, in order: "WHEN TIME ROLE NUMBER CALL ERRNO". WHEN is "start", or
 * "term" after SIGTERM; NUMBER counts this call of this role; ERRNO is what it would fail with.
 * With a fault there is one line only, "struck" instead of WHEN. The exit status is the guardian's
 * (128 and the signal when it was killed), 124 when N seconds were not enough: then all is killed.
 *
 * This is ptrace, and not a library put before libc, so that it sees the calls that libraries make
 * among themselves, and that it does not matter to it what rights, or which filter of system calls,
 * a process gives itself: a call that fails is replaced by one that any daemon may make. strace can
 * inject faults too, but counts in each process apart, so a fault would strike both of them.
 */
#define _GNU_SOURCE

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TASKS_MAX = 256, CALLS_MAX = 512, NAME_SIZE = 24, EXPIRED = 124, SIGNALLED = 128 };

enum role { GUARDIAN, WORKER, RUNNER, THREAD, COMMAND, ROLE_COUNT, ROLE_UNKNOWN };

static const char *const role_words[] = {"guardian", "worker", "runner", "thread", "command"};

/* A call, and an error that a kernel in trouble may give. 0: it is left alone, for it never fails,
 * or only by a mistake of who calls, for which libc has no way but to abort. */
static const struct {
    int number;
    const char *name;
    int error;
} calls[] = {
#define CALL(name, error)                                                                          \
    {                                                                                              \
        SYS_##name, #name, error                                                                   \
    }
    CALL(exit, 0),
    CALL(exit_group, 0),
    CALL(rt_sigreturn, 0),
    CALL(restart_syscall, 0),
    CALL(futex, 0),
    CALL(wait4, 0),
    CALL(rt_sigaction, 0),
    CALL(rt_sigprocmask, 0),
    CALL(sched_yield, 0),
    CALL(getpid, 0),
    CALL(gettid, 0),
    CALL(getuid, 0),
    CALL(geteuid, 0),
    CALL(getgid, 0),
    CALL(getegid, 0),
    CALL(umask, 0),
    CALL(read, EIO),
    CALL(pread64, EIO),
    CALL(write, ENOSPC),
    CALL(open, EMFILE),
    CALL(openat, EMFILE),
    CALL(close, EIO),
    CALL(close_range, ENOSYS),
    CALL(stat, EACCES),
    CALL(lstat, EACCES),
    CALL(fstat, EIO),
    CALL(newfstatat, EACCES),
    CALL(statx, EACCES),
    CALL(statfs, EIO),
    CALL(fstatfs, EIO),
    CALL(access, EACCES),
    CALL(faccessat, EACCES),
    CALL(faccessat2, EACCES),
    CALL(lseek, ESPIPE),
    CALL(getdents64, EIO),
    CALL(rename, EROFS),
    CALL(unlink, EROFS),
    CALL(chdir, EACCES),
    CALL(ftruncate, EIO),
    CALL(fallocate, ENOSPC),
    CALL(fsync, EIO),
    CALL(fdatasync, EIO),
    CALL(dup2, EMFILE),
    CALL(dup3, EMFILE),
    CALL(pipe2, EMFILE),
    CALL(eventfd2, EMFILE),
    CALL(signalfd4, EMFILE),
    CALL(timerfd_create, EMFILE),
    CALL(timerfd_settime, ENOMEM),
    CALL(epoll_create1, EMFILE),
    CALL(epoll_ctl, ENOSPC),
    CALL(epoll_wait, EINTR),
    CALL(epoll_pwait, EINTR),
    CALL(poll, ENOMEM),
    CALL(ppoll, ENOMEM),
    CALL(fcntl, EMFILE),
    CALL(ioctl, ENODEV),
    CALL(socket, EMFILE),
    CALL(socketpair, EMFILE),
    CALL(bind, ENOMEM),
    CALL(connect, ECONNREFUSED),
    CALL(listen, EADDRINUSE),
    CALL(getsockname, ENOBUFS),
    CALL(getsockopt, ENOBUFS),
    CALL(setsockopt, ENOBUFS),
    CALL(sendto, ENOBUFS),
    CALL(sendmsg, ENOBUFS),
    CALL(recvfrom, ENOMEM),
    CALL(recvmsg, ENOMEM),
    CALL(shutdown, ENOTCONN),
    CALL(mmap, ENOMEM),
    CALL(mremap, ENOMEM),
    CALL(munmap, ENOMEM),
    CALL(mprotect, ENOMEM),
    CALL(madvise, EINVAL),
    CALL(brk, ENOMEM),
    CALL(mlock, ENOMEM),
    CALL(mlockall, ENOMEM),
    CALL(memfd_create, EMFILE),
    CALL(clone, EAGAIN),
    CALL(clone3, EAGAIN),
    CALL(fork, EAGAIN),
    CALL(vfork, EAGAIN),
    CALL(execve, ENOMEM),
    CALL(kill, EPERM),
    CALL(rt_sigtimedwait, EAGAIN),
    CALL(sigaltstack, ENOMEM),
    CALL(set_robust_list, ENOSYS),
    CALL(rseq, ENOSYS),
    CALL(prctl, EPERM),
    CALL(seccomp, EINVAL),
    CALL(capget, EPERM),
    CALL(capset, EPERM),
    CALL(setuid, EPERM),
    CALL(setgid, EPERM),
    CALL(setreuid, EPERM),
    CALL(setregid, EPERM),
    CALL(setresuid, EAGAIN),
    CALL(setresgid, EPERM),
    CALL(setgroups, EPERM),
    CALL(setsid, EPERM),
    CALL(setpgid, EPERM),
    CALL(getrlimit, EPERM),
    CALL(setrlimit, EPERM),
    CALL(prlimit64, EPERM),
    CALL(uname, EFAULT),
    CALL(getrandom, EINTR),
    CALL(clock_nanosleep, EINTR),
    CALL(nanosleep, EINTR),
#undef CALL
};

/* One thread of a program that we watch. */
struct task {
    pid_t pid; /* 0: free */
    enum role role;
    bool begun;  /* its birth has stopped it, */
    bool waits;  /* and maybe before its maker told whose it is */
    pid_t maker; /* who, if it waits */
    int failing; /* this errno is to come back from the call that it makes; 0: none */
    struct user_regs_struct before;
};

static struct {
    struct task tasks[TASKS_MAX];
    volatile pid_t guardian, worker; /* 0: not yet; -1: not any more */
    bool has_runner;
    volatile sig_atomic_t termed, expired;
    bool from_term;
    FILE *told;
    uint64_t loader_begin, loader_end;
    unsigned total[ROLE_COUNT];
    unsigned count[ROLE_COUNT][CALLS_MAX];

    enum { NO_FAULT, FAIL, KILL } fault;
    enum role role;
    int number; /* FAIL: of the call */
    unsigned from;
    bool for_ever;
    bool kills_guardian, kills_worker;
    bool struck;
    int status; /* of the guardian's end */
} run;

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("inject: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(EXPIRED + 1);
}

/* --- calls ------------------------------------------------------------------------------------ */

static void name_of(int number, char name[NAME_SIZE])
{
    snprintf(name, NAME_SIZE, "call%d", number);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        if (calls[i].number == number) {
            snprintf(name, NAME_SIZE, "%s", calls[i].name);
        }
    }
}

static int number_of(const char *name)
{
    int number;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        if (strcmp(calls[i].name, name) == 0) {
            return calls[i].number;
        }
    }
    if (sscanf(name, "call%d", &number) != 1 || number < 0 || number >= CALLS_MAX) {
        die("there is no call %s", name);
    }
    return number;
}

/* Of a call that the table does not have: one that any may give. */
static int error_of(int number)
{
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        if (calls[i].number == number) {
            return calls[i].error;
        }
    }
    return ENOMEM;
}

static void tell(const char *what, enum role role, unsigned nth, int number)
{
    char name[NAME_SIZE];
    struct timespec now;
    if (run.told == NULL) {
        return;
    }
    name_of(number, name);
    clock_gettime(CLOCK_REALTIME, &now);
    fprintf(run.told, "%s %lld.%06ld %s %u %s %d\n", what, (long long)now.tv_sec,
            now.tv_nsec / 1000, role_words[role], nth, name, error_of(number));
    if (run.fault != NO_FAULT) {
        fflush(run.told);
    }
}

/* --- the fault -------------------------------------------------------------------------------- */

static void strike(enum role role, unsigned nth, int number)
{
    if (!run.struck) {
        tell("struck", role, nth, number);
    }
    run.struck = true;
}

/* Instead of the call one without an effect: nothing written to no file. But close() that fails has
 * closed, and brk() tells of failure by the end of the heap, which it leaves as it was. */
static void make_fail(struct task *t, int error)
{
    struct user_regs_struct regs;
    if (ptrace(PTRACE_GETREGS, t->pid, NULL, &t->before) != 0) {
        return; /* it was killed meanwhile */
    }
    regs = t->before;
    if (regs.orig_rax == SYS_brk) {
        regs.rdi = 0;
    } else if (regs.orig_rax != SYS_close) {
        regs.orig_rax = SYS_write;
        regs.rdi = UINT64_MAX;
        regs.rsi = regs.rdx = 0;
    }
    ptrace(PTRACE_SETREGS, t->pid, NULL, &regs);
    t->failing = error;
}

static void finish_failing(struct task *t)
{
    struct user_regs_struct regs;
    if (ptrace(PTRACE_GETREGS, t->pid, NULL, &regs) == 0) {
        uint64_t heap_end = regs.rax, failure = UINT64_MAX - (uint64_t)t->failing + 1;
        regs = t->before;
        regs.rax = regs.orig_rax == SYS_brk ? heap_end : failure;
        ptrace(PTRACE_SETREGS, t->pid, NULL, &regs);
    }
    t->failing = 0;
}

/* The guardian first, so that it cannot act on the death of its worker. */
static void kill_those(bool guardian, bool worker)
{
    if (guardian && run.guardian > 0) {
        kill(run.guardian, SIGKILL);
    }
    if (worker && run.worker > 0) {
        kill(run.worker, SIGKILL);
    }
}

static void on_call(struct task *t, int number)
{
    if (number < 0 || number >= CALLS_MAX || (run.from_term && !run.termed)) {
        return;
    }
    unsigned nth = ++run.count[t->role][number];
    run.total[t->role] += 1;
    if (run.fault == NO_FAULT) {
        tell(run.termed ? "term" : "start", t->role, nth, number);
    }
    if (t->role != run.role) {
        return;
    }
    if (run.fault == KILL && !run.struck && run.total[t->role] == run.from) {
        strike(t->role, run.from, number);
        kill_those(run.kills_guardian, run.kills_worker);
    } else if (run.fault == FAIL && number == run.number && error_of(number) != 0 &&
               (nth == run.from || (run.for_ever && nth > run.from))) {
        strike(t->role, nth, number);
        make_fail(t, error_of(number));
    }
}

/* --- processes -------------------------------------------------------------------------------- */

static struct task *task_of(pid_t pid)
{
    struct task *unused = NULL;
    for (size_t i = 0; i < TASKS_MAX; i++) {
        if (run.tasks[i].pid == pid) {
            return &run.tasks[i];
        }
        unused = unused == NULL && run.tasks[i].pid == 0 ? &run.tasks[i] : unused;
    }
    if (unused == NULL) {
        die("too many processes");
    }
    *unused = (struct task){.pid = pid, .role = ROLE_UNKNOWN};
    return unused;
}

/* Whose thread it is, or whose child. */
static pid_t maker_of(pid_t pid)
{
    char path[64], line[256];
    int group = pid, parent = 0;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *status = fopen(path, "r");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        (void)(sscanf(line, "Tgid: %d", &group) == 1 || sscanf(line, "PPid: %d", &parent) == 1);
    }
    if (status != NULL) {
        fclose(status);
    }
    return group != pid ? group : parent;
}

static bool is_traced(pid_t pid)
{
    for (size_t i = 0; i < TASKS_MAX; i++) {
        if (run.tasks[i].pid == pid) {
            return true;
        }
    }
    return false;
}

/* When nothing is to be struck any more, it runs undisturbed. */
static void go_on(const struct task *t, int signal)
{
    bool over = run.struck && !run.for_ever;
    ptrace(over && t->failing == 0 ? PTRACE_CONT : PTRACE_SYSCALL, t->pid, NULL,
           (void *)(intptr_t)signal);
}

static void on_birth(const struct task *parent, pid_t pid, int event)
{
    struct task *t = task_of(pid);
    t->role = event == PTRACE_EVENT_CLONE ? THREAD : COMMAND;
    if (event == PTRACE_EVENT_FORK && parent->role == GUARDIAN && run.worker == 0) {
        t->role = WORKER;
        run.worker = pid;
    } else if (event == PTRACE_EVENT_FORK && parent->role == WORKER && !run.has_runner) {
        t->role = RUNNER;
        run.has_runner = true;
    }
    if (t->waits) {
        t->waits = false;
        go_on(t, 0);
    }
}

/* It was made by one that was killed before that could be told: by the guardian, when there is no
 * worker yet. */
static void on_orphan(struct task *t)
{
    t->waits = false;
    t->role = run.worker == 0 ? WORKER : COMMAND;
    run.worker = run.worker == 0 ? t->pid : run.worker;
    go_on(t, 0);
}

/* Where the loader lies, which libc, the program and all its children have in common. */
static void find_loader(pid_t pid)
{
    char path[64], line[512];
    unsigned long begin, end;
    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    FILE *maps = fopen(path, "r");
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        if (strstr(line, "/ld-linux") != NULL && sscanf(line, "%lx-%lx", &begin, &end) == 2) {
            run.loader_begin = run.loader_begin == 0 ? begin : run.loader_begin;
            run.loader_end = end;
        }
    }
    if (maps != NULL) {
        fclose(maps);
    }
}

static void on_syscall(struct task *t)
{
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, t->pid, (void *)sizeof info, &info) <= 0) {
        return;
    }
    bool loads =
        info.instruction_pointer >= run.loader_begin && info.instruction_pointer < run.loader_end;
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY && !loads && run.loader_end != 0) {
        on_call(t, (int)info.entry.nr);
    } else if (info.op == PTRACE_SYSCALL_INFO_EXIT && t->failing != 0) {
        finish_failing(t);
    }
}

static void on_stop(struct task *t, int status)
{
    int signal = WSTOPSIG(status), event = status >> 16;
    unsigned long message = 0;
    if (signal == (SIGTRAP | 0x80)) {
        on_syscall(t);
        go_on(t, 0);
    } else if (event == PTRACE_EVENT_EXEC) {
        if (t->role == COMMAND) {
            ptrace(PTRACE_DETACH, t->pid, NULL, NULL);
            t->pid = 0;
            return;
        }
        find_loader(t->pid);
        go_on(t, 0);
    } else if (event != 0 && event != PTRACE_EVENT_STOP) {
        if (ptrace(PTRACE_GETEVENTMSG, t->pid, NULL, &message) == 0) {
            on_birth(t, (pid_t)message, event);
        } /* else it was killed meanwhile */
        go_on(t, 0);
    } else if (signal == SIGSTOP && !t->begun) {
        t->begun = true;
        t->maker = maker_of(t->pid);
        t->waits = t->role == ROLE_UNKNOWN && is_traced(t->maker);
        if (!t->waits && t->role == ROLE_UNKNOWN) {
            on_orphan(t);
        } else if (!t->waits) {
            go_on(t, 0);
        }
    } else {
        go_on(t, signal);
    }
}

static void on_end(struct task *t, int status)
{
    if (t->pid == run.guardian) {
        run.guardian = -1;
        run.status = WIFEXITED(status) ? WEXITSTATUS(status) : SIGNALLED + WTERMSIG(status);
    } else if (t->pid == run.worker) {
        run.worker = -1;
    }
    for (size_t i = 0; i < TASKS_MAX; i++) {
        if (run.tasks[i].pid != 0 && run.tasks[i].waits && run.tasks[i].maker == t->pid) {
            on_orphan(&run.tasks[i]);
        }
    }
    t->pid = 0;
}

/* Until all have ended; who was forked and not waited for, too. */
static void watch(void)
{
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, __WALL);
        if (pid < 0 && errno != EINTR) {
            return;
        }
        if (pid > 0 && WIFSTOPPED(status)) {
            on_stop(task_of(pid), status);
        } else if (pid > 0) {
            on_end(task_of(pid), status);
        }
    }
}

static void on_term(int number)
{
    (void)number;
    run.termed = 1;
    if (run.guardian > 0) {
        kill(run.guardian, SIGTERM);
    }
}

static void on_time_over(int number)
{
    (void)number;
    run.expired = 1;
    for (size_t i = 0; i < TASKS_MAX; i++) {
        if (run.tasks[i].pid > 0) {
            kill(run.tasks[i].pid, SIGKILL);
        }
    }
}

static void start(char **command)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        execvp(command[0], command);
        die("%s: %s", command[0], strerror(errno));
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) {
        die("cannot start: %s", strerror(errno));
    }
    const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                         PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
    if (ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)options) != 0) {
        die("cannot trace: %s", strerror(errno));
    }
    struct task *t = task_of(pid);
    t->role = GUARDIAN;
    t->begun = true;
    run.guardian = pid;
    go_on(t, 0);
}

/* --- what it is told -------------------------------------------------------------------------- */

static enum role role_of(const char *word)
{
    for (enum role role = 0; role < ROLE_COUNT; role++) {
        if (strcmp(word, role_words[role]) == 0) {
            return role;
        }
    }
    die("there is no role %s", word);
}

static void read_failure(const char *text)
{
    char role[NAME_SIZE], call[NAME_SIZE], more[2] = "";
    if (sscanf(text, "%23[^:]:%23[^:]:%u%1s", role, call, &run.from, more) < 3) {
        die("--fail %s: ROLE:CALL:N is right", text);
    }
    run.fault = FAIL;
    run.role = role_of(role);
    run.number = number_of(call);
    run.for_ever = more[0] == '+';
}

static void read_killing(const char *text)
{
    char who[NAME_SIZE], role[NAME_SIZE];
    if (sscanf(text, "%23[^:]:%23[^:]:%u", who, role, &run.from) != 3) {
        die("--kill %s: WHO:ROLE:N is right", text);
    }
    run.fault = KILL;
    run.role = role_of(role);
    run.kills_guardian = strcmp(who, "worker") != 0;
    run.kills_worker = strcmp(who, "guardian") != 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"seconds", required_argument, NULL, 's'}, {"calls", required_argument, NULL, 'c'},
        {"from-term", no_argument, NULL, 't'},     {"fail", required_argument, NULL, 'f'},
        {"kill", required_argument, NULL, 'k'},    {NULL, 0, NULL, 0},
    };
    unsigned seconds = 60;
    for (int o; (o = getopt_long(argc, argv, "+", options, NULL)) != -1;) {
        switch (o) {
        case 's':
            seconds = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'c':
            run.told = fopen(optarg, "we");
            if (run.told == NULL) {
                die("%s: %s", optarg, strerror(errno));
            }
            break;
        case 't':
            run.from_term = true;
            break;
        case 'f':
            read_failure(optarg);
            break;
        case 'k':
            read_killing(optarg);
            break;
        default:
            die("unknown argument; inject.c says what is right");
        }
    }
    if (optind == argc) {
        die("which command?");
    }
    /* Not restarted: waitpid() returns, and nobody is missed. */
    struct sigaction action = {.sa_handler = on_term};
    start(argv + optind);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = on_time_over;
    sigaction(SIGALRM, &action, NULL);
    alarm(seconds);
    watch();
    if (run.told != NULL) {
        fclose(run.told);
    }
    return run.expired ? EXPIRED : run.status;
}
