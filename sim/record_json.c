#include <inttypes.h>

#include "engine/story.h"
#include "io/utf8.h"
#include "sim/client.h"
#include "sim/record_internal.h"
#include "sim/trace_text.h"

/* --- JSON ---------------------------------------------------------------------------------------
 */

/* How many bytes at s go into a string as they are. */
static int plain_size(const unsigned char *s)
{
    int size = 0;
    while (s[size] >= 0x20 && s[size] != '"' && s[size] != '\\' && utf8_size(s + size) > 0) {
        size += utf8_size(s + size);
    }
    return size;
}

static void put_escaped(struct record *r, unsigned char byte)
{
    if (byte == '\n') {
        record_print(r, r->to.json, "\\n");
    } else if (byte == '"' || byte == '\\') {
        record_print(r, r->to.json, "\\%c", byte);
    } else {
        record_print(r, r->to.json, "\\u%04x", byte);
    }
}

/* A string in quotes. Bytes that are not UTF-8 are taken for the characters of that number. */
static void put_string(struct record *r, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    record_print(r, r->to.json, "\"");
    while (*s != '\0') {
        int plain = plain_size(s);
        record_print(r, r->to.json, "%.*s", plain, (const char *)s);
        s += plain;
        if (*s != '\0') {
            put_escaped(r, *s++);
        }
    }
    record_print(r, r->to.json, "\"");
}

static void add_text(struct record *r, const char *key, const char *text)
{
    record_print(r, r->to.json, ",\"%s\":", key);
    put_string(r, text);
}

static void add_number(struct record *r, const char *key, uint64_t number)
{
    record_print(r, r->to.json, ",\"%s\":%" PRIu64, key, number);
}

static void add_hex(struct record *r, const char *key, uint64_t number)
{
    record_print(r, r->to.json, ",\"%s\":\"%016" PRIx64 "\"", key, number);
}

static void add_bool(struct record *r, const char *key, bool value)
{
    record_print(r, r->to.json, ",\"%s\":%s", key, value ? "true" : "false");
}

static void add_mac(struct record *r, const char *key, const uint8_t mac[6])
{
    record_print(r, r->to.json, ",\"%s\":\"%02x:%02x:%02x:%02x:%02x:%02x\"", key, mac[0], mac[1],
                 mac[2], mac[3], mac[4], mac[5]);
}

static void begin(struct record *r, carp_instant at, const char *kind)
{
    char time[32];
    record_print(r, r->to.json, "{\"time\":%s,\"kind\":\"%s\"", trace_time(at, time), kind);
}

static void end(struct record *r)
{
    record_print(r, r->to.json, "}\n");
}

static void begin_node(struct record *r, carp_instant at, const char *kind, uint32_t node)
{
    begin(r, at, kind);
    add_text(r, "node", r->world->nodes[node].name);
}

static void add_vhid(struct record *r, uint32_t node, uint64_t group)
{
    add_number(r, "vhid", record_vhid(&r->world->nodes[node], group));
}

/* --- steps --------------------------------------------------------------------------------------
 */

/* Numbers as port_stepped() and port_stranger() of daemon.c pack them. */
static void add_step(struct record *r, const struct trace_event *e)
{
    const struct node *node = &r->world->nodes[e->who];
    enum carp_state from = (enum carp_state)(e->a >> 16 & 15), to = e->a >> 20 & 15;
    enum carp_verdict verdict = (enum carp_verdict)(e->a >> 8 & 0xff);
    char time[32];
    begin_node(r, e->at, from != to ? "transition" : "step", e->who);
    if (e->detail > UINT16_MAX) {
        char name[RECORD_NAME_MAX];
        uint64_t nic = NONE - e->detail;
        add_text(r, "interface", record_end_name(r->world, node->nics[nic].end, name));
        add_text(r, "verdict", verdict_word(verdict));
        end(r);
        return;
    }
    add_vhid(r, e->who, e->detail);
    add_text(r, "from", carp_state_word(from));
    add_text(r, "to", carp_state_word(to));
    add_text(r, "rule", carp_rule_word((enum carp_rule)(e->a & 0xff)));
    add_text(r, "verdict", verdict_word(verdict));
    if (e->b != CARP_NEVER.ns) {
        record_print(r, r->to.json, ",\"until\":%s", trace_time((carp_instant){e->b}, time));
    }
    end(r);
}

static void add_persona(struct record *r, const struct trace_event *e)
{
    begin_node(r, e->at, "transition", e->who);
    add_vhid(r, e->who, e->detail);
    add_text(r, "from", carp_state_word((enum carp_state)(e->a >> 8)));
    add_text(r, "to", carp_state_word((enum carp_state)(e->a & 0xff)));
    end(r);
}

/* --- machines -----------------------------------------------------------------------------------
 */

static void add_holds(struct record *r, const struct trace_event *e)
{
    begin_node(r, e->at, "holds", e->who);
    add_vhid(r, e->who, e->detail);
    add_bool(r, "holds", e->a != 0);
    end(r);
}

/* By number as client.c notes them: the MAC it learned is in its cache. */
static void add_client(struct record *r, const struct trace_event *e)
{
    static const char *const events[] = {"learned", "answered", "lost"};
    const struct world *w = r->world;
    begin_node(r, e->at, "client", e->who);
    add_text(r, "event", events[e->detail]);
    if (e->detail == 0) {
        add_mac(r, "mac", client_of(&w->nodes[e->who])->mac);
    } else {
        add_number(r, "probe", e->a);
    }
    if (e->detail == 1 && e->b < w->node_count) {
        add_text(r, "by", w->nodes[e->b].name);
    }
    end(r);
}

static const char *change_word(uint64_t change)
{
    static const char *const words[] = {
        [NODE_BOOTED] = "booted",
        [NODE_CRASHED] = "crashed",
        [NODE_STOPPED] = "stopped",
        [NODE_KILLED] = "killed",
        [NODE_FROZEN] = "frozen",
        [NODE_THAWED] = "thawed",
        [NODE_PAUSED] = "paused",
        [NODE_RESUMED] = "resumed",
        [NODE_LINK_UP] = "link-up",
        [NODE_LINK_DOWN] = "link-down",
        [NODE_CLOCK_STEPPED] = "clock-stepped",
        [NODE_DISOWNED] = "disowned",
        [NODE_RELOADED] = "reloaded",
    };
    return words[change];
}

static void add_node(struct record *r, const struct trace_event *e)
{
    begin_node(r, e->at, "node", e->who);
    add_text(r, "event", change_word(e->detail));
    if (e->detail == NODE_DISOWNED) {
        add_vhid(r, e->who, e->a);
    } else if (e->detail == NODE_CLOCK_STEPPED) {
        bool back = (int64_t)e->a < 0;
        char time[32];
        record_print(r, r->to.json, ",\"offset\":%s%s", back ? "-" : "",
                     trace_time((carp_instant){back ? 0 - e->a : e->a}, time));
    }
    end(r);
}

static void add_learned(struct record *r, const struct trace_event *e)
{
    const struct world *w = r->world;
    uint8_t mac[6];
    char name[RECORD_NAME_MAX];
    for (int i = 0; i < 6; i++) {
        mac[i] = (uint8_t)(e->detail >> (40 - 8 * i));
    }
    begin(r, e->at, "learned");
    add_text(r, "switch", w->switches[e->who].name);
    add_mac(r, "mac", mac);
    add_text(r, "port", record_end_name(w, w->ends[e->a].peer, name));
    end(r);
}

/* What is noted of frames, statements and violations is told in more detail by others. */
void record_json_event(struct record *r, const struct trace_event *e)
{
    switch ((enum trace_kind)e->kind) {
    case TRACE_STEP:
        add_step(r, e);
        break;
    case TRACE_PERSONA:
        add_persona(r, e);
        break;
    case TRACE_HOLDS:
        add_holds(r, e);
        break;
    case TRACE_CLIENT:
        add_client(r, e);
        break;
    case TRACE_NODE:
        add_node(r, e);
        break;
    case TRACE_LEARNED:
        add_learned(r, e);
        break;
    case TRACE_SENT:
    case TRACE_DROPPED:
    case TRACE_STATEMENT:
    case TRACE_VIOLATION:
    case TRACE_KIND_COUNT:
        break;
    }
}

/* --- frames -------------------------------------------------------------------------------------
 */

static void add_advert(struct record *r, const struct carp_packet *p)
{
    char address[STORY_ADDRESS_MAX];
    add_text(r, "source", story_address(p->family, p->source, address));
    add_text(r, "destination", story_address(p->family, p->destination, address));
    add_number(r, "vhid", p->advert.vhid);
    add_number(r, "advbase", p->advert.advbase);
    add_number(r, "advskew", p->advert.advskew);
    add_number(r, "demote", p->advert.demote);
    add_hex(r, "counter", p->advert.counter);
}

static void add_frame(struct record *r, const struct sim_frame *frame)
{
    static const char *const classes[] = {
        [FRAME_ADVERT] = "advert", [FRAME_ARP] = "arp",     [FRAME_NEIGHBOUR] = "neighbour",
        [FRAME_REPORT] = "report", [FRAME_QUERY] = "query", [FRAME_PROBE] = "probe",
        [FRAME_OTHER] = "other",
    };
    struct carp_packet packet;
    add_hex(r, "frame", frame->hash);
    add_number(r, "size", frame->size);
    add_text(r, "class", classes[frame->class_]);
    add_mac(r, "source_mac", frame->bytes + 6);
    if (frame_parse(frame->bytes, frame->size, &packet) == CARP_ACCEPTED) {
        add_advert(r, &packet);
    }
}

static void add_end(struct record *r, uint32_t end)
{
    const struct world *w = r->world;
    char name[RECORD_NAME_MAX];
    record_end_name(w, end, name);
    if (w->ends[end].is_switch) {
        add_text(r, "switch", name);
    } else {
        add_text(r, "node", w->nodes[w->ends[end].owner].name);
        add_text(r, "interface", name);
    }
}

void record_json_frame(struct record *r, carp_instant at, uint32_t at_end,
                       const struct sim_frame *frame, int reason, const char *what)
{
    begin(r, at, reason < 0 ? "sent" : reason < DROP_REASON_COUNT ? "dropped" : "disturbed");
    add_end(r, at_end);
    if (reason >= 0 && frame->origin != NONE) {
        add_text(r, "origin", r->world->nodes[frame->origin].name);
    }
    if (reason >= 0 && reason < DROP_REASON_COUNT) {
        add_text(r, "reason", drop_word((enum drop_reason)reason));
    }
    if (what != NULL) {
        add_text(r, "text", what);
    }
    add_frame(r, frame);
    end(r);
}

/* --- the scenario -------------------------------------------------------------------------------
 */

void record_json_statement(struct record *r, carp_instant at, unsigned line, const char *text)
{
    begin(r, at, "statement");
    if (line != 0) {
        add_number(r, "line", line);
    }
    add_text(r, "text", text);
    end(r);
}

void record_json_violation(struct record *r, const struct violation *v)
{
    begin(r, v->at, "violation");
    add_text(r, "oracle", oracle_word(v->kind));
    add_number(r, "vhid", r->world->oracle->domains[v->domain].vhid);
    add_text(r, "text", v->text);
    end(r);
}

void record_json_end(struct record *r)
{
    const struct world *w = r->world;
    begin(r, w->now, "end");
    record_print(r, r->to.json, ",\"hash\":\"%016" PRIx64 "%016" PRIx64 "\"", w->trace.hash[0],
                 w->trace.hash[1]);
    add_number(r, "events", w->trace.count);
    add_number(r, "sent", w->sent);
    add_number(r, "delivered", w->delivered);
    if (w->oracle != NULL) {
        add_number(r, "violations", w->oracle->total);
    }
    end(r);
}
