/*
 * What is signed, and in which order; the SHA-1 itself comes through a port.
 *
 * An advert's digest is HMAC-SHA1 with the 20-byte key over
 *     02 01 [MAC] vhid  IPv4 addresses ascending  IPv6 addresses ascending  counter
 * advbase, advskew, demote and the IP addresses of the packet are NOT covered: any host that heard
 * one advert can repeat it with other values there.
 * Source: OpenBSD, FreeBSD, NetBSD carp_hmac_prepare() and carp_hmac_generate(); genuine packets in
 * engine/testdata.
 */
#ifndef CARP_ENGINE_AUTH_H
#define CARP_ENGINE_AUTH_H

#include "engine/config.h"
#include "engine/wire.h"

/* The forms that real peers send. They differ only for groups with link-local IPv6 addresses:
 * OpenBSD (and we) sign without those, FreeBSD and NetBSD with them. */
enum auth_form { AUTH_WITHOUT_LINK_LOCAL, AUTH_WITH_LINK_LOCAL, AUTH_FORM_COUNT };

enum { AUTH_PREFIX_MAX = 3 + 6 + CARP_ADDRESSES_MAX * (4 + 16) };

/*
 * The crypto port. An instance is made for one configuration and has its keys and prefixes
 * prepared, so that one digest costs two SHA-1 blocks.
 *
 * digest  of keys[key] over the group's prefix in that form, then the counter, big endian.
 * hmac    of any key over any message: for the rare forms that are not worth preparing.
 *
 * Neither fails, and both are pure functions of their arguments. `self` is the port's own.
 */
struct carp_crypto {
    void *self;
    void (*digest)(void *self, unsigned key, enum auth_form form, uint64_t counter,
                   uint8_t digest[WIRE_DIGEST_SIZE]);
    void (*hmac)(void *self, const uint8_t key[CARP_KEY_SIZE], const uint8_t *message, size_t size,
                 uint8_t digest[WIRE_DIGEST_SIZE]);
};

/*
 * The signed bytes before the counter; returns their number, at most AUTH_PREFIX_MAX.
 * mac  NULL, or the six bytes that OpenBSD signs when its carp interface has a foreign address.
 */
size_t auth_prefix(const struct carp_config *config, enum auth_form form, const uint8_t *mac,
                   uint8_t *prefix);

/* Sign an advert whose vhid and counter are set, with the first key, without link-local. */
void auth_sign(const struct carp_crypto *crypto, struct carp_advert *advert);

/*
 * Is the digest right under any accepted key, in any form a real peer sends? Compared in constant
 * time. source_mac is tried as OpenBSD's signed MAC when it is not a virtual one.
 */
bool auth_verify(const struct carp_config *config, const struct carp_crypto *crypto,
                 const struct carp_advert *advert, const uint8_t source_mac[6]);

/* Why a digest failed, as far as trying can tell. */
enum auth_difference {
    AUTH_UNEXPLAINED,     /* no likely difference fits: most likely another password */
    AUTH_ADDRESS_MISSING, /* the peer lacks `address` */
    AUTH_ADDRESS_EXTRA,   /* the peer has `address` too */
    AUTH_OTHER_KEY,       /* the peer signs with known key number `key` */
    AUTH_OTHER_VHID,      /* the peer signs our addresses with our key under its own vhid */
};

struct auth_explanation {
    enum auth_difference difference;
    uint8_t family; /* 4 or 6, of `address` */
    uint8_t key;    /* index into the hints' keys */
    uint8_t address[16];
};

/* What else this machine knows: keys and addresses of its other groups and of the packet. All
 * borrowed. An address is family, then 16 bytes (IPv4: four, then zeros). */
struct auth_hints {
    const uint8_t (*keys)[CARP_KEY_SIZE];
    size_t key_count;
    const uint8_t (*addresses)[17];
    size_t address_count;
};

/* Try the likely differences, one at a time, under every accepted key. Slow (one HMAC each): off
 * the hot path, rate-limited by the caller. Of an advert for another vhid only one thing is asked:
 * are these our addresses and our key? */
struct auth_explanation auth_explain(const struct carp_config *config,
                                     const struct carp_crypto *crypto,
                                     const struct carp_advert *advert,
                                     const struct auth_hints *hints);

#endif
