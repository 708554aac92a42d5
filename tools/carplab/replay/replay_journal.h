/*
 * carplab replay JOURNAL: run the engine again on what was recorded, and compare every decision.
 */
#ifndef CARP_TOOLS_REPLAY_JOURNAL_H
#define CARP_TOOLS_REPLAY_JOURNAL_H

#include <stdio.h>

#include "engine/config.h"

struct replay_journal_options {
    FILE *to;                 /* what is told, but for errors */
    bool json;                /* docs/JOURNAL.md has the kinds and keys */
    unsigned differences_max; /* that are told; all are counted */

    /*
     * Keys are not in a journal. Set those of this group, which is configured like this: keys and
     * key_count. False: they are not known, and digests are taken as they were found then.
     * May be NULL.
     */
    bool (*find_keys)(void *self, const char *group, struct carp_config *config);
    void *self;
};

/*
 * Replay files of one ring, in the order they were written, or one alone. Returns carplab's exit
 * status: 0 every decision is the same; 1 one is not, or a file is damaged; 2 a file is no journal,
 * or of a build whose state is another: a line on stderr says so.
 */
int replay_journal(const char *const *paths, unsigned count,
                   const struct replay_journal_options *options);

#endif
