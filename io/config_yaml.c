/*
 * carpd.yaml, through libyaml's document: a walk over `groups`, each value handed as text to the
 * setting of its key. libyaml keeps line and column of every node, which is what an operator needs
 * to find a mistake.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <yaml.h>

#include "io/config_internal.h"

enum { EXIT_MALFORMED = 2, GROUP_NAME_MAX = 64 };

struct walk {
    const char *path;
    yaml_document_t document;
    struct config *config;
    struct config_warnings *warnings;
    char *error;
    bool to_try; /* key files are not read */
};

/* "FILE:LINE:COLUMN: [group NAME: ]what is wrong". */
static int refuse(struct walk *w, const yaml_mark_t *at, const char *group, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static int refuse(struct walk *w, const yaml_mark_t *at, const char *group, const char *format, ...)
{
    va_list arguments;
    int used = snprintf(w->error, CONFIG_ERROR_MAX, "%.256s:%zu:%zu: %s%s%s", w->path, at->line + 1,
                        at->column + 1, group == NULL ? "" : "group ", group == NULL ? "" : group,
                        group == NULL ? "" : ": ");
    if (used > 0 && used < CONFIG_ERROR_MAX) {
        va_start(arguments, format);
        vsnprintf(w->error + used, (size_t)(CONFIG_ERROR_MAX - used), format, arguments);
        va_end(arguments);
    }
    return -1;
}

static yaml_node_t *node_of(struct walk *w, int index)
{
    return yaml_document_get_node(&w->document, index);
}

/* A scalar's text; NULL: it is something else, or has a NUL byte in it. */
static const char *text_of(const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE ||
        strlen((const char *)node->data.scalar.value) != node->data.scalar.length) {
        return NULL;
    }
    return (const char *)node->data.scalar.value;
}

/* YAML's and JSON's way to say that there is no value, which is not the text "null". */
static bool is_null(const yaml_node_t *node)
{
    const char *text = text_of(node);
    return text != NULL && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (strcmp(text, "null") == 0 || strcmp(text, "~") == 0);
}

/* The key of a pair, which must be a scalar that did not occur before in this mapping. */
static const char *key_of(struct walk *w, const yaml_node_t *mapping, const yaml_node_pair_t *pair,
                          const char *group)
{
    const yaml_node_t *node = node_of(w, pair->key);
    const char *key = text_of(node);
    if (key == NULL) {
        refuse(w, &node->start_mark, group, "a key must be a plain word");
        return NULL;
    }
    for (const yaml_node_pair_t *p = mapping->data.mapping.pairs.start; p < pair; p++) {
        const char *earlier = text_of(node_of(w, p->key));
        if (earlier != NULL && strcmp(earlier, key) == 0) {
            refuse(w, &node->start_mark, group, "%.64s is there twice", key);
            return NULL;
        }
    }
    return key;
}

/* The text that a setting is given; NULL: none, and that is refused. */
static const char *value_of(struct walk *w, const char *group, const struct config_setting *setting,
                            const yaml_node_t *value)
{
    const char *text = text_of(value);
    if (text == NULL) {
        refuse(w, &value->start_mark, group, "%s must be a single value%s", setting->name,
               value->type == YAML_SCALAR_NODE ? " without NUL bytes" : "");
    } else if (is_null(value)) {
        refuse(w, &value->start_mark, group,
               "%s has no value; if it is meant as a text, put it in quotes", setting->name);
        text = NULL;
    }
    return text;
}

static int set_scalar(struct walk *w, struct config_group *group,
                      const struct config_setting *setting, const yaml_node_t *value)
{
    char error[CONFIG_ERROR_MAX];
    const char *text = value_of(w, group->name, setting, value);
    if (text == NULL) {
        return -1;
    }
    bool by_path = w->to_try && setting->kind == CONFIG_KEY_FILE;
    if ((by_path ? config_set_key_by_path(group, text, error)
                 : config_set(group, setting, text, error)) != 0) {
        return refuse(w, &value->start_mark, group->name, "%s", error);
    }
    return 0;
}

static int set_value(struct walk *w, struct config_group *group,
                     const struct config_setting *setting, const yaml_node_t *value)
{
    if (value->type != YAML_SEQUENCE_NODE || !setting->list) {
        return set_scalar(w, group, setting, value);
    }
    for (const yaml_node_item_t *item = value->data.sequence.items.start;
         item < value->data.sequence.items.top; item++) {
        if (set_scalar(w, group, setting, node_of(w, *item)) != 0) {
            return -1;
        }
    }
    return 0;
}

static bool is_key_setting(const struct config_setting *setting)
{
    return setting->kind == CONFIG_KEY || setting->kind == CONFIG_KEY_HEX ||
           setting->kind == CONFIG_KEY_FILE;
}

static int read_group(struct walk *w, struct config_group *group, const yaml_node_t *node)
{
    char error[CONFIG_ERROR_MAX];
    if (node->type != YAML_MAPPING_NODE) {
        return refuse(w, &node->start_mark, group->name,
                      "must be a mapping with interface, vhid, ...");
    }
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const char *key = key_of(w, node, pair, group->name);
        if (key == NULL) {
            return -1;
        }
        const yaml_mark_t *at = &node_of(w, pair->key)->start_mark;
        const struct config_setting *setting = config_setting_of(key);
        if (setting == NULL) {
            const char *like = config_setting_like(key);
            return refuse(w, at, group->name, "%.64s is no setting%s%s%s", key,
                          like == NULL ? "" : "; did you mean ", like == NULL ? "" : like,
                          like == NULL ? "" : "?");
        }
        if (is_key_setting(setting) && group->carp.key_count > 0) {
            return refuse(w, at, group->name, "only one of key, key-hex and key-file is right");
        }
        if (set_value(w, group, setting, node_of(w, pair->value)) != 0) {
            return -1;
        }
    }
    if (config_check_group(group, error) != 0) {
        return refuse(w, &node->start_mark, group->name, "%s", error);
    }
    config_lint(group, w->warnings);
    return 0;
}

/* It is in lines of the log, and in the environment of commands. */
static bool can_be_name(const char *name)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)name[i] < ' ' || name[i] == 0x7f) {
            return false;
        }
    }
    return size >= 1 && size <= GROUP_NAME_MAX;
}

static int read_groups(struct walk *w, const yaml_node_t *node)
{
    char error[CONFIG_ERROR_MAX];
    if (node->type != YAML_MAPPING_NODE) {
        return refuse(w, &node->start_mark, NULL, "groups must be a mapping from names to groups");
    }
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const char *name = key_of(w, node, pair, NULL);
        if (name == NULL) {
            return -1;
        }
        if (!can_be_name(name)) {
            return refuse(
                w, &node_of(w, pair->key)->start_mark, NULL,
                "a group's name must have 1 to %d bytes, none of them a control character",
                GROUP_NAME_MAX);
        }
        struct config_group *group = config_add_group(w->config, name);
        if (group == NULL) {
            return refuse(w, &node->start_mark, NULL, "no memory");
        }
        size_t culprit;
        if (read_group(w, group, node_of(w, pair->value)) != 0) {
            return -1;
        }
        if (config_check_groups(w->config, &culprit, error) != 0) {
            return refuse(w, &node_of(w, pair->key)->start_mark, name, "%s", error);
        }
    }
    return 0;
}

/* log: {to: stderr|syslog, facility: daemon, level: info|debug} */
static int read_log(struct walk *w, const yaml_node_t *node)
{
    struct config *config = w->config;
    if (node->type != YAML_MAPPING_NODE) {
        return refuse(w, &node->start_mark, NULL, "log must be a mapping with to, facility, level");
    }
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const char *key = key_of(w, node, pair, NULL);
        const yaml_node_t *value = node_of(w, pair->value);
        const char *text = text_of(value);
        if (key == NULL) {
            return -1;
        }
        if (text == NULL) {
            return refuse(w, &value->start_mark, NULL, "log: %.64s must be a single value", key);
        }
        if (strcmp(key, "to") == 0) {
            config->log = strcmp(text, "syslog") == 0 ? CONFIG_LOG_SYSLOG : CONFIG_LOG_STDERR;
            if (config->log == CONFIG_LOG_STDERR && strcmp(text, "stderr") != 0) {
                return refuse(w, &value->start_mark, NULL,
                              "log: to \"%.64s\" is none of: stderr, syslog", text);
            }
        } else if (strcmp(key, "level") == 0) {
            config->debug = strcmp(text, "debug") == 0;
            if (!config->debug && strcmp(text, "info") != 0) {
                return refuse(w, &value->start_mark, NULL,
                              "log: level \"%.64s\" is none of: info, debug", text);
            }
        } else if (strcmp(key, "facility") == 0) {
            config->facility = config_facility(text);
            if (config->facility < 0) {
                return refuse(
                    w, &value->start_mark, NULL,
                    "log: facility \"%.64s\" is unknown; daemon or local0 to local7 are right",
                    text);
            }
        } else {
            return refuse(w, &node_of(w, pair->key)->start_mark, NULL,
                          "log: %.64s is no setting; to, facility and level are", key);
        }
    }
    return 0;
}

static int read_shared(struct walk *w, const yaml_node_t *key, const char *name,
                       const yaml_node_t *value)
{
    char error[CONFIG_ERROR_MAX];
    const struct config_setting *setting = config_shared_setting_of(name);
    if (setting == NULL) {
        return refuse(
            w, &key->start_mark, NULL,
            "%.64s is no setting at the top level; groups, log, journal, journal-size, user, "
            "command-user and confine are",
            name);
    }
    const char *text = value_of(w, NULL, setting, value);
    if (text == NULL) {
        return -1;
    }
    return config_set_shared(w->config, setting, text, error) == 0
               ? 0
               : refuse(w, &value->start_mark, NULL, "%s", error);
}

static int read_root(struct walk *w)
{
    const yaml_node_t *root = yaml_document_get_root_node(&w->document);
    const yaml_mark_t start = {0};
    if (root == NULL || root->type != YAML_MAPPING_NODE) {
        return refuse(w, &start, NULL, "nothing is configured; groups: with at least one is right");
    }
    for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start;
         pair < root->data.mapping.pairs.top; pair++) {
        const char *key = key_of(w, root, pair, NULL);
        const yaml_node_t *value = node_of(w, pair->value);
        int status = -1;
        if (key == NULL) {
            return -1;
        }
        if (strcmp(key, "groups") == 0) {
            status = read_groups(w, value);
        } else if (strcmp(key, "log") == 0) {
            status = read_log(w, value);
        } else {
            status = read_shared(w, node_of(w, pair->key), key, value);
        }
        if (status != 0) {
            return -1;
        }
    }
    if (w->config->group_count == 0) {
        return refuse(w, &root->start_mark, NULL, "no group is configured");
    }
    return 0;
}

/* Only of a lack of memory, which is no fault of the file's, libyaml says nothing. */
static int refuse_document(struct walk *w, const yaml_parser_t *parser)
{
    if (parser->problem == NULL) {
        snprintf(w->error, CONFIG_ERROR_MAX, "%.256s: no memory", w->path);
        return -1;
    }
    return refuse(w, &parser->problem_mark, NULL, "not YAML: %s", parser->problem);
}

/* A second document would be configuration that nobody reads. */
static int expect_end(struct walk *w, yaml_parser_t *parser)
{
    const yaml_mark_t here = parser->mark;
    yaml_document_t next;
    if (!yaml_parser_load(parser, &next)) {
        return refuse_document(w, parser);
    }
    bool empty = yaml_document_get_root_node(&next) == NULL;
    yaml_document_delete(&next);
    return empty ? 0 : refuse(w, &here, NULL, "a second document; one a file is right");
}

/* Keys may stand in the file itself: nothing of it is left behind, as far as libyaml can be reached
 * (a scalar that has outgrown its first 16 bytes has left them somewhere). */
static void forget_document(struct walk *w)
{
    for (yaml_node_t *node = w->document.nodes.start; node < w->document.nodes.top; node++) {
        if (node->type == YAML_SCALAR_NODE) {
            OPENSSL_cleanse(node->data.scalar.value, node->data.scalar.length);
        }
    }
    yaml_document_delete(&w->document);
}

static void forget_parser(yaml_parser_t *parser)
{
    OPENSSL_cleanse(parser->raw_buffer.start,
                    (size_t)(parser->raw_buffer.end - parser->raw_buffer.start));
    OPENSSL_cleanse(parser->buffer.start, (size_t)(parser->buffer.end - parser->buffer.start));
    yaml_parser_delete(parser);
}

/* One document, parsed whole before anything is read from it. */
static int read_document(struct walk *w, FILE *file)
{
    yaml_parser_t parser;
    int status = -1;
    if (!yaml_parser_initialize(&parser)) {
        snprintf(w->error, CONFIG_ERROR_MAX, "%.256s: no memory", w->path);
        return -1;
    }
    yaml_parser_set_input_file(&parser, file);
    if (yaml_parser_load(&parser, &w->document)) {
        status = read_root(w);
        forget_document(w);
        status = status == 0 ? expect_end(w, &parser) : status;
    } else if (ferror(file)) {
        snprintf(w->error, CONFIG_ERROR_MAX, "%.256s: cannot be read: %s", w->path,
                 strerror(errno));
    } else if (parser.error == YAML_READER_ERROR) {
        snprintf(w->error, CONFIG_ERROR_MAX, "%.256s: not text at byte %zu: %s", w->path,
                 parser.problem_offset, parser.problem);
    } else {
        refuse_document(w, &parser);
    }
    forget_parser(&parser);
    return status;
}

static int read_file(struct walk *w)
{
    config_set_defaults(w->config);
    FILE *file = fopen(w->path, "re");
    if (file == NULL) {
        snprintf(w->error, CONFIG_ERROR_MAX, "%.256s: cannot be read: %s", w->path,
                 strerror(errno));
        return EXIT_MALFORMED;
    }
    setvbuf(file, NULL, _IONBF, 0); /* libyaml has a buffer, which is wiped */
    int status = read_document(w, file);
    fclose(file);
    if (status != 0) {
        config_keep_to_one_line(w->error);
    }
    return status == 0 ? 0 : EXIT_MALFORMED;
}

int config_from_file(const char *path, struct config *config, struct config_warnings *warnings,
                     char error[CONFIG_ERROR_MAX])
{
    struct walk w = {.path = path, .config = config, .warnings = warnings, .error = error};
    return read_file(&w);
}

int config_to_try(const char *path, struct config *config, struct config_warnings *warnings,
                  char error[CONFIG_ERROR_MAX])
{
    struct walk w = {
        .path = path, .config = config, .warnings = warnings, .error = error, .to_try = true};
    return read_file(&w);
}
