/*
 * What became of a received frame: each ends in exactly one of these.
 *
 * One list makes the enum, the word shown to people and programs, and the sentence behind it, so
 * that the three cannot drift apart. The order is the order of the checks; the first that fails
 * names the frame. docs/PROTOCOL.md says which check of which implementation each row follows.
 */
#ifndef CARP_ENGINE_VERDICT_H
#define CARP_ENGINE_VERDICT_H

/* clang-format off */
#define CARP_VERDICTS(X)                                                                          \
    X(ACCEPTED,        "accepted",        "valid advert for this group")                          \
    /* frame_parse(): true of the frame whoever reads it */                                       \
    X(NOT_CARP,        "not-carp",        "not an IP packet of protocol 112")                     \
    X(TRUNCATED,       "truncated",       "shorter than its own headers say")                     \
    X(FRAGMENT,        "fragment",        "IP fragment; adverts are never fragmented")            \
    X(BAD_IP_CHECKSUM, "bad-ip-checksum", "IPv4 header checksum is wrong")                        \
    X(BAD_TTL,         "bad-ttl",         "TTL is not 255: it came through a router")             \
    X(BAD_LENGTH,      "bad-length",      "payload is shorter than the 36 bytes of an advert")    \
    X(VRRP2,           "vrrp2",           "VRRP version 2, a relative on the same IP protocol")   \
    X(VRRP3,           "vrrp3",           "VRRP version 3, a relative on the same IP protocol")   \
    X(BAD_VERSION,     "bad-version",     "CARP version is not 2")                                \
    X(BAD_CHECKSUM,    "bad-checksum",    "CARP checksum is wrong")                               \
    /* carp_step(): true of the frame for this group */                                           \
    X(OTHER_GROUP,     "other-group",     "sent to another multicast group or address")           \
    X(OTHER_VHID,      "other-vhid",      "belongs to another virtual host")                      \
    X(NOT_LISTENING,   "not-listening",   "the group is stopped or its link is down")             \
    X(LOOPED,          "looped",          "our own advert came back: the network reflects frames") \
    X(BAD_DIGEST,      "bad-digest",      "digest is wrong: other key, or other address list")    \
    X(OWN_ADDRESS,     "own-address",     "another host advertises from our own address")         \
    X(REPLAYED,        "replayed",        "counter is not newer: an old advert was repeated")
/* clang-format on */

enum carp_verdict {
#define X(name, word, phrase) CARP_##name,
    CARP_VERDICTS(X)
#undef X
        CARP_VERDICT_COUNT
};

/* The word of a verdict ("bad-digest") and the sentence that explains it. */
const char *verdict_word(enum carp_verdict verdict);
const char *verdict_phrase(enum carp_verdict verdict);

#endif
