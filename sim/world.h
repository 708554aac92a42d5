/*
 * A world: nodes on a layer-2 network, one clock, one queue of events.
 *
 * Everything that happens is the dispatch of one event (sim/queue.h has their order). Nothing in
 * here reads a clock, draws a random number by itself or looks at the environment; two worlds built
 * alike go through the same states, which trace.hash shows.
 *
 * Who is what: world.c dispatches; fabric.c carries frames, switch.c is what switches know, reach.c
 * who reaches whom; node.c is what all machines have in common (clock, pauses, wake-ups, a kernel
 * that answers for addresses); daemon.c runs our engine on such a machine, peer.c a persona;
 * client.c asks for the virtual addresses; stranger.c does harm. oracle.c watches.
 */
#ifndef CARP_SIM_WORLD_H
#define CARP_SIM_WORLD_H

#include "engine/carp.h"
#include "sim/decide.h"
#include "sim/frames.h"
#include "sim/packets.h"
#include "sim/queue.h"
#include "sim/trace.h"

#define NONE UINT32_MAX

/* A world begins at instant 0; its wall clocks, and what is written for tools that want dates, say
 * that this is 2026-01-01 00:00 UTC. Seconds since 1970. */
#define WORLD_EPOCH_S UINT64_C(1767225600)

/* Why a frame, or one receiver's share of it, went no further; every one counts in exactly one. */
/* clang-format off */
#define DROP_REASONS(X)                                                                            \
    X(NO_LINK,   "no-link",   "the cable is out or an interface is down")                          \
    X(BLOCKED,   "blocked",   "one-way black hole")                                                \
    X(SPLIT,     "split",     "the segment is split")                                              \
    X(LOSS,      "loss",      "lost at random")                                                    \
    X(BURST,     "burst",     "lost in a burst")                                                   \
    X(ORDINAL,   "ordinal",   "lost by its number")                                                \
    X(QUEUE,     "queue",     "the link's queue was full")                                         \
    X(FCS,       "fcs",       "corrupted, and the frame check sequence caught it")                 \
    X(PORT_WAIT, "port-wait", "the switch's port does not forward yet")                            \
    X(SNOOPED,   "snooped",   "no member of the multicast group is known on that port")            \
    X(NO_PORT,   "no-port",   "the switch knows the address on the port it came from")             \
    X(FILTERED,  "filtered",  "addressed to another interface")                                    \
    X(OFF,       "off",       "the machine is off")                                                \
    X(PAUSED,    "paused",    "the machine is paused")                                             \
    X(NO_DAEMON, "no-daemon", "no daemon is running there")                                        \
    X(OVERFLOW,  "overflow",  "the receive queue was full")
/* clang-format on */

enum drop_reason {
#define X(name, word, phrase) DROP_##name,
    DROP_REASONS(X)
#undef X
        DROP_REASON_COUNT
};

const char *drop_word(enum drop_reason reason);
const char *drop_phrase(enum drop_reason reason);

/* --- the network ------------------------------------------------------------------------------ */

/* One end of a cable: an interface of a node or a port of a switch, and what happens to frames on
 * the way from here to the other end. */
struct end {
    uint32_t peer;  /* the other end; NONE: no cable */
    uint32_t owner; /* node or switch */
    uint16_t nic;   /* of a node: which of its interfaces */
    bool is_switch;
    bool up;             /* this end; a link carries when both are */
    carp_duration delay; /* to the other end, without what faults add */
    uint32_t fault;      /* first of the faults on this way, index + 1; 0: none */
    carp_instant opens;  /* a switch's port: forwards from this instant on */
};

/* Which frames a fault touches. */
enum fault_match {
    MATCH_ALL,
    MATCH_ADVERTS,
    MATCH_IPV4,
    MATCH_IPV6,
    MATCH_NEIGHBOUR,
    MATCH_PROBES
};

/* What is wrong with one way of a link, for frames that match. Zero: nothing. */
struct fault {
    uint32_t next;      /* index + 1 */
    uint32_t end;       /* the way it is on */
    uint32_t origin;    /* only frames that this node sent; NONE: all */
    uint32_t statement; /* who caused it: to lift it */
    enum fault_match match;
    bool blocks; /* black hole */
    bool passes; /* goes through a split */
    bool holds;  /* kept until released */
    bool unseen; /* corruption passes the frame check sequence */
    bool in_burst;
    uint32_t loss_ppm;
    uint32_t burst_begin_ppm, burst_end_ppm; /* Gilbert-Elliott: all is lost within a burst */
    uint32_t duplicate_ppm, reorder_ppm, corrupt_ppm;
    carp_duration delay;  /* added */
    carp_duration jitter; /* at most, uniform; also the lag of duplicates and of reordered frames */
    uint64_t rate;        /* bits a second; 0: no limit */
    uint64_t queue;       /* bytes that wait at most, when there is a rate */
    carp_instant busy_until;
    uint64_t ordinals; /* bit n - 1: the n-th matching frame is lost */
    uint64_t seen;     /* matching frames so far */
    uint32_t *held;    /* owned: frames kept */
    size_t held_count, held_room;
};

enum snooping { SNOOP_OFF, SNOOP_FLOOD, SNOOP_MEMBERS, SNOOP_DROP };

struct mac_entry {
    uint64_t mac; /* 48 bits, plus 2^48 so that 0 is free */
    uint32_t port;
    carp_instant seen;
};

struct membership {
    uint64_t mac;
    uint32_t port;
    carp_instant expires;
};

struct sim_switch {
    const char *name;
    uint32_t *ports; /* owned: end indices, in the order of connection */
    size_t port_count, port_room;
    carp_duration ageing;     /* of learned addresses; 300 s */
    carp_duration port_delay; /* from link-up to forwarding (spanning tree); 0 */
    enum snooping snooping;   /* of adverts' groups; SNOOP_OFF and SNOOP_FLOOD flood them */
    bool querier;             /* asks for members every 125 s */
    bool reflects;            /* floods to the port a frame came from, too */
    size_t capacity;          /* of the table; 0: no limit */
    struct mac_entry *table;  /* owned; open addressing */
    size_t table_room, table_used;
    carp_instant sweep_from;    /* of a full table: no entry is out of date earlier than this */
    struct membership *members; /* owned */
    size_t member_count, member_room;
    uint64_t moves; /* addresses that changed their port */
    uint32_t fan;   /* index + 1; 0: none was made yet */
};

/* Who hears what a switch floods, while nothing can befall a frame on the way to any of them: in a
 * calm network that is found out once for many frames, and a flood is one arrival. It is never
 * changed while frames are on their way to it. */
struct receiver {
    uint32_t end;
    uint32_t owner;
    uint16_t nic;
    bool is_switch;
};

struct fan {
    struct receiver *at; /* owned: in the order of the switch's ports */
    size_t count, room;
    uint32_t *refused; /* owned: ports that let nothing through now */
    size_t refused_count, refused_room;
    bool usable;         /* all ports are as above, and equally far away */
    uint32_t changes;    /* the world's, when it was made: for that state it is right, */
    carp_instant until;  /* before this instant */
    carp_duration delay; /* to all of them */
    uint32_t references; /* its switch's, and a flood's on its way */
    uint32_t next_free;
};

/* Frames that arrive at one instant, in order. */
struct arrival {
    uint32_t end;
    uint32_t frame;
    uint32_t fan; /* index + 1: it arrives at all of these but for `end`; 0: at `end` */
};

struct batch {
    struct arrival *at; /* owned */
    size_t count, room;
    uint32_t next_free;
};

/* --- machines --------------------------------------------------------------------------------- */

enum node_kind { NODE_DAEMON, NODE_PEER, NODE_CLIENT, NODE_STRANGER };

/* What can happen to a machine; the detail of TRACE_NODE. */
enum node_change {
    NODE_BOOTED,
    NODE_CRASHED,
    NODE_STOPPED,
    NODE_KILLED,
    NODE_FROZEN,
    NODE_THAWED,
    NODE_PAUSED,
    NODE_RESUMED,
    NODE_LINK_UP,
    NODE_LINK_DOWN,
    NODE_CLOCK_STEPPED,
    NODE_DISOWNED,
    NODE_RELOADED,
};

struct nic {
    uint32_t end;
    bool unseen; /* its link changed while the program did not run */
    struct carp_self self;
};

struct world;
struct node;

/* What a kind of node does. All but `run` may be NULL. */
struct node_ops {
    /* One frame for its program. Class and filters are the kernel's business and done. */
    void (*hear)(struct world *w, struct node *node, unsigned nic, struct sim_frame *frame);
    /* It is about to hear an advert that was read already: what hear() touches may be brought into
     * the cache, in steps 0, 1 and 2, because one leads to the other. */
    void (*expect)(const struct node *node, unsigned nic, const struct sim_frame *frame,
                   unsigned step);
    /* What is due at node_now(); afterwards node->wake_local is when to be run again. */
    void (*run)(struct world *w, struct node *node);
    /* The machine booted, or its program was started again. */
    void (*start)(struct world *w, struct node *node);
    /* An orderly end of the program; it is not run any more. */
    void (*stop)(struct world *w, struct node *node);
    /* The program vanished without a word; the machine too when `crashed`. */
    void (*vanish)(struct world *w, struct node *node, bool crashed);
    void (*link)(struct world *w, struct node *node, unsigned nic, bool up);
    void (*clock_stepped)(struct world *w, struct node *node, int64_t ns);
    /* What the machine does without its program, at the instant given to node_kernel_at(). */
    void (*kernel)(struct world *w, struct node *node);
    /* Does the kernel answer for this address on this interface, and with which MAC? */
    bool (*answers)(struct world *w, struct node *node, unsigned nic,
                    const struct sim_address *address, uint8_t mac[6]);
    void (*free)(struct node *node);
    bool promiscuous; /* hears every frame, of every class, without a kernel in between */
};

struct received {
    uint32_t frame;
    uint32_t nic;
};

/* What every frame and timer needs comes first, in two cache lines. */
struct node {
    const struct node_ops *ops;
    void *self; /* of its kind; owned: ops->free() */
    uint32_t index;
    enum node_kind kind;
    bool on;         /* powered */
    bool alive;      /* its program runs */
    bool frozen;     /* its program is stopped (SIGSTOP) */
    bool paused;     /* the whole machine is */
    bool queue_lost; /* what comes while it is paused is dropped */
    bool starts;     /* its program is started when the machine is resumed */
    uint8_t side;    /* of a split; 0: hears both */
    uint8_t nic_count;

    /* The machine's monotonic clock: local = clock_local + (now - clock_world) * (1 + drift). */
    int32_t drift_ppb;
    carp_instant clock_world, clock_local;
    carp_instant last_run; /* local: its last sign of life */

    /* Waking up. */
    carp_instant wake_local; /* when the program wants to be run; CARP_NEVER: not */
    carp_instant armed;      /* the instant of the timer event that counts; CARP_NEVER: none */
    carp_instant run_at;     /* a run that was woken and is on its way; CARP_NEVER: none */
    carp_duration latency_max, latency_min; /* from the cause of a wake-up to the run */
    carp_duration granularity, phase;       /* of its timers: whole multiples, plus phase */
    size_t queued;
    uint64_t heard, wakes;

    carp_instant kernel_at; /* when ops->kernel() is called next; CARP_NEVER: not */
    struct nic *nics;       /* owned */
    struct received *queue; /* owned: frames that wait for the program */
    size_t queue_room;
    size_t queue_max;

    char *name; /* owned */
    uint64_t sent, boots;
    carp_instant paused_at, paused_local;
    uint64_t dropped[DROP_REASON_COUNT]; /* frames meant for it, by reason */
    int64_t wall_offset;                 /* of the wall clock, against world time */
};

/* Who looks on. All may be NULL. */
struct world_tap {
    void *self;
    /* A frame left an interface; or (reason < DROP_REASON_COUNT) was dropped before this end; or
     * something else befell it there, which `what` says. */
    void (*frame)(void *self, carp_instant at, uint32_t end, const struct sim_frame *frame,
                  int reason, const char *what);
    /* A group of a daemon or peer made a step that matters: its role or its reason. */
    void (*story)(void *self, carp_instant at, const struct node *node, unsigned group,
                  const char *line);
    /* A group of a daemon made a step, whatever it was: with the frame behind it. */
    void (*stepped)(void *self, carp_instant at, const struct node *node, unsigned group,
                    const struct carp_event *event, const struct carp_outcome *out);
};

enum { OPEN_BATCHES_MAX = 8 };

struct oracle;
struct world {
    carp_instant now;
    struct queue queue;
    struct decisions *decisions; /* borrowed */
    struct trace trace;
    struct frames frames;
    struct world_tap tap;

    struct node *nodes; /* owned */
    size_t node_count, node_room;
    struct end *ends;
    size_t end_count, end_room;
    struct sim_switch *switches;
    size_t switch_count, switch_room;
    struct fault *faults;
    size_t fault_count, fault_room;
    uint32_t fault_free;
    struct batch *batches;
    size_t batch_count, batch_room;
    uint32_t batch_free;
    struct fan *fans;
    size_t fan_count, fan_room;
    uint32_t fan_free;

    /* Batches that frames of the event in hand may still join. */
    struct open_batch {
        carp_instant at;
        uint32_t batch;
    } open[OPEN_BATCHES_MAX];
    unsigned open_count;

    bool plain;            /* no fast paths: to prove that they change nothing */
    bool split;            /* nodes have sides */
    uint32_t changes;      /* of the topology: reachability must be worked out anew */
    struct oracle *oracle; /* owned; NULL: nobody watches */

    uint64_t dropped[DROP_REASON_COUNT];
    /* Frames that left a node; that arrived at a program or kernel; that were made by switches and
     * duplication; that switches made copies of instead of passing them on. So that
     * sent + copied = delivered + dropped + flooded + what is in flight. */
    uint64_t sent, delivered, copied, flooded;
    /* Called for events that world.c does not know. */
    void *script_self;
    void (*script)(void *self, const struct queue_event *event);
};

/* Kinds of events; from EVENT_SCRIPT on the script's own. */
enum world_event {
    EVENT_BATCH,
    EVENT_TIMER,
    EVENT_RUN,
    EVENT_KERNEL,
    EVENT_QUERY,
    EVENT_PORT,
    EVENT_ORACLE,
    EVENT_SCRIPT
};

void world_init(struct world *w, struct decisions *decisions);
void world_free(struct world *w);

/* Everything that happens until this instant, included. */
void world_run(struct world *w, carp_instant until);

/* Only the next event; false: there is none until then. */
bool world_step(struct world *w, carp_instant until);

/* --- building it ------------------------------------------------------------------------------ */

uint32_t world_add_switch(struct world *w, const char *name);
uint32_t world_add_node(struct world *w, const char *name, enum node_kind kind,
                        const struct node_ops *ops, void *self);

/* A new interface of a node, named by its index; not connected yet. */
unsigned world_add_nic(struct world *w, uint32_t node, const struct carp_self *self);

/* Cables. Both directions have this delay. */
void world_connect_nic(struct world *w, uint32_t node, unsigned nic, uint32_t to_switch,
                       carp_duration delay);
void world_connect_switches(struct world *w, uint32_t a, uint32_t b, carp_duration delay);
void world_connect_nics(struct world *w, uint32_t a, unsigned nic_a, uint32_t b, unsigned nic_b,
                        carp_duration delay);

/* Where a queue event is put that the script knows. */
void world_at(struct world *w, carp_instant at, enum queue_class class, uint32_t what, uint32_t who,
              uint64_t which);

/* --- the network at work (fabric.c) ----------------------------------------------------------- */

/* A frame leaves a node. */
void fabric_send(struct world *w, struct node *node, unsigned nic, const uint8_t *bytes,
                 size_t size);
void fabric_arrive(struct world *w, uint32_t batch);
void fabric_query(struct world *w, uint32_t switch_index);
void fabric_drop(struct world *w, uint32_t end, const struct sim_frame *frame,
                 enum drop_reason reason);

/* A cable is plugged in or out, at one end; switches forget what they learned there. */
void fabric_set_up(struct world *w, uint32_t index, bool up);

/* A new fault on the way out of this end; returns its index, for world->faults. */
uint32_t fabric_add_fault(struct world *w, const struct fault *fault);
void fabric_remove_fault(struct world *w, uint32_t index);
/* Frames held by a fault go on now. */
void fabric_release(struct world *w, uint32_t index);

/* Does an advert of this sender, when nothing is left to chance, get from one interface to the
 * other? `certain` is false when chance has a say (loss, corruption, held frames). And does a
 * client's probe, or its answer, with the questions that may go before it? */
bool fabric_reaches(const struct world *w, uint32_t from_end, uint32_t to_end, bool *certain);
bool fabric_reaches_probe(const struct world *w, uint32_t from_end, uint32_t to_end, bool *certain);

/* --- machines (node.c) -------------------------------------------------------------------------
 */

carp_instant node_drifted_now(const struct world *w, const struct node *node);
static inline carp_instant node_now(const struct world *w, const struct node *node)
{
    return node->drift_ppb != 0
               ? node_drifted_now(w, node)
               : (carp_instant){node->clock_local.ns + (w->now.ns - node->clock_world.ns)};
}
/* The first instant at which the node's clock shows `local` or more. */
carp_instant node_world_time(const struct world *w, const struct node *node, carp_instant local);

/* A frame arrives at an interface. */
void node_receive(struct world *w, struct node *node, unsigned nic, uint32_t frame);
void node_timer(struct world *w, struct node *node, carp_instant at);
void node_run_event(struct world *w, struct node *node, carp_instant at);

/* Run the program now (fault commands do, after they changed something). */
void node_run(struct world *w, struct node *node);

/* Set the timer by node->wake_local. */
void node_arm(struct world *w, struct node *node);

/* Call ops->kernel() at this instant of the machine's clock, at the latest. */
void node_kernel_at(struct world *w, struct node *node, carp_instant local);
void node_kernel_event(struct world *w, struct node *node, carp_instant at);

void node_boot(struct world *w, struct node *node);
void node_crash(struct world *w, struct node *node);
void node_stop(struct world *w, struct node *node);  /* orderly */
void node_start(struct world *w, struct node *node); /* the program, on a machine that is on */
void node_kill(struct world *w, struct node *node);  /* the program */
void node_freeze(struct world *w, struct node *node);
void node_thaw(struct world *w, struct node *node);

/* How a clock behaves over a pause: it went on, it stood still, or it stood still and then jumps.
 */
enum pause_clock { PAUSE_CONTINUES, PAUSE_STOPS, PAUSE_JUMPS };
void node_pause(struct world *w, struct node *node, bool queue_lost);
void node_resume(struct world *w, struct node *node, carp_duration paused, enum pause_clock clock);
void node_set_link(struct world *w, struct node *node, unsigned nic, bool up);
void node_set_drift(struct world *w, struct node *node, int32_t ppb);
void node_step_clock(struct world *w, struct node *node, int64_t ns); /* the wall clock */
void node_jump_clock(struct world *w, struct node *node, int64_t ns); /* the monotonic one */

/* Multicast memberships are reported, as a kernel does at start and when asked. */
void node_report(struct world *w, struct node *node, unsigned nic);

#endif
