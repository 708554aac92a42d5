/*
 * What else is worth a sentence. Each is told once, with how often it was seen.
 */
#include "tools/carplab/replay/account_work.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void finding_add(struct account *a, carp_instant at, uint32_t group, unsigned trap,
                 const char *topic, const char *format, ...)
{
    char text[ACCOUNT_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (uint32_t i = a->finding_count; i > 0; i--) {
        struct account_finding *f = &a->findings[i - 1];
        if (f->group == group && f->trap == trap && strcmp(f->text, text) == 0) {
            f->times++;
            return;
        }
    }
    struct account_finding *f = work_room(a, (void **)&a->findings, a->finding_count,
                                          &a->work->finding_room, sizeof *f, ACCOUNT_FINDINGS_MAX);
    if (f != NULL) {
        *f = (struct account_finding){
            .at = at, .group = group, .trap = trap, .topic = topic, .times = 1};
        memcpy(f->text, text, sizeof text);
        a->finding_count++;
    }
}

/* --- pairs of members ---------------------------------------------------------------------------
 */

static const struct work_node *evidence(const struct account *a, uint32_t member)
{
    return &a->work->nodes[a->members[member].node];
}

static void note_equal(struct account *a, uint32_t l, uint32_t r)
{
    const struct work_member *left = &a->work->members[l], *right = &a->work->members[r];
    const char *names[2] = {node_name(a, a->members[l].node), node_name(a, a->members[r].node)};
    uint32_t group = a->members[l].group;
    char claim[ACCOUNT_WORD_MAX];
    if (claim_compare(left->best, right->best) != 0) {
        return;
    }
    finding_add(a, a->groups[group].begin, group, 10, "equal-timers",
                "%s and %s have equal preference (%s): who wins is decided by address, or by "
                "chance; set different advskews",
                names[1], names[0], work_claim(left->best, claim));
    if (evidence(a, l)->ucarp_mac != evidence(a, r)->ucarp_mac) {
        finding_add(a, a->groups[group].begin, group, 28, "ucarp-tie",
                    "%s is a UCARP, which settles ties by its own order of addresses (last octet "
                    "first), and %s is none; set different advskews",
                    names[evidence(a, l)->ucarp_mac ? 0 : 1],
                    names[evidence(a, l)->ucarp_mac ? 1 : 0]);
    }
}

static void note_intervals(struct account *a, uint32_t l, uint32_t r)
{
    const struct work_member *left = &a->work->members[l], *right = &a->work->members[r];
    const char *names[2] = {node_name(a, a->members[l].node), node_name(a, a->members[r].node)};
    uint32_t group = a->members[l].group;
    if (left->best.advbase == right->best.advbase) {
        return;
    }
    finding_add(a, a->groups[group].begin, group, 11, "different-base",
                "%s has advbase %u, %s has %u: they disagree about when a master is dead", names[1],
                right->best.advbase, names[0], left->best.advbase);
    const struct work_member *slow = left->best.advbase > right->best.advbase ? left : right;
    const struct work_member *fast = slow == left ? right : left;
    if (claim_interval(slow->best).ns >= claim_master_down(fast->best, WORK_RATIO).ns) {
        finding_add(a, a->groups[group].begin, group, 12, "long-interval",
                    "%s advertises less often than %s waits for a master: it will always be "
                    "thought dead",
                    names[slow == left ? 0 : 1], names[slow == left ? 1 : 0]);
    }
}

static void note_macs(struct account *a, uint32_t l, uint32_t r)
{
    const struct work_node *left = evidence(a, l), *right = evidence(a, r);
    uint32_t group = a->members[l].group;
    bool left_virtual = left->virtual_mac && !left->own_mac;
    bool right_virtual = right->virtual_mac && !right->own_mac;
    bool left_real = left->ucarp_mac || left->own_mac,
         right_real = right->ucarp_mac || right->own_mac;
    if ((left_virtual && right_real) || (left_real && right_virtual)) {
        finding_add(a, a->groups[group].begin, group, 29, "mixed-macs",
                    "%s answers with the virtual MAC, %s with its own: failover between them "
                    "changes the MAC, and announcements are essential",
                    node_name(a, a->members[left_virtual ? l : r].node),
                    node_name(a, a->members[left_virtual ? r : l].node));
    }
}

static void note_pairs(struct account *a, uint32_t group)
{
    const struct work_member *members = a->work->members;
    unsigned pairs = 0;
    for (uint32_t l = a->work->groups[group].first_member; l != ACCOUNT_NOBODY;
         l = members[l].next) {
        for (uint32_t r = members[l].next; r != ACCOUNT_NOBODY && pairs < 64; r = members[r].next) {
            if (members[l].heard && members[r].heard) {
                pairs++;
                note_equal(a, l, r);
                note_intervals(a, l, r);
                note_macs(a, l, r);
            }
        }
    }
}

/* --- one member ---------------------------------------------------------------------------------
 */

static void note_rushed(struct account *a, uint32_t member)
{
    const struct work_member *m = &a->work->members[member];
    const struct work_node *n = evidence(a, member);
    bool is_freebsd = n->tos_freebsd || n->class_freebsd;
    if (!is_freebsd || m->rushed < 3 || m->rushed < m->intervals / 8) {
        return;
    }
    finding_add(
        a, m->rushed_at, a->members[member].group, 0, "negative-demotion",
        "%s advertises much more often than the advskew it sends says, and than its "
        "advbase: a FreeBSD up to 13 with a negative demotion (PR 259528); peers misjudge it",
        node_name(a, a->members[member].node));
}

static int by_time(const void *left, const void *right)
{
    const struct account_finding *l = left, *r = right;
    if (l->at.ns != r->at.ns) {
        return l->at.ns < r->at.ns ? -1 : 1;
    }
    return l->trap != r->trap ? (l->trap > r->trap) - (l->trap < r->trap)
                              : strcmp(l->text, r->text);
}

void findings_end(struct account *a)
{
    for (uint32_t i = 0; i < a->member_count; i++) {
        note_rushed(a, i);
    }
    for (uint32_t i = 0; i < a->group_count; i++) {
        note_pairs(a, i);
    }
    if (a->work->too_much) {
        finding_add(a, a->end, ACCOUNT_NOBODY, 0, "too-much",
                    "there are more hosts, changes or findings than are kept; the rest is not "
                    "told, and not in the sums");
    }
    if (a->finding_count > 1) {
        qsort(a->findings, a->finding_count, sizeof *a->findings, by_time);
    }
}
