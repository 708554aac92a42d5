/*
 * Goal: a command that somebody else could have put there is never run. The rights are those of
 * POSIX ("File Access Permissions", the restricted deletion flag of directories); the files are
 * made here, and given to other users, which needs root.
 */
#include "io/live/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/testkit/testkit.h"

enum { STRANGER = 4242, PATH_ROOM = 200 };

/* A folder with bin/up in it, made anew for each row. */
struct bench {
    char folder[64];
    char file[PATH_ROOM];
};

static void run_in(const struct bench *b, const char *commands)
{
    char line[1024];
    snprintf(line, sizeof line, "cd %s && { %s; }", b->folder, commands);
    EXPECT_INT(0, system(line));
}

static void set_bench(struct bench *b)
{
    snprintf(b->folder, sizeof b->folder, "/tmp/command_test.XXXXXX");
    ASSERT_TRUE(mkdtemp(b->folder) != NULL);
    snprintf(b->file, sizeof b->file, "%s/bin/up", b->folder);
    run_in(b, "mkdir bin && touch bin/up && chmod 755 bin bin/up");
}

static void clear_bench(const struct bench *b)
{
    run_in(b, "rm -rf -- \"$PWD\"");
}

/* The reason with the folder written as @; "" when it may be run. */
static const char *reason(const struct bench *b, const char *path)
{
    static char text[CONFIG_ERROR_MAX + 1];
    char error[CONFIG_ERROR_MAX];
    if (command_check(path, geteuid(), error) == 0) {
        return "";
    }
    const char *at = strstr(error, b->folder);
    snprintf(text, sizeof text, "%s%s", at == error ? "@" : "",
             at == error ? error + strlen(b->folder) : error);
    return text;
}

TEST_CASE(command, is_run_only_when_nobody_else_could_have_put_it_there)
{
    static const struct {
        const char *why, *before, *want;
    } rows[] = {
        {"ours alone", "true", ""},
        {"readable by all, writable by us", "chmod 755 bin/up", ""},
        {"written by its group", "chmod 775 bin/up",
         "@/bin/up can be written by others; chmod go-w it"},
        {"written by all", "chmod 757 bin/up", "@/bin/up can be written by others; chmod go-w it"},
        {"someone else's file", "chown 4242 bin/up",
         "@/bin/up belongs to user 4242, who could change it; chown it to root"},
        {"a folder that all write", "chmod 777 bin",
         "@/bin can be written by others; chmod go-w it"},
        {"one in which each has his own", "chmod 1777 bin", ""},
        {"of which this is someone else's", "chmod 1777 bin; chown 4242 bin/up",
         "@/bin/up belongs to user 4242, who could change it; chown it to root"},
        {"someone else's folder", "chown 4242 bin",
         "@/bin belongs to user 4242, who could change it; chown it to root"},
        {"a link to what is ours", "mv bin/up bin/real; ln -s real bin/up", ""},
        {"an absolute one", "mv bin real; ln -s \"$PWD/real\" bin", ""},
        {"someone else's link", "mv bin/up bin/real; ln -s real bin/up; chown -h 4242 bin/up",
         "@/bin/up belongs to user 4242, who could change it; chown it to root"},
        {"a link into a folder that all write",
         "mkdir open; chmod 777 open; mv bin/up open/up; ln -s ../open/up bin/up",
         "@/bin/../open can be written by others; chmod go-w it"},
        {"a link on the way of a link",
         "mkdir open; chmod 777 open; mv bin/up real; ln -s ../real open/up;"
         "ln -s ../open/up bin/up",
         "@/bin/../open can be written by others; chmod go-w it"},
        {"a link to itself", "rm bin/up; ln -s up bin/up",
         "@/bin/up: Too many levels of symbolic links"},
        {"nothing", "rm bin/up", "@/bin/up: No such file or directory"},
        {"a link to nothing", "rm bin/up; ln -s away bin/up",
         "@/bin/away: No such file or directory"},
        {"a folder", "rm bin/up; mkdir bin/up", "@/bin/up is no plain file"},
        {"below a file", "mv bin/up up; rmdir bin; mv up bin", "@/bin/up: Not a directory"},
    };
    if (geteuid() != 0) {
        tk_skip("only root gives files away");
        return;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bench b;
        tk_row(rows[i].why);
        set_bench(&b);
        run_in(&b, rows[i].before);
        EXPECT_STR(rows[i].want, reason(&b, b.file));
        clear_bench(&b);
    }
}

/* Who runs it may own it; that is no risk to him, and it is one to everybody else. */
TEST_CASE(command, may_belong_to_the_user_who_runs_it)
{
    char error[CONFIG_ERROR_MAX];
    struct bench b;
    if (geteuid() != 0) {
        tk_skip("only root gives files away");
        return;
    }
    set_bench(&b);
    run_in(&b, "chown -R 4242 .");
    EXPECT_INT(0, command_check(b.file, STRANGER, error));
    EXPECT_INT(-1, command_check(b.file, STRANGER + 1, error));
    EXPECT_INT(-1, command_check(b.file, 0, error));
    clear_bench(&b);
}

/* Names without a slash, and relative ones. */
TEST_CASE(command, is_an_absolute_path_whatever_was_configured)
{
    static char interface[] = "eth7", address[] = "192.0.2.7", name[] = "web";
    char here[PATH_ROOM / 2], relative[PATH_ROOM];
    ASSERT_TRUE(getcwd(here, sizeof here) != NULL);
    snprintf(relative, sizeof relative, "%s/scripts/up", here);
    const struct {
        char name[16];
        const char *want;
    } rows[] = {
        {"/etc/up", "/etc/up"},
        {"scripts/up", relative},
        {"sh", access("/usr/bin/sh", X_OK) == 0 ? "/usr/bin/sh" : "/bin/sh"},
        {"no-such-program", "/bin/no-such-program"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char configured[16];
        memcpy(configured, rows[i].name, sizeof configured);
        const struct config_group group = {
            .name = name, .interface = interface, .address_text = address, .up = configured};
        struct command *command = command_make(&group, true);
        ASSERT_TRUE(command != NULL);
        EXPECT_STR(rows[i].want, command->arguments[0]);
        EXPECT_STR("CARPIO_STATE=MASTER", command->environment[2]);
        free(command);
    }
}
