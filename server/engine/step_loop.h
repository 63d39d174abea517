// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ENGINE_STEP_LOOP_H_
#define LORA_SERVER_ENGINE_STEP_LOOP_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/engine/engine_metrics.h"
#include "server/engine/generation.h"
#include "server/engine/output_state.h"
#include "server/engine/request_table.h"
#include "server/engine/step_executor.h"
#include "server/model/sampler.h"
#include "server/scheduler/block_allocator.h"
#include "server/scheduler/scheduler.h"
#include "server/tokenizer/tokenizer.h"

namespace lora {

// A request that is ready to run.
struct ScheduledRequest {
  SequenceSpec sequence;
  SamplingParams sampling;
  OutputOptions output;
  std::shared_ptr<TokenSink> sink;
  absl::Time submit_time;
  // How long it waited for adapters that were being loaded.
  absl::Duration lease_wait;
  std::vector<UsedAdapter> adapters;  // load_time is filled at admission.
};

// The engine's thread: receives requests and runs steps,
//
//   Plan → Execute → Commit → publish
//
// until it is stopped. Deltas and results are delivered on its thread.
//
// Thread-safe but for the constructor and destructor; nothing here blocks on a
// step in flight.
class StepLoop {
 public:
  struct Parts {
    SchedulerOptions scheduler;
    BlockAllocator* allocator = nullptr;
    PathRouter* router = nullptr;
    StepExecutor* executor = nullptr;
    const Tokenizer* tokenizer = nullptr;
    RequestTable* requests = nullptr;
    EngineMetrics* metrics = nullptr;
    const Clock* clock = nullptr;
  };

  // Everything in `parts` must outlive the loop.
  explicit StepLoop(Parts parts);
  // Stops after the step in flight. Requests must have ended before.
  ~StepLoop();
  StepLoop(const StepLoop&) = delete;
  StepLoop& operator=(const StepLoop&) = delete;

  void Start();

  void Enqueue(ScheduledRequest request) ABSL_LOCKS_EXCLUDED(mu_);
  // Ends a request with `status` after the step in flight; what it held is
  // free when its sink is told. An id that is not here is ignored.
  void End(SequenceId id, absl::Status status) ABSL_LOCKS_EXCLUDED(mu_);
  // Drops cached prefixes that were made with `key`.
  void ForgetAdapter(const AdapterKey& key) ABSL_LOCKS_EXCLUDED(mu_);
  // Something that admission waited for may have changed.
  void Wake() ABSL_LOCKS_EXCLUDED(mu_);

  // As of the last step.
  SchedulerStats stats() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // What others leave for the loop's thread.
  struct Mail {
    std::vector<ScheduledRequest> arrivals;
    std::vector<std::pair<SequenceId, absl::Status>> endings;
    std::vector<AdapterKey> forgotten;
    bool wake = false;
    bool stop = false;

    bool empty() const {
      return arrivals.empty() && endings.empty() && forgotten.empty() &&
             !wake && !stop;
    }
  };
  // A request as the loop's thread sees it.
  struct Active {
    ScheduledRequest request;  // Without its sequence.
    OutputState output;
    std::optional<absl::Time> first_token_time;
    absl::Status failure;  // Of its sampling.
  };

  void Run();
  Mail Receive(bool may_wait) ABSL_LOCKS_EXCLUDED(mu_);
  void UpdateStats() ABSL_LOCKS_EXCLUDED(mu_);
  void HandleMail(Mail mail);
  void Arrive(ScheduledRequest request);
  // Returns whether there was anything to run.
  bool Step();
  std::vector<StepOutcome> SampleAll(const BatchPlan& plan,
                                     const StepLogits& logits);
  StepOutcome SampleOne(const Sequence& sequence,
                        absl::Span<const float> logits);
  void Publish(const BatchPlan& plan);
  void Retire(std::vector<std::unique_ptr<Sequence>> finished);
  void Fail(std::unique_ptr<Sequence> sequence, const absl::Status& status);
  void FailStep(const BatchPlan& plan, const absl::Status& status);
  GenerationResult ResultOf(const Sequence& sequence, Active& active) const;

  const Parts parts_;
  Scheduler scheduler_;  // Loop's thread only, like the next two.
  Sampler sampler_;
  absl::flat_hash_map<SequenceId, Active> active_;

  mutable Mutex mu_;
  CondVar mail_arrived_;
  Mail mail_ ABSL_GUARDED_BY(mu_);
  SchedulerStats stats_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;  // Last: it uses the rest.
};

}  // namespace lora

#endif  // LORA_SERVER_ENGINE_STEP_LOOP_H_
