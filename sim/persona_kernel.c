/*
 * The kernels: FreeBSD 13, NetBSD 7.99 and OpenBSD share their ancestor's shape: three callouts, an
 * input routine that compares two pairs of times, and a machine-wide demotion. Where they differ
 * stands in the leaves. docs/PERSONAS.md has the source of each mechanism.
 */
#include "sim/persona_internal.h"

#include <assert.h>

enum { SKEW_MAX = 240, ERRORS_MAX = 3, SUCCESSES_MIN = 3, SENDERR_DEMOTION = 240 };

/* What callouts are armed for: the address family an advert came by, or all there are. */
enum family { ALL_FAMILIES, IPV4, IPV6 };

/* A struct timeval: compared by seconds first, whatever the sign of the microseconds. */
struct pair {
    int64_t s, us;
};

static bool pair_less(struct pair a, struct pair b)
{
    return a.s != b.s ? a.s < b.s : a.us < b.us;
}

/* --- what it is configured and demoted to ----------------------------------------------------- */

static enum persona_kind kind_of(const struct persona *p)
{
    return p->config.kind;
}

/* FreeBSD 13 takes advbase 0 for "leave it", which is 1. Source: captures/README.md. */
static int own_advbase(const struct persona *p)
{
    uint8_t advbase = p->config.carp->advbase;
    return kind_of(p) == PERSONA_FREEBSD && advbase == 0 ? 1 : advbase;
}

static int demotion(const struct persona *p)
{
    return p->kernel.demotion + p->kernel.own_demotion;
}

/* The skew that is sent (modulo 256) and compared. FreeBSD up to 13 has an upper bound only: a
 * negative demotion makes it negative, and then the two differ. Source: DEMOTE_ADVSKEW(); NetBSD
 * carp_suppress_preempt; both seen. */
static int effective_advskew(const struct persona *p)
{
    int advskew = p->config.carp->advskew;
    switch (kind_of(p)) {
    case PERSONA_FREEBSD:
        return advskew + demotion(p) > SKEW_MAX ? SKEW_MAX : advskew + demotion(p);
    case PERSONA_NETBSD:
        return demotion(p) != 0 && advskew < SKEW_MAX ? SKEW_MAX : advskew;
    case PERSONA_OPENBSD:
    case PERSONA_UCARP:
    case PERSONA_KIND_COUNT:
        break;
    }
    return advskew;
}

/* OpenBSD's demote count: byte 4 of its adverts. Source: carp_group_demote_count(). */
static int demote_count(const struct persona *p)
{
    int count = demotion(p);
    return count < 0 ? 0 : count > 255 ? 255 : count;
}

static bool has_ipv4(const struct persona *p)
{
    return p->config.carp->ipv4_count > 0;
}

static bool has_ipv6(const struct persona *p)
{
    return p->config.carp->ipv6_count > 0;
}

/* IFF_UP and IFF_RUNNING of its carp interface. */
static bool runs(const struct persona *p)
{
    return p->up && !p->stopped && (has_ipv4(p) || has_ipv6(p));
}

/* --- callouts --------------------------------------------------------------------------------- */

/* A timeout ends with a tick of the machine's clock: as many after the last tick as the wait has,
 * rounded up, and some more. Source: tvtohz(), and seen: NetBSD one more, FreeBSD two. */
static void arm(const struct persona *p, carp_instant now, carp_instant *callout, struct pair wait)
{
    if (wait.us < 0) {
        wait.s -= 1;
        wait.us += SECOND_US;
    }
    if (wait.us < 0) { /* FreeBSD's tvtohz() makes the longest of all waits from it */
        *callout = CARP_NEVER;
        return;
    }
    uint64_t tick_ns = p->config.tick.ns;
    uint64_t wait_ns = (uint64_t)(wait.s * SECOND_US + wait.us) * 1000;
    uint64_t ticks = (wait_ns + tick_ns - 1) / tick_ns + p->config.tick_extra;
    uint64_t since_tick_ns = (now.ns + tick_ns - p->config.tick_phase.ns % tick_ns) % tick_ns;
    callout->ns = now.ns - since_tick_ns + (ticks > 0 ? ticks : 1) * tick_ns;
}

static void stop_callouts(struct persona *p)
{
    p->kernel.advert = p->kernel.down[0] = p->kernel.down[1] = CARP_NEVER;
}

/* Always by the configured skew. OpenBSD triples that too. Source: OpenBSD carp_setrun() 1.370. */
static struct pair master_down_wait(const struct persona *p)
{
    int advbase = own_advbase(p);
    int advskew = p->config.carp->advskew;
    if (kind_of(p) != PERSONA_OPENBSD) {
        return (struct pair){3 * advbase, persona_skew_us(advskew)};
    }
    advskew = advbase == 0 && advskew == 0 ? 1 : advskew;
    return (struct pair){3 * advbase, persona_skew_us(3 * advskew)};
}

/* Between adverts, with that skew; OpenBSD takes 0/0 for 1/256 s. */
static struct pair advert_wait(const struct persona *p, int advskew)
{
    int advbase = own_advbase(p);
    if (kind_of(p) == PERSONA_OPENBSD && advbase == 0 && advskew == 0) {
        advskew = 1;
    }
    return (struct pair){advbase, persona_skew_us(advskew)};
}

/* Each family has its own master-down callout; NetBSD has IPv4's only, because its IPv6 sending is
 * compiled out. Source: carp_setrun() of each, #ifdef INET6_notyet. */
static void wait_for_master(struct persona *p, carp_instant now, enum family family)
{
    struct pair wait = master_down_wait(p);
    bool separate = kind_of(p) != PERSONA_NETBSD;
    p->kernel.advert = CARP_NEVER;
    p->delayed_arp = -1;
    if (family == IPV6 && !separate) {
        family = ALL_FAMILIES;
    }
    if (family == IPV4 || (family == ALL_FAMILIES && has_ipv4(p))) {
        arm(p, now, &p->kernel.down[0], wait);
    }
    if (family == IPV6 || (family == ALL_FAMILIES && has_ipv6(p) && separate)) {
        arm(p, now, &p->kernel.down[1], wait);
    }
}

static void set_state(struct persona *p, carp_instant now, enum carp_state to, const char *why)
{
    persona_become(p, now, to, why);
    persona_hold(p, to == CARP_MASTER);
}

/* The words of FreeBSD and NetBSD; OpenBSD's log has none. */
static const char *words(const struct persona *p, const char *freebsd, const char *netbsd)
{
    return kind_of(p) == PERSONA_FREEBSD  ? freebsd
           : kind_of(p) == PERSONA_NETBSD ? netbsd
                                          : "state transition";
}

/* carp_setrun(): from INIT to BACKUP when it can run, and the callouts of its state. A new master's
 * first interval is of the configured skew: this comes after carp_send_ad() and arms anew. */
static void setrun(struct persona *p, carp_instant now)
{
    if (!runs(p)) {
        return;
    }
    if (p->state == CARP_INIT) {
        set_state(p, now, CARP_BACKUP, words(p, "initialization complete", "state transition"));
    }
    if (p->state == CARP_BACKUP) {
        wait_for_master(p, now, ALL_FAMILIES);
    } else {
        arm(p, now, &p->kernel.advert, advert_wait(p, p->config.carp->advskew));
    }
}

/* --- sending ---------------------------------------------------------------------------------- */

static void virtual_mac(const struct persona *p, uint8_t mac[FRAME_MAC_SIZE])
{
    const uint8_t bytes[FRAME_MAC_SIZE] = {0, 0, 0x5e, 0, 1, p->config.carp->vhid};
    memcpy(mac, bytes, sizeof bytes);
}

/* Count an advert that left or did not. True: the machine's demotion changed, and all masters on it
 * advertise at once. FreeBSD forgets errors after three successes, the others after one.
 * Source: carp_send_ad_error() of FreeBSD, carp_send_ad() of the others; not seen. */
static bool note_sent(struct persona *p, int error)
{
    bool freebsd = kind_of(p) == PERSONA_FREEBSD;
    int step = freebsd ? SENDERR_DEMOTION : 1;
    if (error != 0) {
        p->send_successes = 0;
        p->send_errors += p->send_errors < UINT32_MAX;
        if (p->send_errors != ERRORS_MAX) {
            return false;
        }
        p->kernel.own_demotion += step;
        return freebsd ? p->config.demotion_at_once : demotion(p) == 1;
    }
    bool demoted = p->send_errors >= ERRORS_MAX;
    if (p->send_errors == 0) {
        return false;
    }
    if ((freebsd || demoted) && ++p->send_successes < SUCCESSES_MIN) {
        return false;
    }
    p->send_errors = 0;
    p->kernel.own_demotion -= demoted ? step : 0;
    return demoted && freebsd && p->config.demotion_at_once;
}

/* What differs in the envelopes. Source: carp-protocol.md 1.1 to 1.3; captures. */
static void fill_packet(struct persona *p, struct carp_packet *packet, uint8_t family)
{
    enum persona_kind kind = kind_of(p);
    const uint8_t *group = p->config.carp->ipv4_group;
    packet->family = family;
    virtual_mac(p, packet->source_mac);
    if (family == 4) {
        packet->traffic_class = kind == PERSONA_FREEBSD ? 0xe0 : 0x10;
        packet->dont_fragment = true;
        packet->id = kind == PERSONA_OPENBSD ? (uint16_t)persona_draw(p) : 0;
        const uint8_t mac[FRAME_MAC_SIZE] = {0x01, 0, 0x5e, group[1] & 0x7f, group[2], group[3]};
        memcpy(packet->destination_mac, mac, sizeof mac);
        memcpy(packet->destination, group, 4);
        if (p->self.has_ipv4) {
            memcpy(packet->source, p->self.ipv4, 4);
        } else if (kind == PERSONA_OPENBSD) {
            memcpy(packet->source, p->config.carp->ipv4[0], 4);
        }
    } else {
        packet->traffic_class = kind == PERSONA_FREEBSD ? 0xe0 : 0;
        const uint8_t mac[FRAME_MAC_SIZE] = {0x33, 0x33, 0, 0, 0, 0x12};
        memcpy(packet->destination_mac, mac, sizeof mac);
        memcpy(packet->destination, (const uint8_t[16]){0xff, 0x02, [15] = 0x12}, 16);
        memcpy(packet->source, p->self.has_ipv6 ? p->self.ipv6 : p->config.carp->ipv6[0], 16);
    }
}

static bool send_one(struct persona *p, uint8_t family, bool bow_out)
{
    bool openbsd = kind_of(p) == PERSONA_OPENBSD;
    struct carp_packet packet = {.advert = {
                                     .counter = openbsd ? p->counter : persona_count(p),
                                     .advbase = bow_out ? 255 : (uint8_t)own_advbase(p),
                                     .advskew = bow_out ? 255 : (uint8_t)effective_advskew(p),
                                     .demote = openbsd ? (uint8_t)demote_count(p) : 0,
                                 }};
    fill_packet(p, &packet, family);
    enum auth_form form = openbsd ? AUTH_WITHOUT_LINK_LOCAL : AUTH_WITH_LINK_LOCAL;
    return note_sent(p, persona_send_advert(p, &packet, form));
}

/* OpenBSD's and NetBSD's requests come from the interface that has the address: OpenBSD's carp
 * interface, NetBSD's parent. FreeBSD has no carp interface. Source: carp_send_arp(); seen. */
static void send_arps(struct persona *p)
{
    static const uint8_t nobody[FRAME_MAC_SIZE];
    uint8_t mac[FRAME_MAC_SIZE];
    virtual_mac(p, mac);
    for (unsigned i = 0; i < p->config.carp->ipv4_count; i++) {
        persona_send_arp(p, kind_of(p) == PERSONA_OPENBSD ? mac : p->self.mac, mac, nobody,
                         p->config.carp->ipv4[i]);
    }
}

/* Source: carp_send_na(); seen of FreeBSD in freebsd-13.0-v6-failover-na, which had been mended: as
 * it comes, FreeBSD 13.0 refuses its own packets. */
static void send_nas(struct persona *p)
{
    if (kind_of(p) == PERSONA_FREEBSD && !p->config.neighbour_adverts) {
        return;
    }
    struct frame_na na = {
        .override = true,
        .destination_mac = {0x33, 0x33, 0, 0, 0, 1},
        .destination = {0xff, 0x02, [15] = 1},
    };
    virtual_mac(p, na.target_mac);
    memcpy(na.source_mac, kind_of(p) == PERSONA_NETBSD ? p->self.mac : na.target_mac,
           FRAME_MAC_SIZE);
    for (unsigned i = 0; i < p->config.carp->ipv6_count; i++) {
        uint8_t frame[FRAME_MAX];
        memcpy(na.target, p->config.carp->ipv6[i], 16);
        memcpy(na.source, p->self.has_ipv6 ? p->self.ipv6 : na.target, 16);
        (void)p->port.send(p->port.self, frame, frame_write_na(&na, frame));
    }
}

/* carp_send_ad(), but for its callout. OpenBSD's second announcement comes with the second IPv4
 * advert after a takeover. */
static bool send_adverts(struct persona *p, bool bow_out)
{
    bool tell_all = false;
    if (has_ipv4(p)) {
        tell_all |= send_one(p, 4, bow_out);
        p->delayed_arp = p->delayed_arp > 0 ? (int8_t)(p->delayed_arp - 1) : p->delayed_arp;
        if (p->delayed_arp == 0) {
            send_arps(p);
            p->delayed_arp = -1;
        }
    }
    if (has_ipv6(p) && kind_of(p) != PERSONA_NETBSD) {
        tell_all |= send_one(p, 6, bow_out);
    }
    return tell_all;
}

static void advertise(struct persona *p, carp_instant now)
{
    if (send_adverts(p, false)) {
        send_adverts(p, false);
    }
    arm(p, now, &p->kernel.advert, advert_wait(p, effective_advskew(p)));
}

/* --- states ----------------------------------------------------------------------------------- */

static void master_down(struct persona *p, carp_instant now, const char *why)
{
    p->kernel.down[0] = p->kernel.down[1] = CARP_NEVER; /* as MASTER it would ignore them */
    set_state(p, now, CARP_MASTER, why);
    advertise(p, now);
    send_arps(p);
    if (kind_of(p) == PERSONA_OPENBSD) {
        p->delayed_arp = 2;
    }
    send_nas(p);
    setrun(p, now);
}

static void back_down(struct persona *p, carp_instant now, const char *why)
{
    set_state(p, now, CARP_BACKUP, why);
    setrun(p, now);
}

/* From INIT on, as after a link event: mastership is lost for a master-down time. */
static void start_anew(struct persona *p, carp_instant now)
{
    stop_callouts(p);
    set_state(p, now, CARP_INIT, words(p, "hardware interface up", "state transition"));
    setrun(p, now);
}

/* --- input ------------------------------------------------------------------------------------ */

/* A frame as far as the layers below CARP have come with it. */
struct sight {
    enum { TO_GROUP, TO_PORT, TO_VIRTUAL, TO_OTHER } to; /* by its destination MAC */
    const uint8_t *ip, *payload;
    size_t left, size; /* after `ip` and `payload` */
    enum family family;
    uint8_t ttl;
};

/* Ethernet. FreeBSD takes a priority tag off, the others pass tagged frames over (seen). A virtual
 * MAC is ours while we are MASTER. Source: carp_forus(), carp_ourether(). */
static enum persona_fate open_ethernet(const struct persona *p, const uint8_t *frame, size_t size,
                                       struct sight *sight)
{
    uint8_t mac[FRAME_MAC_SIZE];
    size_t at = ETHERNET_SIZE;
    if (size >= at + 4 && persona_u16(frame + 12) == ETHERTYPE_VLAN &&
        kind_of(p) == PERSONA_FREEBSD && (persona_u16(frame + 14) & 0x0fff) == 0) {
        at += 4;
    }
    uint16_t type = size < at ? 0 : persona_u16(frame + at - 2);
    if ((type != ETHERTYPE_IPV4 && type != ETHERTYPE_IPV6) || size < at + IPV4_SIZE) {
        return PERSONA_NOT_CARP;
    }
    virtual_mac(p, mac);
    sight->family = type == ETHERTYPE_IPV4 ? IPV4 : IPV6;
    sight->ip = frame + at;
    sight->left = size - at;
    sight->to = (frame[0] & 1) != 0                                   ? TO_GROUP
                : memcmp(frame, p->self.mac, FRAME_MAC_SIZE) == 0     ? TO_PORT
                : p->holds && memcmp(frame, mac, FRAME_MAC_SIZE) == 0 ? TO_VIRTUAL
                                                                      : TO_OTHER;
    return sight->to == TO_OTHER ? PERSONA_NOT_OURS : PERSONA_ACCEPTED;
}

/*
 * Whose IPv4 packet is it? FreeBSD hands packets to any multicast group and to its own addresses
 * up. NetBSD and OpenBSD have joined the group on the carp interface, to which frames for groups
 * are handed; what comes to the parent's own MAC stays there, and is bad when it is for the host.
 * Source: ip_input() and carp_input() of each; seen of FreeBSD and NetBSD.
 */
static enum persona_fate is_ours_ipv4(const struct persona *p, const struct sight *sight)
{
    const uint8_t *to = sight->ip + 16;
    bool own = p->self.has_ipv4 && memcmp(to, p->self.ipv4, 4) == 0;
    bool group = memcmp(to, p->config.carp->ipv4_group, 4) == 0;
    bool all = memcmp(to, (const uint8_t[4]){255, 255, 255, 255}, 4) == 0;
    bool on_carp = sight->to == TO_GROUP || sight->to == TO_VIRTUAL;
    switch (kind_of(p)) {
    case PERSONA_FREEBSD:
        return to[0] >> 4 == 0x0e || own || all ? PERSONA_ACCEPTED : PERSONA_NOT_OURS;
    case PERSONA_NETBSD:
        if (!on_carp) {
            return own || all ? PERSONA_BADIF : PERSONA_NOT_OURS;
        }
        return group || own || all ? PERSONA_ACCEPTED : PERSONA_NOT_OURS;
    case PERSONA_OPENBSD:
        if (own || all) { /* its carppeer is a group: no vhost is found for anything else */
            return PERSONA_BADVHID;
        }
        return on_carp && group ? PERSONA_ACCEPTED : PERSONA_NOT_OURS;
    case PERSONA_UCARP:
    case PERSONA_KIND_COUNT:
        break;
    }
    return PERSONA_NOT_OURS;
}

static enum persona_fate open_ipv4(const struct persona *p, struct sight *sight)
{
    const uint8_t *ip = sight->ip;
    size_t header = (size_t)(ip[0] & 0x0f) * 4, total = persona_u16(ip + 2);
    if (ip[0] >> 4 != 4 || header < IPV4_SIZE || total < header || total > sight->left ||
        (persona_u16(ip + 6) & 0x3fff) != 0 || wire_checksum(wire_sum(0, ip, header)) != 0) {
        return PERSONA_MALFORMED;
    }
    sight->ttl = ip[8];
    sight->payload = ip + header;
    sight->size = total - header;
    return is_ours_ipv4(p, sight);
}

static enum persona_fate open_ipv6(const struct persona *p, struct sight *sight)
{
    const uint8_t *ip = sight->ip;
    if (sight->left < IPV6_SIZE || ip[0] >> 4 != 6 ||
        persona_u16(ip + 4) > sight->left - IPV6_SIZE) {
        return PERSONA_MALFORMED;
    }
    sight->ttl = ip[7];
    sight->payload = ip + IPV6_SIZE;
    sight->size = persona_u16(ip + 4);
    bool group = memcmp(ip + 24, (const uint8_t[16]){0xff, 0x02, [15] = 0x12}, 16) == 0;
    bool own = p->self.has_ipv6 && memcmp(ip + 24, p->self.ipv6, 16) == 0;
    bool on_carp = sight->to == TO_GROUP || sight->to == TO_VIRTUAL;
    if (!has_ipv6(p) || !(group || own)) {
        return PERSONA_NOT_OURS; /* the group is joined with the first address */
    }
    if (kind_of(p) != PERSONA_FREEBSD && !on_carp) {
        return own ? PERSONA_BADIF : PERSONA_NOT_OURS;
    }
    return PERSONA_ACCEPTED;
}

static enum persona_fate open_frame(const struct persona *p, const uint8_t *frame, size_t size,
                                    struct sight *sight)
{
    enum persona_fate fate = open_ethernet(p, frame, size, sight);
    if (fate == PERSONA_NOT_CARP || sight->ip[sight->family == IPV4 ? 9 : 6] != FRAME_PROTOCOL) {
        return PERSONA_NOT_CARP;
    }
    if (fate != PERSONA_ACCEPTED) {
        return fate;
    }
    return sight->family == IPV4 ? open_ipv4(p, sight) : open_ipv6(p, sight);
}

/* OpenBSD accepts both forms of the digest, and none with its own cookie in it. */
static bool is_signed(const struct persona *p, const uint8_t *payload, uint64_t counter)
{
    if (kind_of(p) != PERSONA_OPENBSD) {
        return persona_signed(p, payload, counter, AUTH_WITH_LINK_LOCAL);
    }
    return counter != p->counter && (persona_signed(p, payload, counter, AUTH_WITHOUT_LINK_LOCAL) ||
                                     persona_signed(p, payload, counter, AUTH_WITH_LINK_LOCAL));
}

/* carp_input() and the first half of carp_input_c(), in their order. No one looks at the source. */
static enum persona_fate judge(const struct persona *p, const struct sight *sight,
                               struct carp_advert *advert)
{
    const struct carp_config *carp = p->config.carp;
    bool freebsd = kind_of(p) == PERSONA_FREEBSD;
    if (sight->ttl != FRAME_TTL) {
        return PERSONA_BADTTL;
    }
    if (sight->size < WIRE_ADVERT_SIZE) {
        return PERSONA_BADLEN;
    }
    if (wire_checksum(wire_sum(0, sight->payload, WIRE_ADVERT_SIZE)) != 0) {
        return PERSONA_BADSUM;
    }
    bool has_family = sight->family == IPV4 ? has_ipv4(p) : has_ipv6(p);
    if (sight->payload[1] != carp->vhid || (freebsd ? !has_family : !runs(p))) {
        return PERSONA_BADVHID;
    }
    wire_read_advert(sight->payload, advert);
    if (advert->version != WIRE_VERSION) {
        return PERSONA_BADVER;
    }
    return is_signed(p, sight->payload, advert->counter) ? PERSONA_ACCEPTED : PERSONA_BADAUTH;
}

/* --- the rules -------------------------------------------------------------------------------- */

/* An equal master yields: no kernel breaks ties. OpenBSD compares the demotion first. */
static bool yields(const struct persona *p, const struct carp_advert *advert, struct pair own,
                   struct pair their)
{
    if (kind_of(p) == PERSONA_OPENBSD && advert->demote != demote_count(p)) {
        return advert->demote < demote_count(p);
    }
    return !pair_less(own, their);
}

/* Why a backup takes over at once from this master, or NULL. */
static const char *takes_over(const struct persona *p, const struct carp_advert *advert,
                              struct pair own, struct pair their)
{
    bool openbsd = kind_of(p) == PERSONA_OPENBSD;
    int demoted = openbsd ? advert->demote - demote_count(p) : 0;
    if (p->config.carp->preempt && pair_less(own, their) && demoted >= 0) {
        return words(p, "preempting a slower master", "preempting a slower master");
    }
    if (demoted > 0) {
        return words(p, "", "");
    }
    if (openbsd && own.s == 0) {
        return NULL;
    }
    own.s *= 3;
    return pair_less(own, their) ? words(p, "master will time out", "master timed out") : NULL;
}

/* The second half of carp_input_c(): a valid advert. FreeBSD and NetBSD count on from what they
 * hear, in any state. */
static void hear(struct persona *p, carp_instant now, const struct carp_advert *advert,
                 enum family family)
{
    struct pair own = {own_advbase(p), persona_skew_us(effective_advskew(p))};
    struct pair their = {advert->advbase, persona_skew_us(advert->advskew)};
    if (kind_of(p) != PERSONA_OPENBSD) {
        p->heard = true;
        p->counter = advert->counter;
    }
    if (p->state == CARP_MASTER && yields(p, advert, own, their)) {
        back_down(p, now,
                  words(p, "more frequent advertisement received",
                        "more frequent advertisement received"));
    } else if (p->state == CARP_BACKUP) {
        const char *why = takes_over(p, advert, own, their);
        if (why != NULL) {
            master_down(p, now, why);
        } else {
            wait_for_master(p, now, family);
        }
    }
}

/* NetBSD hands each frame for a group to each carp interface on the parent, and each looks the vhid
 * up among all of them: one advert is processed once per interface (seen). */
void persona_kernel_frame(struct persona *p, carp_instant now, const uint8_t *frame, size_t size)
{
    struct sight sight;
    struct carp_advert advert;
    enum persona_fate fate = open_frame(p, frame, size, &sight);
    bool copied = kind_of(p) == PERSONA_NETBSD && fate != PERSONA_NOT_CARP && sight.to == TO_GROUP;
    unsigned copies = copied && p->config.siblings > 0 ? p->config.siblings : 1;
    if (fate == PERSONA_ACCEPTED) {
        fate = judge(p, &sight, &advert);
    }
    p->fates[fate] += copies;
    for (unsigned i = 0; i < copies && fate == PERSONA_ACCEPTED; i++) {
        hear(p, now, &advert, sight.family);
    }
}

/* --- the other events ------------------------------------------------------------------------- */

void persona_kernel_init(struct persona *p)
{
    assert(p->config.tick.ns > 0);
    stop_callouts(p);
    while (kind_of(p) == PERSONA_OPENBSD && p->counter == 0) {
        p->counter = persona_draw(p);
    }
}

void persona_kernel_link(struct persona *p, carp_instant now, const struct carp_self *self)
{
    if (self == NULL) {
        p->up = false;
        stop_callouts(p);
        set_state(p, now, CARP_INIT, words(p, "hardware interface down", "state transition"));
        return;
    }
    bool ran = p->started && runs(p);
    bool same = memcmp(&p->self, self, sizeof *self) == 0;
    p->self = *self;
    p->started = p->up = true;
    p->stopped = false;
    if (!ran || (same && kind_of(p) != PERSONA_OPENBSD)) {
        start_anew(p, now);
    }
}

void persona_kernel_due(struct persona *p, carp_instant now)
{
    if (!instant_before(now, p->kernel.down[0]) || !instant_before(now, p->kernel.down[1])) {
        assert(p->state == CARP_BACKUP);
        master_down(p, now, words(p, "master timed out", "preempting"));
    }
    if (!instant_before(now, p->kernel.advert)) {
        assert(p->state == CARP_MASTER);
        advertise(p, now);
    }
}

carp_instant persona_kernel_deadline(const struct persona *p)
{
    const struct persona_kernel *k = &p->kernel;
    return instant_min(k->advert, instant_min(k->down[0], k->down[1]));
}

int persona_kernel_adds(const struct persona *p)
{
    int down = p->started && !p->up;
    return p->kernel.own_demotion + down * (kind_of(p) == PERSONA_FREEBSD ? SENDERR_DEMOTION : 1);
}

/* NetBSD's first suppression is told at once, and a demotion of OpenBSD's group that grows; the end
 * of one is not. FreeBSD's task that tells each change did not run where it was seen. */
void persona_kernel_demote(struct persona *p, carp_instant now, int total)
{
    int before = p->kernel.demotion, all_before = demotion(p);
    bool at_once = false;
    p->kernel.demotion = total - persona_kernel_adds(p);
    switch (kind_of(p)) {
    case PERSONA_FREEBSD:
        at_once = p->kernel.demotion != before && p->config.demotion_at_once;
        break;
    case PERSONA_NETBSD:
        at_once = all_before == 0 && demotion(p) > 0;
        break;
    case PERSONA_OPENBSD:
        at_once = p->kernel.demotion > before && demotion(p) > 0;
        break;
    case PERSONA_UCARP:
    case PERSONA_KIND_COUNT:
        break;
    }
    if (at_once && p->state == CARP_MASTER) {
        advertise(p, now);
    }
}

/* FreeBSD has no carp interface to set down: it says nothing (seen). */
void persona_kernel_stop(struct persona *p, carp_instant now)
{
    if (p->state == CARP_MASTER && kind_of(p) != PERSONA_FREEBSD) {
        send_adverts(p, true);
    }
    p->stopped = true;
    stop_callouts(p);
    set_state(p, now, CARP_INIT, words(p, "hardware interface down", "state transition"));
}

void persona_kernel_yield(struct persona *p, carp_instant now)
{
    if (p->state == CARP_MASTER) {
        back_down(p, now, words(p, "user requested via ifconfig", "state transition"));
    }
}

static bool same_addresses(const struct carp_config *a, const struct carp_config *b)
{
    return a->vhid == b->vhid && a->ipv4_count == b->ipv4_count && a->ipv6_count == b->ipv6_count &&
           memcmp(a->ipv4, b->ipv4, a->ipv4_count * sizeof *a->ipv4) == 0 &&
           memcmp(a->ipv6, b->ipv6, a->ipv6_count * sizeof *a->ipv6) == 0;
}

/* New addresses start every vhid again. New times or another key do so on NetBSD (seen); OpenBSD
 * arms its callouts anew, and FreeBSD uses them from the next time on. Source: carp_ioctl(). */
void persona_kernel_readdress(struct persona *p, carp_instant now, const struct carp_config *carp,
                              const struct carp_crypto *crypto)
{
    bool anew = kind_of(p) == PERSONA_NETBSD || !same_addresses(p->config.carp, carp);
    if (anew) {
        set_state(p, now, CARP_INIT, words(p, "hardware interface up", "state transition"));
    }
    p->config.carp = carp;
    p->config.crypto = crypto;
    if (anew) {
        start_anew(p, now);
    } else if (kind_of(p) == PERSONA_OPENBSD && p->state != CARP_INIT) {
        setrun(p, now);
    }
}
