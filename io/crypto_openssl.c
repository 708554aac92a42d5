#include "io/crypto_openssl.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

enum { BLOCK_SIZE = 64, COUNTER_SIZE = 8, PAD_INNER = 0x36, PAD_OUTER = 0x5c };

/* SHA-1 with a block of the padded key absorbed, and for the inner one the group's prefix. */
struct prepared {
    EVP_MD_CTX *inner[AUTH_FORM_COUNT];
    EVP_MD_CTX *outer;
};

struct crypto_openssl {
    EVP_MD_CTX *work;
    unsigned key_count;
    struct prepared keys[CARP_KEYS_MAX];
};

/* One SHA-1 for the whole process: fetching it costs far more than a digest. */
static EVP_MD *sha1(void)
{
    static EVP_MD *fetched;
    if (fetched == NULL) {
        fetched = EVP_MD_fetch(NULL, "SHA1", NULL);
    }
    return fetched;
}

/* A hash that has absorbed the key xor pad (RFC 2104), and then these bytes. */
static EVP_MD_CTX *absorb(const uint8_t key[CARP_KEY_SIZE], uint8_t pad, const uint8_t *bytes,
                          size_t size)
{
    uint8_t block[BLOCK_SIZE];
    memset(block, pad, sizeof block);
    for (int i = 0; i < CARP_KEY_SIZE; i++) {
        block[i] ^= key[i];
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context != NULL && (EVP_DigestInit_ex(context, sha1(), NULL) != 1 ||
                            EVP_DigestUpdate(context, block, sizeof block) != 1 ||
                            EVP_DigestUpdate(context, bytes, size) != 1)) {
        EVP_MD_CTX_free(context);
        context = NULL;
    }
    OPENSSL_cleanse(block, sizeof block);
    return context;
}

/* The digest of what `inner` and `outer` absorbed, with these bytes at the end of the message. */
static void finish(EVP_MD_CTX *work, const EVP_MD_CTX *inner, const EVP_MD_CTX *outer,
                   const uint8_t *bytes, size_t size, uint8_t digest[WIRE_DIGEST_SIZE])
{
    int done = EVP_MD_CTX_copy_ex(work, inner) == 1 && EVP_DigestUpdate(work, bytes, size) == 1 &&
               EVP_DigestFinal_ex(work, digest, NULL) == 1 &&
               EVP_MD_CTX_copy_ex(work, outer) == 1 &&
               EVP_DigestUpdate(work, digest, WIRE_DIGEST_SIZE) == 1 &&
               EVP_DigestFinal_ex(work, digest, NULL) == 1;
    assert(done);
}

static void openssl_digest(void *self, unsigned key, enum auth_form form, uint64_t counter,
                           uint8_t digest[WIRE_DIGEST_SIZE])
{
    struct crypto_openssl *crypto = self;
    assert(key < crypto->key_count);
    const struct prepared *prepared = &crypto->keys[key];
    const EVP_MD_CTX *inner = prepared->inner[form];
    uint8_t bytes[COUNTER_SIZE];
    struct writer w = {bytes};
    write_u64(&w, counter);
    if (inner == NULL) {
        inner = prepared->inner[AUTH_WITHOUT_LINK_LOCAL]; /* no link-local address: the same */
    }
    finish(crypto->work, inner, prepared->outer, bytes, sizeof bytes, digest);
}

static void openssl_hmac(void *self, const uint8_t key[CARP_KEY_SIZE], const uint8_t *message,
                         size_t size, uint8_t digest[WIRE_DIGEST_SIZE])
{
    struct crypto_openssl *crypto = self;
    EVP_MD_CTX *inner = absorb(key, PAD_INNER, message, size);
    EVP_MD_CTX *outer = absorb(key, PAD_OUTER, NULL, 0);
    assert(inner != NULL && outer != NULL);
    finish(crypto->work, inner, outer, NULL, 0, digest);
    EVP_MD_CTX_free(inner);
    EVP_MD_CTX_free(outer);
}

static bool prepare(struct prepared *prepared, const struct carp_config *config,
                    const uint8_t key[CARP_KEY_SIZE])
{
    uint8_t prefix[AUTH_FORM_COUNT][AUTH_PREFIX_MAX];
    size_t size[AUTH_FORM_COUNT];
    for (int form = 0; form < AUTH_FORM_COUNT; form++) {
        size[form] = auth_prefix(config, (enum auth_form)form, NULL, prefix[form]);
        if (form > 0 && size[form] == size[0]) {
            continue;
        }
        prepared->inner[form] = absorb(key, PAD_INNER, prefix[form], size[form]);
        if (prepared->inner[form] == NULL) {
            return false;
        }
    }
    prepared->outer = absorb(key, PAD_OUTER, NULL, 0);
    return prepared->outer != NULL;
}

int crypto_openssl_make(const struct carp_config *config, struct carp_crypto *crypto)
{
    *crypto = (struct carp_crypto){0};
    /* Had it no memory for its context, EVP_MD_fetch() would follow a null pointer (OpenSSL 3.0).
     */
    if (OSSL_LIB_CTX_get0_global_default() == NULL) {
        return -ENOMEM;
    }
    if (sha1() == NULL) {
        return -ENOTSUP;
    }
    struct crypto_openssl *self = OPENSSL_zalloc(sizeof *self);
    if (self == NULL) {
        return -ENOMEM;
    }
    *crypto = (struct carp_crypto){self, openssl_digest, openssl_hmac};
    self->work = EVP_MD_CTX_new();
    self->key_count = config->key_count;
    bool made = self->work != NULL;
    for (unsigned i = 0; made && i < config->key_count; i++) {
        made = prepare(&self->keys[i], config, config->keys[i]);
    }
    if (!made) {
        crypto_openssl_free(crypto);
        return -ENOMEM;
    }
    return 0;
}

void crypto_openssl_free(struct carp_crypto *crypto)
{
    struct crypto_openssl *self = crypto->self;
    if (self != NULL) {
        for (unsigned i = 0; i < CARP_KEYS_MAX; i++) {
            for (int form = 0; form < AUTH_FORM_COUNT; form++) {
                EVP_MD_CTX_free(self->keys[i].inner[form]); /* wipes it */
            }
            EVP_MD_CTX_free(self->keys[i].outer);
        }
        EVP_MD_CTX_free(self->work);
        OPENSSL_free(self);
    }
    *crypto = (struct carp_crypto){0};
}
