#include "sim/scenario_internal.h"

#include <assert.h>

#include "sim/memory.h"

static bool parse_on_off(struct parser *p, const char *what, bool *on)
{
    static const char *const words[] = {"off", "on", NULL};
    unsigned index;
    if (!lexer_choice(&p->lexer, what, words, &index)) {
        return false;
    }
    *on = index == 1;
    return true;
}

static bool parse_switch_option(struct parser *p, struct scenario_switch *s)
{
    static const char *const policies[] = {"off", "flood", "snoop", "drop", NULL};
    struct lexer *l = &p->lexer;
    unsigned index;
    uint64_t number;
    if (lexer_take(l, "age")) {
        return lexer_duration(l, "age", &s->ageing);
    }
    if (lexer_take(l, "capacity")) {
        bool ok = lexer_number(l, "capacity", 1, 1000000, &number);
        s->capacity = (size_t)number;
        return ok;
    }
    if (lexer_take(l, "igmp")) {
        bool ok = lexer_choice(l, "igmp", policies, &index);
        s->snooping = ok ? (enum snooping)index : SNOOP_OFF;
        return ok;
    }
    if (lexer_take(l, "querier")) {
        return parse_on_off(p, "querier", &s->querier);
    }
    if (lexer_take(l, "reflect")) {
        return parse_on_off(p, "reflect", &s->reflects);
    }
    if (lexer_take(l, "stp")) {
        return lexer_take(l, "off") || lexer_duration(l, "stp", &s->port_delay);
    }
    return lexer_fail(l,
                      "unknown option %s of a switch; age, capacity, igmp, querier, reflect and "
                      "stp are right",
                      l->word);
}

bool parse_switch(struct parser *p)
{
    struct scenario *s = p->scenario;
    struct scenario_switch made = {.ageing = CARP_SECONDS(300)};
    if (s->switch_count == SCENARIO_SWITCHES_MAX) {
        return lexer_fail(&p->lexer, "more than %d switches", SCENARIO_SWITCHES_MAX);
    }
    if (!new_name(p, "a switch", made.name)) {
        return false;
    }
    while (p->lexer.word[0] != '\0') {
        if (!parse_switch_option(p, &made)) {
            return false;
        }
    }
    if (s->switch_count == s->switch_room) {
        s->switches = memory_grow(s->switches, &s->switch_room, 2, sizeof *s->switches);
    }
    s->switches[s->switch_count++] = made;
    return !p->lexer.failed;
}

static bool parse_switch_name(struct parser *p, uint32_t *index)
{
    *index = find_switch(p->scenario, p->lexer.word);
    if (*index == NONE) {
        return lexer_fail(&p->lexer,
                          "unknown switch %s; switches are declared above the line that "
                          "uses them",
                          lexer_named(&p->lexer));
    }
    lexer_next(&p->lexer);
    return true;
}

/* Are two switches joined already, over any number of links? */
static bool joined(const struct scenario *s, uint32_t a, uint32_t b)
{
    uint64_t reached = UINT64_C(1) << a;
    for (size_t round = 0; round < s->switch_count; round++) {
        for (size_t i = 0; i < s->link_count; i++) {
            uint64_t ends = UINT64_C(1) << s->links[i].a | UINT64_C(1) << s->links[i].b;
            reached |= (reached & ends) != 0 ? ends : 0;
        }
    }
    return (reached >> b & 1) != 0;
}

bool parse_link(struct parser *p)
{
    struct scenario *s = p->scenario;
    struct scenario_link made = {.delay = DEFAULT_DELAY};
    if (!parse_switch_name(p, &made.a) || !parse_switch_name(p, &made.b)) {
        return false;
    }
    assert(made.a < SCENARIO_SWITCHES_MAX && made.b < SCENARIO_SWITCHES_MAX); /* bits of a word */
    if (joined(s, made.a, made.b)) {
        return lexer_fail(&p->lexer,
                          "%s and %s are joined already; a ring of switches would carry "
                          "every broadcast for ever",
                          s->switches[made.a].name, s->switches[made.b].name);
    }
    if (lexer_take(&p->lexer, "delay") &&
        !lexer_span(&p->lexer, "delay", NO_TIME, SPAN_MAX, &made.delay)) {
        return false;
    }
    if (s->link_count == s->link_room) {
        s->links = memory_grow(s->links, &s->link_room, 2, sizeof *s->links);
    }
    s->links[s->link_count++] = made;
    return !p->lexer.failed;
}
