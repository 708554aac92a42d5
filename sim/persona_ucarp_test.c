/*
 * UCARP as a program: scripts, signals, link loss, the wall clock, send errors and its capture
 * buffer, as measured (field-guide.md L2 to L10, carp-protocol.md 4.4).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sim/persona_lab.h"
#include "tools/testkit/testkit.h"

static struct persona_lab lab;

static void add(uint8_t advbase, uint8_t advskew)
{
    persona_lab_begin(&lab);
    persona_lab_add(&lab, PERSONA_UCARP, 13, advbase, advskew);
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

static void expect_ms(unsigned want_ms, uint64_t since_ns, uint64_t at_ns)
{
    int64_t off_ns = (int64_t)(at_ns - since_ns) - (int64_t)(want_ms * LAB_MS);
    if (off_ns < -5 * (int64_t)LAB_MS || off_ns > 10 * (int64_t)LAB_MS) {
        tk_fail(__FILE__, __LINE__, "want %u ms, got %.3f", want_ms,
                (double)(int64_t)(at_ns - since_ns) / 1e6);
    }
}

static unsigned adverts(uint64_t from_ns)
{
    return persona_lab_count(&lab, 0, NOTE_ADVERT, from_ns, UINT64_MAX);
}

/* The last thing it said of holding the addresses: 1 or 0; -1 nothing yet. */
static int holds(void)
{
    int last = -1;
    for (unsigned i = 0; i < lab.note_count; i++) {
        last = lab.notes[i].type == NOTE_HOLD ? lab.notes[i].to : last;
    }
    return last;
}

static void start_master(void)
{
    persona_lab_start(&lab, 0);
    run(5500);
    EXPECT_INT(CARP_MASTER, persona_lab_state(&lab, 0));
    EXPECT_INT(1, holds());
}

/* "a 5 s upscript delays gARP and first ad by 5 s, then two ads go out back to back" */
TEST_CASE(persona_ucarp, waits_for_its_up_script_and_then_sends_two_adverts_back_to_back)
{
    add(1, 0);
    lab.nodes[0].config.up_script = CARP_SECONDS(5);
    persona_lab_start(&lab, 0);
    run(7000);
    EXPECT_U64(0, adverts(0));
    EXPECT_INT(-1, holds());
    run(2000);
    uint64_t hold_ns = persona_lab_when(&lab, 0, NOTE_HOLD, 0);
    expect_ms(8000, LAB_S, hold_ns);
    EXPECT_U64(hold_ns, persona_lab_when(&lab, 0, NOTE_ARP, 0));
    EXPECT_U64(2, persona_lab_count(&lab, 0, NOTE_ADVERT, hold_ns, hold_ns + 10 * LAB_MS));
    persona_lab_end(&lab);
}

/* It neither hears nor advertises while a script runs: a faster master is heard after it. */
TEST_CASE(persona_ucarp, hears_nothing_while_a_script_runs)
{
    add(1, 100);
    lab.nodes[0].config.up_script = CARP_SECONDS(4);
    persona_lab_start(&lab, 0);
    run(4300);
    EXPECT_INT(CARP_MASTER, persona_lab_state(&lab, 0)); /* its script began at 4.17 s */
    persona_lab_advert(&lab, 0, 1, 50, 7);
    run(3800);
    EXPECT_U64(0, adverts(0));
    run(200);
    EXPECT_INT(CARP_BACKUP, persona_lab_state(&lab, 0));
    EXPECT_INT(0, holds());
    persona_lab_end(&lab);
}

TEST_CASE(persona_ucarp, runs_its_down_script_at_start_and_lets_a_left_address_go)
{
    for (int neutral = 0; neutral < 2; neutral++) {
        add(1, 0);
        lab.nodes[0].config.neutral = neutral != 0;
        lab.nodes[0].config.down_script = CARP_SECONDS(1);
        start_master();
        persona_stop(persona(), now()); /* killed: the address stays */
        EXPECT_INT(1, holds());
        EXPECT_INT(CARP_INIT, persona_lab_state(&lab, 0));
        EXPECT_U64(CARP_NEVER.ns, persona_deadline(persona()).ns);
        persona_lab_link(&lab, 0, true);
        uint64_t started_ns = lab.now_ns;
        run(1500);
        EXPECT_INT(neutral, holds());
        run(4500);
        expect_ms(neutral ? 3000 : 4000, started_ns,
                  persona_lab_when(&lab, 0, NOTE_ADVERT, started_ns));
        persona_lab_end(&lab);
    }
}

TEST_CASE(persona_ucarp, ends_with_its_down_script_and_no_packet_by_sigterm_with_z)
{
    add(1, 0);
    lab.nodes[0].config.shutdown = true;
    lab.nodes[0].config.down_script = CARP_MILLISECONDS(300);
    start_master();
    uint64_t stopped_ns = lab.now_ns;
    persona_stop(persona(), now());
    run(299);
    EXPECT_INT(1, holds());
    run(2);
    EXPECT_INT(0, holds());
    EXPECT_INT(CARP_INIT, persona_lab_state(&lab, 0));
    run(10000);
    EXPECT_U64(0, adverts(stopped_ns));
    EXPECT_U64(0, persona_lab_count(&lab, 0, NOTE_ARP, stopped_ns, UINT64_MAX));
    persona_lab_end(&lab);
}

/* "alone it is MASTER again after 6.0 s" */
TEST_CASE(persona_ucarp, steps_down_by_sigusr2_in_silence_for_6_s)
{
    add(1, 0);
    start_master();
    uint64_t told_ns = lab.now_ns;
    persona_yield(persona(), now());
    EXPECT_INT(CARP_BACKUP, persona_lab_state(&lab, 0));
    EXPECT_INT(0, holds());
    EXPECT_U64(0, adverts(told_ns));
    run(8000);
    expect_ms(6000, told_ns, persona_lab_when(&lab, 0, NOTE_ADVERT, told_ns));
    persona_lab_end(&lab);
}

/* A signal ends its poll(): the count of polls begins anew, 0.9 s later. */
TEST_CASE(persona_ucarp, begins_its_poll_anew_by_a_signal_as_backup)
{
    add(1, 100);
    persona_lab_start(&lab, 0);
    run(900);
    persona_yield(persona(), now());
    EXPECT_INT(CARP_BACKUP, persona_lab_state(&lab, 0));
    run(5000);
    expect_ms(900 + 2 * 1391, LAB_S, persona_lab_when(&lab, 0, NOTE_ADVERT, 0));
    persona_lab_end(&lab);
}

/* "A 2 s carrier flap cost 13.0 s without VIP" */
TEST_CASE(persona_ucarp, makes_13_s_of_a_flap_of_2_s)
{
    add(1, 0);
    start_master();
    persona_lab_link(&lab, 0, false);
    run(2000);
    persona_lab_link(&lab, 0, true);
    EXPECT_INT(CARP_BACKUP, persona_lab_state(&lab, 0));
    uint64_t released_ns = persona_lab_when(&lab, 0, NOTE_HOLD, 5 * LAB_S);
    run(20000);
    expect_ms(13000, released_ns, persona_lab_when(&lab, 0, NOTE_HOLD, released_ns + 1));
    persona_lab_end(&lab);
}

TEST_CASE(persona_ucarp, ignores_the_link_with_S)
{
    add(1, 0);
    lab.nodes[0].config.ignore_link_state = true;
    start_master();
    uint64_t down_ns = lab.now_ns;
    persona_lab_link(&lab, 0, false);
    run(5000);
    EXPECT_INT(CARP_MASTER, persona_lab_state(&lab, 0));
    EXPECT_U64(5, adverts(down_ns));
    persona_lab_end(&lab);
}

/* "SIGTERM was ignored > 12 s": signals wait until the interface runs. */
TEST_CASE(persona_ucarp, serves_no_signal_while_the_link_is_down)
{
    add(1, 0);
    lab.nodes[0].config.shutdown = true;
    start_master();
    persona_lab_link(&lab, 0, false);
    run(2000);
    persona_stop(persona(), now());
    run(30000);
    EXPECT_INT(CARP_BACKUP, persona_lab_state(&lab, 0));
    persona_lab_link(&lab, 0, true);
    run(10000);
    EXPECT_INT(CARP_INIT, persona_lab_state(&lab, 0));
    persona_lab_end(&lab);
}

/* "in the next 20 s it sent 1 advert but about one gratuitous ARP a second", beside a backup that
 * became master. */
TEST_CASE(persona_ucarp, stops_advertising_when_its_clock_is_set_back)
{
    add(1, 0);
    start_master();
    uint64_t stepped_ns = lab.now_ns;
    persona_clock_step(persona(), now(), -60 * (int64_t)LAB_S);
    run(3500);
    for (unsigned i = 0; i < 16; i++) {
        persona_lab_advert(&lab, 0, 1, 50, i);
        run(1000);
    }
    EXPECT_INT(CARP_MASTER, persona_lab_state(&lab, 0));
    EXPECT_TRUE(adverts(stepped_ns) <= 1);
    unsigned arps = persona_lab_count(&lab, 0, NOTE_ARP, stepped_ns, UINT64_MAX);
    EXPECT_TRUE(arps >= 15 && arps <= 18);
    persona_lab_end(&lab);
}

/* "A forward step on the backup alone did no harm": each advert it reads arms its timer anew. Left
 * alone it takes over with the end of its poll. */
TEST_CASE(persona_ucarp, survives_a_clock_set_forward_as_backup_while_it_hears)
{
    add(1, 50);
    persona_lab_start(&lab, 0);
    for (unsigned i = 0; i < 20; i++) {
        persona_lab_advert(&lab, 0, 1, 0, i);
        if (i == 10) {
            persona_clock_step(persona(), now(), 60 * (int64_t)LAB_S);
        }
        run(1000);
        EXPECT_INT(CARP_BACKUP, persona_lab_state(&lab, 0));
    }
    persona_clock_step(persona(), now(), 60 * (int64_t)LAB_S);
    run(1300);
    EXPECT_INT(CARP_MASTER, persona_lab_state(&lab, 0));
    persona_lab_end(&lab);
}

/* Three errors in a row suppress: the next advert says 240. Only three successes lift it, which a
 * host that has yielded does not have (L8). Not seen on the wire; by carp_send_ad(). */
TEST_CASE(persona_ucarp, is_suppressed_by_send_errors_and_stays_so_as_backup)
{
    add(1, 0);
    lab.nodes[0].carp.preempt = true;
    start_master();
    lab.nodes[0].send_error = -ENOBUFS;
    run(2500);
    EXPECT_U64(2, persona()->send_errors);
    run(1000);
    EXPECT_U64(4, persona()->send_errors); /* the third was repeated at once */
    lab.nodes[0].send_error = 0;
    for (unsigned i = 0; i < 60; i++) {
        persona_lab_advert(&lab, 0, 1, 50, i);
        run(1000);
        EXPECT_TRUE(i < 2 || persona_lab_state(&lab, 0) == CARP_BACKUP); /* -P: not suppressed, it
                                                                            would have preempted */
    }
    /* One regular advert and its last one have left: the next is the third success. */
    uint64_t from_ns = lab.now_ns;
    EXPECT_U64(2, persona()->send_successes);
    run(12000);
    const struct persona_note *back = persona_lab_next(&lab, 0, NOTE_ADVERT, from_ns);
    EXPECT_INT(240, back->packet.advert.advskew);
    EXPECT_INT(0, persona_lab_next(&lab, 0, NOTE_ADVERT, back->ns + 1)->packet.advert.advskew);
    persona_lab_end(&lab);
}

/* What came within a period is read with its end; more than the buffer has room for is lost. */
TEST_CASE(persona_ucarp, reads_all_of_a_period_with_its_end_and_loses_what_has_no_room)
{
    add(1, 0);
    lab.nodes[0].config.read_phase = CARP_MILLISECONDS(250);
    persona_lab_start(&lab, 0); /* at 1 s: periods end at 1.25, 2.25, ... */
    run(300);
    for (unsigned i = 0; i < 70; i++) {
        persona_lab_advert(&lab, 0, 1, 0, i);
    }
    run(949);
    EXPECT_U64(0, persona()->fates[PERSONA_ACCEPTED]);
    run(1);
    EXPECT_U64(PERSONA_QUEUE_MAX, persona()->fates[PERSONA_ACCEPTED]);
    EXPECT_U64(70 - PERSONA_QUEUE_MAX, persona()->fates[PERSONA_LOST]);
    EXPECT_U64(PERSONA_QUEUE_MAX - 1, persona()->counter);
    persona_lab_end(&lab);
}

/* It cannot change them as it runs: with -z by way of its down script. */
TEST_CASE(persona_ucarp, starts_again_when_its_options_change)
{
    add(1, 0);
    lab.nodes[0].config.shutdown = true;
    start_master();
    struct carp_config carp = lab.nodes[0].carp;
    uint64_t changed_ns = lab.now_ns;
    carp.advskew = 200;
    persona_readdress(persona(), now(), &carp, &lab.nodes[0].crypto);
    EXPECT_INT(CARP_BACKUP, persona_lab_state(&lab, 0));
    EXPECT_INT(0, holds());
    run(8000);
    const struct persona_note *n = persona_lab_next(&lab, 0, NOTE_ADVERT, changed_ns);
    expect_ms(3 * 1783, changed_ns, n->ns);
    EXPECT_INT(200, n->packet.advert.advskew);
    persona_lab_end(&lab);
}

TEST_CASE(persona_ucarp, sends_to_the_broadcast_mac_with_nomcast_and_to_its_own_group)
{
    add(1, 0);
    lab.nodes[0].carp.broadcast = true;
    memcpy(lab.nodes[0].carp.ipv4_group, (const uint8_t[]){239, 1, 2, 3}, 4);
    start_master();
    const struct persona_note *n = persona_lab_next(&lab, 0, NOTE_ADVERT, 0);
    EXPECT_BYTES("\xff\xff\xff\xff\xff\xff", n->frame, 6);
    EXPECT_BYTES("\xef\x01\x02\x03", n->packet.destination, 4);
    persona_lab_end(&lab);
}
