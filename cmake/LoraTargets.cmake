# SPDX-License-Identifier: Apache-2.0
# One static library a folder, one test program a layer.

# lora_library(NAME x SRCS a.cc ... DEPS lora::base absl::status ...)
# Defines lora::x. DEPS are public: headers name what they use.
function(lora_library)
  cmake_parse_arguments(ARG "" "NAME" "SRCS;DEPS" ${ARGN})
  add_library(lora_${ARG_NAME} STATIC ${ARG_SRCS})
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

# lora_test(NAME x_test SRCS ... DEPS ... [LABELS ...] [TIMEOUT seconds])
# Every TEST becomes a ctest entry; tests run in the source folder.
function(lora_test)
  cmake_parse_arguments(ARG "" "NAME;TIMEOUT" "SRCS;DEPS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${ARG_NAME} ${ARG_SRCS})
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
  gtest_discover_tests(${ARG_NAME}
    DISCOVERY_MODE PRE_TEST
    DISCOVERY_TIMEOUT 60
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
    PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
endfunction()

# lora_bench(NAME x_bench SRCS ... DEPS ...): a Google Benchmark program.
function(lora_bench)
  cmake_parse_arguments(ARG "" "NAME" "SRCS;DEPS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SRCS})
  target_link_libraries(${ARG_NAME} PRIVATE
    ${ARG_DEPS} lora::compile benchmark::benchmark_main)
endfunction()
