/*
 * What libFuzzer calls, and what a target that reads files calls. A target is a file NAME_fuzz.c
 * that defines LLVMFuzzerTestOneInput(); what must hold in it is an assert.
 */
#ifndef CARP_FUZZ_FUZZ_H
#define CARP_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "engine/verdict.h"

/* Always 0. The bytes are borrowed, and there is not one more behind them. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { FUZZ_FILES_MAX = 2 };

/* The path of a file of these bytes, in memory; the one with this index is as it was told last. */
const char *fuzz_file(unsigned index, const uint8_t *bytes, size_t size);

/* Put the checksums of an Ethernet frame right, as far as it has any: IPv4's, an advert's, that of
 * a neighbour advertisement. No fuzzer finds those by chance. */
void fuzz_mend(uint8_t *bytes, size_t size);

/* Something new that no edge of the program shows, such as a state of the protocol, as a hash: an
 * input that reaches one is worth as much to libFuzzer as one that reaches code. */
void fuzz_feature(uint64_t hash);

/* A verdict was reached: fuzz/coverage counts them. Printed after a replay. */
void fuzz_verdict(enum carp_verdict verdict);
void fuzz_print_verdicts(void);

#endif
