/*
 * The data are lines of JSON in an element that no browser runs; page.js, which follows it, reads
 * them:
 *
 *   ["H",title,source,origin,end]       origin: seconds since 1970 as text; all times below are
 *                                       nanoseconds since then
 *   ["L",group,name,detail]             lanes are numbered from 0
 *   ["S",lane,from,to,role,why]
 *   ["X",group,from,to,kind,text]
 *   ["N",at or null,text]
 *   ["P",lane,at,kind,text,bytes,size]  bytes: base64; size: of the whole frame
 *   ["E",points,stride,left out adverts,left out others]
 */
#include "tools/carplab/page/page.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "io/utf8.h"
#include "tools/carplab/page/page_parts.h"

enum { ROWS_MAX = 5000 };

static void failed(struct page *p)
{
    p->error = p->error != 0 ? p->error : errno != 0 ? -errno : -EIO;
}

static void put(struct page *p, FILE *to, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void put(struct page *p, FILE *to, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (to != NULL && vfprintf(to, format, arguments) < 0) {
        failed(p);
    }
    va_end(arguments);
}

static FILE *temporary(struct page *p)
{
    FILE *file = tmpfile();
    if (file == NULL) {
        failed(p);
    }
    return file;
}

/* --- text that may hold anything ----------------------------------------------------------------
 */

/* In JSON. `<` never stands for itself: neither </script> nor <!-- can. */
static void put_string(struct page *p, FILE *to, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    put(p, to, "\"");
    while (*s != '\0') {
        int plain = 0;
        while (s[plain] >= 0x20 && s[plain] != 0x7f && strchr("\"\\<", s[plain]) == NULL &&
               utf8_size(s + plain) > 0) {
            plain += utf8_size(s + plain);
        }
        put(p, to, "%.*s", plain, (const char *)s);
        s += plain;
        if (*s != '\0') {
            put(p, to, "\\u%04x", *s++);
        }
    }
    put(p, to, "\"");
}

/* In HTML. Control characters have no place there. */
static void put_html(struct page *p, FILE *to, const char *text)
{
    for (const unsigned char *s = (const unsigned char *)text; *s != '\0';) {
        int size = utf8_size(s);
        bool control = (*s < 0x20 && *s != '\n') || *s == 0x7f;
        if (size == 1 && (control || strchr("&<>\"'", *s) != NULL)) {
            put(p, to, "&#%d;", control ? 0xfffd : *s);
        } else if (size == 0) {
            put(p, to, "&#%d;", *s);
        } else {
            put(p, to, "%.*s", size, (const char *)s);
        }
        s += size > 0 ? size : 1;
    }
}

static void put_base64(struct page *p, FILE *to, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char text[4 * ((PAGE_FRAME_MAX + 2) / 3) + 1], *at = text;
    for (size_t i = 0; i < size; i += 3) {
        uint32_t three = (uint32_t)bytes[i] << 16;
        three |= i + 1 < size ? (uint32_t)bytes[i + 1] << 8 : 0;
        three |= i + 2 < size ? bytes[i + 2] : 0;
        *at++ = digits[three >> 18];
        *at++ = digits[three >> 12 & 63];
        *at++ = i + 1 < size ? digits[three >> 6 & 63] : '=';
        *at++ = i + 2 < size ? digits[three & 63] : '=';
    }
    *at = '\0';
    put(p, to, "\"%s\"", text);
}

/* --- times --------------------------------------------------------------------------------------
 */

/* Nanoseconds since the origin. What goes on for ever ends with the page. */
static int64_t since_origin(const struct page *p, carp_instant at)
{
    at = at.ns == CARP_NEVER.ns ? p->end : at;
    return (int64_t)(at.ns - p->origin.ns);
}

static void put_seconds(struct page *p, FILE *to, int64_t ns)
{
    uint64_t size = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    put(p, to, "%s%" PRIu64 ".%09" PRIu64, ns < 0 ? "-" : "", size / 1000000000, size % 1000000000);
}

/* --- the page's frame ---------------------------------------------------------------------------
 */

/* What stands before the next mark, which is stepped over. */
static void put_frame(struct page *p, const char *mark)
{
    const char *end = strstr(p->rest, mark);
    assert(end != NULL);
    put(p, p->file, "%.*s", (int)(end - p->rest), p->rest);
    p->rest = end + strlen(mark);
}

void page_begin(struct page *p, FILE *file, const char *title, const char *source,
                carp_instant origin, carp_instant end)
{
    *p = (struct page){.file = file,
                       .origin = origin,
                       .end = end,
                       .points_max = PAGE_POINTS_MAX,
                       .bytes_max = PAGE_BYTES_MAX,
                       .stride = 1,
                       .rest = page_html};
    p->points = temporary(p);
    p->table = temporary(p);
    put_frame(p, "<!-- title -->");
    put_html(p, file, title);
    put_frame(p, "/* style */");
    put(p, file, "%s", page_css);
    put_frame(p, "<!-- heading -->");
    put_html(p, file, title);
    put_frame(p, "<!-- source -->");
    put_html(p, file, source);
    put_frame(p, "<!-- data -->");
    put(p, file, "[\"H\",");
    put_string(p, file, title);
    put(p, file, ",");
    put_string(p, file, source);
    put(p, file, ",\"");
    put_seconds(p, file, (int64_t)origin.ns);
    put(p, file, "\",%" PRId64 "]\n", since_origin(p, end));
}

/* A row for who reads the page without its script. from, to: CARP_NEVER: not said. lane: -1: of
 * none. */
static void put_row(struct page *p, carp_instant from, carp_instant to, int lane, const char *what,
                    const char *text)
{
    const carp_instant times[] = {from, to};
    if (p->row_count++ >= ROWS_MAX) {
        return;
    }
    put(p, p->table, "<tr>");
    for (int i = 0; i < 2; i++) {
        put(p, p->table, "<td>");
        if (times[i].ns != CARP_NEVER.ns) {
            put_seconds(p, p->table, since_origin(p, times[i]));
        }
        put(p, p->table, "</td>");
    }
    put(p, p->table, "<td>");
    if (lane >= 0) {
        put(p, p->table, "lane %d: ", lane);
    }
    put_html(p, p->table, what);
    put(p, p->table, "</td><td>");
    put_html(p, p->table, text);
    put(p, p->table, "</td></tr>\n");
}

unsigned page_lane(struct page *p, const char *group, const char *name, const char *detail)
{
    void *more = realloc(p->seen, (p->lane_count + 1) * sizeof *p->seen);
    if (more == NULL) {
        p->error = -ENOMEM;
        return 0;
    }
    p->seen = more;
    memset(p->seen[p->lane_count], 0, sizeof *p->seen);
    put(p, p->file, "[\"L\",");
    put_string(p, p->file, group);
    put(p, p->file, ",");
    put_string(p, p->file, name);
    put(p, p->file, ",");
    put_string(p, p->file, detail);
    put(p, p->file, "]\n");
    put_row(p, CARP_NEVER, CARP_NEVER, (int)p->lane_count, group, name);
    return p->lane_count++;
}

void page_span(struct page *p, unsigned lane, carp_instant from, carp_instant to,
               enum page_role role, const char *why)
{
    static const char *const words[] = {"off", "INIT", "BACKUP", "MASTER"};
    put(p, p->file, "[\"S\",%u,%" PRId64 ",%" PRId64 ",%d,", lane, since_origin(p, from),
        since_origin(p, to), (int)role);
    put_string(p, p->file, why);
    put(p, p->file, "]\n");
    put_row(p, from, to, (int)lane, words[role], why);
}

void page_stretch(struct page *p, const char *group, carp_instant from, carp_instant to,
                  enum page_stretch kind, const char *text)
{
    put(p, p->file, "[\"X\",");
    put_string(p, p->file, group);
    put(p, p->file, ",%" PRId64 ",%" PRId64 ",%d,", since_origin(p, from), since_origin(p, to),
        (int)kind);
    put_string(p, p->file, text);
    put(p, p->file, "]\n");
    put_row(p, from, to, -1, kind == PAGE_DARK ? "no master" : "two masters", group);
}

void page_note(struct page *p, carp_instant at, const char *text)
{
    if (at.ns == CARP_NEVER.ns) {
        put(p, p->file, "[\"N\",null,");
    } else {
        put(p, p->file, "[\"N\",%" PRId64 ",", since_origin(p, at));
    }
    put_string(p, p->file, text);
    put(p, p->file, "]\n");
    put_row(p, at, CARP_NEVER, -1, "", text);
}

/* --- points -------------------------------------------------------------------------------------
 */

/* The ordinal counts from 0 within its lane and kind, so that none of them is lost whole. */
static bool is_kept(unsigned kind, uint64_t ordinal, uint64_t stride)
{
    return ordinal % stride == 0 || (kind != PAGE_ADVERT && ordinal < PAGE_ALWAYS);
}

/* Do with each kept point: its line, without what stands before it for us. */
static void each_point(struct page *p, FILE *to, bool thin)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    unsigned kind;
    uint64_t ordinal;
    rewind(p->points);
    while ((size = getline(&line, &room, p->points)) > 0) {
        if (sscanf(line, "%u %" SCNu64, &kind, &ordinal) != 2) {
            failed(p); /* the temporary file is not as it was written: a full disk */
            break;
        }
        if (thin && is_kept(kind, ordinal, p->stride)) {
            put(p, to, "%s", line);
            p->point_count += 1;
            p->point_bytes += (uint64_t)size;
        } else if (!thin) {
            put(p, to, "%s", strchr(line, '['));
        }
    }
    free(line);
}

static void thin(struct page *p)
{
    FILE *fewer = temporary(p);
    if (fewer == NULL) {
        return;
    }
    p->stride *= 2;
    p->point_count = p->point_bytes = 0;
    each_point(p, fewer, true);
    fclose(p->points);
    p->points = fewer;
    /* What is always kept may be much: then it is not gone through again for every point. */
    if (p->point_count > p->points_max / 4 * 3) {
        p->points_max = p->point_count * 2;
    }
    if (p->point_bytes > p->bytes_max / 4 * 3) {
        p->bytes_max = p->point_bytes * 2;
    }
}

void page_point(struct page *p, unsigned lane, carp_instant at, enum page_point kind,
                const char *text, const uint8_t *bytes, size_t size)
{
    if (p->error != 0) {
        return;
    }
    uint64_t ordinal = p->seen[lane][kind]++;
    if (!is_kept(kind, ordinal, p->stride)) {
        return;
    }
    long before = ftell(p->points);
    put(p, p->points, "%d %" PRIu64 " [\"P\",%u,%" PRId64 ",%d,", (int)kind, ordinal, lane,
        since_origin(p, at), (int)kind);
    put_string(p, p->points, text);
    put(p, p->points, ",");
    put_base64(p, p->points, bytes, size < PAGE_FRAME_MAX ? size : PAGE_FRAME_MAX);
    put(p, p->points, ",%zu]\n", size);
    p->point_count += 1;
    p->point_bytes += (uint64_t)(ftell(p->points) - before);
    if (p->point_count > p->points_max || p->point_bytes > p->bytes_max) {
        thin(p);
    }
}

static void put_end(struct page *p)
{
    uint64_t left_out[2] = {0, 0}; /* adverts, others */
    for (unsigned lane = 0; lane < p->lane_count; lane++) {
        for (unsigned kind = 0; kind < PAGE_POINT_COUNT; kind++) {
            uint64_t seen = p->seen[lane][kind], kept = (seen + p->stride - 1) / p->stride;
            if (kind != PAGE_ADVERT) {
                uint64_t always = seen < PAGE_ALWAYS ? seen : PAGE_ALWAYS;
                kept += always - (always + p->stride - 1) / p->stride;
            }
            left_out[kind != PAGE_ADVERT] += seen - kept;
        }
    }
    put(p, p->file, "[\"E\",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]\n", p->point_count,
        p->stride, left_out[0], left_out[1]);
}

static void put_table(struct page *p)
{
    int byte;
    rewind(p->table);
    while ((byte = getc(p->table)) != EOF) {
        putc(byte, p->file);
    }
    if (p->row_count > ROWS_MAX) {
        put(p, p->file, "<tr><td colspan=4>and %u more</td></tr>\n", p->row_count - ROWS_MAX);
    }
}

int page_end(struct page *p)
{
    if (p->points != NULL) {
        each_point(p, p->file, false);
        fclose(p->points);
    }
    put_end(p);
    put_frame(p, "<!-- table -->");
    if (p->table != NULL) {
        put_table(p);
        fclose(p->table);
    }
    put_frame(p, "/* script */");
    put(p, p->file, "%s%s", page_js, p->rest);
    if (fflush(p->file) != 0 || ferror(p->file)) {
        failed(p);
    }
    free(p->seen);
    p->seen = NULL;
    return p->error;
}
