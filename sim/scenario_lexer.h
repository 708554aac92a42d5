/*
 * The words of a scenario, one line at a time, each with its column; and the numbers, times and
 * addresses among them. Errors are kept where they occurred; the first one counts.
 */
#ifndef CARP_SIM_SCENARIO_LEXER_H
#define CARP_SIM_SCENARIO_LEXER_H

#include "sim/scenario.h"

enum { WORD_MAX = 128 };

struct lexer {
    const char *name; /* of the file */
    const char *at;   /* the rest of the line */
    const char *line_start;
    const char *text; /* the next line begins here */
    unsigned line;
    char word[WORD_MAX]; /* the present word; empty at the end of the line */
    unsigned column;     /* where it begins, from 1 */
    uint64_t unit_ns;    /* of numbers without one; 0: none was set */
    bool failed;
    char *error; /* room for SCENARIO_ERROR_MAX */
};

void lexer_begin(struct lexer *l, const char *name, const char *text, char *error);

/* The next line that has a word; it is the present one then. False at the end, or after an error.
 */
bool lexer_line(struct lexer *l);

/* The next word of the line; false at its end. White space and '=' separate words; braces and
 * commas within braces are words of their own. */
bool lexer_next(struct lexer *l);

bool lexer_is(const struct lexer *l, const char *word);

/* The present word for an error: itself, or that the line ends. */
const char *lexer_shown(const struct lexer *l);
const char *lexer_named(const struct lexer *l); /* or that there is none */

/* If the present word is this, go on to the next. */
bool lexer_take(struct lexer *l, const char *word);

/* Something is wrong at the present word. The first failure counts; returns false. */
bool lexer_fail(struct lexer *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The present word as one of these, then on to the next. False: it failed, and said what was
 * expected (`what`). */
bool lexer_number(struct lexer *l, const char *what, uint64_t min, uint64_t max, uint64_t *value);
bool lexer_duration(struct lexer *l, const char *what, carp_duration *value);
/* From min to max, which the error names. */
bool lexer_span(struct lexer *l, const char *what, carp_duration min, carp_duration max,
                carp_duration *value);
bool lexer_signed_duration(struct lexer *l, const char *what, int64_t *ns);
bool lexer_moment(struct lexer *l, struct moment *moment);
bool lexer_ppm(struct lexer *l, const char *what, uint32_t *ppm); /* 30% or 0.01% */
bool lexer_address(struct lexer *l, const char *what, struct sim_address *address);
bool lexer_comparison(struct lexer *l, enum comparison *comparison);
bool lexer_name(struct lexer *l, const char *what, char name[SCENARIO_NAME_MAX]);

/* Is the present word a time, an address? Nothing is taken. */
bool lexer_at_duration(const struct lexer *l);
bool lexer_at_address(const struct lexer *l);

/* One of a NULL-terminated list, its index. */
bool lexer_choice(struct lexer *l, const char *what, const char *const *words, unsigned *index);

#endif
