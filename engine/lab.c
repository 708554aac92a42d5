#include "engine/lab.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "tools/testkit/testkit.h"

static void hmac_sha1(const uint8_t *key, const uint8_t *message, size_t size, uint8_t *digest)
{
    unsigned digest_size = WIRE_DIGEST_SIZE;
    HMAC(EVP_sha1(), key, CARP_KEY_SIZE, message, size, digest, &digest_size);
}

/* What is signed before the counter, for groups without link-local addresses and with sorted lists:
 * 02 01 vhid, the IPv4 addresses, the IPv6 addresses. Source: captures/README.md, "Rule". */
static size_t lay_prefix(const struct carp_config *config, uint8_t *message)
{
    size_t size = 0;
    message[size++] = 0x02;
    message[size++] = 0x01;
    message[size++] = config->vhid;
    memcpy(message + size, config->ipv4, config->ipv4_count * 4u);
    size += config->ipv4_count * 4u;
    memcpy(message + size, config->ipv6, config->ipv6_count * 16u);
    return size + config->ipv6_count * 16u;
}

static void digest_of(const struct carp_config *config, unsigned key, uint64_t counter,
                      uint8_t *digest)
{
    uint8_t message[AUTH_PREFIX_MAX + 8];
    size_t size = lay_prefix(config, message);
    for (int shift = 56; shift >= 0; shift -= 8) {
        message[size++] = (uint8_t)(counter >> shift);
    }
    hmac_sha1(config->keys[key], message, size, digest);
}

static void port_digest(void *self, unsigned key, enum auth_form form, uint64_t counter,
                        uint8_t digest[WIRE_DIGEST_SIZE])
{
    (void)form; /* the same for the bench's groups, which have no link-local addresses */
    digest_of(self, key, counter, digest);
}

static void port_hmac(void *self, const uint8_t key[CARP_KEY_SIZE], const uint8_t *message,
                      size_t size, uint8_t digest[WIRE_DIGEST_SIZE])
{
    (void)self;
    hmac_sha1(key, message, size, digest);
}

struct carp_crypto lab_crypto(const struct carp_config *config)
{
    union {
        const struct carp_config *config;
        void *self;
    } borrowed = {.config = config}; /* the port's self is its own business, and only read here */
    return (struct carp_crypto){.self = borrowed.self, .digest = port_digest, .hmac = port_hmac};
}

void lab_sign(const struct carp_config *config, struct carp_advert *advert)
{
    digest_of(config, 0, advert->counter, advert->digest);
}

void lab_defaults(struct carp_config *config)
{
    static const uint8_t group[4] = {224, 0, 0, 18}, address[4] = {192, 0, 2, 7};
    if (config->vhid == 0) {
        config->vhid = 7;
    }
    if (config->dead_ratio == 0) {
        config->dead_ratio = 3;
    }
    if (config->ipv4_group[0] == 0) {
        memcpy(config->ipv4_group, group, sizeof group);
    }
    if (config->key_count == 0) {
        config->key_count = 1;
        memcpy(config->keys[0], "secret", 6);
    }
    if (config->ipv4_count == 0 && config->ipv6_count == 0) {
        config->ipv4_count = 1;
        memcpy(config->ipv4[0], address, sizeof address);
    }
}

void lab_init(struct lab *lab, struct carp_config config)
{
    memset(lab, 0, sizeof *lab);
    lab_defaults(&config);
    lab->config = config;
    lab->crypto = lab_crypto(&lab->config);
    lab->self = (struct carp_self){
        .mac = {0x02, 0, 0, 0, 0, 0x11},
        .has_ipv4 = true,
        .has_ipv6 = config.ipv6_count > 0,
        .ipv4 = {192, 0, 2, 11},
        .ipv6 = {0xfe, 0x80, [15] = 0x11},
    };
    lab->heard_counter = LAB_HEARD_COUNTER;
    carp_init(&lab->carp, 1, LAB_COUNTER);
}

/* --- steps ------------------------------------------------------------------------------------ */

enum carp_verdict lab_step(struct lab *lab, const struct carp_event *event)
{
    carp_step(&lab->config, &lab->crypto, &lab->carp, lab->now, event, &lab->out);
    const struct carp_outcome *out = &lab->out;
    if (event->type != CARP_EVENT_ADVERT && out->rule == CARP_RULE_NONE && out->count == 0 &&
        out->notices == 0 && out->from == out->to) {
        return out->verdict;
    }
    char line[STORY_LINE_MAX];
    size_t size = story_line(line, sizeof line, lab->now, event, out);
    size_t used = strlen(lab->story);
    if (used + size + 2 > sizeof lab->story) {
        tk_fail(__FILE__, __LINE__, "the story does not fit");
        return out->verdict;
    }
    memcpy(lab->story + used, line, size);
    memcpy(lab->story + used + size, "\n", 2);
    return out->verdict;
}

void lab_event(struct lab *lab, enum carp_event_type type)
{
    struct carp_event event = {.type = type};
    lab_step(lab, &event);
}

void lab_link(struct lab *lab, bool up)
{
    struct carp_event event = {.type = CARP_EVENT_LINK_DOWN};
    if (up) {
        event.type = CARP_EVENT_LINK_UP;
        event.link = lab->self;
    }
    lab_step(lab, &event);
}

void lab_demote(struct lab *lab, uint16_t demotion)
{
    struct carp_event event = {.type = CARP_EVENT_DEMOTE, .demotion = demotion};
    lab_step(lab, &event);
}

void lab_yield(struct lab *lab, enum carp_yield why, carp_duration hold)
{
    struct carp_event event = {.type = CARP_EVENT_YIELD, .yield = {.why = why, .hold = hold}};
    lab_step(lab, &event);
}

void lab_run(struct lab *lab, carp_instant until)
{
    while (!instant_before(until, carp_deadline(&lab->carp))) {
        carp_instant before = carp_deadline(&lab->carp);
        lab->now = instant_before(lab->now, before) ? before : lab->now;
        lab_event(lab, CARP_EVENT_TIMEOUT);
        if (!instant_before(before, carp_deadline(&lab->carp))) {
            tk_fail(__FILE__, __LINE__, "a timeout left the deadline where it was");
            return;
        }
    }
    lab->now = until;
}

enum carp_verdict lab_hear_packet(struct lab *lab, carp_instant at,
                                  const struct carp_packet *packet)
{
    if (instant_before(lab->now, at)) {
        lab_run(lab, (carp_instant){at.ns - 1});
        lab->now = at;
    }
    struct carp_event event = {.type = CARP_EVENT_ADVERT, .packet = packet};
    return lab_step(lab, &event);
}

struct carp_packet lab_packet(struct lab *lab, struct lab_advert a)
{
    lab->heard_counter += 1;
    struct carp_packet packet = {
        .family = a.ipv6 ? 6 : 4,
        .ttl = FRAME_TTL,
        .advert = {.version = 2,
                   .type = 1,
                   .vhid = lab->config.vhid,
                   .advskew = a.advskew,
                   .authlen = 7,
                   .demote = a.demote,
                   .advbase = a.advbase,
                   .counter = a.counter != 0 ? a.counter : lab->heard_counter},
        .destination_mac = {0x01, 0x00, 0x5e, 0x00, 0x00, 0x12},
        .source = {192, 0, 2, a.host},
        .destination = {224, 0, 0, 18},
    };
    if (a.ipv6) {
        static const uint8_t mac[6] = {0x33, 0x33, 0, 0, 0, 0x12};
        memcpy(packet.destination_mac, mac, sizeof mac);
        memcpy(packet.source, (const uint8_t[16]){0xfe, 0x80, [15] = a.host}, 16);
        memcpy(packet.destination, (const uint8_t[16]){0xff, 0x02, [15] = 0x12}, 16);
    }
    const uint8_t macs[][6] = {
        [LAB_BSD] = {0x00, 0x00, 0x5e, 0x00, 0x01, lab->config.vhid},
        [LAB_UCARP] = {0x00, 0x00, 0x5e, 0x00, 0x00, lab->config.vhid},
        [LAB_OURS] = {0x02, 0x00, 0x00, 0x00, 0x00, a.host},
    };
    memcpy(packet.source_mac, macs[a.kind], sizeof packet.source_mac);
    lab_sign(&lab->config, &packet.advert);
    return packet;
}

enum carp_verdict lab_hear(struct lab *lab, carp_instant at, struct lab_advert advert)
{
    struct carp_packet packet = lab_packet(lab, advert);
    return lab_hear_packet(lab, at, &packet);
}

void lab_forget(struct lab *lab)
{
    lab->story[0] = '\0';
}

const uint8_t *lab_sent(const struct lab *lab, unsigned index)
{
    static const uint8_t nothing[FRAME_MAX];
    bool is_send = index < lab->out.count && lab->out.at[index].type == CARP_SEND;
    if (!is_send) {
        tk_fail(__FILE__, __LINE__, "action %u is no advert", index);
    }
    return is_send ? lab->out.at[index].frame : nothing;
}

/* --- bytes and files
 * ------------------------------------------------------------------------------------ */

void lab_fix_checksum(uint8_t *bytes, size_t size, uint8_t *field)
{
    uint32_t sum = 0;
    field[0] = field[1] = 0;
    for (size_t i = 0; i < size; i++) {
        sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
    }
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    field[0] = (uint8_t)(~sum >> 8);
    field[1] = (uint8_t)~sum;
}

static size_t little_endian(const uint8_t *bytes)
{
    return bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 24;
}

const uint8_t *lab_pcap_next(const uint8_t *file, size_t file_size, size_t *at, size_t *size)
{
    enum { FILE_HEADER = 24, RECORD_HEADER = 16 };
    if (*at == 0) {
        EXPECT_TRUE(file_size >= FILE_HEADER && little_endian(file) == 0xa1b2c3d4);
        *at = FILE_HEADER;
    }
    if (file_size < *at + RECORD_HEADER) {
        EXPECT_TRUE(*at == file_size);
        return NULL;
    }
    *size = little_endian(file + *at + 8);
    const uint8_t *frame = file + *at + RECORD_HEADER;
    *at += RECORD_HEADER + *size;
    EXPECT_TRUE(*at <= file_size);
    return *at <= file_size ? frame : NULL;
}

size_t lab_read_file(const char *in_tree, uint8_t *bytes, size_t room)
{
    FILE *file = fopen(tk_path(in_tree), "rb");
    if (file == NULL) {
        tk_fail(__FILE__, __LINE__, "cannot read %s", in_tree);
        return 0;
    }
    size_t size = fread(bytes, 1, room, file);
    fclose(file);
    EXPECT_TRUE(size < room);
    return size;
}
