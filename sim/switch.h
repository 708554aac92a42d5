/*
 * What a switch knows: behind which port an address is, and who listens to which multicast group.
 * fabric.c asks it where a frame goes.
 */
#ifndef CARP_SIM_SWITCH_H
#define CARP_SIM_SWITCH_H

#include "sim/world.h"

/* A MAC as a number that is not zero. */
uint64_t switch_mac_key(const uint8_t *mac);

/* An address was seen as source on this port (an end). */
void switch_learn(struct world *w, uint32_t switch_index, uint32_t port, const uint8_t *mac);

/* The port behind which an address is; NONE when it is not known (any more). */
uint32_t switch_look_up(struct world *w, struct sim_switch *s, const uint8_t *mac);

/* The cable of a port was pulled: what was learned there, members too, is forgotten. */
void switch_forget_port(struct sim_switch *s, uint32_t port);

/* A frame came in; if it reports a membership that is noted. */
void switch_snoop(struct world *w, struct sim_switch *s, uint32_t port,
                  const struct sim_frame *frame);

/* Does this frame go to members only? And does snooping let a group (switch_mac_key()) out here? */
bool switch_snoops(const struct sim_switch *s, const struct sim_frame *frame);
bool switch_wants(const struct world *w, const struct sim_switch *s, uint32_t port, uint64_t group);

#endif
