/*
 * Our daemon on a simulated machine, told by its story. a (advskew 0) is master from 3 s on and
 * speaks at each full second; b (advskew 100) hears it 20 us later, waits 3.390625 s for it and
 * speaks each 1.390625 s. Where that keeps the story short they do not preempt.
 */
#include <errno.h>
#include <string.h>

#include "sim/oracle.h"
#include "sim/world_lab.h"
#include "tools/testkit/testkit.h"

enum { A, B };

static void init(struct world_lab *lab, bool preempt)
{
    world_lab_init(lab, 1);
    world_lab_daemon(lab, "a", 0);
    world_lab_daemon(lab, "b", 100);
    lab->configs[A].preempt = lab->configs[B].preempt = preempt;
}

/* Boot, and go on until a millisecond after which the story begins anew. */
static void begin(struct world_lab *lab, uint64_t from_ms)
{
    world_lab_boot(lab);
    world_lab_run(lab, from_ms);
    lab->story[0] = '\0';
}

static void expect_story(struct world_lab *lab, const char *want)
{
    EXPECT_STR(want, lab->story);
    lab->story[0] = '\0';
}

static void end(struct world_lab *lab)
{
    EXPECT_U64(0, lab->world.oracle->total);
    EXPECT_STR("", lab->world.oracle->violations[0].text);
    EXPECT_INT(0, world_lab_unaccounted(lab));
    EXPECT_INT(0, world_lab_leaked(lab));
    world_lab_free(lab);
}

/* --- ends ------------------------------------------------------------------------------------- */

/* After half a minute in which nothing happened, so that a change that nobody caused would be
 * called a flap. */
TEST_CASE(daemon, a_crash_after_a_quiet_time_is_a_takeover_from_silence)
{
    static struct world_lab lab;
    init(&lab, true);
    begin(&lab, 40500);
    node_crash(&lab.world, world_lab_node(&lab, A));
    EXPECT_TRUE(!world_lab_holds(&lab, A));
    world_lab_run(&lab, 45000);
    expect_story(&lab, "b 43.390645000 BACKUP -> MASTER (silence): claim, send, announce\n");
    end(&lab);
}

TEST_CASE(daemon, a_clean_stop_hands_over_within_a_frames_time)
{
    static struct world_lab lab;
    init(&lab, true);
    begin(&lab, 40500);
    node_stop(&lab.world, world_lab_node(&lab, A));
    EXPECT_TRUE(!world_lab_holds(&lab, A));
    world_lab_run(&lab, 50000);
    expect_story(&lab, "a 40.500000000 MASTER -> INIT (stopped): release, send\n"
                       "b 40.500020000 BACKUP hears 10.0.0.1 255/255 -> MASTER (farewell): claim, "
                       "send, announce\n");
    EXPECT_TRUE(world_lab_holds(&lab, B));
    end(&lab);
}

/* The guardian hears of the death 2 ms later; it releases, and says the farewell it was given. */
TEST_CASE(daemon, a_killed_master_is_released_by_its_guardian)
{
    static struct world_lab lab;
    init(&lab, true);
    begin(&lab, 40500);
    node_kill(&lab.world, world_lab_node(&lab, A));
    world_lab_run(&lab, 40501);
    EXPECT_TRUE(world_lab_holds(&lab, A));
    world_lab_run(&lab, 40502);
    EXPECT_TRUE(!world_lab_holds(&lab, A));
    world_lab_run(&lab, 50000);
    expect_story(&lab, "b 40.502020000 BACKUP hears 10.0.0.1 255/255 -> MASTER (farewell): claim, "
                       "send, announce\n");
    end(&lab);
}

TEST_CASE(daemon, a_killed_backup_leaves_nothing_to_release)
{
    static struct world_lab lab;
    init(&lab, true);
    begin(&lab, 10500);
    uint64_t sent = world_lab_node(&lab, B)->sent;
    node_kill(&lab.world, world_lab_node(&lab, B));
    world_lab_run(&lab, 20000);
    EXPECT_U64(sent, world_lab_node(&lab, B)->sent);
    expect_story(&lab, "");
    end(&lab);
}

/* The farewell's counter is 2^20 ahead; what the daemon says after its restart is newer again, for
 * it counts from wall time. */
TEST_CASE(daemon, a_killed_master_comes_back_and_preempts)
{
    static struct world_lab lab;
    init(&lab, true);
    begin(&lab, 10500);
    node_kill(&lab.world, world_lab_node(&lab, A));
    world_lab_run(&lab, 11000);
    node_start(&lab.world, world_lab_node(&lab, A));
    world_lab_run(&lab, 15000);
    /* b speaks at 10.502020 s and 1.390625 s later. */
    expect_story(&lab, "b 10.502020000 BACKUP hears 10.0.0.1 255/255 -> MASTER (farewell): claim, "
                       "send, announce\n"
                       "a 11.000000000 INIT -> BACKUP (link-up)\n"
                       "a 11.892665000 BACKUP hears 10.0.0.2 1/100 -> MASTER (preempt): claim, "
                       "send, announce\n"
                       "b 11.892685000 MASTER hears 10.0.0.1 1/0 -> BACKUP (better-master): "
                       "release, send\n"
                       "a 11.892705000 MASTER hears 10.0.0.2 1/100 (worse-master): announce\n");
    end(&lab);
}

/* Within the 2 ms after which its guardian hears of the death: that one lets go first, and the new
 * one finds nothing there. */
TEST_CASE(daemon, a_killed_master_that_is_started_at_once_finds_its_address_gone)
{
    static struct world_lab lab;
    init(&lab, false);
    begin(&lab, 40500);
    node_kill(&lab.world, world_lab_node(&lab, A));
    world_lab_run(&lab, 40501);
    node_start(&lab.world, world_lab_node(&lab, A));
    EXPECT_TRUE(!world_lab_holds(&lab, A));
    world_lab_run(&lab, 50000);
    expect_story(&lab, "a 40.501000000 INIT -> BACKUP (link-up)\n"
                       "b 40.501020000 BACKUP hears 10.0.0.1 255/255 -> MASTER (farewell): claim, "
                       "send, announce\n");
    end(&lab);
}

TEST_CASE(daemon, without_guardian_and_lifetimes_the_address_of_a_killed_master_stays)
{
    static struct world_lab lab;
    init(&lab, true);
    daemon_of(world_lab_node(&lab, A))->machine.unguarded = true;
    begin(&lab, 10500);
    node_kill(&lab.world, world_lab_node(&lab, A));
    world_lab_run(&lab, 30000);
    expect_story(&lab, "b 13.390645000 BACKUP -> MASTER (silence): claim, send, announce\n");
    EXPECT_TRUE(world_lab_holds(&lab, A));
    EXPECT_U64(1, lab.world.oracle->counts[ORACLE_LEFT]);
    EXPECT_U64(1, lab.world.oracle->total);
    node_start(&lab.world, world_lab_node(&lab, A)); /* carpd removes what it finds */
    EXPECT_TRUE(!world_lab_holds(&lab, A));
    world_lab_free(&lab);
}

/* --- input and deadlines ------------------------------------------------------------------------
 */

/* What b heard at 10 s lasts until 13.390645 s. a's adverts of 11 and 12 s are lost, the one of 13
 * s is late by so much: with the deadline it is read first, a nanosecond later it finds a master.
 */
TEST_CASE(daemon, hears_what_comes_with_its_deadline_before_it_acts_on_that)
{
    for (uint64_t late_ns = 390625000; late_ns <= 390625001; late_ns++) {
        static struct world_lab lab;
        init(&lab, false);
        begin(&lab, 10500);
        uint32_t fault =
            world_lab_fault_out(&lab, A, (struct fault){.origin = NONE, .blocks = true});
        world_lab_run(&lab, 12500);
        fabric_remove_fault(&lab.world, fault);
        world_lab_fault_out(&lab, A, (struct fault){.origin = NONE, .delay = {late_ns}});
        world_lab_run(&lab, 13900);
        expect_story(&lab,
                     late_ns == 390625000
                         ? ""
                         : "b 13.390645000 BACKUP -> MASTER (silence): claim, send, announce\n"
                           "b 13.390645001 MASTER hears 10.0.0.1 1/0 -> BACKUP "
                           "(better-master): release, send\n"
                           "a 13.390665000 MASTER hears 10.0.0.2 1/100 (worse-master): "
                           "announce\n"
                           "a 13.390665001 MASTER hears 10.0.0.2 1/100 (worse-master)\n");
        end(&lab);
    }
}

/* --- freezes ---------------------------------------------------------------------------------- */

/* Its last sign of life is the advert of 10 s; 3 s later the guardian's patience is over. When it
 * thaws it finds its addresses gone, and listens. */
TEST_CASE(daemon, a_frozen_master_is_released_when_patience_is_over_and_comes_back_as_backup)
{
    static struct world_lab lab;
    init(&lab, false);
    begin(&lab, 10500);
    node_freeze(&lab.world, world_lab_node(&lab, A));
    world_lab_run(&lab, 12999);
    EXPECT_TRUE(world_lab_holds(&lab, A));
    world_lab_run(&lab, 13000);
    EXPECT_TRUE(!world_lab_holds(&lab, A));
    world_lab_run(&lab, 20000);
    node_thaw(&lab.world, world_lab_node(&lab, A));
    world_lab_run(&lab, 60000);
    expect_story(&lab, "b 13.000020000 BACKUP hears 10.0.0.1 255/255 -> MASTER (farewell): claim, "
                       "send, announce\n"
                       "a 20.000000000 MASTER -> BACKUP (overslept): release\n");
    EXPECT_TRUE(!world_lab_holds(&lab, A));
    end(&lab);
}

/* Deadlines of 11 s and 12 s were missed, by less than 2 s: patience less an interval. */
TEST_CASE(daemon, a_master_that_was_frozen_for_less_than_that_goes_on)
{
    static struct world_lab lab;
    init(&lab, true);
    begin(&lab, 10500);
    node_freeze(&lab.world, world_lab_node(&lab, A));
    world_lab_run(&lab, 12900);
    node_thaw(&lab.world, world_lab_node(&lab, A));
    world_lab_run(&lab, 20000);
    expect_story(&lab, "");
    EXPECT_TRUE(world_lab_holds(&lab, A));
    end(&lab);
}

/* Whenever it is frozen, and with commands, which have no kernel lifetime, too. */
TEST_CASE(daemon, the_guardian_counts_from_the_last_sign_of_life_at_any_moment)
{
    static struct world_lab lab;
    for (uint64_t tenth = 0; tenth < 80; tenth++) {
        init(&lab, false);
        daemon_of(world_lab_node(&lab, A))->machine.commands = (tenth & 1) != 0;
        begin(&lab, 5000 + tenth * 100);
        node_freeze(&lab.world, world_lab_node(&lab, A));
        uint64_t last_ms = 5000 + tenth * 100 / 1000 * 1000;
        world_lab_run(&lab, last_ms + 2999);
        ASSERT_TRUE(world_lab_holds(&lab, A));
        world_lab_run(&lab, last_ms + 3001);
        ASSERT_TRUE(!world_lab_holds(&lab, A));
        EXPECT_INT(CARP_MASTER, world_lab_state(&lab, B));
        end(&lab);
    }
}

/* Lifetimes are whole seconds: 3 s of patience and one to spare from 10 s on. b was there before.
 */
TEST_CASE(daemon, when_the_guardian_is_frozen_too_the_kernel_ends_the_address)
{
    static struct world_lab lab;
    init(&lab, false);
    begin(&lab, 10500);
    daemon_freeze_all(&lab.world, world_lab_node(&lab, A));
    world_lab_run(&lab, 13999);
    EXPECT_TRUE(world_lab_holds(&lab, A) && world_lab_holds(&lab, B));
    world_lab_run(&lab, 14000);
    EXPECT_TRUE(!world_lab_holds(&lab, A));
    world_lab_run(&lab, 20000);
    node_thaw(&lab.world, world_lab_node(&lab, A));
    world_lab_run(&lab, 25000);
    expect_story(&lab, "b 13.390645000 BACKUP -> MASTER (silence): claim, send, announce\n"
                       "a 20.000000000 MASTER -> BACKUP (overslept): release\n");
    end(&lab);
}

/* a thaws, is master again when b is gone, and is frozen once more, its guardian not. */
TEST_CASE(daemon, a_guardian_that_thawed_guards_again)
{
    static struct world_lab lab;
    init(&lab, false);
    begin(&lab, 10500);
    daemon_freeze_all(&lab.world, world_lab_node(&lab, A));
    world_lab_run(&lab, 20000);
    node_thaw(&lab.world, world_lab_node(&lab, A));
    world_lab_run(&lab, 21000);
    node_stop(&lab.world, world_lab_node(&lab, B));
    world_lab_run(&lab, 30500);
    node_freeze(&lab.world, world_lab_node(&lab, A)); /* its last advert was at 30.000020 s */
    world_lab_run(&lab, 33000);
    EXPECT_TRUE(world_lab_holds(&lab, A));
    world_lab_run(&lab, 33001);
    EXPECT_TRUE(!world_lab_holds(&lab, A));
    end(&lab);
}

/* --- pauses ----------------------------------------------------------------------------------- */

/* The clock went on, so it knows that it was away. b's adverts came at 13.390645 s and each
 * 1.390625 s: one at 41.203145 s. */
TEST_CASE(daemon, a_master_that_was_paused_listens_first)
{
    static struct world_lab lab;
    init(&lab, true);
    begin(&lab, 10500);
    node_pause(&lab.world, world_lab_node(&lab, A), true);
    world_lab_run(&lab, 40500);
    node_resume(&lab.world, world_lab_node(&lab, A), CARP_SECONDS(30), PAUSE_CONTINUES);
    EXPECT_TRUE(!world_lab_holds(&lab, A));
    world_lab_run(&lab, 60000);
    expect_story(&lab, "b 13.390645000 BACKUP -> MASTER (silence): claim, send, announce\n"
                       "a 40.500000000 MASTER -> BACKUP (overslept): release\n"
                       "a 41.203165000 BACKUP hears 10.0.0.2 1/100 -> MASTER (preempt): claim, "
                       "send, announce\n"
                       "b 41.203185000 MASTER hears 10.0.0.1 1/0 -> BACKUP (better-master): "
                       "release, send\n"
                       "a 41.203205000 MASTER hears 10.0.0.2 1/100 (worse-master): announce\n");
    end(&lab);
}

/* The clock stood still: it cannot know, and is master beside b until its next advert, which is due
 * half a second of its clock after it fell asleep. */
TEST_CASE(daemon, two_masters_after_a_pause_with_the_clock_last_less_than_an_interval)
{
    static struct world_lab lab;
    init(&lab, true);
    begin(&lab, 10500);
    node_pause(&lab.world, world_lab_node(&lab, A), true);
    world_lab_run(&lab, 40500);
    node_resume(&lab.world, world_lab_node(&lab, A), CARP_SECONDS(30), PAUSE_STOPS);
    EXPECT_TRUE(world_lab_holds(&lab, A) && world_lab_holds(&lab, B));
    world_lab_run(&lab, 60000);
    expect_story(&lab, "b 13.390645000 BACKUP -> MASTER (silence): claim, send, announce\n"
                       "b 41.000020000 MASTER hears 10.0.0.1 1/0 -> BACKUP (better-master): "
                       "release, send\n"
                       "a 41.000040000 MASTER hears 10.0.0.2 1/100 (worse-master): announce\n");
    EXPECT_U64(UINT64_C(500020000), lab.world.oracle->tallies[1].many_longest.ns);
    end(&lab);
}

/* --- addresses -------------------------------------------------------------------------------- */

TEST_CASE(daemon, a_removed_address_is_put_back_three_times_then_given_up)
{
    static struct world_lab lab;
    init(&lab, false);
    begin(&lab, 10100);
    for (uint64_t i = 0; i < 4; i++) {
        daemon_lose_address(&lab.world, world_lab_node(&lab, A), 0);
        EXPECT_INT(i < 3, world_lab_holds(&lab, A));
        world_lab_run(&lab, 10200 + i * 100);
    }
    expect_story(&lab, "a 10.100000000 MASTER (restored): announce\n"
                       "a 10.200000000 MASTER (restored): announce\n"
                       "a 10.300000000 MASTER (restored): announce\n"
                       "a 10.400000000 MASTER -> BACKUP (claim-failed): release, send\n"
                       "b 10.400020000 BACKUP hears 10.0.0.1 255/255 -> MASTER (farewell): claim, "
                       "send, announce\n");
    daemon_lose_address(&lab.world, world_lab_node(&lab, A), 0); /* it has none */
    world_lab_run(&lab, 20000);
    expect_story(&lab, "");
    end(&lab);
}

/* Three in a minute; the fourth after it is the first of another. */
TEST_CASE(daemon, addresses_that_are_removed_now_and_then_are_put_back_each_time)
{
    static struct world_lab lab;
    init(&lab, false);
    begin(&lab, 100000);
    for (uint64_t i = 0; i < 9; i++) {
        daemon_lose_address(&lab.world, world_lab_node(&lab, A), 0);
        EXPECT_TRUE(world_lab_holds(&lab, A));
        world_lab_run(&lab, 100000 + (i + 1) * 25000);
    }
    EXPECT_INT(CARP_MASTER, world_lab_state(&lab, A));
    end(&lab);
}

TEST_CASE(daemon, an_address_that_cannot_be_claimed_is_left_to_others)
{
    static struct world_lab lab;
    init(&lab, false);
    daemon_of(world_lab_node(&lab, A))->machine.claim_error = -EPERM;
    begin(&lab, 2000);
    world_lab_run(&lab, 20000);
    expect_story(&lab, "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
                       "a 3.000000000 MASTER -> BACKUP (claim-failed): release, send\n"
                       "b 3.000020000 BACKUP hears 10.0.0.1 255/255 -> MASTER (farewell): claim, "
                       "send, announce\n");
    end(&lab);
}

/* --- commands --------------------------------------------------------------------------------- */

/* Demoted to 1/150 for five seconds: b preempts at once, and a at b's first advert after that,
 * which is the fourth: 10.500020 + 4 * 1.390625 s. */
TEST_CASE(daemon, a_demotion_is_told_at_once_and_ends_by_itself)
{
    static struct world_lab lab;
    init(&lab, true);
    begin(&lab, 40500);
    daemon_demote(&lab.world, world_lab_node(&lab, A), 0, 150, CARP_SECONDS(5));
    world_lab_run(&lab, 60000);
    expect_story(&lab, "a 40.500000000 MASTER (demoted): send\n"
                       "b 40.500020000 BACKUP hears 10.0.0.1 1/150 -> MASTER (preempt): claim, "
                       "send, announce\n"
                       "a 40.500040000 MASTER hears 10.0.0.2 1/100 -> BACKUP (better-master): "
                       "release, send\n"
                       "b 40.500060000 MASTER hears 10.0.0.1 1/150 (worse-master): announce\n"
                       "a 45.500000000 BACKUP (demoted)\n"
                       "a 46.062540000 BACKUP hears 10.0.0.2 1/100 -> MASTER (preempt): claim, "
                       "send, announce\n"
                       "b 46.062560000 MASTER hears 10.0.0.1 1/0 -> BACKUP (better-master): "
                       "release, send\n"
                       "a 46.062580000 MASTER hears 10.0.0.2 1/100 (worse-master): announce\n");
    end(&lab);
}

TEST_CASE(daemon, a_demotion_without_an_end_stays_until_it_is_lifted)
{
    static struct world_lab lab;
    init(&lab, true);
    begin(&lab, 10500);
    daemon_demote(&lab.world, world_lab_node(&lab, A), 0, 150, (carp_duration){0});
    world_lab_run(&lab, 100000);
    EXPECT_INT(CARP_BACKUP, world_lab_state(&lab, A));
    daemon_demote(&lab.world, world_lab_node(&lab, A), 0, 0, (carp_duration){0});
    world_lab_run(&lab, 102000);
    EXPECT_INT(CARP_MASTER, world_lab_state(&lab, A));
    end(&lab);
}

TEST_CASE(daemon, an_operator_can_make_it_yield)
{
    static struct world_lab lab;
    init(&lab, false);
    begin(&lab, 40500);
    daemon_yield(&lab.world, world_lab_node(&lab, B), 0); /* a backup has nothing to give up */
    daemon_yield(&lab.world, world_lab_node(&lab, A), 0);
    world_lab_run(&lab, 60000);
    expect_story(&lab, "a 40.500000000 MASTER -> BACKUP (operator): release, send\n"
                       "b 40.500020000 BACKUP hears 10.0.0.1 255/255 -> MASTER (farewell): claim, "
                       "send, announce\n");
    end(&lab);
}

TEST_CASE(daemon, a_link_that_goes_down_ends_mastership_and_starts_anew)
{
    static struct world_lab lab;
    init(&lab, true);
    begin(&lab, 10500);
    node_set_link(&lab.world, world_lab_node(&lab, A), 0, false);
    EXPECT_TRUE(!world_lab_holds(&lab, A));
    world_lab_run(&lab, 20000);
    node_set_link(&lab.world, world_lab_node(&lab, A), 0, true);
    world_lab_run(&lab, 30000);
    expect_story(&lab, "a 10.500000000 MASTER -> INIT (link-down): release\n"
                       "b 13.390645000 BACKUP -> MASTER (silence): claim, send, announce\n"
                       "a 20.000000000 INIT -> BACKUP (link-up)\n"
                       "a 20.343790000 BACKUP hears 10.0.0.2 1/100 -> MASTER (preempt): claim, "
                       "send, announce\n"
                       "b 20.343810000 MASTER hears 10.0.0.1 1/0 -> BACKUP (better-master): "
                       "release, send\n"
                       "a 20.343830000 MASTER hears 10.0.0.2 1/100 (worse-master): announce\n");
    end(&lab);
}

/* --- slow commands ---------------------------------------------------------------------------- */

/* Up takes two seconds: adverts go on meanwhile, or b would have taken over. Down takes 300 ms:
 * the farewell does not wait for it, and nobody says another. */
TEST_CASE(daemon, adverts_go_on_while_a_command_runs)
{
    static struct world_lab lab;
    init(&lab, false);
    struct machine *m = &daemon_of(world_lab_node(&lab, A))->machine;
    m->commands = true;
    m->up_time = CARP_SECONDS(2);
    m->down_time = CARP_MILLISECONDS(300);
    begin(&lab, 4999);
    EXPECT_TRUE(!world_lab_holds(&lab, A));
    world_lab_run(&lab, 5000);
    EXPECT_TRUE(world_lab_holds(&lab, A));
    EXPECT_U64(2, lab.books[B].verdicts[CARP_ACCEPTED]); /* of 3 and 4 s; that of 5 is on its way */
    world_lab_run(&lab, 10500);
    EXPECT_U64(8, lab.books[B].verdicts[CARP_ACCEPTED]);
    uint64_t sent = world_lab_node(&lab, A)->sent;
    node_stop(&lab.world, world_lab_node(&lab, A));
    world_lab_run(&lab, 10799);
    EXPECT_TRUE(world_lab_holds(&lab, A));
    world_lab_run(&lab, 10800);
    EXPECT_TRUE(!world_lab_holds(&lab, A));
    world_lab_run(&lab, 20000);
    EXPECT_U64(sent + 1, world_lab_node(&lab, A)->sent);
    EXPECT_U64(2, lab.machine_groups[A].commands);
    end(&lab);
}

/* Yielding and coming back while the up command of two seconds still runs: one command. */
TEST_CASE(daemon, the_newest_wish_wins_when_a_command_ends)
{
    static struct world_lab lab;
    world_lab_init(&lab, 1);
    uint32_t a = world_lab_daemon(&lab, "a", 0);
    struct machine *m = &daemon_of(world_lab_node(&lab, a))->machine;
    m->commands = true;
    m->up_time = CARP_SECONDS(5);
    m->down_time = CARP_SECONDS(1);
    begin(&lab, 3500);
    daemon_yield(&lab.world, world_lab_node(&lab, a), 0);
    world_lab_run(&lab, 7999);
    expect_story(&lab, "a 3.500000000 MASTER -> BACKUP (operator): release, send\n"
                       "a 6.500000000 BACKUP -> MASTER (silence): claim, send, announce\n");
    EXPECT_TRUE(!world_lab_holds(&lab, a));
    world_lab_run(&lab, 8000);
    EXPECT_TRUE(world_lab_holds(&lab, a));
    world_lab_run(&lab, 20000);
    EXPECT_U64(1, lab.machine_groups[a].commands);
    EXPECT_TRUE(world_lab_holds(&lab, a));
    end(&lab);
}

/* --- sending ---------------------------------------------------------------------------------- */

/* The adverts of 11, 12 and 13 s fail: demoted. b takes over from silence, and a, which hears it,
 * yields and leaves it alone for ten master-down times of 1/240: 39.375 s. b's first advert after
 * 52.765665 s is the one of 13.390645 + 29 * 1.390625. Nobody calls that a flap. */
TEST_CASE(daemon, three_adverts_that_cannot_be_sent_are_a_demotion)
{
    static struct world_lab lab;
    init(&lab, true);
    begin(&lab, 10500);
    daemon_of(world_lab_node(&lab, A))->machine.send_error = -ENOBUFS;
    world_run(&lab.world, (carp_instant){UINT64_C(13390670000)});
    expect_story(&lab, "a 11.000000000 MASTER (send-failed)\n"
                       "a 12.000000000 MASTER (send-failed)\n"
                       "a 13.000000000 MASTER (send-failed) [sending fails]\n"
                       "b 13.390645000 BACKUP -> MASTER (silence): claim, send, announce\n"
                       "a 13.390665000 MASTER hears 10.0.0.2 1/100 -> BACKUP (better-master): "
                       "release, send\n");
    world_lab_run(&lab, 20000);
    daemon_of(world_lab_node(&lab, A))->machine.send_error = 0;
    world_lab_run(&lab, 53000);
    EXPECT_TRUE(strstr(lab.story, "->") == NULL);
    lab.story[0] = '\0';
    world_lab_run(&lab, 60000);
    expect_story(&lab, "a 53.718790000 BACKUP hears 10.0.0.2 1/100 -> MASTER (preempt): claim, "
                       "send, announce\n"
                       "b 53.718810000 MASTER hears 10.0.0.1 1/0 -> BACKUP (better-master): "
                       "release, send\n"
                       "a 53.718830000 MASTER hears 10.0.0.2 1/100 (worse-master): announce\n");
    end(&lab);
}

/* Demoted to 1/240 it speaks each 1.9375 s: at 14, 15.9375 and 17.875 s, and then knows. */
TEST_CASE(daemon, three_adverts_that_leave_lift_the_demotion)
{
    static struct world_lab lab;
    world_lab_init(&lab, 1);
    uint32_t a = world_lab_daemon(&lab, "a", 0);
    begin(&lab, 10500);
    daemon_of(world_lab_node(&lab, a))->machine.send_error = -ENOBUFS;
    world_lab_run(&lab, 13500);
    EXPECT_U64(3, daemon_of(world_lab_node(&lab, a))->machine.send_failures);
    daemon_of(world_lab_node(&lab, a))->machine.send_error = 0;
    world_lab_run(&lab, 30000);
    expect_story(&lab, "a 11.000000000 MASTER (send-failed)\n"
                       "a 12.000000000 MASTER (send-failed)\n"
                       "a 13.000000000 MASTER (send-failed) [sending fails]\n"
                       "a 19.812500000 MASTER (advert-due): send [sending works]\n");
    end(&lab);
}

TEST_CASE(daemon, its_own_adverts_that_come_back_are_looped)
{
    static struct world_lab lab;
    world_lab_init(&lab, 1);
    uint32_t a = world_lab_daemon(&lab, "a", 0);
    lab.world.switches[0].reflects = true;
    begin(&lab, 2000);
    world_lab_run(&lab, 4500);
    expect_story(&lab, "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
                       "a 3.000020000 MASTER refuses 10.0.0.1 1/0 (looped)\n"
                       "a 4.000020000 MASTER refuses 10.0.0.1 1/0 (looped)\n");
    EXPECT_U64(2, lab.books[a].verdicts[CARP_LOOPED]);
    end(&lab);
}
