/*
 * What if: our engine on the input of a capture. As an observer, it says of each advert what it
 * makes of it, and when it would have taken over. In the place of a host, it gets what that host
 * got, and its decisions are compared with what the host is seen to have done.
 *
 * A capture does not show what befell a host beside frames. So of its account is taken over what no
 * configuration changes: that it was master when it was first heard and nobody was before; that it
 * fell silent without a word (the link is down for the engine); that it said farewell (it is told
 * to stop); and the last moment at which it must have been there again. What is driven by the
 * capture is an open loop: from the first advert on that the engine sends and the host did not, or
 * the reverse, others would have heard something else than was recorded.
 *
 * The frames are read twice: for the account, which must be complete, and then here.
 */
#ifndef CARP_TOOLS_CARPLAB_WHATIF_H
#define CARP_TOOLS_CARPLAB_WHATIF_H

#include <stdio.h>

#include "engine/carp.h"
#include "tools/carplab/replay/account.h"

enum { WHATIF_ERROR_MAX = 640, WHATIF_TEXT_MAX = 400, WHATIF_GROUPS_MAX = 255 };

/* What is asked on the command line, beside keys and addresses; all zero: nothing. Names, values
 * and ranges of settings are those of docs/CONFIGURATION.md. Values are borrowed. */
enum whatif_option_index {
    WHATIF_CONFIG, /* a carpd.yaml, instead of key and addresses */
    WHATIF_AS,     /* an address: in place of this host; otherwise as an observer */
    WHATIF_VHID,
    WHATIF_ADVBASE,
    WHATIF_ADVSKEW,
    WHATIF_DEAD_RATIO,
    WHATIF_PREEMPT,
    WHATIF_HOLD_DOWN,
    WHATIF_PREEMPT_DELAY,
    WHATIF_DEMOTION,
    WHATIF_REPLAY,
    WHATIF_OPTION_COUNT
};

struct whatif_options {
    const char *values[WHATIF_OPTION_COUNT];
};

/*
 * Is this an option of ours, with this value (NULL: there is none)? 1: it is noted. 0: it is none
 * of ours. -1: it is wrong; error says what would be right.
 */
int whatif_option(struct whatif_options *o, const char *name, const char *value,
                  char error[WHATIF_ERROR_MAX]);

/* "--as HOST --vhid N ...": what there is, for a message. */
extern const char whatif_usage[];

/* Was anything asked that needs the engine? */
bool whatif_wanted(const struct whatif_options *o);

/* --- what comes out -----------------------------------------------------------------------------
 */

enum whatif_kind { WHATIF_DECISION, WHATIF_DIFFERENCE, WHATIF_SUM };

enum whatif_how {
    WHATIF_SAME,    /* within what the wire can show */
    WHATIF_EARLIER, /* the engine, than the host was seen to */
    WHATIF_LATER,
    WHATIF_MISSING, /* the engine does not */
    WHATIF_EXTRA,   /* the host did not */
    WHATIF_GIVEN,   /* taken over from the capture: nothing was decided */
};

/* Borrowed for the call. */
struct whatif_event {
    enum whatif_kind kind;
    uint8_t vhid;
    carp_instant at;

    /* DECISION: a step, as story_line() tells it. repeated: as the one before of its
     * kind, but for its time. */
    const struct carp_event *event;
    const struct carp_outcome *outcome;
    bool repeated;

    /* DIFFERENCE: of becoming master (or, ceased, of leaving that). CARP_NEVER: it did not. */
    enum whatif_how how;
    bool ceased;
    bool guess; /* the engine did so after others would have heard something else: see SUM */
    carp_instant recorded, engine;

    /* SUM: as recorded, and with the engine. As an observer: how often it took over, and adverts.
     */
    carp_duration dark[2], twofold[2];
    carp_instant apart; /* from here on others would have heard something else; CARP_NEVER */
    uint64_t takeovers, accepted, refused;

    char text[WHATIF_TEXT_MAX];    /* a sentence */
    char caution[WHATIF_TEXT_MAX]; /* and one on how far to believe it */
};

struct whatif_sink {
    void *self;
    void (*tell)(void *self, const struct whatif_event *event);
};

/* As lines of text (times since origin; repeated decisions are left out) or as JSON Lines. */
struct whatif_writer {
    FILE *file;
    bool json;
    carp_instant origin;
    unsigned headed; /* a bit for each kind that has its heading */
    enum whatif_kind last;
};

void whatif_write(void *writer, const struct whatif_event *event);

const char *whatif_how_word(enum whatif_how how);

/* --- the run ------------------------------------------------------------------------------------
 */

struct whatif;

/*
 * given    key and addresses from the command line, for when there is no configuration file
 * account  complete; borrowed until whatif_end()
 * NULL: it cannot begin, and error is one sentence about it.
 */
struct whatif *whatif_begin(const struct whatif_options *o, const struct carp_config *given,
                            const struct account *account, struct whatif_sink sink,
                            char error[WHATIF_ERROR_MAX]);

/* False: no memory. */
bool whatif_frame(struct whatif *w, const struct merge_frame *frame);
bool whatif_end(struct whatif *w);

void whatif_free(struct whatif *w);

/* All of it, for files that were read before, for the account: what comes out goes to `file`.
 * Returns an exit status: 0, or 2 after one line on stderr. */
int whatif_files(const struct whatif_options *o, const struct carp_config *given,
                 const char *const *paths, unsigned count, const struct account *account,
                 FILE *file, bool json);

#endif
