#include "io/live/recorder.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "io/journal/format.h"
#include "io/journal/journal.h"
#include "io/live/clock.h"
#include "io/live/log.h"
#include "io/live/packet.h"
#include "io/live/ring.h"

enum {
    PIECE_MAX = 256 << 10,
    OLD_MS = 100,
    SYNC_MS = 5000,
    RETRY_MS = 10000,

    /* No less than one call of the journal writes, but for a beginning: the frame that was heard
     * and those that were sent, each in a block, a comment, and blocks of its own. */
    PACKET_BLOCK = 64, /* around a frame, with "not sent" */
    COMMENT_BLOCK = 256,
    STEP_MAX = PACKET_SIZE_MAX + COMMENT_BLOCK + JOURNAL_SENT_MAX * (FRAME_MAX + PACKET_BLOCK) +
               3 * FORMAT_BLOCK_MAX,
};

/* The smallest ring there can be; size_pieces() */
_Static_assert((1 << 20) / RING_FILES / 4 >= 2 * STEP_MAX, "a buffer holds more than one step");

/* What is written at once: whole blocks. */
struct piece {
    uint8_t *bytes;
    size_t size;
    bool begins_file;
    bool urgent; /* a change of state is in it, or a beginning */
};

struct recorder {
    struct journal journal;
    uv_loop_t *loop;
    uv_timer_t timer;

    struct piece pieces[2];
    unsigned filling;   /* the one that collects; the other is empty, or being written */
    size_t piece_max;   /* what fits into each */
    uint64_t file_size; /* what was handed over for this file */
    bool lost;          /* blocks were left out since the last beginning */
    bool overdue;       /* the timer has run out */
    bool failed;        /* no file until the timer runs out */
    bool ends;          /* nothing is to be waited for any more */
    bool gave_up;
    bool told; /* of an error, and not yet that it is over */
    uint64_t synced_ms;
    struct log_limit drops;

    /* The thread's while it works. */
    bool works;
    uv_work_t work;
    struct piece *handed; /* NULL: the file is to be closed */
    bool sync;
    int error;
    struct ring ring;
};

/* --- in the thread -------------------------------------------------------------------------------
 */

static void write_piece(uv_work_t *work)
{
    struct recorder *r = work->data;
    const struct piece *piece = r->handed;
    r->error = 0;
    if (piece == NULL) {
        ring_close(&r->ring);
        return;
    }
    if (piece->begins_file) {
        r->error = ring_begin(&r->ring);
    }
    if (r->error == 0) {
        r->error = ring_write(&r->ring, piece->bytes, piece->size);
    }
    if (r->error == 0 && r->sync) {
        r->error = ring_sync(&r->ring);
    }
}

/* --- from the journal into the buffers -----------------------------------------------------------
 */

static void on_written(uv_work_t *work, int status);

static void hand(struct recorder *r, struct piece *piece)
{
    r->handed = piece;
    r->works = true;
    int error = uv_queue_work(r->loop, &r->work, write_piece, on_written);
    assert(error == 0);
}

static void hand_over(struct recorder *r)
{
    struct piece *piece = &r->pieces[r->filling];
    uint64_t now = uv_now(r->loop);
    r->sync = piece->urgent || now - r->synced_ms >= SYNC_MS;
    r->synced_ms = r->sync ? now : r->synced_ms;
    r->file_size += piece->size;
    r->filling ^= 1;
    r->overdue = false;
    if (!r->ends) {
        uv_timer_stop(&r->timer);
    }
    hand(r, piece);
}

static void lose(struct recorder *r)
{
    if (log_allow(&r->drops, clock_now())) {
        log_line(LOG_LEVEL_WARNING,
                 "journal %s: the disk does not keep up; nothing is recorded until it does",
                 r->ring.path);
    }
    r->lost = true;
}

/* Before the journal writes: no step is to be parted from its frames, not even by a loss. */
static void make_room(struct recorder *r)
{
    bool fits = r->pieces[r->filling].size + STEP_MAX <= r->piece_max;
    if (fits || r->failed || r->lost) {
        return;
    }
    if (r->works) {
        lose(r);
    } else {
        hand_over(r);
    }
}

static int sink_write(void *self, const uint8_t *bytes, size_t size)
{
    struct recorder *r = self;
    struct piece *piece = &r->pieces[r->filling];
    if (r->failed || r->lost) {
        return -ENOBUFS; /* nothing comes any more until journal_begin() */
    }
    assert(piece->size + size <= r->piece_max);
    memcpy(piece->bytes + piece->size, bytes, size);
    piece->size += size;
    return 0;
}

static uint64_t wall_ns(void)
{
    struct timespec t = {0}; /* as a time_t of 32 bits cannot be told in 2038 */
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* Into an empty buffer, so it fits: piece_max sees to that. */
static void begin(struct recorder *r, bool file)
{
    struct piece *piece = &r->pieces[r->filling];
    assert(piece->size == 0);
    piece->begins_file = file;
    piece->urgent = true;
    r->file_size = file ? 0 : r->file_size;
    r->lost = r->failed = r->overdue = false;
    struct pcapng_sink sink = {r, sink_write};
    int error = journal_begin(&r->journal, sink, clock_now(), wall_ns());
    assert(error == 0);
}

/* --- between wake-ups ----------------------------------------------------------------------------
 */

static void on_timer(uv_timer_t *timer);

/*
 * Whatever is to be done now. A file ends when not even what one wake-up can add would fit: the
 * rest of this buffer, and the other one.
 */
static void turn(struct recorder *r)
{
    struct piece *piece = &r->pieces[r->filling];
    bool again = r->failed && r->overdue && !r->ends;
    bool full = r->file_size + piece->size + 2 * r->piece_max > r->ring.file_max;
    if (r->failed && !again) {
        return;
    }
    if (!r->works && piece->size > 0 &&
        (piece->urgent || r->overdue || r->ends || r->lost || full)) {
        hand_over(r);
        piece = &r->pieces[r->filling];
    }
    if (piece->size == 0 && !r->ends && (again || full || r->lost)) {
        begin(r, again || full);
        if (!r->works) {
            hand_over(r);
            piece = &r->pieces[r->filling];
        }
    }
    if (piece->size > 0 && !r->ends && !r->overdue && !uv_is_active((uv_handle_t *)&r->timer)) {
        uv_timer_start(&r->timer, on_timer, OLD_MS, 0);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct recorder *r = timer->data;
    r->gave_up = r->ends;
    r->overdue = true;
    turn(r);
}

static void empty(struct piece *piece)
{
    piece->size = 0;
    piece->begins_file = piece->urgent = false;
}

static void fail(struct recorder *r)
{
    if (!r->told) {
        log_line(LOG_LEVEL_ERROR, "journal %s: %s; nothing is recorded until that works again",
                 r->ring.path, strerror(-r->error));
        r->told = true;
    }
    empty(&r->pieces[r->filling]);
    r->failed = r->lost = true;
    r->overdue = false;
    if (!r->ends) {
        uv_timer_start(&r->timer, on_timer, RETRY_MS, 0);
    }
}

static void on_written(uv_work_t *work, int status)
{
    struct recorder *r = work->data;
    (void)status;
    r->works = false;
    if (r->handed != NULL) {
        empty(r->handed);
    }
    if (r->error != 0) {
        fail(r);
        return;
    }
    if (r->told && r->handed != NULL) {
        log_line(LOG_LEVEL_NOTICE, "journal %s: it works again", r->ring.path);
        r->told = false;
    }
    turn(r);
}

/* --- for the worker ------------------------------------------------------------------------------
 */

static int measure(void *self, const uint8_t *bytes, size_t size)
{
    size_t *sum = self;
    (void)bytes;
    *sum += size;
    return 0;
}

/* A buffer holds a beginning, whose size never changes, and a step behind it, or there would be no
 * end of beginnings on a slow disk; and a file holds four of them: see turn(). */
static int size_pieces(struct recorder *r, unsigned mib, char error[CONFIG_ERROR_MAX])
{
    size_t least = STEP_MAX;
    journal_begin(&r->journal, (struct pcapng_sink){&least, measure}, (carp_instant){0}, 0);
    r->ring.file_max = ((uint64_t)mib << 20) / RING_FILES;
    uint64_t quarter = r->ring.file_max / 4;
    if (least > quarter) {
        uint64_t right = (least * 4 * RING_FILES + (1 << 20) - 1) >> 20;
        snprintf(error, CONFIG_ERROR_MAX,
                 "journal-size %u is too small for so many groups; at least %llu is right", mib,
                 (unsigned long long)right);
        return -EINVAL;
    }
    size_t usual = quarter < PIECE_MAX ? (size_t)quarter : PIECE_MAX;
    r->piece_max = least < usual ? usual : least;
    return 0;
}

int recorder_open(struct recorder **made, uv_loop_t *loop, const struct recorder_setup *setup,
                  char error[CONFIG_ERROR_MAX])
{
    struct recorder *r = calloc(1, sizeof *r);
    if (r == NULL) {
        snprintf(error, CONFIG_ERROR_MAX, "no memory for a journal");
        return -ENOMEM;
    }
    r->loop = loop;
    r->ring.path = setup->path;
    r->ring.fd = -1;
    journal_init(&r->journal, setup->host, setup->interfaces, setup->groups, setup->application);
    int status = size_pieces(r, setup->mib, error);
    journal_init(&r->journal, setup->host, setup->interfaces, setup->groups, setup->application);
    for (int i = 0; i < 2 && status == 0; i++) {
        r->pieces[i].bytes = malloc(r->piece_max);
        if (r->pieces[i].bytes == NULL) {
            snprintf(error, CONFIG_ERROR_MAX, "no memory for a journal");
            status = -ENOMEM;
        }
    }
    if (status != 0) {
        recorder_free(r);
        return status;
    }
    signal(SIGXFSZ, SIG_IGN); /* a limit of our user's is an error like others: EFBIG */
    uv_timer_init(loop, &r->timer);
    r->timer.data = r->work.data = r;
    begin(r, true);
    turn(r);
    *made = r;
    return 0;
}

void recorder_woke(struct recorder *r, carp_instant now)
{
    if (r != NULL) {
        make_room(r);
        journal_clock(&r->journal, now, wall_ns());
    }
}

void recorder_rests(struct recorder *r)
{
    if (r != NULL) {
        turn(r);
    }
}

void recorder_hears(struct recorder *r, carp_instant now, unsigned interface, const uint8_t *frame,
                    size_t size)
{
    if (r != NULL) {
        journal_hears(&r->journal, now, interface, frame, size);
    }
}

void recorder_heard(struct recorder *r)
{
    if (r != NULL) {
        make_room(r);
        journal_heard(&r->journal);
    }
}

void recorder_sent(struct recorder *r, unsigned group, const uint8_t *frame, size_t size, int error)
{
    if (r != NULL) {
        journal_sent(&r->journal, group, frame, size, error);
    }
}

void recorder_stepped(struct recorder *r, unsigned group, carp_instant now,
                      const struct carp_event *event, const struct carp_outcome *outcome)
{
    if (r != NULL) {
        make_room(r);
        journal_stepped(&r->journal, group, now, event, outcome);
        r->pieces[r->filling].urgent |= outcome->from != outcome->to;
    }
}

/* --- the end -------------------------------------------------------------------------------------
 */

bool recorder_finish(struct recorder *r, unsigned timeout_ms)
{
    if (r == NULL) {
        return true;
    }
    r->ends = true;
    uv_update_time(r->loop);
    uv_timer_start(&r->timer, on_timer, timeout_ms, 0);
    turn(r);
    while ((r->works || r->pieces[r->filling].size > 0) && !r->gave_up) {
        uv_run(r->loop, UV_RUN_ONCE);
    }
    if (!r->gave_up) {
        hand(r, NULL);
    }
    while (r->works && !r->gave_up) {
        uv_run(r->loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&r->timer, NULL);
    if (r->gave_up) {
        log_line(LOG_LEVEL_WARNING, "journal %s: the disk does not answer; the end is missing",
                 r->ring.path);
    }
    return !r->gave_up;
}

void recorder_free(struct recorder *r)
{
    if (r != NULL) {
        free(r->pieces[0].bytes);
        free(r->pieces[1].bytes);
        free(r);
    }
}
