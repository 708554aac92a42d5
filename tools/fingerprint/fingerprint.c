/*
 * The trace hashes of scenarios, one run each with the scenario's own seed: to be compared between
 * builds of the simulator by other compilers, optimisers and machines (tools/check/determinism.sh).
 *
 *     fingerprint SCENARIO...            "HASH  SCENARIO" a line
 *     fingerprint --trace SCENARIO       every event a line: where two builds part
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/run.h"
#include "sim/trace_text.h"

static struct run run;

static void on_trace(void *self, const struct trace_event *event)
{
    char line[TRACE_LINE_MAX];
    (void)self;
    trace_text(&run.world, event, line, sizeof line);
    puts(line);
}

static char *text_of(const char *path)
{
    char *text = calloc(1, SCENARIO_TEXT_MAX + 1);
    FILE *file = fopen(path, "rb");
    size_t size = text == NULL || file == NULL ? 0 : fread(text, 1, SCENARIO_TEXT_MAX, file);
    if (file != NULL) {
        fclose(file);
    }
    if (size == 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* Those that need YAML are named and left out: this program is built without. */
static int print_hash(const char *path, bool trace)
{
    const struct scenario_loader none = {NULL, NULL};
    struct scenario s;
    char error[SCENARIO_ERROR_MAX];
    char *text = text_of(path);
    if (text == NULL) {
        fprintf(stderr, "fingerprint: %s cannot be read\n", path);
        return 2;
    }
    bool read = scenario_read(&s, path, text, &none, error);
    free(text);
    if (!read) {
        bool yaml = strstr(error, "without YAML") != NULL;
        fprintf(stderr, "%s%s\n", error, yaml ? " (left out)" : "");
        return yaml ? 0 : 2;
    }
    const struct run_options options = {.seed = s.seed};
    if (run_make(&run, &s, &options) != 0) {
        fprintf(stderr, "fingerprint: no crypto\n");
        return 2;
    }
    run.world.trace.sink = trace ? on_trace : NULL;
    run_go(&run);
    if (!trace) {
        printf("%016llx%016llx  %s\n", (unsigned long long)run.world.trace.hash[0],
               (unsigned long long)run.world.trace.hash[1], path);
    }
    run_free(&run);
    scenario_free(&s);
    return 0;
}

int main(int argc, char **argv)
{
    bool trace = argc > 1 && strcmp(argv[1], "--trace") == 0;
    for (int i = trace ? 2 : 1; i < argc; i++) {
        int status = print_hash(argv[i], trace);
        if (status != 0) {
            return status;
        }
    }
    return argc > 1 ? 0 : 2;
}
