// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_FAKES_FAKE_CLOCK_H_
#define LORA_TESTS_FAKES_FAKE_CLOCK_H_

#include <list>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"

namespace lora {

// A clock that moves only when a test says so, and wakes who waits for the
// time that came. Thread-safe; waiters outlive every Advance.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time now = absl::FromUnixSeconds(1'700'000'000))
      : now_(now) {}

  absl::Time Now() const override ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    return now_;
  }

  void WaitUntil(Mutex& mu, CondVar& cv, absl::Time deadline) const override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) ABSL_LOCKS_EXCLUDED(mu_) {
    std::list<Waiter>::iterator self;
    {
      MutexLock lock(mu_);
      if (now_ >= deadline) return;
      self = waiters_.insert(waiters_.end(), {&mu, &cv});
    }
    cv.Wait(mu);
    MutexLock lock(mu_);
    waiters_.erase(self);
  }

  void Advance(absl::Duration duration) ABSL_LOCKS_EXCLUDED(mu_) {
    std::vector<Waiter> waiters;
    {
      MutexLock lock(mu_);
      now_ += duration;
      waiters.assign(waiters_.begin(), waiters_.end());
    }
    for (const Waiter& waiter : waiters) {
      MutexLock lock(*waiter.mu);  // Not between its check and its wait.
      waiter.cv->NotifyAll();
    }
  }

 private:
  struct Waiter {
    Mutex* mu;
    CondVar* cv;
  };

  mutable Mutex mu_;
  absl::Time now_ ABSL_GUARDED_BY(mu_);
  mutable std::list<Waiter> waiters_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lora

#endif  // LORA_TESTS_FAKES_FAKE_CLOCK_H_
