/*
 * What the files of a replay share: replay_journal.c reads the files and keeps the groups,
 * replay_journal_step.c runs the engine and compares, replay_journal_tell.c tells it.
 */
#ifndef CARP_TOOLS_REPLAY_JOURNAL_INTERNAL_H
#define CARP_TOOLS_REPLAY_JOURNAL_INTERNAL_H

#include "engine/carp.h"
#include "engine/story.h"
#include "io/journal/journal.h"
#include "io/journal/reader.h"
#include "tools/carplab/replay/replay_journal.h"

enum { DIFFERENCE_FIELDS_MAX = 24, DIFFERENCE_VALUE_MAX = 80 };

struct difference_field {
    char name[32];
    char recorded[DIFFERENCE_VALUE_MAX], build[DIFFERENCE_VALUE_MAX];
};

/* Where this build does otherwise than the one that wrote. */
struct difference {
    unsigned count;
    struct difference_field fields[DIFFERENCE_FIELDS_MAX];
    char recorded[STORY_LINE_MAX], build[STORY_LINE_MAX]; /* the step as each has it */
};

struct replay_group {
    char name[FORMAT_NAME_MAX + 1], interface_name[FORMAT_NAME_MAX + 1];
    unsigned interface;
    struct carp_config config;
    struct carp carp;
    bool has_state;
    bool differs;              /* it did, since its state was taken from the journal */
    bool has_keys;             /* crypto is real, and to be freed */
    struct carp_crypto crypto; /* else of recorded digests */
};

/* The frame that was just heard, and may belong to the step that follows. */
struct replay_heard {
    bool waits;
    uint64_t number, offset;
    unsigned interface;
    carp_instant wall;
    enum carp_verdict verdict; /* of this build's parser */
    struct carp_packet packet;
};

/* A step is replayed when all the frames it sent are there. */
struct replay_step {
    bool waits;
    uint64_t number;
    struct format_step recorded;
    struct replay_heard heard;
    unsigned sent_count;
    struct {
        size_t size;
        uint8_t frame[FRAME_MAX]; /* of larger ones, which we never send, the beginning */
    } sent[JOURNAL_SENT_MAX];
};

struct replay_totals {
    uint64_t files, frames, steps, transitions, differences, left_out, gaps;
    uint64_t digests_unknown; /* that nobody had checked then, and this build asks for */
    carp_instant first, last; /* wall time */
};

struct replay {
    const struct replay_journal_options *options;
    const char *path;
    struct replay_group *groups; /* owned */
    unsigned group_count, group_room;
    bool begun;       /* some journal was, and: */
    uint64_t number;  /* the next step's */
    uint64_t wall_ns; /* less the groups' clock, modulo 2^64 */
    bool follows;     /* this section goes on where the last one ended */
    struct replay_heard heard;
    struct replay_step step;
    struct replay_totals totals;

    /* For the crypto of recorded digests. */
    bool verifies;  /* the next digest asked for is that of the advert */
    bool asked;     /* it was asked for */
    int name_width; /* of the time line's columns */
};

/* The crypto port of recorded digests; self is the replay. */
struct carp_crypto replay_recorded_crypto(struct replay *r);

/* Replay r->step. */
void replay_step(struct replay *r);

/* A frame that no step followed: does this build make one of it? */
void replay_no_step(struct replay *r, const struct replay_heard *heard);

/* The state of a group where a section that follows begins. */
void replay_compare_state(struct replay *r, const struct journal_item *item, struct replay_group *g,
                          const struct carp *recorded);

void add_difference(struct difference *d, const char *name, const char *recorded,
                    const char *build);

carp_instant replay_wall(const struct replay *r, carp_instant now);

void tell_journal(const struct replay *r, const struct format_start *start);
void tell_step(const struct replay *r, const struct replay_group *g, carp_instant now,
               const struct carp_outcome *out, const char *story);
void tell_difference(struct replay *r, uint64_t number, const struct replay_group *g,
                     carp_instant now, const struct difference *d);
void tell_clock(const struct replay *r, uint64_t number, const struct format_clock *clock);
void tell_gap(const struct replay *r, bool known, uint64_t steps);
void tell_left_out(const struct replay *r, uint64_t number, const struct format_left_out *left);
void tell_damage(const struct replay *r, uint64_t offset, const char *why);
void tell_end(const struct replay *r, bool damaged);

#endif
