#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "io/crypto_openssl.h"
#include "tools/carplab/replay/whatif_internal.h"
#ifdef CARP_CONFIG
#include "io/config.h"
#endif

/* --- the groups ---------------------------------------------------------------------------------
 */

static struct whatif *refuse(struct whatif *w, char error[WHATIF_ERROR_MAX], const char *text)
{
    snprintf(error, WHATIF_ERROR_MAX, "%s", text);
    whatif_free(w);
    return NULL;
}

/* The account's group of this vhid; one in which the host takes part if there are several, on other
 * VLANs. ACCOUNT_NOBODY: nobody advertised it. */
static uint32_t find_group(const struct account *a, uint8_t vhid, uint32_t node)
{
    uint32_t found = ACCOUNT_NOBODY;
    for (uint32_t i = a->group_count; i > 0; i--) {
        if (a->groups[i - 1].vhid == vhid) {
            found = i - 1;
        }
    }
    for (uint32_t i = 0; i < a->member_count; i++) {
        if (a->members[i].node == node && a->groups[a->members[i].group].vhid == vhid) {
            return a->members[i].group;
        }
    }
    return found;
}

static const struct account_member *find_member(const struct account *a, uint32_t group,
                                                uint32_t node)
{
    uint32_t member = account_member_of(a, group, node);
    return member == ACCOUNT_NOBODY ? NULL : &a->members[member];
}

/* What is not given is the host's, as the wire shows it; or, so that an observer or a newcomer is
 * preferred to nobody, the timers of the slowest of the group. */
static void take_settings(struct carp_config *c, const struct account *a, uint32_t group,
                          uint32_t node)
{
    struct claim slowest = {0};
    const struct account_member *member = find_member(a, group, node);
    for (uint32_t i = 0; member == NULL && i < a->member_count; i++) {
        const struct account_member *m = &a->members[i];
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a count means an array */
        struct claim claim = {.advbase = m->advbase, .advskew = m->advskew};
        if (m->group == group && claim_compare(claim, slowest) > 0) {
            slowest = claim;
        }
    }
    c->advbase = member != NULL ? member->advbase : slowest.advbase;
    c->advskew = member != NULL ? member->advskew : slowest.advskew;
    c->preempt = member != NULL && member->preempts == 1;
}

static bool add_group(struct whatif *w, const struct carp_config *config, uint32_t node,
                      uint32_t group)
{
    struct whatif_group *g = &w->groups[w->group_count];
    g->config = *config;
    g->account = group;
    g->vlan = w->account->groups[group].vlan;
    g->node = node;
    g->claimed_otherwise = CARP_NEVER;
    if (crypto_openssl_make(&g->config, &g->crypto) != 0) {
        return false;
    }
    w->group_count += 1;
    return true;
}

static uint32_t find_node(const struct account *a, const char *address)
{
    uint8_t bytes[16];
    bool is_ipv4 = inet_pton(AF_INET, address, bytes) == 1;
    if (!is_ipv4 && inet_pton(AF_INET6, address, bytes) != 1) {
        return ACCOUNT_NOBODY;
    }
    for (uint32_t i = 0; i < a->node_count; i++) {
        const struct account_node *n = &a->nodes[i];
        if (is_ipv4 ? n->has_ipv4 && memcmp(n->ipv4, bytes, 4) == 0
                    : n->has_ipv6 && memcmp(n->ipv6, bytes, 16) == 0) {
            return i;
        }
    }
    return ACCOUNT_NOBODY;
}

static const char *const nobody_advertises =
    "none of the groups is advertised in this capture; the vhid of one that is, is right";

static bool from_arguments(struct whatif *w, const struct whatif_options *o,
                           const struct carp_config *given, uint32_t node,
                           char error[WHATIF_ERROR_MAX])
{
    struct carp_config config = *given;
    struct carp_config wanted = {0};
    if (given->key_count == 0 || given->ipv4_count + given->ipv6_count == 0 ||
        o->values[WHATIF_VHID] == NULL) {
        snprintf(error, WHATIF_ERROR_MAX,
                 "our engine needs to know the group; --config carpd.yaml, or --key with an "
                 "--address for each and --vhid, is right");
        return false;
    }
    whatif_set(o, &wanted);
    uint32_t group = find_group(w->account, wanted.vhid, node);
    if (group == ACCOUNT_NOBODY) {
        snprintf(error, WHATIF_ERROR_MAX, "%s", nobody_advertises);
        return false;
    }
    config.dead_ratio = 3;
    memcpy(config.ipv4_group, (const uint8_t[4]){224, 0, 0, 18}, 4);
    take_settings(&config, w->account, group, node);
    whatif_set(o, &config);
    config_sort_addresses(&config);
    if (config.advbase == 0 && config.advskew == 0) {
        snprintf(error, WHATIF_ERROR_MAX, "--advbase 0: with an --advskew above 0 it is right");
        return false;
    }
    return add_group(w, &config, node, group);
}

#ifdef CARP_CONFIG
static bool from_config(struct whatif *w, const struct whatif_options *o, uint32_t node,
                        char error[WHATIF_ERROR_MAX])
{
    struct config config = {0};
    struct config_warnings warnings = {0};
    bool seen[256] = {false}, ready = true;
    int status = config_from_file(o->values[WHATIF_CONFIG], &config, &warnings, error);
    config_warnings_free(&warnings);
    for (size_t i = 0; status == 0 && ready && i < config.group_count; i++) {
        struct carp_config *c = &config.groups[i].carp;
        uint32_t group = find_group(w->account, c->vhid, node);
        if (o->values[WHATIF_VHID] != NULL &&
            c->vhid != strtoul(o->values[WHATIF_VHID], NULL, 10)) {
            continue;
        }
        if (seen[c->vhid]) {
            snprintf(error, WHATIF_ERROR_MAX,
                     "%s: two groups have vhid %u, and a capture does not tell them apart; a file "
                     "with the groups of one interface is right",
                     o->values[WHATIF_CONFIG], c->vhid);
            status = 2;
        } else if (group != ACCOUNT_NOBODY) {
            whatif_set(o, c);
            ready = add_group(w, c, node, group);
        }
        seen[c->vhid] = true;
    }
    config_free(&config);
    if (status == 0 && ready && w->group_count == 0) {
        snprintf(error, WHATIF_ERROR_MAX, "%s: %s", o->values[WHATIF_CONFIG], nobody_advertises);
    }
    return status == 0 && ready && w->group_count > 0;
}
#else
static bool from_config(struct whatif *w, const struct whatif_options *o, uint32_t node,
                        char error[WHATIF_ERROR_MAX])
{
    (void)w;
    (void)o;
    (void)node;
    snprintf(error, WHATIF_ERROR_MAX,
             "--config: this carplab was built without the daemon and its configuration; --key, "
             "--address and --vhid are right");
    return false;
}
#endif

/* --- who it is, and what befell it --------------------------------------------------------------
 */

/* An observer needs an address to listen, and has one that nobody sends from. */
static void make_self(struct whatif *w, struct whatif_group *g)
{
    struct carp_self *self = &g->self;
    if (w->as == NULL) {
        self->has_ipv4 = g->config.ipv4_count > 0;
        self->has_ipv6 = g->config.ipv6_count > 0;
    } else if (g->node == ACCOUNT_NOBODY) {
        const uint8_t mac[FRAME_MAC_SIZE] = {0x02, 0, 0, 0, 0, 1};
        memcpy(self->mac, mac, sizeof mac);
        self->has_ipv4 = inet_pton(AF_INET, w->as, self->ipv4) == 1;
        self->has_ipv6 = !self->has_ipv4 && inet_pton(AF_INET6, w->as, self->ipv6) == 1;
    } else {
        const struct account_node *n = &w->account->nodes[g->node];
        memcpy(self->mac, n->has_own_mac ? n->own_mac : n->mac, FRAME_MAC_SIZE);
        self->has_ipv4 = n->has_ipv4;
        self->has_ipv6 = n->has_ipv6;
        memcpy(self->ipv4, n->ipv4, sizeof self->ipv4);
        memcpy(self->ipv6, n->ipv6, sizeof self->ipv6);
    }
}

static void befall(struct whatif *w, struct whatif_group *g, carp_instant at,
                   enum carp_event_type type)
{
    struct whatif_given *grown =
        realloc(g->given, (g->given_count + 1) * sizeof *g->given); /* a few in all */
    if (grown == NULL) {
        w->no_memory = true;
        return;
    }
    g->given = grown;
    g->given[g->given_count++] = (struct whatif_given){at, type};
}

static struct claim claim_of(const struct account *a, uint32_t group, uint32_t node)
{
    const struct account_member *m = find_member(a, group, node);
    return m == NULL ? (struct claim){0}
                     : (struct claim){.advbase = m->advbase, .advskew = m->advskew};
}

/* Of a host that was gone or demoted: the last moment at which it must have been there again, to be
 * master when it was. In silence its timer ran from the last advert it heard, or for a master-down
 * time; to preempt, it heard the other's last advert, and need not have heard
 * the one an interval before. */
static carp_instant back_at(const struct account *a, const struct account_reign *r)
{
    uint64_t before = claim_master_down(claim_of(a, r->group, r->node), 3).ns;
    if (r->began == ACCOUNT_SILENCE && r->waited.ns < before + before / 2) {
        before = r->waited.ns;
    } else if (r->began == ACCOUNT_PREEMPTION || r->began == ACCOUNT_DEMOTION) {
        before = claim_interval(claim_of(a, r->group, r->before)).ns / 16 * 15;
    }
    return (carp_instant){r->from.ns > before ? r->from.ns - before : 0};
}

/* Another host advertised in this group before this one did. */
static bool is_first(const struct account *a, const struct account_reign *r)
{
    for (uint32_t i = 0; i < a->reign_count; i++) {
        if (a->reigns[i].group == r->group && instant_before(a->reigns[i].from, r->from)) {
            return false;
        }
    }
    return true;
}

/* Its timer ran already when the capture began. */
static bool began_before(const struct account *a, const struct account_reign *r)
{
    bool by_timer = r->began == ACCOUNT_TIE || r->began == ACCOUNT_SPLIT;
    carp_duration down = claim_master_down(claim_of(a, r->group, r->node), 3);
    return r->began == ACCOUNT_BEFORE ||
           (by_timer && instant_since(r->from, a->begin).ns < down.ns);
}

static void take_over(struct whatif *w, struct whatif_group *g)
{
    const struct account *a = w->account;
    const struct account_reign *before = NULL;
    for (uint32_t i = 0; i < a->reign_count; i++) {
        const struct account_reign *r = &a->reigns[i];
        if (r->group != g->account || r->node != g->node) {
            continue;
        }
        bool gone = before != NULL &&
                    (before->ended == ACCOUNT_SILENCE || before->ended == ACCOUNT_FAREWELL);
        /* It went on as master where it was not captured. */
        bool stayed = gone && before->ended == ACCOUNT_SILENCE && r->began == ACCOUNT_SPLIT;
        /* How long it was there before it became the first master is not on the wire. */
        bool first = before == NULL && (is_first(a, r) || began_before(a, r));
        if (before == NULL) {
            carp_duration wait =
                duration_max(carp_master_down(&g->config, &g->carp), g->config.hold_down);
            carp_instant up = {r->from.ns > wait.ns ? r->from.ns - wait.ns : 0};
            befall(w, g, first ? up : a->begin, CARP_EVENT_LINK_UP);
        } else {
            carp_instant back = stayed ? r->from : back_at(a, r);
            befall(w, g, instant_before(back, before->to) ? before->to : back,
                   gone ? CARP_EVENT_LINK_UP : CARP_EVENT_DEMOTE);
        }
        if (stayed || first) {
            befall(w, g, r->from, CARP_EVENT_TIMEOUT);
        }
        if (r->ended == ACCOUNT_SILENCE) {
            befall(w, g, r->last, CARP_EVENT_LINK_DOWN);
        } else if (r->ended == ACCOUNT_FAREWELL) {
            befall(w, g, r->to, CARP_EVENT_STOP);
        }
        before = r;
    }
    /* How long it was quiet before the capture an observer does not know, and does not hold against
     * anyone. */
    if (before == NULL) {
        befall(w, g, w->as == NULL ? a->groups[g->account].begin : a->begin, CARP_EVENT_LINK_UP);
    }
}

/* --- beginning ----------------------------------------------------------------------------------
 */

struct whatif *whatif_begin(const struct whatif_options *o, const struct carp_config *given,
                            const struct account *account, struct whatif_sink sink,
                            char error[WHATIF_ERROR_MAX])
{
    struct whatif *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return refuse(NULL, error, strerror(ENOMEM));
    }
    w->account = account;
    w->sink = sink;
    w->as = o->values[WHATIF_AS];
    uint32_t node = w->as == NULL ? ACCOUNT_NOBODY : find_node(account, w->as);
    snprintf(w->name, sizeof w->name, "%.45s",
             node != ACCOUNT_NOBODY ? account->nodes[node].name
             : w->as == NULL        ? ""
                                    : w->as);
    error[0] = '\0';
    if (!(o->values[WHATIF_CONFIG] != NULL ? from_config(w, o, node, error)
                                           : from_arguments(w, o, given, node, error))) {
        if (error[0] == '\0') {
            snprintf(error, WHATIF_ERROR_MAX, "%s", strerror(ENOMEM));
        }
        whatif_free(w);
        return NULL;
    }
    for (size_t i = 0; i < w->group_count; i++) {
        struct whatif_group *g = &w->groups[i];
        const struct carp_config *c = &g->config;
        make_self(w, g);
        if (!(g->self.has_ipv4 && c->ipv4_count > 0) && !(g->self.has_ipv6 && c->ipv6_count > 0)) {
            return refuse(w, error,
                          "--as: the group has no virtual address of this host's family; an "
                          "address of the other family is right");
        }
        carp_init(&g->carp, 1, 0);
        take_over(w, g);
    }
    return w->no_memory ? refuse(w, error, strerror(ENOMEM)) : w;
}

void whatif_free(struct whatif *w)
{
    if (w == NULL) {
        return;
    }
    for (size_t i = 0; i < w->group_count; i++) {
        crypto_openssl_free(&w->groups[i].crypto);
        free(w->groups[i].given);
        free(w->groups[i].reigns);
    }
    free(w);
}

/* --- steps --------------------------------------------------------------------------------------
 */

static void tell_decision(struct whatif *w, struct whatif_group *g, carp_instant at,
                          const struct carp_event *event, const struct carp_outcome *out)
{
    struct whatif_event told = {
        .kind = WHATIF_DECISION, .vhid = g->config.vhid, .at = at, .event = event, .outcome = out};
    char line[STORY_LINE_MAX];
    story_line(line, sizeof line, (carp_instant){0}, event, out);
    unsigned class = event->type != CARP_EVENT_ADVERT ? 0 : event->packet->family == 4 ? 1 : 2;
    told.repeated = strcmp(line, g->last_lines[class]) == 0;
    if (out->from != out->to) {
        memset(g->last_lines, 0, sizeof g->last_lines);
    }
    memcpy(g->last_lines[class], line, sizeof line);
    w->sink.tell(w->sink.self, &told);
}

static void note_reign(struct whatif *w, struct whatif_group *g, carp_instant at, bool given,
                       const struct carp_outcome *out)
{
    if (out->from == out->to) {
        return;
    }
    if (out->from == CARP_MASTER) {
        struct whatif_reign *r = &g->reigns[g->reign_count - 1];
        r->to = at;
        r->ended = out->rule;
        r->given_end = given;
    } else if (out->to == CARP_MASTER) {
        if (g->reign_count == g->reign_room) {
            size_t room = g->reign_room == 0 ? 16 : 2 * g->reign_room;
            struct whatif_reign *grown = realloc(g->reigns, room * sizeof *grown);
            if (grown == NULL) {
                w->no_memory = true;
                return;
            }
            g->reigns = grown;
            g->reign_room = room;
        }
        g->reigns[g->reign_count++] = (struct whatif_reign){.from = at,
                                                            .to = CARP_NEVER,
                                                            .began = out->rule,
                                                            .waited = out->waited,
                                                            .given_begin = given};
    }
}

/* An observer does not speak: what it would have said was not heard, by itself neither, and it goes
 * on listening, as after a pause. However long nobody is heard, that is one takeover. */
static void stand_back(struct whatif_group *g, carp_instant at, uint64_t link_counter)
{
    const struct carp_event event = {.type = CARP_EVENT_OVERSLEPT};
    struct carp_outcome out;
    g->takeovers += 1;
    g->rests = true;
    carp_step(&g->config, &g->crypto, &g->carp, at, &event, &out);
    g->carp.senders.link_counter = link_counter;
}

static void step(struct whatif *w, struct whatif_group *g, carp_instant at, bool given,
                 const struct carp_event *event)
{
    struct carp_outcome out;
    uint64_t link_counter = g->carp.senders.link_counter;
    if (w->no_memory) {
        return;
    }
    assert(!instant_before(at, g->now));
    g->now = at;
    carp_step(&g->config, &g->crypto, &g->carp, at, event, &out);
    if (event->type == CARP_EVENT_ADVERT) {
        *(out.verdict == CARP_ACCEPTED ? &g->accepted : &g->refused) += 1;
        link_counter = out.verdict == CARP_ACCEPTED ? event->packet->advert.counter : link_counter;
        g->rests &= out.verdict != CARP_ACCEPTED;
    }
    tell_decision(w, g, at, event, &out);
    if (w->as == NULL && out.to == CARP_MASTER) {
        stand_back(g, at, link_counter);
    } else if (w->as != NULL) {
        note_reign(w, g, at, given, &out);
    }
}

static void step_given(struct whatif *w, struct whatif_group *g, const struct whatif_given *given)
{
    const struct carp_event over = {.type = CARP_EVENT_DEMOTE, .demotion = 0};
    struct carp_event event = {.type = given->type};
    if (given->type == CARP_EVENT_LINK_UP) {
        event.link = g->self;
    }
    if (given->type == CARP_EVENT_TIMEOUT) {
        if (g->carp.state != CARP_BACKUP) {
            return;
        }
        g->carp.deadline = given->at;
    }
    if (g->carp.demotion != 0 &&
        (given->type == CARP_EVENT_DEMOTE || given->type == CARP_EVENT_LINK_UP)) {
        step(w, g, given->at, true, &over);
    }
    if (given->type != CARP_EVENT_DEMOTE) {
        step(w, g, given->at, true, &event);
    }
}

/* A master that hears nobody does the same again and again, in the gap between two captures for
 * years. All of it but the last day is passed over; nobody is there to hear it. */
static void pass_over(struct whatif_group *g, carp_instant until)
{
    uint64_t gap = instant_since(until, g->carp.deadline).ns;
    uint64_t interval = carp_interval(&g->config, &g->carp).ns;
    if (g->carp.state == CARP_MASTER && gap > CARP_SECONDS(86400).ns) {
        g->carp.deadline.ns += (gap - CARP_SECONDS(86400).ns) / interval * interval;
    }
}

/* The next thing that befalls the host, NULL: nothing before this instant. A link that comes up at
 * it counts: who is woken then reads its input first. */
static const struct whatif_given *next_given(const struct whatif_group *g, carp_instant until)
{
    const struct whatif_given *given = &g->given[g->given_next];
    if (g->given_next == g->given_count || instant_before(until, given->at) ||
        (given->at.ns == until.ns && given->type != CARP_EVENT_LINK_UP)) {
        return NULL;
    }
    return given;
}

/* All that is due before this instant. */
static void run_until(struct whatif *w, struct whatif_group *g, carp_instant until)
{
    const struct carp_event timeout = {.type = CARP_EVENT_TIMEOUT};
    while (!w->no_memory) {
        const struct whatif_given *given = next_given(g, until);
        carp_instant stop = given != NULL ? given->at : until;
        pass_over(g, stop);
        if (!g->rests && instant_before(carp_deadline(&g->carp), stop)) {
            step(w, g, carp_deadline(&g->carp), false, &timeout);
        } else if (given != NULL) {
            g->given_next += 1;
            step_given(w, g, given);
        } else {
            return;
        }
    }
}

/* --- frames -------------------------------------------------------------------------------------
 */

static uint16_t vlan_of(const struct capture_frame *frame)
{
    for (unsigned i = frame->tag_count; i > 0; i--) {
        if (frame->vlan[i - 1] != 0) {
            return frame->vlan[i - 1];
        }
    }
    return 0;
}

static bool is_from(const struct whatif *w, uint32_t node, const struct carp_packet *packet)
{
    if (node == ACCOUNT_NOBODY) {
        return false;
    }
    const struct account_node *n = &w->account->nodes[node];
    return packet->family == 4 ? n->has_ipv4 && memcmp(n->ipv4, packet->source, 4) == 0
                               : n->has_ipv6 && memcmp(n->ipv6, packet->source, 16) == 0;
}

/* The host itself, whose place the engine has: what it says of its demotion befalls the engine too,
 * and what it says beside that is compared. */
static void hear_host(struct whatif *w, struct whatif_group *g, carp_instant at,
                      const struct carp_packet *packet)
{
    const struct carp_advert *advert = &packet->advert;
    const struct claim theirs = {.advbase = advert->advbase, .advskew = advert->advskew};
    const struct claim best = claim_of(w->account, g->account, g->node);
    if (claim_is_farewell(theirs)) {
        return;
    }
    struct carp_event event = {.type = CARP_EVENT_DEMOTE, .demotion = advert->demote};
    if (theirs.advbase == best.advbase && theirs.advskew > best.advskew) {
        event.demotion = (uint16_t)(theirs.advskew - best.advskew);
    }
    if (event.demotion != g->carp.demotion) {
        step(w, g, at, true, &event);
    }
    if (g->config.advbase != best.advbase || g->config.advskew != best.advskew) {
        g->claimed_otherwise = instant_min(g->claimed_otherwise, at);
    }
}

/* Refused before it came to a group: the engine does not see it, but an advert it is. */
static void tell_refused(struct whatif *w, struct whatif_group *g, carp_instant at,
                         enum carp_verdict verdict, const struct carp_packet *packet)
{
    const struct carp_event event = {.type = CARP_EVENT_ADVERT, .packet = packet};
    struct carp_outcome out = {.verdict = verdict,
                               .from = carp_state(&g->carp),
                               .to = carp_state(&g->carp),
                               .ours = carp_claim(&g->config, &g->carp),
                               .theirs = {.demote = packet->advert.demote,
                                          .advbase = packet->advert.advbase,
                                          .advskew = packet->advert.advskew}};
    g->refused += 1;
    tell_decision(w, g, at, &event, &out);
}

bool whatif_frame(struct whatif *w, const struct merge_frame *frame)
{
    struct carp_packet packet;
    carp_instant at = frame->frame.at;
    enum carp_verdict verdict = frame_parse(frame->frame.bytes, frame->frame.size, &packet);
    if (verdict != CARP_ACCEPTED && verdict <= CARP_VRRP3) {
        return !w->no_memory;
    }
    for (size_t i = 0; i < w->group_count; i++) {
        struct whatif_group *g = &w->groups[i];
        if (packet.advert.vhid != g->config.vhid || vlan_of(&frame->frame) != g->vlan) {
            continue;
        }
        run_until(w, g, at);
        if (is_from(w, g->node, &packet)) {
            hear_host(w, g, at, &packet);
        } else if (verdict == CARP_ACCEPTED) {
            const struct carp_event event = {.type = CARP_EVENT_ADVERT, .packet = &packet};
            step(w, g, at, false, &event);
        } else {
            tell_refused(w, g, at, verdict, &packet);
        }
    }
    return !w->no_memory;
}

/* --- the end ------------------------------------------------------------------------------------
 */

static void tell_observed(struct whatif *w, const struct whatif_group *g)
{
    struct whatif_event told = {.kind = WHATIF_SUM,
                                .vhid = g->config.vhid,
                                .at = w->account->end,
                                .apart = CARP_NEVER,
                                .takeovers = g->takeovers,
                                .accepted = g->accepted,
                                .refused = g->refused};
    snprintf(told.text, sizeof told.text,
             "Carpio %u/%u, dead ratio %u, as an observer of vhid %u: %llu adverts accepted, %llu "
             "refused; it would have taken over %llu times",
             g->config.advbase, g->config.advskew, g->config.dead_ratio, g->config.vhid,
             (unsigned long long)g->accepted, (unsigned long long)g->refused,
             (unsigned long long)g->takeovers);
    w->sink.tell(w->sink.self, &told);
}

bool whatif_end(struct whatif *w)
{
    for (size_t i = 0; i < w->group_count && !w->no_memory; i++) {
        struct whatif_group *g = &w->groups[i];
        run_until(w, g, instant_add(w->account->end, (carp_duration){1}));
        if (w->as == NULL) {
            tell_observed(w, g);
        } else if (!whatif_compare(w, g)) {
            w->no_memory = true;
        }
    }
    return !w->no_memory;
}
