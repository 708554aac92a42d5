/*
 * A time line as one page of HTML that needs no network: swim lanes of each node's role, adverts,
 * announcements, stretches without a master and with two, zoom, and the packet behind each point.
 *
 * Who has something to draw calls these, a lane before what is on it, otherwise in any order. Times
 * are nanoseconds since 1970 UTC, shown as seconds since the page's origin. Text may hold anything:
 * it is escaped here, and bytes that are not UTF-8 stand as the characters of their number. In the
 * text of a point what follows a line break is shown only when the point is picked.
 *
 * The page is written as it comes, but for points: these wait in an unlinked temporary file, and
 * when they are more than a browser shows well (PAGE_POINTS_MAX, PAGE_BYTES_MAX), of each lane and
 * kind only every second, fourth, ... is kept, all over the page; the first PAGE_ALWAYS of each
 * kind but adverts always are. The page says how many were left out.
 */
#ifndef CARP_TOOLS_CARPLAB_PAGE_H
#define CARP_TOOLS_CARPLAB_PAGE_H

#include <stdint.h>
#include <stdio.h>

#include "engine/instant.h"

enum {
    PAGE_POINTS_MAX = 200000,
    PAGE_BYTES_MAX = 60 << 20, /* of points in the page */
    PAGE_ALWAYS = 200,
    PAGE_FRAME_MAX = 512, /* of a longer frame only the beginning is shown */
};

/* How a point is drawn. page.js has the same order. */
enum page_point {
    PAGE_ADVERT,
    PAGE_FAREWELL,     /* an advert of 255/255 */
    PAGE_REFUSED,      /* an advert that does not hold: digest, checksum, TTL, replay, loop */
    PAGE_ANNOUNCEMENT, /* gratuitous ARP, unsolicited neighbour advertisement */
    PAGE_STRANGER,     /* VRRP and the like */
    PAGE_LOST,  /* a frame the simulator dropped, or that a capture shows others did not get */
    PAGE_EVENT, /* something done to a node or a frame: crash, link down, duplication */
    PAGE_POINT_COUNT
};

/* PAGE_OFF: not running, or not known. */
enum page_role { PAGE_OFF, PAGE_INIT, PAGE_BACKUP, PAGE_MASTER };

enum page_stretch { PAGE_DARK, PAGE_DOUBLE };

/* Its fields are page.c's. */
struct page {
    FILE *file;
    int error;                /* -errno of the first failure */
    carp_instant origin, end; /* origin is shown as 0 */
    unsigned lane_count;
    uint64_t (*seen)[PAGE_POINT_COUNT]; /* owned: points of each lane */

    FILE *points; /* owned: those kept so far */
    uint64_t point_count, point_bytes;
    uint64_t points_max, bytes_max; /* beyond these they are thinned again */
    uint64_t stride;                /* every so manieth is kept */

    FILE *table; /* owned: rows for who has no script */
    unsigned row_count;
    const char *rest; /* of the page's frame */
};

/* title: of the page; source: what it was drawn from (file names, scenario and seed). The file
 * stays the caller's; all else that is begun here ends in page_end(). */
void page_begin(struct page *p, FILE *file, const char *title, const char *source,
                carp_instant origin, carp_instant end);

/* A lane: a node in a virtual host. group is a heading shared by lanes in a row ("vhid 7");
 * detail stands small below the name ("FreeBSD, 1/100"). Returns its number. */
unsigned page_lane(struct page *p, const char *group, const char *name, const char *detail);

/* The lane's role from..to and why it began ("silence: no advert for 3.4 s"). */
void page_span(struct page *p, unsigned lane, carp_instant from, carp_instant to,
               enum page_role role, const char *why);

/* A stretch of a virtual host without a master, or with two. text: more about it, or "". */
void page_stretch(struct page *p, const char *group, carp_instant from, carp_instant to,
                  enum page_stretch kind, const char *text);

/* text: one line about it; bytes: the frame behind it (Ethernet), size 0: there is none. */
void page_point(struct page *p, unsigned lane, carp_instant at, enum page_point kind,
                const char *text, const uint8_t *bytes, size_t size);

/* A sentence to be read with the picture, at a time (or of the whole: at = CARP_NEVER). */
void page_note(struct page *p, carp_instant at, const char *text);

/* The rest of the page. 0, or -errno of the first failure: then the page is incomplete. */
int page_end(struct page *p);

#endif
