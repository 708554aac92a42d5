/*
 * What the persona_*.c files share. Nothing here is for others.
 */
#ifndef CARP_SIM_PERSONA_INTERNAL_H
#define CARP_SIM_PERSONA_INTERNAL_H

#include "sim/persona.h"

enum {
    ETHERNET_SIZE = 14,
    IPV4_SIZE = 20,
    IPV6_SIZE = 40,
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_VLAN = 0x8100,
    ETHERTYPE_IPV6 = 0x86dd,
    SECOND_US = 1000000,
};

static inline uint16_t persona_u16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* advskew in the microseconds of all implementations: rounded towards zero. */
static inline int64_t persona_skew_us(int advskew)
{
    return (int64_t)advskew * SECOND_US / 256;
}

/* 64 random bits: splitmix64. */
uint64_t persona_draw(struct persona *p);

/* The counter of the next advert: random until a valid advert was heard, then one more than the
 * last one sent or heard. Source: carp_prepare_ad() of UCARP, FreeBSD and NetBSD; seen. */
uint64_t persona_count(struct persona *p);

/* Are these 36 bytes signed for our group, in this form? */
bool persona_signed(const struct persona *p, const uint8_t *payload, uint64_t counter,
                    enum auth_form form);

/* Sign, write and send an advert; the rest of the packet is filled in. Returns what the port
 * says. */
int persona_send_advert(struct persona *p, struct carp_packet *packet, enum auth_form form);

/* A gratuitous ARP request for one address. */
void persona_send_arp(struct persona *p, const uint8_t source_mac[FRAME_MAC_SIZE],
                      const uint8_t sender_mac[FRAME_MAC_SIZE],
                      const uint8_t target_mac[FRAME_MAC_SIZE], const uint8_t address[4]);

/* To that state, and say so; nothing when it is the state already. */
void persona_become(struct persona *p, carp_instant now, enum carp_state to, const char *why);

/* From now on this machine answers for the addresses, or does not; nothing when that is so. */
void persona_hold(struct persona *p, bool holds);

/* The kind's part of each function of persona.h. */
void persona_kernel_init(struct persona *p);
void persona_kernel_link(struct persona *p, carp_instant now, const struct carp_self *self);
void persona_kernel_frame(struct persona *p, carp_instant now, const uint8_t *frame, size_t size);
void persona_kernel_due(struct persona *p, carp_instant now);
carp_instant persona_kernel_deadline(const struct persona *p);
void persona_kernel_demote(struct persona *p, carp_instant now, int total);
int persona_kernel_adds(const struct persona *p);
void persona_kernel_stop(struct persona *p, carp_instant now);
void persona_kernel_yield(struct persona *p, carp_instant now);
void persona_kernel_readdress(struct persona *p, carp_instant now, const struct carp_config *carp,
                              const struct carp_crypto *crypto);

void persona_ucarp_init(struct persona *p);
void persona_ucarp_link(struct persona *p, carp_instant now, const struct carp_self *self);
void persona_ucarp_frame(struct persona *p, carp_instant now, const uint8_t *frame, size_t size);
void persona_ucarp_due(struct persona *p, carp_instant now);
carp_instant persona_ucarp_deadline(const struct persona *p);
void persona_ucarp_stop(struct persona *p, carp_instant now);
void persona_ucarp_yield(struct persona *p, carp_instant now);
void persona_ucarp_clock_step(struct persona *p, carp_instant now, int64_t ns);
void persona_ucarp_readdress(struct persona *p, carp_instant now, const struct carp_config *carp,
                             const struct carp_crypto *crypto);

#endif
