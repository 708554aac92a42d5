#include "sim/tshark_lab.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/testkit/testkit.h"

static FILE *open_scratch(char path[32])
{
    snprintf(path, 32, "/tmp/carp-sim-XXXXXX");
    int fd = mkstemp(path);
    assert(fd >= 0);
    FILE *file = fdopen(fd, "w+");
    assert(file != NULL);
    return file;
}

bool tshark_lab_make(struct tshark_lab *lab)
{
    if (system("command -v tshark >/dev/null") != 0) {
        tk_skip("tshark is not installed");
        return false;
    }
    lab->file = open_scratch(lab->path);
    return true;
}

void tshark_lab_remove(struct tshark_lab *lab)
{
    fclose(lab->file);
    unlink(lab->path);
}

static void expect_no_complaint(FILE *complaints)
{
    char line[256];
    while (fgets(line, sizeof line, complaints) != NULL) {
        if (strncmp(line, "Running as user \"root\"", 22) != 0) {
            tk_fail(__FILE__, __LINE__, "tshark complains: %s", line);
        }
    }
}

const char *tshark_lab_read(struct tshark_lab *lab, enum tshark_protocol protocol,
                            const char *arguments)
{
    static char got[1 << 16];
    char command[1024], path[32];
    FILE *complaints = open_scratch(path);
    EXPECT_INT(0, fflush(lab->file));
    int used = snprintf(command, sizeof command,
                        "LC_ALL=C.UTF-8 HOME=/nonexistent WIRESHARK_CONFIG_DIR=/nonexistent "
                        "tshark -n -o ip.check_checksum:TRUE -o udp.check_checksum:TRUE "
                        "-d ip.proto==112,%s -r %s %s 2>%s",
                        protocol == TSHARK_CARP ? "carp" : "vrrp", lab->path, arguments, path);
    assert(used > 0 && (size_t)used < sizeof command);
    FILE *pipe = popen(command, "r");
    assert(pipe != NULL);
    got[fread(got, 1, sizeof got - 1, pipe)] = '\0';
    EXPECT_INT(0, pclose(pipe));
    expect_no_complaint(complaints);
    fclose(complaints);
    unlink(path);
    return got;
}

void tshark_lab_expect_clean(struct tshark_lab *lab, enum tshark_protocol protocol,
                             const char *excused)
{
    char arguments[512];
    snprintf(arguments, sizeof arguments,
             "-Y '(_ws.expert || _ws.malformed || data) && !(%s)' -T fields -e frame.number "
             "-e _ws.col.Info -e _ws.expert.message",
             excused != NULL ? excused : "frame.len == 0");
    EXPECT_STR("", tshark_lab_read(lab, protocol, arguments));
}
