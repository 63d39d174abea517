// SPDX-License-Identifier: Apache-2.0
#include "server/base/timer_queue.h"

namespace lora {

TimerQueue::TimerQueue(const Clock* clock)
    : clock_(clock), thread_([this] { Run(); }) {}

void TimerQueue::Stop() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
    changed_.NotifyOne();
  }
  if (thread_.joinable()) thread_.join();
}

TimerId TimerQueue::Schedule(absl::Time time, Callback callback) {
  MutexLock lock(mu_);
  const TimerId id(next_id_++);
  timers_.emplace(DueTime(time, id), std::move(callback));
  times_.emplace(id, time);
  changed_.NotifyOne();
  return id;
}

bool TimerQueue::Cancel(TimerId id) {
  Callback dropped;  // Destroyed after the lock.
  MutexLock lock(mu_);
  const auto time = times_.find(id);
  if (time == times_.end()) return false;
  const auto timer = timers_.find(DueTime(time->second, id));
  dropped = std::move(timer->second);
  timers_.erase(timer);
  times_.erase(time);
  return true;
}

void TimerQueue::Run() {
  while (true) {
    Callback due;
    {
      MutexLock lock(mu_);
      while (!stopping_ && (timers_.empty() ||
                            timers_.begin()->first.first > clock_->Now())) {
        clock_->WaitUntil(mu_, changed_,
                          timers_.empty() ? absl::InfiniteFuture()
                                          : timers_.begin()->first.first);
      }
      if (stopping_) return;
      times_.erase(timers_.begin()->first.second);
      due = std::move(timers_.extract(timers_.begin()).mapped());
    }
    std::move(due)();
  }
}

}  // namespace lora
