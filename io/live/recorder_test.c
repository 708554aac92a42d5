/*
 * Goal: a recorder that neither waits nor loses without saying so. A host of paper makes adverts;
 * libpcap, which knows nothing of our code, counts those in the files. Its counters, which follow
 * one another, show what is missing. A disk that hangs is a pool whose threads are all held up.
 */
#include "io/live/recorder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "io/live/clock.h"
#include "io/live/log_test.h"
#include "tools/testkit/testkit.h"

enum { ROOM = 160, GROUPS_MAX = 255, POOL = 4 /* libuv's, by default */, WAIT_MS = 20000 };

struct bench {
    char folder[ROOM - 48], path[ROOM];
    uv_loop_t loop;
    struct recorder *recorder;
    struct carp_config config;
    struct host host;
    struct host_plan plans[GROUPS_MAX];
    struct host_book books[GROUPS_MAX];
    struct host_group groups[GROUPS_MAX];
    struct host_interface interface;
    const char *names[GROUPS_MAX];
    unsigned adverts; /* that the host has sent */
    carp_instant now;

    uv_work_t holds[POOL];
    uv_sem_t released, held;
};

/* --- a host --------------------------------------------------------------------------------------
 */

static int paper_send(void *self, unsigned group, const uint8_t *frame, size_t size)
{
    struct bench *b = self;
    b->adverts += size == FRAME_MAX || frame[12] != 8 || frame[13] != 6;
    recorder_sent(b->recorder, group, frame, size, 0);
    return 0;
}

static int paper_claim(void *self, unsigned group, const struct port_guard *guard)
{
    (void)self, (void)group, (void)guard;
    return 0;
}

static int paper_release(void *self, unsigned group)
{
    (void)self, (void)group;
    return 0;
}

static void paper_wake_at(void *self, carp_instant deadline)
{
    (void)self, (void)deadline;
}

static void paper_stepped(void *self, unsigned group, carp_instant now,
                          const struct carp_event *event, const struct carp_outcome *out)
{
    struct bench *b = self;
    recorder_stepped(b->recorder, group, now, event, out);
}

static void paper_stranger(void *self, unsigned interface, enum carp_verdict verdict,
                           const struct carp_packet *packet)
{
    (void)self, (void)interface, (void)verdict, (void)packet;
}

static void paper_digest(void *self, unsigned key, enum auth_form form, uint64_t counter,
                         uint8_t digest[WIRE_DIGEST_SIZE])
{
    (void)self, (void)key, (void)form, (void)counter;
    memset(digest, 0, WIRE_DIGEST_SIZE);
}

static void set_host(struct bench *b, unsigned group_count)
{
    static const struct port functions = {
        .send = paper_send,
        .claim = paper_claim,
        .release = paper_release,
        .wake_at = paper_wake_at,
        .stepped = paper_stepped,
        .stranger = paper_stranger,
    };
    struct port port = functions;
    port.self = b;
    for (unsigned i = 0; i < group_count; i++) {
        b->groups[i] = (struct host_group){.plan = &b->plans[i], .book = &b->books[i]};
        b->plans[i].crypto = (struct carp_crypto){b, paper_digest, NULL};
        b->names[i] = "web";
    }
    host_init(&b->host, &port, b->groups, group_count, 1, &b->interface, 1, 1, 1);
}

/* An interval later: the group sends an advert, as a wake-up of the worker. */
static void pass_interval(struct bench *b)
{
    b->now = instant_add(b->now, CARP_SECONDS(1));
    recorder_woke(b->recorder, b->now);
    host_due(&b->host, b->now);
    recorder_rests(b->recorder);
}

/* Until no thread works: nobody reads a file that is being written. */
static void let_write(struct bench *b)
{
    while (b->loop.active_reqs.count > 0) {
        uv_run(&b->loop, UV_RUN_ONCE);
    }
}

/* The same, on a disk that is never behind. */
static void pass_interval_and_write(struct bench *b)
{
    pass_interval(b);
    let_write(b);
}

static const struct carp_self self = {
    .mac = {2, 0, 0, 0, 0, 1}, .has_ipv4 = true, .ipv4 = {10, 0, 0, 1}};

/* A group that is master: its first advert is sent. */
static void become_master(struct bench *b)
{
    host_group_link(&b->host, b->now, 0, &self);
    b->now = instant_add(b->now, CARP_SECONDS(3));
    recorder_woke(b->recorder, b->now);
    host_due(&b->host, b->now);
    recorder_rests(b->recorder);
    EXPECT_INT(CARP_MASTER, carp_state(&b->groups[0].carp));
}

/* --- the bench -----------------------------------------------------------------------------------
 */

/* Begin a run with a journal of this size. */
static int start(struct bench *b, unsigned mib, char error[CONFIG_ERROR_MAX])
{
    static const char *const interfaces[] = {"eth0"};
    const struct recorder_setup setup = {
        .path = b->path,
        .mib = mib,
        .host = &b->host,
        .interfaces = interfaces,
        .groups = b->names,
        .application = "test",
    };
    b->recorder = NULL;
    set_host(b, b->host.group_count);
    int status = recorder_open(&b->recorder, &b->loop, &setup, error);
    b->now = clock_now();
    return status;
}

static void begin_run(struct bench *b, unsigned mib)
{
    char error[CONFIG_ERROR_MAX] = "";
    EXPECT_INT(0, start(b, mib, error));
    EXPECT_STR("", error);
}

static void end_run(struct bench *b)
{
    EXPECT_TRUE(recorder_finish(b->recorder, WAIT_MS));
    uv_run(&b->loop, UV_RUN_DEFAULT);
    recorder_free(b->recorder);
    b->recorder = NULL;
}

static void set_bench(struct bench *b, unsigned group_count)
{
    const char *temporary = getenv("TMPDIR");
    memset(b, 0, sizeof *b);
    snprintf(b->folder, sizeof b->folder, "%s/recorder_test.XXXXXX",
             temporary == NULL ? "/tmp" : temporary);
    if (mkdtemp(b->folder) == NULL) {
        tk_fail(__FILE__, __LINE__, "cannot make %s", b->folder);
    }
    snprintf(b->path, sizeof b->path, "%s/j", b->folder);
    b->config = (struct carp_config){.advbase = 1,
                                     .dead_ratio = 3,
                                     .ipv4_group = {224, 0, 0, 18},
                                     .key_count = 1,
                                     .ipv4_count = 1,
                                     .ipv4 = {{10, 0, 0, 100}}};
    EXPECT_INT(0, uv_loop_init(&b->loop));
    b->host.group_count = group_count;
    for (unsigned i = 0; i < group_count; i++) {
        static struct carp_config configs[GROUPS_MAX];
        configs[i] = b->config;
        configs[i].vhid = (uint8_t)(i + 1);
        b->plans[i].config = &configs[i];
    }
    log_capture();
}

/* Nothing is left on the loop; and in the log is just what is wanted. */
static void clear_bench(struct bench *b, const char *log)
{
    EXPECT_STR(log, log_captured());
    EXPECT_INT(0, uv_loop_close(&b->loop));
    DIR *folder = opendir(b->folder);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        unlinkat(dirfd(folder), entry->d_name, 0);
    }
    if (folder != NULL) {
        closedir(folder);
    }
    EXPECT_INT(0, rmdir(b->folder));
}

static void hold(uv_work_t *work)
{
    struct bench *b = work->data;
    uv_sem_post(&b->held);
    uv_sem_wait(&b->released);
}

/* No thread is left to write anything. */
static void hang_disk(struct bench *b)
{
    uv_sem_init(&b->held, 0);
    uv_sem_init(&b->released, 0);
    for (int i = 0; i < POOL; i++) {
        b->holds[i].data = b;
        uv_queue_work(&b->loop, &b->holds[i], hold, NULL);
    }
    for (int i = 0; i < POOL; i++) {
        uv_sem_wait(&b->held);
    }
}

static void release_disk(struct bench *b)
{
    for (int i = 0; i < POOL; i++) {
        uv_sem_post(&b->released);
    }
}

/* --- what is in the files ------------------------------------------------------------------------
 */

struct account {
    bool there;
    long size;
    unsigned sections;
    unsigned steps;
    unsigned adverts;     /* by libpcap */
    uint64_t first, last; /* their counters */
    bool gapless;
};

static uint64_t counter_of(const uint8_t *frame)
{
    uint64_t counter = 0;
    for (int i = 0; i < 8; i++) { /* Ethernet 14, IPv4 20, and 8 of the advert before it */
        counter = counter << 8 | frame[42 + i];
    }
    return counter;
}

static uint32_t little_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 | bytes[0];
}

/* Blocks end where the file does, and each says its length twice. Source:
 * draft-ietf-opsawg-pcapng, "General Block Structure"; docs/JOURNAL.md, "Blocks". */
static void count_blocks(struct account *a, FILE *file)
{
    uint8_t head[20], again[4]; /* type and size; number, CARJ and kind of a block of ours */
    rewind(file);
    while (fread(head, sizeof head, 1, file) == 1) {
        uint32_t type = little_endian(head), size = little_endian(head + 4);
        a->sections += type == 0x0a0d0d0a;
        a->steps += type == 0x40000bad && head[16] == 4 && head[17] == 0;
        if (fseek(file, (long)(size - sizeof head - sizeof again), SEEK_CUR) != 0 ||
            fread(again, sizeof again, 1, file) != 1 || little_endian(again) != size) {
            tk_fail(__FILE__, __LINE__, "no whole block ends at byte %ld", ftell(file));
            return;
        }
    }
    EXPECT_INT(a->size, ftell(file));
}

static struct account account_of(const struct bench *b, const char *suffix)
{
    struct account a = {.gapless = true};
    char name[ROOM + 8], error[PCAP_ERRBUF_SIZE];
    snprintf(name, sizeof name, "%s%s", b->path, suffix);
    FILE *file = fopen(name, "r");
    if (file == NULL) {
        return a;
    }
    a.there = true;
    fseek(file, 0, SEEK_END);
    a.size = ftell(file);
    count_blocks(&a, file);
    rewind(file);
    pcap_t *pcap = pcap_fopen_offline(file, error);
    if (pcap == NULL) {
        tk_fail(__FILE__, __LINE__, "%s: %s", name, error);
        fclose(file);
        return a;
    }
    struct pcap_pkthdr *header;
    const u_char *frame;
    int got;
    while ((got = pcap_next_ex(pcap, &header, &frame)) == 1) {
        if (frame[12] != 8 || frame[13] != 0) {
            continue; /* ARP */
        }
        uint64_t counter = counter_of(frame);
        a.gapless &= a.adverts == 0 || counter == a.last + 1;
        a.first = a.adverts == 0 ? counter : a.first;
        a.last = counter;
        a.adverts += 1;
    }
    EXPECT_INT(PCAP_ERROR_BREAK, got); /* the end, and no error */
    pcap_close(pcap);
    return a;
}

/* --- tests ---------------------------------------------------------------------------------------
 */

TEST_CASE(recorder, writes_every_advert_and_all_of_it_at_the_end)
{
    static struct bench b;
    set_bench(&b, 1);
    begin_run(&b, 64);
    become_master(&b);
    for (int i = 0; i < 100; i++) {
        pass_interval(&b);
    }
    end_run(&b);
    struct account a = account_of(&b, "");
    EXPECT_INT(101, b.adverts);
    EXPECT_INT(101, a.adverts);
    EXPECT_INT(1, a.sections);
    EXPECT_INT(102, a.steps);
    EXPECT_TRUE(a.gapless && !account_of(&b, ".1").there);
    clear_bench(&b, "");
}

/* A change of state is handed over when the wake-up ends; other blocks when they are old. Either
 * without anything else happening. */
TEST_CASE(recorder, writes_without_being_asked_again)
{
    static struct bench b;
    set_bench(&b, 1);
    begin_run(&b, 64);
    let_write(&b);
    become_master(&b);
    let_write(&b);
    EXPECT_INT(1, account_of(&b, "").adverts);
    pass_interval_and_write(&b);
    EXPECT_INT(1, account_of(&b, "").adverts);
    uv_run(&b.loop, UV_RUN_DEFAULT); /* the timer, and what it begins */
    EXPECT_INT(2, account_of(&b, "").adverts);
    end_run(&b);
    clear_bench(&b, "");
}

TEST_CASE(recorder, keeps_the_files_of_runs_before)
{
    static const char *const suffixes[] = {"", ".1", ".2", ".3"};
    static struct bench b;
    set_bench(&b, 1);
    for (unsigned run = 0; run < 6; run++) {
        begin_run(&b, 64);
        become_master(&b);
        for (unsigned i = 0; i < run; i++) {
            pass_interval(&b);
        }
        end_run(&b);
    }
    for (unsigned i = 0; i < 4; i++) {
        tk_row(suffixes[i]);
        EXPECT_INT(6 - i, account_of(&b, suffixes[i]).adverts);
    }
    EXPECT_TRUE(!account_of(&b, ".4").there);
    clear_bench(&b, "");
}

/* What the ring holds is whole: no advert is missing from the oldest one in it to the last. */
TEST_CASE(recorder, stays_within_its_bound_and_loses_nothing_in_it)
{
    static const char *const suffixes[] = {".3", ".2", ".1", ""};
    static struct bench b;
    set_bench(&b, 1);
    begin_run(&b, 1);
    become_master(&b);
    for (int i = 0; i < 20000; i++) { /* some 150 bytes each: three times the bound */
        pass_interval_and_write(&b);
    }
    end_run(&b);
    uint64_t last = 0;
    for (int i = 0; i < 4; i++) {
        tk_row(suffixes[i]);
        struct account a = account_of(&b, suffixes[i]);
        EXPECT_TRUE(a.there && a.gapless && a.adverts > 0);
        EXPECT_INT(1, a.sections);
        EXPECT_TRUE(a.size <= 1 << 18);
        EXPECT_TRUE(i == 3 || a.size > 1 << 16); /* a quarter of its quarter, at least, is used */
        EXPECT_TRUE(i == 0 || a.first == last + 1);
        last = a.last;
    }
    EXPECT_U64(b.groups[0].carp.counter, last);
    EXPECT_TRUE(!account_of(&b, ".4").there);
    clear_bench(&b, "");
}

/* Both buffers take what comes, then blocks are left out, whole steps; and when the disk answers
 * again a new section has what follows. However much of a buffer a beginning takes. */
TEST_CASE(recorder, goes_on_behind_a_gap_when_the_disk_has_hung)
{
    static const struct {
        const char *why;
        unsigned groups, mib;
    } rows[] = {
        {"one group", 1, 1},
        {"as many as the size is right for", GROUPS_MAX, 2},
    };
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        static struct bench b;
        char log[ROOM + 128];
        tk_row(rows[row].why);
        set_bench(&b, rows[row].groups);
        begin_run(&b, rows[row].mib);
        let_write(&b);
        become_master(&b);
        hang_disk(&b);
        for (int i = 0; i < 5000; i++) {
            pass_interval(&b);
        }
        uint64_t while_hung = b.groups[0].carp.counter;
        release_disk(&b);
        for (int i = 0; i < 10; i++) {
            let_write(&b);
            pass_interval(&b);
        }
        end_run(&b);
        struct account a = account_of(&b, "");
        EXPECT_INT(2, a.sections);
        EXPECT_TRUE(!a.gapless);
        EXPECT_INT(1 + a.adverts, a.steps); /* LINK_UP; of the others none is without its advert */
        EXPECT_TRUE(a.adverts > 100 && a.adverts < 5000);
        EXPECT_U64(while_hung + 10, a.last);
        EXPECT_U64(b.groups[0].carp.counter, a.last);
        snprintf(log, sizeof log,
                 "[WARNING] journal %s: the disk does not keep up; nothing is recorded until it "
                 "does\n",
                 b.path);
        clear_bench(&b, log);
    }
}

/* It is waited for, but not for ever. */
TEST_CASE(recorder, gives_up_on_a_disk_that_hangs_at_the_end)
{
    static struct bench b;
    char log[ROOM + 128];
    set_bench(&b, 1);
    begin_run(&b, 64);
    become_master(&b);
    hang_disk(&b);
    pass_interval(&b);
    EXPECT_TRUE(!recorder_finish(b.recorder, 50));
    release_disk(&b);
    uv_run(&b.loop, UV_RUN_DEFAULT);
    recorder_free(b.recorder);
    snprintf(log, sizeof log,
             "[WARNING] journal %s: the disk does not answer; the end is missing\n", b.path);
    clear_bench(&b, log);
}

/* A limit on files is a full disk for one process. Source: setrlimit(2), RLIMIT_FSIZE */
static rlim_t limit_files(rlim_t size)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = size;
    EXPECT_INT(0, setrlimit(RLIMIT_FSIZE, &limit));
    return before;
}

TEST_CASE(recorder, says_once_that_the_disk_is_full_and_leaves_what_was_whole)
{
    static struct bench b;
    char log[ROOM + 128];
    set_bench(&b, 1);
    begin_run(&b, 64);
    become_master(&b);
    rlim_t before = limit_files(10001);
    for (int i = 0; i < 2000; i++) {
        pass_interval_and_write(&b);
    }
    end_run(&b);
    limit_files(before);
    struct account a = account_of(&b, "");
    EXPECT_TRUE(a.gapless && a.adverts >= 10);
    EXPECT_TRUE(a.size <= 10001 && a.size > 9000);
    EXPECT_INT(2001, b.adverts);
    snprintf(log, sizeof log,
             "[ERROR] journal %s: File too large; nothing is recorded until that works again\n",
             b.path);
    clear_bench(&b, log);
}

/* A beginning has the configuration of all groups: many addresses take more than the smallest ring
 * gives, and the size that is said to be right is the least that is. */
TEST_CASE(recorder, says_which_size_is_right_for_many_groups)
{
    static struct bench b;
    char error[CONFIG_ERROR_MAX] = "";
    unsigned least = 0;
    set_bench(&b, GROUPS_MAX);
    for (unsigned i = 0; i < GROUPS_MAX; i++) {
        ((struct carp_config *)(uintptr_t)b.plans[i].config)->ipv6_count = CARP_ADDRESSES_MAX;
    }
    EXPECT_INT(-EINVAL, start(&b, 1, error));
    EXPECT_INT(1,
               sscanf(error, "journal-size 1 is too small for so many groups; at least %u is right",
                      &least));
    ASSERT_TRUE(least > 2);
    EXPECT_INT(-EINVAL, start(&b, least - 1, error));
    begin_run(&b, least);
    end_run(&b);
    EXPECT_INT(1, account_of(&b, "").sections);
    EXPECT_TRUE(account_of(&b, "").size > GROUPS_MAX * CARP_ADDRESSES_MAX * 16);
    EXPECT_TRUE(account_of(&b, "").size <= (long)(least << 20) / 4);
    clear_bench(&b, "");
}

TEST_CASE(recorder, is_nothing_when_there_is_none)
{
    const struct carp_event event = {.type = CARP_EVENT_STOP};
    const struct carp_outcome outcome = {.rule = CARP_RULE_NONE};
    recorder_woke(NULL, clock_now());
    recorder_hears(NULL, clock_now(), 0, NULL, 0);
    recorder_heard(NULL);
    recorder_sent(NULL, 0, NULL, 0, 0);
    recorder_stepped(NULL, 0, clock_now(), &event, &outcome);
    recorder_rests(NULL);
    EXPECT_TRUE(recorder_finish(NULL, 0));
    recorder_free(NULL);
}
