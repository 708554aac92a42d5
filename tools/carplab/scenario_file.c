#include "tools/carplab/scenario_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/scenario_internal.h"
#ifdef CARP_CONFIG
#include "io/config.h"
#endif

char *file_text(const char *path, size_t max, char error[SCENARIO_ERROR_MAX])
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        snprintf(error, SCENARIO_ERROR_MAX, "%s: %s", path, strerror(errno));
        return NULL;
    }
    char *text = malloc(max + 2);
    size_t size = text == NULL ? 0 : fread(text, 1, max + 1, file);
    bool bad = text == NULL || ferror(file);
    fclose(file);
    if (bad || size > max || memchr(text, '\0', size) != NULL) {
        snprintf(error, SCENARIO_ERROR_MAX, "%s: %s", path,
                 bad          ? "cannot be read"
                 : size > max ? "larger than 1 MiB; that is no scenario"
                              : "holds a zero byte; a text is right");
        free(text);
        return NULL;
    }
    text[size] = '\0';
    return text;
}

#ifdef CARP_CONFIG
/* The groups of a carpd.yaml; its interfaces, in the order in which the groups name them, are those
 * of the node. */
static int load_config(void *self, const char *path, struct scenario_node *node,
                       char error[SCENARIO_ERROR_MAX])
{
    struct config config = {0};
    struct config_warnings warnings = {0};
    const char *interfaces[SCENARIO_NICS_MAX] = {NULL};
    (void)self;
    int status = config_from_file(path, &config, &warnings, error);
    config_warnings_free(&warnings);
    for (size_t g = 0; status == 0 && g < config.group_count; g++) {
        unsigned nic = 0;
        while (nic < SCENARIO_NICS_MAX && interfaces[nic] != NULL &&
               strcmp(interfaces[nic], config.groups[g].interface) != 0) {
            nic++;
        }
        if (nic >= node->nic_count) {
            snprintf(error, SCENARIO_ERROR_MAX,
                     "%s: group %s is on interface %s, for which %s has no @switch", path,
                     config.groups[g].name, config.groups[g].interface, node->name);
            status = 2;
            break;
        }
        interfaces[nic] = config.groups[g].interface;
        struct scenario_group group = {.config = config.groups[g].carp, .nic = nic};
        append_group(node, &group);
        if (config.groups[g].up != NULL || config.groups[g].down != NULL) {
            node->commands = true;
        }
    }
    config_free(&config);
    return status == 0 ? 0 : -1;
}
#endif

bool scenario_file_read(const char *path, struct scenario *s, char error[SCENARIO_ERROR_MAX])
{
#ifdef CARP_CONFIG
    const struct scenario_loader loader = {NULL, load_config};
#else
    const struct scenario_loader loader = {NULL, NULL};
#endif
    char *text = file_text(path, SCENARIO_TEXT_MAX, error);
    bool ok = text != NULL && scenario_read(s, path, text, &loader, error);
    free(text);
    return ok;
}

bool option_number(const char *option, const char *text, uint64_t min, uint64_t max,
                   uint64_t *value)
{
    char *end = NULL;
    errno = 0;
    unsigned long long read = text == NULL ? 0 : strtoull(text, &end, 10);
    if (text == NULL || end == text || *end != '\0' || *text == '-' || errno != 0 || read < min ||
        read > max) {
        fprintf(stderr, "carplab: %s %s: a whole number from %llu to %llu is right\n", option,
                text == NULL ? "(nothing)" : text, (unsigned long long)min,
                (unsigned long long)max);
        return false;
    }
    *value = read;
    return true;
}
