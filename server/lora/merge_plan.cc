// SPDX-License-Identifier: Apache-2.0
#include "server/lora/merge_plan.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/kernels/check.h"

namespace lora {

MergePlan::MergePlan(const MergedSet& set,
                     absl::Span<const AdapterHandle> handles,
                     const BaseWeights& base_weights)
    : base_weights_(base_weights) {
  std::set<int32_t> targets;
  for (const WeightedKey& component : set.components) {
    const auto handle =
        std::find_if(handles.begin(), handles.end(),
                     [&component](const AdapterHandle& candidate) {
                       return candidate.key() == component.key;
                     });
    LORA_CHECK(handle != handles.end(), "a component has no handle");
    const auto* weights = static_cast<const LoraWeights*>(handle->get());
    parts_.push_back({weights, component.weight});
    for (const LoraWeights::IndexedModule& module : weights->modules()) {
      targets.insert(module.module_index);
    }
  }
  targets_.assign(targets.begin(), targets.end());
  for (const int32_t target : targets_) bytes_ += base_weights_(target).bytes();
}

std::vector<MergeTerm> MergePlan::TermsOf(int32_t module_index) const {
  std::vector<MergeTerm> terms;
  for (const Part& part : parts_) {
    const LoraWeights::Module* module = part.weights->module(module_index);
    if (module != nullptr) terms.push_back({module, part.weight});
  }
  return terms;
}

absl::StatusOr<std::unique_ptr<const MergedWeights>> MergePlan::Build() const {
  MergedWeights::ModuleMap modules;
  double max_deviation = 0.0;
  for (const int32_t target : targets_) {
    const PackedWeight& base = base_weights_(target);
    const std::vector<MergeTerm> terms = TermsOf(target);
    LORA_ASSIGN_OR_RETURN(PackedWeight merged, MergeMatrix(base, terms));
    LORA_ASSIGN_OR_RETURN(const double deviation,
                          RelativeDeviation(base, merged, terms));
    if (!std::isfinite(deviation)) {
      return Error(
          absl::StatusCode::kInvalidArgument, ErrorReason::kWeights,
          "the merged copy would hold values that are not finite: the factors, "
          "or the adapters' own weights, are too large");
    }
    max_deviation = std::max(max_deviation, deviation);
    modules.emplace(target, std::move(merged));
  }
  return std::make_unique<const MergedWeights>(std::move(modules),
                                               max_deviation);
}

}  // namespace lora
