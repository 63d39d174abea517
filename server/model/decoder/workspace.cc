// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/workspace.h"

#include <ATen/ops/empty.h>

#include <algorithm>

namespace lora {
namespace {

at::Tensor FirstRows(const at::Tensor& buffer, int64_t rows) {
  return buffer.narrow(0, 0, rows);
}

bool HasRows(const at::Tensor& tensor, int64_t rows) {
  return tensor.defined() && tensor.size(0) == rows;
}

}  // namespace

Workspace::Workspace(const DecoderConfig& config, const WeightFormat& format)
    : hidden_(config.hidden_size),
      q_width_(config.num_heads * config.head_dim),
      kv_width_(config.num_kv_heads * config.head_dim),
      intermediate_(config.intermediate_size),
      angles_(config.head_dim / 2),
      vocab_(config.vocab_size),
      format_(format) {}

Workspace::Activations Workspace::AllocateActivations(int64_t rows) const {
  const auto options = at::dtype(format_.dtype).device(format_.device);
  return {.residual = at::empty({rows, hidden_}, options),
          .normed = at::empty({rows, hidden_}, options),
          .branch = at::empty({rows, hidden_}, options),
          .q = at::empty({rows, q_width_}, options),
          .k = at::empty({rows, kv_width_}, options),
          .v = at::empty({rows, kv_width_}, options),
          .attention = at::empty({rows, q_width_}, options),
          .gate = at::empty({rows, intermediate_}, options),
          .up = at::empty({rows, intermediate_}, options),
          .gated = at::empty({rows, intermediate_}, options),
          .cos = at::empty({rows, angles_}, at::dtype(at::kFloat)),
          .sin = at::empty({rows, angles_}, at::dtype(at::kFloat))};
}

Workspace::Head Workspace::AllocateHead(int64_t rows) const {
  const auto options = at::dtype(format_.dtype).device(format_.device);
  return {.residual = at::empty({rows, hidden_}, options),
          .branch = at::empty({rows, hidden_}, options),
          .normed = at::empty({rows, hidden_}, options),
          .logits = at::empty({rows, vocab_}, options.dtype(at::kFloat))};
}

Workspace::Activations& Workspace::ForRows(int64_t rows) {
  if (HasRows(step_.residual, rows)) return step_;
  if (rows > capacity_rows_) {
    activations_ = AllocateActivations(rows);
    capacity_rows_ = rows;
  }
  const Activations& all = activations_;
  step_ = {.residual = FirstRows(all.residual, rows),
           .normed = FirstRows(all.normed, rows),
           .branch = FirstRows(all.branch, rows),
           .q = FirstRows(all.q, rows),
           .k = FirstRows(all.k, rows),
           .v = FirstRows(all.v, rows),
           .attention = FirstRows(all.attention, rows),
           .gate = FirstRows(all.gate, rows),
           .up = FirstRows(all.up, rows),
           .gated = FirstRows(all.gated, rows),
           .cos = FirstRows(all.cos, rows),
           .sin = FirstRows(all.sin, rows)};
  return step_;
}

Workspace::Head& Workspace::ForLogitRows(int64_t rows) {
  if (HasRows(step_head_.residual, rows)) return step_head_;
  if (rows > capacity_logit_rows_) {
    head_ = AllocateHead(rows);
    capacity_logit_rows_ = rows;
  }
  step_head_ = {.residual = FirstRows(head_.residual, rows),
                .branch = FirstRows(head_.branch, rows),
                .normed = FirstRows(head_.normed, rows),
                .logits = FirstRows(head_.logits, rows)};
  return step_head_;
}

}  // namespace lora
