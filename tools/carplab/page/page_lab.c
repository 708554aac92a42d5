/*
 * Pages for page_test.sh that no simulation makes.
 *
 *   page_lab hostile FILE        text that would like to be markup or script, everywhere
 *   page_lab many POINTS FILE    so many points in eight lanes: of each hundred 98 adverts, one
 *                                farewell and one refused
 */
#include <stdlib.h>
#include <string.h>

#include "tools/carplab/page/page.h"

static const carp_instant origin = {UINT64_C(1767225600000000000)};

static carp_instant at(uint64_t ns)
{
    return (carp_instant){origin.ns + ns};
}

/* Each of these ended a string, an element or a comment somewhere, once. */
static const char *const hostile[] = {
    "</script><script>document.documentElement.dataset.evil='script'</script>",
    "</title></style><img src=x onerror=\"document.documentElement.dataset.evil='image'\">",
    "<!--<script>",
    "]]>-->",
    "'\"\\ \\u003cscript\\u003e",
    "\x01\x08\x1b[31m\x7f\t\r\nnext line",
    "\xff\xfe\xc3(\xe2\x82\xed\xa0\x80",
    "\xe2\x80\xa8\xe2\x80\xa9\xf0\x9f\x90\x9f",
    "javascript:alert(1)",
    "`${document.documentElement.dataset.evil='template'}`",
    "__proto__",
    "",
};

static int write_hostile(FILE *file)
{
    enum { COUNT = sizeof hostile / sizeof *hostile };
    struct page p;
    page_begin(&p, file, hostile[0], hostile[1], origin, at(COUNT * UINT64_C(1000000000)));
    for (unsigned i = 0; i < COUNT; i++) {
        const char *text = hostile[i];
        uint64_t from = i * UINT64_C(1000000000);
        unsigned lane = page_lane(&p, hostile[i / 2 * 2], text, text);
        page_span(&p, lane, at(from), CARP_NEVER, PAGE_MASTER, text);
        page_stretch(&p, hostile[i / 2 * 2], at(from), at(from + 500000000), PAGE_DOUBLE, text);
        page_point(&p, lane, at(from), PAGE_STRANGER, text, (const uint8_t *)text, strlen(text));
        page_note(&p, i % 2 == 0 ? at(from) : CARP_NEVER, text);
    }
    return page_end(&p);
}

static int write_many(FILE *file, unsigned long count)
{
    enum { LANES = 8, EVERY_NS = 125000000 };
    struct page p;
    page_begin(&p, file, "many", "page_lab", origin, at(count * EVERY_NS));
    for (unsigned i = 0; i < LANES; i++) {
        unsigned lane = page_lane(&p, i < LANES / 2 ? "vhid 1" : "vhid 2", "node", "");
        page_span(&p, lane, origin, CARP_NEVER, i % 4 == 0 ? PAGE_MASTER : PAGE_BACKUP, "");
    }
    for (unsigned long i = 0; i < count; i++) {
        uint8_t frame[70] = {0};
        char text[160];
        unsigned long turn = i / LANES % 100;
        memcpy(frame, &i, sizeof i);
        snprintf(
            text, sizeof text,
            "carp  10.0.0.1    > 224.0.0.18  02:00:00:00:00:01 vhid 1   adv 1/0     demote 0   "
            "counter %016lx checksum ok accepted",
            i);
        page_point(&p, (unsigned)(i % LANES), at(i * EVERY_NS),
                   turn == 42   ? PAGE_FAREWELL
                   : turn == 77 ? PAGE_REFUSED
                                : PAGE_ADVERT,
                   text, frame, sizeof frame);
    }
    return page_end(&p);
}

int main(int argc, char **argv)
{
    FILE *file = argc > 2 ? fopen(argv[argc - 1], "wb") : NULL;
    if (file == NULL) {
        fputs("page_lab: hostile FILE or many POINTS FILE is right\n", stderr);
        return 2;
    }
    int error = strcmp(argv[1], "many") == 0 ? write_many(file, strtoul(argv[2], NULL, 10))
                                             : write_hostile(file);
    return fclose(file) != 0 || error != 0 ? 1 : 0;
}
