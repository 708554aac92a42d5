/*
 * The crypto port without a library, for builds of the simulator where OpenSSL is not to be had: a
 * 32-bit or foreign machine whose trace hashes are to be compared. It stands in for
 * io/crypto_openssl.c at link time, and is slow.
 *
 * SHA-1 after FIPS 180-4, 6.1; HMAC after RFC 2104.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/crypto_openssl.h"

enum { BLOCK = 64 };

struct sha1 {
    uint32_t state[5];
    uint64_t size;
    uint8_t block[BLOCK];
};

static uint32_t rotate(uint32_t x, int by)
{
    return x << by | x >> (32 - by);
}

static uint32_t mixed(int round, uint32_t b, uint32_t c, uint32_t d)
{
    if (round < 20) {
        return ((b & c) | (~b & d)) + 0x5a827999u;
    }
    if (round < 40) {
        return (b ^ c ^ d) + 0x6ed9eba1u;
    }
    return round < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdcu : (b ^ c ^ d) + 0xca62c1d6u;
}

static void absorb_block(struct sha1 *h)
{
    uint32_t w[80], s[5];
    for (int i = 0; i < 16; i++) {
        const uint8_t *at = h->block + 4 * i;
        w[i] = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    }
    for (int i = 16; i < 80; i++) {
        w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    }
    memcpy(s, h->state, sizeof s);
    for (int i = 0; i < 80; i++) {
        uint32_t next = rotate(s[0], 5) + mixed(i, s[1], s[2], s[3]) + s[4] + w[i];
        s[4] = s[3];
        s[3] = s[2];
        s[2] = rotate(s[1], 30);
        s[1] = s[0];
        s[0] = next;
    }
    for (int i = 0; i < 5; i++) {
        h->state[i] += s[i];
    }
}

static void absorb(struct sha1 *h, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        h->block[h->size++ % BLOCK] = bytes[i];
        if (h->size % BLOCK == 0) {
            absorb_block(h);
        }
    }
}

static void finish(struct sha1 *h, uint8_t digest[WIRE_DIGEST_SIZE])
{
    uint64_t bits = h->size * 8;
    uint8_t length[8];
    absorb(h, (const uint8_t[1]){0x80}, 1);
    while (h->size % BLOCK != BLOCK - 8) {
        absorb(h, (const uint8_t[1]){0}, 1);
    }
    for (int i = 0; i < 8; i++) {
        length[i] = (uint8_t)(bits >> (56 - 8 * i));
    }
    absorb(h, length, 8);
    for (int i = 0; i < WIRE_DIGEST_SIZE; i++) {
        digest[i] = (uint8_t)(h->state[i / 4] >> (24 - 8 * (i % 4)));
    }
}

static struct sha1 begin(const uint8_t key[CARP_KEY_SIZE], uint8_t pad)
{
    struct sha1 h = {.state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}};
    uint8_t block[BLOCK];
    memset(block, pad, sizeof block);
    for (int i = 0; i < CARP_KEY_SIZE; i++) {
        block[i] ^= key[i];
    }
    absorb(&h, block, sizeof block);
    return h;
}

static void plain_hmac(void *self, const uint8_t key[CARP_KEY_SIZE], const uint8_t *message,
                       size_t size, uint8_t digest[WIRE_DIGEST_SIZE])
{
    (void)self;
    struct sha1 inner = begin(key, 0x36), outer = begin(key, 0x5c);
    absorb(&inner, message, size);
    finish(&inner, digest);
    absorb(&outer, digest, WIRE_DIGEST_SIZE);
    finish(&outer, digest);
}

static void group_digest(void *self, unsigned key, enum auth_form form, uint64_t counter,
                         uint8_t digest[WIRE_DIGEST_SIZE])
{
    const struct carp_config *config = self;
    uint8_t message[AUTH_PREFIX_MAX + 8];
    size_t size = auth_prefix(config, form, NULL, message);
    for (int i = 0; i < 8; i++) {
        message[size++] = (uint8_t)(counter >> (56 - 8 * i));
    }
    plain_hmac(NULL, config->keys[key], message, size, digest);
}

int crypto_openssl_make(const struct carp_config *config, struct carp_crypto *crypto)
{
    struct carp_config *copy = malloc(sizeof *copy);
    if (copy == NULL) {
        return -ENOMEM;
    }
    *copy = *config;
    *crypto = (struct carp_crypto){copy, group_digest, plain_hmac};
    return 0;
}

void crypto_openssl_free(struct carp_crypto *crypto)
{
    free(crypto->self);
    *crypto = (struct carp_crypto){0};
}
