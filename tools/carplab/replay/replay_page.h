/*
 * The picture of an account (tools/carplab/page/page.h): lanes for the nodes of each virtual host,
 * their reigns, and the frames behind them. The frames are read once more for it, when it is known
 * whose they are: replay_page_point() is the tap of an account that is fed with the same frames
 * again.
 */
#ifndef CARP_TOOLS_CARPLAB_REPLAY_PAGE_H
#define CARP_TOOLS_CARPLAB_REPLAY_PAGE_H

#include "tools/carplab/page/page.h"
#include "tools/carplab/replay/account.h"

struct replay_page {
    struct page page;
    const struct account *account; /* borrowed, complete */
    unsigned *lanes;               /* owned: of each member */
};

/* Lanes, reigns, stretches and findings. sources names the captures. False: no memory. */
bool replay_page_begin(struct replay_page *p, const struct account *a, const char *sources,
                       FILE *file);

/* self is a struct replay_page. */
void replay_page_point(void *self, uint32_t group, uint32_t node, const struct merge_frame *frame,
                       const struct decoded *d);

/* As page_end(). */
int replay_page_end(struct replay_page *p);

#endif
