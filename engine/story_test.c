/* Text for people: addresses as RFC 5952 wants them, lines that never overrun. */
#include <string.h>

#include "engine/lab.h"
#include "tools/testkit/testkit.h"

/* Source: RFC 5952 sections 4 and 5; mixed notation is not ours. */
TEST_CASE(story, writes_addresses_in_their_canonical_form)
{
    static const struct {
        uint8_t family;
        const char *hex, *want;
    } rows[] = {
        {4, "0a630001", "10.99.0.1"},
        {4, "ffffffff", "255.255.255.255"},
        {6, "00000000000000000000000000000000", "::"},
        {6, "00000000000000000000000000000001", "::1"},
        {6, "20010db8000000000000000000000001", "2001:db8::1"},
        {6, "20010db8000000000001000000000001", "2001:db8::1:0:0:1"}, /* 4.2.3: the first of two */
        {6, "20010db8000000010001000100010001", "2001:db8:0:1:1:1:1:1"}, /* 4.2.2: not one field */
        {6, "20010000000000010000000000000001", "2001:0:0:1::1"},        /* 4.2.3: the longest */
        {6, "fe800000000000000000000000000011", "fe80::11"},
        {6, "20010db8aaaabbbbccccddddeeee0000", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:0"},
        {6, "00010000000000000000000000000000", "1::"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t address[16];
        char text[STORY_ADDRESS_MAX];
        tk_unhex(rows[i].hex, address, sizeof address);
        EXPECT_STR(rows[i].want, story_address(rows[i].family, address, text));
    }
}

TEST_CASE(story, is_cut_where_its_room_ends)
{
    struct lab lab;
    char text[STORY_LINE_MAX];
    lab_init(&lab, (struct carp_config){.advbase = 1});
    lab_link(&lab, true);
    lab_run(&lab, AT_S(3));
    struct carp_event timeout = {.type = CARP_EVENT_TIMEOUT};
    const char *whole = "3.000000000 BACKUP -> MASTER (silence): claim, send, announce";
    for (size_t room = 1; room <= strlen(whole) + 2; room++) {
        char want[STORY_LINE_MAX] = "";
        memset(text, 'x', sizeof text);
        memcpy(want, whole, room - 1 < strlen(whole) ? room - 1 : strlen(whole));
        size_t size = story_line(text, room, lab.now, &timeout, &lab.out);
        EXPECT_STR(want, text);
        EXPECT_U64(strlen(want), size);
        EXPECT_INT('x', text[room]);
    }
}

/* What an operator searches for: the forms of story.h and the words of verdict.h and carp.h. */
TEST_CASE(story, tells_what_was_heard_and_what_was_noticed)
{
    static const struct carp_packet packet = {.family = 4, .source = {10, 0, 0, 2}};
    static const struct {
        struct carp_outcome out;
        const char *want;
    } rows[] = {
        {{.rule = CARP_RULE_WORSE_MASTER,
          .from = CARP_MASTER,
          .to = CARP_MASTER,
          .theirs = {0, 1, 200},
          .count = 1,
          .at = {{.type = CARP_ANNOUNCE}}},
         "5.000000001 MASTER hears 10.0.0.2 1/200 (worse-master): announce"},
        {{.verdict = CARP_BAD_DIGEST,
          .from = CARP_MASTER,
          .to = CARP_MASTER,
          .theirs = {0, 1, 200}},
         "5.000000001 MASTER refuses 10.0.0.2 1/200 (bad-digest)"},
        {{.rule = CARP_RULE_PEER_DEMOTED,
          .from = CARP_BACKUP,
          .to = CARP_MASTER,
          .theirs = {1, 1, 0},
          .count = 2,
          .at = {{.type = CARP_CLAIM}, {.type = CARP_SEND}}},
         "5.000000001 BACKUP hears 10.0.0.2 1/0 demoted 1 -> MASTER (peer-demoted): claim, send"},
        {{.rule = CARP_RULE_MASTER_ALIVE,
          .from = CARP_BACKUP,
          .to = CARP_BACKUP,
          .notices = CARP_NOTICE_EQUAL_TIMERS | CARP_NOTICE_DEAF_IPV4},
         "5.000000001 BACKUP hears 10.0.0.2 0/0 (master-alive) [equal timers] [deaf over IPv4]"},
        {{.rule = CARP_RULE_MASTER_ALIVE,
          .from = CARP_BACKUP,
          .to = CARP_BACKUP,
          .notices = CARP_NOTICE_DEAF_IPV6},
         "5.000000001 BACKUP hears 10.0.0.2 0/0 (master-alive) [deaf over IPv6]"},
        {{.rule = CARP_RULE_MASTER_ALIVE,
          .from = CARP_BACKUP,
          .to = CARP_BACKUP,
          .notices = CARP_NOTICE_HEARING_BOTH},
         "5.000000001 BACKUP hears 10.0.0.2 0/0 (master-alive) [hearing both]"},
    };
    struct carp_event advert = {.type = CARP_EVENT_ADVERT, .packet = &packet};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[STORY_LINE_MAX];
        size_t size = story_line(text, sizeof text, AT_NS(5000000001), &advert, &rows[i].out);
        EXPECT_STR(rows[i].want, text);
        EXPECT_U64(strlen(rows[i].want), size);
    }
}
