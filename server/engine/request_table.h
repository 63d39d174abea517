// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ENGINE_REQUEST_TABLE_H_
#define LORA_SERVER_ENGINE_REQUEST_TABLE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/adapter/adapter_key.h"
#include "server/adapter/adapter_plane.h"
#include "server/base/ids.h"
#include "server/base/mutex.h"
#include "server/base/timer_queue.h"
#include "server/engine/generation.h"
#include "server/engine/queue_limit.h"

namespace lora {

// Every request that was announced and has not ended, and who may end it.
//
// A request is *announced* (its id was handed out), *preparing* (being
// tokenised, waiting for its adapters) and then *scheduled* (the step loop has
// it). It leaves the table exactly once, and whoever takes it out calls
// OnFinish: so every sink is finished once, whatever races.
//
// Thread-safe.
class RequestTable {
 public:
  explicit RequestTable(int32_t max_queued) : queue_(max_queued) {}

  SequenceId Announce() ABSL_LOCKS_EXCLUDED(mu_);

  // Begins to prepare an announced request, which names `adapters` in any
  // order.
  //
  // CANCELLED: it was cancelled before. RESOURCE_EXHAUSTED (QUEUE): too many
  // requests wait (see QueueLimit). UNAVAILABLE (DRAINING): Close was called.
  // The id is forgotten then and the caller finishes the sink.
  absl::Status Begin(SequenceId id, std::vector<AdapterId> adapters,
                     std::shared_ptr<TokenSink> sink) ABSL_LOCKS_EXCLUDED(mu_);

  // Keeps the timer that ends the request until the request has ended.
  void SetDeadline(SequenceId id, ScopedTimer timer) ABSL_LOCKS_EXCLUDED(mu_);

  // Whether the request has begun and not ended.
  bool IsLive(SequenceId id) const ABSL_LOCKS_EXCLUDED(mu_);

  // Names the wait that ends with the request. False: it has ended already,
  // and the caller cancels the wait.
  bool SetLeaseWait(SequenceId id, WaitId wait) ABSL_LOCKS_EXCLUDED(mu_);

  // Gives the request to the step loop by calling `hand_over`, with the table
  // locked: whoever then finds it scheduled finds it in the loop. False: it
  // has ended already, and `hand_over` was not called.
  bool HandOver(SequenceId id, std::vector<AdapterKey> keys,
                absl::FunctionRef<void()> hand_over) ABSL_LOCKS_EXCLUDED(mu_);
  // The request runs: it no longer counts as queued.
  void MarkRunning(SequenceId id) ABSL_LOCKS_EXCLUDED(mu_);

  // What somebody who wants to end a request must do.
  struct EndAction {
    // The request was preparing and is out of the table: finish this sink.
    std::shared_ptr<TokenSink> sink;
    std::optional<WaitId> lease_wait;  // And cancel this.
    // The request is scheduled: ask the step loop.
    bool scheduled = false;
  };
  // Ends a request from outside the step loop. An announced one is remembered
  // as cancelled; an unknown id needs nothing.
  EndAction RequestEnd(SequenceId id) ABSL_LOCKS_EXCLUDED(mu_);

  // Takes a request out, in any phase. Null: somebody else did.
  std::shared_ptr<TokenSink> Remove(SequenceId id) ABSL_LOCKS_EXCLUDED(mu_);

  // The requests that use `key`, and all requests that are not merely
  // announced. One that is preparing uses every version of the adapters it
  // names: it may have leased `key` just now.
  std::vector<SequenceId> UsersOf(const AdapterKey& key) const
      ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<SequenceId> All() const ABSL_LOCKS_EXCLUDED(mu_);

  // Refuses every later Begin.
  void Close() ABSL_LOCKS_EXCLUDED(mu_);
  // Waits until no request is left. False: `deadline` passed.
  bool WaitUntilEmpty(absl::Time deadline) ABSL_LOCKS_EXCLUDED(mu_);

  int32_t num_queued() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  enum class Phase : uint8_t { kAnnounced, kCancelled, kPreparing, kScheduled };
  struct Entry {
    Phase phase = Phase::kAnnounced;
    bool running = false;
    std::shared_ptr<TokenSink> sink;
    ScopedTimer deadline;
    std::optional<WaitId> lease_wait;
    std::vector<AdapterId> adapters;
    std::vector<AdapterKey> keys;  // Of `adapters`, once it is scheduled.

    bool Uses(const AdapterKey& key) const;
  };

  void Erase(SequenceId id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable Mutex mu_;
  CondVar empty_;
  absl::flat_hash_map<SequenceId, Entry> entries_ ABSL_GUARDED_BY(mu_);
  uint64_t next_id_ ABSL_GUARDED_BY(mu_) = 1;
  int32_t num_begun_ ABSL_GUARDED_BY(mu_) = 0;  // Preparing or scheduled.
  QueueLimit queue_ ABSL_GUARDED_BY(mu_);       // Of these, not running.
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace lora

#endif  // LORA_SERVER_ENGINE_REQUEST_TABLE_H_
