#include "io/journal/journal_lab.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/crypto_openssl.h"

static const struct carp_config configs[LAB_GROUPS] = {
    {.vhid = 42,
     .advbase = 1,
     .advskew = 100,
     .dead_ratio = 3,
     .preempt = true,
     .ipv4_group = {224, 0, 0, 18},
     .key_count = 1,
     .keys = {LAB_KEY},
     .ipv4_count = 1,
     .ipv4 = {{10, 99, 0, 100}}},
    {.vhid = 7,
     .advbase = 1,
     .dead_ratio = 3,
     .ipv4_group = {224, 0, 0, 18},
     .key_count = 1,
     .keys = {"another"},
     .ipv4_count = 2,
     .ipv4 = {{10, 0, 0, 100}, {10, 0, 0, 101}},
     .ipv6_count = 1,
     .ipv6 = {{0x20, 0x01, 0x0d, 0xb8, [15] = 1}}},
};
static const char *const group_names[LAB_GROUPS] = {"web", "mail"};
static const char *const interface_names[LAB_GROUPS] = {"eth0", "eth1"};

const uint8_t lab_advert[70] = {
    0x01, 0x00, 0x5e, 0x00, 0x00, 0x12, 0x00, 0x00, 0x5e, 0x00, 0x00, 0x2a, 0x08, 0x00,
    0x45, 0x10, 0x00, 0x38, 0xb6, 0xae, 0x40, 0x00, 0xff, 0x70, 0xda, 0x20, 0x0a, 0x63,
    0x00, 0x01, 0xe0, 0x00, 0x00, 0x12, 0x21, 0x2a, 0x00, 0x07, 0x00, 0x01, 0x7b, 0xcb,
    0x08, 0x39, 0x1c, 0x0c, 0xd6, 0x1c, 0x21, 0x4d, 0xd9, 0x1d, 0x18, 0x84, 0x33, 0x83,
    0xb8, 0xc0, 0xd8, 0x5c, 0x77, 0x19, 0x09, 0x72, 0xc7, 0x86, 0xae, 0x3c, 0x9a, 0xc1,
};

/* --- the machine --------------------------------------------------------------------------------
 */

static int lab_send(void *self, unsigned group, const uint8_t *frame, size_t size)
{
    struct journal_lab *lab = self;
    journal_sent(&lab->journal, group, frame, size, lab->send_error);
    return lab->send_error;
}

static int lab_claim(void *self, unsigned group, const struct port_guard *guard)
{
    (void)group, (void)guard;
    return ((struct journal_lab *)self)->claim_error;
}

static int lab_release(void *self, unsigned group)
{
    (void)self, (void)group;
    return 0;
}

static void lab_wake_at(void *self, carp_instant deadline)
{
    (void)self, (void)deadline;
}

static void lab_stepped(void *self, unsigned group, carp_instant now,
                        const struct carp_event *event, const struct carp_outcome *outcome)
{
    journal_stepped(&((struct journal_lab *)self)->journal, group, now, event, outcome);
}

static void lab_stranger(void *self, unsigned interface, enum carp_verdict verdict,
                         const struct carp_packet *packet)
{
    (void)self, (void)interface, (void)verdict, (void)packet;
}

static void lab_explained(void *self, unsigned group, const struct carp_packet *packet,
                          const struct auth_explanation *explanation)
{
    (void)self, (void)group, (void)packet, (void)explanation;
}

/* A block that is longer than a piece comes in several; only the last is shorter than one. */
static int lab_write(void *self, const uint8_t *bytes, size_t size)
{
    struct journal_lab *lab = self;
    if (lab->sink_error != 0) {
        return lab->sink_error;
    }
    assert(lab->size + size <= sizeof lab->bytes);
    memcpy(lab->bytes + lab->size, bytes, size);
    lab->size += size;
    if (size < PCAPNG_PIECE && lab->block_count < LAB_BLOCKS_MAX) {
        lab->ends[lab->block_count++] = lab->size;
    }
    return 0;
}

/* --- the host -----------------------------------------------------------------------------------
 */

void lab_init(struct journal_lab *lab)
{
    const struct port port = {lab,         lab_send,    lab_claim,    lab_release,
                              lab_wake_at, lab_stepped, lab_stranger, lab_explained};
    memset(lab, 0, sizeof *lab);
    lab->now = (carp_instant){UINT64_C(5000000000)};
    for (unsigned i = 0; i < LAB_GROUPS; i++) {
        lab->configs[i] = configs[i];
        lab->plans[i].config = &lab->configs[i];
        lab->plans[i].interface = i;
        int error = crypto_openssl_make(&lab->configs[i], &lab->plans[i].crypto);
        assert(error == 0);
        lab->groups[i].plan = &lab->plans[i];
        lab->groups[i].book = &lab->books[i];
    }
    host_init(&lab->host, &port, lab->groups, LAB_GROUPS, 1, lab->interfaces, LAB_GROUPS, 99, 1000);
    journal_init(&lab->journal, &lab->host, interface_names, group_names, "lab 1");
}

void lab_free(struct journal_lab *lab)
{
    for (unsigned i = 0; i < LAB_GROUPS; i++) {
        crypto_openssl_free(&lab->plans[i].crypto);
    }
}

int lab_begin(struct journal_lab *lab)
{
    return journal_begin(&lab->journal, (struct pcapng_sink){lab, lab_write}, lab->now,
                         lab->now.ns + LAB_WALL_NS);
}

static void wake(struct journal_lab *lab)
{
    journal_clock(&lab->journal, lab->now, lab->now.ns + LAB_WALL_NS);
    host_woke(&lab->host, lab->now);
}

void lab_link(struct journal_lab *lab, unsigned interface, bool up)
{
    const struct carp_self self = {.mac = {2, 0, 0, 0, 0, 2},
                                   .has_ipv4 = true,
                                   .has_ipv6 = interface == 1,
                                   .ipv4 = {10, 99, 0, 2},
                                   .ipv6 = {0xfe, 0x80, [15] = 2}};
    wake(lab);
    host_link(&lab->host, lab->now, interface, up ? &self : NULL);
}

void lab_hear(struct journal_lab *lab, unsigned interface, const uint8_t *frame, size_t size)
{
    wake(lab);
    journal_hears(&lab->journal, lab->now, interface, frame, size);
    host_frame(&lab->host, lab->now, interface, frame, size);
    journal_heard(&lab->journal);
}

void lab_run_until(struct journal_lab *lab, carp_instant until)
{
    while (!instant_before(until, lab->host.next_due)) {
        lab->now = lab->host.next_due;
        wake(lab);
        host_due(&lab->host, lab->now);
    }
    lab->now = until;
}

static void run_for(struct journal_lab *lab, unsigned ms)
{
    lab_run_until(lab, instant_add(lab->now, CARP_MILLISECONDS(ms)));
}

static void hear_refused(struct journal_lab *lab)
{
    uint8_t frame[sizeof lab_advert];
    memcpy(frame, lab_advert, sizeof frame);
    frame[50] = lab_advert[52], frame[51] = lab_advert[53]; /* no checksum notices */
    frame[52] = lab_advert[50], frame[53] = lab_advert[51];
    lab_hear(lab, 0, frame, sizeof frame); /* bad digest */
    frame[69] ^= 1;
    lab_hear(lab, 0, frame, sizeof frame);           /* bad checksum */
    lab_hear(lab, 1, lab_advert, sizeof lab_advert); /* other vhid: nobody's there */
    lab_hear(lab, 0, lab_advert, 20);                /* truncated */
}

void lab_live(struct journal_lab *lab)
{
    struct host *host = &lab->host;
    lab_hear(lab, 0, lab_advert, sizeof lab_advert); /* not listening */
    lab_link(lab, 0, true);
    lab_link(lab, 1, true);
    lab_hear(lab, 0, lab_advert, sizeof lab_advert);
    run_for(lab, 500);
    hear_refused(lab);
    run_for(lab, 6000); /* both take over, and advertise */
    lab_hear(lab, 0, lab_advert, sizeof lab_advert);
    run_for(lab, 4000);
    host_demote(host, lab->now, 1, HOST_CAUSE_OPERATOR, 50, CARP_NEVER);
    host_restored(host, lab->now, 1);
    lab->send_error = -ENETDOWN;
    run_for(lab, 5000);
    lab->send_error = 0;
    run_for(lab, 5000);
    host_disowned(host, lab->now, 1);
    run_for(lab, 4000);
    lab->now = instant_add(lab->now, CARP_SECONDS(60)); /* overslept */
    wake(lab);
    lab->claim_error = -EADDRNOTAVAIL;
    run_for(lab, 5000);
    lab->claim_error = 0;
    run_for(lab, 60000);
    host_yield(host, lab->now, 1, CARP_YIELD_OPERATOR, CARP_SECONDS(1));
    lab_link(lab, 0, false);
    run_for(lab, 1000);
    host_stop(host, lab->now);
}

void lab_save(char *path, const uint8_t *bytes, size_t size)
{
    int fd = mkstemp(path);
    assert(fd >= 0);
    ssize_t written = write(fd, bytes, size);
    assert(written == (ssize_t)size);
    close(fd);
}
