# Debian's cross compilers, with libraries from a sysroot (tools/cross/sysroot). To be told, by -D:
#
#   CMAKE_SYSROOT, CMAKE_CROSSCOMPILING_EMULATOR
#   CARP_CROSS_TRIPLE     what the compiler is for, such as s390x-linux-gnu
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES CARP_CROSS_TRIPLE)

set(CMAKE_SYSTEM_NAME Linux)
string(REGEX MATCH "^[^-]+" CMAKE_SYSTEM_PROCESSOR ${CARP_CROSS_TRIPLE})
set(CMAKE_C_COMPILER ${CARP_CROSS_TRIPLE}-gcc)
set(CMAKE_CXX_COMPILER ${CARP_CROSS_TRIPLE}-g++)

# Programs are the host's; all else is the sysroot's, or is not there.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
file(GLOB libraries ${CMAKE_SYSROOT}/usr/lib/*-linux-gnu*)
set(ENV{PKG_CONFIG_LIBDIR} ${libraries}/pkgconfig)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${CMAKE_SYSROOT})
# The compiler's own libc may be older than the one that all else here was linked with.
set(CMAKE_EXE_LINKER_FLAGS_INIT -L${libraries})
if(CARP_CROSS_TRIPLE STREQUAL "i686-linux-gnu") # whose programs this kernel runs as they are
    string(APPEND CMAKE_EXE_LINKER_FLAGS_INIT
        " -Wl,--dynamic-linker=${libraries}/ld-linux.so.2 -Wl,-rpath=${libraries},--disable-new-dtags")
endif()
set(CMAKE_MODULE_LINKER_FLAGS_INIT -L${libraries})
