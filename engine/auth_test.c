/* Why a digest failed, and in which order addresses are signed. */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "engine/lab.h"
#include "tools/testkit/testkit.h"

static void add(struct carp_config *config, const char *address)
{
    if (strchr(address, ':') == NULL) {
        EXPECT_INT(1, inet_pton(AF_INET, address, config->ipv4[config->ipv4_count++]));
    } else {
        EXPECT_INT(1, inet_pton(AF_INET6, address, config->ipv6[config->ipv6_count++]));
    }
    config_sort_addresses(config);
}

static struct carp_config group(const char *key)
{
    struct carp_config config = {.vhid = 7, .key_count = 1};
    memcpy(config.keys[0], key, strlen(key));
    return config;
}

/* An advert for `vhid`, signed as that configuration would, by OpenSSL's HMAC() (lab.c). */
static struct carp_advert signed_by(const struct carp_config *config)
{
    struct carp_advert advert = {.vhid = config->vhid, .counter = 77};
    lab_sign(config, &advert);
    return advert;
}

/* --- order ---------------------------------------------------------------------------------------
 */

/* Vector v4-multi-order-trap: neither the order of text nor that of little-endian words. */
TEST_CASE(auth, signs_addresses_in_numeric_order_each_once)
{
    struct carp_config config = group("secret");
    static const char *const given[] = {"100.0.0.2", "9.255.255.254", "10.0.1.1", "10.0.0.2",
                                        "10.0.1.1"};
    uint8_t prefix[AUTH_PREFIX_MAX], want[19];
    for (int i = 0; i < 5; i++) {
        inet_pton(AF_INET, given[i], config.ipv4[config.ipv4_count++]);
    }
    config_sort_addresses(&config);
    EXPECT_U64(19, tk_unhex("02010709fffffe0a0000020a00010164000002", want, sizeof want));
    EXPECT_INT(4, config.ipv4_count);
    EXPECT_U64(19, auth_prefix(&config, AUTH_WITHOUT_LINK_LOCAL, NULL, prefix));
    EXPECT_BYTES(want, prefix, sizeof want);
}

/* --- why it failed -----------------------------------------------------------------------------
 */

static struct auth_explanation explain(const struct carp_config *config,
                                       const struct carp_advert *advert,
                                       const struct auth_hints *hints)
{
    struct carp_crypto crypto = lab_crypto(config);
    return auth_explain(config, &crypto, advert, hints);
}

TEST_CASE(auth, names_the_address_that_a_peer_lacks)
{
    static const struct auth_hints none = {0};
    static const char *const addresses[] = {"192.0.2.7", "192.0.2.8", "2001:db8::7", "2001:db8::8"};
    struct carp_config ours = group("secret");
    for (int i = 0; i < 4; i++) {
        add(&ours, addresses[i]);
    }
    for (int without = 0; without < 4; without++) {
        struct carp_config theirs = group("secret");
        uint8_t want[16] = {0};
        for (int i = 0; i < 4; i++) {
            if (i != without) {
                add(&theirs, addresses[i]);
            }
        }
        tk_row(addresses[without]);
        inet_pton(without < 2 ? AF_INET : AF_INET6, addresses[without], want);
        struct carp_advert advert = signed_by(&theirs);
        struct auth_explanation found = explain(&ours, &advert, &none);
        EXPECT_INT(AUTH_ADDRESS_MISSING, found.difference);
        EXPECT_INT(without < 2 ? 4 : 6, found.family);
        EXPECT_BYTES(want, found.address, without < 2 ? 4 : 16);
    }
}

TEST_CASE(auth, names_the_address_that_a_peer_has_too_when_we_know_it)
{
    static const char *const extra[] = {"192.0.2.9", "2001:db8::9"};
    static const uint8_t known[2][17] = {{4, 192, 0, 2, 9}, {6, 0x20, 0x01, 0x0d, 0xb8, [16] = 9}};
    static const struct auth_hints hints = {.addresses = known, .address_count = 2};
    static const struct auth_hints none = {0};
    struct carp_config ours = group("secret");
    add(&ours, "192.0.2.7");
    add(&ours, "2001:db8::7");
    for (int i = 0; i < 2; i++) {
        struct carp_config theirs = ours;
        add(&theirs, extra[i]);
        struct carp_advert advert = signed_by(&theirs);
        struct auth_explanation found = explain(&ours, &advert, &hints);
        EXPECT_INT(AUTH_ADDRESS_EXTRA, found.difference);
        EXPECT_INT(known[i][0], found.family);
        EXPECT_BYTES(&known[i][1], found.address, i == 0 ? 4 : 16);
        EXPECT_INT(AUTH_UNEXPLAINED, explain(&ours, &advert, &none).difference);
    }
}

TEST_CASE(auth, names_another_known_key)
{
    static const uint8_t keys[2][CARP_KEY_SIZE] = {"first", "second"};
    static const struct auth_hints hints = {.keys = keys, .key_count = 2};
    struct carp_config ours = group("secret"), theirs = group("second"), strange = group("third");
    add(&ours, "192.0.2.7");
    add(&theirs, "192.0.2.7");
    add(&strange, "192.0.2.7");
    struct carp_advert advert = signed_by(&theirs);
    struct auth_explanation found = explain(&ours, &advert, &hints);
    EXPECT_INT(AUTH_OTHER_KEY, found.difference);
    EXPECT_INT(1, found.key);
    advert = signed_by(&strange);
    EXPECT_INT(AUTH_UNEXPLAINED, explain(&ours, &advert, &hints).difference);
}

/* Of another vhid nothing else is asked: a neighbour with another key is no mistake of anyone's. */
TEST_CASE(auth, tells_our_addresses_under_another_vhid_from_an_innocent_neighbour)
{
    static const uint8_t keys[1][CARP_KEY_SIZE] = {"second"};
    static const struct auth_hints hints = {.keys = keys, .key_count = 1};
    struct carp_config ours = group("secret"), same = ours, neighbour = group("second");
    add(&ours, "192.0.2.7");
    add(&same, "192.0.2.7");
    add(&neighbour, "192.0.2.7");
    same.vhid = neighbour.vhid = 8;
    struct carp_advert advert = signed_by(&same);
    EXPECT_INT(AUTH_OTHER_VHID, explain(&ours, &advert, &hints).difference);
    advert = signed_by(&neighbour);
    EXPECT_INT(AUTH_UNEXPLAINED, explain(&ours, &advert, &hints).difference);
}
