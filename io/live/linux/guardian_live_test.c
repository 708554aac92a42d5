/*
 * Goal: no address without a living daemon, with real processes on a real kernel: each layer is
 * tested with the ones above it taken away.
 *
 * A test makes a network namespace with a cable, d0 - d1. A guardian process forks a worker through
 * guardian_fork(); the worker holds two addresses on d0, renewing them every 10 ms; the test kills
 * and stops both, listens on d1 and watches d0's addresses. Everything is bounded in time: whatever
 * goes wrong, a worker ends by itself.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "io/live/clock.h"
#include "io/live/guardian.h"
#include "io/live/guardian_down.h"
#include "io/live/log_test.h"
#include "tools/testkit/testkit.h"

enum { WAIT_MS = 8000, WORKER_TURNS = 1500, TURN_MS = 10, LIFETIME_S = 2, REPEATS = 20 };

/* Frames that nothing else on the cable looks like; the guardian does not care what is in them. */
static const uint8_t farewell4[70] = {1, 0, 0x5e, 0, 0, 0x12, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0xca};
static const uint8_t farewell6[90] = {0x33, 0x33, 0, 0, 0, 0x12, 2,    0,
                                      0,    0,    0, 1, 8, 0,    0x60, 0xca};

/* What a worker is asked to do by the test. */
enum order {
    ORDER_NONE, /* hold what is held: what becomes of the others when they are carried out */
    ORDER_CLAIM,
    ORDER_DROP,
    ORDER_NONSENSE,          /* send the guardian messages that are none */
    ORDER_SLEEP_AND_REFRESH, /* stop; on waking up, refresh before the guardian is heard */
    ORDER_LEAVE,             /* exit with 3 although everything is held */
};

/* Shared by all three processes. */
struct stage {
    _Atomic int worker;   /* its pid, once it holds the addresses */
    _Atomic int order;    /* enum order */
    _Atomic int released; /* times the guardian said that it released the group */
    _Atomic int orphaned; /* the worker saw that the guardian is gone */
    _Atomic int turns;
};

struct scene {
    /* Set by the test before raise_curtain(). */
    struct guardian_group group;
    struct port_guard guard;
    struct kernel_virtual addresses[2];
    size_t address_count;
    bool stubborn; /* the worker ignores SIGTERM */

    struct kernel *kernel;
    struct kernel_link d0;
    int packets; /* on d1 */
    struct stage *stage;
    pid_t guardian;

    /* What was seen so far. */
    unsigned addresses_gone;
    unsigned farewells[2];
    unsigned gone_at_farewell; /* addresses_gone when the first farewell had come */
    double farewell_s;         /* when the last one came: CLOCK_REALTIME, by the kernel */
};

/* --- the worker ------------------------------------------------------------------------------ */

static volatile sig_atomic_t told_to_stop;

static void on_term(int signal)
{
    (void)signal;
    told_to_stop = 1;
}

struct worker {
    struct scene *scene;
    struct guardian *guardian;
    struct kernel *kernel;
    bool held;
};

static void nap_ms(long ms)
{
    if (ms == 0) {
        return; /* not even as long as a system call */
    }
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

static void tell_guardian(struct worker *w)
{
    const struct scene *s = w->scene;
    guardian_hold(w->guardian, 0, s->d0.ifindex, &s->guard, s->addresses, s->address_count);
}

static void renew(struct worker *w)
{
    kernel_renew(w->kernel, w->scene->addresses, w->scene->address_count, NULL);
}

static void let_go(struct worker *w)
{
    kernel_remove(w->kernel, w->scene->addresses, w->scene->address_count, NULL);
    guardian_drop(w->guardian, 0);
    w->held = false;
}

static void obey(struct worker *w)
{
    struct stage *stage = w->scene->stage;
    switch ((enum order)stage->order) {
    case ORDER_NONE:
        return;
    case ORDER_CLAIM:
        tell_guardian(w);
        renew(w);
        w->held = true;
        break;
    case ORDER_DROP:
        let_go(w);
        break;
    case ORDER_NONSENSE:
        send(guardian_fd(w->guardian), "nonsense", 8, 0);
        send(guardian_fd(w->guardian), w->scene, sizeof *w->scene, 0);
        break;
    case ORDER_SLEEP_AND_REFRESH:
        kill(getpid(), SIGSTOP);
        tell_guardian(w);
        break;
    case ORDER_LEAVE:
        _exit(3);
    }
    stage->order = ORDER_NONE;
}

/* As guardian.h asks: beat, hear the guardian, then everything else. False: it is gone. */
static bool hear_guardian(struct worker *w)
{
    unsigned group;
    int got;
    guardian_beat(w->guardian, clock_now());
    while ((got = guardian_read(w->guardian, &group)) > 0) {
        let_go(w);
        w->scene->stage->released += 1;
    }
    return got == 0;
}

static int work(struct worker *w)
{
    struct stage *stage = w->scene->stage;
    signal(SIGTERM, w->scene->stubborn ? SIG_IGN : on_term);
    if (kernel_open(&w->kernel) != 0) {
        return 2;
    }
    tell_guardian(w);
    renew(w);
    w->held = true;
    stage->worker = getpid();
    for (int i = 0; i < WORKER_TURNS && !told_to_stop; i++) {
        obey(w);
        if (!hear_guardian(w)) {
            let_go(w);
            stage->orphaned = 1;
            return 1;
        }
        if (w->held) {
            renew(w);
        }
        stage->turns += 1;
        nap_ms(TURN_MS);
    }
    let_go(w);
    return 0;
}

/* --- the stage ------------------------------------------------------------------------------- */

static bool shell(const char *command)
{
    int status = system(command);
    if (status != 0) {
        tk_fail(__FILE__, __LINE__, "status %d: %s", status, command);
    }
    return status == 0;
}

static double realtime(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void listen_on_d1(struct scene *s)
{
    struct kernel_link d1;
    int on = 1;
    EXPECT_INT(0, kernel_link_by_name(s->kernel, "d1", &d1));
    s->packets = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL));
    struct sockaddr_ll at = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_ALL),
        .sll_ifindex = (int)d1.ifindex,
    };
    EXPECT_INT(0, bind(s->packets, (const struct sockaddr *)&at, sizeof at));
    EXPECT_INT(0, setsockopt(s->packets, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on));
}

static void set_properties(struct scene *s)
{
    s->group = (struct guardian_group){.name = "web", .interface = "d0"};
    s->address_count = 2;
    s->addresses[0] = (struct kernel_virtual){.ifindex = s->d0.ifindex,
                                              .lifetime_s = LIFETIME_S,
                                              .family = 4,
                                              .prefix = 24,
                                              .bytes = {10, 0, 0, 100}};
    s->addresses[1] = (struct kernel_virtual){.ifindex = s->d0.ifindex,
                                              .lifetime_s = LIFETIME_S,
                                              .family = 6,
                                              .prefix = 64,
                                              .bytes = {0x20, 1, 0x0d, 0xb8, [14] = 1}};
    s->guard.patience = CARP_MILLISECONDS(600);
    s->guard.farewell_size[0] = sizeof farewell4;
    s->guard.farewell_size[1] = sizeof farewell6;
    memcpy(s->guard.farewell[0], farewell4, sizeof farewell4);
    memcpy(s->guard.farewell[1], farewell6, sizeof farewell6);
}

static bool set_scene(struct scene *s)
{
    memset(s, 0, sizeof *s);
    if (unshare(CLONE_NEWNET) != 0) {
        tk_skip("network namespaces need root");
        return false;
    }
    void *shared =
        mmap(NULL, sizeof *s->stage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED ||
        !shell("ip link add d0 type veth peer name d1 && ip link set d0 up && ip link set d1 up") ||
        kernel_open(&s->kernel) != 0 || kernel_watch(s->kernel) != 0 ||
        kernel_link_by_name(s->kernel, "d0", &s->d0) != 0) {
        tk_fail(__FILE__, __LINE__, "cannot make a namespace");
        return false;
    }
    s->stage = (struct stage *)shared;
    listen_on_d1(s);
    set_properties(s);
    return true;
}

static void clear_scene(struct scene *s)
{
    close(s->packets);
    kernel_close(s->kernel);
    munmap(s->stage, sizeof *s->stage);
}

static void note_change(void *self, const struct kernel_event *event)
{
    struct scene *s = (struct scene *)self;
    if (event->type == KERNEL_ADDRESS_GONE && event->address.ifindex == s->d0.ifindex) {
        s->addresses_gone += 1;
    }
}

static double stamp_of(struct msghdr *message)
{
    struct timespec t = {0};
    struct cmsghdr *c = CMSG_FIRSTHDR(message);
    if (c != NULL && c->cmsg_type == SCM_TIMESTAMPNS) {
        memcpy(&t, CMSG_DATA(c), sizeof t);
    }
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Everything there is to see by now. Frames are looked for first: when one is there, the news of
 * what went before it are too. */
static void look(struct scene *s)
{
    uint8_t frame[2048];
    char control[128];
    for (;;) {
        struct iovec part = {frame, sizeof frame};
        struct msghdr message = {.msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = control,
                                 .msg_controllen = sizeof control};
        ssize_t size = recvmsg(s->packets, &message, 0);
        if (size < 0) {
            break;
        }
        bool first = s->farewells[0] + s->farewells[1] == 0;
        bool is4 = size == (ssize_t)sizeof farewell4 && memcmp(frame, farewell4, 70) == 0;
        bool is6 = size == (ssize_t)sizeof farewell6 && memcmp(frame, farewell6, 90) == 0;
        s->farewells[0] += is4;
        s->farewells[1] += is6;
        if (is4 || is6) {
            s->farewell_s = stamp_of(&message);
            EXPECT_INT(0, kernel_read(s->kernel, note_change, s));
            s->gone_at_farewell = first ? s->addresses_gone : s->gone_at_farewell;
        }
    }
    EXPECT_INT(0, kernel_read(s->kernel, note_change, s));
}

static void forget_what_was_seen(struct scene *s)
{
    look(s);
    s->addresses_gone = 0;
    s->farewells[0] = s->farewells[1] = s->gone_at_farewell = 0;
}

static void count_there(void *self, const struct kernel_event *event)
{
    *(unsigned *)self +=
        event->type == KERNEL_ADDRESS &&
        (memcmp(event->address.bytes, "\x0a\0\0\x64", 4) == 0 ||
         memcmp(event->address.bytes, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\x01", 15) == 0);
}

/* How many of the two virtual addresses d0 has now. */
static unsigned there(struct scene *s)
{
    unsigned count = 0;
    EXPECT_INT(0, kernel_dump(s->kernel, count_there, &count));
    return count;
}

/* Wait for something, for a while; the test fails when it does not come. WATCH_FOR looks without a
 * pause, so that what happens one after the other is seen one after the other. */
#define LOOK_FOR(s, condition, pause_ms)                                                           \
    do {                                                                                           \
        double until_ = realtime() + (double)WAIT_MS / 1e3;                                        \
        while (!(condition) && realtime() < until_) {                                              \
            nap_ms(pause_ms);                                                                      \
            look(s);                                                                               \
        }                                                                                          \
        EXPECT_TRUE(condition);                                                                    \
    } while (0)
#define WAIT_FOR(s, condition)  LOOK_FOR(s, condition, 1)
#define WATCH_FOR(s, condition) LOOK_FOR(s, condition, 0)

/* Guardian and worker, and the worker holds the addresses. */
static void raise_curtain(struct scene *s)
{
    struct guardian_setup setup = {.groups = &s->group, .group_count = 1};
    memset(s->stage, 0, sizeof *s->stage);
    fflush(NULL);
    s->guardian = fork();
    if (s->guardian == 0) {
        struct worker w = {.scene = s};
        close(s->packets);
        pid_t worker = guardian_fork(&setup, &w.guardian);
        if (worker > 0) {
            guardian_stay(w.guardian);
        }
        _exit(worker < 0 ? 2 : work(&w));
    }
    WAIT_FOR(s, s->stage->worker != 0);
    EXPECT_U64(s->address_count, there(s));
    forget_what_was_seen(s);
}

static void order(struct scene *s, enum order what)
{
    s->stage->order = (int)what;
    WAIT_FOR(s, s->stage->order == ORDER_NONE);
}

/* The exit status of the guardian; 256 and more: killed. Bounded. */
static int end_of_guardian(struct scene *s)
{
    int status = 0;
    pid_t got = 0;
    WAIT_FOR(s, got != 0 || (got = waitpid(s->guardian, &status, WNOHANG)) != 0);
    if (got != s->guardian) {
        kill(s->guardian, SIGKILL);
        waitpid(s->guardian, &status, 0);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

/* --- the second layer: the worker is gone, or does not run -------------------------------------
 */

/* Also the measurement: from just before kill() to the kernel's time stamp of the last farewell at
 * the other end of the cable. */
TEST_CASE(guardian_live, releases_what_a_killed_worker_held_and_then_says_farewell)
{
    struct scene s;
    double sum_ms = 0;
    double worst_ms = 0;
    if (!set_scene(&s)) {
        return;
    }
    for (int i = 0; i < REPEATS; i++) {
        raise_curtain(&s);
        double killed_s = realtime();
        kill(s.stage->worker, SIGKILL);
        WATCH_FOR(&s, s.farewells[0] > 0 && s.farewells[1] > 0);
        EXPECT_INT(2, s.gone_at_farewell);
        EXPECT_INT(0, there(&s));
        EXPECT_INT(1, end_of_guardian(&s));
        look(&s);
        EXPECT_INT(1, s.farewells[0]);
        EXPECT_INT(1, s.farewells[1]);
        double ms = (s.farewell_s - killed_s) * 1e3;
        sum_ms += ms;
        worst_ms = ms > worst_ms ? ms : worst_ms;
    }
    printf("figure death_to_farewell_mean %.3f ms\n", sum_ms / (double)REPEATS);
    printf("figure death_to_farewell_worst %.3f ms\n", worst_ms);
    clear_scene(&s);
}

TEST_CASE(guardian_live, releases_what_a_worker_left_behind_and_ends_with_its_status)
{
    struct scene s;
    if (!set_scene(&s)) {
        return;
    }
    raise_curtain(&s);
    s.stage->order = ORDER_LEAVE;
    EXPECT_INT(3, end_of_guardian(&s));
    look(&s);
    EXPECT_INT(2, s.gone_at_farewell);
    EXPECT_INT(1, s.farewells[0]);
    EXPECT_INT(0, there(&s));
    clear_scene(&s);
}

/* Before the guardian looks for the first time. It needs no network. */
TEST_CASE(guardian_live, hears_of_a_worker_that_dies_at_once)
{
    static const struct guardian_group group = {.name = "web", .interface = "d0"};
    const struct guardian_setup setup = {.groups = &group, .group_count = 1};
    int status = -1;
    fflush(NULL);
    pid_t process = fork();
    if (process == 0) {
        struct guardian *guardian = NULL;
        alarm(4); /* it would wait 6 s for a death that it missed */
        pid_t worker = guardian_fork(&setup, &guardian);
        if (worker == 0) {
            _exit(7);
        }
        siginfo_t died;
        if (worker > 0 && waitid(P_PID, (id_t)worker, &died, WEXITED | WNOWAIT) == 0) {
            guardian_stay(guardian);
        }
        _exit(99);
    }
    EXPECT_INT(process, waitpid(process, &status, 0));
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_INT(7, WEXITSTATUS(status));
}

/* An orderly stop, asked of the guardian: the worker does it all, and the guardian adds nothing. */
TEST_CASE(guardian_live, passes_the_word_to_stop_on_and_leaves_the_rest_to_the_worker)
{
    struct scene s;
    if (!set_scene(&s)) {
        return;
    }
    raise_curtain(&s);
    kill(s.guardian, SIGTERM);
    EXPECT_INT(0, end_of_guardian(&s));
    look(&s);
    EXPECT_INT(0, there(&s));
    EXPECT_INT(0, s.farewells[0] + s.farewells[1]);
    clear_scene(&s);
}

TEST_CASE(guardian_live, kills_a_worker_that_does_not_stop_when_told)
{
    struct scene s;
    if (!set_scene(&s)) {
        return;
    }
    s.stubborn = true;
    raise_curtain(&s);
    kill(s.guardian, SIGTERM);
    EXPECT_INT(1, end_of_guardian(&s));
    look(&s);
    EXPECT_INT(0, there(&s));
    EXPECT_INT(1, s.farewells[0]);
    EXPECT_INT(-1, kill(s.stage->worker, 0));
    clear_scene(&s);
}

TEST_CASE(guardian_live, releases_for_a_stopped_worker_which_gives_up_when_it_wakes)
{
    struct scene s;
    if (!set_scene(&s)) {
        return;
    }
    raise_curtain(&s);
    kill(s.stage->worker, SIGSTOP);
    WATCH_FOR(&s, s.farewells[0] > 0 && s.farewells[1] > 0);
    EXPECT_INT(2, s.gone_at_farewell);
    EXPECT_INT(0, there(&s));

    int turns = s.stage->turns;
    kill(s.stage->worker, SIGCONT);
    WAIT_FOR(&s, s.stage->turns > turns + 3);
    EXPECT_INT(1, s.stage->released);
    EXPECT_INT(0, there(&s));

    /* It is no outcast: what it holds anew is guarded anew. */
    order(&s, ORDER_CLAIM);
    EXPECT_INT(2, there(&s));
    forget_what_was_seen(&s);
    kill(s.stage->worker, SIGKILL);
    EXPECT_INT(1, end_of_guardian(&s));
    look(&s);
    EXPECT_INT(1, s.farewells[0]);
    EXPECT_INT(0, there(&s));
    clear_scene(&s);
}

static unsigned count(const char *text, const char *what)
{
    unsigned found = 0;
    for (; (text = strstr(text, what)) != NULL; text++) {
        found++;
    }
    return found;
}

/* A worker that is starved again and again, on an interface that is down, so that no farewell
 * leaves either. */
TEST_CASE(guardian_live, does_not_fill_the_log_with_what_happens_again_and_again)
{
    struct scene s;
    if (!set_scene(&s)) {
        return;
    }
    s.guard.patience = CARP_MILLISECONDS(250);
    log_capture();
    raise_curtain(&s);
    EXPECT_TRUE(shell("ip link set d0 down"));
    for (int i = 0; i < 5; i++) {
        kill(s.stage->worker, SIGSTOP);
        WAIT_FOR(&s, there(&s) == 0);
        kill(s.stage->worker, SIGCONT);
        WAIT_FOR(&s, s.stage->released > i);
        order(&s, ORDER_CLAIM);
        WAIT_FOR(&s, there(&s) > 0);
    }
    kill(s.guardian, SIGTERM);
    EXPECT_INT(0, end_of_guardian(&s));
    const char *lines = log_captured();
    EXPECT_INT(3, count(lines, "the worker did not run for"));
    EXPECT_INT(3, count(lines, "cannot send the farewell"));
    clear_scene(&s);
}

/* Twenty ends and twenty failures of a down command are told of in ten seconds. */
TEST_CASE(guardian_live, does_not_fill_the_log_with_down_commands)
{
    static const char *const command[] = {"/nonexistent/down", NULL};
    const struct guardian_group group = {.name = "web", .interface = "d0", .down = command};
    struct guardian_down down = {.stage = DOWN_IDLE};
    carp_instant now = clock_now();
    log_capture();
    for (int i = 0; i < 25; i++) {
        EXPECT_TRUE(guardian_down_start(&down, &group, NULL, now) < 0);
        down = (struct guardian_down){
            .stage = DOWN_RUNS, .started = now, .failures = down.failures, .ends = down.ends};
        guardian_down_ended(&down, &group, i % 2 == 0 ? 0 : SIGKILL, now);
        EXPECT_INT(DOWN_IDLE, down.stage);
    }
    const char *lines = log_captured();
    EXPECT_INT(20, count(lines, "cannot run /nonexistent/down"));
    EXPECT_INT(10, count(lines, "exited with 0"));
    EXPECT_INT(10, count(lines, "killed by signal 9"));
}

/* The race of guardian.h: a worker wakes late and refreshes what it believes to hold. */
TEST_CASE(guardian_live, is_not_fooled_by_a_refresh_that_crosses_the_release)
{
    struct scene s;
    if (!set_scene(&s)) {
        return;
    }
    raise_curtain(&s);
    s.stage->order = ORDER_SLEEP_AND_REFRESH;
    WATCH_FOR(&s, s.farewells[0] > 0 && s.farewells[1] > 0);
    EXPECT_INT(0, there(&s));
    kill(s.stage->worker, SIGCONT);
    WAIT_FOR(&s, s.stage->released > 0);
    int turns = s.stage->turns;
    WAIT_FOR(&s, s.stage->turns > turns + 3);
    EXPECT_INT(1, s.stage->released);
    EXPECT_INT(0, there(&s));
    forget_what_was_seen(&s);
    kill(s.stage->worker, SIGKILL); /* nothing is held, so there is nothing to say */
    EXPECT_INT(1, end_of_guardian(&s));
    look(&s);
    EXPECT_INT(0, s.farewells[0] + s.farewells[1]);
    clear_scene(&s);
}

TEST_CASE(guardian_live, ignores_nonsense_and_still_guards)
{
    struct scene s;
    if (!set_scene(&s)) {
        return;
    }
    raise_curtain(&s);
    order(&s, ORDER_NONSENSE);
    kill(s.stage->worker, SIGKILL);
    EXPECT_INT(1, end_of_guardian(&s));
    look(&s);
    EXPECT_INT(1, s.farewells[0]);
    EXPECT_INT(0, there(&s));
    clear_scene(&s);
}

/* --- commands -------------------------------------------------------------------------------- */

TEST_CASE(guardian_live, runs_the_down_command_before_it_says_farewell)
{
    static const char *const command[] = {
        "/bin/sh",
        "-c",
        "sleep 0.2; echo $0 $1 $CARPIO_GROUP >$OUT.new && mv $OUT.new $OUT; exit 4",
        "d0",
        "10.0.0.100",
        NULL};
    char path[64];
    char output[96];
    struct scene s;
    if (!set_scene(&s)) {
        return;
    }
    snprintf(path, sizeof path, "/tmp/guardian_live_test.%d", (int)getpid());
    snprintf(output, sizeof output, "OUT=%s", path);
    const char *const environment[] = {output, "CARPIO_GROUP=web", NULL};
    s.group.down = command;
    s.group.environment = environment;
    s.group.time_limit = CARP_SECONDS(5);
    s.guard.patience = CARP_SECONDS(3);
    s.address_count = 0;
    raise_curtain(&s);
    kill(s.stage->worker, SIGKILL);
    WATCH_FOR(&s, s.farewells[0] > 0);
    char text[64] = "";
    FILE *file = fopen(path, "r"); /* there as soon as the farewell is */
    EXPECT_TRUE(file != NULL && fgets(text, sizeof text, file) != NULL);
    EXPECT_STR("d0 10.0.0.100 web\n", text);
    EXPECT_INT(1, end_of_guardian(&s));
    if (file != NULL) {
        fclose(file);
    }
    unlink(path);
    clear_scene(&s);
}

/* 300 ms of limit, and a command that does not heed SIGTERM: killed 2 s later. By then others hold
 * the address, so there is no farewell. */
TEST_CASE(guardian_live, ends_a_down_command_that_takes_too_long)
{
    static const char *const command[] = {"/bin/sh", "-c", "trap '' TERM; sleep 30; sleep 30",
                                          NULL};
    struct scene s;
    if (!set_scene(&s)) {
        return;
    }
    s.group.down = command;
    s.group.time_limit = CARP_MILLISECONDS(300);
    s.address_count = 0;
    raise_curtain(&s);
    kill(s.stage->worker, SIGKILL);
    EXPECT_INT(1, end_of_guardian(&s));
    look(&s);
    EXPECT_INT(0, s.farewells[0] + s.farewells[1]);
    clear_scene(&s);
}

TEST_CASE(guardian_live, says_farewell_when_there_is_no_such_down_command)
{
    static const char *const command[] = {"/nonexistent/down", NULL};
    struct scene s;
    if (!set_scene(&s)) {
        return;
    }
    s.group.down = command;
    s.address_count = 0;
    raise_curtain(&s);
    kill(s.stage->worker, SIGKILL);
    EXPECT_INT(1, end_of_guardian(&s));
    look(&s);
    EXPECT_INT(1, s.farewells[0]);
    clear_scene(&s);
}

/* --- without the guardian -------------------------------------------------------------------- */

TEST_CASE(guardian_live, is_missed_by_the_worker_when_it_is_killed)
{
    struct scene s;
    if (!set_scene(&s)) {
        return;
    }
    raise_curtain(&s);
    kill(s.guardian, SIGKILL);
    EXPECT_INT(256 + SIGKILL, end_of_guardian(&s));
    WAIT_FOR(&s, s.stage->orphaned == 1);
    EXPECT_INT(0, there(&s));
    clear_scene(&s);
}

/* The third layer alone: 2 s of lifetime, and nobody is left. */
TEST_CASE(guardian_live, is_not_needed_for_the_kernel_to_drop_the_addresses)
{
    struct scene s;
    if (!set_scene(&s)) {
        return;
    }
    raise_curtain(&s);
    kill(s.stage->worker, SIGSTOP);
    kill(s.guardian, SIGKILL);
    kill(s.stage->worker, SIGKILL);
    EXPECT_INT(256 + SIGKILL, end_of_guardian(&s));
    double start = realtime();
    EXPECT_INT(2, there(&s));
    WAIT_FOR(&s, s.addresses_gone == 2);
    EXPECT_INT(0, there(&s));
    EXPECT_INT(0, s.farewells[0] + s.farewells[1]);
    printf("figure both_killed_to_address_gone %.3f s\n", realtime() - start);
    clear_scene(&s);
}

/* --- what it costs --------------------------------------------------------------------------- */

static long wakeups(pid_t pid)
{
    char path[64];
    char line[128];
    long count = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        sscanf(line, "voluntary_ctxt_switches: %ld", &count);
    }
    if (file != NULL) {
        fclose(file);
    }
    return count;
}

/* Exactly zero wake-ups in the time of two patiences, though the worker goes on beating. */
TEST_CASE(guardian_live, sleeps_while_nothing_is_held)
{
    struct scene s;
    if (!set_scene(&s)) {
        return;
    }
    raise_curtain(&s);
    order(&s, ORDER_DROP);
    nap_ms(700); /* a check of the pulse that was due already */
    long before = wakeups(s.guardian);
    int turns = s.stage->turns;
    nap_ms(1200);
    EXPECT_INT(before, wakeups(s.guardian));
    EXPECT_TRUE(before >= 0 && s.stage->turns > turns);
    kill(s.guardian, SIGTERM);
    EXPECT_INT(0, end_of_guardian(&s));
    clear_scene(&s);
}
