// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ENGINE_ENGINE_IMPL_H_
#define LORA_SERVER_ENGINE_ENGINE_IMPL_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/adapter/adapter_dependent.h"
#include "server/adapter/adapter_plane.h"
#include "server/adapter/adapter_residency.h"
#include "server/adapter/adapter_stats.h"
#include "server/base/clock.h"
#include "server/base/sync_point.h"
#include "server/base/task_pool.h"
#include "server/base/timer_queue.h"
#include "server/engine/engine.h"
#include "server/engine/engine_metrics.h"
#include "server/engine/engine_router.h"
#include "server/engine/merge_worker.h"
#include "server/engine/request_preparer.h"
#include "server/engine/request_table.h"
#include "server/engine/step_executor.h"
#include "server/engine/step_loop.h"
#include "server/scheduler/block_allocator.h"
#include "server/scheduler/scheduler.h"
#include "server/tokenizer/tokenizer.h"

namespace lora {

struct EngineOptions {
  SchedulerOptions scheduler;
  RequestLimits limits;
  int32_t num_kv_blocks = 0;
  int32_t kv_block_size = 0;
  int64_t kv_bytes_per_block = 0;
  int32_t max_queue = 1024;
  int num_workers = 2;  // Threads that tokenise.
  // Tokenize and Detokenize calls that may wait for a worker or have it.
  int max_text_calls = 256;
  // What never changes of Info(): the base model, device, dtype, threads.
  EngineInfo info;
};

// The engine of a language model: one step loop over a scheduler, workers that
// tokenise, and a worker that merges.
//
// A request goes: Submit → worker (check, tokenise) → adapter leases → step
// loop → sink. Thread-safe.
//
// The parts outlive it, but their callbacks do not: before it is destroyed,
// Drain it, stop the merges, and close the adapter plane.
class EngineImpl final : public Engine, public AdapterDependent {
 public:
  struct Parts {
    const Tokenizer* tokenizer = nullptr;
    AdapterPlane* adapters = nullptr;
    AdapterResidency* residency = nullptr;
    std::function<AdapterStats()> adapter_stats;
    StepExecutor* executor = nullptr;
    MergeWorker* merges = nullptr;
    EngineMetrics* metrics = nullptr;
    const Clock* clock = nullptr;
    SyncPoints* sync = nullptr;  // Of tests.
  };

  EngineImpl(EngineOptions options, Parts parts);
  // Ends what still runs with ABORTED.
  ~EngineImpl() override;

  SequenceId NewSequenceId() override { return requests_.Announce(); }
  void Submit(SequenceId id, GenerationRequest request,
              std::shared_ptr<TokenSink> sink) override;
  void Cancel(SequenceId id) override;
  void Tokenize(PromptInput prompt, StillWanted still_wanted,
                absl::AnyInvocable<void(absl::StatusOr<TokenizedPrompt>) &&>
                    done) override;
  void Detokenize(
      std::vector<int32_t> ids, bool skip_special_tokens,
      StillWanted still_wanted,
      absl::AnyInvocable<void(absl::StatusOr<std::string>) &&> done) override;
  MergeId Merge(std::vector<WeightedAdapterId> components, bool pinned,
                absl::AnyInvocable<void(absl::StatusOr<MergedAdapterInfo>) &&>
                    done) override;
  void CancelMerge(MergeId id) override { parts_.merges->CancelMerge(id); }
  absl::StatusOr<int64_t> Unmerge(
      const std::string& merged_id,
      absl::Span<const WeightedAdapterId> components) override;
  std::vector<MergedAdapterInfo> ListMerged() const override;
  EngineInfo Info() const override;
  absl::Status Drain(absl::Time deadline) override;

  // AdapterDependent.
  int64_t CancelUsers(const AdapterKey& key) override;
  int64_t ReleaseCopies(const AdapterKey& key) override;

 private:
  // A submitted request on its way to the step loop.
  struct Pending {
    SequenceId id;
    GenerationRequest request;
    std::shared_ptr<TokenSink> sink;
    absl::Time submit_time;
    PreparedRequest prepared;
    absl::Time lease_begin;
    // Where its adapters were then, in their order.
    std::vector<AdapterTier> tiers_found;
  };

  // Runs a Tokenize or Detokenize on a worker; `work` gets OK or why not to.
  void PostTextCall(StillWanted still_wanted,
                    absl::AnyInvocable<void(absl::Status) &&> work);
  absl::StatusOr<TokenizedPrompt> TokenizeNow(const PromptInput& prompt) const;
  absl::StatusOr<std::string> DetokenizeNow(absl::Span<const int32_t> ids,
                                            SkipSpecial skip) const;
  void Prepare(std::shared_ptr<Pending> pending);
  void OnLeases(const std::shared_ptr<Pending>& pending,
                absl::StatusOr<std::vector<AdapterLease>> leases);
  void Schedule(Pending& pending, std::vector<AdapterLease> leases);
  // Ends a request wherever it is.
  void End(SequenceId id, const absl::Status& status);
  void ScheduleRefresh();

  const EngineOptions options_;
  const Parts parts_;
  RequestTable requests_;
  BlockAllocator allocator_;
  EngineRouter router_;
  StepLoop loop_;
  TimerQueue timers_;
  std::atomic<int> num_text_calls_{0};
  TaskPool workers_;  // Last: its tasks use the rest.
};

}  // namespace lora

#endif  // LORA_SERVER_ENGINE_ENGINE_IMPL_H_
