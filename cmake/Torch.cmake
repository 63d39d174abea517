# SPDX-License-Identifier: Apache-2.0
# lora::torch: the C++ half of the torch wheel, without find_package(Torch),
# which insists on a full CUDA toolkit when the wheel is a CUDA build.
if(NOT LORA_TORCH_DIR)
  if(DEFINED ENV{XDG_CACHE_HOME})
    set(_lora_cache $ENV{XDG_CACHE_HOME})
  else()
    set(_lora_cache $ENV{HOME}/.cache)
  endif()
  set(LORA_TORCH_DIR ${_lora_cache}/lora-server/torch-2.11.0
      CACHE PATH "" FORCE)
endif()
set(_torch ${LORA_TORCH_DIR}/torch)
if(NOT EXISTS ${_torch}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "No libtorch in ${LORA_TORCH_DIR}: run tools/setup, or "
                      "point LORA_TORCH_DIR at a folder that holds torch/.")
endif()

# Only these folders: the wheel's include/ also ships google/protobuf and fmt,
# which break gRPC and spdlog when they are seen.
set(_torch_include ${CMAKE_BINARY_DIR}/torch_include)
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
