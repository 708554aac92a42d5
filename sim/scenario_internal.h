/*
 * What the files that read a scenario share: scenario.c names, settings and the whole,
 * scenario_network.c switches and links, scenario_group.c groups, scenario_node.c who is on the
 * network, scenario_statement.c what happens when, scenario_machine.c, scenario_fault.c and
 * scenario_deed.c to machines, between them and by strangers, scenario_expect.c what is to be seen.
 */
#ifndef CARP_SIM_SCENARIO_INTERNAL_H
#define CARP_SIM_SCENARIO_INTERNAL_H

#include <stdio.h>

#include "sim/scenario.h"
#include "sim/scenario_lexer.h"

/* In all, so that a scenario fits in memory: a group takes some 4 KiB. */
enum { GROUPS_IN_ALL_MAX = 100000 };

/* Of a cable, unless something is said: a switch of today, and 200 m. */
#define DEFAULT_DELAY ((carp_duration){10000})

/* Nothing periodic is faster, so that a run ends. */
#define PERIOD_MIN CARP_MILLISECONDS(1)

/* Delays of cables, latencies, commands: bounds are multiples and sums of them. */
#define SPAN_MAX CARP_SECONDS(3600)
#define NO_TIME  ((carp_duration){0})

struct parser {
    struct lexer lexer;
    struct scenario *scenario;
    const struct scenario_loader *loader;
    struct carp_self next_self; /* addresses that the next interface gets */
    bool has_default[256];
    struct carp_config defaults[256];
    bool has_address;     /* one was given, and no interface after it */
    bool program_options; /* of this node were given: its profile is settled */
    size_t groups_in_all;
    unsigned campaign_line;
    uint64_t stepped_ns; /* all jumps and clock steps so far, whatever their direction */
    carp_instant last_from, last_to; /* of the statement before */
};

enum parsed { PARSED, PARSED_WRONG, PARSED_NOT_MINE };

uint32_t find_switch(const struct scenario *s, const char *name); /* NONE */
uint32_t find_node(const struct scenario *s, const char *name);
bool parse_node_name(struct parser *p, uint32_t *node);
bool parse_vhid(struct parser *p, uint8_t *vhid);
enum parsed parse_group_option(struct parser *p, struct carp_config *config);
bool check_config(struct parser *p, enum profile profile, const struct carp_config *c);
void append_group(struct scenario_node *n, const struct scenario_group *group);

/* A name that nothing has yet; what it is of, for errors. */
bool new_name(struct parser *p, const char *what, char name[SCENARIO_NAME_MAX]);

/* What a group of this vhid is unless something is said. */
struct carp_config default_config(const struct parser *p, uint8_t vhid);

bool parse_group_default(struct parser *p);
bool parse_switch(struct parser *p);
bool parse_link(struct parser *p);
bool parse_node(struct parser *p);
bool parse_nodes(struct parser *p);
bool parse_bystander(struct parser *p, enum profile profile);

bool parse_drift(struct parser *p, int64_t *ppb); /* 50ppm, -3ppm */

/* What can happen, and how its words are read into a statement; each table ends with a NULL. */
struct action {
    const char *word;
    bool (*parse)(struct parser *p, struct statement *st);
};
extern const struct action machine_actions[], fault_actions[], deed_actions[];

bool parse_at(struct parser *p);
bool parse_for(struct parser *p, carp_duration *lasts); /* "for SPAN", or nothing */

bool parse_expect(struct parser *p);
bool parse_never(struct parser *p);
bool parse_sometimes(struct parser *p);

#endif
