/*
 * What one step of the engine costs, as JSON: nanoseconds, of many short batches, so that a busy
 * machine spoils few of them; the median is the figure.
 *
 *     build/release/bin/bench_engine
 *     valgrind --tool=callgrind build/release/bin/bench_engine timer_early 100000
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "engine/carp.h"
#include "io/crypto_openssl.h"
#include "io/journal/journal.h"

enum { BATCHES = 401, BATCH = 2000, RING = 1 << 16 };

static const struct carp_config config = {
    .vhid = 42,
    .advbase = 1,
    .advskew = 100,
    .dead_ratio = 3,
    .ipv4_group = {224, 0, 0, 18},
    .key_count = 1,
    .keys = {"test-pass-1"},
    .ipv4_count = 1,
    .ipv4 = {{10, 99, 0, 100}},
};

/* The first advert of engine/testdata/captures/ucarp-1.5.2.pcap: 10.99.0.1, vhid 42, 1/0. */
static const uint8_t genuine[70] = {
    0x01, 0x00, 0x5e, 0x00, 0x00, 0x12, 0x00, 0x00, 0x5e, 0x00, 0x00, 0x2a, 0x08, 0x00,
    0x45, 0x10, 0x00, 0x38, 0xb6, 0xae, 0x40, 0x00, 0xff, 0x70, 0xda, 0x20, 0x0a, 0x63,
    0x00, 0x01, 0xe0, 0x00, 0x00, 0x12, 0x21, 0x2a, 0x00, 0x07, 0x00, 0x01, 0x7b, 0xcb,
    0x08, 0x39, 0x1c, 0x0c, 0xd6, 0x1c, 0x21, 0x4d, 0xd9, 0x1d, 0x18, 0x84, 0x33, 0x83,
    0xb8, 0xc0, 0xd8, 0x5c, 0x77, 0x19, 0x09, 0x72, 0xc7, 0x86, 0xae, 0x3c, 0x9a, 0xc1,
};

/* Everything a case works on: a group that listens, and a frame it hears again and again. */
struct bench {
    struct carp carp;
    struct carp_crypto crypto;
    struct carp_outcome out;
    uint8_t frame[sizeof genuine];
    enum carp_verdict refusal; /* what a refused frame must end in */
    carp_instant now;
    struct carp_config config;

    /* Of the cases with a journal: a host of this group alone, and where its journal goes. */
    struct host host;
    struct host_plan plan;
    struct host_group group;
    struct host_interface interface;
    struct journal journal;
    size_t ring_used;
    uint8_t ring[RING];
};

static uint64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A frame through parser and machine, as io/host.c does it. */
static enum carp_verdict hear_frame(struct bench *b)
{
    struct carp_packet packet;
    enum carp_verdict verdict = frame_parse(b->frame, sizeof b->frame, &packet);
    if (verdict == CARP_ACCEPTED) {
        struct carp_event event = {.type = CARP_EVENT_ADVERT, .packet = &packet};
        b->now.ns += 1000;
        verdict = carp_step(&b->config, &b->crypto, &b->carp, b->now, &event, &b->out);
    }
    return verdict;
}

static void hear_accepted(struct bench *b)
{
    enum carp_verdict verdict = hear_frame(b);
    assert(verdict == CARP_ACCEPTED);
}

static void hear_refused(struct bench *b)
{
    enum carp_verdict verdict = hear_frame(b);
    assert(verdict == b->refusal);
}

/* A backup's timer, early: what a wake-up costs each group that has nothing to do. */
static void timer_early(struct bench *b)
{
    struct carp_event event = {.type = CARP_EVENT_TIMEOUT};
    carp_step(&b->config, &b->crypto, &b->carp, b->now, &event, &b->out);
    assert(b->out.rule == CARP_RULE_NONE);
}

/* A backup's timer, much too late: the machine moves, but signs nothing. */
static void timer_overslept(struct bench *b)
{
    struct carp_event event = {.type = CARP_EVENT_OVERSLEPT};
    b->now.ns += 10000000000;
    carp_step(&b->config, &b->crypto, &b->carp, b->now, &event, &b->out);
    assert(b->out.rule == CARP_RULE_OVERSLEPT);
}

/* A master's timer: an advert is signed and written. */
static void timer_advert(struct bench *b)
{
    struct carp_event event = {.type = CARP_EVENT_TIMEOUT};
    b->now = carp_deadline(&b->carp);
    carp_step(&b->config, &b->crypto, &b->carp, b->now, &event, &b->out);
    assert(b->out.rule == CARP_RULE_ADVERT_DUE);
}

/* --- with a journal: the loop and its port, as carpd has them, but for a disk -------------------
 */

static int ring_write(void *self, const uint8_t *bytes, size_t size)
{
    struct bench *b = self;
    if (b->ring_used + size > RING) {
        b->ring_used = 0;
    }
    memcpy(b->ring + b->ring_used, bytes, size);
    b->ring_used += size;
    return 0;
}

static int bench_send(void *self, unsigned group, const uint8_t *frame, size_t size)
{
    (void)self, (void)group, (void)frame, (void)size;
    return 0;
}

static int bench_claim(void *self, unsigned group, const struct port_guard *guard)
{
    (void)self, (void)group, (void)guard;
    return 0;
}

static int bench_release(void *self, unsigned group)
{
    (void)self, (void)group;
    return 0;
}

static void bench_stepped(void *self, unsigned group, carp_instant now,
                          const struct carp_event *event, const struct carp_outcome *out)
{
    struct bench *b = self;
    b->out.verdict = out->verdict;
    if (b->journal.open) {
        journal_stepped(&b->journal, group, now, event, out);
    }
}

static void hear_by_host(struct bench *b)
{
    b->now.ns += 1000;
    host_frame(&b->host, b->now, 0, b->frame, sizeof b->frame);
    assert(b->out.verdict == CARP_ACCEPTED);
}

static void hear_with_journal(struct bench *b)
{
    b->now.ns += 1000;
    journal_clock(&b->journal, b->now, b->now.ns);
    journal_hears(&b->journal, b->now, 0, b->frame, sizeof b->frame);
    host_frame(&b->host, b->now, 0, b->frame, sizeof b->frame);
    journal_heard(&b->journal);
    assert(b->out.verdict == CARP_ACCEPTED && b->journal.open);
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void no_digest(void *self, unsigned key, enum auth_form form, uint64_t counter,
                      uint8_t digest[WIRE_DIGEST_SIZE])
{
    (void)self, (void)key, (void)form, (void)counter;
    memset(digest, 0, WIRE_DIGEST_SIZE);
}

static void start(struct bench *b, bool master)
{
    struct carp_event up = {.type = CARP_EVENT_LINK_UP,
                            .link = {.has_ipv4 = true, .ipv4 = {10, 99, 0, 2}}};
    carp_init(&b->carp, 1, 1);
    b->now.ns = 1000000000;
    carp_step(&b->config, &b->crypto, &b->carp, b->now, &up, &b->out);
    if (master) {
        struct carp_event timeout = {.type = CARP_EVENT_TIMEOUT};
        b->now = carp_deadline(&b->carp);
        carp_step(&b->config, &b->crypto, &b->carp, b->now, &timeout, &b->out);
        assert(carp_state(&b->carp) == CARP_MASTER);
    }
}

static void listen_to_genuine(struct bench *b)
{
    memcpy(b->frame, genuine, sizeof genuine);
    start(b, false);
}

/* Two words of the digest change places, which no checksum notices. */
static void listen_to_bad_digest(struct bench *b)
{
    listen_to_genuine(b);
    memcpy(b->frame + 50, genuine + 52, 2);
    memcpy(b->frame + 52, genuine + 50, 2);
    b->refusal = CARP_BAD_DIGEST;
}

static void listen_to_bad_checksum(struct bench *b)
{
    listen_to_genuine(b);
    b->frame[69] ^= 1;
    b->refusal = CARP_BAD_CHECKSUM;
}

static void listen_to_other_vhid(struct bench *b)
{
    listen_to_genuine(b);
    b->config.vhid = 7;
    b->refusal = CARP_OTHER_VHID;
}

static void listen_as_host(struct bench *b)
{
    static const char *const names[] = {"web"};
    const struct carp_self self = {.has_ipv4 = true, .ipv4 = {10, 99, 0, 2}};
    const struct port port = {.self = b,
                              .send = bench_send,
                              .claim = bench_claim,
                              .release = bench_release,
                              .stepped = bench_stepped};
    listen_to_genuine(b);
    b->plan = (struct host_plan){.config = &b->config, .crypto = b->crypto};
    b->group.plan = &b->plan;
    host_init(&b->host, &port, &b->group, 1, 1, &b->interface, 1, 1, 1);
    journal_init(&b->journal, &b->host, names, names, "bench");
    host_link(&b->host, b->now, 0, &self);
}

static void listen_with_journal(struct bench *b)
{
    listen_as_host(b);
    journal_begin(&b->journal, (struct pcapng_sink){b, ring_write}, b->now, b->now.ns);
}

static void be_master(struct bench *b)
{
    start(b, true);
}

static void be_master_who_signs_nothing(struct bench *b)
{
    start(b, true);
    b->crypto.digest = no_digest;
}

static const struct {
    const char *name;
    void (*prepare)(struct bench *);
    void (*run)(struct bench *);
} cases[] = {
    {"accepted_with_digest", listen_to_genuine, hear_accepted},
    {"accepted_by_host", listen_as_host, hear_by_host},
    {"accepted_by_host_with_journal", listen_with_journal, hear_with_journal},
    {"refused_bad_digest", listen_to_bad_digest, hear_refused},
    {"refused_bad_checksum", listen_to_bad_checksum, hear_refused},
    {"refused_other_vhid", listen_to_other_vhid, hear_refused},
    {"timer_early", listen_to_genuine, timer_early},
    {"timer_rearmed", listen_to_genuine, timer_overslept},
    {"timer_advert_signed", be_master, timer_advert},
    {"timer_advert_unsigned", be_master_who_signs_nothing, timer_advert},
};
enum { CASE_COUNT = sizeof cases / sizeof *cases };

static void prepare(struct bench *b, int number, const struct carp_crypto *crypto)
{
    b->config = config;
    b->config.replay = CARP_REPLAY_OFF; /* the same advert is heard a million times */
    b->crypto = *crypto;
    cases[number].prepare(b);
}

static void add(json_t *into, const char *name, double ns)
{
    json_object_set_new(into, name, json_real((double)(long)(ns * 10 + 0.5) / 10));
}

/* Minimum, median and maximum of the batches. */
static json_t *measure(struct bench *b, void (*run)(struct bench *))
{
    static double ns[BATCHES];
    for (int batch = 0; batch < BATCHES; batch++) {
        uint64_t start = clock_ns();
        for (int i = 0; i < BATCH; i++) {
            run(b);
        }
        ns[batch] = (double)(clock_ns() - start) / (double)BATCH;
    }
    qsort(ns, BATCHES, sizeof *ns, compare);
    json_t *spread = json_object();
    add(spread, "min", ns[0]);
    add(spread, "median", ns[BATCHES / 2]);
    add(spread, "max", ns[BATCHES - 1]);
    return spread;
}

static void print_report(struct bench *b, const struct carp_crypto *crypto)
{
    json_t *report = json_object();
    json_t *ns = json_object();
    for (int i = 0; i < CASE_COUNT; i++) {
        prepare(b, i, crypto);
        json_object_set_new(ns, cases[i].name, measure(b, cases[i].run));
    }
    json_object_set_new(report, "nanoseconds", ns);
    json_object_set_new(report, "state_bytes_per_group", json_integer(sizeof(struct carp)));
    json_object_set_new(report, "config_bytes_shared", json_integer(sizeof(struct carp_config)));
    json_dumpf(report, stdout, JSON_INDENT(4) | JSON_REAL_PRECISION(6));
    printf("\n");
    json_decref(report);
}

/* One case, this often: for callgrind, which counts what a clock cannot. */
static int repeat(struct bench *b, const struct carp_crypto *crypto, const char *name, long count)
{
    for (int i = 0; i < CASE_COUNT; i++) {
        if (strcmp(cases[i].name, name) == 0) {
            prepare(b, i, crypto);
            while (count-- > 0) {
                cases[i].run(b);
            }
            return 0;
        }
    }
    fprintf(stderr, "bench_engine: there is no case '%s'\n", name);
    return 2;
}

int main(int argc, char **argv)
{
    static struct bench b;
    struct carp_crypto crypto;
    int status = 0;
    if (argc != 1 && argc != 3) {
        fprintf(stderr, "usage: bench_engine [CASE COUNT]\n");
        return 2;
    }
    if (crypto_openssl_make(&config, &crypto) != 0) {
        fprintf(stderr, "bench_engine: no SHA-1 from OpenSSL\n");
        return 2;
    }
    if (argc == 3) {
        status = repeat(&b, &crypto, argv[1], strtol(argv[2], NULL, 10));
    } else {
        print_report(&b, &crypto);
    }
    crypto_openssl_free(&crypto);
    return status;
}
