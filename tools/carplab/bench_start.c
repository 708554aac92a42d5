/*
 * Small worlds: what it takes to make and free one, how a crowd that boots at one instant gets to
 * one master, and that the fast paths change nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/oracle.h"
#include "tools/carplab/bench.h"

enum { STARTS = 2000, STARTS_LONG = 200, PAIR_MINUTES = 10, ROUNDS = 5 };

/* --- a pair -------------------------------------------------------------------------------------
 */

/* The world of a campaign's smallest run, oracle and all, for this long; -1: not even booted. */
static uint64_t run_pair(int seconds)
{
    const struct lan_shape shape = {.nodes = 2, .groups = 1, .kept = true, .watched = true};
    static struct lan lan;
    uint64_t events = 0;
    lan_make(&lan, &shape);
    for (unsigned n = 0; n < shape.nodes && seconds >= 0; n++) {
        node_boot(&lan.world, &lan.world.nodes[n]);
    }
    carp_instant end = {(uint64_t)(seconds < 0 ? 0 : seconds) * 1000000000};
    while (world_step(&lan.world, end)) {
        events += 1;
    }
    lan_free(&lan);
    return events;
}

struct pair_figures {
    double empty_us, booted_us, long_us;
    uint64_t events;
};

static double time_pairs(unsigned count, int seconds, uint64_t *events)
{
    double best = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        double start = cpu_seconds();
        for (unsigned i = 0; i < count; i++) {
            *events = run_pair(seconds);
        }
        double took = (cpu_seconds() - start) * 1e6 / count;
        best = round == 0 || took < best ? took : best;
    }
    return best;
}

static void measure_pair(const void *in, void *out)
{
    struct pair_figures *f = out;
    (void)in;
    f->empty_us = time_pairs(STARTS, -1, &f->events);
    f->booted_us = time_pairs(STARTS, 0, &f->events);
    f->long_us = time_pairs(STARTS_LONG, PAIR_MINUTES * 60, &f->events);
}

json_t *bench_start(struct bench *b)
{
    struct pair_figures f = {0};
    if (!in_child(measure_pair, NULL, &f, sizeof f)) {
        complain(b, "start: the measurement did not end well");
        return json_null();
    }
    double each_hour = 3600e6 / f.long_us;
    say(b, "  made and freed                       %8.1f us\n", f.empty_us);
    say(b, "  ... and booted                       %8.1f us\n", f.booted_us);
    say(b, "  ... and run for %d simulated minutes %8.1f us, %llu events; %.1f million an hour\n",
        PAIR_MINUTES, f.long_us, (unsigned long long)f.events, each_hour / 1e6);
    aim(b, "start and end of a run", f.booted_us, 200, true, "us");
    return json_pack("{s:f, s:f, s:f, s:I, s:f}", "made_and_freed_us", f.empty_us, "booted_us",
                     f.booted_us, "run_us", f.long_us, "run_events", (json_int_t)f.events,
                     "runs_per_hour", each_hour);
}

/* --- a crowd ------------------------------------------------------------------------------------
 */

struct cold_figures {
    double cpu_s;
    uint64_t delivered, sent, burst, peak_bytes;
    unsigned masters, first_master;
};

static void measure_cold(const void *in, void *out)
{
    const struct lan_shape *shape = in;
    struct cold_figures *f = out;
    static struct lan lan;
    double start = cpu_seconds();
    lan_make(&lan, shape);
    lan_start(&lan);
    f->cpu_s = cpu_seconds() - start;
    f->delivered = lan.world.delivered;
    f->sent = lan.world.sent;
    for (unsigned n = shape->nodes; n > 0; n--) {
        if (carp_state(&lan.groups[n - 1].carp) == CARP_MASTER) {
            f->masters += 1;
            f->first_master = n - 1;
        }
    }
    f->peak_bytes = resident_peak();
    lan_free(&lan);
}

/* Equal nodes take over at one instant and hear each other: the lowest address stays, all others
 * yield with a last advert. */
json_t *bench_cold(struct bench *b)
{
    static const unsigned sizes[] = {2, 10, 100, 1000, 2000};
    json_t *rows = json_array();
    say(b, "  %6s %12s %12s %12s %14s %10s\n", "nodes", "frames sent", "deliveries", "CPU, s",
        "deliveries/s", "peak, MB");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct lan_shape shape = {.nodes = sizes[i], .groups = 1, .equal = true};
        struct cold_figures f = {0};
        if (!in_child(measure_cold, &shape, &f, sizeof f) || f.masters != 1 ||
            f.first_master != 0) {
            complain(b, "cold-start of %u nodes: %u masters, where one is right", sizes[i],
                     f.masters);
            continue;
        }
        say(b, "  %6u %12llu %12llu %12.3f %13.2fM %10.1f\n", sizes[i], (unsigned long long)f.sent,
            (unsigned long long)f.delivered, f.cpu_s, (double)f.delivered / f.cpu_s / 1e6,
            (double)f.peak_bytes / 1e6);
        json_array_append_new(rows, json_pack("{s:i, s:I, s:I, s:f, s:I}", "nodes", sizes[i],
                                              "frames_sent", (json_int_t)f.sent, "deliveries",
                                              (json_int_t)f.delivered, "cpu_seconds", f.cpu_s,
                                              "peak_rss_bytes", (json_int_t)f.peak_bytes));
    }
    return rows;
}

/* --- the proof ----------------------------------------------------------------------------------
 */

struct proof {
    uint64_t hash[2], count;
};

static void add_fault(struct lan *lan, unsigned node, struct fault fault)
{
    fault.end = lan->world.nodes[node].nics[0].end;
    fault.origin = NONE;
    fabric_add_fault(&lan->world, &fault);
}

/* What fast paths could get wrong: loss, jitter, copies and corruption on some links, clocks that
 * drift, machines that wake up late, tick coarsely, crash, freeze, pause and come back. */
static void run_troubled(struct lan *lan)
{
    struct world *w = &lan->world;
    add_fault(lan, 1, (struct fault){.loss_ppm = 200000});
    add_fault(lan, 2, (struct fault){.jitter = {40000000}, .duplicate_ppm = 300000});
    add_fault(lan, 3, (struct fault){.reorder_ppm = 300000, .jitter = {20000000}});
    add_fault(lan, 4, (struct fault){.corrupt_ppm = 300000, .unseen = true});
    w->nodes[5].latency_max = (carp_duration){3000000};
    w->nodes[6].granularity = (carp_duration){10000000};
    node_set_drift(w, &w->nodes[7], 200000);
    node_set_drift(w, &w->nodes[8], -300000);
    for (unsigned step = 0; step < 40; step++) {
        unsigned a = step * 5 % lan->shape.nodes, c = (a + 3) % lan->shape.nodes;
        node_crash(w, &w->nodes[a]);
        node_pause(w, &w->nodes[c], step % 2 == 0);
        world_run(w, instant_add(w->now, CARP_MILLISECONDS(700)));
        node_resume(w, &w->nodes[c], CARP_MILLISECONDS(700), PAUSE_STOPS);
        node_freeze(w, &w->nodes[(a + 1) % lan->shape.nodes]);
        node_set_link(w, &w->nodes[(a + 2) % lan->shape.nodes], 0, step % 3 == 0);
        world_run(w, instant_add(w->now, CARP_MILLISECONDS(900)));
        node_boot(w, &w->nodes[a]);
        node_thaw(w, &w->nodes[(a + 1) % lan->shape.nodes]);
    }
}

static void prove(const void *in, void *out)
{
    struct proof *proof = out;
    static struct lan lan;
    lan_make(&lan, in);
    lan_start(&lan);
    run_troubled(&lan);
    memcpy(proof->hash, lan.world.trace.hash, sizeof proof->hash);
    proof->count = lan.world.trace.count;
    lan_free(&lan);
}

json_t *bench_proof(struct bench *b)
{
    static const unsigned sizes[][2] = {{12, 1}, {40, 8}};
    json_t *rows = json_array();
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++) {
        struct lan_shape shape = {
            .nodes = sizes[i / 2][0], .groups = sizes[i / 2][1], .equal = i % 2 == 1};
        struct proof fast = {0}, plain = {0};
        bool done = in_child(prove, &shape, &fast, sizeof fast);
        shape.plain = true;
        done = done && in_child(prove, &shape, &plain, sizeof plain);
        bool same = done && memcmp(&fast, &plain, sizeof fast) == 0;
        if (!same) {
            complain(b, "proof: %u nodes, %u groups: the plain way gives another trace",
                     shape.nodes, shape.groups);
        }
        char hash[40];
        snprintf(hash, sizeof hash, "%016llx%016llx", (unsigned long long)fast.hash[0],
                 (unsigned long long)fast.hash[1]);
        say(b, "  %u nodes, %u groups, %s%llu events, faults: trace %s, %s\n", shape.nodes,
            shape.groups, shape.equal ? "all equal, " : "", (unsigned long long)fast.count, hash,
            same ? "both ways" : "NOT THE SAME WITHOUT FAST PATHS");
        json_array_append_new(rows,
                              json_pack("{s:i, s:i, s:b, s:I, s:s, s:b}", "nodes", shape.nodes,
                                        "groups", shape.groups, "equal", shape.equal, "events",
                                        (json_int_t)fast.count, "trace", hash, "same", same));
    }
    return rows;
}
