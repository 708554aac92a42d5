/*
 * A trace event as one line of text, with the names of its world.
 */
#ifndef CARP_SIM_TRACE_TEXT_H
#define CARP_SIM_TRACE_TEXT_H

#include "sim/world.h"

enum { TRACE_LINE_MAX = 256 };

/* Without a newline, NUL-terminated, cut at size. */
void trace_text(const struct world *w, const struct trace_event *event, char *text, size_t size);

/* Seconds with nine decimals. Room: 32. */
const char *trace_time(carp_instant at, char text[32]);

/* A duration as people write one: 1.390625 s, 20 us. Room: 32. */
const char *trace_duration(carp_duration d, char text[32]);

#endif
