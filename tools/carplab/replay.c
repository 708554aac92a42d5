/*
 * carplab replay: what was recorded, run again.
 */
#include <string.h>

#include "io/journal/reader.h"
#include "tools/carplab/carplab.h"
#include "tools/carplab/replay_journal.h"

enum { DIFFERENCES_MAX = 20 };

int command_replay(int argc, char **argv)
{
    struct replay_journal_options options = {.to = stdout, .differences_max = DIFFERENCES_MAX};
    int first = 1;
    if (argc > 1 && strcmp(argv[1], "--json") == 0) {
        options.json = true;
        first = 2;
    }
    if (first >= argc || argv[first][0] == '-') {
        fputs("carplab: replay: no file; carplab replay [--json] JOURNAL... is right\n", stderr);
        return 2;
    }
    if (!journal_is(argv[first])) {
        fprintf(stderr, "carplab: replay: %s: no journal; what carpd --journal wrote is right\n",
                argv[first]);
        return 2;
    }
    return replay_journal((const char *const *)(argv + first), (unsigned)(argc - first), &options);
}
