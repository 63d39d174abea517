// SPDX-License-Identifier: Apache-2.0
#include "client/retry.h"

#include <algorithm>

namespace lora {

absl::Duration BackoffAfter(const RetryPolicy& policy, int attempt,
                            double jitter) {
  absl::Duration backoff = policy.initial_backoff;
  for (int i = 1; i < attempt && backoff < policy.max_backoff; ++i) {
    backoff *= 2;
  }
  return std::min(backoff, policy.max_backoff) * (1.0 - jitter / 2);
}

}  // namespace lora
