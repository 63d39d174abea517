// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_BASE_PINNED_CACHE_H_
#define LORA_SERVER_BASE_PINNED_CACHE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/eviction_order.h"
#include "server/base/mutex.h"
#include "server/base/reclaimer.h"

namespace lora {

// A map from Key to immutable Value with a capacity in bytes.
//
// The values alive and the reservations never exceed the capacity: memory is
// reserved before it is used and given back after the value is destroyed. An
// entry is *pinned* while a Handle to it lives, and a pinned entry is never
// evicted.
//
//   LORA_ASSIGN_OR_RETURN(auto reservation, cache.Reserve(bytes));
//   LORA_ASSIGN_OR_RETURN(auto value, Upload(...));
//   return cache.Insert(key, std::move(value), std::move(reservation));
//
// Thread-safe. Releasing a handle never destroys a value on the releasing
// thread. Must outlive its handles and reservations; not destroyed on the
// reclaimer's thread.
template <typename Key, typename Value>
class PinnedCache {
 private:
  struct Entry;
  struct Unpinner {
    void operator()(Entry* entry) const { entry->cache->Unpin(entry); }
  };
  struct GiveBack {
    void operator()(PinnedCache* cache) const { cache->Unreserve(bytes); }
    int64_t bytes = 0;
  };

 public:
  using RoomCallback = absl::AnyInvocable<void() &&>;
  using FreedCallback = absl::AnyInvocable<void(int64_t bytes) &&>;
  using EvictedCallback = std::function<void(const Key& key, int64_t bytes)>;

  // A move-only pin; unpins when destroyed. Empty when default-constructed or
  // moved from.
  class Handle {
   public:
    Handle() = default;

    explicit operator bool() const { return entry_ != nullptr; }
    const Key& key() const { return entry_->key; }
    int64_t charge() const { return entry_->charge; }
    const Value* get() const { return entry_ ? entry_->value.get() : nullptr; }
    const Value& operator*() const { return *entry_->value; }
    const Value* operator->() const { return entry_->value.get(); }
    // Unpins now instead of at destruction.
    void Reset() { entry_.reset(); }

   private:
    friend class PinnedCache;
    explicit Handle(Entry* entry) : entry_(entry) {}
    std::unique_ptr<Entry, Unpinner> entry_;
  };

  // A move-only claim on bytes, given back unless Insert consumes it.
  class Reservation {
   public:
    Reservation() = default;
    int64_t bytes() const { return cache_ ? cache_.get_deleter().bytes : 0; }
    // Gives back what is over `bytes`; more than bytes() changes nothing.
    void ShrinkTo(int64_t bytes);

   private:
    friend class PinnedCache;
    Reservation(PinnedCache* cache, int64_t bytes)
        : cache_(cache, GiveBack{bytes}) {}
    std::unique_ptr<PinnedCache, GiveBack> cache_;
  };

  // Bytes by what holds them; their sum is what is used.
  struct Usage {
    int64_t reserved = 0;    // Reservations.
    int64_t pinned = 0;      // Pinned entries, doomed ones included.
    int64_t evictable = 0;   // Entries that nothing pins.
    int64_t reclaiming = 0;  // Values on their way to destruction.

    int64_t used() const { return reserved + pinned + evictable + reclaiming; }
  };

  // `on_evicted` hears of each entry that Reserve evicts, on the thread that
  // reserves.
  PinnedCache(
      int64_t capacity_bytes, Reclaimer* reclaimer,
      EvictedCallback on_evicted = [](const Key&, int64_t) {},
      std::unique_ptr<EvictionOrder<Key>> order =
          std::make_unique<LruOrder<Key>>())
      : capacity_(capacity_bytes),
        reclaimer_(reclaimer),
        on_evicted_(std::move(on_evicted)),
        order_(std::move(order)) {}
  ~PinnedCache() { reclaimer_->Flush(); }
  PinnedCache(const PinnedCache&) = delete;
  PinnedCache& operator=(const PinnedCache&) = delete;

  // Claims `bytes`, evicting entries as needed; their values are destroyed on
  // this thread before it returns, so call it where that may take time.
  //
  // RESOURCE_EXHAUSTED (QUOTA): more than the capacity. UNAVAILABLE: not now,
  // see WaitForRoom. Nothing was evicted in either case.
  absl::StatusOr<Reservation> Reserve(int64_t bytes) ABSL_LOCKS_EXCLUDED(mu_);

  // Calls `callback` once, on the reclaimer's thread, as soon as Reserve(bytes)
  // can succeed; never if that does not come to pass. Somebody else may be
  // quicker: reserve again, and wait again.
  void WaitForRoom(int64_t bytes, RoomCallback callback)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Adds `value`, charged as much as `reservation`, and pins it.
  //
  // ALREADY_EXISTS: `key` is present; value and reservation are given back.
  absl::StatusOr<Handle> Insert(Key key, std::unique_ptr<const Value> value,
                                Reservation reservation)
      ABSL_LOCKS_EXCLUDED(mu_);

  // As Insert, but pins the entry that is there if `key` is present.
  Handle InsertOrLookup(Key key, std::unique_ptr<const Value> value,
                        Reservation reservation) ABSL_LOCKS_EXCLUDED(mu_);

  // Pins the entry of `key`; an empty handle if there is none.
  Handle Lookup(const Key& key) ABSL_LOCKS_EXCLUDED(mu_);

  // Whether `key` is cached. Not a use: the eviction order stays.
  bool Contains(const Key& key) const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    return entries_.contains(key);
  }

  // Hides the entry of `key` at once, so that the key may be inserted again,
  // and destroys its value after the last unpin. Returns its charge, 0 if there
  // is none. `freed` is called once with the charge, on the reclaimer's thread,
  // when the memory has been given back; with 0, before returning, if there is
  // no entry.
  int64_t Doom(
      const Key& key, FreedCallback freed = [](int64_t) {})
      ABSL_LOCKS_EXCLUDED(mu_);

  int64_t capacity_bytes() const { return capacity_; }
  Usage usage() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    return usage_;
  }
  int64_t used_bytes() const { return usage().used(); }
  // How many entries Reserve has evicted.
  int64_t num_evictions() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    return num_evictions_;
  }

  // INTERNAL: counters and entries disagree, or the capacity is exceeded.
  absl::Status CheckIntegrity() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Entry {
    PinnedCache* cache;
    Key key;
    std::unique_ptr<const Value> value;
    int64_t charge = 0;
    int64_t pins = 0;     // Guarded by cache->mu_.
    FreedCallback freed;  // Set when doomed.
  };
  struct Waiter {
    int64_t bytes;
    RoomCallback callback;
  };

  std::pair<Handle, bool> Emplace(std::unique_ptr<Entry> entry,
                                  Reservation& reservation)
      ABSL_LOCKS_EXCLUDED(mu_);
  Handle Pin(Entry* entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status CheckRoom(int64_t bytes) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::unique_ptr<Entry> EvictFirst() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Move(int64_t bytes, int64_t Usage::*from, int64_t Usage::*to)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    usage_.*from -= bytes;
    usage_.*to += bytes;
  }
  void Unpin(Entry* entry) ABSL_LOCKS_EXCLUDED(mu_);
  void Unreserve(int64_t bytes) ABSL_LOCKS_EXCLUDED(mu_);
  void Reclaim(std::unique_ptr<Entry> entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void WakeWaiters() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const int64_t capacity_;
  Reclaimer* const reclaimer_;
  const EvictedCallback on_evicted_;
  mutable Mutex mu_;
  absl::flat_hash_map<Key, std::unique_ptr<Entry>> entries_
      ABSL_GUARDED_BY(mu_);
  // Hidden entries that are still pinned.
  absl::flat_hash_map<const Entry*, std::unique_ptr<Entry>> doomed_
      ABSL_GUARDED_BY(mu_);
  // The keys of entries_ with no pin.
  const std::unique_ptr<EvictionOrder<Key>> order_ ABSL_GUARDED_BY(mu_);
  std::vector<Waiter> waiters_ ABSL_GUARDED_BY(mu_);
  Usage usage_ ABSL_GUARDED_BY(mu_);
  int64_t num_evictions_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace lora

#include "server/base/pinned_cache_inl.h"  // The definitions.

#endif  // LORA_SERVER_BASE_PINNED_CACHE_H_
