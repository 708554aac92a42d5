/*
 * Which defect is switched on: the one that CARP_MUTANT names in the environment. Linked in the
 * mutation build alone (docs/MUTANTS.md).
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
#include "mutants.inc"
};

extern unsigned carp_mutant; /* the mutated sources ask for it; 0: none */
unsigned carp_mutant;

__attribute__((constructor)) static void choose(void)
{
    const char *name = getenv("CARP_MUTANT");
    if (name == NULL || *name == '\0') {
        return;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            carp_mutant = (unsigned)(i + 1);
            return;
        }
    }
    fprintf(stderr, "CARP_MUTANT: there is no mutant %s; tools/mutants/table has those there are\n",
            name);
    exit(2);
}
