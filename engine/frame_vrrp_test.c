/*
 * VRRP told from CARP at its edges: over the wrong family, without a pseudo-header, with bytes too
 * many or too few.
 *
 * The frames were laid out by hand from RFC 3768 section 5.1 and RFC 9568 section 5.1, their
 * checksums by a few lines of Python. tshark 4.0 (-T fields -e vrrp.version -e vrrp.addr_count -e
 * vrrp.checksum.status) names version and count of each as its row does, and finds the checksum
 * right, but for the two "no pseudo-header" rows, which it finds wrong.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/lab.h"
#include "tools/testkit/testkit.h"

#define ETHERNET4 "01005e00001200005e0001330800"
#define ETHERNET6 "33330000001200005e00023386dd"
#define FROM_TO4  "0a630001e0000012"
#define FROM_TO6  "fe800000000000000000000000000011ff020000000000000000000000000012"

enum { ROOM = 160 };

static enum carp_verdict parse(const uint8_t *frame, size_t size, struct carp_packet *packet)
{
    uint8_t *copy = malloc(size); /* exactly as large: Valgrind and ASan see a read past its end */
    memcpy(copy, frame, size);
    enum carp_verdict verdict = frame_parse(copy, size, packet);
    free(copy);
    return verdict;
}

static const struct {
    const char *why;
    const char *frame;
    enum carp_verdict want;
} rows[] = {
    {"version 2, five addresses: as long as an advert",
     ETHERNET4 "4510003800004000ff7090cf" FROM_TO4 "21336405000144d90a6300640a6300650a630066"
               "0a6300670a6300680000000000000000",
     CARP_VRRP2},
    {"version 2, seven addresses: CARP's authlen",
     ETHERNET4 "4510004000004000ff7090c7" FROM_TO4 "2133640700012f3e0a6300640a6300650a630066"
               "0a6300670a6300680a6300690a63006a0000000000000000",
     CARP_VRRP2},
    /* No VRRP any more, by its size; and its first 36 bytes add up, because what follows them is
     * zero. frame.h ignores what follows, so only the digest will tell. */
    {"version 2, seven addresses and two bytes more: an advert, for all its envelope says",
     ETHERNET4 "4510004200004000ff7090c5" FROM_TO4 "2133640700012f3e0a6300640a6300650a630066"
               "0a6300670a6300680a6300690a63006a00000000000000000000",
     CARP_ACCEPTED},
    {"version 2, five addresses, over IPv6, for which it was never defined",
     ETHERNET6 "60000000006070ff" FROM_TO6 "2133640500017d37"
               "fe800000000000000000000000000100fe800000000000000000000000000101"
               "fe800000000000000000000000000102fe800000000000000000000000000103"
               "fe8000000000000000000000000001040000000000000000",
     CARP_BAD_CHECKSUM},
    {"version 3, one address",
     ETHERNET4 "4510002000004000ff7090e7" FROM_TO4 "31336401006474ad0a630064", CARP_VRRP3},
    {"version 3, one address, no pseudo-header: some routers, over IPv4 alone",
     ETHERNET4 "4510002000004000ff7090e7" FROM_TO4 "3133640100645fa00a630064", CARP_VRRP3},
    {"version 3, one address and two bytes more",
     ETHERNET4 "4510002200004000ff7090e5" FROM_TO4 "31336401006474ab0a6300640000", CARP_BAD_LENGTH},
    {"version 3, seven addresses: as long as an advert",
     ETHERNET4 "4510003800004000ff7090cf" FROM_TO4 "31336407006433d00a6300640a6300650a630066"
               "0a6300670a6300680a6300690a63006a",
     CARP_VRRP3},
    {"version 3 over IPv6, one address",
     ETHERNET6 "60000000001870ff" FROM_TO6 "3133640100646cb7fe800000000000000000000000000100",
     CARP_VRRP3},
    {"version 3 over IPv6, two addresses: longer than an advert",
     ETHERNET6 "60000000002870ff" FROM_TO6 "3133640200646d24fe800000000000000000000000000100"
               "fe800000000000000000000000000101",
     CARP_VRRP3},
    {"version 3 over IPv6, no pseudo-header: RFC 9568 has no such thing",
     ETHERNET6 "60000000001870ff" FROM_TO6 "3133640100646ae6fe800000000000000000000000000100",
     CARP_BAD_LENGTH},
};

TEST_CASE(frame_vrrp, is_told_by_size_family_and_checksum_together)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t frame[ROOM];
        struct carp_packet packet = {.ttl = 0};
        size_t size = tk_unhex(rows[i].frame, frame, sizeof frame);
        tk_row(rows[i].why);
        EXPECT_INT(rows[i].want, parse(frame, size, &packet));
        if (rows[i].want == CARP_VRRP2 || rows[i].want == CARP_VRRP3) {
            EXPECT_INT(51, packet.advert.vhid);
            EXPECT_INT(255, packet.ttl);
            EXPECT_BYTES(frame, packet.destination_mac, FRAME_MAC_SIZE);
            EXPECT_BYTES(frame + 6, packet.source_mac, FRAME_MAC_SIZE);
            EXPECT_BYTES(frame + (packet.family == 4 ? 26 : 22), packet.source,
                         packet.family == 4 ? 4 : 16);
        }
        frame[(packet.family == 4 ? 34 : 54) + 2] ^= 1; /* one bit of what CARP has as advskew */
        enum carp_verdict verdict = parse(frame, size, &packet);
        EXPECT_TRUE(verdict == CARP_BAD_LENGTH || verdict == CARP_BAD_VERSION ||
                    verdict == CARP_BAD_CHECKSUM);
    }
}

/* Too short for either header: no field is looked for that is not there. The IPv6 payload length
 * (bytes 18, 19) says what is left; IPv6 has no checksum of its own to mend. */
TEST_CASE(frame_vrrp, is_not_looked_for_in_fewer_than_eight_bytes)
{
    static const char *const starts[] = {"21336400000144d9", "3133640100646cb7"};
    for (int i = 0; i < 2; i++) {
        for (uint8_t left = 0; left < 8; left++) {
            uint8_t frame[ROOM];
            struct carp_packet packet;
            size_t size = tk_unhex(ETHERNET6 "60000000000070ff" FROM_TO6, frame, sizeof frame);
            tk_unhex(starts[i], frame + size, sizeof frame - size);
            frame[19] = left;
            EXPECT_INT(CARP_BAD_LENGTH, parse(frame, size + left, &packet));
        }
    }
}

/* Which protocol it is, is asked only of what came from this link: TTL 254 is refused as such. The
 * IPv4 header checksum grows by what the TTL's word lost (RFC 1624): 90cf + 0100 = 91cf. */
TEST_CASE(frame_vrrp, is_refused_for_its_ttl_before_it_is_told)
{
    uint8_t frame[ROOM];
    struct carp_packet packet;
    size_t size = tk_unhex(ETHERNET4 "4510003800004000fe7091cf" FROM_TO4 "21336405000144d90a630064"
                                     "0a6300650a6300660a6300670a6300680000000000000000",
                           frame, sizeof frame);
    EXPECT_INT(CARP_BAD_TTL, parse(frame, size, &packet));
}
