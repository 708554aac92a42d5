/*
 * Wireshark's tshark as a judge in tests: a capture file, and what it reads there.
 */
#ifndef CARP_SIM_TSHARK_LAB_H
#define CARP_SIM_TSHARK_LAB_H

#include <stdbool.h>
#include <stdio.h>

struct tshark_lab {
    char path[32];
    FILE *file; /* to be written to */
};

/* A new, empty file. False: tshark is not installed and the test counts as skipped. */
bool tshark_lab_make(struct tshark_lab *lab);
void tshark_lab_remove(struct tshark_lab *lab);

/*
 * What it prints of the file with these arguments, until the next call. It checks all checksums,
 * has nobody's preferences and takes IP protocol 112 for CARP, unless `protocol` says VRRP. It
 * succeeds and does not complain, but for being run by root; otherwise the test fails.
 */
enum tshark_protocol { TSHARK_CARP, TSHARK_VRRP };
const char *tshark_lab_read(struct tshark_lab *lab, enum tshark_protocol protocol,
                            const char *arguments);

/* It finds every frame as it should be, but for those that this filter excuses (NULL: none):
 * nothing malformed, no wrong checksum, no warning, nothing that it cannot tell what it is. */
void tshark_lab_expect_clean(struct tshark_lab *lab, enum tshark_protocol protocol,
                             const char *excused);

#endif
