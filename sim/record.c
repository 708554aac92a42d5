#include "sim/record.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "sim/daemon.h"
#include "sim/peer.h"
#include "sim/record_internal.h"
#include "sim/trace_text.h"

/* Four digits of seconds, the point and nine decimals; longer times move their line. */
enum { TIME_WIDTH = 14 };

void record_failed(struct record *r, int error)
{
    r->error = r->error == 0 ? error : r->error;
}

void record_print(struct record *r, FILE *file, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (vfprintf(file, format, arguments) < 0) {
        record_failed(r, -errno);
    }
    va_end(arguments);
}

/* --- names --------------------------------------------------------------------------------------
 */

const char *record_end_name(const struct world *w, uint32_t end, char name[RECORD_NAME_MAX])
{
    const struct end *e = &w->ends[end];
    if (e->is_switch) {
        snprintf(name, RECORD_NAME_MAX, "%s", w->switches[e->owner].name);
        return name;
    }
    const struct node *node = &w->nodes[e->owner];
    int used = snprintf(name, RECORD_NAME_MAX, "%s", node->name);
    if (node->nic_count > 1 && e->peer != NONE && used < RECORD_NAME_MAX) {
        const struct end *peer = &w->ends[e->peer];
        snprintf(name + used, (size_t)(RECORD_NAME_MAX - used), "@%s",
                 peer->is_switch ? w->switches[peer->owner].name : w->nodes[peer->owner].name);
    }
    return name;
}

static unsigned group_count(const struct node *node)
{
    switch (node->kind) {
    case NODE_DAEMON:
        return daemon_of(node)->group_count;
    case NODE_PEER:
        return peer_of(node)->group_count;
    case NODE_CLIENT:
    case NODE_STRANGER:
        break;
    }
    return 0;
}

unsigned record_vhid(const struct node *node, uint64_t group)
{
    if (group >= group_count(node)) {
        return 0;
    }
    if (node->kind == NODE_PEER) {
        return peer_of(node)->groups[group].config.carp->vhid;
    }
    const struct daemon *d = daemon_of(node);
    return d->groups[group * d->stride].plan->config->vhid;
}

/* --- the time line ------------------------------------------------------------------------------
 */

static void measure(struct record *r)
{
    const struct world *w = r->world;
    for (size_t i = 0; i < w->node_count; i++) {
        const struct node *node = &w->nodes[i];
        int width = (int)strlen(node->name);
        r->name_width = width > r->name_width ? width : r->name_width;
        for (unsigned g = 0; g < group_count(node); g++) {
            int digits = snprintf(NULL, 0, "%u", record_vhid(node, g));
            r->vhid_width = digits > r->vhid_width ? digits : r->vhid_width;
        }
    }
}

/* The line begins with its time, as all of engine/story.h. */
static void on_story(void *self, carp_instant at, const struct node *node, unsigned group,
                     const char *line)
{
    struct record *r = self;
    char time[32];
    const char *told = strchr(line, ' ');
    record_print(r, r->to.text, "%*s  %-*s  vhid %-*u  %s\n", TIME_WIDTH, trace_time(at, time),
                 r->name_width, node->name, r->vhid_width, record_vhid(node, group),
                 told != NULL ? told + 1 : line);
}

static void text_statement(struct record *r, carp_instant at, unsigned line, const char *text)
{
    char time[32];
    record_print(r, r->to.text, "%*s  ", TIME_WIDTH, trace_time(at, time));
    if (line != 0) {
        record_print(r, r->to.text, "line %u: ", line);
    }
    record_print(r, r->to.text, "%s\n", text);
}

/* What is said of it has lines; those after the first stand below the first. */
static void text_violation(struct record *r, const struct violation *v)
{
    char time[32];
    record_print(r, r->to.text, "%*s  violated: ", TIME_WIDTH, trace_time(v->at, time));
    for (const char *line = v->text; line != NULL;) {
        const char *end = strchr(line, '\n');
        int size = end != NULL ? (int)(end - line) : (int)strlen(line);
        record_print(r, r->to.text, "%*s%.*s\n", line == v->text ? 0 : TIME_WIDTH + 2, "", size,
                     line);
        line = end != NULL ? end + 1 : NULL;
    }
}

/* --- at work ------------------------------------------------------------------------------------
 */

static void on_event(void *self, const struct trace_event *event)
{
    struct record *r = self;
    if (r->to.trace != NULL) {
        char line[TRACE_LINE_MAX];
        trace_text(r->world, event, line, sizeof line);
        record_print(r, r->to.trace, "%s\n", line);
    }
    if (r->to.json != NULL) {
        record_json_event(r, event);
    }
}

static void on_frame(void *self, carp_instant at, uint32_t end, const struct sim_frame *frame,
                     int reason, const char *what)
{
    struct record *r = self;
    if (r->to.json != NULL) {
        record_json_frame(r, at, end, frame, reason, what);
    }
    if (r->to.pcap != NULL) {
        record_pcap_frame(r, at, end, frame, reason, what);
    }
}

void record_begin(struct record *r, struct world *w, const struct record_to *to)
{
    *r = (struct record){.world = w, .to = *to};
    w->tap = (struct world_tap){.self = r};
    if (to->text != NULL) {
        measure(r);
        w->tap.story = on_story;
    }
    if (to->json != NULL || to->pcap != NULL) {
        w->tap.frame = on_frame;
    }
    if (to->trace != NULL || to->json != NULL) {
        w->trace.sink = on_event;
        w->trace.sink_self = r;
    }
    if (to->pcap != NULL) {
        record_pcap_begin(r);
    }
    if (to->journals != NULL) {
        record_journals_begin(r);
    }
}

void record_statement(struct record *r, carp_instant at, unsigned line, const char *text)
{
    if (r->to.text != NULL) {
        text_statement(r, at, line, text);
    }
    if (r->to.json != NULL) {
        record_json_statement(r, at, line, text);
    }
}

void record_violation(struct record *r, const struct violation *v)
{
    if (r->to.text != NULL) {
        text_violation(r, v);
    }
    if (r->to.json != NULL) {
        record_json_violation(r, v);
    }
}

int record_end(struct record *r)
{
    FILE *const files[] = {r->to.text, r->to.trace, r->to.json, r->to.pcap};
    if (r->to.json != NULL) {
        record_json_end(r);
    }
    if (r->to.journals != NULL) {
        record_journals_end(r);
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (files[i] != NULL && fflush(files[i]) != 0) {
            record_failed(r, -errno);
        }
    }
    r->world->tap = (struct world_tap){0};
    r->world->trace.sink = NULL;
    free(r->interfaces);
    r->interfaces = NULL;
    return r->error;
}
