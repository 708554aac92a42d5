#include "io/live/raw.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/frame.h"

struct raw {
    int socket;
};

int raw_open(struct raw **opened)
{
    struct raw *raw = (struct raw *)malloc(sizeof *raw);
    if (raw == NULL) {
        return -ENOMEM;
    }
    /* Protocol 0: it receives nothing, ever. */
    raw->socket = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (raw->socket < 0) {
        int error = -errno;
        free(raw);
        return error;
    }
    *opened = raw;
    return 0;
}

void raw_close(struct raw *raw)
{
    if (raw != NULL) {
        close(raw->socket);
        free(raw);
    }
}

/* One socket is for all. */
int raw_expect(struct raw *raw, const char *interface)
{
    (void)raw, (void)interface;
    return 0;
}

int raw_send(struct raw *raw, unsigned ifindex, const uint8_t *frame, size_t size)
{
    struct sockaddr_ll to = {
        .sll_family = AF_PACKET,
        .sll_ifindex = (int)ifindex,
        .sll_halen = FRAME_MAC_SIZE,
    };
    ssize_t sent =
        sendto(raw->socket, frame, size, MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof to);
    return sent < 0 ? -errno : 0;
}
