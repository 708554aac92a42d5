/*
 * What all machines have in common: clocks, timers, wake-ups, receive queues, pauses. The program
 * is a clockwork that writes down when it was run ("run world local"), ticks each second of its own
 * clock, and notes the frames it was given.
 */
#include <stdio.h>
#include <string.h>

#include "sim/world_lab.h"
#include "tools/testkit/testkit.h"

static char diary[4096];

static void write_down(const struct world *w, const struct node *node, const char *what)
{
    size_t used = strlen(diary);
    carp_instant local = node_now(w, node);
    snprintf(
        diary + used, sizeof diary - used, "%s %llu.%09llu %llu.%09llu\n", what,
        (unsigned long long)(w->now.ns / 1000000000), (unsigned long long)(w->now.ns % 1000000000),
        (unsigned long long)(local.ns / 1000000000), (unsigned long long)(local.ns % 1000000000));
}

static void hear(struct world *w, struct node *node, unsigned nic, struct sim_frame *frame)
{
    (void)nic, (void)frame;
    write_down(w, node, "hears");
}

static void run(struct world *w, struct node *node)
{
    for (size_t i = 0; i < node->queued; i++) {
        hear(w, node, node->queue[i].nic, frame_at(&w->frames, node->queue[i].frame));
        frames_drop(&w->frames, node->queue[i].frame);
    }
    node->queued = 0;
    bool due = !instant_before(node_now(w, node), node->wake_local);
    write_down(w, node, due ? "ticks" : "runs");
    while (due && !instant_before(node_now(w, node), node->wake_local)) {
        node->wake_local = instant_add(node->wake_local, CARP_SECONDS(1));
    }
}

static void start(struct world *w, struct node *node)
{
    write_down(w, node, "starts");
    node->wake_local = instant_add(node_now(w, node), CARP_SECONDS(1));
}

static void stop(struct world *w, struct node *node)
{
    write_down(w, node, "stops");
}

static void vanish(struct world *w, struct node *node, bool crashed)
{
    write_down(w, node, crashed ? "crashes" : "is killed");
}

static void set_link(struct world *w, struct node *node, unsigned nic, bool up)
{
    (void)nic;
    write_down(w, node, up ? "link up" : "link down");
}

static void step(struct world *w, struct node *node, int64_t ns)
{
    char what[32];
    snprintf(what, sizeof what, "steps %lld", (long long)ns);
    write_down(w, node, what);
}

static const struct node_ops clockwork = {
    .hear = hear,
    .run = run,
    .start = start,
    .stop = stop,
    .vanish = vanish,
    .link = set_link,
    .clock_stepped = step,
    .promiscuous = true,
};

enum { C, X }; /* the clockwork, and a listener that sends to it */

static struct node *init(struct world_lab *lab)
{
    diary[0] = '\0';
    world_lab_init(lab, 1);
    world_add_node(&lab->world, "c", NODE_STRANGER, &clockwork, NULL);
    const struct carp_self self = {.mac = {2, 0, 0, 0, 0, 1}};
    world_add_nic(&lab->world, C, &self);
    world_connect_nic(&lab->world, C, 0, 0, (carp_duration){10000});
    world_lab_listener(lab, "x");
    return world_lab_node(lab, C);
}

static void end(struct world_lab *lab)
{
    EXPECT_INT(0, world_lab_unaccounted(lab));
    EXPECT_INT(0, world_lab_leaked(lab));
    world_lab_free(lab);
}

static void expect_diary(const char *want)
{
    EXPECT_STR(want, diary);
    diary[0] = '\0';
}

/* --- clocks ----------------------------------------------------------------------------------- */

/* A fast clock shows 1001 s after 1000, a slow one 999; half a second as exactly. */
TEST_CASE(node, a_clock_drifts_by_parts_in_a_billion)
{
    static struct world_lab lab;
    struct node *c = init(&lab);
    lab.world.now.ns = UINT64_C(1000000000000);
    EXPECT_U64(UINT64_C(1000000000000), node_now(&lab.world, c).ns);
    c->drift_ppb = 1000000;
    EXPECT_U64(UINT64_C(1001000000000), node_now(&lab.world, c).ns);
    c->drift_ppb = -1000000;
    EXPECT_U64(UINT64_C(999000000000), node_now(&lab.world, c).ns);
    lab.world.now.ns = 500000000;
    EXPECT_U64(499500000, node_now(&lab.world, c).ns);
    end(&lab);
}

/* At the instant it names the clock shows that much, a nanosecond before it does not. */
TEST_CASE(node, the_world_time_of_a_local_instant_is_the_first_and_never_early)
{
    static struct world_lab lab;
    static const int32_t drifts[] = {
        0,         1,         -1,         999,        -999,      100000,    -100000,    33333333,
        -33333333, 500000000, -500000000, -900000000, 900000000, 123456789, -123456789, 7};
    static const uint64_t bases[] = {0, 5, 999999999, 1000000000, UINT64_C(86400123456789)};
    struct node *c = init(&lab);
    for (size_t d = 0; d < sizeof drifts / sizeof *drifts; d++) {
        for (uint64_t i = 0; i < 400; i++) {
            c->drift_ppb = drifts[d];
            c->clock_world.ns = bases[i % 5];
            c->clock_local.ns = bases[i / 5 % 5];
            lab.world.now = c->clock_world;
            uint64_t left = decide_mix(d, i) % (i % 3 == 0 ? 100 : UINT64_C(10000000000));
            carp_instant local = {c->clock_local.ns + left};
            carp_instant at = node_world_time(&lab.world, c, local);
            lab.world.now = at;
            ASSERT_TRUE(node_now(&lab.world, c).ns >= local.ns);
            if (left > 0) {
                lab.world.now.ns -= 1;
                ASSERT_TRUE(node_now(&lab.world, c).ns < local.ns);
            }
        }
    }
    EXPECT_U64(CARP_NEVER.ns, node_world_time(&lab.world, c, CARP_NEVER).ns);
    end(&lab);
}

TEST_CASE(node, the_world_time_of_what_is_past_is_now)
{
    static struct world_lab lab;
    struct node *c = init(&lab);
    c->drift_ppb = 100000;
    lab.world.now.ns = 5000;
    EXPECT_U64(5000, node_world_time(&lab.world, c, (carp_instant){5000}).ns);
    EXPECT_U64(5000, node_world_time(&lab.world, c, (carp_instant){1}).ns);
    end(&lab);
}

/* Ten seconds at +10 %, then at -50 %: local 11 s at 10 s, and a second of it takes two, but for
 * the nanosecond that half of an odd number is rounded up to. */
TEST_CASE(node, a_change_of_drift_goes_on_from_what_the_clock_shows)
{
    static struct world_lab lab;
    struct node *c = init(&lab);
    c->drift_ppb = 100000000;
    node_boot(&lab.world, c);
    world_lab_run(&lab, 9999);
    diary[0] = '\0';
    world_lab_run(&lab, 10000);
    expect_diary("ticks 10.000000000 11.000000000\n");
    node_set_drift(&lab.world, c, -500000000);
    world_lab_run(&lab, 14000);
    expect_diary("ticks 11.999999999 12.000000000\nticks 13.999999999 13.000000000\n");
    node_set_drift(&lab.world, c, 500000000); /* the timer must move to earlier */
    world_lab_run(&lab, 15000);
    expect_diary("ticks 14.666666667 14.000000000\n");
    end(&lab);
}

TEST_CASE(node, a_clock_that_jumps_makes_due_what_it_jumped_over)
{
    static struct world_lab lab;
    struct node *c = init(&lab);
    node_boot(&lab.world, c);
    world_lab_run(&lab, 1500);
    node_jump_clock(&lab.world, c, INT64_C(10000000000));
    world_lab_run(&lab, 2700);
    expect_diary("starts 0.000000000 0.000000000\n"
                 "ticks 1.000000000 1.000000000\n"
                 "ticks 1.500000000 11.500000000\n"
                 "ticks 2.000000000 12.000000000\n");
    end(&lab);
}

TEST_CASE(node, a_step_of_the_wall_clock_is_told_and_moves_no_timer)
{
    static struct world_lab lab;
    struct node *c = init(&lab);
    node_boot(&lab.world, c);
    world_lab_run(&lab, 500);
    node_step_clock(&lab.world, c, -7);
    node_step_clock(&lab.world, c, 3);
    world_lab_run(&lab, 1100);
    EXPECT_INT(-4, c->wall_offset);
    expect_diary("starts 0.000000000 0.000000000\n"
                 "steps -7 0.500000000 0.500000000\n"
                 "steps 3 0.500000000 0.500000000\n"
                 "ticks 1.000000000 1.000000000\n");
    end(&lab);
}

/* --- timers and wake-ups -----------------------------------------------------------------------
 */

/* Ticks of 10 ms at 3, 13, 23: 1 s is between 993 and 1003 ms. */
TEST_CASE(node, timers_fire_at_the_next_tick_of_their_granularity)
{
    static struct world_lab lab;
    struct node *c = init(&lab);
    c->granularity = CARP_MILLISECONDS(10);
    c->phase = CARP_MILLISECONDS(3);
    node_boot(&lab.world, c);
    world_lab_run(&lab, 2500);
    expect_diary("starts 0.000000000 0.000000000\n"
                 "ticks 1.003000000 1.003000000\n"
                 "ticks 2.003000000 2.003000000\n");
    c->phase = CARP_MILLISECONDS(50); /* as good as none: for the next but one */
    world_lab_run(&lab, 3500);
    expect_diary("ticks 3.003000000 3.003000000\n"); /* this timer was set before */
    end(&lab);
}

TEST_CASE(node, a_timer_on_a_tick_fires_there)
{
    static struct world_lab lab;
    struct node *c = init(&lab);
    c->granularity = CARP_MILLISECONDS(250);
    node_boot(&lab.world, c);
    world_lab_run(&lab, 1100);
    expect_diary("starts 0.000000000 0.000000000\nticks 1.000000000 1.000000000\n");
    end(&lab);
}

TEST_CASE(node, a_wake_up_takes_its_latency)
{
    static struct world_lab lab;
    struct node *c = init(&lab);
    c->latency_min = c->latency_max = CARP_MILLISECONDS(2);
    world_lab_boot(&lab);
    world_lab_run(&lab, 500);
    world_lab_say(&lab, X, LAB_OTHER, 'a');
    world_lab_run(&lab, 501);
    world_lab_say(&lab, X, LAB_OTHER, 'b'); /* the run is on its way, and takes both */
    world_lab_run(&lab, 1100);
    expect_diary("starts 0.000000000 0.000000000\n"
                 "hears 0.502020000 0.502020000\n"
                 "hears 0.502020000 0.502020000\n"
                 "runs 0.502020000 0.502020000\n"
                 "ticks 1.002000000 1.002000000\n");
    end(&lab);
}

TEST_CASE(node, latency_is_drawn_between_its_bounds)
{
    static struct world_lab lab;
    struct node *c = init(&lab);
    c->latency_min = CARP_MILLISECONDS(1);
    c->latency_max = CARP_MILLISECONDS(3);
    node_boot(&lab.world, c);
    unsigned early = 0, late = 0;
    for (uint64_t i = 1; i <= 60; i++) {
        world_run(&lab.world, (carp_instant){i * 1000000000 + 500000000});
        uint64_t latency = c->last_run.ns - i * 1000000000;
        ASSERT_TRUE(latency >= 1000000 && latency <= 3000000);
        early += latency < 1500000;
        late += latency > 2500000;
    }
    EXPECT_TRUE(early > 3 && late > 3); /* a quarter of 60 each */
    end(&lab);
}

TEST_CASE(node, a_timer_set_for_earlier_replaces_the_later_one)
{
    static struct world_lab lab;
    struct node *c = init(&lab);
    node_boot(&lab.world, c);
    world_lab_run(&lab, 100);
    c->wake_local = (carp_instant){200000000};
    node_arm(&lab.world, c);
    world_lab_run(&lab, 1100);
    expect_diary("starts 0.000000000 0.000000000\nticks 0.200000000 0.200000000\n");
    end(&lab);
}

/* The old timer is left where it is; when it fires nothing is due, and nobody is woken. */
TEST_CASE(node, a_timer_set_for_later_wakes_nobody_earlier)
{
    static struct world_lab lab;
    for (unsigned plain = 0; plain < 2; plain++) {
        struct node *c = init(&lab);
        lab.world.plain = plain;
        node_boot(&lab.world, c);
        world_lab_run(&lab, 100);
        c->wake_local = (carp_instant){1700000000};
        node_arm(&lab.world, c);
        world_lab_run(&lab, 2000);
        expect_diary("starts 0.000000000 0.000000000\nticks 1.700000000 1.700000000\n");
        EXPECT_U64(1, c->wakes);
        end(&lab);
    }
}

/* --- frames ----------------------------------------------------------------------------------- */

/* Room for three, and 5 ms until the program looks. */
TEST_CASE(node, what_comes_while_the_receive_queue_is_full_is_dropped)
{
    static struct world_lab lab;
    struct node *c = init(&lab);
    c->latency_min = c->latency_max = CARP_MILLISECONDS(5);
    c->queue_max = 3;
    world_lab_boot(&lab);
    for (unsigned i = 0; i < 5; i++) {
        world_lab_say(&lab, X, LAB_OTHER, 'a');
    }
    world_lab_run(&lab, 4);
    world_lab_say(&lab, X, LAB_OTHER, 'b');
    world_lab_run(&lab, 6);
    world_lab_say(&lab, X, LAB_OTHER, 'c');
    world_lab_run(&lab, 20);
    expect_diary("starts 0.000000000 0.000000000\n"
                 "hears 0.005020000 0.005020000\n"
                 "hears 0.005020000 0.005020000\n"
                 "hears 0.005020000 0.005020000\n"
                 "runs 0.005020000 0.005020000\n"
                 "hears 0.011020000 0.011020000\n"
                 "runs 0.011020000 0.011020000\n");
    EXPECT_U64(3, c->dropped[DROP_OVERFLOW]);
    EXPECT_U64(4, c->heard);
    end(&lab);
}

TEST_CASE(node, a_machine_without_its_program_drops_what_was_for_it)
{
    static struct world_lab lab;
    struct node *c = init(&lab);
    world_lab_boot(&lab);
    node_kill(&lab.world, c);
    world_lab_say(&lab, X, LAB_OTHER, 'a');
    world_lab_run(&lab, 1);
    EXPECT_U64(1, c->dropped[DROP_NO_DAEMON]);
    node_start(&lab.world, c);
    world_lab_say(&lab, X, LAB_OTHER, 'b');
    world_lab_run(&lab, 2);
    expect_diary("starts 0.000000000 0.000000000\n"
                 "is killed 0.000000000 0.000000000\n"
                 "starts 0.001000000 0.001000000\n"
                 "hears 0.001020000 0.001020000\n");
    end(&lab);
}

/* --- life ------------------------------------------------------------------------------------- */

TEST_CASE(node, boots_stops_starts_crashes_and_boots_again)
{
    static struct world_lab lab;
    struct node *c = init(&lab);
    node_boot(&lab.world, c);
    node_boot(&lab.world, c); /* is on already */
    node_start(&lab.world, c);
    EXPECT_U64(1, c->boots);
    world_lab_run(&lab, 100);
    node_stop(&lab.world, c);
    node_stop(&lab.world, c);
    EXPECT_TRUE(c->on && !c->alive);
    EXPECT_TRUE(lab.world.ends[world_lab_end(&lab, C)].up);
    world_lab_run(&lab, 2000);
    node_start(&lab.world, c);
    world_lab_run(&lab, 3500);
    node_crash(&lab.world, c);
    node_crash(&lab.world, c);
    EXPECT_TRUE(!c->on && !c->alive);
    EXPECT_TRUE(!lab.world.ends[world_lab_end(&lab, C)].up);
    node_start(&lab.world, c); /* is off */
    node_kill(&lab.world, c);
    world_lab_run(&lab, 5000);
    node_boot(&lab.world, c);
    EXPECT_U64(3, c->boots);
    world_lab_run(&lab, 6500);
    expect_diary("starts 0.000000000 0.000000000\n"
                 "stops 0.100000000 0.100000000\n"
                 "starts 2.000000000 2.000000000\n"
                 "ticks 3.000000000 3.000000000\n"
                 "crashes 3.500000000 3.500000000\n"
                 "starts 5.000000000 5.000000000\n"
                 "ticks 6.000000000 6.000000000\n");
    end(&lab);
}

TEST_CASE(node, a_frozen_program_keeps_its_frames_and_runs_when_it_thaws)
{
    static struct world_lab lab;
    struct node *c = init(&lab);
    world_lab_boot(&lab);
    world_lab_run(&lab, 500);
    node_freeze(&lab.world, c);
    world_lab_say(&lab, X, LAB_OTHER, 'a');
    world_lab_run(&lab, 1700);
    world_lab_say(&lab, X, LAB_OTHER, 'b');
    world_lab_run(&lab, 2300);
    expect_diary("starts 0.000000000 0.000000000\n");
    node_thaw(&lab.world, c);
    node_thaw(&lab.world, c);
    world_lab_run(&lab, 3500);
    expect_diary("hears 2.300000000 2.300000000\n"
                 "hears 2.300000000 2.300000000\n"
                 "ticks 2.300000000 2.300000000\n"
                 "ticks 3.000000000 3.000000000\n");
    end(&lab);
}

/* SIGTERM waits until a stopped process runs. */
TEST_CASE(node, a_frozen_program_that_is_stopped_runs_first)
{
    static struct world_lab lab;
    struct node *c = init(&lab);
    world_lab_boot(&lab);
    world_lab_run(&lab, 500);
    node_freeze(&lab.world, c);
    world_lab_run(&lab, 700);
    node_stop(&lab.world, c);
    expect_diary("starts 0.000000000 0.000000000\n"
                 "runs 0.700000000 0.700000000\n"
                 "stops 0.700000000 0.700000000\n");
    EXPECT_TRUE(!c->frozen);
    end(&lab);
}

TEST_CASE(node, a_frozen_program_that_is_killed_leaves_its_frames)
{
    static struct world_lab lab;
    struct node *c = init(&lab);
    world_lab_boot(&lab);
    node_freeze(&lab.world, c);
    world_lab_say(&lab, X, LAB_OTHER, 'a');
    world_lab_run(&lab, 10);
    EXPECT_U64(1, c->queued);
    node_kill(&lab.world, c);
    EXPECT_U64(0, c->queued);
    EXPECT_U64(0, lab.world.frames.used);
    end(&lab);
}

TEST_CASE(node, a_link_that_changes_is_told_to_who_runs)
{
    static struct world_lab lab;
    struct node *c = init(&lab);
    world_lab_boot(&lab);
    node_set_link(&lab.world, c, 0, true); /* it is up */
    world_lab_run(&lab, 100);
    node_set_link(&lab.world, c, 0, false);
    node_freeze(&lab.world, c);
    node_set_link(&lab.world, c, 0, true);
    expect_diary("starts 0.000000000 0.000000000\nlink down 0.100000000 0.100000000\n");
    end(&lab);
}

/* --- pauses: three clocks, two queues -----------------------------------------------------------
 */

static const struct {
    const char *why;
    enum pause_clock clock;
    bool queue_lost;
    const char *diary;
} pause_rows[] = {
    {"the clock went on", PAUSE_CONTINUES, false,
     "hears 12.500000000 12.500000000\n"
     "ticks 12.500000000 12.500000000\n"
     "ticks 13.000000000 13.000000000\n"},
    {"it stood still", PAUSE_STOPS, false,
     "hears 12.500000000 2.500000000\n"
     "runs 12.500000000 2.500000000\n"
     "ticks 13.000000000 3.000000000\n"},
    {"it stood still, and then jumps", PAUSE_JUMPS, false,
     "hears 12.500000000 2.500000000\n"
     "runs 12.500000000 2.500000000\n"
     "ticks 12.500000000 12.500000000\n"
     "ticks 13.000000000 13.000000000\n"},
    {"the queue is lost", PAUSE_CONTINUES, true,
     "ticks 12.500000000 12.500000000\n"
     "ticks 13.000000000 13.000000000\n"},
    {"both", PAUSE_STOPS, true,
     "runs 12.500000000 2.500000000\n"
     "ticks 13.000000000 3.000000000\n"},
};

TEST_CASE(node, a_pause_ends_with_the_clock_and_the_frames_it_left)
{
    static struct world_lab lab;
    for (size_t row = 0; row < sizeof pause_rows / sizeof *pause_rows; row++) {
        tk_row(pause_rows[row].why);
        struct node *c = init(&lab);
        world_lab_boot(&lab);
        world_lab_run(&lab, 2500);
        diary[0] = '\0';
        node_pause(&lab.world, c, pause_rows[row].queue_lost);
        world_lab_run(&lab, 5000);
        world_lab_say(&lab, X, LAB_OTHER, 'a');
        world_lab_run(&lab, 12500);
        expect_diary("");
        EXPECT_U64(pause_rows[row].queue_lost, c->dropped[DROP_PAUSED]);
        node_resume(&lab.world, c, CARP_SECONDS(10), pause_rows[row].clock);
        world_lab_run(&lab, 13200);
        expect_diary(pause_rows[row].diary);
        end(&lab);
    }
}

/* It was slower before the last change of its drift than after it: what it is told to have stood
 * still is more than what passed. Found by fuzz_sim. */
TEST_CASE(node, a_clock_that_stood_still_shows_no_less_than_before_the_pause)
{
    static struct world_lab lab;
    struct node *c = init(&lab);
    world_lab_boot(&lab);
    world_lab_run(&lab, 2500);
    node_pause(&lab.world, c, false);
    world_lab_run(&lab, 12500);
    node_set_drift(&lab.world, c, 200000);
    node_resume(&lab.world, c, CARP_SECONDS(10), PAUSE_STOPS);
    EXPECT_U64(UINT64_C(2500000000), node_now(&lab.world, c).ns);
    end(&lab);
}

/* Room for two: what comes after them while it sleeps overflows. */
TEST_CASE(node, the_queue_of_a_paused_machine_is_as_long_as_any)
{
    static struct world_lab lab;
    struct node *c = init(&lab);
    c->queue_max = 2;
    world_lab_boot(&lab);
    node_pause(&lab.world, c, false);
    for (unsigned i = 0; i < 5; i++) {
        world_lab_say(&lab, X, LAB_OTHER, 'a');
    }
    world_lab_run(&lab, 10);
    EXPECT_U64(2, c->queued);
    EXPECT_U64(3, c->dropped[DROP_OVERFLOW]);
    EXPECT_U64(2, c->heard);
    node_crash(&lab.world, c);
    EXPECT_U64(0, c->queued);
    EXPECT_TRUE(!c->paused);
    end(&lab);
}

/* What is for the kernel is answered by it, late; the daemon is not bothered with it. */
TEST_CASE(node, a_kernel_answers_after_a_pause_what_came_in_it)
{
    static struct world_lab lab;
    world_lab_init(&lab, 1);
    uint32_t a = world_lab_daemon(&lab, "a", 0);
    uint32_t client = world_lab_client(&lab, "c");
    world_lab_boot(&lab);
    world_lab_run(&lab, 4050); /* a is master since 3 s, and c knows */
    node_pause(&lab.world, world_lab_node(&lab, a), false);
    client_of(world_lab_node(&lab, client))->known = false;
    world_lab_run(&lab, 4550);
    uint64_t answered = client_of(world_lab_node(&lab, client))->answered;
    node_resume(&lab.world, world_lab_node(&lab, a), CARP_MILLISECONDS(500), PAUSE_CONTINUES);
    world_lab_run(&lab, 4590);
    EXPECT_U64(0, daemon_of(world_lab_node(&lab, a))->strangers);
    /* It answers the question, and the probe that waited for the answer. */
    EXPECT_TRUE(client_of(world_lab_node(&lab, client))->known);
    EXPECT_U64(answered + 1, client_of(world_lab_node(&lab, client))->answered);
    EXPECT_INT(0, world_lab_leaked(&lab));
    EXPECT_INT(0, world_lab_unaccounted(&lab));
    world_lab_free(&lab);
}

/* A frozen daemon's machine still answers for the addresses it holds. */
TEST_CASE(node, a_kernel_answers_while_its_daemon_is_frozen)
{
    static struct world_lab lab;
    world_lab_init(&lab, 1);
    uint32_t a = world_lab_daemon(&lab, "a", 0);
    uint32_t client = world_lab_client(&lab, "c");
    world_lab_boot(&lab);
    world_lab_run(&lab, 4050);
    node_freeze(&lab.world, world_lab_node(&lab, a));
    uint64_t answered = client_of(world_lab_node(&lab, client))->answered;
    world_lab_run(&lab, 5050);
    EXPECT_U64(answered + 10, client_of(world_lab_node(&lab, client))->answered);
    world_lab_free(&lab);
}
