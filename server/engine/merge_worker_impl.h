// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ENGINE_MERGE_WORKER_IMPL_H_
#define LORA_SERVER_ENGINE_MERGE_WORKER_IMPL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/adapter/adapter_residency.h"
#include "server/base/clock.h"
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
// Thread-safe. Callers' callbacks have come before it is destroyed.
class MergeWorkerImpl final : public MergeWorker {
 public:
  struct Options {
    int64_t capacity_bytes = 0;
    bool auto_path = true;  // False: AUTO is always unmerged.
  };
  struct Parts {
    const DecoderModel* model = nullptr;
    AdapterResidency* residency = nullptr;
    Reclaimer* reclaimer = nullptr;
    EngineMetrics* metrics = nullptr;
    const Clock* clock = nullptr;
  };

  // Everything in `parts` must outlive the worker.
  MergeWorkerImpl(Options options, Parts parts);

  ExecutionPath Choose(const RouteQuestion& question) override;
  std::unique_ptr<MergedPin> TryPin(
      absl::Span<const WeightedKey> adapters) override;
  void Build(std::vector<WeightedKey> adapters,
             absl::AnyInvocable<void(absl::Status) &&> done) override;

  void Merge(std::vector<WeightedKey> adapters,
             std::vector<AdapterLease> leases, bool pinned,
             MergeCallback done) override;
  absl::StatusOr<int64_t> Unmerge(
      const std::string& merged_id,
      absl::Span<const WeightedAdapterId> components) override;
  std::vector<MergedAdapterInfo> List() const override;
  MemoryUse memory() const override;
  int64_t ReleaseCopies(const AdapterKey& key) override;

 private:
  // One merge on its way: adapters resident → pinned → built.
  struct Job {
    std::vector<WeightedKey> adapters;
    std::vector<AdapterLease> leases;
    bool pinned = false;
    MergeCallback done;
  };

  void FetchAdapters(std::shared_ptr<Job> job);
  void RunJob(const std::shared_ptr<Job>& job);
  void Finish(Job& job, absl::StatusOr<MergedCopy> copy);

  const Options options_;
  const Parts parts_;
  const MachineModel machine_;
  MergedWeightCache cache_;
  TaskPool thread_{1};  // Last: its tasks use the rest.
};

}  // namespace lora

#endif  // LORA_SERVER_ENGINE_MERGE_WORKER_IMPL_H_
