/*
 * The order of events, against a list that is searched from its beginning.
 */
#include "sim/queue.h"

#include <string.h>

#include "sim/decide.h"
#include "tools/testkit/testkit.h"

enum { MANY = 3000 };

struct listed {
    struct queue_event event;
    enum queue_class class;
    uint64_t put; /* the how-manieth it was */
    bool taken;
};

/* The written order: time, class, then a node's index and the kind of its wake-up, or the order of
 * putting. */
static bool listed_before(const struct listed *a, const struct listed *b)
{
    if (a->event.at.ns != b->event.at.ns) {
        return a->event.at.ns < b->event.at.ns;
    }
    if (a->class != b->class) {
        return a->class < b->class;
    }
    if (a->class == QUEUE_WAKE && a->event.who != b->event.who) {
        return a->event.who < b->event.who;
    }
    if (a->class == QUEUE_WAKE && a->event.what != b->event.what) {
        return a->event.what < b->event.what;
    }
    return a->put < b->put;
}

static struct listed *first_of(struct listed *list, size_t count)
{
    struct listed *first = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!list[i].taken && (first == NULL || listed_before(&list[i], first))) {
            first = &list[i];
        }
    }
    return first;
}

static void expect_same(const struct listed *want, const struct queue_event *got)
{
    EXPECT_U64(want->event.at.ns, got->at.ns);
    EXPECT_U64(want->event.what, got->what);
    EXPECT_U64(want->event.who, got->who);
    if (want->class != QUEUE_WAKE) {
        EXPECT_U64(want->event.which, got->which);
    }
}

/* Few instants, nodes and kinds, so that there are many ties; puts and takes by turns. */
TEST_CASE(queue, gives_events_by_time_then_class_then_rank)
{
    static struct listed list[MANY];
    struct queue q = {0};
    size_t count = 0;
    memset(list, 0, sizeof list);
    for (uint64_t step = 0; step < 2 * MANY; step++) {
        uint64_t drawn = decide_mix(1, step);
        if (count < MANY && (drawn & 7) < 5) {
            struct listed *l = &list[count];
            l->class = (enum queue_class)(drawn >> 8 & 3);
            l->put = count;
            l->event = (struct queue_event){.at = {drawn >> 16 & 31},
                                            .what = (uint32_t)(drawn >> 24 & 3),
                                            .who = (uint32_t)(drawn >> 32 & 3),
                                            .which = count};
            queue_put(&q, l->class, l->event);
            count += 1;
        } else if (q.count > 0) {
            struct listed *want = first_of(list, count);
            struct queue_event got;
            ASSERT_TRUE(want != NULL);
            EXPECT_U64(want->event.at.ns, queue_next(&q).ns);
            EXPECT_TRUE(queue_take(&q, &got));
            expect_same(want, &got);
            want->taken = true;
        }
    }
    struct queue_event got;
    while (queue_take(&q, &got)) {
        struct listed *want = first_of(list, count);
        ASSERT_TRUE(want != NULL);
        expect_same(want, &got);
        want->taken = true;
    }
    EXPECT_TRUE(first_of(list, count) == NULL);
    EXPECT_U64(MANY, count);
    queue_free(&q);
}

TEST_CASE(queue, an_empty_queue_has_no_event_and_no_instant)
{
    struct queue q = {0};
    struct queue_event got;
    EXPECT_TRUE(!queue_take(&q, &got));
    EXPECT_U64(CARP_NEVER.ns, queue_next(&q).ns);
    queue_put(&q, QUEUE_SCRIPT, (struct queue_event){.at = {5}});
    EXPECT_U64(5, queue_next(&q).ns);
    EXPECT_TRUE(queue_take(&q, &got));
    EXPECT_U64(CARP_NEVER.ns, queue_next(&q).ns);
    queue_free(&q);
}

/* The timer of a machine comes before its kernel's at the same instant, whichever was put first and
 * however large the heap is around them. */
TEST_CASE(queue, two_wake_ups_of_one_node_come_by_their_kind)
{
    for (uint32_t others = 0; others < 40; others++) {
        struct queue q = {0};
        struct queue_event got;
        for (uint32_t i = 0; i < others; i++) {
            queue_put(&q, QUEUE_WAKE, (struct queue_event){.at = {1}, .what = 9, .who = i % 7});
        }
        for (uint32_t what = 4; what-- > 0;) {
            queue_put(&q, QUEUE_WAKE, (struct queue_event){.at = {1}, .what = what, .who = 5});
        }
        uint32_t next = 0;
        while (queue_take(&q, &got)) {
            if (got.who == 5 && got.what < 4) {
                EXPECT_U64(next, got.what);
                next += 1;
            }
        }
        EXPECT_U64(4, next);
        queue_free(&q);
    }
}

TEST_CASE(queue, nodes_wake_in_the_order_of_their_index)
{
    struct queue q = {0};
    struct queue_event got;
    for (uint32_t who = 10000; who-- > 0;) {
        queue_put(&q, QUEUE_WAKE, (struct queue_event){.at = {1}, .what = who & 1, .who = who});
    }
    queue_put(&q, QUEUE_OBSERVE, (struct queue_event){.at = {1}, .who = 0});
    queue_put(&q, QUEUE_ARRIVAL, (struct queue_event){.at = {1}, .who = 77777});
    EXPECT_TRUE(queue_take(&q, &got));
    EXPECT_U64(77777, got.who);
    for (uint32_t who = 0; who < 10000; who++) {
        EXPECT_TRUE(queue_take(&q, &got));
        EXPECT_U64(who, got.who);
    }
    EXPECT_TRUE(queue_take(&q, &got));
    EXPECT_TRUE(!queue_take(&q, &got));
    queue_free(&q);
}
