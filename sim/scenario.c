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

static bool new_name(struct parser *p, const char *what, char name[SCENARIO_NAME_MAX])
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

/* --- groups -------------------------------------------------------------------------------------
 */

static bool parse_u8(struct parser *p, const char *what, uint64_t min, uint64_t max, uint8_t *value)
{
    uint64_t read;
    if (!lexer_number(&p->lexer, what, min, max, &read)) {
        return false;
    }
    *value = (uint8_t)read;
    return true;
}

static bool parse_key(struct parser *p, struct carp_config *config)
{
    size_t size = strlen(p->lexer.word);
    if (size == 0 || size > CARP_KEY_SIZE) {
        return lexer_fail(&p->lexer, "key: %zu characters; 1 to %d are right", size, CARP_KEY_SIZE);
    }
    memset(config->keys[0], 0, CARP_KEY_SIZE);
    memcpy(config->keys[0], p->lexer.word, size);
    config->key_count = 1;
    lexer_next(&p->lexer);
    return true;
}

static bool add_vip(struct parser *p, struct carp_config *config, const struct sim_address *address)
{
    uint8_t *count = address->family == 4 ? &config->ipv4_count : &config->ipv6_count;
    if (*count == CARP_ADDRESSES_MAX) {
        return lexer_fail(&p->lexer, "vip: more than %d addresses of one family",
                          CARP_ADDRESSES_MAX);
    }
    memcpy(address->family == 4 ? config->ipv4[*count] : config->ipv6[*count], address->bytes,
           address->family == 4 ? 4 : 16);
    *count += 1;
    return true;
}

/* One address or several, separated by commas. */
static bool parse_vips(struct parser *p, struct carp_config *config)
{
    char all[WORD_MAX];
    memcpy(all, p->lexer.word, sizeof all);
    config->ipv4_count = config->ipv6_count = 0;
    memset(config->ipv4, 0, sizeof config->ipv4);
    memset(config->ipv6, 0, sizeof config->ipv6);
    for (char *at = all; at != NULL;) {
        char *comma = strchr(at, ',');
        struct sim_address address;
        if (comma != NULL) {
            *comma = '\0';
        }
        struct lexer one = p->lexer;
        strcpy(one.word, at);
        if (!lexer_at_address(&one)) {
            return lexer_fail(&p->lexer,
                              "vip: %s; an address such as 10.0.0.254 is right, several "
                              "are separated by commas",
                              at[0] == '\0' ? "nothing" : at);
        }
        lexer_address(&one, "vip", &address);
        if (!add_vip(p, config, &address)) {
            return false;
        }
        at = comma == NULL ? NULL : comma + 1;
    }
    config_sort_addresses(config);
    lexer_next(&p->lexer);
    return true;
}

static bool parse_dialect(struct parser *p, struct carp_config *config)
{
    static const char *const words[] = {"advskew", "openbsd", NULL};
    unsigned index;
    if (!lexer_choice(&p->lexer, "dialect", words, &index)) {
        return false;
    }
    config->dialect = index == 0 ? CARP_DIALECT_ADVSKEW : CARP_DIALECT_OPENBSD;
    return true;
}

static bool parse_replay(struct parser *p, struct carp_config *config)
{
    static const char *const words[] = {"auto", "enforce", "off", NULL};
    unsigned index;
    if (!lexer_choice(&p->lexer, "replay", words, &index)) {
        return false;
    }
    config->replay = (enum carp_replay)index;
    return true;
}

static bool parse_source_mac(struct parser *p, struct carp_config *config)
{
    static const char *const words[] = {"interface", "virtual", NULL};
    unsigned index;
    if (!lexer_choice(&p->lexer, "source-mac", words, &index)) {
        return false;
    }
    config->source_mac = (enum carp_source_mac)index;
    return true;
}

enum parsed parse_group_option(struct parser *p, struct carp_config *config)
{
    struct lexer *l = &p->lexer;
    bool ok;
    if (lexer_take(l, "base")) {
        ok = parse_u8(p, "base", 0, 255, &config->advbase);
    } else if (lexer_take(l, "skew")) {
        ok = parse_u8(p, "skew", 0, 255, &config->advskew);
    } else if (lexer_take(l, "ratio")) {
        ok = parse_u8(p, "ratio", 1, 255, &config->dead_ratio);
    } else if (lexer_take(l, "preempt")) {
        config->preempt = lexer_take(l, "on") || !lexer_take(l, "off");
        ok = true;
    } else if (lexer_take(l, "key")) {
        ok = parse_key(p, config);
    } else if (lexer_take(l, "vip")) {
        ok = parse_vips(p, config);
    } else if (lexer_take(l, "dialect")) {
        ok = parse_dialect(p, config);
    } else if (lexer_take(l, "replay")) {
        ok = parse_replay(p, config);
    } else if (lexer_take(l, "source-mac")) {
        ok = parse_source_mac(p, config);
    } else if (lexer_take(l, "hold-down")) {
        ok = lexer_span(l, "hold-down", NO_TIME, SPAN_MAX, &config->hold_down);
    } else if (lexer_take(l, "preempt-delay")) {
        ok = lexer_span(l, "preempt-delay", NO_TIME, SPAN_MAX, &config->preempt_delay);
    } else if (lexer_take(l, "broadcast")) {
        config->broadcast = true;
        ok = true;
    } else {
        return PARSED_NOT_MINE;
    }
    return ok ? PARSED : PARSED_WRONG;
}

/* What a group of this vhid is unless something is said: as `group` said, or the commonest. */
static struct carp_config default_config(const struct parser *p, uint8_t vhid)
{
    if (p->has_default[vhid]) {
        return p->defaults[vhid];
    }
    struct carp_config config = {
        .vhid = vhid,
        .advbase = 1,
        .dead_ratio = 3,
        .ipv4_group = {224, 0, 0, 18},
        .key_count = 1,
        .keys = {"secret"},
        .ipv4_count = 1,
        .ipv4 = {{10, 0, (uint8_t)(vhid - 1), 254}},
    };
    return config;
}

bool check_config(struct parser *p, enum profile profile, const struct carp_config *c)
{
    struct lexer *l = &p->lexer;
    bool kernel =
        profile == PROFILE_FREEBSD || profile == PROFILE_NETBSD || profile == PROFILE_OPENBSD;
    if (c->advbase == 0 && c->advskew == 0 && profile != PROFILE_OPENBSD) {
        return lexer_fail(l, "base 0 with skew 0; with base 0 the skew is at least 1");
    }
    if (c->advskew == 255 && profile != PROFILE_UCARP) {
        return lexer_fail(l, "skew 255; 0 to 254 is right (255 is UCARP's alone)");
    }
    if (profile == PROFILE_FREEBSD && c->advbase == 0) {
        return lexer_fail(l, "base 0; FreeBSD has no less than 1");
    }
    if (profile == PROFILE_UCARP && (c->ipv4_count != 1 || c->ipv6_count != 0)) {
        return lexer_fail(l, "vip: UCARP has exactly one IPv4 address");
    }
    if (kernel && c->dead_ratio != 3) {
        return lexer_fail(l, "ratio %u; the kernels' is 3", c->dead_ratio);
    }
    return true;
}

static bool parse_group_default(struct parser *p)
{
    uint8_t vhid;
    if (!parse_vhid(p, &vhid)) {
        return false;
    }
    struct carp_config config = default_config(p, vhid);
    while (p->lexer.word[0] != '\0') {
        switch (parse_group_option(p, &config)) {
        case PARSED:
            break;
        case PARSED_WRONG:
            return false;
        case PARSED_NOT_MINE:
            return lexer_fail(&p->lexer, "unknown option %s of a group; docs/SIMULATOR.md has them",
                              p->lexer.word);
        }
    }
    p->defaults[vhid] = config;
    p->has_default[vhid] = true;
    return !p->lexer.failed;
}

/* --- switches -----------------------------------------------------------------------------------
 */

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

static bool parse_switch(struct parser *p)
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

static bool parse_link(struct parser *p)
{
    struct scenario *s = p->scenario;
    struct scenario_link made = {.delay = DEFAULT_DELAY};
    if (!parse_switch_name(p, &made.a) || !parse_switch_name(p, &made.b)) {
        return false;
    }
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

/* --- nodes --------------------------------------------------------------------------------------
 */

static bool add_nic(struct parser *p, struct scenario_node *n, const char *switch_name)
{
    uint32_t to = find_switch(p->scenario, switch_name);
    if (to == NONE) {
        return lexer_fail(&p->lexer,
                          "unknown switch %s; switches are declared above the line that "
                          "uses them",
                          switch_name[0] == '\0' ? "(none)" : switch_name);
    }
    if (n->nic_count == SCENARIO_NICS_MAX) {
        return lexer_fail(&p->lexer, "more than %d interfaces", SCENARIO_NICS_MAX);
    }
    struct scenario_nic *nic = &n->nics[n->nic_count++];
    nic->to_switch = to;
    nic->delay = DEFAULT_DELAY;
    nic->self = p->next_self;
    p->next_self = (struct carp_self){.has_ipv4 = false};
    p->has_address = false;
    lexer_next(&p->lexer);
    return !p->lexer.failed;
}

/* Does every address that was given belong to an interface? */
static bool check_addresses(struct parser *p)
{
    return !p->has_address ||
           lexer_fail(&p->lexer, "an address without an interface; @SWITCH is missing after it");
}

static bool parse_own_address(struct parser *p)
{
    struct sim_address address;
    if (!lexer_address(&p->lexer, "address", &address)) {
        return false;
    }
    if (address.family == 4) {
        p->next_self.has_ipv4 = true;
        memcpy(p->next_self.ipv4, address.bytes, 4);
    } else {
        p->next_self.has_ipv6 = true;
        memcpy(p->next_self.ipv6, address.bytes, 16);
    }
    p->has_address = true;
    return true;
}

static bool parse_profile(struct parser *p, struct scenario_node *n)
{
    static const char *const words[] = {"engine", "ucarp", "freebsd", "netbsd", "openbsd", NULL};
    unsigned index;
    if (p->program_options) {
        return lexer_fail(&p->lexer, "profile: it goes before the options of the program");
    }
    if (!lexer_choice(&p->lexer, "profile", words, &index)) {
        return false;
    }
    n->profile = (enum profile)index;
    if (n->profile != PROFILE_ENGINE) {
        persona_defaults(&n->persona, (enum persona_kind)(index - 1));
        n->persona.kind = (enum persona_kind)(index - 1);
    }
    return true;
}

static bool parse_range(struct parser *p, const char *what, carp_duration *min, carp_duration *max)
{
    struct moment range;
    struct lexer before = p->lexer;
    if (!lexer_at_duration(&p->lexer) || !lexer_moment(&p->lexer, &range) || range.relative) {
        p->lexer = before;
        return lexer_fail(&p->lexer,
                          "%s: %s; a time such as 1ms or a range such as 1ms~20ms is "
                          "right",
                          what, before.word);
    }
    if (range.to.ns > SPAN_MAX.ns) {
        p->lexer = before;
        return lexer_fail(&p->lexer, "%s: %s; at most 1h is right", what, before.word);
    }
    min->ns = range.from.ns;
    max->ns = range.to.ns;
    return true;
}

/* Options of the machine, whatever runs on it. */
static enum parsed parse_machine_option(struct parser *p, struct scenario_node *n)
{
    struct lexer *l = &p->lexer;
    bool ok = true;
    int64_t signed_number;
    uint64_t number;
    if (lexer_take(l, "drift")) {
        ok = parse_drift(p, &signed_number);
        n->drift_ppb = (int32_t)signed_number;
    } else if (lexer_take(l, "latency")) {
        ok = parse_range(p, "latency", &n->latency_min, &n->latency_max);
    } else if (lexer_take(l, "tick")) {
        ok = lexer_span(l, "tick", (carp_duration){1000}, CARP_SECONDS(1), &n->granularity);
        n->persona.tick = n->granularity;
        p->program_options = true;
    } else if (lexer_take(l, "phase")) {
        ok = lexer_duration(l, "phase", &n->phase);
        n->persona.tick_phase = n->persona.read_phase = n->phase;
    } else if (lexer_take(l, "queue")) {
        ok = lexer_number(l, "queue", 1, 1000000, &number);
        n->queue_max = (size_t)number;
    } else if (lexer_take(l, "delay")) {
        carp_duration delay;
        ok = lexer_span(l, "delay", NO_TIME, SPAN_MAX, &delay);
        if (ok && n->nic_count == 0) {
            return lexer_fail(l, "delay: it is of the cable named before it (@switch)"),
                   PARSED_WRONG;
        }
        if (ok) {
            n->nics[n->nic_count - 1].delay = delay;
        }
    } else if (lexer_take(l, "off")) {
        n->starts = CARP_NEVER;
    } else if (lexer_take(l, "start")) {
        carp_duration start;
        ok = lexer_duration(l, "start", &start);
        n->starts = (carp_instant){start.ns};
    } else {
        return PARSED_NOT_MINE;
    }
    return ok ? PARSED : PARSED_WRONG;
}

/* Options of the programs, and whose they are. */
static bool fits_profile(struct parser *p, const struct scenario_node *n)
{
    static const struct {
        const char *word;
        bool engine, ucarp, kernels;
    } options[] = {
        {"up", true, true, false},       {"down", true, true, false},
        {"seed-of", true, false, false}, {"wraps-after", true, false, false},
        {"config", true, true, true},    {"extra-ticks", false, false, true},
        {"read", false, true, false},    {"shutdown", false, true, false},
        {"neutral", false, true, false},
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        bool fits = n->profile == PROFILE_ENGINE  ? options[i].engine
                    : n->profile == PROFILE_UCARP ? options[i].ucarp
                                                  : options[i].kernels;
        if (lexer_is(&p->lexer, options[i].word)) {
            p->program_options = true;
            if (!fits) {
                return lexer_fail(&p->lexer, "%s: %s has no such option", options[i].word,
                                  n->profile == PROFILE_ENGINE ? "the engine"
                                                               : persona_word(n->persona.kind));
            }
        }
    }
    return true;
}

static enum parsed parse_program_option(struct parser *p, struct scenario_node *n)
{
    struct lexer *l = &p->lexer;
    bool ok = true;
    uint64_t number;
    if (!fits_profile(p, n)) {
        return PARSED_WRONG;
    }
    if (lexer_take(l, "profile")) {
        ok = parse_profile(p, n);
    } else if (lexer_take(l, "up")) {
        ok = lexer_span(l, "up", NO_TIME, SPAN_MAX, &n->up_time);
        n->commands = true;
        n->persona.up_script = n->up_time;
    } else if (lexer_take(l, "down")) {
        ok = lexer_span(l, "down", NO_TIME, SPAN_MAX, &n->down_time);
        n->commands = true;
        n->persona.down_script = n->down_time;
    } else if (lexer_take(l, "seed-of")) {
        ok = parse_node_name(p, &n->seed_about);
    } else if (lexer_take(l, "wraps-after")) {
        ok = lexer_number(l, "wraps-after", 1, UINT32_MAX, &n->wraps_after);
    } else if (lexer_take(l, "extra-ticks")) {
        ok = lexer_number(l, "extra-ticks", 0, 100, &number);
        n->persona.tick_extra = (unsigned)number;
    } else if (lexer_take(l, "read")) {
        ok = lexer_span(l, "read", NO_TIME, SPAN_MAX, &n->persona.read_period);
    } else if (lexer_take(l, "shutdown")) {
        n->persona.shutdown = true;
    } else if (lexer_take(l, "neutral")) {
        n->persona.neutral = true;
    } else if (lexer_take(l, "config")) {
        ok = parse_config_file(p, n);
    } else {
        return PARSED_NOT_MINE;
    }
    return ok ? PARSED : PARSED_WRONG;
}

static bool begin_group(struct parser *p, struct scenario_node *n)
{
    uint8_t vhid;
    if (!parse_vhid(p, &vhid)) {
        return false;
    }
    struct scenario_group group = {.config = default_config(p, vhid)};
    append_group(n, &group);
    return true;
}

void append_group(struct scenario_node *n, const struct scenario_group *group)
{
    size_t room = n->group_count;
    if ((room & (room - 1)) == 0) { /* a power of two: full */
        size_t grown = room == 0 ? 1 : room * 2;
        struct scenario_group *groups = memory_make(grown, sizeof *groups);
        if (room > 0) {
            memcpy(groups, n->groups, room * sizeof *groups);
        }
        free(n->groups);
        n->groups = groups;
    }
    n->groups[n->group_count++] = *group;
}

/* "on s2": the group is on the interface to that switch. */
static bool parse_on(struct parser *p, struct scenario_node *n)
{
    for (unsigned i = 0; i < n->nic_count; i++) {
        if (strcmp(p->scenario->switches[n->nics[i].to_switch].name, p->lexer.word) == 0) {
            n->groups[n->group_count - 1].nic = i;
            lexer_next(&p->lexer);
            return true;
        }
    }
    return lexer_fail(&p->lexer, "on: %s; a switch to which this node has an interface is right",
                      p->lexer.word);
}

static bool parse_node_option(struct parser *p, struct scenario_node *n)
{
    struct lexer *l = &p->lexer;
    if (l->word[0] == '@') {
        char name[WORD_MAX];
        memcpy(name, l->word, sizeof name);
        return add_nic(p, n, name + 1);
    }
    if (lexer_at_address(l)) {
        return parse_own_address(p);
    }
    if (lexer_take(l, "vhid")) {
        return begin_group(p, n);
    }
    enum parsed parsed = parse_machine_option(p, n);
    if (parsed == PARSED_NOT_MINE) {
        parsed = parse_program_option(p, n);
    }
    if (parsed == PARSED_NOT_MINE && n->group_count > 0) {
        if (lexer_take(l, "on")) {
            return parse_on(p, n);
        }
        parsed = parse_group_option(p, &n->groups[n->group_count - 1].config);
    }
    if (parsed == PARSED_NOT_MINE) {
        return lexer_fail(l, "unknown option %s of a node%s; docs/SIMULATOR.md has them", l->word,
                          n->group_count == 0 ? " (what belongs to a group follows vhid N)" : "");
    }
    return parsed == PARSED;
}

static bool check_node(struct parser *p, const struct scenario_node *n)
{
    struct lexer *l = &p->lexer;
    if (n->nic_count == 0) {
        return lexer_fail(l, "node %s is on no switch; @NAME of one is missing", n->name);
    }
    if (n->group_count == 0) {
        return lexer_fail(l, "node %s has no group; vhid N is missing", n->name);
    }
    if (n->group_count > SCENARIO_GROUPS_MAX) {
        return lexer_fail(l, "node %s has more than %d groups", n->name, SCENARIO_GROUPS_MAX);
    }
    if (!check_addresses(p)) {
        return false;
    }
    for (size_t g = 0; g < n->group_count; g++) {
        const struct scenario_group *group = &n->groups[g];
        if (!check_config(p, n->profile, &group->config)) {
            return false;
        }
        for (size_t k = 0; k < g; k++) {
            if (n->groups[k].config.vhid == group->config.vhid && n->groups[k].nic == group->nic) {
                return lexer_fail(l, "vhid %u twice on one interface of %s", group->config.vhid,
                                  n->name);
            }
        }
    }
    p->groups_in_all += n->group_count;
    if (p->groups_in_all > GROUPS_IN_ALL_MAX) {
        return lexer_fail(l, "more than %d groups in all, which would not fit in memory",
                          GROUPS_IN_ALL_MAX);
    }
    return true;
}

static bool append_node(struct parser *p, const struct scenario_node *n)
{
    struct scenario *s = p->scenario;
    if (s->node_count == SCENARIO_NODES_MAX) {
        return lexer_fail(&p->lexer, "more than %d nodes", SCENARIO_NODES_MAX);
    }
    if (s->node_count == s->node_room) {
        s->nodes = memory_grow(s->nodes, &s->node_room, 4, sizeof *s->nodes);
    }
    s->nodes[s->node_count++] = *n;
    return true;
}

/* Addresses that were not given: by the node's number. */
static void complete_nics(struct scenario_node *n, uint32_t index)
{
    bool ipv6 = n->target.family == 6;
    for (size_t g = 0; g < n->group_count; g++) {
        ipv6 |= n->groups[g].config.ipv6_count > 0;
    }
    for (unsigned i = 0; i < n->nic_count; i++) {
        struct carp_self *self = &n->nics[i].self;
        uint32_t number = index + 1;
        const uint8_t mac[6] = {
            2, (uint8_t)i, 0, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};
        memcpy(self->mac, mac, 6);
        if (!self->has_ipv4) {
            const uint8_t ipv4[4] = {10, (uint8_t)(i + 128), (uint8_t)(index / 250),
                                     (uint8_t)(index % 250 + 1)};
            self->has_ipv4 = true;
            memcpy(self->ipv4, ipv4, 4);
        }
        if (!self->has_ipv6 && ipv6) {
            self->has_ipv6 = true;
            const uint8_t ipv6_address[16] = {
                0xfe, 0x80, [13] = (uint8_t)(number >> 16), [14] = (uint8_t)(number >> 8),
                [15] = (uint8_t)number};
            memcpy(self->ipv6, ipv6_address, 16);
        }
    }
}

static struct scenario_node blank_node(const struct parser *p, enum profile profile)
{
    return (struct scenario_node){
        .line = p->lexer.line,
        .profile = profile,
        .queue_max = 512,
        .seed_about = NONE,
        .period = CARP_MILLISECONDS(100),
        .cache = CARP_SECONDS(300),
    };
}

static void begin_node(struct parser *p)
{
    p->next_self = (struct carp_self){.has_ipv4 = false};
    p->has_address = p->program_options = false;
}

static bool parse_rest_of_node(struct parser *p, struct scenario_node *n)
{
    begin_node(p);
    while (p->lexer.word[0] != '\0') {
        if (!parse_node_option(p, n)) {
            return false;
        }
    }
    return !p->lexer.failed && check_node(p, n);
}

static bool parse_node(struct parser *p)
{
    struct scenario_node n = blank_node(p, PROFILE_ENGINE);
    if (!new_name(p, "a node", n.name) || !parse_rest_of_node(p, &n)) {
        free(n.groups);
        return false;
    }
    complete_nics(&n, (uint32_t)p->scenario->node_count);
    if (!append_node(p, &n)) {
        free(n.groups);
        return false;
    }
    return true;
}

/* The last four bytes of an address. */
static void count_up(uint8_t bytes[4], unsigned by)
{
    uint32_t number =
        (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    number += by;
    for (int b = 0; b < 4; b++) {
        bytes[b] = (uint8_t)(number >> (24 - 8 * b));
    }
}

/* "nodes n 64 ...": n1 to n64, alike but for their addresses, which follow each other. */
static bool copy_node(struct parser *p, const struct scenario_node *n, const char *stem,
                      unsigned number)
{
    struct scenario_node copy = *n;
    int size = snprintf(copy.name, sizeof copy.name, "%s%u", stem, number);
    if ((size_t)size >= sizeof copy.name || find_node(p->scenario, copy.name) != NONE ||
        find_switch(p->scenario, copy.name) != NONE) {
        return lexer_fail(&p->lexer, "nodes: %s%u is taken, or too long", stem, number);
    }
    for (unsigned i = 0; i < copy.nic_count; i++) { /* what was not given is completed below */
        count_up(copy.nics[i].self.ipv4, number - 1);
        count_up(copy.nics[i].self.ipv6 + 12, number - 1);
    }
    copy.groups = NULL;
    copy.group_count = 0;
    for (size_t g = 0; g < n->group_count; g++) {
        append_group(&copy, &n->groups[g]);
    }
    complete_nics(&copy, (uint32_t)p->scenario->node_count);
    if (!append_node(p, &copy)) {
        free(copy.groups);
        return false;
    }
    return true;
}

static bool parse_nodes(struct parser *p)
{
    struct scenario_node n = blank_node(p, PROFILE_ENGINE);
    char stem[SCENARIO_NAME_MAX];
    uint64_t count;
    bool ok = lexer_name(&p->lexer, "a node's name", stem) &&
              lexer_number(&p->lexer, "how many nodes", 1, SCENARIO_NODES_MAX, &count) &&
              parse_rest_of_node(p, &n);
    if (ok && p->groups_in_all + n.group_count * (count - 1) > GROUPS_IN_ALL_MAX) {
        ok = lexer_fail(&p->lexer, "more than %d groups in all, which would not fit in memory",
                        GROUPS_IN_ALL_MAX);
    }
    for (unsigned i = 1; ok && i <= count; i++) {
        ok = copy_node(p, &n, stem, i);
    }
    p->groups_in_all += n.group_count * (ok ? count - 1 : 0);
    free(n.groups);
    return ok;
}

static bool parse_client_option(struct parser *p, struct scenario_node *n)
{
    struct lexer *l = &p->lexer;
    if (l->word[0] == '@') {
        char name[WORD_MAX];
        memcpy(name, l->word, sizeof name);
        return add_nic(p, n, name + 1);
    }
    bool client = n->profile == PROFILE_CLIENT;
    if (client && lexer_take(l, "probe")) {
        return lexer_address(l, "probe", &n->target);
    }
    if (client && lexer_take(l, "every")) {
        return lexer_span(l, "every", PERIOD_MIN, SCENARIO_TIME_MAX, &n->period);
    }
    if (client && lexer_take(l, "cache")) {
        return lexer_duration(l, "cache", &n->cache);
    }
    if (client && lexer_take(l, "announcements")) {
        static const char *const words[] = {"ignored", NULL};
        unsigned index;
        n->ignores_announcements = lexer_choice(l, "announcements", words, &index);
        return n->ignores_announcements;
    }
    if (lexer_at_address(l)) {
        return parse_own_address(p);
    }
    enum parsed parsed = parse_machine_option(p, n);
    return parsed == PARSED_NOT_MINE
               ? lexer_fail(l, "unknown option %s; docs/SIMULATOR.md has them", l->word)
               : parsed == PARSED;
}

static bool parse_bystander(struct parser *p, enum profile profile)
{
    struct scenario_node n = blank_node(p, profile);
    if (!new_name(p, "a node", n.name)) {
        return false;
    }
    begin_node(p);
    while (p->lexer.word[0] != '\0') {
        if (!parse_client_option(p, &n)) {
            return false;
        }
    }
    if (p->lexer.failed || !check_addresses(p)) {
        return false;
    }
    if (n.nic_count != 1) {
        return lexer_fail(&p->lexer, "%s is on %u switches; one @NAME is right", n.name,
                          n.nic_count);
    }
    if (profile == PROFILE_CLIENT && n.target.family == 0) {
        return lexer_fail(&p->lexer, "client %s asks nothing; probe ADDRESS is missing", n.name);
    }
    complete_nics(&n, (uint32_t)p->scenario->node_count);
    return append_node(p, &n);
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
    uint64_t number = 10;
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
                  : lexer_take(l, "faults") ? lexer_number(l, "faults", 1, 10000, &number)
                                            : lexer_fail(l,
                                                         "unknown phase %s; chaos, freeze, heal, "
                                                         "calm and faults are right",
                                                         l->word);
        if (!ok) {
            return false;
        }
    }
    c->faults = (unsigned)number;
    uint64_t all_ns = c->chaos.ns + c->freeze.ns + c->heal.ns + c->calm.ns;
    if (all_ns == 0 || all_ns > SCENARIO_TIME_MAX.ns) {
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
    carp_duration all = {c->chaos.ns + c->freeze.ns + c->heal.ns + c->calm.ns};
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
