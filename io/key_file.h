/* A key in a file of its own: the first line, without its end. One rule for all that read keys. */
#ifndef CARP_IO_KEY_FILE_H
#define CARP_IO_KEY_FILE_H

#include <stddef.h>
#include <sys/types.h>

enum { KEY_FILE_LINE_MAX = 512, KEY_FILE_ERROR_MAX = 512 };

/*
 * Returns how long the line is, which may be nothing, or more than a key may have; -1 with one line
 * in error, in UCARP's words where it has some. What cannot be typed (a NUL) is refused.
 * line  the caller wipes it.
 */
ssize_t key_file_read(const char *path, char line[KEY_FILE_LINE_MAX],
                      char error[KEY_FILE_ERROR_MAX]);

#endif
