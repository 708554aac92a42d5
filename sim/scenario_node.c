#include "sim/scenario_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/memory.h"

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
static bool parse_config_file(struct parser *p, struct scenario_node *n)
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
    int64_t signed_number = 0; /* what a wrong one leaves */
    uint64_t number = 0;
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

bool parse_node(struct parser *p)
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

bool parse_nodes(struct parser *p)
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
    p->groups_in_all += ok ? n.group_count * (size_t)(count - 1) : 0;
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

bool parse_bystander(struct parser *p, enum profile profile)
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
