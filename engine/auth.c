#include "engine/auth.h"

#include <string.h>

enum { COUNTER_SIZE = 8 };

static bool is_link_local(const uint8_t address[16])
{
    return address[0] == 0xfe && (address[1] & 0xc0) == 0x80;
}

size_t auth_prefix(const struct carp_config *config, enum auth_form form, const uint8_t *mac,
                   uint8_t *prefix)
{
    struct writer w = {prefix};
    write_u8(&w, WIRE_VERSION);
    write_u8(&w, WIRE_TYPE_ADVERT);
    if (mac != NULL) {
        write_bytes(&w, mac, 6);
    }
    write_u8(&w, config->vhid);
    for (unsigned i = 0; i < config->ipv4_count; i++) {
        write_bytes(&w, config->ipv4[i], 4);
    }
    for (unsigned i = 0; i < config->ipv6_count; i++) {
        if (form == AUTH_WITH_LINK_LOCAL || !is_link_local(config->ipv6[i])) {
            write_bytes(&w, config->ipv6[i], 16);
        }
    }
    return (size_t)(w.at - prefix);
}

/* Equal or not, in a time that says nothing about where they differ. */
static bool digests_equal(const uint8_t *a, const uint8_t *b)
{
    uint32_t different = 0;
    for (int i = 0; i < WIRE_DIGEST_SIZE; i += 4) {
        uint32_t left, right;
        memcpy(&left, a + i, sizeof left);
        memcpy(&right, b + i, sizeof right);
        different |= left ^ right;
    }
    return different == 0;
}

void auth_sign(const struct carp_crypto *crypto, struct carp_advert *advert)
{
    crypto->digest(crypto->self, 0, AUTH_WITHOUT_LINK_LOCAL, advert->counter, advert->digest);
}

/* Does this key sign this advert, for a group as configured, by the general way? */
static bool fits(const struct carp_config *config, const struct carp_crypto *crypto,
                 const struct carp_advert *advert, const uint8_t *key, enum auth_form form,
                 const uint8_t *mac)
{
    uint8_t message[AUTH_PREFIX_MAX + COUNTER_SIZE], digest[WIRE_DIGEST_SIZE];
    struct writer w = {message + auth_prefix(config, form, mac, message)};
    write_u64(&w, advert->counter);
    crypto->hmac(crypto->self, key, message, (size_t)(w.at - message), digest);
    return digests_equal(digest, advert->digest);
}

/* Virtual MACs are never signed: OpenBSD signs its carp interface's address only when it was set by
 * hand. Source: OpenBSD carp_hmac_prepare_ctx(). */
static bool may_be_signed(const uint8_t mac[6])
{
    bool is_virtual = mac[0] == 0 && mac[1] == 0 && mac[2] == 0x5e && mac[3] == 0 && mac[4] <= 1;
    return (mac[0] & 1) == 0 && !is_virtual;
}

bool auth_verify(const struct carp_config *config, const struct carp_crypto *crypto,
                 const struct carp_advert *advert, const uint8_t source_mac[6])
{
    unsigned forms = AUTH_WITHOUT_LINK_LOCAL + 1;
    for (unsigned i = 0; i < config->ipv6_count; i++) {
        if (is_link_local(config->ipv6[i])) {
            forms = AUTH_FORM_COUNT;
        }
    }
    for (unsigned key = 0; key < config->key_count; key++) {
        for (unsigned form = 0; form < forms; form++) {
            uint8_t digest[WIRE_DIGEST_SIZE];
            crypto->digest(crypto->self, key, (enum auth_form)form, advert->counter, digest);
            if (digests_equal(digest, advert->digest)) {
                return true;
            }
        }
    }
    for (unsigned key = 0; key < config->key_count && may_be_signed(source_mac); key++) {
        for (unsigned form = 0; form < forms; form++) {
            if (fits(config, crypto, advert, config->keys[key], (enum auth_form)form, source_mac)) {
                return true;
            }
        }
    }
    return false;
}

/* --- why it failed -----------------------------------------------------------------------------
 */

struct search {
    const struct carp_crypto *crypto;
    const struct carp_advert *advert;
    struct auth_explanation found;
};

/* Is it signed, under any of these keys and in any form, for a group configured like this? */
static bool explains(struct search *s, const struct carp_config *like,
                     const uint8_t (*keys)[CARP_KEY_SIZE], size_t key_count,
                     enum auth_difference difference)
{
    for (size_t key = 0; key < key_count; key++) {
        for (int form = 0; form < AUTH_FORM_COUNT; form++) {
            if (fits(like, s->crypto, s->advert, keys[key], (enum auth_form)form, NULL)) {
                s->found.difference = difference;
                s->found.key = (uint8_t)key;
                return true;
            }
        }
    }
    return false;
}

static void name_address(struct search *s, uint8_t family, const uint8_t *bytes)
{
    s->found.family = family;
    memcpy(s->found.address, bytes, family == 4 ? 4 : 16);
}

static bool address_missing(struct search *s, const struct carp_config *config)
{
    struct carp_config like = *config;
    for (unsigned i = 0; i < config->ipv4_count; i++) {
        like.ipv4_count = (uint8_t)(config->ipv4_count - 1);
        memcpy(like.ipv4, config->ipv4, i * sizeof *like.ipv4);
        memcpy(like.ipv4[i], config->ipv4[i + 1], (like.ipv4_count - i) * sizeof *like.ipv4);
        if (explains(s, &like, config->keys, config->key_count, AUTH_ADDRESS_MISSING)) {
            name_address(s, 4, config->ipv4[i]);
            return true;
        }
    }
    like = *config;
    for (unsigned i = 0; i < config->ipv6_count; i++) {
        like.ipv6_count = (uint8_t)(config->ipv6_count - 1);
        memcpy(like.ipv6, config->ipv6, i * sizeof *like.ipv6);
        memcpy(like.ipv6[i], config->ipv6[i + 1], (like.ipv6_count - i) * sizeof *like.ipv6);
        if (explains(s, &like, config->keys, config->key_count, AUTH_ADDRESS_MISSING)) {
            name_address(s, 6, config->ipv6[i]);
            return true;
        }
    }
    return false;
}

static bool address_extra(struct search *s, const struct carp_config *config,
                          const struct auth_hints *hints)
{
    for (size_t i = 0; i < hints->address_count; i++) {
        struct carp_config like = *config;
        uint8_t family = hints->addresses[i][0];
        const uint8_t *bytes = hints->addresses[i] + 1;
        if (family == 4 && like.ipv4_count < CARP_ADDRESSES_MAX) {
            memcpy(like.ipv4[like.ipv4_count++], bytes, 4);
        } else if (family == 6 && like.ipv6_count < CARP_ADDRESSES_MAX) {
            memcpy(like.ipv6[like.ipv6_count++], bytes, 16);
        }
        config_sort_addresses(&like);
        if (explains(s, &like, config->keys, config->key_count, AUTH_ADDRESS_EXTRA)) {
            name_address(s, family, bytes);
            return true;
        }
    }
    return false;
}

struct auth_explanation auth_explain(const struct carp_config *config,
                                     const struct carp_crypto *crypto,
                                     const struct carp_advert *advert,
                                     const struct auth_hints *hints)
{
    struct search s = {.crypto = crypto, .advert = advert};
    bool explained;
    if (advert->vhid != config->vhid) {
        struct carp_config like = *config;
        like.vhid = advert->vhid;
        explained = explains(&s, &like, config->keys, config->key_count, AUTH_OTHER_VHID);
    } else {
        explained = explains(&s, config, hints->keys, hints->key_count, AUTH_OTHER_KEY) ||
                    address_missing(&s, config) || address_extra(&s, config, hints);
    }
    return explained ? s.found : (struct auth_explanation){.difference = AUTH_UNEXPLAINED};
}
