/*
 * What both languages of the configuration share: one table of settings, each with its type, range
 * and home in struct config_group, a small one of those that all groups share, with their home in
 * struct config, and the checks that need more than one setting.
 *
 * Messages name the setting, the value and what would be right, but not the place: the language
 * puts that in front. Of a value at most 64 bytes are shown, so that the rest has room behind it.
 * Functions return 0, or -1 with a message in error.
 */
#ifndef CARP_IO_CONFIG_INTERNAL_H
#define CARP_IO_CONFIG_INTERNAL_H

#include "io/config.h"

enum config_kind {
    CONFIG_NUMBER,  /* uint8_t, between min and max */
    CONFIG_LARGE,   /* unsigned, likewise */
    CONFIG_SWITCH,  /* bool */
    CONFIG_SECONDS, /* carp_duration, decimals allowed, between min and max seconds */
    CONFIG_TEXT,    /* char *, not empty, shorter than max bytes when max is set */
    CONFIG_CHOICE,  /* int-sized enum: index of the word in choices */
    CONFIG_IPV4,    /* uint8_t[4] */
    CONFIG_ADDRESS, /* one more virtual address */
    CONFIG_KEY,     /* one more key: as text, */
    CONFIG_KEY_HEX, /* as hexadecimal digits, */
    CONFIG_KEY_FILE /* or as the first line of a file */
};

struct config_setting {
    const char *name;
    enum config_kind kind;
    bool list; /* may be given more than once, or as a list */
    unsigned min, max;
    size_t at; /* offset in struct config_group, or in struct config */
    const char *const *choices;
};

/* By name; NULL: there is none. */
const struct config_setting *config_setting_of(const char *name);

/* The same for those that all groups share. */
const struct config_setting *config_shared_setting_of(const char *name);

/* The known name of a group's setting most like this one, for a message; NULL: none is near. */
const char *config_setting_like(const char *name);

/* Set from text. Settings with `list` add to what was there. */
int config_set(struct config_group *group, const struct config_setting *setting, const char *text,
               char error[CONFIG_ERROR_MAX]);

/* One that all groups share. */
int config_set_shared(struct config *config, const struct config_setting *setting, const char *text,
                      char error[CONFIG_ERROR_MAX]);

/* One more key, made of a key file's path without reading it; 0 or -1 as config_set(). */
int config_set_key_by_path(struct config_group *group, const char *path,
                           char error[CONFIG_ERROR_MAX]);

/* Of what all groups share. */
void config_set_defaults(struct config *config);

/* A new group with every default, at the end of config->groups. NULL: no memory. */
struct config_group *config_add_group(struct config *config, const char *name);

/* Everything that needs more than one setting: what is required, what contradicts. */
int config_check_group(struct config_group *group, char error[CONFIG_ERROR_MAX]);

/* What is wrong with all of it together. */
int config_check_shared(const struct config *config, char error[CONFIG_ERROR_MAX]);

/* What contradicts between groups; *culprit is the later one. */
int config_check_groups(const struct config *config, size_t *culprit, char error[CONFIG_ERROR_MAX]);

/* The syslog facility of this name, as LOG_DAEMON; -1: there is none. */
int config_facility(const char *name);

/* A value that is shown may hold anything; the message is one line all the same. */
void config_keep_to_one_line(char *message);

void config_warn(struct config_warnings *warnings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Things that are allowed but seldom meant. */
void config_lint(const struct config_group *group, struct config_warnings *warnings);

#endif
