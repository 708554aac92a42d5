/*
 * Capture files, pcap (libpcap's part with ours around it) and pcapng: whatever a file holds,
 * reading ends, and what is handed out is there, within its limits, and from the file.
 */
#define _GNU_SOURCE /* memmem() */
#include <assert.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "io/pcap/capture.h"

enum { ETHERNET_SIZE = 14, TYPE_AT = 12 };

/* libpcap turns the numbers around that CAN frames in a cooked capture of the other byte order
 * begin with (its pcap-util.c, swap_linux_sll_header()). */
static bool is_can(const uint8_t *bytes)
{
    return bytes[TYPE_AT] == 0 && (bytes[TYPE_AT + 1] == 0x0c || bytes[TYPE_AT + 1] == 0x0d);
}

/* What stands behind the Ethernet header, which may be ours, is in the file, and behind that of the
 * frame before. Returns where it ends there. A buffer that is used again would hide from sanitizers
 * that something else was handed out. */
static const uint8_t *find_frame(const struct capture_frame *frame, const uint8_t *from,
                                 const uint8_t *end)
{
    if (frame->size <= ETHERNET_SIZE || is_can(frame->bytes)) {
        return from;
    }
    size_t size = frame->size - ETHERNET_SIZE;
    const uint8_t *at = memmem(from, (size_t)(end - from), frame->bytes + ETHERNET_SIZE, size);
    assert(at != NULL);
    return at + size;
}

static void check_frame(const struct capture_frame *frame)
{
    static volatile uint8_t sink;
    for (size_t i = 0; i < frame->size; i++) { /* a sanitizer sees it when one is not there */
        sink = frame->bytes[i];
    }
    (void)sink;
    assert(frame->size <= CAPTURE_FRAME_MAX);
    assert(frame->tag_count <= CAPTURE_TAGS_MAX);
    assert(frame->decimals == 6 || frame->decimals == 9);
    assert(!frame->unknown_link || frame->size == 0);
    for (unsigned i = 0; i < frame->tag_count; i++) {
        assert(frame->vlan[i] < 4096);
    }
}

/* One line, with something in it. */
static void check_error(const char *error)
{
    size_t length = strnlen(error, CAPTURE_ERROR_MAX);
    assert(length > 0 && length < CAPTURE_ERROR_MAX && strchr(error, '\n') == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct capture *capture;
    struct capture_frame frame;
    uint64_t damage = 0;
    char error[CAPTURE_ERROR_MAX] = "";
    size_t count = 0;
    const uint8_t *from = bytes;
    enum capture_status status = capture_open(fuzz_file(0, bytes, size), &capture, &damage, error);
    bool opened = status == CAPTURE_FRAME;
    while (status == CAPTURE_FRAME) {
        status = capture_next(capture, &frame, &damage, error);
        if (status == CAPTURE_FRAME) {
            check_frame(&frame);
            from = find_frame(&frame, from, bytes + size);
            count += 1;
        }
    }
    assert(count <= size / 16);  /* no record is shorter: pcap's have a header of 16 bytes, and */
    if (status != CAPTURE_END) { /* a pcapng block of a packet has 16 around it */
        check_error(error);
    }
    if (status == CAPTURE_DAMAGED) {
        assert(damage <= size);
    }
    if (opened) {
        capture_close(capture);
    }
    return 0;
}
