#include "io/live/bsd/route.h"

#include <string.h>

#include "io/live/bsd/route_layout.h"

#define FIELD(name, value) .name = (value),
const struct route_layout route_freebsd = {ROUTE_FREEBSD(FIELD).align = 8};
const struct route_layout route_freebsd_32 = {ROUTE_FREEBSD(FIELD).align = 4};
const struct route_layout route_netbsd = {ROUTE_NETBSD(FIELD).align = 8};
const struct route_layout route_openbsd = {ROUTE_OPENBSD(FIELD).align = 8};
const struct route_layout route_openbsd_32 = {ROUTE_OPENBSD(FIELD).align = 4};
const struct route_layout route_macos = {ROUTE_MACOS(FIELD).align = 4};
#undef FIELD

/* Bytes of a message; NULL: not there. */
struct span {
    const uint8_t *at;
    size_t size;
};

static uint16_t read_16(const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static uint32_t read_32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

size_t route_message_size(const uint8_t *bytes, size_t size)
{
    if (size <= ROUTE_RTM_TYPE) {
        return 0;
    }
    size_t told = read_16(bytes + ROUTE_RTM_MSGLEN);
    return told <= ROUTE_RTM_TYPE || told > size ? 0 : told;
}

/* --- socket addresses ------------------------------------------------------------------------ */

/* Those we read. */
struct addresses {
    struct span netmask, ifp, ifa;
};

/* The socket addresses that a mask names, in the order of its bits, from the end of the header. The
 * last one may end without padding. */
static bool collect(const struct route_layout *layout, const uint8_t *message, size_t size,
                    size_t header, uint32_t mask, struct addresses *found)
{
    memset(found, 0, sizeof *found);
    if (layout->hdrlen != 0) {
        size_t told = read_16(message + layout->hdrlen);
        if (told < header) {
            return false;
        }
        header = told;
    }
    size_t at = header;
    for (unsigned i = 0; i <= ROUTE_RTAX_IFA; i++) {
        if ((mask & 1U << i) == 0) {
            continue;
        }
        if (at >= size || message[at + ROUTE_SA_LEN] > size - at) {
            return false;
        }
        struct span here = {message + at, message[at + ROUTE_SA_LEN]};
        if (i == ROUTE_RTAX_NETMASK) {
            found->netmask = here;
        } else if (i == ROUTE_RTAX_IFP) {
            found->ifp = here;
        } else if (i == ROUTE_RTAX_IFA) {
            found->ifa = here;
        }
        /* One of no length takes as much room as the shortest. */
        size_t padded = (here.size + layout->align - 1) / layout->align * layout->align;
        at += padded == 0 ? layout->align : padded;
    }
    return true;
}

static bool is_family(const struct span *address, uint8_t family)
{
    return address->size > ROUTE_SA_FAMILY && address->at[ROUTE_SA_FAMILY] == family;
}

/* The kernel may leave out the zeros at the end of a mask, and its family. None at all: this
 * address alone. -1: no prefix. */
static int prefix_length(const struct span *netmask, size_t offset, size_t size)
{
    int prefix = 0;
    bool ended = false;
    if (netmask->at == NULL) {
        return (int)(8 * size);
    }
    for (size_t i = offset; i < netmask->size && i < offset + size; i++) {
        for (unsigned bit = 0x80; bit != 0; bit >>= 1) {
            bool set = (netmask->at[i] & bit) != 0;
            if (set && ended) {
                return -1;
            }
            ended = !set;
            prefix += set;
        }
    }
    return prefix;
}

/* --- links ----------------------------------------------------------------------------------- */

static bool is_ethernet(const struct route_layout *layout, uint8_t type)
{
    return type == ROUTE_IFT_ETHER || type == ROUTE_IFT_L2VLAN || type == ROUTE_IFT_BRIDGE ||
           type == layout->ieee8023adlag;
}

/* Name and hardware address. */
static bool parse_datalink(const struct route_layout *layout, const struct span *address,
                           struct kernel_link *link)
{
    if (!is_family(address, ROUTE_AF_LINK) || address->size < ROUTE_SDL_DATA) {
        return false;
    }
    const uint8_t *data = address->at + ROUTE_SDL_DATA;
    size_t name_size = address->at[ROUTE_SDL_NLEN], mac_size = address->at[ROUTE_SDL_ALEN];
    if (name_size + mac_size > address->size - ROUTE_SDL_DATA || name_size >= sizeof link->name ||
        memchr(data, '\0', name_size) != NULL) {
        return false;
    }
    memcpy(link->name, data, name_size);
    if (mac_size == sizeof link->mac && is_ethernet(layout, address->at[ROUTE_SDL_TYPE])) {
        link->ethernet = true;
        memcpy(link->mac, data + name_size, mac_size);
    }
    return true;
}

/* The driver runs without a cable, too. Who cannot tell of the cable says "unknown". */
static bool is_running(const struct route_layout *layout, const uint8_t *message)
{
    uint32_t state = 0;
    if (layout->ifi_link_state_size == 1) {
        state = message[layout->ifi_link_state];
    } else if (layout->ifi_link_state_size == 4) {
        state = read_32(message + layout->ifi_link_state);
    }
    bool down = state >= 1 && state <= layout->link_state_down;
    return (read_32(message + layout->ifm_flags) & ROUTE_IFF_RUNNING) != 0 && !down;
}

static bool parse_link(const struct route_layout *layout, const uint8_t *message, size_t size,
                       struct kernel_link *link)
{
    struct addresses found;
    if (size < layout->ifm_size || read_16(message + layout->ifm_index) == 0 ||
        !collect(layout, message, size, layout->ifm_size, read_32(message + layout->ifm_addrs),
                 &found)) {
        return false;
    }
    *link = (struct kernel_link){
        .ifindex = read_16(message + layout->ifm_index),
        .up = (read_32(message + layout->ifm_flags) & ROUTE_IFF_UP) != 0,
        .running = is_running(layout, message),
    };
    return found.ifp.at == NULL || parse_datalink(layout, &found.ifp, link);
}

static enum route_news parse_announcement(const struct route_layout *layout, const uint8_t *message,
                                          size_t size, struct kernel_link *link)
{
    if (size < layout->ifan_size || read_16(message + layout->ifan_index) == 0 ||
        memchr(message + layout->ifan_name, '\0', sizeof link->name) == NULL) {
        return ROUTE_NOTHING;
    }
    *link = (struct kernel_link){.ifindex = read_16(message + layout->ifan_index)};
    memcpy(link->name, message + layout->ifan_name, sizeof link->name);
    switch (read_16(message + layout->ifan_what)) {
    case ROUTE_IFAN_ARRIVAL: /* of an old one with a new name, too */
        return ROUTE_STALE;
    case ROUTE_IFAN_DEPARTURE:
        return ROUTE_EVENT;
    default:
        return ROUTE_NOTHING;
    }
}

/* --- addresses ------------------------------------------------------------------------------- */

void route_address_flags(struct kernel_address *address, uint32_t flags)
{
    /* NetBSD: a detached address has lost its link, and is tentative anew when that is back. */
    bool ipv4 = address->family == 4;
    uint32_t tentative = ipv4 ? ROUTE_IN_TENTATIVE | ROUTE_IN_TRYTENTATIVE | ROUTE_IN_DETACHED
                              : ROUTE_IN6_TENTATIVE | ROUTE_IN6_DETACHED;
    uint32_t duplicated = ipv4 ? ROUTE_IN_DUPLICATED : ROUTE_IN6_DUPLICATED;
    address->tentative = (flags & tentative) != 0;
    address->dadfailed = (flags & duplicated) != 0;
    address->deprecated = !ipv4 && (flags & ROUTE_IN6_DEPRECATED) != 0;
    address->secondary = !ipv4 && (flags & ROUTE_IN6_TEMPORARY) != 0;
}

static bool parse_address(const struct route_layout *layout, const uint8_t *message, size_t size,
                          struct kernel_address *address)
{
    struct addresses found;
    if (size < layout->ifam_size || read_16(message + layout->ifam_index) == 0 ||
        !collect(layout, message, size, layout->ifam_size, read_32(message + layout->ifam_addrs),
                 &found)) {
        return false;
    }
    bool ipv4 = is_family(&found.ifa, ROUTE_AF_INET);
    size_t offset = ipv4 ? ROUTE_SIN_ADDR : ROUTE_SIN6_ADDR;
    size_t length = ipv4 ? 4 : 16;
    if ((!ipv4 && !is_family(&found.ifa, layout->inet6)) || found.ifa.size < offset + length) {
        return false;
    }
    int prefix = prefix_length(&found.netmask, offset, length);
    if (prefix < 0) {
        return false;
    }
    *address = (struct kernel_address){
        .ifindex = read_16(message + layout->ifam_index),
        .family = ipv4 ? 4 : 6,
        .prefix = (uint8_t)prefix,
    };
    memcpy(address->bytes, found.ifa.at + offset, length);
    /* KAME's kernels keep the interface's index within a link-local address. */
    if (!ipv4 && address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80) {
        address->bytes[2] = address->bytes[3] = 0;
    }
    if (layout->ifam_addrflags != 0) {
        route_address_flags(address, read_32(message + layout->ifam_addrflags));
    }
    return true;
}

/* --- messages -------------------------------------------------------------------------------- */

enum route_news route_parse(const struct route_layout *layout, const uint8_t *message, size_t size,
                            struct kernel_event *event)
{
    struct kernel_event found;
    memset(&found, 0, sizeof found);
    if (size == 0 || route_message_size(message, size) != size ||
        message[ROUTE_RTM_VERSION] != layout->version || message[ROUTE_RTM_TYPE] == 0) {
        return ROUTE_NOTHING;
    }
    enum route_news news = ROUTE_NOTHING;
    uint8_t type = message[ROUTE_RTM_TYPE];
    if (type == layout->newaddr || type == layout->chgaddr || type == layout->deladdr) {
        found.type = type == layout->deladdr ? KERNEL_ADDRESS_GONE : KERNEL_ADDRESS;
        news = parse_address(layout, message, size, &found.address) ? ROUTE_EVENT : ROUTE_NOTHING;
    } else if (type == layout->ifinfo) {
        found.type = KERNEL_LINK;
        news = parse_link(layout, message, size, &found.link) ? ROUTE_EVENT : ROUTE_NOTHING;
    } else if (type == layout->ifannounce) {
        found.type = KERNEL_LINK_GONE;
        news = parse_announcement(layout, message, size, &found.link);
    } else if (type == layout->desync) {
        news = ROUTE_STALE;
    }
    if (news == ROUTE_EVENT) {
        *event = found;
    }
    return news;
}
