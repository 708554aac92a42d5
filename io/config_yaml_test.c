/*
 * carpd.yaml: what a good file becomes, and for each kind of mistake the one line that names the
 * place, the value and what would be right. Valgrind sees to it that nothing is left behind.
 */
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "io/config.h"
#include "tools/testkit/testkit.h"

/* The file of the test that runs, gone when it is read. Tests run beside each other. */
static const char *path_of_file(void)
{
    static char path[64];
    snprintf(path, sizeof path, "/tmp/carpio-config-%ld.yaml", (long)getpid());
    return path;
}

struct reading {
    struct config config;
    struct config_warnings warnings;
    enum config_action action;
    char error[CONFIG_ERROR_MAX];
    int status;
};

static void read_bytes_as_file(struct reading *r, const char *bytes, size_t size)
{
    char *arguments[] = {"carpd", "--check", "-c", NULL, NULL};
    char path[64];
    snprintf(path, sizeof path, "%s", path_of_file());
    arguments[3] = path;
    memset(r, 0, sizeof *r);
    FILE *file = fopen(path, "w");
    ASSERT_TRUE(file != NULL);
    EXPECT_U64(size, fwrite(bytes, 1, size, file));
    fclose(file);
    r->status = config_from_arguments(4, arguments, &r->config, &r->action, &r->warnings, r->error);
    unlink(path);
}

static void read_text(struct reading *r, const char *text)
{
    read_bytes_as_file(r, text, strlen(text));
}

static void free_reading(struct reading *r)
{
    config_free(&r->config);
    config_warnings_free(&r->warnings);
}

#define GROUP                                                                                      \
    "groups:\n"                                                                                    \
    "  web:\n"                                                                                     \
    "    interface: eth0\n"                                                                        \
    "    vhid: 7\n"                                                                                \
    "    key: secret\n"                                                                            \
    "    addresses: [10.0.0.100/24]\n"

/* --- good files ----------------------------------------------------------------------------------
 */

TEST_CASE(config_yaml, fills_in_what_is_not_said)
{
    struct reading r;
    read_text(&r, GROUP);
    EXPECT_INT(0, r.status);
    ASSERT_TRUE(r.config.group_count == 1);
    const struct config_group *g = &r.config.groups[0];
    EXPECT_INT(CONFIG_CHECK, r.action);
    EXPECT_STR("web", g->name);
    EXPECT_STR("eth0", g->interface);
    EXPECT_INT(7, g->carp.vhid);
    EXPECT_INT(1, g->carp.advbase);
    EXPECT_INT(0, g->carp.advskew);
    EXPECT_INT(3, g->carp.dead_ratio);
    EXPECT_TRUE(!g->carp.preempt && !g->carp.broadcast && !g->neutral && !g->ignore_link_state);
    EXPECT_INT(CARP_DIALECT_ADVSKEW, g->carp.dialect);
    EXPECT_INT(CARP_REPLAY_AUTO, g->carp.replay);
    EXPECT_INT(CARP_SOURCE_MAC_INTERFACE, g->carp.source_mac);
    EXPECT_U64(0, g->carp.hold_down.ns);
    EXPECT_U64(0, g->carp.preempt_delay.ns);
    EXPECT_U64(UINT64_C(60000000000), g->command_timeout.ns);
    EXPECT_BYTES("\xe0\x00\x00\x12", g->carp.ipv4_group, 4);
    EXPECT_INT(1, g->carp.key_count);
    EXPECT_BYTES("secret\0\0\0\0\0\0\0\0\0\0\0\0\0\0", g->carp.keys[0], 20);
    EXPECT_TRUE(g->up == NULL && g->down == NULL && g->argument == NULL && !g->has_source);
    EXPECT_INT(CONFIG_LOG_STDERR, r.config.log);
    EXPECT_INT(LOG_DAEMON, r.config.facility);
    EXPECT_TRUE(r.config.journal == NULL);
    EXPECT_INT(64, r.config.journal_mib);
    EXPECT_TRUE(r.config.user == NULL && r.config.command_user == NULL && r.config.confine);
    EXPECT_U64(0, r.warnings.count);
    free_reading(&r);
}

TEST_CASE(config_yaml, has_a_home_for_every_key)
{
    struct reading r;
    read_text(&r, "log: {to: syslog, facility: local3, level: debug}\n"
                  "journal: /var/lib/carpio/web.pcapng\n"
                  "journal-size: 65536\n"
                  "user: carpio\n"
                  "command-user: hooks\n"
                  "confine: false\n" GROUP "    advbase: 2\n"
                  "    advskew: 254\n"
                  "    dead-ratio: 4\n"
                  "    preempt: true\n"
                  "    demotion: openbsd\n"
                  "    replay: enforce\n"
                  "    source-mac: virtual\n"
                  "    hold-down: 2.5\n"
                  "    preempt-delay: 0.000000001\n"
                  "    up: /bin/up\n"
                  "    down: /bin/down\n"
                  "    argument: x y\n"
                  "    command-timeout: 3600\n"
                  "    source: 10.0.0.1\n"
                  "    group: 239.1.2.3\n"
                  "    broadcast: yes\n"
                  "    ignore-link-state: on\n"
                  "    neutral: true\n");
    EXPECT_STR("", r.error);
    ASSERT_TRUE(r.status == 0 && r.config.group_count == 1);
    const struct config_group *g = &r.config.groups[0];
    EXPECT_INT(2, g->carp.advbase);
    EXPECT_INT(254, g->carp.advskew);
    EXPECT_INT(4, g->carp.dead_ratio);
    EXPECT_TRUE(g->carp.preempt && g->carp.broadcast && g->neutral && g->ignore_link_state);
    EXPECT_INT(CARP_DIALECT_OPENBSD, g->carp.dialect);
    EXPECT_INT(CARP_REPLAY_ENFORCE, g->carp.replay);
    EXPECT_INT(CARP_SOURCE_MAC_VIRTUAL, g->carp.source_mac);
    EXPECT_U64(UINT64_C(2500000000), g->carp.hold_down.ns);
    EXPECT_U64(1, g->carp.preempt_delay.ns);
    EXPECT_STR("/bin/up", g->up);
    EXPECT_STR("/bin/down", g->down);
    EXPECT_STR("x y", g->argument);
    EXPECT_U64(UINT64_C(3600000000000), g->command_timeout.ns);
    EXPECT_TRUE(g->has_source);
    EXPECT_BYTES("\x0a\x00\x00\x01", g->source, 4);
    EXPECT_BYTES("\xef\x01\x02\x03", g->carp.ipv4_group, 4);
    EXPECT_INT(CONFIG_LOG_SYSLOG, r.config.log);
    EXPECT_INT(LOG_LOCAL3, r.config.facility);
    EXPECT_TRUE(r.config.debug);
    EXPECT_STR("/var/lib/carpio/web.pcapng", r.config.journal);
    EXPECT_INT(65536, r.config.journal_mib);
    EXPECT_STR("carpio", r.config.user);
    EXPECT_STR("hooks", r.config.command_user);
    EXPECT_TRUE(!r.config.confine);
    free_reading(&r);
}

/* Also: JSON is YAML; two keys for rotation; addresses in the order given for the commands, sorted
 * for the digest. */
TEST_CASE(config_yaml, reads_json_with_two_groups)
{
    struct reading r;
    read_text(
        &r, "{\"groups\": {\"web\": {\"interface\": \"eth0\", \"vhid\": 7, \"key\": [\"new\", "
            "\"old\"], \"addresses\": [\"10.0.0.200/24\", \"2001:db8::100/64\", \"10.0.0.100\"]}, "
            "\"db\": {\"interface\": \"eth0\", \"vhid\": 8, \"key-hex\": \"00ff\", "
            "\"addresses\": [\"10.0.0.8\"]}}}\n");
    EXPECT_STR("", r.error);
    ASSERT_TRUE(r.status == 0 && r.config.group_count == 2);
    const struct config_group *web = &r.config.groups[0], *db = &r.config.groups[1];
    EXPECT_INT(2, web->carp.key_count);
    EXPECT_BYTES("new", web->carp.keys[0], 4);
    EXPECT_BYTES("old", web->carp.keys[1], 4);
    EXPECT_U64(3, web->address_count);
    EXPECT_STR("10.0.0.200", web->address_text);
    EXPECT_INT(24, web->addresses[0].prefix);
    EXPECT_INT(64, web->addresses[1].prefix);
    EXPECT_INT(CONFIG_PREFIX_OF_INTERFACE, web->addresses[2].prefix);
    EXPECT_INT(2, web->carp.ipv4_count);
    EXPECT_BYTES("\x0a\x00\x00\x64\x0a\x00\x00\xc8", web->carp.ipv4, 8);
    EXPECT_INT(1, web->carp.ipv6_count);
    EXPECT_BYTES("\x00\xff\x00", db->carp.keys[0], 3);
    free_reading(&r);
}

/* In memory these two begin with the same bytes; they are two addresses all the same. */
TEST_CASE(config_yaml, tells_families_apart)
{
    struct reading r;
    read_text(&r, GROUP "  db: {interface: eth0, vhid: 8, key: s, addresses: ['a00:64::']}\n");
    EXPECT_STR("", r.error);
    EXPECT_U64(2, r.config.group_count);
    free_reading(&r);
}

/* --- mistakes ------------------------------------------------------------------------------------
 */

static const struct {
    const char *text;
    const char *error; /* after the path and a colon */
} mistakes[] = {
    {"", "1:1: nothing is configured; groups: with at least one is right"},
    {"hello\n", "1:1: nothing is configured; groups: with at least one is right"},
    {"- a\n", "1:1: nothing is configured; groups: with at least one is right"},
    {"grups: {}\n",
     "1:1: grups is no setting at the top level; groups, log, journal, journal-size, user, "
     "command-user and confine are"},
    {"groups: {}\n", "1:1: no group is configured"},
    {"groups: [a]\n", "1:9: groups must be a mapping from names to groups"},
    {"groups:\n  web: 3\n", "2:8: group web: must be a mapping with interface, vhid, ..."},
    {GROUP "    advskw: 3\n", "7:5: group web: advskw is no setting; did you mean advskew?"},
    {GROUP "    zzzzzz: 3\n", "7:5: group web: zzzzzz is no setting"},
    {GROUP "    vhid: 8\n", "7:5: group web: vhid is there twice"},
    {"groups:\n  web:\n    vhid: 0\n", "3:11: group web: vhid 0 is out of range 1..255"},
    {"groups:\n  web:\n    vhid: 256\n", "3:11: group web: vhid 256 is out of range 1..255"},
    {"groups:\n  web:\n    vhid: -1\n",
     "3:11: group web: vhid \"-1\" is not a number; 1..255 is right"},
    {"groups:\n  web:\n    vhid: 7x\n",
     "3:11: group web: vhid \"7x\" is not a number; 1..255 is right"},
    {"groups:\n  web:\n    vhid: 7.0\n",
     "3:11: group web: vhid \"7.0\" is not a number; 1..255 is right"},
    {"groups:\n  web:\n    vhid:\n", "3:10: group web: vhid \"\" is not a number; 1..255 is right"},
    {"groups:\n  web:\n    vhid: 99999999999999999999999\n",
     "3:11: group web: vhid 99999999999999999999999 is out of range 1..255"},
    {"groups:\n  web:\n    vhid: [7]\n", "3:11: group web: vhid must be a single value"},
    {"groups:\n  web:\n    vhid: \"3\\n4\"\n", /* one line all the same */
     "3:11: group web: vhid \"3?4\" is not a number; 1..255 is right"},
    {GROUP "    advskew: 255\n", "7:14: group web: advskew 255 is out of range 0..254"},
    {GROUP "    advbase: 256\n", "7:14: group web: advbase 256 is out of range 0..255"},
    {GROUP "    advbase: 0\n", "3:5: group web: advbase 0 needs an advskew of at least 1, or "
                               "adverts would never end"},
    {GROUP "    dead-ratio: 0\n", "7:17: group web: dead-ratio 0 is out of range 1..255"},
    {GROUP "    preempt: maybe\n", "7:14: group web: preempt \"maybe\" is neither true nor false"},
    {GROUP "    demotion: both\n",
     "7:15: group web: demotion \"both\" is none of: advskew, openbsd"},
    {GROUP "    hold-down: -1\n", "7:16: group web: hold-down \"-1\" is not a time; seconds from 0 "
                                  "to 3600, like 2.5, are right"},
    {GROUP "    hold-down: 3600.1\n",
     "7:16: group web: hold-down \"3600.1\" is not a time; seconds from 0 to 3600, like 2.5, are "
     "right"},
    {GROUP "    hold-down: 99999999999999999999\n",
     "7:16: group web: hold-down \"99999999999999999999\" is not a time; seconds from 0 to 3600, "
     "like 2.5, are right"},
    {GROUP "    command-timeout: 0\n",
     "7:22: group web: command-timeout \"0\" is not a time; seconds from 1 to 3600, like 2.5, are "
     "right"},
    {GROUP "    source: 10.0.0.100\n", "3:5: group web: source 10.0.0.100 is one of the virtual "
                                       "addresses; it must be the host's own"},
    {GROUP "    source: fe80::1\n",
     "7:13: group web: Invalid address: [fe80::1] - source must be an IPv4 address"},
    {GROUP "    group: 10.0.0.1\n",
     "7:12: group web: group 10.0.0.1 must be a multicast address (224.0.0.0 to "
     "239.255.255.255)"},
    {"groups:\n  web:\n    addresses: [10.0.0.300]\n",
     "3:17: group web: Invalid address: [10.0.0.300] - an IPv4 or IPv6 address is right, with or "
     "without /prefix"},
    {"groups:\n  web:\n    addresses: [10.0.0.1/33]\n",
     "3:17: group web: prefix length 33 is out of range 1..32"},
    {"groups:\n  web:\n    addresses: [\"2001:db8::1/129\"]\n",
     "3:17: group web: prefix length 129 is out of range 1..128"},
    {"groups:\n  web:\n    addresses: [10.0.0.1, 10.0.0.1/24]\n",
     "3:27: group web: the address 10.0.0.1/24 is there twice"},
    {"groups:\n  web:\n    addresses: [224.0.0.1]\n",
     "3:17: group web: 224.0.0.1 cannot be shared: it is a multicast, loopback or unset address"},
    {"groups:\n  web:\n    addresses: [[10.0.0.1]]\n",
     "3:17: group web: addresses must be a single value"},
    {"groups:\n  web:\n    interface: abcdefghijklmnop\n",
     "3:16: group web: interface \"abcdefghijklmnop\" is too long; at most 15 bytes are right"},
    {"groups:\n  web: {vhid: 7, key: a, addresses: [10.0.0.1]}\n",
     "2:8: group web: interface is missing; name the one the address lives on, like eth0"},
    {"groups:\n  web: {interface: eth0, key: a, addresses: [10.0.0.1]}\n",
     "2:8: group web: vhid is missing; it is a number from 1 to 255, the same on all hosts"},
    {"groups:\n  web: {interface: eth0, vhid: 7, addresses: [10.0.0.1]}\n",
     "2:8: group web: no key; give key-file, key or key-hex, the same on all hosts"},
    {"groups:\n  web: {interface: eth0, vhid: 7, key: a, addresses: []}\n",
     "2:8: group web: no addresses; give at least one, the same set on all hosts"},
    {"groups:\n  web:\n    key: 123456789012345678901\n", /* and it is not shown */
     "3:10: group web: Password too long: the key has more than 20 bytes, and CARP uses no more; a "
     "key is never cut"},
    {"groups:\n  web:\n    key: ''\n", "3:10: group web: the key is empty"},
    {"groups:\n  web:\n    key-hex: 0\n",
     "3:14: group web: key-hex must be pairs of hexadecimal digits, at most 40 digits"},
    {"groups:\n  web:\n    key: [a, b, c, d, e]\n", "3:23: group web: more than 4 keys"},
    {"groups:\n  web:\n    key-file: /nonexistent\n",
     "3:15: group web: unable to open passfile /nonexistent for reading: No such file or "
     "directory"},
    {GROUP "    key-hex: 00\n", "7:5: group web: only one of key, key-hex and key-file is right"},
    {GROUP "  db: {interface: eth0, vhid: 7, key: secret, addresses: [10.0.0.101]}\n",
     "7:3: group db: vhid 7 on eth0 is that of group web already"},
    {GROUP "  db: {interface: eth1, vhid: 7, key: secret, addresses: [10.0.0.100]}\n",
     "7:3: group db: the address 10.0.0.100 is that of group web already"},
    {"log: file\n" GROUP, "1:6: log must be a mapping with to, facility, level"},
    {"log: {to: file}\n" GROUP, "1:11: log: to \"file\" is none of: stderr, syslog"},
    {"log: {level: loud}\n" GROUP, "1:14: log: level \"loud\" is none of: info, debug"},
    {"log: {facility: x}\n" GROUP,
     "1:17: log: facility \"x\" is unknown; daemon or local0 to local7 are right"},
    {"log: {colour: red}\n" GROUP, "1:7: log: colour is no setting; to, facility and level are"},
    {"journal: ''\n" GROUP, "1:10: journal is empty"},
    {"journal:\n" GROUP, "1:9: journal is empty"},
    {"journal: ~\n" GROUP,
     "1:10: journal has no value; if it is meant as a text, put it in quotes"},
    {"journal: [/j]\n" GROUP, "1:10: journal must be a single value"},
    {"journal: /j\njournal: /k\n" GROUP, "2:1: journal is there twice"},
    {"journal-size: 0\n" GROUP, "1:15: journal-size 0 is out of range 1..65536"},
    {"journal-size: 65537\n" GROUP, "1:15: journal-size 65537 is out of range 1..65536"},
    {"journal-size: 64M\n" GROUP, "1:15: journal-size \"64M\" is not a number; 1..65536 is right"},
    {"groups:\n\tweb: 3\n", "2:1: not YAML: found character that cannot start any token"},
    {"groups: {web: {vhid: 7\n", "2:1: not YAML: did not find expected ',' or '}'"},
    {"groups: {web: *nope}\n", "1:15: not YAML: found undefined alias"},
    {"groups: &a\n  web: *a\n", "2:3: group web: web is no setting"}, /* no endless descent */
    {GROUP "---\nmore: 1\n", "7:4: a second document; one a file is right"},
    {GROUP "---\n]\n", "8:1: not YAML: did not find expected node content"},
    {GROUP "  '': {}\n",
     "7:3: a group's name must have 1 to 64 bytes, none of them a control character"},
    {GROUP "  \"a\\nb\": {}\n",
     "7:3: a group's name must have 1 to 64 bytes, none of them a control character"},
    {GROUP "  \"\\x7f\": {}\n",
     "7:3: a group's name must have 1 to 64 bytes, none of them a control character"},
    {GROUP
     "  nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn: {}\n", /* 65 bytes; the
                                                                                     next has 64 */
     "7:3: a group's name must have 1 to 64 bytes, none of them a control character"},
    {GROUP "  nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn: {}\n",
     "7:69: group nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn: interface is "
     "missing; name the one the address lives on, like eth0"},
    {GROUP "  web: {}\n", "7:3: web is there twice"},
    {GROUP "    [a, b]: 7\n", "7:5: group web: a key must be a plain word"},
    {GROUP "    up: null\n",
     "7:9: group web: up has no value; if it is meant as a text, put it in quotes"},
    {GROUP "    argument: ~\n",
     "7:15: group web: argument has no value; if it is meant as a text, put it in quotes"},
    {GROUP "    up: \"/bin/up\\0.sh\"\n",
     "7:9: group web: up must be a single value without NUL bytes"},
    {GROUP "    advbase: 08\n", "7:14: group web: advbase \"08\" is not a number; 0..255 is right"},
    {GROUP "    advbase: 18446744073709551617\n", /* 2 to the 64th and one */
     "7:14: group web: advbase 18446744073709551617 is out of range 0..255"},
    {"groups:\n  web:\n    addresses: ['::1']\n",
     "3:17: group web: ::1 cannot be shared: it is a multicast, loopback or unset address"},
    {"groups:\n  web:\n    addresses: ['::']\n",
     "3:17: group web: :: cannot be shared: it is a multicast, loopback or unset address"},
    {"groups:\n  web:\n    addresses: [127.0.0.1/8]\n",
     "3:17: group web: 127.0.0.1 cannot be shared: it is a multicast, loopback or unset address"},
    {GROUP "    group: 240.0.0.1\n",
     "7:12: group web: group 240.0.0.1 must be a multicast address (224.0.0.0 to "
     "239.255.255.255)"},
    {GROUP "    source: 0.0.0.0\n",
     "7:13: group web: source 0.0.0.0 must be the address of a host, not multicast or loopback"},
    {GROUP "    source: 127.0.0.1\n",
     "7:13: group web: source 127.0.0.1 must be the address of a host, not multicast or loopback"},
    {GROUP "    source: 255.255.255.255\n",
     "7:13: group web: source 255.255.255.255 must be the address of a host, not multicast or "
     "loopback"},
    {GROUP "  db: {interface: e, vhid: 7, key: s, addresses: [10.0.0.1, 10.0.0.100/32]}\n",
     "7:3: group db: the address 10.0.0.100 is that of group web already"},
};

TEST_CASE(config_yaml, names_place_value_and_remedy_of_every_mistake_in_one_line)
{
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        struct reading r;
        char want[CONFIG_ERROR_MAX];
        tk_row(mistakes[i].text);
        snprintf(want, sizeof want, "%s:%s", path_of_file(), mistakes[i].error);
        read_text(&r, mistakes[i].text);
        EXPECT_INT(2, r.status);
        EXPECT_STR(want, r.error);
        EXPECT_U64(0, r.config.group_count); /* nothing half-read */
        free_reading(&r);
    }
}

TEST_CASE(config_yaml, refuses_bytes_that_are_no_text)
{
    struct reading r;
    read_bytes_as_file(&r, "groups:\0\1\2", 10);
    EXPECT_INT(2, r.status);
    EXPECT_STR(": not text at byte 7: control characters are not allowed",
               r.error + strlen(path_of_file()));
    free_reading(&r);
}

TEST_CASE(config_yaml, says_why_a_file_cannot_be_read)
{
    char *missing[] = {"carpd", "-c", "/nonexistent/carpd.yaml", NULL};
    char *directory[] = {"carpd", "-c", "/tmp", NULL};
    struct reading r;
    memset(&r, 0, sizeof r);
    EXPECT_INT(2, config_from_arguments(3, missing, &r.config, &r.action, &r.warnings, r.error));
    EXPECT_STR("/nonexistent/carpd.yaml: cannot be read: No such file or directory", r.error);
    EXPECT_INT(2, config_from_arguments(3, directory, &r.config, &r.action, &r.warnings, r.error));
    EXPECT_STR("/tmp: cannot be read: Is a directory", r.error);
    free_reading(&r);
}

/* Any prefix of a good file is a bad file with a sentence, or a good one; never a crash. */
TEST_CASE(config_yaml, survives_being_cut_anywhere)
{
    static const char whole[] = "log: {to: syslog}\n" GROUP "    advbase: 2\n";
    for (size_t size = 0; size < sizeof whole; size++) {
        struct reading r;
        read_bytes_as_file(&r, whole, size);
        EXPECT_TRUE((r.status == 0) == (r.error[0] == '\0'));
        EXPECT_TRUE(strchr(r.error, '\n') == NULL);
        free_reading(&r);
    }
}

/* 10,000 digits are a number out of range, and 64 of them enough to find it by. */
TEST_CASE(config_yaml, leaves_room_for_the_range_behind_a_very_long_value)
{
    struct reading r;
    static char text[20000];
    char want[CONFIG_ERROR_MAX];
    int used = snprintf(text, sizeof text, GROUP "    advbase: ");
    memset(text + used, '9', 10000);
    read_text(&r, text);
    snprintf(want, sizeof want, "%s:7:14: group web: advbase %.64s is out of range 0..255",
             path_of_file(), text + used);
    EXPECT_STR(want, r.error);
    free_reading(&r);
}

/* Neither a stack nor a loop without end: an alias is followed no further than a value is read. */
TEST_CASE(config_yaml, survives_what_is_nested_without_end)
{
    static char nested[4001];
    memset(nested, '[', 2000);
    memset(nested + 2000, ']', 2000);
    const char *texts[][2] = {
        {"groups: {web: {addresses: &x [*x]}}",
         ":1:27: group web: addresses must be a single value"},
        {"log: &x {to: *x}", ":1:6: log: to must be a single value"},
        {"a: &a [x, x]\nb: &b [*a, *a]\ngroups: *b\n",
         ":1:1: a is no setting at the top level; groups, log, journal, journal-size, user, "
         "command-user and confine are"},
        {nested, ":1:1: nothing is configured; groups: with at least one is right"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct reading r;
        tk_row(texts[i][0]);
        read_text(&r, texts[i][0]);
        EXPECT_INT(2, r.status);
        EXPECT_STR(texts[i][1], r.error + strlen(path_of_file()));
        free_reading(&r);
    }
}

TEST_CASE(config_yaml, never_shows_a_key)
{
    static const char *const files[] = {
        GROUP "    key: hunter2\n",
        "groups: {web: {key: [hunter2, hunter2hunter2hunter2]}}",
        "groups: {web: {key-hex: hunter2}}",
        "groups: {web: {key: {hunter2: 1}}}",
        "groups: {web: {key: [hunter2, null]}}",
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct reading r;
        tk_row(files[i]);
        read_text(&r, files[i]);
        EXPECT_INT(2, r.status);
        EXPECT_TRUE(strstr(r.error, "hunter2") == NULL);
        free_reading(&r);
    }
}

/* For a simulation: what the files of two hosts agree on must agree, where their keys are not. */
TEST_CASE(config_yaml, tried_takes_a_key_file_by_its_name)
{
    static const struct {
        const char *file;
        uint8_t key[CARP_KEY_SIZE];
    } rows[] = {
        {"/nonexistent/web", "/nonexistent/web"},
        {"/nonexistent/and/longer/than/a/key", "longer/than/a/key"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct config config = {0};
        struct config_warnings warnings = {0};
        char error[CONFIG_ERROR_MAX] = "";
        FILE *file = fopen(path_of_file(), "w");
        ASSERT_TRUE(file != NULL);
        fprintf(file,
                "groups:\n  web:\n    interface: eth0\n    vhid: 7\n    addresses: [10.0.0.1]\n"
                "    key-file: %s\n",
                rows[i].file);
        fclose(file);
        EXPECT_INT(2, config_from_file(path_of_file(), &config, &warnings, error));
        config_free(&config);
        EXPECT_INT(0, config_to_try(path_of_file(), &config, &warnings, error));
        unlink(path_of_file());
        size_t size = strlen((const char *)rows[i].key);
        const uint8_t *key = config.groups[0].carp.keys[0];
        EXPECT_BYTES(rows[i].key, i == 0 ? key : key + CARP_KEY_SIZE - size, size);
        config_free(&config);
        config_warnings_free(&warnings);
    }
}

/* Goal: who tries a file is given one line as well, whatever a value holds; so is who reads a
 * warning, which goes to the log. Found by fuzz/config_fuzz.c. */
TEST_CASE(config_yaml, says_what_is_tried_in_one_line)
{
    struct config config = {0};
    struct config_warnings warnings = {0};
    char error[CONFIG_ERROR_MAX] = "";
    FILE *file = fopen(path_of_file(), "w");
    ASSERT_TRUE(file != NULL);
    fputs("\"a\\nb\\x7f\": {}\n", file);
    fclose(file);
    EXPECT_INT(2, config_to_try(path_of_file(), &config, &warnings, error));
    unlink(path_of_file());
    EXPECT_STR(
        ":1:1: a?b? is no setting at the top level; groups, log, journal, journal-size, user, "
        "command-user and confine are",
        error + strlen(path_of_file()));
    config_free(&config);

    struct reading r;
    read_text(&r, GROUP "    up: \"bin/up\\nwrong: all is well\"\n");
    EXPECT_INT(0, r.status);
    ASSERT_TRUE(r.warnings.count == 1);
    EXPECT_STR("web: the up command bin/up?wrong: all is well is no absolute path, and daemons run "
               "in /",
               r.warnings.lines[0]);
    free_reading(&r);
}
