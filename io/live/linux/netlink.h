/*
 * Addresses and links of a Linux machine, over rtnetlink (libmnl).
 *
 * Two sockets: one for requests, which the kernel answers before sendmsg() returns, and one that
 * hears of changes. Virtual addresses are installed with a lifetime that a living daemon renews, so
 * the kernel itself ends them when nobody is left to do it (docs/decisions, "no address without a
 * living daemon"). What the bytes mean is decided by netlink_parse(), which makes no system call.
 *
 * Functions return 0 or -errno, unless they say otherwise. Not for several threads at once.
 */
#ifndef CARP_IO_LIVE_LINUX_NETLINK_H
#define CARP_IO_LIVE_LINUX_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mnl_socket;

/* IFNAMSIZ, without its header. */
enum { NETLINK_NAME_SIZE = 16 };

/* --- what is there, and what changes --------------------------------------------------------- */

struct netlink_link {
    unsigned ifindex;
    char name[NETLINK_NAME_SIZE];
    uint8_t mac[6];
    bool ethernet; /* and so mac is valid */
    bool up;       /* set up by the operator: IFF_UP */
    bool running;  /* and able to pass packets: IFF_RUNNING */
};

struct netlink_address {
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

enum netlink_event_type {
    NETLINK_LINK,         /* `link` is there now, like this */
    NETLINK_LINK_GONE,    /* `link` is not, and so neither are its addresses */
    NETLINK_ADDRESS,      /* `address` is there now, like this */
    NETLINK_ADDRESS_GONE, /* `address` is not */
    NETLINK_FORGET,       /* what was known may be wrong: all that exists follows, and then */
    NETLINK_SYNCED,       /* what was not named since FORGET does not exist */
};

struct netlink_event {
    enum netlink_event_type type;
    union {
        struct netlink_link link;
        struct netlink_address address;
    };
};

/*
 * Read one netlink message: a link or an address that is new, changed or gone.
 *
 * message  aligned to four bytes, as netlink messages are; nothing past size is read.
 *
 * Returns false, and leaves event alone, for everything else: other types, other families (a bridge
 * tells of its ports in messages that look as if the port itself had gone), malformed bytes.
 * Source: Linux net/core/rtnetlink.c rtnl_fill_ifinfo(), net/ipv4/devinet.c inet_fill_ifaddr(),
 * net/ipv6/addrconf.c inet6_fill_ifaddr().
 */
bool netlink_parse(const void *message, size_t size, struct netlink_event *event);

/* --- a table of addresses -------------------------------------------------------------------- */

/* The addresses of the machine, kept from events. Zeroed: empty. */
struct netlink_addresses {
    struct netlink_address *at; /* owned */
    size_t count, room;
};

/* Keep the table up to date. Returns 1 when it changed, 0 when it did not, -ENOMEM. */
int netlink_addresses_note(struct netlink_addresses *table, const struct netlink_event *event);
void netlink_addresses_free(struct netlink_addresses *table);

/* The address on this interface, of whatever prefix; NULL: it is not there. Valid until the next
 * change of the table. */
const struct netlink_address *netlink_find(const struct netlink_addresses *table, unsigned ifindex,
                                           uint8_t family, const uint8_t *bytes);

/* Tells which addresses are virtual, and so neither our own subnet nor our own source. */
struct netlink_virtuals {
    bool (*contain)(const void *self, uint8_t family, const uint8_t *bytes);
    const void *self;
};

/* The prefix length of the narrowest subnet the interface has of its own around this address; -1:
 * none. */
int netlink_subnet(const struct netlink_addresses *table, unsigned ifindex,
                   const struct netlink_virtuals *virtuals, uint8_t family, const uint8_t *bytes);

/* The interface's own address to send from, written to source: IPv4 its first, primary ones before
 * secondary ones; IPv6 a link-local one, else any other that is usable. False: none. */
bool netlink_source(const struct netlink_addresses *table, unsigned ifindex,
                    const struct netlink_virtuals *virtuals, uint8_t family, uint8_t source[16]);

/* --- sockets --------------------------------------------------------------------------------- */

struct netlink {
    struct mnl_socket *requests;
    struct mnl_socket *monitor; /* NULL without netlink_watch() */
    uint32_t sequence;
};

/* Open for requests; both sockets are closed by netlink_close(), which is fine on a zeroed one. */
int netlink_open(struct netlink *netlink);
void netlink_close(struct netlink *netlink);

/*
 * Listen for changes from now on; dump afterwards, so that nothing is missed in between.
 *
 * Not heard are the renewals of our own addresses (there may be hundreds a second): new IPv4
 * addresses that this very netlink asked for, and new IPv6 addresses without duplicate detection
 * that are not permanent, whoever asked. That ours are gone is heard.
 */
int netlink_watch(struct netlink *netlink);
int netlink_watch_fd(const struct netlink *netlink);

typedef void netlink_callback(void *self, const struct netlink_event *event);

/* All links, then all addresses, as events between FORGET and SYNCED. On failure there was no
 * SYNCED, and what was told so far is to be thrown away. */
int netlink_dump(struct netlink *netlink, netlink_callback *callback, void *self);

/* Everything the watch has heard, without waiting. When the kernel had to drop news (ENOBUFS), what
 * waits is thrown away and a dump takes its place. On failure the caller dumps again, a little
 * later. */
int netlink_read(struct netlink *netlink, netlink_callback *callback, void *self);

/* One interface; -ENODEV: there is none of this name, or none can be. */
int netlink_link_by_name(struct netlink *netlink, const char *name, struct netlink_link *link);

/* --- virtual addresses ----------------------------------------------------------------------- */

/* For ever, as a lifetime. */
#define NETLINK_FOREVER UINT32_MAX

struct netlink_virtual {
    unsigned ifindex;
    uint32_t lifetime_s; /* until the kernel drops it, unless renewed: at least 1 */
    uint8_t family;      /* 4 or 6 */
    uint8_t prefix;
    uint8_t bytes[16];
    /* The interface has an address of its own in this subnet (netlink_subnet()), and so the
     * subnet's route. Otherwise the kernel makes one with the address; for IPv6 it ends with the
     * lifetime. If not told, Linux 6.18 makes an IPv6 route that the interface's own dynamic
     * address brought end with our lifetime too. */
    bool own_subnet;
};

/*
 * Install an address, without duplicate detection. The rest is as `ip address add` does it: global
 * scope (IPv6: the address's own), no broadcast address.
 *
 * -EEXIST: the interface has it, and nothing was changed. Whose it is says netlink_find():
 * permanent ones are the operator's, others were most likely left behind by one of us.
 * netlink_renew() takes either over, and from then on it has our lifetime: a permanent address ends
 * with us. IPv4 knows the same address with another prefix length as another one, and lets both be
 * there.
 */
int netlink_add(struct netlink *netlink, const struct netlink_virtual *address);

/* What failed in a batch. */
struct netlink_failures {
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
int netlink_renew(struct netlink *netlink, const struct netlink_virtual *at, size_t count,
                  struct netlink_failures *failures);

/* Remove addresses; as above. One that is not there, with this prefix, counts as removed. IPv4:
 * with the first address of a subnet Linux removes the others of that subnet too, unless the
 * interface's sysctl promote_secondaries is on; ours is first when it was there before the
 * interface's own. */
int netlink_remove(struct netlink *netlink, const struct netlink_virtual *at, size_t count,
                   struct netlink_failures *failures);

#endif
