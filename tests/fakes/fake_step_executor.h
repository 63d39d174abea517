// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_TESTS_FAKES_FAKE_STEP_EXECUTOR_H_
#define LORA_TESTS_FAKES_FAKE_STEP_EXECUTOR_H_

#include <cmath>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/ids.h"
#include "server/base/mutex.h"
#include "server/engine/step_executor.h"

namespace lora {

// Executes steps when a test says so: between AwaitStep and EndStep the step
// loop stands still with a plan that is not committed. Thread-safe.
class FakeStepExecutor final : public StepExecutor {
 public:
  // Rows of each sequence in a step.
  using Rows = std::map<SequenceId, int32_t>;

  explicit FakeStepExecutor(int64_t vocab_size) : vocab_size_(vocab_size) {}

  absl::StatusOr<StepLogits> Execute(const BatchPlan& plan) override
      ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    rows_.clear();
    logits_.clear();
    for (const BatchPlan::Item& item : plan.items) {
      const SequenceId id = item.sequence->id();
      rows_[id] = item.num_rows();
      if (item.samples()) AddLogits(id);
    }
    in_step_ = true;
    changed_.NotifyAll();
    while (in_step_ && !runs_freely_) changed_.Wait(mu_);
    in_step_ = false;
    absl::Status status = std::exchange(status_, absl::OkStatus());
    if (!status.ok()) return status;
    return StepLogits{.values = logits_, .vocab_size = vocab_size_};
  }

  // Waits until a step has begun; returns what it computes.
  Rows AwaitStep() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    while (!in_step_) changed_.Wait(mu_);
    return rows_;
  }
  // Ends the step that AwaitStep returned.
  void EndStep(absl::Status status = absl::OkStatus())
      ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    status_ = std::move(status);
    in_step_ = false;
    changed_.NotifyAll();
  }
  // Ends this step and all later ones by themselves.
  void RunFreely() ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    runs_freely_ = true;
    changed_.NotifyAll();
  }

  // What is sampled from now on; a sequence without a logit gets NaN alone.
  void set_token(int32_t token) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    token_ = token;
  }
  void BreakLogitsOf(SequenceId id) ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    broken_.insert(id);
  }

 private:
  void AddLogits(SequenceId id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const size_t begin = logits_.size();
    const bool broken = broken_.contains(id);
    logits_.resize(begin + vocab_size_, broken ? std::nanf("") : 0.0f);
    if (!broken) logits_[begin + token_] = 1.0f;
  }

  const int64_t vocab_size_;
  Mutex mu_;
  CondVar changed_;
  bool in_step_ ABSL_GUARDED_BY(mu_) = false;
  bool runs_freely_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
  int32_t token_ ABSL_GUARDED_BY(mu_) = 0;
  std::set<SequenceId> broken_ ABSL_GUARDED_BY(mu_);
  Rows rows_ ABSL_GUARDED_BY(mu_);
  std::vector<float> logits_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lora

#endif  // LORA_TESTS_FAKES_FAKE_STEP_EXECUTOR_H_
