/*
 * The bytes of rtnetlink. Nothing here makes a system call.
 */
#ifndef CARP_IO_LIVE_LINUX_NETLINK_H
#define CARP_IO_LIVE_LINUX_NETLINK_H

#include "io/live/kernel.h"

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
bool netlink_parse(const void *message, size_t size, struct kernel_event *event);

#endif
