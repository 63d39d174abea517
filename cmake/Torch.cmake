# SPDX-License-Identifier: Apache-2.0
# lora::torch: the C++ half of the torch wheel, without find_package(Torch),
# which insists on a full CUDA toolkit when the wheel is a CUDA build.
# Looked for anew each time: -DLORA_TORCH_DIR, the environment's, or what
# tools/setup unpacked.
set(_torch_root ${LORA_TORCH_DIR})
if(NOT _torch_root)
  set(_torch_root $ENV{LORA_TORCH_DIR})
endif()
if(NOT _torch_root)
  set(_torch_pins ${CMAKE_CURRENT_LIST_DIR}/../tools/torch-requirements.txt)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${_torch_pins})
  file(STRINGS ${_torch_pins} _torch_pin REGEX "^torch==")
  string(REGEX MATCH "[0-9][0-9.]*" _torch_version "${_torch_pin}")
  set(_torch_root $ENV{XDG_CACHE_HOME})
  if(NOT _torch_root)
    set(_torch_root $ENV{HOME}/.cache)
  endif()
  string(APPEND _torch_root /lora-server/torch-${_torch_version})
endif()
set(_torch ${_torch_root}/torch)
if(NOT EXISTS ${_torch}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "No libtorch in ${_torch_root}: run tools/setup, or "
                      "point LORA_TORCH_DIR at a folder that holds torch/.")
endif()

# Only these folders: the wheel's include/ also ships google/protobuf and fmt,
# which break gRPC and spdlog when they are seen.
set(_torch_include ${PROJECT_BINARY_DIR}/torch_include)
file(MAKE_DIRECTORY ${_torch_include})
foreach(_dir ATen c10 torch caffe2)
  file(CREATE_LINK ${_torch}/include/${_dir} ${_torch_include}/${_dir}
       SYMBOLIC)
endforeach()

function(lora_torch_library name)
  add_library(lora_torch_${name} SHARED IMPORTED)
  set_target_properties(lora_torch_${name} PROPERTIES
    IMPORTED_LOCATION ${_torch}/lib/lib${name}.so
    IMPORTED_NO_SONAME ON)
endfunction()

lora_torch_library(c10)
lora_torch_library(torch_cpu)
add_library(lora_torch INTERFACE)
add_library(lora::torch ALIAS lora_torch)
target_include_directories(lora_torch SYSTEM INTERFACE ${_torch_include})
target_link_libraries(lora_torch INTERFACE lora_torch_torch_cpu lora_torch_c10)
target_link_options(lora_torch INTERFACE
  -Wl,-rpath,${_torch}/lib -Wl,--allow-shlib-undefined)
if(LORA_WITH_CUDA)
  lora_torch_library(c10_cuda)
  lora_torch_library(torch_cuda)
  # Only static initialisers of libtorch_cuda are used, so as-needed drops it.
  target_link_libraries(lora_torch INTERFACE
    -Wl,--no-as-needed lora_torch_torch_cuda lora_torch_c10_cuda
    -Wl,--as-needed)
  target_compile_definitions(lora_torch INTERFACE LORA_WITH_CUDA)
endif()
