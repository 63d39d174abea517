# SPDX-License-Identifier: Apache-2.0
# Language level, warnings, sanitizers and ccache, for every target of ours.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)

# Clones in other folders share what is cached.
find_program(LORA_CCACHE ccache)
if(LORA_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}
      CCACHE_NOHASHDIR=1 ${LORA_CCACHE})
endif()

# Link this to every target of ours; third-party headers are SYSTEM.
add_library(lora_compile INTERFACE)
add_library(lora::compile ALIAS lora_compile)
target_compile_features(lora_compile INTERFACE cxx_std_20)
target_include_directories(lora_compile INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(lora_compile INTERFACE
  -Wall -Wextra -Wno-missing-field-initializers
  $<$<BOOL:${LORA_WERROR}>:-Werror>
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety -Werror=thread-safety>)

if(LORA_SANITIZE)
  add_compile_options(-fsanitize=${LORA_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${LORA_SANITIZE})
endif()
