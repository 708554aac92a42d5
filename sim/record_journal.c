#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/journal/journal.h"
#include "sim/daemon.h"
#include "sim/memory.h"
#include "sim/record_internal.h"

enum { GROUP_NAME_MAX = 16 };

/* One node's. */
struct record_journal {
    struct record *record;
    FILE *file;
    struct journal journal;
    const char **interface_names, **group_names; /* owned, as is what they point into: */
    char *text;
};

static int write_file(void *self, const uint8_t *bytes, size_t size)
{
    struct record_journal *j = self;
    if (fwrite(bytes, 1, size, j->file) == size) {
        return 0;
    }
    int error = -errno;
    record_failed(j->record, error);
    return error;
}

static void name_interfaces(struct record_journal *j, const struct node *node)
{
    const struct world *w = j->record->world;
    for (unsigned nic = 0; nic < node->nic_count; nic++) {
        char *name = j->text + nic * RECORD_NAME_MAX;
        if (node->nics[nic].end != NONE) {
            record_end_name(w, node->nics[nic].end, name);
        } else {
            snprintf(name, RECORD_NAME_MAX, "%s", node->name);
        }
        j->interface_names[nic] = name;
    }
}

static void name_groups(struct record_journal *j, const struct node *node)
{
    char *text = j->text + (size_t)node->nic_count * RECORD_NAME_MAX;
    for (unsigned g = 0; g < daemon_of(node)->group_count; g++) {
        char *name = text + (size_t)g * GROUP_NAME_MAX;
        snprintf(name, GROUP_NAME_MAX, "vhid %u", record_vhid(node, g));
        j->group_names[g] = name;
    }
}

static void begin(struct record *r, struct record_journal *j, const struct node *node, FILE *file)
{
    struct daemon *d = daemon_of(node);
    j->record = r;
    j->file = file;
    j->interface_names = memory_make(node->nic_count, sizeof *j->interface_names);
    j->group_names = memory_make(d->group_count, sizeof *j->group_names);
    j->text = memory_make(
        (size_t)node->nic_count * RECORD_NAME_MAX + (size_t)d->group_count * GROUP_NAME_MAX, 1);
    name_interfaces(j, node);
    name_groups(j, node);
    journal_init(&j->journal, &d->host, j->interface_names, j->group_names, "carpio simulator");
    d->journal = &j->journal;
    d->journal_sink = (struct pcapng_sink){j, write_file};
}

void record_journals_begin(struct record *r)
{
    const struct world *w = r->world;
    r->journals = memory_make(w->node_count, sizeof *r->journals);
    for (size_t i = 0; i < w->node_count; i++) {
        if (w->nodes[i].kind == NODE_DAEMON && r->to.journals[i] != NULL) {
            begin(r, &r->journals[i], &w->nodes[i], r->to.journals[i]);
        }
    }
}

void record_journals_end(struct record *r)
{
    const struct world *w = r->world;
    for (size_t i = 0; i < w->node_count; i++) {
        struct record_journal *j = &r->journals[i];
        if (j->file != NULL) {
            if (fflush(j->file) != 0) {
                record_failed(r, -errno);
            }
            daemon_of(&w->nodes[i])->journal = NULL;
            free(j->interface_names);
            free(j->group_names);
            free(j->text);
        }
    }
    free(r->journals);
    r->journals = NULL;
}
