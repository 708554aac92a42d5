#include "sim/signer.h"

#include <string.h>

static void digest(void *self, unsigned key, enum auth_form form, uint64_t counter,
                   uint8_t out[WIRE_DIGEST_SIZE])
{
    struct signer *s = self;
    unsigned slot = (unsigned)(counter + key * 2 + form) % SIGNER_KEPT;
    if (!s->kept[slot].valid || s->kept[slot].counter != counter || s->kept[slot].key != key ||
        s->kept[slot].form != form || s->plain) {
        s->below.digest(s->below.self, key, form, counter, s->kept[slot].digest);
        s->computed += 1;
        s->kept[slot].counter = counter;
        s->kept[slot].key = (uint8_t)key;
        s->kept[slot].form = (uint8_t)form;
        s->kept[slot].valid = true;
    }
    memcpy(out, s->kept[slot].digest, WIRE_DIGEST_SIZE);
}

static void hmac(void *self, const uint8_t key[CARP_KEY_SIZE], const uint8_t *message, size_t size,
                 uint8_t out[WIRE_DIGEST_SIZE])
{
    struct signer *s = self;
    s->below.hmac(s->below.self, key, message, size, out);
}

void signer_make(struct signer *s, const struct carp_crypto *below, bool plain)
{
    *s = (struct signer){.below = *below, .plain = plain};
    s->crypto = (struct carp_crypto){.self = s, .digest = digest, .hmac = hmac};
}
