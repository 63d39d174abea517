// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_BASE_CLOCK_H_
#define LORA_SERVER_BASE_CLOCK_H_

#include "absl/base/thread_annotations.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/base/mutex.h"

namespace lora {

// Where time comes from, so that tests can say what time it is. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;

  // Waits until `cv` is notified or `deadline` has passed by this clock. May
  // return early: wait in a loop.
  virtual void WaitUntil(Mutex& mu, CondVar& cv, absl::Time deadline) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) = 0;
};

// The system's wall clock.
class RealClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
  void WaitUntil(Mutex& mu, CondVar& cv, absl::Time deadline) const override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    cv.WaitUntil(mu, deadline);
  }
};

}  // namespace lora

#endif  // LORA_SERVER_BASE_CLOCK_H_
