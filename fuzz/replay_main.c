/*
 * A target without libFuzzer: runs it on the files given, and on those in the directories given.
 * Status 1 when there are none: a corpus that is not found proves nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz/fuzz.h"

static bool fail(const char *path)
{
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    return false;
}

/* In memory of just its size, so that sanitizers and Valgrind see a read beyond its end. */
static bool run_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(size + (size == 0));
    bool read = file != NULL && bytes != NULL && fread(bytes, 1, size, file) == size;
    if (read) {
        printf("%s\n", path);
        fflush(stdout); /* the last one named is the one that crashed */
        LLVMFuzzerTestOneInput(bytes, size);
    } else {
        fail(path);
    }
    free(bytes);
    if (file != NULL) {
        fclose(file);
    }
    return read;
}

static bool run(const char *path, unsigned *count);

static int is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* By name, so that two runs are alike. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as a path of 4 KiB */
static bool run_directory(const char *path, unsigned *count)
{
    struct dirent **entries;
    int entry_count = scandir(path, &entries, is_shown, alphasort);
    bool fine = entry_count >= 0 || fail(path);
    for (int i = 0; i < entry_count; i++) {
        char name[4096];
        snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        fine = run(name, count) && fine;
        free(entries[i]);
    }
    if (entry_count >= 0) {
        free(entries);
    }
    return fine;
}

/* NOLINTNEXTLINE(misc-no-recursion) */
static bool run(const char *path, unsigned *count)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        return fail(path);
    }
    if (S_ISDIR(status.st_mode)) {
        return run_directory(path, count);
    }
    *count += 1;
    return run_file(path, (size_t)status.st_size);
}

int main(int argc, char **argv)
{
    unsigned count = 0;
    bool fine = true;
    for (int i = 1; i < argc; i++) {
        fine = run(argv[i], &count) && fine;
    }
    fuzz_print_verdicts();
    printf("%u inputs\n", count);
    if (count == 0) {
        fprintf(stderr, "no inputs; files, or directories that hold some, are right\n");
    }
    return fine && count > 0 ? 0 : 1;
}
