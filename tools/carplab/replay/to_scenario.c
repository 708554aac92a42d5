/*
 * From what was seen to what must have been done: a master that fell silent crashed, one that said
 * farewell was stopped, one that took over from a slower master had just come back, two that were
 * masters at once and then met had been split. Each is the plainest cause of its effect; the
 * capture does not show causes.
 *
 * A scenario's time is the capture's and a lead, in which masters from before the capture begin.
 */
#include "tools/carplab/replay/to_scenario.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/claim.h"
#include "sim/run.h"

enum { CAUSE_MAX = 96, NAME_MAX_SIZE = 16 };

/* How far off a change may be: a daemon's delays, and UCARP's, which reads up to a second late. */
static const carp_duration off_by = {60000000}, off_by_ucarp = {1300000000};

/* Nodes that begin within this are in lock-step. */
static const carp_duration colliding = {20000000};

/* A pair takes a second or so to be simulated for so long. */
#define LONGEST CARP_SECONDS(7 * 86400)

enum presence { ABSENT, PRESENT, STOPPED, APART };

struct cause {
    carp_instant at;
    unsigned order; /* of those at one time */
    char text[CAUSE_MAX];
};

/* A reign's first or last moment. */
struct change {
    carp_instant at;
    const struct account_reign *reign;
    bool ends;
};

struct draft {
    const struct account *a;
    carp_duration lead;
    enum presence *presence; /* owned; by node */
    uint8_t *demoted;        /* owned; by node */
    bool *goes_on;        /* owned; by reign: behind a split, where the capture does not show it */
    struct cause *causes; /* owned */
    size_t cause_count, cause_room;
    bool broken;       /* no memory */
    uint32_t apart;    /* the node that is split from the others; ACCOUNT_NOBODY */
    uint32_t stranger; /* one that nobody obeys: it gets another key; ACCOUNT_NOBODY */
};

/* --- times --------------------------------------------------------------------------------------
 */

static const struct account_member *member_of(const struct draft *d, const struct account_reign *r)
{
    return &d->a->members[account_member_of(d->a, r->group, r->node)];
}

static struct claim claim_at(const struct draft *d, const struct account_reign *r)
{
    const struct account_member *m = member_of(d, r);
    return (struct claim){0, m->advbase, m->advskew};
}

static carp_duration down_of(const struct draft *d, const struct account_reign *r)
{
    return claim_master_down(claim_at(d, r), 3);
}

static carp_duration interval_of(const struct draft *d, const struct account_reign *r)
{
    return claim_interval(claim_at(d, r));
}

static carp_instant earlier(carp_instant at, carp_duration by)
{
    return (carp_instant){at.ns > by.ns ? at.ns - by.ns : 0};
}

static carp_duration half(carp_duration d)
{
    return (carp_duration){d.ns / 2};
}

/* An instant of the capture as one of the scenario. */
static carp_instant scenario_time(const struct draft *d, carp_instant at)
{
    return (carp_instant){at.ns - d->a->begin.ns + d->lead.ns};
}

/* One that reads late makes others late. */
static carp_duration tolerance(const struct account *a, uint32_t group)
{
    for (uint32_t i = 0; i < a->member_count; i++) {
        const struct account_member *m = &a->members[i];
        if (m->group == group && a->nodes[m->node].kind == ACCOUNT_UCARP) {
            return off_by_ucarp;
        }
    }
    return off_by;
}

/* --- causes --------------------------------------------------------------------------------------
 */

static const char *name_of(uint32_t node, char name[NAME_MAX_SIZE])
{
    if (node < 26) {
        snprintf(name, NAME_MAX_SIZE, "%c", 'a' + (int)node);
    } else {
        snprintf(name, NAME_MAX_SIZE, "n%u", (unsigned)node);
    }
    return name;
}

__attribute__((format(printf, 3, 4))) static void do_at(struct draft *d, carp_instant at,
                                                        const char *format, ...)
{
    if (d->cause_count == d->cause_room) {
        size_t room = d->cause_room == 0 ? 16 : 2 * d->cause_room;
        struct cause *more = realloc(d->causes, room * sizeof *more);
        if (more == NULL) {
            d->broken = true;
            return;
        }
        d->causes = more;
        d->cause_room = room;
    }
    struct cause *cause = &d->causes[d->cause_count];
    *cause = (struct cause){.at = at, .order = (unsigned)d->cause_count++};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(cause->text, sizeof cause->text, format, arguments);
    va_end(arguments);
}

/* Those that collide start together: kernels' timers end with ticks, and a later start may be a
 * later tick. */
static carp_instant together(const struct draft *d, carp_instant at)
{
    for (size_t i = 0; i < d->cause_count; i++) {
        const struct cause *c = &d->causes[i];
        if (strncmp(c->text, "boot", 4) == 0 && !instant_before(at, c->at) &&
            instant_since(at, c->at).ns < colliding.ns) {
            return c->at;
        }
    }
    return at;
}

/* at is the scenario's time. */
static void appear(struct draft *d, uint32_t node, carp_instant at)
{
    char name[NAME_MAX_SIZE];
    at = together(d, at);
    if (d->presence[node] == ABSENT || d->presence[node] == STOPPED) {
        do_at(d, at, "%s %s", d->presence[node] == ABSENT ? "boot" : "start", name_of(node, name));
        d->presence[node] = PRESENT;
    }
}

static void part(struct draft *d, const struct account_reign *r, carp_instant at)
{
    uint32_t node = r->node;
    char name[NAME_MAX_SIZE], others[CAUSE_MAX] = "";
    size_t used = 0;
    for (uint32_t i = 0; i < d->a->node_count && used + NAME_MAX_SIZE < sizeof others; i++) {
        if (i != node) {
            used += (size_t)snprintf(others + used, sizeof others - used, "%s%s",
                                     used == 0 ? "" : " ", name_of(i, name));
        }
    }
    do_at(d, at, "split {%s} {%s}", name_of(node, name), others);
    d->presence[node] = APART;
    d->apart = node;
    d->goes_on[r - d->a->reigns] = true;
}

static void meet(struct draft *d, uint32_t node, carp_instant at)
{
    if (d->presence[node] == APART) {
        do_at(d, at, "join");
        d->presence[node] = PRESENT;
        d->apart = ACCOUNT_NOBODY;
    }
}

static void demote(struct draft *d, uint32_t node, uint8_t by, carp_instant at)
{
    char name[NAME_MAX_SIZE];
    do_at(d, at, "demote %s %u", name_of(node, name), by);
    d->demoted[node] = by;
}

/* --- causes -------------------------------------------------------------------------------------
 */

/* The reign of the one it took over from, the latest before it. */
static const struct account_reign *reign_before(const struct draft *d,
                                                const struct account_reign *r)
{
    const struct account_reign *found = NULL;
    for (uint32_t i = 0; i < d->a->reign_count; i++) {
        const struct account_reign *other = &d->a->reigns[i];
        if (other->group == r->group && other != r && other->node == r->before &&
            instant_before(other->from, r->from)) {
            found = other;
        }
    }
    return found;
}

static const struct account_reign *next_reign(const struct draft *d, const struct account_reign *r)
{
    for (uint32_t i = 0; i < d->a->reign_count; i++) {
        const struct account_reign *other = &d->a->reigns[i];
        if (other->group == r->group && other->node == r->node &&
            instant_before(r->from, other->from)) {
            return other;
        }
    }
    return NULL;
}

/* Does it hold another virtual host at that time, so that its machine is not dead? */
static bool reigns_elsewhere(const struct draft *d, const struct account_reign *r)
{
    for (uint32_t i = 0; i < d->a->reign_count; i++) {
        const struct account_reign *other = &d->a->reigns[i];
        if (other->node == r->node && other->group != r->group &&
            instant_before(r->last, other->last) && !instant_before(r->last, other->from)) {
            return true;
        }
    }
    return false;
}

/* Since when could it listen to its predecessor without having taken over? From the first advert
 * of that one's reign on. */
static void listen_to(struct draft *d, const struct account_reign *r,
                      const struct account_reign *master)
{
    if (master == NULL || master->node == r->node) {
        appear(d, r->node, earlier(scenario_time(d, r->from), down_of(d, r)));
        return;
    }
    carp_instant from = scenario_time(d, master->from);
    if (master->began == ACCOUNT_BEFORE || master->from.ns == master->last.ns) {
        from = earlier(from, interval_of(d, master));
    }
    appear(d, r->node, instant_add(from, half(interval_of(d, master))));
}

static void begin(struct draft *d, const struct account_reign *r)
{
    const struct account_reign *master = reign_before(d, r);
    const struct account_member *m = master == NULL ? NULL : member_of(d, master);
    carp_instant from = scenario_time(d, r->from);
    carp_duration lately = half(interval_of(d, master != NULL ? master : r));
    switch (r->began) {
    case ACCOUNT_BEFORE:
        appear(d, r->node, earlier(from, (carp_duration){down_of(d, r).ns + interval_of(d, r).ns}));
        break;
    case ACCOUNT_FIRST:
        appear(d, r->node, earlier(from, down_of(d, r)));
        break;
    case ACCOUNT_SILENCE:
    case ACCOUNT_FAREWELL:
        listen_to(d, r, master);
        break;
    case ACCOUNT_PREEMPTION:
        if (d->demoted[r->node] != 0) {
            demote(d, r->node, 0, earlier(from, lately));
        }
        appear(d, r->node, earlier(from, lately));
        break;
    case ACCOUNT_DEMOTION:
        listen_to(d, r, master);
        if (m != NULL && m->worst_skew > m->advskew) {
            demote(d, master->node, (uint8_t)(m->worst_skew - m->advskew), earlier(from, lately));
        }
        break;
    case ACCOUNT_TIE:
    case ACCOUNT_SPLIT:
        meet(d, r->node, earlier(from, (carp_duration){interval_of(d, r).ns / 20}));
        appear(d, r->node, earlier(from, down_of(d, r)));
        break;
    }
}

static void end(struct draft *d, const struct account_reign *r)
{
    char name[NAME_MAX_SIZE];
    const struct account_reign *next = next_reign(d, r);
    carp_instant silent = instant_add(scenario_time(d, r->last), half(interval_of(d, r)));
    if (r->ended == ACCOUNT_FAREWELL && d->presence[r->node] == PRESENT) {
        do_at(d, scenario_time(d, r->to), "stop %s", name_of(r->node, name));
        d->presence[r->node] = STOPPED;
    } else if (r->ended == ACCOUNT_SILENCE && next != NULL && d->apart == ACCOUNT_NOBODY &&
               (next->began == ACCOUNT_SPLIT || next->began == ACCOUNT_TIE)) {
        part(d, r, silent);
    } else if (r->ended == ACCOUNT_SILENCE && d->presence[r->node] == PRESENT &&
               !reigns_elsewhere(d, r)) {
        do_at(d, silent, "crash %s", name_of(r->node, name));
        d->presence[r->node] = ABSENT;
    }
}

/* --- the draft ----------------------------------------------------------------------------------
 */

/* At one instant: what ends, what is but an instant, what begins. */
static int rank(const struct change *c)
{
    bool instant = c->reign->from.ns == c->reign->to.ns;
    return instant ? 1 + c->ends : c->ends ? 0 : 3;
}

static int by_moment(const void *left, const void *right)
{
    const struct change *a = left, *b = right;
    return a->at.ns != b->at.ns ? (a->at.ns < b->at.ns ? -1 : 1) : rank(a) - rank(b);
}

static int by_time(const void *left, const void *right)
{
    const struct cause *a = left, *b = right;
    if (a->at.ns != b->at.ns) {
        return a->at.ns < b->at.ns ? -1 : 1;
    }
    return a->order < b->order ? -1 : 1;
}

/* Two that reign side by side for more than three intervals, and are both heard where the capture
 * was taken: they refuse each other. The later one is given another key. */
static void find_stranger(struct draft *d)
{
    for (uint32_t i = 0; i < d->a->reign_count; i++) {
        const struct account_reign *r = &d->a->reigns[i];
        for (uint32_t k = 0; r->began == ACCOUNT_SPLIT && k < d->a->reign_count; k++) {
            const struct account_reign *other = &d->a->reigns[k];
            uint64_t to = other->to.ns < r->to.ns ? other->to.ns : r->to.ns;
            if (other->group == r->group && other->from.ns < r->from.ns &&
                to > r->from.ns + 3 * interval_of(d, r).ns) {
                d->stranger = r->node;
            }
        }
    }
}

static void block_family(struct draft *d, uint32_t node, const char *family)
{
    char name[NAME_MAX_SIZE];
    do_at(d, (carp_instant){0}, "block %s->* %s", name_of(node, name), family);
}

/* Over which families there are adverts at all. */
static void find_families(const struct account *a, uint32_t group, bool *ipv4, bool *ipv6)
{
    *ipv4 = *ipv6 = false;
    for (uint32_t i = 0; i < a->member_count; i++) {
        if (a->members[i].group == group) {
            *ipv4 |= a->nodes[a->members[i].node].has_ipv4;
            *ipv6 |= a->nodes[a->members[i].node].has_ipv6;
        }
    }
}

/* A node of the simulator advertises over every family of its group's addresses. One of which only
 * a family was seen is kept from the other. */
static void find_deaf(struct draft *d)
{
    for (uint32_t i = 0; i < d->a->member_count; i++) {
        const struct account_member *m = &d->a->members[i];
        const struct account_node *n = &d->a->nodes[m->node];
        bool ipv4, ipv6;
        find_families(d->a, m->group, &ipv4, &ipv6);
        if (ipv4 && !n->has_ipv4) {
            block_family(d, m->node, "ipv4");
        }
        if (ipv6 && !n->has_ipv6) {
            block_family(d, m->node, "ipv6");
        }
    }
}

static bool find_causes(struct draft *d)
{
    size_t count = 2 * (size_t)d->a->reign_count;
    struct change *moments = calloc(count + 1, sizeof *moments);
    if (moments == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < d->a->reign_count; i++) {
        const struct account_reign *r = &d->a->reigns[i];
        moments[2 * i] = (struct change){r->from, r, false};
        moments[2 * i + 1] = (struct change){r->to, r, true};
    }
    qsort(moments, count, sizeof *moments, by_moment);
    find_deaf(d);
    for (size_t i = 0; i < count; i++) {
        if (moments[i].ends) {
            end(d, moments[i].reign);
        } else {
            begin(d, moments[i].reign);
        }
    }
    free(moments);
    if (d->cause_count > 0) {
        qsort(d->causes, d->cause_count, sizeof *d->causes, by_time);
    }
    return !d->broken;
}

/* So long that who was master before the capture can become it, and a whole number of seconds. */
static carp_duration lead_of(const struct draft *d)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < d->a->reign_count; i++) {
        const struct account_reign *r = &d->a->reigns[i];
        uint64_t needed = down_of(d, r).ns + 2 * interval_of(d, r).ns;
        most = needed > most ? needed : most;
    }
    return (carp_duration){(most / 1000000000 + 1) * 1000000000};
}

/* --- the text -----------------------------------------------------------------------------------
 */

static void put_seconds(FILE *out, carp_instant at)
{
    uint64_t us = at.ns / 1000;
    fprintf(out, "%" PRIu64 ".%06" PRIu64 "s", us / 1000000, us % 1000000);
}

static const char *profile_of(enum account_kind kind)
{
    switch (kind) {
    case ACCOUNT_UCARP:
        return "ucarp";
    case ACCOUNT_FREEBSD:
    case ACCOUNT_BSD:
        return "freebsd";
    case ACCOUNT_NETBSD:
        return "netbsd";
    case ACCOUNT_OPENBSD:
        return "openbsd";
    case ACCOUNT_CARPIO:
    case ACCOUNT_UNKNOWN:
        break;
    }
    return "engine";
}

static void put_head(FILE *out, const struct draft *d, const char *sources)
{
    char name[NAME_MAX_SIZE], day[32];
    time_t seconds = (time_t)(d->a->begin.ns / 1000000000);
    struct tm tm;
    fputs("# From ", out);
    for (const char *c = sources; *c != '\0'; c++) {
        fputc((unsigned char)*c < ' ' ? '?' : *c, out);
    }
    strftime(day, sizeof day, "%Y-%m-%d %H:%M:%S", gmtime_r(&seconds, &tm));
    fprintf(out, ".\n# Its first frame, %s.%06" PRIu64 " UTC, is at %" PRIu64 "s here.\n", day,
            d->a->begin.ns / 1000 % 1000000, d->lead.ns / 1000000000);
    for (uint32_t i = 0; i < d->a->node_count; i++) {
        const struct account_node *n = &d->a->nodes[i];
        bool guessed = n->kind == ACCOUNT_UNKNOWN || n->kind == ACCOUNT_BSD;
        fprintf(out, "# %s: %s, %s%s%s\n", name_of(i, name), n->name, account_kind_word(n->kind),
                guessed ? ", taken for " : "", guessed ? profile_of(n->kind) : "");
    }
}

static bool has_family(const struct account_group *g, uint8_t family)
{
    for (uint32_t i = 0; i < g->address_count; i++) {
        if (g->addresses[i][0] == family) {
            return true;
        }
    }
    return false;
}

/* Adverts of a family are sent for the virtual addresses there are of it; what was not announced
 * gets one in its place. */
static void put_group(FILE *out, const struct draft *d, uint32_t group)
{
    const struct account_group *g = &d->a->groups[group];
    bool family[2]; /* of the adverts */
    char text[STORY_ADDRESS_MAX];
    const char *before = " vip ";
    find_families(d->a, group, &family[0], &family[1]);
    fprintf(out, "group %u", g->vhid);
    for (uint32_t i = 0; i < g->address_count; i++) {
        if (family[g->addresses[i][0] == 6]) {
            fprintf(out, "%s%s", before,
                    story_address(g->addresses[i][0], g->addresses[i] + 1, text));
            before = ",";
        }
    }
    if (family[0] && !has_family(g, 4)) {
        fprintf(out, "%s192.0.2.%u", before, g->vhid);
        before = ",";
    }
    if (family[1] && !has_family(g, 6)) {
        fprintf(out, "%s2001:db8::%u", before, g->vhid);
    }
    fputc('\n', out);
}

static void put_node(FILE *out, const struct draft *d, uint32_t node)
{
    const struct account_node *n = &d->a->nodes[node];
    char name[NAME_MAX_SIZE], text[STORY_ADDRESS_MAX];
    fprintf(out, "node %s", name_of(node, name));
    if (n->has_ipv4) {
        fprintf(out, " %s", story_address(4, n->ipv4, text));
    }
    if (n->has_ipv6) {
        fprintf(out, " %s", story_address(6, n->ipv6, text));
    }
    fprintf(out, " @lan off profile=%s", profile_of(n->kind));
    for (uint32_t i = 0; i < d->a->member_count; i++) {
        const struct account_member *m = &d->a->members[i];
        if (m->node == node) {
            fprintf(out, " vhid %u base %u skew %u%s", d->a->groups[m->group].vhid, m->advbase,
                    m->advskew, m->preempts > 0 ? " preempt" : "");
        }
    }
    fprintf(out, "%s\n", node == d->stranger ? " key other" : "");
}

/* --- what was seen ------------------------------------------------------------------------------
 */

static int by_ns(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

/* Until when it was master, seen or not. */
static uint64_t true_end(const struct draft *d, const struct account_reign *r)
{
    return d->goes_on[r - d->a->reigns] ? next_reign(d, r)->from.ns : r->to.ns;
}

/* Between two changes: who reigned, and is that so for longer than can be told for certain? */
static unsigned put_stretch(FILE *out, const struct draft *d, uint32_t group, uint64_t from,
                            uint64_t to)
{
    char name[NAME_MAX_SIZE];
    uint32_t masters = 0, master = ACCOUNT_NOBODY;
    carp_duration uncertain = tolerance(d->a, group), dying = {0};
    for (uint32_t i = 0; i < d->a->reign_count; i++) {
        const struct account_reign *r = &d->a->reigns[i];
        uint64_t end = true_end(d, r);
        if (r->group == group && r->from.ns <= from && end >= to) {
            masters += 1;
            master = r->node;
        }
        if (r->group == group && end == from && r->ended == ACCOUNT_SILENCE) {
            dying = interval_of(d, r);
        }
    }
    from += uncertain.ns + (masters == 0 ? dying.ns : 0);
    if (from + uncertain.ns >= to) {
        return 0;
    }
    fputs("expect ", out);
    put_seconds(out, scenario_time(d, (carp_instant){from}));
    fputc('~', out);
    put_seconds(out, scenario_time(d, (carp_instant){to - uncertain.ns}));
    if (masters == 1) {
        fprintf(out, " master %s vhid %u\n", name_of(master, name), d->a->groups[group].vhid);
    } else {
        fprintf(out, " masters == %u vhid %u\n", (unsigned)masters, d->a->groups[group].vhid);
    }
    return 1;
}

/* From the first reign on, and up to the last's end. */
static unsigned put_expectations(FILE *out, const struct draft *d, uint32_t group)
{
    size_t count = 0;
    unsigned written = 0;
    uint64_t *changes = calloc(2 * (size_t)d->a->reign_count + 1, sizeof *changes);
    for (uint32_t i = 0; changes != NULL && i < d->a->reign_count; i++) {
        if (d->a->reigns[i].group == group) {
            changes[count++] = d->a->reigns[i].from.ns;
            changes[count++] = true_end(d, &d->a->reigns[i]);
        }
    }
    if (count > 0) {
        qsort(changes, count, sizeof *changes, by_ns);
    }
    for (size_t i = 1; i < count; i++) {
        written += put_stretch(out, d, group, changes[i - 1], changes[i]);
    }
    free(changes);
    return written;
}

static void put_scenario(FILE *out, const struct draft *d, const char *sources,
                         const bool *violated, unsigned *expected)
{
    put_head(out, d, sources);
    carp_instant last = scenario_time(d, d->a->end);
    fprintf(out, "seed 1 horizon %" PRIu64 "s\n", last.ns / 1000000000 + 1);
    for (uint32_t g = 0; g < d->a->group_count; g++) {
        put_group(out, d, g);
    }
    fputs("switch lan\n", out);
    for (uint32_t n = 0; n < d->a->node_count; n++) {
        put_node(out, d, n);
    }
    fputc('\n', out);
    for (size_t i = 0; i < d->cause_count; i++) {
        fputs("at ", out);
        put_seconds(out, d->causes[i].at);
        fprintf(out, " %s\n", d->causes[i].text);
    }
    fputc('\n', out);
    *expected = 0;
    for (uint32_t g = 0; g < d->a->group_count; g++) {
        *expected += put_expectations(out, d, g);
    }
    for (int i = 0; i < ORACLE_COUNT; i++) {
        if (violated[i]) {
            fprintf(out, "expect violation %s\n", oracle_word((enum oracle_kind)i));
        }
    }
}

/* --- does the simulator come to the same? -------------------------------------------------------
 */

static void on_violation(void *self, const struct violation *violation)
{
    bool *violated = self;
    violated[violation->kind] = true;
}

/* Run a text; false: it could not be. tell  where expectations that fail are named; NULL: nowhere.
 */
static bool try_run(const char *path, const char *text, bool *violated, FILE *tell,
                    unsigned *failed)
{
    char error[SCENARIO_ERROR_MAX];
    struct scenario s;
    static struct run run;
    const struct scenario_loader none = {NULL, NULL};
    if (!scenario_read(&s, path, text, &none, error)) {
        fprintf(stderr, "carplab: what was seen makes no scenario: %s\n", error);
        return false;
    }
    const struct run_options options = {.seed = s.seed, .watcher = {violated, NULL, on_violation}};
    bool made = run_make(&run, &s, &options) == 0;
    *failed = 0;
    if (made) {
        run_go(&run);
        for (size_t i = 0; i < run.failure_count; i++) {
            if (run.failures[i].line > 0) {
                *failed += 1;
                if (tell != NULL) {
                    fprintf(tell, "%s:%u: %s\n", path, run.failures[i].line, run.failures[i].text);
                }
            }
        }
        run_free(&run);
    }
    scenario_free(&s);
    return made;
}

/* The caller frees it; NULL: no memory. */
static char *write_text(const struct draft *d, const char *sources, const bool *violated,
                        unsigned *expected)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        return NULL;
    }
    put_scenario(out, d, sources, violated, expected);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static bool write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    bool whole = file != NULL && fputs(text, file) >= 0;
    if ((file != NULL && fclose(file) != 0) || !whole) {
        fprintf(stderr, "carplab: %s: %s\n", path, strerror(errno));
        return false;
    }
    return true;
}

/* What an oracle says of the incident is part of it, and so expected. */
static int write_scenario(const struct draft *d, const char *path, const char *sources, FILE *tell)
{
    bool violated[ORACLE_COUNT] = {false};
    unsigned expected, failed;
    char *text = write_text(d, sources, violated, &expected);
    int status = 2;
    if (text != NULL && try_run(path, text, violated, NULL, &failed)) {
        free(text);
        text = write_text(d, sources, violated, &expected);
        if (text != NULL && try_run(path, text, violated, tell, &failed) &&
            write_file(path, text)) {
            fprintf(tell, "%s: the simulator comes to %u of %u stretches that were seen\n", path,
                    expected - failed, expected);
            status = failed == 0 ? 0 : 1;
        }
    }
    if (text == NULL) {
        fputs("carplab: no memory\n", stderr);
    }
    free(text);
    return status;
}

int to_scenario(const struct account *a, const char *path, const char *sources, FILE *tell)
{
    struct draft d = {.a = a, .apart = ACCOUNT_NOBODY, .stranger = ACCOUNT_NOBODY};
    if (a->end.ns - a->begin.ns > LONGEST.ns) {
        fputs(
            "carplab: --to-scenario: the captures last for more than 7 days; cut out the incident "
            "(editcap -A FROM -B TO)\n",
            stderr);
        return 2;
    }
    if (a->reign_count == 0) {
        fputs("carplab: --to-scenario: nobody was master; a capture with adverts is right\n",
              stderr);
        return 2;
    }
    d.presence = calloc(a->node_count, sizeof *d.presence);
    d.demoted = calloc(a->node_count, sizeof *d.demoted);
    d.goes_on = calloc(a->reign_count, sizeof *d.goes_on);
    int status = 2;
    if (d.presence != NULL && d.demoted != NULL && d.goes_on != NULL) {
        d.lead = lead_of(&d);
        find_stranger(&d);
        if (find_causes(&d)) {
            status = write_scenario(&d, path, sources, tell);
        }
    }
    free(d.presence);
    free(d.demoted);
    free(d.goes_on);
    free(d.causes);
    return status;
}
