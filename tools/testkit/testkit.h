/*
 * Tests in C, run by GoogleTest: TEST_CASE leaves a record in a list, testkit_gtest.cc (the tree's
 * only C++) hands each to testing::RegisterTest(), so filters, XML and failure places work as
 * usual.
 *
 * EXPECT_* note a failure and go on; ASSERT_TRUE notes it and leaves the function. The wanted value
 * comes first.
 */
#ifndef CARP_TESTKIT_H
#define CARP_TESTKIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tk_case {
    const char *suite;
    const char *name;
    const char *file;
    int line;
    void (*run)(void);
    struct tk_case *next;
};

void tk_register(struct tk_case *test_case);
void tk_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* This test cannot run here, for this reason: it counts as skipped. The test returns afterwards. */
void tk_skip(const char *why);

/* Name the row of a table that is being checked; failures until the next call or the end of the
 * test show it. Borrowed; NULL ends it. */
void tk_row(const char *why);

void tk_expect_int(const char *file, int line, const char *text, int64_t want, int64_t got);
void tk_expect_u64(const char *file, int line, const char *text, uint64_t want, uint64_t got);
void tk_expect_str(const char *file, int line, const char *text, const char *want, const char *got);
void tk_expect_bytes(const char *file, int line, const char *text, const void *want,
                     const void *got, size_t size);

/* The text of a hexadecimal string as bytes; returns their number. The test fails when it is
 * malformed or does not fit. */
size_t tk_unhex(const char *hex, uint8_t *bytes, size_t room);

/* The path of a file in the source tree, such as "engine/testdata/captures/x.pcap". Valid until the
 * next call. */
const char *tk_path(const char *in_tree);

#ifdef __cplusplus
}
#endif

#define TEST_CASE(suite_, name_)                                                                   \
    static void suite_##__##name_(void);                                                           \
    __attribute__((constructor)) static void suite_##__##name_##_register(void)                    \
    {                                                                                              \
        static struct tk_case record = {                                                           \
            #suite_, #name_, __FILE__, __LINE__, suite_##__##name_, 0};                            \
        tk_register(&record);                                                                      \
    }                                                                                              \
    static void suite_##__##name_(void)

#define EXPECT_INT(want, got) tk_expect_int(__FILE__, __LINE__, #got, (want), (got))
#define EXPECT_U64(want, got) tk_expect_u64(__FILE__, __LINE__, #got, (want), (got))
#define EXPECT_STR(want, got) tk_expect_str(__FILE__, __LINE__, #got, (want), (got))
#define EXPECT_BYTES(want, got, size)                                                              \
    tk_expect_bytes(__FILE__, __LINE__, #got, (want), (got), (size))
#define EXPECT_TRUE(condition)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            tk_fail(__FILE__, __LINE__, "not true: %s", #condition);                               \
        }                                                                                          \
    } while (0)
#define ASSERT_TRUE(condition)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            tk_fail(__FILE__, __LINE__, "not true: %s", #condition);                               \
            return;                                                                                \
        }                                                                                          \
    } while (0)

#endif
