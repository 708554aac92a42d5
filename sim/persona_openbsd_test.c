/*
 * OpenBSD, of which nothing was run: the rules of carp-protocol.md 4.5, and 2.2, 2.5, 4.3 and 5,
 * as read in its source. The digests themselves are those its own functions computed.
 */
#include <stdio.h>
#include <string.h>

#include "sim/persona_lab.h"
#include "tools/testkit/testkit.h"

static struct persona_lab lab;

static void begin(uint8_t advbase, uint8_t advskew, bool preempt, int demotion)
{
    persona_lab_begin(&lab);
    persona_lab_add(&lab, PERSONA_OPENBSD, 11, advbase, advskew);
    lab.nodes[0].carp.preempt = preempt;
    persona_lab_start(&lab, 0);
    persona_demote(&lab.nodes[0].persona, (carp_instant){lab.now_ns}, demotion);
}

static void run(unsigned ms)
{
    persona_lab_run(&lab, lab.now_ns + ms * LAB_MS);
}

static void hear(uint8_t advbase, uint8_t advskew, uint8_t demote, uint64_t counter)
{
    struct persona_draft draft = persona_draft(1, advbase, advskew, counter);
    uint8_t frame[FRAME_MAX];
    draft.demote = demote;
    persona_lab_hear(&lab, 0, frame, persona_draft_write(&draft, &lab.nodes[0].carp, frame));
}

static const struct persona_note *advert(unsigned index)
{
    for (unsigned i = 0; i < lab.note_count; i++) {
        if (lab.notes[i].type == NOTE_ADVERT && index-- == 0) {
            return &lab.notes[i];
        }
    }
    static const struct persona_note none;
    tk_fail(__FILE__, __LINE__, "no such advert");
    return &none;
}

/* Own 1/100 throughout. */
static const struct row {
    const char *why;
    bool preempt;
    int demotion;
    uint8_t advbase, advskew, demote;
    enum carp_state master, backup;
} rows[] = {
    {"faster", false, 0, 1, 50, 0, CARP_BACKUP, CARP_BACKUP},
    {"equal yields: no tie-break", false, 0, 1, 100, 0, CARP_BACKUP, CARP_BACKUP},
    {"slower", false, 0, 1, 150, 0, CARP_MASTER, CARP_BACKUP},
    {"slower, preempt", true, 0, 1, 150, 0, CARP_MASTER, CARP_MASTER},
    {"faster but demoted: taken over without preempt", false, 0, 1, 50, 1, CARP_MASTER,
     CARP_MASTER},
    {"equal but demoted", false, 0, 1, 100, 1, CARP_MASTER, CARP_MASTER},
    {"slower but we are demoted", true, 1, 1, 150, 0, CARP_BACKUP, CARP_BACKUP},
    {"both demoted alike: by the interval", false, 3, 1, 50, 3, CARP_BACKUP, CARP_BACKUP},
    {"both demoted alike, slower, preempt", true, 3, 1, 150, 3, CARP_MASTER, CARP_MASTER},
    {"will time out", false, 0, 3, 101, 0, CARP_MASTER, CARP_MASTER},
    {"just will not", false, 0, 3, 99, 0, CARP_MASTER, CARP_BACKUP},
    {"farewell", false, 0, 255, 255, 0, CARP_MASTER, CARP_MASTER},
    {"demotion counts to 255", false, 300, 1, 150, 255, CARP_MASTER, CARP_BACKUP},
};

TEST_CASE(persona_openbsd, compares_demotion_before_intervals)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        tk_row(row->why);
        for (int master = 0; master < 2; master++) {
            begin(1, 100, row->preempt, row->demotion);
            run(master ? 5000 : 500);
            EXPECT_INT(master ? CARP_MASTER : CARP_BACKUP, persona_lab_state(&lab, 0));
            hear(row->advbase, row->advskew, row->demote, 1);
            EXPECT_INT(master ? row->master : row->backup, persona_lab_state(&lab, 0));
            persona_lab_end(&lab);
        }
    }
}

/* 3 x (1 + 100/256) s = 4.171875 s, which ends with the tick of 4.18 s and one more. */
TEST_CASE(persona_openbsd, waits_three_whole_intervals_and_advertises_by_its_configured_skew)
{
    begin(1, 100, false, 5);
    run(10000);
    EXPECT_U64(LAB_S + 4190 * LAB_MS, advert(0)->ns);
    EXPECT_U64(advert(0)->ns + 1410 * LAB_MS, advert(1)->ns);
    EXPECT_INT(100, advert(1)->packet.advert.advskew);
    EXPECT_INT(5, advert(1)->packet.advert.demote);
    persona_lab_end(&lab);
}

TEST_CASE(persona_openbsd, takes_0_0_for_a_256th_of_a_second_and_times_nobody_out_with_advbase_0)
{
    begin(0, 0, false, 0);
    run(200);
    EXPECT_U64(LAB_S + 30 * LAB_MS, advert(0)->ns); /* 3/256 s: 11.7 ms */
    EXPECT_U64(advert(0)->ns + 20 * LAB_MS, advert(1)->ns);
    persona_lab_end(&lab);
    begin(0, 128, false, 0);
    run(500);
    hear(10, 0, 0, 1); /* it would take over by 0.5 < 10 */
    EXPECT_INT(CARP_BACKUP, persona_lab_state(&lab, 0));
    run(3000);
    EXPECT_U64(LAB_S + 2010 * LAB_MS, advert(0)->ns);
    persona_lab_end(&lab);
}

TEST_CASE(persona_openbsd, has_one_cookie_for_life_and_drops_adverts_that_carry_it)
{
    begin(1, 0, false, 0);
    run(5000);
    uint64_t cookie = advert(0)->packet.advert.counter;
    EXPECT_U64(cookie, advert(1)->packet.advert.counter);
    hear(1, 0, 0, cookie);
    EXPECT_INT(CARP_MASTER, persona_lab_state(&lab, 0));
    EXPECT_U64(1, lab.nodes[0].persona.fates[PERSONA_BADAUTH]);
    hear(1, 0, 0, cookie + 1);
    EXPECT_INT(CARP_BACKUP, persona_lab_state(&lab, 0));
    run(5000);
    EXPECT_U64(cookie, advert(3)->packet.advert.counter);
    persona_lab_end(&lab);
}

TEST_CASE(persona_openbsd, announces_from_the_virtual_mac_and_again_with_its_second_advert)
{
    static const uint8_t mac[6] = {0, 0, 0x5e, 0, 1, 1};
    begin(1, 0, false, 0);
    run(10000);
    EXPECT_U64(2, persona_lab_count(&lab, 0, NOTE_ARP, 0, UINT64_MAX));
    const struct persona_note *first = persona_lab_next(&lab, 0, NOTE_ARP, 0);
    EXPECT_U64(advert(0)->ns, first->ns);
    EXPECT_TRUE(first > advert(0));
    EXPECT_BYTES(mac, first->frame + 6, 6);
    EXPECT_BYTES(mac, first->frame + 22, 6);
    EXPECT_U64(advert(2)->ns, persona_lab_next(&lab, 0, NOTE_ARP, first->ns + 1)->ns);
    persona_lab_end(&lab);
}

TEST_CASE(persona_openbsd, forgets_its_second_announcement_when_it_yields)
{
    begin(1, 0, false, 0);
    run(3100);
    hear(1, 0, 0, 1);
    run(10000);
    EXPECT_U64(3, persona_lab_count(&lab, 0, NOTE_ARP, 0, UINT64_MAX));
    persona_lab_end(&lab);
}

TEST_CASE(persona_openbsd, bows_out_over_each_family_when_it_is_set_down_and_not_when_the_link_goes)
{
    static const uint8_t ipv6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 7};
    for (int link = 0; link < 2; link++) {
        persona_lab_begin(&lab);
        persona_lab_add(&lab, PERSONA_OPENBSD, 11, 1, 0);
        lab.nodes[0].carp.ipv6_count = 1;
        memcpy(lab.nodes[0].carp.ipv6[0], ipv6, 16);
        persona_lab_start(&lab, 0);
        run(3500);
        if (link) {
            persona_lab_link(&lab, 0, false);
        } else {
            persona_stop(&lab.nodes[0].persona, (carp_instant){lab.now_ns});
        }
        EXPECT_U64(link ? 0 : 2, persona_lab_count(&lab, 0, NOTE_ADVERT, lab.now_ns, UINT64_MAX));
        if (!link) {
            EXPECT_INT(4, advert(2)->packet.family);
            EXPECT_INT(6, advert(3)->packet.family);
            EXPECT_INT(255, advert(2)->packet.advert.advbase);
            EXPECT_INT(255, advert(3)->packet.advert.advskew);
        }
        EXPECT_INT(CARP_INIT, persona_lab_state(&lab, 0));
        EXPECT_INT(link, persona_adds(&lab.nodes[0].persona));
        persona_lab_end(&lab);
    }
}

TEST_CASE(persona_openbsd, advertises_a_growing_demotion_at_once)
{
    begin(1, 0, false, 0);
    run(3500);
    persona_demote(&lab.nodes[0].persona, (carp_instant){lab.now_ns}, 2);
    EXPECT_U64(lab.now_ns, advert(1)->ns);
    EXPECT_INT(2, advert(1)->packet.advert.demote);
    persona_demote(&lab.nodes[0].persona, (carp_instant){lab.now_ns}, 0);
    EXPECT_U64(2, persona_lab_count(&lab, 0, NOTE_ADVERT, 0, UINT64_MAX));
    persona_lab_end(&lab);
}

/* Sent without link-local addresses, accepted with them too: fe80::7 in the group. */
TEST_CASE(persona_openbsd, signs_without_link_local_addresses_and_accepts_both_forms)
{
    static const uint8_t ipv6[2][16] = {{0x20, 0x01, 0x0d, 0xb8, [15] = 7}, {0xfe, 0x80, [15] = 7}};
    persona_lab_begin(&lab);
    persona_lab_add(&lab, PERSONA_OPENBSD, 11, 1, 0);
    lab.nodes[0].carp.ipv6_count = 2;
    memcpy(lab.nodes[0].carp.ipv6, ipv6, sizeof ipv6);
    persona_lab_start(&lab, 0);
    struct carp_config without = lab.nodes[0].carp;
    without.ipv6_count = 1;
    for (unsigned form = 0; form < 2; form++) {
        struct persona_draft draft = persona_draft(1, 1, 0, 5);
        uint8_t frame[FRAME_MAX];
        size_t size = persona_draft_write(&draft, form == 0 ? &without : &lab.nodes[0].carp, frame);
        persona_lab_hear(&lab, 0, frame, size);
        EXPECT_U64(form + 1, lab.nodes[0].persona.fates[PERSONA_ACCEPTED]);
    }
    run(5000);
    struct persona_draft own = persona_draft(1, 1, 0, advert(0)->packet.advert.counter);
    uint8_t frame[FRAME_MAX];
    persona_draft_write(&own, &without, frame);
    EXPECT_BYTES(frame + 50, advert(0)->frame + 50, 20);
    persona_lab_end(&lab);
}

/* Each family has its own timer: the one that is not heard makes it MASTER. */
TEST_CASE(persona_openbsd, takes_over_when_one_of_two_families_is_silent)
{
    static const uint8_t ipv6[16] = {0x20, 0x01, 0x0d, 0xb8, [15] = 7};
    persona_lab_begin(&lab);
    persona_lab_add(&lab, PERSONA_OPENBSD, 11, 1, 0);
    lab.nodes[0].carp.ipv6_count = 1;
    memcpy(lab.nodes[0].carp.ipv6[0], ipv6, 16);
    persona_lab_start(&lab, 0);
    for (int i = 0; i < 3; i++) {
        run(900);
        hear(1, 0, 0, 1);
        EXPECT_INT(CARP_BACKUP, persona_lab_state(&lab, 0));
    }
    run(400);
    EXPECT_INT(CARP_MASTER, persona_lab_state(&lab, 0));
    persona_lab_end(&lab);
}

/* The group is joined on the carp interface; for nothing but the group is there a vhost (4.5, step
 * 6 of section 3). By reading alone, like NetBSD, which was seen. */
TEST_CASE(persona_openbsd, hears_what_comes_to_its_group_by_a_multicast_mac)
{
    static const struct {
        const char *why;
        uint8_t mac[6], ip[4];
        enum persona_fate fate;
    } ways[] = {
        {"as usual", {0x01, 0, 0x5e, 0, 0, 0x12}, {224, 0, 0, 18}, PERSONA_ACCEPTED},
        {"by broadcast", {255, 255, 255, 255, 255, 255}, {224, 0, 0, 18}, PERSONA_ACCEPTED},
        {"to the port", {2, 0, 0, 0, 0, 11}, {224, 0, 0, 18}, PERSONA_NOT_OURS},
        {"to the host", {2, 0, 0, 0, 0, 11}, {192, 0, 2, 11}, PERSONA_BADVHID},
        {"to another host", {2, 0, 0, 0, 0, 77}, {224, 0, 0, 18}, PERSONA_NOT_OURS},
        {"to another group", {0x01, 0, 0x5e, 0, 0, 0x63}, {224, 0, 0, 99}, PERSONA_NOT_OURS},
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct persona_draft draft = persona_draft(1, 1, 0, 5);
        uint8_t frame[FRAME_MAX];
        tk_row(ways[i].why);
        begin(1, 100, false, 0);
        memcpy(draft.destination_mac, ways[i].mac, 6);
        memcpy(draft.destination, ways[i].ip, 4);
        size_t size = persona_draft_write(&draft, &lab.nodes[0].carp, frame);
        persona_lab_hear(&lab, 0, frame, size);
        EXPECT_U64(1, lab.nodes[0].persona.fates[ways[i].fate]);
        persona_lab_end(&lab);
    }
}
