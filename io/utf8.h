/*
 * What is UTF-8 and what is not, for whoever writes text that came from outside.
 */
#ifndef CARP_IO_UTF8_H
#define CARP_IO_UTF8_H

/* The bytes of the valid sequence at s, which ends in NUL; 0 when there is none. */
int utf8_size(const unsigned char *s);

#endif
