#include "tools/carplab/sim_page.h"

#include <stdlib.h>
#include <string.h>

#include "engine/claim.h"
#include "engine/story.h"
#include "sim/memory.h"
#include "sim/peer.h"
#include "sim/trace_text.h"

enum { TEXT_MAX = 2 * STORY_LINE_MAX + DECODE_LINE_MAX };

/* The page's clock: a world begins at WORLD_EPOCH_S. */
static carp_instant on_page(carp_instant at)
{
    return (carp_instant){WORLD_EPOCH_S * UINT64_C(1000000000) + at.ns};
}

static struct member *member_of(const struct sim_page *s, const struct sim_lane *lane)
{
    return &s->world->oracle->members[lane - s->lanes];
}

static struct sim_lane *lane_of(const struct sim_page *s, uint32_t node, uint64_t group)
{
    const struct member *m = oracle_member(s->world, node, (unsigned)group);
    return &s->lanes[m - s->world->oracle->members];
}

/* Lanes of a node: first and behind the last. Clients and strangers have none of these. */
static struct sim_lane *node_lanes(const struct sim_page *s, uint32_t node, struct sim_lane **end)
{
    const struct oracle *o = s->world->oracle;
    uint32_t first = 0, count = 0;
    for (uint32_t i = 0; i < o->member_count; i++) {
        if (o->members[i].node == node) {
            first = count++ == 0 ? i : first;
        }
    }
    *end = s->lanes + first + count;
    return s->lanes + first;
}

static const char *heading(unsigned vhid, char text[16])
{
    snprintf(text, 16, "vhid %u", vhid);
    return text;
}

/* --- roles --------------------------------------------------------------------------------------
 */

/* As the oracles count: who does not run is no master to anyone. */
static enum page_role role_of(const struct node *node, enum carp_state state)
{
    static const enum page_role roles[] = {
        [CARP_INIT] = PAGE_INIT, [CARP_BACKUP] = PAGE_BACKUP, [CARP_MASTER] = PAGE_MASTER};
    bool runs = node->on && node->alive && !node->frozen && !node->paused;
    return runs ? roles[state] : PAGE_OFF;
}

/* The number of masters was this until now. A stretch of no length is none. */
static void end_stretch(struct sim_page *s, unsigned vhid, carp_instant now)
{
    char group[16], text[64] = "";
    unsigned masters = s->vhids[vhid].masters;
    carp_instant since = s->vhids[vhid].since;
    if (masters == 1 || since.ns == now.ns) {
        return;
    }
    if (masters > 2) {
        snprintf(text, sizeof text, "%u of them", masters);
    }
    page_stretch(&s->page, heading(vhid, group), on_page(since), on_page(now),
                 masters == 0 ? PAGE_DARK : PAGE_DOUBLE, text);
}

static void count_master(struct sim_page *s, unsigned vhid, int by)
{
    end_stretch(s, vhid, s->world->now);
    s->vhids[vhid].masters += (unsigned)by;
    s->vhids[vhid].since = s->world->now;
}

/* A role of no length is passed over, unless it is the one that matters. */
static void end_span(struct sim_page *s, const struct sim_lane *lane)
{
    carp_instant now = s->world->now;
    if (lane->since.ns != now.ns || lane->role == PAGE_MASTER) {
        page_span(&s->page, lane->lane, on_page(lane->since), on_page(now), lane->role, lane->why);
    }
}

static void set_role(struct sim_page *s, struct sim_lane *lane, enum page_role role,
                     const char *why)
{
    if (lane->role == role) {
        return;
    }
    unsigned vhid = member_of(s, lane)->config->vhid;
    end_span(s, lane);
    if (role == PAGE_MASTER || lane->role == PAGE_MASTER) {
        count_master(s, vhid, role == PAGE_MASTER ? 1 : -1);
    }
    lane->role = role;
    lane->since = s->world->now;
    snprintf(lane->why, sizeof lane->why, "%s", why);
}

static void set_state(struct sim_page *s, uint32_t node, uint64_t group, enum carp_state state)
{
    struct sim_lane *lane = lane_of(s, node, group);
    lane->state = state;
    set_role(s, lane, role_of(&s->world->nodes[node], state), "");
}

/* A text of trace_text() without its time. */
static const char *without_time(const char *line)
{
    const char *blank = strchr(line, ' ');
    return blank == NULL ? line : blank + strspn(blank, " ");
}

static void node_changed(struct sim_page *s, const struct trace_event *e)
{
    char line[TRACE_LINE_MAX];
    const struct node *node = &s->world->nodes[e->who];
    struct sim_lane *end, *lane = node_lanes(s, e->who, &end);
    trace_text(s->world, e, line, sizeof line);
    for (; lane < end; lane++) {
        if (!node->alive || e->detail == NODE_BOOTED) {
            lane->state = CARP_INIT;
        }
        set_role(s, lane, role_of(node, lane->state), without_time(line));
        page_point(&s->page, lane->lane, on_page(e->at), PAGE_EVENT, without_time(line), NULL, 0);
    }
}

static void client_lost(struct sim_page *s, const struct trace_event *e)
{
    char line[TRACE_LINE_MAX];
    trace_text(s->world, e, line, sizeof line);
    page_point(&s->page, s->other_lanes[e->who], on_page(e->at),
               e->detail == 2 ? PAGE_LOST : PAGE_EVENT, without_time(line), NULL, 0);
}

/* What a daemon refuses before it knows for which of its virtual hosts it was: damaged, or come
 * through a router. VRRP, and adverts for others, are none of its business. */
static void refused(struct sim_page *s, const struct trace_event *e)
{
    enum carp_verdict verdict = (enum carp_verdict)(e->a >> 8 & 0xff);
    uint32_t nic_end = s->world->nodes[e->who].nics[NONE - e->detail].end;
    struct sim_lane *end, *lane = node_lanes(s, e->who, &end);
    while (lane < end && member_of(s, lane)->end != nic_end) {
        lane++;
    }
    if (lane < end && verdict >= CARP_TRUNCATED && verdict <= CARP_BAD_CHECKSUM &&
        verdict != CARP_VRRP2 && verdict != CARP_VRRP3) {
        page_point(&s->page, lane->lane, on_page(e->at), PAGE_REFUSED, verdict_phrase(verdict),
                   NULL, 0);
    }
}

static void on_event(void *self, const struct trace_event *e)
{
    struct sim_page *s = self;
    if (e->kind == TRACE_STEP && e->detail <= UINT16_MAX) {
        set_state(s, e->who, e->detail, (enum carp_state)(e->a >> 20 & 15));
    } else if (e->kind == TRACE_STEP) {
        refused(s, e);
    } else if (e->kind == TRACE_PERSONA) {
        set_state(s, e->who, e->detail, (enum carp_state)(e->a & 0xff));
    } else if (e->kind == TRACE_NODE) {
        node_changed(s, e);
    } else if (e->kind == TRACE_CLIENT && e->detail != 1) {
        client_lost(s, e);
    }
    if (s->sink != NULL) {
        s->sink(s->sink_self, e);
    }
}

/* Follows at once upon the change that it tells of. */
static void on_story(void *self, carp_instant at, const struct node *node, unsigned group,
                     const char *line)
{
    struct sim_page *s = self;
    struct sim_lane *lane = lane_of(s, node->index, group);
    if (lane->since.ns == at.ns && strstr(line, " -> ") != NULL) {
        snprintf(lane->why, sizeof lane->why, "%s", without_time(line));
    }
    if (s->tap.story != NULL) {
        s->tap.story(s->tap.self, at, node, group, line);
    }
}

/* --- frames -------------------------------------------------------------------------------------
 */

/* Its decoded line. */
static const char *decode(struct sim_page *s, const uint8_t *bytes, size_t size, struct decoded *d)
{
    const struct capture_frame frame = {
        .bytes = bytes, .size = size, .has_source_mac = true, .has_destination = true};
    s->decoded.size = 0;
    decode_packet(&frame, d);
    decode_write(&s->decoded, &frame, d);
    s->decoded.buffer[s->decoded.size - 1] = '\0'; /* in place of the newline */
    return s->decoded.buffer;
}

static bool announces(const struct carp_config *c, const struct decoded *d)
{
    unsigned count = d->family == 4 ? c->ipv4_count : c->ipv6_count;
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *own = d->family == 4 ? c->ipv4[i] : c->ipv6[i];
        if (memcmp(own, d->announced, d->family == 4 ? 4 : 16) == 0) {
            return true;
        }
    }
    return false;
}

/* Where a frame that this node sent, or did not get, is drawn; false: nowhere. */
static bool find_lane(const struct sim_page *s, uint32_t node, const struct decoded *d,
                      unsigned *number)
{
    struct sim_lane *end, *lane = node_lanes(s, node, &end);
    for (; lane < end; lane++) {
        const struct carp_config *c = member_of(s, lane)->config;
        bool its = d->kind == DECODE_CARP ? c->vhid == d->advert.vhid : announces(c, d);
        if (its) {
            *number = lane->lane;
            return true;
        }
    }
    enum node_kind kind = s->world->nodes[node].kind;
    *number = s->other_lanes[node];
    return kind == NODE_CLIENT || kind == NODE_STRANGER;
}

static void on_sent(struct sim_page *s, carp_instant at, uint32_t node,
                    const struct sim_frame *frame)
{
    struct decoded d;
    unsigned lane;
    const char *text = decode(s, frame->bytes, frame->size, &d);
    if (!find_lane(s, node, &d, &lane)) {
        return;
    }
    struct claim claim = {0, d.advert.advbase, d.advert.advskew};
    enum page_point kind = d.kind == DECODE_CARP && claim_is_farewell(claim) ? PAGE_FAREWELL
                           : d.kind == DECODE_CARP                           ? PAGE_ADVERT
                                                                             : PAGE_ANNOUNCEMENT;
    if (s->world->nodes[node].kind == NODE_STRANGER) {
        kind = PAGE_STRANGER;
    } else if (d.kind == DECODE_OTHER) {
        return; /* a client's questions, and reports of membership */
    }
    page_point(&s->page, lane, on_page(at), kind, text, frame->bytes, frame->size);
}

/* Adverts and announcements that were lost: where they should have arrived, or where they came from
 * when that was a switch. Who is off or has no daemon misses nothing. */
static void on_lost(struct sim_page *s, carp_instant at, uint32_t end,
                    const struct sim_frame *frame, int reason, const char *what)
{
    const struct world *w = s->world;
    const struct end *e = &w->ends[end];
    uint32_t node = e->is_switch ? frame->origin : e->owner;
    bool is_lost = reason < DROP_REASON_COUNT;
    struct decoded d;
    unsigned lane;
    if (node == NONE || reason == DROP_OFF || reason == DROP_NO_DAEMON || !w->nodes[node].on) {
        return;
    }
    const char *line = decode(s, frame->bytes, frame->size, &d);
    if (d.kind == DECODE_OTHER || !find_lane(s, node, &d, &lane)) {
        return;
    }
    char text[TEXT_MAX];
    snprintf(text, sizeof text, "%s %s: %s\n%.*s", is_lost ? "lost before" : "on the way to",
             e->is_switch ? w->switches[e->owner].name : w->nodes[e->owner].name, what,
             DECODE_LINE_MAX, line);
    page_point(&s->page, lane, on_page(at), is_lost ? PAGE_LOST : PAGE_EVENT, text, frame->bytes,
               frame->size);
}

static void on_frame(void *self, carp_instant at, uint32_t end, const struct sim_frame *frame,
                     int reason, const char *what)
{
    struct sim_page *s = self;
    if (reason >= 0) {
        on_lost(s, at, end, frame, reason, what);
    } else {
        on_sent(s, at, s->world->ends[end].owner, frame);
    }
    if (s->tap.frame != NULL) {
        s->tap.frame(s->tap.self, at, end, frame, reason, what);
    }
}

static void on_stepped(void *self, carp_instant at, const struct node *node, unsigned group,
                       const struct carp_event *event, const struct carp_outcome *out)
{
    struct sim_page *s = self;
    if (event->type == CARP_EVENT_ADVERT && out->verdict != CARP_ACCEPTED) {
        struct decoded d;
        uint8_t frame[FRAME_MAX];
        size_t size = frame_write(event->packet, frame); /* the very same again */
        char line[STORY_LINE_MAX], text[TEXT_MAX];
        story_line(line, sizeof line, at, event, out);
        snprintf(text, sizeof text, "%s\n%.*s", without_time(line), DECODE_LINE_MAX,
                 decode(s, frame, size, &d));
        page_point(&s->page, lane_of(s, node->index, group)->lane, on_page(at), PAGE_REFUSED, text,
                   frame, size);
    }
    if (s->tap.stepped != NULL) {
        s->tap.stepped(s->tap.self, at, node, group, event, out);
    }
}

/* --- beginning and end --------------------------------------------------------------------------
 */

static void make_lanes(struct sim_page *s, unsigned vhid)
{
    const struct world *w = s->world;
    for (size_t i = 0; i < w->oracle->member_count; i++) {
        const struct member *m = &w->oracle->members[i];
        const struct node *node = &w->nodes[m->node];
        char group[16], detail[64];
        if (m->config->vhid != vhid) {
            continue;
        }
        const char *word =
            m->engine ? "carpd" : persona_word(peer_of(node)->groups[m->group].config.kind);
        snprintf(detail, sizeof detail, "%s, %u/%u", word, m->config->advbase, m->config->advskew);
        s->lanes[i] = (struct sim_lane){
            .lane = page_lane(&s->page, heading(vhid, group), node->name, detail),
            .state = CARP_INIT,
            .role = PAGE_OFF,
        };
        s->vhids[vhid].is_there = true;
    }
}

static void make_other_lanes(struct sim_page *s, enum node_kind kind, const char *group)
{
    for (size_t i = 0; i < s->world->node_count; i++) {
        if (s->world->nodes[i].kind == kind) {
            s->other_lanes[i] = page_lane(&s->page, group, s->world->nodes[i].name, "");
        }
    }
}

void sim_page_begin(struct sim_page *s, struct world *w, FILE *file, const char *title,
                    const char *source, carp_instant end)
{
    *s = (struct sim_page){
        .world = w, .tap = w->tap, .sink = w->trace.sink, .sink_self = w->trace.sink_self};
    page_begin(&s->page, file, title, source, on_page((carp_instant){0}), on_page(end));
    s->lanes = memory_make(w->oracle->member_count, sizeof *s->lanes);
    s->other_lanes = memory_make(w->node_count, sizeof *s->other_lanes);
    for (unsigned vhid = 0; vhid < 256; vhid++) {
        make_lanes(s, vhid);
    }
    make_other_lanes(s, NODE_CLIENT, "clients");
    make_other_lanes(s, NODE_STRANGER, "strangers");
    w->tap =
        (struct world_tap){.self = s, .frame = on_frame, .story = on_story, .stepped = on_stepped};
    w->trace.sink = on_event;
    w->trace.sink_self = s;
}

void sim_page_statement(struct sim_page *s, carp_instant at, unsigned line, const char *text)
{
    char note[256];
    if (line != 0) {
        snprintf(note, sizeof note, "line %u: %s", line, text);
    }
    page_note(&s->page, on_page(at), line != 0 ? note : text);
}

void sim_page_violation(struct sim_page *s, const struct violation *v)
{
    char note[ORACLE_TEXT_MAX + 16];
    snprintf(note, sizeof note, "violated: %s", v->text);
    page_note(&s->page, on_page(v->at), note);
}

int sim_page_end(struct sim_page *s)
{
    struct world *w = s->world;
    for (size_t i = 0; i < w->oracle->member_count; i++) {
        end_span(s, &s->lanes[i]);
    }
    for (unsigned vhid = 0; vhid < 256; vhid++) {
        if (s->vhids[vhid].is_there) {
            end_stretch(s, vhid, w->now);
        }
    }
    w->tap = s->tap;
    w->trace.sink = s->sink;
    w->trace.sink_self = s->sink_self;
    free(s->lanes);
    free(s->other_lanes);
    return page_end(&s->page);
}
