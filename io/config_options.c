/*
 * UCARP's command line, into the same settings as the file: same names, same meanings, none of the
 * silent truncation.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "io/config_internal.h"

enum {
    OPTION_CHECK = 256,
    OPTION_VERSION,
    OPTION_JOURNAL,
    OPTION_JOURNAL_SIZE,
    OPTION_RUN_AS,
    OPTION_RUN_COMMANDS_AS,
    OPTION_CONFINE,
    EXIT_USAGE = 2,
    OPTION_TEXT_MAX = 32,
    VALUE_SHOWN = 64,
};

static const char usage[] =
    "carpd: holds IP addresses that several hosts share (CARP)\n"
    "\n"
    "  carpd -c FILE [--check]           many groups, from a YAML file\n"
    "  carpd OPTION...                   one group, with UCARP's options:\n"
    "\n"
    "  -i, --interface=IF     the interface to work on\n"
    "  -s, --srcip=IP         this host's own IPv4 address (default: the interface's)\n"
    "  -v, --vhid=N           number of the virtual host, 1..255, the same on all hosts\n"
    "  -p, --pass=TEXT        password, at most 20 bytes; better:\n"
    "  -o, --passfile=FILE    the password is the file's first line\n"
    "  -a, --addr=IP[/LEN]    the shared address; may be given again, IPv4 and IPv6\n"
    "  -b, --advbase=N        seconds between adverts, 0..255 (1)\n"
    "  -k, --advskew=N        1/256 seconds on top, 0..255; lower is preferred (0)\n"
    "  -r, --deadratio=N      how many advbases of silence make a master dead (3)\n"
    "  -P, --preempt          take over from a less preferred master\n"
    "  -u, --upscript=FILE    run `FILE IF IP [PARAM]` to become master,\n"
    "  -d, --downscript=FILE  and this to become backup (default: carpd sets the address itself)\n"
    "  -x, --xparam=PARAM     PARAM for the commands\n"
    "  -n, --neutral          no down command at start\n"
    "  -m, --mcast=IP         multicast group (224.0.0.18)\n"
    "  -M, --nomcast          adverts to the broadcast MAC address\n"
    "  -S, --ignoreifstate    go on without carrier\n"
    "  -z, --shutdown         accepted: the address is always released at the end\n"
    "  -B, --daemonize        go to the background once everything was checked\n"
    "  -f, --facility=NAME    log to syslog (none: to standard error)\n"
    "  -D, --debug            log every step\n"
    "      --journal=FILE     record every frame and decision, for carplab replay\n"
    "      --journal-size=N   MiB that it and its older files may take, 1..65536 (64)\n"
    "      --run-as=USER      give up root for this one (carpio, or nobody where there is none)\n"
    "      --run-commands-as=USER  who the commands run as (whoever starts carpd)\n"
    "      --confine=no       no filter of system calls and writes, for debuggers\n"
    "\n"
    "  -c FILE                the configuration file\n"
    "      --check            only check it\n"
    "      --version          show the version\n"
    "  -h, --help             show this\n";

const char *config_usage(void)
{
    return usage;
}

static const struct option options[] = {
    {"interface", required_argument, NULL, 'i'},
    {"srcip", required_argument, NULL, 's'},
    {"mcast", required_argument, NULL, 'm'},
    {"mcastip", required_argument, NULL, 'm'},
    {"vhid", required_argument, NULL, 'v'},
    {"pass", required_argument, NULL, 'p'},
    {"passfile", required_argument, NULL, 'o'},
    {"preempt", no_argument, NULL, 'P'},
    {"neutral", no_argument, NULL, 'n'},
    {"addr", required_argument, NULL, 'a'},
    {"advbase", required_argument, NULL, 'b'},
    {"advskew", required_argument, NULL, 'k'},
    {"deadratio", required_argument, NULL, 'r'},
    {"upscript", required_argument, NULL, 'u'},
    {"downscript", required_argument, NULL, 'd'},
    {"xparam", required_argument, NULL, 'x'},
    {"shutdown", no_argument, NULL, 'z'},
    {"daemonize", no_argument, NULL, 'B'},
    {"ignoreifstate", no_argument, NULL, 'S'},
    {"nomcast", no_argument, NULL, 'M'},
    {"facility", required_argument, NULL, 'f'},
    {"syslog", required_argument, NULL, 'f'},
    {"debug", no_argument, NULL, 'D'},
    {"journal", required_argument, NULL, OPTION_JOURNAL},
    {"journal-size", required_argument, NULL, OPTION_JOURNAL_SIZE},
    {"run-as", required_argument, NULL, OPTION_RUN_AS},
    {"run-commands-as", required_argument, NULL, OPTION_RUN_COMMANDS_AS},
    {"confine", required_argument, NULL, OPTION_CONFINE},
    {"check", no_argument, NULL, OPTION_CHECK},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* Which setting of a group an option is. */
static const struct {
    int option;
    const char *setting;
    const char *value; /* of a switch */
} of_group[] = {
    {'i', "interface", NULL},  {'s', "source", NULL},
    {'m', "group", NULL},      {'v', "vhid", NULL},
    {'p', "key", NULL},        {'o', "key-file", NULL},
    {'P', "preempt", "yes"},   {'n', "neutral", "yes"},
    {'a', "addresses", NULL},  {'b', "advbase", NULL},
    {'k', "advskew", NULL},    {'r', "dead-ratio", NULL},
    {'u', "up", NULL},         {'d', "down", NULL},
    {'x', "argument", NULL},   {'S', "ignore-link-state", "yes"},
    {'M', "broadcast", "yes"},
};

enum { OF_GROUP_COUNT = sizeof of_group / sizeof *of_group };

struct reading {
    struct config *config;
    struct config_group *group; /* NULL: no option of a group yet */
    const char *file;
    bool facility_given, journal_size_given, confine_given;
    enum config_action action;
    struct config_warnings *warnings;
    char *error;
};

static int refuse(struct reading *r, const char *text)
{
    snprintf(r->error, CONFIG_ERROR_MAX, "%s", text);
    return -1;
}

/* An option of the group. The last of -p and -o wins, and -p does not stay where `ps` shows it. */
static int read_of_group(struct reading *r, size_t index, char *argument)
{
    const struct config_setting *setting = config_setting_of(of_group[index].setting);
    if (r->group == NULL) {
        r->group = config_add_group(r->config, "");
        if (r->group == NULL) {
            return refuse(r, "no memory");
        }
    }
    struct config_setting ucarps = *setting;
    if (of_group[index].option == 'k') {
        ucarps.max = 255; /* as UCARP allows, with a warning; config_lint() */
    }
    bool is_key = setting->kind == CONFIG_KEY || setting->kind == CONFIG_KEY_FILE;
    if (is_key) {
        memset(r->group->carp.keys, 0, sizeof r->group->carp.keys);
        r->group->carp.key_count = 0;
    }
    const char *value = of_group[index].value != NULL ? of_group[index].value : argument;
    int status = config_set(r->group, &ucarps, value, r->error);
    if (setting->kind == CONFIG_KEY) {
        OPENSSL_cleanse(argument, strlen(argument));
        config_warn(r->warnings,
                    "the password was given with -p, where other users of this host could "
                    "see it for a moment; use --passfile");
    }
    return status;
}

static int read_facility(struct reading *r, const char *name)
{
    r->facility_given = true;
    if (strcmp(name, "none") == 0) {
        r->config->log = CONFIG_LOG_STDERR;
        return 0;
    }
    r->config->log = CONFIG_LOG_SYSLOG;
    r->config->facility = config_facility(name);
    if (r->config->facility < 0) {
        snprintf(r->error, CONFIG_ERROR_MAX,
                 "Unknown syslog facility: [%.64s] - daemon, local0 to local7 or none are right",
                 name);
        return -1;
    }
    return 0;
}

static int read_shared(struct reading *r, const char *name, const char *argument)
{
    return config_set_shared(r->config, config_shared_setting_of(name), argument, r->error);
}

static int read_option(struct reading *r, int option, char *argument)
{
    for (size_t i = 0; i < OF_GROUP_COUNT; i++) {
        if (of_group[i].option == option) {
            return read_of_group(r, i, argument);
        }
    }
    switch (option) {
    case 'c':
        r->file = argument;
        return 0;
    case 'z':
        return 0;
    case 'B':
        r->config->daemonize = true;
        return 0;
    case 'D':
        r->config->debug = true;
        return 0;
    case 'f':
        return read_facility(r, argument);
    case OPTION_JOURNAL:
        return read_shared(r, "journal", argument);
    case OPTION_JOURNAL_SIZE:
        r->journal_size_given = true;
        return read_shared(r, "journal-size", argument);
    case OPTION_RUN_AS:
        return read_shared(r, "user", argument);
    case OPTION_RUN_COMMANDS_AS:
        return read_shared(r, "command-user", argument);
    case OPTION_CONFINE:
        r->confine_given = true;
        return read_shared(r, "confine", argument);
    case 'h':
        r->action = CONFIG_HELP;
        return 0;
    case OPTION_VERSION:
        r->action = CONFIG_VERSION;
        return 0;
    case OPTION_CHECK:
        r->action = CONFIG_CHECK;
        return 0;
    }
    return 0;
}

/* What options alone describe: one group, named after its vhid. */
static int finish_group(struct reading *r)
{
    char name[OPTION_TEXT_MAX], text[CONFIG_ERROR_MAX];
    if (r->group == NULL) {
        return refuse(r, "no group is described; give -c FILE, or at least -i, -v, -o and -a");
    }
    snprintf(name, sizeof name, "vhid-%u", r->group->carp.vhid);
    char *copy = strdup(name);
    if (copy == NULL) {
        return refuse(r, "no memory");
    }
    free(r->group->name);
    r->group->name = copy;
    if (config_check_group(r->group, text) != 0) {
        return refuse(r, text);
    }
    config_lint(r->group, r->warnings);
    return 0;
}

static const char short_options[] = ":i:s:m:v:p:o:Pna:b:k:r:u:d:x:zBSMf:Dhc:";

/* What getopt_long() does not take: an option, for ':' one without its value, or a long one with a
 * value too many. Of short options it tells the letter (`word` may be the one before theirs), of
 * unknown long ones nothing. What stands behind `=` is not shown: it may be a password. */
static int refuse_option(struct reading *r, int why, const char *word)
{
    const char letter[3] = {'-', (char)optopt, '\0'};
    bool is_known = optopt >= OPTION_CHECK ||
                    (optopt != 0 && optopt != ':' && strchr(short_options, optopt) != NULL);
    bool is_long = optopt == 0 || (is_known && strncmp(word, "--", 2) == 0);
    const char *option = is_long ? word : letter;
    size_t size = strcspn(option, "=");
    const char *what = why == ':' ? "needs a value"
                       : is_known ? "takes no value"
                                  : "is no option, or might be several";
    snprintf(r->error, CONFIG_ERROR_MAX, "%.*s %s; carpd --help lists them",
             (int)(size < VALUE_SHOWN ? size : VALUE_SHOWN), option, what);
    return -1;
}

static int read_all(struct reading *r, int argc, char **argv)
{
    int option;
    optind = 0; /* getopt's own state: begin anew */
    opterr = 0;
    while ((option = getopt_long(argc, argv, short_options, options, NULL)) != -1) {
        if (option == '?' || option == ':') {
            /* Where a short one's value is missing, POSIX has it beyond the end; glibc has not. */
            return refuse_option(r, option, argv[(optind <= argc ? optind : argc) - 1]);
        }
        if (read_option(r, option, optarg) != 0) {
            return -1;
        }
    }
    if (optind < argc) {
        snprintf(r->error, CONFIG_ERROR_MAX, "\"%.64s\" is no option; carpd --help lists them",
                 argv[optind]);
        return -1;
    }
    if (argc < 2) {
        r->action = CONFIG_HELP;
    }
    return 0;
}

static void prefer(char **text, char *said)
{
    if (said != NULL) {
        free(*text);
        *text = said;
    }
}

/* The file; what was said on the command line beside it goes before what the file says. */
static int read_file(struct reading *r)
{
    struct config *config = r->config;
    const struct config said = *config;
    config->journal = config->user = config->command_user = NULL;
    int status = config_from_file(r->file, config, r->warnings, r->error);
    config->debug |= said.debug;
    prefer(&config->journal, said.journal);
    prefer(&config->user, said.user);
    prefer(&config->command_user, said.command_user);
    if (r->journal_size_given) {
        config->journal_mib = said.journal_mib;
    }
    if (r->confine_given) {
        config->confine = said.confine;
    }
    if (r->facility_given) {
        config->log = said.log;
        config->facility = said.facility;
    }
    return status;
}

static int read_options(struct reading *r, int argc, char **argv)
{
    struct config *config = r->config;
    config_set_defaults(config);
    if (read_all(r, argc, argv) != 0) {
        return EXIT_USAGE;
    }
    if (r->action == CONFIG_HELP || r->action == CONFIG_VERSION) {
        return 0;
    }
    if (r->file != NULL && r->group != NULL) {
        refuse(r, "-c FILE and the options of a single group exclude each other");
        return EXIT_USAGE;
    }
    if ((r->file != NULL ? read_file(r) : finish_group(r)) != 0 ||
        config_check_shared(config, r->error) != 0) {
        return EXIT_USAGE;
    }
    if (r->file == NULL && config->daemonize && !r->facility_given) {
        config->log = CONFIG_LOG_SYSLOG;
    }
    return 0;
}

int config_from_arguments(int argc, char **argv, struct config *config, enum config_action *action,
                          struct config_warnings *warnings, char error[CONFIG_ERROR_MAX])
{
    struct reading r = {.config = config, .warnings = warnings, .error = error};
    int status = read_options(&r, argc, argv);
    if (status != 0) {
        config_keep_to_one_line(error);
        config_free(config);
    }
    *action = r.action;
    return status;
}
