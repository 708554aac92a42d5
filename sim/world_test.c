/*
 * The world as a whole: a pair of daemons and a client on a switch.
 */
#include <stdio.h>
#include <string.h>

#include "sim/oracle.h"
#include "sim/world_lab.h"
#include "tools/testkit/testkit.h"

/* Two hops of 10 us lie between any two nodes. 3.390625 s is 3 x advbase + 100/256 s. */
TEST_CASE(world, runs_a_pair_from_its_start_to_a_crash)
{
    static struct world_lab lab;
    world_lab_init(&lab, 1);
    uint32_t a = world_lab_daemon(&lab, "a", 0);
    world_lab_daemon(&lab, "b", 100);
    world_lab_boot(&lab);
    world_lab_run(&lab, 10500);
    node_crash(&lab.world, &lab.world.nodes[a]);
    world_lab_run(&lab, 15000);
    EXPECT_STR("a 0.000000000 INIT -> BACKUP (link-up)\n"
               "b 0.000000000 INIT -> BACKUP (link-up)\n"
               "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
               "b 13.390645000 BACKUP -> MASTER (silence): claim, send, announce\n",
               lab.story);
    EXPECT_U64(0, lab.world.oracle->total);
    world_lab_free(&lab);
}

/* Those apart from the best node have as long as they themselves need: 3.39 s, not its 3 s. */
TEST_CASE(world, has_bounds_of_those_who_hear_each_other)
{
    static struct world_lab lab;
    world_lab_init(&lab, 1);
    world_lab_daemon(&lab, "a", 0);
    world_lab_daemon(&lab, "b", 100);
    world_lab_daemon(&lab, "c", 200);
    world_lab_boot(&lab);
    world_lab_run(&lab, 10001);
    for (size_t i = 0; i < 3; i++) {
        lab.world.nodes[i].side = i == 0 ? 1 : 2;
    }
    lab.world.split = true;
    lab.world.changes += 1;
    oracle_disturbed(&lab.world);
    world_lab_run(&lab, 20000);
    EXPECT_STR("a 0.000000000 INIT -> BACKUP (link-up)\n"
               "b 0.000000000 INIT -> BACKUP (link-up)\n"
               "c 0.000000000 INIT -> BACKUP (link-up)\n"
               "a 3.000000000 BACKUP -> MASTER (silence): claim, send, announce\n"
               "b 13.390645000 BACKUP -> MASTER (silence): claim, send, announce\n",
               lab.story);
    EXPECT_U64(0, lab.world.oracle->total);
    world_lab_free(&lab);
}
