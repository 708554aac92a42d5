/*
 * Lines for people: to stderr, or to syslog, in UCARP's form "[LEVEL] text", because people grep
 * for it. Each line is one write, never buffered; a log that cannot be written is no reason to
 * stop.
 */
#ifndef CARP_IO_LIVE_LOG_H
#define CARP_IO_LIVE_LOG_H

#include "engine/instant.h"

enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_INFO,
    LOG_LEVEL_NOTICE,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_ERROR
};

/* facility: LOG_DAEMON and so on, for syslog. debug: write debug lines too. Until this is called,
 * lines go to stderr. From then on SIGPIPE is ignored. */
void log_open(bool to_syslog, int facility, bool debug);

/* Write one line; a longer one than 1,000 bytes is cut. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One cause of lines. Zeroed: nothing was written yet. */
struct log_limit {
    carp_instant from; /* since when lines are counted */
    unsigned lines;
    unsigned suppressed;
};

/* May a line of this cause be written now? Three in 10 s may; what was left out in between is said
 * in a line of its own, before the first one of the next 10 s. */
bool log_allow(struct log_limit *limit, carp_instant now);

/* The same for what people must not miss, a change of state and what follows from it: twenty, which
 * is more than anything but a link that flaps gives. */
bool log_allow_change(struct log_limit *limit, carp_instant now);

#endif
