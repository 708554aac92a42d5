/*
 * A run of the simulator as a page (tools/carplab/page/page.h): each node's roles, as its engine or
 * persona changes them, adverts and announcements where they were sent, those refused or lost where
 * they should have been heard, what was done to nodes, and the statements and violations.
 *
 * It looks on beside who looks on already (sim/record.h), and changes nothing.
 */
#ifndef CARP_TOOLS_CARPLAB_SIM_PAGE_H
#define CARP_TOOLS_CARPLAB_SIM_PAGE_H

#include "engine/story.h"
#include "sim/oracle.h"
#include "tools/carplab/decode.h"
#include "tools/carplab/page/page.h"

/* Its fields are sim_page.c's. */
struct sim_page {
    struct world *world; /* borrowed */
    struct page page;

    /* Who looked on before, and is still told. */
    struct world_tap tap;
    void (*sink)(void *self, const struct trace_event *event);
    void *sink_self;

    /* Of each of the oracle's members. */
    struct sim_lane {
        unsigned lane;
        enum carp_state state;
        enum page_role role; /* what is drawn: PAGE_OFF while it does not run */
        carp_instant since;
        char why[STORY_LINE_MAX];
    } * lanes;             /* owned */
    unsigned *other_lanes; /* owned: of clients and strangers, by node */

    struct {
        bool is_there;
        unsigned masters;
        carp_instant since; /* they were so many */
    } vhids[256];
    struct decode_writer decoded; /* of the frame in hand, as text */
};

/* Begin, when the world is complete and before any node boots; after record_begin(). */
void sim_page_begin(struct sim_page *s, struct world *w, FILE *file, const char *title,
                    const char *source, carp_instant end);

/* A statement of the scenario takes effect. line 0: it stands in none. */
void sim_page_statement(struct sim_page *s, carp_instant at, unsigned line, const char *text);

void sim_page_violation(struct sim_page *s, const struct violation *v);

/* Complete the page, and let go of the world; before record_end(). 0, or -errno of the first
 * failure. The file stays the caller's. */
int sim_page_end(struct sim_page *s);

#endif
