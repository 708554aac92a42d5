/*
 * A host with its journal, in memory: for tests of what is written, read and replayed.
 */
#ifndef CARP_IO_JOURNAL_JOURNAL_LAB_H
#define CARP_IO_JOURNAL_JOURNAL_LAB_H

#include "io/journal/journal.h"

enum { LAB_GROUPS = 2, LAB_BYTES_MAX = 1 << 20, LAB_BLOCKS_MAX = 4096 };

struct journal_lab {
    struct host host;
    struct carp_config configs[LAB_GROUPS];
    struct host_plan plans[LAB_GROUPS];
    struct host_book books[LAB_GROUPS];
    struct host_group groups[LAB_GROUPS];
    struct host_interface interfaces[LAB_GROUPS];
    struct journal journal;
    carp_instant now;
    int send_error, claim_error;       /* what the machine answers */
    int sink_error;                    /* and the disk */
    size_t size, ends[LAB_BLOCKS_MAX]; /* of the file, after each block */
    unsigned block_count;
    uint8_t bytes[LAB_BYTES_MAX];
};

/* An advert of engine/testdata/captures/ucarp-1.5.2.pcap, 70 bytes: 10.99.0.1, vhid 42, 1/0, by the
 * key "test-pass-1" over 10.99.0.100. The first group listens to it, on interface "eth0". */
extern const uint8_t lab_advert[70];
#define LAB_KEY "test-pass-1"

/* Groups "web" (vhid 42, 1/100) and "mail" (vhid 7, on "eth1", both families), in INIT. */
void lab_init(struct journal_lab *lab);
void lab_free(struct journal_lab *lab);

/* A file begins at what was written so far. */
int lab_begin(struct journal_lab *lab);

/* The wall clock is always this much ahead of the groups'. */
#define LAB_WALL_NS UINT64_C(1700000000000000000)

void lab_link(struct journal_lab *lab, unsigned interface, bool up);
void lab_hear(struct journal_lab *lab, unsigned interface, const uint8_t *frame, size_t size);
void lab_run_until(struct journal_lab *lab, carp_instant until);

/* Everything that can happen to a host, once: each kind of event, of verdict, of action. */
void lab_live(struct journal_lab *lab);

/* Put bytes into a file whose name is made from `path`, which ends in XXXXXX. */
void lab_save(char *path, const uint8_t *bytes, size_t size);

#endif
