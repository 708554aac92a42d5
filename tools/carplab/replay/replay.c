/*
 * carplab replay: what happened, from captures alone; what our engine would have done; a scenario
 * and a picture of it. A journal of carpd is run again instead, unless one of these is asked for.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef CARP_CONFIG
#include "io/config.h"
#endif
#include "io/journal/reader.h"
#include "tools/carplab/carplab.h"
#include "tools/carplab/key_options.h"
#include "tools/carplab/replay/replay.h"
#include "tools/carplab/replay/replay_journal.h"
#include "tools/carplab/replay/replay_page.h"
#include "tools/carplab/replay/to_scenario.h"
#include "tools/carplab/replay/whatif.h"

enum { DIFFERENCES_MAX = 20, SOURCES_MAX = 512 };

struct replay {
    const char *paths[MERGE_FILES_MAX];
    unsigned path_count;
    bool json;
    const char *html, *scenario;
    struct digests digests;
    struct whatif_options whatif;
    struct account account;
    struct merge_clock clocks[MERGE_FILES_MAX];
    unsigned decimals;
};

/* --- arguments ----------------------------------------------------------------------------------
 */

static bool refuse(const char *what, const char *why)
{
    fprintf(stderr, "carplab: replay: %s%s\n", what, why);
    return false;
}

static bool take_json(struct replay *r, const char *value)
{
    (void)value;
    return r->json = true;
}

static bool take_html(struct replay *r, const char *value)
{
    r->html = value;
    return true;
}

static bool take_scenario(struct replay *r, const char *value)
{
    r->scenario = value;
    return true;
}

static const struct option {
    const char *name;
    bool has_value;
    bool (*take)(struct replay *r, const char *value);
} options[] = {
    {"--json", false, take_json},
    {"--html", true, take_html},
    {"--to-scenario", true, take_scenario},
};

static const struct option *find_option(const char *name)
{
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (strcmp(options[i].name, name) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

static bool take_file(struct replay *r, const char *path)
{
    if (r->path_count == MERGE_FILES_MAX) {
        return refuse(path, ": the seventeenth file; up to 16 are right");
    }
    r->paths[r->path_count++] = path;
    return true;
}

/* One argument, and its value, which is NULL behind the last one. *used: how many they were. */
static bool take_argument(struct replay *r, char *argument, char *value, int *used)
{
    const struct option *option = find_option(argument);
    char error[WHATIF_ERROR_MAX];
    int whatif = whatif_option(&r->whatif, argument, value, error);
    if (whatif != 0) {
        *used = 2;
        return whatif > 0 || refuse(error, "");
    }
    bool is_key = key_option(argument);
    *used = is_key || (option != NULL && option->has_value) ? 2 : 1;
    if (*used == 2 && value == NULL) {
        return refuse(argument, " needs a value");
    }
    if (is_key) {
        return key_option_take("replay", &r->digests, argument, value);
    }
    if (option != NULL) {
        return option->take(r, value);
    }
    if (argument[0] == '-' && argument[1] != '\0') {
        fprintf(stderr,
                "carplab: replay: %s is unknown; --json --html F --to-scenario F --key TEXT "
                "--key-hex HEX --key-file F --address A %s FILE... are right\n",
                argument, whatif_usage);
        return false;
    }
    return take_file(r, argument);
}

static bool read_arguments(struct replay *r, int argc, char **argv)
{
    int used;
    for (int i = 1; i < argc; i += used) {
        if (!take_argument(r, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &used)) {
            return false;
        }
    }
    if (r->path_count == 0) {
        return refuse("no capture; FILE.pcap... or - is right", "");
    }
    return true;
}

/* --- frames -------------------------------------------------------------------------------------
 */

/* All frames, in order, to an account. Returns the exit status so far. */
static int feed(struct replay *r, struct account *account)
{
    struct merge *merge = NULL;
    struct merge_frame frame;
    struct decoded d;
    char error[CAPTURE_ERROR_MAX];
    uint64_t damage = 0;
    bool keyed = r->digests.config.key_count > 0;
    enum capture_status status = merge_open(r->paths, r->path_count, &merge, error);
    bool twice = r->html != NULL || whatif_wanted(&r->whatif);
    if (status == CAPTURE_FRAME && twice &&
        (merge_is_stream(merge) || strcmp(r->paths[0], "-") == 0)) {
        snprintf(error, sizeof error,
                 "%.200s: for --html, and to try our engine, a capture is read twice; a file is "
                 "right",
                 r->paths[0]);
        status = CAPTURE_REFUSED;
    }
    bool going = status == CAPTURE_FRAME;
    for (unsigned i = 0; going && keyed && !merge_is_stream(merge) && i < r->path_count; i++) {
        digests_note_file(&r->digests, r->paths[i]); /* what is announced explains digests */
    }
    r->decimals = 6;
    while (going && (status = merge_next(merge, &frame, &damage, error)) == CAPTURE_FRAME) {
        r->decimals = frame.frame.decimals > r->decimals ? frame.frame.decimals : r->decimals;
        decode_packet(&frame.frame, &d);
        going = (!keyed || digests_check(&r->digests, &d)) && account_frame(account, &frame, &d);
    }
    for (unsigned i = 0; merge != NULL && i < r->path_count; i++) {
        r->clocks[i] = merge_clock(merge, i);
    }
    merge_close(merge);
    if (status == CAPTURE_REFUSED) {
        fprintf(stderr, "carplab: %s\n", error);
    } else if (status == CAPTURE_DAMAGED && account == &r->account) { /* said once */
        fprintf(stderr, "carplab: %s: damaged at byte %llu\n", error, (unsigned long long)damage);
    } else if (status == CAPTURE_FRAME) {
        refuse("out of memory", "");
    }
    return status == CAPTURE_END ? 0 : status == CAPTURE_DAMAGED ? 1 : 2;
}

/* --- the account --------------------------------------------------------------------------------
 */

static bool wants_colour(void)
{
    const char *no = getenv("NO_COLOR");
    return (no == NULL || *no == '\0') && isatty(STDOUT_FILENO) == 1;
}

/* The files' names, without their folders. */
static void name_sources(const struct replay *r, char sources[SOURCES_MAX])
{
    size_t used = 0;
    sources[0] = '\0';
    for (unsigned i = 0; i < r->path_count && used < SOURCES_MAX; i++) {
        const char *slash = strrchr(r->paths[i], '/');
        used += (size_t)snprintf(sources + used, SOURCES_MAX - used, "%s%s", i == 0 ? "" : ", ",
                                 slash == NULL ? r->paths[i] : slash + 1);
    }
}

/* Each of the following returns an exit status; of 2, one line on stderr says why. */

static int show(const struct replay *r)
{
    const struct replay_source source = {
        .paths = r->paths, .count = r->path_count, .clocks = r->clocks, .decimals = r->decimals};
    if (r->json) {
        replay_json(stdout, &source, &r->account);
    } else if (!replay_text(stdout, wants_colour(), &source, &r->account)) {
        refuse("out of memory", "");
        return 2;
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        refuse("what was written is incomplete: ", strerror(errno));
        return 2;
    }
    return 0;
}

/* What our engine would have done. */
static int try_out(const struct replay *r)
{
    return whatif_files(&r->whatif, &r->digests.config, r->paths, r->path_count, &r->account,
                        stdout, r->json);
}

/* The frames again, now that it is known who is who. */
static int draw_frames(struct replay *r, struct replay_page *page)
{
    struct account again;
    if (!account_begin(&again)) {
        refuse("out of memory", "");
        return 2;
    }
    again.tap.self = page;
    again.tap.point = replay_page_point;
    int status = feed(r, &again);
    account_free(&again);
    return status;
}

static int draw(struct replay *r)
{
    static struct replay_page page;
    char sources[SOURCES_MAX];
    name_sources(r, sources);
    FILE *file = fopen(r->html, "wb");
    if (file == NULL) {
        fprintf(stderr, "carplab: %s: %s\n", r->html, strerror(errno));
        return 2;
    }
    int error = -ENOMEM, status = 2;
    if (replay_page_begin(&page, &r->account, sources, file)) {
        status = draw_frames(r, &page);
        error = replay_page_end(&page);
    }
    if (fclose(file) != 0 && error == 0) {
        error = -errno;
    }
    if (error != 0) {
        fprintf(stderr, "carplab: %s: %s\n", r->html, strerror(-error));
    }
    return error == 0 ? status : 2;
}

static int make_scenario(const struct replay *r)
{
    char sources[SOURCES_MAX];
    name_sources(r, sources);
    return to_scenario(&r->account, r->scenario, sources, r->json ? stderr : stdout);
}

static int worse(int a, int b)
{
    return a > b ? a : b;
}

static int replay_captures(struct replay *r)
{
    if (!key_options_ready("replay", &r->digests)) {
        return 2;
    }
    bool begun = account_begin(&r->account);
    int status = begun ? feed(r, &r->account) : 2;
    if (!begun || (status != 2 && !account_end(&r->account))) {
        refuse("out of memory", "");
        return 2;
    }
    if (status != 2) {
        status = worse(status, show(r));
    }
    if (status != 2 && whatif_wanted(&r->whatif)) {
        status = worse(status, try_out(r));
    }
    if (status != 2 && r->html != NULL) {
        status = worse(status, draw(r));
    }
    if (status != 2 && r->scenario != NULL) {
        status = worse(status, make_scenario(r));
    }
    return status;
}

/* --- a journal ----------------------------------------------------------------------------------
 */

/* The journals' groups by what was given: a configuration, or one key for all. */
struct journal_keys {
    const struct carp_config *given;
#ifdef CARP_CONFIG
    struct config config;
#endif
};

static bool find_keys(void *self, const char *group, struct carp_config *config)
{
    const struct journal_keys *keys = self;
    const struct carp_config *found = keys->given->key_count > 0 ? keys->given : NULL;
#ifdef CARP_CONFIG
    for (size_t g = 0; g < keys->config.group_count; g++) {
        if (strcmp(keys->config.groups[g].name, group) == 0) {
            found = &keys->config.groups[g].carp;
        }
    }
#else
    (void)group;
#endif
    if (found != NULL) {
        config->key_count = found->key_count;
        memcpy(config->keys, found->keys, sizeof config->keys);
    }
    return found != NULL;
}

static int replay_journals(const struct replay *r)
{
    struct journal_keys keys = {.given = &r->digests.config};
    const struct replay_journal_options run = {.to = stdout,
                                               .json = r->json,
                                               .differences_max = DIFFERENCES_MAX,
                                               .find_keys = find_keys,
                                               .self = &keys};
    const char *path = r->whatif.values[WHATIF_CONFIG];
    int status = 0;
#ifdef CARP_CONFIG
    char error[CONFIG_ERROR_MAX];
    struct config_warnings warnings = {0};
    if (path != NULL && config_from_file(path, &keys.config, &warnings, error) != 0) {
        status = 2;
        refuse(error, "");
    }
    config_warnings_free(&warnings);
#else
    if (path != NULL) {
        status = 2;
        refuse("--config", ": this build cannot read it");
    }
#endif
    if (status == 0) {
        status = replay_journal(r->paths, r->path_count, &run);
    }
#ifdef CARP_CONFIG
    config_free(&keys.config);
#endif
    return status;
}

/* Nothing is asked for that needs an account of its frames. */
static bool is_plain(const struct replay *r)
{
    struct whatif_options other = r->whatif;
    other.values[WHATIF_CONFIG] = NULL;
    return r->html == NULL && r->scenario == NULL && !whatif_wanted(&other);
}

int command_replay(int argc, char **argv)
{
    static struct replay replay;
    int status = 2;
    if (read_arguments(&replay, argc, argv)) {
        status = is_plain(&replay) && journal_is(replay.paths[0]) ? replay_journals(&replay)
                                                                  : replay_captures(&replay);
    }
    account_free(&replay.account);
    digests_free(&replay.digests);
    return status;
}
