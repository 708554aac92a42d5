#include "tools/carplab/bench_lan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "io/crypto_openssl.h"
#include "sim/memory.h"
#include "sim/oracle.h"

/* One way of a cable. Two lie between any two nodes. */
#define CABLE ((carp_duration){10000})

/* No backup takes over before the last master has begun to speak. */
#define HOLD_DOWN CARP_SECONDS(5)

enum { HUGE_PAGE = 2 << 20, SECONDS_MAX = 300000 };

/* --- building -----------------------------------------------------------------------------------
 */

static struct carp_config config_of(unsigned group, bool preferred, bool equal)
{
    return (struct carp_config){
        .vhid = (uint8_t)(group + 1),
        .advbase = 1,
        .advskew = preferred || equal ? 0 : 100,
        .dead_ratio = 3,
        .preempt = true,
        .hold_down = preferred || equal ? (carp_duration){0} : HOLD_DOWN,
        .ipv4_group = {224, 0, 0, 18},
        .key_count = 1,
        .keys = {"a key of benchmarks"},
        .ipv4_count = 1,
        .ipv4 = {{172, 16, 0, (uint8_t)group}},
    };
}

static struct carp_self self_of(unsigned node)
{
    uint8_t high = (uint8_t)(node >> 8), low = (uint8_t)node;
    return (struct carp_self){
        .mac = {2, 0, 0, 0, high, low},
        .has_ipv4 = true,
        .ipv4 = {10, 0, high, low},
    };
}

/* A function of the counter alone, so that what it signs it verifies. */
static void sign_for_nothing(void *self, unsigned key, enum auth_form form, uint64_t counter,
                             uint8_t digest[WIRE_DIGEST_SIZE])
{
    (void)self, (void)key, (void)form;
    memset(digest, 0, WIRE_DIGEST_SIZE);
    memcpy(digest, &counter, sizeof counter);
}

static void note_again(void *self, const struct trace_event *event)
{
    trace_note(self, event->at, (enum trace_kind)event->kind, event->who, event->detail, event->a,
               event->b);
}

/* Large pages for what is walked through at every beat: fewer misses of the address cache. */
static void *make_large(size_t count, size_t size)
{
    size_t bytes = (count * size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    if (bytes == HUGE_PAGE) {
        return memory_make(count, size);
    }
    void *made = aligned_alloc(HUGE_PAGE, bytes);
    if (made == NULL) {
        return memory_make(count, size); /* which ends the program in its own way */
    }
#ifdef MADV_HUGEPAGE
    madvise(made, bytes, MADV_HUGEPAGE);
#endif
    memset(made, 0, count * size);
    return made;
}

static void make_plans(struct lan *lan)
{
    unsigned count = lan->shape.groups;
    lan->configs = memory_make(2 * count, sizeof *lan->configs);
    lan->plans = memory_make(2 * count, sizeof *lan->plans);
    lan->crypto = memory_make(count, sizeof *lan->crypto);
    lan->signers = memory_make(count, sizeof *lan->signers);
    for (unsigned v = 0; v < count; v++) {
        struct carp_config *pair = &lan->configs[2 * v];
        pair[0] = config_of(v, true, lan->shape.equal);
        pair[1] = config_of(v, false, lan->shape.equal);
        if (crypto_openssl_make(pair, &lan->crypto[v]) != 0) {
            fputs("carplab: bench: OpenSSL has no SHA-1 here\n", stderr);
            exit(2);
        }
        signer_make(&lan->signers[v], &lan->crypto[v], lan->shape.plain);
        struct carp_crypto crypto = lan->signers[v].crypto;
        if (lan->shape.unsigned_) {
            crypto.digest = sign_for_nothing;
        }
        lan->plans[2 * v] = (struct host_plan){&pair[0], crypto, 0};
        lan->plans[2 * v + 1] = (struct host_plan){&pair[1], crypto, 0};
    }
}

static void make_groups(struct lan *lan)
{
    size_t nodes = lan->shape.nodes, count = nodes * lan->shape.groups;
    lan->groups = make_large(count, sizeof *lan->groups);
    if (lan->shape.kept) {
        lan->books = memory_make(count, sizeof *lan->books);
        lan->machine_groups = memory_make(count, sizeof *lan->machine_groups);
    }
    for (unsigned v = 0; v < lan->shape.groups; v++) {
        for (size_t n = 0; n < nodes; n++) {
            struct host_group *group = &lan->groups[v * nodes + n];
            group->plan = &lan->plans[2 * v + (n != lan_master(lan, v))];
            group->book = lan->shape.kept ? &lan->books[v * nodes + n] : NULL;
        }
    }
}

static void make_node(struct lan *lan, unsigned index)
{
    char name[16];
    struct carp_self self = self_of(index);
    struct machine_group *held =
        lan->shape.kept ? &lan->machine_groups[(size_t)index * lan->shape.groups] : NULL;
    snprintf(name, sizeof name, "n%u", index);
    uint32_t node = daemon_add(&lan->world, name, &lan->groups[index], lan->shape.nodes,
                               lan->shape.groups, held);
    world_connect_nic(&lan->world, node, world_add_nic(&lan->world, node, &self), 0, CABLE);
}

void lan_make(struct lan *lan, const struct lan_shape *shape)
{
    *lan = (struct lan){.shape = *shape};
    decide_by_seed(&lan->decisions, 1);
    world_init(&lan->world, &lan->decisions);
    lan->world.plain = lan->world.frames.plain = shape->plain;
    if (shape->noted_twice) {
        lan->world.trace.sink = note_again;
        lan->world.trace.sink_self = &lan->second;
    }
    make_plans(lan);
    make_groups(lan);
    world_add_switch(&lan->world, "switch");
    for (unsigned n = 0; n < shape->nodes; n++) {
        make_node(lan, n);
    }
    if (shape->watched) {
        oracle_make(&lan->world);
    }
}

void lan_free(struct lan *lan)
{
    world_free(&lan->world);
    for (unsigned v = 0; v < lan->shape.groups; v++) {
        crypto_openssl_free(&lan->crypto[v]);
    }
    free(lan->configs);
    free(lan->plans);
    free(lan->crypto);
    free(lan->signers);
    free(lan->groups);
    free(lan->books);
    free(lan->machine_groups);
}

/* --- starting -----------------------------------------------------------------------------------
 */

static void boot_at(struct lan *lan, unsigned node, uint64_t ns)
{
    world_run(&lan->world, (carp_instant){ns});
    node_boot(&lan->world, &lan->world.nodes[node]);
}

/* First who is to be master, the groups' beats spread over the second; each of the others a little
 * after the one before, because a thousand membership reports at one instant are a million frames
 * at once. */
static void boot_in_turn(struct lan *lan)
{
    for (unsigned v = 0; v < lan->shape.groups; v++) {
        boot_at(lan, lan_master(lan, v),
                UINT64_C(1000000000) * (2 * v + 1) / (2 * (uint64_t)lan->shape.groups));
    }
    for (unsigned n = 0; n < lan->shape.nodes; n++) {
        if (!lan->world.nodes[n].on) {
            boot_at(lan, n, UINT64_C(1000000000) + n * UINT64_C(1000));
        }
    }
}

void lan_start(struct lan *lan)
{
    if (lan->shape.equal) {
        for (unsigned n = 0; n < lan->shape.nodes; n++) {
            node_boot(&lan->world, &lan->world.nodes[n]);
        }
    } else {
        boot_in_turn(lan);
    }
    world_run(&lan->world, LAN_STARTED);
}

bool lan_is_calm(const struct lan *lan)
{
    size_t nodes = lan->shape.nodes;
    for (unsigned v = 0; v < lan->shape.groups; v++) {
        for (size_t n = 0; n < nodes; n++) {
            bool is_master = carp_state(&lan->groups[v * nodes + n].carp) == CARP_MASTER;
            if (is_master != (n == lan_master(lan, v))) {
                return false;
            }
        }
    }
    return true;
}

/* --- measuring ----------------------------------------------------------------------------------
 */

double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* 0: not known, where there is no such file. Not ru_maxrss, which remembers what the process was
 * before fork() and exec(). */
uint64_t resident_peak(void)
{
    unsigned long long kib = 0;
    char line[128];
    FILE *status = fopen("/proc/self/status", "re");
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        if (sscanf(line, "VmHWM: %llu kB", &kib) == 1) {
            break;
        }
    }
    if (status != NULL) {
        fclose(status);
    }
    return kib * 1024;
}

/* All bytes that come through, or none that count. */
static bool read_all(int from, void *to, size_t size)
{
    size_t have = 0;
    while (have < size) {
        ssize_t got = read(from, (char *)to + have, size - have);
        if (got <= 0) {
            return false;
        }
        have += (size_t)got;
    }
    return true;
}

bool in_child(void (*work)(const void *in, void *out), const void *in, void *out, size_t size)
{
    int ends[2];
    fflush(stdout);
    if (pipe(ends) != 0) {
        return false;
    }
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        work(in, out);
        bool told = write(ends[1], out, size) == (ssize_t)size;
        _exit(told ? 0 : 1);
    }
    close(ends[1]);
    bool all = child > 0 && read_all(ends[0], out, size);
    int status = 1;
    close(ends[0]);
    return child > 0 && waitpid(child, &status, 0) == child && status == 0 && all;
}

struct task {
    struct lan_shape shape;
    uint64_t deliveries;
    unsigned rounds;
};

/* Adverts of a round, and who hears each. An advert more would be a transition's, because every
 * transition is told; one less, a master that stopped. */
static void check_round(const struct lan *lan, struct lan_figures *f, uint64_t sent,
                        uint64_t delivered)
{
    uint64_t adverts = (uint64_t)f->seconds * lan->shape.groups;
    f->deliveries = adverts * (lan->shape.nodes - 1);
    if (sent != adverts || delivered != f->deliveries) {
        snprintf(f->wrong, sizeof f->wrong,
                 "%llu frames sent and %llu delivered, where %llu and %llu are right",
                 (unsigned long long)sent, (unsigned long long)delivered,
                 (unsigned long long)adverts, (unsigned long long)f->deliveries);
    } else if (!lan_is_calm(lan)) {
        snprintf(f->wrong, sizeof f->wrong, "a group does not have the one master it should");
    } else if (lan->shape.watched && lan->world.oracle->total > 0) {
        snprintf(f->wrong, sizeof f->wrong, "the oracle saw %llu violations",
                 (unsigned long long)lan->world.oracle->total);
    }
}

static void run_round(struct lan *lan, struct lan_figures *f)
{
    struct world *w = &lan->world;
    uint64_t sent = w->sent, delivered = w->delivered;
    carp_instant end = instant_add(w->now, CARP_SECONDS(f->seconds));
    double start = cpu_seconds();
    f->events = 0;
    while (world_step(w, end)) {
        f->events += 1;
    }
    double took = cpu_seconds() - start;
    world_run(w, end);
    f->round_s = f->round_s == 0 || took < f->round_s ? took : f->round_s;
    check_round(lan, f, w->sent - sent, w->delivered - delivered);
}

static void measure(const void *in, void *out)
{
    const struct task *task = in;
    struct lan_figures *f = out;
    static struct lan lan;
    uint64_t each_second = (uint64_t)task->shape.groups * (task->shape.nodes - 1);
    uint64_t seconds = task->deliveries / each_second;
    seconds = seconds < 2 ? 2 : seconds > SECONDS_MAX ? SECONDS_MAX : seconds;
    f->seconds = (unsigned)seconds;
    f->rounds = task->rounds;
    f->empty_bytes = resident_peak();
    double start = cpu_seconds();
    lan_make(&lan, &task->shape);
    lan_start(&lan);
    f->start_s = cpu_seconds() - start;
    if (!lan_is_calm(&lan)) {
        snprintf(f->wrong, sizeof f->wrong, "the masters were not settled after the start");
    }
    for (unsigned i = 0; i < f->rounds && f->wrong[0] == '\0'; i++) {
        run_round(&lan, f);
    }
    memcpy(f->hash, lan.world.trace.hash, sizeof f->hash);
    f->peak_bytes = resident_peak();
    lan_free(&lan);
}

struct lan_figures lan_measure(const struct lan_shape *shape, uint64_t deliveries, unsigned rounds)
{
    struct task task = {*shape, deliveries, rounds};
    struct lan_figures figures = {0};
    if (!in_child(measure, &task, &figures, sizeof figures)) {
        snprintf(figures.wrong, sizeof figures.wrong, "the measurement did not end well");
    }
    return figures;
}
