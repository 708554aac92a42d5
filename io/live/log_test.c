/*
 * Goal: a log that people read and grep: UCARP's form, whole lines, no floods, and never a reason
 * to stop.
 */
#define _GNU_SOURCE
#include "io/live/log_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "io/live/log.h"
#include "tools/testkit/testkit.h"

/* --- what was written ------------------------------------------------------------------------ */

enum { STAMP_SIZE = sizeof "2026-11-25T06:22:56.257400: " - 1 };

static FILE *captured;
static int real_stderr;
static char text[16384];

void log_capture(void)
{
    captured = tmpfile();
    real_stderr = dup(STDERR_FILENO);
    if (captured == NULL || real_stderr < 0 || dup2(fileno(captured), STDERR_FILENO) < 0) {
        tk_fail(__FILE__, __LINE__, "cannot capture stderr");
    }
}

const char *log_captured_raw(void)
{
    dup2(real_stderr, STDERR_FILENO);
    close(real_stderr);
    rewind(captured);
    size_t size = fread(text, 1, sizeof text - 1, captured);
    text[size] = '\0';
    fclose(captured);
    return text;
}

const char *log_captured(void)
{
    static char bare[sizeof text];
    char *to = bare;
    log_captured_raw();
    for (const char *line = text; *line != '\0';) {
        const char *end = line + strcspn(line, "\n");
        bool stamped = end - line > STAMP_SIZE && line[10] == 'T' && line[STAMP_SIZE] == '[';
        line += stamped ? STAMP_SIZE : 0;
        size_t size = (size_t)(end - line) + (*end == '\n');
        memcpy(to, line, size);
        to += size;
        line += size;
    }
    *to = '\0';
    return bare;
}

/* --- lines ----------------------------------------------------------------------------------- */

TEST_CASE(log, writes_the_level_as_ucarp_does)
{
    log_capture();
    log_line(LOG_LEVEL_INFO, "one");
    log_line(LOG_LEVEL_NOTICE, "two %d", 2);
    log_line(LOG_LEVEL_WARNING, "%s", "three");
    log_line(LOG_LEVEL_ERROR, "%%");
    EXPECT_STR("[INFO] one\n[NOTICE] two 2\n[WARNING] three\n[ERROR] %\n", log_captured());
}

TEST_CASE(log, writes_debug_lines_only_when_told_to)
{
    log_capture();
    log_line(LOG_LEVEL_DEBUG, "unasked");
    log_open(false, 0, true);
    log_line(LOG_LEVEL_DEBUG, "asked");
    log_open(false, 0, false);
    log_line(LOG_LEVEL_DEBUG, "no more");
    EXPECT_STR("[DEBUG] asked\n", log_captured());
}

/* As UCARP does: YYYY-MM-DDTHH:MM:SS.uuuuuu. */
TEST_CASE(log, stamps_each_line_with_local_time_to_the_microsecond)
{
    char *zone = getenv("TZ");
    struct tm local = {.tm_isdst = -1};
    int size = 0;
    time_t before = time(NULL);
    zone = zone == NULL ? NULL : strdup(zone);
    setenv("TZ", "XYZ-5:30", 1); /* far from UTC */
    tzset();
    log_capture();
    log_line(LOG_LEVEL_INFO, "now");
    const char *line = log_captured_raw();
    time_t after = time(NULL);
    bool parsed = strptime(line, "%Y-%m-%dT%H:%M:%S", &local) != NULL;
    time_t stamped = mktime(&local);
    if (zone == NULL) {
        unsetenv("TZ");
    } else {
        setenv("TZ", zone, 1);
    }
    tzset();
    free(zone);
    for (const char *form = "dddd-dd-ddTdd:dd:dd.dddddd: [INFO] now\n", *at = line;
         *form != '\0' || *at != '\0'; form++, at++) {
        ASSERT_TRUE(*form == 'd' ? *at >= '0' && *at <= '9' : *at == *form);
        size++;
    }
    EXPECT_INT(STAMP_SIZE + (int)strlen("[INFO] now\n"), size);
    EXPECT_TRUE(parsed && stamped >= before - 1 && stamped <= after + 1);
}

TEST_CASE(log, cuts_a_line_that_is_too_long_and_still_ends_it)
{
    char *longer = calloc(1, 3001);
    ASSERT_TRUE(longer != NULL);
    memset(longer, 'x', 3000);
    log_capture();
    log_line(LOG_LEVEL_INFO, "%s", longer);
    log_line(LOG_LEVEL_INFO, "next");
    const char *lines = log_captured();
    size_t size = strcspn(lines, "\n");
    EXPECT_TRUE(size >= 900 && size <= 1000 + strlen("[INFO] "));
    EXPECT_STR("\n[INFO] next\n", lines + size);
    free(longer);
}

/* `carpd 2>&1 | head`: the reader goes away, and the daemon must not go with it (SIGPIPE). */
TEST_CASE(log, is_no_reason_to_stop_when_nobody_reads_it)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        int ends[2];
        log_open(false, 0, false);
        if (pipe(ends) != 0 || dup2(ends[1], STDERR_FILENO) < 0) {
            _exit(2);
        }
        close(ends[0]);
        log_line(LOG_LEVEL_ERROR, "into the void");
        close(STDERR_FILENO);
        log_line(LOG_LEVEL_ERROR, "and without a descriptor");
        _exit(0);
    }
    int status = 0;
    EXPECT_INT(child, waitpid(child, &status, 0));
    EXPECT_INT(0, status);
}

/* --- floods ---------------------------------------------------------------------------------- */

/* An instant as the live clock may have it, and so much later. */
static carp_instant after_ns(uint64_t ns)
{
    return (carp_instant){UINT64_C(86400000000000) + ns};
}

TEST_CASE(log, allows_three_lines_of_a_cause_in_ten_seconds)
{
    static const struct {
        const char *why;
        uint64_t ns;
        bool want;
    } rows[] = {
        {"the first", 0, true},
        {"the second", 1000, true},
        {"the third", UINT64_C(5000000000), true},
        {"one too many", UINT64_C(5000000001), false},
        {"and another", UINT64_C(6000000000), false},
        {"just before ten seconds", UINT64_C(9999999999), false},
        {"ten seconds after the first", UINT64_C(10000000000), true},
        {"counted from there", UINT64_C(10000000001), true},
        {"the third again", UINT64_C(19999999998), true},
        {"one too many again", UINT64_C(19999999999), false},
    };
    struct log_limit limit = {0};
    log_capture();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tk_row(rows[i].why);
        EXPECT_INT(rows[i].want, log_allow(&limit, after_ns(rows[i].ns)));
    }
    tk_row(NULL);
    EXPECT_STR("[NOTICE] 3 more lines like the next one were left out\n", log_captured());
    EXPECT_INT(1, limit.suppressed);
}

TEST_CASE(log, allows_twenty_lines_of_a_change)
{
    struct log_limit limit = {0};
    log_capture();
    for (unsigned i = 0; i < 25; i++) {
        EXPECT_INT(i < 20, log_allow_change(&limit, after_ns(i)));
    }
    EXPECT_TRUE(log_allow_change(&limit, after_ns(UINT64_C(10000000000))));
    EXPECT_STR("[NOTICE] 5 more lines like the next one were left out\n", log_captured());
}

TEST_CASE(log, says_how_many_lines_were_left_out_only_when_some_were)
{
    struct log_limit quiet = {0}, loud = {0};
    log_capture();
    for (unsigned i = 0; i < 1000; i++) {
        log_allow(&loud, after_ns(i));
    }
    for (unsigned i = 0; i < 5; i++) { /* another cause is not limited by this one */
        EXPECT_TRUE(log_allow(&quiet, after_ns(i * UINT64_C(4000000000))));
    }
    EXPECT_TRUE(log_allow(&loud, after_ns(UINT64_C(3600000000000))));
    EXPECT_TRUE(log_allow(&loud, after_ns(UINT64_C(7200000000000))));
    EXPECT_STR("[NOTICE] 997 more lines like the next one were left out\n", log_captured());
}
