/*
 * Scenarios from files, for the commands that run them.
 */
#ifndef CARP_TOOLS_CARPLAB_SCENARIO_FILE_H
#define CARP_TOOLS_CARPLAB_SCENARIO_FILE_H

#include "sim/scenario.h"

/* Read a scenario. False: one line about why is in error. */
bool scenario_file_read(const char *path, struct scenario *s, char error[SCENARIO_ERROR_MAX]);

/* The text of a whole file, NUL-terminated, owned by the caller; NULL and an error otherwise. */
char *file_text(const char *path, size_t max, char error[SCENARIO_ERROR_MAX]);

/* A whole number as an argument of an option. False: one line about why went to stderr. */
bool option_number(const char *option, const char *text, uint64_t min, uint64_t max,
                   uint64_t *value);

#endif
