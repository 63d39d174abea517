// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ADAPTER_ADAPTER_MANAGER_H_
#define LORA_SERVER_ADAPTER_ADAPTER_MANAGER_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/adapter/adapter_loader.h"
#include "server/adapter/adapter_manifest.h"
#include "server/adapter/adapter_plane.h"
#include "server/adapter/adapter_record.h"
#include "server/adapter/adapter_stats.h"
#include "server/adapter/store/adapter_store.h"
#include "server/adapter/watch_hub.h"
#include "server/base/clock.h"
#include "server/base/deferred.h"
#include "server/base/mutex.h"
#include "server/base/sync_point.h"

namespace lora {

struct AdapterManagerOptions {
  AdapterStoreOptions store;
  std::string state_dir;  // Of the manifest; empty: nothing is durable.
  int64_t max_adapters = 10000;
};

// The adapter plane: which adapters exist, which version of each serves, who
// uses them, and how they come and go. README.md has the states and the
// guarantees.
//
// Thread-safe. What it is given outlives it; every lease and every handle ends
// before it is destroyed. Dependents and those who have callbacks on the way
// may end after Close.
class AdapterManager final : public AdapterPlane {
 public:
  // Restores what the manifest declares; nothing is loaded yet.
  //
  // FAILED_PRECONDITION: the manifest is broken, or cannot be written.
  static absl::StatusOr<std::unique_ptr<AdapterManager>> Create(
      AdapterManagerOptions options, std::unique_ptr<AdapterLoader> loader,
      AdapterUploader* uploader, const Clock* clock,
      SyncPoints* sync = nullptr);
  // Closes it.
  ~AdapterManager() override;

  // Ends every wait with UNAVAILABLE (DRAINING) and the plane's threads with
  // their work: when it returns, every callback has come and no dependent is
  // called any more. Later calls that would wait get the same at once. Called
  // by one thread, not by a callback.
  void Close() ABSL_LOCKS_EXCLUDED(mu_);

  // Makes `adapter` known without reading it: its first request loads it, or
  // now if it is pinned. Overrides what the manifest says of the id: its source
  // and content, and the rest where `adapter` says more than the defaults or
  // names another source. Looks at the files: for start-up.
  //
  // INVALID_ARGUMENT (ADAPTER_ID); ALREADY_EXISTS (ADAPTER_EXISTS): declared
  // with another source, and loaded; RESOURCE_EXHAUSTED (QUOTA); what
  // AdapterLoader::Measure returns.
  absl::Status Register(const DeclaredAdapter& adapter)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Begins to load what the manifest declares as pinned; after Register.
  void LoadPinned() ABSL_LOCKS_EXCLUDED(mu_);

  WaitId Load(LoadAdapterSpec spec, InfoCallback done) override
      ABSL_LOCKS_EXCLUDED(mu_);
  WaitId Validate(std::string source, AdapterLoadOptions options,
                  InfoCallback done) override ABSL_LOCKS_EXCLUDED(mu_);
  WaitId Unload(UnloadAdapterSpec spec, UnloadCallback done) override
      ABSL_LOCKS_EXCLUDED(mu_);
  void CancelWait(WaitId id) override ABSL_LOCKS_EXCLUDED(mu_);
  void Update(const UpdateAdapterSpec& spec, InfoCallback done) override
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<AdapterInfo> Get(const AdapterId& id) const override
      ABSL_LOCKS_EXCLUDED(mu_);
  AdapterTier TierOf(const AdapterId& id) const override
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<AdapterPage> List(const std::string& filter, int32_t page_size,
                                   const std::string& page_token) const override
      ABSL_LOCKS_EXCLUDED(mu_);
  WaitId Watch(WatchCallback callback) override ABSL_LOCKS_EXCLUDED(mu_);
  void Unwatch(WaitId id) override;
  void PublishChange(absl::Span<const AdapterId> ids) override
      ABSL_LOCKS_EXCLUDED(mu_);
  WaitId AcquireLeases(std::vector<AdapterId> ids, LeaseCallback done) override
      ABSL_LOCKS_EXCLUDED(mu_);
  void AddDependent(AdapterDependent* dependent) override
      ABSL_LOCKS_EXCLUDED(mu_);

  AdapterResidency& residency() { return store_; }
  AdapterStats Stats() const ABSL_LOCKS_EXCLUDED(mu_);
  // INTERNAL: an invariant of the plane or of its store does not hold.
  absl::Status CheckIntegrity() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  friend class AdapterLease;
  using VersionPtr = std::shared_ptr<AdapterVersion>;
  using JobPtr = std::shared_ptr<LoadJob>;
  using SavedCallback = absl::AnyInvocable<void() &&>;

  AdapterManager(AdapterManagerOptions options,
                 std::unique_ptr<AdapterLoader> loader,
                 AdapterUploader* uploader, const Clock* clock,
                 SyncPoints* sync);

  // UNAVAILABLE (DRAINING): it is closed.
  absl::Status CheckOpen() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Records: adapter_manager.cc.
  WaitId NextWaitId() { return WaitId(next_wait_id_++); }
  AdapterRecord* Find(const AdapterId& id) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<AdapterRecord*> NewRecord(const AdapterId& id,
                                           AdapterState state)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Declare(const DeclaredAdapter& adapter) ABSL_LOCKS_EXCLUDED(mu_);
  void StartIfPinned(AdapterRecord& record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<AdapterInfo> UpdateNow(const UpdateAdapterSpec& spec)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Apply(AdapterRecord& record, const UpdateAdapterSpec& spec)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status SetPinned(AdapterRecord& record, bool pinned)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Pin(const AdapterRecord& record, const AdapterKey& key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void SyncStore(AdapterRecord& record, const AdapterVersion& version)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status CheckRecord(const AdapterRecord& record) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  AdapterInfo MakeInfo(const AdapterRecord& record) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void PublishUpdate(const AdapterRecord& record)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Transit(AdapterRecord& record, AdapterState to)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Calls `saved` on a thread of the plane when what is declared now has been
  // written. Many calls at a time cost one write.
  void SaveManifest(SavedCallback saved) ABSL_LOCKS_EXCLUDED(mu_);
  void WriteManifests() ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<DeclaredAdapter> Declared() const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Leases and waits: adapter_manager_lease.cc.
  void EndLease(VersionPtr version) ABSL_LOCKS_EXCLUDED(mu_);
  void TryLease(WaitId id, LeaseWait wait, Deferred& deferred)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status CheckLeasable(const std::vector<AdapterId>& ids) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void FailWait(WaitId id, const absl::Status& status, Deferred& deferred)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void LeaveJob(LoadJob& job, WaitId id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // How loads begin: adapter_manager_load.cc.
  absl::Status JoinOrQueue(WaitId id, LoadAdapterSpec spec, InfoCallback& done)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  JobPtr StartDemandJob(AdapterRecord& record)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void StartJob(AdapterRecord& record, const JobPtr& job)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnProgress(LoadJob& job, double progress) ABSL_LOCKS_EXCLUDED(mu_);
  void OnRead(const JobPtr& job, absl::StatusOr<HostHandle> host)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status ReadError(const AdapterRecord& record, const LoadJob& job,
                         const absl::Status& error) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status CheckContent(const AdapterRecord& record, const LoadJob& job,
                            const HostAdapter& host) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status MakeCandidate(AdapterRecord& record, LoadJob& job,
                             const HostAdapter& host)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void KeepForUsers(const AdapterRecord& record)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnPromoted(const JobPtr& job, absl::Status status)
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<AdapterInfo> Describe(const HostAdapter& host,
                                       const std::string& source) const;
  void OnValidated(WaitId id, const std::string& source,
                   absl::StatusOr<HostHandle> host) ABSL_LOCKS_EXCLUDED(mu_);

  // How loads end: adapter_manager_settle.cc.
  void Serve(AdapterRecord& record, LoadJob& job)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Discard(AdapterRecord& record, const VersionPtr& version)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EndJob(const JobPtr& job, const absl::Status& status)
      ABSL_LOCKS_EXCLUDED(mu_);
  void FinishJob(const JobPtr& job, const absl::Status& status)
      ABSL_LOCKS_EXCLUDED(mu_);
  void SettleFailure(AdapterRecord& record, const LoadJob& job,
                     const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void SettleWaits(LoadJob& job, const absl::Status& status, Deferred& deferred)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void StartNextJob(AdapterRecord& record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CancelJob(LoadJob& job, const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Unloads: adapter_manager_unload.cc.
  absl::Status CheckUnloadable(const AdapterId& id) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CancelJobs(AdapterRecord& record, Deferred& deferred)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnDrainTimeout(const AdapterId& id, const std::shared_ptr<Drain>& drain)
      ABSL_LOCKS_EXCLUDED(mu_);
  void CancelUsers(const AdapterId& id, const std::shared_ptr<Drain>& drain)
      ABSL_LOCKS_EXCLUDED(mu_);
  void MaybeFinishDrain(AdapterRecord& record)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void FinishDrain(const AdapterId& id) ABSL_LOCKS_EXCLUDED(mu_);
  void OnDrained(const AdapterId& id) ABSL_LOCKS_EXCLUDED(mu_);
  void OnFreed(const std::shared_ptr<Drain>& drain,
               const AdapterStore::Freed& freed, int64_t merged_bytes)
      ABSL_LOCKS_EXCLUDED(mu_);
  int64_t ReleaseCopies(const AdapterKey& key) ABSL_LOCKS_EXCLUDED(mu_);

  const AdapterManagerOptions options_;
  const std::unique_ptr<AdapterLoader> loader_;
  const Clock* const clock_;
  SyncPoints* const sync_;
  AdapterManifest manifest_;
  WatchHub watch_hub_;
  std::atomic<uint64_t> next_wait_id_{1};

  mutable Mutex mu_;
  std::map<AdapterId, std::unique_ptr<AdapterRecord>> records_
      ABSL_GUARDED_BY(mu_);
  std::map<WaitId, Wait> waits_ ABSL_GUARDED_BY(mu_);
  std::vector<AdapterDependent*> dependents_ ABSL_GUARDED_BY(mu_);
  // Who waits for the manifest; WriteManifests runs or is about to.
  std::vector<SavedCallback> after_save_ ABSL_GUARDED_BY(mu_);
  bool saving_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t manifest_sequence_ ABSL_GUARDED_BY(mu_) = 0;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;

  AdapterStore store_;  // Last: its threads use the rest.
};

}  // namespace lora

#endif  // LORA_SERVER_ADAPTER_ADAPTER_MANAGER_H_
