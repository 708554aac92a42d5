#include "engine/replay.h"

#include <string.h>

/* A host that hears a peer continues that peer's counter, one step an advert, two with two address
 * families: so far above the last counter on the link may it restart its own.
 * Source: FreeBSD and NetBSD carp_input_c(), UCARP packethandler(): the received counter is
 * adopted. */
enum { ADOPTED_MAX = 4 };

/* A repeat that is genuine: NetBSD with several carp interfaces, after an instant takeover. */
enum { REPEATS_GENUINE = 1 };

/* Of a sender not known yet, so many repeats make its counter a constant. */
enum { REPEATS_CONSTANT = 2 };

bool replay_follows(uint64_t counter, uint64_t earlier)
{
    return counter != earlier && counter - earlier < UINT64_C(1) << 52;
}

/* A name for a sender that is small. Two senders of one group sharing it is a matter of 2^-32, and
 * confuses only what is learned of their counters. (FNV-1a.) */
static uint32_t sender_id(const struct carp_packet *packet)
{
    uint32_t hash = UINT32_C(2166136261) ^ packet->family;
    size_t size = packet->family == 4 ? 4 : 16;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ packet->source[i]) * UINT32_C(16777619);
    }
    return hash == 0 ? 1 : hash;
}

/* Only growing counters; of a sender not known, only one above all that are. */
static bool enforce(const struct replay_senders *senders, unsigned slot, uint64_t counter)
{
    if (slot < REPLAY_SENDERS_MAX) {
        return replay_follows(counter, senders->counter[slot]);
    }
    for (unsigned i = 0; i < REPLAY_SENDERS_MAX && senders->id[i] != 0; i++) {
        if (!replay_follows(counter, senders->counter[i])) {
            return false;
        }
    }
    return true;
}

static void hear_repeat(const struct replay_senders *senders, struct replay_hearing *h)
{
    enum replay_counting before = (enum replay_counting)senders->counting[h->slot];
    uint8_t repeats = senders->repeats[h->slot];
    h->repeats = repeats == UINT8_MAX ? repeats : (uint8_t)(repeats + 1);
    h->counting = before;
    bool undecided = before == REPLAY_UNKNOWN || before == REPLAY_CHANGED;
    if (undecided && h->repeats >= REPEATS_CONSTANT) {
        h->counting = REPLAY_CONSTANT;
    }
    h->fresh = undecided || before == REPLAY_CONSTANT || h->repeats <= REPEATS_GENUINE;
}

static void hear_change(const struct replay_senders *senders, uint64_t counter,
                        struct replay_hearing *h)
{
    enum replay_counting before = (enum replay_counting)senders->counting[h->slot];
    uint64_t last = senders->counter[h->slot];
    bool counts = before == REPLAY_COUNTS_UP;
    h->fresh = true;
    /* NOLINTNEXTLINE(bugprone-branch-clone): cases in their order, as they are thought */
    if (counts ? replay_follows(counter, last) : counter - last - 1 < REPLAY_NEAR - 1) {
        h->counting = REPLAY_COUNTS_UP;
    } else if (before == REPLAY_CONSTANT) {
        h->counting = REPLAY_UNKNOWN; /* it restarted, or is someone else */
    } else if (!counts) {
        h->counting = before == REPLAY_UNKNOWN ? REPLAY_CHANGED : REPLAY_RANDOM;
    } else if (counter - senders->link_counter - 1 < ADOPTED_MAX) {
        h->counting = REPLAY_COUNTS_UP;
    } else if (replay_follows(last, counter)) {
        h->counting = REPLAY_COUNTS_UP;
        h->fresh = false;
    } else {
        h->counting = REPLAY_CHANGED; /* it restarted */
    }
}

/* The digest does not cover the source address. So what repeats a known sender's last counter from
 * an address that is not known counts as that sender's repeat; a genuine one, of a kernel that
 * continues its peer's count at a handover, comes once. */
static void attribute_repeat(const struct replay_senders *senders, uint64_t counter,
                             struct replay_hearing *h)
{
    for (unsigned i = 0; i < REPLAY_SENDERS_MAX && senders->id[i] != 0; i++) {
        if (senders->counter[i] == counter) {
            h->slot = i;
            h->id = senders->id[i];
            return;
        }
    }
}

struct replay_hearing replay_hear(const struct replay_senders *senders, enum carp_replay policy,
                                  const struct carp_packet *packet)
{
    uint64_t counter = packet->advert.counter;
    struct replay_hearing h = {.fresh = true, .counting = REPLAY_UNKNOWN, .id = sender_id(packet)};
    while (h.slot < REPLAY_SENDERS_MAX && senders->id[h.slot] != h.id) {
        h.slot++;
    }
    if (h.slot == REPLAY_SENDERS_MAX) {
        attribute_repeat(senders, counter, &h);
    }
    if (h.slot < REPLAY_SENDERS_MAX) {
        if (counter == senders->counter[h.slot]) {
            hear_repeat(senders, &h);
        } else {
            hear_change(senders, counter, &h);
        }
    }
    switch (policy) {
    case CARP_REPLAY_AUTO:
        break;
    case CARP_REPLAY_ENFORCE:
        h.fresh = enforce(senders, h.slot, counter);
        break;
    case CARP_REPLAY_OFF:
        h.fresh = true;
        break;
    }
    return h;
}

void replay_remember(struct replay_senders *senders, const struct replay_hearing *hearing,
                     uint64_t counter)
{
    unsigned slot = hearing->slot < REPLAY_SENDERS_MAX ? hearing->slot : REPLAY_SENDERS_MAX - 1;
    if (slot > 0) { /* mostly the same master speaks again */
        memmove(&senders->id[1], &senders->id[0], slot * sizeof senders->id[0]);
        memmove(&senders->counter[1], &senders->counter[0], slot * sizeof senders->counter[0]);
        memmove(&senders->counting[1], &senders->counting[0], slot);
        memmove(&senders->repeats[1], &senders->repeats[0], slot);
    }
    senders->id[0] = hearing->id;
    senders->counter[0] = counter;
    senders->counting[0] = (uint8_t)hearing->counting;
    senders->repeats[0] = hearing->repeats;
    senders->link_counter = counter;
}

void replay_sent(struct replay_senders *senders, uint64_t counter)
{
    senders->link_counter = counter;
}
