/*
 * The configuration's two languages. The first byte says which: even, the rest is a YAML file; odd,
 * it is words divided by NUL bytes: the content of the one file that there is, then arguments.
 * Whatever is read twice is read alike, and keeps every promise of io/config.h.
 */
#include "io/config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"

enum { WORDS_MAX = 64, ARGUMENTS_MAX = 2 * WORDS_MAX + 2, MOST_SECONDS = 3600 };

struct outcome {
    int status;
    struct config config;
    enum config_action action;
    struct config_warnings warnings;
    char error[CONFIG_ERROR_MAX];
};

static void check_line(const char *line)
{
    size_t size = strnlen(line, CONFIG_ERROR_MAX);
    assert(size > 0 && size < CONFIG_ERROR_MAX);
    for (size_t i = 0; i < size; i++) {
        assert((unsigned char)line[i] >= ' ' && line[i] != 0x7f);
    }
}

/* Every other entry is greater than the one before it. */
static void check_ascending(const uint8_t *entries, size_t count, size_t size)
{
    assert(count <= CARP_ADDRESSES_MAX);
    for (size_t i = 1; i < count; i++) {
        assert(memcmp(entries + (i - 1) * size, entries + i * size, size) < 0);
    }
}

static void check_carp(const struct carp_config *carp)
{
    assert(carp->vhid >= 1);
    assert(carp->dead_ratio >= 1);
    assert(carp->advbase > 0 || carp->advskew > 0);
    assert(carp->advbase < 255 || carp->advskew < 255);
    assert(carp->dialect == CARP_DIALECT_ADVSKEW || carp->dialect == CARP_DIALECT_OPENBSD);
    assert((unsigned)carp->replay <= CARP_REPLAY_OFF);
    assert((unsigned)carp->source_mac <= CARP_SOURCE_MAC_VIRTUAL);
    assert(carp->hold_down.ns <= CARP_SECONDS(MOST_SECONDS).ns);
    assert(carp->preempt_delay.ns <= CARP_SECONDS(MOST_SECONDS).ns);
    assert(carp->ipv4_group[0] >= 224 && carp->ipv4_group[0] <= 239);
    assert(carp->key_count >= 1 && carp->key_count <= CARP_KEYS_MAX);
    check_ascending(carp->ipv4[0], carp->ipv4_count, sizeof carp->ipv4[0]);
    check_ascending(carp->ipv6[0], carp->ipv6_count, sizeof carp->ipv6[0]);
}

static bool is_listed(const struct carp_config *carp, const struct config_address *address)
{
    bool listed = false;
    for (size_t i = 0; address->family == 4 && i < carp->ipv4_count; i++) {
        listed |= memcmp(carp->ipv4[i], address->bytes, sizeof carp->ipv4[i]) == 0;
    }
    for (size_t i = 0; address->family == 6 && i < carp->ipv6_count; i++) {
        listed |= memcmp(carp->ipv6[i], address->bytes, sizeof carp->ipv6[i]) == 0;
    }
    return listed;
}

static void check_group(const struct config_group *group)
{
    const struct carp_config *carp = &group->carp;
    check_carp(carp);
    assert(group->name[0] != '\0');
    assert(group->interface[0] != '\0' && strlen(group->interface) < 16);
    assert(group->address_count == (size_t)carp->ipv4_count + carp->ipv6_count);
    assert(group->address_count > 0 && group->address_text[0] != '\0');
    for (size_t i = 0; i < group->address_count; i++) {
        const struct config_address *address = &group->addresses[i];
        unsigned longest = address->family == 4 ? 32 : 128;
        assert(is_listed(carp, address));
        assert(address->prefix == CONFIG_PREFIX_OF_INTERFACE ||
               (address->prefix >= 1 && address->prefix <= longest));
    }
    assert(group->up == NULL || group->up[0] != '\0');
    assert(group->down == NULL || group->down[0] != '\0');
    assert(group->command_timeout.ns >= CARP_SECONDS(1).ns);
    assert(group->command_timeout.ns <= CARP_SECONDS(MOST_SECONDS).ns);
    for (size_t i = 0; group->has_source && i < carp->ipv4_count; i++) {
        assert(memcmp(carp->ipv4[i], group->source, sizeof group->source) != 0);
    }
}

static void check_config(const struct config *config)
{
    assert(config->group_count > 0);
    for (size_t i = 0; i < config->group_count; i++) {
        check_group(&config->groups[i]);
        for (size_t k = 0; k < i; k++) {
            assert(config->groups[i].carp.vhid != config->groups[k].carp.vhid ||
                   strcmp(config->groups[i].interface, config->groups[k].interface) != 0);
        }
    }
    assert(config->log == CONFIG_LOG_STDERR || config->log == CONFIG_LOG_SYSLOG);
    assert(config->facility >= 0);
    assert(config->journal == NULL || config->journal[0] != '\0');
    assert(config->journal_mib >= 1 && config->journal_mib <= 65536);
}

static void check(const struct outcome *o)
{
    const size_t warnings_max = sizeof o->warnings.lines / sizeof *o->warnings.lines;
    assert(o->status == 0 || o->status == 2);
    if (o->status != 0) {
        check_line(o->error);
    } else if (o->action == CONFIG_RUN || o->action == CONFIG_CHECK) {
        check_config(&o->config);
    } else {
        assert(o->action == CONFIG_HELP || o->action == CONFIG_VERSION);
    }
    assert(o->warnings.count <= warnings_max);
    for (size_t i = 0; i < o->warnings.count; i++) {
        check_line(o->warnings.lines[i]);
    }
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void check_same_group(const struct config_group *a, const struct config_group *b)
{
    assert(same_text(a->name, b->name) && same_text(a->interface, b->interface));
    assert(same_text(a->up, b->up) && same_text(a->down, b->down));
    assert(same_text(a->argument, b->argument) && same_text(a->address_text, b->address_text));
    assert(a->address_count == b->address_count);
    assert(a->carp.vhid == b->carp.vhid && a->carp.advbase == b->carp.advbase);
    assert(a->carp.advskew == b->carp.advskew && a->carp.key_count == b->carp.key_count);
    assert(memcmp(a->carp.keys, b->carp.keys, sizeof a->carp.keys) == 0);
    assert(memcmp(a->carp.ipv4, b->carp.ipv4, sizeof a->carp.ipv4) == 0);
    assert(memcmp(a->carp.ipv6, b->carp.ipv6, sizeof a->carp.ipv6) == 0);
}

static void check_same(const struct outcome *a, const struct outcome *b)
{
    assert(a->status == b->status && a->action == b->action);
    assert(strcmp(a->error, b->error) == 0);
    assert(a->warnings.count == b->warnings.count);
    for (size_t i = 0; i < a->warnings.count; i++) {
        assert(strcmp(a->warnings.lines[i], b->warnings.lines[i]) == 0);
    }
    assert(a->status != 0 || a->config.group_count == b->config.group_count);
    for (size_t i = 0; a->status == 0 && i < a->config.group_count; i++) {
        check_same_group(&a->config.groups[i], &b->config.groups[i]);
    }
}

/* --- arguments ----------------------------------------------------------------------------------
 */

/* A file that names key files could name any; without an escape the word is there as it is. */
static bool names_no_file(const char *yaml)
{
    return strstr(yaml, "key-file") == NULL && strchr(yaml, '\\') == NULL;
}

/* The size of a word up to and with the option that names a file; 0: it has none. */
static size_t file_option_size(const char *word)
{
    static const char long_option[] = "--passf"; /* and longer: --pass is another */
    if (strncmp(word, long_option, sizeof long_option - 1) == 0) {
        return strcspn(word, "=");
    }
    if (word[0] != '-' || word[1] == '-') {
        return 0;
    }
    size_t size = 1 + strcspn(word + 1, "ismvpoabkrudxfc"); /* the first that takes a value */
    return word[size] == 'o' || word[size] == 'c' ? size + 1 : 0;
}

/* Words as argv; each that could name a file names the one there is. Owned: free_arguments(). */
static int make_arguments(char **words, size_t count, const char *path, char **argv)
{
    int argc = 0;
    argv[argc++] = strdup("carpd");
    for (size_t i = 0; i < count; i++) {
        size_t size = file_option_size(words[i]);
        if (size == 0) {
            argv[argc++] = strdup(words[i]);
            continue;
        }
        bool value_follows = words[i][size] == '\0';
        argv[argc++] = strndup(words[i], size);
        argv[argc++] = strdup(path);
        i += value_follows;
    }
    argv[argc] = NULL;
    return argc;
}

static void read_arguments(struct outcome *o, char **words, size_t count, const char *path)
{
    char *argv[ARGUMENTS_MAX], *owned[ARGUMENTS_MAX]; /* getopt_long() sorts argv */
    int argc = make_arguments(words, count, path, argv);
    memcpy(owned, argv, sizeof owned);
    o->status = config_from_arguments(argc, argv, &o->config, &o->action, &o->warnings, o->error);
    for (int i = 0; i < argc; i++) {
        free(owned[i]);
    }
}

static void read_once(struct outcome *o, const uint8_t *bytes, size_t size)
{
    *o = (struct outcome){0};
    if (bytes[0] % 2 == 0) {
        const char *path = fuzz_file(0, bytes + 1, size - 1);
        o->status = config_to_try(path, &o->config, &o->warnings, o->error);
        return;
    }
    char *text = strndup((const char *)bytes + 1, size - 1);
    char *all = calloc(1, size);
    char *words[WORDS_MAX];
    size_t count = 0;
    assert(text != NULL && all != NULL);
    memcpy(all, bytes + 1, size - 1);
    for (size_t at = strlen(all) + 1; at < size && count < WORDS_MAX; at += strlen(all + at) + 1) {
        words[count++] = all + at;
    }
    const char *path = fuzz_file(0, (const uint8_t *)text, names_no_file(text) ? strlen(text) : 0);
    read_arguments(o, words, count, path);
    free(text);
    free(all);
}

static void outcome_free(struct outcome *o)
{
    config_free(&o->config);
    config_warnings_free(&o->warnings);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct outcome first, second;
    if (size == 0) {
        return 0;
    }
    read_once(&first, bytes, size);
    check(&first);
    read_once(&second, bytes, size);
    check_same(&first, &second);
    outcome_free(&first);
    outcome_free(&second);
    return 0;
}
