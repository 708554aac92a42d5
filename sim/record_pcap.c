#include <errno.h>
#include <string.h>

#include "sim/memory.h"
#include "sim/record_internal.h"

static int write_file(void *self, const uint8_t *bytes, size_t size)
{
    return fwrite(bytes, 1, size, self) == size ? 0 : -errno;
}

static void check(struct record *r, int status)
{
    if (status != 0) {
        record_failed(r, status);
    }
}

static void describe(struct record *r, uint32_t end)
{
    const struct world *w = r->world;
    char name[RECORD_NAME_MAX], other[RECORD_NAME_MAX], description[RECORD_NAME_MAX + 16];
    uint32_t peer = w->ends[end].peer;
    if (peer == NONE) {
        snprintf(description, sizeof description, "not connected");
    } else {
        snprintf(description, sizeof description, "%s %s",
                 w->ends[peer].is_switch ? "port of switch" : "cable to",
                 record_end_name(w, peer, other));
    }
    check(r, pcapng_interface(&r->pcap, record_end_name(w, end, name), description,
                              &r->interfaces[end]));
}

void record_pcap_begin(struct record *r)
{
    const struct world *w = r->world;
    struct pcapng_sink sink = {r->to.pcap, write_file};
    r->interfaces = memory_make(w->end_count, sizeof *r->interfaces);
    check(r, pcapng_begin(&r->pcap, sink, NULL, "carpio simulator"));
    for (size_t i = 0; i < w->node_count; i++) {
        const struct node *node = &w->nodes[i];
        for (unsigned nic = 0; nic < node->nic_count; nic++) {
            if (node->nics[nic].end != NONE) {
                describe(r, node->nics[nic].end);
            }
        }
    }
}

/* As it should be, or of interest only to those who watch for adverts. */
static bool is_usual(const struct world *w, uint32_t end, const struct sim_frame *frame, int reason)
{
    const struct end *at = &w->ends[end];
    bool nobody = reason == DROP_OFF || reason == DROP_NO_DAEMON ||
                  (reason == DROP_NO_LINK && !at->is_switch && !w->nodes[at->owner].on);
    return nobody && frame->class_ != FRAME_ADVERT;
}

/* Whose interface shows what befell a frame before this end: a node's own; for a switch's, that of
 * the sender, told by the MAC when it has several; NONE: a switch's own frame. */
static uint32_t shown_at(const struct world *w, uint32_t end, const struct sim_frame *frame)
{
    if (!w->ends[end].is_switch) {
        return end;
    }
    if (frame->origin == NONE) {
        return NONE;
    }
    const struct node *sender = &w->nodes[frame->origin];
    for (unsigned nic = 1; nic < sender->nic_count; nic++) {
        if (memcmp(sender->nics[nic].self.mac, frame->bytes + 6, 6) == 0) {
            return sender->nics[nic].end;
        }
    }
    return sender->nics[0].end;
}

static void write_packet(struct record *r, carp_instant at, uint32_t end,
                         const struct sim_frame *frame, enum pcapng_direction direction,
                         const char *comment)
{
    check(r, pcapng_packet(&r->pcap, &(struct pcapng_packet){
                                         .interface = r->interfaces[end],
                                         .time_ns = WORLD_EPOCH_S * UINT64_C(1000000000) + at.ns,
                                         .bytes = frame->bytes,
                                         .size = frame->size,
                                         .original_size = frame->size,
                                         .direction = direction,
                                         .comments = &comment,
                                         .comment_count = comment != NULL ? 1 : 0,
                                     }));
}

void record_pcap_frame(struct record *r, carp_instant at, uint32_t end,
                       const struct sim_frame *frame, int reason, const char *what)
{
    const struct world *w = r->world;
    if (reason < 0) {
        write_packet(r, at, end, frame, PCAPNG_OUTBOUND, NULL);
        return;
    }
    uint32_t shown = shown_at(w, end, frame);
    if (shown == NONE || is_usual(w, end, frame, reason)) {
        return;
    }
    char comment[2 * RECORD_NAME_MAX], name[RECORD_NAME_MAX];
    record_end_name(w, end, name);
    if (reason < DROP_REASON_COUNT) {
        snprintf(comment, sizeof comment, "dropped before %s: %s", name, what);
    } else {
        snprintf(comment, sizeof comment, "%s on the way to %s", what, name);
    }
    write_packet(r, at, shown, frame, w->ends[end].is_switch ? PCAPNG_UNKNOWN : PCAPNG_INBOUND,
                 comment);
}
