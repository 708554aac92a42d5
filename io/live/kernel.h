/*
 * Addresses and links of this machine, as its kernel has them: rtnetlink on Linux (linux/kernel.c),
 * ioctl() and the routing socket on the BSDs and macOS (bsd/kernel.c).
 *
 * Virtual addresses are installed with a lifetime that a living daemon renews, so the kernel itself
 * ends them when nobody is left to do it; where a kernel cannot, system_lacks() says so.
 *
 * Functions return 0 or -errno, unless they say otherwise. Not for several threads at once.
 */
#ifndef CARP_IO_LIVE_KERNEL_H
#define CARP_IO_LIVE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/config.h"

/* IFNAMSIZ, without its header. */
enum { KERNEL_NAME_SIZE = 16 };

/* --- what is there, and what changes --------------------------------------------------------- */

struct kernel_link {
    unsigned ifindex;
    char name[KERNEL_NAME_SIZE];
    uint8_t mac[6];
    bool ethernet; /* and so mac is valid */
    bool up;       /* set up by the operator: IFF_UP */
    bool running;  /* and able to pass packets: IFF_RUNNING */
};

struct kernel_address {
    unsigned ifindex;
    uint8_t family; /* 4 or 6 */
    uint8_t prefix;
    uint8_t bytes[16]; /* the interface's end; IPv4: four, then zeros */
    bool tentative;    /* duplicate detection runs: not to be used yet */
    bool dadfailed;    /* it found a duplicate: not to be used at all */
    bool secondary;    /* IPv4: not the first of its subnet; IPv6: a temporary address */
    bool deprecated;
    bool permanent; /* no lifetime: not left behind by one of us */
};

enum kernel_event_type {
    KERNEL_LINK,         /* `link` is there now, like this */
    KERNEL_LINK_GONE,    /* `link` is not, and so neither are its addresses */
    KERNEL_ADDRESS,      /* `address` is there now, like this */
    KERNEL_ADDRESS_GONE, /* `address` is not */
    KERNEL_FORGET,       /* what was known may be wrong: all that exists follows, and then */
    KERNEL_SYNCED,       /* what was not named since FORGET does not exist */
};

struct kernel_event {
    enum kernel_event_type type;
    union {
        struct kernel_link link;
        struct kernel_address address;
    };
};

/* --- a table of addresses -------------------------------------------------------------------- */

/* The addresses of the machine, kept from events. Zeroed: empty. */
struct kernel_addresses {
    struct kernel_address *at; /* owned */
    size_t count, room;
};

/* Keep the table up to date. Returns 1 when it changed, 0 when it did not, -ENOMEM. */
int kernel_addresses_note(struct kernel_addresses *table, const struct kernel_event *event);
void kernel_addresses_free(struct kernel_addresses *table);

/* The address on this interface, of whatever prefix; NULL: it is not there. Valid until the next
 * change of the table. */
const struct kernel_address *kernel_find(const struct kernel_addresses *table, unsigned ifindex,
                                         uint8_t family, const uint8_t *bytes);

/* Tells which addresses are virtual, and so neither our own subnet nor our own source. */
struct kernel_virtuals {
    bool (*contain)(const void *self, uint8_t family, const uint8_t *bytes);
    const void *self;
};

/* The prefix length of the narrowest subnet the interface has of its own around this address; -1:
 * none. */
int kernel_subnet(const struct kernel_addresses *table, unsigned ifindex,
                  const struct kernel_virtuals *virtuals, uint8_t family, const uint8_t *bytes);

/* The interface's own address to send from, written to source: IPv4 its first, primary ones before
 * secondary ones; IPv6 a link-local one, else any other that is usable. False: none. */
bool kernel_source(const struct kernel_addresses *table, unsigned ifindex,
                   const struct kernel_virtuals *virtuals, uint8_t family, uint8_t source[16]);

/* --- the kernel's word ----------------------------------------------------------------------- */

struct kernel;

/* Open for requests. kernel_close() is fine on NULL. */
int kernel_open(struct kernel **opened);
void kernel_close(struct kernel *kernel);

/*
 * Before this process gives up its rights: where only root may change addresses, a process of its
 * own does it from now on until kernel_close(), for the virtual addresses of this configuration
 * alone (borrowed; its keys are forgotten there). When that process is gone this one aborts: it
 * could release nothing any more, and its guardian can. Elsewhere nothing happens.
 */
int kernel_delegate(struct kernel *kernel, struct config *config);

/*
 * Listen for changes from now on; dump afterwards, so that nothing is missed in between.
 *
 * Renewals of our own addresses, of which there may be hundreds a second, need not be heard. That
 * ours are gone is heard.
 */
int kernel_watch(struct kernel *kernel);
int kernel_watch_fd(const struct kernel *kernel);

typedef void kernel_callback(void *self, const struct kernel_event *event);

/* All links, then all addresses, as events between FORGET and SYNCED. On failure there was no
 * SYNCED, and what was told so far is to be thrown away; but -EAGAIN: all was told, and of some of
 * it there will be no news when it changes, so that the caller dumps again, a little later. */
int kernel_dump(struct kernel *kernel, kernel_callback *callback, void *self);

/* Everything the watch has heard, without waiting. When the kernel had to drop news, what waits
 * is thrown away and a dump takes its place. On failure the caller dumps again, a little later. */
int kernel_read(struct kernel *kernel, kernel_callback *callback, void *self);

/* One interface; -ENODEV: there is none of this name, or none can be. */
int kernel_link_by_name(struct kernel *kernel, const char *name, struct kernel_link *link);

/* --- virtual addresses ----------------------------------------------------------------------- */

/* For ever, as a lifetime. */
#define KERNEL_FOREVER UINT32_MAX

struct kernel_virtual {
    unsigned ifindex;
    uint32_t lifetime_s; /* until the kernel drops it, unless renewed: at least 1 */
    uint8_t family;      /* 4 or 6 */
    uint8_t prefix;
    uint8_t bytes[16];
    /* The interface has an address of its own in this subnet (kernel_subnet()), and so the
     * subnet's route. Otherwise the kernel makes one with the address; for IPv6 it ends with the
     * lifetime. If not told, Linux 6.18 makes an IPv6 route that the interface's own dynamic
     * address brought end with our lifetime too. */
    bool own_subnet;
};

/*
 * Install an address, without duplicate detection. The rest is as `ip address add` does it: global
 * scope (IPv6: the address's own), no broadcast address.
 *
 * -EEXIST: the interface has it, and nothing was changed. Whose it is says kernel_find():
 * permanent ones are the operator's, others were most likely left behind by one of us.
 * kernel_renew() takes either over, and from then on it has our lifetime: a permanent address ends
 * with us. Linux knows the same IPv4 address with another prefix length as another one, and lets
 * both be there; elsewhere it is the same, and gets our prefix.
 */
int kernel_add(struct kernel *kernel, const struct kernel_virtual *address);

/* What failed in a batch. */
struct kernel_failures {
    size_t count;
    size_t first; /* index; only with count > 0 */
    int error;    /* of the first, -errno; 0: none */
};

/*
 * Give addresses their lifetime anew, up to 256 of them in one system call.
 *
 * An address that is not there is installed: the kernel has no call that only renews. So whoever
 * renews makes sure first that the address is still meant to be there (guardian.h).
 * Returns failures->error (failures may be NULL); one failure does not keep the others from
 * renewal.
 */
int kernel_renew(struct kernel *kernel, const struct kernel_virtual *at, size_t count,
                 struct kernel_failures *failures);

/* Remove addresses; as above. One that is not there, with this prefix, counts as removed. IPv4:
 * with the first address of a subnet Linux removes the others of that subnet too, unless the
 * interface's sysctl promote_secondaries is on; ours is first when it was there before the
 * interface's own. */
int kernel_remove(struct kernel *kernel, const struct kernel_virtual *at, size_t count,
                  struct kernel_failures *failures);

#endif
