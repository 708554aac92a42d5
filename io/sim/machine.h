/*
 * The machine under a simulated daemon: io/port.h answered from memory. It holds the virtual
 * addresses with their kernel lifetimes, runs the up and down commands for as long as they take,
 * fails sends when told to, and keeps what a guardian would know.
 *
 * It keeps time only as instants that it is given, on the clock of the host it belongs to.
 */
#ifndef CARP_IO_SIM_MACHINE_H
#define CARP_IO_SIM_MACHINE_H

#include "io/port.h"

/* One group's addresses on this machine. */
struct machine_group {
    bool held;                 /* they answer here */
    bool wanted;               /* the daemon's last wish, as far as it was granted */
    bool command_up;           /* which command runs, until: */
    carp_instant command_ends; /* CARP_NEVER: none runs */
    carp_instant expires;      /* kernel lifetime; CARP_NEVER: none (commands have none) */
    bool renewed;              /* that is, each time it is due */
    struct port_guard guard;   /* the guardian's copy */
    unsigned commands;         /* that were run */
};

struct machine {
    /* Set by the caller. */
    void *self;
    int (*transmit)(void *self, unsigned group, const uint8_t *frame, size_t size);
    void (*held)(void *self, unsigned group, bool holds); /* the addresses came or went */
    struct machine_group *groups; /* NULL: nobody asks who holds what; for the largest worlds */
    unsigned group_count;
    bool commands;         /* up and down commands instead of own addresses, */
    carp_duration up_time; /* which take so long */
    carp_duration down_time;

    /* Faults, set and lifted at any time. */
    int send_error;    /* every send fails with this -errno */
    int claim_error;   /* every claim does */
    int release_error; /* every release does: what is held stays until its lifetime is over */
    bool unguarded;    /* the kernel's lifetimes and the guardian are out of use: a peer's daemon */

    carp_instant now; /* set by the caller before the host runs */
    carp_instant
        renew_at; /* when the daemon renews lifetimes next, and wakes up for it if need be */
    uint64_t send_failures;
};

/* All zero but for what the caller set; groups hold nothing. */
void machine_init(struct machine *m);

/* The functions of the seam that a machine answers: send, claim, release. */
int machine_send(struct machine *m, unsigned group, const uint8_t *frame, size_t size);
int machine_claim(struct machine *m, unsigned group, const struct port_guard *guard);
int machine_release(struct machine *m, unsigned group);

/* The daemon runs, so it renews the lifetimes of what it holds, when that is due. */
void machine_renew(struct machine *m);

/* What the kernel and the commands do by themselves until m->now. */
void machine_run(struct machine *m);

/* When machine_run() has something to do next; CARP_NEVER: nothing. */
carp_instant machine_due(const struct machine *m);

/* The addresses are gone, whoever took them: the guardian, an operator, a crash. */
void machine_take(struct machine *m, unsigned group);

#endif
