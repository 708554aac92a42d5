/*
 * Pieces of the account, on frames that are made here: of each, the smallest incident that shows
 * it, and beside it what looks alike and is none. Whole incidents, of genuine hosts, are in
 * replay_expected.txt.
 */
#include <string.h>

#include "tools/carplab/replay/account.h"
#include "tools/testkit/testkit.h"

#define MS UINT64_C(1000000)

/* 2026-11-23 20:00:00 UTC. */
#define BEGIN (UINT64_C(1795464000) * 1000 * MS)

struct lan {
    struct account account;
    uint16_t vlan;
    uint32_t interface;
    bool cooked;
    uint32_t files; /* that have the next frames; 0: the first one */
};

static void lan_begin(struct lan *lan)
{
    *lan = (struct lan){0};
    ASSERT_TRUE(account_begin(&lan->account));
}

static void feed(struct lan *lan, uint64_t ms, const uint8_t *bytes, size_t size)
{
    struct decoded d;
    struct merge_frame frame = {.seen_by = lan->files != 0 ? lan->files : 1};
    frame.frame = (struct capture_frame){.at = {BEGIN + ms * MS},
                                         .decimals = 6,
                                         .bytes = bytes,
                                         .size = size,
                                         .has_source_mac = true,
                                         .has_destination = !lan->cooked,
                                         .interface = lan->interface,
                                         .tag_count = lan->vlan != 0,
                                         .vlan = {lan->vlan}};
    decode_packet(&frame.frame, &d);
    EXPECT_TRUE(account_frame(&lan->account, &frame, &d));
}

/* An advert as a NetBSD sends it; what is unlike is changed before. */
static struct carp_packet advert(uint8_t host, uint8_t vhid, uint8_t advskew, uint64_t counter)
{
    return (struct carp_packet){
        .advert = {.counter = counter,
                   .version = 2,
                   .type = 1,
                   .vhid = vhid,
                   .advskew = advskew,
                   .authlen = 7,
                   .advbase = 1},
        .family = 4,
        .traffic_class = 0x10,
        .ttl = 255,
        .dont_fragment = true,
        .destination_mac = {0x01, 0x00, 0x5e, 0x00, 0x00, 0x12},
        .source_mac = {0x00, 0x00, 0x5e, 0x00, 0x01, vhid},
        .source = {192, 0, 2, host},
        .destination = {224, 0, 0, 18},
    };
}

static void send(struct lan *lan, uint64_t ms, const struct carp_packet *packet)
{
    uint8_t bytes[FRAME_MAX];
    feed(lan, ms, bytes, frame_write(packet, bytes));
}

static void say(struct lan *lan, uint64_t ms, uint8_t host, uint8_t advskew, uint64_t counter)
{
    struct carp_packet packet = advert(host, 7, advskew, counter);
    send(lan, ms, &packet);
}

/* The kernels' gratuitous ARP request, of 10.0.0.LAST. */
static void announce(struct lan *lan, uint64_t ms, uint8_t host, uint8_t vhid, uint8_t last)
{
    uint8_t bytes[FRAME_MAX];
    const struct frame_arp arp = {.operation = 1,
                                  .destination_mac = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
                                  .source_mac = {0x02, 0, 0, 0, 0, host},
                                  .sender_mac = {0x00, 0x00, 0x5e, 0x00, 0x01, vhid},
                                  .sender = {10, 0, 0, last},
                                  .target = {10, 0, 0, last}};
    feed(lan, ms, bytes, frame_write_arp(&arp, bytes));
}

static const struct account_finding *find(const struct lan *lan, const char *topic)
{
    for (uint32_t i = 0; i < lan->account.finding_count; i++) {
        if (strcmp(lan->account.findings[i].topic, topic) == 0) {
            return &lan->account.findings[i];
        }
    }
    return NULL;
}

/* The account is complete, and this finding in it, of this trap; the last word is its text. */
static void expect_finding(struct lan *lan, const char *topic, unsigned trap, uint64_t times,
                           const char *text)
{
    EXPECT_TRUE(account_end(&lan->account));
    const struct account_finding *f = find(lan, topic);
    EXPECT_STR(topic, f == NULL ? "(not found)" : f->topic);
    if (f != NULL) {
        EXPECT_INT(trap, f->trap);
        EXPECT_U64(times, f->times);
        EXPECT_TRUE(strstr(f->text, text) != NULL);
    }
    account_free(&lan->account);
}

static void expect_no_findings(struct lan *lan)
{
    EXPECT_TRUE(account_end(&lan->account));
    EXPECT_STR("", lan->account.finding_count == 0 ? "" : lan->account.findings[0].text);
    account_free(&lan->account);
}

/* --- frames that are none of their sender's -----------------------------------------------------
 */

TEST_CASE(account, knows_a_frame_that_came_back_by_its_coming_too_soon)
{
    struct lan lan;
    lan_begin(&lan);
    for (uint64_t i = 0; i < 5; i++) {
        say(&lan, 1000 * i, 1, 0, 100 + i);
        say(&lan, 1000 * i + 3, 1, 0, 100 + i);
    }
    EXPECT_U64(5, lan.account.members[0].refused);
    expect_finding(&lan, "loop", 9, 5, "192.0.2.1 is there twice");
}

/* A bridge's two ports, or "any", which has them without saying which. */
TEST_CASE(account, counts_a_frame_once_that_was_captured_in_two_places)
{
    for (int cooked = 0; cooked < 2; cooked++) {
        struct lan lan;
        lan_begin(&lan);
        lan.cooked = cooked == 1;
        for (uint64_t i = 0; i < 5; i++) {
            say(&lan, 1000 * i, 1, 0, 100 + i);
            lan.interface = cooked == 1 ? 0 : 1;
            say(&lan, 1000 * i + 3, 1, 0, 100 + i);
            lan.interface = 0;
        }
        EXPECT_U64(5, lan.account.members[0].adverts);
        EXPECT_U64(0, lan.account.members[0].refused);
        expect_no_findings(&lan);
    }
}

/* A constant counter makes all adverts of an OpenBSD equal, but for what IP adds. */
TEST_CASE(account, takes_no_equal_adverts_at_their_time_for_a_loop_or_a_replay)
{
    struct lan lan;
    lan_begin(&lan);
    for (uint64_t i = 0; i < 8; i++) {
        say(&lan, 1000 * i, 1, 0, 0x123456789);
    }
    EXPECT_U64(0, lan.account.members[0].refused);
    EXPECT_TRUE(account_end(&lan.account));
    EXPECT_INT(ACCOUNT_OPENBSD, lan.account.nodes[0].kind);
    EXPECT_INT(0, lan.account.finding_count);
    account_free(&lan.account);
}

TEST_CASE(account, knows_an_old_advert_that_is_repeated_by_its_counter)
{
    struct lan lan;
    lan_begin(&lan);
    for (uint64_t i = 0; i < 5; i++) {
        say(&lan, 1000 * i, 1, 0, 100 + i);
    }
    for (uint64_t i = 5; i < 12; i++) {
        say(&lan, 1000 * i, 1, 0, 102);
    }
    EXPECT_TRUE(account_end(&lan.account));
    /* It died with its last genuine advert. */
    EXPECT_INT(1, lan.account.reign_count);
    EXPECT_U64(BEGIN + 4000 * MS, lan.account.reigns[0].to.ns);
    EXPECT_INT(ACCOUNT_SILENCE, lan.account.reigns[0].ended);
    EXPECT_U64(7000 * MS, lan.account.groups[0].dark.ns);
    const struct account_finding *f = find(&lan, "replay");
    EXPECT_STR("replay", f == NULL ? "(not found)" : f->topic);
    EXPECT_INT(27, f == NULL ? 0 : f->trap);
    EXPECT_U64(7, f == NULL ? 0 : f->times);
    account_free(&lan.account);
}

/* UCARP reads late, and continues what is not the last counter on the link: it steps back. */
TEST_CASE(account, takes_no_continued_count_for_a_replay)
{
    struct lan lan;
    lan_begin(&lan);
    for (uint64_t i = 0; i < 5; i++) {
        say(&lan, 1391 * i, 2, 100, 200 + i);
    }
    say(&lan, 6000, 1, 0, 150);
    say(&lan, 6001, 1, 0, 151);
    say(&lan, 6500, 2, 100, 151);
    EXPECT_U64(0, lan.account.members[0].refused);
    EXPECT_TRUE(account_end(&lan.account));
    EXPECT_TRUE(find(&lan, "replay") == NULL);
    account_free(&lan.account);
}

/* advbase and advskew are not signed. */
TEST_CASE(account, believes_no_advert_that_is_repeated_at_once_with_other_times)
{
    struct lan lan;
    struct carp_packet farewell = advert(1, 7, 255, 0);
    farewell.advert.advbase = 255;
    lan_begin(&lan);
    for (uint64_t i = 0; i < 5; i++) {
        say(&lan, 1000 * i, 1, 0, 100 + i);
        farewell.advert.counter = 100 + i;
        send(&lan, 1000 * i + 2, &farewell);
    }
    EXPECT_U64(5, lan.account.members[0].refused);
    EXPECT_U64(0, lan.account.members[0].farewells);
    expect_finding(&lan, "forged", 27, 5, "adverts of 192.0.2.1");
}

TEST_CASE(account, believes_a_farewell_with_a_counter_of_its_own)
{
    struct lan lan;
    struct carp_packet farewell = advert(1, 7, 255, 101);
    farewell.advert.advbase = 255;
    lan_begin(&lan);
    say(&lan, 0, 1, 0, 100);
    send(&lan, 2, &farewell);
    EXPECT_TRUE(account_end(&lan.account));
    EXPECT_INT(0, lan.account.finding_count);
    EXPECT_INT(1, lan.account.reign_count);
    EXPECT_INT(ACCOUNT_FAREWELL, lan.account.reigns[0].ended);
    EXPECT_U64(1, lan.account.members[0].farewells);
    account_free(&lan.account);
}

TEST_CASE(account, keeps_what_came_through_a_router_apart)
{
    struct lan lan;
    struct carp_packet packet = advert(9, 7, 0, 500);
    packet.ttl = 254;
    lan_begin(&lan);
    say(&lan, 0, 1, 0, 100);
    send(&lan, 500, &packet);
    say(&lan, 1000, 1, 0, 101);
    EXPECT_INT(1, lan.account.node_count);
    expect_finding(&lan, "routed", 23, 1, "192.0.2.9 came through a router");
}

TEST_CASE(account, keeps_what_has_a_wrong_checksum_apart)
{
    struct lan lan;
    struct carp_packet packet = advert(9, 7, 0, 500);
    uint8_t bytes[FRAME_MAX];
    lan_begin(&lan);
    say(&lan, 0, 1, 0, 100);
    size_t size = frame_write(&packet, bytes);
    bytes[size - 1] ^= 1;
    feed(&lan, 500, bytes, size);
    say(&lan, 1000, 1, 0, 101);
    EXPECT_INT(1, lan.account.node_count);
    expect_finding(&lan, "bad-checksum", 0, 1, "192.0.2.9");
}

/* Version 2, type 1, router 7, priority 100, one address: RFC 3768 section 5.1. */
TEST_CASE(account, names_a_vrrp_router_that_shares_the_number)
{
    static const char vrrp[] = "01005e00001200005e0001070800"
                               "45c0002800000000ff700000c0000209e0000012"
                               "21076401000100000a0000010000000000000000";
    struct lan lan;
    uint8_t bytes[FRAME_MAX];
    size_t size = tk_unhex(vrrp, bytes, sizeof bytes);
    uint16_t sum = wire_checksum(wire_sum(0, bytes + 14, 20));
    bytes[24] = (uint8_t)(sum >> 8);
    bytes[25] = (uint8_t)sum;
    sum = wire_checksum(wire_sum(0, bytes + 34, 20));
    bytes[40] = (uint8_t)(sum >> 8);
    bytes[41] = (uint8_t)sum;
    lan_begin(&lan);
    say(&lan, 0, 1, 0, 100);
    feed(&lan, 500, bytes, size);
    say(&lan, 1000, 1, 0, 101);
    expect_finding(&lan, "vrrp", 4, 1, "(192.0.2.9) uses ID 7");
}

/* --- masters ------------------------------------------------------------------------------------
 */

TEST_CASE(account, keeps_vlans_apart)
{
    struct lan lan;
    lan_begin(&lan);
    for (uint64_t i = 0; i < 5; i++) {
        lan.vlan = 10;
        say(&lan, 1000 * i, 1, 0, 100 + i);
        lan.vlan = 20;
        say(&lan, 1000 * i + 400, 1, 100, 9000 + 7 * i);
    }
    EXPECT_TRUE(account_end(&lan.account));
    EXPECT_INT(2, lan.account.group_count);
    EXPECT_INT(2, lan.account.node_count);
    EXPECT_INT(10, lan.account.groups[0].vlan);
    EXPECT_INT(20, lan.account.groups[1].vlan);
    EXPECT_U64(0, lan.account.groups[0].twofold.ns);
    EXPECT_INT(2, lan.account.reign_count);
    EXPECT_INT(0, lan.account.finding_count);
    account_free(&lan.account);
}

/* 1/0 is heard by the one who captures, not by 1/100. */
TEST_CASE(account, says_so_when_a_worse_master_does_not_hear_the_better_one)
{
    struct lan lan;
    lan_begin(&lan);
    for (uint64_t i = 0; i < 20; i++) {
        say(&lan, 1000 * i, 1, 0, 100 + i);
        if (i % 7 < 5) { /* every 1.4 s */
            say(&lan, 1400 * (i - i / 7 * 2) + 200, 2, 100, 7000000 + i);
        }
    }
    EXPECT_INT(0, lan.account.reign_count);
    expect_finding(&lan, "split", 6, 1, "192.0.2.2 does not hear 192.0.2.1");
}

/* Captured on both hosts; 4 adverts of host 1 are not on host 2, and what comes after the end of
 * that capture says nothing. */
TEST_CASE(account, tells_what_did_not_get_to_another_capture_while_it_ran)
{
    struct lan lan;
    lan_begin(&lan);
    for (uint64_t i = 0; i < 20; i++) {
        lan.files = (i >= 5 && i < 9) || i >= 15 ? 1 : 3;
        say(&lan, 1000 * i, 1, 0, 100 + i);
    }
    EXPECT_TRUE(account_end(&lan.account));
    EXPECT_INT(1, lan.account.finding_count);
    EXPECT_STR("4 of 20 adverts of 192.0.2.1 did not get to where file 2 was captured, while that "
               "ran",
               lan.account.findings[0].text);
    EXPECT_U64(BEGIN + 5000 * MS, lan.account.findings[0].at.ns);
    account_free(&lan.account);
}

/* Host 2 becomes master every 4 s, beside host 1, and yields at once. */
TEST_CASE(account, tells_once_of_a_host_that_becomes_master_again_and_again)
{
    struct lan lan;
    lan_begin(&lan);
    for (uint64_t i = 0; i < 31; i++) {
        say(&lan, 1000 * i, 1, 0, 1000 * (i + 1));
        if (i % 4 == 3) {
            say(&lan, 1000 * i + 395, 2, 100, 1000 * (i + 1) + 1);
        }
    }
    EXPECT_TRUE(account_end(&lan.account));
    EXPECT_INT(8, lan.account.reign_count);
    EXPECT_INT(ACCOUNT_SPLIT, lan.account.reigns[1].began);
    EXPECT_INT(ACCOUNT_PREEMPTION, lan.account.reigns[1].ended);
    EXPECT_TRUE(!lan.account.reigns[2].again);
    EXPECT_TRUE(lan.account.reigns[3].again);
    EXPECT_INT(1, lan.account.finding_count);
    EXPECT_STR("flapping", lan.account.findings[0].topic);
    EXPECT_U64(6, lan.account.findings[0].times);
    account_free(&lan.account);
}

TEST_CASE(account, finds_no_split_in_a_master_that_yields_after_one_last_advert)
{
    struct lan lan;
    struct carp_packet ucarp = advert(2, 7, 100, 100);
    ucarp.source_mac[4] = 0;
    lan_begin(&lan);
    for (uint64_t i = 0; i < 5; i++) {
        ucarp.advert.counter = 100 + i;
        send(&lan, 1391 * i, &ucarp);
    }
    say(&lan, 6000, 1, 0, 105);
    ucarp.advert.counter = 106;
    send(&lan, 6200, &ucarp); /* off its beat */
    for (uint64_t i = 1; i < 8; i++) {
        say(&lan, 6000 + 1000 * i, 1, 0, 106 + i);
    }
    EXPECT_TRUE(account_end(&lan.account));
    EXPECT_TRUE(find(&lan, "split") == NULL);
    EXPECT_INT(2, lan.account.reign_count);
    EXPECT_INT(ACCOUNT_PREEMPTION, lan.account.reigns[0].ended);
    EXPECT_U64(BEGIN + 6200 * MS, lan.account.reigns[0].to.ns);
    EXPECT_INT(ACCOUNT_PREEMPTION, lan.account.reigns[1].began);
    EXPECT_U64(200 * MS, lan.account.groups[0].twofold.ns);
    account_free(&lan.account);
}

TEST_CASE(account, counts_adverts_that_are_missing_and_goes_on_with_the_reign)
{
    struct lan lan;
    lan_begin(&lan);
    for (uint64_t i = 0; i < 20; i++) {
        if (i != 5 && i != 11 && i != 12) {
            say(&lan, 1000 * i, 1, 0, 100 + i);
        }
    }
    EXPECT_TRUE(account_end(&lan.account));
    EXPECT_INT(1, lan.account.reign_count);
    EXPECT_U64(3, lan.account.members[0].lost);
    EXPECT_U64(1000 * MS, lan.account.members[0].interval_min.ns);
    EXPECT_U64(1000 * MS, lan.account.members[0].interval_max.ns);
    EXPECT_U64(0, lan.account.members[0].jitter.ns);
    account_free(&lan.account);
}

/* 1/0 waits 3 s, 3/0 comes every 3 s. */
TEST_CASE(account, tells_of_a_master_that_will_always_be_thought_dead)
{
    struct lan lan;
    struct carp_packet slow = advert(2, 7, 0, 100);
    slow.advert.advbase = 3;
    lan_begin(&lan);
    send(&lan, 0, &slow);
    say(&lan, 2900, 1, 0, 101);
    say(&lan, 3900, 1, 0, 102);
    expect_finding(&lan, "long-interval", 12, 1, "192.0.2.2 advertises less often than 192.0.2.1");
}

TEST_CASE(account, tells_of_a_different_base_that_is_no_such_thing_yet)
{
    struct lan lan;
    struct carp_packet slow = advert(2, 7, 255, 100);
    slow.advert.advbase = 2;
    lan_begin(&lan);
    send(&lan, 0, &slow);
    say(&lan, 2900, 1, 0, 101);
    say(&lan, 3900, 1, 0, 102);
    EXPECT_TRUE(find(&lan, "long-interval") == NULL);
    expect_finding(&lan, "different-base", 11, 1, "192.0.2.2 has advbase 2, 192.0.2.1 has 1");
}

/* --- addresses ----------------------------------------------------------------------------------
 */

/* Host 2 takes over from host 1, which announced 10.0.0.1. */
static void take_over(struct lan *lan, bool announces)
{
    lan_begin(lan);
    say(lan, 0, 1, 0, 100);
    announce(lan, 1, 1, 7, 1);
    for (uint64_t i = 1; i < 4; i++) {
        say(lan, 1000 * i, 1, 0, 100 + i);
    }
    for (uint64_t i = 0; i < 4; i++) {
        say(lan, 6395 + 1391 * i, 2, 100, 104 + i);
        if (i == 0 && announces) {
            announce(lan, 6396, 2, 7, 1);
        }
    }
}

TEST_CASE(account, misses_an_announcement_after_a_takeover)
{
    struct lan lan;
    take_over(&lan, false);
    expect_finding(&lan, "missing-announcement", 0, 1,
                   "192.0.2.2 took over and did not announce "
                   "10.0.0.1");
    take_over(&lan, true);
    expect_no_findings(&lan);
}

TEST_CASE(account, notices_a_backup_that_announces)
{
    struct lan lan;
    take_over(&lan, true);
    announce(&lan, 11000, 1, 7, 1);
    expect_finding(&lan, "wrong-announcement", 0, 1,
                   "192.0.2.1 announces 10.0.0.1 while it is not");
}

TEST_CASE(account, notices_an_address_under_two_vhids)
{
    struct lan lan;
    struct carp_packet other = advert(3, 8, 0, 100);
    take_over(&lan, true);
    send(&lan, 11000, &other);
    announce(&lan, 11001, 3, 8, 1);
    expect_finding(&lan, "other-vhid", 3, 1, "192.0.2.3 claims 10.0.0.1 under vhid 8");
}

TEST_CASE(account, notices_two_clusters_under_one_vhid)
{
    struct lan lan;
    lan_begin(&lan);
    say(&lan, 0, 1, 0, 100);
    announce(&lan, 1, 1, 7, 1);
    for (uint64_t i = 1; i < 9; i++) {
        say(&lan, 1000 * i, 1, 0, 100 + i);
        say(&lan, 1000 * i + 400, 2, 0, 7000000 + i);
        if (i == 1) {
            announce(&lan, 1401, 2, 7, 99);
        }
    }
    expect_finding(&lan, "two-clusters", 1, 1,
                   "192.0.2.1 announces 10.0.0.1, 192.0.2.2 announces "
                   "10.0.0.99");
}

/* An answer to one host, by a MAC that is nobody's. */
static void answer(struct lan *lan, uint64_t ms, uint8_t mac, uint8_t last, bool gratuitous)
{
    uint8_t bytes[FRAME_MAX];
    const struct frame_arp arp = {.operation = 2,
                                  .destination_mac = {0x02, 0, 0, 0, 0, 0x77},
                                  .source_mac = {0x02, 0, 0, 0, 0, mac},
                                  .sender_mac = {0x02, 0, 0, 0, 0, mac},
                                  .target_mac = {0x02, 0, 0, 0, 0, 0x77},
                                  .sender = {10, 0, 0, last},
                                  .target = {10, 0, 0, gratuitous ? last : 77}};
    feed(lan, ms, bytes, frame_write_arp(&arp, bytes));
}

TEST_CASE(account, notices_a_stranger_that_answers_for_the_address)
{
    struct lan lan;
    take_over(&lan, true);
    answer(&lan, 11000, 0x99, 1, false);
    expect_finding(&lan, "duplicate-address", 17, 1, "10.0.0.1 is also at 02:00:00:00:00:99");
}

TEST_CASE(account, finds_nothing_in_the_answers_of_members_or_for_other_addresses)
{
    struct lan lan;
    take_over(&lan, true);
    answer(&lan, 11000, 1, 1, true);     /* FreeBSD as backup, with its own MAC */
    answer(&lan, 11001, 0x99, 2, false); /* another address */
    expect_no_findings(&lan);
}

/* --- who ----------------------------------------------------------------------------------------
 */

TEST_CASE(account, knows_one_host_by_its_own_mac_over_both_families)
{
    static const uint8_t mac[6] = {0x02, 0, 0, 0, 0, 1};
    struct lan lan;
    struct carp_packet four = advert(1, 7, 0, UINT64_C(1795464000) << 20), six = four;
    memcpy(four.source_mac, mac, sizeof mac);
    memcpy(six.source_mac, mac, sizeof mac);
    six.family = 6;
    six.traffic_class = 0;
    memcpy(six.source, (const uint8_t[16]){0xfe, 0x80, [15] = 1}, 16);
    memcpy(six.destination, (const uint8_t[16]){0xff, 0x02, [15] = 0x12}, 16);
    lan_begin(&lan);
    for (uint64_t i = 0; i < 4; i++) {
        four.advert.counter += 1;
        six.advert.counter = four.advert.counter + 1;
        send(&lan, 1000 * i, &four);
        send(&lan, 1000 * i + 50, &six);
        four.advert.counter += 1;
    }
    for (uint64_t i = 4; i < 10; i++) { /* and then IPv6 is filtered */
        four.advert.counter += 2;
        send(&lan, 1000 * i, &four);
    }
    EXPECT_INT(1, lan.account.node_count);
    EXPECT_INT(1, lan.account.member_count);
    EXPECT_TRUE(account_end(&lan.account));
    EXPECT_INT(ACCOUNT_CARPIO, lan.account.nodes[0].kind);
    EXPECT_STR("192.0.2.1", lan.account.nodes[0].name);
    EXPECT_INT(1, lan.account.reign_count);
    EXPECT_INT(1, lan.account.finding_count);
    EXPECT_INT(30, lan.account.findings[0].trap);
    EXPECT_TRUE(strstr(lan.account.findings[0].text, "IPv6 adverts from 192.0.2.1 do not") != NULL);
    account_free(&lan.account);
}

TEST_CASE(account, does_not_guess_a_kind_that_nothing_shows)
{
    static const struct {
        const char *why;
        uint8_t tos, mac5;
        uint16_t id;
        uint8_t demote;
        enum account_kind kind;
    } rows[] = {
        {"FreeBSD's TOS", 0xe0, 1, 0, 0, ACCOUNT_FREEBSD},
        {"NetBSD's IP ID", 0x10, 1, 0, 0, ACCOUNT_NETBSD},
        {"a demotion count", 0x10, 1, 77, 1, ACCOUNT_OPENBSD},
        {"nothing", 0x10, 1, 77, 0, ACCOUNT_BSD},
        {"UCARP's MAC", 0x10, 0, 77, 0, ACCOUNT_UCARP},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lan lan;
        tk_row(rows[i].why);
        lan_begin(&lan);
        for (uint64_t n = 0; n < 4; n++) {
            struct carp_packet packet = advert(1, 7, 0, 100 + n);
            packet.traffic_class = rows[i].tos;
            packet.source_mac[4] = rows[i].mac5;
            packet.id = rows[i].id;
            packet.advert.demote = rows[i].demote;
            send(&lan, 1000 * n, &packet);
        }
        EXPECT_TRUE(account_end(&lan.account));
        EXPECT_INT(rows[i].kind, lan.account.nodes[0].kind);
        EXPECT_TRUE(lan.account.nodes[0].evidence[0] != '\0');
        account_free(&lan.account);
    }
    tk_row(NULL);
}

/* More of all than there is room for: what there is room for is kept, and it is said that there was
 * more. */
TEST_CASE(account, keeps_within_its_bounds)
{
    struct lan lan;
    lan_begin(&lan);
    for (uint32_t i = 0; i < 20000; i++) {
        struct carp_packet packet = advert((uint8_t)i, (uint8_t)(i >> 4), (uint8_t)i, i * 77777777);
        packet.source[1] = (uint8_t)(i >> 8);
        packet.source[2] = (uint8_t)(i % 251);
        lan.vlan = (uint16_t)(1 + i % 4000);
        send(&lan, i * 10, &packet);
        announce(&lan, i * 10, (uint8_t)i, (uint8_t)(i >> 4), (uint8_t)(i >> 3));
    }
    EXPECT_INT(ACCOUNT_NODES_MAX, lan.account.node_count);
    EXPECT_TRUE(account_end(&lan.account));
    EXPECT_TRUE(find(&lan, "too-much") != NULL);
    account_free(&lan.account);
}
