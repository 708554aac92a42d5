/*
 * carplab replay: what happened, from captures alone. A journal of carpd is run again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/journal/reader.h"
#include "tools/carplab/carplab.h"
#include "tools/carplab/replay.h"
#include "tools/carplab/replay_journal.h"

enum { DIFFERENCES_MAX = 20 };

struct replay {
    const char *paths[MERGE_FILES_MAX];
    unsigned path_count;
    bool json;
    struct digests digests;
    struct account account;
    unsigned decimals;
    struct merge_clock clocks[MERGE_FILES_MAX];
};

static bool refuse(const char *what, const char *why)
{
    fprintf(stderr, "carplab: replay: %s%s\n", what, why);
    return false;
}

static bool read_arguments(struct replay *r, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            r->json = true;
        } else if (argv[i][0] == '-' && argv[i][1] != '\0') {
            return refuse(argv[i], " is unknown; --json FILE... are right");
        } else if (r->path_count == MERGE_FILES_MAX) {
            return refuse(argv[i], ": the seventeenth file; up to 16 are right");
        } else {
            r->paths[r->path_count++] = argv[i];
        }
    }
    return r->path_count > 0 || refuse("no capture; FILE.pcap... or - is right", "");
}

/* All frames, in order, to the account. Returns the exit status so far. */
static int feed(struct replay *r)
{
    struct merge *merge = NULL;
    struct merge_frame frame;
    struct decoded d;
    char error[CAPTURE_ERROR_MAX];
    uint64_t damage = 0;
    enum capture_status status = merge_open(r->paths, r->path_count, &merge, error);
    bool going = status == CAPTURE_FRAME;
    r->decimals = 6;
    while (going && (status = merge_next(merge, &frame, &damage, error)) == CAPTURE_FRAME) {
        r->decimals = frame.frame.decimals > r->decimals ? frame.frame.decimals : r->decimals;
        decode_packet(&frame.frame, &d);
        going = account_frame(&r->account, &frame, &d);
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

static int replay_journals(const struct replay *r)
{
    const struct replay_journal_options run = {
        .to = stdout, .json = r->json, .differences_max = DIFFERENCES_MAX};
    return replay_journal(r->paths, r->path_count, &run);
}

int command_replay(int argc, char **argv)
{
    static struct replay replay;
    if (!read_arguments(&replay, argc, argv)) {
        return 2;
    }
    if (journal_is(replay.paths[0])) {
        return replay_journals(&replay);
    }
    if (!account_begin(&replay.account)) {
        refuse("out of memory", "");
        return 2;
    }
    int status = feed(&replay);
    if (status != 2 && account_end(&replay.account)) {
        struct replay_source source = {.paths = replay.paths,
                                       .count = replay.path_count,
                                       .clocks = replay.clocks,
                                       .decimals = replay.decimals};
        if (replay.json) {
            replay_json(stdout, &source, &replay.account);
        } else {
            replay_text(stdout, false, &source, &replay.account);
        }
    }
    account_free(&replay.account);
    return status;
}
