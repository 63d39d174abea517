// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_MODEL_DECODER_TENSOR_LOADER_H_
#define LORA_SERVER_MODEL_DECODER_TENSOR_LOADER_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "server/kernels/packed_weight.h"
#include "server/kernels/weight_arena.h"
#include "server/model/decoder/weight_plan.h"

namespace lora {

using LoadProgress =
    std::function<void(int64_t loaded_bytes, int64_t total_bytes)>;

// Turns planned tensors into the model's own, and tells how far it is.
// Not thread-safe.
class TensorLoader {
 public:
  // `progress`, unless empty, is called each time another tenth of
  // `total_bytes` is loaded.
  TensorLoader(const WeightFormat& format, int64_t total_bytes,
               LoadProgress progress);

  // A table, norm or bias.
  //
  // RESOURCE_EXHAUSTED (MEMORY): an allocation failed.
  absl::StatusOr<at::Tensor> LoadTensor(const PlannedTensor& planned);
  // A matrix, in memory of `arena`. Errors as LoadTensor.
  absl::StatusOr<PackedWeight> LoadMatrix(const PlannedTensor& planned,
                                          WeightArena& arena);

 private:
  void Advance(int64_t bytes);

  WeightFormat format_;
  int64_t total_bytes_;
  int64_t loaded_bytes_ = 0;
  LoadProgress progress_;
};

}  // namespace lora

#endif  // LORA_SERVER_MODEL_DECODER_TENSOR_LOADER_H_
