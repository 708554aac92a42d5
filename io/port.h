/*
 * All that is asked of a machine: the seam between the protocol and the world. io/live answers with
 * system calls, io/sim from memory; io/host.c is the only caller.
 *
 * Calls that can fail return 0 or -errno; the host turns a failure into the engine's next event.
 * None blocks for longer than a system call, or calls the host. `group` is the group's index in the
 * host. Everything pointed to is borrowed for the call.
 */
#ifndef CARP_IO_PORT_H
#define CARP_IO_PORT_H

#include "engine/carp.h"

/* What whoever guards this process needs when it is gone: how long to wait for a sign of life, and
 * one farewell per family, ready to send (size 0: none). */
struct port_guard {
    carp_duration patience;
    size_t farewell_size[2];
    uint8_t farewell[2][FRAME_MAX];
};

struct port {
    void *self;

    /* Send one frame out of the group's interface. */
    int (*send)(void *self, unsigned group, const uint8_t *frame, size_t size);

    /* The group's virtual addresses answer here from now on, or do no longer. Both are idempotent;
     * claim comes again when its guard changed; the guard is NULL for a group without a book, which
     * nobody guards. With commands instead of own addresses they queue the command and return. */
    int (*claim)(void *self, unsigned group, const struct port_guard *guard);
    int (*release)(void *self, unsigned group);

    /* Call host_due() at this instant, at the latest; CARP_NEVER: no need. It may be earlier than
     * any deadline: then host_due() finds nothing due, and asks again. */
    void (*wake_at)(void *self, carp_instant deadline);

    /* For logs, journals and oracles: a group made a step. */
    void (*stepped)(void *self, unsigned group, carp_instant now, const struct carp_event *event,
                    const struct carp_outcome *outcome);

    /* A frame on an interface that reached no group: not an advert, or of a vhid that is not ours.
     * packet is valid as far as frame_parse() says. */
    void (*stranger)(void *self, unsigned interface, enum carp_verdict verdict,
                     const struct carp_packet *packet);

    /* Why a digest was wrong, as far as can be told, or that an advert for another vhid claims the
     * group's addresses: at most once in a while. */
    void (*explained)(void *self, unsigned group, const struct carp_packet *packet,
                      const struct auth_explanation *explanation);
};

#endif
