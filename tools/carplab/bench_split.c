/*
 * Where the time of a delivery goes. No clock is read inside a run, which would cost more than what
 * it measures. Instead:
 *
 *   crypto         the difference to the same run with digests that cost next to nothing
 *   trace          the difference to the same run with every event noted a second time
 *   oracle         the difference between two runs with all accounts, with and without it
 *   queue          a loop of take and put over as many events as there are nodes, times the events
 *                  of a delivery
 *   fabric         a world of as many nodes on the same switch whose programs do nothing
 *   host, engine   a loop over the same hosts, which are given adverts as their daemons would
 *   rest           what is left of the whole: the daemon around the host, its timer, and what the
 *                  parts, alone, find in the processor's caches and together do not
 *
 * Every figure is the fastest of several rounds.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/memory.h"
#include "tools/carplab/bench.h"

enum { ROUNDS = 5, TURNS = 3, WATCHED_NODES = 50 };
#define DELIVERIES 4000000

static double fastest(double best, double took)
{
    return best == 0 || took < best ? took : best;
}

/* --- the fabric alone ---------------------------------------------------------------------------
 */

static void hear_nothing(struct world *w, struct node *node, unsigned nic, struct sim_frame *frame)
{
    (void)w, (void)node, (void)nic, (void)frame;
}

static void run_nothing(struct world *w, struct node *node)
{
    (void)w, (void)node;
}

static const struct node_ops deaf_ops = {.hear = hear_nothing, .run = run_nothing};

static void make_deaf(struct world *w, unsigned nodes)
{
    world_add_switch(w, "switch");
    for (unsigned n = 0; n < nodes; n++) {
        struct carp_self self = {.mac = {2, 0, 0, 0, (uint8_t)(n >> 8), (uint8_t)n}};
        uint32_t node = world_add_node(w, "deaf", NODE_STRANGER, &deaf_ops, NULL);
        world_connect_nic(w, node, world_add_nic(w, node, &self), 0, (carp_duration){10000});
        node_boot(w, &w->nodes[node]);
    }
}

/* An advert, as far as the fabric looks at it. */
static void measure_fabric(const void *in, void *out)
{
    const struct lan_shape *shape = in;
    struct decisions decisions;
    static struct world w;
    uint8_t frame[70] = {1, 0, 0x5e, 0, 0, 18, 2, 0, 0, 0, 0, 0, 8, 0, 0x45, [23] = 112};
    double best = 0;
    decide_by_seed(&decisions, 1);
    world_init(&w, &decisions);
    make_deaf(&w, shape->nodes);
    assert(shape->nodes > 1);
    unsigned beats = DELIVERIES / (shape->nodes - 1);
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t delivered = w.delivered;
        double start = cpu_seconds();
        for (unsigned i = 0; i < beats; i++) {
            fabric_send(&w, &w.nodes[0], 0, frame, sizeof frame);
            world_run(&w, instant_add(w.now, CARP_SECONDS(1)));
        }
        best = fastest(best, (cpu_seconds() - start) / (double)(w.delivered - delivered));
    }
    world_free(&w);
    *(double *)out = best * 1e9;
}

/* --- host and engine alone ----------------------------------------------------------------------
 */

static void wake_nothing(void *self, carp_instant deadline)
{
    (void)self, (void)deadline;
}

static void stepped_nothing(void *self, unsigned group, carp_instant now,
                            const struct carp_event *event, const struct carp_outcome *out)
{
    (void)self, (void)group, (void)now, (void)event, (void)out;
}

/* The advert that a group's master would send next, as its receivers have it. */
static struct carp_packet next_advert(struct lan *lan, unsigned group)
{
    struct host_group *master =
        &lan->groups[(size_t)group * lan->shape.nodes + lan_master(lan, group)];
    const struct carp_self *self = &master->carp.self;
    struct carp_packet packet = {
        .family = 4,
        .ttl = FRAME_TTL,
        .destination = {224, 0, 0, 18},
        .advert = {.version = WIRE_VERSION,
                   .type = WIRE_TYPE_ADVERT,
                   .vhid = (uint8_t)(group + 1),
                   .authlen = WIRE_AUTHLEN,
                   .advbase = 1,
                   .counter = ++master->carp.counter},
    };
    memcpy(packet.source_mac, self->mac, sizeof self->mac);
    memcpy(packet.source, self->ipv4, sizeof self->ipv4);
    auth_sign(&master->plan->crypto, &packet.advert);
    return packet;
}

/* As the daemon of each backup does it. */
static uint64_t hear_everywhere(struct lan *lan, unsigned group, carp_instant now)
{
    struct carp_packet packet = next_advert(lan, group);
    uint64_t heard = 0;
    for (unsigned n = 0; n < lan->shape.nodes; n++) {
        struct host *host = &daemon_of(&lan->world.nodes[n])->host;
        if (n == lan_master(lan, group)) {
            continue;
        }
        host_woke(host, now);
        host_packet(host, now, 0, CARP_ACCEPTED, &packet);
        host_due(host, now);
        heard += 1;
    }
    return heard;
}

/* Masters are silent here, so only those of other groups would be due: their deadlines are moved
 * out of the way. */
static void quieten(struct lan *lan)
{
    for (unsigned v = 0; v < lan->shape.groups; v++) {
        lan->groups[(size_t)v * lan->shape.nodes + lan_master(lan, v)].carp.deadline.ns =
            CARP_NEVER.ns - 1;
    }
    for (unsigned n = 0; n < lan->shape.nodes; n++) {
        struct port *port = &daemon_of(&lan->world.nodes[n])->host.port;
        port->wake_at = wake_nothing;
        port->stepped = stepped_nothing;
    }
}

static void measure_host(const void *in, void *out)
{
    static struct lan lan;
    double best = 0;
    lan_make(&lan, in);
    lan_start(&lan);
    quieten(&lan);
    carp_instant now = lan.world.now;
    assert(lan.shape.nodes > 1);
    unsigned beats = DELIVERIES / ((lan.shape.nodes - 1) * lan.shape.groups);
    beats = beats == 0 ? 1 : beats;
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t heard = 0;
        double start = cpu_seconds();
        for (unsigned i = 0; i < beats; i++) {
            now = instant_add(now, CARP_SECONDS(1));
            for (unsigned v = 0; v < lan.shape.groups; v++) {
                heard += hear_everywhere(&lan, v, now);
            }
        }
        best = fastest(best, (cpu_seconds() - start) / (double)heard);
    }
    lan_free(&lan);
    *(double *)out = best * 1e9;
}

/* --- the queue alone ----------------------------------------------------------------------------
 */

/* As many pending events as nodes, each put back a master-down time later: lazy timers. */
static void measure_queue(const void *in, void *out)
{
    const struct lan_shape *shape = in;
    struct queue queue = {0};
    struct queue_event event;
    double best = 0;
    for (unsigned n = 0; n < shape->nodes; n++) {
        queue_put(&queue, QUEUE_WAKE, (struct queue_event){.at = {n * UINT64_C(1000)}, .who = n});
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        double start = cpu_seconds();
        for (unsigned i = 0; i < DELIVERIES / 2 && queue_take(&queue, &event); i++) {
            event.at = instant_add(event.at, (carp_duration){3390625000});
            queue_put(&queue, QUEUE_WAKE, event);
        }
        best = fastest(best, (cpu_seconds() - start) / (DELIVERIES / 2.0));
    }
    queue_free(&queue);
    *(double *)out = best * 1e9;
}

/* --- all together -------------------------------------------------------------------------------
 */

static double alone(struct bench *b, void (*work)(const void *in, void *out),
                    const struct lan_shape *shape)
{
    double ns = 0;
    if (!in_child(work, shape, &ns, sizeof ns)) {
        complain(b, "split: a measurement did not end well");
    }
    return ns;
}

/* Runs whose differences are wanted take turns, so that a busy minute of the machine is in all of
 * them; the fastest of each counts. */
static void in_worlds(struct bench *b, const struct lan_shape *shapes, size_t count,
                      struct lan_figures *figures)
{
    for (unsigned turn = 0; turn < TURNS; turn++) {
        for (size_t i = 0; i < count; i++) {
            struct lan_figures f = lan_measure(&shapes[i], DELIVERIES, 2);
            if (f.wrong[0] != '\0') {
                complain(b, "split: %s", f.wrong);
            }
            if (turn == 0 || f.round_s < figures[i].round_s) {
                figures[i] = f;
            }
        }
    }
}

static json_t *split(struct bench *b, unsigned nodes, unsigned groups)
{
    struct lan_shape shapes[3] = {{.nodes = nodes, .groups = groups}};
    struct lan_figures figures[3];
    shapes[1] = shapes[2] = shapes[0];
    shapes[1].unsigned_ = true;
    shapes[2].noted_twice = true;
    in_worlds(b, shapes, 3, figures);
    double whole = ns_per_delivery(&figures[0]);
    double crypto = whole - ns_per_delivery(&figures[1]);
    double trace = ns_per_delivery(&figures[2]) - whole;
    double host = alone(b, measure_host, &shapes[1]);
    double fabric = alone(b, measure_fabric, &shapes[0]);
    double events = (double)figures[0].events / (double)figures[0].deliveries;
    double queue = alone(b, measure_queue, &shapes[0]) * events;
    double rest = whole - crypto - trace - host - fabric - queue;
    say(b, "  %6u %6u %9.1f %9.1f %14.1f %14.1f %9.1f %9.1f %9.1f\n", nodes, groups, whole, queue,
        fabric, host, crypto, trace, rest);
    return json_pack("{s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "nodes", nodes, "groups",
                     groups, "whole_ns", whole, "events_per_delivery", events, "queue_ns", queue,
                     "fabric_ns", fabric, "host_and_engine_ns", host, "crypto_ns", crypto,
                     "trace_ns", trace, "rest_ns", rest);
}

static json_t *split_oracle(struct bench *b)
{
    struct lan_shape shapes[2] = {{.nodes = WATCHED_NODES, .groups = 1, .kept = true}};
    struct lan_figures figures[2];
    shapes[1] = shapes[0];
    shapes[1].watched = true;
    in_worlds(b, shapes, 2, figures);
    double alone_ns = ns_per_delivery(&figures[0]), watched_ns = ns_per_delivery(&figures[1]);
    say(b, "  oracle: %.1f ns a delivery (%.1f with, %.1f without; %d nodes with all accounts)\n",
        watched_ns - alone_ns, watched_ns, alone_ns, WATCHED_NODES);
    return json_pack("{s:i, s:f, s:f, s:f}", "nodes", WATCHED_NODES, "watched_ns", watched_ns,
                     "unwatched_ns", alone_ns, "oracle_ns", watched_ns - alone_ns);
}

json_t *bench_split(struct bench *b)
{
    json_t *rows = json_array();
    say(b, "  %6s %6s %9s %9s %14s %14s %9s %9s %9s  (ns a delivery)\n", "nodes", "groups", "whole",
        "queue", "fabric+switch", "host+engine", "crypto", "trace", "rest");
    json_array_append_new(rows, split(b, 1000, 1));
    json_array_append_new(rows, split(b, 1000, 255));
    json_t *oracle = split_oracle(b);
    return json_pack("{s:o, s:o}", "layers", rows, "oracle", oracle);
}
