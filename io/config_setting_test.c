/*
 * Single settings, where they have corners of their own: times, names that are near, addresses in
 * numbers, and keys, which must be whole or refused.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/config_internal.h"
#include "tools/testkit/testkit.h"

/* A file that is needed for a moment, in TMPDIR or /tmp. */
struct scratch {
    char path[128];
};

/* Make one that holds these bytes. A test that cannot is no test: asserted. */
static void scratch_make(struct scratch *scratch, const void *bytes, size_t size)
{
    const char *directory = getenv("TMPDIR");
    int used = snprintf(scratch->path, sizeof scratch->path, "%s/carpio-test-XXXXXX",
                        directory == NULL ? "/tmp" : directory);
    assert(used > 0 && (size_t)used < sizeof scratch->path);
    int fd = mkstemp(scratch->path);
    assert(fd >= 0);
    ssize_t written = write(fd, bytes, size);
    assert(written == (ssize_t)size);
    close(fd);
}

static void scratch_remove(struct scratch *scratch)
{
    unlink(scratch->path);
}

/* Set one setting of a fresh group; its message, or "". */
static void set(struct config *config, const char *name, const char *text,
                char error[CONFIG_ERROR_MAX])
{
    struct config_group *group = config_add_group(config, "web");
    error[0] = '\0';
    ASSERT_TRUE(group != NULL && config_setting_of(name) != NULL);
    int status = config_set(group, config_setting_of(name), text, error);
    EXPECT_INT(error[0] == '\0' ? 0 : -1, status);
}

/* Decimal fractions to whole nanoseconds, without floating point: 0.1 is exact. */
TEST_CASE(config_setting, reads_seconds_exactly)
{
    static const struct {
        const char *text;
        uint64_t ns;
        bool is_right;
    } rows[] = {
        {"0", 0, true},
        {"0.0", 0, true},
        {"0.1", 100000000, true},
        {"2.5", 2500000000, true},
        {"0.000000001", 1, true},
        {"3.390625", 3390625000, true},
        {"007", 7000000000, true},
        {"3599.999999999", 3599999999999, true},
        {"3600", 3600000000000, true},
        {"3600.0", 3600000000000, true},
        {"3600.000000001", 0, false},
        {"3601", 0, false},
        {"18446744073.709551616", 0, false}, /* 2 to the 64th nanoseconds */
        {"99999999999999999999999999999999999999999999", 0, false},
        {"0.0000000001", 0, false},
        {"", 0, false},
        {".", 0, false},
        {".5", 0, false},
        {"-1", 0, false},
        {"1e3", 0, false},
        {"1,5", 0, false},
        {"1.5.", 0, false},
        {"1 ", 0, false},
        {" 1", 0, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct config config = {0};
        char error[CONFIG_ERROR_MAX], want[CONFIG_ERROR_MAX] = "";
        tk_row(rows[i].text);
        set(&config, "hold-down", rows[i].text, error);
        if (!rows[i].is_right) {
            snprintf(want, sizeof want,
                     "hold-down \"%s\" is not a time; seconds from 0 to 3600, like 2.5, are right",
                     rows[i].text);
        }
        EXPECT_STR(want, error);
        EXPECT_U64(rows[i].ns, config.groups[0].carp.hold_down.ns);
        config_free(&config);
    }
}

TEST_CASE(config_setting, reads_the_words_of_a_switch)
{
    static const struct {
        const char *text;
        bool want, is_right;
    } rows[] = {
        {"true", true, true},   {"yes", true, true}, {"on", true, true},
        {"false", false, true}, {"no", false, true}, {"off", false, true},
        {"True", false, false}, {"y", false, false}, {"", false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct config config = {0};
        char error[CONFIG_ERROR_MAX];
        tk_row(rows[i].text);
        set(&config, "preempt", rows[i].text, error);
        EXPECT_INT(rows[i].is_right, error[0] == '\0');
        EXPECT_INT(rows[i].want, config.groups[0].carp.preempt);
        config_free(&config);
    }
}

TEST_CASE(config_setting, knows_what_was_meant)
{
    static const struct {
        const char *name, *want;
    } rows[] = {
        {"vhids", "vhid"},
        {"vid", "vhid"},
        {"adress", NULL},
        {"address", "addresses"},
        {"kez", "key"},
        {"key_hex", "key-hex"},
        {"keyfile", "key-file"},
        {"advskw", "advskew"},
        {"deadratio", "dead-ratio"},
        {"ab", NULL},
        {"", NULL},
        {"web", NULL},
        {"ip", "up"},
        {"a-name-that-is-longer-than-every-setting-there-is", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *like = config_setting_like(rows[i].name);
        tk_row(rows[i].name);
        EXPECT_STR(rows[i].want == NULL ? "-" : rows[i].want, like == NULL ? "-" : like);
    }
}

/* What the digest covers is limited, and said so; the 64 that fit are all there, sorted. */
TEST_CASE(config_setting, takes_64_addresses_of_a_family_and_no_more)
{
    struct config config = {0};
    struct config_group *group = config_add_group(&config, "web");
    char text[64], error[CONFIG_ERROR_MAX] = "";
    for (int i = 64; i > 0; i--) {
        snprintf(text, sizeof text, "10.0.0.%d", i);
        EXPECT_INT(0, config_set(group, config_setting_of("addresses"), text, error));
        snprintf(text, sizeof text, "fd00::%x/64", (unsigned)i);
        EXPECT_INT(0, config_set(group, config_setting_of("addresses"), text, error));
    }
    EXPECT_INT(-1, config_set(group, config_setting_of("addresses"), "10.0.0.65", error));
    EXPECT_STR("more than 64 IPv4 addresses in one group", error);
    EXPECT_INT(-1, config_set(group, config_setting_of("addresses"), "fd00::65", error));
    EXPECT_STR("more than 64 IPv6 addresses in one group", error);
    EXPECT_U64(128, group->address_count);
    EXPECT_INT(64, group->carp.ipv4_count);
    EXPECT_BYTES("\x0a\0\0\x40", group->carp.ipv4[0], 4);
    config_free(&config);
}

/* --- keys -------------------------------------------------------------------------------------
 */

#define LONG                                                                                       \
    "Password too long: FILE has more than 20 bytes, and CARP uses no more; a key is never cut"

static const struct {
    const char *why, *bytes;
    size_t size;
    const char *key, *error; /* FILE: the first line of the file */
} files[] = {
    {"without a newline", "secret", 6, "secret", ""},
    {"with one", "secret\n", 7, "secret", ""},
    {"as Windows writes it", "secret\r\n", 8, "secret", ""},
    {"as Windows writes it, without the newline", "secret\r", 7, "secret", ""},
    {"a carriage return within", "se\rcret\n", 8, "se\rcret", ""},
    {"only one of two", "secret\r\r\n", 9, "secret\r", ""},
    {"spaces belong to it", " secret \n", 9, " secret ", ""},
    {"the first line only", "secret\nmore\n", 12, "secret", ""},
    {"a NUL in the second line", "secret\n\0", 8, "secret", ""},
    {"20 bytes", "12345678901234567890\n", 21, "12345678901234567890", ""},
    {"20 bytes and nothing", "12345678901234567890", 20, "12345678901234567890", ""},
    {"20 bytes from Windows", "12345678901234567890\r\n", 22, "12345678901234567890", ""},
    {"21 bytes", "123456789012345678901\n", 22, "", LONG},
    {"21 bytes and nothing", "123456789012345678901", 21, "", LONG},
    {"empty", "", 0, "", "FILE is empty"},
    {"an empty line", "\nsecret\n", 8, "", "FILE is empty"},
    {"an empty line from Windows", "\r\nsecret\n", 9, "", "FILE is empty"},
    {"a NUL", "sec\0ret\n", 8, "", "FILE has a NUL byte; give such a key as key-hex"},
    {"a NUL first", "\0secret\n", 8, "", "FILE has a NUL byte; give such a key as key-hex"},
};

TEST_CASE(config_setting, takes_the_key_of_a_file_whole_or_not_at_all)
{
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct config config = {0};
        struct scratch file;
        char error[CONFIG_ERROR_MAX], want[CONFIG_ERROR_MAX];
        uint8_t key[CARP_KEY_SIZE] = {0};
        tk_row(files[i].why);
        scratch_make(&file, files[i].bytes, files[i].size);
        set(&config, "key-file", file.path, error);
        scratch_remove(&file);

        const char *name = strstr(files[i].error, "FILE");
        snprintf(want, sizeof want, "%s", files[i].error);
        if (name != NULL) {
            snprintf(want, sizeof want, "%.*sthe first line of %s%s", (int)(name - files[i].error),
                     files[i].error, file.path, name + 4);
        }
        EXPECT_STR(want, error);
        memcpy(key, files[i].key, strlen(files[i].key));
        EXPECT_INT(name == NULL, config.groups[0].carp.key_count);
        EXPECT_BYTES(key, config.groups[0].carp.keys[0], CARP_KEY_SIZE);
        config_free(&config);
    }
}

/* More than is read at once, with a newline or a carriage return just at its end. */
TEST_CASE(config_setting, refuses_a_line_that_is_longer_than_what_it_reads)
{
    for (size_t size = 511; size <= 514; size++) {
        struct config config = {0};
        struct scratch file;
        char bytes[520], error[CONFIG_ERROR_MAX];
        memset(bytes, 'x', sizeof bytes);
        bytes[size - 2] = '\r';
        bytes[size - 1] = '\n';
        scratch_make(&file, bytes, sizeof bytes);
        set(&config, "key-file", file.path, error);
        scratch_remove(&file);
        EXPECT_TRUE(strncmp("Password too long", error, 17) == 0);
        EXPECT_INT(0, config.groups[0].carp.key_count);
        config_free(&config);
    }
}

TEST_CASE(config_setting, says_why_a_key_file_cannot_be_read)
{
    static const struct {
        const char *path, *error;
    } rows[] = {
        {"/", "error reading passfile /: Is a directory"},
        {"", "unable to open passfile  for reading: No such file or directory"},
        {"/nowhere/key",
         "unable to open passfile /nowhere/key for reading: No such file or directory"},
        {"/dev/null", "the first line of /dev/null is empty"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct config config = {0};
        char error[CONFIG_ERROR_MAX];
        tk_row(rows[i].path);
        set(&config, "key-file", rows[i].path, error);
        EXPECT_STR(rows[i].error, error);
        config_free(&config);
    }
}

TEST_CASE(config_setting, takes_a_hexadecimal_key_whole_or_not_at_all)
{
    static const char pairs[] = "key-hex must be pairs of hexadecimal digits, at most 40 digits";
    static const struct {
        const char *text, *key, *error;
    } rows[] = {
        {"00fF10", "\0\xff\x10", ""},
        {"0102030405060708090a0b0c0d0e0f1011121314",
         "\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20\21\22\23\24", ""},
        {"0102030405060708090a0b0c0d0e0f101112131415", "", pairs},
        {"012", "", pairs},
        {"0x12", "", pairs},
        {"1g", "", pairs},
        {"12 3", "", pairs},
        {"", "", "key-hex is empty"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct config config = {0};
        char error[CONFIG_ERROR_MAX];
        uint8_t key[CARP_KEY_SIZE] = {0};
        tk_row(rows[i].text);
        set(&config, "key-hex", rows[i].text, error);
        EXPECT_STR(rows[i].error, error);
        if (rows[i].error[0] == '\0') {
            memcpy(key, rows[i].key, strlen(rows[i].text) / 2);
        }
        EXPECT_BYTES(key, config.groups[0].carp.keys[0], CARP_KEY_SIZE);
        config_free(&config);
    }
}

/* 31, and then a word about the rest. */
TEST_CASE(config_setting, is_warned_of_no_more_than_can_be_read)
{
    struct config_warnings warnings = {0};
    for (int i = 1; i <= 40; i++) {
        config_warn(&warnings, "warning %d", i);
    }
    EXPECT_U64(32, warnings.count);
    EXPECT_STR("warning 31", warnings.lines[30]);
    EXPECT_STR("and more warnings, left out here", warnings.lines[31]);
    config_warnings_free(&warnings);
    EXPECT_U64(0, warnings.count);
}

TEST_CASE(config_setting, is_freed_once_however_often_that_is_asked)
{
    struct config config = {0};
    char error[CONFIG_ERROR_MAX];
    config_free(&config);
    set(&config, "up", "/first", error);
    EXPECT_INT(0, config_set(&config.groups[0], config_setting_of("up"), "/second", error));
    EXPECT_STR("/second", config.groups[0].up);
    config_free(&config);
    EXPECT_TRUE(config.groups == NULL);
    config_free(&config);
}
