#include "io/journal/reader.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/journal/journal.h"
#include "io/pcap/blocks.h"

enum { SECTION_MAGIC = 0x0a0d0d0a }; /* the same in either byte order */

struct journal_reader {
    FILE *stream;
    struct blocks *blocks;
    struct format_block block;
    char application[FORMAT_NAME_MAX + 1];
    uint64_t count; /* of packets and custom blocks so far */

    bool begun; /* this section's START came */
    unsigned interfaces, groups;
    unsigned heads;         /* CONFIG and STATE blocks that came, of 2 * groups */
    uint16_t *interface_of; /* owned: of each group */
    uint64_t number;        /* the next step's */
    carp_instant now;       /* no step is earlier */
    bool frame_before;      /* the last item was an inbound frame, */
    unsigned frame_on;      /* on this interface */
    unsigned sent_left;     /* frames of the last step that are still to come, */
    unsigned sent_on;       /* on this interface */
};

static enum capture_status damaged(char error[CAPTURE_ERROR_MAX], const char *why)
{
    snprintf(error, CAPTURE_ERROR_MAX, "%s", why);
    return CAPTURE_DAMAGED;
}

/* --- blocks of ours -----------------------------------------------------------------------------
 */

static enum capture_status start(struct journal_reader *r, const struct format_start *s,
                                 char error[CAPTURE_ERROR_MAX])
{
    if (r->begun) {
        return damaged(error, "a journal's start in the middle of a section");
    }
    r->begun = true;
    r->interfaces = s->interface_count;
    r->groups = s->group_count;
    r->heads = 0;
    r->number = s->number;
    r->now = s->now;
    memcpy(r->application, s->application, sizeof r->application);
    return CAPTURE_FRAME;
}

static enum capture_status config(struct journal_reader *r, const struct format_config *c,
                                  char error[CAPTURE_ERROR_MAX])
{
    if (c->interface >= r->interfaces) {
        return damaged(error, "a group on an interface that is not there");
    }
    uint16_t *grown = realloc(r->interface_of, ((size_t)c->group + 1) * sizeof *r->interface_of);
    if (grown == NULL) {
        return damaged(error, strerror(ENOMEM));
    }
    r->interface_of = grown;
    r->interface_of[c->group] = c->interface;
    return CAPTURE_FRAME;
}

static enum capture_status state(const struct journal_reader *r, const struct format_state *s,
                                 char error[CAPTURE_ERROR_MAX])
{
    if (s->layout != FORMAT_STATE_LAYOUT) {
        snprintf(error, CAPTURE_ERROR_MAX,
                 "the engine's state in it has layout %u, this build's has layout %d: a build like "
                 "the one that wrote it (%.64s) is right",
                 s->layout, FORMAT_STATE_LAYOUT, r->application);
        return CAPTURE_REFUSED;
    }
    return CAPTURE_FRAME;
}

static enum capture_status step(struct journal_reader *r, const struct format_step *s,
                                char error[CAPTURE_ERROR_MAX])
{
    if (s->group >= r->groups) {
        return damaged(error, "a step of a group that is not there");
    }
    if (s->number != r->number) {
        return damaged(error, "a step whose number is not the next");
    }
    if (instant_before(s->now, r->now)) {
        return damaged(error, "a step that is earlier than the one before it");
    }
    if (s->event.type == CARP_EVENT_ADVERT &&
        (!r->frame_before || r->frame_on != r->interface_of[s->group])) {
        return damaged(error, "a step about an advert that is not there");
    }
    if (s->sent > JOURNAL_SENT_MAX) {
        return damaged(error, "a step that sent more frames than a step can");
    }
    r->number += 1;
    r->now = s->now;
    r->sent_left = s->sent;
    r->sent_on = r->interface_of[s->group];
    return CAPTURE_FRAME;
}

/* First START, then two blocks a group, then all others. */
static bool is_in_order(const struct journal_reader *r)
{
    unsigned group = r->heads / 2;
    switch (r->block.kind) {
    case FORMAT_START:
        return true;
    case FORMAT_CONFIG:
        return r->begun && r->heads < 2 * r->groups && r->heads % 2 == 0 &&
               r->block.config.group == group;
    case FORMAT_STATE:
        return r->begun && r->heads < 2 * r->groups && r->heads % 2 == 1 &&
               r->block.state.group == group;
    case FORMAT_STEP:
    case FORMAT_CLOCK:
    case FORMAT_LEFT_OUT:
    case FORMAT_KIND_END:
        break;
    }
    return r->begun && r->heads == 2 * r->groups;
}

static enum capture_status take_block(struct journal_reader *r, const struct block *block,
                                      struct journal_item *item, char error[CAPTURE_ERROR_MAX])
{
    enum capture_status status = CAPTURE_FRAME;
    const char *wrong = format_read(block->custom.bytes, block->custom.size, &r->block);
    if (wrong != NULL) {
        snprintf(error, CAPTURE_ERROR_MAX, "a block of the journal is wrong: %s", wrong);
        return CAPTURE_DAMAGED;
    }
    if (r->sent_left > 0 || !is_in_order(r)) {
        return damaged(error, r->sent_left > 0 ? "frames that a step sent are missing"
                                               : "a block of the journal is not in its place");
    }
    switch (r->block.kind) {
    case FORMAT_START:
        status = start(r, &r->block.start, error);
        break;
    case FORMAT_CONFIG:
        r->heads += 1;
        status = config(r, &r->block.config, error);
        break;
    case FORMAT_STATE:
        r->heads += 1;
        status = state(r, &r->block.state, error);
        break;
    case FORMAT_STEP:
        status = step(r, &r->block.step, error);
        break;
    case FORMAT_CLOCK:
    case FORMAT_LEFT_OUT:
    case FORMAT_KIND_END:
        break;
    }
    r->frame_before = false;
    item->block = &r->block;
    return status;
}

/* --- frames -------------------------------------------------------------------------------------
 */

static enum capture_status take_frame(struct journal_reader *r, const struct block *block,
                                      struct journal_item *item, char error[CAPTURE_ERROR_MAX])
{
    const struct block_packet *p = &block->packet;
    bool outbound = block->direction == BLOCK_OUTBOUND;
    if (!r->begun || r->heads < 2 * r->groups || p->interface >= r->interfaces) {
        return damaged(error, "a frame that is not in its place");
    }
    if (p->size != p->original_size) {
        return damaged(error, "a frame of which something is missing");
    }
    if (outbound && (r->sent_left == 0 || p->interface != r->sent_on)) {
        return damaged(error, "a frame was sent that no step sent");
    }
    if (!outbound && r->sent_left > 0) {
        return damaged(error, "frames that a step sent are missing");
    }
    r->sent_left -= outbound ? 1 : 0;
    r->frame_before = !outbound;
    r->frame_on = p->interface;
    item->interface = p->interface;
    item->outbound = outbound;
    item->wall = p->at;
    item->bytes = p->bytes;
    item->size = p->size;
    return CAPTURE_FRAME;
}

/* --- files --------------------------------------------------------------------------------------
 */

/* A file may end after any step, and a section where another begins; not within one. */
static enum capture_status end_section(struct journal_reader *r, enum capture_status status,
                                       char error[CAPTURE_ERROR_MAX])
{
    if (r->begun && r->heads < 2 * r->groups) {
        return damaged(error, "it ends before the state of all groups was told");
    }
    if (r->sent_left > 0) {
        return damaged(error, "it ends before all the frames that a step sent");
    }
    r->begun = false;
    r->frame_before = false;
    return status;
}

enum capture_status journal_reader_next(struct journal_reader *r, struct journal_item *item,
                                        uint64_t *damage, char error[CAPTURE_ERROR_MAX])
{
    struct block block;
    enum capture_status status;
    while ((status = blocks_read(r->blocks, &block, damage, error)) == CAPTURE_FRAME) {
        if (block.kind == BLOCK_SECTION) {
            status = end_section(r, CAPTURE_FRAME, error);
            if (status != CAPTURE_FRAME) {
                return status;
            }
            continue;
        }
        r->count += 1;
        *item = (struct journal_item){.number = r->count, .offset = block.offset};
        if (block.kind == BLOCK_PACKET) {
            return take_frame(r, &block, item, error);
        }
        if (format_is_ours(block.custom.pen, block.custom.bytes, block.custom.size)) {
            return take_block(r, &block, item, error);
        }
    }
    return status == CAPTURE_END ? end_section(r, status, error) : status;
}

/* Is it pcapng, and the first thing in it ours? */
static bool begins_as_journal(struct journal_reader *r, char error[CAPTURE_ERROR_MAX])
{
    uint8_t head[4];
    uint64_t damage;
    struct block block;
    const uint32_t section = SECTION_MAGIC;
    if (fread(head, 1, sizeof head, r->stream) != sizeof head ||
        memcmp(head, &section, sizeof head) != 0) {
        return false;
    }
    rewind(r->stream);
    do {
        if (blocks_read(r->blocks, &block, &damage, error) != CAPTURE_FRAME) {
            return false;
        }
    } while (block.kind == BLOCK_SECTION);
    return block.kind == BLOCK_CUSTOM &&
           format_is_ours(block.custom.pen, block.custom.bytes, block.custom.size);
}

static bool read_from_start(struct journal_reader *r)
{
    blocks_free(r->blocks);
    rewind(r->stream);
    r->blocks = blocks_make(r->stream);
    return r->blocks != NULL;
}

enum capture_status journal_reader_open(const char *path, struct journal_reader **reader,
                                        uint64_t *damage, char error[CAPTURE_ERROR_MAX])
{
    struct journal_reader *r = calloc(1, sizeof *r);
    *damage = 0;
    if (r == NULL || (r->stream = fopen(path, "rb")) == NULL || !read_from_start(r)) {
        snprintf(error, CAPTURE_ERROR_MAX, "%s", strerror(errno));
        journal_reader_close(r);
        return CAPTURE_REFUSED;
    }
    if (!begins_as_journal(r, error) || !read_from_start(r)) {
        snprintf(error, CAPTURE_ERROR_MAX, "%s",
                 ferror(r->stream) ? strerror(errno)
                                   : "not a journal; what carpd --journal wrote is right");
        journal_reader_close(r);
        return CAPTURE_REFUSED;
    }
    *reader = r;
    return CAPTURE_FRAME;
}

void journal_reader_close(struct journal_reader *r)
{
    if (r != NULL) {
        if (r->stream != NULL) {
            fclose(r->stream);
        }
        blocks_free(r->blocks);
        free(r->interface_of);
        free(r);
    }
}

bool journal_is(const char *path)
{
    struct journal_reader *r;
    uint64_t damage;
    char error[CAPTURE_ERROR_MAX];
    bool is = journal_reader_open(path, &r, &damage, error) == CAPTURE_FRAME;
    if (is) {
        journal_reader_close(r);
    }
    return is;
}
