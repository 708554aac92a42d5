/* What a replay tells: lines for people, or JSON Lines. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "tools/carplab/replay/replay_journal_internal.h"

enum { TIME_TEXT_MAX = 48 };

/* UTC, as dates are sorted and read. */
static const char *wall_text(carp_instant wall, char text[TIME_TEXT_MAX])
{
    struct tm tm;
    time_t seconds = (time_t)(wall.ns / 1000000000);
    size_t used = 0;
    if (gmtime_r(&seconds, &tm) != NULL) {
        used = strftime(text, TIME_TEXT_MAX, "%Y-%m-%d %H:%M:%S", &tm);
    }
    snprintf(text + used, TIME_TEXT_MAX - used, ".%09" PRIu64, wall.ns % 1000000000);
    return text;
}

/* --- JSON ---------------------------------------------------------------------------------------
 */

static void put_string(FILE *to, const char *key, const char *text)
{
    fprintf(to, ",\"%s\":\"", key);
    for (; *text != '\0'; text++) {
        if ((uint8_t)*text < ' ') { /* in a file's name */
            fprintf(to, "\\u%04x", (unsigned)(uint8_t)*text);
            continue;
        }
        if (*text == '"' || *text == '\\') {
            fputc('\\', to);
        }
        fputc(*text, to);
    }
    fputc('"', to);
}

static void put_number(FILE *to, const char *key, uint64_t number)
{
    fprintf(to, ",\"%s\":%" PRIu64, key, number);
}

static void put_time(FILE *to, const char *key, carp_instant at)
{
    fprintf(to, ",\"%s\":%" PRIu64 ".%09" PRIu64, key, at.ns / 1000000000, at.ns % 1000000000);
}

static void put_moment(const struct replay *r, uint64_t number, carp_instant now)
{
    FILE *to = r->options->to;
    put_number(to, "frame", number);
    put_time(to, "time", replay_wall(r, now));
    put_time(to, "clock", now);
}

/* --- each kind ----------------------------------------------------------------------------------
 */

static const char *why_word(enum format_why why)
{
    return why == FORMAT_STARTED ? "started" : "continued";
}

/* An application's name is the journal's; only what is plain is shown. */
static void copy_plain(char *to, const char *from)
{
    for (; *from != '\0'; from++) {
        *to++ = (uint8_t)*from < 0x80 ? *from : '?';
    }
    *to = '\0';
}

void tell_journal(const struct replay *r, const struct format_start *start)
{
    FILE *to = r->options->to;
    char time[TIME_TEXT_MAX], application[FORMAT_NAME_MAX + 1];
    copy_plain(application, start->application);
    if (!r->options->json) {
        fprintf(to, "%s  %s: %s, by %s\n", wall_text((carp_instant){start->wall_ns}, time), r->path,
                why_word(start->why), application);
        return;
    }
    fputs("{\"kind\":\"journal\"", to);
    put_string(to, "file", r->path);
    put_string(to, "why", why_word(start->why));
    put_string(to, "application", application);
    put_time(to, "time", (carp_instant){start->wall_ns});
    put_time(to, "clock", start->now);
    put_number(to, "groups", start->group_count);
    put_number(to, "number", start->number);
    fputs("}\n", to);
}

void tell_step(const struct replay *r, const struct replay_group *g, carp_instant now,
               const struct carp_outcome *out, const char *story)
{
    FILE *to = r->options->to;
    char time[TIME_TEXT_MAX];
    if (!r->options->json) {
        fprintf(to, "%s  %-*s  %s\n", wall_text(replay_wall(r, now), time), r->name_width, g->name,
                story);
        return;
    }
    fputs("{\"kind\":\"step\"", to);
    put_moment(r, r->step.number, now);
    put_string(to, "group", g->name);
    put_string(to, "interface", g->interface_name);
    put_number(to, "vhid", g->config.vhid);
    put_string(to, "from", carp_state_word(out->from));
    put_string(to, "to", carp_state_word(out->to));
    put_string(to, "rule", carp_rule_word(out->rule));
    put_string(to, "story", story);
    fputs("}\n", to);
}

void tell_difference(struct replay *r, uint64_t number, const struct replay_group *g,
                     carp_instant now, const struct difference *d)
{
    FILE *to = r->options->to;
    char time[TIME_TEXT_MAX];
    r->totals.differences += 1;
    if (r->totals.differences > r->options->differences_max) {
        return;
    }
    if (!r->options->json) {
        fprintf(to, "%s  %-*s  frame %" PRIu64 " differs\n", wall_text(replay_wall(r, now), time),
                r->name_width, g->name, number);
        fprintf(to, "    %-14s %s\n    %-14s %s\n", "recorded", d->recorded, "this build",
                d->build);
        for (unsigned i = 0; i < d->count; i++) {
            fprintf(to, "    %-14s recorded %s, this build %s\n", d->fields[i].name,
                    d->fields[i].recorded, d->fields[i].build);
        }
        return;
    }
    fputs("{\"kind\":\"difference\"", to);
    put_moment(r, number, now);
    put_string(to, "file", r->path);
    put_string(to, "group", g->name);
    put_string(to, "recorded", d->recorded);
    put_string(to, "build", d->build);
    fputs(",\"fields\":[", to);
    for (unsigned i = 0; i < d->count; i++) {
        fputs(i == 0 ? "{" : ",{", to);
        fprintf(to, "\"field\":\"%s\"", d->fields[i].name);
        put_string(to, "recorded", d->fields[i].recorded);
        put_string(to, "build", d->fields[i].build);
        fputc('}', to);
    }
    fputs("]}\n", to);
}

void tell_clock(const struct replay *r, uint64_t number, const struct format_clock *clock)
{
    FILE *to = r->options->to;
    char time[TIME_TEXT_MAX];
    uint64_t ahead = clock->after_ns - clock->before_ns;
    bool back = ahead > UINT64_MAX / 2;
    ahead = back ? 0 - ahead : ahead;
    if (!r->options->json) {
        fprintf(to, "%s  the wall clock was set %s by %" PRIu64 ".%09" PRIu64 " s\n",
                wall_text((carp_instant){clock->now.ns + clock->before_ns}, time),
                back ? "back" : "forward", ahead / 1000000000, ahead % 1000000000);
        return;
    }
    fputs("{\"kind\":\"clock\"", to);
    put_moment(r, number, clock->now);
    fprintf(to, ",\"set\":%s%" PRIu64 ".%09" PRIu64 "}\n", back ? "-" : "", ahead / 1000000000,
            ahead % 1000000000);
}

void tell_gap(const struct replay *r, bool known, uint64_t steps)
{
    FILE *to = r->options->to;
    if (r->options->json) {
        fputs("{\"kind\":\"gap\"", to);
        put_string(to, "file", r->path);
        if (known) {
            put_number(to, "steps", steps);
        }
        fputs("}\n", to);
    } else if (known) {
        fprintf(to, "%s: %" PRIu64 " step%s missing before it\n", r->path, steps,
                steps == 1 ? " is" : "s are");
    } else {
        fprintf(to, "%s: it does not follow what was replayed before it\n", r->path);
    }
}

void tell_left_out(const struct replay *r, uint64_t number, const struct format_left_out *left)
{
    FILE *to = r->options->to;
    char time[TIME_TEXT_MAX];
    if (!r->options->json) {
        fprintf(to, "%s  a flood: %" PRIu64 " refused frames were not recorded\n",
                wall_text(replay_wall(r, left->from), time), left->count);
        return;
    }
    fputs("{\"kind\":\"left-out\"", to);
    put_moment(r, number, left->from);
    put_number(to, "frames", left->count);
    fputs("}\n", to);
}

void tell_damage(const struct replay *r, uint64_t offset, const char *why)
{
    FILE *to = r->options->to;
    fprintf(stderr, "carplab: %s: damaged at byte %" PRIu64 ", after %" PRIu64 " steps: %s\n",
            r->path, offset, r->totals.steps, why);
    if (r->options->json) {
        fputs("{\"kind\":\"damage\"", to);
        put_string(to, "file", r->path);
        put_number(to, "offset", offset);
        put_string(to, "why", why);
        fputs("}\n", to);
    }
}

static void count(FILE *to, uint64_t number, const char *what, const char *after)
{
    fprintf(to, "%" PRIu64 " %s%s%s", number, what, number == 1 ? "" : "s", after);
}

void tell_end(const struct replay *r, bool damaged)
{
    const struct replay_totals *t = &r->totals;
    FILE *to = r->options->to;
    char from[TIME_TEXT_MAX], until[TIME_TEXT_MAX];
    if (r->options->json) {
        fputs("{\"kind\":\"end\"", to);
        put_number(to, "files", t->files);
        put_number(to, "frames", t->frames);
        put_number(to, "steps", t->steps);
        put_number(to, "groups", r->group_count);
        put_time(to, "from", t->first);
        put_time(to, "to", t->last);
        put_number(to, "transitions", t->transitions);
        put_number(to, "differences", t->differences);
        put_number(to, "gaps", t->gaps);
        put_number(to, "left_out", t->left_out);
        put_number(to, "digests_unknown", t->digests_unknown);
        fprintf(to, ",\"damaged\":%s}\n", damaged ? "true" : "false");
        return;
    }
    if (t->differences > r->options->differences_max) {
        fprintf(to, "and %" PRIu64 " more\n", t->differences - r->options->differences_max);
    }
    if (t->digests_unknown > 0) {
        count(to, t->digests_unknown, "digest", " that nobody checked then taken for wrong\n");
    }
    count(to, t->files, "file", ", ");
    count(to, t->frames, "frame", ", ");
    count(to, t->steps, "step", " of ");
    count(to, r->group_count, "group", ", ");
    fprintf(to, "%s to %s, ", wall_text(t->first, from), wall_text(t->last, until));
    count(to, t->transitions, "transition", ": ");
    if (t->differences > 0) {
        fprintf(to, "%" PRIu64 " decision%s\n", t->differences,
                t->differences == 1 ? " differs" : "s differ");
    } else {
        fputs("every decision is the same\n", to);
    }
}
