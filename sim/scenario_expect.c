#include <stdlib.h>
#include <string.h>

#include "sim/memory.h"
#include "sim/scenario_internal.h"

const char *notice_word(unsigned bit)
{
    static const char *const words[] = {"equal-timers", "deaf-ipv4",     "deaf-ipv6",
                                        "hearing-both", "sending-fails", "sending-works"};
    return bit < sizeof words / sizeof *words ? words[bit] : NULL;
}

/* Which kind of subject a metric is of, and whether it is a duration. */
enum subject { OF_VHID, OF_MACHINE, OF_CLIENT, OF_SWITCH, OF_WORD };

static const struct {
    const char *word;
    enum subject subject;
    bool duration;
} metrics[METRIC_COUNT] = {
    [METRIC_MASTERS] = {"masters", OF_VHID, false},
    [METRIC_MASTERS_MAX] = {"masters-max", OF_VHID, false},
    [METRIC_DARK] = {"dark", OF_VHID, true},
    [METRIC_DARK_LONGEST] = {"dark-longest", OF_VHID, true},
    [METRIC_DUAL] = {"dual", OF_VHID, true},
    [METRIC_DUAL_LONGEST] = {"dual-longest", OF_VHID, true},
    [METRIC_DUAL_TIMES] = {"dual-times", OF_VHID, false},
    /* The node that took the addresses last: whom a cloud provider, or any other table that is
     * written on taking and not looked after, has them assigned to. */
    [METRIC_ASSIGNED] = {"assigned", OF_VHID, false},
    [METRIC_TRANSITIONS] = {"transitions", OF_MACHINE, false},
    [METRIC_TAKEOVERS] = {"takeovers", OF_MACHINE, false},
    [METRIC_MASTER_TIME] = {"master-time", OF_MACHINE, true},
    [METRIC_SENT] = {"sent", OF_MACHINE, false},
    [METRIC_HEARD] = {"heard", OF_MACHINE, false},
    [METRIC_COMMANDS] = {"commands", OF_MACHINE, false},
    [METRIC_EXPLAINED] = {"explained", OF_MACHINE, false},
    [METRIC_STRANGERS] = {"strangers", OF_MACHINE, false},
    [METRIC_HOLDS] = {"holds", OF_MACHINE, false},
    [METRIC_VERDICT] = {"(verdict)", OF_WORD, false},
    [METRIC_RULE] = {"(rule)", OF_WORD, false},
    [METRIC_NOTICE] = {"(notice)", OF_WORD, false},
    [METRIC_FATE] = {"(fate)", OF_WORD, false},
    [METRIC_DROP] = {"(drop)", OF_WORD, false},
    [METRIC_LOST] = {"lost", OF_CLIENT, false},
    [METRIC_ANSWERED] = {"answered", OF_CLIENT, false},
    [METRIC_DUPLICATES] = {"duplicates", OF_CLIENT, false},
    [METRIC_ASKS] = {"asks", OF_CLIENT, false},
    [METRIC_MOVES] = {"moves", OF_SWITCH, false},
    [METRIC_DOWNTIME] = {"downtime", OF_CLIENT, true},
    [METRIC_OUTAGES] = {"outages", OF_CLIENT, false},
    [METRIC_ANSWERED_BY] = {"by", OF_CLIENT, false},
};

const char *metric_word(enum metric metric)
{
    return metrics[metric].word;
}

static bool append(struct parser *p, const struct expectation *e)
{
    struct scenario *s = p->scenario;
    if (p->lexer.failed) {
        return false;
    }
    if (s->expectation_count == SCENARIO_STATEMENTS_MAX) {
        return lexer_fail(&p->lexer, "more than %d expectations", SCENARIO_STATEMENTS_MAX);
    }
    if (s->expectation_count == s->expectation_room) {
        s->expectations =
            memory_grow(s->expectations, &s->expectation_room, 8, sizeof *s->expectations);
    }
    s->expectations[s->expectation_count++] = *e;
    return true;
}

static struct expectation blank(const struct parser *p, enum expectation_kind kind)
{
    return (struct expectation){
        .line = p->lexer.line,
        .kind = kind,
        .at_end = true,
        .subject = NONE,
        .vhid = 1,
    };
}

/* --- values -------------------------------------------------------------------------------------
 */

static bool has_bound(const struct expectation *e)
{
    return e->kind != EXPECT_METRIC || e->metric == METRIC_DARK ||
           e->metric == METRIC_DARK_LONGEST || e->metric == METRIC_DUAL ||
           e->metric == METRIC_DUAL_LONGEST || e->metric == METRIC_DOWNTIME;
}

/* 2s, bound, bound+200ms. */
static bool parse_limit(struct parser *p, struct expectation *e)
{
    struct lexer *l = &p->lexer;
    carp_duration added = {0};
    e->duration = true;
    if (strncmp(l->word, "bound", 5) == 0 && !has_bound(e)) {
        return lexer_fail(l, "bound: none is derived for this; a time such as 2s is right");
    }
    if (strncmp(l->word, "bound", 5) == 0 && (l->word[5] == '\0' || l->word[5] == '+')) {
        e->bound = true;
        if (l->word[5] == '\0') {
            lexer_next(l);
            return true;
        }
        memmove(l->word, l->word + 6, strlen(l->word + 6) + 1);
    }
    if (!lexer_duration(l, "limit (or bound, bound+TIME)", &added)) {
        return false;
    }
    e->value = (int64_t)added.ns;
    return true;
}

static bool parse_value(struct parser *p, struct expectation *e)
{
    uint64_t number;
    uint32_t node;
    if (metrics[e->metric].duration) {
        return parse_limit(p, e);
    }
    if (e->metric == METRIC_ANSWERED_BY || e->metric == METRIC_ASSIGNED) {
        if (e->comparison != CMP_EQ && e->comparison != CMP_NE) {
            return lexer_fail(&p->lexer, "%s: == or != is right before a node's name",
                              metric_word(e->metric));
        }
        bool ok = parse_node_name(p, &node);
        e->value = node;
        return ok;
    }
    bool ok = lexer_number(&p->lexer, "count", 0, UINT64_MAX / 4, &number);
    e->value = (int64_t)number;
    return ok;
}

/* --- what is counted ----------------------------------------------------------------------------
 */

static bool find_in(const char *word, const char *(*of)(unsigned), unsigned count, unsigned *index)
{
    for (unsigned i = 0; i < count; i++) {
        if (strcmp(of(i), word) == 0) {
            *index = i;
            return true;
        }
    }
    return false;
}

static const char *of_verdict(unsigned i)
{
    return verdict_word((enum carp_verdict)i);
}

static const char *of_rule(unsigned i)
{
    return carp_rule_word((enum carp_rule)i);
}

static const char *of_fate(unsigned i)
{
    return persona_fate_word((enum persona_fate)i);
}

static const char *of_drop(unsigned i)
{
    return drop_word((enum drop_reason)i);
}

static const char *of_notice(unsigned i)
{
    return notice_word(i);
}

/* A word of the engine, of a persona, or of the network. */
static bool find_word(const struct scenario_node *n, const char *word, struct expectation *e)
{
    bool engine = n->profile == PROFILE_ENGINE;
    bool persona = !engine && n->profile <= PROFILE_OPENBSD;
    const struct {
        bool applies;
        const char *(*of)(unsigned);
        unsigned count;
        enum metric metric;
    } lists[] = {
        {engine, of_verdict, CARP_VERDICT_COUNT, METRIC_VERDICT},
        {engine, of_rule, CARP_RULE_COUNT, METRIC_RULE},
        {engine, of_notice, 6, METRIC_NOTICE},
        {persona, of_fate, PERSONA_FATE_COUNT, METRIC_FATE},
        {true, of_drop, DROP_REASON_COUNT, METRIC_DROP},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        if (lists[i].applies && find_in(word, lists[i].of, lists[i].count, &e->index)) {
            e->metric = lists[i].metric;
            return true;
        }
    }
    return false;
}

static bool find_metric(const char *word, enum subject subject, struct expectation *e)
{
    for (unsigned m = 0; m < METRIC_COUNT; m++) {
        bool fits = metrics[m].subject == subject || (m == METRIC_MOVES && subject == OF_CLIENT) ||
                    (m == METRIC_SENT && subject == OF_CLIENT);
        if (fits && strcmp(metrics[m].word, word) == 0) {
            e->metric = (enum metric)m;
            return true;
        }
    }
    return false;
}

/* A stranger has no vhid, a persona no accounts of ours. */
static bool has_metric(const struct scenario_node *n, enum metric metric)
{
    switch (metric) {
    case METRIC_COMMANDS:
    case METRIC_EXPLAINED:
    case METRIC_STRANGERS:
        return n->profile == PROFILE_ENGINE;
    case METRIC_TRANSITIONS:
    case METRIC_TAKEOVERS:
    case METRIC_MASTER_TIME:
    case METRIC_HOLDS:
        return n->group_count > 0;
    default:
        return true;
    }
}

/* vhid1 to vhid255. */
static bool read_vhid_name(const char *name, uint8_t *vhid)
{
    char *end;
    unsigned long number = strtoul(name + 4, &end, 10);
    *vhid = (uint8_t)number;
    return name[4] >= '1' && name[4] <= '9' && *end == '\0' && number <= 255;
}

/* NAME.METRIC, vhidN.METRIC. */
static bool parse_metric(struct parser *p, struct expectation *e)
{
    char name[WORD_MAX];
    memcpy(name, p->lexer.word, sizeof name);
    char *dot = strchr(name, '.');
    if (dot == NULL) {
        return lexer_fail(&p->lexer,
                          "unknown expectation %s; master, backup, masters, violation or "
                          "NAME.METRIC is right",
                          lexer_named(&p->lexer));
    }
    *dot = '\0';
    const char *word = dot + 1;
    bool found;
    if (strncmp(name, "vhid", 4) == 0) {
        if (!read_vhid_name(name, &e->vhid)) {
            return lexer_fail(&p->lexer, "%s: vhid1 to vhid255 is right before the dot", name);
        }
        found = find_metric(word, OF_VHID, e);
    } else if ((e->subject = find_node(p->scenario, name)) != NONE) {
        const struct scenario_node *n = &p->scenario->nodes[e->subject];
        found = (find_metric(word, n->profile == PROFILE_CLIENT ? OF_CLIENT : OF_MACHINE, e) &&
                 has_metric(n, e->metric)) ||
                find_word(n, word, e);
    } else if ((e->subject = find_switch(p->scenario, name)) != NONE) {
        e->is_switch = true;
        found = find_metric(word, OF_SWITCH, e);
    } else {
        return lexer_fail(&p->lexer,
                          "unknown %s; a node, a switch or vhidN is right before the dot", name);
    }
    if (!found) {
        return lexer_fail(&p->lexer, "%s has no %s; docs/SIMULATOR.md lists what can be counted",
                          name, word);
    }
    lexer_next(&p->lexer);
    return true;
}

static bool parse_comparison(struct parser *p, struct expectation *e)
{
    e->kind = EXPECT_METRIC;
    return lexer_comparison(&p->lexer, &e->comparison) && parse_value(p, e);
}

static bool parse_vhid_option(struct parser *p, struct expectation *e)
{
    return !lexer_take(&p->lexer, "vhid") || parse_vhid(p, &e->vhid);
}

/* --- expect -------------------------------------------------------------------------------------
 */

static bool parse_role(struct parser *p, struct expectation *e, enum expectation_kind kind)
{
    struct lexer *l = &p->lexer;
    struct lexer before = *l;
    e->kind = kind;
    if (!parse_node_name(p, &e->subject)) {
        return false;
    }
    const struct scenario_node *n = &p->scenario->nodes[e->subject];
    if (n->group_count == 0) {
        *l = before;
        return lexer_fail(l, "%s has no vhid", n->name);
    }
    e->vhid = n->groups[0].config.vhid;
    before = *l;
    if (!parse_vhid_option(p, e)) {
        return false;
    }
    bool has_vhid = false;
    for (size_t g = 0; g < n->group_count; g++) {
        has_vhid |= n->groups[g].config.vhid == e->vhid;
    }
    if (!has_vhid) {
        *l = before;
        return lexer_fail(l, "%s has no vhid %u", n->name, e->vhid);
    }
    if (lexer_take(l, "within")) {
        if (e->at_end || e->window) {
            return lexer_fail(l, "within: it needs one instant to count from, as in expect 60s "
                                 "master b within bound");
        }
        e->within = true;
        return parse_limit(p, e);
    }
    return true;
}

static bool parse_violation(struct parser *p, struct expectation *e)
{
    const char *words[ORACLE_COUNT + 1] = {NULL};
    unsigned index;
    for (unsigned i = 0; i < ORACLE_COUNT; i++) {
        words[i] = oracle_word((enum oracle_kind)i);
    }
    e->kind = EXPECT_VIOLATION;
    if (!lexer_choice(&p->lexer, "an oracle", words, &index)) {
        return false;
    }
    e->oracle = (enum oracle_kind)index;
    return true;
}

static bool parse_downtime(struct parser *p, struct expectation *e)
{
    struct lexer before = p->lexer;
    if (!parse_node_name(p, &e->subject)) {
        return false;
    }
    if (p->scenario->nodes[e->subject].profile != PROFILE_CLIENT) {
        p->lexer = before;
        return lexer_fail(&p->lexer, "downtime: %s is no client", before.word);
    }
    e->metric = METRIC_DOWNTIME;
    return parse_comparison(p, e);
}

static bool is_windowed(const struct expectation *e)
{
    return e->kind == EXPECT_MASTER || e->kind == EXPECT_BACKUP ||
           (e->kind == EXPECT_METRIC && e->metric == METRIC_MASTERS);
}

bool parse_expect(struct parser *p)
{
    struct lexer *l = &p->lexer;
    struct expectation e = blank(p, EXPECT_METRIC);
    bool ok;
    bool always = false;
    if (l->word[0] == '+' || (l->word[0] >= '0' && l->word[0] <= '9')) {
        struct lexer before = *l;
        if (!lexer_moment(l, &e.when)) {
            return false;
        }
        if (e.when.relative) {
            *l = before;
            return lexer_fail(l, "when: %s; an expectation's instant is absolute", before.word);
        }
        e.at_end = false;
        e.window = e.when.to.ns > e.when.from.ns;
    } else {
        always = lexer_take(l, "always");
    }
    if (lexer_take(l, "master")) {
        ok = parse_role(p, &e, EXPECT_MASTER);
    } else if (lexer_take(l, "backup")) {
        ok = parse_role(p, &e, EXPECT_BACKUP);
    } else if (lexer_take(l, "masters")) {
        e.metric = METRIC_MASTERS;
        ok = parse_comparison(p, &e) && parse_vhid_option(p, &e);
    } else if (lexer_take(l, "violation")) {
        ok = parse_violation(p, &e);
    } else if (lexer_take(l, "downtime")) {
        ok = parse_downtime(p, &e);
    } else {
        ok = parse_metric(p, &e) && parse_comparison(p, &e);
    }
    if (ok && always && is_windowed(&e)) { /* what is counted is never less at the end */
        e.window = true;
        e.at_end = false;
        e.when = (struct moment){.to = CARP_NEVER};
    }
    if (ok && e.window && !is_windowed(&e)) {
        return lexer_fail(l, "a range of time is for master, backup and masters; give one instant");
    }
    return ok && append(p, &e);
}

/* never masters > 1 [vhid N] [for > LIMIT]: no stretch of it, or none that is longer. */
bool parse_never(struct parser *p)
{
    struct lexer *l = &p->lexer;
    struct expectation e = blank(p, EXPECT_METRIC);
    bool many = false;
    if (!lexer_take(l, "masters") || !((many = lexer_take(l, ">")) || lexer_take(l, "<")) ||
        !lexer_take(l, "1")) {
        return lexer_fail(l,
                          "never masters > 1 or never masters < 1 is right, with vhid N and for > "
                          "LIMIT after it");
    }
    if (!parse_vhid_option(p, &e)) {
        return false;
    }
    e.metric = many ? METRIC_DUAL_LONGEST : METRIC_DARK_LONGEST;
    e.comparison = CMP_LE;
    e.duration = true;
    if (lexer_take(l, "for") && (!lexer_take(l, ">") || !parse_limit(p, &e))) {
        return lexer_fail(l, "for > LIMIT is right");
    }
    return parse_vhid_option(p, &e) && append(p, &e);
}

/* --- sometimes ----------------------------------------------------------------------------------
 */

static bool parse_sometimes_word(struct parser *p, struct expectation *e, enum sometimes kind,
                                 const char *what, const char *(*of)(unsigned), unsigned count)
{
    e->sometimes = kind;
    if (!find_in(p->lexer.word, of, count, &e->index)) {
        return lexer_fail(&p->lexer, "unknown %s %s; docs/SIMULATOR.md has them", what,
                          p->lexer.word);
    }
    lexer_next(&p->lexer);
    return true;
}

static bool parse_sometimes_state(struct parser *p, struct expectation *e)
{
    static const char *const states[] = {"INIT", "BACKUP", "MASTER", NULL};
    unsigned index;
    struct lexer before = p->lexer;
    e->sometimes = SOME_STATE;
    if (!parse_node_name(p, &e->subject)) {
        return false;
    }
    if (p->scenario->nodes[e->subject].group_count == 0) {
        p->lexer = before;
        return lexer_fail(&p->lexer, "%s has no vhid", before.word);
    }
    if (!lexer_choice(&p->lexer, "a state", states, &index)) {
        return false;
    }
    e->state = (enum carp_state)index;
    return true;
}

bool parse_sometimes(struct parser *p)
{
    struct lexer *l = &p->lexer;
    struct expectation e = blank(p, EXPECT_SOMETIMES);
    bool ok = true;
    if (lexer_take(l, "state")) {
        ok = parse_sometimes_state(p, &e);
    } else if (lexer_take(l, "rule")) {
        ok = parse_sometimes_word(p, &e, SOME_RULE, "rule", of_rule, CARP_RULE_COUNT);
    } else if (lexer_take(l, "verdict")) {
        ok = parse_sometimes_word(p, &e, SOME_VERDICT, "verdict", of_verdict, CARP_VERDICT_COUNT);
    } else if (lexer_take(l, "drop")) {
        ok = parse_sometimes_word(p, &e, SOME_DROP, "reason", of_drop, DROP_REASON_COUNT);
    } else if (lexer_take(l, "dual-healed")) {
        e.sometimes = SOME_HEALED;
    } else if (lexer_take(l, "demote-crossed")) {
        e.sometimes = SOME_DEMOTE_CROSSED;
    } else {
        return lexer_fail(l,
                          "unknown property %s; state, rule, verdict, drop, dual-healed and "
                          "demote-crossed are right",
                          lexer_named(l));
    }
    return ok && append(p, &e);
}
