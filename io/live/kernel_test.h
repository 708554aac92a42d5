/* For tests: an event of kernel.h as one line, so that a test sees all of it. */
#ifndef CARP_IO_LIVE_KERNEL_TEST_H
#define CARP_IO_LIVE_KERNEL_TEST_H

#include "io/live/kernel.h"

/* Valid until the next call. */
const char *kernel_event_text(const struct kernel_event *event);

#endif
