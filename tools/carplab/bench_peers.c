/*
 * The same heartbeat in ns-3, whose learning bridge is the nearest thing to our switch: bench_ns3
 * (tools/bench/peer), where it was built. Ours and its settings take turns, so that a busy minute
 * of the machine is everybody's.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/carplab/bench.h"

enum { TURNS = 3 };

/* How ns-3 is asked to run: as its users would, and as fast as it can. */
static const struct {
    const char *name;
    const char *options;
} settings[] = {
    {"ns-3", ""},
    {"ns-3, lazy timers", "--lazy"},
    {"ns-3, lazy timers and its fastest queue", "--scheduler priority --lazy"},
};

enum { SETTINGS = sizeof settings / sizeof *settings };

/* bench_ns3 lies beside this program, or is not there. */
static bool find_peer(char *path, size_t size)
{
    static const char name[] = "bench_ns3";
    ssize_t length = readlink("/proc/self/exe", path, size - sizeof name);
    if (length < 0) {
        return false;
    }
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    memcpy(slash + 1, name, sizeof name);
    return access(path, X_OK) == 0;
}

static double run_peer(const char *path, unsigned nodes, unsigned seconds, const char *options)
{
    char command[4200];
    double rate = 0;
    snprintf(command, sizeof command,
             "'%s' --topology bridge --nodes %u --groups 1 --seconds %u %s", path, nodes, seconds,
             options);
    /* NOLINTNEXTLINE(cert-env33-c): a command of ours, for a benchmark */
    FILE *from = popen(command, "re");
    if (from == NULL) {
        return 0;
    }
    json_t *said = json_loadf(from, 0, NULL);
    json_t *figure = json_object_get(said, "deliveries_per_second");
    if (pclose(from) == 0) {
        rate = json_number_value(figure);
    }
    json_decref(said);
    return rate;
}

static json_t *compare(struct bench *b, const char *path, unsigned nodes, unsigned seconds)
{
    double ours = 0, theirs[SETTINGS] = {0}, fastest = 0;
    struct lan_shape shape = {.nodes = nodes, .groups = 1};
    json_t *peers = json_object();
    for (unsigned turn = 0; turn < TURNS; turn++) {
        struct lan_figures f = lan_measure(&shape, 4000000, 1);
        if (f.wrong[0] != '\0') {
            complain(b, "peers: %s", f.wrong);
            return peers;
        }
        ours = deliveries_per_second(&f) > ours ? deliveries_per_second(&f) : ours;
        for (size_t i = 0; i < SETTINGS; i++) {
            double rate = run_peer(path, nodes, seconds, settings[i].options);
            theirs[i] = rate > theirs[i] ? rate : theirs[i];
        }
    }
    say(b, "  %u nodes, deliveries/s: ours %.2f M\n", nodes, ours / 1e6);
    for (size_t i = 0; i < SETTINGS; i++) {
        if (theirs[i] == 0) {
            complain(b, "peers: bench_ns3 %s failed", settings[i].options);
            return peers;
        }
        say(b, "    %-42s %6.3f M, ours %5.1f times that\n", settings[i].name, theirs[i] / 1e6,
            ours / theirs[i]);
        json_object_set_new(peers, settings[i].name, json_real(theirs[i]));
        fastest = theirs[i] > fastest ? theirs[i] : fastest;
    }
    char name[64];
    snprintf(name, sizeof name, "against ns-3, %u nodes", nodes);
    aim(b, name, ours / theirs[0], 20, false, "times its default");
    snprintf(name, sizeof name, "against ns-3 at its best, %u nodes", nodes);
    aim(b, name, ours / fastest, 20, false, "times");
    return json_pack("{s:i, s:f, s:o, s:f, s:f}", "nodes", nodes, "ours", ours, "peers", peers,
                     "ratio_to_default", ours / theirs[0], "ratio_to_fastest", ours / fastest);
}

json_t *bench_peers(struct bench *b)
{
    char path[4096];
    if (!find_peer(path, sizeof path)) {
        say(b, "  bench_ns3 is not beside this program: ns-3 is not installed (libns3-dev)\n");
        return json_null();
    }
    json_t *rows = json_array();
    json_array_append_new(rows, compare(b, path, 100, 5000));
    json_array_append_new(rows, compare(b, path, 1000, 500));
    return rows;
}
