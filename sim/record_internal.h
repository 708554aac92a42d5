/*
 * What the record*.c files share. Nothing here is for others.
 */
#ifndef CARP_SIM_RECORD_INTERNAL_H
#define CARP_SIM_RECORD_INTERNAL_H

#include "sim/record.h"

enum { RECORD_NAME_MAX = 128 };

/* Remember this -errno, unless one is remembered already. */
void record_failed(struct record *r, int error);

/* printf to one of the record's files. */
void record_print(struct record *r, FILE *file, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* An interface of a node, or a switch, by its name. */
const char *record_end_name(const struct world *w, uint32_t end, char name[RECORD_NAME_MAX]);

/* The virtual host that a group of a node is about; 0 when it has no such group. */
unsigned record_vhid(const struct node *node, uint64_t group);

/* record_json.c; the tap's arguments, but for its self. */
void record_json_event(struct record *r, const struct trace_event *e);
void record_json_frame(struct record *r, carp_instant at, uint32_t end,
                       const struct sim_frame *frame, int reason, const char *what);
void record_json_statement(struct record *r, carp_instant at, unsigned line, const char *text);
void record_json_violation(struct record *r, const struct violation *v);
void record_json_end(struct record *r);

/* record_journal.c */
void record_journals_begin(struct record *r);
void record_journals_end(struct record *r);

/* record_pcap.c */
void record_pcap_begin(struct record *r);
void record_pcap_frame(struct record *r, carp_instant at, uint32_t end,
                       const struct sim_frame *frame, int reason, const char *what);

#endif
