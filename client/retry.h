// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_CLIENT_RETRY_H_
#define LORA_CLIENT_RETRY_H_

#include "absl/time/time.h"

namespace lora {

// How calls that end with UNAVAILABLE, the one code worth retrying, are made
// again. A call is never retried past its deadline, nor once it has produced
// data.
struct RetryPolicy {
  int max_attempts = 5;  // 1: no retries.
  absl::Duration initial_backoff = absl::Milliseconds(100);
  absl::Duration max_backoff = absl::Seconds(2);
};

// How long to wait after the `attempt`-th failure, from 1: doubles from
// initial_backoff to max_backoff. `jitter` in [0, 1] takes up to half of it
// off, so that many clients do not come back at once.
absl::Duration BackoffAfter(const RetryPolicy& policy, int attempt,
                            double jitter);

}  // namespace lora

#endif  // LORA_CLIENT_RETRY_H_
