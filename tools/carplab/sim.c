/*
 * carplab sim: one run of one scenario, and what happened in it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/run.h"
#include "sim/trace_text.h"
#include "tools/carplab/carplab.h"
#include "tools/carplab/scenario_file.h"

struct sim {
    const char *path;
    bool has_seed, trace, plain, hash;
    uint64_t seed;
    struct run run;
};

static void on_story(void *self, carp_instant at, const struct node *node, unsigned group,
                     const char *line)
{
    (void)self, (void)at, (void)group;
    printf("%s  %s\n", node->name, line);
}

static void on_trace(void *self, const struct trace_event *event)
{
    const struct sim *sim = self;
    char line[TRACE_LINE_MAX];
    trace_text(&sim->run.world, event, line, sizeof line);
    puts(line);
}

static bool read_arguments(struct sim *sim, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--seed") == 0) {
            sim->has_seed = true;
            if (!option_number("--seed", next, 0, UINT64_MAX / 4, &sim->seed)) {
                return false;
            }
            i += 1;
        } else if (strcmp(argv[i], "--trace") == 0) {
            sim->trace = true;
        } else if (strcmp(argv[i], "--plain") == 0) {
            sim->plain = true;
        } else if (strcmp(argv[i], "--hash") == 0) {
            sim->hash = true;
        } else if (argv[i][0] == '-' || sim->path != NULL) {
            fprintf(stderr, "carplab: sim: %s is unknown\n", argv[i]);
            return false;
        } else {
            sim->path = argv[i];
        }
    }
    if (sim->path == NULL) {
        fputs("carplab: sim: no scenario; carplab sim FILE.scn is right\n", stderr);
        return false;
    }
    return true;
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
    struct run_options options = {
        .seed = sim.has_seed ? sim.seed : s.seed,
        .plain = sim.plain,
        .watcher = {.self = &sim, .trace = sim.trace ? on_trace : NULL},
    };
    if (!sim.trace && !sim.hash) {
        options.watcher.tap.story = on_story;
    }
    int status = run_make(&sim.run, &s, &options);
    if (status != 0) {
        fprintf(stderr, "carplab: %s\n", strerror(-status));
        scenario_free(&s);
        return 2;
    }
    bool good = run_go(&sim.run);
    for (size_t i = 0; i < sim.run.world.oracle->violation_count; i++) {
        puts(sim.run.world.oracle->violations[i].text);
    }
    for (size_t i = 0; i < sim.run.failure_count; i++) {
        printf("%s:%u: %s\n", sim.path, sim.run.failures[i].line, sim.run.failures[i].text);
    }
    printf("hash %016llx%016llx, %llu events\n", (unsigned long long)sim.run.world.trace.hash[0],
           (unsigned long long)sim.run.world.trace.hash[1], (unsigned long long)sim.run.events);
    run_free(&sim.run);
    scenario_free(&s);
    return good ? 0 : 1;
}
