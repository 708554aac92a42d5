#include "sim/trace_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/carp.h"
#include "sim/oracle.h"

const char *trace_time(carp_instant at, char text[32])
{
    snprintf(text, 32, "%" PRIu64 ".%09" PRIu64, at.ns / 1000000000, at.ns % 1000000000);
    return text;
}

const char *trace_duration(carp_duration d, char text[32])
{
    static const struct {
        uint64_t ns;
        const char *unit;
        int digits;
    } units[] = {{1000000000, "s", 9}, {1000000, "ms", 6}, {1000, "us", 3}, {1, "ns", 0}};
    size_t u = 0;
    while (u < 3 && d.ns < units[u].ns) {
        u++;
    }
    if (units[u].digits == 0 || d.ns % units[u].ns == 0) {
        snprintf(text, 32, "%" PRIu64 " %s", d.ns / units[u].ns, units[u].unit);
        return text;
    }
    int size = snprintf(text, 32, "%" PRIu64 ".%0*" PRIu64, d.ns / units[u].ns, units[u].digits,
                        d.ns % units[u].ns);
    while (text[size - 1] == '0') {
        size--;
    }
    snprintf(text + size, 32 - (size_t)size, " %s", units[u].unit);
    return text;
}

static const char *name_of(const struct world *w, uint64_t node)
{
    return node < w->node_count ? w->nodes[node].name : "?";
}

static const char *node_change_word(uint64_t change)
{
    static const char *const words[] = {
        "boots",     "crashes", "stops",   "is killed", "is frozen",     "thaws",
        "is paused", "resumes", "link up", "link down", "clock stepped", "released by its guardian",
        "reloads",
    };
    return change < sizeof words / sizeof *words ? words[change] : "?";
}

static void step_text(const struct world *w, const struct trace_event *e, char *text, size_t size)
{
    char until[32];
    if (e->detail > UINT16_MAX) {
        snprintf(text, size, "%s: stranger's frame (%s)", name_of(w, e->who),
                 verdict_word((enum carp_verdict)(e->a >> 8 & 0xff)));
        return;
    }
    snprintf(text, size, "%s[%u]: %s -> %s, rule %s, verdict %s, until %s", name_of(w, e->who),
             (unsigned)e->detail, carp_state_word((enum carp_state)(e->a >> 16 & 15)),
             carp_state_word((enum carp_state)(e->a >> 20 & 15)),
             carp_rule_word((enum carp_rule)(e->a & 0xff)),
             verdict_word((enum carp_verdict)(e->a >> 8 & 0xff)),
             e->b == CARP_NEVER.ns ? "never" : trace_time((carp_instant){e->b}, until));
}

static void describe(const struct world *w, const struct trace_event *e, char *text, size_t size)
{
    switch ((enum trace_kind)e->kind) {
    case TRACE_SENT:
        snprintf(text, size, "%s/%u sends %u bytes, %016" PRIx64, name_of(w, e->who),
                 (unsigned)e->detail, (unsigned)e->b, e->a);
        break;
    case TRACE_DROPPED:
        snprintf(text, size, "frame %016" PRIx64 " does not reach %s: %s", e->a,
                 e->who == NONE ? "the switch" : name_of(w, e->who),
                 drop_phrase((enum drop_reason)e->detail));
        break;
    case TRACE_STEP:
        step_text(w, e, text, size);
        break;
    case TRACE_PERSONA:
        snprintf(text, size, "%s[%u]: %s -> %s", name_of(w, e->who), (unsigned)e->detail,
                 carp_state_word((enum carp_state)(e->a >> 8)),
                 carp_state_word((enum carp_state)(e->a & 0xff)));
        break;
    case TRACE_HOLDS:
        snprintf(text, size, "%s[%u]: %s the addresses", name_of(w, e->who), (unsigned)e->detail,
                 e->a != 0 ? "holds" : "no longer holds");
        break;
    case TRACE_CLIENT:
        snprintf(text, size,
                 e->detail == 0   ? "%s learns a MAC, ...%012" PRIx64
                 : e->detail == 1 ? "%s: probe %" PRIu64 " is answered by %s"
                                  : "%s: probe %" PRIu64 " is lost",
                 name_of(w, e->who), e->a, name_of(w, e->b));
        break;
    case TRACE_STATEMENT:
        snprintf(text, size, "the statement of line %u", e->who);
        break;
    case TRACE_NODE:
        snprintf(text, size, "%s %s", name_of(w, e->who), node_change_word(e->detail));
        break;
    case TRACE_LEARNED:
        snprintf(text, size, "switch %s learns %012" PRIx64 " on port %u", w->switches[e->who].name,
                 e->detail & UINT64_C(0xffffffffffff), (unsigned)e->a);
        break;
    case TRACE_VIOLATION:
        snprintf(text, size, "violated: %s", oracle_word((enum oracle_kind)e->who));
        break;
    case TRACE_KIND_COUNT:
        break;
    }
}

void trace_text(const struct world *w, const struct trace_event *event, char *text, size_t size)
{
    char time[32];
    text[0] = '\0';
    int used = snprintf(text, size, "%s  ", trace_time(event->at, time));
    if (used > 0 && (size_t)used < size) {
        describe(w, event, text + used, size - (size_t)used);
    }
}
