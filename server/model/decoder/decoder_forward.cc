// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/decoder_forward.h"

#include <ATen/ops/empty.h>

#include <array>
#include <cmath>
#include <vector>

#include "absl/types/span.h"
#include "server/kernels/elementwise.h"
#include "server/lora/lora_linear.h"

namespace lora {
namespace {

AttentionShape LayerShape(const DecoderConfig& config, int64_t layer,
                          int64_t block_size) {
  return {.num_heads = config.num_heads,
          .num_kv_heads = config.num_kv_heads,
          .head_dim = config.head_dim,
          .block_size = block_size,
          .scale = 1.0f / std::sqrt(static_cast<float>(config.head_dim)),
          .window = config.layer_windows[layer]};
}

// Normalises each head of x [rows, heads * head_dim] in place.
void NormHeads(KernelContext& context, const at::Tensor& weight, double eps,
               at::Tensor& x) {
  at::Tensor heads = x.view({-1, weight.size(0)});
  RmsNorm(context, heads, {weight, eps}, heads);
}

void Project(KernelContext& context, const at::Tensor& x,
             const LoraLinear& linear, const StepAdapters& adapters,
             at::Tensor& y) {
  const std::array<const LoraLinear*, 1> linears = {&linear};
  ForwardGroup(context, x, linears, adapters, absl::MakeSpan(&y, 1));
}

}  // namespace

DecoderForward::DecoderForward(const DecoderConfig& config,
                               const DecoderWeights& weights,
                               const WeightFormat& format)
    : config_(config),
      weights_(weights),
      device_(format.device),
      rope_(config.rope, config.head_dim),
      workspace_(config, format) {}

at::Tensor DecoderForward::Run(KernelContext& context, const StepInputs& inputs,
                               KvCache& cache) {
  step_ = &workspace_.ForRows(static_cast<int64_t>(inputs.token_ids.size()));
  ComputeAngles(inputs, *step_);
  attention_rows_.clear();
  for (const SequenceRows& rows : inputs.sequences) {
    attention_rows_.push_back({.row_begin = rows.row_begin,
                               .row_end = rows.row_end,
                               .position_begin = rows.position_begin,
                               .block_table = rows.block_table});
    if (device_.is_cpu()) continue;
    attention_rows_.back().block_index = BlockIndex(rows.block_table, device_);
  }
  GatherRows(context, weights_.embedding, inputs.token_ids, step_->residual);
  RmsNorm(context, step_->residual,
          {weights_.layers.front().input_norm, config_.rms_norm_eps},
          step_->normed);
  for (int64_t layer = 0; layer < config_.num_layers; ++layer) {
    if (layer > 0) {
      AddRmsNorm(context, step_->residual, step_->branch,
                 {weights_.layers[layer].input_norm, config_.rms_norm_eps},
                 step_->normed);
    }
    Attend(context, inputs, layer, cache);
    AddRmsNorm(
        context, step_->residual, step_->branch,
        {weights_.layers[layer].post_attention_norm, config_.rms_norm_eps},
        step_->normed);
    FeedForward(context, inputs, layer);
  }
  return Logits(context, inputs);
}

void DecoderForward::ComputeAngles(const StepInputs& inputs,
                                   Activations& step) {
  const int64_t width = config_.head_dim / 2;
  float* cos = step.cos.mutable_data_ptr<float>();
  float* sin = step.sin.mutable_data_ptr<float>();
  for (const SequenceRows& rows : inputs.sequences) {
    for (int32_t row = rows.row_begin; row < rows.row_end; ++row) {
      rope_.Fill(rows.position_begin + row - rows.row_begin, rows.prompt_length,
                 absl::MakeSpan(cos + row * width, width),
                 absl::MakeSpan(sin + row * width, width));
    }
  }
  cos_ = step.cos.to(device_);
  sin_ = step.sin.to(device_);
}

void DecoderForward::Attend(KernelContext& context, const StepInputs& inputs,
                            int64_t layer, KvCache& cache) {
  const DecoderLayer& weights = weights_.layers[layer];
  const std::array<const LoraLinear*, 3> linears = {&weights.q, &weights.k,
                                                    &weights.v};
  std::array<at::Tensor, 3> outputs = {step_->q, step_->k, step_->v};
  ForwardGroup(context, step_->normed, linears, inputs.adapters,
               absl::MakeSpan(outputs));
  if (config_.qk_norm) {
    NormHeads(context, weights.q_norm, config_.rms_norm_eps, step_->q);
    NormHeads(context, weights.k_norm, config_.rms_norm_eps, step_->k);
  }
  ApplyRope(context, cos_, sin_, config_.head_dim, step_->q);
  ApplyRope(context, cos_, sin_, config_.head_dim, step_->k);
  const AttentionBatch batch = {
      .rows = attention_rows_,
      .shape = LayerShape(config_, layer, cache.shape().block_size),
      .k_cache = cache.keys(layer),
      .v_cache = cache.values(layer)};
  WriteKvCache(context, step_->k, step_->v, batch);
  PagedAttention(context, step_->q, batch, step_->attention);
  Project(context, step_->attention, weights.o, inputs.adapters, step_->branch);
}

void DecoderForward::FeedForward(KernelContext& context,
                                 const StepInputs& inputs, int64_t layer) {
  const DecoderLayer& weights = weights_.layers[layer];
  const std::array<const LoraLinear*, 2> linears = {&weights.gate, &weights.up};
  std::array<at::Tensor, 2> outputs = {step_->gate, step_->up};
  ForwardGroup(context, step_->normed, linears, inputs.adapters,
               absl::MakeSpan(outputs));
  SiluMul(context, step_->gate, step_->up, step_->gated);
  Project(context, step_->gated, weights.down, inputs.adapters, step_->branch);
}

at::Tensor DecoderForward::Logits(KernelContext& context,
                                  const StepInputs& inputs) {
  const int64_t rows = static_cast<int64_t>(inputs.logit_rows.size());
  if (rows == 0) return at::empty({0, config_.vocab_size}, at::kFloat);
  Workspace::Head& head = workspace_.ForLogitRows(rows);
  GatherRows(context, step_->residual, inputs.logit_rows, head.residual);
  GatherRows(context, step_->branch, inputs.logit_rows, head.branch);
  AddRmsNorm(context, head.residual, head.branch,
             {weights_.final_norm, config_.rms_norm_eps}, head.normed);
  Project(context, head.normed, weights_.head,
          SelectRows(inputs.adapters, inputs.logit_rows), head.logits);
  return head.logits.cpu();
}

}  // namespace lora
