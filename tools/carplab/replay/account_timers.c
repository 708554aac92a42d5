/*
 * When a member advertised, and with which claim and counter: intervals, losses, demotions.
 */
#include "tools/carplab/replay/account_work.h"

struct claim timers_claim(const struct decoded *d)
{
    return (struct claim){
        .demote = d->advert.demote, .advbase = d->advert.advbase, .advskew = d->advert.advskew};
}

/* A kernel takes over by its configured advskew, demoted or not, so the best claim it was seen with
 * counts. Timers are read by ticks and captures by other clocks: 1/64 less is as good.
 * Source: bsd timings in docs/PERSONAS.md. */
uint64_t timers_patience(const struct work_member *m)
{
    uint64_t down = claim_master_down(m->best, WORK_RATIO).ns;
    return down - down / 64;
}

uint64_t timers_interval(const struct work_member *m)
{
    return claim_interval(m->claim).ns;
}

/* Its counter went on by as many adverts as its timers allow in the time. */
bool timers_own_count(const struct work_member *m, carp_instant at, uint64_t counter)
{
    uint64_t steps = counter - m->counter, gap = instant_since(at, m->last).ns;
    uint64_t families = m->last_of[0].ns != 0 && m->last_of[1].ns != 0 ? 2 : 1;
    uint64_t rounds = steps / families, full = rounds * timers_interval(m);
    return m->heard && rounds >= 3 && rounds <= 1000000 && full <= gap + gap / 50 &&
           full + full / 20 + timers_interval(m) / 2 >= gap;
}

/* Is this advert too late to belong to the reign under way? Where nobody took over, two lost ones
 * are no death, and no number of them when its counter says how many they were. */
bool timers_too_late(const struct work_member *m, carp_instant at, uint64_t counter)
{
    uint64_t gap = instant_since(at, m->last).ns, limit = timers_patience(m);
    if (m->yielding) {
        return gap >= limit;
    }
    limit = limit > timers_interval(m) * 13 / 4 ? limit : timers_interval(m) * 13 / 4;
    return gap >= limit && !timers_own_count(m, at, counter);
}

/* How far from what it should have been was this interval, and was something missing? */
void timers_interval_ended(struct account *a, uint32_t member, carp_instant at, unsigned family,
                           uint64_t counter)
{
    struct work_member *m = &a->work->members[member];
    struct account_member *self = &a->members[member];
    uint64_t gap = instant_since(at, m->last_of[family]).ns, due = timers_interval(m);
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

void timers_note_claim(struct account *a, uint32_t member, carp_instant at, struct claim claim)
{
    struct work_member *m = &a->work->members[member];
    struct account_member *self = &a->members[member];
    char before[ACCOUNT_WORD_MAX], after[ACCOUNT_WORD_MAX];
    int order = claim_compare(claim, m->claim);
    if (m->heard && order != 0) {
        finding_add(a, at, self->group, 0, "demotion", "%s %s from %s to %s",
                    member_name(a, member), order > 0 ? "is demoted" : "improves",
                    work_claim(m->claim, before), work_claim(claim, after));
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

void timers_note_counter(struct account *a, uint32_t member, carp_instant at, unsigned family,
                         uint64_t counter)
{
    struct work_member *m = &a->work->members[member];
    struct work_group *g = member_group(a, member);
    m->counter = m->counter_of[family] = g->link_counter = counter;
    g->recent[g->recent_count++ % WORK_RECENT] =
        (struct work_counter){.counter = counter, .at = at, .member = member};
}

bool timers_demoted(const struct work_member *m, struct claim than)
{
    return claim_compare(m->reign_best, m->claim) < 0 && claim_compare(than, m->reign_best) >= 0;
}
