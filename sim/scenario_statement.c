#include "sim/scenario_internal.h"

#include <stdlib.h>

#include "sim/memory.h"

/* "for 0s" would be until something else ends it. */
bool parse_for(struct parser *p, carp_duration *lasts)
{
    return !lexer_take(&p->lexer, "for") ||
           lexer_span(&p->lexer, "for", (carp_duration){1}, SCENARIO_TIME_MAX, lasts);
}

static bool parse_oracle(struct parser *p, struct statement *st)
{
    struct lexer *l = &p->lexer;
    const char *words[ORACLE_COUNT + 1] = {NULL};
    static const char *const states[] = {"off", "on", NULL};
    unsigned oracle, state;
    for (unsigned i = 0; i < ORACLE_COUNT; i++) {
        words[i] = oracle_word((enum oracle_kind)i);
    }
    st->kind = DO_ORACLE;
    if (!lexer_choice(l, "oracle", words, &oracle) ||
        !lexer_choice(l, "on or off", states, &state)) {
        return false;
    }
    st->number = oracle;
    st->flag = state == 1;
    return true;
}

static const struct action other_actions[] = {
    {"oracle", parse_oracle},
    {NULL, NULL},
};

static bool append_statement(struct parser *p, const struct statement *st)
{
    struct scenario *s = p->scenario;
    if (s->statement_count == SCENARIO_STATEMENTS_MAX) {
        return lexer_fail(&p->lexer, "more than %d statements", SCENARIO_STATEMENTS_MAX);
    }
    if (s->statement_count == s->statement_room) {
        s->statements = memory_grow(s->statements, &s->statement_room, 8, sizeof *s->statements);
    }
    s->statements[s->statement_count++] = *st;
    return true;
}

static const struct action *take_action(struct lexer *l)
{
    static const struct action *const tables[] = {machine_actions, fault_actions, deed_actions,
                                                  other_actions};
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        for (const struct action *a = tables[t]; a->word != NULL; a++) {
            if (lexer_take(l, a->word)) {
                return a;
            }
        }
    }
    return NULL;
}

static bool parse_action(struct parser *p, const struct moment *when)
{
    struct statement st = {
        .line = p->lexer.line,
        .when = *when,
        .node = NONE,
        .fault = {.origin = NONE},
    };
    const struct action *action = take_action(&p->lexer);
    if (action == NULL) {
        return lexer_fail(&p->lexer, "unknown action %s; docs/SIMULATOR.md has them",
                          lexer_named(&p->lexer));
    }
    if (!action->parse(p, &st) || p->lexer.failed || !append_statement(p, &st)) {
        free(st.sides);
        free(st.config);
        return false;
    }
    return true;
}

/* at WHEN ACTION [ACTION]...: several actions of one instant may share a line, as
 * "split {a} {b} oneway b->a". */
bool parse_at(struct parser *p)
{
    struct lexer before = p->lexer;
    struct moment when;
    if (!lexer_moment(&p->lexer, &when)) {
        return false;
    }
    carp_instant from = when.from, to = when.to;
    if (when.relative) {
        from.ns += p->last_from.ns;
        to.ns += p->last_to.ns;
    }
    if (from.ns < p->last_from.ns) {
        p->lexer = before;
        return lexer_fail(&p->lexer,
                          "when: %s is before the statement above; time does not go back",
                          before.word);
    }
    if (to.ns > SCENARIO_TIME_MAX.ns) {
        p->lexer = before;
        return lexer_fail(&p->lexer, "when: %s is more than 100 years after the start",
                          before.word);
    }
    p->last_from = from;
    p->last_to = to;
    struct moment absolute = {from, to, when.relative};
    size_t first = p->scenario->statement_count;
    do {
        if (!parse_action(p, &absolute)) {
            return false;
        }
        /* The second and later ones follow at the first one's instant. */
        if (p->scenario->statement_count - first > 1) {
            struct statement *st = &p->scenario->statements[p->scenario->statement_count - 1];
            st->when.relative = true;
            st->after = true;
        }
    } while (p->lexer.word[0] != '\0' && !p->lexer.failed);
    return !p->lexer.failed;
}
