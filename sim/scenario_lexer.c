#include "sim/scenario_lexer.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void lexer_begin(struct lexer *l, const char *name, const char *text, char *error)
{
    *l = (struct lexer){.name = name, .at = "", .text = text, .line_start = text, .error = error};
    error[0] = '\0';
}

bool lexer_fail(struct lexer *l, const char *format, ...)
{
    if (!l->failed) {
        int used =
            snprintf(l->error, SCENARIO_ERROR_MAX, "%s:%u:%u: ", l->name, l->line, l->column);
        va_list arguments;
        va_start(arguments, format);
        if (used > 0 && used < SCENARIO_ERROR_MAX) {
            vsnprintf(l->error + used, (size_t)(SCENARIO_ERROR_MAX - used), format, arguments);
        }
        va_end(arguments);
        l->failed = true;
    }
    return false;
}

/* Not <ctype.h>: what a letter is must not depend on the environment. */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* --- words --------------------------------------------------------------------------------------
 */

static bool separates(char c)
{
    return c == ' ' || c == '\t' || c == '=' || c == '\r';
}

static bool stands_alone(char c)
{
    return c == '{' || c == '}';
}

/* "<=", ">=", "==" and "!=" are words although '=' separates. */
static size_t comparison_size(const char *at)
{
    bool two = (at[0] == '<' || at[0] == '>' || at[0] == '=' || at[0] == '!') && at[1] == '=';
    bool arrow = at[0] == '<' && at[1] == '-';
    return two ? 2 : (at[0] == '<' || at[0] == '>') && !arrow ? 1 : 0;
}

/* Does a comparison begin within a word, as in c.lost>=1? An arrow (a->b, a<->b) is none. */
static bool compares(const char *word, size_t at)
{
    return comparison_size(word + at) > 0 && !(word[at] == '>' && at > 0 && word[at - 1] == '-');
}

static size_t word_size(const char *at)
{
    size_t size = comparison_size(at);
    if (size > 0) {
        return size;
    }
    if (stands_alone(*at)) {
        return 1;
    }
    while (at[size] != '\0' && at[size] != '\n' && at[size] != '#' && !separates(at[size]) &&
           !stands_alone(at[size]) && !compares(at, size)) {
        size++;
    }
    return size;
}

bool lexer_next(struct lexer *l)
{
    while (separates(*l->at) && comparison_size(l->at) == 0) {
        l->at++;
    }
    l->column = (unsigned)(l->at - l->line_start) + 1;
    l->word[0] = '\0';
    if (*l->at == '\0' || *l->at == '\n' || *l->at == '#' || l->failed) {
        return false;
    }
    size_t size = word_size(l->at);
    if (size >= WORD_MAX) {
        return lexer_fail(l, "a word of %zu characters; at most %d fit", size, WORD_MAX - 1);
    }
    memcpy(l->word, l->at, size);
    l->word[size] = '\0';
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)l->word[i] < 32 || (unsigned char)l->word[i] > 126) {
            return lexer_fail(l, "a character that is not printable ASCII (0x%02x)",
                              (unsigned char)l->word[i]);
        }
    }
    l->at += size;
    return true;
}

bool lexer_line(struct lexer *l)
{
    while (*l->text != '\0' && !l->failed) {
        l->line_start = l->at = l->text;
        l->line += 1;
        const char *end = strchr(l->text, '\n');
        l->text = end == NULL ? l->text + strlen(l->text) : end + 1;
        if (lexer_next(l)) {
            return true;
        }
    }
    return false;
}

bool lexer_is(const struct lexer *l, const char *word)
{
    return strcmp(l->word, word) == 0;
}

bool lexer_take(struct lexer *l, const char *word)
{
    if (!lexer_is(l, word)) {
        return false;
    }
    lexer_next(l);
    return true;
}

const char *lexer_shown(const struct lexer *l)
{
    return l->word[0] == '\0' ? "the end of the line" : l->word;
}

const char *lexer_named(const struct lexer *l)
{
    return l->word[0] == '\0' ? "(none)" : l->word;
}

/* --- numbers ------------------------------------------------------------------------------------
 */

/* Decimal digits with a fraction, in units of `scale`; returns the end, NULL when it is none, too
 * large, or finer than can be kept. */
static const char *read_decimal(const char *at, uint64_t scale, uint64_t *value)
{
    uint64_t whole = 0, part = 0, place = scale;
    if (!is_digit(*at)) {
        return NULL;
    }
    for (; is_digit(*at); at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (whole > (UINT64_MAX / 4 - digit) / 10) {
            return NULL;
        }
        whole = whole * 10 + digit;
    }
    if (*at == '.' && is_digit(at[1])) {
        for (at++; is_digit(*at); at++) {
            place /= 10;
            if (place == 0 && *at != '0') {
                return NULL;
            }
            part += place * (uint64_t)(*at - '0');
        }
    }
    if (whole > UINT64_MAX / 4 / scale) {
        return NULL;
    }
    *value = whole * scale + part;
    return at;
}

bool lexer_number(struct lexer *l, const char *what, uint64_t min, uint64_t max, uint64_t *value)
{
    uint64_t read;
    const char *end = read_decimal(l->word, 1, &read);
    if (end == NULL || *end != '\0' || strchr(l->word, '.') != NULL || read < min || read > max) {
        return lexer_fail(l, "%s: %s; a whole number from %llu to %llu is right", what,
                          lexer_shown(l), (unsigned long long)min, (unsigned long long)max);
    }
    *value = read;
    lexer_next(l);
    return true;
}

static const struct {
    const char *unit;
    uint64_t ns;
} units[] = {
    {"ns", 1},
    {"us", 1000},
    {"ms", 1000000},
    {"s", 1000000000},
    {"m", UINT64_C(60000000000)},
    {"min", UINT64_C(60000000000)},
    {"h", UINT64_C(3600000000000)},
    {"d", UINT64_C(86400000000000)},
    {"y", UINT64_C(31557600000000000)},
};

/* Durations of any length, up to some 146 years. */
static const char *read_any_duration(const struct lexer *l, const char *at, uint64_t *ns)
{
    const char *unit = at + strspn(at, "0123456789.");
    size_t size = 0;
    while (is_letter(unit[size])) {
        size++;
    }
    if (size == 0 && l->unit_ns != 0) {
        return read_decimal(at, l->unit_ns, ns);
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strlen(units[i].unit) == size && strncmp(units[i].unit, unit, size) == 0) {
            return read_decimal(at, units[i].ns, ns) == unit ? unit + size : NULL;
        }
    }
    if (size == 0 && strcmp(at, "0") == 0) {
        *ns = 0;
        return unit;
    }
    return NULL;
}

/* A duration at the beginning of `at`; returns its end, NULL when there is none. */
static const char *read_duration(const struct lexer *l, const char *at, uint64_t *ns)
{
    const char *end = read_any_duration(l, at, ns);
    return end != NULL && *ns <= SCENARIO_TIME_MAX.ns ? end : NULL;
}

#define A_DURATION                                                                                 \
    "a time such as 20ms, 1.5s or 10m is right (units: ns us ms s m h d y; at most 100y)"

bool lexer_duration(struct lexer *l, const char *what, carp_duration *value)
{
    uint64_t ns;
    const char *end = read_duration(l, l->word, &ns);
    if (end == NULL || *end != '\0') {
        return lexer_fail(l, "%s: %s; " A_DURATION, what, lexer_shown(l));
    }
    value->ns = ns;
    lexer_next(l);
    return true;
}

/* A whole number of the largest unit that fits: 1h, 10us. */
static const char *short_duration(carp_duration d, char text[32])
{
    size_t u = 0;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (d.ns >= units[i].ns && d.ns % units[i].ns == 0 && strcmp(units[i].unit, "min") != 0) {
            u = i;
        }
    }
    snprintf(text, 32, "%llu%s", (unsigned long long)(d.ns / units[u].ns), units[u].unit);
    return text;
}

bool lexer_span(struct lexer *l, const char *what, carp_duration min, carp_duration max,
                carp_duration *value)
{
    struct lexer before = *l;
    char least[32], most[32];
    if (!lexer_duration(l, what, value)) {
        return false;
    }
    if (value->ns < min.ns || value->ns > max.ns) {
        *l = before;
        return lexer_fail(l, "%s: %s; a time from %s to %s is right", what, l->word,
                          short_duration(min, least), short_duration(max, most));
    }
    return true;
}

bool lexer_signed_duration(struct lexer *l, const char *what, int64_t *ns)
{
    uint64_t size;
    bool negative = l->word[0] == '-';
    const char *end = read_duration(l, l->word + (negative || l->word[0] == '+'), &size);
    if (end == NULL || *end != '\0') {
        return lexer_fail(l, "%s: %s; " A_DURATION ", with + or - before it", what, lexer_shown(l));
    }
    *ns = negative ? -(int64_t)size : (int64_t)size;
    lexer_next(l);
    return true;
}

bool lexer_at_duration(const struct lexer *l)
{
    uint64_t ns;
    const char *at = l->word + (l->word[0] == '+');
    const char *end = read_duration(l, at, &ns);
    return end != NULL && (*end == '\0' || *end == '~');
}

bool lexer_moment(struct lexer *l, struct moment *moment)
{
    uint64_t from, to;
    const char *at = l->word + (l->word[0] == '+');
    const char *end = read_duration(l, at, &from);
    *moment = (struct moment){.relative = l->word[0] == '+'};
    if (end == NULL || (*end != '\0' && *end != '~')) {
        return lexer_fail(l, "when: %s; an instant such as 60s, +5s or 60s~70s is right",
                          lexer_shown(l));
    }
    to = from;
    if (*end == '~') {
        end = read_duration(l, end + 1, &to);
        if (end == NULL || *end != '\0') {
            return lexer_fail(l, "when: %s; a range such as 60s~70s is right", lexer_shown(l));
        }
    }
    if (to < from) {
        return lexer_fail(l, "when: %s ends before it begins; the earlier instant goes first",
                          lexer_shown(l));
    }
    moment->from = (carp_instant){from};
    moment->to = (carp_instant){to};
    lexer_next(l);
    return true;
}

bool lexer_ppm(struct lexer *l, const char *what, uint32_t *ppm)
{
    uint64_t value;
    const char *end = read_decimal(l->word, 10000, &value);
    if (end == NULL || strcmp(end, "%") != 0 || value > 1000000) {
        return lexer_fail(l, "%s: %s; a share from 0%% to 100%% is right, such as 0.5%%", what,
                          lexer_shown(l));
    }
    *ppm = (uint32_t)value;
    lexer_next(l);
    return true;
}

/* --- other words --------------------------------------------------------------------------------
 */

static bool read_address(const char *word, struct sim_address *address)
{
    memset(address, 0, sizeof *address);
    address->family = strchr(word, ':') != NULL ? 6 : 4;
    return inet_pton(address->family == 6 ? AF_INET6 : AF_INET, word, address->bytes) == 1;
}

bool lexer_at_address(const struct lexer *l)
{
    struct sim_address address;
    return read_address(l->word, &address);
}

bool lexer_address(struct lexer *l, const char *what, struct sim_address *address)
{
    if (!read_address(l->word, address)) {
        return lexer_fail(l, "%s: %s; an address such as 10.0.0.254 or 2001:db8::1 is right", what,
                          lexer_shown(l));
    }
    lexer_next(l);
    return true;
}

bool lexer_comparison(struct lexer *l, enum comparison *comparison)
{
    static const char *const words[] = {"<", "<=", "==", "!=", ">=", ">", NULL};
    unsigned index;
    if (!lexer_choice(l, "a comparison", words, &index)) {
        return false;
    }
    *comparison = (enum comparison)index;
    return true;
}

bool lexer_name(struct lexer *l, const char *what, char name[SCENARIO_NAME_MAX])
{
    size_t size = strlen(l->word);
    size_t good =
        strspn(l->word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    if (size == 0 || size >= SCENARIO_NAME_MAX || good != size || !is_letter(l->word[0])) {
        return lexer_fail(l,
                          "%s: %s; a name of letters, digits, - and _ is right, a letter first, "
                          "at most %d",
                          what, lexer_shown(l), SCENARIO_NAME_MAX - 1);
    }
    memcpy(name, l->word, size + 1);
    lexer_next(l);
    return true;
}

bool lexer_choice(struct lexer *l, const char *what, const char *const *words, unsigned *index)
{
    char list[256] = "";
    size_t used = 0;
    for (unsigned i = 0; words[i] != NULL; i++) {
        if (lexer_is(l, words[i])) {
            *index = i;
            lexer_next(l);
            return true;
        }
        int wrote = snprintf(list + used, sizeof list - used, "%s%s", i == 0 ? "" : ", ", words[i]);
        used += (size_t)wrote < sizeof list - used ? (size_t)wrote : 0;
    }
    return lexer_fail(l, "%s: %s; one of these is right: %s", what, lexer_shown(l), list);
}
