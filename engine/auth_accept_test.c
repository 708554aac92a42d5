/*
 * Which digests are accepted: every accepted key, in every form that a real peer sends, and nothing
 * beside these. Digests are from captures, from OpenBSD's own functions, or computed by Python's
 * hmac over the message written beside them.
 */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "engine/lab.h"
#include "io/crypto_openssl.h"
#include "tools/testkit/testkit.h"

static const uint8_t virtual_mac[6] = {0x00, 0x00, 0x5e, 0x00, 0x01, 0x07};
static const uint8_t by_hand[6] = {0x02, 0, 0, 0, 0, 0x01};

static struct carp_config group(const char *const *addresses)
{
    struct carp_config config = {.vhid = 7, .key_count = 1, .keys = {"secret"}};
    for (; *addresses != NULL; addresses++) {
        if (strchr(*addresses, ':') == NULL) {
            EXPECT_INT(1, inet_pton(AF_INET, *addresses, config.ipv4[config.ipv4_count++]));
        } else {
            EXPECT_INT(1, inet_pton(AF_INET6, *addresses, config.ipv6[config.ipv6_count++]));
        }
    }
    config_sort_addresses(&config);
    return config;
}

static struct carp_advert advert(uint64_t counter, const char *digest)
{
    struct carp_advert read = {.vhid = 7, .counter = counter};
    EXPECT_U64(WIRE_DIGEST_SIZE, tk_unhex(digest, read.digest, sizeof read.digest));
    return read;
}

static bool accepts(const struct carp_config *config, const struct carp_advert *heard,
                    const uint8_t mac[6])
{
    struct carp_crypto crypto;
    if (crypto_openssl_make(config, &crypto) != 0) {
        tk_fail(__FILE__, __LINE__, "no crypto port");
        return false;
    }
    bool right = auth_verify(config, &crypto, heard, mac);
    crypto_openssl_free(&crypto);
    return right;
}

static const char *const one[] = {"192.0.2.7", NULL};

/* Two adverts signed with `secret`: captures/netbsd-7.99.34-v4-one.pcap, the first one, and OpenBSD
 * with a MAC set by hand (testdata's digest of its own functions). */
TEST_CASE(auth_accept, takes_any_accepted_key_wherever_it_stands)
{
    struct carp_advert plain =
        advert(UINT64_C(0x39d458789acd52c7), "08fa2e837f50744b25d2313d6cf56ba96f40cbb4");
    struct carp_advert with_mac =
        advert(UINT64_C(0x0011223344556677), "9f4af13744443718448421dcceb8abdbe5cc2675");
    for (uint8_t at = 0; at < CARP_KEYS_MAX; at++) {
        struct carp_config config = group(one);
        memset(config.keys, 0, sizeof config.keys);
        for (int i = 0; i < CARP_KEYS_MAX; i++) {
            memcpy(config.keys[i], i == at ? "secret" : "Secret", 6);
        }
        config.key_count = (uint8_t)(at + 1);
        EXPECT_TRUE(accepts(&config, &plain, virtual_mac));
        EXPECT_TRUE(accepts(&config, &plain, by_hand));
        EXPECT_TRUE(accepts(&config, &with_mac, by_hand));
        EXPECT_TRUE(!accepts(&config, &with_mac, virtual_mac));
        config.key_count = at;
        if (at > 0) { /* the key is there, but not counted */
            EXPECT_TRUE(!accepts(&config, &plain, virtual_mac));
            EXPECT_TRUE(!accepts(&config, &with_mac, by_hand));
        }
    }
}

/* Message: 02 01 020000000001 07, 2001:db8:7::7, [fe80::7,] 0011223344556677. */
TEST_CASE(auth_accept, takes_a_signed_mac_with_and_without_link_local_addresses)
{
    static const char *const addresses[] = {"fe80::7", "2001:db8:7::7", NULL};
    struct carp_config config = group(addresses);
    struct carp_advert with =
        advert(UINT64_C(0x0011223344556677), "0775313c13d1c62b22c6455d32111066625bb867");
    struct carp_advert without =
        advert(UINT64_C(0x0011223344556677), "ac6ef347556948ac5988b37fd0a4e725693a7e46");
    EXPECT_TRUE(accepts(&config, &with, by_hand));
    EXPECT_TRUE(accepts(&config, &without, by_hand));
    EXPECT_TRUE(!accepts(&config, &with, virtual_mac));
    EXPECT_TRUE(!accepts(&config, &without, virtual_mac));
}

/* Nobody signs a virtual MAC or one of many (OpenBSD carp_hmac_prepare_ctx()): a digest that covers
 * the very MAC it comes from is refused for these. Message: 02 01 MAC 07, 192.0.2.7,
 * 0011223344556677. */
TEST_CASE(auth_accept, never_takes_a_virtual_or_multicast_mac_for_a_signed_one)
{
    static const struct {
        const char *why;
        uint8_t mac[6];
        const char *digest;
        bool want;
    } rows[] = {
        {"set by hand", {0x02, 0, 0, 0, 0, 0x01}, "9f4af13744443718448421dcceb8abdbe5cc2675", true},
        {"as set by hand, but of a group",
         {0x03, 0, 0, 0, 0, 0x01},
         "0ce1f066ae3d7d604bbe904f7b957c823ad75086",
         false},
        {"BSD's virtual MAC",
         {0x00, 0x00, 0x5e, 0x00, 0x01, 0x07},
         "ab9622b2989e10d66defd0d598cbfca1a41a19df",
         false},
        {"UCARP's",
         {0x00, 0x00, 0x5e, 0x00, 0x00, 0x07},
         "4b12e20266c8edbe03bb0cf795be868abe2df854",
         false},
        {"OpenBSD's when it balances",
         {0x01, 0x00, 0x5e, 0x00, 0x01, 0x07},
         "c8957e8539d18920e8d7f074d28e94d927669a81",
         false},
    };
    struct carp_config config = group(one);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tk_row(rows[i].why);
        struct carp_advert heard = advert(UINT64_C(0x0011223344556677), rows[i].digest);
        EXPECT_INT(rows[i].want, accepts(&config, &heard, rows[i].mac));
    }
}

/* --- what is signed ---------------------------------------------------------------------------
 */

/* Link-local is fe80::/10, so up to febf:... (RFC 4291 section 2.4). fec0::/10 was site-local. */
TEST_CASE(auth_accept, knows_link_local_addresses_by_their_first_ten_bits)
{
    static const struct {
        const char *address;
        bool link_local;
    } rows[] = {
        {"fe80::1", true},  {"fe81::1", true},  {"febf:ffff::1", true}, {"fec0::1", false},
        {"fe7f::1", false}, {"ff80::1", false}, {"fd80::1", false},     {"::fe80", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *const addresses[] = {rows[i].address, NULL};
        struct carp_config config = group(addresses);
        uint8_t prefix[AUTH_PREFIX_MAX], want[3 + 16] = {2, 1, 7};
        inet_pton(AF_INET6, rows[i].address, want + 3);
        tk_row(rows[i].address);
        EXPECT_U64(rows[i].link_local ? 3 : 19,
                   auth_prefix(&config, AUTH_WITHOUT_LINK_LOCAL, NULL, prefix));
        EXPECT_U64(19, auth_prefix(&config, AUTH_WITH_LINK_LOCAL, NULL, prefix));
        EXPECT_BYTES(want, prefix, sizeof want);
    }
}

/* captures/freebsd-13.0-v6-four-linklocal.pcap: its order, from any order of configuration, with
 * one address given twice and one that differs in its last byte only. */
TEST_CASE(auth_accept, sorts_ipv6_addresses_by_all_their_bytes_and_drops_repetitions)
{
    static const char *const given[] = {"fe80::7",   "2001:db8:7::200", "2001:db8:7::7",
                                        "fd00:7::1", "2001:db8:7::200", "fe80::7",
                                        NULL};
    uint8_t prefix[AUTH_PREFIX_MAX], want[3 + 4 * 16];
    struct carp_config config = group(given);
    EXPECT_INT(4, config.ipv6_count);
    EXPECT_U64(sizeof want, tk_unhex("02010720010db8000700000000000000000007"
                                     "20010db8000700000000000000000200"
                                     "fd000007000000000000000000000001"
                                     "fe800000000000000000000000000007",
                                     want, sizeof want));
    EXPECT_U64(sizeof want, auth_prefix(&config, AUTH_WITH_LINK_LOCAL, NULL, prefix));
    EXPECT_BYTES(want, prefix, sizeof want);
}

TEST_CASE(auth_accept, sorts_full_lists_and_finds_every_repetition)
{
    struct carp_config config = {.ipv4_count = CARP_ADDRESSES_MAX, .ipv6_count = 0};
    for (uint8_t i = 0; i < CARP_ADDRESSES_MAX; i++) { /* 63, 63, 62, 62 ... */
        config.ipv4[i][3] = (uint8_t)(63 - i / 2);
    }
    config_sort_addresses(&config);
    EXPECT_INT(32, config.ipv4_count);
    EXPECT_INT(0, config.ipv6_count);
    for (uint8_t i = 0; i < 32; i++) {
        EXPECT_INT(32 + i, config.ipv4[i][3]);
    }
}

/* --- why it failed, asked of genuine adverts ----------------------------------------------------
 */

static struct auth_explanation explain(const struct carp_config *config,
                                       const struct carp_advert *heard,
                                       const struct auth_hints *hints)
{
    struct carp_crypto crypto;
    struct auth_explanation found = {.difference = AUTH_UNEXPLAINED};
    if (crypto_openssl_make(config, &crypto) != 0) {
        tk_fail(__FILE__, __LINE__, "no crypto port");
        return found;
    }
    found = auth_explain(config, &crypto, heard, hints);
    crypto_openssl_free(&crypto);
    return found;
}

/* captures/freebsd-13.0-v6-four-linklocal.pcap, the first advert: FreeBSD signs fe80::7 too, so the
 * difference shows in that form alone. */
TEST_CASE(auth_accept, explains_adverts_that_sign_link_local_addresses)
{
    static const char *const fewer[] = {"2001:db8:7::200", "fe80::7", "2001:db8:7::7", NULL};
    static const char *const more[] = {"2001:db8:7::200", "2001:db8:7::300", "fe80::7",
                                       "2001:db8:7::7",   "fd00:7::1",       NULL};
    static const uint8_t known[1][17] = {{6, 0xfd, 0, 0, 7, [16] = 1}};
    static const struct auth_hints hints = {.addresses = known, .address_count = 1};
    struct carp_advert heard =
        advert(UINT64_C(0x3fdd1a8529966ddc), "6ba37adb932ff3bd310441ccc13a41a35ababccf");
    struct carp_config config = group(fewer);
    struct auth_explanation found = explain(&config, &heard, &hints);
    EXPECT_INT(AUTH_ADDRESS_EXTRA, found.difference);
    EXPECT_INT(6, found.family);
    EXPECT_BYTES(known[0] + 1, found.address, 16);

    uint8_t lacking[16];
    inet_pton(AF_INET6, "2001:db8:7::300", lacking);
    config = group(more);
    found = explain(&config, &heard, &hints);
    EXPECT_INT(AUTH_ADDRESS_MISSING, found.difference);
    EXPECT_BYTES(lacking, found.address, 16);
}

/* captures/netbsd-7.99.34-v4-three.pcap, the first advert: 192.0.2.7 goes before the two that are
 * ours, so it must be sorted in. Our second key is the right one. */
TEST_CASE(auth_accept, explains_an_address_that_is_signed_before_ours_with_our_second_key)
{
    static const char *const two[] = {"192.0.2.200", "198.51.100.3", NULL};
    static const uint8_t known[2][17] = {{4, 192, 0, 2, 8}, {4, 192, 0, 2, 7}};
    static const struct auth_hints hints = {.addresses = known, .address_count = 2};
    struct carp_advert heard =
        advert(UINT64_C(0xc45a6c8ed7489371), "a657973961fdc8804a18699aa3847fe26b0a453e");
    struct carp_config config = group(two);
    memcpy(config.keys, (const uint8_t[2][CARP_KEY_SIZE]){"Secret", "secret"}, 2 * CARP_KEY_SIZE);
    config.key_count = 2;
    struct auth_explanation found = explain(&config, &heard, &hints);
    EXPECT_INT(AUTH_ADDRESS_EXTRA, found.difference);
    EXPECT_INT(4, found.family);
    EXPECT_BYTES(known[1] + 1, found.address, 4);
    config.key_count = 1;
    EXPECT_INT(AUTH_UNEXPLAINED, explain(&config, &heard, &hints).difference);
}

/* captures/netbsd-7.99.34-v4-badkey.pcap, the first advert of 192.0.2.12: it signs with `Secret`.
 */
TEST_CASE(auth_accept, explains_two_nodes_with_two_keys)
{
    static const uint8_t keys[3][CARP_KEY_SIZE] = {"SECRET", "secre", "Secret"};
    struct auth_hints hints = {.keys = keys, .key_count = 3};
    struct carp_advert heard =
        advert(UINT64_C(0x5a02f1261ac0bdf0), "202b679a4bffe942ac11c5b1f152be9f54606cbd");
    struct carp_config config = group(one);
    struct auth_explanation found = explain(&config, &heard, &hints);
    EXPECT_INT(AUTH_OTHER_KEY, found.difference);
    EXPECT_INT(2, found.key);
    hints.key_count = 2;
    EXPECT_INT(AUTH_UNEXPLAINED, explain(&config, &heard, &hints).difference);
}

/* With 64 addresses there is no room to try one more: unexplained, and nothing overrun. */
TEST_CASE(auth_accept, explains_nothing_more_than_fits)
{
    static const uint8_t known[2][17] = {{4, 192, 0, 2, 7}, {6, 0xfd, [16] = 1}};
    static const struct auth_hints hints = {.addresses = known, .address_count = 2};
    struct carp_advert heard =
        advert(UINT64_C(0x39d458789acd52c7), "08fa2e837f50744b25d2313d6cf56ba96f40cbb4");
    struct carp_config config = group((const char *const[]){NULL});
    config.ipv4_count = config.ipv6_count = CARP_ADDRESSES_MAX;
    for (uint8_t i = 0; i < CARP_ADDRESSES_MAX; i++) {
        memcpy(config.ipv4[i], (const uint8_t[]){10, 0, 0, i}, 4);
        memcpy(config.ipv6[i], (const uint8_t[16]){0x20, 0x01, [15] = i}, 16);
    }
    EXPECT_INT(AUTH_UNEXPLAINED, explain(&config, &heard, &hints).difference);
}
