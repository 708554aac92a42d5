/*
 * Who was master from when to when, and why that changed.
 *
 * A reign begins with an advert. It ends with a farewell, or with an advert of another that is at
 * least as good, after which nothing more came, or in silence; which of these it was is known only
 * later, so it is closed when someone else begins, when its own master comes again too late for the
 * same reign, or when the capture ends.
 */
#include "tools/carplab/replay/account_work.h"

#include <stdio.h>
#include <string.h>

/* --- closing ------------------------------------------------------------------------------------
 */

static void leave(struct account *a, uint32_t member)
{
    struct work_group *g = member_group(a, member);
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
    struct work_group *g = member_group(a, member);
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
    uint32_t other = account_member_of(a, group, m->reign.before);
    if (other == ACCOUNT_NOBODY || other == member || ++m->flaps < 2) {
        return;
    }
    const struct work_member *o = &a->work->members[other];
    m->reign.again = m->flaps > 2;
    if (!speaks(m, 0) || !speaks(m, 1)) {
        finding_add(a, at, group, 6, "flapping",
                    "%s becomes master again and again and yields at once to %s, whose adverts do "
                    "not all arrive there",
                    member_name(a, member), member_name(a, other));
    } else if (speaks(o, 0) && speaks(o, 1)) {
        finding_add(a, at, group, 30, "half-deaf",
                    "%s becomes master again and again and yields at once: adverts of one family "
                    "from %s do not arrive there (snooping?)",
                    member_name(a, member), member_name(a, other));
    } else {
        const char *silent = speaks(o, 0) ? "IPv6" : "IPv4";
        finding_add(
            a, at, group, 30, "half-deaf",
            "%s adverts from %s do not arrive (%s snooping?), %s ones do; %s waits for each "
            "family by itself and becomes master again and again",
            silent, member_name(a, other), speaks(o, 0) ? "MLD" : "IGMP",
            speaks(o, 0) ? "IPv4" : "IPv6", member_name(a, member));
    }
}

static void close_reign(struct account *a, uint32_t member, enum account_why why, carp_instant to)
{
    struct work_member *m = &a->work->members[member];
    leave(a, member);
    m->reign.last = m->last;
    m->reign.to = to;
    m->reign.again &= instant_since(to, m->reign.from).ns <= 2 * timers_interval(m);
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
    return says_last_word(a, member) && (before < timers_interval(m) / 2 || m->last_word) &&
           instant_since(m->last, m->rival_at).ns < timers_interval(m) + CARP_SECONDS(1).ns;
}

static enum account_why yield_why(bool equal, bool demoted)
{
    return equal ? ACCOUNT_TIE : demoted ? ACCOUNT_DEMOTION : ACCOUNT_PREEMPTION;
}

/* It was not heard again: why? */
void reigns_close(struct account *a, uint32_t member)
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
        uint64_t limit = timers_patience(m) > 3 * timers_interval(m) ? timers_patience(m)
                                                                     : 3 * timers_interval(m);
        if (instant_since(at, m->last).ns > 2 * limit) {
            reigns_close(a, g->reigning[i - 1]);
        }
    }
}

/* --- adverts ------------------------------------------------------------------------------------
 */

/* What other masters make of it, if they hear it. */
static void disturb_others(struct account *a, uint32_t member, carp_instant at)
{
    const struct work_member *m = &a->work->members[member];
    const struct work_group *g = member_group(a, member);
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
        bool demoted = timers_demoted(o, m->claim);
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
    struct work_group *g = member_group(a, member);
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
        member_name(a, member), node_name(a, m->rival), member_name(a, member),
        node_name(a, m->rival));
}

static void farewell(struct account *a, uint32_t member, carp_instant at)
{
    struct work_member *m = &a->work->members[member];
    struct work_group *g = member_group(a, member);
    uint32_t node = a->members[member].node;
    a->members[member].farewells++;
    if (m->reigning) {
        snprintf(m->reign.end_text, ACCOUNT_TEXT_MAX,
                 "said farewell (255/255): it was stopped or set down in order");
        close_reign(a, member, ACCOUNT_FAREWELL, at);
    }
    /* Who had yielded to it is backup, and may take over at once. */
    for (unsigned i = g->reigning_count; i > 0; i--) {
        const struct work_member *o = &a->work->members[g->reigning[i - 1]];
        if (o->yielding && o->yield_to == node) {
            reigns_close(a, g->reigning[i - 1]);
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
                lost == 1 ? "IPv6" : "IPv4", member_name(a, member), lost == 1 ? "MLD" : "IGMP",
                lost == 1 ? "IPv4" : "IPv6");
}

void reigns_advert(struct account *a, uint32_t member, carp_instant at, const struct decoded *d)
{
    struct work_member *m = &a->work->members[member];
    struct work_group *g = member_group(a, member);
    struct claim claim = timers_claim(d);
    unsigned family = d->family == 4 ? 0 : 1;
    uint64_t counter = d->advert.counter;
    m->trusted = d->verdict != CARP_BAD_DIGEST;
    if (claim_is_farewell(claim)) {
        farewell(a, member, at);
        timers_note_counter(a, member, at, family, counter);
        return;
    }
    close_overdue(a, a->members[member].group, at);
    /* The other family's copy of an advert is no word of its own. */
    bool again = m->reigning && m->last_of[1 - family].ns == m->last.ns &&
                 instant_since(at, m->last).ns < WORK_TOGETHER.ns && m->last.ns != 0;
    bool late = m->reigning && timers_too_late(m, at, counter);
    if (late) {
        reigns_close(a, member);
    }
    if (m->reigning && !again) {
        m->last_word = says_last_word(a, member) &&
                       instant_since(at, m->last).ns < timers_interval(m) * 15 / 16;
        if (m->yielding) {
            m->ignored += !m->last_word;
            m->yielding = false;
        }
        note_stubborn(a, member, at);
    }
    if (m->reigning && m->last_of[family].ns >= m->reign.from.ns) {
        timers_interval_ended(a, member, at, family, counter);
    }
    timers_note_claim(a, member, at, claim);
    if (!m->reigning) {
        reigns_open(a, member, at, counter);
    }
    m->heard = true;
    m->last = m->last_of[family] = at;
    timers_note_counter(a, member, at, family, counter);
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
    if (silent <= timers_interval(m) + timers_interval(m) / 4) {
        snprintf(m->reign.end_text, ACCOUNT_TEXT_MAX, "%s",
                 m->yielding ? "the capture ends before it is seen whether it yields"
                             : "master when the capture ends");
        close_reign(a, member, ACCOUNT_BEFORE, a->end);
    } else {
        reigns_close(a, member);
    }
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
    for (uint32_t i = 0; i < a->group_count; i++) {
        struct work_group *g = &a->work->groups[i];
        while (g->reigning_count > 0) {
            close_last(a, g->reigning[0]);
        }
        note_livelock(a, i);
    }
}
