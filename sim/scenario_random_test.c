/*
 * Scenarios that nobody would write: the texts there are, with bytes, words and lines changed,
 * moved, and cut off. Whatever comes of it is a scenario or one sentence with a position; and what
 * is a scenario runs. Asserts, the sanitizers and Valgrind do the watching.
 */
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/memory.h"
#include "sim/run.h"
#include "tools/testkit/testkit.h"

enum {
    TEXT_MAX = 16384,
    MUTANTS = 300,    /* of each text; more with SCENARIO_MUTANTS=N in the environment */
    EVENTS = 3000,    /* of each run */
    NODES_TO_RUN = 40 /* that many at most */
};

/* Every statement and every option once, so that each has something to be mistaken for. */
static const char everything[] =
    "seed 7 runs 2 horizon 40s unit ms\n"
    "group 1 vip 10.0.0.254 preempt base 1 skew 3 ratio 3 key secret replay=auto\n"
    "group 2 vip 10.0.1.254,fe80::254 dialect openbsd source-mac virtual\n"
    "switch s1 age 300s capacity 100 igmp=snoop querier on reflect off stp=off\n"
    "switch s2 stp 2s igmp=flood\n"
    "link s1 s2 delay 5us\n"
    "node a 10.0.0.1 @s1 delay 3us fe80::1 @s2 profile=engine up 5ms down 7ms drift 50ppm latency "
    "1ms~3ms tick 4ms phase 1ms queue 9 start 2s vhid 1 vhid 2 on s2 hold-down 2s preempt-delay "
    "1s\n"
    "node b 10.0.0.2 @s1 vhid 1 skew 100 seed-of a wraps-after 9\n"
    "node u 10.0.0.3 @s1 profile=ucarp read 500ms shutdown neutral vhid 1 skew 50\n"
    "node f 10.0.0.4 @s1 profile=freebsd extra-ticks 1 vhid 1 base 2\n"
    "node n 10.0.0.5 @s1 profile=netbsd vhid 1 base 2\n"
    "node o 10.0.0.6 @s1 profile=openbsd off vhid 1 base 2 broadcast\n"
    "nodes z 3 10.0.2.1 @s2 vhid 2 skew 9\n"
    "client c @s1 probe 10.0.0.254 every 20ms cache 30s announcements ignored\n"
    "stranger x @s1\n"
    "at 1s~2s crash a for 3s\n"
    "at +1s boot a reboot b after 500ms\n"
    "at 4s stop b for 1s\n"
    "at 5s start b kill b for 1s\n"
    "at 6s freeze b all for 1s\n"
    "at 7s thaw b pause b for 1s clock jumps queue lost\n"
    "at 9s drift a -30ppm clock u +5s jump a 2s\n"
    "at 10s down a@s2 for 1s up a senderr b enobufs for 1s claimerr a for 2s\n"
    "at 12s demote a 20 vhid 1 for 1s demote f -5 for 1s yield a remove a vhid 1\n"
    "at 14s reload b vhid 1 skew 20 preempt off\n"
    "at 14s reload f base 1\n"
    "at 15s split {a b} {u f n} for 2s oneway a->u for 1s\n"
    "at 16s join block a->b adverts for 1s loss a<->* 30% ipv4 for 2s burst a->b 1% 30%\n"
    "at 17s lose a->b 1,3 dup *->b 10% lag 5ms reorder a->b 50% corrupt a->b 10% unseen\n"
    "at 18s delay s1->a 5ms jitter 2ms probes for 1s rate s1->s2 100 queue 3000 hold a->b\n"
    "at 19s release heal oracle flap off\n"
    "at 20s replay x of a every 100ms for 1s\n"
    "at 20s forge x of a base 0 skew 0 demote 3 for 2s\n"
    "at 20s reflect x for 1s\n"
    "at 21s flood x vhid 1 every 1ms for 1s\n"
    "at 22s vrrp x id 1 version 3 for 1s\n"
    "at 22s spoof x 10.0.0.254 for 1s\n"
    "at 22s noise x vhid 1 for 1s\n"
    "expect 3s masters <= 3\n"
    "expect 30s~35s backup b\n"
    "expect 20s master a within bound+200ms\n"
    "expect always downtime c <= bound+200ms\n"
    "expect always masters >= 0 vhid 2\n"
    "expect violation dual-master\n"
    "expect a.replayed == 0\n"
    "expect u.accepted >= 1\n"
    "expect c.by == a\n"
    "expect s1.moves < 10\n"
    "expect vhid1.dual-longest <= bound\n"
    "never masters > 1 vhid 1 for > bound\n"
    "sometimes state a MASTER\n"
    "sometimes rule preempt\n"
    "sometimes verdict replayed\n"
    "sometimes drop overflow\n"
    "sometimes dual-healed\n"
    "sometimes demote-crossed\n"
    "swarm loss burst dup reorder corrupt delay block split crash kill freeze pause flap clockstep "
    "drift senderr\n";

static const char campaign[] = "switch s1\n"
                               "node a @s1 vhid 1 preempt\n"
                               "node b @s1 vhid 1 skew 100\n"
                               "node u @s1 profile=ucarp vhid 1 skew 50\n"
                               "client c @s1 probe 10.0.0.254\n"
                               "swarm loss crash split pause flap clockstep senderr freeze kill\n"
                               "campaign chaos 5s freeze 5s heal 5s calm 5s faults 12 rounds 2\n";

/* --- changes ------------------------------------------------------------------------------------
 */

static uint64_t drawn;

static size_t below(size_t count)
{
    drawn = decide_mix(drawn, count);
    return count == 0 ? 0 : (size_t)(drawn % count);
}

struct piece {
    size_t at, size;
};

/* Line or word number n of a text. */
static struct piece piece_of(const char *text, const char *separators, size_t number)
{
    struct piece p = {strspn(text, separators), 0};
    while (text[p.at] != '\0') {
        p.size = strcspn(text + p.at, separators);
        if (number-- == 0) {
            return p;
        }
        p.at += p.size;
        p.at += strspn(text + p.at, separators);
    }
    p.size = 0;
    return p;
}

static size_t count_pieces(const char *text, const char *separators)
{
    size_t count = 0;
    for (text += strspn(text, separators); *text != '\0'; text += strspn(text, separators)) {
        text += strcspn(text, separators);
        count++;
    }
    return count;
}

/* Put these bytes in the place of a piece, as far as there is room. */
static void replace(char *text, struct piece p, const char *with, size_t size)
{
    size_t rest = strlen(text + p.at + p.size) + 1;
    if (p.at + size + rest <= TEXT_MAX) {
        memmove(text + p.at + size, text + p.at + p.size, rest);
        memcpy(text + p.at, with, size);
    }
}

static const char *const odd_words[] = {
    "0",
    "1",
    "255",
    "256",
    "99999999999999999999",
    "-1",
    "1e9",
    "0.0000001ns",
    "100y",
    "1000y",
    "100%",
    "101%",
    "*",
    "*->*",
    "a->",
    "->",
    "{",
    "}",
    "{}",
    "~",
    "1s~",
    "~1s",
    "5s~1s",
    "+0s",
    "+100y",
    "0s",
    "1ns",
    "1h",
    "=",
    "==",
    "<=",
    "@",
    "@s1",
    "@nowhere",
    "vhid",
    "vhid0.dual",
    "vhid300.",
    "a.",
    ".",
    "bound",
    "bound+",
    "bound+1y",
    "x",
    "c",
    "profile=openbsd",
    "preempt",
    "off",
    "all",
    "for",
    "::",
    "10.0.0.300",
    "#",
    "\r",
    "\xc3\xa9",
    "\x7f",
    "config=../",
    "of",
    "every",
    "1,2,65",
    "s1<->s2",
    "{a,b}",
    "node",
    "at",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
};

static void mutate(char *text)
{
    const char *white = below(3) == 0 ? "\n" : " =\n";
    struct piece one = piece_of(text, white, below(count_pieces(text, white)));
    struct piece other = piece_of(text, white, below(count_pieces(text, white)));
    char kept[TEXT_MAX];
    size_t size = strlen(text);
    switch (below(8)) {
    case 0: /* flip a bit */
        text[below(size)] ^= (char)(1 << below(7));
        break;
    case 1: /* cut off */
        text[below(size)] = '\0';
        break;
    case 2: /* leave out */
        replace(text, one, "", 0);
        break;
    case 3: { /* say twice, or in another's place */
        size_t copied = one.size;
        memcpy(kept, text + one.at, copied);
        replace(text, other, kept, copied);
        break;
    }
    case 4: { /* swap; the later one first, so that the earlier stays where it is */
        struct piece first = one.at < other.at ? one : other;
        struct piece last = one.at < other.at ? other : one;
        char early[TEXT_MAX];
        memcpy(early, text + first.at, first.size);
        memcpy(kept, text + last.at, last.size);
        replace(text, last, early, first.size);
        replace(text, first, kept, last.size);
        break;
    }
    case 5: { /* any byte */
        char byte = (char)(1 + below(255));
        replace(text, (struct piece){below(size), below(2)}, &byte, 1);
        break;
    }
    default: {
        const char *word = odd_words[below(sizeof odd_words / sizeof *odd_words)];
        replace(text, one, word, strlen(word));
        break;
    }
    }
}

/* --- what comes of it --------------------------------------------------------------------------
 */

/* "mutant:LINE:COLUMN: and some words" */
static bool has_position(const char *error)
{
    unsigned line, column;
    int end = 0;
    return sscanf(error, "mutant:%u:%u: %n", &line, &column, &end) == 2 && line > 0 && column > 0 &&
           error[end] != '\0' && strchr(error, '\n') == NULL &&
           strlen(error) < SCENARIO_ERROR_MAX - 1;
}

static void run_it(const struct scenario *s)
{
    static struct run run;
    const struct run_options options = {.seed = s->seed};
    if (s->node_count <= NODES_TO_RUN && run_make(&run, s, &options) == 0) {
        run.events_max = EVENTS;
        run_go(&run);
        run_free(&run);
    }
}

static unsigned good;

static void try(const char *text)
{
    char error[SCENARIO_ERROR_MAX];
    struct scenario s;
    if (scenario_read(&s, "mutant", text, NULL, error)) {
        good += 1;
        run_it(&s);
        scenario_free(&s);
    } else if (!has_position(error)) {
        tk_fail(__FILE__, __LINE__, "an error without a position: %s\nof:\n%s", error, text);
    }
}

static void try_mutants_of(const char *text)
{
    const char *more = getenv("SCENARIO_MUTANTS");
    unsigned count = more == NULL ? MUTANTS : (unsigned)atoi(more);
    static char mutant[TEXT_MAX];
    for (unsigned i = 0; i < count; i++) {
        snprintf(mutant, sizeof mutant, "%s", text);
        for (size_t changes = 1 + below(3); changes > 0 && mutant[0] != '\0'; changes--) {
            mutate(mutant);
        }
        const char *saved = getenv("SCENARIO_MUTANT_FILE");
        if (saved != NULL) { /* for whoever looks for the one that crashed */
            FILE *file = fopen(saved, "w");
            if (file != NULL) {
                fputs(mutant, file);
                fclose(file);
            }
        }
        try(mutant);
    }
}

TEST_CASE(scenario_random, a_text_with_every_statement_is_a_scenario_and_runs)
{
    char error[SCENARIO_ERROR_MAX] = "";
    struct scenario s;
    bool read = scenario_read(&s, "everything", everything, NULL, error);
    EXPECT_STR("", error);
    if (read) {
        run_it(&s);
        scenario_free(&s);
    }
    read = scenario_read(&s, "campaign", campaign, NULL, error);
    EXPECT_STR("", error);
    if (read) {
        run_it(&s);
        scenario_free(&s);
    }
}

TEST_CASE(scenario_random, no_change_to_a_text_with_every_statement_makes_it_crash)
{
    drawn = 1;
    good = 0;
    try_mutants_of(everything);
    EXPECT_TRUE(good > MUTANTS / 50);
}

TEST_CASE(scenario_random, no_change_to_a_campaign_makes_it_crash)
{
    drawn = 2;
    good = 0;
    try_mutants_of(campaign);
    EXPECT_TRUE(good > MUTANTS / 50);
}

static int is_scenario(const struct dirent *entry)
{
    size_t size = strlen(entry->d_name);
    return size > 4 && strcmp(entry->d_name + size - 4, ".scn") == 0;
}

TEST_CASE(scenario_random, no_change_to_the_scenarios_there_are_makes_them_crash)
{
    static char text[TEXT_MAX];
    struct dirent **entries;
    int count = scandir(tk_path("sim/scenarios"), &entries, is_scenario, alphasort);
    ASSERT_TRUE(count > 0);
    drawn = 3;
    for (int i = 0; i < count; i++) {
        char path[512];
        snprintf(path, sizeof path, "sim/scenarios/%s", entries[i]->d_name);
        FILE *file = fopen(tk_path(path), "r");
        if (file != NULL) {
            size_t size = fread(text, 1, sizeof text - 1, file);
            fclose(file);
            text[size] = '\0';
            for (int k = 0; k < 20; k++) { /* few of each: there may be many */
                static char mutant[TEXT_MAX];
                memcpy(mutant, text, sizeof text);
                mutate(mutant);
                try(mutant);
            }
        }
        free(entries[i]);
    }
    free(entries);
}

/* Bytes that were no scenario to begin with. */
TEST_CASE(scenario_random, a_mebibyte_of_anything_is_refused_at_its_first_line)
{
    char *text = memory_make(SCENARIO_TEXT_MAX + 1, 1);
    static const char *const patterns[] = {"{",  "}",        "=",  "at ",  "a->",    "\n",
                                           "# ", "node a\n", "<=", "\x80", "seed 1 "};
    for (size_t p = 0; p < sizeof patterns / sizeof *patterns; p++) {
        size_t size = strlen(patterns[p]);
        for (size_t i = 0; i < SCENARIO_TEXT_MAX; i++) {
            text[i] = patterns[p][i % size];
        }
        try(text);
    }
    for (size_t i = 0; i < SCENARIO_TEXT_MAX; i++) {
        text[i] = (char)(1 + below(255));
    }
    try(text);
    free(text);
}
