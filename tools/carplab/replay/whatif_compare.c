/*
 * What the host was seen to do, beside what the engine did in its place.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tools/carplab/replay/whatif_internal.h"

/* What a capture can tell: delays of a network and of who writes frames down. */
#define AS_GOOD_AS_SAME CARP_MILLISECONDS(5)

const char *whatif_seconds(uint64_t ns, char text[32])
{
    uint64_t ms = (ns + 500000) / 1000000;
    snprintf(text, 32, "%llu.%03llu s", (unsigned long long)(ms / 1000),
             (unsigned long long)(ms % 1000));
    return text;
}

/* --- pairs --------------------------------------------------------------------------------------
 */

/* A time as master, of the one or the other. */
struct span {
    carp_instant from, to; /* to: CARP_NEVER, as long as is known */
};

static struct span of_host(const struct account_reign *r)
{
    return (struct span){r->from, r->ended == ACCOUNT_BEFORE ? CARP_NEVER : r->to};
}

static struct span of_engine(const struct whatif_reign *r)
{
    return (struct span){r->from, r->to};
}

/* The same reign, begun at another time: they overlap, or nearly do. */
static bool belong_together(struct span a, struct span b)
{
    carp_instant from = a.from.ns > b.from.ns ? a.from : b.from;
    carp_instant to = instant_min(a.to, b.to);
    return !instant_before(instant_add(to, CARP_SECONDS(1)), from);
}

static enum whatif_how compare(carp_instant recorded, carp_instant engine)
{
    if (recorded.ns == engine.ns) {
        return WHATIF_SAME;
    }
    if (engine.ns == UINT64_MAX) {
        return WHATIF_MISSING;
    }
    if (recorded.ns == UINT64_MAX) {
        return WHATIF_EXTRA;
    }
    uint64_t apart = recorded.ns > engine.ns ? recorded.ns - engine.ns : engine.ns - recorded.ns;
    return apart <= AS_GOOD_AS_SAME.ns        ? WHATIF_SAME
           : instant_before(engine, recorded) ? WHATIF_EARLIER
                                              : WHATIF_LATER;
}

/* --- words --------------------------------------------------------------------------------------
 */

static const char *host_began(const struct account_reign *r, char text[80])
{
    char waited[32];
    switch (r->began) {
    case ACCOUNT_SILENCE:
        snprintf(text, 80, "took over %s after the last advert",
                 whatif_seconds(r->waited.ns, waited));
        return text;
    case ACCOUNT_FAREWELL:
        return "took over after a farewell";
    case ACCOUNT_PREEMPTION:
        return "preempted a slower master";
    case ACCOUNT_DEMOTION:
        return "took over from a demoted master";
    case ACCOUNT_TIE:
        return "became master beside an equal one";
    case ACCOUNT_SPLIT:
        return "became master beside another";
    case ACCOUNT_BEFORE:
    case ACCOUNT_FIRST:
        break;
    }
    return "became master";
}

static const char *host_ended(const struct account_reign *r)
{
    switch (r->ended) {
    case ACCOUNT_FAREWELL:
        return "said farewell";
    case ACCOUNT_SILENCE:
        return "fell silent without a word";
    case ACCOUNT_PREEMPTION:
        return "yielded to a better master";
    case ACCOUNT_DEMOTION:
        return "yielded, demoted";
    case ACCOUNT_TIE:
        return "yielded to an equal master";
    default:
        return "ceased to be master";
    }
}

static const char *engine_began(const struct whatif_reign *r, bool short_form, char text[160])
{
    char waited[32];
    if (r->began == CARP_RULE_SILENCE) {
        snprintf(text, 160, short_form ? "at %s" : "after %s without an advert",
                 whatif_seconds(r->waited.ns, waited));
    } else {
        snprintf(text, 160, "because %s", carp_rule_phrase(r->began));
    }
    return text;
}

static const char *distance(enum whatif_how how, carp_instant recorded, carp_instant engine,
                            char text[64])
{
    char apart[32];
    uint64_t ns = recorded.ns > engine.ns ? recorded.ns - engine.ns : engine.ns - recorded.ns;
    snprintf(text, 64, "%s %s", whatif_seconds(ns, apart),
             how == WHATIF_EARLIER ? "earlier" : "later");
    return text;
}

/* From the earliest instant on at which the one was master and the other was not, what the engine
 * hears is no more what it would have heard. */
static void tell(const struct whatif *w, struct whatif_event *e, carp_instant *apart)
{
    e->at = instant_min(e->recorded, e->engine);
    if (e->how != WHATIF_SAME && e->how != WHATIF_GIVEN) {
        *apart = instant_min(*apart, e->at);
    }
    e->guess = e->how != WHATIF_GIVEN &&
               instant_before(*apart, e->engine.ns != UINT64_MAX ? e->engine : e->recorded);
    w->sink.tell(w->sink.self, e);
}

/* host or engine NULL: there is none. */
static void tell_begin(const struct whatif *w, const struct whatif_group *g,
                       const struct account_reign *host, const struct whatif_reign *engine,
                       carp_instant *apart)
{
    struct whatif_event e = {.kind = WHATIF_DIFFERENCE,
                             .vhid = g->config.vhid,
                             .recorded = host != NULL ? host->from : CARP_NEVER,
                             .engine = engine != NULL ? engine->from : CARP_NEVER};
    char theirs[80], ours[160], far[64];
    e.how = engine != NULL && engine->given_begin && host != NULL ? WHATIF_GIVEN
                                                                  : compare(e.recorded, e.engine);
    assert(host != NULL || e.how == WHATIF_EXTRA);
    assert(engine != NULL || e.how == WHATIF_MISSING);
    switch (e.how) {
    case WHATIF_SAME:
        snprintf(e.text, sizeof e.text, "%s %s; Carpio as well", w->name, host_began(host, theirs));
        break;
    case WHATIF_EARLIER:
    case WHATIF_LATER:
        snprintf(e.text, sizeof e.text, "%s %s; Carpio would have %s: %s", w->name,
                 host_began(host, theirs),
                 engine_began(engine, host->began == ACCOUNT_SILENCE, ours),
                 distance(e.how, e.recorded, e.engine, far));
        break;
    case WHATIF_MISSING:
        snprintf(e.text, sizeof e.text, "%s %s; Carpio would not have", w->name,
                 host_began(host, theirs));
        break;
    case WHATIF_EXTRA:
        snprintf(e.text, sizeof e.text,
                 "%s is not seen to do anything; Carpio would have become master %s", w->name,
                 engine_began(engine, false, ours));
        break;
    case WHATIF_GIVEN:
        snprintf(e.text, sizeof e.text, "%s %s; so Carpio begins as master", w->name,
                 host_began(host, theirs));
        break;
    }
    tell(w, &e, apart);
}

static void tell_end(const struct whatif *w, const struct whatif_group *g,
                     const struct account_reign *host, const struct whatif_reign *engine,
                     carp_instant *apart)
{
    struct whatif_event e = {.kind = WHATIF_DIFFERENCE,
                             .vhid = g->config.vhid,
                             .ceased = true,
                             .recorded = host != NULL ? of_host(host).to : CARP_NEVER,
                             .engine = engine != NULL ? engine->to : CARP_NEVER};
    char far[64];
    if (e.recorded.ns == UINT64_MAX && e.engine.ns == UINT64_MAX) {
        return;
    }
    const char *theirs = host != NULL ? host_ended(host) : NULL;
    const char *why =
        engine != NULL && e.engine.ns != UINT64_MAX ? carp_rule_phrase(engine->ended) : NULL;
    e.how = why != NULL && engine->given_end ? WHATIF_GIVEN : compare(e.recorded, e.engine);
    switch (e.how) {
    case WHATIF_SAME:
        snprintf(e.text, sizeof e.text, "%s %s; Carpio as well (%s)", w->name, theirs, why);
        break;
    case WHATIF_EARLIER:
    case WHATIF_LATER:
        snprintf(e.text, sizeof e.text, "%s %s; Carpio would have ceased %s (%s)", w->name, theirs,
                 distance(e.how, e.recorded, e.engine, far), why);
        break;
    case WHATIF_MISSING:
        snprintf(e.text, sizeof e.text, "%s %s; Carpio would not have", w->name, theirs);
        break;
    case WHATIF_EXTRA:
        snprintf(e.text, sizeof e.text, "%s went on; Carpio would have ceased (%s)", w->name, why);
        break;
    case WHATIF_GIVEN:
        snprintf(e.text, sizeof e.text, "%s %s; that befell Carpio too", w->name,
                 theirs != NULL ? theirs : "was gone");
        break;
    }
    tell(w, &e, apart);
}

/* --- sums ---------------------------------------------------------------------------------------
 */

/* A span begins or ends. */
struct edge {
    carp_instant at;
    int step;
};

static int by_time(const void *a, const void *b)
{
    const struct edge *left = a, *right = b;
    if (left->at.ns != right->at.ns) {
        return left->at.ns < right->at.ns ? -1 : 1;
    }
    return right->step - left->step; /* who takes over at the end of another leaves no gap */
}

static void add_edges(struct edge *edges, size_t *count, struct span span, carp_instant end)
{
    edges[(*count)++] = (struct edge){span.from, 1};
    edges[(*count)++] = (struct edge){instant_min(span.to, end), -1};
}

/* How long there was nobody since `from`, and how long two or more. */
static void add_up(struct edge *edges, size_t count, carp_instant from, carp_instant end,
                   carp_duration *dark, carp_duration *twofold)
{
    carp_instant at = from;
    int masters = 0;
    qsort(edges, count, sizeof *edges, by_time);
    for (size_t i = 0; i <= count; i++) {
        carp_instant next = i < count ? edges[i].at : end;
        uint64_t length = instant_since(next, at).ns;
        dark->ns += masters == 0 ? length : 0;
        twofold->ns += masters > 1 ? length : 0;
        at = at.ns > next.ns ? at : next;
        masters += i < count ? edges[i].step : 0;
    }
}

static bool tell_sums(const struct whatif *w, const struct whatif_group *g, carp_instant apart)
{
    const struct account *a = w->account;
    size_t room = 2 * (a->reign_count + g->reign_count), count = 0;
    struct edge *edges = malloc((room + 1) * sizeof *edges);
    struct whatif_event e = {.kind = WHATIF_SUM,
                             .vhid = g->config.vhid,
                             .at = a->end,
                             .apart = apart,
                             .accepted = g->accepted,
                             .refused = g->refused,
                             .takeovers = g->reign_count};
    char dark[2][32], twofold[2][32], when[32];
    carp_instant from = g->reign_count > 0 ? g->reigns[0].from : a->end;
    if (edges == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < a->reign_count; i++) {
        from = a->reigns[i].group == g->account ? instant_min(from, a->reigns[i].from) : from;
    }
    for (unsigned with_engine = 0; with_engine < 2; with_engine++) {
        count = 0;
        for (uint32_t i = 0; i < a->reign_count; i++) {
            const struct account_reign *r = &a->reigns[i];
            if (r->group == g->account && (with_engine == 0 || r->node != g->node)) {
                add_edges(edges, &count, of_host(r), a->end);
            }
        }
        for (size_t i = 0; with_engine == 1 && i < g->reign_count; i++) {
            add_edges(edges, &count, of_engine(&g->reigns[i]), a->end);
        }
        add_up(edges, count, from, a->end, &e.dark[with_engine], &e.twofold[with_engine]);
        whatif_seconds(e.dark[with_engine].ns, dark[with_engine]);
        whatif_seconds(e.twofold[with_engine].ns, twofold[with_engine]);
    }
    free(edges);
    snprintf(e.text, sizeof e.text,
             "Carpio %u/%u, dead ratio %u, %s, as %s in vhid %u: nobody for %s "
             "(recorded: %s), two masters for %s (recorded: %s)",
             g->config.advbase, g->config.advskew, g->config.dead_ratio,
             g->config.preempt ? "preempting" : "not preempting", w->name, g->config.vhid, dark[1],
             dark[0], twofold[1], twofold[0]);
    if (apart.ns != UINT64_MAX) {
        snprintf(e.caution, sizeof e.caution,
                 "From %s on the others would have heard something else than was recorded; what "
                 "they would have done then a capture cannot say: --to-scenario and carplab sim do",
                 whatif_seconds(instant_since(apart, a->begin).ns, when));
    }
    w->sink.tell(w->sink.self, &e);
    return true;
}

/* --- all of it ----------------------------------------------------------------------------------
 */

bool whatif_compare(struct whatif *w, const struct whatif_group *g)
{
    const struct account *a = w->account;
    carp_instant apart = g->claimed_otherwise;
    size_t j = 0;
    for (uint32_t i = 0; i < a->reign_count; i++) {
        const struct account_reign *host = &a->reigns[i];
        if (host->group != g->account || host->node != g->node) {
            continue;
        }
        while (j < g->reign_count && !belong_together(of_host(host), of_engine(&g->reigns[j])) &&
               instant_before(g->reigns[j].from, host->from)) {
            tell_begin(w, g, NULL, &g->reigns[j], &apart);
            tell_end(w, g, NULL, &g->reigns[j++], &apart);
        }
        const struct whatif_reign *engine = NULL;
        if (j < g->reign_count && belong_together(of_host(host), of_engine(&g->reigns[j]))) {
            engine = &g->reigns[j++];
        }
        tell_begin(w, g, host, engine, &apart);
        if (engine != NULL) {
            tell_end(w, g, host, engine, &apart);
        }
    }
    for (; j < g->reign_count; j++) {
        tell_begin(w, g, NULL, &g->reigns[j], &apart);
        tell_end(w, g, NULL, &g->reigns[j], &apart);
    }
    return tell_sums(w, g, apart);
}
