// SPDX-License-Identifier: Apache-2.0
#include "bench/loadgen/workload.h"

#include "bench/support/splitmix.h"

namespace lora::loadgen {

v1::GenerateRequest Workload::Request(int64_t index, int client) const {
  v1::GenerateRequest request;
  SetPrompt(index, request);
  const std::string& adapter = picker_.Pick(index, client);
  if (!adapter.empty()) {
    request.add_adapters()->set_adapter_id(adapter);
  }
  request.set_max_new_tokens(options_.max_new_tokens);
  request.set_ignore_eos(options_.ignore_eos);
  request.set_path(options_.path);
  return request;
}

void Workload::SetPrompt(int64_t index, v1::GenerateRequest& request) const {
  if (!options_.prompts.empty()) {
    request.set_text(options_.prompts[index % options_.prompts.size()]);
    return;
  }
  // Other streams than the picker's, whose seed may be the same.
  SplitMix random(~options_.seed, static_cast<uint64_t>(index));
  for (int32_t i = 0; i < options_.prompt_tokens; ++i) {
    request.mutable_token_ids()->add_ids(
        static_cast<int32_t>(random.Next() % options_.vocab_size));
  }
}

}  // namespace lora::loadgen
