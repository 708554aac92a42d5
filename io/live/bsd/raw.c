/*
 * raw.h over BPF, which is opened for one interface each.
 */
#include "io/live/raw.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <net/bpf.h>
#include <net/if.h>

struct raw {
    size_t count;
    struct {
        int bpf;
        unsigned ifindex;
    } * at; /* owned */
};

int raw_open(struct raw **opened)
{
    *opened = calloc(1, sizeof **opened);
    return *opened == NULL ? -ENOMEM : 0;
}

void raw_close(struct raw *raw)
{
    if (raw != NULL) {
        for (size_t i = 0; i < raw->count; i++) {
            close(raw->at[i].bpf);
        }
        free(raw->at);
        free(raw);
    }
}

/* macOS has a device for each opening, and no other. Source: bpf(4) of each. */
static int open_bpf(void)
{
    enum { DEVICES_MAX = 256 };
    int bpf = open("/dev/bpf", O_RDWR | O_CLOEXEC);
    for (int i = 0; bpf < 0 && (errno == ENOENT || errno == EBUSY) && i < DEVICES_MAX; i++) {
        char name[32];
        snprintf(name, sizeof name, "/dev/bpf%d", i);
        bpf = open(name, O_RDWR | O_CLOEXEC);
        if (bpf < 0 && errno == ENOENT) {
            break; /* the last one was before it */
        }
    }
    return bpf < 0 ? -errno : bpf;
}

/* It receives nothing, from before there is an interface; and whose frames they are is in them. */
static int begin(int bpf, const char *interface)
{
    struct bpf_insn nothing[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    struct bpf_program filter = {.bf_len = 1, .bf_insns = nothing};
    struct ifreq request;
    unsigned on = 1;
    memset(&request, 0, sizeof request);
    memcpy(request.ifr_name, interface, strnlen(interface, sizeof request.ifr_name - 1));
    return ioctl(bpf, BIOCSETF, &filter) == 0 && ioctl(bpf, BIOCSETIF, &request) == 0 &&
                   ioctl(bpf, BIOCSHDRCMPLT, &on) == 0 && fcntl(bpf, F_SETFL, O_NONBLOCK) == 0
               ? 0
               : -errno;
}

static bool is_expected(const struct raw *raw, unsigned ifindex)
{
    for (size_t i = 0; i < raw->count; i++) {
        if (raw->at[i].ifindex == ifindex) {
            return true;
        }
    }
    return false;
}

int raw_expect(struct raw *raw, const char *interface)
{
    unsigned ifindex = if_nametoindex(interface);
    if (ifindex == 0) {
        return -ENXIO;
    }
    if (is_expected(raw, ifindex)) {
        return 0;
    }
    void *at = realloc(raw->at, (raw->count + 1) * sizeof raw->at[0]);
    if (at == NULL) {
        return -ENOMEM;
    }
    raw->at = at;
    int bpf = open_bpf();
    int error = bpf < 0 ? bpf : begin(bpf, interface);
    if (error != 0) {
        if (bpf >= 0) {
            close(bpf);
        }
        return error;
    }
    raw->at[raw->count].bpf = bpf;
    raw->at[raw->count].ifindex = ifindex;
    raw->count += 1;
    return 0;
}

/* Of an interface that is gone the device says ENXIO itself, and a new one has a new index. */
int raw_send(struct raw *raw, unsigned ifindex, const uint8_t *frame, size_t size)
{
    for (size_t i = 0; i < raw->count; i++) {
        if (raw->at[i].ifindex == ifindex) {
            return write(raw->at[i].bpf, frame, size) == (ssize_t)size ? 0 : -errno;
        }
    }
    return -ENXIO;
}
