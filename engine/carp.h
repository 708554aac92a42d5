/*
 * One virtual host as a pure state machine: (configuration, state, time, event) to (state,
 * outcome).
 *
 * It makes no system call, allocates nothing and keeps no globals: equal configuration, seed and
 * events give equal outcomes, byte for byte. The daemon, the simulator, the replayer and the
 * fuzzers are four ways to call it.
 *
 * A group of hosts shares virtual addresses. In BACKUP a host listens; when the master's adverts
 * stop for the master-down time it becomes MASTER, holds the addresses and advertises. Every rule,
 * its source and its test is in docs/PROTOCOL.md.
 */
#ifndef CARP_ENGINE_CARP_H
#define CARP_ENGINE_CARP_H

#include "engine/auth.h"
#include "engine/claim.h"
#include "engine/config.h"
#include "engine/frame.h"
#include "engine/instant.h"
#include "engine/replay.h"

enum carp_state { CARP_INIT, CARP_BACKUP, CARP_MASTER, CARP_STATE_COUNT };

/* Who this node is on its link. It may change while the engine runs (LINK_UP says so again). */
struct carp_self {
    uint8_t mac[FRAME_MAC_SIZE];
    bool has_ipv4; /* there is a source address of this family to advertise from */
    bool has_ipv6;
    uint8_t ipv4[4];
    uint8_t ipv6[16];
};

/* --- state ---------------------------------------------------------------------------------- */

/*
 * The whole state of a group on one node: flat, pointer-free, copied with memcpy, compared with
 * memcmp (carp_init() clears the padding). The caller owns it. Read it through the functions below;
 * the fields are here so that it can lie in arrays.
 */
struct carp {
    carp_instant deadline;     /* MASTER: next advert; BACKUP: take over; INIT: never */
    carp_instant preempt_from; /* no preemption earlier than this */
    carp_instant quiet_since;  /* BACKUP: the last advert heard, or when we began to listen */
    carp_instant heard_at[2];  /* last valid advert over IPv4, over IPv6; 0 = never */
    carp_instant tied_until;   /* so long, after a tie was lost, equals are waited for */
    carp_duration tie_wait;    /* this long */
    uint64_t counter;          /* highest counter sent, or heard from a sender that counts up */
    uint64_t seed;             /* next draw */
    struct replay_senders senders;
    struct carp_self self;
    uint16_t demotion;      /* sum of what the caller reported, DEMOTE */
    uint8_t state;          /* enum carp_state */
    uint8_t announce_in;    /* adverts until the addresses are announced once more; 0 = no */
    uint8_t send_errors;    /* adverts in a row that could not be sent */
    uint8_t send_successes; /* adverts in a row since, the last one taken for a success until
                               SEND_FAILED says otherwise */
    bool sending_fails;     /* a demotion cause of our own */
    bool reasserted;        /* since our last advert: limits re-assertion */
    bool deaf[2];           /* this family went silent while the other is heard */
    bool tie_noticed;       /* CARP_NOTICE_EQUAL_TIMERS was given since the last state change */
    uint8_t best;           /* BACKUP: place among the senders, counted from 1, of who was heard as
                               a master as good as we or better: low half over IPv4, high half over
                               IPv6; 0: nobody */
};

_Static_assert(sizeof(struct carp) <= 192, "three cache lines a group; see docs/PERFORMANCE.md");

/* --- events --------------------------------------------------------------------------------- */

/* Why mastership is given up without losing it to anyone; the reason shown is the caller's. */
enum carp_yield { CARP_YIELD_OPERATOR, CARP_YIELD_CLAIM_FAILED, CARP_YIELD_COUNT };

enum carp_event_type {
    CARP_EVENT_LINK_UP,     /* `link`: the interface can send and receive, as this node */
    CARP_EVENT_LINK_DOWN,   /* it cannot */
    CARP_EVENT_ADVERT,      /* `packet`: frame_parse() accepted this */
    CARP_EVENT_TIMEOUT,     /* carp_deadline() has come; early is harmless */
    CARP_EVENT_OVERSLEPT,   /* we were not run for too long: carp_overslept() */
    CARP_EVENT_DISOWNED,    /* who guards us took the addresses away, and said our farewell with
                               counters up to `farewell` */
    CARP_EVENT_SEND_FAILED, /* an advert of the last outcome could not be sent */
    CARP_EVENT_DEMOTE,      /* `demotion`: the new sum of all causes the caller knows of */
    CARP_EVENT_YIELD,       /* `yield`: step down, and do not come back for a while */
    CARP_EVENT_RESTORED,    /* a virtual address was gone for a moment, and is back */
    CARP_EVENT_STOP,        /* orderly end; LINK_UP starts again */
};

struct carp_event {
    enum carp_event_type type;
    union {
        struct carp_self link;
        const struct carp_packet *packet; /* borrowed for the call */
        uint16_t demotion;
        uint64_t farewell;
        struct {
            enum carp_yield why;
            carp_duration hold; /* added to the wait for the next mastership */
        } yield;
    };
};

/* --- outcome -------------------------------------------------------------------------------- */

/* What is to be done about a step, in order. */
enum carp_action_type {
    CARP_SEND,     /* `frame`: an advert, as a whole Ethernet frame */
    CARP_CLAIM,    /* begin to hold the virtual addresses */
    CARP_RELEASE,  /* stop holding them */
    CARP_ANNOUNCE, /* send frame_announce_*() for each of them */
};

struct carp_action {
    uint8_t type; /* enum carp_action_type */
    uint8_t size;
    uint8_t frame[FRAME_MAX];
};

/* At most: two adverts (one a family), a claim or release, an announcement. */
enum { CARP_ACTIONS_MAX = 4 };

/*
 * The rule that decided a step: the reason, as data, of every transition and of every accepted
 * advert. The sentence is for people; docs/PROTOCOL.md has the source of each.
 */
/* clang-format off */
#define CARP_RULES(X)                                                                              \
    X(NONE,             "none",             "nothing to decide")                                   \
    X(LINK_UP,          "link-up",          "the link is up; listening")                           \
    X(LINK_DOWN,        "link-down",        "the link is down")                                    \
    X(STOPPED,          "stopped",          "told to stop")                                        \
    X(IDENTITY,         "identity",         "our own addresses on the link changed")               \
    X(SILENCE,          "silence",          "no valid advert for the master-down time")            \
    X(FAREWELL,         "farewell",         "the master says it is leaving")                       \
    X(PREEMPT,          "preempt",          "the master is slower than we are, and we preempt")    \
    X(PEER_DEMOTED,     "peer-demoted",     "the master is demoted more than we are")              \
    X(WILL_TIME_OUT,    "will-time-out",    "the master's interval is longer than our patience")   \
    X(MASTER_ALIVE,     "master-alive",     "the master is as good as we are, or better")          \
    X(SLOWER_TOLERATED, "slower-tolerated", "the master is slower, but we do not preempt")         \
    X(PREEMPT_WAITS,    "preempt-waits",    "the master is slower, but it is too soon to preempt") \
    X(OUTRANKED,        "outranked",        "the master is slower, but a better one was heard just now")   \
    X(ADVERT_DUE,       "advert-due",       "time for the next advert")                            \
    X(BETTER_MASTER,    "better-master",    "another master is better")                            \
    X(TIE_ADDRESS,      "tie-address",      "equal master; decided by numeric address order")      \
    X(TIE_UCARP,        "tie-ucarp",        "equal UCARP master; decided by its address order")    \
    X(TIE_BSD,          "tie-bsd",          "equal BSD master; both yield, so we do")              \
    X(TIE_OTHER_FAMILY, "tie-other-family", "equal master; left to its IPv4 adverts")              \
    X(WORSE_MASTER,     "worse-master",     "another master is worse; we stay")                    \
    X(OVERSLEPT,        "overslept",        "we did not run for too long; listening first")        \
    X(OPERATOR,         "operator",         "told to step down")                                   \
    X(CLAIM_FAILED,     "claim-failed",     "the addresses could not be held here")                \
    X(SEND_FAILED,      "send-failed",      "an advert could not be sent")                         \
    X(DEMOTED,          "demoted",          "our demotion changed")                                \
    X(RESTORED,         "restored",         "an address of ours was removed, and is back")
/* clang-format on */

enum carp_rule {
#define X(name, word, phrase) CARP_RULE_##name,
    CARP_RULES(X)
#undef X
        CARP_RULE_COUNT
};

const char *carp_rule_word(enum carp_rule rule);
const char *carp_rule_phrase(enum carp_rule rule);
const char *carp_state_word(enum carp_state state); /* "INIT", "BACKUP", "MASTER" */

/* Facts worth telling beside the rule; a bit each. */
enum carp_notice {
    CARP_NOTICE_EQUAL_TIMERS = 1 << 0,  /* a peer has our very timers: once per state */
    CARP_NOTICE_DEAF_IPV4 = 1 << 1,     /* IPv6 adverts come, IPv4 ones stopped or never came */
    CARP_NOTICE_DEAF_IPV6 = 1 << 2,     /* the reverse */
    CARP_NOTICE_HEARING_BOTH = 1 << 3,  /* neither any more */
    CARP_NOTICE_SENDING_FAILS = 1 << 4, /* three adverts in a row failed: demoted */
    CARP_NOTICE_SENDING_WORKS = 1 << 5, /* three in a row did not: demotion lifted */
};

/* Everything about one step. Valid until the next; written whole each time but for at[count..]. */
struct carp_outcome {
    enum carp_verdict verdict; /* of an ADVERT event; CARP_ACCEPTED for all others */
    enum carp_rule rule;
    enum carp_state from, to;
    struct claim ours;    /* as compared and sent, demotion included */
    struct claim theirs;  /* ADVERT events */
    carp_duration waited; /* SILENCE: since the last advert or since we began to listen;
                             OVERSLEPT: past the deadline */
    unsigned notices;     /* of enum carp_notice */
    uint8_t count;
    struct carp_action at[CARP_ACTIONS_MAX];
};

/* --- functions ------------------------------------------------------------------------------ */

/*
 * A new state: INIT, until LINK_UP.
 *
 * seed     decides the few random choices (how long to wait after a tie). getrandom() in the
 * daemon, the run's number in the simulator. counter  where our advert counter starts. For it never
 * to repeat over restarts the caller anchors it in wall time: carp_counter_anchor().
 */
void carp_init(struct carp *c, uint64_t seed, uint64_t counter);

/* Wall time (nanoseconds since 1970) to a first counter: 2^20 adverts fit into each second, so a
 * restart is ahead of all that was sent before, and hosts that start together do not count side by
 * side, which would make repeats of each other's adverts. */
static inline uint64_t carp_counter_anchor(uint64_t unix_ns)
{
    return ((unix_ns / 1000000000) << 20) + ((unix_ns % 1000000000) << 20) / 1000000000;
}

/*
 * Advance by one event.
 *
 * config   checked by the caller (io/config.h); the same for the life of c.
 * crypto   made for this config.
 * now      not earlier than in any call before.
 * out      overwritten; its actions are to be carried out in order.
 *
 * Returns out->verdict. A refused advert changes no state at all. A hostile frame is a verdict,
 * never a crash.
 */
enum carp_verdict carp_step(const struct carp_config *config, const struct carp_crypto *crypto,
                            struct carp *c, carp_instant now, const struct carp_event *event,
                            struct carp_outcome *out);

/* When TIMEOUT is due; CARP_NEVER in INIT. Ask again after each step. */
static inline carp_instant carp_deadline(const struct carp *c)
{
    return c->deadline;
}

static inline enum carp_state carp_state(const struct carp *c)
{
    return (enum carp_state)c->state;
}

/* Our claim now, as it is compared and sent: demotion included, clamped once for both. */
struct claim carp_claim(const struct carp_config *config, const struct carp *c);

/* The master-down time of that claim, and the interval of its adverts. */
carp_duration carp_master_down(const struct carp_config *config, const struct carp *c);
carp_duration carp_interval(const struct carp_config *config, const struct carp *c);

/*
 * How long a master may be out of action before others have taken over: the master-down time, and
 * at least two intervals. Who guards a master gives up on it after this long without a sign of
 * life.
 */
carp_duration carp_patience(const struct carp_config *config, const struct carp *c);

/* Were we not run for so long that others may have acted? Asked on each wake-up before input is
 * read; if so, OVERSLEPT is the first event. */
bool carp_overslept(const struct carp_config *config, const struct carp *c, carp_instant now);

/*
 * Prepare a farewell for someone else to send when this process is gone: a whole frame for one
 * family (4 or 6), its counter `ahead` of ours so that it is newer than what we send until then.
 * Returns its size; 0 when we do not advertise over that family.
 */
size_t carp_farewell(const struct carp_config *config, const struct carp_crypto *crypto,
                     const struct carp *c, uint8_t family, uint64_t ahead,
                     uint8_t frame[FRAME_MAX]);

#endif
