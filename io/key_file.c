#include "io/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

ssize_t key_file_read(const char *path, char line[KEY_FILE_LINE_MAX],
                      char error[KEY_FILE_ERROR_MAX])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        snprintf(error, KEY_FILE_ERROR_MAX, "unable to open passfile %.256s for reading: %s", path,
                 strerror(errno));
        return -1;
    }
    ssize_t size = read(fd, line, KEY_FILE_LINE_MAX);
    int failed = errno;
    close(fd);
    if (size < 0) {
        snprintf(error, KEY_FILE_ERROR_MAX, "error reading passfile %.256s: %s", path,
                 strerror(failed));
        return -1;
    }
    const char *newline = memchr(line, '\n', (size_t)size);
    size_t length = newline == NULL ? (size_t)size : (size_t)(newline - line);
    if (memchr(line, '\0', length) != NULL) {
        snprintf(error, KEY_FILE_ERROR_MAX,
                 "the first line of %.256s has a NUL byte; give such a key as key-hex", path);
        return -1;
    }
    if (length > 0 && line[length - 1] == '\r') {
        length--;
    }
    return (ssize_t)length;
}
