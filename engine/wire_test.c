/* The Internet checksum against the RFC that defines it, and the reader that never reads on. */
#include "engine/wire.h"

#include "tools/testkit/testkit.h"

/* Source: RFC 1071 section 3: 0001 f203 f4f5 f6f7 add up to 2ddf0, folded ddf2, complement 220d. */
TEST_CASE(wire, computes_the_checksum_of_rfc_1071)
{
    static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7, 0x22, 0x0d};
    EXPECT_U64(0x2ddf0, wire_sum(0, bytes, 8));
    EXPECT_INT(0x220d, wire_checksum(wire_sum(0, bytes, 8)));
    EXPECT_INT(0, wire_checksum(wire_sum(0, bytes, 10)));
    EXPECT_U64(0x2ddf0, wire_sum(wire_sum(0, bytes, 4), bytes + 4, 4));
}

/* RFC 1071 section 4.1: an odd byte is the high half of a word. 0001 + f200 = f201. */
TEST_CASE(wire, takes_an_odd_last_byte_for_a_high_one)
{
    static const uint8_t bytes[] = {0x00, 0x01, 0xf2};
    EXPECT_U64(0xf201, wire_sum(0, bytes, sizeof bytes));
    EXPECT_U64(0, wire_sum(0, bytes, 0));
}

/* ffff + ffff + 0001 = 1ffff: the first fold gives 10000, which has a carry again; the one's
 * complement sum is 1. */
TEST_CASE(wire, carries_twice_where_the_first_carry_makes_another)
{
    static const uint8_t bytes[] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x01};
    EXPECT_INT(0xfffe, wire_checksum(wire_sum(0, bytes, sizeof bytes)));
}

TEST_CASE(wire, reads_zero_past_the_end_and_remembers)
{
    static const uint8_t bytes[] = {0x12, 0x34, 0x56};
    struct reader r = {.at = bytes, .left = sizeof bytes};
    EXPECT_INT(0x1234, read_u16(&r));
    EXPECT_TRUE(!r.ran_out);
    EXPECT_INT(0, read_u16(&r)); /* one byte is left: not half a number */
    EXPECT_TRUE(r.ran_out);
    EXPECT_INT(0, read_u8(&r));
    EXPECT_U64(0, r.left);
}
