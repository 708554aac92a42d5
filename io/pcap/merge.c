#include "io/pcap/merge.h"
#include "io/pcap/align.h"
#include "io/pcap/likeness.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A frame is handed out at its earliest sight, and with all who saw it: so each file is read ahead
 * as far as another sight of it may lie, within these limits. Beyond them, a flood, a second sight
 * may be handed out as a frame of its own.
 */
enum {
    WAITING_MAX = 4096,
    WAITING_BYTES_MAX = 1 << 20,
    SLACK_NS = 5000000, /* sights of one frame lie apart by the spread of the clocks and this */
    SPREAD_NS_MAX = 1000000000,
    SET_BACK_NS = 1000000000,
};

struct waiting {
    struct capture_frame frame; /* its time is on the first file's clock; its bytes are these: */
    uint8_t *bytes;             /* owned */
    uint64_t number;
    uint64_t hash;
    bool taken; /* it was handed out with another file's */
};

struct source {
    const char *path;
    struct capture *capture; /* NULL: there is nothing more in it */
    uint64_t read;
    carp_instant last; /* time of the frame before, on its clock, set-backs made good */
    carp_instant begin;
    struct merge_clock clock;

    /* Of several: what was read ahead, a ring. */
    struct waiting *waiting;
    size_t first, count, bytes;
};

struct merge {
    struct source sources[MERGE_FILES_MAX];
    unsigned count;
    bool is_stream;
    uint8_t *handed_out; /* bytes of the last frame */
    bool damaged;        /* one of them was: */
    uint64_t damage;
    char error[CAPTURE_ERROR_MAX];
};

static struct waiting *waiting_at(const struct source *s, size_t index)
{
    return &s->waiting[(s->first + index) % WAITING_MAX];
}

/* The path is cut rather than the reason. */
static void set_error(char error[CAPTURE_ERROR_MAX], const char *path, const char *why)
{
    size_t size = strlen(why);
    int room = size + 3 < CAPTURE_ERROR_MAX ? CAPTURE_ERROR_MAX - 3 - (int)size : 0;
    int written = snprintf(error, CAPTURE_ERROR_MAX, "%.*s: ", room, path);
    if (written > 0 && written < CAPTURE_ERROR_MAX) {
        snprintf(error + written, CAPTURE_ERROR_MAX - (size_t)written, "%s", why);
    }
}

/* --- one file -----------------------------------------------------------------------------------
 */

static enum capture_status source_open(struct merge *m, struct source *s,
                                       char error[CAPTURE_ERROR_MAX])
{
    char why[CAPTURE_ERROR_MAX];
    uint64_t damage = 0;
    s->read = 0;
    s->last = (carp_instant){0};
    s->clock.set_back = 0;
    s->clock.set_back_ns = 0;
    enum capture_status status = capture_open(s->path, &s->capture, &damage, why);
    if (status == CAPTURE_REFUSED) {
        set_error(error, s->path, why);
    } else if (status == CAPTURE_DAMAGED && !m->damaged) {
        m->damaged = true;
        m->damage = damage;
        set_error(m->error, s->path, why);
    }
    return status;
}

static void source_close(struct source *s)
{
    capture_close(s->capture);
    s->capture = NULL;
}

/* Its times never go back: merge.h says how. */
static carp_instant steady(struct source *s, carp_instant at)
{
    if (at.ns == 0) {
        return s->last;
    }
    at = instant_add(at, (carp_duration){s->clock.set_back_ns});
    uint64_t back = instant_since(s->last, at).ns;
    if (back >= SET_BACK_NS) {
        s->clock.set_back += 1;
        s->clock.set_back_ns += back;
    }
    if (back == 0) {
        s->last = at;
    }
    return s->last;
}

/* The next frame, its time on the file's own clock. False: there is none; how it ended is noted. */
static bool source_next(struct merge *m, struct source *s, struct capture_frame *frame)
{
    char why[CAPTURE_ERROR_MAX];
    uint64_t damage = 0;
    if (s->capture == NULL) {
        return false;
    }
    enum capture_status status = capture_next(s->capture, frame, &damage, why);
    if (status == CAPTURE_FRAME) {
        s->read += 1;
        frame->at = steady(s, frame->at);
        return true;
    }
    source_close(s);
    if (status == CAPTURE_DAMAGED && !m->damaged) {
        char text[CAPTURE_ERROR_MAX];
        snprintf(text, sizeof text, "after packet %llu: %.300s", (unsigned long long)s->read, why);
        m->damaged = true;
        m->damage = damage;
        set_error(m->error, s->path, text);
    }
    return false;
}

/* --- the clocks ---------------------------------------------------------------------------------
 */

static void remember(struct merge *m, struct source *s, struct align_file *f)
{
    struct capture_frame frame;
    while (source_next(m, s, &frame)) {
        struct likeness l = likeness_of(frame.bytes, frame.size);
        if (s->read == 1) {
            f->begin = s->begin = frame.at;
        }
        if (likeness_tells_time(l) && frame.at.ns != 0) {
            align_note(f, likeness_hash(l), frame.at);
        }
    }
    align_end(f);
}

/* Read all once, and open them again. */
static enum capture_status align(struct merge *m, char error[CAPTURE_ERROR_MAX])
{
    struct align_file files[MERGE_FILES_MAX] = {0};
    enum capture_status status = CAPTURE_FRAME;
    for (unsigned i = 0; i < m->count && status == CAPTURE_FRAME; i++) {
        struct source *s = &m->sources[i];
        s->waiting = calloc(WAITING_MAX, sizeof *s->waiting);
        if (s->waiting == NULL || !align_begin(&files[i])) {
            status = CAPTURE_REFUSED;
        } else {
            remember(m, s, &files[i]);
        }
    }
    if (status == CAPTURE_REFUSED || !align_clocks(files, m->count)) {
        set_error(error, m->sources[0].path, strerror(ENOMEM));
        status = CAPTURE_REFUSED;
    }
    m->damaged = false;
    for (unsigned i = 0; i < m->count; i++) {
        align_free(&files[i]);
        m->sources[i].clock = files[i].clock;
        if (status != CAPTURE_REFUSED) {
            status = source_open(m, &m->sources[i], error);
        }
    }
    return status;
}

/* --- opening ------------------------------------------------------------------------------------
 */

enum capture_status merge_open(const char *const *paths, unsigned count, struct merge **merge,
                               char error[CAPTURE_ERROR_MAX])
{
    struct merge *m = calloc(1, sizeof *m);
    enum capture_status status = CAPTURE_FRAME;
    assert(count > 0 && count <= MERGE_FILES_MAX);
    if (m == NULL) {
        set_error(error, paths[0], strerror(ENOMEM));
        return CAPTURE_REFUSED;
    }
    m->count = count;
    for (unsigned i = 0; i < count && status != CAPTURE_REFUSED; i++) {
        struct source *s = &m->sources[i];
        s->path = paths[i];
        status = source_open(m, s, error);
        if (status != CAPTURE_FRAME) {
            continue;
        }
        m->is_stream = capture_is_stream(s->capture);
        if (count > 1 && (m->is_stream || strcmp(paths[i], "-") == 0)) {
            set_error(error, paths[i],
                      "several captures are read twice; a file in place of a pipe is right");
            status = CAPTURE_REFUSED;
        }
    }
    if (status != CAPTURE_REFUSED && count > 1) {
        status = align(m, error);
    }
    if (status == CAPTURE_REFUSED) {
        merge_close(m);
        return CAPTURE_REFUSED;
    }
    *merge = m;
    return CAPTURE_FRAME;
}

void merge_close(struct merge *m)
{
    if (m == NULL) {
        return;
    }
    for (unsigned i = 0; i < m->count; i++) {
        struct source *s = &m->sources[i];
        source_close(s);
        for (size_t j = 0; j < s->count; j++) {
            free(waiting_at(s, j)->bytes);
        }
        free(s->waiting);
    }
    free(m->handed_out);
    free(m);
}

struct merge_clock merge_clock(const struct merge *m, unsigned file)
{
    assert(file < m->count);
    return m->sources[file].clock;
}

bool merge_is_stream(const struct merge *m)
{
    return m->is_stream;
}

/* --- reading ahead ------------------------------------------------------------------------------
 */

static bool has_room(const struct source *s)
{
    return s->count < WAITING_MAX && s->bytes < WAITING_BYTES_MAX;
}

/* False: no memory. */
static bool read_ahead(struct merge *m, struct source *s, carp_instant until)
{
    struct capture_frame frame;
    while ((s->count == 0 || !instant_before(until, waiting_at(s, s->count - 1)->frame.at)) &&
           has_room(s) && source_next(m, s, &frame)) {
        struct waiting *w = waiting_at(s, s->count);
        *w = (struct waiting){.frame = frame, .number = s->read};
        w->hash = likeness_hash(likeness_of(frame.bytes, frame.size));
        w->frame.at = align_time(&s->clock, s->begin, frame.at);
        w->bytes = malloc(frame.size + 1); /* + 1: none is NULL */
        if (w->bytes == NULL) {
            return false;
        }
        memcpy(w->bytes, frame.bytes, frame.size);
        w->frame.bytes = w->bytes;
        s->bytes += frame.size;
        s->count += 1;
    }
    return true;
}

static struct waiting take_first(struct source *s)
{
    struct waiting first = *waiting_at(s, 0);
    s->first = (s->first + 1) % WAITING_MAX;
    s->count -= 1;
    s->bytes -= first.frame.size;
    return first;
}

/* Have its next frame that was not handed out with another's. False: no memory. */
static bool have_next(struct merge *m, struct source *s)
{
    bool ready = read_ahead(m, s, (carp_instant){0});
    while (ready && s->count > 0 && waiting_at(s, 0)->taken) {
        free(take_first(s).bytes);
        ready = read_ahead(m, s, (carp_instant){0});
    }
    return ready;
}

/* The other file's sight of this frame, if it has one within reach. */
static bool take_twin(struct source *s, const struct waiting *w, carp_instant until)
{
    struct likeness wanted = likeness_of(w->frame.bytes, w->frame.size);
    for (size_t i = 0; i < s->count; i++) {
        struct waiting *other = waiting_at(s, i);
        if (instant_before(until, other->frame.at)) {
            return false;
        }
        if (!other->taken && other->hash == w->hash &&
            likeness_equal(likeness_of(other->frame.bytes, other->frame.size), wanted)) {
            other->taken = true;
            return true;
        }
    }
    return false;
}

static uint64_t spread(const struct source *s)
{
    return s->clock.spread_ns < SPREAD_NS_MAX ? s->clock.spread_ns : SPREAD_NS_MAX;
}

/* --- handing out --------------------------------------------------------------------------------
 */

static enum capture_status finish(const struct merge *m, uint64_t *damage,
                                  char error[CAPTURE_ERROR_MAX])
{
    if (!m->damaged) {
        return CAPTURE_END;
    }
    *damage = m->damage;
    memcpy(error, m->error, CAPTURE_ERROR_MAX);
    return CAPTURE_DAMAGED;
}

static enum capture_status no_memory(struct merge *m, char error[CAPTURE_ERROR_MAX])
{
    set_error(error, m->sources[0].path, strerror(ENOMEM));
    return CAPTURE_REFUSED;
}

/* Earliest first; at one time, in the order of the files. */
static enum capture_status next_of_several(struct merge *m, struct merge_frame *frame,
                                           uint64_t *damage, char error[CAPTURE_ERROR_MAX])
{
    struct source *next = NULL;
    for (unsigned i = 0; i < m->count; i++) {
        struct source *s = &m->sources[i];
        if (!have_next(m, s)) {
            return no_memory(m, error);
        }
        if (s->count > 0 && (next == NULL || instant_before(waiting_at(s, 0)->frame.at,
                                                            waiting_at(next, 0)->frame.at))) {
            next = s;
            frame->file = i;
        }
    }
    if (next == NULL) {
        return finish(m, damage, error);
    }
    struct waiting w = take_first(next);
    m->handed_out = w.bytes;
    frame->frame = w.frame;
    frame->number = w.number;
    frame->seen_by = UINT32_C(1) << frame->file;
    for (unsigned i = 0; i < m->count; i++) {
        struct source *s = &m->sources[i];
        carp_duration reach = {spread(next) + spread(s) + SLACK_NS};
        carp_instant until = instant_add(w.frame.at, reach);
        if (s != next && !read_ahead(m, s, until)) {
            return no_memory(m, error);
        }
        frame->seen_by |= s != next && take_twin(s, &w, until) ? UINT32_C(1) << i : 0;
    }
    return CAPTURE_FRAME;
}

enum capture_status merge_next(struct merge *m, struct merge_frame *frame, uint64_t *damage,
                               char error[CAPTURE_ERROR_MAX])
{
    free(m->handed_out);
    m->handed_out = NULL;
    if (m->count > 1) {
        return next_of_several(m, frame, damage, error);
    }
    if (!source_next(m, &m->sources[0], &frame->frame)) {
        return finish(m, damage, error);
    }
    frame->file = 0;
    frame->number = m->sources[0].read;
    frame->seen_by = 1;
    return CAPTURE_FRAME;
}
