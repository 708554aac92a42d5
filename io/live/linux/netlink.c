#include "io/live/linux/netlink.h"

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

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

static bool parse_link(const struct nlmsghdr *message, struct kernel_link *link)
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
        mnl_attr_get_payload_len(name) > KERNEL_NAME_SIZE) {
        return false;
    }
    *link = (struct kernel_link){
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

static bool parse_address(const struct nlmsghdr *message, struct kernel_address *address)
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
    *address = (struct kernel_address){
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

bool netlink_parse(const void *bytes, size_t size, struct kernel_event *event)
{
    const struct nlmsghdr *message = (const struct nlmsghdr *)bytes;
    struct kernel_event found;
    memset(&found, 0, sizeof found);
    /* libmnl reads attributes up to the message's end, rounded up. */
    if (size > INT32_MAX || !mnl_nlmsg_ok(message, (int)size) ||
        message->nlmsg_len > size / MNL_ALIGNTO * MNL_ALIGNTO) {
        return false;
    }
    bool ok = false;
    switch (message->nlmsg_type) {
    case RTM_NEWLINK:
        found.type = KERNEL_LINK;
        ok = parse_link(message, &found.link);
        break;
    case RTM_DELLINK:
        found.type = KERNEL_LINK_GONE;
        ok = parse_link(message, &found.link);
        break;
    case RTM_NEWADDR:
        found.type = KERNEL_ADDRESS;
        ok = parse_address(message, &found.address);
        break;
    case RTM_DELADDR:
        found.type = KERNEL_ADDRESS_GONE;
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
