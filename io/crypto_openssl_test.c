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
 * of 4, 6 and 7 are longer and can never be given. */
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
        uint8_t message[AUTH_PREFIX_MAX + 8], want[20], got[20];
        size_t size = auth_prefix(config, form, NULL, message);
        for (int shift = 56; shift >= 0; shift -= 8) {
            message[size++] = (uint8_t)(counter >> shift);
        }
        of->hmac(of->self, config->keys[key], message, size, want);
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
}
