// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_FORMAT_WEIGHT_NAMES_H_
#define LORA_SERVER_ADAPTER_FORMAT_WEIGHT_NAMES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/adapter/base_model_spec.h"
#include "server/tensorfile/safetensors_header.h"

// The names of tensors in a PEFT weights file.

namespace lora {

// What one tensor of adapter_model.safetensors is, by its name.
enum class WeightRole : uint8_t {
  kLoraA,
  kLoraB,
  kTraining,  // Used in training only; skipped.
  kOther,     // Anything else: see RefuseWeight.
};

struct WeightName {
  WeightRole role = WeightRole::kOther;
  absl::string_view module;  // All before ".lora_A", prefixes included.
  absl::string_view infix;   // The adapter's name; empty: none.
};

// Splits "<module>.lora_A[.<infix>].weight". The views point into `key`.
WeightName ParseWeightName(absl::string_view key);

// Why a tensor that is neither A nor B cannot be served:
//
// UNIMPLEMENTED: FEATURE, LYCORIS_ALGO. INVALID_ARGUMENT: DORA, LORA_BIAS,
// KEY_UNKNOWN. FAILED_PRECONDITION: BASE_MUTATED; SAVED_MODULE: a copy of a
// base module of another shape.
absl::Status RefuseWeight(const TensorInfo& tensor, const BaseModelSpec& base);

// The two matrices of one module, named by its path in the base model.
struct WeightPair {
  std::string path;
  const TensorInfo* a = nullptr;
  const TensorInfo* b = nullptr;
};

// Pairs the A and B of `tensors`, sorted by path. The prefix before the paths
// in the base ("base_model.model.", "model." or none) is found for the whole
// file at once.
//
// What RefuseWeight says of a tensor. INVALID_ARGUMENT: KEY_INFIX,
// KEY_CONFLICT, KEY_UNPAIRED; EMPTY: no pair.
absl::StatusOr<std::vector<WeightPair>> PairWeights(
    absl::Span<const TensorInfo> tensors, const BaseModelSpec& base);

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_FORMAT_WEIGHT_NAMES_H_
