// SPDX-License-Identifier: Apache-2.0
#include "bench/loadgen/arrivals.h"

#include <cmath>

namespace lora::loadgen {

Arrivals::Arrivals(const ArrivalOptions& options, absl::Time start)
    : options_(options),
      end_(start + options.duration),
      last_due_(start),
      random_(options.seed) {}

std::optional<Arrival> Arrivals::Next(absl::Time now) {
  MutexLock lock(mu_);
  if (num_taken_ == options_.max_requests) return std::nullopt;
  absl::Time due = now;
  if (options_.rate.has_value()) {
    const double gap = -std::log1p(-random_.NextUnit()) / *options_.rate;
    due = last_due_ + absl::Seconds(gap);
  }
  if (due > end_) return std::nullopt;
  last_due_ = due;
  return Arrival{.index = options_.first_index + num_taken_++, .due = due};
}

}  // namespace lora::loadgen
