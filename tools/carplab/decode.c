/*
 * carplab decode: what is in a capture, a line a packet, and whether the adverts hold.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/key_file.h"
#include "tools/carplab/carplab.h"
#include "tools/carplab/decode.h"

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

static bool add_key(struct decode *d, const char *option, const char *key, size_t size,
                    bool is_text)
{
    if (size > CARP_KEY_SIZE) {
        return refuse(option, ": longer than 20 bytes; CARP uses no more, and a key is never cut");
    }
    if (!digests_add_key(&d->digests, (const uint8_t *)key, size, is_text)) {
        return refuse(option, ": the fifth key; up to four are right");
    }
    return true;
}

/* -1: no hexadecimal digit. */
static int digit_of(char c)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    const char *at = c == '\0' ? NULL : strchr(digits, c);
    long value = at == NULL ? -1 : at - digits;
    return (int)(value > 15 ? value - 6 : value);
}

/* Pairs of digits, with blanks, colons or newlines between pairs. Returns how many bytes, or -1. */
static long unhex(const char *text, uint8_t *bytes, size_t room)
{
    size_t size = 0;
    while (*text != '\0') {
        if (strchr(" :\n\t", *text) != NULL) {
            text++;
            continue;
        }
        int high = digit_of(text[0]), low = high < 0 ? -1 : digit_of(text[1]);
        if (low < 0 || size == room) {
            return -1;
        }
        bytes[size++] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    return (long)size;
}

static bool add_key_hex(struct decode *d, const char *text)
{
    uint8_t key[CARP_KEY_SIZE];
    long size = unhex(text, key, sizeof key);
    if (size < 0) {
        return refuse("--key-hex", ": pairs of hexadecimal digits, at most 40 digits, are right");
    }
    bool added = add_key(d, "--key-hex", (const char *)key, (size_t)size, false);
    explicit_bzero(key, sizeof key);
    return added;
}

static bool add_key_file(struct decode *d, const char *path)
{
    char line[KEY_FILE_LINE_MAX], why[KEY_FILE_ERROR_MAX];
    ssize_t size = key_file_read(path, line, why);
    bool added = size < 0    ? refuse(why, "")
                 : size == 0 ? refuse(path, ": its first line, which is the key, is empty")
                             : add_key(d, path, line, (size_t)size, true);
    explicit_bzero(line, sizeof line);
    return added;
}

static bool add_address(struct decode *d, const char *text)
{
    uint8_t address[16];
    char bare[INET6_ADDRSTRLEN + 1];
    size_t size = strcspn(text, "/"); /* a prefix length, as in a configuration, is not signed */
    if (size < sizeof bare) {
        memcpy(bare, text, size);
        bare[size] = '\0';
        int family = inet_pton(AF_INET, bare, address) == 1    ? 4
                     : inet_pton(AF_INET6, bare, address) == 1 ? 6
                                                               : 0;
        if (family != 0) {
            return digests_add_address(&d->digests, (uint8_t)family, address) ||
                   refuse("--address", ": more than 64 of one family");
        }
    }
    fprintf(stderr, "carplab: decode: --address %s: an IPv4 or IPv6 address is right\n", text);
    return false;
}

/* A key does not stay in the list of processes. */
static bool take_key(struct decode *d, bool is_hex, char *text)
{
    bool added = is_hex ? add_key_hex(d, text) : add_key(d, "--key", text, strlen(text), true);
    explicit_bzero(text, strlen(text));
    return added;
}

static bool take_option(struct decode *d, const char *option, char *value)
{
    if (strcmp(option, "--key") == 0 || strcmp(option, "--key-hex") == 0) {
        return take_key(d, strcmp(option, "--key-hex") == 0, value);
    }
    if (strcmp(option, "--key-file") == 0) {
        return add_key_file(d, value);
    }
    if (strcmp(option, "--address") == 0) {
        return add_address(d, value);
    }
    d->hex = value;
    return true;
}

static bool read_arguments(struct decode *d, int argc, char **argv)
{
    static const char *const options[] = {"--key", "--key-hex", "--key-file", "--address", "--hex"};
    for (int i = 1; i < argc; i++) {
        size_t o = 0;
        while (o < sizeof options / sizeof *options && strcmp(argv[i], options[o]) != 0) {
            o++;
        }
        if (o < sizeof options / sizeof *options) {
            if (i + 1 == argc) {
                return refuse(argv[i], " needs a value");
            }
            if (!take_option(d, options[o], argv[i + 1])) {
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
    const struct carp_config *config = &d->digests.config;
    if (config->key_count > 0 && config->ipv4_count + config->ipv6_count == 0) {
        return refuse("a digest covers the virtual addresses too",
                      "; --key with an --address for each is right");
    }
    return true;
}

/* --- packets ------------------------------------------------------------------------------------
 */

/* Addresses are announced just after the first advert that is signed for them. So when nothing
 * explains a digest, the whole file is looked through, once, for what is announced in it. */
static void look_ahead(struct decode *d)
{
    struct capture *capture;
    struct capture_frame frame;
    struct decoded packet;
    char error[CAPTURE_ERROR_MAX];
    uint64_t damage;
    d->looked_ahead = true;
    if (capture_open(d->path, &capture, &damage, error) != CAPTURE_FRAME) {
        return;
    }
    while (capture_next(capture, &frame, &damage, error) == CAPTURE_FRAME) {
        decode_packet(&frame, &packet);
        digests_note(&d->digests, &packet);
    }
    capture_close(capture);
}

static bool check(struct decode *d, struct decoded *packet)
{
    if (!digests_check(&d->digests, packet)) {
        return false;
    }
    if (d->looked_ahead || !digests_unexplained(packet)) {
        return true;
    }
    look_ahead(d);
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
    long size = unhex(d->hex, bytes, sizeof bytes);
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
        digests_ready(&decode.digests);
        status = decode.hex != NULL ? decode_hex(&decode) : decode_file(&decode);
    }
    digests_free(&decode.digests);
    return status;
}
