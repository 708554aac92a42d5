/*
 * The frames of a simulated LAN that are not adverts: what hosts, clients and switches say to each
 * other so that addresses can be found and multicast can be snooped. Real bytes, so that a capture
 * of a simulation reads like one of a network.
 *
 * Source: RFC 826 (ARP), RFC 4861 (neighbour discovery), RFC 2236 (IGMPv2), RFC 2710 (MLDv1),
 * RFC 768 (UDP).
 */
#ifndef CARP_SIM_PACKETS_H
#define CARP_SIM_PACKETS_H

#include "engine/frame.h"
#include "sim/frames.h"

enum frame_class packet_class(const uint8_t *bytes, size_t size);

/* An IP address: IPv4 in four bytes, then zeros. family 0: none. */
struct sim_address {
    uint8_t family; /* 4 or 6 */
    uint8_t bytes[16];
};

bool address_equal(const struct sim_address *a, const struct sim_address *b);

/* Who has `target`? IPv4: ARP request; IPv6: neighbour solicitation. `from` is of that family. */
size_t packet_ask(const uint8_t mac[6], const struct sim_address *from,
                  const struct sim_address *target, uint8_t *bytes);

/* `target` is at `mac`: the answer to that question, to its asker. */
size_t packet_answer(const uint8_t mac[6], const struct sim_address *target,
                     const uint8_t to_mac[6], const struct sim_address *to, uint8_t *bytes);

/* What an ARP or neighbour frame says. A question has `asks` set, and target; everything else is a
 * claim that `target` is at `mac`. */
struct packet_neighbour {
    bool asks;
    bool override; /* may replace what is known already */
    struct sim_address target;
    struct sim_address from; /* of the asker, or of who claims; family 0 when it says none */
    uint8_t mac[6];
};

bool packet_read_neighbour(const uint8_t *bytes, size_t size, struct packet_neighbour *n);

/* A probe (UDP to port 7, RFC 862) and its answer, numbered. The answer to probe n carries n. */
struct packet_probe {
    bool answer;
    uint32_t number;
    uint8_t destination_mac[6];
    uint8_t source_mac[6];
    struct sim_address source;
    struct sim_address destination;
};

size_t packet_write_probe(const struct packet_probe *probe, uint8_t *bytes);
bool packet_read_probe(const uint8_t *bytes, size_t size, struct packet_probe *probe);

/* Membership reports and general queries: family 4 IGMPv2, 6 MLDv1. `group` is the multicast
 * address; a query's is empty. */
size_t packet_report(uint8_t family, const uint8_t mac[6], const struct sim_address *from,
                     const uint8_t *group, uint8_t *bytes);
size_t packet_query(uint8_t family, const uint8_t mac[6], uint8_t *bytes);

/* The multicast MAC a report is about; false when it is no report. */
bool packet_read_report(const uint8_t *bytes, size_t size, uint8_t group_mac[6]);

/* The destination MAC of a multicast address. */
void packet_multicast_mac(uint8_t family, const uint8_t *group, uint8_t mac[6]);

#endif
