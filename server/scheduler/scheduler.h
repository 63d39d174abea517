// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_SCHEDULER_SCHEDULER_H_
#define LORA_SERVER_SCHEDULER_SCHEDULER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/adapter/execution_pins.h"
#include "server/scheduler/batch_plan.h"
#include "server/scheduler/block_allocator.h"
#include "server/scheduler/fair_queue.h"
#include "server/scheduler/sequence.h"

namespace lora {

struct SchedulerOptions {
  // Rows of one step; at least max_running, so that every decode fits.
  int32_t max_tokens_per_step = 512;
  // Of these, rows that compute prompts: a bound on how long a step takes.
  int32_t max_prefill_tokens_per_step = 64;
  int32_t max_running = 64;
  // How long a lane may wait for memory that others have pinned before lanes
  // that pin some stop taking on later requests.
  absl::Duration pin_patience = absl::Seconds(2);
  // Hashed into the keys of cached prefixes: base fingerprint and KV dtype.
  std::string model_tag;
};

// A sequence that ended without a result, and why.
struct EndedSequence {
  std::unique_ptr<Sequence> sequence;
  absl::Status status;
};

// What a step did with one item of its plan, in the plan's order.
struct StepOutcome {
  // The token that was sampled; ignored unless the item samples.
  int32_t token_id = 0;
  // The token ends the sequence.
  bool finished = false;
};

struct SchedulerStats {
  int32_t num_running = 0;
  int32_t num_waiting = 0;
  int64_t num_preemptions = 0;
  int32_t num_blocks = 0;
  int32_t num_blocks_in_use = 0;
  int64_t prompt_tokens = 0;  // Of admitted requests.
  int64_t cached_tokens = 0;  // Of these, found in the prefix cache.
};

// Decides what runs in each step: Plan → (the step executes) → Commit.
//
// Arithmetic over sequences and block ids; no tensors and no I/O. Guarantees:
// every running sequence that decodes is in every plan; a sequence in a plan
// keeps its blocks and pins until Commit; prompts are computed and admitted
// from the lane with the least service first; who has to give up a place or
// blocks is the youngest sequence of the lane with the most running; a lane of
// which nothing runs takes a place as soon as its weights are there; a
// preempted sequence is resumed before later ones of its lane and computes the
// same tokens.
//
// Not thread-safe: engine thread only. Between Plan and Commit, only Enqueue
// and the accessors may be called.
class Scheduler {
 public:
  // `allocator` and `router` must outlive the scheduler.
  Scheduler(SchedulerOptions options, BlockAllocator* allocator,
            PathRouter* router);

  void Enqueue(std::unique_ptr<Sequence> sequence);

  // Takes out one sequence; null for an id that is not here.
  std::unique_ptr<Sequence> Remove(SequenceId id);

  // Chooses the next step's work. Sequences that can never run are added to
  // `TakeFailed`. An empty plan stays empty until something changes outside:
  // an arrival, a removal, or weights that are brought in.
  BatchPlan Plan(absl::Time now);
  std::vector<EndedSequence> TakeFailed();

  // Records a step's outcomes, one per item of `plan`, and returns the
  // sequences that finished.
  std::vector<std::unique_ptr<Sequence>> Commit(
      const BatchPlan& plan, absl::Span<const StepOutcome> outcomes);

  SchedulerStats stats() const;
  bool empty() const { return running_.empty() && queue_.empty(); }

  // INTERNAL: an invariant is broken.
  absl::Status CheckIntegrity() const;

 private:
  // What a step has left to give, and whether it still takes on sequences.
  struct Budget {
    int32_t tokens = 0;
    int32_t prefill_tokens = 0;
    // Lanes that may bring weights in before there is room for their sequences.
    int32_t fetches_ahead = 4;
    bool admits = true;

    bool prefill_left() const { return tokens > 0 && prefill_tokens > 0; }
  };
  enum class Admission : uint8_t { kAdmitted, kBlocked, kNoRoom, kFailed };

  void PlanDecodes(BatchPlan& plan, Budget& budget);
  void PlanPrefills(absl::Time now, BatchPlan& plan, Budget& budget);
  std::vector<std::string> PrefillLanes() const;
  bool ContinuePrefill(const std::string& lane, BatchPlan& plan,
                       Budget& budget);
  bool AdmitFrom(const std::string& lane, absl::Time now, BatchPlan& plan,
                 Budget& budget);
  bool AddItem(Sequence& sequence, BatchPlan& plan, Budget& budget);
  Admission TryAdmit(const std::string& lane, absl::Time now, BatchPlan& plan,
                     Budget& budget);
  void Admit(const std::string& lane, ExecutionPins pins, absl::Time now);
  void ResolvePath(Sequence& sequence);
  absl::StatusOr<PinOutcome> TryPin(Sequence& sequence);
  RouteQuestion QuestionOf(const Sequence& sequence) const;
  bool MustYield(const std::string& lane, absl::Time now) const;
  int32_t NumUnclaimedBlocks() const;
  bool HasRoomFor(Sequence& sequence);
  bool MakeRoomFor(Sequence& sequence, BatchPlan& plan);
  std::vector<const Sequence*> VictimsFor(const Sequence& sequence) const;
  bool ReserveOrPreempt(Sequence& sequence, int32_t num_tokens,
                        BatchPlan& plan);
  void Preempt(const Sequence& sequence, BatchPlan& plan);
  bool IsRunning(const Sequence* sequence) const;
  std::unique_ptr<Sequence> RemoveRunning(size_t index);
  int32_t NumRunning(const std::string& lane) const;

  const SchedulerOptions options_;
  BlockAllocator* const allocator_;
  PathRouter* const router_;
  FairQueue queue_;
  std::vector<std::unique_ptr<Sequence>> running_;  // Oldest admission first.
  std::vector<EndedSequence> failed_;
  SchedulerStats stats_;
};

}  // namespace lora

#endif  // LORA_SERVER_SCHEDULER_SCHEDULER_H_
