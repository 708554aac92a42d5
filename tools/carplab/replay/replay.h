/*
 * carplab replay, in parts: the account (account.h), and how it is shown (replay_text.c,
 * replay_json.c).
 */
#ifndef CARP_TOOLS_CARPLAB_REPLAY_H
#define CARP_TOOLS_CARPLAB_REPLAY_H

#include <stdio.h>

#include "tools/carplab/replay/account.h"

/* What was read, besides what it tells. */
struct replay_source {
    const char *const *paths;
    unsigned count;
    const struct merge_clock *clocks; /* of each */
    unsigned decimals;                /* of a second, in the files: 6 or 9 */
};

/* False: there was no memory, and what was written is incomplete. */
bool replay_text(FILE *file, bool colour, const struct replay_source *source,
                 const struct account *account);
void replay_json(FILE *file, const struct replay_source *source, const struct account *account);

#endif
