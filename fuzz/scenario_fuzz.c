/*
 * The scenario language: whatever is refused is refused with one line that points into the text;
 * whatever is read keeps the ranges of sim/scenario.h and, when it is small, can be run, with fast
 * paths and without, alike.
 */
#include "sim/scenario.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "sim/run.h"

static const char file_name[] = "fuzz.scn";

/* What a run may be made of, so that hundreds fit into a second. However far the horizon is, a run
 * ends with its events. */
enum {
    NODES_MAX = 8,
    GROUPS_MAX = 12,
    STATEMENTS_MAX = 60,
    FAULTS_MAX = 40,
    EVENTS_MAX = 3000,
};

static int refuse_to_load(void *self, const char *path, struct scenario_node *node,
                          char error[SCENARIO_ERROR_MAX])
{
    (void)self;
    (void)path;
    (void)node;
    snprintf(error, SCENARIO_ERROR_MAX, "no file is read here");
    return -1;
}

/* --- refused ------------------------------------------------------------------------------------
 */

/* The size of a line of the text, counted from 1; -1: there is none. */
static long line_size(const char *text, unsigned long line)
{
    for (; line > 1 && text != NULL; line--) {
        text = strchr(text, '\n');
        text = text == NULL ? NULL : text + 1;
    }
    return line == 0 || text == NULL ? -1 : (long)strcspn(text, "\n");
}

static void check_error(const char *error, const char *text)
{
    unsigned line, column;
    int used = 0;
    size_t size = strnlen(error, SCENARIO_ERROR_MAX);
    assert(size < SCENARIO_ERROR_MAX);
    for (size_t i = 0; i < size; i++) {
        assert(error[i] >= ' ' && error[i] <= '~');
    }
    assert(sscanf(error, "fuzz.scn:%u:%u: %n", &line, &column, &used) == 2 && used > 0);
    assert(error[used] != '\0');
    assert(column >= 1 && (long)column <= line_size(text, line) + 1);
}

/* --- read ---------------------------------------------------------------------------------------
 */

static void check_name(const char name[SCENARIO_NAME_MAX])
{
    assert(name[0] != '\0' && memchr(name, '\0', SCENARIO_NAME_MAX) != NULL);
}

static void check_carp(const struct carp_config *carp)
{
    assert(carp->vhid >= 1 && carp->dead_ratio >= 1);
    assert(carp->advbase > 0 || carp->advskew > 0);
    assert(carp->key_count >= 1 && carp->key_count <= CARP_KEYS_MAX);
    assert(carp->ipv4_count <= CARP_ADDRESSES_MAX && carp->ipv6_count <= CARP_ADDRESSES_MAX);
    for (size_t i = 1; i < carp->ipv4_count; i++) {
        assert(memcmp(carp->ipv4[i - 1], carp->ipv4[i], sizeof carp->ipv4[i]) < 0);
    }
    for (size_t i = 1; i < carp->ipv6_count; i++) {
        assert(memcmp(carp->ipv6[i - 1], carp->ipv6[i], sizeof carp->ipv6[i]) < 0);
    }
}

static void check_node(const struct scenario *s, const struct scenario_node *node)
{
    check_name(node->name);
    assert((unsigned)node->profile <= PROFILE_STRANGER);
    assert(node->nic_count >= 1 && node->nic_count <= SCENARIO_NICS_MAX);
    for (size_t i = 0; i < node->nic_count; i++) {
        assert(node->nics[i].to_switch < s->switch_count);
    }
    assert(node->group_count <= SCENARIO_GROUPS_MAX);
    for (size_t i = 0; i < node->group_count; i++) {
        assert(node->groups[i].nic < node->nic_count);
        check_carp(&node->groups[i].config);
    }
    assert(node->latency_min.ns <= node->latency_max.ns);
}

static void check_scenario(const struct scenario *s)
{
    assert(s->runs >= 1 && s->horizon.ns >= 1 && s->horizon.ns <= SCENARIO_TIME_MAX.ns);
    assert(s->node_count >= 1 && s->node_count <= SCENARIO_NODES_MAX);
    assert(s->switch_count >= 1 && s->switch_count <= SCENARIO_SWITCHES_MAX);
    assert(s->statement_count <= SCENARIO_STATEMENTS_MAX);
    assert(s->expectation_count <= SCENARIO_STATEMENTS_MAX);
    for (size_t i = 0; i < s->switch_count; i++) {
        check_name(s->switches[i].name);
    }
    for (size_t i = 0; i < s->link_count; i++) {
        assert(s->links[i].a < s->switch_count && s->links[i].b < s->switch_count);
    }
    for (size_t i = 0; i < s->node_count; i++) {
        check_node(s, &s->nodes[i]);
    }
    for (size_t i = 0; i < s->statement_count; i++) {
        const struct moment when = s->statements[i].when;
        assert(when.from.ns <= when.to.ns && when.to.ns <= s->horizon.ns);
        assert(s->statements[i].node < s->node_count || s->statements[i].node == NONE);
    }
    for (size_t i = 0; i < s->expectation_count; i++) {
        const struct expectation *e = &s->expectations[i];
        size_t count = e->is_switch ? s->switch_count : s->node_count;
        assert(e->subject < count || e->subject == NONE);
    }
}

/* --- run ----------------------------------------------------------------------------------------
 */

static bool is_small(const struct scenario *s)
{
    size_t groups = 0;
    for (size_t i = 0; i < s->node_count; i++) {
        groups += s->nodes[i].group_count;
    }
    return s->node_count <= NODES_MAX && groups <= GROUPS_MAX &&
           s->statement_count <= STATEMENTS_MAX && s->expectation_count <= STATEMENTS_MAX &&
           s->campaign.faults <= FAULTS_MAX;
}

static void run_once(struct run *r, const struct scenario *s, bool plain)
{
    const struct run_options options = {.seed = s->seed, .plain = plain};
    int made = run_make(r, s, &options);
    assert(made == 0);
    r->events_max = EVENTS_MAX;
    run_go(r);
    assert(r->events <= EVENTS_MAX && r->failure_count <= RUN_FAILURES_MAX);
}

/* Fast paths spare events and change nothing else. */
static void run(const struct scenario *s)
{
    struct run fast, plain;
    run_once(&fast, s, false);
    run_once(&plain, s, true);
    bool whole = !fast.out_of_events && !plain.out_of_events;
    assert(!whole || fast.failure_count == plain.failure_count);
    for (size_t i = 0; whole && i < fast.failure_count; i++) {
        assert(fast.failures[i].line == plain.failures[i].line);
        assert(strcmp(fast.failures[i].text, plain.failures[i].text) == 0);
    }
    run_free(&fast);
    run_free(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const struct scenario_loader loader = {.load = refuse_to_load};
    struct scenario s;
    char error[SCENARIO_ERROR_MAX];
    char *text = strndup((const char *)bytes, size);
    assert(text != NULL);
    if (scenario_read(&s, file_name, text, &loader, error)) {
        check_scenario(&s);
        if (is_small(&s)) {
            run(&s);
        }
        scenario_free(&s);
    } else {
        check_error(error, text);
    }
    free(text);
    return 0;
}
