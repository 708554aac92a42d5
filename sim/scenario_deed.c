#include "sim/scenario_internal.h"

#include <string.h>

static bool parse_stranger(struct parser *p, struct statement *st, enum deed_kind kind)
{
    struct lexer before = p->lexer;
    st->kind = DO_DEED;
    st->deed = (struct deed){.kind = kind, .of = NONE, .ends = CARP_NEVER, .version = 2, .vhid = 0};
    if (!parse_node_name(p, &st->node)) {
        return false;
    }
    if (p->scenario->nodes[st->node].profile != PROFILE_STRANGER) {
        p->lexer = before;
        return lexer_fail(&p->lexer, "%s is no stranger", before.word);
    }
    return true;
}

/* Each deed has options of its own. */
static bool takes(const struct lexer *l, enum deed_kind kind, const char *option)
{
    static const char *const options[] = {
        [DEED_REPLAY] = " of every ",
        [DEED_FORGE] = " of base skew demote ",
        [DEED_REFLECT] = " of ",
        [DEED_FLOOD] = " vhid every ",
        [DEED_VRRP] = " id version every ",
        [DEED_SPOOF] = " every ",
        [DEED_NOISE] = " vhid every ",
    };
    const char *found = strstr(options[kind], option);
    return lexer_is(l, option) && found != NULL && found[-1] == ' ' && found[strlen(option)] == ' ';
}

static bool parse_deed_options(struct parser *p, struct statement *st, bool periodic)
{
    struct lexer *l = &p->lexer;
    struct deed *d = &st->deed;
    uint64_t number;
    d->period = periodic ? CARP_SECONDS(1) : (carp_duration){0};
    while (!l->failed && l->word[0] != '\0' && !lexer_is(l, "for")) {
        bool ok = true;
        if (takes(l, d->kind, "of")) {
            lexer_next(l);
            ok = parse_node_name(p, &d->of);
        } else if (takes(l, d->kind, "every")) {
            lexer_next(l);
            ok = lexer_span(l, "every", (carp_duration){10000}, SCENARIO_TIME_MAX, &d->period);
        } else if (takes(l, d->kind, "base")) {
            lexer_next(l);
            ok = lexer_number(l, "base", 0, 255, &number);
            d->advbase = (uint8_t)number;
        } else if (takes(l, d->kind, "skew")) {
            lexer_next(l);
            ok = lexer_number(l, "skew", 0, 255, &number);
            d->advskew = (uint8_t)number;
        } else if (takes(l, d->kind, "demote")) {
            lexer_next(l);
            ok = lexer_number(l, "demote", 0, 255, &number);
            d->demote = (uint8_t)number;
        } else if (takes(l, d->kind, "version")) {
            lexer_next(l);
            ok = lexer_number(l, "version", 2, 3, &number);
            d->version = (uint8_t)number;
        } else if (takes(l, d->kind, "vhid") || takes(l, d->kind, "id")) {
            lexer_next(l);
            ok = parse_vhid(p, &d->vhid);
        } else if (d->kind == DEED_SPOOF && lexer_at_address(l)) {
            ok = lexer_address(l, "address", &d->address);
        } else {
            ok = lexer_fail(l, "unknown option %s; docs/SIMULATOR.md has them", l->word);
        }
        if (!ok) {
            return false;
        }
    }
    return parse_for(p, &st->lasts);
}

static bool parse_replayer(struct parser *p, struct statement *st)
{
    return parse_stranger(p, st, DEED_REPLAY) && parse_deed_options(p, st, true) &&
           (st->deed.of != NONE || lexer_fail(&p->lexer, "replay: of NODE is missing"));
}

static bool parse_forger(struct parser *p, struct statement *st)
{
    return parse_stranger(p, st, DEED_FORGE) && parse_deed_options(p, st, false);
}

static bool parse_reflector(struct parser *p, struct statement *st)
{
    return parse_stranger(p, st, DEED_REFLECT) && parse_deed_options(p, st, false);
}

static bool parse_flooder(struct parser *p, struct statement *st)
{
    return parse_stranger(p, st, DEED_FLOOD) && parse_deed_options(p, st, true);
}

static bool parse_vrrp(struct parser *p, struct statement *st)
{
    return parse_stranger(p, st, DEED_VRRP) && parse_deed_options(p, st, true) &&
           (st->deed.vhid != 0 || lexer_fail(&p->lexer, "vrrp: id N is missing"));
}

static bool parse_spoofer(struct parser *p, struct statement *st)
{
    return parse_stranger(p, st, DEED_SPOOF) && parse_deed_options(p, st, true) &&
           (st->deed.address.family != 0 || lexer_fail(&p->lexer, "spoof: an address is missing"));
}

static bool parse_noise(struct parser *p, struct statement *st)
{
    return parse_stranger(p, st, DEED_NOISE) && parse_deed_options(p, st, true) &&
           (st->deed.vhid != 0 || lexer_fail(&p->lexer, "noise: vhid N is missing"));
}

const struct action deed_actions[] = {
    {"replay", parse_replayer},   {"forge", parse_forger},
    {"reflect", parse_reflector}, {"flood", parse_flooder},
    {"vrrp", parse_vrrp},         {"spoof", parse_spoofer},
    {"noise", parse_noise},       {NULL, NULL},
};
