/*
 * Goal: what the routing socket of each system says is read right, whatever the bytes.
 *
 * The messages are laid by hand, field by field, after the headers of FreeBSD 14, NetBSD 10,
 * OpenBSD 7 and macOS 14 for 64-bit machines, and after what rtsock.c of each puts into them.
 */
#include "io/live/bsd/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/live/kernel_test.h"
#include "tools/testkit/testkit.h"

/* --- bytes ----------------------------------------------------------------------------------- */

enum { MESSAGE_MAX = 512 };

struct laid {
    uint8_t bytes[MESSAGE_MAX];
    size_t size;
};

/*
 * Words, with a blank behind each: "0a01" are bytes, "=007c" is a number in this machine's order,
 * as a kernel's are, and "z8" are zeros: padding, and what nobody reads here.
 */
static struct laid lay(const char *text)
{
    struct laid laid = {.size = 0};
    while (*text != '\0') {
        char word[2 * MESSAGE_MAX + 1];
        size_t length = strcspn(text, " ");
        memcpy(word, text, length);
        word[length] = '\0';
        text += length + strspn(text + length, " ");
        uint8_t *at = laid.bytes + laid.size;
        size_t room = sizeof laid.bytes - laid.size;
        if (word[0] == 'z') {
            size_t zeros = strtoul(word + 1, NULL, 10);
            laid.size += zeros < room ? zeros : room;
            continue;
        }
        size_t size = tk_unhex(word + (word[0] == '='), at, room);
        const uint16_t one = 1;
        bool little = *(const uint8_t *)&one == 1;
        for (size_t i = 0; word[0] == '=' && little && i < size / 2; i++) {
            uint8_t first = at[i];
            at[i] = at[size - 1 - i];
            at[size - 1 - i] = first;
        }
        laid.size += size;
    }
    return laid;
}

static const char *parsed(const struct route_layout *layout, const struct laid *m)
{
    struct kernel_event event;
    switch (route_parse(layout, m->bytes, m->size, &event)) {
    case ROUTE_NOTHING:
        return "nothing";
    case ROUTE_STALE:
        return "stale";
    case ROUTE_EVENT:
        return kernel_event_text(&event);
    }
    return "no such news";
}

/* --- messages -------------------------------------------------------------------------------- */

/* 10.0.0.1 and 10.0.0.255 as struct sockaddr_in: sin_len, sin_family, sin_port; sin_addr; sin_zero.
 */
#define SIN_1   "10020000 0a000001 z8 "
#define SIN_255 "10020000 0a0000ff z8 "

/* What is left of 255.255.255.0 without its zeros and its family; padded to eight bytes. */
#define MASK_24 "07000000 ffffff 00 "

/* struct sockaddr_in6: sin6_len, sin6_family; sin6_port; sin6_flowinfo; sin6_addr; sin6_scope_id.
 */
#define SIN6(family, address) "1c" family "0000 z4 " address " z4 "
#define MASK_64(family)       SIN6(family, "ffffffffffffffff0000000000000000")

/* fe80::200:5eff:fe10:2030 with the interface's index, 2, within. */
#define LINK_LOCAL "fe8000020000000002005efffe102030"

/* struct sockaddr_dl: sdl_len, sdl_family, sdl_index; sdl_type, sdl_nlen, sdl_alen, sdl_slen;
 * sdl_data: "em0" and 02:00:5e:10:20:30. 17 bytes, and what is left of sdl_len behind them. */
#define SDL_EM0(length, type) length "12 =0001 " type "030600 656d30 02005e102030 "

static const struct row {
    const char *why;
    const struct route_layout *layout;
    const char *text, *want;
} rows[] = {
    /* struct ifa_msghdr: ifam_msglen, ifam_version, ifam_type; ifam_addrs; ifam_flags; ifam_index,
     * _ifam_spare1; ifam_metric. */
    {"FreeBSD: an address, with a whole mask", &route_freebsd,
     "=007c 05 0c =000000b4 =00000000 =0001 z2 =00000000 " /* NETMASK, IFP, IFA, BRD */
     "10020000 ffffff00 z8 "                               /* NETMASK */
     SDL_EM0("36", "06") "z39 "                            /* IFP: 54 bytes, two of padding */
     SIN_1 SIN_255,                                        /* IFA, BRD */
     "address 1 ipv4 0a00..0001..00/24"},
    {"FreeBSD: an address is gone, told with a mask cut short", &route_freebsd,
     "=003c 05 0d =000000a4 =00000000 =0001 z2 =00000000 " /* NETMASK, IFA, BRD */
     MASK_24 SIN_1 SIN_255,
     "address-gone 1 ipv4 0a00..0001..00/24"},
    {"FreeBSD: a link-local address as sysctl() tells it", &route_freebsd,
     "=0054 05 0c =00000024 =00000000 =0002 z2 =00000000 " /* NETMASK, IFA */
     MASK_64("1c") "z4 "                                   /* 28 bytes, four of padding */
     SIN6("1c", LINK_LOCAL) "z4 ",
     "address 2 ipv6 fe80..0000..30/64"},
    {"FreeBSD: the last socket address is not padded", &route_freebsd,
     "=0050 05 0c =00000024 =00000000 =0002 z2 =00000000 " /* as above */
     MASK_64("1c") "z4 " SIN6("1c", LINK_LOCAL),
     "address 2 ipv6 fe80..0000..30/64"},
    {"FreeBSD on 32 bits: 28 is a multiple of four", &route_freebsd_32,
     "=004c 05 0c =00000024 =00000000 =0002 z2 =00000000 " /* as above */
     MASK_64("1c") SIN6("1c", LINK_LOCAL),
     "address 2 ipv6 fe80..0000..30/64"},
    {"FreeBSD: other addresses keep their second word", &route_freebsd,
     "=0054 05 0c =00000024 =00000000 =0002 z2 =00000000 " /* as above */
     MASK_64("1c") "z4 " SIN6("1c", "20010db8000000000000000000000001") "z4 ",
     "address 2 ipv6 2001..0db8..01/64"},
    {"FreeBSD: a mask of no length is one of zeros", &route_freebsd,
     "=002c 05 0c =00000024 =00000000 =0001 z2 =00000000 " /* NETMASK, IFA */
     "z8 " SIN_1,
     "address 1 ipv4 0a00..0001..00/0"},
    {"FreeBSD: no mask", &route_freebsd,
     "=0024 05 0c =00000020 =00000000 =0001 z2 =00000000 " /* IFA */
     SIN_1,
     "address 1 ipv4 0a00..0001..00/32"},
    /* struct if_msghdr: ifm_msglen, ifm_version, ifm_type; ifm_addrs; ifm_flags; ifm_index,
     * _ifm_spare1. struct if_data: ifi_type, ifi_physical, ifi_addrlen, ifi_hdrlen; ifi_link_state,
     * ifi_vhid, ifi_datalen; statistics. */
    {"FreeBSD: a link with a cable, as the socket tells it", &route_freebsd,
     "=00a8 05 0e =00000000 =00008843 =0001 z2 0600060e 0200 =0098 z144 ",
     "link 1  no-ethernet up running"},
    {"FreeBSD: a link without one", &route_freebsd,
     "=00a8 05 0e =00000000 =00008843 =0001 z2 0600060e 0100 =0098 z144 ",
     "link 1  no-ethernet up"},
    {"FreeBSD: a link that cannot tell", &route_freebsd,
     "=00a8 05 0e =00000000 =00008843 =0001 z2 0600060e 0000 =0098 z144 ",
     "link 1  no-ethernet up running"},
    {"FreeBSD: a link that its driver stopped", &route_freebsd,
     "=00a8 05 0e =00000000 =00008803 =0001 z2 0600060e 0200 =0098 z144 ",
     "link 1  no-ethernet up"},
    {"FreeBSD: a link that the operator stopped", &route_freebsd,
     "=00a8 05 0e =00000000 =00008842 =0001 z2 0600060e 0200 =0098 z144 ",
     "link 1  no-ethernet running"},
    {"FreeBSD: a link as sysctl() tells it", &route_freebsd,
     "=00e0 05 0e =00000010 =00008843 =0001 z2 0600060e 0200 =0098 z144 " /* IFP */
     SDL_EM0("36", "06") "z39 ",
     "link 1 em0 02:00:5e:10:20:30 up running"},
    {"FreeBSD: no Ethernet", &route_freebsd,
     "=00e0 05 0e =00000010 =00008049 =0002 z2 18000000 0200 =0098 z144 "
     "3612 =0002 18030000 6c6f30 z45 ", /* "lo0" */
     "link 2 lo0 no-ethernet up running"},
    /* struct if_announcemsghdr: ifan_msglen, ifan_version, ifan_type; ifan_index; ifan_name;
     * ifan_what. */
    {"FreeBSD: an interface is gone", &route_freebsd, "=0018 05 11 =0003 656d31 z13 =0001 ",
     "link-gone 3 em1 no-ethernet"},
    {"FreeBSD: an interface, or an interface's name, is new", &route_freebsd,
     "=0018 05 11 =0003 656d31 z13 =0000 ", "stale"},
    {"FreeBSD: neither", &route_freebsd, "=0018 05 11 =0003 656d31 z13 =0002 ", "nothing"},

    /* struct ifa_msghdr: ifam_msglen, ifam_version, ifam_type; ifam_index, padding; ifam_flags;
     * ifam_addrs; ifam_pid; ifam_addrflags; ifam_metric, padding. */
    {"NetBSD: an address while duplicates are looked for", &route_netbsd,
     "=0060 04 16 =0001 z2 =00000000 =000000b4 z4 =00000001 z8 " /* IN_IFF_TENTATIVE */
     MASK_24 SDL_EM0("11", "06") "z7 " SIN_1 SIN_255,
     "address 1 ipv4 0a00..0001..00/24 tentative"},
    {"NetBSD: an address before duplicates are looked for", &route_netbsd,
     "=0038 04 16 =0001 z2 =00000000 =00000024 z4 =00000008 z8 " /* IN_IFF_TRYTENTATIVE */
     MASK_24 SIN_1,
     "address 1 ipv4 0a00..0001..00/24 tentative"},
    {"NetBSD: an address without its link", &route_netbsd,
     "=0038 04 16 =0001 z2 =00000000 =00000024 z4 =00000004 z8 " /* IN_IFF_DETACHED */
     MASK_24 SIN_1,
     "address 1 ipv4 0a00..0001..00/24 tentative"},
    {"NetBSD: an address of which there is a duplicate", &route_netbsd,
     "=0038 04 16 =0001 z2 =00000000 =00000024 z4 =00000002 z8 " /* IN_IFF_DUPLICATED */
     MASK_24 SIN_1,
     "address 1 ipv4 0a00..0001..00/24 dadfailed"},
    {"NetBSD: an IPv6 address that changed", &route_netbsd,
     "=0060 04 18 =0001 z2 =00000000 =00000024 z4 =00000010 z8 " /* IN6_IFF_DEPRECATED */
     MASK_64("18") "z4 " SIN6("18", "20010db8000000000000000000000001") "z4 ",
     "address 1 ipv6 2001..0db8..01/64 deprecated"},
    {"NetBSD: a temporary IPv6 address", &route_netbsd,
     "=0060 04 16 =0001 z2 =00000000 =00000024 z4 =00000080 z8 " /* IN6_IFF_TEMPORARY */
     MASK_64("18") "z4 " SIN6("18", "20010db8000000000000000000000001") "z4 ",
     "address 1 ipv6 2001..0db8..01/64 secondary"},
    {"NetBSD: a link-local address while duplicates are looked for", &route_netbsd,
     "=0060 04 16 =0002 z2 =00000000 =00000024 z4 =00000002 z8 " /* IN6_IFF_TENTATIVE */
     MASK_64("18") "z4 " SIN6("18", LINK_LOCAL) "z4 ",
     "address 2 ipv6 fe80..0000..30/64 tentative"},
    {"NetBSD: a link-local address without its link", &route_netbsd,
     "=0060 04 16 =0002 z2 =00000000 =00000024 z4 =00000008 z8 " /* IN6_IFF_DETACHED */
     MASK_64("18") "z4 " SIN6("18", LINK_LOCAL) "z4 ",
     "address 2 ipv6 fe80..0000..30/64 tentative"},
    {"NetBSD: an IPv6 address is gone", &route_netbsd,
     "=0060 04 17 =0001 z2 =00000000 =00000024 z4 =00000004 z8 " /* IN6_IFF_DUPLICATED */
     MASK_64("18") "z4 " SIN6("18", "20010db8000000000000000000000001") "z4 ",
     "address-gone 1 ipv6 2001..0db8..01/64 dadfailed"},
    {"NetBSD: the message of an older NetBSD that comes besides", &route_netbsd,
     "=0030 04 0c =00000024 =00000000 =0001 z2 =00000000 z4 " MASK_24 SIN_1, "nothing"},
    /* struct if_msghdr as FreeBSD's. struct if_data: ifi_type, ifi_addrlen, ifi_hdrlen, padding;
     * ifi_link_state; statistics. */
    {"NetBSD: a link with a cable", &route_netbsd,
     "=0098 04 14 =00000000 =00008843 =0001 z2 06060e00 =00000002 z128 ",
     "link 1  no-ethernet up running"},
    {"NetBSD: a link without one", &route_netbsd,
     "=0098 04 14 =00000000 =00008843 =0001 z2 06060e00 =00000001 z128 ", "link 1  no-ethernet up"},
    {"NetBSD: a link as sysctl() tells it", &route_netbsd,
     "=00b0 04 14 =00000010 =00008843 =0001 z2 06060e00 =00000000 z128 " SDL_EM0("11", "06") "z7 ",
     "link 1 em0 02:00:5e:10:20:30 up running"},
    {"NetBSD: an interface is gone", &route_netbsd, "=0018 04 10 =0003 656d31 z13 =0001 ",
     "link-gone 3 em1 no-ethernet"},

    /* struct ifa_msghdr: ifam_msglen, ifam_version, ifam_type; ifam_hdrlen, ifam_index;
     * ifam_tableid, padding; ifam_addrs; ifam_flags; ifam_metric. */
    {"OpenBSD: an address", &route_openbsd,
     "=0060 05 0c =0018 =0001 z4 =000000b4 =00000000 =00000000 " MASK_24 /* NETMASK, IFP, IFA, BRD
                                                                          */
         SDL_EM0("20", "06") "z15 " SIN_1 SIN_255,
     "address 1 ipv4 0a00..0001..00/24"},
    {"OpenBSD on 32 bits: an IPv6 address", &route_openbsd_32,
     "=0050 05 0c =0018 =0001 z4 =00000024 =00000000 =00000000 " MASK_64("18")
         SIN6("18", LINK_LOCAL),
     "address 1 ipv6 fe80..0000..30/64"},
    {"OpenBSD: an address that changed, behind a header as long as a route's", &route_openbsd,
     "=00a0 05 14 =0060 =0001 z4 =00000024 =00000000 =00000000 z72 " MASK_64("18") "z4 " SIN6(
         "18", LINK_LOCAL) "z4 ",
     "address 1 ipv6 fe80..0000..30/64"},
    {"OpenBSD: an address is gone", &route_openbsd,
     "=0030 05 0d =0018 =0001 z4 =00000024 =00000000 =00000000 " MASK_24 SIN_1,
     "address-gone 1 ipv4 0a00..0001..00/24"},
    /* struct if_msghdr: ifm_msglen, ifm_version, ifm_type; ifm_hdrlen, ifm_index; ifm_tableid,
     * padding; ifm_addrs; ifm_flags; ifm_xflags. struct if_data: ifi_type, ifi_addrlen, ifi_hdrlen,
     * ifi_link_state; statistics. */
    {"OpenBSD: a link with a cable", &route_openbsd,
     "=00c8 05 0e =00a8 =0001 z4 =00000010 =00008843 =00000000 06060e06 z140 " /* full duplex */
     SDL_EM0("20", "06") "z15 ",
     "link 1 em0 02:00:5e:10:20:30 up running"},
    {"OpenBSD: a link with one, of which no more is known", &route_openbsd,
     "=00a8 05 0e =00a8 =0001 z4 =00000000 =00008843 =00000000 06060e04 z140 ",
     "link 1  no-ethernet up running"},
    {"OpenBSD: a link that does not answer", &route_openbsd,
     "=00a8 05 0e =00a8 =0001 z4 =00000000 =00008843 =00000000 06060e03 z140 ",
     "link 1  no-ethernet up"},
    {"OpenBSD: a link that cannot tell", &route_openbsd,
     "=00a8 05 0e =00a8 =0001 z4 =00000000 =00008843 =00000000 06060e00 z140 ",
     "link 1  no-ethernet up running"},
    /* struct if_announcemsghdr: ifan_msglen, ifan_version, ifan_type; ifan_hdrlen, ifan_index;
     * ifan_what; ifan_name. */
    {"OpenBSD: an interface is gone", &route_openbsd, "=001a 05 0f =001a =0003 =0001 656d31 z13 ",
     "link-gone 3 em1 no-ethernet"},
    {"OpenBSD: an interface is new", &route_openbsd, "=001a 05 0f =001a =0003 =0000 656d31 z13 ",
     "stale"},
    {"OpenBSD: messages were lost", &route_openbsd, "=0060 05 10 =0060 z90 ", "stale"},

    /* The headers are FreeBSD's without the names of their padding. */
    {"macOS: an address", &route_macos,
     "=0050 05 0c =000000b4 =00000000 =0001 z2 =00000000 " MASK_24 /* NETMASK, IFP, IFA, BRD */
         SDL_EM0("14", "06") "z3 " SIN_1 SIN_255,
     "address 1 ipv4 0a00..0001..00/24"},
    {"macOS: a link-local address, with a mask cut short", &route_macos,
     "=0040 05 0c =00000024 =00000000 =0002 z2 =00000000 "
     "101e0000 z4 ffffffffffffffff " SIN6("1e", LINK_LOCAL),
     "address 2 ipv6 fe80..0000..30/64"},
    {"macOS: an address is gone, told with a mask of no length", &route_macos,
     "=0028 05 0d =00000024 =00000000 =0001 z2 =00000000 z4 " SIN_1,
     "address-gone 1 ipv4 0a00..0001..00/0"},
    {"macOS: a link", &route_macos, "=0070 05 0e =00000000 =00008863 =0004 z2 z96 ",
     "link 4  no-ethernet up running"},
    {"macOS: a link as sysctl() tells it", &route_macos,
     "=0084 05 0e =00000010 =00008863 =0001 z2 z96 " SDL_EM0("14", "06") "z3 ",
     "link 1 em0 02:00:5e:10:20:30 up running"},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

TEST_CASE(route, reads_what_each_system_says)
{
    for (size_t i = 0; i < ROWS; i++) {
        tk_row(rows[i].why);
        struct laid m = lay(rows[i].text);
        EXPECT_U64(m.size, route_message_size(m.bytes, m.size));
        EXPECT_STR(rows[i].want, parsed(rows[i].layout, &m));
    }
}

/* What lies on top of Ethernet has frames of its kind, too. */
TEST_CASE(route, knows_which_links_are_ethernet)
{
    static const struct {
        const char *why, *type;
        bool freebsd, macos;
    } types[] = {
        {"Ethernet", "06", true, true},
        {"a VLAN", "87", true, true},
        {"a bridge", "d1", true, true},
        {"an aggregate", "a1", true, false},
        {"an aggregate, macOS", "88", false, true},
        {"FireWire", "90", false, false},
    };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char text[256];
        tk_row(types[i].why);
        for (int macos = 0; macos < 2; macos++) {
            snprintf(text, sizeof text, "%s 3612 =0001 %s030600 656d30 02005e102030 z39 ",
                     macos ? "=00a8 05 0e =00000010 =00008863 =0001 z2 z96"
                           : "=00e0 05 0e =00000010 =00008863 =0001 z2 z152",
                     types[i].type);
            struct laid m = lay(text);
            EXPECT_STR((macos ? types[i].macos : types[i].freebsd)
                           ? "link 1 em0 02:00:5e:10:20:30 up running"
                           : "link 1 em0 no-ethernet up running",
                       parsed(macos ? &route_macos : &route_freebsd, &m));
        }
    }
}

/* --- refusals -------------------------------------------------------------------------------- */

/* FreeBSD's messages as above, with one thing wrong each. */
#define ADDRESS(size, type, addrs, index, mask, address)                                           \
    size " " type " " addrs " z4 " index " z6 " mask " " address
#define MASK "10020000 ffffff00 z8"
#define LINK(index, sdl)                                                                           \
    "=00e0 05 0e =00000010 =00008843 " index " z2 0600060e 0200 =0098 z144 " sdl

static const struct {
    const char *why, *text, *want;
} near[] = {
    {"an address", ADDRESS("=0034", "05 0c", "=00000024", "=0001", MASK, SIN_1),
     "address 1 ipv4 0a00..0001..00/24"},
    {"another version", ADDRESS("=0034", "04 0c", "=00000024", "=0001", MASK, SIN_1), "nothing"},
    {"a multicast address", ADDRESS("=0034", "05 0f", "=00000024", "=0001", MASK, SIN_1),
     "nothing"},
    {"no type, which there is no message of",
     ADDRESS("=0034", "05 00", "=00000024", "=0001", MASK, SIN_1), "nothing"},
    {"more than its bytes", ADDRESS("=0035", "05 0c", "=00000024", "=0001", MASK, SIN_1),
     "nothing"},
    {"less than its bytes", ADDRESS("=0033", "05 0c", "=00000024", "=0001", MASK, SIN_1),
     "nothing"},
    {"no interface", ADDRESS("=0034", "05 0c", "=00000024", "=0000", MASK, SIN_1), "nothing"},
    {"no address", ADDRESS("=0034", "05 0c", "=00000004", "=0001", MASK, SIN_1), "nothing"},
    {"more addresses than there are", ADDRESS("=0034", "05 0c", "=00000034", "=0001", MASK, SIN_1),
     "nothing"},
    {"another family",
     ADDRESS("=0034", "05 0c", "=00000024", "=0001", MASK, "101e0000 0a000001 z8"), "nothing"},
    {"another family, with room for an IPv6 address",
     ADDRESS("=0054", "05 0c", "=00000024", "=0002", MASK_64("1c") "z4",
             SIN6("1e", LINK_LOCAL) "z4"),
     "nothing"},
    {"an IPv4 address that begins as link-local ones of IPv6 do",
     ADDRESS("=0034", "05 0c", "=00000024", "=0001", MASK, "10020000 fe800203 z8"),
     "address 1 ipv4 fe80..0203..00/24"},
    {"an address cut short",
     ADDRESS("=0034", "05 0c", "=00000024", "=0001", MASK, "07020000 0a000001 z8"), "nothing"},
    {"an address longer than the message",
     ADDRESS("=0034", "05 0c", "=00000024", "=0001", MASK, "11020000 0a000001 z8"), "nothing"},
    {"an address without its family", ADDRESS("=0025", "05 0c", "=00000024", "=0001", MASK, "01"),
     "nothing"},
    {"a mask longer than the message",
     ADDRESS("=0034", "05 0c", "=00000024", "=0001", "21020000 ffffff00 z8", SIN_1), "nothing"},
    {"a mask with a gap within a byte",
     ADDRESS("=0034", "05 0c", "=00000024", "=0001", "10020000 fffdff00 z8", SIN_1), "nothing"},
    {"a mask with a gap between bytes",
     ADDRESS("=0034", "05 0c", "=00000024", "=0001", "10020000 ff00ff00 z8", SIN_1), "nothing"},
    {"an odd mask", ADDRESS("=0034", "05 0c", "=00000024", "=0001", "10020000 fffffe00 z8", SIN_1),
     "address 1 ipv4 0a00..0001..00/23"},
    {"a mask that ends before its first bit",
     ADDRESS("=002c", "05 0c", "=00000024", "=0001", "04020000 z4", SIN_1),
     "address 1 ipv4 0a00..0001..00/0"},
    {"a mask of ones, and more behind it",
     ADDRESS("=0034", "05 0c", "=00000024", "=0001", "10020000 ffffffff ff z7", SIN_1),
     "address 1 ipv4 0a00..0001..00/32"},

    {"a link", LINK("=0001", SDL_EM0("36", "06") "z39"), "link 1 em0 02:00:5e:10:20:30 up running"},
    {"no index", LINK("=0000", SDL_EM0("36", "06") "z39"), "nothing"},
    {"no name", LINK("=0001", "3612 =0001 06000600 02005e102030 z42"),
     "link 1  02:00:5e:10:20:30 up running"},
    {"the longest name",
     LINK("=0001", "3612 =0001 060f0600 616161616161616161616161616161 02005e102030 z27"),
     "link 1 aaaaaaaaaaaaaaa 02:00:5e:10:20:30 up running"},
    {"a longer one",
     LINK("=0001", "3612 =0001 06100600 61616161616161616161616161616161 02005e102030 z26"),
     "nothing"},
    {"a name with a zero", LINK("=0001", "3612 =0001 06030600 656d00 02005e102030 z39"), "nothing"},
    {"a longer hardware address", LINK("=0001", "3612 =0001 06030800 656d30 02005e1020304050 z37"),
     "link 1 em0 no-ethernet up running"},
    {"name and hardware address longer than both have room",
     LINK("=0001", "1012 =0001 06030600 656d30 02005e102030 z39"), "nothing"},
    {"another family", LINK("=0001", "3602 =0001 06030600 656d30 02005e102030 z39"), "nothing"},
    {"no room for their lengths", LINK("=0001", "0712 =0001 06000000 z48"), "nothing"},
    {"a shorter header", "=00a7 05 0e =00000000 =00008843 =0001 z2 0600060e 0200 =0098 z143 ",
     "nothing"},

    {"an announcement of no interface", "=0018 05 11 =0000 656d31 z13 =0001 ", "nothing"},
    {"an announcement, cut short", "=0017 05 11 =0003 656d31 z13 01 ", "nothing"},
    {"a name that does not end", "=0018 05 11 =0003 61616161616161616161616161616161 =0001 ",
     "nothing"},
};

TEST_CASE(route, refuses_what_is_no_link_or_address)
{
    for (size_t i = 0; i < sizeof near / sizeof near[0]; i++) {
        tk_row(near[i].why);
        struct laid m = lay(near[i].text);
        EXPECT_STR(near[i].want, parsed(&route_freebsd, &m));
    }
}

/* OpenBSD's headers tell where they end. */
TEST_CASE(route, refuses_a_header_that_ends_within_itself_or_behind_its_message)
{
    static const struct {
        const char *text, *want;
    } headers[] = {
        {"=0038 05 0c =0020 =0001 z4 =00000024 z8 z8 " MASK_24 SIN_1,
         "address 1 ipv4 0a00..0001..00/24"},
        {"=0030 05 0c =0017 =0001 z4 =00000024 z8 " MASK_24 SIN_1, "nothing"},
        {"=0030 05 0c =0030 =0001 z4 =00000024 z8 " MASK_24 SIN_1, "nothing"},
        {"=0030 05 0c =ffff =0001 z4 =00000024 z8 " MASK_24 SIN_1, "nothing"},
        {"=00a8 05 0e =001b =0001 z4 =00000000 =00008843 =00000000 06060e04 z140 ", "nothing"},
    };
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        tk_row(headers[i].text);
        struct laid m = lay(headers[i].text);
        EXPECT_STR(headers[i].want, parsed(&route_openbsd, &m));
    }
}

/* --- several messages, any bytes ------------------------------------------------------------- */

TEST_CASE(route, finds_one_message_behind_another)
{
    struct laid m = lay("=0006 0500 0102 =0004 0500 =0007 0500 0102 ");
    EXPECT_U64(6, route_message_size(m.bytes, m.size));
    EXPECT_U64(4, route_message_size(m.bytes + 6, m.size - 6));
    EXPECT_U64(0, route_message_size(m.bytes + 10, m.size - 10)); /* it lacks a byte */
    EXPECT_U64(0, route_message_size(m.bytes + m.size, 0));
    EXPECT_U64(0, route_message_size(m.bytes, 3));
    struct laid endless = lay("=0003 0500 =0000 0500 ");
    EXPECT_U64(0, route_message_size(endless.bytes, endless.size));
    EXPECT_U64(0, route_message_size(endless.bytes + 4, endless.size - 4));
}

static void check_bounds(const struct route_layout *layout, const uint8_t *bytes, size_t size)
{
    struct kernel_event event;
    if (route_parse(layout, bytes, size, &event) != ROUTE_EVENT) {
        return;
    }
    if (event.type == KERNEL_ADDRESS || event.type == KERNEL_ADDRESS_GONE) {
        EXPECT_TRUE(event.address.prefix <= (event.address.family == 4 ? 32 : 128));
        EXPECT_TRUE(event.address.ifindex != 0);
    } else {
        EXPECT_TRUE(memchr(event.link.name, '\0', sizeof event.link.name) != NULL);
        EXPECT_TRUE(event.link.ifindex != 0);
    }
}

/* Hostile bytes: every truncation, with the length it should have and with its own, and every
 * single changed byte of every message ends in an event within bounds or a refusal; run under ASan
 * and Valgrind this also shows that nothing past the end is read, since the copy is exactly as long
 * as the message. */
TEST_CASE(route, survives_any_bytes)
{
    static const uint8_t values[] = {0, 1, 4, 0x7f, 0x80, 0xff};
    for (size_t i = 0; i < ROWS; i++) {
        tk_row(rows[i].why);
        struct laid m = lay(rows[i].text);
        for (size_t size = 0; size < m.size; size++) {
            uint8_t *copy = (uint8_t *)malloc(size + 1);
            struct kernel_event event;
            ASSERT_TRUE(copy != NULL);
            uint8_t *at = copy + 1; /* not aligned either */
            memcpy(at, m.bytes, size);
            EXPECT_INT(ROUTE_NOTHING, route_parse(rows[i].layout, at, size, &event));
            EXPECT_INT(ROUTE_NOTHING, route_parse(rows[i].layout, m.bytes, size, &event));
            uint16_t told = (uint16_t)size;
            memcpy(at, &told, size < sizeof told ? size : sizeof told);
            check_bounds(rows[i].layout, at, size);
            free(copy);
        }
        uint8_t *copy = (uint8_t *)malloc(m.size);
        ASSERT_TRUE(copy != NULL);
        memcpy(copy, m.bytes, m.size);
        for (size_t at = 0; at < m.size; at++) {
            for (size_t v = 0; v < sizeof values; v++) {
                copy[at] = values[v];
                check_bounds(rows[i].layout, copy, m.size);
            }
            copy[at] = m.bytes[at];
        }
        free(copy);
    }
}
