/* A journal replayed: the same, cut, tampered with, and with the keys. */
#include "tools/carplab/replay/replay_journal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/journal/format.h"
#include "io/journal/journal_lab.h"
#include "tools/testkit/testkit.h"

enum { TOLD_MAX = 1 << 16 };

static char told[TOLD_MAX];

/* Replay these bytes; what is told is in `told`. */
static int replay_bytes(const uint8_t *bytes, size_t size,
                        const struct replay_journal_options *options)
{
    char path[] = "/tmp/replay_journal_test_XXXXXX";
    const char *paths[] = {path};
    struct replay_journal_options o = {.differences_max = 5};
    lab_save(path, bytes, size);
    if (options != NULL) {
        o = *options;
    }
    memset(told, 0, sizeof told);
    o.to = fmemopen(told, sizeof told - 1, "w");
    int status = replay_journal(paths, 1, &o);
    fclose(o.to);
    unlink(path);
    return status;
}

static struct journal_lab *live(void)
{
    struct journal_lab *lab = malloc(sizeof *lab);
    lab_init(lab);
    EXPECT_INT(0, lab_begin(lab));
    lab_live(lab);
    return lab;
}

static void drop(struct journal_lab *lab)
{
    lab_free(lab);
    free(lab);
}

#define EXPECT_TOLD(text) EXPECT_TRUE(strstr(told, text) != NULL)

/* Every kind of event there is (lab_live()), and all decided again as they were. */
TEST_CASE(replay_journal, decides_as_was_decided)
{
    struct journal_lab *lab = live();
    EXPECT_INT(0, replay_bytes(lab->bytes, lab->size, NULL));
    EXPECT_TOLD("every decision is the same");
    EXPECT_TOLD("web   BACKUP -> MASTER (silence): claim, send, announce");
    EXPECT_TOLD("mail  MASTER (send-failed) [sending fails]");
    EXPECT_TOLD("BACKUP -> MASTER (silence): claim, send, send, announce");
    EXPECT_TOLD("MASTER -> BACKUP (claim-failed)");
    EXPECT_TOLD("MASTER -> BACKUP (overslept): release");
    EXPECT_TOLD("MASTER (restored): announce");
    EXPECT_TOLD("MASTER -> BACKUP (operator): release, send, send");
    EXPECT_TOLD("-> INIT (stopped)");
    drop(lab);
}

static bool find_keys(void *self, const char *group, struct carp_config *config)
{
    const char *web = self;
    memset(config->keys, 0, sizeof config->keys);
    config->key_count = 1;
    memcpy(config->keys[0], strcmp(group, "web") == 0 ? web : "another", 7);
    if (strcmp(group, "web") == 0) {
        memcpy(config->keys[0], web, strlen(web));
    }
    return true;
}

/* With the keys every digest is computed anew, and with another key they are others. */
TEST_CASE(replay_journal, checks_digests_when_it_has_the_keys)
{
    struct journal_lab *lab = live();
    char key[] = LAB_KEY, other[] = "test-pass-2";
    struct replay_journal_options o = {.differences_max = 5, .find_keys = find_keys, .self = key};
    EXPECT_INT(0, replay_bytes(lab->bytes, lab->size, &o));
    EXPECT_TOLD("every decision is the same");
    o.self = other;
    EXPECT_INT(1, replay_bytes(lab->bytes, lab->size, &o));
    EXPECT_TOLD("recorded accepted, this build bad-digest");
    drop(lab);
}

/* --- tampering ----------------------------------------------------------------------------------
 */

/* Where the block's data of the n-th step with this event begins: its magic. */
static uint8_t *step_at(struct journal_lab *lab, enum carp_event_type event, unsigned n)
{
    for (size_t i = 0; i + 80 < lab->size; i++) {
        uint8_t *at = lab->bytes + i;
        if (memcmp(at, "CARJ", 4) == 0 && at[4] == FORMAT_STEP && at[26] == event && n-- == 0) {
            return at;
        }
    }
    return NULL;
}

/* One byte of a step, at a place that docs/JOURNAL.md gives, is another: is it named? */
static const struct {
    const char *why;
    enum carp_event_type event;
    unsigned n;
    size_t at;
    uint8_t value;
    const char *told;
} tampered_rows[] = {
    {"a rule", CARP_EVENT_TIMEOUT, 0, 28, CARP_RULE_ADVERT_DUE,
     "rule           recorded advert-due, this build silence"},
    {"a verdict", CARP_EVENT_ADVERT, 2, 27, CARP_LOOPED,
     "verdict        recorded looped, this build bad-digest"},
    {"a state", CARP_EVENT_TIMEOUT, 0, 30, CARP_BACKUP,
     "state after    recorded BACKUP, this build MASTER"},
    {"our claim", CARP_EVENT_ADVERT, 1, 33, 7,
     "our claim      recorded 1/7 demoted 0, this build 1/100 demoted 0"},
    {"a notice", CARP_EVENT_TIMEOUT, 0, 45, 2, "notices"},
    {"an action", CARP_EVENT_TIMEOUT, 0, 48, CARP_RELEASE,
     "recorded release, send, send, announce, this build claim, send, send, announce"},
    {"an event", CARP_EVENT_STOP, 1, 26, CARP_EVENT_RESTORED, "rule           recorded stopped, "},
    {"a demotion", CARP_EVENT_DEMOTE, 0, 27, 51, "this build 1/51 demoted 0"},
};

TEST_CASE(replay_journal, names_what_was_tampered_with)
{
    for (size_t i = 0; i < sizeof tampered_rows / sizeof *tampered_rows; i++) {
        struct journal_lab *lab = live();
        tk_row(tampered_rows[i].why);
        uint8_t *at = step_at(lab, tampered_rows[i].event, tampered_rows[i].n);
        ASSERT_TRUE(at != NULL && at[tampered_rows[i].at] != tampered_rows[i].value);
        at[tampered_rows[i].at] = tampered_rows[i].value;
        EXPECT_INT(1, replay_bytes(lab->bytes, lab->size, NULL));
        if (strstr(told, tampered_rows[i].told) == NULL) {
            tk_fail(__FILE__, __LINE__, "not told: %s\nbut %s", tampered_rows[i].told, told);
        }
        drop(lab);
    }
}

/* The n-th packet block of the file whose frame begins like this. */
static uint8_t *frame_at(struct journal_lab *lab, const uint8_t *start, size_t size, unsigned n)
{
    for (size_t i = 0; i + 100 < lab->size; i++) {
        if (memcmp(lab->bytes + i, start, size) == 0 && n-- == 0) {
            return lab->bytes + i;
        }
    }
    return NULL;
}

/* A byte of any frame, heard or sent, be it of the digest, which is not computed without a key: the
 * checksum covers it. */
TEST_CASE(replay_journal, misses_no_byte_of_a_frame)
{
    static const uint8_t ours[14] = {1, 0, 0x5e, 0, 0, 0x12, 2, 0, 0, 0, 0, 2, 8, 0};
    for (size_t byte = 14; byte < 70; byte++) {
        struct journal_lab *lab = live();
        uint8_t *heard = frame_at(lab, lab_advert, 6, 1);
        ASSERT_TRUE(heard != NULL && memcmp(heard, lab_advert, sizeof lab_advert) == 0);
        heard[byte] ^= 1;
        EXPECT_INT(1, replay_bytes(lab->bytes, lab->size, NULL));
        heard[byte] ^= 1;
        uint8_t *sent = frame_at(lab, ours, sizeof ours, 0);
        ASSERT_TRUE(sent != NULL);
        sent[byte] ^= 1;
        EXPECT_INT(1, replay_bytes(lab->bytes, lab->size, NULL));
        EXPECT_TOLD("frame sent");
        drop(lab);
    }
}

/* A refused frame that this build takes for an advert of a group of ours. */
TEST_CASE(replay_journal, misses_no_step_that_was_not_made)
{
    struct journal_lab *lab = live();
    uint8_t *refused = frame_at(lab, lab_advert, 6, 3);
    ASSERT_TRUE(refused != NULL && refused[69] == (lab_advert[69] ^ 1));
    refused[69] ^= 1;
    EXPECT_INT(1, replay_bytes(lab->bytes, lab->size, NULL));
    EXPECT_TOLD("frame          recorded refused, this build an advert for this group");
    drop(lab);
}

/* --- rings, cuts and hostile files --------------------------------------------------------------
 */

/* A second file goes on where the first ended; alone it replays by itself; a step that is missing
 * between them is told. */
TEST_CASE(replay_journal, follows_a_ring_from_file_to_file)
{
    char first[] = "/tmp/replay_journal_test_XXXXXX", second[] = "/tmp/replay_journal_test_XXXXXX";
    char third[] = "/tmp/replay_journal_test_XXXXXX";
    struct journal_lab *lab = malloc(sizeof *lab);
    lab_init(lab);
    size_t ends[3];
    for (unsigned i = 0; i < 3; i++) {
        EXPECT_INT(0, lab_begin(lab));
        lab_link(lab, 0, true);
        lab_run_until(lab, instant_add(lab->now, CARP_SECONDS(5)));
        ends[i] = lab->size;
    }
    lab_save(first, lab->bytes, ends[0]);
    lab_save(second, lab->bytes + ends[0], ends[1] - ends[0]);
    lab_save(third, lab->bytes + ends[1], ends[2] - ends[1]);
    const struct {
        const char *why;
        const char *paths[3];
        unsigned count;
        int status;
        const char *told;
    } rows[] = {
        {"all", {first, second, third}, 3, 0, "3 files"},
        {"the last alone", {third}, 1, 0, "every decision is the same"},
        {"one missing", {first, third}, 2, 0, "steps are missing before it"},
        {"the wrong way round", {second, first}, 2, 0, "every decision is the same"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct replay_journal_options o = {.differences_max = 5};
        tk_row(rows[i].why);
        memset(told, 0, sizeof told);
        o.to = fmemopen(told, sizeof told - 1, "w");
        EXPECT_INT(rows[i].status, replay_journal(rows[i].paths, rows[i].count, &o));
        fclose(o.to);
        EXPECT_TOLD(rows[i].told);
    }
    unlink(first), unlink(second), unlink(third);

    /* The state in the second file is another than the first one led to: send_errors of "web". */
    tk_row("another state");
    uint8_t *state = lab->bytes + ends[0];
    while (memcmp(state, "CARJ\3\0", 6) != 0) {
        state++;
    }
    state[180] = 2;
    EXPECT_INT(1, replay_bytes(lab->bytes, lab->size, NULL));
    EXPECT_TOLD("state's send_errors recorded 02, this build 00");
    drop(lab);
}

/* Goal: cut anywhere behind the first group's state, it replays up to there; damage is 1, no
 * journal is 2, and only where a step ends may a file end. */
TEST_CASE(replay_journal, replays_up_to_a_cut)
{
    struct journal_lab *lab = malloc(sizeof *lab);
    lab_init(lab);
    EXPECT_INT(0, lab_begin(lab));
    lab_link(lab, 0, true);
    lab_hear(lab, 0, lab_advert, sizeof lab_advert);
    lab_run_until(lab, (carp_instant){UINT64_C(9000000000)});
    unsigned whole = 0;
    for (size_t size = 0; size < lab->size; size++) {
        int status = replay_bytes(lab->bytes, size, NULL);
        EXPECT_INT(size < lab->ends[3] ? 2 : status == 0 ? 0 : 1, status);
        whole += status == 0;
    }
    /* After the head; the link's step; the advert's; but not after each frame of the last, which
     * took over and announced its address. */
    EXPECT_INT(3, whole);
    drop(lab);
}

/* Goal: no journal makes it crash. The seed is fixed: a failure can be repeated. */
TEST_CASE(replay_journal, survives_what_it_reads)
{
    struct journal_lab *lab = live();
    uint8_t *good = malloc(lab->size);
    memcpy(good, lab->bytes, lab->size);
    uint64_t seed = 7;
    unsigned differ = 0;
    for (int round = 0; round < 3000; round++) {
        memcpy(lab->bytes, good, lab->size);
        for (int i = 0; i < 1 + round % 3; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            lab->bytes[(seed >> 33) % lab->size] = (uint8_t)(seed >> 24);
        }
        struct replay_journal_options o = {.differences_max = 2, .json = round % 2 == 0};
        int status = replay_bytes(lab->bytes, lab->size, &o);
        EXPECT_TRUE(status >= 0 && status <= 2);
        differ += status == 1;
    }
    EXPECT_TRUE(differ > 1000);
    free(good);
    drop(lab);
}
