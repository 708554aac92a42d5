#include "io/wipe.h"
#include "tools/testkit/testkit.h"

TEST_CASE(wipe, clears_what_it_is_given_and_nothing_else)
{
    char bytes[] = "before secret after";
    wipe(bytes + 7, 6);
    EXPECT_BYTES("before \0\0\0\0\0\0 after", bytes, sizeof bytes);
    wipe(bytes, 0);
    EXPECT_INT('b', bytes[0]);
}
