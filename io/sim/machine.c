#include "io/sim/machine.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* Lifetimes are renewed so often. Source: io/live/addresses.c, worker.c. */
enum { RENEWALS_A_LIFETIME = 4 };

/* A kernel lifetime is whole seconds: the group's patience rounded up, and one to spare.
 * Source: io/live/addresses.c. */
static carp_duration lifetime(const struct port_guard *guard)
{
    uint64_t seconds = (guard->patience.ns + 999999999) / 1000000000 + 1;
    return CARP_SECONDS(seconds);
}

void machine_init(struct machine *m)
{
    m->renew_at = CARP_NEVER;
    for (unsigned g = 0; m->groups != NULL && g < m->group_count; g++) {
        m->groups[g] = (struct machine_group){
            .command_ends = CARP_NEVER,
            .expires = CARP_NEVER,
        };
    }
}

static void set_held(struct machine *m, unsigned group, bool holds)
{
    struct machine_group *g = &m->groups[group];
    if (!holds) {
        g->expires = CARP_NEVER;
    }
    if (g->held != holds) {
        g->held = holds;
        m->held(m->self, group, holds);
    }
}

int machine_send(struct machine *m, unsigned group, const uint8_t *frame, size_t size)
{
    if (m->send_error != 0) {
        m->send_failures += 1;
        return m->send_error;
    }
    return m->transmit(m->self, group, frame, size);
}

/* One command at a time; when it ends the newest wish is looked at, as io/live/hooks.c does. */
static void start_command(struct machine *m, struct machine_group *g)
{
    g->command_up = g->wanted;
    g->command_ends = instant_add(m->now, g->wanted ? m->up_time : m->down_time);
    g->commands += 1;
}

static void want(struct machine *m, unsigned group, bool up)
{
    struct machine_group *g = &m->groups[group];
    g->wanted = up;
    if (!m->commands) {
        set_held(m, group, up);
    } else if (g->command_ends.ns == CARP_NEVER.ns && g->held != up) {
        start_command(m, g);
    }
}

static bool has_lifetimes(const struct machine *m)
{
    return m->groups != NULL && !m->commands && !m->unguarded;
}

static void renewed(struct machine *m, struct machine_group *g)
{
    carp_duration lasts = lifetime(&g->guard);
    carp_duration renewal = {lasts.ns / RENEWALS_A_LIFETIME};
    g->expires = instant_add(m->now, lasts);
    g->renewed = true;
    m->renew_at = instant_min(m->renew_at, instant_add(m->now, renewal));
}

int machine_claim(struct machine *m, unsigned group, const struct port_guard *guard)
{
    if (m->claim_error != 0) {
        return m->claim_error;
    }
    if (m->groups == NULL) {
        return 0;
    }
    assert(guard != NULL);
    struct machine_group *g = &m->groups[group];
    bool renewed_before = g->held && g->renewed;
    g->guard = *guard;
    want(m, group, true);
    if (has_lifetimes(m) && !renewed_before) {
        renewed(m, g);
    }
    return 0;
}

int machine_release(struct machine *m, unsigned group)
{
    if (m->groups == NULL) {
        return m->release_error;
    }
    m->groups[group].renewed = false;
    if (m->release_error != 0 && !m->commands) {
        return m->release_error; /* still wanted: the guardian goes on to guard it */
    }
    want(m, group, false);
    return 0;
}

void machine_renew(struct machine *m)
{
    if (instant_before(m->now, m->renew_at)) {
        return;
    }
    m->renew_at = CARP_NEVER;
    for (unsigned g = 0; has_lifetimes(m) && g < m->group_count; g++) {
        if (m->groups[g].held && m->groups[g].renewed) {
            renewed(m, &m->groups[g]);
        }
    }
}

static void end_command(struct machine *m, unsigned group)
{
    struct machine_group *g = &m->groups[group];
    g->command_ends = CARP_NEVER;
    set_held(m, group, g->command_up);
    if (g->wanted != g->command_up) {
        start_command(m, g);
    }
}

void machine_run(struct machine *m)
{
    for (unsigned g = 0; m->groups != NULL && g < m->group_count; g++) {
        if (!instant_before(m->now, m->groups[g].command_ends)) {
            end_command(m, g);
        }
        if (!instant_before(m->now, m->groups[g].expires)) {
            set_held(m, g, false);
        }
    }
}

carp_instant machine_due(const struct machine *m)
{
    carp_instant next = CARP_NEVER;
    for (unsigned g = 0; m->groups != NULL && g < m->group_count; g++) {
        next = instant_min(next, instant_min(m->groups[g].command_ends, m->groups[g].expires));
    }
    return next;
}

void machine_take(struct machine *m, unsigned group)
{
    if (m->groups != NULL) {
        m->groups[group].command_ends = CARP_NEVER;
        m->groups[group].wanted = false;
        set_held(m, group, false);
    }
}
