/*
 * Every call through io/port.h that can fail is made to fail in turn, and every frame is lost in
 * turn, over the basic things that happen to a pair: a (advskew 0) and b (advskew 100), which
 * preempt. The oracles watch all the time; in the end a is the master, and alone holds the address.
 *
 * A run without faults says how many calls and frames there are. Then there is one run for each of
 * them, and each way to fail.
 */
#include <errno.h>
#include <stdio.h>

#include "sim/oracle.h"
#include "sim/world_lab.h"
#include "tools/testkit/testkit.h"

enum { A, B, PAIR };

/* Something happens at 5 s, and is over at 11 s. Faults begin until 15 s and last until 24 s: so
 * long that three adverts have failed, a master-down time is over, and the lifetime of what could
 * not be released. Who could not hold the addresses waits 30 s and a master-down time, who could
 * not send for ten of the slowest, so all is well again by 75 s. */
enum {
    HAPPENS_MS = 5000,
    OVER_MS = 11000,
    FAULTS_BEGIN_MS = 15000,
    FAULTS_END_MS = 24000,
    HEALED_MS = 75000
};

enum call { SEND, CLAIM, RELEASE, CALL_COUNT };
enum lasting { ONCE, THE_KIND, EVERYTHING, LASTING_COUNT };

static const char *const call_words[] = {"send", "claim", "release"};
static const char *const lasting_words[] = {"once", "this kind until 24 s",
                                            "everything until 24 s"};

static struct faulty {
    struct world_lab lab;
    struct port real[PAIR];
    uint64_t calls;   /* so far, while faults may begin */
    uint64_t fail_at; /* the number of the call that fails; 0: none */
    enum lasting lasts;
    bool failing; /* what began with it goes on */
    uint32_t failing_node;
    enum call failing_call;
    unsigned failed;
    int holders; /* while it still fails, at the end of that: the oracles ask nothing of who
                    cannot send */

    int (*transmit)(void *self, unsigned group, const uint8_t *frame, size_t size);
    uint64_t frames;  /* so far, while they may be lost */
    uint64_t lose_at; /* the number of the one that is; 0: none */
    unsigned lost;
} faulty;

/* --- the port, with faults --------------------------------------------------------------------
 */

static bool is_before(uint64_t ms)
{
    return faulty.lab.world.now.ns < ms * 1000000;
}

static bool fails(uint32_t node, enum call call)
{
    struct faulty *f = &faulty;
    f->calls += is_before(FAULTS_BEGIN_MS);
    f->failing &= is_before(FAULTS_END_MS);
    if (f->calls == f->fail_at && f->failed == 0) {
        f->failing = f->lasts != ONCE;
        f->failing_node = node;
        f->failing_call = call;
    } else if (!f->failing || node != f->failing_node ||
               (f->lasts == THE_KIND && call != f->failing_call)) {
        return false;
    }
    f->failed += 1;
    oracle_disturbed(&f->lab.world);
    return true;
}

static int send(void *self, unsigned group, const uint8_t *frame, size_t size)
{
    struct daemon *d = self;
    d->machine.send_error = fails(d->node, SEND) ? -ENOBUFS : 0;
    int error = faulty.real[d->node].send(self, group, frame, size);
    if (faulty.lasts == ONCE) {
        d->machine.send_error = 0;
    }
    return error;
}

static int claim(void *self, unsigned group, const struct port_guard *guard)
{
    struct daemon *d = self;
    d->machine.claim_error = fails(d->node, CLAIM) ? -ENOMEM : 0;
    return faulty.real[d->node].claim(self, group, guard);
}

static int release(void *self, unsigned group)
{
    struct daemon *d = self;
    d->machine.release_error = fails(d->node, RELEASE) ? -ETIMEDOUT : 0;
    return faulty.real[d->node].release(self, group);
}

static int transmit(void *self, unsigned group, const uint8_t *frame, size_t size)
{
    const struct daemon *d = self;
    faulty.frames += is_before(FAULTS_BEGIN_MS);
    if (faulty.frames != faulty.lose_at || faulty.lost > 0) {
        return faulty.transmit(self, group, frame, size);
    }
    faulty.lost += 1;
    faulty.failing_node = d->node;
    oracle_disturbed(&faulty.lab.world);
    return 0;
}

/* After each start of the daemon: until then it calls none of these. */
static void put_between(uint32_t node)
{
    struct port *port = &daemon_of(world_lab_node(&faulty.lab, node))->host.port;
    faulty.real[node] = *port;
    port->send = send;
    port->claim = claim;
    port->release = release;
}

/* --- what happens to the pair -----------------------------------------------------------------
 */

static struct node *a(void)
{
    return world_lab_node(&faulty.lab, A);
}

static void begin_nothing(void)
{
}

static void end_nothing(void)
{
}

static void begin_takeover(void)
{
    node_crash(&faulty.lab.world, a());
}

static void end_takeover(void)
{
    node_boot(&faulty.lab.world, a());
    put_between(A);
}

static void begin_farewell(void)
{
    node_stop(&faulty.lab.world, a());
}

static void begin_kill(void)
{
    node_kill(&faulty.lab.world, a());
}

static void end_stop(void)
{
    node_start(&faulty.lab.world, a());
    put_between(A);
}

static void begin_yield(void)
{
    daemon_yield(&faulty.lab.world, a(), 0);
}

static void begin_restore(void)
{
    daemon_lose_address(&faulty.lab.world, a(), 0);
}

static void begin_freeze(void)
{
    node_freeze(&faulty.lab.world, a());
}

static void end_freeze(void)
{
    node_thaw(&faulty.lab.world, a());
}

static void begin_link(void)
{
    node_set_link(&faulty.lab.world, a(), 0, false);
}

static void end_link(void)
{
    node_set_link(&faulty.lab.world, a(), 0, true);
}

static const struct basic {
    const char *name;
    void (*begin)(void), (*end)(void);
    bool dual_stack, commands;
} basics[] = {
    {"start", begin_nothing, end_nothing, false, false},
    {"takeover and return", begin_takeover, end_takeover, false, false},
    {"takeover and return, dual stack", begin_takeover, end_takeover, true, false},
    {"takeover and return, commands", begin_takeover, end_takeover, false, true},
    {"farewell and return", begin_farewell, end_stop, false, false},
    {"killed worker", begin_kill, end_stop, false, false},
    {"killed worker, commands", begin_kill, end_stop, false, true},
    {"yield", begin_yield, end_nothing, false, false},
    {"restore", begin_restore, end_nothing, false, false},
    {"disowned", begin_freeze, end_freeze, false, false},
    {"link down and up", begin_link, end_link, true, false},
};

enum { BASIC_COUNT = sizeof basics / sizeof basics[0] };

/* --- runs ---------------------------------------------------------------------------------------
 */

static void prepare(const struct basic *basic)
{
    struct world_lab *lab = &faulty.lab;
    world_lab_init(lab, 1);
    lab->dual_stack = basic->dual_stack;
    world_lab_daemon(lab, "a", 0);
    world_lab_daemon(lab, "b", 100);
    for (uint32_t i = 0; i < PAIR; i++) {
        struct machine *m = &daemon_of(world_lab_node(lab, i))->machine;
        m->commands = basic->commands;
        m->up_time = m->down_time = CARP_MILLISECONDS(20);
    }
}

static void carry_through(const struct basic *basic)
{
    struct world_lab *lab = &faulty.lab;
    world_lab_boot(lab);
    put_between(A);
    put_between(B);
    world_lab_run(lab, HAPPENS_MS);
    basic->begin();
    world_lab_run(lab, OVER_MS);
    basic->end();
    world_lab_run(lab, FAULTS_END_MS);
    faulty.holders = world_lab_holds(lab, A) + world_lab_holds(lab, B);
    world_lab_run(lab, HEALED_MS);
}

/* As it must be in the end, and one holder before, whatever failed; false: it is not, and what
 * happened was shown. */
static bool is_well(const char *what)
{
    struct world_lab *lab = &faulty.lab;
    bool well = lab->world.oracle->total == 0 && faulty.holders == 1 &&
                world_lab_state(lab, A) == CARP_MASTER && world_lab_state(lab, B) == CARP_BACKUP &&
                world_lab_holds(lab, A) && !world_lab_holds(lab, B) &&
                world_lab_unaccounted(lab) == 0 && world_lab_leaked(lab) == 0;
    if (!well) {
        tk_row(what);
        EXPECT_STR("", lab->world.oracle->violations[0].text);
        EXPECT_INT(1, faulty.holders);
        EXPECT_INT(CARP_MASTER, world_lab_state(lab, A));
        EXPECT_INT(CARP_BACKUP, world_lab_state(lab, B));
        EXPECT_INT(1, world_lab_holds(lab, A));
        EXPECT_INT(0, world_lab_holds(lab, B));
        EXPECT_INT(0, world_lab_unaccounted(lab));
        EXPECT_INT(0, world_lab_leaked(lab));
        EXPECT_STR("", lab->story);
        tk_row(NULL);
    }
    return well;
}

/* One run; how many calls there were while faults could begin. */
static bool run_with_call(const struct basic *basic, uint64_t fail_at, enum lasting lasts)
{
    char what[160];
    faulty.calls = faulty.failed = 0;
    faulty.fail_at = fail_at;
    faulty.lasts = lasts;
    faulty.failing = false;
    prepare(basic);
    carry_through(basic);
    snprintf(what, sizeof what, "%s: call %llu fails, a %s of %c, %s", basic->name,
             (unsigned long long)fail_at, call_words[faulty.failing_call],
             "ab"[faulty.failing_node], lasting_words[lasts]);
    bool well = is_well(what) && (faulty.failed > 0) == (fail_at > 0);
    world_lab_free(&faulty.lab);
    return well;
}

TEST_CASE(faults, every_call_through_the_port_fails_in_turn)
{
    bool seen[PAIR][CALL_COUNT] = {{false}};
    uint64_t runs = 0;
    for (unsigned s = 0; s < BASIC_COUNT; s++) {
        ASSERT_TRUE(run_with_call(&basics[s], 0, ONCE));
        uint64_t calls = faulty.calls;
        for (uint64_t k = 1; k <= calls; k++) {
            for (enum lasting lasts = ONCE; lasts < LASTING_COUNT; lasts++) {
                ASSERT_TRUE(run_with_call(&basics[s], k, lasts));
                runs += 1;
            }
            seen[faulty.failing_node][faulty.failing_call] = true;
        }
    }
    for (unsigned node = 0; node < PAIR; node++) {
        for (unsigned call = 0; call < CALL_COUNT; call++) {
            tk_row(call_words[call]);
            EXPECT_TRUE(seen[node][call]);
        }
    }
    tk_row(NULL);
    printf("%llu runs\n", (unsigned long long)runs);
}

/* The same with a frame that is lost on its way; the guardian's farewell is one, too. */
static bool run_with_frame(const struct basic *basic, uint64_t lost_at)
{
    char what[160];
    faulty.fail_at = faulty.frames = faulty.lost = 0;
    faulty.lose_at = lost_at;
    prepare(basic);
    for (uint32_t i = 0; i < PAIR; i++) {
        struct machine *m = &daemon_of(world_lab_node(&faulty.lab, i))->machine;
        faulty.transmit = m->transmit;
        m->transmit = transmit;
    }
    carry_through(basic);
    snprintf(what, sizeof what, "%s: frame %llu is lost, one of %c", basic->name,
             (unsigned long long)lost_at, "ab"[faulty.failing_node]);
    bool well = is_well(what) && faulty.lost == (lost_at > 0);
    world_lab_free(&faulty.lab);
    return well;
}

TEST_CASE(faults, every_frame_is_lost_in_turn)
{
    uint64_t runs = 0;
    for (unsigned s = 0; s < BASIC_COUNT; s++) {
        ASSERT_TRUE(run_with_frame(&basics[s], 0));
        uint64_t frames = faulty.frames;
        for (uint64_t k = 1; k <= frames; k++) {
            ASSERT_TRUE(run_with_frame(&basics[s], k));
            runs += 1;
        }
    }
    printf("%llu runs\n", (unsigned long long)runs);
}
