# SPDX-License-Identifier: Apache-2.0
# One static library a folder, one test program a layer.

# With LORA_UNITY_BUILD six sources compile as one, in half the time: parsing
# headers is most of the work. ALONE names the sources whose local names repeat
# those of others in their target.
function(lora_unity_build target)
  set_target_properties(${target} PROPERTIES
    UNITY_BUILD ${LORA_UNITY_BUILD} UNITY_BUILD_BATCH_SIZE 6)
  set_source_files_properties(${ARGN} PROPERTIES
    SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

# lora_library(NAME x SRCS a.cc ... DEPS lora::base absl::status ...
#              [ALONE a.cc ...])
# Defines lora::x. DEPS are public: headers name what they use.
function(lora_library)
  cmake_parse_arguments(ARG "" "NAME" "SRCS;DEPS;ALONE" ${ARGN})
  add_library(lora_${ARG_NAME} STATIC ${ARG_SRCS})
  lora_unity_build(lora_${ARG_NAME} ${ARG_ALONE})
  add_library(lora::${ARG_NAME} ALIAS lora_${ARG_NAME})
  target_link_libraries(lora_${ARG_NAME} PUBLIC ${ARG_DEPS} lora::compile)
endfunction()

# lora_interface(NAME x DEPS ...): a header-only target.
function(lora_interface)
  cmake_parse_arguments(ARG "" "NAME" "DEPS" ${ARGN})
  add_library(lora_${ARG_NAME} INTERFACE)
  add_library(lora::${ARG_NAME} ALIAS lora_${ARG_NAME})
  target_link_libraries(lora_${ARG_NAME} INTERFACE ${ARG_DEPS} lora::compile)
endfunction()

# lora_test(NAME x_test SRCS ... DEPS ... [ALONE ...] [LABELS ...]
#           [TIMEOUT seconds])
# Every TEST becomes a ctest entry; tests run in the source folder.
function(lora_test)
  cmake_parse_arguments(ARG "" "NAME;TIMEOUT" "SRCS;DEPS;ALONE;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${ARG_NAME} ${ARG_SRCS})
  lora_unity_build(${ARG_NAME} ${ARG_ALONE})
  target_link_libraries(${ARG_NAME} PRIVATE
    ${ARG_DEPS} lora::compile GTest::gmock GTest::gtest_main)
  # A test's own code need not be fast: it compiles a quarter faster so.
  if(CMAKE_BUILD_TYPE STREQUAL "Release")
    target_compile_options(${ARG_NAME} PRIVATE -O1)
  endif()
  # GCC 12 sees overlapping and uninitialised bytes in inlined std::string code
  # (GCC bug 105651).
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${ARG_NAME} PRIVATE
      -Wno-restrict -Wno-maybe-uninitialized)
  endif()
  # A sanitized program takes long to start: one ctest entry runs all its tests,
  # in 900 seconds, so that a deadlock is seen before .ci/run's time is over.
  if(LORA_SANITIZE)
    add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME}
             WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(${ARG_NAME} PROPERTIES
      TIMEOUT 900 LABELS "${ARG_LABELS}")
    return()
  endif()
  gtest_discover_tests(${ARG_NAME}
    DISCOVERY_MODE PRE_TEST
    DISCOVERY_TIMEOUT 60
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
    PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
endfunction()

# lora_bench(NAME x_bench SRCS ... DEPS ...): a Google Benchmark program.
function(lora_bench)
  cmake_parse_arguments(ARG "" "NAME" "SRCS;DEPS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SRCS})
  target_link_libraries(${ARG_NAME} PRIVATE
    ${ARG_DEPS} lora::compile benchmark::benchmark_main)
endfunction()
