# The toolchain of one target of tools/cross/zig: its compilers and archiver, which that script has made, are in
# CARP_TOOLS; headers and libraries are in CARP_PREFIX and nowhere else.
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES CARP_TARGET CARP_TOOLS CARP_PREFIX)
string(REGEX MATCH "^([^-]+)-([^-]+)" matched ${CARP_TARGET})
set(CMAKE_SYSTEM_PROCESSOR ${CMAKE_MATCH_1})
set(systems freebsd FreeBSD netbsd NetBSD openbsd OpenBSD macos Darwin linux Linux)
list(FIND systems ${CMAKE_MATCH_2} at)
math(EXPR at "${at} + 1")
list(GET systems ${at} CMAKE_SYSTEM_NAME)

set(CMAKE_C_COMPILER ${CARP_TOOLS}/cc)
set(CMAKE_CXX_COMPILER ${CARP_TOOLS}/c++)
set(CMAKE_AR ${CARP_TOOLS}/ar CACHE FILEPATH "")
set(CMAKE_RANLIB ${CARP_TOOLS}/ranlib CACHE FILEPATH "")

set(CMAKE_FIND_ROOT_PATH ${CARP_PREFIX})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_LIBDIR} ${CARP_PREFIX}/lib/pkgconfig)

# Programs of most targets cannot be asked for their tests here.
set(CMAKE_GTEST_DISCOVER_TESTS_DISCOVERY_MODE PRE_TEST)
