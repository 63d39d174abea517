// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_LORA_MERGE_PLAN_H_
#define LORA_SERVER_LORA_MERGE_PLAN_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/adapter/device_adapter.h"
#include "server/kernels/packed_weight.h"
#include "server/lora/lora_weights.h"
#include "server/lora/merge_math.h"
#include "server/lora/merged_set.h"
#include "server/lora/merged_weights.h"

namespace lora {

// The pristine matrix of a linear module of the base.
using BaseWeights = std::function<const PackedWeight&(int32_t module_index)>;

// What merging a set of adapters takes: which modules, and how many bytes.
// Immutable. The handles and `base_weights` that it is made of must outlive it.
class MergePlan {
 public:
  // `handles` hold LoraWeights, one for each component of `set`, in any order.
  MergePlan(const MergedSet& set, absl::Span<const AdapterHandle> handles,
            const BaseWeights& base_weights);

  // What the copy will be charged, exactly.
  int64_t bytes() const { return bytes_; }

  // Computes the copy, matrix by matrix, in the set's canonical order.
  //
  // RESOURCE_EXHAUSTED (MEMORY): an allocation failed.
  absl::StatusOr<std::unique_ptr<const MergedWeights>> Build() const;

 private:
  struct Part {
    const LoraWeights* weights;
    float weight;
  };

  std::vector<MergeTerm> TermsOf(int32_t module_index) const;

  const BaseWeights& base_weights_;
  std::vector<Part> parts_;       // In canonical order.
  std::vector<int32_t> targets_;  // Module indices, each once.
  int64_t bytes_ = 0;
};

}  // namespace lora

#endif  // LORA_SERVER_LORA_MERGE_PLAN_H_
