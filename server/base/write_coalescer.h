// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_BASE_WRITE_COALESCER_H_
#define LORA_SERVER_BASE_WRITE_COALESCER_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "server/base/mutex.h"

namespace lora {

// Decides when a one-write-at-a-time stream writes and when it finishes.
//
// Items that arrive while a write is in flight join the next message, so a slow
// reader gets fewer, larger messages; one that is full is followed by another.
// Each call returns what the caller must now do, at most one thing:
//
//   Append(item) | Close(result) | OnWritten()  ->  kNone | kWrite | kFinish
//
// On kWrite, send `message()` and call `OnWritten` when it is sent.  On
// kFinish, end the stream with `result()`; nothing follows.  Thread-safe.
template <typename Message, typename Result>
class WriteCoalescer {
 public:
  enum class Action : uint8_t { kNone, kWrite, kFinish };

  // `is_full` says when a message takes no more items; null: never.
  using IsFull = bool (*)(const Message&);
  explicit WriteCoalescer(IsFull is_full = nullptr) : is_full_(is_full) {}

  // Merges into the next message; `merge` is called as merge(Message&).
  template <typename Merge>
  Action Append(Merge&& merge) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    if (result_.has_value()) return Action::kNone;  // Closed: dropped.
    if (pending_.empty() ||
        (is_full_ != nullptr && is_full_(pending_.back()))) {
      pending_.emplace_back();
    }
    std::forward<Merge>(merge)(pending_.back());
    return NextAction();
  }

  // Ends the stream once what is pending has been written.  Later calls, and
  // later items, are ignored.
  Action Close(Result result) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    if (result_.has_value()) return Action::kNone;
    result_ = std::move(result);
    return NextAction();
  }

  // Reports that the write in flight has ended.  If `ok` is false the stream is
  // broken: pending items are dropped and only Close is awaited.
  Action OnWritten(bool ok) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    in_flight_ = false;
    broken_ |= !ok;
    return NextAction();
  }

  // The message to write.  Valid from kWrite until OnWritten.
  const Message& message() const { return writing_; }
  // The outcome to end with.  Valid after kFinish.
  const Result& result() const ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return *result_;
  }

 private:
  Action NextAction() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (in_flight_ || finished_) return Action::kNone;
    if (!pending_.empty() && !broken_) {
      writing_ = std::move(pending_.front());
      pending_.pop_front();
      in_flight_ = true;
      return Action::kWrite;
    }
    if (!result_.has_value()) return Action::kNone;
    finished_ = true;
    return Action::kFinish;
  }

  const IsFull is_full_;
  Mutex mu_;
  std::deque<Message> pending_ ABSL_GUARDED_BY(mu_);
  bool in_flight_ ABSL_GUARDED_BY(mu_) = false;
  bool broken_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<Result> result_ ABSL_GUARDED_BY(mu_);
  // Written under mu_ only while no write is in flight; read by the writer.
  Message writing_;
};

}  // namespace lora

#endif  // LORA_SERVER_BASE_WRITE_COALESCER_H_
