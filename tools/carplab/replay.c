/*
 * carplab replay: what happened, from captures alone. A journal of carpd is run again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/journal/reader.h"
#include "tools/carplab/carplab.h"
#include "tools/carplab/key_options.h"
#include "tools/carplab/replay.h"
#include "tools/carplab/replay_journal.h"
#include "tools/carplab/whatif.h"

enum { DIFFERENCES_MAX = 20 };

struct replay {
    const char *paths[MERGE_FILES_MAX];
    unsigned path_count;
    bool json;
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

static const struct option {
    const char *name;
    bool has_value;
    bool (*take)(struct replay *r, const char *value);
} options[] = {
    {"--json", false, take_json},
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
    bool is_key = key_option(argument);
    int whatif = whatif_option(&r->whatif, argument, value, error);
    if (whatif != 0) {
        *used = 2;
        return whatif > 0 || refuse(error, "");
    }
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
        char right[WHATIF_ERROR_MAX];
        snprintf(right, sizeof right,
                 " is unknown; --json --key TEXT --key-hex HEX --key-file F --address A %s FILE... "
                 "are right",
                 whatif_usage);
        return refuse(argument, right);
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
    return key_options_ready("replay", &r->digests);
}

/* --- frames -------------------------------------------------------------------------------------
 */

/* All frames, in order, to the account. Returns the exit status so far. */
static int feed(struct replay *r)
{
    struct merge *merge = NULL;
    struct merge_frame frame;
    struct decoded d;
    char error[CAPTURE_ERROR_MAX];
    uint64_t damage = 0;
    bool keyed = r->digests.config.key_count > 0;
    enum capture_status status = merge_open(r->paths, r->path_count, &merge, error);
    if (status == CAPTURE_FRAME && whatif_wanted(&r->whatif) &&
        (merge_is_stream(merge) || strcmp(r->paths[0], "-") == 0)) {
        snprintf(error, sizeof error,
                 "%.200s: to try our engine on a capture it is read twice; a file is right",
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
        going =
            (!keyed || digests_check(&r->digests, &d)) && account_frame(&r->account, &frame, &d);
    }
    for (unsigned i = 0; merge != NULL && i < r->path_count; i++) {
        r->clocks[i] = merge_clock(merge, i);
    }
    merge_close(merge);
    if (status == CAPTURE_REFUSED) {
        fprintf(stderr, "carplab: %s\n", error);
    } else if (status == CAPTURE_DAMAGED) {
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

/* False: what was written did not get where it should. */
static bool show(const struct replay *r)
{
    const struct replay_source source = {
        .paths = r->paths, .count = r->path_count, .clocks = r->clocks, .decimals = r->decimals};
    if (r->json) {
        replay_json(stdout, &source, &r->account);
    } else {
        replay_text(stdout, wants_colour(), &source, &r->account);
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return refuse("what was written is incomplete: ", strerror(errno));
    }
    return true;
}

static int replay_journals(const struct replay *r)
{
    const struct replay_journal_options run = {
        .to = stdout, .json = r->json, .differences_max = DIFFERENCES_MAX};
    return replay_journal(r->paths, r->path_count, &run);
}

static int replay_captures(struct replay *r)
{
    int status = 2;
    if (account_begin(&r->account)) {
        status = feed(r);
    } else {
        refuse("out of memory", "");
    }
    if (status != 2 && (!account_end(&r->account) || !show(r))) {
        status = 2;
    }
    if (status != 2 && whatif_wanted(&r->whatif) &&
        whatif_files(&r->whatif, &r->digests.config, r->paths, r->path_count, &r->account, stdout,
                     r->json) != 0) {
        status = 2;
    }
    return status;
}

int command_replay(int argc, char **argv)
{
    static struct replay replay;
    int status = 2;
    if (read_arguments(&replay, argc, argv)) {
        status = journal_is(replay.paths[0]) ? replay_journals(&replay) : replay_captures(&replay);
    }
    account_free(&replay.account);
    digests_free(&replay.digests);
    return status;
}
