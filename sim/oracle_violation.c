#include "sim/oracle_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim/trace_text.h"

enum { EVENTS_SHOWN = 12 };

struct text {
    char *at;
    size_t room;
};

static void add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct text *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(t->at, t->room, format, arguments);
    va_end(arguments);
    size_t used = (size_t)size < t->room ? (size_t)size : t->room - (t->room > 0);
    t->at += used;
    t->room -= used;
}

static void add_culprits(const struct world *w, struct text *t, uint32_t domain)
{
    const struct oracle *o = w->oracle;
    unsigned shown = 0;
    for (size_t i = 0; i < o->member_count && shown < 8; i++) {
        const struct member *m = &o->members[i];
        char since[32];
        if (m->domain == domain) {
            add(t, "\n    %s: %s since %s%s%s", w->nodes[m->node].name, carp_state_word(m->state),
                trace_time(m->state_since, since), m->holds ? ", holds the addresses" : "",
                member_lives(w, m) ? "" : ", not running");
            shown += 1;
        }
    }
}

static void add_last_events(const struct world *w, struct text *t)
{
    uint64_t count = w->trace.count < EVENTS_SHOWN ? w->trace.count : EVENTS_SHOWN;
    add(t, "\n  what happened last:");
    for (uint64_t n = w->trace.count - count; n < w->trace.count; n++) {
        char line[TRACE_LINE_MAX];
        trace_text(w, &w->trace.last[n % TRACE_RING], line, sizeof line);
        add(t, "\n    %s", line);
    }
}

void oracle_violate(struct world *w, enum oracle_kind kind, uint32_t domain, carp_instant since,
                    const char *derivation)
{
    struct oracle *o = w->oracle;
    struct domain *d = &o->domains[domain];
    char at[32], began[32];
    if (!o->enabled[kind] || d->reported[kind]) {
        return;
    }
    d->reported[kind] = true; /* until what is wrong has ended */
    o->total += 1;
    o->counts[kind] += 1;
    trace_note(&w->trace, w->now, TRACE_VIOLATION, kind, domain, since.ns, 0);
    if (o->violation_count == VIOLATIONS_MAX) {
        return;
    }
    struct violation *v = &o->violations[o->violation_count++];
    *v = (struct violation){.kind = kind, .domain = domain, .at = w->now};
    struct text t = {v->text, sizeof v->text};
    add(&t, "%s at %s, vhid %u: %s, since %s", oracle_word(kind), trace_time(w->now, at), d->vhid,
        oracle_phrase(kind), trace_time(since, began));
    add(&t, "\n  bound: %s, counted from %s", derivation, trace_time(since, began));
    add_culprits(w, &t, domain);
    add_last_events(w, &t);
}
