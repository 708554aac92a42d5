#include <stdbool.h>

#include "engine/frame.h"
#include "fuzz/fuzz.h"

enum { IPV4_SIZE = 20, IPV6_SIZE = 40 };

static void mend_sum(uint32_t sum, uint8_t *bytes, size_t size, size_t at)
{
    struct writer w = {bytes + at};
    write_u16(&w, 0);
    write_u16(&(struct writer){bytes + at}, wire_checksum(wire_sum(sum, bytes, size)));
}

static void mend_ipv4(uint8_t *ip, size_t size)
{
    size_t header = (size_t)(ip[0] & 0x0f) * 4;
    if (header < 12 || header > size) { /* shorter than any may be, to see that it is refused */
        return;
    }
    mend_sum(0, ip, header, 10);
    if (size - header >= WIRE_ADVERT_SIZE) {
        mend_sum(0, ip + header, WIRE_ADVERT_SIZE, WIRE_CHECKSUM_AT);
    }
}

/* An advert's checksum covers the pseudo-header or not, by a bit of the flow label. */
static void mend_ipv6(uint8_t *ip, size_t size)
{
    bool is_advert = ip[6] == FRAME_PROTOCOL;
    size_t payload = is_advert ? WIRE_ADVERT_SIZE : 32;
    if (size < IPV6_SIZE + payload) {
        return;
    }
    uint32_t pseudo = wire_sum(0, ip + 8, 32) + ip[6] + (uint32_t)payload;
    mend_sum(is_advert && (ip[3] & 1) != 0 ? 0 : pseudo, ip + IPV6_SIZE, payload,
             is_advert ? WIRE_CHECKSUM_AT : 2);
}

void fuzz_mend(uint8_t *bytes, size_t size)
{
    size_t type_at = size > 13 && wire_u16(bytes + 12) == 0x8100 ? 16 : 12, ip = type_at + 2;
    if (size < ip + IPV4_SIZE) {
        return;
    }
    if (wire_u16(bytes + type_at) == 0x0800) {
        mend_ipv4(bytes + ip, size - ip);
    } else if (wire_u16(bytes + type_at) == 0x86dd && size >= ip + IPV6_SIZE) {
        mend_ipv6(bytes + ip, size - ip);
    }
}
