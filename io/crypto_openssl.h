/*
 * The engine's crypto port, bound to OpenSSL 3: HMAC-SHA1 with everything that does not change from
 * one advert to the next absorbed once. A digest then costs two copies of a prepared SHA-1 and two
 * blocks.
 */
#ifndef CARP_IO_CRYPTO_OPENSSL_H
#define CARP_IO_CRYPTO_OPENSSL_H

#include "engine/auth.h"

/* Prepare a port for this configuration (not kept). Returns 0; -ENOMEM; -ENOTSUP when OpenSSL
 * offers no SHA-1 here. */
int crypto_openssl_make(const struct carp_config *config, struct carp_crypto *crypto);

/* Wipe and free what was prepared; fine on a zeroed port. */
void crypto_openssl_free(struct carp_crypto *crypto);

#endif
