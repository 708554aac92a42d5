/*
 * Cables and what goes wrong on them: each fault alone, with its arrivals to the nanosecond. x, y
 * and z listen on one switch, 20 us from each other. A lab's frame takes (101 + 24) * 8 = 1000
 * bits.
 */
#include <stdio.h>
#include <string.h>

#include "sim/oracle.h"
#include "sim/world_lab.h"
#include "tools/testkit/testkit.h"

enum { X, Y, Z };

static void init(struct world_lab *lab, uint64_t seed)
{
    world_lab_init(lab, seed);
    world_lab_listener(lab, "x");
    world_lab_listener(lab, "y");
    world_lab_listener(lab, "z");
    world_lab_boot(lab);
}

static void end(struct world_lab *lab)
{
    EXPECT_INT(0, world_lab_unaccounted(lab));
    EXPECT_INT(0, world_lab_leaked(lab));
    world_lab_free(lab);
}

/* What was heard since it was last asked. */
static void expect_heard(struct world_lab *lab, const char *want)
{
    EXPECT_STR(want, lab->story);
    lab->story[0] = '\0';
}

/* The n-th line of the story: when, by whom. */
static bool line_of(const struct world_lab *lab, unsigned n, char *who, uint64_t *ns, char *letter)
{
    const char *at = lab->story;
    for (unsigned i = 0; i < n && at != NULL; i++) {
        at = strchr(at, '\n');
        at = at == NULL ? NULL : at + 1;
    }
    unsigned long long seconds, rest;
    if (at == NULL || sscanf(at, "%c %llu.%9llu %c", who, &seconds, &rest, letter) != 4) {
        return false;
    }
    *ns = seconds * 1000000000 + rest;
    return true;
}

TEST_CASE(fabric, a_cable_takes_its_delay_and_a_switch_none)
{
    static struct world_lab lab;
    init(&lab, 1);
    world_lab_say(&lab, X, LAB_OTHER, 'a');
    world_lab_run(&lab, 5);
    world_lab_say(&lab, Y, LAB_OTHER, 'b');
    world_lab_run(&lab, 10);
    expect_heard(&lab, "y 0.000020000 a\n"
                       "z 0.000020000 a\n"
                       "x 0.005020000 b\n"
                       "z 0.005020000 b\n");
    end(&lab);
}

TEST_CASE(fabric, delays_of_two_faults_add_up_and_end_with_them)
{
    static struct world_lab lab;
    init(&lab, 1);
    uint32_t first =
        world_lab_fault_out(&lab, X, (struct fault){.origin = NONE, .delay = CARP_MILLISECONDS(5)});
    uint32_t second =
        world_lab_fault_out(&lab, X, (struct fault){.origin = NONE, .delay = CARP_MILLISECONDS(7)});
    uint32_t third = world_lab_fault_in(&lab, Y, (struct fault){.origin = NONE, .delay = {1000}});
    world_lab_say(&lab, X, LAB_OTHER, 'a');
    world_lab_run(&lab, 100);
    fabric_remove_fault(&lab.world, first);
    world_lab_say(&lab, X, LAB_OTHER, 'b');
    world_lab_run(&lab, 200);
    fabric_remove_fault(&lab.world, third);
    fabric_remove_fault(&lab.world, second);
    world_lab_say(&lab, X, LAB_OTHER, 'c');
    world_lab_run(&lab, 300);
    expect_heard(&lab, "z 0.012020000 a\n"
                       "y 0.012021000 a\n"
                       "z 0.107020000 b\n"
                       "y 0.107021000 b\n"
                       "y 0.200020000 c\n"
                       "z 0.200020000 c\n");
    end(&lab);
}

TEST_CASE(fabric, a_removed_fault_makes_room_for_the_next_and_leaves_the_others)
{
    static struct world_lab lab;
    init(&lab, 1);
    struct fault block = {.origin = NONE, .blocks = true};
    uint32_t a = world_lab_fault_in(&lab, Y, block);
    uint32_t b = world_lab_fault_in(&lab, Z, block);
    uint32_t c = world_lab_fault_in(&lab, Y, block);
    fabric_remove_fault(&lab.world, a);
    EXPECT_U64(a, world_lab_fault_in(&lab, X, block));
    world_lab_say(&lab, X, LAB_OTHER, 'a');
    fabric_remove_fault(&lab.world, c);
    world_lab_run(&lab, 1); /* what is judged is the moment it leaves the switch */
    expect_heard(&lab, "y 0.000020000 a\n");
    fabric_remove_fault(&lab.world, b);
    world_lab_say(&lab, Y, LAB_OTHER, 'b');
    world_lab_run(&lab, 2);
    expect_heard(&lab, "z 0.001020000 b\n");
    EXPECT_U64(2, lab.world.dropped[DROP_BLOCKED]);
    EXPECT_U64(3, lab.world.fault_count);
    end(&lab);
}

/* One frame each 10 ms, with at most 1 ms more: in each tenth of that there are about 40 of 400,
 * with a standard deviation of 6. */
TEST_CASE(fabric, jitter_is_uniform_and_stays_within_its_bound)
{
    static struct world_lab lab;
    init(&lab, 1);
    world_lab_fault_in(&lab, Y, (struct fault){.origin = NONE, .jitter = CARP_MILLISECONDS(1)});
    world_lab_fault_in(&lab, Z, (struct fault){.origin = NONE, .blocks = true});
    for (uint64_t i = 0; i < 400; i++) {
        world_lab_say(&lab, X, LAB_OTHER, 'a');
        world_lab_run(&lab, 10 * (i + 1));
    }
    unsigned tenths[10] = {0};
    for (uint64_t i = 0; i < 400; i++) {
        char who, letter;
        uint64_t ns;
        ASSERT_TRUE(line_of(&lab, (unsigned)i, &who, &ns, &letter));
        ns -= i * 10000000 + 20000;
        ASSERT_TRUE(ns <= 1000000);
        tenths[ns * 10 / 1000001] += 1;
    }
    for (unsigned i = 0; i < 10; i++) {
        EXPECT_TRUE(tenths[i] > 40 - 24 && tenths[i] < 40 + 24);
    }
    end(&lab);
}

TEST_CASE(fabric, loss_takes_all_or_about_its_share)
{
    static struct world_lab lab;
    init(&lab, 1);
    world_lab_fault_in(&lab, Y, (struct fault){.origin = NONE, .loss_ppm = 1000000});
    world_lab_fault_in(&lab, Z, (struct fault){.origin = NONE, .loss_ppm = 500000});
    for (unsigned i = 0; i < 400; i++) {
        world_lab_say(&lab, X, LAB_OTHER, 'a');
    }
    world_lab_run(&lab, 10);
    const struct node *y = world_lab_node(&lab, Y), *z = world_lab_node(&lab, Z);
    EXPECT_U64(0, y->heard);
    EXPECT_U64(400, y->dropped[DROP_LOSS]);
    EXPECT_U64(400, z->heard + z->dropped[DROP_LOSS]);
    EXPECT_TRUE(z->heard > 200 - 40 && z->heard < 200 + 40); /* four standard deviations of 10 */
    EXPECT_U64(400 + z->dropped[DROP_LOSS], lab.world.dropped[DROP_LOSS]);
    end(&lab);
}

TEST_CASE(fabric, the_ordinal_mask_takes_the_frames_it_names)
{
    static struct world_lab lab;
    init(&lab, 1);
    world_lab_fault_in(&lab, Z, (struct fault){.origin = NONE, .blocks = true});
    world_lab_fault_in(&lab, Y,
                       (struct fault){.origin = NONE, .ordinals = 1 | 4 | UINT64_C(1) << 63});
    for (unsigned i = 0; i < 130; i++) {
        world_lab_say(&lab, X, LAB_OTHER, i < 5 ? (char)('a' + i) : i >= 62 && i < 66 ? 'm' : '.');
    }
    world_lab_run(&lab, 1);
    const struct node *y = world_lab_node(&lab, Y);
    EXPECT_U64(3, y->dropped[DROP_ORDINAL]);
    EXPECT_U64(127, y->heard); /* no more after the 64 that the mask can name */
    EXPECT_TRUE(strncmp(lab.story, "y 0.000020000 b\ny 0.000020000 d\ny 0.000020000 e\n", 48) == 0);
    unsigned marked = 0; /* the 63rd to 66th but for the 64th */
    for (const char *at = lab.story; (at = strchr(at, 'm')) != NULL; at++) {
        marked += 1;
    }
    EXPECT_U64(3, marked);
    end(&lab);
}

/* Only what matches is counted. */
TEST_CASE(fabric, ordinals_count_the_frames_that_match)
{
    static struct world_lab lab;
    init(&lab, 1);
    world_lab_fault_in(&lab, Z, (struct fault){.origin = NONE, .blocks = true});
    world_lab_fault_in(&lab, Y,
                       (struct fault){.origin = NONE, .ordinals = 2, .match = MATCH_ADVERTS});
    world_lab_say(&lab, X, LAB_ADVERT, 'a');
    world_lab_say(&lab, X, LAB_OTHER, 'b');
    world_lab_say(&lab, X, LAB_ADVERT, 'c');
    world_lab_say(&lab, X, LAB_ADVERT, 'd');
    world_lab_run(&lab, 1);
    expect_heard(&lab, "y 0.000020000 a\ny 0.000020000 b\ny 0.000020000 d\n");
    end(&lab);
}

/* A burst that begins for certain and ends for certain takes every other frame; one that never ends
 * takes all. */
TEST_CASE(fabric, a_burst_takes_all_until_it_ends)
{
    static struct world_lab lab;
    init(&lab, 1);
    world_lab_fault_in(
        &lab, Y,
        (struct fault){.origin = NONE, .burst_begin_ppm = 1000000, .burst_end_ppm = 1000000});
    world_lab_fault_in(&lab, Z, (struct fault){.origin = NONE, .burst_begin_ppm = 1000000});
    for (char letter = 'a'; letter <= 'f'; letter++) {
        world_lab_say(&lab, X, LAB_OTHER, letter);
    }
    world_lab_run(&lab, 1);
    expect_heard(&lab, "y 0.000020000 b\ny 0.000020000 d\ny 0.000020000 f\n");
    EXPECT_U64(3, world_lab_node(&lab, Y)->dropped[DROP_BURST]);
    EXPECT_U64(6, world_lab_node(&lab, Z)->dropped[DROP_BURST]);
    end(&lab);
}

TEST_CASE(fabric, a_duplicate_comes_within_the_lag)
{
    static struct world_lab lab;
    init(&lab, 1);
    world_lab_fault_in(&lab, Z, (struct fault){.origin = NONE, .blocks = true});
    uint32_t at_once =
        world_lab_fault_in(&lab, Y, (struct fault){.origin = NONE, .duplicate_ppm = 1000000});
    world_lab_say(&lab, X, LAB_OTHER, 'a');
    world_lab_run(&lab, 1);
    expect_heard(&lab, "y 0.000020000 a\ny 0.000020000 a\n");
    fabric_remove_fault(&lab.world, at_once);
    world_lab_fault_in(
        &lab, Y,
        (struct fault){.origin = NONE, .duplicate_ppm = 1000000, .jitter = CARP_MILLISECONDS(5)});
    unsigned later = 0;
    for (uint64_t i = 0; i < 20; i++) {
        char who, letter;
        uint64_t ns[2], sent = lab.world.now.ns;
        world_lab_say(&lab, X, LAB_OTHER, 'b');
        world_lab_run(&lab, 1 + 10 * (i + 1));
        ASSERT_TRUE(line_of(&lab, 0, &who, &ns[0], &letter));
        ASSERT_TRUE(line_of(&lab, 1, &who, &ns[1], &letter));
        EXPECT_U64(sent + 20000, ns[0]);
        EXPECT_TRUE(ns[1] - ns[0] <= 5000000);
        later += ns[1] - ns[0] > 1000000;
        lab.story[0] = '\0';
    }
    EXPECT_TRUE(later > 5); /* of 20, four in five are */
    EXPECT_U64(2 * 21, world_lab_node(&lab, Y)->heard);
    end(&lab);
}

TEST_CASE(fabric, reordered_frames_come_within_the_lag_and_out_of_order)
{
    static struct world_lab lab;
    init(&lab, 1);
    world_lab_fault_in(&lab, Z, (struct fault){.origin = NONE, .blocks = true});
    world_lab_fault_in(
        &lab, Y,
        (struct fault){.origin = NONE, .reorder_ppm = 500000, .jitter = CARP_MILLISECONDS(10)});
    for (uint64_t i = 0; i < 26; i++) {
        world_lab_say(&lab, X, LAB_OTHER, (char)('a' + i));
        world_lab_run(&lab, i + 1);
    }
    world_lab_run(&lab, 100);
    unsigned at_once = 0, overtaken = 0;
    char last = 'a';
    for (unsigned i = 0; i < 26; i++) {
        char who, letter;
        uint64_t ns;
        ASSERT_TRUE(line_of(&lab, i, &who, &ns, &letter));
        ns -= (uint64_t)(letter - 'a') * 1000000 + 20000;
        EXPECT_TRUE(ns <= 10000000);
        at_once += ns == 0;
        overtaken += letter < last;
        last = letter;
    }
    EXPECT_TRUE(at_once > 4 && at_once < 22); /* 13, with a standard deviation of 2.5 */
    EXPECT_TRUE(overtaken > 3);
    end(&lab);
}

static unsigned bits_that_differ(const uint8_t *a, const uint8_t *b, size_t size)
{
    unsigned count = 0;
    for (size_t i = 0; i < size * 8; i++) {
        count += ((a[i / 8] ^ b[i / 8]) >> i % 8 & 1) != 0;
    }
    return count;
}

TEST_CASE(fabric, corruption_is_caught_or_turns_one_bit)
{
    static struct world_lab lab;
    init(&lab, 1);
    uint32_t seen =
        world_lab_fault_out(&lab, X, (struct fault){.origin = NONE, .corrupt_ppm = 1000000});
    world_lab_say(&lab, X, LAB_OTHER, 'a');
    world_lab_run(&lab, 1);
    expect_heard(&lab, "");
    EXPECT_U64(1, lab.world.dropped[DROP_FCS]);
    EXPECT_U64(0, lab.world.frames.used);
    fabric_remove_fault(&lab.world, seen);

    world_lab_say(&lab, X, LAB_OTHER, 'b');
    const struct sim_frame *good = frame_at(&lab.world.frames, 0);
    uint8_t bytes[WORLD_LAB_FRAME];
    memcpy(bytes, good->bytes, sizeof bytes);
    world_lab_run(&lab, 2);
    world_lab_fault_out(&lab, X,
                        (struct fault){.origin = NONE, .corrupt_ppm = 1000000, .unseen = true});
    world_lab_say(&lab, X, LAB_OTHER, 'b');
    EXPECT_U64(1, lab.world.frames.used);
    const struct arrival *next = &lab.world.batches[lab.world.queue.heap[0].who].at[0];
    EXPECT_U64(
        1, bits_that_differ(bytes, frame_at(&lab.world.frames, next->frame)->bytes, sizeof bytes));
    world_lab_run(&lab, 3);
    end(&lab);
}

/* Whatever bit of an IPv4 advert is turned: the Ethernet header (14 of 70 bytes) tells nobody, the
 * rest is caught by a checksum, or by a length or type that is wrong. */
TEST_CASE(fabric, corruption_that_no_check_sequence_saw_ends_in_a_verdict_of_the_receiver)
{
    static struct world_lab lab;
    world_lab_init(&lab, 1);
    uint32_t a = world_lab_daemon(&lab, "a", 0);
    uint32_t b = world_lab_daemon(&lab, "b", 100);
    world_lab_boot(&lab);
    world_lab_run(&lab, 10000);
    uint64_t before = lab.books[b].verdicts[CARP_ACCEPTED];
    world_lab_fault_in(
        &lab, b,
        (struct fault){
            .origin = NONE, .match = MATCH_ADVERTS, .corrupt_ppm = 1000000, .unseen = true});
    world_lab_run(&lab, 310000);
    const uint64_t *odd = daemon_of(world_lab_node(&lab, b))->interfaces[0].verdicts;
    uint64_t accepted = lab.books[b].verdicts[CARP_ACCEPTED] - before, refused = 0;
    for (unsigned v = CARP_ACCEPTED + 1; v < CARP_VERDICT_COUNT; v++) {
        refused += odd[v] + lab.books[b].verdicts[v];
    }
    EXPECT_TRUE(odd[CARP_BAD_CHECKSUM] > 50);
    EXPECT_TRUE(odd[CARP_BAD_IP_CHECKSUM] > 10);
    EXPECT_TRUE(accepted < (accepted + refused) / 3);          /* 12 of 70 bytes: addresses */
    EXPECT_U64(0, lab.world.oracle->counts[ORACLE_MALFORMED]); /* it was not sent like that */
    EXPECT_U64(0, lab.books[a].verdicts[CARP_BAD_DIGEST]);
    end(&lab);
}

/* 1000 bits at 1 Mbit/s: a millisecond each, one after the other. */
TEST_CASE(fabric, a_slow_link_sends_one_frame_after_the_other)
{
    static struct world_lab lab;
    init(&lab, 1);
    world_lab_fault_in(&lab, Z, (struct fault){.origin = NONE, .blocks = true});
    world_lab_fault_out(&lab, X, (struct fault){.origin = NONE, .rate = 1000000, .queue = 1000000});
    world_lab_say(&lab, X, LAB_OTHER, 'a');
    world_lab_say(&lab, X, LAB_OTHER, 'b');
    world_lab_say(&lab, X, LAB_OTHER, 'c');
    world_lab_run(&lab, 2);
    world_lab_say(&lab, X, LAB_OTHER, 'd'); /* c has a millisecond to go */
    world_lab_run(&lab, 10);
    world_lab_say(&lab, X, LAB_OTHER, 'e');
    world_lab_run(&lab, 20);
    expect_heard(&lab, "y 0.001020000 a\n"
                       "y 0.002020000 b\n"
                       "y 0.003020000 c\n"
                       "y 0.004020000 d\n"
                       "y 0.011020000 e\n");
    end(&lab);
}

/* 150 bytes may wait: when the third comes 250 do, half a millisecond later 187.5, then 125 and
 * less. */
TEST_CASE(fabric, a_frame_that_finds_the_queue_full_is_dropped)
{
    static struct world_lab lab;
    init(&lab, 1);
    world_lab_fault_in(&lab, Z, (struct fault){.origin = NONE, .blocks = true});
    world_lab_fault_out(&lab, X, (struct fault){.origin = NONE, .rate = 1000000, .queue = 150});
    world_lab_say(&lab, X, LAB_OTHER, 'a');
    world_lab_say(&lab, X, LAB_OTHER, 'b');
    world_lab_say(&lab, X, LAB_OTHER, 'c');
    world_run(&lab.world, (carp_instant){500000});
    world_lab_say(&lab, X, LAB_OTHER, 'd');
    world_lab_run(&lab, 1);
    world_lab_say(&lab, X, LAB_OTHER, 'e');
    world_lab_run(&lab, 10);
    expect_heard(&lab, "y 0.001020000 a\ny 0.002020000 b\ny 0.003020000 e\n");
    EXPECT_U64(2, lab.world.dropped[DROP_QUEUE]);
    end(&lab);
}

TEST_CASE(fabric, a_block_is_one_way)
{
    static struct world_lab lab;
    init(&lab, 1);
    world_lab_fault_out(&lab, X, (struct fault){.origin = NONE, .blocks = true});
    world_lab_say(&lab, X, LAB_OTHER, 'a');
    world_lab_say(&lab, Y, LAB_OTHER, 'b');
    world_lab_run(&lab, 1);
    expect_heard(&lab, "x 0.000020000 b\nz 0.000020000 b\n");
    EXPECT_U64(1, lab.world.dropped[DROP_BLOCKED]);
    end(&lab);
}

TEST_CASE(fabric, held_frames_go_on_when_they_are_released_in_their_order)
{
    static struct world_lab lab;
    init(&lab, 1);
    world_lab_fault_in(&lab, Z, (struct fault){.origin = NONE, .blocks = true});
    uint32_t hold = world_lab_fault_in(&lab, Y, (struct fault){.origin = NONE, .holds = true});
    world_lab_say(&lab, X, LAB_OTHER, 'a');
    world_lab_say(&lab, X, LAB_OTHER, 'b');
    world_lab_run(&lab, 50);
    expect_heard(&lab, "");
    EXPECT_U64(2, world_lab_in_flight(&lab));
    EXPECT_INT(0, world_lab_unaccounted(&lab));
    fabric_release(&lab.world, hold);
    world_lab_say(&lab, X, LAB_OTHER, 'c'); /* it goes on holding */
    world_lab_run(&lab, 70);
    expect_heard(&lab, "y 0.050010000 a\ny 0.050010000 b\n");
    fabric_remove_fault(&lab.world, hold);
    world_lab_run(&lab, 80);
    expect_heard(&lab, "y 0.070010000 c\n");
    end(&lab);
}

TEST_CASE(fabric, a_held_frame_finds_no_link_when_that_went_down_meanwhile)
{
    static struct world_lab lab;
    init(&lab, 1);
    uint32_t hold = world_lab_fault_in(&lab, Y, (struct fault){.origin = NONE, .holds = true});
    world_lab_say(&lab, X, LAB_OTHER, 'a');
    world_lab_run(&lab, 1);
    node_set_link(&lab.world, world_lab_node(&lab, Y), 0, false);
    fabric_release(&lab.world, hold);
    world_lab_run(&lab, 2);
    expect_heard(&lab, "z 0.000020000 a\n");
    EXPECT_U64(1, lab.world.dropped[DROP_NO_LINK]);
    end(&lab);
}

TEST_CASE(fabric, a_split_keeps_the_sides_apart_and_who_has_none_hears_both)
{
    static struct world_lab lab;
    init(&lab, 1);
    world_lab_node(&lab, X)->side = 1;
    world_lab_node(&lab, Y)->side = 2;
    world_lab_say(&lab, X, LAB_OTHER, 'a'); /* sides without a split mean nothing */
    world_lab_run(&lab, 1);
    lab.world.split = true;
    world_lab_say(&lab, X, LAB_OTHER, 'b');
    world_lab_say(&lab, Y, LAB_OTHER, 'c');
    world_lab_say(&lab, Z, LAB_OTHER, 'd');
    world_lab_run(&lab, 2);
    expect_heard(&lab, "y 0.000020000 a\nz 0.000020000 a\n"
                       "z 0.001020000 b\n"
                       "z 0.001020000 c\n"
                       "x 0.001020000 d\ny 0.001020000 d\n");
    EXPECT_U64(2, lab.world.dropped[DROP_SPLIT]);
    end(&lab);
}

TEST_CASE(fabric, what_passes_goes_through_a_split_where_it_matches)
{
    static struct world_lab lab;
    init(&lab, 1);
    world_lab_node(&lab, X)->side = 1;
    world_lab_node(&lab, Y)->side = 2;
    lab.world.split = true;
    world_lab_fault_in(&lab, Y,
                       (struct fault){.origin = X, .passes = true, .match = MATCH_ADVERTS});
    world_lab_fault_in(&lab, Z, (struct fault){.origin = NONE, .blocks = true});
    world_lab_say(&lab, X, LAB_ADVERT, 'a');
    world_lab_say(&lab, X, LAB_OTHER, 'b');
    world_lab_say(&lab, Y, LAB_ADVERT, 'c');
    world_lab_run(&lab, 1);
    expect_heard(&lab, "y 0.000020000 a\n");
    end(&lab);
}

static const struct {
    const char *why;
    enum fault_match match;
    const char *heard; /* of "oaiup": other, advert, IPv6, ARP, probe */
} match_rows[] = {
    {"all", MATCH_ALL, ""},
    {"adverts", MATCH_ADVERTS, "oiup"},
    {"IPv4", MATCH_IPV4, "oiu"},
    {"IPv6", MATCH_IPV6, "oaup"},
    {"neighbour", MATCH_NEIGHBOUR, "oaip"},
    {"probes", MATCH_PROBES, "oaiu"},
};

TEST_CASE(fabric, a_fault_touches_the_frames_that_match_it)
{
    static struct world_lab lab;
    for (size_t row = 0; row < sizeof match_rows / sizeof *match_rows; row++) {
        tk_row(match_rows[row].why);
        init(&lab, 1);
        world_lab_fault_in(&lab, Z, (struct fault){.origin = NONE, .blocks = true});
        world_lab_fault_in(
            &lab, Y,
            (struct fault){.origin = NONE, .match = match_rows[row].match, .blocks = true});
        for (unsigned kind = 0; kind < 5; kind++) {
            world_lab_say(&lab, X, (enum world_lab_kind)kind, "oaiup"[kind]);
        }
        world_lab_run(&lab, 1);
        char heard[8] = "", who;
        uint64_t ns;
        unsigned count = 0;
        while (count < 5 && line_of(&lab, count, &who, &ns, &heard[count])) {
            count += 1;
        }
        EXPECT_STR(match_rows[row].heard, heard);
        end(&lab);
    }
}

/* A neighbour solicitation is IPv6 and neighbour both. */
TEST_CASE(fabric, a_solicitation_matches_as_ipv6_and_as_neighbour)
{
    static struct world_lab lab;
    static const enum fault_match rows[] = {MATCH_IPV6, MATCH_NEIGHBOUR, MATCH_ADVERTS, MATCH_IPV4};
    static const uint64_t blocked[] = {1, 1, 0, 0};
    for (unsigned i = 0; i < 4; i++) {
        init(&lab, 1);
        world_lab_fault_out(&lab, X,
                            (struct fault){.origin = NONE, .match = rows[i], .blocks = true});
        const struct sim_address from = {6, {0xfe, 0x80, [15] = 1}}, to = {6, {0xfd, [15] = 0xfe}};
        uint8_t bytes[FRAME_ROOM];
        size_t size = packet_ask(world_lab_node(&lab, X)->nics[0].self.mac, &from, &to, bytes);
        fabric_send(&lab.world, world_lab_node(&lab, X), 0, bytes, size);
        world_lab_run(&lab, 1);
        EXPECT_U64(blocked[i], lab.world.dropped[DROP_BLOCKED]);
        end(&lab);
    }
}

TEST_CASE(fabric, a_fault_of_one_origin_leaves_the_frames_of_others)
{
    static struct world_lab lab;
    init(&lab, 1);
    world_lab_fault_in(&lab, Y, (struct fault){.origin = X, .blocks = true});
    world_lab_say(&lab, X, LAB_OTHER, 'a');
    world_lab_say(&lab, Z, LAB_OTHER, 'b');
    world_lab_run(&lab, 1);
    expect_heard(&lab, "z 0.000020000 a\nx 0.000020000 b\ny 0.000020000 b\n");
    end(&lab);
}

TEST_CASE(fabric, a_link_that_is_down_carries_nothing_not_even_what_is_on_its_way)
{
    static struct world_lab lab;
    init(&lab, 1);
    world_lab_say(&lab, X, LAB_OTHER, 'a');
    world_run(&lab.world, (carp_instant){15000}); /* beyond the switch */
    node_set_link(&lab.world, world_lab_node(&lab, Y), 0, false);
    world_lab_run(&lab, 1);
    EXPECT_U64(1, world_lab_node(&lab, Y)->dropped[DROP_NO_LINK]);
    world_lab_say(&lab, X, LAB_OTHER, 'b');
    world_lab_say(&lab, Y, LAB_OTHER, 'c');
    world_lab_run(&lab, 2);
    EXPECT_U64(3, lab.world.dropped[DROP_NO_LINK]);
    node_set_link(&lab.world, world_lab_node(&lab, Y), 0, true);
    world_lab_say(&lab, X, LAB_OTHER, 'd');
    world_lab_run(&lab, 3);
    expect_heard(&lab, "z 0.000020000 a\nz 0.001020000 b\ny 0.002020000 d\nz 0.002020000 d\n");
    end(&lab);
}

/* --- every frame ends in exactly one place ------------------------------------------------------
 */

static struct fault drawn_fault(uint64_t drawn)
{
    struct fault f = {.origin = NONE, .match = (enum fault_match)(drawn % 3)};
    switch (drawn >> 8 & 7) {
    case 0:
        f.loss_ppm = 200000;
        break;
    case 1:
        f.burst_begin_ppm = 50000;
        f.burst_end_ppm = 100000;
        break;
    case 2:
        f.duplicate_ppm = 300000;
        f.jitter = CARP_MILLISECONDS(3);
        break;
    case 3:
        f.corrupt_ppm = 200000;
        f.unseen = (drawn >> 16 & 1) != 0;
        break;
    case 4:
        f.rate = 2000000;
        f.queue = 300;
        break;
    case 5:
        f.holds = true;
        break;
    case 6:
        f.delay = CARP_MILLISECONDS(2);
        f.ordinals = drawn;
        break;
    default:
        f.reorder_ppm = 400000;
        f.jitter = CARP_MILLISECONDS(4);
        break;
    }
    return f;
}

/* Listeners on two switches that snoop, block ports and have little room; all talk, while faults
 * and links come and go: after each millisecond each frame is accounted for. */
TEST_CASE(fabric, every_frame_is_delivered_or_dropped_for_one_reason_or_on_its_way)
{
    static struct world_lab lab;
    enum { NODES = 8, FAULTS = 12 };
    world_lab_init(&lab, 5);
    lab.on = world_add_switch(&lab.world, "s2");
    world_connect_switches(&lab.world, 0, lab.on, CARP_MILLISECONDS(1));
    for (unsigned i = 0; i < NODES; i++) {
        lab.on = i & 1;
        i < 6 ? world_lab_listener(&lab, "n") : world_lab_daemon(&lab, "d", (uint8_t)i);
    }
    lab.world.switches[0].snooping = SNOOP_MEMBERS;
    lab.world.switches[0].reflects = true;
    lab.world.switches[1].reflects = true;
    lab.world.switches[1].capacity = 2;
    lab.world.switches[1].port_delay = CARP_MILLISECONDS(20);
    world_lab_boot(&lab);
    fabric_query(&lab.world, 0);
    uint32_t faults[FAULTS];
    for (unsigned i = 0; i < FAULTS; i++) {
        faults[i] = NONE;
    }
    for (uint64_t ms = 0; ms < 4000; ms++) {
        uint64_t drawn = decide_mix(17, ms);
        uint32_t node = (uint32_t)(drawn % 6), other = (uint32_t)(drawn >> 8 & 7);
        if ((drawn >> 12 & 3) == 0) {
            world_lab_say_to(&lab, node, other, 'u');
        } else {
            world_lab_say(&lab, node, (enum world_lab_kind)(drawn >> 16 & 1), 'm');
        }
        if (ms % 10 == 0) {
            uint32_t *slot = &faults[ms / 10 % FAULTS];
            if (*slot != NONE) {
                fabric_remove_fault(&lab.world, *slot);
            }
            struct fault fault = drawn_fault(drawn >> 20);
            *slot = (drawn & 1) != 0 ? world_lab_fault_in(&lab, node, fault)
                                     : world_lab_fault_out(&lab, node, fault);
        }
        if (ms % 37 == 0) {
            uint32_t end = world_lab_end(&lab, other);
            node_set_link(&lab.world, world_lab_node(&lab, other), 0, !lab.world.ends[end].up);
        }
        lab.world.split = ms % 500 > 400;
        world_lab_node(&lab, node)->side = (uint8_t)((drawn >> 40) % 3);
        if (ms % 91 == 0) {
            node_pause(&lab.world, world_lab_node(&lab, 6), (drawn & 2) != 0);
        } else if (ms % 91 == 40) {
            node_resume(&lab.world, world_lab_node(&lab, 6), CARP_MILLISECONDS(40),
                        PAUSE_CONTINUES);
        } else if (ms % 91 == 50) {
            node_freeze(&lab.world, world_lab_node(&lab, 7));
        } else if (ms % 91 == 80) {
            node_thaw(&lab.world, world_lab_node(&lab, 7));
        }
        world_lab_node(&lab, 7)->queue_max = 6;
        lab.story[0] = '\0';
        world_lab_run(&lab, ms + 1);
        ASSERT_TRUE(world_lab_unaccounted(&lab) == 0);
        ASSERT_TRUE(world_lab_leaked(&lab) == 0);
    }
    static const enum drop_reason seen[] = {
        DROP_NO_LINK, DROP_SPLIT,     DROP_LOSS,    DROP_BURST,    DROP_ORDINAL, DROP_QUEUE,
        DROP_FCS,     DROP_PORT_WAIT, DROP_SNOOPED, DROP_FILTERED, DROP_PAUSED,  DROP_OVERFLOW,
    };
    for (size_t i = 0; i < sizeof seen / sizeof *seen; i++) {
        tk_row(drop_word(seen[i]));
        EXPECT_TRUE(lab.world.dropped[seen[i]] > 0);
    }
    world_lab_free(&lab);
}
