/*
 * mutant_seeds FIRST COUNT SCENARIO...: run the scenarios in turn, with the seeds FIRST, FIRST + 1,
 * ..., until an oracle speaks or COUNT runs are over. What a scenario expects beside the oracles
 * does not count. Each run is a line, then comes the verdict: `killed ORACLE` or `survived`. Who
 * dies without one died in the run of its last line; by SIGALRM, it did not end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/memory.h"
#include "sim/run.h"
#include "tools/carplab/scenario_file.h"

/* A run takes some milliseconds. */
enum { RUN_SECONDS_MAX = 20 };

/* What the first oracle said that spoke; false: none did. */
static bool one_run(const struct scenario *s, uint64_t seed, char text[RUN_TEXT_MAX])
{
    static struct run r;
    const struct run_options options = {.seed = seed};
    bool spoke = false;
    if (run_make(&r, s, &options) != 0) {
        abort();
    }
    run_go(&r);
    for (size_t i = 0; i < r.failure_count && !spoke; i++) {
        spoke = r.failures[i].line == 0;
        if (spoke) {
            snprintf(text, RUN_TEXT_MAX, "%s", r.failures[i].text);
        }
    }
    run_free(&r);
    return spoke;
}

int main(int argc, char **argv)
{
    uint64_t first, count;
    char text[SCENARIO_ERROR_MAX + RUN_TEXT_MAX]; /* of either */
    if (argc < 4 || !option_number("FIRST", argv[1], 0, UINT64_MAX / 4, &first) ||
        !option_number("COUNT", argv[2], 1, 100000000, &count)) {
        fputs("mutant_seeds FIRST COUNT SCENARIO... is right\n", stderr);
        return 2;
    }
    size_t scenarios = (size_t)argc - 3;
    struct scenario *s = memory_make(scenarios, sizeof *s);
    for (size_t i = 0; i < scenarios; i++) {
        if (!scenario_file_read(argv[i + 3], &s[i], text)) {
            fprintf(stderr, "%s\n", text);
            return 2;
        }
    }
    setvbuf(stdout, NULL, _IONBF, 0);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t seed = first + i / scenarios;
        printf("%llu %s %llu\n", (unsigned long long)i + 1, argv[i % scenarios + 3],
               (unsigned long long)seed);
        alarm(RUN_SECONDS_MAX);
        if (one_run(&s[i % scenarios], seed, text)) {
            printf("killed %s\n", text);
            return 1;
        }
    }
    puts("survived");
    for (size_t i = 0; i < scenarios; i++) {
        scenario_free(&s[i]);
    }
    free(s);
    return 0;
}
