#include "sim/decide.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* --- keyed randomness ------------------------------------------------------------------------ */

/* The finalizer of splitmix64 (Steele, Lea, Flood, 2014): every bit of the input moves half of the
 * output's. */
static uint64_t finalize(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

uint64_t decide_mix(uint64_t a, uint64_t b)
{
    return finalize(a + UINT64_C(0x9e3779b97f4a7c15) * (b + 1));
}

static uint64_t choose_by_seed(void *self, const struct decision_key *key, uint64_t choices)
{
    const struct decisions *d = self;
    uint64_t drawn = decide_mix(d->seed, (uint64_t)key->what << 32 | key->who);
    drawn = decide_mix(drawn, key->which);
    return choices == 0 ? drawn : drawn % choices;
}

void decide_by_seed(struct decisions *d, uint64_t seed)
{
    *d = (struct decisions){.self = d, .choose = choose_by_seed, .seed = seed};
}

/* --- tapes ----------------------------------------------------------------------------------- */

static int compare(const void *left, const void *right)
{
    const struct decision_key *a = &((const struct decision_made *)left)->key;
    const struct decision_key *b = &((const struct decision_made *)right)->key;
    if (a->what != b->what) {
        return a->what < b->what ? -1 : 1;
    }
    if (a->who != b->who) {
        return a->who < b->who ? -1 : 1;
    }
    return (a->which > b->which) - (a->which < b->which);
}

static uint64_t choose_by_tape(void *self, const struct decision_key *key, uint64_t choices)
{
    const struct tape *tape = self;
    const struct decision_made wanted = {.key = *key};
    const struct decision_made *found =
        tape->count == 0 ? NULL
                         : bsearch(&wanted, tape->made, tape->count, sizeof *tape->made, compare);
    if (found == NULL) {
        return 0;
    }
    /* Two faults of a link may ask about one frame with different numbers of choices. */
    while (found > tape->made && compare(found - 1, &wanted) == 0) {
        found -= 1;
    }
    const struct decision_made *end = tape->made + tape->count, *same = found;
    while (same < end && compare(same, &wanted) == 0 && same->choices != choices) {
        same += 1;
    }
    if (same < end && compare(same, &wanted) == 0) {
        found = same;
    }
    /* A tape may be edited by hand, so a value that is no longer a choice is the plain one. */
    return choices == 0 || found->value < choices ? found->value : 0;
}

void decide_by_tape(struct decisions *d, struct tape *tape)
{
    if (tape->count > 0) {
        qsort(tape->made, tape->count, sizeof *tape->made, compare);
    }
    *d = (struct decisions){.self = tape, .choose = choose_by_tape};
}

static bool append(struct tape *tape, const struct decision_made *made)
{
    if (tape->count == tape->room) {
        size_t room = tape->room == 0 ? 256 : tape->room * 2;
        struct decision_made *grown = realloc(tape->made, room * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        tape->made = grown;
        tape->room = room;
    }
    tape->made[tape->count++] = *made;
    return true;
}

uint64_t decide(struct decisions *d, enum decision what, uint32_t who, uint64_t which,
                uint64_t choices)
{
    const struct decision_key key = {what, who, which};
    uint64_t value = d->choose(d->self, &key, choices);
    assert(choices == 0 || value < choices);
    if (d->record != NULL) {
        const struct decision_made made = {key, choices, value};
        bool kept = append(d->record, &made);
        assert(kept); /* a tape with a hole would replay another run */
    }
    return value;
}

char *tape_write(const struct tape *tape)
{
    enum { LINE_MAX_SIZE = 96 };
    char *text = malloc(tape->count * LINE_MAX_SIZE + 1);
    size_t size = 0;
    for (size_t i = 0; text != NULL && i < tape->count; i++) {
        const struct decision_made *made = &tape->made[i];
        int wrote = snprintf(
            text + size, LINE_MAX_SIZE, "%u %" PRIu32 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
            (unsigned)made->key.what, made->key.who, made->key.which, made->choices, made->value);
        size += (size_t)wrote;
    }
    if (text != NULL) {
        text[size] = '\0';
    }
    return text;
}

/* Digits, then this separator, or the end of the text instead of a newline. */
static bool read_number(const char **text, uint64_t most, char separator, uint64_t *number)
{
    const char *at = *text;
    *number = 0;
    while (*at >= '0' && *at <= '9') {
        uint64_t digit = (uint64_t)(*at - '0');
        if (*number > (most - digit) / 10) {
            return false;
        }
        *number = *number * 10 + digit;
        at += 1;
    }
    bool ends = *at == separator || (separator == '\n' && *at == '\0');
    if (at == *text || !ends) {
        return false;
    }
    *text = at + (*at != '\0');
    return true;
}

size_t tape_read(struct tape *tape, const char *text)
{
    static const uint64_t most[5] = {DECISION_COUNT - 1, UINT32_MAX, UINT64_MAX, UINT64_MAX,
                                     UINT64_MAX};
    size_t line = 0;
    while (*text != '\0') {
        line += 1;
        uint64_t n[5];
        for (unsigned i = 0; i < 5; i++) {
            if (!read_number(&text, most[i], i < 4 ? ' ' : '\n', &n[i])) {
                return line;
            }
        }
        const struct decision_made made = {{(enum decision)n[0], (uint32_t)n[1], n[2]}, n[3], n[4]};
        if (made.choices != 0 && made.value >= made.choices) {
            return line;
        }
        if (!append(tape, &made)) {
            return SIZE_MAX;
        }
    }
    return 0;
}

void tape_free(struct tape *tape)
{
    free(tape->made);
    *tape = (struct tape){0};
}
