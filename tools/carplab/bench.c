#include "tools/carplab/carplab.h"

#include <stdio.h>

int command_bench(int argc, char **argv)
{
    (void)argc, (void)argv;
    return 0;
}
