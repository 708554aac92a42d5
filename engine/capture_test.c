/*
 * Every frame of every genuine capture: adverts are read, verified and written back to the same
 * bytes, ARP and neighbour advertisements too. What each file holds, and with which key, is in
 * testdata/README.md; how many frames of which kind was counted with tcpdump, for example
 *     tcpdump -nr FILE 'ip6 proto 112' | wc -l
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "engine/lab.h"
#include "io/crypto_openssl.h"
#include "tools/testkit/testkit.h"

enum { FILE_SIZE_MAX = 16384, ADDRESSES = 5 };

/* The group that a capture's adverts belong to. NULL key: 20 zero bytes. */
struct group {
    uint8_t vhid;
    const char *key;
    const char *addresses[ADDRESSES];
};

static const struct capture {
    const char *file;
    struct group groups[2]; /* a second one for files with two */
    int ipv4, ipv6, arp, na, others;
} captures[] = {
    {"ucarp-1.5.2", {{42, "test-pass-1", {"10.99.0.100"}}}, 28, 0, 9, 0, 0},
    {"netbsd-7.99.34-v4-one", {{7, "secret", {"192.0.2.7"}}}, 5, 0, 2, 0, 1},
    {"netbsd-7.99.34-v4-three",
     {{7, "secret", {"192.0.2.200", "198.51.100.3", "192.0.2.7"}}},
     5,
     0,
     4,
     0,
     1},
    {"netbsd-7.99.34-v4-failover-bowout",
     {{7, "secret", {"192.0.2.7", "192.0.2.8"}}},
     19,
     0,
     8,
     0,
     2},
    {"netbsd-7.99.34-v4-advbase0", {{7, "secret", {"192.0.2.7"}}}, 9, 0, 2, 0, 1},
    {"netbsd-7.99.34-v4-nokey", {{7, NULL, {"192.0.2.7"}}}, 4, 0, 1, 0, 1},
    {"netbsd-7.99.34-v4-two-carp-counter", {{1, "secret", {"10.77.1.1"}}}, 17, 0, 2, 0, 0},
    {"netbsd-7.99.34-v4-suppress",
     {{1, "secret", {"10.77.1.1"}}, {3, "secret", {"10.77.1.3"}}},
     28,
     0,
     5,
     0,
     0},
    {"freebsd-13.0-v4-one", {{7, "secret", {"192.0.2.7"}}}, 5, 0, 2, 0, 0},
    {"freebsd-13.0-v6-one", {{7, "secret", {"2001:db8:7::7"}}}, 0, 6, 1, 0, 2},
    {"freebsd-13.0-v6-four-linklocal",
     {{7, "secret", {"2001:db8:7::200", "fe80::7", "2001:db8:7::7", "fd00:7::1"}}},
     0,
     6,
     1,
     0,
     5},
    {"freebsd-13.0-mixed",
     {{7, "secret", {"2001:db8:7::200", "192.0.2.200", "fe80::7", "192.0.2.7", "2001:db8:7::7"}}},
     6,
     6,
     3,
     0,
     4},
    {"freebsd-13.0-mixed-failover-demotion",
     {{7, "secret", {"192.0.2.7", "192.0.2.8", "2001:db8:7::7"}}},
     23,
     23,
     16,
     0,
     2},
    {"freebsd-13.0-v6-failover-na",
     {{7, "secret", {"2001:db8:7::7", "2001:db8:7::8"}}},
     0,
     10,
     2,
     4,
     4},
    {"freebsd-13.0-v4-demotion-negative",
     {{1, "secret", {"10.77.1.1"}}, {2, "secret", {"10.77.1.2"}}},
     37,
     0,
     0,
     0,
     0},
    {"freebsd-13.0-mixed-half-heard",
     {{7, "secret", {"10.77.1.7", "2001:db8:7::7"}}},
     24,
     8,
     4,
     0,
     0},
    {"netbsd-freebsd-v4-failover", {{7, "secret", {"192.0.2.7", "192.0.2.8"}}}, 19, 0, 10, 0, 1},
    {"freebsd-freebsd-v4-equal-livelock", {{1, "secret", {"10.77.1.1"}}}, 16, 0, 32, 0, 0},
    {"ucarp-freebsd-v4-equal-partition", {{21, "secret", {"10.77.1.21"}}}, 12, 0, 3, 0, 0},
    {"ucarp-freebsd-v4-preempt", {{31, "secret", {"10.77.1.31"}}}, 9, 0, 5, 0, 0},
    {"ucarp-netbsd-v4-equal-livelock", {{48, "secret", {"10.77.1.48"}}}, 26, 0, 14, 0, 0},
};

static struct carp_config config_of(const struct group *group)
{
    struct carp_config config = {.vhid = group->vhid, .key_count = 1};
    if (group->key != NULL) {
        memcpy(config.keys[0], group->key, strlen(group->key));
    }
    for (int i = 0; i < ADDRESSES && group->addresses[i] != NULL; i++) {
        bool ipv4 = inet_pton(AF_INET, group->addresses[i], config.ipv4[config.ipv4_count]) == 1;
        if (ipv4) {
            config.ipv4_count++;
        } else {
            EXPECT_INT(1,
                       inet_pton(AF_INET6, group->addresses[i], config.ipv6[config.ipv6_count++]));
        }
    }
    config_sort_addresses(&config);
    return config;
}

/* One advert under one group: right as it is, wrong with any bit of the digest flipped. */
static void expect_signed(const struct group *group, const struct carp_packet *packet)
{
    struct carp_config config = config_of(group);
    struct carp_crypto crypto;
    ASSERT_TRUE(crypto_openssl_make(&config, &crypto) == 0);
    EXPECT_TRUE(auth_verify(&config, &crypto, &packet->advert, packet->source_mac));
    for (int bit = 0; bit < 8 * WIRE_DIGEST_SIZE; bit++) {
        struct carp_advert flipped = packet->advert;
        flipped.digest[bit / 8] ^= (uint8_t)(1 << bit % 8);
        EXPECT_TRUE(!auth_verify(&config, &crypto, &flipped, packet->source_mac));
    }
    crypto_openssl_free(&crypto);
}

/* Read, verify, write again; counts the frame by kind. */
static void check_frame(const struct capture *capture, const uint8_t *frame, size_t size,
                        struct capture *seen)
{
    uint8_t again[256];
    struct carp_packet packet;
    struct frame_arp arp;
    struct frame_na na;
    if (frame_parse(frame, size, &packet) == CARP_ACCEPTED) {
        const struct group *group = &capture->groups[0];
        if (group->vhid != packet.advert.vhid) {
            group = &capture->groups[1];
        }
        EXPECT_INT(group->vhid, packet.advert.vhid);
        expect_signed(group, &packet);
        EXPECT_U64(size, frame_write(&packet, again));
        EXPECT_BYTES(frame, again, size);
        *(packet.family == 4 ? &seen->ipv4 : &seen->ipv6) += 1;
    } else if (frame_read_arp(frame, size, &arp)) {
        EXPECT_U64(42, frame_write_arp(&arp, again));
        EXPECT_BYTES(frame, again, 42);
        seen->arp += 1;
    } else if (frame_read_na(frame, size, &na)) {
        EXPECT_U64(size, frame_write_na(&na, again));
        EXPECT_BYTES(frame, again, size);
        seen->na += 1;
    } else {
        seen->others += 1;
    }
}

static size_t read_capture(const char *name, uint8_t bytes[FILE_SIZE_MAX])
{
    char path[128];
    snprintf(path, sizeof path, "engine/testdata/captures/%s.pcap", name);
    return lab_read_file(path, bytes, FILE_SIZE_MAX);
}

TEST_CASE(captures, are_read_verified_and_written_back_byte_for_byte)
{
    static uint8_t bytes[FILE_SIZE_MAX];
    for (size_t i = 0; i < sizeof captures / sizeof *captures; i++) {
        const struct capture *capture = &captures[i];
        struct capture seen = {0};
        const uint8_t *frame;
        size_t at = 0, size, file_size = read_capture(capture->file, bytes);
        tk_row(capture->file);
        while ((frame = lab_pcap_next(bytes, file_size, &at, &size)) != NULL) {
            check_frame(capture, frame, size, &seen);
        }
        EXPECT_INT(capture->ipv4, seen.ipv4);
        EXPECT_INT(capture->ipv6, seen.ipv6);
        EXPECT_INT(capture->arp, seen.arp);
        EXPECT_INT(capture->na, seen.na);
        EXPECT_INT(capture->others, seen.others);
    }
}

/* netbsd-7.99.34-v4-badkey, whose two nodes have two keys: read and written back like the others.
 * Nine adverts, four ARP, two neighbour solicitations, by
 *     tshark -r FILE -T fields -e eth.type -e ip.proto -e icmpv6.type | sort | uniq -c */
TEST_CASE(captures, of_two_keys_are_written_back_byte_for_byte)
{
    static uint8_t bytes[FILE_SIZE_MAX];
    static const struct capture nodes[2] = {{.groups = {{7, "secret", {"192.0.2.7"}}}},
                                            {.groups = {{7, "Secret", {"192.0.2.7"}}}}};
    struct capture seen = {0};
    const uint8_t *frame;
    size_t at = 0, size, file_size = read_capture("netbsd-7.99.34-v4-badkey", bytes);
    while ((frame = lab_pcap_next(bytes, file_size, &at, &size)) != NULL) {
        int node = frame[29] == 11 ? 0 : 1; /* the last byte of an IPv4 source: 192.0.2.11 is A */
        check_frame(&nodes[node], frame, size, &seen);
    }
    EXPECT_INT(9, seen.ipv4);
    EXPECT_INT(0, seen.ipv6);
    EXPECT_INT(4, seen.arp);
    EXPECT_INT(0, seen.na);
    EXPECT_INT(2, seen.others);
}

/* netbsd-7.99.34-v4-badkey: A signs with `secret`, B with `Secret`; nine adverts, by tcpdump. */
TEST_CASE(captures, are_refused_under_another_key)
{
    static uint8_t bytes[FILE_SIZE_MAX];
    static const struct group nodes[2] = {{7, "secret", {"192.0.2.7"}},
                                          {7, "Secret", {"192.0.2.7"}}};
    struct carp_config config[2];
    struct carp_crypto crypto[2];
    for (int i = 0; i < 2; i++) {
        config[i] = config_of(&nodes[i]);
        ASSERT_TRUE(crypto_openssl_make(&config[i], &crypto[i]) == 0);
    }
    const uint8_t *frame;
    int count = 0;
    size_t at = 0, size, file_size = read_capture("netbsd-7.99.34-v4-badkey", bytes);
    while ((frame = lab_pcap_next(bytes, file_size, &at, &size)) != NULL) {
        struct carp_packet packet;
        if (frame_parse(frame, size, &packet) != CARP_ACCEPTED) {
            continue;
        }
        int node = packet.source[3] == 11 ? 0 : 1;
        EXPECT_TRUE(auth_verify(&config[node], &crypto[node], &packet.advert, packet.source_mac));
        EXPECT_TRUE(
            !auth_verify(&config[1 - node], &crypto[1 - node], &packet.advert, packet.source_mac));
        count++;
    }
    EXPECT_INT(9, count);
    for (int i = 0; i < 2; i++) {
        crypto_openssl_free(&crypto[i]);
    }
}

/* OpenBSD's two digests, by its own functions of ip_carp.c 1.270 compiled alone: what it sends
 * leaves link-local addresses out, what it accepts too has them. Counter 0011223344556677. */
TEST_CASE(captures, match_the_digests_that_openbsds_code_computes)
{
    static const struct {
        struct group group;
        const char *sent, *accepted_too;
    } rows[] = {
        {{7, "secret", {"192.0.2.7"}}, "b6a88d4e4b64e6134813bf15fd19ce8ce7a610c3", NULL},
        {{7, "secret", {"192.0.2.200", "198.51.100.3", "192.0.2.7"}},
         "c75a2418cc33c8cf05abca269725436173288d57",
         NULL},
        {{7, "secret", {"2001:db8:7::7"}}, "34adb8037af737f2e315c5a139a86e978024ed15", NULL},
        {{7, "secret", {"2001:db8:7::200", "fe80::7", "2001:db8:7::7", "fd00:7::1"}},
         "b335ef4809e84aab1efbb5a0ef50978224872487",
         "2423a28d3968ed2376fcc911d86787fc4d29e568"},
        {{7, "secret", {"2001:db8:7::200", "192.0.2.200", "fe80::7", "192.0.2.7", "2001:db8:7::7"}},
         "06d54389354097de0b81462aaaa8582a9e8eba5e",
         "1e782a1f10e1f8724fc72c567b2e1c40721fe675"},
        {{255, "01234567890123456789", {"192.0.2.254"}},
         "38ec1395ba9c11303044cdb976658fffe1bd8d9c",
         NULL},
        {{7, NULL, {"192.0.2.7"}}, "72359ee867374f0c1040b8990a7725e15769970f", NULL},
    };
    static const uint8_t virtual_mac[6] = {0x00, 0x00, 0x5e, 0x00, 0x01, 0x07};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct carp_config config = config_of(&rows[i].group);
        struct carp_crypto crypto;
        struct carp_advert ours = {.vhid = config.vhid, .counter = UINT64_C(0x0011223344556677)};
        struct carp_advert theirs = ours;
        tk_row(rows[i].sent);
        ASSERT_TRUE(crypto_openssl_make(&config, &crypto) == 0);
        EXPECT_U64(20, tk_unhex(rows[i].sent, theirs.digest, sizeof theirs.digest));
        auth_sign(&crypto, &ours);
        EXPECT_BYTES(theirs.digest, ours.digest, WIRE_DIGEST_SIZE);
        EXPECT_TRUE(auth_verify(&config, &crypto, &theirs, virtual_mac));
        if (rows[i].accepted_too != NULL) {
            tk_unhex(rows[i].accepted_too, theirs.digest, sizeof theirs.digest);
            EXPECT_TRUE(auth_verify(&config, &crypto, &theirs, virtual_mac));
        }
        crypto_openssl_free(&crypto);
    }
}

/* The same source with the carp interface's MAC set by hand: signed between type and vhid. */
TEST_CASE(captures, match_the_digest_of_openbsd_with_a_mac_set_by_hand)
{
    static const uint8_t mac[6] = {0x02, 0, 0, 0, 0, 0x01}, other[6] = {0x02, 0, 0, 0, 0, 0x02};
    struct group group = {7, "secret", {"192.0.2.7"}};
    struct carp_config config = config_of(&group);
    struct carp_crypto crypto;
    struct carp_advert advert = {.vhid = 7, .counter = UINT64_C(0x0011223344556677)};
    tk_unhex("9f4af13744443718448421dcceb8abdbe5cc2675", advert.digest, sizeof advert.digest);
    ASSERT_TRUE(crypto_openssl_make(&config, &crypto) == 0);
    EXPECT_TRUE(auth_verify(&config, &crypto, &advert, mac));
    EXPECT_TRUE(!auth_verify(&config, &crypto, &advert, other));
    crypto_openssl_free(&crypto);
}
