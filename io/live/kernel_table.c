/* The table of addresses of kernel.h, and questions to it. */
#include "io/live/kernel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- the table ------------------------------------------------------------------------------- */

static bool same_address(const struct kernel_address *a, unsigned ifindex, uint8_t family,
                         const uint8_t *bytes)
{
    return a->ifindex == ifindex && a->family == family &&
           memcmp(a->bytes, bytes, family == 4 ? 4 : 16) == 0;
}

static int note_address(struct kernel_addresses *table, const struct kernel_address *address)
{
    for (size_t i = 0; i < table->count; i++) {
        struct kernel_address *known = &table->at[i];
        if (same_address(known, address->ifindex, address->family, address->bytes) &&
            known->prefix == address->prefix) {
            bool changed =
                known->tentative != address->tentative || known->dadfailed != address->dadfailed ||
                known->secondary != address->secondary ||
                known->deprecated != address->deprecated || known->permanent != address->permanent;
            *known = *address;
            return changed;
        }
    }
    if (table->count == table->room) {
        size_t room = table->room == 0 ? 16 : 2 * table->room;
        struct kernel_address *at = (struct kernel_address *)realloc(table->at, room * sizeof *at);
        if (at == NULL) {
            return -ENOMEM;
        }
        table->at = at;
        table->room = room;
    }
    table->at[table->count++] = *address;
    return 1;
}

/* Those of a link, or the one with this prefix; the order of the others stays. */
static int forget(struct kernel_addresses *table, unsigned ifindex,
                  const struct kernel_address *only)
{
    size_t kept = 0;
    size_t before = table->count;
    for (size_t i = 0; i < before; i++) {
        const struct kernel_address *a = &table->at[i];
        bool goes = only == NULL ? a->ifindex == ifindex
                                 : same_address(a, ifindex, only->family, only->bytes) &&
                                       a->prefix == only->prefix;
        if (!goes) {
            table->at[kept++] = *a;
        }
    }
    table->count = kept;
    return kept != before;
}

int kernel_addresses_note(struct kernel_addresses *table, const struct kernel_event *event)
{
    int changed = 0;
    switch (event->type) {
    case KERNEL_LINK:
    case KERNEL_SYNCED:
        break;
    case KERNEL_LINK_GONE:
        changed = forget(table, event->link.ifindex, NULL);
        break;
    case KERNEL_ADDRESS:
        changed = note_address(table, &event->address);
        break;
    case KERNEL_ADDRESS_GONE:
        changed = forget(table, event->address.ifindex, &event->address);
        break;
    case KERNEL_FORGET:
        changed = table->count > 0;
        table->count = 0;
        break;
    }
    return changed;
}

void kernel_addresses_free(struct kernel_addresses *table)
{
    free(table->at);
    *table = (struct kernel_addresses){0};
}

/* --- questions to it ------------------------------------------------------------------------- */

const struct kernel_address *kernel_find(const struct kernel_addresses *table, unsigned ifindex,
                                         uint8_t family, const uint8_t *bytes)
{
    for (size_t i = 0; i < table->count; i++) {
        if (same_address(&table->at[i], ifindex, family, bytes)) {
            return &table->at[i];
        }
    }
    return NULL;
}

static bool same_subnet(const uint8_t *a, const uint8_t *b, unsigned prefix)
{
    unsigned whole = prefix / 8;
    uint8_t mask = (uint8_t)(0xff00 >> prefix % 8);
    return memcmp(a, b, whole) == 0 && (prefix % 8 == 0 || ((a[whole] ^ b[whole]) & mask) == 0);
}

static bool is_own(const struct kernel_address *a, unsigned ifindex, uint8_t family,
                   const struct kernel_virtuals *virtuals)
{
    return a->ifindex == ifindex && a->family == family &&
           !virtuals->contain(virtuals->self, family, a->bytes);
}

int kernel_subnet(const struct kernel_addresses *table, unsigned ifindex,
                  const struct kernel_virtuals *virtuals, uint8_t family, const uint8_t *bytes)
{
    int narrowest = -1;
    for (size_t i = 0; i < table->count; i++) {
        const struct kernel_address *a = &table->at[i];
        if (a->prefix > narrowest && is_own(a, ifindex, family, virtuals) &&
            same_subnet(a->bytes, bytes, a->prefix)) {
            narrowest = a->prefix;
        }
    }
    return narrowest;
}

static bool is_link_local(const uint8_t *ipv6)
{
    static const uint8_t fe80[2] = {0xfe, 0x80};
    return same_subnet(ipv6, fe80, 10);
}

bool kernel_source(const struct kernel_addresses *table, unsigned ifindex,
                   const struct kernel_virtuals *virtuals, uint8_t family, uint8_t source[16])
{
    const struct kernel_address *second_best = NULL;
    const struct kernel_address *best = NULL;
    for (size_t i = 0; i < table->count && best == NULL; i++) {
        const struct kernel_address *a = &table->at[i];
        if (!is_own(a, ifindex, family, virtuals) || a->tentative || a->dadfailed) {
            continue;
        }
        if (family == 4 ? !a->secondary : is_link_local(a->bytes)) {
            best = a;
        } else if (second_best == NULL) {
            second_best = a;
        }
    }
    if (best == NULL) {
        best = second_best;
    }
    if (best != NULL) {
        memcpy(source, best->bytes, sizeof best->bytes);
    }
    return best != NULL;
}
