// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_LORA_MERGED_WEIGHTS_H_
#define LORA_SERVER_LORA_MERGED_WEIGHTS_H_

#include <cstdint>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "server/kernels/packed_weight.h"

namespace lora {

// Copies of the base matrices that a set of adapters targets, with the set's
// deltas folded in. Modules it does not hold are the base's own. Immutable, so
// thread-safe.
class MergedWeights {
 public:
  using ModuleMap = absl::flat_hash_map<int32_t, PackedWeight>;

  // `modules`: by index into BaseModelSpec::modules.
  MergedWeights(ModuleMap modules, double max_relative_deviation)
      : modules_(std::move(modules)),
        max_relative_deviation_(max_relative_deviation) {
    for (const auto& [index, weight] : modules_) bytes_ += weight.bytes();
  }

  // Null: not targeted; use the base. O(1).
  const PackedWeight* module(int32_t module_index) const {
    const auto it = modules_.find(module_index);
    return it == modules_.end() ? nullptr : &it->second;
  }
  int64_t num_modules() const { return static_cast<int64_t>(modules_.size()); }
  int64_t bytes() const { return bytes_; }
  // How far results on a probe input are from the unmerged path:
  // max |merged - unmerged| / max |unmerged|, the worst module's.
  double max_relative_deviation() const { return max_relative_deviation_; }

 private:
  ModuleMap modules_;
  int64_t bytes_ = 0;
  double max_relative_deviation_ = 0.0;
};

}  // namespace lora

#endif  // LORA_SERVER_LORA_MERGED_WEIGHTS_H_
