#define _GNU_SOURCE /* memfd_create(), which Linux and FreeBSD have */
#include "fuzz/fuzz.h"

#include <assert.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

const char *fuzz_file(unsigned index, const uint8_t *bytes, size_t size)
{
    static struct {
        int fd; /* 0: not made yet */
        char path[32];
    } files[FUZZ_FILES_MAX];
    assert(index < FUZZ_FILES_MAX);
    if (files[index].fd == 0) {
        files[index].fd = memfd_create("fuzz", MFD_CLOEXEC);
        assert(files[index].fd > 0);
        snprintf(files[index].path, sizeof files[index].path, "/dev/fd/%d", files[index].fd);
    }
    int failed = ftruncate(files[index].fd, 0);
    ssize_t written = pwrite(files[index].fd, bytes, size, 0);
    assert(failed == 0 && written == (ssize_t)size);
    return files[index].path;
}
