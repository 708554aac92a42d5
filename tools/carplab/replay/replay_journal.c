#include "tools/carplab/replay/replay_journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "io/crypto_openssl.h"
#include "tools/carplab/replay/replay_journal_internal.h"

/* --- the beginning of a section -----------------------------------------------------------------
 */

static void free_crypto(struct replay_group *g)
{
    if (g->has_keys) {
        crypto_openssl_free(&g->crypto);
        g->has_keys = false;
    }
}

static void forget_groups(struct replay *r)
{
    for (unsigned i = 0; i < r->group_count; i++) {
        free_crypto(&r->groups[i]);
        OPENSSL_cleanse(&r->groups[i], sizeof r->groups[i]);
    }
    r->group_count = 0;
}

static void start(struct replay *r, const struct format_start *s)
{
    bool goes_on = s->why == FORMAT_CONTINUED && r->begun;
    r->follows = goes_on && s->number == r->number;
    if (s->why == FORMAT_STARTED) {
        forget_groups(r);
    }
    r->wall_ns = s->wall_ns - s->now.ns;
    tell_journal(r, s);
    if (goes_on && !r->follows) {
        r->totals.gaps += 1;
        tell_gap(r, s->number > r->number, s->number - r->number);
    }
    r->begun = true;
    r->number = s->number;
    if (r->totals.first.ns == 0) {
        r->totals.first = (carp_instant){s->wall_ns};
    }
    r->totals.last = (carp_instant){s->wall_ns};
}

/* What a terminal and JSON can show: ASCII, and UTF-8 as it is when it is that. */
static void copy_name(char *to, const char *from)
{
    bool is_plain = true;
    for (const char *at = from; *at != '\0'; at++) {
        is_plain = is_plain && (uint8_t)*at < 0x80;
    }
    for (; *from != '\0'; from++) {
        *to++ = (char)(is_plain || (uint8_t)*from < 0x80 ? *from : '?');
    }
    *to = '\0';
}

static bool config(struct replay *r, const struct format_config *c)
{
    if (c->group >= r->group_count) {
        if (r->group_count == r->group_room) {
            unsigned room = r->group_room == 0 ? 8 : 2 * r->group_room;
            struct replay_group *grown = realloc(r->groups, room * sizeof *grown);
            if (grown == NULL) {
                return false;
            }
            r->groups = grown;
            r->group_room = room;
        }
        memset(&r->groups[r->group_count++], 0, sizeof *r->groups);
    }
    struct replay_group *g = &r->groups[c->group];
    const struct replay_journal_options *o = r->options;
    free_crypto(g);
    copy_name(g->name, c->name);
    copy_name(g->interface_name, c->interface_name);
    g->interface = c->interface;
    g->config = c->config;
    int width = (int)strlen(g->name);
    r->name_width = width > r->name_width ? width : r->name_width;
    if (o->find_keys != NULL && o->find_keys(o->self, g->name, &g->config)) {
        g->has_keys = crypto_openssl_make(&g->config, &g->crypto) == 0;
        return g->has_keys;
    }
    g->crypto = replay_recorded_crypto(r);
    return true;
}

static void state(struct replay *r, const struct journal_item *item, const struct format_state *s)
{
    struct replay_group *g = &r->groups[s->group];
    if (r->follows && g->has_state) {
        replay_compare_state(r, item, g, &s->carp);
        return;
    }
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): the reader told of the group before */
    g->carp = s->carp;
    g->has_state = true;
    g->differs = false;
}

/* --- items --------------------------------------------------------------------------------------
 */

static void finish_step(struct replay *r)
{
    if (r->step.waits && r->step.sent_count == r->step.recorded.sent) {
        r->step.waits = false;
        replay_step(r);
    }
}

/* A frame that was heard waits for its step; when anything else comes, there was none. */
static void settle_heard(struct replay *r)
{
    if (r->heard.waits) {
        r->heard.waits = false;
        replay_no_step(r, &r->heard);
    }
}

static void take_frame(struct replay *r, const struct journal_item *item)
{
    r->totals.frames += 1;
    if (item->outbound) {
        size_t size = item->size < FRAME_MAX ? item->size : FRAME_MAX;
        r->step.sent[r->step.sent_count].size = item->size;
        memcpy(r->step.sent[r->step.sent_count].frame, item->bytes, size);
        r->step.sent_count += 1;
        r->wall_ns = item->wall.ns - r->step.recorded.now.ns;
        finish_step(r);
        return;
    }
    settle_heard(r);
    r->heard = (struct replay_heard){
        .waits = true,
        .number = item->number,
        .offset = item->offset,
        .interface = item->interface,
        .wall = item->wall,
    };
    r->heard.verdict = frame_parse(item->bytes, item->size, &r->heard.packet);
}

static void take_step(struct replay *r, const struct journal_item *item,
                      const struct format_step *s)
{
    bool is_advert = s->event.type == CARP_EVENT_ADVERT;
    if (is_advert) {
        r->heard.waits = false;
        r->wall_ns = r->heard.wall.ns - s->now.ns;
    }
    settle_heard(r);
    r->step.waits = true;
    r->step.number = item->number;
    r->step.recorded = *s;
    r->step.heard = r->heard;
    r->step.sent_count = 0;
    r->number = s->number + 1;
    finish_step(r);
}

/* False: no memory, or no crypto. */
static bool take(struct replay *r, const struct journal_item *item)
{
    const struct format_block *block = item->block;
    if (block == NULL) {
        take_frame(r, item);
        return true;
    }
    if (block->kind != FORMAT_STEP) {
        settle_heard(r);
    }
    switch (block->kind) {
    case FORMAT_START:
        start(r, &block->start);
        break;
    case FORMAT_CONFIG:
        return config(r, &block->config);
    case FORMAT_STATE:
        state(r, item, &block->state);
        break;
    case FORMAT_STEP:
        take_step(r, item, &block->step);
        break;
    case FORMAT_CLOCK:
        tell_clock(r, item->number, &block->clock);
        r->wall_ns = block->clock.after_ns;
        break;
    case FORMAT_LEFT_OUT:
        r->totals.left_out += block->left_out.count;
        tell_left_out(r, item->number, &block->left_out);
        break;
    case FORMAT_KIND_END:
        break;
    }
    return true;
}

/* --- files --------------------------------------------------------------------------------------
 */

/* The last frame of a file, whose step did not get into it: then it was cut just there. */
static bool lacks_its_step(const struct replay *r)
{
    const struct replay_heard *h = &r->heard;
    for (unsigned i = 0; h->waits && h->verdict == CARP_ACCEPTED && i < r->group_count; i++) {
        if (r->groups[i].interface == h->interface &&
            r->groups[i].config.vhid == h->packet.advert.vhid) {
            return true;
        }
    }
    return false;
}

static enum capture_status replay_items(struct replay *r, struct journal_reader *reader,
                                        uint64_t *damage, char error[CAPTURE_ERROR_MAX])
{
    struct journal_item item;
    enum capture_status status;
    while ((status = journal_reader_next(reader, &item, damage, error)) == CAPTURE_FRAME) {
        if (!take(r, &item)) {
            snprintf(error, CAPTURE_ERROR_MAX, "%s", strerror(ENOMEM));
            return CAPTURE_REFUSED;
        }
    }
    if (lacks_its_step(r)) {
        r->heard.waits = false;
        if (status == CAPTURE_END) {
            *damage = r->heard.offset;
            snprintf(error, CAPTURE_ERROR_MAX, "it ends before the step of its last frame");
            status = CAPTURE_DAMAGED;
        }
    }
    settle_heard(r);
    r->step.waits = false;
    return status;
}

static int replay_file(struct replay *r, const char *path)
{
    struct journal_reader *reader;
    uint64_t damage;
    char error[CAPTURE_ERROR_MAX];
    r->path = path;
    enum capture_status status = journal_reader_open(path, &reader, &damage, error);
    if (status == CAPTURE_FRAME) {
        r->totals.files += 1;
        status = replay_items(r, reader, &damage, error);
        journal_reader_close(reader);
    }
    if (status == CAPTURE_REFUSED) {
        fprintf(stderr, "carplab: %s: %s\n", path, error);
        return 2;
    }
    if (status == CAPTURE_DAMAGED) {
        tell_damage(r, damage, error);
        return 1;
    }
    return 0;
}

int replay_journal(const char *const *paths, unsigned count,
                   const struct replay_journal_options *options)
{
    int status = 0;
    struct replay *r = calloc(1, sizeof *r);
    if (r == NULL) {
        fprintf(stderr, "carplab: %s\n", strerror(ENOMEM));
        return 2;
    }
    r->options = options;
    for (unsigned i = 0; i < count && status < 2; i++) {
        int ended = replay_file(r, paths[i]);
        status = ended > status ? ended : status;
    }
    if (status < 2) {
        tell_end(r, status != 0);
        status = r->totals.differences > 0 ? 1 : status;
    }
    if (fflush(options->to) != 0) {
        fprintf(stderr, "carplab: what was written is incomplete: %s\n", strerror(errno));
        status = 2;
    }
    forget_groups(r);
    free(r->groups);
    free(r);
    return status;
}
