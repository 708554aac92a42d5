/* Who outranks whom, and the times that follow: tables. */
#include "engine/claim.h"
#include "tools/testkit/testkit.h"

TEST_CASE(claim, ranks_demotion_then_the_whole_interval)
{
    static const struct {
        const char *why;
        struct claim a, b;
        int want;
    } rows[] = {
        {"the same", {0, 1, 100}, {0, 1, 100}, 0},
        {"one skew faster", {0, 1, 99}, {0, 1, 100}, -1},
        {"one skew slower", {0, 1, 101}, {0, 1, 100}, 1},
        {"a slower base, whatever the skew: 3/99 and 2/255", {0, 3, 99}, {0, 2, 255}, 1},
        {"3/99 before 3/101", {0, 3, 99}, {0, 3, 101}, -1},
        {"a faster base with the slowest skew", {0, 1, 255}, {0, 2, 0}, -1},
        {"0/0 before 0/1", {0, 0, 0}, {0, 0, 1}, -1},
        {"a farewell is slowest", {0, 255, 254}, {0, 255, 255}, -1},
        {"demotion outranks any interval", {1, 0, 0}, {0, 255, 255}, 1},
        {"equal demotion leaves it to the interval", {3, 1, 0}, {3, 1, 1}, -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tk_row(rows[i].why);
        EXPECT_INT(rows[i].want, claim_compare(rows[i].a, rows[i].b));
        EXPECT_INT(-rows[i].want, claim_compare(rows[i].b, rows[i].a));
    }
}

/* Microseconds of an advskew, cut, as all implementations compute them (skew * 1000000 / 256): 1,
 * 10, 100, 128, 240, 254, 255 give 3906, 39062, 390625, 500000, 937500, 992187, 996093. */
TEST_CASE(claim, advertises_every_advbase_and_256ths_of_advskew)
{
    static const struct {
        uint8_t advbase, advskew;
        uint64_t us;
    } rows[] = {
        {1, 0, 1000000},   {0, 1, 3906},          {0, 10, 39062},   {0, 100, 390625},
        {0, 128, 500000},  {0, 240, 937500},      {0, 254, 992187}, {0, 255, 996093},
        {1, 100, 1390625}, {255, 255, 255996093}, {0, 0, 3906}, /* counts as 1/256 s: OpenBSD
                                                                   carp_setrun() */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct claim claim = {0, rows[i].advbase, rows[i].advskew};
        EXPECT_U64(rows[i].us, claim_interval(claim).ns / 1000);
    }
}

/* dead ratio * advbase + advskew/256; seen in engine/testdata/captures: 3.39 s at 1/100 and so on.
 */
TEST_CASE(claim, waits_for_the_dead_ratio_of_its_advbase_and_once_its_advskew)
{
    static const struct {
        uint8_t advbase, advskew, dead_ratio;
        uint64_t us;
    } rows[] = {
        {1, 0, 3, 3000000},   {1, 100, 3, 3390625},
        {2, 100, 3, 6390625}, {1, 254, 3, 3992187},
        {5, 10, 3, 15039062}, {1, 100, 2, 2390625},
        {1, 0, 5, 5000000},   {255, 255, 255, 65025996093},
        {0, 1, 3, 11718},     {0, 128, 3, 1500000},
        {0, 0, 3, 11718},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct claim claim = {0, rows[i].advbase, rows[i].advskew};
        EXPECT_U64(rows[i].us, claim_master_down(claim, rows[i].dead_ratio).ns / 1000);
    }
}

TEST_CASE(claim, knows_a_farewell_by_both_values)
{
    EXPECT_TRUE(claim_is_farewell((struct claim){0, 255, 255}));
    EXPECT_TRUE(claim_is_farewell((struct claim){9, 255, 255}));
    EXPECT_TRUE(!claim_is_farewell((struct claim){0, 255, 254}));
    EXPECT_TRUE(!claim_is_farewell((struct claim){0, 254, 255}));
}
