/*
 * What the parts of the account share while frames are fed: account.c (tables and the way of a
 * frame through the parts), account_nodes.c (who), account_timers.c (intervals, claims, counters),
 * account_begin.c, account_reigns.c and account_stretches.c (master from when to when),
 * account_announce.c (addresses), account_findings.c (all else).
 */
#ifndef CARP_TOOLS_CARPLAB_ACCOUNT_WORK_H
#define CARP_TOOLS_CARPLAB_ACCOUNT_WORK_H

#include "engine/claim.h"
#include "engine/replay.h"
#include "tools/carplab/replay/account.h"

/* A power of two; filled to three quarters at most. */
enum { WORK_SLOTS = 32768 };

enum {
    WORK_RATIO = 3,          /* of everyone, unless a UCARP was told otherwise */
    WORK_REIGNING_MAX = 16,  /* masters of one group at a time that are kept apart */
    WORK_PENDING_MAX = 16,   /* announcements whose group is not known yet */
    WORK_CLAIMANTS_MAX = 64, /* MACs that an address is said to be at, unexpectedly */
    WORK_MACS_MAX = 64,      /* own addresses announced by hosts, as they do when they boot */
    WORK_COPIES = 4,         /* last frames of a member, to know a copy by */
    WORK_RECENT = 8,         /* last counters of a group */
};

/* How long after its advert, or before, an announcement may come and still belong to it: kernels
 * send both in one go, UCARP's up script is run before. */
#define WORK_TOGETHER CARP_MILLISECONDS(100)

struct work_slot {
    uint8_t key[24];
    uint32_t index;
    bool used;
};

/* What is remembered of a node, to tell its kind by. */
struct work_node {
    uint16_t vlan;
    bool ucarp_mac, virtual_mac, own_mac;           /* seen as source of adverts */
    bool tos_freebsd, tos_other, id_zero, id_other; /* IPv4 */
    bool class_freebsd, class_other, pseudo;        /* IPv6 */
    bool to_peer;                                   /* to one address, not to the group */
    bool demote;                                    /* byte 4 was not zero */
    bool wall_counter;                              /* of its own, near the wall clock times 2^20 */
    bool constant, counts;
    bool garp_real, garp_virtual_source; /* announced its own MAC; virtual one from virtual */
    bool garp_before;                    /* and that before its advert */
    bool answers;                        /* FreeBSD: answers others' gratuitous ARP */
};

/* A frame, to know its copy by. */
struct work_copy {
    uint64_t hash, place;
    carp_instant at;
};

/* Adverts that other files have and this one has not. They count when the file goes on later. */
struct work_unseen {
    uint64_t count, waiting;
    carp_instant first, last;
};

/* A member, as it is now. */
struct work_member {
    uint32_t next; /* of the same group */
    bool heard, reigning;
    struct account_reign reign;           /* under way */
    carp_instant last;                    /* advert that was no farewell */
    carp_instant last_of[2];              /* likewise, over IPv4, over IPv6; zero: never */
    struct claim claim, best, reign_best; /* now, ever, in this reign */
    uint64_t counter, counter_of[2];
    bool trusted;   /* its digests are right, or nothing is known of digests */
    bool last_word; /* its last advert came long before it was due */

    /* An advert at least as good as its own, after its last one: it may have yielded. */
    bool yielding, yield_equal, yield_demoted;
    carp_instant yield_at;
    uint32_t yield_to;
    unsigned ignored;  /* times that it went on after such an advert */
    unsigned refusals; /* such adverts that it refuses: of the two, one has a wrong digest */

    /* The last such advert, whenever. */
    bool has_rival, rival_equal, rival_demoted;
    carp_instant rival_at;
    uint32_t rival;

    /* Intervals. */
    uint64_t intervals, interval_sum, jitter_sum;
    uint64_t rushed; /* much shorter than advertised */
    carp_instant rushed_at;

    struct work_unseen unseen[MERGE_FILES_MAX];
    struct work_copy copies[WORK_COPIES];
    unsigned copy_count;

    bool owed[ACCOUNT_ANNOUNCED_MAX];      /* others announced it before this reign */
    bool announced[ACCOUNT_ANNOUNCED_MAX]; /* in this reign, soon enough */
    bool has_announced[ACCOUNT_ANNOUNCED_MAX];
    bool deaf_told[2];
    unsigned flaps; /* it began beside a better one, and yielded at once, so many times in a row */
};

/* A counter that was on the link, to know who continues whose count. */
struct work_counter {
    uint64_t counter;
    carp_instant at;
    uint32_t member;
};

struct work_group {
    uint32_t first_member;
    uint32_t reigning[WORK_REIGNING_MAX];
    unsigned reigning_count;
    bool has_reigned;
    carp_instant last_advert; /* of anyone, no farewell */
    uint32_t last_node;       /* its sender */
    bool has_farewell;        /* and no advert since */
    carp_instant farewell_at;
    uint32_t farewell_node;
    uint64_t link_counter; /* of the last advert */
    struct work_counter recent[WORK_RECENT];
    unsigned recent_count;
    struct replay_senders senders;
    uint32_t announcer[ACCOUNT_ANNOUNCED_MAX]; /* node that announced it last */

    /* Ends by a tie, with nobody left. */
    bool tied;
    unsigned rounds;
    carp_instant first_tie, first_round, last_round;
    uint32_t round_nodes[2];
    bool many_masters_told;

    bool cut; /* there was no room for a reign: after this one's begin, nothing is told */
    carp_instant cut_at;
};

struct work_pending {
    carp_instant at;
    uint16_t vlan;
    uint8_t mac[FRAME_MAC_SIZE];
    uint8_t address[17];
};

struct work_claimant {
    uint32_t group;
    uint8_t address[17];
    uint8_t mac[FRAME_MAC_SIZE];
    carp_instant at;
    uint64_t times;
    bool answers_only; /* gratuitous ARP replies to one host: FreeBSD backups do that */
};

struct work_mac {
    uint16_t vlan;
    uint8_t address[17];
    uint8_t mac[FRAME_MAC_SIZE];
};

struct account_work {
    struct work_slot slots[WORK_SLOTS];
    unsigned slots_used;
    uint32_t nothing; /* where the index would be of what is not there */
    struct work_node *nodes;
    struct work_member *members;
    struct work_group *groups;
    uint32_t node_room, member_room, group_room, reign_room, finding_room;

    struct work_pending pending[WORK_PENDING_MAX];
    unsigned pending_next;
    struct work_claimant claimants[WORK_CLAIMANTS_MAX];
    unsigned claimant_count;
    struct work_mac macs[WORK_MACS_MAX];
    unsigned mac_count;

    /* The advert before this one, of whatever group. */
    bool has_previous;
    carp_instant previous_at;
    uint32_t previous_member;
    uint8_t previous_family;

    uint32_t files;                        /* a bit for each that had a frame */
    carp_instant file_at[MERGE_FILES_MAX]; /* its last one */

    bool too_much, no_memory;
};

/* --- account.c ---------------------------------------------------------------------------------
 */

/* Make room for one more; NULL: no memory or too many. */
void *work_room(struct account *a, void **list, uint32_t count, uint32_t *room, size_t size,
                uint32_t most);

/* The index under this key: ACCOUNT_NOBODY when there is none, and then, if it is to be added, the
 * caller's to set. */
enum work_key { WORK_KEY_GROUP, WORK_KEY_NODE, WORK_KEY_MEMBER, WORK_KEY_ADDRESS };
uint32_t *work_find(struct account *a, enum work_key kind, uint16_t vlan, uint8_t vhid,
                    uint8_t family, const uint8_t *address, bool add);

/* --- account_nodes.c ---------------------------------------------------------------------------
 */

/* The member that sent this advert; ACCOUNT_NOBODY: no memory, or too many. */
uint32_t nodes_member(struct account *a, carp_instant at, uint16_t vlan, const struct decoded *d,
                      const uint8_t *frame, size_t size);
/* The node with this MAC of its own; ACCOUNT_NOBODY. */
uint32_t nodes_by_mac(const struct account *a, const uint8_t *mac);
bool nodes_has_address(const struct account *a, uint16_t vlan, const uint8_t address[17]);
void nodes_end(struct account *a);
bool mac_is_virtual(const uint8_t *mac); /* 00:00:5e:00:01:xx */
bool mac_is_ucarps(const uint8_t *mac);  /* 00:00:5e:00:00:xx */

/* --- account_timers.c --------------------------------------------------------------------------
 */

struct claim timers_claim(const struct decoded *d);
/* The interval of its claim; and how long it waits for a master, by the best one. */
uint64_t timers_interval(const struct work_member *m);
uint64_t timers_patience(const struct work_member *m);
/* Did its counter go on by as many adverts as its timers allow in the time? */
bool timers_own_count(const struct work_member *m, carp_instant at, uint64_t counter);
/* Is this advert too late to belong to the reign under way? */
bool timers_too_late(const struct work_member *m, carp_instant at, uint64_t counter);
/* Did it raise its claim in this reign, so that `than` is better only because of that? */
bool timers_demoted(const struct work_member *m, struct claim than);
void timers_interval_ended(struct account *a, uint32_t member, carp_instant at, unsigned family,
                           uint64_t counter);
void timers_note_claim(struct account *a, uint32_t member, carp_instant at, struct claim claim);
void timers_note_counter(struct account *a, uint32_t member, carp_instant at, unsigned family,
                         uint64_t counter);

/* --- account_begin.c, account_reigns.c, account_stretches.c ------------------------------------
 */

void reigns_open(struct account *a, uint32_t member, carp_instant at, uint64_t counter);
/* It was not heard again; why, is found out. */
void reigns_close(struct account *a, uint32_t member);
void reigns_advert(struct account *a, uint32_t member, carp_instant at, const struct decoded *d);
void reigns_end(struct account *a);
void stretches_end(struct account *a);

/* --- account_files.c ---------------------------------------------------------------------------
 */

void files_frame(struct account *a, const struct merge_frame *frame);
void files_advert(struct account *a, uint32_t member, const struct merge_frame *frame);
void files_end(struct account *a);

/* --- account_announce.c ------------------------------------------------------------------------
 */

void announce_frame(struct account *a, carp_instant at, uint16_t vlan, const struct decoded *d,
                    const struct merge_frame *frame, uint32_t *group, uint32_t *node);
/* A member advertised: what was announced just before may be its. */
void announce_advert(struct account *a, uint32_t member, carp_instant at);
/* A reign begins. */
void announce_begin(struct account *a, uint32_t member);
/* A reign is over; was each address announced that should have been? */
void announce_reign(struct account *a, uint32_t member, const struct account_reign *reign);
void announce_end(struct account *a);

/* --- account_findings.c ------------------------------------------------------------------------
 */

/* Tell it, or count it where the same was told already (same topic, group and text). */
void finding_add(struct account *a, carp_instant at, uint32_t group, unsigned trap,
                 const char *topic, const char *format, ...) __attribute__((format(printf, 6, 7)));
void findings_end(struct account *a);

/* --- words -------------------------------------------------------------------------------------
 */

const char *work_claim(struct claim c, char word[ACCOUNT_WORD_MAX]); /* "1/100" */
const char *work_address(const uint8_t address[17], char text[STORY_ADDRESS_MAX]);
const char *node_name(const struct account *a, uint32_t node);
const char *member_name(const struct account *a, uint32_t member);
struct work_group *member_group(const struct account *a, uint32_t member);

#endif
