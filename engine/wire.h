/*
 * The 36 bytes of a CARP version 2 advert, and the bounded reader and writer all codecs share.
 *
 *   0 version 2 | type 1   1 vhid   2 advskew   3 authlen 7   4 demote   5 advbase   6 checksum
 *   8 counter, 64 bits     16 HMAC-SHA1, 20 bytes                          (all big endian)
 *
 * Source: OpenBSD ip_carp.h struct carp_header; FreeBSD and NetBSD call byte 4 a pad.
 */
#ifndef CARP_ENGINE_WIRE_H
#define CARP_ENGINE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    WIRE_ADVERT_SIZE = 36,
    WIRE_DIGEST_SIZE = 20,
    WIRE_VERSION = 2,
    WIRE_TYPE_ADVERT = 1,
    WIRE_AUTHLEN = 7,
    WIRE_CHECKSUM_AT = 6,
};

/* One advert as sent. Nobody requires type, authlen or demote on receipt; we do not either. */
struct carp_advert {
    uint64_t counter;
    uint8_t version;
    uint8_t type;
    uint8_t vhid;
    uint8_t advskew; /* 1/256 s */
    uint8_t authlen; /* 32-bit words of counter and digest: 7 */
    uint8_t demote;  /* OpenBSD's demotion count; zero from everyone else */
    uint8_t advbase; /* s */
    uint8_t digest[WIRE_DIGEST_SIZE];
};

/*
 * A read past the end yields zero and is remembered, so a decoder reads every field in wire order
 * and asks once, at the end, whether it was all there. `at` is borrowed.
 */
struct reader {
    const uint8_t *at;
    size_t left;
    bool ran_out;
};

static inline const uint8_t *read_bytes(struct reader *r, size_t size)
{
    static const uint8_t zeros[64];
    if (r->left < size) {
        r->left = 0;
        r->ran_out = true;
        return zeros;
    }
    const uint8_t *bytes = r->at;
    r->at += size;
    r->left -= size;
    return bytes;
}

static inline uint8_t read_u8(struct reader *r)
{
    return read_bytes(r, 1)[0];
}

static inline uint16_t wire_u16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static inline uint16_t read_u16(struct reader *r)
{
    return wire_u16(read_bytes(r, 2));
}

static inline uint64_t read_u64(struct reader *r)
{
    const uint8_t *b = read_bytes(r, 8);
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) {
        value = value << 8 | b[i];
    }
    return value;
}

/* The writer's caller provides room for everything it writes; `at` moves on. */
struct writer {
    uint8_t *at;
};

static inline void write_bytes(struct writer *w, const void *bytes, size_t size)
{
    memcpy(w->at, bytes, size);
    w->at += size;
}

static inline void write_u8(struct writer *w, uint8_t value)
{
    *w->at++ = value;
}

static inline void write_u16(struct writer *w, uint16_t value)
{
    write_u8(w, (uint8_t)(value >> 8));
    write_u8(w, (uint8_t)value);
}

static inline void write_u64(struct writer *w, uint64_t value)
{
    for (int shift = 56; shift >= 0; shift -= 8) {
        write_u8(w, (uint8_t)(value >> shift));
    }
}

/*
 * Internet checksum (RFC 1071), in two parts so that a pseudo-header can go first: wire_sum() adds
 * bytes to a running sum (an odd last byte counts as a high byte, so only the last piece may be
 * odd); wire_checksum() folds and complements. Over data that holds its own right checksum the
 * result is zero.
 */
uint32_t wire_sum(uint32_t sum, const uint8_t *bytes, size_t size);
uint16_t wire_checksum(uint32_t sum);

/* Read an advert from exactly WIRE_ADVERT_SIZE bytes. The checksum is the envelope's business
 * (frame.h), because with NetBSD's IPv6 it covers a pseudo-header. */
void wire_read_advert(const uint8_t *bytes, struct carp_advert *advert);

/* Write an advert to WIRE_ADVERT_SIZE bytes. `pseudo` is the running sum of what else the checksum
 * covers: zero but for NetBSD's IPv6 adverts. */
void wire_write_advert(const struct carp_advert *advert, uint32_t pseudo, uint8_t *bytes);

#endif
