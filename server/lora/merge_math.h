// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_LORA_MERGE_MATH_H_
#define LORA_SERVER_LORA_MERGE_MATH_H_

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/kernels/packed_weight.h"
#include "server/lora/lora_weights.h"

namespace lora {

// One adapter's part in a merged matrix.
struct MergeTerm {
  const LoraWeights::Module* module = nullptr;
  float weight = 1.0f;  // The caller's factor; may be negative.
};

// A copy of one base matrix with deltas folded in:
//
//   W'[o,k] = round( W[o,k] + sum_terms weight * scaling * sum_r B[o,r] A[r,k]
//   )
//
// W: [out, in]. A: [rank, in]. B: [out, rank]. Sums are float32, in the order
// of `terms`, rounded once to W's dtype. W is only read. Hu et al. 2021,
// arXiv:2106.09685, section 4.1.
//
// RESOURCE_EXHAUSTED (MEMORY): an allocation failed.
absl::StatusOr<PackedWeight> MergeMatrix(const PackedWeight& base,
                                         absl::Span<const MergeTerm> terms);

// How far `merged` is from `base` plus `terms` on a fixed probe input:
// max |merged - unmerged| / max |unmerged|. What remains is rounding.
//
// RESOURCE_EXHAUSTED (MEMORY): an allocation failed.
absl::StatusOr<double> RelativeDeviation(const PackedWeight& base,
                                         const PackedWeight& merged,
                                         absl::Span<const MergeTerm> terms);

}  // namespace lora

#endif  // LORA_SERVER_LORA_MERGE_MATH_H_
