/*
 * Bad frames, and how many a second: what a hostile host can put on a segment.
 *
 *   flood INTERFACE CAPTURE KIND COUNT [--burst N] [--pause-ms N]
 *
 * Sends COUNT frames made of the frames of CAPTURE, a pcap file with genuine ones, in bursts of N
 * with a pause behind each, and prints what was sent and how fast. It stops after 20 s, whatever is
 * left. What KIND changes, it changes in otherwise right frames: a checksum that is not
 * to be wrong is made right again, by a sum that must first give what stands in the capture.
 */
#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    FRAMES_MAX = 64, /* of the capture */
    FRAME_SIZE_MAX = 144,
    BATCH = 64, /* frames a system call */
    COUNT_MAX = 2000000,
    IP = 14,        /* where the IPv4 header begins; */
    CARP = IP + 20, /* and the advert, without options */
    ADVERT_SIZE = 36,
};

#define SECOND_NS INT64_C(1000000000)
#define LIMIT_NS  (20 * SECOND_NS)

struct frame {
    size_t size;
    uint8_t bytes[FRAME_SIZE_MAX];
};

struct flood {
    int fd;
    struct frame frames[FRAMES_MAX];
    size_t frame_count;
    void (*change)(struct flood *f, struct frame *frame);
    uint64_t count, burst;
    int64_t pause_ns;
    uint64_t random;
    uint64_t sent, refused;
    int64_t sending_ns;
};

__attribute__((noreturn)) static void die(const char *what)
{
    fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
    exit(2);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND_NS + t.tv_nsec;
}

/* Marsaglia's xorshift64. */
static uint64_t draw(struct flood *f, uint64_t choices)
{
    f->random ^= f->random << 13;
    f->random ^= f->random >> 7;
    f->random ^= f->random << 17;
    return f->random % choices;
}

/* --- checksums -------------------------------------------------------------------------------- */

static uint16_t get_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void put_u16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* The Internet checksum of an even number of bytes. Source: RFC 1071. */
static uint16_t checksum(const uint8_t *bytes, size_t size)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < size; i += 2) {
        sum += get_u16(bytes + i);
    }
    while (sum > 0xffff) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

static void mend_ip(struct frame *frame)
{
    put_u16(frame->bytes + IP + 10, 0);
    put_u16(frame->bytes + IP + 10, checksum(frame->bytes + IP, 20));
}

static void mend_advert(struct frame *frame)
{
    put_u16(frame->bytes + CARP + 6, 0);
    put_u16(frame->bytes + CARP + 6, checksum(frame->bytes + CARP, ADVERT_SIZE));
}

/* Is it an advert over IPv4 whose two checksums our sum gives, too? */
static bool is_advert(const struct frame *frame)
{
    struct frame again = *frame;
    if (frame->size < CARP + ADVERT_SIZE || get_u16(frame->bytes + 12) != ETH_P_IP ||
        frame->bytes[IP] != 0x45 || frame->bytes[CARP] != 0x21) {
        return false;
    }
    mend_ip(&again);
    mend_advert(&again);
    return memcmp(&again, frame, sizeof again) == 0;
}

/* --- kinds ------------------------------------------------------------------------------------ */

static void change_nothing(struct flood *f, struct frame *frame)
{
    (void)f, (void)frame;
}

/* Of any other number than the genuine one's. */
static void change_vhid(struct flood *f, struct frame *frame)
{
    frame->bytes[CARP + 1] = (uint8_t)(frame->bytes[CARP + 1] + 1 + draw(f, 255));
    mend_advert(frame);
}

static void change_digest(struct flood *f, struct frame *frame)
{
    for (int i = 16; i < ADVERT_SIZE; i++) {
        frame->bytes[CARP + i] = (uint8_t)draw(f, 256);
    }
    mend_advert(frame);
}

/* Anywhere behind the byte that says it is protocol 112, without which the kernel passes it by. */
static void change_size(struct flood *f, struct frame *frame)
{
    frame->size = IP + 10 + (size_t)draw(f, 10 + ADVERT_SIZE);
}

static void change_checksum(struct flood *f, struct frame *frame)
{
    uint8_t *at = frame->bytes + CARP + 6;
    put_u16(at, (uint16_t)(get_u16(at) ^ (1 + draw(f, 0xfffe))));
}

static void change_ttl(struct flood *f, struct frame *frame)
{
    frame->bytes[IP + 8] = (uint8_t)draw(f, 255);
    mend_ip(frame);
}

/* To host 1 of lib.sh alone, at an address that is not the group's. */
static void change_unicast(struct flood *f, struct frame *frame)
{
    static const uint8_t first_host[6] = {2, 0, 0, 0, 0, 1};
    memcpy(frame->bytes, first_host, sizeof first_host);
    put_u16(frame->bytes + IP + 16, 0x0a00);
    put_u16(frame->bytes + IP + 18, (uint16_t)(1 + draw(f, 250)));
    mend_ip(frame);
}

/* To another multicast group, 224.0.0.x. */
static void change_group(struct flood *f, struct frame *frame)
{
    uint8_t group = (uint8_t)(19 + draw(f, 200));
    frame->bytes[5] = group;
    frame->bytes[IP + 19] = group;
    mend_ip(frame);
}

static const struct {
    const char *name;
    void (*change)(struct flood *f, struct frame *frame);
} kinds[] = {
    {"same", change_nothing},    {"vhid", change_vhid},         {"digest", change_digest},
    {"truncated", change_size},  {"checksum", change_checksum}, {"ttl", change_ttl},
    {"unicast", change_unicast}, {"group", change_group},
};

/* --- the capture ------------------------------------------------------------------------------ */

static uint32_t get_u32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value); /* written on this machine, or one like it */
    return value;
}

static void read_capture(struct flood *f, const char *path)
{
    uint8_t head[24], record[16];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        die(path);
    }
    if (fread(head, sizeof head, 1, file) != 1 ||
        (get_u32(head) != 0xa1b2c3d4 && get_u32(head) != 0xa1b23c4d) || get_u32(head + 20) != 1) {
        fprintf(stderr, "flood: %s is no pcap file of Ethernet frames\n", path);
        exit(2);
    }
    while (f->frame_count < FRAMES_MAX && fread(record, sizeof record, 1, file) == 1) {
        struct frame *frame = &f->frames[f->frame_count];
        frame->size = get_u32(record + 8);
        if (frame->size < IP || frame->size > sizeof frame->bytes ||
            fread(frame->bytes, frame->size, 1, file) != 1) {
            fprintf(stderr, "flood: %s: frame %zu is too long or cut\n", path, f->frame_count + 1);
            exit(2);
        }
        if (f->change != change_nothing && !is_advert(frame)) {
            fprintf(stderr, "flood: %s: frame %zu is no advert over IPv4, or damaged\n", path,
                    f->frame_count + 1);
            exit(2);
        }
        f->frame_count += 1;
    }
    fclose(file);
    if (f->frame_count == 0) {
        fprintf(stderr, "flood: %s has no frame\n", path);
        exit(2);
    }
}

/* --- sending ---------------------------------------------------------------------------------- */

static void open_interface(struct flood *f, const char *name)
{
    int on = 1;
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(name)};
    if (at.sll_ifindex == 0) {
        die(name);
    }
    f->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); /* protocol 0: it receives nothing */
    if (f->fd < 0 || bind(f->fd, (struct sockaddr *)&at, sizeof at) != 0 ||
        setsockopt(f->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) != 0) {
        die("cannot send");
    }
}

/* A frame that the kernel refuses is one that is not sent; the others of its batch are. */
static void send_batch(struct flood *f, unsigned count)
{
    static struct frame frames[BATCH];
    struct mmsghdr messages[BATCH] = {0};
    struct iovec data[BATCH];
    for (unsigned i = 0; i < count; i++) {
        frames[i] = f->frames[(f->sent + f->refused + i) % f->frame_count];
        f->change(f, &frames[i]);
        data[i] = (struct iovec){frames[i].bytes, frames[i].size};
        messages[i].msg_hdr.msg_iov = &data[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    for (unsigned done = 0; done < count;) {
        int sent = sendmmsg(f->fd, messages + done, count - done, 0);
        if (sent <= 0) {
            f->refused += 1;
            done += 1;
        } else {
            f->sent += (uint64_t)sent;
            done += (unsigned)sent;
        }
    }
}

static void send_all(struct flood *f)
{
    int64_t end = now_ns() + LIMIT_NS;
    uint64_t done = 0;
    while (done < f->count && now_ns() < end) {
        int64_t from = now_ns();
        for (uint64_t i = 0; i < f->burst && done < f->count;) {
            uint64_t left = f->count - done, of_burst = f->burst - i;
            uint64_t count = left < of_burst ? left : of_burst;
            count = count < BATCH ? count : BATCH;
            send_batch(f, (unsigned)count);
            i += count;
            done += count;
        }
        f->sending_ns += now_ns() - from;
        struct timespec pause = {(time_t)(f->pause_ns / SECOND_NS),
                                 (long)(f->pause_ns % SECOND_NS)};
        nanosleep(&pause, NULL);
    }
}

/* --- arguments -------------------------------------------------------------------------------- */

static int usage(void)
{
    fputs("usage: flood INTERFACE CAPTURE KIND COUNT [--burst N] [--pause-ms N]\n"
          "KIND is one of",
          stderr);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        fprintf(stderr, " %s", kinds[i].name);
    }
    fputc('\n', stderr);
    return 2;
}

static int64_t number(const char *text, int64_t min, int64_t max)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || *text == '\0' || *end != '\0' || value < min || value > max) {
        fprintf(stderr, "flood: '%s' is not a number from %" PRId64 " to %" PRId64 "\n", text, min,
                max);
        exit(2);
    }
    return value;
}

static void choose_kind(struct flood *f, const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            f->change = kinds[i].change;
            return;
        }
    }
    exit(usage());
}

int main(int argc, char **argv)
{
    static const struct option names[] = {
        {"burst", required_argument, NULL, 'b'},
        {"pause-ms", required_argument, NULL, 'p'},
        {NULL, 0, NULL, 0},
    };
    static struct flood f = {
        .burst = 10000, .pause_ns = 20000000, .random = UINT64_C(0x9e3779b97f4a7c15)};
    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (option) {
        case 'b':
            f.burst = (uint64_t)number(optarg, 1, COUNT_MAX);
            break;
        case 'p':
            f.pause_ns = number(optarg, 0, 10000) * 1000000;
            break;
        default:
            return usage();
        }
    }
    if (optind + 4 != argc) {
        return usage();
    }
    choose_kind(&f, argv[optind + 2]);
    f.count = (uint64_t)number(argv[optind + 3], 1, COUNT_MAX);
    read_capture(&f, argv[optind + 1]);
    open_interface(&f, argv[optind]);
    send_all(&f);
    printf("sent %" PRIu64 "\nrefused %" PRIu64 "\nsending_ms %.1f\nrate_kpps %.1f\n", f.sent,
           f.refused, (double)f.sending_ns / 1e6,
           f.sending_ns > 0 ? (double)f.sent * 1e6 / (double)f.sending_ns : 0.0);
    return f.sent > 0 ? 0 : 1;
}
