#include "sim/frames.h"

#include <assert.h>
#include <stdlib.h>

#include "sim/decide.h"
#include "sim/memory.h"
#include "sim/packets.h"

static void add_chunk(struct frames *f)
{
    if (f->chunk_count == f->chunk_room) {
        f->chunks = memory_grow(f->chunks, &f->chunk_room, 8, sizeof(struct sim_frame *));
    }
    struct sim_frame *chunk = memory_make(FRAMES_CHUNK, sizeof *chunk);
    uint32_t first = (uint32_t)f->chunk_count * FRAMES_CHUNK;
    for (uint32_t i = 0; i < FRAMES_CHUNK; i++) {
        chunk[i].next_free = i + 1 < FRAMES_CHUNK ? first + i + 2 : f->first_free;
    }
    f->first_free = first + 1;
    f->chunks[f->chunk_count++] = chunk;
}

static uint64_t hash_of(const uint8_t *bytes, size_t size)
{
    uint64_t hash = size;
    size_t at = 0;
    for (; at + 8 <= size; at += 8) {
        uint64_t word = 0;
        for (int i = 0; i < 8; i++) { /* compilers make one instruction of this */
            word = word << 8 | bytes[at + (size_t)i];
        }
        hash = decide_mix(hash, word);
    }
    if (at < size) {
        uint64_t word = 0;
        for (; at < size; at++) {
            word = word << 8 | bytes[at];
        }
        hash = decide_mix(hash, word);
    }
    return hash;
}

uint32_t frames_make(struct frames *f, carp_instant now, uint32_t origin, uint64_t id,
                     const uint8_t *bytes, size_t size)
{
    assert(size <= FRAME_ROOM);
    if (f->first_free == 0) {
        add_chunk(f);
    }
    uint32_t index = f->first_free - 1;
    struct sim_frame *frame = frame_at(f, index);
    f->first_free = frame->next_free;
    f->used += 1;
    frame->references = 1;
    frame->origin = origin;
    frame->size = (uint16_t)size;
    frame->is_read = false;
    frame->sent = now;
    frame->id = id;
    memcpy(frame->bytes, bytes, size);
    frame->hash = hash_of(bytes, size);
    frame->class_ = (uint8_t)packet_class(bytes, size);
    return index;
}

uint32_t frames_corrupt(struct frames *f, uint32_t index, unsigned bit)
{
    struct sim_frame *whole = frame_at(f, index);
    uint8_t bytes[FRAME_ROOM];
    memcpy(bytes, whole->bytes, whole->size);
    bytes[bit / 8 % whole->size] ^= (uint8_t)(1 << bit % 8);
    return frames_make(f, whole->sent, whole->origin, decide_mix(whole->id, bit), bytes,
                       whole->size);
}

void frames_drop(struct frames *f, uint32_t index)
{
    struct sim_frame *frame = frame_at(f, index);
    assert(frame->references > 0);
    frame->references -= 1;
    if (frame->references == 0) {
        frame->next_free = f->first_free;
        f->first_free = index + 1;
        f->used -= 1;
    }
}

enum carp_verdict frames_read_anew(struct sim_frame *frame)
{
    frame->verdict = frame_parse(frame->bytes, frame->size, &frame->packet);
    frame->is_read = true;
    return frame->verdict;
}

void frames_free(struct frames *f)
{
    for (size_t i = 0; i < f->chunk_count; i++) {
        free(f->chunks[i]);
    }
    free(f->chunks);
    *f = (struct frames){.plain = f->plain};
}
