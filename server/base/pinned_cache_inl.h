// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_BASE_PINNED_CACHE_INL_H_
#define LORA_SERVER_BASE_PINNED_CACHE_INL_H_

// The definitions of PinnedCache; include pinned_cache.h.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/pinned_cache.h"
#include "server/base/status_macros.h"

namespace lora {

template <typename Key, typename Value>
auto PinnedCache<Key, Value>::Reserve(int64_t bytes)
    -> absl::StatusOr<Reservation> {
  std::vector<std::unique_ptr<Entry>> evicted;
  int64_t shortfall = 0;
  int64_t freed = 0;
  {
    MutexLock lock(mu_);
    LORA_RETURN_IF_ERROR(CheckRoom(bytes));
    const int64_t claimed = std::min(bytes, capacity_ - usage_.used());
    usage_.reserved += claimed;
    shortfall = bytes - claimed;
    while (freed < shortfall) {
      evicted.push_back(EvictFirst());
      freed += evicted.back()->charge;
    }
  }
  if (!evicted.empty()) {
    for (const auto& entry : evicted) on_evicted_(entry->key, entry->charge);
    evicted.clear();
    MutexLock lock(mu_);
    usage_.reclaiming -= freed;
    usage_.reserved += shortfall;
    if (freed > shortfall) WakeWaiters();
  }
  return Reservation(this, bytes);
}

template <typename Key, typename Value>
void PinnedCache<Key, Value>::WaitForRoom(int64_t bytes,
                                          RoomCallback callback) {
  MutexLock lock(mu_);
  waiters_.push_back({bytes, std::move(callback)});
  WakeWaiters();
}

template <typename Key, typename Value>
auto PinnedCache<Key, Value>::Insert(Key key,
                                     std::unique_ptr<const Value> value,
                                     Reservation reservation)
    -> absl::StatusOr<Handle> {
  auto [handle, inserted] = Emplace(
      std::make_unique<Entry>(Entry{
          .cache = this, .key = std::move(key), .value = std::move(value)}),
      reservation);
  if (!inserted) return absl::AlreadyExistsError("the key is already cached");
  return std::move(handle);
}

template <typename Key, typename Value>
auto PinnedCache<Key, Value>::InsertOrLookup(Key key,
                                             std::unique_ptr<const Value> value,
                                             Reservation reservation)
    -> Handle {
  return Emplace(std::make_unique<Entry>(Entry{.cache = this,
                                               .key = std::move(key),
                                               .value = std::move(value)}),
                 reservation)
      .first;
}

template <typename Key, typename Value>
auto PinnedCache<Key, Value>::Lookup(const Key& key) -> Handle {
  MutexLock lock(mu_);
  const auto it = entries_.find(key);
  return it == entries_.end() ? Handle() : Pin(it->second.get());
}

// Adds `entry` and consumes `reservation`, or pins the entry that is there.
template <typename Key, typename Value>
auto PinnedCache<Key, Value>::Emplace(std::unique_ptr<Entry> entry,
                                      Reservation& reservation)
    -> std::pair<Handle, bool> {
  Entry* const raw = entry.get();
  MutexLock lock(mu_);
  const auto [it, inserted] = entries_.try_emplace(raw->key, std::move(entry));
  if (!inserted) return {Pin(it->second.get()), false};
  raw->charge = reservation.bytes();
  raw->pins = 1;
  reservation.cache_.release();
  Move(raw->charge, &Usage::reserved, &Usage::pinned);
  return {Handle(raw), true};
}

template <typename Key, typename Value>
auto PinnedCache<Key, Value>::Pin(Entry* entry) -> Handle {
  if (entry->pins++ == 0) {
    order_->Erase(entry->key);
    Move(entry->charge, &Usage::evictable, &Usage::pinned);
  }
  return Handle(entry);
}

template <typename Key, typename Value>
void PinnedCache<Key, Value>::Reservation::ShrinkTo(int64_t bytes) {
  const int64_t surplus = this->bytes() - bytes;
  if (surplus <= 0) return;
  cache_.get_deleter().bytes = bytes;
  cache_->Unreserve(surplus);
}

template <typename Key, typename Value>
int64_t PinnedCache<Key, Value>::Doom(const Key& key, FreedCallback freed) {
  std::unique_ptr<Entry> entry;
  {
    MutexLock lock(mu_);
    auto node = entries_.extract(key);
    if (!node.empty()) {
      entry = std::move(node.mapped());
      const int64_t charge = entry->charge;
      entry->freed = std::move(freed);
      if (entry->pins > 0) {
        const Entry* const raw = entry.get();
        doomed_.emplace(raw, std::move(entry));
      } else {
        order_->Erase(entry->key);
        Move(charge, &Usage::evictable, &Usage::reclaiming);
        Reclaim(std::move(entry));
      }
      return charge;
    }
  }
  std::move(freed)(0);
  return 0;
}

template <typename Key, typename Value>
absl::Status PinnedCache<Key, Value>::CheckIntegrity() const {
  MutexLock lock(mu_);
  Usage found;
  size_t num_evictable = 0;
  for (const auto& [key, entry] : entries_) {
    (entry->pins > 0 ? found.pinned : found.evictable) += entry->charge;
    if (entry->pins == 0) ++num_evictable;
    if (entry->key != key) return absl::InternalError("an entry moved");
  }
  for (const auto& [raw, entry] : doomed_) {
    if (entry->pins <= 0) return absl::InternalError("unpinned but kept");
    found.pinned += entry->charge;
  }
  if (found.pinned != usage_.pinned || found.evictable != usage_.evictable) {
    return absl::InternalError(
        absl::StrCat("entries hold ", found.pinned, " pinned and ",
                     found.evictable, " evictable bytes, counted were ",
                     usage_.pinned, " and ", usage_.evictable));
  }
  if (order_->size() != num_evictable) {
    return absl::InternalError(absl::StrCat(
        num_evictable, " evictable entries, ", order_->size(), " in order"));
  }
  if (usage_.used() > capacity_ || usage_.reserved < 0 ||
      usage_.reclaiming < 0) {
    return absl::InternalError(absl::StrCat(
        usage_.used(), " of ", capacity_, " bytes used, ", usage_.reserved,
        " reserved, ", usage_.reclaiming, " reclaiming"));
  }
  return absl::OkStatus();
}

template <typename Key, typename Value>
absl::Status PinnedCache<Key, Value>::CheckRoom(int64_t bytes) const {
  if (bytes > capacity_) {
    return Error(
        absl::StatusCode::kResourceExhausted, ErrorReason::kQuota,
        absl::StrCat(bytes, " bytes are needed and the whole budget is ",
                     capacity_, "; raise the budget"));
  }
  const int64_t room = capacity_ - usage_.used() + usage_.evictable;
  if (bytes > room) {
    return absl::UnavailableError(absl::StrCat(bytes, " bytes are needed and ",
                                               room, " of ", capacity_,
                                               " can be freed now"));
  }
  return absl::OkStatus();
}

template <typename Key, typename Value>
auto PinnedCache<Key, Value>::EvictFirst() -> std::unique_ptr<Entry> {
  auto node = entries_.extract(order_->First());
  std::unique_ptr<Entry> entry = std::move(node.mapped());
  order_->Erase(entry->key);
  Move(entry->charge, &Usage::evictable, &Usage::reclaiming);
  ++num_evictions_;
  return entry;
}

template <typename Key, typename Value>
void PinnedCache<Key, Value>::Unpin(Entry* entry) {
  MutexLock lock(mu_);
  if (--entry->pins > 0) return;
  if (auto node = doomed_.extract(entry); !node.empty()) {
    Move(entry->charge, &Usage::pinned, &Usage::reclaiming);
    Reclaim(std::move(node.mapped()));
    return;
  }
  Move(entry->charge, &Usage::pinned, &Usage::evictable);
  order_->Insert(entry->key);
  WakeWaiters();
}

template <typename Key, typename Value>
void PinnedCache<Key, Value>::Unreserve(int64_t bytes) {
  MutexLock lock(mu_);
  usage_.reserved -= bytes;
  WakeWaiters();
}

template <typename Key, typename Value>
void PinnedCache<Key, Value>::Reclaim(std::unique_ptr<Entry> entry) {
  reclaimer_->Post([this, entry = std::move(entry)]() mutable {
    const int64_t charge = entry->charge;
    FreedCallback freed = std::move(entry->freed);
    entry.reset();
    {
      MutexLock lock(mu_);
      usage_.reclaiming -= charge;
      WakeWaiters();
    }
    std::move(freed)(charge);
  });
}

template <typename Key, typename Value>
void PinnedCache<Key, Value>::WakeWaiters() {
  const int64_t room = capacity_ - usage_.used() + usage_.evictable;
  const auto ready = std::stable_partition(
      waiters_.begin(), waiters_.end(),
      [room](const Waiter& waiter) { return waiter.bytes > room; });
  for (auto it = ready; it != waiters_.end(); ++it) {
    reclaimer_->Post(std::move(it->callback));
  }
  waiters_.erase(ready, waiters_.end());
}

}  // namespace lora

#endif  // LORA_SERVER_BASE_PINNED_CACHE_INL_H_
