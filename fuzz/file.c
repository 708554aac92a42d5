#include "fuzz/fuzz.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    int fd; /* 0: not made yet */
    char path[sizeof "/tmp/fuzz-XXXXXX"];
} files[FUZZ_FILES_MAX];

static void remove_files(void)
{
    for (unsigned i = 0; i < FUZZ_FILES_MAX; i++) {
        if (files[i].fd != 0) {
            unlink(files[i].path);
        }
    }
}

const char *fuzz_file(unsigned index, const uint8_t *bytes, size_t size)
{
    static bool will_be_removed;
    assert(index < FUZZ_FILES_MAX);
    if (files[index].fd == 0) {
        memcpy(files[index].path, "/tmp/fuzz-XXXXXX", sizeof files[index].path);
        files[index].fd = mkstemp(files[index].path);
        assert(files[index].fd > 0);
        will_be_removed = will_be_removed || atexit(remove_files) == 0;
    }
    int failed = ftruncate(files[index].fd, 0);
    ssize_t written = pwrite(files[index].fd, bytes, size, 0);
    assert(failed == 0 && written == (ssize_t)size);
    return files[index].path;
}
