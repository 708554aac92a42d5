/*
 * What goes out, byte for byte: adverts and farewells against genuine frames and published vectors;
 * counters; and the state as plain memory.
 */
#include <string.h>

#include "engine/lab.h"
#include "tools/testkit/testkit.h"

static void expect_hex(const char *hex, const uint8_t *bytes, size_t from)
{
    uint8_t want[FRAME_MAX];
    size_t size = tk_unhex(hex, want, sizeof want);
    ASSERT_TRUE(bytes != NULL);
    EXPECT_BYTES(want + from, bytes + from, size - from);
}

/* Source: captures/netbsd-7.99.34-v4-one.pcap, first advert: NetBSD 192.0.2.11, vhid 7, 1/0, key
 * `secret`. With its kind of MAC and its counter we send the very same 70 bytes. */
TEST_CASE(carp_wire, sends_the_advert_that_netbsd_sends)
{
    struct lab lab;
    lab_init(&lab, (struct carp_config){.advbase = 1, .source_mac = CARP_SOURCE_MAC_VIRTUAL});
    carp_init(&lab.carp, 1, UINT64_C(0x39d458789acd52c7) - 1);
    lab_link(&lab, true);
    lab_run(&lab, AT_S(3));
    EXPECT_INT(70, lab.out.at[1].size);
    expect_hex("01005e00001200005e00010708004510003800004000ff70d927c000020be000001221070007"
               "0001c95239d458789acd52c708fa2e837f50744b25d2313d6cf56ba96f40cbb4",
               lab_sent(&lab, 1), 0);
}

TEST_CASE(carp_wire, sends_from_the_interfaces_own_mac_unless_told_otherwise)
{
    struct lab lab;
    lab_init(&lab, (struct carp_config){.advbase = 1});
    lab_link(&lab, true);
    lab_run(&lab, AT_S(3));
    expect_hex("02000000001108004510", lab_sent(&lab, 1) + 6, 0);
}

/* Source: captures/netbsd-7.99.34-v4-failover-bowout.pcap at 8.000565 s: addresses 192.0.2.7 and
 * .8, the counter one above the advert before. */
TEST_CASE(carp_wire, sends_the_farewell_that_netbsd_sends_when_it_stops)
{
    static const char *const farewell =
        "01005e00001200005e00010708004510003800004000ff70d927c000020be00000122107ff0700ff3fec"
        "63c14bd601aa1d0659f7e4d552d404c6ecd5a0dae783a6479cb68223";
    struct lab lab;
    for (int way = 0; way < 3; way++) {
        lab_init(&lab, (struct carp_config){.advbase = 1,
                                            .ipv4_count = 2,
                                            .ipv4 = {{192, 0, 2, 7}, {192, 0, 2, 8}}});
        memcpy(lab.self.mac, (const uint8_t[]){0x00, 0x00, 0x5e, 0x00, 0x01, 0x07}, 6);
        carp_init(&lab.carp, 1, UINT64_C(0x63c14bd601aa1d06) - 2);
        lab_link(&lab, true);
        lab_run(&lab, AT_S(3));
        if (way == 0) {
            tk_row("stop");
            lab_event(&lab, CARP_EVENT_STOP);
            EXPECT_INT(2, lab.out.count);
            expect_hex(farewell, lab_sent(&lab, 1), 0);
        } else if (way == 1) {
            tk_row("step down");
            lab_yield(&lab, CARP_YIELD_OPERATOR, CARP_SECONDS(0));
            EXPECT_INT(2, lab.out.count);
            expect_hex(farewell, lab_sent(&lab, 1), 0);
        } else {
            tk_row("prepared for the guardian, one counter ahead");
            uint8_t frame[FRAME_MAX];
            struct carp before = lab.carp;
            EXPECT_U64(70, carp_farewell(&lab.config, &lab.crypto, &lab.carp, 4, 1, frame));
            expect_hex(farewell, frame, 0);
            EXPECT_U64(0, carp_farewell(&lab.config, &lab.crypto, &lab.carp, 6, 1, frame));
            EXPECT_BYTES(&before, &lab.carp, sizeof before);
        }
    }
}

/* Source: carp-vectors.json, openbsd-bow-out: demotion 3 in byte 4, 192.168.1.2, vhid 1. The bytes
 * before the source address hold OpenBSD's random identification, which we leave at zero. */
TEST_CASE(carp_wire, keeps_its_demotion_in_a_farewell_as_openbsd_does)
{
    struct lab lab;
    lab_init(&lab, (struct carp_config){.vhid = 1,
                                        .advbase = 1,
                                        .key_count = 1,
                                        .keys = {"mekmitasdigoat"},
                                        .ipv4_count = 1,
                                        .ipv4 = {{192, 168, 1, 1}},
                                        .dialect = CARP_DIALECT_OPENBSD});
    memcpy(lab.self.ipv4, (const uint8_t[]){192, 168, 1, 2}, 4);
    carp_init(&lab.carp, 1, UINT64_C(0x5be1c0de5be1c0de) - 2);
    lab_demote(&lab, 3);
    lab_link(&lab, true);
    lab_run(&lab, AT_S(3));
    lab_event(&lab, CARP_EVENT_STOP);
    expect_hex("01005e00001200005e00010108004510003812344000ff70c754c0a80102e00000122101ff0703ff"
               "07815be1c0de5be1c0de3356d2cad9c0aa3cbb4912927e2e5547f0eb7e9a",
               lab_sent(&lab, 1), 26);
}

/* Source: carp-vectors.json, v6-single (FreeBSD's form, traffic class 0xe0; ours is 0 as OpenBSD's
 * and NetBSD's, so the fifteenth byte is 0x60 and the sixteenth 0x00 here). */
TEST_CASE(carp_wire, sends_the_ipv6_advert_of_the_vectors)
{
    struct lab lab;
    lab_init(&lab, (struct carp_config){.vhid = 1,
                                        .advbase = 1,
                                        .key_count = 1,
                                        .keys = {"foobar"},
                                        .ipv6_count = 1,
                                        .ipv6 = {{0x20, 0x01, 0x0d, 0xb8, [15] = 1}}});
    memcpy(lab.self.mac, (const uint8_t[]){0x00, 0x00, 0x5e, 0x00, 0x01, 0x01}, 6);
    lab.self.ipv6[15] = 2;
    carp_init(&lab.carp, 1, UINT64_C(0x0123456789abcdef) - 1);
    lab_link(&lab, true);
    lab_run(&lab, AT_S(3));
    EXPECT_INT(3, lab.out.count); /* claim, one advert (no IPv4 addresses), announce */
    EXPECT_INT(90, lab.out.at[1].size);
    expect_hex("33330000001200005e00010186dd60000000002470fffe800000000000000000000000000002ff02"
               "000000000000000000000000001221010007000117c40123456789abcdef35a25fc36ca73f8926c7"
               "39ab8c9ba4a5adf2a7d0",
               lab_sent(&lab, 1), 0);
}

/* The low 23 bits of the group make the MAC (RFC 1112 6.4); broadcast changes the MAC alone, as
 * UCARP's --nomcast does. Frame bytes 0..5 and 30..33. */
TEST_CASE(carp_wire, addresses_its_adverts_to_the_configured_group)
{
    struct lab lab;
    lab_init(&lab, (struct carp_config){.advbase = 1, .ipv4_group = {239, 129, 2, 3}});
    lab_link(&lab, true);
    lab_run(&lab, AT_S(3));
    const uint8_t *frame = lab_sent(&lab, 1);
    EXPECT_BYTES(((const uint8_t[]){0x01, 0x00, 0x5e, 0x01, 0x02, 0x03}), frame, 6);
    EXPECT_BYTES(((const uint8_t[]){239, 129, 2, 3}), frame + 30, 4);
    EXPECT_INT(CARP_OTHER_GROUP,
               lab_hear(&lab, AT_MS(3100), (struct lab_advert){.host = 10, .advbase = 1}));

    lab_init(&lab, (struct carp_config){.advbase = 1, .broadcast = true});
    lab_link(&lab, true);
    lab_run(&lab, AT_S(3));
    frame = lab_sent(&lab, 1);
    EXPECT_BYTES(((const uint8_t[]){0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), frame, 6);
    EXPECT_BYTES(((const uint8_t[]){224, 0, 0, 18}), frame + 30, 4);
}

/* --- counters ------------------------------------------------------------------------------------
 */

TEST_CASE(counter, grows_by_one_an_advert_from_its_anchor)
{
    struct lab lab;
    lab_init(&lab, (struct carp_config){.advbase = 1});
    carp_init(&lab.carp, 1, carp_counter_anchor(UINT64_C(1700000000500000000)));
    EXPECT_U64(UINT64_C(1782579200524288), lab.carp.counter); /* 1,700,000,000.5 x 2^20 */
    lab_link(&lab, true);
    lab_run(&lab, AT_S(7));
    EXPECT_U64(UINT64_C(1782579200524293), lab.carp.counter);
    EXPECT_U64(UINT64_C(1782579201048575), carp_counter_anchor(UINT64_C(1700000000999999999)));
    EXPECT_U64(UINT64_C(1782579201048576), carp_counter_anchor(UINT64_C(1700000001000000000)));
}

/* A year of wall time ahead, and so not taken at first sight. */
#define FAR_AHEAD ((UINT64_C(1) << 45) + LAB_COUNTER)

TEST_CASE(counter, goes_on_above_a_sender_that_counts_up)
{
    struct lab lab;
    lab_init(&lab, (struct carp_config){.advbase = 1});
    lab_link(&lab, true);
    lab_hear(&lab, AT_S(1), (struct lab_advert){.host = 10, .advbase = 1, .counter = FAR_AHEAD});
    EXPECT_U64(LAB_COUNTER, lab.carp.counter); /* one value tells nothing */
    lab_hear(&lab, AT_S(2),
             (struct lab_advert){.host = 10, .advbase = 1, .counter = FAR_AHEAD + 1});
    EXPECT_U64(FAR_AHEAD + 1, lab.carp.counter);
    lab_run(&lab, AT_S(5));
    EXPECT_U64(FAR_AHEAD + 2, lab.carp.counter);
}

/* Who starts after its clock went back is behind its group by as much, 2^20 a second; it must not
 * wait for a second advert to find that out, because until then what it says is old. Found by the
 * simulator: such a host, back and preferred, was refused for two adverts. */
TEST_CASE(counter, is_taken_from_the_first_advert_that_is_less_than_a_year_ahead)
{
    static const struct {
        uint64_t ahead;
        bool taken;
    } rows[] = {
        {60 << 20, true}, {FAR_AHEAD - LAB_COUNTER - 1, true}, {FAR_AHEAD - LAB_COUNTER, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lab lab;
        lab_init(&lab, (struct carp_config){.advbase = 1});
        lab_link(&lab, true);
        uint64_t heard = LAB_COUNTER + rows[i].ahead;
        lab_hear(&lab, AT_S(1), (struct lab_advert){.host = 10, .advbase = 1, .counter = heard});
        EXPECT_U64(rows[i].taken ? heard : LAB_COUNTER, lab.carp.counter);
    }
}

/* Lower ones, random ones, constant ones and those 2^52 or more ahead leave ours where it was. */
TEST_CASE(counter, is_not_moved_by_other_senders)
{
    static const struct {
        const char *why;
        uint64_t heard[4];
    } senders[] = {
        {"behind ours", {10, 11, 12, 13}},
        {"random",
         {UINT64_C(0xb7c15ab93b38ee9c), UINT64_C(0x30f6c1f5cb7e10d3), UINT64_C(0x51a6f2b6bf8e0001),
          UINT64_C(0x0f72d89a91d6c223)}},
        {"constant", {FAR_AHEAD, FAR_AHEAD, FAR_AHEAD, FAR_AHEAD}},
        {"too far ahead",
         {(UINT64_C(1) << 52) + LAB_COUNTER, (UINT64_C(1) << 52) + LAB_COUNTER + 1,
          (UINT64_C(1) << 52) + LAB_COUNTER + 2, (UINT64_C(1) << 52) + LAB_COUNTER + 3}},
    };
    for (size_t i = 0; i < sizeof senders / sizeof *senders; i++) {
        struct lab lab;
        tk_row(senders[i].why);
        lab_init(&lab, (struct carp_config){.advbase = 1});
        lab_link(&lab, true);
        for (uint64_t j = 0; j < 4; j++) {
            lab_hear(&lab, AT_S(1 + j),
                     (struct lab_advert){.host = 10, .advbase = 1, .counter = senders[i].heard[j]});
            EXPECT_INT(CARP_ACCEPTED, lab.out.verdict);
        }
        EXPECT_U64(LAB_COUNTER, lab.carp.counter);
    }
}

/* Where only growing counters are heard, the first advert must do, or a node that heard one advert
 * of a peer with a faster clock would not be heard itself when it takes over. */
TEST_CASE(counter, is_taken_from_the_first_advert_where_growth_is_enforced)
{
    struct lab lab;
    lab_init(&lab, (struct carp_config){.advbase = 1, .replay = CARP_REPLAY_ENFORCE});
    lab_link(&lab, true);
    lab_hear(&lab, AT_S(1), (struct lab_advert){.host = 10, .advbase = 1, .counter = 7000000});
    EXPECT_U64(7000000, lab.carp.counter);
}

/* --- state as memory -----------------------------------------------------------------------------
 */

/* A day in the life: every event type, in an order drawn from `seed`, on a node of its own. */
static void live(struct lab *lab, uint64_t seed, int steps)
{
    for (int i = 0; i < steps; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        unsigned choice = (unsigned)(seed >> 33) % 32;
        carp_instant later = {lab->now.ns + (seed >> 40) % 1000 * UINT64_C(1000000)};
        struct lab_advert advert = {.host = (uint8_t)(9 + choice % 4),
                                    .kind = choice % 3,
                                    .ipv6 = choice % 2 == 1,
                                    .advbase = 1,
                                    .advskew = (uint8_t)(99 + choice % 3)};
        if (choice < 16) {
            lab_hear(lab, later, advert);
        } else if (choice < 24) {
            lab_run(lab, (carp_instant){later.ns + 2000000000});
        } else if (choice == 24) {
            lab_demote(lab, (uint16_t)(seed >> 50));
        } else if (choice == 25) {
            lab_yield(lab, CARP_YIELD_OPERATOR, CARP_MILLISECONDS(choice));
        } else if (choice == 26) {
            lab_link(lab, false);
        } else if (choice < 30) {
            lab_link(lab, true);
        } else {
            lab_event(lab, choice == 30 ? CARP_EVENT_SEND_FAILED : CARP_EVENT_OVERSLEPT);
        }
    }
}

static void begin(struct lab *lab, uint64_t seed)
{
    lab_init(lab, (struct carp_config){.advbase = 1,
                                       .advskew = 100,
                                       .preempt = true,
                                       .ipv4_count = 1,
                                       .ipv4 = {{192, 0, 2, 7}},
                                       .ipv6_count = 1,
                                       .ipv6 = {{0x20, 0x01, [15] = 7}}});
    carp_init(&lab->carp, seed, LAB_COUNTER);
    lab_link(lab, true);
}

/* Equal configuration, seed and events give equal states, stories and outcomes; a copy taken at any
 * point, and lived on elsewhere, does not know that it is one. */
TEST_CASE(state, continues_identically_in_a_copy_taken_at_any_point)
{
    static struct lab whole, copy;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        begin(&whole, seed);
        begin(&copy, seed);
        live(&whole, seed, (int)seed);
        live(&copy, seed, (int)seed);
        struct carp snapshot;
        memcpy(&snapshot, &copy.carp, sizeof snapshot);
        memset(&copy.carp, 0xa5, sizeof copy.carp);
        memcpy(&copy.carp, &snapshot, sizeof snapshot);
        live(&whole, seed + 1000, 60);
        live(&copy, seed + 1000, 60);
        EXPECT_STR(whole.story, copy.story);
        EXPECT_BYTES(&whole.carp, &copy.carp, sizeof whole.carp);
        EXPECT_INT(whole.out.count, copy.out.count);
        for (unsigned i = 0; i < whole.out.count; i++) {
            EXPECT_INT(whole.out.at[i].size, copy.out.at[i].size);
            EXPECT_BYTES(whole.out.at[i].frame, copy.out.at[i].frame, whole.out.at[i].size);
        }
    }
}

/* The seed decides nothing but the wait after a tie. */
TEST_CASE(state, differs_with_the_seed_only_after_a_tie)
{
    struct lab one, two;
    begin(&one, 1);
    begin(&two, 2);
    lab_run(&one, AT_S(9));
    lab_run(&two, AT_S(9));
    lab_hear(&one, AT_S(9), (struct lab_advert){.host = 10, .advbase = 1, .advskew = 99});
    lab_hear(&two, AT_S(9), (struct lab_advert){.host = 10, .advbase = 1, .advskew = 99});
    EXPECT_STR(one.story, two.story);
    EXPECT_U64(carp_deadline(&one.carp).ns, carp_deadline(&two.carp).ns);
    lab_run(&one, AT_S(13));
    lab_run(&two, AT_S(13));
    lab_hear(&one, AT_S(13), (struct lab_advert){.host = 10, .advbase = 1, .advskew = 100});
    lab_hear(&two, AT_S(13), (struct lab_advert){.host = 10, .advbase = 1, .advskew = 100});
    EXPECT_STR(one.story, two.story);
    EXPECT_TRUE(carp_deadline(&one.carp).ns != carp_deadline(&two.carp).ns);
}
