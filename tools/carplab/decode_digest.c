/*
 * Is the digest right, and if not, what fits?
 *
 * A search tries some hundred configurations and takes up to a millisecond. So what was found is
 * kept, prepared, and tried first on the next bad digest; and a sender whose adverts nothing
 * explains is looked into less and less often: a file of nothing but bad digests is read nearly as
 * fast as any other.
 */
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>

#include "engine/story.h"
#include "io/crypto_openssl.h"
#include "tools/carplab/decode.h"

static const char unexplained[] =
    "no likely difference fits: most likely another key, or quite another address list";
static const char put_off[] =
    "not looked into: nothing explained those before it from the same source";

/* --- what is given ------------------------------------------------------------------------------
 */

static void add_hint(struct digests *g, const uint8_t *key, size_t size, const char *name)
{
    memcpy(g->hints[g->hint_count], key, size);
    g->hint_names[g->hint_count++] = name;
}

/* As typed, or as `echo` or an editor writes it. */
static void add_newline_hint(struct digests *g, const uint8_t *key, size_t size)
{
    uint8_t longer[CARP_KEY_SIZE + 1] = {0};
    memcpy(longer, key, size);
    if (size > 1 && key[size - 1] == '\n') {
        add_hint(g, key, size - 1, "signed with the text key without the newline at its end");
    } else if (size < CARP_KEY_SIZE) {
        longer[size] = '\n';
        add_hint(g, longer, size + 1, "signed with the text key and a newline at its end");
    }
    OPENSSL_cleanse(longer, sizeof longer);
}

bool digests_add_key(struct digests *g, const uint8_t *key, size_t size, bool is_text)
{
    static const char *const names[CARP_KEYS_MAX] = {
        NULL, "signed with another key of those given: the second",
        "signed with another key of those given: the third",
        "signed with another key of those given: the fourth"};
    struct carp_config *config = &g->config;
    if (config->key_count == CARP_KEYS_MAX || size > CARP_KEY_SIZE) {
        return false;
    }
    unsigned number = config->key_count++; /* counts all here; digests_ready() sets it to one */
    memcpy(config->keys[number], key, size);
    if (number > 0) {
        add_hint(g, key, size, names[number]);
    }
    if (is_text && size > 0) {
        add_newline_hint(g, key, size);
    }
    return true;
}

bool digests_add_address(struct digests *g, uint8_t family, const uint8_t *address)
{
    struct carp_config *config = &g->config;
    uint8_t *count = family == 4 ? &config->ipv4_count : &config->ipv6_count;
    if (*count == CARP_ADDRESSES_MAX) {
        return false;
    }
    if (family == 4) {
        memcpy(config->ipv4[(*count)++], address, 4);
    } else {
        memcpy(config->ipv6[(*count)++], address, 16);
        g->has_link_local |= address[0] == 0xfe && (address[1] & 0xc0) == 0x80;
    }
    return true;
}

void digests_ready(struct digests *g)
{
    static const uint8_t zeros[CARP_KEY_SIZE];
    if (g->config.key_count > 0) {
        g->config.key_count = 1;
        if (memcmp(g->config.keys[0], zeros, sizeof zeros) != 0) {
            add_hint(g, zeros, sizeof zeros, "signed without a key (20 zero bytes)");
        }
    }
    config_sort_addresses(&g->config);
}

/* --- what is seen -------------------------------------------------------------------------------
 */

static bool is_known(const struct digests *g, uint8_t family, const uint8_t *address)
{
    size_t size = family == 4 ? 4 : 16;
    for (size_t i = 0; i < g->seen_count; i++) {
        if (g->seen[i][0] == family && memcmp(g->seen[i] + 1, address, size) == 0) {
            return true;
        }
    }
    for (unsigned i = 0; family == 4 && i < g->config.ipv4_count; i++) {
        if (memcmp(g->config.ipv4[i], address, size) == 0) {
            return true;
        }
    }
    for (unsigned i = 0; family == 6 && i < g->config.ipv6_count; i++) {
        if (memcmp(g->config.ipv6[i], address, size) == 0) {
            return true;
        }
    }
    return false;
}

/* What is announced may be a virtual address that was not given. With it, everything is worth
 * another search. */
void digests_note(struct digests *g, const struct decoded *d)
{
    if ((d->kind == DECODE_GARP || d->kind == DECODE_NA) && g->seen_count < DIGEST_SEEN_MAX &&
        !is_known(g, d->family, d->announced)) {
        uint8_t *seen = g->seen[g->seen_count++];
        seen[0] = d->family;
        memcpy(seen + 1, d->announced, d->family == 4 ? 4 : 16);
        memset(g->tries, 0, sizeof g->tries);
    }
}

void digests_note_file(struct digests *g, const char *path)
{
    struct capture *capture;
    struct capture_frame frame;
    struct decoded packet;
    char error[CAPTURE_ERROR_MAX];
    uint64_t damage;
    if (capture_open(path, &capture, &damage, error) != CAPTURE_FRAME) {
        return;
    }
    while (capture_next(capture, &frame, &damage, error) == CAPTURE_FRAME) {
        decode_packet(&frame, &packet);
        digests_note(g, &packet);
    }
    capture_close(capture);
}

/* --- the search ---------------------------------------------------------------------------------
 */

/* Is it worth a search? The first four times, and then whenever their number has doubled. */
static bool is_due(struct digests *g, const struct decoded *d)
{
    uint32_t hash = d->advert.vhid + UINT32_C(2166136261);
    for (size_t i = 0; i < sizeof d->source; i++) {
        hash = (hash ^ d->source[i]) * UINT32_C(16777619);
    }
    uint32_t tries = ++g->tries[(hash >> 8) % DIGEST_TRIES];
    return tries <= 4 || (tries & (tries - 1)) == 0;
}

static bool sign_for_other_vhid(const struct carp_config *config, const struct carp_crypto *crypto,
                                const struct carp_advert *advert, uint8_t *vhid)
{
    const struct auth_hints none = {0};
    for (unsigned other = 1; other < 256; other++) {
        struct carp_advert like = *advert;
        like.vhid = (uint8_t)other;
        if (other != config->vhid &&
            auth_explain(config, crypto, &like, &none).difference == AUTH_OTHER_VHID) {
            *vhid = like.vhid;
            return true;
        }
    }
    return false;
}

static void drop_address(struct carp_config *config, uint8_t family, const uint8_t *address)
{
    if (family == 4) {
        for (unsigned i = 0; i < config->ipv4_count; i++) {
            if (memcmp(config->ipv4[i], address, 4) == 0) {
                memcpy(config->ipv4[i], config->ipv4[--config->ipv4_count], 4);
            }
        }
    } else {
        for (unsigned i = 0; i < config->ipv6_count; i++) {
            if (memcmp(config->ipv6[i], address, 16) == 0) {
                memcpy(config->ipv6[i], config->ipv6[--config->ipv6_count], 16);
            }
        }
    }
    config_sort_addresses(config);
}

static void append_address(struct carp_config *config, uint8_t family, const uint8_t *address)
{
    if (family == 4) {
        memcpy(config->ipv4[config->ipv4_count++], address, 4);
    } else {
        memcpy(config->ipv6[config->ipv6_count++], address, 16);
    }
    config_sort_addresses(config);
}

/* The configuration that explains it, and in which words. */
static void apply(const struct digests *g, const struct auth_explanation *why,
                  struct digest_variant *v)
{
    char address[STORY_ADDRESS_MAX];
    const char *list = "right key, but another address list";
    switch (why->difference) {
    case AUTH_UNEXPLAINED:
        break;
    case AUTH_ADDRESS_MISSING:
        drop_address(&v->config, why->family, why->address);
        snprintf(v->sentence, sizeof v->sentence, "%s: it lacks %s", list,
                 story_address(why->family, why->address, address));
        break;
    case AUTH_ADDRESS_EXTRA:
        append_address(&v->config, why->family, why->address);
        snprintf(v->sentence, sizeof v->sentence, "%s: it has %s too", list,
                 story_address(why->family, why->address, address));
        break;
    case AUTH_OTHER_KEY:
        memcpy(v->config.keys[0], g->hints[why->key], CARP_KEY_SIZE);
        snprintf(v->sentence, sizeof v->sentence, "%s", g->hint_names[why->key]);
        break;
    case AUTH_OTHER_VHID:
        snprintf(v->sentence, sizeof v->sentence, "right key and addresses, but signed for vhid %u",
                 v->config.vhid);
        break;
    }
}

static bool search(struct digests *g, const struct carp_config *config, const struct decoded *d,
                   struct digest_variant *v)
{
    const struct carp_crypto *crypto = &g->crypto[d->advert.vhid];
    uint8_t addresses[DIGEST_SEEN_MAX + 1][17];
    memcpy(addresses, g->seen, sizeof g->seen);
    size_t count = g->seen_count;
    addresses[count][0] = d->family;
    memcpy(addresses[count++] + 1, d->source, 16);
    const struct auth_hints hints = {(const uint8_t(*)[CARP_KEY_SIZE])g->hints, g->hint_count,
                                     (const uint8_t(*)[17])addresses, count};
    struct auth_explanation why = auth_explain(config, crypto, &d->advert, &hints);
    *v = (struct digest_variant){.vhid = d->advert.vhid, .config = *config};
    if (why.difference == AUTH_UNEXPLAINED &&
        sign_for_other_vhid(config, crypto, &d->advert, &v->config.vhid)) {
        why.difference = AUTH_OTHER_VHID;
    }
    apply(g, &why, v);
    return why.difference != AUTH_UNEXPLAINED;
}

static bool is_signed(const struct carp_crypto *crypto, enum auth_form form,
                      const struct carp_advert *advert)
{
    uint8_t digest[WIRE_DIGEST_SIZE];
    crypto->digest(crypto->self, 0, form, advert->counter, digest);
    return memcmp(digest, advert->digest, sizeof digest) == 0;
}

/* One of those found before? */
static const struct digest_variant *known_variant(const struct digests *g,
                                                  const struct carp_advert *advert)
{
    for (size_t i = 0; i < g->variant_count; i++) {
        const struct digest_variant *v = &g->variants[i];
        if (v->vhid == advert->vhid && (is_signed(&v->crypto, AUTH_WITHOUT_LINK_LOCAL, advert) ||
                                        is_signed(&v->crypto, AUTH_WITH_LINK_LOCAL, advert))) {
            return v;
        }
    }
    return NULL;
}

/* A sentence about a bad digest; NULL when memory ran out. */
static const char *explain(struct digests *g, const struct carp_config *config,
                           const struct decoded *d)
{
    const struct digest_variant *known = known_variant(g, &d->advert);
    if (known != NULL) {
        return known->sentence;
    }
    struct digest_variant *v = &g->variants[g->variant_count];
    static struct digest_variant last; /* one more than is kept */
    if (g->variant_count == DIGEST_VARIANTS_MAX) {
        v = &last;
    }
    if (!is_due(g, d)) {
        return put_off;
    }
    if (!search(g, config, d, v)) {
        return unexplained;
    }
    if (v != &last) {
        if (crypto_openssl_make(&v->config, &v->crypto) != 0) {
            return NULL;
        }
        g->variant_count++;
    }
    return v->sentence;
}

/* --- the check ----------------------------------------------------------------------------------
 */

static enum decode_digest judge(const struct digests *g, const struct carp_config *config,
                                const struct decoded *d)
{
    static const uint8_t no_mac[FRAME_MAC_SIZE] = {1}; /* a multicast one is never signed */
    const struct carp_crypto *crypto = &g->crypto[d->advert.vhid];
    if (is_signed(crypto, g->has_link_local ? AUTH_WITH_LINK_LOCAL : AUTH_WITHOUT_LINK_LOCAL,
                  &d->advert)) {
        return DIGEST_OK;
    }
    if (g->has_link_local && is_signed(crypto, AUTH_WITHOUT_LINK_LOCAL, &d->advert)) {
        return DIGEST_OK_NO_LINK_LOCAL;
    }
    const uint8_t *mac = d->source_mac == NULL ? no_mac : d->source_mac;
    return auth_verify(config, crypto, &d->advert, mac) ? DIGEST_OK : DIGEST_BAD;
}

bool digests_check(struct digests *g, struct decoded *d)
{
    digests_note(g, d);
    if (d->kind != DECODE_CARP || d->advert_size < WIRE_ADVERT_SIZE) {
        return true;
    }
    d->digest = DIGEST_NO_KEY;
    if (g->config.key_count == 0) {
        return true;
    }
    uint8_t vhid = d->advert.vhid;
    g->config.vhid = vhid;
    if (!g->made[vhid]) {
        if (crypto_openssl_make(&g->config, &g->crypto[vhid]) != 0) {
            return false;
        }
        g->made[vhid] = true;
    }
    d->digest = judge(g, &g->config, d);
    if (d->digest == DIGEST_BAD) {
        d->difference = explain(g, &g->config, d);
        d->verdict = d->verdict == CARP_ACCEPTED ? CARP_BAD_DIGEST : d->verdict;
        return d->difference != NULL;
    }
    if (d->digest == DIGEST_OK_NO_LINK_LOCAL) {
        d->difference = "signed without the link-local addresses, as OpenBSD and Carpio do";
    }
    return true;
}

bool digests_unexplained(const struct decoded *d)
{
    return d->difference == unexplained;
}

const char *digests_reason(const struct decoded *d)
{
    return d->difference == put_off ? unexplained : d->difference;
}

void digests_free(struct digests *g)
{
    for (int vhid = 0; vhid < 256; vhid++) {
        crypto_openssl_free(&g->crypto[vhid]);
    }
    for (size_t i = 0; i < g->variant_count; i++) {
        crypto_openssl_free(&g->variants[i].crypto);
    }
    OPENSSL_cleanse(g, sizeof *g);
}
