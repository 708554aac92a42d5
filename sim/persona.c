#include "sim/persona_internal.h"

#include <assert.h>

const char *persona_word(enum persona_kind kind)
{
    static const char *const words[] = {"ucarp", "freebsd", "netbsd", "openbsd"};
    return kind < PERSONA_KIND_COUNT ? words[kind] : "?";
}

const char *persona_fate_word(enum persona_fate fate)
{
    static const char *const words[] = {
#define X(name, word, phrase) word,
        PERSONA_FATES(X)
#undef X
    };
    return fate < PERSONA_FATE_COUNT ? words[fate] : "?";
}

/* Seen: NetBSD's timeouts end a tick after the rounded-up wait, which is what tvtohz() adds;
 * FreeBSD's under F-Stack another one later. OpenBSD was not seen; it uses tvtohz() too. */
void persona_defaults(struct persona_config *config, enum persona_kind kind)
{
    config->kind = kind;
    config->tick = CARP_MILLISECONDS(10);
    config->tick_extra = kind == PERSONA_FREEBSD ? 2 : 1;
    config->siblings = 1;
    config->read_period = CARP_SECONDS(1);
}

/* --- shared ----------------------------------------------------------------------------------- */

uint64_t persona_draw(struct persona *p)
{
    p->seed += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = p->seed;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint64_t persona_count(struct persona *p)
{
    p->counter = p->heard ? p->counter + 1 : persona_draw(p);
    return p->counter;
}

bool persona_signed(const struct persona *p, const uint8_t *payload, uint64_t counter,
                    enum auth_form form)
{
    const struct carp_crypto *crypto = p->config.crypto;
    uint8_t digest[WIRE_DIGEST_SIZE];
    crypto->digest(crypto->self, 0, form, counter, digest);
    return memcmp(digest, payload + WIRE_ADVERT_SIZE - WIRE_DIGEST_SIZE, sizeof digest) == 0;
}

int persona_send_advert(struct persona *p, struct carp_packet *packet, enum auth_form form)
{
    const struct carp_crypto *crypto = p->config.crypto;
    uint8_t frame[FRAME_MAX];
    packet->ttl = FRAME_TTL;
    packet->advert.version = WIRE_VERSION;
    packet->advert.type = WIRE_TYPE_ADVERT;
    packet->advert.vhid = p->config.carp->vhid;
    packet->advert.authlen = WIRE_AUTHLEN;
    crypto->digest(crypto->self, 0, form, packet->advert.counter, packet->advert.digest);
    return p->port.send(p->port.self, frame, frame_write(packet, frame));
}

void persona_send_arp(struct persona *p, const uint8_t source_mac[FRAME_MAC_SIZE],
                      const uint8_t sender_mac[FRAME_MAC_SIZE],
                      const uint8_t target_mac[FRAME_MAC_SIZE], const uint8_t address[4])
{
    struct frame_arp arp = {.operation = 1};
    uint8_t frame[FRAME_MAX];
    memset(arp.destination_mac, 0xff, FRAME_MAC_SIZE);
    memcpy(arp.source_mac, source_mac, FRAME_MAC_SIZE);
    memcpy(arp.sender_mac, sender_mac, FRAME_MAC_SIZE);
    memcpy(arp.target_mac, target_mac, FRAME_MAC_SIZE);
    memcpy(arp.sender, address, 4);
    memcpy(arp.target, address, 4);
    (void)p->port.send(p->port.self, frame, frame_write_arp(&arp, frame)); /* nobody looks */
}

void persona_become(struct persona *p, carp_instant now, enum carp_state to, const char *why)
{
    enum carp_state from = (enum carp_state)p->state;
    if (from != to) {
        p->state = (uint8_t)to;
        p->port.changed(p->port.self, now, from, to, why);
    }
}

void persona_hold(struct persona *p, bool holds)
{
    if (p->holds != holds) {
        const uint8_t virtual_mac[FRAME_MAC_SIZE] = {0, 0, 0x5e, 0, 1, p->config.carp->vhid};
        p->holds = holds;
        p->port.hold(p->port.self, holds,
                     p->config.kind == PERSONA_UCARP ? p->self.mac : virtual_mac);
    }
}

/* --- the kinds -------------------------------------------------------------------------------- */

static bool is_ucarp(const struct persona *p)
{
    return p->config.kind == PERSONA_UCARP;
}

void persona_init(struct persona *p, const struct persona_config *config,
                  const struct persona_port *port)
{
    assert(config->kind < PERSONA_KIND_COUNT && config->carp->key_count > 0);
    memset(p, 0, sizeof *p);
    p->config = *config;
    p->port = *port;
    p->seed = config->seed;
    p->state = CARP_INIT;
    p->delayed_arp = -1;
    if (is_ucarp(p)) {
        persona_ucarp_init(p);
    } else {
        persona_kernel_init(p);
    }
}

void persona_link(struct persona *p, carp_instant now, const struct carp_self *self)
{
    (is_ucarp(p) ? persona_ucarp_link : persona_kernel_link)(p, now, self);
}

void persona_frame(struct persona *p, carp_instant now, const uint8_t *frame, size_t size)
{
    (is_ucarp(p) ? persona_ucarp_frame : persona_kernel_frame)(p, now, frame, size);
}

void persona_due(struct persona *p, carp_instant now)
{
    (is_ucarp(p) ? persona_ucarp_due : persona_kernel_due)(p, now);
}

carp_instant persona_deadline(const struct persona *p)
{
    return (is_ucarp(p) ? persona_ucarp_deadline : persona_kernel_deadline)(p);
}

enum carp_state persona_state(const struct persona *p)
{
    return (enum carp_state)p->state;
}

void persona_demote(struct persona *p, carp_instant now, int total)
{
    if (!is_ucarp(p)) {
        persona_kernel_demote(p, now, total);
    }
}

int persona_adds(const struct persona *p)
{
    return is_ucarp(p) ? 0 : persona_kernel_adds(p);
}

void persona_stop(struct persona *p, carp_instant now)
{
    (is_ucarp(p) ? persona_ucarp_stop : persona_kernel_stop)(p, now);
}

void persona_yield(struct persona *p, carp_instant now)
{
    (is_ucarp(p) ? persona_ucarp_yield : persona_kernel_yield)(p, now);
}

void persona_clock_step(struct persona *p, carp_instant now, int64_t ns)
{
    if (is_ucarp(p)) {
        persona_ucarp_clock_step(p, now, ns);
    }
}

void persona_readdress(struct persona *p, carp_instant now, const struct carp_config *carp,
                       const struct carp_crypto *crypto)
{
    (is_ucarp(p) ? persona_ucarp_readdress : persona_kernel_readdress)(p, now, carp, crypto);
}
