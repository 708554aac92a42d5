#include "io/live/bsd/delegate.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/live/clock.h"
#include "io/live/command.h"
#include "io/live/log.h"
#include "io/live/system.h"
#include "io/live/wire.h"

#define PATIENCE CARP_SECONDS(1)

/* --- the process ----------------------------------------------------------------------------- */

/* A removal is fine with any prefix: the kernel finds an address without it. */
static bool prefix_ok(const struct config_address *configured, const struct delegate_request *r)
{
    bool ipv4 = configured->family == 4;
    uint8_t least = ipv4 ? DELEGATE_PREFIX4_MIN : DELEGATE_PREFIX6_MIN;
    uint8_t most = ipv4 ? 32 : 128;
    return r->address.prefix <= most &&
           (r->change == CHANGE_REMOVE || r->address.prefix == configured->prefix ||
            r->address.prefix >= least);
}

static bool lifetime_ok(const struct delegate_request *r)
{
    return r->change == CHANGE_REMOVE ||
           (r->address.lifetime_s >= 1 && r->address.lifetime_s <= DELEGATE_LIFETIME_MAX_S);
}

/* The interface of the group whose address this is; NULL: of none. */
static const char *find_interface(const struct config *config, const struct delegate_system *system,
                                  const struct delegate_request *r)
{
    for (size_t g = 0; g < config->group_count; g++) {
        const struct config_group *group = &config->groups[g];
        for (size_t i = 0; i < group->address_count && !command_is_used(group); i++) {
            const struct config_address *configured = &group->addresses[i];
            if (configured->family == r->address.family &&
                memcmp(configured->bytes, r->address.bytes, sizeof configured->bytes) == 0 &&
                prefix_ok(configured, r) &&
                system->index_of(system->self, group->interface) == r->address.ifindex) {
                return group->interface;
            }
        }
    }
    return NULL;
}

bool delegate_act(const struct config *config, const struct delegate_system *system,
                  const void *bytes, size_t size, struct delegate_answer *answer)
{
    struct delegate_request r;
    if (size != sizeof r) {
        return false;
    }
    memcpy(&r, bytes, sizeof r);
    r.address.own_subnet =
        false; /* it need not be one that a bool can be, and nobody asks for it */
    *answer = (struct delegate_answer){.serial = r.serial, .error = -EPERM};
    bool known = r.change == CHANGE_SET || r.change == CHANGE_REMOVE;
    if (known && lifetime_ok(&r) && r.address.ifindex != 0) {
        const char *interface = find_interface(config, system, &r);
        if (interface != NULL) {
            answer->error =
                system->make(system->self, interface, (enum change)r.change, &r.address);
        }
    }
    return true;
}

void delegate_serve(int wire, const struct config *config, const struct delegate_system *system)
{
    struct log_limit nonsense = {0};
    for (;;) {
        struct delegate_request request;
        struct delegate_answer answer;
        ssize_t size = wire_hear(wire, &request, sizeof request);
        if (size == -EAGAIN) {
            struct pollfd until = {.fd = wire, .events = POLLIN};
            (void)poll(&until, 1, -1);
        } else if (size == 0 || (size < 0 && size != -EMSGSIZE)) {
            return;
        } else if (size < 0 || !delegate_act(config, system, &request, (size_t)size, &answer)) {
            if (log_allow(&nonsense, clock_now())) {
                log_line(LOG_LEVEL_ERROR, "addresses: the worker sent nonsense; ignored");
            }
        } else {
            (void)wire_tell(wire, &answer, sizeof answer); /* whoever does not read does not wait */
        }
    }
}

void delegate_close_others(const int *mine, size_t count)
{
    int highest = STDERR_FILENO;
    for (size_t i = 0; i < count; i++) {
        highest = mine[i] > highest ? mine[i] : highest;
    }
    for (int fd = STDERR_FILENO + 1; fd < highest; fd++) {
        bool kept = false;
        for (size_t i = 0; i < count; i++) {
            kept |= mine[i] == fd;
        }
        if (!kept) {
            close(fd);
        }
    }
    system_close_from(highest + 1);
}

/* --- the worker ------------------------------------------------------------------------------ */

static _Noreturn void abandon(void)
{
    log_line(LOG_LEVEL_ERROR, "the process that changes addresses is gone, so that none could be "
                              "released; the guardian can");
    abort();
}

int delegate_ask(int wire, struct delegate_request *request)
{
    carp_instant limit = instant_add(clock_now(), PATIENCE);
    request->serial += 1;
    int error = wire_tell(wire, request, sizeof *request);
    if (error == -EPIPE) {
        abandon();
    }
    while (error == 0) {
        struct delegate_answer answer;
        ssize_t size = wire_hear(wire, &answer, sizeof answer);
        if (size == 0) {
            abandon();
        } else if (size == sizeof answer && answer.serial == request->serial) {
            return answer.error;
        } else if (size < 0 && size != -EAGAIN && size != -EMSGSIZE) {
            return (int)size;
        } else if (size == -EAGAIN) {
            uint64_t left_ns = instant_since(limit, clock_now()).ns;
            struct pollfd until = {.fd = wire, .events = POLLIN};
            if (left_ns == 0) {
                return -ETIMEDOUT;
            }
            (void)poll(&until, 1, (int)(left_ns / 1000000) + 1);
        }
    }
    return error;
}

static volatile sig_atomic_t watched; /* 0: none */

/* Nothing is logged from here; the guardian tells of the signal that ended the worker. */
static void on_child(int number)
{
    int before = errno;
    pid_t process = (pid_t)watched;
    (void)number;
    if (process != 0 && waitpid(process, NULL, WNOHANG) == process) {
        abort();
    }
    errno = before;
}

void delegate_watch(pid_t process)
{
    const struct sigaction action = {.sa_handler = on_child, .sa_flags = SA_RESTART | SA_NOCLDSTOP};
    watched = process;
    sigaction(SIGCHLD, &action, NULL);
    on_child(SIGCHLD); /* it may have ended before */
}
