/*
 * A client's neighbour cache and its accounts. It asks each 100 ms from 0.1 s on; a (advskew 0)
 * holds the address from 3 s on, b (advskew 100) after it. c is 20 us away from both.
 */
#include "sim/client.h"

#include <string.h>

#include "sim/oracle.h"
#include "sim/world_lab.h"
#include "tools/testkit/testkit.h"

enum { A, B, C };

static struct client *init(struct world_lab *lab, bool ipv6)
{
    world_lab_init(lab, 1);
    lab->dual_stack = ipv6;
    world_lab_daemon(lab, "a", 0);
    world_lab_daemon(lab, "b", 100);
    world_lab_client(lab, "c");
    return client_of(world_lab_node(lab, C));
}

static void end(struct world_lab *lab)
{
    EXPECT_U64(0, lab->world.oracle->total);
    EXPECT_INT(0, world_lab_leaked(lab));
    EXPECT_INT(0, world_lab_unaccounted(lab));
    world_lab_free(lab);
}

static void expect_accounts(const struct client *c, uint64_t sent, uint64_t answered, uint64_t lost)
{
    EXPECT_U64(sent, c->sent);
    EXPECT_U64(answered, c->answered);
    EXPECT_U64(lost, c->lost);
}

/* Nobody answers the questions of 0.1, 1.1 and 2.1 s. The announcement of 3 s is heard 20 us later,
 * and the probe of 3 s, the thirtieth, goes out with it; 29 were lost, from 0.1 s until then. */
TEST_CASE(client, learns_by_the_announcement_of_a_new_master)
{
    static struct world_lab lab;
    struct client *c = init(&lab, false);
    world_lab_boot(&lab);
    world_lab_run(&lab, 10050);
    expect_accounts(c, 100, 71, 29);
    EXPECT_U64(3, c->asks);
    EXPECT_U64(0, c->moves);
    EXPECT_U64(0, c->duplicates);
    EXPECT_U64(A, c->answered_by);
    EXPECT_U64(1, c->outages);
    EXPECT_U64(UINT64_C(2900000000), c->outage_max.ns);
    EXPECT_BYTES(lab.world.nodes[A].nics[0].self.mac, c->mac, 6);
    end(&lab);
}

/* It asks at 3.1 s, and the probe of that moment goes out with the answer: one more is lost. */
TEST_CASE(client, that_ignores_announcements_learns_by_the_answer_to_its_question)
{
    static struct world_lab lab;
    struct client *c = init(&lab, false);
    c->ignores_announcements = true;
    world_lab_boot(&lab);
    world_run(&lab.world, (carp_instant){UINT64_C(3100039999)});
    EXPECT_TRUE(!c->known);
    world_run(&lab.world, (carp_instant){UINT64_C(3100040000)});
    EXPECT_TRUE(c->known);
    world_lab_run(&lab, 10050);
    expect_accounts(c, 100, 70, 30);
    EXPECT_U64(4, c->asks);
    EXPECT_U64(UINT64_C(3000000000), c->outage_max.ns);
    end(&lab);
}

/* The same with neighbour advertisements: unsolicited ones, and answers to solicitations. */
TEST_CASE(client, learns_over_ipv6_in_the_same_ways)
{
    static struct world_lab lab;
    for (unsigned ignores = 0; ignores < 2; ignores++) {
        struct client *c = init(&lab, true);
        c->ignores_announcements = ignores;
        world_lab_boot(&lab);
        world_lab_run(&lab, 10050);
        EXPECT_U64(6, c->target.family);
        expect_accounts(c, 100, 71 - ignores, 29 + ignores);
        EXPECT_U64(3 + ignores, c->asks);
        node_crash(&lab.world, world_lab_node(&lab, A));
        world_lab_run(&lab, 20050);
        EXPECT_U64(ignores ? A : B, c->answered_by);
        world_lab_free(&lab);
    }
}

/* RFC 4861 7.2.5: without the override flag it replaces nothing that is known. */
TEST_CASE(client, keeps_what_it_knows_when_an_advertisement_does_not_override)
{
    static struct world_lab lab;
    struct client *c = init(&lab, true);
    world_lab_boot(&lab);
    world_lab_run(&lab, 10050);
    for (unsigned override = 0; override < 2; override++) {
        const struct carp_self *b = &lab.world.nodes[B].nics[0].self;
        struct frame_na na = {.override = override, .destination = {0xff, 0x02, [15] = 1}};
        const uint8_t all[6] = {0x33, 0x33, 0, 0, 0, 1};
        uint8_t bytes[FRAME_ROOM];
        memcpy(na.destination_mac, all, sizeof all);
        memcpy(na.source_mac, b->mac, 6);
        memcpy(na.target_mac, b->mac, 6);
        memcpy(na.source, b->ipv6, 16);
        memcpy(na.target, c->target.bytes, 16);
        fabric_send(&lab.world, world_lab_node(&lab, B), 0, bytes, frame_write_na(&na, bytes));
        world_lab_run(&lab, 10060 + override * 10);
        EXPECT_BYTES(lab.world.nodes[override ? B : A].nics[0].self.mac, c->mac, 6);
    }
    end(&lab);
}

/* a dies at 10.05 s; b announces itself at 13.390645 s. The probes of 10.1 to 13.3 s are lost. */
TEST_CASE(client, accounts_for_a_takeover_to_the_probe)
{
    static struct world_lab lab;
    struct client *c = init(&lab, false);
    world_lab_boot(&lab);
    world_lab_run(&lab, 10050);
    node_crash(&lab.world, world_lab_node(&lab, A));
    world_lab_run(&lab, 13000);
    EXPECT_U64(UINT64_C(2900000000), client_outage_max(c, lab.world.now).ns); /* it goes on */
    world_lab_run(&lab, 13350);
    EXPECT_U64(UINT64_C(3250000000), client_outage_max(c, lab.world.now).ns);
    world_lab_run(&lab, 20050);
    expect_accounts(c, 200, 138, 62);
    EXPECT_U64(1, c->moves);
    EXPECT_U64(B, c->answered_by);
    EXPECT_U64(2, c->outages);
    EXPECT_U64(UINT64_C(3300000000), c->outage_max.ns);
    EXPECT_U64(UINT64_C(6200000000), c->outage_sum.ns);
    EXPECT_U64(UINT64_C(3300000000), client_outage_max(c, lab.world.now).ns);
    end(&lab);
}

/* It learned at 3.100040 s. The entry is old at the probe of 303.2 s, when it asks anew, and b
 * answers: what was lost since 10.1 s ends with the probe of 303.3 s. */
TEST_CASE(client, that_ignores_announcements_is_out_until_its_entry_is_old)
{
    static struct world_lab lab;
    struct client *c = init(&lab, false);
    c->ignores_announcements = true;
    world_lab_boot(&lab);
    lab.world.oracle->enabled[ORACLE_DATA] = false; /* it is the client's own fault */
    world_lab_run(&lab, 10050);
    node_crash(&lab.world, world_lab_node(&lab, A));
    world_lab_run(&lab, 310000);
    EXPECT_U64(UINT64_C(293200000000), c->outage_max.ns);
    EXPECT_U64(2, c->outages);
    EXPECT_U64(5, c->asks);
    EXPECT_U64(B, c->answered_by);
    end(&lab);
}

/* Ten lives of an entry, and no probe is lost: it is asked about while it is in use. */
TEST_CASE(client, renews_its_entry_without_a_loss)
{
    static struct world_lab lab;
    struct client *c = init(&lab, false);
    c->lifetime = CARP_SECONDS(5);
    world_lab_boot(&lab);
    world_lab_run(&lab, 60050);
    EXPECT_U64(29, c->lost);
    EXPECT_U64(1, c->outages);
    EXPECT_TRUE(c->asks >= 3 + 10);
    end(&lab);
}

TEST_CASE(client, counts_what_was_answered_twice)
{
    static struct world_lab lab;
    struct client *c = init(&lab, false);
    world_lab_fault_in(
        &lab, C, (struct fault){.origin = NONE, .match = MATCH_PROBES, .duplicate_ppm = 1000000});
    world_lab_boot(&lab);
    world_lab_run(&lab, 10050);
    expect_accounts(c, 100, 71, 29);
    EXPECT_U64(71, c->duplicates);
    end(&lab);
}

/* From 5.1 to 8 s answers take 1.5 s: each of the thirty probes is lost, and its answer late. */
TEST_CASE(client, an_answer_after_a_second_is_late_and_its_probe_lost)
{
    static struct world_lab lab;
    struct client *c = init(&lab, false);
    world_lab_boot(&lab);
    world_lab_run(&lab, 5050);
    uint32_t slow = world_lab_fault_in(
        &lab, C,
        (struct fault){.origin = NONE, .match = MATCH_PROBES, .delay = CARP_MILLISECONDS(1500)});
    lab.world.oracle->enabled[ORACLE_DATA] = false;
    world_lab_run(&lab, 8050);
    fabric_remove_fault(&lab.world, slow);
    world_lab_run(&lab, 20050);
    expect_accounts(c, 200, 200 - 29 - 30, 29 + 30);
    EXPECT_U64(30, c->late);
    EXPECT_U64(2, c->outages);
    EXPECT_U64(UINT64_C(3000000000), c->outage_max.ns);
    end(&lab);
}

/* An answer just within the second counts, one just after it does not, whatever the period. */
TEST_CASE(client, patience_ends_after_one_second_to_the_nanosecond)
{
    static struct world_lab lab;
    static const uint64_t delays[2] = {1000000000 - 40000 - 1, 1000000000 - 40000};
    for (unsigned i = 0; i < 2; i++) {
        struct client *c = init(&lab, false);
        c->period = CARP_MILLISECONDS(300);
        world_lab_boot(&lab);
        world_lab_run(&lab, 5000);
        uint64_t lost = c->lost;
        lab.world.oracle->enabled[ORACLE_DATA] = false;
        world_lab_fault_in(
            &lab, C, (struct fault){.origin = NONE, .match = MATCH_PROBES, .delay = {delays[i]}});
        world_lab_run(&lab, 20000);
        EXPECT_INT(i == 0, c->lost == lost);
        EXPECT_INT(i == 1, c->late > 40);
        end(&lab);
    }
}

/* a and x hold the same address under different keys. c asks at 5.2 s, when its entry of 3.100040 s
 * is 2 s old; a confirms it, and x, which is the second on the switch, contradicts. */
TEST_CASE(client, two_answers_to_one_question_are_a_conflict)
{
    static struct world_lab lab;
    world_lab_init(&lab, 1);
    world_lab_daemon(&lab, "a", 0);
    world_lab_daemon_with_key(&lab, "x", 100, "other");
    world_lab_client(&lab, "c");
    struct client *c = client_of(world_lab_node(&lab, C));
    c->ignores_announcements = true;
    c->lifetime = CARP_SECONDS(2);
    world_lab_boot(&lab);
    world_lab_run(&lab, 5190);
    EXPECT_U64(0, c->conflicts);
    world_lab_run(&lab, 6000);
    EXPECT_U64(1, c->conflicts);
    EXPECT_U64(1, c->moves);
    EXPECT_U64(1, c->answered_by);
    world_lab_free(&lab);
}

TEST_CASE(client, forgets_its_cache_when_it_boots)
{
    static struct world_lab lab;
    struct client *c = init(&lab, false);
    world_lab_boot(&lab);
    world_lab_run(&lab, 5050);
    node_crash(&lab.world, world_lab_node(&lab, C));
    node_boot(&lab.world, world_lab_node(&lab, C));
    EXPECT_TRUE(!c->known);
    uint64_t asks = c->asks, answered = c->answered;
    world_lab_run(&lab, 5200); /* a probe at 5.15 s, which waits for the answer */
    EXPECT_U64(asks + 1, c->asks);
    EXPECT_U64(answered + 1, c->answered);
    world_lab_run(&lab, 10000);
    EXPECT_U64(29, c->lost);
    end(&lab);
}
