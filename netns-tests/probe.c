/*
 * The witnesses of netns-tests that ordinary tools do not give:
 *
 *   probe client  sends numbered datagrams to a virtual address and keeps who answered when: what a
 *                 client loses over a failover, to the millisecond
 *   probe server  answers them with its host's name, from the address it was asked on
 *   probe watch   prints when an address came to its host and when it went
 *
 * One process each, no threads, nothing but Linux and libc. Each ends by itself after --seconds.
 */
#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { NAME_MAX_SIZE = 16, HOSTS_MAX = 16, SWITCHES_MAX = 64, GAPS_MAX = 64, HELD_MAX = 1024 };

#define SECOND_NS INT64_C(1000000000)

struct options {
    int family; /* AF_INET or AF_INET6 */
    const char *address;
    int64_t interval_ns;
    int64_t duration_ns;
    uint16_t port;
    bool json;
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

__attribute__((noreturn)) static void die(const char *what)
{
    fprintf(stderr, "probe: %s: %s\n", what, strerror(errno));
    exit(2);
}

static int64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * SECOND_NS + t.tv_nsec;
}

/* --- server ----------------------------------------------------------------------------------- */

static int open_socket(int family, uint16_t port)
{
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    if (fd < 0) {
        die("socket");
    }
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    int failed = setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    if (family == AF_INET) {
        failed |= setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
        failed |= bind(fd, (struct sockaddr *)&ipv4, sizeof ipv4);
    } else {
        failed |= setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        failed |= setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
        failed |= bind(fd, (struct sockaddr *)&ipv6, sizeof ipv6);
    }
    if (failed != 0) {
        die("cannot listen");
    }
    return fd;
}

/* The packet information that came with a datagram, made into what makes the answer leave from the
 * address that was asked. */
static void answer_from_asked_address(struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            info.ipi_spec_dst = info.ipi_addr;
            struct cmsghdr *first = CMSG_FIRSTHDR(message);
            *first = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof info),
                                      .cmsg_level = IPPROTO_IP,
                                      .cmsg_type = IP_PKTINFO};
            memcpy(CMSG_DATA(first), &info, sizeof info);
            message->msg_controllen = CMSG_SPACE(sizeof info);
            return;
        }
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof info);
            struct cmsghdr *first = CMSG_FIRSTHDR(message);
            *first = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof info),
                                      .cmsg_level = IPPROTO_IPV6,
                                      .cmsg_type = IPV6_PKTINFO};
            memcpy(CMSG_DATA(first), &info, sizeof info);
            message->msg_controllen = CMSG_SPACE(sizeof info);
            return;
        }
    }
    message->msg_controllen = 0;
}

/* Answers that cannot be sent, such as those from an address that left meanwhile, are lost: that is
 * what the client measures. */
static void serve(int fd, const char *name)
{
    for (;;) {
        char text[64], control[512];
        struct sockaddr_storage from;
        struct iovec data = {text, sizeof text - NAME_MAX_SIZE - 1};
        struct msghdr message = {.msg_name = &from,
                                 .msg_namelen = sizeof from,
                                 .msg_iov = &data,
                                 .msg_iovlen = 1,
                                 .msg_control = control,
                                 .msg_controllen = sizeof control};
        ssize_t size = recvmsg(fd, &message, 0);
        if (size < 0) {
            return;
        }
        data.iov_len = (size_t)size;
        text[data.iov_len++] = ' ';
        memcpy(text + data.iov_len, name, strlen(name));
        data.iov_len += strlen(name);
        answer_from_asked_address(&message);
        sendmsg(fd, &message, 0);
    }
}

static int run_server(const struct options *options, const char *name)
{
    struct pollfd polled[2] = {{.fd = open_socket(AF_INET, options->port), .events = POLLIN},
                               {.fd = open_socket(AF_INET6, options->port), .events = POLLIN}};
    int64_t end = clock_ns(CLOCK_MONOTONIC) + options->duration_ns;
    while (!stopped && clock_ns(CLOCK_MONOTONIC) < end) {
        poll(polled, 2, 500);
        serve(polled[0].fd, name);
        serve(polled[1].fd, name);
    }
    return 0;
}

/* --- client ----------------------------------------------------------------------------------- */

struct switch_of_host {
    int64_t at_ns;
    int from, to; /* index into hosts; from -1: the first answer of all */
};

/* A time without answers, as the client's kernel saw it. */
struct gap {
    int64_t from_ns, to_ns; /* CLOCK_REALTIME; to 0: no answer came any more */
};

struct client {
    int fd;
    struct sockaddr_storage target;
    socklen_t target_size;
    int64_t interval_ns;
    int64_t realtime_offset_ns; /* CLOCK_REALTIME minus CLOCK_MONOTONIC */

    uint64_t count;    /* sequence numbers there are */
    uint8_t *answered; /* per sequence number: times answered */
    uint64_t sent;
    uint64_t send_errors;
    uint64_t answers; /* different sequence numbers answered */
    uint64_t duplicates;
    int64_t pause_ns_max; /* between two of our own sends: how far the figures can be trusted */
    int64_t sent_at_ns;

    int host_count;
    char hosts[HOSTS_MAX][NAME_MAX_SIZE];
    uint64_t answers_of[HOSTS_MAX];
    int host; /* who answered last; -1 nobody yet */
    int64_t answer_at_ns;
    int switch_count;
    struct switch_of_host switches[SWITCHES_MAX];
    struct gap longest;
    uint64_t gap_count;
    struct gap gaps[GAPS_MAX]; /* the first ones */
};

static void client_note_gap(struct client *client, int64_t to_ns)
{
    struct gap gap = {client->answer_at_ns, to_ns};
    int64_t length = gap.to_ns - gap.from_ns;
    if (length > client->longest.to_ns - client->longest.from_ns) {
        client->longest = gap;
    }
    if (length > 2 * client->interval_ns) {
        if (client->gap_count < GAPS_MAX) {
            client->gaps[client->gap_count] = gap;
        }
        client->gap_count += 1;
    }
    client->answer_at_ns = to_ns;
}

static int client_find_host(struct client *client, const char *name)
{
    for (int i = 0; i < client->host_count; i++) {
        if (strcmp(client->hosts[i], name) == 0) {
            return i;
        }
    }
    if (client->host_count == HOSTS_MAX) {
        fprintf(stderr, "probe: more than %d hosts answer\n", HOSTS_MAX);
        exit(2);
    }
    snprintf(client->hosts[client->host_count], NAME_MAX_SIZE, "%s", name);
    return client->host_count++;
}

static void client_note_answer(struct client *client, int64_t at_ns, const char *text)
{
    uint64_t number;
    char name[NAME_MAX_SIZE];
    if (sscanf(text, "%" SCNu64 " %15s", &number, name) != 2 || number >= client->count) {
        return;
    }
    if (client->answered[number] > 0) {
        client->duplicates += 1;
        return;
    }
    client->answered[number] = 1;
    client->answers += 1;
    int host = client_find_host(client, name);
    client->answers_of[host] += 1;
    client_note_gap(client, at_ns);
    if (host != client->host) {
        if (client->switch_count < SWITCHES_MAX) {
            client->switches[client->switch_count] =
                (struct switch_of_host){at_ns, client->host, host};
        }
        client->switch_count += 1;
        client->host = host;
    }
}

/* Everything that has arrived, with the kernel's time of arrival, so that a client that is not run
 * for a while does not measure itself. */
static void client_receive(struct client *client)
{
    for (;;) {
        char text[65], control[512];
        struct iovec data = {text, sizeof text - 1};
        struct msghdr message = {.msg_iov = &data,
                                 .msg_iovlen = 1,
                                 .msg_control = control,
                                 .msg_controllen = sizeof control};
        ssize_t size = recvmsg(client->fd, &message, 0);
        if (size < 0) {
            if (errno == EAGAIN || errno == EINTR) {
                return;
            }
            continue; /* an ICMP error: nobody listens there now */
        }
        text[size] = '\0';
        int64_t at_ns = clock_ns(CLOCK_REALTIME);
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
            if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
                struct timespec stamp;
                memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
                at_ns = stamp.tv_sec * SECOND_NS + stamp.tv_nsec;
            }
        }
        client_note_answer(client, at_ns, text);
    }
}

static void client_send(struct client *client, uint64_t number)
{
    char text[24];
    int size = snprintf(text, sizeof text, "%" PRIu64, number);
    int64_t now = clock_ns(CLOCK_MONOTONIC);
    if (client->sent > 0 && now - client->sent_at_ns > client->pause_ns_max) {
        client->pause_ns_max = now - client->sent_at_ns;
    }
    client->sent_at_ns = now;
    client->sent += 1;
    if (sendto(client->fd, text, (size_t)size, 0, (struct sockaddr *)&client->target,
               client->target_size) < 0) {
        client->send_errors += 1; /* no neighbour answers, or an ICMP error arrived before */
    }
}

static void client_open(struct client *client, const struct options *options)
{
    client->fd = open_socket(options->family, 0);
    client->interval_ns = options->interval_ns;
    client->count = (uint64_t)(options->duration_ns / options->interval_ns);
    client->answered = calloc((size_t)client->count + 1, 1);
    client->host = -1;
    client->realtime_offset_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
    if (client->answered == NULL) {
        die("memory");
    }
    struct sockaddr_in *ipv4 = (struct sockaddr_in *)&client->target;
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)&client->target;
    if (options->family == AF_INET) {
        *ipv4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(options->port)};
        client->target_size = sizeof *ipv4;
    } else {
        *ipv6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(options->port)};
        client->target_size = sizeof *ipv6;
    }
    void *address = options->family == AF_INET ? (void *)&ipv4->sin_addr : (void *)&ipv6->sin6_addr;
    if (inet_pton(options->family, options->address, address) != 1) {
        fprintf(stderr, "probe: '%s' is not an address of this family\n", options->address);
        exit(2);
    }
}

/* One datagram an interval, on a raster, so that lateness does not add up; then half a second for
 * the last answers. */
static void client_loop(struct client *client)
{
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct timespec interval = {(time_t)(client->interval_ns / SECOND_NS),
                                (long)(client->interval_ns % SECOND_NS)};
    struct itimerspec raster = {.it_interval = interval, .it_value = interval};
    if (timer < 0 || timerfd_settime(timer, 0, &raster, NULL) < 0) {
        die("timer");
    }
    struct pollfd polled[2] = {{.fd = timer, .events = POLLIN},
                               {.fd = client->fd, .events = POLLIN}};
    client->answer_at_ns = clock_ns(CLOCK_REALTIME);
    for (uint64_t number = 0; number < client->count && !stopped;) {
        uint64_t ticks;
        poll(polled, 2, -1);
        client_receive(client);
        if (read(timer, &ticks, sizeof ticks) == sizeof ticks) {
            client_send(client, number);
            number += 1;
        }
    }
    polled[1].revents = 0;
    int64_t end = clock_ns(CLOCK_MONOTONIC) + SECOND_NS / 2;
    uint64_t before;
    do {
        before = client->answers;
        poll(polled + 1, 1, 100);
        client_receive(client);
    } while (client->answers < client->sent && client->answers > before &&
             clock_ns(CLOCK_MONOTONIC) < end);
    int64_t last_sent = client->sent_at_ns + client->realtime_offset_ns;
    if (last_sent - client->answer_at_ns > 2 * client->interval_ns) {
        client_note_gap(client, last_sent);
    }
    close(timer);
}

static double seconds(int64_t ns)
{
    return (double)ns / (double)SECOND_NS;
}

static double milliseconds(int64_t ns)
{
    return (double)ns / 1e6;
}

/* One line a fact, the name first. */
static void client_print_text(const struct client *client)
{
    const struct gap *gap = &client->longest;
    printf("sent %" PRIu64 "\nanswered %" PRIu64 "\nduplicates %" PRIu64 "\nsend_errors %" PRIu64
           "\npause_ms_max %.3f\n",
           client->sent, client->answers, client->duplicates, client->send_errors,
           milliseconds(client->pause_ns_max));
    printf("gap_ms_max %.3f\ngap_began %.6f\ngap_ended %.6f\n",
           milliseconds(gap->to_ns - gap->from_ns), seconds(gap->from_ns), seconds(gap->to_ns));
    printf("gap_began_monotonic %.6f\ngap_ended_monotonic %.6f\n",
           seconds(gap->from_ns - client->realtime_offset_ns),
           seconds(gap->to_ns - client->realtime_offset_ns));
    for (int i = 0; i < client->host_count; i++) {
        printf("answers_of %s %" PRIu64 "\n", client->hosts[i], client->answers_of[i]);
    }
    printf("last_host %s\n", client->host < 0 ? "-" : client->hosts[client->host]);
    printf("switches %d\n", client->switch_count);
    for (int i = 0; i < client->switch_count && i < SWITCHES_MAX; i++) {
        const struct switch_of_host *s = &client->switches[i];
        printf("switch %.6f %s %s\n", seconds(s->at_ns), s->from < 0 ? "-" : client->hosts[s->from],
               client->hosts[s->to]);
    }
    printf("gaps %" PRIu64 "\n", client->gap_count);
    for (uint64_t i = 0; i < client->gap_count && i < GAPS_MAX; i++) {
        const struct gap *g = &client->gaps[i];
        printf("gap %.6f %.3f\n", seconds(g->from_ns), milliseconds(g->to_ns - g->from_ns));
    }
}

static void client_print_json(const struct client *client)
{
    const struct gap *gap = &client->longest;
    printf("{\"sent\": %" PRIu64 ", \"answered\": %" PRIu64 ", \"duplicates\": %" PRIu64
           ", \"send_errors\": %" PRIu64 ", \"pause_ms_max\": %.3f, ",
           client->sent, client->answers, client->duplicates, client->send_errors,
           milliseconds(client->pause_ns_max));
    printf("\"gap_ms_max\": %.3f, \"gap_began\": %.6f, \"gap_ended\": %.6f, ",
           milliseconds(gap->to_ns - gap->from_ns), seconds(gap->from_ns), seconds(gap->to_ns));
    printf("\"gap_began_monotonic\": %.6f, \"gap_ended_monotonic\": %.6f, \"answers_of\": {",
           seconds(gap->from_ns - client->realtime_offset_ns),
           seconds(gap->to_ns - client->realtime_offset_ns));
    for (int i = 0; i < client->host_count; i++) {
        printf("%s\"%s\": %" PRIu64, i > 0 ? ", " : "", client->hosts[i], client->answers_of[i]);
    }
    printf("}, \"switches\": [");
    for (int i = 0; i < client->switch_count && i < SWITCHES_MAX; i++) {
        const struct switch_of_host *s = &client->switches[i];
        printf("%s{\"at\": %.6f, \"from\": \"%s\", \"to\": \"%s\"}", i > 0 ? ", " : "",
               seconds(s->at_ns), s->from < 0 ? "" : client->hosts[s->from], client->hosts[s->to]);
    }
    printf("], \"gaps\": [");
    for (uint64_t i = 0; i < client->gap_count && i < GAPS_MAX; i++) {
        const struct gap *g = &client->gaps[i];
        printf("%s{\"began\": %.6f, \"ms\": %.3f}", i > 0 ? ", " : "", seconds(g->from_ns),
               milliseconds(g->to_ns - g->from_ns));
    }
    printf("]}\n");
}

static int run_client(const struct options *options)
{
    static struct client client;
    client_open(&client, options);
    client_loop(&client);
    if (options->json) {
        client_print_json(&client);
    } else {
        client_print_text(&client);
    }
    free(client.answered);
    return client.answers > 0 ? 0 : 1;
}

/* --- watch ------------------------------------------------------------------------------------ */

/* The addresses this host has, to tell a new one from the renewal of an old one's lifetime. */
struct held {
    int count;
    char at[HELD_MAX][INET6_ADDRSTRLEN];
};

static void held_change(struct held *held, const char *name, const char *address, bool gone)
{
    int i = 0;
    while (i < held->count && strcmp(held->at[i], address) != 0) {
        i++;
    }
    bool known = i < held->count;
    if (known == !gone || (!known && held->count == HELD_MAX)) {
        return;
    }
    if (gone) {
        held->count -= 1;
        memmove(held->at[i], held->at[held->count], sizeof held->at[i]);
    } else {
        snprintf(held->at[i], sizeof held->at[i], "%s", address);
        held->count += 1;
    }
    printf("%.6f %s %s %s\n", seconds(clock_ns(CLOCK_REALTIME)), name, gone ? "lost" : "got",
           address);
}

static void watch_message(struct held *held, const char *name, struct nlmsghdr *header)
{
    if (header->nlmsg_type != RTM_NEWADDR && header->nlmsg_type != RTM_DELADDR) {
        return;
    }
    struct ifaddrmsg *message = NLMSG_DATA(header);
    unsigned left = (unsigned)IFA_PAYLOAD(header);
    struct rtattr *local = NULL, *address = NULL;
    for (struct rtattr *a = IFA_RTA(message); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        if (a->rta_type == IFA_LOCAL) {
            local = a;
        } else if (a->rta_type == IFA_ADDRESS) {
            address = a;
        }
    }
    struct rtattr *own = local != NULL ? local : address;
    char text[INET6_ADDRSTRLEN];
    if (own != NULL && inet_ntop(message->ifa_family, RTA_DATA(own), text, sizeof text) != NULL) {
        held_change(held, name, text, header->nlmsg_type == RTM_DELADDR);
    }
}

static int run_watch(const struct options *options, const char *name)
{
    static struct held held;
    static char buffer[65536] __attribute__((aligned(NLMSG_ALIGNTO)));
    int room = 4 << 20;
    struct sockaddr_nl group = {.nl_family = AF_NETLINK,
                                .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0 || bind(fd, (struct sockaddr *)&group, sizeof group) < 0) {
        die("netlink");
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("%.6f %s watching -\n", seconds(clock_ns(CLOCK_REALTIME)), name);
    int64_t end = clock_ns(CLOCK_MONOTONIC) + options->duration_ns;
    while (!stopped && clock_ns(CLOCK_MONOTONIC) < end) {
        struct pollfd polled = {.fd = fd, .events = POLLIN};
        if (poll(&polled, 1, 500) <= 0) {
            continue;
        }
        ssize_t size = recv(fd, buffer, sizeof buffer, 0);
        if (size < 0 && errno == ENOBUFS) {
            printf("%.6f %s overrun -\n", seconds(clock_ns(CLOCK_REALTIME)), name);
        }
        unsigned left = size > 0 ? (unsigned)size : 0;
        for (struct nlmsghdr *h = (struct nlmsghdr *)buffer; NLMSG_OK(h, left);
             h = NLMSG_NEXT(h, left)) {
            watch_message(&held, name, h);
        }
    }
    close(fd);
    return 0;
}

/* --- arguments -------------------------------------------------------------------------------- */

static int usage(void)
{
    fprintf(stderr,
            "usage: probe client -4 ADDRESS | -6 ADDRESS [--interval-ms N] [--seconds N] [--port N]"
            " [--json]\n"
            "       probe server NAME [--seconds N] [--port N]\n"
            "       probe watch NAME [--seconds N]\n");
    return 2;
}

static int64_t number(const char *text, int64_t max)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || *text == '\0' || *end != '\0' || value < 1 || value > max) {
        fprintf(stderr, "probe: '%s' is not a number from 1 to %" PRId64 "\n", text, max);
        exit(2);
    }
    return value;
}

int main(int argc, char **argv)
{
    static const struct option names[] = {
        {"interval-ms", required_argument, NULL, 'i'},
        {"seconds", required_argument, NULL, 's'},
        {"port", required_argument, NULL, 'p'},
        {"json", no_argument, NULL, 'j'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {.interval_ns = 1000000, .duration_ns = 120 * SECOND_NS, .port = 7112};
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    for (int option; (option = getopt_long(argc, argv, "4:6:", names, NULL)) != -1;) {
        switch (option) {
        case '4':
        case '6':
            options.family = option == '4' ? AF_INET : AF_INET6;
            options.address = optarg;
            break;
        case 'i':
            options.interval_ns = number(optarg, 60000) * 1000000;
            break;
        case 's':
            options.duration_ns = number(optarg, 3600) * SECOND_NS;
            break;
        case 'p':
            options.port = (uint16_t)number(optarg, 65535);
            break;
        case 'j':
            options.json = true;
            break;
        default:
            return usage();
        }
    }
    const char *mode = optind < argc ? argv[optind] : "";
    const char *name = optind + 1 < argc ? argv[optind + 1] : NULL;
    if (strcmp(mode, "client") == 0 && options.address != NULL && name == NULL) {
        return run_client(&options);
    }
    if (name == NULL || strlen(name) >= NAME_MAX_SIZE || optind + 2 != argc) {
        return usage();
    }
    if (strcmp(mode, "server") == 0) {
        return run_server(&options, name);
    }
    return strcmp(mode, "watch") == 0 ? run_watch(&options, name) : usage();
}
