/* Goal: what Linux cannot do of a configuration is said, and only that. */
#include "io/live/system.h"

#include "io/live/linux/filter.h"
#include "tools/testkit/testkit.h"

TEST_CASE(system, says_what_it_cannot_confine)
{
    const char *lines[SYSTEM_LACKS_MAX] = {NULL};
    struct config config = {.confine = true};
    size_t want = !filter_calls_is_here() + !filter_writes_is_here();
    EXPECT_U64(want, system_lacks(&config, lines));
    for (size_t i = 0; i < want; i++) {
        EXPECT_TRUE(lines[i] != NULL);
    }
    config.confine = false; /* nobody asked for it */
    EXPECT_U64(0, system_lacks(&config, lines));
}
