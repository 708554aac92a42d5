/* fopencookie(), which glibc, musl and FreeBSD have. */
#define _GNU_SOURCE

#include "io/pcap/capture.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pcap/pcap.h>

enum { HEAD_SIZE = 4096, BUFFER_SIZE = 1 << 16, NS_DIGITS = 9, US_DIGITS = 6 };

/*
 * libpcap reads a stdio stream, and the stream reads through us: so a position in the file is known
 * also of a pipe, and the first bytes can be looked at for what libpcap does not tell: whether it
 * is a capture at all, and in which unit its times are.
 */
struct source {
    int fd;
    uint64_t read; /* bytes so far */
    size_t head_size;
    uint8_t head[HEAD_SIZE];
};

struct capture {
    struct source source;
    FILE *stream; /* owned by pcap, once there is one */
    pcap_t *pcap;
    enum capture_link link;
    unsigned decimals;
    bool is_stream;
    bool ended;
    uint8_t room[CAPTURE_FRAME_MAX];
};

/* --- the stream ---------------------------------------------------------------------------------
 */

static ssize_t source_read(void *cookie, char *bytes, size_t size)
{
    struct source *source = cookie;
    ssize_t got;
    do {
        got = read(source->fd, bytes, size);
    } while (got < 0 && errno == EINTR);
    if (got > 0) {
        size_t room = HEAD_SIZE - source->head_size;
        size_t take = (size_t)got < room ? (size_t)got : room;
        memcpy(source->head + source->head_size, bytes, take);
        source->head_size += take;
        source->read += (uint64_t)got;
    }
    return got;
}

/* Only a question: where are we? */
static int source_seek(void *cookie, off64_t *offset, int whence)
{
    struct source *source = cookie;
    if (whence != SEEK_CUR || *offset != 0) {
        errno = ESPIPE;
        return -1;
    }
    *offset = (off64_t)source->read;
    return 0;
}

static int source_close(void *cookie)
{
    struct source *source = cookie;
    return source->fd == STDIN_FILENO ? 0 : close(source->fd);
}

static uint64_t position(const struct capture *c)
{
    off_t at = ftello(c->stream);
    return at < 0 ? c->source.read : (uint64_t)at;
}

/* --- what libpcap does not tell -----------------------------------------------------------------
 */

static uint32_t u32_at(const uint8_t *bytes, bool big)
{
    return big ? (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
                     bytes[3]
               : (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 |
                     bytes[0];
}

static uint16_t u16_at(const uint8_t *bytes, bool big)
{
    return (uint16_t)(big ? bytes[0] << 8 | bytes[1] : bytes[1] << 8 | bytes[0]);
}

enum format { FORMAT_NONE, FORMAT_PCAP, FORMAT_PCAP_NS, FORMAT_PCAPNG, FORMAT_GZIP };

/* By the first bytes, in either order. */
static enum format recognise(const struct source *source)
{
    if (source->head_size >= 2 && source->head[0] == 0x1f && source->head[1] == 0x8b) {
        return FORMAT_GZIP;
    }
    if (source->head_size < 4) {
        return FORMAT_NONE;
    }
    for (int big = 0; big < 2; big++) {
        switch (u32_at(source->head, big == 1)) {
        case 0xa1b2c3d4:
        case 0xa1b2cd34: /* with a longer record header, by a patched libpcap of old */
            return FORMAT_PCAP;
        case 0xa1b23c4d:
            return FORMAT_PCAP_NS;
        case 0x0a0d0d0a:
            return FORMAT_PCAPNG;
        }
    }
    return FORMAT_NONE;
}

/* The decimals of one interface description block: option if_tsresol (9), by default 6. */
static unsigned interface_decimals(const uint8_t *block, size_t size, bool big)
{
    size_t at = 16;
    while (at + 5 <= size) {
        uint16_t code = u16_at(block + at, big), length = u16_at(block + at + 2, big);
        if (code == 9 && length >= 1) {
            return block[at + 4] > US_DIGITS ? NS_DIGITS : US_DIGITS; /* 0x80: powers of two */
        }
        at += 4 + ((size_t)length + 3) / 4 * 4;
    }
    return US_DIGITS;
}

/* The finest of the interfaces that the file names before its first packet. */
static unsigned pcapng_decimals(const struct source *source)
{
    const uint8_t *head = source->head;
    unsigned decimals = US_DIGITS;
    size_t at = 0;
    bool big = source->head_size >= 12 && head[8] == 0x1a;
    while (source->head_size - at >= 12) {
        uint32_t type = u32_at(head + at, big), size = u32_at(head + at + 4, big);
        if (size < 12 || size > source->head_size - at || (at > 0 && type != 1)) {
            break;
        }
        if (type == 1 && interface_decimals(head + at, size - 4, big) > decimals) {
            decimals = NS_DIGITS;
        }
        at += size;
    }
    return decimals;
}

/* --- opening ------------------------------------------------------------------------------------
 */

static bool find_link(struct capture *c, char error[CAPTURE_ERROR_MAX])
{
    int type = pcap_datalink(c->pcap);
    const char *name;
    switch (type) {
    case DLT_EN10MB:
        c->link = CAPTURE_ETHERNET;
        return true;
    case DLT_LINUX_SLL:
        c->link = CAPTURE_COOKED;
        return true;
#ifdef DLT_LINUX_SLL2
    case DLT_LINUX_SLL2:
        c->link = CAPTURE_COOKED2;
        return true;
#endif
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6:
        c->link = CAPTURE_RAW;
        return true;
    default:
        name = pcap_datalink_val_to_name(type);
        snprintf(error, CAPTURE_ERROR_MAX,
                 "packets of link type %s (%d); Ethernet, Linux cooked or raw IP is right",
                 name == NULL ? "unknown" : name, type);
        return false;
    }
}

/* One line, whatever libpcap says. */
static void set_error(char error[CAPTURE_ERROR_MAX], const char *text)
{
    snprintf(error, CAPTURE_ERROR_MAX, "%s", text);
    for (char *at = error; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ') {
            *at = ' ';
        }
    }
}

static bool open_stream(struct capture *c, const char *path, char error[CAPTURE_ERROR_MAX])
{
    static const cookie_io_functions_t functions = {
        .read = source_read, .seek = source_seek, .close = source_close};
    struct stat st;
    c->source.fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (c->source.fd < 0 || fstat(c->source.fd, &st) != 0) {
        set_error(error, strerror(errno));
        return false;
    }
    c->is_stream = !S_ISREG(st.st_mode);
    c->stream = S_ISDIR(st.st_mode) ? NULL : fopencookie(&c->source, "r", functions);
    if (c->stream == NULL) {
        set_error(error, strerror(S_ISDIR(st.st_mode) ? EISDIR : errno));
        source_close(&c->source);
        return false;
    }
    setvbuf(c->stream, NULL, _IOFBF, BUFFER_SIZE);
    return true;
}

/* libpcap did not take it: is it no capture, or a broken one? */
static enum capture_status judge_refusal(const struct capture *c, const char *why, uint64_t *damage,
                                         char error[CAPTURE_ERROR_MAX])
{
    set_error(error, why);
    *damage = 0;
    switch (recognise(&c->source)) {
    case FORMAT_NONE:
        set_error(error, ferror(c->stream) ? why : "not a capture; pcap or pcapng is right");
        return CAPTURE_REFUSED;
    case FORMAT_GZIP:
        set_error(error, "compressed; zcat FILE | carplab decode - is right");
        return CAPTURE_REFUSED;
    case FORMAT_PCAP:
    case FORMAT_PCAP_NS:
    case FORMAT_PCAPNG:
        break;
    }
    *damage = position(c);
    return ferror(c->stream) ? CAPTURE_REFUSED : CAPTURE_DAMAGED;
}

enum capture_status capture_open(const char *path, struct capture **capture, uint64_t *damage,
                                 char error[CAPTURE_ERROR_MAX])
{
    char why[PCAP_ERRBUF_SIZE] = "";
    struct capture *c = calloc(1, sizeof *c);
    if (c == NULL || !open_stream(c, path, error)) {
        if (c == NULL) {
            set_error(error, strerror(ENOMEM));
        }
        free(c);
        return CAPTURE_REFUSED;
    }
    c->pcap = pcap_fopen_offline_with_tstamp_precision(c->stream, PCAP_TSTAMP_PRECISION_NANO, why);
    if (c->pcap == NULL) {
        enum capture_status status = judge_refusal(c, why, damage, error);
        fclose(c->stream);
        free(c);
        return status;
    }
    enum format format = recognise(&c->source);
    c->decimals = format == FORMAT_PCAP_NS  ? NS_DIGITS
                  : format == FORMAT_PCAPNG ? pcapng_decimals(&c->source)
                                            : US_DIGITS;
    if (!find_link(c, error)) {
        capture_close(c);
        return CAPTURE_REFUSED;
    }
    *capture = c;
    return CAPTURE_FRAME;
}

void capture_close(struct capture *c)
{
    if (c != NULL) {
        pcap_close(c->pcap); /* and with it the stream */
        free(c);
    }
}

unsigned capture_decimals(const struct capture *c)
{
    return c->decimals;
}

bool capture_is_stream(const struct capture *c)
{
    return c->is_stream;
}

/* --- reading ------------------------------------------------------------------------------------
 */

/* A hostile file may have any numbers there: what an instant cannot hold becomes its nearest. */
static carp_instant instant_of(const struct timeval *time)
{
    const uint64_t second = 1000000000;
    int64_t seconds = time->tv_sec, ns = time->tv_usec; /* asked for as nanoseconds */
    if (seconds < 0 || ns < 0) {
        return (carp_instant){0};
    }
    if ((uint64_t)seconds >= UINT64_MAX / second - (uint64_t)ns / second) {
        return (carp_instant){UINT64_MAX / second * second - 1};
    }
    return (carp_instant){(uint64_t)seconds * second + (uint64_t)ns};
}

enum capture_status capture_next(struct capture *c, struct capture_frame *frame, uint64_t *damage,
                                 char error[CAPTURE_ERROR_MAX])
{
    struct pcap_pkthdr *header;
    const u_char *bytes;
    assert(!c->ended);
    uint64_t start = position(c);
    int got = pcap_next_ex(c->pcap, &header, &bytes);
    if (got == 1) {
        capture_unwrap(c->link, bytes, header->caplen, c->room, frame);
        frame->at = instant_of(&header->ts);
        frame->missing = header->len > header->caplen ? header->len - header->caplen : 0;
        return CAPTURE_FRAME;
    }
    c->ended = true;
    if (got == PCAP_ERROR_BREAK) {
        return CAPTURE_END;
    }
    set_error(error, pcap_geterr(c->pcap));
    *damage = start;
    return CAPTURE_DAMAGED;
}
