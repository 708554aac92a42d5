/*
 * What the files of a run share: run.c builds and drives it, run_statement.c carries out what
 * happens, run_campaign.c draws it, run_expect.c looks at what was seen.
 */
#ifndef CARP_SIM_RUN_INTERNAL_H
#define CARP_SIM_RUN_INTERNAL_H

#include "sim/client.h"
#include "sim/daemon.h"
#include "sim/oracle.h"
#include "sim/peer.h"
#include "sim/run.h"

struct run_plan {
    struct host_plan plan; /* config is below */
    struct carp_config config;
};

struct run_host {
    struct host_group *groups;
    struct host_book *books;
    struct machine_group *machine_groups;
};

/* Events of the script; `who` is an index. */
enum run_event {
    RUN_BOOT = EVENT_SCRIPT, /* node */
    RUN_STATEMENT,
    RUN_STATEMENT_END,
    RUN_EXPECT,
    RUN_EXPECT_LIMIT,
    RUN_CAMPAIGN, /* phase */
    RUN_CAMPAIGN_FAULT,
    RUN_CAMPAIGN_MEND,
};

/* The plan of a configuration on this interface, made or found. NULL: no crypto. */
const struct host_plan *run_plan(struct run *r, const struct carp_config *config, unsigned nic);

void run_do(struct run *r, uint32_t index);
void run_end(struct run *r, uint32_t index);
void run_apply(struct run *r, const struct statement *st, uint32_t cause);
void run_lift(struct run *r, const struct statement *st, uint32_t cause);
void run_heal(struct run *r);
void run_note_bounds(struct run *r);

/* The phases and faults of a campaign are put into the queue. */
void run_schedule_campaign(struct run *r);
void run_campaign_event(struct run *r, const struct queue_event *event);

void run_schedule_expectations(struct run *r);
/* Nothing happens from now until then: what was expected of that time holds or does not. */
void run_expect_between(struct run *r, carp_instant until);
void run_expect_event(struct run *r, const struct queue_event *event);
void run_expect_end(struct run *r);
void run_fail(struct run *r, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
