#include "engine/carp.h"

#include <assert.h>
#include <string.h>

/* Adverts that must fail, or succeed, in a row before the demotion for send errors begins or ends,
 * its weight, and how many master-down times we then leave preemption alone, so that a host that
 * hears but cannot send does not take the addresses again and again.
 * Source: UCARP CARP_SENDAD_MAX_ERRORS, FreeBSD carp_send_ad_error(); the pause is ours. */
enum { SEND_ERRORS_MAX = 3, SEND_SUCCESSES_MIN = 3, SEND_ERRORS_WEIGHT = 240, SEND_PAUSE = 10 };

/* Addresses are announced on takeover and once more after this many adverts, for neighbours that
 * lost the first. Source: OpenBSD sc_delayed_arp, UCARP. */
enum { ANNOUNCE_AGAIN_AFTER = 2 };

/* For so many master-down times whoever yielded in a tie waits for equal masters as long as it drew
 * then. Once is not enough: of two hosts that collide with a third by turns, the one that waits
 * differently hears the other's advert, and would wait the plain time again. */
enum { TIE_MEMORY = 4 };

/* How far behind our own counter a frame from our own address is still taken for our own. */
#define COUNTER_OURS (UINT64_C(1) << 20)

const char *carp_rule_word(enum carp_rule rule)
{
    static const char *const words[CARP_RULE_COUNT] = {
#define X(name, word, phrase) [CARP_RULE_##name] = word,
        CARP_RULES(X)
#undef X
    };
    assert(rule < CARP_RULE_COUNT);
    return words[rule];
}

const char *carp_rule_phrase(enum carp_rule rule)
{
    static const char *const phrases[CARP_RULE_COUNT] = {
#define X(name, word, phrase) [CARP_RULE_##name] = phrase,
        CARP_RULES(X)
#undef X
    };
    assert(rule < CARP_RULE_COUNT);
    return phrases[rule];
}

const char *carp_state_word(enum carp_state state)
{
    static const char *const words[CARP_STATE_COUNT] = {"INIT", "BACKUP", "MASTER"};
    assert(state < CARP_STATE_COUNT);
    return words[state];
}

void carp_init(struct carp *c, uint64_t seed, uint64_t counter)
{
    memset(c, 0, sizeof *c);
    c->state = CARP_INIT;
    c->best = 0;
    c->deadline = CARP_NEVER;
    c->seed = seed;
    c->counter = counter;
}

/* --- claims and times ----------------------------------------------------------------------- */

/* One clamped number for the wire and for comparisons; FreeBSD up to 13 has two, and a negative
 * demotion made two masters of them (PR 259528).
 * Source: FreeBSD DEMOTE_ADVSKEW(), UCARP and NetBSD carp_send_ad(); OpenBSD
 * carp_group_demote_count(). */
struct claim carp_claim(const struct carp_config *config, const struct carp *c)
{
    struct claim claim = {.advbase = config->advbase, .advskew = config->advskew};
    unsigned demotion = c->demotion + (c->sending_fails ? SEND_ERRORS_WEIGHT : 0u);
    if (demotion == 0) {
        return claim;
    }
    if (config->dialect == CARP_DIALECT_OPENBSD) {
        claim.demote = demotion > 255 ? 255 : (uint8_t)demotion;
        return claim;
    }
    unsigned raised = config->advskew + demotion;
    if (raised > CARP_ADVSKEW_CLAMP) {
        raised = CARP_ADVSKEW_CLAMP;
    }
    if (raised > claim.advskew) {
        claim.advskew = (uint8_t)raised;
    }
    return claim;
}

carp_duration carp_master_down(const struct carp_config *config, const struct carp *c)
{
    return claim_master_down(carp_claim(config, c), config->dead_ratio);
}

carp_duration carp_interval(const struct carp_config *config, const struct carp *c)
{
    return claim_interval(carp_claim(config, c));
}

carp_duration carp_patience(const struct carp_config *config, const struct carp *c)
{
    return duration_max(carp_master_down(config, c),
                        (carp_duration){2 * carp_interval(config, c).ns});
}

/* The deadline was at most one interval after the last sign of life, so patience is spent when it
 * is missed by the rest. */
bool carp_overslept(const struct carp_config *config, const struct carp *c, carp_instant now)
{
    if (c->state == CARP_INIT || !instant_before(c->deadline, now)) {
        return false;
    }
    uint64_t late_ns = instant_since(now, c->deadline).ns;
    return late_ns > carp_patience(config, c).ns - carp_interval(config, c).ns;
}

/* The next of the state's random numbers (splitmix64). */
static uint64_t draw(struct carp *c)
{
    c->seed += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = c->seed;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* --- what goes out -------------------------------------------------------------------------- */

static struct carp_action *add_action(struct carp_outcome *out, enum carp_action_type type)
{
    assert(out->count < CARP_ACTIONS_MAX);
    struct carp_action *action = &out->at[out->count++];
    action->type = (uint8_t)type;
    return action;
}

static bool advertises_over(const struct carp_config *config, const struct carp_self *self,
                            uint8_t family)
{
    return family == 4 ? self->has_ipv4 && config->ipv4_count > 0
                       : self->has_ipv6 && config->ipv6_count > 0;
}

/* Write a whole advert for one family; returns its size. Every value is what UCARP and the kernels
 * send, but for the source MAC, which is the interface's own unless configured otherwise.
 * Source: docs/PROTOCOL.md, "advert on the wire". */
static size_t write_advert(const struct carp_config *config, const struct carp_crypto *crypto,
                           const struct carp_self *self, uint8_t family, struct claim claim,
                           uint64_t counter, uint8_t *frame)
{
    static const uint8_t ipv6_group[16] = {0xff, 0x02, [15] = 0x12};
    static const uint8_t ipv6_group_mac[6] = {0x33, 0x33, 0, 0, 0, 0x12};
    struct carp_packet packet = {
        .family = family,
        .ttl = FRAME_TTL,
        .traffic_class = family == 4 ? 0x10 : 0,
        .dont_fragment = true,
        .advert = {.version = WIRE_VERSION,
                   .type = WIRE_TYPE_ADVERT,
                   .vhid = config->vhid,
                   .advskew = claim.advskew,
                   .authlen = WIRE_AUTHLEN,
                   .demote = claim.demote,
                   .advbase = claim.advbase,
                   .counter = counter},
    };
    if (config->source_mac == CARP_SOURCE_MAC_VIRTUAL) {
        const uint8_t mac[6] = {0x00, 0x00, 0x5e, 0x00, 0x01, config->vhid};
        memcpy(packet.source_mac, mac, sizeof mac);
    } else {
        memcpy(packet.source_mac, self->mac, sizeof packet.source_mac);
    }
    if (config->broadcast) {
        memset(packet.destination_mac, 0xff, sizeof packet.destination_mac);
    } else if (family == 4) {
        const uint8_t *group = config->ipv4_group;
        const uint8_t mac[6] = {0x01, 0x00, 0x5e, group[1] & 0x7f, group[2], group[3]};
        memcpy(packet.destination_mac, mac, sizeof mac);
    } else {
        memcpy(packet.destination_mac, ipv6_group_mac, sizeof ipv6_group_mac);
    }
    if (family == 4) {
        memcpy(packet.source, self->ipv4, sizeof self->ipv4);
        memcpy(packet.destination, config->ipv4_group, sizeof config->ipv4_group);
    } else {
        memcpy(packet.source, self->ipv6, sizeof self->ipv6);
        memcpy(packet.destination, ipv6_group, sizeof ipv6_group);
    }
    auth_sign(crypto, &packet.advert);
    return frame_write(&packet, frame);
}

/* One advert a family, each with a counter of its own, as all implementations do. */
static void send_adverts(const struct carp_config *config, const struct carp_crypto *crypto,
                         struct carp *c, struct claim claim, struct carp_outcome *out)
{
    for (uint8_t family = 4; family <= 6; family += 2) {
        if (!advertises_over(config, &c->self, family)) {
            continue;
        }
        c->counter += 1;
        replay_sent(&c->senders, c->counter);
        struct carp_action *action = add_action(out, CARP_SEND);
        action->size = (uint8_t)write_advert(config, crypto, &c->self, family, claim, c->counter,
                                             action->frame);
    }
}

/* A regular advert: as above, and the previous one is now known to have left or not. */
static void advertise(const struct carp_config *config, const struct carp_crypto *crypto,
                      struct carp *c, struct carp_outcome *out)
{
    if (c->send_successes > 0) {
        c->send_errors = 0;
    }
    if (c->sending_fails && c->send_successes >= SEND_SUCCESSES_MIN) {
        c->sending_fails = false;
        out->notices |= CARP_NOTICE_SENDING_WORKS;
    }
    if (c->send_successes < UINT8_MAX) {
        c->send_successes += 1;
    }
    c->reasserted = false;
    send_adverts(config, crypto, c, carp_claim(config, c), out);
}

/* A farewell wakes every backup at once. The demotion stays in it: a demoted OpenBSD master would
 * yield to a lower one. So it is made before mastership is left, which ends that of send errors.
 * Source: OpenBSD carp_send_ad(), bow_out; UCARP has none. */
static struct claim farewell_claim(const struct carp_config *config, const struct carp *c)
{
    return (struct claim){.demote = carp_claim(config, c).demote, .advbase = 255, .advskew = 255};
}

size_t carp_farewell(const struct carp_config *config, const struct carp_crypto *crypto,
                     const struct carp *c, uint8_t family, uint64_t ahead, uint8_t frame[FRAME_MAX])
{
    if (!advertises_over(config, &c->self, family)) {
        return 0;
    }
    return write_advert(config, crypto, &c->self, family, farewell_claim(config, c),
                        c->counter + ahead, frame);
}

/* --- the only places where the state changes ------------------------------------------------- */

/* Preemption waits, and no wait is cut short by another that is shorter. */
static void hold_preemption(struct carp *c, carp_instant until)
{
    if (instant_before(c->preempt_from, until)) {
        c->preempt_from = until;
    }
}

static void leave_master(const struct carp_config *config, struct carp *c, carp_instant now,
                         struct carp_outcome *out)
{
    add_action(out, CARP_RELEASE);
    if (c->sending_fails) {
        carp_duration pause = {SEND_PAUSE * carp_master_down(config, c).ns};
        hold_preemption(c, instant_add(now, pause));
        c->sending_fails = false;
    }
    c->send_errors = 0;
    c->send_successes = 0;
    c->announce_in = 0;
}

static void become_init(const struct carp_config *config, struct carp *c, carp_instant now,
                        struct carp_outcome *out)
{
    if (c->state == CARP_MASTER) {
        leave_master(config, c, now, out);
    }
    c->state = CARP_INIT;
    c->deadline = CARP_NEVER;
    c->tie_noticed = false;
}

static void become_backup(const struct carp_config *config, struct carp *c, carp_instant now,
                          struct carp_outcome *out)
{
    if (c->state == CARP_MASTER) {
        leave_master(config, c, now, out);
    }
    c->state = CARP_BACKUP;
    c->best = 0;
    c->quiet_since = now;
    c->deadline = instant_add(now, carp_master_down(config, c));
    c->tie_noticed = false;
}

/* Hold the addresses, say so to peers, then to neighbours.
 * Source: OpenBSD carp_master_down(), but that the addresses come first. */
static void become_master(const struct carp_config *config, const struct carp_crypto *crypto,
                          struct carp *c, carp_instant now, struct carp_outcome *out)
{
    assert(c->state == CARP_BACKUP);
    c->state = CARP_MASTER;
    c->best = 0;
    c->tie_noticed = false;
    add_action(out, CARP_CLAIM);
    advertise(config, crypto, c, out);
    add_action(out, CARP_ANNOUNCE);
    c->announce_in = ANNOUNCE_AGAIN_AFTER;
    c->deadline = instant_add(now, carp_interval(config, c));
}

/* --- an advert was heard ---------------------------------------------------------------------- */

static bool is_own_address(const struct carp_self *self, const struct carp_packet *packet)
{
    return packet->family == 4
               ? self->has_ipv4 && memcmp(packet->source, self->ipv4, sizeof self->ipv4) == 0
               : self->has_ipv6 && memcmp(packet->source, self->ipv6, sizeof self->ipv6) == 0;
}

static bool is_sent_to_group(const struct carp_config *config, const struct carp_packet *packet)
{
    static const uint8_t ipv6_group[16] = {0xff, 0x02, [15] = 0x12};
    return packet->family == 4
               ? memcmp(packet->destination, config->ipv4_group, sizeof config->ipv4_group) == 0
               : memcmp(packet->destination, ipv6_group, sizeof ipv6_group) == 0;
}

static struct claim claim_of(const struct carp_config *config, const struct carp_advert *advert)
{
    return (struct claim){
        .demote = config->dialect == CARP_DIALECT_OPENBSD ? advert->demote : 0,
        .advbase = advert->advbase,
        .advskew = advert->advskew,
    };
}

static unsigned best_place(const struct carp *c, unsigned family)
{
    return family == 0 ? c->best & 15u : c->best >> 4;
}

/* The advert that made us wait for this sender, once more and with worse times. Those are not
 * signed: anyone who heard it can change them, a master's every advert into its farewell. Who has
 * something new to say says it under a new counter, but for who has a constant one. */
static bool contradicts_itself(const struct carp_config *config, const struct carp *c,
                               const struct carp_packet *packet,
                               const struct replay_hearing *hearing)
{
    return config->replay != CARP_REPLAY_OFF && hearing->repeats > 0 &&
           hearing->counting != REPLAY_CONSTANT &&
           best_place(c, packet->family == 4 ? 0 : 1) == hearing->slot + 1 &&
           claim_compare(carp_claim(config, c), claim_of(config, &packet->advert)) < 0;
}

/* Everything that can be wrong with an advert for this group, cheap checks first; ACCEPTED fills
 * hearing. */
static enum carp_verdict judge(const struct carp_config *config, const struct carp_crypto *crypto,
                               const struct carp *c, const struct carp_packet *packet,
                               struct replay_hearing *hearing)
{
    if (!is_sent_to_group(config, packet)) {
        return CARP_OTHER_GROUP;
    }
    if (packet->advert.vhid != config->vhid) {
        return CARP_OTHER_VHID;
    }
    if (c->state == CARP_INIT) {
        return CARP_NOT_LISTENING;
    }
    bool own_address = is_own_address(&c->self, packet);
    if (own_address && c->counter - packet->advert.counter < COUNTER_OURS) {
        return CARP_LOOPED;
    }
    if (!auth_verify(config, crypto, &packet->advert, packet->source_mac)) {
        return CARP_BAD_DIGEST;
    }
    if (own_address) {
        return CARP_OWN_ADDRESS;
    }
    *hearing = replay_hear(&c->senders, config->replay, packet);
    return hearing->fresh && !contradicts_itself(config, c, packet, hearing) ? CARP_ACCEPTED
                                                                             : CARP_REPLAYED;
}

/* Both families configured and usable: then silence on one of them alone is worth a word. An advert
 * after a long quiet begins the watch anew for both. */
static void watch_families(const struct carp_config *config, struct carp *c, carp_instant now,
                           unsigned family, struct carp_outcome *out)
{
    unsigned other = 1 - family;
    uint64_t limit_ns = claim_master_down(out->ours, config->dead_ratio).ns;
    if (c->heard_at[family].ns == 0 || instant_since(now, c->heard_at[family]).ns > limit_ns) {
        c->heard_at[other] = now;
    }
    c->heard_at[family] = now;
    if (!advertises_over(config, &c->self, 4) || !advertises_over(config, &c->self, 6)) {
        return;
    }
    if (c->deaf[family]) {
        c->deaf[family] = false;
        out->notices |= CARP_NOTICE_HEARING_BOTH;
    }
    if (!c->deaf[other] && instant_since(now, c->heard_at[other]).ns > limit_ns) {
        c->deaf[other] = true;
        out->notices |= other == 0 ? CARP_NOTICE_DEAF_IPV4 : CARP_NOTICE_DEAF_IPV6;
    }
}

static void set_best(struct carp *c, unsigned family, unsigned place)
{
    c->best = (uint8_t)(family == 0 ? (c->best & 0xf0u) | place : (c->best & 15u) | place << 4);
}

/* Senders change places when one is heard: it goes to the front. */
static void follow_best(struct carp *c, const struct replay_hearing *hearing)
{
    for (unsigned family = 0; c->best != 0 && family < 2; family++) {
        unsigned place = best_place(c, family);
        if (place == hearing->slot + 1) {
            place = 1;
        } else if (place != 0 && place < hearing->slot + 1) {
            place = place < REPLAY_SENDERS_MAX ? place + 1 : 0;
        }
        set_best(c, family, place);
    }
}

/* Was another master, one to whom we would yield, heard less than our interval ago? Then this
 * slower one will yield to it as well: it is there for a moment, or says its last advert. To take
 * over from it would make a second master, until the better one's next advert. */
static bool is_outranked(const struct carp_config *config, const struct carp *c, carp_instant now,
                         unsigned family)
{
    return best_place(c, family) > 1 &&
           instant_since(now, c->quiet_since).ns < carp_interval(config, c).ns;
}

/*
 * A backup hears a master; by now it is the first of the senders.
 * Source: OpenBSD carp_proto_input_c() and UCARP packethandler(), case BACKUP; the farewell is
 * honoured for every advbase, where peers with advbase > 85 only re-arm.
 */
static void backup_hears(const struct carp_config *config, const struct carp_crypto *crypto,
                         struct carp *c, carp_instant now, unsigned family,
                         struct carp_outcome *out)
{
    int order = claim_compare(out->ours, out->theirs);
    carp_duration patience = claim_master_down(out->ours, config->dead_ratio);
    bool may_preempt = !instant_before(now, c->preempt_from);

    if (order < 0 && is_outranked(config, c, now, family)) {
        out->rule = CARP_RULE_OUTRANKED;
        return;
    }
    if (claim_is_farewell(out->theirs)) {
        out->rule = CARP_RULE_FAREWELL;
    } else if (out->theirs.demote > out->ours.demote) {
        out->rule = CARP_RULE_PEER_DEMOTED;
    } else if (order < 0 && config->preempt && may_preempt) {
        out->rule = CARP_RULE_PREEMPT;
    } else if (patience.ns < claim_interval(out->theirs).ns) {
        out->rule = CARP_RULE_WILL_TIME_OUT;
    } else {
        if (order >= 0) {
            out->rule = CARP_RULE_MASTER_ALIVE;
            set_best(c, family, 1);
        } else if (config->preempt) {
            out->rule = CARP_RULE_PREEMPT_WAITS;
        } else {
            out->rule = CARP_RULE_SLOWER_TOLERATED;
        }
        c->quiet_since = now;
        c->deadline = instant_add(now, patience);
        if (order == 0 && instant_before(now, c->tied_until)) {
            c->deadline = instant_add(now, c->tie_wait);
        }
        return;
    }
    become_master(config, crypto, c, now, out);
}

/* Compare two addresses as UCARP does: as native words of a little-endian machine, so that the last
 * octet counts most. Source: UCARP packethandler(), seen running (docs/PROTOCOL.md, "tie"). */
static int compare_reversed(const uint8_t a[4], const uint8_t b[4])
{
    for (int i = 3; i >= 0; i--) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}

/*
 * An equal master: who yields? Says by which rule, and whether it is us. Peers are told by their
 * source MAC: 00:00:5e:00:00:xx is UCARP, 00:00:5e:00:01:xx a kernel, others are of our kind.
 * A kernel yields to every equal advert and so must we, or both would stay; with UCARP we use its
 * order; among ourselves the lower address stays, decided on IPv4 while that is heard, so that the
 * two families cannot decide differently.
 */
static bool tie_lost(const struct carp_config *config, const struct carp *c, carp_instant now,
                     const struct carp_packet *packet, enum carp_rule *rule)
{
    static const uint8_t virtual_mac[4] = {0x00, 0x00, 0x5e, 0x00};
    bool is_virtual = memcmp(packet->source_mac, virtual_mac, sizeof virtual_mac) == 0;
    if (is_virtual && packet->source_mac[4] == 1) {
        *rule = CARP_RULE_TIE_BSD;
        return true;
    }
    if (is_virtual && packet->source_mac[4] == 0 && packet->family == 4) {
        *rule = CARP_RULE_TIE_UCARP;
        return compare_reversed(packet->source, c->self.ipv4) < 0;
    }
    if (packet->family == 6 && advertises_over(config, &c->self, 4) &&
        instant_since(now, c->heard_at[0]).ns <= carp_master_down(config, c).ns) {
        *rule = CARP_RULE_TIE_OTHER_FAMILY;
        return false;
    }
    *rule = CARP_RULE_TIE_ADDRESS;
    return packet->family == 4 ? memcmp(packet->source, c->self.ipv4, 4) < 0
                               : memcmp(packet->source, c->self.ipv6, 16) < 0;
}

/* How long the loser of a tie waits for equals: up to half an interval less than the master-down
 * time, so that lock-step ends, also that of two peers with each other, who would always be there
 * before a longer wait is over. Where that would leave less than one and a half intervals, so that
 * one late advert were a death, half an interval more. */
static carp_duration draw_tie_wait(const struct carp_config *config, struct carp *c)
{
    uint64_t down_ns = carp_master_down(config, c).ns;
    uint64_t interval_ns = carp_interval(config, c).ns;
    uint64_t offset_ns = draw(c) % (interval_ns / 2);
    return (carp_duration){down_ns >= 2 * interval_ns ? down_ns - offset_ns : down_ns + offset_ns};
}

/* A master yields: it lets go, and says so with one last advert, by which the winner learns that
 * neighbours may have learned us, and announces itself again. Not towards an equal kernel: that
 * would take the advert for a rival's and yield too.
 * Source: UCARP packethandler(), case MASTER; bsd-reactions in docs/PROTOCOL.md, "tie". */
static void yield_to(const struct carp_config *config, const struct carp_crypto *crypto,
                     struct carp *c, carp_instant now, unsigned family, struct carp_outcome *out)
{
    struct claim claim = carp_claim(config, c);
    become_backup(config, c, now, out);
    set_best(c, family, 1);
    if (out->rule != CARP_RULE_TIE_BSD) {
        send_adverts(config, crypto, c, claim, out);
    }
    if (out->rule != CARP_RULE_BETTER_MASTER) {
        c->tie_wait = draw_tie_wait(config, c);
        c->tied_until =
            instant_add(now, (carp_duration){TIE_MEMORY * carp_master_down(config, c).ns});
        c->deadline = instant_add(now, c->tie_wait);
    }
}

/* Another master, not better: announce our addresses again, at most once between two adverts, and
 * once more later. Source: UCARP packethandler(), which does it for every advert. */
static void reassert(struct carp *c, struct carp_outcome *out)
{
    if (!c->reasserted) {
        c->reasserted = true;
        c->announce_in = ANNOUNCE_AGAIN_AFTER;
        add_action(out, CARP_ANNOUNCE);
    }
}

static void master_hears(const struct carp_config *config, const struct carp_crypto *crypto,
                         struct carp *c, carp_instant now, const struct carp_packet *packet,
                         struct carp_outcome *out)
{
    int order = claim_is_farewell(out->theirs) ? 1 : claim_compare(out->theirs, out->ours);
    bool yields = order < 0;
    if (order == 0) {
        yields = tie_lost(config, c, now, packet, &out->rule);
    } else {
        out->rule = order < 0 ? CARP_RULE_BETTER_MASTER : CARP_RULE_WORSE_MASTER;
    }
    if (yields) {
        yield_to(config, crypto, c, now, packet->family == 4 ? 0 : 1, out);
    } else if (out->rule != CARP_RULE_TIE_OTHER_FAMILY) {
        reassert(c, out);
    }
}

/* Does this counter raise ours? One that grows does; and at first sight already one that is ahead
 * by less than a year of wall time, as a group's is when our clock went back before we started:
 * until we have caught up, all we say is old to the others. A random one is that near once in 2^19.
 */
static bool counts_for_group(const struct carp_config *config, const struct carp *c,
                             const struct replay_hearing *hearing, uint64_t counter)
{
    bool near = hearing->counting == REPLAY_UNKNOWN && counter - c->counter < REPLAY_NEAR;
    bool grows = hearing->counting == REPLAY_COUNTS_UP || config->replay == CARP_REPLAY_ENFORCE;
    return (near || grows) && replay_follows(counter, c->counter);
}

static void on_advert(const struct carp_config *config, const struct carp_crypto *crypto,
                      struct carp *c, carp_instant now, const struct carp_packet *packet,
                      struct carp_outcome *out)
{
    const struct carp_advert *advert = &packet->advert;
    struct replay_hearing hearing;
    out->verdict = judge(config, crypto, c, packet, &hearing);
    out->ours = carp_claim(config, c);
    out->theirs = claim_of(config, advert);
    if (out->verdict != CARP_ACCEPTED) {
        return;
    }
    unsigned family = packet->family == 4 ? 0 : 1;
    follow_best(c, &hearing);
    replay_remember(&c->senders, &hearing, advert->counter);
    if (counts_for_group(config, c, &hearing, advert->counter)) {
        c->counter = advert->counter; /* the group's counters grow, whoever is master */
    }
    watch_families(config, c, now, family, out);
    if (claim_compare(out->ours, out->theirs) == 0 && !c->tie_noticed) {
        c->tie_noticed = true;
        out->notices |= CARP_NOTICE_EQUAL_TIMERS;
    }
    if (c->state == CARP_BACKUP) {
        backup_hears(config, crypto, c, now, family, out);
    } else {
        master_hears(config, crypto, c, now, packet, out);
    }
}

/* --- the other events --------------------------------------------------------------------------
 */

static void on_link_up(const struct carp_config *config, struct carp *c, carp_instant now,
                       const struct carp_self *self, struct carp_outcome *out)
{
    bool changed = memcmp(&c->self, self, sizeof *self) != 0;
    bool usable = advertises_over(config, self, 4) || advertises_over(config, self, 6);
    memcpy(&c->self, self, sizeof *self);
    if (!usable) {
        out->rule = c->state == CARP_INIT ? CARP_RULE_NONE : CARP_RULE_LINK_DOWN;
        become_init(config, c, now, out);
    } else if (c->state == CARP_INIT) {
        out->rule = CARP_RULE_LINK_UP;
        become_backup(config, c, now, out);
        carp_duration wait = duration_max(carp_master_down(config, c), config->hold_down);
        c->deadline = instant_add(now, wait);
        hold_preemption(c, instant_add(now, config->preempt_delay));
    } else if (changed) {
        out->rule = CARP_RULE_IDENTITY;
        if (c->state == CARP_MASTER) {
            add_action(out, CARP_ANNOUNCE);
        }
    }
}

/* The next advert is due an interval after this one was, so that lateness does not add up; after a
 * long delay the rhythm starts anew. */
static void on_advert_due(const struct carp_config *config, const struct carp_crypto *crypto,
                          struct carp *c, carp_instant now, struct carp_outcome *out)
{
    out->rule = CARP_RULE_ADVERT_DUE;
    advertise(config, crypto, c, out);
    carp_duration interval = carp_interval(config, c);
    c->deadline = instant_add(c->deadline, interval);
    if (!instant_before(now, c->deadline)) {
        c->deadline = instant_add(now, interval);
    }
    if (c->announce_in > 0) {
        c->announce_in -= 1;
        if (c->announce_in == 0) {
            add_action(out, CARP_ANNOUNCE);
        }
    }
}

static void on_timeout(const struct carp_config *config, const struct carp_crypto *crypto,
                       struct carp *c, carp_instant now, struct carp_outcome *out)
{
    if (instant_before(now, c->deadline)) {
        return; /* early, or INIT */
    }
    if (c->state == CARP_MASTER) {
        on_advert_due(config, crypto, c, now, out);
        return;
    }
    out->rule = CARP_RULE_SILENCE;
    out->waited = instant_since(now, c->quiet_since);
    become_master(config, crypto, c, now, out);
}

/* Others may have acted while we were not run. Who was master holds nothing any more and listens
 * like any backup; who was backup gives the master a full master-down time to be heard. */
static void on_overslept(const struct carp_config *config, struct carp *c, carp_instant now,
                         struct carp_outcome *out)
{
    if (c->state == CARP_INIT) {
        return;
    }
    out->rule = CARP_RULE_OVERSLEPT;
    out->waited = instant_since(now, c->deadline);
    become_backup(config, c, now, out);
}

/* A farewell was said for us, so the next counter goes after it: what we say would be old to those
 * who heard that. Who was master did not run for too long. */
static void on_disowned(const struct carp_config *config, struct carp *c, carp_instant now,
                        uint64_t farewell, struct carp_outcome *out)
{
    if (replay_follows(farewell, c->counter)) {
        c->counter = farewell;
    }
    if (c->state == CARP_MASTER) {
        on_overslept(config, c, now, out);
    }
}

/* Three adverts in a row that could not be sent are a demotion. Only an advert that left lifts it,
 * or leaving MASTER: a backup sends none, and kept its demotion for ever in other implementations.
 * Source: UCARP carp_send_ad(), FreeBSD carp_send_ad_error(). */
static void on_send_failed(struct carp *c, struct carp_outcome *out)
{
    if (c->state != CARP_MASTER) {
        return;
    }
    out->rule = CARP_RULE_SEND_FAILED;
    c->send_successes = 0;
    if (c->send_errors < UINT8_MAX) {
        c->send_errors += 1;
    }
    if (c->send_errors >= SEND_ERRORS_MAX && !c->sending_fails) {
        c->sending_fails = true;
        out->notices |= CARP_NOTICE_SENDING_FAILS;
    }
}

/* A demotion is told at once, so that a better host can act on it; its end with the next advert.
 * Source: OpenBSD carp_group_demote_adj(), NetBSD carp_carpdev_state(). */
static void on_demote(const struct carp_config *config, const struct carp_crypto *crypto,
                      struct carp *c, carp_instant now, uint16_t demotion, struct carp_outcome *out)
{
    if (demotion == c->demotion) {
        return;
    }
    out->rule = CARP_RULE_DEMOTED;
    struct claim before = carp_claim(config, c);
    c->demotion = demotion;
    if (c->state == CARP_MASTER && claim_compare(carp_claim(config, c), before) > 0) {
        advertise(config, crypto, c, out);
        c->deadline = instant_add(now, carp_interval(config, c));
    }
}

static void on_yield(const struct carp_config *config, const struct carp_crypto *crypto,
                     struct carp *c, carp_instant now, enum carp_yield why, carp_duration hold,
                     struct carp_outcome *out)
{
    if (c->state != CARP_MASTER) {
        return;
    }
    out->rule = why == CARP_YIELD_OPERATOR ? CARP_RULE_OPERATOR : CARP_RULE_CLAIM_FAILED;
    struct claim farewell = farewell_claim(config, c);
    become_backup(config, c, now, out);
    send_adverts(config, crypto, c, farewell, out);
    c->deadline = instant_add(c->deadline, hold);
    hold_preemption(c, c->deadline);
}

/* Neighbours that asked for the address meanwhile got no answer, or another host's. */
static void on_restored(const struct carp *c, struct carp_outcome *out)
{
    if (c->state == CARP_MASTER) {
        out->rule = CARP_RULE_RESTORED;
        add_action(out, CARP_ANNOUNCE);
    }
}

static void on_stop(const struct carp_config *config, const struct carp_crypto *crypto,
                    struct carp *c, carp_instant now, struct carp_outcome *out)
{
    if (c->state == CARP_INIT) {
        return;
    }
    bool was_master = c->state == CARP_MASTER;
    struct claim farewell = farewell_claim(config, c);
    out->rule = CARP_RULE_STOPPED;
    become_init(config, c, now, out);
    if (was_master) {
        send_adverts(config, crypto, c, farewell, out);
    }
}

enum carp_verdict carp_step(const struct carp_config *config, const struct carp_crypto *crypto,
                            struct carp *c, carp_instant now, const struct carp_event *event,
                            struct carp_outcome *out)
{
    out->verdict = CARP_ACCEPTED;
    out->rule = CARP_RULE_NONE;
    out->from = (enum carp_state)c->state;
    out->waited.ns = 0;
    out->notices = 0;
    out->count = 0;

    switch (event->type) {
    case CARP_EVENT_LINK_UP:
        on_link_up(config, c, now, &event->link, out);
        break;
    case CARP_EVENT_LINK_DOWN:
        out->rule = c->state == CARP_INIT ? CARP_RULE_NONE : CARP_RULE_LINK_DOWN;
        become_init(config, c, now, out);
        break;
    case CARP_EVENT_ADVERT:
        on_advert(config, crypto, c, now, event->packet, out);
        break;
    case CARP_EVENT_TIMEOUT:
        on_timeout(config, crypto, c, now, out);
        break;
    case CARP_EVENT_OVERSLEPT:
        on_overslept(config, c, now, out);
        break;
    case CARP_EVENT_DISOWNED:
        on_disowned(config, c, now, event->farewell, out);
        break;
    case CARP_EVENT_SEND_FAILED:
        on_send_failed(c, out);
        break;
    case CARP_EVENT_DEMOTE:
        on_demote(config, crypto, c, now, event->demotion, out);
        break;
    case CARP_EVENT_YIELD:
        on_yield(config, crypto, c, now, event->yield.why, event->yield.hold, out);
        break;
    case CARP_EVENT_RESTORED:
        on_restored(c, out);
        break;
    case CARP_EVENT_STOP:
        on_stop(config, crypto, c, now, out);
        break;
    }

    out->to = (enum carp_state)c->state;
    if (event->type != CARP_EVENT_ADVERT) {
        out->ours = carp_claim(config, c);
        memset(&out->theirs, 0, sizeof out->theirs);
    }
    if (out->verdict != CARP_ACCEPTED) {
        assert(out->count == 0 && out->from == out->to);
    }
    assert((c->state == CARP_INIT) == (c->deadline.ns == UINT64_MAX));
    return out->verdict;
}
