/*
 * Equal timers, tightly: on a segment whose delay is exact, two and three nodes with the same
 * claim start at every offset of a grid and inside each other's delay, lose their master to a
 * partition of 9 s, and are all cut from each other for 9 s. Each time one of them is master within
 * a bounded number of master-down times, and nothing changes any more for 30 s.
 *
 * The peers are models of what was seen running (docs/PROTOCOL.md, "seen"):
 *
 *   kernel  yields in silence to every equal advert; its timers end with a tick of 10 ms of its own
 *           clock, one tick late (NetBSD) or two (FreeBSD under F-Stack); MAC 00:00:5e:00:01:vhid
 *   UCARP   stays or yields by address, last octet first, and says one last advert when it yields;
 *           reads frames up to 1 s late; looks at its timer once an interval; MAC
 * 00:00:5e:00:00:vhid ours    the engine itself, with the interface's MAC or with the kernels'
 * virtual one
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/lab.h"
#include "tools/testkit/testkit.h"

enum { NODES_MAX = 3, FLYING_MAX = 32, TRACE_MAX = 4096 };

#define MS    UINT64_C(1000000)
#define TICK  (10 * MS)
#define QUIET (30000 * MS)
#define CUT   (9000 * MS)

enum kind { NONE, OURS, OURS_VIRTUAL, NETBSD, FREEBSD, UCARP };

struct node {
    enum kind kind;
    uint8_t host;
    bool cut; /* neither hears nor is heard */
    bool started;
    struct carp carp;     /* OURS */
    bool master;          /* the models, from here on */
    uint64_t deadline_ns; /* OURS until it is started, too */
    uint64_t expires_ns;  /* UCARP: the master-down time, looked at when it polls */
    const struct carp_config *config;
};

struct flight {
    uint64_t at_ns;
    unsigned to;
    struct carp_packet packet;
};

struct world {
    uint64_t now_ns, delay_ns, late_ns;
    uint64_t interval_ns, down_ns;
    uint64_t changed_ns; /* when a node last took or lost the master's role */
    uint8_t advskew;
    unsigned node_count, flying_count;
    struct node nodes[NODES_MAX];
    struct flight flying[FLYING_MAX]; /* by time of arrival */
    size_t trace_size;
    char trace[TRACE_MAX]; /* changes of role, told when a run goes wrong */
};

/* Digests are not the subject: all zeros everywhere. */
static void zero_digest(void *self, unsigned key, enum auth_form form, uint64_t counter,
                        uint8_t digest[WIRE_DIGEST_SIZE])
{
    (void)self, (void)key, (void)form, (void)counter;
    memset(digest, 0, WIRE_DIGEST_SIZE);
}

static void zero_hmac(void *self, const uint8_t key[CARP_KEY_SIZE], const uint8_t *message,
                      size_t size, uint8_t digest[WIRE_DIGEST_SIZE])
{
    (void)self, (void)key, (void)message, (void)size;
    memset(digest, 0, WIRE_DIGEST_SIZE);
}

static const struct carp_crypto crypto = {NULL, zero_digest, zero_hmac};

static bool is_ours(const struct node *node)
{
    return node->kind == OURS || node->kind == OURS_VIRTUAL;
}

static bool is_master(const struct node *node)
{
    return is_ours(node) ? carp_state(&node->carp) == CARP_MASTER : node->master;
}

/* Every node that is not cut off hears it, a UCARP as late as it reads. */
static void put_on_wire(struct world *w, const struct node *from, const struct carp_packet *packet)
{
    for (unsigned to = 0; to < w->node_count; to++) {
        const struct node *node = &w->nodes[to];
        if (node == from || from->cut || node->cut) {
            continue;
        }
        ASSERT_TRUE(w->flying_count < FLYING_MAX);
        uint64_t at_ns = w->now_ns + w->delay_ns + (node->kind == UCARP ? w->late_ns : 0);
        unsigned slot = w->flying_count++;
        for (; slot > 0 && w->flying[slot - 1].at_ns > at_ns; slot--) {
            w->flying[slot] = w->flying[slot - 1];
        }
        w->flying[slot].at_ns = at_ns;
        w->flying[slot].to = to;
        w->flying[slot].packet = *packet;
    }
}

/* --- the models ------------------------------------------------------------------------------- */

static void model_send(struct world *w, struct node *node)
{
    struct carp_packet packet = {
        .family = 4,
        .ttl = FRAME_TTL,
        .source = {192, 0, 2, node->host},
        .destination = {224, 0, 0, 18},
        .source_mac = {0, 0, 0x5e, 0, node->kind == UCARP ? 0 : 1, 7},
        .advert = {.version = 2,
                   .type = 1,
                   .vhid = 7,
                   .advskew = w->advskew,
                   .authlen = 7,
                   .advbase = 1,
                   .counter =
                       w->now_ns}, /* grows; how peers count is carp_replay_test.c's subject */
    };
    put_on_wire(w, node, &packet);
}

/* A wait of whole ticks, from the last tick of the node's own clock. */
static uint64_t kernel_timer(const struct node *node, uint64_t now_ns, uint64_t wait_ns)
{
    uint64_t phase_ns = node->host * UINT64_C(1370000) % TICK;
    uint64_t last_tick_ns = (now_ns + TICK - phase_ns) / TICK * TICK - TICK + phase_ns;
    uint64_t extra = node->kind == NETBSD ? 1 : 2;
    return last_tick_ns + ((wait_ns + TICK - 1) / TICK + extra) * TICK;
}

static void model_arm(struct world *w, struct node *node, uint64_t wait_ns)
{
    bool polls = node->kind == UCARP;
    node->deadline_ns = polls ? w->now_ns + w->interval_ns : kernel_timer(node, w->now_ns, wait_ns);
    node->expires_ns = w->now_ns + wait_ns;
}

static void model_listen(struct world *w, struct node *node)
{
    node->master = false;
    model_arm(w, node, w->down_ns);
}

static void model_timeout(struct world *w, struct node *node)
{
    if (!node->started) {
        node->started = true;
        model_listen(w, node);
    } else if (node->kind == UCARP && !node->master && w->now_ns < node->expires_ns) {
        node->deadline_ns = w->now_ns + w->interval_ns; /* polled, and it is not time yet */
    } else {
        node->master = true;
        model_send(w, node);
        model_arm(w, node, w->interval_ns);
    }
}

/* What arrived, or NULL: its deadline. Every advert here is an equal one. */
static void model_act(struct world *w, struct node *node, const struct carp_packet *heard)
{
    if (heard == NULL) {
        model_timeout(w, node);
    } else if (!node->started) {
        return;
    } else if (!node->master || node->kind != UCARP) {
        model_listen(w, node);
    } else if (heard->source[3] < node->host) { /* the addresses differ in this octet only */
        model_send(w, node);
        model_listen(w, node);
    }
}

/* --- the engine ------------------------------------------------------------------------------- */

static void ours_step(struct world *w, struct node *node, const struct carp_event *event)
{
    struct carp_outcome out;
    carp_step(node->config, &crypto, &node->carp, (carp_instant){w->now_ns}, event, &out);
    for (unsigned i = 0; i < out.count; i++) {
        if (out.at[i].type == CARP_SEND) {
            struct carp_packet packet;
            EXPECT_INT(CARP_ACCEPTED, frame_parse(out.at[i].frame, out.at[i].size, &packet));
            put_on_wire(w, node, &packet);
        }
    }
}

/* What arrived, or NULL: the node's deadline, which is its start the first time. */
static void ours_act(struct world *w, struct node *node, const struct carp_packet *heard)
{
    struct carp_event event = {.type = CARP_EVENT_TIMEOUT};
    if (heard != NULL) {
        event = (struct carp_event){.type = CARP_EVENT_ADVERT, .packet = heard};
    } else if (!node->started) {
        node->started = true;
        event = (struct carp_event){.type = CARP_EVENT_LINK_UP,
                                    .link = {.mac = {2, 0, 0, 0, 0, node->host},
                                             .has_ipv4 = true,
                                             .ipv4 = {192, 0, 2, node->host}}};
    }
    ours_step(w, node, &event);
}

/* --- the world ------------------------------------------------------------------------------- */

static uint64_t due_ns(const struct node *node)
{
    return is_ours(node) && node->started ? carp_deadline(&node->carp).ns : node->deadline_ns;
}

__attribute__((format(printf, 2, 3))) static void note(struct world *w, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    size_t left = sizeof w->trace - w->trace_size;
    int size = vsnprintf(w->trace + w->trace_size, left, format, arguments);
    va_end(arguments);
    w->trace_size += (size_t)size < left ? (size_t)size : left - 1;
}

static void note_role(struct world *w, const struct node *node)
{
    w->changed_ns = w->now_ns;
    note(w, " %llu.%06llu:%u%c", (unsigned long long)(w->now_ns / (1000 * MS)),
         (unsigned long long)(w->now_ns / 1000 % 1000000), node->host, is_master(node) ? '+' : '-');
}

/* The node whose deadline is next. */
static struct node *first_due(struct world *w)
{
    struct node *first = &w->nodes[0];
    for (unsigned i = 1; i < w->node_count; i++) {
        if (due_ns(&w->nodes[i]) < due_ns(first)) {
            first = &w->nodes[i];
        }
    }
    return first;
}

/* The next thing that happens, if it does until then: what arrives goes before what is due. */
static bool advance(struct world *w, uint64_t until_ns)
{
    struct node *node = first_due(w);
    bool arrives = w->flying_count > 0 && w->flying[0].at_ns <= due_ns(node);
    uint64_t next_ns = arrives ? w->flying[0].at_ns : due_ns(node);
    if (next_ns > until_ns) {
        w->now_ns = until_ns;
        return false;
    }
    w->now_ns = next_ns;
    struct carp_packet packet;
    if (arrives) {
        node = &w->nodes[w->flying[0].to];
        packet = w->flying[0].packet;
        w->flying_count--;
        memmove(&w->flying[0], &w->flying[1], w->flying_count * sizeof w->flying[0]);
    }
    bool was_master = is_master(node);
    if (is_ours(node)) {
        ours_act(w, node, arrives ? &packet : NULL);
    } else {
        model_act(w, node, arrives ? &packet : NULL);
    }
    if (was_master != is_master(node)) {
        note_role(w, node);
    }
    return true;
}

static void run(struct world *w, uint64_t until_ns)
{
    while (advance(w, until_ns)) {
    }
}

static unsigned count_masters(const struct world *w)
{
    unsigned count = 0;
    for (unsigned i = 0; i < w->node_count; i++) {
        count += is_master(&w->nodes[i]);
    }
    return count;
}

/* --- the runs --------------------------------------------------------------------------------- */

#define GROUP(skew, mac)                                                                           \
    {                                                                                              \
        .vhid = 7, .advbase = 1, .advskew = (skew), .dead_ratio = 3,                               \
        .ipv4_group = {224, 0, 0, 18}, .key_count = 1, .ipv4_count = 1, .ipv4 = {{192, 0, 2, 7}},  \
        .source_mac = (mac)                                                                        \
    }

static const struct carp_config configs[2][2] = {
    {GROUP(0, CARP_SOURCE_MAC_INTERFACE), GROUP(0, CARP_SOURCE_MAC_VIRTUAL)},
    {GROUP(100, CARP_SOURCE_MAC_INTERFACE), GROUP(100, CARP_SOURCE_MAC_VIRTUAL)},
};

struct mix {
    const char *name;
    enum kind kinds[NODES_MAX]; /* with the addresses .11, .12, .13 */
    uint8_t advskew;            /* of all; advbase is 1 */
    unsigned downs_max;         /* master-down times until the last change */
};

static void begin(struct world *w, const struct mix *mix, uint64_t offset_ns, uint64_t delay_ns,
                  uint64_t late_ns, uint64_t seed)
{
    w->now_ns = w->changed_ns = 0;
    w->delay_ns = delay_ns;
    w->late_ns = late_ns;
    w->advskew = mix->advskew;
    w->interval_ns = 1000 * MS + mix->advskew * UINT64_C(3906250);
    w->down_ns = 2000 * MS + w->interval_ns;
    w->node_count = w->flying_count = 0;
    w->trace_size = 0;
    w->trace[0] = '\0';
    for (unsigned i = 0; i < NODES_MAX && mix->kinds[i] != NONE; i++) {
        struct node *node = &w->nodes[w->node_count++];
        *node = (struct node){
            .kind = mix->kinds[i],
            .host = (uint8_t)(11 + i),
            .deadline_ns = 1000 * MS + i * offset_ns,
            .config = &configs[mix->advskew == 100][mix->kinds[i] == OURS_VIRTUAL],
        };
        carp_init(&node->carp, seed * NODES_MAX + i, UINT64_C(1) << 40);
    }
}

/* From here on: one master within the bound, and then 30 s without a change. */
static void expect_one_master(struct world *w, const struct mix *mix, const char *after)
{
    uint64_t from_ns = w->now_ns, bound_ns = mix->downs_max * w->down_ns;
    do {
        run(w, (w->changed_ns > from_ns ? w->changed_ns : from_ns) + QUIET);
    } while (w->changed_ns + QUIET > w->now_ns && w->now_ns < from_ns + bound_ns + QUIET);
    bool in_time = w->changed_ns <= from_ns + bound_ns;
    if (count_masters(w) != 1 || !in_time) {
        tk_fail(__FILE__, __LINE__, "%s: %u masters, last change after %llu ms;%s", after,
                count_masters(w), (unsigned long long)((w->changed_ns - from_ns) / MS), w->trace);
    }
    w->trace_size = 0;
    w->trace[0] = '\0';
}

static void cut_for_9_s(struct world *w, bool all, uint64_t after_ns)
{
    run(w, w->now_ns + after_ns);
    for (unsigned i = 0; i < w->node_count; i++) {
        w->nodes[i].cut = all || is_master(&w->nodes[i]);
    }
    run(w, w->now_ns + CUT);
    if (all) {
        EXPECT_INT(w->node_count, count_masters(w)); /* the cut did what it should */
    }
    for (unsigned i = 0; i < w->node_count; i++) {
        w->nodes[i].cut = false;
    }
    w->trace_size = 0;
}

/* How long after the start of one node the next starts: a grid over a master-down time, and eighths
 * of the delay, where adverts cross. */
enum { CROSSING = 9, GRID_MS = 25, GRID_END_MS = 3400 };

static uint64_t offset_of(unsigned index, uint64_t delay_ns)
{
    return index < CROSSING ? index * delay_ns / 8 : (index - CROSSING) * GRID_MS * MS;
}

static void check_run(struct world *w, const struct mix *mix, uint64_t offset_ns, uint64_t delay_ns,
                      uint64_t late_ns, uint64_t seed)
{
    char row[160];
    snprintf(row, sizeof row, "%s 1/%u: offset %llu us, delay %llu us, UCARP reads after %llu ms",
             mix->name, mix->advskew, (unsigned long long)(offset_ns / 1000),
             (unsigned long long)(delay_ns / 1000), (unsigned long long)(late_ns / MS));
    tk_row(row);
    begin(w, mix, offset_ns, delay_ns, late_ns, seed);
    run(w, 1000 * MS + (w->node_count - 1) * offset_ns); /* all have started */
    expect_one_master(w, mix, "start");
    cut_for_9_s(w, false, offset_ns % w->interval_ns);
    expect_one_master(w, mix, "the master was cut off");
    cut_for_9_s(w, true, offset_ns % w->interval_ns);
    expect_one_master(w, mix, "all were cut off");
    tk_row(NULL);
}

static const uint64_t delays_ns[] = {MS / 10, 1 * MS, 5 * MS, 15 * MS, 40 * MS};
static const uint64_t lates_ns[] = {200 * MS, 600 * MS, 1000 * MS};

/* Every delay, every crossing, and each `stride`th offset of the grid; the lateness goes round. */
static void check_mixes(const struct mix *mixes, size_t count, unsigned stride)
{
    static struct world w;
    for (size_t m = 0; m < count; m++) {
        uint64_t seed = 0;
        for (size_t d = 0; d < sizeof delays_ns / sizeof *delays_ns; d++) {
            unsigned i = 0;
            while (i < CROSSING + GRID_END_MS / GRID_MS + 1) {
                uint64_t late_ns = lates_ns[seed % 3];
                check_run(&w, &mixes[m], offset_of(i, delays_ns[d]), delays_ns[d], late_ns, seed);
                seed++;
                i += i < CROSSING ? 1 : stride;
            }
        }
    }
}

#define CHECK(mixes, stride) check_mixes((mixes), sizeof(mixes) / sizeof *(mixes), (stride))

/* clang-format off */
static const struct mix ours_alone[] = {
    {"ours, ours", {OURS, OURS}, 100, 2},
    {"ours, ours", {OURS, OURS}, 0, 2},
    {"ours, ours, ours", {OURS, OURS, OURS}, 100, 2},
    {"virtual, virtual", {OURS_VIRTUAL, OURS_VIRTUAL}, 100, 5},
    {"ours, virtual", {OURS, OURS_VIRTUAL}, 100, 5},
    {"virtual, ours", {OURS_VIRTUAL, OURS}, 100, 2},
    {"virtual, virtual, virtual", {OURS_VIRTUAL, OURS_VIRTUAL, OURS_VIRTUAL}, 100, 8},
    {"ours, virtual, ours", {OURS, OURS_VIRTUAL, OURS}, 100, 5},
};

static const struct mix with_kernel[] = {
    {"ours, NetBSD", {OURS, NETBSD}, 100, 3},
    {"ours, NetBSD", {OURS, NETBSD}, 0, 4},
    {"NetBSD, ours", {NETBSD, OURS}, 100, 5},
    {"ours, FreeBSD", {OURS, FREEBSD}, 100, 3},
    {"virtual, NetBSD", {OURS_VIRTUAL, NETBSD}, 100, 3},
};

static const struct mix with_ucarp[] = {
    {"ours, UCARP", {OURS, UCARP}, 100, 2},
    {"ours, UCARP", {OURS, UCARP}, 0, 2},
    {"UCARP, ours", {UCARP, OURS}, 100, 2},
    {"UCARP, ours", {UCARP, OURS}, 0, 2},
    {"virtual, UCARP", {OURS_VIRTUAL, UCARP}, 100, 2},
};

static const struct mix threes[] = {
    {"ours, ours, NetBSD", {OURS, OURS, NETBSD}, 100, 8},
    {"ours, NetBSD, ours", {OURS, NETBSD, OURS}, 100, 8},
    {"ours, FreeBSD, ours", {OURS, FREEBSD, OURS}, 0, 8},
    {"ours, ours, UCARP", {OURS, OURS, UCARP}, 100, 8},
    {"ours, UCARP, ours", {OURS, UCARP, OURS}, 100, 8},
    {"UCARP, ours, ours", {UCARP, OURS, OURS}, 100, 8},
    {"ours, UCARP, UCARP", {OURS, UCARP, UCARP}, 100, 8},
    {"UCARP, UCARP, ours", {UCARP, UCARP, OURS}, 0, 8},
    {"ours, NetBSD, UCARP", {OURS, NETBSD, UCARP}, 100, 8},
    {"ours, NetBSD, UCARP", {OURS, NETBSD, UCARP}, 0, 8},
    {"UCARP, ours, NetBSD", {UCARP, OURS, NETBSD}, 100, 8},
    {"NetBSD, UCARP, ours", {NETBSD, UCARP, OURS}, 100, 8},
    {"ours, NetBSD, NetBSD", {OURS, NETBSD, NETBSD}, 100, 8},
    {"ours, NetBSD, FreeBSD", {OURS, NETBSD, FREEBSD}, 0, 8},
    {"ours, NetBSD, NetBSD", {OURS, NETBSD, NETBSD}, 0, 8},
    {"FreeBSD, FreeBSD, ours", {FREEBSD, FREEBSD, OURS}, 100, 8},
    {"NetBSD, ours, FreeBSD", {NETBSD, OURS, FREEBSD}, 100, 8},
    {"ours, FreeBSD, UCARP", {OURS, FREEBSD, UCARP}, 100, 8},
    {"virtual, NetBSD, NetBSD", {OURS_VIRTUAL, NETBSD, NETBSD}, 100, 8},
};
/* clang-format on */

TEST_CASE(carp_convergence, of_nodes_of_ours_from_every_start_and_after_every_cut)
{
    CHECK(ours_alone, 1);
}

TEST_CASE(carp_convergence, with_an_equal_kernel_from_every_start_and_after_every_cut)
{
    CHECK(with_kernel, 1);
}

TEST_CASE(carp_convergence, with_an_equal_ucarp_from_every_start_and_after_every_cut)
{
    CHECK(with_ucarp, 1);
}

TEST_CASE(carp_convergence, of_three_equal_nodes_of_two_or_three_kinds)
{
    CHECK(threes, 1);
}

/* That the bench can tell: what livelocked in the laboratory (testdata/captures) does so here. */
TEST_CASE(carp_convergence, never_comes_to_peers_that_livelocked_in_the_laboratory)
{
    static const struct {
        struct mix mix;
        uint64_t delay_ms;
    } pairs[] = {
        {{"NetBSD, NetBSD", {NETBSD, NETBSD}, 100, 0}, 15},
        {{"FreeBSD, FreeBSD", {FREEBSD, FREEBSD}, 100, 0}, 40},
        {{"NetBSD, FreeBSD", {NETBSD, FREEBSD}, 100, 0}, 40},
        {{"NetBSD, UCARP", {NETBSD, UCARP}, 100, 0}, 1},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        static struct world w;
        tk_row(pairs[i].mix.name);
        begin(&w, &pairs[i].mix, 0, pairs[i].delay_ms * MS, 1000 * MS, 1);
        run(&w, 300000 * MS);
        EXPECT_TRUE(w.changed_ns > 290000 * MS);
    }
}
