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
    uint64_t delivered, sent, peak_bytes;
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
    static const unsigned sizes[] = {2, 10, 100, 1000, 4000};
    json_t *rows = json_array();
    say(b, "  %6s %12s %12s %12s %14s %10s\n", "nodes", "frames sent", "deliveries", "CPU, s",
        "deliveries/s", "peak, MiB");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct lan_shape shape = {.nodes = sizes[i], .groups = 1, .equal = true};
        struct cold_figures f = {0};
        if (!in_child(measure_cold, &shape, &f, sizeof f) || f.masters != 1 ||
            f.first_master != 0) {
            complain(b, "cold-start of %u nodes: %u masters, where one is right", sizes[i],
                     f.masters);
            continue;
        }
        say(b, "  %6u %12llu %12llu %12.3f %13.2fM %10s\n", sizes[i], (unsigned long long)f.sent,
            (unsigned long long)f.delivered, f.cpu_s, (double)f.delivered / f.cpu_s / 1e6,
            memory_text(f.peak_bytes > 0, (double)f.peak_bytes / MIB, 1).text);
        json_array_append_new(rows, json_pack("{s:i, s:I, s:I, s:f, s:o}", "nodes", sizes[i],
                                              "frames_sent", (json_int_t)f.sent, "deliveries",
                                              (json_int_t)f.delivered, "cpu_seconds", f.cpu_s,
                                              "peak_rss_bytes",
                                              memory_json(f.peak_bytes > 0, (double)f.peak_bytes)));
    }
    return rows;
}

/* --- the proof ----------------------------------------------------------------------------------
 */

struct proof_task {
    struct lan_shape shape;
    bool disturbed;
};

/* What must be the same: the trace, and what leaves none there. */
struct proof {
    uint64_t hash[2], count, sent, delivered, copied, dropped[DROP_REASON_COUNT];
};

static void add_fault(struct world *w, uint32_t end, struct fault fault)
{
    fault.end = end;
    fault.origin = NONE;
    fabric_add_fault(w, &fault);
}

/* Loss, jitter, copies and corruption of what some nodes say, and on the way to them many instants
 * at which one flood arrives, with some receivers who lack nothing. */
static void disturb_links(struct world *w)
{
    for (unsigned n = 0; n < w->node_count; n++) {
        uint32_t end = w->nodes[n].nics[0].end;
        if (n % 3 != 0) {
            add_fault(w, w->ends[end].peer,
                      (struct fault){.delay = {n % 4 * 1000},
                                     .jitter = {n % 11 * 1000},
                                     .loss_ppm = n % 5 == 0 ? 50000 : 0});
        }
    }
    add_fault(w, w->nodes[1].nics[0].end, (struct fault){.loss_ppm = 200000});
    add_fault(w, w->nodes[2].nics[0].end,
              (struct fault){.jitter = {40000000}, .duplicate_ppm = 300000});
    add_fault(w, w->nodes[3].nics[0].end,
              (struct fault){.jitter = {20000000}, .reorder_ppm = 300000});
    add_fault(w, w->nodes[4].nics[0].end, (struct fault){.corrupt_ppm = 300000, .unseen = true});
}

/* To an instant at which a frame is on its way, to the switch or from there on by turns, so that
 * what happens then, happens before it arrives. */
static void run_into_flight(struct world *w, carp_duration at_least)
{
    world_run(w, instant_add(w->now, at_least));
    while (w->frames.used == 0 && world_step(w, CARP_NEVER)) {
    }
    world_run(w, instant_add(w->now, (carp_duration){w->sent % 2 * 15000}));
}

/* Machines crash, are paused and frozen, lose their cables, and come back. */
static void trouble_nodes(struct world *w, unsigned step)
{
    size_t a = step * 5 % w->node_count, c = (a + 3) % w->node_count;
    struct node *frozen = &w->nodes[(a + 1) % w->node_count];
    struct node *unplugged = &w->nodes[(a + 2) % w->node_count];
    run_into_flight(w, CARP_MILLISECONDS(300));
    node_crash(w, &w->nodes[a]);
    node_pause(w, &w->nodes[c], step % 2 == 0);
    run_into_flight(w, CARP_MILLISECONDS(700));
    node_resume(w, &w->nodes[c], CARP_MILLISECONDS(700), PAUSE_STOPS);
    node_freeze(w, frozen);
    node_set_link(w, unplugged, 0, !w->ends[unplugged->nics[0].end].up);
    run_into_flight(w, CARP_MILLISECONDS(900));
    node_boot(w, &w->nodes[a]);
    node_thaw(w, frozen);
    node_set_link(w, unplugged, 0, step % 3 == 0);
}

static void prove(const void *in, void *out)
{
    const struct proof_task *task = in;
    struct proof *proof = out;
    static struct lan lan;
    struct world *w = &lan.world;
    lan_make(&lan, &task->shape);
    w->switches[0].port_delay = CARP_MILLISECONDS(task->disturbed ? 0 : 50);
    lan_start(&lan);
    if (task->disturbed) {
        disturb_links(w);
    }
    w->nodes[5].latency_max = (carp_duration){3000000};
    w->nodes[6].granularity = (carp_duration){10000000};
    node_set_drift(w, &w->nodes[7], 200000);
    node_set_drift(w, &w->nodes[8], -300000);
    for (unsigned step = 0; step < 40; step++) {
        trouble_nodes(w, step);
    }
    memcpy(proof->hash, w->trace.hash, sizeof proof->hash);
    proof->count = w->trace.count;
    proof->sent = w->sent;
    proof->delivered = w->delivered;
    proof->copied = w->copied;
    memcpy(proof->dropped, w->dropped, sizeof proof->dropped);
    lan_free(&lan);
}

static json_t *prove_both(struct bench *b, struct proof_task *task)
{
    const struct lan_shape *shape = &task->shape;
    struct proof fast = {0}, plain = {0};
    char hash[40];
    bool done = in_child(prove, task, &fast, sizeof fast);
    task->shape.plain = true;
    done = done && in_child(prove, task, &plain, sizeof plain);
    task->shape.plain = false;
    bool same = done && memcmp(&fast, &plain, sizeof fast) == 0;
    if (!same) {
        complain(b, "proof: %u nodes, %u groups: the plain way gives another trace", shape->nodes,
                 shape->groups);
    }
    snprintf(hash, sizeof hash, "%016llx%016llx", (unsigned long long)fast.hash[0],
             (unsigned long long)fast.hash[1]);
    say(b, "  %3u nodes, %u groups, %-9s %-11s %7llu events, trace %s: %s\n", shape->nodes,
        shape->groups, shape->equal ? "equal," : "ranked,",
        task->disturbed ? "bad links:" : "good links:", (unsigned long long)fast.count, hash,
        same ? "the same both ways" : "NOT THE SAME");
    return json_pack("{s:i, s:i, s:b, s:b, s:I, s:s, s:b}", "nodes", shape->nodes, "groups",
                     shape->groups, "equal", shape->equal, "bad_links", task->disturbed, "events",
                     (json_int_t)fast.count, "trace", hash, "same", same);
}

json_t *bench_proof(struct bench *b)
{
    static const unsigned sizes[][2] = {{12, 1}, {40, 8}, {300, 2}};
    json_t *rows = json_array();
    for (size_t i = 0; i < 4 * sizeof sizes / sizeof *sizes; i++) {
        struct proof_task task = {
            .shape = {.nodes = sizes[i / 4][0], .groups = sizes[i / 4][1], .equal = i / 2 % 2 == 1},
            .disturbed = i % 2 == 1,
        };
        json_array_append_new(rows, prove_both(b, &task));
    }
    return rows;
}
