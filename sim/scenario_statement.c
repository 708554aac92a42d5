#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "sim/memory.h"
#include "sim/scenario_internal.h"

/* --- small parts --------------------------------------------------------------------------------
 */

bool parse_drift(struct parser *p, int64_t *ppb)
{
    const char *word = p->lexer.word;
    char *end;
    errno = 0;
    long value = strtol(word, &end, 10);
    if (end == word || strcmp(end, "ppm") != 0 || value < -1000 || value > 1000 || errno != 0) {
        return lexer_fail(&p->lexer, "drift: %s; -1000ppm to 1000ppm is right",
                          lexer_shown(&p->lexer));
    }
    *ppb = value * 1000;
    lexer_next(&p->lexer);
    return true;
}

/* A file beside the scenario: nothing else can be read by one. */
bool parse_config_file(struct parser *p, struct scenario_node *n)
{
    struct lexer *l = &p->lexer;
    char error[SCENARIO_ERROR_MAX], path[1024];
    const char *slash = strrchr(l->name, '/');
    int folder = slash == NULL ? 0 : (int)(slash - l->name) + 1;
    if (l->word[0] == '\0' || l->word[0] == '/' || strstr(l->word, "..") != NULL) {
        return lexer_fail(l, "config: %s; a file in the scenario's own folder is right",
                          lexer_shown(l));
    }
    if (p->loader == NULL || p->loader->load == NULL) {
        return lexer_fail(l, "config: this program was built without YAML");
    }
    if ((size_t)snprintf(path, sizeof path, "%.*s%s", folder, l->name, l->word) >= sizeof path) {
        return lexer_fail(l, "config: %s; the path of the scenario's folder is too long", l->word);
    }
    if (p->loader->load(p->loader->self, path, n, error) != 0) {
        return lexer_fail(l, "config: %s", error);
    }
    lexer_next(l);
    return true;
}

/* "for 0s" would be until something else ends it. */
static bool parse_for(struct parser *p, carp_duration *lasts)
{
    return !lexer_take(&p->lexer, "for") ||
           lexer_span(&p->lexer, "for", (carp_duration){1}, SCENARIO_TIME_MAX, lasts);
}

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

static bool parse_target(struct parser *p, struct statement *st)
{
    return parse_node_name(p, &st->node);
}

static bool is_machine(const struct parser *p, uint32_t node)
{
    return p->scenario->nodes[node].profile <= PROFILE_OPENBSD;
}

static bool parse_machine(struct parser *p, struct statement *st)
{
    struct lexer before = p->lexer;
    if (!parse_target(p, st)) {
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
    if (!parse_target(p, st)) {
        return false;
    }
    if (p->scenario->nodes[st->node].profile != PROFILE_ENGINE) {
        p->lexer = before;
        return lexer_fail(&p->lexer, "%s does not run the engine", before.word);
    }
    return true;
}

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

/* --- machines -----------------------------------------------------------------------------------
 */

static bool parse_life(struct parser *p, struct statement *st, enum statement_kind kind)
{
    st->kind = kind;
    return parse_target(p, st) && parse_for(p, &st->lasts);
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
    return parse_target(p, st) &&
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
    if (!parse_target(p, st)) {
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
    return parse_target(p, st) && parse_drift(p, &st->number);
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
    return parse_target(p, st) && lexer_signed_duration(&p->lexer, "clock", &st->number) &&
           count_step(p, &before, st->number);
}

static bool parse_jump(struct parser *p, struct statement *st)
{
    struct lexer before = p->lexer;
    st->kind = DO_JUMP;
    if (!parse_target(p, st) || !lexer_signed_duration(&p->lexer, "jump", &st->number)) {
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

/* --- strangers ----------------------------------------------------------------------------------
 */

static bool parse_stranger(struct parser *p, struct statement *st, enum deed_kind kind)
{
    struct lexer before = p->lexer;
    st->kind = DO_DEED;
    st->deed = (struct deed){.kind = kind, .of = NONE, .ends = CARP_NEVER, .version = 2, .vhid = 0};
    if (!parse_target(p, st)) {
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

/* --- the rest -----------------------------------------------------------------------------------
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

static const struct {
    const char *word;
    bool (*parse)(struct parser *p, struct statement *st);
} actions[] = {
    {"crash", parse_crash},        {"boot", parse_boot},
    {"reboot", parse_reboot},      {"stop", parse_stop},
    {"start", parse_start},        {"kill", parse_kill},
    {"freeze", parse_freeze},      {"thaw", parse_thaw},
    {"pause", parse_pause},        {"drift", parse_set_drift},
    {"clock", parse_clock},        {"jump", parse_jump},
    {"down", parse_down},          {"up", parse_up},
    {"senderr", parse_send_error}, {"claimerr", parse_claim_error},
    {"demote", parse_demote},      {"yield", parse_yield},
    {"remove", parse_remove},      {"reload", parse_reload},
    {"split", parse_split},        {"join", parse_join},
    {"block", parse_block},        {"oneway", parse_oneway},
    {"loss", parse_loss},          {"burst", parse_burst},
    {"lose", parse_lose},          {"dup", parse_dup},
    {"reorder", parse_reorder},    {"corrupt", parse_corrupt},
    {"delay", parse_delay},        {"rate", parse_rate},
    {"hold", parse_hold},          {"release", parse_release},
    {"heal", parse_heal},          {"replay", parse_replayer},
    {"forge", parse_forger},       {"reflect", parse_reflector},
    {"flood", parse_flooder},      {"vrrp", parse_vrrp},
    {"spoof", parse_spoofer},      {"noise", parse_noise},
    {"oracle", parse_oracle},
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

static bool parse_action(struct parser *p, const struct moment *when)
{
    struct statement st = {
        .line = p->lexer.line,
        .when = *when,
        .node = NONE,
        .fault = {.origin = NONE},
    };
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (lexer_take(&p->lexer, actions[i].word)) {
            if (!actions[i].parse(p, &st) || p->lexer.failed || !append_statement(p, &st)) {
                free(st.sides);
                free(st.config);
                return false;
            }
            return true;
        }
    }
    return lexer_fail(&p->lexer, "unknown action %s; docs/SIMULATOR.md has them",
                      lexer_named(&p->lexer));
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
