// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_MODEL_LOGIT_MATH_H_
#define LORA_SERVER_MODEL_LOGIT_MATH_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

// Pure functions over one row of logits [vocab_size]. NaN counts as less than
// any number.

namespace lora {

struct ScoredToken {
  int32_t token_id = 0;
  float logprob = 0.0f;

  friend bool operator==(const ScoredToken&, const ScoredToken&) = default;
};

// The first index of the largest logit.
int32_t ArgMax(absl::Span<const float> logits);

// The k-th largest logit, counting equal ones apart. Requires
// 0 < k <= logits.size().
float KthLargest(absl::Span<const float> logits, int64_t k);

// log sum_i exp(logits[i]): a token's log probability is its logit minus this.
double LogSumExp(absl::Span<const float> logits);

// The `n` likeliest tokens, best first, equal ones by id, with their log
// probabilities. `log_sum_exp` is that of the logits.
std::vector<ScoredToken> TopLogprobs(absl::Span<const float> logits,
                                     double log_sum_exp, int64_t n);

}  // namespace lora

#endif  // LORA_SERVER_MODEL_LOGIT_MATH_H_
