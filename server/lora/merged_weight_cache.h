// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_LORA_MERGED_WEIGHT_CACHE_H_
#define LORA_SERVER_LORA_MERGED_WEIGHT_CACHE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/adapter/device_adapter.h"
#include "server/adapter/execution_pins.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/base/reclaimer.h"
#include "server/base/timer_queue.h"
#include "server/lora/merge_plan.h"
#include "server/lora/merged_set.h"
#include "server/lora/merged_weights_pin.h"

namespace lora {

// One merged copy, as it is listed.
struct MergedCopy {
  std::string merged_id;
  MergedSet set;
  int64_t bytes = 0;
  absl::Duration build_time;
  double max_relative_deviation = 0.0;
  bool pinned = false;
};

// Full-size copies W + sum weight * scaling * B A of the matrices that sets of
// adapters target, within a budget of bytes.
//
// The base is only read, so evicting a copy is unmerging, and exact. A copy in
// use by a sequence, or pinned by its caller, is never evicted. Thread-safe:
// Merge blocks and runs on a worker; the rest is quick, and TryAcquire is for
// the step. Must outlive its pins; a Merge must not run into its destruction.
class MergedWeightCache {
 public:
  // `base_weights` is called on the threads that call Merge. `hold` is how long
  // a copy that Merge brought is kept for the TryAcquire that follows, so that
  // two sets which need each other's room do not rebuild one another for ever.
  MergedWeightCache(int64_t capacity_bytes, BaseWeights base_weights,
                    Reclaimer* reclaimer, const Clock* clock,
                    absl::Duration hold = absl::Seconds(1));

  // Builds the copy of `components`, or finds it, and applies `pinned` if it is
  // true. `handles` hold the components' LoraWeights, in any order. Concurrent
  // calls for one set build once. When it fails no memory is held.
  //
  // INVALID_ARGUMENT (WEIGHTS). RESOURCE_EXHAUSTED: QUOTA: more than the
  // capacity that pinned copies leave; MEMORY. UNAVAILABLE: copies in use leave
  // no room now, see WaitForRoom. ABORTED: an adapter was unloaded meanwhile.
  absl::StatusOr<MergedCopy> Merge(absl::Span<const WeightedKey> components,
                                   absl::Span<const AdapterHandle> handles,
                                   bool pinned) ABSL_LOCKS_EXCLUDED(mu_);

  // Calls `callback` once, on the reclaimer's thread, when a Merge that was
  // UNAVAILABLE is worth another try: there may be room, or never will be.
  void WaitForRoom(const MergedSet& set,
                   absl::Span<const AdapterHandle> handles,
                   MergedCache::RoomCallback callback) ABSL_LOCKS_EXCLUDED(mu_);

  // Pins the copy of `components`; null: there is none. Never blocks.
  std::unique_ptr<MergedWeightsPin> TryAcquire(
      absl::Span<const WeightedKey> components) ABSL_LOCKS_EXCLUDED(mu_);

  // Whether there is a copy. Not a use: the eviction order stays.
  bool Contains(absl::Span<const WeightedKey> components) const;

  // Drops a copy, also a pinned one, and returns its bytes. If nothing runs on
  // it, its memory has been given back when the call returns; otherwise it is
  // after the last pin. Not for the reclaimer's thread, as ReleaseCopies.
  //
  // NOT_FOUND (NOT_MERGED). INVALID_ARGUMENT (WEIGHTS).
  absl::StatusOr<int64_t> Unmerge(absl::Span<const WeightedKey> components)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<int64_t> UnmergeById(const std::string& merged_id)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Drops every copy that `key` is part of, as Unmerge does, also one being
  // built, and returns their bytes: AdapterDependent::ReleaseCopies.
  int64_t ReleaseCopies(const AdapterKey& key) ABSL_LOCKS_EXCLUDED(mu_);

  // By merged_id.
  std::vector<MergedCopy> List() const ABSL_LOCKS_EXCLUDED(mu_);

  int64_t capacity_bytes() const { return cache_.capacity_bytes(); }
  int64_t used_bytes() const { return cache_.used_bytes(); }
  // What copies that are not pinned may take.
  int64_t room_bytes() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    return RoomBytes();
  }

 private:
  struct Record {
    MergedCopy copy;
    MergedCache::Handle pin;   // Empty unless the copy is pinned.
    MergedCache::Handle hold;  // Until TryAcquire or hold_until.
    absl::Time hold_until = absl::InfinitePast();
  };
  struct RoomWait {
    int64_t bytes = 0;
    MergedCache::RoomCallback callback;
  };
  using RoomWaitPtr = std::shared_ptr<RoomWait>;

  // The copy of `set` if there is one; otherwise nullopt, and the caller builds
  // it and ends with Publish. Waits while somebody else does.
  std::optional<MergedCopy> FindOrClaim(const MergedSet& set, bool pinned)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<MergedCache::Handle> Build(
      const MergedSet& set, absl::Span<const AdapterHandle> handles)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Ends the build of `copy.set`, with success or not.
  absl::StatusOr<MergedCopy> Publish(MergedCopy copy,
                                     absl::StatusOr<MergedCache::Handle> built)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Lists the copy that was built.
  MergedCopy Admit(MergedCopy copy, MergedCache::Handle built)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Keeps a copy for who merged it: for good, or until TryAcquire follows.
  void Keep(Record& record, MergedCache::Handle handle, bool pinned)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EndHold(const MergedSet& set) ABSL_LOCKS_EXCLUDED(mu_);
  void EndWait(const RoomWaitPtr& wait) ABSL_LOCKS_EXCLUDED(mu_);
  // Tells those for whom pinned copies leave too little.
  void EndHopelessWaits() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  int64_t RoomBytes() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Hides the copies of `sets`; their memory is on its way.
  int64_t Hide(absl::Span<const MergedSet> sets)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const BaseWeights base_weights_;
  Reclaimer* const reclaimer_;
  const Clock* const clock_;
  const absl::Duration hold_;
  MergedCache cache_;
  mutable Mutex mu_;
  CondVar built_;  // A build has ended.
  // What was published; copies that were evicted since are passed over.
  absl::flat_hash_map<MergedSet, Record> records_ ABSL_GUARDED_BY(mu_);
  // Sets being built; true: released meanwhile.
  absl::flat_hash_map<MergedSet, bool> building_ ABSL_GUARDED_BY(mu_);
  std::vector<RoomWaitPtr> room_waits_ ABSL_GUARDED_BY(mu_);
  TimerQueue timers_;  // Last: its thread uses the rest.
};

}  // namespace lora

#endif  // LORA_SERVER_LORA_MERGED_WEIGHT_CACHE_H_
