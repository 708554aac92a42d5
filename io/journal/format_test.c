/* Blocks as docs/JOURNAL.md lays them out, byte by byte; and what is refused. */
#include "io/journal/format.h"

#include <string.h>

#include "tools/testkit/testkit.h"

/* Goal: the page and the code say the same. Laid by hand, from the page. */
TEST_CASE(format, a_step_lies_as_the_page_says)
{
    static const char hex[] = "4341524a04004900" /* CARJ, step, 73 bytes */
                              "0500000000000000" /* number 5 */
                              "e8d418ca00000000" /* at 3.390625 s */
                              "0201"             /* group 258 */
                              "03"               /* timeout */
                              "00050102"         /* accepted, silence, BACKUP, MASTER */
                              "000164000000"     /* 1/100, and nobody's */
                              "e80a7e8e00000000" /* waited 2.390625 s */
                              "0100"             /* notice: equal timers */
                              "03010003"         /* three actions: claim, send, announce */
                              "d015fc1c01000000" /* next advert at 4.78125 s */
                              "efcdab8967452301" /* counter */
                              "0807060504030201" /* seed */
                              "020001006400";    /* two frames, one not sent: 100 */
    struct format_block block = {.kind = FORMAT_STEP}, read;
    uint8_t want[128], got[FORMAT_BLOCK_MAX];
    block.step = (struct format_step){
        .number = 5,
        .now = {3390625000},
        .group = 258,
        .event = {.type = CARP_EVENT_TIMEOUT},
        .verdict = CARP_ACCEPTED,
        .rule = CARP_RULE_SILENCE,
        .from = CARP_BACKUP,
        .to = CARP_MASTER,
        .ours = {0, 1, 100},
        .waited = {2390625000},
        .notices = CARP_NOTICE_EQUAL_TIMERS,
        .count = 3,
        .actions = {CARP_CLAIM, CARP_SEND, CARP_ANNOUNCE},
        .deadline = {4781250000},
        .counter = 0x0123456789abcdef,
        .seed = 0x0102030405060708,
        .sent = 2,
        .failed = 1,
        .error = 100,
    };
    size_t size = tk_unhex(hex, want, sizeof want);
    EXPECT_U64(size, format_write(&block, got));
    EXPECT_BYTES(want, got, size);
    EXPECT_TRUE(format_read(want, size, &read) == NULL);
    EXPECT_INT(258, read.step.group);
    EXPECT_INT(CARP_RULE_SILENCE, read.step.rule);
    EXPECT_U64(4781250000, read.step.deadline.ns);
    EXPECT_INT(CARP_ANNOUNCE, read.step.actions[2]);
    EXPECT_INT(100, read.step.error);
}

/* Every byte of an event's data is somewhere, and comes back. */
static const struct {
    const char *why;
    struct carp_event event;
} event_rows[] = {
    {"link up",
     {.type = CARP_EVENT_LINK_UP,
      .link = {.mac = {1, 2, 3, 4, 5, 6},
               .has_ipv6 = true,
               .ipv4 = {7, 8, 9, 10},
               .ipv6 = {11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26}}}},
    {"demotion", {.type = CARP_EVENT_DEMOTE, .demotion = 0x1234}},
    {"farewell", {.type = CARP_EVENT_DISOWNED, .farewell = 0x123456789abcdef0}},
    {"yield",
     {.type = CARP_EVENT_YIELD, .yield = {.why = CARP_YIELD_CLAIM_FAILED, .hold = {1234567}}}},
    {"stop", {.type = CARP_EVENT_STOP}},
};

TEST_CASE(format, events_come_back_as_they_were)
{
    for (size_t i = 0; i < sizeof event_rows / sizeof *event_rows; i++) {
        tk_row(event_rows[i].why);
        uint8_t bytes[FORMAT_BLOCK_MAX];
        struct format_block block = {.kind = FORMAT_STEP}, read;
        block.step.event = event_rows[i].event;
        size_t size = format_write(&block, bytes);
        ASSERT_TRUE(format_read(bytes, size, &read) == NULL);
        const struct carp_event *want = &event_rows[i].event, *got = &read.step.event;
        EXPECT_INT(want->type, got->type);
        EXPECT_BYTES(&want->link, &got->link, sizeof want->link); /* the union's largest */
        EXPECT_U64(want->type == CARP_EVENT_YIELD ? want->yield.hold.ns : 0,
                   got->type == CARP_EVENT_YIELD ? got->yield.hold.ns : 0);
    }
}

/* Every byte of a struct carp, whatever it holds: a field that was forgotten comes back as zero. */
TEST_CASE(format, no_field_of_the_state_is_forgotten)
{
    uint8_t bytes[FORMAT_BLOCK_MAX];
    struct format_block block = {.kind = FORMAT_STATE}, read;
    struct carp *c = &block.state.carp;
    memset(c, 0x11, sizeof *c);
    for (int i = 0; i < REPLAY_SENDERS_MAX; i++) {
        c->senders.counting[i] = REPLAY_COUNTS_UP;
    }
    c->state = CARP_MASTER;
    memset(&c->self.has_ipv4, 1, sizeof(bool));
    memset(&c->self.has_ipv6, 1, sizeof(bool));
    c->sending_fails = c->reasserted = c->deaf[0] = c->deaf[1] = c->tie_noticed = true;
    block.state.layout = FORMAT_STATE_LAYOUT;
    size_t size = format_write(&block, bytes);
    ASSERT_TRUE(format_read(bytes, size, &read) == NULL);
    /* All but the padding at its end, after `best`. */
    EXPECT_BYTES(c, &read.state.carp, offsetof(struct carp, best) + 1);
}

/* As above, of a configuration: all but the keys, which must not be there. */
TEST_CASE(format, a_configuration_comes_without_its_keys)
{
    uint8_t bytes[FORMAT_BLOCK_MAX];
    struct format_block block = {.kind = FORMAT_CONFIG}, read;
    struct carp_config *c = &block.config.config;
    *c = (struct carp_config){.vhid = 1,
                              .advbase = 2,
                              .advskew = 3,
                              .dead_ratio = 4,
                              .preempt = true,
                              .dialect = CARP_DIALECT_OPENBSD,
                              .replay = CARP_REPLAY_OFF,
                              .source_mac = CARP_SOURCE_MAC_VIRTUAL,
                              .hold_down = {5},
                              .preempt_delay = {6},
                              .broadcast = true,
                              .ipv4_group = {7, 8, 9, 10},
                              .key_count = 4,
                              .keys = {"secret", "secret", "secret", "secret"},
                              .ipv4_count = CARP_ADDRESSES_MAX,
                              .ipv6_count = CARP_ADDRESSES_MAX};
    memset(c->ipv4, 0x44, sizeof c->ipv4);
    memset(c->ipv6, 0x66, sizeof c->ipv6);
    memset(block.config.name, 'n', FORMAT_NAME_MAX);
    memset(block.config.interface_name, 'i', FORMAT_NAME_MAX);
    size_t size = format_write(&block, bytes);
    for (size_t i = 0; i + 6 <= size; i++) {
        EXPECT_TRUE(memcmp(bytes + i, "secret", 6) != 0);
    }
    ASSERT_TRUE(format_read(bytes, size, &read) == NULL);
    memset(c->keys, 0, sizeof c->keys);
    EXPECT_BYTES(c, &read.config.config, sizeof *c);
    EXPECT_STR(block.config.name, read.config.name);
    EXPECT_STR(block.config.interface_name, read.config.interface_name);
}

/* One byte of a block is wrong: what is said of it. */
static const struct {
    const char *why;
    enum format_kind kind;
    size_t at;
    uint8_t value;
    const char *wrong;
} wrong_rows[] = {
    {"no kind", FORMAT_STEP, 4, 0, "its kind is one this build does not know"},
    {"a kind to come", FORMAT_STEP, 4, FORMAT_KIND_END, "its kind is one this build does not know"},
    {"a size beyond the block", FORMAT_STEP, 7, 1, "its size is not that of its block"},
    {"another version", FORMAT_START, 8, 2, "it is of another version of the format than 1"},
    {"no reason", FORMAT_START, 10, FORMAT_WHY_COUNT, "its reason is none"},
    {"an event to come", FORMAT_STEP, 26, CARP_EVENT_STOP + 1, "its event is none"},
    {"a verdict to come", FORMAT_STEP, 27, CARP_VERDICT_COUNT,
     "its verdict is one this build does not know"},
    {"a rule to come", FORMAT_STEP, 28, CARP_RULE_COUNT,
     "its rule is one this build does not know"},
    {"no state", FORMAT_STEP, 30, CARP_STATE_COUNT, "its state is none"},
    {"five actions", FORMAT_STEP, 47, 5, "it has more than 4 actions"},
    {"a time too late", FORMAT_STEP, 23, 0x80, "an instant in it is too late"},
    {"vhid 0", FORMAT_CONFIG, 14, 0, "it is a configuration that carpd refuses"},
    {"65 addresses", FORMAT_CONFIG, 44, 65, "it has more than 64 IPv4 addresses"},
    {"neither yes nor no", FORMAT_CONFIG, 18, 2, "a yes or no in it is neither"},
    {"a deadline in INIT", FORMAT_STATE, 12, 1, "an instant in it is too late"},
    {"BACKUP without a deadline", FORMAT_STATE, 178, CARP_BACKUP,
     "its state and its deadline contradict each other"},
};

TEST_CASE(format, what_is_out_of_range_is_refused)
{
    for (size_t i = 0; i < sizeof wrong_rows / sizeof *wrong_rows; i++) {
        uint8_t bytes[FORMAT_BLOCK_MAX];
        struct format_block block = {.kind = wrong_rows[i].kind}, read;
        if (block.kind == FORMAT_CONFIG) {
            block.config.config = (struct carp_config){.vhid = 1, .dead_ratio = 3};
        } else if (block.kind == FORMAT_STEP) {
            block.step.event.type = CARP_EVENT_TIMEOUT;
        } else if (block.kind == FORMAT_STATE) {
            block.state.layout = FORMAT_STATE_LAYOUT;
            block.state.carp.deadline = CARP_NEVER;
        }
        size_t size = format_write(&block, bytes);
        tk_row(wrong_rows[i].why);
        EXPECT_TRUE(format_read(bytes, size, &read) == NULL);
        bytes[wrong_rows[i].at] = wrong_rows[i].value;
        const char *wrong = format_read(bytes, size, &read);
        EXPECT_STR(wrong_rows[i].wrong, wrong == NULL ? "nothing" : wrong);
    }
}

/* Others use the documentation's number too. */
TEST_CASE(format, blocks_of_others_are_not_ours)
{
    EXPECT_TRUE(format_is_ours(32473, (const uint8_t *)"CARJ\4\0\0\0", 8));
    EXPECT_TRUE(!format_is_ours(32473, (const uint8_t *)"CARK\4\0\0\0", 8));
    EXPECT_TRUE(!format_is_ours(32474, (const uint8_t *)"CARJ\4\0\0\0", 8));
    EXPECT_TRUE(!format_is_ours(32473, (const uint8_t *)"CARJ\4\0\0", 7));
}
