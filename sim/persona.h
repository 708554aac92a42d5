/*
 * Hosts that decide as other implementations do: UCARP 1.5.2, FreeBSD 13, NetBSD 7.99 and OpenBSD,
 * with the cadence of their loops. They are how our engine meets its neighbours in a simulation.
 *
 * A persona is one virtual host (one vhid) of one machine. Like the engine it is pure: no clock, no
 * allocation, no globals, no floating point; what it does goes through its port. Its mechanisms are
 * modelled, not its tables: docs/PERSONAS.md has each with its source and what it was checked by.
 */
#ifndef CARP_SIM_PERSONA_H
#define CARP_SIM_PERSONA_H

#include "engine/carp.h"

enum persona_kind {
    PERSONA_UCARP,
    PERSONA_FREEBSD,
    PERSONA_NETBSD,
    PERSONA_OPENBSD,
    PERSONA_KIND_COUNT
};

const char *persona_word(enum persona_kind kind); /* "ucarp", "freebsd", "netbsd", "openbsd" */

/* The machine under a persona. */
struct persona_port {
    void *self;

    /* Send a whole Ethernet frame; 0 or -errno. */
    int (*send)(void *self, const uint8_t *frame, size_t size);

    /* From now on this machine answers (or does not) for the virtual addresses, under this MAC:
     * the virtual one of a kernel, the interface's own of a UCARP host. */
    void (*hold)(void *self, bool holds, const uint8_t mac[FRAME_MAC_SIZE]);

    /* The state changed; `why` is a short phrase in the implementation's own words. */
    void (*changed)(void *self, carp_instant now, enum carp_state from, enum carp_state to,
                    const char *why);
};

struct persona_config {
    enum persona_kind kind;
    const struct carp_config *carp;   /* vhid, times, preempt, keys[0], addresses, group, broadcast;
                                         dead_ratio: UCARP's only. Borrowed for the life */
    const struct carp_crypto *crypto; /* made for that configuration; borrowed for the life */
    uint64_t seed;                    /* counters, OpenBSD's cookie */

    /* Kernels: the period of their clock, where its ticks lie, and how many whole ticks a timeout
     * ends after the rounded-up wait. persona_defaults() has what was measured. */
    carp_duration tick;
    carp_duration tick_phase;
    unsigned tick_extra;
    unsigned siblings; /* NetBSD: carp interfaces on this parent, this one included; each multicast
                          advert is processed so many times */

    /* UCARP: its capture buffer is handed over once a period, at this phase; how long its scripts
     * run, during which it does nothing else; -z and -n of its options. */
    carp_duration read_period;
    carp_duration read_phase;
    carp_duration up_script;
    carp_duration down_script;
    bool shutdown;          /* -z: an orderly end runs the down script */
    bool neutral;           /* -n: no down script at start */
    bool ignore_link_state; /* -S */

    /* FreeBSD: two things its source says and the build that was seen (docs/PERSONAS.md) could not
     * do: advertise at once when the demotion changes, and send neighbour advertisements. */
    bool demotion_at_once;
    bool neighbour_adverts;
};

/* What stock builds were seen to have: ticks of 10 ms, a capture buffer of 1 s, siblings 1. Sets
 * nothing else. */
void persona_defaults(struct persona_config *config, enum persona_kind kind);

enum { PERSONA_QUEUE_MAX = 64 }; /* adverts in UCARP's capture buffer; more are lost */

/* What became of received frames, in the words of the implementations' own counters and logs. */
/* clang-format off */
#define PERSONA_FATES(X)                                                                           \
    X(ACCEPTED,  "accepted",  "obeyed, or ignored in INIT; NetBSD: once per copy")                 \
    X(NOT_CARP,  "not-carp",  "not an IP packet of protocol 112")                                  \
    X(NOT_OURS,  "not-ours",  "another host's or group's; or UCARP's own source address")          \
    X(MALFORMED, "malformed", "refused by the IP layer: fragment, length, header checksum")        \
    X(BADIF,     "badif",     "not received on a carp interface")                                  \
    X(BADTTL,    "badttl",    "TTL is not 255")                                                    \
    X(BADLEN,    "badlen",    "shorter than an advert")                                            \
    X(BADSUM,    "badsum",    "checksum failed")                                                   \
    X(BADVHID,   "badvhid",   "no such vhid, or it is down")                                       \
    X(BADVER,    "badver",    "version is not 2")                                                  \
    X(BADAUTH,   "badauth",   "incorrect hash; OpenBSD: its own cookie too")                       \
    X(LOST,      "lost",      "UCARP: its capture buffer was full, or it did not run")
/* clang-format on */

enum persona_fate {
#define X(name, word, phrase) PERSONA_##name,
    PERSONA_FATES(X)
#undef X
        PERSONA_FATE_COUNT
};

const char *persona_fate_word(enum persona_fate fate);

/* --- state ---------------------------------------------------------------------------------- */

/* What a kernel knows of one virtual host beside what all have. */
struct persona_kernel {
    carp_instant advert; /* the callouts: next advert; master down over IPv4 and over IPv6 */
    carp_instant down[2];
    int demotion;     /* as told by persona_demote(), less what this host added */
    int own_demotion; /* what its send errors add */
};

/* A frame in UCARP's capture buffer. It is judged when it is put there, which changes nothing: key
 * and addresses stay the same as long as the program runs. */
struct persona_caught {
    uint64_t counter;
    uint8_t source[4];
    uint8_t fate; /* enum persona_fate */
    uint8_t advbase, advskew;
    uint8_t unused;
};

/* A UCARP process. Its timers are in microseconds of the wall clock; zero is "off". */
struct persona_ucarp {
    int64_t advert_us, down_us; /* sc_ad_tmo, sc_md_tmo */
    int64_t now_us;             /* its global `now`: read after poll(), and stale after a script */
    int64_t wall_us;            /* wall clock minus our time */
    carp_instant wake;          /* poll() times out; or a script or sleep() ends */
    carp_instant block_ends;    /* the kernel hands the block that is being filled over */
    uint32_t suppress;          /* carp_suppress_preempt */
    uint8_t doing;              /* enum persona_doing, in persona_ucarp.c */
    int8_t delayed_arp;
    bool noticed_down; /* !iface_running */
    bool told_usr2, told_term;
    bool restarts;                  /* started anew after it has ended */
    uint8_t first, count, readable; /* the buffer is a ring; `readable` of them are handed over */
    struct persona_caught buffer[PERSONA_QUEUE_MAX];
};

/*
 * One virtual host of one machine: flat; the caller owns it; no pointers but the borrowed ones of
 * config and port. A kernel's part comes first and lies in six cache lines; a UCARP has its
 * capture buffer behind that.
 */
struct persona {
    struct persona_config config;
    struct persona_port port;
    struct carp_self self;
    uint64_t counter; /* last sent or heard; OpenBSD: its cookie */
    uint64_t seed;    /* next draw */
    uint64_t fates[PERSONA_FATE_COUNT];
    uint32_t send_errors, send_successes; /* sc_sendad_errors, sc_sendad_success */
    uint8_t state;                        /* enum carp_state */
    bool started;                         /* persona_link() was called with a self */
    bool up;                              /* the link */
    bool stopped;                         /* by persona_stop(), until the next persona_link() */
    bool heard;                           /* a valid advert: the counter is no longer random */
    bool holds;
    int8_t delayed_arp; /* OpenBSD: adverts until the addresses are announced again; -1 no */
    union {
        struct persona_kernel kernel;
        struct persona_ucarp ucarp;
    };
};

/* --- functions ------------------------------------------------------------------------------ */

/*
 * A new persona, in INIT until persona_link(). `config` and `port` are copied; what config points
 * to is borrowed for the life of p. UCARP has exactly one IPv4 address and no other (asserted).
 */
void persona_init(struct persona *p, const struct persona_config *config,
                  const struct persona_port *port);

/*
 * The link came up, as this host on it, or went away (NULL). The first call with a self starts
 * the vhid or the UCARP program, and so does the first after persona_stop(). Told that it is up
 * while it is, a persona takes over changed addresses of its own (UCARP keeps those it was started
 * with); told nothing new, FreeBSD and NetBSD start the vhid again, as they do at each link event.
 */
void persona_link(struct persona *p, carp_instant now, const struct carp_self *self);

/* What the network card hands up; borrowed for the call. `now` is never earlier than before. */
void persona_frame(struct persona *p, carp_instant now, const uint8_t *frame, size_t size);

/* Early calls are harmless; a late one is a host that did not run. */
void persona_due(struct persona *p, carp_instant now);

/* When persona_due() is wanted; CARP_NEVER when not. Ask after each call. */
carp_instant persona_deadline(const struct persona *p);

/* UCARP: what it last logged, which is the state a script that still runs is for. */
enum carp_state persona_state(const struct persona *p);

/*
 * The machine's demotion, with what persona_adds() says of this host. FreeBSD:
 * net.inet.carp.demotion, which may be negative. NetBSD: the number of suppressions, such as other
 * parents that are down. OpenBSD: the demotion count of the group. UCARP: ignored.
 * A persona counts what it adds itself from then on without being told.
 */
void persona_demote(struct persona *p, carp_instant now, int total);

/* What this host adds to the machine's demotion now, by its send errors and while its link is down:
 * for its neighbours there, who are told by persona_demote(). */
int persona_adds(const struct persona *p);

/* An orderly end. UCARP: SIGTERM. Kernels: the carp interface is set down. */
void persona_stop(struct persona *p, carp_instant now);

/* Kernels: the "state backup" ioctl. UCARP: SIGUSR2. */
void persona_yield(struct persona *p, carp_instant now);

/* The wall clock jumped by `ns`, which only UCARP looks at. */
void persona_clock_step(struct persona *p, carp_instant now, int64_t ns);

/* Addresses, key or times are set anew; both arguments are borrowed from now on. */
void persona_readdress(struct persona *p, carp_instant now, const struct carp_config *carp,
                       const struct carp_crypto *crypto);

#endif
