/*
 * The custom blocks of a journal: what each holds, and its bytes. docs/JOURNAL.md has the layout.
 *
 * One function a block lists its fields for both directions, so that what is written and what is
 * read cannot drift apart. Little endian, no padding: independent of machine and compiler.
 */
#ifndef CARP_IO_JOURNAL_FORMAT_H
#define CARP_IO_JOURNAL_FORMAT_H

#include "engine/carp.h"

enum {
    FORMAT_PEN = 32473,      /* reserved for documentation (RFC 5612): so all begin with a magic */
    FORMAT_VERSION = 1,      /* of everything but */
    FORMAT_STATE_LAYOUT = 1, /* struct carp's fields, which change with the engine */
    FORMAT_NAME_MAX = 255,   /* of names, which hold no control characters */
    FORMAT_BLOCK_MAX = 2048, /* what a block of ours is smaller than */
    FORMAT_GROUPS_MAX = UINT16_MAX,
};

/* No instant, and no duration, is later: so that no sum of them passes the end of time. */
#define FORMAT_TIME_MAX (UINT64_C(1) << 62)

enum format_kind {
    FORMAT_START = 1, /* of a file or section; CONFIG and STATE of each group follow, in order */
    FORMAT_CONFIG,
    FORMAT_STATE,
    FORMAT_STEP,     /* its advert is the packet just before, the frames it sent are just after */
    FORMAT_CLOCK,    /* the wall clock was set */
    FORMAT_LEFT_OUT, /* refused frames that were too many to be written */
    FORMAT_KIND_END
};

enum format_why {
    FORMAT_STARTED,   /* the groups are new */
    FORMAT_CONTINUED, /* they go on as they were at the end of what was written before, unless
                         number says that steps are missing */
    FORMAT_WHY_COUNT
};

struct format_start {
    enum format_why why;
    uint64_t number;  /* the next step's */
    carp_instant now; /* the groups' clock, */
    uint64_t wall_ns; /* and the time since 1970 */
    uint16_t interface_count, group_count;
    char application[FORMAT_NAME_MAX + 1];
};

struct format_config {
    uint16_t group, interface;
    char name[FORMAT_NAME_MAX + 1], interface_name[FORMAT_NAME_MAX + 1];
    struct carp_config config; /* the keys are zero; key_count says how many there are */
};

struct format_state {
    uint16_t group;
    uint16_t layout; /* read: another than FORMAT_STATE_LAYOUT leaves carp zero */
    struct carp carp;
};

struct format_step {
    uint64_t number; /* from 0, each one more; steps of frames that were left out have none */
    carp_instant now;
    uint16_t group;
    struct carp_event event; /* packet is NULL */
    enum carp_verdict verdict;
    enum carp_rule rule;
    enum carp_state from, to;
    struct claim ours, theirs;
    carp_duration waited;
    uint16_t notices;
    uint8_t count;
    uint8_t actions[CARP_ACTIONS_MAX]; /* enum carp_action_type */
    carp_instant deadline;             /* after it, as are */
    uint64_t counter, seed;            /* these: what drifts unseen shows early */
    uint16_t sent, failed;             /* frames that follow, and those that did not leave */
    uint16_t error;                    /* errno of the first that did not; 0: none */
};

struct format_clock {
    carp_instant now;
    uint64_t before_ns, after_ns; /* wall clock less groups' clock, modulo 2^64 */
};

struct format_left_out {
    carp_instant from, to;
    uint64_t count;
};

struct format_block {
    enum format_kind kind;
    union {
        struct format_start start;
        struct format_config config;
        struct format_state state;
        struct format_step step;
        struct format_clock clock;
        struct format_left_out left_out;
    };
};

/* Write a block's data, FORMAT_BLOCK_MAX bytes of room; returns its size. The block is as before.
 */
size_t format_write(struct format_block *block, uint8_t *bytes);

/* Is this custom block's data ours? */
bool format_is_ours(uint32_t pen, const uint8_t *bytes, size_t size);

/*
 * Read a block's data, which is ours. Whatever it holds: every number is in its range, and a state
 * and a configuration are such that the engine takes them. NULL, or what is wrong, as half a
 * sentence. What depends on other blocks, such as the number of groups, is the caller's business.
 */
const char *format_read(const uint8_t *bytes, size_t size, struct format_block *block);

#endif
