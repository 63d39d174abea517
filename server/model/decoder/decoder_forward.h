// SPDX-License-Identifier: Apache-2.0
#ifndef LORA_SERVER_MODEL_DECODER_DECODER_FORWARD_H_
#define LORA_SERVER_MODEL_DECODER_DECODER_FORWARD_H_

#include <ATen/core/Tensor.h>

#include "server/kernels/kernel_context.h"
#include "server/kernels/paged_attention.h"
#include "server/model/decoder/decoder_config.h"
#include "server/model/decoder/decoder_weights.h"
#include "server/model/decoder/rope.h"
#include "server/model/decoder/step_inputs.h"
#include "server/model/decoder/workspace.h"
#include "server/model/kv_cache.h"

namespace lora {

// The forward pass of a decoder over one step's rows:
//
//   x += o_proj(attention(norm(x)));  x += down(silu(gate(norm(x))) * up(..))
//
// for each layer, then the final norm and the head on the rows that ask for
// logits. Vaswani et al. 2017, arXiv:1706.03762, as Touvron et al. 2023,
// arXiv:2302.13971 arrange it.
//
// Not thread-safe: engine thread only. `config` and `weights` must outlive it.
class DecoderForward {
 public:
  DecoderForward(const DecoderConfig& config, const DecoderWeights& weights,
                 const WeightFormat& format);

  // Writes the keys and values of the step's rows to `cache`; returns the
  // logits of `inputs.logit_rows`, float32 [logit_rows, vocab] on the CPU,
  // valid until the next call. `inputs` must have passed CheckStepInputs.
  // Throws what Torch throws.
  at::Tensor Run(KernelContext& context, const StepInputs& inputs,
                 KvCache& cache);

 private:
  using Activations = Workspace::Activations;

  void ComputeAngles(const StepInputs& inputs, Activations& step);
  // branch = o_proj(attention(normed))
  void Attend(KernelContext& context, const StepInputs& inputs, int64_t layer,
              KvCache& cache);
  // branch = down(silu(gate(normed)) * up(normed))
  void FeedForward(KernelContext& context, const StepInputs& inputs,
                   int64_t layer);
  at::Tensor Logits(KernelContext& context, const StepInputs& inputs);

  const DecoderConfig& config_;
  const DecoderWeights& weights_;
  at::Device device_;
  Rope rope_;
  Workspace workspace_;
  Activations* step_ = nullptr;  // Of the Run in progress.
  at::Tensor cos_, sin_;         // On the device.
  std::vector<AttentionRows> attention_rows_;
};

}  // namespace lora

#endif  // LORA_SERVER_MODEL_DECODER_DECODER_FORWARD_H_
