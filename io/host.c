#include "io/host.h"

#include <assert.h>
#include <string.h>

/* The guard's farewell is this far ahead of our counter, and prepared anew when half of that is
 * used up (the fastest adverts there are take 4 s for that): peers must take it for newer than
 * anything we sent until then. No farther, because the group counts on from there, and who starts
 * anew begins with the wall clock's 2^20 a second. */
#define FAREWELL_AHEAD (UINT64_C(1) << 12)
enum { FAREWELL_FAMILIES = 2 }; /* one each, with counters that follow each other */

/* A bad digest is explained at most this often per group, an advert for another vhid examined this
 * often per vhid: a flood of them costs no more. */
#define EXPLAIN_PAUSE CARP_SECONDS(10)
#define EXAMINE_PAUSE CARP_SECONDS(60)

/* After a claim that failed: how long to stay out beyond the master-down time. */
#define CLAIM_PAUSE CARP_SECONDS(30)

/* How often in a row a backup lets a silence pass in which it may have been deaf. */
enum { EXCUSES_MAX = 3 };

enum { HINT_KEYS_MAX = 32, HINT_ADDRESSES_MAX = 64 };

/* So few groups are all looked at on each wake-up: that costs nothing, and so a backup does not
 * wake up for deadlines that adverts have moved meanwhile. */
enum { LOOK_ALWAYS_MAX = 4 };

void host_init(struct host *host, const struct port *port, struct host_group *groups,
               unsigned group_count, size_t stride, struct host_interface *interfaces,
               unsigned interface_count, uint64_t seed, uint64_t counter)
{
    assert(stride > 0);
    *host = (struct host){
        .port = *port,
        .groups = groups,
        .group_count = group_count,
        .stride = stride,
        .interfaces = interfaces,
        .interface_count = interface_count,
        .next_due = CARP_NEVER,
    };
    memset(interfaces, 0, interface_count * sizeof *interfaces);
    for (unsigned i = 0; i < group_count; i++) {
        struct host_group *g = host_group(host, i);
        const struct host_plan *plan = g->plan;
        assert(plan->interface < interface_count);
        carp_init(&g->carp, seed + i, counter);
        if (g->book != NULL) {
            *g->book = (struct host_book){0};
        }
        uint16_t *slot = &interfaces[plan->interface].group_of_vhid[plan->config->vhid];
        assert(*slot == 0);
        *slot = (uint16_t)(i + 1);
    }
}

/* --- one step, and what follows from it ------------------------------------------------------ */

static void note_transition(struct host_book *book, carp_instant now,
                            const struct carp_event *event, const struct carp_outcome *out)
{
    book->transitions += 1;
    book->last = (struct host_transition){
        .at = now,
        .from = out->from,
        .to = out->to,
        .rule = out->rule,
        .ours = out->ours,
        .theirs = out->theirs,
        .waited = out->waited,
    };
    if (event->type == CARP_EVENT_ADVERT) {
        book->last.family = event->packet->family;
        book->last.counter = event->packet->advert.counter;
        memcpy(book->last.source, event->packet->source, sizeof book->last.source);
    }
}

static bool claim_guarded(struct host *host, unsigned index)
{
    const struct host_group *g = host_group(host, index);
    const struct host_plan *plan = g->plan;
    struct port_guard guard = {.patience = carp_patience(plan->config, &g->carp)};
    for (unsigned i = 0; i < FAREWELL_FAMILIES; i++) {
        guard.farewell_size[i] =
            carp_farewell(plan->config, &plan->crypto, &g->carp, i == 0 ? 4 : 6, FAREWELL_AHEAD + i,
                          guard.farewell[i]);
    }
    g->book->farewell_from = g->carp.counter;
    g->book->claimed = host->port.claim(host->port.self, index, &guard) == 0;
    return g->book->claimed;
}

/* Hold the addresses, with the guard as it must be now; false: it failed, and so `next` follows. */
static bool claim(struct host *host, unsigned index, struct carp_event *next)
{
    *next = (struct carp_event){
        .type = CARP_EVENT_YIELD,
        .yield = {.why = CARP_YIELD_CLAIM_FAILED, .hold = CLAIM_PAUSE},
    };
    return host_group(host, index)->book != NULL
               ? claim_guarded(host, index)
               : host->port.claim(host->port.self, index, NULL) == 0;
}

/* What is lost here is announced again two adverts later; a link that fails shows with the adverts.
 */
static void announce(struct host *host, unsigned index)
{
    const struct host_group *g = host_group(host, index);
    const struct carp_config *config = g->plan->config;
    uint8_t frame[FRAME_MAX];
    for (unsigned i = 0; i < config->ipv4_count; i++) {
        size_t size = frame_announce_ipv4(g->carp.self.mac, config->ipv4[i], frame);
        host->port.send(host->port.self, index, frame, size);
    }
    for (unsigned i = 0; i < config->ipv6_count; i++) {
        size_t size = frame_announce_ipv6(g->carp.self.mac, config->ipv6[i], frame);
        host->port.send(host->port.self, index, frame, size);
    }
}

/* Carry out the actions of a step. A failure ends in one more event: true, and it is in `next`. */
static bool carry_out(struct host *host, unsigned index, const struct carp_outcome *out,
                      struct carp_event *next)
{
    struct host_book *book = host_group(host, index)->book;
    bool send_failed = false;
    for (unsigned i = 0; i < out->count; i++) {
        const struct carp_action *action = &out->at[i];
        switch ((enum carp_action_type)action->type) {
        case CARP_SEND:
            send_failed |=
                host->port.send(host->port.self, index, action->frame, action->size) != 0;
            break;
        case CARP_CLAIM:
            if (!claim(host, index, next)) {
                return true; /* nothing was said yet; what is left of the step would be a lie */
            }
            break;
        case CARP_RELEASE:
            if (book != NULL) {
                book->claimed = false;
            }
            host->port.release(host->port.self, index);
            break;
        case CARP_ANNOUNCE:
            announce(host, index);
            break;
        }
    }
    if (send_failed) {
        *next = (struct carp_event){.type = CARP_EVENT_SEND_FAILED};
    }
    return send_failed;
}

/* The farewell someone else may have to send for us must stay newer than what we sent, and right.
 * True when that failed, and so `next` follows. */
static bool guard_failed(struct host *host, unsigned index, const struct carp_outcome *out,
                         struct carp_event *next)
{
    const struct host_group *g = host_group(host, index);
    if (g->book == NULL || !g->book->claimed) {
        return false;
    }
    bool stale = g->carp.counter - g->book->farewell_from > FAREWELL_AHEAD / 2 ||
                 out->rule == CARP_RULE_IDENTITY || out->rule == CARP_RULE_DEMOTED;
    return stale && !claim(host, index, next);
}

/* Something is due at this instant, perhaps before all else. */
static void note_due(struct host *host, carp_instant at)
{
    host->next_due = instant_min(host->next_due, at);
}

/* NOLINTNEXTLINE(misc-no-recursion): two deep at most, says the comment at the call */
static enum carp_verdict step(struct host *host, carp_instant now, unsigned index,
                              const struct carp_event *event)
{
    struct host_group *g = host_group(host, index);
    const struct host_plan *plan = g->plan;
    struct carp_outcome out;
    struct carp_event next;
    enum carp_verdict verdict = carp_step(plan->config, &plan->crypto, &g->carp, now, event, &out);
    if (out.from != out.to && g->book != NULL) {
        note_transition(g->book, now, event, &out);
    }
    bool follow = carry_out(host, index, &out, &next);
    host->port.stepped(host->port.self, index, now, event, &out);
    if (follow || guard_failed(host, index, &out, &next)) {
        /* A failed claim ends in YIELD, a failed send in SEND_FAILED; neither can lead to CLAIM,
         * and SEND_FAILED sends nothing, so this goes two deep at most. */
        step(host, now, index, &next);
    }
    note_due(host, carp_deadline(&g->carp));
    return verdict;
}

/* --- events ---------------------------------------------------------------------------------- */

void host_group_link(struct host *host, carp_instant now, unsigned group,
                     const struct carp_self *self)
{
    struct carp_event event = {.type = CARP_EVENT_LINK_DOWN};
    if (self != NULL) {
        event.type = CARP_EVENT_LINK_UP;
        event.link = *self;
    }
    step(host, now, group, &event);
}

void host_link(struct host *host, carp_instant now, unsigned interface,
               const struct carp_self *self)
{
    for (unsigned i = 0; i < host->group_count; i++) {
        if (host_group(host, i)->plan->interface == interface) {
            host_group_link(host, now, i, self);
        }
    }
}

void host_restored(struct host *host, carp_instant now, unsigned group)
{
    struct carp_event event = {.type = CARP_EVENT_RESTORED};
    step(host, now, group, &event);
}

void host_disowned(struct host *host, carp_instant now, unsigned group)
{
    const struct host_book *book = host_group(host, group)->book;
    assert(book != NULL);
    struct carp_event event = {
        .type = CARP_EVENT_DISOWNED,
        .farewell = book->farewell_from + FAREWELL_AHEAD + FAREWELL_FAMILIES - 1,
    };
    step(host, now, group, &event);
}

void host_woke_late(struct host *host, carp_instant now)
{
    struct carp_event event = {.type = CARP_EVENT_OVERSLEPT};
    for (unsigned i = 0; i < host->group_count; i++) {
        const struct host_group *g = host_group(host, i);
        /* The deadline alone rules out nearly all, and is in one place. */
        if (instant_before(carp_deadline(&g->carp), now) &&
            carp_overslept(g->plan->config, &g->carp, now)) {
            step(host, now, i, &event);
        }
    }
}

static void suspect(struct host *host, carp_instant now, struct host_book *book,
                    const struct carp_packet *packet)
{
    if (!book->suspect_waits && !instant_before(now, book->explain_from)) {
        book->suspect = *packet;
        book->suspect_waits = true;
        book->explain_from = instant_add(now, EXPLAIN_PAUSE);
        host->suspects += 1;
    }
}

/* An advert for a vhid that is none of ours may still claim our addresses, by a mistake in its
 * configuration; one at a time, so that many of them cost no more than one. */
static void examine(struct host *host, carp_instant now, struct host_interface *on,
                    const struct carp_packet *packet)
{
    uint8_t vhid = packet->advert.vhid;
    uint8_t bit = (uint8_t)(1 << vhid % 8);
    if (!instant_before(now, on->examine_again)) {
        memset(on->examined, 0, sizeof on->examined);
        on->examine_again = instant_add(now, EXAMINE_PAUSE);
    }
    if (!on->foreign_waits && (on->examined[vhid / 8] & bit) == 0) {
        on->examined[vhid / 8] |= bit;
        on->foreign = *packet;
        on->foreign_waits = true;
        host->suspects += 1;
    }
}

void host_packet(struct host *host, carp_instant now, unsigned interface, enum carp_verdict verdict,
                 const struct carp_packet *packet)
{
    assert(interface < host->interface_count);
    struct host_interface *on = &host->interfaces[interface];
    unsigned found = 0;
    if (verdict == CARP_ACCEPTED) {
        found = on->group_of_vhid[packet->advert.vhid];
        verdict = found == 0 ? CARP_OTHER_VHID : CARP_ACCEPTED;
    }
    if (verdict != CARP_ACCEPTED) {
        on->verdicts[verdict] += 1;
        if (verdict == CARP_OTHER_VHID) {
            examine(host, now, on, packet);
        }
        host->port.stranger(host->port.self, interface, verdict, packet);
        return;
    }
    struct host_book *book = host_group(host, found - 1)->book;
    struct carp_event event = {.type = CARP_EVENT_ADVERT, .packet = packet};
    verdict = step(host, now, found - 1, &event);
    if (book == NULL) {
        return;
    }
    book->verdicts[verdict] += 1;
    if (verdict == CARP_ACCEPTED) {
        book->excused = 0;
    }
    if (verdict == CARP_BAD_DIGEST) {
        suspect(host, now, book, packet);
    }
}

void host_frame(struct host *host, carp_instant now, unsigned interface, const uint8_t *frame,
                size_t size)
{
    struct carp_packet packet;
    enum carp_verdict verdict = frame_parse(frame, size, &packet);
    host_packet(host, now, interface, verdict, &packet);
}

/* --- explaining a bad digest ----------------------------------------------------------------- */

static void add_address(uint8_t (*addresses)[17], size_t *count, uint8_t family,
                        const uint8_t *bytes)
{
    if (*count < HINT_ADDRESSES_MAX) {
        memset(addresses[*count], 0, sizeof addresses[*count]);
        addresses[*count][0] = family;
        memcpy(addresses[*count] + 1, bytes, family == 4 ? 4 : 16);
        *count += 1;
    }
}

/* What else this machine knows that the peer may have signed with: the keys and addresses of the
 * other groups, and the peer's own address. */
static void explain(struct host *host, unsigned index)
{
    const struct host_plan *plan = host_group(host, index)->plan;
    const struct carp_packet *packet = &host_group(host, index)->book->suspect;
    uint8_t keys[HINT_KEYS_MAX][CARP_KEY_SIZE];
    uint8_t addresses[HINT_ADDRESSES_MAX][17];
    struct auth_hints hints = {.keys = (const uint8_t(*)[CARP_KEY_SIZE])keys,
                               .addresses = (const uint8_t(*)[17])addresses};
    add_address(addresses, &hints.address_count, packet->family, packet->source);
    for (unsigned i = 0; i < host->group_count; i++) {
        const struct carp_config *other = host_group(host, i)->plan->config;
        if (other == plan->config) {
            continue;
        }
        for (unsigned k = 0; k < other->key_count && hints.key_count < HINT_KEYS_MAX; k++) {
            memcpy(keys[hints.key_count++], other->keys[k], CARP_KEY_SIZE);
        }
        for (unsigned a = 0; a < other->ipv4_count; a++) {
            add_address(addresses, &hints.address_count, 4, other->ipv4[a]);
        }
        for (unsigned a = 0; a < other->ipv6_count; a++) {
            add_address(addresses, &hints.address_count, 6, other->ipv6[a]);
        }
    }
    struct auth_explanation explanation =
        auth_explain(plan->config, &plan->crypto, &packet->advert, &hints);
    host->port.explained(host->port.self, index, packet, &explanation);
}

static void explain_foreign(struct host *host, unsigned interface)
{
    const struct carp_packet *foreign = &host->interfaces[interface].foreign;
    const struct auth_hints none = {0};
    for (unsigned i = 0; i < host->group_count; i++) {
        const struct host_group *g = host_group(host, i);
        const struct host_plan *plan = g->plan;
        if (g->book == NULL || plan->interface != interface) {
            continue;
        }
        struct auth_explanation explanation =
            auth_explain(plan->config, &plan->crypto, &foreign->advert, &none);
        if (explanation.difference == AUTH_OTHER_VHID) {
            host->port.explained(host->port.self, i, foreign, &explanation);
        }
    }
}

/* One a wake-up: it takes hundreds of digests, and a single frame for each of 255 groups would
 * otherwise keep all their adverts waiting until everything was explained. */
static void explain_one(struct host *host)
{
    for (unsigned i = 0; i < host->interface_count; i++) {
        if (host->interfaces[i].foreign_waits) {
            host->interfaces[i].foreign_waits = false;
            explain_foreign(host, i);
            return;
        }
    }
    for (unsigned i = 0; i < host->group_count; i++) {
        struct host_book *book = host_group(host, i)->book;
        if (book != NULL && book->suspect_waits) {
            book->suspect_waits = false;
            explain(host, i);
            return;
        }
    }
}

/* --- demotion -------------------------------------------------------------------------------- */

static void step_demotion(struct host *host, carp_instant now, unsigned index)
{
    const struct host_book *book = host_group(host, index)->book;
    struct carp_event event = {.type = CARP_EVENT_DEMOTE};
    for (unsigned i = 0; i < HOST_CAUSE_COUNT; i++) {
        event.demotion = (uint16_t)(event.demotion + book->demotions[i].weight);
    }
    step(host, now, index, &event);
}

void host_demote(struct host *host, carp_instant now, unsigned group, enum host_cause cause,
                 uint8_t weight, carp_instant until)
{
    struct host_book *book = host_group(host, group)->book;
    assert(book != NULL);
    struct host_demotion *demotion = &book->demotions[cause];
    if (demotion->weight == 0) {
        demotion->since = now;
    }
    demotion->weight = weight;
    demotion->until = until;
    note_due(host, until);
    step_demotion(host, now, group);
}

/* Lift the demotions whose time is over; returns when the next one is. */
static carp_instant expire_demotions(struct host *host, carp_instant now, unsigned index)
{
    struct host_book *book = host_group(host, index)->book;
    carp_instant next = CARP_NEVER;
    bool lifted = false;
    for (unsigned i = 0; book != NULL && i < HOST_CAUSE_COUNT; i++) {
        struct host_demotion *demotion = &book->demotions[i];
        if (demotion->weight == 0) {
            continue;
        }
        if (instant_before(now, demotion->until)) {
            next = instant_min(next, demotion->until);
        } else {
            demotion->weight = 0;
            lifted = true;
        }
    }
    if (lifted) {
        step_demotion(host, now, index);
    }
    return next;
}

/* --- the end of a wake-up, and of everything ----------------------------------------------------
 */

void host_missed(struct host *host, carp_instant now, unsigned interface)
{
    assert(interface < host->interface_count);
    host->interfaces[interface].missed_at = now;
}

/* What a deadline that has come means: most often, that it has come. */
static enum carp_event_type due(const struct host *host, const struct host_group *g)
{
    struct host_book *book = g->book;
    bool deaf = instant_before(g->carp.quiet_since, host->interfaces[g->plan->interface].missed_at);
    if (carp_state(&g->carp) != CARP_BACKUP || !deaf || book == NULL ||
        book->excused == EXCUSES_MAX) {
        return CARP_EVENT_TIMEOUT;
    }
    book->excused += 1;
    return CARP_EVENT_OVERSLEPT;
}

/* Do what is due in each group, and so learn exactly when the next thing is. */
static void look_at_all(struct host *host, carp_instant now)
{
    carp_instant next = CARP_NEVER;
    for (unsigned i = 0; i < host->group_count; i++) {
        const struct host_group *g = host_group(host, i);
        next = instant_min(next, expire_demotions(host, now, i));
        if (!instant_before(now, carp_deadline(&g->carp))) {
            struct carp_event event = {.type = due(host, g)};
            step(host, now, i, &event);
        }
        next = instant_min(next, carp_deadline(&g->carp));
    }
    host->next_due = next;
}

/* Adverts move the deadlines of a backup, and next_due stays behind. So of many groups a host looks
 * at all but once in a master-down time or so, not for each advert of one of them. */
void host_due(struct host *host, carp_instant now)
{
    if (!instant_before(now, host->next_due) || host->group_count <= LOOK_ALWAYS_MAX) {
        look_at_all(host, now);
    }
    if (host->suspects > 0) {
        host->suspects -= 1;
        explain_one(host);
    }
    host->port.wake_at(host->port.self, host->next_due);
}

void host_yield(struct host *host, carp_instant now, unsigned group, enum carp_yield why,
                carp_duration hold)
{
    struct carp_event event = {.type = CARP_EVENT_YIELD, .yield = {.why = why, .hold = hold}};
    step(host, now, group, &event);
}

void host_stop(struct host *host, carp_instant now)
{
    struct carp_event event = {.type = CARP_EVENT_STOP};
    for (unsigned i = 0; i < host->group_count; i++) {
        step(host, now, i, &event);
    }
}
