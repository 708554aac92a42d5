#include "tools/carplab/key_options.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/crypto.h>

#include "io/key_file.h"

static bool refuse(const char *command, const char *what, const char *why)
{
    fprintf(stderr, "carplab: %s: %s%s\n", command, what, why);
    return false;
}

static bool add_key(const char *command, struct digests *g, const char *option, const char *key,
                    size_t size, bool is_text)
{
    if (size > CARP_KEY_SIZE) {
        return refuse(command, option,
                      ": longer than 20 bytes; CARP uses no more, and a key is never cut");
    }
    if (!digests_add_key(g, (const uint8_t *)key, size, is_text)) {
        return refuse(command, option, ": the fifth key; up to four are right");
    }
    return true;
}

/* -1: no hexadecimal digit. */
static int digit_of(char c)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    const char *at = c == '\0' ? NULL : strchr(digits, c);
    long value = at == NULL ? -1 : at - digits;
    return (int)(value > 15 ? value - 6 : value);
}

long key_unhex(const char *text, uint8_t *bytes, size_t room)
{
    size_t size = 0;
    while (*text != '\0') {
        if (strchr(" :\n\t", *text) != NULL) {
            text++;
            continue;
        }
        int high = digit_of(text[0]), low = high < 0 ? -1 : digit_of(text[1]);
        if (low < 0 || size == room) {
            return -1;
        }
        bytes[size++] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    return (long)size;
}

static bool add_key_hex(const char *command, struct digests *g, const char *text)
{
    uint8_t key[CARP_KEY_SIZE];
    long size = key_unhex(text, key, sizeof key);
    if (size < 0) {
        return refuse(command, "--key-hex",
                      ": pairs of hexadecimal digits, at most 40 digits, are right");
    }
    bool added = add_key(command, g, "--key-hex", (const char *)key, (size_t)size, false);
    OPENSSL_cleanse(key, sizeof key);
    return added;
}

static bool add_key_file(const char *command, struct digests *g, const char *path)
{
    char line[KEY_FILE_LINE_MAX], why[KEY_FILE_ERROR_MAX];
    ssize_t size = key_file_read(path, line, why);
    bool added = size < 0    ? refuse(command, why, "")
                 : size == 0 ? refuse(command, path, ": its first line, which is the key, is empty")
                             : add_key(command, g, path, line, (size_t)size, true);
    OPENSSL_cleanse(line, sizeof line);
    return added;
}

static bool add_address(const char *command, struct digests *g, const char *text)
{
    uint8_t address[16];
    char bare[INET6_ADDRSTRLEN + 1];
    size_t size = strcspn(text, "/"); /* a prefix length, as in a configuration, is not signed */
    if (size < sizeof bare) {
        memcpy(bare, text, size);
        bare[size] = '\0';
        int family = inet_pton(AF_INET, bare, address) == 1    ? 4
                     : inet_pton(AF_INET6, bare, address) == 1 ? 6
                                                               : 0;
        if (family != 0) {
            return digests_add_address(g, (uint8_t)family, address) ||
                   refuse(command, "--address", ": more than 64 of one family");
        }
    }
    fprintf(stderr, "carplab: %s: --address %s: an IPv4 or IPv6 address is right\n", command, text);
    return false;
}

/* A key does not stay in the list of processes. */
static bool take_key(const char *command, struct digests *g, bool is_hex, char *text)
{
    bool added = is_hex ? add_key_hex(command, g, text)
                        : add_key(command, g, "--key", text, strlen(text), true);
    OPENSSL_cleanse(text, strlen(text));
    return added;
}

bool key_option(const char *option)
{
    static const char *const options[] = {"--key", "--key-hex", "--key-file", "--address"};
    size_t i = 0;
    while (i < sizeof options / sizeof *options && strcmp(option, options[i]) != 0) {
        i++;
    }
    return i < sizeof options / sizeof *options;
}

bool key_option_take(const char *command, struct digests *g, const char *option, char *value)
{
    if (strcmp(option, "--key-file") == 0) {
        return add_key_file(command, g, value);
    }
    if (strcmp(option, "--address") == 0) {
        return add_address(command, g, value);
    }
    return take_key(command, g, strcmp(option, "--key-hex") == 0, value);
}

bool key_options_ready(const char *command, struct digests *g)
{
    if (g->config.key_count > 0 && g->config.ipv4_count + g->config.ipv6_count == 0) {
        return refuse(command, "a digest covers the virtual addresses too",
                      "; --key with an --address for each is right");
    }
    digests_ready(g);
    return true;
}
