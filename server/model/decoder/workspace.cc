// SPDX-License-Identifier: Apache-2.0
#include "server/model/decoder/workspace.h"

#include <ATen/ops/empty.h>
#include <c10/core/ScalarType.h>

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

int64_t Workspace::Bytes(const DecoderConfig& config,
                         const WeightFormat& format, int64_t rows,
                         int64_t logit_rows) {
  const Workspace of(config, format);
  const auto item = static_cast<int64_t>(c10::elementSize(format.dtype));
  constexpr auto kFloatBytes = static_cast<int64_t>(sizeof(float));
  const int64_t row_items = 3 * of.hidden_ + 2 * of.q_width_ +
                            2 * of.kv_width_ + 3 * of.intermediate_;
  const int64_t row_bytes = row_items * item + 2 * of.angles_ * kFloatBytes;
  const int64_t logit_row_bytes =
      3 * of.hidden_ * item + of.vocab_ * kFloatBytes;
  return rows * row_bytes + logit_rows * logit_row_bytes;
}

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
    // What is too small goes first, so that the two never stand side by side.
    capacity_rows_ = 0;
    activations_ = step_ = {};
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
    capacity_logit_rows_ = 0;
    head_ = step_head_ = {};
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
