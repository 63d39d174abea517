// SPDX-License-Identifier: Apache-2.0
#include "server/lora/lora_weights.h"

#include <algorithm>
#include <utility>

#include "server/kernels/check.h"

namespace lora {

LoraWeights::LoraWeights(std::vector<IndexedModule> modules)
    : modules_(std::move(modules)) {
  std::sort(modules_.begin(), modules_.end(),
            [](const IndexedModule& x, const IndexedModule& y) {
              return x.module_index < y.module_index;
            });
  if (!modules_.empty()) {
    position_.assign(modules_.back().module_index + 1, -1);
  }
  for (size_t i = 0; i < modules_.size(); ++i) {
    int32_t& position = position_[modules_[i].module_index];
    LORA_CHECK(position < 0, "a module is adapted twice");
    position = static_cast<int32_t>(i);
    const Module& module = modules_[i].module;
    device_bytes_ += module.a.bytes() + module.b.bytes();
  }
}

}  // namespace lora
