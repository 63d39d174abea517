// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_KERNELS_WEIGHT_ARENA_H_
#define LORA_SERVER_KERNELS_WEIGHT_ARENA_H_

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "absl/status/statusor.h"

namespace lora {

// Memory for packed weights that are read together, one after the other: on the
// CPU one block, in huge pages where the system has them. A step streams all of
// it, and small pages cost that address translation. Elsewhere the device's own
// allocator takes care of that and each weight has its memory.
//
// The memory is given back when the arena and every tensor of it are gone.
// Not thread-safe; the tensors are independent of each other.
class WeightArena {
 public:
  // `bytes`: what all tensors will take, exactly; 0 for none.
  //
  // RESOURCE_EXHAUSTED (MEMORY): the allocation failed.
  static absl::StatusOr<WeightArena> Create(int64_t bytes, at::Device device);

  // The next `num_elements`, uninitialised, flat. On the CPU they start at a
  // multiple of 64 bytes if the size of each tensor before is one. Throws
  // c10::Error where the device's allocator does.
  at::Tensor Take(int64_t num_elements, at::ScalarType dtype);

 private:
  WeightArena(at::Tensor block, at::Device device);

  at::Tensor block_;  // Bytes; undefined off the CPU.
  at::Device device_;
  int64_t used_ = 0;
};

}  // namespace lora

#endif  // LORA_SERVER_KERNELS_WEIGHT_ARENA_H_
