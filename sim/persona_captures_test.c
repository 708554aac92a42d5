/*
 * The genuine captures once more, with a persona in the place of one of their nodes: it is started
 * as that node was, hears what the others sent when they sent it, is told what the laboratory did,
 * and must send the same adverts and announcements at the same times.
 *
 * What can be equal is equal to the byte: from the first advert a node has heard on its counters
 * follow, and with them the digests. Before, they are random. UCARP's IP identification is random.
 * Where a node's ticks or capture buffer lay is taken from one of its own frames.
 *
 * Times are off by what is not modelled: FreeBSD's clock under F-Stack drifts by 2 ms within a file
 * and looks at its port every 2 ms, a script takes a different time each time, and poll() does not
 * oversleep equally long. The tolerance of a row is in ms.
 */
#include <arpa/inet.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "sim/persona_lab.h"
#include "tools/testkit/testkit.h"

enum { FRAMES_MAX = 128 };
static const double origin_s = 100;

/* --- the rows --------------------------------------------------------------------------------- */

enum what { END, LIFE, KILL, STOP, LINK_UP, LINK_DOWN, DEMOTE };

struct event {
    double at_s;
    enum what what; /* LIFE: a new machine or program; value 1: with preempt, -n */
    int value;
};

struct replay {
    const char *file, *key, *addresses[5];
    enum persona_kind kind;
    uint8_t vhid, advbase, advskew;
    bool preempt;
    const char *host, *mac; /* the node's */
    double start_s;
    struct event events[6];
    double phase_s; /* a tick; or when UCARP's buffer is handed over */
    double tolerance_ms;
    double late_ms;   /* what it hears, it hears so much later */
    double script_ms; /* each of UCARP's scripts */
    double cut_s[2];  /* not connected: what it sent then is not in the file */
    uint64_t heard;   /* at its start it heard an advert with this counter */
    unsigned siblings;
    bool neighbour_adverts;
};

#define A_MAC "ee118c2b7075"
#define B_MAC "3ab348578280"

/* Starts: a master-down time before the node's first advert, and within a tick. */
static const struct replay replays[] = {
    {"netbsd-7.99.34-v4-one",
     "secret",
     {"192.0.2.7"},
     PERSONA_NETBSD,
     7,
     1,
     0,
     false,
     "192.0.2.11",
     "b20a740b0e00",
     .start_s = 0.005,
     .phase_s = 3.0097,
     .tolerance_ms = 0.5},
    {"netbsd-7.99.34-v4-three",
     "secret",
     {"192.0.2.200", "198.51.100.3", "192.0.2.7"},
     PERSONA_NETBSD,
     7,
     1,
     0,
     false,
     "192.0.2.11",
     "b20ae10b0e00",
     .start_s = 0.005,
     .phase_s = 3.0097,
     .tolerance_ms = 0.5},
    {"netbsd-7.99.34-v4-nokey",
     "",
     {"192.0.2.7"},
     PERSONA_NETBSD,
     7,
     1,
     0,
     false,
     "192.0.2.11",
     "b20aac0b0e00",
     .start_s = -0.345,
     .phase_s = 2.65995,
     .tolerance_ms = 0.5},
    {"netbsd-7.99.34-v4-advbase0",
     "secret",
     {"192.0.2.7"},
     PERSONA_NETBSD,
     7,
     0,
     128,
     false,
     "192.0.2.11",
     "b20ac10b0e00",
     .start_s = 0.005,
     .phase_s = 0.50983,
     .tolerance_ms = 0.5},
    {"netbsd-7.99.34-v4-failover-bowout",
     "secret",
     {"192.0.2.7", "192.0.2.8"},
     PERSONA_NETBSD,
     7,
     1,
     0,
     false,
     "192.0.2.11",
     "b20a530b0e00",
     .start_s = 0.004,
     .events = {{8.00055, STOP, 0}, {13, LINK_UP, 0}},
     .phase_s = 3.00907,
     .tolerance_ms = 0.5},
    {"netbsd-7.99.34-v4-failover-bowout",
     "secret",
     {"192.0.2.7", "192.0.2.8"},
     PERSONA_NETBSD,
     7,
     1,
     100,
     false,
     "192.0.2.12",
     "b20a230b0e01",
     .start_s = 0.004,
     .events = {{17.00277, STOP, 0}},
     .phase_s = 9.4019,
     .tolerance_ms = 0.5},
    {"netbsd-7.99.34-v4-badkey",
     "secret",
     {"192.0.2.7"},
     PERSONA_NETBSD,
     7,
     1,
     0,
     false,
     "192.0.2.11",
     "b20a9a0b0e00",
     .start_s = 0.005,
     .phase_s = 3.00975,
     .tolerance_ms = 0.5},
    {"netbsd-7.99.34-v4-badkey",
     "Secret",
     {"192.0.2.7"},
     PERSONA_NETBSD,
     7,
     1,
     100,
     false,
     "192.0.2.12",
     "b20ad10b0e01",
     .start_s = 0.005,
     .phase_s = 3.4097,
     .tolerance_ms = 0.5},
    {"netbsd-7.99.34-v4-suppress",
     "secret",
     {"10.77.1.1"},
     PERSONA_NETBSD,
     1,
     1,
     0,
     false,
     "192.0.2.11",
     "b20ab40b0e00",
     .start_s = -3.005,
     .events = {{2.9923, DEMOTE, 1},
                {12.99, DEMOTE, 0},
                {15.99, LINK_DOWN, 0},
                {17.9925, LINK_UP, 0},
                {23.9923, STOP, 0}},
     .phase_s = 0.9998,
     .tolerance_ms = 0.5},
    {"netbsd-7.99.34-v4-suppress",
     "secret",
     {"10.77.1.3"},
     PERSONA_NETBSD,
     3,
     1,
     250,
     false,
     "192.0.2.11",
     "b20ab40b0e00",
     .start_s = -3.005,
     .events =
         {{2.9923, DEMOTE, 1}, {12.99, DEMOTE, 0}, {15.99, LINK_DOWN, 0}, {17.9925, LINK_UP, 0}},
     .phase_s = 0.9998,
     .tolerance_ms = 0.5},
    {"netbsd-7.99.34-v4-two-carp-counter",
     "secret",
     {"10.77.1.1"},
     PERSONA_NETBSD,
     1,
     1,
     100,
     true,
     "192.0.2.11",
     "b20a3d0b0e00",
     .start_s = -0.5,
     .phase_s = 4.60717,
     .tolerance_ms = 0.6,
     .siblings = 2},
    {"netbsd-freebsd-v4-failover",
     "secret",
     {"192.0.2.7", "192.0.2.8"},
     PERSONA_NETBSD,
     7,
     1,
     0,
     false,
     "192.0.2.11",
     "b20a690b0e00",
     .start_s = 0.004,
     .events = {{8.0005, STOP, 0}, {13, LINK_UP, 0}},
     .phase_s = 3.00925,
     .tolerance_ms = 0.5},

    {"freebsd-13.0-v4-one",
     "secret",
     {"192.0.2.7"},
     PERSONA_FREEBSD,
     7,
     1,
     0,
     false,
     "192.0.2.11",
     A_MAC,
     .start_s = 0.003,
     .phase_s = 3.018,
     .tolerance_ms = 2},
    {"freebsd-13.0-v6-one",
     "secret",
     {"2001:db8:7::7"},
     PERSONA_FREEBSD,
     7,
     1,
     0,
     false,
     "192.0.2.11",
     A_MAC,
     .start_s = 0.001,
     .phase_s = 3.0166,
     .tolerance_ms = 2},
    {"freebsd-13.0-v6-four-linklocal",
     "secret",
     {"2001:db8:7::200", "fe80::7", "2001:db8:7::7", "fd00:7::1"},
     PERSONA_FREEBSD,
     7,
     1,
     0,
     false,
     "192.0.2.11",
     A_MAC,
     .start_s = 0.002,
     .phase_s = 3.017,
     .tolerance_ms = 3},
    {"freebsd-13.0-mixed",
     "secret",
     {"2001:db8:7::200", "192.0.2.200", "fe80::7", "192.0.2.7", "2001:db8:7::7"},
     PERSONA_FREEBSD,
     7,
     1,
     0,
     false,
     "192.0.2.11",
     A_MAC,
     .start_s = 0.002,
     .phase_s = 3.0174,
     .tolerance_ms = 2},
    {"freebsd-13.0-mixed-failover-demotion",
     "secret",
     {"192.0.2.7", "192.0.2.8", "2001:db8:7::7"},
     PERSONA_FREEBSD,
     7,
     1,
     0,
     true,
     "192.0.2.11",
     A_MAC,
     .start_s = 0.0137,
     .events = {{8, DEMOTE, 240}, {16, DEMOTE, 0}, {23, KILL, 0}},
     .phase_s = 3.0287,
     .tolerance_ms = 3,
     .late_ms = 2},
    {"freebsd-13.0-mixed-failover-demotion",
     "secret",
     {"192.0.2.7", "192.0.2.8", "2001:db8:7::7"},
     PERSONA_FREEBSD,
     7,
     1,
     100,
     true,
     "192.0.2.12",
     B_MAC,
     .start_s = 0.003,
     .phase_s = 9.5479,
     .tolerance_ms = 3,
     .late_ms = 2},
    {"freebsd-13.0-v6-failover-na",
     "secret",
     {"2001:db8:7::7", "2001:db8:7::8"},
     PERSONA_FREEBSD,
     7,
     1,
     0,
     false,
     "192.0.2.11",
     A_MAC,
     .start_s = -0.0025,
     .events = {{8, KILL, 0}},
     .phase_s = 3.0127,
     .tolerance_ms = 2,
     .neighbour_adverts = true},
    {"freebsd-13.0-v6-failover-na",
     "secret",
     {"2001:db8:7::7", "2001:db8:7::8"},
     PERSONA_FREEBSD,
     7,
     1,
     50,
     false,
     "192.0.2.12",
     B_MAC,
     .start_s = 0.005,
     .phase_s = 10.3097,
     .tolerance_ms = 2,
     .neighbour_adverts = true},
    {"freebsd-13.0-v4-demotion-negative",
     "secret",
     {"10.77.1.1"},
     PERSONA_FREEBSD,
     1,
     1,
     0,
     false,
     "192.0.2.11",
     NULL,
     .start_s = -3.594,
     .events = {{-3, DEMOTE, 290}, {1.85, DEMOTE, 0}, {5.85, DEMOTE, -150}, {12.85, DEMOTE, 0}},
     .phase_s = 0.4407,
     .tolerance_ms = 3},
    {"freebsd-13.0-v4-demotion-negative",
     "secret",
     {"10.77.1.2"},
     PERSONA_FREEBSD,
     2,
     1,
     100,
     false,
     "192.0.2.11",
     NULL,
     .start_s = -4.835,
     .events = {{-3, DEMOTE, 290}, {1.85, DEMOTE, 0}, {5.85, DEMOTE, -150}, {12.85, DEMOTE, 0}},
     .phase_s = 0.0005,
     .tolerance_ms = 3,
     .heard = UINT64_C(0x1000000000000172)},
    {"freebsd-13.0-mixed-half-heard",
     "secret",
     {"10.77.1.7", "2001:db8:7::7"},
     PERSONA_FREEBSD,
     7,
     1,
     100,
     true,
     "192.0.2.11",
     "c63da34421a9",
     .start_s = 0.001,
     .events = {{0.5, DEMOTE, 240}, {12.5, DEMOTE, 0}},
     .phase_s = 3.4205,
     .tolerance_ms = 2,
     .late_ms = 1},
    {"netbsd-freebsd-v4-failover",
     "secret",
     {"192.0.2.7", "192.0.2.8"},
     PERSONA_FREEBSD,
     7,
     1,
     100,
     false,
     "192.0.2.12",
     B_MAC,
     .start_s = 0.3,
     .events = {{17, KILL, 0}},
     .phase_s = 9.4203,
     .tolerance_ms = 2,
     .late_ms = 1.5},
    {"freebsd-freebsd-v4-equal-livelock",
     "secret",
     {"10.77.1.1"},
     PERSONA_FREEBSD,
     1,
     1,
     100,
     false,
     "192.0.2.11",
     "429eac491d03",
     .start_s = -3.415,
     .phase_s = 0.0015,
     .tolerance_ms = 2,
     .late_ms = 3,
     .heard = UINT64_C(0x100000000000032f)},
    {"freebsd-freebsd-v4-equal-livelock",
     "secret",
     {"10.77.1.1"},
     PERSONA_FREEBSD,
     1,
     1,
     100,
     false,
     "192.0.2.12",
     "d2b58d41650c",
     .start_s = -3.415,
     .phase_s = 0,
     .tolerance_ms = 2,
     .late_ms = 3,
     .heard = UINT64_C(0x1000000000000330)},
    {"ucarp-freebsd-v4-equal-partition",
     "secret",
     {"10.77.1.21"},
     PERSONA_FREEBSD,
     21,
     1,
     100,
     false,
     "192.0.2.12",
     "66732e643ce1",
     .start_s = -4.835,
     .phase_s = -0.0002,
     .tolerance_ms = 2,
     .cut_s = {1.5, 11},
     .heard = UINT64_C(0x1000000000000498)},
    {"ucarp-freebsd-v4-preempt",
     "secret",
     {"10.77.1.31"},
     PERSONA_FREEBSD,
     31,
     1,
     100,
     false,
     "192.0.2.11",
     "ca18e95ef0a4",
     .start_s = -3.415,
     .phase_s = 0,
     .tolerance_ms = 1,
     .heard = UINT64_C(0x100000000000049c)},
    {"ucarp-netbsd-v4-equal-livelock",
     "secret",
     {"10.77.1.48"},
     PERSONA_NETBSD,
     48,
     1,
     0,
     false,
     "192.0.2.14",
     "b20aa20b0e00",
     .start_s = -4.015,
     .phase_s = 0,
     .tolerance_ms = 0.5,
     .cut_s = {0.5, 9.8},
     .heard = UINT64_C(0x100000000000050a)},

    {"ucarp-1.5.2",
     "test-pass-1",
     {"10.99.0.100"},
     PERSONA_UCARP,
     42,
     1,
     0,
     false,
     "10.99.0.1",
     "020000000001",
     .start_s = -3.0205,
     .events = {{11.4, KILL, 0}, {20.29, LIFE, 1}, {28.28, STOP, 0}},
     .phase_s = 21.2929,
     .tolerance_ms = 3,
     .script_ms = 8.7},
    {"ucarp-1.5.2",
     "test-pass-1",
     {"10.99.0.100"},
     PERSONA_UCARP,
     42,
     1,
     100,
     false,
     "10.99.0.2",
     "020000000002",
     .start_s = 3.28,
     .phase_s = 22.2729,
     .tolerance_ms = 3,
     .script_ms = 8.7},
    {"ucarp-freebsd-v4-equal-partition",
     "secret",
     {"10.77.1.21"},
     PERSONA_UCARP,
     21,
     1,
     100,
     false,
     "192.0.2.20",
     "3e82390cace1",
     .start_s = -2,
     .phase_s = 12.3317,
     .tolerance_ms = 3,
     .script_ms = 1},
    {"ucarp-freebsd-v4-preempt",
     "secret",
     {"10.77.1.31"},
     PERSONA_UCARP,
     31,
     1,
     50,
     true,
     "192.0.2.20",
     "16cab1243221",
     .start_s = -2,
     .phase_s = 0.9938,
     .tolerance_ms = 3,
     .script_ms = 1.5},
    {"ucarp-netbsd-v4-equal-livelock",
     "secret",
     {"10.77.1.48"},
     PERSONA_UCARP,
     48,
     1,
     0,
     false,
     "192.0.2.20",
     "d25048442765",
     .start_s = -2,
     .phase_s = 10.3353,
     .tolerance_ms = 3,
     .script_ms = 2.5,
     .cut_s = {21.8, 30.8}},
};

/* --- the files -------------------------------------------------------------------------------- */

struct record {
    uint64_t ns;
    uint16_t size;
    uint8_t frame[FRAME_MAX];
    bool advert, own;
};

static struct persona_lab lab;
static struct record records[FRAMES_MAX];
static unsigned record_count;

static uint64_t instant(double s)
{
    return (uint64_t)((s + origin_s) * 1e9 + 0.5);
}

static bool announces(const struct record *r)
{
    struct frame_arp arp;
    struct frame_na na;
    const struct persona_lab_node *node = &lab.nodes[0];
    if (frame_read_na(r->frame, r->size, &na)) {
        return memcmp(na.source, node->self.ipv6, 16) == 0;
    }
    if (!frame_read_arp(r->frame, r->size, &arp) || arp.operation != 1 ||
        memcmp(arp.source_mac, node->self.mac, 6) != 0) {
        return false;
    }
    for (unsigned i = 0; i < node->carp.ipv4_count; i++) {
        if (memcmp(arp.sender, node->carp.ipv4[i], 4) == 0) {
            return true;
        }
    }
    return false;
}

/* Adverts of this vhid and announcements; whose they are is told by the source address. */
static void read_records(const struct replay *replay)
{
    char path[128], error[PCAP_ERRBUF_SIZE];
    snprintf(path, sizeof path, "engine/testdata/captures/%s.pcap", replay->file);
    pcap_t *pcap = pcap_open_offline(tk_path(path), error);
    ASSERT_TRUE(pcap != NULL);
    struct pcap_pkthdr *header;
    const uint8_t *bytes;
    double first_s = -1;
    record_count = 0;
    while (pcap_next_ex(pcap, &header, &bytes) == 1 && record_count < FRAMES_MAX) {
        double s = (double)header->ts.tv_sec + (double)header->ts.tv_usec / 1e6;
        struct carp_packet packet;
        struct record *r = &records[record_count];
        first_s = first_s < 0 ? s : first_s;
        *r = (struct record){.ns = instant(s - first_s), .size = (uint16_t)header->caplen};
        if (r->size > sizeof r->frame) {
            continue;
        }
        memcpy(r->frame, bytes, r->size);
        r->advert = frame_parse(bytes, r->size, &packet) == CARP_ACCEPTED;
        const struct carp_self *self = &lab.nodes[0].self;
        if (r->advert) {
            const uint8_t *own = packet.family == 4 ? self->ipv4 : self->ipv6;
            r->own = memcmp(packet.source, own, packet.family == 4 ? 4 : 16) == 0;
        } else {
            r->own = announces(r);
        }
        record_count += (r->advert && packet.advert.vhid == replay->vhid) || (!r->advert && r->own);
    }
    EXPECT_TRUE(record_count > 0 && record_count < FRAMES_MAX);
    pcap_close(pcap);
}

/* --- a run ------------------------------------------------------------------------------------ */

static bool is_cut(const struct replay *replay, uint64_t ns)
{
    return ns >= instant(replay->cut_s[0]) && ns < instant(replay->cut_s[1]);
}

static void set_up(const struct replay *replay)
{
    persona_lab_begin(&lab);
    persona_lab_add(&lab, replay->kind, 11, replay->advbase, replay->advskew);
    struct persona_lab_node *node = &lab.nodes[0];
    struct carp_config *carp = &node->carp;
    carp->vhid = replay->vhid;
    carp->preempt = replay->preempt;
    memset(carp->keys, 0, sizeof carp->keys);
    memcpy(carp->keys[0], replay->key, strlen(replay->key));
    carp->ipv4_count = 0;
    for (int i = 0; i < 5 && replay->addresses[i] != NULL; i++) {
        if (inet_pton(AF_INET, replay->addresses[i], carp->ipv4[carp->ipv4_count]) == 1) {
            carp->ipv4_count++;
        } else {
            inet_pton(AF_INET6, replay->addresses[i], carp->ipv6[carp->ipv6_count++]);
        }
    }
    config_sort_addresses(carp);
    EXPECT_INT(1, inet_pton(AF_INET, replay->host, node->self.ipv4));
    node->self.ipv6[15] = (uint8_t)(node->self.ipv4[3] / 10 << 4 | node->self.ipv4[3] % 10);
    if (replay->mac != NULL) {
        tk_unhex(replay->mac, node->self.mac, 6);
    }
    node->config.tick_phase.ns = instant(replay->phase_s);
    node->config.read_phase.ns = instant(replay->phase_s);
    node->config.up_script.ns = node->config.down_script.ns = (uint64_t)(replay->script_ms * 1e6);
    node->config.shutdown = true;
    node->config.siblings = replay->siblings > 0 ? replay->siblings : 1;
    node->config.neighbour_adverts = replay->neighbour_adverts;
}

static void tell(const struct event *event)
{
    struct persona_lab_node *node = &lab.nodes[0];
    carp_instant now = {lab.now_ns};
    switch (event->what) {
    case LIFE:
        node->carp.preempt = node->config.neutral = event->value != 0;
        persona_lab_start(&lab, 0);
        break;
    case KILL:
        node->started = false;
        break;
    case STOP:
        persona_stop(&node->persona, now);
        break;
    case LINK_UP:
    case LINK_DOWN:
        persona_lab_link(&lab, 0, event->what == LINK_UP);
        break;
    case DEMOTE:
        persona_demote(&node->persona, now, event->value);
        break;
    case END:
        break;
    }
}

/* What others sent and what the laboratory did, in the order of time. */
static void run(const struct replay *replay)
{
    const struct event *event = replay->events;
    uint64_t late_ns = (uint64_t)(replay->late_ms * 1e6);
    lab.now_ns = instant(replay->start_s);
    persona_lab_start(&lab, 0);
    if (replay->heard != 0) {
        persona_lab_run(&lab, lab.now_ns + 1);
        persona_lab_advert(&lab, 0, 0, 0, replay->heard);
    }
    for (unsigned i = 0; i <= record_count; i++) {
        const struct record *r = &records[i < record_count ? i : record_count - 1];
        uint64_t at_ns = r->ns + (r->own || i == record_count ? 0 : late_ns);
        while (event->what != END && instant(event->at_s) <= at_ns) {
            persona_lab_run(&lab, instant(event->at_s));
            tell(event++);
        }
        if (r->advert && !r->own && i < record_count && !is_cut(replay, r->ns)) {
            persona_lab_run(&lab, at_ns);
            if (lab.nodes[0].started && persona_deadline(&lab.nodes[0].persona).ns != 0) {
                persona_lab_hear(&lab, 0, r->frame, r->size);
            }
        }
    }
    persona_lab_run(&lab, records[record_count - 1].ns + (uint64_t)(replay->tolerance_ms * 1e6));
}

/* --- comparison ------------------------------------------------------------------------------- */

/* Random: UCARP's identification, and so the checksum of its IP header. */
static void blank(enum persona_kind kind, uint8_t frame[FRAME_MAX])
{
    if (kind == PERSONA_UCARP) {
        memset(frame + 18, 0, 2);
        memset(frame + 24, 0, 2);
    }
}

static void compare_advert(const struct replay *replay, const struct record *want,
                           const struct persona_note *got, bool heard)
{
    struct carp_packet packet;
    uint8_t frames[2][FRAME_MAX];
    frame_parse(want->frame, want->size, &packet);
    EXPECT_INT(packet.advert.advbase, got->packet.advert.advbase);
    EXPECT_INT(packet.advert.advskew, got->packet.advert.advskew);
    EXPECT_INT(packet.family, got->packet.family);
    EXPECT_U64(want->size, got->size);
    if (heard) {
        EXPECT_U64(packet.advert.counter, got->packet.advert.counter);
        memcpy(frames[0], want->frame, want->size);
        memcpy(frames[1], got->frame, got->size);
        blank(replay->kind, frames[0]);
        blank(replay->kind, frames[1]);
        EXPECT_BYTES(frames[0], frames[1], want->size);
    }
}

/* The next note of that kind of frame from `*at` on, outside the cut and of the file's time. */
static const struct persona_note *next_note(const struct replay *replay, unsigned *at, bool advert,
                                            uint64_t from_ns)
{
    for (; *at < lab.note_count; *at += 1) {
        const struct persona_note *n = &lab.notes[*at];
        if (n->size > 0 && (n->type == NOTE_ADVERT) == advert && n->ns >= from_ns &&
            !is_cut(replay, n->ns)) {
            *at += 1;
            return n;
        }
    }
    return NULL;
}

static void compare_time(const struct replay *replay, const struct record *want,
                         const struct persona_note *got)
{
    double off_ms = ((double)got->ns - (double)want->ns) / 1e6;
    if (off_ms > replay->tolerance_ms || -off_ms > replay->tolerance_ms) {
        tk_fail(__FILE__, __LINE__, "frame of %.6f s: %.3f ms off",
                (double)want->ns / 1e9 - origin_s, off_ms);
    }
}

/* Announcements of one instant may come in another order: addresses are sorted here. */
static void compare_announcement(const struct replay *replay, const struct record *want)
{
    for (unsigned i = 0; i < lab.note_count; i++) {
        struct persona_note *n = &lab.notes[i];
        if (n->size == want->size && memcmp(n->frame, want->frame, want->size) == 0 &&
            n->ns + 20 * LAB_MS > want->ns) {
            compare_time(replay, want, n);
            n->size = 0;
            return;
        }
    }
    tk_fail(__FILE__, __LINE__, "announcement of %.6f s is missing",
            (double)want->ns / 1e9 - origin_s);
}

static void compare(const struct replay *replay)
{
    unsigned at = 0;
    uint64_t from_ns = instant(0) - 20 * LAB_MS;
    bool heard = replay->heard != 0;
    uint64_t late_ns = (uint64_t)(replay->late_ms * 1e6);
    for (unsigned i = 0; i < record_count; i++) {
        const struct record *r = &records[i];
        if (!r->own) {
            heard |= lab.nodes[0].persona.fates[PERSONA_ACCEPTED] > 0 && !is_cut(replay, r->ns) &&
                     r->ns + late_ns >= instant(replay->start_s);
        } else if (r->advert) {
            const struct persona_note *n = next_note(replay, &at, true, from_ns);
            if (n == NULL) {
                tk_fail(__FILE__, __LINE__, "advert of %.6f s is missing",
                        (double)r->ns / 1e9 - origin_s);
                continue;
            }
            compare_time(replay, r, n);
            compare_advert(replay, r, n, heard);
        } else {
            compare_announcement(replay, r);
        }
    }
    EXPECT_TRUE(next_note(replay, &at, true, from_ns) == NULL);
    at = 0;
    EXPECT_TRUE(next_note(replay, &at, false, from_ns) == NULL);
}

static void check(enum persona_kind kind)
{
    for (size_t i = 0; i < sizeof replays / sizeof *replays; i++) {
        char name[120];
        if (replays[i].kind != kind) {
            continue;
        }
        snprintf(name, sizeof name, "%s, %s, vhid %u", replays[i].file, replays[i].host,
                 replays[i].vhid);
        tk_row(name);
        set_up(&replays[i]);
        read_records(&replays[i]);
        run(&replays[i]);
        compare(&replays[i]);
        persona_lab_end(&lab);
        tk_row(NULL);
    }
}

TEST_CASE(persona_captures, of_freebsd_are_sent_again_frame_by_frame)
{
    check(PERSONA_FREEBSD);
}

TEST_CASE(persona_captures, of_netbsd_are_sent_again_frame_by_frame)
{
    check(PERSONA_NETBSD);
}

TEST_CASE(persona_captures, of_ucarp_are_sent_again_frame_by_frame)
{
    check(PERSONA_UCARP);
}
