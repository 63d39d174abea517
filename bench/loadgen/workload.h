// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_BENCH_LOADGEN_WORKLOAD_H_
#define LORA_BENCH_LOADGEN_WORKLOAD_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "bench/loadgen/popularity.h"
#include "lora/v1/generation_service.pb.h"

namespace lora::loadgen {

struct WorkloadOptions {
  // Texts that requests take in turn; empty: random token ids.
  std::vector<std::string> prompts;
  int32_t prompt_tokens = 128;  // Of random prompts.
  int32_t vocab_size = 0;       // Random ids are below this.
  int32_t max_new_tokens = 64;
  bool ignore_eos = false;
  v1::ExecutionPath path = v1::AUTO;
  uint64_t seed = 1;
};

// The requests of a run: the i-th is the same in every run with these options,
// whoever sends it, save for the adapter of Popularity::Kind::kSteady. Random
// prompts differ from request to request, so the server's prefix cache does not
// help. Immutable, so thread-safe.
class Workload {
 public:
  Workload(WorkloadOptions options, AdapterPicker picker)
      : options_(std::move(options)), picker_(std::move(picker)) {}

  // `client` sends it.
  v1::GenerateRequest Request(int64_t index, int client) const;

 private:
  void SetPrompt(int64_t index, v1::GenerateRequest& request) const;

  WorkloadOptions options_;
  AdapterPicker picker_;
};

}  // namespace lora::loadgen

#endif  // LORA_BENCH_LOADGEN_WORKLOAD_H_
