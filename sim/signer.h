/*
 * Signing for a whole world: one crypto port for all groups with the same key, vhid and addresses,
 * which remembers the last digests. So a broadcast is verified once, however many hear it; digests
 * are pure functions, so nothing else changes.
 */
#ifndef CARP_SIM_SIGNER_H
#define CARP_SIM_SIGNER_H

#include "engine/auth.h"

enum { SIGNER_KEPT = 4 }; /* a power of two */

struct signer {
    struct carp_crypto below;  /* does the work */
    struct carp_crypto crypto; /* what groups are given; its self is this signer */
    bool plain;                /* remembers nothing */
    uint64_t computed;         /* digests that were worked out */
    struct {
        uint64_t counter;
        uint8_t key, form;
        bool valid;
        uint8_t digest[WIRE_DIGEST_SIZE];
    } kept[SIGNER_KEPT];
};

/* Over a port that was made for the configuration; it is not freed here. The signer must not move
 * afterwards. */
void signer_make(struct signer *s, const struct carp_crypto *below, bool plain);

#endif
