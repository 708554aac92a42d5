/* For tests: what would have gone to stderr, as text. */
#ifndef CARP_IO_LIVE_LOG_TEST_H
#define CARP_IO_LIVE_LOG_TEST_H

/* From now on stderr, also that of child processes, goes into a file. */
void log_capture(void);

/* All lines since log_capture(), their time stamps taken off; stderr is as before. Valid until the
 * next call. */
const char *log_captured(void);

/* The same, and it may be captured again; with time stamps. */
const char *log_captured_raw(void);

#endif
