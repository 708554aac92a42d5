#include "sim/world.h"

static bool concerns(const struct fault *f, uint32_t origin, bool probe)
{
    bool kind =
        probe ? f->match != MATCH_ADVERTS : f->match != MATCH_NEIGHBOUR && f->match != MATCH_PROBES;
    return kind && (f->origin == NONE || f->origin == origin);
}

static bool way_open(const struct world *w, uint32_t end, uint32_t origin, bool probe,
                     bool *certain)
{
    const struct end *from = &w->ends[end];
    if (!from->up || from->peer == NONE || !w->ends[from->peer].up) {
        return false;
    }
    const struct end *to = &w->ends[from->peer];
    if ((from->is_switch && instant_before(w->now, from->opens)) ||
        (to->is_switch && instant_before(w->now, to->opens))) {
        return false;
    }
    bool split = w->split && !to->is_switch && w->nodes[origin].side != 0 &&
                 w->nodes[to->owner].side != 0 && w->nodes[origin].side != w->nodes[to->owner].side;
    for (uint32_t i = from->fault; i != 0; i = w->faults[i - 1].next) {
        const struct fault *f = &w->faults[i - 1];
        if (!concerns(f, origin, probe)) {
            continue;
        }
        split = split && !f->passes;
        if (f->blocks &&
            (f->match == MATCH_ALL || f->match == MATCH_ADVERTS || f->match == MATCH_PROBES)) {
            return false;
        }
        *certain = *certain && !f->blocks && !f->holds && f->loss_ppm == 0 &&
                   f->burst_begin_ppm == 0 && f->ordinals == 0 && f->corrupt_ppm == 0 &&
                   f->rate == 0;
    }
    return !split;
}

static bool reaches(const struct world *w, uint32_t from_end, uint32_t to_end, bool probe,
                    bool *certain)
{
    uint32_t origin = w->ends[from_end].owner;
    uint32_t at[64], from[64];
    bool certainly[64];
    unsigned count = 1;
    *certain = true;
    if (!way_open(w, from_end, origin, probe, certain)) {
        return false;
    }
    at[0] = w->ends[from_end].peer;
    from[0] = from_end;
    certainly[0] = *certain;
    /* A tree of switches is searched port by port; scenarios refuse rings. */
    while (count > 0) {
        uint32_t here = at[--count], came = from[count];
        bool so_far = certainly[count];
        if (here == to_end) {
            *certain = so_far;
            return true;
        }
        if (!w->ends[here].is_switch) {
            continue;
        }
        const struct sim_switch *s = &w->switches[w->ends[here].owner];
        for (size_t i = 0; i < s->port_count; i++) {
            uint32_t port = s->ports[i], next = w->ends[port].peer;
            bool useful = next != NONE && (next == to_end || w->ends[next].is_switch);
            if (port == here || next == came || !useful || count == 64) {
                continue;
            }
            bool sure = so_far;
            if (way_open(w, port, origin, probe, &sure)) {
                certainly[count] = sure;
                at[count] = next;
                from[count++] = port;
            }
        }
    }
    return false;
}

bool fabric_reaches(const struct world *w, uint32_t from_end, uint32_t to_end, bool *certain)
{
    return reaches(w, from_end, to_end, false, certain);
}

bool fabric_reaches_probe(const struct world *w, uint32_t from_end, uint32_t to_end, bool *certain)
{
    return reaches(w, from_end, to_end, true, certain);
}
