#include <string.h>

#include "tools/carplab/replay/whatif_internal.h"

const char *whatif_how_word(enum whatif_how how)
{
    static const char *const words[] = {"same", "earlier", "later", "missing", "extra", "given"};
    return words[how];
}

/* Ours are plain sentences; a name may come from a command line. */
static void write_string(FILE *file, const char *text)
{
    fputc('"', file);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            fprintf(file, "\\%c", c);
        } else if (c < ' ') {
            fprintf(file, "\\u%04x", c);
        } else {
            fputc(c, file);
        }
    }
    fputc('"', file);
}

static void write_time(FILE *file, const char *key, carp_instant at)
{
    if (at.ns == UINT64_MAX) {
        fprintf(file, ",\"%s\":null", key);
    } else {
        fprintf(file, ",\"%s\":%llu.%09llu", key, (unsigned long long)(at.ns / 1000000000),
                (unsigned long long)(at.ns % 1000000000));
    }
}

static void write_duration(FILE *file, const char *key, carp_duration d)
{
    write_time(file, key, (carp_instant){d.ns});
}

static void write_decision(FILE *file, const struct whatif_event *e)
{
    const struct carp_outcome *out = e->outcome;
    char address[STORY_ADDRESS_MAX];
    fprintf(file, ",\"from\":\"%s\",\"to\":\"%s\",\"verdict\":\"%s\",\"rule\":\"%s\"",
            carp_state_word(out->from), carp_state_word(out->to), verdict_word(out->verdict),
            carp_rule_word(out->rule));
    if (e->event->type == CARP_EVENT_ADVERT) {
        const struct carp_packet *packet = e->event->packet;
        fprintf(file,
                ",\"source\":\"%s\",\"counter\":\"%016llx\",\"advbase\":%u,\"advskew\":%u,"
                "\"demote\":%u",
                story_address(packet->family, packet->source, address),
                (unsigned long long)packet->advert.counter, packet->advert.advbase,
                packet->advert.advskew, packet->advert.demote);
    }
    if (out->rule == CARP_RULE_SILENCE) {
        write_duration(file, "waited", out->waited);
    }
}

static void write_json(FILE *file, const struct whatif_event *e)
{
    static const char *const kinds[] = {"decision", "difference", "whatif"};
    fprintf(file, "{\"time\":%llu.%09llu,\"kind\":\"%s\",\"vhid\":%u",
            (unsigned long long)(e->at.ns / 1000000000),
            (unsigned long long)(e->at.ns % 1000000000), kinds[e->kind], e->vhid);
    switch (e->kind) {
    case WHATIF_DECISION:
        write_decision(file, e);
        break;
    case WHATIF_DIFFERENCE:
        fprintf(file, ",\"of\":\"%s\",\"how\":\"%s\"", e->ceased ? "ceased" : "became-master",
                whatif_how_word(e->how));
        write_time(file, "recorded", e->recorded);
        write_time(file, "engine", e->engine);
        fprintf(file, ",\"guess\":%s", e->guess ? "true" : "false");
        break;
    case WHATIF_SUM:
        write_duration(file, "dark_recorded", e->dark[0]);
        write_duration(file, "dark_engine", e->dark[1]);
        write_duration(file, "double_recorded", e->twofold[0]);
        write_duration(file, "double_engine", e->twofold[1]);
        write_time(file, "diverges", e->apart);
        fprintf(file, ",\"accepted\":%llu,\"refused\":%llu,\"takeovers\":%llu",
                (unsigned long long)e->accepted, (unsigned long long)e->refused,
                (unsigned long long)e->takeovers);
        break;
    }
    if (e->text[0] != '\0') {
        fputs(",\"text\":", file);
        write_string(file, e->text);
    }
    if (e->caution[0] != '\0') {
        fputs(",\"caution\":", file);
        write_string(file, e->caution);
    }
    fputs("}\n", file);
}

/* What is of one kind stands together, under a heading the first time. */
static void write_heading(struct whatif_writer *w, const struct whatif_event *e)
{
    static const char *const headings[] = {
        "what Carpio would have decided (seconds since the capture's begin)\n\n",
        "beside what was recorded\n\n", ""};
    if (w->headed == 0 || w->last != e->kind) {
        fprintf(w->file, "\n%s", (w->headed >> e->kind & 1) == 0 ? headings[e->kind] : "");
    }
    w->headed |= 1u << e->kind;
    w->last = e->kind;
}

void whatif_write(void *writer, const struct whatif_event *e)
{
    struct whatif_writer *w = writer;
    carp_instant at = {instant_since(e->at, w->origin).ns};
    char line[STORY_LINE_MAX];
    if (w->json) {
        write_json(w->file, e);
        return;
    }
    if (e->repeated) {
        return;
    }
    write_heading(w, e);
    switch (e->kind) {
    case WHATIF_DECISION:
        story_line(line, sizeof line, at, e->event, e->outcome);
        fprintf(w->file, "  vhid %u  %s\n", e->vhid, line);
        break;
    case WHATIF_DIFFERENCE:
        fprintf(w->file, "  vhid %u  %llu.%09llu %-7s %s%s\n", e->vhid,
                (unsigned long long)(at.ns / 1000000000), (unsigned long long)(at.ns % 1000000000),
                whatif_how_word(e->how), e->text, e->guess ? " (a guess)" : "");
        break;
    case WHATIF_SUM:
        fprintf(w->file, "%s%s%s\n", e->text, e->caution[0] != '\0' ? ".\n" : "", e->caution);
        break;
    }
}
