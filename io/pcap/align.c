#include "io/pcap/align.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    SIGHTS_ROOM = 2 * ALIGN_SIGHTS_MAX,
    NS_PER_SECOND = 1000000000,
    NS_PER_MS = 1000000,
    STRAY_NS = 5000000,         /* a shared frame may be off by this, */
    STRAY_FACTOR = 10,          /* or by so many times the middle distance */
    DRIFT_POINTS_MIN = 12,      /* fewer tell nothing of a drift */
    DRIFT_SPAN_FRACTION = 2000, /* 500 ppm: what the kernel corrects a clock by at most */
};

/* --- what is remembered --------------------------------------------------------------------------
 */

bool align_begin(struct align_file *f)
{
    *f = (struct align_file){.sights = malloc(SIGHTS_ROOM * sizeof *f->sights)};
    return f->sights != NULL;
}

void align_free(struct align_file *f)
{
    free(f->sights);
    f->sights = NULL;
}

static bool is_chosen(const struct align_file *f, uint64_t hash)
{
    return f->zeros == 0 || hash >> (64 - f->zeros) == 0;
}

static int compare_u64(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int by_hash(const void *a, const void *b)
{
    const struct align_sight *left = a, *right = b;
    int order = compare_u64(left->hash, right->hash);
    return order != 0 ? order : compare_u64(left->at.ns, right->at.ns);
}

/* Sort, and leave one of those that are alike. */
static void settle(struct align_file *f)
{
    size_t kept = 0;
    qsort(f->sights, f->count, sizeof *f->sights, by_hash);
    for (size_t i = 0; i < f->count; i++) {
        if (kept > 0 && f->sights[kept - 1].hash == f->sights[i].hash) {
            f->sights[kept - 1].again = true;
        } else {
            f->sights[kept++] = f->sights[i];
        }
    }
    f->count = kept;
}

/* What is not chosen any more; or, at last, what was seen again. */
static void drop(struct align_file *f, bool seen_again)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->count; i++) {
        if (is_chosen(f, f->sights[i].hash) && !(seen_again && f->sights[i].again)) {
            f->sights[kept++] = f->sights[i];
        }
    }
    f->count = kept;
}

void align_note(struct align_file *f, uint64_t hash, carp_instant at)
{
    if (!is_chosen(f, hash)) {
        return;
    }
    f->sights[f->count++] = (struct align_sight){.hash = hash, .at = at};
    if (f->count < SIGHTS_ROOM) {
        return;
    }
    settle(f);
    while (f->count > ALIGN_SIGHTS_MAX) {
        f->zeros += 1;
        drop(f, false);
    }
}

void align_end(struct align_file *f)
{
    settle(f);
    drop(f, true);
}

/* --- times --------------------------------------------------------------------------------------
 */

static int64_t drifted(int64_t drift_ppb, carp_instant begin, carp_instant at)
{
    uint64_t since = instant_since(at, begin).ns;
    return (int64_t)(since / NS_PER_SECOND) * drift_ppb +
           (int64_t)(since % NS_PER_SECOND) * drift_ppb / NS_PER_SECOND;
}

carp_instant align_time(const struct merge_clock *clock, carp_instant begin, carp_instant at)
{
    int64_t add = clock->offset_ns + drifted(clock->drift_ppb, begin, at);
    uint64_t distance = add < 0 ? 0 - (uint64_t)add : (uint64_t)add;
    if (add < 0) {
        return (carp_instant){at.ns > distance ? at.ns - distance : 0};
    }
    return instant_add(at, (carp_duration){distance});
}

/* --- matching -----------------------------------------------------------------------------------
 */

/* A frame that two files have: when by the one, and how much later by the others. */
struct point {
    carp_instant at;
    int64_t later;
};

/* Differences of differences of these do not overflow; they go on to the year 2067. */
static bool is_sane(carp_instant at)
{
    return at.ns <= INT64_MAX / 3;
}

static const struct align_sight *find(const struct align_file *f, uint64_t hash)
{
    const struct align_sight wanted = {.hash = hash};
    size_t low = 0, high = f->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_hash(&f->sights[middle], &wanted) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < f->count && f->sights[low].hash == hash ? &f->sights[low] : NULL;
}

/* What `f` shares with any of those whose clock is known. points NULL: only count. */
static size_t match(const struct align_file *files, unsigned count, const bool *known,
                    const struct align_file *f, struct point *points)
{
    size_t found = 0;
    for (size_t i = 0; i < f->count; i++) {
        const struct align_sight *theirs = NULL;
        unsigned j = 0;
        for (; theirs == NULL && j < count; j++) {
            theirs = known[j] ? find(&files[j], f->sights[i].hash) : NULL;
        }
        if (theirs == NULL) {
            continue;
        }
        carp_instant ours = f->sights[i].at;
        carp_instant at = align_time(&files[j - 1].clock, files[j - 1].begin, theirs->at);
        if (!is_sane(at) || !is_sane(ours)) {
            continue;
        }
        if (points != NULL) {
            points[found] = (struct point){ours, (int64_t)at.ns - (int64_t)ours.ns};
        }
        found += 1;
    }
    return found;
}

/* --- fitting ------------------------------------------------------------------------------------
 */

static int by_time(const void *a, const void *b)
{
    const struct point *left = a, *right = b;
    int order = compare_u64(left->at.ns, right->at.ns);
    return order != 0 ? order : (left->later > right->later) - (left->later < right->later);
}

static int by_value(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static int64_t median(int64_t *values, size_t count)
{
    qsort(values, count, sizeof *values, by_value);
    return values[count / 2];
}

/* The clock with this drift that goes through the middle of the points, and how well it fits. */
static struct merge_clock fit(const struct point *points, size_t count, carp_instant begin,
                              int64_t drift_ppb, int64_t *room)
{
    struct merge_clock clock = {.drift_ppb = drift_ppb};
    for (size_t i = 0; i < count; i++) {
        room[i] = points[i].later - drifted(drift_ppb, begin, points[i].at);
    }
    clock.offset_ns = median(room, count);
    for (size_t i = 0; i < count; i++) {
        int64_t off = room[i] - clock.offset_ns;
        room[i] = off < 0 ? -off : off;
    }
    int64_t middle = median(room, count);
    int64_t most = STRAY_FACTOR * (middle < INT64_MAX / STRAY_FACTOR / 2 ? middle : 0) + STRAY_NS;
    for (size_t i = 0; i < count; i++) { /* they are in order now */
        if (room[i] > most) {
            clock.astray += 1;
        } else {
            clock.shared += 1;
            clock.spread_ns = (uint64_t)room[i];
        }
    }
    return clock;
}

/* By how much the difference changes over time: from the middle of the first third of the points to
 * the middle of the last (Tukey's resistant line). 0: nothing that a clock could do. */
static int64_t find_drift(const struct point *points, size_t count, int64_t *room)
{
    size_t third = count / 3;
    int64_t span = (int64_t)(points[count - 1 - third / 2].at.ns - points[third / 2].at.ns);
    for (size_t i = 0; i < third; i++) {
        room[i] = points[i].later;
        room[third + i] = points[count - third + i].later;
    }
    int64_t change = median(room + third, third) - median(room, third);
    int64_t most = span / DRIFT_SPAN_FRACTION;
    if (span < NS_PER_MS || change > most || change < -most) {
        return 0;
    }
    return change * 1000 / (span / NS_PER_MS);
}

/* A drift is believed when it explains more than half of what is left over without it: frames that
 * travel first one way and then the other look like a small one. */
static struct merge_clock fit_points(struct point *points, size_t count, carp_instant begin,
                                     int64_t *room)
{
    qsort(points, count, sizeof *points, by_time);
    struct merge_clock clock = fit(points, count, begin, 0, room);
    if (count >= DRIFT_POINTS_MIN) {
        int64_t drift_ppb = find_drift(points, count, room);
        struct merge_clock drifting = fit(points, count, begin, drift_ppb, room);
        if (drifting.shared >= clock.shared && drifting.spread_ns < clock.spread_ns / 2) {
            return drifting;
        }
    }
    return clock;
}

/* From the first file on, the one that shares most with those whose clock is known is next. One
 * that shares nothing with them is taken as it is, and may help the others. */
bool align_clocks(struct align_file *files, unsigned count)
{
    bool known[MERGE_FILES_MAX] = {true};
    struct point *points = malloc(SIGHTS_ROOM * sizeof *points);
    int64_t *room = malloc(SIGHTS_ROOM * sizeof *room);
    bool ready = points != NULL && room != NULL;
    assert(count <= MERGE_FILES_MAX);
    for (unsigned round = 1; ready && round < count; round++) {
        unsigned next = count;
        size_t most = 0;
        for (unsigned i = 1; i < count; i++) {
            size_t shared = known[i] ? 0 : match(files, count, known, &files[i], NULL);
            if (!known[i] && (next == count || shared > most)) {
                next = i;
                most = shared;
            }
        }
        if (most > 0) {
            match(files, count, known, &files[next], points);
            files[next].clock = fit_points(points, most, files[next].begin, room);
        }
        known[next] = true;
    }
    free(points);
    free(room);
    return ready;
}
