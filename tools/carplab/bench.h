/*
 * carplab bench, in parts. Each benchmark prints its table as it goes (say()) and returns its
 * figures as JSON; what was not as it must be ends in complain(), and in exit status 1.
 */
#ifndef CARP_TOOLS_CARPLAB_BENCH_H
#define CARP_TOOLS_CARPLAB_BENCH_H

#include <jansson.h>

#include "tools/carplab/bench_lan.h"

#define MIB 1048576.0

struct bench {
    bool quiet;       /* only JSON is wanted */
    bool failed;      /* something was wrong; a target that is missed is not */
    json_t *targets;  /* what was aimed at, and what came out */
    json_t *mistakes; /* the sentences of complain() */
};

__attribute__((format(printf, 2, 3))) void say(const struct bench *b, const char *format, ...);
__attribute__((format(printf, 2, 3))) void complain(struct bench *b, const char *format, ...);

/* A target: at least (or, when `below`, less than) this much of `unit`. */
void aim(struct bench *b, const char *name, double measured, double target, bool below,
         const char *unit);

static inline double deliveries_per_second(const struct lan_figures *f)
{
    return (double)f->deliveries / f->round_s;
}

static inline double ns_per_delivery(const struct lan_figures *f)
{
    return f->round_s * 1e9 / (double)f->deliveries;
}

/* A figure of memory as a column of a table, and as JSON: "unknown", and null, where it is. */
struct memory_text {
    char text[16];
};
struct memory_text memory_text(bool known, double amount, int decimals);
json_t *memory_json(bool known, double amount);

/* A row of the table of sizes, and the same as JSON. */
void say_lan_head(const struct bench *b);
json_t *tell_lan(struct bench *b, const struct lan_shape *shape, const struct lan_figures *f);

json_t *bench_split(struct bench *b); /* bench_split.c */
json_t *bench_peers(struct bench *b); /* bench_peers.c */
json_t *bench_start(struct bench *b); /* bench_start.c */
json_t *bench_cold(struct bench *b);
json_t *bench_proof(struct bench *b);

#endif
