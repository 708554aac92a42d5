#include <stdbool.h>
#include <stdio.h>

#include "fuzz/fuzz.h"

/* libFuzzer clears these before each input, and looks at them after it. */
enum { FEATURES = 1 << 16 };
#ifdef __ELF__ /* where it looks for them */
__attribute__((section("__libfuzzer_extra_counters")))
#endif
static uint8_t features[FEATURES];

void fuzz_feature(uint64_t hash)
{
    features[hash % FEATURES] = 1;
}

static bool verdicts[CARP_VERDICT_COUNT];

void fuzz_verdict(enum carp_verdict verdict)
{
    verdicts[verdict] = true;
}

void fuzz_print_verdicts(void)
{
    for (int i = 0; i < CARP_VERDICT_COUNT; i++) {
        if (verdicts[i]) {
            printf("verdict %s\n", verdict_word((enum carp_verdict)i));
        }
    }
}
