#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/crypto.h>

#include "io/config_internal.h"
#include "io/key_file.h"

enum {
    INTERFACE_NAME_SIZE = 16,
    JOURNAL_SIZE = PATH_MAX - 8, /* older files have a number behind the name */
    USER_NAME_SIZE = 33,         /* as useradd takes them */
    NEAR_ENOUGH = 3,
    NAME_MAX_COMPARED = 32,
};

static const char *const dialects[] = {"advskew", "openbsd", NULL};
static const char *const source_macs[] = {"interface", "virtual", NULL};
static const char *const replays[] = {"auto", "enforce", "off", NULL};

#define HOME(field) offsetof(struct config_group, field)

/* clang-format off */
static const struct config_setting settings[] = {
    {"interface", CONFIG_TEXT, false, 0, INTERFACE_NAME_SIZE, HOME(interface), NULL},
    {"vhid", CONFIG_NUMBER, false, 1, 255, HOME(carp.vhid), NULL},
    {"key", CONFIG_KEY, true, 0, 0, 0, NULL},
    {"key-hex", CONFIG_KEY_HEX, true, 0, 0, 0, NULL},
    {"key-file", CONFIG_KEY_FILE, true, 0, 0, 0, NULL},
    {"addresses", CONFIG_ADDRESS, true, 0, 0, 0, NULL},
    {"advbase", CONFIG_NUMBER, false, 0, 255, HOME(carp.advbase), NULL},
    {"advskew", CONFIG_NUMBER, false, 0, 254, HOME(carp.advskew), NULL},
    {"dead-ratio", CONFIG_NUMBER, false, 1, 255, HOME(carp.dead_ratio), NULL},
    {"preempt", CONFIG_SWITCH, false, 0, 0, HOME(carp.preempt), NULL},
    {"demotion", CONFIG_CHOICE, false, 0, 0, HOME(carp.dialect), dialects},
    {"replay", CONFIG_CHOICE, false, 0, 0, HOME(carp.replay), replays},
    {"source-mac", CONFIG_CHOICE, false, 0, 0, HOME(carp.source_mac), source_macs},
    {"hold-down", CONFIG_SECONDS, false, 0, 3600, HOME(carp.hold_down), NULL},
    {"preempt-delay", CONFIG_SECONDS, false, 0, 3600, HOME(carp.preempt_delay), NULL},
    {"up", CONFIG_TEXT, false, 0, 0, HOME(up), NULL},
    {"down", CONFIG_TEXT, false, 0, 0, HOME(down), NULL},
    {"argument", CONFIG_TEXT, false, 0, 0, HOME(argument), NULL},
    {"command-timeout", CONFIG_SECONDS, false, 1, 3600, HOME(command_timeout), NULL},
    {"source", CONFIG_IPV4, false, 0, 0, HOME(source), NULL},
    {"group", CONFIG_IPV4, false, 0, 0, HOME(carp.ipv4_group), NULL},
    {"broadcast", CONFIG_SWITCH, false, 0, 0, HOME(carp.broadcast), NULL},
    {"ignore-link-state", CONFIG_SWITCH, false, 0, 0, HOME(ignore_link_state), NULL},
    {"neutral", CONFIG_SWITCH, false, 0, 0, HOME(neutral), NULL},
};

static const struct config_setting shared_settings[] = {
    {"journal", CONFIG_TEXT, false, 0, JOURNAL_SIZE, offsetof(struct config, journal), NULL},
    {"journal-size", CONFIG_LARGE, false, 1, 65536, offsetof(struct config, journal_mib), NULL},
    {"user", CONFIG_TEXT, false, 0, USER_NAME_SIZE, offsetof(struct config, user), NULL},
    {"command-user", CONFIG_TEXT, false, 0, USER_NAME_SIZE, offsetof(struct config, command_user), NULL},
    {"confine", CONFIG_SWITCH, false, 0, 0, offsetof(struct config, confine), NULL},
};
/* clang-format on */

enum {
    SETTING_COUNT = sizeof settings / sizeof *settings,
    SHARED_COUNT = sizeof shared_settings / sizeof *shared_settings,
};

static const struct config_setting *find(const struct config_setting *all, size_t count,
                                         const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(all[i].name, name) == 0) {
            return &all[i];
        }
    }
    return NULL;
}

const struct config_setting *config_setting_of(const char *name)
{
    return find(settings, SETTING_COUNT, name);
}

const struct config_setting *config_shared_setting_of(const char *name)
{
    return find(shared_settings, SHARED_COUNT, name);
}

/* How many letters must change to make one word of the other (Levenshtein). */
static size_t distance(const char *a, const char *b)
{
    size_t row[NAME_MAX_COMPARED + 1];
    size_t width = strlen(b);
    if (width > NAME_MAX_COMPARED) {
        return width;
    }
    for (size_t k = 0; k <= width; k++) {
        row[k] = k;
    }
    for (size_t i = 1; *a != '\0'; i++, a++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t k = 1; k <= width; k++) {
            size_t change = diagonal + (*a != b[k - 1]);
            size_t other = (row[k] < row[k - 1] ? row[k] : row[k - 1]) + 1;
            diagonal = row[k];
            row[k] = change < other ? change : other;
        }
    }
    return row[width];
}

const char *config_setting_like(const char *name)
{
    const char *best = NULL;
    size_t half = strlen(name) / 2 + 1;
    size_t least = half < NEAR_ENOUGH ? half : NEAR_ENOUGH;
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        size_t d = distance(name, settings[i].name);
        if (d < least) {
            least = d;
            best = settings[i].name;
        }
    }
    return best;
}

/* Decimal, 0x or octal, as strtoul() reads it, but nothing else around it. */
static int set_large(unsigned *home, const struct config_setting *s, const char *text, char *error)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 0);
    if (*text < '0' || *text > '9' || *end != '\0') {
        return config_refuse(error, "%s \"%.64s\" is not a number; %u..%u is right", s->name, text,
                             s->min, s->max);
    }
    if (errno != 0 || value < s->min || value > s->max) {
        return config_refuse(error, "%s %.64s is out of range %u..%u", s->name, text, s->min,
                             s->max);
    }
    *home = (unsigned)value;
    return 0;
}

static int set_number(uint8_t *home, const struct config_setting *s, const char *text, char *error)
{
    unsigned value;
    if (set_large(&value, s, text, error) != 0) {
        return -1;
    }
    /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): refuse() never returns 0 */
    *home = (uint8_t)value;
    return 0;
}

static int set_switch(bool *home, const struct config_setting *s, const char *text, char *error)
{
    static const char *const words[] = {"true", "yes", "on", "false", "no", "off"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(text, words[i]) == 0) {
            *home = i < 3;
            return 0;
        }
    }
    return config_refuse(error, "%s \"%.64s\" is neither true nor false", s->name, text);
}

/* "2.5" to nanoseconds, without floating point. */
static int set_seconds(carp_duration *home, const struct config_setting *s, const char *text,
                       char *error)
{
    uint64_t ns = 0, unit = 1000000000;
    const char *at = text;
    for (; *at >= '0' && *at <= '9' && ns <= s->max * unit; at++) {
        ns = ns * 10 + (uint64_t)(*at - '0') * unit;
    }
    bool digits = at != text;
    if (digits && *at == '.') {
        for (at++; *at >= '0' && *at <= '9' && unit > 1; at++) {
            unit /= 10;
            ns += (uint64_t)(*at - '0') * unit;
        }
    }
    if (!digits || *at != '\0' || ns < s->min * UINT64_C(1000000000) ||
        ns > s->max * UINT64_C(1000000000)) {
        return config_refuse(
            error, "%s \"%.64s\" is not a time; seconds from %u to %u, like 2.5, are right",
            s->name, text, s->min, s->max);
    }
    *home = (carp_duration){ns};
    return 0;
}

static int set_text(char **home, const struct config_setting *s, const char *text, char *error)
{
    if (*text == '\0') {
        return config_refuse(error, "%s is empty", s->name);
    }
    if (s->max != 0 && strlen(text) >= s->max) {
        return config_refuse(error, "%s \"%.64s\" is too long; at most %u bytes are right", s->name,
                             text, s->max - 1);
    }
    char *copy = strdup(text);
    if (copy == NULL) {
        return config_refuse(error, "no memory");
    }
    free(*home);
    *home = copy;
    return 0;
}

static int set_choice(unsigned *home, const struct config_setting *s, const char *text, char *error)
{
    char right[64] = "";
    for (unsigned i = 0; s->choices[i] != NULL; i++) {
        if (strcmp(text, s->choices[i]) == 0) {
            *home = i;
            return 0;
        }
        size_t used = strlen(right);
        snprintf(right + used, sizeof right - used, "%s%s", i == 0 ? "" : ", ", s->choices[i]);
    }
    return config_refuse(error, "%s \"%.64s\" is none of: %s", s->name, text, right);
}

static bool is_multicast(const uint8_t address[4])
{
    return address[0] >= 224 && address[0] <= 239;
}

/* Neither unset, loopback, multicast nor broadcast. */
static bool is_of_a_host(const uint8_t address[4])
{
    return address[0] != 0 && address[0] != 127 && address[0] < 224;
}

static int set_ipv4(struct config_group *group, const struct config_setting *s, const char *text,
                    char *error)
{
    uint8_t bytes[4];
    bool is_source = s->at == HOME(source);
    if (inet_pton(AF_INET, text, bytes) != 1) {
        return config_refuse(error, "Invalid address: [%.64s] - %s must be an IPv4 address", text,
                             s->name);
    }
    if (is_source && !is_of_a_host(bytes)) {
        return config_refuse(
            error, "%s %s must be the address of a host, not multicast or loopback", s->name, text);
    }
    if (!is_source && !is_multicast(bytes)) {
        return config_refuse(error,
                             "%s %s must be a multicast address (224.0.0.0 to 239.255.255.255)",
                             s->name, text);
    }
    memcpy((char *)group + s->at, bytes, sizeof bytes);
    group->has_source |= is_source;
    return 0;
}

/* --- virtual addresses ---------------------------------------------------------------------------
 */

static bool can_be_virtual(const struct config_address *a)
{
    static const uint8_t zeros[16];
    if (a->family == 4) {
        return is_of_a_host(a->bytes);
    }
    bool loopback = memcmp(a->bytes, zeros, 15) == 0 && a->bytes[15] <= 1;
    return a->bytes[0] != 0xff && !loopback;
}

/* Address, and after a slash its prefix length. */
static int parse_address(const char *text, struct config_address *address, char *error)
{
    char host[64];
    const char *slash = strchr(text, '/');
    size_t length = slash == NULL ? strlen(text) : (size_t)(slash - text);
    *address = (struct config_address){.prefix = CONFIG_PREFIX_OF_INTERFACE};
    if (length >= sizeof host) {
        return config_refuse(error, "Invalid address: [%.64s]", text);
    }
    memcpy(host, text, length);
    host[length] = '\0';
    address->family = strchr(host, ':') == NULL ? 4 : 6;
    if (inet_pton(address->family == 4 ? AF_INET : AF_INET6, host, address->bytes) != 1) {
        return config_refuse(
            error,
            "Invalid address: [%.64s] - an IPv4 or IPv6 address is right, with or without "
            "/prefix",
            text);
    }
    if (slash != NULL) {
        const struct config_setting prefix = {
            .name = "prefix length", .min = 1, .max = address->family == 4 ? 32 : 128};
        if (set_number(&address->prefix, &prefix, slash + 1, error) != 0) {
            return -1;
        }
    }
    if (!can_be_virtual(address)) {
        return config_refuse(
            error, "%s cannot be shared: it is a multicast, loopback or unset address", host);
    }
    return 0;
}

static int add_address(struct config_group *group, const char *text, char *error)
{
    struct config_address address;
    struct carp_config *carp = &group->carp;
    if (parse_address(text, &address, error) != 0) {
        return -1;
    }
    for (size_t i = 0; i < group->address_count; i++) {
        const struct config_address *other = &group->addresses[i];
        if (other->family == address.family && memcmp(other->bytes, address.bytes, 16) == 0) {
            return config_refuse(error, "the address %s is there twice", text);
        }
    }
    uint8_t *count = address.family == 4 ? &carp->ipv4_count : &carp->ipv6_count;
    if (*count == CARP_ADDRESSES_MAX) {
        return config_refuse(error, "more than %d IPv%u addresses in one group", CARP_ADDRESSES_MAX,
                             address.family);
    }
    struct config_address *grown =
        realloc(group->addresses, (group->address_count + 1) * sizeof *grown);
    if (grown == NULL) {
        return config_refuse(error, "no memory");
    }
    group->addresses = grown;
    grown[group->address_count++] = address;
    if (group->address_text == NULL) {
        group->address_text = strndup(text, strcspn(text, "/"));
    }
    if (address.family == 4) {
        memcpy(carp->ipv4[(*count)++], address.bytes, 4);
    } else {
        memcpy(carp->ipv6[(*count)++], address.bytes, 16);
    }
    return group->address_text == NULL ? config_refuse(error, "no memory") : 0;
}

/* --- keys: never shown in a message
 * --------------------------------------------------------------- */

static int add_key(struct carp_config *carp, const uint8_t *key, size_t size, const char *what,
                   char *error)
{
    if (size == 0) {
        return config_refuse(error, "%s is empty", what);
    }
    if (size > CARP_KEY_SIZE) {
        return config_refuse(
            error,
            "Password too long: %s has more than 20 bytes, and CARP uses no more; a key is "
            "never cut",
            what);
    }
    if (carp->key_count == CARP_KEYS_MAX) {
        return config_refuse(error, "more than %d keys", CARP_KEYS_MAX);
    }
    memcpy(carp->keys[carp->key_count++], key, size);
    return 0;
}

static int add_key_hex(struct carp_config *carp, const char *text, char *error)
{
    uint8_t key[CARP_KEY_SIZE];
    size_t digits = strlen(text);
    if (digits % 2 != 0 || digits > sizeof key * 2 ||
        strspn(text, "0123456789abcdefABCDEF") != digits) {
        return config_refuse(error,
                             "key-hex must be pairs of hexadecimal digits, at most 40 digits");
    }
    for (size_t i = 0; i < digits / 2; i++) {
        const char pair[3] = {text[2 * i], text[2 * i + 1], '\0'};
        key[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    int status = add_key(carp, key, digits / 2, "key-hex", error);
    OPENSSL_cleanse(key, sizeof key);
    return status;
}

static int add_key_file(struct carp_config *carp, const char *path, char *error)
{
    char line[KEY_FILE_LINE_MAX], why[KEY_FILE_ERROR_MAX], what[256];
    ssize_t size = key_file_read(path, line, why);
    snprintf(what, sizeof what, "the first line of %s", path);
    int status = size < 0 ? config_refuse(error, "%s", why)
                          : add_key(carp, (const uint8_t *)line, (size_t)size, what, error);
    OPENSSL_cleanse(line, sizeof line);
    return status;
}

/* The end of a path tells it from others of the same host, and fits into a key. */
int config_set_key_by_path(struct config_group *group, const char *path,
                           char error[CONFIG_ERROR_MAX])
{
    size_t size = strlen(path);
    size_t from = size > CARP_KEY_SIZE ? size - CARP_KEY_SIZE : 0;
    return add_key(&group->carp, (const uint8_t *)path + from, size - from, "key-file", error);
}

int config_set_shared(struct config *config, const struct config_setting *setting, const char *text,
                      char error[CONFIG_ERROR_MAX])
{
    void *home = (char *)config + setting->at;
    switch (setting->kind) {
    case CONFIG_TEXT:
        return set_text(home, setting, text, error);
    case CONFIG_SWITCH:
        return set_switch(home, setting, text, error);
    default:
        return set_large(home, setting, text, error);
    }
}

int config_set(struct config_group *group, const struct config_setting *setting, const char *text,
               char error[CONFIG_ERROR_MAX])
{
    void *home = (char *)group + setting->at;
    switch (setting->kind) {
    case CONFIG_NUMBER:
        return set_number(home, setting, text, error);
    case CONFIG_LARGE:
        return set_large(home, setting, text, error);
    case CONFIG_SWITCH:
        return set_switch(home, setting, text, error);
    case CONFIG_SECONDS:
        return set_seconds(home, setting, text, error);
    case CONFIG_TEXT:
        return set_text(home, setting, text, error);
    case CONFIG_CHOICE:
        return set_choice(home, setting, text, error);
    case CONFIG_IPV4:
        return set_ipv4(group, setting, text, error);
    case CONFIG_ADDRESS:
        return add_address(group, text, error);
    case CONFIG_KEY:
        return add_key(&group->carp, (const uint8_t *)text, strlen(text), "the key", error);
    case CONFIG_KEY_HEX:
        return add_key_hex(&group->carp, text, error);
    case CONFIG_KEY_FILE:
        return add_key_file(&group->carp, text, error);
    }
    return config_refuse(error, "%s cannot be set", setting->name);
}
