#include "fuzz/kernel_events.h"

#include <assert.h>
#include <string.h>

static size_t address_size(uint8_t family)
{
    return family == 4 ? 4 : 16;
}

static bool is_virtual(const void *self, uint8_t family, const uint8_t *bytes)
{
    (void)self;
    return bytes[address_size(family) - 1] == 100;
}

static void check_link(const struct kernel_link *link)
{
    static const uint8_t no_mac[sizeof link->mac];
    assert(link->ifindex > 0 && link->ifindex <= INT32_MAX);
    assert(memchr(link->name, '\0', sizeof link->name) != NULL);
    assert(link->ethernet || memcmp(link->mac, no_mac, sizeof no_mac) == 0);
}

static void check_address(const struct kernel_address *a)
{
    static const uint8_t zeros[16];
    assert(a->ifindex > 0 && (a->family == 4 || a->family == 6));
    assert(a->prefix <= 8 * address_size(a->family));
    assert(a->family == 6 || memcmp(a->bytes + 4, zeros, 12) == 0);
}

static bool same_place(const struct kernel_address *a, const struct kernel_address *b)
{
    return a->ifindex == b->ifindex && a->family == b->family && a->prefix == b->prefix &&
           memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static bool same_flags(const struct kernel_address *a, const struct kernel_address *b)
{
    return a->tentative == b->tentative && a->dadfailed == b->dadfailed &&
           a->secondary == b->secondary && a->deprecated == b->deprecated &&
           a->permanent == b->permanent;
}

/* This address with this prefix, as the table has it: once, or not at all. */
static const struct kernel_address *look_up(const struct kernel_addresses *table,
                                            const struct kernel_address *address)
{
    const struct kernel_address *found = NULL;
    for (size_t i = 0; i < table->count; i++) {
        if (same_place(&table->at[i], address)) {
            assert(found == NULL);
            found = &table->at[i];
        }
    }
    return found;
}

static bool is_in_subnet(const uint8_t *a, const uint8_t *b, unsigned prefix)
{
    for (unsigned i = 0; i < prefix; i++) {
        if (((a[i / 8] ^ b[i / 8]) & 0x80 >> i % 8) != 0) {
            return false;
        }
    }
    return true;
}

/* The questions to the table, against every address in it. */
static void check_answers(const struct kernel_addresses *table, const struct kernel_address *about)
{
    const struct kernel_virtuals virtuals = {is_virtual, NULL};
    uint8_t source[16] = {0};
    int narrowest = -1;
    bool usable = false, source_known = false;
    bool found = kernel_source(table, about->ifindex, &virtuals, about->family, source);
    for (size_t i = 0; i < table->count; i++) {
        const struct kernel_address *a = &table->at[i];
        if (a->ifindex != about->ifindex || a->family != about->family ||
            is_virtual(NULL, a->family, a->bytes)) {
            continue;
        }
        if (a->prefix > narrowest && is_in_subnet(a->bytes, about->bytes, a->prefix)) {
            narrowest = a->prefix;
        }
        if (!a->tentative && !a->dadfailed) {
            usable = true;
            source_known |= memcmp(a->bytes, source, sizeof source) == 0;
        }
    }
    int subnet = kernel_subnet(table, about->ifindex, &virtuals, about->family, about->bytes);
    assert(subnet == narrowest);
    assert(found == usable && (!found || source_known));
}

void kernel_events_follow(struct kernel_addresses *table, const struct kernel_event *event)
{
    size_t before = table->count;
    const struct kernel_address *a = &event->address;
    const struct kernel_address *known = event->type == KERNEL_ADDRESS ? look_up(table, a) : NULL;
    bool is_new = known == NULL, differs = is_new || !same_flags(known, a);
    int changed = kernel_addresses_note(table, event);
    assert(changed == 0 || changed == 1);
    switch (event->type) {
    case KERNEL_ADDRESS:
        check_address(a);
        known = look_up(table, a);
        assert(known != NULL && same_flags(known, a));
        assert(table->count == before + is_new && changed == differs);
        assert(kernel_find(table, a->ifindex, a->family, a->bytes) != NULL);
        check_answers(table, a);
        break;
    case KERNEL_ADDRESS_GONE:
        check_address(a);
        assert(look_up(table, a) == NULL && table->count + (size_t)changed == before);
        check_answers(table, a);
        break;
    case KERNEL_LINK_GONE:
        for (size_t i = 0; i < table->count; i++) {
            assert(table->at[i].ifindex != event->link.ifindex);
        }
        assert((table->count < before) == changed);
        check_link(&event->link);
        break;
    case KERNEL_LINK:
        check_link(&event->link);
        assert(!changed && table->count == before);
        break;
    case KERNEL_FORGET:
    case KERNEL_SYNCED:
        assert(false); /* no message says so */
    }
}
