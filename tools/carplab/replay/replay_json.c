/*
 * The account as JSON Lines; docs/REPLAY.md, "JSON", has every key.
 */
#include <inttypes.h>
#include <stdlib.h>

#include <jansson.h>

#include "tools/carplab/replay/replay.h"

/* What is written: an object a line. Numbers with a fraction are written as they are, because a
 * double has too few digits for seconds since 1970 with nanoseconds. */
struct line {
    FILE *file;
    unsigned decimals;
    char before; /* what separates the next key from what is before it */
};

static void put_key(struct line *l, const char *key)
{
    fprintf(l->file, "%c\"%s\":", l->before, key);
    l->before = ',';
}

static void put_text(struct line *l, const char *key, const char *text)
{
    put_key(l, key);
    json_t *string = json_string(text);
    if (string == NULL || json_dumpf(string, l->file, JSON_ENCODE_ANY) != 0) {
        fputs("null", l->file); /* no UTF-8: a file's name */
    }
    json_decref(string);
}

static void put_number(struct line *l, const char *key, uint64_t number)
{
    put_key(l, key);
    fprintf(l->file, "%" PRIu64, number);
}

static void put_bool(struct line *l, const char *key, bool value)
{
    put_key(l, key);
    fputs(value ? "true" : "false", l->file);
}

static void put_seconds(struct line *l, const char *key, uint64_t ns)
{
    put_key(l, key);
    fprintf(l->file, "%" PRIu64 ".%09" PRIu64, ns / 1000000000, ns % 1000000000);
}

static void put_time(struct line *l, const char *key, carp_instant at)
{
    uint64_t fraction = at.ns % 1000000000;
    put_key(l, key);
    fprintf(l->file, "%" PRIu64 ".%0*" PRIu64, at.ns / 1000000000, (int)l->decimals,
            l->decimals == 6 ? fraction / 1000 : fraction);
}

static void put_mac(struct line *l, const char *key, const uint8_t *mac)
{
    char text[ACCOUNT_WORD_MAX];
    put_text(l, key, account_mac(mac, text));
}

static void put_address(struct line *l, const char *key, uint8_t family, const uint8_t *address)
{
    char text[STORY_ADDRESS_MAX];
    put_text(l, key, story_address(family, address, text));
}

static void begin(struct line *l, const char *kind)
{
    l->before = '{';
    put_text(l, "kind", kind);
}

static void end(struct line *l)
{
    fputs("}\n", l->file);
}

/* --- kinds --------------------------------------------------------------------------------------
 */

static void put_group(struct line *l, const struct account *a, uint32_t group)
{
    if (group == ACCOUNT_NOBODY) {
        return;
    }
    put_number(l, "vhid", a->groups[group].vhid);
    if (a->groups[group].vlan != 0) {
        put_number(l, "vlan", a->groups[group].vlan);
    }
}

static void write_capture(struct line *l, const struct replay_source *source, unsigned file)
{
    const struct merge_clock *clock = &source->clocks[file];
    begin(l, "capture");
    put_text(l, "file", source->paths[file]);
    if (file > 0) {
        put_number(l, "shared", clock->shared);
        put_number(l, "astray", clock->astray);
        put_key(l, "offset");
        uint64_t size =
            clock->offset_ns < 0 ? -(uint64_t)clock->offset_ns : (uint64_t)clock->offset_ns;
        fprintf(l->file, "%s%" PRIu64 ".%09" PRIu64, clock->offset_ns < 0 ? "-" : "",
                size / 1000000000, size % 1000000000);
        put_key(l, "drift");
        fprintf(l->file, "%" PRId64, clock->drift_ppb);
        put_seconds(l, "spread", clock->spread_ns);
    }
    if (clock->set_back > 0) {
        put_number(l, "set_back", clock->set_back);
        put_seconds(l, "set_back_by", clock->set_back_ns);
    }
    end(l);
}

static void write_node(struct line *l, const struct account_node *n)
{
    begin(l, "node");
    put_text(l, "name", n->name);
    if (n->has_ipv4) {
        put_address(l, "ipv4", 4, n->ipv4);
    }
    if (n->has_ipv6) {
        put_address(l, "ipv6", 6, n->ipv6);
    }
    if (n->has_mac) {
        put_mac(l, "mac", n->mac);
    }
    if (n->has_own_mac) {
        put_mac(l, "own_mac", n->own_mac);
    }
    put_text(l, "implementation", account_kind_word(n->kind));
    put_text(l, "evidence", n->evidence);
    end(l);
}

static const char *counting_word(enum replay_counting counting)
{
    static const char *const words[] = {"unknown", "changed", "constant", "random", "counts-up"};
    return words[counting];
}

static void write_member(struct line *l, const struct account *a, const struct account_member *m)
{
    begin(l, "member");
    put_group(l, a, m->group);
    put_text(l, "node", a->nodes[m->node].name);
    put_number(l, "advbase", m->advbase);
    put_number(l, "advskew", m->advskew);
    put_number(l, "worst_advbase", m->worst_base);
    put_number(l, "worst_advskew", m->worst_skew);
    put_number(l, "adverts", m->adverts);
    put_number(l, "farewells", m->farewells);
    put_number(l, "refused", m->refused);
    put_number(l, "lost", m->lost);
    if (m->interval_mean.ns > 0) {
        put_seconds(l, "interval_min", m->interval_min.ns);
        put_seconds(l, "interval_mean", m->interval_mean.ns);
        put_seconds(l, "interval_max", m->interval_max.ns);
        put_seconds(l, "jitter", m->jitter.ns);
    }
    put_text(l, "counter", counting_word(m->counting));
    if (m->preempts >= 0) {
        put_bool(l, "preempts", m->preempts == 1);
    }
    end(l);
}

static void write_reign(struct line *l, const struct account *a, const struct account_reign *r)
{
    begin(l, "reign");
    put_group(l, a, r->group);
    put_text(l, "node", a->nodes[r->node].name);
    put_time(l, "from", r->from);
    put_time(l, "last", r->last);
    put_time(l, "to", r->to);
    put_text(l, "began", account_why_word(r->began));
    put_text(l, "ended", r->ended == ACCOUNT_BEFORE ? "after" : account_why_word(r->ended));
    if (r->before != ACCOUNT_NOBODY) {
        put_text(l, "before", a->nodes[r->before].name);
    }
    if (r->began == ACCOUNT_SILENCE) {
        put_seconds(l, "waited", r->waited.ns);
    }
    if (r->again) {
        put_bool(l, "again", true);
    }
    put_text(l, "text", r->text);
    put_text(l, "end_text", r->end_text);
    end(l);
}

static void write_stretch(struct line *l, const struct account *a, const struct account_stretch *s)
{
    begin(l, "stretch");
    put_group(l, a, s->group);
    put_text(l, "masters", s->twofold ? "two" : "none");
    put_time(l, "from", s->from);
    put_time(l, "to", s->to);
    put_text(l, "text", s->text);
    end(l);
}

static void write_finding(struct line *l, const struct account *a, const struct account_finding *f)
{
    begin(l, "finding");
    put_group(l, a, f->group);
    put_time(l, "time", f->at);
    put_text(l, "topic", f->topic);
    if (f->trap != 0) {
        put_number(l, "trap", f->trap);
    }
    put_number(l, "times", f->times);
    put_text(l, "text", f->text);
    end(l);
}

static void write_group(struct line *l, const struct account *a, const struct account_group *g)
{
    char text[STORY_ADDRESS_MAX];
    begin(l, "group");
    put_group(l, a, (uint32_t)(g - a->groups));
    put_time(l, "from", g->begin);
    put_time(l, "to", g->end);
    put_key(l, "addresses");
    for (uint32_t i = 0; i < g->address_count; i++) {
        fprintf(l->file, "%c\"%s\"", i == 0 ? '[' : ',',
                story_address(g->addresses[i][0], g->addresses[i] + 1, text));
    }
    fputs(g->address_count == 0 ? "[]" : "]", l->file);
    put_seconds(l, "dark", g->dark.ns);
    put_seconds(l, "double", g->twofold.ns);
    end(l);
}

void replay_json(FILE *file, const struct replay_source *source, const struct account *a)
{
    struct line l = {.file = file, .decimals = source->decimals};
    for (unsigned i = 0; i < source->count; i++) {
        write_capture(&l, source, i);
    }
    for (uint32_t i = 0; i < a->node_count; i++) {
        write_node(&l, &a->nodes[i]);
    }
    for (uint32_t i = 0; i < a->group_count; i++) {
        write_group(&l, a, &a->groups[i]);
    }
    for (uint32_t i = 0; i < a->member_count; i++) {
        write_member(&l, a, &a->members[i]);
    }
    for (uint32_t i = 0; i < a->reign_count; i++) {
        write_reign(&l, a, &a->reigns[i]);
    }
    for (uint32_t i = 0; i < a->stretch_count; i++) {
        write_stretch(&l, a, &a->stretches[i]);
    }
    for (uint32_t i = 0; i < a->finding_count; i++) {
        write_finding(&l, a, &a->findings[i]);
    }
    begin(&l, "end");
    if (a->frames > 0) {
        put_time(&l, "from", a->begin);
        put_time(&l, "to", a->end);
    }
    put_number(&l, "frames", a->frames);
    put_number(&l, "adverts", a->adverts);
    end(&l);
}
