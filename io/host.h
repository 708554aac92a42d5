/*
 * The loop that the daemon and the simulator share: many groups on several interfaces, each an
 * engine of its own.
 *
 * Every wake-up, whatever caused it, goes: host_woke(), then host_frame() for all input that is
 * there, then host_due(). So nobody decides by a deadline while the answer waits in a queue, and a
 * process that was not run for too long knows it before it speaks.
 *
 * Single-threaded; nothing here allocates. The caller owns the arrays.
 */
#ifndef CARP_IO_HOST_H
#define CARP_IO_HOST_H

#include "io/port.h"

/* Causes of demotion outside the engine, each with a weight and, optionally, an end. */
enum host_cause { HOST_CAUSE_OPERATOR, HOST_CAUSE_ADDRESS, HOST_CAUSE_COMMAND, HOST_CAUSE_COUNT };

struct host_demotion {
    uint8_t weight;     /* 0: this cause does not hold */
    carp_instant since; /* for reports */
    carp_instant until; /* CARP_NEVER: until lifted */
};

/* The last change of state and its reason: the answer to "why?". */
struct host_transition {
    carp_instant at;
    enum carp_state from, to;
    enum carp_rule rule;
    struct claim ours, theirs; /* theirs, source and counter: when an advert was the cause */
    carp_duration waited;
    uint8_t family; /* 4 or 6; 0: no advert was the cause */
    uint8_t source[16];
    uint64_t counter;
};

/* What the caller decides of a group, never written here: the groups of many hosts may share it. */
struct host_plan {
    const struct carp_config *config;
    struct carp_crypto crypto;
    unsigned interface; /* index into the host's interfaces */
};

/* The accounts of one group, its guard, and what is to be explained about it. */
struct host_book {
    struct host_demotion demotions[HOST_CAUSE_COUNT];
    uint64_t farewell_from; /* our counter when the guard's farewell was prepared */
    bool claimed;
    uint8_t excused;           /* silences in a row that proved nothing: host_missed() */
    bool suspect_waits;        /* a bad digest is to be explained */
    carp_instant explain_from; /* not before this */
    struct carp_packet suspect;
    uint64_t verdicts[CARP_VERDICT_COUNT]; /* frames that reached this group, by verdict */
    uint64_t transitions;
    struct host_transition last;
};

/* What every frame and deadline needs, and no more, because a simulator holds millions.
 * book  NULL: no accounts, no guard and no explanations are wanted, and nobody demotes the group.
 */
struct host_group {
    struct carp carp;
    const struct host_plan *plan;
    struct host_book *book;
};

_Static_assert(sizeof(struct host_group) <= sizeof(struct carp) + 2 * sizeof(void *),
               "what is seldom needed belongs into the book");

struct host_interface {
    uint16_t group_of_vhid[256];           /* index + 1; 0: none. Filled by host_init() */
    uint64_t verdicts[CARP_VERDICT_COUNT]; /* frames that reached no group, by verdict */
    carp_instant missed_at;                /* when host_missed() was last called */

    /* Adverts of other vhids: does one claim addresses of ours? */
    uint8_t examined[256 / 8];  /* a bit for each vhid that was asked about lately */
    carp_instant examine_again; /* when all may be asked about anew */
    bool foreign_waits;         /* one is to be examined */
    struct carp_packet foreign;
};

struct host {
    struct port port;
    struct host_group *groups; /* reached through host_group() */
    unsigned group_count;
    size_t stride;
    struct host_interface *interfaces;
    unsigned interface_count;
    unsigned suspects;     /* adverts that wait to be explained, of groups and of interfaces */
    carp_instant next_due; /* no deadline and no end of a demotion is earlier than this */
};

static inline struct host_group *host_group(const struct host *host, unsigned index)
{
    return &host->groups[index * host->stride];
}

/*
 * groups      plan and book set by the caller; the rest, and what is in the book, is written here.
 *             No two groups of one interface may have the same vhid (io/config.h refuses it).
 * stride      how many elements of groups lie from one group of this host to its next: 1, or more
 *             when a simulator lays the groups of all hosts that hear the same advert side by side.
 * seed        decides the random choices of all groups; counter: carp_counter_anchor().
 */
void host_init(struct host *host, const struct port *port, struct host_group *groups,
               unsigned group_count, size_t stride, struct host_interface *interfaces,
               unsigned interface_count, uint64_t seed, uint64_t counter);

/* An interface came up as this node, changed its addresses, or (self NULL) is down. */
void host_link(struct host *host, carp_instant now, unsigned interface,
               const struct carp_self *self);

/* As host_link(), for one group whose source address is configured and so differs. */
void host_group_link(struct host *host, carp_instant now, unsigned group,
                     const struct carp_self *self);

/* carp_overslept() is false of a group until its deadline has passed, and in INIT, which has none.
 * No deadline is earlier than next_due, so until then nobody can have overslept. */
void host_woke_late(struct host *host, carp_instant now);
static inline void host_woke(struct host *host, carp_instant now)
{
    if (!instant_before(now, host->next_due)) {
        host_woke_late(host, now);
    }
}

void host_frame(struct host *host, carp_instant now, unsigned interface, const uint8_t *frame,
                size_t size);

/* As host_frame(), for a frame that was read before: verdict and packet as frame_parse() gave them.
 * The simulator reads each frame once for all who receive it. */
void host_packet(struct host *host, carp_instant now, unsigned interface, enum carp_verdict verdict,
                 const struct carp_packet *packet);

/* Frames of this interface were lost before anybody could look at them, up to this instant: a
 * silence that began before it proves nothing, and a backup listens for another master-down time,
 * as after oversleeping. But no more than three times in a row, or who sends enough frames could
 * keep the place of a dead master vacant for ever. */
void host_missed(struct host *host, carp_instant now, unsigned interface);

void host_due(struct host *host, carp_instant now);

/* Set (weight > 0) or lift (0) a cause of demotion, of a group with a book. */
void host_demote(struct host *host, carp_instant now, unsigned group, enum host_cause cause,
                 uint8_t weight, carp_instant until);

/* Step down, farewell first, and stay so for at least `hold` and a master-down time. */
void host_yield(struct host *host, carp_instant now, unsigned group, enum carp_yield why,
                carp_duration hold);

/* A virtual address of the group was removed by someone else, and put back. */
void host_restored(struct host *host, carp_instant now, unsigned group);

/* Someone else (guardian, kernel) has taken the group's addresses away because we did not run. */
void host_disowned(struct host *host, carp_instant now, unsigned group);

/* Orderly end of all groups: farewells and releases. */
void host_stop(struct host *host, carp_instant now);

#endif
