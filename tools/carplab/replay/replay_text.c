/*
 * The account for people: of each virtual host who took part, a time line, and what else there is
 * to say.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/carplab/replay/replay.h"

enum { WORD_MAX = 64, TIME_MAX = 40 };

struct text {
    FILE *file;
    bool colour;
    const struct replay_source *source;
    const struct account *account;
    char day[TIME_MAX]; /* of the line before */
};

/* --- words --------------------------------------------------------------------------------------
 */

enum { RED = 31, GREEN = 32, YELLOW = 33, BOLD = 1 };

/* A word in a column, coloured; padding is outside the colour so that columns stay. */
static void put_word(struct text *t, int colour, const char *word, int width)
{
    int size = (int)strlen(word);
    if (t->colour) {
        fprintf(t->file, "\033[%dm%s\033[0m", colour, word);
    } else {
        fputs(word, t->file);
    }
    fprintf(t->file, "%*s", width > size ? width - size : 0, "");
}

static const char *duration(carp_duration d, char word[WORD_MAX])
{
    return d.ns == 0 ? "none" : account_duration(d, word);
}

/* UTC; the fraction has as many digits as the files. */
static void clock_words(const struct text *t, carp_instant at, char day[TIME_MAX],
                        char hour[TIME_MAX])
{
    time_t seconds = (time_t)(at.ns / 1000000000);
    uint64_t fraction = at.ns % 1000000000;
    char digits[TIME_MAX];
    struct tm parts = {0};
    gmtime_r(&seconds, &parts);
    strftime(day, TIME_MAX, "%Y-%m-%d", &parts);
    strftime(digits, sizeof digits, "%H:%M:%S", &parts);
    snprintf(hour, TIME_MAX, "%.8s.%0*" PRIu64, digits, (int)t->source->decimals,
             t->source->decimals == 6 ? fraction / 1000 : fraction);
}

/* The columns of time at the beginning of a line. */
static void put_time(struct text *t, carp_instant at)
{
    char day[TIME_MAX], hour[TIME_MAX];
    uint64_t millis = (instant_since(at, t->account->begin).ns + 500000) / 1000000;
    clock_words(t, at, day, hour);
    if (strcmp(day, t->day) != 0) {
        if (t->day[0] != '\0') {
            fprintf(t->file, "  %s\n", day);
        }
        memcpy(t->day, day, sizeof day);
    }
    fprintf(t->file, "  %s %6" PRIu64 ".%03" PRIu64 "  ", hour, millis / 1000, millis % 1000);
}

static int name_width(const struct account *a)
{
    size_t width = 0;
    for (uint32_t i = 0; i < a->node_count; i++) {
        size_t size = strlen(a->nodes[i].name);
        width = size > width ? size : width;
    }
    return (int)width;
}

/* --- head ---------------------------------------------------------------------------------------
 */

static void write_clock(struct text *t, unsigned file)
{
    const struct merge_clock *c = &t->source->clocks[file];
    char word[WORD_MAX];
    if (file > 0 && c->shared == 0) {
        fputs("  (no frame is in the others too: its clock is taken as it is)", t->file);
    } else if (file > 0) {
        uint64_t size = c->offset_ns < 0 ? -(uint64_t)c->offset_ns : (uint64_t)c->offset_ns;
        fprintf(t->file, "  (its clock is %s by %s, from %" PRIu64 " shared frames)",
                c->offset_ns < 0 ? "ahead" : "behind", duration((carp_duration){size}, word),
                c->shared);
    }
    if (c->set_back > 0) {
        fprintf(t->file, "  (its clock was set back %" PRIu64 " times)", c->set_back);
    }
}

static void write_head(struct text *t)
{
    const struct account *a = t->account;
    char day[TIME_MAX], hour[TIME_MAX], word[WORD_MAX];
    for (unsigned i = 0; i < t->source->count; i++) {
        if (t->source->count > 1) {
            fprintf(t->file, "file %u: ", i + 1);
        }
        put_word(t, BOLD, t->source->paths[i], 0);
        write_clock(t, i);
        fputc('\n', t->file);
    }
    clock_words(t, a->begin, day, hour);
    memcpy(t->day, day, sizeof day);
    fprintf(t->file, "%s %s UTC, %s, %" PRIu64 " frames, %" PRIu64 " adverts\n", day, hour,
            duration(instant_since(a->end, a->begin), word), a->frames, a->adverts);
}

/* --- who ----------------------------------------------------------------------------------------
 */

static const char *timers(const struct account_member *m, char word[WORD_MAX])
{
    if (m->worst_base == m->advbase && m->worst_skew == m->advskew) {
        snprintf(word, WORD_MAX, "%u/%u", m->advbase, m->advskew);
    } else {
        snprintf(word, WORD_MAX, "%u/%u..%u/%u", m->advbase, m->advskew, m->worst_base,
                 m->worst_skew);
    }
    return word;
}

static const char *intervals(const struct account_member *m, char word[WORD_MAX])
{
    const carp_duration three[] = {m->interval_min, m->interval_mean, m->interval_max};
    size_t size = 0;
    if (m->interval_mean.ns == 0) {
        return "-";
    }
    for (int i = 0; i < 3; i++) {
        uint64_t millis = (three[i].ns + 500000) / 1000000;
        size += (size_t)snprintf(word + size, WORD_MAX - size, "%s%" PRIu64 ".%03" PRIu64,
                                 i == 0 ? "" : " ", millis / 1000, millis % 1000);
    }
    return word;
}

static void write_member(struct text *t, const struct account_member *m, int width)
{
    const struct account_node *n = &t->account->nodes[m->node];
    char claim[WORD_MAX], times[WORD_MAX], jitter[WORD_MAX];
    fprintf(t->file, "  %-*s  %-8s %-13s %7" PRIu64 " %5" PRIu64 "  %-23s %s\n", width, n->name,
            account_kind_word(n->kind), timers(m, claim), m->adverts, m->lost, intervals(m, times),
            m->interval_mean.ns == 0 ? "-" : duration(m->jitter, jitter));
}

static void write_evidence(struct text *t, const struct account_member *m, int width)
{
    const struct account_node *n = &t->account->nodes[m->node];
    char address[STORY_ADDRESS_MAX], mac[WORD_MAX];
    fprintf(t->file, "  %-*s  %s", width, n->name, n->evidence);
    if (n->has_own_mac) {
        fprintf(t->file, "; own MAC %s", account_mac(n->own_mac, mac));
    }
    if (n->has_ipv4 && n->has_ipv6) {
        fprintf(t->file, "; over IPv6 %s", story_address(6, n->ipv6, address));
    }
    if (m->preempts >= 0) {
        fprintf(t->file, "; %s", m->preempts == 1 ? "preempts" : "does not preempt");
    }
    if (m->refused > 0) {
        fprintf(t->file, "; %" PRIu64 " adverts refused", m->refused);
    }
    fputc('\n', t->file);
}

static void write_members(struct text *t, uint32_t group, int width)
{
    const struct account *a = t->account;
    fprintf(t->file, "\n  %-*s  %-8s %-13s %7s %5s  %-23s %s\n", width, "node", "looks", "adv",
            "adverts", "lost", "interval min mean max s", "off by");
    for (uint32_t i = 0; i < a->member_count; i++) {
        if (a->members[i].group == group) {
            write_member(t, &a->members[i], width);
        }
    }
    fputc('\n', t->file);
    for (uint32_t i = 0; i < a->member_count; i++) {
        if (a->members[i].group == group) {
            write_evidence(t, &a->members[i], width);
        }
    }
}

/* --- time line ----------------------------------------------------------------------------------
 */

/* What a line is about. Of one instant, those that end come first, and stretches last. */
struct event {
    carp_instant at;
    enum { REIGN_ENDS, REIGN_BEGINS, REIGN_ENDS_AT_ONCE, STRETCH } what;
    uint32_t index; /* of the reign or stretch */
};

static int event_order(const void *left, const void *right)
{
    const struct event *l = left, *r = right;
    if (l->at.ns != r->at.ns) {
        return l->at.ns < r->at.ns ? -1 : 1;
    }
    return l->what != r->what ? (int)l->what - (int)r->what
                              : (l->index > r->index) - (l->index < r->index);
}

static void write_reign(struct text *t, const struct event *e, int width)
{
    const struct account_reign *r = &t->account->reigns[e->index];
    bool begins = e->what == REIGN_BEGINS;
    const char *why = account_why_word(begins ? r->began : r->ended);
    put_time(t, e->at);
    fprintf(t->file, "%-*s  ", width, t->account->nodes[r->node].name);
    put_word(t, begins ? GREEN : BOLD, begins ? "MASTER" : "ends", 6);
    fprintf(t->file, "  %-10s  %s\n", !begins && r->ended == ACCOUNT_BEFORE ? "after" : why,
            begins ? r->text : r->end_text);
}

static void write_stretch(struct text *t, const struct event *e, int width)
{
    const struct account_stretch *s = &t->account->stretches[e->index];
    char word[WORD_MAX];
    put_time(t, e->at);
    fprintf(t->file, "%-*s  ", width, "");
    put_word(t, s->twofold ? YELLOW : RED, s->twofold ? "TWO" : "NOBODY", 6);
    fprintf(t->file, "  %-10s  %s\n", duration(instant_since(s->to, s->from), word), s->text);
}

/* Rounds of a pattern that a finding tells of are one line, with the stretch that follows. */
static void write_left_out(struct text *t, uint32_t count, const struct event *last,
                           const struct event *stretch, int width)
{
    put_time(t, last->at);
    fprintf(t->file, "%-*s  and so on: %" PRIu32 " more reigns of this pattern until here\n", width,
            "", count);
    if (stretch != NULL) {
        write_stretch(t, stretch, width);
    }
}

static void write_events(struct text *t, const struct event *events, uint32_t count, int width)
{
    const struct account *a = t->account;
    uint32_t left_out = 0;
    const struct event *last = NULL, *stretch = NULL; /* of those that were left out */
    for (uint32_t i = 0; i < count; i++) {
        const struct event *e = &events[i];
        bool is_reign = e->what != STRETCH;
        if (is_reign && a->reigns[e->index].again) {
            left_out += e->what == REIGN_BEGINS;
            last = e;
            stretch = NULL;
        } else if (left_out > 0 && !is_reign) {
            stretch = e;
        } else {
            if (left_out > 0) {
                write_left_out(t, left_out, last, stretch, width);
                left_out = 0;
            }
            is_reign ? write_reign(t, e, width) : write_stretch(t, e, width);
        }
    }
    if (left_out > 0) {
        write_left_out(t, left_out, last, stretch, width);
    }
}

/* False: there is no memory for it. */
static bool write_time_line(struct text *t, uint32_t group, int width)
{
    const struct account *a = t->account;
    struct event *events =
        malloc((2 * (size_t)a->reign_count + a->stretch_count + 1) * sizeof *events);
    uint32_t count = 0;
    if (events == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < a->reign_count; i++) {
        if (a->reigns[i].group == group) {
            const struct account_reign *r = &a->reigns[i];
            events[count++] = (struct event){r->from, REIGN_BEGINS, i};
            events[count++] =
                (struct event){r->to, r->to.ns == r->from.ns ? REIGN_ENDS_AT_ONCE : REIGN_ENDS, i};
        }
    }
    for (uint32_t i = 0; i < a->stretch_count; i++) {
        if (a->stretches[i].group == group) {
            events[count++] = (struct event){a->stretches[i].from, STRETCH, i};
        }
    }
    fprintf(t->file, "\n  %-*s %10s\n", t->source->decimals == 6 ? 15 : 18, "UTC", "s");
    if (count > 0) {
        qsort(events, count, sizeof *events, event_order);
        write_events(t, events, count, width);
    }
    free(events);
    return true;
}

/* --- what else ----------------------------------------------------------------------------------
 */

static void write_findings(struct text *t, uint32_t group)
{
    const struct account *a = t->account;
    bool any = false;
    for (uint32_t i = 0; i < a->finding_count; i++) {
        const struct account_finding *f = &a->findings[i];
        if (f->group != group) {
            continue;
        }
        fputs(any ? "" : "\n", t->file);
        any = true;
        put_time(t, f->at);
        put_word(t, YELLOW, f->topic, 0);
        if (f->trap != 0) {
            fprintf(t->file, " (trap %u)", f->trap);
        }
        fprintf(t->file, ": %s", f->text);
        if (f->times > 1) {
            fprintf(t->file, " (%" PRIu64 " times)", f->times);
        }
        fputc('\n', t->file);
    }
}

static bool write_group(struct text *t, uint32_t group, int width)
{
    const struct account_group *g = &t->account->groups[group];
    char word[STORY_ADDRESS_MAX], dark[WORD_MAX], twofold[WORD_MAX];
    snprintf(word, sizeof word, "vhid %u", g->vhid);
    fputc('\n', t->file);
    put_word(t, BOLD, word, 0);
    if (g->vlan != 0) {
        fprintf(t->file, ", VLAN %u", g->vlan);
    }
    for (uint32_t i = 0; i < g->address_count; i++) {
        fprintf(t->file, "%s%s", i == 0 ? ": " : ", ",
                story_address(g->addresses[i][0], g->addresses[i] + 1, word));
    }
    fputc('\n', t->file);
    write_members(t, group, width);
    if (!write_time_line(t, group, width)) {
        return false;
    }
    write_findings(t, group);
    fprintf(t->file, "\n  without a master: %s; with two: %s\n", duration(g->dark, dark),
            duration(g->twofold, twofold));
    return true;
}

/* A group by VLAN and vhid, and its index: in one number, to be sorted by. */
static int number_order(const void *left, const void *right)
{
    const uint64_t *l = left, *r = right;
    return (*l > *r) - (*l < *r);
}

bool replay_text(FILE *file, bool colour, const struct replay_source *source,
                 const struct account *a)
{
    static uint64_t order[ACCOUNT_GROUPS_MAX];
    struct text t = {.file = file, .colour = colour, .source = source, .account = a};
    int width = name_width(a);
    write_head(&t);
    for (uint32_t i = 0; i < a->group_count; i++) {
        order[i] = (uint64_t)a->groups[i].vlan << 48 | (uint64_t)a->groups[i].vhid << 40 | i;
    }
    qsort(order, a->group_count, sizeof *order, number_order);
    for (uint32_t i = 0; i < a->group_count; i++) {
        if (!write_group(&t, (uint32_t)order[i], width)) {
            return false;
        }
    }
    if (a->group_count == 0) {
        fputs("\nno CARP adverts that can be read: nothing to tell of masters\n", file);
    }
    write_findings(&t, ACCOUNT_NOBODY);
    return true;
}
