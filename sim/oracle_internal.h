/*
 * What the files of the oracle share: oracle.c hears what happens, oracle_check.c looks whether
 * what must hold holds, oracle_data.c does so for clients, oracle_bound.c says how long what must
 * hold may not, oracle_violation.c writes down what does not.
 */
#ifndef CARP_SIM_ORACLE_INTERNAL_H
#define CARP_SIM_ORACLE_INTERNAL_H

#include "sim/daemon.h"
#include "sim/oracle.h"
#include "sim/peer.h"

static inline carp_instant instant_later(carp_instant a, carp_instant b)
{
    return a.ns > b.ns ? a : b;
}

unsigned node_group_count(const struct node *node);

/* Takes part: its machine and its program run. And: is a master to anyone. */
bool member_lives(const struct world *w, const struct member *m);
bool member_is_master(const struct world *w, const struct member *m);

/* How this member really keeps time, on the world's clock. Where OpenBSD's dialect is spoken, the
 * lower demotion wins, whatever the interval. */
struct timing {
    carp_duration interval, down;
    carp_duration slack;   /* its timers may be so late, */
    carp_duration reading; /* and its look at a frame that came */
    unsigned demote;
};

struct timing member_timing(const struct world *w, const struct member *m);

/* The longest way of a frame: every hop at its slowest. */
carp_duration bound_delay_max(const struct world *w);

/* More of a derivation. */
void bound_say(struct bound *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* How long two masters, no master, a better backup may be; of a clique, or (NONE) of all living
 * members of a vhid. */
struct bound bound_dual(const struct world *w, uint32_t clique, uint8_t vhid);
struct bound bound_dark(const struct world *w, uint32_t clique, uint8_t vhid);
struct bound bound_winner(const struct world *w, uint32_t domain);

/* How long roles may change after the last disturbance. */
struct bound bound_settle(const struct world *w, uint32_t domain);

/* How long addresses may be held (left) by who is not master, or be missing where one is. */
struct bound bound_hold(const struct world *w, const struct member *m, bool left);

void oracle_violate(struct world *w, enum oracle_kind kind, uint32_t domain, carp_instant since,
                    const char *derivation);

#endif
