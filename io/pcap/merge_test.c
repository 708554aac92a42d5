/*
 * Genuine captures, taken apart into the views of several capture points with clocks of their own,
 * and put together again: the original is what is to come out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/pcap/merge.h"
#include "tools/testkit/testkit.h"

enum { FRAMES_MAX = 512, FRAME_ROOM = 256, VIEWS_MAX = 3 };

#define SECOND UINT64_C(1000000000)
#define MS     UINT64_C(1000000)

struct one {
    uint64_t at;
    size_t size;
    uint8_t bytes[FRAME_ROOM];
};

struct list {
    size_t count;
    struct one at[FRAMES_MAX];
};

static void add(struct list *list, uint64_t at, const uint8_t *bytes, size_t size)
{
    ASSERT_TRUE(list->count < FRAMES_MAX && size <= FRAME_ROOM);
    struct one *one = &list->at[list->count++];
    one->at = at;
    one->size = size;
    memcpy(one->bytes, bytes, size);
}

static void load(const char *name, struct list *list)
{
    char path[256], error[CAPTURE_ERROR_MAX];
    struct capture *capture = NULL;
    struct capture_frame frame;
    uint64_t damage;
    list->count = 0;
    snprintf(path, sizeof path, "engine/testdata/captures/%s", name);
    ASSERT_TRUE(capture_open(tk_path(path), &capture, &damage, error) == CAPTURE_FRAME);
    while (capture_next(capture, &frame, &damage, error) == CAPTURE_FRAME) {
        add(list, frame.at.ns, frame.bytes, frame.size);
    }
    capture_close(capture);
    ASSERT_TRUE(list->count > 2);
}

/* A file with nanoseconds, in this machine's byte order. Source: draft-ietf-opsawg-pcap sections 4
 * and 5. */
static void store(const struct list *list, char path[64])
{
    const struct {
        uint32_t magic;
        uint16_t major, minor;
        uint32_t reserved[2], snaplen, linktype;
    } head = {0xa1b23c4d, 2, 4, {0}, 65535, 1};
    snprintf(path, 64, "/tmp/merge_test.XXXXXX");
    int fd = mkstemp(path);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "wb");
    ASSERT_TRUE(file != NULL);
    fwrite(&head, sizeof head, 1, file);
    for (size_t i = 0; i < list->count; i++) {
        const struct one *one = &list->at[i];
        const uint32_t record[4] = {(uint32_t)(one->at / SECOND), (uint32_t)(one->at % SECOND),
                                    (uint32_t)one->size, (uint32_t)one->size};
        fwrite(record, sizeof record, 1, file);
        fwrite(one->bytes, one->size, 1, file);
    }
    fclose(file);
}

/* What came out. */
struct merged {
    enum capture_status status;
    struct list frames;
    uint32_t seen_by[FRAMES_MAX];
    uint64_t numbers[FRAMES_MAX];
    struct merge_clock clocks[VIEWS_MAX];
    uint64_t damage;
    char error[CAPTURE_ERROR_MAX];
};

static void merge_paths(const char *const *paths, unsigned count, struct merged *out)
{
    struct merge *merge = NULL;
    struct merge_frame frame;
    memset(out, 0, sizeof *out);
    out->status = merge_open(paths, count, &merge, out->error);
    if (out->status != CAPTURE_FRAME) {
        return;
    }
    while ((out->status = merge_next(merge, &frame, &out->damage, out->error)) == CAPTURE_FRAME) {
        out->seen_by[out->frames.count] = frame.seen_by;
        out->numbers[out->frames.count] = frame.number;
        EXPECT_TRUE((frame.seen_by >> frame.file & 1) == 1);
        add(&out->frames, frame.frame.at.ns, frame.frame.bytes, frame.frame.size);
    }
    for (unsigned i = 0; i < count; i++) {
        out->clocks[i] = merge_clock(merge, i);
    }
    merge_close(merge);
}

static void merge_lists(struct list *const *lists, unsigned count, struct merged *out)
{
    char paths[VIEWS_MAX][64];
    const char *names[VIEWS_MAX];
    for (unsigned i = 0; i < count; i++) {
        store(lists[i], paths[i]);
        names[i] = paths[i];
    }
    merge_paths(names, count, out);
    for (unsigned i = 0; i < count; i++) {
        unlink(paths[i]);
    }
}

/* The same frames in the same order, their times at most so far off. */
static void expect_like(const struct list *want, const struct list *got, uint64_t off)
{
    EXPECT_U64(want->count, got->count);
    for (size_t i = 0; i < want->count && i < got->count; i++) {
        uint64_t a = want->at[i].at, b = got->at[i].at;
        EXPECT_TRUE((a < b ? b - a : a - b) <= off);
        EXPECT_U64(want->at[i].size, got->at[i].size);
        EXPECT_BYTES(want->at[i].bytes, got->at[i].bytes, want->at[i].size);
    }
}

static const char *const captures[] = {
    "ucarp-1.5.2.pcap",
    "netbsd-7.99.34-v4-failover-bowout.pcap",
    "freebsd-13.0-mixed-failover-demotion.pcap",
    "freebsd-13.0-v6-failover-na.pcap",
    "netbsd-freebsd-v4-failover.pcap",
};

/* Every fifth frame is missing in the one, every seventh in the other; the second clock is an hour
 * behind. Each frame is there once, at its place, and it is known who saw it. */
TEST_CASE(merge, puts_two_views_together_again)
{
    static struct list original, views[2];
    static struct merged out;
    for (size_t c = 0; c < sizeof captures / sizeof *captures; c++) {
        tk_row(captures[c]);
        load(captures[c], &original);
        views[0].count = views[1].count = 0;
        uint64_t shared = 0;
        for (size_t i = 0; i < original.count; i++) {
            const struct one *one = &original.at[i];
            if (i % 5 != 4) {
                add(&views[0], one->at, one->bytes, one->size);
            }
            if (i % 7 != 6 || i % 5 == 4) {
                add(&views[1], one->at - 3600 * SECOND, one->bytes, one->size);
                shared += i % 5 != 4;
            }
        }
        merge_lists((struct list *[]){&views[0], &views[1]}, 2, &out);
        EXPECT_INT(CAPTURE_END, out.status);
        expect_like(&original, &out.frames, 0);
        EXPECT_TRUE(out.clocks[1].shared > 4 && out.clocks[1].shared <= shared);
        EXPECT_INT((int64_t)(3600 * SECOND), out.clocks[1].offset_ns);
        EXPECT_INT(0, out.clocks[1].drift_ppb);
        EXPECT_U64(0, out.clocks[1].spread_ns);
        EXPECT_U64(0, out.clocks[0].shared);
        uint64_t both = 0;
        for (size_t i = 0; i < out.frames.count; i++) {
            EXPECT_INT(i % 5 == 4 ? 2 : i % 7 == 6 ? 1 : 3, out.seen_by[i]);
            both += out.seen_by[i] == 3;
        }
        EXPECT_U64(shared, both);
    }
}

/* Frames of 192.0.2.11 reach the second capture point 0.3 ms later, those of .12 the first: times
 * differ both ways, and the earliest sight is within that of the truth. */
TEST_CASE(merge, aligns_clocks_within_the_delay_between_capture_points)
{
    static struct list original, views[2];
    static struct merged out;
    const uint64_t delay = 300000, behind = 5 * SECOND + 123456789;
    load("netbsd-freebsd-v4-failover.pcap", &original);
    views[0].count = views[1].count = 0;
    for (size_t i = 0; i < original.count; i++) {
        const struct one *one = &original.at[i];
        bool of_b = one->size > 29 && one->bytes[29] == 12;
        add(&views[0], one->at + (of_b ? delay : 0), one->bytes, one->size);
        add(&views[1], one->at + (of_b ? 0 : delay) + behind, one->bytes, one->size);
    }
    merge_lists((struct list *[]){&views[0], &views[1]}, 2, &out);
    EXPECT_INT(CAPTURE_END, out.status);
    expect_like(&original, &out.frames, 2 * delay);
    EXPECT_TRUE(llabs(out.clocks[1].offset_ns + (int64_t)behind) <= (int64_t)delay);
    EXPECT_TRUE(out.clocks[1].spread_ns <= 2 * delay);
    EXPECT_U64(0, out.clocks[1].astray);
}

/* A clock that runs 100 ppm fast, from a start of its own: without its drift the last frames of
 * this file would be more than 2 ms off. */
TEST_CASE(merge, follows_a_clock_that_drifts)
{
    static struct list original, views[2];
    static struct merged out;
    load("freebsd-13.0-mixed-failover-demotion.pcap", &original);
    views[0].count = views[1].count = 0;
    for (size_t i = 0; i < original.count; i++) {
        const struct one *one = &original.at[i];
        add(&views[0], one->at, one->bytes, one->size);
        add(&views[1], one->at + 77 * SECOND + (one->at - original.at[0].at) / 10000, one->bytes,
            one->size);
    }
    merge_lists((struct list *[]){&views[0], &views[1]}, 2, &out);
    expect_like(&original, &out.frames, 2000);
    EXPECT_TRUE(llabs(out.clocks[1].drift_ppb + 100000) < 200);
    EXPECT_TRUE(llabs(out.clocks[1].offset_ns + (int64_t)(77 * SECOND)) < 2000);
    EXPECT_TRUE(out.clocks[1].spread_ns < 2000);
    EXPECT_TRUE(original.at[original.count - 1].at - original.at[0].at > 20 * SECOND);
}

/* The third shares nothing with the first, but with the second. */
TEST_CASE(merge, aligns_a_third_file_by_the_second)
{
    static struct list original, views[3];
    static struct merged out;
    load("ucarp-1.5.2.pcap", &original);
    views[0].count = views[1].count = views[2].count = 0;
    for (size_t i = 0; i < original.count; i++) {
        const struct one *one = &original.at[i];
        if (i < original.count / 2) {
            add(&views[0], one->at, one->bytes, one->size);
        } else {
            add(&views[1], one->at + 9 * SECOND, one->bytes, one->size);
        }
        add(&views[2], one->at - 4 * SECOND, one->bytes, one->size);
    }
    merge_lists((struct list *[]){&views[0], &views[1], &views[2]}, 3, &out);
    expect_like(&original, &out.frames, 0);
    EXPECT_INT(-(int64_t)(9 * SECOND), out.clocks[1].offset_ns);
    EXPECT_INT((int64_t)(4 * SECOND), out.clocks[2].offset_ns);
    for (size_t i = 0; i < out.frames.count; i++) {
        EXPECT_INT(i < original.count / 2 ? 5 : 6, out.seen_by[i]);
    }
}

/* A frame that comes back 1 ms later is two frames, in one file as in two, and however many of them
 * saw it come back. */
TEST_CASE(merge, keeps_what_one_file_has_twice)
{
    static struct list original, looped, views[2];
    static struct merged out;
    load("netbsd-7.99.34-v4-failover-bowout.pcap", &original);
    looped.count = views[0].count = views[1].count = 0;
    for (size_t i = 0; i < original.count; i++) {
        const struct one *one = &original.at[i];
        bool comes_back = i == 2 || i == 7;
        for (uint64_t again = 0; again < (comes_back ? 2 : 1); again++) {
            uint64_t at = one->at + again * MS;
            add(&looped, at, one->bytes, one->size);
            add(&views[0], at, one->bytes, one->size);
            if (again == 0 || i == 7) {
                add(&views[1], at + 40 * SECOND, one->bytes, one->size);
            }
        }
    }
    merge_lists((struct list *[]){&views[0]}, 1, &out);
    expect_like(&looped, &out.frames, 0);
    merge_lists((struct list *[]){&views[0], &views[1]}, 2, &out);
    expect_like(&looped, &out.frames, 0);
    EXPECT_U64(original.count + 2, out.frames.count);
    EXPECT_INT(3, out.seen_by[2]);
    EXPECT_INT(1, out.seen_by[3]);
    EXPECT_INT(3, out.seen_by[8]);
    EXPECT_INT(3, out.seen_by[9]);
}

/* Sights go together in order, also where the second file has the frame late, behind one that it
 * alone has; and what one file has after more than the slack is a frame of its own. */
TEST_CASE(merge, takes_each_sight_once)
{
    static struct list original, views[2];
    static struct merged out;
    load("netbsd-7.99.34-v4-failover-bowout.pcap", &original);
    const struct one *x = &original.at[4], *z = &original.at[5], *late = &original.at[6];
    const uint64_t t = x->at;
    views[0].count = views[1].count = 0;
    for (unsigned i = 0; i < 4; i++) { /* their clocks agree */
        add(&views[0], t - 1 * SECOND + i, original.at[i].bytes, original.at[i].size);
        add(&views[1], t - 1 * SECOND + i, original.at[i].bytes, original.at[i].size);
    }
    add(&views[0], t, x->bytes, x->size);
    add(&views[0], t + 1 * MS, x->bytes, x->size);
    add(&views[1], t + 1200000, z->bytes, z->size);
    add(&views[1], t + 2 * MS, x->bytes, x->size);
    add(&views[1], t + 3 * MS, x->bytes, x->size);
    add(&views[0], t + 20 * MS, late->bytes, late->size);
    add(&views[1], t + 26 * MS, late->bytes, late->size);
    merge_lists((struct list *[]){&views[0], &views[1]}, 2, &out);
    const uint64_t want[] = {t, t + 1 * MS, t + 1200000, t + 20 * MS, t + 26 * MS};
    const uint32_t seen_by[] = {3, 3, 2, 1, 2};
    EXPECT_U64(4 + 5, out.frames.count);
    for (size_t i = 0; i < 5; i++) {
        EXPECT_U64(want[i], out.frames.at[4 + i].at);
        EXPECT_INT(seen_by[i], out.seen_by[4 + i]);
    }
    EXPECT_U64(1, out.clocks[1].astray); /* the late one */
}

/* Frames that loop at the first capture point come back there 0.5 s later, and only then pass the
 * second one. What is there twice tells nothing of the clocks; four frames that are there once do.
 */
TEST_CASE(merge, aligns_by_what_each_file_has_once)
{
    static struct list original, views[2];
    static struct merged out;
    load("freebsd-13.0-mixed-failover-demotion.pcap", &original);
    views[0].count = views[1].count = 0;
    for (size_t i = 0; i < original.count; i++) {
        const struct one *one = &original.at[i];
        add(&views[0], one->at + i * SECOND, one->bytes, one->size);
        if (i >= 4) {
            add(&views[0], one->at + i * SECOND + 500 * MS, one->bytes, one->size);
        }
        add(&views[1], one->at + i * SECOND + (i >= 4 ? 500 * MS : 0), one->bytes, one->size);
    }
    merge_lists((struct list *[]){&views[0], &views[1]}, 2, &out);
    EXPECT_INT(0, out.clocks[1].offset_ns);
    EXPECT_U64(0, out.clocks[1].spread_ns);
    EXPECT_U64(2 * original.count - 4, out.frames.count);
}

/* What the second capture point adds: other MAC addresses (as of a cooked capture), padding to
 * Ethernet's 60 bytes and beyond, an FCS. But one bit of the advert makes another frame. */
TEST_CASE(merge, takes_frames_for_the_same_whatever_the_capture_point_added)
{
    static struct list original, views[2];
    static struct merged out;
    load("ucarp-1.5.2.pcap", &original);
    views[0].count = views[1].count = 0;
    for (size_t i = 0; i < original.count; i++) {
        const struct one *one = &original.at[i];
        uint8_t bytes[FRAME_ROOM] = {0};
        memcpy(bytes + 12, one->bytes + 12, one->size - 12);
        memset(bytes + one->size, 0xaa, 22);
        add(&views[0], one->at, one->bytes, one->size);
        add(&views[1], one->at + 1000, bytes, one->size + 22);
    }
    views[1].at[3].bytes[34 + 35] ^= 1;
    merge_lists((struct list *[]){&views[0], &views[1]}, 2, &out);
    EXPECT_U64(original.count + 1, out.frames.count);
    EXPECT_INT(-1000, out.clocks[1].offset_ns);
    for (size_t i = 0; i < out.frames.count; i++) {
        EXPECT_INT(i == 3 ? 1 : i == 4 ? 2 : 3, out.seen_by[i]);
    }
}

/* Two incidents that have nothing in common, and their clocks as they are. */
TEST_CASE(merge, takes_clocks_as_they_are_when_nothing_is_shared)
{
    static struct list views[2];
    static struct merged out;
    load("ucarp-1.5.2.pcap", &views[0]);
    load("netbsd-7.99.34-v4-one.pcap", &views[1]);
    merge_lists((struct list *[]){&views[0], &views[1]}, 2, &out);
    EXPECT_INT(CAPTURE_END, out.status);
    EXPECT_U64(views[0].count + views[1].count, out.frames.count);
    EXPECT_U64(0, out.clocks[1].shared);
    EXPECT_INT(0, out.clocks[1].offset_ns);
    for (size_t i = 1; i < out.frames.count; i++) {
        EXPECT_TRUE(out.frames.at[i - 1].at <= out.frames.at[i].at);
    }
}

/* More frames than are remembered of a file, so that a part of them has to do, of two files that
 * are not of one length: the clocks are aligned by those that both remember. */
TEST_CASE(merge, remembers_a_part_of_a_long_file)
{
    enum { LONG = 150000, SHORT = 70000 };
    static struct one one = {.size = 46};
    char paths[2][64], error[CAPTURE_ERROR_MAX];
    struct merge *merge = NULL;
    struct merge_frame frame;
    uint64_t damage, frames = 0, both = 0;
    one.bytes[12] = 0x08; /* ARP, with a sender of its own in each */
    one.bytes[13] = 0x06;
    for (unsigned f = 0; f < 2; f++) {
        static struct list none;
        store(&none, paths[f]);
        FILE *file = fopen(paths[f], "ab");
        ASSERT_TRUE(file != NULL);
        for (uint32_t i = 0; i < (f == 0 ? LONG : SHORT); i++) {
            const uint32_t record[4] = {1000 + i / 100 + f * 50, i % 100 * 10000000, 46, 46};
            memcpy(one.bytes + 28, &i, sizeof i);
            fwrite(record, sizeof record, 1, file);
            fwrite(one.bytes, one.size, 1, file);
        }
        fclose(file);
    }
    const char *names[] = {paths[0], paths[1]};
    ASSERT_TRUE(merge_open(names, 2, &merge, error) == CAPTURE_FRAME);
    while (merge_next(merge, &frame, &damage, error) == CAPTURE_FRAME) {
        frames += 1;
        both += frame.seen_by == 3;
    }
    EXPECT_U64(LONG, frames);
    EXPECT_U64(SHORT, both);
    EXPECT_INT(-50 * (int64_t)SECOND, merge_clock(merge, 1).offset_ns);
    uint64_t shared = merge_clock(merge, 1).shared;
    EXPECT_TRUE(shared > 1000 && shared < 40000);
    merge_close(merge);
    unlink(paths[0]);
    unlink(paths[1]);
}

/* Two frames a little out of order, one without a time, and a clock that is set back by an hour. */
TEST_CASE(merge, never_goes_back_in_time)
{
    static struct list list;
    static struct merged out;
    static const uint8_t frame[60] = {0};
    const uint64_t hour = 3600 * SECOND, t = UINT64_C(1700000000) * SECOND;
    const uint64_t times[] = {t,          t + 5 * MS,        t + 3 * MS,       0,
                              t + 6 * MS, t + 7 * MS - hour, t + 9 * MS - hour};
    const uint64_t want[] = {t,          t + 5 * MS, t + 5 * MS, t + 5 * MS,
                             t + 6 * MS, t + 6 * MS, t + 8 * MS};
    list.count = 0;
    for (size_t i = 0; i < 7; i++) {
        add(&list, times[i], frame, sizeof frame);
    }
    merge_lists((struct list *[]){&list}, 1, &out);
    EXPECT_INT(CAPTURE_END, out.status);
    EXPECT_U64(7, out.frames.count);
    for (size_t i = 0; i < 7; i++) {
        EXPECT_U64(want[i], out.frames.at[i].at);
        EXPECT_U64(i + 1, out.numbers[i]);
    }
    EXPECT_U64(1, out.clocks[0].set_back);
    EXPECT_U64(hour - MS, out.clocks[0].set_back_ns);
}

/* --- files that are not as they should be -------------------------------------------------------
 */

/* The first is cut within its sixth record: five of its frames, all of the other, and where. */
TEST_CASE(merge, goes_on_with_the_others_when_one_is_damaged)
{
    static struct list original;
    static struct merged out;
    char paths[2][64];
    load("netbsd-7.99.34-v4-failover-bowout.pcap", &original);
    uint64_t sixth = 24;
    for (size_t i = 0; i < 5; i++) {
        sixth += 16 + original.at[i].size;
    }
    store(&original, paths[0]);
    store(&original, paths[1]);
    EXPECT_INT(0, truncate(paths[0], (off_t)sixth + 30));
    merge_paths((const char *[]){paths[0], paths[1]}, 2, &out);
    EXPECT_INT(CAPTURE_DAMAGED, out.status);
    expect_like(&original, &out.frames, 0);
    EXPECT_INT(3, out.seen_by[4]);
    EXPECT_INT(2, out.seen_by[5]);
    EXPECT_U64(sixth, out.damage);
    EXPECT_TRUE(strncmp(out.error, paths[0], strlen(paths[0])) == 0);
    EXPECT_TRUE(strstr(out.error, "after packet 5") != NULL);

    EXPECT_INT(0, truncate(paths[0], 10));
    merge_paths((const char *[]){paths[0], paths[1]}, 2, &out);
    EXPECT_INT(CAPTURE_DAMAGED, out.status);
    expect_like(&original, &out.frames, 0);
    merge_paths((const char *[]){paths[0]}, 1, &out);
    EXPECT_INT(CAPTURE_DAMAGED, out.status);
    EXPECT_U64(0, out.frames.count);
    unlink(paths[0]);
    unlink(paths[1]);
}

TEST_CASE(merge, refuses_what_cannot_be_read_twice_or_is_no_capture)
{
    static struct list original;
    static struct merged out;
    char path[64];
    load("ucarp-1.5.2.pcap", &original);
    store(&original, path);
    merge_paths((const char *[]){path, "/nowhere/at.all"}, 2, &out);
    EXPECT_INT(CAPTURE_REFUSED, out.status);
    EXPECT_STR("/nowhere/at.all: No such file or directory", out.error);
    merge_paths((const char *[]){path, tk_path("CMakeLists.txt")}, 2, &out);
    EXPECT_INT(CAPTURE_REFUSED, out.status);
    EXPECT_TRUE(strstr(out.error, "CMakeLists.txt: not a capture") != NULL);

    int pipe_ends[2];
    char second[32];
    ASSERT_TRUE(pipe(pipe_ends) == 0);
    snprintf(second, sizeof second, "/dev/fd/%d", pipe_ends[0]);
    static uint8_t bytes[1 << 15];
    FILE *file = fopen(path, "rb");
    ASSERT_TRUE(file != NULL);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    EXPECT_INT((int64_t)size, write(pipe_ends[1], bytes, size));
    close(pipe_ends[1]);
    merge_paths((const char *[]){path, second}, 2, &out);
    EXPECT_INT(CAPTURE_REFUSED, out.status);
    EXPECT_TRUE(strstr(out.error, "read twice") != NULL);
    close(pipe_ends[0]);
    unlink(path);
}
