#include "io/live/kernel_test.h"

#include <stdio.h>

static const char *mac_text(const uint8_t mac[6])
{
    static char text[18];
    snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
             mac[4], mac[5]);
    return text;
}

const char *kernel_event_text(const struct kernel_event *event)
{
    static const char *const words[] = {"link",         "link-gone", "address",
                                        "address-gone", "forget",    "synced"};
    static char text[256];
    const struct kernel_link *l = &event->link;
    const struct kernel_address *a = &event->address;
    switch (event->type) {
    case KERNEL_LINK:
    case KERNEL_LINK_GONE:
        snprintf(text, sizeof text, "%s %u %s %s%s%s", words[event->type], l->ifindex, l->name,
                 l->ethernet ? mac_text(l->mac) : "no-ethernet", l->up ? " up" : "",
                 l->running ? " running" : "");
        break;
    case KERNEL_ADDRESS:
    case KERNEL_ADDRESS_GONE:
        snprintf(text, sizeof text, "%s %u ipv%d %02x%02x..%02x%02x..%02x/%d%s%s%s%s%s",
                 words[event->type], a->ifindex, a->family, a->bytes[0], a->bytes[1], a->bytes[2],
                 a->bytes[3], a->bytes[15], a->prefix, a->tentative ? " tentative" : "",
                 a->dadfailed ? " dadfailed" : "", a->secondary ? " secondary" : "",
                 a->deprecated ? " deprecated" : "", a->permanent ? " permanent" : "");
        break;
    case KERNEL_FORGET:
    case KERNEL_SYNCED:
        snprintf(text, sizeof text, "%s", words[event->type]);
        break;
    }
    return text;
}
