/*
 * The engine, step by step: two nodes of one group, a configuration, and events, all made from
 * bytes. Packets are made from fields, not bytes, and signed by a stand-in for HMAC-SHA1, so that
 * they reach the protocol; each node also hears what the other sent, late, again or forged.
 *
 * What engine/carp.h and docs/PROTOCOL.md promise of a step is asserted after each: `rules` below
 * has every transition there is, with its reason, its event and its actions.
 */
#include "engine/carp.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "engine/story.h"
#include "fuzz/fuzz.h"
#include "io/journal/format.h"

enum { NODES = 2, SENT_MAX = 8, ACTIONS_TEXT_MAX = 16 };

struct node {
    struct carp carp;
    struct carp_self self;
};

struct bench {
    struct reader bytes;
    struct carp_config config;
    struct carp_crypto crypto;
    carp_instant now;
    struct node nodes[NODES];
    struct carp_packet sent[SENT_MAX]; /* the last ones, of either node */
    unsigned sent_count;
    uint64_t heard_counter; /* of the last packet that was made */
};

/* --- signing ------------------------------------------------------------------------------------
 */

/* FNV-1a over key and message. Not one bit of a digest may be wrong, and none needs to be secret.
 */
static void stub_hmac(void *self, const uint8_t key[CARP_KEY_SIZE], const uint8_t *message,
                      size_t size, uint8_t digest[WIRE_DIGEST_SIZE])
{
    (void)self;
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < CARP_KEY_SIZE + size; i++) {
        hash ^= i < CARP_KEY_SIZE ? key[i] : message[i - CARP_KEY_SIZE];
        hash *= UINT64_C(1099511628211);
    }
    for (size_t i = 0; i < WIRE_DIGEST_SIZE; i++) {
        digest[i] = (uint8_t)(hash >> i % 8 * 8);
    }
}

static void sign(const struct carp_config *config, const uint8_t *key, enum auth_form form,
                 const uint8_t *mac, uint64_t counter, uint8_t digest[WIRE_DIGEST_SIZE])
{
    uint8_t message[AUTH_PREFIX_MAX + 8];
    struct writer w = {message + auth_prefix(config, form, mac, message)};
    write_u64(&w, counter);
    stub_hmac(NULL, key, message, (size_t)(w.at - message), digest);
}

static void stub_digest(void *self, unsigned key, enum auth_form form, uint64_t counter,
                        uint8_t digest[WIRE_DIGEST_SIZE])
{
    const struct carp_config *config = self;
    sign(config, config->keys[key], form, NULL, counter, digest);
}

/* --- what a step may do -------------------------------------------------------------------------
 */

/* Each word: the states before and after, by their first letters, then the actions: c(laim),
 * r(elease), s(end: an advert with our claim), f(arewell sent) and a(nnounce). */
#define BY(type)  (1u << CARP_EVENT_##type)
#define TAKE_OVER " BM:csa "
static const struct {
    unsigned events;
    const char *words;
} rules[CARP_RULE_COUNT] = {
    [CARP_RULE_NONE] = {UINT32_MAX, " II: BB: MM: "},
    [CARP_RULE_LINK_UP] = {BY(LINK_UP), " IB: "},
    [CARP_RULE_LINK_DOWN] = {BY(LINK_UP) | BY(LINK_DOWN), " BI: MI:r "},
    [CARP_RULE_STOPPED] = {BY(STOP), " BI: MI:rf "},
    [CARP_RULE_IDENTITY] = {BY(LINK_UP), " BB: MM:a "},
    [CARP_RULE_SILENCE] = {BY(TIMEOUT), TAKE_OVER},
    [CARP_RULE_FAREWELL] = {BY(ADVERT), TAKE_OVER},
    [CARP_RULE_PREEMPT] = {BY(ADVERT), TAKE_OVER},
    [CARP_RULE_PEER_DEMOTED] = {BY(ADVERT), TAKE_OVER},
    [CARP_RULE_WILL_TIME_OUT] = {BY(ADVERT), TAKE_OVER},
    [CARP_RULE_MASTER_ALIVE] = {BY(ADVERT), " BB: "},
    [CARP_RULE_SLOWER_TOLERATED] = {BY(ADVERT), " BB: "},
    [CARP_RULE_PREEMPT_WAITS] = {BY(ADVERT), " BB: "},
    [CARP_RULE_OUTRANKED] = {BY(ADVERT), " BB: "},
    [CARP_RULE_ADVERT_DUE] = {BY(TIMEOUT), " MM:s MM:sa "},
    [CARP_RULE_BETTER_MASTER] = {BY(ADVERT), " MB:rs "},
    [CARP_RULE_TIE_ADDRESS] = {BY(ADVERT), " MB:rs MM: MM:a "},
    [CARP_RULE_TIE_UCARP] = {BY(ADVERT), " MB:rs MM: MM:a "},
    [CARP_RULE_TIE_BSD] = {BY(ADVERT), " MB:r "},
    [CARP_RULE_TIE_OTHER_FAMILY] = {BY(ADVERT), " MM: "},
    [CARP_RULE_WORSE_MASTER] = {BY(ADVERT), " MM: MM:a "},
    [CARP_RULE_OVERSLEPT] = {BY(OVERSLEPT) | BY(DISOWNED), " BB: MB:r "},
    [CARP_RULE_OPERATOR] = {BY(YIELD), " MB:rf "},
    [CARP_RULE_CLAIM_FAILED] = {BY(YIELD), " MB:rf "},
    [CARP_RULE_SEND_FAILED] = {BY(SEND_FAILED), " MM: "},
    [CARP_RULE_DEMOTED] = {BY(DEMOTE), " II: BB: MM: MM:s "},
    [CARP_RULE_RESTORED] = {BY(RESTORED), " MM:a "},
};

static bool advertises(const struct carp_config *config, const struct carp_self *self, int family)
{
    return family == 4 ? self->has_ipv4 && config->ipv4_count > 0
                       : self->has_ipv6 && config->ipv6_count > 0;
}

/* Positive when a is better. docs/PROTOCOL.md: (demotion, advbase, advskew), smaller is better. */
static int better(struct claim a, struct claim b)
{
    return a.demote != b.demote     ? b.demote - a.demote
           : a.advbase != b.advbase ? b.advbase - a.advbase
                                    : b.advskew - a.advskew;
}

static bool same_claim(struct claim a, struct claim b)
{
    return better(a, b) == 0;
}

/* One frame that was sent: a whole advert of this node, with the next counter. Keeps it. */
static bool check_sent(struct bench *b, const struct node *node, int family, uint64_t counter,
                       struct claim claim, const struct carp_action *action)
{
    struct carp_packet *packet = &b->sent[b->sent_count++ % SENT_MAX];
    memset(packet, 0, sizeof *packet);
    enum carp_verdict verdict = frame_parse(action->frame, action->size, packet);
    assert(verdict == CARP_ACCEPTED);
    assert(packet->family == family && packet->advert.vhid == b->config.vhid);
    assert(memcmp(packet->source, family == 4 ? node->self.ipv4 : node->self.ipv6,
                  family == 4 ? 4 : 16) == 0);
    assert(packet->advert.counter == counter);
    assert(packet->advert.demote == claim.demote);
    bool farewell = packet->advert.advbase == 255 && packet->advert.advskew == 255;
    assert(farewell ||
           (packet->advert.advbase == claim.advbase && packet->advert.advskew == claim.advskew));
    return farewell;
}

static unsigned count_sends(const struct carp_outcome *out)
{
    unsigned count = 0;
    for (unsigned i = 0; i < out->count; i++) {
        count += out->at[i].type == CARP_SEND;
    }
    return count;
}

/* Letters of all actions; one `s` or `f` for the adverts of all families. */
static void spell_actions(struct bench *b, const struct node *node, struct claim claim,
                          const struct carp_outcome *out, char text[ACTIONS_TEXT_MAX])
{
    uint64_t counter = node->carp.counter - count_sends(out);
    for (unsigned i = 0; i < out->count; i++) {
        if (out->at[i].type != CARP_SEND) {
            *text++ = "?cra"[out->at[i].type];
            continue;
        }
        bool farewell = false;
        for (int family = 4; family <= 6; family += 2) {
            if (advertises(&b->config, &node->self, family)) {
                assert(i < out->count && out->at[i].type == CARP_SEND);
                farewell = check_sent(b, node, family, ++counter, claim, &out->at[i++]);
            }
        }
        i -= 1;
        *text++ = farewell ? 'f' : 's';
    }
    *text = '\0';
    assert(counter == node->carp.counter);
}

/* What else must be so for a rule to be the reason. */
static void check_reason(const struct bench *b, const struct carp *before,
                         const struct carp_event *event, const struct carp_outcome *out)
{
    const struct carp_config *config = &b->config;
    struct claim ours = out->ours, theirs = out->theirs;
    bool leaves = theirs.advbase == 255 && theirs.advskew == 255;
    uint64_t patience_ns = claim_master_down(ours, config->dead_ratio).ns;
    switch (out->rule) {
    case CARP_RULE_SILENCE:
    case CARP_RULE_ADVERT_DUE:
        assert(!instant_before(b->now, before->deadline));
        break;
    case CARP_RULE_FAREWELL:
        assert(leaves);
        break;
    case CARP_RULE_PEER_DEMOTED:
        assert(config->dialect == CARP_DIALECT_OPENBSD && theirs.demote > ours.demote);
        break;
    case CARP_RULE_PREEMPT:
        assert(config->preempt && better(ours, theirs) > 0);
        assert(!instant_before(b->now, before->preempt_from));
        break;
    case CARP_RULE_WILL_TIME_OUT:
        assert(claim_interval(theirs).ns > patience_ns);
        break;
    case CARP_RULE_MASTER_ALIVE:
        assert(better(ours, theirs) <= 0);
        break;
    case CARP_RULE_SLOWER_TOLERATED:
        assert(better(ours, theirs) > 0 && !config->preempt &&
               claim_interval(theirs).ns <= patience_ns);
        break;
    case CARP_RULE_PREEMPT_WAITS:
        assert(better(ours, theirs) > 0 && config->preempt);
        assert(instant_before(b->now, before->preempt_from));
        break;
    case CARP_RULE_OUTRANKED:
        assert(better(ours, theirs) > 0);
        break;
    case CARP_RULE_BETTER_MASTER:
        assert(better(ours, theirs) < 0 && !leaves);
        break;
    case CARP_RULE_WORSE_MASTER:
        assert(better(ours, theirs) > 0 || leaves);
        break;
    case CARP_RULE_TIE_BSD:
        assert(memcmp(event->packet->source_mac, "\0\0\x5e\0\1", 5) == 0);
        assert(same_claim(ours, theirs));
        break;
    case CARP_RULE_TIE_UCARP:
        assert(memcmp(event->packet->source_mac, "\0\0\x5e\0\0", 5) == 0);
        assert(same_claim(ours, theirs));
        break;
    case CARP_RULE_TIE_ADDRESS:
    case CARP_RULE_TIE_OTHER_FAMILY:
        assert(same_claim(ours, theirs));
        break;
    case CARP_RULE_DEMOTED:
        assert(event->demotion != before->demotion);
        break;
    case CARP_RULE_OPERATOR:
        assert(event->yield.why == CARP_YIELD_OPERATOR);
        break;
    case CARP_RULE_CLAIM_FAILED:
        assert(event->yield.why == CARP_YIELD_CLAIM_FAILED);
        break;
    default:
        break;
    }
}

/* Who lost a tie waits up to half an interval more or less than others. */
static uint64_t tie_wait(const struct carp *c, uint64_t down_ns, uint64_t interval_ns)
{
    assert(c->tie_wait.ns + interval_ns / 2 > down_ns);
    assert(c->tie_wait.ns < down_ns + interval_ns / 2);
    return c->tie_wait.ns;
}

/* When the next TIMEOUT is due, by docs/PROTOCOL.md, "times". */
static carp_instant expected_deadline(const struct bench *b, const struct carp *before,
                                      const struct carp *c, const struct carp_event *event,
                                      const struct carp_outcome *out)
{
    uint64_t down_ns = carp_master_down(&b->config, c).ns;
    uint64_t interval_ns = carp_interval(&b->config, c).ns;
    uint64_t wait_ns = interval_ns;
    switch (out->rule) {
    case CARP_RULE_LINK_UP:
        wait_ns = duration_max((carp_duration){down_ns}, b->config.hold_down).ns;
        break;
    case CARP_RULE_OVERSLEPT:
    case CARP_RULE_BETTER_MASTER:
    case CARP_RULE_SLOWER_TOLERATED:
    case CARP_RULE_PREEMPT_WAITS:
        wait_ns = down_ns;
        break;
    case CARP_RULE_MASTER_ALIVE:
        wait_ns = same_claim(out->ours, out->theirs) && instant_before(b->now, before->tied_until)
                      ? before->tie_wait.ns
                      : down_ns;
        break;
    case CARP_RULE_OPERATOR:
    case CARP_RULE_CLAIM_FAILED:
        wait_ns = down_ns + event->yield.hold.ns;
        break;
    case CARP_RULE_ADVERT_DUE:
        if (instant_before(b->now, instant_add(before->deadline, (carp_duration){interval_ns}))) {
            return instant_add(before->deadline, (carp_duration){interval_ns});
        }
        break;
    case CARP_RULE_TIE_ADDRESS:
    case CARP_RULE_TIE_UCARP:
    case CARP_RULE_TIE_BSD:
        if (out->to == CARP_MASTER) {
            return before->deadline;
        }
        wait_ns = tie_wait(c, down_ns, interval_ns);
        break;
    default:
        if (out->to == CARP_INIT) {
            return CARP_NEVER;
        }
        if (out->to == out->from && count_sends(out) == 0) {
            return before->deadline;
        }
        break;
    }
    return instant_add(b->now, (carp_duration){wait_ns});
}

static void check_deadline(const struct bench *b, const struct carp *before, const struct carp *c,
                           const struct carp_event *event, const struct carp_outcome *out)
{
    carp_instant deadline = carp_deadline(c);
    assert(deadline.ns == expected_deadline(b, before, c, event, out).ns);
    if (event->type == CARP_EVENT_TIMEOUT || event->type == CARP_EVENT_OVERSLEPT) {
        assert(instant_before(b->now, deadline));
        assert(!carp_overslept(&b->config, c, b->now));
    }
}

/* Not before the deadline, and no later than others may have taken over. */
static void check_overslept(const struct bench *b, const struct carp *c)
{
    bool overslept = carp_overslept(&b->config, c, b->now);
    carp_duration late = instant_since(b->now, carp_deadline(c));
    assert(!overslept || (carp_state(c) != CARP_INIT && late.ns > 0));
    assert(overslept || late.ns <= carp_patience(&b->config, c).ns);
}

/* Preemption waits after link-up, after stepping down, and when failed sends end with mastership;
 * nothing else makes it wait, and nothing cuts a wait short. */
static void check_preemption(const struct carp *before, const struct carp *c,
                             const struct carp_outcome *out)
{
    bool leaves = out->from == CARP_MASTER && out->to != CARP_MASTER;
    bool may_wait = out->rule == CARP_RULE_LINK_UP || out->rule == CARP_RULE_OPERATOR ||
                    out->rule == CARP_RULE_CLAIM_FAILED || (leaves && before->sending_fails);
    assert(may_wait ? !instant_before(c->preempt_from, before->preempt_from)
                    : c->preempt_from.ns == before->preempt_from.ns);
}

static void check_state(const struct bench *b, const struct carp *c)
{
    const struct carp_config *config = &b->config;
    struct claim claim = carp_claim(config, c);
    unsigned most = config->advskew > CARP_ADVSKEW_CLAMP ? config->advskew : CARP_ADVSKEW_CLAMP;
    assert(claim.advbase == config->advbase && claim.advskew >= config->advskew);
    assert(claim.advskew <= most);
    if (config->dialect == CARP_DIALECT_OPENBSD) {
        assert(claim.advskew == config->advskew);
    } else {
        assert(claim.demote == 0);
    }
    assert(c->best <= (REPLAY_SENDERS_MAX << 4 | REPLAY_SENDERS_MAX));
    for (unsigned i = 1; i < REPLAY_SENDERS_MAX; i++) { /* those that are free are the last */
        assert(c->senders.id[i] == 0 || c->senders.id[i - 1] != 0);
    }
    if (carp_state(c) == CARP_MASTER) {
        assert(c->best == 0);
        return;
    }
    /* What failed sends did ends by leaving MASTER, and no announcement is left over. */
    assert(!c->sending_fails && c->send_errors == 0 && c->send_successes == 0);
    assert(c->announce_in == 0);
}

/* Whom an accepted advert is attributed to is the first sender then; the others follow as they
 * were, but that the last one makes room for a new one. */
static void check_senders(const struct replay_senders *before, const struct replay_senders *after)
{
    unsigned was = 0;
    while (was < REPLAY_SENDERS_MAX - 1 && before->id[was] != after->id[0]) {
        was++;
    }
    assert(after->id[0] != 0);
    for (unsigned i = 0; i < REPLAY_SENDERS_MAX; i++) {
        unsigned now = i < was ? i + 1 : i;
        if (i != was) {
            assert(after->id[now] == before->id[i] && after->counter[now] == before->counter[i]);
            assert(after->counting[now] == before->counting[i]);
            assert(after->repeats[now] == before->repeats[i]);
        }
    }
}

static void check_story(const struct bench *b, const struct carp_event *event,
                        const struct carp_outcome *out)
{
    char line[STORY_LINE_MAX], cut[16];
    size_t size = story_line(line, sizeof line, b->now, event, out);
    assert(size == strlen(line) && size < sizeof line - 1);
    for (size_t i = 0; i < size; i++) {
        assert(line[i] >= ' ' && line[i] <= '~');
    }
    size = story_line(cut, sizeof cut, b->now, event, out);
    assert(size == sizeof cut - 1 && strncmp(line, cut, size) == 0);
    assert(carp_rule_phrase(out->rule)[0] != '\0' && verdict_phrase(out->verdict)[0] != '\0');
}

/* What was reached is what a journal may hold: it is read again to the same. */
static void check_journal(const struct carp *c)
{
    struct format_block block, read;
    uint8_t bytes[FORMAT_BLOCK_MAX];
    memset(&block, 0, sizeof block);
    block.kind = FORMAT_STATE;
    block.state.layout = FORMAT_STATE_LAYOUT;
    block.state.carp = *c;
    const char *wrong = format_read(bytes, format_write(&block, bytes), &read);
    assert(wrong == NULL && read.kind == FORMAT_STATE);
    assert(memcmp(&read.state.carp, c, sizeof *c) == 0);
}

/* The farewell that the guardian would send: as our own, but ahead of all that we say. */
static void check_farewell(const struct bench *b, const struct node *node)
{
    for (uint8_t family = 4; family <= 6; family += 2) {
        struct carp_packet packet;
        uint8_t frame[FRAME_MAX];
        size_t size = carp_farewell(&b->config, &b->crypto, &node->carp, family, 1000, frame);
        assert((size > 0) == advertises(&b->config, &node->carp.self, family));
        if (size > 0) {
            enum carp_verdict verdict = frame_parse(frame, size, &packet);
            assert(verdict == CARP_ACCEPTED && packet.advert.vhid == b->config.vhid);
            assert(packet.advert.advbase == 255 && packet.advert.advskew == 255);
            assert(packet.advert.counter == node->carp.counter + 1000);
        }
    }
}

/* --- a step -------------------------------------------------------------------------------------
 */

/* Equal configuration, state and event: equal bytes. All of an outcome is written, whatever was
 * there before, but for the actions that there are not, and what only a SEND has. */
static void check_same(const struct carp_outcome *a, const struct carp_outcome *b)
{
    assert(a->verdict == b->verdict && a->rule == b->rule);
    assert(a->from == b->from && a->to == b->to);
    assert(same_claim(a->ours, b->ours) && same_claim(a->theirs, b->theirs));
    assert(a->waited.ns == b->waited.ns && a->notices == b->notices && a->count == b->count);
    assert(a->count <= CARP_ACTIONS_MAX);
    for (unsigned i = 0; i < a->count; i++) {
        assert(a->at[i].type == b->at[i].type);
        if (a->at[i].type == CARP_SEND) {
            assert(a->at[i].size == b->at[i].size && a->at[i].size <= FRAME_MAX);
            assert(memcmp(a->at[i].frame, b->at[i].frame, a->at[i].size) == 0);
        }
    }
}

static void step(struct bench *b, struct node *node, const struct carp_event *event,
                 struct carp_outcome *out)
{
    struct carp before = node->carp, twin = node->carp;
    struct carp_outcome other;
    char word[4 + ACTIONS_TEXT_MAX + 2] = "";
    memset(out, 0x55, sizeof *out);
    memset(&other, 0xaa, sizeof other);
    enum carp_verdict verdict = carp_step(&b->config, &b->crypto, &node->carp, b->now, event, out);
    carp_step(&b->config, &b->crypto, &twin, b->now, event, &other);
    struct carp *c = &node->carp;
    assert(memcmp(&twin, c, sizeof twin) == 0);
    check_same(out, &other);

    assert(verdict == out->verdict && out->rule < CARP_RULE_COUNT);
    assert(out->from == carp_state(&before) && out->to == carp_state(c));
    assert(out->verdict == CARP_ACCEPTED || memcmp(&before, c, sizeof before) == 0);
    assert(out->verdict == CARP_ACCEPTED || (out->rule == CARP_RULE_NONE && out->notices == 0));
    /* Never back: ahead by what was heard, which is less than 2^52, and one more a family. */
    assert(c->counter - before.counter <= (UINT64_C(1) << 52) + 1);
    assert((rules[out->rule].events & 1u << event->type) != 0);
    word[0] = ' ';
    word[1] = carp_state_word(out->from)[0];
    word[2] = carp_state_word(out->to)[0];
    word[3] = ':';
    struct claim claim = carp_claim(&b->config, out->to == CARP_MASTER ? c : &before);
    spell_actions(b, node, claim, out, word + 4);
    size_t length = strlen(word);
    snprintf(word + length, sizeof word - length, " ");
    assert(strstr(rules[out->rule].words, word) != NULL);

    if (event->type == CARP_EVENT_TIMEOUT && instant_before(b->now, before.deadline)) {
        assert(memcmp(&before, c, sizeof before) == 0); /* early is harmless */
    } else if (event->type == CARP_EVENT_TIMEOUT) {
        assert(out->rule == CARP_RULE_SILENCE || out->rule == CARP_RULE_ADVERT_DUE);
    }
    assert(event->type != CARP_EVENT_STOP || out->to == CARP_INIT);
    assert(event->type != CARP_EVENT_YIELD || out->to != CARP_MASTER);
    assert(event->type != CARP_EVENT_OVERSLEPT || out->to != CARP_MASTER);
    if (event->type == CARP_EVENT_ADVERT && out->verdict == CARP_ACCEPTED) {
        check_senders(&before.senders, &c->senders);
    }
    check_reason(b, &before, event, out);
    check_overslept(b, &before);
    check_preemption(&before, c, out);
    check_deadline(b, &before, c, event, out);
    check_state(b, c);
    check_story(b, event, out);
    check_journal(c);
    check_farewell(b, node);
}

/* --- what is heard ------------------------------------------------------------------------------
 */

/* What may be wrong with a signature. */
enum flaw {
    FLAW_NONE,
    FLAW_IPV4_MISSING,
    FLAW_IPV6_MISSING,
    FLAW_IPV4_EXTRA,
    FLAW_IPV6_EXTRA,
    FLAW_OTHER_KEY,
    FLAW_UNKNOWN_KEY,
    FLAW_BIT,
    FLAW_COUNT
};

static const uint8_t foreign_keys[2][CARP_KEY_SIZE] = {"of another group", "of nobody we know"};
static const uint8_t extra_addresses[2][17] = {{4, 198, 51, 100, 1},
                                               {6, 0x20, 1, 0x0d, 0xb8, 0xee}};

static bool is_link_local(const uint8_t address[16])
{
    return address[0] == 0xfe && address[1] == 0x80;
}

/* Only the first IPv6 address is taken away, and a link-local one may not be signed at all. */
static bool has_flaw(const struct carp_config *config, enum flaw flaw)
{
    return flaw == FLAW_IPV4_MISSING   ? config->ipv4_count > 0
           : flaw == FLAW_IPV6_MISSING ? config->ipv6_count > 0 && !is_link_local(config->ipv6[0])
                                       : flaw != FLAW_NONE;
}

struct heard {
    struct carp_packet packet;
    enum flaw flaw;
    bool with_mac;
};

/* A packet signed anew, by any key, in any form, rightly or not. */
static void sign_heard(struct bench *b, struct heard *h)
{
    uint8_t how = read_u8(&b->bytes);
    struct carp_config like = b->config;
    struct carp_advert *advert = &h->packet.advert;
    const uint8_t *key = b->config.keys[how % b->config.key_count];
    like.vhid = advert->vhid;
    h->with_mac = how < 0xc0 && (how & 8) != 0;
    h->flaw = how < 0xc0 ? FLAW_NONE : (enum flaw)(how >> 3 & 7);
    if (!has_flaw(&b->config, h->flaw)) {
        h->flaw = FLAW_NONE;
    }
    if (h->flaw == FLAW_IPV4_MISSING) {
        like.ipv4_count -= 1;
        memmove(like.ipv4[0], like.ipv4[1], like.ipv4_count * sizeof *like.ipv4);
    } else if (h->flaw == FLAW_IPV6_MISSING) {
        like.ipv6_count -= 1;
        memmove(like.ipv6[0], like.ipv6[1], like.ipv6_count * sizeof *like.ipv6);
    } else if (h->flaw == FLAW_IPV4_EXTRA) {
        memcpy(like.ipv4[like.ipv4_count++], extra_addresses[0] + 1, sizeof *like.ipv4);
    } else if (h->flaw == FLAW_IPV6_EXTRA) {
        memcpy(like.ipv6[like.ipv6_count++], extra_addresses[1] + 1, sizeof *like.ipv6);
    } else if (h->flaw == FLAW_OTHER_KEY || h->flaw == FLAW_UNKNOWN_KEY) {
        key = foreign_keys[h->flaw - FLAW_OTHER_KEY];
    }
    config_sort_addresses(&like);
    sign(&like, key, (how & 4) != 0 ? AUTH_WITH_LINK_LOCAL : AUTH_WITHOUT_LINK_LOCAL,
         h->with_mac ? h->packet.source_mac : NULL, advert->counter, advert->digest);
    advert->digest[how % WIRE_DIGEST_SIZE] ^= h->flaw == FLAW_BIT;
}

/* A counter at one of the distances that matter (engine/replay.h), or a little farther. */
static uint64_t counter_near(uint64_t from, uint8_t how)
{
    static const uint64_t distances[16] = {
        0,
        1,
        2,
        5,
        (1 << 20) - 4,
        1 << 20,
        REPLAY_NEAR - 4,
        REPLAY_NEAR,
        (UINT64_C(1) << 52) - 4,
        UINT64_C(1) << 52,
        UINT64_C(1) << 60,
        UINT64_C(0x123456789abcdef0),
        UINT64_C(1) << 63,
        UINT64_C(0xc0ffee0000000000),
        1000,
        UINT64_C(0xfedcba9876543210),
    };
    uint64_t distance = distances[how & 15] + (how >> 4 & 7);
    return (how & 0x80) != 0 ? from - distance : from + distance;
}

static void name_source(struct carp_packet *packet, uint8_t host)
{
    memset(packet->source, 0, sizeof packet->source);
    if (packet->family == 4) {
        const uint8_t address[4] = {192, 0, 2, host};
        memcpy(packet->source, address, sizeof address);
    } else {
        const uint8_t address[16] = {0xfe, 0x80, [15] = host};
        memcpy(packet->source, address, sizeof address);
    }
}

/* How a peer's packet may differ from what ours sends: bits of one byte. */
enum {
    HOW_IPV6 = 1,
    HOW_MACS = 6, /* ours, a kernel's, UCARP's, or one that no host has */
    HOW_OTHER_VHID = 8,
    HOW_OTHER_GROUP = 16,
    HOW_OF_PEER = 32, /* counted from what was heard last, not from what the hearer knows */
};

static void make_packet(struct bench *b, const struct node *hearer, uint8_t how, struct heard *h)
{
    static const uint8_t macs[4][6] = {{2}, {0, 0, 0x5e, 0, 1}, {0, 0, 0x5e}, {3}};
    static const uint8_t ipv6_group[16] = {0xff, 0x02, [15] = 0x12};
    struct carp_packet *packet = &h->packet;
    *packet = (struct carp_packet){
        .family = (how & HOW_IPV6) != 0 ? 6 : 4,
        .ttl = FRAME_TTL,
        .advert = {.version = WIRE_VERSION, .type = WIRE_TYPE_ADVERT, .authlen = WIRE_AUTHLEN},
    };
    memcpy(packet->source_mac, macs[(how & HOW_MACS) >> 1], sizeof packet->source_mac);
    packet->source_mac[5] = b->config.vhid;
    if (packet->family == 4) {
        memcpy(packet->destination, b->config.ipv4_group, 4);
    } else {
        memcpy(packet->destination, ipv6_group, sizeof ipv6_group);
    }
    packet->destination[1] ^= (how & HOW_OTHER_GROUP) != 0;
    packet->advert.vhid = b->config.vhid ^ ((how & HOW_OTHER_VHID) != 0);
    name_source(packet, read_u8(&b->bytes));
    packet->advert.advbase = read_u8(&b->bytes);
    packet->advert.advskew = read_u8(&b->bytes);
    packet->advert.demote = read_u8(&b->bytes);
    uint64_t from = (how & HOW_OF_PEER) != 0 ? b->heard_counter : hearer->carp.counter;
    packet->advert.counter = counter_near(from, read_u8(&b->bytes));
    b->heard_counter = packet->advert.counter;
    sign_heard(b, h);
}

/* What one of us sent is heard: as it was, or with what the digest does not cover made anew. */
static void repeat_packet(struct bench *b, uint8_t how, struct heard *h)
{
    h->packet = b->sent[how % SENT_MAX];
    if ((how & 8) != 0) {
        name_source(&h->packet, read_u8(&b->bytes));
    }
    if ((how & 16) != 0) {
        h->packet.advert.advbase = read_u8(&b->bytes);
        h->packet.advert.advskew = read_u8(&b->bytes);
        h->packet.advert.demote = read_u8(&b->bytes);
    }
}

/* The first of the checks of docs/PROTOCOL.md that fails; CARP_ACCEPTED: none but, perhaps, the one
 * for replay. */
static enum carp_verdict expected_verdict(const struct bench *b, const struct carp *c,
                                          const struct heard *h)
{
    const struct carp_packet *p = &h->packet;
    bool own = p->family == 4 ? c->self.has_ipv4 && memcmp(p->source, c->self.ipv4, 4) == 0
                              : c->self.has_ipv6 && memcmp(p->source, c->self.ipv6, 16) == 0;
    bool to_group = p->family == 4 ? memcmp(p->destination, b->config.ipv4_group, 4) == 0
                                   : p->destination[1] == 2;
    bool signed_right = h->flaw == FLAW_NONE && (!h->with_mac || p->source_mac[0] == 2);
    uint64_t behind = c->counter - p->advert.counter;
    return !to_group                           ? CARP_OTHER_GROUP
           : p->advert.vhid != b->config.vhid  ? CARP_OTHER_VHID
           : carp_state(c) == CARP_INIT        ? CARP_NOT_LISTENING
           : own && behind < UINT64_C(1) << 20 ? CARP_LOOPED
           : !signed_right                     ? CARP_BAD_DIGEST
           : own                               ? CARP_OWN_ADDRESS
                                               : CARP_ACCEPTED;
}

/* Why a digest was refused is found, for the differences that there are words for. */
static void check_explanation(const struct bench *b, const struct heard *h)
{
    const struct auth_hints hints = {foreign_keys, 1, extra_addresses, 2};
    static const enum auth_difference differences[FLAW_COUNT] = {
        [FLAW_IPV4_MISSING] = AUTH_ADDRESS_MISSING, [FLAW_IPV6_MISSING] = AUTH_ADDRESS_MISSING,
        [FLAW_IPV4_EXTRA] = AUTH_ADDRESS_EXTRA,     [FLAW_IPV6_EXTRA] = AUTH_ADDRESS_EXTRA,
        [FLAW_OTHER_KEY] = AUTH_OTHER_KEY,
    };
    char text[STORY_LINE_MAX];
    struct auth_explanation found = auth_explain(&b->config, &b->crypto, &h->packet.advert, &hints);
    enum auth_difference want = differences[h->flaw];
    if (h->packet.advert.vhid != b->config.vhid) {
        want = h->flaw == FLAW_NONE ? AUTH_OTHER_VHID : AUTH_UNEXPLAINED;
    }
    assert(found.difference == (h->with_mac ? AUTH_UNEXPLAINED : want));
    if (found.difference == AUTH_ADDRESS_EXTRA) {
        const uint8_t *extra = extra_addresses[h->flaw == FLAW_IPV6_EXTRA];
        assert(found.family == extra[0] && memcmp(found.address, extra + 1, 16) == 0);
    }
    size_t size = story_explanation(text, sizeof text, &h->packet, &found);
    assert(size == strlen(text) && size < sizeof text - 1);
}

static void hear(struct bench *b, struct node *node)
{
    struct heard h = {.flaw = FLAW_NONE};
    struct carp_packet read;
    struct carp_outcome out;
    uint8_t frame[FRAME_MAX], how = read_u8(&b->bytes);
    if ((how & 0x80) != 0 && b->sent_count >= SENT_MAX) {
        repeat_packet(b, how, &h);
    } else {
        make_packet(b, node, how, &h);
    }
    memset(&read, 0, sizeof read);
    enum carp_verdict verdict = frame_parse(frame, frame_write(&h.packet, frame), &read);
    assert(verdict == CARP_ACCEPTED);
    enum carp_verdict expected = expected_verdict(b, &node->carp, &h);
    const struct carp_event event = {.type = CARP_EVENT_ADVERT, .packet = &read};
    step(b, node, &event, &out);
    fuzz_verdict(out.verdict);
    assert(out.verdict == expected || (out.verdict == CARP_REPLAYED && expected == CARP_ACCEPTED &&
                                       b->config.replay != CARP_REPLAY_OFF));
    if (out.verdict == CARP_BAD_DIGEST || out.verdict == CARP_OTHER_VHID) {
        check_explanation(b, &h);
    }
}

/* --- from bytes ---------------------------------------------------------------------------------
 */

static void read_config(struct bench *b)
{
    static const uint8_t ipv4[3][4] = {{192, 0, 2, 7}, {192, 0, 2, 200}, {10, 0, 0, 1}};
    static const uint8_t ipv6[3][16] = {
        {0xfe, 0x80, [15] = 7}, {0x20, 1, [15] = 7}, {0xfd, [15] = 7}};
    const uint8_t *bytes = read_bytes(&b->bytes, 7);
    uint8_t how = bytes[0], addresses = bytes[1];
    struct carp_config *config = &b->config;
    *config = (struct carp_config){
        .vhid = 7,
        .advbase = bytes[2],
        .advskew = bytes[3],
        .dead_ratio = bytes[4],
        .preempt = (how & 1) != 0,
        .dialect = (how & 2) != 0 ? CARP_DIALECT_OPENBSD : CARP_DIALECT_ADVSKEW,
        .replay = (enum carp_replay)((how >> 2 & 3) % 3),
        .source_mac = (how & 16) != 0 ? CARP_SOURCE_MAC_VIRTUAL : CARP_SOURCE_MAC_INTERFACE,
        .broadcast = (how & 32) != 0,
        .hold_down = CARP_SECONDS(bytes[5]),
        .preempt_delay = CARP_SECONDS(bytes[6]),
        .ipv4_group = {224, 0, 0, 18},
        .key_count = (uint8_t)(1 + (how >> 6)),
        .keys = {"secret", "older", "oldest", ""},
        .ipv4_count = addresses & 3,
        .ipv6_count = addresses >> 2 & 3,
    };
    memcpy(config->ipv4, ipv4, sizeof ipv4);
    memcpy(config->ipv6, ipv6, sizeof ipv6);
    if ((addresses & 16) != 0) { /* twice the same */
        memcpy(config->ipv4[1], config->ipv4[0], sizeof config->ipv4[0]);
    }
    config_sort_addresses(config);
    for (unsigned i = 1; i < config->ipv4_count; i++) {
        assert(memcmp(config->ipv4[i - 1], config->ipv4[i], sizeof config->ipv4[i]) < 0);
    }
    for (unsigned i = 1; i < config->ipv6_count; i++) {
        assert(memcmp(config->ipv6[i - 1], config->ipv6[i], sizeof config->ipv6[i]) < 0);
    }
    if (config->dead_ratio == 0) {
        config->dead_ratio = 3;
    }
    if (config->advbase == config->advskew && (config->advbase == 0 || config->advbase == 255)) {
        config->advskew = 100;
    }
}

/* Time goes on: not at all, by up to four intervals, or to the deadline and what is around it. */
static void pass_time(struct bench *b, const struct node *node)
{
    uint8_t how = read_u8(&b->bytes);
    carp_instant deadline = carp_deadline(&node->carp), then = b->now;
    uint64_t interval_ns = carp_interval(&b->config, &node->carp).ns;
    if (how < 0xc0) {
        then.ns += interval_ns * how / 48;
    } else if (deadline.ns != CARP_NEVER.ns) {
        then.ns = deadline.ns + (how & 15) * (carp_patience(&b->config, &node->carp).ns / 8);
        then.ns -= how >> 4 & 3; /* ns */
    }
    if (instant_before(b->now, then)) {
        b->now = then;
    }
}

static void link_up(struct bench *b, struct node *node, struct carp_event *event)
{
    uint8_t how = read_u8(&b->bytes);
    node->self.has_ipv4 = (how & 1) == 0;
    node->self.has_ipv6 = (how & 2) == 0;
    node->self.ipv4[3] = (uint8_t)(11 + (node - b->nodes) + (how >> 2 & 1));
    node->self.ipv6[15] = node->self.mac[5] = node->self.ipv4[3];
    event->link = node->self;
}

/* Returns false at the end of the bytes. */
static bool next_event(struct bench *b)
{
    uint8_t what = read_u8(&b->bytes);
    struct node *node = &b->nodes[what >> 7];
    struct carp_event event = {.type = (enum carp_event_type)((what & 15) % (CARP_EVENT_STOP + 1))};
    struct carp_outcome out;
    pass_time(b, node);
    if (b->bytes.ran_out) {
        return false;
    }
    switch (event.type) {
    case CARP_EVENT_ADVERT:
        hear(b, node);
        return true;
    case CARP_EVENT_LINK_UP:
        link_up(b, node, &event);
        break;
    case CARP_EVENT_DISOWNED:
        event.farewell = counter_near(node->carp.counter, read_u8(&b->bytes));
        break;
    case CARP_EVENT_DEMOTE:
        event.demotion = (what & 16) != 0 ? read_u16(&b->bytes) : read_u8(&b->bytes);
        break;
    case CARP_EVENT_YIELD:
        event.yield.why = (what & 16) != 0 ? CARP_YIELD_OPERATOR : CARP_YIELD_CLAIM_FAILED;
        event.yield.hold = CARP_SECONDS(read_u8(&b->bytes));
        break;
    case CARP_EVENT_LINK_DOWN:
    case CARP_EVENT_TIMEOUT:
    case CARP_EVENT_OVERSLEPT:
    case CARP_EVENT_SEND_FAILED:
    case CARP_EVENT_RESTORED:
    case CARP_EVENT_STOP:
        break;
    }
    step(b, node, &event, &out);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct bench b = {.bytes = {.at = bytes, .left = size}};
    read_config(&b);
    b.crypto = (struct carp_crypto){&b.config, stub_digest, stub_hmac};
    for (unsigned i = 0; i < NODES; i++) {
        struct node *node = &b.nodes[i];
        node->self = (struct carp_self){.mac = {2}, .ipv4 = {192, 0, 2}, .ipv6 = {0xfe, 0x80}};
        uint8_t seed = read_u8(&b.bytes);
        carp_init(&node->carp, seed, counter_near(0, read_u8(&b.bytes)));
    }
    while (next_event(&b)) {
    }
    return 0;
}
