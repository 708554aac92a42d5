#include "io/live/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/live/system.h"

int wire_open(int ends[2])
{
    if (socketpair(AF_UNIX, SYSTEM_SOCK_MESSAGES, 0, ends) != 0) {
        return -errno;
    }
    if (fcntl(ends[0], F_SETFD, FD_CLOEXEC) != 0 || fcntl(ends[1], F_SETFD, FD_CLOEXEC) != 0) {
        int error = -errno;
        close(ends[0]);
        close(ends[1]);
        return error;
    }
    return 0;
}

int wire_tell(int wire, const void *message, size_t size)
{
    ssize_t sent;
    do {
        sent = send(wire, message, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) {
        return 0;
    }
    return errno == ECONNRESET ? -EPIPE : -errno;
}

ssize_t wire_hear(int wire, void *message, size_t room)
{
    struct iovec part = {.iov_base = message, .iov_len = room};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t size;
    do {
        size = recvmsg(wire, &header, MSG_DONTWAIT);
    } while (size < 0 && errno == EINTR);
    if (size >= 0) {
        return (header.msg_flags & MSG_TRUNC) != 0 ? -EMSGSIZE : size;
    }
    return errno == ECONNRESET ? 0 : -errno;
}
