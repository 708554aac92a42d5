/* Blocks that capture.h hides: sections, custom blocks, directions. In both byte orders. */
#include "io/pcap/blocks.h"

#include "tools/testkit/testkit.h"

/* By hand, from draft-ietf-opsawg-pcapng: a section; an Ethernet interface; a custom block that may
 * be copied; a packet of two bytes with a comment, then flags that say outbound; one without
 * options; a custom block that may not be copied. */
static const char big[] = "0a0d0d0a0000001c1a2b3c4d00010000ffffffffffffffff0000001c"
                          "00000001000000140001000000000000"
                          "00000014"
                          "00000bad0000001400007ed9deadbeef00000014"
                          "00000006000000380000000000000000000000010000000200000002aabb0000"
                          "0001000268690000"
                          "0002000400000002"
                          "00000000"
                          "00000038"
                          "00000006000000240000000000000000000000020000000200000002ccdd0000"
                          "00000024"
                          "40000bad0000001400007ed9cafe000000000014";
static const char little[] = "0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000"
                             "01000000140000000100000000000000"
                             "14000000"
                             "ad0b000014000000d97e0000deadbeef14000000"
                             "06000000380000000000000000000000010000000200000002000000aabb0000"
                             "0100020068690000"
                             "0200040002000000"
                             "00000000"
                             "38000000"
                             "06000000240000000000000000000000020000000200000002000000ccdd0000"
                             "24000000"
                             "ad0b004014000000d97e0000cafe000014000000";

static void expect_blocks(const char *hex)
{
    static const uint8_t first[2] = {0xaa, 0xbb}, second[2] = {0xcc, 0xdd};
    static const uint8_t free_data[4] = {0xde, 0xad, 0xbe, 0xef}, bound_data[2] = {0xca, 0xfe};
    uint8_t bytes[512];
    char error[CAPTURE_ERROR_MAX];
    uint64_t damage;
    struct block block;
    size_t size = tk_unhex(hex, bytes, sizeof bytes);
    FILE *stream = fmemopen(bytes, size, "rb");
    struct blocks *b = blocks_make(stream);
    EXPECT_INT(CAPTURE_FRAME, blocks_read(b, &block, &damage, error));
    EXPECT_INT(BLOCK_SECTION, block.kind);
    EXPECT_INT(CAPTURE_FRAME, blocks_read(b, &block, &damage, error));
    EXPECT_INT(BLOCK_CUSTOM, block.kind);
    EXPECT_U64(28 + 20, block.offset);
    EXPECT_U64(32473, block.custom.pen);
    EXPECT_U64(4, block.custom.size);
    EXPECT_BYTES(free_data, block.custom.bytes, 4);
    EXPECT_INT(CAPTURE_FRAME, blocks_read(b, &block, &damage, error));
    EXPECT_INT(BLOCK_PACKET, block.kind);
    EXPECT_INT(BLOCK_OUTBOUND, block.direction);
    EXPECT_BYTES(first, block.packet.bytes, 2);
    EXPECT_INT(CAPTURE_FRAME, blocks_read(b, &block, &damage, error));
    EXPECT_INT(BLOCK_UNKNOWN, block.direction);
    EXPECT_BYTES(second, block.packet.bytes, 2);
    EXPECT_INT(CAPTURE_FRAME, blocks_read(b, &block, &damage, error));
    EXPECT_INT(BLOCK_CUSTOM, block.kind);
    EXPECT_BYTES(bound_data, block.custom.bytes, 2);
    EXPECT_INT(CAPTURE_END, blocks_read(b, &block, &damage, error));
    blocks_free(b);
    fclose(stream);
}

TEST_CASE(blocks, are_handed_out_in_either_byte_order)
{
    expect_blocks(big);
    expect_blocks(little);
}

/* Who wants packets gets packets. */
TEST_CASE(blocks, are_skipped_by_who_reads_packets)
{
    uint8_t bytes[512];
    char error[CAPTURE_ERROR_MAX];
    uint64_t damage;
    struct block_packet packet;
    size_t size = tk_unhex(little, bytes, sizeof bytes);
    FILE *stream = fmemopen(bytes, size, "rb");
    struct blocks *b = blocks_make(stream);
    EXPECT_INT(CAPTURE_FRAME, blocks_next(b, &packet, &damage, error));
    EXPECT_INT(0xaa, packet.bytes[0]);
    EXPECT_INT(CAPTURE_FRAME, blocks_next(b, &packet, &damage, error));
    EXPECT_INT(0xcc, packet.bytes[0]);
    EXPECT_INT(CAPTURE_END, blocks_next(b, &packet, &damage, error));
    blocks_free(b);
    fclose(stream);
}
