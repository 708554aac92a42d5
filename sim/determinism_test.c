/*
 * The same scenario and seed go through the same states, whatever is remembered on the way.
 */
#include "sim/oracle.h"
#include "sim/world_lab.h"
#include "tools/testkit/testkit.h"

/* How it is run; what is wrong with the network. */
struct manner {
    uint64_t seed;
    bool plain_world, plain_frames, plain_signer, unwatched, without_chance;
};

struct trail {
    uint64_t hash[2], count, sent, delivered, copied, flooded, wakes;
    uint64_t dropped[DROP_REASON_COUNT];
};

static void add_faults(struct world_lab *lab)
{
    world_lab_fault_out(lab, 0, (struct fault){.origin = NONE, .jitter = CARP_MILLISECONDS(30)});
    world_lab_fault_in(lab, 1,
                       (struct fault){.origin = NONE,
                                      .duplicate_ppm = 300000,
                                      .reorder_ppm = 300000,
                                      .jitter = CARP_MILLISECONDS(40)});
    world_lab_fault_in(lab, 2, (struct fault){.origin = NONE, .loss_ppm = 300000});
    world_lab_fault_in(lab, 2,
                       (struct fault){.origin = NONE, .corrupt_ppm = 200000, .unseen = true});
    world_lab_fault_out(
        lab, 3, (struct fault){.origin = NONE, .burst_begin_ppm = 100000, .burst_end_ppm = 200000});
    world_lab_fault_in(lab, 4, (struct fault){.origin = NONE, .rate = 20000, .queue = 200});
}

/* Five daemons and two clients on three switches, one of which reflects; things befall them. */
static void play(struct world_lab *lab, const struct manner *m)
{
    world_lab_init(lab, m->seed);
    struct world *w = &lab->world;
    w->plain = m->plain_world;
    w->frames.plain = m->plain_frames;
    for (unsigned i = 1; i < 3; i++) {
        uint32_t s = world_add_switch(w, i == 1 ? "s2" : "s3");
        world_connect_switches(w, s - 1, s, CARP_MILLISECONDS(1));
    }
    w->switches[1].port_delay = CARP_SECONDS(4);
    w->switches[2].reflects = true;
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    for (uint32_t i = 0; i < 5; i++) {
        lab->on = i % 3;
        world_lab_daemon(lab, names[i], (uint8_t)(i * 40));
        world_lab_node(lab, i)->drift_ppb = (int32_t)i * 20000 - 40000;
    }
    lab->signer.plain = m->plain_signer;
    for (uint32_t i = 0; i < 2; i++) {
        lab->on = i * 2;
        world_lab_client(lab, i == 0 ? "p" : "q");
    }
    world_lab_node(lab, 3)->granularity = CARP_MILLISECONDS(4);
    if (!m->without_chance) {
        world_lab_node(lab, 2)->latency_max = CARP_MILLISECONDS(5);
        add_faults(lab);
    }
    if (m->unwatched) {
        for (uint32_t i = 0; i < w->node_count; i++) {
            node_boot(w, world_lab_node(lab, i));
        }
    } else {
        world_lab_boot(lab);
    }
    world_lab_run(lab, 20500);
    node_crash(w, world_lab_node(lab, 0));
    world_lab_run(lab, 30000);
    node_pause(w, world_lab_node(lab, 1), false);
    node_set_link(w, world_lab_node(lab, 4), 0, false);
    world_lab_run(lab, 37000);
    node_resume(w, world_lab_node(lab, 1), CARP_SECONDS(7), PAUSE_STOPS);
    node_set_link(w, world_lab_node(lab, 4), 0, true);
    node_boot(w, world_lab_node(lab, 0));
    world_lab_run(lab, 50000);
    node_freeze(w, world_lab_node(lab, 0));
    world_lab_run(lab, 57000);
    node_thaw(w, world_lab_node(lab, 0));
    daemon_demote(w, world_lab_node(lab, 0), 0, 100, CARP_SECONDS(5));
    world_lab_run(lab, 80000);
}

static struct trail run(struct manner m)
{
    static struct world_lab lab;
    play(&lab, &m);
    const struct world *w = &lab.world;
    struct trail t = {{w->trace.hash[0], w->trace.hash[1]},
                      w->trace.count,
                      w->sent,
                      w->delivered,
                      w->copied,
                      w->flooded,
                      0,
                      {0}};
    for (unsigned i = 0; i < DROP_REASON_COUNT; i++) {
        t.dropped[i] = w->dropped[i];
    }
    for (size_t i = 0; i < w->node_count; i++) {
        t.wakes += w->nodes[i].wakes;
    }
    EXPECT_STR("", m.unwatched ? "" : w->oracle->violations[0].text);
    EXPECT_INT(0, world_lab_unaccounted(&lab));
    EXPECT_INT(0, world_lab_leaked(&lab));
    world_lab_free(&lab);
    return t;
}

static void expect_same(const struct trail *want, const struct trail *got)
{
    EXPECT_U64(want->hash[0], got->hash[0]);
    EXPECT_U64(want->hash[1], got->hash[1]);
    EXPECT_U64(want->count, got->count);
    EXPECT_U64(want->sent, got->sent);
    EXPECT_U64(want->delivered, got->delivered);
    EXPECT_U64(want->copied, got->copied);
    EXPECT_U64(want->flooded, got->flooded);
    EXPECT_U64(want->wakes, got->wakes);
    for (unsigned i = 0; i < DROP_REASON_COUNT; i++) {
        EXPECT_U64(want->dropped[i], got->dropped[i]);
    }
}

TEST_CASE(determinism, the_same_seed_goes_the_same_way)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct trail first = run((struct manner){.seed = seed});
        struct trail again = run((struct manner){.seed = seed});
        EXPECT_TRUE(first.count > 2000);
        expect_same(&first, &again);
    }
}

TEST_CASE(determinism, another_seed_goes_another_way_where_there_is_chance)
{
    struct trail one = run((struct manner){.seed = 1});
    struct trail two = run((struct manner){.seed = 2});
    EXPECT_TRUE(one.hash[0] != two.hash[0]);
    EXPECT_TRUE(one.hash[1] != two.hash[1]);
}

TEST_CASE(determinism, nothing_depends_on_what_is_remembered_or_done_at_once)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct trail fast = run((struct manner){.seed = seed});
        struct trail plain = run((struct manner){.seed = seed, .plain_world = true});
        expect_same(&fast, &plain);
        plain = run((struct manner){.seed = seed, .plain_frames = true});
        expect_same(&fast, &plain);
        plain = run((struct manner){.seed = seed, .plain_signer = true});
        expect_same(&fast, &plain);
        plain = run((struct manner){
            .seed = seed, .plain_world = true, .plain_frames = true, .plain_signer = true});
        expect_same(&fast, &plain);
    }
}

TEST_CASE(determinism, fast_paths_change_nothing_where_all_links_are_sound)
{
    struct trail fast = run((struct manner){.seed = 1, .without_chance = true});
    struct trail plain =
        run((struct manner){.seed = 1, .without_chance = true, .plain_world = true});
    expect_same(&fast, &plain);
}

TEST_CASE(determinism, watching_changes_nothing)
{
    struct trail watched = run((struct manner){.seed = 3});
    struct trail unwatched = run((struct manner){.seed = 3, .unwatched = true});
    expect_same(&watched, &unwatched);
}
