/*
 * The tables of the account, and the way of a frame through its parts.
 */
#include "tools/carplab/replay/account_work.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- words --------------------------------------------------------------------------------------
 */

const char *account_kind_word(enum account_kind kind)
{
    static const char *const words[] = {"unknown", "UCARP",  "Carpio", "BSD",
                                        "FreeBSD", "NetBSD", "OpenBSD"};
    return words[kind];
}

const char *account_why_word(enum account_why why)
{
    static const char *const words[] = {"before",     "first",    "silence", "farewell",
                                        "preemption", "demotion", "tie",     "split"};
    return words[why];
}

const char *account_duration(carp_duration d, char word[ACCOUNT_WORD_MAX])
{
    uint64_t micros = (d.ns + 500) / 1000;
    if (micros < 10000) {
        snprintf(word, ACCOUNT_WORD_MAX, "%" PRIu64 ".%03" PRIu64 " ms", micros / 1000,
                 micros % 1000);
    } else {
        uint64_t millis = (micros + 500) / 1000;
        snprintf(word, ACCOUNT_WORD_MAX, "%" PRIu64 ".%03" PRIu64 " s", millis / 1000,
                 millis % 1000);
    }
    return word;
}

const char *work_claim(struct claim c, char word[ACCOUNT_WORD_MAX])
{
    if (c.demote == 0) {
        snprintf(word, ACCOUNT_WORD_MAX, "%u/%u", c.advbase, c.advskew);
    } else {
        snprintf(word, ACCOUNT_WORD_MAX, "%u/%u demote %u", c.advbase, c.advskew, c.demote);
    }
    return word;
}

const char *work_address(const uint8_t address[17], char text[STORY_ADDRESS_MAX])
{
    return story_address(address[0], address + 1, text);
}

const char *account_mac(const uint8_t *mac, char word[ACCOUNT_WORD_MAX])
{
    snprintf(word, ACCOUNT_WORD_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
             mac[3], mac[4], mac[5]);
    return word;
}

const char *node_name(const struct account *a, uint32_t node)
{
    return node == ACCOUNT_NOBODY ? "nobody" : a->nodes[node].name;
}

const char *member_name(const struct account *a, uint32_t member)
{
    return node_name(a, a->members[member].node);
}

struct work_group *member_group(const struct account *a, uint32_t member)
{
    return &a->work->groups[a->members[member].group];
}

/* --- tables -------------------------------------------------------------------------------------
 */

void *work_room(struct account *a, void **list, uint32_t count, uint32_t *room, size_t size,
                uint32_t most)
{
    if (count == most) {
        a->work->too_much = true;
        return NULL;
    }
    if (count == *room) {
        uint32_t more = *room == 0 ? 16 : *room * 2;
        void *grown = realloc(*list, more * size);
        if (grown == NULL) {
            a->work->no_memory = true;
            return NULL;
        }
        *list = grown;
        *room = more;
    }
    void *element = (char *)*list + count * size;
    memset(element, 0, size);
    return element;
}

uint32_t *work_find(struct account *a, enum work_key kind, uint16_t vlan, uint8_t vhid,
                    uint8_t family, const uint8_t *address, bool add)
{
    struct account_work *w = a->work;
    uint8_t key[sizeof w->slots->key] = {(uint8_t)kind, (uint8_t)(vlan >> 8), (uint8_t)vlan, vhid,
                                         family};
    uint32_t hash = UINT32_C(2166136261); /* FNV-1a */
    if (address != NULL) {
        memcpy(key + 5, address, family == 4 ? 4 : 16);
    }
    for (size_t i = 0; i < sizeof key; i++) {
        hash = (hash ^ key[i]) * UINT32_C(16777619);
    }
    struct work_slot *slot;
    do {
        slot = &w->slots[hash++ % WORK_SLOTS];
    } while (slot->used && memcmp(slot->key, key, sizeof key) != 0);
    if (slot->used) {
        return &slot->index;
    }
    if (!add || w->slots_used == WORK_SLOTS / 4 * 3) {
        w->too_much |= add;
        w->nothing = ACCOUNT_NOBODY;
        return &w->nothing;
    }
    memcpy(slot->key, key, sizeof key);
    slot->index = ACCOUNT_NOBODY;
    slot->used = true;
    w->slots_used++;
    return &slot->index;
}

/* --- a frame ------------------------------------------------------------------------------------
 */

bool account_begin(struct account *a)
{
    *a = (struct account){.work = calloc(1, sizeof(struct account_work))};
    return a->work != NULL;
}

static uint16_t vlan_of(const struct capture_frame *frame)
{
    for (unsigned i = frame->tag_count; i > 0; i--) {
        if (frame->vlan[i - 1] != 0) {
            return frame->vlan[i - 1];
        }
    }
    return 0;
}

/* What is wrong with the envelope, of which no implementation takes notice. */
static void refuse(struct account *a, carp_instant at, uint32_t group, const struct decoded *d)
{
    char source[STORY_ADDRESS_MAX];
    if (d->family == 0) {
        return;
    }
    story_address(d->family, d->source, source);
    if (d->verdict == CARP_BAD_TTL) {
        finding_add(a, at, group, 23, "routed",
                    "an advert from %s came through a router: its TTL is not 255; all ignore it",
                    source);
    } else if (d->verdict == CARP_BAD_CHECKSUM || d->verdict == CARP_BAD_IP_CHECKSUM) {
        finding_add(a, at, group, 0, "bad-checksum",
                    "adverts from %s have a wrong checksum; all ignore them", source);
    } else {
        finding_add(a, at, group, 0, "malformed", "an advert from %s is not whole: %s", source,
                    verdict_phrase(d->verdict));
    }
}

static uint64_t hash_of(const uint8_t *bytes, size_t size)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a, 64 bits */
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
    }
    return hash;
}

/*
 * The same frame twice, sooner than its sender would send again: the network returned it. Unless it
 * was captured in two places: in two files, on two interfaces of one, or on "any", which is cooked
 * and has no destination.
 */
static enum copy {
    NO_COPY,
    SEEN_TWICE,
    RETURNED
} copy_of(struct work_member *m, carp_instant at, struct claim claim,
          const struct merge_frame *frame)
{
    const struct capture_frame *f = &frame->frame;
    uint64_t hash = hash_of(f->bytes, f->size), half = claim_interval(claim).ns / 2;
    uint64_t place = (uint64_t)frame->file << 32 | f->interface;
    for (unsigned i = 0; i < m->copy_count && i < WORK_COPIES; i++) {
        const struct work_copy *c = &m->copies[i];
        if (c->hash == hash && instant_since(at, c->at).ns < half) {
            return c->place == place && f->has_destination ? RETURNED : SEEN_TWICE;
        }
    }
    m->copies[m->copy_count++ % WORK_COPIES] =
        (struct work_copy){.hash = hash, .at = at, .place = place};
    return NO_COPY;
}

/*
 * Does this counter continue the count of another, heard a moment ago? Who reads late (UCARP, by up
 * to a second) may continue what is not the last counter on the link, and so step back.
 */
static bool continues_another(const struct account *a, uint32_t member, carp_instant at,
                              uint64_t counter)
{
    const struct work_group *g = &a->work->groups[a->members[member].group];
    for (unsigned i = 0; i < g->recent_count && i < WORK_RECENT; i++) {
        const struct work_counter *c = &g->recent[i];
        if (c->member != member && counter - c->counter - 1 < 2 &&
            instant_since(at, c->at).ns < CARP_SECONDS(3).ns) {
            return true;
        }
    }
    return false;
}

/* Is this an old advert, sent once more? */
static bool is_replay(struct account *a, uint32_t member, carp_instant at, const struct decoded *d)
{
    struct account_member *m = &a->members[member];
    struct replay_senders *senders = &a->work->groups[m->group].senders;
    struct carp_packet packet = {.family = d->family, .advert = d->advert};
    memcpy(packet.source, d->source, sizeof packet.source);
    struct replay_hearing heard = replay_hear(senders, CARP_REPLAY_AUTO, &packet);
    if (!heard.fresh) {
        if (!continues_another(a, member, at, d->advert.counter)) {
            return true;
        }
        heard.counting = REPLAY_COUNTS_UP;
        heard.repeats = 0;
    }
    replay_remember(senders, &heard, d->advert.counter);
    m->counting = heard.counting;
    return false;
}

/* advbase and advskew are not signed: someone repeats an advert at once, with others. */
static bool is_forged(const struct work_member *m, carp_instant at, const struct decoded *d)
{
    unsigned family = d->family == 4 ? 0 : 1;
    return m->heard && m->counter_of[family] == d->advert.counter &&
           claim_compare(m->claim, timers_claim(d)) != 0 && !claim_is_farewell(m->claim) &&
           instant_since(at, m->last_of[family]).ns < WORK_TOGETHER.ns;
}

static enum carp_verdict judge_advert(struct account *a, uint32_t member, carp_instant at,
                                      const struct decoded *d)
{
    struct account_member *m = &a->members[member];
    const char *name = node_name(a, m->node);
    if (is_forged(&a->work->members[member], at, d)) {
        finding_add(a, at, m->group, 27, "forged",
                    "someone repeats adverts of %s with another advbase or advskew, which no key "
                    "protects",
                    name);
        return CARP_REPLAYED;
    }
    if (d->digest == DIGEST_BAD) {
        const char *reason = digests_reason(d);
        bool other_list = strncmp(reason, "right key, but", strlen("right key, but")) == 0;
        finding_add(a, at, m->group, other_list ? 1 : 2, "bad-digest",
                    "adverts of %s do not hold: %s; who has the key and addresses given refuses "
                    "them, and both become master",
                    name, reason);
        return CARP_BAD_DIGEST;
    }
    if (is_replay(a, member, at, d)) {
        finding_add(a, at, m->group, 27, "replay",
                    "old adverts of %s are being repeated (counters go back or come again)", name);
        return CARP_REPLAYED;
    }
    return CARP_ACCEPTED;
}

static uint32_t group_of(struct account *a, carp_instant at, uint16_t vlan, uint8_t vhid)
{
    uint32_t *index = work_find(a, WORK_KEY_GROUP, vlan, vhid, 0, NULL, true);
    if (*index != ACCOUNT_NOBODY) {
        a->groups[*index].end = at;
        return *index;
    }
    uint32_t room = a->work->group_room;
    struct work_group *w = work_room(a, (void **)&a->work->groups, a->group_count, &room,
                                     sizeof *a->work->groups, ACCOUNT_GROUPS_MAX);
    struct account_group *g =
        work_room(a, (void **)&a->groups, a->group_count, &a->work->group_room, sizeof *a->groups,
                  ACCOUNT_GROUPS_MAX);
    if (g == NULL || w == NULL) {
        return ACCOUNT_NOBODY;
    }
    g->vhid = vhid;
    g->vlan = vlan;
    g->begin = g->end = at;
    w->first_member = ACCOUNT_NOBODY;
    w->last_node = w->farewell_node = ACCOUNT_NOBODY;
    w->round_nodes[0] = w->round_nodes[1] = ACCOUNT_NOBODY;
    for (unsigned i = 0; i < ACCOUNT_ANNOUNCED_MAX; i++) {
        w->announcer[i] = ACCOUNT_NOBODY;
    }
    return *index = a->group_count++;
}

static void advert_frame(struct account *a, carp_instant at, uint16_t vlan,
                         const struct merge_frame *frame, struct decoded *d, uint32_t *group,
                         uint32_t *node)
{
    if (d->advert_size < 2) {
        refuse(a, at, ACCOUNT_NOBODY, d);
        return;
    }
    if (d->verdict != CARP_ACCEPTED && d->verdict != CARP_BAD_DIGEST) {
        /* Whose group it is said to be; it makes none. */
        *group = *work_find(a, WORK_KEY_GROUP, vlan, d->advert.vhid, 0, NULL, false);
        refuse(a, at, *group, d);
        return;
    }
    a->adverts++;
    *group = group_of(a, at, vlan, d->advert.vhid);
    if (*group == ACCOUNT_NOBODY) {
        return;
    }
    uint32_t member = nodes_member(a, at, vlan, d, frame->frame.bytes, frame->frame.size);
    if (member == ACCOUNT_NOBODY) {
        return;
    }
    *node = a->members[member].node;
    enum copy copy = copy_of(&a->work->members[member], at, timers_claim(d), frame);
    if (copy == SEEN_TWICE) {
        return;
    }
    a->members[member].adverts++;
    files_advert(a, member, frame);
    if (copy == RETURNED) {
        finding_add(a, at, *group, 9, "loop",
                    "an advert of %s is there twice: the switch or team returns packets",
                    node_name(a, *node));
        d->verdict = CARP_LOOPED;
    } else {
        d->verdict = judge_advert(a, member, at, d);
    }
    if (d->verdict != CARP_ACCEPTED) {
        a->members[member].refused++;
    }
    if (d->verdict == CARP_LOOPED || d->verdict == CARP_REPLAYED) {
        return;
    }
    reigns_advert(a, member, at, d);
    announce_advert(a, member, at);
    a->work->has_previous = true;
    a->work->previous_at = at;
    a->work->previous_member = member;
    a->work->previous_family = d->family;
}

static void vrrp_frame(struct account *a, carp_instant at, uint16_t vlan, const struct decoded *d,
                       uint32_t *group)
{
    char source[STORY_ADDRESS_MAX];
    if (d->vrrp_size < 2) {
        return;
    }
    story_address(d->family, d->source, source);
    *group = *work_find(a, WORK_KEY_GROUP, vlan, d->vrid, 0, NULL, false);
    finding_add(
        a, at, *group, 4, "vrrp",
        "a VRRP router (%s) uses ID %u here: harmless unless a CARP group with virtual MACs "
        "has that number; choose another vhid",
        source, d->vrid);
}

bool account_frame(struct account *a, const struct merge_frame *frame, const struct decoded *d)
{
    struct decoded judged = *d;
    uint32_t group = ACCOUNT_NOBODY, node = ACCOUNT_NOBODY;
    carp_instant at = frame->frame.at;
    uint16_t vlan = vlan_of(&frame->frame);
    if (a->frames++ == 0) {
        a->begin = a->end = at;
    }
    a->end = at;
    files_frame(a, frame);
    switch (d->kind) {
    case DECODE_CARP:
        advert_frame(a, at, vlan, frame, &judged, &group, &node);
        break;
    case DECODE_VRRP2:
    case DECODE_VRRP3:
        vrrp_frame(a, at, vlan, d, &group);
        break;
    case DECODE_GARP:
    case DECODE_NA:
    case DECODE_OTHER:
        announce_frame(a, at, vlan, d, frame, &group, &node);
        break;
    }
    if (a->tap.point != NULL && (group != ACCOUNT_NOBODY || d->kind != DECODE_OTHER)) {
        a->tap.point(a->tap.self, group, node, frame, &judged);
    }
    return !a->work->no_memory;
}

bool account_end(struct account *a)
{
    nodes_end(a);
    reigns_end(a);
    stretches_end(a);
    announce_end(a);
    files_end(a);
    findings_end(a);
    return !a->work->no_memory;
}

void account_free(struct account *a)
{
    if (a->work != NULL) {
        free(a->work->nodes);
        free(a->work->members);
        free(a->work->groups);
        free(a->work);
    }
    free(a->nodes);
    free(a->members);
    free(a->groups);
    free(a->reigns);
    free(a->stretches);
    free(a->findings);
    *a = (struct account){0};
}
