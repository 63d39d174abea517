// SPDX-License-Identifier: Apache-2.0
#include "server/model/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "server/model/sampling_random.h"

namespace lora {

SampledToken Sampler::Sample(absl::Span<const float> logits,
                             const SamplingParams& params,
                             const SamplingHistory& history) {
  SampledToken sampled;
  const absl::Span<const float> penalized = Penalize(logits, params, history);
  sampled.token_id = params.temperature == 0.0f
                         ? ArgMax(penalized)
                         : Draw(penalized, params, history.output_ids.size());
  if (params.top_logprobs > 0) {
    const double log_sum_exp = LogSumExp(logits);
    sampled.logprob =
        static_cast<float>(logits[sampled.token_id] - log_sum_exp);
    sampled.top = TopLogprobs(logits, log_sum_exp, params.top_logprobs);
  }
  return sampled;
}

// Keskar et al. 2019, arXiv:1909.05858, section 4.1, then the penalties that
// count occurrences.
absl::Span<const float> Sampler::Penalize(absl::Span<const float> logits,
                                          const SamplingParams& params,
                                          const SamplingHistory& history) {
  const bool repetition = params.repetition_penalty != 1.0f;
  const bool counts =
      params.frequency_penalty != 0.0f || params.presence_penalty != 0.0f;
  if (!repetition && !counts) return logits;
  penalized_.assign(logits.begin(), logits.end());
  if (repetition) {
    const float penalty = params.repetition_penalty;
    for (const auto& ids : {history.prompt_ids, history.output_ids}) {
      for (const int32_t id : ids) {
        // From the original: a token is penalised once.
        penalized_[id] =
            logits[id] < 0.0f ? logits[id] * penalty : logits[id] / penalty;
      }
    }
  }
  if (!counts) return penalized_;
  sorted_output_.assign(history.output_ids.begin(), history.output_ids.end());
  std::sort(sorted_output_.begin(), sorted_output_.end());
  for (auto it = sorted_output_.begin(); it != sorted_output_.end();) {
    const auto next = std::upper_bound(it, sorted_output_.end(), *it);
    penalized_[*it] -= params.presence_penalty +
                       params.frequency_penalty * static_cast<float>(next - it);
    it = next;
  }
  return penalized_;
}

int32_t Sampler::Draw(absl::Span<const float> logits,
                      const SamplingParams& params, uint64_t output_position) {
  CollectCandidates(logits, params);
  if (params.top_p < 1.0f) KeepTopP(params.top_p);
  if (params.min_p > 0.0f) KeepMinP(params.min_p);
  double total = 0.0;
  for (const Candidate& candidate : candidates_) total += candidate.weight;
  const double target = UniformAt(params.seed, output_position) * total;
  double cumulative = 0.0;
  for (const Candidate& candidate : candidates_) {
    cumulative += candidate.weight;
    if (cumulative > target) return candidate.token_id;
  }
  // Only logits without a largest finite one have no total.
  return ArgMax(logits);
}

// The tokens that top_k keeps and whose probability is above 0, by id.
void Sampler::CollectCandidates(absl::Span<const float> logits,
                                const SamplingParams& params) {
  const float max = logits[ArgMax(logits)];
  float least = -std::numeric_limits<float>::infinity();
  if (params.top_k > 0 && static_cast<size_t>(params.top_k) < logits.size()) {
    least = KthLargest(logits, params.top_k);
  }
  candidates_.clear();
  for (size_t i = 0; i < logits.size(); ++i) {
    if (!(logits[i] >= least)) continue;
    const float weight = std::exp((logits[i] - max) / params.temperature);
    if (weight > 0.0f) {
      candidates_.push_back({static_cast<int32_t>(i), weight});
    }
  }
}

void Sampler::SortCandidates(size_t begin, size_t end) {
  const auto likelier = [](const Candidate& a, const Candidate& b) {
    if (a.weight != b.weight) return a.weight > b.weight;
    return a.token_id < b.token_id;
  };
  const auto first = candidates_.begin();
  // A heap is quickest for a few of many, and slowest for many.
  constexpr size_t kFew = 256;
  if (end - begin <= kFew) {
    std::partial_sort(first + begin, first + end, candidates_.end(), likelier);
    return;
  }
  std::nth_element(first + begin, first + end, candidates_.end(), likelier);
  std::sort(first + begin, first + end, likelier);
}

// Keeps the likeliest candidates, as few as hold `top_p` of the probability,
// and leaves them in order: Holtzman et al. 2019, arXiv:1904.09751.
void Sampler::KeepTopP(float top_p) {
  double total = 0.0;
  for (const Candidate& candidate : candidates_) total += candidate.weight;
  // Most of the vocabulary is never part of the answer: sort piece by piece.
  size_t sorted = 0;
  size_t piece = 64;
  double cumulative = 0.0;
  while (sorted < candidates_.size()) {
    const size_t end = std::min(candidates_.size(), sorted + piece);
    SortCandidates(sorted, end);
    for (; sorted < end; ++sorted) {
      if (cumulative >= top_p * total) {
        candidates_.resize(sorted);
        return;
      }
      cumulative += candidates_[sorted].weight;
    }
    piece *= 4;
  }
}

// Drops candidates that are less than `min_p` as likely as the best, whose
// weight is 1: Nguyen et al. 2024, arXiv:2407.01082.
void Sampler::KeepMinP(float min_p) {
  std::erase_if(candidates_, [min_p](const Candidate& candidate) {
    return candidate.weight < min_p;
  });
}

}  // namespace lora
