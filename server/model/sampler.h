// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_MODEL_SAMPLER_H_
#define LORA_SERVER_MODEL_SAMPLER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "server/model/logit_math.h"
#include "server/model/sampling_params.h"

namespace lora {

struct SampledToken {
  int32_t token_id = 0;
  // Of the model's own distribution: log-softmax of the logits before
  // penalties, temperature and truncation. 0 unless `top_logprobs` asks for it.
  float logprob = 0.0f;
  // The `top_logprobs` best tokens of that distribution, best first.
  std::vector<ScoredToken> top;
};

// The tokens that a sequence consists of when a token is chosen.
struct SamplingHistory {
  absl::Span<const int32_t> prompt_ids;
  absl::Span<const int32_t> output_ids;
};

// Chooses the tokens that follow sequences.
//
// A choice depends on the logits, the params and the history alone, so a
// request with a seed gets the same tokens whatever else runs. Keeps scratch
// memory between calls. Not thread-safe: engine thread only.
class Sampler {
 public:
  // The token that follows `history`, from `logits` [vocab_size]: penalties,
  // then temperature, top_k (ties with the k-th kept), top_p and min_p, then
  // a draw. Greedy is the first of the largest.
  //
  // Requires params that ValidateSamplingParams accepts, and ids within the
  // vocabulary.
  SampledToken Sample(absl::Span<const float> logits,
                      const SamplingParams& params,
                      const SamplingHistory& history);

 private:
  struct Candidate {
    int32_t token_id = 0;
    float weight = 0.0f;  // exp((logit - max) / temperature)
  };

  absl::Span<const float> Penalize(absl::Span<const float> logits,
                                   const SamplingParams& params,
                                   const SamplingHistory& history);
  int32_t Draw(absl::Span<const float> logits, const SamplingParams& params,
               uint64_t output_position);
  void CollectCandidates(absl::Span<const float> logits,
                         const SamplingParams& params);
  // Puts the likeliest of candidates_[begin, size) into [begin, end), in order.
  void SortCandidates(size_t begin, size_t end);
  void KeepTopP(float top_p);
  void KeepMinP(float min_p);

  std::vector<float> penalized_;
  std::vector<int32_t> sorted_output_;
  std::vector<Candidate> candidates_;
};

}  // namespace lora

#endif  // LORA_SERVER_MODEL_SAMPLER_H_
