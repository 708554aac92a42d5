/*
 * One step as one line of text: the form of exact-trace tests and of the daemon's debug log, so
 * that what a test pins down is what an operator reads.
 *
 *   0.000000000 INIT -> BACKUP (link-up)
 *   3.390625000 BACKUP -> MASTER (silence): claim, send, announce
 *   4.781250000 MASTER (advert-due): send
 *   5.000000000 MASTER hears 10.0.0.2 1/200 (worse-master): announce
 *   5.100000000 MASTER refuses 10.0.0.2 1/200 (bad-digest)
 */
#ifndef CARP_ENGINE_STORY_H
#define CARP_ENGINE_STORY_H

#include "engine/carp.h"

enum { STORY_LINE_MAX = 256 };

/* Write the line of a step, without a newline, NUL-terminated, cut at size; returns its length. */
size_t story_line(char *text, size_t size, carp_instant now, const struct carp_event *event,
                  const struct carp_outcome *out);

/* Why an advert's digest was wrong, as far as trying could tell (auth_explain()), in a sentence
 * that names its sender; as story_line() otherwise. */
size_t story_explanation(char *text, size_t size, const struct carp_packet *packet,
                         const struct auth_explanation *explanation);

/* An address as text: 4 or 6, network order. Room: STORY_ADDRESS_MAX. */
enum { STORY_ADDRESS_MAX = 46 };
const char *story_address(uint8_t family, const uint8_t *address, char text[STORY_ADDRESS_MAX]);

#endif
