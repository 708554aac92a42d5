/* The bytes of rtnetlink, and the table of addresses: all of netlink.h that makes no system call.
 */
#include "io/live/linux/netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* --- messages -------------------------------------------------------------------------------- */

/* The attributes we know, by type; those of a type above the last are skipped. */
struct attributes {
    const struct nlattr *of[IFA_FLAGS + 1];
};

_Static_assert((int)IFA_FLAGS >= (int)IFLA_ADDRESS && (int)IFA_FLAGS >= (int)IFLA_IFNAME,
               "one table fits both kinds of message");

static int collect(const struct nlattr *attribute, void *self)
{
    struct attributes *attributes = (struct attributes *)self;
    uint16_t type = mnl_attr_get_type(attribute);
    if (type <= IFA_FLAGS) {
        attributes->of[type] = attribute;
    }
    return MNL_CB_OK;
}

/* The payload of an attribute when it has exactly this size; NULL otherwise. */
static const void *payload(const struct nlattr *attribute, size_t size)
{
    if (attribute == NULL || mnl_attr_get_payload_len(attribute) != size) {
        return NULL;
    }
    return mnl_attr_get_payload(attribute);
}

static bool parse_link(const struct nlmsghdr *message, struct netlink_link *link)
{
    const struct ifinfomsg *header = (const struct ifinfomsg *)mnl_nlmsg_get_payload(message);
    struct attributes attributes = {{NULL}};
    if (mnl_nlmsg_get_payload_len(message) < sizeof *header || header->ifi_family != AF_UNSPEC ||
        header->ifi_index <= 0 ||
        mnl_attr_parse(message, sizeof *header, collect, &attributes) != MNL_CB_OK) {
        return false;
    }
    const struct nlattr *name = attributes.of[IFLA_IFNAME];
    if (name == NULL || mnl_attr_validate(name, MNL_TYPE_NUL_STRING) < 0 ||
        mnl_attr_get_payload_len(name) > NETLINK_NAME_SIZE) {
        return false;
    }
    *link = (struct netlink_link){
        .ifindex = (unsigned)header->ifi_index,
        .up = (header->ifi_flags & IFF_UP) != 0,
        .running = (header->ifi_flags & IFF_RUNNING) != 0,
    };
    memcpy(link->name, mnl_attr_get_payload(name), mnl_attr_get_payload_len(name));
    const void *mac = payload(attributes.of[IFLA_ADDRESS], sizeof link->mac);
    if (header->ifi_type == ARPHRD_ETHER && mac != NULL) {
        link->ethernet = true;
        memcpy(link->mac, mac, sizeof link->mac);
    }
    return true;
}

static bool parse_address(const struct nlmsghdr *message, struct netlink_address *address)
{
    const struct ifaddrmsg *header = (const struct ifaddrmsg *)mnl_nlmsg_get_payload(message);
    struct attributes attributes = {{NULL}};
    if (mnl_nlmsg_get_payload_len(message) < sizeof *header || header->ifa_index == 0 ||
        (header->ifa_family != AF_INET && header->ifa_family != AF_INET6) ||
        mnl_attr_parse(message, sizeof *header, collect, &attributes) != MNL_CB_OK) {
        return false;
    }
    bool ipv4 = header->ifa_family == AF_INET;
    size_t size = ipv4 ? 4 : 16;
    if (header->ifa_prefixlen > 8 * size) {
        return false;
    }
    /* On a point-to-point interface IFA_ADDRESS is the other end's. */
    const struct nlattr *local = attributes.of[IFA_LOCAL];
    const void *bytes = payload(local != NULL ? local : attributes.of[IFA_ADDRESS], size);
    if (bytes == NULL) {
        return false;
    }
    /* The header has room for eight flags; the attribute has them all. */
    uint32_t flags = header->ifa_flags;
    const void *wide = payload(attributes.of[IFA_FLAGS], sizeof flags);
    if (wide != NULL) {
        memcpy(&flags, wide, sizeof flags);
    }
    *address = (struct netlink_address){
        .ifindex = header->ifa_index,
        .family = ipv4 ? 4 : 6,
        .prefix = header->ifa_prefixlen,
        .tentative = (flags & IFA_F_TENTATIVE) != 0,
        .dadfailed = (flags & IFA_F_DADFAILED) != 0,
        .secondary = (flags & IFA_F_SECONDARY) != 0,
        .deprecated = (flags & IFA_F_DEPRECATED) != 0,
        .permanent = (flags & IFA_F_PERMANENT) != 0,
    };
    memcpy(address->bytes, bytes, size);
    return true;
}

bool netlink_parse(const void *bytes, size_t size, struct netlink_event *event)
{
    const struct nlmsghdr *message = (const struct nlmsghdr *)bytes;
    struct netlink_event found;
    memset(&found, 0, sizeof found);
    /* libmnl reads attributes up to the message's end, rounded up. */
    if (size > INT32_MAX || !mnl_nlmsg_ok(message, (int)size) ||
        message->nlmsg_len > size / MNL_ALIGNTO * MNL_ALIGNTO) {
        return false;
    }
    bool ok = false;
    switch (message->nlmsg_type) {
    case RTM_NEWLINK:
        found.type = NETLINK_LINK;
        ok = parse_link(message, &found.link);
        break;
    case RTM_DELLINK:
        found.type = NETLINK_LINK_GONE;
        ok = parse_link(message, &found.link);
        break;
    case RTM_NEWADDR:
        found.type = NETLINK_ADDRESS;
        ok = parse_address(message, &found.address);
        break;
    case RTM_DELADDR:
        found.type = NETLINK_ADDRESS_GONE;
        ok = parse_address(message, &found.address);
        break;
    default:
        break;
    }
    if (ok) {
        *event = found;
    }
    return ok;
}

/* --- the table ------------------------------------------------------------------------------- */

static bool same_address(const struct netlink_address *a, unsigned ifindex, uint8_t family,
                         const uint8_t *bytes)
{
    return a->ifindex == ifindex && a->family == family &&
           memcmp(a->bytes, bytes, family == 4 ? 4 : 16) == 0;
}

static int note_address(struct netlink_addresses *table, const struct netlink_address *address)
{
    for (size_t i = 0; i < table->count; i++) {
        struct netlink_address *known = &table->at[i];
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
        struct netlink_address *at =
            (struct netlink_address *)realloc(table->at, room * sizeof *at);
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
static int forget(struct netlink_addresses *table, unsigned ifindex,
                  const struct netlink_address *only)
{
    size_t kept = 0;
    size_t before = table->count;
    for (size_t i = 0; i < before; i++) {
        const struct netlink_address *a = &table->at[i];
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

int netlink_addresses_note(struct netlink_addresses *table, const struct netlink_event *event)
{
    int changed = 0;
    switch (event->type) {
    case NETLINK_LINK:
    case NETLINK_SYNCED:
        break;
    case NETLINK_LINK_GONE:
        changed = forget(table, event->link.ifindex, NULL);
        break;
    case NETLINK_ADDRESS:
        changed = note_address(table, &event->address);
        break;
    case NETLINK_ADDRESS_GONE:
        changed = forget(table, event->address.ifindex, &event->address);
        break;
    case NETLINK_FORGET:
        changed = table->count > 0;
        table->count = 0;
        break;
    }
    return changed;
}

void netlink_addresses_free(struct netlink_addresses *table)
{
    free(table->at);
    *table = (struct netlink_addresses){0};
}

/* --- questions to it ------------------------------------------------------------------------- */

const struct netlink_address *netlink_find(const struct netlink_addresses *table, unsigned ifindex,
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

static bool is_own(const struct netlink_address *a, unsigned ifindex, uint8_t family,
                   const struct netlink_virtuals *virtuals)
{
    return a->ifindex == ifindex && a->family == family &&
           !virtuals->contain(virtuals->self, family, a->bytes);
}

int netlink_subnet(const struct netlink_addresses *table, unsigned ifindex,
                   const struct netlink_virtuals *virtuals, uint8_t family, const uint8_t *bytes)
{
    int narrowest = -1;
    for (size_t i = 0; i < table->count; i++) {
        const struct netlink_address *a = &table->at[i];
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

bool netlink_source(const struct netlink_addresses *table, unsigned ifindex,
                    const struct netlink_virtuals *virtuals, uint8_t family, uint8_t source[16])
{
    const struct netlink_address *second_best = NULL;
    const struct netlink_address *best = NULL;
    for (size_t i = 0; i < table->count && best == NULL; i++) {
        const struct netlink_address *a = &table->at[i];
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
