// SPDX-License-Identifier: Apache-2.0
#include "server/lora/merge_policy.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"

namespace lora {

MergeFootprint FootprintOf(absl::Span<const LoraWeights* const> adapters) {
  MergeFootprint footprint;
  absl::flat_hash_set<int32_t> targets;
  for (const LoraWeights* adapter : adapters) {
    for (const LoraWeights::IndexedModule& entry : adapter->modules()) {
      const int64_t rank = entry.module.a.out_features();
      const int64_t in = entry.module.a.in_features();
      const int64_t out = entry.module.b.out_features();
      footprint.adapter_parameters += rank * (in + out);
      footprint.merge_multiplies += rank * in * out;
      if (targets.insert(entry.module_index).second) {
        footprint.targeted_parameters += in * out;
      }
    }
  }
  return footprint;
}

ExecutionPath ChooseMergePath(const MachineModel& machine,
                              const MergeQuestion& question) {
  const auto prompt = static_cast<double>(question.num_prompt_tokens);
  const auto steps = static_cast<double>(question.max_new_tokens);
  const auto adapter =
      static_cast<double>(question.footprint.adapter_parameters);
  const double beta = machine.bytes_per_second /
                      static_cast<double>(machine.bytes_per_parameter);
  const double phi = machine.flops_per_second;
  const double read_targets =
      static_cast<double>(question.footprint.targeted_parameters) / beta;

  const double saved = 2.0 * prompt * adapter / phi + steps * adapter / beta;
  double paid = 0.0;
  if (!question.has_copy) {
    const int64_t copy_bytes =
        question.footprint.targeted_parameters * machine.bytes_per_parameter;
    if (copy_bytes > question.room_bytes) return ExecutionPath::kUnmerged;
    paid += std::max(
        2.0 * read_targets,
        2.0 * static_cast<double>(question.footprint.merge_multiplies) / phi);
  }
  if (question.num_other > 0 && question.num_sharing == 0) {
    const double ridge_rows = phi / (2.0 * beta);
    paid += (steps + std::max(0.0, 1.0 - prompt / ridge_rows)) * read_targets;
  }
  return saved > paid ? ExecutionPath::kMerged : ExecutionPath::kUnmerged;
}

}  // namespace lora
