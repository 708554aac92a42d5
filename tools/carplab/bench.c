#include "tools/carplab/bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tools/carplab/carplab.h"

void say(const struct bench *b, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (!b->quiet) {
        vprintf(format, arguments);
        fflush(stdout);
    }
    va_end(arguments);
}

void complain(struct bench *b, const char *format, ...)
{
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    fprintf(stderr, "carplab: bench: %s\n", line);
    json_array_append_new(b->mistakes, json_string(line));
    b->failed = true;
}

void aim(struct bench *b, const char *name, double measured, double target, bool below,
         const char *unit)
{
    bool met = below ? measured < target : measured >= target;
    json_array_append_new(b->targets,
                          json_pack("{s:s, s:s, s:s, s:f, s:f, s:b}", "name", name, "unit", unit,
                                    "wanted", below ? "below" : "at least", "target", target,
                                    "measured", measured, "met", met));
    say(b, "  target %s: %s %g %s, measured %.4g: %s\n", name, below ? "below" : "at least", target,
        unit, measured, met ? "met" : "MISSED");
}

struct memory_text memory_text(bool known, double amount, int decimals)
{
    struct memory_text t = {"unknown"};
    if (known) {
        snprintf(t.text, sizeof t.text, "%.*f", decimals, amount);
    }
    return t;
}

json_t *memory_json(bool known, double amount)
{
    return known ? json_real(amount) : json_null();
}

/* --- sizes ------------------------------------------------------------------------------------ */

void say_lan_head(const struct bench *b)
{
    say(b, "  %6s %6s %12s %11s %11s %10s %10s %9s\n", "nodes", "groups", "deliveries/s",
        "ns/delivery", "x real time", "start, s", "peak, MiB", "B/group");
}

/* What a world took, by the number of groups of all nodes: the rest of the program is little. */
static double bytes_per_group(const struct lan_shape *shape, const struct lan_figures *f)
{
    return (double)(f->peak_bytes - f->empty_bytes) / ((double)shape->nodes * shape->groups);
}

json_t *tell_lan(struct bench *b, const struct lan_shape *shape, const struct lan_figures *f)
{
    if (f->wrong[0] != '\0') {
        complain(b, "%u nodes, %u groups: %s", shape->nodes, shape->groups, f->wrong);
        return json_pack("{s:i, s:i, s:s}", "nodes", shape->nodes, "groups", shape->groups, "wrong",
                         f->wrong);
    }
    bool known = f->peak_bytes > 0;
    double bytes = bytes_per_group(shape, f);
    say(b, "  %6u %6u %11.2fM %11.1f %11.1f %10.2f %10s %9s\n", shape->nodes, shape->groups,
        deliveries_per_second(f) / 1e6, ns_per_delivery(f), f->seconds / f->round_s, f->start_s,
        memory_text(known, (double)f->peak_bytes / MIB, 1).text, memory_text(known, bytes, 0).text);
    return json_pack(
        "{s:i, s:i, s:i, s:i, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:o, s:o}", "nodes", shape->nodes,
        "groups", shape->groups, "simulated_seconds", f->seconds, "rounds", f->rounds, "deliveries",
        (json_int_t)f->deliveries, "events", (json_int_t)f->events, "start_cpu_seconds", f->start_s,
        "cpu_seconds", f->round_s, "deliveries_per_second", deliveries_per_second(f),
        "ns_per_delivery", ns_per_delivery(f), "simulated_per_real", f->seconds / f->round_s,
        "peak_rss_bytes", memory_json(known, (double)f->peak_bytes), "bytes_per_node_and_group",
        memory_json(known, bytes));
}

static struct lan_figures run_size(struct bench *b, json_t *rows, unsigned nodes, unsigned groups,
                                   uint64_t deliveries, unsigned rounds)
{
    struct lan_shape shape = {.nodes = nodes, .groups = groups};
    struct lan_figures f = lan_measure(&shape, deliveries, rounds);
    json_array_append_new(rows, tell_lan(b, &shape, &f));
    return f;
}

static json_t *bench_heartbeat(struct bench *b)
{
    json_t *rows = json_array();
    say_lan_head(b);
    run_size(b, rows, 100, 1, 4000000, 5);
    struct lan_figures f = run_size(b, rows, 1000, 1, 4000000, 5);
    if (f.wrong[0] == '\0') {
        aim(b, "deliveries of 1000 nodes", deliveries_per_second(&f) / 1e6, 10, false, "M/s");
    }
    return rows;
}

static json_t *bench_growth(struct bench *b)
{
    static const unsigned sizes[][2] = {{2, 1},     {10, 1},    {100, 1},   {1000, 1},
                                        {10000, 1}, {1000, 10}, {1000, 255}};
    json_t *rows = json_array();
    say_lan_head(b);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        run_size(b, rows, sizes[i][0], sizes[i][1], 4000000, 3);
    }
    return rows;
}

static json_t *bench_large(struct bench *b)
{
    json_t *rows = json_array();
    say_lan_head(b);
    struct lan_figures f = run_size(b, rows, 10000, 255, 5000000, 5);
    if (f.wrong[0] == '\0') {
        aim(b, "10000 nodes x 255 groups", f.seconds / f.round_s, 5, false, "x real time");
        if (f.peak_bytes > 0) {
            aim(b, "memory of that", (double)f.peak_bytes / MIB, 512, true, "MiB");
        }
    }
    return rows;
}

/* --- the command --------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    const char *what;
    json_t *(*run)(struct bench *b);
} benchmarks[] = {
    {"proof", "the fast paths change nothing: the same trace with and without them", bench_proof},
    {"heartbeat", "one master a group, on one learning switch", bench_heartbeat},
    {"growth", "the same, from 2 nodes to 10000 and 255 groups", bench_growth},
    {"large", "the same, 10000 nodes and 255 groups", bench_large},
    {"split", "where the time of a delivery goes", bench_split},
    {"start", "a pair of nodes, made, run and freed", bench_start},
    {"cold-start", "equal nodes, all booted at one instant", bench_cold},
    {"peers", "beside ns-3's learning bridge", bench_peers},
};

enum { BENCHMARKS = sizeof benchmarks / sizeof *benchmarks };

static json_t *processor(void)
{
    char line[256], name[128] = "unknown";
    FILE *info = fopen("/proc/cpuinfo", "re");
    while (info != NULL && fgets(line, sizeof line, info) != NULL) {
        if (sscanf(line, "model name : %127[^\n]", name) == 1) {
            break;
        }
    }
    if (info != NULL) {
        fclose(info);
    }
    return json_string(name);
}

static bool is_wanted(const char *name, int count, char **names)
{
    bool wanted = count == 0;
    for (int i = 0; i < count; i++) {
        wanted = wanted || strcmp(names[i], name) == 0;
    }
    return wanted;
}

static json_t *run_all(struct bench *b, int count, char **names)
{
    json_t *results = json_object();
    for (size_t i = 0; i < BENCHMARKS; i++) {
        if (is_wanted(benchmarks[i].name, count, names)) {
            say(b, "%s: %s\n", benchmarks[i].name, benchmarks[i].what);
            json_object_set_new(results, benchmarks[i].name, benchmarks[i].run(b));
            say(b, "\n");
        }
    }
    return results;
}

static bool is_known(const char *name)
{
    for (size_t i = 0; i < BENCHMARKS; i++) {
        if (strcmp(benchmarks[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static int usage(const char *wrong)
{
    fprintf(stderr, "carplab: bench: unknown benchmark %s; there are:\n", wrong);
    for (size_t i = 0; i < BENCHMARKS; i++) {
        fprintf(stderr, "    %-10s  %s\n", benchmarks[i].name, benchmarks[i].what);
    }
    return 2;
}

/* Take --json out of the names; returns how many are left, -1 when one is unknown. */
static int take_names(int argc, char **argv, char **names, struct bench *b)
{
    int count = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            b->quiet = true;
        } else if (!is_known(argv[i])) {
            usage(argv[i]);
            return -1;
        } else if (count < BENCHMARKS) {
            names[count++] = argv[i];
        }
    }
    return count;
}

int command_bench(int argc, char **argv)
{
    struct bench b = {0};
    char *names[BENCHMARKS];
    int count = take_names(argc, argv, names, &b);
    if (count < 0) {
        return 2;
    }
    b.targets = json_array();
    b.mistakes = json_array();
    json_t *machine = processor();
    say(&b, "%s, %s, %s\n\n", json_string_value(machine), CARP_COMPILER, CARP_BUILD_TYPE);
    json_t *results = run_all(&b, count, names);
    json_t *report = json_pack("{s:o, s:s, s:s, s:o, s:o, s:o}", "machine", machine, "compiler",
                               CARP_COMPILER, "build", CARP_BUILD_TYPE, "benchmarks", results,
                               "targets", b.targets, "mistakes", b.mistakes);
    if (b.quiet) {
        json_dumpf(report, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
        putchar('\n');
    }
    json_decref(report);
    return b.failed ? 1 : 0;
}
