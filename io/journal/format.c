/* Each code_*() reads or writes, as the coder says. */
#include "io/journal/format.h"

#include <assert.h>
#include <string.h>

enum { MAGIC_SIZE = 4, HEADER_SIZE = MAGIC_SIZE + 4 }; /* kind and size, 16 bits each */
static const uint8_t magic[MAGIC_SIZE] = {'C', 'A', 'R', 'J'};

/* --- numbers, little endian ---------------------------------------------------------------------
 */

struct coder {
    uint8_t *to;         /* NULL: it reads, */
    const uint8_t *from; /* from here, */
    size_t left;         /* so much */
    const char *wrong;   /* the first thing that is; NULL: nothing */
};

static void blame(struct coder *c, const char *what)
{
    if (c->wrong == NULL) {
        c->wrong = what;
    }
}

static inline uint64_t code(struct coder *c, unsigned size, uint64_t value)
{
    if (c->to != NULL) {
        for (unsigned i = 0; i < size; i++) {
            c->to[i] = (uint8_t)(value >> 8 * i);
        }
        c->to += size;
        return value;
    }
    if (c->left < size) {
        c->left = 0;
        blame(c, "it is shorter than what it holds");
        return 0;
    }
    value = 0;
    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)c->from[i] << 8 * i;
    }
    c->from += size;
    c->left -= size;
    return value;
}

static inline void code_u8(struct coder *c, uint8_t *value)
{
    *value = (uint8_t)code(c, 1, *value);
}

static inline void code_u16(struct coder *c, uint16_t *value)
{
    *value = (uint16_t)code(c, 2, *value);
}

static inline void code_u32(struct coder *c, uint32_t *value)
{
    *value = (uint32_t)code(c, 4, *value);
}

static inline void code_u64(struct coder *c, uint64_t *value)
{
    *value = code(c, 8, *value);
}

static inline void code_instant(struct coder *c, carp_instant *instant)
{
    code_u64(c, &instant->ns);
    if (instant->ns > FORMAT_TIME_MAX && instant->ns != CARP_NEVER.ns) {
        blame(c, "an instant in it is too late");
        *instant = CARP_NEVER;
    }
}

static inline void code_duration(struct coder *c, carp_duration *duration)
{
    code_u64(c, &duration->ns);
    if (duration->ns > FORMAT_TIME_MAX) {
        blame(c, "a duration in it is too long");
        duration->ns = 0;
    }
}

/* A number below the limit: of an enum, a bool or a count. Zero when it is not. */
static inline uint8_t code_below(struct coder *c, unsigned value, unsigned limit, const char *wrong)
{
    assert(c->to == NULL || value < limit);
    value = (unsigned)code(c, 1, value);
    if (value >= limit) {
        blame(c, wrong);
        return 0;
    }
    return (uint8_t)value;
}

static inline void code_bool(struct coder *c, bool *value)
{
    *value = code_below(c, *value, 2, "a yes or no in it is neither") != 0;
}

static void code_bytes(struct coder *c, uint8_t *bytes, size_t size)
{
    if (c->to != NULL) {
        memcpy(c->to, bytes, size);
        c->to += size;
    } else if (c->left < size) {
        c->left = 0;
        blame(c, "it is shorter than what it holds");
    } else {
        memcpy(bytes, c->from, size);
        c->from += size;
        c->left -= size;
    }
}

/* Its length, then its bytes: text that can be shown. */
static void code_name(struct coder *c, char name[FORMAT_NAME_MAX + 1])
{
    uint8_t size = (uint8_t)(c->to != NULL ? strlen(name) : 0);
    code_u8(c, &size);
    code_bytes(c, (uint8_t *)name, size);
    for (unsigned i = 0; c->to == NULL && i < size; i++) {
        if ((uint8_t)name[i] < ' ' || name[i] == 0x7f) {
            blame(c, "a name in it holds control characters");
        }
    }
}

/* --- blocks -------------------------------------------------------------------------------------
 */

static void code_start(struct coder *c, struct format_start *s)
{
    uint16_t version = FORMAT_VERSION;
    code_u16(c, &version);
    if (version != FORMAT_VERSION) {
        blame(c, "it is of another version of the format than 1");
        return;
    }
    s->why = (enum format_why)code_below(c, s->why, FORMAT_WHY_COUNT, "its reason is none");
    code_u64(c, &s->number);
    code_instant(c, &s->now);
    code_u64(c, &s->wall_ns);
    code_u16(c, &s->interface_count);
    code_u16(c, &s->group_count);
    code_name(c, s->application);
}

static void code_carp_config(struct coder *c, struct carp_config *config)
{
    code_u8(c, &config->vhid);
    code_u8(c, &config->advbase);
    code_u8(c, &config->advskew);
    code_u8(c, &config->dead_ratio);
    code_bool(c, &config->preempt);
    config->dialect = (enum carp_dialect)code_below(c, config->dialect, CARP_DIALECT_OPENBSD + 1,
                                                    "its dialect is none");
    config->replay = (enum carp_replay)code_below(c, config->replay, CARP_REPLAY_OFF + 1,
                                                  "its replay policy is none");
    config->source_mac = (enum carp_source_mac)code_below(
        c, config->source_mac, CARP_SOURCE_MAC_VIRTUAL + 1, "its source MAC is none");
    code_duration(c, &config->hold_down);
    code_duration(c, &config->preempt_delay);
    code_bool(c, &config->broadcast);
    code_bytes(c, config->ipv4_group, sizeof config->ipv4_group);
    config->key_count =
        code_below(c, config->key_count, CARP_KEYS_MAX + 1, "it has more than 4 keys");
    config->ipv4_count = code_below(c, config->ipv4_count, CARP_ADDRESSES_MAX + 1,
                                    "it has more than 64 IPv4 addresses");
    config->ipv6_count = code_below(c, config->ipv6_count, CARP_ADDRESSES_MAX + 1,
                                    "it has more than 64 IPv6 addresses");
    code_bytes(c, config->ipv4[0], config->ipv4_count * sizeof config->ipv4[0]);
    code_bytes(c, config->ipv6[0], config->ipv6_count * sizeof config->ipv6[0]);
}

static void code_config(struct coder *c, struct format_config *g)
{
    code_u16(c, &g->group);
    code_u16(c, &g->interface);
    code_name(c, g->name);
    code_name(c, g->interface_name);
    code_carp_config(c, &g->config);
    if (g->config.vhid == 0 || g->config.dead_ratio == 0 ||
        (g->config.advbase == 255 && g->config.advskew == 255)) {
        blame(c, "it is a configuration that carpd refuses");
    }
}

static void code_senders(struct coder *c, struct replay_senders *s)
{
    code_u64(c, &s->link_counter);
    for (int i = 0; i < REPLAY_SENDERS_MAX; i++) {
        code_u64(c, &s->counter[i]);
        code_u32(c, &s->id[i]);
        s->counting[i] =
            code_below(c, s->counting[i], REPLAY_COUNTS_UP + 1, "a sender counts in no known way");
        code_u8(c, &s->repeats[i]);
    }
}

static void code_self(struct coder *c, struct carp_self *self)
{
    code_bytes(c, self->mac, sizeof self->mac);
    code_bool(c, &self->has_ipv4);
    code_bool(c, &self->has_ipv6);
    code_bytes(c, self->ipv4, sizeof self->ipv4);
    code_bytes(c, self->ipv6, sizeof self->ipv6);
}

/* Every field of struct carp, in its order. Whoever changes it changes FORMAT_STATE_LAYOUT. */
static void code_carp(struct coder *c, struct carp *carp)
{
    code_instant(c, &carp->deadline);
    code_instant(c, &carp->preempt_from);
    code_instant(c, &carp->quiet_since);
    code_instant(c, &carp->heard_at[0]);
    code_instant(c, &carp->heard_at[1]);
    code_instant(c, &carp->tied_until);
    code_duration(c, &carp->tie_wait);
    code_u64(c, &carp->counter);
    code_u64(c, &carp->seed);
    code_senders(c, &carp->senders);
    code_self(c, &carp->self);
    code_u16(c, &carp->demotion);
    carp->state = code_below(c, carp->state, CARP_STATE_COUNT, "its state is none");
    code_u8(c, &carp->announce_in);
    code_u8(c, &carp->send_errors);
    code_u8(c, &carp->send_successes);
    code_bool(c, &carp->sending_fails);
    code_bool(c, &carp->reasserted);
    code_bool(c, &carp->deaf[0]);
    code_bool(c, &carp->deaf[1]);
    code_bool(c, &carp->tie_noticed);
    code_u8(c, &carp->best);
}

static void code_state(struct coder *c, struct format_state *s)
{
    code_u16(c, &s->group);
    code_u16(c, &s->layout);
    if (s->layout != FORMAT_STATE_LAYOUT) {
        c->left = 0; /* what follows is not ours to read */
        return;
    }
    code_carp(c, &s->carp);
    if ((s->carp.state == CARP_INIT) != (s->carp.deadline.ns == CARP_NEVER.ns)) {
        blame(c, "its state and its deadline contradict each other");
    }
    if ((s->carp.best & 15u) > REPLAY_SENDERS_MAX || s->carp.best >> 4 > REPLAY_SENDERS_MAX) {
        blame(c, "its best sender is none");
    }
}

static void code_event(struct coder *c, struct carp_event *event)
{
    event->type =
        (enum carp_event_type)code_below(c, event->type, CARP_EVENT_STOP + 1, "its event is none");
    switch (event->type) {
    case CARP_EVENT_LINK_UP:
        code_self(c, &event->link);
        break;
    case CARP_EVENT_DISOWNED:
        code_u64(c, &event->farewell);
        break;
    case CARP_EVENT_DEMOTE:
        code_u16(c, &event->demotion);
        break;
    case CARP_EVENT_YIELD:
        event->yield.why = (enum carp_yield)code_below(c, event->yield.why, CARP_YIELD_COUNT,
                                                       "its reason to yield is none");
        code_duration(c, &event->yield.hold);
        break;
    case CARP_EVENT_ADVERT: /* the packet stands before the block */
    case CARP_EVENT_LINK_DOWN:
    case CARP_EVENT_TIMEOUT:
    case CARP_EVENT_OVERSLEPT:
    case CARP_EVENT_SEND_FAILED:
    case CARP_EVENT_RESTORED:
    case CARP_EVENT_STOP:
        break;
    }
}

static void code_claim(struct coder *c, struct claim *claim)
{
    code_u8(c, &claim->demote);
    code_u8(c, &claim->advbase);
    code_u8(c, &claim->advskew);
}

static void code_step(struct coder *c, struct format_step *s)
{
    code_u64(c, &s->number);
    code_instant(c, &s->now);
    code_u16(c, &s->group);
    code_event(c, &s->event);
    s->verdict = (enum carp_verdict)code_below(c, s->verdict, CARP_VERDICT_COUNT,
                                               "its verdict is one this build does not know");
    s->rule = (enum carp_rule)code_below(c, s->rule, CARP_RULE_COUNT,
                                         "its rule is one this build does not know");
    s->from = (enum carp_state)code_below(c, s->from, CARP_STATE_COUNT, "its state is none");
    s->to = (enum carp_state)code_below(c, s->to, CARP_STATE_COUNT, "its state is none");
    code_claim(c, &s->ours);
    code_claim(c, &s->theirs);
    code_duration(c, &s->waited);
    code_u16(c, &s->notices);
    s->count = code_below(c, s->count, CARP_ACTIONS_MAX + 1, "it has more than 4 actions");
    for (unsigned i = 0; i < s->count; i++) {
        s->actions[i] =
            code_below(c, s->actions[i], CARP_ANNOUNCE + 1, "one of its actions is none");
    }
    code_instant(c, &s->deadline);
    code_u64(c, &s->counter);
    code_u64(c, &s->seed);
    code_u16(c, &s->sent);
    code_u16(c, &s->failed);
    code_u16(c, &s->error);
    if (s->now.ns > FORMAT_TIME_MAX) {
        blame(c, "its time is none");
    }
}

static void code_clock(struct coder *c, struct format_clock *clock)
{
    code_instant(c, &clock->now);
    code_u64(c, &clock->before_ns);
    code_u64(c, &clock->after_ns);
}

static void code_left_out(struct coder *c, struct format_left_out *left)
{
    code_instant(c, &left->from);
    code_instant(c, &left->to);
    code_u64(c, &left->count);
}

static void code_block(struct coder *c, struct format_block *block)
{
    switch (block->kind) {
    case FORMAT_START:
        code_start(c, &block->start);
        break;
    case FORMAT_CONFIG:
        code_config(c, &block->config);
        break;
    case FORMAT_STATE:
        code_state(c, &block->state);
        break;
    case FORMAT_STEP:
        code_step(c, &block->step);
        break;
    case FORMAT_CLOCK:
        code_clock(c, &block->clock);
        break;
    case FORMAT_LEFT_OUT:
        code_left_out(c, &block->left_out);
        break;
    case FORMAT_KIND_END:
        break;
    }
}

/* --- both directions ----------------------------------------------------------------------------
 */

size_t format_write(struct format_block *block, uint8_t *bytes)
{
    struct coder c = {.to = bytes + HEADER_SIZE};
    code_block(&c, block);
    size_t size = (size_t)(c.to - bytes) - HEADER_SIZE;
    assert(c.wrong == NULL && HEADER_SIZE + size < FORMAT_BLOCK_MAX);
    c.to = bytes;
    memcpy(c.to, magic, sizeof magic);
    c.to += sizeof magic;
    code(&c, 2, block->kind);
    code(&c, 2, size);
    return HEADER_SIZE + size;
}

bool format_is_ours(uint32_t pen, const uint8_t *bytes, size_t size)
{
    return pen == FORMAT_PEN && size >= HEADER_SIZE && memcmp(bytes, magic, sizeof magic) == 0;
}

const char *format_read(const uint8_t *bytes, size_t size, struct format_block *block)
{
    assert(size >= HEADER_SIZE);
    struct coder c = {.from = bytes + sizeof magic, .left = size - sizeof magic};
    uint64_t kind = code(&c, 2, 0), body = code(&c, 2, 0);
    memset(block, 0, sizeof *block); /* so names end */
    if (kind < FORMAT_START || kind >= FORMAT_KIND_END) {
        return "its kind is one this build does not know";
    }
    if (body > c.left || c.left - body > 3) {
        return "its size is not that of its block";
    }
    c.left = (size_t)body;
    block->kind = (enum format_kind)kind;
    code_block(&c, block);
    if (c.left > 0) {
        blame(&c, "it is longer than what it holds");
    }
    return c.wrong;
}
