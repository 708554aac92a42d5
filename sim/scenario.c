#include "sim/scenario.h"

#include <stdlib.h>
#include <string.h>

#include "sim/memory.h"
#include "sim/scenario_internal.h"

const char *swarm_word(enum swarm_kind kind)
{
    static const char *const words[] = {
        [SWARM_LOSS] = "loss",       [SWARM_BURST] = "burst",         [SWARM_DUP] = "dup",
        [SWARM_REORDER] = "reorder", [SWARM_CORRUPT] = "corrupt",     [SWARM_DELAY] = "delay",
        [SWARM_BLOCK] = "block",     [SWARM_SPLIT] = "split",         [SWARM_CRASH] = "crash",
        [SWARM_KILL] = "kill",       [SWARM_FREEZE] = "freeze",       [SWARM_PAUSE] = "pause",
        [SWARM_FLAP] = "flap",       [SWARM_CLOCKSTEP] = "clockstep", [SWARM_DRIFT] = "drift",
        [SWARM_SENDERR] = "senderr",
    };
    return words[kind];
}

/* --- names --------------------------------------------------------------------------------------
 */

uint32_t find_switch(const struct scenario *s, const char *name)
{
    for (size_t i = 0; i < s->switch_count; i++) {
        if (strcmp(s->switches[i].name, name) == 0) {
            return (uint32_t)i;
        }
    }
    return NONE;
}

uint32_t find_node(const struct scenario *s, const char *name)
{
    for (size_t i = 0; i < s->node_count; i++) {
        if (strcmp(s->nodes[i].name, name) == 0) {
            return (uint32_t)i;
        }
    }
    return NONE;
}

bool new_name(struct parser *p, const char *what, char name[SCENARIO_NAME_MAX])
{
    struct lexer before = p->lexer;
    if (!lexer_name(&p->lexer, what, name)) {
        return false;
    }
    if (find_switch(p->scenario, name) != NONE || find_node(p->scenario, name) != NONE ||
        strncmp(name, "vhid", 4) == 0) {
        p->lexer = before;
        return lexer_fail(&p->lexer,
                          "%s: %s is taken; every node and switch has a name of its own, "
                          "which does not begin with vhid",
                          what, name);
    }
    return true;
}

bool parse_node_name(struct parser *p, uint32_t *node)
{
    *node = find_node(p->scenario, p->lexer.word);
    if (*node == NONE) {
        return lexer_fail(&p->lexer,
                          "unknown node %s; nodes are declared above the line that uses "
                          "them",
                          lexer_named(&p->lexer));
    }
    lexer_next(&p->lexer);
    return true;
}

bool parse_vhid(struct parser *p, uint8_t *vhid)
{
    uint64_t value;
    if (!lexer_number(&p->lexer, "vhid", 1, 255, &value)) {
        return false;
    }
    *vhid = (uint8_t)value;
    return true;
}

/* --- settings -----------------------------------------------------------------------------------
 */

static bool parse_unit(struct parser *p)
{
    static const char *const words[] = {"ns", "us", "ms", "s", NULL};
    static const uint64_t ns[] = {1, 1000, 1000000, 1000000000};
    unsigned index;
    if (!lexer_choice(&p->lexer, "unit", words, &index)) {
        return false;
    }
    p->lexer.unit_ns = ns[index];
    return true;
}

static bool parse_settings(struct parser *p)
{
    struct scenario *s = p->scenario;
    struct lexer *l = &p->lexer;
    uint64_t number;
    while (l->word[0] != '\0') {
        if (lexer_take(l, "seed")) {
            if (!lexer_number(l, "seed", 0, UINT64_MAX / 4, &s->seed)) {
                return false;
            }
        } else if (lexer_take(l, "runs")) {
            if (!lexer_number(l, "runs", 1, 1000000, &number)) {
                return false;
            }
            s->runs = (unsigned)number;
        } else if (lexer_take(l, "unit")) {
            if (!parse_unit(p)) {
                return false;
            }
        } else if (lexer_take(l, "horizon")) {
            if (!lexer_span(l, "horizon", (carp_duration){1}, SCENARIO_TIME_MAX, &s->horizon)) {
                return false;
            }
        } else {
            return lexer_fail(l, "unknown setting %s; seed, horizon, runs and unit are right",
                              l->word);
        }
    }
    return !l->failed;
}

static bool parse_swarm(struct parser *p)
{
    if (p->lexer.word[0] == '\0') {
        return lexer_fail(&p->lexer, "swarm: no kind of fault; loss, crash or another is missing");
    }
    while (p->lexer.word[0] != '\0') {
        unsigned found = SWARM_COUNT;
        for (unsigned i = 0; i < SWARM_COUNT; i++) {
            found = lexer_is(&p->lexer, swarm_word((enum swarm_kind)i)) ? i : found;
        }
        if (found == SWARM_COUNT) {
            return lexer_fail(&p->lexer, "unknown kind of fault %s; docs/SIMULATOR.md has them",
                              p->lexer.word);
        }
        p->scenario->swarm[found] = true;
        lexer_next(&p->lexer);
    }
    return !p->lexer.failed;
}

static bool parse_campaign(struct parser *p)
{
    struct campaign *c = &p->scenario->campaign;
    struct lexer *l = &p->lexer;
    uint64_t faults = 10, rounds = 1;
    if (c->given) {
        return lexer_fail(l, "a second campaign; one is right");
    }
    c->given = true;
    p->campaign_line = l->line;
    while (l->word[0] != '\0') {
        bool ok = lexer_take(l, "chaos")    ? lexer_duration(l, "chaos", &c->chaos)
                  : lexer_take(l, "freeze") ? lexer_duration(l, "freeze", &c->freeze)
                  : lexer_take(l, "heal")   ? lexer_duration(l, "heal", &c->heal)
                  : lexer_take(l, "calm")   ? lexer_duration(l, "calm", &c->calm)
                  : lexer_take(l, "faults") ? lexer_number(l, "faults", 1, 10000, &faults)
                  : lexer_take(l, "rounds") ? lexer_number(l, "rounds", 1, 100000, &rounds)
                                            : lexer_fail(l,
                                                         "unknown phase %s; chaos, freeze, heal, "
                                                         "calm, faults and rounds are right",
                                                         l->word);
        if (!ok) {
            return false;
        }
    }
    c->faults = (unsigned)faults;
    c->rounds = (unsigned)rounds;
    unsigned long long all_faults = faults * rounds;
    if (all_faults > CAMPAIGN_FAULTS_MAX) {
        return lexer_fail(l, "campaign: %llu faults in all its rounds; at most %u is right",
                          all_faults, CAMPAIGN_FAULTS_MAX);
    }
    uint64_t all_ns = c->chaos.ns + c->freeze.ns + c->heal.ns + c->calm.ns;
    if (all_ns == 0 || all_ns > SCENARIO_TIME_MAX.ns / rounds) {
        return lexer_fail(l,
                          "campaign: phases that take %s in all; more than nothing and at most "
                          "100y is right",
                          all_ns == 0 ? "no time" : "more than 100y");
    }
    return !l->failed;
}

/* --- the whole ----------------------------------------------------------------------------------
 */

static bool parse_line(struct parser *p)
{
    struct lexer *l = &p->lexer;
    if (lexer_is(l, "seed") || lexer_is(l, "horizon") || lexer_is(l, "unit") ||
        lexer_is(l, "runs")) {
        return parse_settings(p);
    }
    static const struct {
        const char *word;
        bool (*parse)(struct parser *p);
    } statements[] = {
        {"group", parse_group_default}, {"switch", parse_switch},
        {"link", parse_link},           {"node", parse_node},
        {"nodes", parse_nodes},         {"swarm", parse_swarm},
        {"campaign", parse_campaign},   {"at", parse_at},
        {"expect", parse_expect},       {"never", parse_never},
        {"sometimes", parse_sometimes},
    };
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        if (lexer_take(l, statements[i].word)) {
            return statements[i].parse(p);
        }
    }
    if (lexer_take(l, "client")) {
        return parse_bystander(p, PROFILE_CLIENT);
    }
    if (lexer_take(l, "stranger")) {
        return parse_bystander(p, PROFILE_STRANGER);
    }
    return lexer_fail(l,
                      "unknown statement %s; seed, horizon, runs, unit, group, switch, link, node, "
                      "nodes, client, stranger, at, swarm, campaign, expect, never and sometimes "
                      "are right",
                      l->word);
}

/* Something is wrong with this line, as is seen only now. */
static bool fail_line(struct parser *p, unsigned line, const char *what)
{
    p->lexer.line = line;
    return lexer_fail(&p->lexer, "%s", what);
}

static bool check_campaign(struct parser *p)
{
    struct scenario *s = p->scenario;
    const struct campaign *c = &s->campaign;
    carp_duration all = {(c->chaos.ns + c->freeze.ns + c->heal.ns + c->calm.ns) * c->rounds};
    bool swarm = false, machine = false;
    if (!c->given) {
        return true;
    }
    for (unsigned i = 0; i < SWARM_COUNT; i++) {
        swarm |= s->swarm[i];
    }
    for (size_t i = 0; i < s->node_count; i++) {
        machine |= s->nodes[i].group_count > 0;
    }
    if (s->horizon.ns != 0 && s->horizon.ns != all.ns) {
        return fail_line(p, p->campaign_line,
                         "campaign: its phases are the horizon; leave the other one out");
    }
    if (!machine) {
        return fail_line(p, p->campaign_line,
                         "campaign: nobody that faults could strike; a node is missing");
    }
    if (c->chaos.ns > 0 && !swarm) {
        return fail_line(p, p->campaign_line,
                         "campaign: no kinds of faults for its chaos; swarm KIND... is missing");
    }
    s->horizon = all;
    return true;
}

static bool check_expectation(struct parser *p, struct expectation *e, const bool vhids[256])
{
    const carp_duration horizon = p->scenario->horizon;
    bool of_vhid = e->kind == EXPECT_METRIC && e->subject == NONE;
    if (e->window && e->when.to.ns == CARP_NEVER.ns) { /* always */
        e->when.to.ns = horizon.ns;
    }
    if (of_vhid && !vhids[e->vhid]) {
        return fail_line(p, e->line, "no node has this vhid");
    }
    if (!e->at_end &&
        (e->when.to.ns > horizon.ns ||
         (e->within && !e->bound && e->when.to.ns + (uint64_t)e->value > horizon.ns))) {
        return fail_line(p, e->line, "it would be looked at after the horizon");
    }
    return true;
}

static bool check_whole(struct parser *p)
{
    struct scenario *s = p->scenario;
    bool vhids[256] = {false};
    p->lexer.column = 1;
    p->lexer.line += p->lexer.line == 0;
    if (s->node_count == 0) {
        return lexer_fail(&p->lexer,
                          "the scenario ends without a node; node NAME @SWITCH vhid N is "
                          "missing");
    }
    if (!check_campaign(p)) {
        return false;
    }
    if (s->horizon.ns == 0) {
        return lexer_fail(&p->lexer,
                          "the scenario ends without a horizon; horizon TIME is missing");
    }
    for (size_t i = 0; i < s->statement_count; i++) {
        if (s->statements[i].when.to.ns > s->horizon.ns) {
            return fail_line(p, s->statements[i].line, "it would happen after the horizon");
        }
    }
    for (size_t i = 0; i < s->node_count; i++) {
        for (size_t g = 0; g < s->nodes[i].group_count; g++) {
            vhids[s->nodes[i].groups[g].config.vhid] = true;
        }
    }
    for (size_t i = 0; i < s->expectation_count; i++) {
        if (!check_expectation(p, &s->expectations[i], vhids)) {
            return false;
        }
    }
    return true;
}

bool scenario_read(struct scenario *s, const char *name, const char *text,
                   const struct scenario_loader *loader, char error[SCENARIO_ERROR_MAX])
{
    struct parser *p = memory_make(1, sizeof *p);
    *s = (struct scenario){.seed = 1, .runs = 1};
    p->scenario = s;
    p->loader = loader;
    lexer_begin(&p->lexer, name, text, error);
    bool ok = true;
    while (ok && lexer_line(&p->lexer)) {
        ok = parse_line(p);
        if (ok && p->lexer.word[0] != '\0') {
            ok = lexer_fail(&p->lexer, "%s is more than this statement takes", p->lexer.word);
        }
    }
    ok = ok && !p->lexer.failed && check_whole(p);
    free(p);
    if (!ok) {
        scenario_free(s);
    }
    return ok;
}

void scenario_free(struct scenario *s)
{
    for (size_t i = 0; i < s->node_count; i++) {
        free(s->nodes[i].groups);
    }
    for (size_t i = 0; i < s->statement_count; i++) {
        free(s->statements[i].sides);
        free(s->statements[i].config);
    }
    free(s->switches);
    free(s->links);
    free(s->nodes);
    free(s->statements);
    free(s->expectations);
    *s = (struct scenario){0};
}
