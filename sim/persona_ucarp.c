/*
 * UCARP 1.5.2 (Debian's 1.5.2+git20192404) on Linux, as the program it is: one loop around poll(),
 * scripts that everything waits for, timers on the wall clock, and a capture buffer that the kernel
 * hands over once a second. `doing` is where it stands in its source; run() goes on from there
 * until it waits for something. docs/PERSONAS.md has the source of each mechanism.
 */
#include "sim/persona_internal.h"

#include <assert.h>

enum {
    SKEW_MAX = 240,    /* CARP_BULK_UPDATE_MIN_DELAY */
    ERRORS_MAX = 3,    /* CARP_SENDAD_MAX_ERRORS */
    SUCCESSES_MIN = 3, /* CARP_SENDAD_MIN_SUCCESS */
    LINK_SLEEP_S = 10, /* SECONDS_TO_WAIT_AFTER_INTERFACE_IS_DOWN */
    USR2_SLEEP_S = 3,
    LOOP_US = 20,          /* from poll() to poll(); 1/255 shows that it is less than 50 */
    SEND_US = 80,          /* and with an advert in between: adverts are 0.1 ms late (seen) */
    POLL_US_PER_MS = 1001, /* Linux lets poll() oversleep by a thousandth
                              (select_estimate_accuracy); on an idle machine it does */
};

/* In January 1970 its timers would be "off". */
#define WALL_START_US (INT64_C(1700000000) * SECOND_US)

enum persona_doing {
    NOT_RUNNING,
    START_SCRIPT, /* the down script at start; these four wait for a script ... */
    UP_SCRIPT,
    YIELD_SCRIPT,
    LINK_SCRIPT,
    USR2_SCRIPT,
    EXIT_SCRIPT,
    LINK_SLEEP, /* ... and these for sleep() */
    USR2_SLEEP,
    LOOP_TOP,
    POLL,
    CHECK_TIMERS,
};

static int64_t wall_us(const struct persona *p, carp_instant now)
{
    return (int64_t)(now.ns / 1000) + p->ucarp.wall_us;
}

static int64_t interval_us(const struct persona *p, int advskew)
{
    return (int64_t)p->config.carp->advbase * SECOND_US + persona_skew_us(advskew);
}

/* Compared and sent alike. Source: packethandler(), carp_send_ad(). */
static int effective_advskew(const struct persona *p)
{
    int advskew = p->config.carp->advskew;
    return p->ucarp.suppress != 0 && advskew < SKEW_MAX ? SKEW_MAX : advskew;
}

static void go_on(struct persona *p, enum persona_doing doing)
{
    p->ucarp.doing = (uint8_t)doing;
}

static void wait_in(struct persona *p, carp_instant now, enum persona_doing doing,
                    carp_duration wait)
{
    go_on(p, doing);
    p->ucarp.wake = instant_add(now, wait);
}

/* --- sending ---------------------------------------------------------------------------------- */

/* Its own MAC in all places, the target's too (seen). Source: gratuitous_arp(). */
static void send_arp(struct persona *p)
{
    persona_send_arp(p, p->self.mac, p->self.mac, p->self.mac, p->config.carp->ipv4[0]);
}

static int send_frame(struct persona *p)
{
    const struct carp_config *carp = p->config.carp;
    const uint8_t *group = carp->ipv4_group;
    const uint8_t multicast[FRAME_MAC_SIZE] = {0x01, 0, 0x5e, group[1] & 0x7f, group[2], group[3]};
    struct carp_packet packet = {.family = 4,
                                 .traffic_class = 0x10,
                                 .dont_fragment = true,
                                 .id = (uint16_t)persona_draw(p),
                                 .source_mac = {0, 0, 0x5e, 0, 0, carp->vhid},
                                 .advert = {
                                     .counter = persona_count(p),
                                     .advbase = carp->advbase,
                                     .advskew = (uint8_t)effective_advskew(p),
                                 }};
    memcpy(packet.destination_mac, multicast, sizeof multicast);
    if (carp->broadcast) {
        memset(packet.destination_mac, 0xff, FRAME_MAC_SIZE);
    }
    memcpy(packet.source, p->self.ipv4, 4);
    memcpy(packet.destination, group, 4);
    return persona_send_advert(p, &packet, AUTH_WITHOUT_LINK_LOCAL);
}

/* The third error in a row suppresses, which raises the skew, and is told at once; only three
 * successes lift it. Returns whether to tell. Source: carp_send_ad(). */
static bool note_sent(struct persona *p, int error)
{
    if (error != 0) {
        p->send_successes = 0;
        p->send_errors += p->send_errors < UINT32_MAX;
        p->ucarp.suppress += p->send_errors == ERRORS_MAX;
        return p->send_errors == ERRORS_MAX && p->ucarp.suppress == 1;
    }
    if (p->send_errors < ERRORS_MAX) {
        p->send_errors = 0;
    } else if (++p->send_successes >= SUCCESSES_MIN) {
        p->ucarp.suppress -= 1;
        p->send_errors = 0;
    }
    return false;
}

/* carp_send_ad(). The next one is due an interval after `now`, which a script has left behind. The
 * countdown to the second gratuitous ARP survives losing mastership: a master that comes back may
 * announce with its first advert (seen). */
/* NOLINTNEXTLINE(misc-no-recursion): once, when errors reach their limit */
static void send_advert(struct persona *p)
{
    struct persona_ucarp *u = &p->ucarp;
    int advskew = effective_advskew(p);
    if (note_sent(p, send_frame(p))) {
        send_advert(p);
    }
    u->delayed_arp = u->delayed_arp > 0 ? (int8_t)(u->delayed_arp - 1) : u->delayed_arp;
    if (u->delayed_arp == 0) {
        if (p->state == CARP_MASTER) {
            send_arp(p);
        }
        u->delayed_arp = -1;
    }
    if (p->config.carp->advbase != 255 || advskew != 255) {
        u->advert_us = u->now_us + interval_us(p, advskew);
    }
}

/* --- states ----------------------------------------------------------------------------------- */

/* carp_setrun(): reads the clock anew. */
static void setrun(struct persona *p, carp_instant now)
{
    const struct carp_config *carp = p->config.carp;
    struct persona_ucarp *u = &p->ucarp;
    u->now_us = wall_us(p, now);
    if (p->state == CARP_BACKUP) {
        u->advert_us = 0;
        u->down_us = u->now_us + (int64_t)carp->advbase * carp->dead_ratio * SECOND_US +
                     persona_skew_us(carp->advskew);
    } else {
        u->down_us = u->now_us + interval_us(p, carp->advskew);
    }
}

/* carp_master_down(), up to its script. */
static void take_over(struct persona *p, carp_instant now, const char *why)
{
    persona_become(p, now, CARP_MASTER, why);
    wait_in(p, now, UP_SCRIPT, p->config.up_script);
}

/* ... and from there on: announced before the first advert. */
static void taken_over(struct persona *p, carp_instant now)
{
    persona_hold(p, true);
    send_arp(p);
    send_advert(p);
    p->ucarp.delayed_arp = 2;
    setrun(p, now);
    go_on(p, CHECK_TIMERS);
}

static void back_down(struct persona *p, carp_instant now, enum persona_doing script,
                      const char *why)
{
    persona_become(p, now, CARP_BACKUP, why);
    wait_in(p, now, script, p->config.down_script);
}

static void start(struct persona *p, carp_instant now)
{
    struct persona_ucarp *u = &p->ucarp;
    p->heard = false;
    p->send_errors = p->send_successes = 0;
    u->suppress = 0;
    u->delayed_arp = -1;
    u->advert_us = u->down_us = 0;
    u->noticed_down = u->told_usr2 = u->told_term = u->restarts = false;
    u->first = u->count = u->readable = 0;
    u->block_ends = CARP_NEVER;
    persona_become(p, now, CARP_BACKUP, "carp_setrun()");
    wait_in(p, now, START_SCRIPT, p->config.neutral ? (carp_duration){0} : p->config.down_script);
}

static void end(struct persona *p, carp_instant now, const char *why)
{
    persona_become(p, now, CARP_INIT, why);
    go_on(p, NOT_RUNNING);
    p->ucarp.count = p->ucarp.readable = 0;
    if (p->ucarp.restarts) {
        start(p, now);
    }
}

/* --- input ------------------------------------------------------------------------------------ */

/* The BPF rule, "proto 112 and src host not" its own. The kernel has taken a VLAN tag off before it
 * looks, and an IPv6 packet matches too: both wake the loop and come to nothing (seen of the tag).
 * Source: build_bpf_rule(). */
static enum persona_fate filter(const struct persona *p, const uint8_t *frame, size_t size)
{
    size_t at = ETHERNET_SIZE;
    if (size >= at + 4 && persona_u16(frame + 12) == ETHERTYPE_VLAN) {
        at += 4;
    }
    uint16_t type = size < at + IPV4_SIZE ? 0 : persona_u16(frame + at - 2);
    if (type == ETHERTYPE_IPV4 && frame[at + 9] == FRAME_PROTOCOL) {
        bool own = memcmp(frame + at + 12, p->self.ipv4, 4) == 0;
        return own ? PERSONA_NOT_OURS : PERSONA_ACCEPTED;
    }
    bool ipv6 = type == ETHERTYPE_IPV6 && size >= at + IPV6_SIZE;
    return ipv6 && frame[at + 6] == FRAME_PROTOCOL ? PERSONA_ACCEPTED : PERSONA_NOT_CARP;
}

/* packethandler()'s checks, in its order, of whatever follows 14 bytes. Neither fragments nor the
 * length in the IP header, nor the MACs, nor the IP version matter (seen). */
static enum persona_fate judge(const struct persona *p, const uint8_t *frame, size_t size,
                               struct carp_advert *advert)
{
    const uint8_t *ip = frame + ETHERNET_SIZE;
    size_t left = size - ETHERNET_SIZE, header = (size_t)(ip[0] & 0x0f) * 4;
    if (persona_u16(frame + 12) == ETHERTYPE_VLAN || ip[9] != FRAME_PROTOCOL) {
        return PERSONA_NOT_CARP;
    }
    if (left < header + WIRE_ADVERT_SIZE) {
        return PERSONA_BADLEN;
    }
    if (ip[8] != FRAME_TTL) {
        return PERSONA_BADTTL;
    }
    wire_read_advert(ip + header, advert);
    if (advert->version != WIRE_VERSION) {
        return PERSONA_BADVER;
    }
    if (advert->vhid != p->config.carp->vhid) {
        return PERSONA_BADVHID;
    }
    if (memcmp(ip + 16, p->config.carp->ipv4_group, 4) != 0) {
        return PERSONA_NOT_OURS;
    }
    if (wire_checksum(wire_sum(0, ip, header + WIRE_ADVERT_SIZE)) != 0) {
        return PERSONA_BADSUM;
    }
    bool right = persona_signed(p, ip + header, advert->counter, AUTH_WITHOUT_LINK_LOCAL);
    return right ? PERSONA_ACCEPTED : PERSONA_BADAUTH;
}

/* Blocks are handed over by a timer that ticks from the program's start on, when there is something
 * in them. Source: Linux prb_retire_rx_blk_timer_expired(), libpcap's 1000 ms; seen. */
static void hand_over(struct persona *p, carp_instant now)
{
    struct persona_ucarp *u = &p->ucarp;
    if (!instant_before(now, u->block_ends)) {
        u->readable = u->count;
        u->block_ends = CARP_NEVER;
    }
}

static carp_instant end_of_block(const struct persona *p, carp_instant now)
{
    uint64_t period_ns = p->config.read_period.ns;
    if (period_ns == 0) {
        return now;
    }
    uint64_t since_ns = (now.ns + period_ns - p->config.read_phase.ns % period_ns) % period_ns;
    return (carp_instant){now.ns - since_ns + period_ns};
}

static void catch_frame(struct persona *p, carp_instant now, const uint8_t *frame, size_t size)
{
    struct persona_ucarp *u = &p->ucarp;
    struct carp_advert advert = {0};
    enum persona_fate fate = judge(p, frame, size, &advert);
    struct persona_caught *caught = &u->buffer[(u->first + u->count) % PERSONA_QUEUE_MAX];
    *caught = (struct persona_caught){
        .counter = advert.counter,
        .fate = (uint8_t)fate,
        .advbase = advert.advbase,
        .advskew = advert.advskew,
    };
    memcpy(caught->source, frame + ETHERNET_SIZE + 12, 4);
    u->count += 1;
    if (u->block_ends.ns == CARP_NEVER.ns) {
        u->block_ends = end_of_block(p, now);
    }
}

/* --- the rules -------------------------------------------------------------------------------- */

/* The tie-break: addresses in network order compared as native integers. On little-endian machines,
 * as seen, the last octet counts most. */
static bool source_is_lower(const struct persona *p, const uint8_t source[4])
{
    for (int i = 3; i >= 0; i--) {
        if (source[i] != p->self.ipv4[i]) {
            return source[i] < p->self.ipv4[i];
        }
    }
    return false;
}

static void master_hears(struct persona *p, carp_instant now, const struct persona_caught *caught,
                         int64_t longer_us)
{
    if (longer_us > 0 || (longer_us == 0 && source_is_lower(p, caught->source))) {
        send_advert(p);
        back_down(p, now, YIELD_SCRIPT, "Preferred master advertised: going back to BACKUP state");
    } else {
        send_arp(p);
        p->ucarp.delayed_arp = 2;
    }
}

/* Intervals are below 256 s and 1 s, so that one sum compares like seconds first. */
static void hear(struct persona *p, carp_instant now, const struct persona_caught *caught)
{
    const struct carp_config *carp = p->config.carp;
    int64_t skew_us = persona_skew_us(effective_advskew(p));
    int64_t own_us = (int64_t)carp->advbase * SECOND_US + skew_us;
    int64_t patience_us = (int64_t)carp->advbase * carp->dead_ratio * SECOND_US + skew_us;
    int64_t their_us = (int64_t)caught->advbase * SECOND_US + persona_skew_us(caught->advskew);
    p->heard = true;
    p->counter = caught->counter;
    if (p->state == CARP_MASTER) {
        master_hears(p, now, caught, own_us - their_us);
    } else if (carp->preempt && own_us < their_us) {
        take_over(p, now, "Putting MASTER down - preemption");
    } else if (patience_us < their_us) {
        take_over(p, now, "Putting MASTER DOWN (going to time out)");
    } else {
        setrun(p, now);
    }
}

/* pcap_dispatch() of one packet. */
static void read_packet(struct persona *p, carp_instant now)
{
    struct persona_ucarp *u = &p->ucarp;
    struct persona_caught caught = u->buffer[u->first];
    u->first = (uint8_t)((u->first + 1) % PERSONA_QUEUE_MAX);
    u->count -= 1;
    u->readable -= 1;
    p->fates[caught.fate] += 1;
    go_on(p, CHECK_TIMERS);
    if (caught.fate == PERSONA_ACCEPTED) {
        hear(p, now, &caught);
    }
}

/* --- the loop --------------------------------------------------------------------------------- */

/* After poll(): takes over, or sends what is due within 2 ms. A backup's advert timer is off. */
static void check_timers(struct persona *p, carp_instant now)
{
    struct persona_ucarp *u = &p->ucarp;
    go_on(p, LOOP_TOP);
    if (u->down_us != 0 && u->now_us > u->down_us && p->state == CARP_BACKUP) {
        take_over(p, now, "carp_master_down()");
    } else if (u->advert_us != 0 && (u->advert_us - u->now_us) / 1000 <= 1) {
        send_advert(p);
    }
}

/* How long it will poll; in whole milliseconds, as it computes them. */
static void begin_poll(struct persona *p, carp_instant now)
{
    const struct carp_config *carp = p->config.carp;
    struct persona_ucarp *u = &p->ucarp;
    int64_t ms = carp->advbase * 1000 + carp->advskew * 1000 / 256;
    int64_t loop_us = LOOP_US;
    if (u->advert_us != 0) {
        loop_us += SEND_US;
        u->now_us = wall_us(p, now) + loop_us;
        ms = (u->advert_us - u->now_us) / 1000;
    }
    ms = ms < 1 ? 1 : ms;
    wait_in(p, now, POLL, (carp_duration){(uint64_t)(loop_us + ms * POLL_US_PER_MS) * 1000});
}

/* It has noticed that the interface does not run, and is BACKUP: sleeps, and looks again. */
static void sleep_on_link_loss(struct persona *p, carp_instant now)
{
    p->ucarp.noticed_down = true;
    p->ucarp.advert_us = p->ucarp.down_us = 0;
    wait_in(p, now, LINK_SLEEP, CARP_SECONDS(LINK_SLEEP_S));
}

/* One signal is remembered, the last; it is served here, and only while the interface runs. */
static void serve_signal(struct persona *p, carp_instant now)
{
    struct persona_ucarp *u = &p->ucarp;
    bool usr2 = u->told_usr2, term = u->told_term;
    u->told_usr2 = u->told_term = false;
    if (term && p->state == CARP_BACKUP) {
        end(p, now, "sighandler_exit()");
    } else if (term) {
        wait_in(p, now, EXIT_SCRIPT, p->config.down_script);
    } else if (usr2 && p->state != CARP_BACKUP) {
        back_down(p, now, USR2_SCRIPT, "Caught signal (USR2) considering going down");
    } else {
        begin_poll(p, now);
    }
}

static void loop_top(struct persona *p, carp_instant now)
{
    struct persona_ucarp *u = &p->ucarp;
    if (!p->up && !p->config.ignore_link_state) {
        if (p->state == CARP_BACKUP) {
            sleep_on_link_loss(p, now);
        } else {
            back_down(p, now, LINK_SCRIPT, "Switching to state: BACKUP");
        }
        return;
    }
    if (u->noticed_down && p->up) {
        u->noticed_down = false;
        setrun(p, now);
    }
    serve_signal(p, now);
}

/* What follows when a script or a sleep has ended. */
static void waited(struct persona *p, carp_instant now)
{
    enum persona_doing done = (enum persona_doing)p->ucarp.doing;
    bool down_script = done != UP_SCRIPT && done != LINK_SLEEP && done != USR2_SLEEP;
    if (down_script && !(done == START_SCRIPT && p->config.neutral)) {
        persona_hold(p, false);
    }
    if (done == UP_SCRIPT) {
        taken_over(p, now);
    } else if (done == LINK_SCRIPT) {
        sleep_on_link_loss(p, now);
    } else if (done == USR2_SCRIPT) {
        wait_in(p, now, USR2_SLEEP, CARP_SECONDS(USR2_SLEEP_S));
    } else if (done == EXIT_SCRIPT) {
        end(p, now, "sighandler_exit()");
    } else if (done == LINK_SLEEP) {
        go_on(p, LOOP_TOP);
    } else {
        setrun(p, now);
        go_on(p, done == YIELD_SCRIPT ? CHECK_TIMERS : LOOP_TOP);
    }
}

/* Go on until it waits for something that is not there yet. */
static void run(struct persona *p, carp_instant now)
{
    struct persona_ucarp *u = &p->ucarp;
    while (u->doing != NOT_RUNNING) {
        hand_over(p, now);
        if (u->doing == CHECK_TIMERS) {
            check_timers(p, now);
        } else if (u->doing == LOOP_TOP) {
            loop_top(p, now);
        } else if (u->doing == POLL && u->readable > 0) {
            u->now_us = wall_us(p, now);
            read_packet(p, now);
        } else if (instant_before(now, u->wake)) {
            return;
        } else if (u->doing == POLL) {
            u->now_us = wall_us(p, now);
            go_on(p, CHECK_TIMERS);
        } else {
            waited(p, now);
        }
    }
}

/* A signal ends poll() and sleep(), but no script. */
static void interrupt(struct persona *p, carp_instant now)
{
    struct persona_ucarp *u = &p->ucarp;
    if (u->doing == POLL) {
        go_on(p, LOOP_TOP);
    } else if (u->doing == LINK_SLEEP || u->doing == USR2_SLEEP) {
        u->wake = now;
    }
    run(p, now);
}

/* --- the events ------------------------------------------------------------------------------- */

void persona_ucarp_init(struct persona *p)
{
    const struct carp_config *carp = p->config.carp;
    assert(carp->ipv4_count == 1 && carp->ipv6_count == 0 && carp->dead_ratio > 0);
    p->ucarp.wall_us = WALL_START_US;
}

void persona_ucarp_link(struct persona *p, carp_instant now, const struct carp_self *self)
{
    p->up = self != NULL;
    if (p->up && p->ucarp.doing == NOT_RUNNING) {
        p->self = *self;
        p->started = true;
        start(p, now);
    }
    run(p, now);
}

void persona_ucarp_frame(struct persona *p, carp_instant now, const uint8_t *frame, size_t size)
{
    struct persona_ucarp *u = &p->ucarp;
    enum persona_fate fate = filter(p, frame, size);
    hand_over(p, now);
    if (fate != PERSONA_ACCEPTED) {
        p->fates[fate] += 1;
    } else if (u->doing == NOT_RUNNING || u->count == PERSONA_QUEUE_MAX) {
        p->fates[PERSONA_LOST] += 1;
    } else {
        catch_frame(p, now, frame, size);
        run(p, now);
    }
}

void persona_ucarp_due(struct persona *p, carp_instant now)
{
    run(p, now);
}

carp_instant persona_ucarp_deadline(const struct persona *p)
{
    const struct persona_ucarp *u = &p->ucarp;
    if (u->doing == NOT_RUNNING) {
        return CARP_NEVER;
    }
    return u->doing == POLL ? instant_min(u->wake, u->block_ends) : u->wake;
}

/* Without -z the signal kills it where it stands: no script, and the address stays (seen). */
void persona_ucarp_stop(struct persona *p, carp_instant now)
{
    if (p->ucarp.doing == NOT_RUNNING) {
        return;
    }
    if (p->config.shutdown) {
        p->ucarp.told_term = true;
        interrupt(p, now);
    } else {
        end(p, now, "killed");
        run(p, now);
    }
}

void persona_ucarp_yield(struct persona *p, carp_instant now)
{
    p->ucarp.told_usr2 = true;
    interrupt(p, now);
}

void persona_ucarp_clock_step(struct persona *p, carp_instant now, int64_t ns)
{
    (void)now; /* poll() and sleep() do not notice */
    p->ucarp.wall_us += ns / 1000;
}

/* It reads its options once. */
void persona_ucarp_readdress(struct persona *p, carp_instant now, const struct carp_config *carp,
                             const struct carp_crypto *crypto)
{
    assert(carp->ipv4_count == 1 && carp->ipv6_count == 0 && carp->dead_ratio > 0);
    p->config.carp = carp;
    p->config.crypto = crypto;
    p->ucarp.restarts = p->ucarp.doing != NOT_RUNNING;
    persona_ucarp_stop(p, now);
}
