/*
 * A scenario: a network, who is on it, what happens when, and what is to be seen. Text, one
 * statement a line; docs/SIMULATOR.md has the language.
 *
 * Reading checks everything that can be checked before the run: names, numbers, ranges, sizes and
 * times. An error is one sentence with line and column and what would be right; nothing of a wrong
 * scenario is run.
 */
#ifndef CARP_SIM_SCENARIO_H
#define CARP_SIM_SCENARIO_H

#include "engine/carp.h"
#include "sim/oracle.h"
#include "sim/persona.h"
#include "sim/stranger.h"
#include "sim/world.h"

enum {
    SCENARIO_ERROR_MAX = 512,
    SCENARIO_NAME_MAX = 32,
    SCENARIO_NODES_MAX = 10000,
    SCENARIO_GROUPS_MAX = 255,
    SCENARIO_SWITCHES_MAX = 64,
    SCENARIO_TEXT_MAX = 1 << 20,
    SCENARIO_NICS_MAX = 4,
    SCENARIO_STATEMENTS_MAX = 10000, /* and as many expectations */
    CAMPAIGN_FAULTS_MAX = 10000000,  /* of all rounds */
};

/* No instant and no duration of a scenario is longer: a hundred years, so that sums of a few fit.
 */
#define SCENARIO_TIME_MAX CARP_SECONDS(UINT64_C(100) * 31557600)

/* An instant as written: fixed, or a range from which the run's seed picks. */
struct moment {
    carp_instant from;
    carp_instant to; /* the same when it is fixed */
    bool relative;   /* to the statement before: both are added to its instant */
};

struct scenario_switch {
    char name[SCENARIO_NAME_MAX];
    carp_duration ageing, port_delay;
    enum snooping snooping;
    bool querier, reflects;
    size_t capacity;
};

struct scenario_link {
    uint32_t a, b; /* switches */
    carp_duration delay;
};

struct scenario_group {
    struct carp_config config;
    unsigned nic;
};

enum profile {
    PROFILE_ENGINE,
    PROFILE_UCARP,
    PROFILE_FREEBSD,
    PROFILE_NETBSD,
    PROFILE_OPENBSD,
    PROFILE_CLIENT,
    PROFILE_STRANGER
};

struct scenario_nic {
    uint32_t to_switch;
    carp_duration delay;
    struct carp_self self;
};

struct scenario_node {
    char name[SCENARIO_NAME_MAX];
    unsigned line;
    enum profile profile;
    unsigned nic_count;
    struct scenario_nic nics[SCENARIO_NICS_MAX];
    size_t group_count;
    struct scenario_group *groups; /* owned */
    carp_instant starts;           /* CARP_NEVER: a statement starts it */

    int32_t drift_ppb;
    carp_duration latency_min, latency_max;
    carp_duration granularity, phase;
    size_t queue_max;
    bool commands;
    carp_duration up_time, down_time;
    uint32_t seed_about;  /* another node whose seed it shares; NONE */
    uint64_t wraps_after; /* its first counter is so far below 2^64; 0: by the wall clock */
    struct persona_config persona;

    /* Clients. */
    struct sim_address target;
    carp_duration period, cache;
    bool ignores_announcements;
};

enum statement_kind {
    DO_CRASH,
    DO_BOOT,
    DO_REBOOT,
    DO_STOP,
    DO_START,
    DO_KILL,
    DO_FREEZE,
    DO_THAW,
    DO_PAUSE,
    DO_DRIFT,
    DO_CLOCK,
    DO_JUMP,
    DO_LINK,
    DO_SEND_ERROR,
    DO_CLAIM_ERROR,
    DO_DEMOTE,
    DO_YIELD,
    DO_LOSE,
    DO_RELOAD,
    DO_SPLIT,
    DO_JOIN,
    DO_FAULT,
    DO_RELEASE,
    DO_HEAL,
    DO_DEED,
    DO_ORACLE,
};

/* One way or both, between nodes and switches. NONE: any. */
struct pair {
    uint32_t from, to;
    bool from_switch, to_switch;
    bool both;
};

struct statement {
    unsigned line;
    enum statement_kind kind;
    struct moment when;
    uint32_t node;
    unsigned nic;        /* DO_LINK; UINT_MAX: all */
    uint8_t vhid;        /* 0: all of the node's */
    int64_t number;      /* a weight, a drift in ppb, a step in ns, -errno, up or down */
    carp_duration lasts; /* zero: until something else ends it */
    bool flag;           /* freeze: all; pause: the queue is lost; oracle: on */
    bool after;          /* at the instant of the statement before it, on the same line */
    enum pause_clock clock;
    struct pair pair;
    struct fault fault; /* DO_FAULT: what it is like; end and origin are filled in at run */
    uint8_t *sides;     /* DO_SPLIT, owned: of each of the first nodes; the others are on none */
    size_t side_count;
    struct deed deed;
    struct carp_config *config; /* DO_RELOAD, owned: one */
};

enum comparison { CMP_LT, CMP_LE, CMP_EQ, CMP_NE, CMP_GE, CMP_GT };

enum expectation_kind {
    EXPECT_MASTER, /* `subject` is the only master */
    EXPECT_BACKUP,
    EXPECT_METRIC,    /* metric of subject compared with value */
    EXPECT_VIOLATION, /* of an oracle: at least one */
    EXPECT_SOMETIMES,
};

/* What can be counted. The first five hold over a window, too. */
enum metric {
    METRIC_MASTERS, /* of a vhid */
    METRIC_MASTERS_MAX,
    METRIC_DARK,
    METRIC_DARK_LONGEST,
    METRIC_DUAL,
    METRIC_DUAL_LONGEST,
    METRIC_DUAL_TIMES,
    METRIC_ASSIGNED,
    METRIC_TRANSITIONS, /* of a node */
    METRIC_TAKEOVERS,
    METRIC_MASTER_TIME,
    METRIC_SENT,
    METRIC_HEARD,
    METRIC_COMMANDS,
    METRIC_EXPLAINED,
    METRIC_STRANGERS,
    METRIC_HOLDS,
    METRIC_VERDICT, /* of this index */
    METRIC_RULE,
    METRIC_NOTICE,
    METRIC_FATE,
    METRIC_DROP,
    METRIC_LOST, /* of a client */
    METRIC_ANSWERED,
    METRIC_DUPLICATES,
    METRIC_ASKS,
    METRIC_MOVES, /* of a client's cache, of a switch's table */
    METRIC_DOWNTIME,
    METRIC_OUTAGES,
    METRIC_ANSWERED_BY,
    METRIC_COUNT
};

enum sometimes { SOME_STATE, SOME_RULE, SOME_VERDICT, SOME_DROP, SOME_HEALED, SOME_DEMOTE_CROSSED };

struct expectation {
    unsigned line;
    enum expectation_kind kind;
    bool at_end;        /* no instant was given */
    struct moment when; /* a range is a window: at every instant of it */
    bool window;
    uint32_t subject; /* node or switch index */
    bool is_switch;
    uint8_t vhid;
    enum metric metric;
    unsigned index; /* of a word */
    enum comparison comparison;
    int64_t value; /* a count, or ns */
    bool duration; /* value is one, */
    bool bound;    /* added to the bound that is derived */
    bool within;   /* EXPECT_MASTER: not at once, but within value */
    enum oracle_kind oracle;
    enum sometimes sometimes;
    enum carp_state state;
};

enum swarm_kind {
    SWARM_LOSS,
    SWARM_BURST,
    SWARM_DUP,
    SWARM_REORDER,
    SWARM_CORRUPT,
    SWARM_DELAY,
    SWARM_BLOCK,
    SWARM_SPLIT,
    SWARM_CRASH,
    SWARM_KILL,
    SWARM_FREEZE,
    SWARM_PAUSE,
    SWARM_FLAP,
    SWARM_CLOCKSTEP,
    SWARM_DRIFT,
    SWARM_SENDERR,
    SWARM_COUNT
};

struct campaign {
    bool given;
    unsigned faults; /* of each round */
    unsigned rounds;
    carp_duration chaos, freeze, heal, calm;
};

struct scenario {
    uint64_t seed;
    unsigned runs;
    carp_duration horizon;
    struct scenario_switch *switches;
    size_t switch_count, switch_room;
    struct scenario_link *links;
    size_t link_count, link_room;
    struct scenario_node *nodes;
    size_t node_count, node_room;
    struct statement *statements; /* in the order of lines */
    size_t statement_count, statement_room;
    struct expectation *expectations;
    size_t expectation_count, expectation_room;
    bool swarm[SWARM_COUNT];
    struct campaign campaign;
};

/* Reads a host's settings from a carpd.yaml beside the scenario: the groups of every interface, in
 * the order of the file. 0, or -1 with one sentence. NULL: this program cannot. */
struct scenario_loader {
    void *self;
    int (*load)(void *self, const char *path, struct scenario_node *node,
                char error[SCENARIO_ERROR_MAX]);
};

/*
 * Read a scenario's text. `name` is the file's name, for errors and for what it refers to beside
 * it. False: error has "name:line:column: ..." and nothing is to be freed.
 */
bool scenario_read(struct scenario *s, const char *name, const char *text,
                   const struct scenario_loader *loader, char error[SCENARIO_ERROR_MAX]);

void scenario_free(struct scenario *s);

const char *swarm_word(enum swarm_kind kind);
const char *metric_word(enum metric metric);

/* The bits of enum carp_notice as words, for metrics. */
const char *notice_word(unsigned bit);

#endif
