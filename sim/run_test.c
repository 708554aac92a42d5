/*
 * A scenario's statements do what they say at the instant they say; its expectations hold when they
 * should, and say what was seen instead when they do not.
 *
 * Nodes are 20 us apart, over one switch; with base 1 and skew 0 a backup waits 3 s, with skew 100
 * 3.390625 s.
 */
#include "sim/run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/daemon.h"
#include "sim/peer.h"
#include "sim/run_internal.h"
#include "sim/trace_text.h"
#include "tools/testkit/testkit.h"

#define PAIR                                                                                       \
    "group 1 vip 10.0.0.254 preempt\n"                                                             \
    "switch s1\n"                                                                                  \
    "node a 10.0.0.1 @s1 vhid 1\n"                                                                 \
    "node b 10.0.0.2 @s1 vhid 1 skew 100\n"

struct seen {
    struct run run;
    struct scenario scenario;
    bool made;
    char statements[2048]; /* TIME LINE, or TIME end of LINE */
    char roles[4096];      /* NODE TIME FROM -> TO (why) */
    char failures[4096];   /* LINE: TEXT */
};

static void add(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void add(char *text, size_t size, const char *format, ...)
{
    size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, size - used, format, arguments);
    va_end(arguments);
}

static void on_statement(void *self, carp_instant at, unsigned line, bool ends, const char *text)
{
    struct seen *seen = self;
    char when[32];
    if (line == 0) {
        add(seen->statements, sizeof seen->statements, "%s %s%s\n", trace_time(at, when),
            ends ? "end of " : "", text);
    } else {
        add(seen->statements, sizeof seen->statements, "%s %s%u\n", trace_time(at, when),
            ends ? "end of " : "", line);
    }
}

/* Changes of a role, and reasons that are no other test's concern left out. */
static void on_story(void *self, carp_instant at, const struct node *node, unsigned group,
                     const char *line)
{
    struct seen *seen = self;
    (void)at, (void)group;
    if (strstr(line, "->") != NULL) {
        add(seen->roles, sizeof seen->roles, "%s %s\n", node->name, line);
    }
}

static bool begin(struct seen *seen, const char *text, uint64_t seed)
{
    char error[SCENARIO_ERROR_MAX] = "";
    memset(seen, 0, sizeof *seen);
    bool read = scenario_read(&seen->scenario, "t.scn", text, NULL, error);
    EXPECT_STR("", error);
    if (!read) {
        return false;
    }
    const struct run_options options = {
        .seed = seed,
        .watcher = {.self = seen, .statement = on_statement},
    };
    seen->made = run_make(&seen->run, &seen->scenario, &options) == 0;
    EXPECT_TRUE(seen->made);
    seen->run.world.tap.self = seen;
    seen->run.world.tap.story = on_story;
    return seen->made;
}

static void end(struct seen *seen)
{
    if (seen->made) {
        run_free(&seen->run);
        scenario_free(&seen->scenario);
    }
}

/* Run it all; end() is still to be called. */
static bool see(struct seen *seen, const char *text, uint64_t seed)
{
    if (!begin(seen, text, seed)) {
        return false;
    }
    bool good = run_go(&seen->run);
    for (size_t i = 0; i < seen->run.failure_count; i++) {
        add(seen->failures, sizeof seen->failures, "%u: %s\n", seen->run.failures[i].line,
            seen->run.failures[i].text);
    }
    EXPECT_INT(seen->failures[0] == '\0', good);
    return true;
}

/* --- when ---------------------------------------------------------------------------------------
 */

TEST_CASE(run, statements_happen_and_end_at_their_instants)
{
    static struct seen seen;
    if (see(&seen,
            "horizon 20s\n" PAIR /* lines 2 to 5 */
            "at 5s crash b for 1.5s\n"
            "at +250ms loss a->b 10% for 10s dup b->a 1%\n"
            "at 9s heal\n",
            1)) {
        EXPECT_STR("5.000000000 6\n"
                   "5.250000000 7\n"
                   "5.250000000 7\n"
                   "6.500000000 end of 6\n"
                   "9.000000000 8\n"
                   "15.250000000 end of 7\n",
                   seen.statements);
    }
    end(&seen);
}

/* The statement that follows is relative to what was picked. */
TEST_CASE(run, a_range_is_a_choice_of_the_seed_and_what_follows_it_comes_after_it)
{
    carp_instant first = {0}, least = {UINT64_MAX}, most = {0};
    unsigned others = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        static struct seen seen;
        if (begin(&seen,
                  "horizon 1m\n" PAIR "at 10s~20s crash a\n"
                  "at +1s boot a\n"
                  "at +1s~2s crash a boot b\n",
                  seed)) {
            const carp_instant *at = seen.run.instants;
            first = seed == 1 ? at[0] : first;
            others += at[0].ns != first.ns;
            least = instant_min(least, at[0]);
            most = instant_before(most, at[0]) ? at[0] : most;
            EXPECT_TRUE(at[0].ns >= UINT64_C(10000000000) && at[0].ns <= UINT64_C(20000000000));
            EXPECT_U64(at[0].ns + 1000000000, at[1].ns);
            EXPECT_TRUE(at[2].ns >= at[1].ns + 1000000000 && at[2].ns <= at[1].ns + 2000000000);
            EXPECT_U64(at[2].ns, at[3].ns);
        }
        end(&seen);
    }
    EXPECT_TRUE(others >= 38);
    EXPECT_TRUE(least.ns < UINT64_C(11000000000) && most.ns > UINT64_C(19000000000));
}

TEST_CASE(run, the_same_seed_gives_the_same_hash_and_another_seed_another)
{
    static const char text[] = "horizon 30s\n" PAIR "at 5s~9s loss a->b 40% for 9s\n";
    uint64_t hashes[3] = {0};
    for (unsigned i = 0; i < 3; i++) {
        static struct seen seen;
        if (see(&seen, text, i < 2 ? 7 : 8)) {
            hashes[i] = seen.run.world.trace.hash[0];
        }
        end(&seen);
    }
    EXPECT_TRUE(hashes[0] == hashes[1] && hashes[0] != hashes[2]);
}

/* --- what ---------------------------------------------------------------------------------------
 */

static const struct {
    const char *why, *text, *roles;
} deeds[] = {
    {"a crash is silent, and a boot begins anew", "horizon 20s\n" PAIR "at 10s crash a for 5s\n",
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "b 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "b 12.390645000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "a 15.000000000 INIT -> BACKUP (link-up)\n"
     "a 15.171915000 BACKUP hears 10.0.0.2 1/100 -> MASTER (preempt): claim, send, announce\n"
     "b 15.171935000 MASTER hears 10.0.0.1 1/0 -> BACKUP (better-master): release, send\n"},
    {"a stop says farewell", "horizon 20s\n" PAIR "at 10s stop a for 5s\n",
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "b 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "a 10.000000000 MASTER -> INIT (stopped): release, send\n"
     "b 10.000020000 BACKUP hears 10.0.0.1 255/255 -> MASTER (farewell): claim, send, announce\n"
     "a 15.000000000 INIT -> BACKUP (link-up)\n"
     "a 15.562540000 BACKUP hears 10.0.0.2 1/100 -> MASTER (preempt): claim, send, announce\n"
     "b 15.562560000 MASTER hears 10.0.0.1 1/0 -> BACKUP (better-master): release, send\n"},
    {"a killed daemon's guardian says farewell", "horizon 20s\n" PAIR "at 10s kill a for 5s\n",
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "b 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "b 10.002020000 BACKUP hears 10.0.0.1 255/255 -> MASTER (farewell): claim, send, announce\n"
     "a 15.000000000 INIT -> BACKUP (link-up)\n"
     "a 15.564540000 BACKUP hears 10.0.0.2 1/100 -> MASTER (preempt): claim, send, announce\n"
     "b 15.564560000 MASTER hears 10.0.0.1 1/0 -> BACKUP (better-master): release, send\n"},
    {"a frozen daemon's guardian waits for its patience",
     "horizon 20s\n" PAIR "at 10s freeze a for 8s\n",
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "b 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "b 12.000020000 BACKUP hears 10.0.0.1 255/255 -> MASTER (farewell): claim, send, announce\n"
     "a 18.000000000 MASTER -> BACKUP (overslept): release\n"
     "a 18.000000000 BACKUP hears 10.0.0.2 1/100 -> MASTER (preempt): claim, send, announce\n"
     "b 18.000020000 MASTER hears 10.0.0.1 1/0 -> BACKUP (better-master): release, send\n"},
    {"with its guardian frozen nobody says farewell",
     "horizon 20s\n" PAIR "at 10s freeze a all for 8s\n",
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "b 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "b 12.390645000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "a 18.000000000 MASTER -> BACKUP (overslept): release\n"
     "a 18.000000000 BACKUP hears 10.0.0.2 1/100 -> MASTER (preempt): claim, send, announce\n"
     "b 18.000020000 MASTER hears 10.0.0.1 1/0 -> BACKUP (better-master): release, send\n"},
    {"freeze and thaw by themselves", "horizon 20s\n" PAIR "at 10s freeze a\nat 18s thaw a\n",
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "b 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "b 12.000020000 BACKUP hears 10.0.0.1 255/255 -> MASTER (farewell): claim, send, announce\n"
     "a 18.000000000 MASTER -> BACKUP (overslept): release\n"
     "a 18.000000000 BACKUP hears 10.0.0.2 1/100 -> MASTER (preempt): claim, send, announce\n"
     "b 18.000020000 MASTER hears 10.0.0.1 1/0 -> BACKUP (better-master): release, send\n"},
    {"a reboot takes a second", "horizon 20s\n" PAIR "at 10s reboot a\n",
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "b 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "a 11.000000000 INIT -> BACKUP (link-up)\n"
     "b 12.390645000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "a 12.390665000 BACKUP hears 10.0.0.2 1/100 -> MASTER (preempt): claim, send, announce\n"
     "b 12.390685000 MASTER hears 10.0.0.1 1/0 -> BACKUP (better-master): release, send\n"},
    {"a boot that ends is a crash",
     "horizon 20s\n" PAIR "at 10s crash a\nat 12s boot a for 500ms\n",
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "b 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "a 12.000000000 INIT -> BACKUP (link-up)\n"
     "b 12.390645000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "a 12.390665000 BACKUP hears 10.0.0.2 1/100 -> MASTER (preempt): claim, send, announce\n"
     "b 12.390685000 MASTER hears 10.0.0.1 1/0 -> BACKUP (better-master): release, send\n"
     "b 15.781310000 BACKUP -> MASTER (silence): claim, send, announce\n"},
    {"a pause", "horizon 20s\n" PAIR "at 10s pause a for 2s\n",
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "b 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"},
    {"a master yields, and is out for its own patience", "horizon 20s\n" PAIR "at 10s yield a\n",
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "b 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "a 10.000000000 MASTER -> BACKUP (operator): release, send\n"
     "b 10.000020000 BACKUP hears 10.0.0.1 255/255 -> MASTER (farewell): claim, send, announce\n"
     "a 14.171915000 BACKUP hears 10.0.0.2 1/100 -> MASTER (preempt): claim, send, announce\n"
     "b 14.171935000 MASTER hears 10.0.0.1 1/0 -> BACKUP (better-master): release, send\n"},
    {"who is frozen or paused is told nothing",
     "horizon 20s\n" PAIR "at 10s freeze a for 2s pause b for 2s\n"
     "at 11s yield a demote a 200 remove a demote b 200\n",
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "b 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"},
    {"a demotion ends by itself", "horizon 20s\n" PAIR "at 10s demote a 200 for 4s\n",
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "b 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "b 10.000020000 BACKUP hears 10.0.0.1 1/200 -> MASTER (preempt): claim, send, announce\n"
     "a 10.000040000 MASTER hears 10.0.0.2 1/100 -> BACKUP (better-master): release, send\n"
     "a 14.171915000 BACKUP hears 10.0.0.2 1/100 -> MASTER (preempt): claim, send, announce\n"
     "b 14.171935000 MASTER hears 10.0.0.1 1/0 -> BACKUP (better-master): release, send\n"},
    {"adverts that cannot be sent demote, and those that can be again end it",
     "horizon 20s\n" PAIR "at 9500ms senderr a enobufs for 5s\n",
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "b 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "b 12.390645000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "a 12.390665000 MASTER hears 10.0.0.2 1/100 -> BACKUP (better-master): release, send\n"},
    {"addresses that cannot be claimed are yielded",
     "horizon 20s\n" PAIR "at 9500ms claimerr b for 4s crash a for 5s\n",
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "b 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "b 12.390645000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "b 12.390645000 MASTER -> BACKUP (claim-failed): release, send\n"
     "a 14.500000000 INIT -> BACKUP (link-up)\n"
     "a 17.500000000 BACKUP -> MASTER (silence): claim, send, announce\n"},
    {"an address that somebody removes is put back", "horizon 20s\n" PAIR "at 10s remove a\n",
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "b 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"},
    {"a cable that is out", "horizon 20s\n" PAIR "at 10s down a for 2s\n",
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "b 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "a 10.000000000 MASTER -> INIT (link-down): release\n"
     "a 12.000000000 INIT -> BACKUP (link-up)\n"
     "b 12.390645000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "a 12.390665000 BACKUP hears 10.0.0.2 1/100 -> MASTER (preempt): claim, send, announce\n"
     "b 12.390685000 MASTER hears 10.0.0.1 1/0 -> BACKUP (better-master): release, send\n"},
    {"one of two cables",
     "horizon 20s\nswitch s1\nswitch s2\nnode a @s1 @s2 vhid 1 vhid 2 on s2\nat 10s down a@s2 for "
     "2s\n",
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "a 10.000000000 MASTER -> INIT (link-down): release\n"
     "a 12.000000000 INIT -> BACKUP (link-up)\n"
     "a 15.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"},
    {"a link that goes while the program is frozen is noticed when it runs",
     "horizon 20s\n" PAIR "at 10s freeze b for 2s\nat 11s down b\nat 15s up b\n",
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "b 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "b 12.000000000 BACKUP -> INIT (link-down)\n"
     "b 15.000000000 INIT -> BACKUP (link-up)\n"},
    {"a daemon that would start while its machine is paused starts afterwards",
     "horizon 20s\n" PAIR "at 10s kill b for 2s\nat 11s pause b for 4s\n",
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "b 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "b 15.000000000 INIT -> BACKUP (link-up)\n"},
    {"a new skew, by a restart", "horizon 20s\n" PAIR "at 10s reload a skew 200\n",
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "b 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "a 10.000000000 MASTER -> INIT (stopped): release, send\n"
     "a 10.000000000 INIT -> BACKUP (link-up)\n"
     "b 10.000020000 BACKUP hears 10.0.0.1 255/255 -> MASTER (farewell): claim, send, announce\n"},
    {"a kernel's new skew, as it runs",
     "horizon 20s\nswitch s1\ngroup 1 preempt\nnode f @s1 profile=freebsd vhid 1 skew 10\nnode g "
     "@s1 profile=freebsd vhid 1 skew 100\nat 10s reload f skew 200\n",
     "f 0.000000000 INIT -> BACKUP (initialization complete)\n"
     "g 0.000000000 INIT -> BACKUP (initialization complete)\n"
     "f 3.060000000 BACKUP -> MASTER (master timed out)\n"
     "g 10.480020000 BACKUP -> MASTER (preempting a slower master)\n"
     "f 10.480040000 MASTER -> BACKUP (more frequent advertisement received)\n"},
    {"a UCARP's new skew, by a restart",
     "horizon 20s\nswitch s1\nnode u @s1 profile=ucarp vhid 1 skew 10\nat 10s reload u skew 50\n",
     "u 0.000000000 INIT -> BACKUP (carp_setrun())\n"
     "u 3.120177000 BACKUP -> MASTER (carp_master_down())\n"
     "u 10.000000000 MASTER -> INIT (killed)\n"
     "u 10.000000000 INIT -> BACKUP (carp_setrun())\n"
     "u 13.588645000 BACKUP -> MASTER (carp_master_down())\n"},
    {"a kernel is demoted, whatever vhid comes first",
     "horizon 20s\nswitch s1\ngroup 2 preempt\nnode f @s1 profile=freebsd vhid 1 vhid 2 skew "
     "50\nnode b @s1 vhid 2 skew 100\nat 10s demote f 240 for 3s\n",
     "f 0.000000000 INIT -> BACKUP (initialization complete)\n"
     "f 0.000000000 INIT -> BACKUP (initialization complete)\n"
     "b 0.000000000 INIT -> BACKUP (link-up)\n"
     "f 3.020000000 BACKUP -> MASTER (master timed out)\n"
     "f 3.220000000 BACKUP -> MASTER (master timed out)\n"
     "b 10.540020000 BACKUP hears 10.128.0.1 1/240 -> MASTER (preempt): claim, send, announce\n"
     "f 10.540040000 MASTER -> BACKUP (more frequent advertisement received)\n"
     "f 13.321290000 BACKUP -> MASTER (preempting a slower master)\n"
     "b 13.321310000 MASTER hears 10.128.0.1 1/50 -> BACKUP (better-master): release, send\n"},
    {"a split, and its end", "horizon 20s\n" PAIR "at 10s split {a} {b} for 5s\n",
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "b 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "b 12.390645000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "b 15.000020000 MASTER hears 10.0.0.1 1/0 -> BACKUP (better-master): release, send\n"},
    {"a split is not ended by the one before it",
     "horizon 20s\n" PAIR "at 10s split {a} {b} for 1s\nat 10500ms split {a} {b} for 6s\n",
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "b 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "b 12.390645000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "b 17.000020000 MASTER hears 10.0.0.1 1/0 -> BACKUP (better-master): release, send\n"},
    {"a node below a split is on none of its sides",
     "horizon 20s\n" PAIR "at 10s split {a} {b}\nnode z @s1 vhid 9\n",
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "b 0.000000000 INIT -> BACKUP (link-up)\n"
     "z 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "z 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "b 12.390645000 BACKUP -> MASTER (silence): claim, send, announce\n"},
    {"one way", "horizon 20s\n" PAIR "at 10s block a->b for 5s\n",
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "b 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "b 12.390645000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "b 15.000020000 MASTER hears 10.0.0.1 1/0 -> BACKUP (better-master): release, send\n"},
    {"the other way does not matter", "horizon 20s\n" PAIR "at 10s block b->a for 5s\n",
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "b 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"},
    {"one way through a split",
     "horizon 20s\n" PAIR "at 10s split {a} {b} for 9s oneway a->b for 5s\n",
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "b 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "b 17.390645000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "b 19.000020000 MASTER hears 10.0.0.1 1/0 -> BACKUP (better-master): release, send\n"},
    {"three adverts in a row, by number",
     "horizon 20s\n" PAIR "at 10500ms lose a->b 1,2,3 adverts\n",
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "b 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "b 13.390645000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "b 14.000020000 MASTER hears 10.0.0.1 1/0 -> BACKUP (better-master): release, send\n"},
    {"two adverts are not enough", "horizon 20s\n" PAIR "at 10500ms lose a->b 1,2 adverts\n",
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "b 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"},
    {"heal ends it all", "horizon 20s\n" PAIR "at 10s block a->b down b\nat 15s heal\n",
     "a 0.000000000 INIT -> BACKUP (link-up)\n"
     "b 0.000000000 INIT -> BACKUP (link-up)\n"
     "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
     "b 10.000000000 BACKUP -> INIT (link-down)\n"
     "b 15.000000000 INIT -> BACKUP (link-up)\n"},
};

TEST_CASE(run, statements_do_what_they_say)
{
    for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++) {
        static struct seen seen;
        tk_row(deeds[i].why);
        if (see(&seen, deeds[i].text, 1)) {
            EXPECT_STR(deeds[i].roles, seen.roles);
            EXPECT_STR("", seen.failures);
        }
        end(&seen);
    }
    tk_row(NULL);
}

/* --- what was expected --------------------------------------------------------------------------
 */

static const struct {
    const char *expectation; /* after line 8 */
    const char *failures;
} expectations[] = {
    {"expect master a", ""},
    {"expect master b",
     "9: at 40.000000000 master of vhid 1: a; expected: only b (it is BACKUP)\n"},
    {"expect backup a",
     "9: at 40.000000000 master of vhid 1: a; expected: backup a (it is MASTER)\n"},
    {"expect 25s master b", ""},
    {"expect 25s master a",
     "9: at 25.000000000 master of vhid 1: b; expected: only a (it is INIT, not running)\n"},
    {"expect 25s backup a",
     "9: at 25.000000000 master of vhid 1: b; expected: backup a (it is INIT, not running)\n"},
    {"expect 25s backup b",
     "9: at 25.000000000 master of vhid 1: b; expected: backup b (it is MASTER)\n"},
    {"expect 4s backup b", ""},
    {"expect 20s backup b", ""},
    {"expect 20s master b within bound", ""},
    {"expect 20s master b within 2s",
     "9: at 22.000000000 master of vhid 1: nobody; expected: only b (it is BACKUP); within 2 s\n"},
    {"expect 20s master b within 3s", ""},
    {"expect 20s master a within bound",
     "9: at 23.390645000 master of vhid 1: b; expected: only a (it is INIT, not running); within "
     "3.390645 s: bound: master-down time of b 3.390625 s + delay 20 us + processing 0 ns = "
     "3.390645 s\n"},
    {"expect 39s master b within bound",
     "9: the horizon comes first; within 3.00002 s: bound: master-down time of a 3 s + delay 20 us "
     "+ processing 0 ns = 3.00002 s\n"},
    {"expect 20s~30s master b",
     "9: from 20.000000000 on master of vhid 1: nobody; expected: only b\n"},
    {"expect 23s~30s master b", ""},
    {"expect 24050ms~30s master a",
     "9: from 24.050000000 on master of vhid 1: b; expected: only a\n"},
    {"expect 3s~20s master a", ""},
    {"expect 3s~20001ms master a",
     "9: from 20.000000000 on master of vhid 1: nobody; expected: only a\n"},
    {"expect 4s~15s backup b", ""},
    {"expect 4s~25s backup b", "9: from 22.390645000 on master of vhid 1: b; expected: backup b\n"},
    {"expect 4s~25s backup a", "9: from 4.000000000 on master of vhid 1: a; expected: backup a\n"},
    {"expect 21s~25s backup a",
     "9: from 21.000000000 on master of vhid 1: nobody; expected: backup a\n"},
    {"expect always masters <= 1",
     "9: from 30.734415000 on master of vhid 1: a and b; expected: masters <= 1\n"},
    {"expect always masters >= 1",
     "9: from 0.000000000 on master of vhid 1: nobody; expected: masters >= 1\n"},
    {"expect 4s~19s masters == 1", ""},
    {"expect 4s~21s masters == 1 vhid 1",
     "9: from 20.000000000 on master of vhid 1: nobody; expected: masters == 1\n"},
    {"expect 21s masters == 0", ""},
    {"expect masters == 0", "9: at 40.000000000 vhid1.masters is 1; expected: == 0\n"},
    {"expect always master a",
     "9: from 0.000000000 on master of vhid 1: nobody; expected: only a\n"},
    {"never masters > 1", "9: at 40.000000000 vhid1.dual-longest is 20 us; expected: <= 0 ns\n"},
    {"never masters < 1", "9: at 40.000000000 vhid1.dark-longest is 3 s; expected: <= 0 ns\n"},
    {"never masters < 1 for > bound", ""},
    {"never masters < 1 for > 3s", ""},
    {"never masters > 1 for > bound", ""},
    {"expect vhid1.dark < 6s", ""},
    {"expect vhid1.dark-longest <= bound", ""},
    {"expect vhid1.dark-longest < 1s",
     "9: at 40.000000000 vhid1.dark-longest is 3 s; expected: < 1 s\n"},
    {"expect vhid1.masters-max == 1",
     "9: at 40.000000000 vhid1.masters-max is 2; expected: == 1\n"},
    {"expect vhid1.dual-times == 0", "9: at 40.000000000 vhid1.dual-times is 1; expected: == 0\n"},
    {"expect a.takeovers == 2", ""},
    {"expect a.takeovers == 1", "9: at 40.000000000 a.takeovers is 2; expected: == 1\n"},
    {"expect a.transitions == 3", "9: at 40.000000000 a.transitions is 5; expected: == 3\n"},
    {"expect b.master-time > 7s", ""},
    {"expect b.master-time > 9s",
     "9: at 40.000000000 b.master-time is 8.34379 s; expected: > 9 s\n"},
    {"expect b.preempt == 0", ""},
    {"expect a.preempt == 1", ""},
    {"expect a.sent > 1", ""},
    {"expect c.lost == 0", "9: at 40.000000000 c.lost is 53; expected: == 0\n"},
    {"expect c.by == a", ""},
    {"expect c.by == b", "9: at 40.000000000 c.by is a; expected: == b\n"},
    {"expect 25s c.by == a", "9: at 25.000000000 c.by is b; expected: == a\n"},
    {"expect c.by != a", "9: at 40.000000000 c.by is a; expected: != a\n"},
    {"expect downtime c <= bound+100ms", ""},
    {"expect downtime c < 1s", "9: at 40.000000000 c.downtime is 2.9 s; expected: < 1 s\n"},
    {"expect violation dual-master", "9: dual-master was not violated; it was expected to be\n"},
    {"expect s1.moves >= 0", ""},
};

/* a is master from 3 s to 20 s and from 30.390645 s on; b, from 22.390645 s on, 3.390625 s after
 * a's last advert at 19 s. */
TEST_CASE(run, expectations_hold_or_say_what_was_seen)
{
    for (size_t i = 0; i < sizeof expectations / sizeof *expectations; i++) {
        static struct seen seen;
        char text[1024];
        tk_row(expectations[i].expectation);
        snprintf(text, sizeof text,
                 "horizon 40s\n" PAIR "client c 10.0.0.9 @s1 probe 10.0.0.254 every 100ms\n"
                 "at 20s crash a\n"
                 "at 30s boot a\n"
                 "%s\n",
                 expectations[i].expectation);
        if (see(&seen, text, 1)) {
            EXPECT_STR(expectations[i].failures, seen.failures);
        }
        end(&seen);
    }
    tk_row(NULL);
}

static const struct {
    const char *why, *text, *failures;
} wholes[] = {
    {"a UCARP that is killed leaves its address",
     "horizon 20s\nswitch s1\nnode u @s1 profile=ucarp vhid 1\nat 10s kill u\n",
     "0: violated: address-left at 10.001000001, vhid 1: an address is held by a node that is not "
     "master, since 10.000000000\n"},
    {"and may, when that was expected",
     "horizon 20s\nswitch s1\nnode u @s1 profile=ucarp vhid 1\nat 10s kill u\nexpect violation "
     "address-left\n",
     ""},
    {"but then it has to occur",
     "horizon 20s\nswitch s1\nnode u @s1 profile=ucarp vhid 1\nexpect violation address-left\n",
     "4: address-left was not violated; it was expected to be\n"},
    {"an oracle that is off is not violated",
     "horizon 20s\nswitch s1\nnode u @s1 profile=ucarp vhid 1\nat 1s oracle address-left off\nat "
     "10s kill u\n",
     ""},
    {"a machine that is paused cannot be told",
     "horizon 20s\n" PAIR "at 10s pause a for 5s\nat 11s reload a skew 9\n",
     "7: reload: a is paused and can be told nothing\n"},
    {"no bound without anybody",
     "horizon 20s\n" PAIR "at 10s crash a crash b\nexpect 11s master a within bound\n",
     "7: at 11.000000000 no bound can be derived: nobody who could take over\n"},
    {"bounds count from the start, without a statement",
     "horizon 20s\n" PAIR "never masters < 1 for > bound\nnever masters > 1 for > bound\n", ""},
    {"one master for each of two",
     "horizon 9s\nswitch s1\nnode a @s1 vhid 1 vhid 2\nexpect 5s master a vhid 2\nexpect 5s "
     "masters == 0 vhid 2\n",
     "5: at 5.000000000 vhid2.masters is 1; expected: == 0\n"},
};

TEST_CASE(run, says_what_does_not_hold_of_the_whole)
{
    for (size_t i = 0; i < sizeof wholes / sizeof *wholes; i++) {
        static struct seen seen;
        tk_row(wholes[i].why);
        if (see(&seen, wholes[i].text, 1)) {
            EXPECT_STR(wholes[i].failures, seen.failures);
        }
        end(&seen);
    }
    tk_row(NULL);
}

TEST_CASE(run, what_is_seen_sometimes_is_told_of_each_run)
{
    static const char *const lines[] = {
        "sometimes state a MASTER", "sometimes state b MASTER",   "sometimes rule farewell",
        "sometimes rule silence",   "sometimes verdict replayed", "sometimes drop no-link",
        "sometimes dual-healed",    "sometimes demote-crossed",
    };
    static const bool crashed[] = {true, true, false, true, false, true, false, false};
    static const bool stopped[] = {true, true, true, true, false, false, false, false};
    char text[1024] = "horizon 20s\n" PAIR;
    static struct seen seen;
    for (size_t i = 0; i < 8; i++) {
        add(text, sizeof text, "%s\n", lines[i]);
    }
    size_t size = strlen(text);
    for (unsigned round = 0; round < 2; round++) {
        add(text, sizeof text, "at 10s %s a\n", round == 0 ? "crash" : "stop");
        if (see(&seen, text, 1)) {
            for (size_t i = 0; i < 8; i++) {
                tk_row(lines[i]);
                EXPECT_INT(round == 0 ? crashed[i] : stopped[i], seen.run.sometimes[i]);
            }
        }
        end(&seen);
        text[size] = '\0';
    }
    tk_row(NULL);
}

TEST_CASE(run, names_what_was_never_seen)
{
    static const char *const wants[] = {"state b MASTER", "replayed", "overflow", "dual-healed"};
    struct scenario s;
    char error[SCENARIO_ERROR_MAX] = "", text[RUN_TEXT_MAX], want[64];
    bool read = scenario_read(&s, "t.scn",
                              "horizon 20s\n" PAIR "sometimes state b MASTER\n"
                              "sometimes verdict replayed\nsometimes drop overflow\n"
                              "sometimes dual-healed\n",
                              NULL, error);
    EXPECT_STR("", error);
    for (size_t i = 0; read && i < 4; i++) {
        snprintf(want, sizeof want, "never seen in any run: %s", wants[i]);
        EXPECT_STR(want, run_sometimes_text(&s, &s.expectations[i], text));
    }
    if (read) {
        scenario_free(&s);
    }
}

TEST_CASE(run, a_run_that_does_not_end_is_ended)
{
    static struct seen seen;
    if (begin(&seen, "horizon 1h\n" PAIR, 1)) {
        seen.run.events_max = 100;
        EXPECT_TRUE(!run_go(&seen.run));
        EXPECT_STR("stopped after 100 events, before the horizon", seen.run.failures[0].text);
    }
    end(&seen);
}

/* --- campaigns ----------------------------------------------------------------------------------
 */

#define CAMPAIGN                                                                                   \
    PAIR "client c @s1 probe 10.0.0.254 cache 2s\n"                                                \
         "campaign chaos 10s freeze 20s heal 20s calm 30s faults 12\n"

static const char swarm[] = "swarm loss burst dup reorder corrupt delay block split crash kill "
                            "freeze pause flap clockstep drift senderr\n";

TEST_CASE(run_campaign, has_its_phases_one_after_the_other)
{
    static struct seen seen;
    if (see(&seen, CAMPAIGN "swarm drift\n", 1)) {
        EXPECT_TRUE(strstr(seen.statements, "0.000000000 chaos\n") != NULL);
        EXPECT_TRUE(strstr(seen.statements, "\n10.000000000 freeze\n") != NULL);
        EXPECT_TRUE(strstr(seen.statements, "\n30.000000000 heal\n") != NULL);
        EXPECT_TRUE(strstr(seen.statements, "\n50.000000000 calm\n") != NULL);
    }
    end(&seen);
}

TEST_CASE(run_campaign, strikes_with_every_kind_in_some_run_and_with_none_after_the_chaos)
{
    bool seen_kind[SWARM_COUNT] = {false};
    char text[1024];
    snprintf(text, sizeof text, "%s%s", CAMPAIGN, swarm);
    for (uint64_t seed = 1; seed <= 60; seed++) {
        static struct seen seen;
        if (see(&seen, text, seed)) {
            const char *frozen = strstr(seen.statements, "freeze\n");
            for (unsigned k = 0; k < SWARM_COUNT; k++) {
                char word[32];
                snprintf(word, sizeof word, " %s ", swarm_word((enum swarm_kind)k));
                const char *found = strstr(seen.statements, word);
                seen_kind[k] |= found != NULL && (frozen == NULL || found < frozen);
            }
            const char *after = strstr(seen.statements, "\n10.000000000 freeze\n");
            EXPECT_TRUE(after == NULL || strstr(after, " for ") == NULL);
        }
        end(&seen);
    }
    for (unsigned k = 0; k < SWARM_COUNT; k++) {
        tk_row(swarm_word((enum swarm_kind)k));
        EXPECT_TRUE(seen_kind[k]);
    }
    tk_row(NULL);
}

#define ROUNDS PAIR "swarm loss\ncampaign chaos 10s freeze 5s heal 5s calm 10s faults 3 rounds "

/* The same phases again and again, each time with three other faults within the chaos. */
TEST_CASE(run_campaign, goes_through_its_rounds_one_after_the_other)
{
    static struct seen seen;
    double faults[3][3] = {{0}};
    unsigned counts[3] = {0}, chaos = 0, calm = 0;
    if (see(&seen, ROUNDS "3\n", 1)) {
        for (char *line = strtok(seen.statements, "\n"); line != NULL; line = strtok(NULL, "\n")) {
            char *text;
            double at = strtod(line, &text);
            unsigned round = (unsigned)(at / 30);
            ASSERT_TRUE(round < 3);
            chaos += strcmp(text, " chaos") == 0 && at >= 30 * chaos && at <= 30 * chaos;
            calm += strcmp(text, " calm") == 0 && at >= 30 * calm + 20 && at <= 30 * calm + 20;
            if (strncmp(text, " loss ", 6) == 0) {
                ASSERT_TRUE(counts[round] < 3);
                faults[round][counts[round]++] = at - 30 * round;
                EXPECT_TRUE(at < 30 * round + 10);
            }
        }
        EXPECT_INT(3, chaos);
        EXPECT_INT(3, calm);
        for (int i = 0; i < 3; i++) {
            EXPECT_INT(3, counts[i]);
            /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): other instants, other bytes */
            EXPECT_TRUE(memcmp(faults[i], faults[(i + 1) % 3], sizeof faults[i]) != 0);
        }
        EXPECT_STR("", seen.failures);
    }
    end(&seen);
}

TEST_CASE(run_campaign, keeps_no_more_of_many_rounds_than_of_one)
{
    static struct seen one, many;
    if (begin(&one, ROUNDS "1\n", 1) && begin(&many, ROUNDS "100000\n", 1)) {
        EXPECT_U64(one.run.world.queue.count, many.run.world.queue.count);
    }
    end(&one);
    end(&many);
}

TEST_CASE(run_campaign, leaves_one_master_the_better_one)
{
    char text[1024];
    snprintf(text, sizeof text,
             "%sswarm loss burst dup reorder corrupt delay block split crash kill "
             "freeze pause flap drift senderr\nexpect 70s~80s master a\nexpect 70s~80s backup b\n",
             CAMPAIGN);
    for (uint64_t seed = 1; seed <= 100; seed++) {
        static struct seen seen;
        if (see(&seen, text, seed)) {
            EXPECT_STR("", seen.failures);
        }
        end(&seen);
    }
}
