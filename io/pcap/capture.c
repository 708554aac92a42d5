#define _GNU_SOURCE /* fopencookie(), where there is one; elsewhere there is funopen() */

#include "io/pcap/capture.h"
#include "io/pcap/blocks.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pcap/pcap.h>

enum { HEAD_SIZE = 4, BUFFER_SIZE = 1 << 16, NS_DIGITS = 9, US_DIGITS = 6 };

/* As files have them; libpcap renames some for programs. */
enum { LINKTYPE_RAW = 101, LINKTYPE_COOKED2 = 276 };

/*
 * libpcap reads a stdio stream, and the stream reads through us: so a position in the file is known
 * also of a pipe, and the first bytes can be looked at for what libpcap does not tell: whether it
 * is a capture at all, and in which unit its times are. pcapng is read by blocks.c.
 */
struct source {
    int fd;
    uint64_t read; /* bytes so far */
    size_t head_size;
    uint8_t head[HEAD_SIZE];
};

struct capture {
    struct source source;
    FILE *stream;          /* owned by pcap, once there is one */
    pcap_t *pcap;          /* NULL: it is pcapng, */
    struct blocks *blocks; /* read by these */
    enum capture_link link;
    unsigned decimals;
    bool is_stream;
    bool ended;
    uint8_t room[CAPTURE_FRAME_MAX];
};

/* --- the stream ---------------------------------------------------------------------------------
 */

static ssize_t read_some(int fd, char *bytes, size_t size)
{
    ssize_t got;
    do {
        got = read(fd, bytes, size);
    } while (got < 0 && errno == EINTR);
    return got;
}

/* The first time, a pipe is waited for until there is enough to tell what comes through it. */
static ssize_t source_read(void *cookie, char *bytes, size_t size)
{
    struct source *source = cookie;
    ssize_t got = read_some(source->fd, bytes, size), more = got;
    while (source->read == 0 && got > 0 && got < HEAD_SIZE && more > 0) {
        more = read_some(source->fd, bytes + got, size - (size_t)got);
        got += more > 0 ? more : 0;
    }
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
static int source_seek(void *cookie, off_t *offset, int whence)
{
    struct source *source = cookie;
    if (whence != SEEK_CUR || *offset != 0) {
        errno = ESPIPE;
        return -1;
    }
    *offset = (off_t)source->read;
    return 0;
}

static int source_close(void *cookie)
{
    struct source *source = cookie;
    return source->fd == STDIN_FILENO ? 0 : close(source->fd);
}

#ifdef CARP_HAS_FOPENCOOKIE
static FILE *stream_of(struct source *source)
{
    return fopencookie(
        source, "r",
        (cookie_io_functions_t){.read = source_read, .seek = source_seek, .close = source_close});
}
#else
static int source_read_int(void *cookie, char *bytes, int size)
{
    return (int)source_read(cookie, bytes, (size_t)size);
}

static off_t source_seek_off(void *cookie, off_t offset, int whence)
{
    return source_seek(cookie, &offset, whence) == 0 ? offset : -1;
}

static FILE *stream_of(struct source *source)
{
    return funopen(source, source_read_int, NULL, source_seek_off, source_close);
}
#endif

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

/* --- opening ------------------------------------------------------------------------------------
 */

/* By libpcap's number. */
static enum capture_link link_of(int type)
{
    switch (type) {
    case DLT_EN10MB:
        return CAPTURE_ETHERNET;
    case DLT_LINUX_SLL:
        return CAPTURE_COOKED;
    case LINKTYPE_COOKED2:
        return CAPTURE_COOKED2;
    case DLT_RAW:
    case LINKTYPE_RAW:
    case DLT_IPV4:
    case DLT_IPV6:
        return CAPTURE_RAW;
    default:
        return CAPTURE_UNKNOWN;
    }
}

static bool find_link(struct capture *c, char error[CAPTURE_ERROR_MAX])
{
    int type = pcap_datalink(c->pcap);
    const char *name = pcap_datalink_val_to_name(type);
    c->link = link_of(type);
    if (c->link == CAPTURE_UNKNOWN) {
        snprintf(error, CAPTURE_ERROR_MAX,
                 "packets of link type %s (%d); Ethernet, Linux cooked or raw IP is right",
                 name == NULL ? "unknown" : name, type);
    }
    return c->link != CAPTURE_UNKNOWN;
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
    struct stat st;
    c->source.fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (c->source.fd < 0 || fstat(c->source.fd, &st) != 0) {
        set_error(error, strerror(errno));
        return false;
    }
    c->is_stream = !S_ISREG(st.st_mode);
    c->stream = S_ISDIR(st.st_mode) ? NULL : stream_of(&c->source);
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

/* What is a pcap file, or nothing we know, is libpcap's. */
static enum capture_status open_pcap(struct capture *c, uint64_t *damage,
                                     char error[CAPTURE_ERROR_MAX])
{
    char why[PCAP_ERRBUF_SIZE] = "";
    c->pcap = pcap_fopen_offline_with_tstamp_precision(c->stream, PCAP_TSTAMP_PRECISION_NANO, why);
    if (c->pcap == NULL) {
        return judge_refusal(c, why, damage, error);
    }
    c->decimals = recognise(&c->source) == FORMAT_PCAP_NS ? NS_DIGITS : US_DIGITS;
    return find_link(c, error) ? CAPTURE_FRAME : CAPTURE_REFUSED;
}

enum capture_status capture_open(const char *path, struct capture **capture, uint64_t *damage,
                                 char error[CAPTURE_ERROR_MAX])
{
    struct capture *c = calloc(1, sizeof *c);
    if (c == NULL || !open_stream(c, path, error)) {
        if (c == NULL) {
            set_error(error, strerror(ENOMEM));
        }
        free(c);
        return CAPTURE_REFUSED;
    }
    enum capture_status status = CAPTURE_FRAME;
    ungetc(getc(c->stream), c->stream); /* so that the first bytes are known */
    if (recognise(&c->source) != FORMAT_PCAPNG) {
        status = open_pcap(c, damage, error);
    } else if ((c->blocks = blocks_make(c->stream)) == NULL) {
        set_error(error, strerror(ENOMEM));
        status = CAPTURE_REFUSED;
    }
    if (status != CAPTURE_FRAME) {
        capture_close(c);
        return status;
    }
    *capture = c;
    return CAPTURE_FRAME;
}

void capture_close(struct capture *c)
{
    if (c == NULL) {
        return;
    }
    if (c->pcap != NULL) {
        pcap_close(c->pcap); /* and with it the stream */
    } else {
        fclose(c->stream);
    }
    blocks_free(c->blocks);
    free(c);
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

static enum capture_status next_of_pcapng(struct capture *c, struct capture_frame *frame,
                                          uint64_t *damage, char error[CAPTURE_ERROR_MAX])
{
    struct block_packet p;
    enum capture_status status = blocks_next(c->blocks, &p, damage, error);
    c->ended = status != CAPTURE_FRAME;
    if (!c->ended) {
        capture_unwrap(link_of((int)p.link), p.bytes, p.size, c->room, frame);
        frame->at = p.at;
        frame->interface = p.interface;
        frame->decimals = (uint8_t)p.decimals;
        frame->missing = p.original_size > p.size ? p.original_size - p.size : 0;
    }
    return status;
}

enum capture_status capture_next(struct capture *c, struct capture_frame *frame, uint64_t *damage,
                                 char error[CAPTURE_ERROR_MAX])
{
    struct pcap_pkthdr *header;
    const u_char *bytes;
    assert(!c->ended);
    if (c->blocks != NULL) {
        return next_of_pcapng(c, frame, damage, error);
    }
    uint64_t start = position(c);
    int got = pcap_next_ex(c->pcap, &header, &bytes);
    if (got == 1) {
        capture_unwrap(c->link, bytes, header->caplen, c->room, frame);
        frame->at = instant_of(&header->ts);
        frame->interface = 0;
        frame->decimals = (uint8_t)c->decimals;
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
