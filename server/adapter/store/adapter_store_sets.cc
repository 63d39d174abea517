// SPDX-License-Identifier: Apache-2.0
// AdapterStore: how sets of adapters come to the device together.
//
// The members of a set come in one by one, and nothing is kept while others
// are awaited: two sets that each keep a part would wait for each other for
// ever. If a member was evicted by the time the last one is there, the set
// takes a turn of the device queue. While that lasts no other load gets room,
// so the set can keep what it has. A turn is taken only while the rest fits
// beside what is held for others, who may wait for room themselves.
#include <algorithm>
#include <utility>

#include "server/adapter/store/adapter_store.h"

namespace lora {

void AdapterStore::Promote(const AdapterKey& key, Done done) {
  BringIn({&key, 1}, Hold::kNo, std::move(done));
}

void AdapterStore::EnsureResident(absl::Span<const AdapterKey> keys,
                                  Done done) {
  BringIn(keys, Hold::kUntilAcquired, std::move(done));
}

void AdapterStore::BringIn(absl::Span<const AdapterKey> keys, Hold hold,
                           Done done) {
  auto set = std::make_shared<ResidentSet>();
  set->keys.assign(keys.begin(), keys.end());
  set->hold = hold == Hold::kUntilAcquired;
  set->done = std::move(done);
  Deferred deferred;
  MutexLock lock(mu_);
  if (absl::Status fits = CheckSetFits(keys); !fits.ok()) {
    FinishSet(set, fits, deferred);
    return;
  }
  AwaitMembers(set, deferred);
}

// Waits for the members that are not on the device; done if all are.
void AdapterStore::AwaitMembers(const SetPtr& set, Deferred& deferred) {
  for (const AdapterKey& key : set->keys) {
    if (AdapterHandle handle = device_cache_.Lookup(key)) {
      set->kept.push_back(std::move(handle));
      continue;
    }
    const VersionPtr version = Find(key);
    ++set->num_missing;
    (version->promotion_cancelled ? version->next_waiters : version->waiters)
        .push_back(set);
    StartPromotion(version);
  }
  if (set->num_missing == 0) {
    FinishSet(set, absl::OkStatus(), deferred);
  } else if (!set->has_turn) {
    set->kept.clear();
  }
}

// The promotion of a member has ended.
void AdapterStore::OnMember(const SetPtr& set, const AdapterKey& key,
                            const absl::Status& status, Deferred& deferred) {
  if (set->ended) return;
  if (!status.ok()) {
    FinishSet(set, status, deferred);
    return;
  }
  if (set->has_turn) set->kept.push_back(device_cache_.Lookup(key));
  if (--set->num_missing > 0) return;
  if (set->has_turn || !set->hold || KeepMembers(*set)) {
    FinishSet(set, absl::OkStatus(), deferred);
    return;
  }
  turns_.push_back(set);
  TakeTurn(set);
}

void AdapterStore::TakeTurn(const SetPtr& set) {
  int64_t bytes = 0;
  for (const AdapterKey& key : set->keys) {
    const VersionPtr version = Find(key);
    if (version != nullptr && !IsHeld(*version)) bytes += version->device_bytes;
  }
  set->turn = device_queue_.TakeTurn(
      [this, set, turn = ++set->num_turns] { OnTurn(set, turn); }, bytes);
}

// What the set would keep in its turn may be what others need before the rest
// of it can come in: it lets go of all, and takes another turn.
void AdapterStore::RetakeTurn(const SetPtr& set) {
  device_queue_.EndTurn(set->turn);
  ++set->num_turns;
  set->has_turn = false;
  set->kept.clear();
  if (active_set_ == set) active_set_ = nullptr;
  if (set->num_missing == 0) {
    TakeTurn(set);
  } else {
    std::erase(turns_, set);  // Until those that it awaits are there.
  }
}

// Whether all members are there; they are kept then.
bool AdapterStore::KeepMembers(ResidentSet& set) {
  for (const AdapterKey& key : set.keys) {
    AdapterHandle handle = device_cache_.Lookup(key);
    if (!handle) {
      set.kept.clear();
      return false;
    }
    set.kept.push_back(std::move(handle));
  }
  return true;
}

void AdapterStore::OnTurn(const SetPtr& set, int turn) {
  Deferred deferred;
  MutexLock lock(mu_);
  if (set->ended || set->num_turns != turn) return;
  set->has_turn = true;
  active_set_ = set;
  if (absl::Status fits = CheckSetFits(set->keys); !fits.ok()) {
    FinishSet(set, fits, deferred);
    return;
  }
  AwaitMembers(set, deferred);
}

void AdapterStore::FinishSet(const SetPtr& set, const absl::Status& status,
                             Deferred& deferred) {
  if (std::exchange(set->ended, true)) return;
  if (std::erase(turns_, set) > 0) device_queue_.EndTurn(set->turn);
  if (active_set_ == set) active_set_ = nullptr;
  if (status.ok() && set->hold) {
    const absl::Time until = clock_->Now() + options_.hold;
    for (AdapterHandle& handle : set->kept) {
      const VersionPtr version = Find(handle.key());
      if (version == nullptr) continue;
      version->hold_until = until;
      version->hold = std::move(handle);
    }
    timers_.Schedule(until, [this, keys = set->keys] { EndHolds(keys); });
  }
  set->kept.clear();
  if (!status.ok()) {
    for (const AdapterKey& key : set->keys) StopUnwanted(key);
  }
  deferred.Add([done = std::move(set->done), status]() mutable {
    std::move(done)(status);
  });
}

void AdapterStore::EndHolds(const std::vector<AdapterKey>& keys) {
  const absl::Time now = clock_->Now();
  MutexLock lock(mu_);
  for (const AdapterKey& key : keys) {
    const VersionPtr version = Find(key);
    // A later set may hold it longer.
    if (version != nullptr && version->hold_until <= now) version->hold.Reset();
  }
}

void AdapterStore::Answer(std::unique_ptr<Deferred> deferred) {
  control_.Post([deferred = std::move(deferred)] {});
}

}  // namespace lora
