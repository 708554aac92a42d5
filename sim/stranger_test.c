/*
 * Strangers without the key, each deed, and what our daemons make of it. a (advskew 0) is master
 * from 3 s on and speaks at each full second; b (advskew 100) waits 3.390625 s for it.
 */
#include "sim/stranger.h"

#include <string.h>

#include "sim/oracle.h"
#include "sim/world_lab.h"
#include "tools/testkit/testkit.h"

enum { A, B, S, C };

static struct node *init(struct world_lab *lab, uint64_t until_ms)
{
    world_lab_init(lab, 1);
    world_lab_daemon(lab, "a", 0);
    world_lab_daemon(lab, "b", 100);
    world_lab_stranger(lab, "s");
    world_lab_client(lab, "c");
    world_lab_boot(lab);
    world_lab_run(lab, until_ms);
    lab->story[0] = '\0';
    return world_lab_node(lab, S);
}

static void end(struct world_lab *lab)
{
    EXPECT_U64(0, lab->world.oracle->total);
    EXPECT_STR("", lab->world.oracle->violations[0].text);
    EXPECT_INT(0, world_lab_leaked(lab));
    EXPECT_INT(0, world_lab_unaccounted(lab));
    world_lab_free(lab);
}

static void expect_no_change(const struct world_lab *lab)
{
    EXPECT_U64(2, oracle_member(&lab->world, A, 0)->transitions);
    EXPECT_U64(1, oracle_member(&lab->world, B, 0)->transitions);
}

static uint64_t refused_by(struct world_lab *lab, uint32_t node, enum carp_verdict verdict)
{
    return daemon_of(world_lab_node(lab, node))->interfaces[0].verdicts[verdict] +
           lab->books[node].verdicts[verdict];
}

/* a is dead since 10.5 s, and its advert of 10 s is said again from 10.6 s on: the first time it is
 * taken for genuine (b has heard a count up, and one repeat may be), then no more. */
TEST_CASE(stranger, a_replay_does_not_keep_a_backup_down)
{
    static struct world_lab lab;
    struct node *s = init(&lab, 10500);
    node_crash(&lab.world, world_lab_node(&lab, A));
    world_lab_run(&lab, 10600);
    stranger_begin(&lab.world, s,
                   &(struct deed){.kind = DEED_REPLAY,
                                  .of = A,
                                  .period = CARP_MILLISECONDS(200),
                                  .ends = {UINT64_C(20000000000)}});
    world_lab_run(&lab, 12900);
    EXPECT_U64(12, stranger_of(s)->deeds[0].done); /* 10.6, 10.8 .. 12.8 s */
    EXPECT_U64(11, lab.books[B].verdicts[CARP_REPLAYED]);
    EXPECT_INT(CARP_BACKUP, world_lab_state(&lab, B));
    world_lab_run(&lab, 30000);
    EXPECT_INT(CARP_MASTER, world_lab_state(&lab, B));
    /* 10.600020 + 3.390625 s */
    EXPECT_U64(UINT64_C(13990645000), oracle_member(&lab.world, B, 0)->state_since.ns);
    EXPECT_U64(47, stranger_of(s)->deeds[0].done); /* until 19.8 s */
    world_lab_free(&lab);
}

TEST_CASE(stranger, replays_the_last_advert_of_anyone_and_nothing_when_it_heard_none)
{
    static struct world_lab lab;
    struct node *s = init(&lab, 2000);
    const struct deed replay = {.kind = DEED_REPLAY,
                                .of = NONE,
                                .period = CARP_SECONDS(1),
                                .ends = {UINT64_C(20000000000)}};
    stranger_begin(&lab.world, s, &replay);
    world_lab_run(&lab, 5500);
    EXPECT_U64(0, s->sent);
    stranger_begin(&lab.world, s, &replay);
    world_lab_run(&lab, 6000);
    EXPECT_U64(1, s->sent);
    EXPECT_U64(70, stranger_of(s)->deeds[1].size);
    EXPECT_BYTES(lab.world.nodes[A].nics[0].self.ipv4, stranger_of(s)->deeds[1].bytes + 26, 4);
    expect_no_change(&lab);
    end(&lab);
}

/* Each advert of a comes a second time with advbase 255, of which the digest says nothing. To a it
 * is its own, to b a repeat that contradicts what it heard under that counter. */
TEST_CASE(stranger, a_forged_interval_is_no_word_of_its_sender)
{
    static struct world_lab lab;
    struct node *s = init(&lab, 10500);
    stranger_begin(
        &lab.world, s,
        &(struct deed){
            .kind = DEED_FORGE, .of = A, .advbase = 255, .ends = {UINT64_C(11500000000)}});
    world_lab_run(&lab, 20000);
    EXPECT_STR("a 11.000040000 MASTER refuses 10.0.0.1 255/0 (looped)\n"
               "b 11.000040000 BACKUP refuses 10.0.0.1 255/0 (replayed)\n",
               lab.story);
    end(&lab);
}

/* A copy with better times changes nothing: b is backup of a either way. */
TEST_CASE(stranger, a_forged_better_master_is_nobody_new)
{
    static struct world_lab lab;
    struct node *s = init(&lab, 10500);
    stranger_begin(&lab.world, s,
                   &(struct deed){.kind = DEED_FORGE,
                                  .of = A,
                                  .advbase = 0,
                                  .advskew = 1,
                                  .ends = {UINT64_C(20500000000)}});
    world_lab_run(&lab, 30000);
    EXPECT_U64(10, s->sent);
    EXPECT_U64(10, refused_by(&lab, A, CARP_LOOPED));
    expect_no_change(&lab);
    end(&lab);
}

TEST_CASE(stranger, what_is_reflected_is_looped_to_its_sender_and_no_news_to_others)
{
    static struct world_lab lab;
    struct node *s = init(&lab, 10500);
    stranger_begin(
        &lab.world, s,
        &(struct deed){.kind = DEED_REFLECT, .of = NONE, .ends = {UINT64_C(20500000000)}});
    world_lab_run(&lab, 30000);
    EXPECT_U64(10, s->sent);
    EXPECT_U64(10, refused_by(&lab, A, CARP_LOOPED));
    expect_no_change(&lab);
    end(&lab);
}

/* A thousand a second for ten seconds, all for our vhid: each is a bad digest, nothing else. */
TEST_CASE(stranger, a_flood_changes_nothing)
{
    static struct world_lab lab;
    struct node *s = init(&lab, 10500);
    stranger_begin(&lab.world, s,
                   &(struct deed){.kind = DEED_FLOOD,
                                  .of = NONE,
                                  .vhid = 1,
                                  .period = CARP_MILLISECONDS(1),
                                  .ends = {UINT64_C(20500000000)}});
    world_lab_run(&lab, 60000);
    EXPECT_U64(10000, stranger_of(s)->deeds[0].done);
    EXPECT_U64(10000, lab.books[A].verdicts[CARP_BAD_DIGEST]);
    EXPECT_U64(10000, lab.books[B].verdicts[CARP_BAD_DIGEST]);
    EXPECT_U64(29, client_of(world_lab_node(&lab, C))->lost);
    expect_no_change(&lab);
    end(&lab);
}

/* Without a vhid of its own it draws one: 1 of 255 is ours. */
TEST_CASE(stranger, a_flood_of_any_vhid_is_mostly_for_others)
{
    static struct world_lab lab;
    struct node *s = init(&lab, 10500);
    stranger_begin(&lab.world, s,
                   &(struct deed){.kind = DEED_FLOOD,
                                  .of = NONE,
                                  .period = CARP_MILLISECONDS(1),
                                  .ends = {UINT64_C(20500000000)}});
    world_lab_run(&lab, 60000);
    uint64_t others = refused_by(&lab, B, CARP_OTHER_VHID);
    EXPECT_U64(10000, others + lab.books[B].verdicts[CARP_BAD_DIGEST]);
    EXPECT_TRUE(others > 9900 && others < 10000);
    expect_no_change(&lab);
    end(&lab);
}

TEST_CASE(stranger, a_vrrp_router_is_named)
{
    static struct world_lab lab;
    for (uint8_t version = 2; version <= 3; version++) {
        struct node *s = init(&lab, 10500);
        stranger_begin(&lab.world, s,
                       &(struct deed){.kind = DEED_VRRP,
                                      .of = NONE,
                                      .vhid = 1,
                                      .version = version,
                                      .period = CARP_SECONDS(1),
                                      .ends = {UINT64_C(15500000000)}});
        world_lab_run(&lab, 30000);
        EXPECT_U64(5, s->sent); /* 10.5 to 14.5 s */
        EXPECT_U64(5, refused_by(&lab, A, version == 2 ? CARP_VRRP2 : CARP_VRRP3));
        EXPECT_U64(5, refused_by(&lab, B, version == 2 ? CARP_VRRP2 : CARP_VRRP3));
        EXPECT_U64(5, daemon_of(world_lab_node(&lab, A))->strangers);
        expect_no_change(&lab);
        end(&lab);
    }
}

/* The client believes each announcement, so its probes go to the stranger, which is silent, until a
 * announces itself again: which it does not, for nobody tells it. */
TEST_CASE(stranger, a_spoofed_address_takes_the_clients_away)
{
    static struct world_lab lab;
    struct node *s = init(&lab, 10050);
    struct client *c = client_of(world_lab_node(&lab, C));
    lab.world.oracle->enabled[ORACLE_DATA] = false;
    stranger_begin(&lab.world, s,
                   &(struct deed){.kind = DEED_SPOOF,
                                  .of = NONE,
                                  .address = {4, {10, 0, 0, 254}},
                                  .period = CARP_SECONDS(1),
                                  .ends = {UINT64_C(12050000000)}});
    world_lab_run(&lab, 20050);
    EXPECT_U64(2, s->sent);
    EXPECT_U64(1, c->moves);
    EXPECT_BYTES(s->nics[0].self.mac, c->mac, 6);
    EXPECT_U64(29 + 90, c->lost); /* the probes of 10.1 to 19 s */
    expect_no_change(&lab);
    end(&lab);
}

/* Over IPv6 the same. */
TEST_CASE(stranger, a_spoofed_address_of_ipv6_too)
{
    static struct world_lab lab;
    world_lab_init(&lab, 1);
    lab.dual_stack = true;
    world_lab_daemon(&lab, "a", 0);
    uint32_t s = world_lab_stranger(&lab, "s");
    uint32_t c = world_lab_client(&lab, "c");
    world_lab_boot(&lab);
    world_lab_run(&lab, 10050);
    stranger_begin(&lab.world, world_lab_node(&lab, s),
                   &(struct deed){.kind = DEED_SPOOF,
                                  .of = NONE,
                                  .address = {6, {0xfd, [15] = 0xfe}},
                                  .period = CARP_SECONDS(1),
                                  .ends = {UINT64_C(11000000000)}});
    world_lab_run(&lab, 10100);
    EXPECT_BYTES(world_lab_node(&lab, s)->nics[0].self.mac, client_of(world_lab_node(&lab, c))->mac,
                 6);
    world_lab_free(&lab);
}

/* Frames from the virtual MAC make switches learn that address behind the stranger. Nobody of ours
 * answers under it. */
TEST_CASE(stranger, noise_from_the_virtual_mac_moves_none_of_ours)
{
    static struct world_lab lab;
    struct node *s = init(&lab, 10500);
    uint64_t moves = lab.world.switches[0].moves;
    stranger_begin(&lab.world, s,
                   &(struct deed){.kind = DEED_NOISE,
                                  .of = NONE,
                                  .vhid = 1,
                                  .period = CARP_SECONDS(1),
                                  .ends = {UINT64_C(20500000000)}});
    world_lab_run(&lab, 30000);
    EXPECT_U64(10, s->sent);
    EXPECT_U64(moves, lab.world.switches[0].moves);
    EXPECT_U64(29, client_of(world_lab_node(&lab, C))->lost);
    expect_no_change(&lab);
    end(&lab);
}

/* Two at once, each at its own pace, and one after the other. */
TEST_CASE(stranger, deeds_go_on_beside_each_other)
{
    static struct world_lab lab;
    struct node *s = init(&lab, 10000);
    struct deed deed = {.kind = DEED_VRRP,
                        .of = NONE,
                        .vhid = 9,
                        .version = 3,
                        .period = CARP_MILLISECONDS(300),
                        .ends = {UINT64_C(11000000000)}};
    stranger_begin(&lab.world, s, &deed);
    deed.version = 2;
    deed.period = CARP_MILLISECONDS(500);
    stranger_begin(&lab.world, s, &deed);
    world_lab_run(&lab, 20000);
    EXPECT_U64(4, refused_by(&lab, A, CARP_VRRP3)); /* 10.0, 10.3, 10.6, 10.9 */
    EXPECT_U64(2, refused_by(&lab, A, CARP_VRRP2)); /* 10.0, 10.5; 11.0 is its end */
    end(&lab);
}

/* It sleeps from 10.2 to 15 s, and then does what it missed, but nothing after its end. */
TEST_CASE(stranger, a_deed_ends_also_for_who_overslept_it)
{
    static struct world_lab lab;
    struct node *s = init(&lab, 10000);
    stranger_begin(&lab.world, s,
                   &(struct deed){.kind = DEED_VRRP,
                                  .of = NONE,
                                  .vhid = 9,
                                  .version = 3,
                                  .period = CARP_MILLISECONDS(500),
                                  .ends = {UINT64_C(12000000000)}});
    world_lab_run(&lab, 10200);
    node_pause(&lab.world, s, true);
    world_lab_run(&lab, 15000);
    node_resume(&lab.world, s, CARP_MILLISECONDS(4800), PAUSE_CONTINUES);
    world_lab_run(&lab, 20000);
    EXPECT_U64(4, refused_by(&lab, A, CARP_VRRP3)); /* 10.0; 10.5, 11.0 and 11.5 */
    end(&lab);
}
