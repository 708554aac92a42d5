/* What is written, read back: floods, clocks, and a disk that fails. */
#define _GNU_SOURCE /* memmem() */
#include "io/journal/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/journal/journal_lab.h"
#include "io/journal/reader.h"
#include "tools/testkit/testkit.h"

/* What is in a journal, counted. */
struct contents {
    unsigned kinds[FORMAT_KIND_END];
    unsigned heard, sent;
    struct format_start start; /* the last */
    struct format_clock clock;
    struct format_left_out left_out;
    enum capture_status status;
    uint64_t damage;
    char error[CAPTURE_ERROR_MAX];
};

static void read_back(const struct journal_lab *lab, struct contents *c)
{
    char path[] = "/tmp/journal_test_XXXXXX";
    struct journal_reader *reader;
    struct journal_item item;
    memset(c, 0, sizeof *c);
    lab_save(path, lab->bytes, lab->size);
    c->status = journal_reader_open(path, &reader, &c->damage, c->error);
    unlink(path);
    ASSERT_TRUE(c->status == CAPTURE_FRAME);
    while ((c->status = journal_reader_next(reader, &item, &c->damage, c->error)) ==
           CAPTURE_FRAME) {
        if (item.block == NULL) {
            c->heard += !item.outbound;
            c->sent += item.outbound;
            continue;
        }
        c->kinds[item.block->kind] += 1;
        if (item.block->kind == FORMAT_START) {
            c->start = item.block->start;
        } else if (item.block->kind == FORMAT_CLOCK) {
            c->clock = item.block->clock;
        } else if (item.block->kind == FORMAT_LEFT_OUT) {
            c->left_out = item.block->left_out;
        }
    }
    journal_reader_close(reader);
}

static struct journal_lab *make(void)
{
    struct journal_lab *lab = malloc(sizeof *lab);
    lab_init(lab);
    EXPECT_INT(0, lab_begin(lab));
    return lab;
}

static void drop(struct journal_lab *lab)
{
    lab_free(lab);
    free(lab);
}

TEST_CASE(journal, a_file_begins_with_all_there_is_to_know)
{
    struct journal_lab *lab = make();
    struct contents c;
    read_back(lab, &c);
    EXPECT_INT(CAPTURE_END, c.status);
    EXPECT_INT(1, c.kinds[FORMAT_START]);
    EXPECT_INT(2, c.kinds[FORMAT_CONFIG]);
    EXPECT_INT(2, c.kinds[FORMAT_STATE]);
    EXPECT_INT(FORMAT_STARTED, c.start.why);
    EXPECT_U64(LAB_WALL_NS + 5000000000, c.start.wall_ns);
    EXPECT_STR("lab 1", c.start.application);
    drop(lab);
}

/* The key is nowhere, in whatever form it is kept: it is text here. */
TEST_CASE(journal, no_key_is_written)
{
    struct journal_lab *lab = make();
    lab_live(lab);
    EXPECT_TRUE(memmem(lab->bytes, lab->size, LAB_KEY, strlen(LAB_KEY)) == NULL);
    EXPECT_TRUE(memmem(lab->bytes, lab->size, "another", strlen("another")) == NULL);
    drop(lab);
}

/* Goal: 5000 refused frames in a second leave 1000, and one word about the rest. */
TEST_CASE(journal, a_flood_is_counted_instead_of_written)
{
    struct journal_lab *lab = make();
    struct contents c;
    lab_link(lab, 0, true);
    for (int i = 0; i < 2500; i++) {
        uint8_t frame[sizeof lab_advert];
        memcpy(frame, lab_advert, sizeof frame);
        frame[69] ^= 1;
        lab_hear(lab, 0, frame, sizeof frame); /* of no group */
        frame[69] = lab_advert[67], frame[67] = lab_advert[69];
        lab_hear(lab, 0, frame, sizeof frame); /* of a group, by a wrong digest */
        lab->now.ns += 100000;
    }
    lab_hear(lab, 0, lab_advert, sizeof lab_advert); /* this is one of its peer's */
    read_back(lab, &c);
    EXPECT_INT(1000 + 1, c.heard);
    EXPECT_INT(1 + 500 + 1, c.kinds[FORMAT_STEP]);
    EXPECT_INT(0, c.kinds[FORMAT_LEFT_OUT]); /* the second is not over */
    lab->now.ns += 1000000000;
    lab_hear(lab, 0, lab_advert, sizeof lab_advert);
    read_back(lab, &c);
    EXPECT_INT(CAPTURE_END, c.status);
    EXPECT_INT(1, c.kinds[FORMAT_LEFT_OUT]);
    EXPECT_U64(4000, c.left_out.count);
    EXPECT_U64(5000000000, c.left_out.from.ns);
    EXPECT_U64(5000000000 + 2499 * 100000, c.left_out.to.ns);
    drop(lab);
}

/* A millisecond apart is drift, more is somebody's doing. */
TEST_CASE(journal, a_wall_clock_that_was_set_is_written_down)
{
    struct journal_lab *lab = make();
    struct contents c;
    journal_clock(&lab->journal, lab->now, lab->now.ns + LAB_WALL_NS + 1000000);
    read_back(lab, &c);
    EXPECT_INT(0, c.kinds[FORMAT_CLOCK]);
    journal_clock(&lab->journal, lab->now, lab->now.ns + LAB_WALL_NS - 1);
    read_back(lab, &c);
    EXPECT_INT(1, c.kinds[FORMAT_CLOCK]);
    EXPECT_U64(LAB_WALL_NS + 1000000, c.clock.before_ns);
    EXPECT_U64(LAB_WALL_NS - 1, c.clock.after_ns);
    drop(lab);
}

/* Nothing is written after a write that failed, until a file is begun: its reader learns from the
 * steps' numbers that some are missing. */
TEST_CASE(journal, what_a_disk_refused_is_missing_and_counted)
{
    struct journal_lab *lab = make();
    struct contents c;
    lab_link(lab, 0, true);
    size_t before = lab->size;
    lab->sink_error = -ENOSPC;
    lab_hear(lab, 0, lab_advert, sizeof lab_advert);
    lab->sink_error = 0;
    lab_hear(lab, 0, lab_advert, sizeof lab_advert);
    EXPECT_U64(before, lab->size);
    EXPECT_INT(0, lab_begin(lab));
    lab_hear(lab, 0, lab_advert, sizeof lab_advert);
    read_back(lab, &c);
    EXPECT_INT(CAPTURE_END, c.status);
    EXPECT_INT(FORMAT_CONTINUED, c.start.why);
    EXPECT_U64(3, c.start.number);
    EXPECT_INT(2, c.kinds[FORMAT_STEP]);
    lab->sink_error = -EIO;
    EXPECT_INT(-EIO, lab_begin(lab));
    drop(lab);
}

/* --- files that are not whole -------------------------------------------------------------------
 */

/* Goal: cut anywhere, all before the cut is there, and no cut within a block goes unnoticed. */
TEST_CASE(journal_reader, reads_up_to_a_cut)
{
    struct journal_lab *lab = make();
    struct contents whole, c;
    lab_link(lab, 0, true);
    lab_hear(lab, 0, lab_advert, sizeof lab_advert);
    lab_run_until(lab, (carp_instant){UINT64_C(9000000000)});
    read_back(lab, &whole);
    EXPECT_INT(CAPTURE_END, whole.status);
    EXPECT_TRUE(whole.sent > 1);
    size_t size = lab->size;
    unsigned end = lab->block_count;
    for (lab->size = size - 1; lab->size > lab->ends[3]; lab->size--) { /* START is there */
        while (lab->ends[end - 1] > lab->size) {
            end--;
        }
        read_back(lab, &c);
        unsigned blocks = c.heard + c.sent;
        for (unsigned kind = 0; kind < FORMAT_KIND_END; kind++) {
            blocks += c.kinds[kind];
        }
        EXPECT_INT(end - 3, blocks); /* the section and its interfaces are no items */
        if (lab->ends[end - 1] != lab->size) {
            EXPECT_INT(CAPTURE_DAMAGED, c.status);
            EXPECT_U64(lab->ends[end - 1], c.damage);
        }
    }
    drop(lab);
}

/* Goal: whatever bytes a file holds, reading ends. The seed is fixed: a failure can be repeated. */
TEST_CASE(journal_reader, survives_what_it_reads)
{
    struct journal_lab *lab = make();
    lab_live(lab);
    uint8_t *good = malloc(lab->size);
    memcpy(good, lab->bytes, lab->size);
    uint64_t seed = 1;
    for (int round = 0; round < 2000; round++) {
        char path[] = "/tmp/journal_test_XXXXXX", error[CAPTURE_ERROR_MAX];
        struct journal_reader *reader;
        struct journal_item item;
        uint64_t damage;
        memcpy(lab->bytes, good, lab->size);
        for (int i = 0; i < 1 + round % 4; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            lab->bytes[(seed >> 33) % lab->size] = (uint8_t)(seed >> 24);
        }
        lab_save(path, lab->bytes, lab->size);
        if (journal_reader_open(path, &reader, &damage, error) == CAPTURE_FRAME) {
            while (journal_reader_next(reader, &item, &damage, error) == CAPTURE_FRAME) {
                EXPECT_TRUE(item.offset < lab->size);
            }
            journal_reader_close(reader);
        }
        unlink(path);
    }
    free(good);
    drop(lab);
}

TEST_CASE(journal_reader, knows_what_is_no_journal)
{
    EXPECT_TRUE(!journal_is(tk_path("engine/testdata/captures/ucarp-1.5.2.pcap")));
    EXPECT_TRUE(!journal_is(tk_path("README.md")));
    EXPECT_TRUE(!journal_is("/nonexistent"));
}
