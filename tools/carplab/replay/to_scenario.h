/*
 * An account of captures as a scenario: the same nodes with the same timers, what happened to them,
 * and what was seen as expectations. It is run once before it is written, so that it is known
 * whether the simulator comes to what was seen.
 */
#ifndef CARP_TOOLS_CARPLAB_TO_SCENARIO_H
#define CARP_TOOLS_CARPLAB_TO_SCENARIO_H

#include <stdio.h>

#include "tools/carplab/replay/account.h"

/*
 * Write the scenario to path; sources, the captures' names, go into its first line. What was
 * reproduced is said on `tell`. 0: all of it; 1: the file is there, and what the simulator comes to
 * differs, in which lines is said; 2: nothing was written, why is said on stderr.
 */
int to_scenario(const struct account *a, const char *path, const char *sources, FILE *tell);

#endif
