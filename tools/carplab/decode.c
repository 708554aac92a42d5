/*
 * carplab decode: what is in a capture, a line a packet, and whether the adverts hold.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/carplab/carplab.h"
#include "tools/carplab/decode.h"
#include "tools/carplab/key_options.h"

struct decode {
    const char *path, *hex;
    struct digests digests;
    struct decode_writer writer;
    bool each;    /* write each line at once: somebody is watching */
    bool failing; /* a digest or a checksum does not hold */
    bool looked_ahead;
};

/* --- arguments ----------------------------------------------------------------------------------
 */

static bool refuse(const char *what, const char *why)
{
    fprintf(stderr, "carplab: decode: %s%s\n", what, why);
    return false;
}

static bool read_arguments(struct decode *d, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        bool is_hex = strcmp(argv[i], "--hex") == 0;
        if (is_hex || key_option(argv[i])) {
            if (i + 1 == argc) {
                return refuse(argv[i], " needs a value");
            }
            if (is_hex) {
                d->hex = argv[i + 1];
            } else if (!key_option_take("decode", &d->digests, argv[i], argv[i + 1])) {
                return false;
            }
            i += 1;
        } else if (strcmp(argv[i], "--json") == 0) {
            d->writer.json = true;
        } else if ((argv[i][0] == '-' && argv[i][1] != '\0') || d->path != NULL) {
            return refuse(argv[i], " is one too many or unknown; --key TEXT --key-hex HEX "
                                   "--key-file F --address A --json --hex HEX FILE are right");
        } else {
            d->path = argv[i];
        }
    }
    if ((d->path == NULL) == (d->hex == NULL)) {
        return refuse("one capture is right: FILE.pcap, - or --hex HEX", "");
    }
    return key_options_ready("decode", &d->digests);
}

/* --- packets ------------------------------------------------------------------------------------
 */

/* Addresses are announced just after the first advert that is signed for them. So when nothing
 * explains a digest, the whole file is looked through, once, for what is announced in it. */
static bool check(struct decode *d, struct decoded *packet)
{
    if (!digests_check(&d->digests, packet)) {
        return false;
    }
    if (d->looked_ahead || !digests_unexplained(packet)) {
        return true;
    }
    d->looked_ahead = true;
    digests_note_file(&d->digests, d->path);
    return digests_check(&d->digests, packet);
}

/* One frame. False: memory ran out, or what was written did not get where it should. */
static bool show(struct decode *d, const struct capture_frame *frame, struct decoded *packet)
{
    if (!check(d, packet)) {
        fputs("carplab: decode: out of memory\n", stderr);
        return false;
    }
    decode_write(&d->writer, frame, packet);
    d->failing |= packet->checksum == CHECKSUM_BAD || packet->digest == DIGEST_BAD;
    if (d->each) {
        decode_flush(&d->writer);
    }
    return d->writer.error == 0;
}

static int finish(struct decode *d, int status)
{
    decode_flush(&d->writer);
    if (d->writer.error != 0) {
        fprintf(stderr, "carplab: decode: what was written is incomplete: %s\n",
                strerror(d->writer.error));
        return 2;
    }
    return status;
}

static int decode_file(struct decode *d)
{
    struct capture *capture = NULL;
    struct capture_frame frame;
    struct decoded packet;
    char error[CAPTURE_ERROR_MAX];
    uint64_t damage = 0, count = 0;
    enum capture_status status = capture_open(d->path, &capture, &damage, error);
    bool going = status == CAPTURE_FRAME;
    if (going) {
        d->looked_ahead = capture_is_stream(capture) || strcmp(d->path, "-") == 0;
        d->each = capture_is_stream(capture) || isatty(STDOUT_FILENO) == 1;
        d->writer.has_time = true;
    }
    while (going && (status = capture_next(capture, &frame, &damage, error)) == CAPTURE_FRAME) {
        count++;
        decode_packet(&frame, &packet);
        going = show(d, &frame, &packet);
    }
    capture_close(capture);
    int result = finish(d, status == CAPTURE_END && !d->failing ? 0 : 1);
    if (status == CAPTURE_REFUSED) {
        fprintf(stderr, "carplab: %s: %s\n", d->path, error);
    } else if (status == CAPTURE_DAMAGED && result != 2) {
        fprintf(stderr, "carplab: %s: damaged at byte %llu, after %llu packets: %s\n", d->path,
                (unsigned long long)damage, (unsigned long long)count, error);
    }
    return status == CAPTURE_REFUSED || status == CAPTURE_FRAME ? 2 : result;
}

/* --- bytes on the command line ------------------------------------------------------------------
 */

/* A bare advert gets an envelope to be judged in, of which nothing is shown. */
static void decode_payload(const uint8_t payload[WIRE_ADVERT_SIZE], struct capture_frame *frame,
                           uint8_t room[FRAME_MAX], struct decoded *packet)
{
    const struct carp_packet envelope = {.family = 4, .ttl = FRAME_TTL};
    frame->size = frame_write(&envelope, room);
    frame->bytes = room;
    memcpy(room + frame->size - WIRE_ADVERT_SIZE, payload, WIRE_ADVERT_SIZE);
    decode_packet(frame, packet);
    packet->family = 0;
}

static int decode_hex(struct decode *d)
{
    static uint8_t bytes[CAPTURE_FRAME_MAX], room[CAPTURE_FRAME_MAX];
    struct capture_frame frame = {0};
    struct decoded packet;
    long size = key_unhex(d->hex, bytes, sizeof bytes);
    d->looked_ahead = true;
    if (size == WIRE_ADVERT_SIZE) {
        decode_payload(bytes, &frame, room, &packet);
    } else if (size > 0 && capture_unwrap(CAPTURE_ETHERNET, bytes, (size_t)size, room, &frame)) {
        decode_packet(&frame, &packet);
    } else {
        fputs("carplab: decode: --hex: the 36 bytes of an advert, or a whole Ethernet frame, in "
              "pairs of hexadecimal digits, are right\n",
              stderr);
        return 2;
    }
    if (!show(d, &frame, &packet)) {
        return 2;
    }
    return finish(d, d->failing ? 1 : 0);
}

int command_decode(int argc, char **argv)
{
    static struct decode decode = {.writer = {.fd = STDOUT_FILENO}};
    int status = 2;
    if (read_arguments(&decode, argc, argv)) {
        status = decode.hex != NULL ? decode_hex(&decode) : decode_file(&decode);
    }
    digests_free(&decode.digests);
    return status;
}
