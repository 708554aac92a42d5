/*
 * A library to put before libc's (LD_PRELOAD) that makes an allocation fail, and counts them.
 *
 *   FAIL_ALLOC=N    the N-th allocation fails; N+: all that follow, too; unset or 0: none
 *   FAIL_ALLOC_IN   `first`, the process that was started, or `child`, each that it forks: whose
 *   FAIL_ALLOC_NOT=NAME  allocations of the library with this in its path neither fail nor count
 *   FAIL_ALLOC_COUNT=FILE  how many there were so far, in the first and in all children: two
 *                   uint64_t, kept up to date in this file of at least that size
 *
 * What its process executes in turn runs without it: those variables and LD_PRELOAD are unset.
 */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* NOLINTBEGIN(bugprone-reserved-identifier,readability-inconsistent-declaration-parameter-name):
 * glibc's own names for what we stand before, and its functions with our names of parameters. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *at, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static struct {
    bool on;
    pid_t first;
    uint64_t fail_at;
    bool for_ever;
    bool in_child;
    uintptr_t spared_begin, spared_end; /* where a library lies whose allocations do not fail */
    uint64_t here[2];
    uint64_t *count; /* in the first, in children; `here` or the file */
} shim;

static int spare(struct dl_phdr_info *library, size_t size, void *name)
{
    (void)size;
    for (int i = 0; strstr(library->dlpi_name, name) != NULL && i < library->dlpi_phnum; i++) {
        if (library->dlpi_phdr[i].p_type == PT_LOAD) {
            uintptr_t begin = library->dlpi_addr + library->dlpi_phdr[i].p_vaddr;
            shim.spared_begin = shim.spared_begin == 0 ? begin : shim.spared_begin;
            shim.spared_end = begin + library->dlpi_phdr[i].p_memsz;
        }
    }
    return 0;
}

__attribute__((constructor)) static void begin(void)
{
    const char *fail = getenv("FAIL_ALLOC"), *in = getenv("FAIL_ALLOC_IN");
    const char *path = getenv("FAIL_ALLOC_COUNT"), *spared = getenv("FAIL_ALLOC_NOT");
    char *end = NULL;
    shim.fail_at = fail == NULL ? 0 : strtoull(fail, &end, 10);
    shim.for_ever = end != NULL && *end == '+';
    shim.in_child = in != NULL && strcmp(in, "child") == 0;
    if (spared != NULL) {
        dl_iterate_phdr(spare, (void *)(uintptr_t)spared);
    }
    shim.count = shim.here;
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    if (fd >= 0) {
        void *shared = mmap(NULL, sizeof shim.here, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        shim.count = shared == MAP_FAILED ? shim.here : shared;
        close(fd);
    }
    unsetenv("LD_PRELOAD");
    unsetenv("FAIL_ALLOC");
    unsetenv("FAIL_ALLOC_IN");
    unsetenv("FAIL_ALLOC_NOT");
    unsetenv("FAIL_ALLOC_COUNT");
    shim.first = getpid();
    shim.on = true;
}

static bool fails(void *caller)
{
    uintptr_t at = (uintptr_t)caller;
    if (!shim.on || (at >= shim.spared_begin && at < shim.spared_end)) {
        return false;
    }
    bool child = getpid() != shim.first;
    uint64_t nth = __atomic_add_fetch(&shim.count[child], 1, __ATOMIC_RELAXED);
    bool hit = child == shim.in_child && shim.fail_at > 0 &&
               (nth == shim.fail_at || (shim.for_ever && nth > shim.fail_at));
    if (hit) {
        errno = ENOMEM;
    }
    return hit;
}

void *malloc(size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *at, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(at, size);
}

void *memalign(size_t alignment, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **made, size_t alignment, size_t size)
{
    void *at = memalign(alignment, size);
    if (at == NULL) {
        return ENOMEM;
    }
    *made = at;
    return 0;
}
/* NOLINTEND(bugprone-reserved-identifier,readability-inconsistent-declaration-parameter-name) */
