#include "io/live/log.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum { TEXT_MAX = 1000, LINES_ALLOWED = 3, CHANGES_ALLOWED = 20 };

#define LIMIT_PERIOD CARP_SECONDS(10)

/* Where lines go: set once at start, before there are two processes. */
static struct {
    bool to_syslog;
    bool debug;
} out;

void log_open(bool to_syslog, int facility, bool debug)
{
    out.to_syslog = to_syslog;
    out.debug = debug;
    signal(SIGPIPE, SIG_IGN); /* whoever read stderr may go away before we do */
    if (to_syslog) {
        openlog("carpd", LOG_PID | LOG_NDELAY, facility);
    }
}

/* Local wall time with microseconds, as UCARP writes it. */
static void write_stderr(const char *level, const char *text)
{
    struct timespec now = {0}; /* as a time_t of 32 bits cannot be told in 2038 */
    struct tm local;
    char stamp[32], line[TEXT_MAX + 64];
    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &local);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &local);
    int size =
        snprintf(line, sizeof line, "%s.%06ld: [%s] %s\n", stamp, now.tv_nsec / 1000, level, text);
    if (write(STDERR_FILENO, line, (size_t)size) < 0) {
        return; /* nobody to tell */
    }
}

void log_line(enum log_level level, const char *format, ...)
{
    static const struct {
        const char *name;
        int priority;
    } levels[] = {
        [LOG_LEVEL_DEBUG] = {"DEBUG", LOG_DEBUG},    [LOG_LEVEL_INFO] = {"INFO", LOG_INFO},
        [LOG_LEVEL_NOTICE] = {"NOTICE", LOG_NOTICE}, [LOG_LEVEL_WARNING] = {"WARNING", LOG_WARNING},
        [LOG_LEVEL_ERROR] = {"ERROR", LOG_ERR},
    };
    char text[TEXT_MAX];
    va_list arguments;
    if (level == LOG_LEVEL_DEBUG && !out.debug) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (out.to_syslog) {
        syslog(levels[level].priority, "[%s] %s", levels[level].name, text);
    } else {
        write_stderr(levels[level].name, text);
    }
}

static bool allow(struct log_limit *limit, carp_instant now, unsigned lines)
{
    if (limit->lines == 0 || instant_since(now, limit->from).ns >= LIMIT_PERIOD.ns) {
        if (limit->suppressed > 0) {
            log_line(LOG_LEVEL_NOTICE, "%u more lines like the next one were left out",
                     limit->suppressed);
        }
        *limit = (struct log_limit){.from = now};
    }
    if (limit->lines == lines) {
        limit->suppressed += 1;
        return false;
    }
    limit->lines += 1;
    return true;
}

bool log_allow(struct log_limit *limit, carp_instant now)
{
    return allow(limit, now, LINES_ALLOWED);
}

bool log_allow_change(struct log_limit *limit, carp_instant now)
{
    return allow(limit, now, CHANGES_ALLOWED);
}
