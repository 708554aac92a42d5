#include "sim/scenario_internal.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "sim/memory.h"

/* vhid N of the statement's node, which is to have it. */
static bool parse_of_vhid(struct parser *p, struct statement *st)
{
    const struct scenario_node *n = &p->scenario->nodes[st->node];
    struct lexer before = p->lexer;
    if (!lexer_take(&p->lexer, "vhid")) {
        return true;
    }
    if (!parse_vhid(p, &st->vhid)) {
        return false;
    }
    for (size_t g = 0; g < n->group_count; g++) {
        if (n->groups[g].config.vhid == st->vhid) {
            return true;
        }
    }
    p->lexer = before;
    return lexer_fail(&p->lexer, "%s has no vhid %u", n->name, st->vhid);
}

static bool is_machine(const struct parser *p, uint32_t node)
{
    return p->scenario->nodes[node].profile <= PROFILE_OPENBSD;
}

static bool parse_machine(struct parser *p, struct statement *st)
{
    struct lexer before = p->lexer;
    if (!parse_node_name(p, &st->node)) {
        return false;
    }
    if (!is_machine(p, st->node)) {
        p->lexer = before;
        return lexer_fail(&p->lexer, "%s is no node with a vhid", before.word);
    }
    return true;
}

static bool parse_engine(struct parser *p, struct statement *st)
{
    struct lexer before = p->lexer;
    if (!parse_node_name(p, &st->node)) {
        return false;
    }
    if (p->scenario->nodes[st->node].profile != PROFILE_ENGINE) {
        p->lexer = before;
        return lexer_fail(&p->lexer, "%s does not run the engine", before.word);
    }
    return true;
}

static bool parse_life(struct parser *p, struct statement *st, enum statement_kind kind)
{
    st->kind = kind;
    return parse_node_name(p, &st->node) && parse_for(p, &st->lasts);
}

static bool parse_crash(struct parser *p, struct statement *st)
{
    return parse_life(p, st, DO_CRASH);
}

static bool parse_boot(struct parser *p, struct statement *st)
{
    return parse_life(p, st, DO_BOOT);
}

static bool parse_reboot(struct parser *p, struct statement *st)
{
    st->kind = DO_REBOOT;
    st->lasts = CARP_SECONDS(1);
    return parse_node_name(p, &st->node) &&
           (!lexer_take(&p->lexer, "after") ||
            lexer_span(&p->lexer, "after", (carp_duration){1}, SCENARIO_TIME_MAX, &st->lasts));
}

static bool parse_stop(struct parser *p, struct statement *st)
{
    return parse_life(p, st, DO_STOP);
}

static bool parse_start(struct parser *p, struct statement *st)
{
    return parse_life(p, st, DO_START);
}

static bool parse_kill(struct parser *p, struct statement *st)
{
    struct lexer before = p->lexer;
    if (!parse_life(p, st, DO_KILL)) {
        return false;
    }
    enum profile profile = p->scenario->nodes[st->node].profile;
    if (profile != PROFILE_ENGINE && profile != PROFILE_UCARP) {
        p->lexer = before;
        return lexer_fail(&p->lexer, "kill: %s runs no daemon that could be; crash is right",
                          before.word);
    }
    return true;
}

static bool is_kernel(const struct parser *p, uint32_t node)
{
    enum profile profile = p->scenario->nodes[node].profile;
    return profile > PROFILE_UCARP && profile <= PROFILE_OPENBSD;
}

static bool parse_freeze(struct parser *p, struct statement *st)
{
    st->kind = DO_FREEZE;
    struct lexer before = p->lexer;
    if (!parse_machine(p, st)) {
        return false;
    }
    if (is_kernel(p, st->node)) {
        p->lexer = before;
        return lexer_fail(&p->lexer, "freeze: %s runs no daemon that could be; pause is right",
                          before.word);
    }
    st->flag = lexer_take(&p->lexer, "all");
    return parse_for(p, &st->lasts);
}

static bool parse_thaw(struct parser *p, struct statement *st)
{
    return parse_life(p, st, DO_THAW);
}

static bool parse_pause(struct parser *p, struct statement *st)
{
    static const char *const clocks[] = {"continues", "stops", "jumps", NULL};
    static const char *const queues[] = {"kept", "lost", NULL};
    struct lexer *l = &p->lexer;
    unsigned index;
    st->kind = DO_PAUSE;
    if (!parse_node_name(p, &st->node)) {
        return false;
    }
    if (!lexer_is(l, "for")) {
        return lexer_fail(l, "pause: for TIME is missing");
    }
    if (!parse_for(p, &st->lasts)) {
        return false;
    }
    while (!l->failed && l->word[0] != '\0') {
        if (lexer_take(l, "clock")) {
            if (lexer_choice(l, "clock", clocks, &index)) {
                st->clock = (enum pause_clock)index;
            }
        } else if (lexer_take(l, "queue")) {
            if (lexer_choice(l, "queue", queues, &index)) {
                st->flag = index == 1;
            }
        } else {
            return lexer_fail(l, "unknown option %s of a pause; clock and queue are right",
                              l->word);
        }
    }
    return !l->failed;
}

static bool parse_set_drift(struct parser *p, struct statement *st)
{
    st->kind = DO_DRIFT;
    return parse_node_name(p, &st->node) && parse_drift(p, &st->number);
}

/* So that no clock leaves the range of its numbers. */
static bool count_step(struct parser *p, const struct lexer *before, int64_t ns)
{
    p->stepped_ns += (uint64_t)(ns < 0 ? -ns : ns);
    if (p->stepped_ns > SCENARIO_TIME_MAX.ns) {
        p->lexer = *before;
        return lexer_fail(&p->lexer, "all clock and jump together: at most 100y is right");
    }
    return true;
}

static bool parse_clock(struct parser *p, struct statement *st)
{
    struct lexer before = p->lexer;
    st->kind = DO_CLOCK;
    return parse_node_name(p, &st->node) &&
           lexer_signed_duration(&p->lexer, "clock", &st->number) &&
           count_step(p, &before, st->number);
}

static bool parse_jump(struct parser *p, struct statement *st)
{
    struct lexer before = p->lexer;
    st->kind = DO_JUMP;
    if (!parse_node_name(p, &st->node) || !lexer_signed_duration(&p->lexer, "jump", &st->number)) {
        return false;
    }
    if (st->number < 0) {
        p->lexer = before;
        return lexer_fail(&p->lexer, "jump: a monotonic clock does not go back");
    }
    return count_step(p, &before, st->number);
}

/* "down a", "down a@s2": the interface, or the one to that switch. */
static bool parse_nic_of(struct parser *p, struct statement *st)
{
    char name[WORD_MAX];
    memcpy(name, p->lexer.word, sizeof name);
    char *at = strchr(name, '@');
    st->nic = UINT_MAX;
    if (at != NULL) {
        *at = '\0';
    }
    st->node = find_node(p->scenario, name);
    if (st->node == NONE) {
        return lexer_fail(&p->lexer, "unknown node %s; nodes are declared above",
                          lexer_named(&p->lexer));
    }
    const struct scenario_node *n = &p->scenario->nodes[st->node];
    for (unsigned i = 0; at != NULL && i < n->nic_count; i++) {
        if (strcmp(p->scenario->switches[n->nics[i].to_switch].name, at + 1) == 0) {
            st->nic = i;
        }
    }
    if (at != NULL && st->nic == UINT_MAX) {
        return lexer_fail(&p->lexer, "%s has no interface to %s", name, at + 1);
    }
    lexer_next(&p->lexer);
    return true;
}

static bool parse_down(struct parser *p, struct statement *st)
{
    st->kind = DO_LINK;
    st->number = 0;
    return parse_nic_of(p, st) && parse_for(p, &st->lasts);
}

static bool parse_up(struct parser *p, struct statement *st)
{
    st->kind = DO_LINK;
    st->number = 1;
    return parse_nic_of(p, st);
}

static bool parse_send_error(struct parser *p, struct statement *st)
{
    static const char *const words[] = {"off", "enobufs", "enetdown", "eperm", NULL};
    static const int errors[] = {0, -ENOBUFS, -ENETDOWN, -EPERM};
    unsigned index;
    st->kind = DO_SEND_ERROR;
    if (!parse_machine(p, st) || !lexer_choice(&p->lexer, "an error", words, &index)) {
        return false;
    }
    st->number = errors[index];
    return parse_for(p, &st->lasts);
}

static bool parse_claim_error(struct parser *p, struct statement *st)
{
    st->kind = DO_CLAIM_ERROR;
    st->number = -EPERM;
    return parse_engine(p, st) && parse_for(p, &st->lasts);
}

static bool parse_demote(struct parser *p, struct statement *st)
{
    struct lexer *l = &p->lexer;
    uint64_t weight;
    st->kind = DO_DEMOTE;
    struct lexer before = *l;
    if (!parse_machine(p, st)) {
        return false;
    }
    if (p->scenario->nodes[st->node].profile == PROFILE_UCARP) {
        *l = before;
        return lexer_fail(l, "demote: %s is a UCARP, which cannot be", before.word);
    }
    bool engine = p->scenario->nodes[st->node].profile == PROFILE_ENGINE;
    bool negative = !engine && l->word[0] == '-';
    if (negative) {
        memmove(l->word, l->word + 1, strlen(l->word));
    }
    if (!lexer_number(l, "demotion", 0, engine ? 255 : 100000, &weight)) {
        return false;
    }
    st->number = negative ? -(int64_t)weight : (int64_t)weight;
    if (!engine && lexer_is(l, "vhid")) {
        return lexer_fail(l,
                          "demote: %s counts for all of its virtual hosts; without vhid is right",
                          p->scenario->nodes[st->node].name);
    }
    return parse_of_vhid(p, st) && parse_for(p, &st->lasts);
}

static bool parse_yield(struct parser *p, struct statement *st)
{
    st->kind = DO_YIELD;
    return parse_machine(p, st) && parse_of_vhid(p, st);
}

static bool parse_remove(struct parser *p, struct statement *st)
{
    st->kind = DO_LOSE;
    return parse_engine(p, st) && parse_of_vhid(p, st);
}

/* "reload a vhid 1 skew 50": the program is started again with other settings, or told them as its
 * implementation can be. */
static bool parse_reload(struct parser *p, struct statement *st)
{
    st->kind = DO_RELOAD;
    if (!parse_machine(p, st) || !parse_of_vhid(p, st)) {
        return false;
    }
    const struct scenario_node *n = &p->scenario->nodes[st->node];
    size_t g = 0;
    while (st->vhid != 0 && n->groups[g].config.vhid != st->vhid) {
        g++;
    }
    /* On top of what earlier reloads of this group said. */
    const struct carp_config *base = &n->groups[g].config;
    for (size_t i = 0; i < p->scenario->statement_count; i++) {
        const struct statement *before = &p->scenario->statements[i];
        if (before->kind == DO_RELOAD && before->node == st->node &&
            before->config->vhid == base->vhid) {
            base = before->config;
        }
    }
    st->config = memory_make(1, sizeof *st->config);
    *st->config = *base;
    st->vhid = st->config->vhid;
    while (p->lexer.word[0] != '\0') {
        enum parsed parsed = parse_group_option(p, st->config);
        if (parsed != PARSED) {
            return parsed == PARSED_WRONG
                       ? false
                       : lexer_fail(&p->lexer, "unknown option %s of a group", p->lexer.word);
        }
    }
    return check_config(p, n->profile, st->config);
}

const struct action machine_actions[] = {
    {"crash", parse_crash},
    {"boot", parse_boot},
    {"reboot", parse_reboot},
    {"stop", parse_stop},
    {"start", parse_start},
    {"kill", parse_kill},
    {"freeze", parse_freeze},
    {"thaw", parse_thaw},
    {"pause", parse_pause},
    {"drift", parse_set_drift},
    {"clock", parse_clock},
    {"jump", parse_jump},
    {"down", parse_down},
    {"up", parse_up},
    {"senderr", parse_send_error},
    {"claimerr", parse_claim_error},
    {"demote", parse_demote},
    {"yield", parse_yield},
    {"remove", parse_remove},
    {"reload", parse_reload},
    {NULL, NULL},
};
