/*
 * Why a reign begins.
 */
#include "tools/carplab/replay/account_work.h"

#include <stdio.h>

/* The master that was heard last. */
static uint32_t incumbent(const struct account *a, const struct work_group *g)
{
    uint32_t found = ACCOUNT_NOBODY;
    for (unsigned i = 0; i < g->reigning_count; i++) {
        uint32_t r = g->reigning[i];
        if (found == ACCOUNT_NOBODY ||
            a->work->members[found].last.ns < a->work->members[r].last.ns) {
            found = r;
        }
    }
    return found;
}

/*
 * It was silent and is heard again. A backup would continue the count it heard; one that went on
 * counting its own adverts was master all along and not heard here. Returns how many were not.
 */
static uint64_t unheard_adverts(const struct account *a, uint32_t member, carp_instant at,
                                uint64_t counter)
{
    const struct work_member *m = &a->work->members[member];
    uint64_t link = a->work->groups[a->members[member].group].link_counter;
    bool continues_another = counter - link - 1 < 2;
    return timers_own_count(m, at, counter) && !continues_another ? counter - m->counter - 1 : 0;
}

static void begin_first(struct account *a, uint32_t member, carp_instant at)
{
    struct work_member *m = &a->work->members[member];
    char word[ACCOUNT_WORD_MAX];
    uint64_t watched = instant_since(at, a->begin).ns;
    if (watched > timers_interval(m) + timers_interval(m) / 4) {
        m->reign.began = ACCOUNT_FIRST;
        snprintf(m->reign.text, ACCOUNT_TEXT_MAX, "nobody was heard before, for %s",
                 account_duration(instant_since(at, a->begin), word));
    } else {
        m->reign.began = ACCOUNT_BEFORE;
        snprintf(m->reign.text, ACCOUNT_TEXT_MAX, "master when the capture begins");
    }
}

static void begin_by_silence(struct account *a, uint32_t member, carp_instant at)
{
    struct work_member *m = &a->work->members[member];
    const struct work_group *g = member_group(a, member);
    char waited[ACCOUNT_WORD_MAX], limit[ACCOUNT_WORD_MAX];
    carp_duration down = claim_master_down(m->best, WORK_RATIO);
    m->reign.began = ACCOUNT_SILENCE;
    m->reign.before = g->last_node;
    m->reign.waited = instant_since(at, g->last_advert);
    account_duration(m->reign.waited, waited);
    account_duration(down, limit);
    snprintf(m->reign.text, ACCOUNT_TEXT_MAX, "nobody was heard for %s; its limit is %s%s", waited,
             limit,
             m->reign.waited.ns < timers_patience(m)
                 ? ", so adverts were lost here only, or its dead ratio is below 3"
                 : "");
}

static void begin_by_farewell(struct account *a, uint32_t member, carp_instant at)
{
    struct work_member *m = &a->work->members[member];
    const struct work_group *g = member_group(a, member);
    char word[ACCOUNT_WORD_MAX];
    m->reign.began = ACCOUNT_FAREWELL;
    m->reign.before = g->farewell_node;
    snprintf(m->reign.text, ACCOUNT_TEXT_MAX, "%s said farewell (255/255) %s before",
             node_name(a, g->farewell_node),
             account_duration(instant_since(at, g->farewell_at), word));
}

/* Someone else was heard as master just now. */
static void begin_beside(struct account *a, uint32_t member, uint32_t other, carp_instant at)
{
    struct work_member *m = &a->work->members[member];
    const struct work_member *o = &a->work->members[other];
    int order = claim_compare(m->claim, o->claim);
    char ours[ACCOUNT_WORD_MAX], theirs[ACCOUNT_WORD_MAX], before[ACCOUNT_WORD_MAX],
        ago[ACCOUNT_WORD_MAX];
    work_claim(m->claim, ours);
    work_claim(o->claim, theirs);
    account_duration(instant_since(at, o->last), ago);
    m->reign.before = a->members[other].node;
    if (order >= 0 && m->trusted == o->trusted) {
        m->has_rival = true;
        m->rival_equal = order == 0;
        m->rival_demoted = false;
        m->rival_at = o->last;
        m->rival = a->members[other].node;
    }
    if (order < 0 && timers_demoted(o, m->claim)) {
        m->reign.began = ACCOUNT_DEMOTION;
        a->members[member].preempts = 1;
        snprintf(m->reign.text, ACCOUNT_TEXT_MAX, "%s was demoted from %s to %s, this one has %s",
                 member_name(a, other), work_claim(o->reign_best, before), theirs, ours);
    } else if (order < 0) {
        m->reign.began = ACCOUNT_PREEMPTION;
        a->members[member].preempts = 1;
        snprintf(m->reign.text, ACCOUNT_TEXT_MAX, "preempts %s: %s is better than %s",
                 member_name(a, other), ours, theirs);
    } else if (order == 0) {
        bool together = instant_since(at, o->last).ns < WORK_TOGETHER.ns;
        m->reign.began = ACCOUNT_TIE;
        snprintf(m->reign.text, ACCOUNT_TEXT_MAX, "%s advertised the same %s %s before: %s",
                 member_name(a, other), ours, ago,
                 together ? "equal timers end together"
                          : "it was not heard, or this one was master before");
    } else {
        m->reign.began = ACCOUNT_SPLIT;
        snprintf(m->reign.text, ACCOUNT_TEXT_MAX,
                 "%s, which is better (%s, this one %s), was heard %s before: it does not hear it, "
                 "or refuses it",
                 member_name(a, other), theirs, ours, ago);
    }
}

static void begin_unheard(struct account *a, uint32_t member, uint64_t unheard, carp_instant at)
{
    struct work_member *m = &a->work->members[member];
    char word[ACCOUNT_WORD_MAX];
    account_duration(instant_since(at, m->last), word);
    m->reign.began = ACCOUNT_SPLIT;
    m->reign.before = member_group(a, member)->last_node;
    snprintf(
        m->reign.text, ACCOUNT_TEXT_MAX,
        "back after %s; its counter shows %llu adverts that were not heard here: it was master "
        "all along, cut off",
        word, (unsigned long long)unheard);
    finding_add(a, at, a->members[member].group, 0, "cut-off",
                "%s was cut off for %s and stayed master: its counter went on by %llu adverts that "
                "were not heard here",
                member_name(a, member), word, (unsigned long long)unheard);
}

/* A better one was there and waited, although it could have preempted. */
static void note_patience(struct account *a, uint32_t member, carp_instant at)
{
    const struct work_member *m = &a->work->members[member];
    const struct account_member *self = &a->members[member];
    enum account_why why = m->reign.began;
    uint32_t other;
    if ((why != ACCOUNT_SILENCE && why != ACCOUNT_FAREWELL) || m->reign.before == self->node ||
        (other = account_member_of(a, self->group, m->reign.before)) == ACCOUNT_NOBODY) {
        return;
    }
    const struct work_member *o = &a->work->members[other];
    /* In silence its timer tells that it listened: it ran from the other's last advert. */
    bool listened = why == ACCOUNT_FAREWELL || m->reign.waited.ns < timers_patience(m) +
                                                                        timers_patience(m) / 32 +
                                                                        CARP_MILLISECONDS(20).ns;
    bool had_time = instant_since(o->last, o->reign.from).ns > 0;
    if (!m->heard || !listened || !had_time || claim_compare(m->best, o->claim) >= 0 ||
        claim_compare(m->claim, o->claim) >= 0 || self->preempts == 1) {
        return;
    }
    char ours[ACCOUNT_WORD_MAX], theirs[ACCOUNT_WORD_MAX];
    a->members[member].preempts = 0;
    finding_add(a, at, self->group, 13, "no-preemption",
                "%s (%s) is better than %s (%s), was there, and did not preempt it: preemption is "
                "off on it",
                member_name(a, member), work_claim(m->claim, ours), member_name(a, other),
                work_claim(o->claim, theirs));
}

static void note_round(struct account *a, uint32_t member, carp_instant at)
{
    struct work_member *m = &a->work->members[member];
    struct work_group *g = member_group(a, member);
    enum account_why why = m->reign.began;
    if (why == ACCOUNT_SILENCE && g->tied) {
        if (g->rounds++ == 0) {
            g->first_tie = g->last_advert;
            g->first_round = at;
        }
        g->last_round = at;
    }
    bool of_round = why == ACCOUNT_TIE && instant_since(at, g->last_round).ns < timers_interval(m);
    m->reign.again = g->rounds > 1 && (of_round || (why == ACCOUNT_SILENCE && g->tied));
    g->tied = false;
}

void reigns_open(struct account *a, uint32_t member, carp_instant at, uint64_t counter)
{
    struct work_member *m = &a->work->members[member];
    struct work_group *g = member_group(a, member);
    uint32_t other = incumbent(a, g);
    uint64_t unheard = unheard_adverts(a, member, at, counter);
    m->yielding = m->last_word = m->has_rival = false;
    m->ignored = m->refusals = 0;
    m->reign = (struct account_reign){.group = a->members[member].group,
                                      .node = a->members[member].node,
                                      .from = at,
                                      .before = ACCOUNT_NOBODY};
    if (!g->has_reigned) {
        begin_first(a, member, at);
    } else if (unheard > 0) {
        begin_unheard(a, member, unheard, at);
    } else if (other == ACCOUNT_NOBODY) {
        if (g->has_farewell && instant_since(at, g->farewell_at).ns < timers_patience(m)) {
            begin_by_farewell(a, member, at);
        } else {
            begin_by_silence(a, member, at);
        }
    } else {
        const struct work_member *o = &a->work->members[other];
        uint64_t silent = instant_since(at, o->last).ns;
        bool better = claim_compare(m->claim, o->claim) < 0;
        bool missing =
            silent > timers_interval(o) + timers_interval(o) / 2 + CARP_MILLISECONDS(50).ns;
        if (silent >= timers_patience(m)) {
            while (g->reigning_count > 0) { /* this was the last one that was heard */
                reigns_close(a, g->reigning[0]);
            }
            begin_by_silence(a, member, at);
        } else if (missing && !better && !o->yielding) {
            begin_by_silence(a, member, at);
        } else {
            begin_beside(a, member, other, at);
        }
    }
    note_patience(a, member, at);
    note_round(a, member, at);
    g->has_reigned = true;
    m->reigning = true;
    announce_begin(a, member);
    if (g->reigning_count == WORK_REIGNING_MAX) {
        reigns_close(a, g->reigning[0]);
    }
    g->reigning[g->reigning_count++] = member;
}
