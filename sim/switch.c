#include "sim/switch.h"

#include <stdlib.h>

#include "sim/memory.h"

#define MEMBERSHIP_LIFE CARP_SECONDS(260) /* RFC 2236 and 2710: (2 * 125 + 10) s */

uint64_t switch_mac_key(const uint8_t *mac)
{
    uint64_t key = 1;
    for (int i = 0; i < 6; i++) {
        key = key << 8 | mac[i];
    }
    return key;
}

static struct mac_entry *find_mac(struct sim_switch *s, uint64_t key)
{
    size_t mask = s->table_room - 1;
    size_t at = (size_t)decide_mix(key, 0) & mask;
    while (s->table[at].mac != 0 && s->table[at].mac != key) {
        at = (at + 1) & mask;
    }
    return &s->table[at];
}

static void grow_table(struct sim_switch *s)
{
    struct mac_entry *old = s->table;
    size_t count = s->table_room;
    s->table_room = count == 0 ? 32 : count * 2;
    s->table = memory_make(s->table_room, sizeof *s->table);
    for (size_t i = 0; i < count; i++) {
        if (old[i].mac != 0) {
            *find_mac(s, old[i].mac) = old[i];
        }
    }
    free(old);
}

static bool is_current(const struct world *w, const struct sim_switch *s,
                       const struct mac_entry *entry)
{
    return entry->mac != 0 && entry->port != NONE &&
           instant_since(w->now, entry->seen).ns < s->ageing.ns;
}

/* A full table drops what was forgotten or is too old; false: there is nothing of the kind. */
static bool sweep_table(const struct world *w, struct sim_switch *s)
{
    if (instant_before(w->now, s->sweep_from)) {
        return false;
    }
    struct mac_entry *old = s->table;
    size_t before = s->table_used;
    carp_instant oldest = CARP_NEVER;
    s->table = memory_make(s->table_room, sizeof *s->table);
    s->table_used = 0;
    for (size_t i = 0; i < s->table_room; i++) {
        if (is_current(w, s, &old[i])) {
            *find_mac(s, old[i].mac) = old[i];
            s->table_used += 1;
            oldest = instant_min(oldest, old[i].seen);
        }
    }
    free(old);
    s->sweep_from = instant_add(oldest, s->ageing);
    return s->table_used < before;
}

void switch_learn(struct world *w, uint32_t switch_index, uint32_t port, const uint8_t *mac)
{
    struct sim_switch *s = &w->switches[switch_index];
    if ((mac[0] & 1) != 0) {
        return;
    }
    if (s->table_used * 2 >= s->table_room) {
        grow_table(s);
    }
    struct mac_entry *entry = find_mac(s, switch_mac_key(mac));
    if (entry->mac == 0) {
        if (s->capacity != 0 && s->table_used >= s->capacity) {
            if (!sweep_table(w, s)) {
                return; /* full: what it does not know it floods */
            }
            entry = find_mac(s, switch_mac_key(mac));
        }
        s->table_used += 1;
        entry->mac = switch_mac_key(mac);
        entry->port = NONE;
    }
    if (entry->port != port) {
        s->moves += entry->port != NONE;
        trace_note(&w->trace, w->now, TRACE_LEARNED, switch_index, entry->mac, port, entry->port);
        entry->port = port;
    }
    entry->seen = w->now;
}

/* The port behind which an address is, NONE when it is not known (any more). */
uint32_t switch_look_up(struct world *w, struct sim_switch *s, const uint8_t *mac)
{
    if (s->table_room == 0) {
        return NONE;
    }
    const struct mac_entry *entry = find_mac(s, switch_mac_key(mac));
    return is_current(w, s, entry) ? entry->port : NONE;
}

void switch_forget_port(struct sim_switch *s, uint32_t port)
{
    s->sweep_from.ns = 0;
    for (size_t i = 0; i < s->table_room; i++) {
        if (s->table[i].port == port) {
            s->table[i].port = NONE;
        }
    }
    for (size_t i = 0; i < s->member_count; i++) {
        if (s->members[i].port == port) {
            s->members[i].expires = (carp_instant){0};
        }
    }
}

void switch_snoop(struct world *w, struct sim_switch *s, uint32_t port,
                  const struct sim_frame *frame)
{
    uint8_t group[6];
    if (frame->class_ != FRAME_REPORT || !packet_read_report(frame->bytes, frame->size, group)) {
        return;
    }
    struct membership *found = NULL;
    for (size_t i = 0; i < s->member_count; i++) {
        if (s->members[i].mac == switch_mac_key(group) && s->members[i].port == port) {
            found = &s->members[i];
        }
    }
    if (found == NULL) {
        if (s->member_count == s->member_room) {
            s->members = memory_grow(s->members, &s->member_room, 8, sizeof *s->members);
        }
        found = &s->members[s->member_count++];
        found->mac = switch_mac_key(group);
        found->port = port;
    }
    found->expires = instant_add(w->now, MEMBERSHIP_LIFE);
}

/* Is what snooping keeps from ports without members. Queries, announcements to all nodes and
 * solicitations pass everywhere. */
bool switch_snoops(const struct sim_switch *s, const struct sim_frame *frame)
{
    return (s->snooping == SNOOP_MEMBERS || s->snooping == SNOOP_DROP) &&
           (frame->bytes[0] & 1) != 0 && frame->bytes[0] != 0xff && frame->class_ == FRAME_ADVERT;
}

/* Does snooping let the group out of this port? An uplink to another switch is where a router would
 * be: it gets everything that is not dropped altogether. */
bool switch_wants(const struct world *w, const struct sim_switch *s, uint32_t port, uint64_t group)
{
    if (s->snooping == SNOOP_DROP) {
        return false;
    }
    if (w->ends[w->ends[port].peer].is_switch) {
        return true;
    }
    for (size_t i = 0; i < s->member_count; i++) {
        if (s->members[i].port == port && s->members[i].mac == group) {
            return instant_before(w->now, s->members[i].expires);
        }
    }
    return false;
}
