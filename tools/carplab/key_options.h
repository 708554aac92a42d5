/*
 * Keys and addresses on the command line, for the commands that check digests: --key TEXT,
 * --key-hex HEX, --key-file F, --address A.
 */
#ifndef CARP_TOOLS_CARPLAB_KEY_OPTIONS_H
#define CARP_TOOLS_CARPLAB_KEY_OPTIONS_H

#include "tools/carplab/decode.h"

/* Is it one of these? Each has a value. */
bool key_option(const char *option);

/* Take its value; keys are wiped from it, so that they do not stay in the list of processes. False:
 * one line on stderr, in the name of the command, says why. */
bool key_option_take(const char *command, struct digests *g, const char *option, char *value);

/* All arguments are read. False likewise: there is a key and no address. */
bool key_options_ready(const char *command, struct digests *g);

/* Pairs of hexadecimal digits, with blanks, colons or newlines between pairs. Returns how many
 * bytes they are, or -1. */
long key_unhex(const char *text, uint8_t *bytes, size_t room);

#endif
