// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ENGINE_STEP_EXECUTOR_H_
#define LORA_SERVER_ENGINE_STEP_EXECUTOR_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/scheduler/batch_plan.h"

namespace lora {

// The logits of a step: one row for each item that samples, in plan order.
// Valid until the next step.
struct StepLogits {
  absl::Span<const float> values;  // [num_rows, vocab_size]
  int64_t vocab_size = 0;

  absl::Span<const float> row(int64_t index) const {
    return values.subspan(index * vocab_size, vocab_size);
  }
};

// What a step runs on: the forward pass of the base model. DecoderExecutor
// implements it; tests fake it. Not thread-safe: engine thread only.
class StepExecutor {
 public:
  virtual ~StepExecutor() = default;

  // Computes every row of `plan` and writes its keys and values.
  //
  // Any error: nothing of the step counts; its sequences fail with it.
  virtual absl::StatusOr<StepLogits> Execute(const BatchPlan& plan) = 0;
};

}  // namespace lora

#endif  // LORA_SERVER_ENGINE_STEP_EXECUTOR_H_
