#include "io/live/helper.h"

#include <signal.h>

#include "io/live/system.h"

void helper_begin(const char *name, struct config *config)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2};
    system_name_process(name);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        signal(numbers[i], SIG_IGN);
    }
    config_forget_keys(config);
}
