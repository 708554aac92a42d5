/*
 * What happened, as far as frames tell: who took part, who was master when, why that changed, and
 * what else is worth a word. Fed frame by frame, in order of time (account_frame()); complete after
 * account_end(). Memory grows with what changes (nodes, reigns, findings), not with adverts.
 *
 * A frame says that its sender thought itself master when it sent it. All else is inferred, and
 * each inference has a reason in words; what a capture cannot tell is said to be unknown.
 */
#ifndef CARP_TOOLS_CARPLAB_ACCOUNT_H
#define CARP_TOOLS_CARPLAB_ACCOUNT_H

#include "engine/story.h"
#include "io/pcap/merge.h"
#include "tools/carplab/decode.h"

enum {
    ACCOUNT_TEXT_MAX = 320,
    ACCOUNT_ANNOUNCED_MAX = 32, /* addresses of a group that are kept in mind */
    /* What is kept at most of a capture that was made to fill memory; the finding "too-much" says
     * that there was more. */
    ACCOUNT_NODES_MAX = 4096,
    ACCOUNT_MEMBERS_MAX = 8192,
    ACCOUNT_GROUPS_MAX = 4096,
    ACCOUNT_REIGNS_MAX = 16384,
    ACCOUNT_FINDINGS_MAX = 4096,
};
#define ACCOUNT_NOBODY UINT32_MAX

/* --- who ---------------------------------------------------------------------------------------
 */

enum account_kind {
    ACCOUNT_UNKNOWN,
    ACCOUNT_UCARP,
    ACCOUNT_CARPIO,
    ACCOUNT_BSD, /* one of the next three; nothing tells which */
    ACCOUNT_FREEBSD,
    ACCOUNT_NETBSD,
    ACCOUNT_OPENBSD,
};

/* A host: all source addresses that were told to be the same one's. */
struct account_node {
    char name[STORY_ADDRESS_MAX]; /* its IPv4 source address, or the IPv6 one if it has none */
    bool has_ipv4, has_ipv6;
    uint8_t ipv4[4], ipv6[16];
    bool has_mac, has_own_mac;
    uint8_t mac[FRAME_MAC_SIZE];     /* of its adverts */
    uint8_t own_mac[FRAME_MAC_SIZE]; /* of its interface, as other frames show it */
    enum account_kind kind;
    char evidence[ACCOUNT_TEXT_MAX]; /* of the kind, in words */
};

/* A node in a virtual host. */
struct account_member {
    uint32_t node, group;
    uint8_t advbase, advskew;       /* of its regular adverts: the lowest claim it was seen with */
    uint8_t worst_base, worst_skew; /* and the highest, farewells not counted: demotion */
    uint64_t adverts, farewells, refused, lost; /* lost: missing between two of a reign */
    carp_duration interval_min, interval_mean,
        interval_max;     /* between adverts of one claim; 0: none */
    carp_duration jitter; /* mean distance of an interval from what it should be */
    enum replay_counting counting;
    int8_t preempts; /* 1 it was seen to, 0 it was seen not to, -1 unknown */
};

struct account_group {
    uint8_t vhid;
    uint16_t vlan;                                /* 0: none */
    carp_instant begin, end;                      /* first and last frame of it */
    carp_duration dark, twofold;                  /* in all */
    uint32_t address_count;                       /* announced for it */
    uint8_t addresses[ACCOUNT_ANNOUNCED_MAX][17]; /* family, then bytes */
};

/* --- what --------------------------------------------------------------------------------------
 */

/* Why a reign began, or ended. */
enum account_why {
    ACCOUNT_BEFORE,     /* began: before the capture; ended: after it */
    ACCOUNT_FIRST,      /* began: nobody was heard before */
    ACCOUNT_SILENCE,    /* its predecessor, or it, fell silent without a word */
    ACCOUNT_FAREWELL,   /* its predecessor, or it, said 255/255 */
    ACCOUNT_PREEMPTION, /* the faster one took over from, or made yield, the slower */
    ACCOUNT_DEMOTION,   /* likewise, after the master had raised its advskew or demotion count */
    ACCOUNT_TIE,        /* equal timers */
    ACCOUNT_SPLIT, /* it began while the other went on: they do not hear each other, or disagree */
};

struct account_reign {
    uint32_t group, node;
    carp_instant from; /* its first advert */
    carp_instant last; /* its last advert */
    carp_instant to;   /* when it ended, as far as can be told: `last`, the farewell, or the
                          advert it yielded to */
    enum account_why began, ended;
    carp_duration waited;        /* began by SILENCE: since the last advert heard */
    uint32_t before;             /* node it took over from; ACCOUNT_NOBODY */
    bool again;                  /* one more round of a pattern that a finding tells of */
    char text[ACCOUNT_TEXT_MAX]; /* why it began, one sentence */
    char end_text[ACCOUNT_TEXT_MAX];
};

struct account_stretch {
    uint32_t group;
    bool twofold; /* two or more masters; otherwise none */
    carp_instant from, to;
    char text[ACCOUNT_TEXT_MAX];
};

/* Anything else worth a sentence; trap is its number in docs/REPLAY.md, 0: none. */
struct account_finding {
    carp_instant at;
    uint32_t group; /* ACCOUNT_NOBODY: of no one group */
    unsigned trap;
    const char *topic; /* a word for programs: "loop", "replay", ...; docs/REPLAY.md lists them */
    uint64_t times;    /* how often it was seen; told once */
    char text[ACCOUNT_TEXT_MAX];
};

/* A frame that is worth a point in a picture; called as it is met. */
struct account_tap {
    void *self;
    void (*point)(void *self, uint32_t group, uint32_t node, const struct merge_frame *frame,
                  const struct decoded *decoded);
};

struct account {
    carp_instant begin, end;
    uint64_t frames, adverts;
    struct account_node *nodes;
    struct account_member *members;
    struct account_group *groups;
    struct account_reign *reigns;      /* by group, then by time */
    struct account_stretch *stretches; /* likewise */
    struct account_finding *findings;  /* by time */
    uint32_t node_count, member_count, group_count, reign_count, stretch_count, finding_count;
    struct account_tap tap;
    struct account_work *work; /* account*.c's */
};

/* False: no memory. */
bool account_begin(struct account *a);
bool account_frame(struct account *a, const struct merge_frame *frame, const struct decoded *d);
bool account_end(struct account *a);
void account_free(struct account *a);

enum { ACCOUNT_WORD_MAX = 32 };
/* The node's place among the members; ACCOUNT_NOBODY: it is none of this group. */
uint32_t account_member_of(const struct account *a, uint32_t group, uint32_t node);

const char *account_duration(carp_duration d, char word[ACCOUNT_WORD_MAX]); /* "3.417 s" */
const char *account_mac(const uint8_t *mac, char word[ACCOUNT_WORD_MAX]);
const char *account_kind_word(enum account_kind kind); /* "UCARP", "FreeBSD", ... */
const char *account_why_word(enum account_why why);    /* "silence", "preemption", ... */

#endif
