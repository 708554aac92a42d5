/*
 * The binding of the crypto port. Digests of genuine adverts are in engine/capture_test.c and
 * engine/vectors_test.c; here are RFC 2202 and the port's own promises.
 */
#include <string.h>

#include "io/crypto_openssl.h"
#include "tools/testkit/testkit.h"

static struct carp_config two_keys(void)
{
    return (struct carp_config){
        .vhid = 7,
        .key_count = 2,
        .keys = {"first", "second"},
        .ipv4_count = 1,
        .ipv4 = {{192, 0, 2, 7}},
        .ipv6_count = 2,
        .ipv6 = {{0x20, 0x01, 0x0d, 0xb8, [15] = 7}, {0xfe, 0x80, [15] = 7}},
    };
}

/* RFC 2202 section 3, cases 1, 2, 3, 5: those whose key is no longer than CARP's 20 bytes; the keys
 * of 4 (25 bytes), 6 and 7 (80 bytes) are longer and can never be given. A shorter key is padded
 * with zeros, which HMAC does too (RFC 2104), so case 2 holds. */
TEST_CASE(crypto, computes_the_digests_of_rfc_2202)
{
    static const struct {
        const char *why, *key, *message, *digest;
    } rows[] = {
        {"case 1", "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
         "b617318655057264e28bc0b6fb378c8ef146be00"},
        {"case 2: Jefe", "4a65666500000000000000000000000000000000",
         "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
         "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
        {"case 3", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"
         "dddddddddddd",
         "125d7342b9ac11cd91a39af48aa17b4f63f175d3"},
        {"case 5", "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c",
         "546573742057697468205472756e636174696f6e", "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04"},
    };
    struct carp_config config = two_keys();
    struct carp_crypto crypto;
    ASSERT_TRUE(crypto_openssl_make(&config, &crypto) == 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t key[CARP_KEY_SIZE], message[64], want[20], got[20];
        tk_row(rows[i].why);
        EXPECT_U64(20, tk_unhex(rows[i].key, key, sizeof key));
        size_t size = tk_unhex(rows[i].message, message, sizeof message);
        EXPECT_U64(20, tk_unhex(rows[i].digest, want, sizeof want));
        crypto.hmac(crypto.self, key, message, size, got);
        EXPECT_BYTES(want, got, sizeof want);
    }
    crypto_openssl_free(&crypto);
}

/* RFC 2202 case 5 also gives the first 96 bits, for those who cut; CARP sends all 160. */
TEST_CASE(crypto, begins_its_digest_as_the_cut_one_of_rfc_2202)
{
    struct carp_config config = two_keys();
    struct carp_crypto crypto;
    uint8_t key[CARP_KEY_SIZE], want[12], got[20];
    static const char message[] = "Test With Truncation";
    ASSERT_TRUE(crypto_openssl_make(&config, &crypto) == 0);
    memset(key, 0x0c, sizeof key);
    EXPECT_U64(12, tk_unhex("4c1a03424b55e07fe7f27be1", want, sizeof want));
    crypto.hmac(crypto.self, key, (const uint8_t *)message, strlen(message), got);
    EXPECT_BYTES(want, got, sizeof want);
    crypto_openssl_free(&crypto);
}

/* The digest of the general way, which RFC 2202 vouches for, over what is signed. */
static void sign_slowly(const struct carp_crypto *crypto, const struct carp_config *config,
                        unsigned key, enum auth_form form, uint64_t counter, uint8_t digest[20])
{
    uint8_t message[AUTH_PREFIX_MAX + 8];
    size_t size = auth_prefix(config, form, NULL, message);
    for (int shift = 56; shift >= 0; shift -= 8) {
        message[size++] = (uint8_t)(counter >> shift);
    }
    crypto->hmac(crypto->self, config->keys[key], message, size, digest);
}

/* As many keys as there can be, one of them of 20 bytes; the longest prefix there can be; and
 * groups of one family, where both forms are one. */
TEST_CASE(crypto, prepares_every_slot_for_groups_of_every_size)
{
    static const struct {
        const char *why;
        uint8_t ipv4_count, ipv6_count;
        bool forms_differ;
    } rows[] = {
        {"IPv4 only", 1, 0, false},
        {"IPv6 only, link-local", 0, 1, true},
        {"as many as there can be", CARP_ADDRESSES_MAX, CARP_ADDRESSES_MAX, true},
    };
    static const uint64_t counters[] = {0, 1, UINT64_C(0x0123456789abcdef), UINT64_MAX};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct carp_config config = two_keys();
        struct carp_crypto crypto;
        tk_row(rows[i].why);
        config.key_count = CARP_KEYS_MAX;
        memcpy(config.keys[2], "12345678901234567890", CARP_KEY_SIZE);
        memcpy(config.keys[3], "4", 1);
        config.ipv4_count = rows[i].ipv4_count;
        config.ipv6_count = rows[i].ipv6_count;
        for (uint8_t k = 0; k < CARP_ADDRESSES_MAX; k++) {
            memcpy(config.ipv4[k], (uint8_t[]){10, 0, 0, k}, 4);
            memcpy(config.ipv6[k], (uint8_t[16]){0xfe, 0x80, [15] = k}, 16);
        }
        ASSERT_TRUE(crypto_openssl_make(&config, &crypto) == 0);
        uint8_t all[CARP_KEYS_MAX][AUTH_FORM_COUNT][20];
        for (unsigned key = 0; key < CARP_KEYS_MAX; key++) {
            for (size_t c = 0; c < sizeof counters / sizeof *counters; c++) {
                for (int form = 0; form < AUTH_FORM_COUNT; form++) {
                    uint8_t want[20], *got = all[key][form];
                    sign_slowly(&crypto, &config, key, (enum auth_form)form, counters[c], want);
                    crypto.digest(crypto.self, key, (enum auth_form)form, counters[c], got);
                    EXPECT_BYTES(want, got, sizeof want);
                }
            }
            EXPECT_INT(rows[i].forms_differ, memcmp(all[key][0], all[key][1], 20) != 0);
            EXPECT_TRUE(key == 0 || memcmp(all[key][0], all[key - 1][0], 20) != 0);
        }
        crypto_openssl_free(&crypto);
    }
}

/* What one instance was made from may change or go, and so may the other instance. */
TEST_CASE(crypto, keeps_its_own_copy_of_everything)
{
    struct carp_config config = two_keys(), other = two_keys();
    struct carp_crypto one, two;
    uint8_t want[20], got[20];
    ASSERT_TRUE(crypto_openssl_make(&config, &one) == 0);
    one.digest(one.self, 1, AUTH_WITH_LINK_LOCAL, 7, want);
    memset(&config, 0xff, sizeof config);
    memcpy(other.keys[1], "third", 6);
    ASSERT_TRUE(crypto_openssl_make(&other, &two) == 0);
    two.digest(two.self, 1, AUTH_WITH_LINK_LOCAL, 7, got);
    EXPECT_TRUE(memcmp(want, got, sizeof want) != 0);
    crypto_openssl_free(&two);
    one.digest(one.self, 1, AUTH_WITH_LINK_LOCAL, 7, got);
    EXPECT_BYTES(want, got, sizeof want);
    crypto_openssl_free(&one);
}

/* The prepared way and the general one agree, for each key and form, in any order of calls, with
 * two instances at once. */
TEST_CASE(crypto, prepares_each_key_and_form_on_its_own)
{
    struct carp_config a = two_keys(), b = two_keys();
    struct carp_crypto crypto[2];
    b.vhid = 8;
    ASSERT_TRUE(crypto_openssl_make(&a, &crypto[0]) == 0);
    ASSERT_TRUE(crypto_openssl_make(&b, &crypto[1]) == 0);
    for (int turn = 0; turn < 32; turn++) {
        const struct carp_config *config = turn & 1 ? &b : &a;
        const struct carp_crypto *of = &crypto[turn & 1];
        unsigned key = (unsigned)turn >> 1 & 1;
        enum auth_form form = turn >> 2 & 1 ? AUTH_WITH_LINK_LOCAL : AUTH_WITHOUT_LINK_LOCAL;
        uint64_t counter = UINT64_C(0x1122334455667788) * (unsigned)turn;
        uint8_t want[20], got[20];
        sign_slowly(of, config, key, form, counter, want);
        of->digest(of->self, key, form, counter, got);
        EXPECT_BYTES(want, got, sizeof want);
    }
    crypto_openssl_free(&crypto[0]);
    crypto_openssl_free(&crypto[1]);
}

TEST_CASE(crypto, is_freed_once_however_often_that_is_asked)
{
    struct carp_config config = two_keys();
    struct carp_crypto crypto;
    ASSERT_TRUE(crypto_openssl_make(&config, &crypto) == 0);
    crypto_openssl_free(&crypto);
    EXPECT_TRUE(crypto.self == NULL);
    crypto_openssl_free(&crypto);

    struct carp_crypto zeroed = {0};
    crypto_openssl_free(&zeroed);
    EXPECT_TRUE(zeroed.self == NULL);
}

/* A group without keys is never run, and no reason to fail here. */
TEST_CASE(crypto, is_made_for_a_group_without_keys)
{
    struct carp_config config = two_keys();
    struct carp_crypto crypto;
    config.key_count = 0;
    EXPECT_INT(0, crypto_openssl_make(&config, &crypto));
    crypto_openssl_free(&crypto);
}
