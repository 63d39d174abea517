// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ENGINE_MERGE_WORKER_IMPL_H_
#define LORA_SERVER_ENGINE_MERGE_WORKER_IMPL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "server/adapter/adapter_lease.h"
#include "server/adapter/adapter_plane.h"
#include "server/adapter/adapter_residency.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/base/reclaimer.h"
#include "server/base/task_pool.h"
#include "server/engine/engine_metrics.h"
#include "server/engine/merge_worker.h"
#include "server/lora/merge_policy.h"
#include "server/lora/merged_weight_cache.h"
#include "server/model/decoder/decoder_model.h"

namespace lora {

// Merges over a MergedWeightCache: brings the adapters in, then builds on one
// thread of its own, so that builds never compete with each other.
//
// A merge that waits is in a table; whoever takes it out answers it, so that
// each is answered once, whatever races. Callbacks of the parts that come later
// find nothing and touch only the table.
//
// Thread-safe.
class MergeWorkerImpl final : public MergeWorker {
 public:
  struct Options {
    int64_t capacity_bytes = 0;
    bool auto_path = true;  // False: AUTO is always unmerged.
  };
  struct Parts {
    const DecoderModel* model = nullptr;
    AdapterPlane* adapters = nullptr;
    AdapterResidency* residency = nullptr;
    Reclaimer* reclaimer = nullptr;
    EngineMetrics* metrics = nullptr;
    const Clock* clock = nullptr;
  };

  // Everything in `parts` must outlive the worker, and `adapters` and
  // `residency` must have ended their callbacks before it is destroyed: see
  // AdapterManager::Close.
  MergeWorkerImpl(Options options, Parts parts);
  // Stops it.
  ~MergeWorkerImpl() override;

  // Ends every merge with UNAVAILABLE (DRAINING), waits for the one that is
  // being built, and ends the thread: when it returns, every callback has come.
  // Later merges are answered so at once. Called by one thread, not by a
  // callback.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  ExecutionPath Choose(const RouteQuestion& question) override;
  std::unique_ptr<MergedPin> TryPin(
      absl::Span<const WeightedKey> adapters) override;
  void Build(std::vector<WeightedKey> adapters,
             absl::AnyInvocable<void(absl::Status) &&> done) override;
  bool WaitsForRoom(absl::Span<const WeightedKey> adapters) const override
      ABSL_LOCKS_EXCLUDED(mu_);

  MergeId Merge(std::vector<WeightedAdapterId> components, bool pinned,
                MergeCallback done) override ABSL_LOCKS_EXCLUDED(mu_);
  void CancelMerge(MergeId id) override ABSL_LOCKS_EXCLUDED(mu_);
  int64_t CancelUsers(const AdapterKey& key) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<int64_t> Unmerge(
      const std::string& merged_id,
      absl::Span<const WeightedAdapterId> components) override;
  std::vector<MergedAdapterInfo> List() const override;
  MemoryUse memory() const override;
  int64_t ReleaseCopies(const AdapterKey& key) override;

 private:
  // One merge on its way: adapters leased → resident → pinned → built.
  struct Job {
    MergeId id;
    std::vector<WeightedKey> adapters;  // Set once they are leased.
    bool pinned = false;
    bool awaits_room = false;  // Guarded by mu_.
    // Of whoever takes the job out of the table.
    std::optional<WaitId> lease_wait;
    std::vector<AdapterLease> leases;
    MergeCallback done;
  };
  using JobPtr = std::shared_ptr<Job>;

  // Puts a job into the table. Null: the worker has stopped, and `done` has
  // heard it.
  JobPtr Add(bool pinned, MergeCallback done) ABSL_LOCKS_EXCLUDED(mu_);
  // Takes a job out of the table. Null: somebody else did.
  JobPtr Take(MergeId id) ABSL_LOCKS_EXCLUDED(mu_);
  // Takes the job out, if it is there, and answers it.
  void Finish(MergeId id, absl::StatusOr<MergedCopy> copy)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Answers a job that was taken out before it was done.
  void Abandon(Job& job, const absl::Status& status);

  void OnLeased(MergeId id, absl::Span<const WeightedAdapterId> components,
                absl::StatusOr<std::vector<AdapterLease>> leases)
      ABSL_LOCKS_EXCLUDED(mu_);
  void FetchAdapters(const JobPtr& job);
  // Runs the job on the thread, unless it was taken out.
  void Post(const JobPtr& job) ABSL_LOCKS_EXCLUDED(mu_);
  void RunJob(const JobPtr& job) ABSL_LOCKS_EXCLUDED(mu_);
  // Runs the job again when copies in use may have left room for its own.
  void AwaitRoom(const JobPtr& job, absl::Span<const AdapterHandle> handles)
      ABSL_LOCKS_EXCLUDED(mu_);

  absl::StatusOr<int64_t> UnmergeNow(
      const std::string& merged_id,
      absl::Span<const WeightedAdapterId> components);
  // Runs `change`, which may add and drop copies, and tells the log, the
  // metrics and the adapters' watchers which ones have come and gone, and by
  // `cause`.
  enum class Cause : uint8_t { kBuild, kUnmerge };
  void Change(Cause cause, absl::FunctionRef<void()> change)
      ABSL_LOCKS_EXCLUDED(told_mu_);
  // Tells what differs from `told_`; returns the ids of the adapters concerned.
  std::vector<AdapterId> TellChanges(Cause cause)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(told_mu_);

  const Options options_;
  const Parts parts_;
  const MachineModel machine_;
  // Above the cache, which waits for its callbacks to the end.
  mutable Mutex mu_;
  std::map<MergeId, JobPtr> jobs_ ABSL_GUARDED_BY(mu_);
  uint64_t next_id_ ABSL_GUARDED_BY(mu_) = 1;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  Mutex told_mu_;
  std::map<std::string, MergedCopy> told_ ABSL_GUARDED_BY(told_mu_);  // By id.
  MergedWeightCache cache_;
  TaskPool thread_{1};  // Last: its tasks use the rest.
};

}  // namespace lora

#endif  // LORA_SERVER_ENGINE_MERGE_WORKER_IMPL_H_
