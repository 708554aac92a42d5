#include "engine/verdict.h"

#include <assert.h>

static const char *const words[CARP_VERDICT_COUNT] = {
#define X(name, word, phrase) [CARP_##name] = word,
    CARP_VERDICTS(X)
#undef X
};

static const char *const phrases[CARP_VERDICT_COUNT] = {
#define X(name, word, phrase) [CARP_##name] = phrase,
    CARP_VERDICTS(X)
#undef X
};

const char *verdict_word(enum carp_verdict verdict)
{
    assert(verdict < CARP_VERDICT_COUNT);
    return words[verdict];
}

const char *verdict_phrase(enum carp_verdict verdict)
{
    assert(verdict < CARP_VERDICT_COUNT);
    return phrases[verdict];
}
