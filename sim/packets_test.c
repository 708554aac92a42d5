/*
 * What tshark reads in the frames of the simulated LAN, field by field. The wanted values are those
 * of the RFCs, typed in by hand; tshark works out checksums by itself.
 */
#include <string.h>

#include "io/pcapng.h"
#include "sim/tshark_lab.h"
#include "sim/world_lab.h"
#include "tools/testkit/testkit.h"

static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 1}, mac_b[6] = {2, 0, 0, 0, 0, 2};
static const struct sim_address v4_a = {4, {10, 0, 0, 1}}, v4_vip = {4, {10, 0, 0, 254}};
static const struct sim_address v6_a = {6, {0xfe, 0x80, [15] = 1}};
static const struct sim_address v6_vip = {6, {0x20, 1, 0x0d, 0xb8, [13] = 0x12, 0x34, 0x56}};

struct sheet {
    struct tshark_lab lab;
    struct pcapng_writer writer;
    unsigned interface;
    uint8_t bytes[FRAME_ROOM];
};

static int to_file(void *self, const uint8_t *bytes, size_t size)
{
    return fwrite(bytes, 1, size, self) == size ? 0 : -1;
}

static bool sheet_make(struct sheet *s)
{
    if (!tshark_lab_make(&s->lab)) {
        return false;
    }
    struct pcapng_sink sink = {s->lab.file, to_file};
    EXPECT_INT(0, pcapng_begin(&s->writer, sink, NULL, "packets_test"));
    EXPECT_INT(0, pcapng_interface(&s->writer, "lan", NULL, &s->interface));
    return true;
}

static void sheet_add_bytes(struct sheet *s, const uint8_t *bytes, size_t size)
{
    struct pcapng_packet packet = {
        .interface = s->interface,
        .bytes = bytes,
        .size = (uint32_t)size,
        .original_size = (uint32_t)size,
    };
    EXPECT_INT(0, pcapng_packet(&s->writer, &packet));
}

/* What was written to s->bytes. */
static void sheet_add(struct sheet *s, size_t size)
{
    sheet_add_bytes(s, s->bytes, size);
}

static void sheet_remove(struct sheet *s)
{
    tshark_lab_remove(&s->lab);
}

/* Every frame as it should be, and these fields of those that the filter lets through. */
static void expect_fields(struct sheet *s, enum tshark_protocol protocol, const char *filter,
                          const char *fields, const char *want)
{
    char arguments[512];
    snprintf(arguments, sizeof arguments, "-Y '%s' -T fields -E separator=/s %s", filter, fields);
    EXPECT_STR(want, tshark_lab_read(&s->lab, protocol, arguments));
    tshark_lab_expect_clean(&s->lab, protocol, NULL);
}

/* --- what hosts and switches say */

TEST_CASE(packets, ask_and_answer_over_arp)
{
    static struct sheet s;
    if (!sheet_make(&s)) {
        return;
    }
    sheet_add(&s, packet_ask(mac_a, &v4_a, &v4_vip, s.bytes));
    sheet_add(&s, packet_answer(mac_b, &v4_vip, mac_a, &v4_a, s.bytes));
    expect_fields(&s, TSHARK_CARP, "arp",
                  "-e eth.dst -e eth.src -e arp.opcode -e arp.src.hw_mac -e arp.src.proto_ipv4 "
                  "-e arp.dst.hw_mac -e arp.dst.proto_ipv4",
                  "ff:ff:ff:ff:ff:ff 02:00:00:00:00:01 1 "
                  "02:00:00:00:00:01 10.0.0.1 00:00:00:00:00:00 10.0.0.254\n"
                  "02:00:00:00:00:01 02:00:00:00:00:02 2 "
                  "02:00:00:00:00:02 10.0.0.254 02:00:00:00:00:01 10.0.0.1\n");
    sheet_remove(&s);
}

/* The flags of the answer: solicited, override. Checksum status 1: good. */
TEST_CASE(packets, ask_and_answer_over_neighbour_discovery)
{
    static struct sheet s;
    if (!sheet_make(&s)) {
        return;
    }
    sheet_add(&s, packet_ask(mac_a, &v6_a, &v6_vip, s.bytes));
    sheet_add(&s, packet_answer(mac_b, &v6_vip, mac_a, &v6_a, s.bytes));
    expect_fields(&s, TSHARK_CARP, "icmpv6",
                  "-e eth.dst -e eth.src -e ipv6.src -e ipv6.dst -e ipv6.hlim -e icmpv6.type "
                  "-e icmpv6.checksum.status -e icmpv6.nd.ns.target_address "
                  "-e icmpv6.nd.na.target_address -e icmpv6.nd.na.flag -e icmpv6.opt.type "
                  "-e icmpv6.opt.linkaddr",
                  "33:33:ff:12:34:56 02:00:00:00:00:01 fe80::1 ff02::1:ff12:3456 255 135 1 "
                  "2001:db8::12:3456   1 02:00:00:00:00:01\n"
                  "02:00:00:00:00:01 02:00:00:00:00:02 2001:db8::12:3456 fe80::1 255 136 1  "
                  "2001:db8::12:3456 0x60000000 2 02:00:00:00:00:02\n");
    sheet_remove(&s);
}

/* A probe over each family, and the answer. */
static void add_probes(struct sheet *s)
{
    struct packet_probe probe = {
        .number = 77,
        .destination_mac = {2, 0, 0, 0, 0, 2},
        .source_mac = {2, 0, 0, 0, 0, 1},
        .source = v4_a,
        .destination = v4_vip,
    };
    sheet_add(s, packet_write_probe(&probe, s->bytes));
    probe.answer = true;
    sheet_add(s, packet_write_probe(&probe, s->bytes));
    probe.source = v6_a;
    probe.destination = v6_vip;
    sheet_add(s, packet_write_probe(&probe, s->bytes));
    probe.answer = false;
    sheet_add(s, packet_write_probe(&probe, s->bytes));
}

TEST_CASE(packets, probe_the_echo_service)
{
    static struct sheet s;
    if (!sheet_make(&s)) {
        return;
    }
    add_probes(&s);
    expect_fields(&s, TSHARK_CARP, "echo",
                  "-e eth.dst -e eth.src -e ip.src -e ip.dst -e ip.ttl -e ip.checksum.status "
                  "-e ipv6.src -e ipv6.dst -e ipv6.hlim -e udp.srcport -e udp.dstport "
                  "-e udp.length -e udp.checksum.status -e echo.request -e echo.data",
                  "02:00:00:00:00:02 02:00:00:00:00:01 10.0.0.1 10.0.0.254 64 1    "
                  "49152 7 16 1 1 000000000000004d\n"
                  "02:00:00:00:00:02 02:00:00:00:00:01 10.0.0.1 10.0.0.254 64 1    "
                  "7 49152 16 1  000000000000004d\n"
                  "02:00:00:00:00:02 02:00:00:00:00:01     fe80::1 2001:db8::12:3456 64 "
                  "7 49152 16 1  000000000000004d\n"
                  "02:00:00:00:00:02 02:00:00:00:00:01     fe80::1 2001:db8::12:3456 64 "
                  "49152 7 16 1 1 000000000000004d\n");
    sheet_remove(&s);
}

/* Answers are due within 10 s: 100 tenths in IGMP, 10000 ms in MLD. Router alert 0: for MLD. */
static void add_memberships(struct sheet *s)
{
    static const uint8_t v4_group[4] = {224, 0, 0, 18}, v6_group[16] = {0xff, 2, [15] = 0x12};
    sheet_add(s, packet_query(4, mac_b, s->bytes));
    sheet_add(s, packet_query(6, mac_b, s->bytes));
    sheet_add(s, packet_report(4, mac_a, &v4_a, v4_group, s->bytes));
    sheet_add(s, packet_report(6, mac_a, &v6_a, v6_group, s->bytes));
}

TEST_CASE(packets, ask_for_and_report_members)
{
    static struct sheet s;
    if (!sheet_make(&s)) {
        return;
    }
    add_memberships(&s);
    expect_fields(&s, TSHARK_CARP, "igmp",
                  "-e eth.dst -e eth.src -e ip.src -e ip.dst -e ip.ttl -e ip.checksum.status "
                  "-e igmp.version -e igmp.type -e igmp.max_resp -e igmp.maddr "
                  "-e igmp.checksum.status",
                  "01:00:5e:00:00:01 02:00:00:00:00:02 0.0.0.0 224.0.0.1 1 1 2 0x11 100 0.0.0.0 1\n"
                  "01:00:5e:00:00:12 02:00:00:00:00:01 10.0.0.1 224.0.0.18 1 1 2 0x16 0 "
                  "224.0.0.18 1\n");
    expect_fields(&s, TSHARK_CARP, "icmpv6",
                  "-e eth.dst -e eth.src -e ipv6.src -e ipv6.dst -e ipv6.hlim "
                  "-e ipv6.opt.router_alert -e icmpv6.type -e icmpv6.checksum.status "
                  "-e icmpv6.mld.maximum_response_delay -e icmpv6.mld.multicast_address",
                  "33:33:00:00:00:01 02:00:00:00:00:02 fe80::1 ff02::1 1 0 130 1 10000 ::\n"
                  "33:33:00:00:00:12 02:00:00:00:00:01 fe80::1 ff02::12 1 0 131 1 0 ff02::12\n");
    sheet_remove(&s);
}

/* --- what strangers say: in a world with a daemon that they can listen to */

struct stage {
    struct world_lab lab;
    struct sheet sheet;
    struct node *stranger;
};

static void write_down(void *self, carp_instant at, uint32_t end, const struct sim_frame *frame,
                       int reason, const char *what)
{
    struct stage *stage = self;
    (void)at, (void)end, (void)what;
    if (reason < 0 && frame->origin == stage->stranger->index) {
        sheet_add_bytes(&stage->sheet, frame->bytes, frame->size);
    }
}

/* The daemon, 10.0.0.1, is master since 3.0 s and said so at 3.0 and 4.0 s; 5.0 s comes next. The
 * stranger is 10.0.0.2. */
static bool stage_make(struct stage *stage)
{
    if (!sheet_make(&stage->sheet)) {
        return false;
    }
    world_lab_init(&stage->lab, 1);
    world_lab_daemon(&stage->lab, "a", 0);
    uint32_t stranger = world_lab_stranger(&stage->lab, "x");
    stage->stranger = &stage->lab.world.nodes[stranger];
    stage->lab.world.tap = (struct world_tap){.self = stage, .frame = write_down};
    world_lab_boot(&stage->lab);
    world_lab_run(&stage->lab, 4500);
    return true;
}

static void stage_remove(struct stage *stage)
{
    world_lab_free(&stage->lab);
    sheet_remove(&stage->sheet);
}

/* Until 5.5 s; a deed with a period is done once. */
static void act(struct stage *stage, struct deed deed)
{
    deed.ends = (carp_instant){UINT64_C(5500000000)};
    stranger_begin(&stage->lab.world, stage->stranger, &deed);
    world_lab_run(&stage->lab, 5500);
}

#define ADVERT_FIELDS                                                                              \
    "-e eth.dst -e eth.src -e ip.src -e ip.dst -e ip.ttl -e ip.checksum.status "                   \
    "-e carp.version -e carp.type -e carp.vhid -e carp.authlen -e carp.checksum.status "

/* The advert of 5.0 s once more, with other times. Its counter is the third that the daemon used:
 * its anchor is 2026-01-01 in the upper bits. */
TEST_CASE(packets, are_forged_with_a_right_checksum)
{
    static struct stage stage;
    if (!stage_make(&stage)) {
        return;
    }
    act(&stage,
        (struct deed){.kind = DEED_FORGE, .of = NONE, .advbase = 2, .advskew = 3, .demote = 4});
    expect_fields(&stage.sheet, TSHARK_CARP, "carp",
                  ADVERT_FIELDS "-e carp.adver_int -e carp.advskew -e carp.demotion "
                                "-e carp.counter",
                  "01:00:5e:00:00:12 02:00:00:00:00:01 10.0.0.1 224.0.0.18 255 1 2 1 1 7 1 "
                  "2 3 4 1853070350797427\n");
    stage_remove(&stage);
}

/* As it was: the one of 4.0 s. */
TEST_CASE(packets, are_replayed_as_they_were)
{
    static struct stage stage;
    if (!stage_make(&stage)) {
        return;
    }
    act(&stage, (struct deed){.kind = DEED_REPLAY, .period = CARP_SECONDS(10)});
    expect_fields(&stage.sheet, TSHARK_CARP, "carp",
                  ADVERT_FIELDS "-e carp.adver_int -e carp.advskew -e carp.demotion "
                                "-e carp.counter",
                  "01:00:5e:00:00:12 02:00:00:00:00:01 10.0.0.1 224.0.0.18 255 1 2 1 1 7 1 "
                  "1 0 0 1853070350797426\n");
    stage_remove(&stage);
}

TEST_CASE(packets, are_flooded_in_the_form_of_adverts)
{
    static struct stage stage;
    if (!stage_make(&stage)) {
        return;
    }
    act(&stage, (struct deed){.kind = DEED_FLOOD, .vhid = 9, .period = CARP_SECONDS(10)});
    expect_fields(&stage.sheet, TSHARK_CARP, "carp", ADVERT_FIELDS,
                  "01:00:5e:00:00:12 02:00:00:00:00:02 10.0.0.2 224.0.0.18 255 1 2 1 9 7 1\n");
    stage_remove(&stage);
}

/* Version 2 counts its interval in seconds, version 3 in hundredths. */
TEST_CASE(packets, are_those_of_a_vrrp_router)
{
    static const char *const want[] = {
        "01:00:5e:00:00:12 00:00:5e:00:01:07 10.0.0.2 224.0.0.18 255 1 "
        "2 1 7 100 1 0 1  10.0.0.253 1\n",
        "01:00:5e:00:00:12 00:00:5e:00:01:07 10.0.0.2 224.0.0.18 255 1 "
        "3 1 7 100 1   100 10.0.0.253 1\n",
    };
    static struct stage stage;
    for (uint8_t version = 2; version <= 3; version++) {
        if (!stage_make(&stage)) {
            return;
        }
        act(&stage,
            (struct deed){
                .kind = DEED_VRRP, .vhid = 7, .version = version, .period = CARP_SECONDS(10)});
        expect_fields(&stage.sheet, TSHARK_VRRP, "vrrp",
                      "-e eth.dst -e eth.src -e ip.src -e ip.dst -e ip.ttl -e ip.checksum.status "
                      "-e vrrp.version -e vrrp.type -e vrrp.virt_rtr_id -e vrrp.prio "
                      "-e vrrp.addr_count -e vrrp.auth_type -e vrrp.adver_int "
                      "-e vrrp.short_adver_int -e vrrp.ip_addr -e vrrp.checksum.status",
                      want[version - 2]);
        stage_remove(&stage);
    }
}

TEST_CASE(packets, claim_an_address_for_a_stranger)
{
    static struct stage stage;
    if (!stage_make(&stage)) {
        return;
    }
    act(&stage, (struct deed){.kind = DEED_SPOOF, .address = v4_vip, .period = CARP_SECONDS(10)});
    expect_fields(&stage.sheet, TSHARK_CARP, "arp",
                  "-e eth.dst -e eth.src -e arp.opcode -e arp.isannouncement -e arp.src.hw_mac "
                  "-e arp.src.proto_ipv4 -e arp.dst.hw_mac -e arp.dst.proto_ipv4",
                  "ff:ff:ff:ff:ff:ff 02:00:00:00:00:02 1 1 "
                  "02:00:00:00:00:02 10.0.0.254 00:00:00:00:00:00 10.0.0.254\n");
    stage_remove(&stage);
}

/* An unsolicited advertisement, which only overrides; and a report from the virtual MAC. */
TEST_CASE(packets, claim_an_address_over_ipv6_and_make_noise)
{
    static struct stage stage;
    if (!stage_make(&stage)) {
        return;
    }
    struct deed noise = {.kind = DEED_NOISE, .vhid = 7, .period = CARP_SECONDS(10)};
    noise.ends = (carp_instant){UINT64_C(5500000000)};
    stranger_begin(&stage.lab.world, stage.stranger, &noise);
    act(&stage, (struct deed){.kind = DEED_SPOOF, .address = v6_vip, .period = CARP_SECONDS(10)});
    expect_fields(&stage.sheet, TSHARK_CARP, "icmpv6",
                  "-e eth.dst -e eth.src -e ipv6.src -e ipv6.dst -e ipv6.hlim -e icmpv6.type "
                  "-e icmpv6.checksum.status -e icmpv6.nd.na.target_address "
                  "-e icmpv6.nd.na.flag -e icmpv6.opt.type -e icmpv6.opt.linkaddr",
                  "33:33:00:00:00:01 02:00:00:00:00:02 2001:db8::12:3456 ff02::1 255 136 1 "
                  "2001:db8::12:3456 0x20000000 2 02:00:00:00:00:02\n");
    expect_fields(&stage.sheet, TSHARK_CARP, "igmp",
                  "-e eth.dst -e eth.src -e ip.src -e ip.dst -e igmp.type -e igmp.maddr "
                  "-e igmp.checksum.status",
                  "01:00:5e:00:00:16 00:00:5e:00:01:07 10.0.0.2 224.0.0.22 0x16 224.0.0.22 1\n");
    stage_remove(&stage);
}

/* --- the judge itself: one bit of the last byte turned, and each checksum is wrong */

TEST_CASE(packets, are_refused_when_a_bit_is_turned)
{
    static const uint8_t v4_group[4] = {224, 0, 0, 18}, v6_group[16] = {0xff, 2, [15] = 0x12};
    static struct sheet s;
    if (!sheet_make(&s)) {
        return;
    }
    struct packet_probe probe = {.source = v4_a, .destination = v4_vip};
    size_t sizes[4];
    uint8_t frames[4][FRAME_ROOM];
    sizes[0] = packet_ask(mac_a, &v6_a, &v6_vip, frames[0]);
    sizes[1] = packet_write_probe(&probe, frames[1]);
    sizes[2] = packet_report(4, mac_a, &v4_a, v4_group, frames[2]);
    sizes[3] = packet_report(6, mac_a, &v6_a, v6_group, frames[3]);
    for (size_t i = 0; i < 4; i++) {
        frames[i][sizes[i] - 1] ^= 1;
        sheet_add_bytes(&s, frames[i], sizes[i]);
    }
    EXPECT_STR("1\n2\n3\n4\n",
               tshark_lab_read(&s.lab, TSHARK_CARP, "-Y _ws.expert -T fields -e frame.number"));
    sheet_remove(&s);
}
