/*
 * What a record says, word for word; that its JSON is JSON with the keys that
 * docs/SIMULATOR-JSON.md promises; and what tshark reads in its capture.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "sim/peer.h"
#include "sim/record.h"
#include "sim/tshark_lab.h"
#include "sim/world_lab.h"
#include "tools/testkit/testkit.h"

/* A file in memory. */
struct paper {
    FILE *file;
    char *text; /* owned */
    size_t size;
};

static FILE *paper_make(struct paper *p)
{
    p->file = open_memstream(&p->text, &p->size);
    return p->file;
}

static void paper_remove(struct paper *p)
{
    fclose(p->file);
    free(p->text);
}

static struct node *node_at(struct world_lab *lab, uint32_t index)
{
    return &lab->world.nodes[index];
}

/* --- the time line and the trace -------------------------------------------------------------- */

static void crash_at_10500(struct world_lab *lab, struct record *r)
{
    world_lab_boot(lab);
    world_lab_run(lab, 10500);
    record_statement(r, lab->world.now, 7, "crash a");
    node_crash(&lab->world, node_at(lab, 0));
    world_lab_run(lab, 15000);
}

/* Names are padded to the longest. */
TEST_CASE(record, tells_what_happened_in_lines)
{
    static struct world_lab lab;
    struct record r;
    struct paper text;
    world_lab_init(&lab, 1);
    world_lab_daemon(&lab, "a", 0);
    world_lab_daemon(&lab, "berta", 100);
    record_begin(&r, &lab.world, &(struct record_to){.text = paper_make(&text)});
    crash_at_10500(&lab, &r);
    record_statement(&r, lab.world.now, 0, "the end");
    EXPECT_INT(0, record_end(&r));
    EXPECT_STR("   0.000000000  a      vhid 1  INIT -> BACKUP (link-up)\n"
               "   0.000000000  berta  vhid 1  INIT -> BACKUP (link-up)\n"
               "   3.000000000  a      vhid 1  BACKUP -> MASTER (silence): claim, send, announce\n"
               "  10.500000000  line 7: crash a\n"
               "  13.390645000  berta  vhid 1  BACKUP -> MASTER (silence): claim, send, announce\n"
               "  15.000000000  the end\n",
               text.text);
    paper_remove(&text);
    world_lab_free(&lab);
}

/* The first lines of a violation's text; those after the first are indented below it. */
TEST_CASE(record, tells_what_was_violated)
{
    static const struct violation v = {
        .kind = ORACLE_DUAL,
        .at = {UINT64_C(12000000001)},
        .text = "dual-master at 12.000000001, vhid 1\n  bound: 3 s\n    a: MASTER",
    };
    static struct world_lab lab;
    struct record r;
    struct paper text;
    world_lab_init(&lab, 1);
    record_begin(&r, &lab.world, &(struct record_to){.text = paper_make(&text)});
    record_violation(&r, &v);
    EXPECT_INT(0, record_end(&r));
    EXPECT_STR("  12.000000001  violated: dual-master at 12.000000001, vhid 1\n"
               "                  bound: 3 s\n"
               "                    a: MASTER\n",
               text.text);
    paper_remove(&text);
    world_lab_free(&lab);
}

static size_t count_lines(const char *text)
{
    size_t count = 0;
    for (const char *c = text; *c != '\0'; c++) {
        count += *c == '\n';
    }
    return count;
}

TEST_CASE(record, traces_every_event)
{
    static const char first[] = "0.000000000  a boots\n0.000000000  a/0 sends 42 bytes, ";
    static struct world_lab lab;
    struct record r;
    struct paper trace;
    world_lab_init(&lab, 1);
    world_lab_daemon(&lab, "a", 0);
    world_lab_daemon(&lab, "b", 100);
    record_begin(&r, &lab.world, &(struct record_to){.trace = paper_make(&trace)});
    crash_at_10500(&lab, &r);
    EXPECT_INT(0, record_end(&r));
    EXPECT_U64(lab.world.trace.count, count_lines(trace.text));
    EXPECT_BYTES(first, trace.text, sizeof first - 1);
    paper_remove(&trace);
    world_lab_free(&lab);
}

/* --- a world in which a lot happens ----------------------------------------------------------- */

/* Everything befalls adverts on the way from the switch to b, but for the last. */
static uint32_t strike(struct world_lab *lab, uint32_t end, struct fault fault)
{
    fault.end = end;
    fault.origin = NONE;
    fault.match = MATCH_ADVERTS;
    fault.jitter = CARP_MILLISECONDS(1);
    return fabric_add_fault(&lab->world, &fault);
}

static void strike_until(struct world_lab *lab, uint32_t end, struct fault fault, uint64_t until_ms)
{
    uint32_t index = strike(lab, end, fault);
    world_lab_run(lab, until_ms);
    fabric_remove_fault(&lab->world, index);
}

/* a is master from 3.0 s on and says so each second, 10 us before the switch passes it on; it
 * crashes after 8.5 s, and b takes over 3.390625 s after the last advert it heard, that of 7.0 s
 * with one bit turned not among them. */
static void eventful(struct world_lab *lab, struct record *r)
{
    uint32_t a = node_at(lab, 0)->nics[0].end,
             to_b = lab->world.ends[node_at(lab, 1)->nics[0].end].peer;
    world_lab_boot(lab);
    world_lab_run(lab, 3500);
    strike_until(lab, to_b, (struct fault){.ordinals = 1}, 4500);
    strike_until(lab, to_b, (struct fault){.duplicate_ppm = 1000000}, 5500);
    strike_until(lab, to_b, (struct fault){.holds = true}, 6500);
    strike_until(lab, to_b, (struct fault){.unseen = true, .corrupt_ppm = 1000000}, 7500);
    strike_until(lab, a, (struct fault){.blocks = true}, 8500);
    record_statement(r, lab->world.now, 12, "crash a");
    node_crash(&lab->world, node_at(lab, 0));
    world_lab_run(lab, 12000);
    node_step_clock(&lab->world, node_at(lab, 1), -1500000000);
    node_kill(&lab->world, node_at(lab, 1));
    world_lab_run(lab, 12500);
    record_violation(r,
                     &(struct violation){.kind = ORACLE_DARK, .at = lab->world.now, .text = "\""});
}

static void make_eventful(struct world_lab *lab)
{
    world_lab_init(lab, 1);
    world_lab_daemon(lab, "a", 0);
    world_lab_daemon(lab, "b", 100);
    world_lab_client(lab, "c");
}

/* --- JSON ------------------------------------------------------------------------------------- */

/* Digests and hashes of bytes are somebody else's subject: each digit becomes an x. */
static void mask(char *text, const char *key)
{
    for (char *at = strstr(text, key); at != NULL; at = strstr(at, key)) {
        for (at += strlen(key); *at != '"'; at++) {
            *at = 'x';
        }
    }
}

static void use_double_quotes(char *text)
{
    for (char *c = text; *c != '\0'; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
}

TEST_CASE(record, writes_a_crash_as_json)
{
    char want[] = /* with ' for " */
        "{'time':0.000000000,'kind':'node','node':'a','event':'booted'}\n"
        "{'time':0.000000000,'kind':'sent','node':'a','interface':'a',"
        "'frame':'xxxxxxxxxxxxxxxx','size':42,'class':'report',"
        "'source_mac':'02:00:00:00:00:01'}\n"
        "{'time':0.000000000,'kind':'transition','node':'a','vhid':1,'from':'INIT',"
        "'to':'BACKUP','rule':'link-up','verdict':'accepted','until':3.000000000}\n"
        "{'time':0.000000000,'kind':'node','node':'b','event':'booted'}\n"
        "{'time':0.000000000,'kind':'sent','node':'b','interface':'b',"
        "'frame':'xxxxxxxxxxxxxxxx','size':42,'class':'report',"
        "'source_mac':'02:00:00:00:00:02'}\n"
        "{'time':0.000000000,'kind':'transition','node':'b','vhid':1,'from':'INIT',"
        "'to':'BACKUP','rule':'link-up','verdict':'accepted','until':3.390625000}\n"
        "{'time':0.000010000,'kind':'learned','switch':'s1','mac':'02:00:00:00:00:01',"
        "'port':'a'}\n"
        "{'time':0.000010000,'kind':'learned','switch':'s1','mac':'02:00:00:00:00:02',"
        "'port':'b'}\n"
        "{'time':3.000000000,'kind':'holds','node':'a','vhid':1,'holds':true}\n"
        "{'time':3.000000000,'kind':'sent','node':'a','interface':'a',"
        "'frame':'xxxxxxxxxxxxxxxx','size':70,'class':'advert',"
        "'source_mac':'02:00:00:00:00:01','source':'10.0.0.1','destination':'224.0.0.18',"
        "'vhid':1,'advbase':1,'advskew':0,'demote':0,'counter':'0006955b9000ca71'}\n"
        "{'time':3.000000000,'kind':'sent','node':'a','interface':'a',"
        "'frame':'xxxxxxxxxxxxxxxx','size':42,'class':'arp','source_mac':'02:00:00:00:00:01'}\n"
        "{'time':3.000000000,'kind':'transition','node':'a','vhid':1,'from':'BACKUP',"
        "'to':'MASTER','rule':'silence','verdict':'accepted','until':4.000000000}\n"
        "{'time':3.000020000,'kind':'step','node':'b','vhid':1,'from':'BACKUP','to':'BACKUP',"
        "'rule':'master-alive','verdict':'accepted','until':6.390645000}\n"
        "{'time':3.500000000,'kind':'statement','line':7,'text':'crash a'}\n"
        "{'time':3.500000000,'kind':'holds','node':'a','vhid':1,'holds':false}\n"
        "{'time':3.500000000,'kind':'node','node':'a','event':'crashed'}\n"
        "{'time':6.390645000,'kind':'holds','node':'b','vhid':1,'holds':true}\n"
        "{'time':6.390645000,'kind':'sent','node':'b','interface':'b',"
        "'frame':'xxxxxxxxxxxxxxxx','size':70,'class':'advert',"
        "'source_mac':'02:00:00:00:00:02','source':'10.0.0.2','destination':'224.0.0.18',"
        "'vhid':1,'advbase':1,'advskew':100,'demote':0,'counter':'0006955b90017ce4'}\n"
        "{'time':6.390645000,'kind':'sent','node':'b','interface':'b',"
        "'frame':'xxxxxxxxxxxxxxxx','size':42,'class':'arp','source_mac':'02:00:00:00:00:02'}\n"
        "{'time':6.390645000,'kind':'transition','node':'b','vhid':1,'from':'BACKUP',"
        "'to':'MASTER','rule':'silence','verdict':'accepted','until':7.781270000}\n"
        "{'time':6.390655000,'kind':'dropped','node':'a','interface':'a','origin':'b',"
        "'reason':'no-link','text':'the cable is out or an interface is down',"
        "'frame':'xxxxxxxxxxxxxxxx','size':70,'class':'advert',"
        "'source_mac':'02:00:00:00:00:02','source':'10.0.0.2','destination':'224.0.0.18',"
        "'vhid':1,'advbase':1,'advskew':100,'demote':0,'counter':'0006955b90017ce4'}\n"
        "{'time':6.390655000,'kind':'dropped','node':'a','interface':'a','origin':'b',"
        "'reason':'no-link','text':'the cable is out or an interface is down',"
        "'frame':'xxxxxxxxxxxxxxxx','size':42,'class':'arp','source_mac':'02:00:00:00:00:02'}\n"
        "{'time':7.000000000,'kind':'end','hash':'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',"
        "'events':21,'sent':6,'delivered':4,'violations':0}\n";
    static struct world_lab lab;
    struct record r;
    struct paper json;
    world_lab_init(&lab, 1);
    world_lab_daemon(&lab, "a", 0);
    world_lab_daemon(&lab, "b", 100);
    record_begin(&r, &lab.world, &(struct record_to){.json = paper_make(&json)});
    world_lab_boot(&lab);
    world_lab_run(&lab, 3500);
    record_statement(&r, lab.world.now, 7, "crash a");
    node_crash(&lab.world, node_at(&lab, 0));
    world_lab_run(&lab, 7000);
    EXPECT_INT(0, record_end(&r));
    mask(json.text, "\"frame\":\"");
    mask(json.text, "\"hash\":\"");
    use_double_quotes(want);
    EXPECT_STR(want, json.text);
    paper_remove(&json);
    world_lab_free(&lab);
}

/* The promises: what the two tables of the page say. */
struct promise {
    char key[32], type[16];
};

struct promised_kind {
    char kind[32];
    char always[256], sometimes[256]; /* keys, each between back quotes */
    unsigned seen;
};

static struct {
    struct promised_kind kinds[32];
    size_t kind_count;
    struct promise keys[64];
    size_t key_count;
} page;

static void read_row(const char *line, bool of_kinds)
{
    struct promised_kind *kind = &page.kinds[page.kind_count];
    struct promise *key = &page.keys[page.key_count];
    if (of_kinds && sscanf(line, "| `%31[^`]` |%255[^|]|%255[^|]|", kind->kind, kind->always,
                           kind->sometimes) == 3) {
        page.kind_count += 1;
    } else if (!of_kinds && sscanf(line, "| `%31[^`]` | %15[a-z] |", key->key, key->type) == 2) {
        page.key_count += 1;
    }
}

static void read_page(void)
{
    char line[1024];
    bool of_kinds = false;
    FILE *file = fopen(tk_path("docs/SIMULATOR-JSON.md"), "r");
    memset(&page, 0, sizeof page);
    ASSERT_TRUE(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        of_kinds = (of_kinds || strcmp(line, "## Kinds\n") == 0) && strcmp(line, "## Keys\n") != 0;
        if (strncmp(line, "| `", 3) == 0) {
            read_row(line, of_kinds);
        }
    }
    fclose(file);
}

static bool has_type(const json_t *value, const char *type)
{
    return strcmp(type, "string") == 0    ? json_is_string(value)
           : strcmp(type, "integer") == 0 ? json_is_integer(value)
           : strcmp(type, "number") == 0  ? json_is_real(value)
                                          : strcmp(type, "boolean") == 0 && json_is_boolean(value);
}

static const char *promised_type(const char *key)
{
    for (size_t i = 0; i < page.key_count; i++) {
        if (strcmp(page.keys[i].key, key) == 0) {
            return page.keys[i].type;
        }
    }
    return "nothing: it is not in the page";
}

/* Every key is one that the kind may have; of those it must have none is missing. */
static void expect_promised(json_t *object, struct promised_kind *kind)
{
    const char *key;
    json_t *value;
    size_t always = 0, wanted = 0;
    kind->seen += 1;
    json_object_foreach(object, key, value)
    {
        char quoted[40];
        snprintf(quoted, sizeof quoted, "`%s`", key);
        bool needed = strstr(kind->always, quoted) != NULL;
        bool common = strcmp(key, "time") == 0 || strcmp(key, "kind") == 0;
        always += needed;
        if (!needed && !common && strstr(kind->sometimes, quoted) == NULL) {
            tk_fail(__FILE__, __LINE__, "%s has no key %s", kind->kind, key);
        }
        if (!has_type(value, promised_type(key))) {
            tk_fail(__FILE__, __LINE__, "%s is not of the type %s", key, promised_type(key));
        }
    }
    for (const char *c = kind->always; *c != '\0'; c++) {
        wanted += *c == '`';
    }
    EXPECT_U64(wanted / 2, always);
}

static json_t *expect_object(const char *line, size_t size)
{
    json_error_t error;
    json_t *object = json_loadb(line, size, JSON_REJECT_DUPLICATES, &error);
    if (object == NULL) {
        tk_fail(__FILE__, __LINE__, "%s: %.*s", error.text, (int)size, line);
        return json_object();
    }
    return object;
}

/* Each line an object of a promised kind; returns the last, owned. */
static json_t *expect_page(const char *text)
{
    json_t *object = NULL;
    for (const char *line = text; *line != '\0';) {
        size_t size = strcspn(line, "\n");
        json_decref(object);
        object = expect_object(line, size);
        const char *word = json_string_value(json_object_get(object, "kind"));
        size_t i = 0;
        while (i < page.kind_count && (word == NULL || strcmp(page.kinds[i].kind, word) != 0)) {
            i++;
        }
        tk_row(word);
        EXPECT_TRUE(i < page.kind_count);
        if (i < page.kind_count) {
            expect_promised(object, &page.kinds[i]);
        }
        tk_row(NULL);
        line += size + 1;
    }
    return object;
}

TEST_CASE(record, writes_json_as_the_page_says)
{
    static struct world_lab lab;
    struct record r;
    struct paper json;
    char hash[33];
    read_page();
    make_eventful(&lab);
    record_begin(&r, &lab.world, &(struct record_to){.json = paper_make(&json)});
    eventful(&lab, &r);
    EXPECT_INT(0, record_end(&r));
    json_t *last = expect_page(json.text);
    for (size_t i = 0; i < page.kind_count; i++) {
        tk_row(page.kinds[i].kind);
        EXPECT_TRUE(page.kinds[i].seen > 0);
    }
    snprintf(hash, sizeof hash, "%016" PRIx64 "%016" PRIx64, lab.world.trace.hash[0],
             lab.world.trace.hash[1]);
    EXPECT_STR(hash, json_string_value(json_object_get(last, "hash")));
    EXPECT_U64(lab.world.sent, (uint64_t)json_integer_value(json_object_get(last, "sent")));
    EXPECT_TRUE(strstr(json.text, "\"event\":\"clock-stepped\",\"offset\":-1.500000000}") != NULL);
    json_decref(last);
    paper_remove(&json);
    world_lab_free(&lab);
}

/* vhids of one and of three digits; a peer tells its own reasons. */
TEST_CASE(record, aligns_vhids_and_tells_of_peers)
{
    static struct world_lab lab;
    static struct carp_config config;
    struct record r;
    struct paper text, json;
    world_lab_init(&lab, 1);
    world_lab_daemon(&lab, "a", 0);
    config = lab.configs[0];
    config.vhid = 100;
    uint32_t u = peer_add(&lab.world, "u", 1);
    struct persona_config persona = {0};
    persona_defaults(&persona, PERSONA_UCARP);
    persona.carp = &config;
    persona.crypto = &lab.signer.crypto;
    peer_configure(&lab.world, u, 0, 0, &persona);
    struct carp_self self = {{2, 0, 0, 0, 0, 9}, true, false, {10, 0, 0, 9}, {0}};
    world_add_nic(&lab.world, u, &self);
    world_connect_nic(&lab.world, u, 0, 0, CARP_MILLISECONDS(1));
    record_begin(&r, &lab.world,
                 &(struct record_to){.text = paper_make(&text), .json = paper_make(&json)});
    world_lab_boot(&lab);
    world_lab_run(&lab, 2000);
    EXPECT_INT(0, record_end(&r));
    EXPECT_STR("   0.000000000  a  vhid 1    INIT -> BACKUP (link-up)\n"
               "   0.000000000  u  vhid 100  INIT -> BACKUP (carp_setrun())\n",
               text.text);
    EXPECT_TRUE(strstr(json.text, "{\"time\":0.000000000,\"kind\":\"transition\",\"node\":\"u\","
                                  "\"vhid\":100,\"from\":\"INIT\",\"to\":\"BACKUP\"}\n") != NULL);
    read_page();
    json_decref(expect_page(json.text));
    paper_remove(&text);
    paper_remove(&json);
    world_lab_free(&lab);
}

/* What is written, between the quotes, and that jansson reads it. Source: RFC 8259 section 7,
 * RFC 3629 section 4. */
static const struct {
    const char *why, *text, *want;
} strings[] = {
    {"plain", "crash a", "crash a"},
    {"quotes", "a \"b\" \\ c", "a \\\"b\\\" \\\\ c"},
    {"control characters", "\x01\t\n\r\x1f\x7f", "\\u0001\\u0009\\n\\u000d\\u001f\x7f"},
    {"two, three, four bytes", "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x9f",
     "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x9f"},
    {"the first and last of each size", "\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf4\x8f\xbf\xbf",
     "\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf4\x8f\xbf\xbf"},
    {"Latin-1", "caf\xe9.", "caf\\u00e9."},
    {"cut", "\xe2\x82", "\\u00e2\\u0082"},
    {"a continuation without a beginning", "\x80", "\\u0080"},
    {"overlong", "\xc0\xaf\xe0\x9f\xbf\xf0\x8f\xbf\xbf",
     "\\u00c0\\u00af\\u00e0\\u009f\\u00bf\\u00f0\\u008f\\u00bf\\u00bf"},
    {"half of a surrogate pair", "\xed\xa0\x80", "\\u00ed\\u00a0\\u0080"},
    {"beyond Unicode", "\xf4\x90\x80\x80\xf5\xff", "\\u00f4\\u0090\\u0080\\u0080\\u00f5\\u00ff"},
};

TEST_CASE(record, escapes_what_json_does_not_take)
{
    static struct world_lab lab;
    world_lab_init(&lab, 1);
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        struct record r;
        struct paper json;
        char want[512];
        tk_row(strings[i].why);
        record_begin(&r, &lab.world, &(struct record_to){.json = paper_make(&json)});
        record_statement(&r, (carp_instant){1}, 0, strings[i].text);
        EXPECT_INT(0, record_end(&r));
        snprintf(want, sizeof want, "{\"time\":0.000000001,\"kind\":\"statement\",\"text\":\"%s\"}",
                 strings[i].want);
        size_t size = strcspn(json.text, "\n");
        json.text[size] = '\0';
        EXPECT_STR(want, json.text);
        json_decref(expect_object(json.text, size));
        paper_remove(&json);
    }
    world_lab_free(&lab);
}

/* --- the capture ------------------------------------------------------------------------------ */

/* Announcements by two hosts are no mistake of the capture's: the address did move. */
#define EXCUSED "frame.comment || arp.duplicate-address-detected"

/* 2026-01-01 is 1767225600. Direction 1 is inbound, 2 outbound. */
TEST_CASE(record, shows_wireshark_why)
{
    static struct world_lab lab;
    struct tshark_lab shark;
    struct record r;
    if (!tshark_lab_make(&shark)) {
        return;
    }
    make_eventful(&lab);
    record_begin(&r, &lab.world, &(struct record_to){.pcap = shark.file});
    eventful(&lab, &r);
    EXPECT_INT(0, record_end(&r));
    EXPECT_STR("1767225604.000010000\tb\t0x00000001\tdropped before b: lost by its number\n"
               "1767225605.000010000\tb\t0x00000001\tduplicated on the way to b\n"
               "1767225606.000010000\tb\t0x00000001\theld back on the way to b\n"
               "1767225607.000010000\tb\t0x00000001\tone bit turned on the way to b\n"
               "1767225608.000000000\ta\t\tdropped before s1: one-way black hole\n"
               "1767225609.890645000\ta\t0x00000001\tdropped before a: the cable is out or an "
               "interface is down\n"
               "1767225611.281270000\ta\t0x00000001\tdropped before a: the cable is out or an "
               "interface is down\n"
               "1767225612.002010000\ta\t0x00000001\tdropped before a: the cable is out or an "
               "interface is down\n",
               tshark_lab_read(&shark, TSHARK_CARP,
                               "-Y frame.comment -T fields -e frame.time_epoch "
                               "-e frame.interface_name -e frame.packet_flags_direction "
                               "-e frame.comment"));
    EXPECT_U64(lab.world.sent, count_lines(tshark_lab_read(&shark, TSHARK_CARP,
                                                           "-Y frame.packet_flags_direction==2")));
    tshark_lab_expect_clean(&shark, TSHARK_CARP, EXCUSED);
    tshark_lab_remove(&shark);
    world_lab_free(&lab);
}

/* Who said what and when, each with a good checksum (1). a's daemon is gone when b speaks. */
TEST_CASE(record, has_its_adverts_read_by_tshark)
{
    static struct world_lab lab;
    struct tshark_lab shark;
    struct record r;
    if (!tshark_lab_make(&shark)) {
        return;
    }
    world_lab_init(&lab, 1);
    world_lab_daemon(&lab, "a", 0);
    world_lab_daemon(&lab, "b", 100);
    record_begin(&r, &lab.world, &(struct record_to){.pcap = shark.file});
    world_lab_boot(&lab);
    world_lab_run(&lab, 4000);
    node_stop(&lab.world, node_at(&lab, 0)); /* b takes over at once */
    world_lab_run(&lab, 5000);
    EXPECT_INT(0, record_end(&r));
    EXPECT_STR("1767225603.000000000 a port of switch s1 10.0.0.1 1 1 0 1 \n"
               "1767225604.000000000 a port of switch s1 10.0.0.1 1 1 0 1 \n"
               "1767225604.000000000 a port of switch s1 10.0.0.1 1 255 255 1 \n"
               "1767225604.000020000 b port of switch s1 10.0.0.2 1 1 100 1 \n"
               "1767225604.000040000 a port of switch s1 10.0.0.2 1 1 100 1 "
               "dropped before a: no daemon is running there\n",
               tshark_lab_read(&shark, TSHARK_CARP,
                               "-Y carp -T fields -E separator=/s -e frame.time_epoch "
                               "-e frame.interface_name -e frame.interface_description -e ip.src "
                               "-e carp.vhid -e carp.adver_int -e carp.advskew "
                               "-e carp.checksum.status -e frame.comment"));
    tshark_lab_expect_clean(&shark, TSHARK_CARP, EXCUSED);
    tshark_lab_remove(&shark);
    world_lab_free(&lab);
}

static void make_dual_stack(struct world_lab *lab, uint32_t index)
{
    struct carp_config *config = &lab->configs[index];
    struct carp_self *self = &node_at(lab, index)->nics[0].self;
    static const uint8_t virtual[16] = {0x20, 1, 0x0d, 0xb8, [15] = 0xfe};
    memcpy(config->ipv6[0], virtual, 16);
    config->ipv6_count = 1;
    self->has_ipv6 = true;
    memcpy(self->ipv6, (const uint8_t[16]){0xfe, 0x80, [15] = (uint8_t)(index + 1)}, 16);
}

/* What is said over IPv6 in 3.5 s: a report of each, then an advert and an announcement. */
TEST_CASE(record, is_clean_over_both_families)
{
    static struct world_lab lab;
    struct tshark_lab shark;
    struct record r;
    if (!tshark_lab_make(&shark)) {
        return;
    }
    world_lab_init(&lab, 1);
    world_lab_daemon(&lab, "a", 0);
    world_lab_daemon(&lab, "b", 100);
    make_dual_stack(&lab, 0);
    make_dual_stack(&lab, 1);
    record_begin(&r, &lab.world, &(struct record_to){.pcap = shark.file});
    world_lab_boot(&lab);
    world_lab_run(&lab, 3500);
    EXPECT_INT(0, record_end(&r));
    EXPECT_STR("1767225600.000000000 a fe80::1 ff02::12 131  \n"
               "1767225600.000000000 b fe80::2 ff02::12 131  \n"
               "1767225603.000000000 a fe80::1 ff02::12  1 1\n"
               "1767225603.000000000 a 2001:db8::fe ff02::1 136  \n",
               tshark_lab_read(&shark, TSHARK_CARP,
                               "-Y ipv6 -T fields -E separator=/s -e frame.time_epoch "
                               "-e frame.interface_name -e ipv6.src -e ipv6.dst "
                               "-e icmpv6.type -e carp.vhid -e carp.checksum.status"));
    tshark_lab_expect_clean(&shark, TSHARK_CARP, NULL);
    tshark_lab_remove(&shark);
    world_lab_free(&lab);
}

/* The frame goes out of that interface, with its MAC. */
static void shout(struct world_lab *lab, uint32_t node, unsigned nic)
{
    uint8_t bytes[60] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    memcpy(bytes + 6, node_at(lab, node)->nics[nic].self.mac, 6);
    fabric_send(&lab->world, node_at(lab, node), nic, bytes, sizeof bytes);
}

/* x is on two switches and has a cable to y, which is on the first. Between the switches nothing
 * passes, which shows where it came from: no node's interface is there. */
TEST_CASE(record, names_the_interfaces_of_a_node_with_several)
{
    static const struct carp_self second = {.mac = {2, 0, 0, 0, 1, 1}},
                                  third = {.mac = {2, 0, 0, 0, 2, 1}};
    static struct world_lab lab;
    struct tshark_lab shark;
    struct record r;
    if (!tshark_lab_make(&shark)) {
        return;
    }
    world_lab_init(&lab, 1);
    struct world *w = &lab.world;
    uint32_t x = world_lab_stranger(&lab, "x"), y = world_lab_stranger(&lab, "y");
    world_connect_switches(w, 0, world_add_switch(w, "s2"), CARP_MILLISECONDS(1));
    for (uint32_t end = (uint32_t)w->end_count - 2; end < w->end_count; end++) {
        fabric_add_fault(w, &(struct fault){.end = end, .origin = NONE, .blocks = true});
    }
    world_connect_nic(w, x, world_add_nic(w, x, &second), 1, CARP_MILLISECONDS(1));
    world_connect_nics(w, x, world_add_nic(w, x, &third), y, world_add_nic(w, y, &third),
                       CARP_MILLISECONDS(1));
    record_begin(&r, w, &(struct record_to){.pcap = shark.file});
    world_lab_boot(&lab);
    for (unsigned nic = 0; nic < 3; nic++) {
        shout(&lab, x, nic);
    }
    shout(&lab, y, 0);
    world_lab_run(&lab, 100);
    EXPECT_INT(0, record_end(&r));
    EXPECT_STR("x@s1,port of switch s1,0x00000002,\n"
               "x@s2,port of switch s2,0x00000002,\n"
               "x@y,cable to y@x,0x00000002,\n"
               "y@s1,port of switch s1,0x00000002,\n"
               "x@s1,port of switch s1,,dropped before s2: one-way black hole\n"
               "y@s1,port of switch s1,,dropped before s2: one-way black hole\n"
               "x@s2,port of switch s2,,dropped before s1: one-way black hole\n",
               tshark_lab_read(&shark, TSHARK_CARP,
                               "-T fields -E separator=, -e frame.interface_name "
                               "-e frame.interface_description -e frame.packet_flags_direction "
                               "-e frame.comment"));
    tshark_lab_remove(&shark);
    world_lab_free(&lab);
}

/* --- looking on, and failing ------------------------------------------------------------------ */

TEST_CASE(record, changes_nothing_by_looking_on)
{
    static struct world_lab lab[2];
    struct record r[2];
    struct paper papers[5];
    FILE *journals[WORLD_LAB_NODES] = {paper_make(&papers[4])}; /* of the first node, a daemon */
    const struct record_to to[2] = {
        {.text = NULL},
        {paper_make(&papers[0]), paper_make(&papers[1]), paper_make(&papers[2]),
         paper_make(&papers[3]), journals},
    };
    for (int i = 0; i < 2; i++) {
        make_eventful(&lab[i]);
        record_begin(&r[i], &lab[i].world, &to[i]);
        eventful(&lab[i], &r[i]);
        EXPECT_INT(0, record_end(&r[i]));
        EXPECT_TRUE(lab[i].world.trace.sink == NULL && lab[i].world.tap.story == NULL &&
                    lab[i].world.tap.frame == NULL);
    }
    EXPECT_U64(lab[0].world.trace.hash[0], lab[1].world.trace.hash[0]);
    EXPECT_U64(lab[0].world.trace.hash[1], lab[1].world.trace.hash[1]);
    for (int i = 0; i < 5; i++) {
        EXPECT_TRUE(papers[i].size > 0);
        paper_remove(&papers[i]);
    }
    world_lab_free(&lab[0]);
    world_lab_free(&lab[1]);
}

/* /dev/full takes nothing; what is open for reading alone says so at the first write, before the
 * other has anything to say. The writers that work go on. */
TEST_CASE(record, remembers_the_first_write_that_failed)
{
    static struct world_lab lab;
    FILE *full = fopen("/dev/full", "w");
    if (full == NULL) {
        tk_skip("there is no /dev/full");
        return;
    }
    FILE *readable = fopen("/dev/null", "r");
    const struct {
        struct record_to to;
        int want;
    } rows[] = {
        {{.trace = full}, -ENOSPC},
        {{.json = full}, -ENOSPC},
        {{.pcap = full}, -ENOSPC},
        {{.text = readable, .json = full}, -EBADF},
        {{.pcap = readable, .json = full}, -EBADF},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct record r;
        struct record_to to = rows[i].to;
        struct paper text;
        bool wanted = to.text == NULL;
        to.text = wanted ? paper_make(&text) : to.text;
        make_eventful(&lab);
        record_begin(&r, &lab.world, &to);
        eventful(&lab, &r);
        EXPECT_INT(rows[i].want, record_end(&r));
        if (wanted) {
            EXPECT_U64(6, count_lines(text.text));
            paper_remove(&text);
        }
        world_lab_free(&lab);
    }
    fclose(full);
    fclose(readable);
}
