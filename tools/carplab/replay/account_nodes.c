/*
 * Who took part: which source addresses are one host, and which implementation it looks like.
 *
 * Source of what tells implementations apart: captures in engine/testdata, docs/PROTOCOL.md, and
 * the implementations' own source: UCARP carp_send_ad() and gratuitous_arp(), the kernels'
 * ip_carp.c carp_send_ad_locked() and carp_send_arp().
 */
#include "tools/carplab/replay/account_work.h"

#include <stdio.h>
#include <string.h>

/* An advert of the other family by the same host follows at once: FreeBSD's within 0.1 ms (seen).
 */
#define BEHIND CARP_MILLISECONDS(2)

/* Clocks that are further off than this tell nothing. */
enum { CLOCK_OFF_MAX = 400 * 86400 };

bool mac_is_virtual(const uint8_t *mac)
{
    static const uint8_t prefix[5] = {0x00, 0x00, 0x5e, 0x00, 0x01};
    return memcmp(mac, prefix, sizeof prefix) == 0;
}

bool mac_is_ucarps(const uint8_t *mac)
{
    static const uint8_t prefix[5] = {0x00, 0x00, 0x5e, 0x00, 0x00};
    return memcmp(mac, prefix, sizeof prefix) == 0;
}

static bool mac_is_own(const uint8_t *mac)
{
    return !mac_is_virtual(mac) && !mac_is_ucarps(mac) && (mac[0] & 1) == 0;
}

/* --- one host -----------------------------------------------------------------------------------
 */

uint32_t nodes_by_mac(const struct account *a, const uint8_t *mac)
{
    for (uint32_t i = 0; i < a->node_count; i++) {
        if (a->nodes[i].has_own_mac && memcmp(a->nodes[i].own_mac, mac, FRAME_MAC_SIZE) == 0) {
            return i;
        }
    }
    return ACCOUNT_NOBODY;
}

bool nodes_has_address(const struct account *a, uint16_t vlan, const uint8_t address[17])
{
    return *work_find((struct account *)a, WORK_KEY_NODE, vlan, 0, address[0], address + 1,
                      false) != ACCOUNT_NOBODY;
}

uint32_t account_member_of(const struct account *a, uint32_t group, uint32_t node)
{
    uint32_t m = a->work->groups[group].first_member;
    while (m != ACCOUNT_NOBODY && a->members[m].node != node) {
        m = a->work->members[m].next;
    }
    return m;
}

/* A new address: of a host that is known by another one? */
static uint32_t same_host(const struct account *a, carp_instant at, uint32_t group,
                          const struct decoded *d)
{
    const struct account_work *w = a->work;
    uint8_t other = d->family == 4 ? 6 : 4;
    if (d->source_mac != NULL && mac_is_own(d->source_mac)) {
        uint32_t node = nodes_by_mac(a, d->source_mac);
        bool has = node != ACCOUNT_NOBODY &&
                   (d->family == 4 ? a->nodes[node].has_ipv4 : a->nodes[node].has_ipv6);
        return has ? ACCOUNT_NOBODY : node;
    }
    if (!w->has_previous || w->previous_family != other ||
        instant_since(at, w->previous_at).ns > BEHIND.ns) {
        return ACCOUNT_NOBODY;
    }
    const struct account_member *m = &a->members[w->previous_member];
    const struct account_node *n = &a->nodes[m->node];
    bool same_mac = d->source_mac == NULL
                        ? !n->has_mac
                        : n->has_mac && memcmp(n->mac, d->source_mac, FRAME_MAC_SIZE) == 0;
    bool has = d->family == 4 ? n->has_ipv4 : n->has_ipv6;
    bool same_claim = claim_compare(w->members[w->previous_member].claim,
                                    (struct claim){.demote = d->advert.demote,
                                                   .advbase = d->advert.advbase,
                                                   .advskew = d->advert.advskew}) == 0;
    return m->group == group && same_mac && same_claim && !has ? m->node : ACCOUNT_NOBODY;
}

static void add_address(struct account_node *n, const struct decoded *d)
{
    if (d->family == 4) {
        n->has_ipv4 = true;
        memcpy(n->ipv4, d->source, sizeof n->ipv4);
    } else {
        n->has_ipv6 = true;
        memcpy(n->ipv6, d->source, sizeof n->ipv6);
    }
    if (d->family == 4 || !n->has_ipv4) {
        story_address(d->family, d->source, n->name);
    }
    if (!n->has_mac && d->source_mac != NULL) {
        n->has_mac = true;
        memcpy(n->mac, d->source_mac, FRAME_MAC_SIZE);
        if (mac_is_own(n->mac)) {
            n->has_own_mac = true;
            memcpy(n->own_mac, n->mac, FRAME_MAC_SIZE);
        }
    }
}

/* Hosts announce their own addresses when they boot. */
static void recall_mac(struct account *a, uint32_t node, uint16_t vlan, const struct decoded *d)
{
    const struct account_work *w = a->work;
    size_t size = d->family == 4 ? 4 : 16;
    for (unsigned i = 0; i < w->mac_count && !a->nodes[node].has_own_mac; i++) {
        if (w->macs[i].vlan == vlan && w->macs[i].address[0] == d->family &&
            memcmp(w->macs[i].address + 1, d->source, size) == 0) {
            a->nodes[node].has_own_mac = true;
            memcpy(a->nodes[node].own_mac, w->macs[i].mac, FRAME_MAC_SIZE);
        }
    }
}

static uint32_t node_of(struct account *a, carp_instant at, uint16_t vlan, uint32_t group,
                        const struct decoded *d)
{
    struct account_work *w = a->work;
    uint32_t *index = work_find(a, WORK_KEY_NODE, vlan, 0, d->family, d->source, true);
    if (*index != ACCOUNT_NOBODY) {
        return *index;
    }
    uint32_t node = same_host(a, at, group, d);
    if (node == ACCOUNT_NOBODY) {
        uint32_t room = w->node_room;
        void *both[2] = {
            work_room(a, (void **)&w->nodes, a->node_count, &room, sizeof *w->nodes,
                      ACCOUNT_NODES_MAX),
            work_room(a, (void **)&a->nodes, a->node_count, &w->node_room, sizeof *a->nodes,
                      ACCOUNT_NODES_MAX),
        };
        if (both[0] == NULL || both[1] == NULL) {
            return ACCOUNT_NOBODY;
        }
        node = a->node_count++;
        w->nodes[node].vlan = vlan;
    }
    add_address(&a->nodes[node], d);
    recall_mac(a, node, vlan, d);
    return *index = node;
}

static uint32_t member_of(struct account *a, uint32_t group, uint32_t node)
{
    struct account_work *w = a->work;
    uint32_t member = account_member_of(a, group, node), room = w->member_room;
    if (member != ACCOUNT_NOBODY) {
        return member;
    }
    struct work_member *t = work_room(a, (void **)&w->members, a->member_count, &room,
                                      sizeof *w->members, ACCOUNT_MEMBERS_MAX);
    struct account_member *m = work_room(a, (void **)&a->members, a->member_count, &w->member_room,
                                         sizeof *a->members, ACCOUNT_MEMBERS_MAX);
    if (t == NULL || m == NULL) {
        return ACCOUNT_NOBODY;
    }
    m->node = node;
    m->group = group;
    m->preempts = -1;
    t->next = w->groups[group].first_member;
    w->groups[group].first_member = a->member_count;
    return a->member_count++;
}

/* --- evidence -----------------------------------------------------------------------------------
 */

static void note_envelope(struct work_node *n, const struct decoded *d, const uint8_t *frame,
                          size_t size)
{
    if (d->source_mac != NULL) {
        n->ucarp_mac |= mac_is_ucarps(d->source_mac);
        n->virtual_mac |= mac_is_virtual(d->source_mac);
        n->own_mac |= mac_is_own(d->source_mac);
        n->to_peer |= d->family == 4 ? d->destination[0] >> 4 != 14 : d->destination[0] != 0xff;
    }
    if (d->family == 4 && size >= 34) {
        bool freebsd = frame[15] == 0xe0, zero = wire_u16(frame + 18) == 0;
        n->tos_freebsd |= freebsd;
        n->tos_other |= !freebsd;
        n->id_zero |= zero;
        n->id_other |= !zero;
    } else if (d->family == 6 && size >= 54) {
        bool freebsd = (wire_u16(frame + 14) >> 4 & 0xff) == 0xe0;
        n->class_freebsd |= freebsd;
        n->class_other |= !freebsd;
        n->pseudo |= d->checksum == CHECKSUM_OK_PSEUDO;
    }
    n->demote |= d->advert.demote != 0;
}

/* Our counter begins at the wall clock's seconds times 2^20. A kernel that heard one of ours
 * continues from it, so only a counter that follows nobody else's says something. */
static bool near_wall_clock(carp_instant at, uint64_t counter)
{
    uint64_t seconds = counter >> 20, now = at.ns / 1000000000;
    return (seconds > now ? seconds - now : now - seconds) < CLOCK_OFF_MAX;
}

uint32_t nodes_member(struct account *a, carp_instant at, uint16_t vlan, const struct decoded *d,
                      const uint8_t *frame, size_t size)
{
    uint8_t vhid = d->advert.vhid;
    uint32_t *index = work_find(a, WORK_KEY_MEMBER, vlan, vhid, d->family, d->source, true);
    if (*index == ACCOUNT_NOBODY) {
        uint32_t group = *work_find(a, WORK_KEY_GROUP, vlan, vhid, 0, NULL, false);
        uint32_t node = node_of(a, at, vlan, group, d);
        *index = node == ACCOUNT_NOBODY ? node : member_of(a, group, node);
        if (*index == ACCOUNT_NOBODY) {
            return ACCOUNT_NOBODY;
        }
        uint64_t link = a->work->groups[group].link_counter;
        a->work->nodes[node].wall_counter |=
            near_wall_clock(at, d->advert.counter) && d->advert.counter - link > 4;
    }
    note_envelope(&a->work->nodes[a->members[*index].node], d, frame, size);
    return *index;
}

/* --- verdict ------------------------------------------------------------------------------------
 */

static void add_evidence(char *text, const char *more)
{
    size_t size = strlen(text);
    snprintf(text + size, ACCOUNT_TEXT_MAX - size, "%s%s", size > 0 ? "; " : "", more);
}

static enum account_kind kind_of_kernel(const struct work_node *w, bool constant, bool moves,
                                        char *text)
{
    add_evidence(text, "adverts from the virtual MAC 00:00:5e:00:01:vhid, as kernels send them");
    if (w->garp_real) {
        add_evidence(text, "announces the virtual MAC from its own one");
    }
    if (w->tos_freebsd || w->class_freebsd || w->answers) {
        if (w->tos_freebsd || w->class_freebsd) {
            add_evidence(text, w->tos_freebsd ? "TOS 0xe0" : "traffic class 0xe0");
        }
        if (w->answers) {
            add_evidence(text, "answers the announcements of others with its own MAC");
        }
        return ACCOUNT_FREEBSD;
    }
    if (w->pseudo) {
        add_evidence(text, "its IPv6 checksum covers the pseudo-header");
        return ACCOUNT_NETBSD;
    }
    if (constant || w->demote || w->garp_virtual_source) {
        add_evidence(text, constant    ? "its counter never changes"
                           : w->demote ? "byte 4 carries a demotion count"
                                       : "announces from the virtual MAC");
        return ACCOUNT_OPENBSD;
    }
    if (w->tos_other && w->id_zero && !w->id_other) {
        add_evidence(text,
                     "TOS 0x10 with IP ID 0, which OpenBSD fills at random (a FreeBSD from before "
                     "net.inet.carp.dscp would look the same)");
        return ACCOUNT_NETBSD;
    }
    if (moves && w->tos_other) {
        add_evidence(text, "not TOS 0xe0, so no recent FreeBSD; IP ID not 0, so no NetBSD; its "
                           "counter moves, so no OpenBSD: nothing decides");
    } else {
        add_evidence(text, "nothing decides which");
    }
    return ACCOUNT_BSD;
}

static enum account_kind kind_of(const struct work_node *w, bool constant, bool moves, char *text)
{
    if (w->ucarp_mac) {
        add_evidence(text, "adverts from 00:00:5e:00:00:vhid, which UCARP alone does");
        if (w->garp_before) {
            add_evidence(text, "announces its own MAC just before its first advert");
        }
        return ACCOUNT_UCARP;
    }
    if (w->own_mac && w->to_peer && !w->wall_counter) {
        add_evidence(text, "adverts from its own MAC to one peer: a FreeBSD that is told its peer, "
                           "or Carpio");
        return ACCOUNT_UNKNOWN;
    }
    if (w->own_mac) {
        add_evidence(text, "adverts from its own MAC, to the group; nobody else does");
        if (w->wall_counter) {
            add_evidence(text, "its counter is near the wall clock's seconds times 2^20");
        }
        return ACCOUNT_CARPIO;
    }
    if (w->virtual_mac && w->wall_counter) {
        add_evidence(text, "a counter near the wall clock's seconds times 2^20; told to use the "
                           "virtual MAC");
        return ACCOUNT_CARPIO;
    }
    if (w->virtual_mac) {
        return kind_of_kernel(w, constant, moves, text);
    }
    add_evidence(text, "the capture has no source MACs");
    return ACCOUNT_UNKNOWN;
}

void nodes_end(struct account *a)
{
    for (uint32_t i = 0; i < a->node_count; i++) {
        bool constant = false, moves = false;
        for (uint32_t m = 0; m < a->member_count; m++) {
            if (a->members[m].node == i) {
                constant |= a->members[m].counting == REPLAY_CONSTANT;
                moves |= a->members[m].counting == REPLAY_COUNTS_UP ||
                         a->members[m].counting == REPLAY_RANDOM;
            }
        }
        a->nodes[i].kind =
            kind_of(&a->work->nodes[i], constant && !moves, moves, a->nodes[i].evidence);
    }
}
