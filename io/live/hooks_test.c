/*
 * Goal: commands as UCARP's users know them, but beside the protocol: on a real loop, with small
 * shell scripts that write down in a file what they saw.
 */
#define _GNU_SOURCE
#include "io/live/hooks.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "io/live/log_test.h"
#include "tools/testkit/testkit.h"

/* --- the bench ------------------------------------------------------------------------------- */

enum { GROUPS = 2, PATH_ROOM = 128 };

struct bench {
    char folder[PATH_ROOM - 32];
    char up[GROUPS][PATH_ROOM], down[GROUPS][PATH_ROOM];
    struct config_address addresses[2];
    struct config_group groups[GROUPS];
    uv_loop_t loop;
    struct hooks *hooks;
};

/* Write a script. $D is the test's folder, `say` adds a line to the file of what happened. */
static void write_script(const struct bench *b, const char *path, const char *body)
{
    FILE *file = fopen(path, "w");
    if (file == NULL || fprintf(file,
                                "#!/bin/sh\nD=%s\nsay() { echo \"$*\" >>$D/said; }\n"
                                /* for what a test waits for: 10 s are enough for everybody */
                                "wait_for() { n=0; while [ $n -lt 500 ] && [ ! -e $D/$1 ]; do"
                                " n=$((n+1)); sleep 0.02; done; [ -e $D/$1 ]; }\n%s\n",
                                b->folder, body) < 0) {
        tk_fail(__FILE__, __LINE__, "cannot write %s", path);
    }
    if (file != NULL) {
        fclose(file);
        chmod(path, 0755);
    }
}

/* Two groups, "web" and "db", each with these two scripts (NULL: none). Their time is limited to
 * 20 s, which no test needs. */
static void set_bench(struct bench *b, const char *up, const char *down)
{
    static char names[GROUPS][4] = {"web", "db"}, interface[] = "eth7", address[] = "192.0.2.7";
    const char *temporary = getenv("TMPDIR");
    memset(b, 0, sizeof *b);
    snprintf(b->folder, sizeof b->folder, "%s/hooks_test.XXXXXX",
             temporary == NULL ? "/tmp" : temporary);
    if (mkdtemp(b->folder) == NULL) {
        tk_fail(__FILE__, __LINE__, "cannot make %s", b->folder);
    }
    b->addresses[0] = (struct config_address){4, CONFIG_PREFIX_OF_INTERFACE, {192, 0, 2, 7}};
    b->addresses[1] = (struct config_address){6, 64, {0x20, 1, 0x0d, 0xb8, [15] = 7}};
    for (int i = 0; i < GROUPS; i++) {
        snprintf(b->up[i], PATH_ROOM, "%s/%s-up", b->folder, names[i]);
        snprintf(b->down[i], PATH_ROOM, "%s/%s-down", b->folder, names[i]);
        b->groups[i] = (struct config_group){
            .name = names[i],
            .interface = interface,
            .address_count = 2,
            .addresses = b->addresses,
            .up = up == NULL ? NULL : b->up[i],
            .down = down == NULL ? NULL : b->down[i],
            .address_text = address,
            .command_timeout = CARP_SECONDS(20),
        };
        if (up != NULL) {
            write_script(b, b->up[i], up);
        }
        if (down != NULL) {
            write_script(b, b->down[i], down);
        }
    }
    EXPECT_INT(0, uv_loop_init(&b->loop));
    EXPECT_INT(0, hooks_open(&b->hooks, &b->loop, b->groups, GROUPS));
    log_capture();
}

/* Until every group's last wish is fulfilled: then nothing is left on the loop. */
static void finish(struct bench *b)
{
    uv_run(&b->loop, UV_RUN_DEFAULT);
}

/* No handle is left on the loop, and no child of ours, not even a dead one. */
static void clear_bench(struct bench *b)
{
    errno = 0;
    EXPECT_INT(-1, waitpid(-1, NULL, WNOHANG));
    EXPECT_INT(ECHILD, errno);
    hooks_free(b->hooks);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    EXPECT_INT(0, uv_loop_close(&b->loop));
    DIR *folder = opendir(b->folder);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        unlinkat(dirfd(folder), entry->d_name, 0);
    }
    if (folder != NULL) {
        closedir(folder);
    }
    EXPECT_INT(0, rmdir(b->folder));
}

/* What the scripts have said, or is in another file of the folder. Valid until the next call. */
static const char *said(const struct bench *b, const char *name)
{
    static char text[8192];
    char path[PATH_ROOM + 32];
    snprintf(path, sizeof path, "%s/%s", b->folder, name);
    FILE *file = fopen(path, "r");
    size_t size = file == NULL ? 0 : fread(text, 1, sizeof text - 1, file);
    text[size] = '\0';
    if (file != NULL) {
        fclose(file);
    }
    return text;
}

/* The log of a run, with what differs from run to run written as a sign: the folder @, times #. */
static const char *logged(const struct bench *b)
{
    static char plain[16384];
    char *to = plain;
    size_t folder = strlen(b->folder);
    for (const char *from = log_captured(); *from != '\0';) {
        if (strncmp(from, b->folder, folder) == 0) {
            *to++ = '@';
            from += folder;
        } else if (strncmp(from, "after ", 6) == 0) {
            memcpy(to, "after #", 7);
            to += 7;
            from += 6 + strspn(from + 6, "0123456789.");
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
    return plain;
}

/* --- what a command is given ----------------------------------------------------------------- */

TEST_CASE(hooks, give_a_command_the_arguments_that_ucarp_gives)
{
    static char argument[] = "an argument; with $things";
    struct bench b;
    set_bench(&b, "say \"$# <$1> <$2> <$3>\"", "say \"$# <$1> <$2>\"");
    b.groups[0].argument = argument;
    hooks_want(b.hooks, 0, true);
    finish(&b);
    hooks_want(b.hooks, 1, false);
    finish(&b);
    EXPECT_STR("[WARNING] Spawning [@/web-up eth7 192.0.2.7 an argument; with $things]\n"
               "[INFO] web: the up command ended after # s with status 0\n"
               "[WARNING] Spawning [@/db-down eth7 192.0.2.7]\n"
               "[INFO] db: the down command ended after # s with status 0\n",
               logged(&b));
    EXPECT_STR("3 <eth7> <192.0.2.7> <an argument; with $things>\n2 <eth7> <192.0.2.7>\n",
               said(&b, "said"));
    clear_bench(&b);
}

/* Nothing of the environment that carpd was started with. Standard input is empty; the log goes
 * where ours goes. */
TEST_CASE(hooks, give_a_command_a_clean_environment_and_three_variables)
{
    struct bench b;
    int ends[2], real_stdin = dup(STDIN_FILENO);
    ASSERT_TRUE(pipe(ends) == 0 && write(ends[1], "ours\n", 5) == 5);
    dup2(ends[0], STDIN_FILENO);
    setenv("CARPIO_STATE", "STALE", 1);
    setenv("HOOKS_TEST", "inherited", 1);
    set_bench(&b, "tr '\\0' '\\n' </proc/$$/environ | sort >>$D/said",
              "say $CARPIO_STATE; read x || say nothing to read; echo to the log >&2");
    hooks_want(b.hooks, 0, true);
    finish(&b);
    hooks_want(b.hooks, 1, false);
    finish(&b);
    unsetenv("CARPIO_STATE");
    unsetenv("HOOKS_TEST");
    close(STDIN_FILENO);
    if (real_stdin >= 0) {
        dup2(real_stdin, STDIN_FILENO);
        close(real_stdin);
    }
    close(ends[0]);
    close(ends[1]);
    EXPECT_TRUE(strstr(logged(&b), "\nto the log\n") != NULL);
    EXPECT_STR("CARPIO_ADDRESSES=192.0.2.7 2001:db8::7/64\n"
               "CARPIO_GROUP=web\n"
               "CARPIO_STATE=MASTER\n"
               "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
               "BACKUP\n"
               "nothing to read\n",
               said(&b, "said"));
    clear_bench(&b);
}

/* --- in which order -------------------------------------------------------------------------- */

TEST_CASE(hooks, run_one_command_of_a_group_at_a_time)
{
    struct bench b;
    set_bench(&b, "say up begins; sleep 0.1; say up ends", "say down begins; say down ends");
    hooks_want(b.hooks, 0, true);
    hooks_want(b.hooks, 0, false);
    finish(&b);
    logged(&b);
    EXPECT_STR("up begins\nup ends\ndown begins\ndown ends\n", said(&b, "said"));
    clear_bench(&b);
}

TEST_CASE(hooks, never_run_a_wish_that_was_overtaken)
{
    static const struct {
        const char *why, *wishes, *want;
    } rows[] = {
        {"one", "u", "up\n"},
        {"two", "ud", "up\ndown\n"},
        {"back to what runs", "udu", "up\n"},
        {"back and forth", "ududud", "up\ndown\n"},
        {"down first", "dud", "down\n"},
        {"the same again", "uuu", "up\n"},
        {"down is last", "duddduuuud", "down\n"},
        {"what was overtaken stays so", "udu.", "up\n"},
        {"and what was run is not run again", "ud.u.", "up\ndown\nup\n"},
        {"abandoned while it goes up", "u!", "up\ndown\n"},
        {"abandoned before it goes up", "du!", "down\n"},
        {"abandoned on its way down", "ud!", "up\ndown\n"},
        {"abandoned when down", "d!", "down\n"},
        {"abandoned when just up, maybe after the guardian's down", "u.!", "up\ndown\n"},
        {"abandoned when up, which the guardian sees to", "u.-!", "up\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench b;
        tk_row(rows[i].why);
        set_bench(&b, "say up", "say down");
        for (const char *wish = rows[i].wishes; *wish != '\0'; wish++) {
            if (*wish == '.') {
                finish(&b);
            } else if (*wish == '-') {
                nanosleep(&(struct timespec){.tv_sec = 1, .tv_nsec = 100000000}, NULL);
            } else if (*wish == '!') {
                hooks_abandon(b.hooks);
            } else { /* the loop does not run: the first one goes on */
                hooks_want(b.hooks, 0, *wish == 'u');
            }
        }
        finish(&b);
        logged(&b);
        EXPECT_STR(rows[i].want, said(&b, "said"));
        clear_bench(&b);
    }
}

/* Each up command waits until the other one runs, and the loop goes on meanwhile. */
static void count_tick(uv_timer_t *timer)
{
    *(unsigned *)timer->data += 1;
}

TEST_CASE(hooks, run_the_commands_of_two_groups_beside_each_other_and_beside_the_loop)
{
    struct bench b;
    uv_timer_t ticks;
    unsigned count = 0;
    set_bench(&b,
              "touch $D/$CARPIO_GROUP; wait_for web && wait_for db && sleep 0.2 &&"
              "touch $D/$CARPIO_GROUP-met",
              NULL);
    uv_timer_init(&b.loop, &ticks);
    ticks.data = &count;
    uv_timer_start(&ticks, count_tick, 10, 10);
    uv_unref((uv_handle_t *)&ticks);
    hooks_want(b.hooks, 0, true);
    hooks_want(b.hooks, 1, true);
    finish(&b);
    uv_close((uv_handle_t *)&ticks, NULL);
    char path[PATH_ROOM + 32];
    logged(&b);
    for (int i = 0; i < GROUPS; i++) {
        snprintf(path, sizeof path, "%s/%s-met", b.folder, b.groups[i].name);
        EXPECT_INT(0, access(path, F_OK));
    }
    EXPECT_TRUE(count >= 3);
    clear_bench(&b);
}

TEST_CASE(hooks, do_nothing_where_only_the_other_command_is_set)
{
    struct bench b;
    set_bench(&b, "say up", NULL);
    hooks_want(b.hooks, 0, false);
    finish(&b);
    hooks_want(b.hooks, 0, true);
    hooks_want(b.hooks, 0, false);
    finish(&b);
    EXPECT_STR("[WARNING] Spawning [@/web-up eth7 192.0.2.7]\n"
               "[INFO] web: the up command ended after # s with status 0\n",
               logged(&b));
    EXPECT_STR("up\n", said(&b, "said"));
    clear_bench(&b);
}

/* --- what goes wrong ------------------------------------------------------------------------- */

TEST_CASE(hooks, log_how_a_command_ended_and_go_on)
{
    struct bench b;
    set_bench(&b, "exit 7", "kill -SEGV $$");
    hooks_want(b.hooks, 0, true);
    hooks_want(b.hooks, 0, false);
    finish(&b);
    EXPECT_STR("[WARNING] Spawning [@/web-up eth7 192.0.2.7]\n"
               "[ERROR] web: the up command ended after # s with status 7\n"
               "[WARNING] Spawning [@/web-down eth7 192.0.2.7]\n"
               "[ERROR] web: the down command ended after # s by signal 11 (Segmentation fault)\n",
               logged(&b));
    clear_bench(&b);
}

static unsigned count(const char *text, const char *what)
{
    unsigned found = 0;
    for (; (text = strstr(text, what)) != NULL; text++) {
        found++;
    }
    return found;
}

/* A group that changes its state again and again, with commands that fail. */
TEST_CASE(hooks, do_not_fill_the_log_with_what_happens_again_and_again)
{
    struct bench b;
    set_bench(&b, "exit 1", "exit 1");
    for (int i = 0; i < 25; i++) {
        hooks_want(b.hooks, 0, i % 2 == 0);
        finish(&b);
    }
    unlink(b.up[1]);
    unlink(b.down[1]);
    for (int i = 0; i < 25; i++) {
        hooks_want(b.hooks, 1, i % 2 == 0); /* the last one would be tried again */
    }
    const char *lines = log_captured();
    EXPECT_INT(2 * 20, count(lines, "Spawning"));
    EXPECT_INT(20, count(lines, "with status 1"));
    EXPECT_INT(20, count(lines, "Unable to exec"));
    clear_bench(&b);
}

TEST_CASE(hooks, log_a_command_that_cannot_be_run_and_go_on)
{
    struct bench b;
    set_bench(&b, "say up", "say down");
    chmod(b.up[0], 0644);
    unlink(b.up[1]);
    for (unsigned i = 0; i < GROUPS; i++) {
        hooks_want(b.hooks, i, true);
        hooks_want(b.hooks, i, false);
        finish(&b);
    }
    EXPECT_STR("[WARNING] Spawning [@/web-up eth7 192.0.2.7]\n"
               "[ERROR] Unable to exec @/web-up eth7 192.0.2.7: permission denied\n"
               "[WARNING] Spawning [@/web-down eth7 192.0.2.7]\n"
               "[INFO] web: the down command ended after # s with status 0\n"
               "[WARNING] Spawning [@/db-up eth7 192.0.2.7]\n"
               "[ERROR] Unable to exec @/db-up eth7 192.0.2.7: @/db-up: No such file or directory\n"
               "[WARNING] Spawning [@/db-down eth7 192.0.2.7]\n"
               "[INFO] db: the down command ended after # s with status 0\n",
               logged(&b));
    EXPECT_STR("down\ndown\n", said(&b, "said"));
    clear_bench(&b);
}

/* A second later it is there. */
TEST_CASE(hooks, try_a_command_again_that_could_not_be_started)
{
    struct bench b;
    char away[PATH_ROOM + 8];
    set_bench(&b, "say up", "say down");
    snprintf(away, sizeof away, "%s.away", b.up[0]);
    EXPECT_INT(0, rename(b.up[0], away));
    hooks_want(b.hooks, 0, true);
    EXPECT_INT(0, rename(away, b.up[0]));
    finish(&b);
    EXPECT_STR(
        "[WARNING] Spawning [@/web-up eth7 192.0.2.7]\n"
        "[ERROR] Unable to exec @/web-up eth7 192.0.2.7: @/web-up: No such file or directory\n"
        "[WARNING] Spawning [@/web-up eth7 192.0.2.7]\n"
        "[INFO] web: the up command ended after # s with status 0\n",
        logged(&b));
    EXPECT_STR("up\n", said(&b, "said"));
    clear_bench(&b);
}

/* Five times, and another wish ends it. */
TEST_CASE(hooks, do_not_try_for_ever_what_is_not_there)
{
    struct bench b;
    set_bench(&b, "say up", "say down");
    unlink(b.down[0]);
    unlink(b.up[1]);
    hooks_want(b.hooks, 0, false);
    hooks_want(b.hooks, 1, true);
    hooks_abandon(b.hooks);
    finish(&b);
    unsigned tries = 0;
    for (const char *at = log_captured(); (at = strstr(at, "Unable to exec")) != NULL; at++) {
        tries += 1;
    }
    EXPECT_U64(5 + 1, tries);
    EXPECT_STR("down\n", said(&b, "said"));
    clear_bench(&b);
}

/* It was fine at the start, and is looked at again. */
TEST_CASE(hooks, do_not_run_a_command_that_others_can_write_by_now)
{
    struct bench b;
    set_bench(&b, "say up", "say down");
    chmod(b.up[0], 0777);
    hooks_want(b.hooks, 0, true);
    hooks_want(b.hooks, 0, false);
    finish(&b);
    EXPECT_STR("[WARNING] Spawning [@/web-up eth7 192.0.2.7]\n"
               "[ERROR] Unable to exec @/web-up eth7 192.0.2.7: @/web-up can be written by others; "
               "chmod go-w it\n"
               "[WARNING] Spawning [@/web-down eth7 192.0.2.7]\n"
               "[INFO] web: the down command ended after # s with status 0\n",
               logged(&b));
    EXPECT_STR("down\n", said(&b, "said"));
    clear_bench(&b);
}

/* Gone, or dead and only not yet buried by whoever inherited it. */
static bool is_dead(pid_t pid)
{
    char path[64], state = 'Z';
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return true;
    }
    bool read = fscanf(file, "%*d (%*[^)]) %c", &state) == 1;
    fclose(file);
    return !read || state == 'Z' || state == 'X';
}

/* 200 ms of time: what ends when it is asked to (with what it started), and what does not. */
TEST_CASE(hooks, end_a_command_and_its_children_when_its_time_is_over)
{
    struct bench b;
    set_bench(&b, "sleep 60 & say $!; wait", "say down");
    write_script(&b, b.up[1], "trap '' TERM; while :; do sleep 0.05; done");
    b.groups[0].command_timeout = b.groups[1].command_timeout = CARP_MILLISECONDS(200);
    hooks_want(b.hooks, 0, true);
    finish(&b);
    pid_t child = (pid_t)atoi(said(&b, "said"));
    EXPECT_TRUE(child > 0);
    for (int i = 0; i < 500 && !is_dead(child); i++) {
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    EXPECT_TRUE(is_dead(child));

    hooks_want(b.hooks, 1, true);
    hooks_want(b.hooks, 1, false); /* comes to its right all the same */
    finish(&b);
    EXPECT_STR("[WARNING] Spawning [@/web-up eth7 192.0.2.7]\n"
               "[ERROR] web: the up command ended after # s by signal 15 (Terminated): its time "
               "was over\n"
               "[WARNING] Spawning [@/db-up eth7 192.0.2.7]\n"
               "[ERROR] db: the up command ended after # s by signal 9 (Killed): its time was "
               "over\n"
               "[WARNING] Spawning [@/db-down eth7 192.0.2.7]\n"
               "[INFO] db: the down command ended after # s with status 0\n",
               logged(&b));
    EXPECT_STR("down", strstr(said(&b, "said"), "down") == NULL ? "" : "down");
    clear_bench(&b);
}

/* The last word at an orderly stop: what runs ends, then the down command runs, to its end. */
TEST_CASE(hooks, are_finished_when_the_last_wish_of_every_group_is_fulfilled)
{
    struct bench b;
    set_bench(&b, "sleep 0.1; touch $D/$CARPIO_GROUP-up",
              "sleep 0.1; touch $D/$CARPIO_GROUP-ended");
    finish(&b); /* nothing runs: does not wait */
    for (unsigned i = 0; i < GROUPS; i++) {
        hooks_want(b.hooks, i, true);
        hooks_want(b.hooks, i, false);
    }
    finish(&b);
    logged(&b);
    for (int i = 0; i < GROUPS; i++) {
        char path[PATH_ROOM + 32];
        snprintf(path, sizeof path, "%s/%s-ended", b.folder, b.groups[i].name);
        EXPECT_INT(0, access(path, F_OK));
    }
    clear_bench(&b);
}
