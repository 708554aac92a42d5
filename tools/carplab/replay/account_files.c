/*
 * What several captures of one incident tell by their differences: which adverts did not get to
 * where one of them was made.
 */
#include "tools/carplab/replay/account_work.h"

#include <inttypes.h>

void files_frame(struct account *a, const struct merge_frame *frame)
{
    a->work->files |= frame->seen_by;
    for (unsigned i = 0; i < MERGE_FILES_MAX; i++) {
        if ((frame->seen_by >> i & 1) != 0) {
            a->work->file_at[i] = frame->frame.at;
        }
    }
}

/* A file that has frames later was running, so what it lacks did not arrive there. */
static void settle(const struct account *a, struct work_unseen *u, unsigned file)
{
    if (u->waiting > 0 && instant_before(u->last, a->work->file_at[file])) {
        u->count += u->waiting;
        u->waiting = 0;
    }
}

void files_advert(struct account *a, uint32_t member, const struct merge_frame *frame)
{
    uint32_t without = a->work->files & ~frame->seen_by;
    for (unsigned i = 0; without >> i != 0; i++) {
        struct work_unseen *u = &a->work->members[member].unseen[i];
        if ((without >> i & 1) != 0) {
            settle(a, u, i);
            if (u->count + u->waiting == 0) {
                u->first = frame->frame.at;
            }
            u->waiting++;
            u->last = frame->frame.at;
        }
    }
}

void files_end(struct account *a)
{
    for (uint32_t m = 0; m < a->member_count; m++) {
        for (unsigned i = 0; i < MERGE_FILES_MAX; i++) {
            struct work_unseen *u = &a->work->members[m].unseen[i];
            settle(a, u, i);
            if (u->count > 0) {
                finding_add(a, u->first, a->members[m].group, 6, "unseen",
                            "%" PRIu64 " of %" PRIu64 " adverts of %s did not get to where file %u "
                            "was captured, while that ran",
                            u->count, a->members[m].adverts, member_name(a, m), i + 1);
            }
        }
    }
}
