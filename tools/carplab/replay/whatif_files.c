#include <string.h>

#include "tools/carplab/replay/whatif_internal.h"

static int refuse(const char *text)
{
    fprintf(stderr, "carplab: replay: %s\n", text);
    return 2;
}

/* Damage was told of when the account was made, so here a file just ends. */
static bool read_again(struct whatif *w, const char *const *paths, unsigned count)
{
    struct merge *merge = NULL;
    struct merge_frame frame;
    char error[CAPTURE_ERROR_MAX];
    uint64_t damage;
    enum capture_status status = merge_open(paths, count, &merge, error);
    bool good = status == CAPTURE_FRAME;
    while (good && (status = merge_next(merge, &frame, &damage, error)) == CAPTURE_FRAME) {
        good = whatif_frame(w, &frame);
    }
    merge_close(merge);
    if (status == CAPTURE_REFUSED) {
        refuse(error);
        return false;
    }
    if (!good || !whatif_end(w)) {
        refuse("out of memory");
        return false;
    }
    return true;
}

int whatif_files(const struct whatif_options *o, const struct carp_config *given,
                 const char *const *paths, unsigned count, const struct account *account,
                 FILE *file, bool json)
{
    struct whatif_writer writer = {.file = file, .json = json, .origin = account->begin};
    char error[WHATIF_ERROR_MAX];
    struct whatif *w =
        whatif_begin(o, given, account, (struct whatif_sink){&writer, whatif_write}, error);
    if (w == NULL) {
        return refuse(error);
    }
    bool good = read_again(w, paths, count);
    whatif_free(w);
    if (good && (fflush(file) != 0 || ferror(file))) {
        return refuse("what was written is incomplete");
    }
    return good ? 0 : 2;
}
