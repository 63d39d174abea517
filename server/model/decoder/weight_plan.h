// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_MODEL_DECODER_WEIGHT_PLAN_H_
#define LORA_SERVER_MODEL_DECODER_WEIGHT_PLAN_H_

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/adapter/base_model_spec.h"
#include "server/model/decoder/checkpoint.h"
#include "server/model/decoder/decoder_config.h"

namespace lora {

// How the loaded weights are stored.
struct WeightFormat {
  at::ScalarType dtype = at::kFloat;  // kFloat or kBFloat16.
  at::Device device = at::kCPU;
};

// One tensor that a decoder loads, found in the checkpoint and checked.
struct PlannedTensor {
  enum class Use : uint8_t {
    kTable,   // Row-major, in the model's dtype.
    kNorm,    // A vector in the model's dtype.
    kMatrix,  // Packed for the linear kernels.
    kBias,    // A float32 vector.
  };
  Use use = Use::kMatrix;
  CheckpointTensor source;

  // What it takes once loaded, exactly.
  int64_t Bytes(const WeightFormat& format) const;
  // What loading it takes of host memory besides, until it is loaded: copies in
  // the file's dtype (where the file is misaligned) and in the model's (which a
  // matrix is packed from and another device's tensor is copied from).
  int64_t StagingBytes(const WeightFormat& format) const;
};

// Where each weight of a decoder comes from, before anything is allocated.
struct WeightPlan {
  struct Module {
    PlannedTensor weight;
    std::optional<PlannedTensor> bias;
  };
  std::vector<Module> modules;  // By module index.
  std::vector<std::string> warnings;

  // What all take once loaded, exactly.
  int64_t Bytes(const WeightFormat& format) const;
  // Of these, the matrices.
  int64_t MatrixBytes(const WeightFormat& format) const;
  // What loading takes besides at its worst: weights are loaded one by one.
  int64_t MaxStagingBytes(const WeightFormat& format) const;
  // The elements of all tensors that are read; a tensor that two modules share
  // (a tied head) counts once.
  int64_t NumParameters() const;
  // Whether the matrices are stored in 16 bits.
  bool HasHalfPrecision() const;
};

// Finds and checks the weights of `spec`'s modules. A tied head and embedding
// may be stored under either name; where both are stored, each is used as it
// is.
//
// FAILED_PRECONDITION (BASE): a tensor is missing or has another shape.
// UNIMPLEMENTED (BASE_FEATURE): a tensor's dtype is not F32, F16 or BF16.
absl::StatusOr<WeightPlan> PlanWeights(const Checkpoint& checkpoint,
                                       const DecoderConfig& config,
                                       const BaseModelSpec& spec);

}  // namespace lora

#endif  // LORA_SERVER_MODEL_DECODER_WEIGHT_PLAN_H_
