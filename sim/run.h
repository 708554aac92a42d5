/*
 * One run of a scenario: the world it describes, everything that happens in it, and whether what
 * was expected was seen.
 */
#ifndef CARP_SIM_RUN_H
#define CARP_SIM_RUN_H

#include "sim/scenario.h"
#include "sim/signer.h"

enum { RUN_FAILURES_MAX = 64, RUN_TEXT_MAX = 512 };

/* An expectation that does not hold, or an oracle violated that was not expected to be. */
struct run_failure {
    unsigned line; /* of the scenario; 0: an oracle */
    char text[RUN_TEXT_MAX];
};

/* When an expectation with `within` is looked at, and why then. */
struct run_limit {
    bool judged;
    char text[RUN_TEXT_MAX + 64];
};

/* Who is told; all may be NULL. Whoever wants more attaches to the run's world (sim/record.h). */
struct run_watcher {
    void *self;
    /* A statement takes effect, or ends. line 0: it is a campaign's, and `text` says what. */
    void (*statement)(void *self, carp_instant at, unsigned line, bool ends, const char *text);
    void (*violation)(void *self, const struct violation *violation);
};

struct run_plan; /* a configuration that nodes share */

struct run {
    const struct scenario *scenario; /* borrowed */
    struct world world;
    struct decisions decisions;
    struct run_watcher watcher;
    bool plain;

    struct run_plan **plans; /* owned */
    size_t plan_count, plan_room;
    struct signer **signers; /* owned, each with the port below it */
    size_t signer_count, signer_room;
    struct run_host *hosts; /* owned: what daemons' groups are made of, by node */

    carp_instant *instants;                     /* owned: of each statement */
    carp_duration dark_max[256], dual_max[256]; /* the largest bounds there were, by vhid */
    struct run_limit *limits;                   /* owned: by expectation, for those with `within` */
    uint32_t *windows; /* owned: expectations over a stretch of time, and still in question */
    size_t window_count;
    uint32_t split_by; /* the cause of the split there is */
    uint64_t events, events_max;
    bool out_of_events;

    struct run_failure failures[RUN_FAILURES_MAX];
    size_t failure_count;
    bool *sometimes; /* owned: by expectation: was it seen */
};

struct run_options {
    uint64_t seed;
    bool plain;          /* no fast paths */
    struct tape *record; /* choices are appended; NULL: not */
    struct tape *replay; /* choices are taken from it instead of the seed; NULL: not */
    const struct decisions *decisions; /* a back end of the caller's instead of both; NULL: none */
    struct run_watcher watcher;
};

/* Build the world. 0, or -errno when the crypto library refuses. */
int run_make(struct run *r, const struct scenario *s, const struct run_options *options);

/* Run to the horizon and look at all expectations but `sometimes`, which may be about many runs:
 * those that were seen are marked. True when nothing failed. */
bool run_go(struct run *r);

void run_free(struct run *r);

/* The text of a `sometimes` expectation, for who reports that no run saw it. */
const char *run_sometimes_text(const struct scenario *s, const struct expectation *e,
                               char text[RUN_TEXT_MAX]);

#endif
