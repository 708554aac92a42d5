/* One step again, and everything that was recorded of it compared. */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "tools/carplab/replay/replay_journal_internal.h"

/* --- digests as they were found then ------------------------------------------------------------
 */

enum knowledge { RIGHT, WRONG, UNKNOWN };

/* What the verdict of then says about the digest. */
static enum knowledge knowledge_of(enum carp_verdict verdict)
{
    switch (verdict) {
    case CARP_ACCEPTED:
    case CARP_OWN_ADDRESS:
    case CARP_REPLAYED:
        return RIGHT;
    case CARP_BAD_DIGEST:
        return WRONG;
    default: /* it was refused before anyone looked */
        return UNKNOWN;
    }
}

static void never_fits(const struct replay *r, uint8_t digest[WIRE_DIGEST_SIZE])
{
    for (int i = 0; i < WIRE_DIGEST_SIZE; i++) {
        digest[i] = (uint8_t)~r->step.heard.packet.advert.digest[i];
    }
}

/* The digest of the advert that was sent with this counter; zeros when none was. */
static void find_sent(const struct replay *r, uint64_t counter, uint8_t digest[WIRE_DIGEST_SIZE])
{
    memset(digest, 0, WIRE_DIGEST_SIZE);
    for (unsigned i = 0; i < r->step.sent_count; i++) {
        struct carp_packet packet;
        size_t size = r->step.sent[i].size;
        if (size <= FRAME_MAX &&
            frame_parse(r->step.sent[i].frame, size, &packet) == CARP_ACCEPTED &&
            packet.advert.counter == counter) {
            memcpy(digest, packet.advert.digest, WIRE_DIGEST_SIZE);
            return;
        }
    }
}

/* The engine verifies, until it finds what fits; then it may sign. */
static void recorded_digest(void *self, unsigned key, enum auth_form form, uint64_t counter,
                            uint8_t digest[WIRE_DIGEST_SIZE])
{
    struct replay *r = self;
    (void)key, (void)form;
    if (!r->verifies) {
        find_sent(r, counter, digest);
        return;
    }
    r->asked = true;
    if (knowledge_of(r->step.recorded.verdict) == RIGHT) {
        memcpy(digest, r->step.heard.packet.advert.digest, WIRE_DIGEST_SIZE);
        r->verifies = false;
    } else {
        never_fits(r, digest);
    }
}

static void recorded_hmac(void *self, const uint8_t key[CARP_KEY_SIZE], const uint8_t *message,
                          size_t size, uint8_t digest[WIRE_DIGEST_SIZE])
{
    (void)key, (void)message, (void)size;
    never_fits(self, digest);
}

struct carp_crypto replay_recorded_crypto(struct replay *r)
{
    return (struct carp_crypto){.self = r, .digest = recorded_digest, .hmac = recorded_hmac};
}

/* --- what differs -------------------------------------------------------------------------------
 */

void add_difference(struct difference *d, const char *name, const char *recorded, const char *build)
{
    if (d->count < DIFFERENCE_FIELDS_MAX) {
        struct difference_field *field = &d->fields[d->count++];
        snprintf(field->name, sizeof field->name, "%s", name);
        snprintf(field->recorded, sizeof field->recorded, "%s", recorded);
        snprintf(field->build, sizeof field->build, "%s", build);
    }
}

static void compare_words(struct difference *d, const char *name, const char *recorded,
                          const char *build)
{
    if (strcmp(recorded, build) != 0) {
        add_difference(d, name, recorded, build);
    }
}

static void compare_hex(struct difference *d, const char *name, uint64_t recorded, uint64_t build)
{
    char a[32], b[32];
    if (recorded != build) {
        snprintf(a, sizeof a, "%016" PRIx64, recorded);
        snprintf(b, sizeof b, "%016" PRIx64, build);
        add_difference(d, name, a, b);
    }
}

static void print_duration(char text[32], uint64_t ns)
{
    if (ns == CARP_NEVER.ns) {
        snprintf(text, 32, "never");
    } else {
        snprintf(text, 32, "%" PRIu64 ".%09" PRIu64 " s", ns / 1000000000, ns % 1000000000);
    }
}

static void compare_times(struct difference *d, const char *name, uint64_t recorded, uint64_t build)
{
    char a[32], b[32];
    if (recorded != build) {
        print_duration(a, recorded);
        print_duration(b, build);
        add_difference(d, name, a, b);
    }
}

static void compare_claims(struct difference *d, const char *name, struct claim recorded,
                           struct claim build)
{
    char a[32], b[32];
    snprintf(a, sizeof a, "%u/%u demoted %u", recorded.advbase, recorded.advskew, recorded.demote);
    snprintf(b, sizeof b, "%u/%u demoted %u", build.advbase, build.advskew, build.demote);
    compare_words(d, name, a, b);
}

static void print_actions(char text[64], const uint8_t *types, size_t stride, unsigned count)
{
    static const char *const words[] = {"send", "claim", "release", "announce"};
    size_t used = (size_t)snprintf(text, 64, "%s", count == 0 ? "none" : "");
    for (unsigned i = 0; i < count; i++) {
        used += (size_t)snprintf(text + used, 64 - used, "%s%s", i == 0 ? "" : ", ",
                                 words[types[i * stride]]);
    }
}

static void compare_actions(struct difference *d, const struct format_step *s,
                            const struct carp_outcome *out)
{
    char a[64], b[64];
    print_actions(a, s->actions, 1, s->count);
    print_actions(b, &out->at[0].type, sizeof out->at[0], out->count);
    compare_words(d, "actions", a, b);
}

/* --- frames -------------------------------------------------------------------------------------
 */

/* Frames as this build sends them, compared one by one. */
struct sent_frames {
    const struct replay_step *step;
    struct difference *difference;
    unsigned count;
};

static void compare_frame(struct sent_frames *s, const uint8_t *frame, size_t size)
{
    char name[32], a[DIFFERENCE_VALUE_MAX], b[DIFFERENCE_VALUE_MAX];
    unsigned index = s->count++;
    if (index >= s->step->sent_count) {
        return;
    }
    size_t recorded_size = s->step->sent[index].size, at = 0;
    const uint8_t *recorded = s->step->sent[index].frame;
    snprintf(name, sizeof name, "frame sent %u", index + 1);
    if (recorded_size != size) {
        snprintf(a, sizeof a, "%zu bytes", recorded_size);
        snprintf(b, sizeof b, "%zu bytes", size);
        add_difference(s->difference, name, a, b);
        return;
    }
    while (at < size && recorded[at] == frame[at]) {
        at++;
    }
    if (at < size) {
        snprintf(a, sizeof a, "byte %zu is %02x", at, recorded[at]);
        snprintf(b, sizeof b, "%02x", frame[at]);
        add_difference(s->difference, name, a, b);
    }
}

static void compare_announcements(struct sent_frames *s, const struct replay_group *g)
{
    uint8_t frame[FRAME_MAX];
    for (unsigned i = 0; i < g->config.ipv4_count; i++) {
        size_t size = frame_announce_ipv4(g->carp.self.mac, g->config.ipv4[i], frame);
        compare_frame(s, frame, size);
    }
    for (unsigned i = 0; i < g->config.ipv6_count; i++) {
        size_t size = frame_announce_ipv6(g->carp.self.mac, g->config.ipv6[i], frame);
        compare_frame(s, frame, size);
    }
}

/* As io/host.c carries them out. When a claim fails nothing is sent, which is not the engine's
 * doing: it hears of it by the next event. */
static void compare_frames(struct difference *d, const struct replay_step *step,
                           const struct replay_group *g, const struct carp_outcome *out)
{
    struct sent_frames s = {.step = step, .difference = d};
    bool claims = false;
    for (unsigned i = 0; i < out->count; i++) {
        if (out->at[i].type == CARP_SEND) {
            compare_frame(&s, out->at[i].frame, out->at[i].size);
        } else if (out->at[i].type == CARP_ANNOUNCE) {
            compare_announcements(&s, g);
        }
        claims |= out->at[i].type == CARP_CLAIM;
    }
    if (s.count != step->sent_count && !(claims && step->sent_count == 0)) {
        char a[32], b[32];
        snprintf(a, sizeof a, "%u", step->sent_count);
        snprintf(b, sizeof b, "%u", s.count);
        add_difference(d, "frames sent", a, b);
    }
}

/* --- steps --------------------------------------------------------------------------------------
 */

static struct carp_outcome recorded_outcome(const struct format_step *s)
{
    struct carp_outcome out = {
        .verdict = s->verdict,
        .rule = s->rule,
        .from = s->from,
        .to = s->to,
        .ours = s->ours,
        .theirs = s->theirs,
        .waited = s->waited,
        .notices = s->notices,
        .count = s->count,
    };
    for (unsigned i = 0; i < s->count; i++) {
        out.at[i].type = s->actions[i];
    }
    return out;
}

/* The line of a step without its time, which stands before it in another form. */
static void tell_story(char text[STORY_LINE_MAX], const struct format_step *s,
                       const struct carp_event *event, const struct carp_outcome *out)
{
    size_t size = story_line(text, STORY_LINE_MAX, s->now, event, out);
    size_t time = strcspn(text, " ") + 1;
    memmove(text, text + time, size - time + 1);
}

static void compare_step(struct difference *d, const struct replay_step *step,
                         const struct replay_group *g, const struct carp_outcome *out)
{
    const struct format_step *s = &step->recorded;
    compare_words(d, "verdict", verdict_word(s->verdict), verdict_word(out->verdict));
    compare_words(d, "rule", carp_rule_word(s->rule), carp_rule_word(out->rule));
    compare_words(d, "state before", carp_state_word(s->from), carp_state_word(out->from));
    compare_words(d, "state after", carp_state_word(s->to), carp_state_word(out->to));
    compare_claims(d, "our claim", s->ours, out->ours);
    compare_claims(d, "their claim", s->theirs, out->theirs);
    compare_times(d, "waited", s->waited.ns, out->waited.ns);
    compare_hex(d, "notices", s->notices, out->notices);
    compare_actions(d, s, out);
    compare_frames(d, step, g, out);
    compare_times(d, "deadline", s->deadline.ns, carp_deadline(&g->carp).ns);
    compare_hex(d, "counter", s->counter, g->carp.counter);
    compare_hex(d, "seed", s->seed, g->carp.seed);
}

carp_instant replay_wall(const struct replay *r, carp_instant now)
{
    return (carp_instant){now.ns + r->wall_ns};
}

/* What an operator wants to see: not each advert. */
static bool matters(const struct carp_outcome *out)
{
    switch (out->rule) {
    case CARP_RULE_SEND_FAILED:
    case CARP_RULE_DEMOTED:
    case CARP_RULE_RESTORED:
    case CARP_RULE_IDENTITY:
    case CARP_RULE_OVERSLEPT:
        return true;
    default:
        return out->from != out->to || out->notices != 0;
    }
}

/* This build refuses a frame before any group sees it: there is no step to compare with. */
static void refuse_frame(struct replay *r, const struct replay_group *g,
                         const struct carp_event *event)
{
    const struct replay_step *step = &r->step;
    const struct format_step *s = &step->recorded;
    struct carp_outcome recorded = recorded_outcome(s);
    struct difference d = {0};
    tell_story(d.recorded, s, event, &recorded);
    snprintf(d.build, sizeof d.build, "refuses the frame (%s)", verdict_word(step->heard.verdict));
    add_difference(&d, "frame", "an advert", verdict_word(step->heard.verdict));
    tell_difference(r, step->number, g, s->now, &d);
}

void replay_step(struct replay *r)
{
    const struct replay_step *step = &r->step;
    const struct format_step *s = &step->recorded;
    struct replay_group *g = &r->groups[s->group];
    struct carp_event event = s->event;
    struct carp_outcome out;
    r->totals.steps += 1;
    r->totals.last = replay_wall(r, s->now);
    r->verifies = event.type == CARP_EVENT_ADVERT;
    r->asked = false;
    if (event.type == CARP_EVENT_ADVERT) {
        event.packet = &step->heard.packet;
        if (step->heard.verdict != CARP_ACCEPTED) {
            g->differs = true;
            refuse_frame(r, g, &event);
            return;
        }
    }
    carp_step(&g->config, &g->crypto, &g->carp, s->now, &event, &out);
    r->totals.transitions += out.from != out.to;
    r->totals.digests_unknown += r->asked && knowledge_of(s->verdict) == UNKNOWN;

    struct difference d = {0};
    tell_story(d.build, s, &event, &out);
    compare_step(&d, step, g, &out);
    if (matters(&out)) {
        tell_step(r, g, s->now, &out, d.build);
    }
    if (d.count > 0) {
        struct carp_outcome recorded = recorded_outcome(s);
        tell_story(d.recorded, s, &event, &recorded);
        g->differs = true;
        tell_difference(r, step->number, g, s->now, &d);
    }
}

void replay_no_step(struct replay *r, const struct replay_heard *heard)
{
    r->totals.last = heard->wall;
    for (unsigned i = 0; heard->verdict == CARP_ACCEPTED && i < r->group_count; i++) {
        struct replay_group *g = &r->groups[i];
        if (g->interface == heard->interface && g->config.vhid == heard->packet.advert.vhid) {
            struct difference d = {.recorded = "refuses the frame", .build = "hears the frame"};
            add_difference(&d, "frame", "refused", "an advert for this group");
            tell_difference(r, heard->number, g, (carp_instant){heard->wall.ns - r->wall_ns}, &d);
        }
    }
}

/* --- states -------------------------------------------------------------------------------------
 */

#define STATE_FIELDS(X)                                                                            \
    X(deadline)                                                                                    \
    X(preempt_from)                                                                                \
    X(quiet_since)                                                                                 \
    X(heard_at)                                                                                    \
    X(tied_until)                                                                                  \
    X(tie_wait)                                                                                    \
    X(counter)                                                                                     \
    X(seed)                                                                                        \
    X(senders)                                                                                     \
    X(self)                                                                                        \
    X(demotion)                                                                                    \
    X(state)                                                                                       \
    X(announce_in)                                                                                 \
    X(send_errors)                                                                                 \
    X(send_successes)                                                                              \
    X(sending_fails)                                                                               \
    X(reasserted)                                                                                  \
    X(deaf)                                                                                        \
    X(tie_noticed)                                                                                 \
    X(best)

static const struct {
    const char *name;
    size_t at, size;
} state_fields[] = {
#define X(field) {#field, offsetof(struct carp, field), sizeof((struct carp *)0)->field},
    STATE_FIELDS(X)
#undef X
};

/* The first bytes will do: it is for who looks into the engine. */
static void print_bytes(char text[32], const uint8_t *bytes, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < size && i < 12; i++) {
        used += (size_t)snprintf(text + used, 32 - used, "%02x", bytes[i]);
    }
}

void replay_compare_state(struct replay *r, const struct journal_item *item, struct replay_group *g,
                          const struct carp *recorded)
{
    struct difference d = {0};
    for (size_t i = 0; i < sizeof state_fields / sizeof *state_fields; i++) {
        const uint8_t *then = (const uint8_t *)recorded + state_fields[i].at;
        const uint8_t *now = (const uint8_t *)&g->carp + state_fields[i].at;
        if (memcmp(then, now, state_fields[i].size) != 0) {
            char a[32], b[32], name[32];
            snprintf(name, sizeof name, "state's %s", state_fields[i].name);
            print_bytes(a, then, state_fields[i].size);
            print_bytes(b, now, state_fields[i].size);
            add_difference(&d, name, a, b);
        }
    }
    if (d.count > 0 && !g->differs) { /* one that differed before was told */
        g->differs = true;
        snprintf(d.recorded, sizeof d.recorded, "%s", carp_state_word(carp_state(recorded)));
        snprintf(d.build, sizeof d.build, "%s", carp_state_word(carp_state(&g->carp)));
        tell_difference(r, item->number, g, (carp_instant){r->totals.last.ns - r->wall_ns}, &d);
    }
}
