#include "sim/trace.h"

const char *trace_word(enum trace_kind kind)
{
    static const char *const words[] = {
#define X(name, word) word,
        TRACE_KINDS(X)
#undef X
    };
    return words[kind];
}
