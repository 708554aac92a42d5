/*
 * UCARP's command line: each option long and short, what it becomes, the mistakes, and the password
 * that does not stay in the arguments. Source: UCARP 1.5.2 ucarp.c main().
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "io/config.h"
#include "tools/testkit/testkit.h"

enum { WORDS_MAX = 48, TEXT_MAX = 512 };

struct reading {
    char text[TEXT_MAX]; /* the arguments, each ended by a NUL */
    char *words[WORDS_MAX + 1];
    int count;
    struct config config;
    struct config_warnings warnings;
    enum config_action action;
    char error[CONFIG_ERROR_MAX];
    int status;
};

/* Arguments are given as a shell would split them at blanks. */
static void read_line(struct reading *r, const char *line)
{
    memset(r, 0, sizeof *r);
    snprintf(r->text, sizeof r->text, "carpd %s", line);
    for (char *word = strtok(r->text, " "); word != NULL; word = strtok(NULL, " ")) {
        ASSERT_TRUE(r->count < WORDS_MAX);
        r->words[r->count++] = word;
    }
    r->status =
        config_from_arguments(r->count, r->words, &r->config, &r->action, &r->warnings, r->error);
}

static void free_reading(struct reading *r)
{
    config_free(&r->config);
    config_warnings_free(&r->warnings);
}

#define LEAST "-i eth0 -v 7 -p secret -a 10.0.0.100 "

static bool warns(const struct reading *r, const char *part)
{
    for (size_t i = 0; i < r->warnings.count; i++) {
        if (strstr(r->warnings.lines[i], part) != NULL) {
            return true;
        }
    }
    return false;
}

/* Everything at once, in three ways of writing; unique prefixes of long names are enough. */
TEST_CASE(config_options, take_every_option_of_ucarp_long_and_short)
{
    static const char *const lines[] = {
        "-i eth0 -s 10.0.0.1 -m 224.0.0.99 -v 7 -p secret -P -n -a 10.0.0.100 -b 2 -k 0x10 -r 4 "
        "-u /up -d /down -x arg -z -B -S -M -f local1 -D",
        "--interface=eth0 --srcip=10.0.0.1 --mcast=224.0.0.99 --vhid=7 --pass=secret --preempt "
        "--neutral --addr=10.0.0.100 --advbase=2 --advskew=020 --deadratio=4 --upscript=/up "
        "--downscript=/down --xparam=arg --shutdown --daemonize --ignoreifstate --nomcast "
        "--facility=local1 --debug",
        "--inter eth0 --src 10.0.0.1 --mcastip 224.0.0.99 --vh 7 --pass secret --pree --neu --addr "
        "10.0.0.100 --advb 2 --advs 16 --dead 4 --up /up --down /down --xp arg --shut --daem --ign "
        "--nom --syslog local1 --deb",
    };
    for (int i = 0; i < 3; i++) {
        struct reading r;
        tk_row(lines[i]);
        read_line(&r, lines[i]);
        EXPECT_STR("", r.error);
        ASSERT_TRUE(r.status == 0 && r.config.group_count == 1);
        const struct config_group *g = &r.config.groups[0];
        EXPECT_INT(CONFIG_RUN, r.action);
        EXPECT_STR("vhid-7", g->name);
        EXPECT_STR("eth0", g->interface);
        EXPECT_TRUE(g->has_source);
        EXPECT_BYTES("\x0a\x00\x00\x01", g->source, 4);
        EXPECT_BYTES("\xe0\x00\x00\x63", g->carp.ipv4_group, 4);
        EXPECT_INT(7, g->carp.vhid);
        EXPECT_BYTES("secret", g->carp.keys[0], 7);
        EXPECT_TRUE(g->carp.preempt && g->neutral && g->ignore_link_state && g->carp.broadcast);
        EXPECT_STR("10.0.0.100", g->address_text);
        EXPECT_INT(2, g->carp.advbase);
        EXPECT_INT(16, g->carp.advskew);
        EXPECT_INT(4, g->carp.dead_ratio);
        EXPECT_STR("/up", g->up);
        EXPECT_STR("/down", g->down);
        EXPECT_STR("arg", g->argument);
        EXPECT_TRUE(r.config.daemonize && r.config.debug);
        EXPECT_INT(CONFIG_LOG_SYSLOG, r.config.log);
        EXPECT_INT(LOG_LOCAL1, r.config.facility);
        free_reading(&r);
    }
}

TEST_CASE(config_options, leave_ucarps_defaults)
{
    struct reading r;
    read_line(&r, LEAST);
    ASSERT_TRUE(r.status == 0);
    const struct config_group *g = &r.config.groups[0];
    EXPECT_INT(1, g->carp.advbase);
    EXPECT_INT(0, g->carp.advskew);
    EXPECT_INT(3, g->carp.dead_ratio);
    EXPECT_TRUE(!g->carp.preempt && !g->neutral && !g->ignore_link_state && !g->has_source);
    EXPECT_INT(CONFIG_LOG_STDERR, r.config.log);
    free_reading(&r);
    tk_row("in the background there is no terminal to log to");
    read_line(&r, LEAST "-B");
    EXPECT_INT(CONFIG_LOG_SYSLOG, r.config.log);
    free_reading(&r);
    tk_row("unless that is said");
    read_line(&r, LEAST "-B -f none");
    EXPECT_INT(CONFIG_LOG_STDERR, r.config.log);
    free_reading(&r);
}

TEST_CASE(config_options, take_more_addresses_than_one_of_both_families)
{
    struct reading r;
    read_line(&r, LEAST "-a 10.0.0.101/24 -a 2001:db8::1/64");
    ASSERT_TRUE(r.status == 0);
    EXPECT_INT(2, r.config.groups[0].carp.ipv4_count);
    EXPECT_INT(1, r.config.groups[0].carp.ipv6_count);
    free_reading(&r);
}

static const struct {
    const char *line, *error;
} mistakes[] = {
    {"-z", "no group is described; give -c FILE, or at least -i, -v, -o and -a"},
    {"-v 7 -p a -a 10.0.0.1", "interface is missing; name the one the address lives on, like eth0"},
    {"-i eth0 -p a -a 10.0.0.1",
     "vhid is missing; it is a number from 1 to 255, the same on all hosts"},
    {"-i eth0 -v 7 -a 10.0.0.1", "no key; give key-file, key or key-hex, the same on all hosts"},
    {"-i eth0 -v 7 -p a", "no addresses; give at least one, the same set on all hosts"},
    {LEAST "-v 0", "vhid 0 is out of range 1..255"},
    {LEAST "-v 256", "vhid 256 is out of range 1..255"},
    {LEAST "-b 256", "advbase 256 is out of range 0..255"},
    {LEAST "-b 1x", "advbase \"1x\" is not a number; 0..255 is right"},
    {LEAST "-k 256", "advskew 256 is out of range 0..255"},
    {LEAST "-k 300", "advskew 300 is out of range 0..255"},
    {LEAST "-k -1", "advskew \"-1\" is not a number; 0..255 is right"},
    {LEAST "-r 0", "dead-ratio 0 is out of range 1..255"},
    {LEAST "-r -1", "dead-ratio \"-1\" is not a number; 1..255 is right"},
    {LEAST "-b 0", "advbase 0 needs an advskew of at least 1, or adverts would never end"},
    {LEAST "-b 255 -k 255", "advbase 255 with advskew 255 means farewell; choose a lower one"},
    {LEAST "-s nonsense", "Invalid address: [nonsense] - source must be an IPv4 address"},
    {LEAST "-s 10.0.0.100",
     "source 10.0.0.100 is one of the virtual addresses; it must be the host's own"},
    {LEAST "-m 10.0.0.1",
     "group 10.0.0.1 must be a multicast address (224.0.0.0 to 239.255.255.255)"},
    {LEAST "-a 10.0.0.999",
     "Invalid address: [10.0.0.999] - an IPv4 or IPv6 address is right, with "
     "or without /prefix"},
    {LEAST "-p 123456789012345678901",
     "Password too long: the key has more than 20 bytes, and CARP uses no more; a key is never "
     "cut"},
    {LEAST "--pass=", "the key is empty"},
    {LEAST "-o /nonexistent",
     "unable to open passfile /nonexistent for reading: No such file or directory"},
    {LEAST "-f nonsense", "Unknown syslog facility: [nonsense] - daemon, local0 to local7 or none "
                          "are right"},
    {LEAST "extra", "\"extra\" is no option; carpd --help lists them"},
    {LEAST "--nonsense", "--nonsense is no option, or might be several; carpd --help lists them"},
    {LEAST "--pas x", "--pas is no option, or might be several; carpd --help lists them"},
    {LEAST "-Q", "-Q is no option, or might be several; carpd --help lists them"},
    {LEAST "-PQ", "-Q is no option, or might be several; carpd --help lists them"},
    {LEAST "-k", "-k needs a value; carpd --help lists them"},
    {LEAST "-DPk", "-k needs a value; carpd --help lists them"},
    {LEAST "--preempt -QD", "-Q is no option, or might be several; carpd --help lists them"},
    {LEAST "--preempt=yes", "--preempt takes no value; carpd --help lists them"},
    {LEAST "--check=yes", "--check takes no value; carpd --help lists them"},
    {LEAST "-- -D", "\"-D\" is no option; carpd --help lists them"},
    {LEAST "-v 0x", "vhid \"0x\" is not a number; 1..255 is right"},
    {LEAST "-v 09", "vhid \"09\" is not a number; 1..255 is right"},
    {LEAST "-v +7", "vhid \"+7\" is not a number; 1..255 is right"},
    {LEAST "-s 0.0.0.0", "source 0.0.0.0 must be the address of a host, not multicast or loopback"},
    {LEAST "--journal=", "journal is empty"},
    {LEAST "--journal", "--journal needs a value; carpd --help lists them"},
    {LEAST "--journal=here -B", "journal \"here\" must begin with / beside -B: daemons run in /"},
    {LEAST "-B --journal /j --journal here",
     "journal \"here\" must begin with / beside -B: daemons run in /"},
    {LEAST "--journal-size=0", "journal-size 0 is out of range 1..65536"},
    {LEAST "--run-as=", "user is empty"},
    {LEAST "--run-as 123456789012345678901234567890123",
     "user \"123456789012345678901234567890123\" is too long; at most 32 bytes are right"},
    {LEAST "--run-commands-as=", "command-user is empty"},
    {LEAST "--confine=maybe", "confine \"maybe\" is neither true nor false"},
    {LEAST "--confine", "--confine needs a value; carpd --help lists them"},
    {LEAST "--journal-size 65537", "journal-size 65537 is out of range 1..65536"},
    {"-c", "-c needs a value; carpd --help lists them"},
    {LEAST "--advskew", "--advskew needs a value; carpd --help lists them"},
    {"-c /nonexistent -v 7", "-c FILE and the options of a single group exclude each other"},
};

TEST_CASE(config_options, are_refused_in_one_line_with_status_2)
{
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        struct reading r;
        tk_row(mistakes[i].line);
        read_line(&r, mistakes[i].line);
        EXPECT_INT(2, r.status);
        EXPECT_STR(mistakes[i].error, r.error);
        EXPECT_U64(0, r.config.group_count);
        free_reading(&r);
    }
}

TEST_CASE(config_options, ask_for_help_version_or_a_check)
{
    struct reading r;
    static const struct {
        const char *line;
        enum config_action action;
    } rows[] = {
        {"", CONFIG_HELP},
        {"-h", CONFIG_HELP},
        {"--help", CONFIG_HELP},
        {"--version", CONFIG_VERSION},
        {LEAST "--check", CONFIG_CHECK},
        {LEAST, CONFIG_RUN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tk_row(rows[i].line);
        read_line(&r, rows[i].line);
        EXPECT_INT(0, r.status);
        EXPECT_INT(rows[i].action, r.action);
        free_reading(&r);
    }
}

TEST_CASE(config_options, name_every_option_in_the_usage_text)
{
    static const char *const names[] = {
        "--interface", "--srcip",        "--vhid",     "--pass",
        "--passfile",  "--addr",         "--advbase",  "--advskew",
        "--deadratio", "--preempt",      "--upscript", "--downscript",
        "--xparam",    "--neutral",      "--mcast",    "--nomcast",
        "--shutdown",  "--daemonize",    "--facility", "--ignoreifstate",
        "--debug",     "--check",        "--version",  "--help",
        "--journal",   "--journal-size", "--run-as",   "--run-commands-as",
        "--confine"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        tk_row(names[i]);
        EXPECT_TRUE(strstr(config_usage(), names[i]) != NULL);
    }
}

/* Options beside a file with one group and this. */
static void read_beside_file(struct reading *r, const char *options, const char *text)
{
    char path[] = "/tmp/carpio-file-XXXXXX", line[128];
    int fd = mkstemp(path);
    ASSERT_TRUE(fd >= 0);
    dprintf(fd, "groups: {web: {interface: e, vhid: 7, key: s, addresses: [10.0.0.1]}}\n%s\n",
            text);
    close(fd);
    snprintf(line, sizeof line, "%s -c %s", options, path);
    read_line(r, line);
    unlink(path);
}

/* Where to log, and how much, may be said beside a file; it goes before what the file says. */
TEST_CASE(config_options, go_before_what_the_file_says)
{
    static const struct {
        const char *options, *log;
        enum config_log to;
        int facility;
        bool debug;
    } rows[] = {
        {"", "log: {}", CONFIG_LOG_STDERR, LOG_DAEMON, false},
        {"", "log: {to: syslog, facility: auth}", CONFIG_LOG_SYSLOG, LOG_AUTH, false},
        {"-f local3", "log: {}", CONFIG_LOG_SYSLOG, LOG_LOCAL3, false},
        {"-f local3", "log: {to: syslog, facility: auth}", CONFIG_LOG_SYSLOG, LOG_LOCAL3, false},
        {"-f none", "log: {to: syslog}", CONFIG_LOG_STDERR, LOG_DAEMON, false},
        {"-D", "log: {level: info}", CONFIG_LOG_STDERR, LOG_DAEMON, true},
        {"-z", "log: {level: debug}", CONFIG_LOG_STDERR, LOG_DAEMON, true},
        {"-B", "log: {}", CONFIG_LOG_STDERR, LOG_DAEMON, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct reading r;
        tk_row(rows[i].options);
        read_beside_file(&r, rows[i].options, rows[i].log);
        EXPECT_STR("", r.error);
        EXPECT_U64(1, r.config.group_count);
        EXPECT_INT(rows[i].to, r.config.log);
        EXPECT_INT(rows[i].facility, r.config.facility);
        EXPECT_INT(rows[i].debug, r.config.debug);
        EXPECT_INT(strcmp(rows[i].options, "-B") == 0, r.config.daemonize);
        free_reading(&r);
    }
}

/* As --journal beside a group's options. */
TEST_CASE(config_options, name_a_journal_and_its_size)
{
    struct reading r;
    read_line(&r, LEAST);
    EXPECT_TRUE(r.config.journal == NULL);
    EXPECT_INT(64, r.config.journal_mib);
    free_reading(&r);
    read_line(&r, LEAST "--journal here --journal-size=1");
    EXPECT_INT(0, r.status);
    EXPECT_STR("here", r.config.journal);
    EXPECT_INT(1, r.config.journal_mib);
    free_reading(&r);
}

TEST_CASE(config_options, go_before_the_journal_of_the_file)
{
    static const struct {
        const char *options, *file, *journal;
        int status;
        unsigned mib;
    } rows[] = {
        {"", "journal: /f", "/f", 0, 64},
        {"", "journal: /f\njournal-size: 3", "/f", 0, 3},
        {"--journal /o", "journal: /f\njournal-size: 3", "/o", 0, 3},
        {"--journal-size 5", "journal: /f\njournal-size: 3", "/f", 0, 5},
        {"--journal-size 64", "journal: /f\njournal-size: 3", "/f", 0, 64},
        {"--journal /o --journal-size 5", "", "/o", 0, 5},
        {"--journal /o", "journal-size: 0", "/o", 2, 0},
        {"-B", "journal: f", "f", 2, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct reading r;
        tk_row(rows[i].options);
        read_beside_file(&r, rows[i].options, rows[i].file);
        EXPECT_INT(rows[i].status, r.status);
        if (r.status == 0) {
            EXPECT_STR("", r.error);
            EXPECT_STR(rows[i].journal, r.config.journal);
            EXPECT_INT(rows[i].mib, r.config.journal_mib);
        }
        free_reading(&r);
    }
}

/* --- rights
 * ---------------------------------------------------------------------------------------
 */

TEST_CASE(config_options, go_before_the_rights_of_the_file)
{
    static const struct {
        const char *options, *file, *user, *command_user;
        bool confine;
    } rows[] = {
        {"", "", "-", "-", true},
        {"", "user: a\ncommand-user: b\nconfine: no", "a", "b", false},
        {"--run-as c", "user: a\ncommand-user: b", "c", "b", true},
        {"--run-commands-as=d", "command-user: b", "-", "d", true},
        {"--confine=yes", "confine: false", "-", "-", true},
        {"--confine=off", "", "-", "-", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct reading r;
        tk_row(rows[i].options);
        read_beside_file(&r, rows[i].options, rows[i].file);
        EXPECT_STR("", r.error);
        EXPECT_STR(rows[i].user, r.config.user == NULL ? "-" : r.config.user);
        EXPECT_STR(rows[i].command_user,
                   r.config.command_user == NULL ? "-" : r.config.command_user);
        EXPECT_INT(rows[i].confine, r.config.confine);
        free_reading(&r);
    }
}

/* --- the password --------------------------------------------------------------------------------
 */

/* However it is written, and also when something else is wrong. */
TEST_CASE(config_options, wipe_the_password_from_the_arguments)
{
    static const char *const lines[] = {
        "-i eth0 -v 7 -a 10.0.0.100 -p opensesame",
        "-i eth0 -v 7 -a 10.0.0.100 -popensesame",
        "-i eth0 -v 7 -a 10.0.0.100 --pass opensesame",
        "-i eth0 -v 7 -a 10.0.0.100 --pass=opensesame",
        "-i eth0 -v 7 -a 10.0.0.100 -Ppopensesame -k 300",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct reading r;
        tk_row(lines[i]);
        read_line(&r, lines[i]);
        EXPECT_INT(i == 4 ? 2 : 0, r.status);
        for (size_t at = 0; at + 10 <= sizeof r.text; at++) {
            EXPECT_TRUE(memcmp(r.text + at, "opensesame", 10) != 0);
        }
        EXPECT_TRUE(warns(&r, "use --passfile"));
        free_reading(&r);
    }
}

/* An option that is misspelt, or not all of its name, may have a password behind it all the same.
 */
TEST_CASE(config_options, show_no_value_of_an_option_that_is_unknown)
{
    static const char *const lines[] = {"--pas=opensesame", "--password=opensesame"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct reading r;
        tk_row(lines[i]);
        read_line(&r, lines[i]);
        EXPECT_INT(2, r.status);
        EXPECT_TRUE(strstr(r.error, "--pas") != NULL && strstr(r.error, "opensesame") == NULL);
        free_reading(&r);
    }
}

/* What the first line of a password file is, and what is refused. */
TEST_CASE(config_options, read_the_first_line_of_a_password_file)
{
    static const struct {
        const char *why, *content;
        size_t size;
        int key_size; /* -1: refused */
    } rows[] = {
        {"a line", "secret\n", 7, 6},
        {"no end of line", "secret", 6, 6},
        {"from another system", "secret\r\n", 8, 6},
        {"two lines", "secret\nmore\n", 12, 6},
        {"20 bytes", "12345678901234567890\n", 21, 20},
        {"21 bytes", "123456789012345678901\n", 22, -1},
        {"blanks belong to it", " a b \n", 6, 5},
        {"empty", "", 0, -1},
        {"an empty first line", "\nsecret\n", 8, -1},
        {"a NUL does not end it", "sec\0ret\n", 8, -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct reading r;
        char path[] = "/tmp/carpio-key-XXXXXX", line[128];
        int fd = mkstemp(path);
        tk_row(rows[i].why);
        ASSERT_TRUE(fd >= 0 && write(fd, rows[i].content, rows[i].size) == (ssize_t)rows[i].size);
        close(fd);
        snprintf(line, sizeof line, "-i eth0 -v 7 -a 10.0.0.100 -o %s", path);
        read_line(&r, line);
        unlink(path);
        EXPECT_INT(rows[i].key_size < 0 ? 2 : 0, r.status);
        if (r.status == 0 && rows[i].key_size >= 0) {
            uint8_t want[CARP_KEY_SIZE] = {0};
            memcpy(want, rows[i].content, (size_t)rows[i].key_size);
            EXPECT_BYTES(want, r.config.groups[0].carp.keys[0], CARP_KEY_SIZE);
        }
        free_reading(&r);
    }
}

TEST_CASE(config_options, let_the_last_of_password_and_password_file_win)
{
    struct reading r;
    read_line(&r, "-i eth0 -v 7 -a 10.0.0.100 -p longer-one -p short");
    ASSERT_TRUE(r.status == 0);
    EXPECT_INT(1, r.config.groups[0].carp.key_count);
    EXPECT_BYTES("short\0\0\0\0\0", r.config.groups[0].carp.keys[0], 10);
    free_reading(&r);
}

/* --- warnings ----------------------------------------------------------------------------------
 */

TEST_CASE(config_options, warn_of_what_is_allowed_but_seldom_meant)
{
    static const struct {
        const char *line, *part;
    } rows[] = {
        {LEAST "-k 241", "FreeBSD peers treat everything above 240 as 240"},
        {LEAST "-k 255", "255 is no valid advskew for a BSD"},
        {LEAST "-b 86", "do not heed a farewell above 85"},
        {LEAST "-r 4", "the BSD peers always use 3"},
        {LEAST "-b 0 -k 1", "advbase 0"},
        {LEAST "-p 12345678901234567890", "take only 19"},
        {LEAST "-a fe80::7", "a link-local virtual address"},
        {LEAST "-u /nonexistent/up", "the up command /nonexistent/up cannot be run: No such file"},
        {LEAST "-d /etc/passwd", "the down command /etc/passwd cannot be run: Permission denied"},
        {LEAST "-d down", "the down command down is no absolute path"},
        {LEAST "-a febf::7", "a link-local virtual address"},
    };
    struct reading r;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tk_row(rows[i].line);
        read_line(&r, rows[i].line);
        EXPECT_INT(0, r.status);
        EXPECT_TRUE(warns(&r, rows[i].part));
        free_reading(&r);
    }
    tk_row("the nearest that are fine");
    read_line(&r, LEAST "-u /bin/true -k 240 -b 85 -r 3 -a fec0::1 -a fe00::1");
    EXPECT_U64(1, r.warnings.count); /* that -p was used */
    free_reading(&r);
}
