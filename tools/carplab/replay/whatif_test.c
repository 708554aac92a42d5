/*
 * Our engine on genuine captures: in the place of a host, and as an observer. Times of frames are
 * tcpdump's, keys and addresses the captures' README's, and when the engine has to act follows from
 * the protocol: dead ratio x advbase + advskew/256 after the last advert it heard.
 */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "tools/carplab/replay/whatif.h"
#include "tools/testkit/testkit.h"

enum { EVENTS_MAX = 64, MORE_MAX = 8, ADDRESSES_MAX = 6 };

#define US    UINT64_C(1000)
#define NEVER UINT64_MAX

struct asked {
    const char *capture, *key;
    const char *addresses[ADDRESSES_MAX];
    const char *options[2 * MORE_MAX]; /* names and values */
};

/* A difference as it came out, times since the capture's begin. */
struct difference {
    enum whatif_how how;
    bool ceased;
    uint64_t recorded, engine;
};

struct outcome {
    struct difference differences[EVENTS_MAX];
    bool guess[EVENTS_MAX];
    unsigned difference_count;
    unsigned verdicts[CARP_VERDICT_COUNT];
    unsigned transitions;
    struct whatif_event sum;
    uint64_t begin, apart;
    char text[EVENTS_MAX][WHATIF_TEXT_MAX];
    char error[WHATIF_ERROR_MAX];
};

static uint64_t since(const struct outcome *o, carp_instant at)
{
    return at.ns == NEVER ? NEVER : at.ns - o->begin;
}

static void note(void *self, const struct whatif_event *e)
{
    struct outcome *o = self;
    switch (e->kind) {
    case WHATIF_DECISION:
        o->verdicts[e->outcome->verdict] += e->event->type == CARP_EVENT_ADVERT;
        o->transitions += e->outcome->from != e->outcome->to;
        break;
    case WHATIF_DIFFERENCE:
        ASSERT_TRUE(o->difference_count < EVENTS_MAX);
        memcpy(o->text[o->difference_count], e->text, sizeof e->text);
        o->guess[o->difference_count] = e->guess;
        o->differences[o->difference_count++] =
            (struct difference){e->how, e->ceased, since(o, e->recorded), since(o, e->engine)};
        break;
    case WHATIF_SUM:
        o->sum = *e;
        o->apart = since(o, e->apart);
        break;
    }
}

static void read_file(const char *name, struct account *a, struct whatif *w)
{
    char path[256], error[CAPTURE_ERROR_MAX];
    struct merge *merge = NULL;
    struct merge_frame frame;
    struct decoded d;
    uint64_t damage;
    snprintf(path, sizeof path, "engine/testdata/captures/%s.pcap", name);
    const char *paths[] = {tk_path(path)};
    ASSERT_TRUE(merge_open(paths, 1, &merge, error) == CAPTURE_FRAME);
    while (merge_next(merge, &frame, &damage, error) == CAPTURE_FRAME) {
        decode_packet(&frame.frame, &d);
        EXPECT_TRUE(w == NULL ? account_frame(a, &frame, &d) : whatif_frame(w, &frame));
    }
    merge_close(merge);
}

static void ask(const struct asked *asked, struct outcome *o)
{
    struct account account;
    struct whatif_options options = {{0}};
    struct carp_config given = {.key_count = 1};
    memset(o, 0, sizeof *o);
    memcpy(given.keys[0], asked->key, strlen(asked->key));
    for (unsigned i = 0; i < ADDRESSES_MAX && asked->addresses[i] != NULL; i++) {
        if (inet_pton(AF_INET, asked->addresses[i], given.ipv4[given.ipv4_count]) == 1) {
            given.ipv4_count++;
        } else {
            EXPECT_INT(1, inet_pton(AF_INET6, asked->addresses[i], given.ipv6[given.ipv6_count]));
            given.ipv6_count++;
        }
    }
    for (unsigned i = 0; asked->options[i] != NULL; i += 2) {
        EXPECT_INT(1, whatif_option(&options, asked->options[i], asked->options[i + 1], o->error));
    }
    ASSERT_TRUE(account_begin(&account));
    read_file(asked->capture, &account, NULL);
    EXPECT_TRUE(account_end(&account));
    o->begin = account.begin.ns;
    struct whatif *w =
        whatif_begin(&options, &given, &account, (struct whatif_sink){o, note}, o->error);
    if (w != NULL) {
        read_file(asked->capture, &account, w);
        EXPECT_TRUE(whatif_end(w));
    }
    whatif_free(w);
    account_free(&account);
}

static void expect(const struct outcome *o, const struct difference *want, unsigned count)
{
    EXPECT_STR("", o->error);
    EXPECT_INT(count, o->difference_count);
    for (unsigned i = 0; i < count && i < o->difference_count; i++) {
        EXPECT_STR(whatif_how_word(want[i].how), whatif_how_word(o->differences[i].how));
        EXPECT_INT(want[i].ceased, o->differences[i].ceased);
        EXPECT_U64(want[i].recorded, o->differences[i].recorded);
        EXPECT_U64(want[i].engine, o->differences[i].engine);
    }
}

#define UCARP_FILE                                                                                 \
    "ucarp-1.5.2", "test-pass-1",                                                                  \
    {                                                                                              \
        "10.99.0.100"                                                                              \
    }

/* 10.99.0.1 is killed after its adverts of 10.993179 and 27.292340 s; .2, 1/100, takes over at
 * 15.457633 and 32.456451 s. Its limit is 3 + 100/256 s. .1 comes back at 21.301602 s, and .2 says
 * its last advert at 22.272950 s. */
TEST_CASE(whatif, takes_over_at_the_limit_where_ucarp_was_late)
{
    static struct outcome o;
    const struct difference want[] = {
        {WHATIF_EARLIER, false, 15457633 * US, 10993179 * US + UINT64_C(3390625000)},
        {WHATIF_EARLIER, true, 22272950 * US, 21301602 * US},
        {WHATIF_EARLIER, false, 32456451 * US, 27292340 * US + UINT64_C(3390625000)},
    };
    ask(&(struct asked){UCARP_FILE, {"--vhid", "42", "--as", "10.99.0.2"}}, &o);
    expect(&o, want, 3);
    EXPECT_STR("10.99.0.2 took over 4.464 s after the last advert; Carpio would have at 3.391 s: "
               "1.074 s earlier",
               o.text[0]);
    EXPECT_U64(19, o.sum.accepted); /* all of .1 */
    EXPECT_U64((4464454 + 5164111) * US, o.sum.dark[0].ns);
    EXPECT_U64(2 * UINT64_C(3390625000), o.sum.dark[1].ns);
    EXPECT_U64(971348 * US, o.sum.twofold[0].ns);
    EXPECT_U64(0, o.sum.twofold[1].ns);
    EXPECT_U64(want[0].engine, o.apart);
    EXPECT_TRUE(!o.guess[0] && o.guess[1] && o.guess[2]);
}

/* 2 + 100/256 s; and 3 + 50/256 s. */
TEST_CASE(whatif, follows_the_settings_it_is_given)
{
    static struct outcome o;
    const struct difference faster[] = {
        {WHATIF_EARLIER, false, 15457633 * US, 10993179 * US + UINT64_C(2390625000)},
        {WHATIF_EARLIER, true, 22272950 * US, 21301602 * US},
        {WHATIF_EARLIER, false, 32456451 * US, 27292340 * US + UINT64_C(2390625000)},
    };
    ask(&(struct asked){UCARP_FILE, {"--vhid", "42", "--as", "10.99.0.2", "--dead-ratio", "2"}},
        &o);
    expect(&o, faster, 3);
    const struct difference other[] = {
        {WHATIF_EARLIER, false, 15457633 * US, 10993179 * US + UINT64_C(3195312500)},
        {WHATIF_EARLIER, true, 22272950 * US, 21301602 * US},
        {WHATIF_EARLIER, false, 32456451 * US, 27292340 * US + UINT64_C(3195312500)},
    };
    ask(&(struct asked){UCARP_FILE, {"--vhid", "42", "--as", "10.99.0.2", "--advskew", "50"}}, &o);
    expect(&o, other, 3);
}

/* The other one is master when the capture begins, and is killed twice: that is not ours to decide,
 * and the engine does the same in between. */
TEST_CASE(whatif, takes_over_what_befell_the_host)
{
    static struct outcome o;
    const struct difference want[] = {
        {WHATIF_GIVEN, false, 24 * US, 24 * US},
        {WHATIF_GIVEN, true, 10993179 * US, 10993179 * US},
        /* .2 advertises at 21.014003 s; UCARP was slower to preempt */
        {WHATIF_EARLIER, false, 21301602 * US, 21014003 * US},
        {WHATIF_GIVEN, true, 27292340 * US, 27292340 * US},
    };
    ask(&(struct asked){UCARP_FILE, {"--vhid", "42", "--as", "10.99.0.1", "--preempt", "yes"}}, &o);
    expect(&o, want, 4);
}

/* A, NetBSD 1/0, says farewell at 8.000510 s, is back, and does not preempt; B's last advert is of
 * 16.519822 s. */
TEST_CASE(whatif, preempts_where_netbsd_did_not)
{
    static struct outcome o;
    struct difference want[] = {
        {WHATIF_GIVEN, false, 3009000 * US, 3009000 * US},
        {WHATIF_GIVEN, true, 8000510 * US, 8000510 * US},
        {WHATIF_EARLIER, false, 19529253 * US, 19519822 * US},
    };
    struct asked asked = {"netbsd-freebsd-v4-failover",
                          "secret",
                          {"192.0.2.7", "192.0.2.8"},
                          {"--vhid", "7", "--as", "192.0.2.11", "--preempt", "no"}};
    ask(&asked, &o);
    want[0].recorded = want[0].engine = o.differences[0].recorded;
    EXPECT_TRUE(want[0].recorded / 1000000 == 3009 || want[0].recorded / 1000000 == 3010);
    expect(&o, want, 3);
    asked.options[5] = "yes";
    want[2].engine = 16519822 * US;
    ask(&asked, &o);
    expect(&o, want, 3);
    EXPECT_STR("192.0.2.11 took over 3.009 s after the last advert; Carpio would have because the "
               "master is slower than we are, and we preempt: 3.009 s earlier",
               o.text[2]);
}

/* A is demoted by 240 at 8.128843 s, yields to B's advert of 8.131029 s, and preempts after that of
 * 16.646998 s; at 22.770179 s it is heard last. */
TEST_CASE(whatif, is_demoted_with_the_host)
{
    static struct outcome o;
    struct asked asked = {"freebsd-13.0-mixed-failover-demotion",
                          "secret",
                          {"192.0.2.7", "192.0.2.8", "2001:db8:7::7"},
                          {"--vhid", "7", "--as", "192.0.2.11", "--preempt", "yes"}};
    ask(&asked, &o);
    const struct difference want[] = {
        {WHATIF_GIVEN, false, 3028678 * US, 3028678 * US},
        {WHATIF_SAME, true, 8131029 * US, 8131029 * US},
        {WHATIF_SAME, false, 16649218 * US, 16646998 * US},
        {WHATIF_GIVEN, true, 22770179 * US, 22770179 * US},
    };
    expect(&o, want, 4);
    EXPECT_U64(NEVER, o.apart);
    asked.options[5] = "no";
    ask(&asked, &o);
    /* B, last heard at 16.647016 s, says no more after A preempted it: from there it is a guess */
    EXPECT_STR("later", whatif_how_word(o.differences[2].how));
    EXPECT_U64((16647016 + 3000000) * US, o.differences[2].engine);
    EXPECT_TRUE(o.guess[2] && !o.guess[1]);
    EXPECT_U64(16649218 * US, o.apart);
}

/* Two kernels with equal timers collide at 0.0 s, for timers that ran before the capture, and then
 * every 3.42 s. The engine yields as they do, and takes over when it drew, up to half an interval
 * of 1.390625 s before the 3.390625 s at which both collide for ever. */
TEST_CASE(whatif, leaves_a_livelock)
{
    static struct outcome o;
    unsigned drawn = 0;
    ask(&(struct asked){"freebsd-freebsd-v4-equal-livelock",
                        "secret",
                        {"10.77.1.1"},
                        {"--vhid", "1", "--as", "192.0.2.11"}},
        &o);
    EXPECT_STR("", o.error);
    EXPECT_STR("given", whatif_how_word(o.differences[0].how));
    EXPECT_U64(2169 * US, o.differences[0].engine);
    for (unsigned i = 1; i < o.difference_count; i++) {
        const struct difference *yielded = &o.differences[i - 1], *began = &o.differences[i];
        if (yielded->ceased && yielded->how == WHATIF_SAME) {
            uint64_t waited = began->engine - yielded->engine;
            EXPECT_TRUE(waited >= UINT64_C(2695312500) && waited < UINT64_C(3390625000));
            drawn += 1;
        }
    }
    EXPECT_INT(5,
               drawn); /* collisions before the last, but for those that the capture begins with */
}

/* A signs with "secret", B with "Secret". Whoever has the other's key hears it. B's limit, 3.390625
 * s, runs from the capture's begin when it refuses A, whose first advert is of 3.009758 s. */
TEST_CASE(whatif, refuses_what_is_signed_with_another_key)
{
    static const struct {
        const char *why, *key, *as;
        unsigned accepted, refused;
        enum whatif_how how;
        uint64_t recorded, engine;
    } rows[] = {
        {"A with its key", "secret", "192.0.2.11", 0, 4, WHATIF_GIVEN, 3009758, 3009758},
        {"A with B's", "Secret", "192.0.2.11", 4, 0, WHATIF_GIVEN, 3009758, 3009758},
        {"B with A's", "secret", "192.0.2.12", 5, 0, WHATIF_MISSING, 3409684, NEVER},
        {"B with its key", "Secret", "192.0.2.12", 0, 5, WHATIF_EARLIER, 3409684, 3390625},
    };
    static struct outcome o;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tk_row(rows[i].why);
        ask(&(struct asked){"netbsd-7.99.34-v4-badkey",
                            rows[i].key,
                            {"192.0.2.7"},
                            {"--vhid", "7", "--as", rows[i].as}},
            &o);
        const struct difference want = {rows[i].how, false, rows[i].recorded * US,
                                        rows[i].engine == NEVER ? NEVER : rows[i].engine * US};
        expect(&o, &want, 1);
        EXPECT_INT(rows[i].accepted, o.verdicts[CARP_ACCEPTED]);
        EXPECT_INT(rows[i].refused, o.verdicts[CARP_BAD_DIGEST]);
        /* both until the last advert, of 7.639777 s, or nobody beside A */
        uint64_t from = rows[i].how == WHATIF_EARLIER ? 3390625 : 3409684;
        uint64_t twofold = rows[i].how == WHATIF_MISSING ? 0 : (7639777 - from) * US;
        EXPECT_U64((7639777 - 3409684) * US, o.sum.twofold[0].ns);
        EXPECT_U64(twofold, o.sum.twofold[1].ns);
    }
}

/* A host that was not there, with a key that makes it deaf: what it waits for is the hold-down,
 * from the capture's begin, where that is longer than its limit. */
TEST_CASE(whatif, holds_down_a_newcomer_that_hears_nobody)
{
    static struct outcome o;
    struct asked asked = {"netbsd-7.99.34-v4-badkey",
                          "neither",
                          {"192.0.2.7"},
                          {"--vhid", "7", "--as", "192.0.2.13", "--hold-down", "5.5"}};
    struct difference want = {WHATIF_EXTRA, false, NEVER, 5500000 * US};
    ask(&asked, &o);
    expect(&o, &want, 1);
    EXPECT_U64(want.engine, o.apart);
    asked.options[5] = "0";
    want.engine = 3390625 * US; /* as the slower of the two */
    ask(&asked, &o);
    expect(&o, &want, 1);
    EXPECT_INT(9, o.verdicts[CARP_BAD_DIGEST]);
}

/* How many adverts a capture has of a vhid is tcpdump's count. */
TEST_CASE(whatif, accepts_every_genuine_advert_as_an_observer)
{
    static const struct {
        const char *capture, *key, *vhid;
        unsigned adverts;
        const char *addresses[ADDRESSES_MAX];
    } rows[] = {
        {"ucarp-1.5.2", "test-pass-1", "42", 28, {"10.99.0.100"}},
        {"netbsd-7.99.34-v4-one", "secret", "7", 5, {"192.0.2.7"}},
        {"netbsd-7.99.34-v4-three", "secret", "7", 5, {"192.0.2.200", "198.51.100.3", "192.0.2.7"}},
        {"netbsd-7.99.34-v4-failover-bowout", "secret", "7", 19, {"192.0.2.7", "192.0.2.8"}},
        {"netbsd-7.99.34-v4-advbase0", "secret", "7", 9, {"192.0.2.7"}},
        {"netbsd-7.99.34-v4-nokey", "", "7", 4, {"192.0.2.7"}},
        {"netbsd-7.99.34-v4-two-carp-counter", "secret", "1", 17, {"10.77.1.1"}},
        {"netbsd-7.99.34-v4-suppress", "secret", "1", 17, {"10.77.1.1"}},
        {"netbsd-7.99.34-v4-suppress", "secret", "3", 11, {"10.77.1.3"}},
        {"freebsd-13.0-v4-one", "secret", "7", 5, {"192.0.2.7"}},
        {"freebsd-13.0-v6-one", "secret", "7", 6, {"2001:db8:7::7"}},
        {"freebsd-13.0-v6-four-linklocal",
         "secret",
         "7",
         6,
         {"2001:db8:7::200", "fe80::7", "2001:db8:7::7", "fd00:7::1"}},
        {"freebsd-13.0-mixed",
         "secret",
         "7",
         12,
         {"2001:db8:7::200", "192.0.2.200", "fe80::7", "192.0.2.7", "2001:db8:7::7"}},
        {"freebsd-13.0-mixed-failover-demotion",
         "secret",
         "7",
         46,
         {"192.0.2.7", "192.0.2.8", "2001:db8:7::7"}},
        {"freebsd-13.0-v6-failover-na", "secret", "7", 10, {"2001:db8:7::7", "2001:db8:7::8"}},
        {"freebsd-13.0-v4-demotion-negative", "secret", "1", 23, {"10.77.1.1"}},
        {"freebsd-13.0-v4-demotion-negative", "secret", "2", 14, {"10.77.1.2"}},
        {"freebsd-13.0-mixed-half-heard", "secret", "7", 32, {"10.77.1.7", "2001:db8:7::7"}},
        {"netbsd-freebsd-v4-failover", "secret", "7", 19, {"192.0.2.7", "192.0.2.8"}},
        {"freebsd-freebsd-v4-equal-livelock", "secret", "1", 16, {"10.77.1.1"}},
        {"ucarp-freebsd-v4-equal-partition", "secret", "21", 12, {"10.77.1.21"}},
        {"ucarp-freebsd-v4-preempt", "secret", "31", 9, {"10.77.1.31"}},
        {"ucarp-netbsd-v4-equal-livelock", "secret", "48", 26, {"10.77.1.48"}},
    };
    static struct outcome o;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct asked asked = {rows[i].capture, rows[i].key, {0}, {"--vhid", rows[i].vhid}};
        tk_row(rows[i].capture);
        memcpy(asked.addresses, rows[i].addresses, sizeof asked.addresses);
        ask(&asked, &o);
        EXPECT_STR("", o.error);
        EXPECT_INT(rows[i].adverts, o.verdicts[CARP_ACCEPTED]);
        EXPECT_U64(rows[i].adverts, o.sum.accepted);
        EXPECT_U64(0, o.sum.refused);
        EXPECT_INT(0, o.difference_count);
    }
}

/* The two silences of this capture, of 4.46 and 5.16 s, are longer than its limit of 3.39 s, and it
 * goes on listening after each. None of one host that is heard all along. */
TEST_CASE(whatif, counts_how_often_an_observer_would_have_taken_over)
{
    static struct outcome o;
    ask(&(struct asked){UCARP_FILE, {"--vhid", "42"}}, &o);
    EXPECT_U64(2, o.sum.takeovers);
    ask(&(struct asked){UCARP_FILE, {"--vhid", "42", "--advbase", "2"}}, &o); /* 6.39 s */
    EXPECT_U64(0, o.sum.takeovers);
    /* 1 + 110/256 s, several times in each silence, but no longer than an interval of .2 */
    ask(&(struct asked){UCARP_FILE, {"--vhid", "42", "--dead-ratio", "1", "--advskew", "110"}}, &o);
    EXPECT_U64(2, o.sum.takeovers);
    ask(&(struct asked){"netbsd-7.99.34-v4-one", "secret", {"192.0.2.7"}, {"--vhid", "7"}}, &o);
    EXPECT_U64(0, o.sum.takeovers);
}

TEST_CASE(whatif, says_what_would_be_right)
{
    static const struct {
        const char *name, *value, *error;
    } rows[] = {
        {"--advskew", "255", "--advskew 255: 0..254 is right"},
        {"--vhid", "0", "--vhid 0: 1..255 is right"},
        {"--advbase", "1x", "--advbase 1x: 0..255 is right"},
        {"--dead-ratio", NULL, "--dead-ratio (nothing): 1..255 is right"},
        {"--preempt", "maybe", "--preempt maybe: yes or no is right"},
        {"--hold-down", "-1", "--hold-down -1: 0..3600 seconds, such as 2.5, is right"},
        {"--hold-down", "3600.000000001",
         "--hold-down 3600.000000001: 0..3600 seconds, such as 2.5, is right"},
        {"--demotion", "freebsd", "--demotion freebsd: advskew or openbsd is right"},
        {"--replay", "on", "--replay on: auto, enforce or off is right"},
        {"--as", "host", "--as host: the source address of a host is right"},
    };
    static struct outcome o;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct whatif_options options = {{0}};
        tk_row(rows[i].name);
        EXPECT_INT(-1, whatif_option(&options, rows[i].name, rows[i].value, o.error));
        EXPECT_STR(rows[i].error, o.error);
        EXPECT_TRUE(!whatif_wanted(&options));
    }
    tk_row(NULL);
    EXPECT_INT(0, whatif_option(&(struct whatif_options){{0}}, "--json", NULL, o.error));
    ask(&(struct asked){UCARP_FILE, {"--vhid", "43"}}, &o);
    EXPECT_TRUE(strstr(o.error, "none of the groups is advertised in this capture") != NULL);
    ask(&(struct asked){UCARP_FILE, {"--as", "10.99.0.2"}}, &o);
    EXPECT_TRUE(strstr(o.error, "--key with an --address for each and --vhid, is right") != NULL);
    ask(&(struct asked){UCARP_FILE, {"--vhid", "42", "--as", "fe80::1"}}, &o);
    EXPECT_TRUE(strstr(o.error, "no virtual address of this host's family") != NULL);
    ask(&(struct asked){UCARP_FILE, {"--vhid", "42", "--advbase", "0", "--advskew", "0"}}, &o);
    EXPECT_TRUE(strstr(o.error, "with an --advskew above 0 it is right") != NULL);
}
