// The shim between the C tests of testkit.h and GoogleTest.
#include "tools/testkit/testkit.h"

#include <gtest/gtest.h>

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <string>

namespace
{

tk_case *cases;
tk_case **last = &cases;
const char *row;

class CCase : public testing::Test
{
  public:
    explicit CCase(void (*run)()) : run_(run)
    {
    }

  private:
    void TestBody() override
    {
        run_();
        row = nullptr;
    }

    void (*run_)();
};

std::string hex(const void *bytes, size_t size)
{
    std::string text;
    for (size_t i = 0; i < size; i++) {
        char pair[3];
        std::snprintf(pair, sizeof pair, "%02x", static_cast<const unsigned char *>(bytes)[i]);
        text += pair;
    }
    return text;
}

} // namespace

extern "C" {

void tk_register(tk_case *test_case)
{
    *last = test_case;
    last = &test_case->next;
}

void tk_skip(const char *why)
{
    GTEST_SKIP() << why;
}

void tk_row(const char *why)
{
    row = why;
}

void tk_fail(const char *file, int line, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    ADD_FAILURE_AT(file, line) << text << (row ? "\n  row: " : "") << (row ? row : "");
}

void tk_expect_int(const char *file, int line, const char *text, int64_t want, int64_t got)
{
    if (want != got) {
        tk_fail(file, line, "%s is %lld, want %lld", text, static_cast<long long>(got),
                static_cast<long long>(want));
    }
}

void tk_expect_u64(const char *file, int line, const char *text, uint64_t want, uint64_t got)
{
    if (want != got) {
        tk_fail(file, line, "%s is 0x%llx, want 0x%llx", text, static_cast<unsigned long long>(got),
                static_cast<unsigned long long>(want));
    }
}

void tk_expect_str(const char *file, int line, const char *text, const char *want, const char *got)
{
    if (want == nullptr || got == nullptr || std::strcmp(want, got) != 0) {
        tk_fail(file, line, "%s is\n%s\nwant\n%s", text, got ? got : "(null)",
                want ? want : "(null)");
    }
}

void tk_expect_bytes(const char *file, int line, const char *text, const void *want,
                     const void *got, size_t size)
{
    if (std::memcmp(want, got, size) != 0) {
        tk_fail(file, line, "%s is\n  %s\nwant\n  %s", text, hex(got, size).c_str(),
                hex(want, size).c_str());
    }
}

size_t tk_unhex(const char *text, uint8_t *bytes, size_t room)
{
    size_t digits = std::strlen(text);
    if (digits % 2 != 0 || digits / 2 > room) {
        ADD_FAILURE() << "bad hexadecimal in the test: " << text;
        return 0;
    }
    for (size_t i = 0; i < digits / 2; i++) {
        unsigned value;
        if (std::sscanf(text + 2 * i, "%2x", &value) != 1) {
            ADD_FAILURE() << "bad hexadecimal in the test: " << text;
            return 0;
        }
        bytes[i] = static_cast<uint8_t>(value);
    }
    return digits / 2;
}

const char *tk_path(const char *in_tree)
{
    static std::string path;
    path = std::string(CARP_SOURCE_DIR "/") + in_tree;
    return path.c_str();
}

} // extern "C"

int main(int argc, char **argv)
{
    testing::InitGoogleTest(&argc, argv);
    for (tk_case *c = cases; c != nullptr; c = c->next) {
        auto run = c->run;
        testing::RegisterTest(c->suite, c->name, nullptr, nullptr, c->file, c->line,
                              [run]() -> testing::Test * { return new CCase(run); });
    }
    return RUN_ALL_TESTS();
}
