#include "io/live/addresses.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/story.h"
#include "io/live/clock.h"

/* An address that someone removes is put back this often within this time, and then no more: two
 * programs that fight over an address are worse than a failover. */
enum { RESTORES_MAX = 3 };
#define RESTORES_WITHIN CARP_SECONDS(60)

/* The kernel's lifetime beyond the group's patience: more than the time between two renewals, so
 * that a worker that is only slow does not lose what it holds. */
enum { LIFETIME_SPARE_S = 1, RENEWALS_A_LIFETIME = 4, BATCH = 256 };

int addresses_make(struct addresses *addresses, const struct config_group *group)
{
    *addresses = (struct addresses){0};
    addresses->at = calloc(group->address_count, sizeof *addresses->at);
    return addresses->at == NULL ? -ENOMEM : 0;
}

void addresses_free(struct addresses *addresses)
{
    free(addresses->at);
    *addresses = (struct addresses){0};
}

/* An address as the kernel wants it: with the prefix given, or that of the interface's own subnet.
 * An IPv6 address that is there keeps the prefix it has, by which alone it can be removed. */
static struct kernel_virtual resolve(const struct config_address *address,
                                     const struct addresses_on *on, unsigned ifindex)
{
    int subnet = kernel_subnet(on->table, ifindex, on->virtuals, address->family, address->bytes);
    struct kernel_virtual v = {
        .ifindex = ifindex,
        .family = address->family,
        .prefix = address->prefix,
        .own_subnet = subnet >= 0,
    };
    memcpy(v.bytes, address->bytes, sizeof v.bytes);
    if (address->prefix == CONFIG_PREFIX_OF_INTERFACE) {
        int host = address->family == 4 ? 32 : 128;
        v.prefix = (uint8_t)(subnet >= 0 ? subnet : host);
    }
    const struct kernel_address *there =
        kernel_find(on->table, ifindex, address->family, address->bytes);
    if (there != NULL && there->family == 6) {
        v.prefix = there->prefix;
    }
    return v;
}

static int add(const struct config_group *group, struct kernel *kernel,
               const struct kernel_virtual *address, struct log_limit *failures)
{
    char text[STORY_ADDRESS_MAX];
    int error = kernel_add(kernel, address);
    if (error == -EEXIST) {
        error = kernel_renew(kernel, address, 1, NULL);
    }
    if (error != 0 && log_allow(failures, clock_now())) {
        log_line(LOG_LEVEL_ERROR, "%s: cannot set %s/%u on %s: %s", group->name,
                 story_address(address->family, address->bytes, text), address->prefix,
                 group->interface, strerror(-error));
    }
    return error;
}

void addresses_resolve(struct addresses *addresses, const struct config_group *group,
                       const struct addresses_on *on, unsigned ifindex, carp_duration patience)
{
    uint64_t lifetime_s = (patience.ns + 999999999) / 1000000000 + LIFETIME_SPARE_S;
    addresses->count = group->address_count;
    for (size_t i = 0; i < group->address_count; i++) {
        addresses->at[i] = resolve(&group->addresses[i], on, ifindex);
        addresses->at[i].lifetime_s = (uint32_t)lifetime_s;
    }
}

int addresses_hold(struct addresses *addresses, const struct config_group *group,
                   struct kernel *kernel)
{
    for (size_t i = 0; i < addresses->count; i++) {
        int error = add(group, kernel, &addresses->at[i], &addresses->failures);
        if (error != 0) {
            addresses_drop(addresses, kernel);
            return error;
        }
    }
    addresses->held = true;
    return 0;
}

int addresses_drop(struct addresses *addresses, struct kernel *kernel)
{
    addresses->held = false;
    int error = kernel_remove(kernel, addresses->at, addresses->count, NULL);
    /* Once more: until their lifetime is over they would be on two hosts. */
    return error == 0 ? 0 : kernel_remove(kernel, addresses->at, addresses->count, NULL);
}

static void clean_one(const struct config_group *group, struct kernel *kernel,
                      const struct kernel_address *there)
{
    char text[STORY_ADDRESS_MAX];
    struct kernel_virtual v = {.ifindex = there->ifindex,
                               .lifetime_s = 1,
                               .family = there->family,
                               .prefix = there->prefix};
    memcpy(v.bytes, there->bytes, sizeof v.bytes);
    int error = kernel_remove(kernel, &v, 1, NULL);
    log_line(LOG_LEVEL_WARNING, "%s: %s/%u was already on %s, though nobody here is master: %s",
             group->name, story_address(v.family, v.bytes, text), v.prefix, group->interface,
             error == 0 ? "removed" : strerror(-error));
}

/* IPv4 knows an address once for each prefix it was set with. */
void addresses_clean(const struct config_group *group, const struct addresses_on *on,
                     unsigned ifindex)
{
    for (size_t i = 0; i < group->address_count; i++) {
        const struct config_address *address = &group->addresses[i];
        for (size_t j = 0; j < on->table->count; j++) {
            const struct kernel_address *there = &on->table->at[j];
            if (there->ifindex == ifindex && there->family == address->family &&
                memcmp(there->bytes, address->bytes, sizeof there->bytes) == 0) {
                clean_one(group, on->kernel, there);
            }
        }
    }
}

int addresses_renew(struct addresses *all, size_t group_count, struct kernel *kernel)
{
    struct kernel_virtual batch[BATCH];
    size_t count = 0;
    int worst = 0;
    for (size_t g = 0; g < group_count; g++) {
        for (size_t i = 0; all[g].held && i < all[g].count; i++) {
            batch[count++] = all[g].at[i];
            if (count == BATCH) {
                int error = kernel_renew(kernel, batch, count, NULL);
                worst = error != 0 ? error : worst;
                count = 0;
            }
        }
    }
    int error = count == 0 ? 0 : kernel_renew(kernel, batch, count, NULL);
    return error != 0 ? error : worst;
}

carp_duration addresses_renewal(const struct addresses *all, size_t group_count)
{
    carp_duration soonest = {UINT64_MAX};
    for (size_t g = 0; g < group_count; g++) {
        for (size_t i = 0; all[g].held && i < all[g].count; i++) {
            uint64_t ns = CARP_SECONDS(all[g].at[i].lifetime_s).ns / RENEWALS_A_LIFETIME;
            soonest.ns = ns < soonest.ns ? ns : soonest.ns;
        }
    }
    return soonest;
}

/* For IPv4 an address with another prefix is another address, and not ours. */
static bool is_same(const struct kernel_virtual *ours, const struct kernel_address *other)
{
    return ours->ifindex == other->ifindex && ours->family == other->family &&
           memcmp(ours->bytes, other->bytes, sizeof ours->bytes) == 0 &&
           (ours->family == 6 || ours->prefix == other->prefix);
}

bool addresses_gone(struct addresses *addresses, const struct config_group *group,
                    struct kernel *kernel, carp_instant now, const struct kernel_address *gone,
                    bool *lost)
{
    *lost = false;
    for (size_t i = 0; addresses->held && i < addresses->count; i++) {
        const struct kernel_virtual *address = &addresses->at[i];
        if (!is_same(address, gone)) {
            continue;
        }
        char text[STORY_ADDRESS_MAX];
        story_address(address->family, address->bytes, text);
        if (instant_since(now, addresses->restored_from).ns > RESTORES_WITHIN.ns) {
            addresses->restored = 0;
            addresses->restored_from = now;
        }
        addresses->restored += 1;
        *lost = addresses->restored > RESTORES_MAX ||
                add(group, kernel, address, &addresses->failures) != 0;
        log_line(LOG_LEVEL_WARNING, "%s: something removed %s from %s; %s", group->name, text,
                 group->interface,
                 *lost ? "giving it up, for it happens again and again" : "put back");
        return true;
    }
    return false;
}
