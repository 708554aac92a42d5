/*
 * Journals: whatever a file holds, reading ends, items come in the order that is promised, and a
 * block of ours that is accepted is written again to the very bytes it came from, for its format
 * has no freedom.
 *
 * An input that begins as one of our blocks does is also read as that, without a file around it.
 * And as a replay does, configurations, states and events are given to the engine, whose asserts
 * they must not reach; every digest is right there.
 */
#include <assert.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "io/journal/reader.h"

/* --- blocks -------------------------------------------------------------------------------------
 */

/* Returns false when it is not all of its bytes: a state of another layout is left where it is. */
static bool write_again(const struct format_block *block, uint8_t *bytes, size_t *size)
{
    struct format_block copy = *block;
    *size = format_write(&copy, bytes);
    return block->kind != FORMAT_STATE || block->state.layout == FORMAT_STATE_LAYOUT;
}

static void check_bytes(const uint8_t *bytes, size_t size)
{
    struct format_block block;
    uint8_t written[FORMAT_BLOCK_MAX];
    size_t written_size;
    if (!format_is_ours(FORMAT_PEN, bytes, size) || format_read(bytes, size, &block) != NULL) {
        return;
    }
    if (write_again(&block, written, &written_size)) {
        assert(written_size <= size && size - written_size <= 3); /* padding */
        assert(memcmp(bytes, written, written_size) == 0);
    }
}

/* What format_read() promises the engine. */
static void check_block(const struct format_block *block)
{
    struct format_block again;
    uint8_t first[FORMAT_BLOCK_MAX], second[FORMAT_BLOCK_MAX];
    size_t first_size, second_size;
    if (!write_again(block, first, &first_size)) {
        return;
    }
    const char *wrong = format_read(first, first_size, &again);
    assert(wrong == NULL);
    write_again(&again, second, &second_size);
    assert(first_size == second_size && memcmp(first, second, first_size) == 0);
}

/* --- what the engine makes of it ----------------------------------------------------------------
 */

enum { GROUPS_MAX = 4 };

struct replayed {
    bool has_state;
    struct carp_config config;
    struct carp carp;
};

static struct replayed groups[GROUPS_MAX];
static enum carp_verdict heard_verdict;
static struct carp_packet heard;

static void digest_heard(void *self, unsigned key, enum auth_form form, uint64_t counter,
                         uint8_t digest[WIRE_DIGEST_SIZE])
{
    (void)self, (void)key, (void)form, (void)counter;
    memcpy(digest, heard.advert.digest, WIRE_DIGEST_SIZE);
}

static void hmac_heard(void *self, const uint8_t key[CARP_KEY_SIZE], const uint8_t *message,
                       size_t size, uint8_t digest[WIRE_DIGEST_SIZE])
{
    (void)key, (void)message, (void)size;
    digest_heard(self, 0, AUTH_WITHOUT_LINK_LOCAL, 0, digest);
}

static void replay_step(struct replayed *group, const struct format_step *step)
{
    const struct carp_crypto crypto = {.digest = digest_heard, .hmac = hmac_heard};
    struct carp_event event = step->event;
    struct carp_outcome out;
    if (event.type == CARP_EVENT_ADVERT) {
        if (heard_verdict != CARP_ACCEPTED) {
            return;
        }
        event.packet = &heard;
    }
    carp_step(&group->config, &crypto, &group->carp, step->now, &event, &out);
    assert(out.verdict < CARP_VERDICT_COUNT && out.rule < CARP_RULE_COUNT);
    assert(out.count <= CARP_ACTIONS_MAX);
    carp_overslept(&group->config, &group->carp, step->now);
}

static void replay_block(const struct format_block *block)
{
    switch (block->kind) {
    case FORMAT_START:
        memset(groups, 0, sizeof groups);
        break;
    case FORMAT_CONFIG:
        if (block->config.group < GROUPS_MAX) {
            groups[block->config.group].config = block->config.config;
        }
        break;
    case FORMAT_STATE:
        if (block->state.group < GROUPS_MAX) {
            groups[block->state.group].carp = block->state.carp;
            groups[block->state.group].has_state = true;
        }
        break;
    case FORMAT_STEP:
        if (block->step.group < GROUPS_MAX && groups[block->step.group].has_state) {
            replay_step(&groups[block->step.group], &block->step);
        }
        break;
    case FORMAT_CLOCK:
    case FORMAT_LEFT_OUT:
    case FORMAT_KIND_END:
        break;
    }
}

/* --- what the reader promises of the order of items (io/journal/reader.h) -----------------------
 */

static struct order {
    bool begun;
    unsigned interfaces, groups;
    unsigned heads; /* CONFIG and STATE blocks that came */
    uint64_t number;
    carp_instant now;
    unsigned sent_left;
    bool after_inbound;
} order;

static void follow_frame(const struct journal_item *item)
{
    assert(order.begun && order.heads == 2 * order.groups && item->interface < order.interfaces);
    assert((order.sent_left > 0) == item->outbound);
    order.sent_left -= item->outbound ? 1 : 0;
    order.after_inbound = !item->outbound;
}

static void follow_step(const struct format_step *step)
{
    assert(step->group < order.groups && step->number == order.number);
    assert(!instant_before(step->now, order.now));
    assert(step->event.type != CARP_EVENT_ADVERT || order.after_inbound);
    order.number += 1;
    order.now = step->now;
    order.sent_left = step->sent;
}

static void follow_block(const struct format_block *block)
{
    bool is_head = block->kind == FORMAT_CONFIG || block->kind == FORMAT_STATE;
    assert(order.sent_left == 0 && (order.begun || block->kind == FORMAT_START));
    assert(is_head == (order.heads < 2 * order.groups));
    switch (block->kind) {
    case FORMAT_START:
        order = (struct order){.begun = true,
                               .interfaces = block->start.interface_count,
                               .groups = block->start.group_count,
                               .number = block->start.number,
                               .now = block->start.now};
        break;
    case FORMAT_CONFIG:
        assert(order.heads == 2u * block->config.group);
        assert(block->config.interface < order.interfaces);
        order.heads += 1;
        break;
    case FORMAT_STATE:
        assert(order.heads == 2u * block->state.group + 1);
        order.heads += 1;
        break;
    case FORMAT_STEP:
        follow_step(&block->step);
        break;
    case FORMAT_CLOCK:
    case FORMAT_LEFT_OUT:
    case FORMAT_KIND_END:
        break;
    }
    order.after_inbound = false;
}

/* --- items --------------------------------------------------------------------------------------
 */

static void check_item(const struct journal_item *item, size_t size)
{
    static volatile uint8_t sink;
    assert(item->offset < size);
    if (item->block != NULL) {
        follow_block(item->block);
        check_block(item->block);
        replay_block(item->block);
        return;
    }
    follow_frame(item);
    if (!item->outbound) {
        memset(&heard, 0, sizeof heard);
        heard_verdict = frame_parse(item->bytes, item->size, &heard);
    }
    for (size_t i = 0; i < item->size; i++) { /* a sanitizer sees it when one is not there */
        sink = item->bytes[i];
    }
    (void)sink;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct journal_reader *reader;
    struct journal_item item;
    uint64_t damage = 0, count = 0;
    char error[CAPTURE_ERROR_MAX] = "";
    memset(groups, 0, sizeof groups);
    order = (struct order){.begun = false};
    check_bytes(bytes, size);
    enum capture_status status =
        journal_reader_open(fuzz_file(0, bytes, size), &reader, &damage, error);
    if (status != CAPTURE_FRAME) {
        assert(status == CAPTURE_REFUSED && error[0] != '\0');
        return 0;
    }
    while ((status = journal_reader_next(reader, &item, &damage, error)) == CAPTURE_FRAME) {
        assert(item.number > count); /* blocks that are not ours are counted, too */
        count = item.number;
        check_item(&item, size);
    }
    if (status == CAPTURE_END) {
        assert(order.sent_left == 0 && order.heads == 2 * order.groups);
    }
    assert(status == CAPTURE_END || error[0] != '\0');
    assert(status != CAPTURE_DAMAGED || damage <= size);
    journal_reader_close(reader);
    return 0;
}
