#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tools/carplab/replay/whatif_internal.h"

static const char *const names[WHATIF_OPTION_COUNT] = {
    [WHATIF_CONFIG] = "--config",
    [WHATIF_AS] = "--as",
    [WHATIF_VHID] = "--vhid",
    [WHATIF_ADVBASE] = "--advbase",
    [WHATIF_ADVSKEW] = "--advskew",
    [WHATIF_DEAD_RATIO] = "--dead-ratio",
    [WHATIF_PREEMPT] = "--preempt",
    [WHATIF_HOLD_DOWN] = "--hold-down",
    [WHATIF_PREEMPT_DELAY] = "--preempt-delay",
    [WHATIF_DEMOTION] = "--demotion",
    [WHATIF_REPLAY] = "--replay",
};

const char whatif_usage[] = "--config carpd.yaml --as HOST --vhid N --advbase N --advskew N "
                            "--dead-ratio N --preempt yes|no --hold-down S --preempt-delay S "
                            "--demotion advskew|openbsd --replay auto|enforce|off";

/* Each returns NULL, or what would be right. */

static const char *read_number(const char *text, unsigned min, unsigned max, const char *right,
                               uint8_t *home)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || value < min || value > max) {
        return right;
    }
    *home = (uint8_t)value;
    return NULL;
}

/* Whole and decimal seconds, to the nanosecond, as in a configuration. */
static const char *read_seconds(const char *text, carp_duration *home)
{
    static const char right[] = "0..3600 seconds, such as 2.5,";
    uint64_t whole = 0, fraction = 0, unit = 1000000000;
    const char *at = text;
    for (; *at >= '0' && *at <= '9' && whole <= 3600; at++) {
        whole = whole * 10 + (uint64_t)(*at - '0');
    }
    if (at == text) {
        return right;
    }
    if (*at == '.') {
        for (at++; *at >= '0' && *at <= '9' && unit > 1; at++) {
            unit /= 10;
            fraction += (uint64_t)(*at - '0') * unit;
        }
    }
    if (*at != '\0' || whole * 1000000000 + fraction > CARP_SECONDS(3600).ns) {
        return right;
    }
    *home = (carp_duration){whole * 1000000000 + fraction};
    return NULL;
}

static const char *read_choice(const char *text, const char *const *words, const char *right,
                               unsigned *home)
{
    for (unsigned i = 0; words[i] != NULL; i++) {
        if (strcmp(text, words[i]) == 0) {
            *home = i;
            return NULL;
        }
    }
    return right;
}

static const char *read_address(const char *text)
{
    uint8_t bytes[16];
    bool good = inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
    return good ? NULL : "the source address of a host";
}

/* Put one option's value into a configuration. */
static const char *set(enum whatif_option_index option, const char *value, struct carp_config *c)
{
    static const char *const switches[] = {"no", "yes", NULL};
    static const char *const dialects[] = {"advskew", "openbsd", NULL};
    static const char *const replays[] = {"auto", "enforce", "off", NULL};
    const char *right = NULL;
    unsigned choice = 0;
    switch (option) {
    case WHATIF_CONFIG:
        return *value != '\0' ? NULL : "a file";
    case WHATIF_AS:
        return read_address(value);
    case WHATIF_VHID:
        return read_number(value, 1, 255, "1..255", &c->vhid);
    case WHATIF_ADVBASE:
        return read_number(value, 0, 255, "0..255", &c->advbase);
    case WHATIF_ADVSKEW:
        return read_number(value, 0, 254, "0..254", &c->advskew);
    case WHATIF_DEAD_RATIO:
        return read_number(value, 1, 255, "1..255", &c->dead_ratio);
    case WHATIF_PREEMPT:
        right = read_choice(value, switches, "yes or no", &choice);
        c->preempt = choice == 1;
        return right;
    case WHATIF_HOLD_DOWN:
        return read_seconds(value, &c->hold_down);
    case WHATIF_PREEMPT_DELAY:
        return read_seconds(value, &c->preempt_delay);
    case WHATIF_DEMOTION:
        right = read_choice(value, dialects, "advskew or openbsd", &choice);
        c->dialect = choice == 1 ? CARP_DIALECT_OPENBSD : CARP_DIALECT_ADVSKEW;
        return right;
    case WHATIF_REPLAY:
        right = read_choice(value, replays, "auto, enforce or off", &choice);
        c->replay = choice == 2   ? CARP_REPLAY_OFF
                    : choice == 1 ? CARP_REPLAY_ENFORCE
                                  : CARP_REPLAY_AUTO;
        return right;
    case WHATIF_OPTION_COUNT:
        break;
    }
    return NULL;
}

int whatif_option(struct whatif_options *o, const char *name, const char *value,
                  char error[WHATIF_ERROR_MAX])
{
    for (unsigned i = 0; i < WHATIF_OPTION_COUNT; i++) {
        if (strcmp(name, names[i]) != 0) {
            continue;
        }
        struct carp_config scratch = {0};
        const char *right = set(i, value == NULL ? "" : value, &scratch);
        if (right != NULL) {
            snprintf(error, WHATIF_ERROR_MAX, "%s %s: %s is right", name,
                     value == NULL ? "(nothing)" : value, right);
            return -1;
        }
        o->values[i] = value;
        return 1;
    }
    return 0;
}

bool whatif_wanted(const struct whatif_options *o)
{
    for (unsigned i = 0; i < WHATIF_OPTION_COUNT; i++) {
        if (o->values[i] != NULL) {
            return true;
        }
    }
    return false;
}

void whatif_set(const struct whatif_options *o, struct carp_config *c)
{
    for (unsigned i = 0; i < WHATIF_OPTION_COUNT; i++) {
        if (o->values[i] != NULL) {
            set(i, o->values[i], c);
        }
    }
}
