/*
 * carplab sim: one run of one scenario, and what happened in it.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/memory.h"
#include "sim/record.h"
#include "sim/run.h"
#include "tools/carplab/carplab.h"
#include "tools/carplab/scenario_file.h"
#include "tools/carplab/sim_page.h"

struct sim {
    const char *path;
    bool has_seed, trace, plain, hash;
    uint64_t seed;
    const char *json, *pcap, *html, *tape, *write_tape;
    const char *journals; /* a directory */
    char *text;           /* owned: the scenario's */
    FILE *files[3];       /* of json, pcap and html */
    FILE **journal_files; /* owned: by node */
    struct tape replay, record_tape;
    struct run run;
    struct record record;
    struct sim_page page; /* when there is html */
};

/* --- what is written -----------------------------------------------------------------------------
 */

/* A statement as it stands in the scenario, without its `at WHEN` and its comment. */
static void on_statement(void *self, carp_instant at, unsigned line, bool ends,
                         const char *campaign)
{
    struct sim *sim = self;
    const char *from = sim->text;
    char text[160];
    for (unsigned i = 1; i < line && from != NULL; i++) {
        from = strchr(from, '\n');
        from = from == NULL ? NULL : from + 1;
    }
    snprintf(text, sizeof text, "%s%s", ends ? "over: " : "", campaign == NULL ? "" : campaign);
    if (line > 0 && from != NULL) {
        from += strspn(from, " \t");
        from += strcspn(from, " \t\n"); /* at */
        from += strspn(from, " \t");
        from += strcspn(from, " \t\n"); /* when */
        from += strspn(from, " \t");
        size_t size = strcspn(from, "#\r\n");
        while (size > 0 && (from[size - 1] == ' ' || from[size - 1] == '\t')) {
            size--;
        }
        snprintf(text, sizeof text, "%s%.*s", ends ? "over: " : "", (int)size, from);
    }
    record_statement(&sim->record, at, line, text);
    if (sim->html != NULL) {
        sim_page_statement(&sim->page, at, line, text);
    }
}

static void on_violation(void *self, const struct violation *violation)
{
    struct sim *sim = self;
    record_violation(&sim->record, violation);
    if (sim->html != NULL) {
        sim_page_violation(&sim->page, violation);
    }
}

static bool open_file(const char *path, FILE **file)
{
    if (path != NULL && (*file = fopen(path, "wb")) == NULL) {
        fprintf(stderr, "carplab: %s: %s\n", path, strerror(errno));
        return false;
    }
    return true;
}

/* A file that could not be written whole is no result. */
static bool close_file(const char *path, FILE *file)
{
    if (file != NULL && fclose(file) != 0) {
        fprintf(stderr, "carplab: %s: %s\n", path, strerror(errno));
        return false;
    }
    return true;
}

/* One for each node that runs carpd. */
static bool open_journals(struct sim *sim)
{
    const struct world *w = &sim->run.world;
    bool opened = true;
    if (sim->journals == NULL) {
        return true;
    }
    sim->journal_files = memory_make(w->node_count, sizeof *sim->journal_files);
    for (size_t i = 0; i < w->node_count && opened; i++) {
        char path[PATH_MAX];
        if (w->nodes[i].kind == NODE_DAEMON) {
            snprintf(path, sizeof path, "%s/%s.pcapng", sim->journals, w->nodes[i].name);
            opened = open_file(path, &sim->journal_files[i]);
        }
    }
    return opened;
}

static bool close_journals(struct sim *sim)
{
    bool whole = true;
    for (size_t i = 0; sim->journal_files != NULL && i < sim->run.world.node_count; i++) {
        whole = close_file(sim->journals, sim->journal_files[i]) && whole;
    }
    free(sim->journal_files);
    return whole;
}

static bool write_tape(const struct sim *sim)
{
    FILE *file = NULL;
    char *text;
    if (sim->write_tape == NULL) {
        return true;
    }
    if (!open_file(sim->write_tape, &file)) {
        return false;
    }
    text = tape_write(&sim->record_tape);
    bool wrote = text != NULL && fputs(text, file) >= 0;
    free(text);
    return close_file(sim->write_tape, file) && wrote;
}

/* --- the command
 * ---------------------------------------------------------------------------------- */

static bool read_arguments(struct sim *sim, int argc, char **argv)
{
    const struct {
        const char *name;
        const char **value;
    } files[] = {{"--json", &sim->json},        {"--pcap", &sim->pcap},
                 {"--journal", &sim->journals}, {"--html", &sim->html},
                 {"--tape", &sim->tape},        {"--write-tape", &sim->write_tape}};
    const struct {
        const char *name;
        bool *value;
    } flags[] = {{"--trace", &sim->trace}, {"--plain", &sim->plain}, {"--hash", &sim->hash}};
    for (int i = 1; i < argc; i++) {
        bool known = false;
        for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
            if (strcmp(argv[i], files[f].name) == 0) {
                if (i + 1 == argc) {
                    fprintf(stderr, "carplab: sim: %s needs a file\n", argv[i]);
                    return false;
                }
                *files[f].value = argv[++i];
                known = true;
                break;
            }
        }
        for (size_t f = 0; !known && f < sizeof flags / sizeof *flags; f++) {
            if (strcmp(argv[i], flags[f].name) == 0) {
                *flags[f].value = known = true;
            }
        }
        if (!known && strcmp(argv[i], "--seed") == 0) {
            sim->has_seed = known = true;
            if (!option_number("--seed", i + 1 < argc ? argv[i + 1] : NULL, 0, UINT64_MAX / 4,
                               &sim->seed)) {
                return false;
            }
            i += 1;
        }
        if (!known && (argv[i][0] == '-' || sim->path != NULL)) {
            fprintf(stderr,
                    "carplab: sim: %s is one too many or unknown; SCENARIO --seed N --trace "
                    "--json F --pcap F --journal DIR --html F --tape F --write-tape F --hash "
                    "--plain are right\n",
                    argv[i]);
            return false;
        }
        sim->path = known ? sim->path : argv[i];
    }
    if (sim->path == NULL) {
        fputs("carplab: sim: no scenario; carplab sim FILE.scn is right\n", stderr);
        return false;
    }
    return true;
}

static bool read_tape(struct sim *sim)
{
    char error[SCENARIO_ERROR_MAX];
    if (sim->tape == NULL) {
        return true;
    }
    char *text = file_text(sim->tape, SCENARIO_TEXT_MAX * 64, error);
    size_t line = text == NULL ? 0 : tape_read(&sim->replay, text);
    if (text == NULL) {
        fprintf(stderr, "carplab: %s\n", error);
    } else if (line != 0) {
        fprintf(stderr, "%s:%zu:1: a choice is five numbers: what who which choices value\n",
                sim->tape, line);
    }
    free(text);
    return text != NULL && line == 0;
}

static void tell_result(const struct sim *sim)
{
    const struct run *r = &sim->run;
    for (size_t i = 0; i < r->failure_count; i++) {
        const struct run_failure *failure = &r->failures[i];
        if (failure->line > 0) {
            printf("%s:%u: %s\n", sim->path, failure->line, failure->text);
        } else {
            printf("%s: %s\n", sim->path, failure->text);
        }
    }
    printf("%s: hash %016llx%016llx, %llu events\n", r->failure_count == 0 ? "ok" : "FAILED",
           (unsigned long long)r->world.trace.hash[0], (unsigned long long)r->world.trace.hash[1],
           (unsigned long long)r->events);
}

static void begin_page(struct sim *sim, const struct scenario *s, uint64_t seed)
{
    char source[256];
    const char *name = strrchr(sim->path, '/');
    snprintf(source, sizeof source, "carplab sim %s --seed %" PRIu64, sim->path, seed);
    sim_page_begin(&sim->page, &sim->run.world, sim->files[2], name != NULL ? name + 1 : sim->path,
                   source, (carp_instant){s->horizon.ns});
}

static int simulate(struct sim *sim, const struct scenario *s)
{
    const struct run_options options = {
        .seed = sim->has_seed ? sim->seed : s->seed,
        .plain = sim->plain,
        .record = sim->write_tape != NULL ? &sim->record_tape : NULL,
        .replay = sim->tape != NULL ? &sim->replay : NULL,
        .watcher = {sim, on_statement, on_violation},
    };
    int error = run_make(&sim->run, s, &options);
    if (error != 0) {
        fprintf(stderr, "carplab: %s\n", strerror(-error));
        return 2;
    }
    if (!open_journals(sim)) {
        close_journals(sim);
        run_free(&sim->run);
        return 2;
    }
    const struct record_to to = {
        .text = sim->trace || sim->hash ? NULL : stdout,
        .trace = sim->trace ? stdout : NULL,
        .json = sim->files[0],
        .pcap = sim->files[1],
        .journals = sim->journal_files,
    };
    record_begin(&sim->record, &sim->run.world, &to);
    if (sim->html != NULL) {
        begin_page(sim, s, options.seed);
    }
    bool good = run_go(&sim->run);
    int page_error = sim->html != NULL ? sim_page_end(&sim->page) : 0;
    error = record_end(&sim->record);
    error = error != 0 ? error : page_error;
    if (error != 0) {
        fprintf(stderr, "carplab: what was written is incomplete: %s\n", strerror(-error));
    }
    if (sim->hash) {
        printf("%016llx%016llx\n", (unsigned long long)sim->run.world.trace.hash[0],
               (unsigned long long)sim->run.world.trace.hash[1]);
    } else {
        tell_result(sim);
    }
    bool whole = close_journals(sim);
    run_free(&sim->run);
    return error != 0 || !whole ? 2 : good ? 0 : 1;
}

int command_sim(int argc, char **argv)
{
    static struct sim sim;
    struct scenario s;
    char error[SCENARIO_ERROR_MAX];
    if (!read_arguments(&sim, argc, argv)) {
        return 2;
    }
    if (!scenario_file_read(sim.path, &s, error)) {
        fprintf(stderr, "%s\n", error);
        return 2;
    }
    sim.text = file_text(sim.path, SCENARIO_TEXT_MAX, error);
    int status = 2;
    if (sim.text == NULL) {
        fprintf(stderr, "carplab: %s\n", error);
    } else if (read_tape(&sim) && open_file(sim.json, &sim.files[0]) &&
               open_file(sim.pcap, &sim.files[1]) && open_file(sim.html, &sim.files[2])) {
        status = simulate(&sim, &s);
    }
    bool whole = close_file(sim.json, sim.files[0]);
    whole = close_file(sim.pcap, sim.files[1]) && whole;
    whole = close_file(sim.html, sim.files[2]) && whole;
    whole = write_tape(&sim) && whole;
    free(sim.text);
    tape_free(&sim.replay);
    tape_free(&sim.record_tape);
    scenario_free(&s);
    return whole ? status : 2;
}
