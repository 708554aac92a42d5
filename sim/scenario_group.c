#include "sim/scenario_internal.h"

#include <stdio.h>
#include <string.h>

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
        snprintf(one.word, sizeof one.word, "%s", at);
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
struct carp_config default_config(const struct parser *p, uint8_t vhid)
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

bool parse_group_default(struct parser *p)
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
