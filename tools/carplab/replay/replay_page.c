#include "tools/carplab/replay/replay_page.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 256, HEADING_MAX = 64 };

/* --- lanes --------------------------------------------------------------------------------------
 */

static const char *heading_of(const struct account_group *g, char heading[HEADING_MAX])
{
    int used = snprintf(heading, HEADING_MAX, "vhid %u", g->vhid);
    if (g->vlan != 0) {
        snprintf(heading + used, HEADING_MAX - (size_t)used, " in VLAN %u", g->vlan);
    }
    return heading;
}

/* The wire shows masters only. Between reigns a node is taken for a backup, but for one that fell
 * silent or took its leave: whether that is there, nothing tells. */
static void draw_roles(struct page *page, const struct account *a, const struct account_member *m,
                       unsigned lane)
{
    carp_instant since = a->begin;
    enum page_role role = PAGE_BACKUP;
    const char *why = "not master";
    for (uint32_t i = 0; i < a->reign_count; i++) {
        const struct account_reign *r = &a->reigns[i];
        if (r->group != m->group || r->node != m->node) {
            continue;
        }
        if (instant_before(since, r->from)) {
            page_span(page, lane, since, r->from, role, why);
        }
        page_span(page, lane, r->from, r->to, PAGE_MASTER, r->text);
        bool left = r->ended == ACCOUNT_SILENCE || r->ended == ACCOUNT_FAREWELL;
        role = left ? PAGE_OFF : PAGE_BACKUP;
        since = r->to;
        why = r->end_text;
    }
    if (instant_before(since, a->end)) {
        page_span(page, lane, since, a->end, role, why);
    }
}

static void draw_group(struct replay_page *p, uint32_t group)
{
    const struct account *a = p->account;
    struct page *page = &p->page;
    char heading[HEADING_MAX], detail[TEXT_MAX];
    heading_of(&a->groups[group], heading);
    for (uint32_t i = 0; i < a->member_count; i++) {
        const struct account_member *m = &a->members[i];
        if (m->group == group) {
            const struct account_node *n = &a->nodes[m->node];
            snprintf(detail, sizeof detail, "%s, %u/%u", account_kind_word(n->kind), m->advbase,
                     m->advskew);
            p->lanes[i] = page_lane(page, heading, n->name, detail);
            draw_roles(page, a, m, p->lanes[i]);
        }
    }
    for (uint32_t i = 0; i < a->stretch_count; i++) {
        const struct account_stretch *s = &a->stretches[i];
        if (s->group == group) {
            page_stretch(page, heading, s->from, s->to, s->twofold ? PAGE_DOUBLE : PAGE_DARK,
                         s->text);
        }
    }
}

static void draw_findings(struct replay_page *p)
{
    const struct account *a = p->account;
    char text[ACCOUNT_TEXT_MAX + HEADING_MAX + 8], heading[HEADING_MAX];
    for (uint32_t i = 0; i < a->finding_count; i++) {
        const struct account_finding *f = &a->findings[i];
        bool general = f->group == ACCOUNT_NOBODY;
        snprintf(text, sizeof text, "%s%s%s",
                 general ? "" : heading_of(&a->groups[f->group], heading), general ? "" : ": ",
                 f->text);
        page_note(&p->page, f->at, text);
    }
}

bool replay_page_begin(struct replay_page *p, const struct account *a, const char *sources,
                       FILE *file)
{
    p->account = a;
    p->lanes = calloc((size_t)a->member_count + 1, sizeof *p->lanes);
    if (p->lanes == NULL) {
        return false;
    }
    page_begin(&p->page, file, "What happened, as far as frames tell", sources, a->begin, a->end);
    for (uint32_t g = 0; g < a->group_count; g++) {
        draw_group(p, g);
    }
    draw_findings(p);
    return true;
}

int replay_page_end(struct replay_page *p)
{
    free(p->lanes);
    p->lanes = NULL;
    return page_end(&p->page);
}

/* --- frames -------------------------------------------------------------------------------------
 */

static enum page_point kind_of(const struct decoded *d)
{
    switch (d->kind) {
    case DECODE_GARP:
    case DECODE_NA:
        return PAGE_ANNOUNCEMENT;
    case DECODE_VRRP2:
    case DECODE_VRRP3:
    case DECODE_OTHER:
        return PAGE_STRANGER;
    case DECODE_CARP:
        break;
    }
    struct claim claim = {0, d->advert.advbase, d->advert.advskew};
    return d->verdict != CARP_ACCEPTED ? PAGE_REFUSED
           : claim_is_farewell(claim)  ? PAGE_FAREWELL
                                       : PAGE_ADVERT;
}

static void text_of(const struct decoded *d, const struct merge_frame *frame, char text[TEXT_MAX])
{
    char address[STORY_ADDRESS_MAX] = "", announced[STORY_ADDRESS_MAX];
    int used = snprintf(text, TEXT_MAX, "packet %" PRIu64, frame->number);
    if (frame->file > 0) {
        used += snprintf(text + used, TEXT_MAX - (size_t)used, " of file %u", frame->file + 1);
    }
    used += snprintf(text + used, TEXT_MAX - (size_t)used, ": ");
    char *at = text + used;
    size_t room = TEXT_MAX - (size_t)used;
    if (d->family != 0) {
        story_address(d->family, d->source, address);
    }
    if (d->kind == DECODE_CARP) {
        snprintf(at, room, "%s advertises %u/%u, demotion %u, counter %016" PRIx64 "%s%s", address,
                 d->advert.advbase, d->advert.advskew, d->advert.demote, d->advert.counter,
                 d->verdict == CARP_ACCEPTED ? "" : ": ",
                 d->verdict == CARP_ACCEPTED ? "" : verdict_phrase(d->verdict));
    } else if (d->kind == DECODE_GARP || d->kind == DECODE_NA) {
        const uint8_t *m = d->announced_mac;
        snprintf(at, room, "%s is at %02x:%02x:%02x:%02x:%02x:%02x (%s)",
                 story_address(d->family, d->announced, announced), m[0], m[1], m[2], m[3], m[4],
                 m[5], d->what);
    } else if (d->kind == DECODE_VRRP2 || d->kind == DECODE_VRRP3) {
        snprintf(at, room, "%s speaks VRRP for router %u, priority %u", address, d->vrid,
                 d->priority);
    } else {
        snprintf(at, room, "%s %s", address, d->what == NULL ? "" : d->what);
    }
}

/* What was announced before its sender's first advert is told by what became known later. */
static void find_announcer(const struct account *a, const struct merge_frame *frame,
                           const struct decoded *d, uint32_t *group, uint32_t *node)
{
    size_t size = d->family == 4 ? 4 : 16;
    for (uint32_t g = 0; g < a->group_count && *group == ACCOUNT_NOBODY; g++) {
        for (uint32_t i = 0; i < a->groups[g].address_count; i++) {
            const uint8_t *address = a->groups[g].addresses[i];
            if (address[0] == d->family && memcmp(address + 1, d->announced, size) == 0) {
                *group = g;
                break;
            }
        }
    }
    for (uint32_t n = 0; n < a->node_count && *node == ACCOUNT_NOBODY; n++) {
        if (a->nodes[n].has_own_mac && frame->frame.has_source_mac &&
            memcmp(a->nodes[n].own_mac, frame->frame.bytes + FRAME_MAC_SIZE, FRAME_MAC_SIZE) == 0) {
            *node = n;
        }
    }
}

void replay_page_point(void *self, uint32_t group, uint32_t node, const struct merge_frame *frame,
                       const struct decoded *d)
{
    struct replay_page *p = self;
    const struct account *a = p->account;
    char text[TEXT_MAX];
    if (d->kind == DECODE_GARP || d->kind == DECODE_NA) {
        find_announcer(a, frame, d, &group, &node);
    }
    uint32_t member = group == ACCOUNT_NOBODY || node == ACCOUNT_NOBODY
                          ? ACCOUNT_NOBODY
                          : account_member_of(a, group, node);
    if (member != ACCOUNT_NOBODY) {
        text_of(d, frame, text);
        page_point(&p->page, p->lanes[member], frame->frame.at, kind_of(d), text,
                   frame->frame.bytes, frame->frame.size);
    }
}
