/* What whatif*.c share. */
#ifndef CARP_TOOLS_CARPLAB_WHATIF_INTERNAL_H
#define CARP_TOOLS_CARPLAB_WHATIF_INTERNAL_H

#include "tools/carplab/replay/whatif.h"

/* Something that befell the host, and so the engine. */
struct whatif_given {
    carp_instant at;
    enum carp_event_type type; /* LINK_UP, LINK_DOWN, STOP; TIMEOUT: it is master now; DEMOTE: its
                                  demotion is over */
};

/* From when to when the engine was master, and by which rules. */
struct whatif_reign {
    carp_instant from, to; /* to: CARP_NEVER, it still is */
    enum carp_rule began, ended;
    carp_duration waited;
    bool given_begin, given_end;
};

struct whatif_group {
    struct carp_config config;
    struct carp_crypto crypto;
    struct carp carp;
    struct carp_self self;
    carp_instant now;
    bool rests;       /* an observer would be master now, and hears nobody */
    uint32_t account; /* its group there */
    uint16_t vlan;
    uint32_t node; /* who is replaced; ACCOUNT_NOBODY */

    struct whatif_given *given;
    size_t given_count, given_next;
    struct whatif_reign *reigns;
    size_t reign_count, reign_room;
    carp_instant claimed_otherwise; /* first regular advert of the host with timers unlike ours */

    uint64_t takeovers, accepted, refused;
    /* The decisions before, without their times: of adverts by family, and of all else. */
    char last_lines[3][STORY_LINE_MAX];
};

struct whatif {
    const struct account *account;
    struct whatif_sink sink;
    const char *as; /* NULL: an observer */
    char name[STORY_ADDRESS_MAX];
    struct whatif_group groups[WHATIF_GROUPS_MAX];
    size_t group_count;
    bool no_memory;
};

/* Put the settings that were given into a configuration. */
void whatif_set(const struct whatif_options *o, struct carp_config *c);

/* Compare what the engine did in the host's place with what the host did; tell both, and the sums.
 * False: no memory. */
bool whatif_compare(struct whatif *w, const struct whatif_group *g);

const char *whatif_seconds(uint64_t ns, char text[32]);

#endif
