/*
 * The machine in memory: addresses with lifetimes, commands that take their time, errors on demand.
 */
#include "io/sim/machine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tools/testkit/testkit.h"

enum { GROUPS = 2 };

/* What the machine told: "+0" when group 0's addresses came, "-0" when they went, "s0" when a frame
 * left. */
struct bench {
    struct machine machine;
    struct machine_group groups[GROUPS];
    char told[256];
};

static void tell(struct bench *b, char what, unsigned group)
{
    size_t used = strlen(b->told);
    snprintf(b->told + used, sizeof b->told - used, "%s%c%u", used > 0 ? " " : "", what, group);
}

static int transmit(void *self, unsigned group, const uint8_t *frame, size_t size)
{
    (void)frame, (void)size;
    tell(self, 's', group);
    return 0;
}

static void held(void *self, unsigned group, bool holds)
{
    tell(self, holds ? '+' : '-', group);
}

static struct machine *init(struct bench *b)
{
    *b = (struct bench){.machine = {.self = b,
                                    .transmit = transmit,
                                    .held = held,
                                    .groups = b->groups,
                                    .group_count = GROUPS}};
    machine_init(&b->machine);
    return &b->machine;
}

static void expect_told(struct bench *b, const char *want)
{
    EXPECT_STR(want, b->told);
    b->told[0] = '\0';
}

static const struct port_guard guard = {.patience = {UINT64_C(3390625000)}};

static void run_at(struct machine *m, uint64_t ms)
{
    m->now.ns = ms * 1000000;
    machine_run(m);
}

TEST_CASE(machine, holds_what_is_claimed_until_it_is_released_and_tells_each_change_once)
{
    static struct bench b;
    struct machine *m = init(&b);
    EXPECT_INT(0, machine_claim(m, 0, &guard));
    EXPECT_INT(0, machine_claim(m, 0, &guard));
    EXPECT_INT(0, machine_claim(m, 1, &guard));
    EXPECT_INT(0, machine_release(m, 0));
    EXPECT_INT(0, machine_release(m, 0));
    expect_told(&b, "+0 +1 -0");
    EXPECT_TRUE(!b.groups[0].held && b.groups[1].held);
    EXPECT_U64(guard.patience.ns, b.groups[1].guard.patience.ns);
}

/* 3.39 s of patience are 4 whole seconds, and one to spare: 5 s from the last sign of life. */
TEST_CASE(machine, addresses_end_with_their_lifetime_unless_it_is_renewed)
{
    static struct bench b;
    struct machine *m = init(&b);
    m->now.ns = 1000000000;
    machine_claim(m, 0, &guard);
    EXPECT_U64(UINT64_C(6000000000), machine_due(m).ns);
    m->now.ns = UINT64_C(2500000000);
    machine_renew(m);
    EXPECT_U64(UINT64_C(7500000000), machine_due(m).ns);
    run_at(m, 7499);
    expect_told(&b, "+0");
    run_at(m, 7500);
    expect_told(&b, "-0");
    EXPECT_U64(CARP_NEVER.ns, machine_due(m).ns);
    machine_renew(m); /* what is gone is not renewed */
    EXPECT_U64(CARP_NEVER.ns, machine_due(m).ns);
}

/* A lifetime of 5 s is renewed each 1.25 s, however often the daemon runs. */
TEST_CASE(machine, renews_four_times_a_lifetime)
{
    static struct bench b;
    struct machine *m = init(&b);
    EXPECT_U64(CARP_NEVER.ns, m->renew_at.ns);
    machine_claim(m, 0, &guard);
    EXPECT_U64(1250000000, m->renew_at.ns);
    m->now.ns = 1249999999;
    machine_renew(m);
    EXPECT_U64(UINT64_C(5000000000), machine_due(m).ns);
    m->now.ns = 1300000000;
    machine_renew(m);
    EXPECT_U64(UINT64_C(6300000000), machine_due(m).ns);
    EXPECT_U64(UINT64_C(2550000000), m->renew_at.ns);
    machine_release(m, 0);
    m->now.ns = UINT64_C(2550000000);
    machine_renew(m);
    EXPECT_U64(CARP_NEVER.ns, m->renew_at.ns);
}

/* A patience of 3 s exactly is 3 s and one to spare. */
TEST_CASE(machine, a_lifetime_is_the_patience_in_whole_seconds_and_one_more)
{
    static struct bench b;
    struct machine *m = init(&b);
    machine_claim(m, 0, &(struct port_guard){.patience = CARP_SECONDS(3)});
    EXPECT_U64(UINT64_C(4000000000), machine_due(m).ns);
    machine_claim(m, 1, &(struct port_guard){.patience = {1}});
    EXPECT_U64(UINT64_C(2000000000), machine_due(m).ns);
}

TEST_CASE(machine, an_unguarded_machine_ends_nothing_by_itself)
{
    static struct bench b;
    struct machine *m = init(&b);
    m->unguarded = true;
    machine_claim(m, 0, &guard);
    EXPECT_U64(CARP_NEVER.ns, machine_due(m).ns);
    run_at(m, 1000000);
    expect_told(&b, "+0");
}

/* Up takes 200 ms, down 300. */
static struct machine *init_with_commands(struct bench *b)
{
    struct machine *m = init(b);
    m->commands = true;
    m->up_time = CARP_MILLISECONDS(200);
    m->down_time = CARP_MILLISECONDS(300);
    return m;
}

TEST_CASE(machine, commands_take_their_time)
{
    static struct bench b;
    struct machine *m = init_with_commands(&b);
    machine_claim(m, 0, &guard);
    expect_told(&b, "");
    EXPECT_U64(200000000, machine_due(m).ns);
    run_at(m, 199);
    expect_told(&b, "");
    run_at(m, 200);
    expect_told(&b, "+0");
    EXPECT_U64(CARP_NEVER.ns, machine_due(m).ns); /* and there is no lifetime */
    run_at(m, 1000);
    machine_release(m, 0);
    run_at(m, 1299);
    expect_told(&b, "");
    run_at(m, 1300);
    expect_told(&b, "-0");
    EXPECT_U64(2, b.groups[0].commands);
}

/* While the first runs there come down, up and down: only the last is looked at. */
TEST_CASE(machine, of_wishes_that_come_while_a_command_runs_the_newest_wins)
{
    static struct bench b;
    struct machine *m = init_with_commands(&b);
    machine_claim(m, 0, &guard);
    run_at(m, 50);
    machine_release(m, 0);
    run_at(m, 100);
    machine_claim(m, 0, &guard);
    run_at(m, 150);
    machine_release(m, 0);
    run_at(m, 200);
    expect_told(&b, "+0");
    EXPECT_U64(500000000, machine_due(m).ns);
    run_at(m, 500);
    expect_told(&b, "-0");
    EXPECT_U64(2, b.groups[0].commands);
    EXPECT_U64(CARP_NEVER.ns, machine_due(m).ns);
}

TEST_CASE(machine, a_wish_that_was_taken_back_needs_no_command)
{
    static struct bench b;
    struct machine *m = init_with_commands(&b);
    machine_claim(m, 0, &guard);
    run_at(m, 50);
    machine_release(m, 0);
    machine_claim(m, 0, &guard);
    run_at(m, 1000);
    expect_told(&b, "+0");
    EXPECT_U64(1, b.groups[0].commands);
    machine_claim(m, 0, &guard); /* with a new guard */
    EXPECT_U64(1, b.groups[0].commands);
}

TEST_CASE(machine, errors_come_back_and_change_nothing)
{
    static struct bench b;
    struct machine *m = init(&b);
    m->send_error = -ENOBUFS;
    EXPECT_INT(-ENOBUFS, machine_send(m, 1, b.groups[0].guard.farewell[0], 42));
    m->claim_error = -EPERM;
    EXPECT_INT(-EPERM, machine_claim(m, 0, &guard));
    expect_told(&b, "");
    EXPECT_U64(1, m->send_failures);
    m->send_error = m->claim_error = 0;
    EXPECT_INT(0, machine_send(m, 1, b.groups[0].guard.farewell[0], 42));
    EXPECT_INT(0, machine_claim(m, 0, &guard));
    expect_told(&b, "s1 +0");
}

/* What could not be released is guarded still, and ends with its lifetime; unless it is claimed
 * again, which renews it at once. */
TEST_CASE(machine, what_cannot_be_released_stays_until_its_lifetime_is_over)
{
    static struct bench b;
    struct machine *m = init(&b);
    machine_claim(m, 0, &guard);
    m->now.ns = 1000000000;
    m->release_error = -ETIMEDOUT;
    EXPECT_INT(-ETIMEDOUT, machine_release(m, 0));
    EXPECT_TRUE(b.groups[0].wanted);
    m->now.ns = 2000000000;
    machine_renew(m);
    run_at(m, 4999);
    expect_told(&b, "+0");
    machine_claim(m, 0, &guard);
    EXPECT_U64(UINT64_C(9999000000), machine_due(m).ns);
    machine_release(m, 0);
    run_at(m, 9999);
    expect_told(&b, "-0");
    m->release_error = 0;
    EXPECT_INT(0, machine_release(m, 0));
    EXPECT_TRUE(!b.groups[0].wanted);
    expect_told(&b, "");
}

TEST_CASE(machine, what_is_taken_is_gone_at_once_with_the_command_that_ran)
{
    static struct bench b;
    struct machine *m = init_with_commands(&b);
    machine_claim(m, 0, &guard);
    run_at(m, 200);
    machine_claim(m, 1, &guard);
    machine_take(m, 0);
    machine_take(m, 1);
    run_at(m, 1000);
    expect_told(&b, "+0 -0");
    EXPECT_TRUE(!b.groups[0].wanted && !b.groups[1].wanted);
    EXPECT_U64(CARP_NEVER.ns, machine_due(m).ns);
}

/* In the largest worlds nobody asks who holds what. */
TEST_CASE(machine, without_groups_everything_succeeds_and_nothing_is_due)
{
    static struct bench b;
    struct machine *m = init(&b);
    m->groups = NULL;
    machine_init(m);
    EXPECT_INT(0, machine_claim(m, 0, NULL));
    EXPECT_INT(0, machine_release(m, 0));
    machine_renew(m);
    machine_take(m, 0);
    run_at(m, 1000);
    EXPECT_U64(CARP_NEVER.ns, machine_due(m).ns);
    EXPECT_INT(0, machine_send(m, 0, guard.farewell[0], 42));
    expect_told(&b, "s0");
}
