/*
 * What one step of the engine costs, as JSON: nanoseconds, the median of many short batches, so
 * that a busy machine spoils few of them.
 *
 *     build/release/bin/bench_engine
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "engine/carp.h"
#include "io/crypto_openssl.h"

enum { BATCHES = 401, BATCH = 2000 };

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
    carp_instant now;
    struct carp_config config;
    enum carp_verdict refusal; /* what a refused frame must end in */
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

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double measure(struct bench *b, void (*run)(struct bench *))
{
    static double ns[BATCHES];
    for (int batch = 0; batch < BATCHES; batch++) {
        uint64_t start = clock_ns();
        for (int i = 0; i < BATCH; i++) {
            run(b);
        }
        ns[batch] = (double)(clock_ns() - start) / BATCH;
    }
    qsort(ns, BATCHES, sizeof *ns, compare);
    return ns[BATCHES / 2];
}

static void add(json_t *into, const char *name, double ns)
{
    json_object_set_new(into, name, json_real((double)(long)(ns * 10 + 0.5) / 10));
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

int main(void)
{
    static struct bench b;
    json_t *report = json_object();
    json_t *ns = json_object();

    b.config = config;
    b.config.replay = CARP_REPLAY_OFF; /* the same advert is heard a million times */
    if (crypto_openssl_make(&b.config, &b.crypto) != 0) {
        fprintf(stderr, "bench_engine: no SHA-1 from OpenSSL\n");
        return 2;
    }
    memcpy(b.frame, genuine, sizeof genuine);
    start(&b, false);
    add(ns, "accepted_with_digest", measure(&b, hear_accepted));

    memcpy(b.frame + 66, genuine + 68, 2); /* two words of the digest: the checksum stays right */
    memcpy(b.frame + 68, genuine + 66, 2);
    b.refusal = CARP_BAD_DIGEST;
    add(ns, "refused_bad_digest", measure(&b, hear_refused));
    memcpy(b.frame, genuine, sizeof genuine);
    b.frame[42] ^= 1;
    b.refusal = CARP_BAD_CHECKSUM;
    add(ns, "refused_bad_checksum", measure(&b, hear_refused));
    memcpy(b.frame, genuine, sizeof genuine);
    b.config.vhid = 7;
    b.refusal = CARP_OTHER_VHID;
    add(ns, "refused_other_vhid", measure(&b, hear_refused));
    b.config.vhid = 42;

    add(ns, "timer_early", measure(&b, timer_early));
    add(ns, "timer_rearmed", measure(&b, timer_overslept));
    start(&b, true);
    add(ns, "timer_advert_signed", measure(&b, timer_advert));
    struct carp_crypto real = b.crypto;
    b.crypto.digest = no_digest;
    add(ns, "timer_advert_unsigned", measure(&b, timer_advert));

    json_object_set_new(report, "nanoseconds", ns);
    json_object_set_new(report, "state_bytes_per_group", json_integer(sizeof(struct carp)));
    json_object_set_new(report, "config_bytes_shared", json_integer(sizeof(struct carp_config)));
    json_dumpf(report, stdout, JSON_INDENT(4) | JSON_REAL_PRECISION(6));
    printf("\n");
    json_decref(report);
    crypto_openssl_free(&real);
    return 0;
}
