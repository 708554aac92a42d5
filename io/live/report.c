#include "io/live/report.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "engine/story.h"

enum { DETAIL_MAX = 256, COUNTS_MAX = 800 };

/* "web (eth0, vhid 7)" */
static const char *name_of(const struct config_group *group, char text[DETAIL_MAX])
{
    snprintf(text, DETAIL_MAX, "%s (%s, vhid %u)", group->name, group->interface, group->carp.vhid);
    return text;
}

static double seconds(carp_duration d)
{
    return (double)d.ns / 1e9;
}

/* What stands behind a rule in this step: who was heard, with which claims, or how long nobody was.
 */
static const char *detail_of(const struct carp_event *event, const struct carp_outcome *out,
                             char text[DETAIL_MAX])
{
    char address[STORY_ADDRESS_MAX];
    text[0] = '\0';
    if (event->type == CARP_EVENT_ADVERT) {
        const struct carp_packet *packet = event->packet;
        snprintf(text, DETAIL_MAX, "; it is %s with %u/%u, we have %u/%u",
                 story_address(packet->family, packet->source, address), out->theirs.advbase,
                 out->theirs.advskew, out->ours.advbase, out->ours.advskew);
    } else if (out->rule == CARP_RULE_SILENCE) {
        snprintf(text, DETAIL_MAX, " of %.3f s", seconds(out->waited));
    } else if (out->rule == CARP_RULE_OVERSLEPT) {
        snprintf(text, DETAIL_MAX, "; %.3f s past the deadline", seconds(out->waited));
    }
    return text;
}

/* UCARP's words for why; people grep for them. */
static void report_ucarp_reason(enum carp_rule rule)
{
    switch (rule) {
    case CARP_RULE_BETTER_MASTER:
    case CARP_RULE_TIE_ADDRESS:
    case CARP_RULE_TIE_UCARP:
    case CARP_RULE_TIE_BSD:
        log_line(LOG_LEVEL_WARNING, "Preferred master advertised: going back to BACKUP state");
        break;
    case CARP_RULE_PREEMPT:
        log_line(LOG_LEVEL_WARNING, "Putting MASTER down - preemption");
        break;
    case CARP_RULE_WILL_TIME_OUT:
    case CARP_RULE_FAREWELL:
        log_line(LOG_LEVEL_WARNING, "Putting MASTER DOWN (going to time out)");
        break;
    default:
        break;
    }
}

static bool announces(const struct carp_outcome *out)
{
    for (unsigned i = 0; i < out->count; i++) {
        if (out->at[i].type == CARP_ANNOUNCE) {
            return true;
        }
    }
    return false;
}

static void report_transition(const struct config_group *group, const struct carp_event *event,
                              const struct carp_outcome *out)
{
    char name[DETAIL_MAX], detail[DETAIL_MAX];
    report_ucarp_reason(out->rule);
    log_line(LOG_LEVEL_WARNING, "Switching to state: %s - %s: %s%s", carp_state_word(out->to),
             name_of(group, name), carp_rule_phrase(out->rule), detail_of(event, out, detail));
}

static void report_notices(const struct config_group *group, struct report_limits *limits,
                           carp_instant now, const struct carp_event *event, unsigned notices)
{
    char name[DETAIL_MAX], peer[STORY_ADDRESS_MAX] = "";
    name_of(group, name);
    if (event->type == CARP_EVENT_ADVERT) {
        story_address(event->packet->family, event->packet->source, peer);
    }
    if ((notices & CARP_NOTICE_EQUAL_TIMERS) && log_allow(&limits->at[REPORT_TIMERS], now)) {
        log_line(
            LOG_LEVEL_WARNING,
            "%s: %s has the very same advbase and advskew; who wins is then decided by address, "
            "and differently by each kind of peer. Set different advskews.",
            name, peer);
    }
    if ((notices & (CARP_NOTICE_DEAF_IPV4 | CARP_NOTICE_DEAF_IPV6)) &&
        log_allow(&limits->at[REPORT_HEARING], now)) {
        log_line(
            LOG_LEVEL_WARNING,
            "%s: half deaf: adverts of %s arrive over IPv%c only. Multicast filtered, or IGMP or "
            "MLD snooping without a querier?",
            name, peer, notices & CARP_NOTICE_DEAF_IPV4 ? '6' : '4');
    }
    if ((notices & CARP_NOTICE_HEARING_BOTH) && log_allow(&limits->at[REPORT_HEARING], now)) {
        log_line(LOG_LEVEL_NOTICE, "%s: hearing IPv4 and IPv6 again", name);
    }
    if ((notices & CARP_NOTICE_SENDING_FAILS) && log_allow(&limits->at[REPORT_DEMOTION], now)) {
        log_line(LOG_LEVEL_ERROR, "%s: three adverts in a row could not be sent; demoted", name);
    }
    if ((notices & CARP_NOTICE_SENDING_WORKS) && log_allow(&limits->at[REPORT_DEMOTION], now)) {
        log_line(LOG_LEVEL_NOTICE, "%s: adverts leave again; demotion lifted", name);
    }
}

static void report_story(const struct config_group *group, carp_instant now,
                         const struct carp_event *event, const struct carp_outcome *out)
{
    char line[STORY_LINE_MAX];
    story_line(line, sizeof line, now, event, out);
    log_line(LOG_LEVEL_DEBUG, "%s: %s", group->name, line);
}

static void report_refusal(const struct config_group *group, struct report_limits *limits,
                           carp_instant now, const struct carp_event *event,
                           const struct carp_outcome *out, bool debug)
{
    char name[DETAIL_MAX], address[STORY_ADDRESS_MAX];
    enum carp_verdict verdict = out->verdict;
    bool warns = verdict != CARP_NOT_LISTENING; /* nobody wonders about that */
    assert(verdict >= CARP_OTHER_GROUP);
    if (!(warns || debug) || !log_allow(&limits->refused[verdict - CARP_OTHER_GROUP], now)) {
        return;
    }
    if (debug) {
        report_story(group, now, event, out);
    }
    if (!warns) {
        return;
    }
    story_address(event->packet->family, event->packet->source, address);
    name_of(group, name);
    if (verdict == CARP_BAD_DIGEST) {
        log_line(LOG_LEVEL_WARNING,
                 "Bad digest - %s: advert from %s - Check vhid, password and virtual IP address",
                 name, address);
    } else {
        log_line(LOG_LEVEL_WARNING, "%s: advert from %s not obeyed: %s", name, address,
                 verdict_phrase(verdict));
    }
}

void report_step(const struct config_group *group, struct report_limits *limits, carp_instant now,
                 const struct carp_event *event, const struct carp_outcome *out, bool debug)
{
    char name[DETAIL_MAX], detail[DETAIL_MAX];
    if (out->verdict != CARP_ACCEPTED) {
        report_refusal(group, limits, now, event, out, debug);
        return;
    }
    if (debug) {
        report_story(group, now, event, out);
    }
    if (out->from != out->to) {
        if (log_allow_change(&limits->at[REPORT_CHANGE], now)) {
            report_transition(group, event, out);
        }
    } else if (out->from == CARP_MASTER && event->type == CARP_EVENT_ADVERT && announces(out) &&
               log_allow(&limits->at[REPORT_RIVAL], now)) {
        log_line(
            LOG_LEVEL_WARNING,
            "Non-preferred master advertising: reasserting control of VIP with another gratuitous "
            "arp - %s: %s%s",
            name_of(group, name), carp_rule_phrase(out->rule), detail_of(event, out, detail));
    } else if (out->rule == CARP_RULE_SEND_FAILED && log_allow(&limits->at[REPORT_SENDING], now)) {
        log_line(LOG_LEVEL_ERROR, "%s: %s", name_of(group, name), carp_rule_phrase(out->rule));
    } else if ((out->rule == CARP_RULE_DEMOTED || out->rule == CARP_RULE_OVERSLEPT) &&
               log_allow(&limits->at[REPORT_DEMOTION], now)) {
        log_line(LOG_LEVEL_NOTICE, "%s: %s%s; advertising %u/%u", name_of(group, name),
                 carp_rule_phrase(out->rule), detail_of(event, out, detail), out->ours.advbase,
                 out->ours.advskew);
    }
    if (out->notices != 0) {
        report_notices(group, limits, now, event, out->notices);
    }
}

void report_stranger(const char *interface, struct log_limit *limit, carp_instant now,
                     enum carp_verdict verdict, const struct carp_packet *packet, bool vhid_is_ours)
{
    char address[STORY_ADDRESS_MAX];
    switch (verdict) {
    case CARP_VRRP2:
    case CARP_VRRP3:
        if (vhid_is_ours && log_allow(limit, now)) {
            log_line(
                LOG_LEVEL_WARNING,
                "%s: a VRRP router (%s) uses number %u as we do. Harmless unless virtual MACs are "
                "used; better choose another vhid.",
                interface, story_address(packet->family, packet->source, address),
                packet->advert.vhid);
        }
        break;
    case CARP_BAD_TTL:
        if (log_allow(limit, now)) {
            log_line(LOG_LEVEL_WARNING, "Bad TTL: [%u] - %s: from %s: %s", packet->ttl, interface,
                     story_address(packet->family, packet->source, address),
                     verdict_phrase(verdict));
        }
        break;
    case CARP_BAD_VERSION:
        if (log_allow(limit, now)) {
            log_line(LOG_LEVEL_WARNING, "Bad version: [%u] - %s: from %s", packet->advert.version,
                     interface, story_address(packet->family, packet->source, address));
        }
        break;
    case CARP_BAD_IP_CHECKSUM:
    case CARP_BAD_CHECKSUM:
    case CARP_TRUNCATED:
    case CARP_FRAGMENT:
    case CARP_BAD_LENGTH:
        if (log_allow(limit, now)) {
            log_line(LOG_LEVEL_WARNING, "%s: frame not obeyed: %s", interface,
                     verdict_phrase(verdict));
        }
        break;
    default:
        break; /* other groups' adverts are not our business; they are counted */
    }
}

void report_explanation(const struct config_group *group, struct report_limits *limits,
                        carp_instant now, const struct carp_packet *packet,
                        const struct auth_explanation *explanation)
{
    char name[DETAIL_MAX], line[STORY_LINE_MAX];
    if (!log_allow(&limits->at[REPORT_EXPLANATION], now)) {
        return;
    }
    story_explanation(line, sizeof line, packet, explanation);
    log_line(LOG_LEVEL_WARNING, "%s: %s", name_of(group, name), line);
}

/* "12 accepted, 3 bad-digest"; false: there was nothing. */
static bool count_verdicts(const uint64_t verdicts[CARP_VERDICT_COUNT], char text[COUNTS_MAX])
{
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < CARP_VERDICT_COUNT && used < COUNTS_MAX; i++) {
        if (verdicts[i] > 0) {
            used += (size_t)snprintf(text + used, COUNTS_MAX - used, "%s%" PRIu64 " %s",
                                     used == 0 ? "" : ", ", verdicts[i], verdict_word(i));
        }
    }
    return used > 0;
}

void report_state(const struct config_group *group, const struct host_group *state,
                  carp_instant now)
{
    char name[DETAIL_MAX], counts[COUNTS_MAX];
    const struct host_transition *last = &state->book->last;
    name_of(group, name);
    if (state->book->transitions == 0) {
        log_line(LOG_LEVEL_INFO, "%s on %s id %u - %s: since the start",
                 carp_state_word(carp_state(&state->carp)), group->interface, group->carp.vhid,
                 name);
    } else {
        log_line(LOG_LEVEL_INFO, "%s on %s id %u - %s: for %.3f s, because: %s",
                 carp_state_word(carp_state(&state->carp)), group->interface, group->carp.vhid,
                 name, seconds(instant_since(now, last->at)), carp_rule_phrase(last->rule));
    }
    if (count_verdicts(state->book->verdicts, counts)) {
        log_line(LOG_LEVEL_INFO, "%s: adverts since the start: %s", name, counts);
    }
}

void report_interface(const char *interface, const uint64_t verdicts[CARP_VERDICT_COUNT],
                      uint64_t dropped)
{
    char counts[COUNTS_MAX];
    if (count_verdicts(verdicts, counts)) {
        log_line(LOG_LEVEL_INFO, "%s: frames for no group since the start: %s", interface, counts);
    }
    if (dropped > 0) {
        log_line(LOG_LEVEL_INFO,
                 "%s: %" PRIu64 " frames were lost since it is up: they came faster than they "
                 "could be looked at",
                 interface, dropped);
    }
}
