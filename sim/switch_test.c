/*
 * Switches: what they learn, forget, flood, snoop and reflect. x, y and z listen to every frame
 * that reaches them, 20 us apart.
 */
#include <string.h>

#include "sim/oracle.h"
#include "sim/world_lab.h"
#include "tools/testkit/testkit.h"

enum { X, Y, Z };

static struct sim_switch *init(struct world_lab *lab)
{
    world_lab_init(lab, 1);
    world_lab_listener(lab, "x");
    world_lab_listener(lab, "y");
    world_lab_listener(lab, "z");
    world_lab_boot(lab);
    return &lab->world.switches[0];
}

static void end(struct world_lab *lab)
{
    EXPECT_INT(0, world_lab_unaccounted(lab));
    EXPECT_INT(0, world_lab_leaked(lab));
    world_lab_free(lab);
}

/* Everything until this millisecond, and what was heard meanwhile: letters with their hearers, in
 * order, as "ya za". */
static void run_and_expect(struct world_lab *lab, uint64_t until_ms, const char *want)
{
    char heard[256] = "";
    size_t size = 0;
    world_lab_run(lab, until_ms);
    for (const char *at = lab->story; *at != '\0' && size < sizeof heard - 4; at++) {
        const char *line_end = strchr(at, '\n');
        ASSERT_TRUE(line_end != NULL);
        if (size > 0) {
            heard[size++] = ' ';
        }
        heard[size++] = at[0];
        heard[size++] = line_end[-1];
        at = line_end;
    }
    heard[size] = '\0';
    EXPECT_STR(want, heard);
    lab->story[0] = '\0';
}

TEST_CASE(switch, floods_what_it_does_not_know_and_learns_where_senders_are)
{
    static struct world_lab lab;
    init(&lab);
    world_lab_say_to(&lab, X, Y, 'a');
    run_and_expect(&lab, 1, "ya za");
    world_lab_say_to(&lab, Y, X, 'b');
    run_and_expect(&lab, 2, "xb");
    world_lab_say_to(&lab, X, Y, 'c');
    run_and_expect(&lab, 3, "yc");
    world_lab_say(&lab, X, LAB_OTHER, 'd');
    run_and_expect(&lab, 4, "yd zd");
    end(&lab);
}

/* y was seen at 10 us; the frame that is at the switch 300 s later is flooded. */
TEST_CASE(switch, forgets_who_was_silent_for_the_ageing_time)
{
    static struct world_lab lab;
    init(&lab);
    world_lab_say(&lab, Y, LAB_OTHER, 'a');
    run_and_expect(&lab, 1, "xa za");
    world_run(&lab.world, (carp_instant){UINT64_C(300000000000) - 1});
    world_lab_say_to(&lab, X, Y, 'b');
    world_run(&lab.world, (carp_instant){UINT64_C(300000000000)});
    world_lab_say_to(&lab, X, Y, 'c');
    run_and_expect(&lab, 300001, "yb yc zc");
    end(&lab);
}

TEST_CASE(switch, every_frame_of_a_sender_keeps_its_address_young)
{
    static struct world_lab lab;
    struct sim_switch *s = init(&lab);
    s->ageing = CARP_SECONDS(10);
    for (uint64_t i = 0; i < 4; i++) {
        world_lab_say(&lab, Y, LAB_OTHER, 'a');
        run_and_expect(&lab, (i + 1) * 9000, "xa za");
    }
    world_lab_say_to(&lab, X, Y, 'b');
    run_and_expect(&lab, 36001, "yb");
    end(&lab);
}

TEST_CASE(switch, an_address_that_speaks_elsewhere_moves)
{
    static struct world_lab lab;
    struct sim_switch *s = init(&lab);
    const uint8_t *mac = world_lab_node(&lab, Y)->nics[0].self.mac;
    world_lab_say(&lab, Y, LAB_OTHER, 'a');
    run_and_expect(&lab, 1, "xa za");
    world_lab_say(&lab, Y, LAB_OTHER, 'b');
    run_and_expect(&lab, 2, "xb zb");
    EXPECT_U64(0, s->moves);
    world_lab_say_as(&lab, Z, mac, 'c');
    run_and_expect(&lab, 3, "xc yc");
    EXPECT_U64(1, s->moves);
    world_lab_say_to(&lab, X, Y, 'd');
    run_and_expect(&lab, 4, "zd");
    world_lab_say(&lab, Y, LAB_OTHER, 'e');
    run_and_expect(&lab, 5, "xe ze");
    EXPECT_U64(2, s->moves);
    end(&lab);
}

TEST_CASE(switch, a_multicast_source_is_not_learned)
{
    static struct world_lab lab;
    struct sim_switch *s = init(&lab);
    world_lab_say_as(&lab, X, (const uint8_t[6]){1, 0, 0x5e, 0, 0, 1}, 'a');
    run_and_expect(&lab, 1, "ya za");
    EXPECT_U64(0, s->table_used);
    end(&lab);
}

TEST_CASE(switch, a_full_table_floods_what_it_has_no_room_for)
{
    static struct world_lab lab;
    struct sim_switch *s = init(&lab);
    s->capacity = 2;
    world_lab_say(&lab, X, LAB_OTHER, 'a');
    world_lab_say(&lab, Y, LAB_OTHER, 'b');
    world_lab_say(&lab, Z, LAB_OTHER, 'c');
    run_and_expect(&lab, 1, "ya za xb zb xc yc");
    EXPECT_U64(2, s->table_used);
    world_lab_say_to(&lab, Y, X, 'd');
    world_lab_say_to(&lab, X, Z, 'e');
    run_and_expect(&lab, 2, "xd ye ze");
    end(&lab);
}

/* What is forgotten, or too old to be used, makes room for others. */
TEST_CASE(switch, a_full_table_has_room_again_when_an_entry_is_gone)
{
    static struct world_lab lab;
    struct sim_switch *s = init(&lab);
    s->capacity = 2;
    s->ageing = CARP_SECONDS(10);
    world_lab_say(&lab, X, LAB_OTHER, 'a');
    world_lab_say(&lab, Y, LAB_OTHER, 'b');
    run_and_expect(&lab, 1, "ya za xb zb");
    node_set_link(&lab.world, world_lab_node(&lab, Y), 0, false);
    world_lab_say(&lab, Z, LAB_OTHER, 'c');
    run_and_expect(&lab, 2, "xc");
    world_lab_say_to(&lab, X, Z, 'd');
    run_and_expect(&lab, 5000, "zd");
    node_set_link(&lab.world, world_lab_node(&lab, Y), 0, true);
    world_lab_say(&lab, Y, LAB_OTHER, 'e'); /* full of x and z, for they are young */
    world_lab_say_to(&lab, X, Y, 'f');
    run_and_expect(&lab, 10500, "xe ze yf zf");
    world_lab_say(&lab, Y, LAB_OTHER, 'g'); /* z was last seen 10.5 s ago */
    world_lab_say_to(&lab, X, Y, 'h');
    run_and_expect(&lab, 10600, "xg zg yh");
    EXPECT_U64(2, s->table_used);
    end(&lab);
}

TEST_CASE(switch, a_table_grows_with_the_addresses_and_loses_none)
{
    static struct world_lab lab;
    struct sim_switch *s = init(&lab);
    for (unsigned i = 0; i < 500; i++) {
        const uint8_t mac[6] = {2, 1, 0, 0, (uint8_t)(i >> 8), (uint8_t)i};
        world_lab_say_as(&lab, Y, mac, '.');
        world_lab_run(&lab, i + 1);
        lab.story[0] = '\0';
    }
    EXPECT_U64(500, s->table_used);
    for (unsigned i = 0; i < 500; i++) {
        world_lab_node(&lab, Z)->nics[0].self.mac[1] = 1;
        world_lab_node(&lab, Z)->nics[0].self.mac[4] = (uint8_t)(i >> 8);
        world_lab_node(&lab, Z)->nics[0].self.mac[5] = (uint8_t)i;
        world_lab_say_to(&lab, X, Z, 'a');
        run_and_expect(&lab, 501 + i, "ya");
    }
    end(&lab);
}

TEST_CASE(switch, forgets_what_it_learned_on_a_port_whose_link_went_down)
{
    static struct world_lab lab;
    struct sim_switch *s = init(&lab);
    world_lab_say(&lab, X, LAB_OTHER, 'a');
    world_lab_say(&lab, Y, LAB_OTHER, 'b');
    run_and_expect(&lab, 1, "ya za xb zb");
    node_set_link(&lab.world, world_lab_node(&lab, Y), 0, false);
    node_set_link(&lab.world, world_lab_node(&lab, Y), 0, true);
    world_lab_say_to(&lab, Z, Y, 'c');
    world_lab_say_to(&lab, Z, X, 'd');
    run_and_expect(&lab, 2, "xc yc xd");
    world_lab_say(&lab, Y, LAB_OTHER, 'e');
    run_and_expect(&lab, 3, "xe ze");
    EXPECT_U64(0, s->moves); /* coming back is no move */
    end(&lab);
}

/* The frame that is at the port 30 s after link-up is the first that passes, in either direction.
 */
TEST_CASE(switch, a_port_waits_after_link_up)
{
    static struct world_lab lab;
    struct sim_switch *s = init(&lab);
    s->port_delay = CARP_SECONDS(30);
    world_lab_run(&lab, 1000);
    node_set_link(&lab.world, world_lab_node(&lab, Y), 0, false);
    node_set_link(&lab.world, world_lab_node(&lab, Y), 0, true);
    world_run(&lab.world, (carp_instant){UINT64_C(31000000000) - 10001});
    world_lab_say(&lab, X, LAB_OTHER, 'a');
    world_lab_say(&lab, Y, LAB_OTHER, 'b');
    world_run(&lab.world, (carp_instant){UINT64_C(31000000000) - 10000});
    EXPECT_U64(0, lab.world.dropped[DROP_PORT_WAIT]);
    world_lab_say(&lab, X, LAB_OTHER, 'c');
    world_lab_say(&lab, Y, LAB_OTHER, 'd');
    run_and_expect(&lab, 31001, "za yc zc xd zd");
    EXPECT_U64(2, lab.world.dropped[DROP_PORT_WAIT]);
    EXPECT_U64(1, world_lab_node(&lab, Y)->dropped[DROP_PORT_WAIT]);
    end(&lab);
}

/* A unicast to a host that was learned waits in the same way. */
TEST_CASE(switch, a_waiting_port_gets_no_unicast)
{
    static struct world_lab lab;
    struct sim_switch *s = init(&lab);
    world_lab_say(&lab, Y, LAB_OTHER, 'a');
    run_and_expect(&lab, 1, "xa za");
    uint32_t port = lab.world.ends[world_lab_end(&lab, Y)].peer;
    lab.world.ends[port].opens = (carp_instant){UINT64_C(2000000000)};
    world_lab_say_to(&lab, X, Y, 'b');
    run_and_expect(&lab, 2000, "");
    EXPECT_U64(1, world_lab_node(&lab, Y)->dropped[DROP_PORT_WAIT]);
    world_lab_say_to(&lab, X, Y, 'c');
    run_and_expect(&lab, 2001, "yc");
    EXPECT_U64(0, s->moves);
    end(&lab);
}

/* --- reflection ------------------------------------------------------------------------------- */

TEST_CASE(switch, one_that_reflects_floods_to_the_sender_too)
{
    static struct world_lab lab;
    struct sim_switch *s = init(&lab);
    s->reflects = true;
    world_lab_say(&lab, X, LAB_OTHER, 'a');
    run_and_expect(&lab, 1, "xa ya za");
    world_lab_say_to(&lab, Y, Z, 'b');
    run_and_expect(&lab, 2, "xb yb zb");
    world_lab_say_to(&lab, Z, X, 'c'); /* known, so not flooded */
    run_and_expect(&lab, 3, "xc");
    end(&lab);
}

TEST_CASE(switch, two_that_reflect_come_to_rest)
{
    static struct world_lab lab;
    world_lab_init(&lab, 1);
    world_lab_listener(&lab, "x");
    lab.on = world_add_switch(&lab.world, "s2");
    world_connect_switches(&lab.world, 0, lab.on, (carp_duration){10000});
    world_lab_listener(&lab, "y");
    world_lab_boot(&lab);
    lab.world.switches[0].reflects = lab.world.switches[1].reflects = true;
    world_lab_say(&lab, X, LAB_OTHER, 'a');
    run_and_expect(&lab, 1, "xa ya");
    EXPECT_U64(0, lab.world.frames.used);
    end(&lab);
}

/* --- two switches ----------------------------------------------------------------------------- */

/* x - s1 - 1 ms - s2 - y, z */
static void init_two(struct world_lab *lab)
{
    world_lab_init(lab, 1);
    world_lab_listener(lab, "x");
    lab->on = world_add_switch(&lab->world, "s2");
    world_connect_switches(&lab->world, 0, lab->on, CARP_MILLISECONDS(1));
    world_lab_listener(lab, "y");
    world_lab_listener(lab, "z");
    world_lab_boot(lab);
}

TEST_CASE(switch, two_in_a_row_learn_both_and_add_their_cable)
{
    static struct world_lab lab;
    init_two(&lab);
    world_lab_say(&lab, X, LAB_OTHER, 'a');
    world_lab_run(&lab, 5);
    EXPECT_STR("y 0.001020000 a\nz 0.001020000 a\n", lab.story);
    lab.story[0] = '\0';
    world_lab_say_to(&lab, Y, X, 'b');
    world_lab_run(&lab, 10);
    EXPECT_STR("x 0.006020000 b\n", lab.story);
    lab.story[0] = '\0';
    world_lab_say_to(&lab, X, Y, 'c');
    run_and_expect(&lab, 15, "yc");
    world_lab_say_to(&lab, X, Z, 'd');
    run_and_expect(&lab, 20, "yd zd");
    end(&lab);
}

/* s2 has no room for z and floods what is for it; s1 knows that z is where the frame came from. */
TEST_CASE(switch, a_frame_for_the_port_it_came_from_goes_no_further)
{
    static struct world_lab lab;
    init_two(&lab);
    lab.world.switches[1].capacity = 1;
    world_lab_say(&lab, Y, LAB_OTHER, 'a');
    world_lab_say(&lab, Z, LAB_OTHER, 'b');
    run_and_expect(&lab, 5, "za yb xa xb");
    world_lab_say_to(&lab, Y, Z, 'c');
    run_and_expect(&lab, 10, "zc");
    EXPECT_U64(1, lab.world.dropped[DROP_NO_PORT]);
    end(&lab);
}

/* --- snooping --------------------------------------------------------------------------------- */

static const struct {
    const char *why;
    enum snooping snooping;
    const char *heard;
} snooping_rows[] = {
    {"off", SNOOP_OFF, "ya za yb zb"},
    {"floods the adverts' groups, as RFC 4541 asks", SNOOP_FLOOD, "ya za yb zb"},
    {"members only", SNOOP_MEMBERS, "ya yb zb"},
    {"drops them", SNOOP_DROP, "yb zb"},
};

/* y is a member. Other frames pass in any case. */
TEST_CASE(switch, snooping_lets_adverts_out_to_whom_it_should)
{
    static struct world_lab lab;
    for (size_t row = 0; row < sizeof snooping_rows / sizeof *snooping_rows; row++) {
        tk_row(snooping_rows[row].why);
        struct sim_switch *s = init(&lab);
        s->snooping = snooping_rows[row].snooping;
        node_report(&lab.world, world_lab_node(&lab, Y), 0);
        world_lab_run(&lab, 1);
        world_lab_say(&lab, X, LAB_ADVERT, 'a');
        world_lab_say(&lab, X, LAB_OTHER, 'b');
        run_and_expect(&lab, 2, snooping_rows[row].heard);
        EXPECT_U64(s->snooping == SNOOP_MEMBERS ? 1
                   : s->snooping == SNOOP_DROP  ? 2
                                                : 0,
                   lab.world.dropped[DROP_SNOOPED]);
        end(&lab);
    }
}

/* The report is at the switch at 10 us. The advert that is there 260 s later is kept. */
TEST_CASE(switch, a_membership_lasts_260_seconds)
{
    static struct world_lab lab;
    struct sim_switch *s = init(&lab);
    s->snooping = SNOOP_MEMBERS;
    node_report(&lab.world, world_lab_node(&lab, Y), 0);
    world_run(&lab.world, (carp_instant){UINT64_C(260000000000) - 1});
    world_lab_say(&lab, X, LAB_ADVERT, 'a');
    world_run(&lab.world, (carp_instant){UINT64_C(260000000000)});
    world_lab_say(&lab, X, LAB_ADVERT, 'b');
    run_and_expect(&lab, 260001, "ya");
    node_report(&lab.world, world_lab_node(&lab, Y), 0);
    world_lab_run(&lab, 260002);
    world_lab_say(&lab, X, LAB_ADVERT, 'c');
    run_and_expect(&lab, 260003, "yc");
    EXPECT_U64(1, s->member_count);
    end(&lab);
}

TEST_CASE(switch, a_membership_ends_with_the_link)
{
    static struct world_lab lab;
    struct sim_switch *s = init(&lab);
    s->snooping = SNOOP_MEMBERS;
    node_report(&lab.world, world_lab_node(&lab, Y), 0);
    world_lab_run(&lab, 1);
    node_set_link(&lab.world, world_lab_node(&lab, Y), 0, false);
    node_set_link(&lab.world, world_lab_node(&lab, Y), 0, true);
    world_lab_say(&lab, X, LAB_ADVERT, 'a');
    run_and_expect(&lab, 2, "");
    end(&lab);
}

/* IGMP and MLD, each for its group: 224.0.0.18 and ff02::12. */
TEST_CASE(switch, a_host_of_both_families_is_a_member_of_both_groups)
{
    static struct world_lab lab;
    static const uint8_t groups[2][6] = {{0x01, 0x00, 0x5e, 0, 0, 0x12},
                                         {0x33, 0x33, 0, 0, 0, 0x12}};
    world_lab_init(&lab, 1);
    lab.dual_stack = true;
    world_lab_listener(&lab, "x");
    world_lab_boot(&lab);
    node_report(&lab.world, world_lab_node(&lab, X), 0);
    world_lab_run(&lab, 1);
    const struct sim_switch *s = &lab.world.switches[0];
    EXPECT_U64(2, s->member_count);
    for (unsigned i = 0; i < 2; i++) {
        uint64_t key = 1;
        for (unsigned k = 0; k < 6; k++) {
            key = key << 8 | groups[i][k];
        }
        EXPECT_U64(key, s->members[i].mac);
        EXPECT_U64(UINT64_C(260000010000), s->members[i].expires.ns);
    }
    end(&lab);
}

TEST_CASE(switch, an_uplink_gets_the_adverts_that_members_do_and_none_when_they_are_dropped)
{
    static struct world_lab lab;
    static const enum snooping modes[2] = {SNOOP_MEMBERS, SNOOP_DROP};
    static const char *const heard[2] = {"ya za", ""};
    for (unsigned i = 0; i < 2; i++) {
        init_two(&lab);
        lab.world.switches[0].snooping = modes[i];
        world_lab_say(&lab, X, LAB_ADVERT, 'a');
        run_and_expect(&lab, 5, heard[i]);
        end(&lab);
    }
}

/* Both report when they start. b hears a's last advert at 259.000020 s, and 3.390625 s later is
 * master beside it: nobody told the switch that there are still members. */
TEST_CASE(switch, snooping_without_a_querier_makes_two_masters)
{
    static struct world_lab lab;
    world_lab_init(&lab, 1);
    world_lab_daemon(&lab, "a", 0);
    uint32_t b = world_lab_daemon(&lab, "b", 100);
    lab.world.switches[0].snooping = SNOOP_MEMBERS;
    world_lab_boot(&lab);
    world_lab_run(&lab, 600000);
    EXPECT_STR("a 0.000000000 INIT -> BACKUP (link-up)\n"
               "b 0.000000000 INIT -> BACKUP (link-up)\n"
               "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
               "b 262.390645000 BACKUP -> MASTER (silence): claim, send, announce\n",
               lab.story);
    EXPECT_INT(CARP_MASTER, world_lab_state(&lab, b));
    EXPECT_U64(0, lab.world.oracle->total); /* the network is to blame */
    end(&lab);
}

TEST_CASE(switch, snooping_with_a_querier_keeps_its_members)
{
    static struct world_lab lab;
    world_lab_init(&lab, 1);
    world_lab_daemon(&lab, "a", 0);
    world_lab_daemon(&lab, "b", 100);
    lab.world.switches[0].snooping = SNOOP_MEMBERS;
    world_lab_boot(&lab);
    fabric_query(&lab.world, 0);
    world_lab_run(&lab, 600000);
    EXPECT_STR("a 0.000000000 INIT -> BACKUP (link-up)\n"
               "b 0.000000000 INIT -> BACKUP (link-up)\n"
               "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n",
               lab.story);
    EXPECT_U64(0, lab.world.dropped[DROP_SNOOPED]);
    end(&lab);
}
