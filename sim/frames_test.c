/*
 * Frames: counted references, private copies, and nothing left over when a world has come to rest.
 */
#include "sim/frames.h"

#include <string.h>

#include "sim/world_lab.h"
#include "tools/testkit/testkit.h"

/* A farewell of a daemon that has just begun to listen. */
static size_t an_advert(struct world_lab *lab, uint8_t *bytes)
{
    world_lab_init(lab, 1);
    uint32_t a = world_lab_daemon(lab, "a", 0);
    world_lab_boot(lab);
    const struct daemon *d = daemon_of(world_lab_node(lab, a));
    size_t size =
        carp_farewell(&lab->configs[a], &lab->plans[a].crypto, &d->groups[0].carp, 4, 5, bytes);
    world_lab_free(lab);
    return size;
}

TEST_CASE(frames, a_frame_is_kept_until_its_last_reference_is_dropped)
{
    struct frames f = {0};
    uint32_t index = frames_make(&f, (carp_instant){7}, 3, 99, (const uint8_t *)"abc", 3);
    const struct sim_frame *frame = frame_at(&f, index);
    EXPECT_U64(1, f.used);
    EXPECT_U64(1, frame->references);
    EXPECT_U64(7, frame->sent.ns);
    EXPECT_U64(3, frame->origin);
    EXPECT_U64(99, frame->id);
    EXPECT_U64(3, frame->size);
    EXPECT_BYTES("abc", frame->bytes, 3);
    frames_hold(&f, index);
    frames_drop(&f, index);
    EXPECT_U64(1, f.used);
    frames_drop(&f, index);
    EXPECT_U64(0, f.used);
    frames_free(&f);
}

/* Over the edge of a chunk and back, with those that are alive untouched. */
TEST_CASE(frames, frames_in_use_are_never_given_out_again)
{
    enum { MANY = 2 * FRAMES_CHUNK + 3 };
    struct frames f = {0};
    uint32_t index[MANY];
    for (uint16_t i = 0; i < MANY; i++) {
        index[i] = frames_make(&f, (carp_instant){0}, i, i, (const uint8_t *)&i, sizeof i);
    }
    for (uint16_t i = 0; i < MANY; i += 2) {
        frames_drop(&f, index[i]);
    }
    EXPECT_U64(MANY / 2, f.used);
    for (uint16_t i = 0; i < MANY; i += 2) {
        uint16_t content = (uint16_t)(i + 20000);
        index[i] = frames_make(&f, (carp_instant){0}, i, i, (const uint8_t *)&content, sizeof i);
    }
    EXPECT_U64(3, f.chunk_count);
    for (uint16_t i = 0; i < MANY; i++) {
        uint16_t content = (uint16_t)(i % 2 == 0 ? i + 20000 : i);
        EXPECT_BYTES(&content, frame_at(&f, index[i])->bytes, sizeof content);
        frames_drop(&f, index[i]);
    }
    EXPECT_U64(0, f.used);
    frames_free(&f);
}

TEST_CASE(frames, corruption_turns_one_bit_of_a_private_copy)
{
    struct frames f = {0};
    uint32_t whole = frames_make(&f, (carp_instant){7}, 3, 99, (const uint8_t *)"abcd", 4);
    uint32_t bad = frames_corrupt(&f, whole, 8 * 2 + 1); /* 'c' is 0x63 */
    EXPECT_BYTES("abcd", frame_at(&f, whole)->bytes, 4);
    EXPECT_BYTES("ab\x61"
                 "d",
                 frame_at(&f, bad)->bytes, 4);
    EXPECT_U64(3, frame_at(&f, bad)->origin);
    EXPECT_U64(7, frame_at(&f, bad)->sent.ns);
    EXPECT_TRUE(frame_at(&f, bad)->id != frame_at(&f, whole)->id);
    EXPECT_TRUE(frame_at(&f, bad)->hash != frame_at(&f, whole)->hash);
    EXPECT_U64(2, f.used);
    frames_drop(&f, whole);
    frames_drop(&f, bad);
    EXPECT_U64(0, f.used);
    frames_free(&f);
}

/* The copy is judged anew, and so is what a frame that was read before held. */
TEST_CASE(frames, what_was_read_belongs_to_the_bytes)
{
    static struct world_lab lab;
    uint8_t bytes[FRAME_ROOM];
    size_t size = an_advert(&lab, bytes);
    EXPECT_U64(70, size); /* 14 + 20 + 36 */
    struct frames f = {0};
    uint32_t good = frames_make(&f, (carp_instant){0}, 0, 1, bytes, size);
    EXPECT_INT(CARP_ACCEPTED, frames_read(&f, frame_at(&f, good)));
    EXPECT_INT(255, frame_at(&f, good)->packet.advert.advbase);
    uint32_t bad = frames_corrupt(&f, good, 8 * 60);
    EXPECT_INT(CARP_BAD_CHECKSUM, frames_read(&f, frame_at(&f, bad)));
    EXPECT_INT(CARP_ACCEPTED, frames_read(&f, frame_at(&f, good)));
    frames_drop(&f, good);
    uint32_t other = frames_make(&f, (carp_instant){0}, 0, 1, bytes, 20);
    EXPECT_U64(good, other);
    EXPECT_INT(FRAME_OTHER, frame_at(&f, other)->class_);
    EXPECT_INT(CARP_NOT_CARP, frames_read(&f, frame_at(&f, other)));
    frames_drop(&f, other);
    frames_drop(&f, bad);
    frames_free(&f);
}

/* A fast run reads a frame once, a plain one each time: nothing may come of that. */
TEST_CASE(frames, plain_frames_are_read_each_time)
{
    static struct world_lab lab;
    uint8_t bytes[FRAME_ROOM];
    size_t size = an_advert(&lab, bytes);
    struct frames f = {0};
    uint32_t index = frames_make(&f, (carp_instant){0}, 0, 1, bytes, size);
    struct sim_frame *frame = frame_at(&f, index);
    frames_read(&f, frame);
    frame->packet.advert.vhid = 77;
    frames_read(&f, frame);
    EXPECT_INT(77, frame->packet.advert.vhid);
    f.plain = true;
    frames_read(&f, frame);
    EXPECT_INT(1, frame->packet.advert.vhid);
    frames_drop(&f, index);
    frames_free(&f);
}

/* Everything that keeps frames: cables, holds, a frozen program's queue, a paused machine's; then
 * all is switched off and comes to rest. */
TEST_CASE(frames, nothing_leaks_when_a_world_comes_to_rest)
{
    static struct world_lab lab;
    world_lab_init(&lab, 3);
    uint32_t a = world_lab_daemon(&lab, "a", 0);
    uint32_t b = world_lab_daemon(&lab, "b", 100);
    uint32_t c = world_lab_daemon(&lab, "c", 200);
    world_lab_client(&lab, "d");
    world_lab_boot(&lab);
    world_lab_run(&lab, 5000);
    uint32_t held = world_lab_fault_in(
        &lab, a, (struct fault){.origin = NONE, .holds = true, .match = MATCH_ADVERTS});
    world_lab_fault_out(&lab, a,
                        (struct fault){.origin = NONE,
                                       .duplicate_ppm = 500000,
                                       .corrupt_ppm = 300000,
                                       .unseen = true,
                                       .jitter = CARP_MILLISECONDS(300)});
    node_freeze(&lab.world, world_lab_node(&lab, b));
    node_pause(&lab.world, world_lab_node(&lab, c), false);
    world_lab_run(&lab, 6200);
    EXPECT_TRUE(world_lab_node(&lab, b)->queued > 0);
    EXPECT_TRUE(world_lab_node(&lab, c)->queued > 0);
    EXPECT_INT(0, world_lab_leaked(&lab));
    node_thaw(&lab.world, world_lab_node(&lab, b));
    world_lab_run(&lab, 20000);
    EXPECT_INT(0, world_lab_leaked(&lab));
    for (uint32_t i = 0; i < lab.world.node_count; i++) {
        node_crash(&lab.world, world_lab_node(&lab, i));
    }
    fabric_remove_fault(&lab.world, held);
    world_lab_run(&lab, 30000);
    EXPECT_INT(0, world_lab_leaked(&lab));
    EXPECT_INT(0, world_lab_unaccounted(&lab));
    EXPECT_U64(0, lab.world.frames.used);
    EXPECT_U64(0, world_lab_in_flight(&lab));
    world_lab_free(&lab);
}
