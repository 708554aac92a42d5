/*
 * confine.h by accounts, and on OpenBSD by pledge(2) and unveil(2) besides. The promises were
 * compared with sys/kern/kern_pledge.c.
 *
 * Capsicum is for the delegate alone (FreeBSD). In capability mode the worker could neither look at
 * interfaces nor at their flags: of the table of interfaces sysctl() reads nothing then.
 */
#include "io/live/confine.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>
#if __has_include(<sys/procctl.h>) /* FreeBSD */
#include <sys/procctl.h>
#endif
#if __has_include(<sys/capsicum.h>) /* FreeBSD */
#include <net/if.h>
#include <netinet/in.h>
#include <netinet6/in6_var.h>
#include <sys/capsicum.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#endif

#include "io/live/bsd/delegate.h"
#include "io/live/command.h"
#include "io/live/log.h"

int confine_check_rights(char error[CONFIG_ERROR_MAX])
{
    return geteuid() == 0
               ? 0
               : config_refuse(error, "raw frames and addresses are root's here: run this as root");
}

/* --- parts ----------------------------------------------------------------------------------- */

/* Keys are in this memory: it is for no core dump. For others it is not either: whoever has changed
 * its account is not to be traced by that account's other processes (issetugid(2)), and FreeBSD
 * says so for root's as well. Commands may allow themselves core dumps again. */
static int close_memory(char *error)
{
    struct rlimit limit;
    int failed = getrlimit(RLIMIT_CORE, &limit);
    limit.rlim_cur = 0;
    failed = failed != 0 ? failed : setrlimit(RLIMIT_CORE, &limit);
#ifdef PROC_TRACE_CTL
    int no = PROC_TRACE_CTL_DISABLE; /* until it executes a program */
    if (failed == 0 && procctl(P_PID, getpid(), PROC_TRACE_CTL, &no) != 0 && errno != EBUSY) {
        failed = -1; /* EBUSY: root traces it already */
    }
#endif
    return failed == 0 ? 0
                       : config_refuse(error, "cannot keep memory private: %s", strerror(errno));
}

static int forgo_new_privileges(char *error)
{
#ifdef PROC_NO_NEW_PRIVS_CTL
    int yes = PROC_NO_NEW_PRIVS_ENABLE;
    if (procctl(P_PID, getpid(), PROC_NO_NEW_PRIVS_CTL, &yes) != 0) {
        return config_refuse(error, "cannot forgo new privileges: %s", strerror(errno));
    }
#endif
    (void)error;
    return 0;
}

static int promise(const char *promises, char *error)
{
#ifdef __OpenBSD__
    if (pledge(promises, NULL) != 0) {
        return config_refuse(error, "cannot promise %s: %s", promises, strerror(errno));
    }
#endif
    (void)promises, (void)error;
    return 0;
}

/* All files but those beside the journal. */
static int hide_files(const char *journal, char *error)
{
#ifdef __OpenBSD__
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", journal == NULL ? "" : journal);
    if (unveil("/", "") != 0 || (journal != NULL && unveil(dirname(copy), "rwc") != 0) ||
        unveil(NULL, NULL) != 0) {
        return config_refuse(error, "cannot hide files: %s", strerror(errno));
    }
#endif
    (void)journal, (void)error;
    return 0;
}

/* --- the worker ------------------------------------------------------------------------------ */

static void tell(const struct config *config, const struct confine_user *user)
{
#ifdef __OpenBSD__
    const char *filter = config->confine ? "what it may do is pledged, and files are unveiled"
                                         : "no pledge, as configured";
#else
    const char *filter = "this system has no filter for it";
    (void)config;
#endif
    log_line(LOG_LEVEL_INFO, "the worker runs as %s%suid %u; %s", user->name,
             user->name[0] == '\0' ? "" : ", ", (unsigned)user->uid, filter);
}

/*
 * Promises: `bpf` is pcap_stats(), for all else that is done to an open BPF is reading and writing;
 * `route` the flags of IPv6 addresses (SIOCGIFAFLAG_IN6, SIOCGIFALIFETIME_IN6) and, as `inet`, the
 * table of interfaces. `inet` and `mcast` are new sockets and their memberships, and `rpath` and
 * `wpath` what libpcap tries to open, when an interface is to be opened again: with all files
 * hidden that fails, where without them it would be the end of the process. `cpath` with both is
 * the journal's. Threads, kqueue(2) and the log (sendsyslog(2)) are in `stdio`.
 */
int confine_worker(const struct config *config, const struct confine_user *user,
                   char error[CONFIG_ERROR_MAX])
{
    struct confine_user only_first = *user;
    only_first.group_count = 1;
    only_first.groups[0] = user->gid;
    int failed = confine_become(&only_first);
    if (failed != 0) {
        return config_refuse(error, "cannot become user %s: %s", user->name, strerror(-failed));
    }
    if (close_memory(error) != 0 || forgo_new_privileges(error) != 0) {
        return -1;
    }
    if (config->confine &&
        (hide_files(config->journal, error) != 0 ||
         promise(config->journal == NULL ? "stdio rpath wpath bpf inet mcast route"
                                         : "stdio rpath wpath cpath bpf inet mcast route",
                 error) != 0)) {
        return -1;
    }
    tell(config, user);
    return 0;
}

/* --- the others ------------------------------------------------------------------------------ */

/*
 * It stays root, for it removes addresses.
 *
 * Promises: `wroute` is SIOCDIFADDR and SIOCDIFADDR_IN6, `route` the table of interfaces, `proc` a
 * signal to the worker. For commands `proc` is fork() and setpgid() besides, `exec` and `id` what
 * they say, and `rpath` the look at each step to the file. What a command may do is not limited.
 */
int confine_guardian(const struct config *config, const struct confine_users *users, pid_t worker,
                     char error[CONFIG_ERROR_MAX])
{
    bool commands = command_is_used_anywhere(config);
    (void)users, (void)worker;
    if (close_memory(error) != 0 || (!commands && forgo_new_privileges(error) != 0)) {
        return -1;
    }
    return config->confine ? promise(commands ? "stdio route wroute proc rpath exec id"
                                              : "stdio route wroute proc",
                                     error)
                           : 0;
}

int confine_runner(const struct confine_user *user, char error[CONFIG_ERROR_MAX])
{
    int failed = confine_become(user);
    return failed == 0
               ? close_memory(error)
               : config_refuse(error, "cannot become user %s: %s", user->name, strerror(-failed));
}

/* --- the delegate ---------------------------------------------------------------------------- */

/*
 * FreeBSD: capability mode takes away all names of files, of other processes and of addresses to
 * connect to, and leaves ioctl() to those who have CAP_IOCTL; what SIOCAIFADDR asks for then is
 * root's rights alone (PRIV_NET_ADDIFADDR: sys/netinet/in.c, in_control()).
 * OpenBSD: `wroute`, as for the guardian; if_nametoindex() is in `stdio`.
 */
int delegate_confine(int wire, const struct change_sockets *sockets, char error[CONFIG_ERROR_MAX])
{
    if (close_memory(error) != 0 || forgo_new_privileges(error) != 0) {
        return -1;
    }
#if __has_include(<sys/capsicum.h>)
    const unsigned long requests[] = {SIOCAIFADDR,     SIOCDIFADDR,      SIOCAIFADDR_IN6,
                                      SIOCDIFADDR_IN6, SIOCGIFAFLAG_IN6, SIOCGIFINDEX};
    cap_rights_t messages, ioctls;
    cap_rights_init(&messages, CAP_SEND, CAP_RECV, CAP_EVENT);
    cap_rights_init(&ioctls, CAP_IOCTL);
    int failed = cap_rights_limit(wire, &messages);
    for (int i = 0; i < 2; i++) {
        if (failed == 0 && sockets->of[i] >= 0) {
            failed = cap_rights_limit(sockets->of[i], &ioctls) != 0 ||
                     cap_ioctls_limit(sockets->of[i], requests,
                                      sizeof requests / sizeof requests[0]) != 0;
        }
    }
    if (failed != 0 || cap_enter() != 0) {
        return config_refuse(error, "cannot enter capability mode: %s", strerror(errno));
    }
#endif
    (void)wire, (void)sockets;
    return promise("stdio wroute", error);
}
