/*
 * Every vector of testdata/carp-vectors.json: what is signed, the digest, the 36 bytes, and where
 * there is one the whole frame.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <jansson.h>

#include "engine/lab.h"
#include "io/crypto_openssl.h"
#include "tools/testkit/testkit.h"

enum { VECTORS = 16 };

struct vector {
    struct carp_config config;
    struct carp_advert advert;
    enum auth_form form;
    bool signs_mac;
    uint8_t mac[6];
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static uint8_t number_of(const json_t *object, const char *key)
{
    return (uint8_t)json_integer_value(json_object_get(object, key));
}

static uint64_t counter_of(const json_t *object)
{
    uint8_t bytes[8] = {0};
    uint64_t counter = 0;
    tk_unhex(text_of(object, "counter_hex"), bytes, sizeof bytes);
    for (int i = 0; i < 8; i++) {
        counter = counter << 8 | bytes[i];
    }
    return counter;
}

static void read_mac(const char *text, uint8_t mac[6])
{
    unsigned byte[6] = {0};
    EXPECT_INT(6, sscanf(text, "%x:%x:%x:%x:%x:%x", &byte[0], &byte[1], &byte[2], &byte[3],
                         &byte[4], &byte[5]));
    for (int i = 0; i < 6; i++) {
        mac[i] = (uint8_t)byte[i];
    }
}

static struct vector read_vector(const json_t *object)
{
    const json_t *ipv4 = json_object_get(object, "ipv4"), *ipv6 = json_object_get(object, "ipv6");
    struct vector v = {
        .config = {.vhid = number_of(object, "vhid"), .key_count = 1},
        .advert = {.counter = counter_of(object),
                   .version = WIRE_VERSION,
                   .type = WIRE_TYPE_ADVERT,
                   .vhid = number_of(object, "vhid"),
                   .advskew = number_of(object, "advskew"),
                   .authlen = WIRE_AUTHLEN,
                   .demote = number_of(object, "demote"),
                   .advbase = number_of(object, "advbase")},
        .form = json_is_true(json_object_get(object, "hash_link_local")) ? AUTH_WITH_LINK_LOCAL
                                                                         : AUTH_WITHOUT_LINK_LOCAL,
    };
    EXPECT_U64(20, tk_unhex(text_of(object, "key_hex"), v.config.keys[0], CARP_KEY_SIZE));
    EXPECT_U64(20, tk_unhex(text_of(object, "hmac_hex"), v.advert.digest, WIRE_DIGEST_SIZE));
    for (size_t i = 0; i < json_array_size(ipv4); i++) {
        EXPECT_INT(1, inet_pton(AF_INET, json_string_value(json_array_get(ipv4, i)),
                                v.config.ipv4[v.config.ipv4_count++]));
    }
    for (size_t i = 0; i < json_array_size(ipv6); i++) {
        EXPECT_INT(1, inet_pton(AF_INET6, json_string_value(json_array_get(ipv6, i)),
                                v.config.ipv6[v.config.ipv6_count++]));
    }
    config_sort_addresses(&v.config);
    v.signs_mac = json_is_string(json_object_get(object, "hash_mac"));
    if (v.signs_mac) {
        read_mac(text_of(object, "hash_mac"), v.mac);
    }
    return v;
}

/* Call check with each vector; the file must hold all of them. */
static void for_each_vector(void (*check)(const json_t *, const struct vector *))
{
    json_error_t error;
    json_t *root = json_load_file(tk_path("engine/testdata/carp-vectors.json"), 0, &error);
    ASSERT_TRUE(root != NULL);
    const json_t *vectors = json_object_get(root, "vectors");
    EXPECT_U64(VECTORS, json_array_size(vectors));
    for (size_t i = 0; i < json_array_size(vectors); i++) {
        const json_t *object = json_array_get(vectors, i);
        struct vector vector = read_vector(object);
        tk_row(text_of(object, "name"));
        check(object, &vector);
    }
    tk_row(NULL);
    json_decref(root);
}

/* The signed message is the prefix and the counter; the digest follows by the port that carpd uses
 * and by OpenSSL's one-shot HMAC(). */
static void check_digest(const json_t *object, const struct vector *v)
{
    uint8_t want[AUTH_PREFIX_MAX + 8], message[AUTH_PREFIX_MAX + 8], digest[WIRE_DIGEST_SIZE];
    size_t want_size = tk_unhex(text_of(object, "hmac_message_hex"), want, sizeof want);
    size_t size = auth_prefix(&v->config, v->form, v->signs_mac ? v->mac : NULL, message);
    EXPECT_U64(want_size, size + 8);
    EXPECT_BYTES(want, message, size);

    struct carp_crypto port, plain = lab_crypto(&v->config);
    ASSERT_TRUE(crypto_openssl_make(&v->config, &port) == 0);
    port.hmac(port.self, v->config.keys[0], want, want_size, digest);
    EXPECT_BYTES(v->advert.digest, digest, sizeof digest);
    plain.hmac(plain.self, v->config.keys[0], want, want_size, digest);
    EXPECT_BYTES(v->advert.digest, digest, sizeof digest);
    if (!v->signs_mac) {
        port.digest(port.self, 0, v->form, v->advert.counter, digest);
        EXPECT_BYTES(v->advert.digest, digest, sizeof digest);
    }
    EXPECT_TRUE(auth_verify(&v->config, &port, &v->advert, v->mac));
    crypto_openssl_free(&port);
}

TEST_CASE(vectors, have_our_signed_message_and_digest)
{
    for_each_vector(check_digest);
}

/* An IPv6 envelope around the 36 bytes, from the addresses that the checksum covers. */
static struct carp_packet pseudo_packet(const json_t *pseudo, const struct carp_advert *advert)
{
    struct carp_packet packet = {
        .advert = *advert, .family = 6, .ttl = FRAME_TTL, .pseudo_checksum = true};
    EXPECT_INT(1, inet_pton(AF_INET6, text_of(pseudo, "src"), packet.source));
    EXPECT_INT(1, inet_pton(AF_INET6, text_of(pseudo, "dst"), packet.destination));
    return packet;
}

static void check_payload(const json_t *object, const struct vector *v)
{
    uint8_t want[WIRE_ADVERT_SIZE], wrote[FRAME_MAX];
    const uint8_t *payload = wrote;
    const json_t *pseudo = json_object_get(object, "checksum_pseudo_header");
    EXPECT_U64(WIRE_ADVERT_SIZE, tk_unhex(text_of(object, "carp_hex"), want, sizeof want));
    if (json_is_object(pseudo)) {
        struct carp_packet packet = pseudo_packet(pseudo, &v->advert);
        payload += frame_write(&packet, wrote) - WIRE_ADVERT_SIZE;
    } else {
        wire_write_advert(&v->advert, 0, wrote);
    }
    EXPECT_BYTES(want, payload, sizeof want);

    struct carp_advert read;
    wire_read_advert(want, &read);
    EXPECT_U64(v->advert.counter, read.counter);
    EXPECT_INT(v->advert.version, read.version);
    EXPECT_INT(v->advert.type, read.type);
    EXPECT_INT(v->advert.vhid, read.vhid);
    EXPECT_INT(v->advert.advskew, read.advskew);
    EXPECT_INT(v->advert.authlen, read.authlen);
    EXPECT_INT(v->advert.demote, read.demote);
    EXPECT_INT(v->advert.advbase, read.advbase);
    EXPECT_BYTES(v->advert.digest, read.digest, sizeof read.digest);
}

TEST_CASE(vectors, have_our_36_bytes)
{
    for_each_vector(check_payload);
}

static int frames; /* vectors with a frame, of the test that runs */

static void check_frame(const json_t *object, const struct vector *v)
{
    const json_t *frame = json_object_get(object, "frame");
    uint8_t want[FRAME_MAX], wrote[FRAME_MAX];
    struct carp_packet packet;
    if (!json_is_object(frame)) {
        return;
    }
    frames++;
    size_t size = tk_unhex(text_of(frame, "frame_hex"), want, sizeof want);
    EXPECT_INT(CARP_ACCEPTED, frame_parse(want, size, &packet));
    EXPECT_INT(number_of(frame, "af"), packet.family);
    EXPECT_U64(v->advert.counter, packet.advert.counter);
    EXPECT_U64(size, frame_write(&packet, wrote));
    EXPECT_BYTES(want, wrote, size);
}

/* Five vectors have one: jq '[.vectors[] | select(.frame)] | length' carp-vectors.json */
TEST_CASE(vectors, have_our_frames)
{
    frames = 0;
    for_each_vector(check_frame);
    EXPECT_INT(5, frames);
}
