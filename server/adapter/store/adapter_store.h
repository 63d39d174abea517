// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_STORE_ADAPTER_STORE_H_
#define LORA_SERVER_ADAPTER_STORE_ADAPTER_STORE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/adapter/adapter_info.h"
#include "server/adapter/adapter_residency.h"
#include "server/adapter/adapter_stats.h"
#include "server/adapter/device_adapter.h"
#include "server/adapter/store/adapter_store_options.h"
#include "server/adapter/store/device_promoter.h"
#include "server/adapter/store/host_reader.h"
#include "server/adapter/store/stored_version.h"
#include "server/base/clock.h"
#include "server/base/deferred.h"
#include "server/base/mutex.h"
#include "server/base/reclaimer.h"
#include "server/base/sync_point.h"
#include "server/base/task_pool.h"
#include "server/base/timer_queue.h"

namespace lora {

// Where the bytes of adapter versions are: disk, host memory, device. Budgets
// are never exceeded, pinned adapters never evicted, and one load serves all
// who wait for it.
//
// Thread-safe. Owns the plane's threads; all callbacks run on them, or before
// the call returns, with no lock held. Every handle ends before it is
// destroyed.
class AdapterStore final : public AdapterResidency {
 public:
  using Done = absl::AnyInvocable<void(absl::Status) &&>;
  using Freed = FreedBytes;
  using FreedCallback = absl::AnyInvocable<void(Freed) &&>;
  using VersionOptions = StoredVersionOptions;

  // The pointers outlive the store; `sync` may be null.
  AdapterStore(const AdapterStoreOptions& options, AdapterLoader* loader,
               AdapterUploader* uploader, const Clock* clock,
               SyncPoints* sync = nullptr);
  // Closes it.
  ~AdapterStore() override;
  AdapterStore(const AdapterStore&) = delete;
  AdapterStore& operator=(const AdapterStore&) = delete;

  // Cancels what waits and ends the threads: when it returns, every callback
  // has come and none ever will, but for those of calls that come too late,
  // which are answered at once. Read must not be called any more. Called by one
  // thread, not one of the store's.
  void Close() ABSL_LOCKS_EXCLUDED(mu_);

  // Reads the files behind a source into the host tier; see HostReader::Start.
  // Unless Add follows, ForgetUnused gives the memory back.
  std::shared_ptr<HostReader::Read> Read(HostReader::Request request,
                                         LoadProgress::Listener listener,
                                         HostReader::Done done);
  void CancelRead(const std::shared_ptr<HostReader::Read>& read);

  // Makes `host` a version that can be brought to the device; if it is one
  // already, its options are replaced.
  //
  // RESOURCE_EXHAUSTED (QUOTA): it can never fit.
  absl::Status Add(const HostAdapter& host, VersionOptions options)
      ABSL_LOCKS_EXCLUDED(mu_);

  // RESOURCE_EXHAUSTED (QUOTA): beside the pinned ones `host` can never be on
  // the device.
  absl::Status CheckFits(const HostAdapter& host) const
      ABSL_LOCKS_EXCLUDED(mu_);

  // Drops the host copy of `key` unless a version wants to keep it. `done` is
  // called when the memory has been given back, after the last handle.
  void ForgetUnused(const AdapterKey& key, absl::AnyInvocable<void() &&> done)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Gives back everything `key` holds; `done` hears how much, once that has
  // happened: after the last handle. Waiters for it get CANCELLED.
  void Remove(const AdapterKey& key, FreedCallback done)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Brings `key` to the device, as EnsureResident; it is not held for anyone.
  void Promote(const AdapterKey& key, Done done) ABSL_LOCKS_EXCLUDED(mu_);
  // Ends the waits of Promote for `key` with CANCELLED, on a thread of the
  // store. The load stops unless somebody else wants it.
  void CancelPromote(const AdapterKey& key) ABSL_LOCKS_EXCLUDED(mu_);

  // Keeps `key` on the device for good, or no longer; brings it there if need
  // be.
  //
  // RESOURCE_EXHAUSTED (QUOTA): beside the other pinned ones it never fits.
  absl::Status SetPinned(const AdapterKey& key, bool pinned)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Pins `key`, which is about to take the place of `replaced`: the larger of
  // the two counts until SetPinned, not both. Errors as SetPinned.
  absl::Status PinSuccessor(const AdapterKey& key, const AdapterKey& replaced)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Where `key` comes from when it is read again, and what stays of it when its
  // device copy is evicted; makes or drops a host copy accordingly.
  void SetOptions(const AdapterKey& key, VersionOptions options)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Keeps a copy of `key` in memory until Remove or Unretain: its files may be
  // gone. For replaced versions that requests still use.
  void Retain(const AdapterKey& key) ABSL_LOCKS_EXCLUDED(mu_);
  // Retains `key` if it and `successor`, which is about to replace it, fit on
  // the device together; otherwise as Unretain.
  void RetainBeside(const AdapterKey& key, const AdapterKey& successor)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Unretain(const AdapterKey& key) ABSL_LOCKS_EXCLUDED(mu_);

  absl::StatusOr<std::vector<AdapterHandle>> TryAcquireAll(
      absl::Span<const AdapterKey> keys) override ABSL_LOCKS_EXCLUDED(mu_);
  void EnsureResident(absl::Span<const AdapterKey> keys, Done done) override
      ABSL_LOCKS_EXCLUDED(mu_);
  bool WaitsForRoom(absl::Span<const AdapterKey> keys) const override
      ABSL_LOCKS_EXCLUDED(mu_);
  AdapterTier TierOf(const AdapterKey& key) const override;
  // Whether there is a host copy, whatever the tier.
  bool HasHostCopy(const AdapterKey& key) const;

  // Bytes that `host` will hold on the device.
  int64_t DeviceBytes(const HostAdapter& host) const;
  // Gives memory that was freed back to the system, soon.
  void TrimMemory();

  // Fills in what the store knows: bytes, loads, evictions.
  void AddStats(AdapterStats& stats) const ABSL_LOCKS_EXCLUDED(mu_);
  // INTERNAL: an invariant does not hold.
  absl::Status CheckIntegrity() const ABSL_LOCKS_EXCLUDED(mu_);
  // INTERNAL: `key` is not kept like that.
  absl::Status CheckVersion(const AdapterKey& key,
                            const VersionOptions& options, bool pinned) const
      ABSL_LOCKS_EXCLUDED(mu_);

  // Threads for what is quick: never behind a file that is being read.
  TaskPool& pool() { return control_; }
  TimerQueue& timers() { return timers_; }

 private:
  using VersionPtr = std::shared_ptr<StoredVersion>;
  using SetPtr = std::shared_ptr<ResidentSet>;
  enum class Hold : uint8_t { kNo, kUntilAcquired };

  VersionPtr Find(const AdapterKey& key) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // RESOURCE_EXHAUSTED (QUOTA): `keys` and the pinned versions exceed the
  // device. NOT_FOUND: one is not a version.
  absl::Status CheckSetFits(absl::Span<const AdapterKey> keys) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Pin(const VersionPtr& version, int64_t counted_bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EndHopeless() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // How sets come in: adapter_store_sets.cc.
  void BringIn(absl::Span<const AdapterKey> keys, Hold hold, Done done)
      ABSL_LOCKS_EXCLUDED(mu_);
  void AwaitMembers(const SetPtr& set, Deferred& deferred)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnMember(const SetPtr& set, const AdapterKey& key,
                const absl::Status& status, Deferred& deferred)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool KeepMembers(ResidentSet& set) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void TakeTurn(const SetPtr& set) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void RetakeTurn(const SetPtr& set) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnTurn(const SetPtr& set, int turn) ABSL_LOCKS_EXCLUDED(mu_);
  void FinishSet(const SetPtr& set, const absl::Status& status,
                 Deferred& deferred) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EndHolds(const std::vector<AdapterKey>& keys) ABSL_LOCKS_EXCLUDED(mu_);
  // Runs what was deferred on a thread of the store: for callers that may hold
  // a lock of their own.
  void Answer(std::unique_ptr<Deferred> deferred);

  // How versions come in: adapter_store_promote.cc.
  // Joins or starts the promotion of `version`.
  void StartPromotion(const VersionPtr& version)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void StopPromotion(StoredVersion& version, const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void StopUnwanted(const AdapterKey& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnPromoted(const VersionPtr& version,
                  absl::StatusOr<DevicePromoter::Promoted> promoted)
      ABSL_LOCKS_EXCLUDED(mu_);
  void EndPromotion(const VersionPtr& version, const absl::Status& status,
                    Deferred& deferred) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Puts the device copy into the cache and takes the store's own pins.
  absl::StatusOr<AdapterHandle> Adopt(StoredVersion& version,
                                      DevicePromoter::Promoted& promoted)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Which copies stay in memory: adapter_store_copies.cc.
  void StartRetaining(const VersionPtr& version)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool HostCanHold(const StoredVersion& version) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void HoldCopy(StoredVersion& version) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void UpdateHeld() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void StopRetaining(StoredVersion& version) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Reads a host copy and keeps it as the version wants by then.
  void ReadHostCopy(const VersionPtr& version)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool WantsHostCopy(const AdapterKey& key) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool DropsHostCopy(const StoredVersion& version) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const AdapterStoreOptions options_;
  AdapterUploader* const uploader_;
  const Clock* const clock_;
  SyncPoints* const sync_;
  mutable Mutex mu_;
  absl::flat_hash_map<AdapterKey, VersionPtr> versions_ ABSL_GUARDED_BY(mu_);
  std::vector<SetPtr> turns_ ABSL_GUARDED_BY(mu_);  // Sets that need a turn.
  SetPtr active_set_ ABSL_GUARDED_BY(mu_);          // The one that has it.
  int64_t held_bytes_ ABSL_GUARDED_BY(mu_) = 0;     // On the device: IsHeld.
  int64_t pinned_bytes_ ABSL_GUARDED_BY(mu_) = 0;   // Their counted_bytes.
  int64_t num_loads_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t num_load_failures_ ABSL_GUARDED_BY(mu_) = 0;

  // The order matters: the caches call the queues until they are gone, and
  // both post to the threads, which the destructor stops first.
  std::atomic<bool> trims_ = false;  // TrimMemory is to run.
  Reclaimer reclaimer_;
  TaskGroup threads_;
  TaskPool loaders_;  // For what may take as long as a disk does.
  TaskPool uploads_;
  TaskPool control_;  // For all else.
  TimerQueue timers_;
  HostReader reader_;
  ReservationQueue<DeviceCache> device_queue_;
  HostCache host_cache_;
  DeviceCache device_cache_;
  DevicePromoter promoter_;
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_STORE_ADAPTER_STORE_H_
