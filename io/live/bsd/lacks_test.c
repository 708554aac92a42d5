/* Goal: a system says what it lacks of what a configuration asks for, and nothing that does not
 * matter to it. */
#include "io/live/bsd/lacks.h"

#include <string.h>

#include "tools/testkit/testkit.h"

static struct config_address ipv4[] = {{.family = 4}};
static struct config_address ipv6[] = {{.family = 6}};

/* The first words that tell the sentences apart, in the order in which they are said. */
static const char *said(const struct lacks_of *system, const struct config *config)
{
    static const char *const words[][2] = {
        {"no lifetimes", "lifetimes "},      {"of an IPv4 address", "ipv4-dad "},
        {"of an IPv6 address", "ipv6-dad "}, {"opens interfaces", "reopen "},
        {"may stand still", "clock "},       {"may lose news", "losses "},
        {"no filter of", "filter "},         {"cannot reserve", "journal "},
    };
    static char text[128];
    const char *lines[SYSTEM_LACKS_MAX];
    size_t count = lacks_list(system, config, lines);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        const char *found = "? ";
        for (size_t w = 0; w < sizeof words / sizeof words[0]; w++) {
            found = strstr(lines[i], words[w][0]) != NULL ? words[w][1] : found;
        }
        strcat(text, found);
    }
    return text;
}

static const struct lacks_of capable;
static const struct lacks_of incapable = {true, true, true, true, true, true};

TEST_CASE(lacks, says_what_matters_to_the_configuration)
{
    static struct config_group only_ipv4 = {.address_count = 1, .addresses = ipv4};
    static struct config_group only_ipv6 = {.address_count = 1, .addresses = ipv6};
    static struct config_group commands = {
        .address_count = 1, .addresses = ipv4, .down = "/bin/true"};
    static char root[] = "root", nobody[] = "nobody", journal[] = "/var/lib/carpio/journal";
    static const struct {
        const char *why;
        const struct lacks_of *system;
        struct config config;
        const char *said;
    } rows[] = {
        {"IPv4",
         &incapable,
         {.groups = &only_ipv4, .group_count = 1},
         "lifetimes ipv4-dad reopen clock losses "},
        {"IPv6",
         &incapable,
         {.groups = &only_ipv6, .group_count = 1},
         "ipv6-dad reopen clock losses "},
        {"addresses that commands set",
         &incapable,
         {.groups = &commands, .group_count = 1},
         "reopen clock losses "},
        {"root's worker",
         &incapable,
         {.groups = &commands, .group_count = 1, .user = root},
         "clock losses "},
        {"another's",
         &incapable,
         {.groups = &commands, .group_count = 1, .user = nobody},
         "reopen clock losses "},
        {"everything",
         &incapable,
         {.groups = &only_ipv4, .group_count = 1, .confine = true, .journal = journal},
         "lifetimes ipv4-dad reopen clock losses filter journal "},
        {"the most capable",
         &capable,
         {.groups = &only_ipv4, .group_count = 1, .confine = true, .journal = journal},
         "lifetimes reopen "},
        {"the most capable, with IPv6",
         &capable,
         {.groups = &only_ipv6, .group_count = 1},
         "reopen "},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tk_row(rows[i].why);
        EXPECT_STR(rows[i].said, said(rows[i].system, &rows[i].config));
    }
    tk_row(NULL);
}
