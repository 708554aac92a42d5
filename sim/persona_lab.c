#include "sim/persona_lab.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "io/crypto_openssl.h"
#include "tools/testkit/testkit.h"

/* --- notes ------------------------------------------------------------------------------------ */

static struct persona_note *note(struct persona_lab_node *node, enum persona_note_type type)
{
    static struct persona_note nowhere;
    struct persona_lab *lab = node->lab;
    if (lab->note_count == PERSONA_LAB_NOTES) {
        tk_fail(__FILE__, __LINE__, "too many notes");
        return &nowhere;
    }
    struct persona_note *n = &lab->notes[lab->note_count++];
    memset(n, 0, sizeof *n);
    n->ns = lab->now_ns;
    n->node = (uint8_t)(node - lab->nodes);
    n->type = (uint8_t)type;
    return n;
}

static const struct persona_note *find(const struct persona_lab *lab, unsigned node,
                                       enum persona_note_type type, uint64_t from_ns)
{
    for (unsigned i = 0; i < lab->note_count; i++) {
        const struct persona_note *n = &lab->notes[i];
        if (n->node == node && n->type == type && n->ns >= from_ns) {
            return n;
        }
    }
    return NULL;
}

const struct persona_note *persona_lab_next(const struct persona_lab *lab, unsigned node,
                                            enum persona_note_type type, uint64_t from_ns)
{
    static const struct persona_note none;
    const struct persona_note *n = find(lab, node, type, from_ns);
    if (n == NULL) {
        tk_fail(__FILE__, __LINE__, "node %u: no note of type %d from %.6f s on", node, (int)type,
                (double)from_ns / 1e9);
    }
    return n != NULL ? n : &none;
}

uint64_t persona_lab_when(const struct persona_lab *lab, unsigned node, enum persona_note_type type,
                          uint64_t from_ns)
{
    const struct persona_note *n = find(lab, node, type, from_ns);
    return n != NULL ? n->ns : UINT64_MAX;
}

unsigned persona_lab_count(const struct persona_lab *lab, unsigned node,
                           enum persona_note_type type, uint64_t from_ns, uint64_t until_ns)
{
    unsigned count = 0;
    for (unsigned i = 0; i < lab->note_count; i++) {
        const struct persona_note *n = &lab->notes[i];
        count += n->node == node && n->type == type && n->ns >= from_ns && n->ns < until_ns;
    }
    return count;
}

/* --- the hub ---------------------------------------------------------------------------------- */

static void fly(struct persona_lab *lab, unsigned to, const uint8_t *frame, size_t size)
{
    uint64_t ns = lab->now_ns + lab->delay_ns, poll_ns = lab->nodes[to].poll_ns;
    if (lab->flight_count == PERSONA_LAB_FLIGHTS || size > FRAME_MAX) {
        tk_fail(__FILE__, __LINE__, "no room for a frame in flight");
        return;
    }
    ns = poll_ns == 0 ? ns : (ns + poll_ns - 1) / poll_ns * poll_ns;
    unsigned slot = lab->flight_count++;
    for (; slot > 0 && lab->flights[slot - 1].ns > ns; slot--) {
        lab->flights[slot] = lab->flights[slot - 1];
    }
    lab->flights[slot].ns = ns;
    lab->flights[slot].to = (uint8_t)to;
    lab->flights[slot].size = (uint8_t)size;
    memcpy(lab->flights[slot].frame, frame, size);
}

static int port_send(void *self, const uint8_t *frame, size_t size)
{
    struct persona_lab_node *node = self;
    struct persona_lab *lab = node->lab;
    struct carp_packet packet;
    struct frame_arp arp;
    if (node->send_error != 0) {
        return node->send_error;
    }
    bool advert = frame_parse(frame, size, &packet) == CARP_ACCEPTED;
    bool is_arp = frame_read_arp(frame, size, &arp);
    struct persona_note *n = note(node, advert ? NOTE_ADVERT : is_arp ? NOTE_ARP : NOTE_NA);
    n->size = (uint8_t)size;
    memcpy(n->frame, frame, size);
    if (advert) {
        n->packet = packet;
    }
    for (unsigned to = 0; to < lab->node_count; to++) {
        if (&lab->nodes[to] != node && !node->cut && !lab->nodes[to].cut) {
            fly(lab, to, frame, size);
        }
    }
    return 0;
}

static void port_hold(void *self, bool holds, const uint8_t mac[FRAME_MAC_SIZE])
{
    struct persona_note *n = note(self, NOTE_HOLD);
    n->to = holds;
    memcpy(n->frame, mac, FRAME_MAC_SIZE);
}

static void port_changed(void *self, carp_instant now, enum carp_state from, enum carp_state to,
                         const char *why)
{
    struct persona_lab_node *node = self;
    struct persona_note *n = note(node, NOTE_STATE);
    EXPECT_U64(node->lab->now_ns, now.ns);
    n->from = (uint8_t)from;
    n->to = (uint8_t)to;
    n->why = why;
}

void persona_lab_hear(struct persona_lab *lab, unsigned node, const uint8_t *frame, size_t size)
{
    persona_frame(&lab->nodes[node].persona, (carp_instant){lab->now_ns}, frame, size);
}

/* The next thing that happens, if it does until then. */
static bool advance(struct persona_lab *lab, uint64_t until_ns)
{
    struct persona_lab_node *due = NULL;
    uint64_t due_ns = UINT64_MAX;
    for (unsigned i = 0; i < lab->node_count; i++) {
        struct persona_lab_node *node = &lab->nodes[i];
        if (node->started && persona_deadline(&node->persona).ns < due_ns) {
            due = node;
            due_ns = persona_deadline(&node->persona).ns;
        }
    }
    if (lab->flight_count > 0 && lab->flights[0].ns <= due_ns && lab->flights[0].ns <= until_ns) {
        struct persona_flight flight = lab->flights[0];
        lab->flight_count--;
        memmove(&lab->flights[0], &lab->flights[1], lab->flight_count * sizeof lab->flights[0]);
        lab->now_ns = flight.ns > lab->now_ns ? flight.ns : lab->now_ns;
        if (lab->nodes[flight.to].started && !lab->nodes[flight.to].cut) {
            persona_lab_hear(lab, flight.to, flight.frame, flight.size);
        }
        return true;
    }
    if (due == NULL || due_ns > until_ns) {
        return false;
    }
    lab->now_ns = due_ns > lab->now_ns ? due_ns : lab->now_ns;
    persona_due(&due->persona, (carp_instant){lab->now_ns});
    return true;
}

void persona_lab_run(struct persona_lab *lab, uint64_t until_ns)
{
    unsigned steps = 0;
    while (advance(lab, until_ns)) {
        if (++steps == 300000) {
            tk_fail(__FILE__, __LINE__, "time stands still");
            return;
        }
    }
    lab->now_ns = until_ns;
}

/* --- nodes ------------------------------------------------------------------------------------ */

void persona_lab_begin(struct persona_lab *lab)
{
    lab->now_ns = LAB_S;
    lab->delay_ns = LAB_MS * 3 / 10;
    lab->node_count = lab->flight_count = lab->note_count = 0;
}

void persona_lab_end(struct persona_lab *lab)
{
    for (unsigned i = 0; i < lab->node_count; i++) {
        crypto_openssl_free(&lab->nodes[i].crypto);
    }
    lab->node_count = 0;
}

unsigned persona_lab_add(struct persona_lab *lab, enum persona_kind kind, uint8_t host,
                         uint8_t advbase, uint8_t advskew)
{
    unsigned index = lab->node_count++;
    struct persona_lab_node *node = &lab->nodes[index];
    memset(node, 0, sizeof *node);
    node->lab = lab;
    node->carp = (struct carp_config){
        .vhid = 1,
        .advbase = advbase,
        .advskew = advskew,
        .dead_ratio = 3,
        .ipv4_group = {224, 0, 0, 18},
        .key_count = 1,
        .keys = {"secret"},
        .ipv4_count = 1,
        .ipv4 = {{10, 77, 1, 1}},
    };
    node->self = (struct carp_self){
        .mac = {2, 0, 0, 0, 0, host},
        .has_ipv4 = true,
        .ipv4 = {192, 0, 2, host},
        .has_ipv6 = true,
        .ipv6 = {0xfe, 0x80, [15] = host},
    };
    node->config.seed = host;
    persona_defaults(&node->config, kind);
    return index;
}

void persona_lab_start(struct persona_lab *lab, unsigned index)
{
    struct persona_lab_node *node = &lab->nodes[index];
    struct persona_port port = {node, port_send, port_hold, port_changed};
    crypto_openssl_free(&node->crypto); /* of its life before */
    EXPECT_INT(0, crypto_openssl_make(&node->carp, &node->crypto));
    node->config.carp = &node->carp;
    node->config.crypto = &node->crypto;
    node->started = true;
    persona_init(&node->persona, &node->config, &port);
    persona_lab_link(lab, index, true);
}

void persona_lab_link(struct persona_lab *lab, unsigned index, bool up)
{
    struct persona_lab_node *node = &lab->nodes[index];
    persona_link(&node->persona, (carp_instant){lab->now_ns}, up ? &node->self : NULL);
}

enum carp_state persona_lab_state(const struct persona_lab *lab, unsigned node)
{
    return persona_state(&lab->nodes[node].persona);
}

/* --- adverts ---------------------------------------------------------------------------------- */

struct persona_draft persona_draft(uint8_t vhid, uint8_t advbase, uint8_t advskew, uint64_t counter)
{
    return (struct persona_draft){
        .destination_mac = {0x01, 0, 0x5e, 0, 0, 0x12},
        .source_mac = {0, 0, 0x5e, 0, 1, vhid},
        .tos = 0x10,
        .ttl = 255,
        .version_and_type = 0x21,
        .vhid = vhid,
        .advbase = advbase,
        .advskew = advskew,
        .authlen = 7,
        .id = 0x77,
        .fragment = 0x4000,
        .source = {192, 0, 2, 10},
        .destination = {224, 0, 0, 18},
        .counter = counter,
    };
}

void persona_fix_checksum(uint8_t *bytes, size_t size, uint8_t *field)
{
    uint32_t sum = 0;
    field[0] = field[1] = 0;
    for (size_t i = 0; i < size; i++) {
        sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
    }
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    field[0] = (uint8_t)(~sum >> 8);
    field[1] = (uint8_t)~sum;
}

/* Source: captures/README.md, "Rule that reproduces every digest"; no link-local addresses. */
static void sign(const struct persona_draft *draft, const struct carp_config *carp,
                 const uint8_t counter[8], uint8_t *digest)
{
    uint8_t message[AUTH_PREFIX_MAX + 8] = {2, 1, draft->vhid};
    unsigned digest_size = WIRE_DIGEST_SIZE;
    size_t size = 3;
    memcpy(message + size, carp->ipv4, carp->ipv4_count * sizeof *carp->ipv4);
    size += carp->ipv4_count * sizeof *carp->ipv4;
    memcpy(message + size, carp->ipv6, carp->ipv6_count * sizeof *carp->ipv6);
    size += carp->ipv6_count * sizeof *carp->ipv6;
    memcpy(message + size, counter, 8);
    HMAC(EVP_sha1(), carp->keys[0], CARP_KEY_SIZE, message, size + 8, digest, &digest_size);
}

size_t persona_draft_write(const struct persona_draft *d, const struct carp_config *carp,
                           uint8_t *frame)
{
    struct writer w = {frame};
    write_bytes(&w, d->destination_mac, 6);
    write_bytes(&w, d->source_mac, 6);
    write_u16(&w, 0x0800);
    write_u16(&w, (uint16_t)(0x4500 | d->tos));
    write_u16(&w, 56);
    write_u16(&w, d->id);
    write_u16(&w, d->fragment);
    write_u16(&w, (uint16_t)(d->ttl << 8 | 112));
    write_u16(&w, 0);
    write_bytes(&w, d->source, 4);
    write_bytes(&w, d->destination, 4);
    persona_fix_checksum(frame + 14, 20, frame + 24);
    const uint8_t header[8] = {d->version_and_type, d->vhid,   d->advskew,
                               d->authlen,          d->demote, d->advbase};
    write_bytes(&w, header, sizeof header);
    write_u64(&w, d->counter);
    sign(d, carp, frame + 42, w.at);
    persona_fix_checksum(frame + 34, 36, frame + 40);
    return 70;
}

void persona_lab_advert(struct persona_lab *lab, unsigned node, uint8_t advbase, uint8_t advskew,
                        uint64_t counter)
{
    const struct carp_config *carp = &lab->nodes[node].carp;
    struct persona_draft draft = persona_draft(carp->vhid, advbase, advskew, counter);
    uint8_t frame[FRAME_MAX];
    persona_lab_hear(lab, node, frame, persona_draft_write(&draft, carp, frame));
}
