/*
 * One line, or one JSON object, a packet. Written by hand into a buffer: at millions of packets a
 * second, printf() would be most of the time. Nothing that is written needs escaping: words and
 * sentences are ours, and what comes from the packet is written as numbers.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tools/carplab/decode.h"

void decode_flush(struct decode_writer *w)
{
    size_t at = 0;
    while (at < w->size && w->error == 0) {
        ssize_t wrote = write(w->fd, w->buffer + at, w->size - at);
        if (wrote >= 0) {
            at += (size_t)wrote;
        } else if (errno != EINTR) {
            w->error = errno;
        }
    }
    w->size = 0;
}

/* --- pieces: each returns where the next one goes -----------------------------------------------
 */

static char *put(char *to, const char *text)
{
    size_t size = strlen(text);
    memcpy(to, text, size);
    return to + size;
}

/* Blanks up to a column, and at least one. */
static char *pad(char *to, const char *from, size_t width)
{
    do {
        *to++ = ' ';
    } while ((size_t)(to - from) < width);
    return to;
}

static char *put_number(char *to, uint64_t number)
{
    char digits[20];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0) {
        *to++ = digits[--count];
    }
    return to;
}

static const char hex[] = "0123456789abcdef";

static char *put_hex(char *to, uint64_t number, int digits)
{
    for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
        *to++ = hex[number >> shift & 15];
    }
    return to;
}

static char *put_time(char *to, carp_instant at, unsigned decimals)
{
    uint64_t fraction = at.ns % 1000000000;
    if (decimals == 6) {
        fraction /= 1000;
    }
    to = put_number(to, at.ns / 1000000000);
    *to = '.';
    for (unsigned i = decimals; i > 0; i--) {
        to[i] = (char)('0' + fraction % 10);
        fraction /= 10;
    }
    return to + 1 + decimals;
}

static char *put_mac(char *to, const uint8_t mac[FRAME_MAC_SIZE])
{
    for (int i = 0; i < FRAME_MAC_SIZE; i++) {
        *to++ = hex[mac[i] >> 4];
        *to++ = hex[mac[i] & 15];
        *to++ = ':';
    }
    return to - 1;
}

/* RFC 5952: the first longest run of two or more zero groups becomes "::". */
static char *put_ipv6(char *to, const uint8_t *a)
{
    unsigned group[8];
    int best = -1, best_count = 1, run = 0;
    for (int i = 0; i < 8; i++) {
        group[i] = (unsigned)(a[2 * i] << 8 | a[2 * i + 1]);
        run = group[i] == 0 ? run + 1 : 0;
        if (run > best_count) {
            best_count = run;
            best = i + 1 - run;
        }
    }
    for (int i = 0; i < 8; i++) {
        if (i == best) {
            to = put(to, "::");
            i += best_count - 1;
            continue;
        }
        if (i > 0 && i != best + best_count) {
            *to++ = ':';
        }
        int digits = group[i] > 0xfff ? 4 : group[i] > 0xff ? 3 : group[i] > 0xf ? 2 : 1;
        to = put_hex(to, group[i], digits);
    }
    return to;
}

static char *put_address(char *to, uint8_t family, const uint8_t *a)
{
    if (family == 6) {
        return put_ipv6(to, a);
    }
    for (int i = 0; i < 4; i++) {
        to = put_number(to, a[i]);
        *to++ = '.';
    }
    return to - 1;
}

/* --- words --------------------------------------------------------------------------------------
 */

static const char *const kind_words[] = {
#define X(name, word) word,
    DECODE_KINDS(X)
#undef X
};

static const char *const checksum_words[] = {NULL, "ok", "ok-pseudo", "bad"};
static const char *const digest_words[] = {NULL, "ok", "ok-no-link-local", "bad", "no-key"};

/* How many bytes of an advert a field needs to be there. */
enum { HAS_VHID = 2, HAS_ADVSKEW = 3, HAS_DEMOTE = 5, HAS_ADVBASE = 6, HAS_COUNTER = 16 };

static const char *operation_word(const struct decoded *d)
{
    return d->what == NULL ? "" : d->what;
}

/* --- text ---------------------------------------------------------------------------------------
 */

static char *text_number(char *to, const char *word, uint64_t number, size_t width)
{
    to = put(to, word);
    return pad(put_number(to, number), to, width);
}

static char *text_advert(char *to, const struct decoded *d)
{
    const struct carp_advert *a = &d->advert;
    if (d->advert_size >= HAS_VHID) {
        to = text_number(to, "vhid ", a->vhid, 4);
    }
    if (d->advert_size >= HAS_ADVBASE) {
        char *from = to = put(to, "adv ");
        to = put_number(to, a->advbase);
        *to++ = '/';
        to = pad(put_number(to, a->advskew), from, 8);
        to = text_number(to, "demote ", a->demote, 4);
    }
    if (d->advert_size >= HAS_COUNTER) {
        to = put_hex(put(to, "counter "), a->counter, 16);
        *to++ = ' ';
    }
    if (d->checksum != CHECKSUM_NONE) {
        to = put(put(to, "checksum "), checksum_words[d->checksum]);
        *to++ = ' ';
    }
    if (d->digest != DIGEST_NONE) {
        to = put(put(to, "digest "), digest_words[d->digest]);
        *to++ = ' ';
    }
    to = put(to, verdict_word(d->verdict));
    return d->difference == NULL ? to : put(put(to, ": "), d->difference);
}

static char *text_details(char *to, const struct decoded *d)
{
    switch (d->kind) {
    case DECODE_CARP:
        return text_advert(to, d);
    case DECODE_VRRP2:
    case DECODE_VRRP3:
        if (d->vrrp_size < 3) {
            return put(to, verdict_word(d->verdict));
        }
        to = text_number(to, "vrid ", d->vrid, 4);
        return put_number(put(to, "priority "), d->priority);
    case DECODE_GARP:
    case DECODE_NA:
        to = put_address(to, d->family, d->announced);
        to = put_mac(put(to, " is at "), d->announced_mac);
        *to++ = ' ';
        *to++ = '(';
        to = put(to, operation_word(d));
        *to++ = ')';
        return to;
    case DECODE_OTHER:
        to = put(to, d->what);
        if (d->number >= 0) {
            to = put(to, d->number_is_hex ? " 0x" : " ");
            to = d->number_is_hex ? put_hex(to, (uint64_t)d->number, 4)
                                  : put_number(to, (uint64_t)d->number);
        }
        return to;
    }
    return to;
}

static char *text_addresses(char *to, const struct decoded *d)
{
    char *from = to;
    if (d->family != 0) {
        to = pad(put_address(to, d->family, d->source), from, 12);
        to = put(to, "> ");
        from = to;
        to = pad(put_address(to, d->family, d->destination), from, 12);
    }
    if (d->source_mac != NULL) {
        to = put_mac(to, d->source_mac);
        *to++ = ' ';
    }
    return to;
}

static char *text_line(char *to, const struct decode_writer *w, const struct capture_frame *frame,
                       const struct decoded *d)
{
    if (w->has_time) {
        to = put_time(to, frame->at, frame->decimals);
        *to++ = ' ';
    }
    char *from = to;
    to = pad(put(to, kind_words[d->kind]), from, 6);
    to = text_details(text_addresses(to, d), d);
    for (unsigned i = 0; i < frame->tag_count; i++) {
        to = put_number(put(to, " vlan "), frame->vlan[i]);
    }
    if (frame->missing > 0) {
        to = put_number(put(to, " truncated, "), frame->missing);
        to = put(to, " bytes missing");
    }
    *to++ = '\n';
    return to;
}

/* --- JSON ---------------------------------------------------------------------------------------
 */

static char *json_number(char *to, const char *key, uint64_t number)
{
    return put_number(put(to, key), number);
}

static char *json_word(char *to, const char *key, const char *word)
{
    to = put(put(to, key), word);
    *to++ = '"';
    return to;
}

static char *json_mac(char *to, const char *key, const uint8_t mac[FRAME_MAC_SIZE])
{
    to = put_mac(put(to, key), mac);
    *to++ = '"';
    return to;
}

static char *json_address(char *to, const char *key, uint8_t family, const uint8_t *address)
{
    to = put_address(put(to, key), family, address);
    *to++ = '"';
    return to;
}

static char *json_advert(char *to, const struct decoded *d)
{
    const struct carp_advert *a = &d->advert;
    if (d->advert_size >= HAS_VHID) {
        to = json_number(to, ",\"vhid\":", a->vhid);
    }
    if (d->advert_size >= HAS_ADVBASE) {
        to = json_number(to, ",\"advbase\":", a->advbase);
    }
    if (d->advert_size >= HAS_ADVSKEW) {
        to = json_number(to, ",\"advskew\":", a->advskew);
    }
    if (d->advert_size >= HAS_DEMOTE) {
        to = json_number(to, ",\"demote\":", a->demote);
    }
    if (d->advert_size >= HAS_COUNTER) {
        to = put_hex(put(to, ",\"counter\":\""), a->counter, 16);
        *to++ = '"';
    }
    if (d->checksum != CHECKSUM_NONE) {
        to = json_word(to, ",\"checksum\":\"", checksum_words[d->checksum]);
    }
    if (d->digest != DIGEST_NONE) {
        to = json_word(to, ",\"digest\":\"", digest_words[d->digest]);
    }
    to = json_word(to, ",\"verdict\":\"", verdict_word(d->verdict));
    return d->difference == NULL ? to : json_word(to, ",\"difference\":\"", d->difference);
}

static char *json_details(char *to, const struct decoded *d)
{
    switch (d->kind) {
    case DECODE_CARP:
        return json_advert(to, d);
    case DECODE_VRRP2:
    case DECODE_VRRP3:
        if (d->vrrp_size >= 3) {
            to = json_number(to, ",\"vrid\":", d->vrid);
            to = json_number(to, ",\"priority\":", d->priority);
        }
        return to;
    case DECODE_GARP:
    case DECODE_NA:
        to = json_address(to, ",\"announced\":\"", d->family, d->announced);
        to = json_mac(to, ",\"announced_mac\":\"", d->announced_mac);
        return json_word(to, ",\"text\":\"", operation_word(d));
    case DECODE_OTHER:
        to = put(put(to, ",\"text\":\""), d->what);
        if (d->number >= 0) {
            to = put(to, d->number_is_hex ? " 0x" : " ");
            to = d->number_is_hex ? put_hex(to, (uint64_t)d->number, 4)
                                  : put_number(to, (uint64_t)d->number);
        }
        *to++ = '"';
        return to;
    }
    return to;
}

static char *json_line(char *to, const struct decode_writer *w, const struct capture_frame *frame,
                       const struct decoded *d)
{
    *to++ = '{';
    if (w->has_time) {
        to = put_time(put(to, "\"time\":"), frame->at, frame->decimals);
        *to++ = ',';
    }
    to = json_word(to, "\"kind\":\"", kind_words[d->kind]);
    if (d->family != 0) {
        to = json_address(to, ",\"source\":\"", d->family, d->source);
        to = json_address(to, ",\"destination\":\"", d->family, d->destination);
    }
    if (d->source_mac != NULL) {
        to = json_mac(to, ",\"source_mac\":\"", d->source_mac);
    }
    to = json_details(to, d);
    if (frame->tag_count > 0) {
        to = json_number(to, ",\"vlan\":", frame->vlan[0]);
    }
    if (frame->tag_count > 1) {
        to = json_number(to, ",\"inner_vlan\":", frame->vlan[frame->tag_count - 1]);
    }
    if (frame->missing > 0) {
        to = put(to, ",\"truncated\":true");
    }
    return put(to, "}\n");
}

void decode_write(struct decode_writer *w, const struct capture_frame *frame,
                  const struct decoded *d)
{
    if (DECODE_BUFFER - w->size < DECODE_LINE_MAX) {
        decode_flush(w);
    }
    char *to = w->buffer + w->size;
    to = w->json ? json_line(to, w, frame, d) : text_line(to, w, frame, d);
    w->size = (size_t)(to - w->buffer);
}
