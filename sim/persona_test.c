/*
 * What holds of personas of all kinds, whatever they are modelled on.
 */
#include <errno.h>
#include <string.h>

#include "sim/persona_lab.h"
#include "tools/testkit/testkit.h"

_Static_assert(offsetof(struct persona, kernel) + sizeof(struct persona_kernel) <= 6 * 64,
               "a kernel's part lies in six cache lines");
_Static_assert(sizeof(struct persona) <= 1408, "what a simulation of thousands reckons with");

static struct persona_lab lab;

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

/* One story: start, hear, take over, yield, be stopped; returns a digest of all notes. */
static uint64_t story(enum persona_kind kind, bool nag)
{
    uint64_t digest = UINT64_C(0xcbf29ce484222325);
    persona_lab_begin(&lab);
    persona_lab_add(&lab, kind, 13, 1, 10);
    lab.nodes[0].config.up_script = lab.nodes[0].config.down_script = CARP_MILLISECONDS(70);
    lab.nodes[0].config.shutdown = true;
    persona_lab_start(&lab, 0);
    for (unsigned ms = 0; ms < 20000; ms++) {
        run(1);
        if (nag) {
            persona_due(persona(), now());
        }
        if (ms == 700 || ms == 9300) {
            persona_lab_advert(&lab, 0, 1, 0, 40);
        }
    }
    persona_stop(persona(), now());
    run(500);
    for (unsigned i = 0; i < lab.note_count; i++) {
        const struct persona_note *n = &lab.notes[i];
        const uint64_t parts[] = {n->ns, n->type, n->from, n->to, n->packet.advert.counter};
        for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
            digest = (digest ^ parts[k]) * UINT64_C(0x100000001b3);
        }
    }
    EXPECT_TRUE(lab.note_count > 12);
    EXPECT_INT(CARP_INIT, persona_lab_state(&lab, 0));
    persona_lab_end(&lab);
    return digest;
}

TEST_CASE(persona, does_the_same_again_and_takes_no_harm_from_early_calls)
{
    for (int kind = 0; kind < PERSONA_KIND_COUNT; kind++) {
        tk_row(persona_word((enum persona_kind)kind));
        uint64_t once = story((enum persona_kind)kind, false);
        EXPECT_U64(once, story((enum persona_kind)kind, false));
        EXPECT_U64(once, story((enum persona_kind)kind, true));
    }
}

/* It holds the addresses as MASTER and at no other time, but for UCARP's scripts. */
TEST_CASE(persona, holds_the_addresses_under_the_mac_of_its_kind)
{
    static const uint8_t virtual_mac[6] = {0, 0, 0x5e, 0, 1, 1}, own[6] = {2, 0, 0, 0, 0, 13};
    for (int kind = 0; kind < PERSONA_KIND_COUNT; kind++) {
        tk_row(persona_word((enum persona_kind)kind));
        story((enum persona_kind)kind, false);
        unsigned held = 0, released = 0;
        for (unsigned i = 0; i < lab.note_count; i++) {
            const struct persona_note *n = &lab.notes[i];
            if (n->type == NOTE_HOLD) {
                EXPECT_BYTES(kind == PERSONA_UCARP ? own : virtual_mac, n->frame, 6);
                *(n->to ? &held : &released) += 1;
            }
        }
        EXPECT_INT(2, held);
        EXPECT_INT(2, released);
    }
}

/* Any frame ends in one fate and no crash: cut short at every length, each byte turned. */
TEST_CASE(persona, survives_every_cut_and_every_flipped_byte)
{
    for (int kind = 0; kind < PERSONA_KIND_COUNT; kind++) {
        persona_lab_begin(&lab);
        persona_lab_add(&lab, (enum persona_kind)kind, 13, 1, 100);
        persona_lab_start(&lab, 0);
        struct persona_draft draft = persona_draft(1, 1, 0, 5);
        uint8_t frame[FRAME_MAX], bent[FRAME_MAX];
        size_t size = persona_draft_write(&draft, &lab.nodes[0].carp, frame);
        uint64_t total = 0;
        for (size_t i = 0; i < 2 * size; i++) {
            memcpy(bent, frame, size);
            bent[i / 2] ^= i % 2 ? 0xff : 0x01;
            persona_lab_hear(&lab, 0, bent, size);
            persona_lab_hear(&lab, 0, frame, i / 2);
            run(100);
        }
        run(1000);
        for (int fate = 0; fate < PERSONA_FATE_COUNT; fate++) {
            total += persona()->fates[fate];
        }
        EXPECT_U64(4 * size, total);
        persona_lab_end(&lab);
    }
}

static uint64_t draw(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

/* One thing that may happen to a host, any time. */
static void happen(uint64_t *seed, struct carp_config configs[2])
{
    uint64_t r = draw(seed);
    switch (r % 16) {
    case 0:
        persona_lab_link(&lab, 0, r / 16 % 3 != 0);
        break;
    case 1:
        persona_demote(persona(), now(), (int)(r / 16 % 800) - 400);
        break;
    case 2:
        persona_yield(persona(), now());
        break;
    case 3:
        persona_clock_step(persona(), now(), (int64_t)(r % 7000) * 10000000 - 35000000000);
        break;
    case 4:
        if (r / 16 % 4 == 0) {
            persona_stop(persona(), now());
        }
        break;
    case 5:
        lab.nodes[0].send_error = r / 16 % 2 ? -ENOBUFS : 0;
        break;
    case 6:
        persona_readdress(persona(), now(), &configs[r / 16 % 2], &lab.nodes[0].crypto);
        break;
    default:
        persona_lab_advert(&lab, 0, (uint8_t)(r / 16 % 3), (uint8_t)(r / 64), draw(seed));
        break;
    }
}

/* No order of events trips an assertion or stops time; kernels hold the addresses as MASTER, and
 * have a deadline whenever they have a role. */
TEST_CASE(persona, keeps_its_promises_whatever_happens)
{
    for (int kind = 0; kind < PERSONA_KIND_COUNT; kind++) {
        uint64_t seed = 7;
        tk_row(persona_word((enum persona_kind)kind));
        persona_lab_begin(&lab);
        persona_lab_add(&lab, (enum persona_kind)kind, 13, 1, 10);
        lab.nodes[0].config.shutdown = true;
        lab.nodes[0].config.demotion_at_once = true;
        lab.nodes[0].config.siblings = 2;
        lab.nodes[0].config.down_script = CARP_MILLISECONDS(120);
        struct carp_config configs[2] = {lab.nodes[0].carp, lab.nodes[0].carp};
        configs[1].advskew = 200;
        configs[0].ipv4_count = configs[1].ipv4_count = 1;
        persona_lab_start(&lab, 0);
        for (int i = 0; i < 5000; i++) {
            happen(&seed, configs);
            run((unsigned)(draw(&seed) % 900));
            lab.note_count = 0;
            bool idle = persona_deadline(persona()).ns == CARP_NEVER.ns;
            EXPECT_TRUE(idle || persona_deadline(persona()).ns > lab.now_ns);
            if (kind != PERSONA_UCARP) {
                EXPECT_INT(persona_lab_state(&lab, 0) == CARP_MASTER, persona()->holds);
            }
            /* FreeBSD far below zero waits longest of all for its next advert. */
            bool forever = kind == PERSONA_FREEBSD && persona_lab_state(&lab, 0) == CARP_MASTER;
            EXPECT_TRUE(idle == (persona_lab_state(&lab, 0) == CARP_INIT) || forever);
        }
        persona_lab_end(&lab);
    }
}
