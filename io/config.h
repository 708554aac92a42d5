/*
 * What carpd is told to do, from either of two languages: a YAML file (carpd -c), or UCARP's
 * options for one group. Both end in the same structure; both are checked completely before
 * anything acts.
 *
 * Every error is one line with the place (file:line:column, or the option), the value, and what
 * would be right.
 */
#ifndef CARP_IO_CONFIG_H
#define CARP_IO_CONFIG_H

#include <stddef.h>

#include "engine/config.h"

enum { CONFIG_ERROR_MAX = 512, CONFIG_PREFIX_OF_INTERFACE = 255, CONFIG_JOURNAL_MIB = 64 };

/* A virtual address as configured. CONFIG_PREFIX_OF_INTERFACE: no length was given; that of the
 * interface's own subnet is used, or a host route when none contains the address. */
struct config_address {
    uint8_t family; /* 4 or 6 */
    uint8_t prefix;
    uint8_t bytes[16]; /* IPv4: four, then zeros */
};

struct config_group {
    char *name;      /* of the operator's choosing; with UCARP's options "vhid-7" */
    char *interface; /* shorter than 16 characters */
    struct carp_config carp;

    size_t address_count;
    struct config_address *addresses; /* in the order given */

    /* Commands instead of addresses of our own, when either is set. Run as
     * `command interface first-address [argument]`, as UCARP does. */
    char *up;
    char *down;
    char *argument;
    char *address_text; /* the first address as it was written, for the commands */
    carp_duration command_timeout;

    bool has_source; /* UCARP's --srcip; otherwise the interface's own address */
    uint8_t source[4];
    bool neutral;           /* no down command at start */
    bool ignore_link_state; /* send and listen although the link reports no carrier */
};

enum config_log { CONFIG_LOG_STDERR, CONFIG_LOG_SYSLOG };

struct config {
    struct config_group *groups;
    size_t group_count;
    enum config_log log;
    int facility; /* LOG_DAEMON ... of <syslog.h>, for CONFIG_LOG_SYSLOG */
    bool debug;
    bool daemonize;       /* detach after everything was checked */
    char *journal;        /* NULL: none is kept */
    unsigned journal_mib; /* what all its files may take; CONFIG_JOURNAL_MIB by default */
    char *user;           /* who carpd runs as; NULL: carpio, or nobody where there is none */
    char *command_user;   /* who the commands run as; NULL: who started carpd */
    bool confine;         /* filter system calls and writes; true by default */
};

/* What to do with it. */
enum config_action { CONFIG_RUN, CONFIG_CHECK, CONFIG_HELP, CONFIG_VERSION };

struct config_warnings {
    size_t count;
    char *lines[32]; /* owned; more than fit are dropped, with a last line that says so */
};

/*
 * Read a program's arguments, and the file they name.
 *
 * Returns 0 and fills config (config_free() it), or an exit status: 2 bad usage or an unreadable,
 * malformed or contradictory configuration, with one line (no newline) in error. Secrets given as
 * arguments (-p) are overwritten in argv after they are copied.
 * warnings  things that are allowed but seldom meant: a lint, shown at start and by --check.
 */
int config_from_arguments(int argc, char **argv, struct config *config, enum config_action *action,
                          struct config_warnings *warnings, char error[CONFIG_ERROR_MAX]);

/* Read one YAML file; as above. Called by config_from_arguments() for -c. */
int config_from_file(const char *path, struct config *config, struct config_warnings *warnings,
                     char error[CONFIG_ERROR_MAX]);

/*
 * The same for who only wants to know what would happen (a simulation): no file but this one is
 * read, so that a configuration from anywhere can be tried anywhere. A key-file stands for a key by
 * its name: the same path is the same key.
 */
int config_to_try(const char *path, struct config *config, struct config_warnings *warnings,
                  char error[CONFIG_ERROR_MAX]);

/* Write one line into error; returns -1, for whoever does. */
int config_refuse(char error[CONFIG_ERROR_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The usage text. */
const char *config_usage(void);

/* Wipe the keys, in a process that needs none. */
void config_forget_keys(struct config *config);

/* Free what belongs to config; keys are wiped. Fine on a zeroed one. */
void config_free(struct config *config);
void config_warnings_free(struct config_warnings *warnings);

#endif
