/*
 * ARP and neighbour advertisements: every refusal by the smallest change to a genuine frame, the
 * nearest accepted neighbours, and nothing written to the caller's struct on a refusal.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/lab.h"
#include "tools/testkit/testkit.h"

/* captures/ucarp-1.5.2.pcap, frame 1: UCARP's gratuitous ARP of 10.99.0.100. */
#define GENUINE_ARP                                                                                \
    "ffffffffffff0200000000010806"                                                                 \
    "00010800060400010200000000010a6300640200000000010a630064"

/* captures/freebsd-13.0-v6-failover-na.pcap: fe80::11's advertisement of 2001:db8:7::8. */
#define GENUINE_NA                                                                                 \
    "33330000000100005e00010786dd"                                                                 \
    "6000000000203afffe800000000000000000000000000011ff020000000000000000000000000001"             \
    "8800cb3e2000000020010db8000700000000000000000008020100005e000107"

enum { ARP_SIZE = 42, NA_SIZE = 86, ICMP = 54, ROOM = 128 };

/* Parse heap copies of exactly this size, so that Valgrind and ASan see a read past their end. */
static bool read_arp(const uint8_t *frame, size_t size, struct frame_arp *arp)
{
    uint8_t *copy = malloc(size);
    memcpy(copy, frame, size);
    bool is_arp = frame_read_arp(copy, size, arp);
    free(copy);
    return is_arp;
}

static bool read_na(const uint8_t *frame, size_t size, struct frame_na *na)
{
    uint8_t *copy = malloc(size);
    memcpy(copy, frame, size);
    bool is_na = frame_read_na(copy, size, na);
    free(copy);
    return is_na;
}

/* --- ARP ------------------------------------------------------------------------------------- */

/* Fields and their values: RFC 826, "Packet format". */
TEST_CASE(arp, is_refused_by_the_smallest_change)
{
    static const struct {
        const char *why;
        int at, value;
        bool want;
    } rows[] = {
        {"as it is", 13, 0x06, true},
        {"EtherType 0807", 13, 0x07, false},
        {"hardware type 6, IEEE 802", 15, 6, false},
        {"hardware type 257", 14, 1, false},
        {"protocol type 0801", 17, 1, false},
        {"hardware addresses of 5 bytes", 18, 5, false},
        {"protocol addresses of 16 bytes", 19, 16, false},
        {"a reply", 21, 2, true},
        {"another target MAC", 32, 0, true},
        {"another target", 41, 101, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t frame[ROOM], again[ROOM];
        struct frame_arp arp, before;
        tk_row(rows[i].why);
        memset(&arp, 0xa5, sizeof arp);
        before = arp;
        tk_unhex(GENUINE_ARP, frame, sizeof frame);
        frame[rows[i].at] = (uint8_t)rows[i].value;
        EXPECT_INT(rows[i].want, read_arp(frame, ARP_SIZE, &arp));
        if (rows[i].want) {
            EXPECT_U64(ARP_SIZE, frame_write_arp(&arp, again));
            EXPECT_BYTES(frame, again, ARP_SIZE);
        } else {
            EXPECT_BYTES(&before, &arp, sizeof arp);
        }
    }
}

TEST_CASE(arp, is_refused_at_every_shorter_length_and_read_with_padding)
{
    uint8_t frame[ROOM] = {0};
    struct frame_arp arp;
    tk_unhex(GENUINE_ARP, frame, sizeof frame);
    for (size_t size = 1; size < ARP_SIZE; size++) {
        EXPECT_TRUE(!read_arp(frame, size, &arp));
    }
    EXPECT_TRUE(read_arp(frame, ARP_SIZE, &arp));
    EXPECT_TRUE(read_arp(frame, 60, &arp)); /* Ethernet's shortest frame, without its FCS */
}

TEST_CASE(arp, has_each_field_where_rfc_826_puts_it)
{
    static const uint8_t mac[6] = {0x02, 0, 0, 0, 0, 0x01}, address[4] = {10, 99, 0, 100};
    uint8_t frame[ROOM];
    struct frame_arp arp;
    tk_unhex(GENUINE_ARP, frame, sizeof frame);
    frame[32] = 0x0e; /* so that the two MACs and the two addresses differ */
    frame[38] = 11;
    EXPECT_TRUE(read_arp(frame, ARP_SIZE, &arp));
    EXPECT_INT(1, arp.operation);
    EXPECT_BYTES(frame, arp.destination_mac, 6);
    EXPECT_BYTES(mac, arp.source_mac, 6);
    EXPECT_BYTES(mac, arp.sender_mac, 6);
    EXPECT_BYTES(address, arp.sender, 4);
    EXPECT_INT(0x0e, arp.target_mac[0]);
    EXPECT_INT(11, arp.target[0]);
}

/* --- neighbour advertisements ---------------------------------------------------------------- */

/* The ICMPv6 checksum over RFC 8200 section 8.1's pseudo-header, apart from the code under test. */
static void fix_icmp(uint8_t *frame)
{
    uint8_t summed[40 + 32] = {[35] = 32, [39] = 58};
    memcpy(summed, frame + 22, 32);
    memcpy(summed + 40, frame + ICMP, 32);
    lab_fix_checksum(summed, sizeof summed, summed + 40 + 2);
    memcpy(frame + ICMP + 2, summed + 40 + 2, 2);
}

/* What a receiver must check: RFC 4861 section 7.1.2. The option's form: section 4.6.1. */
TEST_CASE(neighbour, advertisement_is_refused_by_the_smallest_change)
{
    static const struct {
        const char *why;
        int at, value;
        bool fix, want;
    } rows[] = {
        {"as it is", 13, 0xdd, false, true},
        {"EtherType 86dc", 13, 0xdc, false, false},
        {"IP version 5", 14, 0x50, false, false},
        {"traffic class 0xe0", 14, 0x6e, false, true},
        {"payload length one more", 19, 33, false, false},
        {"payload length one less", 19, 31, false, false},
        {"next header 59, none", 20, 59, false, false},
        {"hop limit 254", 21, 254, false, false},
        {"another source, checksum left", 37, 0x12, false, false},
        {"another source", 37, 0x12, true, true},
        {"a solicitation", ICMP, 135, true, false},
        {"code 1", ICMP + 1, 1, true, false},
        {"checksum off by one", ICMP + 3, 0x3f, false, false},
        {"no flag", ICMP + 4, 0x00, true, true},
        {"the router flag", ICMP + 4, 0x80, true, true},
        {"the solicited flag", ICMP + 4, 0x40, true, true},
        {"all flags", ICMP + 4, 0xe0, true, true},
        {"another target", ICMP + 23, 9, true, true},
        {"a source link-layer address instead", ICMP + 24, 1, true, false},
        {"an option of 16 bytes, where 8 are left", ICMP + 25, 2, true, false},
        {"an option of no size", ICMP + 25, 0, true, false},
        {"another target MAC", ICMP + 31, 8, true, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t frame[ROOM], again[ROOM];
        struct frame_na na, before;
        tk_row(rows[i].why);
        memset(&na, 0, sizeof na);
        na.target[0] = 0xa5;
        before = na;
        memset(frame, 0, sizeof frame);
        tk_unhex(GENUINE_NA, frame, sizeof frame);
        frame[rows[i].at] = (uint8_t)rows[i].value;
        if (rows[i].fix) {
            fix_icmp(frame);
        }
        EXPECT_INT(rows[i].want, read_na(frame, NA_SIZE, &na));
        if (rows[i].want) {
            EXPECT_U64(NA_SIZE, frame_write_na(&na, again));
            EXPECT_BYTES(frame, again, NA_SIZE);
        } else {
            EXPECT_BYTES(&before, &na, sizeof na);
        }
    }
}

TEST_CASE(neighbour, advertisement_with_more_than_its_one_option_is_not_ours_to_read)
{
    uint8_t frame[ROOM] = {0};
    struct frame_na na;
    tk_unhex(GENUINE_NA, frame, sizeof frame);
    EXPECT_TRUE(read_na(frame, NA_SIZE + 8, &na)); /* after the IP length: padding */
    frame[19] = 40;
    EXPECT_TRUE(!read_na(frame, NA_SIZE + 8, &na)); /* within it: an option */
}

TEST_CASE(neighbour, advertisement_is_refused_at_every_shorter_length)
{
    uint8_t frame[ROOM];
    struct frame_na na;
    tk_unhex(GENUINE_NA, frame, sizeof frame);
    for (size_t size = 1; size < NA_SIZE; size++) {
        EXPECT_TRUE(!read_na(frame, size, &na));
    }
    EXPECT_TRUE(read_na(frame, NA_SIZE, &na));
    EXPECT_TRUE(na.override && !na.solicited && !na.router);
}

/* RFC 4861 sections 4.4 and 7.2.6, RFC 4443 section 2.3: type 136, override alone, option 2 with
 * our MAC, to ff02::1. The checksum f910 was computed by a few lines of Python; tshark 4.0 finds it
 * right (icmpv6.checksum.status). The source is the address announced. */
TEST_CASE(neighbour, announcement_of_an_address_is_exactly_these_86_bytes)
{
    static const uint8_t mac[6] = {0x02, 0, 0, 0, 0, 0x01};
    static const uint8_t address[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 7, [15] = 7};
    uint8_t want[NA_SIZE], frame[FRAME_MAX];
    EXPECT_U64(NA_SIZE, tk_unhex("33330000000102000000000186dd"
                                 "6000000000203aff20010db8000700000000000000000007"
                                 "ff020000000000000000000000000001"
                                 "8800f9102000000020010db80007000000000000000000070201020000000001",
                                 want, sizeof want));
    EXPECT_U64(NA_SIZE, frame_announce_ipv6(mac, address, frame));
    EXPECT_BYTES(want, frame, NA_SIZE);
}
