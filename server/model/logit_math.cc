// SPDX-License-Identifier: Apache-2.0
#include "server/model/logit_math.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

namespace lora {
namespace {

constexpr float kLeast = -std::numeric_limits<float>::infinity();

float Max(absl::Span<const float> logits) {
  // Independent maxima, side by side: compilers turn these into vectors.
  constexpr size_t kLanes = 32;
  std::array<float, kLanes> lanes;
  lanes.fill(kLeast);
  const float* data = logits.data();
  size_t i = 0;
  for (; i + kLanes <= logits.size(); i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const float logit = data[i + lane];
      lanes[lane] = logit > lanes[lane] ? logit : lanes[lane];
    }
  }
  float max = kLeast;
  for (; i < logits.size(); ++i) max = data[i] > max ? data[i] : max;
  for (const float lane : lanes) max = lane > max ? lane : max;
  return max;
}

}  // namespace

int32_t ArgMax(absl::Span<const float> logits) {
  const float max = Max(logits);
  const auto it = std::find(logits.begin(), logits.end(), max);
  return it == logits.end() ? 0 : static_cast<int32_t>(it - logits.begin());
}

float KthLargest(absl::Span<const float> logits, int64_t k) {
  std::vector<float> largest(static_cast<size_t>(k));
  const auto more = [](float a, float b) {
    return (std::isnan(a) ? kLeast : a) > (std::isnan(b) ? kLeast : b);
  };
  std::partial_sort_copy(logits.begin(), logits.end(), largest.begin(),
                         largest.end(), more);
  return std::isnan(largest.back()) ? kLeast : largest.back();
}

double LogSumExp(absl::Span<const float> logits) {
  const float max = Max(logits);
  double sum = 0.0;
  for (const float logit : logits) {
    if (!std::isnan(logit)) sum += std::exp(logit - max);
  }
  return static_cast<double>(max) + std::log(sum);
}

std::vector<ScoredToken> TopLogprobs(absl::Span<const float> logits,
                                     double log_sum_exp, int64_t n) {
  std::vector<ScoredToken> top;
  n = std::min<int64_t>(n, static_cast<int64_t>(logits.size()));
  if (n <= 0) return top;
  const float least = KthLargest(logits, n);
  for (size_t i = 0; i < logits.size(); ++i) {
    if (!(logits[i] >= least)) continue;
    top.push_back(
        {static_cast<int32_t>(i), static_cast<float>(logits[i] - log_sum_exp)});
  }
  std::stable_sort(top.begin(), top.end(),
                   [](const ScoredToken& a, const ScoredToken& b) {
                     return a.logprob > b.logprob;
                   });
  if (static_cast<int64_t>(top.size()) > n) top.resize(n);
  return top;
}

}  // namespace lora
