/*
 * carplab decode, in parts: what a frame is (decode_packet.c), whether its digest is right and why
 * not (decode_digest.c), and one line or object about it (decode_write.c). Nothing is allocated for
 * a packet.
 */
#ifndef CARP_TOOLS_CARPLAB_DECODE_H
#define CARP_TOOLS_CARPLAB_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/auth.h"
#include "engine/frame.h"
#include "io/pcap/capture.h"

/* clang-format off */
#define DECODE_KINDS(X)                                                                           \
    X(CARP, "carp") X(VRRP2, "vrrp2") X(VRRP3, "vrrp3") X(GARP, "garp") X(NA, "na") X(OTHER, "other")
/* clang-format on */

enum decode_kind {
#define X(name, word) DECODE_##name,
    DECODE_KINDS(X)
#undef X
};

/* NONE: too little is there to tell. */
enum decode_checksum { CHECKSUM_NONE, CHECKSUM_OK, CHECKSUM_OK_PSEUDO, CHECKSUM_BAD };
enum decode_digest { DIGEST_NONE, DIGEST_OK, DIGEST_OK_NO_LINK_LOCAL, DIGEST_BAD, DIGEST_NO_KEY };

struct decoded {
    enum decode_kind kind;
    uint8_t family; /* 4 or 6; 0: there are no addresses */
    uint8_t source[16];
    uint8_t destination[16];
    const uint8_t *source_mac; /* borrowed of the frame; NULL: there is none */

    /* CARP. Of a payload that was cut off, only so many bytes of the advert are there. */
    enum carp_verdict verdict;
    struct carp_advert advert;
    size_t advert_size; /* at most WIRE_ADVERT_SIZE */
    enum decode_checksum checksum;
    enum decode_digest digest;
    const char *difference; /* why the digest is bad or what is unusual; NULL: nothing to say */

    /* VRRP: virtual router and priority, when vrrp_size >= 3 */
    size_t vrrp_size;
    uint8_t vrid, priority;

    /* GARP and NA: who is said to be where */
    uint8_t announced[16]; /* of `family` */
    uint8_t announced_mac[FRAME_MAC_SIZE];

    /* OTHER: what it is in short, with a number behind it unless that is negative */
    const char *what;
    int32_t number;
    bool number_is_hex;
};

/* What is this frame? digest and difference are left to digests_check(). */
void decode_packet(const struct capture_frame *frame, struct decoded *d);

/* --- digests ------------------------------------------------------------------------------------
 */

enum {
    DIGEST_SENTENCE_MAX = 160,
    DIGEST_HINTS_MAX = 2 * CARP_KEYS_MAX + 1,
    DIGEST_SEEN_MAX = 32,
    DIGEST_VARIANTS_MAX = 16,
    DIGEST_TRIES = 1024,
};

/* A configuration that an advert with a bad digest turned out to be signed for. */
struct digest_variant {
    uint8_t vhid; /* of the adverts, whatever is signed */
    struct carp_config config;
    struct carp_crypto crypto;
    char sentence[DIGEST_SENTENCE_MAX];
};

/* Zeroed to begin with. */
struct digests {
    struct carp_config config; /* the first key, and all addresses; for every vhid */
    bool has_link_local;

    /* Other keys that a peer may have: the further ones given, and likely mistakes. */
    uint8_t hints[DIGEST_HINTS_MAX][CARP_KEY_SIZE];
    const char *hint_names[DIGEST_HINTS_MAX];
    size_t hint_count;

    /* Addresses that were announced in the capture: a peer may have them too. */
    uint8_t seen[DIGEST_SEEN_MAX][17];
    size_t seen_count;

    bool made[256];
    struct carp_crypto crypto[256]; /* by vhid, made when it is first heard */
    struct digest_variant variants[DIGEST_VARIANTS_MAX];
    size_t variant_count;

    /* How often a search from this source was asked for, by a hash: a search takes long. */
    uint32_t tries[DIGEST_TRIES];
};

/* One more key: the first is the group's, the others are what a wrong digest is tried with.
 * is_text: it was typed or read from a file, so that a newline may have gone astray. False: there
 * are CARP_KEYS_MAX already. */
bool digests_add_key(struct digests *g, const uint8_t *key, size_t size, bool is_text);

/* One more virtual address; false when there are too many. */
bool digests_add_address(struct digests *g, uint8_t family, const uint8_t *address);

/* All is given. */
void digests_ready(struct digests *g);

/* Keep in mind what a packet announces. */
void digests_note(struct digests *g, const struct decoded *d);

/* And what a whole capture does, as far as it can be read. */
void digests_note_file(struct digests *g, const char *path);

/* Set digest, difference and verdict; also notes what is announced. False: no memory. */
bool digests_check(struct digests *g, struct decoded *d);

/* Was nothing found that explains this digest? */
bool digests_unexplained(const struct decoded *d);

/* Why the digest is bad, in words that do not change from advert to advert: one that was not looked
 * into is like those before it. */
const char *digests_reason(const struct decoded *d);

void digests_free(struct digests *g);

/* --- writing ------------------------------------------------------------------------------------
 */

enum { DECODE_BUFFER = 1 << 16, DECODE_LINE_MAX = 1024 };

struct decode_writer {
    int fd;
    int error; /* errno of the first write that failed */
    bool json;
    bool has_time;
    size_t size;
    char buffer[DECODE_BUFFER];
};

void decode_write(struct decode_writer *w, const struct capture_frame *frame,
                  const struct decoded *d);
void decode_flush(struct decode_writer *w);

#endif
