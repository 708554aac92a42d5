/*
 * What an operator reads: one line for each change of state, with its reason; UCARP's words where
 * people search for them; and a few rate-limited lines for what goes wrong around us.
 */
#ifndef CARP_IO_LIVE_REPORT_H
#define CARP_IO_LIVE_REPORT_H

#include "io/config.h"
#include "io/host.h"
#include "io/live/log.h"

/* Causes of lines that could flood a log, each limited by itself. */
enum report_cause {
    REPORT_CHANGE,
    REPORT_RIVAL,
    REPORT_SENDING,
    REPORT_DEMOTION,
    REPORT_TIMERS,
    REPORT_HEARING,
    REPORT_EXPLANATION,
    REPORT_CAUSE_COUNT
};

/* Each verdict of a group is a cause, too; the first of them is CARP_OTHER_GROUP. */
struct report_limits {
    struct log_limit at[REPORT_CAUSE_COUNT];
    struct log_limit refused[CARP_VERDICT_COUNT - CARP_OTHER_GROUP];
};

/* A group made a step. `debug`: write its story line too, whatever it was; of refused adverts as
 * many as there are warnings. */
void report_step(const struct config_group *group, struct report_limits *limits, carp_instant now,
                 const struct carp_event *event, const struct carp_outcome *out, bool debug);

/* A frame that reached no group; `limit` is this verdict's on this interface. `vhid_is_ours`: its
 * number is that of a group there. */
void report_stranger(const char *interface, struct log_limit *limit, carp_instant now,
                     enum carp_verdict verdict, const struct carp_packet *packet,
                     bool vhid_is_ours);

/* Why a digest was wrong. */
void report_explanation(const struct config_group *group, struct report_limits *limits,
                        carp_instant now, const struct carp_packet *packet,
                        const struct auth_explanation *explanation);

/* UCARP's answer to SIGUSR1, the reason for the state, and what became of all adverts by verdict.
 */
void report_state(const struct config_group *group, const struct host_group *state,
                  carp_instant now);

/* Of SIGUSR1's answer, what belongs to no group: frames by verdict, and those that the kernel had
 * to drop because its buffer was full. Nothing to tell is not told. */
void report_interface(const char *interface, const uint64_t verdicts[CARP_VERDICT_COUNT],
                      uint64_t dropped);

#endif
