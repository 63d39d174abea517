// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_INVARIANCE_COMPANY_H_
#define LORA_TESTS_INVARIANCE_COMPANY_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "server/base/clock.h"
#include "server/engine/decoder_executor.h"
#include "server/engine/engine_metrics.h"
#include "server/engine/step_loop.h"
#include "server/tokenizer/tokenizer.h"
#include "tests/invariance/resident_weights.h"

namespace lora {

struct CompanyRequest {
  std::vector<int32_t> prompt;
  std::vector<WeightedKey> adapters;
  PathPreference path = PathPreference::kUnmerged;
  SamplingParams sampling;  // With top_logprobs.
  int32_t max_new_tokens = 1;
};

// What a request was answered, to the bit.
struct CompanyAnswer {
  std::vector<int32_t> tokens;
  // The log probability of each token, then those of the likeliest.
  std::vector<uint32_t> logprob_bits;
  int32_t cached_tokens = 0;
};

// How requests are run together.
struct CompanyOptions {
  int32_t chunk = 64;  // Prompt tokens of a step.
  int num_threads = 1;
  int32_t num_blocks = 0;
  int32_t max_running = 8;
};

// Runs requests through the real step loop, scheduler, sampler and model. The
// KV memory and its cached prefixes last from one Answer to the next.
class Company {
 public:
  // Both outlive it.
  Company(const CompanyOptions& options, ResidentWeights* weights,
          const Tokenizer* tokenizer);

  // Answers all of `requests`, which arrive at once and in this order.
  std::vector<CompanyAnswer> Answer(
      const std::vector<CompanyRequest>& requests);

  // By Answer, so far.
  int64_t num_preemptions() const { return num_preemptions_; }

 private:
  const CompanyOptions options_;
  ResidentWeights* const weights_;
  const Tokenizer* const tokenizer_;
  const RealClock clock_;
  prometheus::Registry registry_;
  EngineMetrics metrics_{registry_};
  BlockAllocator allocator_;
  DecoderExecutor executor_;
  int64_t num_preemptions_ = 0;
};

}  // namespace lora

#endif  // LORA_TESTS_INVARIANCE_COMPANY_H_
