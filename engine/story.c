#include "engine/story.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

struct text {
    char *at;
    size_t left; /* including the final NUL */
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(t->at, t->left, format, arguments);
    va_end(arguments);
    assert(size >= 0);
    size_t written = (size_t)size < t->left ? (size_t)size : t->left - 1;
    t->at += written;
    t->left -= written;
}

static void add_ipv6(struct text *t, const uint8_t *a)
{
    unsigned groups[8];
    int best = -1, best_count = 1; /* the longest run of two or more zero groups becomes "::" */
    for (int i = 0; i < 8; i++) {
        groups[i] = (unsigned)(a[2 * i] << 8 | a[2 * i + 1]);
    }
    for (int i = 0; i < 8; i++) {
        int count = 0;
        while (i + count < 8 && groups[i + count] == 0) {
            count++;
        }
        if (count > best_count) {
            best = i;
            best_count = count;
        }
    }
    for (int i = 0; i < 8; i++) {
        if (i == best) {
            add(t, "::");
            i += best_count - 1;
        } else {
            add(t, i == 0 || i == best + best_count ? "%x" : ":%x", groups[i]);
        }
    }
}

const char *story_address(uint8_t family, const uint8_t *address, char text[STORY_ADDRESS_MAX])
{
    struct text t = {text, STORY_ADDRESS_MAX};
    if (family == 4) {
        add(&t, "%u.%u.%u.%u", address[0], address[1], address[2], address[3]);
    } else {
        add_ipv6(&t, address);
    }
    return text;
}

static void add_heard(struct text *t, const struct carp_packet *packet,
                      const struct carp_outcome *out)
{
    char address[STORY_ADDRESS_MAX];
    add(t, " %s %s %u/%u", out->verdict == CARP_ACCEPTED ? "hears" : "refuses",
        story_address(packet->family, packet->source, address), out->theirs.advbase,
        out->theirs.advskew);
    if (out->theirs.demote > 0) {
        add(t, " demoted %u", out->theirs.demote);
    }
}

static void add_actions(struct text *t, const struct carp_outcome *out)
{
    static const char *const words[] = {"send", "claim", "release", "announce"};
    for (int i = 0; i < out->count; i++) {
        add(t, "%s %s", i == 0 ? ":" : ",", words[out->at[i].type]);
    }
}

static void add_notices(struct text *t, unsigned notices)
{
    static const char *const words[] = {"equal timers", "deaf over IPv4", "deaf over IPv6",
                                        "hearing both", "sending fails",  "sending works"};
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
        if (notices & 1u << i) {
            add(t, " [%s]", words[i]);
        }
    }
}

size_t story_line(char *text, size_t size, carp_instant now, const struct carp_event *event,
                  const struct carp_outcome *out)
{
    assert(size > 0);
    struct text t = {text, size};
    add(&t, "%llu.%09llu %s", (unsigned long long)(now.ns / 1000000000),
        (unsigned long long)(now.ns % 1000000000), carp_state_word(out->from));
    if (event->type == CARP_EVENT_ADVERT) {
        add_heard(&t, event->packet, out);
    }
    if (out->from != out->to) {
        add(&t, " -> %s", carp_state_word(out->to));
    }
    add(&t, " (%s)",
        out->verdict == CARP_ACCEPTED ? carp_rule_word(out->rule) : verdict_word(out->verdict));
    add_actions(&t, out);
    add_notices(&t, out->notices);
    return (size_t)(t.at - text);
}
size_t story_explanation(char *text, size_t size, const struct carp_packet *packet,
                         const struct auth_explanation *explanation)
{
    assert(size > 0);
    struct text t = {text, size};
    char peer[STORY_ADDRESS_MAX], address[STORY_ADDRESS_MAX] = "";
    story_address(packet->family, packet->source, peer);
    if (explanation->family != 0) {
        story_address(explanation->family, explanation->address, address);
    }
    switch (explanation->difference) {
    case AUTH_UNEXPLAINED:
        add(&t,
            "%s uses another password, or quite another address list. Until that is mended both of "
            "you will become master.",
            peer);
        break;
    case AUTH_ADDRESS_MISSING:
        add(&t, "%s has the right password but a different address list: it lacks %s", peer,
            address);
        break;
    case AUTH_ADDRESS_EXTRA:
        add(&t, "%s has the right password but a different address list: it has %s too", peer,
            address);
        break;
    case AUTH_OTHER_KEY:
        add(&t, "%s signs with the key of another group of this host", peer);
        break;
    case AUTH_OTHER_VHID:
        add(&t, "%s claims our addresses under vhid %u", peer, packet->advert.vhid);
        break;
    }
    return (size_t)(t.at - text);
}
