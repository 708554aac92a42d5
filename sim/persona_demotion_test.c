/*
 * Demotion, links, ioctls and send errors of the kernels: each row of bsd-reactions.md section 2,
 * "Demotion", and what carp-protocol.md 4.5 to 4.7 has of send errors, which were not seen.
 */
#include <errno.h>
#include <string.h>

#include "sim/persona_lab.h"
#include "tools/testkit/testkit.h"

static struct persona_lab lab;

static void begin(enum persona_kind kind, uint8_t advbase, uint8_t advskew, bool preempt)
{
    persona_lab_begin(&lab);
    persona_lab_add(&lab, kind, 11, advbase, advskew);
    lab.nodes[0].carp.preempt = preempt;
    persona_lab_start(&lab, 0);
}

static struct persona *persona(void)
{
    return &lab.nodes[0].persona;
}

static carp_instant now(void)
{
    return (carp_instant){lab.now_ns};
}

static void run(unsigned ms)
{
    persona_lab_run(&lab, lab.now_ns + ms * LAB_MS);
}

static uint64_t ms_since(uint64_t ns)
{
    return (lab.now_ns - ns) / LAB_MS;
}

/* Let time pass until the next advert; returns it. */
static const struct carp_advert *next_advert(void)
{
    unsigned from = lab.note_count;
    while (ms_since(0) < 1000000) {
        persona_lab_run(&lab, persona_deadline(persona()).ns);
        for (unsigned i = from; i < lab.note_count; i++) {
            if (lab.notes[i].type == NOTE_ADVERT) {
                return &lab.notes[i].packet.advert;
            }
        }
    }
    static const struct carp_advert none;
    tk_fail(__FILE__, __LINE__, "no advert");
    return &none;
}

static void expect_next(uint8_t advskew, unsigned interval_ms)
{
    uint64_t last_ns = lab.now_ns;
    EXPECT_INT(advskew, next_advert()->advskew);
    EXPECT_U64(interval_ms, ms_since(last_ns));
}

static unsigned frames_since(unsigned note)
{
    unsigned count = 0;
    for (unsigned i = note; i < lab.note_count; i++) {
        count += lab.notes[i].size > 0;
    }
    return count;
}

/* --- FreeBSD ---------------------------------------------------------------------------------- */

static const struct {
    uint8_t advskew, first_ms_10; /* the interval that was running, in 10 ms above 1 s */
    int demotion;
    uint8_t sent;
    unsigned interval_ms;
} freebsd_rows[] = {
    {0, 2, 50, 50, 1220},      {100, 42, 50, 150, 1610},  {200, 81, 50, 240, 1960},
    {0, 2, 290, 240, 1960},    {100, 42, 290, 240, 1960}, {200, 81, 290, 240, 1960},
    {100, 42, -150, 206, 830}, {0, 2, -150, 106, 440},    {200, 81, -150, 50, 1220},
};

TEST_CASE(persona_demotion, of_freebsd_shows_with_the_next_scheduled_advert)
{
    for (size_t i = 0; i < sizeof freebsd_rows / sizeof *freebsd_rows; i++) {
        begin(PERSONA_FREEBSD, 1, freebsd_rows[i].advskew, false);
        next_advert();
        next_advert();
        run(100);
        unsigned notes = lab.note_count;
        persona_demote(persona(), now(), freebsd_rows[i].demotion);
        EXPECT_INT(notes, lab.note_count);
        expect_next(freebsd_rows[i].sent, 1000 + freebsd_rows[i].first_ms_10 * 10u - 100);
        expect_next(freebsd_rows[i].sent, freebsd_rows[i].interval_ms);
        expect_next(freebsd_rows[i].sent, freebsd_rows[i].interval_ms);
        persona_lab_end(&lab);
    }
}

/* As its source says, where the task runs that the laboratory's build lacked. */
TEST_CASE(persona_demotion, of_freebsd_with_task_queues_is_advertised_at_once)
{
    persona_lab_begin(&lab);
    persona_lab_add(&lab, PERSONA_FREEBSD, 11, 1, 0);
    lab.nodes[0].config.demotion_at_once = true;
    persona_lab_start(&lab, 0);
    next_advert();
    run(100);
    persona_demote(persona(), now(), 50);
    EXPECT_U64(lab.now_ns, lab.notes[lab.note_count - 1].ns);
    EXPECT_INT(50, lab.notes[lab.note_count - 1].packet.advert.advskew);
    expect_next(50, 1220);
    persona_lab_end(&lab);
}

/* "compares 150" */
TEST_CASE(persona_demotion, of_freebsd_counts_when_a_master_compares)
{
    begin(PERSONA_FREEBSD, 1, 100, false);
    persona_demote(persona(), now(), 50);
    next_advert();
    persona_lab_advert(&lab, 0, 1, 160, 1);
    EXPECT_INT(CARP_MASTER, persona_lab_state(&lab, 0));
    persona_lab_advert(&lab, 0, 1, 120, 2);
    EXPECT_INT(CARP_BACKUP, persona_lab_state(&lab, 0));
    persona_lab_end(&lab);
}

/* A demotion of -150 makes 1/100 compare 50 below zero: stays before 1/0, and sends 206. */
TEST_CASE(persona_demotion, of_freebsd_below_zero_makes_two_masters)
{
    begin(PERSONA_FREEBSD, 1, 100, false);
    persona_demote(persona(), now(), -150);
    next_advert();
    persona_lab_advert(&lab, 0, 1, 0, 1);
    EXPECT_INT(CARP_MASTER, persona_lab_state(&lab, 0));
    EXPECT_INT(206, next_advert()->advskew);
    persona_lab_end(&lab);
}

static void expect_backup_hears(int demotion, bool preempt, uint8_t own_skew, uint8_t advbase,
                                uint8_t advskew, enum carp_state state)
{
    begin(PERSONA_FREEBSD, 1, own_skew, preempt);
    persona_demote(persona(), now(), demotion);
    run(500);
    persona_lab_advert(&lab, 0, advbase, advskew, 1);
    EXPECT_INT(state, persona_lab_state(&lab, 0));
    persona_lab_end(&lab);
}

TEST_CASE(persona_demotion, of_freebsd_counts_when_a_backup_compares)
{
    expect_backup_hears(290, false, 100, 3, 150, CARP_BACKUP);
    expect_backup_hears(0, false, 100, 3, 150, CARP_MASTER);
    expect_backup_hears(240, true, 0, 1, 100, CARP_BACKUP);
    expect_backup_hears(240, true, 0, 1, 239, CARP_BACKUP);
    expect_backup_hears(240, true, 0, 1, 250, CARP_MASTER);
}

/* 3.41 s after the master's last advert; then 1.42 s, and then 1.96 s. */
TEST_CASE(persona_demotion, of_freebsd_leaves_its_takeover_and_first_interval_alone)
{
    begin(PERSONA_FREEBSD, 1, 100, false);
    persona_demote(persona(), now(), 240);
    run(500);
    persona_lab_advert(&lab, 0, 1, 0, 1);
    expect_next(240, 3420);
    expect_next(240, 1420);
    expect_next(240, 1960);
    persona_lab_end(&lab);
}

TEST_CASE(persona_demotion, of_freebsd_grows_by_240_while_its_link_is_down_and_nothing_is_said)
{
    begin(PERSONA_FREEBSD, 1, 0, false);
    next_advert();
    run(100);
    unsigned notes = lab.note_count;
    persona_lab_link(&lab, 0, false);
    EXPECT_INT(CARP_INIT, persona_lab_state(&lab, 0));
    EXPECT_INT(240, persona_adds(persona()));
    EXPECT_U64(CARP_NEVER.ns, persona_deadline(persona()).ns);
    EXPECT_INT(0, frames_since(notes));
    persona_lab_link(&lab, 0, true);
    EXPECT_INT(CARP_BACKUP, persona_lab_state(&lab, 0));
    EXPECT_INT(0, persona_adds(persona()));
    expect_next(0, 3020);
    persona_lab_end(&lab);
}

TEST_CASE(persona_demotion, state_backup_is_obeyed_in_silence)
{
    begin(PERSONA_FREEBSD, 1, 0, false);
    next_advert();
    run(100);
    unsigned notes = lab.note_count;
    persona_yield(persona(), now());
    EXPECT_INT(CARP_BACKUP, persona_lab_state(&lab, 0));
    EXPECT_INT(0, frames_since(notes));
    expect_next(0, 3020);
    persona_lab_end(&lab);
}

/* From..to of the state notes since then, as pairs of digits. */
static const char *states_since(unsigned note)
{
    static char text[32];
    size_t size = 0;
    for (unsigned i = note; i < lab.note_count && size < sizeof text - 3; i++) {
        if (lab.notes[i].type == NOTE_STATE) {
            text[size++] = "IBM"[lab.notes[i].from];
            text[size++] = "IBM"[lab.notes[i].to];
            text[size++] = ' ';
        }
    }
    text[size] = '\0';
    return text;
}

TEST_CASE(persona_demotion, a_new_address_starts_freebsds_vhid_again_and_new_times_do_not)
{
    begin(PERSONA_FREEBSD, 1, 0, false);
    next_advert();
    struct carp_config times = lab.nodes[0].carp, addresses = lab.nodes[0].carp;
    unsigned notes = lab.note_count;
    times.advskew = 100;
    persona_readdress(persona(), now(), &times, &lab.nodes[0].crypto);
    EXPECT_STR("", states_since(notes));
    expect_next(100, 1020);
    expect_next(100, 1420);
    addresses.ipv4_count = 2;
    addresses.ipv4[1][0] = 11;
    notes = lab.note_count;
    persona_readdress(persona(), now(), &addresses, &lab.nodes[0].crypto);
    EXPECT_STR("MI IB ", states_since(notes));
    EXPECT_INT(0, frames_since(notes));
    expect_next(0, 3020);
    persona_lab_end(&lab);
}

TEST_CASE(persona_demotion, a_link_event_starts_freebsd_and_netbsd_again_although_all_was_well)
{
    for (int i = 0; i < 2; i++) {
        begin(i == 0 ? PERSONA_FREEBSD : PERSONA_NETBSD, 1, 0, false);
        next_advert();
        unsigned notes = lab.note_count;
        persona_lab_link(&lab, 0, true);
        EXPECT_STR("MI IB ", states_since(notes));
        EXPECT_INT(0, frames_since(notes));
        persona_lab_end(&lab);
    }
}

/* --- NetBSD ----------------------------------------------------------------------------------- */

TEST_CASE(persona_demotion, of_netbsd_is_advertised_at_once_and_its_end_is_not)
{
    static const uint8_t advskews[] = {0, 250}, sent[] = {240, 250};
    static const unsigned intervals_ms[] = {1950, 1990};
    for (int i = 0; i < 2; i++) {
        begin(PERSONA_NETBSD, 1, advskews[i], false);
        next_advert();
        next_advert();
        run(100);
        unsigned notes = lab.note_count;
        persona_demote(persona(), now(), 1);
        EXPECT_INT(notes + 1, lab.note_count);
        EXPECT_INT(sent[i], lab.notes[notes].packet.advert.advskew);
        persona_demote(persona(), now(), 2); /* not the first any more */
        EXPECT_INT(notes + 1, lab.note_count);
        expect_next(sent[i], intervals_ms[i]);
        persona_demote(persona(), now(), 0);
        EXPECT_INT(notes + 2, lab.note_count);
        expect_next(advskews[i], intervals_ms[i]);
        persona_lab_end(&lab);
    }
}

TEST_CASE(persona_demotion, of_netbsd_counts_when_a_master_compares)
{
    begin(PERSONA_NETBSD, 1, 0, false);
    next_advert();
    persona_demote(persona(), now(), 1);
    persona_lab_advert(&lab, 0, 1, 245, 1);
    EXPECT_INT(CARP_MASTER, persona_lab_state(&lab, 0));
    persona_lab_advert(&lab, 0, 1, 200, 2);
    EXPECT_INT(CARP_BACKUP, persona_lab_state(&lab, 0));
    persona_lab_end(&lab);
}

TEST_CASE(persona_demotion, new_times_start_netbsd_again_in_silence)
{
    begin(PERSONA_NETBSD, 1, 0, false);
    next_advert();
    struct carp_config carp = lab.nodes[0].carp;
    unsigned notes = lab.note_count;
    carp.advbase = 2;
    persona_readdress(persona(), now(), &carp, &lab.nodes[0].crypto);
    EXPECT_STR("MI IB ", states_since(notes));
    EXPECT_INT(0, frames_since(notes));
    expect_next(0, 6010);
    persona_lab_end(&lab);
}

/* The machine's total has what the host adds in it, and is not counted twice. */
TEST_CASE(persona_demotion, of_the_machine_contains_what_the_host_adds_to_it)
{
    begin(PERSONA_FREEBSD, 1, 0, false);
    next_advert();
    persona()->kernel.own_demotion = 100; /* as by send errors, were there less of them */
    persona_demote(persona(), now(), 130);
    EXPECT_INT(130, next_advert()->advskew);
    persona()->kernel.own_demotion = 0;
    EXPECT_INT(30, next_advert()->advskew);
    persona_lab_end(&lab);
}

/* --- send errors ------------------------------------------------------------------------------ */

static void fail_sends(unsigned count)
{
    lab.nodes[0].send_error = -ENETDOWN;
    for (unsigned i = 0; i < count; i++) {
        persona_lab_run(&lab, persona_deadline(persona()).ns);
    }
    lab.nodes[0].send_error = 0;
}

/* The third error demotes; FreeBSD needs three successes to forget two errors as well. */
TEST_CASE(persona_demotion, of_freebsd_by_send_errors_is_lifted_by_three_successes)
{
    begin(PERSONA_FREEBSD, 1, 0, false);
    next_advert();
    fail_sends(2);
    EXPECT_INT(0, persona_adds(persona()));
    next_advert();
    fail_sends(1);
    EXPECT_INT(240, persona_adds(persona()));
    EXPECT_INT(240, next_advert()->advskew);
    EXPECT_INT(240, next_advert()->advskew);
    EXPECT_INT(240, next_advert()->advskew);
    EXPECT_INT(0, persona_adds(persona()));
    EXPECT_INT(0, next_advert()->advskew);
    persona_lab_end(&lab);
}

TEST_CASE(persona_demotion, of_netbsd_by_send_errors_is_told_at_once_and_lasts_while_it_is_backup)
{
    begin(PERSONA_NETBSD, 1, 0, false);
    next_advert();
    fail_sends(2);
    next_advert(); /* one success is enough to forget those two */
    fail_sends(2);
    EXPECT_INT(0, persona_adds(persona()));
    fail_sends(1);
    EXPECT_INT(1, persona_adds(persona()));
    EXPECT_U64(4, persona()->send_errors); /* the third, and the one that would have told it */
    persona_lab_advert(&lab, 0, 1, 100, 1);
    run(2000);
    EXPECT_INT(CARP_BACKUP, persona_lab_state(&lab, 0));
    EXPECT_INT(1, persona_adds(persona()));
    EXPECT_INT(240, next_advert()->advskew);
    EXPECT_INT(240, next_advert()->advskew);
    EXPECT_INT(240, next_advert()->advskew);
    EXPECT_INT(0, next_advert()->advskew);
    persona_lab_end(&lab);
}
