#include "io/live/packet.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/live/system.h"

/* The longest frame of interest: a tag, IPv4 with all its options, an advert and some. In immediate
 * mode Linux' ring has a slot of that size and a header for each frame, so that the buffer holds
 * what 255 groups say in 8 s in which we are not run, and a smaller slot is memory saved. */
enum { BUFFER_SIZE = 29 << 14, HEADER_MAX = 128 };

/* A drain takes no fewer frames than the buffer can hold, so that nothing that had arrived is left
 * behind (BPF's descriptor is not readable for what libpcap has read and not handed over), and
 * hardly more, so that a flood cannot hold us in it. So many it takes no fewer of when the buffer
 * was full. */
enum {
    FRAMES_MAX = BUFFER_SIZE / SYSTEM_FRAME_MIN,
    FRAMES_FULL = BUFFER_SIZE / (PACKET_SIZE_MAX + HEADER_MAX),
};

static int start(pcap_t *pcap, char error[PACKET_ERROR_MAX])
{
    char text[PCAP_ERRBUF_SIZE] = "";
    struct bpf_program filter;
    pcap_set_snaplen(pcap, PACKET_SIZE_MAX);
    pcap_set_promisc(pcap, 0);
    pcap_set_immediate_mode(pcap, 1);
    pcap_set_buffer_size(pcap, BUFFER_SIZE);
    int status = pcap_activate(pcap);
    if (status < 0) {
        /* libpcap has a detail, or repeats itself. */
        const char *what = pcap_statustostr(status), *detail = pcap_geterr(pcap);
        bool more = strcmp(what, detail) != 0;
        snprintf(error, PACKET_ERROR_MAX, "cannot receive: %s%s%s%s", what, more ? " (" : "",
                 more ? detail : "", more ? ")" : "");
        return -1;
    }
    if (pcap_datalink(pcap) != DLT_EN10MB) {
        snprintf(error, PACKET_ERROR_MAX, "not an Ethernet interface; CARP needs one");
        return -1;
    }
    int as_is = system_send_as_is(pcap_fileno(pcap));
    if (as_is != 0) {
        snprintf(error, PACKET_ERROR_MAX, "cannot send: %s", strerror(-as_is));
        return -1;
    }
    if (pcap_setnonblock(pcap, 1, text) != 0 || pcap_setdirection(pcap, PCAP_D_IN) != 0 ||
        pcap_compile(pcap, &filter, "ip proto 112 or ip6 proto 112", 1, PCAP_NETMASK_UNKNOWN) !=
            0) {
        snprintf(error, PACKET_ERROR_MAX, "cannot receive: %s%s", text, pcap_geterr(pcap));
        return -1;
    }
    int filtered = pcap_setfilter(pcap, &filter);
    pcap_freecode(&filter);
    if (filtered != 0) {
        snprintf(error, PACKET_ERROR_MAX, "cannot filter: %s", pcap_geterr(pcap));
    }
    return filtered;
}

int packet_open(struct packet *packet, const char *interface, char error[PACKET_ERROR_MAX])
{
    char text[PCAP_ERRBUF_SIZE] = "";
    *packet = (struct packet){.member = {-1, -1}, .ifindex = if_nametoindex(interface)};
    packet->pcap = pcap_create(interface, text);
    if (packet->pcap == NULL) {
        snprintf(error, PACKET_ERROR_MAX, "cannot receive: %s", text);
        return -1;
    }
    packet->member[0] = socket(AF_INET, SOCK_DGRAM | SYSTEM_SOCK_CLOEXEC, 0);
    packet->member[1] =
        socket(AF_INET6, SOCK_DGRAM | SYSTEM_SOCK_CLOEXEC, 0); /* -1: no IPv6 here */
    if (start(packet->pcap, error) != 0) {
        packet_close(packet);
        return -1;
    }
    return 0;
}

int packet_join(struct packet *packet, const uint8_t ipv4_group[4])
{
    struct ipv6_mreq ipv6 = {.ipv6mr_interface = packet->ifindex,
                             .ipv6mr_multiaddr.s6_addr = {0xff, 0x02, [15] = 0x12}};
    int error = system_join_ipv4(packet->member[0], packet->ifindex, ipv4_group);
    if (error == -EADDRINUSE) {
        error = 0;
    }
    if (packet->member[1] >= 0 &&
        setsockopt(packet->member[1], IPPROTO_IPV6, IPV6_JOIN_GROUP, &ipv6, sizeof ipv6) != 0 &&
        errno != EADDRINUSE) {
        error = -errno;
    }
    return error;
}

int packet_fd(const struct packet *packet)
{
    return pcap_get_selectable_fd(packet->pcap);
}

struct receiver {
    packet_callback *callback;
    void *self;
};

static void on_packet(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes)
{
    struct receiver *to = (struct receiver *)user;
    to->callback(to->self, bytes, header->caplen);
}

int packet_drain(struct packet *packet, packet_callback *callback, void *self)
{
    struct receiver to = {callback, self};
    int count = FRAMES_FULL;
    packet->was_full = false;
    for (int i = 0; i < SYSTEM_FRAME_BUFFERS && count >= FRAMES_FULL; i++) {
        count = pcap_dispatch(packet->pcap, FRAMES_MAX, on_packet, (u_char *)&to);
        packet->was_full |= count >= FRAMES_FULL;
    }
    return count < 0 ? -ENETDOWN : 0;
}

uint64_t packet_dropped(const struct packet *packet)
{
    struct pcap_stat counts;
    return pcap_stats(packet->pcap, &counts) == 0 ? counts.ps_drop : 0;
}

int packet_send(struct packet *packet, const uint8_t *frame, size_t size)
{
    errno = 0;
    if (pcap_inject(packet->pcap, frame, size) == (int)size) {
        return 0;
    }
    return errno == 0 ? -EIO : -errno;
}

void packet_close(struct packet *packet)
{
    pcap_close(packet->pcap);
    for (int i = 0; i < 2; i++) {
        if (packet->member[i] >= 0) {
            close(packet->member[i]);
        }
    }
    *packet = (struct packet){.member = {-1, -1}};
}
