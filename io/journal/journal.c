#include "io/journal/journal.h"

#include <assert.h>
#include <string.h>

#include "io/journal/format.h"

/* By so much the two clocks drift apart unnoticed between two wake-ups. */
#define CLOCK_STEP_NS UINT64_C(1000000)

enum { COMMENT_NAME_MAX = 64, COMMENT_MAX = COMMENT_NAME_MAX + 64 };

void journal_init(struct journal *j, const struct host *host, const char *const *interfaces,
                  const char *const *groups, const char *application)
{
    assert(host->group_count <= FORMAT_GROUPS_MAX);
    memset(j, 0, sizeof *j);
    j->host = host;
    j->interfaces = interfaces;
    j->groups = groups;
    j->application = application;
}

/* --- blocks -------------------------------------------------------------------------------------
 */

/* What follows a failed write would make no sense without it. */
static void note(struct journal *j, int status)
{
    if (status != 0) {
        j->open = false;
    }
}

static void write_block(struct journal *j, struct format_block *block)
{
    uint8_t bytes[FORMAT_BLOCK_MAX];
    if (j->open) {
        size_t size = format_write(block, bytes);
        note(j, pcapng_custom(&j->pcapng, FORMAT_PEN, bytes, size, false));
    }
}

static void write_packet(struct journal *j, carp_instant at, unsigned interface,
                         enum pcapng_direction direction, const uint8_t *frame, size_t size,
                         const char *const *comments, size_t comment_count)
{
    if (j->open) {
        note(j, pcapng_packet(&j->pcapng, &(struct pcapng_packet){
                                              .interface = interface,
                                              .time_ns = at.ns + j->wall_ns,
                                              .bytes = frame,
                                              .size = (uint32_t)size,
                                              .original_size = (uint32_t)size,
                                              .direction = direction,
                                              .comments = comments,
                                              .comment_count = comment_count,
                                          }));
    }
}

/* --- the beginning ------------------------------------------------------------------------------
 */

/* Cut if need be, and made fit to be shown. */
static void copy_name(char to[FORMAT_NAME_MAX + 1], const char *name)
{
    size_t size = strnlen(name, FORMAT_NAME_MAX);
    for (size_t i = 0; i < size; i++) {
        bool is_control = (uint8_t)name[i] < ' ' || name[i] == 0x7f;
        to[i] = is_control ? '?' : name[i];
    }
    to[size] = '\0';
}

static void write_group(struct journal *j, unsigned group)
{
    const struct host_group *g = host_group(j->host, group);
    struct format_block block = {.kind = FORMAT_CONFIG};
    block.config.group = (uint16_t)group;
    block.config.interface = (uint16_t)g->plan->interface;
    block.config.config = *g->plan->config; /* the keys are not written */
    copy_name(block.config.name, j->groups[group]);
    copy_name(block.config.interface_name, j->interfaces[g->plan->interface]);
    write_block(j, &block);

    block.kind = FORMAT_STATE;
    block.state = (struct format_state){(uint16_t)group, FORMAT_STATE_LAYOUT, g->carp};
    write_block(j, &block);
}

int journal_begin(struct journal *j, struct pcapng_sink sink, carp_instant now, uint64_t wall_ns)
{
    struct format_block block = {.kind = FORMAT_START};
    block.start = (struct format_start){
        .why = j->begun ? FORMAT_CONTINUED : FORMAT_STARTED,
        .number = j->number,
        .now = now,
        .wall_ns = wall_ns,
        .interface_count = (uint16_t)j->host->interface_count,
        .group_count = (uint16_t)j->host->group_count,
    };
    copy_name(block.start.application, j->application);
    int status = pcapng_begin(&j->pcapng, sink, NULL, j->application);
    for (unsigned i = 0, id; status == 0 && i < j->host->interface_count; i++) {
        status = pcapng_interface(&j->pcapng, j->interfaces[i], NULL, &id);
    }
    j->open = status == 0;
    j->begun = true;
    j->wall_ns = wall_ns - now.ns;
    write_block(j, &block);
    for (unsigned i = 0; i < j->host->group_count; i++) {
        write_group(j, i);
    }
    return j->open ? 0 : status != 0 ? status : j->pcapng.error;
}

/* --- frames that change nothing -----------------------------------------------------------------
 */

/* A second with too many of them is over: say how many. */
static void tell_left_out(struct journal *j, carp_instant now)
{
    if (j->open && j->left_out > 0 &&
        instant_since(now, j->refused_from).ns >= CARP_SECONDS(1).ns) {
        struct format_block block = {.kind = FORMAT_LEFT_OUT};
        block.left_out = (struct format_left_out){j->refused_from, j->left_out_at, j->left_out};
        j->left_out = 0;
        write_block(j, &block);
    }
}

/* A refused frame changes no state, so a replay is right without it; a flood of them would push
 * everything else out of the ring. */
static bool is_too_many(struct journal *j, carp_instant now)
{
    if (instant_since(now, j->refused_from).ns >= CARP_SECONDS(1).ns) {
        j->refused_from = now;
        j->refused = 0;
    }
    if (j->refused < JOURNAL_REFUSED_MAX) {
        j->refused += 1;
        return false;
    }
    j->left_out += 1;
    j->left_out_at = now;
    return true;
}

void journal_hears(struct journal *j, carp_instant now, unsigned interface, const uint8_t *frame,
                   size_t size)
{
    j->heard = frame;
    j->heard_size = size;
    j->heard_on = interface;
    j->heard_at = now;
}

static void write_heard(struct journal *j, const char *comment)
{
    write_packet(j, j->heard_at, j->heard_on, PCAPNG_INBOUND, j->heard, j->heard_size, &comment, 1);
    j->heard = NULL;
}

void journal_heard(struct journal *j)
{
    if (j->heard == NULL) {
        return;
    }
    tell_left_out(j, j->heard_at);
    if (!is_too_many(j, j->heard_at) && j->open) {
        /* No group made a step of it: what is wrong is the frame, or its vhid is nobody's. */
        struct carp_packet packet;
        enum carp_verdict verdict = frame_parse(j->heard, j->heard_size, &packet);
        write_heard(j, verdict_word(verdict == CARP_ACCEPTED ? CARP_OTHER_VHID : verdict));
    }
    j->heard = NULL;
}

/* --- steps --------------------------------------------------------------------------------------
 */

void journal_sent(struct journal *j, unsigned group, const uint8_t *frame, size_t size, int error)
{
    (void)group; /* journal_stepped() says it */
    assert(j->sent_count < JOURNAL_SENT_MAX && size <= FRAME_MAX);
    struct journal_sent *sent = &j->sent[j->sent_count++];
    sent->size = (uint8_t)size;
    sent->error = error;
    memcpy(sent->frame, frame, size);
}

/* "web: BACKUP -> MASTER (silence)". Without printf(): this is done for every advert. */
static char *append(char *at, const char *text)
{
    size_t size = strlen(text);
    memcpy(at, text, size);
    return at + size;
}

static void explain(char comment[COMMENT_MAX], const char *group, const struct carp_outcome *out)
{
    size_t size = strnlen(group, COMMENT_NAME_MAX);
    memcpy(comment, group, size);
    char *at = append(comment + size, ": ");
    at = append(at, carp_state_word(out->from));
    if (out->from != out->to) {
        at = append(at, " -> ");
        at = append(at, carp_state_word(out->to));
    }
    at = append(at, " (");
    at = append(at, out->verdict == CARP_ACCEPTED ? carp_rule_word(out->rule)
                                                  : verdict_word(out->verdict));
    memcpy(at, ")", sizeof ")");
}

static void write_step(struct journal *j, unsigned group, carp_instant now,
                       const struct carp_event *event, const struct carp_outcome *out)
{
    const struct carp *carp = &host_group(j->host, group)->carp;
    struct format_block block;
    block.kind = FORMAT_STEP;
    block.step = (struct format_step){
        .number = j->number,
        .now = now,
        .group = (uint16_t)group,
        .event = *event,
        .verdict = out->verdict,
        .rule = out->rule,
        .from = out->from,
        .to = out->to,
        .ours = out->ours,
        .theirs = out->theirs,
        .waited = out->waited,
        .notices = (uint16_t)out->notices,
        .count = out->count,
        .deadline = carp_deadline(carp),
        .counter = carp->counter,
        .seed = carp->seed,
        .sent = (uint16_t)j->sent_count,
    };
    for (unsigned i = 0; i < out->count; i++) {
        block.step.actions[i] = out->at[i].type;
    }
    for (unsigned i = j->sent_count; i-- > 0;) {
        if (j->sent[i].error != 0) {
            block.step.failed += 1;
            block.step.error = (uint16_t)-j->sent[i].error;
        }
    }
    write_block(j, &block);
}

/* comment  NULL: it is at the packet that caused the step. */
static void write_sent(struct journal *j, unsigned group, carp_instant now, const char *comment)
{
    for (unsigned i = 0; i < j->sent_count; i++) {
        const struct journal_sent *sent = &j->sent[i];
        const char *comments[2];
        size_t count = 0;
        if (i == 0 && comment != NULL) {
            comments[count++] = comment;
        }
        if (sent->error != 0) {
            comments[count++] = "not sent";
        }
        write_packet(j, now, host_group(j->host, group)->plan->interface, PCAPNG_OUTBOUND,
                     sent->frame, sent->size, comments, count);
    }
}

void journal_stepped(struct journal *j, unsigned group, carp_instant now,
                     const struct carp_event *event, const struct carp_outcome *out)
{
    bool is_advert = event->type == CARP_EVENT_ADVERT;
    tell_left_out(j, now);
    if (out->verdict != CARP_ACCEPTED && is_too_many(j, now)) {
        j->heard = NULL;
        return;
    }
    if (j->open) {
        char comment[COMMENT_MAX];
        explain(comment, j->groups[group], out);
        if (is_advert) {
            assert(j->heard != NULL);
            write_heard(j, comment);
        }
        write_step(j, group, now, event, out);
        write_sent(j, group, now, is_advert ? NULL : comment);
    }
    if (is_advert) {
        j->heard = NULL;
    }
    j->sent_count = 0;
    j->number += 1;
}

void journal_clock(struct journal *j, carp_instant now, uint64_t wall_ns)
{
    uint64_t before = j->wall_ns, after = wall_ns - now.ns;
    uint64_t ahead = after - before, apart = ahead < 0 - ahead ? ahead : 0 - ahead;
    j->wall_ns = after;
    tell_left_out(j, now);
    if (apart > CLOCK_STEP_NS) {
        struct format_block block = {.kind = FORMAT_CLOCK};
        block.clock = (struct format_clock){now, before, after};
        write_block(j, &block);
    }
}
