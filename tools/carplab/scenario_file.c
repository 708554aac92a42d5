#include "tools/carplab/scenario_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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
/* A file of the scenario's own folder, or of one below: a link that leads out of it is not
 * followed, and what is no plain file is not waited for. */
static bool is_inside(const char *scenario, const char *path, char error[SCENARIO_ERROR_MAX])
{
    const char *slash = strrchr(scenario, '/');
    char *folder = slash == NULL       ? strdup(".")
                   : slash == scenario ? strdup("/")
                                       : strndup(scenario, (size_t)(slash - scenario));
    char *home = folder == NULL ? NULL : realpath(folder, NULL);
    char *file = realpath(path, NULL);
    struct stat st;
    size_t size = home == NULL ? 0 : strlen(home);
    bool inside = false;
    if (file == NULL || home == NULL) {
        snprintf(error, SCENARIO_ERROR_MAX, "%.300s: %s", path, strerror(errno));
    } else if (strncmp(file, home, size) != 0 || (file[size] != '/' && strcmp(home, "/") != 0)) {
        snprintf(error, SCENARIO_ERROR_MAX, "%.300s: it leads out of the scenario's folder", path);
    } else if (stat(file, &st) != 0 || !S_ISREG(st.st_mode)) {
        snprintf(error, SCENARIO_ERROR_MAX, "%.300s: no plain file", path);
    } else {
        inside = true;
    }
    free(folder);
    free(home);
    free(file);
    return inside;
}

/* The groups of a carpd.yaml; its interfaces, in the order in which the groups name them, are those
 * of the node. */
static int load_config(void *self, const char *path, struct scenario_node *node,
                       char error[SCENARIO_ERROR_MAX])
{
    struct config config = {0};
    struct config_warnings warnings = {0};
    const char *interfaces[SCENARIO_NICS_MAX] = {NULL};
    if (!is_inside(self, path, error)) {
        return -1;
    }
    int status = config_to_try(path, &config, &warnings, error);
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
    char *own = strdup(path); /* for the loader, which does not change it */
    const struct scenario_loader loader = {own, load_config};
    if (own == NULL) {
        snprintf(error, SCENARIO_ERROR_MAX, "%s: %s", path, strerror(errno));
        return false;
    }
#else
    const struct scenario_loader loader = {NULL, NULL};
#endif
    char *text = file_text(path, SCENARIO_TEXT_MAX, error);
    bool ok = text != NULL && scenario_read(s, path, text, &loader, error);
    free(text);
#ifdef CARP_CONFIG
    free(own);
#endif
    return ok;
}

bool option_number(const char *option, const char *text, uint64_t min, uint64_t max,
                   uint64_t *value)
{
    char *end = NULL;
    errno = 0;
    unsigned long long read = text == NULL ? 0 : strtoull(text, &end, 10);
    if (text == NULL || *text < '0' || *text > '9' || *end != '\0' || errno != 0 || read < min ||
        read > max) {
        fprintf(stderr, "carplab: %s %s: a whole number from %llu to %llu is right\n", option,
                text == NULL ? "(nothing)" : text, (unsigned long long)min,
                (unsigned long long)max);
        return false;
    }
    *value = read;
    return true;
}
