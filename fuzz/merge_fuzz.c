/*
 * Two captures as one: the first two bytes say where the rest is cut in two files; when nothing is
 * left for the second, there is one. Every frame of both is handed out, once for all that saw it,
 * in order of time.
 */
#include <assert.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "io/pcap/merge.h"

enum { FILES = 2 };

/* How many frames the file has by itself. */
static uint64_t count_frames(const char *path)
{
    struct capture *capture;
    struct capture_frame frame;
    uint64_t damage, count = 0;
    char error[CAPTURE_ERROR_MAX];
    if (capture_open(path, &capture, &damage, error) == CAPTURE_FRAME) {
        while (capture_next(capture, &frame, &damage, error) == CAPTURE_FRAME) {
            count += 1;
        }
        capture_close(capture);
    }
    return count;
}

static void check_all(struct merge *merge, const char *const *paths, unsigned files)
{
    struct merge_frame frame;
    uint64_t damage = 0, seen[FILES] = {0};
    carp_instant before = {0};
    char error[CAPTURE_ERROR_MAX] = "";
    enum capture_status status;
    while ((status = merge_next(merge, &frame, &damage, error)) == CAPTURE_FRAME) {
        assert(frame.file < files && frame.seen_by < 1u << files);
        assert((frame.seen_by & 1u << frame.file) != 0);
        assert(!instant_before(frame.frame.at, before));
        before = frame.frame.at;
        for (unsigned f = 0; f < files; f++) {
            seen[f] += frame.seen_by >> f & 1;
        }
        assert(frame.number >= 1 && frame.number <= seen[frame.file]);
    }
    assert(status == CAPTURE_END || status == CAPTURE_DAMAGED);
    if (status == CAPTURE_DAMAGED) {
        assert(strncmp(error, paths[0], strlen(paths[0])) == 0 ||
               (files == FILES && strncmp(error, paths[1], strlen(paths[1])) == 0));
    }
    for (unsigned f = 0; f < files; f++) {
        assert(seen[f] == count_frames(paths[f]));
        assert(merge_clock(merge, f).shared <= seen[f]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct merge *merge;
    char error[CAPTURE_ERROR_MAX] = "";
    if (size < 2) {
        return 0;
    }
    size_t cut = (size_t)(bytes[0] << 8 | bytes[1]), rest = size - 2;
    cut = cut < rest ? cut : rest;
    const char *paths[FILES] = {fuzz_file(0, bytes + 2, cut),
                                fuzz_file(1, bytes + 2 + cut, rest - cut)};
    unsigned files = cut < rest ? FILES : 1;
    if (merge_open(paths, files, &merge, error) == CAPTURE_FRAME) {
        check_all(merge, paths, files);
        merge_close(merge);
    } else {
        assert(error[0] != '\0');
    }
    return 0;
}
