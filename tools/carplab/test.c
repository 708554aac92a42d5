/*
 * carplab test: scenarios as regression tests. All are read before any is run; each runs in a
 * process of its own, several at a time.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim/memory.h"
#include "sim/run.h"
#include "tools/carplab/carplab.h"
#include "tools/carplab/scenario_file.h"

enum { JOBS_MAX = 256, SHOWN_MAX = 8, REPORT_MAX = 16384 };

/* What a worker writes into its pipe: this, then `size` bytes of text. */
struct report {
    bool failed;
    uint32_t size;
    uint64_t hash[2];
    uint64_t runs, events;
    double seconds;
};

struct job {
    char *path; /* owned */
    struct report report;
    char *text; /* owned: failures, a line each */
    pid_t pid;
    int pipe;
    bool done;
};

struct test {
    struct job *jobs;
    size_t count, room;
    bool has_seed;
    uint64_t seed;
    uint64_t at_once;
    const char *junit;
    bool hashes, plain;
};

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* --- which --------------------------------------------------------------------------------------
 */

static void add_job(struct test *t, const char *path)
{
    if (t->count == t->room) {
        t->jobs = memory_grow(t->jobs, &t->room, 16, sizeof *t->jobs);
    }
    struct job *job = &t->jobs[t->count++];
    size_t size = strlen(path) + 1;
    job->path = memory_make(size, 1);
    memcpy(job->path, path, size);
    job->pipe = -1;
}

static int is_scenario(const struct dirent *entry)
{
    size_t size = strlen(entry->d_name);
    return size > 4 && strcmp(entry->d_name + size - 4, ".scn") == 0;
}

static bool add_folder(struct test *t, const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_scenario, alphasort);
    if (count <= 0) {
        fprintf(stderr, "carplab: %s: %s\n", folder,
                count < 0 ? strerror(errno) : "no *.scn in this folder");
        return false;
    }
    for (int i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        add_job(t, path);
        free(entries[i]);
    }
    free(entries);
    return true;
}

static bool add_path(struct test *t, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        fprintf(stderr, "carplab: %s: %s\n", path, strerror(errno));
        return false;
    }
    if (S_ISDIR(st.st_mode)) {
        return add_folder(t, path);
    }
    add_job(t, path);
    return true;
}

/* --- one scenario --------------------------------------------------------------------------------
 */

struct text {
    char bytes[REPORT_MAX];
    size_t size;
};

static void say(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size =
        vsnprintf(text->bytes + text->size, sizeof text->bytes - text->size, format, arguments);
    va_end(arguments);
    text->size += (size_t)size;
    if (text->size >= sizeof text->bytes) {
        text->size = sizeof text->bytes - 1;
    }
}

static void tell_failures(struct text *text, const struct run *r, const char *path, uint64_t seed)
{
    for (size_t i = 0; i < r->failure_count && i < SHOWN_MAX; i++) {
        const struct run_failure *failure = &r->failures[i];
        if (failure->line > 0) {
            say(text, "%s:%u: %s (seed %llu)\n", path, failure->line, failure->text,
                (unsigned long long)seed);
        } else {
            say(text, "%s: %s (seed %llu)\n", path, failure->text, (unsigned long long)seed);
        }
    }
}

static bool one_run(const struct test *t, const struct scenario *s, const char *path, uint64_t seed,
                    struct report *report, struct text *text, bool *sometimes)
{
    static struct run r;
    const struct run_options options = {.seed = seed, .plain = t->plain};
    int error = run_make(&r, s, &options);
    if (error != 0) {
        say(text, "%s: %s\n", path, strerror(-error));
        return false;
    }
    bool good = run_go(&r);
    if (!good) {
        tell_failures(text, &r, path, seed);
    }
    for (size_t i = 0; i < s->expectation_count; i++) {
        sometimes[i] |= r.sometimes[i];
    }
    report->hash[0] = decide_mix(report->hash[0], r.world.trace.hash[0]);
    report->hash[1] = decide_mix(report->hash[1], r.world.trace.hash[1]);
    report->runs += 1;
    report->events += r.events;
    run_free(&r);
    return good;
}

static void run_scenario(const struct test *t, const char *path, struct report *report,
                         struct text *text)
{
    struct scenario s;
    char error[SCENARIO_ERROR_MAX], never[RUN_TEXT_MAX];
    double began = seconds_now();
    if (!scenario_file_read(path, &s, error)) {
        say(text, "%s\n", error);
        report->failed = true;
        return;
    }
    bool *sometimes = memory_make(s.expectation_count, sizeof *sometimes);
    uint64_t seed = t->has_seed ? t->seed : s.seed;
    for (unsigned i = 0; i < s.runs; i++) {
        report->failed |= !one_run(t, &s, path, seed + i, report, text, sometimes);
    }
    for (size_t i = 0; i < s.expectation_count; i++) {
        const struct expectation *e = &s.expectations[i];
        if (e->kind == EXPECT_SOMETIMES && !sometimes[i]) {
            say(text, "%s:%u: %s\n", path, e->line, run_sometimes_text(&s, e, never));
            report->failed = true;
        }
    }
    free(sometimes);
    scenario_free(&s);
    report->seconds = seconds_now() - began;
}

/* --- many, side by side
 * --------------------------------------------------------------------------- */

static bool write_all(int fd, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t wrote = write(fd, at, size);
        if (wrote <= 0) {
            return false;
        }
        at += wrote;
        size -= (size_t)wrote;
    }
    return true;
}

static bool read_all(int fd, void *bytes, size_t size)
{
    char *at = bytes;
    while (size > 0) {
        ssize_t got = read(fd, at, size);
        if (got <= 0) {
            return false;
        }
        at += got;
        size -= (size_t)got;
    }
    return true;
}

static bool start_job(const struct test *t, struct job *job)
{
    int ends[2];
    if (pipe(ends) != 0) {
        return false;
    }
    job->pid = fork();
    if (job->pid == 0) {
        static struct text text;
        struct report report = {.failed = false};
        close(ends[0]);
        run_scenario(t, job->path, &report, &text);
        report.size = (uint32_t)text.size;
        bool told =
            write_all(ends[1], &report, sizeof report) && write_all(ends[1], text.bytes, text.size);
        _exit(told ? 0 : 1);
    }
    close(ends[1]);
    job->pipe = ends[0];
    return job->pid > 0;
}

static void finish_job(struct job *job)
{
    int status;
    bool got = read_all(job->pipe, &job->report, sizeof job->report);
    uint32_t size = got ? job->report.size : 0;
    job->text = memory_make(size + 1, 1);
    got = got && read_all(job->pipe, job->text, size);
    close(job->pipe);
    job->pipe = -1;
    job->done = true;
    while (waitpid(job->pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!got) {
        free(job->text);
        job->text = memory_make(strlen(job->path) + 64, 1);
        sprintf(job->text, "%s: the process that ran it died (status %d)\n", job->path, status);
        job->report.failed = true;
    }
}

static void show(const struct test *t, const struct job *job)
{
    if (t->hashes) {
        printf("%016llx%016llx  %s\n", (unsigned long long)job->report.hash[0],
               (unsigned long long)job->report.hash[1], job->path);
    } else {
        printf("%s  %s  (%llu run%s, %.3f s)\n", job->report.failed ? "FAILED" : "ok    ",
               job->path, (unsigned long long)job->report.runs, job->report.runs == 1 ? "" : "s",
               job->report.seconds);
    }
    fputs(job->text, stdout);
    fflush(stdout);
}

/* Results are shown in the order of the scenarios, whatever order they come in. */
static bool run_all(struct test *t)
{
    size_t started = 0, shown = 0, running = 0;
    while (shown < t->count) {
        while (running < t->at_once && started < t->count) {
            if (!start_job(t, &t->jobs[started++])) {
                fprintf(stderr, "carplab: cannot start a process: %s\n", strerror(errno));
                return false;
            }
            running += 1;
        }
        struct pollfd polls[JOBS_MAX];
        struct job *which[JOBS_MAX];
        nfds_t count = 0;
        for (size_t i = shown; i < started; i++) {
            if (t->jobs[i].pipe >= 0) {
                which[count] = &t->jobs[i];
                polls[count++] = (struct pollfd){.fd = t->jobs[i].pipe, .events = POLLIN};
            }
        }
        if (poll(polls, count, -1) < 0 && errno != EINTR) {
            return false;
        }
        for (nfds_t i = 0; i < count; i++) {
            if (polls[i].revents != 0) {
                finish_job(which[i]);
                running -= 1;
            }
        }
        while (shown < t->count && t->jobs[shown].done) {
            show(t, &t->jobs[shown++]);
        }
    }
    return true;
}

/* --- JUnit
 * ---------------------------------------------------------------------------------------- */

static void put_xml(FILE *file, const char *text)
{
    for (; *text != '\0'; text++) {
        const char *name = *text == '<'    ? "&lt;"
                           : *text == '>'  ? "&gt;"
                           : *text == '&'  ? "&amp;"
                           : *text == '"'  ? "&quot;"
                           : *text == '\n' ? "&#10;"
                                           : NULL;
        if (name != NULL) {
            fputs(name, file);
        } else {
            fputc(*text, file);
        }
    }
}

static bool write_junit(const struct test *t, size_t failed)
{
    FILE *file = fopen(t->junit, "w");
    double seconds = 0;
    if (file == NULL) {
        fprintf(stderr, "carplab: %s: %s\n", t->junit, strerror(errno));
        return false;
    }
    for (size_t i = 0; i < t->count; i++) {
        seconds += t->jobs[i].report.seconds;
    }
    fprintf(file,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<testsuite name=\"carplab\" tests=\"%zu\" failures=\"%zu\" time=\"%.3f\">\n",
            t->count, failed, seconds);
    for (size_t i = 0; i < t->count; i++) {
        const struct job *job = &t->jobs[i];
        fputs("  <testcase classname=\"scenario\" name=\"", file);
        put_xml(file, job->path);
        fprintf(file, "\" time=\"%.3f\"", job->report.seconds);
        if (job->report.failed) {
            fputs(">\n    <failure message=\"", file);
            put_xml(file, job->text);
            fputs("\"/>\n  </testcase>\n", file);
        } else {
            fputs("/>\n", file);
        }
    }
    fputs("</testsuite>\n", file);
    bool good = fclose(file) == 0;
    if (!good) {
        fprintf(stderr, "carplab: %s: %s\n", t->junit, strerror(errno));
    }
    return good;
}

/* --- the command
 * ---------------------------------------------------------------------------------- */

static bool read_arguments(struct test *t, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--seed") == 0) {
            t->has_seed = true;
            if (!option_number("--seed", next, 0, UINT64_MAX / 4, &t->seed)) {
                return false;
            }
            i += 1;
        } else if (strcmp(argv[i], "--jobs") == 0) {
            if (!option_number("--jobs", next, 1, JOBS_MAX, &t->at_once)) {
                return false;
            }
            i += 1;
        } else if (strcmp(argv[i], "--junit") == 0) {
            if (next == NULL) {
                fputs("carplab: --junit: a file is right\n", stderr);
                return false;
            }
            t->junit = next;
            i += 1;
        } else if (strcmp(argv[i], "--hashes") == 0) {
            t->hashes = true;
        } else if (strcmp(argv[i], "--plain") == 0) {
            t->plain = true;
        } else if (argv[i][0] == '-') {
            fprintf(stderr,
                    "carplab: test: unknown option %s; --seed, --jobs, --junit, --hashes "
                    "and --plain are right\n",
                    argv[i]);
            return false;
        } else if (!add_path(t, argv[i])) {
            return false;
        }
    }
    if (t->count == 0) {
        fputs("carplab: test: no scenario; carplab test FILE.scn or FOLDER is right\n", stderr);
        return false;
    }
    return true;
}

/* Nothing is run when one cannot be read. */
static bool read_all_scenarios(const struct test *t)
{
    for (size_t i = 0; i < t->count; i++) {
        struct scenario s;
        char error[SCENARIO_ERROR_MAX];
        if (!scenario_file_read(t->jobs[i].path, &s, error)) {
            fprintf(stderr, "%s\n", error);
            return false;
        }
        scenario_free(&s);
    }
    return true;
}

static void free_test(struct test *t)
{
    for (size_t i = 0; i < t->count; i++) {
        free(t->jobs[i].path);
        free(t->jobs[i].text);
    }
    free(t->jobs);
}

int command_test(int argc, char **argv)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct test t = {.at_once = processors > 0 && processors < JOBS_MAX ? (uint64_t)processors : 1};
    int status = 2;
    if (read_arguments(&t, argc, argv) && read_all_scenarios(&t) && run_all(&t)) {
        size_t failed = 0;
        for (size_t i = 0; i < t.count; i++) {
            failed += t.jobs[i].report.failed;
        }
        if (!t.hashes) {
            printf("%zu passed, %zu failed\n", t.count - failed, failed);
        }
        status = failed > 0 ? 1 : 0;
        if (t.junit != NULL && !write_junit(&t, failed)) {
            status = 2;
        }
    }
    free_test(&t);
    return status;
}
