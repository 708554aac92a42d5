/*
 * Personas among themselves, as the genuine stacks were paired in the laboratory: bsd-reactions.md
 * sections 3 and 4, over a hub with an exact delay.
 *
 * There one run was made of each. What it showed depended on where the clocks' ticks and UCARP's
 * capture buffer happened to lie; here each row is run from a grid of such phases, and what was
 * seen must be what happens from most of them, or from as many as a row says and explains.
 */
#include <stdio.h>
#include <string.h>

#include "sim/persona_lab.h"
#include "tools/testkit/testkit.h"

enum { GRID = 10, PORT_POLL_MS = 2 };

#define FB PERSONA_FREEBSD
#define NB PERSONA_NETBSD
#define UC PERSONA_UCARP

static struct persona_lab lab;

struct member {
    enum persona_kind kind;
    uint8_t host, advbase, advskew; /* host 0: none */
};

/* Every node at another phase, all of them by the number of the run. */
static void build(const struct member *members, unsigned count, bool preempt, unsigned run)
{
    static const unsigned steps[] = {1, 3, 7};
    persona_lab_begin(&lab);
    for (unsigned i = 0; i < count && members[i].host != 0; i++) {
        unsigned at = run / (i == 0 ? 1 : i == 1 ? GRID : 3) * steps[i] % GRID;
        unsigned node = persona_lab_add(&lab, members[i].kind, members[i].host, members[i].advbase,
                                        members[i].advskew);
        struct persona_lab_node *n = &lab.nodes[node];
        n->carp.preempt = preempt;
        n->config.tick_phase.ns = at * LAB_MS + 100000 * i;
        n->config.read_phase.ns = (at * 97 + 13) * LAB_MS;
        n->config.up_script = n->config.down_script = CARP_MILLISECONDS(2);
        n->poll_ns = members[i].kind == FB ? PORT_POLL_MS * LAB_MS : 0;
    }
}

static unsigned transitions(uint64_t from_ns)
{
    unsigned count = 0;
    for (unsigned i = 0; i < lab.node_count; i++) {
        count += persona_lab_count(&lab, i, NOTE_STATE, from_ns, UINT64_MAX);
    }
    return count;
}

static unsigned masters(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < lab.node_count; i++) {
        count += persona_lab_state(&lab, i) == CARP_MASTER;
    }
    return count;
}

/* The only master, or -1. */
static int master(void)
{
    int found = -1;
    for (unsigned i = 0; i < lab.node_count; i++) {
        if (persona_lab_state(&lab, i) == CARP_MASTER) {
            found = found == -1 ? (int)i : -2;
        }
    }
    return found < 0 ? -1 : found;
}

/* Foreign adverts hold all nodes in BACKUP; node 1 hears the last one later by the offset, or node
 * 0 earlier. Returns when the first of them is left alone. */
static uint64_t hold(int offset_ms)
{
    uint64_t last_ns = lab.now_ns + 5 * LAB_S;
    for (unsigned i = 0; i < lab.node_count; i++) {
        persona_lab_start(&lab, i);
    }
    for (int second = 4; second >= 0; second--) {
        for (int late = 0; late < 2; late++) {
            uint64_t at_ns = last_ns - (uint64_t)second * LAB_S;
            at_ns += (uint64_t)(late ? offset_ms > 0 ? offset_ms : -offset_ms : 0) * LAB_MS;
            persona_lab_run(&lab, at_ns);
            for (unsigned i = 0; i < lab.node_count; i++) {
                if ((i == 1) == ((offset_ms >= 0) == (late == 1))) {
                    persona_lab_advert(&lab, i, 0, 0, 1000 - (uint64_t)second);
                }
            }
        }
    }
    return last_ns;
}

/* --- section 3: left alone -------------------------------------------------------------------- */

static const struct row {
    const char *why;
    struct member members[3];
    int offset_ms[2]; /* how much later node 1 heard the last advert */
    bool off, on;     /* preempt */
    int winner;
    unsigned transitions;
    unsigned percent_min;
} rows[] = {
    /* clang-format off */
    {"equal 1/100: NetBSD's timer is 10 ms shorter",
     {{FB, 11, 1, 100}, {NB, 12, 1, 100}}, {0, 2}, 1, 1, 1, 1, 95},
    {"equal 1/100, NetBSD later", {{FB, 11, 1, 100}, {NB, 12, 1, 100}}, {20, 300}, 1, 1, 0, 1, 95},
    {"equal 1/100, NetBSD much later",
     {{FB, 11, 1, 100}, {NB, 12, 1, 100}}, {900, 900}, 1, 1, 0, 1, 100},
    {"equal 1/100, FreeBSD later",
     {{FB, 11, 1, 100}, {NB, 12, 1, 100}}, {-20, -300}, 1, 1, 1, 1, 100},
    {"equal 1/0 together", {{FB, 11, 1, 0}, {NB, 12, 1, 0}}, {0, 0}, 1, 1, 1, 1, 100},
    {"FreeBSD and UCARP with a lower address, equal 1/100",
     {{FB, 11, 1, 100}, {UC, 3, 1, 100}}, {0, 300}, 1, 1, 0, 1, 100},
    {"FreeBSD and UCARP with a higher address, equal 1/100",
     {{FB, 11, 1, 100}, {UC, 20, 1, 100}}, {-300, 900}, 1, 1, 0, 1, 100},
    {"NetBSD and UCARP with a lower address, equal 1/100",
     {{NB, 12, 1, 100}, {UC, 3, 1, 100}}, {0, 300}, 1, 1, 0, 1, 100},
    {"NetBSD and UCARP with a higher address, equal 1/100",
     {{NB, 12, 1, 100}, {UC, 20, 1, 100}}, {-300, 900}, 1, 1, 0, 1, 100},
    {"FreeBSD and UCARP, equal 1/0", {{FB, 11, 1, 0}, {UC, 20, 1, 0}}, {0, 0}, 1, 1, 0, 1, 90},
    {"NetBSD and UCARP, equal 1/0", {{NB, 12, 1, 0}, {UC, 3, 1, 0}}, {0, 0}, 1, 1, 0, 1, 95},
    {"FreeBSD 1/50 and NetBSD 1/100", {{FB, 11, 1, 50}, {NB, 12, 1, 100}}, {0, 0}, 1, 1, 0, 1, 100},
    {"NetBSD 1/50 and FreeBSD 1/100", {{NB, 11, 1, 50}, {FB, 12, 1, 100}}, {0, 0}, 1, 1, 0, 1, 100},
    /* UCARP is before it when it reads its last advert within 0.4 s: then its timer ends before it
     * reads the kernel's advert. FreeBSD was seen in the one case, NetBSD in the other. */
    {"FreeBSD 1/100 and UCARP 1/50, UCARP reads after more than 0.4 s",
     {{FB, 11, 1, 100}, {UC, 20, 1, 50}}, {0, 0}, 1, 0, 0, 1, 50},
    {"NetBSD 1/100 and UCARP 1/50, UCARP reads within 0.4 s",
     {{NB, 11, 1, 100}, {UC, 20, 1, 50}}, {0, 0}, 1, 0, 1, 3, 30},
    {"FreeBSD 1/100 and UCARP 1/50 that preempts",
     {{FB, 11, 1, 100}, {UC, 20, 1, 50}}, {0, 0}, 0, 1, 1, 3, 100},
    {"NetBSD 1/100 and UCARP 1/50 that preempts",
     {{NB, 11, 1, 100}, {UC, 20, 1, 50}}, {0, 0}, 0, 1, 1, 3, 100},
    {"three, equal 1/100",
     {{FB, 11, 1, 100}, {NB, 12, 1, 100}, {UC, 20, 1, 100}}, {0, 0}, 1, 1, 1, 1, 95},
    {"three, FreeBSD before NetBSD before UCARP",
     {{FB, 11, 1, 0}, {NB, 12, 1, 50}, {UC, 20, 1, 100}}, {0, 0}, 1, 1, 0, 1, 100},
    /* UCARP's 3.0 s and the time to read: seen to be more than 0.2 s. */
    {"three, UCARP the fastest",
     {{UC, 20, 1, 0}, {FB, 11, 1, 50}, {NB, 12, 1, 100}}, {0, 0}, 1, 0, 1, 1, 70},
    {"three, UCARP the fastest, preempting",
     {{UC, 20, 1, 0}, {FB, 11, 1, 50}, {NB, 12, 1, 100}}, {0, 0}, 0, 1, 0, 3, 70},
    /* clang-format on */
};

static void check_row(const struct row *row, bool preempt, int offset_ms)
{
    unsigned as_seen = 0;
    for (unsigned run = 0; run < GRID * GRID; run++) {
        build(row->members, 3, preempt, run);
        uint64_t alone_ns = hold(offset_ms);
        persona_lab_run(&lab, alone_ns + 60 * LAB_S);
        as_seen += master() == row->winner && transitions(alone_ns) == row->transitions;
        persona_lab_end(&lab);
    }
    if (as_seen * 100 < row->percent_min * GRID * GRID) {
        tk_fail(__FILE__, __LINE__, "preempt %d, offset %d ms: as seen in %u of %d runs", preempt,
                offset_ms, as_seen, GRID * GRID);
    }
}

TEST_CASE(persona_pairs, left_alone_come_to_the_master_that_was_seen)
{
    for (const struct row *row = rows; row < rows + sizeof rows / sizeof *rows; row++) {
        tk_row(row->why);
        for (int variant = 0; variant < 4; variant++) {
            bool preempt = variant / 2 != 0;
            if ((preempt ? row->on : row->off) &&
                (variant % 2 == 0 || row->offset_ms[1] != row->offset_ms[0])) {
                check_row(row, preempt, row->offset_ms[variant % 2]);
            }
        }
    }
}

/* --- a slower master that is there ------------------------------------------------------------ */

static const struct member slow_and_fast[][2] = {
    {{FB, 11, 1, 100}, {NB, 12, 1, 50}}, {{NB, 11, 1, 100}, {FB, 12, 1, 50}},
    {{FB, 11, 1, 100}, {UC, 20, 1, 50}}, {{NB, 11, 1, 100}, {UC, 20, 1, 50}},
    {{UC, 20, 1, 100}, {FB, 11, 1, 50}}, {{UC, 20, 1, 100}, {NB, 12, 1, 50}},
    {{FB, 11, 1, 100}, {FB, 12, 1, 50}}, {{NB, 11, 1, 100}, {NB, 12, 1, 50}},
};

enum { SLOW, FAST };

/* Starts the fast one beside the slow master; returns when its first slow advert arrives. */
static uint64_t meet_slow_master(const struct member *members, bool preempt, unsigned run)
{
    build(members, 2, preempt, run);
    persona_lab_start(&lab, SLOW);
    persona_lab_run(&lab, 9 * LAB_S + run * 37 * LAB_MS);
    EXPECT_INT(CARP_MASTER, persona_lab_state(&lab, SLOW));
    persona_lab_start(&lab, FAST);
    uint64_t from_ns = lab.now_ns;
    persona_lab_run(&lab, from_ns + 60 * LAB_S);
    return persona_lab_next(&lab, SLOW, NOTE_ADVERT, from_ns)->ns;
}

TEST_CASE(persona_pairs, without_preempt_stay_with_a_slower_master)
{
    for (size_t i = 0; i < sizeof slow_and_fast / sizeof *slow_and_fast; i++) {
        for (unsigned run = 0; run < GRID; run++) {
            meet_slow_master(slow_and_fast[i], false, run);
            EXPECT_INT(SLOW, master());
            persona_lab_end(&lab);
        }
    }
}

/* Kernels preempt within 3 ms, UCARP within the second it takes to read; and likewise they yield,
 * kernels in silence, UCARP with one last advert. */
TEST_CASE(persona_pairs, with_preempt_take_over_from_a_slower_master_as_fast_as_they_read)
{
    for (size_t i = 0; i < sizeof slow_and_fast / sizeof *slow_and_fast; i++) {
        for (unsigned run = 0; run < GRID; run++) {
            const struct member *members = slow_and_fast[i];
            uint64_t advert_ns = meet_slow_master(members, true, run);
            EXPECT_INT(FAST, master());
            uint64_t slack_ns = members[FAST].kind == UC ? 1010 * LAB_MS : 3 * LAB_MS;
            uint64_t taken_ns = persona_lab_next(&lab, FAST, NOTE_ADVERT, advert_ns)->ns;
            EXPECT_TRUE(taken_ns - advert_ns <= slack_ns);
            uint64_t yield_ns = persona_lab_next(&lab, SLOW, NOTE_STATE, taken_ns)->ns;
            slack_ns = members[SLOW].kind == UC ? 1010 * LAB_MS : 3 * LAB_MS;
            EXPECT_TRUE(yield_ns - taken_ns <= slack_ns);
            EXPECT_U64(members[SLOW].kind == UC,
                       persona_lab_count(&lab, SLOW, NOTE_ADVERT, yield_ns, UINT64_MAX));
            EXPECT_U64(2, transitions(advert_ns));
            persona_lab_end(&lab);
        }
    }
}

/* --- adverts that cross ----------------------------------------------------------------------- */

struct crossing {
    unsigned livelocks, stable; /* of 100 runs: changes to the end; one change in all */
    unsigned rounds;            /* transitions of the last livelock */
};

static struct crossing cross(enum persona_kind a, enum persona_kind b, uint64_t delay_us)
{
    const struct member members[] = {{a, 11, 1, 100}, {b, 12, 1, 100}};
    struct crossing seen = {0};
    for (unsigned run = 0; run < GRID * GRID; run++) {
        build(members, 2, false, run);
        lab.delay_ns = delay_us * 1000;
        uint64_t alone_ns = hold(0);
        persona_lab_run(&lab, alone_ns + 60 * LAB_S);
        bool livelock = transitions(alone_ns + 50 * LAB_S) > 0;
        seen.livelocks += livelock;
        seen.stable += transitions(alone_ns) == 1;
        seen.rounds = livelock ? transitions(alone_ns) : seen.rounds;
        persona_lab_end(&lab);
    }
    return seen;
}

/* "17 rounds of about 3.45 s, 68 transitions" */
TEST_CASE(persona_pairs, of_equal_kernels_livelock_over_a_delay_longer_than_their_timers_differ)
{
    static const enum persona_kind pairs[][2] = {{FB, FB}, {NB, NB}, {FB, NB}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        tk_row(persona_word(pairs[i][1]));
        struct crossing ms_15 = cross(pairs[i][0], pairs[i][1], 15000);
        struct crossing ms_40 = cross(pairs[i][0], pairs[i][1], 40000);
        EXPECT_TRUE(ms_15.livelocks >= (i < 2 ? 100 : 50));
        EXPECT_INT(100, ms_40.livelocks);
        EXPECT_TRUE(ms_15.rounds >= 66 && ms_15.rounds <= 72);
        EXPECT_TRUE(ms_40.rounds >= 66 && ms_40.rounds <= 72);
    }
}

/* Below: by where their ticks lie. FreeBSD and NetBSD differ by a tick, and were always stable. */
TEST_CASE(persona_pairs, of_equal_kernels_on_a_fast_hub_livelock_by_the_phase_of_their_clocks)
{
    static const uint64_t delays_us[] = {300, 1000, 5000};
    for (size_t i = 0; i < sizeof delays_us / sizeof *delays_us; i++) {
        struct crossing freebsd = cross(FB, FB, delays_us[i]);
        struct crossing netbsd = cross(NB, NB, delays_us[i]);
        struct crossing both = cross(FB, NB, delays_us[i]);
        EXPECT_TRUE(freebsd.livelocks > 0 && freebsd.livelocks < 90 && freebsd.stable > 0);
        EXPECT_TRUE(netbsd.livelocks > 0 && netbsd.livelocks < 90 && netbsd.stable > 0);
        EXPECT_TRUE(both.stable >= 70);
    }
}

/* --- section 4: heals ------------------------------------------------------------------------- */

enum { ZERO, ONE };

/* Node 0 becomes MASTER, is cut off for 9 s, node 1 takes over; then the cut is healed at an
 * instant that goes over an interval. Returns that instant. */
static uint64_t heal(const struct member *members, unsigned run)
{
    build(members, 2, false, run);
    persona_lab_start(&lab, ZERO);
    persona_lab_run(&lab, 9 * LAB_S);
    EXPECT_INT(CARP_MASTER, persona_lab_state(&lab, ZERO));
    persona_lab_start(&lab, ONE);
    persona_lab_run(&lab, 12 * LAB_S + run % 13 * 170 * LAB_MS);
    EXPECT_INT(CARP_BACKUP, persona_lab_state(&lab, ONE));
    lab.nodes[ZERO].cut = true;
    persona_lab_run(&lab, lab.now_ns + 9 * LAB_S + run * 14 * LAB_MS);
    EXPECT_INT(2, masters());
    lab.nodes[ZERO].cut = false;
    return ++lab.now_ns; /* what was sent at that very instant was lost */
}

static unsigned arps(uint64_t from_ns)
{
    return persona_lab_count(&lab, ZERO, NOTE_ARP, from_ns, UINT64_MAX) +
           persona_lab_count(&lab, ONE, NOTE_ARP, from_ns, UINT64_MAX);
}

/* Whose advert comes first stays; silent; the other's neighbours are told nothing. */
TEST_CASE(persona_heals, of_two_equal_kernels_leave_the_one_that_is_heard_first)
{
    static const struct member pairs[][2] = {{{FB, 11, 1, 100}, {NB, 12, 1, 100}},
                                             {{NB, 11, 1, 100}, {FB, 12, 1, 100}}};
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned run = 0; run < GRID * GRID; run++) {
            uint64_t healed_ns = heal(pairs[i], run);
            persona_lab_run(&lab, healed_ns + 60 * LAB_S);
            uint64_t zero_ns = persona_lab_when(&lab, ZERO, NOTE_ADVERT, healed_ns);
            uint64_t one_ns = persona_lab_when(&lab, ONE, NOTE_ADVERT, healed_ns);
            uint64_t apart_ns = zero_ns < one_ns ? one_ns - zero_ns : zero_ns - one_ns;
            if (apart_ns > 5 * LAB_MS) { /* else they cross */
                EXPECT_INT(zero_ns < one_ns ? ZERO : ONE, master());
                EXPECT_U64(1, transitions(healed_ns));
                EXPECT_U64(0, arps(healed_ns));
            }
            persona_lab_end(&lab);
        }
    }
}

TEST_CASE(persona_heals, of_two_kernels_leave_the_faster_one_within_its_interval)
{
    static const struct {
        struct member members[2];
        int winner;
    } pairs[] = {
        {{{FB, 11, 1, 100}, {NB, 12, 1, 50}}, ONE},
        {{{NB, 11, 1, 0}, {FB, 12, 1, 50}}, ZERO},
        {{{NB, 11, 1, 245}, {FB, 12, 1, 254}}, ONE}, /* FreeBSD sends 240 */
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        for (unsigned run = 0; run < GRID * GRID; run++) {
            uint64_t healed_ns = heal(pairs[i].members, run);
            persona_lab_run(&lab, healed_ns + 2 * LAB_S);
            EXPECT_INT(pairs[i].winner, master());
            EXPECT_U64(1, transitions(healed_ns));
            EXPECT_U64(0, arps(healed_ns));
            persona_lab_end(&lab);
        }
    }
}

/* The kernel yields at UCARP's next advert. UCARP announces only when it has read an advert of the
 * kernel's by then or reads one later. */
TEST_CASE(persona_heals, of_a_kernel_and_a_preferred_ucarp_leave_ucarp)
{
    static const struct member pairs[][2] = {{{FB, 11, 1, 100}, {UC, 20, 1, 50}},
                                             {{NB, 11, 1, 100}, {UC, 3, 1, 100}}};
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned run = 0; run < GRID * GRID; run++) {
            uint64_t healed_ns = heal(pairs[i], run);
            persona_lab_run(&lab, healed_ns + 20 * LAB_S);
            EXPECT_INT(ONE, master());
            uint64_t yielded_ns = persona_lab_next(&lab, ZERO, NOTE_STATE, healed_ns)->ns;
            EXPECT_TRUE(yielded_ns - healed_ns < 1400 * LAB_MS);
            unsigned heard = persona_lab_count(&lab, ZERO, NOTE_ADVERT, healed_ns, yielded_ns);
            EXPECT_TRUE(heard == 0 ? arps(healed_ns) == 0 : arps(healed_ns) >= 2);
            persona_lab_end(&lab);
        }
    }
}

TEST_CASE(persona_heals, of_a_faster_kernel_and_ucarp_end_with_ucarps_farewell_within_a_second)
{
    static const struct member pairs[][2] = {{{FB, 11, 1, 50}, {UC, 20, 1, 100}},
                                             {{NB, 11, 1, 50}, {UC, 3, 1, 100}}};
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned run = 0; run < GRID * GRID; run++) {
            uint64_t healed_ns = heal(pairs[i], run);
            persona_lab_run(&lab, healed_ns + 20 * LAB_S);
            EXPECT_INT(ZERO, master());
            uint64_t advert_ns = persona_lab_when(&lab, ZERO, NOTE_ADVERT, healed_ns);
            const struct persona_note *yield = persona_lab_next(&lab, ONE, NOTE_STATE, healed_ns);
            EXPECT_TRUE(yield->ns - advert_ns <= 1003 * LAB_MS);
            EXPECT_U64(1, persona_lab_count(&lab, ONE, NOTE_ADVERT, yield->ns, UINT64_MAX));
            EXPECT_U64(1, transitions(healed_ns));
            EXPECT_U64(0, arps(healed_ns));
            persona_lab_end(&lab);
        }
    }
}

/* Both yield when the kernel is heard first: it at UCARP's next advert, UCARP to the kernel's, read
 * late. Then the kernel takes over 3.4 s after the farewell (43 of 43). Heard first, UCARP stays
 * (13 of 13). */
TEST_CASE(persona_heals, of_an_equal_kernel_and_a_ucarp_not_preferred_end_in_a_mutual_yield)
{
    unsigned mutual = 0, heard_first = 0;
    for (unsigned run = 0; run < GRID * GRID; run++) {
        const struct member pair[2] = {{run % 2 == 0 ? FB : NB, 11, 1, 100}, {UC, 20, 1, 100}};
        uint64_t healed_ns = heal(pair, run);
        persona_lab_run(&lab, healed_ns + 30 * LAB_S);
        uint64_t kernel_ns = persona_lab_when(&lab, ZERO, NOTE_ADVERT, healed_ns);
        uint64_t ucarp_ns = persona_lab_when(&lab, ONE, NOTE_ADVERT, healed_ns);
        if (ucarp_ns + 5 * LAB_MS < kernel_ns) {
            EXPECT_INT(ONE, master());
            EXPECT_U64(1, transitions(healed_ns));
            heard_first++;
        } else if (kernel_ns + 5 * LAB_MS < ucarp_ns && transitions(healed_ns) == 3) {
            EXPECT_INT(ZERO, master());
            const struct persona_note *yield = persona_lab_next(&lab, ONE, NOTE_STATE, healed_ns);
            const struct persona_note *back = persona_lab_next(&lab, ZERO, NOTE_ADVERT, yield->ns);
            uint64_t after_ns = back->ns - yield->ns;
            EXPECT_TRUE(after_ns >= 3400 * LAB_MS && after_ns <= 3425 * LAB_MS);
            EXPECT_U64(1, arps(healed_ns));
            mutual++;
        }
        persona_lab_end(&lab);
    }
    EXPECT_TRUE(mutual >= 20);
    EXPECT_TRUE(heard_first >= 20);
}

/* FreeBSD's 3.01 to 3.02 s lose to UCARP's 3.00 (12 of 12). */
TEST_CASE(persona_heals, of_an_equal_1_0_freebsd_and_ucarp_leave_ucarp)
{
    unsigned ucarp = 0;
    for (unsigned run = 0; run < GRID * GRID; run++) {
        const struct member pair[2] = {{FB, 11, 1, 0}, {UC, 20, 1, 0}};
        uint64_t healed_ns = heal(pair, run);
        persona_lab_run(&lab, healed_ns + 60 * LAB_S);
        ucarp += master() == ONE;
        persona_lab_end(&lab);
    }
    EXPECT_TRUE(ucarp >= 90);
}

/* Both take over within 3 ms, NetBSD yields, UCARP a second later: 3 of 12 to the end, each 4 s. */
TEST_CASE(persona_heals, of_an_equal_1_0_netbsd_and_ucarp_may_livelock_every_4_s)
{
    unsigned livelocks = 0, ucarp = 0;
    for (unsigned run = 0; run < GRID * GRID; run++) {
        const struct member pair[2] = {{NB, 14, 1, 0}, {UC, 20, 1, 0}};
        uint64_t healed_ns = heal(pair, run);
        persona_lab_run(&lab, healed_ns + 62 * LAB_S);
        bool livelock = transitions(healed_ns + 52 * LAB_S) > 0;
        if (livelock) {
            uint64_t first_ns = 0, from_ns = healed_ns + 20 * LAB_S;
            for (int i = 0; i < 2; i++) {
                const struct persona_note *n = persona_lab_next(&lab, ZERO, NOTE_STATE, from_ns);
                n = n->to == CARP_MASTER ? n : persona_lab_next(&lab, ZERO, NOTE_STATE, n->ns + 1);
                EXPECT_TRUE(i == 0 || (n->ns - first_ns >= 3990 * LAB_MS &&
                                       n->ns - first_ns <= 4010 * LAB_MS));
                first_ns = n->ns;
                from_ns = n->ns + LAB_S;
            }
        }
        livelocks += livelock;
        ucarp += master() == ONE && !livelock;
        persona_lab_end(&lab);
    }
    EXPECT_TRUE(livelocks > 0 && livelocks < 80);
    EXPECT_TRUE(ucarp >= 20);
}

/* The lower address stays; the other yields when it reads an advert, with one last of its own. The
 * winner announces for each advert of the loser's it reads, and once more two adverts later. */
TEST_CASE(persona_heals, of_two_equal_ucarps_leave_the_lower_address)
{
    for (unsigned run = 0; run < GRID * GRID; run++) {
        const struct member pair[2] = {{UC, 20, 1, 0}, {UC, 3, 1, 0}};
        uint64_t healed_ns = heal(pair, run);
        persona_lab_run(&lab, healed_ns + 30 * LAB_S);
        EXPECT_INT(ONE, master());
        const struct persona_note *yield = persona_lab_next(&lab, ZERO, NOTE_STATE, healed_ns);
        EXPECT_TRUE(yield->ns - healed_ns <= 2010 * LAB_MS);
        unsigned heard = persona_lab_count(&lab, ZERO, NOTE_ADVERT, healed_ns, UINT64_MAX);
        unsigned told = persona_lab_count(&lab, ONE, NOTE_ARP, healed_ns, UINT64_MAX);
        EXPECT_TRUE(heard >= 1 && told >= heard + 1 && told <= heard + 2);
        persona_lab_end(&lab);
    }
}
