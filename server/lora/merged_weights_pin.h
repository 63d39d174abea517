// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_LORA_MERGED_WEIGHTS_PIN_H_
#define LORA_SERVER_LORA_MERGED_WEIGHTS_PIN_H_

#include <utility>

#include "server/adapter/execution_pins.h"
#include "server/base/pinned_cache.h"
#include "server/lora/merged_set.h"
#include "server/lora/merged_weights.h"

namespace lora {

using MergedCache = PinnedCache<MergedSet, MergedWeights>;

// Keeps one merged copy alive: the MergedPin of every ExecutionPins.
class MergedWeightsPin final : public MergedPin {
 public:
  explicit MergedWeightsPin(MergedCache::Handle handle)
      : handle_(std::move(handle)) {}

  const MergedWeights& weights() const { return *handle_; }

 private:
  MergedCache::Handle handle_;
};

}  // namespace lora

#endif  // LORA_SERVER_LORA_MERGED_WEIGHTS_PIN_H_
