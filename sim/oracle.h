/*
 * Watching a world: what must hold of it, checked as things happen, with bounds worked out from the
 * parameters of the nodes concerned and from who hears whom at that moment.
 *
 * Nodes of one virtual host that would accept each other's adverts are a domain. Its living members
 * that all hear each other for certain are a clique; nothing is asked of nodes that hear each other
 * in one direction only or by chance, because no protocol could do right by them. A bound counts
 * from the last disturbance: a statement of the scenario, a change of who hears whom, an advert
 * that was lost.
 *
 * A violation says which property, since when, the bound and how it was derived, who was concerned
 * and what happened last.
 */
#ifndef CARP_SIM_ORACLE_H
#define CARP_SIM_ORACLE_H

#include "sim/world.h"

/* X(name, word, phrase); docs/SIMULATOR.md says more of each. */
/* clang-format off */
#define ORACLES(X)                                                                                 \
    X(DUAL,     "dual-master",     "two masters that hear each other")                             \
    X(DARK,     "no-master",       "no master although backups hear each other")                   \
    X(WINNER,   "wrong-winner",    "a better node that preempts hears the master and stays backup") \
    X(FLAP,     "flap",            "a change of role in a quiet time")                             \
    X(LEFT,     "address-left",    "an address is held by a node that is not master")              \
    X(MISSING,  "address-missing", "a master does not hold its address")                           \
    X(DATA,     "data-path",       "a client that reaches the master gets no answer")              \
    X(ANSWER,   "wrong-answer",    "a client was answered by a node that is not the only master")  \
    X(COUNTER,  "counter",         "a node's advert does not have a newer counter than its last")  \
    X(SPOKE,    "spoke",           "an advert from a node that is not master")                     \
    X(MALFORMED,"malformed",       "a node sent what its own parser refuses")                      \
    X(LATE,     "late",            "an advert later than the interval allows")
/* clang-format on */

enum oracle_kind {
#define X(name, word, phrase) ORACLE_##name,
    ORACLES(X)
#undef X
        ORACLE_COUNT
};

const char *oracle_word(enum oracle_kind kind);
const char *oracle_phrase(enum oracle_kind kind);

enum { ORACLE_TEXT_MAX = 2048, VIOLATIONS_MAX = 32, CLIQUE_MEMBERS_MAX = 64 };

struct violation {
    enum oracle_kind kind;
    uint32_t domain;
    carp_instant at;
    char text[ORACLE_TEXT_MAX]; /* lines, the last without a newline */
};

/* One virtual host on one node, as the oracle sees it. */
struct member {
    uint32_t node;
    unsigned group;
    uint32_t domain;
    uint32_t end; /* of its interface */
    const struct carp_config *config;
    bool engine; /* ours; otherwise a persona */
    enum carp_state state;
    bool holds;
    carp_instant state_since, holds_since;
    carp_instant took; /* the addresses, last; 0: never */
    uint64_t transitions, became_master;
    carp_duration as_master; /* without a stretch that goes on */
    uint64_t last_counter;
    bool has_counter;
    carp_instant last_advert;
    carp_duration promised; /* from then to the next, on the world's clock */
    carp_instant excused;   /* it was told to stay out until then */
    bool counted;           /* as a master, in the tally of its vhid */
    bool spoke;             /* an advert at this instant that is no farewell */
    uint32_t clique;        /* the number of the clique it is in; NONE */
    uint8_t sight;          /* what that was worked out from; 0: not yet */
};

struct domain {
    uint8_t vhid;
    carp_instant disturbed;
    carp_instant dual_since, dark_since, worse_since; /* CARP_NEVER: not so */
    carp_instant changed;                             /* the last change of a role */
    carp_duration dual_limit;                         /* the longest bound since dual_since */
    carp_instant answered, unanswered; /* a client's last probe with an answer, and without */
    bool reported[ORACLE_COUNT];
    bool mixed;         /* personas among them */
    bool clear;         /* its living members are one clique */
    bool stale;         /* clients may not know the master: it did not announce, or in vain */
    bool half;          /* somebody hears somebody by chance, or without being heard */
    bool left, missing; /* somebody holds what he should not, or does not hold what he should */
};

/* All that a vhid's domains have in common, for accounts: how long there were 0, 1, more masters.
 */
struct tally {
    uint8_t vhid;
    unsigned masters, masters_max;
    carp_instant since; /* of the present number */
    carp_duration none, many;
    carp_duration none_longest, many_longest;
    uint64_t many_times;
};

struct oracle {
    struct member *members; /* owned */
    size_t member_count;
    uint32_t *first_member; /* owned: of each node; members of a node follow each other */
    struct domain *domains; /* owned */
    size_t domain_count, domain_room;
    struct tally tallies[256];
    uint32_t changes_seen;
    carp_instant cliques_until; /* so long they are right, if nothing changes */
    bool pending;               /* a check is on its way for this instant */
    carp_instant look_at;       /* a check is due then, too */
    bool enabled[ORACLE_COUNT];
    bool clock_stepped; /* the wall clock of some machine */
    bool liveness;      /* DARK, WINNER, FLAP and DATA are looked at: not in a time of chaos */
    struct violation violations[VIOLATIONS_MAX];
    size_t violation_count;
    uint64_t total; /* of all kinds, also those there was no room for */
    uint64_t counts[ORACLE_COUNT];

    /* What was seen, for `sometimes`. */
    bool rules[CARP_RULE_COUNT], verdicts[CARP_VERDICT_COUNT];
    bool dual_healed, demote_crossed, takeover;
};

/* Begin to watch; after all nodes were added, before any boots. */
void oracle_make(struct world *w);
void oracle_free(struct oracle *o);

/* What happens, told by those whom it happens to. */
void oracle_stepped(struct world *w, const struct node *node, unsigned group,
                    const struct carp_event *event, const struct carp_outcome *out);
void oracle_role(struct world *w, const struct node *node, unsigned group, enum carp_state from,
                 enum carp_state to);
void oracle_holds(struct world *w, const struct node *node, unsigned group, bool holds);
void oracle_sent(struct world *w, const struct node *node, const struct sim_frame *frame);
void oracle_lost(struct world *w, uint32_t end, const struct sim_frame *frame,
                 enum drop_reason reason);
void oracle_node_changed(struct world *w, const struct node *node);
void oracle_disturbed(struct world *w);
void oracle_disturbed_until(struct world *w, carp_instant until);
void oracle_clock_stepped(struct world *w);
void oracle_look_again(struct world *w, carp_instant at);
void oracle_answered(struct world *w, const struct node *client, uint32_t by, carp_instant sent);
void oracle_unanswered(struct world *w, const struct node *client, carp_instant asked);
void oracle_check(struct world *w); /* EVENT_ORACLE */

/* A group's addresses or key changed: who accepts whom is worked out anew. */
void oracle_regroup(struct world *w);

/* A bound, and how it was derived. */
struct bound {
    carp_duration value;
    char text[512];
};

/* How long two masters that hear each other may both be so, and how long there may be none, in the
 * domains of a vhid as they are now. */
struct bound oracle_dual_bound(const struct world *w, uint8_t vhid);
struct bound oracle_dark_bound(const struct world *w, uint8_t vhid);

struct member *oracle_member(const struct world *w, uint32_t node, unsigned group);

/* Close the accounts at the end. */
void oracle_finish(struct world *w);

#endif
