/*
 * The one source of choices: keyed answers, tapes, and a run played again from its tape.
 */
#include "sim/decide.h"

#include <stdlib.h>
#include <string.h>

#include "sim/oracle.h"
#include "sim/world_lab.h"
#include "tools/testkit/testkit.h"

TEST_CASE(decide, answers_by_the_key_alone_whatever_was_asked_before)
{
    struct decisions a, b;
    decide_by_seed(&a, 7);
    decide_by_seed(&b, 7);
    uint64_t first[50];
    for (uint32_t i = 0; i < 50; i++) {
        first[i] = decide(&a, DECIDE_DELAY, i % 5, i, 1000);
    }
    for (uint32_t i = 50; i-- > 0;) {
        decide(&b, DECIDE_LOSS, i, i * 3, 17);
        EXPECT_U64(first[i], decide(&b, DECIDE_DELAY, i % 5, i, 1000));
    }
}

/* Each part of the key counts, and so does the seed: of 64 bits no two of these are alike. */
TEST_CASE(decide, answers_differently_when_any_part_of_the_key_differs)
{
    struct decisions d, other;
    decide_by_seed(&d, 7);
    decide_by_seed(&other, 8);
    uint64_t base = decide(&d, DECIDE_LOSS, 3, 4, 0);
    EXPECT_TRUE(base != decide(&d, DECIDE_BURST, 3, 4, 0));
    EXPECT_TRUE(base != decide(&d, DECIDE_LOSS, 4, 4, 0));
    EXPECT_TRUE(base != decide(&d, DECIDE_LOSS, 3, 5, 0));
    EXPECT_TRUE(base != decide(&d, DECIDE_LOSS, 4, 3, 0));
    EXPECT_TRUE(base != decide(&other, DECIDE_LOSS, 3, 4, 0));
}

TEST_CASE(decide, stays_below_the_number_of_choices_and_reaches_each)
{
    struct decisions d;
    decide_by_seed(&d, 1);
    unsigned seen = 0;
    for (uint64_t i = 0; i < 200; i++) {
        uint64_t value = decide(&d, DECIDE_BIT, 0, i, 5);
        ASSERT_TRUE(value < 5);
        seen |= 1u << value;
    }
    EXPECT_U64(31, seen);
    EXPECT_U64(0, decide(&d, DECIDE_BIT, 0, 9, 1));
}

/* 30 % of 20000 is 6000, with a standard deviation of sqrt(20000 * 0.3 * 0.7) = 65. */
TEST_CASE(decide, ppm_is_true_that_often_and_never_or_always_at_the_ends)
{
    struct decisions d;
    struct tape tape = {0};
    decide_by_seed(&d, 42);
    d.record = &tape;
    unsigned third = 0;
    for (uint64_t i = 0; i < 20000; i++) {
        third += decide_ppm(&d, DECIDE_LOSS, 1, i, 300000);
    }
    EXPECT_TRUE(third > 6000 - 4 * 65 && third < 6000 + 4 * 65);
    EXPECT_U64(20000, tape.count);
    for (uint64_t i = 0; i < 1000; i++) {
        EXPECT_TRUE(!decide_ppm(&d, DECIDE_LOSS, 2, i, 0));
    }
    EXPECT_U64(20000, tape.count); /* what cannot happen is not asked */
    for (uint64_t i = 0; i < 1000; i++) {
        EXPECT_TRUE(decide_ppm(&d, DECIDE_LOSS, 2, i, 1000000));
    }
    tape_free(&tape);
}

/* --- tapes ----------------------------------------------------------------------------------- */

TEST_CASE(decide, an_empty_tape_answers_the_plain_choice)
{
    struct decisions d;
    struct tape tape = {0};
    decide_by_tape(&d, &tape);
    EXPECT_U64(0, decide(&d, DECIDE_SEED, 1, 2, 0));
    EXPECT_U64(0, decide(&d, DECIDE_DELAY, 1, 2, 1000));
    EXPECT_TRUE(!decide_ppm(&d, DECIDE_LOSS, 1, 2, 999999));
    EXPECT_TRUE(decide_ppm(&d, DECIDE_LOSS, 1, 2, 1000000));
}

TEST_CASE(decide, a_tape_answers_what_it_holds_in_any_order_and_else_the_plain_choice)
{
    struct decisions d;
    struct tape tape = {0};
    EXPECT_U64(0, tape_read(&tape, "4 1 9 1000 500\n0 0 0 0 18446744073709551615\n4 1 3 1000 7"));
    decide_by_tape(&d, &tape);
    EXPECT_U64(500, decide(&d, DECIDE_DELAY, 1, 9, 1000));
    EXPECT_U64(7, decide(&d, DECIDE_DELAY, 1, 3, 1000));
    EXPECT_U64(UINT64_MAX, decide(&d, DECIDE_SEED, 0, 0, 0));
    EXPECT_U64(0, decide(&d, DECIDE_DELAY, 1, 4, 1000));
    EXPECT_U64(0, decide(&d, DECIDE_DELAY, 2, 3, 1000));
    EXPECT_U64(0, decide(&d, DECIDE_DELAY, 1, 9, 400)); /* 500 is no choice any more */
    EXPECT_U64(500, decide(&d, DECIDE_DELAY, 1, 9, 600));
    tape_free(&tape);
}

/* Two faults of one link ask about the same frame, each with its own jitter. */
TEST_CASE(decide, a_tape_tells_two_numbers_of_choices_apart)
{
    struct decisions d;
    struct tape tape = {0};
    EXPECT_U64(0, tape_read(&tape, "4 1 9 5000 4444\n4 1 9 10 3\n4 1 9 700 650\n"));
    decide_by_tape(&d, &tape);
    EXPECT_U64(3, decide(&d, DECIDE_DELAY, 1, 9, 10));
    EXPECT_U64(4444, decide(&d, DECIDE_DELAY, 1, 9, 5000));
    EXPECT_U64(650, decide(&d, DECIDE_DELAY, 1, 9, 700));
    tape_free(&tape);
}

TEST_CASE(decide, a_tape_is_written_a_line_a_choice)
{
    struct decisions d;
    struct tape tape = {0};
    decide_by_seed(&d, 3);
    d.record = &tape;
    decide(&d, DECIDE_STRANGER, UINT32_MAX, UINT64_MAX, 1);
    decide(&d, DECIDE_SEED, 5, 6, 1);
    char *text = tape_write(&tape);
    EXPECT_STR("13 4294967295 18446744073709551615 1 0\n0 5 6 1 0\n", text);
    free(text);
    tape_free(&tape);
    text = tape_write(&tape);
    EXPECT_STR("", text);
    free(text);
}

static const struct {
    const char *why;
    const char *text;
    size_t line;
} wrong_tapes[] = {
    {"no number", "x 0 0 1 0\n", 1},
    {"a number is missing", "0 0 0 1 0\n0 0 1 0\n", 2},
    {"numbers go on in the next line", "0 0 0\n1 0\n", 1},
    {"one too many", "0 0 0 1 0 0\n", 1},
    {"an empty line", "0 0 0 1 0\n\n0 0 0 1 0\n", 2},
    {"a sign", "0 0 -1 1 0\n", 1},
    {"two spaces", "0  0 0 1 0\n", 1},
    {"a decision that there is not", "14 0 0 1 0\n", 1},
    {"a node that there cannot be", "0 4294967296 0 1 0\n", 1},
    {"more than 64 bits", "0 0 18446744073709551616 1 0\n", 1},
    {"a value that is no choice", "0 0 0 0 9\n1 0 0 5 4\n1 0 0 5 5\n", 3},
    {"a line that breaks off", "0 0 0 1 0\n0 0 0 1", 2},
};

TEST_CASE(decide, reading_a_tape_names_the_first_wrong_line)
{
    for (size_t i = 0; i < sizeof wrong_tapes / sizeof *wrong_tapes; i++) {
        struct tape tape = {0};
        tk_row(wrong_tapes[i].why);
        EXPECT_U64(wrong_tapes[i].line, tape_read(&tape, wrong_tapes[i].text));
        tape_free(&tape);
    }
}

/* --- a run, and again from its tape ------------------------------------------------------------
 */

/* Choices of every kind that a network makes: two jitters on one way, loss, bursts, duplicates,
 * reordering, corruption; latencies of wake-ups, and the seeds. */
static void play(struct world_lab *lab, const struct decisions *by)
{
    world_lab_init(lab, 0);
    lab->decisions = *by;
    uint32_t a = world_lab_daemon(lab, "a", 0);
    uint32_t b = world_lab_daemon(lab, "b", 100);
    world_lab_client(lab, "c");
    world_lab_node(lab, b)->latency_max = CARP_MILLISECONDS(2);
    world_lab_fault_out(lab, a, (struct fault){.origin = NONE, .jitter = CARP_MILLISECONDS(30)});
    world_lab_fault_out(lab, a, (struct fault){.origin = NONE, .jitter = CARP_MILLISECONDS(9)});
    world_lab_fault_in(lab, b, (struct fault){.origin = NONE, .loss_ppm = 300000});
    world_lab_fault_in(lab, b,
                       (struct fault){.origin = NONE,
                                      .burst_begin_ppm = 50000,
                                      .burst_end_ppm = 300000,
                                      .duplicate_ppm = 200000,
                                      .reorder_ppm = 200000,
                                      .corrupt_ppm = 100000,
                                      .unseen = true,
                                      .jitter = CARP_MILLISECONDS(50)});
    world_lab_boot(lab);
    world_lab_run(lab, 60000);
}

TEST_CASE(decide, a_recorded_tape_replays_the_run_also_when_it_was_written_and_read)
{
    static struct world_lab lab;
    struct decisions d;
    struct tape tape = {0}, again = {0};
    decide_by_seed(&d, 99);
    d.self = &lab.decisions; /* where it will lie */
    d.record = &tape;
    play(&lab, &d);
    uint64_t hash[2] = {lab.world.trace.hash[0], lab.world.trace.hash[1]};
    world_lab_free(&lab);
    EXPECT_TRUE(tape.count > 1000);

    char *text = tape_write(&tape);
    EXPECT_U64(0, tape_read(&again, text));
    free(text);
    struct tape *const tapes[2] = {&tape, &again};
    for (unsigned i = 0; i < 2; i++) {
        decide_by_tape(&d, tapes[i]);
        play(&lab, &d);
        EXPECT_U64(hash[0], lab.world.trace.hash[0]);
        EXPECT_U64(hash[1], lab.world.trace.hash[1]);
        world_lab_free(&lab);
    }
    again.count = 0; /* and what is on it matters */
    decide_by_tape(&d, &again);
    play(&lab, &d);
    EXPECT_TRUE(hash[0] != lab.world.trace.hash[0]);
    world_lab_free(&lab);
    tape_free(&tape);
    tape_free(&again);
}
