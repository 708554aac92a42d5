#include "sim/scenario_internal.h"

#include <stdlib.h>
#include <string.h>

#include "sim/memory.h"

/* --- ways between nodes -------------------------------------------------------------------------
 */

static bool parse_end(struct parser *p, const char *name, uint32_t *index, bool *is_switch)
{
    if (strcmp(name, "*") == 0) {
        *index = NONE;
        *is_switch = false;
        return true;
    }
    *index = find_node(p->scenario, name);
    *is_switch = false;
    if (*index == NONE) {
        *index = find_switch(p->scenario, name);
        *is_switch = true;
    }
    return *index != NONE ||
           lexer_fail(&p->lexer, "unknown %s; a node, a switch or * is right at either end", name);
}

/* NOLINTNEXTLINE(misc-no-recursion): once, with the ends exchanged */
static bool is_end(const struct scenario *s, uint32_t index, bool is_switch, uint32_t other,
                   bool other_is_switch)
{
    if (!is_switch) { /* a node, and the other one a switch */
        const struct scenario_node *n = &s->nodes[index];
        for (unsigned i = 0; i < n->nic_count; i++) {
            if (n->nics[i].to_switch == other) {
                return true;
            }
        }
        return false;
    }
    if (!other_is_switch) {
        return is_end(s, other, false, index, true);
    }
    for (size_t i = 0; i < s->link_count; i++) {
        const struct scenario_link *k = &s->links[i];
        if ((k->a == index && k->b == other) || (k->a == other && k->b == index)) {
            return true;
        }
    }
    return false;
}

/* To or from a switch it is a cable that is meant: there is to be one. */
static bool check_pair(struct parser *p, const struct pair *pair)
{
    return pair->from == NONE || pair->to == NONE || (!pair->from_switch && !pair->to_switch) ||
           is_end(p->scenario, pair->from, pair->from_switch, pair->to, pair->to_switch) ||
           lexer_fail(&p->lexer, "no cable joins the two");
}

/* a->b, a<->b, a->*, *->b. */
static bool parse_pair(struct parser *p, struct pair *pair)
{
    char from[WORD_MAX];
    memcpy(from, p->lexer.word, sizeof from);
    char *arrow = strstr(from, "->");
    if (arrow == NULL || arrow == from || arrow[2] == '\0') {
        return lexer_fail(&p->lexer, "from where to where: %s; a->b, a<->b, a->* or *->b is right",
                          from[0] == '\0' ? "nothing" : from);
    }
    const char *to = arrow + 2;
    pair->both = arrow[-1] == '<';
    arrow[pair->both ? -1 : 0] = '\0';
    if (!parse_end(p, from, &pair->from, &pair->from_switch) ||
        !parse_end(p, to, &pair->to, &pair->to_switch)) {
        return false;
    }
    if (pair->from == NONE && pair->to == NONE) {
        return lexer_fail(&p->lexer, "*->* is everything; name one end");
    }
    if (pair->from == pair->to && pair->from_switch == pair->to_switch) {
        return lexer_fail(&p->lexer, "both ends are the same");
    }
    if (!check_pair(p, pair)) {
        return false;
    }
    lexer_next(&p->lexer);
    return true;
}

static bool parse_match_and_for(struct parser *p, struct statement *st)
{
    static const struct {
        const char *word;
        enum fault_match match;
    } matches[] = {{"adverts", MATCH_ADVERTS},
                   {"ipv4", MATCH_IPV4},
                   {"ipv6", MATCH_IPV6},
                   {"neighbour", MATCH_NEIGHBOUR},
                   {"probes", MATCH_PROBES}};
    for (size_t i = 0; i < sizeof matches / sizeof *matches; i++) {
        if (lexer_take(&p->lexer, matches[i].word)) {
            st->fault.match = matches[i].match;
        }
    }
    return parse_for(p, &st->lasts);
}

static bool parse_fault(struct parser *p, struct statement *st)
{
    st->kind = DO_FAULT;
    return parse_pair(p, &st->pair);
}

static bool parse_block(struct parser *p, struct statement *st)
{
    st->fault.blocks = true;
    return parse_fault(p, st) && parse_match_and_for(p, st);
}

/* oneway b->a: frames from b reach a, and not the other way round, also through a split. */
static bool parse_oneway(struct parser *p, struct statement *st)
{
    struct lexer before = p->lexer;
    st->flag = true; /* and b->a passes */
    st->fault.blocks = true;
    if (!parse_fault(p, st)) {
        return false;
    }
    struct pair turned = {st->pair.to, st->pair.from, st->pair.to_switch, st->pair.from_switch,
                          false};
    if (st->pair.both || turned.from == NONE || turned.to == NONE || turned.from_switch ||
        turned.to_switch) {
        p->lexer = before;
        return lexer_fail(&p->lexer, "oneway: %s; a->b with the names of two nodes is right",
                          before.word);
    }
    st->pair = turned;
    return parse_for(p, &st->lasts);
}

static bool parse_loss(struct parser *p, struct statement *st)
{
    return parse_fault(p, st) && lexer_ppm(&p->lexer, "loss", &st->fault.loss_ppm) &&
           parse_match_and_for(p, st);
}

static bool parse_burst(struct parser *p, struct statement *st)
{
    return parse_fault(p, st) &&
           lexer_ppm(&p->lexer, "a burst begins", &st->fault.burst_begin_ppm) &&
           lexer_ppm(&p->lexer, "a burst ends", &st->fault.burst_end_ppm) &&
           parse_match_and_for(p, st);
}

/* lose a->b 1,3: the first and the third frame that match from now on. */
static bool parse_lose(struct parser *p, struct statement *st)
{
    if (!parse_fault(p, st)) {
        return false;
    }
    const char *at = p->lexer.word;
    bool ok = true;
    for (bool more = true; ok && more;) {
        char *end;
        unsigned long number = strtoul(at, &end, 10);
        ok = *at >= '0' && *at <= '9' && number >= 1 && number <= 64 &&
             (*end == ',' || *end == '\0');
        st->fault.ordinals |= ok ? UINT64_C(1) << (number - 1) : 0;
        more = *end == ',';
        at = end + 1;
    }
    if (!ok) {
        return lexer_fail(&p->lexer, "which: %s; numbers from 1 to 64 such as 1,3 are right",
                          lexer_shown(&p->lexer));
    }
    lexer_next(&p->lexer);
    return parse_match_and_for(p, st);
}

static bool parse_lag(struct parser *p, struct statement *st)
{
    return !lexer_take(&p->lexer, "lag") ||
           lexer_span(&p->lexer, "lag", NO_TIME, SPAN_MAX, &st->fault.jitter);
}

static bool parse_dup(struct parser *p, struct statement *st)
{
    st->fault.jitter = CARP_MILLISECONDS(1);
    return parse_fault(p, st) && lexer_ppm(&p->lexer, "dup", &st->fault.duplicate_ppm) &&
           parse_lag(p, st) && parse_match_and_for(p, st);
}

static bool parse_reorder(struct parser *p, struct statement *st)
{
    st->fault.jitter = CARP_MILLISECONDS(1);
    return parse_fault(p, st) && lexer_ppm(&p->lexer, "reorder", &st->fault.reorder_ppm) &&
           parse_lag(p, st) && parse_match_and_for(p, st);
}

static bool parse_corrupt(struct parser *p, struct statement *st)
{
    if (!parse_fault(p, st) || !lexer_ppm(&p->lexer, "corrupt", &st->fault.corrupt_ppm)) {
        return false;
    }
    st->fault.unseen = lexer_take(&p->lexer, "unseen");
    return parse_match_and_for(p, st);
}

static bool parse_delay(struct parser *p, struct statement *st)
{
    struct lexer *l = &p->lexer;
    return parse_fault(p, st) && lexer_span(l, "delay", NO_TIME, SPAN_MAX, &st->fault.delay) &&
           (!lexer_take(l, "jitter") ||
            lexer_span(l, "jitter", NO_TIME, SPAN_MAX, &st->fault.jitter)) &&
           parse_match_and_for(p, st);
}

static bool parse_rate(struct parser *p, struct statement *st)
{
    struct lexer *l = &p->lexer;
    uint64_t kbit, queue = 65536;
    bool ok = parse_fault(p, st) && lexer_number(l, "rate in kbit/s", 1, 1000000, &kbit) &&
              (!lexer_take(l, "queue") || lexer_number(l, "queue in bytes", 0, 1 << 30, &queue)) &&
              parse_match_and_for(p, st);
    st->fault.rate = ok ? kbit * 1000 : 0;
    st->fault.queue = queue;
    return ok;
}

static bool parse_hold(struct parser *p, struct statement *st)
{
    st->fault.holds = true;
    return parse_fault(p, st) && parse_match_and_for(p, st);
}

/* --- splits -------------------------------------------------------------------------------------
 */

static bool parse_side(struct parser *p, struct statement *st, uint8_t side)
{
    struct lexer *l = &p->lexer;
    unsigned count = 0;
    while (l->word[0] != '\0' && !lexer_is(l, "}")) {
        char names[WORD_MAX];
        if (lexer_is(l, "{")) { /* the side before was not closed */
            break;
        }
        memcpy(names, l->word, sizeof names);
        for (char *name = strtok(names, ","); name != NULL; name = strtok(NULL, ",")) {
            uint32_t node = find_node(p->scenario, name);
            if (node == NONE) {
                return lexer_fail(l, "unknown node %s; nodes are declared above", name);
            }
            if (st->sides[node] != 0) {
                return lexer_fail(l, "%s is on two sides", name);
            }
            st->sides[node] = side;
            count += 1;
        }
        lexer_next(l);
    }
    if (count == 0 || !lexer_take(l, "}")) {
        return lexer_fail(l, "split: {a b} {c} is right");
    }
    return true;
}

static bool parse_split(struct parser *p, struct statement *st)
{
    struct lexer *l = &p->lexer;
    uint8_t side = 0;
    st->kind = DO_SPLIT;
    st->side_count = p->scenario->node_count;
    st->sides = memory_make(st->side_count, 1);
    while (lexer_take(l, "{")) {
        side += 1;
        if (side == UINT8_MAX) {
            return lexer_fail(l, "split: more than %d sides", UINT8_MAX - 1);
        }
        if (!parse_side(p, st, side)) {
            return false;
        }
    }
    if (side < 2) {
        return lexer_fail(l, "split: %u sides; {a b} {c} is right", side);
    }
    return parse_for(p, &st->lasts);
}

/* --- all of them --------------------------------------------------------------------------------
 */

static bool parse_join(struct parser *p, struct statement *st)
{
    (void)p;
    st->kind = DO_JOIN;
    return true;
}

static bool parse_release(struct parser *p, struct statement *st)
{
    (void)p;
    st->kind = DO_RELEASE;
    return true;
}

static bool parse_heal(struct parser *p, struct statement *st)
{
    (void)p;
    st->kind = DO_HEAL;
    return true;
}

const struct action fault_actions[] = {
    {"block", parse_block},     {"oneway", parse_oneway},
    {"loss", parse_loss},       {"burst", parse_burst},
    {"lose", parse_lose},       {"dup", parse_dup},
    {"reorder", parse_reorder}, {"corrupt", parse_corrupt},
    {"delay", parse_delay},     {"rate", parse_rate},
    {"hold", parse_hold},       {"release", parse_release},
    {"split", parse_split},     {"join", parse_join},
    {"heal", parse_heal},       {NULL, NULL},
};
