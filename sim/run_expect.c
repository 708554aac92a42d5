#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim/run_internal.h"
#include "sim/trace_text.h"

void run_fail(struct run *r, unsigned line, const char *format, ...)
{
    va_list arguments;
    if (r->failure_count == RUN_FAILURES_MAX) {
        return;
    }
    struct run_failure *failure = &r->failures[r->failure_count++];
    failure->line = line;
    va_start(arguments, format);
    vsnprintf(failure->text, sizeof failure->text, format, arguments);
    va_end(arguments);
}

/* --- what was counted ---------------------------------------------------------------------------
 */

static uint64_t sum_books(const struct run *r, const struct expectation *e)
{
    const struct scenario_node *n = &r->scenario->nodes[e->subject];
    const struct daemon *d = daemon_of(&r->world.nodes[e->subject]);
    uint64_t sum = 0;
    for (size_t g = 0; g < n->group_count; g++) {
        sum += r->hosts[e->subject].books[g].verdicts[e->index];
    }
    for (unsigned i = 0; d->interfaces != NULL && i < n->nic_count; i++) {
        sum += d->interfaces[i].verdicts[e->index];
    }
    return sum;
}

static uint64_t sum_fates(const struct run *r, const struct expectation *e)
{
    const struct peer *p = peer_of(&r->world.nodes[e->subject]);
    uint64_t sum = 0;
    for (unsigned g = 0; g < p->group_count; g++) {
        sum += p->groups[g].persona.fates[e->index];
    }
    return sum;
}

static uint64_t sum_members(const struct run *r, const struct expectation *e)
{
    const struct scenario_node *n = &r->scenario->nodes[e->subject];
    uint64_t sum = 0;
    for (unsigned g = 0; g < n->group_count; g++) {
        const struct member *m = oracle_member(&r->world, e->subject, g);
        bool going_on = m->state == CARP_MASTER;
        switch (e->metric) {
        case METRIC_TRANSITIONS:
            sum += m->transitions;
            break;
        case METRIC_TAKEOVERS:
            sum += m->became_master;
            break;
        case METRIC_MASTER_TIME:
            sum +=
                m->as_master.ns + (going_on ? instant_since(r->world.now, m->state_since).ns : 0);
            break;
        default:
            sum += m->holds;
            break;
        }
    }
    return sum;
}

static uint64_t machine_metric(const struct run *r, const struct expectation *e)
{
    const struct node *node = &r->world.nodes[e->subject];
    const struct daemon *d = node->kind == NODE_DAEMON ? daemon_of(node) : NULL;
    uint64_t commands = 0;
    switch (e->metric) {
    case METRIC_SENT:
        return node->sent;
    case METRIC_HEARD:
        return node->heard;
    case METRIC_COMMANDS:
        for (unsigned g = 0; d != NULL && g < d->group_count; g++) {
            commands += d->machine.groups[g].commands;
        }
        return commands;
    case METRIC_EXPLAINED:
        return d == NULL ? 0 : d->explained;
    case METRIC_STRANGERS:
        return d == NULL ? 0 : d->strangers;
    case METRIC_VERDICT:
        return sum_books(r, e);
    case METRIC_RULE:
        assert(d != NULL); /* find_word() knows these words for carpd's nodes alone */
        return d->rules[e->index];
    case METRIC_NOTICE:
        assert(d != NULL);
        return d->notices[e->index];
    case METRIC_FATE:
        return sum_fates(r, e);
    case METRIC_DROP:
        return node->dropped[e->index];
    default:
        return sum_members(r, e);
    }
}

static uint64_t client_metric(const struct run *r, const struct expectation *e)
{
    const struct node *node = &r->world.nodes[e->subject];
    const struct client *c = client_of(node);
    switch (e->metric) {
    case METRIC_SENT:
        return c->sent;
    case METRIC_LOST:
        return c->lost;
    case METRIC_ANSWERED:
        return c->answered;
    case METRIC_DUPLICATES:
        return c->duplicates;
    case METRIC_ASKS:
        return c->asks;
    case METRIC_MOVES:
        return c->moves;
    case METRIC_DOWNTIME:
        return client_outage_max(c, r->world.now).ns;
    case METRIC_OUTAGES:
        return c->outages;
    case METRIC_DROP:
        return node->dropped[e->index];
    default:
        return c->answered_by;
    }
}

/* Who took the addresses last, whether he has them still or not. */
static uint32_t assigned_to(const struct run *r, uint8_t vhid)
{
    const struct oracle *o = r->world.oracle;
    const struct member *last = NULL;
    for (size_t i = 0; i < o->member_count; i++) {
        const struct member *m = &o->members[i];
        if (m->config->vhid == vhid && m->took.ns > 0 &&
            (last == NULL || !instant_before(m->took, last->took))) {
            last = m;
        }
    }
    return last == NULL ? NONE : last->node;
}

/* A tally as it is now: the stretch that goes on is not closed yet. */
static uint64_t vhid_metric(const struct run *r, const struct expectation *e)
{
    const struct tally *t = &r->world.oracle->tallies[e->vhid];
    carp_duration now = instant_since(r->world.now, t->since);
    carp_duration none = {t->masters == 0 ? now.ns : 0}, many = {t->masters > 1 ? now.ns : 0};
    switch (e->metric) {
    case METRIC_MASTERS:
        return t->masters;
    case METRIC_MASTERS_MAX:
        return t->masters_max;
    case METRIC_DARK:
        return t->none.ns + none.ns;
    case METRIC_DARK_LONGEST:
        return duration_max(t->none_longest, none).ns;
    case METRIC_DUAL:
        return t->many.ns + many.ns;
    case METRIC_DUAL_LONGEST:
        return duration_max(t->many_longest, many).ns;
    case METRIC_ASSIGNED:
        return assigned_to(r, e->vhid);
    default:
        return t->many_times;
    }
}

static uint64_t measure(const struct run *r, const struct expectation *e)
{
    if (e->is_switch) {
        return r->world.switches[e->subject].moves;
    }
    if (e->subject == NONE) {
        return vhid_metric(r, e);
    }
    return r->world.nodes[e->subject].kind == NODE_CLIENT ? client_metric(r, e)
                                                          : machine_metric(r, e);
}

/* --- comparing ----------------------------------------------------------------------------------
 */

static bool compare(uint64_t got, enum comparison comparison, uint64_t want)
{
    switch (comparison) {
    case CMP_LT:
        return got < want;
    case CMP_LE:
        return got <= want;
    case CMP_EQ:
        return got == want;
    case CMP_NE:
        return got != want;
    case CMP_GE:
        return got >= want;
    case CMP_GT:
        return got > want;
    }
    return false;
}

static const char *comparison_word(enum comparison comparison)
{
    static const char *const words[] = {"<", "<=", "==", "!=", ">=", ">"};
    return words[comparison];
}

/* The bound that an expectation's limit is added to. A client's outage is seen to the next probe.
 */
static carp_duration base_bound(const struct run *r, const struct expectation *e)
{
    if (!e->bound) {
        return (carp_duration){0};
    }
    if (e->metric == METRIC_DUAL || e->metric == METRIC_DUAL_LONGEST) {
        return r->dual_max[e->vhid];
    }
    if (e->metric == METRIC_DOWNTIME) {
        const struct client *c = client_of(&r->world.nodes[e->subject]);
        carp_duration longest = {0};
        for (unsigned vhid = 1; vhid < 256; vhid++) {
            longest = duration_max(longest, r->dark_max[vhid]);
        }
        return (carp_duration){longest.ns + c->period.ns};
    }
    return r->dark_max[e->vhid];
}

static const char *index_word(const struct expectation *e)
{
    switch (e->metric) {
    case METRIC_VERDICT:
        return verdict_word((enum carp_verdict)e->index);
    case METRIC_RULE:
        return carp_rule_word((enum carp_rule)e->index);
    case METRIC_NOTICE:
        return notice_word(e->index);
    case METRIC_FATE:
        return persona_fate_word((enum persona_fate)e->index);
    case METRIC_DROP:
        return drop_word((enum drop_reason)e->index);
    default:
        return metric_word(e->metric);
    }
}

static void subject_text(const struct run *r, const struct expectation *e, char text[64])
{
    if (e->subject == NONE) {
        snprintf(text, 64, "vhid%u.%s", e->vhid, index_word(e));
    } else {
        snprintf(text, 64, "%s.%s",
                 e->is_switch ? r->world.switches[e->subject].name
                              : r->world.nodes[e->subject].name,
                 index_word(e));
    }
}

static void value_text(const struct run *r, const struct expectation *e, uint64_t value,
                       char text[64])
{
    if (e->metric == METRIC_ANSWERED_BY || e->metric == METRIC_ASSIGNED) {
        snprintf(text, 64, "%s",
                 value < r->world.node_count ? r->world.nodes[value].name : "nobody");
    } else if (e->duration) {
        trace_duration((carp_duration){value}, text);
    } else {
        snprintf(text, 64, "%llu", (unsigned long long)value);
    }
}

static void check_metric(struct run *r, const struct expectation *e)
{
    char subject[64], got_text[64], want_text[64], at[32];
    carp_duration bound = base_bound(r, e);
    uint64_t got = measure(r, e);
    uint64_t want = (uint64_t)e->value + bound.ns;
    if (compare(got, e->comparison, want)) {
        return;
    }
    subject_text(r, e, subject);
    value_text(r, e, got, got_text);
    value_text(r, e, want, want_text);
    run_fail(r, e->line, "at %s %s is %s; expected: %s %s%s", trace_time(r->world.now, at), subject,
             got_text, comparison_word(e->comparison), want_text,
             e->bound ? " (bound, derived)" : "");
}

/* --- roles --------------------------------------------------------------------------------------
 */

static const struct member *member_of(const struct run *r, const struct expectation *e)
{
    const struct scenario_node *n = &r->scenario->nodes[e->subject];
    for (unsigned g = 0; g < n->group_count; g++) {
        if (n->groups[g].config.vhid == e->vhid) {
            return oracle_member(&r->world, e->subject, g);
        }
    }
    assert(false); /* reading the scenario saw to it */
    return NULL;
}

static void list_masters(const struct run *r, uint8_t vhid, char *text, size_t size)
{
    const struct oracle *o = r->world.oracle;
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < o->member_count; i++) {
        const struct member *m = &o->members[i];
        if (m->config->vhid == vhid && m->counted && used < size) {
            used += (size_t)snprintf(text + used, size - used, "%s%s", used == 0 ? "" : " and ",
                                     r->world.nodes[m->node].name);
        }
    }
    if (used == 0) {
        snprintf(text, size, "nobody");
    }
}

static bool role_holds(const struct run *r, const struct expectation *e)
{
    const struct member *m = member_of(r, e);
    return e->kind == EXPECT_MASTER ? m->counted && r->world.oracle->tallies[e->vhid].masters == 1
                                    : m->state == CARP_BACKUP && r->world.nodes[m->node].alive;
}

static void check_role(struct run *r, const struct expectation *e)
{
    char masters[160], at[32];
    if (role_holds(r, e)) {
        return;
    }
    list_masters(r, e->vhid, masters, sizeof masters);
    const char *limit = r->limits[e - r->scenario->expectations].text;
    run_fail(r, e->line, "at %s master of vhid %u: %s; expected: %s %s (it is %s%s)%s%s",
             trace_time(r->world.now, at), e->vhid, masters,
             e->kind == EXPECT_MASTER ? "only" : "backup", r->world.nodes[e->subject].name,
             carp_state_word(member_of(r, e)->state),
             r->world.nodes[e->subject].alive ? "" : ", not running", limit[0] == '\0' ? "" : "; ",
             limit);
}

/* --- windows ------------------------------------------------------------------------------------
 */

static void add_window(struct run *r, uint32_t expectation)
{
    r->windows[r->window_count++] = expectation;
}

static void fail_window(struct run *r, const struct expectation *e, carp_instant from)
{
    char masters[160], at[32];
    list_masters(r, e->vhid, masters, sizeof masters);
    if (e->kind == EXPECT_METRIC) {
        run_fail(r, e->line, "from %s on master of vhid %u: %s; expected: masters %s %llu",
                 trace_time(from, at), e->vhid, masters, comparison_word(e->comparison),
                 (unsigned long long)e->value);
    } else {
        run_fail(r, e->line, "from %s on master of vhid %u: %s; expected: %s %s",
                 trace_time(from, at), e->vhid, masters,
                 e->kind == EXPECT_MASTER ? "only" : "backup", r->world.nodes[e->subject].name);
    }
}

/* What is so only within an instant, between two of its events, is not looked at. */
void run_expect_between(struct run *r, carp_instant until)
{
    for (size_t i = 0; i < r->window_count;) {
        const struct expectation *e = &r->scenario->expectations[r->windows[i]];
        bool begun = instant_before(e->when.from, until);
        bool over = !instant_before(r->world.now, e->when.to);
        bool holds = e->kind == EXPECT_METRIC
                         ? compare(measure(r, e), e->comparison, (uint64_t)e->value)
                         : role_holds(r, e);
        if (begun && !over && !holds) {
            fail_window(r, e,
                        instant_before(r->world.now, e->when.from) ? e->when.from : r->world.now);
        }
        if (over || (begun && !holds)) {
            r->windows[i] = r->windows[--r->window_count];
        } else {
            i += 1;
        }
    }
}

/* --- when ---------------------------------------------------------------------------------------
 */

static void check(struct run *r, const struct expectation *e)
{
    switch (e->kind) {
    case EXPECT_MASTER:
    case EXPECT_BACKUP:
        check_role(r, e);
        break;
    case EXPECT_METRIC:
        check_metric(r, e);
        break;
    case EXPECT_VIOLATION:
        if (r->world.oracle->counts[e->oracle] == 0) {
            run_fail(r, e->line, "%s was not violated; it was expected to be",
                     oracle_word(e->oracle));
        }
        break;
    case EXPECT_SOMETIMES:
        break;
    }
}

void run_schedule_expectations(struct run *r)
{
    const struct scenario *s = r->scenario;
    for (size_t i = 0; i < s->expectation_count; i++) {
        const struct expectation *e = &s->expectations[i];
        if (e->window) {
            add_window(r, (uint32_t)i);
        } else if (!e->at_end) {
            world_at(&r->world, e->when.from, QUEUE_OBSERVE, RUN_EXPECT, (uint32_t)i, 0);
        }
    }
}

/* From now on within this time. */
static void set_limit(struct run *r, const struct expectation *e, struct run_limit *limit)
{
    struct bound bound = {.value = {0}};
    char text[32];
    if (e->bound) {
        bound = oracle_dark_bound(&r->world, e->vhid);
    }
    if (bound.value.ns == UINT64_MAX) {
        run_fail(r, e->line, "at %s no bound can be derived: %s", trace_time(r->world.now, text),
                 bound.text);
        limit->judged = true;
        return;
    }
    carp_duration lasts = {bound.value.ns + (uint64_t)e->value};
    snprintf(limit->text, sizeof limit->text, "within %s%s%s", trace_duration(lasts, text),
             e->bound ? ": bound: " : "", bound.text);
    world_at(&r->world, instant_add(r->world.now, lasts), QUEUE_OBSERVE, RUN_EXPECT_LIMIT,
             (uint32_t)(e - r->scenario->expectations), 0);
}

void run_expect_event(struct run *r, const struct queue_event *event)
{
    const struct expectation *e = &r->scenario->expectations[event->who];
    if (event->what == RUN_EXPECT && e->within) {
        set_limit(r, e, &r->limits[event->who]);
        return;
    }
    r->limits[event->who].judged = true;
    check(r, e);
}

static bool state_was_seen(const struct run *r, const struct expectation *e)
{
    const struct scenario_node *n = &r->scenario->nodes[e->subject];
    for (unsigned g = 0; g < n->group_count; g++) {
        const struct member *m = oracle_member(&r->world, e->subject, g);
        if (m->state == e->state || (e->state == CARP_MASTER && m->became_master > 0) ||
            (e->state == CARP_BACKUP && m->transitions > 0)) {
            return true;
        }
    }
    return false;
}

static bool was_seen(const struct run *r, const struct expectation *e)
{
    const struct oracle *o = r->world.oracle;
    switch (e->sometimes) {
    case SOME_STATE:
        return state_was_seen(r, e);
    case SOME_RULE:
        return o->rules[e->index];
    case SOME_VERDICT:
        return o->verdicts[e->index];
    case SOME_DROP:
        return r->world.dropped[e->index] > 0;
    case SOME_HEALED:
        return o->dual_healed;
    case SOME_DEMOTE_CROSSED:
        return o->demote_crossed;
    }
    return false;
}

static bool is_expected(const struct scenario *s, enum oracle_kind kind)
{
    for (size_t i = 0; i < s->expectation_count; i++) {
        if (s->expectations[i].kind == EXPECT_VIOLATION && s->expectations[i].oracle == kind) {
            return true;
        }
    }
    return false;
}

static void check_violations(struct run *r)
{
    const struct oracle *o = r->world.oracle;
    for (size_t i = 0; i < o->violation_count; i++) {
        const struct violation *v = &o->violations[i];
        if (r->watcher.violation != NULL) {
            r->watcher.violation(r->watcher.self, v);
        }
        if (!is_expected(r->scenario, v->kind)) {
            size_t line = strcspn(v->text, "\n");
            run_fail(r, 0, "violated: %.*s", (int)line, v->text);
        }
    }
}

void run_expect_end(struct run *r)
{
    const struct scenario *s = r->scenario;
    for (size_t i = 0; i < s->expectation_count; i++) {
        const struct expectation *e = &s->expectations[i];
        if (e->kind == EXPECT_SOMETIMES) {
            r->sometimes[i] = was_seen(r, e);
        } else if (e->within && !r->limits[i].judged) {
            run_fail(r, e->line, "the horizon comes first; %s", r->limits[i].text);
        } else if (e->at_end) {
            check(r, e);
        }
    }
    check_violations(r);
}

const char *run_sometimes_text(const struct scenario *s, const struct expectation *e,
                               char text[RUN_TEXT_MAX])
{
    const char *what = "";
    switch (e->sometimes) {
    case SOME_STATE:
        snprintf(text, RUN_TEXT_MAX, "never seen in any run: state %s %s",
                 s->nodes[e->subject].name, carp_state_word(e->state));
        return text;
    case SOME_RULE:
        what = carp_rule_word((enum carp_rule)e->index);
        break;
    case SOME_VERDICT:
        what = verdict_word((enum carp_verdict)e->index);
        break;
    case SOME_DROP:
        what = drop_word((enum drop_reason)e->index);
        break;
    case SOME_HEALED:
        what = "dual-healed";
        break;
    case SOME_DEMOTE_CROSSED:
        what = "demote-crossed";
        break;
    }
    snprintf(text, RUN_TEXT_MAX, "never seen in any run: %s", what);
    return text;
}
