/*
 * What is between reigns, and where they overlap: nobody, and two masters.
 */
#include "tools/carplab/replay/account_work.h"

#include <stdio.h>
#include <stdlib.h>

static int by_group_and_time(const void *left, const void *right)
{
    const struct account_reign *l = left, *r = right;
    if (l->group != r->group) {
        return l->group < r->group ? -1 : 1;
    }
    return (l->from.ns > r->from.ns) - (l->from.ns < r->from.ns);
}

static void add_stretch(struct account *a, uint32_t *room, const struct account_stretch *s)
{
    struct account_group *g = &a->groups[s->group];
    uint64_t length = instant_since(s->to, s->from).ns;
    if (length == 0) {
        return;
    }
    *(s->twofold ? &g->twofold : &g->dark) =
        (carp_duration){(s->twofold ? g->twofold.ns : g->dark.ns) + length};
    struct account_stretch *kept = work_room(a, (void **)&a->stretches, a->stretch_count, room,
                                             sizeof *kept, 2 * ACCOUNT_REIGNS_MAX);
    if (kept != NULL) {
        *kept = *s;
        a->stretch_count++;
    }
}

/* The reigns of a group, sorted: between them nobody, where they overlap two. */
static void add_stretches(struct account *a, uint32_t *room, const struct account_reign *reigns,
                          uint32_t count)
{
    const struct account_reign *first = &reigns[0]; /* who reaches furthest so far */
    struct account_stretch both = {.group = first->group, .twofold = true};
    const struct work_group *g = &a->work->groups[first->group];
    carp_instant end = g->cut ? g->cut_at : a->end;
    for (uint32_t i = 1; i <= count; i++) {
        const struct account_reign *r = i < count ? &reigns[i] : NULL;
        if (r != NULL && r->from.ns < first->to.ns) {
            carp_instant to = instant_min(r->to, first->to);
            const char *older = node_name(a, first->node), *newer = node_name(a, r->node);
            if (both.to.ns > r->from.ns) { /* a third one */
                both.to = both.to.ns > to.ns ? both.to : to;
            } else {
                add_stretch(a, room, &both);
                both.from = r->from;
                both.to = to;
                snprintf(both.text, sizeof both.text, "%s and %s are both master", older, newer);
            }
        } else {
            struct account_stretch dark = {.group = first->group, .from = first->to};
            dark.to = r != NULL ? r->from : end;
            snprintf(dark.text, sizeof dark.text,
                     first->ended == ACCOUNT_SILENCE
                         ? "nobody, since %s was heard last; when it stopped is not on the wire"
                         : "nobody, since %s yielded or left",
                     node_name(a, first->node));
            add_stretch(a, room, &dark);
        }
        if (r != NULL && r->to.ns >= first->to.ns) {
            first = r;
        }
    }
    add_stretch(a, room, &both);
}

static int stretch_order(const void *left, const void *right)
{
    const struct account_stretch *l = left, *r = right;
    if (l->group != r->group) {
        return l->group < r->group ? -1 : 1;
    }
    return (l->from.ns > r->from.ns) - (l->from.ns < r->from.ns);
}

void stretches_end(struct account *a)
{
    uint32_t room = 0;
    if (a->reign_count == 0) {
        return;
    }
    qsort(a->reigns, a->reign_count, sizeof *a->reigns, by_group_and_time);
    for (uint32_t from = 0, to; from < a->reign_count; from = to) {
        for (to = from; to < a->reign_count && a->reigns[to].group == a->reigns[from].group; to++) {
        }
        add_stretches(a, &room, a->reigns + from, to - from);
    }
    if (a->stretch_count > 0) {
        qsort(a->stretches, a->stretch_count, sizeof *a->stretches, stretch_order);
    }
}
