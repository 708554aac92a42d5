#include "io/live/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/live/system.h"

enum { EXIT_CANNOT_RUN = 2, NAME_SHOWN = 200, BLOCK_HEADER = 8 };

static void name_file(const char *path, unsigned number, char name[PATH_MAX])
{
    if (number == 0) {
        snprintf(name, PATH_MAX, "%s", path);
    } else {
        snprintf(name, PATH_MAX, "%s.%u", path, number);
    }
}

/* Where the files lie: all before the last slash. */
static void name_directory(const char *path, char name[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        snprintf(name, PATH_MAX, ".");
    } else {
        snprintf(name, PATH_MAX, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    }
}

/* --- before anything begins ----------------------------------------------------------------------
 */

int ring_check(const char *path, char error[CONFIG_ERROR_MAX])
{
    char name[PATH_MAX];
    struct stat status;
    name_directory(path, name);
    if (stat(name, &status) != 0) {
        snprintf(error, CONFIG_ERROR_MAX, "journal %.*s: cannot look at the directory %.*s: %s",
                 NAME_SHOWN, path, NAME_SHOWN, name, strerror(errno));
        return EXIT_CANNOT_RUN;
    }
    for (unsigned i = 0; i < RING_FILES; i++) {
        name_file(path, i, name);
        bool there = lstat(name, &status) == 0;
        if (there && !S_ISREG(status.st_mode)) {
            snprintf(error, CONFIG_ERROR_MAX,
                     "journal %.*s is %s; the name of a plain file is right", NAME_SHOWN, name,
                     S_ISDIR(status.st_mode) ? "a directory" : "no plain file");
            return EXIT_CANNOT_RUN;
        }
        if (!there && errno != ENOENT) {
            snprintf(error, CONFIG_ERROR_MAX, "journal %.*s: %s", NAME_SHOWN, name,
                     strerror(errno));
            return EXIT_CANNOT_RUN;
        }
    }
    name_directory(path, name);
    if (faccessat(AT_FDCWD, name, W_OK | X_OK, AT_EACCESS) != 0) {
        snprintf(error, CONFIG_ERROR_MAX, "journal %.*s: cannot make files in %.*s: %s", NAME_SHOWN,
                 path, NAME_SHOWN, name, strerror(errno));
        return EXIT_CANNOT_RUN;
    }
    return 0;
}

/* --- one file after the other --------------------------------------------------------------------
 */

/* No further than to the first name that is free, so that no gap costs a file. */
static int rename_along(const struct ring *ring)
{
    char from[PATH_MAX], to[PATH_MAX];
    unsigned last = 0;
    name_file(ring->path, last, to);
    while (last < RING_FILES - 1 && access(to, F_OK) == 0) {
        name_file(ring->path, ++last, to);
    }
    for (unsigned i = last; i > 0; i--) {
        name_file(ring->path, i - 1, from);
        name_file(ring->path, i, to);
        if (rename(from, to) != 0) {
            return -errno;
        }
    }
    return 0;
}

/* What stands in it is synced with the file itself; that it is there is the directory's matter.
 * Not every file system does this, and none is worse for being asked. */
static void sync_directory(const struct ring *ring)
{
    char name[PATH_MAX];
    name_directory(ring->path, name);
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!fsync(fd);
        close(fd);
    }
}

int ring_begin(struct ring *ring)
{
    ring_close(ring);
    int error = rename_along(ring);
    if (error != 0) {
        return error;
    }
    ring->fd = open(ring->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (ring->fd < 0) {
        return -errno;
    }
    ring->size = 0;
    /* A full disk is to show now, not in the middle. Whoever cannot reserve will tell when the
     * room is needed. */
    error = system_reserve(ring->fd, ring->file_max);
    if (error == -ENOSPC || error == -EDQUOT) {
        ring_close(ring);
        return error;
    }
    sync_directory(ring);
    return 0;
}

/* The length of a block is in its second word. Source: draft-ietf-opsawg-pcapng, "General Block
 * Structure"; little endian, as io/pcapng.h writes it. */
static size_t block_size(const uint8_t *block)
{
    return (size_t)block[4] | (size_t)block[5] << 8 | (size_t)block[6] << 16 |
           (size_t)block[7] << 24;
}

static size_t whole_blocks(const uint8_t *bytes, size_t size)
{
    size_t whole = 0;
    while (size - whole >= BLOCK_HEADER) {
        size_t block = block_size(bytes + whole);
        if (block > size - whole) {
            break;
        }
        whole += block;
    }
    return whole;
}

int ring_write(struct ring *ring, const uint8_t *bytes, size_t size)
{
    size_t done = 0;
    int error = 0;
    while (done < size && error == 0) {
        ssize_t written = write(ring->fd, bytes + done, size - done);
        if (written > 0) {
            done += (size_t)written;
        } else if (written == 0) {
            error = -EIO;
        } else if (errno != EINTR) {
            error = -errno;
        }
    }
    if (error == 0 || ring->size > 0) {
        ring->size += whole_blocks(bytes, done);
    }
    if (error != 0) {
        ring_close(ring);
    }
    return error;
}

int ring_sync(struct ring *ring)
{
    int error = system_sync(ring->fd);
    if (error != 0) {
        ring_close(ring);
    }
    return error;
}

/* A file without a beginning is none. Room that was reserved and not used goes back, and so does
 * the part of a block that a full disk has cut. */
void ring_close(struct ring *ring)
{
    if (ring->fd < 0) {
        return;
    }
    if (ring->size == 0) {
        unlink(ring->path);
    } else {
        (void)!ftruncate(ring->fd, (off_t)ring->size);
    }
    close(ring->fd);
    ring->fd = -1;
}
