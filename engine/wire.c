#include "engine/wire.h"

uint32_t wire_sum(uint32_t sum, const uint8_t *bytes, size_t size)
{
    for (; size > 1; bytes += 2, size -= 2) {
        sum += (uint32_t)(bytes[0] << 8 | bytes[1]);
    }
    return size == 0 ? sum : sum + (uint32_t)(bytes[0] << 8);
}

uint16_t wire_checksum(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

void wire_read_advert(const uint8_t *bytes, struct carp_advert *advert)
{
    struct reader r = {.at = bytes, .left = WIRE_ADVERT_SIZE};
    uint8_t version_type = read_u8(&r);
    advert->version = version_type >> 4;
    advert->type = version_type & 0x0f;
    advert->vhid = read_u8(&r);
    advert->advskew = read_u8(&r);
    advert->authlen = read_u8(&r);
    advert->demote = read_u8(&r);
    advert->advbase = read_u8(&r);
    read_u16(&r); /* checksum */
    advert->counter = read_u64(&r);
    memcpy(advert->digest, read_bytes(&r, WIRE_DIGEST_SIZE), WIRE_DIGEST_SIZE);
}

void wire_write_advert(const struct carp_advert *advert, uint32_t pseudo, uint8_t *bytes)
{
    struct writer w = {bytes};
    write_u8(&w, (uint8_t)(advert->version << 4 | (advert->type & 0x0f)));
    write_u8(&w, advert->vhid);
    write_u8(&w, advert->advskew);
    write_u8(&w, advert->authlen);
    write_u8(&w, advert->demote);
    write_u8(&w, advert->advbase);
    write_u16(&w, 0);
    write_u64(&w, advert->counter);
    write_bytes(&w, advert->digest, WIRE_DIGEST_SIZE);
    w.at = bytes + WIRE_CHECKSUM_AT;
    write_u16(&w, wire_checksum(wire_sum(pseudo, bytes, WIRE_ADVERT_SIZE)));
}
