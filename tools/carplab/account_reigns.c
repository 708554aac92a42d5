/*
 * Who was master from when to when, and why that changed.
 *
 * A reign begins with an advert. It ends with a farewell, or with an advert of another that is at
 * least as good, after which nothing more came, or in silence; which of these it was is known only
 * later, so it is closed when someone else begins, when its own master comes again too late for the
 * same reign, or when the capture ends.
 */
#include "tools/carplab/account_work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct claim reigns_claim(const struct decoded *d)
{
    return (struct claim){
        .demote = d->advert.demote, .advbase = d->advert.advbase, .advskew = d->advert.advskew};
}

/* A kernel takes over by its configured advskew, demoted or not, so the best claim it was seen with
 * counts. Timers are read by ticks and captures by other clocks: 1/64 less is as good.
 * Source: bsd timings in docs/PERSONAS.md. */
static uint64_t patience(const struct work_member *m)
{
    uint64_t down = claim_master_down(m->best, WORK_RATIO).ns;
    return down - down / 64;
}

static uint64_t interval(const struct work_member *m)
{
    return claim_interval(m->claim).ns;
}

static struct work_group *group_of(struct account *a, uint32_t member)
{
    return &a->work->groups[a->members[member].group];
}

static const char *name_of(const struct account *a, uint32_t member)
{
    return node_name(a, a->members[member].node);
}

/* --- closing ------------------------------------------------------------------------------------
 */

static void leave(struct account *a, uint32_t member)
{
    struct work_group *g = group_of(a, member);
    for (unsigned i = 0; i < g->reigning_count; i++) {
        if (g->reigning[i] == member) {
            memmove(&g->reigning[i], &g->reigning[i + 1],
                    (--g->reigning_count - i) * sizeof g->reigning[0]);
        }
    }
    a->work->members[member].reigning = false;
}

static void keep(struct account *a, const struct account_reign *reign)
{
    struct account_reign *r = work_room(a, (void **)&a->reigns, a->reign_count,
                                        &a->work->reign_room, sizeof *r, ACCOUNT_REIGNS_MAX);
    struct work_group *g = &a->work->groups[reign->group];
    if (r != NULL) {
        *r = *reign;
        a->reign_count++;
    } else if (!g->cut) {
        g->cut = true;
        g->cut_at = reign->from;
    }
}

/* Rounds of equal masters that all yield to each other: one is bad luck, more a livelock. */
static void note_tie(struct account *a, uint32_t member)
{
    struct work_group *g = group_of(a, member);
    if (g->reigning_count == 0) {
        g->tied = true;
    }
    if (g->round_nodes[0] != a->members[member].node) {
        g->round_nodes[1] = g->round_nodes[0];
        g->round_nodes[0] = a->members[member].node;
    }
}

static bool speaks(const struct work_member *m, unsigned family)
{
    return m->last_of[family].ns != 0;
}

/* It begins beside a better one, and yields at once, again and again: it misses some of what is
 * heard here. Kernels of two families wait for each of them. */
static void note_flap(struct account *a, uint32_t member, carp_instant at)
{
    struct work_member *m = &a->work->members[member];
    uint32_t group = a->members[member].group;
    uint32_t other = nodes_member_of(a, group, m->reign.before);
    if (other == ACCOUNT_NOBODY || other == member || ++m->flaps < 2) {
        return;
    }
    const struct work_member *o = &a->work->members[other];
    m->reign.again = m->flaps > 2;
    if (!speaks(m, 0) || !speaks(m, 1)) {
        finding_add(a, at, group, 6, "flapping",
                    "%s becomes master again and again and yields at once to %s, whose adverts do "
                    "not all arrive there",
                    name_of(a, member), name_of(a, other));
    } else if (speaks(o, 0) && speaks(o, 1)) {
        finding_add(a, at, group, 30, "half-deaf",
                    "%s becomes master again and again and yields at once: adverts of one family "
                    "from %s do not arrive there (snooping?)",
                    name_of(a, member), name_of(a, other));
    } else {
        const char *silent = speaks(o, 0) ? "IPv6" : "IPv4";
        finding_add(
            a, at, group, 30, "half-deaf",
            "%s adverts from %s do not arrive (%s snooping?), %s ones do; %s waits for each "
            "family by itself and becomes master again and again",
            silent, name_of(a, other), speaks(o, 0) ? "MLD" : "IGMP",
            speaks(o, 0) ? "IPv4" : "IPv6", name_of(a, member));
    }
}

static void close_reign(struct account *a, uint32_t member, enum account_why why, carp_instant to)
{
    struct work_member *m = &a->work->members[member];
    leave(a, member);
    m->reign.last = m->last;
    m->reign.to = to;
    m->reign.again &= instant_since(to, m->reign.from).ns <= 2 * interval(m);
    m->reign.ended = why;
    announce_reign(a, member, &m->reign);
    if (m->reign.began == ACCOUNT_SPLIT && why == ACCOUNT_PREEMPTION && m->ignored == 0) {
        note_flap(a, member, m->reign.from);
    } else {
        m->flaps = 0;
    }
    if (why == ACCOUNT_TIE) {
        note_tie(a, member);
    }
    keep(a, &m->reign);
}

static const char *yield_words(enum account_why why)
{
    return why == ACCOUNT_TIE        ? "has equal timers"
           : why == ACCOUNT_DEMOTION ? "is better than its raised advskew"
                                     : "is better";
}

/* Who yields with one last advert, which makes the winner announce: UCARP, and Carpio as it comes.
 * Kernels yield in silence. */
static bool says_last_word(const struct account *a, uint32_t member)
{
    const struct work_node *n = &a->work->nodes[a->members[member].node];
    return n->ucarp_mac || n->own_mac;
}

/*
 * Did it yield to an advert that was heard before its last one? That was read late then, and
 * answered with a last word; or, where nothing but its first advert was heard, both crossed. Not so
 * of UCARP, which would have had a last word.
 */
static bool yielded_before(const struct account *a, uint32_t member)
{
    const struct work_member *m = &a->work->members[member];
    const struct work_node *node = &a->work->nodes[a->members[member].node];
    bool is_first = m->last.ns == m->reign.from.ns;
    uint64_t before = instant_since(m->reign.from, m->rival_at).ns;
    if (!m->has_rival || m->rival_at.ns > m->last.ns || (m->ignored >= 3 && !m->last_word)) {
        return false;
    }
    if (is_first) {
        return !node->ucarp_mac && before < WORK_TOGETHER.ns;
    }
    return says_last_word(a, member) && (before < interval(m) / 2 || m->last_word) &&
           instant_since(m->last, m->rival_at).ns < interval(m) + CARP_SECONDS(1).ns;
}

static enum account_why yield_why(bool equal, bool demoted)
{
    return equal ? ACCOUNT_TIE : demoted ? ACCOUNT_DEMOTION : ACCOUNT_PREEMPTION;
}

/* It was not heard again: why? */
static void close_quietly(struct account *a, uint32_t member)
{
    struct work_member *m = &a->work->members[member];
    char *text = m->reign.end_text;
    if (m->yielding) {
        enum account_why why = yield_why(m->yield_equal, m->yield_demoted);
        carp_instant to = m->last_word ? m->last : m->yield_at;
        snprintf(text, ACCOUNT_TEXT_MAX, "yielded to %s, which %s%s", node_name(a, m->yield_to),
                 yield_words(why),
                 m->last_word      ? "; said so with one last advert"
                 : m->ignored >= 3 ? "; it had not heard it before, unless it died just then"
                                   : "");
        close_reign(a, member, why, to);
    } else if (yielded_before(a, member)) {
        enum account_why why = yield_why(m->rival_equal, m->rival_demoted);
        snprintf(text, ACCOUNT_TEXT_MAX, "yielded to %s, which %s%s", node_name(a, m->rival),
                 yield_words(why),
                 m->last.ns == m->reign.from.ns ? "; their adverts crossed"
                                                : "; said so with one last advert");
        close_reign(a, member, why, m->last);
    } else {
        snprintf(text, ACCOUNT_TEXT_MAX,
                 "not heard again: it died, was cut off, or stopped without a word");
        close_reign(a, member, ACCOUNT_SILENCE, m->last);
    }
}

static void close_overdue(struct account *a, uint32_t group, carp_instant at)
{
    struct work_group *g = &a->work->groups[group];
    for (unsigned i = g->reigning_count; i > 0; i--) {
        const struct work_member *m = &a->work->members[g->reigning[i - 1]];
        uint64_t limit = patience(m) > 3 * interval(m) ? patience(m) : 3 * interval(m);
        if (instant_since(at, m->last).ns > 2 * limit) {
            close_quietly(a, g->reigning[i - 1]);
        }
    }
}

/* --- opening ------------------------------------------------------------------------------------
 */

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

/* Its counter went on by as many adverts as its timers allow in the time. */
static bool is_own_count(const struct work_member *m, carp_instant at, uint64_t counter)
{
    uint64_t steps = counter - m->counter, gap = instant_since(at, m->last).ns;
    uint64_t families = m->last_of[0].ns != 0 && m->last_of[1].ns != 0 ? 2 : 1;
    uint64_t rounds = steps / families, full = rounds * interval(m);
    return m->heard && rounds >= 3 && rounds <= 1000000 && full <= gap + gap / 50 &&
           full + full / 20 + interval(m) / 2 >= gap;
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
    return is_own_count(m, at, counter) && !continues_another ? counter - m->counter - 1 : 0;
}

static void begin_first(struct account *a, uint32_t member, carp_instant at)
{
    struct work_member *m = &a->work->members[member];
    char word[ACCOUNT_WORD_MAX];
    uint64_t watched = instant_since(at, a->begin).ns;
    if (watched > interval(m) + interval(m) / 4) {
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
    const struct work_group *g = group_of(a, member);
    char waited[ACCOUNT_WORD_MAX], limit[ACCOUNT_WORD_MAX];
    carp_duration down = claim_master_down(m->best, WORK_RATIO);
    m->reign.began = ACCOUNT_SILENCE;
    m->reign.before = g->last_node;
    m->reign.waited = instant_since(at, g->last_advert);
    account_duration(m->reign.waited, waited);
    account_duration(down, limit);
    snprintf(m->reign.text, ACCOUNT_TEXT_MAX, "nobody was heard for %s; its limit is %s%s", waited,
             limit,
             m->reign.waited.ns < patience(m)
                 ? ", so adverts were lost here only, or its dead ratio is below 3"
                 : "");
}

static void begin_by_farewell(struct account *a, uint32_t member, carp_instant at)
{
    struct work_member *m = &a->work->members[member];
    const struct work_group *g = group_of(a, member);
    char word[ACCOUNT_WORD_MAX];
    m->reign.began = ACCOUNT_FAREWELL;
    m->reign.before = g->farewell_node;
    snprintf(m->reign.text, ACCOUNT_TEXT_MAX, "%s said farewell (255/255) %s before",
             node_name(a, g->farewell_node),
             account_duration(instant_since(at, g->farewell_at), word));
}

static bool is_demoted(const struct work_member *m, struct claim than)
{
    return claim_compare(m->reign_best, m->claim) < 0 && claim_compare(than, m->reign_best) >= 0;
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
    if (order < 0 && is_demoted(o, m->claim)) {
        m->reign.began = ACCOUNT_DEMOTION;
        a->members[member].preempts = 1;
        snprintf(m->reign.text, ACCOUNT_TEXT_MAX, "%s was demoted from %s to %s, this one has %s",
                 name_of(a, other), work_claim(o->reign_best, before), theirs, ours);
    } else if (order < 0) {
        m->reign.began = ACCOUNT_PREEMPTION;
        a->members[member].preempts = 1;
        snprintf(m->reign.text, ACCOUNT_TEXT_MAX, "preempts %s: %s is better than %s",
                 name_of(a, other), ours, theirs);
    } else if (order == 0) {
        bool together = instant_since(at, o->last).ns < WORK_TOGETHER.ns;
        m->reign.began = ACCOUNT_TIE;
        snprintf(m->reign.text, ACCOUNT_TEXT_MAX, "%s advertised the same %s %s before: %s",
                 name_of(a, other), ours, ago,
                 together ? "equal timers end together"
                          : "it was not heard, or this one was master before");
    } else {
        m->reign.began = ACCOUNT_SPLIT;
        snprintf(m->reign.text, ACCOUNT_TEXT_MAX,
                 "%s, which is better (%s, this one %s), was heard %s before: it does not hear it, "
                 "or refuses it",
                 name_of(a, other), theirs, ours, ago);
    }
}

static void begin_unheard(struct account *a, uint32_t member, uint64_t unheard, carp_instant at)
{
    struct work_member *m = &a->work->members[member];
    char word[ACCOUNT_WORD_MAX];
    account_duration(instant_since(at, m->last), word);
    m->reign.began = ACCOUNT_SPLIT;
    m->reign.before = group_of(a, member)->last_node;
    snprintf(
        m->reign.text, ACCOUNT_TEXT_MAX,
        "back after %s; its counter shows %llu adverts that were not heard here: it was master "
        "all along, cut off",
        word, (unsigned long long)unheard);
    finding_add(a, at, a->members[member].group, 0, "cut-off",
                "%s was cut off for %s and stayed master: its counter went on by %llu adverts that "
                "were not heard here",
                name_of(a, member), word, (unsigned long long)unheard);
}

/* A better one was there and waited, although it could have preempted. */
static void note_patience(struct account *a, uint32_t member, carp_instant at)
{
    const struct work_member *m = &a->work->members[member];
    const struct account_member *self = &a->members[member];
    enum account_why why = m->reign.began;
    uint32_t other;
    if ((why != ACCOUNT_SILENCE && why != ACCOUNT_FAREWELL) || m->reign.before == self->node ||
        (other = nodes_member_of(a, self->group, m->reign.before)) == ACCOUNT_NOBODY) {
        return;
    }
    const struct work_member *o = &a->work->members[other];
    /* In silence its timer tells that it listened: it ran from the other's last advert. */
    bool listened = why == ACCOUNT_FAREWELL ||
                    m->reign.waited.ns < patience(m) + patience(m) / 32 + CARP_MILLISECONDS(20).ns;
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
                name_of(a, member), work_claim(m->claim, ours), name_of(a, other),
                work_claim(o->claim, theirs));
}

static void note_round(struct account *a, uint32_t member, carp_instant at)
{
    struct work_member *m = &a->work->members[member];
    struct work_group *g = group_of(a, member);
    enum account_why why = m->reign.began;
    if (why == ACCOUNT_SILENCE && g->tied) {
        if (g->rounds++ == 0) {
            g->first_tie = g->last_advert;
            g->first_round = at;
        }
        g->last_round = at;
    }
    bool of_round = why == ACCOUNT_TIE && instant_since(at, g->last_round).ns < interval(m);
    m->reign.again = g->rounds > 1 && (of_round || (why == ACCOUNT_SILENCE && g->tied));
    g->tied = false;
}

static void open_reign(struct account *a, uint32_t member, carp_instant at, uint64_t counter)
{
    struct work_member *m = &a->work->members[member];
    struct work_group *g = group_of(a, member);
    uint32_t other = incumbent(a, g);
    uint64_t unheard = unheard_adverts(a, member, at, counter);
    m->yielding = m->last_word = m->has_rival = false;
    m->ignored = m->refusals = 0;
    m->adverts_in_reign = 0;
    m->reign = (struct account_reign){.group = a->members[member].group,
                                      .node = a->members[member].node,
                                      .from = at,
                                      .before = ACCOUNT_NOBODY};
    if (!g->has_reigned) {
        begin_first(a, member, at);
    } else if (unheard > 0) {
        begin_unheard(a, member, unheard, at);
    } else if (other == ACCOUNT_NOBODY) {
        if (g->has_farewell && instant_since(at, g->farewell_at).ns < patience(m)) {
            begin_by_farewell(a, member, at);
        } else {
            begin_by_silence(a, member, at);
        }
    } else {
        const struct work_member *o = &a->work->members[other];
        uint64_t silent = instant_since(at, o->last).ns;
        bool better = claim_compare(m->claim, o->claim) < 0;
        bool missing = silent > interval(o) + interval(o) / 2 + CARP_MILLISECONDS(50).ns;
        if (silent >= patience(m)) {
            while (g->reigning_count > 0) { /* this was the last one that was heard */
                close_quietly(a, g->reigning[0]);
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
        close_quietly(a, g->reigning[0]);
    }
    g->reigning[g->reigning_count++] = member;
}

/* --- adverts ------------------------------------------------------------------------------------
 */

/* Is this advert too late to belong to the reign under way? Where nobody took over, two lost ones
 * are no death, and no number of them when its counter says how many they were. */
static bool came_too_late(const struct work_member *m, carp_instant at, uint64_t counter)
{
    uint64_t gap = instant_since(at, m->last).ns, limit = patience(m);
    if (m->yielding) {
        return gap >= limit;
    }
    limit = limit > interval(m) * 13 / 4 ? limit : interval(m) * 13 / 4;
    return gap >= limit && !is_own_count(m, at, counter);
}

/* How far from what it should have been was this interval, and was something missing? */
static void note_interval(struct account *a, uint32_t member, carp_instant at, unsigned family,
                          uint64_t counter)
{
    struct work_member *m = &a->work->members[member];
    struct account_member *self = &a->members[member];
    uint64_t gap = instant_since(at, m->last_of[family]).ns, due = interval(m);
    uint64_t families = m->last_of[0].ns != 0 && m->last_of[1].ns != 0 ? 2 : 1;
    if (gap > due * 3 / 2) {
        uint64_t missing = (gap + due / 2) / due - 1;
        uint64_t steps = counter - m->counter;
        /* One that counts its adverts says itself how many there were. */
        bool counted = self->counting == REPLAY_COUNTS_UP && steps > 0 && steps < 1000;
        self->lost += counted && steps / families <= missing
                          ? steps / families - (steps >= families)
                          : missing;
        return;
    }
    uint64_t base = CARP_SECONDS(m->claim.advbase).ns;
    if (gap < due * 3 / 4 && gap < base + base / 16 && m->rushed++ == 0) {
        m->rushed_at = at;
    }
    if (m->last_word && m->rushed < 2) {
        return; /* off the beat, as a last word is */
    }
    m->intervals++;
    m->interval_sum += gap;
    m->jitter_sum += gap > due ? gap - due : due - gap;
    if (self->interval_min.ns == 0 || gap < self->interval_min.ns) {
        self->interval_min.ns = gap;
    }
    self->interval_max = duration_max(self->interval_max, (carp_duration){gap});
    self->interval_mean.ns = m->interval_sum / m->intervals;
    self->jitter.ns = m->jitter_sum / m->intervals;
}

static void note_claim(struct account *a, uint32_t member, carp_instant at, struct claim claim)
{
    struct work_member *m = &a->work->members[member];
    struct account_member *self = &a->members[member];
    char before[ACCOUNT_WORD_MAX], after[ACCOUNT_WORD_MAX];
    int order = claim_compare(claim, m->claim);
    if (m->heard && order != 0) {
        finding_add(a, at, self->group, 0, "demotion", "%s %s from %s to %s", name_of(a, member),
                    order > 0 ? "is demoted" : "improves", work_claim(m->claim, before),
                    work_claim(claim, after));
    }
    if (!m->heard || claim_compare(claim, m->best) < 0) {
        m->best = claim;
        self->advbase = claim.advbase;
        self->advskew = claim.advskew;
    }
    struct claim worst = {.advbase = self->worst_base, .advskew = self->worst_skew};
    if (!m->heard ||
        claim_compare((struct claim){.advbase = claim.advbase, .advskew = claim.advskew}, worst) >
            0) {
        self->worst_base = claim.advbase;
        self->worst_skew = claim.advskew;
    }
    if (!m->reigning || claim_compare(claim, m->reign_best) < 0) {
        m->reign_best = claim;
    }
    m->claim = claim;
}

/* What other masters make of it, if they hear it. */
static void disturb_others(struct account *a, uint32_t member, carp_instant at)
{
    const struct work_member *m = &a->work->members[member];
    const struct work_group *g = group_of(a, member);
    for (unsigned i = 0; i < g->reigning_count; i++) {
        struct work_member *o = &a->work->members[g->reigning[i]];
        int order = claim_compare(m->claim, o->claim);
        if (g->reigning[i] == member || order > 0) {
            continue;
        }
        if (o->trusted != m->trusted) {
            o->rival = a->members[member].node;
            o->refusals++;
            continue;
        }
        bool demoted = is_demoted(o, m->claim);
        o->has_rival = true;
        o->rival_at = at;
        o->rival = a->members[member].node;
        o->rival_equal = order == 0;
        o->rival_demoted = demoted;
        if (!o->yielding) {
            o->yielding = true;
            o->yield_at = at;
            o->yield_to = a->members[member].node;
            o->yield_equal = order == 0;
            o->yield_demoted = demoted;
        }
    }
}

/* Two that both stay master over adverts that should have made one yield. */
static void note_stubborn(struct account *a, uint32_t member, carp_instant at)
{
    struct work_member *m = &a->work->members[member];
    struct work_group *g = group_of(a, member);
    if (m->ignored + m->refusals < 3 || g->many_masters_told) {
        return;
    }
    g->many_masters_told = true;
    bool refused = m->refusals > 0;
    finding_add(
        a, at, a->members[member].group, refused ? 2 : 6, "split",
        "%s and %s are both master and neither yields: %s does not hear %s (one-way traffic, "
        "multicast filtered, snooping without querier), or refuses it (another password or "
        "another address list)",
        name_of(a, member), node_name(a, m->rival), name_of(a, member), node_name(a, m->rival));
}

static void farewell(struct account *a, uint32_t member, carp_instant at)
{
    struct work_member *m = &a->work->members[member];
    struct work_group *g = group_of(a, member);
    uint32_t node = a->members[member].node;
    a->members[member].farewells++;
    if (m->reigning) {
        snprintf(m->reign.end_text, ACCOUNT_TEXT_MAX,
                 "said farewell (255/255): it was stopped or "
                 "set down in order");
        close_reign(a, member, ACCOUNT_FAREWELL, at);
    }
    /* Who had yielded to it is backup, and may take over at once. */
    for (unsigned i = g->reigning_count; i > 0; i--) {
        const struct work_member *o = &a->work->members[g->reigning[i - 1]];
        if (o->yielding && o->yield_to == node) {
            close_quietly(a, g->reigning[i - 1]);
        }
    }
    g->has_farewell = true;
    g->farewell_at = at;
    g->farewell_node = node;
}

/* One family of a member fell silent while the other is heard. */
static void note_lost_family(struct account *a, uint32_t member, carp_instant at, unsigned family)
{
    struct work_member *m = &a->work->members[member];
    unsigned lost = 1 - family;
    if (m->last_of[lost].ns == 0 || m->deaf_told[lost] ||
        instant_since(at, m->last_of[lost]).ns < claim_master_down(m->claim, WORK_RATIO).ns ||
        m->last_of[lost].ns < m->reign.from.ns) {
        return;
    }
    m->deaf_told[lost] = true;
    finding_add(a, at, a->members[member].group, 30, "half-deaf",
                "%s adverts from %s do not arrive any more (%s snooping?), %s ones do",
                lost == 1 ? "IPv6" : "IPv4", name_of(a, member), lost == 1 ? "MLD" : "IGMP",
                lost == 1 ? "IPv4" : "IPv6");
}

static void note_counter(struct account *a, uint32_t member, carp_instant at, unsigned family,
                         uint64_t counter)
{
    struct work_member *m = &a->work->members[member];
    struct work_group *g = group_of(a, member);
    m->counter = m->counter_of[family] = g->link_counter = counter;
    g->recent[g->recent_count++ % WORK_RECENT] =
        (struct work_counter){.counter = counter, .at = at, .member = member};
}

void reigns_advert(struct account *a, uint32_t member, carp_instant at, const struct decoded *d)
{
    struct work_member *m = &a->work->members[member];
    struct work_group *g = group_of(a, member);
    struct claim claim = reigns_claim(d);
    unsigned family = d->family == 4 ? 0 : 1;
    uint64_t counter = d->advert.counter;
    m->trusted = d->verdict != CARP_BAD_DIGEST;
    if (claim_is_farewell(claim)) {
        farewell(a, member, at);
        note_counter(a, member, at, family, counter);
        return;
    }
    close_overdue(a, a->members[member].group, at);
    /* The other family's copy of an advert is no word of its own. */
    bool again = m->reigning && m->last_of[1 - family].ns == m->last.ns &&
                 instant_since(at, m->last).ns < WORK_TOGETHER.ns && m->last.ns != 0;
    bool late = m->reigning && came_too_late(m, at, counter);
    if (late) {
        close_quietly(a, member);
    }
    if (m->reigning && !again) {
        m->last_word =
            says_last_word(a, member) && instant_since(at, m->last).ns < interval(m) * 15 / 16;
        if (m->yielding) {
            m->ignored += !m->last_word;
            m->yielding = false;
        }
        note_stubborn(a, member, at);
    }
    if (m->reigning && m->last_of[family].ns >= m->reign.from.ns) {
        note_interval(a, member, at, family, counter);
    }
    note_claim(a, member, at, claim);
    if (!m->reigning) {
        open_reign(a, member, at, counter);
    }
    m->heard = true;
    m->last = m->last_of[family] = at;
    note_counter(a, member, at, family, counter);
    m->adverts_in_reign++;
    g->last_advert = at;
    g->last_node = a->members[member].node;
    g->has_farewell = false;
    note_lost_family(a, member, at, family);
    disturb_others(a, member, at);
}

/* --- the end ------------------------------------------------------------------------------------
 */

static void close_last(struct account *a, uint32_t member)
{
    struct work_member *m = &a->work->members[member];
    uint64_t silent = instant_since(a->end, m->last).ns;
    if (silent <= interval(m) + interval(m) / 4) {
        snprintf(m->reign.end_text, ACCOUNT_TEXT_MAX, "%s",
                 m->yielding ? "the capture ends before it is seen whether it yields"
                             : "master when the capture ends");
        close_reign(a, member, ACCOUNT_BEFORE, a->end);
    } else {
        close_quietly(a, member);
    }
}

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

static void note_livelock(struct account *a, uint32_t group)
{
    const struct work_group *g = &a->work->groups[group];
    char period[ACCOUNT_WORD_MAX];
    if (g->rounds < 2) {
        return;
    }
    account_duration(
        (carp_duration){instant_since(g->last_round, g->first_round).ns / (g->rounds - 1)}, period);
    finding_add(a, g->first_tie, group, 10, "livelock",
                "%s and %s become master together and yield to each other, again and again: %u "
                "times, every %s; set different advskews",
                node_name(a, g->round_nodes[1]), node_name(a, g->round_nodes[0]), g->rounds + 1,
                period);
}

void reigns_end(struct account *a)
{
    uint32_t room = 0;
    for (uint32_t i = 0; i < a->group_count; i++) {
        struct work_group *g = &a->work->groups[i];
        while (g->reigning_count > 0) {
            close_last(a, g->reigning[0]);
        }
        note_livelock(a, i);
    }
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
