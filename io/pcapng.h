/*
 * Writes pcapng: packets with their times, what was decided about them as comments, and data of our
 * own between them. The simulator's captures and the daemon's journal are such files; libpcap and
 * Wireshark read them.
 *
 * Everything is little endian, so that the same calls give the same bytes on every machine. Times
 * are nanoseconds since an origin the caller chooses; readers take it for 1970-01-01 00:00 UTC.
 * Text is UTF-8, ends with its NUL, and is cut, between characters, after PCAPNG_TEXT_MAX bytes;
 * that it is valid UTF-8 is the caller's business. All pointers are borrowed for the call.
 *
 * Each call writes one block, and returns 0 or
 *   what the sink returned (-errno)   the file may end within a block: every later call returns the
 *                                     same and writes nothing, until pcapng_begin()
 *   -EMSGSIZE                         libpcap would stop at a block so large: nothing was written,
 *                                     the file is whole, the next call goes on
 *
 * Source: draft-ietf-opsawg-pcapng, by the names of its sections.
 */
#ifndef CARP_IO_PCAPNG_H
#define CARP_IO_PCAPNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PCAPNG_PIECE = 1024,         /* what the sink gets at once */
    PCAPNG_TEXT_MAX = 65532,     /* the longest whose padded length, too, fits 16 bits */
    PCAPNG_PACKET_MAX = 1 << 18, /* on Ethernet; libpcap and Wireshark stop at larger ones */
    PCAPNG_BLOCK_MAX = 1 << 24,  /* libpcap stops at larger ones */
};

/*
 * Where the bytes go: a file, a ring on disk, memory. write() takes all of them and returns 0, or
 * -errno. A block of up to PCAPNG_PIECE bytes comes in one call; a longer one in several, all but
 * its last of that size. Between calls of this file's functions the sink is at the end of a block,
 * so that is when to begin another file.
 */
struct pcapng_sink {
    void *self;
    int (*write)(void *self, const uint8_t *bytes, size_t size);
};

/* The caller's; nothing to free. Its fields are pcapng.c's. */
struct pcapng_writer {
    struct pcapng_sink sink;
    int error; /* of the sink; 0: none */
    unsigned interface_count;
    uint32_t block_size; /* of the block being written, and how much of it is to come */
    uint32_t block_left;
    size_t held; /* in piece, not yet given to the sink */
    uint8_t piece[PCAPNG_PIECE];
};

/*
 * Begin a section, which is what a file begins with. The writer may hold anything before; an error
 * is forgotten, and so are interfaces. The sink is copied, what it points to stays the caller's.
 * hardware may be NULL; application is who writes, such as "carpd 0.1.0".
 */
int pcapng_begin(struct pcapng_writer *w, struct pcapng_sink sink, const char *hardware,
                 const char *application);

/*
 * Describe an Ethernet interface: id is what its packets say, counted from 0. Any time before the
 * first of them; a file without interfaces libpcap does not open. description may be NULL.
 */
int pcapng_interface(struct pcapng_writer *w, const char *name, const char *description,
                     unsigned *id);

/* As seen by the host. */
enum pcapng_direction { PCAPNG_UNKNOWN, PCAPNG_INBOUND, PCAPNG_OUTBOUND };

struct pcapng_packet {
    unsigned interface;     /* an id of this section; asserted */
    uint64_t time_ns;       /* need not be in order */
    const uint8_t *bytes;   /* Ethernet without its FCS */
    uint32_t size;          /* what there is of it */
    uint32_t original_size; /* on the wire: not less than size; asserted */
    enum pcapng_direction direction;
    const char *const *comments; /* none of them NULL; lines within are parted by \n */
    size_t comment_count;
};

int pcapng_packet(struct pcapng_writer *w, const struct pcapng_packet *packet);

/*
 * Write data that only we understand. libpcap skips it; Wireshark lists it, and numbers it along
 * with the packets. pen is the private enterprise number that says whose it is. copyable: it stays
 * true when packets are removed or changed, so those who edit the file may copy it along; otherwise
 * it is about this very file. Its size is rounded up to a multiple of 4, and not recorded: data
 * that must know its size says it itself.
 */
int pcapng_custom(struct pcapng_writer *w, uint32_t pen, const uint8_t *bytes, size_t size,
                  bool copyable);

#endif
