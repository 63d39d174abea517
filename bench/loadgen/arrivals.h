// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_BENCH_LOADGEN_ARRIVALS_H_
#define LORA_BENCH_LOADGEN_ARRIVALS_H_

#include <cstdint>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "bench/support/splitmix.h"
#include "server/base/mutex.h"

namespace lora::loadgen {

struct ArrivalOptions {
  // Requests a second, at random (Poisson) times; unset: the next request is
  // due as soon as somebody asks for it.
  std::optional<double> rate;
  int64_t first_index = 0;
  std::optional<int64_t> max_requests;  // Unset: no end.
  // No request is due later than this after the start.
  absl::Duration duration = absl::InfiniteDuration();
  uint64_t seed = 1;
};

struct Arrival {
  int64_t index = 0;
  absl::Time due;
};

// Says which request is due when. Thread-safe: whoever is free takes the next.
class Arrivals {
 public:
  Arrivals(const ArrivalOptions& options, absl::Time start);

  // The next request, which may be due later or, if the senders cannot keep
  // up, earlier than `now`; nullopt: there are no more.
  std::optional<Arrival> Next(absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const ArrivalOptions options_;
  const absl::Time end_;

  Mutex mu_;
  int64_t num_taken_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Time last_due_ ABSL_GUARDED_BY(mu_);
  SplitMix random_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lora::loadgen

#endif  // LORA_BENCH_LOADGEN_ARRIVALS_H_
