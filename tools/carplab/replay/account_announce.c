/*
 * Addresses: who announces what, by gratuitous ARP and unsolicited neighbour advertisements, what
 * is missing of it, and who else answers for them.
 *
 * The kernels announce the virtual MAC, which names the group, right after the first advert. UCARP
 * announces its own MAC just before it, and Carpio after it; there the advert beside it names the
 * group. Source: docs/PROTOCOL.md, "announcement".
 */
#include "tools/carplab/replay/account_work.h"

#include <string.h>

enum { ARP_REPLY = 2, TYPE_ARP = 0x0806, ETHERNET_SIZE = 14 };

struct notice {
    uint8_t address[17];
    const uint8_t *mac;        /* where it is said to be */
    const uint8_t *source_mac; /* NULL: unknown */
    bool to_all;               /* an announcement, not an answer to someone */
    bool gratuitous;
};

/* --- an announcement of a group's address -------------------------------------------------------
 */

static unsigned address_index(struct account *a, uint32_t group, const uint8_t address[17])
{
    struct account_group *g = &a->groups[group];
    unsigned i = 0;
    while (i < g->address_count && memcmp(g->addresses[i], address, 17) != 0) {
        i++;
    }
    if (i == g->address_count && i < ACCOUNT_ANNOUNCED_MAX) {
        memcpy(g->addresses[g->address_count++], address, 17);
    }
    return i;
}

static uint32_t *group_with(struct account *a, uint16_t vlan, const uint8_t address[17], bool add)
{
    return work_find(a, WORK_KEY_ADDRESS, vlan, 0, address[0], address + 1, add);
}

static void note_other_vhid(struct account *a, carp_instant at, uint32_t group, uint32_t node,
                            const uint8_t address[17])
{
    char text[STORY_ADDRESS_MAX];
    uint32_t *first = group_with(a, a->groups[group].vlan, address, true);
    if (*first == ACCOUNT_NOBODY) {
        *first = group;
    } else if (*first != group) {
        finding_add(a, at, group, 3, "other-vhid",
                    "%s claims %s under vhid %u, while it is announced under vhid %u too",
                    node_name(a, node), work_address(address, text), a->groups[group].vhid,
                    a->groups[*first].vhid);
    }
}

static void record(struct account *a, carp_instant at, uint32_t member, const uint8_t address[17])
{
    uint32_t group = a->members[member].group, node = a->members[member].node;
    struct work_member *m = &a->work->members[member];
    struct work_group *g = &a->work->groups[group];
    unsigned i = address_index(a, group, address);
    note_other_vhid(a, at, group, node, address);
    if (i == ACCOUNT_ANNOUNCED_MAX) {
        return;
    }
    m->has_announced[i] = true;
    if (!m->reigning) {
        char text[STORY_ADDRESS_MAX];
        finding_add(a, at, group, 0, "wrong-announcement",
                    "%s announces %s while it is not master: neighbours now send there",
                    node_name(a, node), work_address(address, text));
        return;
    }
    uint64_t since = instant_since(at, m->reign.from).ns;
    if (since <= claim_interval(m->claim).ns + WORK_TOGETHER.ns) {
        m->announced[i] = true;
    }
    if (m->reign.began == ACCOUNT_BEFORE && since <= WORK_TOGETHER.ns) {
        m->reign.began = ACCOUNT_FIRST; /* it announces, so it has just begun */
        strcpy(m->reign.text, "announces its addresses: it has just become master");
    }
    g->announcer[i] = node;
}

/* What others announced, this one has to announce now that it takes over. */
void announce_begin(struct account *a, uint32_t member)
{
    struct work_member *m = &a->work->members[member];
    const struct work_group *g = &a->work->groups[a->members[member].group];
    for (unsigned i = 0; i < ACCOUNT_ANNOUNCED_MAX; i++) {
        m->announced[i] = false;
        m->owed[i] =
            g->announcer[i] != ACCOUNT_NOBODY && g->announcer[i] != a->members[member].node;
    }
}

void announce_reign(struct account *a, uint32_t member, const struct account_reign *reign)
{
    const struct work_member *m = &a->work->members[member];
    char text[STORY_ADDRESS_MAX];
    uint64_t length = instant_since(reign->to, reign->from).ns;
    bool took_over = reign->began != ACCOUNT_BEFORE && reign->began != ACCOUNT_FIRST &&
                     reign->began != ACCOUNT_SPLIT;
    if (!took_over || length < claim_interval(m->claim).ns / 2) {
        return;
    }
    for (unsigned i = 0; i < a->groups[reign->group].address_count; i++) {
        if (m->owed[i] && !m->announced[i]) {
            finding_add(a, reign->from, reign->group, 0, "missing-announcement",
                        "%s took over and did not announce %s, which another had announced: "
                        "neighbours may still send to that one",
                        node_name(a, reign->node),
                        work_address(a->groups[reign->group].addresses[i], text));
        }
    }
}

/* --- whose it is --------------------------------------------------------------------------------
 */

static void learn_mac(struct account *a, uint32_t node, const uint8_t *mac)
{
    struct account_node *n = &a->nodes[node];
    if (!n->has_own_mac) {
        n->has_own_mac = true;
        memcpy(n->own_mac, mac, FRAME_MAC_SIZE);
    }
}

static bool is_own(const uint8_t *mac)
{
    return !mac_is_virtual(mac) && !mac_is_ucarps(mac);
}

/* The member that advertised at this moment, if it is of this group (any, if NOBODY). */
static uint32_t just_advertised(const struct account *a, carp_instant at, uint32_t group)
{
    const struct account_work *w = a->work;
    if (!w->has_previous || instant_since(at, w->previous_at).ns > WORK_TOGETHER.ns ||
        (group != ACCOUNT_NOBODY && a->members[w->previous_member].group != group)) {
        return ACCOUNT_NOBODY;
    }
    return w->previous_member;
}

/* The virtual MAC names the group, the frame's source the host. */
static uint32_t by_virtual_mac(struct account *a, carp_instant at, uint32_t group,
                               const struct notice *n)
{
    uint32_t node = n->source_mac == NULL ? ACCOUNT_NOBODY : nodes_by_mac(a, n->source_mac);
    uint32_t member = node == ACCOUNT_NOBODY ? node : account_member_of(a, group, node);
    if (member == ACCOUNT_NOBODY) {
        member = just_advertised(a, at, group);
    }
    if (member == ACCOUNT_NOBODY) {
        return member;
    }
    node = a->members[member].node;
    if (n->source_mac != NULL && is_own(n->source_mac)) {
        learn_mac(a, node, n->source_mac);
        a->work->nodes[node].garp_real = true;
    } else if (n->source_mac != NULL && n->address[0] == 4) {
        a->work->nodes[node].garp_virtual_source = true;
    }
    return member;
}

/* UCARP, and Carpio that is told to advertise from the virtual MAC. */
static bool announces_own(const struct account *a, uint32_t node)
{
    return a->work->nodes[node].ucarp_mac || a->work->nodes[node].wall_counter;
}

/* Its own MAC: is it the master that advertised just now, or of the group that has the address? */
static uint32_t by_own_mac(struct account *a, carp_instant at, uint16_t vlan,
                           const struct notice *n)
{
    uint32_t member = just_advertised(a, at, ACCOUNT_NOBODY);
    uint32_t node = nodes_by_mac(a, n->mac);
    if (member != ACCOUNT_NOBODY && a->members[member].node == node) {
        return member;
    }
    if (member != ACCOUNT_NOBODY && node == ACCOUNT_NOBODY &&
        announces_own(a, a->members[member].node) &&
        !a->nodes[a->members[member].node].has_own_mac) {
        learn_mac(a, a->members[member].node, n->mac);
        return member;
    }
    uint32_t group = *group_with(a, vlan, n->address, false);
    member = node == ACCOUNT_NOBODY || group == ACCOUNT_NOBODY ? ACCOUNT_NOBODY
                                                               : account_member_of(a, group, node);
    bool reigns = member != ACCOUNT_NOBODY && a->work->members[member].reigning;
    return reigns ? member : ACCOUNT_NOBODY;
}

/* --- unexpected ones ----------------------------------------------------------------------------
 */

static void claim_address(struct account *a, carp_instant at, uint32_t group,
                          const struct notice *n)
{
    struct account_work *w = a->work;
    bool answer = n->gratuitous && !n->to_all;
    unsigned i = 0;
    while (i < w->claimant_count && (w->claimants[i].group != group ||
                                     memcmp(w->claimants[i].address, n->address, 17) != 0 ||
                                     memcmp(w->claimants[i].mac, n->mac, FRAME_MAC_SIZE) != 0)) {
        i++;
    }
    if (i == w->claimant_count) {
        if (i == WORK_CLAIMANTS_MAX) {
            return;
        }
        w->claimants[w->claimant_count++] =
            (struct work_claimant){.group = group, .at = at, .answers_only = true};
        memcpy(w->claimants[i].address, n->address, 17);
        memcpy(w->claimants[i].mac, n->mac, FRAME_MAC_SIZE);
    }
    w->claimants[i].times++;
    w->claimants[i].answers_only &= answer;
}

/* Nobody who could have sent it advertised around it. */
static void expire(struct account *a, struct work_pending *p)
{
    uint32_t group = *group_with(a, p->vlan, p->address, false);
    const struct notice n = {.mac = p->mac, .to_all = true, .gratuitous = true};
    struct notice with_address = n;
    uint32_t node = nodes_by_mac(a, p->mac);
    memcpy(with_address.address, p->address, 17);
    p->address[0] = 0;
    if (group == ACCOUNT_NOBODY) {
        return;
    }
    uint32_t member = node == ACCOUNT_NOBODY ? node : account_member_of(a, group, node);
    if (member != ACCOUNT_NOBODY) {
        record(a, p->at, member, with_address.address);
    } else {
        claim_address(a, p->at, group, &with_address);
    }
}

static void expire_all(struct account *a, carp_instant at)
{
    for (unsigned i = 0; i < WORK_PENDING_MAX; i++) {
        struct work_pending *p = &a->work->pending[i];
        if (p->address[0] != 0 && instant_since(at, p->at).ns > WORK_TOGETHER.ns) {
            expire(a, p);
        }
    }
}

static void wait_for_advert(struct account *a, carp_instant at, uint16_t vlan,
                            const struct notice *n)
{
    struct account_work *w = a->work;
    struct work_pending *p = &w->pending[w->pending_next++ % WORK_PENDING_MAX];
    if (p->address[0] != 0) {
        expire(a, p);
    }
    *p = (struct work_pending){.at = at, .vlan = vlan};
    memcpy(p->mac, n->mac, FRAME_MAC_SIZE);
    memcpy(p->address, n->address, 17);
}

/* UCARP announces first. */
void announce_advert(struct account *a, uint32_t member, carp_instant at)
{
    uint32_t node = a->members[member].node;
    uint16_t vlan = a->groups[a->members[member].group].vlan;
    for (unsigned i = 0; i < WORK_PENDING_MAX; i++) {
        struct work_pending *p = &a->work->pending[i];
        const struct account_node *n = &a->nodes[node];
        bool soon = p->address[0] != 0 && instant_since(at, p->at).ns <= WORK_TOGETHER.ns;
        bool same = n->has_own_mac ? memcmp(n->own_mac, p->mac, FRAME_MAC_SIZE) == 0
                                   : a->work->nodes[node].ucarp_mac &&
                                         nodes_by_mac(a, p->mac) == ACCOUNT_NOBODY;
        if (soon && p->vlan == vlan && same) {
            p->vlan = vlan;
            learn_mac(a, node, p->mac);
            a->work->nodes[node].garp_before |= at.ns == a->work->members[member].reign.from.ns;
            record(a, at, member, p->address);
            p->address[0] = 0;
        }
    }
}

/* --- frames -------------------------------------------------------------------------------------
 */

static void keep_mac(struct account *a, uint16_t vlan, const struct notice *n)
{
    struct account_work *w = a->work;
    if (!is_own(n->mac) || w->mac_count == WORK_MACS_MAX) {
        return;
    }
    struct work_mac *m = &w->macs[w->mac_count++];
    m->vlan = vlan;
    memcpy(m->address, n->address, 17);
    memcpy(m->mac, n->mac, FRAME_MAC_SIZE);
}

/* A kernel announces the virtual MAC. One that announces its own has the address twice: also as an
 * ordinary one. (Carpio may advertise from the virtual MAC, and announces its own.) */
static void note_own_mac(struct account *a, carp_instant at, uint32_t member,
                         const struct notice *n)
{
    uint32_t node = a->members[member].node;
    const struct work_node *w = &a->work->nodes[node];
    char address[STORY_ADDRESS_MAX];
    if (!mac_is_virtual(n->mac) && w->virtual_mac && !w->own_mac && !w->ucarp_mac &&
        !w->wall_counter) {
        finding_add(a, at, a->members[member].group, 0, "wrong-announcement",
                    "%s announces %s at its own MAC, although it advertises from the virtual one: "
                    "the address is configured there as an ordinary one too?",
                    node_name(a, node), work_address(n->address, address));
    }
}

static void announcement(struct account *a, carp_instant at, uint16_t vlan, const struct notice *n,
                         uint32_t *group, uint32_t *node)
{
    uint32_t member = ACCOUNT_NOBODY;
    if (mac_is_virtual(n->mac)) {
        *group = *work_find(a, WORK_KEY_GROUP, vlan, n->mac[5], 0, NULL, false);
        member = *group == ACCOUNT_NOBODY ? *group : by_virtual_mac(a, at, *group, n);
    } else if (nodes_has_address(a, vlan, n->address)) {
        return; /* a host announces itself */
    } else {
        member = by_own_mac(a, at, vlan, n);
        if (member == ACCOUNT_NOBODY) {
            keep_mac(a, vlan, n);
            wait_for_advert(a, at, vlan, n);
        }
    }
    if (member != ACCOUNT_NOBODY) {
        *group = a->members[member].group;
        *node = a->members[member].node;
        note_own_mac(a, at, member, n);
        record(a, at, member, n->address);
    }
}

/* Someone answers for an address. Right are the virtual MAC, and the own one of a member: a UCARP
 * that is master, and FreeBSD, which as backup answers a gratuitous request (seen; harmless). */
static void answer(struct account *a, carp_instant at, uint16_t vlan, const struct notice *n)
{
    uint32_t group = *group_with(a, vlan, n->address, false);
    uint32_t node = nodes_by_mac(a, n->mac);
    if (node != ACCOUNT_NOBODY) {
        a->work->nodes[node].answers |= n->gratuitous;
    } else if (group != ACCOUNT_NOBODY && is_own(n->mac)) {
        claim_address(a, at, group, n);
    }
}

static bool read_notice(const struct decoded *d, const struct capture_frame *frame,
                        struct frame_arp *arp, struct notice *n)
{
    bool many = frame->has_destination && frame->size > 0 && (frame->bytes[0] & 1) != 0;
    n->source_mac = d->source_mac;
    if (d->kind == DECODE_NA) {
        n->address[0] = 6;
        memcpy(n->address + 1, d->announced, 16);
        n->mac = d->announced_mac;
        n->gratuitous = n->to_all = strcmp(d->what, "unsolicited") == 0;
        return true;
    }
    if (frame->size < ETHERNET_SIZE || wire_u16(frame->bytes + 12) != TYPE_ARP ||
        !frame_read_arp(frame->bytes, frame->size, arp)) {
        return false;
    }
    n->address[0] = 4;
    memcpy(n->address + 1, arp->sender, 4);
    n->mac = arp->sender_mac;
    n->gratuitous = d->kind == DECODE_GARP;
    n->to_all = n->gratuitous && (arp->operation != ARP_REPLY || many);
    return true;
}

void announce_frame(struct account *a, carp_instant at, uint16_t vlan, const struct decoded *d,
                    const struct merge_frame *frame, uint32_t *group, uint32_t *node)
{
    struct frame_arp arp;
    struct notice n = {0};
    if (!read_notice(d, &frame->frame, &arp, &n)) {
        return;
    }
    expire_all(a, at);
    if (n.to_all) {
        announcement(a, at, vlan, &n, group, node);
    } else {
        answer(a, at, vlan, &n);
        *group = *group_with(a, vlan, n.address, false);
    }
}

/* --- the end ------------------------------------------------------------------------------------
 */

static void note_two_clusters(struct account *a, uint32_t group)
{
    const struct work_member *members = a->work->members;
    char text[2][STORY_ADDRESS_MAX];
    for (uint32_t l = a->work->groups[group].first_member; l != ACCOUNT_NOBODY;
         l = members[l].next) {
        for (uint32_t r = members[l].next; r != ACCOUNT_NOBODY; r = members[r].next) {
            unsigned left = ACCOUNT_ANNOUNCED_MAX, right = left, shared = 0;
            for (unsigned i = 0; i < a->groups[group].address_count; i++) {
                left = members[l].has_announced[i] ? i : left;
                right = members[r].has_announced[i] ? i : right;
                shared += members[l].has_announced[i] && members[r].has_announced[i];
            }
            if (shared == 0 && left < ACCOUNT_ANNOUNCED_MAX && right < ACCOUNT_ANNOUNCED_MAX) {
                finding_add(a, a->groups[group].begin, group, 1, "two-clusters",
                            "%s announces %s, %s announces %s, and neither the other's: two "
                            "clusters share this vhid, or their address lists differ",
                            node_name(a, a->members[r].node),
                            work_address(a->groups[group].addresses[right], text[0]),
                            node_name(a, a->members[l].node),
                            work_address(a->groups[group].addresses[left], text[1]));
                return;
            }
        }
    }
}

static void note_claimant(struct account *a, const struct work_claimant *c)
{
    char address[STORY_ADDRESS_MAX], mac[ACCOUNT_WORD_MAX];
    bool freebsd = false;
    for (uint32_t i = 0; i < a->member_count; i++) {
        freebsd |=
            a->members[i].group == c->group && a->nodes[a->members[i].node].kind == ACCOUNT_FREEBSD;
    }
    if (nodes_by_mac(a, c->mac) != ACCOUNT_NOBODY || (c->answers_only && freebsd)) {
        return;
    }
    finding_add(a, c->at, c->group, 17, "duplicate-address", "duplicate address: %s is also at %s",
                work_address(c->address, address), account_mac(c->mac, mac));
}

void announce_end(struct account *a)
{
    expire_all(a, CARP_NEVER);
    for (unsigned i = 0; i < a->work->claimant_count; i++) {
        note_claimant(a, &a->work->claimants[i]);
    }
    for (uint32_t i = 0; i < a->group_count; i++) {
        note_two_clusters(a, i);
    }
}
