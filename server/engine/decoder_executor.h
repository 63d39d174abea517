// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_ENGINE_DECODER_EXECUTOR_H_
#define LORA_SERVER_ENGINE_DECODER_EXECUTOR_H_

#include <ATen/core/Tensor.h>

#include "absl/status/statusor.h"
#include "server/engine/step_executor.h"
#include "server/kernels/kernel_context.h"
#include "server/model/decoder/decoder_model.h"
#include "server/model/decoder/step_inputs.h"
#include "server/model/kv_cache.h"

namespace lora {

// BatchPlan → tensors: the rows, blocks and adapters of a step. What the plan's
// sequences have pinned must stay pinned while the inputs are used.
StepInputs BuildStepInputs(const BatchPlan& plan);

// Runs steps on a decoder. Not thread-safe: engine thread only.
class DecoderExecutor final : public StepExecutor {
 public:
  // `model` must outlive the executor.
  DecoderExecutor(DecoderModel* model, KvCache cache, int num_threads)
      : model_(model), cache_(std::move(cache)), context_(num_threads) {}

  absl::StatusOr<StepLogits> Execute(const BatchPlan& plan) override;

 private:
  DecoderModel* const model_;
  KvCache cache_;
  KernelContext context_;
  at::Tensor logits_;  // Keeps the last step's logits alive.
};

}  // namespace lora

#endif  // LORA_SERVER_ENGINE_DECODER_EXECUTOR_H_
