// SPDX-License-Identifier: Apache-2.0
#include "server/lora/merged_weight_cache.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/log.h"
#include "server/base/status_macros.h"

namespace lora {
namespace {

absl::Status NotMerged(absl::string_view what) {
  return Error(absl::StatusCode::kNotFound, ErrorReason::kNotMerged,
               absl::StrCat("there is no merged copy of ", what,
                            "; ListMergedAdapters shows those that exist"));
}

std::string Names(const MergedSet& set) {
  std::string names;
  for (const WeightedKey& component : set.components) {
    absl::StrAppend(&names, names.empty() ? "" : " + ", component.weight, " \"",
                    component.key.id.value(), "\"");
  }
  return names;
}

}  // namespace

MergedWeightCache::MergedWeightCache(int64_t capacity_bytes,
                                     BaseWeights base_weights,
                                     Reclaimer* reclaimer, const Clock* clock,
                                     absl::Duration hold)
    : base_weights_(std::move(base_weights)),
      reclaimer_(reclaimer),
      clock_(clock),
      hold_(hold),
      cache_(capacity_bytes, reclaimer,
             [](const MergedSet& set, int64_t bytes) {
               LogInfo("merged_evicted", {{"merged_id", MergedId(set)},
                                          {"components", set.components.size()},
                                          {"bytes", bytes}});
             }),
      timers_(clock) {}

absl::StatusOr<MergedCopy> MergedWeightCache::Merge(
    absl::Span<const WeightedKey> components,
    absl::Span<const AdapterHandle> handles, bool pinned) {
  MergedCopy copy;
  LORA_ASSIGN_OR_RETURN(copy.set, CanonicalSet(components));
  if (std::optional<MergedCopy> found = FindOrClaim(copy.set, pinned)) {
    return *std::move(found);
  }
  const absl::Time begin = clock_->Now();
  absl::StatusOr<MergedCache::Handle> built = Build(copy.set, handles);
  copy.merged_id = MergedId(copy.set);
  copy.build_time = clock_->Now() - begin;
  copy.pinned = pinned;
  return Publish(std::move(copy), std::move(built));
}

std::optional<MergedCopy> MergedWeightCache::FindOrClaim(const MergedSet& set,
                                                         bool pinned) {
  MutexLock lock(mu_);
  while (building_.contains(set)) built_.Wait(mu_);
  const auto record = records_.find(set);
  if (record != records_.end()) {
    if (MergedCache::Handle handle = cache_.Lookup(set)) {
      Keep(record->second, std::move(handle), pinned);
      return record->second.copy;
    }
  }
  building_.emplace(set, false);
  return std::nullopt;
}

absl::StatusOr<MergedCache::Handle> MergedWeightCache::Build(
    const MergedSet& set, absl::Span<const AdapterHandle> handles) {
  const MergePlan plan(set, handles, base_weights_);
  const int64_t available = room_bytes();
  if (plan.bytes() > available) {
    return Error(
        absl::StatusCode::kResourceExhausted, ErrorReason::kQuota,
        absl::StrCat("a merged copy of ", Names(set), " takes ", plan.bytes(),
                     " bytes; of the budget of ", cache_.capacity_bytes(),
                     ", pinned copies leave ", available,
                     ": unmerge one or raise --merged-memory"));
  }
  LORA_ASSIGN_OR_RETURN(MergedCache::Reservation reservation,
                        cache_.Reserve(plan.bytes()));
  LORA_ASSIGN_OR_RETURN(std::unique_ptr<const MergedWeights> weights,
                        plan.Build());
  return cache_.Insert(set, std::move(weights), std::move(reservation));
}

absl::StatusOr<MergedCopy> MergedWeightCache::Publish(
    MergedCopy copy, absl::StatusOr<MergedCache::Handle> built) {
  {
    MutexLock lock(mu_);
    const auto building = building_.find(copy.set);
    const bool released = building->second;
    building_.erase(building);
    built_.NotifyAll();
    if (!built.ok()) return built.status();
    if (!released) return Admit(std::move(copy), *std::move(built));
    cache_.Doom(copy.set);
  }
  built = absl::AbortedError("");  // Lets go of the copy.
  reclaimer_->Flush();
  return Error(absl::StatusCode::kAborted, ErrorReason::kAborted,
               absl::StrCat("an adapter of ", Names(copy.set),
                            " was unloaded during the merge"));
}

MergedCopy MergedWeightCache::Admit(MergedCopy copy,
                                    MergedCache::Handle built) {
  copy.bytes = built.charge();
  copy.max_relative_deviation = built->max_relative_deviation();
  // Copies that were evicted since they were recorded.
  absl::erase_if(records_, [this](const auto& entry) {
    return !cache_.Contains(entry.first);
  });
  const bool pinned = std::exchange(copy.pinned, false);
  Record& record = records_[copy.set];
  record.copy = std::move(copy);
  Keep(record, std::move(built), pinned);
  return record.copy;
}

void MergedWeightCache::Keep(Record& record, MergedCache::Handle handle,
                             bool pinned) {
  if (record.pin) return;
  if (pinned) {
    record.pin = std::move(handle);
    record.copy.pinned = true;
    EndHopelessWaits();
    return;
  }
  if (hold_ <= absl::ZeroDuration()) return;
  record.hold = std::move(handle);
  record.hold_until = clock_->Now() + hold_;
  timers_.Schedule(record.hold_until,
                   [this, set = record.copy.set] { EndHold(set); });
}

void MergedWeightCache::EndHold(const MergedSet& set) {
  MutexLock lock(mu_);
  const auto record = records_.find(set);
  // A later Merge may hold it longer.
  if (record != records_.end() && record->second.hold_until <= clock_->Now()) {
    record->second.hold.Reset();
  }
}

void MergedWeightCache::WaitForRoom(const MergedSet& set,
                                    absl::Span<const AdapterHandle> handles,
                                    MergedCache::RoomCallback callback) {
  auto wait = std::make_shared<RoomWait>();
  wait->bytes = MergePlan(set, handles, base_weights_).bytes();
  wait->callback = std::move(callback);
  MutexLock lock(mu_);
  room_waits_.push_back(wait);
  cache_.WaitForRoom(wait->bytes, [this, wait] { EndWait(wait); });
  EndHopelessWaits();
}

void MergedWeightCache::EndWait(const RoomWaitPtr& wait) {
  MergedCache::RoomCallback callback;
  {
    MutexLock lock(mu_);
    if (std::erase(room_waits_, wait) == 0) return;
    callback = std::move(wait->callback);
  }
  std::move(callback)();
}

void MergedWeightCache::EndHopelessWaits() {
  const int64_t room = RoomBytes();
  for (const RoomWaitPtr& wait : room_waits_) {
    if (wait->bytes > room) {
      reclaimer_->Post([this, wait] { EndWait(wait); });
    }
  }
}

std::unique_ptr<MergedWeightsPin> MergedWeightCache::TryAcquire(
    absl::Span<const WeightedKey> components) {
  const absl::StatusOr<MergedSet> set = CanonicalSet(components);
  if (!set.ok()) return nullptr;
  MutexLock lock(mu_);
  MergedCache::Handle handle = cache_.Lookup(*set);
  if (!handle) return nullptr;
  if (const auto it = records_.find(*set); it != records_.end()) {
    it->second.hold.Reset();
  }
  return std::make_unique<MergedWeightsPin>(std::move(handle));
}

bool MergedWeightCache::Contains(
    absl::Span<const WeightedKey> components) const {
  const absl::StatusOr<MergedSet> set = CanonicalSet(components);
  return set.ok() && cache_.Contains(*set);
}

absl::StatusOr<int64_t> MergedWeightCache::Unmerge(
    absl::Span<const WeightedKey> components) {
  LORA_ASSIGN_OR_RETURN(const MergedSet set, CanonicalSet(components));
  int64_t bytes = 0;
  {
    MutexLock lock(mu_);
    if (!records_.contains(set) || !cache_.Contains(set)) {
      return NotMerged(Names(set));
    }
    bytes = Hide({set});
  }
  reclaimer_->Flush();
  return bytes;
}

absl::StatusOr<int64_t> MergedWeightCache::UnmergeById(
    const std::string& merged_id) {
  for (const MergedCopy& copy : List()) {
    if (copy.merged_id == merged_id) return Unmerge(copy.set.components);
  }
  return NotMerged(absl::StrCat("id \"", merged_id, "\""));
}

int64_t MergedWeightCache::ReleaseCopies(const AdapterKey& key) {
  int64_t bytes = 0;
  {
    MutexLock lock(mu_);
    for (auto& [set, released] : building_) {
      if (set.Holds(key)) released = true;
    }
    std::vector<MergedSet> sets;
    for (const auto& [set, record] : records_) {
      if (set.Holds(key)) sets.push_back(set);
    }
    bytes = Hide(sets);
  }
  reclaimer_->Flush();
  return bytes;
}

std::vector<MergedCopy> MergedWeightCache::List() const {
  std::vector<MergedCopy> copies;
  {
    MutexLock lock(mu_);
    for (const auto& [set, record] : records_) {
      if (cache_.Contains(set)) copies.push_back(record.copy);
    }
  }
  std::sort(copies.begin(), copies.end(),
            [](const MergedCopy& x, const MergedCopy& y) {
              return x.merged_id < y.merged_id;
            });
  return copies;
}

int64_t MergedWeightCache::Hide(absl::Span<const MergedSet> sets) {
  int64_t bytes = 0;
  for (const MergedSet& set : sets) {
    records_.erase(set);
    bytes += cache_.Doom(set);
  }
  return bytes;
}

int64_t MergedWeightCache::RoomBytes() const {
  int64_t bytes = cache_.capacity_bytes();
  for (const auto& [set, record] : records_) {
    if (record.pin) bytes -= record.copy.bytes;
  }
  return bytes;
}

}  // namespace lora
