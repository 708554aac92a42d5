/*
 * Goal: files of a journal that nothing which was written is lost from, on a disk that may be full
 * at any byte, and names that are refused before there is anything to lose.
 */
#include "io/live/ring.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/testkit/testkit.h"

enum { ROOM = 160, FILE_MAX = 1 << 20 };

struct bench {
    char folder[ROOM - 48], path[ROOM];
    struct ring ring;
    char content[1024]; /* of the file looked at last */
};

static void set_bench(struct bench *b)
{
    const char *temporary = getenv("TMPDIR");
    memset(b, 0, sizeof *b);
    snprintf(b->folder, sizeof b->folder, "%s/ring_test.XXXXXX",
             temporary == NULL ? "/tmp" : temporary);
    if (mkdtemp(b->folder) == NULL) {
        tk_fail(__FILE__, __LINE__, "cannot make %s", b->folder);
    }
    snprintf(b->path, sizeof b->path, "%s/j", b->folder);
    b->ring = (struct ring){.path = b->path, .file_max = FILE_MAX, .fd = -1};
}

static void clear_bench(struct bench *b)
{
    ring_close(&b->ring);
    DIR *folder = opendir(b->folder);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        if (unlinkat(dirfd(folder), entry->d_name, 0) != 0) {
            unlinkat(dirfd(folder), entry->d_name, AT_REMOVEDIR);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    EXPECT_INT(0, rmdir(b->folder));
}

/* One block of 16 bytes, whose last four, where its length stands again, are these letters. */
static void lay_block(uint8_t block[16], const char *letters)
{
    memcpy(block, "\xad\x0b\x00\x00\x10\x00\x00\x00....", 12);
    memcpy(block + 12, letters, 4);
}

static int write_block(struct bench *b, const char *letters)
{
    uint8_t block[16];
    lay_block(block, letters);
    return ring_write(&b->ring, block, sizeof block);
}

/* The letters of all blocks of a file of the ring: "" when it is empty, "-" when it is not there.
 */
static const char *letters_in(struct bench *b, const char *suffix)
{
    char name[ROOM + 8];
    uint8_t bytes[512];
    snprintf(name, sizeof name, "%s%s", b->path, suffix);
    FILE *file = fopen(name, "r");
    if (file == NULL) {
        return "-";
    }
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    EXPECT_U64(0, size % 16);
    size_t letters = 0;
    for (size_t at = 12; at < size; at += 16, letters += 4) {
        memcpy(b->content + letters, bytes + at, 4);
    }
    b->content[letters] = '\0';
    return b->content;
}

/* A file with one block, as a run of the daemon leaves it. */
static void leave_file(struct bench *b, const char *letters)
{
    EXPECT_INT(0, ring_begin(&b->ring));
    EXPECT_INT(0, write_block(b, letters));
    EXPECT_INT(0, ring_sync(&b->ring));
    ring_close(&b->ring);
}

/* --- order ---------------------------------------------------------------------------------------
 */

TEST_CASE(ring, renames_older_files_along_and_drops_the_oldest)
{
    static const char *const suffixes[] = {"", ".1", ".2", ".3", ".4"};
    static const char *const after[][5] = {
        {"aaaa", "-", "-", "-", "-"},          {"bbbb", "aaaa", "-", "-", "-"},
        {"cccc", "bbbb", "aaaa", "-", "-"},    {"dddd", "cccc", "bbbb", "aaaa", "-"},
        {"eeee", "dddd", "cccc", "bbbb", "-"},
    };
    struct bench b;
    set_bench(&b);
    for (int i = 0; i < 5; i++) {
        leave_file(&b, after[i][0]);
        for (int k = 0; k < 5; k++) {
            tk_row(suffixes[k]);
            EXPECT_STR(after[i][k], letters_in(&b, suffixes[k]));
        }
    }
    clear_bench(&b);
}

/* Somebody took one away: nothing more is to go. */
TEST_CASE(ring, does_not_push_out_a_file_while_there_is_a_gap)
{
    struct bench b;
    char name[ROOM + 8];
    set_bench(&b);
    leave_file(&b, "aaaa");
    leave_file(&b, "bbbb");
    leave_file(&b, "cccc");
    leave_file(&b, "dddd");
    snprintf(name, sizeof name, "%s.1", b.path);
    EXPECT_INT(0, unlink(name));
    leave_file(&b, "eeee");
    EXPECT_STR("eeee", letters_in(&b, ""));
    EXPECT_STR("dddd", letters_in(&b, ".1"));
    EXPECT_STR("bbbb", letters_in(&b, ".2"));
    EXPECT_STR("aaaa", letters_in(&b, ".3"));
    EXPECT_INT(0, unlink(b.path));
    leave_file(&b, "ffff");
    EXPECT_STR("ffff", letters_in(&b, ""));
    EXPECT_STR("dddd", letters_in(&b, ".1"));
    EXPECT_STR("aaaa", letters_in(&b, ".3"));
    clear_bench(&b);
}

/* There are addresses and times in it. And what was reserved is given back at the end. */
TEST_CASE(ring, makes_files_for_their_owner_alone_of_the_size_they_have)
{
    struct bench b;
    struct stat status;
    set_bench(&b);
    mode_t mask = umask(0);
    leave_file(&b, "aaaa");
    umask(mask);
    ASSERT_TRUE(stat(b.path, &status) == 0);
    EXPECT_INT(S_IFREG | 0600, status.st_mode);
    EXPECT_INT(16, status.st_size);
    EXPECT_TRUE(status.st_blocks * 512 < FILE_MAX / 2);
    clear_bench(&b);
}

/* --- a full disk ---------------------------------------------------------------------------------
 */

/* A limit on files is a full disk for one process. Source: setrlimit(2), RLIMIT_FSIZE */
static rlim_t limit_files(rlim_t size)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = size;
    signal(SIGXFSZ, SIG_IGN);
    EXPECT_INT(0, setrlimit(RLIMIT_FSIZE, &limit));
    return before;
}

TEST_CASE(ring, leaves_whole_blocks_when_the_disk_is_full)
{
    /* Room for so much, and what is left of three blocks after the first. */
    static const struct {
        rlim_t room;
        const char *left;
    } rows[] = {
        {16, "aaaa"},     {17, "aaaa"},         {31, "aaaa"},         {32, "aaaabbbb"},
        {47, "aaaabbbb"}, {48, "aaaabbbbcccc"}, {63, "aaaabbbbcccc"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bench b;
        uint8_t blocks[3][16];
        set_bench(&b);
        lay_block(blocks[0], "bbbb");
        lay_block(blocks[1], "cccc");
        lay_block(blocks[2], "dddd");
        EXPECT_INT(0, ring_begin(&b.ring));
        EXPECT_INT(0, write_block(&b, "aaaa"));
        rlim_t before = limit_files(rows[i].room);
        EXPECT_INT(-EFBIG, ring_write(&b.ring, blocks[0], sizeof blocks));
        limit_files(before);
        EXPECT_INT(-1, b.ring.fd);
        EXPECT_STR(rows[i].left, letters_in(&b, ""));
        leave_file(&b, "eeee");
        EXPECT_STR("eeee", letters_in(&b, ""));
        EXPECT_STR(rows[i].left, letters_in(&b, ".1"));
        clear_bench(&b);
    }
}

/* However often it is tried: what is there is worth more than a file without a beginning. */
TEST_CASE(ring, keeps_older_files_while_none_can_be_begun)
{
    struct bench b;
    set_bench(&b);
    leave_file(&b, "aaaa");
    leave_file(&b, "bbbb");
    leave_file(&b, "cccc");
    leave_file(&b, "dddd");
    rlim_t before = limit_files(15);
    for (int i = 0; i < 5; i++) {
        EXPECT_INT(0, ring_begin(&b.ring));
        EXPECT_INT(-EFBIG, write_block(&b, "eeee"));
        EXPECT_STR("-", letters_in(&b, ""));
        EXPECT_STR("dddd", letters_in(&b, ".1"));
        EXPECT_STR("cccc", letters_in(&b, ".2"));
        EXPECT_STR("bbbb", letters_in(&b, ".3"));
    }
    limit_files(before);
    leave_file(&b, "eeee");
    EXPECT_STR("eeee", letters_in(&b, ""));
    EXPECT_STR("dddd", letters_in(&b, ".1"));
    clear_bench(&b);
}

TEST_CASE(ring, says_what_stands_in_its_way)
{
    struct bench b;
    set_bench(&b);
    b.ring.path = "/nonexistent/j";
    EXPECT_INT(-ENOENT, ring_begin(&b.ring));
    EXPECT_INT(-1, b.ring.fd);
    clear_bench(&b);
}

/* --- names ---------------------------------------------------------------------------------------
 */

TEST_CASE(ring, refuses_in_one_line_what_cannot_be_a_journal)
{
    struct bench b;
    char error[CONFIG_ERROR_MAX], want[2 * CONFIG_ERROR_MAX], path[CONFIG_ERROR_MAX];
    set_bench(&b);
    snprintf(path, sizeof path, "%s/d.2", b.folder);
    EXPECT_INT(0, mkdir(path, 0700));
    snprintf(path, sizeof path, "%s/pipe", b.folder);
    EXPECT_INT(0, mkfifo(path, 0600));
    snprintf(path, sizeof path, "%s/link", b.folder);
    EXPECT_INT(0, symlink("elsewhere", path));
    static const struct {
        const char *name;  /* in the folder */
        const char *error; /* after the path */
    } rows[] = {
        {"d.2", " is a directory; the name of a plain file is right"},
        {"d.2/", " is a directory; the name of a plain file is right"},
        {"pipe", " is no plain file; the name of a plain file is right"},
        {"link", " is no plain file; the name of a plain file is right"},
        {"pipe/j", ": Not a directory"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tk_row(rows[i].name);
        snprintf(path, sizeof path, "%s/%s", b.folder, rows[i].name);
        snprintf(want, sizeof want, "journal %s%s", path, rows[i].error);
        EXPECT_INT(2, ring_check(path, error));
        EXPECT_STR(want, error);
    }
    tk_row("no directory");
    EXPECT_INT(2, ring_check("/nonexistent/j", error));
    EXPECT_STR("journal /nonexistent/j: cannot look at the directory /nonexistent: No such file or "
               "directory",
               error);
    tk_row("an older file's name");
    snprintf(path, sizeof path, "%s/d", b.folder);
    snprintf(want, sizeof want, "journal %s.2 is a directory; the name of a plain file is right",
             path);
    EXPECT_INT(2, ring_check(path, error));
    EXPECT_STR(want, error);

    tk_row("room for .3, and not");
    size_t used = (size_t)snprintf(path, sizeof path, "%s/", b.folder);
    memset(path + used, 'n', 253); /* NAME_MAX is 255 */
    path[used + 253] = '\0';
    EXPECT_INT(0, ring_check(path, error));
    strcpy(path + used + 253, "n");
    EXPECT_INT(2, ring_check(path, error));
    EXPECT_TRUE(strstr(error, ": File name too long") != NULL);

    tk_row("what is right");
    EXPECT_INT(0, ring_check(b.path, error));
    leave_file(&b, "aaaa");
    EXPECT_INT(0, ring_check(b.path, error));
    EXPECT_STR("aaaa", letters_in(&b, ""));
    clear_bench(&b);
}
