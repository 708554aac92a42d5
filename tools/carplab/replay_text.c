/*
 * The account for people.
 */
#include "tools/carplab/replay.h"

void replay_text(FILE *file, bool colour, const struct replay_source *source,
                 const struct account *a)
{
    (void)file;
    (void)colour;
    (void)source;
    (void)a;
}
