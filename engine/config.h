/*
 * What a virtual host is configured to be. It never changes while the engine runs, holds nothing
 * of any one node, and so is shared, by const pointer, between all groups and nodes that agree.
 *
 * io/config.c fills it from YAML or UCARP's options and answers for every range given here; the
 * engine asserts them.
 */
#ifndef CARP_ENGINE_CONFIG_H
#define CARP_ENGINE_CONFIG_H

#include "engine/instant.h"

enum {
    CARP_KEY_SIZE = 20,      /* bytes, zero-padded: the key of every implementation */
    CARP_KEYS_MAX = 4,       /* accepted keys, for rotation */
    CARP_ADDRESSES_MAX = 64, /* per family; a choice of ours, peers have none */
    CARP_ADVSKEW_CLAMP = 240 /* a demotion raises advskew to this and no further */
};

/* How demotion travels, and whether byte 4 of a received advert counts.
 * ADVSKEW: raised advskew, as FreeBSD, NetBSD and UCARP do; byte 4 is sent as 0 and ignored.
 * OPENBSD: byte 4, compared before the interval; advskew stays as configured. */
enum carp_dialect { CARP_DIALECT_ADVSKEW, CARP_DIALECT_OPENBSD };

/* What is done about an advert that was heard before; docs/PROTOCOL.md, "replay".
 * AUTO: learn per sender whether its counter counts, is random or constant.
 * ENFORCE: only growing counters, for groups of Carpio nodes alone. OFF: no check. */
enum carp_replay { CARP_REPLAY_AUTO, CARP_REPLAY_ENFORCE, CARP_REPLAY_OFF };

/* From which Ethernet address adverts come; announcements always name the interface's own.
 * INTERFACE: its own, because hypervisors and port security drop others.
 * VIRTUAL: 00:00:5e:00:01:vhid, as the BSD kernels do; peers of our kind then take us for one when
 * they break ties. */
enum carp_source_mac { CARP_SOURCE_MAC_INTERFACE, CARP_SOURCE_MAC_VIRTUAL };

struct carp_config {
    uint8_t vhid;       /* 1..255 */
    uint8_t advbase;    /* 0..255 s; 0 only with advskew > 0 */
    uint8_t advskew;    /* 0..254 1/256 s; 255 only for UCARP's option, 255/255 never */
    uint8_t dead_ratio; /* 1..255; every peer but UCARP has 3 */
    bool preempt;       /* as backup, take over from a slower master */
    enum carp_dialect dialect;
    enum carp_replay replay;
    enum carp_source_mac source_mac;
    carp_duration hold_down;     /* after start and link-up: at least this long before taking over
                                    from silence; ended by the first valid advert */
    carp_duration preempt_delay; /* after start and link-up: this long no preemption */

    bool broadcast;        /* adverts to ff:ff:ff:ff:ff:ff (UCARP --nomcast) */
    uint8_t ipv4_group[4]; /* where IPv4 adverts go and must come to: 224.0.0.18 */

    uint8_t key_count; /* 1..CARP_KEYS_MAX; the first one signs */
    uint8_t keys[CARP_KEYS_MAX][CARP_KEY_SIZE];

    /* The virtual addresses, ascending by memcmp() and each once: config_sort_addresses(). */
    uint8_t ipv4_count;
    uint8_t ipv6_count;
    uint8_t ipv4[CARP_ADDRESSES_MAX][4];
    uint8_t ipv6[CARP_ADDRESSES_MAX][16];
};

/* Sort both address lists and drop duplicates, as the digest wants them.
 * Source: FreeBSD and OpenBSD carp_hmac_prepare(). */
void config_sort_addresses(struct carp_config *config);

#endif
