/*
 * The engine's test bench: one node on a virtual clock, its story line by line, and peers' adverts
 * made without the code under test (own signing, by OpenSSL's HMAC() over a message laid out here).
 *
 *   struct lab lab;
 *   lab_init(&lab, (struct carp_config){.advbase = 1, .advskew = 100});
 *   lab_link(&lab, true);
 *   lab_hear(&lab, AT_MS(500), (struct lab_advert){.host = 10, .advbase = 1});
 *   lab_run(&lab, AT_S(5));
 *   EXPECT_STR("...", lab.story);
 *
 * Unless the configuration says otherwise the group is vhid 7, key `secret`, 192.0.2.7, dead ratio
 * 3; the node is 192.0.2.11 and fe80::11 with MAC 02:00:00:00:00:11; its counter starts at 1000000.
 */
#ifndef CARP_ENGINE_LAB_H
#define CARP_ENGINE_LAB_H

#include "engine/carp.h"
#include "engine/story.h"

#define AT_S(n)  ((carp_instant){UINT64_C(1000000000) * (n)})
#define AT_MS(n) ((carp_instant){UINT64_C(1000000) * (n)})
#define AT_NS(n) ((carp_instant){UINT64_C(n)})

enum { LAB_COUNTER = 1000000 };

/* What peers count from: not so near to ours that it is taken at first sight. */
#define LAB_HEARD_COUNTER (UINT64_C(1) << 48)

struct lab {
    struct carp_config config;
    struct carp_crypto crypto;
    struct carp_self self;
    struct carp carp;
    carp_instant now;
    struct carp_outcome out; /* of the last step */
    uint64_t heard_counter; /* of the last advert made by lab_hear() without a counter of its own */
    char story[16384];      /* a line for each step in which something happened */
};

/* Whose manners a heard advert has: only the source MAC tells. */
enum lab_kind { LAB_BSD, LAB_UCARP, LAB_OURS };

struct lab_advert {
    uint8_t host; /* 192.0.2.host or fe80::host */
    bool ipv6;
    enum lab_kind kind;
    uint8_t advbase, advskew, demote;
    uint64_t counter; /* 0: one more than the last time */
};

/* Fill in what the bench's groups have in common, where it is zero. */
void lab_defaults(struct carp_config *config);

/* Prepare a node that has not seen its link yet. */
void lab_init(struct lab *lab, struct carp_config config);

/* Step now, with any event; writes the story. Returns the verdict. */
enum carp_verdict lab_step(struct lab *lab, const struct carp_event *event);

void lab_link(struct lab *lab, bool up);
void lab_event(struct lab *lab, enum carp_event_type type); /* one without a value */
void lab_demote(struct lab *lab, uint16_t demotion);
void lab_yield(struct lab *lab, enum carp_yield why, carp_duration hold);

/* Let time pass until `until`, with a TIMEOUT at each deadline on the way (`until` included). */
void lab_run(struct lab *lab, carp_instant until);

/* As lab_run(), but input that arrives at `at` is read before a deadline of that instant. */
enum carp_verdict lab_hear(struct lab *lab, carp_instant at, struct lab_advert advert);
enum carp_verdict lab_hear_packet(struct lab *lab, carp_instant at,
                                  const struct carp_packet *packet);

/* The packet of an advert as that peer would send it to this lab's group, signed. */
struct carp_packet lab_packet(struct lab *lab, struct lab_advert advert);

/* Forget what happened so far; what follows is the test's subject. */
void lab_forget(struct lab *lab);

/* Sign with the group's first key: the message of docs/PROTOCOL.md, laid out here. */
void lab_sign(const struct carp_config *config, struct carp_advert *advert);

/* The crypto port by OpenSSL's one-shot HMAC(): slow, plain, and not io/crypto_openssl.c. */
struct carp_crypto lab_crypto(const struct carp_config *config);

/* The bytes of the last outcome's action number `index`. When that is no SEND the test fails, and
 * they are zero. */
const uint8_t *lab_sent(const struct lab *lab, unsigned index);

/* Put the Internet checksum of these bytes into its field among them (RFC 1071), apart from the
 * code under test. */
void lab_fix_checksum(uint8_t *bytes, size_t size, uint8_t *field);

/* The next frame of a classic little-endian pcap file held in memory; NULL at its end. `at` starts
 * at zero and is moved on. */
const uint8_t *lab_pcap_next(const uint8_t *file, size_t file_size, size_t *at, size_t *size);

/* Read a file of the source tree; returns its size. The test fails when it cannot be read. */
size_t lab_read_file(const char *in_tree, uint8_t *bytes, size_t room);

#endif
