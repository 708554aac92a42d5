/*
 * The process that changes addresses for a worker that has given up its rights, and what the two
 * say to each other. It trusts nothing it hears: the worker reads the network.
 */
#ifndef CARP_IO_LIVE_BSD_DELEGATE_H
#define CARP_IO_LIVE_BSD_DELEGATE_H

#include <sys/types.h>

#include "io/live/bsd/change.h"

/* A message each, in the memory layout of the one program that both are. */
struct delegate_request {
    uint32_t serial; /* of the answer, so that one that is late is not taken for another */
    uint32_t change; /* enum change */
    struct kernel_virtual address;
};

struct delegate_answer {
    uint32_t serial;
    int32_t error; /* 0 or -errno; -EPERM: not for this worker to ask */
};

/* No address of a group may bring a route for more than this with it, unless it is configured. */
enum { DELEGATE_PREFIX4_MIN = 8, DELEGATE_PREFIX6_MIN = 32 };

/* As long as the guardian's longest patience, and some. */
enum { DELEGATE_LIFETIME_MAX_S = 86400 + 60 };

/* How it looks at interfaces and changes them. */
struct delegate_system {
    void *self;
    /* The index that an interface of this name has now; 0: there is none. */
    unsigned (*index_of)(void *self, const char *interface);
    int (*make)(void *self, const char *interface, enum change change,
                const struct kernel_virtual *address);
};

/*
 * Do what these bytes ask for, if they may: an address of the configuration, on its group's
 * interface and nowhere else. False: they are no request, and have no answer.
 */
bool delegate_act(const struct config *config, const struct delegate_system *system,
                  const void *bytes, size_t size, struct delegate_answer *answer);

/* Do so for everything that comes over the wire, until its other end is closed. */
void delegate_serve(int wire, const struct config *config, const struct delegate_system *system);

/*
 * The worker's side: ask, and wait for the answer, for up to a second (-ETIMEDOUT). When the other
 * end is closed this process aborts (kernel.h, kernel_delegate()).
 */
int delegate_ask(int wire, struct delegate_request *request);

/* Also the worker's: abort as well when this process, a child, ends while nobody asks it anything,
 * and not at the moment when it is needed. 0: no longer. */
void delegate_watch(pid_t process);

/* Close all descriptors above stderr but these. */
void delegate_close_others(const int *mine, size_t count);

/* confine.c: as little as that process needs. -1: why not is in error. */
int delegate_confine(int wire, const struct change_sockets *sockets, char error[CONFIG_ERROR_MAX]);

#endif
