/*
 * The personas' test bench: up to four of them on a hub with an exact delay and one virtual clock,
 * a note of all they do, and adverts made without the code under test (laid out here, signed by
 * OpenSSL's HMAC()).
 *
 *   static struct persona_lab lab;
 *   persona_lab_begin(&lab);
 *   unsigned a = persona_lab_add(&lab, PERSONA_NETBSD, 11, 1, 100);
 *   persona_lab_start(&lab, a);
 *   persona_lab_run(&lab, 10 * LAB_S);
 *   EXPECT_U64(..., persona_lab_next(&lab, a, NOTE_ADVERT, 0)->ns);
 *   persona_lab_end(&lab);
 *
 * Unless a test changes `carp` or `config` of a node before its start: vhid 1, key `secret`, dead
 * ratio 3, virtual address 10.77.1.1, the node 192.0.2.host with MAC 02:00:00:00:00:host.
 */
#ifndef CARP_SIM_PERSONA_LAB_H
#define CARP_SIM_PERSONA_LAB_H

#include "sim/persona.h"

#define LAB_MS UINT64_C(1000000)
#define LAB_S  (1000 * LAB_MS)

enum { PERSONA_LAB_NODES = 4, PERSONA_LAB_NOTES = 4096, PERSONA_LAB_FLIGHTS = 256 };

enum persona_note_type { NOTE_ADVERT, NOTE_ARP, NOTE_NA, NOTE_STATE, NOTE_HOLD };

/* Something a node did. */
struct persona_note {
    uint64_t ns;
    uint8_t node;
    uint8_t type;
    uint8_t from, to; /* STATE; HOLD: 1 or 0 in `to` */
    uint8_t size;     /* of the frame */
    const char *why;  /* STATE */
    uint8_t frame[FRAME_MAX];
    struct carp_packet packet; /* ADVERT */
};

struct persona_lab_node {
    struct persona persona;
    struct persona_config config;
    struct carp_config carp;
    struct carp_crypto crypto;
    struct carp_self self;
    struct persona_lab *lab;
    uint64_t poll_ns; /* it looks at its network card so often: 2 ms under F-Stack; 0 = at once */
    int send_error;   /* what its port answers */
    bool started;
    bool cut; /* neither hears nor is heard */
};

struct persona_flight {
    uint64_t ns;
    uint8_t to, size;
    uint8_t frame[FRAME_MAX];
};

struct persona_lab {
    uint64_t now_ns, delay_ns;
    unsigned node_count, flight_count, note_count;
    struct persona_lab_node nodes[PERSONA_LAB_NODES];
    struct persona_flight flights[PERSONA_LAB_FLIGHTS]; /* by time of arrival */
    struct persona_note notes[PERSONA_LAB_NOTES];
};

void persona_lab_begin(struct persona_lab *lab);
void persona_lab_end(struct persona_lab *lab);

/* Another node, not started; returns its index. */
unsigned persona_lab_add(struct persona_lab *lab, enum persona_kind kind, uint8_t host,
                         uint8_t advbase, uint8_t advskew);
void persona_lab_start(struct persona_lab *lab, unsigned index);
void persona_lab_link(struct persona_lab *lab, unsigned index, bool up);

/* Let time pass until then, that instant included; what arrives goes before what is due. */
void persona_lab_run(struct persona_lab *lab, uint64_t until_ns);

/* This node's card hands a frame up now; or all nodes' cards do. */
void persona_lab_hear(struct persona_lab *lab, unsigned node, const uint8_t *frame, size_t size);

/* The first note of that type of that node at or after that time. When there is none the test
 * fails, and the note returned is empty. */
const struct persona_note *persona_lab_next(const struct persona_lab *lab, unsigned node,
                                            enum persona_note_type type, uint64_t from_ns);

/* When that was; UINT64_MAX when there is none, which is no failure. */
uint64_t persona_lab_when(const struct persona_lab *lab, unsigned node, enum persona_note_type type,
                          uint64_t from_ns);

/* How many notes of that type that node made in from <= t < until. */
unsigned persona_lab_count(const struct persona_lab *lab, unsigned node,
                           enum persona_note_type type, uint64_t from_ns, uint64_t until_ns);

enum carp_state persona_lab_state(const struct persona_lab *lab, unsigned node);

/* --- adverts ---------------------------------------------------------------------------------- */

/* All an IPv4 advert is made from. */
struct persona_draft {
    uint8_t destination_mac[6], source_mac[6];
    uint8_t tos, ttl, version_and_type, vhid, advbase, advskew, authlen, demote;
    uint16_t id, fragment;
    uint8_t source[4], destination[4];
    uint64_t counter;
};

/* As the laboratory injected them: from 192.0.2.10. */
struct persona_draft persona_draft(uint8_t vhid, uint8_t advbase, uint8_t advskew,
                                   uint64_t counter);

/* Write it signed for the addresses and the key of that group; returns 70. */
size_t persona_draft_write(const struct persona_draft *draft, const struct carp_config *carp,
                           uint8_t *frame);

/* Put a checksum into its two bytes among those it covers. */
void persona_fix_checksum(uint8_t *bytes, size_t size, uint8_t *field);

/* Draft, write and hear with the usual envelope. */
void persona_lab_advert(struct persona_lab *lab, unsigned node, uint8_t advbase, uint8_t advskew,
                        uint64_t counter);

#endif
