// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_LORA_LORA_WEIGHTS_H_
#define LORA_SERVER_LORA_LORA_WEIGHTS_H_

#include <cstdint>
#include <vector>

#include "server/adapter/device_adapter.h"
#include "server/kernels/packed_weight.h"

namespace lora {

// One adapter's matrices as the kernels read them, module by module. Each
// module keeps its own rank. Immutable, so thread-safe.
class LoraWeights final : public DeviceAdapter {
 public:
  struct Module {
    PackedWeight a;  // [rank, in_features]
    PackedWeight b;  // [out_features, rank]
    // alpha / rank or alpha / sqrt(rank), kept apart from A and B so that no
    // matrix is rounded twice.
    float scaling = 1.0f;
  };
  struct IndexedModule {
    int32_t module_index = 0;  // Into BaseModelSpec::modules.
    Module module;
  };

  // `modules` name each module index once.
  explicit LoraWeights(std::vector<IndexedModule> modules);

  // Null: the adapter leaves this module alone. O(1).
  const Module* module(int32_t module_index) const {
    if (module_index >= static_cast<int32_t>(position_.size())) return nullptr;
    const int32_t position = position_[module_index];
    return position < 0 ? nullptr : &modules_[position].module;
  }
  // Every adapted module, in index order.
  const std::vector<IndexedModule>& modules() const { return modules_; }
  // Bytes of all packed matrices.
  int64_t device_bytes() const { return device_bytes_; }

 private:
  std::vector<IndexedModule> modules_;
  std::vector<int32_t> position_;  // By module index; -1: not adapted.
  int64_t device_bytes_ = 0;
};

}  // namespace lora

#endif  // LORA_SERVER_LORA_LORA_WEIGHTS_H_
