/*
 * Completeness: every event in every state, every refusal with its nearest acceptance, and the
 * words. That a refused advert changes nothing at all is checked on the whole state by memcmp().
 */
#include <string.h>

#include "engine/lab.h"
#include "tools/testkit/testkit.h"

static void reach(struct lab *lab, enum carp_state state)
{
    lab_init(lab, (struct carp_config){.advbase = 1, .advskew = 100});
    if (state != CARP_INIT) {
        lab_link(lab, true);
    }
    if (state == CARP_MASTER) {
        lab_run(lab, AT_NS(3390625000));
    }
    lab->now = AT_S(4);
    if (state == CARP_BACKUP) { /* so that 4 s is before the deadline */
        lab->now = AT_S(1);
        lab_hear(lab, AT_S(1), (struct lab_advert){.host = 10, .advbase = 1});
        lab->now = AT_S(4);
    }
    EXPECT_INT(state, carp_state(&lab->carp));
    lab_forget(lab);
}

/* --- every event in every state ------------------------------------------------------------------
 */

enum stimulus {
    UP,
    UP_CHANGED,
    UP_UNUSABLE,
    DOWN,
    FASTER,
    SLOWER,
    FAREWELL,
    EARLY,
    DUE,
    OVERSLEPT,
    SEND_FAILED,
    DEMOTE_MORE,
    DEMOTE_SAME,
    YIELD,
    RESTORED,
    STOP,
    STIMULUS_COUNT
};

/* clang-format off */
static const struct {
    const char *why;
    const char *story[CARP_STATE_COUNT]; /* in INIT, BACKUP, MASTER */
} table[STIMULUS_COUNT] = {
    [UP] = {"link up, as before",
        {"4.000000000 INIT -> BACKUP (link-up)\n", "", ""}},
    [UP_CHANGED] = {"link up, with another address",
        {"4.000000000 INIT -> BACKUP (link-up)\n",
         "4.000000000 BACKUP (identity)\n",
         "4.000000000 MASTER (identity): announce\n"}},
    [UP_UNUSABLE] = {"link up, without an address",
        {"", "4.000000000 BACKUP -> INIT (link-down)\n",
         "4.000000000 MASTER -> INIT (link-down): release\n"}},
    [DOWN] = {"link down",
        {"", "4.000000000 BACKUP -> INIT (link-down)\n",
         "4.000000000 MASTER -> INIT (link-down): release\n"}},
    [FASTER] = {"a faster advert",
        {"4.000000000 INIT refuses 192.0.2.10 1/50 (not-listening)\n",
         "4.000000000 BACKUP hears 192.0.2.10 1/50 (master-alive)\n",
         "4.000000000 MASTER hears 192.0.2.10 1/50 -> BACKUP (better-master): release, send\n"}},
    [SLOWER] = {"a slower advert",
        {"4.000000000 INIT refuses 192.0.2.10 1/150 (not-listening)\n",
         "4.000000000 BACKUP hears 192.0.2.10 1/150 (slower-tolerated)\n",
         "4.000000000 MASTER hears 192.0.2.10 1/150 (worse-master): announce\n"}},
    [FAREWELL] = {"a farewell",
        {"4.000000000 INIT refuses 192.0.2.10 255/255 (not-listening)\n",
         "4.000000000 BACKUP hears 192.0.2.10 255/255 -> MASTER (farewell)"
         ": claim, send, announce\n",
         "4.000000000 MASTER hears 192.0.2.10 255/255 (worse-master): announce\n"}},
    [EARLY] = {"a timeout before the deadline", {"", "", ""}},
    [DUE] = {"a timeout at the deadline",
        {"", "4.390625000 BACKUP -> MASTER (silence): claim, send, announce\n",
         "4.781250000 MASTER (advert-due): send\n"}},
    [OVERSLEPT] = {"overslept",
        {"", "4.000000000 BACKUP (overslept)\n",
         "4.000000000 MASTER -> BACKUP (overslept): release\n"}},
    [SEND_FAILED] = {"a failed send",
        {"", "", "4.000000000 MASTER (send-failed)\n"}},
    [DEMOTE_MORE] = {"a demotion",
        {"4.000000000 INIT (demoted)\n", "4.000000000 BACKUP (demoted)\n",
         "4.000000000 MASTER (demoted): send\n"}},
    [DEMOTE_SAME] = {"a demotion that is none", {"", "", ""}},
    [YIELD] = {"told to step down",
        {"", "", "4.000000000 MASTER -> BACKUP (operator): release, send\n"}},
    [RESTORED] = {"an address was put back",
        {"", "", "4.000000000 MASTER (restored): announce\n"}},
    [STOP] = {"told to stop",
        {"", "4.000000000 BACKUP -> INIT (stopped)\n",
         "4.000000000 MASTER -> INIT (stopped): release, send\n"}},
};
/* clang-format on */

static void stimulate(struct lab *lab, enum stimulus stimulus)
{
    switch (stimulus) {
    case UP_CHANGED:
        lab->self.ipv4[3] = 99;
        lab_link(lab, true);
        break;
    case UP_UNUSABLE:
        lab->self.has_ipv4 = false;
        lab_link(lab, true);
        break;
    case UP:
    case DOWN:
        lab_link(lab, stimulus == UP);
        break;
    case FASTER:
    case SLOWER:
        lab_hear(lab, lab->now,
                 (struct lab_advert){
                     .host = 10, .advbase = 1, .advskew = stimulus == FASTER ? 50 : 150});
        break;
    case FAREWELL:
        lab_hear(lab, lab->now, (struct lab_advert){.host = 10, .advbase = 255, .advskew = 255});
        break;
    case DUE:
        if (carp_state(&lab->carp) != CARP_INIT) {
            lab->now = carp_deadline(&lab->carp);
        }
        lab_event(lab, CARP_EVENT_TIMEOUT);
        break;
    case EARLY:
        lab_event(lab, CARP_EVENT_TIMEOUT);
        break;
    case OVERSLEPT:
        lab_event(lab, CARP_EVENT_OVERSLEPT);
        break;
    case SEND_FAILED:
        lab_event(lab, CARP_EVENT_SEND_FAILED);
        break;
    case DEMOTE_MORE:
    case DEMOTE_SAME:
        lab_demote(lab, stimulus == DEMOTE_MORE ? 1 : 0);
        break;
    case YIELD:
        lab_yield(lab, CARP_YIELD_OPERATOR, CARP_SECONDS(1));
        break;
    case RESTORED:
        lab_event(lab, CARP_EVENT_RESTORED);
        break;
    case STOP:
        lab_event(lab, CARP_EVENT_STOP);
        break;
    case STIMULUS_COUNT:
        break;
    }
}

TEST_CASE(carp_table, answers_every_event_in_every_state)
{
    for (int i = 0; i < STIMULUS_COUNT; i++) {
        for (int state = CARP_INIT; state < CARP_STATE_COUNT; state++) {
            struct lab lab;
            tk_row(table[i].why);
            reach(&lab, (enum carp_state)state);
            stimulate(&lab, (enum stimulus)i);
            EXPECT_STR(table[i].story[state], lab.story);
        }
    }
}

/* What leaves no line leaves no trace in the state either. */
TEST_CASE(carp_table, leaves_the_state_alone_where_nothing_happens)
{
    for (int i = 0; i < STIMULUS_COUNT; i++) {
        for (int state = CARP_INIT; state < CARP_STATE_COUNT; state++) {
            struct lab lab;
            tk_row(table[i].why);
            reach(&lab, (enum carp_state)state);
            struct carp before = lab.carp;
            bool may_learn = i == UP_UNUSABLE; /* who we are is noted in any state */
            stimulate(&lab, (enum stimulus)i);
            if (table[i].story[state][0] == '\0' && !may_learn) {
                EXPECT_BYTES(&before, &lab.carp, sizeof before);
            }
        }
    }
}

/* --- every verdict of carp_step() ----------------------------------------------------------------
 */

/* One change to an advert that would have been accepted; the order of the checks is the enum's, so
 * each packet is good but for this. */
static enum carp_verdict refuse_by(enum carp_verdict verdict, struct lab *lab,
                                   struct carp_packet *packet)
{
    switch (verdict) {
    case CARP_OTHER_GROUP:
        packet->destination[3] ^= 1;
        return verdict;
    case CARP_OTHER_VHID:
        packet->advert.vhid ^= 1;
        return verdict;
    case CARP_BAD_DIGEST:
        packet->advert.digest[0] ^= 0x80;
        return verdict;
    case CARP_LOOPED:
        memcpy(packet->source, lab->self.ipv4, 4);
        packet->advert.counter = lab->carp.counter;
        lab_sign(&lab->config, &packet->advert);
        return verdict;
    case CARP_OWN_ADDRESS:
        memcpy(packet->source, lab->self.ipv4, 4);
        return verdict;
    case CARP_REPLAYED: /* one before the last of this sender, which counts up */
        packet->advert.counter = lab->heard_counter - 2;
        lab_sign(&lab->config, &packet->advert);
        return verdict;
    default:
        return CARP_ACCEPTED;
    }
}

TEST_CASE(carp_table, refuses_by_the_smallest_change_and_changes_nothing)
{
    for (int state = CARP_BACKUP; state < CARP_STATE_COUNT; state++) {
        for (int v = CARP_ACCEPTED; v < CARP_VERDICT_COUNT; v++) {
            if (v != CARP_ACCEPTED && v < CARP_OTHER_GROUP) {
                continue; /* frame_parse()'s */
            }
            struct lab lab;
            tk_row(verdict_word((enum carp_verdict)v));
            reach(&lab, (enum carp_state)state);
            lab_hear(&lab, lab.now, (struct lab_advert){.host = 10, .advbase = 1, .advskew = 150});
            lab_hear(&lab, lab.now, (struct lab_advert){.host = 10, .advbase = 1, .advskew = 150});
            struct carp_packet packet =
                lab_packet(&lab, (struct lab_advert){.host = 10, .advbase = 1, .advskew = 50});
            struct carp before = lab.carp;
            enum carp_verdict want = refuse_by((enum carp_verdict)v, &lab, &packet);
            EXPECT_INT(want, lab_hear_packet(&lab, lab.now, &packet));
            EXPECT_INT(want, lab.out.verdict);
            if (want == CARP_ACCEPTED) {
                EXPECT_TRUE(memcmp(&before, &lab.carp, sizeof before) != 0);
            } else {
                EXPECT_BYTES(&before, &lab.carp, sizeof before);
                EXPECT_INT(0, lab.out.count);
                EXPECT_U64(0, lab.out.notices);
            }
        }
    }
}

/* Each bit of the digest counts, and each bit of what it covers. */
TEST_CASE(carp_table, refuses_every_single_flipped_bit_of_digest_and_counter)
{
    struct lab lab;
    reach(&lab, CARP_MASTER);
    struct carp_packet good =
        lab_packet(&lab, (struct lab_advert){.host = 10, .advbase = 1, .advskew = 50});
    struct carp before = lab.carp;
    for (unsigned bit = 0; bit < 8 * WIRE_DIGEST_SIZE + 64; bit++) {
        struct carp_packet packet = good;
        if (bit < 64) {
            packet.advert.counter ^= UINT64_C(1) << bit;
        } else {
            packet.advert.digest[(bit - 64) / 8] ^= (uint8_t)(1u << bit % 8);
        }
        EXPECT_INT(CARP_BAD_DIGEST, lab_hear_packet(&lab, lab.now, &packet));
    }
    EXPECT_BYTES(&before, &lab.carp, sizeof before);
    EXPECT_INT(CARP_ACCEPTED, lab_hear_packet(&lab, lab.now, &good));
}

/* The nearest frames on both sides of "our own": the newest and oldest we may have sent, one ahead,
 * one too old. 2^20 is how far back a frame is still taken for ours. */
TEST_CASE(carp_table, tells_its_own_frames_from_a_stranger_at_its_address)
{
    static const struct {
        const char *why;
        int64_t ahead; /* of our last counter */
        enum carp_verdict want;
    } frames[] = {
        {"the last one sent", 0, CARP_LOOPED},
        {"the oldest within reach", -1048575, CARP_LOOPED},
        {"one older", -1048576, CARP_OWN_ADDRESS},
        {"one we have not sent yet", 1, CARP_OWN_ADDRESS},
    };
    for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
        struct lab lab;
        tk_row(frames[i].why);
        reach(&lab, CARP_MASTER);
        lab.carp.counter = 5000000;
        EXPECT_INT(frames[i].want,
                   lab_hear(&lab, lab.now,
                            (struct lab_advert){.host = 11,
                                                .advbase = 1,
                                                .counter = (uint64_t)(5000000 + frames[i].ahead)}));
        EXPECT_INT(CARP_MASTER, carp_state(&lab.carp));
    }
}

/* A reflected advert goes through the whole frame codec back into the engine that sent it. */
TEST_CASE(carp_table, is_not_put_down_by_its_own_advert_reflected)
{
    struct lab lab;
    reach(&lab, CARP_MASTER);
    lab_run(&lab, AT_NS(4781250000));
    const uint8_t *frame = lab_sent(&lab, 0);
    struct carp_packet packet;
    EXPECT_INT(CARP_ACCEPTED, frame_parse(frame, lab.out.at[0].size, &packet));
    lab_hear_packet(&lab, AT_NS(4781250001), &packet);
    lab_run(&lab, AT_NS(6171875000));
    EXPECT_STR("4.781250000 MASTER (advert-due): send\n"
               "4.781250001 MASTER refuses 192.0.2.11 1/100 (looped)\n"
               "6.171875000 MASTER (advert-due): send, announce\n",
               lab.story);
}

TEST_CASE(carp_table, hears_any_accepted_key_and_signs_with_the_first)
{
    struct lab lab;
    reach(&lab, CARP_MASTER);
    struct carp_config theirs = lab.config;
    memcpy(theirs.keys[0], "sesame", 6);
    struct carp_packet packet =
        lab_packet(&lab, (struct lab_advert){.host = 10, .advbase = 1, .advskew = 150});
    lab_sign(&theirs, &packet.advert);
    EXPECT_INT(CARP_BAD_DIGEST, lab_hear_packet(&lab, lab.now, &packet));
    lab.config.key_count = 2;
    memcpy(lab.config.keys[1], "sesame", 6);
    EXPECT_INT(CARP_ACCEPTED, lab_hear_packet(&lab, lab.now, &packet));
}

/* --- words ---------------------------------------------------------------------------------------
 */

/* Programs and people match on these; no two alike, none empty. */
TEST_CASE(carp_table, has_a_distinct_word_and_a_phrase_for_every_rule)
{
    for (int i = 0; i < CARP_RULE_COUNT; i++) {
        EXPECT_TRUE(carp_rule_word((enum carp_rule)i)[0] != '\0');
        EXPECT_TRUE(carp_rule_phrase((enum carp_rule)i)[0] != '\0');
        for (int j = 0; j < i; j++) {
            EXPECT_TRUE(
                strcmp(carp_rule_word((enum carp_rule)i), carp_rule_word((enum carp_rule)j)) != 0);
        }
    }
    EXPECT_STR("tie-other-family", carp_rule_word(CARP_RULE_TIE_OTHER_FAMILY));
    EXPECT_STR("our demotion changed", carp_rule_phrase(CARP_RULE_DEMOTED));
    EXPECT_STR("INIT", carp_state_word(CARP_INIT));
    EXPECT_STR("BACKUP", carp_state_word(CARP_BACKUP));
    EXPECT_STR("MASTER", carp_state_word(CARP_MASTER));
}
