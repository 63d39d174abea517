// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ENGINE_ENGINE_INFO_H_
#define LORA_SERVER_ENGINE_ENGINE_INFO_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/adapter/adapter_key.h"
#include "server/base/ids.h"
#include "server/engine/generation.h"

namespace lora {

// A byte budget and its use.
struct MemoryUse {
  int64_t capacity_bytes = 0;
  int64_t used_bytes = 0;
};

// Names one merge that somebody waits for; never reused in a process.
using MergeId = StrongId<struct MergeIdTag, uint64_t>;

struct MergedComponent {
  AdapterId id;
  float weight = 1.0f;
};

// One cached merged copy of the weights.
struct MergedAdapterInfo {
  std::string merged_id;  // Hash of the canonical components.
  std::vector<MergedComponent> components;
  int64_t bytes = 0;
  absl::Duration build_time;
  double max_relative_deviation = 0.0;
  bool pinned = false;
};

// How the base model's authors would sample from it (generation_config.json).
struct RecommendedSampling {
  bool do_sample = false;  // False: greedy.
  SamplingRequest fields;  // Unset: they say nothing.
  bool in_use = false;     // Requests that leave a field unset get it.
};

// What runs here: the base model never changes, the rest is of the moment.
struct EngineInfo {
  std::string base_name;
  std::string model_type;
  std::string fingerprint;
  int64_t num_parameters = 0;
  int64_t weight_bytes = 0;
  int32_t num_layers = 0;
  int32_t vocab_size = 0;
  int32_t max_context = 0;
  std::vector<int32_t> end_token_ids;
  bool has_chat_template = false;
  RecommendedSampling sampling;
  std::string device;
  std::string dtype;
  int32_t threads = 0;
  MemoryUse kv;
  MemoryUse host;
  MemoryUse adapters;
  MemoryUse merged;
  int32_t running_requests = 0;
  int32_t queued_requests = 0;
  int32_t max_queue = 0;
};

}  // namespace lora

#endif  // LORA_SERVER_ENGINE_ENGINE_INFO_H_
