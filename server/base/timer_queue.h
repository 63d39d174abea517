// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_BASE_TIMER_QUEUE_H_
#define LORA_SERVER_BASE_TIMER_QUEUE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/ids.h"
#include "server/base/mutex.h"

namespace lora {

using TimerId = StrongId<struct TimerIdTag, uint64_t>;

// Calls callbacks at given times, on one thread, in order of their times.
//
// Thread-safe. `clock` outlives it.
class TimerQueue {
 public:
  using Callback = absl::AnyInvocable<void() &&>;

  explicit TimerQueue(const Clock* clock);
  ~TimerQueue() { Stop(); }
  TimerQueue(const TimerQueue&) = delete;
  TimerQueue& operator=(const TimerQueue&) = delete;

  // Calls `callback` once at `time`, at once if that has passed. It must not
  // block, and runs with no lock held.
  TimerId Schedule(absl::Time time, Callback callback) ABSL_LOCKS_EXCLUDED(mu_);

  // Drops the callback. False: it was called, or is being called.
  bool Cancel(TimerId id) ABSL_LOCKS_EXCLUDED(mu_);

  // Waits for the callback that runs; no other is called from then on. Called
  // by one thread, not by a callback.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using DueTime = std::pair<absl::Time, TimerId>;  // Ties: first come.

  void Run() ABSL_LOCKS_EXCLUDED(mu_);

  const Clock* const clock_;
  Mutex mu_;
  CondVar changed_;
  std::map<DueTime, Callback> timers_ ABSL_GUARDED_BY(mu_);
  std::map<TimerId, absl::Time> times_ ABSL_GUARDED_BY(mu_);
  uint64_t next_id_ ABSL_GUARDED_BY(mu_) = 1;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;  // Last: it uses the rest.
};

// A timer that its owner may not outlive: dropped with it. Move-only. The queue
// outlives it.
class ScopedTimer {
 public:
  ScopedTimer() = default;
  ScopedTimer(TimerQueue* queue, TimerId id) : timer_(queue, Canceller{id}) {}

 private:
  struct Canceller {
    void operator()(TimerQueue* queue) const { queue->Cancel(id); }
    TimerId id;
  };
  std::unique_ptr<TimerQueue, Canceller> timer_;
};

}  // namespace lora

#endif  // LORA_SERVER_BASE_TIMER_QUEUE_H_
