# The mutation build (docs/MUTANTS.md): the libraries are made from copies of their sources in which
# every defect of the table is there, and none is switched on. Nothing else changes.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(mutated ${CMAKE_BINARY_DIR}/mutated)
set(mutants ${CMAKE_SOURCE_DIR}/tools/mutants)

execute_process(COMMAND ${Python3_EXECUTABLE} ${mutants}/generate.py ${mutants}/table
    ${CMAKE_SOURCE_DIR} ${mutated} RESULT_VARIABLE failed ERROR_VARIABLE why)
if(failed)
    message(FATAL_ERROR "the table of mutants is wrong: ${why}")
endif()
# When a source or the table changes, the copies are made anew before anything is built.
set(depends ${mutants}/table ${mutants}/table.py ${mutants}/generate.py
    ${CMAKE_SOURCE_DIR}/docs/PROTOCOL.md)

# Mutated headers come before the others.
target_include_directories(carp_build BEFORE INTERFACE ${mutated})
target_sources(carp_engine PRIVATE ${mutants}/mutant.c)
foreach(target carp_engine carp_io carp_io_sim carp_sim)
    get_target_property(folder ${target} SOURCE_DIR)
    get_target_property(sources ${target} SOURCES)
    set(taken)
    foreach(source ${sources})
        cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${folder})
        cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${CMAKE_SOURCE_DIR} OUTPUT_VARIABLE name)
        if(EXISTS ${mutated}/${name})
            list(APPEND depends ${source})
            set(source ${mutated}/${name})
            set_source_files_properties(${source} TARGET_DIRECTORY ${target}
                PROPERTIES COMPILE_OPTIONS -w)
        endif()
        list(APPEND taken ${source})
    endforeach()
    set_target_properties(${target} PROPERTIES SOURCES "${taken}")
endforeach()
file(GLOB_RECURSE headers RELATIVE ${mutated} ${mutated}/*.h)
list(TRANSFORM headers PREPEND ${CMAKE_SOURCE_DIR}/)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${depends} ${headers})

add_executable(mutant_seeds ${mutants}/seeds.c ${CMAKE_SOURCE_DIR}/tools/carplab/scenario_file.c)
target_link_libraries(mutant_seeds PRIVATE carp_build carp_sim)
add_custom_target(mutants DEPENDS engine_test io_test io_sim_test sim_test carplab mutant_seeds)

add_test(NAME mutants.table COMMAND ${Python3_EXECUTABLE} ${mutants}/table_test.py)
add_test(NAME mutants.unknown_name COMMAND engine_test)
set_tests_properties(mutants.unknown_name PROPERTIES ENVIRONMENT CARP_MUTANT=nobody
    PASS_REGULAR_EXPRESSION "there is no mutant nobody")
add_test(NAME mutants.are_found COMMAND ${mutants}/run)
set_tests_properties(mutants.table mutants.unknown_name mutants.are_found PROPERTIES
    LABELS mutants TIMEOUT 600)
# This one must fail. tools/test looks whether it is counted as failed.
add_test(NAME canary COMMAND engine_test --gtest_fail_fast --gtest_brief=1)
set_tests_properties(canary PROPERTIES ENVIRONMENT CARP_MUTANT=canary LABELS canary)
